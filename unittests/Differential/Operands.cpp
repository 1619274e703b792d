//===- Operands.cpp - Groups of operands that ops share -------------------===//
#include "Operands.h"
#include <algorithm>
#include <limits>

using namespace dashkv::testing;
using namespace dashkv::reference;

//===----------------------------------------------------------------------===//
// Dims
//===----------------------------------------------------------------------===//

static int64_t chooseKeys(Kernel &kernel) {
  Random &random = kernel.random;
  double kind = random.uniform();
  int64_t keys = kind < 0.06   ? 0
                 : kind < 0.2  ? random.integer(1, 7)
                 : kind < 0.65 ? random.integer(8, 100)
                 : kind < 0.9  ? random.integer(101, 320)
                               : random.pick({64, 128, 192, 256});
  // The oracle is slow: at most some millions of products a data set.
  int64_t work = kernel.size("B") * kernel.size("Hq") * kernel.size("M") * kernel.size("D");
  return std::min(keys, std::max<int64_t>(40, 3000000 / work));
}

void dashkv::testing::chooseDims(Kernel &kernel) {
  Random &random = kernel.random;
  // No dim, N, or any set of them is dynamic.
  double kind = random.uniform();
  auto dynamic = [&](const std::string &dim) {
    bool result = kind < 0.4   ? false
                  : kind < 0.6 ? dim == "N"
                               : random.chance(dim == "N" ? 0.8 : 0.4);
    if (result)
      kernel.hit("dynamic=" + dim);
    return result;
  };
  if (kind < 0.4)
    kernel.hit("shapes=static");
  int64_t group = random.pick({1, 3, 4, 5, 8});
  int64_t kvHeads = random.integer(1, group == 8 ? 2 : 3);
  int64_t depth = random.pick({64, 80, 96, 128, 256});
  kernel.addDim("B", random.pick({1, 1, 2, 3}), dynamic("B"));
  kernel.addDim("Hkv", kvHeads);
  kernel.addDim("G", group);
  kernel.addDim("Hq", group * kvHeads);
  kernel.addDim("M", random.chance(0.35) ? 1 : random.integer(2, 8), dynamic("M"));
  kernel.addDim("D", depth, dynamic("D"));
  kernel.addDim("Dv", random.chance(0.5) ? depth : random.pick({16, 33, 64, 96}), dynamic("Dv"));
  kernel.addDim("N", 0, dynamic("N"));
  kernel.addDim("N", chooseKeys(kernel), kernel.isDynamic("N"));
}

