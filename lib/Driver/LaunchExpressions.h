//===- LaunchExpressions.h - sizes as manifests compute them ----*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_DRIVER_LAUNCHEXPRESSIONS_H
#define LINATTN_LIB_DRIVER_LAUNCHEXPRESSIONS_H

#include "linattn/Driver/Description.h"

#include "mlir/IR/AffineExpr.h"
#include "llvm/ADT/DenseMap.h"

namespace mlir {
namespace linattn {

/// An expression of a manifest.
using Expression = llvm::json::Value;

/// Expressions, simplified where both operands are numbers.
Expression makeAdd(Expression lhs, Expression rhs);
Expression makeMul(Expression lhs, Expression rhs);
Expression makeAlign(Expression value, int64_t multiple);
Expression makeAnd(Expression lhs, Expression rhs);
Expression makeNot(Expression condition);

/// Whether the ops of this kind compute a size, and `Expressions` can be asked
/// for their results.
bool isSizeOp(Operation *op);

/// The expressions of integers in a function that launches kernels. They are
/// those of numbers without a width: a manifest computes in 64 bits, and
/// refuses the call where that overflows.
class Expressions {
public:
  explicit Expressions(const FunctionDescription &function)
      : function(function) {}

  /// The expression of an index or an integer. Fails with a diagnostic at the
  /// op that a manifest cannot compute.
  FailureOr<Expression> get(Value value);
  /// The size of a tensor that is an argument or comes from a `tensor.empty`.
  FailureOr<Expression> getSize(Value tensor, int64_t dim);
  /// Whether the value depends on the device that runs the function.
  bool dependsOnDevice(Value value);

private:
  FailureOr<Expression> compute(Value value);
  FailureOr<Expression> computeArith(Operation *op);
  FailureOr<Expression> computeAffine(AffineExpr expr, unsigned numDims,
                                      ValueRange operands);
  FailureOr<Expression> makeOperator(StringRef name, ValueRange operands);
  FailureOr<Expression> divideTowardsZero(Operation *op, bool isRemainder);
  bool isNonNegative(Value value);

  const FunctionDescription &function;
  /// Values that have been computed; null: they failed.
  DenseMap<Value, std::optional<Expression>> known;
};

} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_DRIVER_LAUNCHEXPRESSIONS_H
