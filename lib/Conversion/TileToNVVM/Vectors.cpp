//===- Vectors.cpp - vectors of a warp ------------------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::linattn;
using namespace mlir::linattn::tile;

/// The number of the first element that this lane holds.
static Value getFirstElement(Emitter &e, WarpVectorType type) {
  return e.mul(e.lane(), type.getElementsPerLane());
}

namespace {
struct VectorLoadLowering : TilePattern<VectorLoadOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(VectorLoadOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Emitter e(rewriter, loc);
    WarpVectorType type = op.getResult().getType();
    Value first = getFirstElement(e, type);
    SmallVector<Value> elements;
    for (int64_t i = 0; i < type.getElementsPerLane(); ++i) {
      Value number = e.add(first, i);
      auto read = scf::IfOp::create(
          rewriter, loc, rewriter.getF32Type(),
          e.compare(arith::CmpIPredicate::slt, number, adaptor.getValid()),
          /*withElseRegion=*/true);
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPointToStart(read.thenBlock());
      Value index = e.add(adaptor.getIndex(),
                          e.mul(e.widen(number), adaptor.getStride()));
      Value at = LLVM::GEPOp::create(
          rewriter, loc, adaptor.getAddress().getType(), op.getElement(),
          adaptor.getAddress(), ArrayRef<LLVM::GEPArg>{index});
      Value element = LLVM::LoadOp::create(rewriter, loc, op.getElement(), at);
      if (!op.getElement().isF32())
        element = LLVM::FPExtOp::create(rewriter, loc, rewriter.getF32Type(),
                                        element);
      scf::YieldOp::create(rewriter, loc, element);
      rewriter.setInsertionPointToStart(read.elseBlock());
      scf::YieldOp::create(rewriter, loc, adaptor.getPad());
      elements.push_back(read.getResult(0));
    }
    rewriter.replaceOp(op, e.pack(elements));
    return success();
  }
};

struct VectorMapLowering : TilePattern<VectorMapOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(VectorMapOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    WarpVectorType type = op.getResult().getType();
    Value first = getFirstElement(e, type);
    SmallVector<SmallVector<Value>> inputs;
    for (Value input : adaptor.getInputs())
      inputs.push_back(e.unpack(input));
    Block &body = op.getBody().front();
    Value yielded = cast<YieldOp>(body.getTerminator()).getValue();
    SmallVector<Value> elements;
    for (int64_t i = 0; i < type.getElementsPerLane(); ++i) {
      IRMapping mapping;
      for (auto [input, arg] : llvm::zip(inputs, body.getArguments()))
        mapping.map(arg, input[i]);
      mapping.map(body.getArguments().back(), e.add(first, i));
      for (Operation &nested : body.without_terminator())
        rewriter.clone(nested, mapping);
      elements.push_back(mapping.lookupOrDefault(yielded));
    }
    rewriter.replaceOp(op, e.pack(elements));
    return success();
  }
};

struct VectorScanLowering : TilePattern<VectorScanOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(VectorScanOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Emitter e(rewriter, loc);
    bool reverse = op.getReverse();
    SmallVector<Value> elements = e.unpack(adaptor.getSource());
    if (reverse)
      std::reverse(elements.begin(), elements.end());
    auto sum = [&](Value a, Value b) -> Value {
      return arith::AddFOp::create(rewriter, loc, a, b);
    };
    // In scan order: sums within the lane, then of the lanes before it.
    SmallVector<Value> sums = {elements.front()};
    for (Value element : ArrayRef(elements).drop_front())
      sums.push_back(sum(sums.back(), element));
    Value lane = e.lane();
    if (reverse)
      lane = e.sub(e.i32(31), lane);
    Value total = sums.back();
    for (int64_t distance = 1; distance < 32; distance *= 2)
      total = arith::SelectOp::create(
          rewriter, loc,
          e.compare(arith::CmpIPredicate::sge, lane, e.i32(distance)),
          sum(getBefore(e, total, distance, reverse), total), total);
    Value before =
        arith::SelectOp::create(rewriter, loc, e.equals(lane, 0), e.f32(0),
                                getBefore(e, total, 1, reverse));

    SmallVector<Value> results;
    for (auto [i, inLane] : llvm::enumerate(sums)) {
      if (!op.getExclusive())
        results.push_back(sum(before, inLane));
      else
        results.push_back(i ? sum(before, sums[i - 1]) : before);
    }
    if (reverse)
      std::reverse(results.begin(), results.end());
    rewriter.replaceOp(op, e.pack(results));
    return success();
  }

private:
  /// The value of the lane that is `distance` before this one in scan order.
  static Value getBefore(Emitter &e, Value value, int64_t distance,
                         bool reverse) {
    return NVVM::ShflOp::create(
        e.b, e.loc, e.b.getF32Type(), e.i32(-1), value, e.i32(distance),
        e.i32(reverse ? 31 : 0),
        reverse ? NVVM::ShflKind::down : NVVM::ShflKind::up, UnitAttr());
  }
};

struct VectorExtractLowering : TilePattern<VectorExtractOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(VectorExtractOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Emitter e(rewriter, loc);
    int64_t perLane = op.getSource().getType().getElementsPerLane();
    Value index = adaptor.getIndex();
    Value lane = arith::DivUIOp::create(rewriter, loc, index, e.i32(perLane));
    Value within = arith::RemUIOp::create(rewriter, loc, index, e.i32(perLane));
    SmallVector<Value> elements = e.unpack(adaptor.getSource());
    Value chosen = elements.front();
    for (int64_t i = 1; i < perLane; ++i)
      chosen = arith::SelectOp::create(rewriter, loc, e.equals(within, i),
                                       elements[i], chosen);
    rewriter.replaceOp(
        op, NVVM::ShflOp::create(rewriter, loc, rewriter.getF32Type(),
                                 e.i32(-1), chosen, lane, e.i32(31),
                                 NVVM::ShflKind::idx, UnitAttr())
                .getResult());
    return success();
  }
};

struct VectorStoreLowering : TilePattern<VectorStoreOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(VectorStoreOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Emitter e(rewriter, loc);
    WarpVectorType type = op.getValue().getType();
    Value base =
        e.offset(adaptor.getDestination(), e.shl(getFirstElement(e, type), 2));
    for (auto [i, element] : llvm::enumerate(e.unpack(adaptor.getValue())))
      LLVM::StoreOp::create(rewriter, loc, element, e.offset(base, 4 * i));
    rewriter.eraseOp(op);
    return success();
  }
};
} // namespace

void mlir::linattn::tile::populateVectorPatterns(
    const TypeConverter &converter, RewritePatternSet &patterns,
    const LoweringContext &context) {
  patterns.add<VectorLoadLowering, VectorMapLowering, VectorScanLowering,
               VectorExtractLowering, VectorStoreLowering>(
      converter, patterns.getContext(), context);
}
