//===- Decode.cpp - The decode kernel: constants and frame ----------------===//
#include "Decode.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpIPredicate;

//===----------------------------------------------------------------------===//
// DecodeSpec
//===----------------------------------------------------------------------===//

int64_t DecodeSpec::getPlanes() const { return llvm::Log2_64(getMaxWeight()) + 1; }

bool DecodeSpec::isExactUpTo(int64_t top) const {
  if (getMaxDistance() <= top)
    return true;
  return !weighted && getMaxDistance() - getMaxWeight() < top;
}

AttendShape DecodeSpec::getTile(int64_t i) const {
  AttendShape tile = attend;
  tile.columns = std::min<int64_t>(8, group - 8 * i);
  return tile;
}

/// Barriers of the ring: up to 16 of 8 bytes that say full, then as many that
/// say empty.
static constexpr int64_t kBarrierWords = 64;
/// Counts of the warps: keys below a threshold and at it, of two thresholds.
static constexpr int64_t kCountWords = 4 * DecodeSpec::kWarps;

int64_t DecodeSpec::getStaticWords() const {
  // Histograms of this CTA, of all, of those before; signs and planes, the
  // union of the weights, the constant and the sum of the weights of a word;
  // the query.
  return kBarrierWords + 3 * getBins() + getQueryWords() + kCountWords +
         getWords() * (4 + getPlanes());
}

int64_t DecodeSpec::getPartialWords() const {
  int64_t partials = 0;
  if (split)
    partials = getOutputWords(0) + kMaxSplits * getStatWords(0);
  return AttendEmitter::getPartialWords(attend, kWarps) + partials;
}

std::string DecodeSpec::getName() const {
  std::string name;
  llvm::raw_string_ostream os(name);
  os << "dashkv_decode_" << attend.query;
  if (attend.key != attend.query)
    os << "_k" << attend.key;
  if (attend.value != attend.query)
    os << "_v" << attend.value;
  os << "_d" << attend.depth;
  if (attend.valueDepth != attend.depth)
    os << "x" << attend.valueDepth;
  os << "_g" << group << "_m" << queries << "_l" << bits << (weighted ? "w" : "p") << codeHeads;
  os << (newest ? "_newest" : "") << (hasLengths ? lengthsLate ? "_late_lengths" : "_lengths" : "")
     << (hasKept ? "_kept" : "") << (early ? "" : "_late");
  if (keyStride != attend.depth * attend.key.getIntOrFloatBitWidth() / 8 ||
      valueStride != attend.valueDepth * attend.value.getIntOrFloatBitWidth() / 8)
    os << "_rows" << keyStride << "x" << valueStride;
  if (pageRows)
    os << "_pages" << pageRows << "x" << keyPage << "x" << valuePage;
  if (mid)
    os << "_mid" << (hasCodeScale ? "_scale" : "");
  if (tableHeads > 0)
    os << "_table" << tableHeads;
  if (out != attend.query)
    os << "_to_" << out;
  os << (hasLse ? "_lse" : "") << (split ? "_split" : "");
  return name;
}

SmallVector<DecodeSpec::Parameter> DecodeSpec::getParameters(MLIRContext *context) const {
  Builder b(context);
  Type i8 = b.getI8Type(), i32 = b.getI32Type(), i64 = b.getI64Type(), f32 = b.getF32Type();
  SmallVector<Parameter> result;
  using P = KernelParameter;
  auto buffer = [&](StringRef name, Type type, P::Kind kind = P::Buffer) {
    result.push_back({name, {type, kind}});
  };
  buffer("query_codes", i8);
  buffer("key_codes", i8, P::Constant);
  buffer("query", attend.query, P::Aligned);
  buffer("key", attend.key, P::Constant);
  buffer("value", attend.value, P::Constant);
  if (hasLengths)
    buffer("lengths", i32);
  if (pageRows) {
    buffer("block_table", i32);
    buffer("blocks", i32, P::Scalar);
  }
  if (hasScales) {
    buffer("key_scale", f32);
    buffer("value_scale", f32);
  }
  if (mid) {
    buffer("temperature", f32);
    buffer("bias", f32);
  }
  if (hasCodeScale)
    buffer("code_scale", f32);
  if (tableHeads > 0)
    buffer("table", f32);
  buffer("out", out);
  if (hasLse)
    buffer("lse", f32);
  if (hasKept)
    buffer("kept", b.getI1Type());
  if (split)
    buffer("boxes", i32);
  for (StringRef name : {"keys", "full", "full_min", "full_max", "sinks", "window", "dense_below",
                         "full_words", "distance_bytes", "stages"})
    buffer(name, i32, P::Scalar);
  if (mid)
    for (StringRef name : {"mid", "mid_min", "mid_max", "mid_words"})
      buffer(name, i32, P::Scalar);
  for (StringRef name :
       {"query_batch", "query_head", "query_row", "out_batch", "out_head", "out_row"})
    buffer(name, i32, P::Scalar);
  for (StringRef name : {"key_batch", "key_head", "value_batch", "value_head"})
    buffer(name, i64, P::Scalar);
  buffer("scale", f32, P::Scalar);
  return result;
}

