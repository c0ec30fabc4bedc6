//===- InterleaveKernels.cpp - several iterations of a kernel at a time ---===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Host/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/MathExtras.h"

#include <numeric>

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNINTERLEAVEKERNELS
#include "linattn/Host/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;
using namespace mlir::linattn;

/// Buffers start at cache lines, which are also the widest vectors.
static constexpr int64_t kAlignment = 64;
/// Rows that are shorter, and nearer to each other, the processor foresees
/// while a kernel follows one head, and no longer if heads take turns.
static constexpr int64_t kMinRowBytes = 256;
static constexpr int64_t kMinStrideBytes = 2048;
/// What tells how many iterations run at the same time.
static constexpr StringLiteral kGetThreads = "omp_get_max_threads";

/// Whether `value` is computed from `source`.
static bool dependsOn(Value value, Value source) {
  DenseSet<Value> seen;
  SmallVector<Value> worklist = {value};
  while (!worklist.empty()) {
    Value next = worklist.pop_back_val();
    if (next == source)
      return true;
    if (Operation *op = next.getDefiningOp(); op && seen.insert(next).second)
      llvm::append_range(worklist, op->getOperands());
  }
  return false;
}

/// The buffer that `value` is a part of.
static Value getRoot(Value value) {
  while (auto view = value.getDefiningOp<ViewLikeOpInterface>())
    value = view.getViewSource();
  return value;
}

/// Calls `visit` with each value that `op` and the ops in it use and that is
/// defined in `body`.
static void forEachUse(Operation *op, Block *body,
                       llvm::function_ref<void(Value)> visit) {
  op->walk([&](Operation *nested) {
    for (Value operand : nested->getOperands())
      if (operand.getParentBlock() == body)
        visit(operand);
  });
}

static int64_t getBytes(MemRefType type, const DataLayout &layout) {
  return llvm::alignTo(type.getNumElements() *
                           layout.getTypeSize(type.getElementType()),
                       kAlignment);
}

/// The distance of two elements that are neighbours along `dim`, if buffers lie
/// in memory as their types say. That they do is not required.
static std::optional<int64_t> getBytesBehind(MemRefType type, unsigned dim) {
  if (!type.getElementType().isIntOrFloat())
    return std::nullopt;
  int64_t bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  for (int64_t size : type.getShape().drop_front(dim + 1)) {
    if (ShapedType::isDynamic(size))
      return std::nullopt;
    bytes *= size;
  }
  return bytes;
}

namespace {
/// Ops of a kernel that are run for each iteration of a group before the ops
/// of the next phase are: either one loop, whose body is run for each, or what
/// stands between such loops.
struct Phase {
  scf::ForOp loop;
  SmallVector<Operation *> ops;
};

/// A kernel, taken apart along one of its dimensions.
class Kernel {
public:
  Kernel(scf::ForallOp forall, unsigned dim)
      : forall(forall), body(forall.getBody()), iv(forall.getInductionVar(dim)),
        dim(dim) {}

  /// Bytes of the rows that lie behind each other in memory for the iterations
  /// of the kernel, while its loops stride over all of them; less those for
  /// which it is the other way round.
  int64_t getGain();

  /// Finds the phases. Fails if iterations cannot take turns.
  LogicalResult analyze();

  /// Bytes that each iteration of a group keeps between phases.
  int64_t getKeptBytes() const { return keptBytes; }
  /// Bytes that all other buffers of an iteration take, at most.
  int64_t getOtherBytes() const { return otherBytes; }
  /// The number of iterations along the dimension, if it is known.
  OpFoldResult getIterations() { return forall.getMixedUpperBound()[dim]; }

  /// Makes groups of up to `maxGroup` iterations for `threads` threads.
  void interleave(OpBuilder &b, int64_t maxGroup, Value threads);

private:
  int64_t getGain(scf::ForOp loop);
  bool isLoopOverChunks(Operation &op);
  void findWrites();
  bool isRepeatable(Operation *op) const;
  Value materialize(OpBuilder &b, Value value, Value slot, IRMapping &mapping);
  Value buildGroups(OpBuilder &b, int64_t maxGroup, Value threads);
  void buildIterations(OpBuilder &b, const Phase &phase, ValueRange range,
                       IRMapping mapping);

