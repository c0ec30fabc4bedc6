//===- RuntimeChecks.cpp - what verifiers cannot see ----------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RuntimeChecks.h"
#include "linattn/Dialect/Linattn/Transforms/Transforms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace mlir::linattn;

namespace {
/// The checks of one op.
class CheckBuilder {
public:
  CheckBuilder(OpBuilder &b, DimRoleOpInterface op)
      : b(b), loc(op.getLoc()), op(op) {
    bool isPacked = false;
    for (OpOperand &operand : op->getOpOperands())
      if (isa<RankedTensorType>(operand.get().getType()))
        isPacked |= findRole(op.getDimRoles(operand.getOperandNumber()),
                             DimRole::Boundary)
                        .has_value();
    for (OpOperand &operand : op->getOpOperands()) {
      if (!isa<RankedTensorType>(operand.get().getType()))
        continue;
      for (auto [dim, role] :
           llvm::enumerate(op.getDimRoles(operand.getOperandNumber()))) {
        if (role == DimRole::Sequence && !isPacked)
          role = DimRole::Batch;
        OpFoldResult size = tensor::getMixedSize(b, loc, operand.get(), dim);
        dims[role].push_back({&operand, size});
      }
    }
  }

  void build() {
    for (auto &[role, uses] : dims)
      checkOneSize(role, uses);
    for (DimRole role :
         {DimRole::QueryHead, DimRole::KeyHead, DimRole::ValueHead})
      checkGroups(role);
    if (dims.count(DimRole::Boundary))
      checkOffsets();
  }

private:
  struct Use {
    OpOperand *operand;
    OpFoldResult size;
  };

  Value toValue(OpFoldResult size) {
    return getValueOrCreateConstantIndexOp(b, loc, size);
  }
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value compare(arith::CmpIPredicate predicate, Value lhs, Value rhs) {
    return arith::CmpIOp::create(b, loc, predicate, lhs, rhs);
  }
  Value isEqual(Value lhs, Value rhs) {
    return compare(arith::CmpIPredicate::eq, lhs, rhs);
  }
  Value both(Value lhs, Value rhs) {
    if (!lhs)
      return rhs;
    return arith::AndIOp::create(b, loc, lhs, rhs);
  }
  void check(Value condition, const Twine &expectation) {
    cf::AssertOp::create(
        b, loc, condition,
        (op->getName().getStringRef() + " expects " + expectation).str());
  }

  /// The size of a role; a static one if there is one.
  OpFoldResult getSize(DimRole role) {
    ArrayRef<Use> uses = dims[role];
    const Use *known = llvm::find_if(
        uses, [](const Use &use) { return isa<Attribute>(use.size); });
    return known == uses.end() ? uses.front().size : known->size;
  }

  /// linattn_c6: dimensions with one role have one size.
  void checkOneSize(DimRole role, ArrayRef<Use> uses) {
    OpFoldResult expected = getSize(role);
    Value condition;
    std::string names;
    for (auto [position, use] : llvm::enumerate(uses)) {
      if (position)
        names += position + 1 == uses.size() ? " and " : ", ";
      names += "`";
      names += op.getOperandName(use.operand->getOperandNumber());
      names += "`";
      if (isEqualConstantIntOrValue(use.size, expected))
        continue;
      condition =
          both(condition, isEqual(toValue(use.size), toValue(expected)));
    }
    if (condition)
      check(condition, "the " + stringifyDimRole(role) + " sizes of " + names +
                           " to be equal");
  }

  /// linattn_c7: groups of heads divide the heads.
  void checkGroups(DimRole role) {
    if (!dims.count(role) || !dims.count(DimRole::Head))
      return;
    OpFoldResult groups = getSize(role), heads = getSize(DimRole::Head);
    if (isEqualConstantIntOrValue(groups, heads) ||
        getConstantIntValue(groups) == 1 ||
        (isa<Attribute>(groups) && isa<Attribute>(heads)))
      return;
    // No groups are right for no heads only. Nothing divides by zero.
    Value zero = index(0), one = index(1);
    Value divisor =
        arith::MaxUIOp::create(b, loc, toValue(groups), one).getResult();
    Value rest = arith::RemUIOp::create(b, loc, toValue(heads), divisor);
    Value hasGroups = compare(arith::CmpIPredicate::ne, toValue(groups), zero);
    Value hasNoHeads = isEqual(toValue(heads), zero);
    Value isPossible = arith::OrIOp::create(b, loc, hasGroups, hasNoHeads);
    check(both(isEqual(rest, zero), isPossible),
          "the number of " + stringifyDimRole(role) +
              "s to divide the number of heads");
  }

