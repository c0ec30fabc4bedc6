//===- SplitSequence.cpp - cut sequences into segments --------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One iteration maps a carried state S to f * S + U, where neither f nor U
// depends on the state. So do many iterations: with the product of their f, and
// with what they leave of a state of zero. That is all another segment has to
// know of them, and the part of the loop that computes it is found, not
// written.
//
//===----------------------------------------------------------------------===//

#include "Transitions.h"

#include "linattn/Dialect/Tile/IR/Tile.h"
#include "linattn/NormalForm/TileOps.h"
#include "linattn/Planner/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/RegionUtils.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNSPLITSEQUENCE
#include "linattn/Planner/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;
using namespace mlir::linattn;

/// A segment of fewer chunks is not worth what it costs.
static constexpr int64_t kMinChunks = 8;
/// What two passes cost, in chunks: one for segments to begin with, and of the
/// pass that computes states only, this many tenths of each chunk.
static constexpr int64_t kSplitChunks = 17;
static constexpr int64_t kStateTenths = 6;

//===----------------------------------------------------------------------===//
// Parts of kernels
//===----------------------------------------------------------------------===//

namespace {
/// Builds kernels that each run one segment of the loop of another one.
class Splitter {
public:
  Splitter(const Splittable &source, RewriterBase &b)
      : from(source.kernel), loop(source.loop), transitions(source.transitions),
        b(b), loc(from.getLoc()) {}

  /// Replaces the kernel at the insertion point, cut into `count` segments.
  SmallVector<Value> split(OpFoldResult count);

  /// The number of chunks, or a bound of it, computed in front of the kernel.
  Value getChunks();

private:
  struct Range {
    Value lower, upper;
  };
  struct Place {
    SmallVector<OpFoldResult> offsets, sizes, strides;
  };

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value emptyPerSegment(OpFoldResult segments, ArrayRef<int64_t> shape);
  scf::ForallOp createKernel(ValueRange outputs, OpFoldResult segments);
  Value createMap(Value out, ValueRange inputs,
                  function_ref<Value(OpBuilder &, ValueRange)> body);
  IRMapping cloneFront(scf::ForallOp kernel, ValueRange outputs);
  Range getRange(const IRMapping &mapping, Value segment, Value count);
  scf::ForOp createLoop(Range range, const IRMapping &mapping,
                        ValueRange inits);
  /// What each segment leaves of a state of zero, and the factors.
  SmallVector<Value> buildStates(Value segments, OpFoldResult number);
  SmallVector<Value> buildOutputs(ValueRange parts, Value segments,
                                  OpFoldResult number);
  scf::ForOp buildStart(const IRMapping &mapping, ValueRange parts,
                        scf::ForallOp kernel);
  Place getPlace(ValueRange iteration, RankedTensorType tile);
  Value getPart(Value parts, ValueRange iteration, ArrayRef<int64_t> shape);
  Value computeFor(OpFoldResult term, Value iteration,
                   const IRMapping &mapping);
  void insertRows(Value filled, Range range,
                  tensor::ParallelInsertSliceOp insert,
                  const IRMapping &mapping);
  void insertLast(Value tile, Value isLast,
                  tensor::ParallelInsertSliceOp insert,
                  const IRMapping &mapping);
  void insertLater(Value part, tensor::ParallelInsertSliceOp insert,
                   ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes,
                   const IRMapping &mapping);

  scf::ForallOp from;
  scf::ForOp loop;
  ArrayRef<Transition> transitions;
  RewriterBase &b;
  Location loc;
};
} // namespace

Value Splitter::emptyPerSegment(OpFoldResult segments,
                                ArrayRef<int64_t> shape) {
  SmallVector<OpFoldResult> sizes = from.getMixedUpperBound();
  sizes.push_back(segments);
  llvm::append_range(sizes, getAsIndexOpFoldResult(b.getContext(), shape));
  return tensor::EmptyOp::create(b, loc, sizes, b.getF32Type());
}

scf::ForallOp Splitter::createKernel(ValueRange outputs,
                                     OpFoldResult segments) {
  SmallVector<OpFoldResult> extents = from.getMixedUpperBound();
  extents.push_back(segments);
  return scf::ForallOp::create(b, loc, extents, outputs,
                               /*mapping=*/std::nullopt);
}

