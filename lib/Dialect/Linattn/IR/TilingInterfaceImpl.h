//===- TilingInterfaceImpl.h - tiling by dimension roles --------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_DIALECT_LINATTN_IR_TILINGINTERFACEIMPL_H
#define LINATTN_LIB_DIALECT_LINATTN_IR_TILINGINTERFACEIMPL_H

namespace mlir {
class MLIRContext;

namespace linattn {

/// Gives TilingInterface to every op that computes.
void attachTilingInterface(MLIRContext *context);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_DIALECT_LINATTN_IR_TILINGINTERFACEIMPL_H
