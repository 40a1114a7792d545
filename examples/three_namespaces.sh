#!/usr/bin/env bash
# Two parties and the dealer as if on three hosts: each in a network namespace of its own.
#
#     sudo env PATH="$PATH" examples/three_namespaces.sh
#
# A fourth namespace is the switch between them. The server and the data owners run there.
# Needs Linux, root, and the command `ip` of iproute2. Processes and namespaces are removed at the end.
set -euo pipefail

PYTHON=${PYTHON:-python3}
hosts=(party0 party1 dealer)
prefix=secfpp-$$
switch=$prefix-switch

quit() { echo "three_namespaces.sh: $1" >&2; exit 2; }
secfpp() { "$PYTHON" -m secfpp.cli "$@"; }
on() { local host=$1; shift; ip netns exec "$host" "$PYTHON" -m secfpp.cli "$@"; }

command -v ip > /dev/null || quit "the command ip is missing; install iproute2"
[ "$(id -u)" -eq 0 ] || quit "network namespaces need root; start it with sudo"
ip netns add "$switch" || quit "network namespaces cannot be made here"

folder=$(mktemp -d)
clean() {
    for name in "${hosts[@]/#/$prefix-}" "$switch"; do
        ip netns pids "$name" 2> /dev/null | xargs --no-run-if-empty kill
        ip netns delete "$name" 2> /dev/null || true
    done
    wait
    rm -rf "$folder"
}
trap clean EXIT

# The switch is a bridge with an address of its own; a virtual cable leads to each host.
ip -n "$switch" link add br0 type bridge
ip -n "$switch" address add 10.78.0.100/24 dev br0
ip -n "$switch" link set br0 up
for index in "${!hosts[@]}"; do
    here=$prefix-${hosts[index]}
    ip netns add "$here"
    ip -n "$switch" link add "port$index" type veth peer name eth0 netns "$here"
    ip -n "$switch" link set "port$index" master br0 up
    ip -n "$here" address add "10.78.0.$((index + 1))/24" dev eth0
    ip -n "$here" link set eth0 up
    ip -n "$here" link set lo up
    echo "namespace $here has the address 10.78.0.$((index + 1))"
done

# Every role has a certificate of its own. In a deployment, each host gets its own files only.
secfpp certs init "$folder/certs" --parties 2 --clients 12 \
    --hosts 10.78.0.1 10.78.0.2 10.78.0.3 > /dev/null
files=(--network "$folder/certs/network.json" --certs "$folder/certs")

# Both parties allow labels to be opened, which they do not without a policy of their own.
echo '{"reveal": ["own-mean", "assignments"]}' > "$folder/policy.json"
allow=(--once --policy "$folder/policy.json")
on "$prefix-party0" party --rank 0 "${allow[@]}" --ledger "$folder/party-0.jsonl" "${files[@]}" &
on "$prefix-party1" party --rank 1 "${allow[@]}" --ledger "$folder/party-1.jsonl" "${files[@]}" &
on "$prefix-dealer" dealer --once --ledger "$folder/dealer.jsonl" "${files[@]}" &

# Twelve data owners, three rows each, two clusters around (0, 0) and (9, 9).
"$PYTHON" - > "$folder/rows.csv" << 'ROWS'
for row in range(36):
    corner = 9 * (row % 2)
    print(corner + row % 5 / 10, corner + row % 7 / 10, sep=",")
ROWS
on "$switch" cluster --input "$folder/rows.csv" --k 2 --reveal assignments "${files[@]}"
wait
