#!/bin/sh
# Floating IP script: a route to the address that BIRD announces (BGP, OSPF) while this node serves.
# Give both nodes the address on lo, once, and put the route into a protocol of its own, off at the start:
#   protocol static tandem { disabled; ipv4; route 198.51.100.10/32 via "lo"; }
# In the environment of Tandem's service:
#   BIRD_PROTOCOL   its name; default: tandem
set -eu
protocol="${BIRD_PROTOCOL:-tandem}"

state() {
  shown=$(birdc show protocols "$protocol") # by itself: a pipe would hide the failure of birdc
  echo "$shown" | awk -v name="$protocol" '$1 == name { print $4 }'
}

# birdc ends with 0 whatever it was told: its words decide.
switch() {
  answer=$(birdc "$1" "$protocol")
  case "$answer" in
    *"$protocol: $1d"* | *"$protocol: already $1d"*) ;;
    *)
      echo "birdc $1 $protocol: $answer" >&2
      exit 1
      ;;
  esac
}

case "${1:-}" in
  add) switch enable ;;
  remove) switch disable ;;
  status)
    found=$(state)
    if [ "$found" = up ]; then echo '{"held": true}'; else echo '{"held": false}'; fi
    ;;
  *) exit 64 ;;
esac
