//===- ContractionLoops.cpp - contractions in registers -------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   for each panel of a few vectors of columns j:
//     for each block of rows i:
//       acc[r][v] = C[i + r][j + v]            (or zero)
//       for k:                                 (acc in registers)
//         acc[r][v] += A[i + r][k] * B[k][j + v]
//       C[i + r][j + v] = acc[r][v]
//
// A may be stored either way, since its elements are broadcast. B has to have
// its columns contiguous: if it has not, it is transposed into a scratch tile.
//
//===----------------------------------------------------------------------===//

#include "TileLoops.h"

#include "linattn/NormalForm/TileOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::linattn;

namespace {
/// One operand of the contraction and how loop dimensions index it.
struct Factor {
  Value buffer;
  AffineMap map;

  bool uses(unsigned dim) const {
    return getResultPosition(map, dim).has_value();
  }
  MemRefType getType() const { return cast<MemRefType>(buffer.getType()); }
};

/// A contraction with its loop dimensions in their roles.
class Contraction {
public:
  /// Finds the roles; fails if a needed dimension is not static or the columns
  /// of the output are not contiguous.
  LogicalResult analyze(linalg::LinalgOp op);

  void emit(const VectorUnit &unit, bool accumulatesFromZero);

private:
  void emitOuterLoops(ArrayRef<unsigned> dims, function_ref<void()> body);
  void emitPanels(const VectorUnit &unit);
  void emitRows(Value j, int64_t vectors, int64_t width, int64_t maxRows);
  void emitBlock(Value i, int64_t rows, Value j, int64_t vectors,
                 int64_t width);
  Value transposeRight(int64_t width);
  Value widen(ImplicitLocOpBuilder &b, Value value);
  SmallVector<Value> indicesOf(const Factor &factor) {
    return getIndices(*b, factor.map, ivs);
  }

  linalg::LinalgOp op;
  std::optional<ImplicitLocOpBuilder> b;
  Factor left, right, out;
  /// Rows and columns of the output, and the contracted dimension. There may
  /// be no row dimension.
  std::optional<unsigned> m;
  unsigned n = 0, k = 0;
  int64_t rows = 1, columns = 0, depth = 0;
  SmallVector<unsigned> outer;
  bool outerReduces = false;
  bool fromZero = false;
  Type element;
  SmallVector<Value> ivs;
};
} // namespace

LogicalResult Contraction::analyze(linalg::LinalgOp linalgOp) {
  op = linalgOp;
  if (!isContraction(op))
    return failure();
  OpOperand *lhs = op.getDpsInputOperand(0), *rhs = op.getDpsInputOperand(1);
  OpOperand *init = op.getDpsInitOperand(0);
  for (OpOperand *operand : {lhs, rhs, init}) {
    auto type = dyn_cast<MemRefType>(operand->get().getType());
    if (!type || !isa<FloatType>(type.getElementType()))
      return failure();
  }
  left = {lhs->get(), op.getMatchingIndexingMap(lhs)};
  right = {rhs->get(), op.getMatchingIndexingMap(rhs)};
  out = {init->get(), op.getMatchingIndexingMap(init)};
  element = out.getType().getElementType();
  if (out.map.getNumResults() == 0 || !hasContiguousRows(out.getType()))
    return failure();
  n = cast<AffineDimExpr>(out.map.getResults().back()).getPosition();
  if (left.uses(n) == right.uses(n))
    return failure();
  if (left.uses(n))
    std::swap(left, right);

  SmallVector<int64_t> sizes = op.getStaticLoopRanges();
  std::optional<unsigned> contracted;
  for (auto [dim, kind] : llvm::enumerate(op.getIteratorTypesArray())) {
    if (kind == utils::IteratorType::reduction) {
      if (left.uses(dim) && right.uses(dim) &&
          (!contracted || sizes[dim] > sizes[*contracted]))
        contracted = dim;
    } else if (dim != n && left.uses(dim) && !right.uses(dim)) {
      if (!m || sizes[dim] > sizes[*m])
        m = dim;
    }
  }
  if (!contracted)
    return failure();
  k = *contracted;
  columns = sizes[n];
  depth = sizes[k];
  rows = m ? sizes[*m] : 1;
  if (ShapedType::isDynamic(columns) || ShapedType::isDynamic(depth) ||
      ShapedType::isDynamic(rows))
    return failure();
  // Sums of several passes are kept in the output between them.
  for (auto pass :
       {utils::IteratorType::parallel, utils::IteratorType::reduction}) {
    for (auto [dim, kind] : llvm::enumerate(op.getIteratorTypesArray())) {
      if (kind != pass || dim == n || dim == k || (m && dim == *m))
        continue;
      outer.push_back(dim);
      outerReduces |= kind == utils::IteratorType::reduction;
    }
  }
  return success();
}

