//===- linattn-run.cpp - compiles and runs a program on .npy files -------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Driver/ArtifactBuilder.h"
#include "linattn/Driver/CompileFlags.h"
#include "linattn/Driver/CudaDevice.h"
#include "linattn/Driver/DeviceCode.h"
#include "linattn/Driver/Executor.h"
#include "linattn/Driver/Npy.h"
#include "linattn/Driver/TileMachine.h"
#include "linattn/InitAll.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Target/TargetMachine.h"

#include <chrono>
#include <cmath>

using namespace mlir;
using namespace mlir::linattn;
namespace cl = llvm::cl;

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

static constexpr char kOverview[] =
    R"(linattn-run: compiles a program and runs one of its functions

The program is MLIR, or an artifact (.lna) that linattn-compile has made. It runs
on the host, or on the first GPU with --target=cuda.

Arguments are .npy files, little endian and in C order, or numbers for scalars.
f32 files are rounded to nearest even for f16 and bf16 arguments; uint16 files
are taken as the bits of bf16. f16 and bf16 results are written as f32, unless
--keep-dtype asks for float16 and uint16.

Examples:
  linattn-run mixer.mlir --entry=mixer --arg=x.npy --arg=w.npy --out=y.npy
  linattn-run step.mlir --arg=q.npy --arg=0.125 --out=o.npy --check=ref.npy
  linattn-run mixer.mlir --arg=x.npy --arg=w.npy --repeat=20 --time
  linattn-run attention.lna --target=cuda --arg=q.npy --arg=k.npy --arg=v.npy
)";

static cl::OptionCategory category("linattn-run options");

static cl::opt<std::string> inputPath(cl::Positional, cl::Required,
                                      cl::desc("<program.mlir or .lna>"),
                                      cl::cat(category));
static cl::opt<std::string>
    entry("entry", cl::desc("The function to run (default: the only one)"),
          cl::value_desc("name"), cl::cat(category));
static cl::list<std::string> argTexts("arg", cl::desc("An argument, in order"),
                                      cl::value_desc("file.npy or number"),
                                      cl::cat(category));
static cl::list<std::string> outPaths("out",
                                      cl::desc("Where to write a result, in "
                                               "order; - for none"),
                                      cl::value_desc("file.npy"),
                                      cl::cat(category));
static cl::list<std::string>
    checkPaths("check", cl::desc("What a result must be, in order; - for none"),
               cl::value_desc("file.npy"), cl::cat(category));
static cl::opt<double>
    rtol("rtol",
         cl::desc("Largest rms(error) / rms(reference) that --check accepts "
                  "(default: 2e-5 for f32 and f64 results, 5e-3 for f16 and "
                  "bf16, 0 for integers)"),
         cl::init(-1), cl::cat(category));
static cl::opt<bool> keepDtype("keep-dtype",
                               cl::desc("Write f16 results as float16 and bf16 "
                                        "results as uint16"),
                               cl::init(false), cl::cat(category));
static cl::opt<bool> printTime("time",
                               cl::desc("Print how long compiling and running "
                                        "took"),
                               cl::init(false), cl::cat(category));
static cl::opt<unsigned>
    repeat("repeat",
           cl::desc("Run this many times, each from the same arguments, and "
                    "time the fastest"),
           cl::init(1), cl::value_desc("count"), cl::cat(category));
static cl::opt<bool>
    lateContractions("late-contractions",
                     cl::desc("On tile-host, contract when that is waited for"),
                     cl::cat(category));
static cl::opt<bool> lateCopies("late-copies",
                                cl::desc("On tile-host, load when nothing else "
                                         "can be done and store when that is "
                                         "waited for"),
                                cl::cat(category));
static cl::opt<bool>
    lastFirst("last-first", cl::desc("On tile-host, run the last warps first"),
              cl::cat(category));

static LogicalResult reportError(const Twine &message) {
  llvm::WithColor::error(llvm::errs(), "linattn-run") << message << "\n";
  return failure();
}

static LogicalResult reportError(llvm::Error error) {
  return reportError(llvm::toString(std::move(error)));
}

//===----------------------------------------------------------------------===//
// Arrays
//===----------------------------------------------------------------------===//

