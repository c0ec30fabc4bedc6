//===- Executor.h - runs one function on arrays -----------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DRIVER_EXECUTOR_H
#define LINATTN_DRIVER_EXECUTOR_H

#include "linattn-c/Program.h"
#include "linattn/Driver/Compiler.h"

#include <memory>
#include <string>

namespace mlir {
namespace linattn {

class CudaDevice;

/// A compiled function, somewhere. Arrays lie in the memory of the host: where
/// it runs elsewhere, they are copied.
class Executor {
public:
  virtual ~Executor();

  StringRef getName() const { return name; }
  ArrayRef<linattn_parameter> getArguments() const { return arguments; }
  /// The tensor of a call that receives each result: an argument, or one of
  /// those that follow the arguments.
  ArrayRef<unsigned> getResultTensors() const { return resultTensors; }
  unsigned getNumTensors() const { return numTensors; }

  /// Checks the arguments, fills in the results in `tensors` and returns the
  /// bytes of the workspace.
  virtual llvm::Expected<int64_t>
  query(MutableArrayRef<linattn_tensor> tensors) = 0;
  /// Takes the tensors, which stay until the end, and the values of arguments.
  virtual llvm::Error upload(ArrayRef<linattn_tensor> tensors,
                             int64_t workspaceSize) = 0;
  /// Runs once and waits until that is done.
  virtual llvm::Error run() = 0;
  /// Brings back results.
  virtual llvm::Error download() = 0;

protected:
  std::string name;
  SmallVector<linattn_parameter> arguments;
  SmallVector<unsigned> resultTensors;
  unsigned numTensors = 0;
};

/// A function of an object file that `compileToObject` has made.
llvm::Expected<std::unique_ptr<Executor>>
loadObject(std::unique_ptr<llvm::MemoryBuffer> object, StringRef name);

/// A function of an artifact, on a GPU, or on the host if `device` is null. An
/// empty name means the only function.
llvm::Expected<std::unique_ptr<Executor>>
loadArtifact(StringRef bytes, StringRef name,
             std::shared_ptr<CudaDevice> device);

/// Whether these are the first bytes of an artifact.
bool isArtifact(StringRef bytes);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_DRIVER_EXECUTOR_H
