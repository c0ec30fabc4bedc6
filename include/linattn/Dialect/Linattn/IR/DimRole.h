//===- DimRole.h - roles of the dimensions of operands ----------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DIALECT_LINATTN_IR_DIMROLE_H
#define LINATTN_DIALECT_LINATTN_IR_DIMROLE_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

namespace mlir {
namespace linattn {

class LinattnDialect;

/// What a dimension of an operand stands for. Dimensions of one op that have
/// one role have one size.
enum class DimRole {
  /// Entries of the batch. One if the sequences are packed.
  Batch,
  /// Sequences: entries of the batch, or packed sequences.
  Sequence,
  /// Boundaries of packed sequences: one more than sequences.
  Boundary,
  /// Tokens of a sequence, of all packed sequences, or of a chunk.
  Token,
  /// Heads of the decays, the states and the output.
  Head,
  /// Heads of one operand; each divides the number of heads.
  QueryHead,
  KeyHead,
  ValueHead,
  /// Channels of queries and keys.
  KeyChannel,
  /// Channels of values and outputs.
  ValueChannel,
  /// Only in decay classes: the channels of the side that the decay acts on.
  Channel,
};

/// The name of a role, for diagnostics: "batch", "key channel", ...
llvm::StringRef stringifyDimRole(DimRole role);

/// True for the roles whose size divides the number of heads.
bool isGroupedHead(DimRole role);

/// The position of `role` in `roles`, or nothing.
std::optional<unsigned> findRole(llvm::ArrayRef<DimRole> roles, DimRole role);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_DIALECT_LINATTN_IR_DIMROLE_H
