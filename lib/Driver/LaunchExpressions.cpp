//===- LaunchExpressions.cpp - sizes as manifests compute them ------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaunchExpressions.h"

#include "linattn/Dialect/Tile/IR/Tile.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::linattn;
namespace json = llvm::json;

//===----------------------------------------------------------------------===//
// Operators
//===----------------------------------------------------------------------===//

static Expression make(StringRef name, Expression lhs, Expression rhs) {
  return json::Array{name, std::move(lhs), std::move(rhs)};
}

static std::optional<int64_t> getNumber(const Expression &expression) {
  return expression.getAsInteger();
}

Expression mlir::linattn::makeAdd(Expression lhs, Expression rhs) {
  std::optional<int64_t> l = getNumber(lhs), r = getNumber(rhs);
  int64_t sum;
  if (l && r && !llvm::AddOverflow(*l, *r, sum))
    return sum;
  if (l == 0)
    return rhs;
  if (r == 0)
    return lhs;
  return make("+", std::move(lhs), std::move(rhs));
}

Expression mlir::linattn::makeMul(Expression lhs, Expression rhs) {
  std::optional<int64_t> l = getNumber(lhs), r = getNumber(rhs);
  int64_t product;
  if (l && r && !llvm::MulOverflow(*l, *r, product))
    return product;
  if (l == 1)
    return rhs;
  if (r == 1)
    return lhs;
  return make("*", std::move(lhs), std::move(rhs));
}

Expression mlir::linattn::makeAlign(Expression value, int64_t multiple) {
  if (std::optional<int64_t> number = getNumber(value))
    return static_cast<int64_t>(llvm::alignTo(*number, multiple));
  return make("align", std::move(value), multiple);
}

Expression mlir::linattn::makeAnd(Expression lhs, Expression rhs) {
  if (getNumber(lhs) == 1)
    return rhs;
  if (getNumber(rhs) == 1)
    return lhs;
  return make("and", std::move(lhs), std::move(rhs));
}

Expression mlir::linattn::makeNot(Expression condition) {
  return json::Array{"not", std::move(condition)};
}

bool mlir::linattn::isSizeOp(Operation *op) {
  return isa<arith::ArithDialect>(op->getDialect()) ||
         isa<affine::AffineApplyOp, affine::AffineMinOp, affine::AffineMaxOp,
             tensor::DimOp, tile::SmCountOp>(op);
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

static InFlightDiagnostic emitUnknown(Operation *op) {
  return op->emitOpError() << "cannot be computed by a launch plan: ";
}

/// Whether the value is a number that is at least 0 wherever the program says
/// what it means: sizes, and what grows from them.
bool Expressions::isNonNegative(Value value) {
  llvm::APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return constant.getBitWidth() == 1 || constant.isNonNegative();
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  if (isa<tensor::DimOp, tile::SmCountOp, arith::CmpIOp>(op))
    return true;
  if (isa<arith::AddIOp, arith::MulIOp, arith::MinSIOp, arith::MinUIOp,
          arith::MaxUIOp, arith::DivSIOp, arith::DivUIOp, arith::RemSIOp,
          arith::RemUIOp, arith::CeilDivSIOp, arith::CeilDivUIOp,
          arith::FloorDivSIOp, arith::IndexCastOp, arith::IndexCastUIOp,
          arith::ExtUIOp>(op))
    return llvm::all_of(op->getOperands(),
                        [&](Value operand) { return isNonNegative(operand); });
  if (isa<arith::MaxSIOp>(op))
    return llvm::any_of(op->getOperands(),
                        [&](Value operand) { return isNonNegative(operand); });
  if (isa<arith::SelectOp>(op))
    return isNonNegative(op->getOperand(1)) && isNonNegative(op->getOperand(2));
  return false;
}

bool Expressions::dependsOnDevice(Value value) {
  SmallVector<Value> worklist{value};
  llvm::SmallDenseSet<Value> seen;
  while (!worklist.empty()) {
    Value next = worklist.pop_back_val();
    Operation *op = next.getDefiningOp();
    if (!op || !seen.insert(next).second)
      continue;
    if (isa<tile::SmCountOp>(op))
      return true;
    llvm::append_range(worklist, op->getOperands());
    if (auto ifOp = dyn_cast<scf::IfOp>(op)) {
      unsigned number = cast<OpResult>(next).getResultNumber();
      worklist.push_back(ifOp.thenYield().getOperand(number));
      worklist.push_back(ifOp.elseYield().getOperand(number));
    }
  }
  return false;
}

FailureOr<Expression> Expressions::getSize(Value tensor, int64_t dim) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(dim))
    return Expression(type.getDimSize(dim));
  if (auto argument = dyn_cast<BlockArgument>(tensor))
    return function.arguments[argument.getArgNumber()].sizes[dim];
  Operation *op = tensor.getDefiningOp();
  if (auto empty = dyn_cast<tensor::EmptyOp>(op))
    return get(empty.getDynamicSize(dim));
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    return getSize(cast.getSource(), dim);
  unsigned number = cast<OpResult>(tensor).getResultNumber();
  if (auto launch = dyn_cast<tile::LaunchOp>(op))
    return getSize(launch.getOutputs()[number], dim);
  if (auto ifOp = dyn_cast<scf::IfOp>(op)) {
    FailureOr<Expression> condition = get(ifOp.getCondition()),
                          yes =
                              getSize(ifOp.thenYield().getOperand(number), dim),
                          no =
                              getSize(ifOp.elseYield().getOperand(number), dim);
    if (failed(condition) || failed(yes) || failed(no))
      return failure();
    if (*yes == *no)
      return yes;
    return Expression(json::Array{"select", *condition, *yes, *no});
  }
  return emitUnknown(op) << "expected an argument, a tensor.empty or the "
                            "result of a tile.launch, to take a size of it";
}

