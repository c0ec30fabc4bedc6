//===- CompileFlags.cpp - options that compile ----------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Driver/CompileFlags.h"

using namespace mlir;
using namespace mlir::linattn;
namespace cl = llvm::cl;

CompileFlags::CompileFlags(cl::OptionCategory &category, std::string targetHelp)
    : targetHelp(std::move(targetHelp)),
      target("target", cl::desc(this->targetHelp), cl::init("host"),
             cl::value_desc("name"), cl::cat(category)),
      cpu("mcpu", cl::desc("The CPU to make host code for (default: native)"),
          cl::init("native"), cl::value_desc("name"), cl::cat(category)),
      features("mattr", cl::desc("CPU features to add or to leave out"),
               cl::value_desc("+a,-b,..."), cl::cat(category)),
      schedule("schedule",
               cl::desc("How kernels are placed on a GPU, instead of the "
                        "compiler's choice: options of "
                        "linattn-normal-form-to-tile-pipeline"),
               cl::value_desc("\"stages=2 early=true\""), cl::cat(category)),
      optLevel("O", cl::Prefix,
               cl::desc("Optimisation level, 0 to 3 (default: 3)"), cl::init(3),
               cl::cat(category)),
      chunk("chunk",
            cl::desc("Tokens per chunk, instead of the compiler's choice"),
            cl::init(0), cl::value_desc("tokens"), cl::cat(category)),
      subChunk("sub-chunk",
               cl::desc("Tokens per row block of a chunk, instead of the "
                        "compiler's choice"),
               cl::init(0), cl::value_desc("tokens"), cl::cat(category)),
      interleave(
          "interleave",
          cl::desc("Heads that a host kernel computes in turns, chunk by "
                   "chunk, at most; 1 for one after the other"),
          cl::init(4), cl::value_desc("heads"), cl::cat(category)),
      recurrence("recurrence",
                 cl::desc("Lower to the loop over tokens that defines each op: "
                          "slow, for comparison, and for what no loop over "
                          "chunks can do on a GPU"),
                 cl::init(false), cl::cat(category)),
      ptxOnly("ptx-only",
              cl::desc("Leave it to the GPU's driver to assemble PTX, which "
                       "takes no ptxas"),
              cl::init(false), cl::cat(category)),
      deviceOnly("device-only",
                 cl::desc("Leave code for the host out of an artifact for a "
                          "GPU"),
                 cl::init(false), cl::cat(category)) {}

llvm::Expected<CompileOptions> CompileFlags::get() const {
  if (optLevel > 3)
    return llvm::createStringError("expected -O0 to -O3, but got -O%u",
                                   optLevel.getValue());
  if (interleave < 1)
    return llvm::createStringError("expected --interleave of at least 1, but "
                                   "got %lld",
                                   static_cast<long long>(interleave));
  CompileOptions options;
  options.target = target;
  options.cpu = cpu;
  options.features = features;
  options.optLevel = optLevel;
  options.chunk = chunk;
  options.subChunk = subChunk;
  options.interleave = interleave;
  options.recurrence = recurrence;
  options.plan = schedule;
  options.assemble = !ptxOnly;
  options.deviceOnly = deviceOnly;
  return options;
}
