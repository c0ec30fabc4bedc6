// RUN: linattn-opt %s -split-input-file --tile-verify -verify-diagnostics
// RUN: not linattn-opt %s -split-input-file --tile-verify=chip=sm_70 2>&1 | FileCheck %s --check-prefix=CHIP

// CHIP: error: expects the chip sm_90a, or sm_80 or later, but got sm_70

// The program of test/Conversion/TileToNVVM/forward.mlir is run and changed by
// test/ptxsim/test_tile_verify.py; here is what it has no place for.

// Two warpgroups meet to swap tiles, and carry on over a loop.
tile.kernel @correct(%n: i32) warpgroups 2 {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %z = arith.constant 0.0 : f32
  %a = tile.alloc {offset = 0 : i64} : !tile.shared<2, 64, 64, bf16>
  tile.role "both" first 0 count 2 registers 240 {
  ^bb0(%group: i32):
    %mine = tile.stage %a[%group] : !tile.shared<2, 64, 64, bf16> -> !tile.shared<1, 64, 64, bf16>
    %other = arith.subi %c1, %group : i32
    %theirs = tile.stage %a[%other] : !tile.shared<2, 64, 64, bf16> -> !tile.shared<1, 64, 64, bf16>
    %x = tile.constant 1.0 : !tile.accumulator<64, 64, f32>
    scf.for %i = %c0 to %n step %c1 : i32 {
      tile.store_shared %x to %mine : !tile.accumulator<64, 64, f32> to !tile.shared<1, 64, 64, bf16>
      tile.fence
      tile.sync %c1 warpgroups 2
      %p = tile.contract %theirs, %mine : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
      %y = tile.wait %p : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
      tile.sync %c1 warpgroups 2
    }
  }
}

// -----

// The same with warpgroups that meet only among themselves.
tile.kernel @meets_alone() warpgroups 2 {
  %c1 = arith.constant 1 : i32
  %a = tile.alloc {offset = 0 : i64} : !tile.shared<2, 64, 64, bf16>
  tile.role "both" first 0 count 2 registers 240 {
  ^bb0(%group: i32):
    %mine = tile.stage %a[%group] : !tile.shared<2, 64, 64, bf16> -> !tile.shared<1, 64, 64, bf16>
    %other = arith.subi %c1, %group : i32
    %id = arith.addi %group, %c1 : i32
    %theirs = tile.stage %a[%other] : !tile.shared<2, 64, 64, bf16> -> !tile.shared<1, 64, 64, bf16>
    %x = tile.constant 1.0 : !tile.accumulator<64, 64, f32>
    tile.store_shared %x to %mine : !tile.accumulator<64, 64, f32> to !tile.shared<1, 64, 64, bf16>
    tile.fence
    tile.sync %id warpgroups 1
    // expected-error @below {{reads what nothing has written yet}}
    %p = tile.contract %theirs, %mine : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
    %y = tile.wait %p : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
  }
}

// -----

// Warps write columns of the same rows, which is no conflict. The contraction
// has to wait for those of all warps.
tile.kernel @writes_columns() warpgroups 1 {
  %c1 = arith.constant 1 : i32
  %a = tile.alloc {offset = 0 : i64} : !tile.shared<1, 64, 64, bf16>
  %x = tile.constant 1.0 : !tile.accumulator<64, 64, f32>
  tile.store_shared %x to %a transposed : !tile.accumulator<64, 64, f32> to !tile.shared<1, 64, 64, bf16>
  tile.fence
  tile.sync %c1 warpgroups 1
  %p = tile.contract %a, %a : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
  %y = tile.wait %p : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
}

// -----

tile.kernel @reads_columns_early() warpgroups 1 {
  %a = tile.alloc {offset = 0 : i64} : !tile.shared<1, 64, 64, bf16>
  %x = tile.constant 1.0 : !tile.accumulator<64, 64, f32>
  tile.store_shared %x to %a transposed : !tile.accumulator<64, 64, f32> to !tile.shared<1, 64, 64, bf16>
  tile.fence
  // expected-error @below {{reads what nothing has written yet}}
  %p = tile.contract %a, %a : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
  %y = tile.wait %p : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
}

// -----