void dashkv::testing::resizeDims(Kernel &kernel) {
  Random &random = kernel.random;
  if (kernel.isDynamic("B"))
    kernel.resize("B", random.integer(1, 3));
  if (kernel.isDynamic("M"))
    kernel.resize("M", random.integer(1, 8));
  if (kernel.isDynamic("D"))
    kernel.resize("D", random.pick({64, 80, 96, 128, 256}));
  if (kernel.isDynamic("Dv"))
    kernel.resize("Dv", random.pick({16, 33, 64, 96}));
  if (kernel.isDynamic("N"))
    kernel.resize("N", chooseKeys(kernel));
  resizePages(kernel);

  int64_t keys = kernel.size("N");
  kernel.hit("M=" + std::to_string(kernel.size("M")));
  kernel.hit("G=" + std::to_string(kernel.size("G")));
  kernel.hit("D=" + std::to_string(kernel.size("D")));
  kernel.hit(kernel.size("D") == kernel.size("Dv") ? "Dv=D" : "Dv=other");
  kernel.hit(kernel.size("B") > 1 ? "B>1" : "B=1");
  kernel.hit(keys == 0        ? "N=0"
             : keys < 8       ? "N=tiny"
             : keys % 2       ? "N=odd"
             : keys % 64 == 0 ? "N=multiple of 64"
                              : "N=even");
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

static std::string printMap(const Names &dims, bool grouped) {
  std::string results;
  for (const std::string &dim : dims) {
    std::string name = dim == "B" || dim == "Pages"  ? "b"
                       : dim == "G"                  ? "g"
                       : dim == "M"                  ? "m"
                       : dim == "N" || dim == "Rows" ? "n"
                       : dim == "D"                  ? "d"
                       : dim == "Dv"                 ? "dv"
                                                     : "h";
    results += (results.empty() ? "" : ", ") + name;
  }
  return std::string("affine_map<(b, h, ") + (grouped ? "g, " : "") + "m, n, d, dv) -> (" +
         results + ")>";
}

static Names shuffled(Names dims, Random &random) {
  for (size_t i = dims.size(); i > 1; --i)
    std::swap(dims[i - 1], dims[random.integer(0, i - 1)]);
  return dims;
}

void AttentionGroup::declare(Kernel &kernel, Form chosenForm) {
  Random &random = kernel.random;
  form = chosenForm;
  grouped = form == Full && random.chance(0.15);
  causal = form == Full && random.chance(0.4);
  if (random.chance(0.3))
    scale = random.pick({0.1f, 0.0883883461f, -0.05f});
  Names heads = grouped ? Names{"Hkv", "G"} : Names{"Hq"};
  auto withHeads = [&](Names rest) {
    Names dims = {"B"};
    dims.insert(dims.end(), heads.begin(), heads.end());
    dims.insert(dims.end(), rest.begin(), rest.end());
    return dims;
  };
  queryOrder = withHeads({"M", "D"});
  outOrder = withHeads({"M", "Dv"});
  rowOrder = withHeads({"M"});
  mapped = {queryOrder, inPages(kernel, {"B", "Hkv", "N", "D"}),
            inPages(kernel, {"B", "Hkv", "N", "Dv"})};
  bool otherLayout = random.chance(0.3);
  if (form == Full && random.chance(0.5)) {
    // Any projection that has the key dim; all dims by default.
    maskDims = withHeads({"M", "N"});
    if (random.chance(0.6)) {
      otherLayout = true;
      Names kept;
      for (const std::string &dim : maskDims)
        if (dim == "N" || random.chance(0.5))
          kept.push_back(dim);
      kernel.hit("mask=projected");
      maskDims = random.chance(0.3) ? shuffled(kept, random) : kept;
    }
    mapped.push_back(maskDims);
  }
  mapped.push_back(outOrder);
  if (otherLayout && random.chance(0.7)) {
    kernel.hit("layout=other");
    for (size_t i = 0; i < mapped.size(); ++i)
      if (i != 3 || maskDims.empty())
        mapped[i] = shuffled(mapped[i], random);
  } else if (!otherLayout && !grouped) {
    kernel.hit("layout=default");
  }
  bool explicitMaps = otherLayout || grouped;

  std::string type = random.pick({"f32", "f16", "bf16"}), kvType = type;
  if (random.chance(0.3))
    kvType = random.pick({"f32", "f16", "bf16", "f8E4M3FN"});
  kernel.hit("type=" + type);
  kernel.hit("type=" + kvType);
  kernel.addArgument("query", type, mapped[0]);
  kernel.addArgument("key", kvType, mapped[1]);
  kernel.addArgument("value", kvType, mapped[2]);
  if (!maskDims.empty()) {
    kernel.addArgument("mask", random.pick({"f32", "f16", "bf16"}), maskDims);
    kernel.hit("mask");
  }
  // tiered_attention declares its lengths itself: retrieval shares them.
  if (form == Full && random.chance(0.6))
    kernel.addArgument("lengths", "i32", {"B"});
  if (kvType == "f8E4M3FN" || random.chance(0.1)) {
    kernel.addArgument("key_scale", "f32", {"Hkv"});
    kernel.addArgument("value_scale", "f32", {"Hkv"});
    kernel.hit("kv_scales");
  }
  kernel.hit(scale ? "scale=given" : "scale=default");
  if (causal)
    kernel.hit("causal");
  if (grouped)
    kernel.hit("maps=group dim");
  if (!explicitMaps)
    mapped.clear(); // nothing to print
}

void AttentionGroup::declareOut(Kernel &kernel, const std::string &out, const std::string &element,
                                bool isInit) {
  Names dims = mapped.empty() ? outOrder : mapped.back();
  if (isInit)
    kernel.addInit(out, element, dims);
  else
    kernel.addArgument(out, element, dims);
}

std::string AttentionGroup::print(const Kernel &kernel, const std::string &list) const {
  std::string text = causal ? "causal " : "";
  text += kernel.group("ins", {"query", "key", "value"}).substr(1);
  if (form == Tiered)
    return text;
  return text + kernel.group("mask", {"mask"}) + list + kernel.group("lengths", {"lengths"}) +
         kernel.group("block_table", {"block_table"}) +
         kernel.group("kv_scales", {"key_scale", "value_scale"});
}

Names AttentionGroup::attributes(const Kernel &) const {
  Names attributes;
  if (scale) {
    char text[64];
    std::snprintf(text, sizeof(text), "scale = %.9e : f32", *scale);
    attributes.push_back(text);
  }
  if (!mapped.empty()) {
    std::string maps;
    for (const Names &dims : mapped)
      maps += (maps.empty() ? "" : ", ") + printMap(dims, grouped);
    attributes.push_back("indexing_maps = [" + maps + "]");
  }
  return attributes;
}

void AttentionGroup::fill(Kernel &kernel, Flavor flavor) {
  Random &random = kernel.random;
  int64_t batch = kernel.size("B"), heads = kernel.size("Hq"), kvHeads = kernel.size("Hkv"),
          rows = kernel.size("M"), keys = kernel.size("N"), depth = kernel.size("D"),
          valueDepth = kernel.size("Dv");
  op = {};
  op.query = Tensor<float>({batch, heads, rows, depth});
  op.key = Tensor<float>({batch, kvHeads, keys, depth});
  op.value = Tensor<float>({batch, kvHeads, keys, valueDepth});
  op.scale = scale;
  op.causal = causal;
  bool wide = flavor == Flavor::Wide;
  for (float &x : op.query.data)
    x = wide ? random.wide(4) : random.normal();
  for (float &x : op.value.data)
    x = wide ? random.wide(12) : random.normal();
  // Clustered keys have a large common mean, as real ones have.
  std::vector<float> mean(depth);
  if (flavor == Flavor::Clustered)
    for (float &x : mean)
      x = random.normal();
  for (size_t i = 0; i < op.key.data.size(); ++i)
    op.key.data[i] =
        wide ? random.wide(4)
             : mean[i % depth] + random.normal() * (flavor == Flavor::Clustered ? 0.3f : 1.0f);
  if (wide)
    kernel.hit("data=wide");
  if (kernel.has("key_scale")) {
    op.keyScale = Tensor<float>({kvHeads});
    op.valueScale = Tensor<float>({kvHeads});
    for (float &x : op.keyScale.data)
      x = random.pick({0.5f, 1.0f, 1.25f});
    for (float &x : op.valueScale.data)
      x = random.pick({0.1f, 1.0f, 3.0f});
    kernel.set("key_scale", op.keyScale);
    kernel.set("value_scale", op.valueScale);
  }
  if (kernel.has("lengths")) {
    op.lengths = drawLengths(kernel, flavor);
    kernel.setInts("lengths", op.lengths);
  }
  roundTo(kernel.element("query"), op.query);
  roundTo(kernel.element("key"), op.key);
  roundTo(kernel.element("value"), op.value);
  // What lies beyond the end of a sequence must not matter.
  if (flavor == Flavor::Edge && op.lengths.isGiven() && form != Listed) {
    kernel.hit("data=NaN beyond lengths");
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t h = 0; h < kvHeads; ++h)
        for (int64_t n = op.lengths(b); n < keys; ++n) {
          for (int64_t d = 0; d < depth; ++d)
            op.key(b, h, n, d) = NAN;
          for (int64_t d = 0; d < valueDepth; ++d)
            op.value(b, h, n, d) = NAN;
        }
  }
  kernel.set("query", op.query, queryOrder);
  if (kernel.has("block_table")) {
    PageTable pages;
    pages.fill(kernel, op.lengths);
    pages.set(kernel, "key", op.key, "D");
    pages.set(kernel, "value", op.value, "Dv");
  } else {
    kernel.set("key", op.key, {"B", "Hkv", "N", "D"});
    kernel.set("value", op.value, {"B", "Hkv", "N", "Dv"});
  }

  if (maskDims.empty())
    return;
  // The oracle's mask in the order of its dims, sizes 1 where the kernel's
  // repeats.
  auto sizeOf = [&](const std::string &dim) {
    bool has = std::find(maskDims.begin(), maskDims.end(), dim) != maskDims.end();
    return has ? kernel.size(dim) : 1;
  };
  Names order = grouped ? Names{"B", "Hkv", "G", "M", "N"} : Names{"B", "Hq", "M", "N"};
  Names present;
  std::vector<int64_t> sizes;
  for (const std::string &dim : order) {
    sizes.push_back(sizeOf(dim));
    if (std::find(maskDims.begin(), maskDims.end(), dim) != maskDims.end())
      present.push_back(dim);
  }
  Tensor<float> mask(sizes);
  for (float &x : mask.data)
    x = random.chance(0.2) ? -INFINITY : random.normal();
  if (flavor == Flavor::Edge && keys > 0) {
    // Whole rows of -inf are empty.
    for (size_t row = 0; row < mask.data.size(); row += keys)
      if (random.chance(0.4))
        std::fill_n(mask.data.begin() + row, keys, -INFINITY);
  }
  roundTo(kernel.element("mask"), mask);
  kernel.set("mask", mask, present);
  if (!grouped) {
    op.mask = mask;
    return;
  }
  // (Hkv, G), of which either may repeat, as Hq.
  op.mask = Tensor<float>({sizes[0], heads, sizes[3], sizes[4]});
  int64_t group = heads / kvHeads;
  for (int64_t b = 0; b < sizes[0]; ++b)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t m = 0; m < sizes[3]; ++m)
        for (int64_t n = 0; n < sizes[4]; ++n)
          op.mask(b, h, m, n) =
              mask(b, sizes[1] == 1 ? 0 : h / group, sizes[2] == 1 ? 0 : h % group, m, n);
}

