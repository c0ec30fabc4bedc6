//===- AssertedSizes.h - sizes that are known to be equal -------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_PLANNER_ASSERTEDSIZES_H
#define LINATTN_LIB_PLANNER_ASSERTEDSIZES_H

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir {
namespace linattn {

/// The conditions that have to hold together for `assertion` not to fail.
SmallVector<Value> getConditions(cf::AssertOp assertion);

/// What a function asserts about its sizes.
class AssertedSizes {
public:
  explicit AssertedSizes(func::FuncOp func);
  bool areEqual(Value a, Value b) const;

private:
  SmallVector<std::pair<Value, Value>> equal;
};

} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_PLANNER_ASSERTEDSIZES_H
