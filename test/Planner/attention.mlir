// RUN: linattn-opt %s --linattn-to-normal-form-pipeline="chunk=64 sub-chunk=64 head-align=64 coarse-spans=true" \
// RUN:   --linattn-normal-form-to-tile-pipeline --split-input-file | FileCheck %s

// Constant decay: the values are scaled in shared memory for the update of the
// state, the mask is a map of its own, and both contractions of a chunk that
// read the queries are issued before anything waits.
// CHECK-LABEL: func.func @const
// CHECK: tile.launch @const_0 blocks
// CHECK: tile.kernel @const_0
// CHECK: tile.role "loads" warp 8 count 1
// CHECK-COUNT-3: tile.load %
// CHECK: tile.role "compute" first 0 count 2 registers 240
// CHECK: scf.for
// CHECK: tile.contract
// CHECK-NEXT: tile.contract
// CHECK: tile.map : () ->
// CHECK: math.exp2
// CHECK: tile.wait
// CHECK: tile.contract {{.*}} into
// CHECK: tile.load_operand
// CHECK: tile.store_shared
// CHECK: tile.contract %{{.*}} transposed, %{{.*}} transposed into
// CHECK: tile.barrier_arrive
// CHECK: tile.store %
func.func @const(%q: tensor<2x?x4x128xbf16>, %k: tensor<2x?x4x128xbf16>,
                 %v: tensor<2x?x4x128xbf16>, %g: tensor<4xf32>,
                 %o: tensor<2x?x4x128xbf16>) -> tensor<2x?x4x128xbf16> {
  %r = linattn.attention
      ins(%q, %k, %v : tensor<2x?x4x128xbf16>, tensor<2x?x4x128xbf16>, tensor<2x?x4x128xbf16>)
      key_decay(%g : tensor<4xf32>)
      outs(%o : tensor<2x?x4x128xbf16>) -> tensor<2x?x4x128xbf16>
  return %r : tensor<2x?x4x128xbf16>
}

// -----

// Scalar decay: one warp sums the decays up, and maps read the sums.
// CHECK-LABEL: func.func @scalar
// CHECK: tile.kernel @scalar_0
// CHECK: tile.role "vectors" warp 5 count 1 registers 40
// CHECK: tile.vector_load
// CHECK: tile.vector_scan
// CHECK: tile.vector_store
// CHECK: tile.role "compute" first 0 count 1 registers 232
// CHECK: tile.element
func.func @scalar(%q: tensor<2x?x4x64xbf16>, %k: tensor<2x?x4x64xbf16>,
                  %v: tensor<2x?x4x64xbf16>, %g: tensor<2x?x4xf32>,
                  %o: tensor<2x?x4x64xbf16>) -> tensor<2x?x4x64xbf16> {
  %r = linattn.attention
      ins(%q, %k, %v : tensor<2x?x4x64xbf16>, tensor<2x?x4x64xbf16>, tensor<2x?x4x64xbf16>)
      key_decay(%g : tensor<2x?x4xf32>)
      outs(%o : tensor<2x?x4x64xbf16>) -> tensor<2x?x4x64xbf16>
  return %r : tensor<2x?x4x64xbf16>
}

// -----

// Rows of 66 and of 120 bytes: the threads copy parts of 2 and of 8 bytes.
// CHECK-LABEL: func.func @odd
// CHECK: tile.kernel @odd_0
// CHECK: tile.load %{{.*}} : <4, 64, bf16, align 2> to
// CHECK: tile.load %{{.*}} : <4, 64, bf16, align 8> to
// CHECK: tile.store %{{.*}} to <4, 64, bf16, align 8>
func.func @odd(%q: tensor<?x?x4x33xbf16>, %v: tensor<?x?x4x60xbf16>, %o: tensor<?x?x4x60xbf16>) -> tensor<?x?x4x60xbf16> {
  %r = linattn.attention ins(%q, %q, %v : tensor<?x?x4x33xbf16>, tensor<?x?x4x33xbf16>, tensor<?x?x4x60xbf16>)
      outs(%o : tensor<?x?x4x60xbf16>) -> tensor<?x?x4x60xbf16>
  return %r : tensor<?x?x4x60xbf16>
}

// -----

// The total of the decay is an element that the loop carries: the running sums
// that it is taken from are a vector beside that of the factors.
// CHECK-LABEL: func.func @state
// CHECK: tile.kernel @state_0
// CHECK: tile.role "vectors"
// CHECK-COUNT-3: tile.vector_store
// CHECK: tile.role "compute"
// CHECK: scf.for {{.*}} -> (i32, i32, i32, f32, !tile.accumulator<64, 64, f32>)
// CHECK: tile.wait
// CHECK: %[[TOTAL:.*]] = tile.element %{{.*}}[%c63_i32]
// CHECK-NEXT: arith.addf %[[TOTAL]]
func.func @state(%k: tensor<?x?x4x64xbf16>, %g: tensor<?x?x4xf32>, %s: tensor<?x4x64x64xf32>, %t: tensor<?x4xf32>)
    -> (tensor<?x4x64x64xf32>, tensor<?x4xf32>) {
  %r:2 = linattn.state ins(%k, %k : tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16>) key_decay(%g : tensor<?x?x4xf32>)
      outs(%s, %t : tensor<?x4x64x64xf32>, tensor<?x4xf32>) -> tensor<?x4x64x64xf32>, tensor<?x4xf32>
  return %r#0, %r#1 : tensor<?x4x64x64xf32>, tensor<?x4xf32>
}
