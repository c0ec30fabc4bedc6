// RUN: linattn-opt %s --linattn-transpose-tiles | FileCheck %s

#lhs = affine_map<(i, j, k) -> (i, k)>
#rhs = affine_map<(i, j, k) -> (j, k)>
#out = affine_map<(i, j, k) -> (i, j)>

// Two slices of one tile share its transposed form.
// CHECK-DAG: #[[SWAP:.*]] = affine_map<(d0, d1) -> (d1, d0)>
// CHECK-DAG: #[[ROWS:.*]] = affine_map<(d0, d1, d2) -> (d2, d1)>
// CHECK-LABEL: func @shared
// CHECK-SAME: %[[Q:.*]]: tensor<8x16xf32>, %[[K:.*]]: tensor<32x16xf32>
func.func @shared(%q: tensor<8x16xf32>, %k: tensor<32x16xf32>, %x: tensor<8x8xf32>, %y: tensor<8x32xf32>)
    -> (tensor<8x8xf32>, tensor<8x32xf32>) {
  // CHECK: %[[T:.*]] = linalg.generic {indexing_maps = [#[[SWAP]], #{{.*}}], {{.*}}} ins(%[[K]] : tensor<32x16xf32>) outs(%{{.*}} : tensor<16x32xf32>)
  // CHECK: %[[S:.*]] = tensor.extract_slice %[[T]][0, 4] [16, 8] [1, 1]
  // CHECK: linalg.generic {indexing_maps = [#{{.*}}, #[[ROWS]], #{{.*}}], {{.*}}} ins(%[[Q]], %[[S]] :
  // CHECK-NOT: #[[SWAP]]
  // CHECK: linalg.generic {indexing_maps = [#{{.*}}, #[[ROWS]], #{{.*}}], {{.*}}} ins(%[[Q]], %[[T]] :
  %s = tensor.extract_slice %k[4, 0] [8, 16] [1, 1] : tensor<32x16xf32> to tensor<8x16xf32>
  %0 = linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%q, %s : tensor<8x16xf32>, tensor<8x16xf32>) outs(%x : tensor<8x8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %n = arith.addf %c, %m : f32
    linalg.yield %n : f32
  } -> tensor<8x8xf32>
  %1 = linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<8x16xf32>, tensor<32x16xf32>) outs(%y : tensor<8x32xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %n = arith.addf %c, %m : f32
    linalg.yield %n : f32
  } -> tensor<8x32xf32>
  return %0, %1 : tensor<8x8xf32>, tensor<8x32xf32>
}
