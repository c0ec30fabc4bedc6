// RUN: linattn-opt %s -split-input-file -verify-diagnostics --linattn-verify-normal-form

func.func @nf1_whole_tensors(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // expected-error @below {{'linalg.matmul' op breaks NF1 of the normal form: expected work on whole tensors of dynamic shape to be cut into kernels (scf.forall), got 'tensor<?x8xf32>'}}
  %0 = linalg.matmul ins(%x, %w : tensor<?x8xf32>, tensor<8x8xf32>) outs(%y : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

func.func @nf1_elementwise(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{'arith.addf' op breaks NF1 of the normal form: expected elementwise work on tensors to be cut into kernels (scf.forall)}}
  %0 = arith.addf %x, %x : tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

func.func @nf1_softmax(%x: tensor<?x16xf32>) -> tensor<?x16xf32> {
  // expected-error @below {{'linalg.softmax' op breaks NF1 of the normal form: expected scalars, slices, loops and branches between kernels}}
  %0 = linalg.softmax dimension(1) ins(%x : tensor<?x16xf32>) outs(%x : tensor<?x16xf32>) -> tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}

// -----

func.func @nf1_buffers(%x: memref<8xf32>) {
  // expected-error @below {{'linalg.exp' op breaks NF1 of the normal form: expected tensors, got buffers}}
  linalg.exp ins(%x : memref<8xf32>) outs(%x : memref<8xf32>)
  return
}

// -----

// Outside of an scf.forall, the same rules hold for work on tiles.
func.func @nf5_kernel_of_one_iteration(%x: tensor<9xf32>, %y: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{'linalg.generic' op breaks NF5 of the normal form: expected projected permutations as indexing maps, got affine_map<(d0) -> (d0 + 1)>}}
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i + 1)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<9xf32>) outs(%y : tensor<8xf32>) {
  ^bb0(%a: f32, %z: f32):
    linalg.yield %a : f32
  } -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

func.func @nf1_foreign_op(%x: memref<8xf32>) {
  // expected-error @below {{'memref.dealloc' op breaks NF1 of the normal form: expected scalars, slices, loops and branches between kernels}}
  memref.dealloc %x : memref<8xf32>
  return
}

// -----

func.func @nf1_named_op(%q: tensor<1x8x1x4xf32>, %o: tensor<1x8x1x4xf32>) -> tensor<1x8x1x4xf32> {
  // expected-error @below {{'linattn.attention' op breaks NF1 of the normal form}}
  %0 = linattn.attention ins(%q, %q, %q : tensor<1x8x1x4xf32>, tensor<1x8x1x4xf32>, tensor<1x8x1x4xf32>)
      outs(%o : tensor<1x8x1x4xf32>) -> tensor<1x8x1x4xf32>
  return %0 : tensor<1x8x1x4xf32>
}

// -----

func.func @nf2_nested_kernels() {
  scf.forall (%i) in (4) {
    // expected-error @below {{'scf.forall' op breaks NF2 of the normal form: expected a kernel to stand outside of other kernels}}
    scf.forall (%j) in (4) {
    }
  }
  return
}

// -----

func.func @nf3_carried_shape(%x: tensor<?xf32>, %y: tensor<4xf32>, %n: index) -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0 = scf.forall (%i) in (4) shared_outs(%out = %y) -> tensor<4xf32> {
    // expected-error @below {{'scf.for' op breaks NF3 of the normal form: expected what it carries to be a scalar, a tile of static shape or a part of an output of the kernel, got 'tensor<?xf32>'}}
    %1 = scf.for %j = %c0 to %n step %c1 iter_args(%t = %x) -> tensor<?xf32> {
      scf.yield %t : tensor<?xf32>
    }
    %2 = tensor.extract_slice %1[0] [1] [1] : tensor<?xf32> to tensor<1xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %2 into %out[%i] [1] [1] : tensor<1xf32> into tensor<4xf32>
    }
  }
  return %0 : tensor<4xf32>
}

// -----

func.func @nf4_dynamic_tile(%x: tensor<?xf32>, %y: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %0 = scf.forall (%i) in (1) shared_outs(%out = %y) -> tensor<?xf32> {
    // expected-error @below {{'linalg.exp' op breaks NF4 of the normal form: expected tiles of static shape, got 'tensor<?xf32>'}}
    %1 = linalg.exp ins(%x : tensor<?xf32>) outs(%out : tensor<?xf32>) -> tensor<?xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %1 into %out[0] [%n] [1] : tensor<?xf32> into tensor<?xf32>
    }
  }
  return %0 : tensor<?xf32>
}

// -----

func.func @nf4_padding_value(%x: tensor<4xf32>, %y: tensor<8xf32>) -> tensor<8xf32> {
  %0 = scf.forall (%i) in (1) shared_outs(%out = %y) -> tensor<8xf32> {
    // expected-error @below {{'tensor.pad' op breaks NF4 of the normal form: expected padding with one value that does not depend on the position}}
    %1 = tensor.pad %x low[0] high[4] {
    ^bb0(%j: index):
      %2 = arith.index_cast %j : index to i32
      %3 = arith.sitofp %2 : i32 to f32
      tensor.yield %3 : f32
    } : tensor<4xf32> to tensor<8xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %1 into %out[0] [8] [1] : tensor<8xf32> into tensor<8xf32>
    }
  }
  return %0 : tensor<8xf32>
}

// -----

func.func @nf5_indexing_map(%x: tensor<9xf32>, %y: tensor<8xf32>) -> tensor<8xf32> {
  %0 = scf.forall (%i) in (1) shared_outs(%out = %y) -> tensor<8xf32> {
    // expected-error @below {{'linalg.generic' op breaks NF5 of the normal form: expected projected permutations as indexing maps, got affine_map<(d0) -> (d0 + 1)>}}
    %1 = linalg.generic {indexing_maps = [affine_map<(i) -> (i + 1)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
        ins(%x : tensor<9xf32>) outs(%out : tensor<8xf32>) {
    ^bb0(%a: f32, %z: f32):
      linalg.yield %a : f32
    } -> tensor<8xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %1 into %out[0] [8] [1] : tensor<8xf32> into tensor<8xf32>
    }
  }
  return %0 : tensor<8xf32>
}

// -----

func.func @nf5_body(%x: tensor<8xf32>, %y: tensor<8xf32>) -> tensor<8xf32> {
  %0 = scf.forall (%i) in (1) shared_outs(%out = %y) -> tensor<8xf32> {
    // expected-error @below {{'linalg.generic' op breaks NF5 of the normal form: expected a body of scalar arith and math, got 'tensor.extract'}}
    %1 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
        outs(%out : tensor<8xf32>) {
    ^bb0(%z: f32):
      %j = linalg.index 0 : index
      %a = tensor.extract %x[%j] : tensor<8xf32>
      linalg.yield %a : f32
    } -> tensor<8xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %1 into %out[0] [8] [1] : tensor<8xf32> into tensor<8xf32>
    }
  }
  return %0 : tensor<8xf32>
}
