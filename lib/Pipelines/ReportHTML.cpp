//===- ReportHTML.cpp - The report as one page ----------------------------===//
//
// Nothing is loaded from elsewhere: styles, bars (SVG) and the PTX are in the
// page. Colours follow the light or dark mode of the reader.
//
//===----------------------------------------------------------------------===//
#include "Report.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::dashkv;

static constexpr StringRef kHead = R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<style>
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --bar: #3b7dd8; --bad: #d8513b; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .3rem; font-family: ui-monospace, monospace; }
table { border-collapse: collapse; } td, th { padding: .15rem .9rem .15rem 0; text-align: right; }
th { font-weight: 600; border-bottom: 1px solid var(--line); } td { border-bottom: 1px solid var(--soft); }
td:first-child, th:first-child { text-align: left; }
td.mono, pre, code { font-family: ui-monospace, monospace; font-size: 13px; }
pre { background: var(--soft); padding: .6rem; overflow-x: auto; line-height: 1.35; }
pre .src { color: #3b9d5a; } pre .label { color: #b8860b; } pre .op { color: var(--bar); }
.note { border-left: 4px solid var(--bad); padding-left: .8rem; } .bad { color: var(--bad); }
summary { cursor: pointer; } .key { display: inline-block; margin-right: 1rem; white-space: nowrap; }
.key i { display: inline-block; width: .8em; height: .8em; margin-right: .3em; border-radius: 2px; }
.columns { display: flex; flex-wrap: wrap; gap: 0 3rem; align-items: flex-start; }
</style>
)";

/// One a group of instructions.
static constexpr StringRef kColours[] = {"#3b7dd8", "#4fb0c6", "#d8513b", "#e08e2b",
                                         "#7b4fd8", "#3b9d5a", "#b0c04f", "#c64f9a",
                                         "#8a9bb5", "#b5a58a", "#cfd4da", "#777f88"};

static std::string escape(StringRef text) {
  std::string escaped;
  llvm::raw_string_ostream os(escaped);
  llvm::printHTMLEscaped(text, os);
  return escaped;
}

/// A bar of `value` out of `most`.
static void writeBar(double value, double most, int64_t width, raw_ostream &os) {
  double length = most > 0 ? std::max(1.0, value / most * width) : 1.0;
  os << llvm::formatv("<svg width=\"{0}\" height=\"12\"><rect width=\"{0}\" height=\"12\" "
                      "rx=\"2\" "
                      "fill=\"var(--soft)\"/><rect width=\"{1:f1}\" height=\"12\" rx=\"2\" "
                      "fill=\"var(--bar)\"/></svg>",
                      width, length);
}

/// The shares of the groups in a mix, as one bar.
static void writeShares(const InstructionMix &mix, raw_ostream &os) {
  InstructionMix groups = groupMix(mix);
  int64_t sum = 0;
  for (const auto &[name, count] : groups)
    sum += count;
  constexpr double width = 640;
  os << llvm::formatv("<svg width=\"{0:f0}\" height=\"18\">", width);
  double x = 0;
  for (auto [group, colour] : llvm::zip(getGroups(), kColours)) {
    double part = width * groups[group.str()] / std::max<int64_t>(sum, 1);
    if (part > 0)
      os << llvm::formatv("<rect x=\"{0:f1}\" width=\"{1:f1}\" height=\"18\" "
                          "fill=\"{2}\"><title>"
                          "{3} {4}</title></rect>",
                          x, part, colour, groups[group.str()], group);
    x += part;
  }
  os << "</svg>";
}

static void writeMixTable(StringRef title, const InstructionMix &mix, raw_ostream &os) {
  os << "<table><tr><th>" << title << "</th><th></th><th></th></tr>\n";
  auto sorted = sortMix(mix);
  for (const auto &[name, count] : ArrayRef(sorted).take_front(16)) {
    os << "<tr><td class=\"mono\">" << escape(name) << "</td><td>" << count << "</td><td>";
    writeBar(count, sorted.front().second, 90, os);
    os << "</td></tr>\n";
  }
  int64_t rest = 0;
  for (const auto &[name, count] : ArrayRef(sorted).drop_front(std::min<size_t>(16, sorted.size())))
    rest += count;
  if (rest)
    os << "<tr><td>others</td><td>" << rest << "</td><td></td></tr>\n";
  os << "</table>\n";
}

