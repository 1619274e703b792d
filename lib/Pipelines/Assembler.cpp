//===- Assembler.cpp - PTX to machine code by ptxas -----------------------===//
#include "dashkv/Pipelines/Assembler.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::dashkv;

std::string mlir::dashkv::findPtxas() {
  if (auto found = llvm::sys::findProgramByName("ptxas"))
    return *found;
  if (std::optional<std::string> home = llvm::sys::Process::GetEnv("CUDA_HOME")) {
    SmallString<128> folder(*home);
    llvm::sys::path::append(folder, "bin");
    if (auto found = llvm::sys::findProgramByName("ptxas", {folder.str()}))
      return *found;
  }
  return "";
}

FailureOr<Cubin> mlir::dashkv::assemble(StringRef path, StringRef ptx, StringRef chip,
                                        function_ref<InFlightDiagnostic()> emitError) {
  // PTX, machine code, messages.
  SmallString<64> paths[3];
  llvm::scope_exit remove([&] {
    for (StringRef path : paths)
      if (!path.empty())
        llvm::sys::fs::remove(path);
  });
  const char *suffixes[3] = {"ptx", "cubin", "txt"};
  for (auto [path, suffix] : llvm::zip(paths, suffixes))
    if (std::error_code code = llvm::sys::fs::createTemporaryFile("dashkv", suffix, path))
      return emitError() << "cannot write a temporary file: " << code.message();
  std::error_code code;
  llvm::raw_fd_ostream file(paths[0], code);
  file << ptx;
  file.close();
  if (code || (code = file.error())) {
    file.clear_error();
    return emitError() << "cannot write " << paths[0] << ": " << code.message();
  }

  std::string architecture = "-arch=" + chip.str();
  StringRef arguments[] = {path, "-v", architecture, "-lineinfo", paths[0], "-o", paths[1]};
  std::optional<StringRef> redirects[] = {"", StringRef(paths[2]), StringRef(paths[2])};
  std::string message;
  int status = llvm::sys::ExecuteAndWait(path, arguments, std::nullopt, redirects,
                                         /*SecondsToWait=*/0, /*MemoryLimit=*/0, &message);
  Cubin cubin;
  if (auto text = llvm::MemoryBuffer::getFile(paths[2]))
    cubin.log = (*text)->getBuffer().str();
  if (status)
    return emitError() << "cannot assemble PTX by " << path << ": "
                       << (message.empty() ? StringRef(cubin.log).trim() : StringRef(message));
  auto binary = llvm::MemoryBuffer::getFile(paths[1], /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!binary)
    return emitError() << "cannot read " << paths[1] << ": " << binary.getError().message();
  cubin.binary = (*binary)->getBuffer().str();
  return cubin;
}