std::vector<double> AttentionGroup::getSlack(const Tensor<float> &out, Flavor flavor) const {
  if (flavor != Flavor::Wide)
    return {};
  int64_t heads = out.size(1), group = heads / op.key.size(1), depth = op.key.size(3),
          valueDepth = out.size(3);
  double factor = std::fabs(op.scale ? *op.scale : 1 / std::sqrt(depth));
  std::vector<double> slack;
  for (int64_t b = 0; b < out.size(0); ++b)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t m = 0; m < out.size(2); ++m) {
        int64_t kv = h / group;
        double terms = 0, largestValue = 0, largestOut = 1e-30;
        for (int64_t n = 0; n < op.key.size(2); ++n) {
          double sum = 0;
          for (int64_t d = 0; d < depth; ++d)
            sum += std::fabs(double(op.query(b, h, m, d)) * op.key(b, kv, n, d));
          if (op.keyScale.isGiven())
            sum *= op.keyScale(kv);
          terms = std::max(terms, sum * factor);
          for (int64_t d = 0; d < valueDepth; ++d)
            largestValue = std::max<double>(largestValue, std::fabs(op.value(b, kv, n, d)));
        }
        if (op.valueScale.isGiven())
          largestValue *= op.valueScale(kv);
        for (int64_t d = 0; d < valueDepth; ++d)
          largestOut = std::max<double>(largestOut, std::fabs(out(b, h, m, d)));
        slack.push_back(terms * 0x1p-22 * largestValue / largestOut);
      }
  return slack;
}

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

