//===- Hopper.cpp - instructions of sm_90a --------------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Matrices.h"
#include "PTXAssembly.h"
#include "Target.h"
#include "UnitCopies.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::linattn;
using namespace mlir::linattn::tile;

/// Bytes between groups of eight rows of a panel.
static constexpr int64_t kGroupBytes = 8 * kPanelRowBytes;

/// Runs `body` for every panel of a tile, with its address and the coordinates
/// of its first element, innermost first.
static void
forEachPanel(Emitter &e, const TileCopy &copy,
             llvm::function_ref<void(Value, ArrayRef<Value>)> body) {
  SmallVector<Value> innermostFirst(llvm::reverse(copy.coordinates));
  Value column = innermostFirst[0];
  for (int64_t first = 0; first < copy.type.getColumns();
       first += kPanelColumns) {
    innermostFirst[0] = e.add(column, first);
    body(e.offset(copy.tile, first * copy.type.getRows() * 2), innermostFirst);
  }
}

/// The descriptor of a tile in shared memory for matrix instructions: 128-byte
/// swizzle, and the distance of panels, which counts where an instruction takes
/// several panels of a transposed tile.
static Value getDescriptor(Emitter &e, Value address, SharedType type) {
  Value bytes = LLVM::PtrToIntOp::create(e.b, e.loc, e.b.getI32Type(), address);
  Value field = e.shr(e.bits(bytes, 0x3FFFF), 4);
  Value wide = arith::ExtUIOp::create(e.b, e.loc, e.b.getI64Type(), field);
  int64_t layout = (int64_t(1) << 62) | (kGroupBytes >> 4 << 32) |
                   (type.getRows() * kPanelRowBytes >> 4 << 16);
  return arith::OrIOp::create(e.b, e.loc, wide, e.i64(layout));
}

/// Where the 16 contracted elements from `k` of row or column `outer` start in
/// a tile. The tile has the contracted dimension in its columns, or in its rows
/// if transposed.
static int64_t getBytes(SharedType type, bool transposed, int64_t outer,
                        int64_t k) {
  int64_t row = transposed ? k : outer, column = transposed ? outer : k;
  int64_t panel = column / kPanelColumns;
  return (panel * type.getRows() + row) * kPanelRowBytes +
         (column % kPanelColumns) * 2;
}

/// The most columns of one instruction, of those that divide all.
static int64_t getInstructionColumns(const Contraction &c) {
  int64_t step = c.transposeRhs ? kPanelColumns : kFragmentColumns;
  for (int64_t width = 256; width > step; width -= step)
    if (c.columns % width == 0)
      return width;
  return step;
}

namespace {
class HopperTarget : public Target {
public:
  bool hasTensorMaps() const override { return true; }
  bool movesRegisters() const override { return true; }

  int64_t getArrivals(int64_t arrivals, int64_t) const override {
    return arrivals;
  }

  void finishBarrierInit(Emitter &e) const override {
    NVVM::FenceMbarrierInitOp::create(e.b, e.loc);
  }

  void waitForBarrier(Emitter &e, Value barrier, Value phase) const override {
    // Nanoseconds that one attempt may be suspended for.
    constexpr int64_t suspendTime = 10000000;
    NVVM::MBarrierTryWaitParityOp::create(e.b, e.loc, barrier, phase,
                                          e.i32(suspendTime));
  }

  void fence(Emitter &e) const override {
    MLIRContext *context = e.b.getContext();
    NVVM::FenceProxyOp::create(
        e.b, e.loc,
        NVVM::ProxyKindAttr::get(context, NVVM::ProxyKind::async_shared),
        NVVM::SharedSpaceAttr::get(context, NVVM::SharedSpace::shared_cta));
  }

  void loadGroup(Emitter &e, const Crew &crew, Value barrier, int64_t bytes,
                 llvm::function_ref<void()> emitCopies,
                 llvm::function_ref<void()> emitLoads) const override {
    if (emitCopies) {
      // The arrival is for what all lanes have copied.
      emitCopies();
      fence(e);
      NVVM::SyncWarpOp::create(e.b, e.loc, e.i32(-1));
    }
    emitIf(e.b, e.loc, e.isElected(crew), [&] {
      buildPTX(e.b, e.loc,
               "{ .reg .b64 state; mbarrier.arrive.expect_tx.shared.b64 state, "
               "[$0], $1; }",
               {}, {barrier, e.i32(bytes)});
      emitLoads();
    });
  }

  void load(Emitter &e, const TileCopy &copy, Value barrier) const override {
    Value map = copy.getTensor().map;
    forEachPanel(e, copy, [&](Value panel, ArrayRef<Value> coordinates) {
      std::string box;
      for (size_t i = 0; i < coordinates.size(); ++i)
        box += (i ? ", $" : "$") + std::to_string(3 + i);
      SmallVector<Value> operands = {panel, map, barrier};
      llvm::append_range(operands, coordinates);
      buildPTX(e.b, e.loc,
               llvm::formatv("cp.async.bulk.tensor.{0}d.shared::cluster."
                             "global.tile.mbarrier::complete_tx::bytes "
                             "[$0], [$1, {{{1}}], [$2];",
                             coordinates.size(), box)
                   .str(),
               {}, operands, /*clobbersMemory=*/true);
    });
  }

