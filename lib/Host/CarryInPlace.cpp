//===- CarryInPlace.cpp - tiles of loops and branches in one buffer -------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Host/Passes.h"
#include "linattn/NormalForm/TileOps.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNCARRYINPLACE
#include "linattn/Host/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;

/// The tensor that `value` was written into, or null if `value` is not the
/// result of an op with a destination.
static Value getDestination(Value value) {
  auto result = dyn_cast<OpResult>(value);
  if (!result)
    return {};
  if (auto op = dyn_cast<DestinationStyleOpInterface>(result.getOwner()))
    return op.getTiedOpOperand(result)->get();
  if (auto loop = dyn_cast<scf::ForOp>(result.getOwner()))
    return loop.getInitArgs()[result.getResultNumber()];
  return {};
}

/// Follows destinations from `value` to the tensor that they start from.
static Value getOrigin(Value value) {
  while (Value destination = getDestination(value))
    value = destination;
  return value;
}

static bool isTile(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.hasStaticShape();
}

/// Moves the ops that compute `yielded` from the carried tile `carried` behind
/// the other readers of `carried`, if nothing else waits for them.
static void sinkUpdate(Value carried, Value yielded, Block *body) {
  SmallVector<Operation *> chain;
  Operation *terminator = body->getTerminator();
  for (Value value = yielded;; value = getDestination(value)) {
    Operation *op = value ? value.getDefiningOp() : nullptr;
    if (!op || op->getBlock() != body || isa<tensor::EmptyOp>(op))
      return;
    for (Operation *user : value.getUsers())
      if (user != terminator && (chain.empty() || user != chain.back()))
        return;
    chain.push_back(op);
    if (llvm::is_contained(op->getOperands(), carried))
      break;
  }
  Operation *update = chain.back();
  bool readLater = llvm::any_of(carried.getUsers(), [&](Operation *user) {
    Operation *ancestor = body->findAncestorOpInBlock(*user);
    return ancestor != terminator && ancestor != update &&
           update->isBeforeInBlock(ancestor);
  });
  if (!readLater)
    return;
  for (Operation *op : llvm::reverse(chain))
    op->moveBefore(terminator);
}

static void materialize(OpBuilder &builder, OpOperand &yielded,
                        Value destination) {
  builder.setInsertionPoint(yielded.getOwner());
  yielded.set(bufferization::MaterializeInDestinationOp::create(
                  builder, yielded.get().getLoc(), destination.getType(),
                  yielded.get(), destination)
                  .getResult());
}

static void carryInPlace(OpBuilder &builder, scf::ForOp loop) {
  auto yield = cast<scf::YieldOp>(loop.getBody()->getTerminator());
  for (auto [arg, operand] :
       llvm::zip_equal(loop.getRegionIterArgs(), yield->getOpOperands())) {
    if (!isTile(arg) || getOrigin(operand.get()) == arg)
      continue;
    sinkUpdate(arg, operand.get(), loop.getBody());
    materialize(builder, operand, arg);
  }
}

static void yieldInPlace(OpBuilder &builder, scf::IfOp branch) {
  if (branch.getNumResults() == 0)
    return;
  for (OpResult result : branch.getResults()) {
    if (!isTile(result))
      continue;
    unsigned number = result.getResultNumber();
    OpOperand &thenYield = branch.thenYield()->getOpOperand(number);
    OpOperand &elseYield = branch.elseYield()->getOpOperand(number);
    Value origin = getOrigin(thenYield.get());
    if (origin == getOrigin(elseYield.get()) &&
        !branch->isProperAncestor(origin.getParentBlock()->getParentOp()) &&
        origin.getParentBlock()->getParentOp() != branch)
      continue;
    builder.setInsertionPoint(branch);
    auto type = cast<RankedTensorType>(result.getType());
    Value empty = tensor::EmptyOp::create(
        builder, branch.getLoc(), type.getShape(), type.getElementType());
    materialize(builder, thenYield, empty);
    materialize(builder, elseYield, empty);
  }
}

