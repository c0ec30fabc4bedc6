//===- Passes.td - passes on the linattn dialect -----------*- tablegen -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DIALECT_LINATTN_TRANSFORMS_PASSES_TD
#define LINATTN_DIALECT_LINATTN_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def LinattnSetSchedule : Pass<"linattn-set-schedule"> {
  let summary = "Choose how each op is cut into chunks";
  let description = [{
    Puts a `#linattn.schedule` on every `linattn.attention` and `linattn.state`
    that has none: 32 tokens to a chunk and 16 to a row block, unless the
    options say otherwise. A remark says what was chosen.

    Before:

    ```mlir
    %o = linattn.attention ins(%q, %k, %v : ...) outs(%i : ...) -> ...
    ```

    After `linattn-set-schedule{chunk=64 sub-chunk=16}`:

    ```mlir
    %o = linattn.attention ins(%q, %k, %v : ...) outs(%i : ...)
        {schedule = #linattn.schedule<chunk = 64, sub_chunk = 16, head_align = 16>}
        -> ...
    ```
  }];
  let options = [
    Option<"chunk", "chunk", "int64_t", /*default=*/"0",
           "Tokens per chunk; 0 lets the pass choose">,
    Option<"subChunk", "sub-chunk", "int64_t", /*default=*/"0",
           "Tokens per row block inside a chunk; 0 lets the pass choose">,
    Option<"headAlign", "head-align", "int64_t", /*default=*/"16",
           "Head sizes are padded, inside a tile, to a multiple of this">,
  ];
  let dependentDialects = ["mlir::linattn::LinattnDialect"];
}

def LinattnToRecurrence : Pass<"linattn-to-recurrence"> {
  let summary = "Lower named ops to a loop over tokens";
  let description = [{
    Turns `linattn.attention`, `linattn.state` and `linattn.step` on tensors
    into the recurrence that defines them: an `scf.forall` over sequences and
    heads, and in it an `scf.for` over tokens that carries the state. The
    executable reference for every other lowering, and the way a step runs.
  }];
  let options = [
    Option<"stepsOnly", "steps-only", "bool", /*default=*/"false",
           "Lower only `linattn.step`">,
    Option<"alsoF32", "also-f32", "bool", /*default=*/"false",
           "With steps-only, lower ops on queries, keys or values of f32, too: "
           "for targets whose matrix instructions multiply 16 bits">,
  ];
  let dependentDialects = [
    "mlir::affine::AffineDialect", "mlir::arith::ArithDialect",
    "mlir::cf::ControlFlowDialect", "mlir::linalg::LinalgDialect",
    "mlir::math::MathDialect", "mlir::scf::SCFDialect",
    "mlir::tensor::TensorDialect"];
}

def LinattnToBlocks : Pass<"linattn-to-blocks"> {
  let summary = "Cut named ops into chunks of block ops";
  let description = [{
    Turns `linattn.attention` and `linattn.state` on tensors into an
    `scf.forall` over sequences and heads, and in it an `scf.for` over chunks
    that carries the state through `linattn.inter`, `linattn.block_state` and
    `linattn.intra` on static tiles. The last chunk is not peeled: its tiles
    have a valid length, and the rows behind it are neutral. With offsets,
    chunks never straddle the boundary of a sequence, and a `cf.assert` checks
    the offsets. An op without a schedule is an error.
  }];
  let dependentDialects = [
    "mlir::affine::AffineDialect", "mlir::arith::ArithDialect",
    "mlir::cf::ControlFlowDialect", "mlir::linalg::LinalgDialect",
    "mlir::scf::SCFDialect", "mlir::tensor::TensorDialect"];
}

def LinattnDecomposeBlocks : Pass<"linattn-decompose-blocks"> {
  let summary = "Decompose block ops into contractions and maps";
  let description = [{
    Turns `linattn.inter`, `linattn.block_state` and `linattn.intra` on tensors
    into linalg contractions and elementwise maps on static tiles: the normal
    form, see `docs/NormalForm.md`.

    A uniform decay becomes row factors on accumulators and a mask on the
    intra-chunk weights. A decay per channel becomes factors on the operands,
    if a run-time guard finds every exponent of the chunk small enough, and
    running products over the tokens of the chunk otherwise.
  }];
  let options = [
    Option<"coarseSpans", "coarse-spans", "bool", /*default=*/"false",
           "Where queries and keys have 16 bits, take the decay between two "
           "tokens as a difference of running sums; exact enough for them, and "
           "less work than a sum per pair">,
  ];
  let dependentDialects = [
    "mlir::arith::ArithDialect", "mlir::linalg::LinalgDialect",
    "mlir::math::MathDialect", "mlir::scf::SCFDialect",
    "mlir::tensor::TensorDialect"];
}

def LinattnLinalgToKernels : Pass<"linattn-linalg-to-kernels"> {
  let summary = "Cut linalg ops on whole tensors into kernels on static tiles";
  let description = [{
    The projections, activations and norms around linear attention are linalg
    ops on tensors with a dynamic number of tokens. This pass brings them into
    the normal form: each becomes an `scf.forall` over tiles of its parallel
    loops. The last tile of a loop is padded with zeros, and only its valid
    part is written back. Tiles of parallel loops shrink, outermost first, until
    no tile has more than 65536 elements. Loops that are not parallel must have
    a static size, and stay whole, but for a long contracted loop, which becomes
    a loop over tiles in the kernel. A `cf.assert` in front of the kernel checks that the
    dynamic sizes of the operands agree. A constant tensor of more than 4096
    equal elements becomes a fill.

    Before:

    ```mlir
    %0 = linalg.fill ins(%zero : f32) outs(%e : tensor<?x256xf32>)
    %1 = linalg.matmul ins(%x, %w : tensor<?x128xf32>, tensor<128x256xf32>)
        outs(%0 : tensor<?x256xf32>)
    ```

    After:

    ```mlir
    %1 = scf.forall (%i, %j) = (0, 0) to (%n, 256) step (64, 64)
        shared_outs(%o = %e) -> tensor<?x256xf32> {
      %rows = affine.min (64, %n - %i)
      %xi = tensor.extract_slice %x[%i, 0] [%rows, 128] [1, 1]
      %xt = tensor.pad %xi ... to tensor<64x128xf32>
      %wt = tensor.extract_slice %w[0, %j] [128, 64] [1, 1]
      %ot = linalg.fill ins(%zero : f32) outs(%et : tensor<64x64xf32>)
      %t = linalg.matmul ins(%xt, %wt) outs(%ot)
      ...
    }
    ```
  }];
  let options = [
    Option<"tileSize", "tile-size", "int64_t", /*default=*/"64",
           "Largest tile of a loop">,
  ];
  let dependentDialects = [
    "mlir::affine::AffineDialect", "mlir::arith::ArithDialect",
    "mlir::cf::ControlFlowDialect",
    "mlir::linalg::LinalgDialect", "mlir::scf::SCFDialect",
    "mlir::tensor::TensorDialect"];
}

#endif // LINATTN_DIALECT_LINATTN_TRANSFORMS_PASSES_TD
