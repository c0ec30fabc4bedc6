//===- linattn-compile.cpp - compiles programs to code -------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Linattn/IR/Linattn.h"
#include "linattn/Dialect/Tile/IR/Tile.h"
#include "linattn/Driver/ArtifactBuilder.h"
#include "linattn/Driver/CompileFlags.h"
#include "linattn/Driver/Compiler.h"
#include "linattn/Driver/DeviceProgram.h"
#include "linattn/InitAll.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace mlir::linattn;
namespace cl = llvm::cl;

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

static constexpr char kOverview[] =
    R"(linattn-compile: compiles a program to code that C can call

The program is MLIR: functions on tensors, with linattn, linalg, tensor, scf,
arith and math ops. Every public function gets the C ABI that docs/ABI.md and
include/linattn-c/Program.h describe.

Examples:
  linattn-compile mixer.mlir -o mixer.so
  linattn-compile mixer.mlir -o mixer.lna
  linattn-compile mixer.mlir --emit=normal-form
  linattn-compile mixer.mlir --print-schedule --chunk=128 -o mixer.o
  linattn-compile mixer.mlir --mcpu=x86-64-v3 -o mixer.s
  linattn-compile attention.mlir --target=sm_90a -o attention.lna
  linattn-compile attention.mlir --target=sm_90a --emit=ptx
)";

namespace {
enum class Emit {
  Auto,
  Blocked,
  NormalForm,
  Tile,
  NVVM,
  LLVM,
  LLVMIR,
  Asm,
  Obj,
  So,
  PTX,
  Cubin,
  Artifact
};
} // namespace

static cl::OptionCategory category("linattn-compile options");

static cl::opt<std::string> inputPath(cl::Positional, cl::Required,
                                      cl::desc("<program.mlir>"),
                                      cl::cat(category));
static cl::opt<std::string>
    outputPath("o", cl::desc("Where to write; - is the standard output"),
               cl::value_desc("file"), cl::cat(category));
static cl::opt<Emit> emitKind(
    "emit", cl::desc("What to write (default: what the name of -o says)"),
    cl::init(Emit::Auto), cl::cat(category),
    cl::values(clEnumValN(Emit::Blocked, "blocked", "MLIR: loops over chunks"),
               clEnumValN(Emit::NormalForm, "normal-form",
                          "MLIR: contractions and maps on tiles"),
               clEnumValN(Emit::Tile, "tile",
                          "MLIR: tile programs and their launches (GPU)"),
               clEnumValN(Emit::NVVM, "nvvm",
                          "MLIR: kernels in the LLVM and NVVM dialects (GPU)"),
               clEnumValN(Emit::LLVM, "llvm",
                          "MLIR: the LLVM dialect; nvvm for a GPU"),
               clEnumValN(Emit::LLVMIR, "llvmir", "optimised LLVM IR (.ll)"),
               clEnumValN(Emit::Asm, "asm", "assembly (.s)"),
               clEnumValN(Emit::Obj, "obj", "an object file (.o)"),
               clEnumValN(Emit::So, "so", "a shared library (.so)"),
               clEnumValN(Emit::PTX, "ptx", "PTX (.ptx)"),
               clEnumValN(Emit::Cubin, "cubin", "machine code (.cubin)"),
               clEnumValN(Emit::Artifact, "artifact",
                          "an artifact for the runtime (.lna)")));
static cl::opt<bool>
    printSchedule("print-schedule",
                  cl::desc("Print how ops are cut into chunks, or how kernels "
                           "are placed on a GPU"),
                  cl::init(false), cl::cat(category));
static cl::opt<bool> printRemarks(
    "remarks", cl::desc("Print what was chosen for kernels and what they use"),
    cl::init(false), cl::cat(category));

//===----------------------------------------------------------------------===//
// Stages
//===----------------------------------------------------------------------===//

static LogicalResult reportError(const Twine &message) {
  llvm::WithColor::error(llvm::errs(), "linattn-compile") << message << "\n";
  return failure();
}

static LogicalResult reportError(llvm::Error error) {
  return reportError(llvm::toString(std::move(error)));
}

