//===- HostBuilder.h - calls of the tile machine ----------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_CONVERSION_TILETOHOST_HOSTBUILDER_H
#define LINATTN_LIB_CONVERSION_TILETOHOST_HOSTBUILDER_H

#include "linattn/Dialect/Tile/IR/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/FunctionCallUtils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace mlir {
namespace linattn {
namespace tile {

/// Builds calls of the functions in `linattn/Driver/TileMachine.h`, whose
/// integers all have 64 bits.
struct HostBuilder {
  HostBuilder(OpBuilder &b, Location loc) : b(b), loc(loc) {}

  Type pointerType() { return LLVM::LLVMPointerType::get(b.getContext()); }

  Value i64(int64_t value) {
    return arith::ConstantIntOp::create(b, loc, b.getI64Type(), value);
  }
  Value i32(int64_t value) {
    return arith::ConstantIntOp::create(b, loc, b.getI32Type(), value);
  }
  /// A signed number, as i64.
  Value widen(Value value) {
    if (value.getType().isIndex())
      return arith::IndexCastOp::create(b, loc, b.getI64Type(), value);
    return value.getType().isInteger(64)
               ? value
               : arith::ExtSIOp::create(b, loc, b.getI64Type(), value);
  }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value mul(Value x, int64_t y) {
    return arith::MulIOp::create(b, loc, x, i64(y));
  }
  /// The address of an element of an array.
  Value at(Value base, Type element, Value index) {
    return LLVM::GEPOp::create(b, loc, base.getType(), element, base,
                               ArrayRef<LLVM::GEPArg>{index});
  }

  /// Calls `linattn_tile_<name>`. The first `numFixed` arguments are declared;
  /// those behind them are variadic.
  Value call(StringRef name, Type result, ArrayRef<Value> arguments,
             std::optional<unsigned> numFixed = std::nullopt) {
    Operation *module = b.getInsertionBlock()->getParentOp();
    while (!isa<ModuleOp>(module))
      module = module->getParentOp();
    SmallVector<Type> types(ValueRange(arguments)
                                .take_front(numFixed.value_or(arguments.size()))
                                .getTypes());
    // The module has no other symbols of these names.
    LLVM::LLVMFuncOp function = *LLVM::lookupOrCreateFn(
        b, module, ("linattn_tile_" + name).str(), types,
        result ? result : LLVM::LLVMVoidType::get(b.getContext()),
        /*isVarArg=*/numFixed.has_value());
    auto call = LLVM::CallOp::create(b, loc, function, arguments);
    return result ? call.getResult() : Value();
  }

  OpBuilder &b;
  Location loc;
};

/// The crews of a kernel: the first thread and the number of warps of each.
/// None if every thread works on its own.
using Crews = SmallVector<std::pair<int64_t, int64_t>>;

/// Fails with a diagnostic.
FailureOr<Crews> getCrews(KernelOp kernel);

/// Turns a launch into a call.
LogicalResult lowerLaunch(LaunchOp launch, KernelOp kernel, const Crews &crews);

} // namespace tile
} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_CONVERSION_TILETOHOST_HOSTBUILDER_H
