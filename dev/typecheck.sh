#!/usr/bin/env bash
# dev/typecheck.sh ARGUMENT...: checks the types of what pyproject.toml names; the arguments are mypy's.
set -euo pipefail
source "${0%/*}/environment.sh"
environment requirements-dev.lock
exec .venv/bin/python -m mypy "$@"
