// A stock mlir-opt bufferizes linattn ops with the model of the plugin: the
// state of a step is one buffer.

// REQUIRES: plugins

// RUN: %plugin_opt %s \
// RUN:   --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" \
// RUN:   | FileCheck %s

// CHECK-LABEL: func.func @step
// CHECK-SAME: %[[Q:.*]]: memref<2x4x8xf32>, %[[O:.*]]: memref<2x4x8xf32>, %[[S:.*]]: memref<2x4x8x8xf32>
// CHECK-NOT: memref.alloc
// CHECK-NOT: memref.copy
// CHECK: linattn.step ins(%[[Q]], %[[Q]], %[[Q]] : {{.*}}) outs(%[[O]], %[[S]] : memref<2x4x8xf32>, memref<2x4x8x8xf32>)
func.func @step(%q: tensor<2x4x8xf32>, %o: tensor<2x4x8xf32>, %s: tensor<2x4x8x8xf32>)
    -> (tensor<2x4x8xf32>, tensor<2x4x8x8xf32>) {
  %0:2 = linattn.step
      ins(%q, %q, %q : tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>)
      outs(%o, %s : tensor<2x4x8xf32>, tensor<2x4x8x8xf32>)
      -> tensor<2x4x8xf32>, tensor<2x4x8x8xf32>
  return %0#0, %0#1 : tensor<2x4x8xf32>, tensor<2x4x8x8xf32>
}