  scf::ForallOp forall;
  Block *body;
  Value iv;
  unsigned dim;
  SmallVector<Phase> phases;
  /// Ops that all iterations share.
  SmallVector<Operation *> shared;
  DenseSet<Operation *> isShared;
  /// Buffers that live from one phase to another, and those that replace them.
  llvm::MapVector<Operation *, Value> kept;
  /// Buffers from outside that the kernel writes, and whether it may write
  /// others.
  DenseSet<Value> written;
  bool writesAnything = false;
  int64_t keptBytes = 0;
  int64_t otherBytes = 0;
};
} // namespace

//===----------------------------------------------------------------------===//
// Analysis
//===----------------------------------------------------------------------===//

/// The dimension of what `view` is a part of whose offset depends on `value`.
static std::optional<unsigned> getDimOf(memref::SubViewOp view, Value value) {
  for (auto [i, offset] : llvm::enumerate(view.getMixedOffsets()))
    if (auto dynamic = dyn_cast<Value>(offset);
        dynamic && dependsOn(dynamic, value))
      return i;
  return std::nullopt;
}

int64_t Kernel::getGain(scf::ForOp loop) {
  int64_t gain = 0;
  loop.walk([&](memref::SubViewOp view) {
    if (forall->isAncestor(getRoot(view).getParentBlock()->getParentOp()))
      return;
    std::optional<unsigned> along = getDimOf(view, loop.getInductionVar()),
                            across = getDimOf(view, iv);
    if (!along || !across || *along == *across)
      return;
    MemRefType type = view.getSourceType();
    int64_t row = getBytesBehind(type, *across).value_or(1);
    if (*across < *along)
      gain -= row;
    else if (row >= kMinRowBytes ||
             getBytesBehind(type, *along).value_or(kMinStrideBytes) >=
                 kMinStrideBytes)
      gain += row;
  });
  return gain;
}

bool Kernel::isLoopOverChunks(Operation &op) {
  auto loop = dyn_cast<scf::ForOp>(op);
  return loop && loop.getNumResults() == 0 &&
         llvm::none_of(ValueRange{loop.getLowerBound(), loop.getUpperBound(),
                                  loop.getStep()},
                       [&](Value bound) { return dependsOn(bound, iv); }) &&
         getGain(loop) > 0;
}

int64_t Kernel::getGain() {
  int64_t gain = 0;
  for (Operation &op : *body)
    if (isLoopOverChunks(op))
      gain += getGain(cast<scf::ForOp>(op));
  return gain;
}

void Kernel::findWrites() {
  std::optional<SmallVector<MemoryEffects::EffectInstance>> effects =
      getEffectsRecursively(forall);
  writesAnything = !effects;
  for (const auto &effect :
       effects.value_or(SmallVector<MemoryEffects::EffectInstance>())) {
    if (!isa<MemoryEffects::Write>(effect.getEffect()))
      continue;
    Value root = effect.getValue() ? getRoot(effect.getValue()) : Value();
    Operation *op = root ? root.getDefiningOp() : nullptr;
    if (!root ||
        (op ? !isa<memref::AllocOp, memref::AllocaOp>(op)
            : !isa<FunctionOpInterface>(root.getParentBlock()->getParentOp())))
      writesAnything = true;
    else
      written.insert(root);
  }
}

/// Whether `op` gives the same result wherever it is run in an iteration: it
/// computes, or reads what the kernel does not write.
bool Kernel::isRepeatable(Operation *op) const {
  if (op->getNumRegions() != 0)
    return false;
  // It is run in each iteration anyhow, so it need not be speculatable.
  if (isMemoryEffectFree(op))
    return true;
  auto load = dyn_cast<memref::LoadOp>(op);
  if (!load || writesAnything)
    return false;
  Value root = getRoot(load.getMemRef());
  return isa<BlockArgument>(root) &&
         isa<FunctionOpInterface>(root.getParentBlock()->getParentOp()) &&
         !written.contains(root);
}

