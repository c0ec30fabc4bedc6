//===- OutlineSizes.cpp - outline the computation of the sizes of results -===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/ABI/Interface.h"
#include "linattn/ABI/Passes.h"
#include "linattn/Dialect/Linattn/IR/Linattn.h"
#include "linattn/Dialect/Linattn/Transforms/Transforms.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNOUTLINESIZES
#include "linattn/ABI/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;
using namespace mlir::linattn;

/// True if `root` is computed from sizes alone: from constants and from
/// dimensions of tensors and memrefs, not from what they hold nor from the
/// scalar arguments of the function.
static bool dependsOnSizesOnly(Value root) {
  SmallVector<Value> worklist = {root};
  llvm::SmallDenseSet<Value> seen;
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    if (!seen.insert(value).second)
      continue;
    Operation *op = value.getDefiningOp();
    if (!op || op->getNumRegions() != 0)
      return false;
    if (isa<tensor::DimOp, memref::DimOp>(op))
      continue;
    for (Value operand : op->getOperands()) {
      if (isa<ShapedType>(operand.getType()))
        return false;
      worklist.push_back(operand);
    }
  }
  return true;
}

/// The value outside of `loop` whose shape every value has that the iteration
/// argument behind `yielded` takes, or null. Ops that write into a destination
/// keep its shape.
static Value traceToIterArg(Value yielded, scf::ForOp loop) {
  while (true) {
    if (auto argument = dyn_cast<BlockArgument>(yielded)) {
      if (argument.getOwner() == loop.getBody())
        if (OpOperand *init = loop.getTiedLoopInit(argument))
          return init->get();
      return {};
    }
    auto result = cast<OpResult>(yielded);
    Operation *op = result.getOwner();
    if (auto dps = dyn_cast<DestinationStyleOpInterface>(op))
      yielded = dps.getTiedOpOperand(result)->get();
    else if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
      yielded = insert.getDest();
    else if (auto inner = dyn_cast<LoopLikeOpInterface>(op);
             inner && inner.getTiedLoopInit(result))
      yielded = inner.getTiedLoopInit(result)->get();
    else
      return {};
  }
}

namespace {
/// The size of a tensor that a loop carries, where the loop does not change it.
struct ResolveDimOfLoop : OpRewritePattern<tensor::DimOp> {
  using Base::Base;

  LogicalResult matchAndRewrite(tensor::DimOp dim,
                                PatternRewriter &rewriter) const override {
    auto loop = dim.getSource().getDefiningOp<scf::ForOp>();
    if (!loop)
      return rewriter.notifyMatchFailure(dim, "not the result of a loop");
    unsigned number = cast<OpResult>(dim.getSource()).getResultNumber();
    Value init = loop.getInitArgs()[number];
    if (traceToIterArg(loop.getYieldedValues()[number], loop) != init)
      return rewriter.notifyMatchFailure(dim, "the loop may change the size");
    rewriter.modifyOpInPlace(dim, [&] { dim.getSourceMutable().assign(init); });
    return success();
  }
};

/// The size of a tensor that a branch yields, where both sides write into the
/// same destination.
struct ResolveDimOfBranch : OpRewritePattern<tensor::DimOp> {
  using Base::Base;

  LogicalResult matchAndRewrite(tensor::DimOp dim,
                                PatternRewriter &rewriter) const override {
    auto branch = dim.getSource().getDefiningOp<scf::IfOp>();
    if (!branch)
      return rewriter.notifyMatchFailure(dim, "not the result of a branch");
    unsigned number = cast<OpResult>(dim.getSource()).getResultNumber();
    Value destination = getDestination(branch.thenYield().getOperand(number));
    if (destination != getDestination(branch.elseYield().getOperand(number)) ||
        branch->isAncestor(destination.getParentBlock()->getParentOp()))
      return rewriter.notifyMatchFailure(dim, "the sides may differ in size");
    rewriter.modifyOpInPlace(
        dim, [&] { dim.getSourceMutable().assign(destination); });
    return success();
  }

private:
  static Value getDestination(Value value) {
    while (auto op = value.getDefiningOp<DestinationStyleOpInterface>())
      value = op.getTiedOpOperand(cast<OpResult>(value))->get();
    return value;
  }
};
} // namespace

/// Erases what the sizes do not need, effects included.
static void eraseUnused(Block &block) {
  SmallVector<Operation *> ops = llvm::map_to_vector(
      block.without_terminator(), [](Operation &op) { return &op; });
  for (Operation *op : llvm::reverse(ops))
    if (!isa<cf::AssertOp>(op) && op->use_empty())
      op->erase();
}

namespace {
struct OutlineSizes : linattn::impl::LinattnOutlineSizesBase<OutlineSizes> {
  using Base::Base;

  void runOnOperation() override;

private:
  LogicalResult outline(func::FuncOp func, SymbolTable &symbols,
                        const FrozenRewritePatternSet &patterns);
};
} // namespace

