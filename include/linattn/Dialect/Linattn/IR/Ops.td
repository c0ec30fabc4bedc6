//===- Ops.td - ops of the linattn dialect -----------------*- tablegen -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DIALECT_LINATTN_IR_OPS_TD
#define LINATTN_DIALECT_LINATTN_IR_OPS_TD

include "linattn/Dialect/Linattn/IR/Attrs.td"
include "linattn/Dialect/Linattn/IR/Enums.td"
include "linattn/Dialect/Linattn/IR/Interfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/IR/OpAsmInterface.td"

//===----------------------------------------------------------------------===//
// Type constraints and base class
//===----------------------------------------------------------------------===//

class Linattn_TensorOrMemRefOf<list<Type> elements>
    : AnyTypeOf<[RankedTensorOf<elements>, MemRefOf<elements>]>;

// linattn_c10: element types.

/// Queries, keys, values and outputs.
def Linattn_Data : Linattn_TensorOrMemRefOf<[F16, BF16, F32]>;
/// Natural logarithms of decay factors, widened to f32 before any sum.
def Linattn_Decay : Linattn_TensorOrMemRefOf<[BF16, F32]>;
/// States and total decays: never rounded.
def Linattn_State : Linattn_TensorOrMemRefOf<[F32]>;
/// Boundaries of packed sequences.
def Linattn_Offsets : Linattn_TensorOrMemRefOf<[I32, I64]>;

/// Every op that computes: destination style, on tensors or memrefs.
class Linattn_ComputeOp<string mnemonic, list<Trait> traits = []>
    : Op<Linattn_Dialect, mnemonic, !listconcat(traits, [
        AttrSizedOperandSegments,
        DestinationStyleOpInterface,
        DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
        DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
                                  ["reifyResultShapes"]>,
        DeclareOpInterfaceMethods<Linattn_DimRoleOpInterface>])> {
  let hasVerifier = 1;

  code destinationStyleDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() {
      return getOutputsMutable();
    }
  }];
}

//===----------------------------------------------------------------------===//
// Named ops
//===----------------------------------------------------------------------===//

