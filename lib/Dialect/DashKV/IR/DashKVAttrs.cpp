//===- DashKVAttrs.cpp - Text, verification and budgets of #dashkv.tiering ===//
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::dashkv;

namespace {
constexpr int64_t kMillion = 1000000;

/// All fields, in the order of the attribute's parameters. One table of names
/// serves the parser, the printer and the command-line form.
struct Fields {
  int64_t full = 50000, fullMin = 128, fullMax = TieringAttr::none;
  int64_t mid = 0, midMin = 0, midMax = TieringAttr::none;
  int64_t sinks = 4, window = 64;
  Scope scope = Scope::Group;
  Ties ties = Ties::LowestIndex;
  int64_t bitsFraction = 2, voteThreshold = TieringAttr::none, voteFraction = TieringAttr::none;
  int64_t denseBelow = 4096, keptVotes = 1;

  struct Entry {
    StringRef name;
    int64_t Fields::*member;
    bool fraction;
  };
  static ArrayRef<Entry> getEntries() {
    static const Entry entries[] = {
        {"full", &Fields::full, true},
        {"full_min", &Fields::fullMin, false},
        {"full_max", &Fields::fullMax, false},
        {"mid", &Fields::mid, true},
        {"mid_min", &Fields::midMin, false},
        {"mid_max", &Fields::midMax, false},
        {"sinks", &Fields::sinks, false},
        {"window", &Fields::window, false},
        {"bits_fraction", &Fields::bitsFraction, false},
        {"vote_threshold", &Fields::voteThreshold, false},
        {"vote_fraction", &Fields::voteFraction, true},
        {"dense_below", &Fields::denseBelow, false},
        {"kept_votes", &Fields::keptVotes, false},
    };
    return entries;
  }
  static const Entry *find(StringRef name) {
    for (const Entry &entry : getEntries())
      if (entry.name == name)
        return &entry;
    return nullptr;
  }
  static std::string getNames() {
    std::string names;
    for (const Entry &entry : getEntries())
      names += entry.name.str() + ", ";
    return names + "scope, ties";
  }

  TieringAttr get(MLIRContext *context, function_ref<InFlightDiagnostic()> emitError) const {
    return TieringAttr::getChecked(emitError, context, full, fullMin, fullMax, mid, midMin, midMax,
                                   sinks, window, scope, ties, bitsFraction, voteThreshold,
                                   voteFraction, denseBelow, keptVotes);
  }
};
} // namespace

static int64_t toMillionths(double fraction) {
  return static_cast<int64_t>(std::llround(fraction * kMillion));
}

static std::string printFraction(int64_t millionths) {
  std::string text = llvm::formatv("{0}.{1,0+6}", millionths / kMillion, millionths % kMillion);
  while (text.back() == '0' && text[text.size() - 2] != '.')
    text.pop_back();
  return text;
}

Attribute TieringAttr::parse(AsmParser &parser, Type) {
  Fields fields;
  SMLoc begin = parser.getCurrentLocation();
  llvm::SmallDenseSet<StringRef> seen;
  auto parseField = [&]() -> ParseResult {
    StringRef name;
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseKeyword(&name))
      return failure();
    const Fields::Entry *entry = Fields::find(name);
    if (!entry && name != "scope" && name != "ties")
      return parser.emitError(loc) << "expected a field of #dashkv.tiering (" << Fields::getNames()
                                   << "), but got '" << name << "'";
    if (!seen.insert(name).second)
      return parser.emitError(loc) << "expected each field once, but got '" << name << "' again";
    if (parser.parseEqual())
      return failure();
    loc = parser.getCurrentLocation();
    if (entry && entry->fraction) {
      double fraction;
      if (parser.parseFloat(fraction))
        return failure();
      if (!(fraction >= 0 && fraction <= 1)) // c6
        return parser.emitError(loc) << "expected " << name << " in [0, 1], but got " << fraction;
      fields.*entry->member = toMillionths(fraction);
      return success();
    }
    if (entry)
      return parser.parseInteger(fields.*entry->member);
    StringRef value;
    if (parser.parseKeyword(&value))
      return failure();
    if (name == "scope") {
      std::optional<Scope> scope = symbolizeScope(value);
      if (!scope)
        return parser.emitError(loc) << "expected group or head, but got " << value;
      fields.scope = *scope;
      return success();
    }
    std::optional<Ties> ties = symbolizeTies(value);
    if (!ties)
      return parser.emitError(loc)
             << "expected lowest_index, newest or inclusive, but got " << value;
    fields.ties = *ties;
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater, parseField))
    return {};
  return fields.get(parser.getContext(), [&] { return parser.emitError(begin); });
}

