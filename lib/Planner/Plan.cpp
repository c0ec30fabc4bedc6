//===- Plan.cpp - where the work of a kernel is placed --------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Plan.h"
#include "TileExpression.h"

#include "linattn/Dialect/Tile/IR/Tile.h"
#include "linattn/Dialect/Tile/Utils/Chip.h"

using namespace mlir;
using namespace mlir::linattn;

static RankedTensorType getTileType(Value tile) {
  return cast<RankedTensorType>(tile.getType());
}

bool Plan::isSplit(const KernelBody &body, Value tile, unsigned dim) const {
  return splitClass && groups * columnBlocks > 1 &&
         body.getDimClass(tile, dim) == *splitClass;
}

int64_t Plan::getLocalSize(const KernelBody &body, Value tile,
                           unsigned dim) const {
  int64_t size = getTileType(tile).getDimSize(dim);
  if (dim == 1 && shared.contains(tile))
    return size / groups;
  return isSplit(body, tile, dim) ? splitWidth : size;
}

int64_t Plan::getBlockSize(const KernelBody &body, Value tile,
                           unsigned dim) const {
  int64_t size = getTileType(tile).getDimSize(dim);
  return isSplit(body, tile, dim) ? splitWidth * groups : size;
}

Placement linattn::getPlacement(const KernelBody &body,
                                const Contraction &contraction, bool isLhs) {
  Value tile = isLhs ? contraction.lhs : contraction.rhs;
  Type element = getElementType(body, contraction);
  if (body.loads.contains(tile) &&
      (!isLhs || getTileType(tile).getElementType() == element))
    return Placement::Loaded;
  llvm::SetVector<Value> leaves = getLeaves(tile, body);
  bool isLoaded = llvm::all_of(
      leaves, [&](Value leaf) { return body.loads.contains(leaf); });
  // The fragments of an accumulator are those of a left operand, so only what
  // is transposed has to go through memory.
  if (isLhs && (!contraction.transposeLhs || isLoaded))
    return Placement::Registers;
  if (!leaves.empty() &&
      llvm::all_of(leaves, [&](Value leaf) { return body.isState(leaf); }))
    return Placement::Published;
  return Placement::Staged;
}

Type linattn::getElementType(const KernelBody &body,
                             const Contraction &contraction) {
  // A loaded right operand cannot change on its way.
  for (Value tile : {contraction.rhs, contraction.lhs})
    if (body.loads.contains(tile)) {
      Type type = getTileType(tile).getElementType();
      // The range of f16 is too small for what is computed.
      if (tile == contraction.lhs && type.isF16())
        break;
      return type;
    }
  return BFloat16Type::get(contraction.lhs.getContext());
}

bool linattn::needsLoadsOnly(const KernelBody &body,
                             const Contraction &contraction) {
  return contraction.startsFromZero() &&
         getPlacement(body, contraction, true) == Placement::Loaded &&
         getPlacement(body, contraction, false) == Placement::Loaded;
}

bool linattn::holdsState(const KernelBody &body,
                         const Contraction &contraction) {
  if (getPlacement(body, contraction, true) != Placement::Registers)
    return false;
  llvm::SetVector<Value> leaves = getLeaves(contraction.lhs, body);
  return !leaves.empty() &&
         llvm::all_of(leaves, [&](Value leaf) { return body.isState(leaf); });
}

bool linattn::needsNoOther(const KernelBody &body,
                           const Contraction &contraction) {
  Placement lhs = getPlacement(body, contraction, true);
  Placement rhs = getPlacement(body, contraction, false);
  return contraction.startsFromZero() &&
         (lhs == Placement::Loaded
              ? rhs == Placement::Loaded || rhs == Placement::Published
              : rhs == Placement::Loaded && holdsState(body, contraction));
}

