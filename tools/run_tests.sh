#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# All tests in two halves side by side, one a core: run_tests.sh PYTHON. What the first half says comes after the second's.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
python=$1
said=$(mktemp)
trap 'rm -f "$said"' EXIT

limit=(timeout --kill-after=30 2700) # a half that hangs fails, instead of the whole machine waiting for it

"${limit[@]}" "$python" -m pytest tests/unit tests/packaging tests/qgis >"$said" 2>&1 </dev/null &
first=$!
trap 'kill "$first" 2>/dev/null' INT TERM
"${limit[@]}" "$python" -m pytest tests/cli tests/integration
second_code=$?
wait "$first"
first_code=$?
cat "$said"
[ "$second_code" -eq 0 ] && [ "$first_code" -eq 0 ]