void CodesGroup::addBlocks(Kernel &kernel) {
  int64_t blocks = (kernel.size("N") + 63) / 64;
  bool dynamic = kernel.isDynamic("N");
  kernel.addDim("NB", blocks, dynamic);
  kernel.addDim("P", 64 * blocks, dynamic);
  if (!padded)
    kernel.addDim("N", 64 * blocks, dynamic);
}

void CodesGroup::declare(Kernel &kernel, bool arePadded) {
  Random &random = kernel.random;
  planes = random.chance(0.4);
  padded = arePadded;
  if (planes)
    addBlocks(kernel);
  if (bits == 0) {
    bits = random.chance(0.1) ? 8 * random.integer(1, 31) : random.pick({32, 64, 128, 256});
    weighted = random.chance(0.5);
  }
  headPerQuery = random.chance(0.5);
  kernel.addDim("Hc", kernel.size(headPerQuery ? "Hq" : "Hkv"));
  kernel.addArgument("query_codes", "i8",
                     {"B", "Hc", "M", std::to_string(weighted ? bits : bits / 8)});
  std::string bytes = std::to_string(bits / 8);
  kernel.addArgument("key_codes", "i8",
                     planes ? Names{"B", "Hkv", "NB", bytes, "64"} : Names{"B", "Hkv", "N", bytes});
  kernel.hit(planes ? "codes=planes" : "codes=key-major");
  kernel.hit("L=" + std::to_string(bits) + (weighted ? " weighted" : " packed"));
  kernel.hit(weighted ? "codes=weighted" : "codes=packed");
  if (kernel.size("G") > 1)
    kernel.hit(headPerQuery ? "Hc=Hq" : "Hc=Hkv");
}

void CodesGroup::resize(Kernel &kernel) {
  if (planes)
    addBlocks(kernel);
}

/// Key-major codes as byte planes, with any codes in the place of further keys.
static Tensor<int8_t> packPlanes(Kernel &kernel, const Tensor<int8_t> &codes) {
  Tensor<int8_t> planes(kernel.sizes(kernel.dims("key_codes")));
  for (int8_t &byte : planes.data)
    byte = static_cast<int8_t>(kernel.random.integer(0, 255));
  for (int64_t b = 0; b < codes.size(0); ++b)
    for (int64_t h = 0; h < codes.size(1); ++h)
      for (int64_t n = 0; n < codes.size(2); ++n)
        for (int64_t byte = 0; byte < codes.size(3); ++byte)
          planes(b, h, n / 64, byte, n % 64) = codes(b, h, n, byte);
  if (codes.size(2) % 64 != 0)
    kernel.hit("codes=padded planes");
  return planes;
}

void CodesGroup::fill(Kernel &kernel, Flavor flavor) {
  Random &random = kernel.random;
  keyCodes = Tensor<int8_t>({kernel.size("B"), kernel.size("Hkv"), kernel.size("N"), bits / 8});
  Tensor<int8_t> packed({kernel.size("B"), kernel.size("Hc"), kernel.size("M"), bits / 8});
  // Clustered codes are one code with few bits flipped: small distances with many
  // ties. Wide: so are keys, but queries are its opposite. Edge: all keys are equal.
  std::vector<int8_t> centre(bits / 8);
  for (int8_t &byte : centre)
    byte = static_cast<int8_t>(random.integer(0, 255));
  auto draw = [&](Tensor<int8_t> &codes, bool query) {
    for (size_t i = 0; i < codes.data.size(); ++i) {
      int8_t &byte = codes.data[i];
      if (flavor == Flavor::Plain) {
        byte = static_cast<int8_t>(random.integer(0, 255));
        continue;
      }
      byte = centre[i % (bits / 8)];
      if (flavor == Flavor::Wide && query)
        byte = ~byte;
      if ((flavor != Flavor::Edge || query) && random.chance(0.3))
        byte ^= 1 << random.integer(0, 7);
    }
  };
  draw(keyCodes, false);
  draw(packed, true);
  if (flavor == Flavor::Wide)
    kernel.hit("codes=far");
  queryCodes = packed;
  if (weighted) {
    Tensor<float> values({kernel.size("B"), kernel.size("Hc"), kernel.size("M"), bits});
    bool flat = random.chance(0.3);
    for (size_t i = 0; i < values.data.size(); ++i) {
      float magnitude = flat ? 1 : std::pow(std::fabs(random.normal()), 3.0f);
      bool bit = packed.data[i / 8] >> i % 8 & 1;
      values.data[i] = bit ? magnitude : -magnitude;
    }
    queryCodes = encodeValues(values, random.integer(2, 15)).codes;
  }
  kernel.setInts("key_codes", planes ? packPlanes(kernel, keyCodes) : keyCodes);
  kernel.setInts("query_codes", queryCodes);
}

