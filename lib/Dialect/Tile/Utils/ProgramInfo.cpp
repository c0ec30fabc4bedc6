//===- ProgramInfo.cpp - what ops of a tile program depend on -------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Tile/Utils/ProgramInfo.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;
using namespace mlir::linattn;
using namespace mlir::linattn::tile;

//===----------------------------------------------------------------------===//
// Contractions in flight
//===----------------------------------------------------------------------===//

namespace {
/// Counts the contractions that are issued after the one that a value holds.
/// Where paths differ, the least number: then all paths wait long enough.
class IssueCounter {
public:
  /// The count at the place before `point`, or none if the value is not
  /// traced to contractions.
  std::optional<int64_t> count(Value value, Operation *point) {
    Block *block = point->getBlock();
    int64_t issued = 0;
    // From a place in a nested region, out to the block of the value. A loop
    // may be in its first iteration.
    while (block != value.getParentBlock()) {
      issued += countIssued(block->begin(), point->getIterator());
      point = block->getParentOp();
      if (!isa_and_nonnull<scf::IfOp, scf::ForOp>(point))
        return std::nullopt;
      block = point->getBlock();
    }

    if (auto arg = dyn_cast<BlockArgument>(value)) {
      issued += countIssued(block->begin(), point->getIterator());
      auto loop = dyn_cast<scf::ForOp>(block->getParentOp());
      if (!loop)
        return std::nullopt;
      // Once around adds contractions, so a second time is never the least.
      if (!visited.insert(block).second)
        return kUnreached;
      unsigned number = arg.getArgNumber() - loop.getNumInductionVars();
      auto least = minimum(
          count(loop.getInitArgs()[number], loop),
          count(loop.getYieldedValues()[number], block->getTerminator()));
      visited.erase(block);
      return plus(least, issued);
    }

    auto result = cast<OpResult>(value);
    Operation *owner = result.getOwner();
    unsigned number = result.getResultNumber();
    issued +=
        countIssued(std::next(owner->getIterator()), point->getIterator());
    if (isa<ContractOp>(owner))
      return issued;
    if (auto branch = dyn_cast<scf::IfOp>(owner))
      return plus(minimum(countYielded(branch.thenBlock(), number),
                          countYielded(branch.elseBlock(), number)),
                  issued);
    if (auto loop = dyn_cast<scf::ForOp>(owner))
      return plus(minimum(count(loop.getInitArgs()[number], loop),
                          countYielded(loop.getBody(), number)),
                  issued);
    return std::nullopt;
  }

private:
  static constexpr int64_t kUnreached = int64_t(1) << 32;

  static std::optional<int64_t> plus(std::optional<int64_t> count, int64_t n) {
    return count ? std::optional(*count + n) : std::nullopt;
  }
  static std::optional<int64_t> minimum(std::optional<int64_t> a,
                                        std::optional<int64_t> b) {
    return a && b ? std::optional(std::min(*a, *b)) : std::nullopt;
  }

  std::optional<int64_t> countYielded(Block *block, unsigned number) {
    Operation *yield = block->getTerminator();
    return count(yield->getOperand(number), yield);
  }

  /// Contractions that ops issue on every path.
  static int64_t countIssued(Block::iterator begin, Block::iterator end) {
    int64_t issued = 0;
    for (Operation &op : llvm::make_range(begin, end)) {
      if (isa<ContractOp>(op))
        ++issued;
      // A loop may run no iteration.
      auto branch = dyn_cast<scf::IfOp>(op);
      if (branch && branch.elseBlock())
        issued += std::min(
            countIssued(branch.thenBlock()->begin(), branch.thenBlock()->end()),
            countIssued(branch.elseBlock()->begin(),
                        branch.elseBlock()->end()));
    }
    return issued;
  }

  llvm::SmallPtrSet<Block *, 4> visited;
};
} // namespace

