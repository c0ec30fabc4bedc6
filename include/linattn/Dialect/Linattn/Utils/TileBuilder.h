//===- TileBuilder.h - work on static tiles ---------------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DIALECT_LINATTN_UTILS_TILEBUILDER_H
#define LINATTN_DIALECT_LINATTN_UTILS_TILEBUILDER_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace mlir {
namespace linattn {

/// Builds work on static tiles: the contractions, maps and scans of the normal
/// form (docs/NormalForm.md).
///
/// Index expressions are written as in einsum: "ik,jk->ij" contracts the last
/// dimension of two tiles, "ij,i->ij" scales the rows of a tile. A letter is a
/// dimension; the dimensions of the result come first in the iteration space,
/// in order, and then those that are reduced. An empty operand is a tile of
/// rank 0.
class TileBuilder {
public:
  /// The body of a map: from one scalar per input to the scalar result.
  using MapBody = llvm::function_ref<Value(OpBuilder &, Location, ValueRange)>;
  /// The body of a guard's branch.
  using BranchBody = llvm::function_ref<SmallVector<Value>(TileBuilder &)>;

  TileBuilder(OpBuilder &b, Location loc) : b(b), loc(loc) {}

  /// Scalars.
  Value constantF32(float value);
  Value constantIndex(int64_t value);

  /// An uninitialised tile, and a tile of one value.
  Value empty(ArrayRef<int64_t> shape, Type elementType);
  Value filled(ArrayRef<int64_t> shape, float value);

  /// A map with an f32 result. The result's shape follows from the inputs,
  /// unless it has a dimension that no input has: then `shape` gives it.
  Value map(StringRef expression, ValueRange inputs, MapBody body,
            ArrayRef<int64_t> shape = {});
  /// The same, written into `destination`, whose element type is the result's.
  /// The last argument of the body is the destination's element.
  Value mapInto(StringRef expression, ValueRange inputs, Value destination,
                MapBody body);
  /// init + lhs * rhs, contracted over the letters that the result lacks.
  Value contract(StringRef expression, Value lhs, Value rhs, Value init);
  /// The same from zero.
  Value contract(StringRef expression, Value lhs, Value rhs);

  /// Elementwise work on f32 tiles.
  Value multiply(StringRef expression, Value lhs, Value rhs);
  Value scale(Value tile, float factor);
  /// `tile` times a broadcast factor, in the place of `tile`: carried values
  /// keep their buffer.
  Value scaleInPlace(StringRef expression, Value factor, Value tile);
  Value exponential(Value tile);
  /// The tile widened to f32; itself if it is f32.
  Value widen(Value tile);

  /// Row `row` of a tile [C, ...], without its first dimension, and the tile
  /// with that row replaced.
  Value getRow(Value tile, OpFoldResult row);
  Value setRow(Value tile, OpFoldResult row, Value value);
  /// The block of a tile at `offsets`, and the tile with a block replaced.
  Value getBlock(Value tile, ArrayRef<int64_t> offsets,
                 ArrayRef<int64_t> sizes);
  Value setBlock(Value tile, Value block, ArrayRef<int64_t> offsets);

  /// A scan over `count` rows, first to last or last to first. `body` gets the
  /// row number and the carried values and returns the next ones.
  SmallVector<Value>
  scan(int64_t count, bool descending, ValueRange carried,
       llvm::function_ref<SmallVector<Value>(TileBuilder &, Value, ValueRange)>
           body);

  /// A guard: `thenBody` if the condition holds, otherwise `elseBody`.
  SmallVector<Value> guard(Value condition, BranchBody thenBody,
                           BranchBody elseBody);

  OpBuilder &getBuilder() { return b; }
  Location getLoc() const { return loc; }

  static ArrayRef<int64_t> getShape(Value tile) {
    return cast<RankedTensorType>(tile.getType()).getShape();
  }

private:
  OpBuilder &b;
  Location loc;
};

} // namespace linattn
} // namespace mlir

#endif // LINATTN_DIALECT_LINATTN_UTILS_TILEBUILDER_H
