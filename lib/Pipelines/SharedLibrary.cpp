//===- SharedLibrary.cpp - Link by the compiler of the system -------------===//
#include "dashkv/Pipelines/MachineCode.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::dashkv;

LogicalResult mlir::dashkv::linkSharedLibrary(StringRef object, bool usesOpenMP, raw_ostream &os,
                                              function_ref<InFlightDiagnostic()> emitError) {
  std::string compiler;
  for (StringRef name : {"clang-22", "clang", "cc", "gcc"})
    if (auto found = llvm::sys::findProgramByName(name); found && compiler.empty())
      compiler = *found;
  if (compiler.empty())
    return emitError() << "expected clang-22, clang, cc or gcc in PATH to link by, but found none; "
                          "--emit=obj needs none";

  // Object, library, messages.
  SmallString<64> paths[3];
  llvm::scope_exit remove([&] {
    for (StringRef path : paths)
      if (!path.empty())
        llvm::sys::fs::remove(path);
  });
  const char *suffixes[3] = {"o", "so", "txt"};
  for (auto [path, suffix] : llvm::zip(paths, suffixes))
    if (std::error_code code = llvm::sys::fs::createTemporaryFile("dashkv", suffix, path))
      return emitError() << "cannot write a temporary file: " << code.message();
  std::error_code code;
  llvm::raw_fd_ostream file(paths[0], code);
  file << object;
  file.close();
  if (code || (code = file.error())) {
    file.clear_error();
    return emitError() << "cannot write " << paths[0] << ": " << code.message();
  }

  SmallVector<StringRef> arguments = {compiler, "-shared", "-o", paths[1], paths[0], "-lm"};
  if (usesOpenMP) // Clang knows where its libomp is
    arguments.push_back(StringRef(compiler).contains("clang") ? "-fopenmp=libomp" : "-lomp");
  std::optional<StringRef> redirects[] = {"", StringRef(paths[2]), StringRef(paths[2])};
  std::string message;
  int status = llvm::sys::ExecuteAndWait(compiler, arguments, std::nullopt, redirects,
                                         /*SecondsToWait=*/0, /*MemoryLimit=*/0, &message);
  if (status) {
    if (auto text = llvm::MemoryBuffer::getFile(paths[2]); text && message.empty())
      message = (*text)->getBuffer().trim().str();
    return emitError() << "cannot link by " << compiler << ": " << message;
  }
  auto library = llvm::MemoryBuffer::getFile(paths[1], /*IsText=*/false,
                                             /*RequiresNullTerminator=*/false);
  if (!library)
    return emitError() << "cannot read " << paths[1] << ": " << library.getError().message();
  os << (*library)->getBuffer();
  return success();
}
