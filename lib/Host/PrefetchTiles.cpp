//===- PrefetchTiles.cpp - read the next tile while this one is in use ----===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileLoops.h"

#include "linattn/Host/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNPREFETCHTILES
#include "linattn/Host/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;
using namespace mlir::linattn;

/// Bytes that one prefetch brings.
static constexpr int64_t kLineBytes = 64;
/// Prefetches in one place, at most: more of them wait for each other.
static constexpr int64_t kMaxPerSlot = 8;

/// The loop that runs `loop` in each of its iterations in the same way.
static scf::ForOp getLoopAround(scf::ForOp loop) {
  auto around = dyn_cast<scf::ForOp>(loop->getParentOp());
  return around && around.isDefinedOutsideOfLoop(loop.getLowerBound()) &&
                 around.isDefinedOutsideOfLoop(loop.getUpperBound()) &&
                 around.isDefinedOutsideOfLoop(loop.getStep())
             ? around
             : scf::ForOp();
}

namespace {
/// Rows of a tensor that each iteration of a loop reads or writes.
struct Stream {
  memref::SubViewOp view;
  bool isWritten = false;
  int64_t rows = 0;
  int64_t linesPerRow = 0;
  int64_t lineElements = 0;

  int64_t getLines() const { return rows * linesPerRow; }
};

/// Loops around the accumulation of one block of registers. In each of their
/// iterations there is time for a few prefetches.
struct Nest {
  SmallVector<scf::ForOp> loops;
  int64_t slots = 1;
};

class Prefetcher {
public:
  explicit Prefetcher(scf::ForOp loop)
      : loop(loop), around(getLoopAround(loop)) {}

  void run();

private:
  std::optional<Stream> getStream(memref::SubViewOp view);
  std::optional<Nest> getNest(scf::ForOp outer);
  Value cloneInto(OpBuilder &b, Value value, IRMapping &mapping);
  void mapToNext(OpBuilder &b, Location loc, IRMapping &mapping);
  memref::SubViewOp getNextView(Stream &stream);
  void prefetch(Stream &stream, Nest &nest, int64_t begin, int64_t perSlot);

  scf::ForOp loop;
  /// The loop around it, which it continues with after its last iteration; or
  /// null.
  scf::ForOp around;
};
} // namespace

static std::optional<int64_t> getTrips(scf::ForOp loop) {
  std::optional<int64_t> begin = getConstantIntValue(loop.getLowerBound()),
                         end = getConstantIntValue(loop.getUpperBound()),
                         step = getConstantIntValue(loop.getStep());
  if (!begin || !end || !step || *end <= *begin)
    return std::nullopt;
  return llvm::divideCeil(*end - *begin, *step);
}

/// The rows of a tile, of which a ragged one has fewer.
static std::optional<int64_t> getMaxRows(memref::SubViewOp view) {
  if (!view.getType().isDynamicDim(0))
    return view.getType().getDimSize(0);
  // Bounds of a minimum are those of its operands.
  std::function<std::optional<int64_t>(Value)> getBound = [&](Value value) {
    std::optional<int64_t> least = getConstantIntValue(value);
    Operation *op = value.getDefiningOp();
    if (isa_and_nonnull<arith::MinSIOp, arith::MinUIOp>(op))
      for (Value operand : op->getOperands())
        if (std::optional<int64_t> bound = getBound(operand))
          least = std::min(*bound, least.value_or(*bound));
    if (least || !isa_and_nonnull<affine::AffineMinOp>(op))
      return least;
    FailureOr<int64_t> bound = ValueBoundsConstraintSet::computeConstantBound(
        presburger::BoundType::UB, {value}, /*stopCondition=*/nullptr,
        /*closedUB=*/true);
    return succeeded(bound) ? std::optional<int64_t>(*bound) : std::nullopt;
  };
  return getBound(view.getDynamicSizes().front());
}

/// Whether `value` is part of a buffer that lives longer than a kernel: not of
/// a tile, whose size is static.
static bool isPartOfTensor(Value value) {
  while (auto view = value.getDefiningOp<ViewLikeOpInterface>())
    value = view.getViewSource();
  if (isa<BlockArgument>(value))
    return true;
  auto alloc = value.getDefiningOp<memref::AllocOp>();
  return alloc && !alloc.getType().hasStaticShape();
}

