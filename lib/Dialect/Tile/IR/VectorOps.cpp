//===- VectorOps.cpp - vectors of a warp ----------------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Tile/IR/Tile.h"

using namespace mlir;
using namespace mlir::linattn;
using namespace mlir::linattn::tile;

LogicalResult
WarpVectorType::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                       int64_t size) {
  if (size > 0 && size % 32 == 0)
    return success();
  return emitError() << "expects size to be a multiple of 32, but got " << size;
}

LogicalResult VectorLoadOp::verify() {
  Type element = getElement();
  if (!element.isF32() && !element.isBF16() && !element.isF16())
    return emitOpError() << "expects f32, bf16 or f16 elements, but got "
                         << element;
  return success();
}

LogicalResult VectorMapOp::verify() {
  WarpVectorType type = getResult().getType();
  for (Value input : getInputs())
    if (input.getType() != type)
      return emitOpError() << "expects inputs of the type of the result, "
                           << type << ", but got " << input.getType();
  Block &body = getBody().front();
  size_t numInputs = getInputs().size();
  if (body.getNumArguments() != numInputs + 1)
    return emitOpError() << "expects " << numInputs + 1
                         << " block arguments: an element of each input and "
                            "its number, but got "
                         << body.getNumArguments();
  for (BlockArgument arg : body.getArguments()) {
    bool isIndex = arg.getArgNumber() == numInputs;
    if (isIndex ? !arg.getType().isInteger(32) : !arg.getType().isF32())
      return emitOpError() << "expects block argument " << arg.getArgNumber()
                           << " to be " << (isIndex ? "i32" : "f32")
                           << ", but got " << arg.getType();
  }
  if (!cast<YieldOp>(body.getTerminator()).getValue())
    return emitOpError() << "expects the body to yield an element";
  return success();
}

LogicalResult VectorStoreOp::verify() {
  SharedVectorType destination = getDestination().getType();
  int64_t size = getValue().getType().getSize();
  if (destination.getStages() != 1 || destination.getSize() != size)
    return emitOpError() << "expects one vector of " << size
                         << " elements, but got " << destination;
  return success();
}
