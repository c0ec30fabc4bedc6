//===- Linattn.h - the linattn dialect --------------------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DIALECT_LINATTN_IR_LINATTN_H
#define LINATTN_DIALECT_LINATTN_IR_LINATTN_H

#include "linattn/Dialect/Linattn/IR/DecayClass.h"
#include "linattn/Dialect/Linattn/IR/DimRole.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

// The order of the generated files matters.
#include "linattn/Dialect/Linattn/IR/Enums.h.inc"

#include "linattn/Dialect/Linattn/IR/Dialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "linattn/Dialect/Linattn/IR/Attrs.h.inc"

#include "linattn/Dialect/Linattn/IR/Interfaces.h.inc"

#define GET_OP_CLASSES
#include "linattn/Dialect/Linattn/IR/Ops.h.inc"

namespace mlir {
namespace linattn {

/// The decay of one side of an op, or null, and the name that the op gives to
/// its class, if it gives one.
struct DecayInfo {
  Value decay;
  std::optional<StringRef> className;
};
DecayInfo getDecayInfo(Operation *op, DecaySide side);

/// The decay class of an operand of `op`, or null if the op has no decay on
/// that side. The verifier has made sure that there is one.
const DecayClass *getDecayClass(Operation *op, DecaySide side);
const DecayClass *getKeyDecayClass(Operation *op);
const DecayClass *getValueDecayClass(Operation *op);

/// The name that a block op must give to the class of a tile, or null if the
/// rank of the tile tells it (or there is no decay).
StringAttr getTileDecayClassName(const DecayClass *decayClass,
                                 MLIRContext *context);

/// The class that the rank of a decay operand alone means to `op`: what it is
/// if the op gives no name. Null if no class has that rank.
const DecayClass *getDecayClassOfRank(Operation *op, DecaySide side,
                                      int64_t rank);

/// The roles that an operand of `decayClass` has on one side of `op`, in the
/// order in which its type lists them.
SmallVector<DimRole> getDecayOperandRoles(Operation *op, DecaySide side,
                                          const DecayClass &decayClass);

/// True if an op of the dialect reads the contents of its output operand
/// `output` before it writes them.
bool readsOutput(OpOperand &output);

/// The log-decay of one head by a slope family, computed in f64. `head` counts
/// from 0 to `numHeads` - 1, `layer` from 0 to `numLayers` - 1.
double computeSlope(SlopeFamily family, int64_t head, int64_t numHeads,
                    int64_t layer, int64_t numLayers);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_DIALECT_LINATTN_IR_LINATTN_H
