//===- Passes.td - passes on the normal form ---------------*- tablegen -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_NORMALFORM_PASSES_TD
#define LINATTN_NORMALFORM_PASSES_TD

include "mlir/Pass/PassBase.td"

def LinattnVerifyNormalForm : Pass<"linattn-verify-normal-form"> {
  let summary = "Check a function against the normal form";
  let description = [{
    Fails with a diagnostic for each operation that is not in the normal form of
    `docs/NormalForm.md`. It names the rule, what the rule expects, and what it
    found. Nothing is changed.

    ```mlir
    // error: breaks NF1 of the normal form: expected work on whole tensors of
    // dynamic shape to be cut into kernels (scf.forall), got tensor<?x64xf32>
    %y = linalg.matmul ins(%x, %w : tensor<?x64xf32>, tensor<64x64xf32>) ...
    ```
  }];
}

#endif // LINATTN_NORMALFORM_PASSES_TD
