//===- Passes.td - passes on tile programs -----------------*- tablegen -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DIALECT_TILE_TRANSFORMS_PASSES_TD
#define LINATTN_DIALECT_TILE_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def TileAllocateShared : Pass<"tile-allocate-shared"> {
  let summary = "Give tiles and barriers their place in shared memory";
  let description = [{
    Sets the `offset` of every `tile.alloc` and `tile.barrier_init` that has
    none: tiles first, in the order of the program, aligned to the 1024 bytes
    that the swizzle repeats in, then vectors, then barriers. Sets `shared_bytes` on the
    kernel, and fails if that is more than `limit`.

    Before:

    ```mlir
    %q = tile.alloc : !tile.shared<3, 64, 128, bf16>
    %full = tile.barrier_init : !tile.barrier<3, 1>
    ```

    After:

    ```mlir
    %q = tile.alloc {offset = 0 : i64} : !tile.shared<3, 64, 128, bf16>
    %full = tile.barrier_init {offset = 49152 : i64} : !tile.barrier<3, 1>
    ```
  }];
  let options = [
    Option<"limit", "limit", "int64_t", /*default=*/"232448",
           "Bytes of shared memory that a thread block may have">,
  ];
}

def TileSimplifyMaps : Pass<"tile-simplify-maps"> {
  let summary = "Do less for each element of a map";
  let description = [{
    Moves what is the same for all elements out of the body of a `tile.map`;
    drops a selection inside of the chosen side of another one by the same
    condition (run `cse` before, so that equal conditions are one value); and
    turns `exp(s x)` with a uniform `s` into `exp2((s log2(e)) x)`, which is what
    the hardware computes.

    Before:

    ```mlir
    %p = tile.map %s : (!tile.accumulator<64, 64, f32>) -> !tile.operand<64, 64, bf16> {
    ^bb0(%x: f32, %i: i32, %j: i32):
      ...
      %e = arith.mulf %g, %distance : f32
      %masked = arith.select %reads, %e, %minus_infinity : f32
      %w = math.exp %masked : f32
      %y = arith.mulf %x, %w : f32
      %z = arith.select %reads, %y, %zero : f32
      tile.yield %z : f32
    }
    ```

    After:

    ```mlir
    %g2 = arith.mulf %g, %log2e : f32
    %p = tile.map %s : (!tile.accumulator<64, 64, f32>) -> !tile.operand<64, 64, bf16> {
    ^bb0(%x: f32, %i: i32, %j: i32):
      ...
      %e = arith.mulf %g2, %distance : f32
      %w = math.exp2 %e : f32
      %y = arith.mulf %x, %w : f32
      %z = arith.select %reads, %y, %zero : f32
      tile.yield %z : f32
    }
    ```
  }];
  let dependentDialects = ["mlir::arith::ArithDialect",
                           "mlir::math::MathDialect"];
}

def TileVerify : Pass<"tile-verify"> {
  let summary = "Check the order of accesses of whole tile programs";
  let description = [{
    The types of the dialect forbid to read an accumulator in flight. This pass
    finds what types cannot: it runs every kernel without its data, on all of its
    warps, for some sizes and two orders of the warps, and keeps what each warp
    knows to be over. An error is

    - an access to a tile that a load may still write, or that another warp may
      not have written yet,
    - a write to a tile that a contraction, a store or another warp may still
      read; so also an arrival that hands a tile back before the contraction that
      reads it has been waited for,
    - a copy or contraction of what threads have written without a `tile.fence`,
    - a contraction or store that nothing waits for,
    - a phase of a barrier that others end than its first one, that is left
      between two phases, or that may be over twice before a warp waits for it,
    - a program in which all warps wait,
    - more shared memory or registers than the chip has.

    The program needs its places in shared memory (`tile-allocate-shared`). It
    does not change.

    Before:

    ```mlir
    %p = tile.contract %a, %t : ...
    tile.store_shared %x to %t : ...
    ```

    After:

    ```
    error: 'tile.store_shared' op overwrites what a contraction may still read: expects a tile.wait for it, and a tile.sync or a barrier from there to here
    note: this is the other access
    ```
  }];
  let options = [
    Option<"chip", "chip", "std::string", /*default=*/"\"sm_90a\"",
           "The chip whose limits count">,
  ];
}

