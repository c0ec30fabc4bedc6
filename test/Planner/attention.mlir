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