void TieringAttr::print(AsmPrinter &printer) const {
  Fields defaults, fields{getFull(),         getFullMin(),    getFullMax(),      getMid(),
                          getMidMin(),       getMidMax(),     getSinks(),        getWindow(),
                          getScope(),        getTies(),       getBitsFraction(), getVoteThreshold(),
                          getVoteFraction(), getDenseBelow(), getKeptVotes()};
  SmallVector<std::string> parts;
  for (const Fields::Entry &entry : Fields::getEntries()) {
    int64_t value = fields.*entry.member;
    if (value != defaults.*entry.member)
      parts.push_back(
          (entry.name + " = " + (entry.fraction ? printFraction(value) : Twine(value).str()))
              .str());
  }
  if (fields.scope != defaults.scope)
    parts.push_back(("scope = " + stringifyScope(fields.scope)).str());
  if (fields.ties != defaults.ties)
    parts.push_back(("ties = " + stringifyTies(fields.ties)).str());
  printer << "<" << llvm::join(parts, ", ") << ">";
}

TieringAttr TieringAttr::getDefault(MLIRContext *context) {
  return Fields().get(context, [&] { return emitError(UnknownLoc::get(context)); });
}

FailureOr<TieringAttr> TieringAttr::parseText(MLIRContext *context, StringRef text,
                                              std::string &error) {
  Fields fields;
  SmallVector<StringRef> items;
  llvm::SmallDenseSet<StringRef> seen;
  text.split(items, ',', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (StringRef item : items) {
    StringRef name = item.split('=').first.trim(), value = item.split('=').second.trim();
    auto bad = [&](StringRef wanted) {
      error = ("expected " + wanted + " for " + name + ", but got '" + value + "'").str();
      return failure();
    };
    if (!seen.insert(name).second) {
      error = ("expected each field once, but got '" + name + "' again").str();
      return failure();
    }
    if (name == "scope") {
      std::optional<Scope> scope = symbolizeScope(value);
      if (!scope)
        return bad("group or head");
      fields.scope = *scope;
      continue;
    }
    if (name == "ties") {
      std::optional<Ties> ties = symbolizeTies(value);
      if (!ties)
        return bad("lowest_index, newest or inclusive");
      fields.ties = *ties;
      continue;
    }
    const Fields::Entry *entry = Fields::find(name);
    if (!entry) {
      error =
          "expected a field of tiering (" + Fields::getNames() + "), but got '" + name.str() + "'";
      return failure();
    }
    if (entry->fraction) {
      double fraction;
      StringRef number = value;
      bool percent = number.consume_back("%");
      if (number.getAsDouble(fraction))
        return bad("a fraction or a percentage");
      if (percent)
        fraction /= 100;
      if (!(fraction >= 0 && fraction <= 1)) // c6
        return bad("a fraction in [0, 1]");
      fields.*entry->member = toMillionths(fraction);
    } else if (value.getAsInteger(10, fields.*entry->member)) {
      return bad("an integer");
    }
  }
  ScopedDiagnosticHandler handler(context, [&](Diagnostic &diagnostic) {
    error = diagnostic.str();
    return success();
  });
  TieringAttr result = fields.get(context, [&] { return emitError(UnknownLoc::get(context)); });
  if (!result)
    return failure();
  return result;
}

LogicalResult TieringAttr::verify(function_ref<InFlightDiagnostic()> emitError, int64_t full,
                                  int64_t fullMin, int64_t fullMax, int64_t mid, int64_t midMin,
                                  int64_t midMax, int64_t sinks, int64_t window, Scope, Ties,
                                  int64_t bitsFraction, int64_t voteThreshold, int64_t voteFraction,
                                  int64_t denseBelow, int64_t keptVotes) {
  auto inUnit = [](int64_t millionths) { return millionths >= 0 && millionths <= kMillion; };
  if (!inUnit(full) || !inUnit(mid) || (voteFraction != none && !inUnit(voteFraction))) // c6
    return emitError() << "expected fractions in [0, 1]";
  // Keys are counted in i32, and what lowerings compute from the fields in i64.
  for (auto [name, value, low] : {std::tuple("full_min", fullMin, 0),
                                  {"full_max", fullMax, none},
                                  {"mid_min", midMin, 0},
                                  {"mid_max", midMax, none},
                                  {"sinks", sinks, 0},
                                  {"window", window, 0},
                                  {"dense_below", denseBelow, 0},
                                  {"kept_votes", keptVotes, 1},
                                  {"vote_threshold", voteThreshold, none}})
    if (value < low || value > std::numeric_limits<int32_t>::max()) // c6
      return emitError() << "expected " << name << " >= " << std::max<int64_t>(low, 0)
                         << " and below 2^31, but got " << value;
  for (auto [name, min, max] : {std::tuple("full", fullMin, fullMax), {"mid", midMin, midMax}})
    if (max != none && min > max) // c6
      return emitError() << "expected " << name << "_min <= " << name << "_max, but got " << min
                         << " and " << max;
  if (bitsFraction < 0 || bitsFraction > 6) // 256 << 6 is the largest that fits i16
    return emitError() << "expected bits_fraction in 0 to 6, but got " << bitsFraction;
  return success();
}

static int64_t getBudget(int64_t millionths, int64_t min, int64_t max, int64_t limit) {
  // Lengths are i32; larger static sizes are never used, but must not overflow.
  limit = std::min<int64_t>(limit, std::numeric_limits<int32_t>::max());
  int64_t budget =
      llvm::divideCeil(static_cast<uint64_t>(millionths * limit), static_cast<uint64_t>(kMillion));
  budget = std::max(budget, min);
  return max == TieringAttr::none ? budget : std::min(budget, max);
}

int64_t TieringAttr::getFullBudget(int64_t limit) const {
  return getBudget(getFull(), getFullMin(), getFullMax(), limit);
}
int64_t TieringAttr::getMidBudget(int64_t limit) const {
  return getBudget(getMid(), getMidMin(), getMidMax(), limit);
}

int64_t TieringAttr::getFullCapacity(int64_t keys, bool hasForced) const {
  if (hasForced || getTies() == Ties::Inclusive)
    return keys;
  return std::min(keys, getSinks() + getWindow() + getFullBudget(keys));
}
int64_t TieringAttr::getMidCapacity(int64_t keys) const {
  return getTies() == Ties::Inclusive ? keys : std::min(keys, getMidBudget(keys));
}

//===----------------------------------------------------------------------===//
// TileConfigAttr
//===----------------------------------------------------------------------===//

LogicalResult TileConfigAttr::verify(function_ref<InFlightDiagnostic()> emitError, int64_t vector,
                                     int64_t keys, int64_t splits, ScanForm, Prefetch, ListFetch) {
  if (vector != 32 && vector != 64)
    return emitError() << "expected vectors of 32 or 64 bytes, but got " << vector;
  int64_t lanes = vector / 4;
  if (keys < lanes || keys % lanes != 0)
    return emitError() << "expected keys of a block in multiples of " << lanes << ", but got "
                       << keys;
  if (splits < 1)
    return emitError() << "expected splits >= 1, but got " << splits;
  return success();
}
