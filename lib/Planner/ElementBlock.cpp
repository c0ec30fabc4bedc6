//===- ElementBlock.cpp - element kernels that a block shares -------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A memory system is busy if few instructions load much. So a thread has four
// adjacent lanes where it can load them at once, and the threads that this
// leaves share the rows. Whether it can is known when the kernel runs: strides
// and addresses are arguments. There is a second version, with one lane a
// thread, for tensors where it cannot.
//
//===----------------------------------------------------------------------===//

#include "ElementKernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <numeric>

using namespace mlir;
using namespace mlir::linattn;

/// The most lanes of a thread.
static constexpr int64_t kMaxColumns = 4;
/// While some blocks wait for what they load, others store.
static constexpr int64_t kResidentBlocks = 4;
/// Where the threads of the block meet.
static constexpr int64_t kMeetingPoint = 1;

void ElementKernel::sync() {
  tile::SyncOp::create(b, kernel.getLoc(), constant(kMeetingPoint),
                       threads / tile::kWarpgroupThreads);
}

static Value allocateVector(OpBuilder &b, Location loc, int64_t size) {
  return tile::AllocOp::create(
      b, loc, tile::SharedVectorType::get(b.getContext(), 1, size),
      /*offset=*/IntegerAttr());
}

//===----------------------------------------------------------------------===//
// Decisions
//===----------------------------------------------------------------------===//

void ElementKernel::findMatrices() {
  Roles roles = {Role::Row, Role::Lane};
  for (int order = 0; order < 2; ++order) {
    for (Value tile : body.getTiles(roles)) {
      std::optional<Access> access = getAccess(tile, kernel);
      // Others are read where they are needed.
      if (access && !access->padding && !tile.getDefiningOp<linalg::LinalgOp>())
        matrices.push_back({tile, *access, roles});
    }
    std::swap(roles[0], roles[1]);
  }
}

/// Whether a tile along the rows is read in every lane.
static bool isReadInLanes(Value tile) {
  return llvm::any_of(tile.getUses(), [](OpOperand &use) {
    auto op = dyn_cast<linalg::LinalgOp>(use.getOwner());
    return op && op.getNumLoops() == 2 && op.payloadUsesValueFromOperand(&use);
  });
}

void ElementKernel::findStaged() {
  int64_t size = llvm::alignTo(body.numRows, threads);
  for (Value tile : body.getTiles(Role::Row)) {
    // What is the same in all rows is no load.
    auto map = tile.getDefiningOp<linalg::LinalgOp>();
    bool isRead = map ? !isa<linalg::FillOp>(map.getOperation())
                      : getAccess(tile, kernel).has_value();
    if (isRead && isReadInLanes(tile))
      staged.push_back({tile, allocateVector(b, kernel.getLoc(), size)});
  }
}

ElementKernel::Sharing ElementKernel::getSharing(bool isWide) const {
  Sharing result;
  result.isWide = isWide;
  // Lanes follow each other in memory where they are the last dimension.
  auto isOfLanes = [](const auto &matrix) {
    return matrix.roles.back() == Role::Lane;
  };
  if (isWide && (llvm::any_of(matrices, isOfLanes) ||
                 llvm::any_of(body.rest.ofRows, isOfLanes)))
    result.columns = std::gcd(kMaxColumns, body.numLanes);
  result.parts =
      std::max<int64_t>(1, threads / (body.numLanes / result.columns));
  while (body.numRows % result.parts != 0)
    --result.parts;
  return result;
}

Value ElementKernel::getMisfit() {
  Location loc = kernel.getLoc();
  sharing = getSharing(/*isWide=*/true);
  Value misfit;
  auto add = [&](const Access &access, Value tile, ArrayRef<Role> roles,
                 bool isOutput) {
    int64_t width = getWidth(access, tile, roles);
    if (width == 1)
      return;
    int64_t bits =
        cast<RankedTensorType>(tile.getType()).getElementTypeBitWidth();
    Value other = frame.getMisfit(b, loc, access, isOutput, width * bits / 8);
    misfit = misfit ? arith::OrIOp::create(b, loc, misfit, other) : other;
  };
  for (const Matrix &matrix : matrices)
    add(matrix.access, matrix.tile, matrix.roles, /*isOutput=*/false);
  for (const Output &output : body.rest.ofRows)
    add(output.access, output.tile, output.roles, /*isOutput=*/true);
  return misfit;
}

