//===- Expression.h - integer expressions of launch plans -------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_RUNTIME_EXPRESSION_H
#define LINATTN_RUNTIME_EXPRESSION_H

#include <cstdint>
#include <vector>

namespace linattn {
namespace runtime {

/// The operators; docs/Artifact.md says what each means.
enum class Op : uint8_t {
  Constant,
  Symbol,
  Add,
  Sub,
  Mul,
  FloorDiv,
  CeilDiv,
  Mod,
  Align,
  Min,
  Max,
  Eq,
  Ne,
  Lt,
  Le,
  Gt,
  Ge,
  And,
  Or,
  Not,
  Select
};

/// One node of an expression; operands are numbers of earlier nodes.
struct Node {
  Op op;
  int32_t operands[3];
  /// Of a constant; the number of a symbol.
  int64_t value;
};

/// An expression is the number of its last node in a pool; a negative number
/// stands for "none".
using Expression = int32_t;

/// The deepest nesting of an expression, so that evaluation has a bounded
/// stack.
constexpr int kMaxExpressionDepth = 200;

/// Evaluates in 64-bit integers. Returns null, or what went wrong.
const char *evaluate(const std::vector<Node> &nodes, Expression expression,
                     const int64_t *symbols, int64_t &result);

} // namespace runtime
} // namespace linattn

#endif // LINATTN_RUNTIME_EXPRESSION_H
