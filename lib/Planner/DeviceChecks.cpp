//===- DeviceChecks.cpp - check on the device what lies there -------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AssertedSizes.h"
#include "linattn/Planner/Passes.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNCHECKSTODEVICE
#include "linattn/Planner/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;
using namespace mlir::linattn;

/// Whether `value` is computed from elements of tensors.
static bool dependsOnElements(Value value) {
  auto reads = [](Operation *op) {
    return op->walk([](tensor::ExtractOp) { return WalkResult::interrupt(); })
        .wasInterrupted();
  };
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  llvm::SetVector<Operation *> slice;
  BackwardSliceOptions options;
  options.inclusive = true;
  options.omitUsesFromAbove = false;
  (void)getBackwardSlice(value, &slice, options);
  return llvm::any_of(slice, reads);
}

/// Keeps the conditions of an assertion that the host can evaluate.
static void dropConditionsOnElements(cf::AssertOp assertion) {
  SmallVector<Value> kept;
  SmallVector<Value> conditions = getConditions(assertion);
  for (Value condition : conditions)
    if (!dependsOnElements(condition))
      kept.push_back(condition);
  if (kept.size() == conditions.size())
    return;
  if (kept.empty())
    return assertion.erase();
  OpBuilder b(assertion);
  Value all = kept[0];
  for (Value condition : ArrayRef(kept).drop_front())
    all = arith::AndIOp::create(b, assertion.getLoc(), all, condition);
  assertion.getArgMutable().assign(all);
}

namespace {
/// The values of one kernel that come from an element and end up as offsets
/// and sizes of slices.
class ElementClamp {
public:
  ElementClamp(scf::ForallOp kernel, const AssertedSizes &asserted)
      : kernel(kernel), asserted(asserted) {}

  void clamp(tensor::ExtractOp extract);
  /// Differences of elements are lengths: none is negative.
  void boundLengths();

private:
  void addBounds(OpOperand &use, bool isElement);
  void addBound(Value tensor, int64_t dim, int64_t taken);

  scf::ForallOp kernel;
  const AssertedSizes &asserted;
  llvm::SetVector<Value> fromElements;
  /// Sizes of the function, and how far below them an element has to stay.
  SmallVector<std::pair<Value, int64_t>> bounds;
  std::optional<int64_t> staticBound;
};
} // namespace

void ElementClamp::addBound(Value tensor, int64_t dim, int64_t taken) {
  // The tensor of the function that a part of an output is a slice of.
  if (auto arg = dyn_cast<BlockArgument>(tensor);
      arg && arg.getOwner()->getParentOp() == kernel)
    tensor = kernel.getTiedOpOperand(arg)->get();
  // What is a part of a tensor already has its own bounds.
  if (kernel->isAncestor(tensor.getParentBlock()->getParentOp()))
    return;
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(dim)) {
    int64_t bound = type.getDimSize(dim) - taken;
    staticBound = staticBound ? std::min(*staticBound, bound) : bound;
    return;
  }
  OpBuilder b(kernel);
  Value size;
  if (auto empty = tensor.getDefiningOp<tensor::EmptyOp>())
    size = empty.getDynamicSize(dim);
  for (Operation *user : tensor.getUsers())
    if (auto dimOp = dyn_cast<tensor::DimOp>(user);
        dimOp && dimOp.getConstantIndex() == dim &&
        dimOp->getBlock() == kernel->getBlock() &&
        dimOp->isBeforeInBlock(kernel))
      size = dimOp;
  if (!size)
    size = tensor::DimOp::create(b, kernel.getLoc(), tensor, dim);
  if (llvm::none_of(bounds, [&](std::pair<Value, int64_t> known) {
        return known.second == taken && asserted.areEqual(known.first, size);
      }))
    bounds.push_back({size, taken});
}

void ElementClamp::addBounds(OpOperand &use, bool isElement) {
  // The dimension of the tensor that an operand of a slice is about.
  auto visit = [&](auto op, Value tensor) {
    SmallVector<OpFoldResult> sizes = op.getMixedSizes();
    for (auto [dim, offset, size] :
         llvm::enumerate(op.getMixedOffsets(), sizes)) {
      if (dyn_cast<Value>(size) == use.get())
        addBound(tensor, dim, 0);
      // Of a length that is known, all has to be inside.
      if (dyn_cast<Value>(offset) == use.get())
        addBound(tensor, dim,
                 isElement ? getConstantIntValue(size).value_or(0) : 0);
    }
  };
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(use.getOwner()))
    visit(slice, slice.getSource());
  else if (auto insert = dyn_cast<tensor::InsertSliceOp>(use.getOwner()))
    visit(insert, insert.getDest());
  else if (auto insert =
               dyn_cast<tensor::ParallelInsertSliceOp>(use.getOwner()))
    visit(insert, insert.getDest());
}

