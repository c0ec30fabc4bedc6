//===- Executor.cpp - runs one function on arrays -------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Driver/Executor.h"

#include "linattn-c/Runtime.h"
#include "linattn/Driver/CudaDevice.h"
#include "linattn/Driver/Npy.h"
#include "linattn/Driver/Program.h"

#include "llvm/Support/Alignment.h"

using namespace mlir;
using namespace mlir::linattn;

Executor::~Executor() = default;

//===----------------------------------------------------------------------===//
// Objects
//===----------------------------------------------------------------------===//

namespace {
class ObjectExecutor : public Executor {
public:
  ObjectExecutor(std::unique_ptr<Program> program, Program::Function function,
                 StringRef functionName)
      : program(std::move(program)), function(function) {
    name = functionName;
    llvm::append_range(arguments, function.getArguments());
    unsigned next = arguments.size();
    numTensors = next + function.getResults().size();
    unsigned numResults = function.getResults().size();
    for (const linattn_parameter &argument : arguments)
      numResults += argument.inplace >= 0;
    for (unsigned result = 0; result < numResults; ++result) {
      const auto *argument =
          llvm::find_if(arguments, [&](const linattn_parameter &argument) {
            return argument.inplace == result;
          });
      resultTensors.push_back(
          argument == arguments.end() ? next++ : argument - arguments.begin());
    }
  }

  llvm::Expected<int64_t>
  query(MutableArrayRef<linattn_tensor> tensors) override {
    int64_t workspaceSize = 0;
    linattn_status status = {};
    if (function.query(tensors.data(), tensors.size(), &workspaceSize, &status))
      return llvm::createStringError("%s", status.message);
    return workspaceSize;
  }

  llvm::Error upload(ArrayRef<linattn_tensor> given, int64_t size) override {
    tensors.assign(given.begin(), given.end());
    workspace.resize(size);
    return llvm::Error::success();
  }

  llvm::Error run() override {
    linattn_status status = {};
    if (function.run(tensors.data(), tensors.size(), workspace.data(),
                     workspace.size(), &status))
      return llvm::createStringError("%s", status.message);
    return llvm::Error::success();
  }

  llvm::Error download() override { return llvm::Error::success(); }

private:
  std::unique_ptr<Program> program;
  Program::Function function;
  SmallVector<linattn_tensor> tensors;
  std::vector<char> workspace;
};
} // namespace

llvm::Expected<std::unique_ptr<Executor>>
mlir::linattn::loadObject(std::unique_ptr<llvm::MemoryBuffer> object,
                          StringRef name) {
  auto program = Program::load(std::move(object));
  if (!program)
    return program.takeError();
  auto function = (*program)->lookup(name);
  if (!function)
    return function.takeError();
  return std::make_unique<ObjectExecutor>(std::move(*program), *function, name);
}

//===----------------------------------------------------------------------===//
// Artifacts
//===----------------------------------------------------------------------===//

bool mlir::linattn::isArtifact(StringRef bytes) {
  return bytes.starts_with("\x7fLNA");
}

static int64_t getBytes(const linattn_tensor &tensor) {
  int64_t bytes = getDtypeBytes(tensor.dtype);
  for (int32_t dim = 0; dim < tensor.rank; ++dim)
    bytes *= tensor.sizes[dim];
  return bytes;
}

namespace {
class ArtifactExecutor : public Executor {
public:
  explicit ArtifactExecutor(std::shared_ptr<CudaDevice> device)
      : device(std::move(device)) {}
  ~ArtifactExecutor() override { linattn_artifact_unload(artifact); }

  llvm::Error load(StringRef bytes, StringRef wanted);
  llvm::Expected<int64_t>
  query(MutableArrayRef<linattn_tensor> tensors) override;
  llvm::Error upload(ArrayRef<linattn_tensor> tensors,
                     int64_t workspaceSize) override;
  llvm::Error run() override;
  llvm::Error download() override;

private:
  int32_t getDevice() const {
    return device ? device->getNumber() : LINATTN_DEVICE_HOST;
  }
  llvm::Error fail() const {
    return llvm::createStringError("%s", error.message);
  }
  llvm::Error find(StringRef wanted);
  llvm::Error allocate();

  std::shared_ptr<CudaDevice> device;
  linattn_artifact *artifact = nullptr;
  const linattn_entry *entry = nullptr;
  linattn_error error = {};
  /// Tensors on the host, and where they lie for the function.
  SmallVector<linattn_tensor> hostTensors, tensors;
  SmallVector<bool> isByValue;
  std::vector<char> hostWorkspace;
  void *workspace = nullptr;
  int64_t workspaceSize = 0;
};
} // namespace

