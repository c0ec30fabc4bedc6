//===- Description.h - functions as a manifest describes them ---*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DRIVER_DESCRIPTION_H
#define LINATTN_DRIVER_DESCRIPTION_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/JSON.h"

#include <optional>
#include <string>
#include <vector>

namespace mlir {
namespace linattn {

/// What a call must fulfil about one stride.
struct StrideDescription {
  enum class Kind {
    /// No code for a GPU looks at it.
    Any,
    /// It is 1.
    Unit,
    /// It is a multiple of `multiple`, and passed to kernels.
    Symbol
  } kind = Kind::Any;
  int64_t multiple = 1;
};

/// An argument, or a result that is not written to an argument.
struct TensorDescription {
  std::string name;
  /// As it is in the program.
  Type type;
  llvm::StringRef dtype;
  int64_t elementBytes = 0;
  /// The static sizes and the names of the others, for an argument; for a
  /// result null where a size is not static, until a launch plan says it.
  std::vector<llvm::json::Value> sizes;
  std::vector<StrideDescription> strides;
  /// In bytes; 0: that of the element type.
  int64_t alignment = 0;

  std::string getStrideSymbol(unsigned dim) const {
    return name + ".stride" + std::to_string(dim);
  }
};

/// A function of an artifact: what callers see, and how it is launched.
struct FunctionDescription {
  std::string name;
  std::vector<TensorDescription> arguments;
  /// All results. One that is written to an argument has no description of its
  /// own, but the number of the argument.
  struct Result {
    std::optional<unsigned> inplace;
    TensorDescription tensor;
  };
  std::vector<Result> results;
  bool hasHostCode = false;
  /// Conditions on sizes and strides, with a message each.
  llvm::json::Array requirements;
  /// The launch plans, in order of preference.
  llvm::json::Array plans;

  llvm::json::Object toJson() const;
};

/// A program: its public functions, and a hash of its text.
struct ProgramDescription {
  std::vector<FunctionDescription> functions;
  std::string hash;

  FunctionDescription *find(StringRef name);
  llvm::json::Object toJson() const;
};

/// Describes the public functions of `module`. It must be the source, before
/// any pass. Arguments are named after their locations (`%q: tensor<...>
/// loc("q")`), otherwise `arg0`, `arg1` and so on. Fails with a diagnostic if a
/// function has types that the C ABI lacks, and if there is none.
FailureOr<ProgramDescription> describeProgram(ModuleOp module);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_DRIVER_DESCRIPTION_H
