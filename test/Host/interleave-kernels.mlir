// RUN: linattn-opt %s --linattn-interleave-kernels --canonicalize --cse | FileCheck %s
// RUN: linattn-opt %s --linattn-interleave-kernels=parallel=false --canonicalize --cse | FileCheck %s --check-prefix=SERIAL
// RUN: linattn-opt %s --linattn-interleave-kernels=max-group=1 | FileCheck %s --check-prefix=OFF
// RUN: linattn-opt %s --linattn-interleave-kernels=max-kept-bytes=200 --canonicalize --cse | FileCheck %s --check-prefix=SMALL
// RUN: linattn-opt %s --linattn-interleave-kernels=max-bytes=300 --canonicalize --cse | FileCheck %s --check-prefix=SMALL

// CHECK: llvm.func @omp_get_max_threads() -> i32
// SERIAL-NOT: omp_get_max_threads
// OFF-NOT: omp_get_max_threads
// OFF-NOT: memref.view

// The rows of the heads of one token lie behind each other, so heads take
// turns. %state lives from one chunk to the next: it has a place for each head
// of a group. %tile does not. Groups of two, three or four are taken if no
// thread gets more than an eighth more to do; those of a sequence are of about
// the same size.

// CHECK-LABEL: func.func @heads_inside
//  CHECK-SAME: %[[X:[a-z0-9]+]]: memref<?x?x8x64xf32>, %[[N:[a-z0-9]+]]: memref<?xindex>, %[[HEADS:[a-z0-9]+]]: index
//       CHECK:   %[[CALL:.*]] = llvm.call @omp_get_max_threads() : () -> i32
//       CHECK:   %[[THREADS:.*]] = arith.index_castui %[[CALL]]
//       CHECK:   %[[ALL:.*]] = arith.muli %[[HEADS]], %c3
//       CHECK:   %[[ALONE:.*]] = arith.ceildivui %[[ALL]], %[[THREADS]]
//       CHECK:   %[[MORE:.*]] = arith.divui %[[ALONE]], %c8
//       CHECK:   %[[LIMIT:.*]] = arith.addi %[[ALONE]], %[[MORE]]
//       CHECK:   %[[TWOS:.*]] = arith.ceildivui %[[HEADS]], %c2
//       CHECK:   %[[GROUPS2:.*]] = arith.select %{{.*}}, %[[TWOS]], %[[HEADS]]
//       CHECK:   %[[THREES:.*]] = arith.ceildivui %[[HEADS]], %c3
//       CHECK:   %[[GROUPS3:.*]] = arith.select %{{.*}}, %[[THREES]], %[[GROUPS2]]
//       CHECK:   %[[FOURS:.*]] = arith.ceildivui %[[HEADS]], %c4
//       CHECK:   %[[SOME:.*]] = arith.maxui %[[FOURS]], %c1
//       CHECK:   %[[LARGEST:.*]] = arith.ceildivui %[[HEADS]], %[[SOME]]
//       CHECK:   %[[ALL4:.*]] = arith.muli %[[FOURS]], %c3
//       CHECK:   %[[EACH:.*]] = arith.ceildivui %[[ALL4]], %[[THREADS]]
//       CHECK:   %[[SHARE:.*]] = arith.muli %[[EACH]], %[[LARGEST]]
//       CHECK:   %[[FAIR:.*]] = arith.cmpi ule, %[[SHARE]], %[[LIMIT]]
//       CHECK:   %[[GROUPS:.*]] = arith.select %[[FAIR]], %[[FOURS]], %[[GROUPS3]]
//       CHECK:   scf.forall (%[[B:.*]], %[[G:.*]]) in (3, %[[GROUPS]])
//       CHECK:     %[[START:.*]] = arith.muli %[[G]], %[[HEADS]]
//       CHECK:     %[[BEGIN:.*]] = arith.divui %[[START]], %[[GROUPS]]
//       CHECK:     %[[NEXT:.*]] = arith.addi %[[G]], %c1
//       CHECK:     %[[STOP:.*]] = arith.muli %[[NEXT]], %[[HEADS]]
//       CHECK:     %[[END:.*]] = arith.divui %[[STOP]], %[[GROUPS]]
//       CHECK:     %[[STATES:.*]] = memref.alloc() {alignment = 64 : i64} : memref<512xi8>
// What all heads share is read once.
//       CHECK:     %[[CHUNKS:.*]] = memref.load %[[N]][%[[B]]]
//       CHECK:     scf.for %[[H0:.*]] = %[[BEGIN]] to %[[END]] step %c1 {
//       CHECK:       %[[SLOT0:.*]] = arith.subi %[[H0]], %[[BEGIN]]
//       CHECK:       %[[AT0:.*]] = arith.muli %[[SLOT0]], %c128
//       CHECK:       %[[STATE0:.*]] = memref.view %[[STATES]][%[[AT0]]][] : memref<512xi8> to memref<32xf32>
//       CHECK:       linalg.fill ins(%{{.*}}) outs(%[[STATE0]]
//       CHECK:     }
//       CHECK:     scf.for %[[T:.*]] = %c0 to %[[CHUNKS]] step %c1 {
//  CHECK-NEXT:       scf.for %[[H:.*]] = %[[BEGIN]] to %[[END]] step %c1 {
//       CHECK:         %[[SLOT:.*]] = arith.subi %[[H]], %[[BEGIN]]
//       CHECK:         memref.alloc() : memref<32xf32>
//       CHECK:         memref.subview %[[X]][%[[B]], %[[T]], %[[H]], 0]
//       CHECK:         %[[AT:.*]] = arith.muli %[[SLOT]], %c128
//       CHECK:         %[[STATE:.*]] = memref.view %[[STATES]][%[[AT]]][]
//       CHECK:         linalg.add {{.*}} outs(%[[STATE]]
//       CHECK:     scf.for %[[H1:.*]] = %[[BEGIN]] to %[[END]] step %c1 {
// A view of the result is made again where it is used.
//   CHECK-DAG:       %[[RESULT:.*]] = memref.subview %{{.*}}[%[[B]], %[[H1]], 0]
//   CHECK-DAG:       %[[STATE1:.*]] = memref.view %[[STATES]]
//       CHECK:       memref.copy %[[STATE1]], %[[RESULT]]

