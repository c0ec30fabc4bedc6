//===- KernelBody.cpp - what a kernel of the normal form does -------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelBody.h"
#include "linattn/NormalForm/TileOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

#include <numeric>

using namespace mlir;
using namespace mlir::linattn;

static int64_t getTileRank(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type ? type.getRank() : -1;
}

//===----------------------------------------------------------------------===//
// Accesses
//===----------------------------------------------------------------------===//

bool Access::isPadded(unsigned dim, RankedTensorType tile) const {
  return getConstantIntValue(sizes[dim]) != tile.getDimSize(dim);
}

int64_t linattn::getAlignment(RankedTensorType tensor, unsigned columnDim) {
  int64_t columns = tensor.getDimSize(columnDim), most = 16;
  return ShapedType::isDynamic(columns) ? most : std::gcd(most, 2 * columns);
}

/// All of a tensor of the function.
static Access getWhole(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  Access access;
  access.tensor = tensor;
  access.offsets.resize(type.getRank());
  Builder b(tensor.getContext());
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    access.dims.push_back(dim);
    // Of a dynamic dimension only a slice can be a tile.
    access.sizes.push_back(b.getIndexAttr(type.getDimSize(dim)));
  }
  return access;
}

bool linattn::isFilled(scf::ForOp loop, BlockArgument arg) {
  Value value = loop.getTiedLoopYieldedValue(arg)->get();
  if (value == arg)
    return false;
  while (value != arg) {
    auto insert = value.getDefiningOp<tensor::InsertSliceOp>();
    if (!insert)
      return false;
    value = insert.getDest();
  }
  return true;
}

std::optional<Access> linattn::getAccess(Value tile, scf::ForallOp kernel) {
  if (!isa<RankedTensorType>(tile.getType()))
    return std::nullopt;
  if (auto arg = dyn_cast<BlockArgument>(tile)) {
    Operation *parent = arg.getOwner()->getParentOp();
    if (parent == kernel)
      return getWhole(kernel.getTiedOpOperand(arg)->get());
    if (auto loop = dyn_cast<scf::ForOp>(parent);
        loop && kernel->isAncestor(loop)) {
      OpOperand *init = loop.getTiedLoopInit(arg);
      if (!init || !isFilled(loop, arg))
        return std::nullopt;
      return getAccess(init->get(), kernel);
    }
    return getWhole(tile);
  }
  Operation *op = tile.getDefiningOp();
  if (!kernel->isAncestor(op)) {
    if (isa<linalg::LinalgOp, arith::ConstantOp>(op))
      return std::nullopt;
    return getWhole(tile);
  }
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    std::optional<Access> source = getAccess(slice.getSource(), kernel);
    if (!source || source->padding ||
        !llvm::all_of(slice.getMixedStrides(), [](OpFoldResult stride) {
          return getConstantIntValue(stride) == 1;
        }))
      return std::nullopt;
    Access access;
    access.tensor = source->tensor;
    access.offsets = source->offsets;
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    for (auto [dim, offset, size] :
         llvm::enumerate(slice.getMixedOffsets(), slice.getMixedSizes())) {
      if (getConstantIntValue(offset) != 0)
        access.offsets[source->dims[dim]].push_back(offset);
      if (dropped.test(dim))
        continue;
      access.dims.push_back(source->dims[dim]);
      access.sizes.push_back(size);
    }
    return access;
  }
  if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    std::optional<Access> access = getAccess(pad.getSource(), kernel);
    Value padding = pad.getConstantPaddingValue();
    if (!access || access->padding || !padding ||
        !llvm::all_of(pad.getMixedLowPad(), [](OpFoldResult low) {
          return getConstantIntValue(low) == 0;
        }))
      return std::nullopt;
    access->padding = padding;
    return access;
  }
  return std::nullopt;
}

/// What an op inserts into of `outer`.
template <typename InsertOp>
static Access getInserted(const Access &outer, InsertOp op) {
  Access access;
  access.tensor = outer.tensor;
  access.offsets = outer.offsets;
  llvm::SmallBitVector dropped = op.getDroppedDims();
  for (auto [dim, offset, size] :
       llvm::enumerate(op.getMixedOffsets(), op.getMixedSizes())) {
    if (getConstantIntValue(offset) != 0)
      access.offsets[outer.dims[dim]].push_back(offset);
    if (dropped.test(dim))
      continue;
    access.dims.push_back(outer.dims[dim]);
    access.sizes.push_back(size);
  }
  return access;
}

