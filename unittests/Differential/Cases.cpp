//===- Cases.cpp - One random kernel an op --------------------------------===//
#include "Cases.h"
#include <algorithm>
#include <limits>

using namespace dashkv::testing;
using namespace dashkv::reference;

/// lse is a logarithm: near 0 its error is that of the logits, not its own.
static Tolerance getLseTolerance(Flavor flavor) {
  Tolerance tolerance;
  tolerance.smallest = flavor == Flavor::Wide ? 1e-4 : 3e-6;
  return tolerance;
}

namespace {

//===----------------------------------------------------------------------===//
// Attention and statistics
//===----------------------------------------------------------------------===//

struct AttentionCase : Case {
  AttentionGroup attend;

  void declare(Kernel &kernel) override {
    Random &random = kernel.random;
    chooseDims(kernel);
    choosePages(kernel);
    attend.declare(kernel, AttentionGroup::Full);
    std::string type = random.chance(0.5) ? "f32" : kernel.element("query");
    attend.declareOut(kernel, "out", type, true);
    Names results = {"out"};
    if (random.chance(0.5)) {
      kernel.addInit("lse", "f32", attend.rowOrder);
      results.push_back("lse");
      kernel.hit("lse");
    }
    kernel.setOp("attention " + attend.print(kernel) + kernel.group("outs", {"out"}) +
                     kernel.group("lse", {"lse"}),
                 attend.attributes(kernel), results);
  }

  void check(Kernel &kernel, Flavor flavor) override {
    resizeDims(kernel);
    attend.fill(kernel, flavor);
    kernel.run();
    AttentionResult expected = attention(attend.op);
    for (float lse : expected.lse.data)
      if (lse == -INFINITY)
        kernel.hit("empty rows of attention");
    kernel.expectFloats("out", expected.out, attend.outOrder, {},
                        attend.getSlack(expected.out, flavor));
    if (kernel.has("lse"))
      kernel.expectFloats("lse", expected.lse, {}, getLseTolerance(flavor));
  }
};

struct OnlineAttentionCase : Case {
  AttentionGroup attend;
  ListGroup list;

  void declare(Kernel &kernel) override {
    bool listed = kernel.random.chance(0.6);
    chooseDims(kernel);
    choosePages(kernel);
    attend.declare(kernel, listed ? AttentionGroup::Listed : AttentionGroup::Full);
    if (listed)
      list.declare(kernel);
    attend.declareOut(kernel, "acc", "f32", false);
    kernel.addArgument("max", "f32", attend.rowOrder);
    kernel.addArgument("sum", "f32", attend.rowOrder);
    kernel.hit(listed ? "online=list" : "online=all keys");
    Names attributes = attend.attributes(kernel);
    if (listed && kernel.hasTileConfigs() && hasKernel(kernel) && kernel.random.chance(0.6)) {
      attributes.push_back(
          "dashkv.tile_config = #dashkv.tile_config<vector = 32, keys = 16, lists = union>");
      if (kernel.size("G") > 1 && kernel.dims("indices")[1] == "Hq")
        kernel.hit("lists=union");
    }
    kernel.setOp("online_attention " + attend.print(kernel, ListGroup::print(kernel)) +
                     kernel.group("outs", {"acc", "max", "sum"}),
                 attributes, {"acc", "max", "sum"});
  }

  void check(Kernel &kernel, Flavor flavor) override {
    resizeDims(kernel);
    attend.fill(kernel, flavor);
    if (kernel.has("indices"))
      list.fill(kernel, flavor);
    SoftmaxStats stats;
    StatsGroup::fill(kernel, stats, attend.outOrder);
    kernel.run();
    SoftmaxStats expected =
        onlineAttention(attend.op, stats, kernel.has("indices") ? &list.list : nullptr);
    StatsGroup::check(kernel, expected, attend.outOrder, attend.getSlack(expected.acc, flavor));
  }

  /// Whether vectors can be loaded from all operands: a kernel that is asked for
  /// must exist.
  static bool hasKernel(const Kernel &kernel) {
    for (const char *name : {"query", "key", "value", "acc"}) {
      const std::string &last = kernel.dims(name).back();
      if ((last != "D" && last != "Dv") || kernel.isDynamic(last))
        return false;
    }
    if (kernel.has("block_table")) {
      for (const char *name : {"key", "value"}) {
        const Names &dims = kernel.dims(name);
        if (std::find(dims.begin(), dims.end(), "Pages") >
            std::find(dims.begin(), dims.end(), "Rows"))
          return false;
      }
      if (!kernel.isDynamic("Pages") && kernel.size("Pages") == 0)
        return false;
    }
    return (kernel.isDynamic("N") || kernel.size("N") > 0) &&
           (kernel.isDynamic("C") || kernel.size("C") > 0);
  }
};

struct OnlineReduceCase : Case {
  ListGroup list;

