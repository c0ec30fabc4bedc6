//===- LinattnTransformOps.td - transform ops of linattn ---*- tablegen -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DIALECT_LINATTN_TRANSFORMOPS_LINATTNTRANSFORMOPS_TD
#define LINATTN_DIALECT_LINATTN_TRANSFORMOPS_LINATTNTRANSFORMOPS_TD

include "mlir/Dialect/Transform/IR/TransformDialect.td"
include "mlir/Dialect/Transform/Interfaces/TransformInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/IR/OpBase.td"

def SetScheduleTransformOp
    : Op<Transform_Dialect, "linattn.set_schedule",
         [DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
          TransformOpInterface, TransformEachOpTrait,
          ReportTrackingListenerFailuresOpTrait]> {
  let summary = "Choose by hand how ops are cut into chunks";
  let description = [{
    Puts a schedule on every target, a `linattn.attention` or a
    `linattn.state`, or changes the one it has. A part that is not given keeps
    its value; an op without a schedule takes `sub_chunk = chunk` and
    `head_align = 16`, and must be given a `chunk`.

    Fails, and leaves the op alone, if the target is another op or the parts do
    not make a legal schedule.

    Example:

    ```mlir
    transform.linattn.set_schedule %op {chunk = 64, sub_chunk = 16}
        : !transform.any_op
    ```
  }];
  let arguments = (ins TransformHandleTypeInterface:$target,
                       OptionalAttr<I64Attr>:$chunk,
                       OptionalAttr<I64Attr>:$sub_chunk,
                       OptionalAttr<I64Attr>:$head_align);
  let assemblyFormat = "$target attr-dict `:` type($target)";
  let extraClassDeclaration = [{
    ::mlir::DiagnosedSilenceableFailure applyToOne(
        ::mlir::transform::TransformRewriter &rewriter,
        ::mlir::Operation *target,
        ::mlir::transform::ApplyToEachResultList &results,
        ::mlir::transform::TransformState &state);
  }];
}

/// An op that names a set of patterns inside `transform.apply_patterns`.
class Linattn_PatternsOp<string mnemonic>
    : Op<Transform_Dialect, "apply_patterns.linattn." # mnemonic,
         [DeclareOpInterfaceMethods<PatternDescriptorOpInterface>]> {
  let assemblyFormat = "attr-dict";
}

def ApplyToRecurrencePatternsOp
    : Linattn_PatternsOp<"to_recurrence"> {
  let summary = "The patterns of linattn-to-recurrence";
  let description = [{
    Lowers named ops to a loop over tokens; with `steps_only`, only
    `linattn.step`.

    Example:

    ```mlir
    transform.apply_patterns to %func {
      transform.apply_patterns.linattn.to_recurrence {steps_only = true}
    } : !transform.any_op
    ```
  }];
  let arguments = (ins DefaultValuedAttr<BoolAttr, "false">:$steps_only);
}

def ApplyToBlocksPatternsOp : Linattn_PatternsOp<"to_blocks"> {
  let summary = "The patterns of linattn-to-blocks";
  let description = [{
    Cuts the named ops that have a schedule into chunks of block ops.

    Example:

    ```mlir
    transform.apply_patterns to %func {
      transform.apply_patterns.linattn.to_blocks
    } : !transform.any_op
    ```
  }];
}

def ApplyDecomposeBlocksPatternsOp
    : Linattn_PatternsOp<"decompose_blocks"> {
  let summary = "The patterns of linattn-decompose-blocks";
  let description = [{
    Decomposes block ops into contractions and maps.

    Example:

    ```mlir
    transform.apply_patterns to %func {
      transform.apply_patterns.linattn.decompose_blocks
    } : !transform.any_op
    ```
  }];
}

#endif // LINATTN_DIALECT_LINATTN_TRANSFORMOPS_LINATTNTRANSFORMOPS_TD
