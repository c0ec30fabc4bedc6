// RUN: linattn-opt %s --linattn-allocs-to-workspace --canonicalize --cse --split-input-file --verify-diagnostics | FileCheck %s

// Two temporaries, each at a multiple of 64 bytes.
// CHECK-LABEL: func.func @two
//  CHECK-SAME: (%[[X:.*]]: memref<?x4xf32>, %[[W:.*]]: memref<?xi8>)
//  CHECK-SAME: workspace = @two.workspace
//   CHECK-NOT: memref.alloc
//   CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
//   CHECK-DAG: %[[C64:.*]] = arith.constant 64 : index
//       CHECK: memref.view %[[W]][%[[C0]]][] : memref<?xi8> to memref<3xf32>
//       CHECK: %[[N:.*]] = memref.dim %[[X]], %[[C0]]
//       CHECK: memref.view %[[W]][%[[C64]]][%[[N]]] : memref<?xi8> to memref<?x4xf32>
//   CHECK-NOT: memref.dealloc
func.func @two(%x: memref<?x4xf32>) attributes {linattn.interface = {arguments = [memref<?x4xf32>], inplace = array<i64: -1>, results = []}} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %a = memref.alloc() : memref<3xf32>
  linalg.fill ins(%zero : f32) outs(%a : memref<3xf32>)
  %v = memref.subview %x[1, 0] [2, 4] [1, 1] : memref<?x4xf32> to memref<2x4xf32, strided<[4, 1], offset: 4>>
  %n = memref.dim %x, %c0 : memref<?x4xf32>
  %b = memref.alloc(%n) : memref<?x4xf32>
  linalg.fill ins(%zero : f32) outs(%b : memref<?x4xf32>)
  memref.dealloc %b : memref<?x4xf32>
  return
}
// CHECK-LABEL: func.func private @two.workspace
//  CHECK-SAME: (%[[N:.*]]: index, %{{.*}}: index) -> index
//   CHECK-DAG: %[[C16:.*]] = arith.constant 16 : index
//   CHECK-DAG: %[[C63:.*]] = arith.constant 63 : index
//   CHECK-DAG: %[[M:.*]] = arith.constant -64 : index
//   CHECK-DAG: %[[C64:.*]] = arith.constant 64 : index
//   CHECK-DAG: %[[MAX:.*]] = arith.constant 9223372036854775807 : index
//       CHECK: %[[PRODUCT:.*]] = arith.muli %[[N]], %[[C16]]
// What does not fit into 64 bits is more than any workspace has.
//       CHECK: %[[DIVISOR:.*]] = arith.maxui %[[N]], %c1
//       CHECK: %[[LIMIT:.*]] = arith.divui %[[MAX]], %[[DIVISOR]]
//       CHECK: %[[FITS:.*]] = arith.cmpi uge, %[[LIMIT]], %[[C16]]
//       CHECK: %[[BYTES:.*]] = arith.select %[[FITS]], %[[PRODUCT]], %[[MAX]]
//       CHECK: %[[SUM:.*]] = arith.addi %[[BYTES]], %[[C63]]
//       CHECK: %[[SUMFITS:.*]] = arith.cmpi sge, %[[SUM]], %[[BYTES]]
//       CHECK: %[[PADDED:.*]] = arith.select %[[SUMFITS]], %[[SUM]], %[[MAX]]
//       CHECK: %[[ALIGNED:.*]] = arith.andi %[[PADDED]], %[[M]]
//       CHECK: %[[ALL:.*]] = arith.addi %[[ALIGNED]], %[[C64]]
//       CHECK: %[[TOTAL:.*]] = arith.select %{{.*}}, %[[ALL]], %[[MAX]]
//       CHECK: return %[[TOTAL]]

// -----

// Where the branch is not taken, the size must not count, nor divide by zero.
// CHECK-LABEL: func.func private @branch.workspace
//  CHECK-SAME: (%[[N:.*]]: index) -> index
//   CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
//   CHECK-DAG: %[[C1:.*]] = arith.constant 1 : index
//       CHECK: %[[ZERO:.*]] = arith.cmpi eq, %[[N]], %[[C0]]
//       CHECK: %[[DIVISOR:.*]] = arith.select %[[ZERO]], %[[C1]], %[[N]]
//       CHECK: %[[PARTS:.*]] = arith.divsi %{{.*}}, %[[DIVISOR]]
//       CHECK: %[[OTHERS:.*]] = arith.subi %[[PARTS]], %[[C1]]
//       CHECK: arith.maxsi %[[OTHERS]], %[[C0]]
func.func @branch(%x: memref<?xf32>) attributes {linattn.interface = {arguments = [memref<?xf32>], inplace = array<i64: -1>, results = []}} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c100 = arith.constant 100 : index
  %zero = arith.constant 0.0 : f32
  %n = memref.dim %x, %c0 : memref<?xf32>
  %some = arith.cmpi sgt, %n, %c0 : index
  scf.if %some {
    %parts = arith.divsi %c100, %n : index
    %others = arith.subi %parts, %c1 : index
    %a = memref.alloc(%others) : memref<?xf32>
    linalg.fill ins(%zero : f32) outs(%a : memref<?xf32>)
  }
  return
}

// -----

