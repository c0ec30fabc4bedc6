//===- ElementKernel.cpp - programs of element kernels --------------------===//
//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementKernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace mlir::linattn;

LogicalResult ElementKernel::emitPhase(const Phase &phase, const Known &known) {
  Location loc = kernel.getLoc();
  OpBuilder outer(b);
  TileExpression first(frame, b, outer);
  known.addTo(first, lanes);
  SmallVector<Value> sums;
  for (const Product &product : phase.products) {
    linalg::LinalgOp op = product.op;
    Value init = op.getDpsInits()[0];
    if (KernelBody::isZero(init)) {
      sums.push_back(
          arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0.0f)));
      continue;
    }
    FailureOr<Value> value = first.getElement(init, lanes.front());
    if (failed(value))
      return failure();
    sums.push_back(*value);
  }
  if ((!phase.products.empty() || !phase.ofRows.empty()) &&
      failed(emitRows(phase, known, constant(0), sums)))
    return failure();
  TileExpression last(frame, b, outer);
  known.addTo(last, lanes);
  for (auto [product, sum] : llvm::zip_equal(phase.products, sums))
    last.addLeaf(product.op->getResult(0), sum, lanes.front());
  return storeOthers(phase, last, lanes.front());
}

LogicalResult ElementKernel::emitLoop(Loop &loop, Known &known) {
  scf::ForOp op = loop.op;
  Location loc = op.getLoc();
  // Rows are gone over in a loop, so they cannot be registers.
  OpBuilder &entry = frame.getEntryBuilder();
  for (Carried &value : loop.carried)
    if (value.hasRows)
      value.memory = LLVM::AllocaOp::create(
          entry, loc, LLVM::LLVMPointerType::get(b.getContext()),
          b.getF32Type(),
          arith::ConstantIntOp::create(entry, loc, body.numRows, 32), 4);
  if (failed(emitPhase(loop.before, known)))
    return failure();
  // Scalars, and elements of tiles without rows.
  SmallVector<Carried *> values;
  SmallVector<Value> inits;
  for (Carried &value : loop.carried) {
    if (value.memory)
      continue;
    if (!isa<RankedTensorType>(value.arg.getType())) {
      FailureOr<Value> init = frame.getScalar(b, value.init);
      if (failed(init))
        return failure();
      value.element = *init;
    }
    values.push_back(&value);
    inits.push_back(value.element);
  }
  // An element is known by its tile, and one of all lanes to scalars too.
  auto know = [&](Known &known, Value tile, Value element) {
    auto type = dyn_cast<RankedTensorType>(tile.getType());
    if (type && type.getRank() == 1)
      known.elements.push_back({tile, SmallVector<Value>{element}});
    else
      frame.bind(tile, element);
  };
  FailureOr<Value> lower = frame.getScalar(b, op.getLowerBound());
  FailureOr<Value> upper = frame.getScalar(b, op.getUpperBound());
  FailureOr<Value> step = frame.getScalar(b, op.getStep());
  if (failed(lower) || failed(upper) || failed(step))
    return failure();
  auto emitted = scf::ForOp::create(b, loc, *lower, *upper, *step, inits);
  if (emitted.getBody()->mightHaveTerminator())
    emitted.getBody()->getTerminator()->erase();
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(emitted.getBody());
    frame.bind(op.getInductionVar(), emitted.getInductionVar());
    Known inside(known);
    for (const Carried &value : loop.carried)
      if (value.memory)
        inside.memories.push_back({value.arg, value.memory});
    for (auto [value, arg] : llvm::zip(values, emitted.getRegionIterArgs()))
      know(inside, value->arg, arg);
    if (failed(loadLanes(op.getBody(), inside)) ||
        failed(emitPhase(loop.inside, inside)))
      return failure();
    SmallVector<Value> yielded;
    for (Carried *value : values) {
      if (!isa<RankedTensorType>(value->arg.getType())) {
        FailureOr<Value> next = frame.getScalar(b, value->next);
        if (failed(next))
          return failure();
        value->element = *next;
      }
      yielded.push_back(value->element);
    }
    scf::YieldOp::create(b, loc, yielded);
  }
  for (auto [value, result] : llvm::zip(values, emitted.getResults()))
    know(known, value->result, result);
  for (const Carried &value : loop.carried)
    if (value.memory)
      known.memories.push_back({value.result, value.memory});
  return success();
}

LogicalResult ElementKernel::emitLoops() {
  auto ofLanes = scf::ForOp::create(b, kernel.getLoc(), thread,
                                    constant(body.numLanes), constant(threads));
  lanes = {ofLanes.getInductionVar()};
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(ofLanes.getBody()->getTerminator());
  Known known;
  if (failed(loadLanes(/*block=*/nullptr, known)))
    return failure();
  for (Loop &loop : body.loops)
    if (failed(emitLoop(loop, known)))
      return failure();
  return emitPhase(body.rest, known);
}

LogicalResult ElementKernel::emit() {
  thread = NVVM::ThreadIdXOp::create(b, kernel.getLoc(), b.getI32Type());
  return body.loops.empty() ? emitBlock() : emitLoops();
}
