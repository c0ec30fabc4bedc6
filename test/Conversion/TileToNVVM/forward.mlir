// RUN: linattn-opt %s | linattn-opt | FileCheck %s --check-prefix=ROUNDTRIP
// RUN: linattn-opt %s -mlir-print-op-generic | linattn-opt | FileCheck %s --check-prefix=ROUNDTRIP
// RUN: linattn-opt %s --tile-allocate-shared --convert-tile-to-nvvm --convert-scf-to-cf \
// RUN:   --convert-nvvm-to-llvm --convert-arith-to-llvm --convert-cf-to-llvm \
// RUN:   --reconcile-unrealized-casts --canonicalize --cse \
// RUN:   | linattn-translate --linattn-to-ptx --chip=sm_90a | FileCheck %s

// ROUNDTRIP: tile.kernel @forward
// ROUNDTRIP: tile.role "loads" warp 8 count 1 registers 24
// ROUNDTRIP: tile.contract

// CHECK: .version 8.6
// CHECK: .target sm_90a
// CHECK: .extern .shared .align 1024 .b8 tile_shared[];
// CHECK: .visible .entry forward(
// CHECK: .param .align 64 .b8 forward_param_0[128]
// CHECK: .reqntid 384
// CHECK: setmaxnreg.dec.sync.aligned.u32 24;
// CHECK: cp.async.bulk.tensor.4d.shared::cluster.global
// CHECK: setmaxnreg.inc.sync.aligned.u32 240;
// Q K^T and Q S in shared memory, P V and K^T V with registers on the left.
// CHECK-COUNT-16: wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16
// CHECK: ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16
// CHECK-COUNT-12: wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16
// CHECK: stmatrix.sync.aligned.m8n8.x4.shared.b16
// CHECK: cp.async.bulk.tensor.4d.global.shared::cta
// CHECK-NOT: .local

