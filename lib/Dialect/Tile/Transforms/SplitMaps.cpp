//===- SplitMaps.cpp - compute before a wait what does not need it --------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Tile/IR/Tile.h"
#include "linattn/Dialect/Tile/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/SetVector.h"

namespace mlir {
namespace linattn {
namespace tile {
#define GEN_PASS_DEF_TILESPLITMAPS
#include "linattn/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace tile
} // namespace linattn
} // namespace mlir

using namespace mlir;
using namespace mlir::linattn;
using namespace mlir::linattn::tile;

/// Whether an op takes so long that it pays to keep its result in a register.
static bool isExpensive(Operation *op) {
  return isa<ElementOp>(op) || isa<math::MathDialect>(op->getDialect());
}

/// The wait for the first input of `map`, if it stands in front of it.
static WaitOp getWait(MapOp map) {
  for (Value input : map.getInputs())
    if (auto wait = input.getDefiningOp<WaitOp>();
        wait && wait->getBlock() == map->getBlock())
      return wait;
  return nullptr;
}

/// Moves `op` and what it needs before `point`, if that can be done.
static bool moveBefore(Operation *op, Operation *point) {
  if (op->getBlock() != point->getBlock() || op->isBeforeInBlock(point))
    return true;
  if (!isPure(op) || op->getNumRegions() != 0)
    return false;
  for (Value operand : op->getOperands())
    if (Operation *producer = operand.getDefiningOp())
      if (!moveBefore(producer, point))
        return false;
  op->moveBefore(point);
  return true;
}

namespace {
struct SplitMaps : linattn::tile::impl::TileSplitMapsBase<SplitMaps> {
  void runOnOperation() override {
    SmallVector<MapOp> maps;
    getOperation()->walk([&](MapOp map) { maps.push_back(map); });
    for (MapOp map : maps)
      if (map.getResult())
        split(map);
  }

private:
  /// The ops of the body that depend on no input, and those of them that take
  /// long, or need one that does.
  struct Independent {
    llvm::SetVector<Operation *> ops;
    DenseSet<Operation *> expensive;
  };

  static Independent getIndependent(MapOp map) {
    Independent result;
    Block &body = map.getBody().front();
    size_t inputs = map.getInputs().size();
    for (Operation &op : body.without_terminator()) {
      bool depends = llvm::any_of(op.getOperands(), [&](Value operand) {
        if (auto arg = dyn_cast<BlockArgument>(operand);
            arg && arg.getOwner() == &body)
          return arg.getArgNumber() < inputs;
        Operation *producer = operand.getDefiningOp();
        return producer && producer->getBlock() == &body &&
               !result.ops.contains(producer);
      });
      if (depends || op.getNumRegions() != 0 ||
          !(isPure(&op) || isa<ElementOp>(op)))
        continue;
      result.ops.insert(&op);
      if (isExpensive(&op) ||
          llvm::any_of(op.getOperands(), [&](Value operand) {
            return result.expensive.contains(operand.getDefiningOp());
          }))
        result.expensive.insert(&op);
    }
    return result;
  }

  void split(MapOp map) {
    WaitOp wait = getWait(map);
    if (!wait)
      return;
    Block &body = map.getBody().front();
    Independent independent = getIndependent(map);
    // Values that what is left reads.
    SmallVector<Value> factors;
    for (Operation *op : independent.ops) {
      if (!independent.expensive.contains(op) ||
          !op->getResult(0).getType().isF32() ||
          llvm::all_of(op->getUsers(), [&](Operation *user) {
            return independent.ops.contains(user);
          }))
        continue;
      factors.push_back(op->getResult(0));
    }
    for (Value factor : factors) {
      // What the factor is computed from.
      llvm::SetVector<Operation *> needed;
      SmallVector<Value> open{factor};
      bool movable = true;
      while (!open.empty()) {
        Operation *op = open.pop_back_val().getDefiningOp();
        if (!op)
          continue;
        if (op->getBlock() == &body) {
          needed.insert(op);
          llvm::append_range(open, op->getOperands());
        } else if (!moveBefore(op, wait)) {
          movable = false;
        }
      }
      if (!movable)
        continue;
      OpBuilder b(wait);
      Location loc = map.getLoc();
      auto [rows, columns] = map.getShape();
      auto type =
          AccumulatorType::get(b.getContext(), rows, columns, b.getF32Type());
      auto early =
          MapOp::create(b, loc, type, ValueRange(), map.getRecompute());
      Type i32 = b.getI32Type();
      Block *block =
          b.createBlock(&early.getBody(), {}, {i32, i32}, {loc, loc});
      IRMapping mapping;
      mapping.map(ValueRange(body.getArguments().take_back(2)),
                  ValueRange(block->getArguments()));
      for (Operation &op : body.without_terminator())
        if (needed.contains(&op))
          b.clone(op, mapping);
      YieldOp::create(b, loc, mapping.lookup(factor));

      unsigned position = map.getInputs().size();
      map.getInputsMutable().append(early.getResult());
      BlockArgument arg =
          body.insertArgument(position, b.getF32Type(), factor.getLoc());
      factor.replaceAllUsesWith(arg);
    }
    // What only the factors needed is no longer used.
    for (Operation *op : llvm::reverse(independent.ops.getArrayRef()))
      if (op->use_empty())
        op->erase();
  }
};
} // namespace
