//===- ProgramInfo.h - what ops of a tile program depend on -----*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DIALECT_TILE_UTILS_PROGRAMINFO_H
#define LINATTN_DIALECT_TILE_UTILS_PROGRAMINFO_H

#include "linattn/Dialect/Tile/IR/Tile.h"

#include "llvm/ADT/DenseMap.h"

namespace mlir {
namespace linattn {
namespace tile {

/// The threads that execute an op together: a warpgroup, or the warps of a
/// role.
struct Crew {
  int64_t threads = kWarpgroupThreads;
  /// The first warp of a role of warps; the crew is a warpgroup without it.
  std::optional<int64_t> firstWarp;

  bool isWarpgroup() const { return !firstWarp; }
};

/// What the lowering of an op has to know about the program around it. Built
/// before the program changes; ops keep their entries while they are moved.
class ProgramInfo {
public:
  /// Fails, with a diagnostic, on ops whose crew or groups cannot be told.
  static FailureOr<ProgramInfo> get(Operation *root);

  /// Contractions that may stay in flight at a wait: the least number that is
  /// issued, on any path, after those that are waited for.
  int64_t getUnfinished(WaitOp op) const { return unfinished.lookup(op); }
  /// The crew of an op that a crew executes together.
  Crew getCrew(Operation *op) const { return crews.lookup(op); }
  /// Threads of the load groups that arrive at a ring of barriers, 0 if none
  /// do.
  int64_t getLoadThreads(BarrierInitOp op) const {
    return loadThreads.lookup(op);
  }
  /// The group that a load belongs to.
  LoadGroupOp getGroup(LoadOp op) const { return groups.lookup(op); }

private:
  llvm::DenseMap<Operation *, int64_t> unfinished;
  llvm::DenseMap<Operation *, Crew> crews;
  llvm::DenseMap<Operation *, int64_t> loadThreads;
  llvm::DenseMap<Operation *, LoadGroupOp> groups;
};

} // namespace tile
} // namespace linattn
} // namespace mlir

#endif // LINATTN_DIALECT_TILE_UTILS_PROGRAMINFO_H
