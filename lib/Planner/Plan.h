//===- Plan.h - where the work of a kernel is placed ------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_PLANNER_PLAN_H
#define LINATTN_LIB_PLANNER_PLAN_H

#include "KernelBody.h"

namespace mlir {
namespace linattn {

/// What a device has, as far as plans depend on it.
struct DeviceLimits {
  int64_t sharedBytes = 232448;
  /// Whether warpgroups can leave registers to others.
  bool movesRegisters = true;
  /// How many thread blocks have to share an iteration; 0 for any number.
  int64_t columnBlocks = 0;
};

/// The decisions that turn a kernel into a tile program.
struct Plan {
  /// Warpgroups that compute, thread blocks that share an iteration of the
  /// kernel, and the dimension that is cut among them: into a part for each
  /// thread block, and that into a part for each warpgroup.
  int64_t groups = 1;
  int64_t columnBlocks = 1;
  std::optional<unsigned> splitClass;
  int64_t splitWidth = 0;
  /// Tiles of a chunk that are in shared memory at once.
  int64_t stages = 2;
  /// Buffers for each output on its way out.
  int64_t outputSlots = 2;
  /// Whether contractions of loaded tiles are issued one chunk early, and
  /// operands computed that follow from these alone.
  bool early = false;
  /// Whether a state is updated before the rest of the chunk.
  bool stateFirst = false;
  /// Whether states are rounded into shared memory while other contractions of
  /// the chunk still run.
  bool publishFirst = false;
  /// Whether masks are computed anew for each chunk, to save registers.
  bool recompute = false;
  /// Operands in shared memory that are the same for all warpgroups, and the
  /// products that they are computed from: each warpgroup computes some columns
  /// of them.
  llvm::DenseSet<Value> shared;
  int64_t consumerRegisters = 240;
  int64_t producerRegisters = 24;

  /// The size of a dimension within a warpgroup, and within a thread block.
  int64_t getLocalSize(const KernelBody &body, Value tile, unsigned dim) const;
  int64_t getBlockSize(const KernelBody &body, Value tile, unsigned dim) const;
  /// Whether a dimension is cut.
  bool isSplit(const KernelBody &body, Value tile, unsigned dim) const;
};

/// How the operand of a contraction gets to the matrix instruction.
enum class Placement {
  /// A tile as it was loaded.
  Loaded,
  /// Left operands only: computed in registers.
  Registers,
  /// A carried state, rounded into shared memory at the end of an iteration.
  Published,
  /// Computed in registers and rounded into shared memory.
  Staged,
};
Placement getPlacement(const KernelBody &body, const Contraction &contraction,
                       bool isLhs);
/// The type of the elements that a contraction multiplies.
Type getElementType(const KernelBody &body, const Contraction &contraction);

/// Whether the left operand of a contraction is a carried state in registers.
bool holdsState(const KernelBody &body, const Contraction &contraction);

/// The order in which contractions are issued: numbers of
/// `body.contractions`.
SmallVector<unsigned> getIssueOrder(const KernelBody &body, const Plan &plan);
/// Whether a contraction waits for no other one of its iteration.
bool needsNoOther(const KernelBody &body, const Contraction &contraction);
/// Whether a contraction needs nothing but loaded tiles.
bool needsLoadsOnly(const KernelBody &body, const Contraction &contraction);

/// Lets warpgroups compute parts of operands for each other, where they can.
void shareOperands(const KernelBody &body, Plan &plan);

/// The plan that is chosen, if one fits.
std::optional<Plan> findPlan(const KernelBody &body,
                             const DeviceLimits &limits);
/// The same, with a diagnostic if none fits.
FailureOr<Plan> choosePlan(const KernelBody &body, const DeviceLimits &limits);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_PLANNER_PLAN_H