llvm::Error ArtifactExecutor::find(StringRef wanted) {
  std::string names;
  int64_t count = linattn_artifact_num_entries(artifact);
  for (int64_t i = 0; i < count; ++i) {
    const linattn_entry *candidate = linattn_artifact_entry(artifact, i);
    names +=
        (i ? ", '" : "'") + std::string(linattn_entry_name(candidate)) + "'";
    if (wanted.empty() ? count == 1 : wanted == linattn_entry_name(candidate))
      entry = candidate;
  }
  if (entry)
    return llvm::Error::success();
  return llvm::createStringError(wanted.empty()
                                     ? "expected --entry, one of %s"
                                     : "unknown entry: the artifact has %s",
                                 names.c_str());
}

llvm::Error ArtifactExecutor::load(StringRef bytes, StringRef wanted) {
  if (linattn_artifact_load_memory(bytes.data(), bytes.size(), &artifact,
                                   &error))
    return fail();
  if (llvm::Error missing = find(wanted))
    return missing;
  name = linattn_entry_name(entry);
  if (linattn_artifact_prepare(artifact, getDevice(), &error))
    return fail();
  numTensors = linattn_entry_num_tensors(entry);
  for (unsigned i = 0; i < numTensors; ++i) {
    linattn_tensor_info info;
    linattn_entry_tensor(entry, i, &info);
    isByValue.push_back(info.is_host);
    if (info.is_result)
      continue;
    linattn_parameter argument = {};
    argument.dtype = info.dtype;
    argument.rank = info.rank;
    argument.inplace = -1;
    std::copy_n(info.sizes, info.rank, argument.sizes);
    arguments.push_back(argument);
  }
  for (int64_t i = 0, e = linattn_entry_num_results(entry); i < e; ++i) {
    resultTensors.push_back(linattn_entry_result_tensor(entry, i));
    if (resultTensors.back() < arguments.size())
      arguments[resultTensors.back()].inplace = i;
  }
  return llvm::Error::success();
}

llvm::Expected<int64_t>
ArtifactExecutor::query(MutableArrayRef<linattn_tensor> given) {
  int64_t size = 0;
  if (linattn_entry_query(entry, getDevice(), given.data(), given.size(), &size,
                          &error))
    return fail();
  return size;
}

llvm::Error ArtifactExecutor::allocate() {
  tensors = hostTensors;
  if (!device) {
    hostWorkspace.resize(workspaceSize + LINATTN_WORKSPACE_ALIGNMENT);
    workspace = reinterpret_cast<void *>(llvm::alignAddr(
        hostWorkspace.data(), llvm::Align(LINATTN_WORKSPACE_ALIGNMENT)));
    return llvm::Error::success();
  }
  for (auto [index, tensor] : llvm::enumerate(tensors)) {
    if (isByValue[index])
      continue;
    llvm::Expected<void *> memory = device->allocate(getBytes(tensor));
    if (!memory)
      return memory.takeError();
    tensor.data = *memory;
  }
  llvm::Expected<void *> memory = device->allocate(workspaceSize);
  if (!memory)
    return memory.takeError();
  workspace = *memory;
  return llvm::Error::success();
}

llvm::Error ArtifactExecutor::upload(ArrayRef<linattn_tensor> given,
                                     int64_t size) {
  hostTensors.assign(given.begin(), given.end());
  if (tensors.empty()) {
    workspaceSize = size;
    if (llvm::Error failed = allocate())
      return failed;
  }
  for (unsigned i = 0; device && i < arguments.size(); ++i)
    if (!isByValue[i])
      if (llvm::Error failed = device->copyTo(
              tensors[i].data, hostTensors[i].data, getBytes(tensors[i])))
        return failed;
  return llvm::Error::success();
}

llvm::Error ArtifactExecutor::run() {
  if (linattn_entry_launch(entry, getDevice(), tensors.data(), tensors.size(),
                           workspace, workspaceSize, /*stream=*/nullptr,
                           &error))
    return fail();
  return device ? device->synchronize() : llvm::Error::success();
}

llvm::Error ArtifactExecutor::download() {
  for (unsigned tensor : resultTensors)
    if (device)
      if (llvm::Error failed =
              device->copyFrom(hostTensors[tensor].data, tensors[tensor].data,
                               getBytes(tensors[tensor])))
        return failed;
  return llvm::Error::success();
}

llvm::Expected<std::unique_ptr<Executor>>
mlir::linattn::loadArtifact(StringRef bytes, StringRef name,
                            std::shared_ptr<CudaDevice> device) {
  auto executor = std::make_unique<ArtifactExecutor>(std::move(device));
  if (llvm::Error error = executor->load(bytes, name))
    return std::move(error);
  return std::move(executor);
}
