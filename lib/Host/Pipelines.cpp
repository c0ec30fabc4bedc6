//===- Pipelines.cpp - from the normal form to the LLVM dialect -----------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Host/Passes.h"
#include "linattn/NormalForm/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Affine/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Pipelines/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void linattn::buildNormalFormToBuffersPipeline(
    OpPassManager &pm, const HostPipelineOptions &options) {
  OpPassManager &tensors = pm.nest<func::FuncOp>();
  // Before fusion: an invariant map that is fused runs in every iteration.
  tensors.addPass(createLinattnHoistInvariants());
  tensors.addPass(createLinattnFuseMaps());
  tensors.addPass(createLinattnWidenTiles());
  tensors.addPass(createLinattnTransposeTiles());
  tensors.addPass(createLinattnLowerPadding());
  tensors.addPass(createCanonicalizerPass());
  tensors.addPass(createLinattnHoistInvariants());
  tensors.addPass(createLinattnCarryInPlace());

  pm.addPass(bufferization::createEmptyTensorEliminationPass());
  bufferization::OneShotBufferizePassOptions bufferize;
  bufferize.bufferizeFunctionBoundaries = true;
  pm.addPass(bufferization::createOneShotBufferizePass(bufferize));

  OpPassManager &buffers = pm.nest<func::FuncOp>();
  // Equal slices become one value, after which copies of a slice to itself
  // are folded.
  buffers.addPass(createCanonicalizerPass());
  buffers.addPass(createCSEPass());
  buffers.addPass(createCanonicalizerPass());
  LinattnVectorizeTilesOptions vectorize;
  vectorize.vectorBits = options.vectorBits;
  vectorize.vectorRegisters = options.vectorRegisters;
  buffers.addPass(createLinattnVectorizeTiles(vectorize));

  // All buffers are there, so it is known what fits on the stack.
  LinattnInterleaveKernelsOptions interleave;
  interleave.maxGroup = options.maxGroup;
  interleave.maxBytes = options.maxStackBytes;
  interleave.parallel = options.parallel;
  pm.addPass(createLinattnInterleaveKernels(interleave));

  OpPassManager &places = pm.nest<func::FuncOp>();
  // Sizes and offsets stand in the loops still, and tiles are buffers.
  places.addPass(createLinattnPrefetchTiles());
  LinattnPlaceBuffersOptions place;
  place.maxStackBytes = options.maxStackBytes;
  places.addPass(createLinattnPlaceBuffers(place));
}

void linattn::buildBuffersToLLVMPipeline(OpPassManager &pm,
                                         const HostPipelineOptions &options) {
  OpPassManager &loops = pm.nest<func::FuncOp>();
  loops.addPass(createForallToParallelLoopPass());
  loops.addPass(createLinattnLowerMath());
  loops.addPass(createCanonicalizerPass());
  loops.addPass(createLoopInvariantCodeMotionPass());
  loops.addPass(memref::createFoldMemRefAliasOpsPass());
  loops.addPass(memref::createExpandStridedMetadataPass());
  loops.addPass(createLowerAffinePass());
  loops.addPass(createCSEPass());

  if (options.parallel)
    pm.addPass(createConvertSCFToOpenMPPass());
  pm.addNestedPass<func::FuncOp>(createLinattnHoistWorkerStack());
  pm.addPass(createSCFToControlFlowPass());
  ConvertVectorToLLVMPassOptions vectors;
  pm.addPass(createConvertVectorToLLVMPass(vectors));
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertIndexToLLVMPass());
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  if (options.parallel)
    pm.addPass(createConvertOpenMPToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void linattn::buildHostPipeline(OpPassManager &pm,
                                const HostPipelineOptions &options) {
  pm.addNestedPass<func::FuncOp>(createLinattnVerifyNormalForm());
  buildNormalFormToBuffersPipeline(pm, options);
  bufferization::buildBufferDeallocationPipeline(
      pm, bufferization::BufferDeallocationPipelineOptions());
  buildBuffersToLLVMPipeline(pm, options);
}

void linattn::registerHostPipelines() {
  PassPipelineRegistration<HostPipelineOptions>(
      "linattn-normal-form-to-buffers-pipeline",
      "Lower the normal form on tensors to loops over vectors on buffers",
      buildNormalFormToBuffersPipeline);
  PassPipelineRegistration<HostPipelineOptions>(
      "linattn-buffers-to-llvm-pipeline",
      "Lower loops over vectors on buffers to the LLVM dialect",
      buildBuffersToLLVMPipeline);
  PassPipelineRegistration<HostPipelineOptions>(
      "linattn-host-pipeline",
      "Lower the normal form to the LLVM dialect, for the host",
      buildHostPipeline);
}
