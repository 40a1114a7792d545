#!/usr/bin/env bash
# A federation by Flower on this machine: SuperLink, four SuperNodes with their clients, two parties, dealer.
#   bash examples/flower/on_one_machine.sh FOLDER
# Needs openssl, ssh-keygen and pgrep. FOLDER must not exist. Everything ends with the last round.
set -euo pipefail
app=$(cd "$(dirname "$0")" && pwd)
mkdir "$1" && cd "$1"
here=$PWD
export FLWR_TELEMETRY_ENABLED=0 FLWR_DISABLE_UPDATE_CHECK=1 HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1

family() { for child in $(pgrep -P "$1"); do family "$child"; done; echo "$1"; }
started=()
end() {  # what a SuperNode starts outlives it
  local all=() each
  for each in "${started[@]}"; do mapfile -t -O "${#all[@]}" all < <(family "$each"); done
  kill -KILL "${all[@]}" 2>/dev/null || true
}
trap end EXIT
start() {  # start NAME COMMAND...: in the background, with a log
  local name=$1; shift
  "$@" > "$name.log" 2>&1 < /dev/null &
  started+=("$!")
}
until_there() {  # until_there WHAT COMMAND...
  for _ in $(seq 240); do "${@:2}" > /dev/null 2>&1 && return; sleep 0.5; done
  echo "$1 is not there after two minutes; see the logs in $here" >&2; exit 1
}

python "$app/make_images.py" images
secfpp certs init certs --parties 2 --clients 4 --hosts 127.0.0.1:7100 127.0.0.1:7101 127.0.0.1:7102
common=(--network certs/network.json --certs certs)
for rank in 0 1; do
  start "party-$rank" secfpp party --rank $rank "${common[@]}" --policy "$app/policy.json" --ledger "party-$rank.jsonl"
done
start dealer secfpp dealer "${common[@]}" --ledger dealer.jsonl

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=superlink \
  -addext subjectAltName=IP:127.0.0.1 -keyout superlink.key -out superlink.pem 2> /dev/null
mkdir flwr && export FLWR_HOME=$here/flwr
printf '[superlink.here]\naddress = "127.0.0.1:8100"\nroot-certificates = "%s/superlink.pem"\n' "$here" > flwr/config.toml
start superlink flower-superlink --host 127.0.0.1 --port 8100 --ssl-certfile superlink.pem --ssl-keyfile superlink.key \
  --ssl-ca-certfile superlink.pem --enable-supernode-auth --disable-runtime-dependency-installation
until_there "the SuperLink" flwr supernode ls here

for i in 0 1 2 3; do
  start "client-$i" secfpp client --role "client:$i" --data "images/$i" --config "$app/federation.json" \
    "${common[@]}" --policy "$app/policy.json" --out "out-$i" --listen "run-$i/socket" --share-metrics
  ssh-keygen -q -t ecdsa -b 384 -N "" -f "node-$i"
  flwr supernode register "node-$i.pub" here
done
for i in 0 1 2 3; do
  until_there "client:$i" test -S "run-$i/socket"
  start "node-$i" env FLWR_HOME="$here/flwr-$i" flower-supernode --superlink 127.0.0.1:8100 --root-certificates superlink.pem \
    --auth-supernode-private-key "node-$i" --port "811$i" --node-config "socket=\"$here/run-$i/socket\""
done
flwr run "$app" here --stream -c "config=\"$app/federation.json\" network=\"$here/certs/network.json\" certs=\"$here/certs\" out=\"$here/server\" clients=4"
test "$(wc -l < server/rounds.jsonl)" = 3
tail -n 1 out-*/metrics.jsonl
secfpp ledger verify party-0.jsonl party-1.jsonl dealer.jsonl server/ledger.jsonl out-*/ledger.jsonl
