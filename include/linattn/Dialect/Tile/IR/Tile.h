//===- Tile.h - the tile dialect --------------------------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DIALECT_TILE_IR_TILE_H
#define LINATTN_DIALECT_TILE_IR_TILE_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/LLVMIR/LLVMTypes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "linattn/Dialect/Tile/IR/Dialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "linattn/Dialect/Tile/IR/Attrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "linattn/Dialect/Tile/IR/Types.h.inc"

#define GET_OP_CLASSES
#include "linattn/Dialect/Tile/IR/Ops.h.inc"

namespace mlir {
namespace linattn {
namespace tile {

/// Threads of a warpgroup.
inline constexpr int64_t kWarpgroupThreads = 128;
/// Rows of one matrix instruction.
inline constexpr int64_t kInstructionRows = 64;
/// Columns of a panel: 128 bytes of 16-bit elements.
inline constexpr int64_t kPanelColumns = 64;

/// How a `tile.kernel` was placed, or how an `scf.forall` has to be.
inline constexpr llvm::StringLiteral kPlanAttrName = "tile.plan";

/// An attribute of a `tile.kernel`: thread blocks that a multiprocessor has to
/// have registers for.
inline constexpr llvm::StringLiteral kResidentBlocksAttrName =
    "tile.resident_blocks";
/// The number in it, 1 if there is none.
int64_t getResidentBlocks(KernelOp kernel);

/// An attribute of `!tile.global` arguments: the order in which a kernel sees
/// the dimensions of a tensor.
inline constexpr llvm::StringLiteral kDimsAttrName = "tile.dims";

/// That order for a `!tile.global` argument.
SmallVector<int64_t> getTensorDims(KernelOp kernel, unsigned argument);

/// How a launch passes one operand: `count` arguments of the kernel from
/// `first`.
struct KernelArguments {
  unsigned first, count;
};

/// The arguments of the kernel for every operand of the launch, inputs before
/// outputs. Fails with a diagnostic where they do not match.
FailureOr<SmallVector<KernelArguments>> matchArguments(LaunchOp launch,
                                                       KernelOp kernel);

/// Shape of a tile type that lies in registers.
std::pair<int64_t, int64_t> getRegisterTileShape(Type type);

} // namespace tile
} // namespace linattn
} // namespace mlir

#endif // LINATTN_DIALECT_TILE_IR_TILE_H
