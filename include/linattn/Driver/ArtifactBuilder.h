//===- ArtifactBuilder.h - from a program to an artifact --------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DRIVER_ARTIFACTBUILDER_H
#define LINATTN_DRIVER_ARTIFACTBUILDER_H

#include "linattn/Driver/Compiler.h"

namespace mlir {
namespace linattn {

/// Compiles a program into the bytes of an artifact: code for the target of
/// `options`, if that is a GPU, and for the host. A program that is written for
/// GPUs, with tile programs of its own, has no code for the host. Says what it
/// made as remarks. The same program and options give the same bytes. Fails
/// with a diagnostic.
FailureOr<std::string> buildArtifact(ModuleOp module,
                                     const CompileOptions &options,
                                     llvm::TargetMachine &targetMachine);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_DRIVER_ARTIFACTBUILDER_H
