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

def LinattnFuseMaps : Pass<"linattn-fuse-maps"> {
  let summary = "Fuse elementwise maps on tensors that stand in one block";
  let description = [{
    Fuses a map into the map or reduction that is its only user, with the
    patterns of linalg. A producer outside of the consumer's loop stays there:
    fusing it would compute a loop invariant once per iteration. Contractions
    are left alone, since their operands are reused.

    Before:

    ```mlir
    %0 = linalg.generic ... ins(%x) { arith.mulf } -> tensor<64x64xf32>
    %1 = linalg.generic ... ins(%0) { math.exp } -> tensor<64x64xf32>
    ```

    After:

    ```mlir
    %1 = linalg.generic ... ins(%x) { arith.mulf, math.exp } -> tensor<64x64xf32>
    ```
  }];
  let dependentDialects = [
    "mlir::affine::AffineDialect", "mlir::linalg::LinalgDialect"];
}

def LinattnWidenTiles : Pass<"linattn-widen-tiles"> {
  let summary = "Give contractions operands of the accumulator's type";
  let description = [{
    A contraction reads each element of its inputs many times. An input that is
    narrower than the accumulator is widened once, into a tile of its own, and
    every contraction and map that reads the narrow tile reads the wide one. A
    `tensor.pad` is widened on the way: the padded tile is written once.

    Before:

    ```mlir
    %q = tensor.pad %rows ... : tensor<?x64xbf16> to tensor<64x64xbf16>
    %a = linalg.generic ... ins(%q, %k) { arith.extf, arith.mulf, arith.addf }
    ```

    After:

    ```mlir
    %w = linalg.generic ... ins(%rows) { arith.extf } -> tensor<?x64xf32>
    %q = tensor.pad %w ... : tensor<?x64xf32> to tensor<64x64xf32>
    %a = linalg.generic ... ins(%q, %k) { arith.mulf, arith.addf }
    ```
  }];
  let dependentDialects = [
    "mlir::arith::ArithDialect", "mlir::linalg::LinalgDialect",
    "mlir::tensor::TensorDialect"];
}

def LinattnTransposeTiles : Pass<"linattn-transpose-tiles"> {
  let summary = "Store right operands of contractions with contiguous columns";
  let description = [{
    A contraction wants the columns of its right operand contiguous. Where they
    are not, as in `q k^T`, the tile is transposed once, and every contraction
    that reads it, or a slice of it, that way reads the transposed tile.

    Before:

    ```mlir
    %s = tensor.extract_slice %k[0, 0] [32, 64] [1, 1]
    %a = linalg.generic {indexing_maps = [(i, j, k) -> (i, k),
        (i, j, k) -> (j, k), (i, j, k) -> (i, j)]} ins(%q, %s) ...
    ```

    After:

    ```mlir
    %t = linalg.transpose ins(%k) ... permutation = [1, 0]
    %s = tensor.extract_slice %t[0, 0] [64, 32] [1, 1]
    %a = linalg.generic {indexing_maps = [(i, j, k) -> (i, k),
        (i, j, k) -> (k, j), (i, j, k) -> (i, j)]} ins(%q, %s) ...
    ```
  }];
  let dependentDialects = [
    "mlir::linalg::LinalgDialect", "mlir::tensor::TensorDialect"];
}

def LinattnLowerPadding : Pass<"linattn-lower-padding"> {
  let summary = "Write padded tiles in place: fill the border, copy the rest";
  let description = [{
    Replaces a `tensor.pad` with a constant by fills of its border slabs and one
    copy of its source into an empty tile, so that each element is written once.
    If the source is a map that nothing else reads, it computes straight into
    the tile.

    Before:

    ```mlir
    %q = tensor.pad %rows low[0, 0] high[%h, 0] {...}
        : tensor<?x64xf32> to tensor<64x64xf32>
    ```

    After:

    ```mlir
    %e = tensor.empty() : tensor<64x64xf32>
    %border = tensor.extract_slice %e[%n, 0] [%h, 64] [1, 1]
    %zeros = linalg.fill ins(%zero) outs(%border)
    %0 = tensor.insert_slice %zeros into %e[%n, 0] [%h, 64] [1, 1]
    %inner = tensor.extract_slice %0[0, 0] [%n, 64] [1, 1]
    %copy = linalg.copy ins(%rows) outs(%inner)
    %q = tensor.insert_slice %copy into %0[0, 0] [%n, 64] [1, 1]
    ```
  }];
  let dependentDialects = [
    "mlir::affine::AffineDialect", "mlir::arith::ArithDialect",
    "mlir::linalg::LinalgDialect", "mlir::tensor::TensorDialect"];
}

