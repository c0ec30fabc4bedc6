// RUN: linattn-opt %s | linattn-opt | FileCheck %s
// RUN: linattn-opt %s -mlir-print-op-generic | linattn-opt | FileCheck %s
// RUN: linattn-opt %s --emit-bytecode | linattn-opt | FileCheck %s

// Every kind of operand: tensors through tiles and through pointers (of rank 1
// and 0), sizes as i32 and i64, other scalars.
// CHECK-LABEL: func.func @scale
// CHECK: tile.launch @scale_0 blocks(%{{.*}}) ins(%{{.*}} : tensor<?x?x32x128xbf16>, tensor<32xf32>, tensor<f32>, index, index, f32)
// CHECK-SAME: outs(%{{.*}} : tensor<?x?x32x128xbf16>, tensor<?x32x128x128xf32>)
// CHECK-SAME: -> tensor<?x?x32x128xbf16>, tensor<?x32x128x128xf32>
func.func @scale(%x: tensor<?x?x32x128xbf16>, %w: tensor<32xf32>, %z: tensor<f32>, %f: f32)
    -> (tensor<?x?x32x128xbf16>, tensor<?x32x128x128xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %b = tensor.dim %x, %c0 : tensor<?x?x32x128xbf16>
  %n = tensor.dim %x, %c1 : tensor<?x?x32x128xbf16>
  %y = tensor.empty(%b, %n) : tensor<?x?x32x128xbf16>
  %s = tensor.empty(%b) : tensor<?x32x128x128xf32>
  %r:2 = tile.launch @scale_0 blocks(%b)
      ins(%x, %w, %z, %n, %b, %f : tensor<?x?x32x128xbf16>, tensor<32xf32>, tensor<f32>, index, index, f32)
      outs(%y, %s : tensor<?x?x32x128xbf16>, tensor<?x32x128x128xf32>)
      -> tensor<?x?x32x128xbf16>, tensor<?x32x128x128xf32>
  return %r#0, %r#1 : tensor<?x?x32x128xbf16>, tensor<?x32x128x128xf32>
}

// CHECK: tile.kernel @scale_0
// CHECK-SAME: !tile.global<4, 64, bf16> {tile.dims = array<i64: 0, 2, 1, 3>}
tile.kernel @scale_0(
    %x: !tile.global<4, 64, bf16> {tile.dims = array<i64: 0, 2, 1, 3>},
    %w: !llvm.ptr<1>, %w0: i64, %z: !llvm.ptr<1>, %n: i32, %b: i64, %f: f32,
    %y: !tile.global<4, 64, bf16>,
    %s: !llvm.ptr<1>, %s0: i64, %s1: i64, %s2: i64, %s3: i64) warpgroups 1 {
}

// A launch without operands and results.
// CHECK-LABEL: func.func @nothing
// CHECK: tile.launch @nothing_0 blocks(%{{[a-z0-9_]*}}){{$}}
func.func @nothing() {
  %c1 = arith.constant 1 : index
  tile.launch @nothing_0 blocks(%c1)
  return
}
tile.kernel @nothing_0() warpgroups 1 {
}
