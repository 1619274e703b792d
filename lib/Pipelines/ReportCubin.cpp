//===- ReportCubin.cpp - What ptxas makes of kernels ----------------------===//
#include "Report.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Object/ELF.h"
#include "llvm/Support/Endian.h"

using namespace mlir;
using namespace mlir::dashkv;

namespace {
struct Opcode {
  unsigned bits;
  StringRef name;
};
} // namespace

/// Instructions by their lowest 9 bits (the next 3 are the form of the operands),
/// sorted. No document has them: they were found by assembling PTX of one
/// instruction each for sm_80, sm_90a and sm_120; kernels.py of the PTX tests
/// compares their counts with those of the PTX.
static constexpr Opcode kOpcodes[] = {
    {0x002, "MOV"},       {0x005, "CS2R"},   {0x006, "VOTE"},      {0x007, "SEL"},
    {0x008, "FSEL"},      {0x009, "FMNMX"},  {0x00b, "FSETP"},     {0x00c, "ISETP"},
    {0x010, "IADD3"},     {0x011, "LEA"},    {0x012, "LOP3"},      {0x013, "IABS"},
    {0x016, "PRMT"},      {0x017, "IMNMX"},  {0x019, "SHF"},       {0x01c, "PLOP3"},
    {0x020, "FMUL"},      {0x021, "FADD"},   {0x023, "FFMA"},      {0x024, "IMAD"},
    {0x025, "IMAD"},      {0x026, "IDP"},    {0x027, "IMAD"},      {0x02d, "PREEXIT"},
    {0x02e, "ACQBULK"},   {0x030, "HADD2"},  {0x031, "HFMA2"},     {0x032, "HMUL2"},
    {0x036, "VIADD"},     {0x037, "IMMA"},   {0x03a, "MOVM"},      {0x03b, "LDSM"},
    {0x03c, "HMMA"},      {0x03d, "BMMA"},   {0x03e, "F2FP"},      {0x045, "I2FP"},
    {0x046, "VIMNMX"},    {0x048, "VIMNMX"}, {0x082, "UMOV"},      {0x086, "VOTEU"},
    {0x08c, "UISETP"},    {0x090, "UIADD3"}, {0x091, "ULEA"},      {0x092, "ULOP3"},
    {0x099, "USHF"},      {0x0b9, "LDCU"},   {0x0bd, "UFLO"},      {0x0bf, "UPOPC"},
    {0x100, "FLO"},       {0x101, "BREV"},   {0x104, "F2F"},       {0x105, "F2I"},
    {0x106, "I2F"},       {0x108, "MUFU"},   {0x109, "POPC"},      {0x118, "NOP"},
    {0x119, "S2R"},       {0x11a, "DEPBAR"}, {0x11d, "BAR"},       {0x141, "BSYNC"},
    {0x144, "CALL"},      {0x145, "BSSY"},   {0x147, "BRA"},       {0x148, "WARPSYNC"},
    {0x14d, "EXIT"},      {0x150, "RET"},    {0x15d, "NANOSLEEP"}, {0x180, "LD"},
    {0x181, "LDG"},       {0x182, "LDC"},    {0x183, "LDL"},       {0x184, "LDS"},
    {0x185, "ST"},        {0x186, "STG"},    {0x187, "STL"},       {0x188, "STS"},
    {0x189, "SHFL"},      {0x18c, "ATOMS"},  {0x18d, "ATOMS"},     {0x18e, "RED"},
    {0x18f, "CCTL"},      {0x192, "MEMBAR"}, {0x1a1, "MATCH"},     {0x1a7, "SYNCS"},
    {0x1a8, "ATOMG"},     {0x1ab, "ERRBAR"}, {0x1ac, "LDCU"},      {0x1ae, "LDGSTS"},
    {0x1af, "LDGDEPBAR"}, {0x1ba, "UBLKCP"}, {0x1c3, "S2UR"},      {0x1c4, "REDUX"},
};

static std::string nameOpcode(unsigned bits) {
  const Opcode *found =
      llvm::lower_bound(kOpcodes, bits & 0x1ff, [](Opcode a, unsigned b) { return a.bits < b; });
  if (found != std::end(kOpcodes) && found->bits == (bits & 0x1ff))
    return found->name.str();
  return "0x" + llvm::utohexstr(bits, /*LowerCase=*/true);
}

/// The number before `what` in `text`, as in "0 bytes spill stores".
static int64_t numberBefore(StringRef text, StringRef what) {
  size_t at = text.find(what);
  int64_t value = 0;
  if (at != StringRef::npos) {
    StringRef number = text.take_front(at).rtrim();
    number = number.take_back(number.size() - number.find_last_not_of("0123456789") - 1);
    number.getAsInteger(10, value);
  }
  return value;
}

/// The sections of code, `.text.NAME`.
static void readCode(StringRef cubin, std::map<std::string, MachineKernel> &kernels) {
  using ELF = llvm::object::ELFFile<llvm::object::ELF64LE>;
  llvm::Expected<ELF> file = ELF::create(cubin);
  if (!file)
    return llvm::consumeError(file.takeError());
  auto sections = file->sections();
  if (!sections)
    return llvm::consumeError(sections.takeError());
  for (const auto &section : *sections) {
    auto name = file->getSectionName(section);
    auto code = file->getSectionContents(section);
    if (!name || !code) {
      llvm::consumeError(name.takeError());
      llvm::consumeError(code.takeError());
      continue;
    }
    StringRef kernel = *name;
    auto found = kernel.consume_front(".text.") ? kernels.find(kernel.str()) : kernels.end();
    if (found == kernels.end())
      continue;
    constexpr size_t size = 16;
    for (size_t at = 0; at + size <= code->size(); at += size) {
      unsigned bits = llvm::support::endian::read16le(code->data() + at) & 0xfff;
      std::string opcode = nameOpcode(bits);
      if (opcode == "NOP") // fills up the end
        continue;
      ++found->second.mix[opcode];
      ++found->second.instructions;
    }
  }
}

std::map<std::string, MachineKernel> mlir::dashkv::readCubin(StringRef log, StringRef cubin) {
  std::map<std::string, MachineKernel> kernels;
  MachineKernel *kernel = nullptr;
  while (!log.empty()) {
    StringRef line;
    std::tie(line, log) = log.split('\n');
    if (size_t at = line.find("Function properties for "); at != StringRef::npos)
      kernel = &kernels[line.drop_front(at).rsplit(' ').second.trim().str()];
    if (!kernel)
      continue;
    if (line.contains("bytes stack frame")) {
      kernel->stack = numberBefore(line, " bytes stack frame");
      kernel->spillStores = numberBefore(line, " bytes spill stores");
      kernel->spillLoads = numberBefore(line, " bytes spill loads");
    } else if (line.contains(" registers")) {
      kernel->registers = numberBefore(line, " registers");
    }
  }
  readCode(cubin, kernels);
  return kernels;
}