  void declare(Kernel &kernel) override {
    Random &random = kernel.random;
    chooseDims(kernel);
    choosePages(kernel);
    list.declare(kernel);
    kernel.addArgument("scores", "f32", {"B", "Hq", "M", "C"});
    std::string type = random.pick({"f32", "f16", "bf16", "f8E4M3FN", "i8", "i8"});
    kernel.hit("type=" + type);
    kernel.addArgument("value", type, inPages(kernel, {"B", "Hkv", "N", "Dv"}));
    if (type == "f8E4M3FN" || type == "i8" || random.chance(0.2))
      kernel.addArgument("value_scale", "f32", {"Hkv"});
    kernel.addArgument("acc", "f32", {"B", "Hq", "M", "Dv"});
    kernel.addArgument("max", "f32", {"B", "Hq", "M"});
    kernel.addArgument("sum", "f32", {"B", "Hq", "M"});
    kernel.setOp("online_reduce" + kernel.group("ins", {"scores", "value"}) +
                     ListGroup::print(kernel) + kernel.group("block_table", {"block_table"}) +
                     kernel.group("value_scale", {"value_scale"}) +
                     kernel.group("outs", {"acc", "max", "sum"}),
                 {}, {"acc", "max", "sum"});
  }

  void check(Kernel &kernel, Flavor flavor) override {
    Random &random = kernel.random;
    resizeDims(kernel);
    list.fill(kernel, flavor);
    Tensor<float> scores(kernel.sizes(kernel.dims("scores")));
    Tensor<float> value(kernel.sizes({"B", "Hkv", "N", "Dv"})), valueScale;
    for (float &x : scores.data)
      x = random.chance(0.05)      ? -INFINITY
          : flavor == Flavor::Wide ? random.wide(10)
                                   : random.normal();
    for (float &x : value.data)
      x = flavor == Flavor::Wide ? random.wide(12) : random.normal();
    roundTo(kernel.element("value"), value);
    if (kernel.has("value_scale")) {
      valueScale = Tensor<float>({kernel.size("Hkv")}, 0.75f);
      kernel.set("value_scale", valueScale);
    }
    kernel.set("scores", scores);
    if (kernel.has("block_table")) {
      PageTable pages;
      pages.fill(kernel, /*lengths=*/{});
      pages.set(kernel, "value", value, "Dv");
    } else {
      kernel.set("value", value);
    }
    SoftmaxStats stats;
    StatsGroup::fill(kernel, stats, {});
    kernel.run();
    StatsGroup::check(kernel, onlineReduce(scores, value, valueScale, list.list, stats), {});
  }
};

struct MergeCase : Case {
  void declare(Kernel &kernel) override {
    chooseDims(kernel);
    kernel.addDim("S", kernel.random.integer(0, 5), kernel.random.chance(0.4));
    kernel.addArgument("accs", "f32", {"S", "B", "Hq", "M", "Dv"});
    kernel.addArgument("maxs", "f32", {"S", "B", "Hq", "M"});
    kernel.addArgument("sums", "f32", {"S", "B", "Hq", "M"});
    kernel.addArgument("acc", "f32", {"B", "Hq", "M", "Dv"});
    kernel.addArgument("max", "f32", {"B", "Hq", "M"});
    kernel.addArgument("sum", "f32", {"B", "Hq", "M"});
    kernel.setOp("merge" + kernel.group("ins", {"accs", "maxs", "sums"}) +
                     kernel.group("outs", {"acc", "max", "sum"}),
                 {}, {"acc", "max", "sum"});
  }

