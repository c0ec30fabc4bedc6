//===- Portable.cpp - instructions of all chips from sm_80 on -------------===//
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

using namespace mlir;
using namespace mlir::linattn;
using namespace mlir::linattn::tile;

namespace {
class PortableTarget : public Target {
public:
  explicit PortableTarget(const Chip &chip) : chip(chip) {}

  bool hasTensorMaps() const override { return false; }
  bool movesRegisters() const override { return false; }

  /// Every thread of a load group arrives when its copies are there.
  int64_t getArrivals(int64_t arrivals, int64_t loadThreads) const override {
    return loadThreads ? arrivals - 1 + loadThreads : arrivals;
  }

  void finishBarrierInit(Emitter &) const override {}

  void waitForBarrier(Emitter &e, Value barrier, Value phase) const override {
    StringRef instruction = chip.hasTryWait() ? "try" : "test";
    buildPTX(e.b, e.loc,
             ("{ .reg .pred done; again: mbarrier." + instruction +
              "_wait.parity.shared.b64 done, [$0], $1; @!done bra again; }")
                 .str(),
             {}, {barrier, phase}, /*clobbersMemory=*/true);
  }

  // Copies and contractions are ordered as all other accesses.
  void fence(Emitter &) const override {}

  void loadGroup(Emitter &e, const Crew &, Value barrier, int64_t,
                 llvm::function_ref<void()> emitCopies,
                 llvm::function_ref<void()> emitLoads) const override {
    emitLoads();
    if (emitCopies) {
      // An arrival that copies trigger does not release what the thread itself
      // has written.
      emitCopies();
      // Lanes that copy less do not go on alone to what they wait for next.
      NVVM::SyncWarpOp::create(e.b, e.loc, e.i32(-1));
      buildPTX(e.b, e.loc, "cp.async.wait_all;", {}, {},
               /*clobbersMemory=*/true);
      buildPTX(e.b, e.loc,
               "{ .reg .b64 state; mbarrier.arrive.shared.b64 state, [$0]; }",
               {}, {barrier});
      return;
    }
    NVVM::CpAsyncMBarrierArriveOp::create(e.b, e.loc, barrier, /*noinc=*/true);
  }

  void load(Emitter &e, const TileCopy &copy, Value) const override {
    loadUnits(e, copy);
  }

  void store(Emitter &e, const TileCopy &copy, Value validRows) const override {
    Value rows = e.i32(copy.type.getRows());
    storeUnits(e, copy, validRows ? e.min(validRows, rows) : rows);
  }

  // A store has read shared memory when the thread goes on, and the end of the
  // kernel waits for writes.
  void waitForStores(Emitter &, const Crew &, int64_t, bool) const override {}

  SmallVector<Value> contract(Emitter &e, const Contraction &c) const override {
    SmallVector<Value> sums(c.accumulator);
    if (sums.empty())
      sums.assign(c.rows * c.columns / kWarpgroupThreads, e.f32(0));
    int64_t perBlock = c.columns * kInstructionRows / kWarpgroupThreads;
    for (int64_t k = 0; k < c.depth; k += kInstructionDepth) {
      SmallVector<SmallVector<Value>> lhs;
      for (int64_t row = 0; row < c.rows; row += kInstructionRows) {
        if (c.lhs)
          lhs.push_back(
              loadLhsFragment(e, c.lhs, c.lhsType, c.transposeLhs, row, k));
        else
          lhs.push_back(
              SmallVector<Value>(c.getLhsFragment(row / kInstructionRows, k)));
      }
      constexpr int64_t pair = 2 * kFragmentColumns;
      for (int64_t column = 0; column < c.columns; column += pair) {
        int64_t count = column + pair <= c.columns ? 2 : 1;
        SmallVector<Value> rhs = loadRhsFragments(
            e, c.rhs, c.rhsType, c.transposeRhs, k, column, count);
        for (auto [block, fragment] : llvm::enumerate(lhs))
          for (int64_t i = 0; i < count; ++i) {
            MutableArrayRef<Value> sum = MutableArrayRef(sums).slice(
                block * perBlock + (column / kFragmentColumns + i) * 4, 4);
            multiply(e, c.rhsType.getElementType(), fragment,
                     ArrayRef(rhs).slice(2 * i, 2), sum);
          }
      }
    }
    return sums;
  }

