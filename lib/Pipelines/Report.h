//===- Report.h - What a person tuning GPU kernels reads --------*- C++ -*-===//
//
// Facts about the kernels of one chip, from their PTX, from what ptxas makes of
// it, from the launches of the host and from the types of the ops; written as
// text, as JSON or as one HTML page.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_LIB_PIPELINES_REPORT_H
#define DASHKV_LIB_PIPELINES_REPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mlir::dashkv {

/// How often each instruction occurs in code, not in a run of it.
using InstructionMix = std::map<std::string, int64_t>;

//===--- PTX ------------------------------------------------------------===//

struct PTXLine {
  std::string text;
  /// Line of the input that it comes from, 0 if of none.
  unsigned file = 0, line = 0;
};

/// The instructions between a label and the last branch back to it.
struct PTXLoop {
  std::string label;
  int64_t instructions = 0;
  InstructionMix mix;
};

struct PTXKernel {
  std::string name;
  int64_t parameters = 0, threads = 0, minBlocks = 1, staticShared = 0, instructions = 0;
  bool usesDynamicShared = false;
  InstructionMix mix;
  std::vector<PTXLoop> loops;
  std::vector<PTXLine> lines;
};

struct PTXText {
  std::vector<PTXKernel> kernels;
  std::map<unsigned, std::string> files;
  /// `file:line`, with the name of the file alone.
  std::string locate(unsigned file, unsigned line) const;
};

/// Reads what LLVM writes: one instruction a line.
PTXText readPTX(StringRef ptx);

/// The group of an instruction of a mix, for sums of similar ones.
StringRef getGroup(StringRef instruction);
/// All groups, in the order in which they are shown.
ArrayRef<StringRef> getGroups();

//===--- Machine code ---------------------------------------------------===//

struct MachineKernel {
  int64_t registers = 0, stack = 0, spillStores = 0, spillLoads = 0, instructions = 0;
  /// By opcode; an opcode without a known name is a number.
  InstructionMix mix;
};

/// Kernels by name, of `ptxas -v` and of an ELF file of 16-byte instructions.
std::map<std::string, MachineKernel> readCubin(StringRef log, StringRef cubin);

//===--- Chips ----------------------------------------------------------===//

/// What a multiprocessor holds.
struct ChipLimits {
  StringRef chip;
  int64_t warps = 0, blocks = 0, sharedBytes = 0;
  /// Of the GPU of this kind that `launches` are computed for.
  int64_t multiprocessors = 0;
};
const ChipLimits *findChipLimits(StringRef chip);

struct Occupancy {
  int64_t blocks = 0, warps = 0;
  /// What there is too little of: "registers", "shared memory", "warps",
  /// "CTAs".
  StringRef limit;
};
Occupancy computeOccupancy(const ChipLimits &chip, int64_t threads, int64_t registers,
                           int64_t sharedBytes);

/// A product to compute times for. `measured` is the rate at which plain loads
/// read memory, in GB/s, 0 where nobody has measured it.
struct GPUModel {
  StringRef name;
  double bandwidth, measured;
  double getRate() const { return measured ? measured : bandwidth; }
};
ArrayRef<GPUModel> getGPUModels();

//===--- Host side ------------------------------------------------------===//

/// Sizes where types have none, and the GPU that launches are computed for.
struct ReportSizes {
  int64_t keys = 131072, batch = 1, multiprocessors = 132;
};

struct KernelLaunch {
  std::string function, kernel;
  /// -1 where it depends on more than sizes.
  std::array<int64_t, 3> grid;
  int64_t dynamicShared = 0;
};

/// The launches of `module` in order, of the branches that these sizes take.
std::vector<KernelLaunch> listLaunches(ModuleOp module, const ReportSizes &sizes);

/// Bytes that an op must read of its caches and weights.
struct OpTraffic {
  std::string op, source;
  int64_t batch = 1, kvHeads = 1, group = 1, keys = 0;
  double codes = 0, full = 0, mid = 0, weights = 0;
  /// What exact attention reads in place of it; 0 where there is no such.
  double exact = 0;
  /// Shares of the keys in a list, and read at all where each query head has a
  /// list and the lists are independent.
  double fullShare = 0, midShare = 0, unionShare = 0;
  double getBytes() const { return codes + full + mid + weights; }
  double getBytesPerKey() const { return keys ? getBytes() / (double(batch) * kvHeads * keys) : 0; }
};

std::vector<OpTraffic> listTraffic(ModuleOp module, const ReportSizes &sizes);

//===--- The whole ------------------------------------------------------===//

struct KernelReport {
  PTXKernel ptx;
  std::string source;
  std::optional<MachineKernel> machine;
  /// Of the launch with the most shared memory.
  int64_t dynamicShared = 0;
  std::optional<Occupancy> occupancy;
};

struct Report {
  std::string chip, assembler, note;
  ChipLimits limits;
  ReportSizes sizes;
  PTXText text; ///< files; its kernels are in `kernels`
  std::vector<KernelReport> kernels;
  std::vector<KernelLaunch> launches;
  std::vector<OpTraffic> traffic;

  llvm::json::Value toJSON() const;
  void writeText(raw_ostream &os) const;
  void writeHTML(raw_ostream &os) const;
};

/// The most frequent first.
std::vector<std::pair<std::string, int64_t>> sortMix(const InstructionMix &mix);
/// Sums by group.
InstructionMix groupMix(const InstructionMix &mix);
/// `16 x 8 x 1`.
std::string formatGrid(const KernelLaunch &launch);
/// `1.5 MB`.
std::string formatBytes(double bytes);

} // namespace mlir::dashkv

#endif // DASHKV_LIB_PIPELINES_REPORT_H
