//===- Dialect.td - the linattn dialect --------------------*- tablegen -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DIALECT_LINATTN_IR_DIALECT_TD
#define LINATTN_DIALECT_LINATTN_IR_DIALECT_TD

include "mlir/IR/OpBase.td"

def Linattn_Dialect : Dialect {
  let name = "linattn";
  let cppNamespace = "::mlir::linattn";
  let summary = "Linear attention with decay, as one op and its blocks";
  let description = [{
    Linear attention keeps one matrix per head, the state, in place of a
    growing cache of keys and values:

    ```
    S_t = A_t(S_{t-1}) + k_t v_t^T        o_t = scale * S_t^T q_t
    ```

    where `A_t` multiplies the state by a decay. The *decay class* follows from
    the shape of the decay operand, not from an attribute: none, constant per
    head, one scalar per token and head, or one factor per token and channel.

    The dialect has three groups of ops.

    * Named ops, on whole sequences: `linattn.attention`, `linattn.state`,
      `linattn.step` and `linattn.slopes`.
    * Block ops, on the static tiles of one chunk of one head:
      `linattn.inter`, `linattn.block_state` and `linattn.intra`.

    Every op that computes is destination style and takes tensors or memrefs.
    Conventions: decays are natural logarithms, accumulation is in f32, states
    are f32. `docs/Spec.md` lists the numbered constraints of every op.
  }];
  // What folding, simplification and tiling make.
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::memref::MemRefDialect",
    "::mlir::tensor::TensorDialect"];
  let useDefaultAttributePrinterParser = 1;
  let hasCanonicalizer = 1;
  let hasConstantMaterializer = 1;

  let extraClassDeclaration = [{
    /// Adds a decay class. Classes are tried in the order in which they were
    /// added; the first whose roles fit the rank of an operand is its class.
    void addDecayClass(std::unique_ptr<DecayClass> decayClass);

    /// The decay classes that this context knows.
    ::llvm::ArrayRef<std::unique_ptr<DecayClass>> getDecayClasses() const {
      return decayClasses;
    }

  private:
    ::llvm::SmallVector<std::unique_ptr<DecayClass>> decayClasses;

  public:
  }];
}

#endif // LINATTN_DIALECT_LINATTN_IR_DIALECT_TD