FailureOr<Expression> Expressions::get(Value value) {
  auto found = known.find(value);
  if (found == known.end()) {
    FailureOr<Expression> result = compute(value);
    found = known
                .try_emplace(value, succeeded(result)
                                        ? std::optional<Expression>(*result)
                                        : std::nullopt)
                .first;
  }
  if (!found->second)
    return failure();
  return *found->second;
}

FailureOr<Expression> Expressions::compute(Value value) {
  llvm::APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return Expression(constant.getBitWidth() == 1
                          ? static_cast<int64_t>(constant.getBoolValue())
                          : constant.getSExtValue());
  if (auto argument = dyn_cast<BlockArgument>(value))
    return argument.getOwner()->getParentOp()->emitError()
           << "a launch plan cannot compute with argument "
           << argument.getArgNumber()
           << ", a scalar, but only pass it to a kernel; take a size of a "
              "tensor instead";
  Operation *op = value.getDefiningOp();
  if (auto dim = dyn_cast<tensor::DimOp>(op)) {
    if (std::optional<int64_t> index = dim.getConstantIndex())
      return getSize(dim.getSource(), *index);
    return emitUnknown(op) << "expected a constant dimension";
  }
  if (isa<tile::SmCountOp>(op))
    return Expression("sm_count");
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op))
    return computeAffine(apply.getAffineMap().getResult(0),
                         apply.getAffineMap().getNumDims(),
                         apply.getMapOperands());
  if (isa<affine::AffineMinOp, affine::AffineMaxOp>(op)) {
    AffineMap map = cast<AffineMapAttr>(op->getAttr("map")).getValue();
    std::optional<Expression> all;
    for (AffineExpr expr : map.getResults()) {
      FailureOr<Expression> one =
          computeAffine(expr, map.getNumDims(), op->getOperands());
      if (failed(one))
        return failure();
      StringRef name = isa<affine::AffineMinOp>(op) ? "min" : "max";
      all =
          all ? make(name, std::move(*all), std::move(*one)) : std::move(*one);
    }
    return std::move(*all);
  }
  if (auto ifOp = dyn_cast<scf::IfOp>(op)) {
    unsigned number = cast<OpResult>(value).getResultNumber();
    FailureOr<Expression> condition = get(ifOp.getCondition()),
                          yes = get(ifOp.thenYield().getOperand(number)),
                          no = get(ifOp.elseYield().getOperand(number));
    if (failed(condition) || failed(yes) || failed(no))
      return failure();
    return Expression(json::Array{"select", *condition, *yes, *no});
  }
  return computeArith(op);
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

FailureOr<Expression> Expressions::makeOperator(StringRef name,
                                                ValueRange operands) {
  json::Array array{name};
  for (Value operand : operands) {
    FailureOr<Expression> expression = get(operand);
    if (failed(expression))
      return failure();
    array.push_back(std::move(*expression));
  }
  return Expression(std::move(array));
}

/// A quotient or remainder of the C kind. Manifests round down.
FailureOr<Expression> Expressions::divideTowardsZero(Operation *op,
                                                     bool isRemainder) {
  FailureOr<Expression> lhs = get(op->getOperand(0)),
                        rhs = get(op->getOperand(1));
  if (failed(lhs) || failed(rhs))
    return failure();
  StringRef name = isRemainder ? "mod" : "floordiv";
  if (isNonNegative(op->getOperand(0)))
    return make(name, *lhs, *rhs);
  Expression mirrored = make(name, make("-", 0, *lhs), *rhs);
  return Expression(json::Array{"select", make(">=", *lhs, 0),
                                make(name, *lhs, *rhs),
                                make("-", 0, std::move(mirrored))});
}

static StringRef getOperator(arith::CmpIPredicate predicate) {
  switch (predicate) {
  case arith::CmpIPredicate::eq:
    return "==";
  case arith::CmpIPredicate::ne:
    return "!=";
  case arith::CmpIPredicate::slt:
  case arith::CmpIPredicate::ult:
    return "<";
  case arith::CmpIPredicate::sle:
  case arith::CmpIPredicate::ule:
    return "<=";
  case arith::CmpIPredicate::sgt:
  case arith::CmpIPredicate::ugt:
    return ">";
  case arith::CmpIPredicate::sge:
  case arith::CmpIPredicate::uge:
    return ">=";
  }
  llvm_unreachable("no such predicate");
}

