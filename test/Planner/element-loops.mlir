// RUN: linattn-opt %s --linattn-normal-form-to-tile-pipeline | FileCheck %s

// A loop over tokens: a thread keeps its column of the state in memory of its
// own. The number is an element that the loop carries.
// CHECK-LABEL: func.func @tokens
// CHECK-LABEL: tile.kernel @tokens_0
// CHECK-SAME: warpgroups 1
// CHECK: %[[STATE:.*]] = llvm.alloca %{{.*}} x f32 {alignment = 4 : i64} : (i32) -> !llvm.ptr
// CHECK: scf.for
// The initial state.
// CHECK: scf.for
// CHECK: llvm.store %{{.*}} : f32, !llvm.ptr
// CHECK: scf.for {{.*}} iter_args(%[[NUMBER:.*]] = %{{.*}}) -> (f32)
// CHECK: llvm.load %{{.*}} : !llvm.ptr<1> -> bf16
// CHECK: %[[SUM:.*]] = scf.for {{.*}} -> (f32)
// CHECK: llvm.load %{{.*}} : !llvm.ptr -> f32
// CHECK: llvm.store %{{.*}} : f32, !llvm.ptr
// CHECK: arith.addf %[[NUMBER]]
// CHECK: llvm.store %[[SUM]], %{{.*}} : f32, !llvm.ptr<1>
// One thread stores the number.
// CHECK: %[[FIRST:.*]] = arith.cmpi eq
// CHECK: scf.if %[[FIRST]]
func.func @tokens(%k: tensor<?x?x64xf32>, %v: tensor<?x?x64xbf16>, %o: tensor<?x?x64xf32>, %c: tensor<?xf32>)
    -> (tensor<?x?x64xf32>, tensor<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %b = tensor.dim %k, %c0 : tensor<?x?x64xf32>
  %n = tensor.dim %k, %c1 : tensor<?x?x64xf32>
  %r:2 = scf.forall (%i) in (%b) shared_outs(%out = %o, %count = %c) -> (tensor<?x?x64xf32>, tensor<?xf32>) {
    %s0 = arith.constant dense<0.0> : tensor<64x64xf32>
    %n0 = arith.constant dense<0.0> : tensor<f32>
    %rows0 = tensor.extract_slice %out[%i, 0, 0] [1, %n, 64] [1, 1, 1] : tensor<?x?x64xf32> to tensor<?x64xf32>
    %l:3 = scf.for %t = %c0 to %n step %c1 iter_args(%s = %s0, %rows = %rows0, %number = %n0)
        -> (tensor<64x64xf32>, tensor<?x64xf32>, tensor<f32>) {
      %key = tensor.extract_slice %k[%i, %t, 0] [1, 1, 64] [1, 1, 1] : tensor<?x?x64xf32> to tensor<64xf32>
      %value = tensor.extract_slice %v[%i, %t, 0] [1, 1, 64] [1, 1, 1] : tensor<?x?x64xbf16> to tensor<64xbf16>
      %next = linalg.generic {indexing_maps = [affine_map<(r, c) -> (r)>, affine_map<(r, c) -> (c)>, affine_map<(r, c) -> (r, c)>], iterator_types = ["parallel", "parallel"]}
          ins(%key, %value : tensor<64xf32>, tensor<64xbf16>) outs(%s : tensor<64x64xf32>) {
      ^bb0(%x: f32, %y: bf16, %acc: f32):
        %wide = arith.extf %y : bf16 to f32
        %product = arith.mulf %x, %wide : f32
        %sum = arith.addf %acc, %product : f32
        linalg.yield %sum : f32
      } -> tensor<64x64xf32>
      %empty = tensor.empty() : tensor<64xf32>
      %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<64xf32>) -> tensor<64xf32>
      %row = linalg.contract indexing_maps = [affine_map<(c, r) -> (r)>, affine_map<(c, r) -> (r, c)>, affine_map<(c, r) -> (c)>]
          ins(%key, %next : tensor<64xf32>, tensor<64x64xf32>) outs(%init : tensor<64xf32>) -> tensor<64xf32>
      %written = tensor.insert_slice %row into %rows[%t, 0] [1, 64] [1, 1] : tensor<64xf32> into tensor<?x64xf32>
      %more = linalg.generic {indexing_maps = [affine_map<() -> ()>], iterator_types = []} outs(%number : tensor<f32>) {
      ^bb0(%acc: f32):
        %sum = arith.addf %acc, %one : f32
        linalg.yield %sum : f32
      } -> tensor<f32>
      scf.yield %next, %written, %more : tensor<64x64xf32>, tensor<?x64xf32>, tensor<f32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %l#1 into %out[%i, 0, 0] [1, %n, 64] [1, 1, 1] : tensor<?x64xf32> into tensor<?x?x64xf32>
      tensor.parallel_insert_slice %l#2 into %count[%i] [1] [1] : tensor<f32> into tensor<?xf32>
    }
  }
  return %r#0, %r#1 : tensor<?x?x64xf32>, tensor<?xf32>
}