LogicalResult Kernel::analyze() {
  if (!forall.isNormalized() || forall.getNumResults() != 0)
    return failure();
  findWrites();
  DenseMap<Operation *, int64_t> phaseOf;
  SmallVector<memref::AllocOp> buffers;
  for (Operation &op : body->without_terminator()) {
    bool repeats = isRepeatable(&op);
    if (repeats && llvm::all_of(op.getOperands(), [&](Value operand) {
          return operand != iv && (operand.getParentBlock() != body ||
                                   isa<BlockArgument>(operand) ||
                                   isShared.contains(operand.getDefiningOp()));
        })) {
      shared.push_back(&op);
      isShared.insert(&op);
      continue;
    }
    if (repeats)
      continue;
    if (auto alloc = dyn_cast<memref::AllocOp>(op)) {
      buffers.push_back(alloc);
      continue;
    }
    if (isLoopOverChunks(op)) {
      // What is shared is known in front of it.
      auto loop = cast<scf::ForOp>(op);
      for (Value bound :
           {loop.getLowerBound(), loop.getUpperBound(), loop.getStep()})
        if (bound.getParentBlock() == body && !isa<BlockArgument>(bound) &&
            !isShared.contains(bound.getDefiningOp()))
          return failure();
      phases.push_back({loop, {&op}});
    } else {
      if (phases.empty() || phases.back().loop)
        phases.emplace_back();
      phases.back().ops.push_back(&op);
    }
    phaseOf[&op] = phases.size() - 1;
  }

  // What one phase makes and another one reads has to be kept.
  DenseMap<Operation *, llvm::SmallDenseSet<int64_t>> phasesOf;
  bool isPossible = true;
  for (auto [index, phase] : llvm::enumerate(phases)) {
    DenseSet<Operation *> seen;
    std::function<void(Value)> use = [&, index = int64_t(index)](Value value) {
      Operation *op = value.getDefiningOp();
      if (!op || isShared.contains(op) || !seen.insert(op).second)
        return;
      if (isa<memref::AllocOp>(op)) {
        phasesOf[op].insert(index);
      } else if (auto known = phaseOf.find(op); known != phaseOf.end()) {
        isPossible &= known->second == index;
      } else {
        forEachUse(op, body, use);
      }
    };
    for (Operation *op : phase.ops)
      forEachUse(op, body, use);
  }
  if (!isPossible)
    return failure();

  DataLayout layout = DataLayout::closest(forall);
  WalkResult walk = body->walk([&](Operation *op) {
    if (isa<memref::DeallocOp>(op))
      return WalkResult::interrupt();
    auto alloc = dyn_cast<memref::AllocOp>(op);
    if (!alloc)
      return WalkResult::advance();
    MemRefType type = alloc.getType();
    if (!type.hasStaticShape() || !type.getLayout().isIdentity())
      return WalkResult::interrupt();
    // A loop may carry what stands in front of it.
    const auto &in = phasesOf[alloc];
    bool isKept = in.size() > 1 || (in.size() == 1 && phases[*in.begin()].loop);
    (isKept ? keptBytes : otherBytes) += getBytes(type, layout);
    if (isKept)
      kept.insert({alloc, Value()});
    return WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}

//===----------------------------------------------------------------------===//
// Rewriting
//===----------------------------------------------------------------------===//

/// The copy of `value` for the iteration whose buffers are those of `slot`.
Value Kernel::materialize(OpBuilder &b, Value value, Value slot,
                          IRMapping &mapping) {
  Operation *op = value.getDefiningOp();
  if (value.getParentBlock() != body || mapping.contains(value) || !op)
    return mapping.lookupOrDefault(value);
  if (Value buffer = kept.lookup(op)) {
    MemRefType type = cast<MemRefType>(value.getType());
    Value bytes = arith::ConstantIndexOp::create(
        b, op->getLoc(), getBytes(type, DataLayout::closest(forall)));
    Value offset = arith::MulIOp::create(b, op->getLoc(), slot, bytes);
    Value view = memref::ViewOp::create(b, op->getLoc(), type, buffer, offset,
                                        ValueRange());
    mapping.map(value, view);
    return view;
  }
  forEachUse(op, body,
             [&](Value used) { materialize(b, used, slot, mapping); });
  b.clone(*op, mapping);
  return mapping.lookup(value);
}

/// Runs `phase` for each iteration of a group.
void Kernel::buildIterations(OpBuilder &b, const Phase &phase, ValueRange range,
                             IRMapping mapping) {
  Location loc = phase.ops.front()->getLoc();
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  auto turns = scf::ForOp::create(b, loc, range[0], range[1], one);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(turns.getBody());
  mapping.map(iv, turns.getInductionVar());
  Value slot = arith::SubIOp::create(b, loc, turns.getInductionVar(), range[0]);
  SmallVector<Operation *> ops = phase.ops;
  if (scf::ForOp loop = phase.loop) {
    ops.clear();
    for (Operation &op : loop.getBody()->without_terminator())
      ops.push_back(&op);
  }
  for (Operation *op : ops) {
    forEachUse(op, body,
               [&](Value used) { materialize(b, used, slot, mapping); });
    b.clone(*op, mapping);
  }
}

/// The number of groups: as few as leave no thread with more than an eighth
/// more iterations than it has without groups.
Value Kernel::buildGroups(OpBuilder &b, int64_t maxGroup, Value threads) {
  Location loc = forall.getLoc();
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, loc, value);
  };
  auto multiply = [&](Value x, Value y) -> Value {
    return arith::MulIOp::create(b, loc, x, y);
  };
  auto ceilDivide = [&](Value x, Value y) -> Value {
    return arith::CeilDivUIOp::create(b, loc, x, y);
  };
  SmallVector<Value> counts;
  for (OpFoldResult bound : forall.getMixedUpperBound())
    counts.push_back(getValueOrCreateConstantIndexOp(b, loc, bound));
  Value iterations = counts[dim];
  counts[dim] = constant(1);
  Value others = std::accumulate(std::next(counts.begin()), counts.end(),
                                 counts.front(), multiply);

  Value groups = iterations;
  Value alone = ceilDivide(multiply(others, iterations), threads);
  Value limit = arith::AddIOp::create(
      b, loc, alone, arith::DivUIOp::create(b, loc, alone, constant(8)));
  for (int64_t size = 2; size <= maxGroup; ++size) {
    Value count = ceilDivide(iterations, constant(size));
    Value largest = ceilDivide(
        iterations, arith::MaxUIOp::create(b, loc, count, constant(1)));
    Value share =
        multiply(ceilDivide(multiply(others, count), threads), largest);
    Value isFair =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ule, share, limit);
    groups = arith::SelectOp::create(b, loc, isFair, count, groups);
  }
  return groups;
}