//===----------------------------------------------------------------------===//
// Helpers
//===----------------------------------------------------------------------===//

DecodeEmitter::DecodeEmitter(const DecodeSpec &spec, gpu::GPUFuncOp func)
    : spec(spec), func(func), b(func) {
  for (auto [parameter, argument] :
       llvm::zip_equal(spec.getParameters(func.getContext()), func.getArguments()))
    parameters[parameter.name] = argument;
  int64_t next = 0;
  auto take = [&](int64_t size) {
    next += size;
    return next - size;
  };
  barrierBase = take(kBarrierWords);
  histBase = take(spec.getBins());
  totalBase = take(spec.getBins());
  beforeBase = take(spec.getBins());
  queryBase = take(spec.getQueryWords());
  countBase = take(kCountWords);
  planeBase = take(spec.getWords() * (1 + spec.getPlanes()));
  offsetBase = take(3 * spec.getWords());
}

void DecodeEmitter::effect(StringRef text, StringRef constraints, ValueRange operands) {
  LLVM::InlineAsmOp::create(
      b, TypeRange(), operands, text, (constraints + ",~{memory}").str(),
      /*has_side_effects=*/true, /*is_align_stack=*/false, LLVM::tailcallkind::TailCallKind::None,
      LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT), ArrayAttr());
}

