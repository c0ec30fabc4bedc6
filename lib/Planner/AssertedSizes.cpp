//===- AssertedSizes.cpp - sizes that are known to be equal ---------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AssertedSizes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::linattn;

SmallVector<Value> linattn::getConditions(cf::AssertOp assertion) {
  SmallVector<Value> pending{assertion.getArg()}, conditions;
  while (!pending.empty()) {
    Value condition = pending.pop_back_val();
    if (auto both = condition.getDefiningOp<arith::AndIOp>()) {
      pending.push_back(both.getRhs());
      pending.push_back(both.getLhs());
    } else {
      conditions.push_back(condition);
    }
  }
  return conditions;
}

AssertedSizes::AssertedSizes(func::FuncOp func) {
  func.walk([&](cf::AssertOp assertion) {
    for (Value condition : getConditions(assertion))
      if (auto compare = condition.getDefiningOp<arith::CmpIOp>();
          compare && compare.getPredicate() == arith::CmpIPredicate::eq)
        equal.push_back({compare.getLhs(), compare.getRhs()});
  });
}

bool AssertedSizes::areEqual(Value a, Value b) const {
  SmallVector<Value> known{a};
  for (size_t i = 0; i < known.size(); ++i) {
    if (known[i] == b)
      return true;
    for (auto [x, y] : equal)
      for (auto [from, to] : {std::pair(x, y), std::pair(y, x)})
        if (from == known[i] && !llvm::is_contained(known, to))
          known.push_back(to);
  }
  return false;
}