// What is written by columns is overwritten by rows, or the other way round: warps
// need not run in the order of their numbers.
tile.kernel @overwrites_columns() warpgroups 1 {
  %a = tile.alloc {offset = 0 : i64} : !tile.shared<1, 64, 64, bf16>
  %x = tile.constant 1.0 : !tile.accumulator<64, 64, f32>
  // expected-error @below {{accesses what another warp may not have written yet}}
  tile.store_shared %x to %a transposed : !tile.accumulator<64, 64, f32> to !tile.shared<1, 64, 64, bf16>
  // expected-note @below {{this is the other access}}
  tile.store_shared %x to %a : !tile.accumulator<64, 64, f32> to !tile.shared<1, 64, 64, bf16>
}

// -----

// Staging in place: the output lies over an operand that other warps, which run
// later here, have yet to read.
tile.kernel @in_place() warpgroups 1 {
  %c1 = arith.constant 1 : i32
  %a = tile.alloc {offset = 0 : i64} : !tile.shared<1, 64, 64, bf16>
  %b = tile.alloc {offset = 0 : i64} : !tile.shared<1, 64, 64, bf16>
  %x = tile.constant 1.0 : !tile.accumulator<64, 64, f32>
  tile.store_shared %x to %a : !tile.accumulator<64, 64, f32> to !tile.shared<1, 64, 64, bf16>
  tile.fence
  tile.sync %c1 warpgroups 1
  // expected-error @below {{accesses what another warp may not have written yet}}
  %p = tile.contract %a, %a : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
  %y = tile.wait %p : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
  // expected-note @below {{this is the other access}}
  tile.store_shared %y to %b : !tile.accumulator<64, 64, f32> to !tile.shared<1, 64, 64, bf16>
}

// -----

tile.kernel @no_wait() warpgroups 1 {
  %a = tile.alloc {offset = 0 : i64} : !tile.shared<1, 64, 64, bf16>
  // expected-error @below {{expects a tile.wait for its result}}
  %p = tile.contract %a, %a : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
}

// -----

tile.kernel @no_offset() warpgroups 1 {
  // expected-error @below {{expects an offset; run tile-allocate-shared}}
  %a = tile.alloc : !tile.shared<1, 64, 64, bf16>
}

// -----

tile.kernel @barrier_in_a_tile() warpgroups 1 {
  // expected-note @below {{this overlaps it}}
  %a = tile.alloc {offset = 0 : i64} : !tile.shared<1, 64, 64, bf16>
  // expected-error @below {{expects a place of its own in shared memory}}
  %b = tile.barrier_init {offset = 8184 : i64} : !tile.barrier<1, 1>
}

// -----

// expected-error @below {{expects at most 232448 bytes of shared memory, but needs 262144: use fewer stages or smaller tiles}}
tile.kernel @too_large() warpgroups 1 {
  %a = tile.alloc {offset = 0 : i64} : !tile.shared<32, 64, 64, bf16>
}

// -----

tile.kernel @stage_outside(%n: i32) warpgroups 1 {
  %a = tile.alloc {offset = 0 : i64} : !tile.shared<2, 64, 64, bf16>
  // expected-error @below {{expects a stage below 2, but got 64}}
  %t = tile.stage %a[%n] : !tile.shared<2, 64, 64, bf16> -> !tile.shared<1, 64, 64, bf16>
}

// -----

tile.kernel @meeting_sizes() warpgroups 2 {
  %c1 = arith.constant 1 : i32
  tile.role "one" first 0 count 1 registers 240 {
  ^bb0(%group: i32):
    tile.sync %c1 warpgroups 2
  }
  tile.role "other" first 1 count 1 registers 240 {
  ^bb0(%group: i32):
    // expected-error @below {{expects as many warpgroups as the others that meet with id 1 expect, but got 1}}
    tile.sync %c1 warpgroups 1
  }
}

// -----

// The second round has arrivals of the first warpgroup alone.
tile.kernel @others_end_the_phase() warpgroups 2 {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  // expected-note @below {{this is the barrier}}
  %b = tile.barrier_init {offset = 0 : i64} : !tile.barrier<1, 8>
  tile.role "one" first 0 count 1 registers 240 {
  ^bb0(%group: i32):
    tile.barrier_arrive %b[%c0] : !tile.barrier<1, 8>
    tile.barrier_wait %b[%c0] phase %c0 : !tile.barrier<1, 8>
    tile.barrier_arrive %b[%c0] : !tile.barrier<1, 8>
    // expected-error @below {{ends a phase with arrivals of warps 0, 0, 1, 1, 2, 2, 3, 3, but the first one had arrivals of warps 0, 1, 2, 3, 4, 5, 6, 7}}
    tile.barrier_arrive %b[%c0] : !tile.barrier<1, 8>
  }
  tile.role "other" first 1 count 1 registers 240 {
  ^bb0(%group: i32):
    tile.barrier_arrive %b[%c0] : !tile.barrier<1, 8>
  }
}

