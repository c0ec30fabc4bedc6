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
#include "linattn/Target/PTX.h"

#include "mlir/IR/Builders.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::linattn;

static constexpr DeviceTarget kTargets[] = {
    {"sm_90a", "compute_90a", "+ptx86", /*usesTensorMaps=*/true,
     /*sharedMemory=*/232448},
};

const DeviceTarget *mlir::linattn::getDeviceTarget(StringRef name) {
  for (const DeviceTarget &target : kTargets)
    if (target.chip == name)
      return &target;
  return nullptr;
}

const DeviceTarget *mlir::linattn::getDeviceTarget(int capability) {
  std::string number = "sm_" + std::to_string(capability);
  for (const DeviceTarget &target : kTargets)
    if (target.chip == number || target.chip == number + "a")
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

LogicalResult mlir::linattn::lowerToTile(ModuleOp module,
                                         const CompileOptions &options,
                                         const DeviceTarget &target) {
  return runPipeline(module, [&](PassManager &pm) {
    NormalFormPipelineOptions normalForm;
    normalForm.chunk = options.chunk;
    normalForm.subChunk = options.subChunk;
    normalForm.recurrence = options.recurrence;
    buildNormalFormPipeline(pm, normalForm);
    tile::TileAllocateSharedOptions shared;
    shared.limit = target.sharedMemory;
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
  return runPipeline(kernels,
                     [](PassManager &pm) { buildTileToLLVMPipeline(pm); });
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