  /// linattn_c8, and what the offsets contain.
  void checkOffsets() {
    if (getConstantIntValue(getSize(DimRole::Batch)) != 1)
      check(isEqual(toValue(getSize(DimRole::Batch)), index(1)),
            "a batch of 1 with `offsets`");
    OpFoldResult boundaries = getSize(DimRole::Boundary);
    Value numBoundaries = toValue(boundaries);
    if (!isa<Attribute>(boundaries))
      check(compare(arith::CmpIPredicate::ugt, numBoundaries, index(0)),
            "`offsets` to have at least one boundary");
    Value last = arith::SubIOp::create(b, loc, numBoundaries, index(1));
    if (dims.count(DimRole::Sequence)) {
      OpFoldResult sequences = getSize(DimRole::Sequence);
      if (!isa<Attribute>(sequences) || !isa<Attribute>(boundaries))
        check(isEqual(toValue(sequences), last),
              "`offsets` to have one boundary more than there are sequences");
    }

    Value offsets = dims[DimRole::Boundary].front().operand->get();
    auto load = [&](OpBuilder &b, Value position) -> Value {
      return tensor::ExtractOp::create(b, loc, offsets, position);
    };
    auto loop = scf::ForOp::create(
        b, loc, index(0), last, index(1),
        ValueRange{arith::ConstantIntOp::create(b, loc, 1, 1)},
        [&](OpBuilder &b, Location loc, Value position, ValueRange carried) {
          Value one = arith::ConstantIndexOp::create(b, loc, 1);
          Value next = arith::AddIOp::create(b, loc, position, one);
          Value isOrdered =
              arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle,
                                    load(b, position), load(b, next));
          Value all = arith::AndIOp::create(b, loc, carried[0], isOrdered);
          scf::YieldOp::create(b, loc, all);
        });
    auto loadIndex = [&](Value position) -> Value {
      return arith::IndexCastOp::create(b, loc, b.getIndexType(),
                                        load(b, position));
    };
    Value startsAtZero = isEqual(loadIndex(index(0)), index(0));
    Value endsAtTokens =
        isEqual(loadIndex(last), toValue(getSize(DimRole::Token)));
    check(both(loop.getResult(0), both(startsAtZero, endsAtTokens)),
          "`offsets` to start at 0, not to decrease, and to end at the number "
          "of tokens");
  }

  OpBuilder &b;
  Location loc;
  DimRoleOpInterface op;
  llvm::MapVector<DimRole, SmallVector<Use>> dims;
};
} // namespace

void mlir::linattn::buildRuntimeChecks(OpBuilder &b, DimRoleOpInterface op) {
  CheckBuilder(b, op).build();
}

void mlir::linattn::buildRuntimeChecks(OpBuilder &b, linalg::LinalgOp op) {
  Location loc = op.getLoc();
  // For every loop, the sizes that operands give it.
  SmallVector<SmallVector<OpFoldResult>> sizes(op.getNumLoops());
  for (OpOperand &operand : op->getOpOperands()) {
    for (auto [dim, expr] :
         llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults())) {
      auto loop = dyn_cast<AffineDimExpr>(expr);
      if (!loop)
        continue;
      Value value = operand.get();
      sizes[loop.getPosition()].push_back(
          isa<MemRefType>(value.getType())
              ? memref::getMixedSize(b, loc, value, dim)
              : tensor::getMixedSize(b, loc, value, dim));
    }
  }
  for (auto [loop, uses] : llvm::enumerate(sizes)) {
    if (uses.empty())
      continue;
    const OpFoldResult *known = llvm::find_if(
        uses, [](OpFoldResult size) { return isa<Attribute>(size); });
    OpFoldResult expected = known == uses.end() ? uses.front() : *known;
    Value condition;
    for (OpFoldResult size : uses) {
      if (isEqualConstantIntOrValue(size, expected))
        continue;
      Value equal = arith::CmpIOp::create(
          b, loc, arith::CmpIPredicate::eq,
          getValueOrCreateConstantIndexOp(b, loc, size),
          getValueOrCreateConstantIndexOp(b, loc, expected));
      if (condition)
        equal = arith::AndIOp::create(b, loc, condition, equal);
      condition = equal;
    }
    if (condition)
      cf::AssertOp::create(b, loc, condition,
                           (op->getName().getStringRef() +
                            " expects the size of loop " + Twine(loop) +
                            " to be the same in all operands")
                               .str());
  }
}

DimRoleOpInterface mlir::linattn::padEmptyHeads(RewriterBase &rewriter,
                                                DimRoleOpInterface op) {
  // Operands that have no elements because a head has no channels.
  DenseMap<unsigned, SmallVector<unsigned>> emptyDims;
  for (OpOperand &operand : op->getOpOperands()) {
    unsigned number = operand.getOperandNumber();
    auto type = dyn_cast<RankedTensorType>(operand.get().getType());
    if (!type)
      continue;
    for (auto [dim, role] : llvm::enumerate(op.getDimRoles(number)))
      if ((role == DimRole::KeyChannel || role == DimRole::ValueChannel) &&
          type.getDimSize(dim) == 0)
        emptyDims[number].push_back(dim);
  }
  if (emptyDims.empty())
    return op;

  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  IRMapping noMapping;
  Operation *padded = rewriter.clone(*op, noMapping);
  rewriter.setInsertionPoint(padded);
  auto dps = cast<DestinationStyleOpInterface>(padded);
  SmallVector<Value> replacements(padded->getResults());
  for (OpOperand &operand : padded->getOpOperands()) {
    auto found = emptyDims.find(operand.getOperandNumber());
    if (found == emptyDims.end())
      continue;
    Value original = operand.get();
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(rewriter, loc, original);
    for (unsigned dim : found->second)
      sizes[dim] = rewriter.getIndexAttr(1);
    Type element = cast<RankedTensorType>(original.getType()).getElementType();
    Value zero =
        arith::ConstantOp::create(rewriter, loc, rewriter.getZeroAttr(element));
    Value empty = tensor::EmptyOp::create(rewriter, loc, sizes, element);
    Value zeros =
        linalg::FillOp::create(rewriter, loc, zero, empty).getResult(0);
    operand.set(zeros);
    if (dps.isDpsInit(&operand)) {
      OpResult result = dps.getTiedOpResult(&operand);
      result.setType(zeros.getType());
      // A result without elements: its destination is as good.
      replacements[result.getResultNumber()] = original;
    }
  }
  rewriter.replaceOp(op, replacements);
  return cast<DimRoleOpInterface>(padded);
}