static ArrayRef<int64_t> getShape(const linattn_parameter &parameter) {
  return ArrayRef(parameter.sizes, parameter.rank);
}

static FailureOr<Array> readNpy(StringRef path, StringRef name) {
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
  if (!file)
    return reportError(name + ": cannot read '" + path +
                       "': " + file.getError().message());
  llvm::Expected<Array> array = parseNpy((*file)->getBuffer());
  if (!array)
    return reportError(name + ": '" + path +
                       "': " + llvm::toString(array.takeError()));
  return std::move(*array);
}

/// A number as an array without dimensions, if `text` is one.
static std::optional<Array> parseNumber(StringRef text, int32_t dtype) {
  Array array;
  auto append = [&](auto value) {
    array.data.resize(sizeof(value));
    memcpy(array.data.data(), &value, sizeof(value));
  };
  if (dtype == LINATTN_F32 || dtype == LINATTN_F16 || dtype == LINATTN_BF16 ||
      dtype == LINATTN_F64) {
    double value;
    if (text.getAsDouble(value))
      return std::nullopt;
    if (dtype == LINATTN_F64) {
      array.type = "f8";
      append(value);
    } else {
      array.type = "f4";
      append(static_cast<float>(value));
    }
    return array;
  }
  int64_t value;
  if (text.getAsInteger(0, value))
    return std::nullopt;
  unsigned bits = getDtypeBytes(dtype) * 8;
  if (dtype == LINATTN_BOOL ? value != 0 && value != 1
                            : !llvm::isIntN(bits, value))
    return std::nullopt;
  array.type = dtype == LINATTN_BOOL ? "b1" : "i" + std::to_string(bits / 8);
  append(value);
  array.data.resize(bits / 8);
  return array;
}

/// Reads the argument `text` for `parameter`.
static FailureOr<Array> readArgument(unsigned index, StringRef text,
                                     const linattn_parameter &parameter) {
  std::string name = "argument " + std::to_string(index);
  if (parameter.rank == 0 && !llvm::sys::fs::exists(text)) {
    if (std::optional<Array> number = parseNumber(text, parameter.dtype)) {
      llvm::Expected<Array> array =
          convertToDtype(std::move(*number), parameter.dtype);
      if (!array)
        return reportError(name + ": " + llvm::toString(array.takeError()));
      return std::move(*array);
    }
    if (!text.ends_with(".npy"))
      return reportError(name + ": expected a number of type " +
                         getDtypeName(parameter.dtype) +
                         " or an .npy file, but got '" + text + "'");
  }
  FailureOr<Array> array = readNpy(text, name);
  if (failed(array))
    return failure();
  ArrayRef<int64_t> shape = getShape(parameter);
  if (array->shape.size() != shape.size())
    return reportError(name + ": '" + text + "': expected rank " +
                       Twine(shape.size()) + ", shape " + formatShape(shape) +
                       ", but got rank " + Twine(array->shape.size()) +
                       ", shape " + formatShape(array->shape));
  for (auto [expected, actual] : llvm::zip(shape, array->shape))
    if (expected >= 0 && expected != actual)
      return reportError(name + ": '" + text + "': expected shape " +
                         formatShape(shape) + ", but got " +
                         formatShape(array->shape));
  llvm::Expected<Array> converted =
      convertToDtype(std::move(*array), parameter.dtype);
  if (!converted)
    return reportError(name + ": '" + text +
                       "': " + llvm::toString(converted.takeError()));
  return std::move(*converted);
}

/// A descriptor of a dense array.
static linattn_tensor describe(const linattn_parameter &parameter,
                               Array &array) {
  linattn_tensor tensor = {};
  tensor.data = array.data.data();
  tensor.dtype = parameter.dtype;
  tensor.rank = parameter.rank;
  int64_t stride = 1;
  for (unsigned dim = parameter.rank; dim-- > 0;) {
    tensor.sizes[dim] = array.shape[dim];
    tensor.strides[dim] = stride;
    stride *= array.shape[dim];
  }
  return tensor;
}