static void writePTX(const PTXKernel &kernel, const PTXText &text, raw_ostream &os) {
  os << "<details><summary>PTX, " << kernel.instructions << " instructions</summary><pre>";
  std::string shown;
  for (const PTXLine &line : kernel.lines) {
    std::string source = text.locate(line.file, line.line);
    if (line.line && source != shown)
      os << "<span class=\"src\">// " << escape(shown = source) << "</span>\n";
    StringRef code = line.text;
    if (code.trim().ends_with(":")) {
      os << "<span class=\"label\">" << escape(code) << "</span>\n";
      continue;
    }
    StringRef indent = code.take_while(llvm::isSpace);
    code = code.drop_front(indent.size());
    if (code.starts_with("@")) {
      StringRef predicate = code.take_until(llvm::isSpace);
      os << indent << escape(predicate) << " ";
      code = code.drop_front(predicate.size()).ltrim();
    } else {
      os << indent;
    }
    StringRef opcode = code.take_until(llvm::isSpace);
    os << "<span class=\"op\">" << escape(opcode) << "</span>"
       << escape(code.drop_front(opcode.size())) << "\n";
  }
  os << "</pre></details>\n";
}

static void writeOverview(const Report &report, raw_ostream &os) {
  os << "<h2>Kernels</h2>\n<table><tr><th>kernel</th><th>source</"
        "th><th>threads</th>"
        "<th>registers</th><th>spills</th><th>shared "
        "memory</th><th>CTAs</th><th>warps</th>"
        "<th></th><th>bound by</th><th>PTX</th><th>machine code</th></tr>\n";
  for (const KernelReport &kernel : report.kernels) {
    const PTXKernel &ptx = kernel.ptx;
    os << "<tr><td class=\"mono\"><a href=\"#" << ptx.name << "\">" << ptx.name << "</a></td><td>"
       << escape(kernel.source) << "</td><td>" << ptx.threads << "</td>";
    if (const auto &machine = kernel.machine) {
      int64_t spills = machine->spillStores + machine->spillLoads;
      os << "<td>" << machine->registers << "</td><td" << (spills ? " class=\"bad\"" : "") << ">"
         << spills << "</td>";
    } else {
      os << "<td>?</td><td>?</td>";
    }
    os << "<td>" << formatBytes(ptx.staticShared + kernel.dynamicShared) << "</td>";
    if (kernel.occupancy) {
      os << "<td>" << kernel.occupancy->blocks << "</td><td>" << kernel.occupancy->warps << "/"
         << report.limits.warps << "</td><td>";
      writeBar(kernel.occupancy->warps, report.limits.warps, 60, os);
      os << "</td><td>" << kernel.occupancy->limit << "</td>";
    } else {
      os << "<td>?</td><td>?</td><td></td><td>?</td>";
    }
    os << "<td>" << ptx.instructions << "</td><td>"
       << (kernel.machine ? std::to_string(kernel.machine->instructions) : "?") << "</td></tr>\n";
  }
  os << "</table>\n<p>CTAs and warps are those that a multiprocessor holds at "
        "once.</p>\n";
}

static void writeLaunches(const Report &report, raw_ostream &os) {
  if (report.launches.empty())
    return;
  os << "<h2>Launches</h2>\n<p>On " << report.sizes.multiprocessors << " multiprocessors.</p>\n"
     << "<table><tr><th>kernel</th><th>function</th><th>grid</th><th>dynamic "
        "shared memory</th>"
        "</tr>\n";
  for (const KernelLaunch &launch : report.launches)
    os << "<tr><td class=\"mono\">" << launch.kernel << "</td><td>" << escape(launch.function)
       << "</td><td>" << formatGrid(launch) << "</td><td>" << formatBytes(launch.dynamicShared)
       << "</td></tr>\n";
  os << "</table>\n";
}