// The forward of one head, constant decay, D = 128, chunks of 64 tokens.
//
//   O = scale-free ((Q K^T) o D) V + exp(G) o (Q S),   S <- exp(G_C) S + (w o K)^T V
//
// Two consumers own 64 value columns of O and S each; one warp loads.
tile.kernel @forward(%q: !tile.global<4, 64, bf16>, %k: !tile.global<4, 64, bf16>,
                     %v: !tile.global<4, 64, bf16>, %o: !tile.global<4, 64, bf16>,
                     %decay: !llvm.ptr<1>, %heads: i32, %tokens: i32) warpgroups 3 {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c3 = arith.constant 3 : i32
  %c63 = arith.constant 63 : i32
  %c64 = arith.constant 64 : i32
  %zero = arith.constant 0.0 : f32
  %log2e = arith.constant 1.44269504 : f32
  %block = tile.block_id
  %batch = arith.divui %block, %heads : i32
  %head = arith.remui %block, %heads : i32
  %rounded = arith.addi %tokens, %c63 : i32
  %chunks = arith.divui %rounded, %c64 : i32

  %qs = tile.alloc : !tile.shared<3, 64, 128, bf16>
  %ks = tile.alloc : !tile.shared<3, 64, 128, bf16>
  %vs = tile.alloc : !tile.shared<3, 64, 128, bf16>
  %states = tile.alloc : !tile.shared<2, 128, 64, bf16>
  %outputs = tile.alloc : !tile.shared<4, 64, 64, bf16>
  %full = tile.barrier_init : !tile.barrier<3, 1>
  %empty = tile.barrier_init : !tile.barrier<3, 8>

  tile.role "loads" warp 8 count 1 registers 24 {
  ^bb0(%group: i32):
    %r:2 = scf.for %c = %c0 to %chunks step %c1 iter_args(%stage = %c0, %phase = %c1) -> (i32, i32) : i32 {
      tile.barrier_wait %empty[%stage] phase %phase : !tile.barrier<3, 8>
      %row = arith.muli %c, %c64 : i32
      %qt = tile.stage %qs[%stage] : !tile.shared<3, 64, 128, bf16> -> !tile.shared<1, 64, 128, bf16>
      %kt = tile.stage %ks[%stage] : !tile.shared<3, 64, 128, bf16> -> !tile.shared<1, 64, 128, bf16>
      %vt = tile.stage %vs[%stage] : !tile.shared<3, 64, 128, bf16> -> !tile.shared<1, 64, 128, bf16>
      tile.load_group %full[%stage] : !tile.barrier<3, 1> {
        tile.load %q[%batch, %head, %row, %c0] to %qt : !tile.global<4, 64, bf16> to !tile.shared<1, 64, 128, bf16>
        tile.load %k[%batch, %head, %row, %c0] to %kt : !tile.global<4, 64, bf16> to !tile.shared<1, 64, 128, bf16>
        tile.load %v[%batch, %head, %row, %c0] to %vt : !tile.global<4, 64, bf16> to !tile.shared<1, 64, 128, bf16>
      }
      %next = arith.addi %stage, %c1 : i32
      %wraps = arith.cmpi eq, %next, %c3 : i32
      %stage1 = arith.select %wraps, %c0, %next : i32
      %flip = arith.extui %wraps : i1 to i32
      %phase1 = arith.xori %phase, %flip : i32
      scf.yield %stage1, %phase1 : i32, i32
    }
  }

  tile.role "consumer" first 0 count 2 registers 240 {
  ^bb0(%group: i32):
    %at = llvm.getelementptr %decay[%head] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    %g = llvm.load %at : !llvm.ptr<1> -> f32
    %g2 = arith.mulf %g, %log2e : f32
    %f64 = arith.constant 64.0 : f32
    %gc = arith.mulf %g2, %f64 : f32
    %total = math.exp2 %gc : f32
    %column = arith.muli %group, %c64 : i32
    %id = arith.addi %group, %c1 : i32
    %st = tile.stage %states[%group] : !tile.shared<2, 128, 64, bf16> -> !tile.shared<1, 128, 64, bf16>
    %s0 = tile.constant 0.0 : !tile.accumulator<128, 64, f32>
    tile.store_shared %s0 to %st : !tile.accumulator<128, 64, f32> to !tile.shared<1, 128, 64, bf16>
    tile.fence
    tile.sync %id warpgroups 1
    %r:3 = scf.for %c = %c0 to %chunks step %c1 iter_args(%stage = %c0, %phase = %c0, %s = %s0) -> (i32, i32, !tile.accumulator<128, 64, f32>) : i32 {
      tile.barrier_wait %full[%stage] phase %phase : !tile.barrier<3, 1>
      %qt = tile.stage %qs[%stage] : !tile.shared<3, 64, 128, bf16> -> !tile.shared<1, 64, 128, bf16>
      %kt = tile.stage %ks[%stage] : !tile.shared<3, 64, 128, bf16> -> !tile.shared<1, 64, 128, bf16>
      %vt = tile.stage %vs[%stage] : !tile.shared<3, 64, 128, bf16> -> !tile.shared<1, 64, 128, bf16>
      %vp = tile.panel %vt[%column] : !tile.shared<1, 64, 128, bf16> -> !tile.shared<1, 64, 64, bf16>
      %a0 = tile.contract %qt, %kt : !tile.shared<1, 64, 128, bf16>, !tile.shared<1, 64, 128, bf16> -> !tile.pending<64, 64, f32>
      %o0 = tile.contract %qt, %st transposed : !tile.shared<1, 64, 128, bf16>, !tile.shared<1, 128, 64, bf16> -> !tile.pending<64, 64, f32>
      %a = tile.wait %a0 : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
      %p = tile.map %a : (!tile.accumulator<64, 64, f32>) -> !tile.operand<64, 64, bf16> {
      ^bb0(%x: f32, %i: i32, %j: i32):
        %d = arith.subi %i, %j : i32
        %df = arith.sitofp %d : i32 to f32
        %e = arith.mulf %df, %g2 : f32
        %f = math.exp2 %e : f32
        %reads = arith.cmpi sge, %d, %c0 : i32
        %w = arith.select %reads, %f, %zero : f32
        %y = arith.mulf %x, %w : f32
        tile.yield %y : f32
      }
      %kT = tile.load_operand %kt transposed : !tile.shared<1, 64, 128, bf16> -> !tile.operand<128, 64, bf16>
      %kd = tile.map %kT : (!tile.operand<128, 64, bf16>) -> !tile.operand<128, 64, bf16> {
      ^bb0(%x: f32, %i: i32, %j: i32):
        %d = arith.subi %c63, %j : i32
        %df = arith.sitofp %d : i32 to f32
        %e = arith.mulf %df, %g2 : f32
        %f = math.exp2 %e : f32
        %y = arith.mulf %x, %f : f32
        tile.yield %y : f32
      }
      %sd = tile.map %s : (!tile.accumulator<128, 64, f32>) -> !tile.accumulator<128, 64, f32> {
      ^bb0(%x: f32, %i: i32, %j: i32):
        %y = arith.mulf %x, %total : f32
        tile.yield %y : f32
      }
      %o1 = tile.wait %o0 : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
      %o2 = tile.map %o1 : (!tile.accumulator<64, 64, f32>) -> !tile.accumulator<64, 64, f32> {
      ^bb0(%x: f32, %i: i32, %j: i32):
        %d = arith.addi %i, %c1 : i32
        %df = arith.sitofp %d : i32 to f32
        %e = arith.mulf %df, %g2 : f32
        %f = math.exp2 %e : f32
        %y = arith.mulf %x, %f : f32
        tile.yield %y : f32
      }
      %o3 = tile.contract %p, %vp transposed into %o2 : !tile.operand<64, 64, bf16>, !tile.shared<1, 64, 64, bf16> into !tile.accumulator<64, 64, f32> -> !tile.pending<64, 64, f32>
      %s1 = tile.contract %kd, %vp transposed into %sd : !tile.operand<128, 64, bf16>, !tile.shared<1, 64, 64, bf16> into !tile.accumulator<128, 64, f32> -> !tile.pending<128, 64, f32>
      %o4 = tile.wait %o3 : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
      %parity = arith.andi %c, %c1 : i32
      %twice = arith.shli %parity, %c1 : i32
      %slot = arith.addi %twice, %group : i32
      %ot = tile.stage %outputs[%slot] : !tile.shared<4, 64, 64, bf16> -> !tile.shared<1, 64, 64, bf16>
      tile.store_shared %o4 to %ot : !tile.accumulator<64, 64, f32> to !tile.shared<1, 64, 64, bf16>
      tile.fence
      %s2 = tile.wait %s1 : !tile.pending<128, 64, f32> -> !tile.accumulator<128, 64, f32>
      tile.barrier_arrive %empty[%stage] : !tile.barrier<3, 8>
      tile.sync %id warpgroups 1
      %row = arith.muli %c, %c64 : i32
      tile.store %ot to %o[%batch, %head, %row, %column] : !tile.shared<1, 64, 64, bf16> to !tile.global<4, 64, bf16>
      tile.store_shared %s2 to %st : !tile.accumulator<128, 64, f32> to !tile.shared<1, 128, 64, bf16>
      tile.fence
      tile.store_wait 1 reads_only
      tile.sync %id warpgroups 1
      %next = arith.addi %stage, %c1 : i32
      %wraps = arith.cmpi eq, %next, %c3 : i32
      %stage1 = arith.select %wraps, %c0, %next : i32
      %flip = arith.extui %wraps : i1 to i32
      %phase1 = arith.xori %phase, %flip : i32
      scf.yield %stage1, %phase1, %s2 : i32, i32, !tile.accumulator<128, 64, f32>
    }
    tile.store_wait 0
  }
}
