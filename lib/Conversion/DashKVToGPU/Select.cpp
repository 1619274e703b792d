//===- Select.cpp - Launches of calibrate, select and retrieve ------------===//
//
// Distances that are summed and counted by the scan go straight to compaction.
// Where votes or a prior change them, or where heads or rows are too many or
// unknown, heads are scanned apart, calibrated and summed to values in i32,
// whose thresholds take a pass a digit.
//
//===----------------------------------------------------------------------===//
#include "Retrieve.h"
#include "llvm/Support/MathExtras.h"
#include <limits>

using namespace mlir;
using namespace mlir::dashkv;
using Access = LaunchBuilder::Access;

namespace {
/// Sizes and results of a selection. Sizes are index.
struct Selection {
  const RetrieveBuffers &buffers;
  TieringAttr tiering;
  Value batch, lists, queries, keys, pitch;
  Value rows;   ///< of a batch entry: lists * queries
  Value chunks; ///< of a row
  /// Workspaces and arguments of counting.
  CountArguments count;

  Selection(const RetrieveBuffers &buffers, TieringAttr tiering, Value keys, LaunchBuilder &b);
  CountSpec getCountSpec() const;
  /// Sets `chunks` and `count`, where `ctas` CTAs have a chunk each.
  void prepare(Value ctas, int64_t bins, LaunchBuilder &b);
  void launchCompaction(const RowValues &values, LaunchBuilder &b) const;
  /// Counts the digits of values in i32 that fit `bits` bits, then compacts.
  void launchOnValues(const RowValues &values, unsigned bits, LaunchBuilder &b);
};
} // namespace

static Value getPitch(Value keys, LaunchBuilder &b) {
  return b.mul(b.ceilDiv(keys, b.index(kPitchKeys)), b.index(kPitchKeys));
}

Selection::Selection(const RetrieveBuffers &buffers, TieringAttr tiering, Value keys,
                     LaunchBuilder &b)
    : buffers(buffers), tiering(tiering), batch(b.dim(buffers.fullIndices, 0)),
      lists(b.dim(buffers.fullIndices, 1)), queries(b.dim(buffers.fullIndices, 2)), keys(keys),
      pitch(getPitch(keys, b)), rows(b.mul(lists, queries)) {}

CountSpec Selection::getCountSpec() const {
  CountSpec spec;
  spec.kind = CountSpec::Tiers;
  spec.mid = static_cast<bool>(buffers.midIndices);
  spec.ties = tiering.getTies();
  return spec;
}

/// Workspaces of `rows` rows that are counted by `counters` groups of CTAs.
static void allocateCounts(CountArguments &count, Value rows, Value chunks, Value counters,
                           int64_t bins, LaunchBuilder &b) {
  Type i32 = b.getI32Type();
  Value slots = b.mul(rows, chunks);
  count.histogram = b.workspace(i32, b.mul(slots, b.index(bins + 1)));
  count.counters = b.workspace(i32, counters, /*init=*/0);
  count.states = b.workspace(i32, b.mul(rows, b.index(kStateWords)));
  count.chunkStates = b.workspace(i32, b.mul(slots, b.index(kChunkWords)));
}

void Selection::prepare(Value ctas, int64_t bins, LaunchBuilder &b) {
  chunks = chooseChunks(b, keys, ctas);
  allocateCounts(count, b.mul(batch, rows), chunks, ctas, bins, b);
  auto limit = [&](int64_t max) {
    constexpr int64_t most = std::numeric_limits<int32_t>::max();
    return b.i32(max == TieringAttr::none ? most : std::min(max, most));
  };
  count.fullCounts = b.pointer(buffers.fullCounts, Access::Write);
  count.fullThreshold = b.pointer(buffers.fullThreshold, Access::Write);
  count.fullCapacity = b.i32(b.dim(buffers.fullIndices, 3));
  count.full = b.i32(tiering.getFull());
  count.fullMin = limit(tiering.getFullMin());
  count.fullMax = limit(tiering.getFullMax());
  if (buffers.midIndices) {
    count.midCounts = b.pointer(buffers.midCounts, Access::Write);
    count.midThreshold = b.pointer(buffers.midThreshold, Access::Write);
    count.midCapacity = b.i32(b.dim(buffers.midIndices, 3));
    count.mid = b.i32(tiering.getMid());
    count.midMin = limit(tiering.getMidMin());
    count.midMax = limit(tiering.getMidMax());
  }
  count.sinks = limit(tiering.getSinks());
  count.window = limit(tiering.getWindow());
  count.shift = b.i32(tiering.getBitsFraction());
}

