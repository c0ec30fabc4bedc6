//===- AllocsToWorkspace.cpp - take temporaries from the workspace -------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/ABI/Interface.h"
#include "linattn/ABI/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNALLOCSTOWORKSPACE
#include "linattn/ABI/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;
using namespace mlir::linattn;

/// Temporaries start at multiples of this many bytes: a cache line, and the
/// widest vector.
static constexpr int64_t kAlignment = 64;
/// More than any machine can address.
static constexpr int64_t kMaxStaticBytes = int64_t(1) << 48;

/// True if `op` runs its body more than once, possibly at the same time.
static bool isParallelLoop(Operation *op) {
  return op->hasTrait<OpTrait::HasParallelRegion>() ||
         op->getName().getDialectNamespace() == "omp";
}

/// The loop that carries `alloc` from one iteration to the next, or null. Such
/// a buffer has more than one life at a time and cannot have one place.
static Operation *findCarryingLoop(memref::AllocOp alloc,
                                   BufferViewFlowAnalysis &aliases) {
  for (Operation *parent = alloc->getParentOp();
       parent && !isa<func::FuncOp>(parent); parent = parent->getParentOp()) {
    if (!isa<LoopLikeOpInterface>(parent))
      continue;
    for (Value alias : aliases.resolve(alloc.getResult())) {
      bool isResult = alias.getDefiningOp() == parent;
      bool isArgument = isa<BlockArgument>(alias) &&
                        alias.getParentBlock()->getParentOp() == parent;
      if (isResult || isArgument)
        return parent;
    }
  }
  return nullptr;
}

namespace {
/// Clones the computation of sizes to one place, given the sizes of the
/// arguments there.
class SizeCloner {
public:
  SizeCloner(OpBuilder &b, Block &entry,
             llvm::function_ref<Value(OpBuilder &, BlockArgument, int64_t)>
                 getArgumentSize)
      : b(b), entry(entry), getArgumentSize(getArgumentSize) {}

  /// The copy of `value`, or null if it does not follow from sizes.
  Value clone(Value value) {
    if (Value known = mapping.lookupOrNull(value))
      return known;
    auto result = dyn_cast<OpResult>(value);
    if (!result)
      return {};
    Operation *op = result.getOwner();
    if (auto dim = dyn_cast<memref::DimOp>(op)) {
      auto argument = dyn_cast<BlockArgument>(dim.getSource());
      std::optional<int64_t> index = dim.getConstantIndex();
      if (!argument || argument.getOwner() != &entry || !index)
        return {};
      Value size = getArgumentSize(b, argument, *index);
      mapping.map(value, size);
      return size;
    }
    bool divides = isa<arith::DivSIOp, arith::DivUIOp, arith::CeilDivSIOp,
                       arith::CeilDivUIOp, arith::FloorDivSIOp, arith::RemSIOp,
                       arith::RemUIOp>(op);
    if (op->getNumRegions() != 0 || !(divides || isPure(op)))
      return {};
    for (Value operand : op->getOperands())
      if (isa<ShapedType>(operand.getType()) || !clone(operand))
        return {};
    Operation *copy = b.clone(*op, mapping);
    if (divides && !isPure(op))
      replaceZero(copy->getOpOperand(1));
    return mapping.lookup(value);
  }

private:
  /// By one, so that nothing divides by zero where the function would not have
  /// come to the division.
  static void replaceZero(OpOperand &divisor) {
    Operation *op = divisor.getOwner();
    OpBuilder b(op);
    Value value = divisor.get();
    auto get = [&](int64_t number) -> Value {
      return arith::ConstantOp::create(
          b, op->getLoc(), b.getIntegerAttr(value.getType(), number));
    };
    Value isZero = arith::CmpIOp::create(
        b, op->getLoc(), arith::CmpIPredicate::eq, value, get(0));
    divisor.set(
        arith::SelectOp::create(b, op->getLoc(), isZero, get(1), value));
  }

  OpBuilder &b;
  Block &entry;
  llvm::function_ref<Value(OpBuilder &, BlockArgument, int64_t)>
      getArgumentSize;
  IRMapping mapping;
};

struct AllocsToWorkspace
    : linattn::impl::LinattnAllocsToWorkspaceBase<AllocsToWorkspace> {
  using Base::Base;

  void runOnOperation() override;

private:
  LogicalResult rewrite(func::FuncOp func, Interface interface,
                        SymbolTable &symbols);
};
} // namespace

