//===- Passes.td - from the normal form to tile programs ---*- tablegen -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_PLANNER_PASSES_TD
#define LINATTN_PLANNER_PASSES_TD

include "mlir/Pass/PassBase.td"

def LinattnChainContractions : Pass<"linattn-chain-contractions"> {
  let summary = "Let contractions accumulate into what is added to them";
  let description = [{
    A contraction from zero whose result is only added to another tile starts
    from that tile instead: one accumulator then holds both, and the addition
    costs nothing. Of two such contractions that one is changed that needs the
    result of another one, or else the later one.

    Before:

    ```mlir
    %a = linalg.contract ... ins(%p, %v : ...) outs(%zero : tensor<64x64xf32>) -> tensor<64x64xf32>
    %o = linalg.generic ... ins(%b, %w : ...) outs(%a : tensor<64x64xf32>) {
    ^bb0(%x: f32, %y: f32, %out: f32):
      %m = arith.mulf %x, %y : f32
      %s = arith.addf %out, %m : f32
      linalg.yield %s : f32
    }
    ```

    After:

    ```mlir
    %m = linalg.generic ... ins(%b, %w : ...) outs(%empty : tensor<64x64xf32>) {
    ^bb0(%x: f32, %y: f32, %out: f32):
      %0 = arith.mulf %x, %y : f32
      linalg.yield %0 : f32
    }
    %o = linalg.contract ... ins(%p, %v : ...) outs(%m : tensor<64x64xf32>) -> tensor<64x64xf32>
    ```
  }];
  let dependentDialects = ["mlir::linalg::LinalgDialect",
                           "mlir::tensor::TensorDialect"];
}

def LinattnChecksToDevice : Pass<"linattn-checks-to-device", "mlir::func::FuncOp"> {
  let summary = "Check on the device what lies on the device";
  let description = [{
    The elements of a tensor, such as the boundaries of sequences, lie in the
    memory of the device, where the host that launches kernels does not read
    them. So assertions about elements are dropped. Instead, elements that
    become offsets or sizes of slices in a kernel are clamped: to what the
    tensor has, and differences of them to 0 at least. Whatever the elements
    are, a kernel that works on what lies between two of them, or on a constant
    number of rows from one of them on, then reads and writes only inside of its
    tensors. Of elements that break the dropped assertions, some results are not
    written, or not what they should be. An element that is multiplied to get a
    place is not bounded enough by this.

    Before:

    ```mlir
    %ordered = scf.for ... { ... tensor.extract %offsets[%i] ... }
    cf.assert %ordered, "..."
    %r = scf.forall (%s) in (%sequences) ... {
      %x = tensor.extract %offsets[%s] : tensor<?xi64>
      %first = arith.index_cast %x : i64 to index
      %y = tensor.extract %offsets[%next] : tensor<?xi64>
      %end = arith.index_cast %y : i64 to index
      %length = arith.subi %end, %first : index
    ```

    After:

    ```mlir
    %r = scf.forall (%s) in (%sequences) ... {
      %x = tensor.extract %offsets[%s] : tensor<?xi64>
      %inside = arith.minsi %x, %tokens : i64
      %positive = arith.maxsi %inside, %zero : i64
      %first = arith.index_cast %positive : i64 to index
      ... // the same of %y
      %difference = arith.subi %end, %first : index
      %length = arith.maxsi %difference, %c0 : index
    ```
  }];
  let dependentDialects = ["mlir::arith::ArithDialect",
                           "mlir::tensor::TensorDialect"];
}

