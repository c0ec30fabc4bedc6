// What a kernel for a GPU cannot have.
//
// RUN: linattn-opt %s --linattn-normal-form-to-tile-pipeline -split-input-file -verify-diagnostics

// A product of a matrix and a vector.
func.func @vector_product(%a: tensor<?x64x64xbf16>, %w: tensor<64xbf16>, %o: tensor<8x64x64xf32>) -> tensor<8x64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  %r = scf.forall (%i) in (8) shared_outs(%out = %o) -> (tensor<8x64x64xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %v0 = arith.constant dense<0.0> : tensor<64xf32>
    %l = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0) -> (tensor<64x64xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      // expected-error @below {{expects a product of two matrices to be planned for a GPU, but got 2 loops}}
      %v = linalg.contract indexing_maps = [affine_map<(m, k) -> (m, k)>, affine_map<(m, k) -> (k)>, affine_map<(m, k) -> (m)>]
          ins(%t, %w : tensor<64x64xbf16>, tensor<64xbf16>) outs(%v0 : tensor<64xf32>) -> tensor<64xf32>
      %m_empty = tensor.empty() : tensor<64x64xf32>
      %m = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
          ins(%t, %v : tensor<64x64xbf16>, tensor<64xf32>) outs(%m_empty : tensor<64x64xf32>) {
      ^bb0(%x0: bf16, %x1: f32, %old: f32):
        %d = arith.extf %x0 : bf16 to f32
        %f = arith.mulf %d, %x1 : f32
        linalg.yield %f : f32
      } -> tensor<64x64xf32>
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %m : tensor<64x64xbf16>, tensor<64x64xf32>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      scf.yield %p : tensor<64x64xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l into %out[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
    }
  }
  return %r : tensor<8x64x64xf32>
}

// -----

// Only the last loop multiplies matrices.
func.func @two_loops(%a: tensor<?x64x64xbf16>, %o: tensor<8x64x64xf32>) -> tensor<8x64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  %r = scf.forall (%i) in (8) shared_outs(%out = %o) -> (tensor<8x64x64xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    // expected-error @below {{is not the last loop of its kernel; expects such a loop to carry matrices of f32 only, and to compute them by maps, in a kernel for a GPU}}
    %first = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0) -> (tensor<64x64xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %t : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      scf.yield %p : tensor<64x64xf32>
    }
    %l = scf.for %c = %c0 to %n step %c1 iter_args(%s = %first) -> (tensor<64x64xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %t : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      scf.yield %p : tensor<64x64xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l into %out[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
    }
  }
  return %r : tensor<8x64x64xf32>
}

// -----

func.func @carried_vector(%a: tensor<?x64x64xbf16>, %o: tensor<8x64x64xf32>) -> tensor<8x64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  %r = scf.forall (%i) in (8) shared_outs(%out = %o) -> (tensor<8x64x64xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %v0 = arith.constant dense<0.0> : tensor<64xf32>
    // expected-error @below {{expects carried values to be scalars, or matrices of f32 and of static shape, in a loop over chunks for a GPU, but got 'tensor<64xf32>'; a loop over tokens can carry more (linattn-compile --recurrence)}}
    %l:2 = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0, %v = %v0) -> (tensor<64x64xf32>, tensor<64xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %t : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      scf.yield %p, %v : tensor<64x64xf32>, tensor<64xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l#0 into %out[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
    }
  }
  return %r : tensor<8x64x64xf32>
}

// -----