/// The parallel loops around `alloc`, innermost first.
static SmallVector<LoopLikeOpInterface> getParallelLoops(Operation *alloc) {
  SmallVector<LoopLikeOpInterface> loops;
  for (Operation *parent = alloc->getParentOp(); !isa<func::FuncOp>(parent);
       parent = parent->getParentOp())
    if (auto loop = dyn_cast<LoopLikeOpInterface>(parent);
        loop && isParallelLoop(parent))
      loops.push_back(loop);
  return loops;
}

/// Calls `visit` with the induction variable, lower bound, upper bound and step
/// of each dimension of the parallel loops around `alloc`.
static bool forEachParallelDim(
    Operation *alloc,
    llvm::function_ref<bool(Value, OpFoldResult, OpFoldResult, OpFoldResult)>
        visit) {
  for (LoopLikeOpInterface loop : getParallelLoops(alloc)) {
    auto ivs = loop.getLoopInductionVars();
    auto lower = loop.getLoopLowerBounds();
    auto upper = loop.getLoopUpperBounds();
    auto steps = loop.getLoopSteps();
    if (!ivs || !lower || !upper || !steps)
      return false;
    for (auto [iv, lb, ub, step] :
         llvm::zip_equal(*ivs, *lower, *upper, *steps))
      if (!visit(iv, lb, ub, step))
        return false;
  }
  return true;
}

namespace {
/// Products and sums of sizes. With `saturates`, what has no place in 64 bits
/// is as large as can be: no workspace is that large, so the call is refused.
struct SizeArithmetic {
  OpBuilder &b;
  bool saturates;

  Value multiply(Location loc, Value x, Value y) {
    Value product = arith::MulIOp::create(b, loc, x, y);
    if (!saturates)
      return product;
    Value one = arith::ConstantIndexOp::create(b, loc, 1);
    Value divisor = arith::MaxUIOp::create(b, loc, y, one);
    Value limit = arith::DivUIOp::create(b, loc, getMax(loc), divisor);
    Value fits =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ule, x, limit);
    return arith::SelectOp::create(b, loc, fits, product, getMax(loc));
  }

  Value add(Location loc, Value x, Value y) {
    Value sum = arith::AddIOp::create(b, loc, x, y);
    if (!saturates)
      return sum;
    Value fits =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, sum, x);
    return arith::SelectOp::create(b, loc, fits, sum, getMax(loc));
  }

private:
  Value getMax(Location loc) {
    return arith::ConstantIndexOp::create(b, loc,
                                          std::numeric_limits<int64_t>::max());
  }
};
} // namespace

/// How many iterations the parallel loops around `alloc` have, or null if that
/// does not follow from sizes.
static Value getParallelIterations(SizeArithmetic sizes, Location loc,
                                   Operation *alloc, SizeCloner &cloner) {
  OpBuilder &b = sizes.b;
  Value count;
  bool known = forEachParallelDim(
      alloc, [&](Value, OpFoldResult lb, OpFoldResult ub, OpFoldResult step) {
        // Named: a list in the range of the loop would be gone in its body.
        OpFoldResult given[] = {lb, ub, step};
        Value bounds[3];
        for (auto [value, bound] : llvm::zip_equal(bounds, given)) {
          auto dynamic = dyn_cast<Value>(bound);
          value = dynamic ? cloner.clone(dynamic)
                          : getValueOrCreateConstantIndexOp(b, loc, bound);
          if (!value)
            return false;
        }
        Value extent = arith::SubIOp::create(b, loc, bounds[1], bounds[0]);
        Value trips = arith::CeilDivSIOp::create(b, loc, extent, bounds[2]);
        count = count ? sizes.multiply(loc, count, trips) : trips;
        return true;
      });
  return known ? count : Value();
}

/// The number of the current iteration among those of the parallel loops around
/// `alloc`.
static Value getParallelIteration(OpBuilder &b, memref::AllocOp alloc) {
  Location loc = alloc.getLoc();
  Value number = arith::ConstantIndexOp::create(b, loc, 0);
  auto get = [&](OpFoldResult bound) {
    return getValueOrCreateConstantIndexOp(b, loc, bound);
  };
  forEachParallelDim(alloc, [&](Value iv, OpFoldResult lb, OpFoldResult ub,
                                OpFoldResult step) {
    Value extent = arith::SubIOp::create(b, loc, get(ub), get(lb));
    Value trips = arith::CeilDivSIOp::create(b, loc, extent, get(step));
    Value distance = arith::SubIOp::create(b, loc, iv, get(lb));
    Value here = arith::DivSIOp::create(b, loc, distance, get(step));
    number = arith::MulIOp::create(b, loc, number, trips);
    number = arith::AddIOp::create(b, loc, number, here);
    return true;
  });
  return number;
}