//===----------------------------------------------------------------------===//
// Retrieval
//===----------------------------------------------------------------------===//

Tiering dashkv::testing::chooseTiering(Kernel &kernel, bool headScope) {
  Random &random = kernel.random;
  Tiering tiering;
  tiering.full = random.pick<int64_t>({0, 1, 20000, 70000, 290000, 500000, 1000000});
  tiering.fullMin = random.pick({0, 0, 1, 5, 128});
  if (random.chance(0.3))
    tiering.fullMax = tiering.fullMin + random.integer(0, 20);
  if (random.chance(0.5)) {
    tiering.mid = random.pick<int64_t>({1, 70000, 300000, 1000000});
    tiering.midMin = random.pick({0, 0, 3});
    if (random.chance(0.3))
      tiering.midMax = tiering.midMin + random.integer(0, 20);
    kernel.hit("mid tier");
  }
  tiering.sinks = random.pick({0, 1, 4});
  tiering.window = random.pick({0, 1, 7, 64});
  tiering.scope = headScope && random.chance(0.5) ? Scope::Head : Scope::Group;
  tiering.ties = random.pick({Ties::LowestIndex, Ties::Newest, Ties::Inclusive});
  tiering.bitsFraction = random.integer(0, 6);
  if (random.chance(0.5))
    tiering.voteThreshold = random.integer(0, 3);
  if (random.chance(0.5))
    tiering.voteFraction = random.pick<int64_t>({0, 30000, 250000, 1000000});
  tiering.keptVotes = random.integer(1, 3);
  kernel.hit(tiering.scope == Scope::Head ? "scope=head" : "scope=group");
  kernel.hit(tiering.ties == Ties::LowestIndex ? "ties=lowest_index"
             : tiering.ties == Ties::Newest    ? "ties=newest"
                                               : "ties=inclusive");
  return tiering;
}

std::string dashkv::testing::printTiering(const Tiering &tiering) {
  std::string text = "tiering = #dashkv.tiering<";
  auto fraction = [&](const char *field, int64_t millionths) {
    char number[32];
    std::snprintf(number, sizeof(number), "%.6f", millionths / 1e6);
    text += std::string(field) + " = " + number + ", ";
  };
  auto integer = [&](const char *field, int64_t value) {
    if (value != Tiering::none)
      text += std::string(field) + " = " + std::to_string(value) + ", ";
  };
  fraction("full", tiering.full);
  integer("full_min", tiering.fullMin);
  integer("full_max", tiering.fullMax);
  fraction("mid", tiering.mid);
  integer("mid_min", tiering.midMin);
  integer("mid_max", tiering.midMax);
  integer("sinks", tiering.sinks);
  integer("window", tiering.window);
  integer("bits_fraction", tiering.bitsFraction);
  integer("vote_threshold", tiering.voteThreshold);
  if (tiering.voteFraction != Tiering::none)
    fraction("vote_fraction", tiering.voteFraction);
  integer("dense_below", tiering.denseBelow);
  integer("kept_votes", tiering.keptVotes);
  text += tiering.scope == Scope::Head ? "scope = head" : "scope = group";
  text += tiering.ties == Ties::LowestIndex ? ", ties = lowest_index>"
          : tiering.ties == Ties::Newest    ? ", ties = newest>"
                                            : ", ties = inclusive>";
  return text;
}

Tensor<int32_t> dashkv::testing::drawLengths(Kernel &kernel, Flavor flavor) {
  Random &random = kernel.random;
  int64_t keys = kernel.size("N"), rows = kernel.size("M");
  Tensor<int32_t> lengths({kernel.size("B")});
  for (int32_t &length : lengths.data) {
    length = random.chance(0.2) ? keys : random.integer(0, keys);
    if (flavor == Flavor::Edge)
      length = random.integer(0, std::min(rows, keys));
    if (length < keys)
      kernel.hit("lengths<N");
    if (length < rows)
      kernel.hit("empty rows");
  }
  return lengths;
}

