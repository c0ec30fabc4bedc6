// RUN: linattn-opt %s -split-input-file --convert-tile-to-nvvm -verify-diagnostics

tile.kernel @no_offset() warpgroups 1 {
  // expected-error @below {{expects an offset; run tile-allocate-shared}}
  // expected-error @below {{failed to legalize}}
  %a = tile.alloc : !tile.shared<1, 64, 64, bf16>
}

// -----

// How many groups may stay in flight cannot be told.
tile.kernel @wait_elsewhere(%c: i1) warpgroups 1 {
  %a = tile.alloc {offset = 0 : i64} : !tile.shared<1, 64, 64, bf16>
  %p = tile.contract %a, %a : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
  scf.if %c {
    // expected-error @below {{expects contractions of the same block}}
    %x = tile.wait %p : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
  }
}

// -----

tile.kernel @nested_contraction(%c: i1) warpgroups 1 {
  %a = tile.alloc {offset = 0 : i64} : !tile.shared<1, 64, 64, bf16>
  %p = tile.contract %a, %a : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
  scf.if %c {
    %q = tile.contract %a, %a : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
  }
  // expected-error @below {{expects no contraction nested in an op between a contraction and its wait}}
  %x = tile.wait %p : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
}
