//===- DeviceProgram.cpp - a program for one GPU --------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Driver/DeviceProgram.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OperationSupport.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mlir::linattn;

/// The ways to place kernels that are tried, in order of preference.
static constexpr StringLiteral kPlans[] = {
    "transpose-states=true share-operands=true",
    "transpose-states=true share-operands=true recompute=true",
    "transpose-states=true",
    "early=true state-first=true publish-first=true",
    "",
    "transpose-states=true recompute=true",
    "recompute=true",
    "move-factors=false recompute=true"};

StringRef mlir::linattn::getPreferredPlan(const CompileOptions &options) {
  return options.plan.empty() ? StringRef(kPlans[0]) : options.plan;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

std::string DeviceKernel::getFlaws() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  for (const KernelReport &report : code.cubin.kernels) {
    StringRef separator = text.empty() ? "" : "; ";
    if (report.spills())
      os << separator << "spills " << report.spillStoreBytes << " bytes";
    else if (!report.advice.empty())
      os << separator << "ptxas: " << report.advice.front();
  }
  return text;
}

std::pair<size_t, int64_t> DeviceKernel::getCost() const {
  size_t advice = 0;
  int64_t spilled = 0;
  for (const KernelReport &report : code.cubin.kernels) {
    advice += report.advice.size();
    spilled += report.spillStoreBytes + report.spillLoadBytes;
  }
  return {advice, spilled};
}

