//===- Attrs.td - attributes of the linattn dialect --------*- tablegen -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DIALECT_LINATTN_IR_ATTRS_TD
#define LINATTN_DIALECT_LINATTN_IR_ATTRS_TD

include "linattn/Dialect/Linattn/IR/Dialect.td"
include "mlir/IR/AttrTypeBase.td"

def Linattn_ScheduleAttr : AttrDef<Linattn_Dialect, "Schedule"> {
  let mnemonic = "schedule";
  let summary = "how an op is cut into chunks";
  let description = [{
    The block decomposition of a `linattn.attention` or `linattn.state` op, in
    tokens and channels:

    * `chunk`: tokens per chunk, the rows of every tile.
    * `sub_chunk`: tokens per row block of the intra-chunk weights. Row block
      `i` reads only the blocks that it may attend to, so a smaller sub-chunk
      skips more of the masked triangle. Divides `chunk`, into at most 16 row
      blocks: each is code of its own.
    * `head_align`: head sizes are padded, inside the tile, to a multiple of
      this many channels.

    Chosen by `linattn-set-schedule`, or written by hand.

    Constraints: schedule_c1 to schedule_c4 in `docs/Spec.md`.

    Example:

    ```mlir
    #linattn.schedule<chunk = 64, sub_chunk = 16, head_align = 16>
    ```
  }];
  let parameters = (ins "int64_t":$chunk, "int64_t":$subChunk,
                        "int64_t":$headAlign);
  let assemblyFormat = [{
    `<` `chunk` `=` $chunk `,` `sub_chunk` `=` $subChunk `,`
        `head_align` `=` $headAlign `>`
  }];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    static constexpr int64_t kMaxChunk = 1024;
    /// Row blocks are unrolled: with more of them, compiling takes minutes.
    static constexpr int64_t kMaxRowBlocks = 16;
  }];
}

#endif // LINATTN_DIALECT_LINATTN_IR_ATTRS_TD
