//===- PTXAssembly.h - PTX that no op stands for ----------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_CONVERSION_TILETONVVM_PTXASSEMBLY_H
#define LINATTN_LIB_CONVERSION_TILETONVVM_PTXASSEMBLY_H

#include "mlir/IR/Builders.h"

namespace mlir {
namespace linattn {
namespace tile {

/// Inline PTX. `tied` are read and written: their new values are returned, in
/// order. In the text, $0 to $n-1 are the tied operands and the inputs follow.
/// LLVM must not duplicate this text; the translation to LLVM IR marks it
/// convergent, which the LLVM dialect cannot.
SmallVector<Value> buildPTX(OpBuilder &b, Location loc, StringRef text,
                            ArrayRef<Value> tied, ArrayRef<Value> inputs,
                            bool clobbersMemory = false);

/// One `wgmma.mma_async` with 64 rows, 16 contracted elements and `columns`
/// columns. The left operand is a descriptor (i64) or four registers.
struct MatrixInstruction {
  int64_t columns = 0;
  Type element;
  SmallVector<Value> lhs;
  Value rhs;
  bool transposeLhs = false;
  bool transposeRhs = false;

  /// Emits it, onto `accumulator` or, if that is empty, from zero.
  SmallVector<Value> build(OpBuilder &b, Location loc,
                           ArrayRef<Value> accumulator) const;
};

} // namespace tile
} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_CONVERSION_TILETONVVM_PTXASSEMBLY_H