/// Notes what is wrong with a kernel, if anything is.
static void noteFlaws(DeviceKernel &kernel, const DeviceTarget &target) {
  std::string flaws = kernel.getFlaws();
  if (flaws.empty())
    return;
  kernel.op.emitRemark() << "kernel '" << kernel.op.getSymName() << "' for "
                         << target.chip << ": plan '" << kernel.plan
                         << "' rejected: " << flaws;
  kernel.rejected.push_back({kernel.plan, std::move(flaws)});
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

std::string DeviceProgram::getPTX() const {
  SmallVector<StringRef> texts;
  for (const DeviceKernel &kernel : kernels)
    texts.push_back(kernel.code.ptx);
  return joinPTX(texts);
}

/// Whether launches of one program may be those of the other: kernels differ in
/// what they do with their arguments only. Plans change kernels from within,
/// but may also change how many thread blocks share an iteration, or which
/// arguments are needed.
static bool haveSameLaunches(ModuleOp a, ModuleOp b) {
  auto areSame = [](Operation &first, Operation &second) {
    auto kernel = dyn_cast<tile::KernelOp>(first);
    auto other = dyn_cast<tile::KernelOp>(second);
    if (kernel && other)
      return kernel.getSymName() == other.getSymName() &&
             kernel.getFunctionType() == other.getFunctionType();
    return OperationEquivalence::isEquivalentTo(
        &first, &second, OperationEquivalence::IgnoreLocations);
  };
  return llvm::equal(*a.getBody(), *b.getBody(), areSame);
}

static FailureOr<DeviceProgram> lowerProgram(ModuleOp source, StringRef plan,
                                             const CompileOptions &options,
                                             const DeviceTarget &target) {
  DeviceProgram program{&target, source.clone(), {}};
  if (failed(lowerToTile(*program.module, options, target, plan)))
    return failure();
  for (auto kernel : program.module->getOps<tile::KernelOp>())
    program.kernels.push_back({kernel, plan.str(), {}, {}});
  return program;
}

namespace {
/// Compiles kernels of one or several programs together.
class Batch {
public:
  void add(DeviceKernel &kernel, const DeviceTarget &target,
           std::optional<std::string> ptxas) {
    kernels.push_back(&kernel);
    jobs.push_back({kernel.op, &target, std::move(ptxas)});
  }
  void add(DeviceProgram &program, std::optional<std::string> ptxas) {
    for (DeviceKernel &kernel : program.kernels)
      add(kernel, *program.target, ptxas);
  }

  LogicalResult run(const CompileOptions &options) {
    compileKernels(jobs, options);
    for (auto [kernel, job] : llvm::zip_equal(kernels, jobs))
      if (succeeded(job.code)) {
        kernel->code = std::move(*job.code);
        compiled.insert(kernel);
      }
    return success(compiled.size() == kernels.size());
  }
  bool hasCompiled(const DeviceKernel &kernel) const {
    return compiled.contains(&kernel);
  }

private:
  std::vector<DeviceKernel *> kernels;
  std::vector<KernelJob> jobs;
  DenseSet<const DeviceKernel *> compiled;
};

class ProgramBuilder {
public:
  ProgramBuilder(ModuleOp source, const CompileOptions &options,
                 const DeviceTarget &target)
      : source(source), options(options), target(target) {}

  FailureOr<std::vector<DeviceProgram>> build(bool withPortable);

private:
  std::optional<DeviceProgram> lowerPortable();
  /// Remembers a tile program; false if a plan has come to it before.
  bool remember(const DeviceKernel &kernel);
  void tryPlan(StringRef plan, DeviceProgram &best);
  void tryOtherPlans(DeviceProgram &best);

  ModuleOp source;
  const CompileOptions &options;
  const DeviceTarget &target;
  std::optional<std::string> ptxas;
  /// The text of tile programs that have flaws.
  llvm::StringSet<> tried;
};
} // namespace

std::optional<DeviceProgram> ProgramBuilder::lowerPortable() {
  const DeviceTarget &portable = *getDeviceTarget("sm_80");
  if (&target == &portable)
    return std::nullopt;
  std::string problem;
  FailureOr<DeviceProgram> program = failure();
  {
    ScopedDiagnosticHandler handler(source.getContext(), [&](Diagnostic &diag) {
      if (diag.getSeverity() == DiagnosticSeverity::Error && problem.empty())
        problem = diag.str();
    });
    program = lowerProgram(source, /*plan=*/"", options, portable);
  }
  if (succeeded(program))
    return std::move(*program);
  source.emitRemark() << "no code for devices other than the target: "
                      << problem;
  return std::nullopt;
}

/// Puts `other` in the place of a kernel of the same launches.
static void replaceKernel(DeviceKernel &kernel, DeviceKernel other) {
  OpBuilder b(kernel.op);
  auto op = cast<tile::KernelOp>(b.clone(*other.op));
  kernel.op.erase();
  kernel = std::move(other);
  kernel.op = op;
}

static std::pair<size_t, int64_t> getCost(const DeviceProgram &program) {
  std::pair<size_t, int64_t> sum;
  for (const DeviceKernel &kernel : program.kernels) {
    auto [advice, spilled] = kernel.getCost();
    sum.first += advice;
    sum.second += spilled;
  }
  return sum;
}

bool ProgramBuilder::remember(const DeviceKernel &kernel) {
  std::string text;
  llvm::raw_string_ostream(text) << *kernel.op;
  return tried.insert(text).second;
}

/// Gives the kernels that have flaws this plan, where that is better. What it
/// cannot lower or compile stays as it is.
void ProgramBuilder::tryPlan(StringRef plan, DeviceProgram &best) {
  std::optional<ScopedDiagnosticHandler> quiet;
  quiet.emplace(source.getContext(), [](Diagnostic &) {});
  FailureOr<DeviceProgram> other = lowerProgram(source, plan, options, target);
  if (failed(other))
    return;
  bool isSame = haveSameLaunches(*best.module, *other->module);
  Batch batch;
  for (auto [kernel, choice] : llvm::zip(other->kernels, best.kernels)) {
    kernel.rejected = choice.rejected;
    if (isSame && !choice.getFlaws().empty() && remember(kernel))
      batch.add(kernel, target, ptxas);
  }
  if (!isSame)
    batch.add(*other, ptxas);
  LogicalResult result = batch.run(options);
  quiet.reset();

  if (isSame) {
    for (auto [kernel, choice] : llvm::zip(other->kernels, best.kernels)) {
      if (!batch.hasCompiled(kernel))
        continue;
      noteFlaws(kernel, target);
      if (kernel.getCost() < choice.getCost())
        replaceKernel(choice, std::move(kernel));
      else
        choice.rejected = std::move(kernel.rejected);
    }
    return;
  }
  if (failed(result))
    return;
  source.emitRemark() << target.chip << ": plan '" << plan
                      << "' launches kernels in another way: it is for all "
                         "kernels, or for none";
  for (DeviceKernel &kernel : other->kernels)
    noteFlaws(kernel, target);
  if (getCost(*other) < getCost(best))
    best = std::move(*other);
}

void ProgramBuilder::tryOtherPlans(DeviceProgram &best) {
  auto hasFlaws = [](const DeviceKernel &kernel) {
    return !kernel.getFlaws().empty();
  };
  for (DeviceKernel &kernel : best.kernels) {
    noteFlaws(kernel, target);
    if (hasFlaws(kernel))
      remember(kernel);
  }
  for (StringRef plan : ArrayRef(kPlans).drop_front())
    if (llvm::any_of(best.kernels, hasFlaws))
      tryPlan(plan, best);
}

FailureOr<std::vector<DeviceProgram>> ProgramBuilder::build(bool withPortable) {
  if (options.assemble) {
    llvm::Expected<std::string> path = findPtxas();
    if (!path)
      return source.emitError(llvm::toString(path.takeError()));
    ptxas = std::move(*path);
  }
  // Where the preferred plan fails, its errors say what a GPU cannot do.
  FailureOr<DeviceProgram> best =
      lowerProgram(source, getPreferredPlan(options), options, target);
  if (failed(best))
    return failure();
  std::optional<DeviceProgram> portable;
  if (withPortable)
    portable = lowerPortable();
  Batch batch;
  batch.add(*best, ptxas);
  if (portable)
    batch.add(*portable, /*ptxas=*/std::nullopt);
  if (failed(batch.run(options)))
    return failure();
  if (options.plan.empty())
    tryOtherPlans(*best);
  std::vector<DeviceProgram> programs;
  programs.push_back(std::move(*best));
  if (portable)
    programs.push_back(std::move(*portable));
  return programs;
}

FailureOr<std::vector<DeviceProgram>> mlir::linattn::buildDevicePrograms(
    ModuleOp source, const CompileOptions &options, const DeviceTarget &target,
    bool withPortable) {
  return ProgramBuilder(source, options, target).build(withPortable);
}
