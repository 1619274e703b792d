//===- dashkv-differential.cpp - Random kernels against the oracle --------===//
//
// Each seed makes one kernel: MLIR text of a function with one op, compiled in this
// process for the CPU or for a simulated GPU (whose PTX is interpreted), and called
// with a data set of each flavor. Integers
// must equal the oracle's bit for bit, floats within 1e-5 of the largest in their
// row; bits of codes may differ where the value is within rounding of 0.
//
//===----------------------------------------------------------------------===//
#include "Cases.h"
#include "dashkv/InitAll.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"

using namespace dashkv::testing;
namespace cl = llvm::cl;

static cl::OptionCategory category("dashkv-differential options");
static cl::opt<uint64_t>
    numSeeds("seeds",
             cl::desc("Number of kernels; 300 or more must exercise every class of inputs"),
             cl::init(300), cl::cat(category));
static cl::opt<uint64_t> first("first", cl::desc("First seed"), cl::init(0), cl::cat(category));
static cl::opt<std::string>
    xmlFile("xml", cl::desc("Where the result is written as JUnit XML, as one test"),
            cl::value_desc("file"), cl::cat(category));
namespace {
enum class Lowering { Linalg, Vector, GPU };
} // namespace
static cl::opt<Lowering>
    lowering("lowering", cl::desc("Lowering that is tested"), cl::init(Lowering::Vector),
             cl::cat(category),
             cl::values(clEnumValN(Lowering::Linalg, "linalg", "portable loops"),
                        clEnumValN(Lowering::Vector, "vector", "vector kernels"),
                        clEnumValN(Lowering::GPU, "gpu", "PTX kernels, interpreted")));
static cl::opt<std::string> target("target",
                                   cl::desc("CPU or, with --lowering=gpu, GPU that is compiled for "
                                            "(default native or sm_90a)"),
                                   cl::cat(category));
static cl::opt<std::string> onlyOp("op", cl::desc("Only kernels of this op, others are skipped"),
                                   cl::value_desc("name"), cl::cat(category));
static cl::opt<unsigned> schedule("schedule",
                                  cl::desc("Seed of the order in which blocks of a GPU take turns"),
                                  cl::init(1), cl::cat(category));
static cl::opt<mlir::dashkv::Parallelism> parallel("parallel", cl::desc("Who runs parallel loops"),
                                                   cl::init(mlir::dashkv::Parallelism::Serial),
                                                   cl::cat(category),
                                                   mlir::dashkv::getParallelismValues());
static cl::opt<unsigned> workers("workers", cl::desc("Threads to keep busy"), cl::init(1),
                                 cl::cat(category));
static cl::opt<unsigned> splits("splits", cl::desc("Parts of the keys, 0 to choose"), cl::init(0),
                                cl::cat(category));
static cl::opt<bool> print("print", cl::desc("Print the kernel of each seed before it runs"),
                           cl::cat(category));

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv,
                              "dashkv-differential: random kernels against the oracle\n");

  mlir::DialectRegistry registry;
  mlir::dashkv::registerAllDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  mlir::dashkv::CPUPipelineOptions options;
  if (target.empty())
    target = lowering == Lowering::GPU ? "sm_90a" : "native";
  options.lowering = lowering == Lowering::Linalg ? mlir::dashkv::CPULowering::Linalg
                                                  : mlir::dashkv::CPULowering::Vector;
  options.target = target;
  options.parallel = parallel;
  options.workers = workers;
  options.splits = splits;
  std::unique_ptr<Backend> backend =
      lowering == Lowering::GPU ? makeGPUBackend(target, schedule) : makeCPUBackend(options);
  if (!backend)
    return 1;
  Report report;
  int failures = 0;
  uint64_t numKernels = 0;
  for (uint64_t seed = first; seed < first + numSeeds; ++seed) {
    Random random(seed);
    Kernel kernel(context, *backend, random, report);
    std::unique_ptr<Case> current = makeCase(seed, kernel.name);
    if (!onlyOp.empty() && kernel.name != onlyOp)
      continue;
    ++numKernels;
    kernel.hit("op=" + kernel.name);
    current->declare(kernel);
    if (print)
      llvm::outs() << "// seed " << seed << "\n" << kernel.getText();
    llvm::outs().flush(); // before a crash
    std::string error = kernel.compile();
    if (!error.empty())
      kernel.fail(error);
    const char *flavorName = "";
    for (auto [flavor, name] : {std::pair(Flavor::Plain, "plain"),
                                {Flavor::Clustered, "clustered"},
                                {Flavor::Wide, "wide"},
                                {Flavor::Edge, "edge"}}) {
      if (!kernel.getFailure().empty())
        break;
      flavorName = name;
      current->check(kernel, flavor);
    }
    if (kernel.getFailure().empty())
      continue;
    ++failures;
    llvm::outs() << "seed " << seed << " (" << kernel.name << ", " << flavorName
                 << "): " << kernel.getFailure() << "\n";
  }

  llvm::outs() << numKernels << " kernels, " << report.dataSets << " data sets, " << failures
               << " failures\n";
  if (report.bits)
    llvm::outs() << report.uncertainBits << " of " << report.bits
                 << " code values differed within rounding\n";
  for (auto &[name, value] : report.errors)
    llvm::outs() << "largest relative error of " << name << ": " << llvm::format("%.1e", value)
                 << "\n";
  // A comparison that lets everything pass would not notice.
  bool tooManyBits = report.uncertainBits * 1000 > report.bits;
  if (tooManyBits)
    llvm::outs() << "more than one code value in 1000 differs\n";
  int missing = 0;
  if (numSeeds >= 300 && onlyOp.empty())
    for (const std::string &name : getRequiredClasses(backend->hasTileConfigs()))
      if (!report.classes.count(name)) {
        ++missing;
        llvm::outs() << "not exercised: " << name << "\n";
      }
  bool failed = failures || missing || tooManyBits;
  if (!xmlFile.empty()) {
    std::error_code code;
    llvm::raw_fd_ostream xml(xmlFile, code);
    if (code) {
      llvm::errs() << "cannot write " << xmlFile << ": " << code.message() << "\n";
      return 1;
    }
    xml << "<testsuite><testcase classname=\"dashkv-differential\" name=\"" << numSeeds
        << " kernels, "
        << (lowering == Lowering::Linalg   ? "portable"
            : lowering == Lowering::Vector ? "vector, " + target
                                           : "gpu, " + target)
        << "\">" << (failed ? "<failure/>" : "") << "</testcase></testsuite>\n";
  }
  return failed;
}
