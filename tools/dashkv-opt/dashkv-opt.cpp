//===- dashkv-opt.cpp - mlir-opt with the dashkv dialect and passes -------===//
#include "dashkv/InitAll.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::dashkv::registerAllDialects(registry);
  mlir::registerAllPasses();
  mlir::dashkv::registerDashKVPasses();
  return mlir::failed(
      mlir::MlirOptMain(argc, argv, "dashkv-opt: runs passes on attention modules\n", registry));
}
