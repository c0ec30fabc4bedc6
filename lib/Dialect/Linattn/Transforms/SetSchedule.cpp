//===- SetSchedule.cpp - choose how each op is cut into chunks ------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Linattn/IR/Linattn.h"
#include "linattn/Dialect/Linattn/Transforms/Passes.h"

#include "mlir/IR/Remarks.h"
#include <numeric>

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNSETSCHEDULE
#include "linattn/Dialect/Linattn/Transforms/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;
using namespace mlir::linattn;

/// Tokens per chunk and per row block of a chunk.
///
/// The work per token is 2 C (Dk + Dv) inside a chunk, of which the row blocks
/// skip almost half, and 4 Dk Dv between chunks: a smaller chunk does less
/// work, a larger one keeps the contractions efficient. Measured on the host,
/// 32 is as fast as 64 for heads of 64 channels and a fifth faster for heads of
/// 128, with half the row blocks to compile. A decay per channel also bounds
/// the chunk: its fast path needs the log-decay of a chunk to stay within the
/// range of f32, and gates of about -1 per token are common.
static constexpr int64_t kChunk = 32;
static constexpr int64_t kSubChunk = 16;

/// The sub-chunk of a chunk that the user chose: ours if it divides the chunk
/// into few enough row blocks, and else the smallest that does.
static int64_t chooseSubChunk(int64_t chunk) {
  if (chunk < 1 || chunk > ScheduleAttr::kMaxChunk)
    return kSubChunk; // The verifier refuses the chunk.
  int64_t rows = std::gcd(kSubChunk, chunk);
  while (chunk / rows > ScheduleAttr::kMaxRowBlocks || chunk % rows != 0)
    ++rows;
  return rows;
}

namespace {
struct SetSchedule : linattn::impl::LinattnSetScheduleBase<SetSchedule> {
  using Base::Base;

  void runOnOperation() override {
    WalkResult result = getOperation()->walk([&](Operation *op) {
      if (auto attention = dyn_cast<AttentionOp>(op))
        return setSchedule(attention);
      if (auto state = dyn_cast<StateOp>(op))
        return setSchedule(state);
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

private:
  template <typename OpTy>
  WalkResult setSchedule(OpTy op) {
    if (op.getSchedule())
      return WalkResult::advance();
    int64_t tokens = chunk == 0 ? kChunk : int64_t(chunk);
    int64_t rows = subChunk == 0 ? chooseSubChunk(tokens) : int64_t(subChunk);
    auto schedule = ScheduleAttr::getChecked(
        [&] { return op.emitOpError() << "cannot be given a schedule: "; },
        &getContext(), tokens, rows, int64_t(headAlign));
    if (!schedule)
      return WalkResult::interrupt();
    op.setScheduleAttr(schedule);
    remark::passed(op.getLoc(), remark::RemarkOpts::name("Schedule")
                                    .category(getArgument())
                                    .function(op->getName().getStringRef()))
        << remark::metric("chunk", tokens) << remark::metric("sub_chunk", rows)
        << remark::metric("head_align", int64_t(headAlign));
    return WalkResult::advance();
  }
};
} // namespace
