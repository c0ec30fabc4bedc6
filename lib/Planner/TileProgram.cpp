//===- TileProgram.cpp - the tile program of a kernel ---------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileProgram.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace mlir::linattn;

Value linattn::getStage(OpBuilder &b, Location loc, Value ring, Value index) {
  auto type = cast<tile::SharedType>(ring.getType());
  return tile::StageOp::create(
      b, loc,
      tile::SharedType::get(b.getContext(), 1, type.getRows(),
                            type.getColumns(), type.getElementType()),
      ring, index);
}

TileProgram::TileProgram(const KernelBody &body, const Plan &plan,
                         KernelFrame &frame, tile::KernelOp kernel,
                         const AssertedSizes &asserted, Value part)
    : body(body), plan(plan), frame(frame), kernel(kernel), asserted(asserted),
      loc(body.kernel->getLoc()), b(kernel.getContext()), part(part),
      order(getIssueOrder(body, plan)) {
  for (const OutputStore &output : body.storesInLoop)
    if (output.isCopied())
      copied.push_back(&output);
  if (plan.early)
    findEarly();
}

void TileProgram::findEarly() {
  for (const Contraction &contraction : body.contractions)
    if (needsLoadsOnly(body, contraction))
      early.push_back(&contraction);
  auto reads = [&](Value tile) {
    llvm::SetVector<Value> leaves = getLeaves(tile, body);
    return llvm::any_of(early, [&](const Contraction *contraction) {
      return leaves.contains(contraction->getResult());
    });
  };
  auto canBeEarly = [&](Value tile) {
    return llvm::all_of(getLeaves(tile, body), [&](Value leaf) {
      const Contraction *contraction = body.getContraction(leaf);
      return contraction ? llvm::is_contained(early, contraction)
                         : !body.isCarried(leaf);
    });
  };
  // Only operands are carried to the next iteration, in registers or in the
  // other one of two buffers, so nothing else may need these contractions.
  bool isNeeded =
      llvm::any_of(body.storesInLoop,
                   [&](const OutputStore &store) { return reads(store.tile); });
  for (const Contraction &contraction : body.contractions) {
    isNeeded |= reads(contraction.init);
    for (bool isLhs : {true, false}) {
      Value tile = isLhs ? contraction.lhs : contraction.rhs;
      if (!reads(tile))
        continue;
      Placement placement = getPlacement(body, contraction, isLhs);
      if (canBeEarly(tile) && placement == Placement::Registers)
        ahead.push_back(&contraction);
      else if (canBeEarly(tile) && placement == Placement::Staged &&
               plan.shared.contains(tile))
        aheadBuffers.insert(tile);
      else
        isNeeded = true;
    }
  }
  if (isNeeded || (ahead.empty() && aheadBuffers.empty())) {
    early.clear();
    ahead.clear();
    aheadBuffers.clear();
  }
}

Value TileProgram::constant(int64_t value) {
  return arith::ConstantIntOp::create(b, loc, value, 32);
}

std::pair<int64_t, int64_t> TileProgram::getLocalShape(Value tile) const {
  return {plan.getLocalSize(body, tile, 0), plan.getLocalSize(body, tile, 1)};
}

Value TileProgram::getGlobalIndex(OpBuilder &at, Value tile, unsigned dim,
                                  Value index) {
  if (dim == 1 && plan.shared.contains(tile))
    return arith::AddIOp::create(at, loc, index, getSharedColumn(at, tile));
  if (!plan.isSplit(body, tile, dim))
    return index;
  return arith::AddIOp::create(at, loc, index, firstColumn);
}

Value TileProgram::getSharedColumn(OpBuilder &at, Value tile) {
  return arith::MulIOp::create(
      at, loc, group,
      arith::ConstantIntOp::create(at, loc, getLocalShape(tile).second, 32));
}

