//===- OperandRoles.cpp - roles and decay classes of operands -------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Linattn/IR/Linattn.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::linattn;

#include "linattn/Dialect/Linattn/IR/Interfaces.cpp.inc"

using Roles = SmallVector<DimRole>;
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

template <typename OpTy>
static DecayInfo getDecayInfoOf(OpTy op, Side side) {
  DecayInfo info;
  info.decay = side == Side::Key ? op.getKeyDecay() : op.getValueDecay();
  if constexpr (!std::is_same_v<OpTy, AttentionOp> &&
                !std::is_same_v<OpTy, StateOp>)
    info.className =
        side == Side::Key ? op.getKeyDecayClass() : op.getValueDecayClass();
  return info;
}

DecayInfo mlir::linattn::getDecayInfo(Operation *op, Side side) {
  return TypeSwitch<Operation *, DecayInfo>(op)
      .Case<AttentionOp, StateOp, StepOp, InterOp, BlockStateOp, IntraOp>(
          [&](auto typed) { return getDecayInfoOf(typed, side); });
}

const DecayClass *mlir::linattn::getDecayClass(Operation *op, Side side) {
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

//===----------------------------------------------------------------------===//
// Block ops
//===----------------------------------------------------------------------===//

namespace {
/// An operand of a block op: a tile, the decay of a side, or a scalar.
struct TileOperand {
  StringLiteral name;
  ArrayRef<DimRole> roles;
  std::optional<Side> decay;
};
} // namespace

static constexpr DimRole kKeyRows[] = {DimRole::Token, DimRole::KeyChannel};
static constexpr DimRole kValueRows[] = {DimRole::Token, DimRole::ValueChannel};
static constexpr DimRole kState[] = {DimRole::KeyChannel,
                                     DimRole::ValueChannel};

// The operands of each op in the order of its definition.
static const TileOperand kInterOperands[] = {
    {"query", kKeyRows, {}},
    {"state", kState, {}},
    {"key_decay", {}, Side::Key},
    {"value_decay", {}, Side::Value},
    {"valid", {}, {}},
    {"output", kValueRows, {}},
};
static const TileOperand kBlockStateOperands[] = {
    {"key", kKeyRows, {}},
    {"value", kValueRows, {}},
    {"key_decay", {}, Side::Key},
    {"value_decay", {}, Side::Value},
    {"valid", {}, {}},
    {"state", kState, {}},
};
static const TileOperand kIntraOperands[] = {
    {"query", kKeyRows, {}},          {"key", kKeyRows, {}},
    {"value", kValueRows, {}},        {"key_decay", {}, Side::Key},
    {"value_decay", {}, Side::Value}, {"valid", {}, {}},
    {"output", kValueRows, {}},
};

static Roles getBlockRoles(Operation *op, const TileOperand &operand) {
  return operand.decay ? getRolesOfDecay(op, *operand.decay)
                       : Roles(operand.roles);
}

Roles InterOp::getDimRoles(unsigned operandNumber) {
  unsigned group = findOperandGroup(*this, operandNumber).first;
  return getBlockRoles(*this, kInterOperands[group]);
}

StringRef InterOp::getOperandName(unsigned operandNumber) {
  return kInterOperands[findOperandGroup(*this, operandNumber).first].name;
}

Roles InterOp::getParallelRoles() { return {DimRole::ValueChannel}; }

Roles BlockStateOp::getDimRoles(unsigned operandNumber) {
  unsigned group = findOperandGroup(*this, operandNumber).first;
  return getBlockRoles(*this, kBlockStateOperands[group]);
}

StringRef BlockStateOp::getOperandName(unsigned operandNumber) {
  return kBlockStateOperands[findOperandGroup(*this, operandNumber).first].name;
}

Roles BlockStateOp::getParallelRoles() {
  return {DimRole::KeyChannel, DimRole::ValueChannel};
}

Roles IntraOp::getDimRoles(unsigned operandNumber) {
  unsigned group = findOperandGroup(*this, operandNumber).first;
  return getBlockRoles(*this, kIntraOperands[group]);
}

StringRef IntraOp::getOperandName(unsigned operandNumber) {
  return kIntraOperands[findOperandGroup(*this, operandNumber).first].name;
}

Roles IntraOp::getParallelRoles() { return {DimRole::ValueChannel}; }
