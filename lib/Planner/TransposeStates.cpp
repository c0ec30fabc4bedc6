//===- TransposeStates.cpp - carry the transposes of states ---------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementBody.h"
#include "Plan.h"
#include "TileExpression.h"
#include "linattn/Planner/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNTRANSPOSESTATES
#include "linattn/Planner/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;
using namespace mlir::linattn;

static RankedTensorType transpose(Type type) {
  auto tile = cast<RankedTensorType>(type);
  return RankedTensorType::get({tile.getDimSize(1), tile.getDimSize(0)},
                               tile.getElementType());
}

static AffineMap transpose(AffineMap map) {
  return AffineMap::get(map.getNumDims(), 0,
                        {map.getResult(1), map.getResult(0)}, map.getContext());
}

/// The transpose of `tile`, as an op of its own.
static linalg::GenericOp createTranspose(OpBuilder &b, Value tile) {
  RankedTensorType type = transpose(tile.getType());
  Location loc = tile.getLoc();
  Value empty =
      tensor::EmptyOp::create(b, loc, type.getShape(), type.getElementType());
  AffineMap identity = b.getMultiDimIdentityMap(2);
  return linalg::GenericOp::create(
      b, loc, type, tile, empty, {transpose(identity), identity},
      SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel),
      [](OpBuilder &b, Location loc, ValueRange args) {
        linalg::YieldOp::create(b, loc, args[0]);
      });
}

/// Whether all elements of `tile` are one value, or none is read.
static bool isUniform(Value tile) {
  return KernelBody::isZero(tile) || tile.getDefiningOp<tensor::EmptyOp>();
}

/// The transpose of such a tile.
static Value transposeUniform(OpBuilder &b, Value tile) {
  RankedTensorType type = transpose(tile.getType());
  Location loc = tile.getLoc();
  Value empty =
      tensor::EmptyOp::create(b, loc, type.getShape(), type.getElementType());
  if (!KernelBody::isZero(tile))
    return empty;
  Value zero = arith::ConstantOp::create(
      b, loc, b.getFloatAttr(type.getElementType(), 0.0));
  return linalg::FillOp::create(b, loc, zero, empty).getResult(0);
}

namespace {
/// The states of a kernel and what contractions and maps make of them.
class StateTransposition {
public:
  explicit StateTransposition(const KernelBody &body)
      : body(body), loops(body.prologues) {
    loops.push_back(body.loop);
  }

  /// Finds what has to change; false if a kernel for a GPU would not gain, or
  /// could not be planned any more.
  bool find();
  void apply();

private:
  bool canChange(Value tile) const;
  void changeOp(linalg::GenericOp op);
  void changeInit(OpOperand &init);

  const KernelBody &body;
  /// The loop over chunks, and those in front of it.
  SmallVector<scf::ForOp> loops;
  llvm::SetVector<Value> tiles;
};
} // namespace

bool StateTransposition::find() {
  std::optional<unsigned> free = body.getFreeDimClass();
  bool isRightOperand =
      llvm::any_of(body.contractions, [&](const Contraction &contraction) {
        return llvm::any_of(getLeaves(contraction.rhs, body),
                            [&](Value leaf) { return body.isState(leaf); });
      });
  if (!free || !isRightOperand)
    return false;
  // A state that is an operand beside a tile of f16 would have to be f16.
  for (Value load : body.loads)
    if (cast<RankedTensorType>(load.getType()).getElementType().isF16())
      return false;
  auto hasFreeColumns = [&](Value tile) {
    auto type = dyn_cast<RankedTensorType>(tile.getType());
    return type && type.getRank() == 2 && type.hasStaticShape() &&
           body.getDimClass(tile, 1) == *free &&
           body.getDimClass(tile, 0) != *free;
  };
  for (BlockArgument state : body.states)
    if (!hasFreeColumns(state))
      return false;
  auto isLoad = [&](Value leaf) { return body.loads.contains(leaf); };
  for (scf::ForOp loop : loops) {
    for (BlockArgument arg : loop.getRegionIterArgs())
      if (hasFreeColumns(arg) && !isFilled(loop, arg)) {
        tiles.insert(arg);
        tiles.insert(loop.getTiedLoopResult(arg));
      }
    for (auto op : loop.getOps<linalg::LinalgOp>()) {
      if (isa<linalg::FillOp>(op) || op->getNumResults() != 1 ||
          !hasFreeColumns(op->getResult(0)))
        continue;
      Value tile = op->getResult(0);
      if (!body.getContraction(tile)) {
        // Operands of contractions stay as they are loaded.
        llvm::SetVector<Value> leaves = getLeaves(tile, body);
        if (loop == body.loop && llvm::all_of(leaves, isLoad))
          continue;
        if (llvm::any_of(leaves, isLoad))
          return false;
      }
      tiles.insert(tile);
    }
  }
  return llvm::all_of(tiles, [&](Value tile) { return canChange(tile); });
}

