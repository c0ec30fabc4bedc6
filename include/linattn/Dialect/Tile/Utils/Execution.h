//===- Execution.h - runs of tile programs, without data --------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DIALECT_TILE_UTILS_EXECUTION_H
#define LINATTN_DIALECT_TILE_UTILS_EXECUTION_H

#include "linattn/Dialect/Tile/IR/Tile.h"

namespace mlir {
namespace linattn {
namespace tile {

/// What is chosen for a run.
struct ExecutionOptions {
  /// The value of all integer arguments. Integers in global memory are
  /// multiples of it, in rising order, as offsets of sequences are.
  int64_t size = 1;
  /// The number of the only argument with that value, if others are 2: of a
  /// sequence in segments, the number of tokens is larger than that of
  /// segments.
  std::optional<unsigned> only;
  int64_t block = 0;
  /// Whether branches are taken whose condition depends on data.
  bool takeUnknown = true;
  /// Whether the last warp is the first to run.
  bool lastFirst = false;
  int64_t sharedBytes = 0;
};

/// Runs the program of one thread block on all of its warps, without computing
/// elements, and checks the order of all accesses to shared memory. Fails with
/// a diagnostic. May change how constants are placed in operands of the kernel.
LogicalResult executeKernel(KernelOp kernel, const ExecutionOptions &options);

} // namespace tile
} // namespace linattn
} // namespace mlir

#endif // LINATTN_DIALECT_TILE_UTILS_EXECUTION_H
