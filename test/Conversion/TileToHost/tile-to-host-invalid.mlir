// RUN: linattn-opt %s -split-input-file --convert-tile-to-host -verify-diagnostics

tile.kernel @no_offset() warpgroups 1 {
  // expected-error @below {{expects an offset; run tile-allocate-shared}}
  %a = tile.alloc : !tile.shared<1, 64, 64, bf16>
}

// -----

func.func @no_places(%n: index) {
  tile.launch @empty blocks(%n)
  return
}
// expected-error @below {{expects places in shared memory: run tile-allocate-shared before}}
tile.kernel @empty() warpgroups 1 {
}

// -----

tile.kernel @thread_and_crew() warpgroups 1 {
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  // expected-error @below {{is for a crew: expects a kernel on the host not to read the number of a thread}}
  tile.store_wait 0
}

// -----

tile.kernel @number_of_the_warp() warpgroups 2 {
  %ready = tile.barrier_init {offset = 0 : i64} : !tile.barrier<2, 2>
  // expected-error @below {{expects a role of several warps on the host not to use the number of the warp}}
  tile.role "loads" warp 4 count 2 registers 24 {
  ^bb0(%warp: i32):
    tile.barrier_arrive %ready[%warp] : !tile.barrier<2, 2>
  }
}
