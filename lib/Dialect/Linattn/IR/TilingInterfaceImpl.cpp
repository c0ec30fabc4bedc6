//===- TilingInterfaceImpl.cpp - tiling by dimension roles ----------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One model tiles every op: its loops run over the parallel roles of the op,
// and an operand is sliced along the dimensions that have one of these roles.
//
//===----------------------------------------------------------------------===//

#include "TilingInterfaceImpl.h"

#include "linattn/Dialect/Linattn/IR/Linattn.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/TilingInterface.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"
#include <numeric>

using namespace mlir;
using namespace mlir::linattn;

using Roles = SmallVector<DimRole>;
using Sizes = SmallVector<OpFoldResult>;

//===----------------------------------------------------------------------===//
// What is known about an index
//===----------------------------------------------------------------------===//

/// A number that divides `index` for certain: 1 if nothing is known, 0 if the
/// index is zero.
static int64_t getKnownDivisor(OpFoldResult index) {
  if (std::optional<int64_t> constant = getConstantIntValue(index))
    return std::abs(*constant);
  auto value = cast<Value>(index);

  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto loop =
        dyn_cast<LoopLikeOpInterface>(argument.getOwner()->getParentOp());
    if (!loop)
      return 1;
    std::optional<SmallVector<Value>> ivs = loop.getLoopInductionVars();
    std::optional<SmallVector<OpFoldResult>> starts = loop.getLoopLowerBounds();
    std::optional<SmallVector<OpFoldResult>> steps = loop.getLoopSteps();
    if (!ivs || !starts || !steps)
      return 1;
    for (auto [iv, start, step] : llvm::zip_equal(*ivs, *starts, *steps))
      if (iv == value)
        return std::gcd(getKnownDivisor(start), getKnownDivisor(step));
    return 1;
  }

  if (auto apply = value.getDefiningOp<affine::AffineApplyOp>()) {
    // A multiple of n is n times something.
    MLIRContext *context = apply.getContext();
    AffineMap map = apply.getAffineMap();
    SmallVector<AffineExpr> dims, symbols;
    for (auto [number, operand] : llvm::enumerate(apply.getMapOperands())) {
      int64_t divisor = getKnownDivisor(OpFoldResult(Value(operand)));
      if (number < map.getNumDims())
        dims.push_back(getAffineDimExpr(number, context) * divisor);
      else
        symbols.push_back(
            getAffineSymbolExpr(number - map.getNumDims(), context) * divisor);
    }
    return map.getResult(0)
        .replaceDimsAndSymbols(dims, symbols)
        .getLargestKnownDivisor();
  }
  return 1;
}

/// True if the two are equal for certain.
static bool isKnownEqual(OpFoldResult a, OpFoldResult b) {
  if (isEqualConstantIntOrValue(a, b))
    return true;
  FailureOr<bool> equal = ValueBoundsConstraintSet::areEqual(a, b);
  return succeeded(equal) && *equal;
}

//===----------------------------------------------------------------------===//
// Slices
//===----------------------------------------------------------------------===//

static OpFoldResult getMixedSize(OpBuilder &b, Location loc, Value value,
                                 int64_t dim) {
  if (isa<MemRefType>(value.getType()))
    return memref::getMixedSize(b, loc, value, dim);
  return tensor::getMixedSize(b, loc, value, dim);
}

/// The size of all of a role: of the first output that has it.
static OpFoldResult getRoleSize(OpBuilder &b, DimRoleOpInterface op,
                                DimRole role) {
  auto dps = cast<DestinationStyleOpInterface>(op.getOperation());
  for (OpOperand &init : dps.getDpsInitsMutable()) {
    Roles roles = op.getDimRoles(init.getOperandNumber());
    if (std::optional<unsigned> dim = findRole(roles, role))
      return getMixedSize(b, op.getLoc(), init.get(), *dim);
    // Without offsets, and only then, entries of the batch are parallel, and
    // they are the sequences.
    if (role != DimRole::Batch)
      continue;
    if (std::optional<unsigned> dim = findRole(roles, DimRole::Sequence))
      return getMixedSize(b, op.getLoc(), init.get(), *dim);
  }
  llvm_unreachable("every parallel role is in an output");
}

