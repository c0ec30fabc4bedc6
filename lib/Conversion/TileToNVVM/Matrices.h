//===- Matrices.h - ldmatrix on swizzled tiles ------------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_CONVERSION_TILETONVVM_MATRICES_H
#define LINATTN_LIB_CONVERSION_TILETONVVM_MATRICES_H

#include "Target.h"

namespace mlir {
namespace linattn {
namespace tile {

/// What a lane addresses in ldmatrix and stmatrix: row `low` of one of four
/// 8 x 8 matrices, whose number is `second + 2 * fourth`.
struct MatrixLane {
  explicit MatrixLane(Emitter &e) {
    Value lane = e.lane();
    low = e.bits(lane, 7);
    second = e.bits(e.shr(lane, 3), 1);
    fourth = e.shr(lane, 4);
  }
  Value low, second, fourth;
};

/// The address of the unit at `column` + 8 * `unit` of row `row` + `laneRow`,
/// with `row` and `column` constant: multiples of 8 and of 16, or of 64 where
/// `unit` may be more than 1.
Value getMatrixAddress(Emitter &e, Value tile, SharedType type, Value laneRow,
                       Value unit, int64_t row, int64_t column);

/// Four registers with a 16 x 16 block of a left operand for each warp: rows
/// from 16 w of the block of 64 rows at `row`, columns from `k`. With
/// `transposed`, the tile has k in its rows.
SmallVector<Value> loadLhsFragment(Emitter &e, Value tile, SharedType type,
                                   bool transposed, int64_t row, int64_t k);

/// Stores such a block by stmatrix.
void storeByStMatrix(Emitter &e, TilePlace place, SharedType type,
                     bool transposed, int64_t row, int64_t column,
                     ArrayRef<Value> registers);

/// Registers of a right operand [k, n], 16 x 8 to two registers, the same in
/// all warps: one or two (`count`) such blocks from column `column` on. The
/// tile has k in its columns, or in its rows if `transposed`.
SmallVector<Value> loadRhsFragments(Emitter &e, Value tile, SharedType type,
                                    bool transposed, int64_t k, int64_t column,
                                    int64_t count);

} // namespace tile
} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_CONVERSION_TILETONVVM_MATRICES_H
