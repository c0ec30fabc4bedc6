// Two kernels for the LLVM backend, which test_llvm.py compiles:
// a product of 64 x 64 tiles by bulk tensor copies and wgmma, of which it stores
// accumulators 0, 1 and 30, and one of 16 x 16 by 16 x 8 by cp.async, ldmatrix and
// mma.sync.
!acc = !llvm.struct<(f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32)>
module {
  llvm.mlir.global external @smem() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<0 x i8>

  llvm.func @hopper(%a: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant},
                    %b: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant},
                    %d: !llvm.ptr<1>) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128, 1, 1>} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %ticks = arith.constant 10000000 : i32
    %bytes = arith.constant 16384 : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %smem = llvm.mlir.addressof @smem : !llvm.ptr<3>
    %bsm = llvm.getelementptr %smem[8192] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
    %bar = llvm.getelementptr %smem[16384] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
    %first = arith.cmpi eq, %tid, %c0 : i32
    scf.if %first {
      nvvm.mbarrier.init %bar, %c1 : !llvm.ptr<3>, i32
      nvvm.fence.mbarrier.init
      nvvm.mbarrier.arrive.expect_tx %bar, %bytes : !llvm.ptr<3>, i32
      %ac = llvm.addrspacecast %smem : !llvm.ptr<3> to !llvm.ptr<7>
      %bc = llvm.addrspacecast %bsm : !llvm.ptr<3> to !llvm.ptr<7>
      nvvm.cp.async.bulk.tensor.shared.cluster.global %ac, %a, %bar, box[%c0, %c0] : !llvm.ptr<7>, !llvm.ptr
      nvvm.cp.async.bulk.tensor.shared.cluster.global %bc, %b, %bar, box[%c0, %c0] : !llvm.ptr<7>, !llvm.ptr
    }
    nvvm.barrier0
    nvvm.mbarrier.try_wait.parity %bar, %c0, %ticks : !llvm.ptr<3>, i32, i32
    %hi = arith.constant 4611686293305360384 : i64
    %zero = arith.constant 0.0 : f32
    %init = llvm.mlir.zero : !acc
    %ai = llvm.ptrtoint %smem : !llvm.ptr<3> to i64
    %bi = llvm.ptrtoint %bsm : !llvm.ptr<3> to i64
    %c4 = arith.constant 4 : i64
    %mask = arith.constant 16383 : i64
    %as = arith.shrui %ai, %c4 : i64
    %bs = arith.shrui %bi, %c4 : i64
    %am = arith.andi %as, %mask : i64
    %bm = arith.andi %bs, %mask : i64
    %ad = arith.ori %am, %hi : i64
    %bd = arith.ori %bm, %hi : i64
    %l0 = arith.constant 0 : i64
    %l4 = arith.constant 4 : i64
    %l1 = arith.constant 1 : i64
    %two = arith.constant 2 : i64
    %lane32 = arith.constant 31 : i32
    nvvm.wgmma.fence.aligned
    %r = scf.for %k = %l0 to %l4 step %l1 iter_args(%acc = %init) -> (!acc) : i64 {
      %step = arith.muli %k, %two : i64
      %ak = arith.addi %ad, %step : i64
      %bk = arith.addi %bd, %step : i64
      %n = nvvm.wgmma.mma_async %ak, %bk, %acc, <m = 64, n = 64, k = 16>, D [<f32>, #nvvm.wgmma_scale_out<one>], A [<bf16>, #nvvm.wgmma_scale_in<one>, <row>], B [<bf16>, #nvvm.wgmma_scale_in<one>, <col>] : !acc -> !acc
      scf.yield %n : !acc
    }
    nvvm.wgmma.commit.group.sync.aligned
    nvvm.wgmma.wait.group.sync.aligned 0
    // The first four accumulators of a lane are columns 0 to 7 of its rows.
    %v0 = llvm.extractvalue %r[0] : !acc
    %v1 = llvm.extractvalue %r[1] : !acc
    %v30 = llvm.extractvalue %r[30] : !acc
    %i5 = arith.constant 5 : i32
    %i4 = arith.constant 4 : i32
    %i2 = arith.constant 2 : i32
    %i3 = arith.constant 3 : i32
    %i64 = arith.constant 64 : i32
    %warp = arith.shrui %tid, %i5 : i32
    %lane = arith.andi %tid, %lane32 : i32
    %wrow = arith.shli %warp, %i4 : i32
    %g = arith.shrui %lane, %i2 : i32
    %row = arith.addi %wrow, %g : i32
    %q = arith.andi %lane, %i3 : i32
    %col = arith.shli %q, %c1 : i32
    %rowoff = arith.muli %row, %i64 : i32
    %at = arith.addi %rowoff, %col : i32
    %p = llvm.getelementptr %d[%at] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    llvm.store %v0, %p : f32, !llvm.ptr<1>
    %p1 = llvm.getelementptr %p[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32
    llvm.store %v1, %p1 : f32, !llvm.ptr<1>
    %p30 = llvm.getelementptr %p[568] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32
    llvm.store %v30, %p30 : f32, !llvm.ptr<1>
    llvm.return
  }

  llvm.func @ampere(%ab: !llvm.ptr<1>, %d: !llvm.ptr<1>) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32, 1, 1>} {
    %i1 = arith.constant 1 : i32
    %i2 = arith.constant 2 : i32
    %i3 = arith.constant 3 : i32
    %i4 = arith.constant 4 : i32
    %i5 = arith.constant 5 : i32
    %i7 = arith.constant 7 : i32
    %i15 = arith.constant 15 : i32
    %i16 = arith.constant 16 : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %smem = llvm.mlir.addressof @smem : !llvm.ptr<3>
    %off = arith.shli %tid, %i4 : i32
    %to = llvm.getelementptr %smem[%off] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    %from = llvm.getelementptr %ab[%off] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    nvvm.cp.async.shared.global %to, %from, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
    %low = arith.cmpi ult, %tid, %i16 : i32
    scf.if %low {
      %to2 = llvm.getelementptr %to[512] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
      %from2 = llvm.getelementptr %from[512] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i8
      nvvm.cp.async.shared.global %to2, %from2, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
    }
    nvvm.cp.async.commit.group
    nvvm.cp.async.wait.group 0
    nvvm.barrier0
    %row = arith.andi %tid, %i15 : i32
    %half = arith.shrui %tid, %i4 : i32
    %rowo = arith.shli %row, %i5 : i32
    %halfo = arith.shli %half, %i4 : i32
    %ao = arith.addi %rowo, %halfo : i32
    %ap = llvm.getelementptr %smem[%ao] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    %a = nvvm.ldmatrix %ap {num = 4 : i32, layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32, i32, i32)>
    %n = arith.andi %tid, %i7 : i32
    %h = arith.shrui %tid, %i3 : i32
    %h1 = arith.andi %h, %i1 : i32
    %no = arith.shli %n, %i5 : i32
    %ho = arith.shli %h1, %i4 : i32
    %bo = arith.addi %no, %ho : i32
    %bbase = llvm.getelementptr %smem[512] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
    %bp = llvm.getelementptr %bbase[%bo] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    %b = nvvm.ldmatrix %bp {num = 2 : i32, layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32)>
    %a0 = llvm.extractvalue %a[0] : !llvm.struct<(i32, i32, i32, i32)>
    %a1 = llvm.extractvalue %a[1] : !llvm.struct<(i32, i32, i32, i32)>
    %a2 = llvm.extractvalue %a[2] : !llvm.struct<(i32, i32, i32, i32)>
    %a3 = llvm.extractvalue %a[3] : !llvm.struct<(i32, i32, i32, i32)>
    %b0 = llvm.extractvalue %b[0] : !llvm.struct<(i32, i32)>
    %b1 = llvm.extractvalue %b[1] : !llvm.struct<(i32, i32)>
    %z = arith.constant 0.0 : f32
    %r = nvvm.mma.sync A[%a0, %a1, %a2, %a3] B[%b0, %b1] C[%z, %z, %z, %z] {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, multiplicandAPtxType = #nvvm.mma_type<bf16>, multiplicandBPtxType = #nvvm.mma_type<bf16>, shape = #nvvm.shape<m = 16, n = 8, k = 16>} : (i32, i32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
    %r0 = llvm.extractvalue %r[0] : !llvm.struct<(f32, f32, f32, f32)>
    %r1 = llvm.extractvalue %r[1] : !llvm.struct<(f32, f32, f32, f32)>
    %r2 = llvm.extractvalue %r[2] : !llvm.struct<(f32, f32, f32, f32)>
    %r3 = llvm.extractvalue %r[3] : !llvm.struct<(f32, f32, f32, f32)>
    %g = arith.shrui %tid, %i2 : i32
    %q = arith.andi %tid, %i3 : i32
    %go = arith.shli %g, %i3 : i32
    %qo = arith.shli %q, %i1 : i32
    %at = arith.addi %go, %qo : i32
    %p0 = llvm.getelementptr %d[%at] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    %p1 = llvm.getelementptr %p0[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32
    %p2 = llvm.getelementptr %p0[64] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32
    %p3 = llvm.getelementptr %p0[65] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32
    llvm.store %r0, %p0 : f32, !llvm.ptr<1>
    llvm.store %r1, %p1 : f32, !llvm.ptr<1>
    llvm.store %r2, %p2 : f32, !llvm.ptr<1>
    llvm.store %r3, %p3 : f32, !llvm.ptr<1>
    llvm.return
  }
}
