//===- Execution.cpp - runs of tile programs, without data ----------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A warp runs until it has to wait; then the next one does. Integers that are
// computed from arguments are known, so loops and branches go as on a GPU.
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Tile/Utils/Execution.h"

#include "Meetings.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::linattn;
using namespace mlir::linattn::tile;

/// Ops that a run executes at most. Long loops repeat what short ones show.
static constexpr int64_t kMaxSteps = 400000;

namespace {
/// What is known about a value.
struct Known {
  /// An integer, or the index of an element that a pointer points to.
  IntegerAttr integer;
  /// The address of shared memory, the first barrier of a ring, or the number
  /// of a contraction.
  int64_t number = -1;
};

/// A block that a warp executes.
struct Frame {
  explicit Frame(Block *block) : block(block), next(block->begin()) {}

  Block *block;
  Block::iterator next;
  /// Of the body of a loop.
  scf::ForOp loop;
  APInt counter, end, step;
};

struct Warp {
  unsigned number;
  RoleOp role;
  SmallVector<Frame> frames;
  llvm::DenseMap<Value, Known> values;
  /// Where it waits for others; the op is not executed again.
  std::optional<unsigned> meeting;
};

enum class Step { Done, Waits, Failed };

class Execution {
public:
  Execution(KernelOp kernel, const ExecutionOptions &options)
      : kernel(kernel), options(options),
        ordering(kernel.getWarpgroups() * 4, options.sharedBytes),
        meetings(ordering, kernel.getWarpgroups() * 4) {}

  LogicalResult run();

private:
  Step advance(Warp &warp);
  Step execute(Warp &warp, Operation *op);
  Step executeTileOp(Warp &warp, Operation *op);
  Step executeBarrierOp(Warp &warp, Operation *op);
  FailureOr<int64_t> getBarrier(Warp &warp, Operation *op, Value ring,
                                Value index);
  Step enterLoop(Warp &warp, scf::ForOp loop);
  Step enterBranch(Warp &warp, scf::IfOp branch);
  void finishBlock(Warp &warp, Operation *terminator);
  void evaluate(Warp &warp, Operation *op);
  void load(Warp &warp, LLVM::LoadOp op);
  Step loadGroup(Warp &warp, LoadGroupOp op);
  Step store(Warp &warp, StoreOp op);
  Step zeroRows(Warp &warp, ZeroRowsOp op);
  Step readElements(Warp &warp, Operation *map);
  Step access(Warp &warp, Operation *op, AgentKind kind, Value tile,
              bool writes, int64_t firstRow = 0, int64_t numRows = -1);
  Step accessOwnRows(Warp &warp, Operation *op, Value tile, bool writes);
  Step writeOwnColumns(Warp &warp, StoreSharedOp op);
  Step writeElement(Warp &warp, StoreElementOp op);
  LogicalResult checkEnd(Warp &warp);
  LogicalResult reportStandstill();

  /// The first warp of the crew that a warp works in, and how many they are.
  std::pair<unsigned, unsigned> getCrew(const Warp &warp) const {
    RoleOp role = warp.role;
    if (role && role.getOfWarps())
      return {role.getFirst(), role.getCount()};
    return {warp.number / 4 * 4, 4};
  }
  bool isElected(const Warp &warp) const {
    return getCrew(warp).first == warp.number;
  }
  Known lookup(Warp &warp, Value value) { return warp.values.lookup(value); }
  std::optional<int64_t> getInteger(Warp &warp, Value value) {
    IntegerAttr integer = lookup(warp, value).integer;
    if (!integer)
      return std::nullopt;
    return integer.getValue().getSExtValue();
  }
  static Step toStep(LogicalResult result) {
    return failed(result) ? Step::Failed : Step::Done;
  }

  KernelOp kernel;
  ExecutionOptions options;
  Ordering ordering;
  Meetings meetings;
  std::vector<Warp> warps;
  int64_t steps = 0;
};
} // namespace

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

LogicalResult Execution::run() {
  for (unsigned number = 0; number < kernel.getWarpgroups() * 4; ++number) {
    Warp warp;
    warp.number = number;
    Block &body = kernel.getBody().front();
    warp.frames.emplace_back(&body);
    for (BlockArgument arg : body.getArguments()) {
      if (auto type = dyn_cast<IntegerType>(arg.getType()))
        warp.values[arg].integer = IntegerAttr::get(type, options.size);
      else if (isa<LLVM::LLVMPointerType>(arg.getType()))
        warp.values[arg].integer =
            IntegerAttr::get(IntegerType::get(arg.getContext(), 64), 0);
    }
    warps.push_back(std::move(warp));
  }
  bool moves = true;
  while (moves) {
    moves = false;
    for (size_t i = 0; i < warps.size(); ++i) {
      Warp &warp = warps[options.lastFirst ? warps.size() - 1 - i : i];
      while (!warp.frames.empty()) {
        Step step = advance(warp);
        if (step == Step::Failed)
          return failure();
        if (step == Step::Waits)
          break;
        moves = true;
        if (++steps > kMaxSteps)
          return success();
      }
    }
  }
  for (Warp &warp : warps)
    if (!warp.frames.empty())
      return reportStandstill();
  for (Warp &warp : warps)
    if (failed(checkEnd(warp)))
      return failure();
  return meetings.checkEnd();
}