  void check(Kernel &kernel, Flavor flavor) override {
    Random &random = kernel.random;
    resizeDims(kernel);
    if (kernel.isDynamic("S"))
      kernel.resize("S", random.integer(0, 5));
    SoftmaxStats parts = {
        Tensor<float>(kernel.sizes(kernel.dims("accs"))),
        Tensor<float>(kernel.sizes(kernel.dims("maxs")), std::numeric_limits<float>::lowest()),
        Tensor<float>(kernel.sizes(kernel.dims("sums")))};
    int64_t valueDepth = kernel.size("Dv");
    for (size_t row = 0; row < parts.max.data.size(); ++row) {
      if (random.chance(flavor == Flavor::Edge ? 0.8 : 0.2)) {
        kernel.hit("merge=empty part");
        continue;
      }
      parts.max.data[row] = flavor == Flavor::Wide ? random.wide(10) : random.normal();
      parts.sum.data[row] = 1 + std::fabs(random.normal());
      for (int64_t d = 0; d < valueDepth; ++d)
        parts.acc.data[row * valueDepth + d] = random.normal();
    }
    kernel.set("accs", parts.acc);
    kernel.set("maxs", parts.max);
    kernel.set("sums", parts.sum);
    SoftmaxStats stats;
    StatsGroup::fill(kernel, stats, {});
    kernel.run();
    StatsGroup::check(kernel, merge(parts, stats), {});
  }
};

struct FinalizeCase : Case {
  void declare(Kernel &kernel) override {
    Random &random = kernel.random;
    chooseDims(kernel);
    Names rows = {"B", "Hq", "M"};
    if (random.chance(0.3))
      rows = {"B", "Hkv", "G", "M"};
    Names all = rows;
    all.push_back("Dv");
    kernel.addArgument("acc", "f32", all);
    kernel.addArgument("max", "f32", rows);
    kernel.addArgument("sum", "f32", rows);
    kernel.addInit("out", random.pick({"f32", "f16", "bf16"}), all);
    Names results = {"out"};
    if (random.chance(0.6)) {
      kernel.addInit("lse", "f32", rows);
      results.push_back("lse");
    }
    kernel.setOp("finalize" + kernel.group("ins", {"acc", "max", "sum"}) +
                     kernel.group("outs", {"out"}) + kernel.group("lse", {"lse"}),
                 {}, results);
  }

  void check(Kernel &kernel, Flavor flavor) override {
    Random &random = kernel.random;
    resizeDims(kernel);
    SoftmaxStats stats = SoftmaxStats::start(kernel.size("B"), kernel.size("Hq"), kernel.size("M"),
                                             kernel.size("Dv"));
    for (size_t row = 0; row < stats.sum.data.size(); ++row) {
      if (random.chance(flavor == Flavor::Edge ? 0.5 : 0.1)) {
        kernel.hit("finalize=empty row");
        continue;
      }
      stats.max.data[row] = random.normal();
      stats.sum.data[row] = 1 + std::fabs(random.normal());
      for (int64_t d = 0; d < stats.acc.size(3); ++d)
        stats.acc.data[row * stats.acc.size(3) + d] = random.normal();
    }
    kernel.set("acc", stats.acc);
    kernel.set("max", stats.max);
    kernel.set("sum", stats.sum);
    kernel.run();
    AttentionResult expected = finalize(stats);
    kernel.expectFloats("out", expected.out);
    if (kernel.has("lse"))
      kernel.expectFloats("lse", expected.lse, {}, getLseTolerance(flavor));
  }
};

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

struct HashEncodeCase : Case {
  EncoderGroup encode;
  int64_t group = 1, levels = 1, bits = 64;

  void declare(Kernel &kernel) override {
    Random &random = kernel.random;
    chooseDims(kernel);
    if (random.chance(0.3)) // a prefill
      kernel.addDim("M", random.integer(9, 40), kernel.isDynamic("M"));
    bool mlp = random.chance(0.5);
    bits = random.pick({32, 64, 128, 256});
    levels = random.chance(0.5) ? 1 : random.pick({2, 3, 7, 15});
    if (random.chance(0.5))
      group = kernel.size("G");
    std::string codeHeads = group == 1 ? "Hq" : "Hkv";
    // A concatenated group has G*D values; weights follow the dynamic D then.
    std::string in = "D";
    if (group > 1) {
      kernel.addDim("GD", group * kernel.size("D"), kernel.isDynamic("D"));
      in = "GD";
      if (kernel.size("Hkv") > 1)
        kernel.hit("encoder=group");
    }
    std::string type = random.pick({"f32", "f16", "bf16"});
    kernel.hit("type=" + type);
    kernel.addArgument("input", type, {"B", "Hq", "M", "D"});
    encode.declare(kernel, "", mlp, codeHeads, in, std::to_string(bits));
    kernel.addInit("codes", "i8",
                   {"B", codeHeads, "M", std::to_string(levels == 1 ? bits / 8 : bits)});
    Names results = {"codes"}, attributes;
    if (random.chance(0.5)) {
      kernel.addInit("code_scale", "f32", {"B", codeHeads, "M"});
      results.push_back("code_scale");
      kernel.hit("encoder=code_scale");
    }
    if (mlp)
      attributes.push_back("activation = #dashkv.activation<" + encode.activation() + ">");
    attributes.push_back("levels = " + std::to_string(levels) + " : i64");
    attributes.push_back("group = " + std::to_string(group) + " : i64");
    kernel.hit(mlp ? "encoder=mlp" : "encoder=linear");
    kernel.hit(levels == 1 ? "encoder=packed" : "encoder=weighted");
    kernel.setOp(std::string("hash_encode ") + (mlp ? "mlp" : "linear") +
                     kernel.group("ins", {"input"}) + encode.print(kernel, "weights") +
                     kernel.group("outs", {"codes"}) + kernel.group("code_scale", {"code_scale"}),
                 attributes, results);
  }

