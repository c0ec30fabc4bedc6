//===- CompileFlags.h - options that compile ---------------------*- C++
//-*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DRIVER_COMPILEFLAGS_H
#define LINATTN_DRIVER_COMPILEFLAGS_H

#include "linattn/Driver/Compiler.h"

#include "llvm/Support/CommandLine.h"

#include <string>

namespace mlir {
namespace linattn {

/// The options of a tool that compiles. They are registered as long as this
/// exists.
class CompileFlags {
public:
  /// `targetHelp` describes --target.
  CompileFlags(llvm::cl::OptionCategory &category, std::string targetHelp);

  /// What the command line says. Fails if it says something impossible; that
  /// there is such a target is left to the tool.
  llvm::Expected<CompileOptions> get() const;

private:
  std::string targetHelp;
  llvm::cl::opt<std::string> target, cpu, features, schedule;
  llvm::cl::opt<unsigned> optLevel;
  llvm::cl::opt<int64_t> chunk, subChunk, interleave;
  llvm::cl::opt<bool> recurrence, ptxOnly, deviceOnly;
};

} // namespace linattn
} // namespace mlir

#endif // LINATTN_DRIVER_COMPILEFLAGS_H