void ElementClamp::clamp(tensor::ExtractOp extract) {
  bounds.clear();
  staticBound.reset();
  llvm::SetVector<Value> values;
  llvm::DenseSet<Value> elements{extract.getResult()};
  values.insert(extract.getResult());
  for (size_t i = 0; i < values.size(); ++i)
    for (OpOperand &use : values[i].getUses()) {
      Operation *user = use.getOwner();
      bool isElement = elements.contains(use.get());
      addBounds(use, isElement);
      if (!isa<arith::ArithDialect>(user->getDialect()) ||
          user->getNumResults() != 1 ||
          !user->getResult(0).getType().isIntOrIndex())
        continue;
      values.insert(user->getResult(0));
      if (isElement && isa<arith::IndexCastOp, arith::IndexCastUIOp>(user))
        elements.insert(user->getResult(0));
    }
  if (bounds.empty() && !staticBound)
    return;
  fromElements.insert(values.begin(), values.end());

  OpBuilder b(extract->getContext());
  b.setInsertionPointAfter(extract);
  Location loc = extract.getLoc();
  Type type = extract.getType();
  auto getNumber = [&](int64_t number) -> Value {
    return arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, number));
  };
  SmallVector<Operation *> own;
  Value clamped = extract.getResult();
  auto limit = [&](Value bound) {
    own.push_back(arith::MinSIOp::create(b, loc, clamped, bound));
    clamped = own.back()->getResult(0);
  };
  if (staticBound)
    limit(getNumber(*staticBound));
  for (auto [size, taken] : bounds) {
    Value bound = size;
    if (!type.isIndex())
      bound = arith::IndexCastOp::create(b, loc, type, bound);
    if (taken)
      bound = arith::SubIOp::create(b, loc, bound, getNumber(taken));
    limit(bound);
  }
  clamped = arith::MaxSIOp::create(b, loc, clamped, getNumber(0));
  extract.getResult().replaceAllUsesExcept(clamped, own.front());
  fromElements.insert(clamped);
}

void ElementClamp::boundLengths() {
  SmallVector<arith::SubIOp> lengths;
  kernel.walk([&](arith::SubIOp sub) {
    if (fromElements.contains(sub.getLhs()) &&
        fromElements.contains(sub.getRhs()))
      lengths.push_back(sub);
  });
  for (arith::SubIOp sub : lengths) {
    OpBuilder b(sub->getContext());
    b.setInsertionPointAfter(sub);
    Value zero = arith::ConstantOp::create(b, sub.getLoc(),
                                           b.getIntegerAttr(sub.getType(), 0));
    auto length =
        arith::MaxSIOp::create(b, sub.getLoc(), sub.getResult(), zero);
    sub.getResult().replaceAllUsesExcept(length.getResult(), length);
  }
}

namespace {
struct LinattnChecksToDevice
    : linattn::impl::LinattnChecksToDeviceBase<LinattnChecksToDevice> {
  void runOnOperation() override {
    func::FuncOp func = getOperation();
    SmallVector<cf::AssertOp> assertions;
    func.walk([&](cf::AssertOp op) { assertions.push_back(op); });
    for (cf::AssertOp assertion : assertions)
      dropConditionsOnElements(assertion);

    AssertedSizes asserted(func);
    SmallVector<scf::ForallOp> kernels;
    func.walk([&](scf::ForallOp op) { kernels.push_back(op); });
    for (scf::ForallOp kernel : kernels) {
      ElementClamp clamp(kernel, asserted);
      SmallVector<tensor::ExtractOp> extracts;
      kernel.walk([&](tensor::ExtractOp op) {
        if (op.getType().isIntOrIndex())
          extracts.push_back(op);
      });
      for (tensor::ExtractOp extract : extracts)
        clamp.clamp(extract);
      clamp.boundLengths();
    }
  }
};
} // namespace
