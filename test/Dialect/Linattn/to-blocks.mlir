// RUN: linattn-opt %s -split-input-file --linattn-to-blocks --canonicalize --cse | FileCheck %s

// CHECK-LABEL: func @forward
//  CHECK-SAME: (%[[Q:[a-z0-9_]+]]: tensor<?x?x4x64xbf16>, %[[K:[a-z0-9_]+]]: tensor<?x?x2x64xbf16>, %[[V:[a-z0-9_]+]]: tensor<?x?x4x33xbf16>, %[[G:[a-z0-9_]+]]: tensor<?x?x4xf32>, %[[S0:[a-z0-9_]+]]: tensor<?x4x64x33xf32>
func.func @forward(%q: tensor<?x?x4x64xbf16>, %k: tensor<?x?x2x64xbf16>, %v: tensor<?x?x4x33xbf16>,
                   %g: tensor<?x?x4xf32>, %s0: tensor<?x4x64x33xf32>,
                   %o: tensor<?x?x4x33xbf16>, %s: tensor<?x4x64x33xf32>) -> (tensor<?x?x4x33xbf16>, tensor<?x4x64x33xf32>) {
  // CHECK: %[[N:[a-z0-9_]+]] = tensor.dim %[[Q]], %c1
  // One kernel over sequences and heads.
  // CHECK: scf.forall (%[[B:[a-z0-9_]+]], %[[H:[a-z0-9_]+]]) in (%{{.*}}, 4) shared_outs(%[[OUT:[a-z0-9_]+]] = %{{.*}}, %[[FINAL:[a-z0-9_]+]] = %{{.*}})
  // CHECK:   %[[S0H:[a-z0-9_]+]] = tensor.extract_slice %[[S0]][%[[B]], %[[H]], 0, 0] [1, 1, 64, 33]
  // CHECK:   %[[INIT:[a-z0-9_]+]] = tensor.pad %[[S0H]] low[0, 0] high[0, 15]
  // CHECK:   %[[ROWS:[a-z0-9_]+]] = tensor.extract_slice %[[OUT]][%[[B]], 0, %[[H]], 0] [1, %[[N]], 1, 33]
  // CHECK:   %[[CHUNKS:[a-z0-9_]+]] = arith.ceildivui %[[N]], %{{.*}}
  // CHECK:   scf.for %[[C:[a-z0-9_]+]] = %{{.*}} to %[[CHUNKS]] step %{{.*}} iter_args(%[[S:[a-z0-9_]+]] = %[[INIT]], %[[ACC:[a-z0-9_]+]] = %[[ROWS]])
  // CHECK:     %[[START:[a-z0-9_]+]] = arith.muli %[[C]]
  // CHECK:     %[[REST:[a-z0-9_]+]] = arith.subi %[[N]], %[[START]]
  // CHECK:     %[[VALID:[a-z0-9_]+]] = arith.minui %[[REST]]
  // The last chunk is padded, not peeled.
  // CHECK:     tensor.extract_slice %[[Q]][%[[B]], %[[START]], %[[H]], 0] [1, %[[VALID]], 1, 64]
  // CHECK:     %[[QT:[a-z0-9_]+]] = tensor.pad
  // CHECK:     : tensor<?x64xbf16> to tensor<32x64xbf16>
  // Two heads share a key head: no repeat, an index.
  // CHECK:     %[[HK:[a-z0-9_]+]] = arith.divui %[[H]], %{{.*}}
  // CHECK:     tensor.extract_slice %[[K]][%[[B]], %[[START]], %[[HK]], 0] [1, %[[VALID]], 1, 64]
  // CHECK:     %[[KT:[a-z0-9_]+]] = tensor.pad
  // CHECK:     tensor.extract_slice %[[V]]
  // CHECK:     %[[VT:[a-z0-9_]+]] = tensor.pad
  // CHECK:     : tensor<?x33xbf16> to tensor<32x48xbf16>
  // CHECK:     tensor.extract_slice %[[G]][%[[B]], %[[START]], %[[H]]] [1, %[[VALID]], 1]
  // CHECK:     %[[GT:[a-z0-9_]+]] = tensor.pad
  // CHECK:     : tensor<?xf32> to tensor<32xf32>
  // CHECK:     %[[O1:[a-z0-9_]+]] = linattn.intra ins(%[[QT]], %[[KT]], %[[VT]] : {{.*}}) key_decay(%[[GT]] : {{.*}}) valid(%[[VALID]]) outs(%{{.*}}) {scale = 5.000000e-01 : f32, sub_chunk = 8 : i64}
  // CHECK:     %[[O2:[a-z0-9_]+]] = linattn.inter ins(%[[QT]], %[[S]] : {{.*}}) key_decay(%[[GT]] : tensor<32xf32>) valid(%[[VALID]]) outs(%[[O1]] : {{.*}}) {scale = 5.000000e-01 : f32}
  // CHECK:     %[[S1:[a-z0-9_]+]] = linattn.block_state ins(%[[KT]], %[[VT]] : {{.*}}) key_decay(%[[GT]] : {{.*}}) valid(%[[VALID]]) outs(%[[S]] : {{.*}})
  // CHECK:     arith.truncf
  // CHECK:     %[[REAL:[a-z0-9_]+]] = tensor.extract_slice %{{.*}}[0, 0] [%[[VALID]], 33]
  // CHECK:     %[[ACC1:[a-z0-9_]+]] = tensor.insert_slice %[[REAL]] into %[[ACC]][%[[START]], 0] [%[[VALID]], 33]
  // CHECK:     scf.yield %[[S1]], %[[ACC1]]
  // CHECK:   tensor.parallel_insert_slice %{{.*}} into %[[OUT]][%[[B]], 0, %[[H]], 0] [1, %[[N]], 1, 33]
  // CHECK:   tensor.parallel_insert_slice %{{.*}} into %[[FINAL]][%[[B]], %[[H]], 0, 0] [1, 1, 64, 33]
  %r:2 = linattn.attention ins(%q, %k, %v : tensor<?x?x4x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x4x33xbf16>)
      key_decay(%g : tensor<?x?x4xf32>) initial_state(%s0 : tensor<?x4x64x33xf32>)
      outs(%o, %s : tensor<?x?x4x33xbf16>, tensor<?x4x64x33xf32>)
      {scale = 0.5 : f32, schedule = #linattn.schedule<chunk = 32, sub_chunk = 8, head_align = 16>}
      -> tensor<?x?x4x33xbf16>, tensor<?x4x64x33xf32>
  return %r#0, %r#1 : tensor<?x?x4x33xbf16>, tensor<?x4x64x33xf32>
}

// -----

// The reverse direction takes the chunks from the last to the first.
// CHECK-LABEL: func @reverse
func.func @reverse(%q: tensor<1x2x?x16xf32>, %o: tensor<1x2x?x16xf32>) -> tensor<1x2x?x16xf32> {
  // CHECK: %[[CHUNKS:[a-z0-9_]+]] = arith.ceildivui
  // CHECK: scf.for %[[C:[a-z0-9_]+]] =
  // CHECK:   %[[LAST:[a-z0-9_]+]] = arith.subi %[[CHUNKS]], %{{.*}}
  // CHECK:   %[[INDEX:[a-z0-9_]+]] = arith.subi %[[LAST]], %[[C]]
  // CHECK:   %[[START:[a-z0-9_]+]] = arith.muli %[[INDEX]]
  // The bhnd layout only moves the offsets.
  // CHECK:   tensor.extract_slice %{{.*}}[0, %{{.*}}, %[[START]], 0] [1, 1, %{{.*}}, 16]
  // CHECK:   linattn.inter {{.*}}direction = #linattn.direction<reverse>
  %r = linattn.attention ins(%q, %q, %q : tensor<1x2x?x16xf32>, tensor<1x2x?x16xf32>, tensor<1x2x?x16xf32>)
      outs(%o : tensor<1x2x?x16xf32>)
      {direction = #linattn.direction<reverse>, layout = #linattn.layout<bhnd>,
       schedule = #linattn.schedule<chunk = 16, sub_chunk = 16, head_align = 16>}
      -> tensor<1x2x?x16xf32>
  return %r : tensor<1x2x?x16xf32>
}

// -----

// Packed sequences: the loop runs over one sequence, so that no chunk straddles
// a boundary.
// CHECK-LABEL: func @packed
//  CHECK-SAME: %[[CU:[a-z0-9]*]]: tensor<?xi32>
func.func @packed(%q: tensor<1x?x2x16xf32>, %cu: tensor<?xi32>, %o: tensor<1x?x2x16xf32>) -> tensor<1x?x2x16xf32> {
  // CHECK: %[[BOUNDARIES:[a-z0-9_]+]] = tensor.dim %[[CU]]
  // CHECK: %[[SEQUENCES:[a-z0-9_]+]] = arith.subi %[[BOUNDARIES]], %{{.*}}
  // CHECK: scf.forall (%[[S:[a-z0-9_]+]], %{{.*}}) in (%[[SEQUENCES]], 2)
  // CHECK:   %[[NEXT:[a-z0-9_]+]] = arith.addi %[[S]]
  // CHECK:   %[[FIRST:[a-z0-9_]+]] = tensor.extract %[[CU]][%[[S]]]
  // CHECK:   %[[START:[a-z0-9_]+]] = arith.index_cast %[[FIRST]]
  // CHECK:   %[[LAST:[a-z0-9_]+]] = tensor.extract %[[CU]][%[[NEXT]]]
  // CHECK:   %[[END:[a-z0-9_]+]] = arith.index_cast %[[LAST]]
  // CHECK:   %[[N:[a-z0-9_]+]] = arith.subi %[[END]], %[[START]]
  // CHECK:   arith.ceildivui %[[N]]
  %r = linattn.attention ins(%q, %q, %q : tensor<1x?x2x16xf32>, tensor<1x?x2x16xf32>, tensor<1x?x2x16xf32>)
      offsets(%cu : tensor<?xi32>) outs(%o : tensor<1x?x2x16xf32>)
      {schedule = #linattn.schedule<chunk = 16, sub_chunk = 16, head_align = 16>}
      -> tensor<1x?x2x16xf32>
  return %r : tensor<1x?x2x16xf32>
}

// -----

// The state and its totals: the same loop with the block state alone.
// CHECK-LABEL: func @state
func.func @state(%k: tensor<1x?x2x16xf32>, %g: tensor<1x?x2x16xbf16>, %h: tensor<2xf32>,
                 %s: tensor<1x2x16x16xf32>, %tk: tensor<1x2x16xf32>, %tv: tensor<1x2xf32>)
    -> (tensor<1x2x16x16xf32>, tensor<1x2x16xf32>, tensor<1x2xf32>) {
  // CHECK: scf.for {{.*}} -> (tensor<16x16xf32>, tensor<16xf32>, tensor<f32>)
  // CHECK-NOT: linattn.inter
  // CHECK: linattn.block_state {{.*}}key_decay(%{{.*}} : tensor<16x16xbf16>) value_decay(%{{.*}} : tensor<f32>)
  // CHECK-NOT: linattn.intra
  // CHECK: tensor.parallel_insert_slice {{.*}} tensor<f32> into tensor<1x2xf32>
  %r:3 = linattn.state ins(%k, %k : tensor<1x?x2x16xf32>, tensor<1x?x2x16xf32>)
      key_decay(%g : tensor<1x?x2x16xbf16>) value_decay(%h : tensor<2xf32>)
      outs(%s, %tk, %tv : tensor<1x2x16x16xf32>, tensor<1x2x16xf32>, tensor<1x2xf32>)
      {schedule = #linattn.schedule<chunk = 16, sub_chunk = 16, head_align = 16>}
      -> tensor<1x2x16x16xf32>, tensor<1x2x16xf32>, tensor<1x2xf32>
  return %r#0, %r#1, %r#2 : tensor<1x2x16x16xf32>, tensor<1x2x16xf32>, tensor<1x2xf32>
}