/// Where the part of an iteration lies: the numbers of the iteration come
/// first, then the dimensions of the tile.
Splitter::Place Splitter::getPlace(ValueRange iteration,
                                   RankedTensorType tile) {
  Place place;
  llvm::append_range(place.offsets, iteration);
  place.offsets.append(tile.getRank(), b.getIndexAttr(0));
  place.sizes.append(iteration.size(), b.getIndexAttr(1));
  llvm::append_range(place.sizes,
                     getAsIndexOpFoldResult(b.getContext(), tile.getShape()));
  place.strides.append(place.sizes.size(), b.getIndexAttr(1));
  return place;
}

/// An elementwise map on `inputs`, which have the shape of `out` or none.
Value Splitter::createMap(Value out, ValueRange inputs,
                          function_ref<Value(OpBuilder &, ValueRange)> body) {
  auto type = cast<RankedTensorType>(out.getType());
  unsigned rank = type.getRank();
  SmallVector<AffineMap> maps;
  for (Value input : inputs)
    maps.push_back(cast<RankedTensorType>(input.getType()).getRank() == 0
                       ? AffineMap::get(rank, 0, b.getContext())
                       : b.getMultiDimIdentityMap(rank));
  maps.push_back(b.getMultiDimIdentityMap(rank));
  return linalg::GenericOp::create(
             b, loc, type, inputs, out, maps,
             SmallVector<utils::IteratorType>(rank,
                                              utils::IteratorType::parallel),
             [&](OpBuilder &nested, Location, ValueRange args) {
               linalg::YieldOp::create(nested, loc, body(nested, args));
             })
      .getResult(0);
}

/// The part of the kernel in front of its loop, at the insertion point.
IRMapping Splitter::cloneFront(scf::ForallOp kernel, ValueRange outputs) {
  IRMapping mapping;
  for (auto [old, now] :
       llvm::zip(from.getInductionVars(), kernel.getInductionVars()))
    mapping.map(old, now);
  mapping.map(from.getRegionIterArgs(), outputs);
  for (Operation &op : from.getBody()->without_terminator()) {
    if (&op == loop)
      break;
    b.clone(op, mapping);
  }
  return mapping;
}

/// The iterations of segment number `segment` of `count`.
Splitter::Range Splitter::getRange(const IRMapping &mapping, Value segment,
                                   Value count) {
  Value lower = mapping.lookupOrDefault(loop.getLowerBound());
  Value upper = mapping.lookupOrDefault(loop.getUpperBound());
  Value step = mapping.lookupOrDefault(loop.getStep());
  Value distance = arith::SubIOp::create(b, loc, upper, lower);
  Value chunks = arith::CeilDivUIOp::create(b, loc, distance, step);
  Value perSegment = arith::CeilDivUIOp::create(b, loc, chunks, count);
  Value length = arith::MulIOp::create(b, loc, perSegment, step);
  Value before = arith::MulIOp::create(b, loc, segment, length);
  // Sequences may have less chunks than segments.
  Value begin = arith::AddIOp::create(b, loc, lower, before);
  Value first = arith::MinSIOp::create(b, loc, begin, upper);
  Value end = arith::AddIOp::create(b, loc, first, length);
  return {first, arith::MinSIOp::create(b, loc, end, upper)};
}

/// The loop, over fewer chunks and from other tiles; the rest of its body is
/// left to the caller.
scf::ForOp Splitter::createLoop(Range range, const IRMapping &mapping,
                                ValueRange inits) {
  return scf::ForOp::create(b, loc, range.lower, range.upper,
                            mapping.lookupOrDefault(loop.getStep()), inits);
}

