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

void mlir::linattn::tile::storeUnits(Emitter &e, const TileCopy &copy,
                                     Value valid) {
  OpBuilder &b = e.b;
  Window window(e, copy, valid);
  auto words = VectorType::get(4, b.getI32Type());
  auto halves = VectorType::get(kUnit, b.getI16Type());
  forEachUnit(
      e, copy.crew, copy.tile, copy.type, e.i32(0), window.rows,
      [&](Value unit, Value row, Value column) {
        Value end = e.add(column, kUnit);
        Value data = LLVM::LoadOp::create(b, e.loc, words, unit, 16);
        emitIf(b, e.loc,
               e.compare(arith::CmpIPredicate::sle, end, window.columns), [&] {
                 LLVM::StoreOp::create(b, e.loc, data,
                                       window.at(row, column, 0), 16);
               });
        emitIf(b, e.loc,
               e.compare(arith::CmpIPredicate::sgt, end, window.columns), [&] {
                 Value single = LLVM::BitcastOp::create(b, e.loc, halves, data);
                 for (int64_t i = 0; i < kUnit; ++i)
                   emitIf(b, e.loc,
                          e.compare(arith::CmpIPredicate::slt, e.add(column, i),
                                    window.columns),
                          [&] {
                            Value half = LLVM::ExtractElementOp::create(
                                b, e.loc, single, e.i32(i));
                            LLVM::StoreOp::create(b, e.loc, half,
                                                  window.at(row, column, i), 2);
                          });
               });
      });
}