namespace {
/// A tile of the iteration domain, by role.
struct Tile {
  Roles roles;
  Sizes offsets, sizes;

  std::optional<unsigned> find(DimRole role) const {
    if (std::optional<unsigned> index = findRole(roles, role))
      return index;
    if (role == DimRole::Sequence)
      return findRole(roles, DimRole::Batch);
    return std::nullopt;
  }
};

/// A part of an operand; all of it if no dimension is narrowed.
struct Slice {
  Sizes offsets, sizes;
  bool isNarrowed = false;
};
} // namespace

/// Narrows dimension `dim` of `slice` to the heads of `operand` that the head
/// tile reads: head h reads head h / group. The heads of a tile are whole
/// groups or lie in one group, or the tile has all heads.
static LogicalResult sliceGroupedHeads(OpBuilder &b, DimRoleOpInterface op,
                                       OpOperand &operand, unsigned dim,
                                       const Tile &tile, unsigned headIndex,
                                       Slice &slice) {
  Location loc = op.getLoc();
  OpFoldResult offset = tile.offsets[headIndex];
  OpFoldResult size = tile.sizes[headIndex];
  OpFoldResult heads = getRoleSize(b, op, DimRole::Head);
  OpFoldResult ownHeads = slice.sizes[dim];
  if (isKnownEqual(heads, ownHeads)) {
    slice.offsets[dim] = offset;
    slice.sizes[dim] = size;
    return success();
  }
  if (isConstantIntValue(offset, 0) && isKnownEqual(size, heads))
    return success();

  AffineExpr d0, s0, s1;
  bindDims(b.getContext(), d0);
  bindSymbols(b.getContext(), s0, s1);
  std::optional<int64_t> staticHeads = getConstantIntValue(heads);
  std::optional<int64_t> staticOwnHeads = getConstantIntValue(ownHeads);
  std::optional<int64_t> staticSize = getConstantIntValue(size);
  bool isStatic =
      staticHeads && staticOwnHeads && *staticHeads > 0 && *staticOwnHeads > 0;
  int64_t group = isStatic ? *staticHeads / *staticOwnHeads : 0;
  int64_t divisor = getKnownDivisor(offset);
  if (isStatic && staticSize && *staticSize % group == 0 &&
      divisor % group == 0) {
    slice.offsets[dim] = affine::makeComposedFoldedAffineApply(
        b, loc, d0.floorDiv(group), {offset});
    slice.sizes[dim] = b.getIndexAttr(*staticSize / group);
    return success();
  }
  bool isInOneGroup =
      staticSize && (*staticSize == 1 ||
                     (isStatic && *staticSize > 0 && group % *staticSize == 0 &&
                      divisor % *staticSize == 0));
  if (isInOneGroup) {
    slice.offsets[dim] = isStatic ? affine::makeComposedFoldedAffineApply(
                                        b, loc, d0.floorDiv(group), {offset})
                                  : affine::makeComposedFoldedAffineApply(
                                        b, loc, d0.floorDiv(s0.floorDiv(s1)),
                                        {offset, heads, ownHeads});
    slice.sizes[dim] = b.getIndexAttr(1);
    return success();
  }
  return op->emitOpError() << "cannot be tiled by heads: the tile is not known "
                              "to be whole groups of heads of `"
                           << op.getOperandName(operand.getOperandNumber())
                           << "`, nor a part of one group";
}

