//===- Messages.cpp - texts of a compiled module -------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/ABI/Messages.h"

using namespace mlir;
using namespace mlir::linattn;

static constexpr StringLiteral kPrefix = "linattn.message.";

MessageTable::MessageTable(ModuleOp module) : module(module) {
  // What an earlier pass has put into the module.
  for (auto global : module.getOps<LLVM::GlobalOp>())
    if (global.getSymName().starts_with(kPrefix))
      if (auto text = dyn_cast_or_null<StringAttr>(global.getValueOrNull()))
        globals[text.getValue().drop_back()] = global;
}

Value MessageTable::getAddress(OpBuilder &b, Location loc, StringRef text) {
  LLVM::GlobalOp &global = globals[text];
  if (!global) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    SmallString<64> stored(text);
    stored.push_back('\0');
    auto type = LLVM::LLVMArrayType::get(b.getI8Type(), stored.size());
    global = LLVM::GlobalOp::create(
        b, module.getLoc(), type, /*isConstant=*/true, LLVM::Linkage::Internal,
        (kPrefix + Twine(globals.size() - 1)).str(), b.getStringAttr(stored));
  }
  return LLVM::AddressOfOp::create(b, loc, global);
}
