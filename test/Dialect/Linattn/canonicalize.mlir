// RUN: linattn-opt %s --canonicalize --split-input-file | FileCheck %s

//===----------------------------------------------------------------------===//
// A decay of zero
//===----------------------------------------------------------------------===//

// CHECK-LABEL: @zero_const_decay
// CHECK: linattn.attention ins(%{{.*}}) outs
func.func @zero_const_decay(%q: tensor<2x?x4x8xf32>, %o: tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32> {
  %g = arith.constant dense<0.0> : tensor<4xf32>
  %r = linattn.attention
      ins(%q, %q, %q : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      key_decay(%g : tensor<4xf32>)
      outs(%o : tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return %r : tensor<2x?x4x8xf32>
}

// -----

// Zero has two signs, and a fill may be behind a cast.
// CHECK-LABEL: @zero_vector_decay_both_sides
// CHECK: linattn.attention ins(%{{.*}}) outs
func.func @zero_vector_decay_both_sides(%q: tensor<2x?x4x8xf32>, %o: tensor<2x?x4x8xf32>, %gi: tensor<2x5x4x8xbf16>, %n: index) -> tensor<2x?x4x8xf32> {
  %zero = arith.constant -0.0 : bf16
  %g0 = linalg.fill ins(%zero : bf16) outs(%gi : tensor<2x5x4x8xbf16>) -> tensor<2x5x4x8xbf16>
  %g = tensor.cast %g0 : tensor<2x5x4x8xbf16> to tensor<2x?x4x8xbf16>
  %h = tensor.splat %zero[%n] : tensor<2x?x4xbf16>
  %r = linattn.attention
      ins(%q, %q, %q : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      key_decay(%g : tensor<2x?x4x8xbf16>) value_decay(%h : tensor<2x?x4xbf16>)
      outs(%o : tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return %r : tensor<2x?x4x8xf32>
}

// -----

// CHECK-LABEL: @small_decay_stays
// CHECK: key_decay
func.func @small_decay_stays(%q: tensor<2x?x4x8xf32>, %o: tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32> {
  %g = arith.constant dense<[0.0, 0.0, 0.0, -1.0e-38]> : tensor<4xf32>
  %r = linattn.attention
      ins(%q, %q, %q : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      key_decay(%g : tensor<4xf32>)
      outs(%o : tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return %r : tensor<2x?x4x8xf32>
}

// -----

// The total of the decay is a result: it stays.
// CHECK-LABEL: @zero_decay_of_state_stays
// CHECK: linattn.state
// CHECK-SAME: key_decay
func.func @zero_decay_of_state_stays(%k: tensor<2x?x4x8xf32>, %s: tensor<2x4x8x8xf32>, %t: tensor<2x4xf32>) -> (tensor<2x4x8x8xf32>, tensor<2x4xf32>) {
  %g = arith.constant dense<0.0> : tensor<4xf32>
  %r:2 = linattn.state
      ins(%k, %k : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      key_decay(%g : tensor<4xf32>)
      outs(%s, %t : tensor<2x4x8x8xf32>, tensor<2x4xf32>)
      -> tensor<2x4x8x8xf32>, tensor<2x4xf32>
  return %r#0, %r#1 : tensor<2x4x8x8xf32>, tensor<2x4xf32>
}

// -----

// CHECK-LABEL: @zero_decay_of_step_and_blocks
// CHECK-NOT: _decay
// CHECK: return
func.func @zero_decay_of_step_and_blocks(%q: tensor<2x4x8xf32>, %s: tensor<2x4x8x8xf32>, %t: tensor<16x8xf32>, %b: tensor<8x8xf32>, %n: index)
    -> (tensor<2x4x8xf32>, tensor<2x4x8x8xf32>, tensor<16x8xf32>, tensor<8x8xf32>) {
  %g = arith.constant dense<0.0> : tensor<2x4xf32>
  %h = arith.constant dense<0.0> : tensor<16x8xf32>
  %r:2 = linattn.step
      ins(%q, %q, %q : tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>)
      key_decay(%g : tensor<2x4xf32>)
      outs(%q, %s : tensor<2x4x8xf32>, tensor<2x4x8x8xf32>)
      {key_decay_class = "scalar"} -> tensor<2x4x8xf32>, tensor<2x4x8x8xf32>
  %o0 = linattn.inter ins(%t, %b : tensor<16x8xf32>, tensor<8x8xf32>)
      key_decay(%h : tensor<16x8xf32>) valid(%n)
      outs(%t : tensor<16x8xf32>) -> tensor<16x8xf32>
  %o1 = linattn.intra ins(%t, %t, %t : tensor<16x8xf32>, tensor<16x8xf32>, tensor<16x8xf32>)
      value_decay(%h : tensor<16x8xf32>) valid(%n)
      outs(%o0 : tensor<16x8xf32>) -> tensor<16x8xf32>
  %b1 = linattn.block_state ins(%t, %t : tensor<16x8xf32>, tensor<16x8xf32>)
      key_decay(%h : tensor<16x8xf32>) valid(%n)
      outs(%b : tensor<8x8xf32>) -> tensor<8x8xf32>
  return %r#0, %r#1, %o1, %b1 : tensor<2x4x8xf32>, tensor<2x4x8x8xf32>, tensor<16x8xf32>, tensor<8x8xf32>
}

// -----

//===----------------------------------------------------------------------===//
// Repeated decays
//===----------------------------------------------------------------------===//

// CHECK-LABEL: @broadcast_const_to_scalar
// CHECK-SAME: %[[G:[a-z0-9]+]]: tensor<4xf32>
// CHECK-NOT: linalg.broadcast
// CHECK: key_decay(%[[G]] : tensor<4xf32>)
func.func @broadcast_const_to_scalar(%q: tensor<2x6x4x8xf32>, %g: tensor<4xf32>) -> tensor<2x6x4x8xf32> {
  %e = tensor.empty() : tensor<2x6x4xf32>
  %s = linalg.broadcast ins(%g : tensor<4xf32>) outs(%e : tensor<2x6x4xf32>) dimensions = [0, 1]
  %o = tensor.empty() : tensor<2x6x4x8xf32>
  %r = linattn.attention
      ins(%q, %q, %q : tensor<2x6x4x8xf32>, tensor<2x6x4x8xf32>, tensor<2x6x4x8xf32>)
      key_decay(%s : tensor<2x6x4xf32>)
      outs(%o : tensor<2x6x4x8xf32>) -> tensor<2x6x4x8xf32>
  return %r : tensor<2x6x4x8xf32>
}

// -----

// The token and head dimensions change places in the bhnd layout.
// CHECK-LABEL: @broadcast_scalar_to_vector_bhnd
// CHECK-SAME: %[[G:[a-z0-9]+]]: tensor<2x4x6xf32>
// CHECK: value_decay(%[[G]] : tensor<2x4x6xf32>)
func.func @broadcast_scalar_to_vector_bhnd(%q: tensor<2x4x6x8xf32>, %g: tensor<2x4x6xf32>) -> tensor<2x4x6x8xf32> {
  %e = tensor.empty() : tensor<2x4x6x8xf32>
  %s = linalg.broadcast ins(%g : tensor<2x4x6xf32>) outs(%e : tensor<2x4x6x8xf32>) dimensions = [3]
  %o = tensor.empty() : tensor<2x4x6x8xf32>
  %r = linattn.attention
      ins(%q, %q, %q : tensor<2x4x6x8xf32>, tensor<2x4x6x8xf32>, tensor<2x4x6x8xf32>)
      value_decay(%s : tensor<2x4x6x8xf32>)
      outs(%o : tensor<2x4x6x8xf32>) {layout = #linattn.layout<bhnd>} -> tensor<2x4x6x8xf32>
  return %r : tensor<2x4x6x8xf32>
}

// -----

// Two broadcasts in a row, the first of which fits no class.
// CHECK-LABEL: @broadcast_of_broadcast
// CHECK-SAME: %[[G:[a-z0-9]+]]: tensor<4xf32>
// CHECK: key_decay(%[[G]] : tensor<4xf32>)
func.func @broadcast_of_broadcast(%q: tensor<2x6x4x8xf32>, %g: tensor<4xf32>) -> tensor<2x6x4x8xf32> {
  %e0 = tensor.empty() : tensor<6x4xf32>
  %s0 = linalg.broadcast ins(%g : tensor<4xf32>) outs(%e0 : tensor<6x4xf32>) dimensions = [0]
  %e = tensor.empty() : tensor<2x6x4x8xf32>
  %s = linalg.broadcast ins(%s0 : tensor<6x4xf32>) outs(%e : tensor<2x6x4x8xf32>) dimensions = [0, 3]
  %o = tensor.empty() : tensor<2x6x4x8xf32>
  %r = linattn.attention
      ins(%q, %q, %q : tensor<2x6x4x8xf32>, tensor<2x6x4x8xf32>, tensor<2x6x4x8xf32>)
      key_decay(%s : tensor<2x6x4x8xf32>)
      outs(%o : tensor<2x6x4x8xf32>) -> tensor<2x6x4x8xf32>
  return %r : tensor<2x6x4x8xf32>
}

// -----

// What frontends make of a broadcast: unit dimensions, then a generic op.
#unit = affine_map<(d0, d1, d2) -> (0, 0, d2)>
#id = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
// CHECK-LABEL: @broadcast_generic_unit_dims
// CHECK-SAME: %[[G:[a-z0-9]+]]: tensor<?xf32>
// CHECK-NOT: linalg.generic
// CHECK: key_decay(%[[G]] : tensor<?xf32>)
func.func @broadcast_generic_unit_dims(%q: tensor<2x?x?x8xf32>, %g: tensor<?xf32>, %e: tensor<2x?x?xf32>, %h: index) -> tensor<2x?x?x8xf32> {
  %x = tensor.expand_shape %g [[0, 1, 2]] output_shape [1, 1, %h] : tensor<?xf32> into tensor<1x1x?xf32>
  %s = linalg.generic {indexing_maps = [#unit, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x : tensor<1x1x?xf32>) outs(%e : tensor<2x?x?xf32>) {
    ^bb0(%a: f32, %b: f32):
      linalg.yield %a : f32
    } -> tensor<2x?x?xf32>
  %r = linattn.attention
      ins(%q, %q, %q : tensor<2x?x?x8xf32>, tensor<2x?x?x8xf32>, tensor<2x?x?x8xf32>)
      key_decay(%s : tensor<2x?x?xf32>)
      outs(%q : tensor<2x?x?x8xf32>) -> tensor<2x?x?x8xf32>
  return %r : tensor<2x?x?x8xf32>
}

// -----

#in = affine_map<(d0, d1, d2) -> (d2)>
#id = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
// A generic op that changes the values is no broadcast.
// CHECK-LABEL: @generic_that_computes
// CHECK: key_decay(%{{.*}} : tensor<2x6x4xf32>)
func.func @generic_that_computes(%q: tensor<2x6x4x8xf32>, %g: tensor<4xf32>, %e: tensor<2x6x4xf32>) -> tensor<2x6x4x8xf32> {
  %s = linalg.generic {indexing_maps = [#in, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%g : tensor<4xf32>) outs(%e : tensor<2x6x4xf32>) {
    ^bb0(%a: f32, %b: f32):
      %c = arith.addf %a, %b : f32
      linalg.yield %c : f32
    } -> tensor<2x6x4xf32>
  %r = linattn.attention
      ins(%q, %q, %q : tensor<2x6x4x8xf32>, tensor<2x6x4x8xf32>, tensor<2x6x4x8xf32>)
      key_decay(%s : tensor<2x6x4xf32>)
      outs(%q : tensor<2x6x4x8xf32>) -> tensor<2x6x4x8xf32>
  return %r : tensor<2x6x4x8xf32>
}

// -----

#t = affine_map<(d0, d1, d2, d3) -> (d0, d2, d1)>
#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
// A transposition moves values: with the same sizes it would go unnoticed.
// CHECK-LABEL: @broadcast_with_transposition
// CHECK: key_decay(%{{.*}} : tensor<2x4x4x8xf32>)
func.func @broadcast_with_transposition(%q: tensor<2x4x4x8xf32>, %g: tensor<2x4x4xf32>, %e: tensor<2x4x4x8xf32>) -> tensor<2x4x4x8xf32> {
  %s = linalg.generic {indexing_maps = [#t, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%g : tensor<2x4x4xf32>) outs(%e : tensor<2x4x4x8xf32>) {
    ^bb0(%a: f32, %b: f32):
      linalg.yield %a : f32
    } -> tensor<2x4x4x8xf32>
  %r = linattn.attention
      ins(%q, %q, %q : tensor<2x4x4x8xf32>, tensor<2x4x4x8xf32>, tensor<2x4x4x8xf32>)
      key_decay(%s : tensor<2x4x4x8xf32>)
      outs(%q : tensor<2x4x4x8xf32>) -> tensor<2x4x4x8xf32>
  return %r : tensor<2x4x4x8xf32>
}

// -----

// A decay that repeats over tokens only, and differs by entry of the batch,
// fits no cheaper class.
// CHECK-LABEL: @broadcast_over_tokens_only
// CHECK: key_decay(%{{.*}} : tensor<2x6x4xf32>)
func.func @broadcast_over_tokens_only(%q: tensor<2x6x4x8xf32>, %g: tensor<2x4xf32>, %e: tensor<2x6x4xf32>) -> tensor<2x6x4x8xf32> {
  %s = linalg.broadcast ins(%g : tensor<2x4xf32>) outs(%e : tensor<2x6x4xf32>) dimensions = [1]
  %r = linattn.attention
      ins(%q, %q, %q : tensor<2x6x4x8xf32>, tensor<2x6x4x8xf32>, tensor<2x6x4x8xf32>)
      key_decay(%s : tensor<2x6x4xf32>)
      outs(%q : tensor<2x6x4x8xf32>) -> tensor<2x6x4x8xf32>
  return %r : tensor<2x6x4x8xf32>
}

// -----

// CHECK-LABEL: @splat_constant
// CHECK: %[[G:.*]] = arith.constant dense<-5.000000e-01> : tensor<4xf32>
// CHECK: key_decay(%[[G]] : tensor<4xf32>)
func.func @splat_constant(%q: tensor<2x6x4x8xf32>) -> tensor<2x6x4x8xf32> {
  %g = arith.constant dense<-0.5> : tensor<2x6x4x8xf32>
  %r = linattn.attention
      ins(%q, %q, %q : tensor<2x6x4x8xf32>, tensor<2x6x4x8xf32>, tensor<2x6x4x8xf32>)
      key_decay(%g : tensor<2x6x4x8xf32>)
      outs(%q : tensor<2x6x4x8xf32>) -> tensor<2x6x4x8xf32>
  return %r : tensor<2x6x4x8xf32>
}

// -----

// CHECK-LABEL: @fill_of_dynamic_heads
// CHECK-SAME: %[[H:[a-z0-9]+]]: index
// CHECK: %[[E:.*]] = tensor.empty(%[[H]]) : tensor<?xf32>
// CHECK: %[[G:.*]] = linalg.fill {{.*}} outs(%[[E]]
// CHECK: key_decay(%[[G]] : tensor<?xf32>)
func.func @fill_of_dynamic_heads(%h: index, %q: tensor<2x6x?x8xf32>) -> tensor<2x6x?x8xf32> {
  %c = arith.constant -0.5 : f32
  %e = tensor.empty(%h) : tensor<2x6x?xf32>
  %g = linalg.fill ins(%c : f32) outs(%e : tensor<2x6x?xf32>) -> tensor<2x6x?xf32>
  %r = linattn.attention
      ins(%q, %q, %q : tensor<2x6x?x8xf32>, tensor<2x6x?x8xf32>, tensor<2x6x?x8xf32>)
      key_decay(%g : tensor<2x6x?xf32>)
      outs(%q : tensor<2x6x?x8xf32>) -> tensor<2x6x?x8xf32>
  return %r : tensor<2x6x?x8xf32>
}

// -----

// CHECK-LABEL: @constant_repeats_over_tokens
// CHECK: arith.constant dense<[-1.000000e+00, -2.000000e+00]> : tensor<2xf32>
// CHECK: key_decay(%{{.*}} : tensor<2xf32>)
func.func @constant_repeats_over_tokens(%q: tensor<1x3x2x8xf32>) -> tensor<1x3x2x8xf32> {
  %g = arith.constant dense<[[[-1.0, -2.0], [-1.0, -2.0], [-1.0, -2.0]]]> : tensor<1x3x2xf32>
  %r = linattn.attention
      ins(%q, %q, %q : tensor<1x3x2x8xf32>, tensor<1x3x2x8xf32>, tensor<1x3x2x8xf32>)
      key_decay(%g : tensor<1x3x2xf32>)
      outs(%q : tensor<1x3x2x8xf32>) -> tensor<1x3x2x8xf32>
  return %r : tensor<1x3x2x8xf32>
}

// -----

// CHECK-LABEL: @constant_differs_at_the_last_token
// CHECK: key_decay(%{{.*}} : tensor<1x3x2xf32>)
func.func @constant_differs_at_the_last_token(%q: tensor<1x3x2x8xf32>) -> tensor<1x3x2x8xf32> {
  %g = arith.constant dense<[[[-1.0, -2.0], [-1.0, -2.0], [-1.0, -3.0]]]> : tensor<1x3x2xf32>
  %r = linattn.attention
      ins(%q, %q, %q : tensor<1x3x2x8xf32>, tensor<1x3x2x8xf32>, tensor<1x3x2x8xf32>)
      key_decay(%g : tensor<1x3x2xf32>)
      outs(%q : tensor<1x3x2x8xf32>) -> tensor<1x3x2x8xf32>
  return %r : tensor<1x3x2x8xf32>
}

// -----

// No token, no value to keep.
// CHECK-LABEL: @constant_without_tokens
// CHECK: key_decay(%{{.*}} : tensor<1x0x2xf32>)
func.func @constant_without_tokens(%q: tensor<1x0x2x8xf32>) -> tensor<1x0x2x8xf32> {
  %g = arith.constant dense<> : tensor<1x0x2xf32>
  %r = linattn.attention
      ins(%q, %q, %q : tensor<1x0x2x8xf32>, tensor<1x0x2x8xf32>, tensor<1x0x2x8xf32>)
      key_decay(%g : tensor<1x0x2xf32>)
      outs(%q : tensor<1x0x2x8xf32>) -> tensor<1x0x2x8xf32>
  return %r : tensor<1x0x2x8xf32>
}

// -----

// The total of a vector decay has channels, that of a scalar decay has not:
// the state keeps the vector decay, and goes from scalar to const.
// CHECK-LABEL: @repeated_decays_of_state
// CHECK: linattn.state
// CHECK-SAME: key_decay(%{{.*}} : tensor<2x6x4x8xf32>) value_decay(%{{.*}} : tensor<4xf32>)
func.func @repeated_decays_of_state(%k: tensor<2x6x4x8xf32>, %g: tensor<2x6x4xf32>, %h: tensor<4xf32>, %e: tensor<2x6x4x8xf32>,
    %s: tensor<2x4x8x8xf32>, %t: tensor<2x4x8xf32>, %u: tensor<2x4xf32>) -> (tensor<2x4x8x8xf32>, tensor<2x4x8xf32>, tensor<2x4xf32>) {
  %v = linalg.broadcast ins(%g : tensor<2x6x4xf32>) outs(%e : tensor<2x6x4x8xf32>) dimensions = [3]
  %c = linalg.broadcast ins(%h : tensor<4xf32>) outs(%g : tensor<2x6x4xf32>) dimensions = [0, 1]
  %r:3 = linattn.state
      ins(%k, %k : tensor<2x6x4x8xf32>, tensor<2x6x4x8xf32>)
      key_decay(%v : tensor<2x6x4x8xf32>) value_decay(%c : tensor<2x6x4xf32>)
      outs(%s, %t, %u : tensor<2x4x8x8xf32>, tensor<2x4x8xf32>, tensor<2x4xf32>)
      -> tensor<2x4x8x8xf32>, tensor<2x4x8xf32>, tensor<2x4xf32>
  return %r#0, %r#1, %r#2 : tensor<2x4x8x8xf32>, tensor<2x4x8xf32>, tensor<2x4xf32>
}

// -----

// CHECK-LABEL: @repeated_decay_of_blocks
// CHECK-SAME: %[[G:[a-z0-9]+]]: tensor<16xf32>, %[[H:[a-z0-9]+]]: tensor<f32>
// CHECK: linattn.inter
// CHECK-SAME: key_decay(%[[G]] : tensor<16xf32>) value_decay(%[[H]] : tensor<f32>)
// CHECK-NOT: decay_class
// CHECK: return
func.func @repeated_decay_of_blocks(%g: tensor<16xf32>, %h: tensor<f32>, %t: tensor<16x8xf32>, %b: tensor<8x8xf32>, %n: index) -> tensor<16x8xf32> {
  %e = tensor.empty() : tensor<16x8xf32>
  %v = linalg.broadcast ins(%g : tensor<16xf32>) outs(%e : tensor<16x8xf32>) dimensions = [1]
  %c = linalg.broadcast ins(%h : tensor<f32>) outs(%g : tensor<16xf32>) dimensions = [0]
  %o0 = linattn.inter ins(%t, %b : tensor<16x8xf32>, tensor<8x8xf32>)
      key_decay(%v : tensor<16x8xf32>) value_decay(%c : tensor<16xf32>) valid(%n)
      outs(%t : tensor<16x8xf32>) {key_decay_class = "vector", value_decay_class = "scalar"} -> tensor<16x8xf32>
  return %o0 : tensor<16x8xf32>
}

// -----

//===----------------------------------------------------------------------===//
// One token
//===----------------------------------------------------------------------===//

// The state that the step updates is the initial state, not the destination
// of the final one.
// CHECK-LABEL: @one_token
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<?x1x2x8xbf16>, %[[K:[a-z0-9]+]]: tensor<?x1x4x8xbf16>
// CHECK-SAME: %[[G:[a-z0-9]+]]: tensor<?x1x4xf32>, %[[S0:[a-z0-9]+]]: tensor<?x4x8x8xf32>
// CHECK-DAG: %[[QC:.*]] = tensor.collapse_shape %[[Q]] {{\[}}[0, 1], [2], [3]] : tensor<?x1x2x8xbf16> into tensor<?x2x8xbf16>
// CHECK-DAG: %[[GC:.*]] = tensor.collapse_shape %[[G]] {{\[}}[0, 1], [2]] : tensor<?x1x4xf32> into tensor<?x4xf32>
// CHECK: %[[R:.*]]:2 = linattn.step ins(%[[QC]], %{{.*}}, %{{.*}} : {{.*}}) key_decay(%[[GC]] : tensor<?x4xf32>)
// CHECK-SAME: outs(%{{.*}}, %[[S0]] : tensor<?x4x8xf32>, tensor<?x4x8x8xf32>)
// CHECK-SAME: {my.note = 1 : i64, scale = 5.000000e-01 : f32, update_scale = 2.000000e+00 : f32}
// CHECK: %[[O:.*]] = tensor.expand_shape %[[R]]#0 {{\[}}[0, 1], [2], [3]]
// CHECK: return %[[O]], %[[R]]#1
func.func @one_token(%q: tensor<?x1x2x8xbf16>, %k: tensor<?x1x4x8xbf16>, %g: tensor<?x1x4xf32>, %s0: tensor<?x4x8x8xf32>,
    %o: tensor<?x1x4x8xf32>, %s: tensor<?x4x8x8xf32>) -> (tensor<?x1x4x8xf32>, tensor<?x4x8x8xf32>) {
  %r:2 = linattn.attention
      ins(%q, %k, %k : tensor<?x1x2x8xbf16>, tensor<?x1x4x8xbf16>, tensor<?x1x4x8xbf16>)
      key_decay(%g : tensor<?x1x4xf32>) initial_state(%s0 : tensor<?x4x8x8xf32>)
      outs(%o, %s : tensor<?x1x4x8xf32>, tensor<?x4x8x8xf32>)
      {my.note = 1 : i64, scale = 0.5 : f32, update_scale = 2.0 : f32}
      -> tensor<?x1x4x8xf32>, tensor<?x4x8x8xf32>
  return %r#0, %r#1 : tensor<?x1x4x8xf32>, tensor<?x4x8x8xf32>
}

// -----

// Without an initial state the step starts from zero; without a final state
// it still needs a state.
// CHECK-LABEL: @one_token_from_zero_bhnd
// CHECK: %[[E:.*]] = tensor.empty() : tensor<2x4x16x8xf32>
// CHECK: %[[Z:.*]] = linalg.fill ins(%{{.*}} : f32) outs(%[[E]]
// CHECK: linattn.step
// CHECK-SAME: outs(%{{.*}}, %[[Z]] : tensor<2x4x16xf32>, tensor<2x4x16x8xf32>)
// CHECK-SAME: state_layout = #linattn.state_layout<vk>
// CHECK: tensor.expand_shape %{{.*}} {{\[}}[0], [1, 2], [3]]
func.func @one_token_from_zero_bhnd(%q: tensor<2x4x1x8xf32>, %v: tensor<2x4x1x16xf32>) -> tensor<2x4x1x16xf32> {
  %o = tensor.empty() : tensor<2x4x1x16xf32>
  %r = linattn.attention
      ins(%q, %q, %v : tensor<2x4x1x8xf32>, tensor<2x4x1x8xf32>, tensor<2x4x1x16xf32>)
      outs(%o : tensor<2x4x1x16xf32>)
      {layout = #linattn.layout<bhnd>, state_layout = #linattn.state_layout<vk>} -> tensor<2x4x1x16xf32>
  return %r : tensor<2x4x1x16xf32>
}

// -----

// The destination of the final state is filled with zero: its old contents
// must not leak into the step.
// CHECK-LABEL: @one_token_overwrites_final_state
// CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<2x4x8x8xf32>
// CHECK: %[[Z:.*]] = linalg.fill ins(%{{.*}} : f32) outs(%[[S]]
// CHECK: linattn.step
// CHECK-SAME: outs(%{{.*}}, %[[Z]] :
func.func @one_token_overwrites_final_state(%q: tensor<2x1x4x8xf32>, %s: tensor<2x4x8x8xf32>) -> (tensor<2x1x4x8xf32>, tensor<2x4x8x8xf32>) {
  %o = tensor.empty() : tensor<2x1x4x8xf32>
  %r:2 = linattn.attention
      ins(%q, %q, %q : tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>)
      outs(%o, %s : tensor<2x1x4x8xf32>, tensor<2x4x8x8xf32>) -> tensor<2x1x4x8xf32>, tensor<2x4x8x8xf32>
  return %r#0, %r#1 : tensor<2x1x4x8xf32>, tensor<2x4x8x8xf32>
}

// -----

// The types of the initial and of the final state may know different sizes.
// CHECK-LABEL: @one_token_state_types
// CHECK: linattn.step
// CHECK: tensor.cast %{{.*}} : tensor<?x4x8x8xf32> to tensor<2x4x8x8xf32>
func.func @one_token_state_types(%q: tensor<2x1x4x8xf32>, %s0: tensor<?x4x8x8xf32>, %s: tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32> {
  %o = tensor.empty() : tensor<2x1x4x8xf32>
  %r:2 = linattn.attention
      ins(%q, %q, %q : tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>)
      initial_state(%s0 : tensor<?x4x8x8xf32>)
      outs(%o, %s : tensor<2x1x4x8xf32>, tensor<2x4x8x8xf32>) -> tensor<2x1x4x8xf32>, tensor<2x4x8x8xf32>
  return %r#1 : tensor<2x4x8x8xf32>
}

// -----

// Reverse reads out before it decays, offsets may say that there is no token,
// and an unknown number of tokens may not be one.
// CHECK-LABEL: @not_one_token
// CHECK-COUNT-3: linattn.attention
// CHECK-NOT: linattn.step
// CHECK: return
func.func @not_one_token(%q: tensor<1x1x4x8xf32>, %d: tensor<1x?x4x8xf32>, %offsets: tensor<3xi32>) -> (tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>, tensor<1x?x4x8xf32>) {
  %r0 = linattn.attention
      ins(%q, %q, %q : tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>)
      outs(%q : tensor<1x1x4x8xf32>) {direction = #linattn.direction<reverse>} -> tensor<1x1x4x8xf32>
  %r1 = linattn.attention
      ins(%q, %q, %q : tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>)
      offsets(%offsets : tensor<3xi32>)
      outs(%q : tensor<1x1x4x8xf32>) -> tensor<1x1x4x8xf32>
  %r2 = linattn.attention
      ins(%q, %q, %d : tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>, tensor<1x?x4x8xf32>)
      outs(%d : tensor<1x?x4x8xf32>) -> tensor<1x?x4x8xf32>
  return %r0, %r1, %r2 : tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>, tensor<1x?x4x8xf32>
}

// -----

//===----------------------------------------------------------------------===//
// Unused results and casts
//===----------------------------------------------------------------------===//

// CHECK-LABEL: @unused_final_state
// CHECK: %[[R:.*]] = linattn.attention
// CHECK-SAME: initial_state(%{{.*}}) outs(%{{[a-z0-9]+}} : tensor<2x?x4x8xf32>) {my.note = 1 : i64, scale = 5.000000e-01 : f32} -> tensor<2x?x4x8xf32>
// CHECK: return %[[R]]
func.func @unused_final_state(%q: tensor<2x?x4x8xf32>, %s: tensor<2x4x8x8xf32>) -> tensor<2x?x4x8xf32> {
  %r:2 = linattn.attention
      ins(%q, %q, %q : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      initial_state(%s : tensor<2x4x8x8xf32>)
      outs(%q, %s : tensor<2x?x4x8xf32>, tensor<2x4x8x8xf32>)
      {my.note = 1 : i64, scale = 0.5 : f32}
      -> tensor<2x?x4x8xf32>, tensor<2x4x8x8xf32>
  return %r#0 : tensor<2x?x4x8xf32>
}

// -----

// CHECK-LABEL: @dead_op
// CHECK-NEXT: return
func.func @dead_op(%q: tensor<2x?x4x8xf32>, %s: tensor<2x4x8x8xf32>) {
  %r:2 = linattn.attention
      ins(%q, %q, %q : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      outs(%q, %s : tensor<2x?x4x8xf32>, tensor<2x4x8x8xf32>)
      -> tensor<2x?x4x8xf32>, tensor<2x4x8x8xf32>
  return
}

// -----

// On memrefs the op writes: it stays, and so does its final state.
// CHECK-LABEL: @memref_form_stays
// CHECK-NOT: memref.cast
// CHECK: linattn.attention ins(%{{.*}} : memref<2x1x4x8xf32>, memref<2x1x4x8xf32>, memref<2x1x4x8xf32>)
// CHECK-SAME: outs(%{{.*}} : memref<2x1x4x8xf32>, memref<2x4x8x8xf32>)
func.func @memref_form_stays(%q: memref<2x1x4x8xf32>, %s: memref<2x4x8x8xf32>) {
  %c = memref.cast %q : memref<2x1x4x8xf32> to memref<2x?x4x8xf32>
  linattn.attention
      ins(%c, %q, %q : memref<2x?x4x8xf32>, memref<2x1x4x8xf32>, memref<2x1x4x8xf32>)
      outs(%c, %s : memref<2x?x4x8xf32>, memref<2x4x8x8xf32>)
  return
}

// -----

// A cast that learns a size stays: the tiles of a block op have static shapes.
// CHECK-LABEL: @memref_cast_that_learns
// CHECK: %[[C:.*]] = memref.cast %{{.*}} : memref<?x8xf32> to memref<16x8xf32>
// CHECK: linattn.block_state ins(%[[C]], %[[C]] :
func.func @memref_cast_that_learns(%t: memref<?x8xf32>, %b: memref<8x8xf32>, %n: index) {
  %c = memref.cast %t : memref<?x8xf32> to memref<16x8xf32>
  linattn.block_state ins(%c, %c : memref<16x8xf32>, memref<16x8xf32>) valid(%n)
      outs(%b : memref<8x8xf32>)
  return
}

// -----

// CHECK-LABEL: @tensor_cast
// CHECK: linattn.attention ins(%{{.*}} : tensor<2x16x4x8xf32>, tensor<2x16x4x8xf32>, tensor<2x16x4x8xf32>)
// CHECK-SAME: outs(%{{.*}} : tensor<2x16x4x8xf32>) -> tensor<2x16x4x8xf32>
// CHECK: tensor.cast %{{.*}} : tensor<2x16x4x8xf32> to tensor<2x?x4x8xf32>
func.func @tensor_cast(%q: tensor<2x16x4x8xf32>, %o: tensor<2x16x4x8xf32>) -> tensor<2x?x4x8xf32> {
  %c = tensor.cast %q : tensor<2x16x4x8xf32> to tensor<2x?x4x8xf32>
  %d = tensor.cast %o : tensor<2x16x4x8xf32> to tensor<2x?x4x8xf32>
  %r = linattn.attention
      ins(%c, %c, %c : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      outs(%d : tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return %r : tensor<2x?x4x8xf32>
}