def LinattnSplitSequence : Pass<"linattn-split-sequence", "mlir::func::FuncOp"> {
  let summary = "Cut sequences into segments that run in parallel";
  let description = [{
    A kernel whose iterations are too few for a GPU is cut along its loop over
    chunks, too. Each iteration multiplies the carried states by factors and adds
    to them; so what a segment of the loop leaves follows from the product of the
    factors, and from what it leaves of a state of zero. One kernel computes both
    for all segments but the last: the part of the loop that leads to its states,
    and nothing else of it. A second one is the kernel itself, cut into segments:
    each begins by combining what the segments before it have left, and the last
    one writes the final state.

    Kernels whose factors are not one number per chunk are left alone, and so are
    those that leave nothing but states.

    By default a function is given both kernels and the uncut one, and chooses by
    the number of multiprocessors, `tile.sm_count`.

    Before:

    ```mlir
    %r = scf.forall (%b, %h) in (%batch, 32) shared_outs(%out = %o) ... {
      scf.for %c = %c0 to %chunks step %c1 iter_args(%s = %zero, %rows = %o1) ...
    ```

    After:

    ```mlir
    %r = scf.if %pays -> ... {
      %part:2 = scf.forall (%b, %h, %p) in (%batch, 32, %before) ... {
        scf.for %c = %first to %end step %c1 iter_args(%s = %zero, %f = %one) ...
      }
      %w = scf.forall (%b, %h, %p) in (%batch, 32, %segments) shared_outs(%out = %o) ... {
        %start = scf.for %j = %c0 to %p step %c1 iter_args(%s = %zero) ...
        scf.for %c = %first to %end step %c1 iter_args(%s = %start, %rows = %o1) ...
      }
      scf.yield %w : ...
    } else {
      %w = scf.forall (%b, %h) in (%batch, 32) ...
      scf.yield %w : ...
    }
    ```
  }];
  let options = [
    Option<"segments", "segments", "int64_t", /*default=*/"0",
           "Segments of each sequence; 1 leaves kernels alone, 0 chooses by the "
           "device, at run time">,
  ];
  let dependentDialects = ["mlir::linattn::tile::TileDialect",
                           "mlir::arith::ArithDialect",
                           "mlir::linalg::LinalgDialect",
                           "mlir::scf::SCFDialect",
                           "mlir::tensor::TensorDialect"];
}

def LinattnMoveFactors : Pass<"linattn-move-factors"> {
  let summary = "Scale the right operand of a contraction instead of the left";
  let description = [{
    A contraction over the rows of a loaded tile that is scaled by row, `(w o K)^T
    V`, is also `K^T (w o V)`. Then the left operand is read as it was loaded, and
    the right one, of which each warpgroup only has some columns, is scaled in
    their place. It is rounded once in both forms.

    Before:

    ```mlir
    %kw = linalg.generic ... ins(%k, %w : tensor<64x128xbf16>, tensor<64xf32>) ... // k * w
    %s = linalg.contract ... ins(%kw, %v : tensor<64x128xf32>, tensor<64x128xbf16>) outs(%s0 : ...)
    ```

    After:

    ```mlir
    %vw = linalg.generic ... ins(%v, %w : tensor<64x128xbf16>, tensor<64xf32>) ... // v * w
    %s = linalg.contract ... ins(%k, %vw : tensor<64x128xbf16>, tensor<64x128xf32>) outs(%s0 : ...)
    ```
  }];
  let dependentDialects = ["mlir::arith::ArithDialect",
                           "mlir::linalg::LinalgDialect",
                           "mlir::tensor::TensorDialect"];
}

def LinattnTransposeStates : Pass<"linattn-transpose-states", "mlir::func::FuncOp"> {
  let summary = "Carry the transposes of states, where shared memory is short";
  let description = [{
    A state that a contraction multiplies from the left by a loaded tile, `Q S`,
    is the right operand, and that has to lie in shared memory. Its transpose is
    a left operand, `S^T Q^T`, which stays in registers. So where a thread block
    has room for the tiles of one chunk only, or too few registers to keep masks,
    the states of a kernel and all that contractions and maps make of them are
    replaced by their transposes: rows become columns in the indexing maps, and
    an output is transposed on its way out. What is loaded stays as it is.

    Weights that such a contraction multiplies by have to be in shared memory
    instead; they have the size of a chunk, not of a head. Kernels that load
    tiles of f16 stay as they are: an operand has the type of the tile that it is
    multiplied by, and the range of f16 is too small for a state.

    Before:

    ```mlir
    %r = scf.for ... iter_args(%s = %s0) -> (tensor<128x256xf32>) {
      %o = linalg.contract indexing_maps = [(i, j, k) -> (i, k), (i, j, k) -> (k, j), (i, j, k) -> (i, j)]
          ins(%q, %s : tensor<64x128xbf16>, tensor<128x256xf32>) outs(%zero : tensor<64x256xf32>)
    ```

    After:

    ```mlir
    %r = scf.for ... iter_args(%s = %s0) -> (tensor<256x128xf32>) {
      %o = linalg.generic {indexing_maps = [(i, j, k) -> (i, k), (i, j, k) -> (j, k), (i, j, k) -> (j, i)]}
          ins(%q, %s : tensor<64x128xbf16>, tensor<256x128xf32>) outs(%zero : tensor<256x64xf32>)
    ```
  }];
  let options = [
    Option<"sharedLimit", "shared-limit", "int64_t", /*default=*/"232448",
           "Bytes of shared memory that a thread block may have">,
    Option<"movesRegisters", "moves-registers", "bool", /*default=*/"true",
           "Whether warpgroups can leave registers to others">,
    Option<"columnBlocks", "column-blocks", "int64_t", /*default=*/"0",
           "Thread blocks that share an iteration of a kernel; 0 lets the plan "
           "choose">,
    Option<"always", "always", "bool", /*default=*/"false",
           "Also where shared memory and registers are not short">,
  ];
  let dependentDialects = ["mlir::arith::ArithDialect",
                           "mlir::linalg::LinalgDialect",
                           "mlir::tensor::TensorDialect"];
}

