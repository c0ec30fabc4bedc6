// RUN: linattn-opt %s -split-input-file --convert-tile-to-nvvm | FileCheck %s

// CHECK: llvm.mlir.global external @tile_shared() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<0 x i8>
// A tensor is its map, its address, two sizes and one stride.
// CHECK-LABEL: llvm.func @kernel
// CHECK-SAME: %{{.*}}: !llvm.ptr {llvm.align = 64 : i64, llvm.byval = !llvm.array<128 x i8>, nvvm.grid_constant}
// CHECK-SAME: %{{.*}}: !llvm.ptr<1>, %{{.*}}: i64, %{{.*}}: i64, %{{.*}}: i64)
// CHECK-SAME: nvvm.kernel
// CHECK-SAME: nvvm.minctasm = 1
// CHECK-SAME: nvvm.reqntid = array<i32: 256, 1, 1>
tile.kernel @kernel(%g: !tile.global<2, 64, bf16>) warpgroups 2 {
  %c0 = arith.constant 0 : i32
  %ring = tile.alloc {offset = 0 : i64} : !tile.shared<2, 64, 128, bf16>
  // One thread initialises the barriers, and all wait for it.
  // CHECK: scf.if
  // CHECK-COUNT-2: nvvm.mbarrier.init
  // CHECK: nvvm.fence.mbarrier.init
  // CHECK: nvvm.barrier
  %full = tile.barrier_init {offset = 32768 : i64} : !tile.barrier<2, 1>
  %t = tile.stage %ring[%c0] : !tile.shared<2, 64, 128, bf16> -> !tile.shared<1, 64, 128, bf16>
  // Registers move from one role to the other: 65536 / 256 at entry. Both roles
  // of warps lie in one branch, and all of the warpgroup gives up registers.
  // CHECK: scf.if
  // CHECK-NEXT: nvvm.setmaxregister decrease 24
  tile.role "loads" warp 4 count 1 registers 24 {
  ^bb0(%warp: i32):
    // CHECK: scf.if
    // CHECK: scf.if
    // CHECK: mbarrier.arrive.expect_tx
    // CHECK-SAME: $1
    // One copy a panel; the second lies 64 rows of 128 bytes behind.
    // CHECK: cp.async.bulk.tensor.2d
    // CHECK: llvm.getelementptr %{{.*}}[8192]
    // CHECK: cp.async.bulk.tensor.2d
    tile.load_group %full[%c0] : !tile.barrier<2, 1> {
      tile.load %g[%c0, %c0] to %t : !tile.global<2, 64, bf16> to !tile.shared<1, 64, 128, bf16>
    }
  }
  tile.role "stores" warp 6 count 2 registers 24 {
  ^bb0(%warp: i32):
    // CHECK: scf.if
    // One of the 64 threads, 192 to 255, stores and waits.
    // CHECK: %[[TID:.*]] = nvvm.read.ptx.sreg.tid.x
    // CHECK: arith.constant -192
    // CHECK: scf.if
    // CHECK-COUNT-2: nvvm.cp.async.bulk.tensor.global.shared.cta
    // CHECK: nvvm.cp.async.bulk.commit.group
    tile.store %t to %g[%c0, %c0] : !tile.shared<1, 64, 128, bf16> to !tile.global<2, 64, bf16>
    // CHECK: scf.if
    // CHECK: nvvm.cp.async.bulk.wait_group 0 {read}
    tile.store_wait 0 reads_only
  }
  // CHECK-NOT: nvvm.setmaxregister decrease
  // CHECK: nvvm.setmaxregister increase 256
  tile.role "consumer" first 0 count 1 registers 256 {
  ^bb0(%group: i32):
  }
}

// -----

