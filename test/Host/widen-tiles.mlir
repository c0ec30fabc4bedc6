// RUN: linattn-opt %s --linattn-widen-tiles | FileCheck %s

#lhs = affine_map<(i, j, k) -> (i, k)>
#rhs = affine_map<(i, j, k) -> (k, j)>
#out = affine_map<(i, j, k) -> (i, j)>

// The rows are widened before they are padded, and the contraction reads f32.
// CHECK-LABEL: func @padded
// CHECK-SAME: %[[ROWS:.*]]: tensor<?x16xbf16>
func.func @padded(%rows: tensor<?x16xbf16>, %n: index, %s: tensor<16x16xf32>, %o: tensor<8x16xf32>) -> tensor<8x16xf32> {
  // CHECK: %[[WIDE:.*]] = linalg.generic {{.*}} ins(%[[ROWS]] : tensor<?x16xbf16>)
  // CHECK: arith.extf
  // CHECK: %[[TILE:.*]] = tensor.pad %[[WIDE]]
  // CHECK: tensor<?x16xf32> to tensor<8x16xf32>
  // CHECK: linalg.generic {{.*}} ins(%[[TILE]], %{{.*}} : tensor<8x16xf32>, tensor<16x16xf32>)
  // CHECK-NOT: arith.extf
  %zero = arith.constant 0.0 : bf16
  %q = tensor.pad %rows low[0, 0] high[%n, 0] {
  ^bb0(%i: index, %j: index):
    tensor.yield %zero : bf16
  } : tensor<?x16xbf16> to tensor<8x16xbf16>
  %0 = linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%q, %s : tensor<8x16xbf16>, tensor<16x16xf32>) outs(%o : tensor<8x16xf32>) {
  ^bb0(%a: bf16, %b: f32, %c: f32):
    %w = arith.extf %a : bf16 to f32
    %m = arith.mulf %w, %b : f32
    %r = arith.addf %c, %m : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %0 : tensor<8x16xf32>
}
