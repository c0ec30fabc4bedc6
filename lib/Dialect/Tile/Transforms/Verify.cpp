//===- Verify.cpp - checks whole tile programs ----------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Tile/IR/Tile.h"
#include "linattn/Dialect/Tile/Transforms/Passes.h"
#include "linattn/Dialect/Tile/Utils/Chip.h"
#include "linattn/Dialect/Tile/Utils/Execution.h"
#include "linattn/Dialect/Tile/Utils/ProgramInfo.h"

namespace mlir {
namespace linattn {
namespace tile {
#define GEN_PASS_DEF_TILEVERIFY
#include "linattn/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace tile
} // namespace linattn
} // namespace mlir

using namespace mlir;
using namespace mlir::linattn;
using namespace mlir::linattn::tile;

static constexpr int64_t kBarrierBytes = 8;

/// The bytes of shared memory of a kernel, after checking places and the limit.
static FailureOr<int64_t> checkSharedMemory(KernelOp kernel, const Chip &chip) {
  struct Place {
    int64_t first, end;
    Operation *op;
  };
  SmallVector<Place> data, barriers;
  auto place = [](Operation *op, std::optional<uint64_t> offset, int64_t bytes,
                  int64_t alignment,
                  SmallVectorImpl<Place> &places) -> LogicalResult {
    if (!offset)
      return op->emitOpError() << "expects an offset; run tile-allocate-shared";
    if (*offset % alignment)
      return op->emitOpError() << "expects an offset that is a multiple of "
                               << alignment << ", but got " << *offset;
    int64_t first = *offset;
    places.push_back({first, first + bytes, op});
    return success();
  };
  WalkResult result = kernel.walk([&](Operation *op) -> WalkResult {
    if (auto alloc = dyn_cast<AllocOp>(op)) {
      if (auto tiles = dyn_cast<SharedType>(alloc.getResult().getType()))
        return place(op, alloc.getOffset(), tiles.getBytes(), 1024, data);
      return place(
          op, alloc.getOffset(),
          cast<SharedVectorType>(alloc.getResult().getType()).getBytes(), 128,
          data);
    }
    if (auto init = dyn_cast<BarrierInitOp>(op))
      return place(op, init.getOffset(),
                   init.getResult().getType().getStages() * kBarrierBytes,
                   kBarrierBytes, barriers);
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();

  // Tiles may share a place, if the order of accesses allows it; barriers not.
  int64_t bytes = 0;
  for (const Place &each : data)
    bytes = std::max(bytes, each.end);
  for (auto [i, barrier] : llvm::enumerate(barriers)) {
    bytes = std::max(bytes, barrier.end);
    auto overlaps = [&barrier = barrier](const Place &other) {
      return other.first < barrier.end && barrier.first < other.end;
    };
    for (ArrayRef<Place> others :
         {ArrayRef(data), ArrayRef(barriers).take_front(i)})
      if (const Place *other = llvm::find_if(others, overlaps);
          other != others.end()) {
        InFlightDiagnostic diagnostic =
            barrier.op->emitOpError()
            << "expects a place of its own in shared memory";
        diagnostic.attachNote(other->op->getLoc()) << "this overlaps it";
        return diagnostic;
      }
  }
  if (bytes > chip.sharedBytes)
    return kernel.emitOpError()
           << "expects at most " << chip.sharedBytes
           << " bytes of shared memory, but needs " << bytes
           << ": use fewer stages or smaller tiles";
  return bytes;
}

/// Registers that roles ask for come from those that the block starts with.
static LogicalResult checkRegisters(KernelOp kernel) {
  int64_t warpgroups = kernel.getWarpgroups();
  int64_t atEntry = kRegisters / (warpgroups * kWarpgroupThreads) / 8 * 8;
  SmallVector<int64_t> registers(warpgroups, atEntry);
  for (RoleOp role : kernel.getBody().getOps<RoleOp>())
    for (int64_t warp = 0; warp < role.getNumWarps(); ++warp)
      registers[(role.getFirstWarp() + warp) / 4] = role.getRegisters();
  int64_t sum = 0;
  for (int64_t each : registers)
    sum += each;
  if (warpgroups > 1 && sum > atEntry * warpgroups)
    return kernel.emitOpError()
           << "expects roles with at most " << atEntry * warpgroups
           << " registers in all, " << atEntry
           << " for each warpgroup, but got " << sum;
  return success();
}

/// A contraction that nothing waits for.
static LogicalResult checkWaits(KernelOp kernel) {
  WalkResult result = kernel.walk([](ContractOp op) -> WalkResult {
    if (op.getResult().use_empty())
      return op.emitOpError() << "expects a tile.wait for its result";
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

namespace {
struct Verify : linattn::tile::impl::TileVerifyBase<Verify> {
  using Base::Base;

  void runOnOperation() override {
    std::optional<Chip> described = Chip::get(chip);
    if (!described) {
      getOperation()->emitError()
          << "expects the chip sm_90a, or sm_80 or later, but got " << chip;
      return signalPassFailure();
    }
    WalkResult result = getOperation()->walk([&](KernelOp kernel) {
      return failed(verify(kernel, *described)) ? WalkResult::interrupt()
                                                : WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
    markAllAnalysesPreserved();
  }

private:
  static LogicalResult verify(KernelOp kernel, const Chip &chip) {
    if (failed(ProgramInfo::get(kernel)) || failed(checkWaits(kernel)))
      return failure();
    if (chip.isHopper && failed(checkRegisters(kernel)))
      return failure();
    FailureOr<int64_t> sharedBytes = checkSharedMemory(kernel, chip);
    if (failed(sharedBytes))
      return failure();
    // A run may move operands of ops that it evaluates.
    OwningOpRef<KernelOp> copy = kernel.clone();
    ExecutionOptions options;
    options.sharedBytes = *sharedBytes;
    // No chunk beyond the first, exactly one, and more than rings have stages.
    for (int64_t size : {1, 64, 449})
      for (bool lastFirst : {false, true})
        for (bool takeUnknown : {true, false}) {
          options.size = size;
          options.block = lastFirst && size > 1 ? 1 : 0;
          options.lastFirst = lastFirst;
          options.takeUnknown = takeUnknown;
          if (failed(executeKernel(*copy, options)))
            return failure();
        }
    // Where there are several numbers, loops may end with one of them and not
    // run far if all are the same.
    SmallVector<unsigned> numbers;
    for (BlockArgument arg : kernel.getBody().getArguments())
      if (arg.getType().isInteger(32))
        numbers.push_back(arg.getArgNumber());
    if (numbers.size() < 2)
      return success();
    // Two segments of six chunks, the last of which has one row.
    options.size = 705;
    options.block = 1;
    options.takeUnknown = true;
    for (unsigned number : numbers)
      for (bool lastFirst : {false, true}) {
        options.only = number;
        options.lastFirst = lastFirst;
        if (failed(executeKernel(*copy, options)))
          return failure();
      }
    return success();
  }
};
} // namespace
