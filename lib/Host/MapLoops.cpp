//===- MapLoops.cpp - maps and reductions as loops over vectors -----------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileLoops.h"

#include "linattn/NormalForm/TileOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::linattn;

/// Builds the loops over `dims` around `body`; the induction variables go to
/// their places in `ivs`.
static void buildNest(ImplicitLocOpBuilder &b, ArrayRef<unsigned> dims,
                      ArrayRef<OpFoldResult> ranges,
                      SmallVectorImpl<Value> &ivs, function_ref<void()> body) {
  if (dims.empty())
    return body();
  buildLoop(b, b.getIndexAttr(0), ranges[dims.front()], 1, [&](Value iv) {
    ivs[dims.front()] = iv;
    buildNest(b, dims.drop_front(), ranges, ivs, body);
  });
}

/// The dimension along which the rows of the output lie, if its elements can be
/// vectors.
static std::optional<unsigned> getRowDim(linalg::LinalgOp op,
                                         OpOperand *output) {
  AffineMap map = op.getMatchingIndexingMap(output);
  auto type = dyn_cast<MemRefType>(output->get().getType());
  if (!type || type.getRank() == 0 || !isVectorElement(type.getElementType()))
    return std::nullopt;
  auto dim = dyn_cast<AffineDimExpr>(map.getResults().back());
  if (!dim)
    return std::nullopt;
  return dim.getPosition();
}

/// Whether each operand varies along `dim` in one plain dimension at most.
static bool variesPlainlyAlong(linalg::LinalgOp op, unsigned dim) {
  return llvm::all_of(op->getOpOperands(), [&](OpOperand &operand) {
    auto type = dyn_cast<MemRefType>(operand.get().getType());
    if (!type)
      return true;
    int64_t uses = 0;
    for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults())
      if (expr.isFunctionOfDim(dim)) {
        if (!isa<AffineDimExpr>(expr))
          return false;
        ++uses;
      }
    return uses == 0 || (uses == 1 && isVectorElement(type.getElementType()));
  });
}

/// Loads what the body of `op` reads; null for operands that it does not.
static SmallVector<Value> loadOperands(ImplicitLocOpBuilder &b,
                                       linalg::LinalgOp op, ValueRange ivs,
                                       unsigned vectorDim, int64_t width,
                                       bool withInits) {
  SmallVector<Value> args;
  for (OpOperand &operand : op->getOpOperands()) {
    bool isRead = op.payloadUsesValueFromOperand(&operand) &&
                  (withInits || op.isDpsInput(&operand));
    if (!isRead) {
      args.push_back(Value());
      continue;
    }
    AffineMap map = op.getMatchingIndexingMap(&operand);
    args.push_back(loadElements(b, operand.get(), getIndices(b, map, ivs),
                                getResultPosition(map, vectorDim), width));
  }
  return args;
}

LogicalResult linattn::lowerMap(linalg::LinalgOp op, const VectorUnit &unit) {
  if (!isMap(op) || op.getNumDpsInits() == 0 || !hasVectorizableBody(op))
    return failure();
  std::optional<unsigned> dim = getRowDim(op, op.getDpsInitOperand(0));
  int64_t width = unit.width;
  if (op.getNumLoops() == 0)
    return failure();
  if (!dim || !variesPlainlyAlong(op, *dim)) {
    dim = op.getNumLoops() - 1;
    width = 1;
  }

  ImplicitLocOpBuilder b(op.getLoc(), op);
  SmallVector<OpFoldResult> ranges = getLoopRanges(b, op);
  SmallVector<Value> ivs(op.getNumLoops());
  SmallVector<unsigned> outer;
  for (unsigned d = 0; d < op.getNumLoops(); ++d)
    if (d != *dim)
      outer.push_back(d);
  buildNest(b, outer, ranges, ivs, [&] {
    buildVectorLoop(b, ranges[*dim], width, [&](Value iv, int64_t piece) {
      ivs[*dim] = iv;
      SmallVector<Value> args =
          loadOperands(b, op, ivs, *dim, piece, /*withInits=*/true);
      SmallVector<Value> results = cloneBody(b, op, args, ivs, *dim, piece);
      for (auto [init, value] :
           llvm::zip_equal(op.getDpsInitsMutable(), results)) {
        AffineMap map = op.getMatchingIndexingMap(&init);
        storeElements(b, value, init.get(), getIndices(b, map, ivs),
                      getResultPosition(map, *dim), piece);
      }
    });
  });
  return success();
}

