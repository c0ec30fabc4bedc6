//===- Expression.cpp - integer expressions of launch plans ---------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Expression.h"

using namespace linattn::runtime;

static const char *const kOverflow = "the value overflows 64 bits";
static const char *const kBadDivisor = "the divisor is not positive";

static const char *applyBinary(Op op, int64_t lhs, int64_t rhs,
                               int64_t &result) {
  switch (op) {
  case Op::Add:
    return __builtin_add_overflow(lhs, rhs, &result) ? kOverflow : nullptr;
  case Op::Sub:
    return __builtin_sub_overflow(lhs, rhs, &result) ? kOverflow : nullptr;
  case Op::Mul:
    return __builtin_mul_overflow(lhs, rhs, &result) ? kOverflow : nullptr;
  case Op::FloorDiv:
  case Op::CeilDiv:
  case Op::Mod:
  case Op::Align: {
    if (rhs <= 0)
      return kBadDivisor;
    // The quotient rounded down, and the remainder that is not negative.
    int64_t quotient = lhs / rhs, remainder = lhs % rhs;
    if (remainder < 0) {
      --quotient;
      remainder += rhs;
    }
    if (op == Op::FloorDiv)
      result = quotient;
    else if (op == Op::Mod)
      result = remainder;
    else if (op == Op::CeilDiv)
      result = quotient + (remainder != 0); // Cannot overflow: rhs is > 1 then.
    else if (__builtin_add_overflow(lhs, remainder ? rhs - remainder : 0,
                                    &result))
      return kOverflow;
    return nullptr;
  }
  case Op::Min:
    result = lhs < rhs ? lhs : rhs;
    return nullptr;
  case Op::Max:
    result = lhs > rhs ? lhs : rhs;
    return nullptr;
  case Op::Eq:
    result = lhs == rhs;
    return nullptr;
  case Op::Ne:
    result = lhs != rhs;
    return nullptr;
  case Op::Lt:
    result = lhs < rhs;
    return nullptr;
  case Op::Le:
    result = lhs <= rhs;
    return nullptr;
  case Op::Gt:
    result = lhs > rhs;
    return nullptr;
  default:
    result = lhs >= rhs;
    return nullptr;
  }
}

const char *linattn::runtime::evaluate(const std::vector<Node> &nodes,
                                       Expression expression,
                                       const int64_t *symbols,
                                       int64_t &result) {
  const Node &node = nodes[expression];
  auto evaluateOperand = [&](int operand, int64_t &value) {
    return evaluate(nodes, node.operands[operand], symbols, value);
  };
  int64_t lhs, rhs;
  switch (node.op) {
  case Op::Constant:
    result = node.value;
    return nullptr;
  case Op::Symbol:
    result = symbols[node.value];
    return nullptr;
  case Op::Not:
    if (const char *problem = evaluateOperand(0, lhs))
      return problem;
    result = !lhs;
    return nullptr;
  case Op::And:
  case Op::Or:
    // The second operand counts only where the first does not decide.
    if (const char *problem = evaluateOperand(0, lhs))
      return problem;
    if ((lhs != 0) == (node.op == Op::Or)) {
      result = node.op == Op::Or;
      return nullptr;
    }
    if (const char *problem = evaluateOperand(1, rhs))
      return problem;
    result = rhs != 0;
    return nullptr;
  case Op::Select:
    if (const char *problem = evaluateOperand(0, lhs))
      return problem;
    return evaluateOperand(lhs ? 1 : 2, result);
  default:
    if (const char *problem = evaluateOperand(0, lhs))
      return problem;
    if (const char *problem = evaluateOperand(1, rhs))
      return problem;
    return applyBinary(node.op, lhs, rhs, result);
  }
}
