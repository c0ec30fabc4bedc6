// RUN: linattn-opt %s --resolve-ranked-shaped-type-result-dims --canonicalize | FileCheck %s

// The sizes of results are those of the output operands: no op is left that is
// there for its shape only.

// CHECK-LABEL: func @attention(
// CHECK-SAME: %{{[a-z0-9]+}}: tensor<?x?x4x8xf32>, %[[O:[a-z0-9]+]]: tensor<?x?x4x8xbf16>, %[[S:[a-z0-9]+]]: tensor<?x4x8x8xf32>)
// CHECK-NOT: linattn.attention
// CHECK-DAG: %[[B:.*]] = tensor.dim %[[O]], %c0
// CHECK-DAG: %[[N:.*]] = tensor.dim %[[O]], %c1
// CHECK-DAG: %[[Q:.*]] = tensor.dim %[[S]], %c0
// CHECK: return %[[B]], %[[N]], %[[Q]]
func.func @attention(%q: tensor<?x?x4x8xf32>, %o: tensor<?x?x4x8xbf16>, %s: tensor<?x4x8x8xf32>) -> (index, index, index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r:2 = linattn.attention
      ins(%q, %q, %q : tensor<?x?x4x8xf32>, tensor<?x?x4x8xf32>, tensor<?x?x4x8xf32>)
      outs(%o, %s : tensor<?x?x4x8xbf16>, tensor<?x4x8x8xf32>) -> tensor<?x?x4x8xbf16>, tensor<?x4x8x8xf32>
  %d0 = tensor.dim %r#0, %c0 : tensor<?x?x4x8xbf16>
  %d1 = tensor.dim %r#0, %c1 : tensor<?x?x4x8xbf16>
  %d2 = tensor.dim %r#1, %c0 : tensor<?x4x8x8xf32>
  return %d0, %d1, %d2 : index, index, index
}

// CHECK-LABEL: func @state(
// CHECK-SAME: %{{.*}}, %{{.*}}, %[[S:[a-z0-9]+]]: tensor<?x?x8x8xf32>, %[[T:[a-z0-9]+]]: tensor<?x?xf32>)
// CHECK-NOT: linattn.state
// CHECK-DAG: %[[H:.*]] = tensor.dim %[[S]], %c1
// CHECK-DAG: %[[G:.*]] = tensor.dim %[[T]], %c0
// CHECK: return %[[H]], %[[G]]
func.func @state(%k: tensor<?x?x?x8xf32>, %g: tensor<?x?x?xf32>, %s: tensor<?x?x8x8xf32>, %t: tensor<?x?xf32>) -> (index, index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r:2 = linattn.state ins(%k, %k : tensor<?x?x?x8xf32>, tensor<?x?x?x8xf32>)
      key_decay(%g : tensor<?x?x?xf32>)
      outs(%s, %t : tensor<?x?x8x8xf32>, tensor<?x?xf32>) -> tensor<?x?x8x8xf32>, tensor<?x?xf32>
  %d0 = tensor.dim %r#0, %c1 : tensor<?x?x8x8xf32>
  %d1 = tensor.dim %r#1, %c0 : tensor<?x?xf32>
  return %d0, %d1 : index, index
}

// CHECK-LABEL: func @step(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<?x?x8xf32>
// CHECK-NOT: linattn.step
// CHECK: %[[H:.*]] = tensor.dim %[[Q]], %c1
// CHECK: return %[[H]]
func.func @step(%q: tensor<?x?x8xf32>, %s: tensor<?x?x8x8xf32>) -> index {
  %c1 = arith.constant 1 : index
  %r:2 = linattn.step ins(%q, %q, %q : tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>)
      outs(%q, %s : tensor<?x?x8xf32>, tensor<?x?x8x8xf32>) -> tensor<?x?x8xf32>, tensor<?x?x8x8xf32>
  %d0 = tensor.dim %r#0, %c1 : tensor<?x?x8xf32>
  return %d0 : index
}