SmallVector<Value> Splitter::buildStates(Value segments, OpFoldResult number) {
  SmallVector<Value> outputs;
  for (const Transition &transition : transitions) {
    outputs.push_back(emptyPerSegment(
        number, cast<RankedTensorType>(transition.state.getType()).getShape()));
    if (!transition.factors.empty())
      outputs.push_back(emptyPerSegment(number, {}));
  }
  scf::ForallOp kernel = createKernel(outputs, number);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(kernel.getTerminator());
  // Nothing is written to the outputs of the whole kernel.
  IRMapping mapping = cloneFront(kernel, from.getOutputs());
  Range range = getRange(mapping, kernel.getInductionVars().back(), segments);

  SmallVector<Value> inits;
  Type f32 = b.getF32Type();
  auto addConstant = [&](ArrayRef<int64_t> shape, double value) {
    Value empty = tensor::EmptyOp::create(b, loc, shape, f32);
    Value constant =
        arith::ConstantOp::create(b, loc, b.getFloatAttr(f32, value));
    inits.push_back(
        linalg::FillOp::create(b, loc, constant, empty).getResult(0));
  };
  for (const Transition &transition : transitions) {
    addConstant(cast<RankedTensorType>(transition.state.getType()).getShape(),
                0);
    if (!transition.factors.empty())
      addConstant({}, 1);
  }
  scf::ForOp part = createLoop(range, mapping, inits);
  {
    OpBuilder::InsertionGuard loopGuard(b);
    b.setInsertionPointToStart(part.getBody());
    IRMapping inner = mapping;
    inner.map(loop.getInductionVar(), part.getInductionVar());
    // Outputs that are filled: nothing is left of what computes them.
    for (BlockArgument arg : loop.getRegionIterArgs())
      inner.map(arg, mapping.lookupOrDefault(loop.getTiedLoopInit(arg)->get()));
    unsigned next = 0;
    SmallVector<Value> products;
    for (const Transition &transition : transitions) {
      inner.map(transition.state, part.getRegionIterArg(next++));
      products.push_back(
          transition.factors.empty() ? Value() : part.getRegionIterArg(next++));
    }
    for (Operation &op : loop.getBody()->without_terminator())
      b.clone(op, inner);
    SmallVector<Value> yielded;
    for (auto [transition, product] : llvm::zip(transitions, products)) {
      yielded.push_back(inner.lookupOrDefault(
          loop.getTiedLoopYieldedValue(transition.state)->get()));
      if (!product)
        continue;
      SmallVector<Value> tiles{product}, scalars;
      for (Value factor : transition.factors)
        (isa<RankedTensorType>(factor.getType()) ? tiles : scalars)
            .push_back(inner.lookupOrDefault(factor));
      Value empty = tensor::EmptyOp::create(b, loc, ArrayRef<int64_t>(), f32);
      yielded.push_back(
          createMap(empty, tiles, [&](OpBuilder &nested, ValueRange args) {
            SmallVector<Value> factors(args.drop_back());
            llvm::append_range(factors, scalars);
            Value value = factors[0];
            for (Value factor : ArrayRef(factors).drop_front())
              value = arith::MulFOp::create(nested, loc, value, factor);
            return value;
          }));
    }
    scf::YieldOp::create(b, loc, yielded);
  }

  b.setInsertionPointToEnd(kernel.getTerminator().getBody());
  for (auto [result, output] :
       llvm::zip(part.getResults(), kernel.getRegionIterArgs())) {
    Place place = getPlace(kernel.getInductionVars(),
                           cast<RankedTensorType>(result.getType()));
    tensor::ParallelInsertSliceOp::create(b, loc, result, output, place.offsets,
                                          place.sizes, place.strides);
  }
  (void)runRegionDCE(b, kernel->getRegions());
  return llvm::to_vector_of<Value>(kernel.getResults());
}

/// What a segment has left, of shape `shape`.
Value Splitter::getPart(Value parts, ValueRange iteration,
                        ArrayRef<int64_t> shape) {
  auto type = RankedTensorType::get(shape, b.getF32Type());
  Place place = getPlace(iteration, type);
  return tensor::ExtractSliceOp::create(b, loc, type, parts, place.offsets,
                                        place.sizes, place.strides);
}

/// The states that a segment starts from: those of the kernel, and what all
/// segments before it have left.
scf::ForOp Splitter::buildStart(const IRMapping &mapping, ValueRange parts,
                                scf::ForallOp kernel) {
  SmallVector<Value> inits;
  for (const Transition &transition : transitions)
    inits.push_back(
        mapping.lookupOrDefault(loop.getTiedLoopInit(transition.state)->get()));
  auto start = scf::ForOp::create(
      b, loc, index(0), kernel.getInductionVars().back(), index(1), inits);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(start.getBody());
  SmallVector<Value> place(kernel.getInductionVars());
  place.back() = start.getInductionVar();
  SmallVector<Value> yielded;
  unsigned next = 0;
  for (auto [transition, state] :
       llvm::zip(transitions, start.getRegionIterArgs())) {
    ArrayRef<int64_t> shape =
        cast<RankedTensorType>(state.getType()).getShape();
    SmallVector<Value> inputs{getPart(parts[next++], place, shape)};
    bool isScaled = !transition.factors.empty();
    if (isScaled)
      inputs.push_back(getPart(parts[next++], place, {}));
    yielded.push_back(createMap(
        state, inputs, [&](OpBuilder &nested, ValueRange args) -> Value {
          Value value = args.back();
          if (isScaled)
            value = arith::MulFOp::create(nested, loc, value, args[1]);
          return arith::AddFOp::create(nested, loc, value, args[0]);
        }));
  }
  scf::YieldOp::create(b, loc, yielded);
  return start;
}