void Kernel::interleave(OpBuilder &b, int64_t maxGroup, Value threads) {
  Location loc = forall.getLoc();
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, loc, value);
  };
  SmallVector<OpFoldResult> bounds = forall.getMixedUpperBound();
  Value iterations = getValueOrCreateConstantIndexOp(b, loc, bounds[dim]);
  Value groups = buildGroups(b, maxGroup, threads);

  bounds[dim] = groups;
  auto grouped = scf::ForallOp::create(b, loc, bounds, /*outputs=*/{},
                                       forall.getMapping());
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(grouped.getBody()->getTerminator());
  IRMapping mapping;
  mapping.map(forall.getInductionVars(), grouped.getInductionVars());
  Value group = grouped.getInductionVar(dim);
  auto getBegin = [&](Value number) -> Value {
    return arith::DivUIOp::create(
        b, loc, arith::MulIOp::create(b, loc, number, iterations), groups);
  };
  Value begin = getBegin(group);
  Value end = getBegin(arith::AddIOp::create(b, loc, group, constant(1)));

  DataLayout layout = DataLayout::closest(forall);
  for (auto &[alloc, buffer] : kept) {
    int64_t bytes =
        maxGroup *
        getBytes(cast<MemRefType>(alloc->getResult(0).getType()), layout);
    buffer = memref::AllocOp::create(b, alloc->getLoc(),
                                     MemRefType::get({bytes}, b.getI8Type()),
                                     b.getI64IntegerAttr(kAlignment));
  }
  for (Operation *op : shared)
    b.clone(*op, mapping);
  for (const Phase &phase : phases) {
    if (!phase.loop) {
      buildIterations(b, phase, {begin, end}, mapping);
      continue;
    }
    scf::ForOp loop = phase.loop;
    auto copy = scf::ForOp::create(
        b, loop.getLoc(), mapping.lookupOrDefault(loop.getLowerBound()),
        mapping.lookupOrDefault(loop.getUpperBound()),
        mapping.lookupOrDefault(loop.getStep()));
    copy->setAttrs(loop->getAttrs());
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(copy.getBody());
    IRMapping inner = mapping;
    inner.map(loop.getInductionVar(), copy.getInductionVar());
    buildIterations(b, phase, {begin, end}, inner);
  }
  forall.erase();
}

