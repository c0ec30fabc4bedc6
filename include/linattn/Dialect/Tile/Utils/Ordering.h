//===- Ordering.h - the order of accesses to shared memory ------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DIALECT_TILE_UTILS_ORDERING_H
#define LINATTN_DIALECT_TILE_UTILS_ORDERING_H

#include "mlir/IR/Operation.h"

#include <optional>

namespace mlir {
namespace linattn {
namespace tile {

/// Who accesses shared memory for a warp: its own instructions, or what it has
/// issued and is done in order, later.
enum class AgentKind { Warp, Contractions, Loads, Stores };

/// Rows of a tile, one of 128 bytes in each of some panels; or a vector.
struct SharedRange {
  /// The address, in rows of 128 bytes.
  int64_t first = 0;
  int64_t rows = 1;
  /// Panels, and rows from one to the next.
  int64_t panels = 1, panelRows = 0;
  /// The 32 bytes of each row that are accessed, if not all.
  std::optional<unsigned> quarter;
};

/// Keeps for every warp which accesses of all agents it knows to be over, and
/// for every row of shared memory its last accesses. An access that may come
/// before an earlier one that it conflicts with is an error, whatever the order
/// in which the warps happened to run.
class Ordering {
public:
  Ordering(int64_t numWarps, int64_t sharedBytes);

  /// What a warp knows: for each agent, up to where it is over, and up to where
  /// its plain writes are visible to copies and contractions.
  struct Knowledge {
    SmallVector<uint32_t> done, fenced;
    void join(const Knowledge &other);
  };

  /// What a warp hands on at an arrival; what it does later is not part of it.
  Knowledge release(unsigned warp);
  void acquire(unsigned warp, const Knowledge &knowledge);
  void fence(unsigned warp);

  /// The number of the next op that a warp issues to an agent.
  uint32_t issue(AgentKind kind, unsigned warp);
  uint32_t getIssued(AgentKind kind, unsigned warp) const;
  /// The warp knows that its ops up to `number` are over.
  void complete(AgentKind kind, unsigned warp, uint32_t number);
  bool isComplete(AgentKind kind, unsigned warp) const;
  /// Adds loads of a warp up to `number` to what a barrier hands on.
  void addLoads(Knowledge &knowledge, unsigned warp, uint32_t number) const;

  /// An access by an agent of a warp. Fails with a diagnostic at `op`.
  LogicalResult read(Operation *op, AgentKind kind, unsigned warp,
                     const SharedRange &range);
  LogicalResult write(Operation *op, AgentKind kind, unsigned warp,
                      const SharedRange &range);
  /// A write by a warp of some elements of a vector. Others may write other
  /// elements of it at the same time.
  LogicalResult writeSome(Operation *op, unsigned warp,
                          const SharedRange &range);

private:
  struct Access {
    unsigned agent = 0;
    uint32_t time = 0;
    Operation *op = nullptr;
  };
  struct Row {
    /// One, or those that wrote some elements each.
    SmallVector<Access, 1> written;
    bool isWrittenInParts = false;
    SmallVector<Access, 4> read;
    /// Empty where the quarters of the row have had the same accesses.
    std::vector<Row> quarters;
  };

  unsigned getAgent(AgentKind kind, unsigned warp) const {
    return static_cast<unsigned>(kind) * known.size() + warp;
  }
  AgentKind getKind(unsigned agent) const {
    return static_cast<AgentKind>(agent / known.size());
  }
  bool isOver(unsigned warp, const Access &access) const {
    return known[warp].done[access.agent] >= access.time;
  }
  Access getAccess(Operation *op, AgentKind kind, unsigned warp) const;
  /// Whether what was written is there for an access by `kind`.
  LogicalResult checkWritten(Operation *op, AgentKind kind, unsigned warp,
                             const Row &row, bool writes) const;
  LogicalResult checkWritten(Operation *op, AgentKind kind, unsigned warp,
                             const Access &written, bool writes) const;
  LogicalResult checkRead(Operation *op, unsigned warp, const Row &row) const;
  template <typename FnTy>
  LogicalResult forEachRow(Operation *op, const SharedRange &range, FnTy fn);

  SmallVector<Knowledge> known;
  SmallVector<uint32_t> issued;
  std::vector<Row> rows;
};

} // namespace tile
} // namespace linattn
} // namespace mlir

#endif // LINATTN_DIALECT_TILE_UTILS_ORDERING_H