// -----

tile.kernel @unknown_bound(%p: !llvm.ptr<1>) warpgroups 1 {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %x = llvm.load %p : !llvm.ptr<1> -> f32
  %n = arith.fptosi %x : f32 to i32
  // expected-error @below {{expects bounds that follow from the arguments of the kernel and integers in global memory}}
  scf.for %i = %c0 to %n step %c1 : i32 {
    tile.fence
  }
}

// -----

tile.kernel @not_followed(%n: i32) warpgroups 1 {
  // expected-error @below {{cannot be followed in a tile program: expects scf.for or scf.if}}
  scf.execute_region {
    scf.yield
  }
}

// -----

// Threads write elements of their own, read those of others, and write again.
tile.kernel @writes_elements(%x: f32) warpgroups 1 {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c2 = arith.constant 2 : i32
  %v = tile.alloc {offset = 0 : i64} : !tile.shared_vector<1, 128>
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  scf.for %i = %c0 to %c2 step %c1 : i32 {
    tile.store_element %x to %v[%thread] : !tile.shared_vector<1, 128>
    tile.sync %c1 warpgroups 1
    %y = tile.element %v[%c0] : !tile.shared_vector<1, 128>
    tile.sync %c1 warpgroups 1
  }
}

// -----

tile.kernel @reads_elements_early(%x: f32) warpgroups 1 {
  %c0 = arith.constant 0 : i32
  %v = tile.alloc {offset = 0 : i64} : !tile.shared_vector<1, 128>
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  // expected-error @below {{overwrites what another warp may still read: expects a tile.sync or a barrier between both}}
  tile.store_element %x to %v[%thread] : !tile.shared_vector<1, 128>
  // expected-note @below {{this is the other access}}
  %y = tile.element %v[%c0] : !tile.shared_vector<1, 128>
}

// -----

tile.kernel @writes_elements_early(%x: f32) warpgroups 1 {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %v = tile.alloc {offset = 0 : i64} : !tile.shared_vector<1, 128>
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  tile.store_element %x to %v[%thread] : !tile.shared_vector<1, 128>
  tile.sync %c1 warpgroups 1
  // expected-error @below {{accesses what another warp may not have written yet: expects a tile.sync or a barrier between both}}
  %y = tile.element %v[%c0] : !tile.shared_vector<1, 128>
  // expected-note @below {{this is the other access}}
  tile.store_element %x to %v[%thread] : !tile.shared_vector<1, 128>
}

// -----

// Two warpgroups compute halves of a product for each other.
tile.kernel @halves(%n: i32) warpgroups 2 {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c3 = arith.constant 3 : i32
  %c32 = arith.constant 32 : i32
  %a = tile.alloc {offset = 0 : i64} : !tile.shared<2, 64, 64, bf16>
  %b = tile.alloc {offset = 16384 : i64} : !tile.shared<2, 64, 64, bf16>
  tile.role "both" first 0 count 2 registers 240 {
  ^bb0(%group: i32):
    %first = arith.muli %group, %c32 : i32
    %mine = tile.stage %a[%group] : !tile.shared<2, 64, 64, bf16> -> !tile.shared<1, 64, 64, bf16>
    %z = tile.constant 1.0 : !tile.accumulator<64, 64, f32>
    tile.store_shared %z to %mine : !tile.accumulator<64, 64, f32> to !tile.shared<1, 64, 64, bf16>
    tile.fence
    tile.sync %c3 warpgroups 2
    %last = scf.for %i = %c0 to %n step %c1 iter_args(%turn = %c0) -> i32 : i32 {
      %both = tile.stage %b[%turn] : !tile.shared<2, 64, 64, bf16> -> !tile.shared<1, 64, 64, bf16>
      %p = tile.contract %mine, %mine columns %first : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 32, f32>
      %x = tile.wait %p : !tile.pending<64, 32, f32> -> !tile.accumulator<64, 32, f32>
      tile.store_shared %x to %both columns %first : !tile.accumulator<64, 32, f32> to !tile.shared<1, 64, 64, bf16>
      tile.fence
      tile.sync %c3 warpgroups 2
      %q = tile.contract %mine, %both : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
      %y = tile.wait %q : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
      %other = arith.xori %turn, %c1 : i32
      scf.yield %other : i32
    }
  }
}

// -----