void RetrieveGroup::declare(Kernel &kernel, bool calibrates, bool lengths, bool forced,
                            const std::string &keys) {
  Random &random = kernel.random;
  if (lengths && random.chance(0.6))
    kernel.addArgument("lengths", "i32", {"B"});
  if (forced && random.chance(0.4)) {
    kernel.addArgument("forced", "i1", {"B", keys});
    kernel.hit("forced");
  }
  if (!calibrates)
    return;
  if (random.chance(0.4)) {
    kernel.addArgument("prior", "i1", {"B", keys});
    kernel.addArgument("prior_discount", "i16", {"Hc"});
    kernel.hit("prior");
  }
  if (random.chance(0.5)) {
    kernel.addArgument("vote_discount", "i16", {"Hc"});
    bool radius = random.chance(0.5);
    if (radius)
      kernel.addArgument("radius", "i32", {"B", "Hc", "M"});
    kernel.hit(radius ? "votes=radius" : "votes=percentile");
  }
}

void RetrieveGroup::fill(Kernel &kernel, Flavor flavor, int64_t largestDistance) {
  Random &random = kernel.random;
  op = {};
  auto flags = [&](const std::string &name, Tensor<uint8_t> &tensor) {
    if (!kernel.has(name))
      return;
    double density = random.pick({0.05, 0.3, 1.0});
    tensor = Tensor<uint8_t>({kernel.size("B"), kernel.size("N")});
    // Flags of keys that do not exist mean nothing.
    Tensor<uint8_t> padded(kernel.sizes(kernel.dims(name)));
    for (uint8_t &flag : padded.data)
      flag = random.chance(density);
    for (int64_t b = 0; b < tensor.size(0); ++b)
      for (int64_t n = 0; n < tensor.size(1); ++n)
        tensor(b, n) = padded(b, n);
    kernel.setInts(name, padded);
  };
  auto discounts = [&](const std::string &name, Tensor<int16_t> &tensor) {
    if (!kernel.has(name))
      return;
    tensor = Tensor<int16_t>({kernel.size("Hc")});
    for (int16_t &discount : tensor.data)
      discount = random.integer(0, flavor == Flavor::Edge ? 32767 : 40);
    kernel.setInts(name, tensor);
  };
  if (kernel.has("lengths")) {
    op.lengths = drawLengths(kernel, flavor);
    kernel.setInts("lengths", op.lengths);
  }
  flags("forced", op.forced);
  flags("prior", op.prior);
  discounts("prior_discount", op.priorDiscount);
  discounts("vote_discount", op.voteDiscount);
  if (kernel.has("radius")) {
    op.radius = Tensor<int32_t>({kernel.size("B"), kernel.size("Hc"), kernel.size("M")});
    for (int32_t &radius : op.radius.data)
      radius = flavor == Flavor::Edge ? random.pick({-1, 0, std::numeric_limits<int32_t>::max(),
                                                     std::numeric_limits<int32_t>::min()})
                                      : random.integer(0, largestDistance);
    kernel.setInts("radius", op.radius);
  }
}

std::string RetrieveGroup::print(const Kernel &kernel) {
  std::string text;
  for (const char *name :
       {"lengths", "block_table", "forced", "prior", "vote_discount", "prior_discount", "radius"})
    text += kernel.group(name, {name});
  return text;
}

void SelectionGroup::declare(Kernel &kernel, const Tiering &tiering, const std::string &listHeads) {
  Random &random = kernel.random;
  int64_t keys = kernel.size("N");
  bool unbounded = kernel.has("forced") || tiering.ties == Ties::Inclusive;
  auto capacity = [&](const std::string &dim, int64_t budget, int64_t max, int64_t always) {
    if (random.chance(0.3)) {
      kernel.addDim(dim, 0, true);
      return;
    }
    // A static capacity holds what is statically known to fit.
    int64_t least = 0;
    if (!kernel.isDynamic("N"))
      least = unbounded ? keys : std::min(keys, always + budget);
    else if (!unbounded && max != Tiering::none)
      least = always + max;
    kernel.addDim(dim, least + random.pick({0, 0, 1, 13}));
  };
  capacity("C", tiering.getFullBudget(keys), tiering.fullMax, tiering.sinks + tiering.window);
  kernel.addInit("full_indices", "i32", {"B", listHeads, "M", "C"});
  kernel.addInit("full_counts", "i32", {"B", listHeads, "M"});
  kernel.addInit("full_threshold", "i32", {"B", listHeads, "M"});
  if (tiering.mid > 0 || tiering.midMin > 0) {
    capacity("midC", tiering.getMidBudget(keys), tiering.midMax, 0);
    kernel.addInit("mid_indices", "i32", {"B", listHeads, "M", "midC"});
    kernel.addInit("mid_counts", "i32", {"B", listHeads, "M"});
    kernel.addInit("mid_threshold", "i32", {"B", listHeads, "M"});
  }
  if (random.chance(0.5)) {
    kernel.addInit("kept", "i1", {"B", "N"});
    kernel.hit("kept");
  }
}

