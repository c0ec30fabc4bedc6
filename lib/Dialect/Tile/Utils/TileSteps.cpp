//===- TileSteps.cpp - what tile ops do in a run --------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Run.h"

using namespace mlir;
using namespace mlir::linattn;
using namespace mlir::linattn::tile;

/// The rows of 128 bytes that rows of a tile, or a vector, take.
static SharedRange getRange(Type type, int64_t address, int64_t firstRow,
                            int64_t numRows) {
  SharedRange range;
  range.first = address / 128;
  if (auto vector = dyn_cast<SharedVectorType>(type)) {
    range.rows = vector.getVectorBytes() / 128;
    return range;
  }
  auto tile = cast<SharedType>(type);
  range.first += firstRow;
  range.rows = numRows < 0 ? tile.getRows() - firstRow : numRows;
  range.panels = tile.getColumns() / kPanelColumns;
  range.panelRows = tile.getRows();
  return range;
}

Step Execution::access(Warp &warp, Operation *op, AgentKind kind, Value tile,
                       bool writes, int64_t firstRow, int64_t numRows) {
  int64_t address = lookup(warp, tile).number;
  if (address < 0) {
    op->emitOpError() << "expects a tile whose number follows from the "
                         "arguments of the kernel";
    return Step::Failed;
  }
  SharedRange range = getRange(tile.getType(), address, firstRow, numRows);
  return toStep(writes ? ordering.write(op, kind, warp.number, range)
                       : ordering.read(op, kind, warp.number, range));
}

Step Execution::accessOwnRows(Warp &warp, Operation *op, Value tile,
                              bool writes) {
  int64_t rows = cast<SharedType>(tile.getType()).getRows();
  for (int64_t row = 16 * (warp.number % 4); row < rows; row += 64)
    if (access(warp, op, AgentKind::Warp, tile, writes, row, 16) ==
        Step::Failed)
      return Step::Failed;
  return Step::Done;
}

Step Execution::writeOwnColumns(Warp &warp, StoreSharedOp op) {
  // The rows of a warp are 16 columns, 32 bytes, of every panel.
  SharedType type = op.getDestination().getType();
  int64_t address = lookup(warp, op.getDestination()).number;
  if (address < 0)
    return access(warp, op, AgentKind::Warp, op.getDestination(), true);
  SharedRange range = getRange(type, address, 0, -1);
  range.quarter = warp.number % 4;
  return toStep(ordering.write(op, AgentKind::Warp, warp.number, range));
}

Step Execution::writeElement(Warp &warp, StoreElementOp op) {
  int64_t address = lookup(warp, op.getDestination()).number;
  if (address < 0)
    return access(warp, op, AgentKind::Warp, op.getDestination(), true);
  return toStep(ordering.writeSome(
      op, warp.number,
      getRange(op.getDestination().getType(), address, 0, -1)));
}

Step Execution::writeSomeColumns(Warp &warp, StoreSharedOp op) {
  SharedType type = op.getDestination().getType();
  int64_t address = lookup(warp, op.getDestination()).number;
  std::optional<int64_t> first = getInteger(warp, op.getFirst());
  int64_t columns = op.getValue().getType().getColumns();
  if (!first || *first < 0 || *first % columns != 0 ||
      *first + columns > type.getColumns()) {
    InFlightDiagnostic diagnostic =
        op->emitOpError() << "expects columns from a multiple of " << columns
                          << " below " << type.getColumns();
    if (first)
      diagnostic << ", but got " << *first;
    else
      diagnostic << " that follows from the arguments of the kernel";
    return Step::Failed;
  }
  if (address < 0)
    return access(warp, op, AgentKind::Warp, op.getDestination(), true);
  // The first byte of the panel, and 32 bytes of its rows at a time.
  address += *first / kPanelColumns * type.getRows() * 128;
  for (int64_t row = 16 * (warp.number % 4); row < type.getRows(); row += 64)
    for (int64_t column = *first % kPanelColumns, end = column + columns;
         column < end; column += 16) {
      SharedRange range = getRange(type, address, row, 16);
      range.panels = 1;
      range.quarter = column / 16;
      if (failed(ordering.write(op, AgentKind::Warp, warp.number, range)))
        return Step::Failed;
    }
  return Step::Done;
}

