//===- LinattnTransformOps.h - transform ops of linattn ---------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DIALECT_LINATTN_TRANSFORMOPS_LINATTNTRANSFORMOPS_H
#define LINATTN_DIALECT_LINATTN_TRANSFORMOPS_LINATTNTRANSFORMOPS_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Transform/Interfaces/TransformInterfaces.h"
#include "mlir/IR/OpImplementation.h"

namespace mlir {
class DialectRegistry;
} // namespace mlir

#define GET_OP_CLASSES
#include "linattn/Dialect/Linattn/TransformOps/LinattnTransformOps.h.inc"

namespace mlir {
namespace linattn {

/// Adds the transform ops of linattn to the transform dialect.
void registerTransformDialectExtension(DialectRegistry &registry);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_DIALECT_LINATTN_TRANSFORMOPS_LINATTNTRANSFORMOPS_H
