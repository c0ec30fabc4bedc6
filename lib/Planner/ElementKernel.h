//===- ElementKernel.h - kernels without matrix products --------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_PLANNER_ELEMENTKERNEL_H
#define LINATTN_LIB_PLANNER_ELEMENTKERNEL_H

#include "KernelFrame.h"

namespace mlir {
namespace linattn {

/// Whether the kernel multiplies no two matrices: it has no loop, or one over
/// tokens.
bool isElementKernel(scf::ForallOp kernel);

/// Writes the program of a kernel without a loop over chunks at the insertion
/// point of `b`: maps on tiles of at most two dimensions, and products of a
/// matrix and a vector. A thread has one element of the dimension that is not
/// contracted, the lane, and goes over the other one, the rows: it computes and
/// stores the elements of matrices, and sums up products. What a loop over
/// tokens carries stays in the memory of the thread, a column of each matrix.
/// Nothing is shared between threads. Fails with a diagnostic.
LogicalResult emitElementKernel(scf::ForallOp kernel, KernelFrame &frame,
                                OpBuilder &b, int64_t threads);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_PLANNER_ELEMENTKERNEL_H