static void writeTraffic(const Report &report, raw_ostream &os) {
  if (report.traffic.empty())
    return;
  os << "<h2>Bytes that must be "
        "read</h2>\n<table><tr><th>op</th><th>source</th><th>keys</th>"
        "<th>a key and KV head</th><th>codes</th><th>rows of K and "
        "V</th><th>rows of V</th>"
        "<th>weights</th><th>rows read</th><th>exact reads</th></tr>\n";
  for (const OpTraffic &op : report.traffic) {
    os << "<tr><td class=\"mono\">" << op.op << "</td><td>" << escape(op.source) << "</td>";
    if (op.keys)
      os << llvm::formatv("<td>{0} x {1} x {2}</td><td>{3:f1} B</td>", op.batch, op.kvHeads,
                          op.keys, op.getBytesPerKey());
    else
      os << "<td></td><td></td>";
    for (double part : {op.codes, op.full, op.mid, op.weights})
      os << "<td>" << (part ? formatBytes(part) : "") << "</td>";
    os << (op.keys ? llvm::formatv("<td>{0:f2} %</td>", 100 * op.unionShare).str() : "<td></td>")
       << "<td>"
       << (op.exact > op.full ? llvm::formatv("{0:f1}x", op.exact / op.getBytes()).str() : "")
       << "</td></tr>\n";
  }
  os << "</table>\n<h2>Time of reading them, "
        "us</h2>\n<table><tr><th>GPU</th><th>GB/s</th>";
  double slowest = 0;
  for (const OpTraffic &op : report.traffic) {
    os << "<th colspan=\"2\">" << op.op << "</th>";
    for (const GPUModel &gpu : getGPUModels())
      slowest = std::max(slowest, op.getBytes() / gpu.getRate());
  }
  os << "</tr>\n";
  for (const GPUModel &gpu : getGPUModels()) {
    os << "<tr><td>" << gpu.name << (gpu.measured ? " (measured)" : "") << "</td><td>"
       << llvm::formatv("{0:f0}", gpu.getRate()) << "</td>";
    for (const OpTraffic &op : report.traffic) {
      double time = op.getBytes() / gpu.getRate();
      os << llvm::formatv("<td>{0:f1}</td><td>", time / 1e3);
      writeBar(time, slowest, 120, os);
      os << "</td>";
    }
    os << "</tr>\n";
  }
  os << "</table>\n<p>Bytes over bandwidth: a kernel cannot be faster, and one "
        "that is much slower "
        "is bound by something else (at batch 1 by latencies and "
        "launches).</p>\n";
}

static void writeKernel(const KernelReport &kernel, const PTXText &text, raw_ostream &os) {
  const PTXKernel &ptx = kernel.ptx;
  os << "<h3 id=\"" << ptx.name << "\">" << ptx.name << "</h3>\n";
  writeShares(ptx.mix, os);
  os << "\n<div class=\"columns\">\n";
  writeMixTable("PTX", ptx.mix, os);
  if (kernel.machine)
    writeMixTable("machine code", kernel.machine->mix, os);
  os << "</div>\n";
  if (!ptx.loops.empty()) {
    os << "<details><summary>Loops, " << ptx.loops.size() << "</summary>\n";
    for (const PTXLoop &loop : ptx.loops) {
      os << "<p><code>" << escape(loop.label) << "</code>, " << loop.instructions
         << " instructions<br>";
      writeShares(loop.mix, os);
      os << "</p>\n<p><code>";
      for (auto [i, entry] : llvm::enumerate(sortMix(loop.mix)))
        os << (i ? ", " : "") << escape(entry.first) << " &times;" << entry.second;
      os << "</code></p>\n";
    }
    os << "</details>\n";
  }
  writePTX(ptx, text, os);
}

void Report::writeHTML(raw_ostream &os) const {
  os << kHead << "<title>dashkv kernels for " << chip << "</title></head><body>\n<h1>Kernels for "
     << chip << "</h1>\n<p>Where types leave sizes open: " << sizes.keys << " keys, batch "
     << sizes.batch << ".</p>\n";
  if (!note.empty())
    os << "<p class=\"note\">" << escape(note) << "</p>\n";
  writeOverview(*this, os);
  writeLaunches(*this, os);
  writeTraffic(*this, os);
  os << "<h2>Instructions</h2>\n<p>";
  for (auto [group, colour] : llvm::zip(getGroups(), kColours))
    os << "<span class=\"key\"><i style=\"background:" << colour << "\"></i>" << group << "</span>";
  os << "</p>\n";
  for (const KernelReport &kernel : kernels)
    writeKernel(kernel, text, os);
  os << "</body></html>\n";
}
