// Plans that do not fit.
//
// RUN: linattn-opt %s --linattn-normal-form-to-tile-pipeline="state-first move-factors=false shared-limit=30000" -split-input-file -verify-diagnostics

// The state needs a product that the plan puts behind it.
func.func @order(%a: tensor<?x64x64xbf16>, %o: tensor<8x64x64xf32>) -> tensor<8x64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  %r = scf.forall (%i) in (8) shared_outs(%out = %o) -> (tensor<8x64x64xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %l = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0) -> (tensor<64x64xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      %m_empty = tensor.empty() : tensor<64x64xf32>
      %m = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
          ins(%t : tensor<64x64xbf16>) outs(%m_empty : tensor<64x64xf32>) {
      ^bb0(%x0: bf16, %old: f32):
        %d = arith.extf %x0 : bf16 to f32
        %f = arith.addf %d, %d : f32
        linalg.yield %f : f32
      } -> tensor<64x64xf32>
      // expected-error @below {{is needed before it is computed; no order of the contractions of this kernel was found}}
      %q = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %m : tensor<64x64xbf16>, tensor<64x64xf32>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      %h_empty = tensor.empty() : tensor<64x64xf32>
      %h = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
          ins(%q : tensor<64x64xf32>) outs(%h_empty : tensor<64x64xf32>) {
      ^bb0(%x0: f32, %old: f32):
        %d = arith.mulf %x0, %x0 : f32
        linalg.yield %d : f32
      } -> tensor<64x64xf32>
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %h : tensor<64x64xbf16>, tensor<64x64xf32>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      scf.yield %p : tensor<64x64xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l into %out[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
    }
  }
  return %r : tensor<8x64x64xf32>
}

// -----

// One chunk needs more than there is.
func.func @shared(%a: tensor<?x128x64xbf16>, %w: tensor<?x128x256xbf16>, %o: tensor<8x64x256xf32>) -> tensor<8x64x256xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x128x64xbf16>
  // expected-error @below {{needs 33024 bytes of shared memory for one chunk, but a thread block has 30000; choose a smaller chunk}}
  %r = scf.forall (%i) in (8) shared_outs(%out = %o) -> (tensor<8x64x256xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %n0 = arith.constant dense<0.0> : tensor<64x256xf32>
    %l = scf.for %c = %c0 to %n step %c1 iter_args(%s = %n0) -> (tensor<64x256xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 128, 64] [1, 1, 1] : tensor<?x128x64xbf16> to tensor<128x64xbf16>
      %u = tensor.extract_slice %w[%c, 0, 0] [1, 128, 256] [1, 1, 1] : tensor<?x128x256xbf16> to tensor<128x256xbf16>
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %u : tensor<128x64xbf16>, tensor<128x256xbf16>) outs(%s : tensor<64x256xf32>) -> tensor<64x256xf32>
      scf.yield %p : tensor<64x256xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l into %out[%i, 0, 0] [1, 64, 256] [1, 1, 1] : tensor<64x256xf32> into tensor<8x64x256xf32>
    }
  }
  return %r : tensor<8x64x256xf32>
}
