// RUN: linattn-opt %s --transform-interpreter --split-input-file --verify-diagnostics | FileCheck %s
// RUN: linattn-opt %s --split-input-file --verify-roundtrip -o /dev/null

// The parts that are not given keep their values; without a schedule they have
// defaults.
// CHECK-LABEL: func @set_schedule(
// CHECK: linattn.attention
// CHECK-SAME: #linattn.schedule<chunk = 64, sub_chunk = 16, head_align = 16>
// CHECK: linattn.attention
// CHECK-SAME: #linattn.schedule<chunk = 64, sub_chunk = 16, head_align = 8>
// CHECK: linattn.state
// CHECK-SAME: #linattn.schedule<chunk = 32, sub_chunk = 32, head_align = 16>
func.func @set_schedule(%q: tensor<2x?x4x8xf32>, %s: tensor<2x4x8x8xf32>) -> (tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x4x8x8xf32>) {
  %r0 = linattn.attention
      ins(%q, %q, %q : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      outs(%q : tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  %r1 = linattn.attention
      ins(%q, %q, %q : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      outs(%q : tensor<2x?x4x8xf32>)
      {schedule = #linattn.schedule<chunk = 128, sub_chunk = 32, head_align = 8>} -> tensor<2x?x4x8xf32>
  %r2 = linattn.state
      ins(%q, %q : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      outs(%s : tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  return %r0, %r1, %r2 : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x4x8x8xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %attention = transform.structured.match ops{["linattn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    transform.linattn.set_schedule %attention {chunk = 64, sub_chunk = 16} : !transform.any_op
    %state = transform.structured.match ops{["linattn.state"]} in %root : (!transform.any_op) -> !transform.any_op
    transform.linattn.set_schedule %state {chunk = 32} : !transform.any_op
    transform.yield
  }
}

// -----

// An illegal schedule is an error at the transform op, and the op stays as it
// was.
func.func @illegal_schedule(%q: tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32> {
  // expected-note @below {{target op}}
  %r0 = linattn.attention
      ins(%q, %q, %q : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      outs(%q : tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return %r0 : tensor<2x?x4x8xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %op = transform.structured.match ops{["linattn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    // expected-error @below {{expects sub_chunk to divide chunk = 64, but got 24}}
    transform.linattn.set_schedule %op {chunk = 64, sub_chunk = 24} : !transform.any_op
    transform.yield
  }
}

// -----

// A failure that a script may handle.
// CHECK-LABEL: func @suppressed_failure(
// CHECK: linattn.attention
// CHECK-NOT: schedule
// CHECK: return
func.func @suppressed_failure(%q: tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32> {
  %r0 = linattn.attention
      ins(%q, %q, %q : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      outs(%q : tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return %r0 : tensor<2x?x4x8xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    transform.sequence %root : !transform.any_op failures(suppress) {
    ^bb0(%arg: !transform.any_op):
      %op = transform.structured.match ops{["linattn.attention"]} in %arg : (!transform.any_op) -> !transform.any_op
      transform.linattn.set_schedule %op {chunk = 0} : !transform.any_op
    }
    transform.yield
  }
}

// -----

func.func @no_chunk(%q: tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32> {
  // expected-note @below {{target op}}
  %r0 = linattn.attention
      ins(%q, %q, %q : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      outs(%q : tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return %r0 : tensor<2x?x4x8xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %op = transform.structured.match ops{["linattn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    // expected-error @below {{expects a chunk for an op that has no schedule}}
    transform.linattn.set_schedule %op {sub_chunk = 16} : !transform.any_op
    transform.yield
  }
}

// -----

// expected-note @below {{target op}}
func.func @wrong_target(%q: tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32> {
  return %q : tensor<2x?x4x8xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %op = transform.structured.match ops{["func.func"]} in %root : (!transform.any_op) -> !transform.any_op
    // expected-error @below {{expects a linattn.attention or a linattn.state, but got func.func}}
    transform.linattn.set_schedule %op {chunk = 64} : !transform.any_op
    transform.yield
  }
}

// -----

// Only steps are lowered, then the rest by chunks, one level after the other.
// CHECK-LABEL: func @patterns(
// CHECK-NOT: = linattn.
// CHECK: linalg.contract
// CHECK-NOT: = linattn.
// CHECK: return
// CHECK-LABEL: func @blocks_only(
// CHECK-DAG: linattn.inter
// CHECK-DAG: linattn.block_state
// CHECK-DAG: linattn.intra
// CHECK-LABEL: func @steps_only(
// CHECK: linattn.attention
// CHECK-NOT: linattn.step
func.func @patterns(%q: tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32> {
  %r0 = linattn.attention
      ins(%q, %q, %q : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      outs(%q : tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return %r0 : tensor<2x?x4x8xf32>
}

func.func @blocks_only(%q: tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32> {
  %r0 = linattn.attention
      ins(%q, %q, %q : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      outs(%q : tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return %r0 : tensor<2x?x4x8xf32>
}

func.func @steps_only(%q: tensor<2x?x4x8xf32>, %x: tensor<2x4x8xf32>, %s: tensor<2x4x8x8xf32>) -> (tensor<2x?x4x8xf32>, tensor<2x4x8xf32>) {
  %r0 = linattn.attention
      ins(%q, %q, %q : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      outs(%q : tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  %r1:2 = linattn.step ins(%x, %x, %x : tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>)
      outs(%x, %s : tensor<2x4x8xf32>, tensor<2x4x8x8xf32>) -> tensor<2x4x8xf32>, tensor<2x4x8x8xf32>
  return %r0, %r1#0 : tensor<2x?x4x8xf32>, tensor<2x4x8xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %funcs = transform.structured.match ops{["func.func"]} in %root : (!transform.any_op) -> !transform.any_op
    %all, %blocks, %steps = transform.split_handle %funcs : (!transform.any_op) -> (!transform.any_op, !transform.any_op, !transform.any_op)
    %attention = transform.structured.match ops{["linattn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    transform.linattn.set_schedule %attention {chunk = 32} : !transform.any_op
    transform.apply_patterns to %steps {
      transform.apply_patterns.linattn.to_recurrence {steps_only = true}
    } : !transform.any_op
    transform.apply_patterns to %blocks {
      transform.apply_patterns.linattn.to_blocks
    } : !transform.any_op
    transform.apply_patterns to %all {
      transform.apply_patterns.linattn.to_blocks
      transform.apply_patterns.linattn.decompose_blocks
    } : !transform.any_op
    transform.yield
  }
}
