//===- UnitCopies.h - copies by the threads of a crew -----------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_CONVERSION_TILETONVVM_UNITCOPIES_H
#define LINATTN_LIB_CONVERSION_TILETONVVM_UNITCOPIES_H

#include "Target.h"

namespace mlir {
namespace linattn {
namespace tile {

/// Elements of 16 bits in the 16 bytes that a thread copies at once.
inline constexpr int64_t kUnit = 8;

/// Spreads the 16-byte units of rows `first` to `end - 1` of a tile over a
/// crew. `body` gets the address of a unit in shared memory, its row and its
/// first column.
void forEachUnit(Emitter &e, const Crew &crew, Value tile, SharedType type,
                 Value first, Value end,
                 llvm::function_ref<void(Value, Value, Value)> body);

/// Loads a tile by `cp.async`; elements outside of the tensor are zero.
void loadUnits(Emitter &e, const TileCopy &copy);

/// Loads a tile by parts of as many bytes as the tensor is aligned to. Returns
/// when the threads have copied.
void loadParts(Emitter &e, const TileCopy &copy);

/// Stores the first `valid` rows of a tile, as far as they lie in the tensor.
void storeUnits(Emitter &e, const TileCopy &copy, Value valid);

} // namespace tile
} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_CONVERSION_TILETONVVM_UNITCOPIES_H