SmallVector<Value> DecodeEmitter::ifElse(Value condition, TypeRange types,
                                         function_ref<SmallVector<Value>()> then,
                                         function_ref<SmallVector<Value>()> otherwise) {
  auto branch = scf::IfOp::create(b, types, condition, /*addThenBlock=*/true,
                                  /*addElseBlock=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  scf::YieldOp::create(b, then());
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b, otherwise());
  return llvm::to_vector_of<Value>(branch.getResults());
}

SmallVector<Value> DecodeEmitter::whileLoop(ValueRange init,
                                            function_ref<Value(ValueRange)> condition,
                                            function_ref<SmallVector<Value>(ValueRange)> body) {
  auto loop = scf::WhileOp::create(
      b, init.getTypes(), init,
      [&](OpBuilder &builder, Location loc, ValueRange carried) {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPoint(builder.getInsertionBlock(), builder.getInsertionPoint());
        scf::ConditionOp::create(b, condition(carried), carried);
      },
      [&](OpBuilder &builder, Location loc, ValueRange carried) {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPoint(builder.getInsertionBlock(), builder.getInsertionPoint());
        scf::YieldOp::create(b, body(carried));
      });
  return llvm::to_vector_of<Value>(loop.getResults());
}

//===--- Paged caches -----------------------------------------------------===//

Value DecodeEmitter::findPlace(Value key) {
  if (!spec.pageRows)
    return key;
  Value rows = b.i32(spec.pageRows), blocks = b.toIndex(arg("blocks"));
  Value table = b.view(arg("block_table"), b.mul(b.toIndex(batch), blocks), blocks);
  Value page = b.load(table, b.divU(key, rows));
  return b.add(b.mul(page, rows), b.remU(key, rows));
}

Value DecodeEmitter::rowAt(Value base, Value place, int64_t rowBytes, int64_t pageBytes) {
  if (pageBytes == spec.pageRows * rowBytes) // also without pages
    return AttendEmitter::row(b, base, place, b.i32(rowBytes));
  Value rows = b.i32(spec.pageRows);
  Value page = AttendEmitter::row(b, base, b.divU(place, rows), b.i32(pageBytes));
  return AttendEmitter::row(b, page, b.remU(place, rows), b.i32(rowBytes));
}

//===--- Mailboxes --------------------------------------------------------===//

Value DecodeEmitter::boxAddress(Value word) { return AttendEmitter::row(b, boxes, word, b.i32(4)); }
void DecodeEmitter::sendWord(Value word, Value value) {
  effect("st.volatile.global.b32 [$0], $1;", "l,r", {boxAddress(word), value});
}
SmallVector<Value> DecodeEmitter::poll(int64_t size, Value address) {
  SmallVector<Type> types(size, b.getI32Type());
  auto load = [&]() -> SmallVector<Value> {
    if (size == 1)
      return b.inlineAsm("ld.volatile.global.b32 $0, [$1];", "=r,l,~{memory}", types, address);
    return b.inlineAsm("ld.volatile.global.v4.b32 {$0,$1,$2,$3}, [$4];", "=r,=r,=r,=r,l,~{memory}",
                       types, address);
  };
  auto loop = scf::WhileOp::create(
      b, types, ValueRange(),
      [&](OpBuilder &builder, Location loc, ValueRange) {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPoint(builder.getInsertionBlock(), builder.getInsertionPoint());
        SmallVector<Value> values = load();
        Value empty; // what is sent is not negative, or has a bit that is not set
        for (Value value : values) {
          Value isEmpty = b.cmp(CmpIPredicate::eq, value, b.i32(-1));
          empty = empty ? Value(arith::OrIOp::create(b, empty, isEmpty)) : isEmpty;
        }
        scf::ConditionOp::create(b, empty, values);
      },
      [&](OpBuilder &builder, Location loc, ValueRange) { scf::YieldOp::create(builder, loc); });
  Value none = b.i32(-1);
  if (size == 1)
    effect("st.volatile.global.b32 [$0], $1;", "l,r", {address, none});
  else
    effect("st.volatile.global.v4.b32 [$0], {$1,$1,$1,$1};", "l,r", {address, none});
  return llvm::to_vector_of<Value>(loop.getResults());
}

//===----------------------------------------------------------------------===//
// Frame
//===----------------------------------------------------------------------===//

/// The values that a CTA and a thread are told, and what follows from them.
/// `again`: read anew, so that no register holds them through the attention.
void DecodeEmitter::emitPlace(bool again) {
  auto read = [&](StringRef name, function_ref<Value()> first) {
    if (!again)
      return first();
    std::string text = ("mov.u32 $0, %" + name + ";").str();
    return b.inlineAsm(text, "=r", b.getI32Type(), ValueRange())[0];
  };
  using gpu::Dimension;
  thread = read("tid.x", [&] { return b.threadX(DecodeSpec::kThreads); });
  warp = b.shr(thread, 5);
  lane = b.band(thread, b.i32(31));
  rank = zero;
  splits = one;
  logSplits = zero;
  if (spec.split) {
    rank = read("ctaid.x", [&] { return b.blockId(Dimension::x); });
    splits = read("nctaid.x", [&] { return b.gridSize(Dimension::x); });
    logSplits = b.popcount(b.sub(splits, one));
  }
  batch = read("ctaid.z", [&] { return b.blockId(Dimension::z); });
  Value inBatches = read("nctaid.y", [&] { return b.gridSize(Dimension::y); });
  Value inBatch = read("ctaid.y", [&] { return b.blockId(Dimension::y); });
  Value queries = b.i32(spec.queries);
  kvHead = spec.queries == 1 ? inBatch : b.divU(inBatch, queries);
  row = spec.queries == 1 ? zero : b.remU(inBatch, queries);
  kvHeads = spec.queries == 1 ? inBatches : b.divU(inBatches, queries);

  listBase = {zero, arg("full_words")};
  Value lists = arg("full_words");
  if (spec.mid)
    lists = b.add(lists, arg("mid_words"));
  distanceBase = b.shl(lists, 2);
  ringBase = b.add(distanceBase, arg("distance_bytes"));
  if (!spec.split)
    return;
  // Words a list: histograms and entries of every pair, then the tiles.
  Value perList = b.mul(splits, lists);
  perList = b.add(perList, b.mul(b.mul(splits, splits), b.i32(spec.getBins())));
  for (int64_t tile = 0; tile < spec.getColumnTiles(); ++tile)
    perList = b.add(perList, b.mul(splits, b.add(b.i32(spec.getOutputWords(tile)),
                                                 b.mul(splits, b.i32(spec.getStatWords(tile))))));
  Value list = b.add(b.mul(batch, inBatches), inBatch);
  boxes = AttendEmitter::row(b, AttendEmitter::address(b, arg("boxes")), list, b.shl(perList, 2));
}

void DecodeEmitter::emitIndices() {
  MLIRContext *context = b.getContext();
  zero = b.i32(0);
  one = b.i32(1);
  threads = b.i32(DecodeSpec::kThreads);
  emitPlace(/*again=*/false);

  fixed = func.getWorkgroupAttributions()[0];
  auto addressOf = [&](Value memref) {
    Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, memref);
    return arith::IndexCastOp::create(b, b.getI32Type(), address);
  };
  fixedAddress = addressOf(fixed);
  auto space = gpu::AddressSpaceAttr::get(context, gpu::AddressSpace::Workgroup);
  auto type = [&](Type element) {
    return MemRefType::get({ShapedType::kDynamic}, element, MemRefLayoutAttrInterface(), space);
  };
  bytes = gpu::DynamicSharedMemoryOp::create(b, type(b.getI8Type()));
  dynamicAddress = addressOf(bytes);
  Value none = b.toIndex(zero), any = b.toIndex(one);
  halves = memref::ViewOp::create(b, type(b.getI16Type()), bytes, none, any);
  words = memref::ViewOp::create(b, type(b.getI32Type()), bytes, none, any);

  Value keys = arg("keys");
  Value length = keys;
  if (spec.hasLengths) {
    Value batches = b.gridSize(gpu::Dimension::z);
    Value lengths = b.view(arg("lengths"), b.toIndex(zero), b.toIndex(batches));
    length = b.maxS(b.minS(b.load(lengths, batch), keys), zero);
    // The longest sequence decides; every warp finds it.
    Value longest = b.loop(lane, batches, b.i32(32), {zero}, [&](Value i, ValueRange carried) {
      return SmallVector<Value>{b.maxS(carried[0], b.load(lengths, i))};
    })[0];
    longest = b.warpReduce(NVVM::ReduxKind::MAX, longest);
    dense = b.cmp(CmpIPredicate::slt, longest, arg("dense_below"));
  }
  limit = b.maxS(b.sub(b.add(length, row), b.i32(spec.queries - 1)), zero);

  // This CTA's part of the positions.
  int64_t aligned = spec.getAlignedKeys();
  Value head = b.add(b.mul(batch, kvHeads), kvHead);
  skew = aligned == 1 ? zero : b.band(b.mul(head, keys), b.i32(aligned - 1));
  Value span = b.add(skew, limit);
  Value share = arith::ShRUIOp::create(b, b.add(span, b.sub(splits, one)), logSplits);
  constexpr int64_t granularity = DecodeSpec::kGranularity;
  share = b.band(b.add(share, b.i32(granularity - 1)), b.i32(-granularity));
  start = b.mul(rank, share);
  numKeys = b.minS(b.maxS(b.sub(span, start), zero), share);
  steps = b.divU(b.add(numKeys, b.i32(spec.getStageKeys() - 1)), b.i32(spec.getStageKeys()));
  if (dense)
    steps = b.select(dense, zero, steps);

  Type i64 = b.getI64Type();
  auto wide = [&](Value value) -> Value { return arith::ExtSIOp::create(b, i64, value); };
  Value firstCode = b.add(b.mul(wide(head), wide(keys)), wide(b.sub(start, skew)));
  Value codeBytes = arith::ConstantOp::create(b, b.getI64IntegerAttr(spec.getCodeBytes()));
  codesAddress = AttendEmitter::address(b, arg("key_codes"), b.mul(firstCode, codeBytes));
  Value copied = b.band(b.add(numKeys, b.i32(aligned - 1)), b.i32(-aligned));
  copiedBytes = b.mul(copied, b.i32(spec.getCodeBytes()));

  // Forced are the keys below `sinkEnd` and those from max(sinkEnd, limit -
  // window) on.
  sinkEnd = b.minS(arg("sinks"), limit);
  Value windowStart = b.maxS(sinkEnd, b.sub(limit, arg("window")));
  windowShift = b.sub(windowStart, sinkEnd);
  numForced = b.sub(limit, windowShift);
  numCandidates = windowShift;
}

