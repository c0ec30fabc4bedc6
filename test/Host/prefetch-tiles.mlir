// RUN: linattn-opt %s --linattn-prefetch-tiles --canonicalize --cse | FileCheck %s

#rows = strided<[?, 1], offset: ?>

// A loop reads 16 rows of two lines each in every iteration, and writes as many.
// There are 16 blocks of registers: each fetches four lines.

// CHECK-LABEL: func.func @stream
//  CHECK-SAME: %[[X:.*]]: memref<?x128xf32, strided<[?, 1]>>, %[[Y:.*]]: memref<?x128xf32, strided<[?, 1]>>
//       CHECK: scf.for %[[T:.*]] = %{{.*}} to %[[CHUNKS:.*]] step
// The rows of the next iteration, or of the last one again.
//   CHECK-DAG:   %[[NEXT:.*]] = arith.addi %[[T]], %c1
//   CHECK-DAG:   %[[EXISTS:.*]] = arith.cmpi slt, %[[NEXT]], %[[CHUNKS]]
//   CHECK-DAG:   %[[IV:.*]] = arith.select %[[EXISTS]], %[[NEXT]], %[[T]]
//   CHECK-DAG:   %[[START:.*]] = arith.muli %[[IV]], %c16
//   CHECK-DAG:   %[[AHEAD:.*]] = memref.subview %[[X]][%[[START]], 0] [%{{.*}}, 32] [1, 1]
//   CHECK-DAG:   %[[HERE:.*]] = arith.muli %[[T]], %c16
//   CHECK-DAG:   %[[OUT:.*]] = memref.subview %[[Y]][%[[HERE]], 0] [%{{.*}}, 32] [1, 1]
//       CHECK:   scf.for %[[I:.*]] = %c0 to %c16 step %c4
//       CHECK:     scf.for %[[J:.*]] = %c0 to %c32 step %c8
// No row behind the last valid one.
//       CHECK:       arith.minui
//       CHECK:       memref.prefetch %[[AHEAD]][%{{.*}}, %{{.*}}], read, locality<3>, data
//       CHECK:       memref.prefetch %[[AHEAD]][%{{.*}}, %{{.*}}], read, locality<3>, data
//       CHECK:       memref.prefetch %[[OUT]][%{{.*}}, %{{.*}}], write, locality<3>, data
//       CHECK:       memref.prefetch %[[OUT]][%{{.*}}, %{{.*}}], write, locality<3>, data
//   CHECK-NOT:       memref.prefetch
//       CHECK:       scf.for {{.*}} iter_args
func.func @stream(%x: memref<?x128xf32, strided<[?, 1]>>, %y: memref<?x128xf32, strided<[?, 1]>>, %chunks: index, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  %c32 = arith.constant 32 : index
  %zero = arith.constant dense<0.0> : vector<8xf32>
  %tile = memref.alloc() : memref<16x32xf32>
  scf.for %t = %c0 to %chunks step %c1 {
    %start = arith.muli %t, %c16 : index
    %left = arith.subi %n, %start : index
    %valid = arith.minui %left, %c16 : index
    %in = memref.subview %x[%start, 0] [%valid, 32] [1, 1] : memref<?x128xf32, strided<[?, 1]>> to memref<?x32xf32, #rows>
    scf.for %r = %c0 to %valid step %c1 {
      %0 = vector.load %in[%r, %c0] : memref<?x32xf32, #rows>, vector<32xf32>
      vector.store %0, %tile[%r, %c0] : memref<16x32xf32>, vector<32xf32>
    }
    scf.for %i = %c0 to %c16 step %c4 {
      scf.for %j = %c0 to %c32 step %c8 {
        %sum = scf.for %k = %c0 to %c32 step %c1 iter_args(%acc = %zero) -> vector<8xf32> {
          %1 = vector.load %tile[%i, %j] : memref<16x32xf32>, vector<8xf32>
          %2 = arith.addf %acc, %1 : vector<8xf32>
          scf.yield %2 : vector<8xf32>
        }
        vector.store %sum, %tile[%i, %j] : memref<16x32xf32>, vector<8xf32>
      }
    }
    %out = memref.subview %y[%start, 0] [%valid, 32] [1, 1] : memref<?x128xf32, strided<[?, 1]>> to memref<?x32xf32, #rows>
    scf.for %r = %c0 to %valid step %c1 {
      %3 = vector.load %tile[%r, %c0] : memref<16x32xf32>, vector<32xf32>
      vector.store %3, %out[%r, %c0] : memref<?x32xf32, #rows>, vector<32xf32>
    }
  }
  return
}

