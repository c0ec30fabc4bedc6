//===- Pipelines.cpp - passes in the order of the ladder -----------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Pipelines/Pipelines.h"

#include "linattn/ABI/Passes.h"
#include "linattn/Dialect/Linattn/Transforms/Passes.h"
#include "linattn/Dialect/Tile/IR/Tile.h"
#include "linattn/Dialect/Tile/Transforms/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::linattn;

void mlir::linattn::buildSchedulePipeline(
    OpPassManager &pm, const NormalFormPipelineOptions &options) {
  pm.addPass(createInlinerPass());
  pm.addPass(createSymbolDCEPass());
  // arith and math on tensors are maps too.
  pm.addNestedPass<func::FuncOp>(createConvertElementwiseToLinalgPass());
  pm.addNestedPass<func::FuncOp>(createCanonicalizerPass());
  if (options.cInterface)
    pm.addPass(createLinattnOutlineSizes());
  pm.addNestedPass<func::FuncOp>(createCanonicalizerPass());
  pm.addNestedPass<func::FuncOp>(createCSEPass());
  LinattnSetScheduleOptions schedule;
  schedule.chunk = options.chunk;
  schedule.subChunk = options.subChunk;
  schedule.headAlign = options.headAlign;
  pm.addNestedPass<func::FuncOp>(createLinattnSetSchedule(schedule));
}

void mlir::linattn::buildBlocksPipeline(
    OpPassManager &pm, const NormalFormPipelineOptions &options) {
  buildSchedulePipeline(pm, options);
  LinattnToRecurrenceOptions recurrence;
  recurrence.stepsOnly = !options.recurrence;
  recurrence.alsoF32 = options.recurrenceOfF32;
  pm.addNestedPass<func::FuncOp>(createLinattnToRecurrence(recurrence));
  pm.addNestedPass<func::FuncOp>(createLinattnToBlocks());
}

void mlir::linattn::buildNormalFormPipeline(
    OpPassManager &pm, const NormalFormPipelineOptions &options) {
  buildBlocksPipeline(pm, options);
  LinattnDecomposeBlocksOptions decompose;
  decompose.coarseSpans = options.coarseSpans;
  pm.addNestedPass<func::FuncOp>(createLinattnDecomposeBlocks(decompose));
  pm.addNestedPass<func::FuncOp>(createLinattnLinalgToKernels());
  pm.addNestedPass<func::FuncOp>(createCanonicalizerPass());
  pm.addNestedPass<func::FuncOp>(createCSEPass());
}

void mlir::linattn::buildTileToLLVMPipeline(
    OpPassManager &pm, const TileToLLVMPipelineOptions &options) {
  tile::TileVerifyOptions verify;
  verify.chip = options.chip;
  pm.addNestedPass<tile::KernelOp>(tile::createTileVerify(verify));
  tile::ConvertTileToNVVMOptions convert;
  convert.chip = options.chip;
  pm.addPass(tile::createConvertTileToNVVM(convert));
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertNVVMToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void mlir::linattn::registerPipelines() {
  PassPipelineRegistration<NormalFormPipelineOptions>(
      "linattn-to-blocks-pipeline",
      "Lower named ops to loops over chunks of block ops", buildBlocksPipeline);
  PassPipelineRegistration<NormalFormPipelineOptions>(
      "linattn-to-normal-form-pipeline",
      "Lower named ops to the normal form of docs/NormalForm.md",
      buildNormalFormPipeline);
  PassPipelineRegistration<TileToLLVMPipelineOptions>(
      "tile-to-llvm-pipeline",
      "Lower tile programs with places in shared memory to the LLVM and NVVM "
      "dialects",
      buildTileToLLVMPipeline);
}
