#!/usr/bin/env bash
# What `make run` and `make test` need before they build. Says what is missing and how to get it; does nothing twice.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "setup: $*" >&2; exit 1; }
as_root() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

install() { # what for, packages
    as_root || fail "$1 is missing; install it (Debian, Ubuntu: apt-get install ${*:2})"
    echo "setup: installing ${*:2} ..." >&2
    apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${@:2}" >/dev/null
}

[ "$(uname -sm)" = "Linux x86_64" ] || echo "setup: the bundled PostgreSQL is for Linux on x86_64; elsewhere set DATABASE_URL" >&2
command -v cargo >/dev/null || fail "cargo is missing; install Rust 1.95 or newer with rustup"
command -v cc >/dev/null || install "a C compiler" gcc libc6-dev
command -v python3 >/dev/null || install "Python 3" python3 python3-pip
python3 -m pip --version >/dev/null 2>&1 || python3 -m ensurepip --upgrade >/dev/null 2>&1 || install "pip" python3-pip
# The tests kill what they started, and run the guide's commands.
type -P kill >/dev/null || install "the kill program" procps
command -v curl >/dev/null || install "curl" curl
python3 scripts/fetch_bundle.py
python3 scripts/fetch_minilm.py
# The tests start brokers of their own, and kill them.
if [ "${1:-}" = tests ]; then
    ls /usr/lib/rabbitmq/lib/*/sbin/rabbitmq-server >/dev/null 2>&1 || install "RabbitMQ, for the tests," rabbitmq-server
fi
