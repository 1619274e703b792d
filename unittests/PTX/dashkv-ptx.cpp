//===- dashkv-ptx.cpp - What a PTX module contains ------------------------===//
//
// dashkv-ptx [file]: parses PTX, from the standard input without a file, and
// prints for each kernel its limits and the number of instructions by opcode.
// The exit status is 1 when the interpreter does not know something in it.
//
//===----------------------------------------------------------------------===//
#include "PTXInterpreter.h"
#include "PTXModule.h"
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>

int main(int argc, char **argv) {
  if (argc > 2) {
    std::fprintf(stderr, "usage: %s [file.ptx]\n", argv[0]);
    return 2;
  }
  std::string text;
  if (argc == 2) {
    std::ifstream file(argv[1]);
    if (!file) {
      std::fprintf(stderr, "%s: cannot read %s\n", argv[0], argv[1]);
      return 2;
    }
    text.assign(std::istreambuf_iterator<char>(file), {});
  } else {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
  }
  ptx::Interpreter interpreter;
  if (!interpreter.load(text)) {
    std::fprintf(stderr, "%s\n", interpreter.getError().c_str());
    return 1;
  }
  for (const auto &[name, kernel] : interpreter.getModule().kernels) {
    std::printf("%s: %zu instructions, %llu bytes of shared memory, at most %u threads\n",
                name.c_str(), kernel->code.size(),
                static_cast<unsigned long long>(kernel->staticShared), kernel->maxThreads);
    std::map<std::string, unsigned> counts;
    for (const ptx::Instruction &inst : kernel->code)
      ++counts[inst.name];
    std::vector<std::pair<std::string, unsigned>> sorted(counts.begin(), counts.end());
    std::sort(sorted.begin(), sorted.end(), [](const auto &a, const auto &b) {
      return a.second != b.second ? a.second > b.second : a.first < b.first;
    });
    for (const auto &[opcode, count] : sorted)
      std::printf("%8u %s\n", count, opcode.c_str());
  }
}
