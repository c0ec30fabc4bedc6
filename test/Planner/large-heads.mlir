// Heads that are too large for one thread block: two share each.
// RUN: linattn-opt %s --linattn-to-normal-form-pipeline="chunk=64 sub-chunk=64 head-align=64 coarse-spans=true" \
// RUN:   --linattn-normal-form-to-tile-pipeline --tile-allocate-shared --tile-verify \
// RUN:   --split-input-file | FileCheck %s
// RUN: linattn-opt %s --linattn-to-normal-form-pipeline="chunk=64 sub-chunk=64 head-align=64 coarse-spans=true" \
// RUN:   --linattn-normal-form-to-tile-pipeline="column-blocks=4" --tile-allocate-shared --tile-verify \
// RUN:   --split-input-file | FileCheck %s --check-prefix=FOUR

// The transpose of a state of 256 x 256 is an operand in registers, half of it
// at a time; a thread block has the columns of 128 channels of the values, and a
// warpgroup those of 64.
// CHECK-LABEL: func.func @square
// CHECK: %[[BLOCKS:.*]] = arith.constant 16 : index
// CHECK: tile.launch @square_0 blocks(%[[BLOCKS]])
// CHECK: tile.kernel @square_0
// CHECK: %[[ID:.*]] = tile.block_id
// CHECK: %[[PART:.*]] = arith.remui %[[ID]], %c2
// CHECK: %[[FIRST:.*]] = arith.muli %[[PART]], %c128
// CHECK-COUNT-2: tile.alloc {{.*}} : !tile.shared<2, 64, 256, bf16>
// CHECK: tile.alloc {{.*}} : !tile.shared<2, 64, 128, bf16>
// CHECK: tile.role "loads"
// CHECK-COUNT-2: tile.load %{{.*}}, %c0{{.*}}] to {{.*}} to <1, 64, 256, bf16>
// CHECK: tile.load %{{.*}}, %[[FIRST]]] to {{.*}} to <1, 64, 128, bf16>
// CHECK: tile.role "compute" first 0 count 2
// CHECK: scf.for
// The weights lie in shared memory before the state takes their registers.
// CHECK: %[[P:.*]] = tile.contract
// CHECK: tile.wait %[[P]]
// CHECK: tile.store_shared
// CHECK: tile.columns %[[S:.*]] from 0 : !tile.accumulator<64, 256, f32> -> !tile.accumulator<64, 128, f32>
// CHECK: tile.contract {{.*}} : !tile.operand<64, 128, bf16>
// CHECK: tile.columns %[[S]] from 128
// CHECK: tile.contract {{.*}} into {{.*}} : !tile.operand<64, 128, bf16>
// CHECK: tile.store_shared {{.*}} transposed
// FOUR-LABEL: func.func @square
// FOUR: %[[BLOCKS:.*]] = arith.constant 32 : index
// FOUR: tile.launch @square_0 blocks(%[[BLOCKS]])
// FOUR: arith.remui {{.*}}, %c4
// FOUR: tile.role "compute" first 0 count 1
func.func @square(%q: tensor<2x300x4x256xbf16>, %k: tensor<2x300x4x256xbf16>,
                  %v: tensor<2x300x4x256xbf16>, %g: tensor<4xf32>,
                  %o: tensor<2x300x4x256xbf16>) -> tensor<2x300x4x256xbf16> {
  %r = linattn.attention
      ins(%q, %k, %v : tensor<2x300x4x256xbf16>, tensor<2x300x4x256xbf16>, tensor<2x300x4x256xbf16>)
      key_decay(%g : tensor<4xf32>)
      outs(%o : tensor<2x300x4x256xbf16>) -> tensor<2x300x4x256xbf16>
  return %r : tensor<2x300x4x256xbf16>
}

// -----

// A state of f16 could overflow, so it stays a right operand, and one chunk is
// in shared memory at a time.
// CHECK-LABEL: func.func @half
// CHECK: tile.alloc {{.*}} : !tile.shared<1, 64, 256, f16>
// CHECK: tile.alloc {{.*}} : !tile.shared<2, 256, 64, bf16>
// CHECK-NOT: tile.store_shared {{.*}} transposed
// FOUR-LABEL: func.func @half
func.func @half(%q: tensor<2x300x4x256xf16>, %k: tensor<2x300x4x256xf16>,
                %v: tensor<2x300x4x256xf16>, %g: tensor<4xf32>,
                %o: tensor<2x300x4x256xf16>) -> tensor<2x300x4x256xf16> {
  %r = linattn.attention
      ins(%q, %k, %v : tensor<2x300x4x256xf16>, tensor<2x300x4x256xf16>, tensor<2x300x4x256xf16>)
      key_decay(%g : tensor<4xf32>)
      outs(%o : tensor<2x300x4x256xf16>) -> tensor<2x300x4x256xf16>
  return %r : tensor<2x300x4x256xf16>
}