// With one thread, and nothing else to know.
// SERIAL-LABEL: func.func @heads_inside
//       SERIAL: arith.ceildivui %{{.*}}, %c4
//   SERIAL-NOT: call
//       SERIAL: scf.forall
//       SERIAL: memref.view

// No group fits.
// SMALL-LABEL: func.func @heads_inside
//   SMALL-NOT: memref.view
func.func @heads_inside(%x: memref<?x?x8x64xf32>, %n: memref<?xindex>, %heads: index, %y: memref<?x?x32xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  scf.forall (%b, %h) in (3, %heads) {
    %state = memref.alloc() : memref<32xf32>
    linalg.fill ins(%zero : f32) outs(%state : memref<32xf32>)
    %result = memref.subview %y[%b, %h, 0] [1, 1, 32] [1, 1, 1] : memref<?x?x32xf32> to memref<32xf32, strided<[1], offset: ?>>
    %chunks = memref.load %n[%b] : memref<?xindex>
    scf.for %t = %c0 to %chunks step %c1 {
      %tile = memref.alloc() : memref<32xf32>
      %rows = memref.subview %x[%b, %t, %h, 0] [1, 1, 1, 32] [1, 1, 1, 1] : memref<?x?x8x64xf32> to memref<32xf32, strided<[1], offset: ?>>
      memref.copy %rows, %tile : memref<32xf32, strided<[1], offset: ?>> to memref<32xf32>
      linalg.add ins(%state, %tile : memref<32xf32>, memref<32xf32>) outs(%state : memref<32xf32>)
    }
    memref.copy %state, %result : memref<32xf32> to memref<32xf32, strided<[1], offset: ?>>
  }
  return
}

// The rows of one head lie behind each other: there is nothing to gain.

// CHECK-LABEL: func.func @heads_outside
//       CHECK: scf.forall (%{{.*}}) in (8)
//   CHECK-NOT: memref.view
func.func @heads_outside(%x: memref<8x?x64xf32>, %chunks: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.forall (%h) in (8) {
    %state = memref.alloc() : memref<64xf32>
    scf.for %t = %c0 to %chunks step %c1 {
      %rows = memref.subview %x[%h, %t, 0] [1, 1, 64] [1, 1, 1] : memref<8x?x64xf32> to memref<64xf32, strided<[1], offset: ?>>
      memref.copy %rows, %state : memref<64xf32, strided<[1], offset: ?>> to memref<64xf32>
    }
  }
  return
}

