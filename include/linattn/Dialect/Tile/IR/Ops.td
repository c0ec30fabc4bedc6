//===- Ops.td - ops of the tile dialect --------------------*- tablegen -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DIALECT_TILE_IR_OPS_TD
#define LINATTN_DIALECT_TILE_IR_OPS_TD

include "linattn/Dialect/Tile/IR/Dialect.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/FunctionInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/IR/SymbolInterfaces.td"

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

def Tile_KernelOp : Tile_Op<"kernel", [
    FunctionOpInterface, IsolatedFromAbove, Symbol,
    SingleBlockImplicitTerminator<"ReturnOp">]> {
  let summary = "The program of one thread block";
  let description = [{
    Runs on `warpgroups` x 128 threads. Arguments are tensors (`!tile.global`),
    global pointers (`!llvm.ptr<1>`) and scalars.

    With the attribute `tile.resident_blocks = 4`, threads have so few registers
    that four thread blocks fit on a multiprocessor at once.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
    TypeAttrOf<FunctionType>:$function_type,
    I64Attr:$warpgroups,
    OptionalAttr<DictArrayAttr>:$arg_attrs,
    OptionalAttr<DictArrayAttr>:$res_attrs);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::ArrayRef<::mlir::Type> getArgumentTypes() {
      return getFunctionType().getInputs();
    }
    ::mlir::ArrayRef<::mlir::Type> getResultTypes() {
      return getFunctionType().getResults();
    }
    ::mlir::Region *getCallableRegion() { return &getBody(); }
  }];
}

def Tile_ReturnOp : Tile_Op<"return", [Pure, Terminator, ReturnLike,
                                       HasParent<"KernelOp">]> {
  let summary = "Ends a kernel";
  let assemblyFormat = "attr-dict";
}

def Tile_RoleOp : Tile_Op<"role", [
    SingleBlockImplicitTerminator<"EndRoleOp">, HasParent<"KernelOp">]> {
  let summary = "Work of some of the warpgroups, or of some of the warps of one";
  let description = [{
    Warpgroups `first` to `first + count - 1` run the body with `registers`
    registers per thread; the block argument is the number of the warpgroup
    within the role. The other warpgroups pass by.

    With `warp` instead of `first`, the body is run by warps of one warpgroup,
    and the block argument is the number of the warp within the role. The four
    warps of a warpgroup can have different roles, with the same `registers`.

    All threads of a warpgroup, or of a role of warps, execute the ops of the
    body together: they are the crew of these ops. Matrix instructions need a
    crew of one warpgroup.

    Example:

    ```mlir
    tile.role "consumer" first 0 count 2 registers 240 {
    ^bb0(%group: i32):
    }
    tile.role "loads" warp 8 count 1 registers 24 {
    ^bb0(%warp: i32):
    }
    ```
  }];
  let arguments = (ins StrAttr:$name, UnitAttr:$of_warps, I64Attr:$first,
                       I64Attr:$count, I64Attr:$registers);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $name (`warp` $of_warps^) : (`first`)? $first `count` $count
      `registers` $registers $body attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The first warp of the role, and how many they are.
    int64_t getFirstWarp() { return getFirst() * (getOfWarps() ? 1 : 4); }
    int64_t getNumWarps() { return getCount() * (getOfWarps() ? 1 : 4); }
  }];
}

def Tile_EndRoleOp : Tile_Op<"end_role", [Pure, Terminator, ReturnLike,
                                          HasParent<"RoleOp">]> {
  let summary = "Ends a role";
  let assemblyFormat = "attr-dict";
}

def Tile_BlockIdOp : Tile_Op<"block_id", [Pure]> {
  let summary = "The number of the thread block";
  let results = (outs I32:$result);
  let assemblyFormat = "attr-dict";
}

//===----------------------------------------------------------------------===//
// Shared memory and barriers
//===----------------------------------------------------------------------===//

def Tile_AnyShared : AnyTypeOf<[Tile_SharedType, Tile_SharedVectorType]>;

