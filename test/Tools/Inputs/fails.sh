#!/usr/bin/env bash
# fails.sh OUTPUT COMMAND...: succeeds if COMMAND -o OUTPUT exits with 1 and leaves no OUTPUT.
output=$1
shift
rm -f "$output"
"$@" -o "$output"
code=$?
[[ $code -eq 1 ]] || { echo "fails.sh: expected exit code 1, but got $code" && exit 1; }
[[ ! -e $output ]] || { echo "fails.sh: expected no output file, but got $output" && exit 1; }
