//===- DecodeAttend.cpp - The decode kernel: attention and merges ---------===//
#include "Decode.h"

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

/// Writes an output, and with the first of a column its lse.
void DecodeEmitter::emitOutput(int64_t tile, Value column, Value dim, Value acc, Value max,
                               Value sum) {
  Value empty = b.cmpF(CmpFPredicate::OEQ, sum, b.f32(0));
  Value value = b.select(empty, b.f32(0), b.mulF(acc, b.reciprocal(sum)));
  if (spec.hasScales) {
    Value scales = b.view(arg("value_scale"), b.toIndex(zero), b.toIndex(kvHeads));
    value = b.mulF(value, b.load(scales, kvHead));
  }
  auto at = [&](StringRef name, Value i) { return b.mul(b.toIndex(i), b.toIndex(arg(name))); };
  Value head = b.add(b.add(b.mul(kvHead, b.i32(spec.group)), column), b.i32(8 * tile));
  Value offset = b.add(at("out_batch", batch), b.add(at("out_head", head), at("out_row", row)));
  Value size = b.toIndex(b.i32(spec.attend.valueDepth));
  b.store(b.fromF32(value, spec.out), b.view(arg("out"), offset, size), dim);
  if (!spec.hasLse)
    return;
  b.when(b.cmp(CmpIPredicate::eq, dim, zero), [&] {
    constexpr float ln2 = 0.69314718f;
    Value lse = b.mulF(b.addF(b.log2(sum), max), b.f32(ln2));
    lse = b.select(empty, b.f32(-std::numeric_limits<float>::infinity()), lse);
    // [batch, heads, rows]
    Value heads = b.mul(kvHeads, b.i32(spec.group));
    Value index = b.add(b.mul(b.add(b.mul(batch, heads), head), b.i32(spec.queries)), row);
    b.store(lse, b.view(arg("lse"), b.toIndex(index), b.toIndex(one)), zero);
  });
}

/// The first word of the mailboxes of a tile.
Value DecodeEmitter::getTileBoxes(int64_t tile) {
  Value pairs = b.mul(splits, splits);
  Value lists = arg("full_words");
  if (spec.mid)
    lists = b.add(lists, arg("mid_words"));
  Value result = b.add(b.mul(pairs, b.i32(spec.getBins())), b.mul(splits, lists));
  for (int64_t i = 0; i < tile; ++i)
    result = b.add(result, b.add(b.mul(splits, b.i32(spec.getOutputWords(i))),
                                 b.mul(pairs, b.i32(spec.getStatWords(i)))));
  return result;
}

/// Entries of a tier for this warp: whole tiles as long as there are warps
/// without one, then equal runs.
static std::pair<Value, Value> getRun(KernelBuilder &b, Value warp, Value count) {
  constexpr int64_t warps = DecodeSpec::kWarps;
  Value share = b.divU(b.add(count, b.i32(warps - 1)), b.i32(warps));
  share = b.maxS(share, b.i32(AttendShape::kEntries));
  Value first = b.minS(b.mul(warp, share), count);
  return {first, b.minS(b.add(first, share), count)};
}