  void check(Kernel &kernel, Flavor flavor) override {
    Random &random = kernel.random;
    resizeDims(kernel);
    if (kernel.isDynamic("M") && random.chance(0.3))
      kernel.resize("M", random.integer(9, 40));
    if (kernel.size("M") > 8)
      kernel.hit("encoder=many rows");
    if (group > 1 && kernel.isDynamic("GD"))
      kernel.resize("GD", group * kernel.size("D"));
    Tensor<float> input(kernel.sizes(kernel.dims("input")));
    for (float &x : input.data)
      x = flavor == Flavor::Wide ? random.wide(8) : random.normal();
    int64_t depth = kernel.size("D");
    if (flavor == Flavor::Edge) {
      // Rows of zeros, a NaN, an infinity: ties at 0 and values that are no
      // numbers.
      for (size_t row = 0; row < input.data.size(); row += depth)
        switch (random.integer(0, 4)) {
        case 0:
          std::fill_n(input.data.begin() + row, depth, 0);
          kernel.hit("encoder=zero row");
          break;
        case 1:
          input.data[row] = random.pick<float>({NAN, INFINITY, -INFINITY});
          kernel.hit("encoder=not finite");
          break;
        case 2:
          // Denormal values, beside which (W + 1) / max|z| is infinite.
          if (kernel.element("input") != "f16")
            for (int64_t d = 0; d < depth; ++d)
              input.data[row + d] *= 0x1p-130f;
          kernel.hit("encoder=tiny row");
          break;
        }
    }
    roundTo(kernel.element("input"), input);
    kernel.set("input", input);
    encode.fill(kernel);
    kernel.run();
    if (!kernel.getFailure().empty())
      return;

    // The sum of the magnitudes that a value is made of bounds its rounding.
    Encoder magnitudes = encode.encoder;
    magnitudes.activation = Activation::Relu; // no activation enlarges a number
    for (auto *tensors : {&magnitudes.weights, &magnitudes.biases})
      for (Tensor<float> &tensor : *tensors)
        for (float &x : tensor.data)
          x = std::fabs(x);
    Tensor<float> absolute = input;
    for (float &x : absolute.data)
      x = std::fabs(x);
    Tensor<float> values = hashValues(input, encode.encoder, group),
                  bounds = hashValues(absolute, magnitudes, group);
    Codes expected = encodeValues(values, levels);
    std::vector<int8_t> codes = kernel.getInts<int8_t>("codes");
    bool allCertain = true;
    for (size_t i = 0; i < values.data.size(); ++i) {
      ++kernel.report.bits;
      int wanted, got;
      if (levels == 1) {
        wanted = expected.codes.data[i / 8] >> i % 8 & 1;
        got = codes[i / 8] >> i % 8 & 1;
      } else {
        wanted = expected.codes.data[i];
        got = codes[i];
      }
      if (wanted == got)
        continue;
      ++kernel.report.uncertainBits;
      allCertain = false;
      if (!isUncertain(values.data[i], bounds.data[i], expected.codeScale.data[i / bits], wanted,
                       got))
        return kernel.fail("codes: value " + std::to_string(i) +
                           " (z = " + std::to_string(values.data[i]) + "): expected " +
                           std::to_string(wanted) + ", but got " + std::to_string(got));
    }
    if (kernel.has("code_scale")) {
      // An uncertain largest value moves 1/s by its own uncertainty.
      Tolerance tolerance;
      tolerance.relative = allCertain ? 1e-5 : 1e-4;
      std::vector<double> slack;
      for (size_t row = 0; row < expected.codeScale.data.size(); ++row) {
        double bound = 0, largest = 1e-30;
        for (int64_t l = 0; l < bits; ++l) {
          bound = std::max<double>(bound, bounds.data[row * bits + l]);
          largest = std::max<double>(largest, std::fabs(values.data[row * bits + l]));
        }
        slack.push_back(std::isfinite(bound) ? bound / largest * 0x1p-21 : 0);
      }
      kernel.expectFloats("code_scale", expected.codeScale, {}, tolerance, slack, 1);
    }
  }