/// Contractions that may be in flight after a wait.
static FailureOr<int64_t> countUnfinished(WaitOp wait) {
  std::optional<int64_t> least;
  for (Value pending : wait.getPending()) {
    std::optional<int64_t> count = IssueCounter().count(pending, wait);
    if (!count)
      return wait.emitOpError()
             << "expects results of contractions, directly or through scf.for "
                "and scf.if, but got "
             << pending;
    least = std::min(least.value_or(*count), *count);
  }
  return least.value_or(0);
}

//===----------------------------------------------------------------------===//
// Crews
//===----------------------------------------------------------------------===//

static bool isRegisterTile(Type type) {
  return isa<AccumulatorType, PendingType, OperandType>(type);
}

static bool isWarpVector(Type type) { return isa<WarpVectorType>(type); }

/// Whether a tile op has values of a kind.
static bool hasValues(Operation *op, bool (*isOfKind)(Type)) {
  return isa<TileDialect>(op->getDialect()) &&
         (llvm::any_of(op->getOperandTypes(), isOfKind) ||
          llvm::any_of(op->getResultTypes(), isOfKind));
}

static FailureOr<Crew> getCrewOf(Operation *op) {
  Crew crew;
  if (auto role = op->getParentOfType<RoleOp>()) {
    if (role.getOfWarps()) {
      crew.threads = role.getCount() * 32;
      crew.firstWarp = role.getFirst();
    }
    return crew;
  }
  auto kernel = op->getParentOfType<KernelOp>();
  if (kernel && kernel.getWarpgroups() != 1)
    return op->emitOpError() << "expects to be in a tile.role, or in a kernel "
                                "of one warpgroup, but the kernel has "
                             << kernel.getWarpgroups() << " warpgroups";
  return crew;
}

FailureOr<ProgramInfo> ProgramInfo::get(Operation *root) {
  ProgramInfo info;
  WalkResult result = root->walk([&](Operation *op) -> WalkResult {
    bool matrix = hasValues(op, isRegisterTile);
    bool vector = hasValues(op, isWarpVector);
    if (matrix || vector ||
        isa<LoadGroupOp, LoadOp, StoreOp, StoreWaitOp, ZeroRowsOp>(op)) {
      FailureOr<Crew> crew = getCrewOf(op);
      if (failed(crew))
        return WalkResult::interrupt();
      if (matrix && !crew->isWarpgroup())
        return op->emitOpError()
               << "expects a role of whole warpgroups, but got a role of "
               << crew->threads / 32 << " warps";
      if (vector && crew->threads != 32)
        return op->emitOpError() << "expects a role of one warp, but got "
                                 << crew->threads / 32 << " warps";
      if (auto load = dyn_cast<LoadOp>(op);
          load && !load.getSource().getType().isAligned() &&
          crew->threads != 32)
        return op->emitOpError()
               << "expects a role of one warp for a tensor that is not aligned "
                  "to 16 bytes, but got "
               << crew->threads / 32 << " warps";
      info.crews[op] = *crew;
      if (auto group = dyn_cast<LoadGroupOp>(op)) {
        auto init = group.getBarrier().getDefiningOp<BarrierInitOp>();
        if (!init)
          return group.emitOpError()
                 << "expects a barrier made by tile.barrier_init";
        int64_t &threads = info.loadThreads[init];
        if (threads && threads != crew->threads)
          return group.emitOpError()
                 << "expects a crew of " << threads
                 << " threads, as the other load groups of the barrier have, "
                    "but got "
                 << crew->threads;
        threads = crew->threads;
      }
    }
    if (auto load = dyn_cast<LoadOp>(op))
      info.groups[op] = load->getParentOfType<LoadGroupOp>();
    if (auto wait = dyn_cast<WaitOp>(op)) {
      FailureOr<int64_t> count = countUnfinished(wait);
      if (failed(count))
        return WalkResult::interrupt();
      info.unfinished[op] = *count;
    }
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  return info;
}
