// RUN: linattn-opt %s --linattn-place-buffers | FileCheck %s
// RUN: linattn-opt %s --linattn-place-buffers=max-stack-bytes=256 | FileCheck %s --check-prefix=HEAP

// %a and %c are never live together, so they share memory; %b, which the loop
// carries from one iteration to the next, shares with nothing in it.
// CHECK-LABEL: func @share
// HEAP-LABEL: func @share
func.func @share(%x: memref<16xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // CHECK: scf.forall
  // CHECK-NEXT: %[[BLOCK:.*]] = memref.alloca() {{.*}} : memref<128xi8>
  // CHECK-NOT: memref.alloc()
  // HEAP: scf.forall
  // HEAP-NEXT: memref.alloca() {{.*}} : memref<128xi8>
  scf.forall (%i) in (4) {
    %b = memref.alloc() : memref<16xf32>
    memref.copy %x, %b : memref<16xf32> to memref<16xf32>
    scf.for %j = %c0 to %n step %c1 {
      %a = memref.alloc() : memref<16xf32>
      memref.copy %b, %a : memref<16xf32> to memref<16xf32>
      memref.copy %a, %b : memref<16xf32> to memref<16xf32>
      %c = memref.alloc() : memref<16xf32>
      memref.copy %b, %c : memref<16xf32> to memref<16xf32>
      memref.copy %c, %x : memref<16xf32> to memref<16xf32>
    }
  }
  return
}

// What is too large for the stack is allocated and freed by each iteration.
// CHECK-LABEL: func @large
// CHECK: memref.alloca() {{.*}} : memref<1024xi8>
// HEAP-LABEL: func @large
// HEAP: scf.forall
// HEAP-NEXT: %[[BLOCK:.*]] = memref.alloc() {{.*}} : memref<1024xi8>
// HEAP: memref.dealloc %[[BLOCK]]
func.func @large(%x: memref<256xf32>) {
  scf.forall (%i) in (4) {
    %b = memref.alloc() : memref<256xf32>
    memref.copy %x, %b : memref<256xf32> to memref<256xf32>
  }
  return
}