  /// Whether rounding explains that a code differs.
  bool isUncertain(float z, float bound, float codeScale, int wanted, int got) const {
    // Some roundings of a few layers, denormal ones among them; but a sum of zeros
    // is exact.
    double error = bound > 0 ? bound * 0x1p-21 + 0x1p-143 : 0;
    if (levels == 1)
      return bound > 0 && std::fabs(z) <= error;
    double scaled = std::fabs(z) / codeScale;
    double distance = std::fabs(scaled - std::nearbyint(scaled));
    return std::abs(wanted - got) == 1 && distance <= error / codeScale + 1e-5 * scaled;
  }
};

struct HammingCase : Case {
  CodesGroup codes;

  void declare(Kernel &kernel) override {
    chooseDims(kernel);
    if (kernel.random.chance(0.3))
      codes.bits = 256; // packed: the distances that need i16
    codes.declare(kernel);
    bool is256 = codes.bits == 256 && !codes.weighted;
    kernel.hit(is256 ? "distances=i16" : "distances=i8");
    kernel.addInit("out", is256 ? "i16" : "i8", {"B", "Hc", "M", "N"});
    kernel.setOp("hamming_distance" + kernel.group("ins", {"query_codes", "key_codes"}) +
                     kernel.group("outs", {"out"}),
                 {}, {"out"});
  }

  void check(Kernel &kernel, Flavor flavor) override {
    resizeDims(kernel);
    codes.resize(kernel);
    codes.fill(kernel, flavor);
    kernel.run();
    kernel.expectInts("out", hammingDistance(codes.queryCodes, codes.keyCodes));
  }
};

//===----------------------------------------------------------------------===//
// Retrieval
//===----------------------------------------------------------------------===//

struct CalibrateCase : Case {
  RetrieveGroup retrieve;
  Tiering tiering;

  void declare(Kernel &kernel) override {
    Random &random = kernel.random;
    chooseDims(kernel);
    kernel.addDim("Hc", kernel.size(random.chance(0.5) ? "Hq" : "Hkv"));
    kernel.addArgument("distances", random.chance(0.6) ? "i8" : "i16", {"B", "Hc", "M", "N"});
    retrieve.declare(kernel, true, true, false);
    tiering = chooseTiering(kernel, false);
    kernel.addInit("out", "i16", {"B", "Hc", "M", "N"});
    kernel.setOp("calibrate" + kernel.group("ins", {"distances"}) + RetrieveGroup::print(kernel) +
                     kernel.group("outs", {"out"}),
                 {printTiering(tiering)}, {"out"});
  }

  void check(Kernel &kernel, Flavor flavor) override {
    resizeDims(kernel);
    int64_t largest = kernel.random.pick({3, 64, 255});
    if (kernel.element("distances") == "i16" && largest == 255)
      largest = 256;
    Tensor<int16_t> distances(kernel.sizes(kernel.dims("distances")));
    for (int16_t &d : distances.data)
      d = kernel.random.integer(0, largest);
    kernel.setInts("distances", distances);
    retrieve.fill(kernel, flavor, largest);
    kernel.run();
    kernel.expectInts("out", calibrate(distances, retrieve.op, tiering));
  }
};

struct SelectCase : Case {
  RetrieveGroup retrieve;
  SelectionGroup outs;
  Tiering tiering;

