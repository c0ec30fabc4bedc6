//===- Passes.h - from the normal form to tile programs ---------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_PLANNER_PASSES_H
#define LINATTN_PLANNER_PASSES_H

#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassOptions.h"

namespace mlir {
class OpPassManager;

namespace linattn {

#define GEN_PASS_DECL
#include "linattn/Planner/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "linattn/Planner/Passes.h.inc"

/// What the planner is told, beside the program.
struct TilePipelineOptions : public PassPipelineOptions<TilePipelineOptions> {
  PassOptions::Option<int64_t> sharedLimit{
      *this, "shared-limit",
      llvm::cl::desc("Bytes of shared memory that a thread block may have"),
      llvm::cl::init(232448)};
  PassOptions::Option<bool> movesRegisters{
      *this, "moves-registers",
      llvm::cl::desc("Whether warpgroups can leave registers to others"),
      llvm::cl::init(true)};
  PassOptions::Option<int64_t> columnBlocks{
      *this, "column-blocks",
      llvm::cl::desc("Thread blocks that share an iteration of a kernel; 0 "
                     "lets the plan choose"),
      llvm::cl::init(0)};
  PassOptions::Option<int64_t> stages{
      *this, "stages",
      llvm::cl::desc("Chunks that are in shared memory at once; 0 lets the "
                     "plan choose"),
      llvm::cl::init(0)};
  PassOptions::Option<int64_t> segments{
      *this, "segments",
      llvm::cl::desc("Segments that sequences are cut into; 1 does not cut "
                     "them, 0 chooses by the device, at run time"),
      llvm::cl::init(1)};
  PassOptions::Option<bool> early{
      *this, "early",
      llvm::cl::desc("Issue contractions of loaded tiles, and compute operands "
                     "from them, one chunk early"),
      llvm::cl::init(false)};
  PassOptions::Option<bool> stateFirst{
      *this, "state-first",
      llvm::cl::desc("Issue the updates of carried states before other "
                     "contractions that wait"),
      llvm::cl::init(false)};
  PassOptions::Option<bool> publishFirst{
      *this, "publish-first",
      llvm::cl::desc("Round carried states into shared memory while other "
                     "contractions of the chunk still run"),
      llvm::cl::init(false)};
  PassOptions::Option<bool> moveFactors{
      *this, "move-factors",
      llvm::cl::desc("Scale the right operand of a contraction instead of the "
                     "left, where that costs less"),
      llvm::cl::init(true)};
  PassOptions::Option<bool> transposeStates{
      *this, "transpose-states",
      llvm::cl::desc("Carry the transposes of states also where shared memory "
                     "and registers are not short"),
      llvm::cl::init(false)};
  PassOptions::Option<bool> recompute{
      *this, "recompute",
      llvm::cl::desc("Compute masks anew for each chunk, to save registers"),
      llvm::cl::init(false)};
  PassOptions::Option<bool> shareOperands{
      *this, "share-operands",
      llvm::cl::desc("Let each warpgroup compute a part of the operands that "
                     "all of them need"),
      llvm::cl::init(false)};
};

/// The normal form, with chunks and head sizes of a multiple of 64, to launches
/// and tile programs: `linattn-normal-form-to-tile-pipeline`.
void buildNormalFormToTilePipeline(OpPassManager &pm,
                                   const TilePipelineOptions &options);

/// Registers the pipeline above by name.
void registerTilePipelines();

} // namespace linattn
} // namespace mlir

#endif // LINATTN_PLANNER_PASSES_H
