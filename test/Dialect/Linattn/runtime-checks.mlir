// RUN: linattn-opt %s -split-input-file --linattn-to-blocks --canonicalize --cse | FileCheck %s
// RUN: linattn-opt %s -split-input-file --linattn-to-recurrence --canonicalize --cse | FileCheck %s

// What the verifier cannot see is checked in front of the kernel.
// CHECK-LABEL: func @dynamic_sizes
//  CHECK-SAME: (%[[Q:.*]]: tensor<?x?x4x8xf32>, %[[K:.*]]: tensor<?x?x4x8xf32>,
func.func @dynamic_sizes(%q: tensor<?x?x4x8xf32>, %k: tensor<?x?x4x8xf32>, %o: tensor<?x?x4x8xf32>) -> tensor<?x?x4x8xf32> {
  // CHECK-DAG: %[[BQ:.*]] = tensor.dim %[[Q]], %c0
  // CHECK-DAG: %[[BK:.*]] = tensor.dim %[[K]], %c0
  // CHECK: arith.cmpi eq, %[[BK]], %[[BQ]]
  // CHECK: cf.assert %{{.*}}, "linattn.attention expects the batch sizes of `query`, `key`, `value` and `output` to be equal"
  // CHECK: cf.assert %{{.*}}, "linattn.attention expects the token sizes of `query`, `key`, `value` and `output` to be equal"
  // CHECK-NOT: cf.assert
  // CHECK: scf.forall
  %r = linattn.attention ins(%q, %k, %k : tensor<?x?x4x8xf32>, tensor<?x?x4x8xf32>, tensor<?x?x4x8xf32>)
      outs(%o : tensor<?x?x4x8xf32>) {schedule = #linattn.schedule<chunk = 16, sub_chunk = 16, head_align = 8>}
      -> tensor<?x?x4x8xf32>
  return %r : tensor<?x?x4x8xf32>
}

// -----

// CHECK-LABEL: func @static_sizes
// CHECK-NOT: cf.assert
func.func @static_sizes(%q: tensor<2x9x4x8xf32>, %k: tensor<2x9x2x8xf32>, %o: tensor<2x9x4x8xf32>) -> tensor<2x9x4x8xf32> {
  %r = linattn.attention ins(%q, %k, %k : tensor<2x9x4x8xf32>, tensor<2x9x2x8xf32>, tensor<2x9x2x8xf32>)
      outs(%o : tensor<2x9x4x8xf32>) {schedule = #linattn.schedule<chunk = 16, sub_chunk = 16, head_align = 8>}
      -> tensor<2x9x4x8xf32>
  return %r : tensor<2x9x4x8xf32>
}

// -----

// CHECK-LABEL: func @dynamic_groups
func.func @dynamic_groups(%q: tensor<1x9x4x8xf32>, %k: tensor<1x9x?x8xf32>, %o: tensor<1x9x4x8xf32>) -> tensor<1x9x4x8xf32> {
  // CHECK: arith.remui
  // CHECK: cf.assert %{{.*}}, "linattn.attention expects the number of key heads to divide the number of heads"
  %r = linattn.attention ins(%q, %k, %q : tensor<1x9x4x8xf32>, tensor<1x9x?x8xf32>, tensor<1x9x4x8xf32>)
      outs(%o : tensor<1x9x4x8xf32>) {schedule = #linattn.schedule<chunk = 16, sub_chunk = 16, head_align = 8>}
      -> tensor<1x9x4x8xf32>
  return %r : tensor<1x9x4x8xf32>
}

// -----

// CHECK-LABEL: func @offsets
//  CHECK-SAME: %[[OFFSETS:[a-z0-9]+]]: tensor<?xi32>
func.func @offsets(%q: tensor<1x?x4x8xf32>, %offsets: tensor<?xi32>, %o: tensor<1x?x4x8xf32>, %s: tensor<?x4x8x8xf32>) -> (tensor<1x?x4x8xf32>, tensor<?x4x8x8xf32>) {
  // CHECK: cf.assert %{{.*}}, "linattn.attention expects `offsets` to have at least one boundary"
  // CHECK: cf.assert %{{.*}}, "linattn.attention expects `offsets` to have one boundary more than there are sequences"
  // CHECK: %[[ORDERED:.*]] = scf.for {{.*}} -> (i1)
  // CHECK:   arith.cmpi sle
  // CHECK: cf.assert %{{.*}}, "linattn.attention expects `offsets` to start at 0, not to decrease, and to end at the number of tokens"
  // CHECK: scf.forall
  %r:2 = linattn.attention ins(%q, %q, %q : tensor<1x?x4x8xf32>, tensor<1x?x4x8xf32>, tensor<1x?x4x8xf32>)
      offsets(%offsets : tensor<?xi32>) outs(%o, %s : tensor<1x?x4x8xf32>, tensor<?x4x8x8xf32>)
      {schedule = #linattn.schedule<chunk = 16, sub_chunk = 16, head_align = 8>}
      -> tensor<1x?x4x8xf32>, tensor<?x4x8x8xf32>
  return %r#0, %r#1 : tensor<1x?x4x8xf32>, tensor<?x4x8x8xf32>
}

// -----

// A head of no channels becomes a head of one zero channel.
// CHECK-LABEL: func @no_key_channels
//  CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<1x4x0x8xf32>)
func.func @no_key_channels(%q: tensor<1x9x4x0xf32>, %v: tensor<1x9x4x8xf32>, %o: tensor<1x9x4x8xf32>, %s: tensor<1x4x0x8xf32>) -> (tensor<1x9x4x8xf32>, tensor<1x4x0x8xf32>) {
  // CHECK: linalg.fill {{.*}} -> tensor<1x9x4x1xf32>
  // CHECK: %[[R:.*]] = scf.forall
  // CHECK: return %[[R]], %[[S]]
  %r:2 = linattn.attention ins(%q, %q, %v : tensor<1x9x4x0xf32>, tensor<1x9x4x0xf32>, tensor<1x9x4x8xf32>)
      outs(%o, %s : tensor<1x9x4x8xf32>, tensor<1x4x0x8xf32>)
      {schedule = #linattn.schedule<chunk = 16, sub_chunk = 16, head_align = 8>}
      -> tensor<1x9x4x8xf32>, tensor<1x4x0x8xf32>
  return %r#0, %r#1 : tensor<1x9x4x8xf32>, tensor<1x4x0x8xf32>
}
