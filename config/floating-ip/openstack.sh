#!/bin/sh
# Floating IP script: an OpenStack floating IP that is associated with the port of the node that serves.
# Needs the openstack client, and in the environment of Tandem's service, beside OS_CLOUD or the other OS_ variables:
#   OS_FLOATING_IP   its address or id
#   OS_PORT_ID       this node's own port, an id
set -eu
if [ -z "${OS_FLOATING_IP:-}" ] || [ -z "${OS_PORT_ID:-}" ]; then
  echo "OS_FLOATING_IP and OS_PORT_ID must be set" >&2
  exit 78 # never works before somebody mends it
fi

port() {
  openstack floating ip show "$OS_FLOATING_IP" -f value -c port_id
}

case "${1:-}" in
  # One call moves it: Neutron has one port for it.
  add) openstack floating ip set --port "$OS_PORT_ID" "$OS_FLOATING_IP" ;;
  remove)
    # Only what is ours: the other node may have it already.
    found=$(port)
    if [ "$found" = "$OS_PORT_ID" ]; then openstack floating ip unset --port "$OS_FLOATING_IP"; fi
    ;;
  status)
    found=$(port)
    if [ "$found" = "$OS_PORT_ID" ]; then echo '{"held": true}'; else echo '{"held": false}'; fi
    ;;
  *) exit 64 ;;
esac
