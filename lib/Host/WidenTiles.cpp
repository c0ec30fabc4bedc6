//===- WidenTiles.cpp - widen the operands of contractions ----------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Host/Passes.h"
#include "linattn/NormalForm/TileOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNWIDENTILES
#include "linattn/Host/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;

namespace {
/// Makes and remembers the wide form of narrow tiles.
class Widener {
public:
  explicit Widener(MLIRContext *context) : builder(context) {}

  /// Rewrites the inputs of `op` that only its widenings read.
  void widenInputs(linalg::GenericOp op, bool onlyKnown);

private:
  /// The tile `value` with elements of type `wide`, made where `value` is.
  Value getWide(Value value, FloatType wide);
  Value widenElements(Location loc, Value value, FloatType wide);

  OpBuilder builder;
  DenseMap<std::pair<Value, Type>, Value> known;
};
} // namespace

Value Widener::widenElements(Location loc, Value value, FloatType wide) {
  auto type = cast<RankedTensorType>(value.getType());
  Value empty = tensor::EmptyOp::create(
      builder, loc, tensor::getMixedSizes(builder, loc, value), wide);
  SmallVector<AffineMap> maps(2,
                              builder.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             builder, loc, empty.getType(), value, empty, maps, iterators,
             [&](OpBuilder &nested, Location loc, ValueRange args) {
               Value ext =
                   arith::ExtFOp::create(nested, loc, wide, args.front());
               linalg::YieldOp::create(nested, loc, ext);
             })
      .getResult(0);
}

Value Widener::getWide(Value value, FloatType wide) {
  if (Value result = known.lookup({value, wide}))
    return result;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointAfterValue(value);
  Location loc = value.getLoc();
  Value result;
  if (auto pad = value.getDefiningOp<tensor::PadOp>()) {
    auto constant =
        pad.getConstantPaddingValue()
            ? pad.getConstantPaddingValue().getDefiningOp<arith::ConstantOp>()
            : arith::ConstantOp();
    if (constant) {
      APFloat padding = cast<FloatAttr>(constant.getValue()).getValue();
      bool losesInfo;
      padding.convert(wide.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                      &losesInfo);
      Value source = widenElements(loc, pad.getSource(), wide);
      Value wideConstant = arith::ConstantOp::create(
          builder, loc, builder.getFloatAttr(wide, padding));
      auto type = cast<RankedTensorType>(pad.getType()).clone(wide);
      result = tensor::PadOp::create(builder, loc, type, source,
                                     pad.getMixedLowPad(),
                                     pad.getMixedHighPad(), wideConstant);
    }
  } else if (auto slice = value.getDefiningOp<tensor::ExtractSliceOp>()) {
    // A slice of a tile shares the wide form of the tile.
    if (slice.getSourceType().hasStaticShape()) {
      Value source = getWide(slice.getSource(), wide);
      builder.setInsertionPointAfter(slice);
      result = tensor::ExtractSliceOp::create(
          builder, loc, slice.getType().clone(wide), source, slice.getOffsets(),
          slice.getSizes(), slice.getStrides(), slice.getStaticOffsets(),
          slice.getStaticSizes(), slice.getStaticStrides());
    }
  }
  if (!result)
    result = widenElements(loc, value, wide);
  known[{value, wide}] = result;
  return result;
}

void Widener::widenInputs(linalg::GenericOp op, bool onlyKnown) {
  for (OpOperand *operand : op.getDpsInputOperands()) {
    auto type = dyn_cast<RankedTensorType>(operand->get().getType());
    if (!type || !isa<FloatType>(type.getElementType()))
      continue;
    BlockArgument arg = op.getMatchingBlockArgument(operand);
    FloatType wide;
    bool onlyWidened =
        !arg.use_empty() && llvm::all_of(arg.getUsers(), [&](Operation *user) {
          auto ext = dyn_cast<arith::ExtFOp>(user);
          if (!ext || (wide && ext.getType() != wide))
            return false;
          wide = cast<FloatType>(ext.getType());
          return true;
        });
    if (!onlyWidened || (onlyKnown && !known.contains({operand->get(), wide})))
      continue;
    operand->set(getWide(operand->get(), wide));
    for (Operation *user : llvm::make_early_inc_range(arg.getUsers())) {
      user->getResult(0).replaceAllUsesWith(arg);
      user->erase();
    }
    arg.setType(wide);
  }
}

namespace {
struct WidenTiles : linattn::impl::LinattnWidenTilesBase<WidenTiles> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<linalg::GenericOp> contractions, maps;
    getOperation()->walk([&](linalg::GenericOp op) {
      if (!op.hasPureTensorSemantics())
        return;
      (linattn::isContraction(op) ? contractions : maps).push_back(op);
    });
    Widener widener(&getContext());
    for (linalg::GenericOp op : contractions)
      widener.widenInputs(op, /*onlyKnown=*/false);
    for (linalg::GenericOp op : maps)
      widener.widenInputs(op, /*onlyKnown=*/true);
  }
};
} // namespace
