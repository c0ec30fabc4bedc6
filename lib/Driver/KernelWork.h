//===- KernelWork.h - what a kernel does for a chunk ------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_DRIVER_KERNELWORK_H
#define LINATTN_LIB_DRIVER_KERNELWORK_H

#include "linattn/Dialect/Tile/IR/Tile.h"

#include <optional>

namespace mlir {
namespace linattn {

/// What a thread block does in one iteration of its loop over chunks.
struct KernelWork {
  /// Chunks whose tiles are in shared memory at once.
  int64_t stages = 0;
  /// Bytes that are read from global memory and written to it.
  int64_t bytes = 0;
  /// Multiplications and additions of matrix instructions.
  int64_t operations = 0;

  /// None if the kernel loads no tiles in a loop.
  static std::optional<KernelWork> get(tile::KernelOp kernel);

  /// In words.
  std::string describe(bool isHopper) const;
};

} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_DRIVER_KERNELWORK_H
