//===- Report.cpp - What a person tuning GPU kernels reads ----------------===//
#include "Report.h"
#include "dashkv/Pipelines/Assembler.h"
#include "dashkv/Pipelines/Report.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::dashkv;

//===----------------------------------------------------------------------===//
// Facts
//===----------------------------------------------------------------------===//

static FailureOr<Report> makeReport(ModuleOp module, const GPUProgram &program,
                                    const NVPTXTarget &target, const ReportOptions &options,
                                    function_ref<InFlightDiagnostic()> emitError) {
  Report report;
  report.chip = target.chip.str();
  report.limits = *findChipLimits(target.chip);
  report.sizes = {options.keys, options.batch, report.limits.multiprocessors};
  report.traffic = listTraffic(module, report.sizes);
  report.launches = listLaunches(*program.module, report.sizes);
  report.text = readPTX(program.ptx);

  std::map<std::string, MachineKernel> machine;
  if (std::string ptxas = findPtxas(); ptxas.empty()) {
    report.note = "No ptxas in PATH or CUDA_HOME: registers, spills, occupancy "
                  "and machine code "
                  "are unknown (pip install nvidia-cuda-nvcc has it).";
  } else {
    FailureOr<Cubin> cubin = assemble(ptxas, program.ptx, target.chip, emitError);
    if (failed(cubin))
      return failure();
    report.assembler = ptxas;
    machine = readCubin(cubin->log, cubin->binary);
  }
  for (PTXKernel &kernel : report.text.kernels) {
    KernelReport entry;
    for (const PTXLine &line : kernel.lines)
      if (line.line && entry.source.empty())
        entry.source = report.text.locate(line.file, line.line);
    for (const KernelLaunch &launch : report.launches)
      if (launch.kernel == kernel.name)
        entry.dynamicShared = std::max(entry.dynamicShared, launch.dynamicShared);
    if (auto found = machine.find(kernel.name); found != machine.end()) {
      entry.machine = found->second;
      entry.occupancy = computeOccupancy(report.limits, kernel.threads, found->second.registers,
                                         kernel.staticShared + entry.dynamicShared);
    }
    entry.ptx = std::move(kernel);
    report.kernels.push_back(std::move(entry));
  }
  report.text.kernels.clear();
  return report;
}

