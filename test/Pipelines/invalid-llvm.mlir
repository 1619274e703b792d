// RUN: dashkv-opt %s --dashkv-llvm-pipeline --verify-diagnostics
// RUN: dashkv-opt %s --dashkv-cpu-pipeline --verify-diagnostics

// What the pipeline does not know comes out as it went in: an error.
// expected-error @below {{no lowering for emitc.include at level llvm}}
emitc.include "kernel.h"
