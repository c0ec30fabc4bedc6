// RUN: linattn-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(linattn-split-sequence{segments=3}),canonicalize)' \
// RUN:   | FileCheck %s
// RUN: linattn-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(linattn-split-sequence),canonicalize)' \
// RUN:   | FileCheck %s --check-prefix=DEVICE
// RUN: linattn-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(linattn-split-sequence{segments=1}),canonicalize)' \
// RUN:   | FileCheck %s --check-prefix=OFF
// RUN: not linattn-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(linattn-split-sequence{segments=-1}))' 2>&1 \
// RUN:   | FileCheck %s --check-prefix=NEGATIVE

// NEGATIVE: error: expects `segments` to be 0 or more, but got -1

#rows = affine_map<(d0, d1, d2) -> (d2, d0)>
#columns = affine_map<(d0, d1, d2) -> (d2, d1)>
#result = affine_map<(d0, d1, d2) -> (d0, d1)>
#left = affine_map<(d0, d1, d2) -> (d0, d2)>
#id = affine_map<(d0, d1) -> (d0, d1)>
#none = affine_map<(d0, d1) -> ()>

// The state is multiplied by a number of its head, and what a chunk leaves is
// added to it. The first kernel has only that part of the loop, and the product
// of the factors.

// CHECK-LABEL: func.func @decayed
// CHECK-SAME:    %[[X:.*]]: tensor<8x?x64xbf16>, %[[F:.*]]: tensor<8xf32>, %[[S0:.*]]: tensor<8x64x64xf32>
// CHECK:         %[[PARTS:.*]]:2 = scf.forall (%[[H:.*]], %[[P:.*]]) in (8, 2)
// CHECK-SAME:      (tensor<8x2x64x64xf32>, tensor<8x2xf32>)
// CHECK:           %[[CHUNKS:.*]] = arith.ceildivsi
// CHECK:           %[[PER:.*]] = arith.ceildivui %[[CHUNKS]], %c3
// CHECK:           %[[BEFORE:.*]] = arith.muli %[[P]], %[[PER]]
// CHECK:           %[[FIRST:.*]] = arith.minsi %[[BEFORE]], %[[CHUNKS]]
// CHECK:           %[[BEHIND:.*]] = arith.addi %[[FIRST]], %[[PER]]
// CHECK:           %[[END:.*]] = arith.minsi %[[BEHIND]], %[[CHUNKS]]
// CHECK:           scf.for %{{.*}} = %[[FIRST]] to %[[END]] step %c1 iter_args(%[[U:.*]] = %{{.*}}, %[[A:.*]] = %{{.*}}) -> (tensor<64x64xf32>, tensor<f32>)
// CHECK:             %[[SCALED:.*]] = linalg.generic {{.*}} outs(%[[U]] :
// CHECK:             %[[NEXT:.*]] = linalg.contract {{.*}} outs(%[[SCALED]] :
// CHECK:             %[[PRODUCT:.*]] = linalg.generic {{.*}} ins(%[[A]], %{{.*}} : tensor<f32>, tensor<f32>)
// CHECK-NEXT:        ^bb0(%[[L:.*]]: f32, %[[R:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT:          arith.mulf %[[L]], %[[R]] : f32
// CHECK-NOT:         linalg.contract
// CHECK:             scf.yield %[[NEXT]], %[[PRODUCT]]
// CHECK:         scf.forall (%[[H:.*]], %[[P:.*]]) in (8, 3) shared_outs(%[[O:.*]] = %{{.*}}, %[[SF:.*]] = %{{.*}}) -> (tensor<8x?x64xbf16>, tensor<8x64x64xf32>)
// CHECK:           %[[START:.*]] = scf.for %[[J:.*]] = %c0 to %[[P]] step %c1 iter_args(%[[S:.*]] = %{{.*}}) -> (tensor<64x64xf32>)
// CHECK:             %[[LEFT:.*]] = tensor.extract_slice %[[PARTS]]#0[%[[H]], %[[J]], 0, 0]
// CHECK:             %[[BY:.*]] = tensor.extract_slice %[[PARTS]]#1[%[[H]], %[[J]]]
// CHECK:             linalg.generic {{.*}} ins(%[[LEFT]], %[[BY]] : {{.*}}) outs(%[[S]] :
// CHECK:               arith.mulf
// CHECK:               arith.addf
// CHECK:           %[[DONE:.*]]:2 = scf.for {{.*}} iter_args(%{{.*}} = %[[START]], %{{.*}} = %{{.*}})
// CHECK:           %[[ISLAST:.*]] = arith.cmpi eq, %[[P]], %c2
// CHECK:           %[[ROWS:.*]] = arith.select %[[ISLAST]], %c64, %c0
// CHECK:           tensor.parallel_insert_slice %{{.*}} into %[[O]][%[[H]], %[[BEGIN:.*]], 0] [1, %[[LENGTH:.*]], 64]
// CHECK:           tensor.parallel_insert_slice %{{.*}} into %[[SF]][%[[H]], 0, 0] [1, %[[ROWS]], 64]