void Selection::launchCompaction(const RowValues &values, LaunchBuilder &b) const {
  CompactOperands operands;
  operands.values = values;
  operands.lengths = buffers.lengths;
  operands.forced = buffers.forced;
  operands.states = count.states;
  operands.chunkStates = count.chunkStates;
  operands.fullIndices = b.pointer(buffers.fullIndices, Access::Write);
  operands.fullCapacity = count.fullCapacity;
  if (buffers.midIndices) {
    operands.midIndices = b.pointer(buffers.midIndices, Access::Write);
    operands.midCapacity = count.midCapacity;
  }
  operands.batch = batch;
  operands.rows = rows;
  operands.queries = queries;
  operands.keys = keys;
  operands.chunks = chunks;
  operands.sinks = count.sinks;
  operands.window = count.window;
  Value words;
  if (buffers.kept) {
    words = b.ceilDiv(lists, b.index(32));
    Value size = b.mul(b.mul(batch, words), keys);
    operands.kept = b.workspace(b.getI32Type(), size, /*init=*/0);
  }
  launchCompact(operands, b);
  if (buffers.kept)
    launchKept(operands.kept, words, buffers.kept, tiering.getKeptVotes(), b);
}

void Selection::launchOnValues(const RowValues &values, unsigned bits, LaunchBuilder &b) {
  prepare(b.mul(batch, rows), /*bins=*/256, b);
  DigitOperands operands;
  operands.values = values;
  operands.lengths = buffers.lengths;
  operands.forced = buffers.forced;
  operands.batch = batch;
  operands.rows = rows;
  operands.queries = queries;
  operands.keys = keys;
  operands.chunks = chunks;
  operands.count = count;
  CountSpec spec = getCountSpec();
  spec.digits = llvm::divideCeil(bits, 8);
  for (spec.second = false;; spec.second = true) {
    for (spec.digit = 0; spec.digit < spec.digits; ++spec.digit)
      launchDigitPass(spec, operands, b);
    if (spec.second || !spec.mid)
      break;
  }
  launchCompaction(values, b);
}

/// Bits of a sum of i16 over `heads` heads, perhaps dynamic.
static unsigned getSumBits(Value heads) {
  std::optional<int64_t> known = getConstantIntValue(heads);
  return known ? std::min<unsigned>(32, 16 + llvm::Log2_64_Ceil(*known)) : 32;
}

/// Votes that must be exceeded.
static Value getVoteThreshold(TieringAttr tiering, Value codeHeads, LaunchBuilder &b) {
  if (tiering.getVoteThreshold() == TieringAttr::none)
    return b.floorDiv(codeHeads, b.index(3));
  return b.index(tiering.getVoteThreshold());
}

/// Rows of `pitch` elements.
static RowValues allocateRows(Value rows, Value pitch, unsigned bits, LaunchBuilder &b) {
  return {b.workspace(b.getIntegerType(bits), b.mul(rows, pitch)), pitch};
}

//===----------------------------------------------------------------------===//
// retrieve
//===----------------------------------------------------------------------===//

