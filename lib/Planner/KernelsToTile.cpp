//===- KernelsToTile.cpp - place the kernels of the normal form -----------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementKernel.h"
#include "TileProgram.h"
#include "linattn/Planner/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNKERNELSTOTILE
#include "linattn/Planner/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;
using namespace mlir::linattn;

/// Gives every output a tensor of its own. Empty tensors of one size may be one
/// value, though nothing says that they share memory.
static LogicalResult separateOutputs(scf::ForallOp forall) {
  llvm::DenseSet<Value> seen;
  for (OpOperand &output : forall.getOutputsMutable()) {
    if (seen.insert(output.get()).second)
      continue;
    auto empty = output.get().getDefiningOp<tensor::EmptyOp>();
    if (!empty)
      return forall.emitOpError("writes two results to one tensor; expects a "
                                "tensor of its own for each, in a kernel for "
                                "a GPU");
    OpBuilder b(forall);
    output.set(b.clone(*empty)->getResult(0));
  }
  return success();
}

/// The numbers of the iteration that a thread block runs, the last dimension
/// fastest. `sharing` thread blocks that follow each other share an iteration;
/// the result is the number of this one among them.
static FailureOr<Value> bindIterations(scf::ForallOp forall, int64_t sharing,
                                       KernelFrame &frame) {
  if (!forall.isNormalized())
    return forall.emitOpError("expects lower bounds 0 and steps 1, in a kernel "
                              "for a GPU");
  OpBuilder &b = frame.getEntryBuilder();
  Location loc = forall.getLoc();
  Value rest = tile::BlockIdOp::create(b, loc, b.getI32Type());
  Value count = arith::ConstantIntOp::create(b, loc, sharing, 32);
  Value part = arith::RemUIOp::create(b, loc, rest, count);
  rest = arith::DivUIOp::create(b, loc, rest, count);
  SmallVector<OpFoldResult> extents = forall.getMixedUpperBound();
  for (int64_t dim = extents.size(); dim-- > 0;) {
    Value iteration = forall.getInductionVars()[dim];
    if (dim == 0) {
      frame.bind(iteration, rest);
      break;
    }
    FailureOr<Value> extent = frame.getIndex(b, loc, extents[dim]);
    if (failed(extent))
      return failure();
    frame.bind(iteration, arith::RemUIOp::create(b, loc, rest, *extent));
    rest = arith::DivUIOp::create(b, loc, rest, *extent);
  }
  return part;
}

namespace {
struct LinattnKernelsToTile
    : linattn::impl::LinattnKernelsToTileBase<LinattnKernelsToTile> {
  using Base::Base;

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (auto func :
         llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>())) {
      AssertedSizes asserted(func);
      SmallVector<scf::ForallOp> kernels;
      func.walk([&](scf::ForallOp forall) { kernels.push_back(forall); });
      for (auto [index, forall] : llvm::enumerate(kernels)) {
        std::string name = (func.getSymName() + "_" + Twine(index)).str();
        if (failed(convert(forall, name, symbols, asserted)))
          return signalPassFailure();
      }
    }
  }

