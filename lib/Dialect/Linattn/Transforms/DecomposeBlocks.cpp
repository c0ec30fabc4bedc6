//===- DecomposeBlocks.cpp - decompose block ops into contractions and maps ===//
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
#define GEN_PASS_DEF_LINATTNDECOMPOSEBLOCKS
#include "linattn/Dialect/Linattn/Transforms/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;
using namespace mlir::linattn;

namespace {
struct DecomposeBlocks : linattn::impl::LinattnDecomposeBlocksBase<DecomposeBlocks> {
  using Base::Base;

  void runOnOperation() override {}
};
} // namespace
