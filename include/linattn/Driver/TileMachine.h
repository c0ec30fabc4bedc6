//===- TileMachine.h - what tile programs call on the host ------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DRIVER_TILEMACHINE_H
#define LINATTN_DRIVER_TILEMACHINE_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace mlir {
namespace linattn {

/// What a tile program leaves open. One that is right computes the same in all
/// ways.
struct TileMachineOptions {
  /// Compute contractions when they are waited for, not when they are issued.
  bool lateContractions = false;
  /// Load when nothing else can be done, and store when that is waited for.
  bool lateCopies = false;
  /// Let the last warps run first.
  bool lastFirst = false;
};

/// For all programs that run from now on.
void setTileMachineOptions(const TileMachineOptions &options);

/// The functions that `convert-tile-to-host` calls, by name. Tiles in registers
/// are rows of elements. Tiles in shared memory are panels of 64 columns, each
/// with its rows. All memory holds NaN before it is written.
ArrayRef<std::pair<StringRef, void *>> getTileMachineFunctions();

/// What all their names start with.
inline constexpr StringLiteral kTileMachinePrefix = "linattn_tile_";

} // namespace linattn
} // namespace mlir

#endif // LINATTN_DRIVER_TILEMACHINE_H
