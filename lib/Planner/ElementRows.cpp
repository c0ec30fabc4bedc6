//===- ElementRows.cpp - what a thread does with its rows -----------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementKernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include <numeric>

using namespace mlir;
using namespace mlir::linattn;

/// Elements of a matrix that are loaded before the first of them is stored: so
/// many loads of a thread are in flight. More rows than these take too many
/// registers for what else is read in a row.
static constexpr int64_t kElementsAtOnce = 64;
static constexpr int64_t kRowsAtOnce = 32;
/// Bytes that a thread accesses at once.
static constexpr int64_t kUnitBytes = 16;

Value ElementKernel::constant(int64_t value) {
  return arith::ConstantIntOp::create(b, kernel.getLoc(), value, 32);
}

static SmallVector<Value> getIndices(ArrayRef<ElementBody::Role> roles,
                                     Value row, Value lane) {
  return llvm::map_to_vector(roles, [&](ElementBody::Role role) {
    return role == ElementBody::Role::Lane ? lane : row;
  });
}

void ElementKernel::Known::addTo(TileExpression &expression,
                                 ArrayRef<Value> lanes) const {
  for (const auto &[tile, ofLanes] : elements)
    for (auto [lane, element] : llvm::zip_equal(lanes, ofLanes))
      expression.addLeaf(tile, element, lane);
  for (auto [tile, shared] : vectors)
    expression.addVector(tile, shared);
}

//===----------------------------------------------------------------------===//
// Loads
//===----------------------------------------------------------------------===//

int64_t ElementKernel::getRowsAtOnce() const {
  int64_t rows = body.numRows / sharing.parts;
  int64_t count =
      std::min({rows, kRowsAtOnce, kElementsAtOnce / sharing.columns});
  while (rows % count != 0)
    --count;
  return count;
}

int64_t ElementKernel::getWidth(const Access &access, Value tile,
                                ArrayRef<Role> roles) const {
  auto type = cast<RankedTensorType>(tile.getType());
  if (!sharing.isWide || roles.size() != 2 || roles[0] == roles[1] ||
      access.isPadded(0, type) || access.isPadded(1, type))
    return 1;
  int64_t width = kUnitBytes * 8 / type.getElementTypeBitWidth();
  // The tile has to start at a unit, too.
  for (OpFoldResult term : access.offsets[access.dims[1]]) {
    std::optional<int64_t> offset = getConstantIntValue(term);
    width = std::gcd(width, offset.value_or(1));
  }
  return std::gcd(width,
                  roles[1] == Role::Lane ? sharing.columns : getRowsAtOnce());
}

SmallVector<SmallVector<ElementKernel::Place>>
ElementKernel::getUnits(ArrayRef<Role> roles, int64_t width,
                        size_t numRows) const {
  SmallVector<SmallVector<Place>> units;
  bool isAlongRows = roles.back() == Role::Row;
  size_t outer = isAlongRows ? lanes.size() : numRows;
  size_t inner = isAlongRows ? numRows : lanes.size();
  for (size_t i = 0; i < outer; ++i)
    for (size_t j = 0; j < inner; ++j) {
      if (j % width == 0)
        units.emplace_back();
      units.back().push_back(isAlongRows ? Place(j, i) : Place(i, j));
    }
  return units;
}

/// Loads elements that are read in every row: stores of matrices stand between
/// the reads otherwise.
LogicalResult ElementKernel::loadLanes(Block *block, Known &known) {
  OpBuilder outer(b);
  TileExpression expression(frame, b, outer);
  auto bodies = llvm::map_to_vector(
      body.loops, [](Loop &loop) { return loop.op.getBody(); });
  for (Value tile : body.getTiles(Role::Lane)) {
    if (!getAccess(tile, kernel) || tile.getDefiningOp<linalg::LinalgOp>() ||
        (tile.getParentBlock() == block) !=
            llvm::is_contained(bodies, tile.getParentBlock()))
      continue;
    SmallVector<Value> elements;
    for (Value lane : lanes) {
      FailureOr<Value> element = expression.getElement(tile, lane);
      if (failed(element))
        return failure();
      elements.push_back(*element);
    }
    known.elements.push_back({tile, elements});
  }
  return success();
}

Value ElementKernel::getRowAddress(Value memory, Value row) {
  return LLVM::GEPOp::create(b, kernel.getLoc(), memory.getType(),
                             b.getF32Type(), memory, ValueRange(row));
}