/// Whether `value` is computed in `loop`, from its induction variable.
static bool dependsOn(Value value, scf::ForOp loop) {
  if (value == loop.getInductionVar())
    return true;
  Operation *op = value.getDefiningOp();
  return op && loop->isProperAncestor(op) &&
         llvm::any_of(op->getOperands(),
                      [&](Value operand) { return dependsOn(operand, loop); });
}

std::optional<Stream> Prefetcher::getStream(memref::SubViewOp view) {
  MemRefType type = view.getType();
  if (type.getRank() != 2 || type.isDynamicDim(1) || !hasContiguousRows(type) ||
      !type.getElementType().isIntOrFloat() || !isPartOfTensor(view) ||
      llvm::none_of(view.getOffsets(),
                    [&](Value offset) { return dependsOn(offset, loop); }))
    return std::nullopt;
  std::optional<int64_t> rows = getMaxRows(view);
  if (!rows || *rows < 1)
    return std::nullopt;
  Stream stream;
  stream.view = view;
  stream.rows = *rows;
  int64_t bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  stream.linesPerRow = llvm::divideCeil(type.getDimSize(1) * bytes, kLineBytes);
  stream.lineElements = kLineBytes / bytes;
  stream.isWritten = llvm::any_of(
      view->getUsers(), llvm::IsaPred<vector::StoreOp, memref::StoreOp>);
  return stream;
}

std::optional<Nest> Prefetcher::getNest(scf::ForOp outer) {
  std::optional<Nest> best;
  outer.walk([&](scf::ForOp inner) {
    if (inner == outer || inner.getNumResults() == 0 ||
        !isa<VectorType>(inner.getResultTypes().front()))
      return;
    Nest nest;
    for (Operation *op = inner->getParentOp(); op != loop;
         op = op->getParentOp()) {
      auto around = dyn_cast<scf::ForOp>(op);
      std::optional<int64_t> trips = around && around.getNumResults() == 0
                                         ? getTrips(around)
                                         : std::nullopt;
      if (!trips)
        return;
      nest.loops.push_back(around);
      nest.slots *= *trips;
    }
    if (!best || nest.slots > best->slots)
      best = nest;
  });
  return best;
}

/// The copy of `value` in front of the body of the loop, or null if it needs
/// more than arithmetic.
Value Prefetcher::cloneInto(OpBuilder &b, Value value, IRMapping &mapping) {
  if (Value known = mapping.lookupOrNull(value))
    return known;
  Operation *op = value.getDefiningOp();
  scf::ForOp outermost = around ? around : loop;
  if (!outermost.getRegion().isAncestor(value.getParentRegion()))
    return value;
  if (!op)
    return {};
  if (op->getNumRegions() != 0 || !isPure(op))
    return {};
  for (Value operand : op->getOperands())
    if (!cloneInto(b, operand, mapping))
      return {};
  b.clone(*op, mapping);
  return mapping.lookup(value);
}

/// Maps the induction variables to those of the next iteration: of this loop,
/// or the first one of it in the next iteration of the loop around it. If there
/// is none, to those of this one.
void Prefetcher::mapToNext(OpBuilder &b, Location loc, IRMapping &mapping) {
  auto getNext = [&](scf::ForOp of) {
    Value next =
        arith::AddIOp::create(b, loc, of.getInductionVar(), of.getStep());
    Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                         next, of.getUpperBound());
    return std::pair(next, exists);
  };
  auto select = [&](Value condition, Value yes, Value no) -> Value {
    return arith::SelectOp::create(b, loc, condition, yes, no);
  };
  Value iv = loop.getInductionVar();
  auto [next, exists] = getNext(loop);
  if (!around) {
    mapping.map(iv, select(exists, next, iv));
    return;
  }
  Value outer = around.getInductionVar();
  auto [outerNext, outerExists] = getNext(around);
  Value first = select(outerExists, loop.getLowerBound(), iv);
  Value outerFirst = select(outerExists, outerNext, outer);
  mapping.map(iv, select(exists, next, first));
  mapping.map(outer, select(exists, outer, outerFirst));
}

/// What `stream` reads in the next iteration, and what it writes in this one.
memref::SubViewOp Prefetcher::getNextView(Stream &stream) {
  OpBuilder b = OpBuilder::atBlockBegin(loop.getBody());
  IRMapping mapping;
  if (!stream.isWritten) {
    mapToNext(b, stream.view.getLoc(), mapping);
  } else {
    for (scf::ForOp each : {loop, around})
      if (each)
        mapping.map(each.getInductionVar(), each.getInductionVar());
  }
  Value copy = cloneInto(b, stream.view.getResult(), mapping);
  return copy ? copy.getDefiningOp<memref::SubViewOp>() : memref::SubViewOp();
}