/// Computes an index of the loop body for one iteration, in front of the loop
/// or behind it.
Value Splitter::computeFor(OpFoldResult term, Value iteration,
                           const IRMapping &mapping) {
  if (auto constant = getConstantIntValue(term))
    return index(*constant);
  IRMapping inner = mapping;
  inner.map(loop.getInductionVar(), iteration);
  std::function<Value(Value)> visit = [&](Value value) -> Value {
    if (inner.contains(value) || value.getParentBlock() != loop.getBody())
      return inner.lookupOrDefault(value);
    Operation *op = value.getDefiningOp();
    for (Value operand : op->getOperands())
      visit(operand);
    b.clone(*op, inner);
    return inner.lookup(value);
  };
  return visit(cast<Value>(term));
}

/// Inserts the rows of a filled output that the iterations of `range` write:
/// those between what the first and the last of them write.
void Splitter::insertRows(Value filled, Range range,
                          tensor::ParallelInsertSliceOp insert,
                          const IRMapping &mapping) {
  unsigned number = cast<OpResult>(insert.getSource()).getResultNumber();
  auto write =
      loop.getYieldedValues()[number].getDefiningOp<tensor::InsertSliceOp>();
  Value step = mapping.lookupOrDefault(loop.getStep());
  Value last = arith::SubIOp::create(b, loc, range.upper, step);
  Value isEmpty = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge,
                                        range.lower, range.upper);
  SmallVector<OpFoldResult> offsets, sizes;
  for (auto [offset, size] :
       llvm::zip(write.getMixedOffsets(), write.getMixedSizes())) {
    if (getConstantIntValue(offset)) {
      offsets.push_back(offset);
      sizes.push_back(size);
      continue;
    }
    SmallVector<Value> begins, ends;
    for (Value iteration : {range.lower, last}) {
      begins.push_back(computeFor(offset, iteration, mapping));
      Value count = computeFor(size, iteration, mapping);
      ends.push_back(arith::AddIOp::create(b, loc, begins.back(), count));
    }
    Value begin = arith::MinSIOp::create(b, loc, begins[0], begins[1]);
    Value end = arith::MaxSIOp::create(b, loc, ends[0], ends[1]);
    Value length = arith::SubIOp::create(b, loc, end, begin);
    Value zero = index(0);
    offsets.push_back(
        arith::SelectOp::create(b, loc, isEmpty, zero, begin).getResult());
    sizes.push_back(
        arith::SelectOp::create(b, loc, isEmpty, zero, length).getResult());
  }
  SmallVector<OpFoldResult> ones(offsets.size(), b.getIndexAttr(1));
  Value rows =
      tensor::ExtractSliceOp::create(b, loc, filled, offsets, sizes, ones);
  // From where the output begins, as far as the rows are from its beginning.
  llvm::SmallBitVector dropped = insert.getDroppedDims();
  SmallVector<OpFoldResult> outerOffsets, outerSizes;
  unsigned next = 0;
  for (auto [dim, offset, size] :
       llvm::enumerate(insert.getMixedOffsets(), insert.getMixedSizes())) {
    OpFoldResult outer = offset;
    if (auto value = dyn_cast<Value>(offset))
      outer = mapping.lookupOrDefault(value);
    if (dropped.test(dim)) {
      outerOffsets.push_back(outer);
      outerSizes.push_back(size);
      continue;
    }
    Value sum = arith::AddIOp::create(
        b, loc, getValueOrCreateConstantIndexOp(b, loc, outer),
        getValueOrCreateConstantIndexOp(b, loc, offsets[next]));
    outerOffsets.push_back(sum);
    outerSizes.push_back(sizes[next++]);
  }
  insertLater(rows, insert, outerOffsets, outerSizes, mapping);
}

