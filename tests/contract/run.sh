#!/usr/bin/env bash
# The API held against its own contract by schemathesis: tests/contract/run.sh [EXAMPLES]
#
# Needs python3 and PyPI. A building is simulated, replayed and served; then every route is asked EXAMPLES times (100 by
# default) with what the contract allows and with what it does not. No answer may be a server error, a status or a form that
# the contract does not have, or a body of another shape.
set -euo pipefail
cd "$(dirname "$0")/../.."

examples=${1:-100}
work=$(mktemp -d)
service=
trap '[ -z "$service" ] || kill "$service" 2>/dev/null || true; rm -rf "$work"' EXIT

cargo build --quiet --locked
releve=$(realpath "${CARGO_TARGET_DIR:-target}/debug/releve")
venv=${SCHEMATHESIS_VENV:-$work/venv}
if [ ! -x "$venv/bin/schemathesis" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet schemathesis==4.32.5
fi

"$releve" simulate --days 40 --dwellings 6 "$work/building" >/dev/null
"$releve" registry import --db "$work/releve.db" "$work"/building/*.csv >/dev/null
"$releve" replay --db "$work/releve.db" "$work"/building/*.txt >/dev/null
token=$("$releve" token add contract --scope operator --db "$work/releve.db" --json |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["token"])')
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkfifo "$work/air"
cat >"$work/config.toml" <<TOML
[store]
path = "$work/releve.db"
[api]
listen = "127.0.0.1:$port"
[[receiver]]
name = "air"
pipe = "$work/air"
TOML
"$releve" run --config "$work/config.toml" 2>"$work/log" &
service=$!
url=http://127.0.0.1:$port
for _ in $(seq 100); do
    python3 -c "import urllib.request; urllib.request.urlopen('$url/readyz')" 2>/dev/null && break
    sleep 0.1
done
# A household, so that its routes have something to answer for.
python3 - "$url" "$token" <<'PY'
import json, sys, urllib.request
url, token = sys.argv[1:]
body = {"dwelling": 1, "role": "tenant", "lives_there": True, "move_in": "2026-01-01", "certified": True, "keeps_hourly": True}
request = urllib.request.Request(url + "/v1/occupancies", json.dumps(body).encode(),
    {"Authorization": "Bearer " + token, "Content-Type": "application/json"})
assert urllib.request.urlopen(request).status == 201
PY

cd "$work"
"$venv/bin/schemathesis" run "$url/openapi.json" -H "Authorization: Bearer $token" \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
    --max-examples "$examples" --seed 1 --continue-on-failure --no-color --suppress-health-check all --warnings off \
    --generation-database none --phases examples,coverage,fuzzing --request-timeout 30
