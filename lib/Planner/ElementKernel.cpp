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

#include <vector>

using namespace mlir;
using namespace mlir::linattn;

/// Rows whose elements are loaded before the first of them is stored: so many
/// loads of a thread are in flight.
static constexpr int64_t kRowsAtOnce = 32;

bool linattn::isElementKernel(scf::ForallOp kernel) {
  // Whoever runs tokens one by one multiplies no matrices.
  return llvm::all_of(kernel.getBody()->getOps<scf::ForOp>(), [](auto loop) {
    return loop.template getOps<scf::ForOp>().empty() &&
           llvm::none_of(loop.template getOps<linalg::LinalgOp>(),
                         [](linalg::LinalgOp op) {
                           return isContraction(op) && op.getNumLoops() > 2;
                         });
  });
}

namespace {
/// What a dimension of a tile is in the kernel.
enum class Role { Lane, Row };

/// What a thread carries through a loop of the kernel.
struct Carried {
  BlockArgument arg;
  Value init, next, result;
  /// Memory of the thread, with an element per row. Null if the value has no
  /// rows: it is one element then.
  Value memory = {};
  Value element = {};
};

/// Where an element goes when it is computed: to a tensor, or on to the next
/// iteration.
struct Output {
  Value tile;
  Access access;
  Carried *carried = nullptr;
  SmallVector<Role> roles = {};

  bool hasRows() const { return llvm::is_contained(roles, Role::Row); }
};

struct Product {
  linalg::LinalgOp op;
  SmallVector<Role> loops;
  /// The element of the vector of sums so far.
  Value sum;
};

/// What is computed in one go over the rows: the kernel, or what is in front of
/// its loops, in one of them or behind them.
struct Phase {
  SmallVector<Product> products;
  /// With a dimension that is the row, and others.
  std::vector<Output> ofRows, others;
  /// Tiles with rows whose elements are in memory of the thread.
  SmallVector<std::pair<Value, Value>> memories;
  /// Tiles along the lanes whose element of this lane is known.
  SmallVector<std::pair<Value, Value>> elements;
};

struct Loop {
  scf::ForOp op;
  SmallVector<Carried> carried;
  /// Computes what the loop starts from.
  Phase before;
  Phase inside;
};

class ElementKernel {
public:
  ElementKernel(scf::ForallOp kernel, KernelFrame &frame, OpBuilder &b,
                int64_t threads)
      : kernel(kernel), frame(frame), b(b), threads(threads) {
    for (auto loop : kernel.getBody()->getOps<scf::ForOp>())
      loops.push_back({loop, {}, {}, {}});
  }

  LogicalResult emit();

private:
  LogicalResult findProducts(Block *block, Phase &phase);
  LogicalResult findCarried(Loop &loop);
  LogicalResult findOutputs();
  LogicalResult addOutput(Operation *op, Output output, Phase &phase);
  LogicalResult setSize(Operation *op, Value tile, unsigned dim, Role role);
  void assignRoles(Value tile, ArrayRef<Role> roles);
  std::optional<SmallVector<Role>> inferRoles(Value tile);
  ArrayRef<Role> getRoles(Value tile);
  SmallVector<Value> getIndices(ArrayRef<Role> roles, Value row);

  LogicalResult emitLane();
  LogicalResult emitLoop(Loop &loop);
  LogicalResult emitPhase(Phase &phase);
  LogicalResult loadVectors(Block *block, Phase &phase);
  /// Lets a phase read what was computed before.
  void addKnown(Phase &phase) {
    llvm::append_range(phase.memories, known.memories);
    llvm::append_range(phase.elements, known.elements);
  }
  LogicalResult emitRows(Phase &phase, Value firstRow, int64_t count,
                         OpBuilder &outer);
  FailureOr<Value> getTerm(TileExpression &expression, const Product &product,
                           Value row);
  Value getRowAddress(Value memory, Value row);
  LogicalResult store(const Output &output, Value element, Value row);

