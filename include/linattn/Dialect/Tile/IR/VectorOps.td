//===- VectorOps.td - vectors of a warp --------------------*- tablegen -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DIALECT_TILE_IR_VECTOROPS_TD
#define LINATTN_DIALECT_TILE_IR_VECTOROPS_TD

include "linattn/Dialect/Tile/IR/Dialect.td"
include "mlir/Dialect/LLVMIR/LLVMOpBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

//===----------------------------------------------------------------------===//
// Vectors, in roles of one warp
//===----------------------------------------------------------------------===//

def Tile_VectorLoadOp : Tile_Op<"vector_load", [MemoryEffects<[MemRead]>]> {
  let summary = "A vector from global memory";
  let description = [{
    Element `i` is read from `address`, `index + i * stride` elements of
    `element` (f32, bf16 or f16) on, and widened to f32. Elements from `valid` on
    are not read; they are `pad`.

    Example:

    ```mlir
    %g = tile.vector_load %decay[%index] stride %heads valid %n pad %zero as bf16 : !llvm.ptr<1> -> !tile.vector<64>
    ```
  }];
  let arguments = (ins LLVM_PointerInAddressSpace<1>:$address, I64:$index,
    I64:$stride, I32:$valid, F32:$pad, TypeAttr:$element);
  let results = (outs Tile_WarpVectorType:$result);
  let assemblyFormat = [{
    $address `[` $index `]` `stride` $stride `valid` $valid `pad` $pad
      `as` $element attr-dict `:` type($address) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_VectorMapOp : Tile_Op<"vector_map", [
    SingleBlockImplicitTerminator<"YieldOp">, RecursivelySpeculatable,
    RecursiveMemoryEffects]> {
  let summary = "Compute every element of a vector";
  let description = [{
    The body gets one element of every input, then its number (i32), and yields
    the element of the result.

    Example:

    ```mlir
    %e = tile.vector_map %x : (!tile.vector<64>) -> !tile.vector<64> {
    ^bb0(%a: f32, %i: i32):
      %b = math.exp2 %a : f32
      tile.yield %b : f32
    }
    ```
  }];
  let arguments = (ins Variadic<Tile_WarpVectorType>:$inputs);
  let results = (outs Tile_WarpVectorType:$result);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $inputs `:` functional-type($inputs, $result) $body attr-dict
  }];
  let hasVerifier = 1;
}

def Tile_VectorScanOp : Tile_Op<"vector_scan", [
    Pure, SameOperandsAndResultType]> {
  let summary = "Running sums of a vector";
  let description = [{
    Element `i` of the result is the sum of elements 0 to `i`; with `reverse`, of
    elements `i` to the last; with `exclusive`, without element `i` itself. No
    sum is a difference of others, so -inf spoils only the sums that hold it.

    Example: `%s = tile.vector_scan reverse exclusive %x : !tile.vector<64>`
  }];
  let arguments = (ins UnitAttr:$reverse, UnitAttr:$exclusive,
                       Tile_WarpVectorType:$source);
  let results = (outs Tile_WarpVectorType:$result);
  let assemblyFormat = [{
    (`reverse` $reverse^)? (`exclusive` $exclusive^)? $source attr-dict
      `:` type($source)
  }];
}

def Tile_VectorExtractOp : Tile_Op<"vector_extract", [Pure]> {
  let summary = "An element of a vector, in all lanes";
  let arguments = (ins Tile_WarpVectorType:$source, I32:$index);
  let results = (outs F32:$result);
  let assemblyFormat = "$source `[` $index `]` attr-dict `:` type($source)";
}

def Tile_VectorStoreOp : Tile_Op<"vector_store"> {
  let summary = "Write a vector to shared memory";
  let description = [{
    `tile.barrier_arrive` makes it visible to whoever waits for the phase.
  }];
  let arguments = (ins Tile_WarpVectorType:$value,
                       Tile_SharedVectorType:$destination);
  let assemblyFormat = [{
    $value `to` $destination attr-dict `:` type($value) `to` type($destination)
  }];
  let hasVerifier = 1;
}

#endif // LINATTN_DIALECT_TILE_IR_VECTOROPS_TD
