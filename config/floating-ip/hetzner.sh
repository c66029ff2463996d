#!/bin/sh
# Floating IP script: a Hetzner Cloud floating IP that is assigned to the server that serves.
# Give both nodes the address on lo, once (ip address add ADDRESS/32 dev lo): Hetzner decides where its packets go.
# Needs hcloud, and in the environment of Tandem's service:
#   HCLOUD_TOKEN         of the project
#   HCLOUD_FLOATING_IP   its name or id
#   HCLOUD_SERVER_ID     this node's own, a number
set -eu
if [ -z "${HCLOUD_FLOATING_IP:-}" ] || [ -z "${HCLOUD_SERVER_ID:-}" ]; then
  echo "HCLOUD_FLOATING_IP and HCLOUD_SERVER_ID must be set" >&2
  exit 78 # never works before somebody mends it
fi

server() {
  hcloud floating-ip describe "$HCLOUD_FLOATING_IP" -o 'format={{if .Server}}{{.Server.ID}}{{end}}'
}

case "${1:-}" in
  # One call moves it: it is never assigned to two servers.
  add) hcloud floating-ip assign "$HCLOUD_FLOATING_IP" "$HCLOUD_SERVER_ID" >/dev/null ;;
  remove)
    # Only what is ours: the other node may have it already.
    found=$(server)
    if [ "$found" = "$HCLOUD_SERVER_ID" ]; then hcloud floating-ip unassign "$HCLOUD_FLOATING_IP" >/dev/null; fi
    ;;
  status)
    found=$(server)
    if [ "$found" = "$HCLOUD_SERVER_ID" ]; then echo '{"held": true}'; else echo '{"held": false}'; fi
    ;;
  *) exit 64 ;;
esac
