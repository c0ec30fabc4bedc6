//===- ArtifactBuilder.cpp - from a program to an artifact ----------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Driver/ArtifactBuilder.h"

#include "KernelWork.h"
#include "linattn/Artifact/Artifact.h"
#include "linattn/Dialect/Tile/IR/Tile.h"
#include "linattn/Driver/DeviceProgram.h"
#include "linattn/Driver/LaunchPlan.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace mlir::linattn;
namespace json = llvm::json;
using BlobKind = ArtifactWriter::BlobKind;

static LogicalResult report(ModuleOp module, llvm::Error error) {
  return module.emitError(llvm::toString(std::move(error)));
}

//===----------------------------------------------------------------------===//
// Code for the host
//===----------------------------------------------------------------------===//

static FailureOr<std::string> link(ModuleOp module, StringRef object) {
  SmallString<128> objectPath, libraryPath;
  std::error_code error;
  if ((error = llvm::sys::fs::createTemporaryFile("linattn", "o", objectPath)))
    return module.emitError("cannot write a temporary file: ")
           << error.message();
  llvm::FileRemover objectRemover(objectPath);
  if ((error =
           llvm::sys::fs::createTemporaryFile("linattn", "so", libraryPath)))
    return module.emitError("cannot write a temporary file: ")
           << error.message();
  llvm::FileRemover libraryRemover(libraryPath);
  {
    llvm::raw_fd_ostream os(objectPath, error);
    os << object;
  }
  if (llvm::Error failed = linkSharedLibrary(objectPath, libraryPath))
    return report(module, std::move(failed));
  auto library = llvm::MemoryBuffer::getFile(libraryPath, /*IsText=*/false,
                                             /*RequiresNullTerminator=*/false);
  if (!library)
    return module.emitError("cannot read a temporary file: ")
           << library.getError().message();
  return (*library)->getBuffer().str();
}

static LogicalResult addHostCode(ModuleOp module, const CompileOptions &options,
                                 llvm::TargetMachine &targetMachine,
                                 ProgramDescription &program,
                                 ArtifactWriter &writer) {
  std::unique_ptr<llvm::MemoryBuffer> object =
      compileToObject(module, options, targetMachine);
  if (!object)
    return failure();
  FailureOr<std::string> library = link(module, object->getBuffer());
  if (failed(library))
    return failure();
  for (FunctionDescription &function : program.functions)
    function.hasHostCode = true;
  writer.manifest["host"] =
      json::Object{{"arch", targetMachine.getTargetTriple().getArchName()},
                   {"blob", writer.addBlob(BlobKind::Host, *library)},
                   {"cpu", targetMachine.getTargetCPU()}};
  return success();
}

//===----------------------------------------------------------------------===//
// Code for a GPU
//===----------------------------------------------------------------------===//

/// What was made of the kernel, as a remark, and as text for the manifest.
static json::Object describeKernel(DeviceKernel &kernel,
                                   const DeviceTarget &target) {
  tile::KernelOp op = kernel.op;
  int64_t shared = cast<IntegerAttr>(op->getAttr("shared_bytes")).getInt();
  json::Object object{{"name", op.getSymName().str()},
                      {"max_shared_memory", shared}};
  if (!kernel.plan.empty())
    object["schedule"] = kernel.plan;
  if (kernel.code.cubin.kernels.empty())
    return object;
  // A kernel is assembled by itself.
  const KernelReport &report = kernel.code.cubin.kernels.front();
  std::string text;
  llvm::raw_string_ostream os(text);
  os << report.registers << " registers, " << report.spillStoreBytes
     << " bytes spilled, " << shared << " bytes of shared memory";
  if (std::optional<KernelWork> work = KernelWork::get(op))
    os << ", " << work->describe(target.getChip().isHopper);
  object["remarks"] = text;
  op.emitRemark() << "kernel '" << op.getSymName() << "' for " << target.chip
                  << ": " << text;
  if (report.spills())
    op.emitWarning() << "kernel '" << op.getSymName() << "' for " << target.chip
                     << " spills registers: " << report.spillStoreBytes
                     << " bytes stored, " << report.spillLoadBytes
                     << " bytes loaded";
  for (const std::string &advice : report.advice)
    op.emitWarning() << "ptxas: " << advice;
  return object;
}

/// Adds a program for a GPU: its kernels and, where it was assembled, a cubin
/// of each.
static LogicalResult addDeviceProgram(DeviceProgram &code,
                                      ProgramDescription &program,
                                      ArtifactWriter &writer,
                                      json::Array &targets) {
  const DeviceTarget &target = *code.target;
  if (failed(addLaunchPlans(*code.module, targets.size(),
                            target.getChip().isHopper, program)))
    return failure();
  json::Array images, cubins, list;
  for (DeviceKernel &kernel : code.kernels) {
    if (!kernel.code.cubin.bytes.empty())
      cubins.push_back(
          writer.addBlob(BlobKind::Cubin, kernel.code.cubin.bytes));
    list.push_back(describeKernel(kernel, target));
  }
  if (!cubins.empty())
    images.push_back(
        json::Object{{"arch", target.chip}, {"blobs", std::move(cubins)}});
  images.push_back(
      json::Object{{"arch", target.virtualArch},
                   {"blob", writer.addBlob(BlobKind::Ptx, code.getPTX())}});
  targets.push_back(json::Object{{"images", std::move(images)},
                                 {"kernels", std::move(list)}});
  return success();
}

/// Adds code for the target, and PTX for other devices.
static LogicalResult
addDeviceCode(ModuleOp source, const CompileOptions &options,
              const DeviceTarget &target, ProgramDescription &program,
              ArtifactWriter &writer, json::Array &targets) {
  FailureOr<std::vector<DeviceProgram>> programs =
      buildDevicePrograms(source, options, target, /*withPortable=*/true);
  if (failed(programs))
    return failure();
  for (DeviceProgram &code : *programs) {
    if (failed(addDeviceProgram(code, program, writer, targets)))
      return failure();
    if (code.kernels.empty())
      return source.emitError("expected work for a GPU, but no function "
                              "launches a kernel");
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Both
//===----------------------------------------------------------------------===//

FailureOr<std::string>
mlir::linattn::buildArtifact(ModuleOp module, const CompileOptions &options,
                             llvm::TargetMachine &targetMachine) {
  FailureOr<ProgramDescription> program = describeProgram(module);
  if (failed(program))
    return failure();
  ArtifactWriter writer;
  json::Array targets;
  const DeviceTarget *target = getDeviceTarget(options.target);
  if (target && failed(addDeviceCode(module, options, *target, *program, writer,
                                     targets)))
    return failure();
  bool isForDevices =
      options.deviceOnly || !module.getOps<tile::KernelOp>().empty();
  if (!isForDevices || targets.empty())
    if (failed(addHostCode(module, options, targetMachine, *program, writer)))
      return failure();
  json::Object manifest = program->toJson();
  for (auto &[key, value] : writer.manifest)
    manifest[key] = std::move(value);
  if (!targets.empty())
    manifest["targets"] = std::move(targets);
  writer.manifest = std::move(manifest);
  llvm::Expected<std::string> bytes = writer.write();
  if (!bytes)
    return report(module, bytes.takeError());
  return std::move(*bytes);
}