// Rows are filled in one place and inserted in another.
func.func @shifted(%a: tensor<?x64x64xbf16>, %o: tensor<8x64x64xf32>, %rows: tensor<?x64xf32>) -> (tensor<8x64x64xf32>, tensor<?x64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  %r:2 = scf.forall (%i) in (8) shared_outs(%out = %o, %all = %rows) -> (tensor<8x64x64xf32>, tensor<?x64xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %f0 = tensor.extract_slice %all[%i, 0] [%n, 64] [1, 1] : tensor<?x64xf32> to tensor<?x64xf32>
    %l:2 = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0, %f = %f0) -> (tensor<64x64xf32>, tensor<?x64xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %t : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      %g = tensor.insert_slice %p into %f[%c, 0] [64, 64] [1, 1] : tensor<64x64xf32> into tensor<?x64xf32>
      scf.yield %p, %g : tensor<64x64xf32>, tensor<?x64xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l#0 into %out[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
      // expected-error @below {{expects the rows that a loop has filled, where the loop has them from, in a kernel for a GPU}}
      tensor.parallel_insert_slice %l#1 into %all[0, 0] [%n, 64] [1, 1] : tensor<?x64xf32> into tensor<?x64xf32>
    }
  }
  return %r#0, %r#1 : tensor<8x64x64xf32>, tensor<?x64xf32>
}

// -----

// A loop that is no running sum.
func.func @nested(%a: tensor<?x64x64xbf16>, %o: tensor<8x64x64xf32>) -> tensor<8x64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  %r = scf.forall (%i) in (8) shared_outs(%out = %o) -> (tensor<8x64x64xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %l = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0) -> (tensor<64x64xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      // expected-error @below {{cannot be planned in a loop over chunks for a GPU, which expects maps, products of matrices and running sums of vectors; for decays of each channel, a loop over tokens needs no more (linattn-compile --recurrence)}}
      %m = scf.for %j = %c0 to %n step %c1 iter_args(%x = %s) -> (tensor<64x64xf32>) {
        scf.yield %x : tensor<64x64xf32>
      }
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %t : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%m : tensor<64x64xf32>) -> tensor<64x64xf32>
      scf.yield %p : tensor<64x64xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l into %out[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
    }
  }
  return %r : tensor<8x64x64xf32>
}

// -----

// Matrix instructions would round what memory has in f32.
func.func @wide(%a: tensor<?x64x64xbf16>, %w: tensor<64x64xf32>, %o: tensor<8x64x64xf32>) -> tensor<8x64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  %r = scf.forall (%i) in (8) shared_outs(%out = %o) -> (tensor<8x64x64xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %l = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0) -> (tensor<64x64xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      %m_empty = tensor.empty() : tensor<64x64xf32>
      %m = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
          ins(%w : tensor<64x64xf32>) outs(%m_empty : tensor<64x64xf32>) {
      ^bb0(%x0: f32, %old: f32):
        %d = arith.addf %x0, %x0 : f32
        linalg.yield %d : f32
      } -> tensor<64x64xf32>
      // expected-error @below {{multiplies f32 from memory, which matrix instructions for a GPU would round to 16 bits; convert the tensor to bf16 or f16, or run tokens one by one (linattn-compile --recurrence)}}
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %m : tensor<64x64xbf16>, tensor<64x64xf32>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      scf.yield %p : tensor<64x64xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l into %out[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
    }
  }
  return %r : tensor<8x64x64xf32>
}

// -----

func.func @no_loads(%a: tensor<?x64x64xbf16>, %o: tensor<8x64x64xf32>) -> tensor<8x64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  %r = scf.forall (%i) in (8) shared_outs(%out = %o) -> (tensor<8x64x64xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    // expected-error @below {{expects tiles of 16-bit elements to be loaded, in a loop over chunks for a GPU, but got none}}
    %l = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0) -> (tensor<64x64xf32>) {
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%s, %s : tensor<64x64xf32>, tensor<64x64xf32>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      scf.yield %p : tensor<64x64xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l into %out[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
    }
  }
  return %r : tensor<8x64x64xf32>
}

// -----

func.func @large_index(%a: tensor<?x64x64xbf16>, %w: tensor<?x64xbf16>, %o: tensor<8x64x64xf32>) -> tensor<8x64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  // expected-error @below {{expects indices of 32 bits in a kernel for a GPU, but got 4294967296}}
  %r = scf.forall (%i) in (8) shared_outs(%out = %o) -> (tensor<8x64x64xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %l = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0) -> (tensor<64x64xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      %far = arith.constant 4294967296 : index
      %u = tensor.extract_slice %w[%far, 0] [64, 64] [1, 1] : tensor<?x64xbf16> to tensor<64x64xbf16>
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %u : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      scf.yield %p : tensor<64x64xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l into %out[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
    }
  }
  return %r : tensor<8x64x64xf32>
}

