#!/usr/bin/env bash
# The main job from end to end: a PyTorch attention layer becomes hashed, tiered attention, runs on this CPU on real
# data, is compared with exact attention, and its PTX is written. Installs and builds what is missing.
#   scripts/demo.sh         compiles the layer that is checked in (needs no PyTorch)
#   scripts/demo.sh --live  exports the layer from PyTorch anew
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case "$#:${1-}" in
  0:) scripts/setup.sh ;;
  1:--live) scripts/setup.sh --tests ;;
  1:-h | 1:--help) sed -n '2,5s/^# //p' "${BASH_SOURCE[0]}" && exit ;;
  *) echo "demo: error: expected no argument or --live, but got: $*" >&2 && exit 1 ;;
esac
scripts/build.sh dashkv-compile dashkv-run
exec .venv/bin/python scripts/demo.py "$@"