// A temporary of a sequential loop has one place for all iterations.
// CHECK-LABEL: func.func @loop
//       CHECK: scf.for
//       CHECK: memref.view
func.func @loop(%x: memref<?xf32>) attributes {linattn.interface = {arguments = [memref<?xf32>], inplace = array<i64: -1>, results = []}} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %n = memref.dim %x, %c0 : memref<?xf32>
  scf.for %i = %c0 to %n step %c1 {
    %a = memref.alloc(%n) : memref<?xf32>
    linalg.fill ins(%zero : f32) outs(%a : memref<?xf32>)
    memref.copy %a, %x : memref<?xf32> to memref<?xf32>
  }
  return
}

// -----

// The tiles of a kernel that do not fit on the stack: one place for each
// iteration.
// CHECK-LABEL: func.func @large_tiles
//  CHECK-SAME: (%[[X:.*]]: memref<?x?xf32>, %[[W:.*]]: memref<?xi8>)
//   CHECK-DAG: %[[C4M:.*]] = arith.constant 4194304 : index
//   CHECK-DAG: %[[C2:.*]] = arith.constant 2 : index
//   CHECK-DAG: %[[M:.*]] = memref.dim %[[X]], %c1
//       CHECK: scf.forall (%[[I:.*]], %[[J:.*]]) = (0, 0) to (%{{.*}}, %[[M]]) step (1, 2)
//       CHECK:   %[[TRIPS:.*]] = arith.ceildivsi %[[M]], %[[C2]]
//       CHECK:   %[[HERE:.*]] = arith.divsi %[[J]], %[[C2]]
//       CHECK:   %[[ROW:.*]] = arith.muli %[[I]], %[[TRIPS]]
//       CHECK:   %[[NUMBER:.*]] = arith.addi %[[ROW]], %[[HERE]]
//       CHECK:   %[[OFFSET:.*]] = arith.muli %[[NUMBER]], %[[C4M]]
//       CHECK:   memref.view %[[W]][%[[OFFSET]]][] : memref<?xi8> to memref<4194304xi8>
func.func @large_tiles(%x: memref<?x?xf32>) attributes {linattn.interface = {arguments = [memref<?x?xf32>], inplace = array<i64: -1>, results = []}} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  %m = memref.dim %x, %c1 : memref<?x?xf32>
  scf.forall (%i, %j) = (0, 0) to (%n, %m) step (1, 2) {
    %a = memref.alloc() : memref<4194304xi8>
    %v = memref.view %a[%c0][%n, %m] : memref<4194304xi8> to memref<?x?xf32>
    memref.copy %v, %x : memref<?x?xf32> to memref<?x?xf32>
    memref.dealloc %a : memref<4194304xi8>
  }
  return
}
// CHECK-LABEL: func.func private @large_tiles.workspace
//  CHECK-SAME: (%[[N:.*]]: index, %[[M:.*]]: index) -> index
//       CHECK: %[[TRIPS:.*]] = arith.ceildivsi %[[M]]
//       CHECK: arith.muli %[[N]], %[[TRIPS]]
//       CHECK: arith.muli %{{.*}}, %c4194304
//       CHECK: return

// -----

func.func @carried(%x: memref<4xf32>) attributes {linattn.interface = {arguments = [memref<4xf32>], inplace = array<i64: -1>, results = []}} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-note @+1 {{this loop}}
  %r = scf.for %i = %c0 to %c1 step %c1 iter_args(%t = %x) -> memref<4xf32> {
    // expected-error @+1 {{cannot place a temporary of type 'memref<4xf32>' in the workspace: a loop carries it to the next iteration}}
    %a = memref.alloc() : memref<4xf32>
    memref.copy %t, %a : memref<4xf32> to memref<4xf32>
    scf.yield %a : memref<4xf32>
  }
  memref.copy %r, %x : memref<4xf32> to memref<4xf32>
  return
}

// -----

func.func @parallel(%x: memref<?xf32>) attributes {linattn.interface = {arguments = [memref<?xf32>], inplace = array<i64: -1>, results = []}} {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  scf.forall (%i) in (%n) {
    // expected-error @+1 {{expected a temporary in a parallel loop to have a static shape, but got 'memref<?xf32>'}}
    %a = memref.alloc(%n) : memref<?xf32>
    memref.copy %a, %x : memref<?xf32> to memref<?xf32>
  }
  return
}

// -----

func.func @value(%x: memref<?xindex>) attributes {linattn.interface = {arguments = [memref<?xindex>], inplace = array<i64: -1>, results = []}} {
  %c0 = arith.constant 0 : index
  %n = memref.load %x[%c0] : memref<?xindex>
  // expected-error @+1 {{cannot place a temporary of type 'memref<?xindex>' in the workspace: expected its size to follow from the sizes of the arguments, but it depends on values}}
  %a = memref.alloc(%n) : memref<?xindex>
  memref.store %n, %a[%c0] : memref<?xindex>
  return
}

// -----

func.func @too_large(%x: memref<4xf32>) attributes {linattn.interface = {arguments = [memref<4xf32>], inplace = array<i64: -1>, results = []}} {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{expected a temporary of at most 2^48 bytes, but got 'memref<4294967296x4294967296xf32>'}}
  %a = memref.alloc() : memref<4294967296x4294967296xf32>
  %v = memref.load %a[%c0, %c0] : memref<4294967296x4294967296xf32>
  memref.store %v, %x[%c0] : memref<4xf32>
  return
}