// -----

func.func @size_of_a_tile(%a: tensor<?x64x64xbf16>, %w: tensor<?x64xbf16>, %o: tensor<8x64x64xf32>) -> tensor<8x64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  %r = scf.forall (%i) in (8) shared_outs(%out = %o) -> (tensor<8x64x64xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %l = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0) -> (tensor<64x64xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %t : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      %d = tensor.extract_slice %p[0, 0] [%c, 64] [1, 1] : tensor<64x64xf32> to tensor<?x64xf32>
      %e = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} outs(%d : tensor<?x64xf32>) {
      ^bb0(%x: f32):
        %y = arith.negf %x : f32
        linalg.yield %y : f32
      } -> tensor<?x64xf32>
      // expected-error @below {{expects the size of a tensor of the function in a kernel for a GPU}}
      %size = tensor.dim %e, %c0 : tensor<?x64xf32>
      %u = tensor.extract_slice %w[%size, 0] [64, 64] [1, 1] : tensor<?x64xbf16> to tensor<64x64xbf16>
      %q = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %u : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%p : tensor<64x64xf32>) -> tensor<64x64xf32>
      scf.yield %q : tensor<64x64xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l into %out[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
    }
  }
  return %r : tensor<8x64x64xf32>
}

// -----

func.func @element_of_a_tile(%a: tensor<?x64x64xbf16>, %w: tensor<?x64xbf16>, %o: tensor<8x64x64xf32>) -> tensor<8x64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  %r = scf.forall (%i) in (8) shared_outs(%out = %o) -> (tensor<8x64x64xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %l = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0) -> (tensor<64x64xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %t : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      // expected-error @below {{expects an element of a tensor of the function, in a kernel for a GPU}}
      %e = tensor.extract %p[%c0, %c0] : tensor<64x64xf32>
      %m_empty = tensor.empty() : tensor<64x64xf32>
      %m = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
          ins(%t : tensor<64x64xbf16>) outs(%m_empty : tensor<64x64xf32>) {
      ^bb0(%x0: bf16, %old: f32):
        %d = arith.extf %x0 : bf16 to f32
        %f = arith.mulf %d, %e : f32
        linalg.yield %f : f32
      } -> tensor<64x64xf32>
      %q = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %m : tensor<64x64xbf16>, tensor<64x64xf32>) outs(%p : tensor<64x64xf32>) -> tensor<64x64xf32>
      scf.yield %q : tensor<64x64xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l into %out[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
    }
  }
  return %r : tensor<8x64x64xf32>
}

// -----

func.func @other_scalar_op(%a: tensor<?x64x64xbf16>, %w: tensor<?x64xbf16>, %o: tensor<8x64x64xf32>) -> tensor<8x64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  %r = scf.forall (%i) in (8) shared_outs(%out = %o) -> (tensor<8x64x64xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %l = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0) -> (tensor<64x64xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      // expected-error @below {{is no scalar op that a kernel for a GPU can use}}
      %j = affine.apply affine_map<(c) -> (c * 64)>(%c)
      %u = tensor.extract_slice %w[%j, 0] [64, 64] [1, 1] : tensor<?x64xbf16> to tensor<64x64xbf16>
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %u : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      scf.yield %p : tensor<64x64xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l into %out[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
    }
  }
  return %r : tensor<8x64x64xf32>
}

// -----

