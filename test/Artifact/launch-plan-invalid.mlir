// What a launch plan cannot hold, with the place.
// RUN: split-file %s %t
// RUN: not linattn-compile %t/op.mlir --target=sm_90a --ptx-only -o %t/x.lna 2>&1 | FileCheck %t/op.mlir
// RUN: not linattn-compile %t/scalar.mlir --target=sm_90a --ptx-only -o %t/x.lna 2>&1 | FileCheck %t/scalar.mlir
// RUN: not linattn-compile %t/float.mlir --target=sm_90a --ptx-only -o %t/x.lna 2>&1 | FileCheck %t/float.mlir
// RUN: not linattn-compile %t/unsigned.mlir --target=sm_90a --ptx-only -o %t/x.lna 2>&1 | FileCheck %t/unsigned.mlir
// RUN: not linattn-compile %t/wrap.mlir --target=sm_90a --ptx-only -o %t/x.lna 2>&1 | FileCheck %t/wrap.mlir
// RUN: not linattn-compile %t/overwritten.mlir --target=sm_90a --ptx-only -o %t/x.lna 2>&1 | FileCheck %t/overwritten.mlir
// RUN: not linattn-compile %t/argument.mlir --target=sm_90a --ptx-only -o %t/x.lna 2>&1 | FileCheck %t/argument.mlir
// RUN: not linattn-compile %t/returned.mlir --target=sm_90a --ptx-only -o %t/x.lna 2>&1 | FileCheck %t/returned.mlir
// RUN: not linattn-compile %t/inplace.mlir --target=sm_90a --ptx-only -o %t/x.lna 2>&1 | FileCheck %t/inplace.mlir
// RUN: not linattn-compile %t/twice.mlir --target=sm_90a --ptx-only -o %t/x.lna 2>&1 | FileCheck %t/twice.mlir
// RUN: not linattn-compile %t/unwritten.mlir --target=sm_90a --ptx-only -o %t/x.lna 2>&1 | FileCheck %t/unwritten.mlir
// RUN: not linattn-compile %t/device.mlir --target=sm_90a --ptx-only -o %t/x.lna 2>&1 | FileCheck %t/device.mlir
// RUN: not linattn-compile %t/shared.mlir --target=sm_90a --ptx-only -o %t/x.lna 2>&1 | FileCheck %t/shared.mlir
// RUN: not ls %t/x.lna