LogicalResult Execution::reportStandstill() {
  Operation *first = nullptr;
  std::string others;
  for (Warp &warp : warps) {
    if (warp.frames.empty())
      continue;
    if (!first)
      first = &*warp.frames.back().next;
    others += (others.empty() ? "" : ", ") + std::to_string(warp.number);
  }
  return first->emitOpError()
         << "waits forever: no warp can go on, with all integer arguments "
         << options.size << "; warps " << others << " wait";
}

LogicalResult Execution::checkEnd(Warp &warp) {
  auto check = [&](AgentKind kind, StringRef what,
                   StringRef wait) -> LogicalResult {
    if (ordering.isComplete(kind, warp.number))
      return success();
    return kernel.emitOpError()
           << "expects no " << what << " in flight at the end, but warp "
           << warp.number << " has not waited for all of its own: expects a "
           << wait;
  };
  if (failed(check(AgentKind::Contractions, "contraction", "tile.wait")))
    return failure();
  return check(AgentKind::Stores, "store", "tile.store_wait 0");
}

Step Execution::advance(Warp &warp) {
  Frame &frame = warp.frames.back();
  if (warp.meeting) {
    if (!meetings.isOver(*warp.meeting, warp.number))
      return Step::Waits;
    warp.meeting.reset();
    ++frame.next;
    return Step::Done;
  }
  Operation *op = &*frame.next;
  if (op->hasTrait<OpTrait::IsTerminator>()) {
    finishBlock(warp, op);
    return Step::Done;
  }
  size_t depth = warp.frames.size() - 1;
  Step step = execute(warp, op);
  if (step == Step::Done && !warp.meeting)
    ++warp.frames[depth].next;
  return step;
}

Step Execution::execute(Warp &warp, Operation *op) {
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return enterLoop(warp, loop);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return enterBranch(warp, branch);
  if (auto role = dyn_cast<RoleOp>(op)) {
    int64_t member = int64_t(warp.number) - role.getFirstWarp();
    if (member < 0 || member >= role.getNumWarps())
      return Step::Done;
    warp.role = role;
    Block &body = role.getBody().front();
    Known &number = warp.values[body.getArgument(0)];
    number.integer = IntegerAttr::get(body.getArgument(0).getType(),
                                      role.getOfWarps() ? member : member / 4);
    warp.frames.emplace_back(&body);
    return Step::Done;
  }
  if (isa<TileDialect>(op->getDialect()))
    return executeTileOp(warp, op);
  if (auto read = dyn_cast<LLVM::LoadOp>(op)) {
    load(warp, read);
    return Step::Done;
  }
  if (op->getNumRegions()) {
    op->emitOpError()
        << "cannot be followed in a tile program: expects scf.for "
           "or scf.if";
    return Step::Failed;
  }
  evaluate(warp, op);
  return Step::Done;
}

static bool hasTileOps(Operation *root) {
  return root
      ->walk([](Operation *op) {
        return isa<TileDialect>(op->getDialect()) ? WalkResult::interrupt()
                                                  : WalkResult::advance();
      })
      .wasInterrupted();
}

Step Execution::enterLoop(Warp &warp, scf::ForOp loop) {
  IntegerAttr bounds[3];
  Value values[] = {loop.getLowerBound(), loop.getUpperBound(), loop.getStep()};
  for (auto [bound, value] : llvm::zip(bounds, values)) {
    bound = lookup(warp, value).integer;
    if (!bound) {
      // Of a loop without ops of tiles there is nothing to follow.
      if (!hasTileOps(loop)) {
        for (Value result : loop.getResults())
          warp.values[result] = Known();
        return Step::Done;
      }
      loop.emitOpError() << "expects bounds that follow from the arguments of "
                            "the kernel and integers in global memory";
      return Step::Failed;
    }
  }
  APInt counter = bounds[0].getValue(), end = bounds[1].getValue();
  ValueRange inits = loop.getInitArgs();
  bool runs = counter.slt(end);
  for (auto [i, init] : llvm::enumerate(inits))
    warp.values[runs ? Value(loop.getRegionIterArg(i))
                     : Value(loop.getResult(i))] = lookup(warp, init);
  if (!runs)
    return Step::Done;
  warp.values[loop.getInductionVar()].integer = bounds[0];
  Frame &frame = warp.frames.emplace_back(loop.getBody());
  frame.loop = loop;
  frame.counter = counter;
  frame.end = end;
  frame.step = bounds[2].getValue();
  return Step::Done;
}

