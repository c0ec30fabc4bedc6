// A program that does not fit other devices has no code for them, and a remark
// says so.
// RUN: linattn-compile %s --target=sm_90a --ptx-only --remarks -o %t.lna 2>&1 | FileCheck %s
// RUN: linattn-artifact print %t.lna | FileCheck %s --check-prefix=ARCHS --implicit-check-not=compute_80
// ARCHS: "arch": "compute_90a"

// CHECK: remark: no code for devices other than the target: 'tile.kernel' op expects at most {{[0-9]+}} bytes of shared memory, but needs 204800
tile.kernel @k(%x: !llvm.ptr<1>, %x0: i64) warpgroups 1 {
  %t = tile.alloc : !tile.shared<25, 64, 64, bf16>
}
func.func @f() -> tensor<4xf32> {
  %c1 = arith.constant 1 : index
  %y = tensor.empty() : tensor<4xf32>
  %0 = tile.launch @k blocks(%c1) outs(%y : tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