bool StateTransposition::canChange(Value tile) const {
  if (auto op = tile.getDefiningOp<linalg::LinalgOp>()) {
    Value init = op.getDpsInits()[0];
    if (!isa<linalg::GenericOp>(op) ||
        (!tiles.contains(init) && !isUniform(init)))
      return false;
  }
  // What leaves the loop over chunks is stored.
  if (tile.getDefiningOp() == body.loop)
    return true;
  return llvm::all_of(tile.getUses(), [&](OpOperand &use) {
    Operation *user = use.getOwner();
    if (isa<scf::YieldOp>(user)) {
      auto loop = dyn_cast<scf::ForOp>(user->getParentOp());
      return loop && tiles.contains(
                         Value(loop.getRegionIterArg(use.getOperandNumber())));
    }
    if (auto loop = dyn_cast<scf::ForOp>(user))
      return tiles.contains(Value(loop.getTiedLoopRegionIterArg(&use)));
    if (isa<linalg::GenericOp, tensor::InsertSliceOp>(user))
      return true;
    // The valid part of an output.
    return isa<tensor::ExtractSliceOp>(user) &&
           llvm::all_of(user->getUsers(), llvm::IsaPred<tensor::InsertSliceOp>);
  });
}

void StateTransposition::changeOp(linalg::GenericOp op) {
  OpBuilder b(op);
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  for (OpOperand &operand : op->getOpOperands())
    if (tiles.contains(operand.get()))
      maps[operand.getOperandNumber()] =
          transpose(maps[operand.getOperandNumber()]);
  if (op->getNumResults() == 1 && tiles.contains(op.getResult(0)))
    if (OpOperand *init = op.getDpsInitOperand(0);
        !tiles.contains(init->get())) {
      maps[init->getOperandNumber()] =
          transpose(maps[init->getOperandNumber()]);
      init->set(transposeUniform(b, init->get()));
    }
  op.setIndexingMapsAttr(b.getAffineMapArrayAttr(maps));
}

void StateTransposition::changeInit(OpOperand &init) {
  if (tiles.contains(init.get()))
    return;
  OpBuilder b(init.getOwner());
  init.set(isUniform(init.get()) ? transposeUniform(b, init.get())
                                 : createTranspose(b, init.get()).getResult(0));
}

void StateTransposition::apply() {
  for (scf::ForOp loop : loops) {
    SmallVector<linalg::GenericOp> ops(loop.getOps<linalg::GenericOp>());
    for (linalg::GenericOp op : ops)
      changeOp(op);
    for (BlockArgument arg : loop.getRegionIterArgs())
      if (tiles.contains(arg))
        changeInit(*loop.getTiedLoopInit(arg));
  }
  for (Value tile : tiles) {
    tile.setType(transpose(tile.getType()));
    linalg::GenericOp back;
    for (OpOperand &use : llvm::make_early_inc_range(tile.getUses())) {
      Operation *user = use.getOwner();
      bool isChanged = isa<scf::YieldOp, scf::ForOp>(user) ||
                       (isa<linalg::GenericOp>(user) &&
                        llvm::is_contained(loops, user->getParentOp()));
      if (isChanged)
        continue;
      OpBuilder b(tile.getContext());
      b.setInsertionPointAfterValue(tile);
      if (!back)
        back = createTranspose(b, tile);
      if (user != back)
        use.set(back.getResult(0));
    }
  }
}

/// One form for all contractions and maps of a loop.
static void generalizeOps(scf::ForOp loop) {
  SmallVector<linalg::LinalgOp> ops(loop.getOps<linalg::LinalgOp>());
  IRRewriter rewriter(loop.getContext());
  for (linalg::LinalgOp op : ops) {
    if (isa<linalg::GenericOp, linalg::FillOp>(op))
      continue;
    rewriter.setInsertionPoint(op);
    (void)linalg::generalizeNamedOp(rewriter, op);
  }
}

namespace {
struct LinattnTransposeStates
    : linattn::impl::LinattnTransposeStatesBase<LinattnTransposeStates> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<scf::ForallOp> kernels;
    getOperation().walk([&](scf::ForallOp op) { kernels.push_back(op); });
    for (scf::ForallOp kernel : kernels)
      if (!isElementKernel(kernel) && failed(transposeStates(kernel)))
        return signalPassFailure();
  }

private:
  LogicalResult transposeStates(scf::ForallOp kernel) {
    FailureOr<KernelBody> body = KernelBody::get(kernel);
    if (failed(body))
      return failure();
    if (body->states.empty())
      return success();
    DeviceLimits limits;
    limits.sharedBytes = sharedLimit;
    limits.movesRegisters = movesRegisters;
    limits.columnBlocks = columnBlocks;
    std::optional<Plan> plan = findPlan(*body, limits);
    // Where masks have to be computed anew, registers are short.
    if (!always && plan && plan->stages > 1 && !plan->recompute)
      return success();
    for (scf::ForOp prologue : body->prologues)
      generalizeOps(prologue);
    generalizeOps(body->loop);
    body = KernelBody::get(kernel);
    if (failed(body))
      return failure();
    StateTransposition transposition(*body);
    if (transposition.find())
      transposition.apply();
    return success();
  }
};
} // namespace
