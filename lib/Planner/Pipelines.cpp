//===- Pipelines.cpp - the normal form to tile programs -------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Tile/IR/Tile.h"
#include "linattn/Dialect/Tile/Transforms/Passes.h"
#include "linattn/Planner/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::linattn;

void linattn::buildNormalFormToTilePipeline(
    OpPassManager &pm, const TilePipelineOptions &options) {
  pm.addNestedPass<func::FuncOp>(createLinattnChecksToDevice());
  LinattnSplitSequenceOptions split;
  split.segments = options.segments;
  pm.addNestedPass<func::FuncOp>(createLinattnSplitSequence(split));
  // Segments make several kernels of one: what is the same is computed once.
  if (options.segments != 1)
    pm.addNestedPass<func::FuncOp>(createCanonicalizerPass());
  pm.addNestedPass<func::FuncOp>(createLinattnChainContractions());
  if (options.moveFactors)
    pm.addNestedPass<func::FuncOp>(createLinattnMoveFactors());
  LinattnTransposeStatesOptions transpose;
  transpose.sharedLimit = options.sharedLimit;
  transpose.movesRegisters = options.movesRegisters;
  transpose.columnBlocks = options.columnBlocks;
  transpose.always = options.transposeStates;
  pm.addNestedPass<func::FuncOp>(createLinattnTransposeStates(transpose));
  LinattnKernelsToTileOptions plan;
  plan.sharedLimit = options.sharedLimit;
  plan.movesRegisters = options.movesRegisters;
  plan.columnBlocks = options.columnBlocks;
  plan.stages = options.stages;
  plan.early = options.early;
  plan.stateFirst = options.stateFirst;
  plan.publishFirst = options.publishFirst;
  plan.recompute = options.recompute;
  plan.shareOperands = options.shareOperands;
  pm.addPass(createLinattnKernelsToTile(plan));
  // Kernels at the same time: each is on its own from here on.
  OpPassManager &kernel = pm.nest<tile::KernelOp>();
  kernel.addPass(createCanonicalizerPass());
  kernel.addPass(createCSEPass());
  kernel.addPass(tile::createTileSimplifyMaps());
  kernel.addPass(tile::createTileSplitMaps());
  kernel.addPass(createCanonicalizerPass());
  kernel.addPass(createCSEPass());
  pm.addNestedPass<func::FuncOp>(createCanonicalizerPass());
  pm.addNestedPass<func::FuncOp>(createCSEPass());
}

void linattn::registerTilePipelines() {
  PassPipelineRegistration<TilePipelineOptions>(
      "linattn-normal-form-to-tile-pipeline",
      "Place the kernels of the normal form on a GPU, as tile programs",
      buildNormalFormToTilePipeline);
}
