// y += a * x over one dimension, for any GPU.

llvm.func @saxpy(%n: i64, %a: f32, %x: !llvm.ptr, %y: !llvm.ptr)
    attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256>} {
  %ctaid = nvvm.read.ptx.sreg.ctaid.x : i32
  %ntid = nvvm.read.ptx.sreg.ntid.x : i32
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %ctaid64 = llvm.zext %ctaid : i32 to i64
  %ntid64 = llvm.zext %ntid : i32 to i64
  %tid64 = llvm.zext %tid : i32 to i64
  %first = llvm.mul %ctaid64, %ntid64 : i64
  %i = llvm.add %first, %tid64 : i64
  %inside = llvm.icmp "slt" %i, %n : i64
  llvm.cond_br %inside, ^body, ^exit
^body:
  %xg = llvm.addrspacecast %x : !llvm.ptr to !llvm.ptr<1>
  %yg = llvm.addrspacecast %y : !llvm.ptr to !llvm.ptr<1>
  %px = llvm.getelementptr %xg[%i] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
  %py = llvm.getelementptr %yg[%i] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
  %vx = llvm.load %px : !llvm.ptr<1> -> f32
  %vy = llvm.load %py : !llvm.ptr<1> -> f32
  %ax = llvm.fmul %a, %vx : f32
  %r = llvm.fadd %vy, %ax : f32
  llvm.store %r, %py : f32, !llvm.ptr<1>
  llvm.br ^exit
^exit:
  llvm.return
}
