//===- Messages.h - texts of a compiled module ------------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_ABI_MESSAGES_H
#define LINATTN_ABI_MESSAGES_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

namespace mlir {
namespace linattn {

/// The texts that a compiled module may return, each stored once.
class MessageTable {
public:
  explicit MessageTable(ModuleOp module);

  /// The address of a null-terminated text.
  Value getAddress(OpBuilder &b, Location loc, StringRef text);

private:
  ModuleOp module;
  llvm::StringMap<LLVM::GlobalOp> globals;
};

} // namespace linattn
} // namespace mlir

#endif // LINATTN_ABI_MESSAGES_H
