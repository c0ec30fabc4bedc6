//===- Emitter.h - values that many lowerings need --------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_CONVERSION_TILETONVVM_EMITTER_H
#define LINATTN_LIB_CONVERSION_TILETONVVM_EMITTER_H

#include "linattn/Dialect/Tile/Utils/ProgramInfo.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir {
namespace linattn {
namespace tile {

/// The symbol of dynamic shared memory.
inline constexpr StringLiteral kSharedSymbol = "tile_shared";
inline constexpr unsigned kSharedSpace = 3;
/// Columns of one fragment of an accumulator, and contracted elements of one
/// instruction.
inline constexpr int64_t kFragmentColumns = 8;
inline constexpr int64_t kInstructionDepth = 16;
/// Bytes of a row of a panel.
inline constexpr int64_t kPanelRowBytes = 128;

/// Helpers that every pattern needs: i32 arithmetic, addresses, thread numbers.
class Emitter {
public:
  Emitter(OpBuilder &b, Location loc) : b(b), loc(loc) {}

  Value i32(int64_t value) {
    return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(value));
  }
  Value i64(int64_t value) {
    return arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(value));
  }
  Value f32(float value) {
    return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value));
  }
  Value add(Value lhs, Value rhs) {
    return arith::AddIOp::create(b, loc, lhs, rhs);
  }
  Value add(Value lhs, int64_t rhs) {
    return rhs == 0 ? lhs : add(lhs, isI64(lhs) ? i64(rhs) : i32(rhs));
  }
  Value sub(Value lhs, Value rhs) {
    return arith::SubIOp::create(b, loc, lhs, rhs);
  }
  Value mul(Value lhs, Value rhs) {
    return arith::MulIOp::create(b, loc, lhs, rhs);
  }
  Value mul(Value lhs, int64_t rhs) {
    return mul(lhs, isI64(lhs) ? i64(rhs) : i32(rhs));
  }
  Value min(Value lhs, Value rhs) {
    return arith::MinSIOp::create(b, loc, lhs, rhs);
  }
  Value max(Value lhs, Value rhs) {
    return arith::MaxSIOp::create(b, loc, lhs, rhs);
  }
  Value compare(arith::CmpIPredicate predicate, Value lhs, Value rhs) {
    return arith::CmpIOp::create(b, loc, predicate, lhs, rhs);
  }
  /// i32 to i64, with its sign.
  Value widen(Value value) {
    return arith::ExtSIOp::create(b, loc, b.getI64Type(), value);
  }
  Value shl(Value lhs, int64_t rhs) {
    return arith::ShLIOp::create(b, loc, lhs, i32(rhs));
  }
  Value shr(Value lhs, int64_t rhs) {
    return arith::ShRUIOp::create(b, loc, lhs, i32(rhs));
  }
  Value bits(Value lhs, int64_t mask) {
    return arith::AndIOp::create(b, loc, lhs, i32(mask));
  }
  Value exclusiveOr(Value lhs, Value rhs) {
    return arith::XOrIOp::create(b, loc, lhs, rhs);
  }
  Value equals(Value lhs, int64_t rhs) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, lhs,
                                 i32(rhs));
  }

  Value thread() { return NVVM::ThreadIdXOp::create(b, loc, b.getI32Type()); }
  /// The warp, the same value in all lanes as far as the compiler knows.
  Value warp() { return shuffle(shr(thread(), 5), i32(0)); }
  /// What the thread with the number `lane` of the warp has.
  Value shuffle(Value value, Value lane) {
    return NVVM::ShflOp::create(b, loc, b.getI32Type(), i32(-1), value, lane,
                                i32(31), NVVM::ShflKind::idx, UnitAttr());
  }
  Value warpInGroup() { return bits(warp(), 3); }
  Value lane() { return bits(thread(), 31); }
  /// The number of the thread in its crew.
  Value member(const Crew &crew) {
    return crew.isWarpgroup() ? bits(thread(), kWarpgroupThreads - 1)
                              : add(thread(), -32 * *crew.firstWarp);
  }
  /// Whether this is the thread that acts for its crew, always the same one.
  Value isElected(const Crew &crew) { return equals(member(crew), 0); }

  /// `base` + bytes in shared memory.
  Value offset(Value base, Value bytes) {
    return LLVM::GEPOp::create(b, loc, base.getType(), b.getI8Type(), base,
                               ArrayRef<LLVM::GEPArg>{bytes});
  }
  Value offset(Value base, int64_t bytes) {
    if (bytes == 0)
      return base;
    return LLVM::GEPOp::create(
        b, loc, base.getType(), b.getI8Type(), base,
        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(bytes)});
  }
  Value sharedMemory(int64_t bytes) {
    Value base = LLVM::AddressOfOp::create(
        b, loc, LLVM::LLVMPointerType::get(b.getContext(), kSharedSpace),
        kSharedSymbol);
    return offset(base, bytes);
  }

  SmallVector<Value> unpack(Value tile) {
    SmallVector<Value> elements;
    auto type = cast<LLVM::LLVMStructType>(tile.getType());
    for (int64_t i = 0, e = type.getBody().size(); i < e; ++i)
      elements.push_back(LLVM::ExtractValueOp::create(b, loc, tile, i));
    return elements;
  }
  Value pack(ArrayRef<Value> elements) {
    auto type = LLVM::LLVMStructType::getLiteral(
        b.getContext(),
        SmallVector<Type>(elements.size(), elements.front().getType()));
    Value tile = LLVM::UndefOp::create(b, loc, type);
    for (auto [i, element] : llvm::enumerate(elements))
      tile = LLVM::InsertValueOp::create(b, loc, tile, element, i);
    return tile;
  }

  /// Two f32 rounded into one register of 16-bit elements.
  Value packHalves(Type element, Value low, Value high) {
    auto type = VectorType::get(2, element);
    Value vector =
        LLVM::UndefOp::create(b, loc, VectorType::get(2, b.getF32Type()));
    vector = LLVM::InsertElementOp::create(b, loc, vector, low, i32(0));
    vector = LLVM::InsertElementOp::create(b, loc, vector, high, i32(1));
    Value halves = LLVM::FPTruncOp::create(b, loc, type, vector);
    return LLVM::BitcastOp::create(b, loc, b.getI32Type(), halves);
  }
  std::pair<Value, Value> unpackHalves(Type element, Value packed) {
    auto type = VectorType::get(2, element);
    Value halves = LLVM::BitcastOp::create(b, loc, type, packed);
    Value wide = LLVM::FPExtOp::create(
        b, loc, VectorType::get(2, b.getF32Type()), halves);
    return {LLVM::ExtractElementOp::create(b, loc, wide, i32(0)),
            LLVM::ExtractElementOp::create(b, loc, wide, i32(1))};
  }

  /// The address of 16-byte unit `unit` ^ `flip` of row `row` of the panel that
  /// lies `bytes` behind `tile`. Addresses that differ in `bytes` alone share
  /// a register: it becomes the constant offset of the access.
  Value unitAddress(Value tile, Value row, Value unit, int64_t flip,
                    int64_t bytes) {
    Value swizzled = exclusiveOr(unit, bits(row, 7));
    if (flip)
      swizzled = exclusiveOr(swizzled, i32(flip));
    return offset(offset(tile, add(shl(row, 7), shl(swizzled, 4))), bytes);
  }

  OpBuilder &b;
  Location loc;

private:
  static bool isI64(Value value) { return value.getType().isInteger(64); }
};

/// Runs `body` at the start of an scf.if.
inline void emitIf(OpBuilder &b, Location loc, Value condition,
                   llvm::function_ref<void()> body) {
  auto ifOp = scf::IfOp::create(b, loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(ifOp.thenBlock());
  body();
}

/// The address of barrier `index` of a ring.
inline Value getBarrier(Emitter &e, Value ring, Value index) {
  return e.offset(ring, e.shl(index, 3));
}

} // namespace tile
} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_CONVERSION_TILETONVVM_EMITTER_H