// CHECK-LABEL: llvm.func @contract
tile.kernel @contract(%first: i32) warpgroups 1 {
  %a = tile.alloc {offset = 0 : i64} : !tile.shared<1, 64, 64, bf16>
  %b = tile.alloc {offset = 8192 : i64} : !tile.shared<1, 64, 64, bf16>
  %z = tile.constant 0.0 : !tile.accumulator<64, 64, f32>
  // A fence that ties the registers, one instruction for 16 contracted elements,
  // and one group. From zero first: scale-d is 0, then 1.
  // CHECK: wgmma.fence.sync.aligned
  // CHECK: setp.ne.b32 p, 0, 0; wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16
  // CHECK-COUNT-3: setp.ne.b32 p, 1, 0; wgmma.mma_async
  // CHECK: wgmma.commit_group
  %p = tile.contract %a, %b : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
  // A later group stays in flight at the wait for an earlier one.
  // CHECK: wgmma.fence.sync.aligned
  // CHECK-COUNT-4: p, 1, 1, 0, 1; }
  // CHECK: wgmma.commit_group
  %q = tile.contract %a, %b transposed into %z : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> into !tile.accumulator<64, 64, f32> -> !tile.pending<64, 64, f32>
  // CHECK: wgmma.wait_group.sync.aligned 1
  %x = tile.wait %p : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
  // CHECK: wgmma.wait_group.sync.aligned 0
  %y = tile.wait %q : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
  // 32 elements a thread, two to a register; four registers to a store.
  // CHECK-COUNT-4: nvvm.stmatrix
  tile.store_shared %x to %a : !tile.accumulator<64, 64, f32> to !tile.shared<1, 64, 64, bf16>
  // CHECK-COUNT-4: nvvm.stmatrix {{.*}}layout = #nvvm.mma_layout<col>
  tile.store_shared %x to %a transposed : !tile.accumulator<64, 64, f32> to !tile.shared<1, 64, 64, bf16>
  // Some columns of a product are rows of the tile, whose bytes are 128 each; in
  // the tile they flip bits of the units that the swizzle permutes.
  // CHECK: %[[BYTES:.*]] = arith.muli %{{.*}}, %c128_i32
  // CHECK: llvm.getelementptr %{{.*}}[%[[BYTES]]]
  // CHECK: wgmma.mma_async.sync.aligned.m64n32k16.f32.bf16.bf16
  %h = tile.contract %a, %b columns %first : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 32, f32>
  %half = tile.wait %h : !tile.pending<64, 32, f32> -> !tile.accumulator<64, 32, f32>
  // CHECK: %[[UNITS:.*]] = arith.shrui %{{.*}}, %c3_i32
  // CHECK: %[[UNIT:.*]] = arith.andi %[[UNITS]], %c7_i32
  // CHECK: arith.xori %{{.*}}, %[[UNIT]]
  // CHECK-COUNT-2: nvvm.stmatrix
  tile.store_shared %half to %a columns %first : !tile.accumulator<64, 32, f32> to !tile.shared<1, 64, 64, bf16>
  // The right half of the columns: the last 16 of 32 elements.
  // CHECK: %[[ELEMENT:.*]] = llvm.extractvalue %{{.*}}[16]
  // CHECK: llvm.insertvalue %[[ELEMENT]], %{{.*}}[0]
  // CHECK-SAME: !llvm.struct<(f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32)>
  %right = tile.columns %x from 32 : !tile.accumulator<64, 64, f32> -> !tile.accumulator<64, 32, f32>
  // CHECK: nvvm.fence.proxy
  tile.fence
  // CHECK-COUNT-4: nvvm.ldmatrix {{.*}}layout = #nvvm.mma_layout<col>
  %o = tile.load_operand %a transposed : !tile.shared<1, 64, 64, bf16> -> !tile.operand<64, 64, bf16>
  // CHECK: llvm.nvvm.ex2.approx.ftz.f32
  %m = tile.map %o : (!tile.operand<64, 64, bf16>) -> !tile.operand<64, 64, bf16> {
  ^bb0(%v: f32, %i: i32, %j: i32):
    %e = math.exp2 %v : f32
    tile.yield %e : f32
  }
  // Four registers on the left.
  // CHECK: wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {{{.*}}}, {$32,$33,$34,$35}, $36, p, 1, 1, 0; }
  %r = tile.contract %m, %b : !tile.operand<64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
}

// -----

// The group of %p is the only one that both paths have issued before the wait,
// and one more follows it in each.
// CHECK-LABEL: llvm.func @through_branches
tile.kernel @through_branches(%c: i1) warpgroups 1 {
  %a = tile.alloc {offset = 0 : i64} : !tile.shared<1, 64, 64, bf16>
  %p = tile.contract %a, %a : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
  %q = scf.if %c -> !tile.pending<64, 64, f32> {
    %q0 = tile.contract %a, %a : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
    %q1 = tile.contract %a, %a : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
    scf.yield %q0 : !tile.pending<64, 64, f32>
  } else {
    %q2 = tile.contract %a, %a : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
    scf.yield %q2 : !tile.pending<64, 64, f32>
  }
  // CHECK: wgmma.wait_group.sync.aligned 1;
  %x = tile.wait %p : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
  // The first of two in one branch, and the last in the other.
  // CHECK: wgmma.wait_group.sync.aligned 0;
  %y = tile.wait %q : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
}

// -----