def Linattn_AttentionOp : Linattn_ComputeOp<"attention"> {
  let summary = "Linear attention over whole sequences";
  let description = [{
    Computes, for every sequence and head,

    ```
    forward   S_t = a_t o_k S_{t-1} o_v b_t + u k_t v_t^T     o_t = s S_t^T q_t
              S_0 = initial_state                    final_state = S_N
    reverse   T_t = a_{t+1} o_k T_{t+1} o_v b_{t+1} + u k_t v_t^T
              o_t = s T_t^T q_t
              decayed T_{N+1} = initial_state        final_state = a_1 o_k T_1 o_v b_1
    ```

    with `s` = `scale`, `u` = `update_scale`, `a = exp(key_decay)` acting on
    key channels and `b = exp(value_decay)` on value channels. The reverse
    direction walks down: it adds the outer product, reads out, then decays by
    the token's own factor.

    Shapes in the `bnhd` layout; `bhnd` swaps the token and head dimensions of
    every operand that has both:

    | operand | shape | element |
    |---|---|---|
    | query | [B, N, Hq, Dk] | f32, bf16, f16 |
    | key | [B, N, Hk, Dk] | f32, bf16, f16 |
    | value | [B, N, Hv, Dv] | f32, bf16, f16 |
    | key_decay | [H], [B, N, H] or [B, N, H, Dk] | f32, bf16 |
    | value_decay | [H], [B, N, H] or [B, N, H, Dv] | f32, bf16 |
    | initial_state | [S, H, Dk, Dv] (`vk`: [S, H, Dv, Dk]) | f32 |
    | offsets | [S + 1] | i32, i64 |
    | output | [B, N, H, Dv] | f32, bf16, f16 |
    | final_state | as initial_state | f32 |

    `Hq`, `Hk` and `Hv` each divide `H`; head `h` reads query head
    `h / (H / Hq)`, and so on. Without offsets `S = B`. With offsets `B = 1`,
    and sequence `i` holds the tokens `offsets[i]` to `offsets[i + 1]`.

    The contents of the output operands are not read. An empty sequence has no
    output rows and its final state is its initial state.

    Constraints: linattn_c1 to linattn_c10 in `docs/Spec.md`.

    Example:

    ```mlir
    %o, %s = linattn.attention
        ins(%q, %k, %v : tensor<2x?x4x64xbf16>, tensor<2x?x4x64xbf16>, tensor<2x?x4x64xbf16>)
        key_decay(%g : tensor<4xf32>) initial_state(%s0 : tensor<2x4x64x64xf32>)
        outs(%oi, %si : tensor<2x?x4x64xbf16>, tensor<2x4x64x64xf32>)
        {scale = 1.250000e-01 : f32}
        -> tensor<2x?x4x64xbf16>, tensor<2x4x64x64xf32>
    ```
  }];
  let arguments = (ins
    Linattn_Data:$query, Linattn_Data:$key, Linattn_Data:$value,
    Optional<Linattn_Decay>:$key_decay, Optional<Linattn_Decay>:$value_decay,
    Optional<Linattn_State>:$initial_state, Optional<Linattn_Offsets>:$offsets,
    Variadic<Linattn_Data>:$outputs,
    DefaultValuedAttr<F32Attr, "1.0f">:$scale,
    DefaultValuedAttr<F32Attr, "1.0f">:$update_scale,
    DefaultValuedAttr<Linattn_DirectionAttr, "Direction::Forward">:$direction,
    DefaultValuedAttr<Linattn_LayoutAttr, "Layout::BNHD">:$layout,
    DefaultValuedAttr<Linattn_StateLayoutAttr, "StateLayout::KV">:$state_layout,
    OptionalAttr<Linattn_ScheduleAttr>:$schedule);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    `ins` `(` $query `,` $key `,` $value `:`
      type($query) `,` type($key) `,` type($value) `)`
    (`key_decay` `(` $key_decay^ `:` type($key_decay) `)`)?
    (`value_decay` `(` $value_decay^ `:` type($value_decay) `)`)?
    (`initial_state` `(` $initial_state^ `:` type($initial_state) `)`)?
    (`offsets` `(` $offsets^ `:` type($offsets) `)`)?
    `outs` `(` $outputs `:` type($outputs) `)` attr-dict
    (`->` type($results)^)?
  }];
  let extraClassDeclaration = destinationStyleDeclaration # [{
    /// The destination of the output rows.
    ::mlir::Value getOutput() { return getOutputs()[0]; }
    /// The destination of the final state, or null.
    ::mlir::Value getFinalState() {
      return getOutputs().size() > 1 ? getOutputs()[1] : ::mlir::Value();
    }
  }];
}

def Linattn_StateOp : Linattn_ComputeOp<"state"> {
  let summary = "The state of a run of tokens, from zero, and its total decay";
  let description = [{
    A contiguous run of tokens is the pair (total log-decay, state from zero).
    These pairs form a monoid, so a sequence may be cut anywhere:

    ```
    (G1, L1) then (G2, L2) = (G1 + G2, exp(G2) o L1 + L2)
    ```

    The combine is associative and not commutative; its identity is (0, 0).

    The outputs are the state, then the total of the key decay if there is a
    key decay, then the total of the value decay if there is one. A total has
    the shape [S, H], or [S, H, D] if the decay differs by channel. Operands,
    directions and shapes are those of `linattn.attention`.

    Constraints: linattn_c1 to linattn_c10 in `docs/Spec.md`.

    Example:

    ```mlir
    %s, %g = linattn.state
        ins(%k, %v : tensor<2x?x4x64xf32>, tensor<2x?x4x64xf32>)
        key_decay(%a : tensor<2x?x4xf32>)
        outs(%si, %gi : tensor<2x4x64x64xf32>, tensor<2x4xf32>)
        -> tensor<2x4x64x64xf32>, tensor<2x4xf32>
    ```
  }];
  let arguments = (ins
    Linattn_Data:$key, Linattn_Data:$value,
    Optional<Linattn_Decay>:$key_decay, Optional<Linattn_Decay>:$value_decay,
    Optional<Linattn_Offsets>:$offsets,
    Variadic<Linattn_State>:$outputs,
    DefaultValuedAttr<F32Attr, "1.0f">:$update_scale,
    DefaultValuedAttr<Linattn_DirectionAttr, "Direction::Forward">:$direction,
    DefaultValuedAttr<Linattn_LayoutAttr, "Layout::BNHD">:$layout,
    DefaultValuedAttr<Linattn_StateLayoutAttr, "StateLayout::KV">:$state_layout,
    OptionalAttr<Linattn_ScheduleAttr>:$schedule);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    `ins` `(` $key `,` $value `:` type($key) `,` type($value) `)`
    (`key_decay` `(` $key_decay^ `:` type($key_decay) `)`)?
    (`value_decay` `(` $value_decay^ `:` type($value_decay) `)`)?
    (`offsets` `(` $offsets^ `:` type($offsets) `)`)?
    `outs` `(` $outputs `:` type($outputs) `)` attr-dict
    (`->` type($results)^)?
  }];
  let extraClassDeclaration = destinationStyleDeclaration # [{
    /// The destination of the state.
    ::mlir::Value getState() { return getOutputs()[0]; }
    /// The destination of the total log-decay of a side, or null.
    ::mlir::Value getTotalKeyDecay() {
      return getKeyDecay() ? getOutputs()[1] : ::mlir::Value();
    }
    ::mlir::Value getTotalValueDecay() {
      return getValueDecay() ? getOutputs().back() : ::mlir::Value();
    }
  }];
}

