//===- Compiler.cpp - from a program to code -----------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Driver/Compiler.h"

#include "linattn/ABI/Passes.h"
#include "linattn/InitAll.h"
#include "linattn/Pipelines/Pipelines.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/Transforms/Passes.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
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

/// The normal form to buffers.
static void buildToBuffers(OpPassManager &pm) {
  pm.addPass(bufferization::createEmptyTensorEliminationPass());
  bufferization::OneShotBufferizePassOptions options;
  pm.addPass(bufferization::createOneShotBufferizePass(options));
  for (int i = 0; i < 2; ++i) {
    pm.addPass(createCanonicalizerPass());
    pm.addPass(createCSEPass());
  }
  // Tiles of kernels go on the stack.
  bufferization::PromoteBuffersToStackPassOptions promote;
  promote.maxAllocSizeInBytes = 1 << 20;
  pm.addNestedPass<func::FuncOp>(
      bufferization::createPromoteBuffersToStackPass(promote));
}

/// Buffers to the LLVM dialect.
static void buildToLLVM(OpPassManager &pm) {
  pm.addPass(createConvertLinalgToLoopsPass());
  pm.addPass(createForallToParallelLoopPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
}

LogicalResult mlir::linattn::lower(ModuleOp module, Level level,
                                   const CompileOptions &options,
                                   llvm::TargetMachine &targetMachine) {
  auto pm = PassManager::on<ModuleOp>(module.getContext());
  if (failed(applyPassManagerCLOptions(pm)))
    return failure();
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
  case Level::LLVM:
    buildNormalFormPipeline(pm, normalForm);
    pm.addPass(createLinattnResultsToDestinations());
    buildToBuffers(pm);
    pm.addPass(createLinattnAllocsToWorkspace());
    pm.addPass(createLinattnAssertsToStatus());
    buildToLLVM(pm);
    pm.addPass(createLinattnEmitCInterface());
    break;
  }
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
  auto optimize =
      makeOptimizingTransformer(options.optLevel, /*sizeLevel=*/0,
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
  if (failed(lower(module, Level::LLVM, options, targetMachine)))
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
