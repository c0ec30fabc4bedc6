// RUN: linattn-opt %s --linattn-checks-to-device --canonicalize --cse | FileCheck %s

// CHECK-LABEL: func.func @sequences
// CHECK-SAME:    %[[X:.*]]: tensor<?x64xf32>, %[[OFFSETS:.*]]: tensor<?xi64>
// CHECK-DAG:     %[[ZERO:.*]] = arith.constant 0 : i64
// CHECK-DAG:     %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG:     %[[N:.*]] = tensor.dim %[[X]]
// CHECK-NOT:     scf.for
// The host can tell that there are boundaries, but not what they are.
// CHECK:         cf.assert {{.*}}, "expects a boundary"
// CHECK-NOT:     cf.assert
// CHECK:         scf.forall
// CHECK:           %[[A:.*]] = tensor.extract %[[OFFSETS]]
// CHECK:           %[[WIDE:.*]] = arith.index_cast %[[N]] : index to i64
// CHECK:           %[[A0:.*]] = arith.minsi %[[A]], %[[WIDE]] : i64
// CHECK:           %[[A1:.*]] = arith.maxsi %[[A0]], %[[ZERO]] : i64
// CHECK:           %[[FIRST:.*]] = arith.index_cast %[[A1]] : i64 to index
// CHECK:           %[[B:.*]] = tensor.extract %[[OFFSETS]]
// CHECK:           %[[B0:.*]] = arith.minsi %[[B]], %[[WIDE]] : i64
// CHECK:           %[[B1:.*]] = arith.maxsi %[[B0]], %[[ZERO]] : i64
// CHECK:           %[[END:.*]] = arith.index_cast %[[B1]] : i64 to index
// CHECK:           %[[DIFFERENCE:.*]] = arith.subi %[[END]], %[[FIRST]] : index
// CHECK:           %[[LENGTH:.*]] = arith.maxsi %[[DIFFERENCE]], %[[C0]] : index
// CHECK:           tensor.extract_slice %[[X]][%[[FIRST]], 0] [%[[LENGTH]], 64]
func.func @sequences(%x: tensor<?x64xf32>, %offsets: tensor<?xi64>) -> tensor<?x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %true = arith.constant true
  %n = tensor.dim %x, %c0 : tensor<?x64xf32>
  %boundaries = tensor.dim %offsets, %c0 : tensor<?xi64>
  %some = arith.cmpi ugt, %boundaries, %c0 : index
  %sequences = arith.subi %boundaries, %c1 : index
  %ordered = scf.for %i = %c0 to %sequences step %c1 iter_args(%so_far = %true) -> (i1) {
    %next = arith.addi %i, %c1 : index
    %a = tensor.extract %offsets[%i] : tensor<?xi64>
    %b = tensor.extract %offsets[%next] : tensor<?xi64>
    %rises = arith.cmpi sle, %a, %b : i64
    %both = arith.andi %so_far, %rises : i1
    scf.yield %both : i1
  }
  cf.assert %ordered, "expects boundaries that do not decrease"
  %all = arith.andi %some, %ordered : i1
  cf.assert %all, "expects a boundary"
  %o = tensor.empty(%n) : tensor<?x64xf32>
  %r = scf.forall (%s) in (%sequences) shared_outs(%out = %o) -> (tensor<?x64xf32>) {
    %next = arith.addi %s, %c1 : index
    %a = tensor.extract %offsets[%s] : tensor<?xi64>
    %first = arith.index_cast %a : i64 to index
    %b = tensor.extract %offsets[%next] : tensor<?xi64>
    %end = arith.index_cast %b : i64 to index
    %length = arith.subi %end, %first : index
    %rows = tensor.extract_slice %x[%first, 0] [%length, 64] [1, 1] : tensor<?x64xf32> to tensor<?x64xf32>
    %part = tensor.extract_slice %out[%first, 0] [%length, 64] [1, 1] : tensor<?x64xf32> to tensor<?x64xf32>
    %copy = linalg.copy ins(%rows : tensor<?x64xf32>) outs(%part : tensor<?x64xf32>) -> tensor<?x64xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %copy into %out[%first, 0] [%length, 64] [1, 1] : tensor<?x64xf32> into tensor<?x64xf32>
    }
  }
  return %r : tensor<?x64xf32>
}

// Each tensor bounds the rows that are taken of it, unless both are known to
// have as many. Elements that are no places are left alone.

// CHECK-LABEL: func.func @two_tensors
// CHECK-DAG:     %[[N:.*]] = tensor.dim %arg0
// CHECK-DAG:     %[[M:.*]] = tensor.dim %arg1
// CHECK:         scf.forall
// CHECK:           %[[A:.*]] = tensor.extract %arg2
// CHECK:           %[[A1:.*]] = arith.minsi %[[A]], %c99
// CHECK:           %[[LAST1:.*]] = arith.subi %[[M]], %c1
// CHECK:           %[[A2:.*]] = arith.minsi %[[A1]], %[[LAST1]]
// CHECK:           %[[LAST2:.*]] = arith.subi %[[N]], %c1
// CHECK:           %[[A3:.*]] = arith.minsi %[[A2]], %[[LAST2]]
// CHECK:           %[[PLACE:.*]] = arith.maxsi %[[A3]], %c0
// CHECK:           tensor.extract_slice %arg0[%[[PLACE]], 0]
// CHECK:           %[[VALUE:.*]] = tensor.extract %arg3
// CHECK:           arith.sitofp %[[VALUE]]
func.func @two_tensors(%x: tensor<?x64xf32>, %y: tensor<?x64xf32>, %places: tensor<100xindex>,
                       %values: tensor<100xi32>) -> tensor<100x64xf32> {
  %o = tensor.empty() : tensor<100x64xf32>
  %r = scf.forall (%s) in (100) shared_outs(%out = %o) -> (tensor<100x64xf32>) {
    %place = tensor.extract %places[%s] : tensor<100xindex>
    %a = tensor.extract_slice %x[%place, 0] [1, 64] [1, 1] : tensor<?x64xf32> to tensor<64xf32>
    %b = tensor.extract_slice %y[%place, 0] [1, 64] [1, 1] : tensor<?x64xf32> to tensor<64xf32>
    %value = tensor.extract %values[%s] : tensor<100xi32>
    %float = arith.sitofp %value : i32 to f32
    %part = tensor.extract_slice %out[%place, 0] [1, 64] [1, 1] : tensor<100x64xf32> to tensor<64xf32>
    %c = linalg.generic {indexing_maps = [affine_map<(d) -> (d)>, affine_map<(d) -> (d)>, affine_map<(d) -> ()>,
                                          affine_map<(d) -> (d)>], iterator_types = ["parallel"]}
        ins(%a, %b, %float : tensor<64xf32>, tensor<64xf32>, f32) outs(%part : tensor<64xf32>) {
    ^bb0(%p: f32, %q: f32, %v: f32, %old: f32):
      %sum = arith.addf %p, %q : f32
      %scaled = arith.mulf %sum, %v : f32
      linalg.yield %scaled : f32
    } -> tensor<64xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %c into %out[%place, 0] [1, 64] [1, 1] : tensor<64xf32> into tensor<100x64xf32>
    }
  }
  return %r : tensor<100x64xf32>
}