  void declare(Kernel &kernel) override {
    chooseDims(kernel);
    bool perQuery = kernel.random.chance(0.6);
    kernel.addDim("Hc", kernel.size(perQuery ? "Hq" : "Hkv"));
    kernel.addArgument("distances", "i16", {"B", "Hc", "M", "N"});
    retrieve.declare(kernel, false, true, true);
    tiering = chooseTiering(kernel, true);
    outs.declare(kernel, tiering, tiering.scope == Scope::Head ? "Hc" : "Hkv");
    kernel.setOp("select" + kernel.group("ins", {"distances"}) + RetrieveGroup::print(kernel) +
                     SelectionGroup::print(kernel),
                 {printTiering(tiering)}, SelectionGroup::results(kernel));
  }

  void check(Kernel &kernel, Flavor flavor) override {
    Random &random = kernel.random;
    resizeDims(kernel);
    outs.resize(kernel);
    Tensor<int16_t> distances(kernel.sizes(kernel.dims("distances")));
    int64_t low = 0, high = 250;
    if (flavor == Flavor::Clustered)
      low = -3, high = 4;
    if (flavor == Flavor::Wide)
      low = -32768, high = 32767;
    if (flavor == Flavor::Edge)
      low = high = random.pick({-32768, 0, 32767});
    for (int16_t &d : distances.data)
      d = random.integer(low, high);
    kernel.setInts("distances", distances);
    retrieve.fill(kernel, flavor, 0);
    kernel.run();
    int64_t capacity = kernel.size("C");
    Selection expected =
        select(distances, kernel.size(tiering.scope == Scope::Head ? "Hc" : "Hkv"), capacity,
               kernel.has("mid_indices") ? kernel.size("midC") : 0, retrieve.op, tiering);
    outs.check(kernel, expected);
  }
};

struct RetrieveCase : Case {
  CodesGroup codes;
  RetrieveGroup retrieveOperands;
  SelectionGroup outs;
  Tiering tiering;
  bool large = false;

  void declare(Kernel &kernel) override {
    chooseDims(kernel);
    if (large)
      enlarge(kernel, true);
    codes.declare(kernel);
    retrieveOperands.declare(kernel, true, true, true);
    tiering = chooseTiering(kernel, codes.headPerQuery);
    outs.declare(kernel, tiering, tiering.scope == Scope::Head ? "Hc" : "Hkv");
    kernel.setOp("retrieve" + CodesGroup::print(kernel) + RetrieveGroup::print(kernel) +
                     SelectionGroup::print(kernel),
                 {printTiering(tiering)}, SelectionGroup::results(kernel));
  }

  void check(Kernel &kernel, Flavor flavor) override {
    resizeDims(kernel);
    if (large)
      enlarge(kernel, false);
    codes.resize(kernel);
    outs.resize(kernel);
    codes.fill(kernel, flavor);
    retrieveOperands.fill(kernel, flavor, codes.weighted ? 127 : codes.bits);
    kernel.run();
    Selection expected =
        retrieve(codes.queryCodes, codes.keyCodes, kernel.size("C"),
                 kernel.has("mid_indices") ? kernel.size("midC") : 0, retrieveOperands.op, tiering);
    outs.check(kernel, expected);
    for (int32_t count : expected.full.counts.data)
      if (count == kernel.size("C") && count < kernel.size("N"))
        kernel.hit("list filled");
  }

  /// Thousands of keys for few rows, in all dims or in the dynamic ones.
  static void enlarge(Kernel &kernel, bool all) {
    Random &random = kernel.random;
    auto set = [&](const std::string &dim, int64_t size) {
      if (all || kernel.isDynamic(dim))
        kernel.addDim(dim, size, kernel.isDynamic(dim));
    };
    set("B", 1);
    set("M", random.pick({1, 1, 3, 11}));
    int64_t most = 100000 / (kernel.size("Hq") * kernel.size("M"));
    set("N", std::min(most, random.pick<int64_t>({1000, 8192, random.integer(8192, 12000)})));
    if (kernel.size("N") >= 8192)
      kernel.hit("N=thousands");
  }
};

struct LargeRetrieveCase : RetrieveCase {
  LargeRetrieveCase() { large = true; }
};

struct EstimateCase : Case {
  CodesGroup codes;
  ListGroup list;
  ScoringGroup scoring;

  void declare(Kernel &kernel) override {
    chooseDims(kernel);
    codes.declare(kernel);
    list.declare(kernel);
    scoring.declare(kernel, codes);
    kernel.addInit("out", "f32", {"B", "Hq", "M", "C"});
    kernel.setOp("estimate_scores" + CodesGroup::print(kernel) + ListGroup::print(kernel) +
                     scoring.print(kernel, true) + kernel.group("outs", {"out"}),
                 scoring.attributes(), {"out"});
  }

