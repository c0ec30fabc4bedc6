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

class Tile_Op<string mnemonic, list<Trait> traits = []>
    : Op<Tile_Dialect, mnemonic, traits>;

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

def Tile_RoleOp : Tile_Op<"role", [SingleBlockImplicitTerminator<"EndRoleOp">]> {
  let summary = "Work of some of the warpgroups";
  let description = [{
    Warpgroups `first` to `first + count - 1` run the body with `registers`
    registers per thread; the block argument is the number of the warpgroup
    within the role. The other warpgroups pass by.

    Example:

    ```mlir
    tile.role "consumer" first 0 count 2 registers 240 {
    ^bb0(%group: i32):
    }
    ```
  }];
  let arguments = (ins StrAttr:$name, I64Attr:$first, I64Attr:$count,
                       I64Attr:$registers);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $name `first` $first `count` $count `registers` $registers $body attr-dict
  }];
  let hasVerifier = 1;
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

def Tile_AllocOp : Tile_Op<"alloc", [
    MemoryEffects<[MemAlloc]>]> {
  let summary = "A ring of tiles in shared memory";
  let arguments = (ins OptionalAttr<I64Attr>:$offset);
  let results = (outs Tile_SharedType:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

def Tile_StageOp : Tile_Op<"stage", [Pure]> {
  let summary = "One tile of a ring";
  let arguments = (ins Tile_SharedType:$ring, I32:$index);
  let results = (outs Tile_SharedType:$result);
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
  let summary = "One arrival of each warp of the warpgroup";
  let arguments = (ins Tile_BarrierType:$barrier, I32:$index);
  let assemblyFormat = "$barrier `[` $index `]` attr-dict `:` type($barrier)";
}

def Tile_OneThreadOp : Tile_Op<"one_thread", [
    SingleBlock, NoTerminator, RecursiveMemoryEffects]> {
  let summary = "Work that one thread of the warpgroup does for all";
  let description = [{
    Copies between global and shared memory are issued by one thread. The others
    do not wait for it.
  }];
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$body attr-dict";
}

def Tile_BarrierExpectOp : Tile_Op<"barrier_expect"> {
  let summary = "Arrive at a barrier and announce bytes that copies bring";
  let description = [{
    The phase is over when all arrivals and all announced bytes are there.
  }];
  let arguments = (ins Tile_BarrierType:$barrier, I32:$index, I64Attr:$bytes);
  let assemblyFormat = [{
    $barrier `[` $index `]` `bytes` $bytes attr-dict `:` type($barrier)
  }];
}

def Tile_LoadOp : Tile_Op<"load"> {
  let summary = "Copy a tile from global to shared memory, asynchronously";
  let description = [{
    The arrival of the bytes counts for a phase of the barrier. The coordinates
    are those of the first element of the tile, outermost dimension first.
    Lowers to one `cp.async.bulk.tensor` per panel.
  }];
  let arguments = (ins Tile_GlobalType:$source, Variadic<I32>:$coordinates,
    Tile_SharedType:$destination, Tile_BarrierType:$barrier, I32:$index);
  let assemblyFormat = [{
    $source `[` $coordinates `]` `to` $destination
      `signals` $barrier `[` $index `]` attr-dict
      `:` type($source) `to` type($destination) `signals` type($barrier)
  }];
  let hasVerifier = 1;
}

def Tile_StoreOp : Tile_Op<"store"> {
  let summary = "Copy a tile from shared to global memory, asynchronously";
  let description = [{
    One group of copies; `tile.store_wait` waits for groups. What threads have
    written to the tile must be made visible by `tile.fence` before.
  }];
  let arguments = (ins Tile_SharedType:$source, Tile_GlobalType:$destination,
    Variadic<I32>:$coordinates);
  let assemblyFormat = [{
    $source `to` $destination `[` $coordinates `]` attr-dict
      `:` type($source) `to` type($destination)
  }];
  let hasVerifier = 1;
}

def Tile_StoreWaitOp : Tile_Op<"store_wait"> {
  let summary = "Wait until at most some groups of stores are unfinished";
  let description = [{
    With `reads_only`, a group counts as finished when its shared memory has
    been read and may be overwritten.
  }];
  let arguments = (ins I64Attr:$unfinished, UnitAttr:$reads_only);
  let assemblyFormat = [{
    $unfinished (`reads_only` $reads_only^)? attr-dict
  }];
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

def Tile_ContractOp : Tile_Op<"contract"> {
  let summary = "Multiply two 16-bit tiles, asynchronously";
  let description = [{
    `accumulator + lhs * rhs`, or `lhs * rhs` without an accumulator. The left
    operand [M, K] lies in registers or in shared memory, the right operand
    [K, N] in shared memory. A tile in shared memory has the contracted
    dimension in its columns: [M, K] and [N, K]; `transpose_lhs` and
    `transpose_rhs` say that it has them in its rows: [K, M] and [K, N].

    The operands must not change before the result has been waited for. Lowers
    to `wgmma.mma_async` and one group.
  }];
  let arguments = (ins
    AnyTypeOf<[Tile_SharedType, Tile_OperandType]>:$lhs, Tile_SharedType:$rhs,
    Optional<Tile_AccumulatorType>:$accumulator,
    UnitAttr:$transpose_lhs, UnitAttr:$transpose_rhs);
  let results = (outs Tile_PendingType:$result);
  let assemblyFormat = [{
    $lhs (`transposed` $transpose_lhs^)? `,` $rhs (`transposed` $transpose_rhs^)?
      (`into` $accumulator^)? attr-dict `:` type($lhs) `,` type($rhs)
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
    shape; each is an accumulator or an operand.

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
    Variadic<AnyTypeOf<[Tile_AccumulatorType, Tile_OperandType]>>:$inputs);
  let results = (outs AnyTypeOf<[Tile_AccumulatorType, Tile_OperandType]>:$result);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $inputs `:` functional-type($inputs, $result) $body attr-dict
  }];
  let hasVerifier = 1;
}

def Tile_YieldOp : Tile_Op<"yield", [Pure, Terminator, ReturnLike,
                                     HasParent<"MapOp">]> {
  let summary = "The element that a map computes";
  let arguments = (ins Optional<F32>:$value);
  let assemblyFormat = "($value^ `:` type($value))? attr-dict";
  let builders = [OpBuilder<(ins), [{ build($_builder, $_state, ::mlir::Value()); }]>];
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
  let description = [{Lowers to `stmatrix`.}];
  let arguments = (ins Tile_AccumulatorType:$value,
                       Tile_SharedType:$destination);
  let assemblyFormat = [{
    $value `to` $destination attr-dict `:` type($value) `to` type($destination)
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

    A kernel says how it sees a tensor with attributes of the `!tile.global`
    argument: `tile.rows` is the number of rows of a tile in the tensor map, and
    `tile.dims` the order in which it has the tensor's dimensions, outermost
    first; left out, that of the tensor. The last one must be contiguous.

    Example, for tensors in BNHD layout and a kernel that wants tokens and
    channels innermost:

    ```mlir
    %r = tile.launch @scale blocks(%blocks)
        ins(%x, %w, %n : tensor<?x?x32x128xbf16>, tensor<32xf32>, index)
        outs(%y : tensor<?x?x32x128xbf16>) -> tensor<?x?x32x128xbf16>

    tile.kernel @scale(
        %x: !tile.global<4, 64, bf16>
            {tile.dims = array<i64: 0, 2, 1, 3>, tile.rows = 64 : i64},
        %w: !llvm.ptr<1>, %w_stride: i64, %n: i32,
        %y: !tile.global<4, 64, bf16>
            {tile.dims = array<i64: 0, 2, 1, 3>, tile.rows = 64 : i64})
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

#endif // LINATTN_DIALECT_TILE_IR_OPS_TD
