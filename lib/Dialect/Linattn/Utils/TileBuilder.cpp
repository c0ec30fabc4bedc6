//===- TileBuilder.cpp - work on static tiles -----------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Linattn/Utils/TileBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace mlir::linattn;

namespace {
/// A parsed index expression: the letters of every operand, and the letters of
/// the iteration space, result first.
struct IndexExpression {
  SmallVector<StringRef> inputs;
  StringRef result;
  std::string domain;

  IndexExpression(StringRef text, size_t numInputs) {
    auto [left, right] = text.split("->");
    // An empty left side is one tile of rank 0, or no input at all.
    if (numInputs != 0)
      left.split(inputs, ',');
    assert(inputs.size() == numInputs && "one operand per input");
    result = right;
    domain = result.str();
    for (StringRef input : inputs)
      for (char letter : input)
        if (!StringRef(domain).contains(letter))
          domain.push_back(letter);
  }

  AffineMap getMap(StringRef letters, MLIRContext *context) const {
    SmallVector<AffineExpr> exprs;
    for (char letter : letters)
      exprs.push_back(getAffineDimExpr(domain.find(letter), context));
    return AffineMap::get(domain.size(), 0, exprs, context);
  }

  SmallVector<AffineMap> getMaps(MLIRContext *context) const {
    SmallVector<AffineMap> maps;
    for (StringRef input : inputs)
      maps.push_back(getMap(input, context));
    maps.push_back(getMap(result, context));
    return maps;
  }
};
} // namespace

Value TileBuilder::constantF32(float value) {
  return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value));
}

Value TileBuilder::constantIndex(int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}

Value TileBuilder::empty(ArrayRef<int64_t> shape, Type elementType) {
  return tensor::EmptyOp::create(b, loc, shape, elementType);
}

Value TileBuilder::filled(ArrayRef<int64_t> shape, float value) {
  return linalg::FillOp::create(b, loc, constantF32(value),
                                empty(shape, b.getF32Type()))
      .getResult(0);
}

Value TileBuilder::map(StringRef expression, ValueRange inputs, MapBody body,
                       ArrayRef<int64_t> shape) {
  IndexExpression parsed(expression, inputs.size());
  SmallVector<int64_t> resultShape(shape);
  if (resultShape.empty()) {
    for (char letter : parsed.result) {
      for (auto [letters, input] : llvm::zip_equal(parsed.inputs, inputs)) {
        size_t position = letters.find(letter);
        if (position == StringRef::npos)
          continue;
        resultShape.push_back(getShape(input)[position]);
        break;
      }
    }
  }
  assert(resultShape.size() == parsed.result.size() && "unknown size");
  return mapInto(expression, inputs, empty(resultShape, b.getF32Type()),
                 [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
                   return body(b, loc, args.drop_back());
                 });
}

Value TileBuilder::mapInto(StringRef expression, ValueRange inputs,
                           Value destination, MapBody body) {
  IndexExpression parsed(expression, inputs.size());
  assert(parsed.domain.size() == parsed.result.size() &&
         "a map reduces nothing");
  SmallVector<utils::IteratorType> iterators(parsed.domain.size(),
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, loc, destination.getType(), inputs, destination,
             parsed.getMaps(b.getContext()), iterators,
             [&](OpBuilder &nested, Location nestedLoc, ValueRange args) {
               Value result = body(nested, nestedLoc, args);
               linalg::YieldOp::create(nested, nestedLoc, result);
             })
      .getResult(0);
}

Value TileBuilder::contract(StringRef expression, Value lhs, Value rhs,
                            Value init) {
  IndexExpression parsed(expression, 2);
  return linalg::ContractOp::create(
             b, loc, TypeRange(init.getType()), ValueRange{lhs, rhs},
             ValueRange(init),
             b.getAffineMapArrayAttr(parsed.getMaps(b.getContext())))
      .getResult(0);
}

Value TileBuilder::contract(StringRef expression, Value lhs, Value rhs) {
  IndexExpression parsed(expression, 2);
  SmallVector<int64_t> shape;
  for (char letter : parsed.result) {
    size_t position = parsed.inputs[0].find(letter);
    shape.push_back(position != StringRef::npos
                        ? getShape(lhs)[position]
                        : getShape(rhs)[parsed.inputs[1].find(letter)]);
  }
  return contract(expression, lhs, rhs, filled(shape, 0.0f));
}

Value TileBuilder::multiply(StringRef expression, Value lhs, Value rhs) {
  return map(expression, {lhs, rhs},
             [](OpBuilder &b, Location loc, ValueRange args) -> Value {
               return arith::MulFOp::create(b, loc, args[0], args[1]);
             });
}

/// "ij->ij" for a tile of rank two, and so on.
static std::string getIdentityExpression(Value tile) {
  std::string letters =
      StringRef("ijkl").take_front(TileBuilder::getShape(tile).size()).str();
  return letters + "->" + letters;
}