/// Adds the keys of the mid tier, of which only values are read: with
/// dot = S - 2 D, S the sum of the weights,
/// logit = temperature * code scale * dot + bias + residual.
SmallVector<Value> DecodeEmitter::emitEstimated(AttendEmitter &attend, SmallVector<Value> state,
                                                int64_t tile, Value valueRows) {
  int64_t numWords = spec.getWords();
  constexpr float log2e = 1.44269504f;
  Value shared;
  if (spec.codeHeads == 1) {
    readQueryPlanes(); // again: not through the attention to full keys
    for (int64_t i = 0; i < numWords && spec.weighted; ++i) {
      Value sum = load(offsetBase + 2 * numWords, b.i32(i));
      shared = shared ? b.add(shared, sum) : sum;
    }
  }
  Value sum = shared ? shared : b.i32(spec.bits);
  Value kvRow = b.add(b.mul(batch, kvHeads), kvHead);
  // Of the columns whose logits this lane has.
  std::array<Value, 2> slope, base, table;
  std::array<SmallVector<Value>, 2> codes;
  for (int64_t i = 0; i < 2; ++i) {
    Value column = b.minS(attend.getColumn(i), b.i32(spec.getTile(tile).columns - 1));
    column = b.add(column, b.i32(8 * tile));
    Value head = b.add(b.mul(kvHead, b.i32(spec.group)), column);
    auto read = [&](StringRef name, Value index) {
      return b.load(b.view(arg(name), b.toIndex(index), b.toIndex(one)), zero);
    };
    Value codeHead = b.mul(kvRow, b.i32(spec.codeHeads));
    if (spec.codeHeads > 1)
      codeHead = b.add(codeHead, column);
    Value codeRow = b.add(b.mul(codeHead, b.i32(spec.queries)), row);
    Value factor = b.mulF(read("temperature", head), b.f32(log2e));
    if (spec.hasCodeScale)
      factor = b.mulF(factor, read("code_scale", codeRow));
    slope[i] = b.mulF(factor, b.f32(-2));
    Value whole = arith::SIToFPOp::create(b, b.getF32Type(), sum);
    base[i] = b.fma(factor, whole, b.mulF(read("bias", head), b.f32(log2e)));
    if (spec.tableHeads > 0) {
      int64_t columns = spec.weighted ? 128 : spec.bits + 1;
      Value first = spec.tableHeads == 1 ? zero : b.mul(head, b.i32(columns));
      table[i] = b.view(arg("table"), b.toIndex(first), b.toIndex(b.i32(columns)));
    }
    if (spec.codeHeads == 1)
      continue;
    Value bytes = b.mul(b.toIndex(codeRow), b.toIndex(b.i32(spec.getCodeBytes())));
    Value code = b.view(arg("query_codes"), bytes, b.toIndex(b.i32(spec.getCodeBytes())));
    for (int64_t word = 0; word < numWords; ++word) {
      Value bits = zero; // of any alignment
      for (int64_t j = 0; j < 4; ++j) {
        Value byte = b.load(code, b.toIndex(b.i32(4 * word + j)));
        byte = arith::ExtUIOp::create(b, b.getI32Type(), byte);
        bits = arith::OrIOp::create(b, bits, b.shl(byte, 8 * j));
      }
      codes[i].push_back(bits);
    }
  }
  Value rowStart = b.mul(b.toIndex(kvRow), b.toIndex(arg("keys")));
  Value startBytes = b.mul(rowStart, b.toIndex(b.i32(spec.getCodeBytes())));
  startBytes = arith::IndexCastOp::create(b, b.getI64Type(), startBytes);
  Value keyCodes = AttendEmitter::address(b, arg("key_codes"), startBytes);

  Value first, last;
  std::tie(first, last) = getRun(b, warp, count[1]);
  return b.loop(
      first, last, b.i32(AttendShape::kEntries), state, [&](Value entry, ValueRange carried) {
        AttendEmitter::Tile tile;
        tile.first = entry;
        tile.end = last;
        tile.keyOf = [&](Value entry) { return b.load(words, b.add(listBase[1], entry)); };
        tile.valueRow = [&](Value key) {
          return rowAt(valueRows, findPlace(key), spec.valueStride, spec.valuePage);
        };
        Value known; // the key that `code` is of
        SmallVector<Value> code;
        Value distance;
        tile.adjust = [&](Value, Value, Value key, int64_t i) {
          if (key != known) {
            known = key;
            code = loadKeyCode(keyCodes, key);
            if (spec.codeHeads == 1)
              distance = emitDistances({code})[0];
          }
          if (spec.codeHeads > 1) {
            distance = zero;
            for (auto [word, query] : llvm::zip_equal(code, codes[i]))
              distance = b.add(distance, b.popcount(b.bxor(word, query)));
          }
          Value real = arith::SIToFPOp::create(b, b.getF32Type(), distance);
          Value logit = b.fma(slope[i], real, base[i]);
          if (table[i])
            logit = b.fma(b.load(table[i], distance), b.f32(log2e), logit);
          return logit;
        };
        return attend.addGiven(carried, tile);
      });
}

