//===- InsertRuntimeChecks.cpp - check sizes and offsets at run time -----===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Linattn/IR/Linattn.h"
#include "linattn/Dialect/Linattn/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNINSERTRUNTIMECHECKS
#include "linattn/Dialect/Linattn/Transforms/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;
using namespace mlir::linattn;

namespace {
/// One dimension of one operand.
struct Dim {
  OpOperand *operand;
  unsigned dim;

  int64_t getStaticSize() const {
    return cast<ShapedType>(operand->get().getType()).getDimSize(dim);
  }
  bool isDynamic() const { return ShapedType::isDynamic(getStaticSize()); }
};

/// Emits the checks of one op, in front of it.
class CheckBuilder {
public:
  CheckBuilder(DimRoleOpInterface op) : op(op), b(op), loc(op.getLoc()) {}

  void run();

private:
  void collectDims();
  void checkEqualSizes();
  void checkGroupedHeads();
  void checkOffsets();
  void checkBoundaries(OpOperand &offsets);

  Value getSize(const Dim &dim);
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value compare(arith::CmpIPredicate predicate, Value lhs, Value rhs) {
    return arith::CmpIOp::create(b, loc, predicate, lhs, rhs);
  }
  void require(Value condition, const Twine &expectation) {
    std::string text = (op->getName().getStringRef() + ": expects " +
                        expectation)
                           .str();
    cf::AssertOp::create(b, loc, condition, text);
  }
  /// "dimension 1 (token) of `key`".
  std::string describe(const Dim &dim, DimRole role);
  /// The first dimension of a role, the static one if there is one, or null.
  const Dim *find(DimRole role);

  DimRoleOpInterface op;
  OpBuilder b;
  Location loc;
  OpOperand *offsets = nullptr;
  SmallVector<std::pair<DimRole, SmallVector<Dim>>> dims;
};
} // namespace

Value CheckBuilder::getSize(const Dim &dim) {
  if (!dim.isDynamic())
    return index(dim.getStaticSize());
  Value source = dim.operand->get();
  if (isa<MemRefType>(source.getType()))
    return memref::DimOp::create(b, loc, source, dim.dim);
  return tensor::DimOp::create(b, loc, source, dim.dim);
}

std::string CheckBuilder::describe(const Dim &dim, DimRole role) {
  StringRef name = op.getOperandName(dim.operand->getOperandNumber());
  return ("dimension " + Twine(dim.dim) + " (" + stringifyDimRole(role) +
          ") of `" + name + "`")
      .str();
}

const Dim *CheckBuilder::find(DimRole role) {
  for (auto &[known, members] : dims)
    if (known == role)
      return &members.front();
  return nullptr;
}

void CheckBuilder::collectDims() {
  for (OpOperand &operand : op->getOpOperands())
    if (llvm::is_contained(op.getDimRoles(operand.getOperandNumber()),
                           DimRole::Boundary))
      offsets = &operand;
  for (OpOperand &operand : op->getOpOperands()) {
    for (auto [dim, role] :
         llvm::enumerate(op.getDimRoles(operand.getOperandNumber()))) {
      // Without offsets, the sequences are the entries of the batch.
      if (role == DimRole::Sequence && !offsets)
        role = DimRole::Batch;
      auto *known = llvm::find_if(
          dims, [role = role](auto &entry) { return entry.first == role; });
      if (known == dims.end()) {
        dims.push_back({role, {}});
        known = std::prev(dims.end());
      }
      // A size that is known says more in a message: it goes first.
      Dim entry{&operand, static_cast<unsigned>(dim)};
      SmallVector<Dim> &members = known->second;
      if (!members.empty() && members.front().isDynamic() &&
          !entry.isDynamic())
        members.insert(members.begin(), entry);
      else
        members.push_back(entry);
    }
  }
}

void CheckBuilder::checkEqualSizes() {
  for (auto &[role, members] : dims) {
    const Dim &first = members.front();
    for (const Dim &dim : ArrayRef(members).drop_front()) {
      if (!dim.isDynamic())
        continue;
      Value equal =
          compare(arith::CmpIPredicate::eq, getSize(dim), getSize(first));
      if (first.isDynamic())
        require(equal, describe(dim, role) + " to have the size of " +
                           describe(first, role));
      else
        require(equal, describe(dim, role) + " to be " +
                           Twine(first.getStaticSize()));
    }
  }
}

