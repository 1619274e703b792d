//===- RaiseAttentionLayout.cpp - Which loop is which ---------------------===//
//
// A loop of the output that q, k and v all have is a batch or a KV head; one
// that only q has is a group or a row; one that only v has is dv. Operands are
// the furthest tensors of their chains whose dims are these loops.
//
//===----------------------------------------------------------------------===//
#include "RaiseAttentionBuild.h"
#include "llvm/Support/FormatVariadic.h"
#include <limits>

using namespace mlir;
using namespace mlir::dashkv;

bool AttentionBuilder::fail(StringRef id, const Twine &text) {
  if (!decline)
    decline = Decline{id, text.str()};
  return false;
}

std::optional<SmallVector<AtomList, 5>> mlir::dashkv::getDims(ExprRef load) {
  SmallVector<AtomList, 5> dims;
  for (const DimIndex &index : load->indices) {
    if (index.other)
      return std::nullopt;
    dims.push_back(AtomPool::resolve(index.atoms));
  }
  return dims;
}

static bool isFloatOperand(Type type) {
  type = getElementTypeOrSelf(type);
  return type.isF16() || type.isBF16() || type.isF32();
}

/// The loads from `expr` through data movement, nearest first. A conversion to a
/// narrower type ends the list: what is behind it is not what was stored.
SmallVector<ExprRef, 4> AttentionBuilder::getCandidates(ExprRef expr) {
  SmallVector<ExprRef, 4> candidates;
  unsigned width = ~0u;
  while (expr && expr->kind == ExprKind::Load) {
    Type type = getElementTypeOrSelf(expr->source.getType());
    if (!type.isIntOrFloat() || type.getIntOrFloatBitWidth() > width)
      break;
    width = type.getIntOrFloatBitWidth();
    candidates.push_back(expr);
    expr = context.expand(expr);
  }
  return candidates;
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

static bool isIn(Atom *atom, ArrayRef<Atom *> list) { return llvm::is_contained(list, atom); }

/// Splits the loops that q, k and v share into batch and KV heads.
void AttentionBuilder::nameHeads(ArrayRef<Atom *> shared) {
  // The runs of shared atoms in the dims of K, in order; a dim of size 1 is an
  // empty run. In [B, Hkv, N, D] and [B, N, Hkv, D] the last run is the head.
  SmallVector<AtomList> runs;
  SmallVector<ExprRef, 4> keys = getCandidates(attention.key);
  for (ExprRef load : llvm::reverse(keys)) {
    auto keyDims = getDims(load);
    if (!keyDims)
      continue;
    for (const AtomList &dim : *keyDims) {
      if (dim.empty())
        runs.emplace_back();
      bool isOpen = false;
      for (Atom *atom : dim) {
        if (!isIn(atom, shared)) {
          isOpen = false;
          continue;
        }
        if (!isOpen)
          runs.emplace_back();
        runs.back().push_back(atom);
        isOpen = true;
      }
    }
    break;
  }
  // More than two: dims of size 1 say nothing.
  while (runs.size() > 2) {
    auto empty = std::find_if(runs.rbegin(), runs.rend(), [](auto &run) { return run.empty(); });
    if (empty == runs.rend())
      break;
    runs.erase(std::next(empty).base());
  }
  AtomList seen;
  for (const AtomList &run : runs)
    seen.append(run);
  if (seen.size() != shared.size()) {
    runs.clear();
    for (Atom *atom : shared)
      runs.push_back({atom});
  }
  if (runs.size() == 1 && runs[0].size() == 1) {
    // [X, N, D]: X is the batch if the queries have it as the first of four dims.
    SmallVector<ExprRef, 4> queries = getCandidates(attention.query);
    bool isBatch = false;
    if (!queries.empty())
      if (auto dims = getDims(queries.back()))
        isBatch = dims->size() >= 4 && dims->front() == runs[0];
    (isBatch ? batch : head) = runs[0];
    return;
  }
  if (runs.empty() || (runs.size() == 1 && runs[0].empty()))
    return;
  if (runs.size() == 1) {
    head = {runs[0].pop_back_val()};
    batch = runs[0];
    return;
  }
  head = runs.pop_back_val();
  for (const AtomList &run : runs)
    batch.append(run);
}

/// Splits the loops that only q has into group and rows.
void AttentionBuilder::nameRows(ArrayRef<Atom *> onlyQuery) {
  SmallVector<SmallVector<AtomList, 5>> queryDims;
  for (ExprRef load : getCandidates(attention.query))
    if (auto dims = getDims(load))
      queryDims.push_back(*dims);
  auto onlyRows = [&](ArrayRef<Atom *> list) {
    return llvm::all_of(list, [&](Atom *atom) { return isIn(atom, onlyQuery); });
  };
  auto assign = [&](ArrayRef<Atom *> chosen) {
    rows.assign(chosen.begin(), chosen.end());
    for (Atom *atom : onlyQuery)
      if (!isIn(atom, chosen))
        group.push_back(atom);
  };
  // What a causal mask compares with keys is the row.
  AtomList causal = AtomPool::resolve(attention.causalRows);
  if (!causal.empty())
    return assign(causal);

  // The dim beside the keys in the scores, else the dim beside d in q.
  std::optional<AtomList> beside;
  SmallVector<AtomList, 5> scoreDims;
  for (const DimIndex &index : attention.scoreIndex)
    scoreDims.push_back(AtomPool::resolve(index.atoms));
  int64_t first = -1, last = -1;
  for (auto [position, dim] : llvm::enumerate(scoreDims))
    if (intersects(dim, attention.keys)) {
      first = first < 0 ? position : first;
      last = position;
    }
  int64_t rank = scoreDims.size();
  if (first >= 0) {
    int64_t position = last == rank - 1 ? first - 1 : last + 1;
    if (position >= 0 && position < rank && onlyRows(scoreDims[position]))
      beside = scoreDims[position];
  }
  if (!queryDims.empty()) {
    ArrayRef<AtomList> dims = queryDims.back();
    bool isDepthLast = dims.size() >= 2 && intersects(dims.back(), attention.depth);
    if (isDepthLast && (!beside || (dims.size() >= 4 && dims[dims.size() - 2].empty())) &&
        onlyRows(dims[dims.size() - 2]))
      beside = dims[dims.size() - 2];
  }
  AtomList chosen = beside ? *beside : AtomList(onlyQuery);

  // A loop that shares a dim with a KV head, as in [B, Hkv * G, 1, D], is the
  // group, even where the scores have it beside the keys.
  SmallVector<SmallVector<AtomList, 5>> headDims = queryDims;
  for (ExprRef load : attention.outs)
    if (auto dims = getDims(load))
      headDims.push_back(*dims);
  llvm::erase_if(chosen, [&](Atom *atom) {
    return llvm::any_of(headDims, [&](ArrayRef<AtomList> dims) {
      return llvm::any_of(dims, [&](const AtomList &dim) {
        bool hasOther =
            llvm::any_of(dim, [&](Atom *a) { return !isIn(a, head) && !isIn(a, onlyQuery); });
        return !hasOther && isIn(atom, dim) && intersects(dim, head);
      });
    });
  });
  assign(chosen);
}

bool AttentionBuilder::nameLoops() {
  auto getLast = [&](ExprRef expr) {
    SmallVector<ExprRef, 4> candidates = getCandidates(expr);
    return context.getFreeAtoms(candidates.empty() ? expr : candidates.back());
  };
  AtomList inQuery = getLast(attention.query), inKey = getLast(attention.key),
           inValue = getLast(attention.value);
  AtomList loops = context.getFreeAtoms(attention.outs.front());
  AtomList keys = AtomPool::resolve(attention.keys), depth = AtomPool::resolve(attention.depth);

  for (Atom *atom : keys)
    if (!isIn(atom, inKey) || !isIn(atom, inValue) || isIn(atom, inQuery))
      return fail("layout", "keys and values do not share the dim of the keys");
  for (Atom *atom : depth)
    if (!isIn(atom, inKey) || !isIn(atom, inQuery) || isIn(atom, inValue))
      return fail("layout", "queries and keys do not share the dim of the head size");
  for (AtomList *list : {&inQuery, &inKey, &inValue})
    for (Atom *atom : *list)
      if (!isIn(atom, loops) && !isIn(atom, keys) && !isIn(atom, depth))
        return fail("layout", "an operand has a dim that neither the result nor the other "
                              "operands have");

  AtomList shared, onlyQuery;
  for (Atom *atom : loops) {
    bool q = isIn(atom, inQuery), k = isIn(atom, inKey), v = isIn(atom, inValue);
    if (k && v)
      shared.push_back(atom);
    else if (q && !k && !v)
      onlyQuery.push_back(atom);
    else if (v && !q)
      valueDepth.push_back(atom);
    else if (q)
      return fail("kv-heads-differ", "keys and values have different numbers of heads");
    else
      return fail("layout", "a dim of the result belongs to neither queries nor values");
  }
  nameHeads(shared);
  nameRows(onlyQuery);
  // A row index that is no row of the queries cannot be `causal`.
  for (Atom *atom : AtomPool::resolve(attention.causalRows))
    if (!isIn(atom, onlyQuery))
      return fail("layout", "a causal mask compares keys with something that is not the row");
  return true;
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

/// Arranges the dims of a tensor as loops, each one dim. A projection may lack
/// loops, and has no dims of size 1.
std::optional<AttentionBuilder::Operand>
AttentionBuilder::arrange(ExprRef load, ArrayRef<unsigned> loops, bool isProjection) {
  auto tensorDims = getDims(load);
  if (!tensorDims)
    return std::nullopt;
  Operand operand;
  operand.load = load;
  operand.from = *tensorDims;

  // Loops in the order in which the tensor has their atoms.
  AtomList sequence;
  for (const AtomList &dim : *tensorDims)
    sequence.append(dim);
  SmallVector<unsigned, 5> order;
  for (size_t position = 0; position < sequence.size();) {
    auto it = llvm::find_if(loops, [&](unsigned loop) {
      const AtomList &name = names[loop];
      return !name.empty() && name.size() <= sequence.size() - position &&
             std::equal(name.begin(), name.end(), sequence.begin() + position);
    });
    if (it == loops.end() || llvm::is_contained(order, *it))
      return std::nullopt;
    order.push_back(*it);
    position += names[*it].size();
  }
  SmallVector<unsigned, 5> unitLoops;
  for (unsigned loop : loops) {
    if (names[loop].empty())
      unitLoops.push_back(loop);
    else if (!isProjection && !llvm::is_contained(order, loop))
      return std::nullopt;
  }
  if (isProjection) {
    for (unsigned loop : order)
      operand.to.push_back(names[loop]);
    operand.loops = order;
    return operand;
  }

  // As it is, if every dim is a loop.
  bool isDirect = tensorDims->size() == loops.size();
  size_t next = 0, nextUnit = 0;
  SmallVector<unsigned, 5> direct;
  for (const AtomList &dim : *tensorDims) {
    if (!isDirect)
      break;
    if (dim.empty()) {
      isDirect = nextUnit < unitLoops.size();
      if (isDirect)
        direct.push_back(unitLoops[nextUnit++]);
      continue;
    }
    isDirect = next < order.size() && names[order[next]] == dim;
    if (isDirect)
      direct.push_back(order[next++]);
  }
  if (isDirect) {
    operand.to = operand.from;
    operand.loops = direct;
    return operand;
  }

  // Else loops of size 1 follow the loop before them.
  for (unsigned loop : unitLoops) {
    size_t position = 0;
    for (auto [index, other] : llvm::enumerate(order))
      if (other < loop)
        position = index + 1;
    order.insert(order.begin() + position, loop);
  }
  for (unsigned loop : order)
    operand.to.push_back(names[loop]);
  operand.loops = order;
  return operand;
}

/// The furthest tensor behind `expr` that is an operand as it is, else the
/// furthest that reshapes make one.
std::optional<AttentionBuilder::Operand>
AttentionBuilder::choose(ExprRef expr, ArrayRef<unsigned> loops, bool isProjection) {
  SmallVector<ExprRef, 4> candidates = getCandidates(expr);
  std::optional<Operand> reshaped;
  for (ExprRef load : llvm::reverse(candidates)) {
    if (!isFloatOperand(load->source.getType()))
      continue;
    std::optional<Operand> operand = arrange(load, loops, isProjection);
    if (!operand)
      continue;
    if (!operand->isReshaped())
      return operand;
    // At most one size that only a division can tell.
    int64_t unknown =
        llvm::count_if(context.getFreeAtoms(load), [&](Atom *atom) { return !hasSize({atom}); });
    if (!reshaped && unknown <= 1)
      reshaped = operand;
  }
  return reshaped;
}

bool AttentionBuilder::planOperands(bool isGrouped) {
  dims = *AttentionDims::get(isGrouped ? 7 : 6);
  names.assign(dims.count, {});
  names[dims.batch] = batch;
  names[dims.query] = rows;
  names[dims.key] = AtomPool::resolve(attention.keys);
  names[dims.depth] = AtomPool::resolve(attention.depth);
  names[dims.valueDepth] = valueDepth;

  // Keys and values.
  names[dims.head] = head;
  if (isGrouped)
    names[*dims.group] = group;
  SmallVector<unsigned, 4> keyLoops = {dims.batch, dims.head, dims.key, dims.depth};
  SmallVector<unsigned, 4> valueLoops = {dims.batch, dims.head, dims.key, dims.valueDepth};
  for (auto [operand, expr, loops] :
       {std::tuple(&key, attention.key, keyLoops), {&value, attention.value, valueLoops}}) {
    if (std::optional<Operand> chosen = choose(expr, loops, false)) {
      *operand = *chosen;
      continue;
    }
    SmallVector<AtomList> target;
    for (unsigned loop : loops)
      target.push_back(names[loop]);
    // A copy only of what is no tensor yet, or only part of one.
    if (context.sawUnevenDivision ||
        llvm::any_of(getCandidates(expr), [](ExprRef load) { return getDims(load).has_value(); }) ||
        !canMaterialize(expr, target))
      return false;
    *operand = Operand();
    operand->expr = expr;
    operand->from = operand->to = SmallVector<AtomList, 5>(ArrayRef(target));
    operand->loops = SmallVector<unsigned, 5>(ArrayRef(loops));
  }

  // Queries and the output, whose head dim counts query heads.
  SmallVector<unsigned, 5> queryLoops = {dims.batch, dims.head}, outLoops;
  if (isGrouped)
    queryLoops.push_back(*dims.group);
  else
    names[dims.head].append(group);
  queryLoops.push_back(dims.query);
  outLoops = queryLoops;
  queryLoops.push_back(dims.depth);
  outLoops.push_back(dims.valueDepth);

  outLoad = nullptr;
  std::optional<Operand> reshapedOut;
  for (ExprRef load : attention.outs) {
    std::optional<Operand> operand = arrange(load, outLoops, false);
    if (!operand || !isFloatOperand(load->source.getType()))
      continue;
    if (!operand->isReshaped()) {
      out = *operand;
      outLoad = load;
      break;
    }
    if (!reshapedOut)
      reshapedOut = operand;
  }
  if (!outLoad && reshapedOut) {
    out = *reshapedOut;
    outLoad = out.load;
  }
  if (!outLoad)
    return false;
  for (const AtomList &dim : out.to)
    if (!hasSize(dim))
      return false;

  ExprRef expr = attention.query;
  for (ExprRef factor : attention.rowFactors)
    expr = context.get(Fn::Mul, {expr, factor});
  if (attention.rowFactors.empty())
    if (std::optional<Operand> chosen = choose(expr, queryLoops, false)) {
      query = *chosen;
      return true;
    }
  // Queries are small: a copy in the default layout is always possible.
  SmallVector<AtomList> target;
  for (unsigned loop : queryLoops)
    target.push_back(names[loop]);
  if (!canMaterialize(expr, target))
    return false;
  query = Operand();
  query.expr = expr;
  query.from = query.to = SmallVector<AtomList, 5>(ArrayRef(target));
  query.loops = queryLoops;
  return true;
}

/// The mask operand: a tensor of the graph at its own rank, or a generic that
/// adds up what masks are left.
bool AttentionBuilder::planMask() {
  ArrayRef<MaskTerm> masks = attention.maskOperands;
  hasMask = !masks.empty();
  if (!hasMask)
    return true;
  SmallVector<unsigned, 5> loops = {dims.batch, dims.head};
  if (dims.group)
    loops.push_back(*dims.group);
  loops.append({dims.query, dims.key});
  std::optional<Operand> direct;
  if (masks.size() == 1 && !masks[0].isSelect && masks[0].factor == 1 &&
      masks[0].rowFactors.empty())
    direct = choose(masks[0].expr, loops, true);

  auto getSum = [&](bool isExpanded) {
    ExprRef sum = nullptr;
    for (const MaskTerm &term : masks) {
      ExprRef expr = isExpanded ? context.expandAll(term.expr) : term.expr;
      if (term.isSelect) {
        ExprRef zero = context.getConstant(0);
        ExprRef hidden = context.getConstant(-std::numeric_limits<double>::infinity());
        expr = context.get(
            Fn::Select, {expr, term.isVisibleIf ? zero : hidden, term.isVisibleIf ? hidden : zero});
      } else {
        if (term.factor != 1)
          expr = context.get(Fn::Mul, {context.getConstant(term.factor), expr});
        for (ExprRef factor : term.rowFactors)
          expr = context.get(Fn::Mul, {expr, factor});
      }
      sum = sum ? context.get(Fn::Add, {sum, expr}) : expr;
    }
    return sum;
  };
  // What is computed at the shape of the scores may depend on less: the operand
  // with the fewest dims wins, and what is there already wins a tie.
  for (bool isExpanded : {false, true}) {
    ExprRef sum = getSum(isExpanded);
    AtomList free = context.getFreeAtoms(lookThroughAll(sum));
    SmallVector<AtomList> target;
    Operand operand;
    for (unsigned loop : loops) {
      if (!intersects(names[loop], free) && loop != dims.key)
        continue;
      target.push_back(names[loop]);
      operand.loops.push_back(loop);
    }
    if ((direct && direct->loops.size() <= target.size()) || !canMaterialize(sum, target))
      continue;
    operand.expr = sum;
    operand.from = operand.to = SmallVector<AtomList, 5>(ArrayRef(target));
    direct = operand;
  }
  if (!direct)
    return fail("layout", "a mask cannot be made an operand");
  mask = *direct;
  return true;
}

bool AttentionBuilder::planLengths() {
  if (!attention.lengths)
    return true;
  ExprRef last = context.lookThrough(attention.lengths);
  if (last->kind == ExprKind::Load && getElementTypeOrSelf(last->source.getType()).isInteger(32))
    if (auto tensorDims = getDims(last);
        tensorDims && tensorDims->size() == 1 && (*tensorDims)[0] == batch) {
      lengthsTensor = last->source;
      return true;
    }
  if (!canMaterialize(attention.lengths, {batch}))
    return fail("layout", "the number of keys cannot be made an operand");
  return true;
}

/// The second result, in the layout that the op gives it.
void AttentionBuilder::planLse() {
  if (!attention.lse)
    return;
  SmallVector<unsigned, 4> loops = {dims.batch, dims.head};
  if (dims.group)
    loops.push_back(*dims.group);
  loops.push_back(dims.query);
  // Without dims of size 1 the loops must be in the order of the op.
  std::optional<Operand> operand = arrange(attention.lse, loops, true);
  auto isUnit = [&](unsigned loop) { return names[loop].empty(); };
  if (!operand || !llvm::is_sorted(operand->loops) ||
      operand->loops.size() + llvm::count_if(loops, isUnit) != loops.size()) {
    attention.lse = nullptr;
    return;
  }
  lse = *operand;
  lse.to.clear();
  for (unsigned loop : loops)
    lse.to.push_back(names[loop]);
}

bool AttentionBuilder::plan() {
  if (!nameLoops())
    return false;
  auto checkType = [&](ExprRef expr, StringRef name) {
    SmallVector<ExprRef, 4> candidates = getCandidates(expr);
    if (candidates.empty() || llvm::any_of(candidates, [](ExprRef load) {
          return isFloatOperand(load->source.getType());
        }))
      return true;
    return fail(
        "element-type",
        name + " of " +
            llvm::formatv("{0}", getElementTypeOrSelf(candidates.front()->source.getType())).str());
  };
  if (!checkType(attention.query, "queries") || !checkType(attention.key, "keys") ||
      !checkType(attention.value, "values"))
    return false;
  if (!isFloatOperand(attention.outs.front()->source.getType()) &&
      !isFloatOperand(attention.outs.back()->source.getType()))
    return fail("element-type",
                "a result of " + llvm::formatv("{0}", getElementTypeOrSelf(
                                                          attention.outs.front()->source.getType()))
                                     .str());
  // The group is a dim of its own only where it does not follow its KV head:
  // tiered attention wants query heads in one dim.
  if (!planOperands(false) && (group.empty() || !planOperands(true))) {
    if (context.sawUnevenDivision)
      return fail("heads-not-divisible", "the query heads are not a multiple of the KV heads");
    return fail("layout", "an operand is not made of batch, head, key and head size dims");
  }
  planLse();
  return planMask() && planLengths();
}
