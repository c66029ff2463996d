#!/bin/sh
# Floating IP script: a secondary private address of an AWS subnet that moves between the nodes' network interfaces.
# Give both nodes the address on lo, once (ip address add ADDRESS/32 dev lo): AWS decides where its packets go.
# Needs the AWS CLI, and in the environment of Tandem's service:
#   AWS_NETWORK_INTERFACE_ID   this node's own, eni-...
# The role needs ec2:AssignPrivateIpAddresses, ec2:UnassignPrivateIpAddresses, ec2:DescribeNetworkInterfaces.
set -eu
if [ -z "${AWS_NETWORK_INTERFACE_ID:-}" ]; then
  echo "AWS_NETWORK_INTERFACE_ID must be set" >&2
  exit 78 # never works before somebody mends it
fi

case "${1:-}" in
  add)
    # shellcheck disable=SC2086 # a list
    aws ec2 assign-private-ip-addresses --network-interface-id "$AWS_NETWORK_INTERFACE_ID" \
      --private-ip-addresses $TANDEM_ADDRESSES --allow-reassignment >/dev/null
    ;;
  remove | status)
    mine=$(aws ec2 describe-network-interfaces --network-interface-ids "$AWS_NETWORK_INTERFACE_ID" \
      --query 'NetworkInterfaces[0].PrivateIpAddresses[].PrivateIpAddress' --output text)
    mine=$(echo "$mine" | tr '\t' ' ') # by itself: a pipe would hide the failure of aws
    held=true
    for address in $TANDEM_ADDRESSES; do
      case " $mine " in
        *" $address "*)
          [ "$1" = status ] || aws ec2 unassign-private-ip-addresses \
            --network-interface-id "$AWS_NETWORK_INTERFACE_ID" --private-ip-addresses "$address"
          ;;
        *) held=false ;;
      esac
    done
    [ "$1" = remove ] || echo "{\"held\": $held}"
    ;;
  *) exit 64 ;;
esac