LogicalResult mlir::dashkv::launchRetrieve(const RetrieveBuffers &buffers, TieringAttr tiering,
                                           LaunchBuilder &b) {
  bool planes = CodeForm::arePlanes(buffers.keyCodes.getType());
  Value keys = b.dim(buffers.keyCodes, 2);
  if (planes)
    keys = b.mul(keys, b.index(CodeForm::blockKeys));
  Selection selection(buffers, tiering, keys, b);
  Value batch = selection.batch, queries = selection.queries, pitch = selection.pitch;
  Value codeHeads = b.dim(buffers.queryCodes, 1), kvHeads = b.dim(buffers.keyCodes, 1);
  Value heads = b.floorDiv(codeHeads, kvHeads); // of a KV head

  ScanSpec spec = getScanSpec(buffers.queryCodes, buffers.keyCodes, buffers.lengths);
  ScanOperands scan;
  scan.queryCodes = buffers.queryCodes;
  scan.keyCodes = buffers.keyCodes;
  scan.lengths = buffers.lengths;
  scan.pitch = pitch;
  scan.batch = batch;
  scan.kvHeads = kvHeads;
  scan.keys = keys;
  scan.queries = queries;
  auto getCTAs = [&] { // with a chunk each
    Value tiles = b.ceilDiv(scan.rows, b.index(spec.rowTile));
    return b.mul(b.mul(batch, kvHeads), tiles);
  };
  auto getKnown = [](Value size) {
    return getConstantIntValue(size).value_or(ShapedType::kDynamic);
  };

  bool group = tiering.getScope() == Scope::Group;
  std::optional<int64_t> summands = group ? getConstantIntValue(heads) : 1;
  if (summands && !buffers.voteDiscount && !buffers.prior) {
    spec.summands = *summands;
    spec.count = selection.getCountSpec();
    spec.hasForced = static_cast<bool>(buffers.forced);
    scan.forced = buffers.forced;
    scan.rows = group ? queries : b.mul(heads, queries);
    if (succeeded(chooseRowTile(b.getContext(), spec, getKnown(scan.rows)))) {
      selection.prepare(getCTAs(), spec.getBins(), b);
      RowValues distances =
          allocateRows(b.mul(batch, selection.rows), pitch, spec.getDistanceBits(), b);
      scan.distances = distances.pointer;
      scan.chunks = selection.chunks;
      scan.count = selection.count;
      launchScan(spec, scan, b);
      selection.launchCompaction(distances, b);
      return success();
    }
  }

  // A row a code head.
  spec.summands = 1;
  spec.hasForced = false;
  spec.count = CountSpec();
  if (buffers.voteDiscount && !buffers.radius)
    spec.count.kind = CountSpec::Radius;
  scan.rows = b.mul(heads, queries);
  if (failed(chooseRowTile(b.getContext(), spec, getKnown(scan.rows))))
    llvm_unreachable("the distances of a code head are few");
  Value ctas = getCTAs(), codeRows = b.mul(b.mul(batch, codeHeads), queries);
  scan.chunks = chooseChunks(b, keys, ctas);
  RowValues distances = allocateRows(codeRows, pitch, spec.getDistanceBits(), b);
  scan.distances = distances.pointer;
  if (spec.count.kind == CountSpec::Radius) {
    allocateCounts(scan.count, codeRows, scan.chunks, ctas, spec.getBins(), b);
    scan.count.radius = b.workspace(b.getI32Type(), codeRows);
    scan.count.full = b.i32(tiering.getVoteFractionOrFull());
  }
  launchScan(spec, scan, b);

  CalibrateOperands calibrate;
  calibrate.distances = distances;
  calibrate.lengths = buffers.lengths;
  calibrate.prior = buffers.prior;
  calibrate.voteDiscount = buffers.voteDiscount;
  calibrate.priorDiscount = buffers.priorDiscount;
  if (buffers.voteDiscount) {
    calibrate.radius = buffers.radius ? b.pointer(buffers.radius) : scan.count.radius;
    calibrate.voteThreshold = getVoteThreshold(tiering, codeHeads, b);
  }
  calibrate.out = allocateRows(b.mul(batch, selection.rows), pitch, 32, b);
  calibrate.batch = batch;
  calibrate.heads = codeHeads;
  calibrate.queries = queries;
  calibrate.keys = keys;
  calibrate.perList = b.floorDiv(codeHeads, selection.lists);
  calibrate.shift = tiering.getBitsFraction();
  launchCalibrate(calibrate, b);
  selection.launchOnValues(calibrate.out, getSumBits(calibrate.perList), b);
  return success();
}