/// Whether the op takes its operands as numbers without a sign.
static bool isUnsigned(Operation *op) {
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    return compare.getPredicate() >= arith::CmpIPredicate::ult;
  return isa<arith::DivUIOp, arith::RemUIOp, arith::CeilDivUIOp, arith::MinUIOp,
             arith::MaxUIOp, arith::IndexCastUIOp>(op);
}

FailureOr<Expression> Expressions::computeArith(Operation *op) {
  if (isUnsigned(op) && !llvm::all_of(op->getOperands(), [&](Value operand) {
        return isNonNegative(operand);
      }))
    return emitUnknown(op) << "expected operands that are not negative, "
                              "which can be seen of sizes, of constants, and "
                              "of their sums, products and quotients; use the "
                              "signed op";
  ValueRange operands = op->getOperands();
  bool isBool =
      op->getNumResults() == 1 && op->getResult(0).getType().isInteger(1);
  auto binary = [&](auto combine) -> FailureOr<Expression> {
    FailureOr<Expression> lhs = get(operands[0]), rhs = get(operands[1]);
    if (failed(lhs) || failed(rhs))
      return failure();
    return combine(std::move(*lhs), std::move(*rhs));
  };
  // Numbers of few bits would wrap where a manifest does not.
  if (isa<arith::AddIOp, arith::SubIOp, arith::MulIOp>(op) &&
      !op->getResult(0).getType().isIndex() &&
      !op->getResult(0).getType().isInteger(64))
    return emitUnknown(op) << "expected numbers of type index or i64, but got "
                           << op->getResult(0).getType();
  return llvm::TypeSwitch<Operation *, FailureOr<Expression>>(op)
      .Case([&](arith::AddIOp) { return binary(makeAdd); })
      .Case([&](arith::MulIOp) { return binary(makeMul); })
      .Case([&](arith::SubIOp) { return makeOperator("-", operands); })
      .Case<arith::DivSIOp, arith::DivUIOp>(
          [&](Operation *) { return divideTowardsZero(op, false); })
      .Case<arith::RemSIOp, arith::RemUIOp>(
          [&](Operation *) { return divideTowardsZero(op, true); })
      .Case<arith::CeilDivSIOp, arith::CeilDivUIOp>(
          [&](Operation *) { return makeOperator("ceildiv", operands); })
      .Case([&](arith::FloorDivSIOp) {
        return makeOperator("floordiv", operands);
      })
      .Case<arith::MinSIOp, arith::MinUIOp>(
          [&](Operation *) { return makeOperator("min", operands); })
      .Case<arith::MaxSIOp, arith::MaxUIOp>(
          [&](Operation *) { return makeOperator("max", operands); })
      .Case([&](arith::CmpIOp compare) {
        return makeOperator(getOperator(compare.getPredicate()), operands);
      })
      .Case([&](arith::SelectOp) { return makeOperator("select", operands); })
      .Case<arith::IndexCastOp, arith::IndexCastUIOp>(
          [&](Operation *) { return get(operands[0]); })
      .Case([&](arith::ExtUIOp extend) -> FailureOr<Expression> {
        if (operands[0].getType().isInteger(1))
          return get(operands[0]);
        return emitUnknown(op)
               << "expected a condition, but got " << operands[0].getType();
      })
      .Case<arith::AndIOp, arith::OrIOp, arith::XOrIOp>(
          [&](Operation *) -> FailureOr<Expression> {
            if (!isBool)
              return emitUnknown(op) << "expected conditions, but got "
                                     << op->getResult(0).getType();
            return makeOperator(isa<arith::AndIOp>(op)  ? "and"
                                : isa<arith::OrIOp>(op) ? "or"
                                                        : "!=",
                                operands);
          })
      .Default([&](Operation *) {
        return emitUnknown(op)
               << "expected sums, differences, products, quotients, "
                  "remainders, minima, maxima, comparisons and selections of "
                  "integers";
      });
}

FailureOr<Expression> Expressions::computeAffine(AffineExpr expr,
                                                 unsigned numDims,
                                                 ValueRange operands) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return Expression(constant.getValue());
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return get(operands[dim.getPosition()]);
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return get(operands[numDims + symbol.getPosition()]);
  auto binary = cast<AffineBinaryOpExpr>(expr);
  FailureOr<Expression> lhs = computeAffine(binary.getLHS(), numDims, operands),
                        rhs = computeAffine(binary.getRHS(), numDims, operands);
  if (failed(lhs) || failed(rhs))
    return failure();
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return makeAdd(std::move(*lhs), std::move(*rhs));
  case AffineExprKind::Mul:
    return makeMul(std::move(*lhs), std::move(*rhs));
  case AffineExprKind::FloorDiv:
    return make("floordiv", std::move(*lhs), std::move(*rhs));
  case AffineExprKind::CeilDiv:
    return make("ceildiv", std::move(*lhs), std::move(*rhs));
  case AffineExprKind::Mod:
    return make("mod", std::move(*lhs), std::move(*rhs));
  default:
    llvm_unreachable("not a binary expression");
  }
}