LogicalResult mlir::dashkv::writeReport(ModuleOp module, const GPUProgram &program,
                                        const NVPTXTarget &target, const ReportOptions &options,
                                        raw_ostream &os,
                                        function_ref<InFlightDiagnostic()> emitError) {
  FailureOr<Report> report = makeReport(module, program, target, options, emitError);
  if (failed(report))
    return failure();
  switch (options.format) {
  case ReportFormat::Text:
    report->writeText(os);
    break;
  case ReportFormat::JSON:
    os << llvm::formatv("{0:2}\n", report->toJSON());
    break;
  case ReportFormat::HTML:
    report->writeHTML(os);
    break;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

static llvm::json::Object toJSON(const InstructionMix &mix) {
  llvm::json::Object object;
  for (const auto &[name, count] : mix)
    object[name] = count;
  return object;
}

static llvm::json::Object toJSON(const KernelReport &kernel) {
  const PTXKernel &ptx = kernel.ptx;
  llvm::json::Array loops;
  for (const PTXLoop &loop : ptx.loops)
    loops.push_back(llvm::json::Object{
        {"label", loop.label}, {"instructions", loop.instructions}, {"mix", toJSON(loop.mix)}});
  llvm::json::Object object{{"name", ptx.name},
                            {"source", kernel.source},
                            {"parameters", ptx.parameters},
                            {"threads", ptx.threads},
                            {"min_ctas", ptx.minBlocks},
                            {"static_shared", ptx.staticShared},
                            {"dynamic_shared", kernel.dynamicShared},
                            {"instructions", ptx.instructions},
                            {"mix", toJSON(ptx.mix)},
                            {"loops", std::move(loops)}};
  if (kernel.machine)
    object["machine"] = llvm::json::Object{
        {"registers", kernel.machine->registers},       {"stack", kernel.machine->stack},
        {"spill_stores", kernel.machine->spillStores},  {"spill_loads", kernel.machine->spillLoads},
        {"instructions", kernel.machine->instructions}, {"mix", toJSON(kernel.machine->mix)}};
  if (kernel.occupancy)
    object["occupancy"] = llvm::json::Object{{"ctas", kernel.occupancy->blocks},
                                             {"warps", kernel.occupancy->warps},
                                             {"limit", kernel.occupancy->limit}};
  return object;
}

static llvm::json::Object toJSON(const OpTraffic &op) {
  llvm::json::Object times;
  for (const GPUModel &gpu : getGPUModels())
    times[gpu.name] = op.getBytes() / gpu.getRate() / 1e3;
  return llvm::json::Object{{"op", op.op},
                            {"source", op.source},
                            {"batch", op.batch},
                            {"kv_heads", op.kvHeads},
                            {"group", op.group},
                            {"keys", op.keys},
                            {"bytes", op.getBytes()},
                            {"code_bytes", op.codes},
                            {"full_bytes", op.full},
                            {"mid_bytes", op.mid},
                            {"weight_bytes", op.weights},
                            {"exact_bytes", op.exact},
                            {"bytes_per_key", op.getBytesPerKey()},
                            {"full_share", op.fullShare},
                            {"mid_share", op.midShare},
                            {"rows_read_share", op.unionShare},
                            {"microseconds", std::move(times)}};
}

llvm::json::Value Report::toJSON() const {
  llvm::json::Array kernelList, launchList, opList, gpuList;
  for (const KernelReport &kernel : kernels)
    kernelList.push_back(::toJSON(kernel));
  for (const KernelLaunch &launch : launches)
    launchList.push_back(llvm::json::Object{
        {"function", launch.function},
        {"kernel", launch.kernel},
        {"grid", llvm::json::Array{launch.grid[0], launch.grid[1], launch.grid[2]}},
        {"dynamic_shared", launch.dynamicShared}});
  for (const OpTraffic &op : traffic)
    opList.push_back(::toJSON(op));
  for (const GPUModel &gpu : getGPUModels())
    gpuList.push_back(llvm::json::Object{
        {"name", gpu.name}, {"bandwidth_gbs", gpu.bandwidth}, {"measured_gbs", gpu.measured}});
  return llvm::json::Object{{"chip", chip},
                            {"assembler", assembler},
                            {"note", note},
                            {"keys", sizes.keys},
                            {"batch", sizes.batch},
                            {"multiprocessors", sizes.multiprocessors},
                            {"kernels", std::move(kernelList)},
                            {"launches", std::move(launchList)},
                            {"ops", std::move(opList)},
                            {"gpus", std::move(gpuList)}};
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

std::vector<std::pair<std::string, int64_t>> mlir::dashkv::sortMix(const InstructionMix &mix) {
  std::vector<std::pair<std::string, int64_t>> sorted(mix.begin(), mix.end());
  llvm::sort(sorted, [](const auto &a, const auto &b) {
    return std::pair(-a.second, StringRef(a.first)) < std::pair(-b.second, StringRef(b.first));
  });
  return sorted;
}

InstructionMix mlir::dashkv::groupMix(const InstructionMix &mix) {
  InstructionMix groups;
  for (const auto &[name, count] : mix)
    groups[getGroup(name).str()] += count;
  return groups;
}

/// `popc 32, ld.global.nc 16 4, ...` over lines of at most 100 columns.
static void writeMix(const InstructionMix &mix, StringRef indent, raw_ostream &os) {
  std::string line = indent.str();
  for (auto [i, entry] : llvm::enumerate(sortMix(mix))) {
    std::string text = entry.first + " x" + std::to_string(entry.second);
    if (i && line.size() + text.size() > 98) {
      os << line << "\n";
      line = indent.str() + text;
    } else {
      line += (line.size() > indent.size() ? ", " : "") + text;
    }
  }
  os << line << "\n";
}

std::string mlir::dashkv::formatBytes(double value) {
  for (const char *unit : {"B", "KB", "MB"}) {
    if (value < 1000)
      return llvm::formatv(unit == StringRef("B") ? "{0:f0} {1}" : "{0:f1} {1}", value, unit).str();
    value /= 1000;
  }
  return llvm::formatv("{0:f2} GB", value).str();
}

std::string mlir::dashkv::formatGrid(const KernelLaunch &launch) {
  std::string text;
  for (int64_t size : launch.grid)
    text += (text.empty() ? "" : " x ") + (size < 0 ? "?" : std::to_string(size));
  return text;
}

void Report::writeText(raw_ostream &os) const {
  os << "Kernels for " << chip << ", where types leave sizes open for " << sizes.keys
     << " keys and batch " << sizes.batch << "\n";
  if (!note.empty())
    os << note << "\n";
  for (const KernelReport &kernel : kernels) {
    const PTXKernel &ptx = kernel.ptx;
    os << "\n" << ptx.name << (kernel.source.empty() ? "" : "  (" + kernel.source + ")") << "\n";
    auto row = [&](StringRef name) -> raw_ostream & {
      return os << llvm::formatv("  {0,-16}", name);
    };
    if (kernel.machine) {
      row("registers") << kernel.machine->registers << " a thread, " << ptx.threads
                       << " threads a CTA\n";
      row("spills") << kernel.machine->spillStores << " bytes stored, "
                    << kernel.machine->spillLoads << " loaded, " << kernel.machine->stack
                    << " of stack\n";
    } else {
      row("threads") << ptx.threads << " a CTA\n";
    }
    row("shared memory") << ptx.staticShared << " bytes static, " << kernel.dynamicShared
                         << " dynamic\n";
    if (kernel.occupancy)
      row("occupancy") << kernel.occupancy->blocks << " CTAs, " << kernel.occupancy->warps << " of "
                       << limits.warps << " warps a multiprocessor, by " << kernel.occupancy->limit
                       << "\n";
    row("PTX") << ptx.instructions << " instructions\n";
    writeMix(groupMix(ptx.mix), "    ", os);
    writeMix(ptx.mix, "    ", os);
    for (const PTXLoop &loop : ptx.loops) {
      row("loop") << loop.label << ", " << loop.instructions << " instructions\n";
      writeMix(loop.mix, "    ", os);
    }
    if (kernel.machine) {
      row("machine code") << kernel.machine->instructions << " instructions\n";
      writeMix(kernel.machine->mix, "    ", os);
    }
  }
  if (!launches.empty())
    os << "\nLaunches, on " << sizes.multiprocessors << " multiprocessors\n";
  for (const KernelLaunch &launch : launches)
    os << llvm::formatv("  {0}: {1}, grid {2}, {3} bytes of dynamic shared memory\n",
                        launch.function, launch.kernel, formatGrid(launch), launch.dynamicShared);
  if (!traffic.empty())
    os << "\nBytes that must be read, and the time of reading them\n";
  for (const OpTraffic &op : traffic) {
    os << "  " << op.op << (op.source.empty() ? "" : " (" + op.source + ")") << ": "
       << formatBytes(op.getBytes());
    if (op.keys)
      os << llvm::formatv(" = {0} x {1} KV heads x {2} keys x {3:f1} B a key", op.batch, op.kvHeads,
                          op.keys, op.getBytesPerKey());
    os << "\n    codes " << formatBytes(op.codes) << ", rows of K and V " << formatBytes(op.full)
       << ", rows of V alone " << formatBytes(op.mid) << ", weights " << formatBytes(op.weights)
       << "\n";
    if (op.exact > op.full)
      os << llvm::formatv("    {0:f2} % of the keys a list, {1:f2} % of the "
                          "rows; exact attention "
                          "reads {2}, {3:f1} times as much\n",
                          100 * op.fullShare, 100 * op.unionShare, formatBytes(op.exact),
                          op.exact / op.getBytes());
    os << "   ";
    for (const GPUModel &gpu : getGPUModels())
      os << llvm::formatv(" {0}: {1:f1} us{2}", gpu.name, op.getBytes() / gpu.getRate() / 1e3,
                          &gpu == &getGPUModels().back() ? "\n" : ",");
  }
  if (!traffic.empty())
    os << "  Rates are those of data sheets; that of the H200 (4.63 TB/s) is "
          "measured.\n";
  for (const KernelReport &kernel : kernels) {
    os << "\n" << kernel.ptx.name << "\n";
    std::string shown;
    for (const PTXLine &line : kernel.ptx.lines) {
      std::string source = text.locate(line.file, line.line);
      if (line.line && source != shown)
        os << "  // " << (shown = source) << "\n";
      os << line.text << "\n";
    }
  }
}
