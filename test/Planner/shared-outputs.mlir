// Thread blocks that share an iteration may write the same element, of an output
// that has none of the columns that are cut. Then none of them may read it.
// RUN: linattn-opt %s --linattn-normal-form-to-tile-pipeline="column-blocks=2" -split-input-file -verify-diagnostics | FileCheck %s

#km = affine_map<(m, n, k) -> (k, m)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<() -> ()>

// CHECK: tile.launch @written_0
func.func @written(%a: tensor<?x64x64xbf16>, %b: tensor<?x64x128xbf16>, %o: tensor<8x64x128xf32>,
                   %x: tensor<8xf32>) -> (tensor<8x64x128xf32>, tensor<8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %s0 = arith.constant dense<0.0> : tensor<64x128xf32>
  %x0 = arith.constant dense<0.0> : tensor<f32>
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  %r:2 = scf.forall (%i) in (8) shared_outs(%out = %o, %sum = %x) -> (tensor<8x64x128xf32>, tensor<8xf32>) {
    %l:2 = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0, %t = %x0) -> (tensor<64x128xf32>, tensor<f32>) {
      %u = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      %v = tensor.extract_slice %b[%c, 0, 0] [1, 64, 128] [1, 1, 1] : tensor<?x64x128xbf16> to tensor<64x128xbf16>
      %p = linalg.contract indexing_maps = [#km, #kn, #mn]
          ins(%u, %v : tensor<64x64xbf16>, tensor<64x128xbf16>) outs(%s : tensor<64x128xf32>) -> tensor<64x128xf32>
      %e = tensor.empty() : tensor<f32>
      %next = linalg.generic {indexing_maps = [#id, #id], iterator_types = []} ins(%t : tensor<f32>) outs(%e : tensor<f32>) {
      ^bb0(%y: f32, %old: f32):
        %z = arith.addf %y, %y : f32
        linalg.yield %z : f32
      } -> tensor<f32>
      scf.yield %p, %next : tensor<64x128xf32>, tensor<f32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l#0 into %out[%i, 0, 0] [1, 64, 128] [1, 1, 1] : tensor<64x128xf32> into tensor<8x64x128xf32>
      tensor.parallel_insert_slice %l#1 into %sum[%i] [1] [1] : tensor<f32> into tensor<8xf32>
    }
  }
  return %r#0, %r#1 : tensor<8x64x128xf32>, tensor<8xf32>
}

// -----

#km = affine_map<(m, n, k) -> (k, m)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<() -> ()>

func.func @updated(%a: tensor<?x64x64xbf16>, %b: tensor<?x64x128xbf16>, %o: tensor<8x64x128xf32>,
                   %x: tensor<8xf32>) -> (tensor<8x64x128xf32>, tensor<8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %s0 = arith.constant dense<0.0> : tensor<64x128xf32>
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  // expected-error @below {{cannot be shared by 2 thread blocks; choose another number}}
  %r:2 = scf.forall (%i) in (8) shared_outs(%out = %o, %sum = %x) -> (tensor<8x64x128xf32>, tensor<8xf32>) {
    %x0 = tensor.extract_slice %sum[%i] [1] [1] : tensor<8xf32> to tensor<f32>
    %l:2 = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0, %t = %x0) -> (tensor<64x128xf32>, tensor<f32>) {
      %u = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      %v = tensor.extract_slice %b[%c, 0, 0] [1, 64, 128] [1, 1, 1] : tensor<?x64x128xbf16> to tensor<64x128xbf16>
      %p = linalg.contract indexing_maps = [#km, #kn, #mn]
          ins(%u, %v : tensor<64x64xbf16>, tensor<64x128xbf16>) outs(%s : tensor<64x128xf32>) -> tensor<64x128xf32>
      %e = tensor.empty() : tensor<f32>
      %next = linalg.generic {indexing_maps = [#id, #id], iterator_types = []} ins(%t : tensor<f32>) outs(%e : tensor<f32>) {
      ^bb0(%y: f32, %old: f32):
        %z = arith.addf %y, %y : f32
        linalg.yield %z : f32
      } -> tensor<f32>
      scf.yield %p, %next : tensor<64x128xf32>, tensor<f32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l#0 into %out[%i, 0, 0] [1, 64, 128] [1, 1, 1] : tensor<64x128xf32> into tensor<8x64x128xf32>
      tensor.parallel_insert_slice %l#1 into %sum[%i] [1] [1] : tensor<f32> into tensor<8xf32>
    }
  }
  return %r#0, %r#1 : tensor<8x64x128xf32>, tensor<8xf32>
}