static LogicalResult writeResult(StringRef path, const Array &array) {
  std::error_code error;
  llvm::ToolOutputFile file(path, error, llvm::sys::fs::OF_None);
  if (!error) {
    writeNpy(array, file.os());
    file.os().flush();
    error = file.os().error();
    file.os().clear_error();
  }
  if (error)
    return reportError("cannot write '" + path + "': " + error.message());
  file.keep();
  return success();
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

/// The element as a double.
static double getElement(const Array &array, int64_t index) {
  const char *data = &array.data[index * (array.type[1] - '0')];
  auto read = [&](auto value) {
    memcpy(&value, data, sizeof(value));
    return static_cast<double>(value);
  };
  if (array.type == "f4")
    return read(float());
  if (array.type == "f8")
    return read(double());
  if (array.type == "i2")
    return read(int16_t());
  if (array.type == "i4")
    return read(int32_t());
  if (array.type == "i8")
    return read(int64_t());
  return read(int8_t());
}

/// Compares `result` with the file `path`.
static LogicalResult checkResult(unsigned index, const Array &result,
                                 int32_t dtype, StringRef path) {
  std::string name = "result " + std::to_string(index);
  FailureOr<Array> read = readNpy(path, name);
  if (failed(read))
    return failure();
  // f16 and bf16 references are widened; f64 ones are taken as they are.
  if (read->type == "f2")
    read = convertFromDtype(std::move(*read), LINATTN_F16, false);
  else if (read->type == "u2" && dtype == LINATTN_BF16)
    read = convertFromDtype(std::move(*read), LINATTN_BF16, false);
  bool isFloat = result.type[0] == 'f';
  if (isFloat ? read->type[0] != 'f' : read->type != result.type)
    return reportError(name + ": '" + path + "': expected elements of type '" +
                       result.type + "', but got '" + read->type + "'");
  if (read->shape != result.shape)
    return reportError(name + ": '" + path + "': expected shape " +
                       formatShape(result.shape) + ", but got " +
                       formatShape(read->shape));

  double squaredError = 0, squaredReference = 0, maxError = 0;
  int64_t mismatches = 0, numElements = result.getNumElements();
  for (int64_t i = 0; i < numElements; ++i) {
    double actual = getElement(result, i), expected = getElement(*read, i);
    if (!std::isfinite(actual) || !std::isfinite(expected)) {
      bool same =
          actual == expected || (std::isnan(actual) && std::isnan(expected));
      mismatches += !same;
      continue;
    }
    double error = std::abs(actual - expected);
    squaredError += error * error;
    squaredReference += expected * expected;
    maxError = std::max(maxError, error);
  }
  double bound = rtol;
  if (bound < 0)
    bound = dtype == LINATTN_F32 || dtype == LINATTN_F64    ? 2e-5
            : dtype == LINATTN_F16 || dtype == LINATTN_BF16 ? 5e-3
                                                            : 0;
  double relative = squaredError == 0 ? 0
                    : squaredReference == 0
                        ? std::numeric_limits<double>::infinity()
                        : std::sqrt(squaredError / squaredReference);
  bool holds = relative <= bound && mismatches == 0;
  llvm::outs() << name << ": "
               << llvm::format("rms error / rms reference = %.3g (at most "
                               "%.3g), largest error %.3g",
                               relative, bound, maxError)
               << (holds ? "" : ": FAILED") << "\n";
  if (mismatches != 0)
    llvm::outs() << name << ": " << mismatches << " of " << numElements
                 << " elements are not finite on one side\n";
  return success(holds);
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

/// Finds the entry function and hides all others, so that they need not be
/// callable.
static LogicalResult selectEntry(ModuleOp module) {
  func::FuncOp selected;
  std::string names;
  unsigned numPublic = 0;
  for (func::FuncOp func : module.getOps<func::FuncOp>()) {
    if (!func.isPublic())
      continue;
    ++numPublic;
    names += (names.empty() ? "'" : ", '") + func.getSymName().str() + "'";
    if (entry.empty() || func.getSymName() == entry)
      selected = func;
  }
  if (numPublic == 0)
    return reportError("'" + inputPath + "' has no public function");
  if (entry.empty() && numPublic != 1)
    return reportError("expected --entry, one of " + names);
  if (!selected)
    return reportError("unknown entry '" + entry + "': '" + inputPath +
                       "' has " + names);
  entry = selected.getSymName().str();
  for (func::FuncOp func : module.getOps<func::FuncOp>())
    if (func != selected)
      func.setPrivate();
  return success();
}

static double getSeconds(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - since)
      .count();
}

/// The message of a call that failed.
static LogicalResult reportCall(llvm::Error error) {
  std::string message = llvm::toString(std::move(error));
  return entry.empty() ? reportError(message)
                       : reportError("'" + entry + "': " + message);
}

/// Reads all arguments.
static LogicalResult readArguments(ArrayRef<linattn_parameter> parameters,
                                   SmallVectorImpl<Array> &arrays) {
  if (argTexts.size() != parameters.size())
    return reportError("'" + entry + "' expects " + Twine(parameters.size()) +
                       " arguments, but got " + Twine(argTexts.size()) +
                       " --arg");
  for (auto [index, parameter] : llvm::enumerate(parameters)) {
    FailureOr<Array> array = readArgument(index, argTexts[index], parameter);
    if (failed(array))
      return failure();
    arrays.push_back(std::move(*array));
  }
  return success();
}

/// Writes and checks the results.
static LogicalResult dealWithResults(const Executor &executor,
                                     ArrayRef<linattn_tensor> tensors,
                                     ArrayRef<Array> arrays) {
  ArrayRef<unsigned> results = executor.getResultTensors();
  for (auto [option, count] :
       {std::pair("--out", outPaths.size()), {"--check", checkPaths.size()}})
    if (count > results.size())
      return reportError("'" + entry + "' has " + Twine(results.size()) +
                         " results, but got " + Twine(count) + " " + option);
  LogicalResult outcome = success();
  for (auto [result, tensor] : llvm::enumerate(results)) {
    int32_t dtype = tensors[tensor].dtype;
    if (result < outPaths.size() && outPaths[result] != "-" &&
        failed(writeResult(outPaths[result],
                           convertFromDtype(arrays[tensor], dtype, keepDtype))))
      return failure();
    if (result < checkPaths.size() && checkPaths[result] != "-" &&
        failed(checkResult(result,
                           convertFromDtype(arrays[tensor], dtype, false),
                           dtype, checkPaths[result])))
      outcome = failure();
  }
  return outcome;
}

/// Runs the function and deals with its results.
static LogicalResult runFunction(Executor &executor) {
  ArrayRef<linattn_parameter> parameters = executor.getArguments();
  SmallVector<Array> arrays;
  if (failed(readArguments(parameters, arrays)))
    return failure();
  unsigned numArguments = parameters.size();
  arrays.resize(executor.getNumTensors());
  SmallVector<linattn_tensor> tensors;
  for (auto [index, parameter] : llvm::enumerate(parameters))
    tensors.push_back(describe(parameter, arrays[index]));
  tensors.resize(arrays.size());

  llvm::Expected<int64_t> workspaceSize = executor.query(tensors);
  if (!workspaceSize)
    return reportCall(workspaceSize.takeError());
  for (unsigned i = numArguments; i < tensors.size(); ++i) {
    const linattn_tensor &tensor = tensors[i];
    arrays[i].shape.assign(tensor.sizes, tensor.sizes + tensor.rank);
    arrays[i].data.resize(arrays[i].getNumElements() *
                          getDtypeBytes(tensor.dtype));
    tensors[i].data = arrays[i].data.data();
  }

  // Arguments that are written to start each run with what they held.
  SmallVector<std::pair<unsigned, std::vector<char>>> written;
  for (auto [index, parameter] : llvm::enumerate(parameters))
    if (parameter.inplace >= 0 && repeat > 1)
      written.push_back({index, arrays[index].data});
  double fastest = std::numeric_limits<double>::infinity();
  for (unsigned i = 0; i < std::max(repeat.getValue(), 1u); ++i) {
    for (auto &[index, data] : written)
      llvm::copy(data, arrays[index].data.begin());
    if (llvm::Error error = executor.upload(tensors, *workspaceSize))
      return reportCall(std::move(error));
    auto start = std::chrono::steady_clock::now();
    llvm::Error error = executor.run();
    fastest = std::min(fastest, getSeconds(start));
    if (error)
      return reportCall(std::move(error));
  }
  if (llvm::Error error = executor.download())
    return reportCall(std::move(error));
  if (printTime)
    llvm::outs() << llvm::format("run: %.6f s", fastest)
                 << ", workspace: " << *workspaceSize << " bytes\n";
  return dealWithResults(executor, tensors, arrays);
}

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

/// Parses and compiles the program in `input`, for the GPU if there is one.
static FailureOr<std::unique_ptr<Executor>>
compileProgram(std::unique_ptr<llvm::MemoryBuffer> input,
               const CompileOptions &options,
               std::shared_ptr<CudaDevice> device) {
  auto targetMachine = createTargetMachine(options);
  if (!targetMachine) {
    (void)reportError(targetMachine.takeError());
    return failure();
  }
  DialectRegistry registry;
  registerCompilerDialects(registry);
  MLIRContext context(registry);
  context.printOpOnDiagnostic(false);
  llvm::SourceMgr sourceMgr;
  sourceMgr.AddNewSourceBuffer(std::move(input), llvm::SMLoc());
  SourceMgrDiagnosticHandler handler(sourceMgr, &context);
  ScopedDiagnosticHandler filter(&context, [](Diagnostic &diag) {
    return success(diag.getSeverity() == DiagnosticSeverity::Remark);
  });
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sourceMgr, &context);
  if (!module || failed(selectEntry(*module)))
    return failure();
  auto loaded = [&]() -> llvm::Expected<std::unique_ptr<Executor>> {
    if (device) {
      FailureOr<std::string> artifact =
          buildArtifact(*module, options, **targetMachine);
      if (failed(artifact))
        return nullptr;
      return loadArtifact(*artifact, entry, device);
    }
    std::unique_ptr<llvm::MemoryBuffer> object =
        compileToObject(*module, options, **targetMachine);
    if (!object)
      return nullptr;
    return loadObject(std::move(object), entry);
  }();
  if (!loaded) {
    (void)reportError(loaded.takeError());
    return failure();
  }
  if (!*loaded)
    return failure();
  return std::move(*loaded);
}