Value TileBuilder::scale(Value tile, float factor) {
  if (factor == 1.0f)
    return tile;
  Value constant = constantF32(factor);
  return map(getIdentityExpression(tile), tile,
             [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
               return arith::MulFOp::create(b, loc, args[0], constant);
             });
}

Value TileBuilder::scaleInPlace(StringRef expression, Value factor,
                                Value tile) {
  return mapInto(expression, factor, tile,
                 [](OpBuilder &b, Location loc, ValueRange args) -> Value {
                   return arith::MulFOp::create(b, loc, args[1], args[0]);
                 });
}

Value TileBuilder::exponential(Value tile) {
  return map(getIdentityExpression(tile), tile,
             [](OpBuilder &b, Location loc, ValueRange args) -> Value {
               return math::ExpOp::create(b, loc, args[0]);
             });
}

Value TileBuilder::widen(Value tile) {
  if (cast<RankedTensorType>(tile.getType()).getElementType().isF32())
    return tile;
  return map(getIdentityExpression(tile), tile,
             [](OpBuilder &b, Location loc, ValueRange args) -> Value {
               return arith::ExtFOp::create(b, loc, b.getF32Type(), args[0]);
             });
}

Value TileBuilder::getRow(Value tile, OpFoldResult row) {
  auto type = cast<RankedTensorType>(tile.getType());
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(type.getRank(), b.getIndexAttr(1));
  SmallVector<OpFoldResult> sizes;
  for (int64_t size : type.getShape())
    sizes.push_back(b.getIndexAttr(size));
  offsets[0] = row;
  sizes[0] = b.getIndexAttr(1);
  auto rowType = RankedTensorType::get(type.getShape().drop_front(),
                                       type.getElementType());
  return tensor::ExtractSliceOp::create(b, loc, rowType, tile, offsets, sizes,
                                        strides);
}

Value TileBuilder::setRow(Value tile, OpFoldResult row, Value value) {
  auto type = cast<RankedTensorType>(tile.getType());
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(type.getRank(), b.getIndexAttr(1));
  SmallVector<OpFoldResult> sizes;
  for (int64_t size : type.getShape())
    sizes.push_back(b.getIndexAttr(size));
  offsets[0] = row;
  sizes[0] = b.getIndexAttr(1);
  return tensor::InsertSliceOp::create(b, loc, value, tile, offsets, sizes,
                                       strides);
}

Value TileBuilder::getBlock(Value tile, ArrayRef<int64_t> offsets,
                            ArrayRef<int64_t> sizes) {
  auto type = cast<RankedTensorType>(tile.getType());
  if (type.getShape() == sizes)
    return tile;
  SmallVector<int64_t> strides(offsets.size(), 1);
  return tensor::ExtractSliceOp::create(
      b, loc, RankedTensorType::get(sizes, type.getElementType()), tile,
      getAsIndexOpFoldResult(b.getContext(), offsets),
      getAsIndexOpFoldResult(b.getContext(), sizes),
      getAsIndexOpFoldResult(b.getContext(), strides));
}

Value TileBuilder::setBlock(Value tile, Value block,
                            ArrayRef<int64_t> offsets) {
  if (tile.getType() == block.getType())
    return block;
  SmallVector<int64_t> strides(offsets.size(), 1);
  return tensor::InsertSliceOp::create(
      b, loc, block, tile, getAsIndexOpFoldResult(b.getContext(), offsets),
      getAsIndexOpFoldResult(b.getContext(), getShape(block)),
      getAsIndexOpFoldResult(b.getContext(), strides));
}

SmallVector<Value> TileBuilder::scan(
    int64_t count, bool descending, ValueRange carried,
    llvm::function_ref<SmallVector<Value>(TileBuilder &, Value, ValueRange)>
        body) {
  Value last = descending ? constantIndex(count - 1) : Value();
  auto loop = scf::ForOp::create(
      b, loc, constantIndex(0), constantIndex(count), constantIndex(1), carried,
      [&](OpBuilder &nested, Location nestedLoc, Value iv, ValueRange args) {
        TileBuilder t(nested, nestedLoc);
        Value row =
            descending
                ? arith::SubIOp::create(nested, nestedLoc, last, iv).getResult()
                : iv;
        scf::YieldOp::create(nested, nestedLoc, body(t, row, args));
      });
  return SmallVector<Value>(loop.getResults());
}

SmallVector<Value> TileBuilder::guard(Value condition, BranchBody thenBody,
                                      BranchBody elseBody) {
  auto build = [](BranchBody body) {
    return [body](OpBuilder &nested, Location nestedLoc) {
      TileBuilder t(nested, nestedLoc);
      scf::YieldOp::create(nested, nestedLoc, body(t));
    };
  };
  auto ifOp =
      scf::IfOp::create(b, loc, condition, build(thenBody), build(elseBody));
  return SmallVector<Value>(ifOp.getResults());
}