/// The words of a key's code.
SmallVector<Value> DecodeEmitter::loadKeyCode(Value codes, Value key) {
  Value address = AttendEmitter::row(b, codes, key, b.i32(spec.getCodeBytes()));
  Type i32 = b.getI32Type();
  SmallVector<Value> result;
  int64_t numWords = spec.getWords();
  for (int64_t i = 0; i < numWords; i += 4) {
    SmallVector<Type> types(std::min<int64_t>(4, numWords), i32);
    Value from = i == 0 ? address : AttendEmitter::row(b, address, one, b.i32(4 * i));
    if (numWords == 1)
      llvm::append_range(result, b.inlineAsm("ld.global.b32 $0, [$1];", "=r,l", types, from));
    else if (numWords == 2)
      llvm::append_range(result,
                         b.inlineAsm("ld.global.v2.b32 {$0,$1}, [$2];", "=r,=r,l", types, from));
    else
      llvm::append_range(result, b.inlineAsm("ld.global.v4.b32 {$0,$1,$2,$3}, [$4];",
                                             "=r,=r,=r,=r,l", types, from));
  }
  return result;
}

void DecodeEmitter::emitAttend() {
  constexpr int64_t warps = DecodeSpec::kWarps, tileKeys = AttendShape::kEntries;
  Type i64 = b.getI64Type();
  auto rows = [&](StringRef name, Type element) {
    auto wide = [&](Value value) -> Value { return arith::ExtUIOp::create(b, i64, value); };
    Value elements = b.mul(wide(kvHead), arg((name + "_head").str()));
    if (!spec.pageRows) // all batches have the same pages
      elements = b.add(elements, b.mul(wide(batch), arg((name + "_batch").str())));
    int64_t size = element.getIntOrFloatBitWidth() / 8;
    Value bytes = b.mul(elements, arith::ConstantOp::create(b, b.getI64IntegerAttr(size)));
    return AttendEmitter::address(b, arg(name), bytes);
  };
  for (int64_t i = 0; i < spec.getColumnTiles(); ++i) {
    // Anew for each tile, like all that follows from the place.
    Value first, last;
    std::tie(first, last) = getRun(b, warp, count[0]);
    Value scale = arg("scale");
    if (spec.hasScales) {
      Value scales = b.view(arg("key_scale"), b.toIndex(zero), b.toIndex(kvHeads));
      scale = b.mulF(scale, b.load(scales, kvHead));
    }
    Value keyRows = rows("key", spec.attend.key), valueRows = rows("value", spec.attend.value);
    AttendShape shape = spec.getTile(i);
    AttendEmitter attend(b, shape, lane);
    Value head = b.add(b.mul(kvHead, b.i32(spec.group)), b.i32(8 * i));
    Value base = b.add(b.mul(batch, arg("query_batch")), b.mul(row, arg("query_row")));
    auto rowOf = [&](Value column) {
      return b.add(base, b.mul(b.add(head, column), arg("query_head")));
    };
    AttendEmitter::Query query = attend.loadQuery(arg("query"), rowOf, scale);
    // The same in all warps: from shared memory it leaves its registers to rows
    // of keys.
    b.when(b.cmp(CmpIPredicate::eq, warp, zero), [&] {
      for (size_t j = 0; j < query.words.size(); j += 4)
        b.storeVector(ArrayRef(query.words).slice(j, 4), fixed,
                      b.add(b.shl(lane, 2), b.i32(queryBase + 32 * j)), 16);
    });
    b.barrier();
    query.shared = b.add(fixedAddress, b.add(b.shl(lane, 4), b.i32(4 * queryBase)));
    SmallVector<Value> state =
        b.loop(first, last, b.i32(tileKeys), attend.start(), [&](Value entry, ValueRange state) {
          AttendEmitter::Tile tile;
          tile.first = entry;
          tile.end = last;
          tile.keyOf = [&](Value entry) { return b.load(words, b.add(listBase[0], entry)); };
          tile.keyRow = [&](Value place) {
            return rowAt(keyRows, place, spec.keyStride, spec.keyPage);
          };
          tile.valueRow = [&](Value place) {
            return rowAt(valueRows, place, spec.valueStride, spec.valuePage);
          };
          return attend.add(state, query, tile);
        });
    emitPlace(/*again=*/true);
    if (spec.mid) {
      AttendEmitter estimating(b, shape, lane);
      state = emitEstimated(estimating, state, i, valueRows);
      emitPlace(/*again=*/true);
    }
    AttendEmitter after(b, shape, lane);
    Value partials = b.shr(ringBase, 2);
    after.storePartial(state, words, partials, warp, warps);
    b.barrier();
    int64_t total = spec.getOutputWords(i), stats = spec.getStatWords(i);
    Value perCTA, boxWords, tileBoxes;
    if (spec.split) {
      tileBoxes = getTileBoxes(i);
      perCTA = arith::ShRUIOp::create(b, b.i32(total), logSplits);
      boxWords = b.add(perCTA, b.i32(stats));
    }
    after.mergeWarps(words, partials, thread, warps, [&](const AttendEmitter::Merged &merged) {
      if (!spec.split)
        return emitOutput(i, merged.column, merged.dim, merged.acc, merged.max, merged.sum);
      // Output x belongs to CTA x / perCTA.
      Value x = b.add(b.mul(merged.column, b.i32(shape.valueDepth)), merged.dim);
      Value to = b.divU(arith::ShLIOp::create(b, x, logSplits), b.i32(total));
      auto box = [&](Value to) {
        return b.add(tileBoxes, b.mul(b.add(b.mul(to, splits), rank), boxWords));
      };
      auto bits = [&](Value value) -> Value {
        return arith::BitcastOp::create(b, b.getI32Type(), value);
      };
      sendWord(b.add(box(to), b.sub(x, b.mul(to, perCTA))), bits(merged.acc));
      // Statistics go to every CTA.
      b.when(b.cmp(CmpIPredicate::ult, merged.dim, splits), [&] {
        Value word = b.add(b.add(box(merged.dim), perCTA), b.shl(merged.column, 1));
        sendWord(word, bits(merged.max));
        sendWord(b.add(word, one), bits(merged.sum));
      });
    });
    if (spec.split)
      emitMergeCTAs(i, tileBoxes, boxWords);
    if (i + 1 < spec.getColumnTiles())
      b.barrier();
  }
}

