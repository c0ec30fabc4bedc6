//===- DecayClass.cpp - what a decay operand means ------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Linattn/IR/DecayClass.h"

#include "linattn/Dialect/Linattn/IR/Linattn.h"
#include "linattn/Dialect/Linattn/Utils/TileBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::linattn;

DecayClass::~DecayClass() = default;

bool DecayClass::hasRole(DimRole role) const {
  return llvm::is_contained(getRoles(), role);
}

Value DecayClass::buildSpan(OpBuilder &, Location, Value, Value,
                            int64_t) const {
  llvm_unreachable("only uniform decay classes have spans");
}

//===----------------------------------------------------------------------===//
// ConstantDecayClass
//===----------------------------------------------------------------------===//

/// exp(-104) is zero in f32, so a smaller log-decay is the same decay. Unlike
/// -inf it may be multiplied by zero. A select, so that NaN survives.
static Value clampLogDecay(OpBuilder &b, Location loc, Value decay) {
  Value floor = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(-104.0f));
  Value isBelow =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, decay, floor);
  return arith::SelectOp::create(b, loc, isBelow, floor, decay);
}

static Value indexToF32(OpBuilder &b, Location loc, Value index) {
  Value integer = arith::IndexCastOp::create(b, loc, b.getI32Type(), index);
  return arith::SIToFPOp::create(b, loc, b.getF32Type(), integer);
}

/// The decay times a number of tokens, [rows..., D] or [rows...]. `count` maps
/// the row indices of an element to its number of tokens (index).
static Value
buildMultiple(OpBuilder &b, Location loc, Value decay, ArrayRef<int64_t> rows,
              llvm::function_ref<Value(OpBuilder &, Location)> count) {
  TileBuilder t(b, loc);
  ArrayRef<int64_t> channels = TileBuilder::getShape(decay);
  std::string letters = StringRef("ij").take_front(rows.size()).str();
  std::string channel = channels.empty() ? "" : "d";
  SmallVector<int64_t> shape(rows);
  llvm::append_range(shape, channels);
  return t.map(
      channel + "->" + letters + channel, decay,
      [&](OpBuilder &nested, Location nestedLoc, ValueRange args) -> Value {
        Value clamped = clampLogDecay(nested, nestedLoc, args[0]);
        Value tokens = indexToF32(nested, nestedLoc, count(nested, nestedLoc));
        return arith::MulFOp::create(nested, nestedLoc, clamped, tokens);
      },
      shape);
}

Value ConstantDecayClass::buildPrefix(OpBuilder &b, Location loc, Value decay,
                                      Value valid, int64_t chunk) const {
  return buildMultiple(
      b, loc, decay, chunk, [](OpBuilder &nested, Location nestedLoc) -> Value {
        Value row = linalg::IndexOp::create(nested, nestedLoc, 0);
        Value one = arith::ConstantIndexOp::create(nested, nestedLoc, 1);
        return arith::AddIOp::create(nested, nestedLoc, row, one);
      });
}

Value ConstantDecayClass::buildSuffix(OpBuilder &b, Location loc, Value decay,
                                      Value valid, int64_t chunk) const {
  // Rows that are not real have nothing behind them, not less than nothing.
  return buildMultiple(
      b, loc, decay, chunk,
      [&](OpBuilder &nested, Location nestedLoc) -> Value {
        Value row = linalg::IndexOp::create(nested, nestedLoc, 0);
        Value one = arith::ConstantIndexOp::create(nested, nestedLoc, 1);
        Value zero = arith::ConstantIndexOp::create(nested, nestedLoc, 0);
        Value last = arith::SubIOp::create(nested, nestedLoc, valid, one);
        Value behind = arith::SubIOp::create(nested, nestedLoc, last, row);
        return arith::MaxSIOp::create(nested, nestedLoc, behind, zero);
      });
}

Value ConstantDecayClass::buildTotal(OpBuilder &b, Location loc, Value decay,
                                     Value valid, int64_t chunk) const {
  return buildMultiple(b, loc, decay, {},
                       [&](OpBuilder &, Location) { return valid; });
}

Value ConstantDecayClass::buildSpan(OpBuilder &b, Location loc, Value decay,
                                    Value valid, int64_t chunk) const {
  return buildMultiple(
      b, loc, decay, {chunk, chunk},
      [](OpBuilder &nested, Location nestedLoc) -> Value {
        Value to = linalg::IndexOp::create(nested, nestedLoc, 0);
        Value from = linalg::IndexOp::create(nested, nestedLoc, 1);
        return arith::SubIOp::create(nested, nestedLoc, to, from);
      });
}

//===----------------------------------------------------------------------===//
// TokenDecayClass
//===----------------------------------------------------------------------===//

