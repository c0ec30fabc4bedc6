//===- ToBlocks.cpp - cut named ops into chunks of block ops --------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Linattn/IR/Linattn.h"
#include "linattn/Dialect/Linattn/Transforms/Passes.h"

#include "mlir/Interfaces/FunctionInterfaces.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNTOBLOCKS
#include "linattn/Dialect/Linattn/Transforms/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;
using namespace mlir::linattn;

namespace {
struct ToBlocks : linattn::impl::LinattnToBlocksBase<ToBlocks> {
  using Base::Base;

  void runOnOperation() override {}
};
} // namespace
