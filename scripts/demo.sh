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

export BELVEDERE_VIEWERS_FOLDER=${BELVEDERE_VIEWERS_FOLDER:-$PWD/.viewers}

# Held until the end: what another demo here has written is not for us to overwrite.
exec 9>"$data/demo.lock"
flock -n 9 || { echo "demo: another demo runs on $data; end it, or set DEMO_DATA to another folder" >&2; exit 1; }

# Job control gives the service a process group of its own: Ctrl-C then reaches this script alone, which ends the
# service in its turn and waits for it.
set -m
"$belvedere" serve --data "$data" --log-root demo/logs --log-root demo/mindspore --port "$port" --viewer-port "$viewer_port" \
  --log-format text </dev/null >"$data/serve.log" 2>&1 9>&- &
service=$!
set +m

finish() {
  status=$?
  trap '' INT TERM
  for each in "${job_id:-}" "${mind_id:-}"; do
    [ -n "$each" ] && job delete "$each" --yes >/dev/null 2>&1
  done
  kill -INT "$service" 2>/dev/null || true
  wait "$service" 2>/dev/null || true
  [ "$status" -gt 128 ] && echo "demo: ended" && exit 0
  [ "$status" = 0 ] || { echo "demo: failed; the service's last lines were:" >&2; tail -n 15 "$data/serve.log" >&2; }
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Its own word counts: at the port another service may answer.
is_up() { grep -sq '^Belvedere .* is up\.$' "$data/serve.log"; }
taken() { grep -sqF "Can't listen on 127.0.0.1:$1 " "$data/serve.log"; }
for _ in $(seq 600); do
  is_up && break
  if ! kill -0 "$service" 2>/dev/null; then
    for each in "$port" "$viewer_port"; do
      taken "$each" && { echo "demo: port $each is taken; choose others: make demo PORT=8090 VIEWER_PORT=8091" >&2; trap - EXIT; exit 1; }
    done
    exit 1
  fi
  sleep 0.1
done
is_up || { echo "demo: the service is not ready after a minute" >&2; exit 1; }

# MindInsight takes 470 MB and, the first time, some 20 s. Without it the demo shows TensorBoard alone.
mindinsight=
"$belvedere" viewer install mindinsight && mindinsight=1 || echo "demo: going on without MindInsight" >&2

job() { "$belvedere" job "$@" --data "$data"; }
created=$(job create demo --train-url ./demo/logs --auto-stop 1h --wait --timeout 2m --output json)
id_in() { .venv/bin/python -c 'import json, sys; print(json.load(sys.stdin)["job_id"])' <<<"$1"; }
job_id=$(id_in "$created")
if [ -n "$mindinsight" ]; then
  created=$(job create mindspore --job-type mindinsight --train-url ./demo/mindspore --auto-stop 1h --wait --timeout 2m --output json)
  mind_id=$(id_in "$created")
fi
link=$(job open "$job_id" --print)

if [ -n "${DEMO_ONCE:-}" ]; then
  .venv/bin/python scripts/look_at_viewer.py "$link"
  exit 0
fi

cat <<TEXT

Open this link; it signs you in, and works once, for two minutes:

  $link

Another one: $belvedere job open $job_id --data $data
${mind_id:+MindInsight:  $belvedere job open $mind_id --data $data
}Ctrl-C ends the demo.
TEXT
wait "$service"