/// Running sums over the rows of a [C] or [C, D] tile, from the first row with
/// the row included, or from the last row with the row excluded.
static Value buildRunningSum(OpBuilder &b, Location loc, Value decay,
                             bool descending) {
  TileBuilder t(b, loc);
  ArrayRef<int64_t> shape = TileBuilder::getShape(decay);
  Value sums = t.empty(shape, b.getF32Type());

  if (shape.size() == 1) {
    auto step = [&](TileBuilder &t, Value row,
                    ValueRange carried) -> SmallVector<Value> {
      OpBuilder &b = t.getBuilder();
      Value element = tensor::ExtractOp::create(b, t.getLoc(), decay, row);
      Value sum = arith::AddFOp::create(b, t.getLoc(), carried[0], element);
      Value stored = tensor::InsertOp::create(
          b, t.getLoc(), descending ? carried[0] : sum, carried[1], row);
      return {sum, stored};
    };
    return t.scan(shape[0], descending, {t.constantF32(0.0f), sums}, step)[1];
  }

  auto step = [&](TileBuilder &t, Value row,
                  ValueRange carried) -> SmallVector<Value> {
    Value stored = carried[1];
    if (descending)
      stored = t.setRow(stored, row, carried[0]);
    Value sum =
        t.mapInto("d->d", t.getRow(decay, row), carried[0],
                  [](OpBuilder &b, Location loc, ValueRange args) -> Value {
                    return arith::AddFOp::create(b, loc, args[1], args[0]);
                  });
    if (!descending)
      stored = t.setRow(stored, row, sum);
    return {sum, stored};
  };
  return t.scan(shape[0], descending, {t.filled(shape[1], 0.0f), sums},
                step)[1];
}

Value TokenDecayClass::buildPrefix(OpBuilder &b, Location loc, Value decay,
                                   Value valid, int64_t chunk) const {
  return buildRunningSum(b, loc, decay, /*descending=*/false);
}

Value TokenDecayClass::buildSuffix(OpBuilder &b, Location loc, Value decay,
                                   Value valid, int64_t chunk) const {
  return buildRunningSum(b, loc, decay, /*descending=*/true);
}

Value TokenDecayClass::buildTotal(OpBuilder &b, Location loc, Value decay,
                                  Value valid, int64_t chunk) const {
  Value prefix = buildPrefix(b, loc, decay, valid, chunk);
  return TileBuilder(b, loc).getRow(prefix, b.getIndexAttr(chunk - 1));
}

Value TokenDecayClass::buildSpan(OpBuilder &b, Location loc, Value decay,
                                 Value valid, int64_t chunk) const {
  // Row i is row i - 1 plus the decay of token i, up to column i - 1, and zero
  // from column i on: sums of neighbours again, and -inf stays -inf.
  TileBuilder t(b, loc);
  auto step = [&](TileBuilder &t, Value row,
                  ValueRange carried) -> SmallVector<Value> {
    Value element =
        tensor::ExtractOp::create(t.getBuilder(), t.getLoc(), decay, row);
    Value zero = t.constantF32(0.0f);
    Value span = t.mapInto(
        "->j", {}, carried[0],
        [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
          Value column = linalg::IndexOp::create(b, loc, 0);
          Value isEarlier = arith::CmpIOp::create(
              b, loc, arith::CmpIPredicate::ult, column, row);
          Value sum = arith::AddFOp::create(b, loc, args[0], element);
          return arith::SelectOp::create(b, loc, isEarlier, sum, zero);
        });
    return {span, t.setRow(carried[1], row, span)};
  };
  Value spans = t.empty({chunk, chunk}, b.getF32Type());
  return t.scan(chunk, /*descending=*/false, {t.filled(chunk, 0.0f), spans},
                step)[1];
}

//===----------------------------------------------------------------------===//
// The classes of the dialect
//===----------------------------------------------------------------------===//

namespace {
/// One log-decay per head: Lightning Attention, TransNormerLLM, RetNet.
class ConstDecay : public ConstantDecayClass {
public:
  StringRef getName() const override { return "const"; }
  ArrayRef<DimRole> getRoles() const override {
    static const DimRole roles[] = {DimRole::Head};
    return roles;
  }
};

/// One log-decay per token and head: Mamba-2.
class ScalarDecay : public TokenDecayClass {
public:
  StringRef getName() const override { return "scalar"; }
  ArrayRef<DimRole> getRoles() const override {
    static const DimRole roles[] = {DimRole::Batch, DimRole::Token,
                                    DimRole::Head};
    return roles;
  }
};

/// One log-decay per token, head and channel: HGRN2, GLA.
class VectorDecay : public TokenDecayClass {
public:
  StringRef getName() const override { return "vector"; }
  ArrayRef<DimRole> getRoles() const override {
    static const DimRole roles[] = {DimRole::Batch, DimRole::Token,
                                    DimRole::Head, DimRole::Channel};
    return roles;
  }
};
} // namespace

void mlir::linattn::registerBuiltinDecayClasses(LinattnDialect &dialect) {
  dialect.addDecayClass(std::make_unique<ConstDecay>());
  dialect.addDecayClass(std::make_unique<ScalarDecay>());
  dialect.addDecayClass(std::make_unique<VectorDecay>());
}
