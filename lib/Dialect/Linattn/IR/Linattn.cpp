//===- Linattn.cpp - the linattn dialect ----------------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Linattn/IR/Linattn.h"

#include "Bytecode.h"
#include "TilingInterfaceImpl.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Transforms/InliningUtils.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::linattn;

#include "linattn/Dialect/Linattn/IR/Dialect.cpp.inc"

#include "linattn/Dialect/Linattn/IR/Enums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "linattn/Dialect/Linattn/IR/Attrs.cpp.inc"

namespace {
/// Functions with linattn ops may be inlined: no op cares where it stands.
struct LinattnInlinerInterface : DialectInlinerInterface {
  using DialectInlinerInterface::DialectInlinerInterface;

  bool isLegalToInline(Operation *, Region *, bool, IRMapping &) const final {
    return true;
  }
  bool isLegalToInline(Region *, Region *, bool, IRMapping &) const final {
    return true;
  }
};
} // namespace

void LinattnDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "linattn/Dialect/Linattn/IR/Attrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "linattn/Dialect/Linattn/IR/Ops.cpp.inc"
      >();
  detail::addBytecodeInterface(*this);
  attachTilingInterface(getContext());
  addInterfaces<LinattnInlinerInterface>();
  registerBuiltinDecayClasses(*this);
}

Operation *LinattnDialect::materializeConstant(OpBuilder &builder,
                                               Attribute value, Type type,
                                               Location loc) {
  return arith::ConstantOp::materialize(builder, value, type, loc);
}

void LinattnDialect::addDecayClass(std::unique_ptr<DecayClass> decayClass) {
  assert(llvm::none_of(decayClasses,
                       [&](const std::unique_ptr<DecayClass> &other) {
                         return other->getName() == decayClass->getName();
                       }) &&
         "a decay class with this name exists");
  decayClasses.push_back(std::move(decayClass));
}

//===----------------------------------------------------------------------===//
// ScheduleAttr
//===----------------------------------------------------------------------===//

LogicalResult
ScheduleAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                     int64_t chunk, int64_t subChunk, int64_t headAlign) {
  // schedule_c1
  if (chunk < 1 || chunk > kMaxChunk)
    return emitError() << "expects chunk from 1 to " << kMaxChunk
                       << " tokens, but got " << chunk;
  // schedule_c2
  if (subChunk < 1 || chunk % subChunk != 0)
    return emitError() << "expects sub_chunk to divide chunk = " << chunk
                       << ", but got " << subChunk;
  // schedule_c3
  if (headAlign < 1 || headAlign > 256)
    return emitError() << "expects head_align from 1 to 256 channels, but got "
                       << headAlign;
  // schedule_c4
  if (chunk / subChunk > kMaxRowBlocks)
    return emitError() << "expects sub_chunk to cut chunk = " << chunk
                       << " into at most " << kMaxRowBlocks
                       << " row blocks, but " << subChunk << " makes "
                       << chunk / subChunk
                       << " of them; use a larger sub_chunk or a smaller chunk";
  return success();
}