/// Inserts what is left at the end of a sequence: nothing, but in the last
/// segment.
void Splitter::insertLast(Value tile, Value isLast,
                          tensor::ParallelInsertSliceOp insert,
                          const IRMapping &mapping) {
  auto type = cast<RankedTensorType>(tile.getType());
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, tile);
  SmallVector<OpFoldResult> zeros(type.getRank(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> ones(type.getRank(), b.getIndexAttr(1));
  Value all = getValueOrCreateConstantIndexOp(b, loc, sizes[0]);
  sizes[0] = arith::SelectOp::create(b, loc, isLast, all, index(0)).getResult();
  Value part = tensor::ExtractSliceOp::create(b, loc, tile, zeros, sizes, ones);
  llvm::SmallBitVector dropped = insert.getDroppedDims();
  SmallVector<OpFoldResult> offsets, outerSizes;
  bool isFirst = true;
  for (auto [dim, offset, size] :
       llvm::enumerate(insert.getMixedOffsets(), insert.getMixedSizes())) {
    auto value = dyn_cast<Value>(offset);
    offsets.push_back(value ? OpFoldResult(mapping.lookupOrDefault(value))
                            : offset);
    outerSizes.push_back(size);
    if (!dropped.test(dim) && std::exchange(isFirst, false))
      outerSizes.back() = sizes[0];
  }
  insertLater(part, insert, offsets, outerSizes, mapping);
}

void Splitter::insertLater(Value part, tensor::ParallelInsertSliceOp insert,
                           ArrayRef<OpFoldResult> offsets,
                           ArrayRef<OpFoldResult> sizes,
                           const IRMapping &mapping) {
  OpBuilder::InsertionGuard guard(b);
  auto kernel = cast<scf::ForallOp>(b.getInsertionBlock()->getParentOp());
  b.setInsertionPointToEnd(kernel.getTerminator().getBody());
  SmallVector<OpFoldResult> strides(offsets.size(), b.getIndexAttr(1));
  tensor::ParallelInsertSliceOp::create(
      b, loc, part, mapping.lookup(insert.getDest()), offsets, sizes, strides);
}

SmallVector<Value> Splitter::buildOutputs(ValueRange parts, Value segments,
                                          OpFoldResult number) {
  scf::ForallOp kernel = createKernel(from.getOutputs(), number);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(kernel.getTerminator());
  IRMapping mapping = cloneFront(kernel, kernel.getRegionIterArgs());
  Value segment = kernel.getInductionVars().back();
  Range range = getRange(mapping, segment, segments);
  scf::ForOp start = buildStart(mapping, parts, kernel);
  SmallVector<Value> inits;
  for (Value init : loop.getInits())
    inits.push_back(mapping.lookupOrDefault(init));
  for (auto [transition, value] : llvm::zip(transitions, start.getResults()))
    inits[transition.state.getArgNumber() - 1] = value;
  scf::ForOp part = createLoop(range, mapping, inits);
  {
    OpBuilder::InsertionGuard loopGuard(b);
    b.setInsertionPointToStart(part.getBody());
    IRMapping inner = mapping;
    inner.map(loop.getBody()->getArguments(), part.getBody()->getArguments());
    for (Operation &op : loop.getBody()->getOperations())
      b.clone(op, inner);
  }
  mapping.map(loop.getResults(), part.getResults());
  for (Operation *op = loop->getNextNode(); op != from.getTerminator();
       op = op->getNextNode())
    b.clone(*op, mapping);
  Value one = index(1);
  Value lastSegment = arith::SubIOp::create(b, loc, segments, one);
  Value isLast = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                       segment, lastSegment);
  for (Operation &op : from.getTerminator().getYieldingOps()) {
    auto insert = cast<tensor::ParallelInsertSliceOp>(op);
    Value value = mapping.lookupOrDefault(insert.getSource());
    auto result = dyn_cast<OpResult>(insert.getSource());
    if (result && result.getOwner() == loop &&
        isFilled(loop, loop.getTiedLoopRegionIterArg(result)))
      insertRows(value, range, insert, mapping);
    else
      insertLast(value, isLast, insert, mapping);
  }
  return llvm::to_vector_of<Value>(kernel.getResults());
}

SmallVector<Value> Splitter::split(OpFoldResult count) {
  Value segments = getValueOrCreateConstantIndexOp(b, loc, count);
  // What the last segment leaves is nobody's beginning.
  OpFoldResult before;
  if (auto constant = getConstantIntValue(count))
    before = b.getIndexAttr(*constant - 1);
  else
    before = arith::SubIOp::create(b, loc, segments, index(1)).getResult();
  SmallVector<Value> parts = buildStates(segments, before);
  return buildOutputs(parts, segments, count);
}