void SelectionGroup::resize(Kernel &kernel) {
  if (kernel.isDynamic("C"))
    kernel.resize("C", kernel.random.integer(0, kernel.size("N") + 3));
  if (kernel.has("mid_indices") && kernel.isDynamic("midC"))
    kernel.resize("midC", kernel.random.integer(0, kernel.size("N") + 3));
}

std::string SelectionGroup::print(const Kernel &kernel) {
  return kernel.group("outs", {"full_indices", "full_counts", "full_threshold"}) +
         kernel.group("mid", {"mid_indices", "mid_counts", "mid_threshold"}) +
         kernel.group("kept", {"kept"});
}

Names SelectionGroup::results(const Kernel &kernel) {
  Names names = {"full_indices", "full_counts", "full_threshold"};
  for (const char *name : {"mid_indices", "mid_counts", "mid_threshold", "kept"})
    if (kernel.has(name))
      names.push_back(name);
  return names;
}

void SelectionGroup::check(Kernel &kernel, const Selection &expected) const {
  kernel.expectInts("full_counts", expected.full.counts);
  kernel.expectInts("full_threshold", expected.full.threshold);
  kernel.expectInts("full_indices", expected.full.indices);
  if (kernel.has("mid_indices")) {
    kernel.expectInts("mid_counts", expected.mid.counts);
    kernel.expectInts("mid_threshold", expected.mid.threshold);
    kernel.expectInts("mid_indices", expected.mid.indices);
  }
  if (kernel.has("kept"))
    kernel.expectInts("kept", expected.kept);
}

//===----------------------------------------------------------------------===//
// Lists, scores, statistics
//===----------------------------------------------------------------------===//

void ListGroup::declare(Kernel &kernel) {
  Random &random = kernel.random;
  bool perHead = random.chance(0.5);
  std::string heads = perHead ? "Hq" : "Hkv";
  kernel.addDim("C", random.integer(0, kernel.size("N") + 2), random.chance(0.4));
  kernel.addArgument("indices", "i32", {"B", heads, "M", "C"});
  kernel.addArgument("counts", "i32", {"B", heads, "M"});
  if (kernel.size("G") > 1)
    kernel.hit(perHead ? "lists=head" : "lists=group");
}

void ListGroup::fill(Kernel &kernel, Flavor flavor) {
  Random &random = kernel.random;
  int64_t keys = kernel.size("N");
  if (kernel.isDynamic("C"))
    kernel.resize("C", random.integer(0, keys + 2));
  std::vector<int64_t> sizes = kernel.sizes(kernel.dims("indices"));
  list = {Tensor<int32_t>(sizes, -1), Tensor<int32_t>({sizes[0], sizes[1], sizes[2]}), {}};
  for (size_t row = 0; row < list.counts.data.size(); ++row) {
    double density = flavor == Flavor::Edge ? random.pick({0.0, 0.1}) : random.uniform();
    int32_t &count = list.counts.data[row];
    for (int64_t n = 0; n < keys && count < sizes[3]; ++n)
      if (random.chance(density))
        list.indices.data[row * sizes[3] + count++] = n;
    if (count == 0)
      kernel.hit("empty lists");
  }
  kernel.setInts("indices", list.indices);
  kernel.setInts("counts", list.counts);
}

void EncoderGroup::declare(Kernel &kernel, const std::string &prefix, bool mlp,
                           const std::string &heads, const std::string &in,
                           const std::string &out) {
  Random &random = kernel.random;
  encoder.activation = random.pick({Activation::Relu, Activation::Silu, Activation::Tanh});
  bool hasBiases = mlp || random.chance(0.6);
  bool wide = mlp && out != "1" && random.chance(0.35);
  if (wide)
    kernel.hit("encoder=wide layers");
  Names dims = {in};
  for (int64_t layer = 0; layer < (mlp ? 2 : 0); ++layer)
    dims.push_back(std::to_string(wide ? 256 : random.integer(3, 40)));
  dims.push_back(out);
  for (size_t layer = 0; layer + 1 < dims.size(); ++layer) {
    bool perHead = random.chance(0.5);
    std::string type = random.pick({"f32", "f32", "f16", "bf16"});
    Names weightDims = {dims[layer], dims[layer + 1]}, biasDims = {dims[layer + 1]};
    if (perHead) {
      weightDims.insert(weightDims.begin(), heads);
      biasDims.insert(biasDims.begin(), heads);
    }
    weights.push_back(prefix + "w" + std::to_string(layer));
    kernel.addArgument(weights.back(), type, weightDims);
    if (hasBiases) {
      biases.push_back(prefix + "b" + std::to_string(layer));
      kernel.addArgument(biases.back(), type, biasDims);
    }
    kernel.hit(perHead ? "weights=head" : "weights=shared");
  }
  if (mlp)
    kernel.hit("activation=" + activation());
}

