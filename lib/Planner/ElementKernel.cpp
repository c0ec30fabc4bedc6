//===- ElementKernel.cpp - kernels without matrix products ----------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementKernel.h"

#include "TileExpression.h"
#include "linattn/NormalForm/TileOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace mlir::linattn;

/// Rows whose elements are loaded before the first of them is stored: so many
/// loads of a thread are in flight.
static constexpr int64_t kRowsAtOnce = 16;

bool linattn::isElementKernel(scf::ForallOp kernel) {
  return kernel.getBody()->getOps<scf::ForOp>().empty();
}

namespace {
/// What a dimension of a tile is in the kernel.
enum class Role { Lane, Row };

class ElementKernel {
public:
  ElementKernel(scf::ForallOp kernel, KernelFrame &frame, OpBuilder &b,
                int64_t threads)
      : kernel(kernel), frame(frame), b(b), threads(threads) {}

  LogicalResult emit();

private:
  struct Output {
    Value tile;
    Access access;
  };
  struct Product {
    linalg::LinalgOp op;
    /// The vector of sums so far.
    Value sum;
  };

  LogicalResult findProducts();
  LogicalResult findOutputs();
  LogicalResult setSize(Operation *op, Value tile, unsigned dim, Role role);
  void assignRoles(Value tile, ArrayRef<Role> roles);
  ArrayRef<Role> getRoles(Value tile);
  SmallVector<Value> getIndices(ArrayRef<Role> roles, Value lane, Value row);
  void addVectors(TileExpression &expression);

  LogicalResult emitLane(OpBuilder &b, OpBuilder &outer, Value lane);
  LogicalResult emitRows(OpBuilder &b, OpBuilder &outer, Value lane,
                         Value firstRow, int64_t count);
  FailureOr<Value> getProduct(OpBuilder &b, TileExpression &expression,
                              linalg::LinalgOp op, Value lane, Value row);
  LogicalResult store(OpBuilder &b, const Output &output, Value element,
                      ValueRange indices);

  scf::ForallOp kernel;
  KernelFrame &frame;
  OpBuilder &b;
  int64_t threads;
  SmallVector<Product> products;
  SmallVector<Output> matrices, vectors;
  /// In the order in which they are found.
  llvm::MapVector<Value, SmallVector<Role>> roles;
  /// 0: no tile has such a dimension.
  int64_t numLanes = 0, numRows = 0;
  /// Vectors along the lanes that are read, and their element of this lane.
  SmallVector<std::pair<Value, Value>> loaded;
  Value lane;
};
} // namespace

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

LogicalResult ElementKernel::setSize(Operation *op, Value tile, unsigned dim,
                                     Role role) {
  int64_t size = cast<RankedTensorType>(tile.getType()).getDimSize(dim);
  int64_t &known = role == Role::Lane ? numLanes : numRows;
  if (known == 0)
    known = size;
  if (ShapedType::isDynamic(size) || known != size)
    return op->emitOpError("expects tiles of one static size in a kernel "
                           "without a loop over chunks for a GPU, but got ")
           << size << " and " << known;
  return success();
}

/// Tiles that a tile is computed from have roles that follow from its own.
void ElementKernel::assignRoles(Value tile, ArrayRef<Role> tileRoles) {
  if (!isa<RankedTensorType>(tile.getType()) ||
      !roles.insert({tile, SmallVector<Role>(tileRoles)}).second)
    return;
  auto map = tile.getDefiningOp<linalg::LinalgOp>();
  if (!map || !isMap(map) || !kernel->isAncestor(map))
    return;
  SmallVector<Role> loops(map.getNumLoops(), Role::Lane);
  AffineMap outMap = map.getMatchingIndexingMap(map.getDpsInitOperand(0));
  for (auto [position, role] : llvm::enumerate(tileRoles))
    loops[outMap.getDimPosition(position)] = role;
  for (OpOperand &operand : map->getOpOperands()) {
    if (!map.payloadUsesValueFromOperand(&operand))
      continue;
    SmallVector<Role> operandRoles;
    for (AffineExpr expr : map.getMatchingIndexingMap(&operand).getResults())
      if (auto dim = dyn_cast<AffineDimExpr>(expr))
        operandRoles.push_back(loops[dim.getPosition()]);
    assignRoles(operand.get(), operandRoles);
  }
}

