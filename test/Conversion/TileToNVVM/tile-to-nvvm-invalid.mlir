// RUN: linattn-opt %s -split-input-file --convert-tile-to-nvvm -verify-diagnostics

tile.kernel @no_offset() warpgroups 1 {
  // expected-error @below {{expects an offset; run tile-allocate-shared}}
  // expected-error @below {{failed to legalize}}
  %a = tile.alloc : !tile.shared<1, 64, 64, bf16>
}

// -----

// Which contraction it comes from cannot be told.
tile.kernel @wait_for_unknown(%p: !tile.pending<64, 64, f32>) warpgroups 1 {
  // expected-error @below {{expects results of contractions, directly or through scf.for and scf.if}}
  %x = tile.wait %p : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
}

// -----

tile.kernel @no_role(%g: !tile.global<2, 64, bf16>) warpgroups 2 {
  %c0 = arith.constant 0 : i32
  %a = tile.alloc {offset = 0 : i64} : !tile.shared<1, 64, 64, bf16>
  // expected-error @below {{expects to be in a tile.role, or in a kernel of one warpgroup, but the kernel has 2 warpgroups}}
  tile.store %a to %g[%c0, %c0] : !tile.shared<1, 64, 64, bf16> to !tile.global<2, 64, bf16>
}

// -----

tile.kernel @matrix_in_a_warp() warpgroups 2 {
  %a = tile.alloc {offset = 0 : i64} : !tile.shared<1, 64, 64, bf16>
  tile.role "loads" warp 4 count 1 registers 24 {
  ^bb0(%warp: i32):
    // expected-error @below {{expects a role of whole warpgroups, but got a role of 1 warps}}
    %p = tile.contract %a, %a : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
  }
}

// -----

tile.kernel @vector_of_two_warps(%v: !tile.vector<64>) warpgroups 2 {
  tile.role "vectors" warp 4 count 2 registers 24 {
  ^bb0(%warp: i32):
    // expected-error @below {{expects a role of one warp, but got 2 warps}}
    %s = tile.vector_scan %v : !tile.vector<64>
  }
}

// -----

tile.kernel @parts_by_two_warps(%g: !tile.global<2, 64, bf16, align 4>) warpgroups 2 {
  %c0 = arith.constant 0 : i32
  %t = tile.alloc {offset = 0 : i64} : !tile.shared<1, 64, 64, bf16>
  %full = tile.barrier_init {offset = 8192 : i64} : !tile.barrier<1, 1>
  tile.role "loads" warp 4 count 2 registers 24 {
  ^bb0(%warp: i32):
    tile.load_group %full[%c0] : !tile.barrier<1, 1> {
      // expected-error @below {{expects a role of one warp for a tensor that is not aligned to 16 bytes, but got 2 warps}}
      tile.load %g[%c0, %c0] to %t : !tile.global<2, 64, bf16, align 4> to !tile.shared<1, 64, 64, bf16>
    }
  }
}