// A body that makes two values at once.
func.func @two_results(%a: tensor<?x64x64xbf16>, %o: tensor<8x64x64xf32>) -> tensor<8x64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  %r = scf.forall (%i) in (8) shared_outs(%out = %o) -> (tensor<8x64x64xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %l = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0) -> (tensor<64x64xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      %m_empty = tensor.empty() : tensor<64x64xbf16>
      %m = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
          ins(%t : tensor<64x64xbf16>) outs(%m_empty : tensor<64x64xbf16>) {
      ^bb0(%x0: bf16, %old: bf16):
        %b = arith.bitcast %x0 : bf16 to i16
        // expected-error @below {{is no scalar op that a kernel for a GPU can use}}
        %b2, %over = arith.addui_extended %b, %b : i16, i1
        %d = arith.bitcast %b2 : i16 to bf16
        linalg.yield %d : bf16
      } -> tensor<64x64xbf16>
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %m : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      scf.yield %p : tensor<64x64xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l into %out[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
    }
  }
  return %r : tensor<8x64x64xf32>
}

// -----

// Bounds of iterations that do not start at 0.
func.func @bounds(%a: tensor<?x64x64xbf16>, %o: tensor<8x64x64xf32>) -> tensor<8x64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  // expected-error @below {{expects lower bounds 0 and steps 1, in a kernel for a GPU}}
  %r = scf.forall (%i) = (1) to (8) step (1) shared_outs(%out = %o) -> (tensor<8x64x64xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %l = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0) -> (tensor<64x64xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %t : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      scf.yield %p : tensor<64x64xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l into %out[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
    }
  }
  return %r : tensor<8x64x64xf32>
}

// -----

func.func @one_tensor(%a: tensor<?x64x64xbf16>, %o: tensor<8x64x64xf32>) -> (tensor<8x64x64xf32>, tensor<8x64x64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  // expected-error @below {{writes two results to one tensor; expects a tensor of its own for each, in a kernel for a GPU}}
  %r:2 = scf.forall (%i) in (8) shared_outs(%out = %o, %out2 = %o) -> (tensor<8x64x64xf32>, tensor<8x64x64xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %l = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0) -> (tensor<64x64xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %t : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      scf.yield %p : tensor<64x64xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l into %out[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
      tensor.parallel_insert_slice %l into %out2[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
    }
  }
  return %r#0, %r#1 : tensor<8x64x64xf32>, tensor<8x64x64xf32>
}

// -----

// Matrix instructions have 64 rows.
func.func @small(%a: tensor<?x64x64xbf16>, %w: tensor<?x64x32xbf16>, %o: tensor<8x64x32xf32>) -> tensor<8x64x32xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  %r = scf.forall (%i) in (8) shared_outs(%out = %o) -> (tensor<8x64x32xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %n0 = arith.constant dense<0.0> : tensor<64x32xf32>
    %l = scf.for %c = %c0 to %n step %c1 iter_args(%s = %n0) -> (tensor<64x32xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      %u = tensor.extract_slice %w[%c, 0, 0] [1, 64, 32] [1, 1, 1] : tensor<?x64x32xbf16> to tensor<64x32xbf16>
      // expected-error @below {{of 64 x 64 by 64 x 32 cannot be planned for a GPU, which expects multiples of 64; choose a chunk, a sub-chunk and a head alignment of 64}}
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %u : tensor<64x64xbf16>, tensor<64x32xbf16>) outs(%s : tensor<64x32xf32>) -> tensor<64x32xf32>
      scf.yield %p : tensor<64x32xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l into %out[%i, 0, 0] [1, 64, 32] [1, 1, 1] : tensor<64x32xf32> into tensor<8x64x32xf32>
    }
  }
  return %r : tensor<8x64x32xf32>
}

// -----

// A map reads an accumulator where another thread has it.
func.func @transposed_read(%a: tensor<?x64x64xbf16>, %o: tensor<8x64x64xf32>) -> tensor<8x64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  %r = scf.forall (%i) in (8) shared_outs(%out = %o) -> (tensor<8x64x64xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %l = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0) -> (tensor<64x64xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      // expected-error @below {{expects a tile in registers to be read at the place of the element that is computed, in a kernel for a GPU}}
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %t : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      %m_empty = tensor.empty() : tensor<64x64xf32>
      %m = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
          ins(%p, %p : tensor<64x64xf32>, tensor<64x64xf32>) outs(%m_empty : tensor<64x64xf32>) {
      ^bb0(%x0: f32, %x1: f32, %old: f32):
        %d = arith.addf %x0, %x1 : f32
        linalg.yield %d : f32
      } -> tensor<64x64xf32>
      scf.yield %m : tensor<64x64xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l into %out[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
    }
  }
  return %r : tensor<8x64x64xf32>
}