//--- op.mlir
tile.kernel @k(%f: f32, %x: !llvm.ptr<1>, %x0: i64) warpgroups 1 {
}
func.func @f(%x: tensor<?xf32>) -> tensor<4xf32> {
  %c1 = arith.constant 1 : index
  %y = tensor.empty() : tensor<4xf32>
  // CHECK: op.mlir:[[#@LINE+1]]:8: error: 'tensor.extract' op is not something that an artifact can launch: expected tile.launch
  %e = tensor.extract %x[%c1] : tensor<?xf32>
  %0 = tile.launch @k blocks(%c1) ins(%e : f32) outs(%y : tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

//--- scalar.mlir
tile.kernel @k(%x: !llvm.ptr<1>, %x0: i64) warpgroups 1 {
}
// CHECK: scalar.mlir:[[#@LINE+1]]:1: error: a launch plan cannot compute with argument 0, a scalar, but only pass it to a kernel; take a size of a tensor instead
func.func @f(%n: index) -> tensor<4xf32> {
  %y = tensor.empty() : tensor<4xf32>
  %r = tile.launch @k blocks(%n) outs(%y : tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

//--- float.mlir
tile.kernel @k(%f: f32, %x: !llvm.ptr<1>, %x0: i64) warpgroups 1 {
}
func.func @f(%f: f32) -> tensor<4xf32> {
  %c1 = arith.constant 1 : index
  %g = arith.mulf %f, %f : f32
  %y = tensor.empty() : tensor<4xf32>
  // CHECK: float.mlir:[[#@LINE+1]]:8: error: 'tile.launch' op expects operands of type 'f32' to be constants or arguments of the function
  %r = tile.launch @k blocks(%c1) ins(%g : f32) outs(%y : tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

//--- unsigned.mlir
tile.kernel @k(%x: !llvm.ptr<1>, %x0: i64) warpgroups 1 {
}
func.func @f(%x: tensor<?xf32>) -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %m = arith.subi %n, %c2 : index
  // CHECK: unsigned.mlir:[[#@LINE+1]]:8: error: 'arith.divui' op cannot be computed by a launch plan: expected operands that are not negative
  %b = arith.divui %m, %c2 : index
  %y = tensor.empty() : tensor<4xf32>
  %r = tile.launch @k blocks(%b) outs(%y : tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

//--- wrap.mlir
tile.kernel @k(%n: i32, %x: !llvm.ptr<1>, %x0: i64) warpgroups 1 {
}
func.func @f(%x: tensor<?xf32>) -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %m = arith.index_cast %n : index to i32
  // CHECK: wrap.mlir:[[#@LINE+1]]:8: error: 'arith.addi' op cannot be computed by a launch plan: expected numbers of type index or i64, but got 'i32'
  %s = arith.addi %m, %m : i32
  %y = tensor.empty() : tensor<4xf32>
  %r = tile.launch @k blocks(%n) ins(%s : i32) outs(%y : tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

//--- overwritten.mlir
tile.kernel @k(%x: !llvm.ptr<1>, %x0: i64) warpgroups 1 {
}
tile.kernel @two(%x: !llvm.ptr<1>, %x0: i64, %y: !llvm.ptr<1>, %y0: i64) warpgroups 1 {
}
func.func @f() -> tensor<4xf32> {
  %c1 = arith.constant 1 : index
  %y = tensor.empty() : tensor<4xf32>
  %0 = tile.launch @k blocks(%c1) outs(%y : tensor<4xf32>) -> tensor<4xf32>
  %1 = tile.launch @k blocks(%c1) outs(%0 : tensor<4xf32>) -> tensor<4xf32>
  // CHECK: overwritten.mlir:[[#@LINE+1]]:8: error: 'tile.launch' op reads a tensor after a launch has overwritten it
  %2 = tile.launch @two blocks(%c1) ins(%0 : tensor<4xf32>) outs(%1 : tensor<4xf32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
}

//--- argument.mlir
tile.kernel @k(%x: !llvm.ptr<1>, %x0: i64) warpgroups 1 {
}
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c1 = arith.constant 1 : index
  // CHECK: argument.mlir:[[#@LINE+1]]:8: error: 'tile.launch' op writes to argument 0 of the function; expects 'linattn.inplace' on it, or a tensor.empty to write to
  %0 = tile.launch @k blocks(%c1) outs(%x : tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

//--- returned.mlir
tile.kernel @k(%x: !llvm.ptr<1>, %x0: i64) warpgroups 1 {
}
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK: returned.mlir:[[#@LINE+1]]:3: error: 'func.return' op expects result 0 to be a tensor of its own, but argument 0 lies there
  return %x : tensor<4xf32>
}

//--- inplace.mlir
tile.kernel @k(%x: !llvm.ptr<1>, %x0: i64) warpgroups 1 {
}
func.func @f(%x: tensor<4xf32> {linattn.inplace = 0 : i64}) -> tensor<4xf32> {
  %c1 = arith.constant 1 : index
  %y = tensor.empty() : tensor<4xf32>
  %0 = tile.launch @k blocks(%c1) outs(%y : tensor<4xf32>) -> tensor<4xf32>
  // CHECK: inplace.mlir:[[#@LINE+1]]:3: error: 'func.return' op expects result 0 to be what a launch has left in argument 0
  return %0 : tensor<4xf32>
}

//--- twice.mlir
tile.kernel @k(%x: !llvm.ptr<1>, %x0: i64) warpgroups 1 {
}
func.func @f() -> (tensor<4xf32>, tensor<4xf32>) {
  %c1 = arith.constant 1 : index
  %y = tensor.empty() : tensor<4xf32>
  %0 = tile.launch @k blocks(%c1) outs(%y : tensor<4xf32>) -> tensor<4xf32>
  // CHECK: twice.mlir:[[#@LINE+1]]:3: error: 'func.return' op expects result 1 to be a tensor of its own, but result 0 lies there
  return %0, %0 : tensor<4xf32>, tensor<4xf32>
}

//--- unwritten.mlir
tile.kernel @k(%x: !llvm.ptr<1>, %x0: i64) warpgroups 1 {
}
func.func @f() -> tensor<4xf32> {
  %y = tensor.empty() : tensor<4xf32>
  // CHECK: unwritten.mlir:[[#@LINE+1]]:3: error: 'func.return' op expects tensors that are arguments of the function or results of a tile.launch, but got one that nothing has written
  return %y : tensor<4xf32>
}

//--- device.mlir
tile.kernel @k(%x: !llvm.ptr<1>, %x0: i64) warpgroups 1 {
}
func.func @f() -> tensor<?xf32> {
  %n = tile.sm_count
  %y = tensor.empty(%n) : tensor<?xf32>
  %0 = tile.launch @k blocks(%n) outs(%y : tensor<?xf32>) -> tensor<?xf32>
  // CHECK: device.mlir:[[#@LINE+1]]:3: error: 'func.return' op expects results of one size on every device, but size 0 of result 0 depends on the device
  return %0 : tensor<?xf32>
}

//--- shared.mlir
// CHECK: shared.mlir:[[#@LINE+1]]:1: error: 'tile.kernel' op expects at most 232448 bytes of shared memory, but needs 262144
tile.kernel @k(%x: !llvm.ptr<1>, %x0: i64) warpgroups 1 {
  %t = tile.alloc : !tile.shared<16, 128, 64, bf16>
}
func.func @f() -> tensor<4xf32> {
  %c1 = arith.constant 1 : index
  %y = tensor.empty() : tensor<4xf32>
  %0 = tile.launch @k blocks(%c1) outs(%y : tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