def LinattnHoistInvariants : Pass<"linattn-hoist-invariants"> {
  let summary = "Move loop invariant work on tiles out of loops";
  let description = [{
    Loop invariant code motion that takes the empty destination of a map or a
    contraction along, and leaves fills where they are: a filled tile is written
    by the op that it is the destination of.
  }];
  let dependentDialects = ["mlir::tensor::TensorDialect"];
}

def LinattnCarryInPlace : Pass<"linattn-carry-in-place"> {
  let summary = "Make tiles that loops and branches yield live in one buffer";
  let description = [{
    A loop carries a tile in place if what it yields lies in the buffer of its
    iteration argument, and a branch yields in place if both sides write to one
    buffer. This pass says so with `bufferization.materialize_in_destination`,
    which the elimination of empty tensors then follows up to the op that
    computes the tile. Maps that are the last reader of the carried tile move
    behind its other readers, so that they can overwrite it. Empty and filled
    destinations that several ops share are made once for each of them, and a
    map whose input nothing else reads overwrites that input.
  }];
  let dependentDialects = [
    "mlir::bufferization::BufferizationDialect", "mlir::tensor::TensorDialect"];
}

def LinattnVectorizeTiles : Pass<"linattn-vectorize-tiles"> {
  let summary = "Lower linalg ops on buffers to loops over vectors";
  let description = [{
    Contractions become register-blocked loops: the accumulators of a block of
    rows by a few vectors stay in registers, as iteration arguments of the loop
    over the contracted dimension. A transposed right operand is transposed
    into a scratch tile first. Maps, fills, copies and reductions become loops
    over vectors. What has no contiguous dimension becomes scalar loops.
  }];
  let options = [
    Option<"vectorBits", "vector-bits", "unsigned", /*default=*/"256",
           "Size of a vector register in bits">,
    Option<"vectorRegisters", "vector-registers", "unsigned", /*default=*/"16",
           "Number of vector registers">,
  ];
  let dependentDialects = [
    "mlir::affine::AffineDialect", "mlir::arith::ArithDialect",
    "mlir::math::MathDialect", "mlir::memref::MemRefDialect",
    "mlir::scf::SCFDialect", "mlir::vector::VectorDialect"];
}

def LinattnInterleaveKernels
    : Pass<"linattn-interleave-kernels", "mlir::ModuleOp"> {
  let summary = "Let iterations of a kernel take turns, chunk by chunk";
  let description = [{
    Where a tensor holds the rows of all heads for one token, then those for the
    next token, the rows of one head lie far apart: a chunk of 32 tokens of 8
    heads of 64 channels in f32 lies in 16 pages, of which a kernel that follows
    one head reads an eighth, and it comes back to each of them for the next
    head. This pass makes an iteration of such a kernel run a group of heads:
    the loop over chunks is outside, and in it the heads of the group take
    turns, so that a page is read by one after the other while its address is
    at hand. What a head keeps from one chunk to the next has a slot for each
    member of the group. No head computes anything else than before.

    It takes apart a `scf.forall` whose body has a loop along a dimension of a
    tensor that lies outside of the one in which the iterations differ, with as
    many iterations for each of them. What stands in front of such a loop, the
    body of the loop, and what stands behind it are phases, which the members of
    a group run in turns. Views, and what is read from memory that the kernel
    does not write, are made again in the phase that uses them. A kernel in which
    other values go from one phase to another is left alone.

    Rows of less than 256 bytes whose tokens lie less than 2048 bytes apart are
    left alone, too: the processor foresees them as long as a kernel follows one
    head, and that is worth more.

    A group has at most `max-group` members, and fewer if else a thread had much
    more to do than without groups: the number of threads is asked for when the
    program runs.

    Before:

    ```mlir
    scf.forall (%h) in (%heads) {
      %state = memref.alloc() : memref<64x64xf32>
      linalg.fill ins(%zero : f32) outs(%state : memref<64x64xf32>)
      scf.for %t = %c0 to %chunks step %c1 {
        %rows = memref.subview %q[%start, %h, 0] [32, 1, 64] [1, 1, 1]
        ...
      }
    }
    ```

    After:

    ```mlir
    %n = llvm.call @omp_get_max_threads() : () -> i32
    ...
    scf.forall (%g) in (%groups) {
      %states = memref.alloc() : memref<65536xi8>
      scf.for %h = %begin to %end step %c1 {
        %state = memref.view %states[%offset][]
            : memref<65536xi8> to memref<64x64xf32>
        linalg.fill ins(%zero : f32) outs(%state : memref<64x64xf32>)
      }
      scf.for %t = %c0 to %chunks step %c1 {
        scf.for %h = %begin to %end step %c1 {
          %rows = memref.subview %q[%start, %h, 0] [32, 1, 64] [1, 1, 1]
          %state = memref.view %states[%offset1][]
              : memref<65536xi8> to memref<64x64xf32>
          ...
        }
      }
    }
    ```
  }];
  let options = [
    Option<"maxGroup", "max-group", "int64_t", /*default=*/"4",
           "Largest number of iterations that take turns; 1 for none">,
    Option<"maxKeptBytes", "max-kept-bytes", "int64_t", /*default=*/"512 << 10",
           "Most bytes that a group keeps from chunk to chunk">,
    Option<"maxBytes", "max-bytes", "int64_t", /*default=*/"1 << 20",
           "Most bytes that all the buffers of a group take: what goes on the "
           "stack">,
    Option<"parallel", "parallel", "bool", /*default=*/"true",
           "Ask the OpenMP runtime for the number of threads, instead of "
           "taking it for one">,
  ];
  let dependentDialects = [
    "mlir::arith::ArithDialect", "mlir::LLVM::LLVMDialect",
    "mlir::memref::MemRefDialect", "mlir::scf::SCFDialect"];
}

