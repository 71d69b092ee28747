#!/usr/bin/env bash
# dev/format.sh: formats the code and mends what the linter can mend; with --check it changes nothing and only complains.
set -euo pipefail
source "${0%/*}/environment.sh"
environment requirements-dev.lock

ruff() {
    .venv/bin/python -m ruff "$@"
}

case ${1:-} in
    '')
        ruff check --fix-only # before the format, which lays out what it mended
        ruff format
        ruff check
        ;;
    --check)
        status=0
        ruff format --diff || status=1
        ruff check || status=1
        exit "$status"
        ;;
    *) fail "knows --check alone, not $1" ;;
esac
