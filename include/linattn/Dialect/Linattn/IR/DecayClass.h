//===- DecayClass.h - what a decay operand means ----------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DIALECT_LINATTN_IR_DECAYCLASS_H
#define LINATTN_DIALECT_LINATTN_IR_DECAYCLASS_H

#include "linattn/Dialect/Linattn/IR/DimRole.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"

namespace mlir {
class MLIRContext;

namespace linattn {

/// Which of the two channel dimensions of the state a decay acts on.
enum class DecaySide { Key, Value };

/// A decay class: what the shape of a decay operand means, and how the
/// log-decays of one chunk of one head turn into factors.
///
/// A class names the roles of its dimensions. Everything that only moves a
/// decay around (verifiers, slicing, tiling, the token recurrence) asks for
/// roles; the hooks below are all that the block decomposition needs besides.
/// Two properties follow from the roles and decide how a chunk is decomposed:
///
/// * a class without the `Channel` role is *uniform*: its factors commute with
///   the contractions and stay on accumulators and on the mask;
/// * a class with it changes the operands, behind a run-time guard.
///
/// In the hooks, `decay` is the f32 tile of one head in one chunk: what is
/// left of the operand without its batch and head dimensions. `valid` is the
/// number of real tokens in the chunk (index). Rows that are not real have a
/// log-decay of zero.
class DecayClass {
public:
  virtual ~DecayClass();

  /// The name, as it is printed in `key_decay_class`.
  virtual StringRef getName() const = 0;

  /// The roles of the dimensions of a decay operand of `linattn.attention`, a
  /// subsequence of [Batch, Token, Head, Channel].
  virtual ArrayRef<DimRole> getRoles() const = 0;

  /// The inclusive cumulative log-decay G_i: [C] or [C, D].
  virtual Value buildPrefix(OpBuilder &b, Location loc, Value decay,
                            Value valid, int64_t chunk) const = 0;

  /// What is left of the chunk's decay behind each token, G_C - G_j: [C] or
  /// [C, D]. Summed from the end, so that nothing cancels.
  virtual Value buildSuffix(OpBuilder &b, Location loc, Value decay,
                            Value valid, int64_t chunk) const = 0;

  /// The log-decay of the whole chunk, G_C: [] or [D].
  virtual Value buildTotal(OpBuilder &b, Location loc, Value decay, Value valid,
                           int64_t chunk) const = 0;

  /// Uniform classes only: the log-decay from token j to token i, G_i - G_j,
  /// as a [C, C] tile that is meaningful where j <= i.
  virtual Value buildSpan(OpBuilder &b, Location loc, Value decay, Value valid,
                          int64_t chunk) const;

  /// True if the decay does not differ by channel.
  bool isUniform() const { return !hasRole(DimRole::Channel); }
  /// True if the decay differs by token.
  bool variesInTime() const { return hasRole(DimRole::Token); }

private:
  bool hasRole(DimRole role) const;
};

/// A base for classes whose log-decay is one number, or one number per
/// channel, for all tokens. Exponents are products with the number of tokens,
/// never repeated sums, so that a decay of 1 - 1e-8 survives.
class ConstantDecayClass : public DecayClass {
public:
  Value buildPrefix(OpBuilder &b, Location loc, Value decay, Value valid,
                    int64_t chunk) const override;
  Value buildSuffix(OpBuilder &b, Location loc, Value decay, Value valid,
                    int64_t chunk) const override;
  Value buildTotal(OpBuilder &b, Location loc, Value decay, Value valid,
                   int64_t chunk) const override;
  Value buildSpan(OpBuilder &b, Location loc, Value decay, Value valid,
                  int64_t chunk) const override;
};

/// A base for classes whose log-decay differs by token. All sums run over
/// neighbouring tokens and none is a difference of sums, so that a log-decay
/// of -inf is an exact reset.
class TokenDecayClass : public DecayClass {
public:
  Value buildPrefix(OpBuilder &b, Location loc, Value decay, Value valid,
                    int64_t chunk) const override;
  Value buildSuffix(OpBuilder &b, Location loc, Value decay, Value valid,
                    int64_t chunk) const override;
  Value buildTotal(OpBuilder &b, Location loc, Value decay, Value valid,
                   int64_t chunk) const override;
  Value buildSpan(OpBuilder &b, Location loc, Value decay, Value valid,
                  int64_t chunk) const override;
};

/// Registers the classes of the dialect: const, scalar and vector.
void registerBuiltinDecayClasses(LinattnDialect &dialect);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_DIALECT_LINATTN_IR_DECAYCLASS_H