SmallVector<unsigned> linattn::getIssueOrder(const KernelBody &body,
                                             const Plan &plan) {
  // Loads only; then what reads a state of before and waits for nothing else;
  // then the rest, with updates of states first or in the order of the program.
  auto getRank = [&](const Contraction &contraction) {
    if (needsLoadsOnly(body, contraction))
      return 0;
    if (needsNoOther(body, contraction))
      return 1;
    bool updates = llvm::any_of(body.states, [&](BlockArgument state) {
      return body.getNext(state) == contraction.getResult();
    });
    return updates && plan.stateFirst ? 2 : 3;
  };
  SmallVector<unsigned> order =
      llvm::to_vector(llvm::seq<unsigned>(0, body.contractions.size()));
  llvm::sort(order, [&](unsigned a, unsigned b) {
    return std::pair(getRank(body.contractions[a]), a) <
           std::pair(getRank(body.contractions[b]), b);
  });
  return order;
}

void linattn::shareOperands(const KernelBody &body, Plan &plan) {
  if (plan.groups < 2)
    return;
  // All that is read anywhere, to see that a product has no other readers.
  SmallVector<Value> readers;
  for (const Contraction &contraction : body.contractions)
    llvm::append_range(
        readers, ArrayRef{contraction.lhs, contraction.rhs, contraction.init});
  for (auto *stores : {&body.storesInLoop, &body.storesAfterLoop})
    for (const OutputStore &store : *stores)
      readers.push_back(store.tile);
  for (BlockArgument state : body.states)
    readers.push_back(body.getNext(state));
  auto isCut = [&](Value tile) {
    return plan.isSplit(body, tile, 0) || plan.isSplit(body, tile, 1);
  };
  auto hasParts = [&](Value tile) {
    int64_t columns = getTileType(tile).getDimSize(1);
    if (isCut(tile) || columns % (plan.groups * 16) != 0 ||
        tile::kPanelColumns % (columns / plan.groups) != 0)
      return false;
    llvm::SetVector<Value> leaves = getLeaves(tile, body);
    return !leaves.empty() && llvm::all_of(leaves, [&](Value leaf) {
      const Contraction *contraction = body.getContraction(leaf);
      return contraction && contraction->startsFromZero() && !isCut(leaf) &&
             !contraction->transposeRhs &&
             getPlacement(body, *contraction, false) == Placement::Loaded &&
             llvm::all_of(readers, [&](Value reader) {
               return reader == tile || !getLeaves(reader, body).contains(leaf);
             });
    });
  };
  for (const Contraction &contraction : body.contractions)
    for (bool isLhs : {true, false}) {
      Value tile = isLhs ? contraction.lhs : contraction.rhs;
      if (getPlacement(body, contraction, isLhs) != Placement::Staged ||
          !hasParts(tile))
        continue;
      plan.shared.insert(tile);
      plan.shared.insert_range(getLeaves(tile, body));
    }
}

//===----------------------------------------------------------------------===//
// Choice
//===----------------------------------------------------------------------===//

/// The bytes of shared memory for the tiles of one chunk, and for all else.
static std::pair<int64_t, int64_t> getSharedBytes(const KernelBody &body,
                                                  const Plan &plan) {
  auto getBytes = [&](Value tile) {
    return plan.getBlockSize(body, tile, 0) * plan.getBlockSize(body, tile, 1) *
           2;
  };
  // What is written from registers: every warpgroup has a buffer for its part.
  auto getBufferBytes = [&](Value tile) {
    return plan.groups * plan.getLocalSize(body, tile, 0) *
           plan.getLocalSize(body, tile, 1) * 2;
  };
  // Barriers. Tiles are multiples of what they are aligned to.
  int64_t perStage = 0, fixed = 256;
  for (Value load : body.loads)
    perStage += getBytes(load);
  for (Value vector : body.vectors)
    perStage += getTileType(vector).getNumElements() * 4;
  llvm::SetVector<Value> buffers;
  for (const Contraction &contraction : body.contractions)
    for (bool isLhs : {true, false}) {
      Placement placement = getPlacement(body, contraction, isLhs);
      if (placement == Placement::Published || placement == Placement::Staged)
        buffers.insert(isLhs ? contraction.lhs : contraction.rhs);
    }
  for (Value buffer : buffers)
    fixed += getBufferBytes(buffer);
  for (const OutputStore &store : body.storesInLoop)
    if (store.isCopied())
      fixed += getBufferBytes(store.tile) * plan.outputSlots;
  return {perStage, fixed};
}

