//===- Compiler.h - from a program to code ----------------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DRIVER_COMPILER_H
#define LINATTN_DRIVER_COMPILER_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/CodeGen.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

namespace llvm {
class LLVMContext;
class Module;
class TargetMachine;
} // namespace llvm

namespace mlir {
class DialectRegistry;

namespace linattn {

/// What code is made for, and how.
struct CompileOptions {
  /// "host", a GPU that getDeviceTarget knows, or kTileHostTarget.
  std::string target = "host";
  /// "native", or the name of a CPU of the target.
  std::string cpu = "native";
  /// Features that are added to or taken from the CPU: "+avx2,-avx512f".
  std::string features;
  unsigned optLevel = 3;
  /// Tokens per chunk and per row block; 0 lets the compiler choose.
  int64_t chunk = 0;
  int64_t subChunk = 0;
  /// Heads that a host kernel computes in turns, chunk by chunk, at most.
  int64_t interleave = 4;
  /// Lower to the loop over tokens, not to chunks.
  bool recurrence = false;
  /// How kernels are placed on a GPU, as options of
  /// linattn-normal-form-to-tile-pipeline: "stages=2 early=true". Empty: what
  /// assembles best.
  std::string plan;
  /// Leave code for the host out of an artifact for a GPU.
  bool deviceOnly = false;
  /// Have ptxas make machine code for the target, if that is a GPU.
  bool assemble = true;
};

/// The host, by way of the tile programs that are made for a GPU: for tests.
inline constexpr StringLiteral kTileHostTarget = "tile-host";

/// How far a program is lowered.
enum class Level { Schedule, Blocks, NormalForm, LLVM };

/// Adds all that programs may use and code generation needs.
void registerCompilerDialects(DialectRegistry &registry);

/// Makes the target machine of `options`, or says why there is none.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(const CompileOptions &options);

/// Lowers `module` in place.
LogicalResult lower(ModuleOp module, Level level, const CompileOptions &options,
                    llvm::TargetMachine &targetMachine);

/// Turns a module at Level::LLVM into optimised LLVM IR.
std::unique_ptr<llvm::Module> translate(ModuleOp module,
                                        llvm::LLVMContext &context,
                                        const CompileOptions &options,
                                        llvm::TargetMachine &targetMachine);

/// Writes assembly or an object file.
llvm::Error emitCode(llvm::Module &module, llvm::TargetMachine &targetMachine,
                     llvm::CodeGenFileType type, llvm::raw_pwrite_stream &os);

/// From a program to an object file in memory. Emits diagnostics and returns
/// null if that fails.
std::unique_ptr<llvm::MemoryBuffer>
compileToObject(ModuleOp module, const CompileOptions &options,
                llvm::TargetMachine &targetMachine);

/// Links an object file into a shared library that needs the C library and,
/// if it has parallel loops, libomp.
llvm::Error linkSharedLibrary(StringRef objectPath, StringRef outputPath);

/// The path of the OpenMP runtime, or an error that says where it was looked
/// for.
llvm::Expected<std::string> findOpenMPRuntime();

} // namespace linattn
} // namespace mlir

#endif // LINATTN_DRIVER_COMPILER_H