// DEVICE-LABEL: func.func @decayed
// DEVICE:         %[[SMS:.*]] = tile.sm_count
// DEVICE:         %[[ROOM:.*]] = arith.divsi %[[SMS]], %c8
// DEVICE:         %[[COUNT:.*]] = arith.minsi %[[ROOM]], %{{.*}} : index
// What two passes cost, against one.
// DEVICE:         %[[SAVED:.*]] = arith.subi %[[CHUNKS:.*]], %c17
// DEVICE:         %[[TENTHS:.*]] = arith.muli %[[COUNT]], %c10
// DEVICE:         %[[ONE:.*]] = arith.muli %[[SAVED]], %[[TENTHS]]
// DEVICE:         %[[TWO:.*]] = arith.muli %[[CHUNKS]], %c16
// DEVICE:         %[[PAYS:.*]] = arith.cmpi sgt, %[[ONE]], %[[TWO]]
// DEVICE:         scf.if %[[PAYS]] -> (tensor<8x?x64xbf16>, tensor<8x64x64xf32>) {
// DEVICE:           %[[BEFORE:.*]] = arith.subi %[[COUNT]], %c1
// DEVICE:           scf.forall {{.*}} in (8, %[[BEFORE]])
// DEVICE:           scf.forall {{.*}} in (8, %[[COUNT]])
// DEVICE:         } else {
// DEVICE:           scf.forall (%{{.*}}) in (8)