// The same with one buffer: the half of the next round may come too early.
tile.kernel @halves_of_one(%n: i32) warpgroups 2 {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c3 = arith.constant 3 : i32
  %c32 = arith.constant 32 : i32
  %a = tile.alloc {offset = 0 : i64} : !tile.shared<2, 64, 64, bf16>
  %both = tile.alloc {offset = 16384 : i64} : !tile.shared<1, 64, 64, bf16>
  tile.role "both" first 0 count 2 registers 240 {
  ^bb0(%group: i32):
    %first = arith.muli %group, %c32 : i32
    %mine = tile.stage %a[%group] : !tile.shared<2, 64, 64, bf16> -> !tile.shared<1, 64, 64, bf16>
    %x = tile.constant 1.0 : !tile.accumulator<64, 32, f32>
    %z = tile.constant 1.0 : !tile.accumulator<64, 64, f32>
    tile.store_shared %z to %mine : !tile.accumulator<64, 64, f32> to !tile.shared<1, 64, 64, bf16>
    scf.for %i = %c0 to %n step %c1 : i32 {
      // expected-note @below {{this is the other access}}
      tile.store_shared %x to %both columns %first : !tile.accumulator<64, 32, f32> to !tile.shared<1, 64, 64, bf16>
      tile.fence
      tile.sync %c3 warpgroups 2
      // expected-error @below {{accesses what another warp may not have written yet: expects a tile.sync or a barrier between both}}
      %q = tile.contract %mine, %both : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
      %y = tile.wait %q : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
    }
  }
}

// -----

tile.kernel @same_half() warpgroups 2 {
  %c0 = arith.constant 0 : i32
  %a = tile.alloc {offset = 0 : i64} : !tile.shared<1, 64, 64, bf16>
  tile.role "both" first 0 count 2 registers 240 {
  ^bb0(%group: i32):
    %x = tile.constant 1.0 : !tile.accumulator<64, 32, f32>
    // expected-error @below {{accesses what another warp may not have written yet}}
    // expected-note @below {{this is the other access}}
    tile.store_shared %x to %a columns %c0 : !tile.accumulator<64, 32, f32> to !tile.shared<1, 64, 64, bf16>
  }
}

// -----

tile.kernel @no_half() warpgroups 1 {
  %c48 = arith.constant 48 : i32
  %a = tile.alloc {offset = 0 : i64} : !tile.shared<1, 64, 64, bf16>
  %x = tile.constant 1.0 : !tile.accumulator<64, 32, f32>
  // expected-error @below {{expects columns from a multiple of 32 below 64, but got 48}}
  tile.store_shared %x to %a columns %c48 : !tile.accumulator<64, 32, f32> to !tile.shared<1, 64, 64, bf16>
}

// -----

tile.kernel @no_such_columns() warpgroups 1 {
  %c1 = arith.constant 1 : i32
  %c40 = arith.constant 40 : i32
  %a = tile.alloc {offset = 0 : i64} : !tile.shared<1, 64, 64, bf16>
  %x = tile.constant 1.0 : !tile.accumulator<64, 64, f32>
  tile.store_shared %x to %a : !tile.accumulator<64, 64, f32> to !tile.shared<1, 64, 64, bf16>
  tile.fence
  tile.sync %c1 warpgroups 1
  // expected-error @below {{expects columns from a multiple of 8 up to 32 that follows from the arguments of the kernel}}
  %p = tile.contract %a, %a columns %c40 : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 32, f32>
  %y = tile.wait %p : !tile.pending<64, 32, f32> -> !tile.accumulator<64, 32, f32>
}

// -----

// With as many segments as tokens the loop would run once at most.
tile.kernel @segments(%tokens: i32, %segments: i32) warpgroups 1 {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c64 = arith.constant 64 : i32
  %a = tile.alloc {offset = 0 : i64} : !tile.shared<1, 64, 64, bf16>
  %x = tile.constant 1.0 : !tile.accumulator<64, 64, f32>
  %chunks = arith.ceildivui %tokens, %c64 : i32
  %count = arith.ceildivui %chunks, %segments : i32
  scf.for %i = %c0 to %count step %c1 : i32 {
    // expected-note @below {{this is the other access}}
    tile.store_shared %x to %a : !tile.accumulator<64, 64, f32> to !tile.shared<1, 64, 64, bf16>
    tile.fence
    tile.sync %c1 warpgroups 1
    // expected-error @below {{accesses what another warp may not have written yet}}
    %p = tile.contract %a, %a : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
    %y = tile.wait %p : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
  }
}
