// RUN: linattn-opt %s --split-input-file --verify-diagnostics --verify-roundtrip | FileCheck %s
// RUN: linattn-opt %s --split-input-file --verify-diagnostics --canonicalize | FileCheck %s --check-prefix=CANON
// RUN: linattn-opt %s --split-input-file --verify-diagnostics --transform-interpreter | FileCheck %s --check-prefix=TILE
// RUN: linattn-opt %s --split-input-file --verify-diagnostics --linattn-set-schedule=chunk=16 --linattn-to-blocks | FileCheck %s --check-prefix=BLOCKS

// A class that only the tests have: one log-decay per head and channel,
// [H, D], on either side. See test/lib/TestDecayClass.cpp.

// The tile of one head is [D]. A scalar decay of a chunk, [C], has the same
// rank, so the block ops say which class they mean.
// CHECK-LABEL: func @both_sides(
// CHECK: key_decay(%{{.*}} : tensor<4x8xf32>) value_decay(%{{.*}} : tensor<4x16xbf16>)
// TILE-LABEL: func @both_sides(
// TILE: scf.for %[[H:.*]] = %c0{{.*}} to %c4{{.*}} step %c2
// TILE: tensor.extract_slice %{{.*}}[%[[H]], 0] [2, 8]
// TILE: tensor.extract_slice %{{.*}}[%[[H]], 0] [2, 16]
// BLOCKS-LABEL: func @both_sides(
// BLOCKS-DAG: linattn.inter {{.*}}key_decay(%{{[a-z0-9_]+}} : tensor<16xf32>) value_decay(%{{[a-z0-9_]+}} : tensor<16xbf16>) {{.*}}key_decay_class = "test_channel"{{.*}}value_decay_class = "test_channel"
// BLOCKS-DAG: linattn.block_state {{.*}}key_decay(%{{[a-z0-9_]+}} : tensor<16xf32>) value_decay(%{{[a-z0-9_]+}} : tensor<16xbf16>) {{.*}}key_decay_class = "test_channel"{{.*}}value_decay_class = "test_channel"
// BLOCKS-DAG: linattn.intra {{.*}}key_decay(%{{[a-z0-9_]+}} : tensor<16xf32>) value_decay(%{{[a-z0-9_]+}} : tensor<16xbf16>) {{.*}}key_decay_class = "test_channel"{{.*}}value_decay_class = "test_channel"
func.func @both_sides(%q: tensor<2x?x4x8xf32>, %v: tensor<2x?x4x16xf32>, %g: tensor<4x8xf32>, %h: tensor<4x16xbf16>) -> tensor<2x?x4x16xf32> {
  %r = linattn.attention
      ins(%q, %q, %v : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x16xf32>)
      key_decay(%g : tensor<4x8xf32>) value_decay(%h : tensor<4x16xbf16>)
      outs(%v : tensor<2x?x4x16xf32>) -> tensor<2x?x4x16xf32>
  return %r : tensor<2x?x4x16xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %op = transform.structured.match ops{["linattn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loop = transform.structured.tile_using_for %op tile_sizes [0, 2]
        : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// [H, D] in a step would be a scalar decay, [B, H]: the name says that it is
// not. With a name, the sizes are those of the class.
// CHECK-LABEL: func @step(
// CHECK: linattn.step
// CHECK-SAME: {key_decay_class = "test_channel"}
func.func @step(%q: tensor<2x4x8xf32>, %s: tensor<2x4x8x8xf32>, %g: tensor<4x8xf32>) -> tensor<2x4x8xf32> {
  %r:2 = linattn.step
      ins(%q, %q, %q : tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>)
      key_decay(%g : tensor<4x8xf32>)
      outs(%q, %s : tensor<2x4x8xf32>, tensor<2x4x8x8xf32>)
      {key_decay_class = "test_channel"} -> tensor<2x4x8xf32>, tensor<2x4x8x8xf32>
  return %r#0 : tensor<2x4x8xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    transform.yield
  }
}

// -----

// A step made of one token keeps the class.
// CHECK-LABEL: func @one_token(
// CANON-LABEL: func @one_token(
// CANON: linattn.step
// CANON-SAME: key_decay(%{{.*}} : tensor<8x8xf32>) value_decay(%{{.*}} : tensor<8xf32>)
// CANON-SAME: {key_decay_class = "test_channel"}
func.func @one_token(%q: tensor<8x1x8x8xf32>, %g: tensor<8x8xf32>, %h: tensor<8xf32>) -> tensor<8x1x8x8xf32> {
  %o = tensor.empty() : tensor<8x1x8x8xf32>
  %r = linattn.attention
      ins(%q, %q, %q : tensor<8x1x8x8xf32>, tensor<8x1x8x8xf32>, tensor<8x1x8x8xf32>)
      key_decay(%g : tensor<8x8xf32>) value_decay(%h : tensor<8xf32>)
      outs(%o : tensor<8x1x8x8xf32>) -> tensor<8x1x8x8xf32>
  return %r : tensor<8x1x8x8xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    transform.yield
  }
}

// -----

// A vector decay that repeats over the batch and the tokens is of this class;
// in a block the name is needed, and the scalar decay below it has none.
// CANON-LABEL: func @cheaper(
// CANON-SAME: %[[G:[a-z0-9]+]]: tensor<4x8xf32>
// CANON: linattn.attention
// CANON-SAME: key_decay(%[[G]] : tensor<4x8xf32>)
// CANON: linattn.inter
// CANON-SAME: key_decay(%{{.*}} : tensor<8xf32>)
// CANON-SAME: {key_decay_class = "test_channel"}
func.func @cheaper(%g: tensor<4x8xf32>, %g0: tensor<8xf32>, %q: tensor<2x6x4x8xf32>, %t: tensor<16x8xf32>, %s: tensor<8x8xf32>, %n: index)
    -> (tensor<2x6x4x8xf32>, tensor<16x8xf32>) {
  %e = tensor.empty() : tensor<2x6x4x8xf32>
  %b = linalg.broadcast ins(%g : tensor<4x8xf32>) outs(%e : tensor<2x6x4x8xf32>) dimensions = [0, 1]
  %r = linattn.attention
      ins(%q, %q, %q : tensor<2x6x4x8xf32>, tensor<2x6x4x8xf32>, tensor<2x6x4x8xf32>)
      key_decay(%b : tensor<2x6x4x8xf32>)
      outs(%e : tensor<2x6x4x8xf32>) -> tensor<2x6x4x8xf32>
  %e0 = tensor.empty() : tensor<16x8xf32>
  %b0 = linalg.broadcast ins(%g0 : tensor<8xf32>) outs(%e0 : tensor<16x8xf32>) dimensions = [0]
  %o = linattn.inter ins(%t, %s : tensor<16x8xf32>, tensor<8x8xf32>)
      key_decay(%b0 : tensor<16x8xf32>) valid(%n)
      outs(%t : tensor<16x8xf32>) -> tensor<16x8xf32>
  return %r, %o : tensor<2x6x4x8xf32>, tensor<16x8xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    transform.yield
  }
}

// -----

func.func @wrong_channels(%q: tensor<2x?x4x8xf32>, %g: tensor<4x16xf32>) {
  // expected-error @below {{expects dimension 1 (key channel) of `key_decay` to be 8, as dimension 3 of `query`, but got 16}}
  %r = linattn.attention
      ins(%q, %q, %q : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      key_decay(%g : tensor<4x16xf32>)
      outs(%q : tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    transform.yield
  }
}

// -----

// Without the name it is a scalar decay, [B, H], of another size.
func.func @step_without_name(%q: tensor<2x4x8xf32>, %s: tensor<2x4x8x8xf32>, %g: tensor<4x8xf32>) {
  // expected-error @below {{expects dimension 0 (batch) of `key_decay` to be 2, as dimension 0 of `query`, but got 4}}
  %r:2 = linattn.step
      ins(%q, %q, %q : tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>)
      key_decay(%g : tensor<4x8xf32>)
      outs(%q, %s : tensor<2x4x8xf32>, tensor<2x4x8x8xf32>)
      -> tensor<2x4x8xf32>, tensor<2x4x8x8xf32>
  return
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    transform.yield
  }
}
