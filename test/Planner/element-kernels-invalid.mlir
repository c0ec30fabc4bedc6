// RUN: linattn-opt %s --linattn-normal-form-to-tile-pipeline -split-input-file -verify-diagnostics

func.func @product(%a: tensor<?x16x16xf32>, %o: tensor<?x16x16xf32>) -> tensor<?x16x16xf32> {
  %c0 = arith.constant 0 : index
  %b = tensor.dim %a, %c0 : tensor<?x16x16xf32>
  %r = scf.forall (%i) in (%b) shared_outs(%out = %o) -> (tensor<?x16x16xf32>) {
    %m = tensor.extract_slice %a[%i, 0, 0] [1, 16, 16] [1, 1, 1] : tensor<?x16x16xf32> to tensor<16x16xf32>
    %init = arith.constant dense<0.0> : tensor<16x16xf32>
    // expected-error @below {{expects maps, and products of a matrix and a vector, in a kernel without a loop over chunks for a GPU}}
    %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
        ins(%m, %m : tensor<16x16xf32>, tensor<16x16xf32>) outs(%init : tensor<16x16xf32>) -> tensor<16x16xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %p into %out[%i, 0, 0] [1, 16, 16] [1, 1, 1] : tensor<16x16xf32> into tensor<?x16x16xf32>
    }
  }
  return %r : tensor<?x16x16xf32>
}

// -----

func.func @rank(%a: tensor<?x2x4x8xf32>, %o: tensor<?x2x4x8xf32>) -> tensor<?x2x4x8xf32> {
  %c0 = arith.constant 0 : index
  %b = tensor.dim %a, %c0 : tensor<?x2x4x8xf32>
  %r = scf.forall (%i) in (%b) shared_outs(%out = %o) -> (tensor<?x2x4x8xf32>) {
    %m = tensor.extract_slice %a[%i, 0, 0, 0] [1, 2, 4, 8] [1, 1, 1, 1] : tensor<?x2x4x8xf32> to tensor<2x4x8xf32>
    scf.forall.in_parallel {
      // expected-error @below {{expects tiles of at most two dimensions in a kernel without a loop over chunks for a GPU, but got 'tensor<2x4x8xf32>'}}
      tensor.parallel_insert_slice %m into %out[%i, 0, 0, 0] [1, 2, 4, 8] [1, 1, 1, 1] : tensor<2x4x8xf32> into tensor<?x2x4x8xf32>
    }
  }
  return %r : tensor<?x2x4x8xf32>
}

// -----

func.func @sizes(%a: tensor<?x4xf32>, %c: tensor<?x8xf32>, %o: tensor<?x4xf32>, %p: tensor<?x8xf32>) -> (tensor<?x4xf32>, tensor<?x8xf32>) {
  %c0 = arith.constant 0 : index
  %b = tensor.dim %a, %c0 : tensor<?x4xf32>
  %r:2 = scf.forall (%i) in (%b) shared_outs(%out = %o, %other = %p) -> (tensor<?x4xf32>, tensor<?x8xf32>) {
    %m = tensor.extract_slice %a[%i, 0] [1, 4] [1, 1] : tensor<?x4xf32> to tensor<4xf32>
    %n = tensor.extract_slice %c[%i, 0] [1, 8] [1, 1] : tensor<?x8xf32> to tensor<8xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %m into %out[%i, 0] [1, 4] [1, 1] : tensor<4xf32> into tensor<?x4xf32>
      // expected-error @below {{expects tiles of one static size in a kernel without a loop over chunks for a GPU, but got 8 and 4}}
      tensor.parallel_insert_slice %n into %other[%i, 0] [1, 8] [1, 1] : tensor<8xf32> into tensor<?x8xf32>
    }
  }
  return %r#0, %r#1 : tensor<?x4xf32>, tensor<?x8xf32>
}

// -----

func.func @carried(%a: tensor<?x64xbf16>, %o: tensor<8x64xbf16>) -> tensor<8x64xbf16> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64xbf16>
  %v0 = arith.constant dense<0.0> : tensor<64xbf16>
  %r = scf.forall (%i) in (8) shared_outs(%out = %o) -> (tensor<8x64xbf16>) {
    // expected-error @below {{expects carried values to be scalars, or tiles of f32, but got 'tensor<64xbf16>'}}
    %l = scf.for %t = %c0 to %n step %c1 iter_args(%v = %v0) -> (tensor<64xbf16>) {
      %x = tensor.extract_slice %a[%t, 0] [1, 64] [1, 1] : tensor<?x64xbf16> to tensor<64xbf16>
      %s = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
          ins(%x : tensor<64xbf16>) outs(%v : tensor<64xbf16>) {
      ^bb0(%in: bf16, %acc: bf16):
        %sum = arith.addf %in, %acc : bf16
        linalg.yield %sum : bf16
      } -> tensor<64xbf16>
      scf.yield %s : tensor<64xbf16>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l into %out[%i, 0] [1, 64] [1, 1] : tensor<64xbf16> into tensor<8x64xbf16>
    }
  }
  return %r : tensor<8x64xbf16>
}
