//===- Run.h - a run of a tile program, without data ------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_DIALECT_TILE_UTILS_RUN_H
#define LINATTN_LIB_DIALECT_TILE_UTILS_RUN_H

#include "Meetings.h"

#include "linattn/Dialect/Tile/Utils/Execution.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir {
namespace linattn {
namespace tile {

/// What is known about a value.
struct Known {
  /// An integer, or the index of an element that a pointer points to.
  IntegerAttr integer;
  /// The address of shared memory, the first barrier of a ring, or the number
  /// of a contraction.
  int64_t number = -1;
};

/// A block that a warp executes.
struct Frame {
  explicit Frame(Block *block) : block(block), next(block->begin()) {}

  Block *block;
  Block::iterator next;
  /// Of the body of a loop.
  scf::ForOp loop;
  APInt counter, end, step;
};

struct Warp {
  unsigned number;
  RoleOp role;
  SmallVector<Frame> frames;
  llvm::DenseMap<Value, Known> values;
  /// Where it waits for others; the op is not executed again.
  std::optional<unsigned> meeting;
};

enum class Step { Done, Waits, Failed };

/// All warps of a thread block, in one of the orders that a GPU may take.
class Execution {
public:
  Execution(KernelOp kernel, const ExecutionOptions &options)
      : kernel(kernel), options(options),
        ordering(kernel.getWarpgroups() * 4, options.sharedBytes),
        meetings(ordering, kernel.getWarpgroups() * 4) {}

  LogicalResult run();

private:
  Step advance(Warp &warp);
  Step execute(Warp &warp, Operation *op);
  Step executeTileOp(Warp &warp, Operation *op);
  Step executeBarrierOp(Warp &warp, Operation *op);
  FailureOr<int64_t> getBarrier(Warp &warp, Operation *op, Value ring,
                                Value index);
  Step enterLoop(Warp &warp, scf::ForOp loop);
  Step enterBranch(Warp &warp, scf::IfOp branch);
  void finishBlock(Warp &warp, Operation *terminator);
  void evaluate(Warp &warp, Operation *op);
  void load(Warp &warp, LLVM::LoadOp op);
  Step loadGroup(Warp &warp, LoadGroupOp op);
  Step store(Warp &warp, StoreOp op);
  Step zeroRows(Warp &warp, ZeroRowsOp op);
  Step readElements(Warp &warp, Operation *map);
  Step access(Warp &warp, Operation *op, AgentKind kind, Value tile,
              bool writes, int64_t firstRow = 0, int64_t numRows = -1);
  Step accessOwnRows(Warp &warp, Operation *op, Value tile, bool writes);
  Step writeOwnColumns(Warp &warp, StoreSharedOp op);
  Step writeElement(Warp &warp, StoreElementOp op);
  Step writeSomeColumns(Warp &warp, StoreSharedOp op);
  LogicalResult checkEnd(Warp &warp);
  LogicalResult reportStandstill();

  /// The first warp of the crew that a warp works in, and how many they are.
  std::pair<unsigned, unsigned> getCrew(const Warp &warp) const {
    RoleOp role = warp.role;
    if (role && role.getOfWarps())
      return {role.getFirst(), role.getCount()};
    return {warp.number / 4 * 4, 4};
  }
  bool isElected(const Warp &warp) const {
    return getCrew(warp).first == warp.number;
  }
  Known lookup(Warp &warp, Value value) { return warp.values.lookup(value); }
  std::optional<int64_t> getInteger(Warp &warp, Value value) {
    IntegerAttr integer = lookup(warp, value).integer;
    if (!integer)
      return std::nullopt;
    return integer.getValue().getSExtValue();
  }
  static Step toStep(LogicalResult result) {
    return failed(result) ? Step::Failed : Step::Done;
  }

  KernelOp kernel;
  ExecutionOptions options;
  Ordering ordering;
  Meetings meetings;
  std::vector<Warp> warps;
  int64_t steps = 0;
};

} // namespace tile
} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_DIALECT_TILE_UTILS_RUN_H