/// Runs a loop that carries one value and returns its last value.
static Value
buildCarryingLoop(ImplicitLocOpBuilder &b, OpFoldResult begin, OpFoldResult end,
                  int64_t step, Value init,
                  function_ref<Value(Value iv, Value carried)> body) {
  Value lower = getValueOrCreateConstantIndexOp(b, b.getLoc(), begin);
  Value upper = getValueOrCreateConstantIndexOp(b, b.getLoc(), end);
  Value stepValue = arith::ConstantIndexOp::create(b, step);
  auto loop = scf::ForOp::create(b, lower, upper, stepValue, init);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value next = body(loop.getInductionVar(), loop.getRegionIterArg(0));
  scf::YieldOp::create(b, next);
  return loop.getResult(0);
}

/// Builds the loops over `dims`, which carry `init`.
static Value buildCarryingNest(ImplicitLocOpBuilder &b, ArrayRef<unsigned> dims,
                               ArrayRef<OpFoldResult> ranges,
                               SmallVectorImpl<Value> &ivs, Value init,
                               function_ref<Value(Value carried)> body) {
  if (dims.empty())
    return body(init);
  return buildCarryingLoop(b, b.getIndexAttr(0), ranges[dims.front()], 1, init,
                           [&](Value iv, Value carried) {
                             ivs[dims.front()] = iv;
                             return buildCarryingNest(b, dims.drop_front(),
                                                      ranges, ivs, carried,
                                                      body);
                           });
}

/// Reduces over all reduction dimensions at once for vectors of outputs: no
/// order of operations changes, so that any body will do.
static LogicalResult lowerColumnReduction(linalg::LinalgOp op,
                                          const VectorUnit &unit) {
  OpOperand *output = op.getDpsInitOperand(0);
  std::optional<unsigned> dim = getRowDim(op, output);
  int64_t width = unit.width;
  if (!dim || !variesPlainlyAlong(op, *dim)) {
    width = 1;
    dim.reset();
  }
  ImplicitLocOpBuilder b(op.getLoc(), op);
  SmallVector<OpFoldResult> ranges = getLoopRanges(b, op);
  SmallVector<Value> ivs(op.getNumLoops());
  SmallVector<unsigned> outer, reduced;
  for (auto [d, kind] : llvm::enumerate(op.getIteratorTypesArray())) {
    if (kind == utils::IteratorType::reduction)
      reduced.push_back(d);
    else if (!dim || d != *dim)
      outer.push_back(d);
  }
  AffineMap map = op.getMatchingIndexingMap(output);
  unsigned vectorDim = dim.value_or(op.getNumLoops());
  auto reduce = [&](int64_t piece) {
    SmallVector<Value> indices = getIndices(b, map, ivs);
    auto position =
        dim ? getResultPosition(map, vectorDim) : std::optional<unsigned>();
    Value init = loadElements(b, output->get(), indices, position, piece);
    Value result =
        buildCarryingNest(b, reduced, ranges, ivs, init, [&](Value carried) {
          SmallVector<Value> args = loadOperands(b, op, ivs, vectorDim, piece,
                                                 /*withInits=*/false);
          args.back() = carried;
          SmallVector<Value> yielded =
              cloneBody(b, op, args, ivs, vectorDim, piece);
          return toVector(b, yielded.front(), piece);
        });
    storeElements(b, result, output->get(), indices, position, piece);
  };
  buildNest(b, outer, ranges, ivs, [&] {
    if (!dim)
      return reduce(1);
    buildVectorLoop(b, ranges[*dim], width, [&](Value iv, int64_t piece) {
      ivs[*dim] = iv;
      reduce(piece);
    });
  });
  return success();
}

