//===- Interface.h - what a caller of a function sees -----------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_ABI_INTERFACE_H
#define LINATTN_ABI_INTERFACE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinTypes.h"

namespace mlir {
namespace linattn {

/// One tensor that a caller passes to a compiled function.
struct Parameter {
  /// The type in the source program: a scalar, a ranked tensor or a memref.
  Type type;
  /// The result that is written to this argument, or -1.
  int64_t inplaceResult = -1;

  Type getElementType() const;
  /// The sizes; empty for a scalar.
  ArrayRef<int64_t> getShape() const;
  bool isScalar() const { return !isa<ShapedType>(type); }
  /// The type that the argument has once functions work on buffers: the type
  /// itself for a scalar argument.
  MemRefType getMemRefType() const;
};

/// What a caller of a function sees. A call passes the arguments, then those
/// results that are not written to an argument.
struct Interface {
  SmallVector<Parameter> arguments;
  /// All results, those that are written to an argument included.
  SmallVector<Parameter> results;
  /// The function that computes the sizes of the results.
  FlatSymbolRefAttr sizes;
  /// The function that computes the size of the workspace, once it exists.
  FlatSymbolRefAttr workspace;

  /// The argument that receives a result, or nothing.
  std::optional<unsigned> getInplaceArgument(unsigned result) const;
  /// The arguments, and the results with a destination of their own.
  SmallVector<Parameter> getParameters() const;

  /// The interface as an attribute, and back.
  DictionaryAttr toAttr(MLIRContext *context) const;
  static FailureOr<Interface> fromAttr(Attribute attr);
};

/// The attribute that marks an entry function and holds its interface.
constexpr StringLiteral kInterfaceAttrName = "linattn.interface";
/// The attribute of an argument that names the result written to it.
constexpr StringLiteral kInplaceAttrName = "linattn.inplace";
/// The attribute that marks functions that compute sizes.
constexpr StringLiteral kSizesAttrName = "linattn.computes_sizes";

/// The interface of a function as the source program has it. Emits an error
/// if the function cannot be called through the C ABI.
FailureOr<Interface> getSourceInterface(func::FuncOp func);

/// The interface that an earlier pass has attached to `op`, or failure.
FailureOr<Interface> getInterface(Operation *op);

/// The `linattn_dtype` of an element type, or nothing if it cannot cross the
/// ABI.
std::optional<int32_t> getDtype(Type elementType);

/// The bytes of one element in memory.
int64_t getElementBytes(Type elementType);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_ABI_INTERFACE_H