Step Execution::enterBranch(Warp &warp, scf::IfOp branch) {
  IntegerAttr condition = lookup(warp, branch.getCondition()).integer;
  bool taken = condition ? !condition.getValue().isZero() : options.takeUnknown;
  Block *block = taken ? branch.thenBlock() : branch.elseBlock();
  if (block)
    warp.frames.emplace_back(block);
  return Step::Done;
}

void Execution::finishBlock(Warp &warp, Operation *terminator) {
  Frame frame = warp.frames.back();
  SmallVector<Known> yielded;
  for (Value operand : terminator->getOperands())
    yielded.push_back(lookup(warp, operand));
  if (frame.loop) {
    frame.counter += frame.step;
    bool again = frame.counter.slt(frame.end);
    for (auto [i, value] : llvm::enumerate(yielded))
      warp.values[again ? Value(frame.loop.getRegionIterArg(i))
                        : Value(frame.loop.getResult(i))] = value;
    if (again) {
      Value counter = frame.loop.getInductionVar();
      warp.values[counter].integer =
          IntegerAttr::get(counter.getType(), frame.counter);
      frame.next = frame.block->begin();
      warp.frames.back() = frame;
      return;
    }
  } else if (isa<scf::YieldOp>(terminator)) {
    for (auto [result, value] :
         llvm::zip(terminator->getParentOp()->getResults(), yielded))
      warp.values[result] = value;
  }
  warp.frames.pop_back();
  if (isa<EndRoleOp>(terminator))
    warp.role = {};
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

void Execution::evaluate(Warp &warp, Operation *op) {
  if (auto pointer = dyn_cast<LLVM::GEPOp>(op)) {
    // How far it points, counted in elements.
    std::optional<int64_t> index = getInteger(warp, pointer.getBase());
    for (auto each : pointer.getIndices()) {
      std::optional<int64_t> more;
      if (auto constant = dyn_cast<IntegerAttr>(each))
        more = constant.getValue().getSExtValue();
      else
        more = getInteger(warp, cast<Value>(each));
      index = index && more ? std::optional(*index + *more) : std::nullopt;
    }
    if (index)
      warp.values[pointer].integer =
          IntegerAttr::get(IntegerType::get(op->getContext(), 64), *index);
    else
      warp.values.erase(pointer);
    return;
  }
  for (Value result : op->getResults())
    warp.values.erase(result);
  if (op->getNumResults() == 0 || !isMemoryEffectFree(op))
    return;
  SmallVector<Attribute> operands;
  for (Value operand : op->getOperands())
    operands.push_back(lookup(warp, operand).integer);
  // A fold that only moves operands gives no results; the next one does.
  for (int attempt = 0; attempt < 2; ++attempt) {
    SmallVector<OpFoldResult> results;
    if (failed(op->fold(operands, results)))
      return;
    if (results.size() != op->getNumResults()) {
      operands.clear();
      for (Value operand : op->getOperands())
        operands.push_back(lookup(warp, operand).integer);
      continue;
    }
    for (auto [result, folded] : llvm::zip(op->getResults(), results)) {
      if (auto value = dyn_cast<Value>(folded))
        warp.values[result] = lookup(warp, value);
      else if (auto integer = dyn_cast<IntegerAttr>(cast<Attribute>(folded)))
        warp.values[result].integer = integer;
    }
    return;
  }
}

void Execution::load(Warp &warp, LLVM::LoadOp op) {
  warp.values.erase(op);
  auto type = dyn_cast<IntegerType>(op.getType());
  std::optional<int64_t> index = getInteger(warp, op.getAddr());
  if (type && index)
    warp.values[op].integer = IntegerAttr::get(
        type, APInt(type.getWidth(), *index * options.size, /*isSigned=*/true,
                    /*implicitTrunc=*/true));
}

//===----------------------------------------------------------------------===//
// Tile ops
//===----------------------------------------------------------------------===//

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
    return access(warp, op, AgentKind::Contractions, contract.getRhs(), false);
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

LogicalResult
mlir::linattn::tile::executeKernel(KernelOp kernel,
                                   const ExecutionOptions &options) {
  return Execution(kernel, options).run();
}