void CheckBuilder::checkGroupedHeads() {
  const Dim *heads = find(DimRole::Head);
  for (DimRole role :
       {DimRole::QueryHead, DimRole::KeyHead, DimRole::ValueHead}) {
    const Dim *group = find(role);
    if (!group || !heads || (!group->isDynamic() && !heads->isDynamic()))
      continue;
    // No heads divide no heads; a remainder by zero is never taken.
    Value numHeads = getSize(*heads), numGroups = getSize(*group);
    Value divisor =
        arith::MaxUIOp::create(b, loc, numGroups, index(1));
    Value rest = arith::RemUIOp::create(b, loc, numHeads, divisor);
    Value divides = compare(arith::CmpIPredicate::eq, rest, index(0));
    Value noGroups = compare(arith::CmpIPredicate::eq, numGroups, index(0));
    Value noHeads = compare(arith::CmpIPredicate::eq, numHeads, index(0));
    Value holds =
        arith::SelectOp::create(b, loc, noGroups, noHeads, divides);
    require(holds, describe(*group, role) + " to divide " +
                       describe(*heads, DimRole::Head));
  }
}

void CheckBuilder::checkOffsets() {
  const Dim *batch = find(DimRole::Batch);
  if (batch && batch->isDynamic())
    require(compare(arith::CmpIPredicate::eq, getSize(*batch), index(1)),
            describe(*batch, DimRole::Batch) + " to be 1 with `offsets`");
  const Dim *boundaries = find(DimRole::Boundary);
  const Dim *sequences = find(DimRole::Sequence);
  if (boundaries->isDynamic())
    require(
        compare(arith::CmpIPredicate::sge, getSize(*boundaries), index(1)),
        "`offsets` to have at least one boundary");
  if (sequences && (boundaries->isDynamic() || sequences->isDynamic())) {
    Value expected =
        arith::AddIOp::create(b, loc, getSize(*sequences), index(1));
    require(compare(arith::CmpIPredicate::eq, getSize(*boundaries), expected),
            "`offsets` to have one boundary more than there are sequences");
  }
}

void CheckBuilder::checkBoundaries(OpOperand &operand) {
  Value source = operand.get();
  auto load = [&](OpBuilder &b, Value position) -> Value {
    Value boundary;
    if (isa<MemRefType>(source.getType()))
      boundary = memref::LoadOp::create(b, loc, source, position);
    else
      boundary = tensor::ExtractOp::create(b, loc, source, position);
    if (boundary.getType().isInteger(64))
      return boundary;
    return arith::ExtSIOp::create(b, loc, b.getI64Type(), boundary);
  };

  Value first = load(b, index(0));
  Value zero = arith::ConstantIntOp::create(b, loc, b.getI64Type(), 0);
  require(compare(arith::CmpIPredicate::eq, first, zero),
          "`offsets` to start at 0");

  Value last = arith::SubIOp::create(
      b, loc, getSize(*find(DimRole::Boundary)), index(1));
  Value isTrue = arith::ConstantIntOp::create(b, loc, b.getI1Type(), 1);
  auto loop = scf::ForOp::create(
      b, loc, index(0), last, index(1), ValueRange{isTrue},
      [&](OpBuilder &b, Location loc, Value position, ValueRange carried) {
        Value one = arith::ConstantIndexOp::create(b, loc, 1);
        Value next = arith::AddIOp::create(b, loc, position, one);
        Value ordered =
            arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle,
                                  load(b, position), load(b, next));
        Value all = arith::AndIOp::create(b, loc, carried[0], ordered);
        scf::YieldOp::create(b, loc, all);
      });
  require(loop.getResult(0), "`offsets` not to decrease");

  const Dim *tokens = find(DimRole::Token);
  Value numTokens = arith::IndexCastOp::create(b, loc, b.getI64Type(),
                                               getSize(*tokens));
  require(compare(arith::CmpIPredicate::eq, load(b, last), numTokens),
          "`offsets` to end at the number of tokens");
}

void CheckBuilder::run() {
  collectDims();
  checkEqualSizes();
  checkGroupedHeads();
  if (!offsets)
    return;
  checkOffsets();
  checkBoundaries(*offsets);
}

namespace {
struct InsertRuntimeChecks
    : linattn::impl::LinattnInsertRuntimeChecksBase<InsertRuntimeChecks> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<DimRoleOpInterface> ops;
    getOperation()->walk([&](DimRoleOpInterface op) { ops.push_back(op); });
    for (DimRoleOpInterface op : ops)
      CheckBuilder(op).run();
  }
};
} // namespace
