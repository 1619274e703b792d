#!/usr/bin/env bash
# Installs the peers of the CPU benchmark: Python packages in benchmarks/cpu/.venv, ggml in benchmarks/cpu/node_modules.
# Nothing else in the repository needs them, and a peer that cannot be installed is only reported as missing.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

failed=()

# Runs a command silently; shows the end of its output if it fails, and goes on with the other peers.
attempt() {
  local what=$1 log
  shift
  log=$(mktemp)
  echo "setup: $what"
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 5 "$log" >&2
    failed+=("$what")
  fi
  rm -f "$log"
}

.venv/bin/python -c '' 2>/dev/null || attempt "Python environment" python3 -m venv --clear .venv
while read -r requirement; do
  case $requirement in '' | '#'*) continue ;; esac
  # One at a time: a package that has no build for this machine does not take the others with it.
  attempt "$requirement" .venv/bin/python -m pip install --disable-pip-version-check "$requirement"
done <requirements.txt
if command -v npm >/dev/null; then
  # No scripts: the package brings its shared objects along. No lock file: there is one package, pinned exactly.
  attempt "ggml (npm)" npm install --ignore-scripts --no-package-lock --no-audit --no-fund
else
  failed+=("ggml: npm is not installed")
fi

if [[ ${#failed[@]} -gt 0 ]]; then
  printf 'setup: not installed: %s\n' "${failed[@]}" >&2
  exit 1
fi
echo "setup: every peer is installed"
