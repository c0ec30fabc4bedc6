// RUN: linattn-opt %s --linattn-linalg-to-kernels --canonicalize --cse --split-input-file | FileCheck %s
// RUN: linattn-opt %s --linattn-linalg-to-kernels=tile-size=32 --canonicalize --cse --split-input-file \
// RUN:   | FileCheck %s --check-prefix=SMALL
// RUN: linattn-opt %s --linattn-linalg-to-kernels --split-input-file \
// RUN:   | FileCheck %s --check-prefix=SCALAR

// A fill goes along, the ragged tile of rows is padded, and columns that a
// tile divides are not.

// CHECK-DAG: #[[MIN:.*]] = affine_map<(d0)[s0] -> (-d0 + s0, 64)>
// CHECK-LABEL: func.func @projection
// CHECK-SAME: %[[X:.*]]: tensor<?x96xbf16>, %[[W:.*]]: tensor<96x128xbf16>
// CHECK: %[[N:.*]] = tensor.dim %[[X]]
// CHECK: %[[E:.*]] = tensor.empty(%[[N]])
// CHECK-NOT: linalg.fill
// CHECK: scf.forall (%[[I:.*]], %[[J:.*]]) = (0, 0) to (%[[N]], 128) step (64, 64) shared_outs(%[[O:.*]] = %[[E]])
// CHECK:   %[[VALID:.*]] = affine.min #[[MIN]](%[[I]])[%[[N]]]
// CHECK:   %[[Z:.*]] = linalg.fill {{.*}} -> tensor<64x64xf32>
// CHECK:   %[[XI:.*]] = tensor.extract_slice %[[X]][%[[I]], 0] [%[[VALID]], 96] [1, 1]
// CHECK:   %[[XT:.*]] = tensor.pad %[[XI]]
// CHECK:     tensor<?x96xbf16> to tensor<64x96xbf16>
// CHECK:   %[[WT:.*]] = tensor.extract_slice %[[W]][0, %[[J]]] [96, 64] [1, 1] : tensor<96x128xbf16> to tensor<96x64xbf16>
// CHECK:   %[[T:.*]] = linalg.matmul ins(%[[XT]], %[[WT]] : {{.*}}) outs(%[[Z]] : tensor<64x64xf32>)
// CHECK:   %[[ROWS:.*]] = tensor.extract_slice %[[T]][0, 0] [%[[VALID]], 64] [1, 1]
// CHECK:   tensor.parallel_insert_slice %[[ROWS]] into %[[O]][%[[I]], %[[J]]] [%[[VALID]], 64] [1, 1]
// SMALL-LABEL: func.func @projection
// SMALL: scf.forall {{.*}} step (32, 32)
func.func @projection(%x: tensor<?x96xbf16>, %w: tensor<96x128xbf16>) -> tensor<?x128xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x96xbf16>
  %e = tensor.empty(%n) : tensor<?x128xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x128xf32>) -> tensor<?x128xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<?x96xbf16>, tensor<96x128xbf16>)
      outs(%z : tensor<?x128xf32>) -> tensor<?x128xf32>
  return %0 : tensor<?x128xf32>
}

// -----

// Sizes that may differ are checked in front of the kernel.

