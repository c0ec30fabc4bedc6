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

namespace {
/// A program, lowered for a GPU in one of several ways.
struct Candidate {
  std::string plan;
  OwningOpRef<ModuleOp> module;
  std::string ptx;
  /// Empty unless ptxas was asked.
  Cubin cubin;

  const KernelReport *find(StringRef kernel) const {
    for (const KernelReport &report : cubin.kernels)
      if (report.name == kernel)
        return &report;
    return nullptr;
  }
  /// What is wrong with the machine code, in words; "" if nothing is.
  std::string getFlaws() const;
  /// Less is better.
  std::pair<size_t, int64_t> getCost() const;
};
} // namespace

std::string Candidate::getFlaws() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  for (const KernelReport &report : cubin.kernels) {
    StringRef separator = text.empty() ? "" : "; ";
    if (report.spills())
      os << separator << "kernel '" << report.name << "' spills "
         << report.spillStoreBytes << " bytes";
    else if (!report.advice.empty())
      os << separator << "ptxas on kernel '" << report.name
         << "': " << report.advice.front();
  }
  return text;
}

std::pair<size_t, int64_t> Candidate::getCost() const {
  size_t advice = 0;
  int64_t spilled = 0;
  for (const KernelReport &report : cubin.kernels) {
    advice += report.advice.size();
    spilled += report.spillStoreBytes + report.spillLoadBytes;
  }
  return {advice, spilled};
}

static FailureOr<Candidate> buildCandidate(ModuleOp source, StringRef plan,
                                           const CompileOptions &options,
                                           const DeviceTarget &target) {
  Candidate candidate{plan.str(), source.clone(), "", {}};
  if (failed(lowerToTile(*candidate.module, options, target, plan)))
    return failure();
  OwningOpRef<ModuleOp> kernels = extractKernels(*candidate.module);
  if (failed(lowerToNVVM(*kernels, target)))
    return failure();
  FailureOr<std::string> ptx = emitPTX(*kernels, options, target);
  if (failed(ptx))
    return failure();
  candidate.ptx = std::move(*ptx);
  if (!options.assemble)
    return candidate;
  llvm::Expected<Cubin> cubin = assemblePTX(candidate.ptx, target.chip);
  if (!cubin)
    return report(source, cubin.takeError());
  candidate.cubin = std::move(*cubin);
  return candidate;
}

/// The ways to place kernels that are tried, in order of preference.
static constexpr StringLiteral kPlans[] = {
    "transpose-states=true",
    "early=true state-first=true publish-first=true",
    "",
    "transpose-states=true recompute=true",
    "recompute=true",
    "move-factors=false recompute=true"};

StringRef mlir::linattn::getPreferredPlan() { return kPlans[0]; }

/// The first candidate without a flaw, or the one with the least.
static FailureOr<Candidate> chooseCandidate(ModuleOp source,
                                            const CompileOptions &options,
                                            const DeviceTarget &target) {
  if (!options.plan.empty())
    return buildCandidate(source, options.plan, options, target);
  // Only ptxas tells one from another.
  if (!options.assemble)
    return buildCandidate(source, getPreferredPlan(), options, target);
  std::optional<Candidate> best;
  for (StringRef plan : kPlans) {
    // Where the preferred way fails, its errors say what a GPU cannot do.
    std::optional<ScopedDiagnosticHandler> quiet;
    if (best)
      quiet.emplace(source.getContext(), [](Diagnostic &) {});
    FailureOr<Candidate> candidate =
        buildCandidate(source, plan, options, target);
    quiet.reset();
    if (failed(candidate)) {
      if (!best)
        return failure();
      continue;
    }
    std::string flaws = candidate->getFlaws();
    if (!flaws.empty())
      source.emitRemark() << target.chip << ": plan '" << plan
                          << "' rejected: " << flaws;
    if (!best || candidate->getCost() < best->getCost())
      best = std::move(*candidate);
    if (flaws.empty())
      break;
  }
  return std::move(*best);
}

FailureOr<OwningOpRef<ModuleOp>>
mlir::linattn::choosePlan(ModuleOp module, const CompileOptions &options,
                          const DeviceTarget &target) {
  FailureOr<Candidate> candidate = chooseCandidate(module, options, target);
  if (failed(candidate))
    return failure();
  return std::move(candidate->module);
}

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
  if (std::optional<KernelWork> work = KernelWork::get(kernel))
    os << ", " << work->describe(target.getChip().isHopper);
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

static LogicalResult addCandidate(ModuleOp source, const Candidate &candidate,
                                  const DeviceTarget &target,
                                  ProgramDescription &program,
                                  ArtifactWriter &writer,
                                  json::Array &targets) {
  if (failed(addLaunchPlans(*candidate.module, targets.size(),
                            target.getChip().isHopper, program)))
    return failure();
  json::Array images;
  if (!candidate.cubin.bytes.empty())
    images.push_back(json::Object{
        {"arch", target.chip},
        {"blob", writer.addBlob(BlobKind::Cubin, candidate.cubin.bytes)}});
  images.push_back(
      json::Object{{"arch", target.virtualArch},
                   {"blob", writer.addBlob(BlobKind::Ptx, candidate.ptx)}});
  json::Array list;
  for (auto kernel : candidate.module.get().getOps<tile::KernelOp>())
    list.push_back(
        describeKernel(kernel, candidate.find(kernel.getSymName()), target));
  if (list.empty())
    return source.emitError("expected work for a GPU, but no function launches "
                            "a kernel");
  json::Object description{{"images", std::move(images)},
                           {"kernels", std::move(list)}};
  if (!candidate.plan.empty())
    description["schedule"] = candidate.plan;
  targets.push_back(std::move(description));
  return success();
}

/// Lowers for devices that no other target is for, to PTX, which their drivers
/// assemble. Nothing if the program does not fit there, which is a remark.
static std::optional<Candidate> buildPortable(ModuleOp source,
                                              CompileOptions options,
                                              const DeviceTarget &target) {
  options.assemble = false;
  std::string problem;
  std::optional<Candidate> result;
  {
    ScopedDiagnosticHandler handler(source.getContext(), [&](Diagnostic &diag) {
      if (diag.getSeverity() == DiagnosticSeverity::Error && problem.empty())
        problem = diag.str();
    });
    FailureOr<Candidate> candidate =
        buildCandidate(source, /*plan=*/"", options, target);
    if (succeeded(candidate))
      result = std::move(*candidate);
  }
  if (!result)
    source.emitRemark() << "no code for devices other than the target: "
                        << problem;
  return result;
}

/// Adds code for the target, and PTX for other devices.
static LogicalResult
addDeviceCode(ModuleOp source, const CompileOptions &options,
              const DeviceTarget &target, ProgramDescription &program,
              ArtifactWriter &writer, json::Array &targets) {
  FailureOr<Candidate> chosen = chooseCandidate(source, options, target);
  if (failed(chosen) ||
      failed(addCandidate(source, *chosen, target, program, writer, targets)))
    return failure();
  const DeviceTarget &portable = *getDeviceTarget("sm_80");
  if (&target == &portable)
    return success();
  std::optional<Candidate> other = buildPortable(source, options, portable);
  return success(!other || succeeded(addCandidate(source, *other, portable,
                                                  program, writer, targets)));
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