def Linattn_StepOp : Linattn_ComputeOp<"step"> {
  let summary = "One token of linear attention, with the state in place";
  let description = [{
    Decodes one token of every sequence:

    ```
    S <- a o_k S o_v b + u k v^T        o = s S^T q
    ```

    The second output operand is the state. It is read and written: after
    bufferization the update happens in place, and no second state exists.

    | operand | shape |
    |---|---|
    | query | [B, Hq, Dk] |
    | key | [B, Hk, Dk] |
    | value | [B, Hv, Dv] |
    | key_decay | [H], [B, H] or [B, H, Dk] |
    | value_decay | [H], [B, H] or [B, H, Dv] |
    | output | [B, H, Dv] |
    | state | [B, H, Dk, Dv] (`vk`: [B, H, Dv, Dk]) |

    Constraints: linattn_c1 to linattn_c10 in `docs/Spec.md`.

    Example:

    ```mlir
    %o, %s1 = linattn.step
        ins(%q, %k, %v : tensor<8x4x64xbf16>, tensor<8x4x64xbf16>, tensor<8x4x64xbf16>)
        key_decay(%g : tensor<4xf32>)
        outs(%oi, %s0 : tensor<8x4x64xbf16>, tensor<8x4x64x64xf32>)
        -> tensor<8x4x64xbf16>, tensor<8x4x64x64xf32>
    ```
  }];
  let arguments = (ins
    Linattn_Data:$query, Linattn_Data:$key, Linattn_Data:$value,
    Optional<Linattn_Decay>:$key_decay, Optional<Linattn_Decay>:$value_decay,
    Variadic<Linattn_Data>:$outputs,
    DefaultValuedAttr<F32Attr, "1.0f">:$scale,
    DefaultValuedAttr<F32Attr, "1.0f">:$update_scale,
    DefaultValuedAttr<Linattn_StateLayoutAttr, "StateLayout::KV">:$state_layout,
    OptionalAttr<StrAttr>:$key_decay_class,
    OptionalAttr<StrAttr>:$value_decay_class);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    `ins` `(` $query `,` $key `,` $value `:`
      type($query) `,` type($key) `,` type($value) `)`
    (`key_decay` `(` $key_decay^ `:` type($key_decay) `)`)?
    (`value_decay` `(` $value_decay^ `:` type($value_decay) `)`)?
    `outs` `(` $outputs `:` type($outputs) `)` attr-dict
    (`->` type($results)^)?
  }];
  let extraClassDeclaration = destinationStyleDeclaration # [{
    /// The destination of the output row.
    ::mlir::Value getOutput() { return getOutputs()[0]; }
    /// The state, read and written.
    ::mlir::Value getState() { return getOutputs()[1]; }
  }];
}

