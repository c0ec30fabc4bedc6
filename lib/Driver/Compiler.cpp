//===- Compiler.cpp - from a program to code -----------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Driver/Compiler.h"

#include "linattn/ABI/Passes.h"
#include "linattn/Dialect/Tile/IR/Tile.h"
#include "linattn/Dialect/Tile/Transforms/Passes.h"
#include "linattn/Driver/DeviceCode.h"
#include "linattn/Host/Passes.h"
#include "linattn/InitAll.h"
#include "linattn/NormalForm/Passes.h"
#include "linattn/Pipelines/Pipelines.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace mlir::linattn;

void mlir::linattn::registerCompilerDialects(DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registerAllToLLVMIRTranslations(registry);
  linattn::registerAllDialects(registry);
}

//===----------------------------------------------------------------------===//
// Lowering
//===----------------------------------------------------------------------===//

/// Tells the host pipeline what it may know about the machine.
static void setHostOptions(const llvm::TargetMachine &targetMachine,
                           HostPipelineOptions &options) {
  const llvm::MCSubtargetInfo &subtarget = *targetMachine.getMCSubtargetInfo();
  if (!targetMachine.getTargetTriple().isX86()) {
    options.vectorBits = 128;
    options.vectorRegisters = 32;
  } else if (subtarget.checkFeatures("+avx512f")) {
    options.vectorBits = 512;
    options.vectorRegisters = 32;
  } else if (subtarget.checkFeatures("+avx")) {
    options.vectorBits = 256;
  } else {
    options.vectorBits = 128;
  }
}

/// From functions on tensors to ones of the C ABI in the LLVM dialect.
static void addHostPasses(PassManager &pm, const HostPipelineOptions &host) {
  pm.addPass(createLinattnResultsToDestinations());
  buildNormalFormToBuffersPipeline(pm, host);
  pm.addPass(createLinattnAllocsToWorkspace());
  pm.addPass(createLinattnAssertsToStatus());
  buildBuffersToLLVMPipeline(pm, host);
  pm.addPass(createLinattnEmitCInterface());
}

LogicalResult mlir::linattn::lower(ModuleOp module, Level level,
                                   const CompileOptions &options,
                                   llvm::TargetMachine &targetMachine) {
  auto pm = PassManager::on<ModuleOp>(module.getContext());
  if (failed(applyPassManagerCLOptions(pm)))
    return failure();
  applyDefaultTimingPassManagerCLOptions(pm);
  NormalFormPipelineOptions normalForm;
  normalForm.chunk = options.chunk;
  normalForm.subChunk = options.subChunk;
  normalForm.recurrence = options.recurrence;
  normalForm.cInterface = level == Level::LLVM;
  switch (level) {
  case Level::Schedule:
    buildSchedulePipeline(pm, normalForm);
    break;
  case Level::Blocks:
    buildBlocksPipeline(pm, normalForm);
    break;
  case Level::NormalForm:
    buildNormalFormPipeline(pm, normalForm);
    break;
  case Level::LLVM: {
    HostPipelineOptions host;
    setHostOptions(targetMachine, host);
    host.maxGroup = options.interleave;
    buildNormalFormPipeline(pm, normalForm);
    pm.addNestedPass<func::FuncOp>(createLinattnVerifyNormalForm());
    addHostPasses(pm, host);
    break;
  }
  }
  return pm.run(module);
}

/// Lowers functions that launch tile programs: those that the module holds, or
/// else those that are made for a GPU.
static LogicalResult lowerByTiles(ModuleOp module,
                                  const CompileOptions &options,
                                  llvm::TargetMachine &targetMachine) {
  if (module.getOps<tile::KernelOp>().empty() &&
      failed(lowerToTile(module, options, *getDeviceTarget("sm_90a"),
                         options.plan)))
    return failure();
  auto pm = PassManager::on<ModuleOp>(module.getContext());
  if (failed(applyPassManagerCLOptions(pm)))
    return failure();
  HostPipelineOptions host;
  setHostOptions(targetMachine, host);
  // The crews of a block take turns in one thread.
  host.parallel = false;
  // Thread blocks are tested as they are.
  host.maxGroup = 1;
  pm.addPass(createLinattnOutlineSizes());
  pm.addPass(tile::createTileAllocateShared());
  pm.addPass(tile::createConvertTileToHost());
  addHostPasses(pm, host);
  return pm.run(module);
}

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

std::unique_ptr<llvm::Module>
mlir::linattn::translate(ModuleOp module, llvm::LLVMContext &context,
                         const CompileOptions &options,
                         llvm::TargetMachine &targetMachine) {
  std::unique_ptr<llvm::Module> llvmModule =
      translateModuleToLLVMIR(module, context, "linattn");
  if (!llvmModule)
    return nullptr;
  llvmModule->setDataLayout(targetMachine.createDataLayout());
  llvmModule->setTargetTriple(targetMachine.getTargetTriple());
  llvmModule->setPICLevel(llvm::PICLevel::BigPIC);
  for (llvm::Function &function : *llvmModule) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", targetMachine.getTargetCPU());
    function.addFnAttr("target-features",
                       targetMachine.getTargetFeatureString());
  }
  auto optimize = makeOptimizingTransformer(options.optLevel, /*sizeLevel=*/0,
                                            &targetMachine);
  if (llvm::Error error = optimize(llvmModule.get())) {
    module.emitError() << "could not optimise: "
                       << llvm::toString(std::move(error));
    return nullptr;
  }
  return llvmModule;
}

llvm::Error mlir::linattn::emitCode(llvm::Module &module,
                                    llvm::TargetMachine &targetMachine,
                                    llvm::CodeGenFileType type,
                                    llvm::raw_pwrite_stream &os) {
  llvm::legacy::PassManager pm;
  if (targetMachine.addPassesToEmitFile(pm, os, /*DwoOut=*/nullptr, type))
    return llvm::createStringError("the target cannot emit such a file");
  pm.run(module);
  return llvm::Error::success();
}

std::unique_ptr<llvm::MemoryBuffer>
mlir::linattn::compileToObject(ModuleOp module, const CompileOptions &options,
                               llvm::TargetMachine &targetMachine) {
  if (failed(options.target == kTileHostTarget
                 ? lowerByTiles(module, options, targetMachine)
                 : lower(module, Level::LLVM, options, targetMachine)))
    return nullptr;
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> llvmModule =
      translate(module, context, options, targetMachine);
  if (!llvmModule)
    return nullptr;
  SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream os(bytes);
  if (llvm::Error error = emitCode(*llvmModule, targetMachine,
                                   llvm::CodeGenFileType::ObjectFile, os)) {
    module.emitError() << llvm::toString(std::move(error));
    return nullptr;
  }
  return std::make_unique<llvm::SmallVectorMemoryBuffer>(
      std::move(bytes), "linattn", /*RequiresNullTerminator=*/false);
}