def TileSplitMaps : Pass<"tile-split-maps"> {
  let summary = "Compute before a wait what does not need its result";
  let description = [{
    A factor in a `tile.map` that takes long (exponentials, elements of vectors)
    and does not depend on the inputs becomes a map of its own, in front of the
    wait for an input, so that it is computed while the contraction runs.

    Before:

    ```mlir
    %s = tile.wait %a : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
    %p = tile.map %s : (!tile.accumulator<64, 64, f32>) -> !tile.operand<64, 64, bf16> {
    ^bb0(%x: f32, %i: i32, %j: i32):
      ...
      %w = math.exp2 %e : f32
      %y = arith.mulf %x, %w : f32
      tile.yield %y : f32
    }
    ```

    After:

    ```mlir
    %f = tile.map : () -> !tile.accumulator<64, 64, f32> {
    ^bb0(%i: i32, %j: i32):
      ...
      %w = math.exp2 %e : f32
      tile.yield %w : f32
    }
    %s = tile.wait %a : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
    %p = tile.map %s, %f : (!tile.accumulator<64, 64, f32>, !tile.accumulator<64, 64, f32>) -> !tile.operand<64, 64, bf16> {
    ^bb0(%x: f32, %w: f32, %i: i32, %j: i32):
      %y = arith.mulf %x, %w : f32
      tile.yield %y : f32
    }
    ```
  }];
}

def ConvertTileToNVVM : Pass<"convert-tile-to-nvvm", "mlir::ModuleOp"> {
  let summary = "Lower tile programs to the NVVM dialect";
  let description = [{
    Every `tile.kernel` becomes an `llvm.func` with the attributes of a kernel. A
    tile in registers becomes a struct with the elements of one thread, and a
    tile in shared memory its address. What differs between chips:

    | | sm_90a | others from sm_80 on |
    |---|---|---|
    | tensors | tensor map, address, sizes, strides | address, sizes, strides |
    | loads | `cp.async.bulk.tensor` by one thread | `cp.async` by the crew |
    | stores | `cp.async.bulk.tensor` by one thread | by the crew |
    | contractions | `wgmma.mma_async` with tied registers, and one group each | `ldmatrix` and `mma.sync`: done when issued |
    | waits | the count of the groups that may stay in flight | nothing |
    | `registers` of roles | `setmaxnreg` | nothing |

    Before:

    ```mlir
    %s = tile.contract %q, %k : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
    ```

    After:

    ```mlir
    %s = llvm.inline_asm has_side_effects "wgmma.mma_async.sync.aligned.m64n64k16..." ...
    llvm.inline_asm has_side_effects "wgmma.commit_group.sync.aligned;"
    ```
  }];
  let options = [
    Option<"chip", "chip", "std::string", /*default=*/"\"sm_90a\"",
           "The chip that code is made for">,
  ];
  let dependentDialects = [
    "mlir::LLVM::LLVMDialect", "mlir::NVVM::NVVMDialect",
    "mlir::arith::ArithDialect", "mlir::scf::SCFDialect"];
}

def ConvertTileToHost : Pass<"convert-tile-to-host", "mlir::ModuleOp"> {
  let summary = "Lower tile programs and their launches to run on the host";
  let description = [{
    For tests: what a tile program means, without a GPU and its instructions.
    Every `tile.kernel` becomes a function of the block, of the first thread of
    a crew and of the address of its arguments, which are words of 64 bits; a
    tensor is its address, sizes and strides. Every `tile.launch` becomes a call
    of `linattn_tile_launch`, which runs the function once for each crew of each
    block, the crews of a block side by side, and says whether they came to an
    end.

    A tile in registers is the address of a buffer with all elements of the crew,
    new for every value. Maps become loops over elements; copies, contractions
    and barriers become calls of functions named `linattn_tile_...`, which
    linattn-run has: see `linattn/Driver/TileMachine.h`. The program needs its
    places in shared memory (`tile-allocate-shared`).

    A `tile.fence` and `registers` become nothing, and neither does the layout of
    tiles within a panel: what they do wrong is not seen here.

    Before:

    ```mlir
    %s = tile.contract %q, %k : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
    %t = tile.wait %s : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
    ```

    After:

    ```mlir
    %s = llvm.call @linattn_tile_new(%bytes) : (i64) -> !llvm.ptr
    llvm.call @linattn_tile_contract(%s, %null, %rows, %columns, %depth, %q, ...) : (!llvm.ptr, !llvm.ptr, i64, ...) -> ()
    llvm.call @linattn_tile_wait(%s) : (!llvm.ptr) -> ()
    ```
  }];
  let options = [
    Option<"smCount", "sm-count", "int64_t", /*default=*/"132",
           "What tile.sm_count is">,
  ];
  let dependentDialects = [
    "mlir::LLVM::LLVMDialect", "mlir::arith::ArithDialect",
    "mlir::bufferization::BufferizationDialect", "mlir::cf::ControlFlowDialect",
    "mlir::func::FuncDialect", "mlir::memref::MemRefDialect",
    "mlir::scf::SCFDialect", "mlir::tensor::TensorDialect"];
}

#endif // LINATTN_DIALECT_TILE_TRANSFORMS_PASSES_TD