  scf::ForallOp kernel;
  KernelFrame &frame;
  OpBuilder &b;
  int64_t threads;
  std::vector<Loop> loops;
  /// The rest of the kernel: it comes last.
  Phase rest;
  /// Of this, what all that follows can read.
  Phase known;
  /// In the order in which they are found.
  llvm::MapVector<Value, SmallVector<Role>> roles;
  /// Tiles that are read along two dimensions.
  llvm::DenseSet<Value> ambiguous;
  /// 0: no tile has such a dimension.
  int64_t numLanes = 0, numRows = 0;
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

/// The roles of the loops of a map, given those of one of its tiles.
static SmallVector<Role> getLoopRoles(linalg::LinalgOp map, AffineMap indexing,
                                      ArrayRef<Role> tileRoles) {
  SmallVector<Role> loops(map.getNumLoops(), Role::Lane);
  for (auto [expr, role] : llvm::zip(indexing.getResults(), tileRoles))
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      loops[dim.getPosition()] = role;
  return loops;
}

static SmallVector<Role> getTileRoles(AffineMap indexing,
                                      ArrayRef<Role> loops) {
  SmallVector<Role> tileRoles;
  for (AffineExpr expr : indexing.getResults())
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      tileRoles.push_back(loops[dim.getPosition()]);
  return tileRoles;
}

/// Tiles that a tile is computed from have roles that follow from its own.
void ElementKernel::assignRoles(Value tile, ArrayRef<Role> tileRoles) {
  if (!isa<RankedTensorType>(tile.getType()))
    return;
  auto [it, isNew] = roles.insert({tile, SmallVector<Role>(tileRoles)});
  if (!isNew) {
    if (ArrayRef<Role>(it->second) != tileRoles)
      ambiguous.insert(tile);
    return;
  }
  auto map = tile.getDefiningOp<linalg::LinalgOp>();
  if (!map || !isMap(map) || !kernel->isAncestor(map))
    return;
  SmallVector<Role> loops = getLoopRoles(
      map, map.getMatchingIndexingMap(map.getDpsInitOperand(0)), tileRoles);
  for (OpOperand &operand : map->getOpOperands())
    if (map.payloadUsesValueFromOperand(&operand))
      assignRoles(operand.get(),
                  getTileRoles(map.getMatchingIndexingMap(&operand), loops));
}

/// The roles of a map of which one operand, of as many dimensions, has roles.
std::optional<SmallVector<Role>> ElementKernel::inferRoles(Value tile) {
  auto *it = roles.find(tile);
  if (it != roles.end())
    return it->second;
  auto map = tile.getDefiningOp<linalg::LinalgOp>();
  if (!map || !isMap(map) || !kernel->isAncestor(map))
    return std::nullopt;
  AffineMap outMap = map.getMatchingIndexingMap(map.getDpsInitOperand(0));
  for (OpOperand &operand : map->getOpOperands()) {
    AffineMap indexing = map.getMatchingIndexingMap(&operand);
    if (!map.payloadUsesValueFromOperand(&operand) ||
        indexing.getNumResults() != outMap.getNumResults())
      continue;
    if (auto operandRoles = inferRoles(operand.get()))
      return getTileRoles(outMap, getLoopRoles(map, indexing, *operandRoles));
  }
  return std::nullopt;
}

/// Of tiles that no product reads, the last dimension is the lane.
ArrayRef<Role> ElementKernel::getRoles(Value tile) {
  auto *it = roles.find(tile);
  if (it == roles.end()) {
    int64_t rank = cast<RankedTensorType>(tile.getType()).getRank();
    SmallVector<Role> byDefault(rank, Role::Row);
    if (rank > 0)
      byDefault.back() = Role::Lane;
    assignRoles(tile, inferRoles(tile).value_or(byDefault));
    it = roles.find(tile);
  }
  return it->second;
}

SmallVector<Value> ElementKernel::getIndices(ArrayRef<Role> tileRoles,
                                             Value row) {
  return llvm::map_to_vector(
      tileRoles, [&](Role role) { return role == Role::Lane ? lane : row; });
}

//===----------------------------------------------------------------------===//
// What is computed
//===----------------------------------------------------------------------===//

LogicalResult ElementKernel::findProducts(Block *block, Phase &phase) {
  for (auto op : block->getOps<linalg::LinalgOp>()) {
    if (isMap(op) || isa<linalg::FillOp>(op))
      continue;
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    if (!isContraction(op) || op.getNumLoops() != 2 ||
        op.getNumReductionLoops() != 1 || maps[2].getNumResults() != 1)
      return op->emitOpError("expects maps, and products of a matrix and a "
                             "vector, in a kernel without a loop over chunks "
                             "for a GPU");
    unsigned laneLoop = maps[2].getDimPosition(0);
    SmallVector<Role> loops(2, Role::Row);
    loops[laneLoop] = Role::Lane;
    for (OpOperand *operand : op.getDpsInputOperands()) {
      SmallVector<Role> operandRoles =
          getTileRoles(op.getMatchingIndexingMap(operand), loops);
      for (auto [dim, role] : llvm::enumerate(operandRoles))
        if (failed(setSize(op, operand->get(), dim, role)))
          return failure();
      assignRoles(operand->get(), operandRoles);
    }
    assignRoles(op.getDpsInits()[0], {Role::Lane});
    roles[op->getResult(0)] = {Role::Lane};
    phase.products.push_back({op, loops, nullptr});
  }
  return success();
}

LogicalResult ElementKernel::addOutput(Operation *op, Output output,
                                       Phase &phase) {
  int64_t rank = cast<RankedTensorType>(output.tile.getType()).getRank();
  if (rank > 2)
    return op->emitOpError("expects tiles of at most two dimensions in a "
                           "kernel without a loop over chunks for a GPU, but "
                           "got ")
           << output.tile.getType();
  if (!output.carried)
    output.roles = llvm::to_vector(getRoles(output.tile));
  for (auto [dim, role] : llvm::enumerate(output.roles))
    if (failed(setSize(op, output.tile, dim, role)))
      return failure();
  (output.hasRows() ? phase.ofRows : phase.others).push_back(std::move(output));
  return success();
}

LogicalResult ElementKernel::findCarried(Loop &loop) {
  scf::ForOp op = loop.op;
  for (BlockArgument arg : op.getRegionIterArgs())
    if (!getAccess(arg, kernel))
      loop.carried.push_back({arg, op.getTiedLoopInit(arg)->get(),
                              op.getTiedLoopYieldedValue(arg)->get(),
                              op.getTiedLoopResult(arg)});
  for (Carried &value : loop.carried) {
    auto type = dyn_cast<RankedTensorType>(value.arg.getType());
    if (!type && value.arg.getType().isIntOrIndexOrFloat())
      continue;
    if (!type || !type.getElementType().isF32())
      return op.emitOpError("expects carried values to be scalars, or tiles "
                            "of f32, but got ")
             << value.arg.getType();
    std::optional<SmallVector<Role>> found = inferRoles(value.arg);
    if (!found)
      found = inferRoles(value.result);
    SmallVector<Role> tileRoles(found ? *found : getRoles(value.next));
    for (Value same : {Value(value.arg), value.next, value.init, value.result})
      assignRoles(same, tileRoles);
    Output next{value.next, {}, &value, tileRoles};
    Output init{value.init, {}, &value, tileRoles};
    if (failed(addOutput(op, next, loop.inside)) ||
        failed(addOutput(op, init, loop.before)))
      return failure();
    if (!next.hasRows())
      continue;
    // Rows are gone over in a loop, so they cannot be registers.
    OpBuilder &entry = frame.getEntryBuilder();
    Location loc = value.arg.getLoc();
    value.memory = LLVM::AllocaOp::create(
        entry, loc, LLVM::LLVMPointerType::get(b.getContext()), b.getF32Type(),
        arith::ConstantIntOp::create(entry, loc, numRows, 32), 4);
    loop.inside.memories.push_back({value.arg, value.memory});
  }
  return success();
}

LogicalResult ElementKernel::findOutputs() {
  if (!loops.empty()) {
    Loop &last = loops.back();
    SmallVector<OutputStore> inLoop, afterLoop;
    if (failed(findStores(kernel, last.op, inLoop, afterLoop)))
      return failure();
    for (auto [stores, phase] :
         {std::pair(&inLoop, &last.inside), std::pair(&afterLoop, &rest)})
      for (const OutputStore &output : *stores)
        if (failed(addOutput(output.op, {output.tile, output.access}, *phase)))
          return failure();
    return success();
  }
  for (Operation &op : kernel.getTerminator().getYieldingOps()) {
    auto insert = cast<tensor::ParallelInsertSliceOp>(op);
    if (failed(addOutput(&op, {insert.getSource(), getAccess(insert, kernel)},
                         rest)))
      return failure();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

FailureOr<Value> ElementKernel::getTerm(TileExpression &expression,
                                        const Product &product, Value row) {
  linalg::LinalgOp op = product.op;
  Value term;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    SmallVector<Role> operandRoles =
        getTileRoles(op.getMatchingIndexingMap(operand), product.loops);
    FailureOr<Value> element =
        expression.getElement(operand->get(), getIndices(operandRoles, row));
    if (failed(element))
      return failure();
    term = term ? arith::MulFOp::create(b, op.getLoc(), term, *element,
                                        arith::FastMathFlags::contract)
                : *element;
  }
  return term;
}

Value ElementKernel::getRowAddress(Value memory, Value row) {
  return LLVM::GEPOp::create(b, kernel.getLoc(), memory.getType(),
                             b.getF32Type(), memory, ValueRange(row));
}

LogicalResult ElementKernel::store(const Output &output, Value element,
                                   Value row) {
  Location loc = output.tile.getLoc();
  if (Carried *value = output.carried) {
    if (value->memory)
      LLVM::StoreOp::create(b, loc, element, getRowAddress(value->memory, row));
    else
      value->element = element;
    return success();
  }
  auto type = cast<RankedTensorType>(output.tile.getType());
  SmallVector<Value> indices = getIndices(output.roles, row);
  // What is outside of the tensor is not stored, and one lane stores what is
  // the same in all.
  Value inside;
  if (!llvm::is_contained(output.roles, Role::Lane))
    inside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, lane,
                                   arith::ConstantIntOp::create(b, loc, 0, 32));
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

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

LogicalResult ElementKernel::emitRows(Phase &phase, Value firstRow,
                                      int64_t count, OpBuilder &outer) {
  Location loc = kernel.getLoc();
  struct Element {
    const Output *output;
    Value value, row;
  };
  SmallVector<Element> computed;
  TileExpression expression(frame, b, outer);
  for (auto [tile, element] : phase.elements)
    expression.addLeaf(tile, element, lane);
  for (int64_t i = 0; i < count; ++i) {
    Value row = arith::AddIOp::create(
        b, loc, firstRow, arith::ConstantIntOp::create(b, loc, i, 32));
    for (auto [tile, memory] : phase.memories)
      expression.addLeaf(tile,
                         LLVM::LoadOp::create(b, loc, b.getF32Type(),
                                              getRowAddress(memory, row)),
                         getIndices(getRoles(tile), row));
    for (const Output &output : phase.ofRows) {
      FailureOr<Value> value =
          expression.getElement(output.tile, getIndices(output.roles, row));
      if (failed(value))
        return failure();
      computed.push_back({&output, *value, row});
    }
    for (Product &product : phase.products) {
      FailureOr<Value> term = getTerm(expression, product, row);
      if (failed(term))
        return failure();
      product.sum = arith::AddFOp::create(b, loc, product.sum, *term,
                                          arith::FastMathFlags::contract);
    }
  }
  for (Element &element : computed)
    if (failed(store(*element.output, element.value, element.row)))
      return failure();
  return success();
}

/// Loads elements that are read in every row: stores of matrices stand between
/// the reads otherwise.
LogicalResult ElementKernel::loadVectors(Block *block, Phase &phase) {
  OpBuilder outer(b);
  TileExpression expression(frame, b, outer);
  auto bodies =
      llvm::map_to_vector(loops, [](Loop &loop) { return loop.op.getBody(); });
  SmallVector<Value> tiles;
  for (auto &[tile, tileRoles] : roles)
    if (tileRoles == SmallVector<Role>{Role::Lane} &&
        !ambiguous.contains(tile) && getAccess(tile, kernel) &&
        !tile.getDefiningOp<linalg::LinalgOp>() &&
        (tile.getParentBlock() == block) ==
            llvm::is_contained(bodies, tile.getParentBlock()))
      tiles.push_back(tile);
  for (Value tile : tiles) {
    FailureOr<Value> value = expression.getElement(tile, lane);
    if (failed(value))
      return failure();
    phase.elements.push_back({tile, *value});
  }
  return success();
}

LogicalResult ElementKernel::emitPhase(Phase &phase) {
  Location loc = kernel.getLoc();
  auto addElements = [&](TileExpression &expression) {
    for (auto [tile, element] : phase.elements)
      expression.addLeaf(tile, element, lane);
  };
  OpBuilder outer(b);
  TileExpression first(frame, b, outer);
  addElements(first);
  for (Product &product : phase.products) {
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

  if (!phase.products.empty() || !phase.ofRows.empty()) {
    int64_t count = kRowsAtOnce;
    while (numRows % count != 0)
      count /= 2;
    auto constant = [&](int64_t value) {
      return arith::ConstantIntOp::create(b, loc, value, 32);
    };
    auto getSums = [&] {
      return llvm::map_to_vector(
          phase.products, [](const Product &product) { return product.sum; });
    };
    auto rows = scf::ForOp::create(b, loc, constant(0), constant(numRows),
                                   constant(count), getSums());
    if (rows.getBody()->mightHaveTerminator())
      rows.getBody()->getTerminator()->erase();
    for (auto [product, sum] :
         llvm::zip_equal(phase.products, rows.getRegionIterArgs()))
      product.sum = sum;
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(rows.getBody());
    OpBuilder outside(rows);
    if (failed(emitRows(phase, rows.getInductionVar(), count, outside)))
      return failure();
    scf::YieldOp::create(b, loc, getSums());
    for (auto [product, sum] :
         llvm::zip_equal(phase.products, rows.getResults()))
      product.sum = sum;
  }

  TileExpression last(frame, b, outer);
  addElements(last);
  for (const Product &product : phase.products)
    last.addLeaf(product.op->getResult(0), product.sum, lane);
  for (const Output &output : phase.others) {
    FailureOr<Value> value =
        last.getElement(output.tile, getIndices(output.roles, /*row=*/Value()));
    if (failed(value) || failed(store(output, *value, /*row=*/Value())))
      return failure();
  }
  return success();
}

LogicalResult ElementKernel::emitLoop(Loop &loop) {
  scf::ForOp op = loop.op;
  Location loc = op.getLoc();
  addKnown(loop.before);
  if (failed(emitPhase(loop.before)))
    return failure();
  // Scalars, and elements of tiles without rows.
  SmallVector<Carried *> values;
  SmallVector<Value> inits;
  for (Carried &value : loop.carried) {
    if (value.memory)
      continue;
    if (!isa<RankedTensorType>(value.arg.getType())) {
      FailureOr<Value> init = frame.getScalar(b, value.init);
      if (failed(init))
        return failure();
      value.element = *init;
    }
    values.push_back(&value);
    inits.push_back(value.element);
  }
  // An element is known by its tile, and one of all lanes to scalars too.
  auto know = [&](Phase &phase, Value tile, Value element) {
    auto type = dyn_cast<RankedTensorType>(tile.getType());
    if (type && type.getRank() == 1)
      phase.elements.push_back({tile, element});
    else
      frame.bind(tile, element);
  };
  FailureOr<Value> lower = frame.getScalar(b, op.getLowerBound());
  FailureOr<Value> upper = frame.getScalar(b, op.getUpperBound());
  FailureOr<Value> step = frame.getScalar(b, op.getStep());
  if (failed(lower) || failed(upper) || failed(step))
    return failure();
  auto emitted = scf::ForOp::create(b, loc, *lower, *upper, *step, inits);
  if (emitted.getBody()->mightHaveTerminator())
    emitted.getBody()->getTerminator()->erase();
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(emitted.getBody());
    frame.bind(op.getInductionVar(), emitted.getInductionVar());
    addKnown(loop.inside);
    for (auto [value, arg] : llvm::zip(values, emitted.getRegionIterArgs()))
      know(loop.inside, value->arg, arg);
    if (failed(loadVectors(op.getBody(), loop.inside)) ||
        failed(emitPhase(loop.inside)))
      return failure();
    SmallVector<Value> yielded;
    for (Carried *value : values) {
      if (!isa<RankedTensorType>(value->arg.getType())) {
        FailureOr<Value> next = frame.getScalar(b, value->next);
        if (failed(next))
          return failure();
        value->element = *next;
      }
      yielded.push_back(value->element);
    }
    scf::YieldOp::create(b, loc, yielded);
  }
  for (auto [value, result] : llvm::zip(values, emitted.getResults()))
    know(known, value->result, result);
  for (const Carried &value : loop.carried)
    if (value.memory)
      known.memories.push_back({value.result, value.memory});
  return success();
}

LogicalResult ElementKernel::emitLane() {
  if (failed(loadVectors(/*block=*/nullptr, known)))
    return failure();
  for (Loop &loop : loops)
    if (failed(emitLoop(loop)))
      return failure();
  addKnown(rest);
  return emitPhase(rest);
}

LogicalResult ElementKernel::emit() {
  if (failed(findProducts(kernel.getBody(), rest)))
    return failure();
  for (Loop &loop : loops)
    if (failed(findProducts(loop.op.getBody(), loop.inside)))
      return failure();
  // What the last loop carries may be read by a product, and started from what
  // another one leaves.
  for (Loop &loop : llvm::reverse(loops))
    if (failed(findCarried(loop)))
      return failure();
  if (failed(findOutputs()))
    return failure();
  Location loc = kernel.getLoc();
  auto constant = [&](int64_t value) {
    return arith::ConstantIntOp::create(b, loc, value, 32);
  };
  Value thread = NVVM::ThreadIdXOp::create(b, loc, b.getI32Type());
  auto lanes =
      scf::ForOp::create(b, loc, thread, constant(numLanes), constant(threads));
  lane = lanes.getInductionVar();
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(lanes.getBody()->getTerminator());
  return emitLane();
}

LogicalResult linattn::emitElementKernel(scf::ForallOp kernel,
                                         KernelFrame &frame, OpBuilder &b,
                                         int64_t threads) {
  return ElementKernel(kernel, frame, b, threads).emit();
}