/// Gives `op` a destination of its own, made right in front of it, if it is an
/// empty or filled tensor. A shared one would have to be copied.
static void ownDestinations(OpBuilder &builder,
                            DestinationStyleOpInterface op) {
  builder.setInsertionPoint(op);
  for (OpOperand &init : op.getDpsInitsMutable()) {
    Operation *made = init.get().getDefiningOp();
    if (isa_and_nonnull<linalg::FillOp>(made)) {
      auto fill = cast<linalg::FillOp>(builder.clone(*made));
      init.set(fill.getResult(0));
      ownDestinations(builder, fill);
    } else if (isa_and_nonnull<tensor::EmptyOp>(made)) {
      init.set(builder.clone(*made)->getResult(0));
    }
    if (made && isOpTriviallyDead(made))
      made->erase();
  }
}

/// Gives an insertion into a filled tile that other ops use too a tile of its
/// own, together with the slice that what is inserted was computed in.
static void ownInsertedTile(OpBuilder &builder, tensor::InsertSliceOp insert) {
  auto fill = insert.getDest().getDefiningOp<linalg::FillOp>();
  if (!fill || fill.getResult(0).hasOneUse())
    return;
  Operation *first = insert;
  OpOperand *read = nullptr;
  for (OpOperand &use : fill.getResult(0).getUses()) {
    auto slice = dyn_cast<tensor::ExtractSliceOp>(use.getOwner());
    if (slice && slice->getBlock() == insert->getBlock() &&
        slice.getMixedOffsets() == insert.getMixedOffsets() &&
        slice.getMixedSizes() == insert.getMixedSizes() &&
        getOrigin(insert.getSource()) == slice.getResult()) {
      read = &use;
      first = slice;
    }
  }
  builder.setInsertionPoint(first);
  auto own = cast<linalg::FillOp>(builder.clone(*fill));
  insert.getDestMutable().set(own.getResult(0));
  if (read)
    read->set(own.getResult(0));
  ownDestinations(builder,
                  cast<DestinationStyleOpInterface>(own.getOperation()));
}

/// Lets a map overwrite an input that nothing else reads, instead of an empty
/// tensor.
static void overwriteInput(linalg::GenericOp op) {
  if (!linattn::isMap(op) || op.getNumDpsInits() != 1)
    return;
  OpOperand *init = op.getDpsInitOperand(0);
  auto empty = init->get().getDefiningOp<tensor::EmptyOp>();
  if (!empty || op.payloadUsesValueFromOperand(init))
    return;
  for (OpOperand *input : op.getDpsInputOperands()) {
    auto producer = input->get().getDefiningOp<linalg::LinalgOp>();
    if (!producer || producer->getBlock() != op->getBlock() ||
        !input->get().hasOneUse() ||
        input->get().getType() != init->get().getType() ||
        op.getMatchingIndexingMap(input) != op.getMatchingIndexingMap(init))
      continue;
    // The input becomes the destination, so its argument is the last one.
    unsigned number = input->getOperandNumber();
    op.getMatchingBlockArgument(input).replaceAllUsesWith(
        op.getMatchingBlockArgument(init));
    init->set(input->get());
    op.getBody()->eraseArgument(number);
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    maps.erase(maps.begin() + number);
    op.setIndexingMapsAttr(OpBuilder(op).getAffineMapArrayAttr(maps));
    op.getInputsMutable().erase(number);
    if (isOpTriviallyDead(empty))
      empty->erase();
    return;
  }
}

namespace {
struct CarryInPlace : linattn::impl::LinattnCarryInPlaceBase<CarryInPlace> {
  using Base::Base;

  void runOnOperation() override {
    OpBuilder builder(&getContext());
    getOperation()->walk([&](linalg::LinalgOp op) {
      if (op.hasPureTensorSemantics() && !isa<linalg::FillOp>(op))
        ownDestinations(builder,
                        cast<DestinationStyleOpInterface>(op.getOperation()));
    });
    getOperation()->walk([&](tensor::InsertSliceOp insert) {
      ownInsertedTile(builder, insert);
    });
    getOperation()->walk([&](linalg::GenericOp op) {
      if (op.hasPureTensorSemantics())
        overwriteInput(op);
    });
    getOperation()->walk([&](Operation *op) {
      if (auto loop = dyn_cast<scf::ForOp>(op))
        carryInPlace(builder, loop);
      else if (auto branch = dyn_cast<scf::IfOp>(op))
        yieldInPlace(builder, branch);
    });
  }
};
} // namespace