/// What to emit, from --emit or from the name of the output.
static FailureOr<Emit> getEmitKind() {
  if (emitKind != Emit::Auto)
    return emitKind.getValue();
  StringRef extension = llvm::sys::path::extension(outputPath);
  if (extension == ".mlir")
    return Emit::NormalForm;
  if (extension == ".ll")
    return Emit::LLVMIR;
  if (extension == ".s")
    return Emit::Asm;
  if (extension == ".o")
    return Emit::Obj;
  if (extension == ".so")
    return Emit::So;
  if (extension == ".ptx")
    return Emit::PTX;
  if (extension == ".cubin")
    return Emit::Cubin;
  if (extension == ".lna")
    return Emit::Artifact;
  if (outputPath.empty())
    return reportError("expected -o or --emit, to say what to write");
  return reportError("cannot tell from '" + outputPath +
                     "' what to write: expected .mlir, .ll, .s, .o, "
                     ".so, .ptx, .cubin or .lna, or --emit");
}

static LogicalResult writeOutput(
    llvm::function_ref<LogicalResult(llvm::raw_pwrite_stream &)> write) {
  std::string path = outputPath.empty() ? "-" : outputPath.getValue();
  std::error_code error;
  llvm::ToolOutputFile file(path, error, llvm::sys::fs::OF_None);
  if (error)
    return reportError("cannot write '" + path + "': " + error.message());
  SmallString<0> buffer;
  llvm::raw_svector_ostream os(buffer);
  if (failed(write(os)))
    return failure();
  file.os() << buffer;
  file.os().flush();
  if (file.os().has_error()) {
    error = file.os().error();
    file.os().clear_error();
    return reportError("cannot write '" + path + "': " + error.message());
  }
  file.keep();
  return success();
}

/// Prints how a kernel is placed, and how it is not.
static void printPlan(raw_ostream &os, DeviceKernel &kernel) {
  tile::KernelOp op = kernel.op;
  os << op.getSymName() << ": " << op->getName() << " ";
  op->getLoc().print(os);
  Attribute plan = op->getAttr(tile::kPlanAttrName);
  if (!plan) {
    os << ": element by element\n";
    return;
  }
  os << ": " << plan << ", schedule = \"" << kernel.plan << "\"\n";
  for (const DeviceKernel::RejectedPlan &rejected : kernel.rejected)
    os << op.getSymName() << ": rejected schedule = \"" << rejected.plan
       << "\": " << rejected.flaws << "\n";
}

/// Prints the schedules of a copy of `module`: how ops are cut into chunks on
/// the host, how kernels are placed on a GPU.
static LogicalResult printSchedules(ModuleOp module,
                                    const CompileOptions &options,
                                    llvm::TargetMachine &targetMachine) {
  // Not into the program, if that goes to the standard output.
  bool toStdout = outputPath.empty() || outputPath == "-";
  raw_ostream &os =
      toStdout && emitKind != Emit::Auto ? llvm::errs() : llvm::outs();
  if (const DeviceTarget *device = getDeviceTarget(options.target)) {
    FailureOr<std::vector<DeviceProgram>> programs =
        buildDevicePrograms(module, options, *device);
    if (failed(programs))
      return failure();
    for (DeviceKernel &kernel : programs->front().kernels)
      printPlan(os, kernel);
    return success();
  }
  OwningOpRef<ModuleOp> copy = module.clone();
  if (failed(lower(*copy, Level::Schedule, options, targetMachine)))
    return failure();
  copy->walk([&](Operation *op) {
    auto schedule = op->getAttrOfType<ScheduleAttr>("schedule");
    if (!schedule)
      return;
    auto function = op->getParentOfType<FunctionOpInterface>();
    os << (function ? function.getName() : "") << ": " << op->getName() << " ";
    op->getLoc().print(os);
    os << ": chunk = " << schedule.getChunk()
       << ", sub_chunk = " << schedule.getSubChunk()
       << ", head_align = " << schedule.getHeadAlign() << "\n";
  });
  return success();
}

