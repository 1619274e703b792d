#!/usr/bin/env bash
# Runs all tests, after installing and building what is missing. The last line counts them.
#   scripts/test.sh          every tier
#   scripts/test.sh --quick  what ninja check-dashkv runs: lit and unit tests
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

quick=false
case "$#:${1-}" in
  0:) ;;
  1:--quick) quick=true ;;
  1:-h | 1:--help) sed -n '2,4s/^# //p' "${BASH_SOURCE[0]}" && exit ;;
  *) echo "test: error: expected no argument or --quick, but got: $*" >&2 && exit 1 ;;
esac
if $quick; then scripts/setup.sh; else scripts/setup.sh --tests; fi
start=$SECONDS
scripts/build.sh
echo "test: built in $((SECONDS - start)) s"

results=build/test-results
rm -rf "$results"
mkdir -p "$results"
failed=0
# Runs one suite, which writes JUnit XML; a crash leaves none and counts as a failure.
suite() {
  local name=$1 begin=$SECONDS
  shift
  "$@" || failed=1
  echo "test: $name took $((SECONDS - begin)) s"
}
suite lit .venv/bin/lit -sv --xunit-xml-output="$results/lit.xml" build/test
for test in build/bin/DashKV*Tests; do
  suite "$(basename "$test")" "$test" --gtest_brief=1 --gtest_output="xml:$results/$(basename "$test").xml"
done
if ! $quick; then
  # The same lit tests on a tool with sanitizers, and the fuzzer for pytest.
  [[ -f build-asan/build.ninja ]] || cmake --preset asan
  cmake --build build-asan --target dashkv-opt dashkv-fuzz
  # libMLIR.so is not instrumented, so marks of LLVM's allocator and leaks in it say nothing.
  export ASAN_OPTIONS=allow_user_poisoning=0:detect_leaks=0
  suite sanitized .venv/bin/lit -sv -Dopt="$PWD/build-asan/bin/dashkv-opt" --xunit-xml-output="$results/sanitized.xml" \
    build/test/Dialect build/test/Transforms build/test/Conversion
  # Random kernels of each lowering against the oracle; AVX2 code runs on every host.
  suite differential-linalg build/bin/dashkv-differential --lowering=linalg --seeds=300 --xml="$results/differential-linalg.xml"
  suite differential-native build/bin/dashkv-differential --first=1000 --seeds=300 --xml="$results/differential-native.xml"
  suite differential-avx2 build/bin/dashkv-differential --target=x86-64-v3 --first=2000 --seeds=300 \
    --xml="$results/differential-avx2.xml"
  suite differential-gpu build/bin/dashkv-differential --lowering=gpu --seeds=300 --xml="$results/differential-gpu.xml"
  # Every form of every kernel through ptxas; lit has the forms that share none.
  PATH="$PWD/build/bin:$PWD/.venv/bin:$PATH" suite ptxas .venv/bin/python test/Integration/PTX/kernels.py \
    sm_80 sm_90a --all --xml="$results/ptxas.xml"
  suite pytest .venv/bin/python -m pytest -q python/tests --junitxml="$results/pytest.xml"
fi
.venv/bin/python scripts/test_summary.py "$results" || failed=1
exit $failed
