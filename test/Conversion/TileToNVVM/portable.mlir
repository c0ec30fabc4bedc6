// RUN: linattn-opt %s -split-input-file --convert-tile-to-nvvm=chip=sm_80 | FileCheck %s --check-prefixes=CHECK,SM80
// RUN: linattn-opt %s -split-input-file --convert-tile-to-nvvm=chip=sm_120 | FileCheck %s --check-prefixes=CHECK,SM120
// RUN: not linattn-opt %s -split-input-file --convert-tile-to-nvvm=chip=sm_75 2>&1 | FileCheck %s --check-prefix=OLD
// RUN: not linattn-opt %s -split-input-file --convert-tile-to-nvvm=chip=sm_100a 2>&1 | FileCheck %s --check-prefix=SUFFIX

// OLD: error: expects the chip sm_90a, or sm_80 or later, but got sm_75
// SUFFIX: error: expects the chip sm_90a, or sm_80 or later, but got sm_100a

// No tensor map: the address, two sizes and one stride.
// CHECK-LABEL: llvm.func @copies
// CHECK-SAME: (%[[ADDRESS:.*]]: !llvm.ptr<1>, %{{.*}}: i64, %{{.*}}: i64, %{{.*}}: i64)
// CHECK-NOT: nvvm.setmaxregister
tile.kernel @copies(%g: !tile.global<2, 64, bf16>) warpgroups 2 {
  %c0 = arith.constant 0 : i32
  %t = tile.alloc {offset = 0 : i64} : !tile.shared<1, 64, 128, bf16>
  // All 32 threads that load arrive, and one warp besides.
  // CHECK: %[[COUNT:.*]] = arith.constant 33
  // CHECK: nvvm.mbarrier.init %{{.*}}, %[[COUNT]]
  // CHECK-NOT: nvvm.fence.mbarrier.init
  %full = tile.barrier_init {offset = 32768 : i64} : !tile.barrier<1, 2>
  tile.role "loads" warp 4 count 1 registers 24 {
  ^bb0(%warp: i32):
    // A row has 16 units: two rows at a time.
    // CHECK: scf.for
    // CHECK: %[[BYTES:.*]] = arith.select
    // CHECK: %[[SOURCE:.*]] = arith.select %{{.*}}, %{{.*}}, %[[ADDRESS]]
    // CHECK: nvvm.cp.async.shared.global %{{.*}}, %[[SOURCE]], 16, cache = cg, %[[BYTES]]
    // CHECK: nvvm.cp.async.mbarrier.arrive %{{.*}} {noinc = true}
    tile.load_group %full[%c0] : !tile.barrier<1, 2> {
      tile.load %g[%c0, %c0] to %t : !tile.global<2, 64, bf16> to !tile.shared<1, 64, 128, bf16>
    }
  }
  tile.role "stores" first 0 count 1 registers 240 {
  ^bb0(%group: i32):
    // SM80: mbarrier.test_wait.parity
    // SM120: mbarrier.try_wait.parity
    tile.barrier_wait %full[%c0] phase %c0 : !tile.barrier<1, 2>
    // CHECK-NOT: fence.proxy
    tile.fence
    // CHECK: scf.for
    // CHECK: llvm.load {{.*}} : !llvm.ptr<3> -> vector<4xi32>
    // CHECK: llvm.store {{.*}} : vector<4xi32>, !llvm.ptr<1>
    tile.store %t to %g[%c0, %c0] : !tile.shared<1, 64, 128, bf16> to !tile.global<2, 64, bf16>
    // CHECK-NOT: bulk
    tile.store_wait 0
  }
}

// -----

// CHECK-LABEL: llvm.func @contract
tile.kernel @contract() warpgroups 1 {
  %a = tile.alloc {offset = 0 : i64} : !tile.shared<1, 64, 64, bf16>
  %b = tile.alloc {offset = 8192 : i64} : !tile.shared<1, 64, 64, bf16>
  // For each of four steps a block of the left operand, four of the right one,
  // and eight products.
  // CHECK: nvvm.ldmatrix {{.*}}num = 4
  // CHECK: nvvm.ldmatrix {{.*}}layout = #nvvm.mma_layout<col>, num = 4
  // CHECK-COUNT-2: nvvm.mma.sync {{.*}}shape = #nvvm.shape<m = 16, n = 8, k = 16>
  // CHECK: nvvm.ldmatrix
  %p = tile.contract %a, %b transposed : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
  // CHECK-NOT: wgmma
  %x = tile.wait %p : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
  // SM80-COUNT-16: llvm.store {{.*}} : i32, !llvm.ptr<3>
  // SM120-COUNT-4: nvvm.stmatrix
  tile.store_shared %x to %a : !tile.accumulator<64, 64, f32> to !tile.shared<1, 64, 64, bf16>
  // Elements of a register lie in different rows.
  // SM80-COUNT-32: llvm.store %{{.*}} : i16, !llvm.ptr<3>
  // SM120-COUNT-4: nvvm.stmatrix {{.*}}layout = #nvvm.mma_layout<col>
  tile.store_shared %x to %a transposed : !tile.accumulator<64, 64, f32> to !tile.shared<1, 64, 64, bf16>
}

// -----

// Each thread arrives for what it has copied itself, when the rest is there.
// CHECK-LABEL: llvm.func @parts
// CHECK-SAME: (%{{[^,]*}}: !llvm.ptr<1>, %{{[^,]*}}: i64, %{{[^,]*}}: i64, %{{[^,]*}}: i64
tile.kernel @parts(%g: !tile.global<2, 64, bf16, align 2>, %h: !tile.global<2, 64, bf16>) warpgroups 2 {
  %c0 = arith.constant 0 : i32
  %t = tile.alloc {offset = 0 : i64} : !tile.shared<1, 64, 64, bf16>
  %u = tile.alloc {offset = 8192 : i64} : !tile.shared<1, 64, 64, bf16>
  %full = tile.barrier_init {offset = 16384 : i64} : !tile.barrier<1, 1>
  tile.role "loads" warp 4 count 1 registers 24 {
  ^bb0(%warp: i32):
    // CHECK: nvvm.cp.async.shared.global
    // CHECK: scf.for
    // CHECK-COUNT-8: llvm.load %{{.*}} {alignment = 2 : i64} : !llvm.ptr<1> -> i16
    // CHECK: llvm.store %{{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<3>
    // CHECK: nvvm.bar.warp.sync
    // CHECK: cp.async.wait_all
    // CHECK: mbarrier.arrive.shared.b64
    // CHECK-NOT: nvvm.cp.async.mbarrier.arrive
    tile.load_group %full[%c0] : !tile.barrier<1, 1> {
      tile.load %h[%c0, %c0] to %u : !tile.global<2, 64, bf16> to !tile.shared<1, 64, 64, bf16>
      tile.load %g[%c0, %c0] to %t : !tile.global<2, 64, bf16, align 2> to !tile.shared<1, 64, 64, bf16>
    }
  }
  tile.role "stores" first 0 count 1 registers 240 {
  ^bb0(%group: i32):
    // CHECK-COUNT-8: llvm.store %{{.*}} {alignment = 2 : i64} : i16, !llvm.ptr<1>
    tile.store %t to %g[%c0, %c0] : !tile.shared<1, 64, 64, bf16> to !tile.global<2, 64, bf16, align 2>
  }
}
