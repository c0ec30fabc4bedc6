// RUN: linattn-opt %s --tile-allocate-shared | FileCheck %s
// RUN: not linattn-opt %s --tile-allocate-shared=limit=32768 2>&1 | FileCheck %s --check-prefix=LIMIT

// LIMIT: error: 'tile.kernel' op expects at most 32768 bytes of shared memory, but needs 41496
// CHECK: tile.kernel @kernel() warpgroups 1 attributes {shared_bytes = 41496 : i64}
tile.kernel @kernel() warpgroups 1 {
  // Barriers lie behind vectors, vectors behind tiles, and tiles where the swizzle starts anew.
  // CHECK: tile.alloc {offset = 0 : i64} : !tile.shared<3, 64, 64, bf16>
  %a = tile.alloc : !tile.shared<3, 64, 64, bf16>
  // CHECK: tile.barrier_init {offset = 41472 : i64}
  %b = tile.barrier_init : !tile.barrier<3, 1>
  // CHECK: tile.alloc {offset = 40960 : i64} : !tile.shared_vector<2, 64>
  %v = tile.alloc : !tile.shared_vector<2, 64>
  // CHECK: tile.alloc {offset = 24576 : i64} : !tile.shared<1, 8, 64, bf16>
  %c = tile.alloc : !tile.shared<1, 8, 64, bf16>
  // CHECK: tile.alloc {offset = 25600 : i64}
  %d = tile.alloc : !tile.shared<1, 120, 64, bf16>
}
