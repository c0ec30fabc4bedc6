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

#include "linattn/Dialect/Linattn/IR/Interfaces.cpp.inc"

#define GET_OP_CLASSES
#include "linattn/Dialect/Linattn/IR/Ops.cpp.inc"

using Roles = SmallVector<DimRole>;

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

using Side = DecaySide;

static DimRole getChannelRole(Side side) {
  return side == Side::Key ? DimRole::KeyChannel : DimRole::ValueChannel;
}

/// The roles of a decay of `decayClass` in an op whose decays keep only the
/// roles in `kept`.
static Roles getDecayRoles(const DecayClass &decayClass, Side side,
                           ArrayRef<DimRole> kept) {
  Roles roles;
  for (DimRole role : decayClass.getRoles()) {
    if (role == DimRole::Channel)
      roles.push_back(getChannelRole(side));
    else if (llvm::is_contained(kept, role))
      roles.push_back(role);
  }
  return roles;
}

/// What `op` keeps of the roles [Batch, Token, Head] of a decay.
static ArrayRef<DimRole> getKeptDecayRoles(Operation *op) {
  static const DimRole whole[] = {DimRole::Batch, DimRole::Token,
                                  DimRole::Head};
  static const DimRole step[] = {DimRole::Batch, DimRole::Head};
  static const DimRole block[] = {DimRole::Token};
  if (isa<AttentionOp, StateOp>(op))
    return whole;
  if (isa<StepOp>(op))
    return step;
  return block;
}

/// Finds the class of a decay: by name if the op gives one, otherwise the
/// first class whose roles fit the rank.
static const DecayClass *findDecayClass(Operation *op, Side side, int64_t rank,
                                        std::optional<StringRef> name) {
  auto *dialect = cast<LinattnDialect>(op->getDialect());
  for (const std::unique_ptr<DecayClass> &candidate :
       dialect->getDecayClasses()) {
    if (name && candidate->getName() != *name)
      continue;
    Roles roles = getDecayRoles(*candidate, side, getKeptDecayRoles(op));
    if (static_cast<int64_t>(roles.size()) == rank)
      return candidate.get();
  }
  return nullptr;
}

namespace {
/// One side's decay of an op: the operand, its class, and the name that the
/// op gives to the class, if it does.
struct DecayInfo {
  Value decay;
  std::optional<StringRef> className;
};
} // namespace

template <typename OpTy> static DecayInfo getDecayInfoOf(OpTy op, Side side) {
  DecayInfo info;
  info.decay = side == Side::Key ? op.getKeyDecay() : op.getValueDecay();
  if constexpr (!std::is_same_v<OpTy, AttentionOp> &&
                !std::is_same_v<OpTy, StateOp>)
    info.className =
        side == Side::Key ? op.getKeyDecayClass() : op.getValueDecayClass();
  return info;
}

static DecayInfo getDecayInfo(Operation *op, Side side) {
  return TypeSwitch<Operation *, DecayInfo>(op)
      .Case<AttentionOp, StateOp, StepOp, InterOp, BlockStateOp, IntraOp>(
          [&](auto typed) { return getDecayInfoOf(typed, side); });
}

static const DecayClass *getDecayClass(Operation *op, Side side) {
  DecayInfo info = getDecayInfo(op, side);
  if (!info.decay)
    return nullptr;
  int64_t rank = cast<ShapedType>(info.decay.getType()).getRank();
  return findDecayClass(op, side, rank, info.className);
}

const DecayClass *mlir::linattn::getKeyDecayClass(Operation *op) {
  return getDecayClass(op, Side::Key);
}

const DecayClass *mlir::linattn::getValueDecayClass(Operation *op) {
  return getDecayClass(op, Side::Value);
}

