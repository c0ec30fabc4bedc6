//===- Pipelines.h - passes in the order of the ladder ----------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_PIPELINES_PIPELINES_H
#define LINATTN_PIPELINES_PIPELINES_H

#include "mlir/Pass/PassOptions.h"

namespace mlir {
class OpPassManager;

namespace linattn {

/// Options of the pipelines that lower named ops.
struct NormalFormPipelineOptions
    : public PassPipelineOptions<NormalFormPipelineOptions> {
  PassOptions::Option<int64_t> chunk{
      *this, "chunk",
      llvm::cl::desc("Tokens per chunk; 0 lets the compiler choose"),
      llvm::cl::init(0)};
  PassOptions::Option<int64_t> subChunk{
      *this, "sub-chunk",
      llvm::cl::desc("Tokens per row block inside a chunk; 0 lets the compiler "
                     "choose"),
      llvm::cl::init(0)};
  PassOptions::Option<int64_t> headAlign{
      *this, "head-align",
      llvm::cl::desc("Head sizes are padded, inside a tile, to a multiple of "
                     "this"),
      llvm::cl::init(16)};
  PassOptions::Option<bool> coarseSpans{
      *this, "coarse-spans",
      llvm::cl::desc("Where queries and keys have 16 bits, take the decay "
                     "between two tokens as a difference of running sums"),
      llvm::cl::init(false)};
  PassOptions::Option<bool> recurrence{
      *this, "recurrence",
      llvm::cl::desc("Lower every op to the loop over tokens that defines it, "
                     "not to chunks"),
      llvm::cl::init(false)};
  PassOptions::Option<bool> recurrenceOfF32{
      *this, "recurrence-of-f32",
      llvm::cl::desc("Lower ops on queries, keys or values of f32 to the loop "
                     "over tokens"),
      llvm::cl::init(false)};
  PassOptions::Option<bool> cInterface{
      *this, "c-interface",
      llvm::cl::desc("Prepare public functions for the C ABI: outline the "
                     "sizes of their results"),
      llvm::cl::init(false)};
};

/// Named ops to named ops that carry their schedule, with all calls inlined
/// and all run-time checks in place.
void buildSchedulePipeline(OpPassManager &pm,
                           const NormalFormPipelineOptions &options);

/// Named ops to block ops: `linattn-to-blocks-pipeline`.
void buildBlocksPipeline(OpPassManager &pm,
                         const NormalFormPipelineOptions &options);

/// Named ops to the normal form: `linattn-to-normal-form-pipeline`.
void buildNormalFormPipeline(OpPassManager &pm,
                             const NormalFormPipelineOptions &options);

struct TileToLLVMPipelineOptions
    : public PassPipelineOptions<TileToLLVMPipelineOptions> {
  PassOptions::Option<std::string> chip{
      *this, "chip", llvm::cl::desc("The chip that code is made for"),
      llvm::cl::init("sm_90a")};
};

/// Tile programs, whose places in shared memory are known, to the LLVM and NVVM
/// dialects: `tile-to-llvm-pipeline`.
void buildTileToLLVMPipeline(OpPassManager &pm,
                             const TileToLLVMPipelineOptions &options);

/// Registers the pipelines above by name.
void registerPipelines();

} // namespace linattn
} // namespace mlir

#endif // LINATTN_PIPELINES_PIPELINES_H
