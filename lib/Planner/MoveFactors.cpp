//===- MoveFactors.cpp - scale the operand that costs less ----------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelBody.h"
#include "linattn/NormalForm/TileOps.h"
#include "linattn/Planner/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNMOVEFACTORS
#include "linattn/Planner/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;
using namespace mlir::linattn;

namespace {
/// A loaded tile times factors that depend on one of its dimensions at most.
struct ScaledTile {
  Value tile;
  /// Tiles of rank 1 or 0, or scalars.
  SmallVector<Value> factors;
};
} // namespace

/// What the body of a map multiplies its first input by: another input or a
/// scalar from outside. Null if the body does something else.
static Value getFactor(linalg::LinalgOp map, OpOperand *input) {
  Block *body = map.getBlock();
  auto product =
      body->getTerminator()->getOperand(0).getDefiningOp<arith::MulFOp>();
  if (!product)
    return nullptr;
  BlockArgument scaled = map.getMatchingBlockArgument(input);
  for (auto [lhs, rhs] : {std::pair(product.getLhs(), product.getRhs()),
                          std::pair(product.getRhs(), product.getLhs())})
    if (lookThroughWidening(lhs) == scaled && rhs != scaled)
      return rhs;
  return nullptr;
}

static bool isIdentity(linalg::LinalgOp map, OpOperand *operand) {
  return map.getMatchingIndexingMap(operand) ==
         map.getMatchingIndexingMap(map.getDpsInitOperand(0));
}

/// Reads `tile` as a loaded tile times factors along dimension `dim`.
static std::optional<ScaledTile> getScaledTile(Value tile, unsigned dim,
                                               scf::ForallOp kernel) {
  ScaledTile result;
  while (true) {
    auto type = cast<RankedTensorType>(tile.getType());
    if (type.getElementTypeBitWidth() == 16 && getAccess(tile, kernel)) {
      result.tile = tile;
      return result;
    }
    auto map = tile.getDefiningOp<linalg::LinalgOp>();
    if (!map || !isMap(map) || map.getNumDpsInits() != 1 ||
        !map.getMatchingIndexingMap(map.getDpsInitOperand(0)).isIdentity() ||
        map.payloadUsesValueFromOperand(map.getDpsInitOperand(0)))
      return std::nullopt;
    OpOperand *scaled = nullptr;
    for (OpOperand *input : map.getDpsInputOperands())
      if (isa<RankedTensorType>(input->get().getType()) &&
          isIdentity(map, input))
        scaled = scaled ? nullptr : input;
    if (!scaled)
      return std::nullopt;
    tile = scaled->get();
    Block *body = map.getBlock();
    if (lookThroughWidening(body->getTerminator()->getOperand(0)) ==
        map.getMatchingBlockArgument(scaled))
      continue;
    Value factor = getFactor(map, scaled);
    if (!factor)
      return std::nullopt;
    auto arg = dyn_cast<BlockArgument>(factor);
    if (!arg || arg.getOwner() != body) {
      if (body->getParent()->isAncestor(factor.getParentRegion()))
        return std::nullopt;
      result.factors.push_back(factor);
      continue;
    }
    OpOperand *operand = map.getMatchingOpOperand(arg);
    AffineMap factorMap = map.getMatchingIndexingMap(operand);
    if (factorMap.getNumResults() > 1 ||
        (factorMap.getNumResults() == 1 && factorMap.getDimPosition(0) != dim))
      return std::nullopt;
    result.factors.push_back(operand->get());
  }
}

