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

#include "mlir/Dialect/DLTI/DLTI.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Threading.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

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
    pm.addNestedPass<tile::KernelOp>(tile::createTileAllocateShared(shared));
  });
}

//===----------------------------------------------------------------------===//
// From tile programs to code
//===----------------------------------------------------------------------===//

OwningOpRef<ModuleOp>
mlir::linattn::extractKernels(Location loc, ArrayRef<tile::KernelOp> kernels) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  OpBuilder b = OpBuilder::atBlockEnd(module->getBody());
  for (tile::KernelOp kernel : kernels)
    b.clone(*kernel);
  return module;
}

static void addPassesToNVVM(OpPassManager &pm, const DeviceTarget &target) {
  TileToLLVMPipelineOptions options;
  options.chip = target.chip.str();
  buildTileToLLVMPipeline(pm, options);
}

LogicalResult mlir::linattn::lowerToNVVM(ModuleOp kernels,
                                         const DeviceTarget &target) {
  return runPipeline(kernels,
                     [&](PassManager &pm) { addPassesToNVVM(pm, target); });
}

/// Loads the dialects that kernels are lowered to, which threads must not do.
static void loadDialects(MLIRContext &context, const DeviceTarget &target) {
  OpPassManager pm(ModuleOp::getOperationName());
  addPassesToNVVM(pm, target);
  DialectRegistry registry;
  pm.getDependentDialects(registry);
  // The translation to LLVM IR loads it.
  registry.insert<DLTIDialect>();
  context.appendDialectRegistry(registry);
  for (StringRef name : registry.getDialectNames())
    context.getOrLoadDialect(name);
}

static FailureOr<KernelCode> compileKernel(KernelJob &job,
                                           const CompileOptions &options) {
  OwningOpRef<ModuleOp> module =
      extractKernels(job.kernel.getLoc(), job.kernel);
  if (failed(lowerToNVVM(*module, *job.target)))
    return failure();
  PTXOptions ptxOptions;
  ptxOptions.chip = job.target->chip;
  ptxOptions.features = job.target->ptxFeatures;
  ptxOptions.optLevel = options.optLevel;
  FailureOr<std::string> ptx = translateToPTX(*module, ptxOptions);
  if (failed(ptx))
    return failure();
  KernelCode code{std::move(*ptx), {}};
  if (!job.ptxas)
    return code;
  llvm::Expected<Cubin> cubin =
      assemblePTX(code.ptx, job.target->chip, *job.ptxas);
  if (!cubin)
    return module->emitError(llvm::toString(cubin.takeError()));
  code.cubin = std::move(*cubin);
  return code;
}

static int64_t countOps(tile::KernelOp kernel) {
  int64_t count = 0;
  kernel.walk([&](Operation *) { ++count; });
  return count;
}

void mlir::linattn::compileKernels(MutableArrayRef<KernelJob> jobs,
                                   const CompileOptions &options) {
  if (jobs.empty())
    return;
  MLIRContext *context = jobs[0].kernel.getContext();
  // The longest first, so that no thread begins with it when others are done.
  SmallVector<std::pair<int64_t, size_t>> order;
  for (auto [index, job] : llvm::enumerate(jobs)) {
    loadDialects(*context, *job.target);
    order.emplace_back(-countOps(job.kernel), index);
  }
  llvm::sort(order);
  parallelForEach(context, order, [&](const auto &entry) {
    KernelJob &job = jobs[entry.second];
    job.code = compileKernel(job, options);
  });
}

std::string mlir::linattn::joinPTX(ArrayRef<StringRef> kernels) {
  std::string text;
  llvm::StringSet<> declared;
  for (StringRef kernel : kernels) {
    // What the file is for, and memory that all kernels declare, it says once.
    size_t head = kernel.find('\n', kernel.find("\n.address_size") + 1) + 1;
    StringRef rest = text.empty() ? kernel : kernel.substr(head);
    while (!rest.empty()) {
      StringRef line;
      std::tie(line, rest) = rest.split('\n');
      if (!line.starts_with(".extern") || declared.insert(line).second)
        text += line.str() + '\n';
    }
  }
  return text;
}