def Linattn_SlopesOp : Op<Linattn_Dialect, "slopes", [Pure]> {
  let summary = "The constant log-decays of a TransNormerLLM layer";
  let description = [{
    The log-decay of every head `h` of `H`, in layer `l` of `L`, by one of
    three published rules. They are far apart: a checkpoint that runs with the
    wrong family gives wrong results and no error.

    ```
    paper     g = -(8 h / H) (1 - l / L)
    released  g = -s_h (1 - l / (L - 1) + 1e-5),  s_h the ALiBi slopes of H heads
    xmixers   g = -(1 / n_h) (1 - l / (L - 1) + 1e-5),  n_h geometric from 2 to 256
    ```

    With one layer the layer factor of `released` and `xmixers` is 1. The op
    folds to a constant.

    Constraints: slopes_c1 to slopes_c3 in `docs/Spec.md`.

    Example:

    ```mlir
    %g = linattn.slopes <released> layer 3 of 24 : tensor<8xf32>
    ```
  }];
  let arguments = (ins Linattn_SlopeFamilyAttr:$family,
                       I64Attr:$layer, I64Attr:$num_layers);
  let results = (outs StaticShapeTensorOf<[F32]>:$log_decay);
  let assemblyFormat = [{
    $family `layer` $layer `of` $num_layers attr-dict `:` type($log_decay)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

//===----------------------------------------------------------------------===//
// Block ops
//===----------------------------------------------------------------------===//

/// An op on the tiles of one chunk of one head. Tiles have static shapes: C
/// tokens, Dk key channels, Dv value channels. `valid` tokens are real; the
/// rest of the rows are neutral: zero, with a log-decay of zero.
class Linattn_BlockOp<string mnemonic> : Linattn_ComputeOp<mnemonic>;

def Linattn_InterOp : Linattn_BlockOp<"inter"> {
  let summary = "What a chunk reads from the state that enters it";
  let description = [{
    Adds to the output tile the part that comes from earlier chunks:

    ```
    O += s * f_i o (Q S)      f_i = exp(G_i) forward, exp(G_C - G_i) reverse
    ```

    with `G` the inclusive cumulative sum of the log-decay inside the chunk.

    | operand | shape |
    |---|---|
    | query | [C, Dk] |
    | state | [Dk, Dv] |
    | key_decay | [], [C] or [C, Dk] |
    | value_decay | [], [C] or [C, Dv] |
    | output | [C, Dv], f32, read and written |

    Constraints: linattn_c1 to linattn_c10, block_c1 and block_c2 in `docs/Spec.md`.

    Example:

    ```mlir
    %o1 = linattn.inter
        ins(%q, %s : tensor<64x32xbf16>, tensor<32x32xf32>)
        key_decay(%g : tensor<64xf32>) valid(%n)
        outs(%o : tensor<64x32xf32>) -> tensor<64x32xf32>
    ```
  }];
  let arguments = (ins
    Linattn_Data:$query, Linattn_State:$state,
    Optional<Linattn_Decay>:$key_decay, Optional<Linattn_Decay>:$value_decay,
    Index:$valid, Variadic<Linattn_State>:$outputs,
    DefaultValuedAttr<F32Attr, "1.0f">:$scale,
    DefaultValuedAttr<Linattn_DirectionAttr, "Direction::Forward">:$direction,
    OptionalAttr<StrAttr>:$key_decay_class,
    OptionalAttr<StrAttr>:$value_decay_class);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    `ins` `(` $query `,` $state `:` type($query) `,` type($state) `)`
    (`key_decay` `(` $key_decay^ `:` type($key_decay) `)`)?
    (`value_decay` `(` $value_decay^ `:` type($value_decay) `)`)?
    `valid` `(` $valid `)`
    `outs` `(` $outputs `:` type($outputs) `)` attr-dict
    (`->` type($results)^)?
  }];
  let extraClassDeclaration = destinationStyleDeclaration;
}

def Linattn_BlockStateOp : Linattn_BlockOp<"block_state"> {
  let summary = "The state that leaves a chunk";
  let description = [{
    Carries the state over a chunk:

    ```
    S <- exp(G_C) o S + u (f_j o K)^T V
    f_j = exp(G_C - G_j) forward, exp(G_j) reverse
    ```

    | operand | shape |
    |---|---|
    | key | [C, Dk] |
    | value | [C, Dv] |
    | key_decay | [], [C] or [C, Dk] |
    | value_decay | [], [C] or [C, Dv] |
    | state (output) | [Dk, Dv], f32, read and written |

    Constraints: linattn_c1 to linattn_c10, block_c1 and block_c2 in `docs/Spec.md`.

    Example:

    ```mlir
    %s1 = linattn.block_state
        ins(%k, %v : tensor<64x32xbf16>, tensor<64x32xbf16>)
        key_decay(%g : tensor<64x32xf32>) valid(%n)
        outs(%s : tensor<32x32xf32>) -> tensor<32x32xf32>
    ```
  }];
  let arguments = (ins
    Linattn_Data:$key, Linattn_Data:$value,
    Optional<Linattn_Decay>:$key_decay, Optional<Linattn_Decay>:$value_decay,
    Index:$valid, Variadic<Linattn_State>:$outputs,
    DefaultValuedAttr<F32Attr, "1.0f">:$update_scale,
    DefaultValuedAttr<Linattn_DirectionAttr, "Direction::Forward">:$direction,
    OptionalAttr<StrAttr>:$key_decay_class,
    OptionalAttr<StrAttr>:$value_decay_class);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    `ins` `(` $key `,` $value `:` type($key) `,` type($value) `)`
    (`key_decay` `(` $key_decay^ `:` type($key_decay) `)`)?
    (`value_decay` `(` $value_decay^ `:` type($value_decay) `)`)?
    `valid` `(` $valid `)`
    `outs` `(` $outputs `:` type($outputs) `)` attr-dict
    (`->` type($results)^)?
  }];
  let extraClassDeclaration = destinationStyleDeclaration;
}

