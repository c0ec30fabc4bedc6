//===- Transitions.cpp - what an iteration does to a state ----------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Transitions.h"
#include "linattn/NormalForm/TileOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::linattn;

/// Whether `value` is computed in the loop from one of its carried tiles.
static bool dependsOnState(Value value, scf::ForOp loop,
                           DenseMap<Value, bool> &known) {
  auto [it, isNew] = known.try_emplace(value, false);
  if (!isNew)
    return it->second;
  bool depends = false;
  if (auto arg = dyn_cast<BlockArgument>(value)) {
    depends = arg.getOwner() == loop.getBody() &&
              isa<RankedTensorType>(arg.getType());
  } else if (Operation *op = value.getDefiningOp();
             op->getNumRegions() == 0 || isa<linalg::LinalgOp>(op)) {
    depends = llvm::any_of(op->getOperands(), [&](Value operand) {
      return dependsOnState(operand, loop, known);
    });
  } else {
    // Loops and paddings: all that they can see.
    op->walk([&](Operation *nested) {
      for (Value operand : nested->getOperands())
        if (!op->isAncestor(operand.getParentBlock()->getParentOp()))
          depends |= dependsOnState(operand, loop, known);
    });
  }
  known[value] = depends;
  return depends;
}

/// Follows what a state becomes back to the state.
static std::optional<Transition> getTransition(scf::ForOp loop,
                                               BlockArgument state) {
  DenseMap<Value, bool> known;
  auto depends = [&](Value value) {
    return dependsOnState(value, loop, known);
  };
  Transition transition{state, {}};
  Value value = loop.getTiedLoopYieldedValue(state)->get();
  while (value != state) {
    auto op = value.getDefiningOp<linalg::LinalgOp>();
    if (!op || op.getNumDpsInits() != 1)
      return std::nullopt;
    if (isContraction(op)) {
      if (llvm::any_of(op.getDpsInputs(), depends))
        return std::nullopt;
      value = op.getDpsInits()[0];
      continue;
    }
    if (!isMap(op))
      return std::nullopt;
    // Through the products and sums of the body.
    Value scalar = op.getBlock()->getTerminator()->getOperand(0);
    OpOperand *operand = nullptr;
    DenseMap<Value, bool> inBody;
    for (OpOperand &input : op->getOpOperands())
      inBody[op.getMatchingBlockArgument(&input)] = depends(input.get());
    std::function<bool(Value)> reads = [&](Value element) {
      auto it = inBody.find(element);
      if (it != inBody.end())
        return it->second;
      Operation *producer = element.getDefiningOp();
      return producer && producer->getBlock() == op.getBlock() &&
             llvm::any_of(producer->getOperands(), reads);
    };
    while (!operand) {
      if (auto arg = dyn_cast<BlockArgument>(scalar)) {
        if (arg.getOwner() != op.getBlock())
          return std::nullopt;
        operand = op.getMatchingOpOperand(arg);
        break;
      }
      Operation *producer = scalar.getDefiningOp();
      if (!isa<arith::MulFOp, arith::AddFOp>(producer) ||
          producer->getBlock() != op.getBlock())
        return std::nullopt;
      Value lhs = producer->getOperand(0), rhs = producer->getOperand(1);
      if (reads(lhs) == reads(rhs))
        return std::nullopt;
      scalar = reads(lhs) ? lhs : rhs;
      if (isa<arith::AddFOp>(producer))
        continue;
      Value factor = reads(lhs) ? rhs : lhs;
      auto arg = dyn_cast<BlockArgument>(factor);
      if (arg && arg.getOwner() == op.getBlock()) {
        factor = op.getMatchingOpOperand(arg)->get();
        auto type = dyn_cast<RankedTensorType>(factor.getType());
        if (type && type.getRank() != 0)
          return std::nullopt;
      } else if (factor.getParentBlock() == op.getBlock()) {
        return std::nullopt;
      }
      transition.factors.push_back(factor);
    }
    if (op.getMatchingIndexingMap(operand) !=
        op.getMatchingIndexingMap(op.getDpsInitOperand(0)))
      return std::nullopt;
    value = operand->get();
  }
  return transition;
}

std::optional<Splittable> linattn::getSplittable(scf::ForallOp kernel) {
  Splittable result{kernel, nullptr, {}};
  for (auto loop : kernel.getBody()->getOps<scf::ForOp>()) {
    if (result.loop)
      return std::nullopt;
    result.loop = loop;
  }
  if (!result.loop || !kernel.isNormalized())
    return std::nullopt;
  bool fills = false;
  for (BlockArgument arg : result.loop.getRegionIterArgs()) {
    auto type = dyn_cast<RankedTensorType>(arg.getType());
    if (!type)
      return std::nullopt;
    if (isFilled(result.loop, arg)) {
      auto write = result.loop.getTiedLoopYieldedValue(arg)
                       ->get()
                       .getDefiningOp<tensor::InsertSliceOp>();
      if (write.getDest() != arg)
        return std::nullopt;
      fills = true;
      continue;
    }
    if (type.getRank() != 2 || !type.hasStaticShape() ||
        !type.getElementType().isF32())
      return std::nullopt;
    std::optional<Transition> transition = getTransition(result.loop, arg);
    if (!transition)
      return std::nullopt;
    result.transitions.push_back(std::move(*transition));
  }
  // A loop that leaves nothing but its states would run twice.
  if (!fills || result.transitions.empty())
    return std::nullopt;
  return result;
}
