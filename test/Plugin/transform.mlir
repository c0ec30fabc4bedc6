// A stock mlir-opt runs the transform ops and the tiling of the plugin.

// REQUIRES: plugins

// RUN: %plugin_opt %s --transform-interpreter | FileCheck %s

// CHECK-LABEL: func.func @attention
// CHECK: scf.forall (%{{.*}}) in (4)
// CHECK: linattn.attention
// CHECK-SAME: schedule = #linattn.schedule<chunk = 32, sub_chunk = 16, head_align = 16>
// CHECK-LABEL: func.func @step
// CHECK-NOT: = linattn.step
// CHECK: linalg.contract
func.func @attention(%q: tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32> {
  %0 = linattn.attention
      ins(%q, %q, %q : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      outs(%q : tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return %0 : tensor<2x?x4x8xf32>
}
func.func @step(%q: tensor<2x4x8xf32>, %s: tensor<2x4x8x8xf32>) -> (tensor<2x4x8xf32>, tensor<2x4x8x8xf32>) {
  %0:2 = linattn.step
      ins(%q, %q, %q : tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>)
      outs(%q, %s : tensor<2x4x8xf32>, tensor<2x4x8x8xf32>)
      -> tensor<2x4x8xf32>, tensor<2x4x8x8xf32>
  return %0#0, %0#1 : tensor<2x4x8xf32>, tensor<2x4x8x8xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %op = transform.structured.match ops{["linattn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    transform.linattn.set_schedule %op {chunk = 32, sub_chunk = 16} : !transform.any_op
    %tiled, %loop = transform.structured.tile_using_forall %op tile_sizes [0, 1] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    %functions = transform.structured.match ops{["func.func"]} in %root : (!transform.any_op) -> !transform.any_op
    transform.apply_patterns to %functions {
      transform.apply_patterns.linattn.to_recurrence {steps_only = true}
    } : !transform.any_op
    transform.yield
  }
}
