// RUN: linattn-opt %s --transform-interpreter --canonicalize --cse --mlir-print-local-scope \
// RUN:   --split-input-file --verify-diagnostics | FileCheck %s

// Batch, heads and value channels are tiled; grouped heads follow by the index
// map: 4 of 8 heads are the 2 query heads and the 1 key head that they read.
// CHECK-LABEL: func @attention(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<2x?x4x16xf32>, %[[K:[a-z0-9]+]]: tensor<2x?x2x16xf32>, %[[V:[a-z0-9]+]]: tensor<2x?x8x32xf32>
// CHECK-SAME: %[[G:[a-z0-9]+]]: tensor<8xf32>, %[[H:[a-z0-9]+]]: tensor<2x?x8x32xf32>, %[[S0:[a-z0-9]+]]: tensor<2x8x16x32xf32>
// CHECK: scf.for %[[B:.*]] = %c0 to %c2 step %c1
// CHECK: scf.for %[[I:.*]] = %c0 to %c8 step %c4
// CHECK: scf.for %[[D:.*]] = %c0 to %c32 step %c16
// CHECK-DAG: %[[QH:.*]] = affine.apply affine_map<(d0) -> (d0 floordiv 2)>(%[[I]])
// CHECK-DAG: %[[KH:.*]] = affine.apply affine_map<(d0) -> (d0 floordiv 4)>(%[[I]])
// CHECK-DAG: %[[QS:.*]] = tensor.extract_slice %[[Q]][%[[B]], 0, %[[QH]], 0] [1, %{{.*}}, 2, 16]
// CHECK-DAG: %[[KS:.*]] = tensor.extract_slice %[[K]][%[[B]], 0, %[[KH]], 0] [1, %{{.*}}, 1, 16]
// CHECK-DAG: %[[VS:.*]] = tensor.extract_slice %[[V]][%[[B]], 0, %[[I]], %[[D]]] [1, %{{.*}}, 4, 16]
// CHECK-DAG: %[[GS:.*]] = tensor.extract_slice %[[G]][%[[I]]] [4]
// CHECK-DAG: %[[HS:.*]] = tensor.extract_slice %[[H]][%[[B]], 0, %[[I]], %[[D]]] [1, %{{.*}}, 4, 16]
// CHECK-DAG: %[[SS:.*]] = tensor.extract_slice %[[S0]][%[[B]], %[[I]], 0, %[[D]]] [1, 4, 16, 16]
// CHECK: %[[R:.*]]:2 = linattn.attention ins(%[[QS]], %[[KS]], %[[VS]] :
// CHECK-SAME: key_decay(%[[GS]] : tensor<4xf32>) value_decay(%[[HS]] : tensor<1x?x4x16xf32>) initial_state(%[[SS]] : tensor<1x4x16x16xf32>)
// CHECK-SAME: {scale = 5.000000e-01 : f32, schedule = #linattn.schedule<chunk = 64, sub_chunk = 16, head_align = 16>}
// CHECK-DAG: tensor.insert_slice %[[R]]#0 into %{{.*}}[%[[B]], 0, %[[I]], %[[D]]] [1, %{{.*}}, 4, 16]
// CHECK-DAG: tensor.insert_slice %[[R]]#1 into %{{.*}}[%[[B]], %[[I]], 0, %[[D]]] [1, 4, 16, 16]
func.func @attention(%q: tensor<2x?x4x16xf32>, %k: tensor<2x?x2x16xf32>, %v: tensor<2x?x8x32xf32>, %g: tensor<8xf32>, %h: tensor<2x?x8x32xf32>,
    %s0: tensor<2x8x16x32xf32>, %o: tensor<2x?x8x32xbf16>, %s: tensor<2x8x16x32xf32>) -> (tensor<2x?x8x32xbf16>, tensor<2x8x16x32xf32>) {
  %r:2 = linattn.attention
      ins(%q, %k, %v : tensor<2x?x4x16xf32>, tensor<2x?x2x16xf32>, tensor<2x?x8x32xf32>)
      key_decay(%g : tensor<8xf32>) value_decay(%h : tensor<2x?x8x32xf32>) initial_state(%s0 : tensor<2x8x16x32xf32>)
      outs(%o, %s : tensor<2x?x8x32xbf16>, tensor<2x8x16x32xf32>)
      {scale = 0.5 : f32, schedule = #linattn.schedule<chunk = 64, sub_chunk = 16, head_align = 16>}
      -> tensor<2x?x8x32xbf16>, tensor<2x8x16x32xf32>
  return %r#0, %r#1 : tensor<2x?x8x32xbf16>, tensor<2x8x16x32xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %op = transform.structured.match ops{["linattn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loops:3 = transform.structured.tile_using_for %op tile_sizes [1, 4, 16]
        : (!transform.any_op) -> (!transform.any_op, !transform.any_op, !transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// With offsets the tokens of all sequences stay together; heads are first.
// CHECK-LABEL: func @packed_forall_bhnd(
// CHECK: scf.forall (%[[I:.*]]) in (4)
// CHECK-DAG: %[[I2:.*]] = affine.apply affine_map<(d0) -> (d0 * 2)>(%[[I]])
// CHECK-DAG: tensor.extract_slice %{{.*}}[0, %[[I]], 0, 0] [1, 1, %{{.*}}, 16]
// CHECK-DAG: tensor.extract_slice %{{.*}}[0, %[[I2]], 0] [1, 2, %{{.*}}]
// CHECK: linattn.attention
// CHECK-SAME: offsets(%{{[a-z0-9]+}} : tensor<?xi32>)
// CHECK: scf.forall.in_parallel
// CHECK-DAG: tensor.parallel_insert_slice %{{.*}} into %{{.*}}[0, %[[I2]], 0, 0] [1, 2, %{{.*}}, 16]
// CHECK-DAG: tensor.parallel_insert_slice %{{.*}} into %{{.*}}[0, %[[I2]], 0, 0] [%{{.*}}, 2, 16, 16]
func.func @packed_forall_bhnd(%q: tensor<1x4x?x16xf32>, %v: tensor<1x8x?x16xf32>, %g: tensor<1x8x?xf32>, %offsets: tensor<?xi32>, %s: tensor<?x8x16x16xf32>)
    -> (tensor<1x8x?x16xf32>, tensor<?x8x16x16xf32>) {
  %r:2 = linattn.attention
      ins(%q, %q, %v : tensor<1x4x?x16xf32>, tensor<1x4x?x16xf32>, tensor<1x8x?x16xf32>)
      key_decay(%g : tensor<1x8x?xf32>) offsets(%offsets : tensor<?xi32>)
      outs(%v, %s : tensor<1x8x?x16xf32>, tensor<?x8x16x16xf32>) {layout = #linattn.layout<bhnd>}
      -> tensor<1x8x?x16xf32>, tensor<?x8x16x16xf32>
  return %r#0, %r#1 : tensor<1x8x?x16xf32>, tensor<?x8x16x16xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %op = transform.structured.match ops{["linattn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loop = transform.structured.tile_using_forall %op num_threads [4]
        : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// A tile inside of one group reads one head of it.
// CHECK-LABEL: func @part_of_a_group(
// CHECK: scf.for %[[I:.*]] = %c0 to %c8 step %c2
// CHECK: %[[QH:.*]] = affine.apply affine_map<(d0) -> (d0 floordiv 4)>(%[[I]])
// CHECK: tensor.extract_slice %{{.*}}[0, %[[QH]], 0] [2, 1, 16]
// CHECK: linattn.step
func.func @part_of_a_group(%q: tensor<2x2x16xf32>, %v: tensor<2x8x16xf32>, %s: tensor<2x8x16x16xf32>) -> (tensor<2x8x16xf32>, tensor<2x8x16x16xf32>) {
  %r:2 = linattn.step
      ins(%q, %v, %v : tensor<2x2x16xf32>, tensor<2x8x16xf32>, tensor<2x8x16xf32>)
      outs(%v, %s : tensor<2x8x16xf32>, tensor<2x8x16x16xf32>)
      -> tensor<2x8x16xf32>, tensor<2x8x16x16xf32>
  return %r#0, %r#1 : tensor<2x8x16xf32>, tensor<2x8x16x16xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %op = transform.structured.match ops{["linattn.step"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loop = transform.structured.tile_using_for %op tile_sizes [0, 2]
        : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// One head at a time needs no static sizes.
// CHECK-LABEL: func @dynamic_heads(
// CHECK: scf.for %[[I:.*]] = %c0 to %{{.*}} step %c1
// CHECK: %[[QH:.*]] = affine.apply affine_map<(d0)[s0, s1] -> (d0 floordiv (s0 floordiv s1))>(%[[I]])
// CHECK: tensor.extract_slice %{{.*}}[0, 0, %[[QH]], 0] [%{{.*}}, %{{.*}}, 1, 16]
// CHECK: linattn.attention
func.func @dynamic_heads(%q: tensor<?x?x?x16xf32>, %v: tensor<?x?x?x16xf32>) -> tensor<?x?x?x16xf32> {
  %r0 = linattn.attention
      ins(%q, %q, %v : tensor<?x?x?x16xf32>, tensor<?x?x?x16xf32>, tensor<?x?x?x16xf32>)
      outs(%v : tensor<?x?x?x16xf32>) -> tensor<?x?x?x16xf32>
  return %r0 : tensor<?x?x?x16xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %op = transform.structured.match ops{["linattn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loop = transform.structured.tile_using_for %op tile_sizes [0, 1]
        : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// Heads that are not tiled are all taken, whatever their number.
// CHECK-LABEL: func @dynamic_heads_untiled(
// CHECK: scf.for %{{.*}} = %c0 to %{{.*}} step %c3
// CHECK-NOT: floordiv
// CHECK: linattn.attention
func.func @dynamic_heads_untiled(%q: tensor<?x?x?x16xf32>, %v: tensor<?x?x?x16xf32>) -> tensor<?x?x?x16xf32> {
  %r0 = linattn.attention
      ins(%q, %q, %v : tensor<?x?x?x16xf32>, tensor<?x?x?x16xf32>, tensor<?x?x?x16xf32>)
      outs(%v : tensor<?x?x?x16xf32>) -> tensor<?x?x?x16xf32>
  return %r0 : tensor<?x?x?x16xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %op = transform.structured.match ops{["linattn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loop = transform.structured.tile_using_for %op tile_sizes [3]
        : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// Three heads cut a group of four.
func.func @heads_across_groups(%q: tensor<2x?x2x16xf32>, %v: tensor<2x?x8x16xf32>) -> tensor<2x?x8x16xf32> {
  // expected-error @below {{cannot be tiled by heads: the tile is not known to be whole groups of heads of `query`, nor a part of one group}}
  // expected-error @below {{to tile operation}}
  // expected-error @below {{failed to generate tiling loops}}
  %r0 = linattn.attention
      ins(%q, %v, %v : tensor<2x?x2x16xf32>, tensor<2x?x8x16xf32>, tensor<2x?x8x16xf32>)
      outs(%v : tensor<2x?x8x16xf32>) -> tensor<2x?x8x16xf32>
  return %r0 : tensor<2x?x8x16xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %op = transform.structured.match ops{["linattn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loop = transform.structured.tile_using_for %op tile_sizes [0, 3]
        : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// CHECK-LABEL: func @state(
// CHECK-SAME: %[[K:[a-z0-9]+]]: tensor<4x?x4x16xf32>, %[[G:[a-z0-9]+]]: tensor<4x?x4x16xf32>
// CHECK: scf.forall (%[[I:.*]], %[[H:.*]]) in (2, 4)
// CHECK: %[[B:.*]] = affine.apply affine_map<(d0) -> (d0 * 2)>(%[[I]])
// CHECK-DAG: tensor.extract_slice %[[K]][%[[B]], 0, %[[H]], 0] [2, %{{.*}}, 1, 16]
// CHECK-DAG: tensor.extract_slice %[[G]][%[[B]], 0, %[[H]], 0] [2, %{{.*}}, 1, 16]
// CHECK: linattn.state
// CHECK-DAG: tensor.parallel_insert_slice %{{.*}} into %{{.*}}[%[[B]], %[[H]], 0, 0] [2, 1, 16, 16]
// CHECK-DAG: tensor.parallel_insert_slice %{{.*}} into %{{.*}}[%[[B]], %[[H]], 0] [2, 1, 16]
func.func @state(%k: tensor<4x?x4x16xf32>, %g: tensor<4x?x4x16xf32>, %s: tensor<4x4x16x16xf32>, %t: tensor<4x4x16xf32>) -> (tensor<4x4x16x16xf32>, tensor<4x4x16xf32>) {
  %r:2 = linattn.state
      ins(%k, %k : tensor<4x?x4x16xf32>, tensor<4x?x4x16xf32>)
      key_decay(%g : tensor<4x?x4x16xf32>)
      outs(%s, %t : tensor<4x4x16x16xf32>, tensor<4x4x16xf32>)
      -> tensor<4x4x16x16xf32>, tensor<4x4x16xf32>
  return %r#0, %r#1 : tensor<4x4x16x16xf32>, tensor<4x4x16xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %op = transform.structured.match ops{["linattn.state"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loop = transform.structured.tile_using_forall %op tile_sizes [2, 1]
        : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// CHECK-LABEL: func @blocks(
// CHECK-SAME: %[[T:[a-z0-9]+]]: tensor<16x8xf32>, %[[B:[a-z0-9]+]]: tensor<8x32xf32>, %[[V:[a-z0-9]+]]: tensor<16x32xf32>, %[[G:[a-z0-9]+]]: tensor<16x8xf32>
// CHECK: scf.for %[[D0:.*]] = %c0 to %c32 step %c16
// CHECK: %[[BS:.*]] = tensor.extract_slice %[[B]][0, %[[D0]]] [8, 16]
// CHECK: linattn.inter ins(%[[T]], %[[BS]] : tensor<16x8xf32>, tensor<8x16xf32>) key_decay(%[[G]] :
// CHECK: scf.for %[[D1:.*]] = %c0 to %c32 step %c8
// CHECK: %[[VS:.*]] = tensor.extract_slice %[[V]][0, %[[D1]]] [16, 8]
// CHECK: linattn.intra ins(%[[T]], %[[T]], %[[VS]] :
// CHECK-SAME: sub_chunk = 8
// CHECK: scf.for %[[D2:.*]] = %c0 to %c8 step %c4
// CHECK-DAG: %[[TS:.*]] = tensor.extract_slice %[[T]][0, %[[D2]]] [16, 4]
// CHECK-DAG: %[[GS:.*]] = tensor.extract_slice %[[G]][0, %[[D2]]] [16, 4]
// CHECK: linattn.block_state ins(%[[TS]], %[[V]] : {{.*}}) key_decay(%[[GS]] :
// CHECK: tensor.insert_slice %{{.*}} into %{{.*}}[%[[D2]], 0] [4, 32]
func.func @blocks(%t: tensor<16x8xf32>, %b: tensor<8x32xf32>, %v: tensor<16x32xf32>, %g: tensor<16x8xf32>, %n: index) -> (tensor<16x32xf32>, tensor<8x32xf32>) {
  %o0 = linattn.inter ins(%t, %b : tensor<16x8xf32>, tensor<8x32xf32>)
      key_decay(%g : tensor<16x8xf32>) valid(%n)
      outs(%v : tensor<16x32xf32>) -> tensor<16x32xf32>
  %o1 = linattn.intra ins(%t, %t, %v : tensor<16x8xf32>, tensor<16x8xf32>, tensor<16x32xf32>)
      key_decay(%g : tensor<16x8xf32>) valid(%n)
      outs(%o0 : tensor<16x32xf32>) {sub_chunk = 8 : i64} -> tensor<16x32xf32>
  %b1 = linattn.block_state ins(%t, %v : tensor<16x8xf32>, tensor<16x32xf32>)
      key_decay(%g : tensor<16x8xf32>) valid(%n)
      outs(%b : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %o1, %b1 : tensor<16x32xf32>, tensor<8x32xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %inter = transform.structured.match ops{["linattn.inter"]} in %root : (!transform.any_op) -> !transform.any_op
    transform.structured.tile_using_for %inter tile_sizes [16] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    %intra = transform.structured.match ops{["linattn.intra"]} in %root : (!transform.any_op) -> !transform.any_op
    transform.structured.tile_using_for %intra tile_sizes [8] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    %state = transform.structured.match ops{["linattn.block_state"]} in %root : (!transform.any_op) -> !transform.any_op
    transform.structured.tile_using_for %state tile_sizes [4] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// 5 does not divide 32: the last tile would be smaller.
func.func @ragged_tile_of_a_block(%t: tensor<16x8xf32>, %b: tensor<8x32xf32>, %v: tensor<16x32xf32>, %n: index) -> tensor<16x32xf32> {
  // expected-error @below {{cannot be tiled by value channels: the size of the tile is not static}}
  // expected-error @below {{to tile operation}}
  // expected-error @below {{failed to generate tiling loops}}
  %o0 = linattn.inter ins(%t, %b : tensor<16x8xf32>, tensor<8x32xf32>) valid(%n)
      outs(%v : tensor<16x32xf32>) -> tensor<16x32xf32>
  return %o0 : tensor<16x32xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %op = transform.structured.match ops{["linattn.inter"]} in %root : (!transform.any_op) -> !transform.any_op
    transform.structured.tile_using_for %op tile_sizes [5] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// On buffers the slices are views.
// CHECK-LABEL: func @memref_step(
// CHECK: scf.for %[[I:.*]] = %c0 to %c8 step %c4
// CHECK-DAG: memref.subview %{{.*}}[0, %[[I]], 0, 0] [2, 4, 16, 16]
// CHECK-DAG: memref.subview %{{.*}}[0, %[[I]], 0] [2, 4, 16]
// CHECK: linattn.step
func.func @memref_step(%v: memref<2x8x16xf32>, %o: memref<2x8x16xf32>, %s: memref<2x8x16x16xf32>) {
  linattn.step
      ins(%v, %v, %v : memref<2x8x16xf32>, memref<2x8x16xf32>, memref<2x8x16xf32>)
      outs(%o, %s : memref<2x8x16xf32>, memref<2x8x16x16xf32>)
  return
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %op = transform.structured.match ops{["linattn.step"]} in %root : (!transform.any_op) -> !transform.any_op
    transform.structured.tile_using_for %op tile_sizes [0, 4] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// Fusion: a consumer that is tiled by heads takes its tiles of attention along.
#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
// CHECK-LABEL: func @fuse_into_consumer(
// CHECK: scf.forall (%[[H:.*]]) in (8)
// CHECK: %[[A:.*]] = linattn.attention {{.*}} -> tensor<2x64x1x16xf32>
// CHECK: linalg.generic {{.*}} ins(%[[A]], %{{.*}} : tensor<2x64x1x16xf32>, tensor<2x64x1x16xf32>)
func.func @fuse_into_consumer(%q: tensor<2x64x2x16xf32>, %v: tensor<2x64x8x16xf32>) -> tensor<2x64x8x16xf32> {
  %r0 = linattn.attention
      ins(%q, %q, %v : tensor<2x64x2x16xf32>, tensor<2x64x2x16xf32>, tensor<2x64x8x16xf32>)
      outs(%v : tensor<2x64x8x16xf32>) -> tensor<2x64x8x16xf32>
  %e = tensor.empty() : tensor<2x64x8x16xf32>
  %g = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%r0, %v : tensor<2x64x8x16xf32>, tensor<2x64x8x16xf32>) outs(%e : tensor<2x64x8x16xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %m = arith.mulf %a, %b : f32
      linalg.yield %m : f32
    } -> tensor<2x64x8x16xf32>
  return %g : tensor<2x64x8x16xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %op = transform.structured.match ops{["linalg.generic"]} in %root : (!transform.any_op) -> !transform.any_op
    %attention = transform.structured.match ops{["linattn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loop = transform.structured.tile_using_forall %op tile_sizes [0, 0, 1]
        : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.structured.fuse_into_containing_op %attention into %loop
        : (!transform.any_op, !transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}
