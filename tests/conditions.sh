#!/bin/sh
# Runs the tests as a build server may: tests/conditions.sh CONDITION pytest [WORDS...]
#   background  in the background of a shell, which ignores SIGINT, and without a terminal
#   busy        with every core kept busy by another program
#   random      in random order; the seed stands at the head of what is printed
#   twice       beside another run of the same tests in the same folder
set -u

others=''
trap '[ -z "$others" ] || kill $others' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

background() {
    (trap '' HUP && exec "$@") </dev/null &
    others=$!
    wait "$others"
    code=$?
    others=''
    return "$code"
}

busy() {
    for _ in $(seq "$(nproc)"); do
        sh -c 'while :; do :; done' &
        others="$others $!"
    done
    "$@"
}

random() {
    "$@" -v --random-order-bucket=global
}

twice() {
    "$@" &
    others=$!
    "$@"
    code=$?
    wait "$others" && others='' && return "$code"
}

"$@"