/// `tile` in f32, times factors along dimension `dim`.
static Value scale(OpBuilder &b, Location loc, Value tile, unsigned dim,
                   ArrayRef<Value> factors) {
  auto type = cast<RankedTensorType>(tile.getType());
  Type f32 = b.getF32Type();
  SmallVector<Value> inputs{tile}, scalars;
  SmallVector<AffineMap> maps{b.getMultiDimIdentityMap(2)};
  for (Value factor : factors) {
    auto factorType = dyn_cast<RankedTensorType>(factor.getType());
    if (!factorType) {
      scalars.push_back(factor);
      continue;
    }
    inputs.push_back(factor);
    maps.push_back(factorType.getRank() == 0
                       ? AffineMap::get(2, 0, b.getContext())
                       : AffineMap::get(2, 0, b.getAffineDimExpr(dim)));
  }
  maps.push_back(b.getMultiDimIdentityMap(2));
  Value empty = tensor::EmptyOp::create(b, loc, type.getShape(), f32);
  return linalg::GenericOp::create(
             b, loc, empty.getType(), inputs, empty, maps,
             SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel),
             [&](OpBuilder &b, Location loc, ValueRange args) {
               Value value = args[0];
               if (value.getType() != f32)
                 value = arith::ExtFOp::create(b, loc, f32, value);
               for (Value factor : args.drop_front().drop_back())
                 value = arith::MulFOp::create(b, loc, value, factor);
               for (Value factor : scalars)
                 value = arith::MulFOp::create(b, loc, value, factor);
               linalg::YieldOp::create(b, loc, value);
             })
      .getResult(0);
}

namespace {
struct LinattnMoveFactors
    : linattn::impl::LinattnMoveFactorsBase<LinattnMoveFactors> {
  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> contractions;
    getOperation()->walk([&](linalg::LinalgOp op) {
      if (isContraction(op) && op.getNumLoops() == 3 &&
          op.getNumReductionLoops() == 1)
        contractions.push_back(op);
    });
    for (linalg::LinalgOp op : contractions)
      move(op);
  }

private:
  static void move(linalg::LinalgOp op) {
    auto kernel = op->getParentOfType<scf::ForallOp>();
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    if (!kernel || !llvm::all_of(maps, [](AffineMap map) {
          return map.getNumResults() == 2;
        }))
      return;
    // The left operand has the rows of the result.
    unsigned lhs = maps[0].isFunctionOfDim(maps[2].getDimPosition(0)) ? 0 : 1;
    auto contractedDim = [&](unsigned operand) -> unsigned {
      bool rowsAreKept =
          maps[2].isFunctionOfDim(maps[operand].getDimPosition(0));
      return rowsAreKept ? 1 : 0;
    };
    Value rhs = op->getOperand(1 - lhs);
    auto rhsType = cast<RankedTensorType>(rhs.getType());
    // Only a left operand whose rows are contracted goes through registers for
    // its factors alone, and only a right one that is not scaled yet gains.
    if (contractedDim(lhs) != 0 || rhsType.getElementTypeBitWidth() != 16 ||
        !getAccess(rhs, kernel))
      return;
    std::optional<ScaledTile> scaled =
        getScaledTile(op->getOperand(lhs), contractedDim(lhs), kernel);
    if (!scaled || scaled->factors.empty())
      return;
    OpBuilder b(op);
    Value moved =
        scale(b, op->getLoc(), rhs, contractedDim(1 - lhs), scaled->factors);
    SmallVector<Value> inputs(2);
    inputs[lhs] = scaled->tile;
    inputs[1 - lhs] = moved;
    Value init = op.getDpsInits()[0];
    auto product = linalg::GenericOp::create(
        b, op->getLoc(), init.getType(), inputs, init, maps,
        op.getIteratorTypesArray(),
        [&](OpBuilder &b, Location loc, ValueRange args) {
          auto widen = [&](Value value) -> Value {
            if (value.getType() == args[2].getType())
              return value;
            return arith::ExtFOp::create(b, loc, args[2].getType(), value);
          };
          Value lhs = widen(args[0]), rhs = widen(args[1]);
          Value term = arith::MulFOp::create(b, loc, lhs, rhs);
          Value sum = arith::AddFOp::create(b, loc, args[2], term);
          linalg::YieldOp::create(b, loc, sum);
        });
    op->getResult(0).replaceAllUsesWith(product.getResult(0));
    op->erase();
  }
};
} // namespace