// OFF-LABEL: func.func @decayed
// OFF-COUNT-1: scf.forall (
// OFF-NOT:     scf.forall (
func.func @decayed(%x: tensor<8x?x64xbf16>, %f: tensor<8xf32>, %s0: tensor<8x64x64xf32>)
    -> (tensor<8x?x64xbf16>, tensor<8x64x64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : bf16
  %n = tensor.dim %x, %c1 : tensor<8x?x64xbf16>
  %o = tensor.empty(%n) : tensor<8x?x64xbf16>
  %sf = tensor.empty() : tensor<8x64x64xf32>
  %r:2 = scf.forall (%h) in (8) shared_outs(%out = %o, %final = %sf) -> (tensor<8x?x64xbf16>, tensor<8x64x64xf32>) {
    %start = tensor.extract_slice %s0[%h, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<8x64x64xf32> to tensor<64x64xf32>
    %rows = tensor.extract_slice %out[%h, 0, 0] [1, %n, 64] [1, 1, 1] : tensor<8x?x64xbf16> to tensor<?x64xbf16>
    %chunks = arith.ceildivsi %n, %c64 : index
    %done:2 = scf.for %c = %c0 to %chunks step %c1 iter_args(%s = %start, %w = %rows) -> (tensor<64x64xf32>, tensor<?x64xbf16>) {
      %at = arith.muli %c, %c64 : index
      %left = arith.subi %n, %at : index
      %valid = arith.minsi %left, %c64 : index
      %slice = tensor.extract_slice %x[%h, %at, 0] [1, %valid, 64] [1, 1, 1] : tensor<8x?x64xbf16> to tensor<?x64xbf16>
      %behind = arith.subi %c64, %valid : index
      %t = tensor.pad %slice low[0, 0] high[%behind, 0] {
      ^bb0(%i: index, %j: index):
        tensor.yield %zero : bf16
      } : tensor<?x64xbf16> to tensor<64x64xbf16>
      %factor = tensor.extract_slice %f[%h] [1] [1] : tensor<8xf32> to tensor<f32>
      %cst = arith.constant 0.0 : f32
      %empty = tensor.empty() : tensor<64x64xf32>
      %zeros = linalg.fill ins(%cst : f32) outs(%empty : tensor<64x64xf32>) -> tensor<64x64xf32>
      %read = linalg.contract indexing_maps = [#left, #columns, #result] ins(%t, %s : tensor<64x64xbf16>, tensor<64x64xf32>) outs(%zeros : tensor<64x64xf32>) -> tensor<64x64xf32>
      %scaled = linalg.generic {indexing_maps = [#none, #id], iterator_types = ["parallel", "parallel"]} ins(%factor : tensor<f32>) outs(%s : tensor<64x64xf32>) {
      ^bb0(%a: f32, %b: f32):
        %m = arith.mulf %b, %a : f32
        linalg.yield %m : f32
      } -> tensor<64x64xf32>
      %next = linalg.contract indexing_maps = [#rows, #columns, #result] ins(%t, %t : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%scaled : tensor<64x64xf32>) -> tensor<64x64xf32>
      %small = tensor.empty() : tensor<64x64xbf16>
      %rounded = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%read : tensor<64x64xf32>) outs(%small : tensor<64x64xbf16>) {
      ^bb0(%a: f32, %b: bf16):
        %m = arith.truncf %a : f32 to bf16
        linalg.yield %m : bf16
      } -> tensor<64x64xbf16>
      %part = tensor.extract_slice %rounded[0, 0] [%valid, 64] [1, 1] : tensor<64x64xbf16> to tensor<?x64xbf16>
      %written = tensor.insert_slice %part into %w[%at, 0] [%valid, 64] [1, 1] : tensor<?x64xbf16> into tensor<?x64xbf16>
      scf.yield %next, %written : tensor<64x64xf32>, tensor<?x64xbf16>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %done#1 into %out[%h, 0, 0] [1, %n, 64] [1, 1, 1] : tensor<?x64xbf16> into tensor<8x?x64xbf16>
      tensor.parallel_insert_slice %done#0 into %final[%h, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
    }
  }
  return %r#0, %r#1 : tensor<8x?x64xbf16>, tensor<8x64x64xf32>
}

// -----

// What is not a product with one number, and what leaves nothing but a state,
// is left alone.

// CHECK-LABEL: func.func @left_alone
// OFF-LABEL:   func.func @left_alone
// CHECK-COUNT-1: scf.forall (
// CHECK-NOT:     scf.forall (
// DEVICE-LABEL: func.func @left_alone
// DEVICE-NOT:     tile.sm_count
func.func @left_alone(%s0: tensor<8x64x64xf32>, %n: index) -> tensor<8x64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %sf = tensor.empty() : tensor<8x64x64xf32>
  %r = scf.forall (%h) in (8) shared_outs(%final = %sf) -> (tensor<8x64x64xf32>) {
    %start = tensor.extract_slice %s0[%h, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<8x64x64xf32> to tensor<64x64xf32>
    %done = scf.for %c = %c0 to %n step %c1 iter_args(%s = %start) -> (tensor<64x64xf32>) {
      %next = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} outs(%s : tensor<64x64xf32>) {
      ^bb0(%b: f32):
        %m = arith.mulf %b, %b : f32
        linalg.yield %m : f32
      } -> tensor<64x64xf32>
      scf.yield %next : tensor<64x64xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %done into %final[%h, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<64x64xf32> into tensor<8x64x64xf32>
    }
  }
  return %r : tensor<8x64x64xf32>
}
