//===- Matrices.cpp - ldmatrix on swizzled tiles --------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Matrices.h"

using namespace mlir;
using namespace mlir::linattn;
using namespace mlir::linattn::tile;

Value mlir::linattn::tile::getMatrixAddress(Emitter &e, Value tile,
                                            SharedType type, Value laneRow,
                                            Value unit, int64_t row,
                                            int64_t column) {
  // Constants of rows are multiples of the eight rows of the swizzle, so they
  // only move the address; those of columns flip bits of the unit.
  return e.unitAddress(tile, laneRow, unit, (column % kPanelColumns) / 8,
                       (column / kPanelColumns * type.getRows() + row) *
                           kPanelRowBytes);
}

static SmallVector<Value> loadMatrices(Emitter &e, Value address, int64_t count,
                                       bool transposed) {
  OpBuilder &b = e.b;
  SmallVector<Type> types(count, b.getI32Type());
  Value loaded = NVVM::LdMatrixOp::create(
      b, e.loc, LLVM::LLVMStructType::getLiteral(b.getContext(), types),
      address, count, transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row,
      NVVM::LdStMatrixShapeAttr::get(b.getContext(), 8, 8),
      NVVM::LdStMatrixEltType::B16);
  return e.unpack(loaded);
}

/// The address that this thread gives for four matrices: the 16 rows of its
/// warp from `row` on, and 16 columns. `transposed`: rows lie along the columns
/// of the tile.
static Value getFragmentAddress(Emitter &e, TilePlace place, SharedType type,
                                bool transposed, int64_t row, int64_t column) {
  MatrixLane lane(e);
  Value warp = e.warpInGroup();
  // The rows of a warp are two units of one row of the tile then.
  if (transposed)
    return getMatrixAddress(e, place.tile, type,
                            e.add(lane.low, e.shl(lane.fourth, 3)),
                            e.add(e.shl(warp, 1), lane.second), column, row);
  // Units start at even ones.
  Value unit = lane.fourth;
  if (place.unit)
    unit = e.exclusiveOr(unit, place.unit);
  return getMatrixAddress(
      e, place.tile, type,
      e.add(e.add(lane.low, e.shl(lane.second, 3)), e.shl(warp, 4)), unit, row,
      column);
}

SmallVector<Value>
mlir::linattn::tile::loadLhsFragment(Emitter &e, Value tile, SharedType type,
                                     bool transposed, int64_t row, int64_t k) {
  Value address = getFragmentAddress(e, {tile, {}}, type, transposed, row, k);
  return loadMatrices(e, address, 4, transposed);
}

SmallVector<Value>
mlir::linattn::tile::loadRhsFragments(Emitter &e, Value tile, SharedType type,
                                      bool transposed, int64_t k,
                                      int64_t column, int64_t count) {
  // Matrices 0 and 1 are the halves of k, 2 and 3 those of the next columns.
  MatrixLane lane(e);
  Value address;
  if (transposed)
    address =
        getMatrixAddress(e, tile, type, e.add(lane.low, e.shl(lane.second, 3)),
                         lane.fourth, k, column);
  else
    address =
        getMatrixAddress(e, tile, type, e.add(lane.low, e.shl(lane.fourth, 3)),
                         lane.second, column, k);
  return loadMatrices(e, address, 2 * count, transposed);
}

void mlir::linattn::tile::storeByStMatrix(Emitter &e, TilePlace place,
                                          SharedType type, bool transposed,
                                          int64_t row, int64_t column,
                                          ArrayRef<Value> registers) {
  Value address = getFragmentAddress(e, place, type, transposed, row, column);
  NVVM::StMatrixOp::create(
      e.b, e.loc, address, registers,
      transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row,
      NVVM::LdStMatrixShapeAttr::get(e.b.getContext(), 8, 8),
      NVVM::LdStMatrixEltType::B16);
}