/// Fetches lines of `stream` from `begin` on, `perSlot` in each iteration of
/// `nest`.
void Prefetcher::prefetch(Stream &stream, Nest &nest, int64_t begin,
                          int64_t perSlot) {
  memref::SubViewOp view = getNextView(stream);
  if (!view)
    return;
  ImplicitLocOpBuilder b(stream.view.getLoc(), nest.loops.front().getBody(),
                         nest.loops.front().getBody()->begin());
  auto constant = [&](int64_t value) {
    return arith::ConstantIndexOp::create(b, value).getResult();
  };
  // The number of this iteration of the nest.
  Value slot = constant(0);
  int64_t stride = 1;
  for (scf::ForOp around : nest.loops) {
    Value distance = arith::SubIOp::create(b, around.getInductionVar(),
                                           around.getLowerBound());
    Value number = arith::DivUIOp::create(b, distance, around.getStep());
    slot = arith::AddIOp::create(
        b, slot, arith::MulIOp::create(b, number, constant(stride)));
    stride *= *getTrips(around);
  }
  Value first = arith::MulIOp::create(b, slot, constant(perSlot));
  Value linesPerRow = constant(stream.linesPerRow);
  Value lastRow = arith::SubIOp::create(
      b, memref::DimOp::create(b, view, 0).getResult(), constant(1));
  for (int64_t i = 0; i < perSlot; ++i) {
    Value line = arith::AddIOp::create(b, first, constant(begin + i));
    Value row = arith::MinUIOp::create(
        b, arith::DivUIOp::create(b, line, linesPerRow), lastRow);
    Value column =
        arith::MulIOp::create(b, arith::RemUIOp::create(b, line, linesPerRow),
                              constant(stream.lineElements));
    memref::PrefetchOp::create(b, view, ValueRange{row, column},
                               /*isWrite=*/stream.isWritten,
                               /*localityHint=*/3, /*isDataCache=*/true);
  }
}

void Prefetcher::run() {
  SmallVector<Stream> streams;
  SmallVector<Nest> nests;
  for (Operation &op : *loop.getBody()) {
    if (auto view = dyn_cast<memref::SubViewOp>(op)) {
      if (std::optional<Stream> stream = getStream(view))
        streams.push_back(*stream);
    } else if (auto inner = dyn_cast<scf::ForOp>(op)) {
      if (std::optional<Nest> nest = getNest(inner))
        nests.push_back(*nest);
    }
  }
  int64_t slots = 0, lines = 0;
  for (const Nest &nest : nests)
    slots += nest.slots;
  llvm::erase_if(streams, [&](const Stream &stream) {
    if (lines + stream.getLines() > slots * kMaxPerSlot)
      return true;
    lines += stream.getLines();
    return false;
  });
  if (streams.empty())
    return;
  // All the lines over all the slots: first what this iteration writes.
  llvm::sort(streams, [](Stream &a, Stream &b) {
    return a.isWritten != b.isWritten ? a.isWritten
                                      : a.view->isBeforeInBlock(b.view);
  });
  int64_t perSlot = llvm::divideCeil(lines, slots);
  auto *nest = nests.begin();
  int64_t capacity = nest->slots * perSlot;
  for (Stream &stream : streams) {
    for (int64_t begin = 0; begin < stream.getLines();) {
      if (capacity < nest->slots) {
        if (++nest == nests.end())
          return;
        capacity = nest->slots * perSlot;
      }
      // The same number in each slot.
      int64_t count = llvm::divideCeil(
          std::min(stream.getLines() - begin, capacity), nest->slots);
      prefetch(stream, *nest, begin, count);
      begin += count * nest->slots;
      capacity -= count * nest->slots;
    }
  }
}

namespace {
struct PrefetchTiles : linattn::impl::LinattnPrefetchTilesBase<PrefetchTiles> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<scf::ForOp> loops;
    getOperation()->walk([&](scf::ForOp loop) { loops.push_back(loop); });
    for (scf::ForOp loop : loops)
      Prefetcher(loop).run();
  }
};
} // namespace
