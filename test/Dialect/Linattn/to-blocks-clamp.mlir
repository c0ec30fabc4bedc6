// RUN: linattn-opt %s --linattn-set-schedule=chunk=16 --linattn-to-blocks=clamp-offsets=true --canonicalize --cse | FileCheck %s

// Offsets are clamped where they are read, and not looked at before; sizes are
// checked all the same.
// CHECK-LABEL: func.func @packed
// CHECK-SAME: %[[Q:[a-z0-9]*]]: tensor<1x?x2x8xf32>
// CHECK-SAME: %[[OFFSETS:[a-z0-9]*]]: tensor<?xi32>
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0 : index
// CHECK-NOT: tensor.extract
// CHECK: cf.assert %{{.*}}, "linattn.attention expects `offsets` to have at least one boundary"
// CHECK-NOT: tensor.extract
// CHECK: scf.forall (%[[S:.*]], %{{.*}}) in
// CHECK-DAG: %[[FIRST32:.*]] = tensor.extract %[[OFFSETS]][%[[S]]]
// CHECK-DAG: %[[FIRST:.*]] = arith.index_cast %[[FIRST32]]
// CHECK-DAG: %[[END32:.*]] = tensor.extract %[[OFFSETS]][%{{.*}}]
// CHECK: %[[END:.*]] = arith.index_cast %[[END32]]
// CHECK: %[[B:.*]] = arith.maxsi %[[FIRST]], %[[ZERO]]
// CHECK: %[[BEGIN:.*]] = arith.minsi %[[B]], %[[N:.*]] : index
// CHECK: %[[E:.*]] = arith.maxsi %[[END]], %[[BEGIN]]
// CHECK: %[[STOP:.*]] = arith.minsi %[[E]], %[[N]] : index
// CHECK: arith.subi %[[STOP]], %[[BEGIN]]
func.func @packed(%q: tensor<1x?x2x8xf32>, %offsets: tensor<?xi32>) -> tensor<1x?x2x8xf32> {
  %o = linattn.attention ins(%q, %q, %q : tensor<1x?x2x8xf32>, tensor<1x?x2x8xf32>, tensor<1x?x2x8xf32>)
      offsets(%offsets : tensor<?xi32>) outs(%q : tensor<1x?x2x8xf32>) -> tensor<1x?x2x8xf32>
  return %o : tensor<1x?x2x8xf32>
}
