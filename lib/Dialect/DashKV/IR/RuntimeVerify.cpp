//===- RuntimeVerify.cpp - Conditions that only a run can check -----------===//
#include "dashkv/Dialect/DashKV/IR/DashKV.h"

using namespace mlir;
using namespace mlir::dashkv;

void mlir::dashkv::registerRuntimeVerifiableOpInterfaceExternalModels(DialectRegistry &) {}
