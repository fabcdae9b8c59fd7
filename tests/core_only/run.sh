#!/usr/bin/env bash
# Builds the wheel, installs it with nothing but the core dependencies, and uses it away from the
# checkout. Then the same beside openai-agents, whose import name is the name of our agents/ folder.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
python="${PYTHON:-python3}"
[[ "$python" == */* ]] && python="$(cd "$(dirname "$python")" && pwd)/$(basename "$python")"
venv="$root/.venv-core"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cd "$root"
"$python" -m build --wheel --outdir "$work/dist" . >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
wheel="$(echo "$work"/dist/*.whl)"
echo "built $(basename "$wheel")"

# Made anew each time: what an earlier run left installed would hide a missing dependency.
"$python" -m venv --clear "$venv"
pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@" --quiet -c "$root/constraints.txt"; }
pip install "$wheel"

cp "$root"/tests/core_only/*.py "$work"
cd "$work"
unset PYTHONPATH CRSGYM_DATA
"$venv/bin/python" -I core.py "$wheel"

pip install openai-agents
"$venv/bin/python" -I beside.py