// Heads that have numbers of chunks of their own cannot take turns.

// CHECK-LABEL: func.func @chunks_of_heads
//       CHECK: scf.forall (%{{.*}}) in (8)
//   CHECK-NOT: memref.view
func.func @chunks_of_heads(%x: memref<?x8x64xf32>, %n: memref<8xindex>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.forall (%h) in (8) {
    %state = memref.alloc() : memref<64xf32>
    %chunks = memref.load %n[%h] : memref<8xindex>
    scf.for %t = %c0 to %chunks step %c1 {
      %rows = memref.subview %x[%t, %h, 0] [1, 1, 64] [1, 1, 1] : memref<?x8x64xf32> to memref<64xf32, strided<[1], offset: ?>>
      memref.copy %rows, %state : memref<64xf32, strided<[1], offset: ?>> to memref<64xf32>
    }
  }
  return
}

// A number that a head has read from what it writes, and uses in its chunks,
// has no place.

// CHECK-LABEL: func.func @value_between_phases
//       CHECK: scf.forall (%{{.*}}) in (8)
//   CHECK-NOT: memref.view
func.func @value_between_phases(%x: memref<?x8x64xf32>, %y: memref<8xf32>, %chunks: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.forall (%h) in (8) {
    %first = memref.load %y[%h] : memref<8xf32>
    scf.for %t = %c0 to %chunks step %c1 {
      %rows = memref.subview %x[%t, %h, 0] [1, 1, 64] [1, 1, 1] : memref<?x8x64xf32> to memref<64xf32, strided<[1], offset: ?>>
      linalg.fill ins(%first : f32) outs(%rows : memref<64xf32, strided<[1], offset: ?>>)
      memref.store %first, %y[%h] : memref<8xf32>
    }
  }
  return
}

// One that it has read from what nobody writes is read again.

// CHECK-LABEL: func.func @value_of_an_argument
//       CHECK: scf.for %{{.*}} = %c0 to %{{.*}} step %c1 {
//  CHECK-NEXT:   scf.for %[[H:.*]] = %{{.*}} to %{{.*}} step %c1 {
//       CHECK:     memref.load %{{.*}}[%[[H]]]
func.func @value_of_an_argument(%x: memref<?x8x64xf32>, %y: memref<8xf32>, %chunks: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.forall (%h) in (8) {
    %first = memref.load %y[%h] : memref<8xf32>
    scf.for %t = %c0 to %chunks step %c1 {
      %rows = memref.subview %x[%t, %h, 0] [1, 1, 64] [1, 1, 1] : memref<?x8x64xf32> to memref<64xf32, strided<[1], offset: ?>>
      linalg.fill ins(%first : f32) outs(%rows : memref<64xf32, strided<[1], offset: ?>>)
    }
  }
  return
}

// Short rows that are near to each other stay as they are.

// CHECK-LABEL: func.func @short_rows
//       CHECK: scf.forall (%{{.*}}) in (8)
// CHECK-LABEL: func.func @short_rows_apart
//   CHECK-NOT: scf.forall (%{{.*}}) in (16)
//       CHECK: scf.forall
func.func @short_rows(%x: memref<?x8x64xbf16>, %chunks: index, %zero: bf16) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.forall (%h) in (8) {
    scf.for %t = %c0 to %chunks step %c1 {
      %rows = memref.subview %x[%t, %h, 0] [1, 1, 64] [1, 1, 1] : memref<?x8x64xbf16> to memref<64xbf16, strided<[1], offset: ?>>
      linalg.fill ins(%zero : bf16) outs(%rows : memref<64xbf16, strided<[1], offset: ?>>)
    }
  }
  return
}
func.func @short_rows_apart(%x: memref<?x16x64xbf16>, %chunks: index, %zero: bf16) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.forall (%h) in (16) {
    scf.for %t = %c0 to %chunks step %c1 {
      %rows = memref.subview %x[%t, %h, 0] [1, 1, 64] [1, 1, 1] : memref<?x16x64xbf16> to memref<64xbf16, strided<[1], offset: ?>>
      linalg.fill ins(%zero : bf16) outs(%rows : memref<64xbf16, strided<[1], offset: ?>>)
    }
  }
  return
}
