//===- Passes.h - passes from the normal form to the host -------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_HOST_PASSES_H
#define LINATTN_HOST_PASSES_H

#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassOptions.h"

namespace mlir {
class OpPassManager;

namespace linattn {

#define GEN_PASS_DECL
#include "linattn/Host/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "linattn/Host/Passes.h.inc"

/// What the host pipeline knows about the machine. The defaults are AVX2.
struct HostPipelineOptions : public PassPipelineOptions<HostPipelineOptions> {
  PassOptions::Option<unsigned> vectorBits{
      *this, "vector-bits", llvm::cl::desc("Size of a vector register in bits"),
      llvm::cl::init(256)};
  PassOptions::Option<unsigned> vectorRegisters{
      *this, "vector-registers", llvm::cl::desc("Number of vector registers"),
      llvm::cl::init(16)};
  PassOptions::Option<int64_t> maxStackBytes{
      *this, "max-stack-bytes",
      llvm::cl::desc(
          "Largest block of buffers that a kernel puts on the stack"),
      llvm::cl::init(int64_t(1) << 20)};
  PassOptions::Option<int64_t> maxGroup{
      *this, "max-group",
      llvm::cl::desc("Largest number of iterations of a kernel that take turns "
                     "chunk by chunk"),
      llvm::cl::init(4)};
  PassOptions::Option<bool> parallel{
      *this, "parallel",
      llvm::cl::desc("Run the iterations of kernels in parallel, by OpenMP"),
      llvm::cl::init(true)};
};

/// Normal form on tensors to loops over vectors on buffers. Arguments of
/// functions are memrefs already, or are converted by one-shot bufferization.
void buildNormalFormToBuffersPipeline(OpPassManager &pm,
                                      const HostPipelineOptions &options);

/// Loops over vectors on buffers to the LLVM dialect. Frees nothing: what is
/// allocated has its deallocation or came from the caller.
void buildBuffersToLLVMPipeline(OpPassManager &pm,
                                const HostPipelineOptions &options);

/// Both of the above, with deallocations between them:
/// `linattn-host-pipeline`.
void buildHostPipeline(OpPassManager &pm, const HostPipelineOptions &options);

/// Registers the pipelines above by name.
void registerHostPipelines();

} // namespace linattn
} // namespace mlir

#endif // LINATTN_HOST_PASSES_H