StringAttr mlir::linattn::getTileDecayClassName(const DecayClass *decayClass,
                                                MLIRContext *context) {
  if (!decayClass)
    return {};
  auto getTileRank = [](const DecayClass &candidate) {
    return getDecayRoles(candidate, Side::Key, DimRole::Token).size();
  };
  auto *dialect = context->getLoadedDialect<LinattnDialect>();
  for (const std::unique_ptr<DecayClass> &candidate :
       dialect->getDecayClasses()) {
    if (candidate.get() == decayClass)
      return {};
    if (getTileRank(*candidate) == getTileRank(*decayClass))
      break;
  }
  return StringAttr::get(context, decayClass->getName());
}

const DecayClass *mlir::linattn::getDecayClassOfRank(Operation *op, Side side,
                                                     int64_t rank) {
  return findDecayClass(op, side, rank, /*name=*/std::nullopt);
}

/// Puts [.., Token, head, ..] into the order of `layout`.
static Roles applyLayout(Layout layout, Roles roles) {
  if (layout == Layout::BNHD)
    return roles;
  for (unsigned i = 0; i + 1 < roles.size(); ++i) {
    bool isHead = roles[i + 1] == DimRole::Head || isGroupedHead(roles[i + 1]);
    if (roles[i] == DimRole::Token && isHead) {
      std::swap(roles[i], roles[i + 1]);
      break;
    }
  }
  return roles;
}

Roles mlir::linattn::getDecayOperandRoles(Operation *op, Side side,
                                          const DecayClass &decayClass) {
  Roles roles = getDecayRoles(decayClass, side, getKeptDecayRoles(op));
  return TypeSwitch<Operation *, Roles>(op)
      .Case<AttentionOp, StateOp>(
          [&](auto typed) { return applyLayout(typed.getLayout(), roles); })
      .Default(roles);
}

/// Roles of a decay operand of `op`, in the order of its type.
static Roles getRolesOfDecay(Operation *op, Side side) {
  const DecayClass *decayClass = getDecayClass(op, side);
  if (!decayClass)
    return {};
  return getDecayOperandRoles(op, side, *decayClass);
}

static Roles getStateRoles(StateLayout layout, DimRole sequence) {
  if (layout == StateLayout::KV)
    return {sequence, DimRole::Head, DimRole::KeyChannel,
            DimRole::ValueChannel};
  return {sequence, DimRole::Head, DimRole::ValueChannel, DimRole::KeyChannel};
}

/// [S, H] and, if the decay differs by channel, its channels.
static Roles getTotalDecayRoles(Operation *op, Side side) {
  Roles roles = {DimRole::Sequence, DimRole::Head};
  const DecayClass *decayClass = getDecayClass(op, side);
  if (decayClass && !decayClass->isUniform())
    roles.push_back(getChannelRole(side));
  return roles;
}

/// Which of the operands of its definition an operand belongs to, and its
/// position there.
template <typename OpTy>
static std::pair<unsigned, unsigned> findOperandGroup(OpTy op,
                                                      unsigned operandNumber) {
  unsigned numGroups = op.getProperties().operandSegmentSizes.size();
  for (unsigned group = 0; group < numGroups; ++group) {
    auto [first, length] = op.getODSOperandIndexAndLength(group);
    if (operandNumber >= first && operandNumber < first + length)
      return {group, operandNumber - first};
  }
  llvm_unreachable("operand number out of range");
}

Roles AttentionOp::getDimRoles(unsigned operandNumber) {
  using R = DimRole;
  auto [group, position] = findOperandGroup(*this, operandNumber);
  switch (group) {
  case 0:
    return applyLayout(getLayout(),
                       {R::Batch, R::Token, R::QueryHead, R::KeyChannel});
  case 1:
    return applyLayout(getLayout(),
                       {R::Batch, R::Token, R::KeyHead, R::KeyChannel});
  case 2:
    return applyLayout(getLayout(),
                       {R::Batch, R::Token, R::ValueHead, R::ValueChannel});
  case 3:
    return getRolesOfDecay(*this, Side::Key);
  case 4:
    return getRolesOfDecay(*this, Side::Value);
  case 5:
    return getStateRoles(getStateLayout(), R::Sequence);
  case 6:
    return {R::Boundary};
  default:
    if (position == 0)
      return applyLayout(getLayout(),
                         {R::Batch, R::Token, R::Head, R::ValueChannel});
    return getStateRoles(getStateLayout(), R::Sequence);
  }
}

