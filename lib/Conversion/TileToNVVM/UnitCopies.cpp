//===- UnitCopies.cpp - copies by the threads of a crew -------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "UnitCopies.h"

#include <numeric>

using namespace mlir;
using namespace mlir::linattn;
using namespace mlir::linattn::tile;

void mlir::linattn::tile::forEachUnit(
    Emitter &e, const Crew &crew, Value tile, SharedType type, Value first,
    Value end, llvm::function_ref<void(Value, Value, Value)> body) {
  // Some lanes share a row, and a lane has the same columns in all of its rows.
  int64_t unitsPerRow = type.getColumns() / kUnit;
  int64_t lanesPerRow = std::gcd(unitsPerRow, crew.threads);
  Value member = e.member(crew);
  Value firstUnit =
      arith::RemUIOp::create(e.b, e.loc, member, e.i32(lanesPerRow));
  Value firstRow =
      arith::DivUIOp::create(e.b, e.loc, member, e.i32(lanesPerRow));
  auto loop = scf::ForOp::create(e.b, e.loc, e.add(first, firstRow), end,
                                 e.i32(crew.threads / lanesPerRow));
  OpBuilder::InsertionGuard guard(e.b);
  e.b.setInsertionPointToStart(loop.getBody());
  Value row = loop.getInductionVar();
  for (int64_t i = 0; i < unitsPerRow; i += lanesPerRow) {
    Value unit = e.add(firstUnit, i);
    Value panel =
        e.offset(tile, e.mul(e.shr(unit, 3), type.getRows() * kPanelRowBytes));
    body(e.unitAddress(panel, row, e.bits(unit, 7), 0, 0), row,
         e.mul(unit, kUnit));
  }
}

namespace {
/// The part of a tile that lies in its tensor, and where.
class Window {
public:
  /// `valid` limits the rows.
  Window(Emitter &e, const TileCopy &copy, Value valid)
      : e(e), tensor(copy.getTensor()) {
    size_t rank = copy.coordinates.size();
    SmallVector<Value> wide =
        llvm::map_to_vector(copy.coordinates, [&](Value coordinate) {
          return e.widen(coordinate);
        });
    start = wide.back();
    for (auto [coordinate, stride] : llvm::zip(wide, tensor.strides))
      start = e.add(start, e.mul(coordinate, stride));
    // In i64, since a coordinate may be far from the end of a large tensor.
    auto getRest = [&](size_t dimension, Value atMost) -> Value {
      Value rest = e.sub(tensor.sizes[dimension], wide[dimension]);
      Value limited = e.max(e.min(rest, e.widen(atMost)), e.i64(0));
      return arith::TruncIOp::create(e.b, e.loc, e.b.getI32Type(), limited);
    };
    rows = getRest(rank - 2, valid);
    columns = getRest(rank - 1, e.i32(copy.type.getColumns()));
    for (size_t i = 0; i + 2 < rank; ++i)
      rows = arith::SelectOp::create(
          e.b, e.loc,
          e.compare(arith::CmpIPredicate::ult, wide[i], tensor.sizes[i]), rows,
          e.i32(0));
  }

  /// The address of an element, `constant` columns behind (row, column).
  Value at(Value row, Value column, int64_t constant) {
    Value index =
        e.add(e.add(start, e.mul(e.widen(row), tensor.strides.back())),
              e.widen(column));
    return LLVM::GEPOp::create(e.b, e.loc, tensor.address.getType(),
                               e.b.getI16Type(), tensor.address,
                               ArrayRef<LLVM::GEPArg>{e.add(index, constant)});
  }

  /// How many rows and columns lie in the tensor.
  Value rows, columns;

private:
  Emitter &e;
  Tensor tensor;
  Value start;
};
} // namespace

void mlir::linattn::tile::loadUnits(Emitter &e, const TileCopy &copy) {
  Value allRows = e.i32(copy.type.getRows());
  Window window(e, copy, allRows);
  Value address = copy.getTensor().address;
  forEachUnit(e, copy.crew, copy.tile, copy.type, e.i32(0), allRows,
              [&](Value unit, Value row, Value column) {
                // What is not read is zero. No address is formed outside of the
                // tensor.
                Value rest = e.min(e.sub(window.columns, column), e.i32(kUnit));
                Value inside = arith::AndIOp::create(
                    e.b, e.loc,
                    e.compare(arith::CmpIPredicate::slt, row, window.rows),
                    e.compare(arith::CmpIPredicate::sgt, rest, e.i32(0)));
                Value bytes = arith::SelectOp::create(e.b, e.loc, inside,
                                                      e.shl(rest, 1), e.i32(0));
                Value source = arith::SelectOp::create(
                    e.b, e.loc, inside, window.at(row, column, 0), address);
                NVVM::CpAsyncOp::create(e.b, e.loc, unit, source, 2 * kUnit,
                                        NVVM::LoadCacheModifierKind::CG, bytes);
              });
}