//===----------------------------------------------------------------------===//
// Pass
//===----------------------------------------------------------------------===//

namespace {
struct InterleaveKernels
    : linattn::impl::LinattnInterleaveKernelsBase<InterleaveKernels> {
  using Base::Base;

  void runOnOperation() override {
    if (maxGroup < 2)
      return;
    SmallVector<scf::ForallOp> kernels;
    getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (auto forall = dyn_cast<scf::ForallOp>(op))
        kernels.push_back(forall);
      return isa<scf::ForallOp, scf::ParallelOp>(op) ? WalkResult::skip()
                                                     : WalkResult::advance();
    });
    for (scf::ForallOp forall : kernels)
      interleave(forall);
  }

  void interleave(scf::ForallOp forall) {
    std::optional<unsigned> best;
    int64_t bestGain = 0;
    for (unsigned dim = 0, e = forall.getRank(); dim < e; ++dim) {
      int64_t gain = Kernel(forall, dim).getGain();
      if (gain > bestGain) {
        best = dim;
        bestGain = gain;
      }
    }
    if (!best)
      return;
    Kernel kernel(forall, *best);
    if (failed(kernel.analyze()))
      return;
    int64_t group = maxGroup;
    if (std::optional<int64_t> count =
            getConstantIntValue(kernel.getIterations()))
      group = std::min(group, *count);
    if (int64_t kept = kernel.getKeptBytes()) {
      group = std::min<int64_t>(group, maxKeptBytes / kept);
      group =
          std::min<int64_t>(group, (maxBytes - kernel.getOtherBytes()) / kept);
    }
    if (group < 2)
      return;
    OpBuilder b(forall);
    if (Value threads = getThreads(b, forall.getLoc()))
      kernel.interleave(b, group, threads);
  }

  /// How many threads will run a kernel, or null if that cannot be asked.
  Value getThreads(OpBuilder &b, Location loc) {
    if (!parallel)
      return arith::ConstantIndexOp::create(b, loc, 1);
    ModuleOp module = getOperation();
    Operation *symbol = SymbolTable::lookupSymbolIn(module, kGetThreads);
    auto func = dyn_cast_or_null<LLVM::LLVMFuncOp>(symbol);
    if (symbol && !func)
      return {};
    if (!func) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(module.getBody());
      func = LLVM::LLVMFuncOp::create(
          b, loc, kGetThreads, LLVM::LLVMFunctionType::get(b.getI32Type(), {}));
    }
    Value threads =
        LLVM::CallOp::create(b, loc, func, ValueRange()).getResult();
    return arith::IndexCastUIOp::create(b, loc, b.getIndexType(), threads);
  }
};
} // namespace