Access linattn::getAccess(tensor::ParallelInsertSliceOp insert,
                          scf::ForallOp kernel) {
  auto dest = cast<BlockArgument>(insert.getDest());
  return getInserted(getWhole(kernel.getTiedOpOperand(dest)->get()), insert);
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

std::optional<Scan> linattn::getScan(Value vector) {
  auto result = dyn_cast<OpResult>(vector);
  auto loop = result ? dyn_cast<scf::ForOp>(result.getOwner()) : nullptr;
  if (!loop || loop.getNumResults() != 2 || result.getResultNumber() != 1)
    return std::nullopt;
  auto type = dyn_cast<RankedTensorType>(vector.getType());
  if (!type || type.getRank() != 1 || !type.getElementType().isF32() ||
      getConstantIntValue(loop.getLowerBound()) != 0 ||
      getConstantIntValue(loop.getStep()) != 1 ||
      getConstantIntValue(loop.getUpperBound()) != type.getDimSize(0) ||
      !matchPattern(loop.getInits()[0], m_AnyZeroFloat()))
    return std::nullopt;
  Value carry = loop.getRegionIterArg(0), filled = loop.getRegionIterArg(1);
  auto sum = loop.getYieldedValues()[0].getDefiningOp<arith::AddFOp>();
  auto insert = loop.getYieldedValues()[1].getDefiningOp<tensor::InsertOp>();
  if (!sum || !insert || insert.getDest() != filled)
    return std::nullopt;
  auto extract = (sum.getLhs() == carry ? sum.getRhs() : sum.getLhs())
                     .getDefiningOp<tensor::ExtractOp>();
  if (!extract || (sum.getLhs() != carry && sum.getRhs() != carry) ||
      extract.getTensor().getType() != type ||
      extract.getIndices()[0] != insert.getIndices()[0])
    return std::nullopt;
  Scan scan;
  scan.source = extract.getTensor();
  if (insert.getScalar() == sum)
    scan.exclusive = false;
  else if (insert.getScalar() == carry)
    scan.exclusive = true;
  else
    return std::nullopt;
  Value index = extract.getIndices()[0];
  auto fromEnd = index.getDefiningOp<arith::SubIOp>();
  if (index == loop.getInductionVar())
    scan.reverse = false;
  else if (fromEnd && fromEnd.getRhs() == loop.getInductionVar() &&
           getConstantIntValue(fromEnd.getLhs()) == type.getDimSize(0) - 1)
    scan.reverse = true;
  else
    return std::nullopt;
  return scan;
}

static void collectVectorLeaves(Value tile, scf::ForallOp kernel,
                                llvm::SetVector<Value> &leaves) {
  auto type = dyn_cast<RankedTensorType>(tile.getType());
  if (!type || type.getRank() > 1)
    return;
  bool isLoaded = getAccess(tile, kernel).has_value();
  // An element of a tensor is a scalar, whatever tensor it is of.
  if (isLoaded && type.getRank() == 0)
    return;
  if (isLoaded || getScan(tile)) {
    leaves.insert(tile);
    return;
  }
  Operation *op = tile.getDefiningOp();
  if (auto map = dyn_cast_if_present<linalg::LinalgOp>(op)) {
    for (OpOperand &operand : op->getOpOperands())
      if (map.payloadUsesValueFromOperand(&operand))
        collectVectorLeaves(operand.get(), kernel, leaves);
  } else if (auto slice = dyn_cast_if_present<tensor::ExtractSliceOp>(op)) {
    collectVectorLeaves(slice.getSource(), kernel, leaves);
  }
}

llvm::SetVector<Value> linattn::getVectorLeaves(Value tile,
                                                scf::ForallOp kernel) {
  llvm::SetVector<Value> leaves;
  collectVectorLeaves(tile, kernel, leaves);
  return leaves;
}

/// The vectors below a tile of at most one dimension that a matrix or a carried
/// element is computed from: the tile itself, or what a scalar is an element
/// of.
static void collectReadVectors(Value tile, scf::ForallOp kernel,
                               llvm::SetVector<Value> &vectors) {
  auto type = dyn_cast<RankedTensorType>(tile.getType());
  if (!type || getVectorLeaves(tile, kernel).empty())
    return;
  if (type.getRank() == 1) {
    vectors.insert(tile);
    return;
  }
  if (Operation *op = tile.getDefiningOp())
    for (Value operand : op->getOperands())
      collectReadVectors(operand, kernel, vectors);
}

void KernelBody::findVectors() {
  for (auto op : loop.getOps<linalg::LinalgOp>()) {
    if (op->getNumResults() != 1 || getTileRank(op->getResult(0)) != 2)
      continue;
    for (OpOperand &operand : op->getOpOperands())
      if (op.payloadUsesValueFromOperand(&operand))
        collectReadVectors(operand.get(), kernel, vectors);
  }
  for (BlockArgument scalar : scalars)
    collectReadVectors(getNext(scalar), kernel, vectors);
}

//===----------------------------------------------------------------------===//
// Contractions
//===----------------------------------------------------------------------===//

bool OutputStore::isCopied() const {
  auto type = cast<RankedTensorType>(access.tensor.getType());
  return type.getElementTypeBitWidth() == 16 && access.dims.size() == 2 &&
         (access.dims[1] + 1 == type.getRank() || isTransposed());
}

bool OutputStore::isTransposed() const {
  auto type = cast<RankedTensorType>(access.tensor.getType());
  return access.dims.size() == 2 && access.dims[0] + 1 == type.getRank();
}

bool KernelBody::isZero(Value value) {
  if (auto fill = value.getDefiningOp<linalg::FillOp>())
    return matchPattern(fill.getInputs()[0], m_AnyZeroFloat());
  return matchPattern(value, m_AnyZeroFloat());
}

bool Contraction::startsFromZero() const { return KernelBody::isZero(init); }

/// Reads `op` as init + lhs * rhs on matrices.
static FailureOr<Contraction> getMatrixProduct(linalg::LinalgOp op) {
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  if (op.getNumLoops() != 3 || op.getNumReductionLoops() != 1 ||
      !llvm::all_of(maps,
                    [](AffineMap map) { return map.getNumResults() == 2; }))
    return op->emitOpError("expects a product of two matrices to be planned "
                           "for a GPU, but got ")
           << op.getNumLoops() << " loops";
  unsigned m = maps[2].getDimPosition(0), n = maps[2].getDimPosition(1);
  Contraction contraction;
  contraction.op = op;
  unsigned lhs = maps[0].isFunctionOfDim(m) ? 0 : 1;
  contraction.lhs = op->getOperand(lhs);
  contraction.rhs = op->getOperand(1 - lhs);
  contraction.init = op.getDpsInits()[0];
  contraction.transposeLhs = maps[lhs].getDimPosition(1) == m;
  contraction.transposeRhs = maps[1 - lhs].getDimPosition(1) == n;
  return contraction;
}

LogicalResult KernelBody::findLoop() {
  for (auto candidate : kernel.getBody()->getOps<scf::ForOp>()) {
    if (loop)
      prologues.push_back(loop);
    loop = candidate;
  }
  assert(loop && "a kernel without a loop is an element kernel");
  for (scf::ForOp prologue : prologues) {
    auto isMatrix = [](Type type) {
      auto tile = dyn_cast<RankedTensorType>(type);
      return tile && tile.hasStaticShape() && tile.getRank() == 2 &&
             tile.getElementType().isF32();
    };
    if (!llvm::all_of(prologue.getResultTypes(), isMatrix) ||
        llvm::any_of(prologue.getOps<linalg::LinalgOp>(),
                     [](linalg::LinalgOp op) { return !isMap(op); }))
      return prologue.emitOpError(
          "is not the last loop of its kernel; expects such a loop to carry "
          "matrices of f32 only, and to compute them by maps, in a kernel for "
          "a GPU");
  }
  for (BlockArgument arg : loop.getRegionIterArgs()) {
    auto type = dyn_cast<RankedTensorType>(arg.getType());
    if (type && isFilled(loop, arg))
      continue;
    if (type ? type.getRank() == 0 && type.getElementType().isF32()
             : arg.getType().isIntOrIndexOrFloat()) {
      scalars.push_back(arg);
      continue;
    }
    if (!type || !type.hasStaticShape() || type.getRank() != 2 ||
        !type.getElementType().isF32())
      return loop.emitOpError(
                 "expects carried values to be scalars, or matrices "
                 "of f32 and of static shape, in a loop over chunks for a GPU, "
                 "but got ")
             << arg.getType()
             << "; a loop over tokens can carry more (linattn-compile "
                "--recurrence)";
    states.push_back(arg);
  }
  return success();
}

LogicalResult KernelBody::findContractions() {
  for (auto op : loop.getOps<linalg::LinalgOp>()) {
    if (!isContraction(op))
      continue;
    FailureOr<Contraction> contraction = getMatrixProduct(op);
    if (failed(contraction))
      return failure();
    contractions.push_back(*contraction);
  }
  return success();
}

/// The matrix that `tile` is the transpose of, null if it is not one.
static Value getTransposed(Value tile) {
  auto op = tile.getDefiningOp<linalg::GenericOp>();
  if (!op || op.getNumDpsInputs() != 1 || op.getNumLoops() != 2 ||
      op.getNumParallelLoops() != 2)
    return nullptr;
  auto yielded =
      dyn_cast<BlockArgument>(op.getBlock()->getTerminator()->getOperand(0));
  AffineMap from = op.getIndexingMapsArray()[0];
  AffineMap to = op.getIndexingMapsArray()[1];
  if (!yielded || yielded.getOwner() != op.getBlock() ||
      yielded.getArgNumber() != 0 || !from.isPermutation() ||
      !to.isPermutation() || from == to)
    return nullptr;
  return op.getInputs()[0];
}

/// Whether a kernel inserts what a loop has filled, or a part of it, where the
/// loop has it from.
static bool isInsertedInPlace(tensor::ParallelInsertSliceOp insert,
                              const Access &filled,
                              tensor::ExtractSliceOp part) {
  SmallVector<OpFoldResult> shifts(filled.offsets.size());
  if (part)
    for (auto [dim, offset] : llvm::zip(filled.dims, part.getMixedOffsets()))
      if (getConstantIntValue(offset) != 0)
        shifts[dim] = offset;
  for (auto [offset, terms, shift] :
       llvm::zip(insert.getMixedOffsets(), filled.offsets, shifts)) {
    SmallVector<OpFoldResult> expected(terms);
    if (shift)
      expected.push_back(shift);
    if (expected.empty() ? getConstantIntValue(offset) == 0
                         : expected.size() == 1 && offset == expected[0])
      continue;
    auto sum = dyn_cast<Value>(offset)
                   ? cast<Value>(offset).getDefiningOp<arith::AddIOp>()
                   : nullptr;
    if (!sum || expected.size() != 2)
      return false;
    OpFoldResult lhs = sum.getLhs(), rhs = sum.getRhs();
    if (!(lhs == expected[0] && rhs == expected[1]) &&
        !(lhs == expected[1] && rhs == expected[0]))
      return false;
  }
  return true;
}

LogicalResult linattn::findStores(scf::ForallOp kernel, scf::ForOp loop,
                                  SmallVectorImpl<OutputStore> &inLoop,
                                  SmallVectorImpl<OutputStore> &afterLoop) {
  // What becomes of each output, from the end of the kernel backwards.
  for (Operation &op : kernel.getTerminator().getYieldingOps()) {
    auto insert = cast<tensor::ParallelInsertSliceOp>(op);
    Value source = insert.getSource();
    auto lookThroughSlice = [](Value tile) -> Value {
      while (auto slice = tile.getDefiningOp<tensor::ExtractSliceOp>()) {
        if (!llvm::all_of(slice.getMixedOffsets(), [](OpFoldResult offset) {
              return getConstantIntValue(offset) == 0;
            }))
          break;
        tile = slice.getSource();
      }
      return tile;
    };
    // A transposed tile is stored the way it is computed.
    auto addStore = [&](SmallVectorImpl<OutputStore> &stores, Operation *op,
                        Value tile, Access access) {
      tile = lookThroughSlice(tile);
      while (Value transposed = getTransposed(tile)) {
        tile = lookThroughSlice(transposed);
        std::swap(access.dims[0], access.dims[1]);
        std::swap(access.sizes[0], access.sizes[1]);
      }
      stores.push_back({op, tile, access});
    };
    auto part = source.getDefiningOp<tensor::ExtractSliceOp>();
    for (Value candidate : {source, part ? part.getSource() : source}) {
      auto result = dyn_cast<OpResult>(candidate);
      if (!result || result.getOwner() != loop ||
          !isFilled(loop, loop.getTiedLoopRegionIterArg(result)))
        continue;
      BlockArgument arg = loop.getTiedLoopRegionIterArg(result);
      std::optional<Access> outer = linattn::getAccess(arg, kernel);
      if (!outer || !isInsertedInPlace(insert, *outer,
                                       candidate == source ? nullptr : part))
        return insert.emitOpError("expects the rows that a loop has filled, "
                                  "where the loop has them from, in a kernel "
                                  "for a GPU");
      Value filled = loop.getTiedLoopYieldedValue(arg)->get();
      while (auto inner = filled.getDefiningOp<tensor::InsertSliceOp>()) {
        addStore(inLoop, inner, inner.getSource(), getInserted(*outer, inner));
        filled = inner.getDest();
      }
      source = nullptr;
      break;
    }
    if (!source)
      continue;
    Access outer = getAccess(insert, kernel);
    addStore(afterLoop, insert, source, outer);
  }
  return success();
}

/// The matrices that maps compute `tile` from.
static void collectMatrices(Value tile, scf::ForallOp kernel,
                            SmallVectorImpl<Value> &matrices) {
  if (getTileRank(tile) != 2)
    return;
  auto map = tile.getDefiningOp<linalg::LinalgOp>();
  if (!map || !isMap(map) || linattn::getAccess(tile, kernel)) {
    matrices.push_back(tile);
    return;
  }
  for (OpOperand &operand : map->getOpOperands())
    if (map.payloadUsesValueFromOperand(&operand))
      collectMatrices(operand.get(), kernel, matrices);
}

/// Whether all that an operand is computed from is f32 in memory.
static bool isWide(Value operand, scf::ForallOp kernel) {
  SmallVector<Value> matrices;
  collectMatrices(operand, kernel, matrices);
  return !matrices.empty() && llvm::all_of(matrices, [&](Value matrix) {
    return cast<RankedTensorType>(matrix.getType()).getElementType().isF32() &&
           linattn::getAccess(matrix, kernel);
  });
}

LogicalResult KernelBody::checkOps() {
  for (Operation &op : loop.getBody()->without_terminator()) {
    auto nested = dyn_cast<scf::ForOp>(op);
    if (op.getNumRegions() == 0 || isa<linalg::LinalgOp, tensor::PadOp>(op) ||
        (nested && nested.getNumResults() == 2 && getScan(nested.getResult(1))))
      continue;
    return op.emitOpError(
        "cannot be planned in a loop over chunks for a GPU, which expects "
        "maps, products of matrices and running sums of vectors; for decays of "
        "each channel, a loop over tokens needs no more (linattn-compile "
        "--recurrence)");
  }
  for (const Contraction &contraction : contractions)
    for (Value operand : {contraction.lhs, contraction.rhs})
      if (isWide(operand, kernel))
        return contraction.op->emitOpError(
            "multiplies f32 from memory, which matrix instructions for a GPU "
            "would round to 16 bits; convert the tensor to bf16 or f16, or run "
            "tokens one by one (linattn-compile --recurrence)");
  if (loads.empty())
    return loop.emitOpError("expects tiles of 16-bit elements to be loaded, in "
                            "a loop over chunks for a GPU, but got none");
  return success();
}

LogicalResult KernelBody::findLoads() {
  loop.getBody()->walk([&](Operation *op) {
    if (op->getNumResults() != 1 || op->getParentOp() != loop)
      return;
    Value tile = op->getResult(0);
    auto type = dyn_cast<RankedTensorType>(tile.getType());
    if (!type || !type.hasStaticShape() || type.getRank() != 2 ||
        type.getElementTypeBitWidth() != 16 || !getAccess(tile, kernel))
      return;
    // A slice that is only padded is no tile of its own.
    if (!llvm::all_of(op->getUsers(), llvm::IsaPred<tensor::PadOp>))
      loads.insert(tile);
  });
  return success();
}

//===----------------------------------------------------------------------===//
// Dimensions
//===----------------------------------------------------------------------===//

unsigned KernelBody::getDim(Value tile, unsigned dim) {
  auto [it, isNew] = dims.try_emplace({tile, dim}, dims.size());
  if (isNew) {
    sizes.push_back(cast<RankedTensorType>(tile.getType()).getDimSize(dim));
    classes.grow(dims.size());
  }
  return it->second;
}

void KernelBody::classifyDims() {
  auto unite = [&](Value a, unsigned i, Value b, unsigned j) {
    unsigned x = getDim(a, i), y = getDim(b, j);
    classes.join(x, y);
  };
  auto uniteAll = [&](Value a, Value b) {
    auto type = dyn_cast<RankedTensorType>(a.getType());
    auto other = dyn_cast<RankedTensorType>(b.getType());
    if (!type || !other || type.getRank() != other.getRank())
      return;
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      unite(a, dim, b, dim);
  };
  // A tile of one value or of none has no place, and may stand for several.
  auto isUniform = [](Value tile) {
    return tile.getDefiningOp<tensor::EmptyOp>() ||
           tile.getDefiningOp<linalg::FillOp>() ||
           tile.getDefiningOp<arith::ConstantOp>();
  };
  SmallVector<std::pair<Value, unsigned>> reduced;
  kernel.walk([&](Operation *op) {
    if (isa<linalg::FillOp>(op))
      return;
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
      SmallVector<std::optional<std::pair<Value, unsigned>>> first(
          linalgOp.getNumLoops());
      auto visit = [&](Value value, AffineMap map) {
        for (auto [position, expr] : llvm::enumerate(map.getResults())) {
          auto dim = dyn_cast<AffineDimExpr>(expr);
          if (!dim)
            continue;
          auto &seen = first[dim.getPosition()];
          if (seen)
            unite(seen->first, seen->second, value, position);
          else
            seen = {value, unsigned(position)};
          if (linalgOp.getIteratorTypesArray()[dim.getPosition()] ==
              utils::IteratorType::reduction)
            reduced.push_back({value, unsigned(position)});
        }
      };
      for (OpOperand &operand : linalgOp->getOpOperands())
        if (isa<RankedTensorType>(operand.get().getType()) &&
            !isUniform(operand.get()))
          visit(operand.get(), linalgOp.getMatchingIndexingMap(&operand));
      for (OpResult result : linalgOp->getResults())
        visit(result, linalgOp.getIndexingMapMatchingResult(result));
    } else if (auto loopOp = dyn_cast<scf::ForOp>(op)) {
      for (auto [init, arg, yielded, result] :
           llvm::zip_equal(loopOp.getInits(), loopOp.getRegionIterArgs(),
                           loopOp.getYieldedValues(), loopOp.getResults())) {
        if (!isUniform(init))
          uniteAll(arg, init);
        uniteAll(arg, yielded);
        uniteAll(arg, result);
      }
    }
  });
  classes.compress();
  for (auto [tile, dim] : reduced)
    contracted.insert(getDimClass(tile, dim));
}

