#!/usr/bin/env bash
# All checks of Schemathesis, in all its phases, against `pytest-reinfer serve` by the document of `pytest-reinfer openapi`:
#   benchmarks/schemathesis.sh [EXAMPLES [SEED]]
# EXAMPLES is how many requests are drawn for each route (and kind of data) at most; with 5 it takes some two minutes of CPU.
# Each phase has a tenant of its own. Ends with 1 where a check fails. PYTHON is what pytest-reinfer is installed for.
set -euo pipefail
cd "$(dirname "$0")/.."
examples=${1:-5} seed=${2:-1} python=${PYTHON:-.venv/bin/python} venv=${VENV:-.venv-schemathesis} version=4.32.5

# Schemathesis pins versions of what is used here as well, so it lives by itself.
"$venv/bin/python" -c "import importlib.metadata as m; assert m.version('schemathesis') == '$version'" 2>/dev/null || {
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version"
}

work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" || true; rm -rf "$work"' EXIT
export PYTHONPATH=. REINFER_TOKEN=token-of-the-fuzzer REINFER_USER
failed=0
for phase in examples coverage fuzzing stateful; do
  "$python" -m pytest_reinfer serve --port 0 --token "$REINFER_TOKEN" --datasets acme/example >"$work/serve" &
  server=$!
  until grep -q '^Stop' "$work/serve"; do kill -0 "$server"; sleep 0.1; done
  url=$(sed -n 's/^REINFER_ENDPOINT=//p' "$work/serve")
  "$python" -m pytest_reinfer openapi --url "$url" --output "$work/openapi.json"
  REINFER_USER=$("$python" -c '
import json, sys, urllib.request
from pytest_reinfer import contract
url = sys.argv[1] + contract.routes()["get_current_user"].path
request = urllib.request.Request(url, headers={"Authorization": "Bearer " + sys.argv[2]})
print(json.load(urllib.request.urlopen(request))["user"]["id"])' "$url" "$REINFER_TOKEN")
  drawn=$examples
  [ "$phase" != stateful ] || drawn=$((4 * examples)) # chains of requests: each starts with what was made before
  "$venv/bin/st" --config-file benchmarks/schemathesis.toml run "$work/openapi.json" --url "$url" --checks all \
    --phases "$phase" --max-examples "$drawn" --seed "$seed" --warnings off || failed=1
  kill "$server"
  wait "$server"
  server=
done
exit "$failed"