void EncoderGroup::fill(Kernel &kernel) {
  Random &random = kernel.random;
  encoder.weights.clear();
  encoder.biases.clear();
  auto draw = [&](const std::string &name, std::vector<Tensor<float>> &to) {
    Tensor<float> tensor(kernel.sizes(kernel.dims(name)));
    int64_t in = tensor.shape.size() > 1 ? tensor.shape[tensor.shape.size() - 2] : 1;
    for (float &x : tensor.data)
      x = random.normal() / std::sqrt(static_cast<float>(in));
    roundTo(kernel.element(name), tensor);
    kernel.set(name, tensor);
    to.push_back(std::move(tensor));
  };
  for (const std::string &name : weights)
    draw(name, encoder.weights);
  for (const std::string &name : biases)
    draw(name, encoder.biases);
}

std::string EncoderGroup::print(const Kernel &kernel, const std::string &weightKeyword) const {
  return kernel.group(weightKeyword, weights) +
         (biases.empty() ? "" : kernel.group("biases", biases));
}

std::string EncoderGroup::activation() const {
  return encoder.activation == Activation::Relu   ? "relu"
         : encoder.activation == Activation::Silu ? "silu"
                                                  : "tanh";
}

void ScoringGroup::declare(Kernel &kernel, const CodesGroup &codes) {
  Random &random = kernel.random;
  kernel.addArgument("temperature", "f32", {"Hq"});
  kernel.addArgument("bias", "f32", {"Hq"});
  if (random.chance(0.5)) {
    kernel.addArgument("code_scale", "f32", {"B", "Hc", "M"});
    kernel.hit("code_scale");
  }
  switch (random.integer(0, 2)) {
  case 0: {
    bool perHead = random.chance(0.5);
    int64_t columns = codes.weighted ? 128 : codes.bits + 1;
    kernel.addArgument("table", "f32", {perHead ? "Hq" : "1", std::to_string(columns)});
    kernel.hit(perHead ? "residual=table a head" : "residual=table");
    break;
  }
  case 1:
    hasMlp = true;
    mlp.declare(kernel, "mlp_", true, "Hq", std::to_string(2 * codes.bits), "1");
    kernel.hit("residual=mlp");
    break;
  default:
    kernel.hit("residual=none");
  }
}

void ScoringGroup::fill(Kernel &kernel) {
  Random &random = kernel.random;
  scoring = {};
  auto draw = [&](const std::string &name, Tensor<float> &tensor, float size) {
    if (!kernel.has(name))
      return;
    tensor = Tensor<float>(kernel.sizes(kernel.dims(name)));
    for (float &x : tensor.data)
      x = size * random.normal();
    kernel.set(name, tensor);
  };
  draw("temperature", scoring.temperature, 0.1f);
  draw("bias", scoring.bias, 1);
  draw("code_scale", scoring.codeScale, 1);
  draw("table", scoring.table, 1);
  if (hasMlp) {
    mlp.fill(kernel);
    scoring.mlp = mlp.encoder;
  }
}

std::string ScoringGroup::print(const Kernel &kernel, bool scoringFirst) const {
  std::string scoringText = kernel.group("scoring", {"temperature", "bias"});
  std::string codeScale = kernel.group("code_scale", {"code_scale"});
  return (scoringFirst ? scoringText + codeScale : codeScale + scoringText) +
         kernel.group("table", {"table"}) + (hasMlp ? mlp.print(kernel, "mlp") : "");
}

Names ScoringGroup::attributes() const {
  if (!hasMlp)
    return {};
  return {"activation = #dashkv.activation<" + mlp.activation() + ">"};
}

void StatsGroup::fill(Kernel &kernel, SoftmaxStats &stats, const Names &accOrder) {
  Random &random = kernel.random;
  stats =
      SoftmaxStats::start(kernel.size("B"), kernel.size("Hq"), kernel.size("M"), kernel.size("Dv"));
  if (random.chance(0.5)) {
    kernel.hit("stats=running");
    for (float &x : stats.acc.data)
      x = random.normal();
    for (float &x : stats.max.data)
      x = random.normal();
    for (float &x : stats.sum.data)
      x = 1 + std::fabs(random.normal());
  } else {
    kernel.hit("stats=start");
  }
  kernel.set("acc", stats.acc, accOrder);
  kernel.set("max", stats.max);
  kernel.set("sum", stats.sum);
}

void StatsGroup::check(Kernel &kernel, const SoftmaxStats &expected, const Names &accOrder,
                       const std::vector<double> &slack) {
  Tolerance logits;
  logits.smallest = 2e-6;
  kernel.expectFloats("max", expected.max, {}, logits);
  // Rows of sum are single numbers: relative to themselves.
  kernel.expectFloats("sum", expected.sum, {}, {}, slack, 1);
  kernel.expectFloats("acc", expected.acc, accOrder, {}, slack);
}
