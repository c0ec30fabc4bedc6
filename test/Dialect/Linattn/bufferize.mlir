// RUN: linattn-opt %s --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" \
// RUN:   --canonicalize --split-input-file | FileCheck %s

// The state of a step is one buffer, updated in place.
// CHECK-LABEL: func @step(
// CHECK-SAME: %[[O:[a-z0-9]+]]: memref<2x4x8xbf16>, %[[S:[a-z0-9]+]]: memref<2x4x8x8xf32>)
// CHECK-NOT: memref.alloc
// CHECK-NOT: memref.copy
// CHECK: linattn.step ins(%{{.*}} : memref<2x4x8xbf16>, memref<2x4x8xbf16>, memref<2x4x8xbf16>)
// CHECK-SAME: key_decay(%{{.*}} : memref<4xf32>)
// CHECK-SAME: outs(%[[O]], %[[S]] : memref<2x4x8xbf16>, memref<2x4x8x8xf32>) {scale = 5.000000e-01 : f32}
// CHECK-NOT: memref.alloc
// CHECK-NOT: memref.copy
// CHECK: return
func.func @step(%q: tensor<2x4x8xbf16> {bufferization.writable = false}, %g: tensor<4xf32> {bufferization.writable = false},
    %o: tensor<2x4x8xbf16> {bufferization.writable = true}, %s: tensor<2x4x8x8xf32> {bufferization.writable = true})
    -> (tensor<2x4x8xbf16>, tensor<2x4x8x8xf32>) {
  %r:2 = linattn.step
      ins(%q, %q, %q : tensor<2x4x8xbf16>, tensor<2x4x8xbf16>, tensor<2x4x8xbf16>)
      key_decay(%g : tensor<4xf32>)
      outs(%o, %s : tensor<2x4x8xbf16>, tensor<2x4x8x8xf32>)
      {scale = 0.5 : f32} -> tensor<2x4x8xbf16>, tensor<2x4x8x8xf32>
  return %r#0, %r#1 : tensor<2x4x8xbf16>, tensor<2x4x8x8xf32>
}

// -----

// A loop that decodes carries one state too.
// CHECK-LABEL: func @decode_loop(
// CHECK-SAME: %{{.*}}, %[[S:[a-z0-9]+]]: memref<2x4x8x8xf32>,
// CHECK-NOT: memref.alloc
// CHECK-NOT: memref.copy
// CHECK: scf.for
// CHECK: linattn.step
// CHECK-SAME: outs(%{{.*}}, %[[S]] :
// CHECK-NOT: memref.alloc
// CHECK-NOT: memref.copy
// CHECK: return
func.func @decode_loop(%q: tensor<2x4x8xf32>, %o: tensor<2x4x8xf32>, %s: tensor<2x4x8x8xf32>, %n: index)
    -> (tensor<2x4x8xf32>, tensor<2x4x8x8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %l:2 = scf.for %i = %c0 to %n step %c1 iter_args(%oi = %o, %si = %s) -> (tensor<2x4x8xf32>, tensor<2x4x8x8xf32>) {
    %r:2 = linattn.step
        ins(%q, %q, %q : tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>)
        outs(%oi, %si : tensor<2x4x8xf32>, tensor<2x4x8x8xf32>)
        -> tensor<2x4x8xf32>, tensor<2x4x8x8xf32>
    scf.yield %r#0, %r#1 : tensor<2x4x8xf32>, tensor<2x4x8x8xf32>
  }
  return %l#0, %l#1 : tensor<2x4x8xf32>, tensor<2x4x8x8xf32>
}

// -----