Value Contraction::widen(ImplicitLocOpBuilder &builder, Value value) {
  Type type = element;
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    type = vector.clone(element);
  if (value.getType() == type)
    return value;
  return arith::ExtFOp::create(builder, type, value);
}

void Contraction::emitOuterLoops(ArrayRef<unsigned> dims,
                                 function_ref<void()> body) {
  if (dims.empty())
    return body();
  SmallVector<OpFoldResult> ranges = getLoopRanges(*b, op);
  buildLoop(*b, b->getIndexAttr(0), ranges[dims.front()], 1, [&](Value iv) {
    ivs[dims.front()] = iv;
    emitOuterLoops(dims.drop_front(), body);
  });
}

void Contraction::emit(const VectorUnit &unit, bool accumulatesFromZero) {
  b.emplace(op.getLoc(), op);
  ivs.assign(op.getNumLoops(), Value());
  fromZero = accumulatesFromZero && !outerReduces;
  if (accumulatesFromZero && outerReduces) {
    Value zero = arith::ConstantOp::create(*b, b->getZeroAttr(element));
    auto fill = linalg::FillOp::create(*b, zero, out.buffer);
    (void)lowerMap(cast<linalg::LinalgOp>(fill.getOperation()), unit);
    fill.erase();
  }
  emitOuterLoops(outer, [&] {
    Factor stored = right;
    unsigned position = *getResultPosition(right.map, n);
    bool isContiguous = position + 1 == right.map.getNumResults() &&
                        hasContiguousRows(right.getType()) &&
                        right.getType().getElementType() == element;
    if (!isContiguous) {
      MLIRContext *context = op->getContext();
      right.buffer = transposeRight(unit.width);
      right.map = AffineMap::get(
          stored.map.getNumDims(), 0,
          {getAffineDimExpr(k, context), getAffineDimExpr(n, context)},
          context);
    }
    emitPanels(unit);
    right = stored;
  });
}

/// Copies the right operand to a scratch tile [k, n], widened.
Value Contraction::transposeRight(int64_t width) {
  ImplicitLocOpBuilder &builder = *b;
  Value scratch = memref::AllocOp::create(
      builder, MemRefType::get({depth, columns}, element));
  bool rowsAlongK =
      right.map.getNumResults() > 0 &&
      right.map.getResults().back() == getAffineDimExpr(k, op->getContext()) &&
      hasContiguousRows(right.getType());
  buildTransposedCopy(
      builder, right.buffer, scratch, depth, columns, rowsAlongK, width,
      [&](Value row, Value column) {
        ivs[k] = row;
        ivs[n] = column;
        return indicesOf(right);
      },
      [&](Value row, Value column) { return SmallVector<Value>{row, column}; });
  return scratch;
}

void Contraction::emitPanels(const VectorUnit &unit) {
  // Enough independent accumulators to hide the latency of the multiply-add,
  // and enough reuse of each load: 24 of 32 registers, or 12 of 16.
  int64_t maxVectors = unit.registers >= 32 ? 4 : 2;
  int64_t accumulators = unit.registers * 3 / 4;
  ImplicitLocOpBuilder &builder = *b;
  int64_t begin = 0;
  for (int64_t width = unit.width; width >= 1; width /= 2) {
    for (int64_t vectors = width == unit.width ? maxVectors : 1; vectors >= 1;
         --vectors) {
      int64_t panel = vectors * width;
      int64_t end = begin + (columns - begin) / panel * panel;
      if (begin == end)
        continue;
      int64_t maxRows = std::min<int64_t>(accumulators / vectors, 8);
      buildLoop(builder, builder.getIndexAttr(begin), builder.getIndexAttr(end),
                panel, [&](Value j) { emitRows(j, vectors, width, maxRows); });
      begin = end;
    }
  }
}