  SmallVector<Value> waitForContractions(Emitter &,
                                         ArrayRef<Value> accumulators,
                                         int64_t) const override {
    return SmallVector<Value>(accumulators);
  }

  void storeMatrices(Emitter &e, TilePlace place, SharedType type,
                     bool transposed, int64_t row, int64_t column,
                     ArrayRef<Value> registers) const override {
    if (chip.hasStMatrix())
      return storeByStMatrix(e, place, type, transposed, row, column,
                             registers);
    // Lane l has the pair of columns 2 (l % 4) of row l / 4, of rows 8 further,
    // and both of the next eight columns.
    Value lane = e.lane();
    if (transposed) {
      Value tile = e.offset(place.tile, e.shl(e.shr(lane, 2), 1));
      Value laneRow = e.shl(e.bits(lane, 3), 1);
      Value unit = e.shl(e.warpInGroup(), 1);
      for (auto [i, value] : llvm::enumerate(registers))
        for (int64_t high : {0, 1}) {
          Value address =
              getMatrixAddress(e, tile, type, e.add(laneRow, high),
                               e.add(unit, i % 2), column + 8 * (i / 2), row);
          Value half = arith::TruncIOp::create(e.b, e.loc, e.b.getI16Type(),
                                               e.shr(value, 16 * high));
          LLVM::StoreOp::create(e.b, e.loc, half, address, 2);
        }
      return;
    }
    Value laneRow = e.add(e.shr(lane, 2), e.shl(e.warpInGroup(), 4));
    Value within = e.shl(e.bits(lane, 3), 2);
    for (auto [i, value] : llvm::enumerate(registers)) {
      Value address =
          getMatrixAddress(e, e.offset(place.tile, within), type, laneRow,
                           place.unit ? place.unit : e.i32(0),
                           row + 8 * (i % 2), column + 8 * (i / 2));
      LLVM::StoreOp::create(e.b, e.loc, value, address, 4);
    }
  }

private:
  /// sum += lhs * rhs, of 16 x 16 and 16 x 8 elements.
  static void multiply(Emitter &e, Type element, ArrayRef<Value> lhs,
                       ArrayRef<Value> rhs, MutableArrayRef<Value> sum) {
    OpBuilder &b = e.b;
    bool bf16 = element.isBF16();
    auto getOperands = [&](ArrayRef<Value> registers) {
      SmallVector<Value> operands(registers);
      if (!bf16)
        for (Value &operand : operands)
          operand = LLVM::BitcastOp::create(
              b, e.loc, VectorType::get(2, element), operand);
      return operands;
    };
    NVVM::MMATypes type = bf16 ? NVVM::MMATypes::bf16 : NVVM::MMATypes::f16;
    auto result = LLVM::LLVMStructType::getLiteral(
        b.getContext(), SmallVector<Type>(4, b.getF32Type()));
    Value product = NVVM::MmaOp::create(
        b, e.loc, result, getOperands(lhs), getOperands(rhs), ValueRange(sum),
        {16, kFragmentColumns, kInstructionDepth}, std::nullopt, std::nullopt,
        std::array{type, type},
        std::array{NVVM::MMALayout::row, NVVM::MMALayout::col});
    llvm::copy(e.unpack(product), sum.begin());
  }

  Chip chip;
};
} // namespace

std::unique_ptr<Target>
mlir::linattn::tile::createPortableTarget(const Chip &chip) {
  return std::make_unique<PortableTarget>(chip);
}

Target::~Target() = default;

std::unique_ptr<Target> Target::get(const Chip &chip) {
  return chip.isHopper ? createHopperTarget() : createPortableTarget(chip);
}