LogicalResult OutlineSizes::outline(func::FuncOp func, SymbolTable &symbols,
                                    const FrozenRewritePatternSet &patterns) {
  FailureOr<Interface> interface = getSourceInterface(func);
  if (failed(interface))
    return failure();
  for (StringRef suffix : {"_query", "_signature"}) {
    if (Operation *other = symbols.lookup((func.getSymName() + suffix).str())) {
      InFlightDiagnostic diag = func.emitError()
                                << "function '" << func.getSymName()
                                << "' needs the symbol '" << func.getSymName()
                                << suffix << "', which is taken";
      diag.attachNote(other->getLoc()) << "by this";
      return diag;
    }
  }
  WalkResult calls = func.walk([&](CallOpInterface call) {
    call.emitOpError() << "remains in function '" << func.getSymName()
                       << "': expected every call to be inlined, but the "
                          "callee is external or recursive";
    return WalkResult::interrupt();
  });
  if (calls.wasInterrupted())
    return failure();

  // Copy the function and return sizes instead of values.
  func::FuncOp sizes = func.clone();
  sizes.setSymName((func.getSymName() + ".sizes").str());
  sizes.setPrivate();
  sizes.removeArgAttrsAttr();
  sizes.removeResAttrsAttr();
  symbols.insert(sizes);
  Block &body = sizes.getBody().front();

  // The checks that the lowerings will build, as far as sizes decide them.
  sizes.walk([&](DimRoleOpInterface op) {
    OpBuilder checks(op);
    buildRuntimeChecks(checks, op);
  });
  sizes.walk([&](linalg::LinalgOp op) {
    OpBuilder checks(op);
    buildRuntimeChecks(checks, op);
  });
  SmallVector<cf::AssertOp> dropped;
  sizes.walk([&](cf::AssertOp assert) {
    if (assert->getBlock() != &body || !dependsOnSizesOnly(assert.getArg()))
      dropped.push_back(assert);
  });
  for (cf::AssertOp assert : dropped)
    assert.erase();

  auto ret = cast<func::ReturnOp>(body.getTerminator());
  OpBuilder b(ret);
  Location loc = ret.getLoc();
  SmallVector<Value> dims;
  for (Value result : ret.getOperands()) {
    auto type = dyn_cast<RankedTensorType>(result.getType());
    for (int64_t dim = 0, rank = type ? type.getRank() : 0; dim < rank; ++dim)
      dims.push_back(b.createOrFold<tensor::DimOp>(loc, result, dim));
  }
  ret->setOperands(dims);
  // The new type, so that the function is valid while patterns run on it.
  auto index = b.getIndexType();
  sizes.setFunctionType(b.getFunctionType(
      sizes.getArgumentTypes(), SmallVector<Type>(dims.size(), index)));
  if (failed(applyPatternsGreedily(sizes, patterns)))
    return func.emitError() << "could not resolve the sizes of the results of '"
                            << func.getSymName() << "'";
  eraseUnused(body);

  // Pass sizes instead of tensors.
  SmallVector<BlockArgument> oldArguments(body.getArguments());
  for (BlockArgument argument : oldArguments) {
    auto type = dyn_cast<ShapedType>(argument.getType());
    SmallVector<Value> newSizes;
    for (int64_t dim = 0, rank = type ? type.getRank() : 0; dim < rank; ++dim)
      newSizes.push_back(body.addArgument(index, argument.getLoc()));
    for (Operation *user : llvm::make_early_inc_range(argument.getUsers())) {
      std::optional<int64_t> dim;
      if (auto tensorDim = dyn_cast<tensor::DimOp>(user))
        dim = tensorDim.getConstantIndex();
      else if (auto memrefDim = dyn_cast<memref::DimOp>(user))
        dim = memrefDim.getConstantIndex();
      if (!dim || *dim < 0 || *dim >= static_cast<int64_t>(newSizes.size()))
        return func.emitError()
               << "function '" << func.getSymName()
               << "' cannot be called through the C ABI: the sizes of its "
                  "results depend on the values of argument "
               << argument.getArgNumber();
      user->getResult(0).replaceAllUsesWith(newSizes[*dim]);
      user->erase();
    }
  }
  body.eraseArguments(0, oldArguments.size());
  sizes.setFunctionType(b.getFunctionType(
      body.getArgumentTypes(), SmallVector<Type>(dims.size(), index)));
  sizes->removeAttr(sizes.getArgAttrsAttrName());
  sizes->setAttr(kSizesAttrName, b.getUnitAttr());

  interface->sizes = FlatSymbolRefAttr::get(sizes);
  func->setAttr(kInterfaceAttrName, interface->toAttr(&getContext()));
  return success();
}

void OutlineSizes::runOnOperation() {
  SymbolTable symbols(getOperation());
  RewritePatternSet set(&getContext());
  memref::populateResolveRankedShapedTypeResultDimsPatterns(set);
  memref::populateResolveShapedTypeResultDimsPatterns(set);
  tensor::DimOp::getCanonicalizationPatterns(set, &getContext());
  set.add<ResolveDimOfLoop, ResolveDimOfBranch>(&getContext());
  scf::ForOp::getCanonicalizationPatterns(set, &getContext());
  scf::ForallOp::getCanonicalizationPatterns(set, &getContext());
  FrozenRewritePatternSet patterns(std::move(set));

  SmallVector<func::FuncOp> entries;
  for (func::FuncOp func : getOperation().getOps<func::FuncOp>())
    if (func.isPublic())
      entries.push_back(func);
  if (entries.empty()) {
    getOperation().emitError() << "expects a public function to call";
    return signalPassFailure();
  }
  for (func::FuncOp func : entries)
    if (failed(outline(func, symbols, patterns)))
      return signalPassFailure();
}