/// The part of an operand that the tile reads or writes.
static FailureOr<Slice> getSlice(OpBuilder &b, DimRoleOpInterface op,
                                 OpOperand &operand, const Tile &tile) {
  Roles roles = op.getDimRoles(operand.getOperandNumber());
  Slice slice;
  for (auto [dim, role] : llvm::enumerate(roles)) {
    slice.offsets.push_back(b.getIndexAttr(0));
    slice.sizes.push_back(getMixedSize(b, op.getLoc(), operand.get(), dim));
    if (isGroupedHead(role)) {
      std::optional<unsigned> headIndex = tile.find(DimRole::Head);
      if (headIndex && failed(sliceGroupedHeads(b, op, operand, dim, tile,
                                                *headIndex, slice)))
        return failure();
      slice.isNarrowed |= headIndex.has_value();
    } else if (std::optional<unsigned> index = tile.find(role)) {
      slice.offsets[dim] = tile.offsets[*index];
      slice.sizes[dim] = tile.sizes[*index];
      slice.isNarrowed = true;
    }
  }
  return slice;
}

static Operation *buildSlice(OpBuilder &b, Location loc, Value value,
                             const Slice &slice) {
  SmallVector<OpFoldResult> strides(slice.sizes.size(), b.getIndexAttr(1));
  if (isa<MemRefType>(value.getType()))
    return memref::SubViewOp::create(b, loc, value, slice.offsets, slice.sizes,
                                     strides);
  return tensor::ExtractSliceOp::create(b, loc, value, slice.offsets,
                                        slice.sizes, strides);
}

//===----------------------------------------------------------------------===//
// The model
//===----------------------------------------------------------------------===//

