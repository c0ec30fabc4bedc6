// RUN: linattn-opt %s --linattn-asserts-to-status --split-input-file --verify-diagnostics | FileCheck %s

// CHECK: llvm.mlir.global internal constant @[[TEXT:linattn.message.0]]("expects a true argument\00")

// CHECK-LABEL: func.func @flat
//  CHECK-SAME: (%[[OK:.*]]: i1, %[[X:.*]]: memref<f32>) -> !llvm.ptr
//       CHECK:   cf.cond_br %[[OK]], ^[[CHECKED:.*]], ^[[FAILED:.*]]
//       CHECK: ^[[CHECKED]]:
//       CHECK:   memref.store
//       CHECK:   %[[NULL:.*]] = llvm.mlir.zero : !llvm.ptr
//       CHECK:   return %[[NULL]]
//       CHECK: ^[[FAILED]]:
//       CHECK:   %[[MESSAGE:.*]] = llvm.mlir.addressof @[[TEXT]]
//       CHECK:   return %[[MESSAGE]]
func.func @flat(%ok: i1, %x: memref<f32>) attributes {linattn.interface = {}} {
  %zero = arith.constant 0.0 : f32
  cf.assert %ok, "expects a true argument"
  memref.store %zero, %x[] : memref<f32>
  return
}

// One text, stored once; sizes have no meaning after a failure.
// CHECK-LABEL: func.func private @flat.sizes
//  CHECK-SAME: -> (!llvm.ptr, index)
//       CHECK: ^{{.*}}:
//       CHECK: llvm.mlir.addressof @[[TEXT]]
func.func private @flat.sizes(%n: index, %ok: i1) -> index attributes {linattn.computes_sizes} {
  cf.assert %ok, "expects a true argument"
  return %n : index
}

// CHECK-LABEL: func.func private @other
//  CHECK-SAME: () -> i32
func.func private @other() -> i32 {
  %c = arith.constant 1 : i32
  return %c : i32
}

// -----

// A sequential loop with a check becomes blocks; one without stays.
// CHECK-LABEL: func.func @loop
//       CHECK: scf.for
//       CHECK: cf.br
//       CHECK: cf.cond_br
//   CHECK-NOT: scf.for
//       CHECK: return %{{.*}} : !llvm.ptr
func.func @loop(%n: index, %x: memref<?xi1>) attributes {linattn.interface = {}} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %true = arith.constant true
  scf.for %i = %c0 to %n step %c1 {
    memref.store %true, %x[%i] : memref<?xi1>
  }
  scf.for %i = %c0 to %n step %c1 {
    %ok = memref.load %x[%i] : memref<?xi1>
    cf.assert %ok, "expects true elements"
  }
  return
}

// -----

func.func @parallel(%n: index, %x: memref<?xi1>) attributes {linattn.interface = {}} {
  // expected-note @+1 {{this op}}
  scf.forall (%i) in (%n) {
    %ok = memref.load %x[%i] : memref<?xi1>
    // expected-error @+1 {{cannot report a failure: expected it in a block of an entry function, but it is in 'scf.forall'}}
    cf.assert %ok, "expects true elements"
  }
  return
}
