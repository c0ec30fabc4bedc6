//===- Bytecode.h - the bytecode version of the dialect ---------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_DIALECT_LINATTN_IR_BYTECODE_H
#define LINATTN_LIB_DIALECT_LINATTN_IR_BYTECODE_H

namespace mlir {
namespace linattn {

class LinattnDialect;

namespace detail {

/// Makes the dialect write its version into bytecode, and reject bytecode of a
/// later version.
void addBytecodeInterface(LinattnDialect &dialect);

} // namespace detail
} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_DIALECT_LINATTN_IR_BYTECODE_H