// The old state is still needed here: it must be copied.
// CHECK-LABEL: func @step_keeps_old_state(
// CHECK-SAME: %[[S:[a-z0-9]+]]: memref<2x4x8x8xf32>
// CHECK: %[[N:.*]] = memref.alloc
// CHECK: memref.copy %[[S]], %[[N]]
// CHECK: linattn.step
// CHECK-SAME: outs(%{{.*}}, %[[N]] :
func.func @step_keeps_old_state(%q: tensor<2x4x8xf32>, %o: tensor<2x4x8xf32>, %s: tensor<2x4x8x8xf32>)
    -> (tensor<2x4x8x8xf32>, tensor<2x4x8x8xf32>) {
  %r:2 = linattn.step
      ins(%q, %q, %q : tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>)
      outs(%o, %s : tensor<2x4x8xf32>, tensor<2x4x8x8xf32>)
      -> tensor<2x4x8xf32>, tensor<2x4x8x8xf32>
  return %r#1, %s : tensor<2x4x8x8xf32>, tensor<2x4x8x8xf32>
}

// -----

// The contents of the destinations are not read: nothing is copied.
// CHECK-LABEL: func @attention(
// CHECK-NOT: memref.alloc
// CHECK-NOT: memref.copy
// CHECK: linattn.attention
// CHECK-SAME: offsets(%{{.*}} : memref<?xi64>) outs
// CHECK-NOT: memref.alloc
// CHECK-NOT: memref.copy
// CHECK: return
func.func @attention(%q: tensor<1x?x4x8xf32>, %g: tensor<1x?x4xbf16>, %offsets: tensor<?xi64>,
    %o: tensor<1x?x4x8xf32>, %s: tensor<?x4x8x8xf32>) -> (tensor<1x?x4x8xf32>, tensor<?x4x8x8xf32>) {
  %r:2 = linattn.attention
      ins(%q, %q, %q : tensor<1x?x4x8xf32>, tensor<1x?x4x8xf32>, tensor<1x?x4x8xf32>)
      key_decay(%g : tensor<1x?x4xbf16>) offsets(%offsets : tensor<?xi64>)
      outs(%o, %s : tensor<1x?x4x8xf32>, tensor<?x4x8x8xf32>)
      -> tensor<1x?x4x8xf32>, tensor<?x4x8x8xf32>
  return %r#0, %r#1 : tensor<1x?x4x8xf32>, tensor<?x4x8x8xf32>
}

// -----

