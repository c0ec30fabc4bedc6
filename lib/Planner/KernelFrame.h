//===- KernelFrame.h - arguments and scalars of a tile program --*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_PLANNER_KERNELFRAME_H
#define LINATTN_LIB_PLANNER_KERNELFRAME_H

#include "KernelBody.h"

#include "linattn/Dialect/Tile/IR/Tile.h"

namespace mlir {
namespace linattn {

/// The arguments of a tile program, and the scalars of a kernel in it.
///
/// Indices of the kernel become i32: a launch with sizes beyond is refused.
/// Addresses are computed in 64 bits.
class KernelFrame {
public:
  KernelFrame(scf::ForallOp kernel, Block *entry);

  /// A tensor that is read and written through tiles of `rows` rows; `dims` are
  /// the dimensions of its rows and columns.
  FailureOr<Value> getGlobal(Value tensor, ArrayRef<unsigned> dims,
                             int64_t rows, bool isOutput);
  /// Coordinates of an access for a tile of such a tensor, outermost first.
  FailureOr<SmallVector<Value>> getCoordinates(OpBuilder &b, Location loc,
                                               const Access &access);

  /// The address of an element: `indices` count within the tile.
  FailureOr<Value> getAddress(OpBuilder &b, Location loc, const Access &access,
                              ValueRange indices, bool isOutput);

  /// An i64 that is 0 where `bytes` bytes along the last dimension of the tile
  /// can be accessed at once, at multiples of them: the elements follow each
  /// other, and the tensor and its other strides are aligned.
  Value getMisfit(OpBuilder &b, Location loc, const Access &access,
                  bool isOutput, int64_t bytes);

  /// The pointer to the tensor of a vector, the number of its first element
  /// (i64) and the distance of its elements (i64).
  struct VectorSource {
    Value address, index, stride;
  };
  FailureOr<VectorSource> getVectorSource(OpBuilder &b, Location loc,
                                          const Access &access);

  /// The value of a scalar of the kernel at the insertion point of `b`.
  FailureOr<Value> getScalar(OpBuilder &b, Value scalar);
  FailureOr<Value> getIndex(OpBuilder &b, Location loc, OpFoldResult index);
  /// The sum of the terms of an offset.
  FailureOr<Value> getSum(OpBuilder &b, Location loc,
                          ArrayRef<OpFoldResult> terms);

  /// The same op on operands that are scalars of the tile program. Floats of 16
  /// bits are f32 there.
  Value cloneScalarOp(OpBuilder &b, Operation *op, ValueRange operands);
  Type convert(Type type);

  /// What `scalar` is from here on, for instance the number of the iteration.
  void bind(Value scalar, Value value) { bound[scalar] = value; }
  Value getBound(Value scalar) const { return bound.lookup(scalar); }

  /// Whether the value of `scalar` does not change within a thread block.
  bool isInvariant(Value scalar);
  /// Where values that do not change are computed: before the roles.
  OpBuilder &getEntryBuilder() { return entryBuilder; }
  scf::ForallOp getKernel() const { return kernel; }

  /// The element of a tensor of the function, as f32 if it is a float. Loaded
  /// before the roles if it does not change.
  FailureOr<Value> loadScalar(OpBuilder &b, Location loc, Value tile,
                              const Access &access);
  /// The same of a tile with dimensions.
  FailureOr<Value> loadElement(OpBuilder &b, Location loc, const Access &access,
                               ValueRange indices);

  /// Puts the arguments in the order of a launch, and returns its operands.
  struct LaunchOperands {
    SmallVector<Value> inputs, outputs;
    SmallVector<DictionaryAttr> argAttrs;
  };
  LaunchOperands finish();

private:
  struct Argument {
    Value operand;
    bool isOutput;
    /// The block arguments of this operand, and attributes of the first.
    SmallVector<BlockArgument> values;
    DictionaryAttr attributes;
  };
  Argument &addArgument(Value operand, bool isOutput, TypeRange types,
                        Location loc);
  Argument &getPointer(Value tensor, bool isOutput);
  /// The number of an element in memory, null for the first one.
  FailureOr<Value> getElementNumber(OpBuilder &b, Location loc,
                                    const Access &access, ValueRange indices,
                                    const Argument &argument);

  scf::ForallOp kernel;
  Block *entry;
  OpBuilder entryBuilder;
  DenseMap<Value, Value> bound;
  SmallVector<std::unique_ptr<Argument>> arguments;
  DenseMap<std::pair<Value, unsigned>, Argument *> pointers;
  DenseMap<std::pair<Value, Attribute>, Argument *> globals;
  DenseMap<Value, Value> scalarArguments;
  DenseMap<Value, Value> invariantLoads;
};

/// The order in which a kernel sees the dimensions of a tensor of rank `rank`:
/// `dims` last.
SmallVector<int64_t> getDimOrder(int64_t rank, ArrayRef<unsigned> dims);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_PLANNER_KERNELFRAME_H
