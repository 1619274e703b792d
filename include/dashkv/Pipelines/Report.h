//===- Report.h - Facts about GPU kernels -----------------------*- C++ -*-===//
#ifndef DASHKV_PIPELINES_REPORT_H
#define DASHKV_PIPELINES_REPORT_H

#include "dashkv/Pipelines/NVVM.h"
#include "llvm/Support/raw_ostream.h"

namespace mlir::dashkv {

enum class ReportFormat { Text, JSON, HTML };

struct ReportOptions {
  ReportFormat format = ReportFormat::Text;
  /// Sizes that the types of the module leave open.
  int64_t keys = 131072, batch = 1;
};

/// Writes what a person tuning the kernels of `program` reads; `module` is what
/// it was compiled from. Without ptxas only what the PTX tells.
LogicalResult writeReport(ModuleOp module, const GPUProgram &program, const NVPTXTarget &target,
                          const ReportOptions &options, raw_ostream &os,
                          function_ref<InFlightDiagnostic()> emitError);

} // namespace mlir::dashkv

#endif // DASHKV_PIPELINES_REPORT_H
