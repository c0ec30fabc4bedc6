// RUN: linattn-opt %s --linattn-chain-contractions --split-input-file | FileCheck %s

#ik = affine_map<(d0, d1, d2) -> (d0, d2)>
#jk = affine_map<(d0, d1, d2) -> (d1, d2)>
#kj = affine_map<(d0, d1, d2) -> (d2, d1)>
#ij = affine_map<(d0, d1, d2) -> (d0, d1)>
#id = affine_map<(d0, d1) -> (d0, d1)>

// The contraction that needs another one takes over from the one that does not.
// CHECK-LABEL: func.func @later
func.func @later(%q: tensor<64x64xbf16>, %k: tensor<64x64xbf16>,
                 %s: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x64xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
  // CHECK: %[[A:.*]] = linalg.contract {{.*}} ins(%{{.*}}, %{{.*}} : tensor<64x64xbf16>, tensor<64x64xbf16>)
  // CHECK: %[[INTER:.*]] = linalg.contract {{.*}} ins(%{{.*}}, %{{.*}} : tensor<64x64xbf16>, tensor<64x64xf32>)
  // CHECK: linalg.generic {{.*}} ins({{.*}}%[[INTER]]
  // CHECK-NOT: arith.addf
  // CHECK: %[[O:.*]] = linalg.contract {{.*}} ins(%[[A]], %{{.*}} : tensor<64x64xf32>, tensor<64x64xbf16>)
  // CHECK: return %[[O]]
  %a = linalg.contract indexing_maps = [#ik, #jk, #ij]
      ins(%q, %k : tensor<64x64xbf16>, tensor<64x64xbf16>)
      outs(%z : tensor<64x64xf32>) -> tensor<64x64xf32>
  %intra = linalg.contract indexing_maps = [#ik, #kj, #ij]
      ins(%a, %k : tensor<64x64xf32>, tensor<64x64xbf16>)
      outs(%z : tensor<64x64xf32>) -> tensor<64x64xf32>
  %inter = linalg.contract indexing_maps = [#ik, #kj, #ij]
      ins(%q, %s : tensor<64x64xbf16>, tensor<64x64xf32>)
      outs(%z : tensor<64x64xf32>) -> tensor<64x64xf32>
  %o = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%inter : tensor<64x64xf32>) outs(%intra : tensor<64x64xf32>) {
  ^bb0(%x: f32, %out: f32):
    %sum = arith.addf %out, %x : f32
    linalg.yield %sum : f32
  } -> tensor<64x64xf32>
  return %o : tensor<64x64xf32>
}

// -----

#ik = affine_map<(d0, d1, d2) -> (d0, d2)>
#jk = affine_map<(d0, d1, d2) -> (d1, d2)>
#ij = affine_map<(d0, d1, d2) -> (d0, d1)>
#id = affine_map<(d0, d1) -> (d0, d1)>

// A result that others read too stays as it is.
// CHECK-LABEL: func.func @shared
// CHECK: arith.addf
func.func @shared(%q: tensor<64x64xbf16>, %k: tensor<64x64xbf16>,
                  %b: tensor<64x64xf32>) -> (tensor<64x64xf32>, tensor<64x64xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x64xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
  %a = linalg.contract indexing_maps = [#ik, #jk, #ij]
      ins(%q, %k : tensor<64x64xbf16>, tensor<64x64xbf16>)
      outs(%z : tensor<64x64xf32>) -> tensor<64x64xf32>
  %o = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a, %b : tensor<64x64xf32>, tensor<64x64xf32>) outs(%e : tensor<64x64xf32>) {
  ^bb0(%x: f32, %y: f32, %out: f32):
    %sum = arith.addf %x, %y : f32
    linalg.yield %sum : f32
  } -> tensor<64x64xf32>
  return %a, %o : tensor<64x64xf32>, tensor<64x64xf32>
}