// -----

func.func @constant_tile(%a: tensor<?x64x64xbf16>, %o: tensor<8x64x64xf32>) -> tensor<8x64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  // expected-error @below {{expects constant tiles of one value, in a kernel for a GPU, but got one of 'tensor<64xf32>'}}
  %r = scf.forall (%i) in (8) shared_outs(%out = %o) -> (tensor<8x64x64xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %table = arith.constant dense<"0x0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F00000040"> : tensor<64xf32>
    %l = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0) -> (tensor<64x64xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      %m_empty = tensor.empty() : tensor<64x64xf32>
      %m = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
          ins(%t, %table : tensor<64x64xbf16>, tensor<64xf32>) outs(%m_empty : tensor<64x64xf32>) {
      ^bb0(%x0: bf16, %x1: f32, %old: f32):
        %d = arith.extf %x0 : bf16 to f32
        %f = arith.mulf %d, %x1 : f32
        linalg.yield %f : f32
      } -> tensor<64x64xf32>
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %m : tensor<64x64xbf16>, tensor<64x64xf32>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      scf.yield %p : tensor<64x64xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l into %out[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
    }
  }
  return %r : tensor<8x64x64xf32>
}

// -----

func.func @pad_in_front(%a: tensor<?x64x64xbf16>, %o: tensor<8x64x64xf32>) -> tensor<8x64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  %r = scf.forall (%i) in (8) shared_outs(%out = %o) -> (tensor<8x64x64xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %l = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0) -> (tensor<64x64xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      %half_empty = tensor.empty() : tensor<64x64xf32>
      %half = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
          ins(%t : tensor<64x64xbf16>) outs(%half_empty : tensor<64x64xf32>) {
      ^bb0(%x0: bf16, %old: f32):
        %d = arith.extf %x0 : bf16 to f32
        linalg.yield %d : f32
      } -> tensor<64x64xf32>
      %part = tensor.extract_slice %half[0, 0] [32, 64] [1, 1] : tensor<64x64xf32> to tensor<32x64xf32>
      %zero = arith.constant 0.0 : f32
      // expected-error @below {{expects a computed tile to be padded behind its last elements, with one value and by constant amounts, in a kernel for a GPU}}
      %m = tensor.pad %part low[32, 0] high[0, 0] {
      ^bb0(%x: index, %y: index):
        tensor.yield %zero : f32
      } : tensor<32x64xf32> to tensor<64x64xf32>
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %m : tensor<64x64xbf16>, tensor<64x64xf32>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      scf.yield %p : tensor<64x64xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l into %out[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
    }
  }
  return %r : tensor<8x64x64xf32>
}

// -----

func.func @constant_place(%a: tensor<?x64x64xbf16>, %w: tensor<1x64xf32>, %o: tensor<8x64x64xf32>) -> tensor<8x64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  %r = scf.forall (%i) in (8) shared_outs(%out = %o) -> (tensor<8x64x64xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %l = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0) -> (tensor<64x64xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      %m_empty = tensor.empty() : tensor<64x64xf32>
      // expected-error @below {{expects projected permutations as indexing maps, in a kernel for a GPU}}
      %m = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (0, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
          ins(%t, %w : tensor<64x64xbf16>, tensor<1x64xf32>) outs(%m_empty : tensor<64x64xf32>) {
      ^bb0(%x0: bf16, %x1: f32, %old: f32):
        %d = arith.extf %x0 : bf16 to f32
        %f = arith.mulf %d, %x1 : f32
        linalg.yield %f : f32
      } -> tensor<64x64xf32>
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %m : tensor<64x64xbf16>, tensor<64x64xf32>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      scf.yield %p : tensor<64x64xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l into %out[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
    }
  }
  return %r : tensor<8x64x64xf32>
}