/// Computes an index in front of the kernel, if that is possible.
static Value hoist(Value value, scf::ForallOp kernel, OpBuilder &b,
                   IRMapping &mapping) {
  if (!kernel->isAncestor(value.getParentBlock()->getParentOp()))
    return value;
  Operation *op = value.getDefiningOp();
  if (!op || !isa<arith::ArithDialect>(op->getDialect()) ||
      !llvm::all_of(op->getOperands(), [&](Value operand) {
        return hoist(operand, kernel, b, mapping);
      }))
    return nullptr;
  if (!mapping.contains(value))
    b.clone(*op, mapping);
  return mapping.lookup(value);
}

Value Splitter::getChunks() {
  IRMapping mapping;
  Value lower = hoist(loop.getLowerBound(), from, b, mapping);
  Value upper = hoist(loop.getUpperBound(), from, b, mapping);
  Value step = hoist(loop.getStep(), from, b, mapping);
  if (lower && upper && step) {
    Value distance = arith::SubIOp::create(b, loc, upper, lower);
    Value positive = arith::MaxSIOp::create(b, loc, distance, index(0));
    return arith::CeilDivSIOp::create(b, loc, positive, step);
  }
  // Sequences differ: the rows of all of them, in chunks of the smallest size.
  for (BlockArgument arg : loop.getRegionIterArgs()) {
    if (!isFilled(loop, arg))
      continue;
    std::optional<Access> access = getAccess(arg, from);
    if (!access)
      break;
    Value rows = tensor::DimOp::create(b, loc, access->tensor, access->dims[0]);
    return arith::DivSIOp::create(b, loc, rows, index(tile::kInstructionRows));
  }
  return index(std::numeric_limits<int32_t>::max());
}

//===----------------------------------------------------------------------===//
// Pass
//===----------------------------------------------------------------------===//

namespace {
struct LinattnSplitSequence
    : linattn::impl::LinattnSplitSequenceBase<LinattnSplitSequence> {
  using Base::Base;

  void runOnOperation() override {
    if (segments < 0) {
      getOperation().emitError("expects `segments` to be 0 or more, but got ")
          << segments.getValue();
      return signalPassFailure();
    }
    if (segments == 1)
      return;
    SmallVector<Splittable> found;
    getOperation().walk([&](scf::ForallOp kernel) {
      if (std::optional<Splittable> splittable = getSplittable(kernel))
        found.push_back(std::move(*splittable));
    });
    for (Splittable &splittable : found)
      split(splittable);
  }

private:
  void split(const Splittable &splittable) {
    scf::ForallOp kernel = splittable.kernel;
    IRRewriter b(kernel);
    Location loc = kernel.getLoc();
    Splitter splitter(splittable, b);
    if (segments > 1) {
      b.replaceOp(kernel, splitter.split(b.getIndexAttr(segments)));
      return;
    }
    auto index = [&](int64_t value) -> Value {
      return arith::ConstantIndexOp::create(b, loc, value);
    };
    // As many segments as leave no multiprocessor idle.
    Value blocks = index(1);
    for (OpFoldResult extent : kernel.getMixedUpperBound())
      blocks = arith::MulIOp::create(
          b, loc, blocks, getValueOrCreateConstantIndexOp(b, loc, extent));
    Value some = arith::MaxSIOp::create(b, loc, blocks, index(1));
    Value processors = tile::SmCountOp::create(b, loc, b.getIndexType());
    Value count = arith::DivSIOp::create(b, loc, processors, some);
    Value most =
        arith::DivSIOp::create(b, loc, splitter.getChunks(), index(kMinChunks));
    count = arith::MinSIOp::create(b, loc, count, most);
    // What one pass costs more than two do: with s segments of c chunks, c
    // against 1.6 c / s and a constant.
    Value chunks = splitter.getChunks();
    Value one = arith::MulIOp::create(
        b, loc, arith::SubIOp::create(b, loc, chunks, index(kSplitChunks)),
        arith::MulIOp::create(b, loc, count, index(10)));
    Value two = arith::MulIOp::create(b, loc, chunks, index(10 + kStateTenths));
    Value pays =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt, one, two);
    auto ifOp = scf::IfOp::create(b, loc, kernel.getResultTypes(), pays,
                                  /*withElseRegion=*/true);
    b.replaceAllUsesWith(kernel.getResults(), ifOp.getResults());
    b.setInsertionPointToStart(ifOp.thenBlock());
    scf::YieldOp::create(b, loc, splitter.split(count));
    b.setInsertionPointToStart(ifOp.elseBlock());
    auto yield = scf::YieldOp::create(b, loc, kernel.getResults());
    b.moveOpBefore(kernel, yield);
  }
};
} // namespace
