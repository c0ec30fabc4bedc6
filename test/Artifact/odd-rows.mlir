// Rows that are no multiple of 16 bytes have no tensor map. Strides of such a
// tensor are multiples of what the kernel says its rows are a multiple of.
//
// RUN: linattn-compile %s --target=sm_90a --ptx-only -o %t.lna
// RUN: linattn-artifact print %t.lna | FileCheck %s --implicit-check-not=tensor_map

// CHECK: "alignment": 4,
// CHECK-NEXT: "dtype": "bf16",
// CHECK-NEXT: "name": "x",
// CHECK: "strides": [
// CHECK-NEXT: {
// CHECK-NEXT: "multiple": 2,
// CHECK-NEXT: "symbol": "x.stride0"
// CHECK-NEXT: },
// CHECK-NEXT: 1

// CHECK: "parameters": [
// CHECK: "tensor": "x"
// CHECK: "kind": "address"
// CHECK: "value": "x.0"
// CHECK: "value": 34
// CHECK: "value": "x.stride0"

func.func @rows(%x: tensor<?x34xbf16> loc("x")) -> tensor<?x64xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x34xbf16>
  %o = tensor.empty(%n) : tensor<?x64xf32>
  %r = tile.launch @copy blocks(%n) ins(%x : tensor<?x34xbf16>) outs(%o : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %r : tensor<?x64xf32>
}

tile.kernel @copy(%x: !tile.global<2, 64, bf16, align 4>, %o: !llvm.ptr<1>, %o0: i64, %o1: i64) warpgroups 1 {
}
