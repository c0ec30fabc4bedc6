//===- LinattnOps.cpp - roles, verifiers and shapes of the ops ------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Linattn/IR/Linattn.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::linattn;

#define GET_OP_CLASSES
#include "linattn/Dialect/Linattn/IR/Ops.cpp.inc"

using Roles = SmallVector<DimRole>;

//===----------------------------------------------------------------------===//
// Verifiers
//===----------------------------------------------------------------------===//

/// The roles as a shape, for diagnostics: "[batch, token, head]".
static std::string describeShape(ArrayRef<DimRole> roles) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << '[';
  llvm::interleaveComma(roles, os,
                        [&](DimRole role) { os << stringifyDimRole(role); });
  os << ']';
  return text;
}

static LogicalResult verifyDecayClass(Operation *op, DecaySide side) {
  DecayInfo info = getDecayInfo(op, side);
  if (!info.decay || getDecayClass(op, side))
    return success();
  // linattn_c4
  StringRef name = side == DecaySide::Key ? "key_decay" : "value_decay";
  InFlightDiagnostic diag = op->emitOpError() << "expects `" << name << "` ";
  if (info.className)
    diag << "of class '" << *info.className << "' ";
  diag << "to have the shape of a decay class, but got "
       << info.decay.getType();
  auto *dialect = cast<LinattnDialect>(op->getDialect());
  Diagnostic &note = diag.attachNote() << "the classes are";
  llvm::interleave(
      dialect->getDecayClasses(),
      [&](const std::unique_ptr<DecayClass> &decayClass) {
        note << " " << decayClass->getName() << " "
             << describeShape(getDecayOperandRoles(op, side, *decayClass));
      },
      [&] { note << ","; });
  return diag;
}

