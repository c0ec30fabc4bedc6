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

using namespace mlir;
using namespace mlir::linattn;

static RankedTensorType getTileType(Value tile) {
  return cast<RankedTensorType>(tile.getType());
}

bool Plan::isSplit(const KernelBody &body, Value tile, unsigned dim) const {
  return splitClass && groups > 1 && body.getDimClass(tile, dim) == *splitClass;
}

int64_t Plan::getLocalSize(const KernelBody &body, Value tile,
                           unsigned dim) const {
  int64_t size = getTileType(tile).getDimSize(dim);
  return isSplit(body, tile, dim) ? splitWidth : size;
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

SmallVector<unsigned> linattn::getIssueOrder(const KernelBody &body,
                                             const Plan &plan) {
  // Loads only; then what reads a published state and waits for nothing else;
  // then the rest, with updates of states first or in the order of the program.
  auto getRank = [&](const Contraction &contraction) {
    Placement lhs = getPlacement(body, contraction, true);
    Placement rhs = getPlacement(body, contraction, false);
    if (needsLoadsOnly(body, contraction))
      return 0;
    if (lhs == Placement::Loaded && rhs == Placement::Published &&
        contraction.startsFromZero())
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

FailureOr<Plan> linattn::choosePlan(const KernelBody &body,
                                    const DeviceLimits &limits) {
  Plan plan;
  plan.splitClass = body.getFreeDimClass();
  if (plan.splitClass) {
    int64_t size = body.getSize(*plan.splitClass);
    plan.groups = std::clamp<int64_t>(size / tile::kPanelColumns, 1, 2);
    plan.splitWidth = size / plan.groups;
  }

  // Matrix instructions have 64 rows and a depth of 16.
  for (const Contraction &contraction : body.contractions) {
    int64_t rows = plan.getLocalSize(body, contraction.getResult(), 0);
    int64_t columns = plan.getLocalSize(body, contraction.getResult(), 1);
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

  int64_t perStage = 0, fixed = 0;
  for (Value load : body.loads)
    perStage += getTileType(load).getNumElements() * 2;
  for (Value vector : body.vectors)
    perStage += getTileType(vector).getNumElements() * 4;
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
  llvm::SetVector<Value> buffers;
  for (const Contraction &contraction : body.contractions)
    for (bool isLhs : {true, false}) {
      Placement placement = getPlacement(body, contraction, isLhs);
      if (placement == Placement::Published || placement == Placement::Staged)
        buffers.insert(isLhs ? contraction.lhs : contraction.rhs);
    }
  for (Value buffer : buffers)
    fixed += getTileType(buffer).getNumElements() * 2 *
             (plan.isSplit(body, buffer, 0) || plan.isSplit(body, buffer, 1)
                  ? 1
                  : plan.groups);
  for (const OutputStore &store : body.storesInLoop)
    if (store.isCopied())
      fixed += getTileType(store.tile).getNumElements() * 2 * plan.outputSlots;
  // Barriers. Tiles are multiples of what they are aligned to.
  fixed += 256;
  if (perStage > 0)
    plan.stages = std::min<int64_t>(4, (limits.sharedBytes - fixed) / perStage);
  if (plan.stages < 1)
    return body.kernel->emitOpError("needs ")
           << fixed + perStage
           << " bytes of shared memory for one chunk, but a "
           << "thread block has " << limits.sharedBytes
           << "; choose a smaller chunk";
  return plan;
}