/// Bytes of one temporary of static shape, with what aligns the next one.
static int64_t getAlignedBytes(MemRefType type) {
  return llvm::alignTo(type.getNumElements() *
                           getElementBytes(type.getElementType()),
                       kAlignment);
}

/// Adds up the sizes of `allocs` with `cloner`; `offsets` are where they
/// start. Returns the sum, or null after an error.
static Value layOut(SizeArithmetic sizes, ArrayRef<memref::AllocOp> allocs,
                    SizeCloner &cloner, SmallVectorImpl<Value> &offsets) {
  OpBuilder &b = sizes.b;
  Value total = arith::ConstantIndexOp::create(b, b.getUnknownLoc(), 0);
  for (memref::AllocOp alloc : allocs) {
    Location loc = alloc.getLoc();
    MemRefType type = alloc.getType();
    if (!getParallelLoops(alloc).empty()) {
      // One for each iteration, since any of them may run at the same time.
      Value count = getParallelIterations(sizes, loc, alloc, cloner);
      if (!count) {
        alloc.emitError() << "cannot place a temporary of type " << type
                          << " in the workspace: expected the number of "
                             "iterations of its parallel loop to follow from "
                             "the sizes of the arguments";
        return {};
      }
      Value each =
          arith::ConstantIndexOp::create(b, loc, getAlignedBytes(type));
      offsets.push_back(total);
      total = sizes.add(loc, total, sizes.multiply(loc, count, each));
      continue;
    }
    int64_t staticBytes = getElementBytes(type.getElementType());
    for (int64_t size : type.getShape())
      if (!ShapedType::isDynamic(size))
        staticBytes *= size;
    Value bytes = arith::ConstantIndexOp::create(b, loc, staticBytes);
    for (Value size : alloc.getDynamicSizes()) {
      Value copy = cloner.clone(size);
      if (!copy) {
        alloc.emitError()
            << "cannot place a temporary of type " << type
            << " in the workspace: expected its size to follow from the sizes "
               "of the arguments, but it depends on values";
        return {};
      }
      // In a branch that is not taken, a size may be below zero.
      if (!isa<func::FuncOp>(alloc->getParentOp()))
        copy = arith::MaxSIOp::create(
            b, loc, copy, arith::ConstantIndexOp::create(b, loc, 0));
      bytes = sizes.multiply(loc, bytes, copy);
    }
    offsets.push_back(total);
    Value mask = arith::ConstantIndexOp::create(b, loc, -kAlignment);
    Value slack = arith::ConstantIndexOp::create(b, loc, kAlignment - 1);
    bytes = arith::AndIOp::create(b, loc, sizes.add(loc, bytes, slack), mask);
    total = sizes.add(loc, total, bytes);
  }
  return total;
}