// The initial and the final state may be the same memory.
// CHECK-LABEL: func @attention_state_in_place(
// CHECK-SAME: %[[S:[a-z0-9]+]]: memref<2x4x8x8xf32>)
// CHECK-NOT: memref.alloc
// CHECK-NOT: memref.copy
// CHECK: linattn.attention
// CHECK-SAME: initial_state(%[[S]] : memref<2x4x8x8xf32>) outs(%{{.*}}, %[[S]] :
// CHECK-NOT: memref.alloc
// CHECK-NOT: memref.copy
// CHECK: return
func.func @attention_state_in_place(%q: tensor<2x?x4x8xf32>, %o: tensor<2x?x4x8xf32>, %s: tensor<2x4x8x8xf32>)
    -> (tensor<2x?x4x8xf32>, tensor<2x4x8x8xf32>) {
  %r:2 = linattn.attention
      ins(%q, %q, %q : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      initial_state(%s : tensor<2x4x8x8xf32>)
      outs(%o, %s : tensor<2x?x4x8xf32>, tensor<2x4x8x8xf32>)
      -> tensor<2x?x4x8xf32>, tensor<2x4x8x8xf32>
  return %r#0, %r#1 : tensor<2x?x4x8xf32>, tensor<2x4x8x8xf32>
}

// -----

// The output must not overwrite the values: later tokens of another head may
// still read them.
// CHECK-LABEL: func @attention_output_over_value(
// CHECK-SAME: %[[V:[a-z0-9]+]]: memref<2x?x4x8xf32>)
// CHECK: %[[N:.*]] = memref.alloc
// CHECK: linattn.attention ins(%{{.*}}, %{{.*}}, %[[V]] :
// CHECK-SAME: outs(%[[N]] :
func.func @attention_output_over_value(%q: tensor<2x?x4x8xf32>, %v: tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32> {
  %r = linattn.attention
      ins(%q, %q, %v : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      outs(%v : tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return %r : tensor<2x?x4x8xf32>
}

// -----

// CHECK-LABEL: func @state(
// CHECK-NOT: memref.alloc
// CHECK-NOT: memref.copy
// CHECK: linattn.state
// CHECK-SAME: outs(%{{.*}} : memref<2x4x8x8xf32>, memref<2x4x8xf32>)
// CHECK-NOT: memref.copy
// CHECK: return
func.func @state(%k: tensor<2x?x4x8xf32>, %g: tensor<2x?x4x8xf32>, %s: tensor<2x4x8x8xf32>, %t: tensor<2x4x8xf32>) -> (tensor<2x4x8x8xf32>, tensor<2x4x8xf32>) {
  %r:2 = linattn.state
      ins(%k, %k : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      key_decay(%g : tensor<2x?x4x8xf32>)
      outs(%s, %t : tensor<2x4x8x8xf32>, tensor<2x4x8xf32>)
      -> tensor<2x4x8x8xf32>, tensor<2x4x8xf32>
  return %r#0, %r#1 : tensor<2x4x8x8xf32>, tensor<2x4x8xf32>
}

// -----

// Block ops accumulate: the state is read before block_state writes it, so no
// copy is needed in this order.
// CHECK-LABEL: func @blocks(
// CHECK-SAME: %[[T:[a-z0-9]+]]: memref<16x8xf32>, %[[B:[a-z0-9]+]]: memref<8x8xf32>, %[[O:[a-z0-9]+]]: memref<16x8xf32>
// CHECK-NOT: memref.alloc
// CHECK-NOT: memref.copy
// CHECK: linattn.inter ins(%[[T]], %[[B]] : {{.*}}) key_decay(%{{.*}} : memref<f32>) valid(%{{.*}}) outs(%[[O]] :
// CHECK: linattn.intra {{.*}} outs(%[[O]] :
// CHECK: linattn.block_state {{.*}} outs(%[[B]] :
// CHECK-NOT: memref.copy
// CHECK: return
func.func @blocks(%t: tensor<16x8xf32>, %b: tensor<8x8xf32>, %o: tensor<16x8xf32>, %g: tensor<f32>, %n: index) -> (tensor<16x8xf32>, tensor<8x8xf32>) {
  %o0 = linattn.inter ins(%t, %b : tensor<16x8xf32>, tensor<8x8xf32>)
      key_decay(%g : tensor<f32>) valid(%n)
      outs(%o : tensor<16x8xf32>) -> tensor<16x8xf32>
  %o1 = linattn.intra ins(%t, %t, %t : tensor<16x8xf32>, tensor<16x8xf32>, tensor<16x8xf32>)
      key_decay(%g : tensor<f32>) valid(%n)
      outs(%o0 : tensor<16x8xf32>) -> tensor<16x8xf32>
  %b1 = linattn.block_state ins(%t, %t : tensor<16x8xf32>, tensor<16x8xf32>)
      key_decay(%g : tensor<f32>) valid(%n)
      outs(%b : tensor<8x8xf32>) -> tensor<8x8xf32>
  return %o1, %b1 : tensor<16x8xf32>, tensor<8x8xf32>
}

// -----

// An accumulator whose old contents are used again is copied first.
// CHECK-LABEL: func @block_accumulator_used_twice(
// CHECK-SAME: %[[B:[a-z0-9]+]]: memref<8x8xf32>
// CHECK: memref.copy %[[B]], %[[N:.*]] :
// CHECK: linattn.block_state {{.*}} outs(%[[N]] :
// CHECK: linattn.block_state {{.*}} outs(%[[B]] :
func.func @block_accumulator_used_twice(%b: tensor<8x8xf32>, %t: tensor<16x8xf32>, %n: index) -> (tensor<8x8xf32>, tensor<8x8xf32>) {
  %b0 = linattn.block_state ins(%t, %t : tensor<16x8xf32>, tensor<16x8xf32>) valid(%n)
      outs(%b : tensor<8x8xf32>) -> tensor<8x8xf32>
  %b1 = linattn.block_state ins(%t, %t : tensor<16x8xf32>, tensor<16x8xf32>) valid(%n)
      outs(%b : tensor<8x8xf32>) -> tensor<8x8xf32>
  return %b0, %b1 : tensor<8x8xf32>, tensor<8x8xf32>
}
