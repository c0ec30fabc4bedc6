//===- Transitions.h - what an iteration does to a state --------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_PLANNER_TRANSITIONS_H
#define LINATTN_LIB_PLANNER_TRANSITIONS_H

#include "KernelBody.h"

namespace mlir {
namespace linattn {

/// What an iteration multiplies a state by: tiles of rank 0, or scalars. What
/// it adds does not depend on the state.
struct Transition {
  BlockArgument state;
  SmallVector<Value> factors;
};

/// A kernel whose loop over chunks can be cut.
struct Splittable {
  scf::ForallOp kernel;
  scf::ForOp loop;
  SmallVector<Transition> transitions;
};

/// The transitions of all states of a kernel, or none: if they are not of this
/// kind, or if the kernel leaves nothing but states.
std::optional<Splittable> getSplittable(scf::ForallOp kernel);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_PLANNER_TRANSITIONS_H