TileProgram::Slot TileProgram::getNext(OpBuilder &at, Slot slot) {
  Value one = arith::ConstantIntOp::create(at, loc, 1, 32);
  Value zero = arith::ConstantIntOp::create(at, loc, 0, 32);
  Value stages = arith::ConstantIntOp::create(at, loc, plan.stages, 32);
  Value next = arith::AddIOp::create(at, loc, slot.stage, one);
  Value wraps =
      arith::CmpIOp::create(at, loc, arith::CmpIPredicate::eq, next, stages);
  Value flip = arith::ExtUIOp::create(at, loc, at.getI32Type(), wraps);
  return {arith::SelectOp::create(at, loc, wraps, zero, next),
          arith::XOrIOp::create(at, loc, slot.phase, flip)};
}

void TileProgram::sync() { tile::SyncOp::create(b, loc, syncId, 1); }

void TileProgram::syncAll() {
  // Behind the meeting points of single warpgroups.
  tile::SyncOp::create(b, loc, constant(plan.groups + 1), plan.groups);
}

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

void TileProgram::allocate() {
  MLIRContext *context = b.getContext();
  for (Value load : body.loads) {
    RankedTensorType type = getTileType(load);
    rings[load] = tile::AllocOp::create(
        b, loc,
        tile::SharedType::get(
            context, plan.stages, plan.getBlockSize(body, load, 0),
            plan.getBlockSize(body, load, 1), type.getElementType()),
        /*offset=*/nullptr);
  }
  for (const Contraction &contraction : body.contractions)
    for (bool isLhs : {true, false}) {
      Placement placement = getPlacement(body, contraction, isLhs);
      Value tile = isLhs ? contraction.lhs : contraction.rhs;
      Value &buffer = published[tile];
      if (buffer ||
          (placement != Placement::Published && placement != Placement::Staged))
        continue;
      // One for each warpgroup; or two, of which one is written while the other
      // one is read, for all.
      auto [rows, columns] = getLocalShape(tile);
      int64_t count = plan.groups;
      if (plan.shared.contains(tile)) {
        count = 2;
        columns = getTileType(tile).getDimSize(1);
      }
      buffer = tile::AllocOp::create(
          b, loc,
          tile::SharedType::get(context, count, rows, columns,
                                getElementType(body, contraction)),
          /*offset=*/nullptr);
      if (placement == Placement::Published)
        buffers[tile] = getElementType(body, contraction);
    }
  for (const OutputStore *output : copied) {
    auto [rows, columns] = getLocalShape(output->tile);
    if (output->isTransposed())
      std::swap(rows, columns);
    staging[output->tile] = tile::AllocOp::create(
        b, loc,
        tile::SharedType::get(
            context, plan.groups * plan.outputSlots, rows, columns,
            getTileType(output->access.tensor).getElementType()),
        /*offset=*/nullptr);
  }
  for (Value vector : body.vectors)
    vectorRings[vector] = tile::AllocOp::create(
        b, loc,
        tile::SharedVectorType::get(context, plan.stages,
                                    getTileType(vector).getDimSize(0)),
        /*offset=*/nullptr);
  full = tile::BarrierInitOp::create(
      b, loc,
      tile::BarrierType::get(context, plan.stages,
                             body.vectors.empty() ? 1 : 2),
      /*offset=*/nullptr);
  empty = tile::BarrierInitOp::create(
      b, loc, tile::BarrierType::get(context, plan.stages, plan.groups * 4),
      /*offset=*/nullptr);
}

Value TileProgram::getSharedVector(Value vector, Slot slot) {
  return tile::StageOp::create(
      b, loc,
      tile::SharedVectorType::get(b.getContext(), 1,
                                  getTileType(vector).getDimSize(0)),
      vectorRings[vector], slot.stage);
}

Value TileProgram::getLoaded(Value tile, Slot slot) {
  return getStage(b, loc, rings[tile], slot.stage);
}

//===----------------------------------------------------------------------===//
// What lies outside of tensors
//===----------------------------------------------------------------------===//

