#!/usr/bin/env bash
# Does what the README's section "Services one by one" says, as three machines would: the blocks of
# commands are taken from the README itself. Then one institution deposits and pays the other.
#
#   examples/two-machines.sh
#
# Each machine has its own directory and HOME. They share the deployment file, and the addresses of
# L1 and of the sequencer, which listen on a loopback address of their own (Linux has 127.0.0.0/8;
# elsewhere set `operator=127.0.0.1`). Needs bash, curl, python3, and what the README needs.
#
# SUBROSA_BIN    directory of a built binary: the README's first block is then left out
# SUBROSA_KEYS   key directory of the operator; its keys are made if there are none
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
operator=${operator:-127.$((RANDOM % 200 + 10)).$((RANDOM % 250 + 2)).$((RANDOM % 250 + 2))}
work=$(mktemp -d)
started=$SECONDS

# Ends every process that was started, and shows the logs if something failed.
finish() {
    status=$?
    trap - EXIT INT TERM
    for group in "$work"/*/group; do
        [ ! -s "$group" ] || kill -TERM -- "-$(cat "$group")" 2>/dev/null || true
    done
    if [ "$status" -ne 0 ]; then
        for log in "$work"/*/log; do
            [ ! -e "$log" ] || { echo "-- $log" >&2; tail -n 40 "$log" >&2; }
        done
    fi
    wait 2>/dev/null || true
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT INT TERM

say() { printf '== %4d s  %s\n' "$((SECONDS - started))" "$*" >&2; }

# block NUMBER: a block of shell commands of the section, counted from 1.
block() {
    python3 - "$root/README.md" "$1" <<'PYTHON'
import re, sys
text = open(sys.argv[1], encoding="utf-8").read()
section = text.split("### Services one by one\n", 1)[1].split("\n## ", 1)[0]
blocks = re.findall(r"^```sh\n(.*?)^```$", section, re.S | re.M)
assert len(blocks) == 3, f"the section has {len(blocks)} blocks of commands, not 3"
print(blocks[int(sys.argv[2]) - 1], end="")
PYTHON
}

# free_port: a port of 127.0.0.1 that nobody uses.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# machine NAME BLOCK [VARIABLE=VALUE…]: runs a block in a directory of its own, in a process group of
# its own, and waits until its commands are through. Its services go on running.
machine() {
    name=$1 number=$2
    shift 2
    home=$work/$name
    mkdir -p "$home"
    { echo "set -eu"; block "$number"; echo 'touch through; wait'; } > "$home/commands"
    (
        cd "$home"
        exec env -i PATH="$PATH" HOME="$home" LANG="${LANG:-C}" "$@" \
            setsid bash -c 'echo $$ > group; exec bash commands' > log 2>&1
    ) &
    child=$!
    until [ -e "$home/through" ]; do
        kill -0 "$child" 2>/dev/null || { echo "the commands of $name failed" >&2; exit 1; }
        [ "$((SECONDS - started))" -lt 900 ] || { echo "$name takes too long" >&2; exit 1; }
        sleep 0.2
    done
}

if [ -n "${SUBROSA_BIN:-}" ]; then
    export PATH="$SUBROSA_BIN:$root/verifier-contract/node_modules/.bin:$PATH"
else
    say "the checkout"
    cd "$root"
    block 1 > "$work/build"
    # shellcheck source=/dev/null
    . "$work/build"
fi

say "the operator, at $operator"
keys=()
[ -z "${SUBROSA_KEYS:-}" ] || keys=("SUBROSA_KEYS=$(cd "$SUBROSA_KEYS" && pwd)")
machine operator 2 operator="$operator" ${keys[@]+"${keys[@]}"}
say "contracts are deployed, the sequencer starts"

ports=()
for account in 3 4; do
    mkdir -p "$work/institution-$account"
    cp "$work/operator/deployment.toml" "$work/institution-$account/"
    ports+=("$(free_port)")
    machine "institution-$account" 3 operator="$operator" account="$account" port="${ports[-1]}"
    until curl -sfo /dev/null "http://127.0.0.1:${ports[-1]}/health"; do
        [ "$((SECONDS - started))" -lt 900 ] || { echo "the wallet does not answer" >&2; exit 1; }
        sleep 0.2
    done
    say "institution $account has its wallet"
    [ -n "$(ls "$work/institution-$account/.subrosa/keys"/transaction-pk-*.bin)" ] \
        || { echo "the wallet has fetched no keys" >&2; exit 1; }
done

# balance ACCOUNT PORT: what the institution can spend in dUSD.
token() { echo "$work/institution-$1/wallet-$1/token"; }
get() { curl -sSf -H "Authorization: Bearer $(cat "$(token "$1")")" "http://127.0.0.1:$2$3"; }
field() { python3 -c 'import json, sys; a = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"; }
balance() {
    get "$1" "$2" /v1/balances \
        | field 'next(b["spendable"] for b in a if b["asset"]["symbol"] == "dUSD")'
}

payee=$(get 4 "${ports[1]}" /v1/address | field 'a["address"]')
say "institution 3 deposits and pays institution 4"
"$root/examples/gateway.sh" "http://127.0.0.1:${ports[0]}" "$(token 3)" "$payee" dUSD 1250.50 >&2
for _ in $(seq 100); do
    received=$(balance 4 "${ports[1]}")
    [ "$received" != 1250.5 ] || break
    sleep 0.2
done
[ "$received" = 1250.5 ] || { echo "institution 4 holds $received dUSD, not 1250.5" >&2; exit 1; }

say "every service ends when it is told to"
for name in institution-4 institution-3 operator; do
    group=$(cat "$work/$name/group")
    kill -TERM -- "-$group"
    for _ in $(seq 200); do
        kill -0 -- "-$group" 2>/dev/null || break
        sleep 0.2
    done
    ! kill -0 -- "-$group" 2>/dev/null || { echo "$name does not end" >&2; exit 1; }
done
say "settled: institution 4 holds 1250.5 dUSD"
