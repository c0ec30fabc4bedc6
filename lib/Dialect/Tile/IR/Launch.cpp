//===- Launch.cpp - how a launch passes its operands ----------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Tile/IR/Tile.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinAttributes.h"

using namespace mlir;
using namespace mlir::linattn;
using namespace mlir::linattn::tile;

//===----------------------------------------------------------------------===//
// Attributes of arguments
//===----------------------------------------------------------------------===//

static LogicalResult verifyDims(Operation *op, Attribute attr, int64_t rank) {
  auto dims = dyn_cast<DenseI64ArrayAttr>(attr);
  SmallVector<bool> seen(rank);
  bool isPermutation = dims && dims.size() == rank;
  for (int64_t dim : isPermutation ? dims.asArrayRef() : ArrayRef<int64_t>()) {
    isPermutation &= dim >= 0 && dim < rank && !seen[dim];
    if (!isPermutation)
      break;
    seen[dim] = true;
  }
  if (isPermutation)
    return success();
  return op->emitOpError() << "expects '" << kDimsAttrName
                           << "' to be an array of i64 that permutes the "
                           << rank << " dimensions of the tensor, but got "
                           << attr;
}

LogicalResult TileDialect::verifyRegionArgAttribute(Operation *op, unsigned,
                                                    unsigned argIndex,
                                                    NamedAttribute attr) {
  auto kernel = dyn_cast<KernelOp>(op);
  if (!kernel || attr.getName() != kDimsAttrName)
    return success();
  Type type = kernel.getArgumentTypes()[argIndex];
  auto tensor = dyn_cast<GlobalType>(type);
  if (!tensor)
    return op->emitOpError()
           << "expects '" << attr.getName().getValue()
           << "' on an argument of type !tile.global, but argument " << argIndex
           << " is " << type;
  return verifyDims(op, attr.getValue(), tensor.getRank());
}

SmallVector<int64_t> mlir::linattn::tile::getTensorDims(KernelOp kernel,
                                                        unsigned argument) {
  auto type = cast<GlobalType>(kernel.getArgumentTypes()[argument]);
  if (auto dims =
          kernel.getArgAttrOfType<DenseI64ArrayAttr>(argument, kDimsAttrName))
    return llvm::to_vector(dims.asArrayRef());
  return llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
}

//===----------------------------------------------------------------------===//
// Operands and arguments
//===----------------------------------------------------------------------===//

/// Matches a tensor with the arguments that start with `first`, and returns how
/// many they are.
static FailureOr<unsigned> matchTensor(LaunchOp launch, KernelOp kernel,
                                       unsigned operand, unsigned first) {
  auto tensor =
      cast<RankedTensorType>(launch->getOperand(operand + 1).getType());
  ArrayRef<Type> types = kernel.getArgumentTypes();
  if (auto global = dyn_cast<GlobalType>(types[first])) {
    if (global.getRank() != tensor.getRank() ||
        global.getElementType() != tensor.getElementType())
      return launch.emitOpError()
             << "expects operand " << operand << " to be a tensor of rank "
             << global.getRank() << " of " << global.getElementType()
             << ", as argument " << first << " of '" << launch.getKernel()
             << "' is " << global << ", but got " << tensor;
    return 1;
  }
  auto pointer = dyn_cast<LLVM::LLVMPointerType>(types[first]);
  if (!pointer || pointer.getAddressSpace() != 1)
    return launch.emitOpError()
           << "expects argument " << first << " of '" << launch.getKernel()
           << "' to be !tile.global or !llvm.ptr<1>, as operand " << operand
           << " is " << tensor << ", but got " << types[first];
  unsigned rank = tensor.getRank();
  for (unsigned dim = 0; dim != rank; ++dim) {
    unsigned arg = first + 1 + dim;
    if (arg >= types.size() || !types[arg].isInteger(64)) {
      InFlightDiagnostic diag = launch.emitOpError();
      diag << "expects " << rank << " strides (i64) after argument " << first
           << " of '" << launch.getKernel() << "', a pointer to operand "
           << operand << " of type " << tensor << ", but ";
      if (arg >= types.size())
        return diag << "the kernel has " << types.size() << " arguments";
      return diag << "argument " << arg << " is " << types[arg];
    }
  }
  return 1 + rank;
}

FailureOr<SmallVector<KernelArguments>>
mlir::linattn::tile::matchArguments(LaunchOp launch, KernelOp kernel) {
  ArrayRef<Type> types = kernel.getArgumentTypes();
  SmallVector<KernelArguments> matched;
  unsigned next = 0;
  // The first operand is the number of blocks.
  for (unsigned operand = 0, e = launch->getNumOperands() - 1; operand != e;
       ++operand) {
    Type type = launch->getOperand(operand + 1).getType();
    if (next >= types.size())
      return launch.emitOpError()
             << "expects an argument of '" << launch.getKernel()
             << "' for operand " << operand << " of type " << type
             << ", but the kernel has " << types.size()
             << " arguments and all are taken";
    FailureOr<unsigned> count = 1;
    if (isa<RankedTensorType>(type)) {
      count = matchTensor(launch, kernel, operand, next);
      if (failed(count))
        return failure();
    } else if (type.isIndex()
                   ? !types[next].isInteger(32) && !types[next].isInteger(64)
                   : type != types[next]) {
      InFlightDiagnostic diag = launch.emitOpError();
      diag << "expects argument " << next << " of '" << launch.getKernel()
           << "' to be ";
      if (type.isIndex())
        diag << "i32 or i64";
      else
        diag << type;
      return diag << ", as operand " << operand << " is " << type
                  << ", but got " << types[next];
    }
    matched.push_back({next, *count});
    next += *count;
  }
  if (next != types.size())
    return launch.emitOpError()
           << "expects operands for all " << types.size() << " arguments of '"
           << launch.getKernel() << "', but they fill " << next;
  return matched;
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  Operation *kernel =
      symbolTable.lookupNearestSymbolFrom(*this, getKernelAttr());
  if (!kernel)
    return emitOpError() << "expects a kernel, but there is no symbol '"
                         << getKernel() << "'";
  // What a kernel has been lowered to has other arguments.
  if (isa<LLVM::LLVMFuncOp>(kernel))
    return success();
  auto program = dyn_cast<KernelOp>(kernel);
  if (!program)
    return emitOpError() << "expects a tile.kernel, but '" << getKernel()
                         << "' is a '" << kernel->getName() << "'";
  return success(succeeded(matchArguments(*this, program)));
}
