//===- ElementBody.cpp - kernels without matrix products ------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementBody.h"

#include "linattn/NormalForm/TileOps.h"

using namespace mlir;
using namespace mlir::linattn;

using Role = ElementBody::Role;
using Roles = ElementBody::Roles;

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

ElementBody::ElementBody(scf::ForallOp kernel) : kernel(kernel) {
  for (auto loop : kernel.getBody()->getOps<scf::ForOp>())
    loops.push_back({loop, {}, {}, {}});
}

LogicalResult ElementBody::analyze() {
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
  return findOutputs();
}

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

LogicalResult ElementBody::setSize(Operation *op, Value tile, unsigned dim,
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
static Roles getLoopRoles(linalg::LinalgOp map, AffineMap indexing,
                          ArrayRef<Role> tileRoles) {
  Roles loops(map.getNumLoops(), Role::Lane);
  for (auto [expr, role] : llvm::zip(indexing.getResults(), tileRoles))
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      loops[dim.getPosition()] = role;
  return loops;
}

Roles ElementBody::getTileRoles(AffineMap indexing, ArrayRef<Role> loops) {
  Roles tileRoles;
  for (AffineExpr expr : indexing.getResults())
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      tileRoles.push_back(loops[dim.getPosition()]);
  return tileRoles;
}

/// Tiles that a tile is computed from have roles that follow from its own.
void ElementBody::assignRoles(Value tile, ArrayRef<Role> tileRoles) {
  if (!isa<RankedTensorType>(tile.getType()))
    return;
  auto [it, isNew] = roles.insert({tile, Roles(tileRoles)});
  if (!isNew) {
    if (ArrayRef<Role>(it->second) != tileRoles)
      ambiguous.insert(tile);
    return;
  }
  auto map = tile.getDefiningOp<linalg::LinalgOp>();
  if (!map || !isMap(map) || !kernel->isAncestor(map))
    return;
  Roles loops = getLoopRoles(
      map, map.getMatchingIndexingMap(map.getDpsInitOperand(0)), tileRoles);
  for (OpOperand &operand : map->getOpOperands())
    if (map.payloadUsesValueFromOperand(&operand))
      assignRoles(operand.get(),
                  getTileRoles(map.getMatchingIndexingMap(&operand), loops));
}

/// The roles of a map of which one operand, of as many dimensions, has roles.
std::optional<Roles> ElementBody::inferRoles(Value tile) {
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

SmallVector<Value> ElementBody::getTiles(ArrayRef<Role> of) const {
  SmallVector<Value> tiles;
  for (const auto &[tile, tileRoles] : roles)
    if (ArrayRef<Role>(tileRoles) == of && !ambiguous.contains(tile))
      tiles.push_back(tile);
  return tiles;
}

ArrayRef<Role> ElementBody::getRoles(Value tile) {
  auto *it = roles.find(tile);
  if (it == roles.end()) {
    int64_t rank = cast<RankedTensorType>(tile.getType()).getRank();
    Roles byDefault(rank, Role::Row);
    if (rank > 0)
      byDefault.back() = Role::Lane;
    assignRoles(tile, inferRoles(tile).value_or(byDefault));
    it = roles.find(tile);
  }
  return it->second;
}

//===----------------------------------------------------------------------===//
// What is computed
//===----------------------------------------------------------------------===//

LogicalResult ElementBody::findProducts(Block *block, Phase &phase) {
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
    Roles loops(2, Role::Row);
    loops[laneLoop] = Role::Lane;
    for (OpOperand *operand : op.getDpsInputOperands()) {
      Roles operandRoles =
          getTileRoles(op.getMatchingIndexingMap(operand), loops);
      for (auto [dim, role] : llvm::enumerate(operandRoles))
        if (failed(setSize(op, operand->get(), dim, role)))
          return failure();
      assignRoles(operand->get(), operandRoles);
    }
    assignRoles(op.getDpsInits()[0], {Role::Lane});
    roles[op->getResult(0)] = {Role::Lane};
    phase.products.push_back({op, loops});
  }
  return success();
}

LogicalResult ElementBody::addOutput(Operation *op, Output output,
                                     Phase &phase) {
  int64_t rank = cast<RankedTensorType>(output.tile.getType()).getRank();
  if (rank > 2)
    return op->emitOpError("expects tiles of at most two dimensions in a "
                           "kernel without a loop over chunks for a GPU, but "
                           "got ")
           << output.tile.getType();
  if (!output.carried)
    output.roles = Roles(getRoles(output.tile));
  for (auto [dim, role] : llvm::enumerate(output.roles))
    if (failed(setSize(op, output.tile, dim, role)))
      return failure();
  (output.has(Role::Row) ? phase.ofRows : phase.others)
      .push_back(std::move(output));
  return success();
}

LogicalResult ElementBody::findCarried(Loop &loop) {
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
    std::optional<Roles> found = inferRoles(value.arg);
    if (!found)
      found = inferRoles(value.result);
    Roles tileRoles(found ? *found : getRoles(value.next));
    for (Value same : {Value(value.arg), value.next, value.init, value.result})
      assignRoles(same, tileRoles);
    Output next{value.next, {}, &value, tileRoles};
    Output init{value.init, {}, &value, tileRoles};
    if (failed(addOutput(op, next, loop.inside)) ||
        failed(addOutput(op, init, loop.before)))
      return failure();
    value.hasRows = next.has(Role::Row);
  }
  return success();
}

LogicalResult ElementBody::findOutputs() {
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