/// The size of a dimension of a tensor of the function, if it has a name.
static SmallVector<Value> getSizes(Value tensor, unsigned dim) {
  SmallVector<Value> sizes;
  if (auto empty = tensor.getDefiningOp<tensor::EmptyOp>())
    if (cast<RankedTensorType>(tensor.getType()).isDynamicDim(dim))
      sizes.push_back(empty.getDynamicSize(dim));
  for (Operation *user : tensor.getUsers())
    if (auto dimOp = dyn_cast<tensor::DimOp>(user);
        dimOp && dimOp.getConstantIndex() == int64_t(dim))
      sizes.push_back(dimOp);
  return sizes;
}

bool TileProgram::isClipped(const Access &access, unsigned dim,
                            RankedTensorType type) const {
  if (!access.isPadded(dim, type))
    return true;
  unsigned tensorDim = access.dims[dim];
  ArrayRef<OpFoldResult> offset = access.offsets[tensorDim];
  auto tensorType = cast<RankedTensorType>(access.tensor.getType());
  std::optional<int64_t> size = getConstantIntValue(access.sizes[dim]);
  if (size)
    return offset.empty() && *size == tensorType.getDimSize(tensorDim);
  // min(rows of the tile, size of the tensor - offset).
  auto min = cast<Value>(access.sizes[dim]).getDefiningOp<arith::MinUIOp>();
  if (!min || offset.size() != 1)
    return false;
  for (auto [rows, rest] : {std::pair(min.getLhs(), min.getRhs()),
                            std::pair(min.getRhs(), min.getLhs())}) {
    auto sub = rest.getDefiningOp<arith::SubIOp>();
    if (getConstantIntValue(rows) != type.getDimSize(dim) || !sub ||
        sub.getRhs() != dyn_cast<Value>(offset[0]))
      continue;
    if (getConstantIntValue(sub.getLhs()) == tensorType.getDimSize(tensorDim))
      return true;
    for (Value known : getSizes(access.tensor, tensorDim))
      if (asserted.areEqual(known, sub.getLhs()))
        return true;
  }
  return false;
}