Step Execution::executeTileOp(Warp &warp, Operation *op) {
  if (auto id = dyn_cast<BlockIdOp>(op)) {
    warp.values[id].integer = IntegerAttr::get(id.getType(), options.block);
    return Step::Done;
  }
  if (auto alloc = dyn_cast<AllocOp>(op)) {
    warp.values[alloc.getResult()].number = *alloc.getOffset();
    return Step::Done;
  }
  if (auto stage = dyn_cast<StageOp>(op)) {
    std::optional<int64_t> index = getInteger(warp, stage.getIndex());
    Type ring = stage.getRing().getType();
    auto vectors = dyn_cast<SharedVectorType>(ring);
    int64_t stages =
        vectors ? vectors.getStages() : cast<SharedType>(ring).getStages();
    int64_t bytes = vectors ? vectors.getVectorBytes()
                            : cast<SharedType>(ring).getTileBytes();
    if (index && (*index < 0 || *index >= stages)) {
      op->emitOpError() << "expects a stage below " << stages << ", but got "
                        << *index;
      return Step::Failed;
    }
    int64_t base = lookup(warp, stage.getRing()).number;
    warp.values[stage.getResult()].number =
        index && base >= 0 ? base + *index * bytes : -1;
    return Step::Done;
  }
  if (auto panel = dyn_cast<PanelOp>(op)) {
    std::optional<int64_t> column = getInteger(warp, panel.getColumn());
    int64_t base = lookup(warp, panel.getSource()).number;
    warp.values[panel.getResult()].number =
        column && base >= 0
            ? base + *column * panel.getSource().getType().getRows() * 2
            : -1;
    return Step::Done;
  }
  if (isa<BarrierInitOp, BarrierWaitOp, BarrierArriveOp, SyncOp>(op))
    return executeBarrierOp(warp, op);
  if (isa<FenceOp>(op)) {
    ordering.fence(warp.number);
    return Step::Done;
  }
  if (auto group = dyn_cast<LoadGroupOp>(op))
    return loadGroup(warp, group);
  if (auto copy = dyn_cast<StoreOp>(op))
    return store(warp, copy);
  if (auto wait = dyn_cast<StoreWaitOp>(op)) {
    uint32_t issued = ordering.getIssued(AgentKind::Stores, warp.number);
    if (isElected(warp) && issued > wait.getUnfinished())
      ordering.complete(AgentKind::Stores, warp.number,
                        issued - wait.getUnfinished());
    return Step::Done;
  }
  if (auto zero = dyn_cast<ZeroRowsOp>(op))
    return zeroRows(warp, zero);
  if (auto contract = dyn_cast<ContractOp>(op)) {
    uint32_t number = ordering.issue(AgentKind::Contractions, warp.number);
    warp.values[contract.getResult()].number = number;
    if (isa<SharedType>(contract.getLhs().getType()) &&
        access(warp, op, AgentKind::Contractions, contract.getLhs(), false) ==
            Step::Failed)
      return Step::Failed;
    if (!contract.getFirst())
      return access(warp, op, AgentKind::Contractions, contract.getRhs(),
                    false);
    // Columns of the product are rows of the tile.
    std::optional<int64_t> first = getInteger(warp, contract.getFirst());
    int64_t rows = contract.getRhs().getType().getRows();
    int64_t columns = contract.getResult().getType().getColumns();
    if (!first || *first < 0 || *first % 8 != 0 || *first + columns > rows) {
      op->emitOpError() << "expects columns from a multiple of 8 up to "
                        << rows - columns
                        << " that follows from the arguments of the kernel";
      return Step::Failed;
    }
    return access(warp, op, AgentKind::Contractions, contract.getRhs(), false,
                  *first, columns);
  }
  if (auto wait = dyn_cast<WaitOp>(op)) {
    for (Value pending : wait.getPending())
      ordering.complete(AgentKind::Contractions, warp.number,
                        std::max<int64_t>(lookup(warp, pending).number, 0));
    return Step::Done;
  }
  if (auto read = dyn_cast<LoadOperandOp>(op)) {
    if (read.getTransposed())
      return access(warp, op, AgentKind::Warp, read.getSource(), false);
    return accessOwnRows(warp, op, read.getSource(), false);
  }
  if (auto write = dyn_cast<StoreSharedOp>(op)) {
    if (write.getTransposed())
      return writeOwnColumns(warp, write);
    if (write.getFirst())
      return writeSomeColumns(warp, write);
    return accessOwnRows(warp, op, write.getDestination(), true);
  }
  if (auto write = dyn_cast<VectorStoreOp>(op))
    return access(warp, op, AgentKind::Warp, write.getDestination(), true);
  if (auto write = dyn_cast<StoreElementOp>(op))
    return writeElement(warp, write);
  if (auto read = dyn_cast<ElementOp>(op))
    return access(warp, op, AgentKind::Warp, read.getSource(), false);
  if (isa<MapOp, VectorMapOp>(op))
    return readElements(warp, op);
  return Step::Done;
}

FailureOr<int64_t> Execution::getBarrier(Warp &warp, Operation *op, Value ring,
                                         Value index) {
  std::optional<int64_t> number = getInteger(warp, index);
  int64_t stages = cast<BarrierType>(ring.getType()).getStages();
  int64_t first = lookup(warp, ring).number;
  if (number && *number >= 0 && *number < stages && first >= 0)
    return first + *number;
  InFlightDiagnostic diagnostic = op->emitOpError()
                                  << "expects a barrier below " << stages;
  if (number)
    diagnostic << ", but got " << *number;
  else
    diagnostic << " that follows from the arguments of the kernel";
  return diagnostic;
}

