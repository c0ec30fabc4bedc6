// RUN: linattn-opt %s -split-input-file --linattn-to-recurrence --canonicalize --cse | FileCheck %s
// RUN: linattn-opt %s -split-input-file --linattn-to-recurrence=steps-only | FileCheck %s --check-prefix=STEPS
// RUN: linattn-opt %s -split-input-file --linattn-to-recurrence="steps-only also-f32" | FileCheck %s --check-prefix=F32

// CHECK-LABEL: func @attention
// STEPS-LABEL: func @attention
// F32-LABEL: func @attention
// F32-NOT: {{^ *%.*}}linattn.
func.func @attention(%q: tensor<1x?x2x16xf32>, %g: tensor<1x?x2xf32>, %o: tensor<1x?x2x16xf32>) -> tensor<1x?x2x16xf32> {
  // STEPS: linattn.attention
  // CHECK: %[[N:.*]] = tensor.dim %{{.*}}, %c1
  // CHECK: scf.forall
  // CHECK:   scf.for %[[T:.*]] = %{{.*}} to %[[N]] step %{{.*}} iter_args(%[[S:.*]] = %{{.*}}, %[[ROWS:.*]] = %{{.*}}) -> (tensor<16x16xf32>, tensor<?x16xf32>)
  // CHECK:     math.exp
  // CHECK:     %[[S1:.*]] = linalg.generic {{.*}} outs(%[[S]] : tensor<16x16xf32>)
  // CHECK:     %[[O:.*]] = linalg.contract {{.*}} ins(%{{.*}}, %[[S1]]
  // CHECK:     tensor.insert_slice %{{.*}} into %[[ROWS]][%[[T]], 0] [1, 16]
  %r = linattn.attention ins(%q, %q, %q : tensor<1x?x2x16xf32>, tensor<1x?x2x16xf32>, tensor<1x?x2x16xf32>)
      key_decay(%g : tensor<1x?x2xf32>) outs(%o : tensor<1x?x2x16xf32>) -> tensor<1x?x2x16xf32>
  return %r : tensor<1x?x2x16xf32>
}

// -----

// Reverse reads before the token's own decay.
// CHECK-LABEL: func @reverse
func.func @reverse(%q: tensor<1x?x2x16xf32>, %g: tensor<1x?x2xf32>, %o: tensor<1x?x2x16xf32>) -> tensor<1x?x2x16xf32> {
  // CHECK:     %[[S1:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<16x16xf32>)
  // CHECK:     linalg.contract {{.*}} ins(%{{.*}}, %[[S1]]
  // CHECK:     %[[S2:.*]] = linalg.generic {{.*}} outs(%[[S1]] : tensor<16x16xf32>)
  // CHECK:     scf.yield %[[S2]]
  %r = linattn.attention ins(%q, %q, %q : tensor<1x?x2x16xf32>, tensor<1x?x2x16xf32>, tensor<1x?x2x16xf32>)
      key_decay(%g : tensor<1x?x2xf32>) outs(%o : tensor<1x?x2x16xf32>)
      {direction = #linattn.direction<reverse>} -> tensor<1x?x2x16xf32>
  return %r : tensor<1x?x2x16xf32>
}

// -----

// A step updates its state where it is, in the order of its layout.
// CHECK-LABEL: func @step
// STEPS-LABEL: func @step
func.func @step(%q: tensor<?x2x16xbf16>, %v: tensor<?x4x32xbf16>, %g: tensor<?x4x16xf32>, %o: tensor<?x4x32xbf16>, %s: tensor<?x4x32x16xf32>) -> (tensor<?x4x32xbf16>, tensor<?x4x32x16xf32>) {
  // STEPS-NOT: = linattn.step
  // CHECK: scf.forall (%[[B:.*]], %[[H:.*]]) in (%{{.*}}, 4) shared_outs(%[[OUT:.*]] = %{{.*}}, %[[STATE:.*]] = %{{.*}})
  // CHECK-NOT: scf.for
  // CHECK:   %[[S:.*]] = tensor.extract_slice %[[STATE]][%[[B]], %[[H]], 0, 0] [1, 1, 32, 16]
  // CHECK:   %[[S1:.*]] = linalg.generic {{.*}} outs(%[[S]] : tensor<32x16xf32>)
  // CHECK:   tensor.parallel_insert_slice %[[S1]] into %[[STATE]]
  %r:2 = linattn.step ins(%q, %q, %v : tensor<?x2x16xbf16>, tensor<?x2x16xbf16>, tensor<?x4x32xbf16>)
      key_decay(%g : tensor<?x4x16xf32>) outs(%o, %s : tensor<?x4x32xbf16>, tensor<?x4x32x16xf32>)
      {state_layout = #linattn.state_layout<vk>} -> tensor<?x4x32xbf16>, tensor<?x4x32x16xf32>
  return %r#0, %r#1 : tensor<?x4x32xbf16>, tensor<?x4x32x16xf32>
}

// -----

// CHECK-LABEL: func @state
func.func @state(%k: tensor<1x?x2x16xf32>, %g: tensor<1x?x2xf32>, %s: tensor<1x2x16x16xf32>, %t: tensor<1x2xf32>) -> (tensor<1x2x16x16xf32>, tensor<1x2xf32>) {
  // CHECK: scf.for {{.*}} -> (tensor<16x16xf32>, tensor<f32>)
  // CHECK-NOT: linalg.contract
  // CHECK: tensor.parallel_insert_slice {{.*}} tensor<f32> into tensor<1x2xf32>
  %r:2 = linattn.state ins(%k, %k : tensor<1x?x2x16xf32>, tensor<1x?x2x16xf32>)
      key_decay(%g : tensor<1x?x2xf32>) outs(%s, %t : tensor<1x2x16x16xf32>, tensor<1x2xf32>)
      -> tensor<1x2x16x16xf32>, tensor<1x2xf32>
  return %r#0, %r#1 : tensor<1x2x16x16xf32>, tensor<1x2xf32>
}

// -----

// F32-LABEL: func @of_16_bits
func.func @of_16_bits(%q: tensor<1x?x2x16xbf16>, %g: tensor<1x?x2xf32>, %o: tensor<1x?x2x16xbf16>) -> tensor<1x?x2x16xbf16> {
  // F32: linattn.attention
  %r = linattn.attention ins(%q, %q, %q : tensor<1x?x2x16xbf16>, tensor<1x?x2x16xbf16>, tensor<1x?x2x16xbf16>)
      key_decay(%g : tensor<1x?x2xf32>) outs(%o : tensor<1x?x2x16xbf16>) -> tensor<1x?x2x16xbf16>
  return %r : tensor<1x?x2x16xbf16>
}