// CHECK-LABEL: func.func @check
// CHECK-SAME: %[[A:.*]]: tensor<?x4xf32>, %[[B:.*]]: tensor<?x4xf32>
// CHECK-DAG: %[[N:.*]] = tensor.dim %[[A]]
// CHECK-DAG: %[[M:.*]] = tensor.dim %[[B]]
// CHECK: arith.cmpi eq, %[[M]], %[[N]]
// CHECK: cf.assert %{{.*}}, "linalg.add expects the size of loop 0 to be the same in all operands"
// CHECK-NOT: cf.assert
// CHECK: scf.forall
func.func @check(%a: tensor<?x4xf32>, %b: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %a, %c0 : tensor<?x4xf32>
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %0 = linalg.add ins(%a, %b : tensor<?x4xf32>, tensor<?x4xf32>)
      outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// -----

// linalg.index counts from the start of the whole loop.

// CHECK-LABEL: func.func @index
// CHECK: scf.forall (%[[I:.*]]) = (0) to (%{{.*}}) step (256)
// CHECK:   linalg.generic
// CHECK:     %[[LOCAL:.*]] = linalg.index 0
// CHECK:     affine.apply #{{.*}}(%[[I]])[%[[LOCAL]]]
func.func @index(%out: tensor<?xindex>) -> tensor<?xindex> {
  %0 = linalg.generic
      {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      outs(%out : tensor<?xindex>) {
  ^bb0(%a: index):
    %i = linalg.index 0 : index
    linalg.yield %i : index
  } -> tensor<?xindex>
  return %0 : tensor<?xindex>
}

// -----

// An accumulator that is no fill is read, and its tile is padded too. A
// reduction stays whole.

// CHECK-LABEL: func.func @sum_into
// CHECK-SAME: %[[X:.*]]: tensor<?x100xf32>, %[[OUT:.*]]: tensor<?xf32>
// CHECK: scf.forall (%[[I:.*]]) = (0) to (%{{.*}}) step (64) shared_outs(%[[O:.*]] = %[[OUT]])
// CHECK:   %[[OI:.*]] = tensor.extract_slice %[[O]][%[[I]]]
// CHECK:   tensor.pad %[[OI]]
// CHECK:     tensor<?xf32> to tensor<64xf32>
// CHECK:   tensor.pad
// CHECK:     tensor<?x100xf32> to tensor<64x100xf32>
// CHECK:   linalg.generic
func.func @sum_into(%x: tensor<?x100xf32>, %out: tensor<?xf32>) -> tensor<?xf32> {
  %0 = linalg.generic
      {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>],
       iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<?x100xf32>) outs(%out : tensor<?xf32>) {
  ^bb0(%a: f32, %s: f32):
    %1 = arith.addf %a, %s : f32
    linalg.yield %1 : f32
  } -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

// What stands in a kernel is left alone.

// CHECK-LABEL: func.func @inside
// CHECK: scf.forall
// CHECK-NOT: scf.forall
// CHECK: linalg.exp ins(%{{.*}} : tensor<4xf32>)
func.func @inside(%x: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %0 = scf.forall (%i) in (8) shared_outs(%o = %x) -> tensor<8x4xf32> {
    %1 = tensor.extract_slice %o[%i, 0] [1, 4] [1, 1] : tensor<8x4xf32> to tensor<4xf32>
    %2 = linalg.exp ins(%1 : tensor<4xf32>) outs(%1 : tensor<4xf32>) -> tensor<4xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %2 into %o[%i, 0] [1, 4] [1, 1] : tensor<4xf32> into tensor<8x4xf32>
    }
  }
  return %0 : tensor<8x4xf32>
}

// -----

// A reduction to a scalar is a kernel of one iteration.

// SCALAR-LABEL: func.func @whole_sum
// SCALAR-SAME: %[[X:.*]]: tensor<8xf32>, %[[OUT:.*]]: tensor<f32>
// SCALAR: scf.forall (%{{.*}}) in (1) shared_outs(%[[O:.*]] = %[[OUT]]) -> (tensor<f32>)
// SCALAR:   %[[XT:.*]] = tensor.extract_slice %[[X]][0] [8] [1]
// SCALAR:   %[[SUM:.*]] = linalg.reduce {{.*}} ins(%[[XT]] : tensor<8xf32>) outs(%[[O]] : tensor<f32>)
// SCALAR:   %[[RESULT:.*]] = tensor.extract_slice %[[SUM]][] [] []
// SCALAR:   tensor.parallel_insert_slice %[[RESULT]] into %[[O]][] [] []
func.func @whole_sum(%x: tensor<8xf32>, %out: tensor<f32>) -> tensor<f32> {
  %0 = linalg.reduce { arith.addf } ins(%x : tensor<8xf32>) outs(%out : tensor<f32>) dimensions = [0]
  return %0 : tensor<f32>
}

// -----

// A long contracted loop runs in the kernel, over tiles that divide it.

// CHECK-LABEL: func.func @long_contraction
// CHECK: scf.forall (%[[I:.*]]) = (0) to (%{{.*}}) step (64)
// CHECK:   %[[ZERO:.*]] = linalg.fill {{.*}} -> tensor<64x32xf32>
// CHECK:   %[[SUM:.*]] = scf.for %[[K:.*]] = %{{.*}} to %c4000 step %c500 iter_args(%[[ACC:.*]] = %[[ZERO]]) -> (tensor<64x32xf32>)
// CHECK:     tensor.extract_slice %{{.*}}[%[[I]], %[[K]]] [%{{.*}}, 500] [1, 1]
// CHECK:     %[[X:.*]] = tensor.pad {{.*}}
// CHECK:     %[[W:.*]] = tensor.extract_slice %{{.*}}[%[[K]], 0] [500, 32] [1, 1]
// CHECK:     %[[T:.*]] = linalg.matmul ins(%[[X]], %[[W]] : tensor<64x500xf32>, tensor<500x32xf32>) outs(%[[ACC]] : tensor<64x32xf32>)
// CHECK:     scf.yield %[[T]]
// CHECK:   tensor.extract_slice %[[SUM]]
func.func @long_contraction(%x: tensor<?x4000xf32>, %w: tensor<4000x32xf32>) -> tensor<?x32xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x4000xf32>
  %e = tensor.empty(%n) : tensor<?x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x32xf32>) -> tensor<?x32xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<?x4000xf32>, tensor<4000x32xf32>) outs(%f : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

// No divisor of a prime is a useful tile: the last one is padded, with zeros.

// CHECK-LABEL: func.func @prime_contraction
// CHECK: scf.for %[[K:.*]] = %{{.*}} to %c2003 step %c512
// CHECK:   affine.min #{{.*}}(%[[K]])
// CHECK:   linalg.matmul ins(%{{.*}}, %{{.*}} : tensor<64x512xf32>, tensor<512x32xf32>)
func.func @prime_contraction(%x: tensor<?x2003xf32>, %w: tensor<2003x32xf32>, %o: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %0 = linalg.matmul ins(%x, %w : tensor<?x2003xf32>, tensor<2003x32xf32>) outs(%o : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

// Tiles have at most 65536 elements: the outermost loops get smaller ones.

// CHECK-LABEL: func.func @wide_rows
// CHECK: scf.forall (%{{.*}}) = (0) to (%{{.*}}) step (8)
// CHECK: linalg.reduce {{.*}} ins(%{{.*}} : tensor<8x8192xf32>)
func.func @wide_rows(%x: tensor<?x8192xf32>, %o: tensor<?xf32>) -> tensor<?xf32> {
  %0 = linalg.reduce { arith.addf } ins(%x : tensor<?x8192xf32>) outs(%o : tensor<?xf32>) dimensions = [1]
  return %0 : tensor<?xf32>
}

// CHECK-LABEL: func.func @many_dims
// CHECK: scf.forall (%{{.*}}, %{{.*}}, %{{.*}}) = (0, 0, 0) to (%{{.*}}, %{{.*}}, %{{.*}}) step (1, 16, 64)
// CHECK: linalg.exp ins(%{{.*}} : tensor<1x16x64x64xf32>)
func.func @many_dims(%x: tensor<?x?x?x64xf32>) -> tensor<?x?x?x64xf32> {
  %0 = linalg.exp ins(%x : tensor<?x?x?x64xf32>) outs(%x : tensor<?x?x?x64xf32>) -> tensor<?x?x?x64xf32>
  return %0 : tensor<?x?x?x64xf32>
}

// -----

// A large constant of one value becomes a fill, which a kernel takes along.

// CHECK-LABEL: func.func @constant
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-DAG: %[[ONES:.*]] = arith.constant dense<1.000000e+00> : tensor<64xf32>
// CHECK: %[[E:.*]] = tensor.empty() : tensor<64x16384xf32>
// CHECK: scf.forall {{.*}} shared_outs(%{{.*}} = %[[E]])
// CHECK:   linalg.fill ins(%[[ZERO]] : f32)
// CHECK: return %{{.*}}, %[[ONES]]
func.func @constant(%x: tensor<64x96xf32>, %w: tensor<96x16384xf32>) -> (tensor<64x16384xf32>, tensor<64xf32>) {
  %0 = arith.constant dense<0.0> : tensor<64x16384xf32>
  %1 = arith.constant dense<1.0> : tensor<64xf32>
  %2 = linalg.matmul ins(%x, %w : tensor<64x96xf32>, tensor<96x16384xf32>) outs(%0 : tensor<64x16384xf32>) -> tensor<64x16384xf32>
  return %2, %1 : tensor<64x16384xf32>, tensor<64xf32>
}
