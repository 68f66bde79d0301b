#!/bin/sh
# A walk through a wallet's gateway with curl: balances, a deposit, a payment, its progress, history.
#
#   examples/gateway.sh BASE_URL TOKEN_FILE [PAYEE [ASSET [AMOUNT]]]
#
# BASE_URL     the gateway, as http://127.0.0.1:7400
# TOKEN_FILE   its bearer token, DIRECTORY/token of the wallet
# PAYEE        address that is paid; the wallet's own address if absent
# ASSET        symbol or id (dUSD); AMOUNT in display units (12.50)
#
# Needs curl and python3. See examples/README.md for a deployment to run it on.
set -eu

[ "$#" -ge 2 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }
base=${1%/}
token=$(cat "$2")
asset=${4:-dUSD}
amount=${5:-12.50}
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

say() { printf '\n== %s\n' "$*" >&2; }

# call METHOD PATH [JSON [IDEMPOTENCY_KEY]]: leaves the answer in $answer; a problem ends the walk.
# A POST carries an idempotency key: after a lost answer, the same request with the same key is safe.
call() {
    method=$1 path=$2 body=${3:-} key=${4:-}
    set -- --silent --show-error --output "$answer" --write-out '%{http_code}' \
        --request "$method" --header "Authorization: Bearer $token"
    [ -z "$body" ] || set -- "$@" --header 'Content-Type: application/json' --data "$body"
    [ -z "$key" ] || set -- "$@" --header "Idempotency-Key: $key"
    printf '%s %s %s\n' "$method" "$path" "$body" >&2
    status=$(curl "$@" "$base$path")
    case $status in
        2??) ;;
        *)
            echo "HTTP $status" >&2
            cat "$answer" >&2
            echo >&2
            exit 1
            ;;
    esac
}

# json EXPRESSION: evaluates a Python expression over the answer `a`.
json() {
    python3 -c 'import json, sys
a = json.load(open(sys.argv[1]))
value = eval(sys.argv[2])
print("" if value is None else value)' "$answer" "$1"
}

# An amount or text as a JSON string.
quote() { python3 -c 'import json, sys; print(json.dumps(sys.argv[1]))' "$1"; }

balances() {
    call GET /v1/balances
    json '"\n".join("%-6s spendable %s, pending %s, on L1 %s, claimable %s" % (
        b["asset"]["symbol"], b["spendable"], b["pending"], b["on_l1"], b["claimable"]) for b in a)'
}

# wait_for OPERATION STATUS…: polls an operation until it has one of the statuses, or fails.
wait_for() {
    operation=$1
    shift
    shown=
    while :; do
        call GET "/v1/operations/$operation" 2>/dev/null
        status=$(json 'a["status"]')
        [ "$status" = "$shown" ] || echo "operation $operation: $status"
        shown=$status
        [ "$status" != failed ] || { json 'a["failure"]' >&2; exit 1; }
        for wanted in "$@"; do
            [ "$status" != "$wanted" ] || return 0
        done
        sleep 1
    done
}

run=$(date +%s)-$$

say "Who we are"
call GET /v1/address
own=$(json 'a["address"]')
payee=${3:-$own}
echo "address $own, account on L1 $(json 'a["account"]')"

say "What we hold"
balances
# A symbol or an id names the asset.
enough=$(python3 - "$answer" "$asset" "$amount" <<'PYTHON'
import json, sys
from decimal import Decimal
answer, asset, amount = sys.argv[1:]
for balance in json.load(open(answer)):
    if asset in (balance["asset"]["symbol"], str(balance["asset"]["id"])):
        print("yes" if Decimal(balance["on_l1"]) >= Decimal(amount) else "no")
PYTHON
)
[ -n "$enough" ] || { echo "the registry has no asset $asset" >&2; exit 1; }

if [ "$enough" = yes ]; then
    say "A deposit: from our account on L1 into the rollup"
    call POST /v1/deposits "{\"asset\": $(quote "$asset"), \"amount\": $(quote "$amount")}" \
        "deposit-$run"
    wait_for "$(json 'a["id"]')" included settled
    balances
else
    say "No deposit: our account on L1 has less than $amount $asset"
fi

say "A payment: amount, asset, parties and memo stay private"
payment="{\"asset\": $(quote "$asset"), \"amount\": $(quote "$amount"), \"to\": $(quote "$payee"),
 \"memo\": \"WALKTHROUGH\"}"
call POST /v1/transfers "$payment" "payment-$run"
first=$(json 'a["id"]')

say "The same request with the same key again: the same operation, paid once"
call POST /v1/transfers "$payment" "payment-$run"
[ "$(json 'a["id"]')" = "$first" ] || { echo "a second operation was made" >&2; exit 1; }
wait_for "$first" settled

say "What happened"
call GET /v1/history
json '"\n".join("batch %s: %-10s %s %s%s%s" % (
    l["batch"], l["kind"], l["amount"], l["asset"]["symbol"],
    ", " + l["memo"] if l["memo"] else "", "" if l["settled"] else " (not settled yet)") for l in a[-5:])'
balances