/// What can be copied at once where whole units cannot: as many bytes as rows
/// of the tensor are a multiple of.
static int64_t getPartBytes(const TileCopy &copy) {
  return copy.global.isAligned() ? 2 : copy.global.getAlignment();
}

void mlir::linattn::tile::loadParts(Emitter &e, const TileCopy &copy) {
  OpBuilder &b = e.b;
  Location loc = e.loc;
  Value allRows = e.i32(copy.type.getRows());
  Window window(e, copy, allRows);
  Type i32 = b.getI32Type();
  int64_t bytes = getPartBytes(copy), wordsPerPart = bytes / 4;
  // The words of a part that lies in the tensor, or half a word.
  auto load = [&](Value address) -> SmallVector<Value> {
    if (wordsPerPart == 0) {
      Value half = LLVM::LoadOp::create(b, loc, b.getI16Type(), address, bytes);
      return {arith::ExtUIOp::create(b, loc, i32, half)};
    }
    Value part = LLVM::LoadOp::create(
        b, loc, VectorType::get(wordsPerPart, i32), address, bytes);
    SmallVector<Value> words;
    for (int64_t i = 0; i < wordsPerPart; ++i)
      words.push_back(LLVM::ExtractElementOp::create(b, loc, part, e.i32(i)));
    return words;
  };
  forEachUnit(
      e, copy.crew, copy.tile, copy.type, e.i32(0), allRows,
      [&](Value unit, Value row, Value column) {
        Value exists = e.compare(arith::CmpIPredicate::slt, row, window.rows);
        SmallVector<Value> words;
        for (int64_t first = 0; first < kUnit; first += bytes / 2) {
          Value inside = arith::AndIOp::create(
              b, loc, exists,
              e.compare(arith::CmpIPredicate::slt, e.add(column, first),
                        window.columns));
          // What is not read is zero.
          SmallVector<Type> types(std::max<int64_t>(wordsPerPart, 1), i32);
          auto ifOp = scf::IfOp::create(b, loc, types, inside,
                                        /*withElseRegion=*/true);
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPointToStart(ifOp.thenBlock());
          scf::YieldOp::create(b, loc, load(window.at(row, column, first)));
          b.setInsertionPointToStart(ifOp.elseBlock());
          scf::YieldOp::create(b, loc,
                               SmallVector<Value>(types.size(), e.i32(0)));
          b.setInsertionPointAfter(ifOp);
          Value part = ifOp.getResult(0);
          if (wordsPerPart == 0 && first % 2 == 1)
            words.back() =
                arith::OrIOp::create(b, loc, words.back(), e.shl(part, 16));
          else
            llvm::append_range(words, ifOp.getResults());
        }
        Value data =
            LLVM::UndefOp::create(b, loc, VectorType::get(words.size(), i32));
        for (auto [i, word] : llvm::enumerate(words))
          data = LLVM::InsertElementOp::create(b, loc, data, word, e.i32(i));
        LLVM::StoreOp::create(b, loc, data, unit, 16);
      });
}

void mlir::linattn::tile::storeUnits(Emitter &e, const TileCopy &copy,
                                     Value valid) {
  OpBuilder &b = e.b;
  Window window(e, copy, valid);
  auto words = VectorType::get(4, b.getI32Type());
  int64_t bytes = getPartBytes(copy), elements = bytes / 2;
  auto parts = VectorType::get(kUnit / elements, b.getIntegerType(8 * bytes));
  auto storeParts = [&](Value data, Value row, Value column) {
    Value single = LLVM::BitcastOp::create(b, e.loc, parts, data);
    for (int64_t i = 0; i < parts.getNumElements(); ++i)
      emitIf(b, e.loc,
             e.compare(arith::CmpIPredicate::slt, e.add(column, i * elements),
                       window.columns),
             [&] {
               Value part =
                   LLVM::ExtractElementOp::create(b, e.loc, single, e.i32(i));
               LLVM::StoreOp::create(
                   b, e.loc, part, window.at(row, column, i * elements), bytes);
             });
  };
  forEachUnit(
      e, copy.crew, copy.tile, copy.type, e.i32(0), window.rows,
      [&](Value unit, Value row, Value column) {
        Value data = LLVM::LoadOp::create(b, e.loc, words, unit, 16);
        if (!copy.global.isAligned())
          return storeParts(data, row, column);
        Value end = e.add(column, kUnit);
        emitIf(b, e.loc,
               e.compare(arith::CmpIPredicate::sle, end, window.columns), [&] {
                 LLVM::StoreOp::create(b, e.loc, data,
                                       window.at(row, column, 0), 16);
               });
        emitIf(b, e.loc,
               e.compare(arith::CmpIPredicate::sgt, end, window.columns),
               [&] { storeParts(data, row, column); });
      });
}
