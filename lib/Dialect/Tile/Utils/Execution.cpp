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

#include "Run.h"

using namespace mlir;
using namespace mlir::linattn;
using namespace mlir::linattn::tile;

/// Ops that a run executes at most. Long loops repeat what short ones show.
static constexpr int64_t kMaxSteps = 400000;

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
      bool isOther = options.only && arg.getArgNumber() != *options.only;
      if (auto type = dyn_cast<IntegerType>(arg.getType()))
        warp.values[arg].integer =
            IntegerAttr::get(type, isOther ? 2 : options.size);
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
         << "waits forever: no warp can go on, with integer arguments of "
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

LogicalResult
mlir::linattn::tile::executeKernel(KernelOp kernel,
                                   const ExecutionOptions &options) {
  return Execution(kernel, options).run();
}