Step Execution::executeBarrierOp(Warp &warp, Operation *op) {
  if (auto init = dyn_cast<BarrierInitOp>(op)) {
    warp.values[init.getResult()].number = meetings.getRing(init);
    // All threads of the block meet.
    warp.meeting =
        meetings.meet(Meetings::kWholeBlock, warps.size(), warp.number);
    return Step::Done;
  }
  if (auto sync = dyn_cast<SyncOp>(op)) {
    std::optional<int64_t> id = getInteger(warp, sync.getId());
    if (!id || *id < 1 || *id > 15) {
      op->emitOpError() << "expects an id from 1 to 15 that follows from the "
                           "arguments of the kernel";
      return Step::Failed;
    }
    warp.meeting = meetings.meet(*id, sync.getWarpgroups() * 4, warp.number);
    if (!warp.meeting) {
      op->emitOpError() << "expects as many warpgroups as the others that meet "
                           "with id "
                        << *id << " expect, but got " << sync.getWarpgroups();
      return Step::Failed;
    }
    return Step::Done;
  }
  FailureOr<int64_t> barrier =
      getBarrier(warp, op, op->getOperand(0), op->getOperand(1));
  if (failed(barrier))
    return Step::Failed;
  if (auto wait = dyn_cast<BarrierWaitOp>(op)) {
    std::optional<int64_t> phase = getInteger(warp, wait.getPhase());
    if (!phase || (*phase != 0 && *phase != 1)) {
      op->emitOpError() << "expects a phase of 0 or 1 that follows from the "
                           "arguments of the kernel";
      return Step::Failed;
    }
    FailureOr<bool> passes = meetings.wait(op, *barrier, *phase, warp.number);
    if (failed(passes))
      return Step::Failed;
    return *passes ? Step::Done : Step::Waits;
  }
  return toStep(meetings.arrive(op, *barrier, warp.number,
                                ordering.release(warp.number)));
}

Step Execution::loadGroup(Warp &warp, LoadGroupOp op) {
  if (!isElected(warp))
    return Step::Done;
  uint32_t number = ordering.issue(AgentKind::Loads, warp.number);
  for (Operation &nested : op.getBody().front()) {
    if (auto load = dyn_cast<LoadOp>(nested)) {
      if (access(warp, load, AgentKind::Loads, load.getDestination(), true) ==
          Step::Failed)
        return Step::Failed;
    } else if (execute(warp, &nested) == Step::Failed) {
      return Step::Failed;
    }
  }
  FailureOr<int64_t> barrier =
      getBarrier(warp, op, op.getBarrier(), op.getIndex());
  if (failed(barrier))
    return Step::Failed;
  Ordering::Knowledge knowledge = ordering.release(warp.number);
  ordering.addLoads(knowledge, warp.number, number);
  return toStep(meetings.arrive(op, *barrier, warp.number, knowledge));
}

Step Execution::store(Warp &warp, StoreOp op) {
  // All warps of the crew read the tile where they copy it themselves, and the
  // elected one reads it later where a bulk copy does.
  if (access(warp, op, AgentKind::Warp, op.getSource(), false) == Step::Failed)
    return Step::Failed;
  if (!isElected(warp))
    return Step::Done;
  ordering.issue(AgentKind::Stores, warp.number);
  return access(warp, op, AgentKind::Stores, op.getSource(), false);
}

Step Execution::zeroRows(Warp &warp, ZeroRowsOp op) {
  auto [firstWarp, numWarps] = getCrew(warp);
  SharedType type = op.getTile().getType();
  int64_t first = getInteger(warp, op.getFirst()).value_or(0);
  // Rows go round the warps, as many at a time as a warp has threads for.
  int64_t atOnce = std::max<int64_t>(1, 32 * 8 / type.getColumns());
  for (int64_t row = std::max<int64_t>(first, 0), i = 0; row < type.getRows();
       ++row, ++i)
    if (i / atOnce % numWarps == warp.number - firstWarp &&
        access(warp, op, AgentKind::Warp, op.getTile(), true, row, 1) ==
            Step::Failed)
      return Step::Failed;
  return Step::Done;
}

Step Execution::readElements(Warp &warp, Operation *map) {
  WalkResult result = map->walk([&](Operation *op) {
    if (isa<StageOp, ElementOp>(op) && executeTileOp(warp, op) == Step::Failed)
      return WalkResult::interrupt();
    if (op != map && !isa<TileDialect>(op->getDialect()) &&
        op->getNumRegions() == 0)
      evaluate(warp, op);
    return WalkResult::advance();
  });
  return result.wasInterrupted() ? Step::Failed : Step::Done;
}