/// Verifies what holds for every op that computes: the numbered constraints
/// linattn_c1 to linattn_c9 of docs/Spec.md.
static LogicalResult verifyComputeOp(Operation *op, unsigned minOutputs,
                                     unsigned maxOutputs, bool hasOffsets) {
  auto dps = cast<DestinationStyleOpInterface>(op);
  auto roleOp = cast<DimRoleOpInterface>(op);

  // linattn_c1
  unsigned numOutputs = dps.getNumDpsInits();
  if (numOutputs < minOutputs || numOutputs > maxOutputs) {
    InFlightDiagnostic diag = op->emitOpError() << "expects " << minOutputs;
    if (maxOutputs != minOutputs)
      diag << " to " << maxOutputs;
    return diag << " output operands, but got " << numOutputs;
  }

  // linattn_c2
  unsigned numTensors = 0, numShaped = 0;
  for (Type type : op->getOperandTypes()) {
    numTensors += isa<RankedTensorType>(type);
    numShaped += isa<ShapedType>(type);
  }
  if (numTensors != 0 && numTensors != numShaped)
    return op->emitOpError()
           << "expects all shaped operands to be tensors or all to be "
              "memrefs, but got "
           << numTensors << " tensors and " << numShaped - numTensors
           << " memrefs";

  // linattn_c3
  unsigned expectedResults = numTensors ? numOutputs : 0;
  if (op->getNumResults() != expectedResults)
    return op->emitOpError() << "expects " << expectedResults
                             << " results, but got " << op->getNumResults();
  for (auto [result, init] : llvm::zip(op->getResults(), dps.getDpsInits()))
    if (result.getType() != init.getType())
      return op->emitOpError()
             << "expects result " << result.getResultNumber()
             << " to have the type of its output operand, " << init.getType()
             << ", but got " << result.getType();

  if (failed(verifyDecayClass(op, DecaySide::Key)) ||
      failed(verifyDecayClass(op, DecaySide::Value)))
    return failure();

  // The first operand that has a role gives its size.
  struct Source {
    int64_t size;
    OpOperand *operand;
    unsigned dim;
  };
  SmallVector<std::pair<DimRole, Source>> sizes;
  auto find = [&](DimRole role) -> Source * {
    for (auto &[known, source] : sizes)
      if (known == role)
        return &source;
    return nullptr;
  };

  for (OpOperand &operand : op->getOpOperands()) {
    auto type = dyn_cast<ShapedType>(operand.get().getType());
    if (!type)
      continue;
    Roles roles = roleOp.getDimRoles(operand.getOperandNumber());
    StringRef name = roleOp.getOperandName(operand.getOperandNumber());
    // linattn_c5
    if (type.getRank() != static_cast<int64_t>(roles.size()))
      return op->emitOpError()
             << "expects `" << name << "` to have shape "
             << describeShape(roles) << ", but got " << operand.get().getType();
    for (auto [dim, role] : llvm::enumerate(roles)) {
      if (role == DimRole::Sequence && !hasOffsets)
        role = DimRole::Batch;
      int64_t size = type.getDimSize(dim);
      if (ShapedType::isDynamic(size))
        continue;
      Source *source = find(role);
      if (!source) {
        sizes.push_back(
            {role, Source{size, &operand, static_cast<unsigned>(dim)}});
        continue;
      }
      // linattn_c6
      if (source->size != size) {
        StringRef other =
            roleOp.getOperandName(source->operand->getOperandNumber());
        return op->emitOpError()
               << "expects dimension " << dim << " (" << stringifyDimRole(role)
               << ") of `" << name << "` to be " << source->size
               << ", as dimension " << source->dim << " of `" << other
               << "`, but got " << size;
      }
    }
  }

  // linattn_c7
  if (Source *heads = find(DimRole::Head)) {
    for (DimRole role :
         {DimRole::QueryHead, DimRole::KeyHead, DimRole::ValueHead}) {
      Source *group = find(role);
      if (!group)
        continue;
      if (group->size == 0 ? heads->size != 0 : heads->size % group->size != 0)
        return op->emitOpError()
               << "expects the number of " << stringifyDimRole(role)
               << "s to divide the number of heads, " << heads->size
               << ", but got " << group->size;
    }
  }

  // linattn_c8
  if (hasOffsets) {
    if (Source *batch = find(DimRole::Batch); batch && batch->size != 1)
      return op->emitOpError()
             << "expects a batch of 1 with `offsets`, but got " << batch->size;
    Source *boundaries = find(DimRole::Boundary);
    Source *sequences = find(DimRole::Sequence);
    if (boundaries && boundaries->size < 1)
      return op->emitOpError()
             << "expects `offsets` to have at least one boundary, but got "
             << boundaries->size;
    if (boundaries && sequences && boundaries->size != sequences->size + 1)
      return op->emitOpError()
             << "expects `offsets` to have " << sequences->size + 1
             << " boundaries for " << sequences->size << " sequences, but got "
             << boundaries->size;
  }

  // linattn_c9
  for (OpOperand &operand : op->getOpOperands()) {
    StringRef name = roleOp.getOperandName(operand.getOperandNumber());
    if ((name == "final_state" || name == "state") &&
        !getElementTypeOrSelf(operand.get()).isF32())
      return op->emitOpError()
             << "expects `" << name << "` to have f32 elements, but got "
             << operand.get().getType();
  }
  return success();
}

/// Verifies what holds for every block op.
static LogicalResult verifyBlockOp(Operation *op) {
  if (failed(verifyComputeOp(op, 1, 1, /*hasOffsets=*/false)))
    return failure();
  auto roleOp = cast<DimRoleOpInterface>(op);
  for (OpOperand &operand : op->getOpOperands()) {
    auto type = dyn_cast<ShapedType>(operand.get().getType());
    if (!type)
      continue;
    unsigned number = operand.getOperandNumber();
    // block_c1
    if (!type.hasStaticShape())
      return op->emitOpError()
             << "expects `" << roleOp.getOperandName(number)
             << "` to have a static shape, but got " << operand.get().getType();
    // block_c2
    std::optional<unsigned> token =
        findRole(roleOp.getDimRoles(number), DimRole::Token);
    if (token && type.getDimSize(*token) < 1)
      return op->emitOpError() << "expects `" << roleOp.getOperandName(number)
                               << "` to have at least one token, but got "
                               << operand.get().getType();
  }
  return success();
}

LogicalResult AttentionOp::verify() {
  return verifyComputeOp(*this, 1, 2, getOffsets() != nullptr);
}

LogicalResult StateOp::verify() {
  unsigned numOutputs =
      1 + (getKeyDecay() != nullptr) + (getValueDecay() != nullptr);
  return verifyComputeOp(*this, numOutputs, numOutputs,
                         getOffsets() != nullptr);
}