// -----

// Beside the tile the tensor goes on.
func.func @columns(%a: tensor<?x64x64xbf16>, %w: tensor<?x64x128xbf16>, %o: tensor<8x64x64xf32>) -> tensor<8x64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  %r = scf.forall (%i) in (8) shared_outs(%out = %o) -> (tensor<8x64x64xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %l = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0) -> (tensor<64x64xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      %zero = arith.constant 0.0 : bf16
      %part = tensor.extract_slice %w[%c, 0, 0] [1, 64, 32] [1, 1, 1] : tensor<?x64x128xbf16> to tensor<64x32xbf16>
      // expected-error @below {{expects the columns of a tile to end where those of the tensor do, in a kernel for a GPU}}
      %u = tensor.pad %part low[0, 0] high[0, 32] {
      ^bb0(%x: index, %y: index):
        tensor.yield %zero : bf16
      } : tensor<64x32xbf16> to tensor<64x64xbf16>
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %u : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      scf.yield %p : tensor<64x64xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l into %out[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
    }
  }
  return %r : tensor<8x64x64xf32>
}

// -----

func.func @padded_with_ones(%a: tensor<?x64x64xbf16>, %w: tensor<?x32x64xbf16>, %o: tensor<8x64x64xf32>) -> tensor<8x64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  %r = scf.forall (%i) in (8) shared_outs(%out = %o) -> (tensor<8x64x64xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %l = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0) -> (tensor<64x64xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      %one = arith.constant 1.0 : bf16
      %part = tensor.extract_slice %w[%c, 0, 0] [1, 32, 64] [1, 1, 1] : tensor<?x32x64xbf16> to tensor<32x64xbf16>
      // expected-error @below {{expects a tile to be padded with zeros, in a kernel for a GPU}}
      %u = tensor.pad %part low[0, 0] high[32, 0] {
      ^bb0(%x: index, %y: index):
        tensor.yield %one : bf16
      } : tensor<32x64xbf16> to tensor<64x64xbf16>
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %u : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      scf.yield %p : tensor<64x64xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l into %out[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
    }
  }
  return %r : tensor<8x64x64xf32>
}

// -----

// Both warpgroups have some of the rows of the state, and of the tile that is added.
func.func @rows_of_an_operand(%a: tensor<?x64x64xbf16>, %w: tensor<?x128x64xbf16>, %o: tensor<8x128x64xf32>, %q: tensor<8x64x128xf32>) -> (tensor<8x128x64xf32>, tensor<8x64x128xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  %r:2 = scf.forall (%i) in (8) shared_outs(%out = %o, %out2 = %q) -> (tensor<8x128x64xf32>, tensor<8x64x128xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %n0 = arith.constant dense<0.0> : tensor<128x64xf32>
    %z0 = arith.constant dense<0.0> : tensor<64x128xf32>
    %l:2 = scf.for %c = %c0 to %n step %c1 iter_args(%s = %n0, %z = %z0) -> (tensor<128x64xf32>, tensor<64x128xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      // expected-error @below {{expects the rows of a loaded tile not to be cut among warpgroups}}
      %u = tensor.extract_slice %w[%c, 0, 0] [1, 128, 64] [1, 1, 1] : tensor<?x128x64xbf16> to tensor<128x64xbf16>
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%u, %t : tensor<128x64xbf16>, tensor<64x64xbf16>) outs(%s : tensor<128x64xf32>) -> tensor<128x64xf32>
      %y = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %s : tensor<64x64xbf16>, tensor<128x64xf32>) outs(%z : tensor<64x128xf32>) -> tensor<64x128xf32>
      scf.yield %p, %y : tensor<128x64xf32>, tensor<64x128xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l#0 into %out[%i, 0, 0] [1, 128, 64] [1, 1, 1] : tensor<128x64xf32> into tensor<8x128x64xf32>
      tensor.parallel_insert_slice %l#1 into %out2[%i, 0, 0] [1, 64, 128] [1, 1, 1] : tensor<64x128xf32> into tensor<8x64x128xf32>
    }
  }
  return %r#0, %r#1 : tensor<8x128x64xf32>, tensor<8x64x128xf32>
}