/// Everything from the codes to this CTA's entries.
void DecodeEmitter::emitSparse() {
  emitQueryPlanes();
  b.barrier();
  readQueryPlanes();
  emitScan();
  b.barrier();
  emitExclude();
  b.barrier();
  emitExchange();

  Value numFull = b.minS(emitBudget("full"), numCandidates);
  SmallVector<Threshold> thresholds = {emitThreshold(numFull)};
  entries[0] = b.add(numForced, numFull);
  if (spec.mid) {
    entries[1] = b.minS(emitBudget("mid"), b.sub(numCandidates, numFull));
    thresholds.push_back(emitThreshold(b.add(numFull, entries[1])));
  }
  emitCompaction(thresholds);
}

/// budget(limit) = clamp(ceil(fraction * limit), min, max); fractions are
/// millionths.
Value DecodeEmitter::emitBudget(StringRef tier) {
  Type i64 = b.getI64Type();
  auto wide = [&](Value value) -> Value { return arith::ExtUIOp::create(b, i64, value); };
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, b.getI64IntegerAttr(value));
  };
  constexpr int64_t million = 1000000;
  Value scaled = b.add(b.mul(wide(arg(tier)), wide(limit)), constant(million - 1));
  Value budget = arith::TruncIOp::create(b, b.getI32Type(), b.divU(scaled, constant(million)));
  budget = b.maxS(budget, arg((tier + "_min").str()));
  return b.minS(budget, arg((tier + "_max").str()));
}

