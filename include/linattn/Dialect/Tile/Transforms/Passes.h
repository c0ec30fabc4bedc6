//===- Passes.h - passes on tile programs -----------------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DIALECT_TILE_TRANSFORMS_PASSES_H
#define LINATTN_DIALECT_TILE_TRANSFORMS_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir {
class ModuleOp;

namespace linattn {
namespace tile {

#define GEN_PASS_DECL
#include "linattn/Dialect/Tile/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "linattn/Dialect/Tile/Transforms/Passes.h.inc"

} // namespace tile
} // namespace linattn
} // namespace mlir

#endif // LINATTN_DIALECT_TILE_TRANSFORMS_PASSES_H
