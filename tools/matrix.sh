#!/bin/sh
# Runs the tests on every supported Python that this machine has, each in its own environment; arguments go to pytest.
set -eu
cd "$(dirname "$0")/.."

starts() {
    "$1" -c "import sys, venv, ensurepip; sys.exit('%d.%d' % sys.version_info[:2] != '$2')" 2>/dev/null
}

# The interpreter on the PATH first, then whatever pyenv keeps without having activated it.
locate() {
    for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python; do
        if starts "$candidate" "$1"; then
            echo "$candidate"
            return 0
        fi
    done
    return 1
}

verdicts=""
failed=0
for version in 3.11 3.12 3.13; do
    if ! python=$(locate "$version"); then
        verdicts="$verdicts
  Python $version  not on this machine"
        continue
    fi
    echo "== Python $version ($python)"
    environment=.venv-$version
    if make --no-print-directory VENV="$environment" PYTHON="$python" "$environment/.ready" &&
        "$environment/bin/python" -m pytest -n "${JOBS:-2}" --dist worksteal "$@"; then
        verdicts="$verdicts
  Python $version  passed"
    else
        verdicts="$verdicts
  Python $version  FAILED"
        failed=1
    fi
done
echo "Matrix:$verdicts"
exit $failed