def Tile_AllocOp : Tile_Op<"alloc", [
    MemoryEffects<[MemAlloc]>]> {
  let summary = "A ring of tiles or of vectors in shared memory";
  let arguments = (ins OptionalAttr<I64Attr>:$offset);
  let results = (outs Tile_AnyShared:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

def Tile_StageOp : Tile_Op<"stage", [Pure]> {
  let summary = "One tile or vector of a ring";
  let arguments = (ins Tile_AnyShared:$ring, I32:$index);
  let results = (outs Tile_AnyShared:$result);
  let assemblyFormat = [{
    $ring `[` $index `]` attr-dict `:` type($ring) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_PanelOp : Tile_Op<"panel", [Pure]> {
  let summary = "Some columns of a tile, in whole panels of 64";
  let arguments = (ins Tile_SharedType:$source, I32:$column);
  let results = (outs Tile_SharedType:$result);
  let assemblyFormat = [{
    $source `[` $column `]` attr-dict `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_BarrierInitOp : Tile_Op<"barrier_init", [
    MemoryEffects<[MemAlloc]>]> {
  let summary = "A ring of barriers, ready for all threads";
  let arguments = (ins OptionalAttr<I64Attr>:$offset);
  let results = (outs Tile_BarrierType:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

def Tile_BarrierWaitOp : Tile_Op<"barrier_wait"> {
  let summary = "Wait until a phase of a barrier is over";
  let arguments = (ins Tile_BarrierType:$barrier, I32:$index, I32:$phase);
  let assemblyFormat = [{
    $barrier `[` $index `]` `phase` $phase attr-dict `:` type($barrier)
  }];
}

def Tile_BarrierArriveOp : Tile_Op<"barrier_arrive"> {
  let summary = "One arrival of each warp of the crew";
  let description = [{
    What the threads of the warp have written to shared memory before is visible
    to whoever waits for the phase, and they have read what they read before.
  }];
  let arguments = (ins Tile_BarrierType:$barrier, I32:$index);
  let assemblyFormat = "$barrier `[` $index `]` attr-dict `:` type($barrier)";
}

def Tile_LoadGroupOp : Tile_Op<"load_group", [SingleBlock, NoTerminator]> {
  let summary = "Loads whose end is one arrival at a barrier";
  let description = [{
    The crew loads what the body says, asynchronously. When all of it is in
    shared memory, that is one arrival at the barrier. A phase of a barrier has
    at most one load group.

    On sm_90a, one thread arrives, announces the bytes of the loads and issues
    them; the others do not wait for it. Elsewhere all threads of the crew load.
    Loads of a tensor that is not aligned to 16 bytes need a crew of one warp,
    which goes on when it has copied them.

    Example:

    ```mlir
    tile.load_group %full[%stage] : !tile.barrier<3, 1> {
      tile.load %q[%batch, %head, %row, %c0] to %qt : !tile.global<4, 64, bf16> to !tile.shared<1, 64, 128, bf16>
    }
    ```
  }];
  let arguments = (ins Tile_BarrierType:$barrier, I32:$index);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $barrier `[` $index `]` `:` type($barrier) $body attr-dict
  }];
  let hasVerifier = 1;
}

def Tile_LoadOp : Tile_Op<"load", [HasParent<"LoadGroupOp">]> {
  let summary = "Copy a tile from global to shared memory, asynchronously";
  let description = [{
    The coordinates are those of the first element of the tile, outermost
    dimension first. Elements outside of the tensor are zero.

    On sm_90a one `cp.async.bulk.tensor` per panel, elsewhere `cp.async`. Of a
    tensor that is not aligned to 16 bytes, the threads load parts of as many
    bytes as it is aligned to, and write units of 16 bytes.
  }];
  let arguments = (ins Tile_GlobalType:$source, Variadic<I32>:$coordinates,
    Tile_SharedType:$destination);
  let assemblyFormat = [{
    $source `[` $coordinates `]` `to` $destination attr-dict
      `:` type($source) `to` type($destination)
  }];
  let hasVerifier = 1;
}

def Tile_StoreOp : Tile_Op<"store", [AttrSizedOperandSegments]> {
  let summary = "Copy a tile from shared to global memory, asynchronously";
  let description = [{
    One group of copies; `tile.store_wait` waits for groups. What threads have
    written to the tile must be made visible by `tile.fence` and `tile.sync`
    before. With `rows`, only the first `valid_rows` rows of the tile are
    written.

    On sm_90a one thread issues a `cp.async.bulk.tensor` per panel, if all rows
    are valid. Elsewhere, and for tiles with fewer rows, the threads of the crew
    copy, 16 bytes at a time and less at the last column, or where the tensor is
    not aligned to 16 bytes.

    Example:

    ```mlir
    tile.store %t to %o[%batch, %head, %row, %c0] rows %valid : !tile.shared<1, 64, 64, bf16> to !tile.global<4, 64, bf16>
    ```
  }];
  let arguments = (ins Tile_SharedType:$source, Tile_GlobalType:$destination,
    Variadic<I32>:$coordinates, Optional<I32>:$valid_rows);
  let assemblyFormat = [{
    $source `to` $destination `[` $coordinates `]` (`rows` $valid_rows^)?
      attr-dict `:` type($source) `to` type($destination)
  }];
  let hasVerifier = 1;
}

def Tile_StoreWaitOp : Tile_Op<"store_wait"> {
  let summary = "Wait until at most some groups of stores are unfinished";
  let description = [{
    With `reads_only`, a group counts as finished when its shared memory has
    been read and may be overwritten. The thread that issued the stores waits;
    `tile.sync` tells the others.
  }];
  let arguments = (ins I64Attr:$unfinished, UnitAttr:$reads_only);
  let assemblyFormat = [{
    $unfinished (`reads_only` $reads_only^)? attr-dict
  }];
}

def Tile_ZeroRowsOp : Tile_Op<"zero_rows"> {
  let summary = "Set the last rows of a tile in shared memory to zero";
  let description = [{
    The crew writes zeros to all rows from `first` on; none if `first` is not
    less than the number of rows. For contractions and copies to see them, they
    need a `tile.fence` and a `tile.sync`, as what `tile.store_shared` writes.
  }];
  let arguments = (ins Tile_SharedType:$tile, I32:$first);
  let assemblyFormat = "$tile `from` $first attr-dict `:` type($tile)";
  let hasVerifier = 1;
}

def Tile_ElementOp : Tile_Op<"element", [MemoryEffects<[MemRead]>]> {
  let summary = "An element of a vector in shared memory";
  let description = [{
    Each thread reads for itself, so also in the body of a `tile.map`. Elements
    of adjacent columns are read together.
  }];
  let arguments = (ins Tile_SharedVectorType:$source, I32:$index);
  let results = (outs F32:$result);
  let assemblyFormat = "$source `[` $index `]` attr-dict `:` type($source)";
  let hasVerifier = 1;
}

def Tile_StoreElementOp : Tile_Op<"store_element"> {
  let summary = "Write an element of a vector in shared memory";
  let description = [{
    Each thread writes for itself, an element that no other one writes before
    they meet. Who reads it has to meet with the writer at a `tile.sync` before,
    and again before the next write.

    Example:

    ```mlir
    tile.store_element %sum to %sums[%thread] : !tile.shared_vector<1, 512>
    %id = arith.constant 1 : i32
    tile.sync %id warpgroups 1
    ```
  }];
  let arguments = (ins F32:$value, Tile_SharedVectorType:$destination,
                       I32:$index);
  let assemblyFormat = [{
    $value `to` $destination `[` $index `]` attr-dict `:` type($destination)
  }];
  let hasVerifier = 1;
}

def Tile_FenceOp : Tile_Op<"fence"> {
  let summary = "Make writes to shared memory visible to copies and contractions";
  let assemblyFormat = "attr-dict";
}

def Tile_SyncOp : Tile_Op<"sync"> {
  let summary = "Wait for all threads of some warpgroups";
  let description = [{
    `id` (1 to 15) names the meeting point; `warpgroups` warpgroups meet there.
  }];
  let arguments = (ins I32:$id, I64Attr:$warpgroups);
  let assemblyFormat = "$id `warpgroups` $warpgroups attr-dict";
}

//===----------------------------------------------------------------------===//
// Registers
//===----------------------------------------------------------------------===//

def Tile_ConstantOp : Tile_Op<"constant", [Pure]> {
  let summary = "An accumulator of one value";
  let arguments = (ins F32Attr:$value);
  let results = (outs Tile_AccumulatorType:$result);
  let assemblyFormat = "$value attr-dict `:` type($result)";
}

def Tile_ContractOp : Tile_Op<"contract", [AttrSizedOperandSegments]> {
  let summary = "Multiply two 16-bit tiles, asynchronously";
  let description = [{
    `accumulator + lhs * rhs`, or `lhs * rhs` without an accumulator. The left
    operand [M, K] lies in registers or in shared memory, the right operand
    [K, N] in shared memory. A tile in shared memory has the contracted
    dimension in its columns: [M, K] and [N, K]; `transpose_lhs` and
    `transpose_rhs` say that it has them in its rows: [K, M] and [K, N].

    With `columns` from a number on, only that many of the N as the result has
    are multiplied; the right operand must not be transposed then. So warpgroups
    can compute parts of one product.

    The operands must not change before the result has been waited for. A loop
    may carry the result in flight to its next round; the result of the round
    before must be used up by then, since both have the same registers.

    Lowers to `wgmma.mma_async` and one group.
  }];
  let arguments = (ins
    AnyTypeOf<[Tile_SharedType, Tile_OperandType]>:$lhs, Tile_SharedType:$rhs,
    Optional<I32>:$first, Optional<Tile_AccumulatorType>:$accumulator,
    UnitAttr:$transpose_lhs, UnitAttr:$transpose_rhs);
  let results = (outs Tile_PendingType:$result);
  let builders = [OpBuilder<
    (ins "Type":$result, "Value":$lhs, "Value":$rhs, "Value":$accumulator,
     "bool":$transposeLhs, "bool":$transposeRhs), [{
      build($_builder, $_state, result, lhs, rhs, /*first=*/Value(),
            accumulator, transposeLhs, transposeRhs);
    }]>];
  let assemblyFormat = [{
    $lhs (`transposed` $transpose_lhs^)? `,` $rhs (`transposed` $transpose_rhs^)?
      (`columns` $first^)? (`into` $accumulator^)? attr-dict
      `:` type($lhs) `,` type($rhs)
      (`into` type($accumulator)^)? `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_WaitOp : Tile_Op<"wait"> {
  let summary = "The finished results of contractions";
  let description = [{
    Waits for the contractions that define the operands, and for all that were
    issued before them. Later ones stay in flight.
  }];
  let arguments = (ins Variadic<Tile_PendingType>:$pending);
  let results = (outs Variadic<Tile_AccumulatorType>:$results);
  let assemblyFormat = [{
    $pending attr-dict `:` type($pending) `->` type($results)
  }];
  let hasVerifier = 1;
}

def Tile_MapOp : Tile_Op<"map", [
    SingleBlockImplicitTerminator<"YieldOp">, RecursivelySpeculatable,
    RecursiveMemoryEffects]> {
  let summary = "Compute every element of a tile in registers";
  let description = [{
    The body gets one f32 element of every input, then the row and the column
    (i32), and yields the element of the result. Inputs and result have one
    shape; each is an accumulator or an operand. Without a result, the body
    yields nothing and stores what it computes.

    The body may read vectors in shared memory (`tile.element`) and read and
    write global memory (`llvm.load`, `llvm.store`). A thread has pairs of
    adjacent columns, from an even one, so accesses of 8 bytes are possible where
    the address is known to be a multiple of 8.

    What only depends on the place of an element, such as a mask, may be computed
    once before a loop and kept in registers. With `recompute` it is computed
    where it is used, for programs that need the registers.

    Example:

    ```mlir
    %p = tile.map %s : (!tile.accumulator<64, 64, f32>) -> !tile.operand<64, 64, bf16> {
    ^bb0(%x: f32, %i: i32, %j: i32):
      %reads = arith.cmpi sge, %i, %j : i32
      %y = arith.select %reads, %x, %zero : f32
      tile.yield %y : f32
    }
    ```
  }];
  let arguments = (ins
    Variadic<AnyTypeOf<[Tile_AccumulatorType, Tile_OperandType]>>:$inputs,
    UnitAttr:$recompute);
  let results = (outs
    Optional<AnyTypeOf<[Tile_AccumulatorType, Tile_OperandType]>>:$result);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $inputs `:` functional-type($inputs, results)
      (`recompute` $recompute^)? $body attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Rows and columns of the inputs and of the result.
    std::pair<int64_t, int64_t> getShape();
  }];
}

def Tile_YieldOp : Tile_Op<"yield", [Pure, Terminator, ReturnLike,
                                     ParentOneOf<["MapOp", "VectorMapOp"]>]> {
  let summary = "The element that a map computes";
  let arguments = (ins Optional<F32>:$value);
  let assemblyFormat = "($value^ `:` type($value))? attr-dict";
  let builders = [OpBuilder<(ins), [{ build($_builder, $_state, ::mlir::Value()); }]>];
}

def Tile_ColumnsOp : Tile_Op<"columns", [Pure]> {
  let summary = "Some columns of an accumulator";
  let description = [{
    Those from `first` on, a multiple of 8, as many as the result has. Costs
    nothing: they are some of the registers.

    Example:

    ```mlir
    %right = tile.columns %x from 128 : !tile.accumulator<64, 256, f32> -> !tile.accumulator<64, 128, f32>
    ```
  }];
  let arguments = (ins Tile_AccumulatorType:$source, I64Attr:$first);
  let results = (outs Tile_AccumulatorType:$result);
  let assemblyFormat = [{
    $source `from` $first attr-dict
      `:` qualified(type($source)) `->` qualified(type($result))
  }];
  let hasVerifier = 1;
}

def Tile_LoadOperandOp : Tile_Op<"load_operand"> {
  let summary = "A left operand from shared memory into registers";
  let description = [{
    With `transposed`, the tile in shared memory is [K, M]. Lowers to
    `ldmatrix`, with `.trans` if transposed.
  }];
  let arguments = (ins Tile_SharedType:$source, UnitAttr:$transposed);
  let results = (outs Tile_OperandType:$result);
  let assemblyFormat = [{
    $source (`transposed` $transposed^)? attr-dict
      `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_StoreSharedOp : Tile_Op<"store_shared"> {
  let summary = "Round an accumulator into a tile in shared memory";
  let description = [{
    With `transposed`, rows of the accumulator are columns of the tile. With
    `columns` from a multiple of 16 on, the accumulator is that many columns of
    one panel of the tile as it has itself. Lowers to `stmatrix`, with `.trans`
    if transposed.
  }];
  let arguments = (ins Tile_AccumulatorType:$value,
                       Tile_SharedType:$destination, Optional<I32>:$first,
                       UnitAttr:$transposed);
  let builders = [OpBuilder<
    (ins "Value":$value, "Value":$destination, "bool":$transposed), [{
      build($_builder, $_state, value, destination, /*first=*/Value(),
            transposed);
    }]>];
  let assemblyFormat = [{
    $value `to` $destination (`transposed` $transposed^)? (`columns` $first^)?
      attr-dict `:` type($value) `to` type($destination)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

def Tile_LaunchOp : Tile_Op<"launch", [
    AttrSizedOperandSegments, DestinationStyleOpInterface, NoMemoryEffect,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Run a kernel on a grid of thread blocks";
  let description = [{
    Runs `blocks` thread blocks of a `tile.kernel`. Destination style on
    tensors: the kernel writes the tensors of `outs`, which it may also read,
    and the results are what it has left there.

    Every operand, `ins` before `outs`, is passed to the next arguments of the
    kernel:

    | operand | arguments of the kernel |
    |---|---|
    | tensor | one `!tile.global` of its rank and element type |
    | tensor of rank `r` | `!llvm.ptr<1>`, then its `r` strides in elements (`i64`) |
    | `index` | `i32` or `i64` (a launch with a value that does not fit is refused) |
    | other scalar | one argument of the same type |

    The attribute `tile.dims` of a `!tile.global` argument is the order in which
    the kernel sees the tensor's dimensions, outermost first; left out, that of
    the tensor. The last one must be contiguous.

    Example, for tensors in BNHD layout and a kernel that wants tokens and
    channels innermost:

    ```mlir
    %r = tile.launch @scale blocks(%blocks)
        ins(%x, %w, %n : tensor<?x?x32x128xbf16>, tensor<32xf32>, index)
        outs(%y : tensor<?x?x32x128xbf16>) -> tensor<?x?x32x128xbf16>

    tile.kernel @scale(
        %x: !tile.global<4, 64, bf16> {tile.dims = array<i64: 0, 2, 1, 3>},
        %w: !llvm.ptr<1>, %w_stride: i64, %n: i32,
        %y: !tile.global<4, 64, bf16> {tile.dims = array<i64: 0, 2, 1, 3>})
        warpgroups 1 {
    }
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Index:$blocks,
    Variadic<AnyTypeOf<[AnyRankedTensor, Index, AnySignlessInteger,
                        AnyFloat]>>:$inputs,
    Variadic<AnyRankedTensor>:$outputs);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    $kernel `blocks` `(` $blocks `)`
      (`ins` `(` $inputs^ `:` type($inputs) `)`)?
      (`outs` `(` $outputs^ `:` type($outputs) `)`)? attr-dict
      (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() {
      return getOutputsMutable();
    }
  }];
}

def Tile_SmCountOp : Tile_Op<"sm_count", [Pure]> {
  let summary = "The number of multiprocessors of the device";
  let description = [{
    For functions that choose between launches, which an artifact does when it
    is called: `%fills = arith.cmpi sge, %blocks, %count : index`.
  }];
  let results = (outs Index:$result);
  let assemblyFormat = "attr-dict";
}

include "linattn/Dialect/Tile/IR/VectorOps.td"

#endif // LINATTN_DIALECT_TILE_IR_OPS_TD