  void store(Emitter &e, const TileCopy &copy, Value validRows) const override {
    Value rows = e.i32(copy.type.getRows());
    auto storePanels = [&] {
      forEachPanel(e, copy, [&](Value panel, ArrayRef<Value> coordinates) {
        NVVM::CpAsyncBulkTensorSharedCTAToGlobalOp::create(
            e.b, e.loc, copy.getTensor().map, panel, coordinates,
            /*l2CacheHint=*/Value(), NVVM::TMAStoreMode::TILE,
            /*predicate=*/Value());
      });
    };
    // A group is committed in any case: `tile.store_wait` counts them.
    emitIf(e.b, e.loc, e.isElected(copy.crew), [&] {
      if (!copy.global.isAligned()) {
        // No bulk copy writes parts of 16 bytes.
      } else if (validRows) {
        emitIf(e.b, e.loc,
               e.compare(arith::CmpIPredicate::sge, validRows, rows),
               storePanels);
      } else {
        storePanels();
      }
      NVVM::CpAsyncBulkCommitGroupOp::create(e.b, e.loc);
    });
    if (!copy.global.isAligned())
      storeUnits(e, copy, validRows ? e.min(validRows, rows) : rows);
    else if (validRows)
      emitIf(e.b, e.loc, e.compare(arith::CmpIPredicate::slt, validRows, rows),
             [&] { storeUnits(e, copy, validRows); });
  }

  void waitForStores(Emitter &e, const Crew &crew, int64_t unfinished,
                     bool readsOnly) const override {
    emitIf(e.b, e.loc, e.isElected(crew), [&] {
      NVVM::CpAsyncBulkWaitGroupOp::create(
          e.b, e.loc, static_cast<uint32_t>(unfinished),
          readsOnly ? e.b.getUnitAttr() : UnitAttr());
    });
  }

  SmallVector<Value> contract(Emitter &e, const Contraction &c) const override {
    // Registers that were written before must be so for the asynchronous
    // reader too; tied, so that no write moves behind the fence.
    SmallVector<Value> fenced(c.accumulator);
    llvm::append_range(fenced, c.lhsRegisters);
    fenced = buildPTX(e.b, e.loc, "wgmma.fence.sync.aligned;", fenced, {});
    Contraction ready = c;
    size_t numSums = c.accumulator.size();
    ready.accumulator.assign(fenced.begin(), fenced.begin() + numSums);
    ready.lhsRegisters.assign(fenced.begin() + numSums, fenced.end());

    Value lhs = c.lhs ? getDescriptor(e, c.lhs, c.lhsType) : Value();
    Value rhs = getDescriptor(e, c.rhs, c.rhsType);
    int64_t width = getInstructionColumns(c);
    int64_t perPart = width * kInstructionRows / kWarpgroupThreads;
    SmallVector<Value> results;
    ArrayRef<Value> sums(ready.accumulator);
    for (int64_t row = 0; row < c.rows; row += kInstructionRows) {
      for (int64_t column = 0; column < c.columns; column += width) {
        SmallVector<Value> sum(sums.take_front(perPart));
        sums = sums.drop_front(sum.size());
        for (int64_t k = 0; k < c.depth; k += kInstructionDepth) {
          MatrixInstruction instruction;
          instruction.columns = width;
          instruction.element = c.rhsType.getElementType();
          instruction.transposeRhs = c.transposeRhs;
          instruction.rhs =
              e.add(rhs, getBytes(c.rhsType, c.transposeRhs, column, k) >> 4);
          if (c.lhs) {
            instruction.transposeLhs = c.transposeLhs;
            instruction.lhs = {
                e.add(lhs, getBytes(c.lhsType, c.transposeLhs, row, k) >> 4)};
          } else {
            instruction.lhs.assign(
                ready.getLhsFragment(row / kInstructionRows, k).begin(),
                ready.getLhsFragment(row / kInstructionRows, k).end());
          }
          sum = instruction.build(e.b, e.loc, sum);
        }
        llvm::append_range(results, sum);
      }
    }
    buildPTX(e.b, e.loc, "wgmma.commit_group.sync.aligned;", {}, {},
             /*clobbersMemory=*/true);
    return results;
  }

  SmallVector<Value> waitForContractions(Emitter &e,
                                         ArrayRef<Value> accumulators,
                                         int64_t unfinished) const override {
    return buildPTX(
        e.b, e.loc,
        llvm::formatv("wgmma.wait_group.sync.aligned {0};", unfinished).str(),
        accumulators, {}, /*clobbersMemory=*/true);
  }

  void storeMatrices(Emitter &e, TilePlace place, SharedType type,
                     bool transposed, int64_t row, int64_t column,
                     ArrayRef<Value> registers) const override {
    storeByStMatrix(e, place, type, transposed, row, column, registers);
  }
};
} // namespace

std::unique_ptr<Target> mlir::linattn::tile::createHopperTarget() {
  return std::make_unique<HopperTarget>();
}
