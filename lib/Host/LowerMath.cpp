//===- LowerMath.cpp - expand math without library calls ------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Host/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNLOWERMATH
#include "linattn/Host/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;

namespace {
/// exp(x) = 2^n * p(r), n = round(x / ln 2), r = x - n ln 2 in two parts, with
/// a polynomial of degree 7 on |r| <= ln(2) / 2: relative error below 2e-7.
struct ExpandExp : OpRewritePattern<math::ExpOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ExpOp op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType();
    if (!getElementTypeOrSelf(type).isF32())
      return rewriter.notifyMatchFailure(op, "not f32");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type intType = b.getI32Type();
    if (auto vector = dyn_cast<VectorType>(type))
      intType = vector.clone(intType);
    auto constant = [&](float value) -> Value {
      TypedAttr attr = b.getF32FloatAttr(value);
      if (auto vector = dyn_cast<VectorType>(type))
        attr = DenseElementsAttr::get(vector, Attribute(attr));
      return arith::ConstantOp::create(b, attr);
    };
    auto intConstant = [&](int32_t value) -> Value {
      TypedAttr attr = b.getI32IntegerAttr(value);
      if (auto vector = dyn_cast<VectorType>(intType))
        attr = DenseElementsAttr::get(vector, Attribute(attr));
      return arith::ConstantOp::create(b, attr);
    };
    auto fma = [&](Value x, Value y, Value z) -> Value {
      return math::FmaOp::create(b, x, y, z);
    };

    Value x = op.getOperand();
    // Outside of [low, high] the result is 0 or infinity; NaN passes both.
    Value low = constant(-87.336544f), high = constant(88.722839f);
    Value isLow = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, x, low);
    Value isHigh = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, high);
    Value bounded = arith::SelectOp::create(b, isLow, low, x);
    bounded = arith::SelectOp::create(b, isHigh, high, bounded);
    // Adding 1.5 * 2^23 rounds to an integer, which then lies in the low bits.
    Value magic = constant(12582912.0f);
    Value shifted = fma(bounded, constant(1.44269504f), magic);
    Value n = arith::SubFOp::create(b, shifted, magic);
    Value r = fma(n, constant(-0.693359375f), bounded);
    r = fma(n, constant(2.12194440e-4f), r);
    Value p = constant(1.9875692e-4f);
    for (float coefficient : {1.3981999e-3f, 8.3334519e-3f, 4.1665796e-2f,
                              1.6666665e-1f, 5.0000001e-1f, 1.0f, 1.0f})
      p = fma(p, r, constant(coefficient));
    // 2^n may have no exponent of its own (n = 128, -126 and less): scale by
    // its two halves.
    Value bits = arith::BitcastOp::create(b, intType, shifted);
    Value whole = arith::SubIOp::create(b, bits, intConstant(0x4B400000));
    Value half = arith::ShRSIOp::create(b, whole, intConstant(1));
    Value rest = arith::SubIOp::create(b, whole, half);
    Value result = p;
    for (Value power : {half, rest}) {
      Value exponent = arith::AddIOp::create(b, power, intConstant(127));
      exponent = arith::ShLIOp::create(b, exponent, intConstant(23));
      Value scale = arith::BitcastOp::create(b, type, exponent);
      result = arith::MulFOp::create(b, result, scale);
    }
    result = arith::SelectOp::create(b, isLow, constant(0.0f), result);
    result = arith::SelectOp::create(
        b, isHigh, constant(std::numeric_limits<float>::infinity()), result);
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// Computes a unary op on f16 or bf16 in f32.
template <typename OpTy>
struct ComputeInF32 : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType();
    Type element = getElementTypeOrSelf(type);
    if (!element.isF16() && !element.isBF16())
      return rewriter.notifyMatchFailure(op, "not f16 or bf16");
    Type wide = rewriter.getF32Type();
    if (auto vector = dyn_cast<VectorType>(type))
      wide = vector.clone(wide);
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(
          arith::ExtFOp::create(rewriter, op.getLoc(), wide, operand));
    Value result = OpTy::create(rewriter, op.getLoc(), TypeRange(wide),
                                operands, op->getAttrs())
                       ->getResult(0);
    rewriter.replaceOpWithNewOp<arith::TruncFOp>(op, type, result);
    return success();
  }
};

struct LowerMath : linattn::impl::LinattnLowerMathBase<LowerMath> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ExpandExp>(&getContext(), /*benefit=*/10);
    patterns.add<ComputeInF32<math::ExpOp>, ComputeInF32<math::LogOp>,
                 ComputeInF32<math::TanhOp>, ComputeInF32<math::RsqrtOp>,
                 ComputeInF32<math::SqrtOp>, ComputeInF32<math::SinOp>,
                 ComputeInF32<math::CosOp>, ComputeInF32<math::Log1pOp>,
                 ComputeInF32<math::Exp2Op>, ComputeInF32<math::ExpM1Op>>(
        &getContext(), /*benefit=*/10);
    populateMathPolynomialApproximationPatterns(
        patterns, [](StringRef name) { return name != "math.exp"; });
    arith::populateExpandBFloat16Patterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
  }
};
} // namespace