def LinattnPrefetchTiles : Pass<"linattn-prefetch-tiles"> {
  let summary = "Fetch the rows of the next tile while this one is in use";
  let description = [{
    The rows of a tile that lie apart in a tensor, such as those of one head,
    are out of reach of the processor's own prefetching, and a loop would wait
    for each of them. This pass fetches the rows that the next iteration reads,
    and those that this one writes, a few lines at a time, in the loops over
    blocks of registers of the contractions in between.

    Before:

    ```mlir
    scf.for %t = %c0 to %chunks step %c1 {
      %rows = memref.subview %q[%b, %start, %h, 0] [1, %valid, 1, 64]
      ...
      scf.for %i = %c0 to %c32 step %c4 {
        %sums:8 = scf.for %k = ... iter_args(...) -> (vector<8xf32>, ...)
    ```

    After:

    ```mlir
    scf.for %t = %c0 to %chunks step %c1 {
      %next = memref.subview %q[%b, %start1, %h, 0] [1, %valid1, 1, 64]
      %rows = memref.subview %q[%b, %start, %h, 0] [1, %valid, 1, 64]
      ...
      scf.for %i = %c0 to %c32 step %c4 {
        memref.prefetch %next[%row, %column], read, locality<3>, data
        ...
        %sums:8 = scf.for %k = ... iter_args(...) -> (vector<8xf32>, ...)
    ```
  }];
  let dependentDialects = [
    "mlir::arith::ArithDialect", "mlir::memref::MemRefDialect"];
}

def LinattnPlaceBuffers : Pass<"linattn-place-buffers"> {
  let summary = "Put the buffers of a kernel into one block of memory";
  let description = [{
    Gathers the buffers of static size that one iteration of a kernel
    (`scf.forall` or `scf.parallel`) allocates into one block, allocated once
    at its entry. Buffers that are never live at the same time share memory.
    The block lies on the stack up to `max-stack-bytes`, and else on the heap.
    So memory does not depend on the number of chunks.
  }];
  let options = [
    Option<"maxStackBytes", "max-stack-bytes", "int64_t",
           /*default=*/"1 << 20", "Largest block that goes on the stack">,
  ];
  let dependentDialects = [
    "mlir::arith::ArithDialect", "mlir::memref::MemRefDialect"];
}

def LinattnHoistWorkerStack : Pass<"linattn-hoist-worker-stack"> {
  let summary = "Allocate stack memory once per worker, not per iteration";
  let description = [{
    Moves stack memory of static size to the entry of the OpenMP region, or of
    the function if there is none, so that it becomes part of the frame, and
    removes the scopes that freed it after each iteration.
  }];
}

def LinattnLowerMath : Pass<"linattn-lower-math"> {
  let summary = "Expand math on f32 scalars and vectors, without library calls";
  let description = [{
    Replaces `math` ops on f32, f16 and bf16 by arithmetic, and conversions to
    and from bf16 by integer operations. `math.exp` is exact at 0, gives 0 below
    the smallest normal number, infinity above the largest finite one, and
    keeps NaN.
  }];
  let dependentDialects = [
    "mlir::arith::ArithDialect", "mlir::math::MathDialect",
    "mlir::vector::VectorDialect"];
}

#endif // LINATTN_HOST_PASSES_TD
