//===- DecaySource.h - where the values of a decay come from ----*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_DIALECT_LINATTN_IR_DECAYSOURCE_H
#define LINATTN_LIB_DIALECT_LINATTN_IR_DECAYSOURCE_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"

namespace mlir {
namespace linattn {

/// True if every element of the tensor is known to be zero.
bool isZeroSplat(Value tensor);

/// A tensor with the values of `tensor` and without its dimensions `dims`, if
/// the values are known to be the same all along these dimensions; otherwise
/// null. Looks through constants, fills, splats, broadcasts and casts; builds
/// nothing unless it succeeds.
Value dropRepeatedDims(OpBuilder &b, Value tensor, ArrayRef<int64_t> dims);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_DIALECT_LINATTN_IR_DECAYSOURCE_H
