// Every way to place a kernel gives a program that verifies, and does what its
// name says.
// DEFINE: %{form} = linattn-opt %s --linattn-to-normal-form-pipeline="chunk=64 sub-chunk=64 head-align=64"
// RUN: %{form} --linattn-normal-form-to-tile-pipeline="stages=2" \
// RUN:   --tile-allocate-shared --tile-verify | FileCheck %s --check-prefix=STAGES
// RUN: %{form} --linattn-normal-form-to-tile-pipeline="early=true" \
// RUN:   --tile-allocate-shared --tile-verify | FileCheck %s --check-prefix=EARLY
// RUN: %{form} --linattn-normal-form-to-tile-pipeline="recompute=true" \
// RUN:   --tile-allocate-shared --tile-verify | FileCheck %s --check-prefix=RECOMPUTE
// RUN: %{form} --linattn-normal-form-to-tile-pipeline="state-first=true publish-first=true" \
// RUN:   --tile-allocate-shared --tile-verify | FileCheck %s --check-prefix=FIRST
// RUN: %{form} --linattn-normal-form-to-tile-pipeline="move-factors=false" \
// RUN:   --tile-allocate-shared --tile-verify | FileCheck %s --check-prefix=LEFT
// RUN: %{form} --linattn-normal-form-to-tile-pipeline="transpose-states=true share-operands=true" \
// RUN:   --tile-allocate-shared --tile-verify | FileCheck %s --check-prefix=SHARE
// RUN: %{form} --linattn-normal-form-to-tile-pipeline="transpose-states=true share-operands=true early=true" \
// RUN:   --tile-allocate-shared --tile-verify | FileCheck %s --check-prefix=AHEAD
// RUN: %{form} --linattn-normal-form-to-tile-pipeline="transpose-states=true share-operands=true segments=2" \
// RUN:   --tile-allocate-shared --tile-verify | FileCheck %s --check-prefix=SEGMENTS

// STAGES: tile.alloc {{.*}} : !tile.shared<2, 64, 128, bf16>

// The queries' weights are computed an iteration ahead, when the contractions of
// this one have been issued.
// EARLY: scf.for {{.*}} !tile.operand<64, 64, bf16>)
// EARLY: tile.contract {{.*}} transposed : !tile.shared<1, 64, 128, bf16>, <1, 128, 64, bf16>
// EARLY: %[[WEIGHTS:.*]] = tile.contract {{.*}} : !tile.shared<1, 64, 128, bf16>, <1, 64, 128, bf16> -> <64, 64, f32>
// EARLY: tile.contract {{.*}} : !tile.operand<64, 64, bf16>
// EARLY: tile.contract {{.*}} -> <128, 64, f32>
// EARLY: tile.wait %[[WEIGHTS]]
// EARLY: scf.yield {{.*}} !tile.operand<64, 64, bf16>

// RECOMPUTE: tile.map {{.*}} recompute {

// The state is updated before the queries' weights are waited for.
// FIRST: tile.contract {{.*}} into !tile.accumulator<128, 64, f32>
// FIRST: tile.contract {{.*}} into !tile.accumulator<64, 64, f32>

// The keys are scaled in registers.
// LEFT: tile.contract %{{.*}}, %{{.*}} transposed into %{{.*}} : !tile.operand<128, 64, bf16>

// Each of two warpgroups computes half of the weights, and they meet before they
// read them. The output goes out before the state is waited for.
// SHARE: tile.plan = #tile.plan<groups = 2, {{.*}}share_operands = true>
// SHARE: %[[WEIGHTS:.*]] = tile.alloc {{.*}} : !tile.shared<2, 64, 64, bf16>
// SHARE: tile.role "compute"
// SHARE: scf.for
// SHARE: %[[COLUMN:.*]] = arith.muli %{{.*}}, %c32_i32
// SHARE: tile.contract {{.*}} columns %[[COLUMN]] {{.*}} -> <64, 32, f32>
// SHARE: tile.store_shared {{.*}} columns %[[COLUMN]] : <64, 32, f32> to <1, 64, 64, bf16>
// SHARE: tile.sync %c3_i32 warpgroups 2
// SHARE: %[[STATE:.*]] = tile.contract {{.*}} into !tile.accumulator<64, 128, f32>
// SHARE: tile.store %
// SHARE: tile.wait %[[STATE]]

// The same an iteration ahead, into the other one of two buffers.
// AHEAD: scf.for
// AHEAD: tile.contract {{.*}} columns {{.*}} -> <64, 32, f32>
// AHEAD: tile.sync %c3_i32 warpgroups 2
// AHEAD: tile.contract {{.*}} into !tile.accumulator<64, 128, f32>
// AHEAD: %[[OTHER:.*]] = arith.xori %{{.*}}, %c1_i32
// AHEAD: tile.stage {{.*}}[%[[OTHER]]]
// AHEAD: tile.store_shared {{.*}} columns

// So do kernels that go on where another segment has ended, without being told.
// SEGMENTS: tile.kernel @f_0({{.*}} early = false, {{.*}} share_operands = false>
// SEGMENTS: tile.kernel @f_1({{.*}} early = true, {{.*}} share_operands = true>
func.func @f(%q: tensor<2x?x4x128xbf16>, %k: tensor<2x?x4x128xbf16>,
             %v: tensor<2x?x4x128xbf16>, %g: tensor<4xf32>,
             %o: tensor<2x?x4x128xbf16>) -> tensor<2x?x4x128xbf16> {
  %r = linattn.attention
      ins(%q, %k, %v : tensor<2x?x4x128xbf16>, tensor<2x?x4x128xbf16>, tensor<2x?x4x128xbf16>)
      key_decay(%g : tensor<4xf32>)
      outs(%o : tensor<2x?x4x128xbf16>) -> tensor<2x?x4x128xbf16>
  return %r : tensor<2x?x4x128xbf16>
}
