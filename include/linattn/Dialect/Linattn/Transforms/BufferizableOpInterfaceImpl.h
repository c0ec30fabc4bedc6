//===- BufferizableOpInterfaceImpl.h - the ops on buffers -------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DIALECT_LINATTN_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H
#define LINATTN_DIALECT_LINATTN_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H

namespace mlir {
class DialectRegistry;

namespace linattn {

/// Lets one-shot bufferization turn the ops into their memref forms: no input
/// is copied, and outputs are written in place.
void registerBufferizableOpInterfaceExternalModels(DialectRegistry &registry);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_DIALECT_LINATTN_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H