FailureOr<SmallVector<ElementKernel::Element>>
ElementKernel::loadRows(const Known &known, ArrayRef<Value> rows) {
  Location loc = kernel.getLoc();
  SmallVector<Element> loaded;
  for (auto [tile, memory] : known.memories)
    for (Value row : rows)
      loaded.push_back({tile,
                        LLVM::LoadOp::create(b, loc, b.getF32Type(),
                                             getRowAddress(memory, row)),
                        getIndices(body.getRoles(tile), row, lanes.front())});
  for (const Matrix &matrix : matrices) {
    int64_t width = getWidth(matrix.access, matrix.tile, matrix.roles);
    Type type = cast<RankedTensorType>(matrix.tile.getType()).getElementType();
    Type wide = frame.convert(type);
    for (ArrayRef<Place> unit : getUnits(matrix.roles, width, rows.size())) {
      auto getPlace = [&](Place place) {
        return getIndices(matrix.roles, rows[place.first], lanes[place.second]);
      };
      if (width == 1) {
        FailureOr<Value> element =
            frame.loadElement(b, loc, matrix.access, getPlace(unit.front()));
        if (failed(element))
          return failure();
        loaded.push_back({matrix.tile, *element, getPlace(unit.front())});
        continue;
      }
      FailureOr<Value> address = frame.getAddress(
          b, loc, matrix.access, getPlace(unit.front()), /*isOutput=*/false);
      if (failed(address))
        return failure();
      Value vector =
          LLVM::LoadOp::create(b, loc, VectorType::get(width, type), *address,
                               width * type.getIntOrFloatBitWidth() / 8);
      for (auto [number, place] : llvm::enumerate(unit)) {
        Value element =
            LLVM::ExtractElementOp::create(b, loc, vector, constant(number));
        if (type != wide)
          element = arith::ExtFOp::create(b, loc, wide, element);
        loaded.push_back({matrix.tile, element, getPlace(place)});
      }
    }
  }
  return loaded;
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

FailureOr<Value> ElementKernel::getTerm(TileExpression &expression,
                                        const Product &product, Value row,
                                        Value lane) {
  linalg::LinalgOp op = product.op;
  Value term;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    Roles operandRoles = ElementBody::getTileRoles(
        op.getMatchingIndexingMap(operand), product.loops);
    FailureOr<Value> element = expression.getElement(
        operand->get(), getIndices(operandRoles, row, lane));
    if (failed(element))
      return failure();
    term = term ? arith::MulFOp::create(b, op.getLoc(), term, *element,
                                        arith::FastMathFlags::contract)
                : *element;
  }
  return term;
}

LogicalResult ElementKernel::computeRows(const Phase &phase, const Known &known,
                                         ArrayRef<Value> rows,
                                         ArrayRef<Element> loaded,
                                         SmallVectorImpl<Value> &sums,
                                         OpBuilder &outer) {
  TileExpression expression(frame, b, outer);
  known.addTo(expression, lanes);
  for (const Element &element : loaded)
    expression.addLeaf(element.tile, element.value, element.indices);
  SmallVector<SmallVector<Value>> computed(phase.ofRows.size());
  for (Value row : rows)
    for (auto [column, lane] : llvm::enumerate(lanes)) {
      for (auto [elements, output] : llvm::zip_equal(computed, phase.ofRows)) {
        if (column > 0 && !output.has(Role::Lane))
          continue;
        FailureOr<Value> value = expression.getElement(
            output.tile, getIndices(output.roles, row, lane));
        if (failed(value))
          return failure();
        elements.push_back(*value);
      }
      for (auto [number, product] : llvm::enumerate(phase.products)) {
        FailureOr<Value> term = getTerm(expression, product, row, lane);
        if (failed(term))
          return failure();
        Value &sum = sums[number * lanes.size() + column];
        sum = arith::AddFOp::create(b, kernel.getLoc(), sum, *term,
                                    arith::FastMathFlags::contract);
      }
    }
  for (auto [elements, output] : llvm::zip_equal(computed, phase.ofRows))
    if (failed(storeRows(output, rows, elements)))
      return failure();
  return success();
}

LogicalResult ElementKernel::emitRows(const Phase &phase, const Known &known,
                                      Value firstRow,
                                      SmallVectorImpl<Value> &sums,
                                      Emitter prologue) {
  Location loc = kernel.getLoc();
  int64_t count = getRowsAtOnce(), end = body.numRows / sharing.parts;
  auto getRows = [&](Value first) {
    SmallVector<Value> rows;
    for (int64_t i = 0; i < count; ++i)
      rows.push_back(arith::AddIOp::create(b, loc, first, constant(i)));
    return rows;
  };
  int64_t begin = 0;
  if (prologue) {
    OpBuilder outer(b);
    SmallVector<Value> rows = getRows(firstRow);
    FailureOr<SmallVector<Element>> loaded = loadRows(known, rows);
    if (failed(loaded) || failed(prologue()) ||
        failed(computeRows(phase, known, rows, *loaded, sums, outer)))
      return failure();
    begin = count;
  }
  if (begin == end)
    return success();
  auto loop = scf::ForOp::create(b, loc, constant(begin), constant(end),
                                 constant(count), sums);
  if (loop.getBody()->mightHaveTerminator())
    loop.getBody()->getTerminator()->erase();
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(loop.getBody());
  OpBuilder outside(loop);
  sums.assign(loop.getRegionIterArgs().begin(), loop.getRegionIterArgs().end());
  SmallVector<Value> rows =
      getRows(arith::AddIOp::create(b, loc, firstRow, loop.getInductionVar()));
  FailureOr<SmallVector<Element>> loaded = loadRows(known, rows);
  if (failed(loaded) ||
      failed(computeRows(phase, known, rows, *loaded, sums, outside)))
    return failure();
  scf::YieldOp::create(b, loc, sums);
  sums.assign(loop.getResults().begin(), loop.getResults().end());
  return success();
}

