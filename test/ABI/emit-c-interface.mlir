// RUN: linattn-opt %s \
// RUN:   --pass-pipeline='builtin.module(linattn-outline-sizes,linattn-results-to-destinations,one-shot-bufferize,canonicalize,linattn-allocs-to-workspace,linattn-asserts-to-status,convert-linalg-to-loops,convert-scf-to-cf,expand-strided-metadata,lower-affine,convert-to-llvm,reconcile-unrealized-casts,linattn-emit-c-interface)' \
// RUN:   | FileCheck %s

// CHECK-DAG: llvm.mlir.global internal constant @{{.*}}("argument 0: expects f16 elements (linattn_dtype 2)\00")
// CHECK-DAG: llvm.mlir.global internal constant @{{.*}}("argument 0: expects size 4 in dimension 1\00")
// CHECK-DAG: llvm.mlir.global internal constant @{{.*}}("result 0: expects the size that the arguments imply in dimension 0\00")

// The function itself and its helpers are internal.
// CHECK-DAG: llvm.func internal @copy.impl
// CHECK-DAG: llvm.func internal @copy.sizes
// CHECK-DAG: llvm.func internal @copy.workspace
// CHECK-DAG: llvm.func @copy(%{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: !llvm.ptr) -> i32
// CHECK-DAG: llvm.func @copy_query(%{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr) -> i32
// Version 1, one argument, one result; f16, rank 2, not in place, ?x4.
// CHECK-DAG: llvm.mlir.global external constant @copy_signature(dense<[1, 1, 1, 2, 2, -1, -1, 4, 0, 0, 0, 0, 0, 0, 2, 2, -1, -1, 4, 0, 0, 0, 0, 0, 0]> : tensor<25xi64>)
func.func @copy(%x: tensor<?x4xf16>) -> tensor<?x4xf16> {
  return %x : tensor<?x4xf16>
}
