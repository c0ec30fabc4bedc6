// RUN: linattn-opt %s --linattn-move-factors | FileCheck %s

#km = affine_map<(d0, d1, d2) -> (d2, d0)>
#kn = affine_map<(d0, d1, d2) -> (d2, d1)>
#mn = affine_map<(d0, d1, d2) -> (d0, d1)>
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>

// The keys are read as they were loaded, the values are scaled by row.
// CHECK-LABEL: func.func @update
// CHECK-SAME: %[[KS:.*]]: tensor<2x64x128xbf16>, %[[VS:.*]]: tensor<2x64x64xbf16>, %[[W:[a-z0-9]*]]: tensor<64xf32>
// CHECK: %[[K:.*]] = tensor.extract_slice %[[KS]]
// CHECK: %[[V:.*]] = tensor.extract_slice %[[VS]]
// CHECK: %[[WV:.*]] = linalg.generic {{.*}} ins(%[[V]], %[[W]] :
// CHECK: arith.mulf
// CHECK: linalg.generic {{.*}} ins(%[[K]], %[[WV]] : tensor<64x128xbf16>, tensor<64x64xf32>)
func.func @update(%ks: tensor<2x64x128xbf16>, %vs: tensor<2x64x64xbf16>,
                  %w: tensor<64xf32>, %init: tensor<2x128x64xf32>) -> tensor<2x128x64xf32> {
  %r = scf.forall (%b) in (2) shared_outs(%out = %init) -> (tensor<2x128x64xf32>) {
    %k = tensor.extract_slice %ks[%b, 0, 0] [1, 64, 128] [1, 1, 1] : tensor<2x64x128xbf16> to tensor<64x128xbf16>
    %v = tensor.extract_slice %vs[%b, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<2x64x64xbf16> to tensor<64x64xbf16>
    %s = tensor.extract_slice %out[%b, 0, 0] [1, 128, 64] [1, 1, 1] : tensor<2x128x64xf32> to tensor<128x64xf32>
    %e = tensor.empty() : tensor<64x128xf32>
    %kw = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
        ins(%k, %w : tensor<64x128xbf16>, tensor<64xf32>) outs(%e : tensor<64x128xf32>) {
    ^bb0(%x: bf16, %f: f32, %o: f32):
      %wide = arith.extf %x : bf16 to f32
      %y = arith.mulf %wide, %f : f32
      linalg.yield %y : f32
    } -> tensor<64x128xf32>
    %n = linalg.contract indexing_maps = [#km, #kn, #mn]
        ins(%kw, %v : tensor<64x128xf32>, tensor<64x64xbf16>)
        outs(%s : tensor<128x64xf32>) -> tensor<128x64xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %n into %out[%b, 0, 0] [1, 128, 64] [1, 1, 1] : tensor<128x64xf32> into tensor<2x128x64xf32>
    }
  }
  return %r : tensor<2x128x64xf32>
}