// -----

func.func @rows_of_a_map(%a: tensor<?x64x64xbf16>, %w: tensor<?x128x64xbf16>, %o: tensor<8x128x64xf32>, %q: tensor<8x64x128xf32>) -> (tensor<8x128x64xf32>, tensor<8x64x128xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  %r:2 = scf.forall (%i) in (8) shared_outs(%out = %o, %out2 = %q) -> (tensor<8x128x64xf32>, tensor<8x64x128xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %n0 = arith.constant dense<0.0> : tensor<128x64xf32>
    %z0 = arith.constant dense<0.0> : tensor<64x128xf32>
    %l:2 = scf.for %c = %c0 to %n step %c1 iter_args(%s = %n0, %z = %z0) -> (tensor<128x64xf32>, tensor<64x128xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      // expected-error @below {{expects the rows of a loaded tile not to be cut among warpgroups}}
      %u = tensor.extract_slice %w[%c, 0, 0] [1, 128, 64] [1, 1, 1] : tensor<?x128x64xbf16> to tensor<128x64xbf16>
      %m_empty = tensor.empty() : tensor<128x64xbf16>
      %m = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
          ins(%u : tensor<128x64xbf16>) outs(%m_empty : tensor<128x64xbf16>) {
      ^bb0(%x0: bf16, %old: bf16):
        %d = arith.negf %x0 : bf16
        linalg.yield %d : bf16
      } -> tensor<128x64xbf16>
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%m, %t : tensor<128x64xbf16>, tensor<64x64xbf16>) outs(%s : tensor<128x64xf32>) -> tensor<128x64xf32>
      %y = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %s : tensor<64x64xbf16>, tensor<128x64xf32>) outs(%z : tensor<64x128xf32>) -> tensor<64x128xf32>
      scf.yield %p, %y : tensor<128x64xf32>, tensor<64x128xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l#0 into %out[%i, 0, 0] [1, 128, 64] [1, 1, 1] : tensor<128x64xf32> into tensor<8x128x64xf32>
      tensor.parallel_insert_slice %l#1 into %out2[%i, 0, 0] [1, 64, 128] [1, 1, 1] : tensor<64x128xf32> into tensor<8x64x128xf32>
    }
  }
  return %r#0, %r#1 : tensor<8x128x64xf32>, tensor<8x64x128xf32>
}

// -----

func.func @output_columns(%a: tensor<?x64x64xbf16>, %o: tensor<8x64x64xf32>, %rows: tensor<?x64x128xbf16>) -> (tensor<8x64x64xf32>, tensor<?x64x128xbf16>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  %r:2 = scf.forall (%i) in (8) shared_outs(%out = %o, %all = %rows) -> (tensor<8x64x64xf32>, tensor<?x64x128xbf16>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %f0 = tensor.extract_slice %all[0, 0, 0] [%n, 64, 128] [1, 1, 1] : tensor<?x64x128xbf16> to tensor<?x64x128xbf16>
    %l:2 = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0, %f = %f0) -> (tensor<64x64xf32>, tensor<?x64x128xbf16>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %t : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      %m_empty = tensor.empty() : tensor<64x64xbf16>
      // expected-error @below {{expects the columns of a tile to end where those of the tensor do, in a kernel for a GPU}}
      %m = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
          ins(%p : tensor<64x64xf32>) outs(%m_empty : tensor<64x64xbf16>) {
      ^bb0(%x0: f32, %old: bf16):
        %d = arith.truncf %x0 : f32 to bf16
        linalg.yield %d : bf16
      } -> tensor<64x64xbf16>
      %part = tensor.extract_slice %m[0, 0] [64, 32] [1, 1] : tensor<64x64xbf16> to tensor<64x32xbf16>
      %g = tensor.insert_slice %part into %f[%c, 0, 0] [1, 64, 32] [1, 1, 1] : tensor<64x32xbf16> into tensor<?x64x128xbf16>
      scf.yield %p, %g : tensor<64x64xf32>, tensor<?x64x128xbf16>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l#0 into %out[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
      tensor.parallel_insert_slice %l#1 into %all[0, 0, 0] [%n, 64, 128] [1, 1, 1] : tensor<?x64x128xbf16> into tensor<?x64x128xbf16>
    }
  }
  return %r#0, %r#1 : tensor<8x64x64xf32>, tensor<?x64x128xbf16>
}