//===----------------------------------------------------------------------===//
// The program
//===----------------------------------------------------------------------===//

LogicalResult
ElementKernel::forOwn(int64_t count, bool isGuarded,
                      llvm::function_ref<LogicalResult(Value)> fn) {
  Location loc = kernel.getLoc();
  OpBuilder::InsertionGuard guard(b);
  Value number = thread;
  if (count > threads) {
    // All threads go the same way.
    auto rounds = scf::ForOp::create(b, loc, constant(0),
                                     constant(llvm::alignTo(count, threads)),
                                     constant(threads));
    b.setInsertionPoint(rounds.getBody()->getTerminator());
    number = arith::AddIOp::create(b, loc, rounds.getInductionVar(), thread);
  }
  if (isGuarded && count % threads != 0) {
    Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                         number, constant(count));
    auto branch = scf::IfOp::create(b, loc, exists, /*withElseRegion=*/false);
    b.setInsertionPointToStart(branch.thenBlock());
  }
  return fn(number);
}

LogicalResult ElementKernel::stageVectors() {
  if (staged.empty())
    return success();
  Location loc = kernel.getLoc();
  OpBuilder outer(b);
  TileExpression expression(frame, b, outer);
  // All is loaded before the first element is stored. Threads without a row of
  // their own repeat the last one: the vectors have room for all threads.
  SmallVector<std::tuple<Value, Value, Value>> elements;
  for (int64_t first = 0; first < body.numRows; first += threads) {
    Value row = arith::AddIOp::create(b, loc, thread, constant(first));
    Value inside = row;
    if (first + threads > body.numRows)
      inside = arith::MinSIOp::create(b, loc, row, constant(body.numRows - 1));
    for (auto [tile, shared] : staged) {
      FailureOr<Value> element = expression.getRounded(tile, inside);
      if (failed(element))
        return failure();
      elements.push_back({*element, shared, row});
    }
  }
  for (auto [element, shared, row] : elements)
    tile::StoreElementOp::create(b, loc, element, shared, row);
  sync();
  return success();
}

LogicalResult ElementKernel::emitPart(Value index, Emitter prologue,
                                      SmallVectorImpl<Value> &sums) {
  Location loc = kernel.getLoc();
  Value part = constant(0), group = index;
  if (sharing.parts > 1) {
    Value groups = constant(body.numLanes / sharing.columns);
    part = arith::DivUIOp::create(b, loc, index, groups);
    group = arith::RemUIOp::create(b, loc, index, groups);
  }
  Value lane = arith::MulIOp::create(b, loc, group, constant(sharing.columns));
  lanes.clear();
  for (int64_t i = 0; i < sharing.columns; ++i)
    lanes.push_back(arith::AddIOp::create(b, loc, lane, constant(i)));
  Value row = arith::MulIOp::create(b, loc, part,
                                    constant(body.numRows / sharing.parts));
  Known known;
  known.vectors = staged;
  if (failed(loadLanes(/*block=*/nullptr, known)))
    return failure();
  return emitRows(body.rest, known, row, sums, prologue);
}