/// The registers of a thread that accumulators take if all of them are alive.
static int64_t getAccumulatorRegisters(const KernelBody &body,
                                       const Plan &plan) {
  int64_t elements = 0;
  auto add = [&](Value tile) {
    elements +=
        plan.getLocalSize(body, tile, 0) * plan.getLocalSize(body, tile, 1);
  };
  for (BlockArgument state : body.states)
    add(state);
  // One that starts from another one has its registers.
  for (const Contraction &contraction : body.contractions)
    if (contraction.startsFromZero())
      add(contraction.getResult());
  return elements / tile::kWarpgroupThreads;
}

/// Whether thread blocks may share an iteration: each writes its own part of
/// the outputs then, and none reads what another one has written.
static bool canShare(const KernelBody &body, unsigned splitClass) {
  auto isCut = [&](const OutputStore &store) {
    for (int64_t dim = 0; dim < getTileType(store.tile).getRank(); ++dim)
      if (body.getDimClass(store.tile, dim) == splitClass)
        return true;
    return false;
  };
  scf::ForallOp kernel = body.kernel;
  auto isFilledPart = [](OpOperand &use) {
    auto loop = dyn_cast<scf::ForOp>(use.getOwner());
    return loop && isFilled(loop, loop.getTiedLoopRegionIterArg(&use));
  };
  auto isWrite = [&](Operation *user) {
    return isa<tensor::ParallelInsertSliceOp>(user) ||
           (isa<tensor::ExtractSliceOp>(user) &&
            llvm::all_of(user->getUses(), isFilledPart));
  };
  auto isRead = [&](Value tensor) {
    if (llvm::any_of(tensor.getUsers(), [&](Operation *user) {
          return user != kernel && kernel->isAncestor(user);
        }))
      return true;
    // In the kernel, what is written to is an argument.
    return llvm::any_of(kernel.getOutputsMutable(), [&](OpOperand &output) {
      return output.get() == tensor &&
             !llvm::all_of(kernel.getTiedBlockArgument(&output).getUsers(),
                           isWrite);
    });
  };
  for (auto *stores : {&body.storesInLoop, &body.storesAfterLoop})
    for (const OutputStore &store : *stores)
      if (!isCut(store) && isRead(store.access.tensor))
        return false;
  return true;
}

/// The registers that a plan has too few of for its accumulators.
static int64_t getMissingRegisters(const KernelBody &body, const Plan &plan,
                                   const DeviceLimits &limits) {
  // Beside accumulators. Without instructions that read shared memory,
  // operands are in registers, too.
  int64_t others = limits.movesRegisters ? 32 : 64;
  int64_t registers = plan.consumerRegisters;
  if (!limits.movesRegisters)
    registers = std::min<int64_t>(
        tile::kMaxRegisters,
        tile::kRegisters / ((plan.groups + 1) * tile::kWarpgroupThreads));
  // A mask of a chunk, if it is kept.
  int64_t mask = plan.recompute ? 0
                                : tile::kInstructionRows * tile::kPanelColumns /
                                      tile::kWarpgroupThreads;
  int64_t needed = getAccumulatorRegisters(body, plan) + mask + others;
  return std::max<int64_t>(0, needed - registers);
}

