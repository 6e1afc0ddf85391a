# Sourced by the other scripts: makes or updates .venv from requirements.lock, then sets $root and $python.
# When nothing changed this costs one comparison of two files; everything else is setup.py's.

root=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd -P)
python=$root/.venv/bin/python

# The interpreter may be a pyenv shim, which answers by the folder it is called in and fails for a version not installed:
# only one that runs and has what a venv needs counts.
fits() {
    (cd -- "$root" && "$1" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 12))') >/dev/null 2>&1
}

find_python() {
    for candidate in ${WEIR_PYTHON:-} python3.13 python3.12 python3 python3.14 python \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9]*/bin/python3; do
        if fits "$candidate"; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    found=$(python3 --version 2>/dev/null) || found='no python3'
    echo "weir needs Python 3.12 or newer with its venv module (best 3.13; here: $found). Install it, for example: apt install python3.13-venv, or pyenv install 3.13" >&2
    return 1
}

if ! [ -x "$python" ] || ! cmp -s "$root/requirements.lock" "$root/.venv/weir.lock"; then
    base=$(find_python) || exit 2
    (cd -- "$root" && exec "$base" scripts/setup.py) || exit 1
fi
