#!/usr/bin/env bash
# Configures build/ (preset release, unless it is configured) and builds it: scripts/build.sh [TARGET...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

[[ -f build/build.ninja ]] || cmake --preset release
cmake --build build ${1+--target "$@"}