/// Of tiles that no product reads, the last dimension is the lane.
ArrayRef<Role> ElementKernel::getRoles(Value tile) {
  int64_t rank = cast<RankedTensorType>(tile.getType()).getRank();
  auto it = roles.find(tile);
  if (it == roles.end()) {
    SmallVector<Role> byDefault(rank, Role::Row);
    if (rank > 0)
      byDefault.back() = Role::Lane;
    assignRoles(tile, byDefault);
    it = roles.find(tile);
  }
  return it->second;
}

SmallVector<Value> ElementKernel::getIndices(ArrayRef<Role> tileRoles,
                                             Value lane, Value row) {
  return llvm::map_to_vector(
      tileRoles, [&](Role role) { return role == Role::Lane ? lane : row; });
}

LogicalResult ElementKernel::findProducts() {
  for (auto op : kernel.getBody()->getOps<linalg::LinalgOp>()) {
    if (isMap(op) || isa<linalg::FillOp>(op))
      continue;
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    if (!isContraction(op) || op.getNumLoops() != 2 ||
        op.getNumReductionLoops() != 1 || maps[2].getNumResults() != 1)
      return op->emitOpError("expects maps, and products of a matrix and a "
                             "vector, in a kernel without a loop over chunks "
                             "for a GPU");
    unsigned laneLoop = maps[2].getDimPosition(0);
    for (OpOperand *operand : op.getDpsInputOperands()) {
      SmallVector<Role> operandRoles;
      AffineMap map = op.getMatchingIndexingMap(operand);
      for (unsigned dim = 0; dim < map.getNumResults(); ++dim) {
        operandRoles.push_back(map.getDimPosition(dim) == laneLoop ? Role::Lane
                                                                   : Role::Row);
        if (failed(setSize(op, operand->get(), dim, operandRoles.back())))
          return failure();
      }
      assignRoles(operand->get(), operandRoles);
    }
    assignRoles(op.getDpsInits()[0], {Role::Lane});
    roles[op->getResult(0)] = {Role::Lane};
    products.push_back({op, nullptr});
  }
  return success();
}

