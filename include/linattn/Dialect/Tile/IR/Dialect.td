//===- Dialect.td - the tile dialect -----------------------*- tablegen -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DIALECT_TILE_IR_DIALECT_TD
#define LINATTN_DIALECT_TILE_IR_DIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"

def Tile_Dialect : Dialect {
  let name = "tile";
  let cppNamespace = "::mlir::linattn::tile";
  let summary = "Programs of a thread block on tiles";
  let description = [{
    What one thread block does: which tile lies in shared memory and which in
    registers, which warpgroup works on it, and when it may be read. A tile in
    registers belongs to one warpgroup of 128 threads, and so do the ops on it:
    all threads of the warpgroup execute them together.

    Asynchronous work is visible in the types. A contraction returns a
    `!tile.pending` value, which nothing can read; `tile.wait` turns it into an
    accumulator. So a program that reads an accumulator in flight does not
    verify.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let hasRegionArgAttrVerify = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

class Tile_Op<string mnemonic, list<Trait> traits = []>
    : Op<Tile_Dialect, mnemonic, traits>;

class Tile_Type<string name, string typeMnemonic>
    : TypeDef<Tile_Dialect, name> {
  let mnemonic = typeMnemonic;
}

class Tile_MatrixType<string name, string typeMnemonic>
    : Tile_Type<name, typeMnemonic> {
  let parameters = (ins "int64_t":$rows, "int64_t":$columns,
                        "::mlir::Type":$elementType);
  let assemblyFormat = "`<` $rows `,` $columns `,` $elementType `>`";
  let genVerifyDecl = 1;
}

def Tile_SharedType : Tile_Type<"Shared", "shared"> {
  let summary = "A ring of tiles in shared memory";
  let description = [{
    `stages` tiles of `rows` x `columns` elements of 16 bits. A tile is stored
    as panels of 64 columns; a row of a panel has 128 bytes, and its 16-byte
    units are permuted by the 128-byte swizzle of the tensor memory accelerator:
    unit `u` of row `r` lies at `u ^ (r % 8)`.

    Example: `!tile.shared<3, 64, 128, bf16>`
  }];
  let parameters = (ins "int64_t":$stages, "int64_t":$rows, "int64_t":$columns,
                        "::mlir::Type":$elementType);
  let assemblyFormat =
      "`<` $stages `,` $rows `,` $columns `,` $elementType `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Bytes of one tile.
    int64_t getTileBytes() const { return getRows() * getColumns() * 2; }
    int64_t getBytes() const { return getStages() * getTileBytes(); }
  }];
}

def Tile_SharedVectorType : Tile_Type<"SharedVector", "shared_vector"> {
  let summary = "A ring of f32 vectors in shared memory";
  let description = [{
    `stages` vectors of `size` elements, one behind the other.

    Example: `!tile.shared_vector<3, 64>`
  }];
  let parameters = (ins "int64_t":$stages, "int64_t":$size);
  let assemblyFormat = "`<` $stages `,` $size `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Bytes of one vector.
    int64_t getVectorBytes() const { return getSize() * 4; }
    int64_t getBytes() const { return getStages() * getVectorBytes(); }
  }];
}

def Tile_WarpVectorType : Tile_Type<"WarpVector", "vector"> {
  let summary = "An f32 vector in the registers of a warp";
  let description = [{
    Lane `l` holds `size / 32` elements that follow each other, from element
    `l * size / 32` on.

    Example: `!tile.vector<64>`
  }];
  let parameters = (ins "int64_t":$size);
  let assemblyFormat = "`<` $size `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    int64_t getElementsPerLane() const { return getSize() / 32; }
  }];
}

def Tile_AccumulatorType : Tile_MatrixType<"Accumulator", "accumulator"> {
  let summary = "An f32 tile in the registers of a warpgroup";
  let description = [{
    In the layout of the accumulators of the matrix instructions: blocks of 64
    rows; in a block, warp `w` holds rows 16 w to 16 w + 15, and lane `l` the
    elements of rows `l / 4` and `l / 4 + 8`, columns `2 (l % 4)` and the next,
    of every 8 columns.
  }];
}

def Tile_PendingType : Tile_MatrixType<"Pending", "pending"> {
  let summary = "An accumulator that an asynchronous contraction still writes";
}