LogicalResult TileProgram::acquire(Slot slot) {
  tile::BarrierWaitOp::create(b, loc, full, slot.stage, slot.phase);
  // Tiles that may hold rows of another sequence, or of no part of this one:
  // those with the same number of valid rows are cleared together.
  struct Ending {
    OpFoldResult valid;
    int64_t rows;
    SmallVector<Value> loads;
  };
  SmallVector<Ending> endings;
  for (Value load : body.loads) {
    Access access = *getAccess(load, body.kernel);
    RankedTensorType type = getTileType(load);
    if (!isClipped(access, 1, type))
      return emitError(load.getLoc(),
                       "expects the columns of a tile to end where those of "
                       "the tensor do, in a kernel for a GPU");
    if (isClipped(access, 0, type))
      continue;
    auto *same = llvm::find_if(endings, [&](const Ending &ending) {
      return ending.valid == access.sizes[0] &&
             ending.rows == type.getDimSize(0);
    });
    if (same == endings.end()) {
      endings.push_back({access.sizes[0], type.getDimSize(0), {}});
      same = &endings.back();
    }
    same->loads.push_back(load);
  }
  for (const Ending &ending : endings) {
    FailureOr<Value> valid = frame.getIndex(b, loc, ending.valid);
    if (failed(valid))
      return failure();
    Value ends = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                       *valid, constant(ending.rows));
    auto ifOp = scf::IfOp::create(b, loc, ends, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(ifOp.thenBlock());
    for (auto [index, load] : llvm::enumerate(ending.loads)) {
      Value tile = getLoaded(load, slot);
      OpBuilder::InsertionGuard loadGuard(b);
      // All warpgroups read the tile; one of them clears it.
      if (plan.groups > 1) {
        Value mine =
            arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, group,
                                  constant(index % plan.groups));
        auto mineOp = scf::IfOp::create(b, loc, mine, /*withElseRegion=*/false);
        b.setInsertionPointToStart(mineOp.thenBlock());
      }
      tile::ZeroRowsOp::create(b, loc, tile, *valid);
    }
    tile::FenceOp::create(b, loc);
    syncAll();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Producer
//===----------------------------------------------------------------------===//

FailureOr<TileProgram::ProducerLoop> TileProgram::getProducerLoop() {
  scf::ForOp loop = body.loop;
  FailureOr<Value> lower = frame.getScalar(b, loop.getLowerBound());
  FailureOr<Value> end = frame.getScalar(b, loop.getUpperBound());
  FailureOr<Value> step = frame.getScalar(b, loop.getStep());
  if (failed(lower) || failed(end) || failed(step))
    return failure();
  Value upper = *end;
  if (!early.empty())
    upper = arith::AddIOp::create(b, loc, upper, *step);
  return ProducerLoop{*lower, upper, *step, *end};
}

LogicalResult TileProgram::emitProducer() {
  auto role = tile::RoleOp::create(b, loc, "loads", /*of_warps=*/true,
                                   plan.groups * 4, 1, plan.producerRegisters);
  OpBuilder::InsertionGuard guard(b);
  b.createBlock(&role.getBody(), {}, b.getI32Type(), loc);
  FailureOr<ProducerLoop> range = getProducerLoop();
  if (failed(range))
    return failure();
  auto chunks =
      scf::ForOp::create(b, loc, range->lower, range->upper, range->step,
                         ValueRange{constant(0), constant(1)});
  tile::EndRoleOp::create(b, loc);
  b.setInsertionPointToStart(chunks.getBody());
  scf::ForOp loop = body.loop;
  frame.bind(loop.getInductionVar(), chunks.getInductionVar());
  Slot slot{chunks.getRegionIterArg(0), chunks.getRegionIterArg(1)};
  tile::BarrierWaitOp::create(b, loc, empty, slot.stage, slot.phase);
  SmallVector<std::tuple<Value, SmallVector<Value>, Value>> loads;
  for (Value load : body.loads) {
    Access access = *getAccess(load, body.kernel);
    if (access.padding && !KernelBody::isZero(access.padding))
      return emitError(load.getLoc(), "expects a tile to be padded with zeros, "
                                      "in a kernel for a GPU");
    FailureOr<Value> source = frame.getGlobal(access.tensor, access.dims,
                                              plan.getBlockSize(body, load, 0),
                                              /*isOutput=*/false);
    FailureOr<SmallVector<Value>> coordinates =
        frame.getCoordinates(b, loc, access);
    if (failed(source) || failed(coordinates))
      return failure();
    for (auto [dim, coordinate] :
         llvm::enumerate(MutableArrayRef(*coordinates).take_back(2)))
      if (plan.isSplit(body, load, dim))
        coordinate = arith::AddIOp::create(b, loc, coordinate, blockColumn);
    loads.push_back({*source, *coordinates, getLoaded(load, slot)});
  }
  auto loadGroup = tile::LoadGroupOp::create(b, loc, full, slot.stage);
  Slot next = getNext(b, slot);
  scf::YieldOp::create(b, loc, ValueRange{next.stage, next.phase});
  b.createBlock(&loadGroup.getBody());
  for (auto &[source, coordinates, destination] : loads)
    tile::LoadOp::create(b, loc, source, coordinates, destination);
  return success();
}

//===----------------------------------------------------------------------===//
// Consumer
//===----------------------------------------------------------------------===//

LogicalResult TileProgram::publishStates(ArrayRef<Value> states) {
  Leaves leaves;
  for (auto [arg, value] : llvm::zip_equal(body.states, states))
    leaves[arg] = value;
  for (auto &[tile, element] : buffers)
    if (failed(publish(tile, getStage(b, loc, published[tile], group), current,
                       leaves)))
      return failure();
  return success();
}

LogicalResult TileProgram::issueEarly(Slot slot, Value iteration) {
  scf::ForOp loop = body.loop;
  FailureOr<Value> now = frame.getScalar(b, loop.getInductionVar());
  if (failed(now))
    return failure();
  frame.bind(loop.getInductionVar(), iteration);
  unfinished.clear();
  if (failed(acquire(slot)))
    return failure();
  for (const Contraction *contraction : early)
    if (failed(issue(*contraction, slot, unfinished)))
      return failure();
  frame.bind(loop.getInductionVar(), *now);
  return success();
}

LogicalResult TileProgram::finishEarly(Slot slot, Value iteration, Value buffer,
                                       SmallVectorImpl<Value> &operands) {
  scf::ForOp loop = body.loop;
  FailureOr<Value> now = frame.getScalar(b, loop.getInductionVar());
  if (failed(now))
    return failure();
  frame.bind(loop.getInductionVar(), iteration);
  Leaves leaves;
  for (const Contraction *contraction : early)
    leaves[contraction->getResult()] =
        wait(unfinished[contraction->getResult()]);
  operands.clear();
  for (const Contraction *contraction : ahead) {
    FailureOr<Value> operand =
        map(contraction->lhs, getElementType(body, *contraction),
            contraction->transposeLhs, slot, leaves);
    if (failed(operand))
      return failure();
    operands.push_back(*operand);
  }
  for (Value tile : aheadBuffers)
    if (failed(publish(tile, getStage(b, loc, published[tile], buffer), slot,
                       leaves)))
      return failure();
  frame.bind(loop.getInductionVar(), *now);
  return success();
}

LogicalResult TileProgram::issueAll(Slot slot, Slot nextSlot, Value next) {
  bool isEarlyIssued = early.empty();
  for (unsigned index : order) {
    const Contraction &contraction = body.contractions[index];
    if (llvm::is_contained(early, &contraction))
      continue;
    // Behind what waits for nothing, and in front of what waits: it is finished
    // with the former then, and the rest of it runs beside the latter.
    if (!isEarlyIssued && !needsNoOther(body, contraction)) {
      if (failed(issueEarly(nextSlot, next)))
        return failure();
      isEarlyIssued = true;
    }
    // The state takes many registers beside itself, so what others can be free
    // of before is done.
    if (holdsState(body, contraction) && isTight() && failed(stageReady()))
      return failure();
    if (failed(issue(contraction, slot, pending)))
      return failure();
  }
  return isEarlyIssued ? success() : issueEarly(nextSlot, next);
}

LogicalResult TileProgram::stageOutputs(SmallVectorImpl<Value> &stages) {
  for (const OutputStore &output : body.storesInLoop)
    if (!output.isCopied() && failed(storeElements(output)))
      return failure();
  for (const OutputStore *output : copied) {
    Value first = arith::MulIOp::create(b, loc, turn, constant(plan.groups));
    Value index = arith::AddIOp::create(b, loc, first, group);
    stages.push_back(getStage(b, loc, staging[output->tile], index));
    if (failed(publish(output->tile, stages.back(), current, Leaves(),
                       output->isTransposed())))
      return failure();
  }
  return success();
}

LogicalResult TileProgram::emitIteration(Slot slot, Value next,
                                         SmallVectorImpl<Value> &states,
                                         SmallVectorImpl<Value> &operands) {
  current = slot;
  Slot nextSlot = slot;
  if (!early.empty())
    nextSlot = getNext(b, slot);
  else if (failed(acquire(slot)))
    return failure();
  if (failed(issueAll(slot, nextSlot, next)) ||
      (!early.empty() &&
       failed(finishEarly(nextSlot, next,
                          arith::XOrIOp::create(b, loc, turn, constant(1)),
                          operands))))
    return failure();

  // All is issued: what is left is to wait, and to write what others read.
  auto readsBuffer = [&](const Contraction &contraction) {
    return staged.contains(contraction.lhs) || staged.contains(contraction.rhs);
  };
  auto readsPublished = [&](const Contraction &contraction) {
    return getPlacement(body, contraction, true) == Placement::Published ||
           getPlacement(body, contraction, false) == Placement::Published;
  };
  auto publishNext = [&]() -> LogicalResult {
    for (unsigned index : order)
      if (const Contraction &contraction = body.contractions[index];
          readsPublished(contraction) &&
          failed(getAccumulator(contraction.getResult())))
        return failure();
    states.clear();
    for (BlockArgument state : body.states) {
      FailureOr<Value> value = getAccumulator(body.getNext(state));
      if (failed(value))
        return failure();
      states.push_back(*value);
    }
    if (!buffers.empty())
      sync();
    return publishStates(states);
  };
  SmallVector<Value> stages;
  bool hasBuffers = llvm::any_of(
      published, [](auto &entry) { return entry.second != Value(); });
  auto storeOutputs = [&]() -> LogicalResult {
    if (!buffers.empty() || !stages.empty() || !aheadBuffers.empty())
      tile::FenceOp::create(b, loc);
    // The buffers that the next iteration writes to have been read.
    if (!stages.empty())
      tile::StoreWaitOp::create(b, loc, copied.size() * (plan.outputSlots - 2),
                                /*reads_only=*/true);
    if (hasBuffers || !stages.empty())
      sync();
    for (auto [output, stage] : llvm::zip_equal(copied, stages))
      if (failed(store(*output, stage)))
        return failure();
    return success();
  };
  // Without states to publish, outputs go out while states are updated. Who
  // meets behind them has read what the next iteration overwrites.
  bool storesFirst = buffers.empty();
  if (storesFirst) {
    if (failed(stageOutputs(stages)))
      return failure();
    for (unsigned index : order)
      if (const Contraction &contraction = body.contractions[index];
          readsBuffer(contraction) &&
          failed(getAccumulator(contraction.getResult())))
        return failure();
    if (failed(storeOutputs()))
      return failure();
  }
  if (plan.publishFirst && failed(publishNext()))
    return failure();
  for (unsigned index : order)
    if (const Contraction &contraction = body.contractions[index];
        !llvm::is_contained(early, &contraction) &&
        failed(getAccumulator(contraction.getResult())))
      return failure();
  if (!storesFirst && failed(stageOutputs(stages)))
    return failure();
  scalars.clear();
  for (BlockArgument scalar : body.scalars) {
    FailureOr<Value> value = getCarried(body.getNext(scalar));
    if (failed(value))
      return failure();
    scalars.push_back(*value);
  }
  tile::BarrierArriveOp::create(b, loc, empty, slot.stage);
  if (!plan.publishFirst && failed(publishNext()))
    return failure();
  return storesFirst ? success() : storeOutputs();
}

LogicalResult TileProgram::emitConsumer() {
  auto role = tile::RoleOp::create(b, loc, "compute", /*of_warps=*/false, 0,
                                   plan.groups, plan.consumerRegisters);
  OpBuilder::InsertionGuard guard(b);
  Block *block = b.createBlock(&role.getBody(), {}, b.getI32Type(), loc);
  group = block->getArgument(0);
  groupColumn = arith::MulIOp::create(b, loc, group, constant(plan.splitWidth));
  firstColumn = arith::AddIOp::create(b, loc, blockColumn, groupColumn);
  syncId = arith::AddIOp::create(b, loc, group, constant(1));

  scf::ForOp loop = body.loop;
  FailureOr<Value> lower = frame.getScalar(b, loop.getLowerBound());
  FailureOr<Value> upper = frame.getScalar(b, loop.getUpperBound());
  FailureOr<Value> step = frame.getScalar(b, loop.getStep());
  if (failed(lower) || failed(upper) || failed(step))
    return failure();
  Value zero = constant(0);
  current = {zero, zero};
  SmallVector<Value> states, operands;
  for (scf::ForOp prologue : body.prologues)
    if (failed(emitPrologue(prologue)))
      return failure();
  for (BlockArgument state : body.states) {
    FailureOr<Value> value =
        getInitial(state, loop.getTiedLoopInit(state)->get());
    if (failed(value))
      return failure();
    states.push_back(*value);
  }
  if (failed(publishStates(states)))
    return failure();
  if (!buffers.empty()) {
    tile::FenceOp::create(b, loc);
    sync();
  }
  frame.bind(loop.getInductionVar(), *lower);
  if (!early.empty() && (failed(issueEarly(current, *lower)) ||
                         failed(finishEarly(current, *lower, zero, operands))))
    return failure();
  if (!aheadBuffers.empty())
    tile::FenceOp::create(b, loc);

  for (BlockArgument scalar : body.scalars) {
    FailureOr<Value> value = getCarried(loop.getTiedLoopInit(scalar)->get());
    if (failed(value))
      return failure();
    scalars.push_back(*value);
  }

  SmallVector<Value> inits{zero, zero, zero};
  llvm::append_range(inits, scalars);
  size_t firstState = inits.size();
  llvm::append_range(inits, states);
  llvm::append_range(inits, operands);
  auto chunks = scf::ForOp::create(b, loc, *lower, *upper, *step, inits);
  {
    OpBuilder::InsertionGuard loopGuard(b);
    b.setInsertionPointToStart(chunks.getBody());
    auto args = chunks.getRegionIterArgs();
    Slot slot{args[0], args[1]};
    frame.bind(loop.getInductionVar(), chunks.getInductionVar());
    pending.clear();
    accumulators.clear();
    staged.clear();
    unmet.clear();
    unmet.insert_range(aheadBuffers);
    for (auto [state, value] :
         llvm::zip(body.states, args.drop_front(firstState)))
      accumulators[state] = value;
    for (auto [scalar, value] : llvm::zip(body.scalars, args.drop_front(3)))
      frame.bind(scalar, value);
    for (auto [contraction, value] :
         llvm::zip(ahead, args.drop_front(firstState + states.size())))
      aheadOperands[contraction] = value;
    turn = args[2];
    Value next = arith::AddIOp::create(b, loc, chunks.getInductionVar(), *step);
    if (failed(emitIteration(slot, next, states, operands)))
      return failure();
    Slot nextSlot = getNext(b, slot);
    SmallVector<Value> yielded{
        nextSlot.stage, nextSlot.phase,
        arith::XOrIOp::create(b, loc, turn, constant(1))};
    llvm::append_range(yielded, scalars);
    llvm::append_range(yielded, states);
    llvm::append_range(yielded, operands);
    scf::YieldOp::create(b, loc, yielded);
  }
  current = {zero, zero};
  ValueRange results = chunks.getResults();
  current = {zero, zero};
  pending.clear();
  accumulators.clear();
  for (auto [index, state] : llvm::enumerate(body.states))
    accumulators[loop.getTiedLoopResult(state)] = results[firstState + index];
  for (auto [scalar, value] : llvm::zip(body.scalars, results.drop_front(3)))
    frame.bind(loop.getTiedLoopResult(scalar), value);
  for (const OutputStore &output : body.storesAfterLoop)
    if (failed(storeElements(output)))
      return failure();
  if (!copied.empty())
    tile::StoreWaitOp::create(b, loc, 0, /*reads_only=*/false);
  tile::EndRoleOp::create(b, loc);
  return success();
}

LogicalResult TileProgram::emit() {
  b.setInsertionPoint(kernel.getBody().front().getTerminator());
  blockColumn = arith::MulIOp::create(b, loc, part,
                                      constant(plan.groups * plan.splitWidth));
  allocate();
  if (failed(emitProducer()) ||
      (!body.vectors.empty() && failed(emitVectorRole())))
    return failure();
  return emitConsumer();
}