LogicalResult mlir::dashkv::lowerToLaunches(RetrieveOp op, LaunchBuilder &b) {
  RetrieveBuffers buffers{op.getQueryCodes(),    op.getKeyCodes(),      op.getLengths(),
                          op.getForced(),        op.getPrior(),         op.getVoteDiscount(),
                          op.getPriorDiscount(), op.getRadius(),        op.getFullIndices(),
                          op.getFullCounts(),    op.getFullThreshold(), op.getMidIndices(),
                          op.getMidCounts(),     op.getMidThreshold(),  op.getKeptInit()};
  return launchRetrieve(buffers, op.getTiering(), b);
}

//===----------------------------------------------------------------------===//
// calibrate and select alone
//===----------------------------------------------------------------------===//

LogicalResult mlir::dashkv::lowerToLaunches(CalibrateOp op, LaunchBuilder &b) {
  TieringAttr tiering = op.getTiering();
  Value distances = op.getDistances();
  CalibrateOperands operands;
  operands.batch = b.dim(distances, 0);
  operands.heads = b.dim(distances, 1);
  operands.queries = b.dim(distances, 2);
  operands.keys = b.dim(distances, 3);
  operands.distances = {b.pointer(distances), operands.keys};
  operands.prior = op.getPrior();
  operands.voteDiscount = op.getVoteDiscount();
  operands.priorDiscount = op.getPriorDiscount();
  operands.perList = b.index(1);
  operands.shift = tiering.getBitsFraction();
  if (op.getVoteDiscount()) {
    operands.voteThreshold = getVoteThreshold(tiering, operands.heads, b);
    if (op.getRadius()) {
      operands.radius = b.pointer(op.getRadius());
    } else {
      DigitOperands count;
      count.values = operands.distances;
      count.lengths = op.getLengths();
      count.batch = operands.batch;
      count.rows = b.mul(operands.heads, operands.queries);
      count.queries = operands.queries;
      count.keys = operands.keys;
      Value rows = b.mul(operands.batch, count.rows);
      count.chunks = chooseChunks(b, operands.keys, rows);
      allocateCounts(count.count, rows, count.chunks, rows, /*bins=*/256, b);
      count.count.radius = operands.radius = b.workspace(b.getI32Type(), rows);
      count.count.full = b.i32(tiering.getVoteFractionOrFull());
      CountSpec spec;
      spec.kind = CountSpec::Radius;
      spec.digits = operands.distances.getBits() / 8;
      for (spec.digit = 0; spec.digit < spec.digits; ++spec.digit)
        launchDigitPass(spec, count, b);
    }
  }
  operands.out = {b.pointer(op.getInit(), Access::Write), operands.keys};
  launchCalibrate(operands, b); // of all keys, also of those past the lengths
  return success();
}

LogicalResult mlir::dashkv::lowerToLaunches(SelectOp op, LaunchBuilder &b) {
  RetrieveBuffers buffers;
  buffers.lengths = op.getLengths();
  buffers.forced = op.getForced();
  buffers.fullIndices = op.getFullIndices();
  buffers.fullCounts = op.getFullCounts();
  buffers.fullThreshold = op.getFullThreshold();
  buffers.midIndices = op.getMidIndices();
  buffers.midCounts = op.getMidCounts();
  buffers.midThreshold = op.getMidThreshold();
  buffers.kept = op.getKeptInit();
  Value distances = op.getDistances(), keys = b.dim(distances, 3);
  Selection selection(buffers, op.getTiering(), keys, b);

  // Sums over the heads of a list, on rows that start where vectors do.
  CalibrateOperands sum;
  sum.distances = {b.pointer(distances), keys};
  sum.lengths = op.getLengths();
  sum.batch = selection.batch;
  sum.heads = b.dim(distances, 1);
  sum.queries = selection.queries;
  sum.keys = keys;
  sum.perList = b.floorDiv(sum.heads, selection.lists);
  sum.out = allocateRows(b.mul(selection.batch, selection.rows), selection.pitch, 32, b);
  launchCalibrate(sum, b);
  selection.launchOnValues(sum.out, getSumBits(sum.perList), b);
  return success();
}
