#!/bin/sh
# Floating IP script: an AWS Elastic IP that is associated with the network interface of the node that serves.
# Needs the AWS CLI, and in the environment of Tandem's service:
#   AWS_ALLOCATION_ID          the Elastic IP, eipalloc-...
#   AWS_NETWORK_INTERFACE_ID   this node's own, eni-...
# The role needs ec2:AssociateAddress, ec2:DisassociateAddress, ec2:DescribeAddresses.
set -eu
if [ -z "${AWS_ALLOCATION_ID:-}" ] || [ -z "${AWS_NETWORK_INTERFACE_ID:-}" ]; then
  echo "AWS_ALLOCATION_ID and AWS_NETWORK_INTERFACE_ID must be set" >&2
  exit 78 # never works before somebody mends it
fi

# Prints the interface that has it and the association, with a tab between; None where there is none.
association() {
  aws ec2 describe-addresses --allocation-ids "$AWS_ALLOCATION_ID" \
    --query 'Addresses[0].[NetworkInterfaceId,AssociationId]' --output text
}

case "${1:-}" in
  add)
    # One call moves it: AWS never has it in two places.
    aws ec2 associate-address --allocation-id "$AWS_ALLOCATION_ID" \
      --network-interface-id "$AWS_NETWORK_INTERFACE_ID" --allow-reassociation >/dev/null
    ;;
  remove)
    found=$(association)
    # Only what is ours: the other node may have it already.
    if [ "$(echo "$found" | cut -f 1)" = "$AWS_NETWORK_INTERFACE_ID" ]; then
      aws ec2 disassociate-address --association-id "$(echo "$found" | cut -f 2)"
    fi
    ;;
  status)
    found=$(association)
    if [ "$(echo "$found" | cut -f 1)" = "$AWS_NETWORK_INTERFACE_ID" ]; then
      echo '{"held": true}'
    else
      echo '{"held": false}'
    fi
    ;;
  *) exit 64 ;;
esac
