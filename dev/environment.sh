# shellcheck shell=bash
# Sourced by the scripts beside it: enters the project's folder and defines `environment`.

# What these name would get in the way of what the lock pins.
unset PYTHONHOME PYTHONPATH
CDPATH='' cd -- "${BASH_SOURCE[0]%/*}/.." || exit

# environment LOCK: sees to it that .venv holds what LOCK pins. Where it does, this costs the comparison of two files.
environment() {
    holds "$1" || make_environment "$1"
}

# .venv keeps a copy of each lock that it holds.
holds() {
    [[ -x .venv/bin/python ]] && cmp -s "$1" ".venv/$1"
}

make_environment() (
    mkdir -p .venv
    exec 9>.venv/.lock
    flock --nonblock 9 || { say "waiting for another run that is making .venv"; flock 9; }
    if holds "$1"; then exit; fi

    # Adding the development packages changes nothing under a load that is running; all else starts from nothing.
    base=''
    if holds requirements.lock; then base=kept; fi
    rm -f .venv/*.lock # unfinished from here on, whatever interrupts
    if [[ -z $base ]]; then
        python=$(find_python)
        find .venv/ -mindepth 1 -maxdepth 1 ! -name .lock -exec rm -rf {} +
        say "making .venv with $python"
        "$python" -I -m venv --without-pip .venv
    fi

    say "installing what $1 pins"
    pip .venv install --require-hashes --only-binary :all: --requirement "$1" ||
        fail "what $1 pins could not be installed: pip says why above. It asks the network, or whatever its own" \
            "settings name: PIP_NO_INDEX=1 PIP_FIND_LINKS=/folder/of/wheels dev/${0##*/}"
    packages=(.venv/lib/python3.*/site-packages)
    echo ../../../.. >"${packages[0]}/sigid.pth" # the project itself, wherever its folder is moved
    cp requirements.lock .venv/ # the development lock has all that it has
    cp "$1" .venv/
)

# pip VENV COMMAND...: the pip that comes with the project; Debian's Python has none without further packages.
pip() {
    local wheel=(dev/pip/pip-*.whl)
    (cd dev/pip && sha256sum --check --status SHA256SUMS) ||
        fail "dev/pip is not what dev/pip/SHA256SUMS says; restore it: git checkout dev/pip"
    "$1/bin/python" -I "${wheel[0]}/pip" -qq --disable-pip-version-check "${@:2}" --no-user >&2
}

# The real path: should its Python go, the link in .venv dangles, and the environment is made anew.
find_python() {
    local name names=(python3 python3.15 python3.14 python3.13 python3.12 python3.11)
    [[ -z ${SIGID_PYTHON:-} ]] || names=("$SIGID_PYTHON")
    for name in "${names[@]}"; do
        "$name" -I -c '
import os, ssl, sys, venv
if sys.version_info < (3, 11): sys.exit(1)
print(os.path.realpath(sys._base_executable))' 2>/dev/null && return
    done
    fail "no Python 3.11 or newer, with its venv and ssl modules, as ${names[*]}; install one, or name it: SIGID_PYTHON=/path/to/python3 dev/${0##*/}"
}

say() {
    echo "dev/${0##*/}: $*" >&2
}

fail() {
    say "$*"
    exit 1
}