unsigned KernelBody::getDimClass(Value tile, unsigned dim) const {
  auto it = dims.find({tile, dim});
  // A dimension that no work touches is in no class with others.
  return it == dims.end() ? ~0u : classes[it->second];
}

bool KernelBody::isContracted(unsigned dimClass) const {
  return contracted.contains(dimClass);
}

std::optional<unsigned> KernelBody::getFreeDimClass() const {
  for (BlockArgument state : states)
    for (unsigned dim : {1u, 0u}) {
      unsigned dimClass = getDimClass(state, dim);
      bool ofAllStates = llvm::all_of(states, [&](BlockArgument other) {
        return getDimClass(other, 0) == dimClass ||
               getDimClass(other, 1) == dimClass;
      });
      if (ofAllStates && !isContracted(dimClass))
        return dimClass;
    }
  return std::nullopt;
}

int64_t KernelBody::getSize(unsigned dimClass) const {
  for (auto &[key, number] : dims)
    if (classes[number] == dimClass && !ShapedType::isDynamic(sizes[number]))
      return sizes[number];
  return ShapedType::kDynamic;
}

//===----------------------------------------------------------------------===//
// Queries
//===----------------------------------------------------------------------===//

const Contraction *KernelBody::getContraction(Value result) const {
  const auto *it =
      llvm::find_if(contractions, [&](const Contraction &contraction) {
        return contraction.getResult() == result;
      });
  return it == contractions.end() ? nullptr : &*it;
}

Value KernelBody::getNext(BlockArgument state) const {
  return const_cast<scf::ForOp &>(loop).getTiedLoopYieldedValue(state)->get();
}

bool KernelBody::isState(Value value) const {
  return llvm::is_contained(states, value);
}

bool KernelBody::isCarried(Value value) const {
  auto ofLoop = [&](Operation *op) {
    return op == loop || llvm::is_contained(prologues, op);
  };
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || type.getRank() != 2)
    return false;
  if (auto result = dyn_cast<OpResult>(value))
    return ofLoop(result.getOwner());
  return isState(value) ||
         llvm::is_contained(prologues, value.getParentBlock()->getParentOp());
}

FailureOr<KernelBody> KernelBody::get(scf::ForallOp kernel) {
  KernelBody body;
  body.kernel = kernel;
  if (failed(body.findLoop()) || failed(body.findContractions()) ||
      failed(body.findLoads()) || failed(body.checkOps()) ||
      failed(findStores(kernel, body.loop, body.storesInLoop,
                        body.storesAfterLoop)))
    return failure();
  body.findVectors();
  body.classifyDims();
  return body;
}