void Contraction::emitRows(Value j, int64_t vectors, int64_t width,
                           int64_t maxRows) {
  ImplicitLocOpBuilder &builder = *b;
  int64_t block = std::min(maxRows, rows);
  // Slightly smaller blocks that leave no rest are better than larger ones.
  for (int64_t smaller = block; smaller * 3 >= block * 2; --smaller) {
    if (rows % smaller == 0) {
      block = smaller;
      break;
    }
  }
  int64_t whole = rows / block * block;
  buildLoop(builder, builder.getIndexAttr(0), builder.getIndexAttr(whole),
            block, [&](Value i) { emitBlock(i, block, j, vectors, width); });
  if (whole != rows)
    emitBlock(arith::ConstantIndexOp::create(builder, whole), rows - whole, j,
              vectors, width);
}

void Contraction::emitBlock(Value i, int64_t blockRows, Value j,
                            int64_t vectors, int64_t width) {
  ImplicitLocOpBuilder &builder = *b;
  SmallVector<Value> is, js;
  for (int64_t row = 0; row < blockRows; ++row)
    is.push_back(advance(builder, i, row));
  for (int64_t v = 0; v < vectors; ++v)
    js.push_back(advance(builder, j, v * width));
  auto outPosition = getResultPosition(out.map, n);
  auto rightPosition = getResultPosition(right.map, n);
  auto setRow = [&](int64_t row) {
    if (m)
      ivs[*m] = is[row];
  };

  SmallVector<Value> init;
  for (int64_t row = 0; row < blockRows; ++row) {
    for (int64_t v = 0; v < vectors; ++v) {
      if (fromZero) {
        Type type = width == 1 ? element : VectorType::get(width, element);
        init.push_back(
            arith::ConstantOp::create(builder, builder.getZeroAttr(type)));
        continue;
      }
      setRow(row);
      ivs[n] = js[v];
      init.push_back(loadElements(builder, out.buffer, indicesOf(out),
                                  outPosition, width));
    }
  }
  Value zero = arith::ConstantIndexOp::create(builder, 0);
  Value end = arith::ConstantIndexOp::create(builder, depth);
  Value one = arith::ConstantIndexOp::create(builder, 1);
  auto loop = scf::ForOp::create(builder, zero, end, one, init);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(loop.getBody());
    ivs[k] = loop.getInductionVar();
    SmallVector<Value> columnsOfRight;
    for (int64_t v = 0; v < vectors; ++v) {
      ivs[n] = js[v];
      columnsOfRight.push_back(loadElements(
          builder, right.buffer, indicesOf(right), rightPosition, width));
    }
    SmallVector<Value> sums;
    for (int64_t row = 0; row < blockRows; ++row) {
      setRow(row);
      Value factor = widen(builder, memref::LoadOp::create(builder, left.buffer,
                                                           indicesOf(left)));
      factor = toVector(builder, factor, width);
      for (int64_t v = 0; v < vectors; ++v) {
        Value acc = loop.getRegionIterArg(row * vectors + v);
        if (width == 1)
          sums.push_back(arith::AddFOp::create(
              builder, acc,
              arith::MulFOp::create(builder, factor, columnsOfRight[v])));
        else
          sums.push_back(
              vector::FMAOp::create(builder, factor, columnsOfRight[v], acc));
      }
    }
    scf::YieldOp::create(builder, sums);
  }
  for (int64_t row = 0; row < blockRows; ++row) {
    for (int64_t v = 0; v < vectors; ++v) {
      setRow(row);
      ivs[n] = js[v];
      storeElements(builder, loop.getResult(row * vectors + v), out.buffer,
                    indicesOf(out), outPosition, width);
    }
  }
}

LogicalResult linattn::lowerContraction(linalg::LinalgOp op,
                                        const VectorUnit &unit,
                                        bool accumulatesFromZero) {
  Contraction contraction;
  if (failed(contraction.analyze(op)))
    return failure();
  contraction.emit(unit, accumulatesFromZero);
  return success();
}
