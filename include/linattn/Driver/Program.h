//===- Program.h - running compiled functions in this process ---*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DRIVER_PROGRAM_H
#define LINATTN_DRIVER_PROGRAM_H

#include "linattn-c/Program.h"
#include "mlir/Support/LLVM.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"

namespace llvm {
namespace orc {
class LLJIT;
} // namespace orc
} // namespace llvm

namespace mlir {
namespace linattn {

/// An object file that is loaded into this process.
class Program {
public:
  /// A function of the program, by the C ABI of docs/ABI.md.
  struct Function {
    linattn_function run;
    linattn_query query;
    const linattn_signature *signature;

    ArrayRef<linattn_parameter> getArguments() const {
      return {signature->parameters,
              static_cast<size_t>(signature->num_arguments)};
    }
    ArrayRef<linattn_parameter> getResults() const {
      return {signature->parameters + signature->num_arguments,
              static_cast<size_t>(signature->num_results)};
    }
  };

  ~Program();

  /// Loads what `compileToObject` returns.
  static llvm::Expected<std::unique_ptr<Program>>
  load(std::unique_ptr<llvm::MemoryBuffer> object);

  llvm::Expected<Function> lookup(StringRef name);

private:
  Program();

  std::unique_ptr<llvm::orc::LLJIT> jit;
};

} // namespace linattn
} // namespace mlir

#endif // LINATTN_DRIVER_PROGRAM_H