int main(int argc, char **argv) {
  llvm::setBugReportMsg(getBugReportMessage());
  llvm::InitLLVM init(argc, argv);
  registerAsmPrinterCLOptions();
  registerMLIRContextCLOptions();
  registerPassManagerCLOptions();
  registerDefaultTimingManagerCLOptions();
  CompileFlags flags(category, "What to run on: host, cuda for a GPU, or "
                               "tile-host for the host by way of the tile "
                               "programs for a GPU");
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, kOverview);

  auto options = flags.get();
  if (!options)
    return failed(reportError(options.takeError()));
  if (options->target != "host" && options->target != "cuda" &&
      options->target != kTileHostTarget)
    return failed(reportError("unknown target '" + options->target +
                              "': expected host, cuda or " + kTileHostTarget));
  setTileMachineOptions({lateContractions, lateCopies, lastFirst});
  auto input = llvm::MemoryBuffer::getFileOrSTDIN(inputPath);
  if (!input)
    return failed(reportError("cannot read '" + inputPath +
                              "': " + input.getError().message()));
  std::shared_ptr<CudaDevice> device;
  if (options->target == "cuda") {
    auto opened = CudaDevice::open(0);
    if (!opened)
      return failed(reportError(opened.takeError()));
    device = std::move(*opened);
  }
  auto start = std::chrono::steady_clock::now();
  std::unique_ptr<Executor> executor;
  if (isArtifact((*input)->getBuffer())) {
    auto loaded = loadArtifact((*input)->getBuffer(), entry, device);
    if (!loaded)
      return failed(reportCall(loaded.takeError()));
    executor = std::move(*loaded);
  } else {
    if (device) {
      const DeviceTarget *target = getDeviceTarget(device->getCapability());
      if (!target)
        return failed(reportError(
            "the GPU has compute capability " +
            Twine(device->getCapability() / 10) + "." +
            Twine(device->getCapability() % 10) +
            ", which linattn-run compiles nothing for: expected one of " +
            getTargetNames()));
      options->target = target->chip.str();
      options->deviceOnly = true;
    }
    auto compiled = compileProgram(std::move(*input), *options, device);
    if (failed(compiled))
      return 1;
    executor = std::move(*compiled);
  }
  if (printTime)
    llvm::outs() << llvm::format("compile: %.6f s\n", getSeconds(start));
  entry = executor->getName().str();
  return failed(runFunction(*executor));
}