//===----------------------------------------------------------------------===//
// Stores
//===----------------------------------------------------------------------===//

LogicalResult ElementKernel::store(const Output &output, Value element,
                                   Value row, Value lane) {
  Location loc = output.tile.getLoc();
  if (Carried *value = output.carried) {
    if (value->memory)
      LLVM::StoreOp::create(b, loc, element, getRowAddress(value->memory, row));
    else
      value->element = element;
    return success();
  }
  auto type = cast<RankedTensorType>(output.tile.getType());
  SmallVector<Value> indices = getIndices(output.roles, row, lane);
  // What is outside of the tensor is not stored, and one lane stores what is
  // the same in all.
  Value inside;
  if (!output.has(Role::Lane))
    inside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, lane,
                                   constant(0));
  for (unsigned dim = 0; dim < indices.size(); ++dim) {
    if (!output.access.isPadded(dim, type))
      continue;
    FailureOr<Value> size = frame.getIndex(b, loc, output.access.sizes[dim]);
    if (failed(size))
      return failure();
    Value isIn = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                       indices[dim], *size);
    inside = inside ? arith::AndIOp::create(b, loc, inside, isIn) : isIn;
  }
  OpBuilder::InsertionGuard guard(b);
  if (inside) {
    auto ifOp = scf::IfOp::create(b, loc, inside, /*withElseRegion=*/false);
    b.setInsertionPointToStart(ifOp.thenBlock());
  }
  Type elementType = type.getElementType();
  if (element.getType() != elementType)
    element = arith::TruncFOp::create(b, loc, elementType, element);
  FailureOr<Value> address =
      frame.getAddress(b, loc, output.access, indices, /*isOutput=*/true);
  if (failed(address))
    return failure();
  LLVM::StoreOp::create(b, loc, element, *address);
  return success();
}

LogicalResult ElementKernel::storeRows(const Output &output,
                                       ArrayRef<Value> rows,
                                       ArrayRef<Value> elements) {
  Location loc = output.tile.getLoc();
  if (!output.has(Role::Lane)) {
    for (auto [row, element] : llvm::zip_equal(rows, elements))
      if (failed(store(output, element, row, lanes.front())))
        return failure();
    return success();
  }
  int64_t width =
      output.carried ? 1 : getWidth(output.access, output.tile, output.roles);
  Type type = cast<RankedTensorType>(output.tile.getType()).getElementType();
  auto vectorType = VectorType::get(width, type);
  for (ArrayRef<Place> unit : getUnits(output.roles, width, rows.size())) {
    auto [firstRow, firstColumn] = unit.front();
    auto getElement = [&](Place place) {
      return elements[place.first * lanes.size() + place.second];
    };
    if (width == 1) {
      if (failed(store(output, getElement(unit.front()), rows[firstRow],
                       lanes[firstColumn])))
        return failure();
      continue;
    }
    Value vector = LLVM::UndefOp::create(b, loc, vectorType);
    for (auto [number, place] : llvm::enumerate(unit)) {
      Value element = getElement(place);
      if (element.getType() != type)
        element = arith::TruncFOp::create(b, loc, type, element);
      vector = LLVM::InsertElementOp::create(b, loc, vector, element,
                                             constant(number));
    }
    FailureOr<Value> address = frame.getAddress(
        b, loc, output.access,
        getIndices(output.roles, rows[firstRow], lanes[firstColumn]),
        /*isOutput=*/true);
    if (failed(address))
      return failure();
    LLVM::StoreOp::create(b, loc, vector, *address,
                          width * type.getIntOrFloatBitWidth() / 8);
  }
  return success();
}

LogicalResult ElementKernel::storeOthers(const Phase &phase,
                                         TileExpression &expression,
                                         Value lane) {
  for (const Output &output : phase.others) {
    FailureOr<Value> value = expression.getElement(
        output.tile, getIndices(output.roles, /*row=*/Value(), lane));
    if (failed(value) || failed(store(output, *value, /*row=*/Value(), lane)))
      return failure();
  }
  return success();
}