StringRef AttentionOp::getOperandName(unsigned operandNumber) {
  static constexpr StringLiteral names[] = {
      "query",       "key",           "value",  "key_decay",
      "value_decay", "initial_state", "offsets"};
  auto [group, position] = findOperandGroup(*this, operandNumber);
  if (group < std::size(names))
    return names[group];
  return position == 0 ? "output" : "final_state";
}

Roles AttentionOp::getParallelRoles() {
  // Offsets count tokens from the start of all sequences: a slice of them
  // would not describe a slice of the tokens.
  if (getOffsets())
    return {DimRole::Head, DimRole::ValueChannel};
  return {DimRole::Batch, DimRole::Head, DimRole::ValueChannel};
}

Roles StateOp::getDimRoles(unsigned operandNumber) {
  using R = DimRole;
  auto [group, position] = findOperandGroup(*this, operandNumber);
  switch (group) {
  case 0:
    return applyLayout(getLayout(),
                       {R::Batch, R::Token, R::KeyHead, R::KeyChannel});
  case 1:
    return applyLayout(getLayout(),
                       {R::Batch, R::Token, R::ValueHead, R::ValueChannel});
  case 2:
    return getRolesOfDecay(*this, Side::Key);
  case 3:
    return getRolesOfDecay(*this, Side::Value);
  case 4:
    return {R::Boundary};
  default:
    if (position == 0)
      return getStateRoles(getStateLayout(), R::Sequence);
    return getTotalDecayRoles(
        *this, position == 1 && getKeyDecay() ? Side::Key : Side::Value);
  }
}

StringRef StateOp::getOperandName(unsigned operandNumber) {
  static constexpr StringLiteral names[] = {"key", "value", "key_decay",
                                            "value_decay", "offsets"};
  auto [group, position] = findOperandGroup(*this, operandNumber);
  if (group < std::size(names))
    return names[group];
  if (position == 0)
    return "state";
  return position == 1 && getKeyDecay() ? "total key_decay"
                                        : "total value_decay";
}

Roles StateOp::getParallelRoles() {
  if (getOffsets())
    return {DimRole::Head};
  return {DimRole::Batch, DimRole::Head};
}

Roles StepOp::getDimRoles(unsigned operandNumber) {
  using R = DimRole;
  auto [group, position] = findOperandGroup(*this, operandNumber);
  switch (group) {
  case 0:
    return {R::Batch, R::QueryHead, R::KeyChannel};
  case 1:
    return {R::Batch, R::KeyHead, R::KeyChannel};
  case 2:
    return {R::Batch, R::ValueHead, R::ValueChannel};
  case 3:
    return getRolesOfDecay(*this, Side::Key);
  case 4:
    return getRolesOfDecay(*this, Side::Value);
  default:
    if (position == 0)
      return {R::Batch, R::Head, R::ValueChannel};
    return getStateRoles(getStateLayout(), R::Batch);
  }
}

StringRef StepOp::getOperandName(unsigned operandNumber) {
  static constexpr StringLiteral names[] = {"query", "key", "value",
                                            "key_decay", "value_decay"};
  auto [group, position] = findOperandGroup(*this, operandNumber);
  if (group < std::size(names))
    return names[group];
  return position == 0 ? "output" : "state";
}

Roles StepOp::getParallelRoles() {
  return {DimRole::Batch, DimRole::Head, DimRole::ValueChannel};
}