/// Finishes this CTA's outputs of a tile.
void DecodeEmitter::emitMergeCTAs(int64_t tile, Value firstBox, Value boxWords) {
  int64_t partialWords = AttendEmitter::getPartialWords(spec.attend, DecodeSpec::kWarps);
  Value mine = b.add(b.shr(ringBase, 2), b.i32(partialWords));
  Value received = b.mul(splits, boxWords);
  Value box = b.add(firstBox, b.mul(rank, received));
  b.loop(thread, received, threads,
         [&](Value i) { b.store(poll(1, boxAddress(b.add(box, i)))[0], words, b.add(mine, i)); });
  b.barrier();
  int64_t depth = spec.attend.valueDepth;
  Value perCTA = b.sub(boxWords, b.i32(spec.getStatWords(tile)));
  b.loop(thread, perCTA, threads, [&](Value i) {
    Value x = b.add(b.mul(rank, perCTA), i);
    Value column = b.divU(x, b.i32(depth)), dim = b.remU(x, b.i32(depth));
    Value stat = b.add(b.add(mine, perCTA), b.shl(column, 1));
    auto read = [&](Value word, Value from) -> Value {
      Value value = b.load(words, b.add(word, b.mul(from, boxWords)));
      return arith::BitcastOp::create(b, b.getF32Type(), value);
    };
    Value lastSplit = b.sub(splits, one);
    Value max = b.loop(zero, splits, b.i32(4), read(stat, zero), [&](Value from, ValueRange max) {
      Value result = max[0]; // one read twice does not change it
      for (int64_t j = 0; j < 4; ++j)
        result = b.maxF(result, read(stat, b.minS(b.add(from, b.i32(j)), lastSplit)));
      return SmallVector<Value>{result};
    })[0];
    Value none = b.f32(0);
    SmallVector<Value> sums =
        b.loop(zero, splits, b.i32(4), {none, none}, [&](Value first, ValueRange carried) {
          Value acc = carried[0], sum = carried[1];
          for (int64_t j = 0; j < 4; ++j) {
            Value from = b.add(first, b.i32(j));
            Value exists = b.cmp(CmpIPredicate::slt, from, splits);
            from = b.minS(from, lastSplit);
            Value weight = b.select(exists, b.exp2(b.subF(read(stat, from), max)), none);
            acc = b.fma(weight, read(b.add(mine, i), from), acc);
            sum = b.fma(weight, read(b.add(stat, one), from), sum);
          }
          return SmallVector<Value>{acc, sum};
        });
    emitOutput(tile, column, dim, sums[0], max, sums[1]);
  });
}
