// The copy of a bf16 matrix in tiles of 64 by 64 through tensor maps.

llvm.mlir.global external @smem() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<0 x i8>

// Block (x, y) copies rows 64 y and columns 64 x. The tile lies at the start of
// shared memory, the barrier behind its 8192 bytes.
llvm.func @copy_tile(
    %from: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant},
    %to: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant})
    attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32>} {
  %c0 = llvm.mlir.constant(0 : i32) : i32
  %c1 = llvm.mlir.constant(1 : i32) : i32
  %c64 = llvm.mlir.constant(64 : i32) : i32
  %c8192 = llvm.mlir.constant(8192 : i32) : i32
  %ticks = llvm.mlir.constant(10000000 : i32) : i32
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %leads = llvm.icmp "eq" %tid, %c0 : i32
  llvm.cond_br %leads, ^body, ^exit
^body:
  %tile = llvm.mlir.addressof @smem : !llvm.ptr<3>
  %bar = llvm.getelementptr %tile[8192] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  %bx = nvvm.read.ptx.sreg.ctaid.x : i32
  %by = nvvm.read.ptx.sreg.ctaid.y : i32
  %col = llvm.mul %bx, %c64 : i32
  %row = llvm.mul %by, %c64 : i32
  nvvm.mbarrier.init %bar, %c1 : !llvm.ptr<3>, i32
  nvvm.fence.mbarrier.init
  nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
  nvvm.mbarrier.arrive.expect_tx %bar, %c8192 : !llvm.ptr<3>, i32
  %tile7 = llvm.addrspacecast %tile : !llvm.ptr<3> to !llvm.ptr<7>
  nvvm.cp.async.bulk.tensor.shared.cluster.global %tile7, %from, %bar, box[%col, %row] : !llvm.ptr<7>, !llvm.ptr
  nvvm.mbarrier.try_wait.parity %bar, %c0, %ticks : !llvm.ptr<3>, i32, i32
  nvvm.cp.async.bulk.tensor.global.shared.cta %to, %tile, box[%col, %row] : !llvm.ptr, !llvm.ptr<3>
  nvvm.cp.async.bulk.commit.group
  nvvm.cp.async.bulk.wait_group 0
  llvm.br ^exit
^exit:
  llvm.return
}
