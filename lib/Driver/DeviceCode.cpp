//===- DeviceCode.cpp - tile programs to code for GPUs --------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Driver/DeviceCode.h"

#include "linattn/Dialect/Tile/IR/Tile.h"
#include "linattn/Dialect/Tile/Transforms/Passes.h"
#include "linattn/Pipelines/Pipelines.h"
#include "linattn/Planner/Passes.h"
#include "linattn/Target/PTX.h"

#include "mlir/IR/Builders.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::linattn;

// The portable ones differ in how much shared memory there is, and run on later
// devices, too.
static constexpr DeviceTarget kTargets[] = {
    {"sm_90a", "compute_90a", "+ptx86"}, {"sm_80", "compute_80", "+ptx80"},
    {"sm_86", "compute_86", "+ptx80"},   {"sm_89", "compute_89", "+ptx80"},
    {"sm_90", "compute_90", "+ptx80"},   {"sm_100", "compute_100", "+ptx86"},
    {"sm_120", "compute_120", "+ptx87"},
};

tile::Chip DeviceTarget::getChip() const { return *tile::Chip::get(chip); }

const DeviceTarget *mlir::linattn::getDeviceTarget(StringRef name) {
  for (const DeviceTarget &target : kTargets)
    if (target.chip == name)
      return &target;
  return nullptr;
}

const DeviceTarget *mlir::linattn::getDeviceTarget(int capability) {
  std::string number = "sm_" + std::to_string(capability);
  for (const DeviceTarget &target : kTargets)
    if (target.chip == number + "a" || target.chip == number)
      return &target;
  return nullptr;
}

std::string mlir::linattn::getTargetNames() {
  std::string names = "host";
  for (const DeviceTarget &target : kTargets)
    names += ", " + target.chip.str();
  return names;
}

static LogicalResult
runPipeline(ModuleOp module, llvm::function_ref<void(PassManager &)> build) {
  auto pm = PassManager::on<ModuleOp>(module.getContext());
  if (failed(applyPassManagerCLOptions(pm)))
    return failure();
  applyDefaultTimingPassManagerCLOptions(pm);
  build(pm);
  return pm.run(module);
}

/// Tokens per chunk and the granularity of head sizes: those of the matrix
/// instructions.
static constexpr int64_t kTileSize = 64;

LogicalResult mlir::linattn::lowerToTile(ModuleOp module,
                                         const CompileOptions &options,
                                         const DeviceTarget &target,
                                         StringRef planOptions) {
  auto plan = TilePipelineOptions::createFromString(planOptions);
  if (!plan)
    return module.emitError("expects options of "
                            "linattn-normal-form-to-tile-pipeline as schedule, "
                            "but got '")
           << planOptions << "'";
  plan->sharedLimit = target.getChip().sharedBytes;
  plan->movesRegisters = target.getChip().isHopper;
  if (!plan->segments.getNumOccurrences())
    plan->segments = 0;
  return runPipeline(module, [&](PassManager &pm) {
    NormalFormPipelineOptions normalForm;
    normalForm.chunk = options.chunk ? options.chunk : kTileSize;
    normalForm.subChunk =
        options.subChunk ? options.subChunk : normalForm.chunk.getValue();
    normalForm.headAlign = kTileSize;
    normalForm.coarseSpans = true;
    normalForm.recurrence = options.recurrence;
    // Matrix instructions round what they multiply to 16 bits.
    normalForm.recurrenceOfF32 = true;
    buildNormalFormPipeline(pm, normalForm);
    buildNormalFormToTilePipeline(pm, *plan);
    tile::TileAllocateSharedOptions shared;
    shared.limit = target.getChip().sharedBytes;
    pm.addPass(tile::createTileAllocateShared(shared));
  });
}

OwningOpRef<ModuleOp> mlir::linattn::extractKernels(ModuleOp module) {
  OwningOpRef<ModuleOp> kernels = ModuleOp::create(module.getLoc());
  OpBuilder b = OpBuilder::atBlockEnd(kernels->getBody());
  for (auto kernel : module.getOps<tile::KernelOp>())
    b.clone(*kernel);
  return kernels;
}

LogicalResult mlir::linattn::lowerToNVVM(ModuleOp kernels,
                                         const DeviceTarget &target) {
  return runPipeline(kernels, [&](PassManager &pm) {
    TileToLLVMPipelineOptions options;
    options.chip = target.chip.str();
    buildTileToLLVMPipeline(pm, options);
  });
}

FailureOr<std::string> mlir::linattn::emitPTX(ModuleOp kernels,
                                              const CompileOptions &options,
                                              const DeviceTarget &target) {
  PTXOptions ptx;
  ptx.chip = target.chip;
  ptx.features = target.ptxFeatures;
  ptx.optLevel = options.optLevel;
  return translateToPTX(kernels, ptx);
}