/// The ways to cut the work of an iteration, with fewer thread blocks first:
/// what is not cut is loaded by each of them.
static SmallVector<Plan> getCuts(const KernelBody &body, int64_t wanted) {
  Plan plan;
  plan.splitClass = body.getFreeDimClass();
  if (!body.vectors.empty()) {
    // Whoever computes vectors needs registers too.
    plan.consumerRegisters = 232;
    plan.producerRegisters = 40;
  }
  // Whoever copies parts of rows needs still more.
  if (llvm::any_of(body.loads, [&](Value load) {
        Access access = *getAccess(load, body.kernel);
        return getAlignment(cast<RankedTensorType>(access.tensor.getType()),
                            access.dims[1]) < 16;
      })) {
    plan.consumerRegisters = 224;
    plan.producerRegisters = 64;
  }
  if (!plan.splitClass || body.getSize(*plan.splitClass) % tile::kPanelColumns)
    return {plan};
  SmallVector<Plan> plans;
  int64_t size = body.getSize(*plan.splitClass);
  int64_t panels = size / tile::kPanelColumns;
  int64_t maxBlocks = canShare(body, *plan.splitClass) ? panels : 1;
  for (int64_t blocks = 1; blocks <= maxBlocks; ++blocks)
    for (int64_t groups : {2, 1}) {
      if (panels % (groups * blocks) || (wanted && blocks != wanted))
        continue;
      plan.groups = groups;
      plan.columnBlocks = blocks;
      plan.splitWidth = size / (groups * blocks);
      plans.push_back(plan);
    }
  return plans;
}

/// Matrix instructions have 64 rows and a depth of 16.
static LogicalResult checkSizes(const KernelBody &body) {
  for (const Contraction &contraction : body.contractions) {
    RankedTensorType type = getTileType(contraction.getResult());
    int64_t rows = type.getDimSize(0), columns = type.getDimSize(1);
    int64_t depth = getTileType(contraction.lhs)
                        .getDimSize(contraction.transposeLhs ? 0 : 1);
    if (rows % tile::kInstructionRows || columns % tile::kPanelColumns ||
        depth % tile::kPanelColumns) {
      Operation *op = contraction.getResult().getDefiningOp();
      return op->emitOpError("of ")
             << rows << " x " << depth << " by " << depth << " x " << columns
             << " cannot be planned for a GPU, which expects multiples of 64; "
                "choose a chunk, a sub-chunk and a head alignment of 64";
    }
  }
  return success();
}

std::optional<Plan> linattn::findPlan(const KernelBody &body,
                                      const DeviceLimits &limits) {
  // What fits, and of that the first one that has the registers it needs, or
  // the one that misses the fewest.
  std::optional<Plan> best;
  int64_t bestMissing = 0;
  for (Plan plan : getCuts(body, limits.columnBlocks)) {
    auto [perStage, fixed] = getSharedBytes(body, plan);
    if (perStage > 0)
      plan.stages =
          std::min<int64_t>(4, (limits.sharedBytes - fixed) / perStage);
    if (plan.stages < 1)
      continue;
    plan.recompute = getMissingRegisters(body, plan, limits) > 0;
    int64_t missing = getMissingRegisters(body, plan, limits);
    if (best && bestMissing <= missing)
      continue;
    best = plan;
    bestMissing = missing;
  }
  return best;
}

FailureOr<Plan> linattn::choosePlan(const KernelBody &body,
                                    const DeviceLimits &limits) {
  if (failed(checkSizes(body)))
    return failure();
  if (std::optional<Plan> plan = findPlan(body, limits))
    return *plan;
  SmallVector<Plan> plans = getCuts(body, limits.columnBlocks);
  if (plans.empty())
    return body.kernel->emitOpError("cannot be shared by ")
           << limits.columnBlocks << " thread blocks; choose another number";
  auto [perStage, fixed] = getSharedBytes(body, plans.back());
  return body.kernel->emitOpError("needs ")
         << fixed + perStage << " bytes of shared memory for one chunk, but a "
         << "thread block has " << limits.sharedBytes
         << "; choose a smaller chunk";
}
