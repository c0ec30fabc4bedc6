//===- linattn-compile.cpp - compiles programs to code -------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Linattn/IR/Linattn.h"
#include "linattn/Driver/Compiler.h"
#include "linattn/Driver/HostArtifact.h"
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
)";

namespace {
enum class Emit {
  Auto,
  Blocked,
  NormalForm,
  LLVM,
  LLVMIR,
  Asm,
  Obj,
  So,
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
               clEnumValN(Emit::LLVM, "llvm", "MLIR: the LLVM dialect"),
               clEnumValN(Emit::LLVMIR, "llvmir", "optimised LLVM IR (.ll)"),
               clEnumValN(Emit::Asm, "asm", "assembly (.s)"),
               clEnumValN(Emit::Obj, "obj", "an object file (.o)"),
               clEnumValN(Emit::So, "so", "a shared library (.so)"),
               clEnumValN(Emit::Artifact, "artifact",
                          "an artifact for the runtime (.lna)")));
static cl::opt<std::string> target("target",
                                   cl::desc("What to make code for: host"),
                                   cl::init("host"), cl::cat(category));
static cl::opt<std::string>
    cpu("mcpu", cl::desc("The CPU to make code for (default: native)"),
        cl::init("native"), cl::value_desc("name"), cl::cat(category));
static cl::opt<std::string>
    features("mattr", cl::desc("CPU features to add or to leave out"),
             cl::value_desc("+a,-b,..."), cl::cat(category));
static cl::opt<unsigned> optLevel("O", cl::Prefix,
                                  cl::desc("Optimisation level, 0 to 3 "
                                           "(default: 3)"),
                                  cl::init(3), cl::cat(category));
static cl::opt<int64_t>
    chunk("chunk",
          cl::desc("Tokens per chunk, instead of the compiler's choice"),
          cl::init(0), cl::value_desc("tokens"), cl::cat(category));
static cl::opt<int64_t>
    subChunk("sub-chunk",
             cl::desc("Tokens per row block of a chunk, instead of the "
                      "compiler's choice"),
             cl::init(0), cl::value_desc("tokens"), cl::cat(category));
static cl::opt<bool>
    recurrence("recurrence",
               cl::desc("Lower to the loop over tokens that defines each op: "
                        "slow, for comparison"),
               cl::init(false), cl::cat(category));
static cl::opt<bool>
    printSchedule("print-schedule",
                  cl::desc("Print the schedule of every op that has one"),
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
  if (extension == ".lna")
    return Emit::Artifact;
  if (outputPath.empty())
    return reportError("expected -o or --emit, to say what to write");
  return reportError("cannot tell from '" + outputPath +
                     "' what to write: expected .mlir, .ll, .s, .o, .so "
                     "or .lna, or --emit");
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

/// Prints the schedules of a copy of `module`.
static LogicalResult printSchedules(ModuleOp module,
                                    const CompileOptions &options,
                                    llvm::TargetMachine &targetMachine) {
  OwningOpRef<ModuleOp> copy = module.clone();
  if (failed(lower(*copy, Level::Schedule, options, targetMachine)))
    return failure();
  // Not into the program, if that goes to the standard output.
  bool toStdout = outputPath.empty() || outputPath == "-";
  raw_ostream &os =
      toStdout && emitKind != Emit::Auto ? llvm::errs() : llvm::outs();
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

/// Compiles `module` into an artifact that holds code for the host.
static LogicalResult writeArtifact(ModuleOp module,
                                   const CompileOptions &options,
                                   llvm::TargetMachine &targetMachine) {
  if (outputPath.empty())
    return reportError("expected -o with the name of the artifact");
  FailureOr<llvm::json::Object> manifest = describeHostProgram(module);
  if (failed(manifest))
    return failure();
  std::unique_ptr<llvm::MemoryBuffer> object =
      compileToObject(module, options, targetMachine);
  if (!object)
    return failure();
  SmallString<128> path;
  if (std::error_code error =
          llvm::sys::fs::createTemporaryFile("linattn", "so", path))
    return reportError("cannot write a temporary file: " + error.message());
  llvm::FileRemover remover(path);
  if (failed(link(object->getBuffer(), path)))
    return failure();
  auto library = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                             /*RequiresNullTerminator=*/false);
  if (!library)
    return reportError("cannot read a temporary file: " +
                       library.getError().message());
  llvm::Expected<std::string> artifact = makeHostArtifact(
      std::move(*manifest), (*library)->getBuffer(), targetMachine);
  if (!artifact)
    return reportError(artifact.takeError());
  return writeOutput([&](llvm::raw_pwrite_stream &os) {
    os << *artifact;
    return success();
  });
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

  if (*kind == Emit::Blocked || *kind == Emit::NormalForm ||
      *kind == Emit::LLVM) {
    Level level = *kind == Emit::Blocked      ? Level::Blocks
                  : *kind == Emit::NormalForm ? Level::NormalForm
                                              : Level::LLVM;
    if (failed(lower(module, level, options, targetMachine)))
      return failure();
    return writeOutput([&](llvm::raw_pwrite_stream &os) {
      module.print(os);
      return success();
    });
  }

  if (*kind == Emit::So) {
    std::unique_ptr<llvm::MemoryBuffer> object =
        compileToObject(module, options, targetMachine);
    if (!object)
      return failure();
    return writeSharedLibrary(object->getBuffer());
  }
  if (*kind == Emit::Artifact)
    return writeArtifact(module, options, targetMachine);
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
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, kOverview);

  CompileOptions options;
  options.target = target;
  options.cpu = cpu;
  options.features = features;
  options.optLevel = optLevel;
  options.chunk = chunk;
  options.subChunk = subChunk;
  options.recurrence = recurrence;
  if (optLevel > 3)
    return failed(
        reportError("expected -O0 to -O3, but got -O" + Twine(optLevel)));
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
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sourceMgr, &context);
  if (!module)
    return 1;
  return failed(run(*module, options, **targetMachine));
}