LogicalResult ElementKernel::emitWork(Value index, Emitter prologue) {
  Location loc = kernel.getLoc();
  Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0.0f));
  SmallVector<Value> sums(body.rest.products.size() * sharing.columns, zero);
  if (getWorkers() % threads == 0) {
    if (failed(emitPart(index, prologue, sums)))
      return failure();
  } else {
    // The others only meet with these.
    Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                         index, constant(getWorkers()));
    auto branch = scf::IfOp::create(b, loc, TypeRange(ValueRange(sums)), exists,
                                    /*withElseRegion=*/!sums.empty());
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    SmallVector<Value> zeros(sums);
    if (failed(emitPart(index, prologue, sums)))
      return failure();
    if (!sums.empty()) {
      scf::YieldOp::create(b, loc, sums);
      b.setInsertionPointToStart(branch.elseBlock());
      scf::YieldOp::create(b, loc, zeros);
    }
    sums.assign(branch.result_begin(), branch.result_end());
  }
  // Those of a part follow each other.
  Value first = arith::MulIOp::create(b, loc, index, constant(sharing.columns));
  for (auto [number, sum] : llvm::enumerate(sums))
    tile::StoreElementOp::create(
        b, loc, sum, sharedSums[number / sharing.columns],
        arith::AddIOp::create(b, loc, first,
                              constant(number % sharing.columns)));
  return success();
}

LogicalResult ElementKernel::emitResult(Value lane) {
  Location loc = kernel.getLoc();
  const Phase &phase = body.rest;
  OpBuilder outer(b);
  TileExpression expression(frame, b, outer);
  for (auto [product, shared] : llvm::zip_equal(phase.products, sharedSums)) {
    Value sum;
    for (int64_t part = 0; part < sharing.parts; ++part) {
      Value index =
          arith::AddIOp::create(b, loc, lane, constant(part * body.numLanes));
      Value term =
          tile::ElementOp::create(b, loc, b.getF32Type(), shared, index);
      sum = sum ? arith::AddFOp::create(b, loc, sum, term) : term;
    }
    linalg::LinalgOp op = product.op;
    Value init = op.getDpsInits()[0];
    if (!KernelBody::isZero(init)) {
      FailureOr<Value> start = expression.getElement(init, lane);
      if (failed(start))
        return failure();
      sum = arith::AddFOp::create(b, loc, *start, sum);
    }
    expression.addLeaf(product.op->getResult(0), sum, lane);
  }
  return storeOthers(phase, expression, lane);
}

LogicalResult ElementKernel::emitResults() {
  if (body.rest.others.empty())
    return success();
  // One thread stores what has no lanes.
  return forOwn(std::max<int64_t>(body.numLanes, 1), /*isGuarded=*/true,
                [&](Value lane) { return emitResult(lane); });
}

LogicalResult ElementKernel::emitShared(const Sharing &chosen) {
  sharing = chosen;
  auto stage = [&] { return stageVectors(); };
  // Where each thread does one part of the work, its first rows are on their
  // way while it waits for the others.
  bool isOnce = getWorkers() == threads;
  if (!isOnce && failed(stage()))
    return failure();
  if (failed(forOwn(getWorkers(), /*isGuarded=*/false, [&](Value index) {
        return emitWork(index, isOnce ? Emitter(stage) : Emitter());
      })))
    return failure();
  // Vectors may change where they are, too.
  if (!body.rest.products.empty() || !body.rest.others.empty())
    sync();
  return emitResults();
}

LogicalResult ElementKernel::emitBlock() {
  const Phase &phase = body.rest;
  if (phase.products.empty() && phase.ofRows.empty())
    return emitResults();
  Location loc = kernel.getLoc();
  program->setAttr(tile::kResidentBlocksAttrName,
                   b.getI64IntegerAttr(kResidentBlocks));
  findMatrices();
  findStaged();
  Value misfit = getMisfit();
  Sharing wide = sharing, narrow = getSharing(/*isWide=*/false);
  int64_t numSums = 0;
  for (const Sharing &each : {wide, narrow}) {
    sharing = each;
    numSums = std::max<int64_t>(numSums, llvm::alignTo(getWorkers(), threads) *
                                             sharing.columns);
  }
  for (size_t i = 0; i < phase.products.size(); ++i)
    sharedSums.push_back(allocateVector(b, loc, numSums));
  if (!misfit)
    return emitShared(narrow);
  Value fits =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, misfit,
                            arith::ConstantIntOp::create(b, loc, 0, 64));
  auto branch = scf::IfOp::create(b, loc, fits, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  if (failed(emitShared(wide)))
    return failure();
  b.setInsertionPointToStart(branch.elseBlock());
  return emitShared(narrow);
}
