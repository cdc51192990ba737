#!/bin/sh
# Refreshes the pinned versions: sh tools/lock.sh path/to/uv [--upgrade]. The pins hold for every supported Python and
# name no index, so that they can be installed from any mirror.
set -eu
uv=$1
shift
cd "$(dirname "$0")/.."

"$uv" pip compile pyproject.toml --group dev --universal --python-version 3.11 --quiet \
    --no-header --no-emit-index-url --no-emit-find-links --no-annotate "$@" -o requirements/dev.txt
{
    echo "# Everything that the tests, the checks and the demo need, pinned. Refresh with: make lock"
    cat requirements/dev.txt
} > requirements/dev.txt.new
mv requirements/dev.txt.new requirements/dev.txt

"$uv" --version | awk '{ print "# The installer that fills .venv. Refresh with: make lock\nuv==" $2 }' > requirements/uv.txt
