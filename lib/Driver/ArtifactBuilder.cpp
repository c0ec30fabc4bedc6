//===- ArtifactBuilder.cpp - from a program to an artifact ----------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Driver/ArtifactBuilder.h"

#include "linattn/Artifact/Artifact.h"
#include "linattn/Dialect/Tile/IR/Tile.h"
#include "linattn/Driver/DeviceCode.h"
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

/// What ptxas has made of the kernel, as a remark, and as text for the
/// manifest.
static json::Object describeKernel(tile::KernelOp kernel,
                                   const KernelReport *report,
                                   const DeviceTarget &target) {
  int64_t shared = cast<IntegerAttr>(kernel->getAttr("shared_bytes")).getInt();
  json::Object object{{"name", kernel.getSymName().str()},
                      {"max_shared_memory", shared}};
  if (!report)
    return object;
  std::string text;
  llvm::raw_string_ostream os(text);
  os << report->registers << " registers, " << report->spillStoreBytes
     << " bytes spilled, " << shared << " bytes of shared memory";
  object["remarks"] = text;
  kernel.emitRemark() << "kernel '" << kernel.getSymName() << "' for "
                      << target.chip << ": " << text;
  if (report->spills())
    kernel.emitWarning() << "kernel '" << kernel.getSymName() << "' for "
                         << target.chip
                         << " spills registers: " << report->spillStoreBytes
                         << " bytes stored, " << report->spillLoadBytes
                         << " bytes loaded";
  for (const std::string &advice : report->advice)
    kernel.emitWarning() << "ptxas: " << advice;
  return object;
}

static LogicalResult
addDeviceCode(ModuleOp module, const CompileOptions &options,
              const DeviceTarget &target, ProgramDescription &program,
              ArtifactWriter &writer, json::Array &targets) {
  if (failed(lowerToTile(module, options, target)) ||
      failed(addLaunchPlans(module, targets.size(), target.usesTensorMaps,
                            program)))
    return failure();
  OwningOpRef<ModuleOp> kernels = extractKernels(module);
  if (failed(lowerToNVVM(*kernels, target)))
    return failure();
  FailureOr<std::string> ptx = emitPTX(*kernels, options, target);
  if (failed(ptx))
    return failure();
  json::Array images;
  std::vector<KernelReport> reports;
  if (options.assemble) {
    llvm::Expected<Cubin> cubin = assemblePTX(*ptx, target.chip);
    if (!cubin)
      return report(module, cubin.takeError());
    reports = std::move(cubin->kernels);
    images.push_back(
        json::Object{{"arch", target.chip},
                     {"blob", writer.addBlob(BlobKind::Cubin, cubin->bytes)}});
  }
  images.push_back(json::Object{{"arch", target.virtualArch},
                                {"blob", writer.addBlob(BlobKind::Ptx, *ptx)}});
  json::Array list;
  for (auto kernel : module.getOps<tile::KernelOp>()) {
    auto found = llvm::find_if(reports, [&](const KernelReport &report) {
      return report.name == kernel.getSymName();
    });
    list.push_back(describeKernel(
        kernel, found == reports.end() ? nullptr : &*found, target));
  }
  targets.push_back(json::Object{{"images", std::move(images)},
                                 {"kernels", std::move(list)}});
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
  if (const DeviceTarget *target = getDeviceTarget(options.target)) {
    OwningOpRef<ModuleOp> copy = module.clone();
    if (failed(
            addDeviceCode(*copy, options, *target, *program, writer, targets)))
      return failure();
  }
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