LogicalResult AllocsToWorkspace::rewrite(func::FuncOp func, Interface interface,
                                         SymbolTable &symbols) {
  Block &entry = func.getBody().front();
  Location loc = func.getLoc();
  BufferViewFlowAnalysis aliases(func);
  SmallVector<memref::AllocOp> allocs;
  WalkResult walk = func.walk([&](memref::AllocOp alloc) -> WalkResult {
    if (!getParallelLoops(alloc).empty() && !alloc.getType().hasStaticShape())
      return alloc.emitError() << "expected a temporary in a parallel loop to "
                                  "have a static shape, but got "
                               << alloc.getType();
    if (Operation *loop = findCarryingLoop(alloc, aliases)) {
      InFlightDiagnostic diag =
          alloc.emitError()
          << "cannot place a temporary of type " << alloc.getType()
          << " in the workspace: a loop carries it to the next iteration";
      diag.attachNote(loop->getLoc()) << "this loop";
      return diag;
    }
    int64_t staticBytes = getElementBytes(alloc.getType().getElementType());
    for (int64_t size : alloc.getType().getShape())
      if (!ShapedType::isDynamic(size) &&
          (llvm::MulOverflow(staticBytes, size, staticBytes) ||
           staticBytes > kMaxStaticBytes))
        return alloc.emitError()
               << "expected a temporary of at most 2^48 bytes, but got "
               << alloc.getType();
    if (!alloc.getType().getLayout().isIdentity())
      return alloc.emitError() << "expected a temporary with identity layout, "
                                  "but got "
                               << alloc.getType();
    allocs.push_back(alloc);
    return WalkResult::advance();
  });
  if (walk.wasInterrupted())
    return failure();

  // The function that computes the size of the workspace.
  OpBuilder b(func);
  b.setInsertionPointAfter(func);
  SmallVector<Type> sizeTypes;
  SmallVector<unsigned> firstSize;
  for (Type type : func.getArgumentTypes()) {
    firstSize.push_back(sizeTypes.size());
    if (auto memref = dyn_cast<MemRefType>(type))
      sizeTypes.append(memref.getRank(), b.getIndexType());
  }
  auto workspaceFunc =
      func::FuncOp::create(b, loc, (func.getSymName() + ".workspace").str(),
                           b.getFunctionType(sizeTypes, b.getIndexType()));
  workspaceFunc.setPrivate();
  symbols.insert(workspaceFunc);
  Block *workspaceBody = workspaceFunc.addEntryBlock();
  b.setInsertionPointToStart(workspaceBody);
  auto getPassedSize = [&](OpBuilder &, BlockArgument argument,
                           int64_t dim) -> Value {
    return workspaceBody->getArgument(firstSize[argument.getArgNumber()] + dim);
  };
  SizeCloner sizeCloner(b, entry, getPassedSize);
  SmallVector<Value> unused;
  Value total = layOut({b, /*saturates=*/true}, allocs, sizeCloner, unused);
  if (!total)
    return failure();
  func::ReturnOp::create(b, loc, total);

  // The views. Offsets are computed once, where everything sees them.
  b.setInsertionPointToStart(&entry);
  Value workspace = entry.addArgument(
      MemRefType::get({ShapedType::kDynamic}, b.getI8Type()), loc);
  auto getOwnSize = [&](OpBuilder &b, BlockArgument argument,
                        int64_t dim) -> Value {
    return memref::DimOp::create(b, loc, argument, dim);
  };
  SizeCloner ownCloner(b, entry, getOwnSize);
  SmallVector<Value> offsets;
  layOut({b, /*saturates=*/false}, allocs, ownCloner, offsets);
  for (auto [alloc, offset] : llvm::zip(allocs, offsets)) {
    for (Operation *user : llvm::make_early_inc_range(alloc->getUsers()))
      if (isa<memref::DeallocOp>(user))
        user->erase();
    b.setInsertionPoint(alloc);
    if (!getParallelLoops(alloc).empty()) {
      Value each = arith::ConstantIndexOp::create(
          b, alloc.getLoc(), getAlignedBytes(alloc.getType()));
      Value skipped = arith::MulIOp::create(
          b, alloc.getLoc(), getParallelIteration(b, alloc), each);
      offset = arith::AddIOp::create(b, alloc.getLoc(), offset, skipped);
    }
    Value view =
        memref::ViewOp::create(b, alloc.getLoc(), alloc.getType(), workspace,
                               offset, alloc.getDynamicSizes());
    alloc.replaceAllUsesWith(view);
    alloc.erase();
  }
  func.setFunctionType(
      b.getFunctionType(entry.getArgumentTypes(), func.getResultTypes()));
  interface.workspace = FlatSymbolRefAttr::get(workspaceFunc);
  func->setAttr(kInterfaceAttrName, interface.toAttr(&getContext()));
  return success();
}

void AllocsToWorkspace::runOnOperation() {
  // Sizes must be traced to arguments: look through views and allocations.
  RewritePatternSet patterns(&getContext());
  memref::populateResolveRankedShapedTypeResultDimsPatterns(patterns);
  memref::populateResolveShapedTypeResultDimsPatterns(patterns);
  memref::DimOp::getCanonicalizationPatterns(patterns, &getContext());
  if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
    return signalPassFailure();

  SymbolTable symbols(getOperation());
  SmallVector<std::pair<func::FuncOp, Interface>> entries;
  for (func::FuncOp func : getOperation().getOps<func::FuncOp>()) {
    FailureOr<Interface> interface = getInterface(func);
    if (succeeded(interface))
      entries.push_back({func, *interface});
  }
  for (auto &[func, interface] : entries)
    if (failed(rewrite(func, interface, symbols)))
      return signalPassFailure();
}
