// RUN: linattn-opt %s --linattn-results-to-destinations --split-input-file | FileCheck %s
// RUN: linattn-opt %s --split-input-file \
// RUN:   --pass-pipeline='builtin.module(linattn-results-to-destinations,eliminate-empty-tensors,one-shot-bufferize,canonicalize,cse,canonicalize)' \
// RUN:   | FileCheck %s --check-prefix=BUFFER

// A state that is updated in place: no allocation, no copy.
// CHECK-LABEL: func.func @step
//  CHECK-SAME: (%[[QM:.*]]: memref<?x4xf32, strided<[?, 1]>>, %[[SM:.*]]: memref<?x4xf32, strided<[?, 1]>>, %[[OM:.*]]: memref<?x4xf32, strided<[?, 1]>>)
//   CHECK-DAG: %[[Q:.*]] = bufferization.to_tensor %[[QM]] restrict :
//   CHECK-DAG: %[[S:.*]] = bufferization.to_tensor %[[SM]] restrict writable :
//       CHECK: %[[S1:.*]] = linalg.add
//       CHECK: %[[O:.*]] = linalg.mul
//       CHECK: bufferization.materialize_in_destination %[[O]] in restrict writable %[[OM]]
//       CHECK: %[[T:.*]] = bufferization.materialize_in_destination %[[S1]] in %[[S]]
//       CHECK: bufferization.materialize_in_destination %[[T]] in writable %[[SM]]
//
// BUFFER-LABEL: func.func @step
//  BUFFER-SAME: (%[[Q:.*]]: memref<{{.*}}>, %[[S:.*]]: memref<{{.*}}>, %[[O:.*]]: memref<{{.*}}>)
//   BUFFER-NOT: memref.alloc
//   BUFFER-NOT: memref.copy
//       BUFFER: linalg.add ins(%[[Q]], %[[S]] : {{.*}}) outs(%[[S]] :
//   BUFFER-NOT: memref.copy
//       BUFFER: linalg.mul ins(%[[Q]], %[[S]] : {{.*}}) outs(%[[O]] :
//  BUFFER-NEXT: return
func.func @step(%q: tensor<?x4xf32>, %s: tensor<?x4xf32> {linattn.inplace = 1 : i64}) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %q, %c0 : tensor<?x4xf32>
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %s1 = linalg.add ins(%q, %s : tensor<?x4xf32>, tensor<?x4xf32>) outs(%s : tensor<?x4xf32>) -> tensor<?x4xf32>
  %o = linalg.mul ins(%q, %s1 : tensor<?x4xf32>, tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %o, %s1 : tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

// The old state is a result, too: it is saved before the new one takes its
// place.
// BUFFER-LABEL: func.func @old_and_new
//  BUFFER-SAME: (%[[S:.*]]: memref<4x4xf32{{.*}}>, %[[OLD:.*]]: memref<4x4xf32{{.*}}>)
//       BUFFER: %[[NEW:.*]] = memref.alloc
//       BUFFER: linalg.exp ins(%[[S]] : {{.*}}) outs(%[[NEW]] :
//       BUFFER: memref.copy %[[S]], %[[OLD]]
//       BUFFER: memref.copy %[[NEW]], %[[S]]
func.func @old_and_new(%s: tensor<4x4xf32> {linattn.inplace = 0 : i64}) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %s1 = linalg.exp ins(%s : tensor<4x4xf32>) outs(%s : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %s1, %s : tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

// Arguments that change places: one of them waits in a temporary.
// BUFFER-LABEL: func.func @swap
//  BUFFER-SAME: (%[[A:.*]]: memref<4x4xf32{{.*}}>, %[[B:.*]]: memref<4x4xf32{{.*}}>)
//   BUFFER-DAG: memref.copy %[[B]], %[[T:.*]] :
//   BUFFER-DAG: memref.copy %[[A]], %[[U:.*]] :
//   BUFFER-DAG: memref.copy %[[T]], %[[A]]
//   BUFFER-DAG: memref.copy %[[U]], %[[B]]
func.func @swap(%a: tensor<4x4xf32> {linattn.inplace = 0 : i64}, %b: tensor<4x4xf32> {linattn.inplace = 1 : i64}) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  return %b, %a : tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

// A result that is an argument is copied; scalars go through memory.
// CHECK-LABEL: func.func @scalars
//  CHECK-SAME: (%[[X:.*]]: f32, %[[V:.*]]: memref<?xf32>, %[[D:.*]]: memref<?xf32>, %[[R:.*]]: memref<f32>)
//       CHECK: materialize_in_destination {{.*}} in restrict writable %[[D]]
//       CHECK: memref.store %[[X]], %[[R]][]
// BUFFER-LABEL: func.func @scalars
//       BUFFER: memref.copy
func.func @scalars(%x: f32, %v: tensor<?xf32>) -> (tensor<?xf32>, f32) {
  return %v, %x : tensor<?xf32>, f32
}

// -----

// Private functions are not for C callers.
// CHECK-LABEL: func.func private @helper
//  CHECK-SAME: (%{{.*}}: tensor<4xf32>) -> tensor<4xf32>
func.func private @helper(%a: tensor<4xf32>) -> tensor<4xf32> {
  return %a : tensor<4xf32>
}
