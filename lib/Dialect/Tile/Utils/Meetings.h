//===- Meetings.h - where warps of a run meet -------------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_DIALECT_TILE_UTILS_MEETINGS_H
#define LINATTN_LIB_DIALECT_TILE_UTILS_MEETINGS_H

#include "linattn/Dialect/Tile/IR/Tile.h"
#include "linattn/Dialect/Tile/Utils/Ordering.h"

#include "llvm/ADT/DenseMap.h"

namespace mlir {
namespace linattn {
namespace tile {

/// Barriers in shared memory, and the named barriers of tile.sync. Both hand on
/// what those who arrive know.
class Meetings {
public:
  /// The id of the meeting of all threads; those of tile.sync are 1 to 15.
  static constexpr int64_t kWholeBlock = 0;

  Meetings(Ordering &ordering, unsigned numWarps) : ordering(ordering) {}

  /// The first barrier of a ring.
  int64_t getRing(BarrierInitOp op);
  LogicalResult arrive(Operation *op, int64_t barrier, unsigned warp,
                       const Ordering::Knowledge &knowledge);
  /// Whether the phase is over.
  FailureOr<bool> wait(Operation *op, int64_t barrier, int64_t phase,
                       unsigned warp);

  /// A warp comes to a meeting of `size` warps; which one it is. None if others
  /// wait there for another number of warps.
  std::optional<unsigned> meet(int64_t id, unsigned size, unsigned warp);
  /// Whether all have come; the warp then knows what they know.
  bool isOver(unsigned meeting, unsigned warp);

  /// Barriers that arrivals have left between two phases.
  LogicalResult checkEnd() const;

private:
  struct Barrier {
    BarrierInitOp op;
    int64_t completed = 0;
    /// Who has arrived in this phase, and who ended the first one.
    SmallVector<unsigned> arrived, inFirstPhase;
    Ordering::Knowledge incoming, handedOn;
    /// The phase that each warp has waited for last, and its parity.
    llvm::DenseMap<unsigned, int64_t> lastWait;
  };
  struct Meeting {
    unsigned size = 0;
    SmallVector<unsigned> arrived;
    Ordering::Knowledge knowledge;
  };

  Ordering &ordering;
  llvm::DenseMap<Operation *, int64_t> rings;
  std::vector<Barrier> barriers;
  std::vector<Meeting> meetings;
  /// The meeting of an id that still waits for warps.
  llvm::DenseMap<int64_t, unsigned> open;
};

} // namespace tile
} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_DIALECT_TILE_UTILS_MEETINGS_H