def LinattnKernelsToTile : Pass<"linattn-kernels-to-tile", "mlir::ModuleOp"> {
  let summary = "Place the kernels of the normal form on a GPU";
  let description = [{
    Turns every `scf.forall` of a function in the normal form into a
    `tile.kernel` and a `tile.launch`. One warp loads the tiles of each chunk
    into a ring in shared memory; one or two warpgroups compute. If a dimension
    of the carried state is never contracted, each warpgroup has its part of it,
    and they exchange nothing, unless `share-operands` lets each compute some
    columns of an operand that all of them need. Contractions become matrix instructions; maps are
    computed where their result is read, on accumulators or on left operands in
    registers; carried states stay in accumulators, rounded into shared memory
    where they are a right operand. Where a thread block has too few registers
    or too little shared memory for that, several thread blocks share an
    iteration and have a part of that dimension each.

    What was decided stands on the `tile.kernel` as `tile.plan`; the attribute of
    that name on an `scf.forall` takes the place of options. A kernel that shares
    operands and goes on where another segment has ended begins contractions of
    the next chunk `early` also without that option, if there are three stages.

    A kernel that multiplies no two matrices is a program of its threads, which
    have elements of the dimension that is not contracted, and go over the other
    one, the rows. In a loop over tokens each has one such element and shares
    nothing; what the loop carries is in memory of the thread. In a kernel
    without a loop, such as one of `linattn.step`, a thread has four elements that
    follow each other, and the rows are shared by parts of the thread block, whose
    sums are added in shared memory. A matrix is accessed 16 bytes at a time if
    its address and strides, which are known at the launch, allow it; for others
    the kernel has a second version, with one element a thread.

    What the tensors do not have is zero in shared memory: by the clipping of
    the copies where a tile ends with the tensor, otherwise by writing zeros.

    Before:

    ```mlir
    %r = scf.forall (%b, %h) in (%batch, 32) shared_outs(%out = %o) -> (tensor<?x?x32x64xbf16>) {
      ...
      scf.for %c = %c0 to %chunks step %c1 iter_args(%s = %s0, %rows = %o1) ... {
        %a = linalg.contract ... ins(%q, %k : ...)
    ```

    After:

    ```mlir
    %r = tile.launch @attention_0 blocks(%blocks) ins(%q, %k, %v, %g, %n : ...) outs(%o : ...) -> tensor<?x?x32x64xbf16>
    ...
    tile.kernel @attention_0(...) warpgroups 2 {
      tile.role "loads" warp 4 count 1 registers 24 {
      ...
      tile.role "compute" first 0 count 1 registers 240 {
        %a = tile.contract %q, %k : ...
    ```
  }];
  let options = [
    Option<"sharedLimit", "shared-limit", "int64_t", /*default=*/"232448",
           "Bytes of shared memory that a thread block may have">,
    Option<"movesRegisters", "moves-registers", "bool", /*default=*/"true",
           "Whether warpgroups can leave registers to others">,
    Option<"columnBlocks", "column-blocks", "int64_t", /*default=*/"0",
           "Thread blocks that share an iteration of a kernel; 0 lets the plan "
           "choose">,
    Option<"stages", "stages", "int64_t", /*default=*/"0",
           "Chunks that are in shared memory at once; 0 lets the plan choose">,
    Option<"early", "early", "bool", /*default=*/"false",
           "Issue contractions of loaded tiles, and compute operands from them, one chunk early">,
    Option<"stateFirst", "state-first", "bool", /*default=*/"false",
           "Issue the updates of carried states before other contractions that "
           "wait">,
    Option<"publishFirst", "publish-first", "bool", /*default=*/"false",
           "Round carried states into shared memory while other contractions "
           "of the chunk still run">,
    Option<"recompute", "recompute", "bool", /*default=*/"false",
           "Compute masks anew for each chunk, to save registers">,
    Option<"shareOperands", "share-operands", "bool", /*default=*/"false",
           "Let each warpgroup compute a part of the operands that all of them "
           "need">,
  ];
  let dependentDialects = ["mlir::linattn::tile::TileDialect",
                           "mlir::arith::ArithDialect",
                           "mlir::LLVM::LLVMDialect",
                           "mlir::NVVM::NVVMDialect", "mlir::scf::SCFDialect",
                           "mlir::tensor::TensorDialect"];
}

#endif // LINATTN_PLANNER_PASSES_TD