/// Links the object file in `object` into the shared library at `path`.
static LogicalResult link(StringRef object, StringRef path) {
  int descriptor;
  SmallString<128> objectPath;
  if (std::error_code error = llvm::sys::fs::createTemporaryFile(
          "linattn", "o", descriptor, objectPath))
    return reportError("cannot write a temporary file: " + error.message());
  llvm::FileRemover remover(objectPath);
  {
    llvm::raw_fd_ostream os(descriptor, /*shouldClose=*/true);
    os << object;
  }
  if (llvm::Error error = linkSharedLibrary(objectPath, path)) {
    llvm::sys::fs::remove(path);
    return reportError(std::move(error));
  }
  return success();
}

/// Links the object file in `object` into a shared library.
static LogicalResult writeSharedLibrary(StringRef object) {
  if (outputPath.empty() || outputPath == "-")
    return reportError("expected -o with the name of the shared library");
  // Checked first: the linker would say it less well.
  int descriptor;
  if (std::error_code error = llvm::sys::fs::openFileForWrite(
          outputPath, descriptor, llvm::sys::fs::CD_OpenAlways))
    return reportError("cannot write '" + outputPath + "': " + error.message());
  llvm::sys::Process::SafelyCloseFileDescriptor(descriptor);
  return link(object, outputPath);
}

static LogicalResult writeText(StringRef text) {
  return writeOutput([&](llvm::raw_pwrite_stream &os) {
    os << text;
    return success();
  });
}

static LogicalResult writeModule(ModuleOp module) {
  return writeOutput([&](llvm::raw_pwrite_stream &os) {
    module.print(os);
    return success();
  });
}

static LogicalResult writeArtifact(ModuleOp module,
                                   const CompileOptions &options,
                                   llvm::TargetMachine &targetMachine) {
  if (outputPath.empty())
    return reportError("expected -o with the name of the artifact");
  FailureOr<std::string> artifact =
      buildArtifact(module, options, targetMachine);
  return failed(artifact) ? failure() : writeText(*artifact);
}

/// Assembles kernels into one file, which an artifact has one by one.
static LogicalResult writeCubin(StringRef ptx, const DeviceTarget &target) {
  llvm::Expected<std::string> ptxas = findPtxas();
  if (!ptxas)
    return reportError(ptxas.takeError());
  llvm::Expected<Cubin> cubin = assemblePTX(ptx, target.chip, *ptxas);
  if (!cubin)
    return reportError(cubin.takeError());
  return writeText(cubin->bytes);
}

/// Writes what is made for a GPU on the way to an artifact.
static LogicalResult writeDeviceCode(ModuleOp module, Emit kind,
                                     const CompileOptions &options,
                                     const DeviceTarget &target) {
  if (kind == Emit::PTX || kind == Emit::Cubin) {
    CompileOptions ptxOnly = options;
    ptxOnly.assemble = false;
    FailureOr<std::vector<DeviceProgram>> programs =
        buildDevicePrograms(module, ptxOnly, target);
    if (failed(programs))
      return failure();
    std::string ptx = programs->front().getPTX();
    return kind == Emit::PTX ? writeText(ptx) : writeCubin(ptx, target);
  }
  if (failed(lowerToTile(module, options, target, getPreferredPlan(options))))
    return failure();
  if (kind == Emit::Tile)
    return writeModule(module);
  OwningOpRef<ModuleOp> kernels = extractKernels(
      module.getLoc(), llvm::to_vector(module.getOps<tile::KernelOp>()));
  if (failed(lowerToNVVM(*kernels, target)))
    return failure();
  return writeModule(*kernels);
}