Roles InterOp::getDimRoles(unsigned operandNumber) {
  using R = DimRole;
  switch (findOperandGroup(*this, operandNumber).first) {
  case 0:
    return {R::Token, R::KeyChannel};
  case 1:
    return {R::KeyChannel, R::ValueChannel};
  case 2:
    return getRolesOfDecay(*this, Side::Key);
  case 3:
    return getRolesOfDecay(*this, Side::Value);
  case 4:
    return {};
  default:
    return {R::Token, R::ValueChannel};
  }
}

StringRef InterOp::getOperandName(unsigned operandNumber) {
  static constexpr StringLiteral names[] = {"query",       "state", "key_decay",
                                            "value_decay", "valid", "output"};
  return names[findOperandGroup(*this, operandNumber).first];
}

Roles InterOp::getParallelRoles() { return {DimRole::ValueChannel}; }

Roles BlockStateOp::getDimRoles(unsigned operandNumber) {
  using R = DimRole;
  switch (findOperandGroup(*this, operandNumber).first) {
  case 0:
    return {R::Token, R::KeyChannel};
  case 1:
    return {R::Token, R::ValueChannel};
  case 2:
    return getRolesOfDecay(*this, Side::Key);
  case 3:
    return getRolesOfDecay(*this, Side::Value);
  case 4:
    return {};
  default:
    return {R::KeyChannel, R::ValueChannel};
  }
}

StringRef BlockStateOp::getOperandName(unsigned operandNumber) {
  static constexpr StringLiteral names[] = {"key",         "value", "key_decay",
                                            "value_decay", "valid", "state"};
  return names[findOperandGroup(*this, operandNumber).first];
}

Roles BlockStateOp::getParallelRoles() {
  return {DimRole::KeyChannel, DimRole::ValueChannel};
}

Roles IntraOp::getDimRoles(unsigned operandNumber) {
  using R = DimRole;
  switch (findOperandGroup(*this, operandNumber).first) {
  case 0:
  case 1:
    return {R::Token, R::KeyChannel};
  case 2:
    return {R::Token, R::ValueChannel};
  case 3:
    return getRolesOfDecay(*this, Side::Key);
  case 4:
    return getRolesOfDecay(*this, Side::Value);
  case 5:
    return {};
  default:
    return {R::Token, R::ValueChannel};
  }
}

StringRef IntraOp::getOperandName(unsigned operandNumber) {
  static constexpr StringLiteral names[] = {
      "query", "key", "value", "key_decay", "value_decay", "valid", "output"};
  return names[findOperandGroup(*this, operandNumber).first];
}

Roles IntraOp::getParallelRoles() { return {DimRole::ValueChannel}; }

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

static LogicalResult verifyDecayClass(Operation *op, Side side) {
  DecayInfo info = getDecayInfo(op, side);
  if (!info.decay || getDecayClass(op, side))
    return success();
  // linattn_c4
  StringRef name = side == Side::Key ? "key_decay" : "value_decay";
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
             << describeShape(
                    getDecayRoles(*decayClass, side, getKeptDecayRoles(op)));
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

  if (failed(verifyDecayClass(op, Side::Key)) ||
      failed(verifyDecayClass(op, Side::Value)))
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

/// block_c1: tiles have static shapes.
static LogicalResult verifyBlockOp(Operation *op) {
  if (failed(verifyComputeOp(op, 1, 1, /*hasOffsets=*/false)))
    return failure();
  auto roleOp = cast<DimRoleOpInterface>(op);
  for (OpOperand &operand : op->getOpOperands()) {
    auto type = dyn_cast<ShapedType>(operand.get().getType());
    if (type && !type.hasStaticShape())
      return op->emitOpError()
             << "expects `" << roleOp.getOperandName(operand.getOperandNumber())
             << "` to have a static shape, but got " << operand.get().getType();
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

using Effects = SmallVectorImpl<
    SideEffects::EffectInstance<MemoryEffects::Effect>>;

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
