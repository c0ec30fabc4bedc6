// RUN: linattn-opt %s --cse --tile-simplify-maps | FileCheck %s
// RUN: linattn-opt %s --cse --tile-simplify-maps --tile-split-maps | FileCheck %s --check-prefix=SPLIT

// CHECK-LABEL: tile.kernel @mask
// The product of what is the same for all elements is outside of the map, the
// selection inside of the chosen side of another is gone.
// CHECK: %[[SCALED:.*]] = arith.mulf %{{.*}}, %{{.*}} : f32
// CHECK: tile.map
// CHECK: arith.mulf %[[SCALED]]
// CHECK-NOT: arith.select
// CHECK: math.exp2
// CHECK-NOT: math.exp %
// CHECK: arith.select
// CHECK-NOT: arith.select
// CHECK: tile.yield

// The exponential does not wait for the contraction.
// SPLIT-LABEL: tile.kernel @mask
// SPLIT: tile.contract
// SPLIT: %[[W:.*]] = tile.map : () -> !tile.accumulator<64, 64, f32>
// SPLIT: math.exp2
// SPLIT: %[[S:.*]] = tile.wait
// SPLIT: tile.map %[[S]], %[[W]]
// SPLIT-NOT: math.exp2
// SPLIT: tile.store_shared
tile.kernel @mask(%x: !tile.global<2, 64, bf16>, %g: f32) warpgroups 1 {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %zero = arith.constant 0.0 : f32
  %never = arith.constant 0xFF800000 : f32
  %q = tile.alloc : !tile.shared<1, 64, 64, bf16>
  %p = tile.alloc : !tile.shared<1, 64, 64, bf16>
  tile.role "compute" first 0 count 1 registers 128 {
  ^bb0(%group: i32):
    %a = tile.contract %q, %q : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
    %s = tile.wait %a : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
    %m = tile.map %s : (!tile.accumulator<64, 64, f32>) -> !tile.accumulator<64, 64, f32> {
    ^bb0(%e: f32, %i: i32, %j: i32):
      %d = arith.subi %i, %j : i32
      %f = arith.sitofp %d : i32 to f32
      %exponent = arith.mulf %g, %f : f32
      %first = arith.cmpi sge, %i, %j : i32
      %masked = arith.select %first, %exponent, %never : f32
      %w = math.exp %masked : f32
      %y = arith.mulf %e, %w : f32
      %second = arith.cmpi sge, %i, %j : i32
      %z = arith.select %second, %y, %zero : f32
      tile.yield %z : f32
    }
    tile.store_shared %m to %p : !tile.accumulator<64, 64, f32> to !tile.shared<1, 64, 64, bf16>
  }
}