def Tile_OperandType : Tile_MatrixType<"Operand", "operand"> {
  let summary = "A 16-bit left operand in the registers of a warpgroup";
  let description = [{
    In the layout of the left operand of the matrix instructions: that of an
    accumulator of the same shape, two columns to a register.
  }];
}

def Tile_GlobalType : Tile_Type<"Global", "global"> {
  let summary = "A tensor in global memory, seen through tiles";
  let description = [{
    A tensor of rank `rank`, whose last two dimensions are those of tiles of
    `rows` rows. What a tile has outside of the tensor reads as zero and is not
    written. The last dimension is contiguous; the address and all other strides
    are multiples of `align` bytes, 16 if there is none. On sm_90a the size of
    the last dimension is one too: a bulk copy writes whole units of 16 bytes.
    Where `align` is less, 2, 4 or 8, the size of the last dimension is a
    multiple of it on all chips, and the threads copy so many bytes at a time.

    A kernel gets it as several parameters, in this order:

    1. On sm_90a only, if aligned to 16 bytes: a tensor map of 128 bytes, by value, as made by
       `cuTensorMapEncodeTiled` with all `rank` dimensions, boxes of `rows` x 64
       elements (1 in all outer dimensions), the 128-byte swizzle, and zeros
       outside.
    2. The address of the first element.
    3. `rank` sizes (i64), outermost first.
    4. `rank - 1` strides (i64) in elements, outermost first, without that of
       the last dimension.
  }];
  let parameters = (ins "int64_t":$rank, "int64_t":$rows,
                        "::mlir::Type":$elementType,
                        DefaultValuedParameter<"int64_t", "16">:$alignment);
  let assemblyFormat = [{
    `<` $rank `,` $rows `,` $elementType (`,` `align` $alignment^)? `>`
  }];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Whether whole units of 16 bytes can be copied.
    bool isAligned() const { return getAlignment() == 16; }
  }];
}

def Tile_BarrierType : Tile_Type<"Barrier", "barrier"> {
  let summary = "A ring of barriers in shared memory, one a stage";
  let description = [{
    A phase of a barrier is over after `arrivals` arrivals: one of each warp
    that executes `tile.barrier_arrive`, and one of each `tile.load_group`, when
    what it loads is there.
  }];
  let parameters = (ins "int64_t":$stages, "int64_t":$arrivals);
  let assemblyFormat = "`<` $stages `,` $arrivals `>`";
  let genVerifyDecl = 1;
}

def Tile_PlanAttr : AttrDef<Tile_Dialect, "Plan"> {
  let mnemonic = "plan";
  let summary = "How the work of a kernel is placed on a GPU";
  let description = [{
    The decisions that turn a kernel of the normal form into a tile program:

    * `groups`: warpgroups that compute.
    * `column_blocks`: thread blocks that share an iteration of the kernel, each
      with a part of a dimension that nothing contracts.
    * `stages`: chunks that are in shared memory at once.
    * `early`: contractions of loaded tiles are issued, and operands computed
      that follow from them alone, one chunk early.
    * `state_first`: states are updated before the rest of the chunk.
    * `publish_first`: states are rounded into shared memory while other
      contractions of the chunk still run.
    * `recompute`: masks are computed anew for each chunk, to save registers.
    * `share_operands`: of an operand that is the same for all warpgroups, and
      that goes through shared memory, each of them computes some columns.

    `linattn-kernels-to-tile` leaves it on a `tile.kernel` as `tile.plan`; on an
    `scf.forall` the attribute of that name, written by hand, takes the place of
    what the pass would choose.

    Example:

    ```mlir
    #tile.plan<groups = 2, column_blocks = 1, stages = 3, early = false, state_first = false, publish_first = false, recompute = false, share_operands = false>
    ```
  }];
  let parameters = (ins "int64_t":$groups, "int64_t":$columnBlocks,
                        "int64_t":$stages, "bool":$early, "bool":$stateFirst,
                        "bool":$publishFirst, "bool":$recompute,
                        "bool":$shareOperands);
  let assemblyFormat = [{
    `<` `groups` `=` $groups `,` `column_blocks` `=` $columnBlocks `,`
        `stages` `=` $stages `,` `early` `=` $early `,`
        `state_first` `=` $stateFirst `,` `publish_first` `=` $publishFirst `,`
        `recompute` `=` $recompute `,` `share_operands` `=` $shareOperands `>`
  }];
  let genVerifyDecl = 1;
}

#endif // LINATTN_DIALECT_TILE_IR_DIALECT_TD
