//===- Chip.h - what a chip offers to tile programs -------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DIALECT_TILE_UTILS_CHIP_H
#define LINATTN_DIALECT_TILE_UTILS_CHIP_H

#include "mlir/Support/LLVM.h"

namespace mlir {
namespace linattn {
namespace tile {

/// Registers of a multiprocessor, and the most that a thread can name.
inline constexpr int64_t kRegisters = 65536;
inline constexpr int64_t kMaxRegisters = 255;

/// A chip that tile programs are lowered for.
struct Chip {
  /// 80 for sm_80, 90 for sm_90 and sm_90a.
  int64_t number = 0;
  /// sm_90a: bulk copies of tensors, asynchronous matrix instructions on shared
  /// memory, and registers that move between warpgroups.
  bool isHopper = false;
  /// Bytes of shared memory that a thread block may have.
  int64_t sharedBytes = 0;

  /// From a name like "sm_80"; none before sm_80, and none with a suffix other
  /// than that of sm_90a.
  static std::optional<Chip> get(StringRef name);

  bool hasStMatrix() const { return number >= 90; }
  /// Whether a wait for a barrier can suspend the thread.
  bool hasTryWait() const { return number >= 90; }
};

} // namespace tile
} // namespace linattn
} // namespace mlir

#endif // LINATTN_DIALECT_TILE_UTILS_CHIP_H