/// Entries that this CTA gets of `total`.
Value DecodeEmitter::emitCount(Value total) {
  Value rounded = b.add(b.sub(total, rank), b.sub(splits, one));
  return arith::ShRUIOp::create(b, rounded, logSplits);
}

/// The entries are all keys, dealt in turn.
void DecodeEmitter::emitDense() {
  b.loop(thread, count[0], threads, [&](Value i) {
    Value key = b.add(arith::ShLIOp::create(b, i, logSplits), rank);
    b.store(key, words, b.add(listBase[0], i));
    if (spec.hasKept)
      emitKept(key);
  });
}

void DecodeEmitter::emit() {
  b.launchDependents();
  if (spec.lengthsLate)
    b.waitForPrevious();
  emitIndices();
  // Only window keys can be newer than the previous kernel, and they are
  // forced.
  if (spec.bulk)
    emitFirstFetches(/*early=*/true);
  if (!spec.lengthsLate)
    b.waitForPrevious();
  if (spec.bulk)
    emitFirstFetches(/*early=*/false);

  auto sparse = [&] {
    emitSparse();
    SmallVector<Value> counts;
    for (int64_t tier = 0; tier < spec.getTiers(); ++tier)
      counts.push_back(count[tier] = emitCount(entries[tier]));
    emitReceive();
    return counts;
  };
  SmallVector<Type> types(spec.getTiers(), b.getI32Type());
  SmallVector<Value> counts;
  if (dense)
    counts = ifElse(
        dense, types,
        [&] {
          count[0] = emitCount(limit);
          emitDense();
          SmallVector<Value> counts = {count[0], zero};
          counts.truncate(types.size());
          return counts;
        },
        sparse);
  else
    counts = sparse();
  llvm::copy(counts, count.begin());
  if (spec.pageRows) {
    b.barrier(); // whoever took a key has stored it
    b.loop(thread, count[0], threads, [&](Value i) {
      Value at = b.add(listBase[0], i);
      b.store(findPlace(b.load(words, at)), words, at);
    });
  }
  // A tile reads past the end of a list, to no effect.
  b.when(b.cmp(CmpIPredicate::ult, thread, b.i32(AttendShape::kEntries)), [&] {
    for (int64_t tier = 0; tier < spec.getTiers(); ++tier)
      b.store(zero, words, b.add(listBase[tier], b.add(count[tier], thread)));
  });
  b.barrier();
  emitAttend();
}