// Without contractions there is nothing to do meanwhile.

// CHECK-LABEL: func.func @copy
// CHECK-NOT: memref.prefetch
func.func @copy(%x: memref<?x128xf32, strided<[?, 1]>>, %chunks: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %tile = memref.alloc() : memref<16x32xf32>
  scf.for %t = %c0 to %chunks step %c1 {
    %start = arith.muli %t, %c16 : index
    %in = memref.subview %x[%start, 0] [16, 32] [1, 1] : memref<?x128xf32, strided<[?, 1]>> to memref<16x32xf32, #rows>
    scf.for %r = %c0 to %c16 step %c1 {
      %0 = vector.load %in[%r, %c0] : memref<16x32xf32, #rows>, vector<32xf32>
      vector.store %0, %tile[%r, %c0] : memref<16x32xf32>, vector<32xf32>
    }
  }
  return
}

// Heads take turns in each chunk: after the last head comes the first one in
// the next chunk.

// CHECK-LABEL: func.func @turns
//  CHECK-SAME: %[[X:.*]]: memref<?x?x32xf32>, %[[CHUNKS:.*]]: index, %[[BEGIN:.*]]: index, %[[END:.*]]: index
//       CHECK: scf.for %[[T:.*]] = %{{.*}} to %[[CHUNKS]] step
//       CHECK:   scf.for %[[H:.*]] = %[[BEGIN]] to %[[END]] step
//   CHECK-DAG:     %[[H1:.*]] = arith.addi %[[H]], %c1
//   CHECK-DAG:     %[[MORE:.*]] = arith.cmpi slt, %[[H1]], %[[END]]
//   CHECK-DAG:     %[[T1:.*]] = arith.addi %[[T]], %c1
//   CHECK-DAG:     %[[AGAIN:.*]] = arith.cmpi slt, %[[T1]], %[[CHUNKS]]
//   CHECK-DAG:     %[[FIRST:.*]] = arith.select %[[AGAIN]], %[[BEGIN]], %[[H]]
//   CHECK-DAG:     %[[TN:.*]] = arith.select %[[AGAIN]], %[[T1]], %[[T]]
//   CHECK-DAG:     %[[NEXTH:.*]] = arith.select %[[MORE]], %[[H1]], %[[FIRST]]
//   CHECK-DAG:     %[[NEXTT:.*]] = arith.select %[[MORE]], %[[T]], %[[TN]]
//   CHECK-DAG:     %[[START:.*]] = arith.muli %[[NEXTT]], %c16
//   CHECK-DAG:     %[[AHEAD:.*]] = memref.subview %[[X]][%[[START]], %[[NEXTH]], 0]
//       CHECK:     memref.prefetch %[[AHEAD]][%{{.*}}, %{{.*}}], read, locality<3>, data
func.func @turns(%x: memref<?x?x32xf32>, %chunks: index, %begin: index, %end: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  %c32 = arith.constant 32 : index
  %zero = arith.constant dense<0.0> : vector<8xf32>
  %tile = memref.alloc() : memref<16x32xf32>
  scf.for %t = %c0 to %chunks step %c1 {
    scf.for %h = %begin to %end step %c1 {
      %start = arith.muli %t, %c16 : index
      %in = memref.subview %x[%start, %h, 0] [16, 1, 32] [1, 1, 1] : memref<?x?x32xf32> to memref<16x32xf32, #rows>
      scf.for %r = %c0 to %c16 step %c1 {
        %0 = vector.load %in[%r, %c0] : memref<16x32xf32, #rows>, vector<32xf32>
        vector.store %0, %tile[%r, %c0] : memref<16x32xf32>, vector<32xf32>
      }
      scf.for %i = %c0 to %c16 step %c4 {
        %sum = scf.for %k = %c0 to %c32 step %c1 iter_args(%acc = %zero) -> vector<8xf32> {
          %1 = vector.load %tile[%i, %c0] : memref<16x32xf32>, vector<8xf32>
          %2 = arith.addf %acc, %1 : vector<8xf32>
          scf.yield %2 : vector<8xf32>
        }
        vector.store %sum, %tile[%i, %c0] : memref<16x32xf32>, vector<8xf32>
      }
    }
  }
  return
}
