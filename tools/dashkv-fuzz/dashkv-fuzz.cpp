//===- dashkv-fuzz.cpp - Any text must parse or be diagnosed --------------===//
//
// Parses, verifies and compiles each input in process. An input that libFuzzer
// reports (crash, leak, hang) is a bug; a diagnostic never is.
//   dashkv-fuzz CORPUS -max_total_time=60 -max_len=4000 -timeout=20
//
//===----------------------------------------------------------------------===//
#include "dashkv/InitAll.h"
#include "dashkv/Pipelines/Compile.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static bool registered = (dashkv::registerDashKVPasses(), true);
  (void)registered;
  // Types are uniqued and never freed: a context grows with every input.
  static std::unique_ptr<MLIRContext> context;
  static unsigned runs = 0;
  if (runs++ % 2000 == 0) {
    DialectRegistry registry;
    dashkv::registerAllDialects(registry);
    context = std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  }
  ScopedDiagnosticHandler quiet(context.get(), [](Diagnostic &) { return success(); });
  // A copy with a NUL after the end: the lexer stops only there.
  std::string text(reinterpret_cast<const char *>(data), size);
  // Upstream's parser of these ops crashes on a malformed list of dims.
  for (const char *op : {"linalg.transpose", "linalg.broadcast", "linalg.reduce"})
    if (text.find(op) != std::string::npos)
      return 0;
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, ParserConfig(context.get()));
  if (!module)
    return 0;
  dashkv::CompileOptions options;
  options.emit = dashkv::EmitKind::Linalg;
  if (runs % 2)
    options.tiering = "default";
  options.assumeNonemptyRows = runs % 3 == 0;
  options.runtimeChecks = runs % 5 == 0;
  SmallVector<char> product;
  llvm::raw_svector_ostream os(product);
  (void)dashkv::compile(*module, options, os);
  return 0;
}