private:
  tile::PlanAttr getAttr(const Plan &plan) {
    return tile::PlanAttr::get(&getContext(), plan.groups, plan.columnBlocks,
                               plan.stages, plan.early, plan.stateFirst,
                               plan.publishFirst, plan.recompute,
                               !plan.shared.empty());
  }

  LogicalResult convert(scf::ForallOp forall, StringRef name,
                        SymbolTable &symbols, const AssertedSizes &asserted) {
    if (failed(separateOutputs(forall)))
      return failure();
    if (isElementKernel(forall)) {
      ElementBody body(forall);
      if (failed(body.analyze()))
        return failure();
      return build(
          forall, name, symbols, /*warpgroups=*/1, /*sharing=*/1,
          [&](KernelFrame &frame, tile::KernelOp kernel, OpBuilder &b, Value) {
            return ElementKernel(body, frame, kernel, b).emit();
          });
    }
    FailureOr<KernelBody> body = KernelBody::get(forall);
    if (failed(body))
      return failure();
    DeviceLimits limits;
    limits.sharedBytes = sharedLimit;
    limits.movesRegisters = movesRegisters;
    limits.columnBlocks = columnBlocks;
    auto given = forall->getAttrOfType<tile::PlanAttr>(tile::kPlanAttrName);
    if (given)
      limits.columnBlocks = given.getColumnBlocks();
    FailureOr<Plan> plan = choosePlan(*body, limits);
    if (failed(plan))
      return failure();
    if (given) {
      if (given.getGroups() != plan->groups)
        return forall.emitOpError("has to be shared by ")
               << plan->groups << " warpgroups, but its plan has "
               << given.getGroups();
      plan->stages = given.getStages();
      plan->early = given.getEarly();
      plan->stateFirst = given.getStateFirst();
      plan->publishFirst = given.getPublishFirst();
      plan->recompute = given.getRecompute();
      if (given.getShareOperands())
        linattn::shareOperands(*body, *plan);
    } else {
      if (stages > 0)
        plan->stages = stages;
      plan->early = early;
      plan->stateFirst = stateFirst;
      plan->publishFirst = publishFirst;
      plan->recompute |= recompute;
      if (shareOperands)
        linattn::shareOperands(*body, *plan);
      // Kernels that go on where another segment has ended are few and long.
      // With two stages the next chunk would be asked for too early.
      plan->early |=
          !plan->shared.empty() && !body->prologues.empty() && plan->stages > 2;
    }
    plan->early &= plan->stages > 1;
    return build(forall, name, symbols, plan->groups + 1, plan->columnBlocks,
                 [&](KernelFrame &frame, tile::KernelOp kernel, OpBuilder &,
                     Value part) {
                   kernel->setAttr(tile::kPlanAttrName, getAttr(*plan));
                   return TileProgram(*body, *plan, frame, kernel, asserted,
                                      part)
                       .emit();
                 });
  }

  /// Makes a kernel of what `emit` writes at the builder, and its launch.
  /// `sharing` thread blocks share an iteration; `emit` is given the number
  /// among them.
  LogicalResult
  build(scf::ForallOp forall, StringRef name, SymbolTable &symbols,
        int64_t warpgroups, int64_t sharing,
        llvm::function_ref<LogicalResult(KernelFrame &, tile::KernelOp,
                                         OpBuilder &, Value)>
            emit) {
    Location loc = forall.getLoc();
    OpBuilder b(&getContext());
    auto kernel = tile::KernelOp::create(
        b, loc, name, b.getFunctionType({}, {}), warpgroups,
        /*arg_attrs=*/nullptr, /*res_attrs=*/nullptr);
    symbols.insert(kernel);
    Block *entry = &kernel.getBody().emplaceBlock();
    b.setInsertionPointToEnd(entry);
    Operation *end = tile::ReturnOp::create(b, loc);

    KernelFrame frame(forall, entry);
    b.setInsertionPoint(end);
    // What does not change is computed before the roles.
    Operation *marker = tile::BlockIdOp::create(b, loc, b.getI32Type());
    frame.getEntryBuilder().setInsertionPoint(marker);
    FailureOr<Value> part = bindIterations(forall, sharing, frame);
    if (failed(part) || failed(emit(frame, kernel, b, *part)))
      return failure();
    marker->erase();

    KernelFrame::LaunchOperands operands = frame.finish();
    kernel.setFunctionType(b.getFunctionType(entry->getArgumentTypes(), {}));
    SmallVector<Attribute> attributes(operands.argAttrs.begin(),
                                      operands.argAttrs.end());
    kernel.setArgAttrsAttr(b.getArrayAttr(attributes));
    return launch(forall, kernel, sharing, operands);
  }

  LogicalResult launch(scf::ForallOp forall, tile::KernelOp kernel,
                       int64_t sharing,
                       const KernelFrame::LaunchOperands &operands) {
    OpBuilder b(forall);
    Location loc = forall.getLoc();
    Value blocks = arith::ConstantIndexOp::create(b, loc, sharing);
    for (OpFoldResult extent : forall.getMixedUpperBound())
      blocks = arith::MulIOp::create(
          b, loc, blocks, getValueOrCreateConstantIndexOp(b, loc, extent));
    auto launch = tile::LaunchOp::create(
        b, loc, TypeRange(ValueRange(operands.outputs)), kernel.getSymName(),
        blocks, operands.inputs, operands.outputs);
    // An output that the kernel does not write keeps its value.
    for (auto [result, init] :
         llvm::zip_equal(forall.getResults(), forall.getOutputs())) {
      const auto *it = llvm::find(operands.outputs, init);
      result.replaceAllUsesWith(
          it == operands.outputs.end()
              ? init
              : launch.getResult(it - operands.outputs.begin()));
    }
    forall.erase();
    return success();
  }
};
} // namespace