// -----

func.func @output_vector(%a: tensor<?x64x64xbf16>, %o: tensor<8x64x64xf32>, %rows: tensor<?x64xf32>) -> (tensor<8x64x64xf32>, tensor<?x64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  %r:2 = scf.forall (%i) in (8) shared_outs(%out = %o, %all = %rows) -> (tensor<8x64x64xf32>, tensor<?x64xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %f0 = tensor.extract_slice %all[0, 0] [%n, 64] [1, 1] : tensor<?x64xf32> to tensor<?x64xf32>
    %l:2 = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0, %f = %f0) -> (tensor<64x64xf32>, tensor<?x64xf32>) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %t : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      %v = arith.constant dense<1.0> : tensor<64xf32>
      // expected-error @below {{expects a matrix, in a kernel for a GPU, but got 'tensor<64xf32>'}}
      %g = tensor.insert_slice %v into %f[%c, 0] [1, 64] [1, 1] : tensor<64xf32> into tensor<?x64xf32>
      scf.yield %p, %g : tensor<64x64xf32>, tensor<?x64xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l#0 into %out[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
      tensor.parallel_insert_slice %l#1 into %all[0, 0] [%n, 64] [1, 1] : tensor<?x64xf32> into tensor<?x64xf32>
    }
  }
  return %r#0, %r#1 : tensor<8x64x64xf32>, tensor<?x64xf32>
}

// -----

// Vectors are computed by a warp that carries nothing.
func.func @carried_in_a_vector(%a: tensor<?x64x64xbf16>, %w: tensor<?x64xf32>, %o: tensor<8x64x64xf32>) -> tensor<8x64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64x64xbf16>
  %r = scf.forall (%i) in (8) shared_outs(%out = %o) -> (tensor<8x64x64xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %x0 = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    // expected-error @below {{expects a scalar that a kernel for a GPU can compute}}
    %l:2 = scf.for %c = %c0 to %n step %c1 iter_args(%s = %s0, %x = %x0) -> (tensor<64x64xf32>, f32) {
      %t = tensor.extract_slice %a[%c, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> to tensor<64x64xbf16>
      %u = tensor.extract_slice %w[%c, 0] [1, 64] [1, 1] : tensor<?x64xf32> to tensor<64xf32>
      %v_empty = tensor.empty() : tensor<64xf32>
      %v = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
          ins(%u : tensor<64xf32>) outs(%v_empty : tensor<64xf32>) {
      ^bb0(%e: f32, %old: f32):
        %d = arith.mulf %e, %x : f32
        linalg.yield %d : f32
      } -> tensor<64xf32>
      %m_empty = tensor.empty() : tensor<64x64xf32>
      %m = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
          ins(%t, %v : tensor<64x64xbf16>, tensor<64xf32>) outs(%m_empty : tensor<64x64xf32>) {
      ^bb0(%e: bf16, %x1: f32, %old: f32):
        %d = arith.extf %e : bf16 to f32
        %f = arith.mulf %d, %x1 : f32
        linalg.yield %f : f32
      } -> tensor<64x64xf32>
      %p = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%t, %m : tensor<64x64xbf16>, tensor<64x64xf32>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      %y = arith.addf %x, %one : f32
      scf.yield %p, %y : tensor<64x64xf32>, f32
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l#0 into %out[%i, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
    }
  }
  return %r : tensor<8x64x64xf32>
}
