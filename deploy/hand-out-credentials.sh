#!/bin/sh
# The one-off step of compose.yaml: a test authority in memory, and into each role's own volume the
# files of that role and no others. The authority's key ends with this container. A volume that has
# credentials keeps them.
#
#   hand-out-credentials.sh ROLE ...     such as party-0 dealer client-2, with /credentials/ROLE
set -eu

owner=1000 # the user of the images
all=$(mktemp -d)
trap 'rm -rf "$all"' EXIT

if [ -e /credentials/dealer/ca.pem ]; then
    echo "credentials are there already"
    exit 0
fi
clients=0
for role in "$@"; do
    case $role in client-*) clients=$((clients + 1)) ;; esac
done
secfpp certs init "$all/made" --parties 2 --clients "$clients" --session compose \
    --hosts party-0:7000 party-1:7001 dealer:7002
for role in "$@"; do
    for file in ca.pem network.json "$role.pem"; do
        install -o "$owner" -g "$owner" -m 0444 "$all/made/$file" "/credentials/$role/$file"
    done
    install -o "$owner" -g "$owner" -m 0400 "$all/made/$role.key" "/credentials/$role/$role.key"
done
echo "credentials of $*"