  void check(Kernel &kernel, Flavor flavor) override {
    resizeDims(kernel);
    codes.resize(kernel);
    codes.fill(kernel, flavor);
    list.fill(kernel, flavor);
    scoring.fill(kernel);
    kernel.run();
    // Terms of some units may cancel in a row of few scores.
    Tolerance tolerance;
    tolerance.smallest = 5e-6;
    kernel.expectFloats(
        "out", estimateScores(codes.queryCodes, codes.keyCodes, list.list, scoring.scoring), {},
        tolerance);
  }
};

struct TieredCase : Case {
  AttentionGroup attend;
  CodesGroup codes;
  RetrieveGroup retrieve;
  ScoringGroup scoring;
  Tiering tiering;

  void declare(Kernel &kernel) override {
    Random &random = kernel.random;
    chooseDims(kernel);
    choosePages(kernel);
    attend.declare(kernel, AttentionGroup::Tiered);
    codes.declare(kernel, /*padded=*/true);
    retrieve.declare(kernel, true, true, true, codes.getKeyDim());
    tiering = chooseTiering(kernel, codes.headPerQuery);
    // The bound itself, one more, and bounds far away.
    tiering.denseBelow =
        random.pick<int64_t>({0, 0, 0, kernel.size("N"), kernel.size("N") + 1, 50, 4096});
    if (random.chance(0.2)) {
      tiering.full = 1000000;
      tiering.fullMax = Tiering::none;
      tiering.denseBelow = 0;
    }
    if (tiering.mid > 0)
      scoring.declare(kernel, codes);
    std::string type = random.chance(0.5) ? "f32" : kernel.element("query");
    attend.declareOut(kernel, "out", type, true);
    Names results = {"out"};
    if (random.chance(0.5)) {
      kernel.addInit("lse", "f32", {"B", "Hq", "M"});
      results.push_back("lse");
    }
    if (random.chance(0.5)) {
      kernel.addInit("kept", "i1", {"B", codes.getKeyDim()});
      results.push_back("kept");
    }
    Names attributes = attend.attributes(kernel);
    for (const std::string &attribute : scoring.attributes())
      attributes.push_back(attribute);
    attributes.push_back(printTiering(tiering));
    kernel.setOp("tiered_attention " + attend.print(kernel) + CodesGroup::print(kernel) +
                     RetrieveGroup::print(kernel) +
                     (kernel.has("temperature") ? scoring.print(kernel, false) : "") +
                     kernel.group("kv_scales", {"key_scale", "value_scale"}) +
                     kernel.group("outs", {"out"}) + kernel.group("lse", {"lse"}) +
                     kernel.group("kept", {"kept"}),
                 attributes, results);
  }

  void check(Kernel &kernel, Flavor flavor) override {
    resizeDims(kernel);
    codes.resize(kernel);
    attend.fill(kernel, flavor);
    codes.fill(kernel, flavor);
    // One set of lengths: those of the attention operands.
    Tensor<int32_t> lengths = attend.op.lengths;
    retrieve.fill(kernel, flavor, codes.weighted ? 127 : codes.bits);
    if (lengths.isGiven())
      kernel.setInts("lengths", lengths);
    if (kernel.has("temperature"))
      scoring.fill(kernel);
    kernel.run();
    TieredResult expected = tieredAttention(
        attend.op, {codes.queryCodes, codes.keyCodes, retrieve.op, scoring.scoring}, tiering);
    bool dense = !expected.selection.full.indices.isGiven();
    kernel.hit(dense ? "tiered=dense" : "tiered=lists");
    if (!dense && tiering.full == 1000000 && tiering.fullMax == Tiering::none) {
      kernel.hit("tiered=full budget");
      AttentionOperands exact = attend.op;
      exact.causal = true;
      kernel.expectFloats("out", attention(exact).out, attend.outOrder, {},
                          attend.getSlack(expected.out, flavor));
    }
    kernel.expectFloats("out", expected.out, attend.outOrder, {},
                        attend.getSlack(expected.out, flavor));
    if (kernel.has("lse"))
      kernel.expectFloats("lse", expected.lse, {}, getLseTolerance(flavor));
    if (kernel.has("kept")) {
      // Keys that do not exist are not kept.
      Tensor<uint8_t> kept(kernel.sizes(kernel.dims("kept")));
      for (int64_t b = 0; b < expected.kept.size(0); ++b)
        for (int64_t n = 0; n < expected.kept.size(1); ++n)
          kept(b, n) = expected.kept(b, n);
      kernel.expectInts("kept", kept);
    }
  }
};

template <class T> std::unique_ptr<Case> make() { return std::make_unique<T>(); }

} // namespace