LogicalResult StepOp::verify() {
  return verifyComputeOp(*this, 2, 2, /*hasOffsets=*/false);
}

LogicalResult InterOp::verify() { return verifyBlockOp(*this); }

LogicalResult BlockStateOp::verify() { return verifyBlockOp(*this); }

LogicalResult IntraOp::verify() {
  if (failed(verifyBlockOp(*this)))
    return failure();
  // intra_c1
  int64_t chunk = cast<ShapedType>(getQuery().getType()).getDimSize(0);
  if (std::optional<int64_t> subChunk = getSubChunk();
      subChunk && (*subChunk < 1 || chunk % *subChunk != 0))
    return emitOpError() << "expects sub_chunk to divide the " << chunk
                         << " tokens of the chunk, but got " << *subChunk;
  return success();
}

//===----------------------------------------------------------------------===//
// Effects and shapes
//===----------------------------------------------------------------------===//

bool mlir::linattn::readsOutput(OpOperand &output) {
  Operation *op = output.getOwner();
  if (isa<AttentionOp, StateOp>(op))
    return false;
  // Of a step only the state, which is the last output; of a block op its
  // accumulator.
  return output.getOperandNumber() + 1 == op->getNumOperands();
}

using Effects =
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>;

/// On memrefs: reads the inputs and what `readsOutput` says, writes every
/// output.
static void getComputeOpEffects(Operation *op, Effects &effects) {
  auto dps = cast<DestinationStyleOpInterface>(op);
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    bool isOutput = dps.isDpsInit(&operand);
    if (!isOutput || readsOutput(operand))
      effects.emplace_back(MemoryEffects::Read::get(), &operand, /*stage=*/0,
                           /*effectOnFullRegion=*/true,
                           SideEffects::DefaultResource::get());
    if (isOutput)
      effects.emplace_back(MemoryEffects::Write::get(), &operand, /*stage=*/0,
                           /*effectOnFullRegion=*/true,
                           SideEffects::DefaultResource::get());
  }
}

void AttentionOp::getEffects(Effects &effects) {
  getComputeOpEffects(*this, effects);
}
void StateOp::getEffects(Effects &effects) {
  getComputeOpEffects(*this, effects);
}
void StepOp::getEffects(Effects &effects) {
  getComputeOpEffects(*this, effects);
}
void InterOp::getEffects(Effects &effects) {
  getComputeOpEffects(*this, effects);
}
void BlockStateOp::getEffects(Effects &effects) {
  getComputeOpEffects(*this, effects);
}
void IntraOp::getEffects(Effects &effects) {
  getComputeOpEffects(*this, effects);
}

/// Results have the shapes of the output operands.
static LogicalResult reifyShapes(Operation *op, OpBuilder &b,
                                 ReifiedRankedShapedTypeDims &shapes) {
  for (Value init : cast<DestinationStyleOpInterface>(op).getDpsInits())
    shapes.push_back(tensor::getMixedSizes(b, op->getLoc(), init));
  return success();
}

LogicalResult
AttentionOp::reifyResultShapes(OpBuilder &b,
                               ReifiedRankedShapedTypeDims &shapes) {
  return reifyShapes(*this, b, shapes);
}
LogicalResult StateOp::reifyResultShapes(OpBuilder &b,
                                         ReifiedRankedShapedTypeDims &shapes) {
  return reifyShapes(*this, b, shapes);
}
LogicalResult StepOp::reifyResultShapes(OpBuilder &b,
                                        ReifiedRankedShapedTypeDims &shapes) {
  return reifyShapes(*this, b, shapes);
}
LogicalResult InterOp::reifyResultShapes(OpBuilder &b,
                                         ReifiedRankedShapedTypeDims &shapes) {
  return reifyShapes(*this, b, shapes);
}
LogicalResult
BlockStateOp::reifyResultShapes(OpBuilder &b,
                                ReifiedRankedShapedTypeDims &shapes) {
  return reifyShapes(*this, b, shapes);
}
LogicalResult IntraOp::reifyResultShapes(OpBuilder &b,
                                         ReifiedRankedShapedTypeDims &shapes) {
  return reifyShapes(*this, b, shapes);
}
