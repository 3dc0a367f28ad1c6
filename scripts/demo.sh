#!/usr/bin/env bash
# Start Belvedere on the sample logs, create a job, and print a link that opens it without signing in.
# Ctrl-C ends everything. DEMO_ONCE=1 looks at the viewer instead of waiting for a person, and ends.
#
# PORT, VIEWER_PORT and DEMO_DATA may be set.
set -euo pipefail
cd "$(dirname "$0")/.."

data=${DEMO_DATA:-$PWD/demo-data}
port=${PORT:-8080}
viewer_port=${VIEWER_PORT:-8081}
belvedere=.venv/bin/belvedere
mkdir -p "$data"

# Job control gives the service a process group of its own: Ctrl-C then reaches this script alone, which ends the
# service in its turn and waits for it.
set -m
"$belvedere" serve --data "$data" --log-root demo/logs --port "$port" --viewer-port "$viewer_port" \
  --log-format text </dev/null >"$data/serve.log" 2>&1 &
service=$!
set +m

finish() {
  status=$?
  trap '' INT TERM
  [ -n "${job_id:-}" ] && job delete "$job_id" --yes >/dev/null 2>&1
  kill -INT "$service" 2>/dev/null || true
  wait "$service" 2>/dev/null || true
  [ "$status" -gt 128 ] && echo "demo: ended" && exit 0
  [ "$status" = 0 ] || { echo "demo: failed; the service's last lines were:" >&2; tail -n 15 "$data/serve.log" >&2; }
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

url="http://127.0.0.1:$port/readyz"
ready() { .venv/bin/python -c 'import sys, urllib.request as r; r.urlopen(sys.argv[1], timeout=5)' "$url" 2>/dev/null; }
for _ in $(seq 300); do
  kill -0 "$service" 2>/dev/null || exit 1
  ready && break
  sleep 0.2
done
ready || { echo "demo: the service is not ready after a minute" >&2; exit 1; }

job() { "$belvedere" job "$@" --data "$data"; }
created=$(job create demo --train-url ./demo/logs --auto-stop 1h --wait --timeout 2m --output json)
job_id=$(.venv/bin/python -c 'import json, sys; print(json.load(sys.stdin)["job_id"])' <<<"$created")
link=$(job open "$job_id" --print)

if [ -n "${DEMO_ONCE:-}" ]; then
  .venv/bin/python scripts/look_at_viewer.py "$link"
  exit 0
fi

cat <<TEXT

Open this link; it signs you in, and works once, for two minutes:

  $link

Another one: $belvedere job open $job_id --data $data
Ctrl-C ends the demo.
TEXT
wait "$service"