// The contraction of the next round is issued early and carried in flight.
// CHECK-LABEL: llvm.func @through_loop
tile.kernel @through_loop(%n: i32) warpgroups 1 {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %a = tile.alloc {offset = 0 : i64} : !tile.shared<1, 64, 64, bf16>
  %p = tile.contract %a, %a : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
  // CHECK: scf.for
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%early = %p) -> (!tile.pending<64, 64, f32>) : i32 {
    %q = tile.contract %a, %a : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
    // CHECK: wgmma.wait_group.sync.aligned 1;
    %x = tile.wait %early : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
    %next = tile.contract %a, %a : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
    // CHECK: wgmma.wait_group.sync.aligned 1;
    %y = tile.wait %q : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
    scf.yield %next : !tile.pending<64, 64, f32>
  }
  // CHECK: wgmma.wait_group.sync.aligned 0;
  %z = tile.wait %r : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
}

// -----

// Rows of parts of units have no map. The threads copy them before one of them
// arrives and issues the other loads.
// CHECK-LABEL: llvm.func @parts
// CHECK-SAME: (%{{[^,]*}}: !llvm.ptr<1>, %{{[^,]*}}: i64, %{{[^,]*}}: i64, %{{[^,]*}}: i64
tile.kernel @parts(%g: !tile.global<2, 64, bf16, align 2>, %h: !tile.global<2, 64, bf16>) warpgroups 2 {
  %c0 = arith.constant 0 : i32
  %t = tile.alloc {offset = 0 : i64} : !tile.shared<1, 64, 64, bf16>
  %u = tile.alloc {offset = 8192 : i64} : !tile.shared<1, 64, 64, bf16>
  %full = tile.barrier_init {offset = 16384 : i64} : !tile.barrier<1, 1>
  tile.role "loads" warp 4 count 1 registers 24 {
  ^bb0(%warp: i32):
    // CHECK: scf.for
    // CHECK-COUNT-8: llvm.load %{{.*}} {alignment = 2 : i64} : !llvm.ptr<1> -> i16
    // CHECK: llvm.store %{{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<3>
    // CHECK: nvvm.fence.proxy
    // CHECK-NEXT: arith.constant -1
    // CHECK-NEXT: nvvm.bar.warp.sync
    // CHECK: scf.if
    // CHECK: arith.constant 8192
    // CHECK: mbarrier.arrive.expect_tx
    // CHECK: cp.async.bulk.tensor
    tile.load_group %full[%c0] : !tile.barrier<1, 1> {
      tile.load %h[%c0, %c0] to %u : !tile.global<2, 64, bf16> to !tile.shared<1, 64, 64, bf16>
      tile.load %g[%c0, %c0] to %t : !tile.global<2, 64, bf16, align 2> to !tile.shared<1, 64, 64, bf16>
    }
  }
  tile.role "stores" first 0 count 1 registers 240 {
  ^bb0(%group: i32):
    // CHECK-NOT: nvvm.cp.async.bulk.tensor.global.shared.cta
    // CHECK: nvvm.cp.async.bulk.commit.group
    // CHECK-COUNT-8: llvm.store %{{.*}} {alignment = 2 : i64} : i16, !llvm.ptr<1>
    tile.store %t to %g[%c0, %c0] : !tile.shared<1, 64, 64, bf16> to !tile.global<2, 64, bf16, align 2>
  }
}

// -----

// Elements of a vector, which threads write for each other.
// CHECK-LABEL: llvm.func @elements
// CHECK-SAME: nvvm.minctasm = 4
tile.kernel @elements(%x: f32, %out: !llvm.ptr<1>) warpgroups 1 attributes {tile.resident_blocks = 4 : i64} {
  %c1 = arith.constant 1 : i32
  %v = tile.alloc {offset = 256 : i64} : !tile.shared_vector<1, 128>
  // CHECK: %[[THREAD:.*]] = nvvm.read.ptx.sreg.tid.x
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  // CHECK: %[[BYTES:.*]] = arith.shli %[[THREAD]]
  // CHECK: %[[TO:.*]] = llvm.getelementptr %{{.*}}[%[[BYTES]]]
  // CHECK: llvm.store %{{.*}}, %[[TO]] : f32, !llvm.ptr<3>
  tile.store_element %x to %v[%thread] : !tile.shared_vector<1, 128>
  // CHECK: nvvm.barrier id = %{{.*}} number_of_threads = %{{.*}}
  tile.sync %c1 warpgroups 1
  // CHECK: llvm.load %{{.*}} : !llvm.ptr<3> -> f32
  %y = tile.element %v[%c1] : !tile.shared_vector<1, 128>
  llvm.store %y, %out : f32, !llvm.ptr<1>
}