/// Reduces along the contiguous dimension `dim` in vectors of partial results.
static LogicalResult lowerRowReduction(linalg::LinalgOp op, unsigned dim,
                                       Operation *combiner,
                                       const VectorUnit &unit) {
  std::optional<vector::CombiningKind> kind =
      linalg::getCombinerOpKind(combiner);
  std::optional<TypedAttr> neutral = arith::getNeutralElement(combiner);
  if (!kind || !neutral)
    return failure();
  OpOperand *output = op.getDpsInitOperand(0);
  ImplicitLocOpBuilder b(op.getLoc(), op);
  SmallVector<OpFoldResult> ranges = getLoopRanges(b, op);
  int64_t size = *getConstantIntValue(ranges[dim]);
  int64_t width = unit.width;
  while (width > size)
    width /= 2;
  int64_t whole = size / width * width;
  SmallVector<Value> ivs(op.getNumLoops());
  SmallVector<unsigned> outer, reduced;
  for (auto [d, iterator] : llvm::enumerate(op.getIteratorTypesArray())) {
    if (iterator == utils::IteratorType::parallel)
      outer.push_back(d);
    else if (d != dim)
      reduced.push_back(d);
  }
  AffineMap map = op.getMatchingIndexingMap(output);
  auto step = [&](Value iv, Value carried, int64_t piece) {
    ivs[dim] = iv;
    SmallVector<Value> args =
        loadOperands(b, op, ivs, dim, piece, /*withInits=*/false);
    args.back() = carried;
    return toVector(b, cloneBody(b, op, args, ivs, dim, piece).front(), piece);
  };
  buildNest(b, outer, ranges, ivs, [&] {
    Value identity = arith::ConstantOp::create(b, *neutral);
    Value partial = buildCarryingNest(
        b, reduced, ranges, ivs, toVector(b, identity, width),
        [&](Value carried) {
          return buildCarryingLoop(
              b, b.getIndexAttr(0), b.getIndexAttr(whole), width, carried,
              [&](Value iv, Value inner) { return step(iv, inner, width); });
        });
    SmallVector<Value> indices = getIndices(b, map, ivs);
    Value init = memref::LoadOp::create(b, output->get(), indices);
    Value result =
        width == 1
            ? nullptr
            : Value(vector::ReductionOp::create(b, *kind, partial, init));
    if (width == 1) {
      IRMapping mapping;
      mapping.map(combiner->getOperand(0), init);
      mapping.map(combiner->getOperand(1), partial);
      result = b.clone(*combiner, mapping)->getResult(0);
    }
    if (whole != size)
      result = buildCarryingNest(
          b, reduced, ranges, ivs, result, [&](Value carried) {
            return buildCarryingLoop(
                b, b.getIndexAttr(whole), b.getIndexAttr(size), 1, carried,
                [&](Value iv, Value inner) { return step(iv, inner, 1); });
          });
    memref::StoreOp::create(b, result, output->get(), indices);
  });
  return success();
}

LogicalResult linattn::lowerReduction(linalg::LinalgOp op,
                                      const VectorUnit &unit) {
  if (op.getNumReductionLoops() == 0 || op.getNumDpsInits() != 1 ||
      !hasVectorizableBody(op))
    return failure();
  // Rows of an input along a reduction dimension: partial results in lanes.
  if (Operation *combiner = getReductionCombiner(op)) {
    for (OpOperand *input : op.getDpsInputOperands()) {
      std::optional<unsigned> dim = getRowDim(op, input);
      if (dim &&
          op.getIteratorTypesArray()[*dim] == utils::IteratorType::reduction &&
          !ShapedType::isDynamic(op.getStaticLoopRanges()[*dim]) &&
          hasContiguousRows(cast<MemRefType>(input->get().getType())) &&
          variesPlainlyAlong(op, *dim) &&
          succeeded(lowerRowReduction(op, *dim, combiner, unit)))
        return success();
    }
  }
  return lowerColumnReduction(op, unit);
}