def Linattn_IntraOp : Linattn_BlockOp<"intra"> {
  let summary = "What the tokens of a chunk read from each other";
  let description = [{
    Adds to the output tile the part that stays inside the chunk:

    ```
    O_i += s u sum_j D_ij (q_i . k_j) v_j
    D_ij = exp(G_i - G_j), j <= i forward     exp(G_j - G_i), j >= i reverse
    ```

    with the factor on the key channels, on the value channels, or on both, as
    the decays say. Shapes as in `linattn.inter` and `linattn.block_state`.

    `sub_chunk` is the number of rows that are computed together: a row block
    reads only the blocks that it may attend to.

    Constraints: linattn_c1 to linattn_c10, block_c1, block_c2 and intra_c1
    in `docs/Spec.md`.

    Example:

    ```mlir
    %o1 = linattn.intra
        ins(%q, %k, %v : tensor<64x32xf32>, tensor<64x32xf32>, tensor<64x32xf32>)
        key_decay(%g : tensor<f32>) valid(%n)
        outs(%o : tensor<64x32xf32>) {sub_chunk = 16 : i64}
        -> tensor<64x32xf32>
    ```
  }];
  let arguments = (ins
    Linattn_Data:$query, Linattn_Data:$key, Linattn_Data:$value,
    Optional<Linattn_Decay>:$key_decay, Optional<Linattn_Decay>:$value_decay,
    Index:$valid, Variadic<Linattn_State>:$outputs,
    DefaultValuedAttr<F32Attr, "1.0f">:$scale,
    DefaultValuedAttr<F32Attr, "1.0f">:$update_scale,
    DefaultValuedAttr<Linattn_DirectionAttr, "Direction::Forward">:$direction,
    OptionalAttr<I64Attr>:$sub_chunk,
    OptionalAttr<StrAttr>:$key_decay_class,
    OptionalAttr<StrAttr>:$value_decay_class);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    `ins` `(` $query `,` $key `,` $value `:`
      type($query) `,` type($key) `,` type($value) `)`
    (`key_decay` `(` $key_decay^ `:` type($key_decay) `)`)?
    (`value_decay` `(` $value_decay^ `:` type($value_decay) `)`)?
    `valid` `(` $valid `)`
    `outs` `(` $outputs `:` type($outputs) `)` attr-dict
    (`->` type($results)^)?
  }];
  let extraClassDeclaration = destinationStyleDeclaration;
}

#endif // LINATTN_DIALECT_LINATTN_IR_OPS_TD