std::unique_ptr<Case> dashkv::testing::makeCase(uint64_t seed, std::string &op) {
  using Entry = std::pair<const char *, std::unique_ptr<Case> (*)()>;
  static const Entry entries[] = {
      {"attention", make<AttentionCase>},
      {"hash_encode", make<HashEncodeCase>},
      {"retrieve", make<RetrieveCase>},
      {"tiered_attention", make<TieredCase>},
      {"select", make<SelectCase>},
      {"online_attention", make<OnlineAttentionCase>},
      {"calibrate", make<CalibrateCase>},
      {"estimate_scores", make<EstimateCase>},
      {"hamming_distance", make<HammingCase>},
      {"attention", make<AttentionCase>},
      {"retrieve", make<RetrieveCase>},
      {"tiered_attention", make<TieredCase>},
      {"hash_encode", make<HashEncodeCase>},
      {"select", make<SelectCase>},
      {"online_reduce", make<OnlineReduceCase>},
      {"tiered_attention", make<TieredCase>},
      {"retrieve", make<RetrieveCase>},
      {"merge", make<MergeCase>},
      {"online_attention", make<OnlineAttentionCase>},
      {"finalize", make<FinalizeCase>},
      {"retrieve", make<LargeRetrieveCase>},
  };
  const Entry &entry = entries[seed % std::size(entries)];
  op = entry.first;
  return entry.second();
}

Names dashkv::testing::getRequiredClasses(bool kernels) {
  Names classes = {
      "op=attention", "op=hash_encode", "op=tiered_attention", "op=hamming_distance",
      "op=calibrate", "op=select", "op=retrieve", "op=estimate_scores", "op=online_attention",
      "op=online_reduce", "op=merge", "op=finalize",
      // Shapes.
      "M=1", "M=2", "M=3", "M=4", "M=5", "M=6", "M=7", "M=8", "N=thousands", "codes=far", "G=1",
      "G=3", "G=4", "G=5", "G=8", "D=64", "D=80", "D=96", "D=128", "D=256", "Dv=D", "Dv=other",
      "B=1", "B>1", "N=0", "N=tiny", "N=odd", "N=even", "N=multiple of 64", "shapes=static",
      "dynamic=B", "dynamic=M", "dynamic=N", "dynamic=D", "dynamic=Dv", "lengths<N", "empty rows",
      "empty rows of attention", "empty lists", "outs=argument", "outs=empty",
      // Types and layouts.
      "type=f32", "type=f16", "type=bf16", "type=f8E4M3FN", "type=i8", "kv_scales", "paged",
      "paged=static rows", "paged=dynamic rows", "paged=no page", "layout=default", "layout=other",
      "maps=group dim", "mask", "mask=projected", "causal", "lse", "scale=given", "scale=default",
      "data=wide", "data=NaN beyond lengths",
      // Codes.
      "L=32 packed", "L=64 packed", "L=128 packed", "L=256 packed", "L=32 weighted",
      "L=64 weighted", "L=128 weighted", "L=256 weighted", "codes=key-major", "codes=planes",
      "codes=padded planes", "Hc=Hq", "Hc=Hkv", "distances=i8", "distances=i16", "encoder=linear",
      "encoder=mlp", "encoder=packed", "encoder=weighted", "encoder=group", "encoder=many rows",
      "encoder=wide layers", "encoder=code_scale", "encoder=zero row", "encoder=tiny row",
      "encoder=not finite", "weights=head", "weights=shared", "activation=relu", "activation=silu",
      "activation=tanh",
      // Retrieval.
      "ties=lowest_index", "ties=newest", "ties=inclusive", "scope=head", "scope=group", "forced",
      "prior", "votes=radius", "votes=percentile", "mid tier", "kept", "list filled",
      // Lists and statistics.
      "lists=head", "lists=group", "residual=none", "residual=table", "residual=table a head",
      "residual=mlp", "code_scale", "online=list", "online=all keys", "stats=start",
      "stats=running", "merge=empty part", "finalize=empty row", "tiered=dense", "tiered=lists",
      "tiered=full budget"};
  if (kernels)
    classes.push_back("lists=union");
  return classes;
}
