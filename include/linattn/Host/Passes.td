//===- Passes.td - passes from the normal form to the host -*- tablegen -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_HOST_PASSES_TD
#define LINATTN_HOST_PASSES_TD

include "mlir/Pass/PassBase.td"

#endif // LINATTN_HOST_PASSES_TD