LogicalResult ElementKernel::findOutputs() {
  for (Operation &op : kernel.getTerminator().getYieldingOps()) {
    auto insert = cast<tensor::ParallelInsertSliceOp>(op);
    Output output{insert.getSource(), getAccess(insert, kernel)};
    int64_t rank = cast<RankedTensorType>(output.tile.getType()).getRank();
    if (rank < 1 || rank > 2)
      return op.emitOpError("expects tiles of one or two dimensions in a "
                            "kernel without a loop over chunks for a GPU, but "
                            "got ")
             << output.tile.getType();
    for (auto [dim, role] : llvm::enumerate(getRoles(output.tile)))
      if (failed(setSize(&op, output.tile, dim, role)))
        return failure();
    (rank == 2 ? matrices : vectors).push_back(std::move(output));
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

void ElementKernel::addVectors(TileExpression &expression) {
  for (auto [tile, element] : loaded)
    expression.addLeaf(tile, element, lane);
}

FailureOr<Value> ElementKernel::getProduct(OpBuilder &b,
                                           TileExpression &expression,
                                           linalg::LinalgOp op, Value lane,
                                           Value row) {
  Value product;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    FailureOr<Value> element = expression.getElement(
        operand->get(), getIndices(roles[operand->get()], lane, row));
    if (failed(element))
      return failure();
    product = product ? arith::MulFOp::create(b, op.getLoc(), product, *element,
                                              arith::FastMathFlags::contract)
                      : *element;
  }
  return product;
}

LogicalResult ElementKernel::store(OpBuilder &b, const Output &output,
                                   Value element, ValueRange indices) {
  Location loc = output.tile.getLoc();
  auto type = cast<RankedTensorType>(output.tile.getType());
  // What is outside of the tensor is not stored.
  Value inside;
  for (unsigned dim = 0; dim < indices.size(); ++dim) {
    if (!output.access.isPadded(dim, type))
      continue;
    FailureOr<Value> size =
        frame.getIndex(frame.getEntryBuilder(), loc, output.access.sizes[dim]);
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

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

LogicalResult ElementKernel::emitRows(OpBuilder &b, OpBuilder &outer,
                                      Value lane, Value firstRow,
                                      int64_t count) {
  Location loc = kernel.getLoc();
  struct Element {
    const Output *output;
    Value value;
    SmallVector<Value> indices;
  };
  SmallVector<Element> elements;
  TileExpression expression(frame, b, outer);
  addVectors(expression);
  for (int64_t i = 0; i < count; ++i) {
    Value row = arith::AddIOp::create(
        b, loc, firstRow, arith::ConstantIntOp::create(b, loc, i, 32));
    for (const Output &output : matrices) {
      SmallVector<Value> indices = getIndices(roles[output.tile], lane, row);
      FailureOr<Value> value = expression.getElement(output.tile, indices);
      if (failed(value))
        return failure();
      elements.push_back({&output, *value, std::move(indices)});
    }
    for (Product &product : products) {
      FailureOr<Value> term = getProduct(b, expression, product.op, lane, row);
      if (failed(term))
        return failure();
      product.sum = arith::AddFOp::create(b, loc, product.sum, *term,
                                          arith::FastMathFlags::contract);
    }
  }
  for (Element &element : elements)
    if (failed(store(b, *element.output, element.value, element.indices)))
      return failure();
  return success();
}

LogicalResult ElementKernel::emitLane(OpBuilder &b, OpBuilder &outer,
                                      Value lane) {
  Location loc = kernel.getLoc();
  this->lane = lane;
  // Once for all rows: stores of matrices stand between the reads otherwise.
  TileExpression first(frame, b, outer);
  for (auto &[tile, tileRoles] : roles) {
    if (tileRoles != SmallVector<Role>{Role::Lane} ||
        tile.getDefiningOp<linalg::LinalgOp>() || !getAccess(tile, kernel))
      continue;
    loaded.push_back({tile, nullptr});
  }
  for (auto &[tile, element] : loaded) {
    FailureOr<Value> value = first.getElement(tile, lane);
    if (failed(value))
      return failure();
    element = *value;
  }
  for (Product &product : products) {
    Value init = product.op.getDpsInits()[0];
    if (KernelBody::isZero(init)) {
      product.sum = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0.0f));
      continue;
    }
    FailureOr<Value> value = first.getElement(init, lane);
    if (failed(value))
      return failure();
    product.sum = *value;
  }

  if (numRows > 0) {
    int64_t count = kRowsAtOnce;
    while (numRows % count != 0)
      count /= 2;
    auto constant = [&](int64_t value) {
      return arith::ConstantIntOp::create(b, loc, value, 32);
    };
    auto sums = llvm::map_to_vector(
        products, [](const Product &product) { return product.sum; });
    auto loop = scf::ForOp::create(b, loc, constant(0), constant(numRows),
                                   constant(count), sums);
    OpBuilder inner = OpBuilder::atBlockBegin(loop.getBody());
    if (Operation *yield = loop.getBody()->mightHaveTerminator()
                               ? loop.getBody()->getTerminator()
                               : nullptr)
      yield->erase();
    inner.setInsertionPointToEnd(loop.getBody());
    for (auto [product, sum] :
         llvm::zip_equal(products, loop.getRegionIterArgs()))
      product.sum = sum;
    if (failed(emitRows(inner, outer, lane, loop.getInductionVar(), count)))
      return failure();
    scf::YieldOp::create(
        inner, loc, llvm::map_to_vector(products, [](const Product &product) {
          return product.sum;
        }));
    for (auto [product, sum] : llvm::zip_equal(products, loop.getResults()))
      product.sum = sum;
  }

  TileExpression last(frame, b, outer);
  addVectors(last);
  for (const Product &product : products)
    last.addLeaf(product.op->getResult(0), product.sum, lane);
  for (const Output &output : vectors) {
    FailureOr<Value> value = last.getElement(output.tile, lane);
    if (failed(value) || failed(store(b, output, *value, lane)))
      return failure();
  }
  return success();
}

LogicalResult ElementKernel::emit() {
  if (failed(findProducts()) || failed(findOutputs()))
    return failure();
  Location loc = kernel.getLoc();
  auto constant = [&](int64_t value) {
    return arith::ConstantIntOp::create(b, loc, value, 32);
  };
  Value thread = NVVM::ThreadIdXOp::create(b, loc, b.getI32Type());
  auto loop =
      scf::ForOp::create(b, loc, thread, constant(numLanes), constant(threads));
  OpBuilder outer(loop);
  OpBuilder inner(loop.getBody()->getTerminator());
  return emitLane(inner, outer, loop.getInductionVar());
}

LogicalResult linattn::emitElementKernel(scf::ForallOp kernel,
                                         KernelFrame &frame, OpBuilder &b,
                                         int64_t threads) {
  return ElementKernel(kernel, frame, b, threads).emit();
}