namespace {
template <typename OpTy>
struct ComputeOpTiling
    : TilingInterface::ExternalModel<ComputeOpTiling<OpTy>, OpTy> {
  SmallVector<utils::IteratorType> getLoopIteratorTypes(Operation *op) const {
    return SmallVector<utils::IteratorType>(
        cast<OpTy>(op).getParallelRoles().size(),
        utils::IteratorType::parallel);
  }

  SmallVector<Range> getIterationDomain(Operation *op, OpBuilder &b) const {
    SmallVector<Range> domain;
    for (DimRole role : cast<OpTy>(op).getParallelRoles())
      domain.push_back(Range{b.getIndexAttr(0),
                             getRoleSize(b, cast<DimRoleOpInterface>(op), role),
                             b.getIndexAttr(1)});
    return domain;
  }

  FailureOr<TilingResult>
  getTiledImplementation(Operation *op, OpBuilder &b,
                         ArrayRef<OpFoldResult> offsets,
                         ArrayRef<OpFoldResult> sizes) const {
    auto roleOp = cast<DimRoleOpInterface>(op);
    Tile tile = getTile(op, offsets, sizes);
    // The tiles of block ops keep static shapes.
    if (isa<InterOp, BlockStateOp, IntraOp>(op)) {
      for (auto [role, size] : llvm::zip_equal(tile.roles, tile.sizes))
        if (!getConstantIntValue(size))
          return op->emitOpError()
                 << "cannot be tiled by " << stringifyDimRole(role)
                 << "s: the size of the tile is not static";
    }

    // All slices first: nothing is built if one of them fails.
    SmallVector<std::pair<Value, std::optional<Slice>>> parts;
    for (OpOperand &operand : op->getOpOperands()) {
      if (!isa<ShapedType>(operand.get().getType())) {
        parts.push_back({operand.get(), std::nullopt});
        continue;
      }
      FailureOr<Slice> slice = getSlice(b, roleOp, operand, tile);
      if (failed(slice))
        return failure();
      if (slice->isNarrowed)
        parts.push_back({operand.get(), *slice});
      else
        parts.push_back({operand.get(), std::nullopt});
    }

    TilingResult result;
    SmallVector<Value> operands;
    for (auto &[value, slice] : parts) {
      if (!slice) {
        operands.push_back(value);
        continue;
      }
      Operation *sliceOp = buildSlice(b, op->getLoc(), value, *slice);
      result.generatedSlices.push_back(sliceOp);
      operands.push_back(sliceOp->getResult(0));
    }
    SmallVector<Type> resultTypes;
    if (op->getNumResults() != 0)
      for (Value init : ArrayRef(operands).take_back(op->getNumResults()))
        resultTypes.push_back(init.getType());
    Operation *tiled = clone(b, op, resultTypes, operands);
    result.tiledOps.push_back(tiled);
    llvm::append_range(result.tiledValues, tiled->getResults());
    return result;
  }

  LogicalResult
  getResultTilePosition(Operation *op, OpBuilder &b, unsigned resultNumber,
                        ArrayRef<OpFoldResult> offsets,
                        ArrayRef<OpFoldResult> sizes,
                        SmallVector<OpFoldResult> &resultOffsets,
                        SmallVector<OpFoldResult> &resultSizes) const {
    auto dps = cast<DestinationStyleOpInterface>(op);
    FailureOr<Slice> slice = getSlice(b, cast<DimRoleOpInterface>(op),
                                      *dps.getDpsInitOperand(resultNumber),
                                      getTile(op, offsets, sizes));
    if (failed(slice))
      return failure();
    resultOffsets = slice->offsets;
    resultSizes = slice->sizes;
    return success();
  }

  LogicalResult getIterationDomainTileFromResultTile(
      Operation *op, OpBuilder &b, unsigned resultNumber,
      ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes,
      SmallVectorImpl<OpFoldResult> &domainOffsets,
      SmallVectorImpl<OpFoldResult> &domainSizes) const {
    auto dps = cast<DestinationStyleOpInterface>(op);
    OpOperand &init = *dps.getDpsInitOperand(resultNumber);
    Roles roles =
        cast<DimRoleOpInterface>(op).getDimRoles(init.getOperandNumber());
    Roles parallel = cast<OpTy>(op).getParallelRoles();
    domainOffsets.assign(parallel.size(), OpFoldResult());
    domainSizes.assign(parallel.size(), OpFoldResult());
    Tile domain{parallel, {}, {}};
    for (auto [dim, role] : llvm::enumerate(roles)) {
      if (std::optional<unsigned> index = domain.find(role)) {
        domainOffsets[*index] = offsets[dim];
        domainSizes[*index] = sizes[dim];
        continue;
      }
      // The rest of the result is computed as a whole.
      if (!isConstantIntValue(offsets[dim], 0) ||
          !isKnownEqual(sizes[dim],
                        getMixedSize(b, op->getLoc(), init.get(), dim)))
        return failure();
    }
    for (auto [index, role] : llvm::enumerate(parallel)) {
      if (domainOffsets[index])
        continue;
      domainOffsets[index] = b.getIndexAttr(0);
      domainSizes[index] = getRoleSize(b, cast<DimRoleOpInterface>(op), role);
    }
    return success();
  }

  FailureOr<TilingResult>
  generateResultTileValue(Operation *op, OpBuilder &b, unsigned resultNumber,
                          ArrayRef<OpFoldResult> offsets,
                          ArrayRef<OpFoldResult> sizes) const {
    Sizes domainOffsets, domainSizes;
    if (failed(getIterationDomainTileFromResultTile(
            op, b, resultNumber, offsets, sizes, domainOffsets, domainSizes)))
      return failure();
    FailureOr<TilingResult> result =
        getTiledImplementation(op, b, domainOffsets, domainSizes);
    if (failed(result))
      return failure();
    result->tiledValues = {result->tiledValues[resultNumber]};
    return result;
  }

private:
  static Tile getTile(Operation *op, ArrayRef<OpFoldResult> offsets,
                      ArrayRef<OpFoldResult> sizes) {
    return Tile{cast<OpTy>(op).getParallelRoles(), llvm::to_vector(offsets),
                llvm::to_vector(sizes)};
  }
};
} // namespace

template <typename... OpTys>
static void attachTiling(MLIRContext *context) {
  (OpTys::template attachInterface<ComputeOpTiling<OpTys>>(*context), ...);
}

void mlir::linattn::attachTilingInterface(MLIRContext *context) {
  attachTiling<AttentionOp, StateOp, StepOp, InterOp, BlockStateOp, IntraOp>(
      context);
}
