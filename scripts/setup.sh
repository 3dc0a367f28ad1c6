#!/usr/bin/env bash
# Make .venv hold what a lock file says, hash by hash, and this project beside it. Quick when that is already so.
#
#   scripts/setup.sh run    what `belvedere serve` needs
#   scripts/setup.sh dev    that, and what tests, checks and documentation need, Chromium included
set -euo pipefail
cd "$(dirname "$0")/.."

uv_version=0.13.9

kind=${1:?run or dev}
case $kind in
  run) lock=requirements.lock ;;
  dev) lock=requirements-dev.lock ;;
  *) echo "setup: say run or dev, not $kind" >&2; exit 2 ;;
esac

fail() {
  echo "setup: $1" >&2
  echo "  $2" >&2
  exit 1
}

# Debian packages, where we may install them; otherwise a sentence that says which one is missing.
apt_install() {
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "setup: installing $* by apt-get"
    DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null >/dev/null
  else
    fail "$* is missing." "Install it, on Debian by: sudo apt-get install $*"
  fi
}

find_python() {
  local name
  for name in python3.11 python3.12 python3.13 python3.14 python3; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  fail "Python 3.11 or later is missing." "Install it, on Debian by: sudo apt-get install python3.11 python3.11-venv"
}

make_venv() {
  local python
  if .venv/bin/python -c 'import pip' 2>/dev/null; then
    return
  fi
  python=$(find_python)
  echo "setup: making .venv with $("$python" --version)"
  # Debian's Python has the module venv, but cannot fill an environment without the package python3-venv.
  "$python" -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv
  "$python" -m venv --clear .venv
}

# uv reads none of pip's settings: where pip is told of a mirror, uv has to be told too.
pip_setting() {
  local variable
  variable=PIP_$(echo "$1" | tr a-z- A-Z_)
  echo "${!variable:-$(.venv/bin/python -m pip config get "global.$1" 2>/dev/null || true)}"
}

tell_uv() {
  local value
  value=$(pip_setting "$2")
  if [ -n "$value" ] && [ -z "${!1:-}" ]; then
    export "$1=$value"
  fi
}

# uv installs in seconds what takes pip minutes; both check every hash of the lock.
install_with_uv() {
  .venv/bin/python -m uv --version >/dev/null 2>&1 ||
    .venv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$uv_version" || return 1
  tell_uv UV_DEFAULT_INDEX index-url
  tell_uv UV_FIND_LINKS find-links
  tell_uv SSL_CERT_FILE cert
  .venv/bin/python -m uv pip install --quiet --python .venv/bin/python --require-hashes -r "$lock" &&
    .venv/bin/python -m uv pip install --quiet --python .venv/bin/python --no-deps -e .
}

install_with_pip() {
  echo "setup: uv can't do it; pip takes longer"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
}

# What the environment was made from. A development environment also runs.
stamp_of() {
  cat "$1" pyproject.toml scripts/setup.sh | sha256sum | cut -d ' ' -f 1
}

is_current() {
  [ -x .venv/bin/belvedere ] && [ -f ".venv/.stamp-$1" ] && [ "$(cat ".venv/.stamp-$1")" = "$2" ]
}

is_ready() {
  is_current "$kind" "$(stamp_of "$lock")" ||
    { [ "$kind" = run ] && is_current dev "$(stamp_of requirements-dev.lock)"; }
}

if ! is_ready; then
  make_venv
  echo "setup: installing what $lock names"
  install_with_uv || install_with_pip
  stamp_of "$lock" >".venv/.stamp-$kind"
fi

if [ "$kind" = dev ] && ! command -v chromium >/dev/null; then
  apt_install chromium
fi
