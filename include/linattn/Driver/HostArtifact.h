//===- HostArtifact.h - artifacts that hold host code -----------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DRIVER_HOSTARTIFACT_H
#define LINATTN_DRIVER_HOSTARTIFACT_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

namespace llvm {
class TargetMachine;
} // namespace llvm

namespace mlir {
namespace linattn {

/// The manifest of a program whose functions run on the host: what a caller
/// sees of each, and a hash of the program. Arguments are named after their
/// locations where these have names. `module` is the source program. Emits
/// diagnostics for functions that cannot be called.
FailureOr<llvm::json::Object> describeHostProgram(ModuleOp module);

/// The bytes of an artifact that holds the program as a shared library.
llvm::Expected<std::string>
makeHostArtifact(llvm::json::Object manifest, StringRef sharedLibrary,
                 const llvm::TargetMachine &targetMachine);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_DRIVER_HOSTARTIFACT_H