static LogicalResult run(ModuleOp module, const CompileOptions &options,
                         llvm::TargetMachine &targetMachine) {
  if (printSchedule && failed(printSchedules(module, options, targetMachine)))
    return failure();
  if (printSchedule && outputPath.empty() && emitKind == Emit::Auto)
    return success();
  FailureOr<Emit> kind = getEmitKind();
  if (failed(kind))
    return failure();

  if (*kind == Emit::Artifact)
    return writeArtifact(module, options, targetMachine);
  const DeviceTarget *device = getDeviceTarget(options.target);
  switch (*kind) {
  case Emit::Tile:
  case Emit::NVVM:
  case Emit::PTX:
  case Emit::Cubin:
    if (!device)
      return reportError("what to write is made for a GPU: expected --target "
                         "with one other than host of " +
                         getTargetNames());
    return writeDeviceCode(module, *kind, options, *device);
  case Emit::LLVM:
    if (device)
      return writeDeviceCode(module, *kind, options, *device);
    break;
  case Emit::LLVMIR:
  case Emit::Asm:
  case Emit::Obj:
  case Emit::So:
    if (device)
      return reportError("what to write is made for the host: expected .ptx, "
                         ".cubin, .lna or --emit with one of tile, nvvm, ptx "
                         "and cubin for " +
                         options.target);
    break;
  default:
    break;
  }

  if (*kind == Emit::Blocked || *kind == Emit::NormalForm ||
      *kind == Emit::LLVM) {
    Level level = *kind == Emit::Blocked      ? Level::Blocks
                  : *kind == Emit::NormalForm ? Level::NormalForm
                                              : Level::LLVM;
    if (failed(lower(module, level, options, targetMachine)))
      return failure();
    return writeModule(module);
  }

  if (*kind == Emit::So) {
    std::unique_ptr<llvm::MemoryBuffer> object =
        compileToObject(module, options, targetMachine);
    if (!object)
      return failure();
    return writeSharedLibrary(object->getBuffer());
  }
  if (*kind == Emit::Obj && outputPath.empty())
    return reportError("expected -o with the name of the object file");

  if (failed(lower(module, Level::LLVM, options, targetMachine)))
    return failure();
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> llvmModule =
      translate(module, context, options, targetMachine);
  if (!llvmModule)
    return failure();
  return writeOutput([&](llvm::raw_pwrite_stream &os) -> LogicalResult {
    if (*kind == Emit::LLVMIR) {
      llvmModule->print(os, /*AAW=*/nullptr);
      return success();
    }
    auto type = *kind == Emit::Asm ? llvm::CodeGenFileType::AssemblyFile
                                   : llvm::CodeGenFileType::ObjectFile;
    if (llvm::Error error = emitCode(*llvmModule, targetMachine, type, os))
      return reportError(std::move(error));
    return success();
  });
}

int main(int argc, char **argv) {
  llvm::setBugReportMsg(getBugReportMessage());
  llvm::InitLLVM init(argc, argv);
  registerAsmPrinterCLOptions();
  registerMLIRContextCLOptions();
  registerPassManagerCLOptions();
  registerDefaultTimingManagerCLOptions();
  CompileFlags flags(category, "What to make code for: " + getTargetNames());
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, kOverview);

  auto parsed = flags.get();
  if (!parsed)
    return failed(reportError(parsed.takeError()));
  const CompileOptions &options = *parsed;
  if (options.target != "host" && !getDeviceTarget(options.target))
    return failed(reportError("unknown target '" + options.target +
                              "': expected one of " + getTargetNames()));
  auto targetMachine = createTargetMachine(options);
  if (!targetMachine)
    return failed(reportError(targetMachine.takeError()));

  auto input = llvm::MemoryBuffer::getFileOrSTDIN(inputPath, /*IsText=*/true);
  if (!input)
    return failed(reportError("cannot read '" + inputPath +
                              "': " + input.getError().message()));
  DialectRegistry registry;
  registerCompilerDialects(registry);
  MLIRContext context(registry);
  context.printOpOnDiagnostic(false);
  llvm::SourceMgr sourceMgr;
  sourceMgr.AddNewSourceBuffer(std::move(*input), llvm::SMLoc());
  SourceMgrDiagnosticHandler handler(sourceMgr, &context);
  // Handlers that were registered later are asked first.
  ScopedDiagnosticHandler filter(&context, [](Diagnostic &diag) {
    return success(diag.getSeverity() == DiagnosticSeverity::Remark &&
                   !printRemarks);
  });
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sourceMgr, &context);
  if (!module)
    return 1;
  return failed(run(*module, options, **targetMachine));
}
