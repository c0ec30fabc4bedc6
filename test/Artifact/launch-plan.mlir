// From functions that launch tile programs to launch plans. The kernels do
// nothing, as plans do not look into them.
//
// RUN: linattn-compile %s --target=sm_90a --ptx-only -o %t.lna
// RUN: linattn-artifact print %t.lna | FileCheck %s

// Arguments: what tiles are copied from is aligned and has a last stride of 1.
// CHECK: "alignment": 16,
// CHECK-NEXT: "dtype": "bf16",
// CHECK-NEXT: "name": "x",
// CHECK: "strides": [
// CHECK-NEXT: {
// CHECK-NEXT: "multiple": 8,
// CHECK-NEXT: "symbol": "x.stride0"
// CHECK: "symbol": "x.stride1"
// CHECK: "symbol": "x.stride2"
// CHECK-NEXT: },
// CHECK-NEXT: 1
// CHECK: "name": "w",
// CHECK: "strides": [
// CHECK-NEXT: "w.stride0"
// CHECK: "name": "f",
// CHECK-NEXT: "sizes": [],
// CHECK-NEXT: "space": "host"

// CHECK: "block": [
// CHECK-NEXT: 384,
// CHECK: "grid": [
// CHECK-NEXT: [
// CHECK-NEXT: "*",
// CHECK-NEXT: "x.0",
// CHECK-NEXT: 32
// CHECK: "kernel": "first",

// A !tile.global: tensor map, innermost dimension first; pointer; sizes and
// strides in the order of the kernel.
// CHECK: "tensor": "x"
// CHECK-NEXT: },
// CHECK-NEXT: "box": [
// CHECK-NEXT: 64,
// CHECK-NEXT: 32,
// CHECK-NEXT: 1,
// CHECK-NEXT: 1
// CHECK-NEXT: ],
// CHECK-NEXT: "element": "bf16",
// CHECK-NEXT: "kind": "tensor_map",
// CHECK: "sizes": [
// CHECK-NEXT: 128,
// CHECK-NEXT: "x.1",
// CHECK-NEXT: 32,
// CHECK-NEXT: "x.0"
// CHECK: "strides": [
// CHECK-NEXT: "x.stride1",
// CHECK-NEXT: "x.stride2",
// CHECK-NEXT: "x.stride0"
// CHECK: "swizzle": "128B"
// CHECK: "tensor": "x"
// CHECK: "kind": "address"
// CHECK: "value": "x.0"
// CHECK: "value": 32
// CHECK: "value": "x.1"
// CHECK: "value": 128
// CHECK: "value": "x.stride0"
// CHECK: "value": "x.stride2"
// CHECK: "value": "x.stride1"

// A tensor by its address and strides.
// CHECK: "tensor": "w"
// CHECK: "kind": "address"
// CHECK: "value": "w.stride0"

// Scalars: an expression, an argument, a constant.
// CHECK: "type": "i32",
// CHECK-NEXT: "value": [
// CHECK-NEXT: "ceildiv",
// CHECK-NEXT: "x.1",
// CHECK-NEXT: 64
// CHECK: "kind": "value",
// CHECK-NEXT: "tensor": "f"
// CHECK: "bytes": 4,
// CHECK-NEXT: "kind": "bits",
// CHECK-NEXT: "value": 1056964608

// The workspace: the first tensor at its start, the second behind it.
// CHECK: "base": "workspace"
// CHECK-NEXT: },
// CHECK-NEXT: "kind": "address"
// CHECK: "base": "workspace",
// CHECK-NEXT: "offset": [
// CHECK-NEXT: "align",
// CHECK: "shared_memory": 16384
// CHECK: "kernel": "second",
// CHECK: "workspace": [
// CHECK-NEXT: "+",
// CHECK-NEXT: [
// CHECK-NEXT: "align",

// CHECK: "require": [
// CHECK: "==",
// CHECK-NEXT: "x.1",
// CHECK-NEXT: "w.0"
// CHECK: "message": "'w': expected as many elements as 'x' has tokens"

// CHECK: "name": "result0",
// CHECK-NEXT: "sizes": [
// CHECK-NEXT: "x.0",
// CHECK-NEXT: "x.1",
// CHECK-NEXT: 32,
// CHECK-NEXT: 128

// CHECK: "targets": [
// CHECK: "arch": "compute_90a",
// CHECK: "max_shared_memory": 16384,
// CHECK-NEXT: "name": "first"

func.func @chain(
    %x: tensor<?x?x32x128xbf16> loc("x"), %w: tensor<?xf32> loc("w"), %f: f32 loc("f"))
    -> (tensor<?x?x32x128xbf16>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  %c64 = arith.constant 64 : index
  %half = arith.constant 5.0e-01 : f32
  %b = tensor.dim %x, %c0 : tensor<?x?x32x128xbf16>
  %n = tensor.dim %x, %c1 : tensor<?x?x32x128xbf16>
  %m = tensor.dim %w, %c0 : tensor<?xf32>
  %same = arith.cmpi eq, %n, %m : index
  cf.assert %same, "'w': expected as many elements as 'x' has tokens"
  %blocks = arith.muli %b, %c32 : index
  %chunks = arith.ceildivsi %n, %c64 : index
  // What is not returned lies in the workspace, one behind the other.
  %s0 = tensor.empty(%b, %chunks) : tensor<?x?x100xbf16>
  %s1 = tensor.empty(%b) : tensor<?x8x64xbf16>
  %o = tensor.empty(%b, %n) : tensor<?x?x32x128xbf16>
  %t:2 = tile.launch @first blocks(%blocks)
      ins(%x, %w, %chunks, %f, %half : tensor<?x?x32x128xbf16>, tensor<?xf32>, index, f32, f32)
      outs(%s0, %s1 : tensor<?x?x100xbf16>, tensor<?x8x64xbf16>)
      -> tensor<?x?x100xbf16>, tensor<?x8x64xbf16>
  %r = tile.launch @second blocks(%b) ins(%t#0, %t#1 : tensor<?x?x100xbf16>, tensor<?x8x64xbf16>)
      outs(%o : tensor<?x?x32x128xbf16>) -> tensor<?x?x32x128xbf16>
  return %r : tensor<?x?x32x128xbf16>
}

tile.kernel @first(
    %x: !tile.global<4, 32, bf16> {tile.dims = array<i64: 0, 2, 1, 3>},
    %w: !llvm.ptr<1>, %w0: i64, %chunks: i32, %f: f32, %half: f32,
    %s0: !llvm.ptr<1>, %s00: i64, %s01: i64, %s02: i64,
    %s1: !tile.global<3, 64, bf16>) warpgroups 3 {
  %tiles = tile.alloc : !tile.shared<2, 64, 64, bf16>
}
tile.kernel @second(
    %s0: !llvm.ptr<1>, %s00: i64, %s01: i64, %s02: i64,
    %s1: !tile.global<3, 64, bf16>,
    %o: !tile.global<4, 64, bf16>) warpgroups 1 {
}
