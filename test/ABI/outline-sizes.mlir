// RUN: linattn-opt %s --linattn-outline-sizes --split-input-file --verify-diagnostics | FileCheck %s

// Sizes come from sizes; the check that compares them stays.
// CHECK-LABEL: func.func @same_rows
//  CHECK-SAME: linattn.interface = {arguments = [tensor<?x4xf32>, tensor<?x4xf32>], inplace = array<i64: -1, -1>, results = [tensor<?x4xf32>], sizes = @same_rows.sizes}
func.func @same_rows(%a: tensor<?x4xf32>, %b: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %a, %c0 : tensor<?x4xf32>
  %m = tensor.dim %b, %c0 : tensor<?x4xf32>
  %same = arith.cmpi eq, %n, %m : index
  cf.assert %same, "expects as many rows"
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %r = linalg.add ins(%a, %b : tensor<?x4xf32>, tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %r : tensor<?x4xf32>
}
// CHECK-LABEL: func.func private @same_rows.sizes
//  CHECK-SAME: (%[[N:.*]]: index, %{{.*}}: index, %[[M:.*]]: index, %{{.*}}: index) -> (index, index)
//  CHECK-SAME: linattn.computes_sizes
//   CHECK-DAG: %[[C4:.*]] = arith.constant 4 : index
//       CHECK: %[[SAME:.*]] = arith.cmpi eq, %[[N]], %[[M]]
//  CHECK-NEXT: cf.assert %[[SAME]], "expects as many rows"
//       CHECK: cf.assert {{.*}}, "linalg.add expects the size of loop 0 to be the same in all operands"
//  CHECK-NEXT: return %[[N]], %[[C4]]

// -----

// The checks that the lowering of an op will build, without those of values.
// CHECK-LABEL: func.func private @varlen.sizes
//       CHECK: cf.assert {{.*}} "linattn.attention expects the token sizes of
//       CHECK: cf.assert {{.*}} "linattn.attention expects `offsets` to have at least one boundary"
//   CHECK-NOT: start at 0
//       CHECK: return
func.func @varlen(%q: tensor<1x?x2x8xf32>, %k: tensor<1x?x2x8xf32>, %offsets: tensor<?xi32>, %o: tensor<1x?x2x8xf32>) -> tensor<1x?x2x8xf32> {
  %r = linattn.attention ins(%q, %k, %k : tensor<1x?x2x8xf32>, tensor<1x?x2x8xf32>, tensor<1x?x2x8xf32>)
      offsets(%offsets : tensor<?xi32>) outs(%o : tensor<1x?x2x8xf32>) -> tensor<1x?x2x8xf32>
  return %r : tensor<1x?x2x8xf32>
}

// -----

// A check of values is not for a function that sees only sizes.
// CHECK-LABEL: func.func private @values.sizes
//   CHECK-NOT: cf.assert
//       CHECK: return
func.func @values(%a: tensor<?xi32>, %limit: i32) -> tensor<?xi32> {
  %c0 = arith.constant 0 : index
  %x = tensor.extract %a[%c0] : tensor<?xi32>
  %ok = arith.cmpi sle, %x, %limit : i32
  cf.assert %ok, "expects a small first element"
  return %a : tensor<?xi32>
}

// -----

// A loop that only writes into what it carries keeps its size.
// CHECK-LABEL: func.func private @loop.sizes
//  CHECK-SAME: (%[[N:.*]]: index, %{{.*}}: index)
//   CHECK-DAG: %[[C4:.*]] = arith.constant 4
//       CHECK: return %[[N]], %[[C4]]
func.func @loop(%a: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x4xf32>
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%t = %e) -> tensor<?x4xf32> {
    %u = linalg.exp ins(%a : tensor<?x4xf32>) outs(%t : tensor<?x4xf32>) -> tensor<?x4xf32>
    scf.yield %u : tensor<?x4xf32>
  }
  return %r : tensor<?x4xf32>
}

// -----

// Buffers are written to: nothing of that is left.
// CHECK-LABEL: func.func private @buffers.sizes
//  CHECK-SAME: (%[[N:.*]]: index, %{{.*}}: index, %[[M:.*]]: index, %{{.*}}: index)
//       CHECK: arith.cmpi eq, %[[M]], %[[N]]
//  CHECK-NEXT: cf.assert
//   CHECK-NOT: linalg.exp ins
//       CHECK: return
func.func @buffers(%q: memref<?x4xf32>, %o: memref<?x4xf32>) {
  linalg.exp ins(%q : memref<?x4xf32>) outs(%o : memref<?x4xf32>)
  linalg.exp ins(%o : memref<?x4xf32>) outs(%o : memref<?x4xf32>)
  return
}

// -----

// Both sides of a branch write into the same tensor.
// CHECK-LABEL: func.func private @branch.sizes
//  CHECK-SAME: (%[[N:.*]]: index, %{{.*}}: index)
//   CHECK-NOT: scf.if
//       CHECK: return %[[N]]
func.func @branch(%a: tensor<?x4xf32>, %first: i1) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %a, %c0 : tensor<?x4xf32>
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %r = scf.if %first -> tensor<?x4xf32> {
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
    %s = linalg.exp ins(%a : tensor<?x4xf32>) outs(%f : tensor<?x4xf32>) -> tensor<?x4xf32>
    scf.yield %s : tensor<?x4xf32>
  } else {
    %s = linalg.abs ins(%a : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
    scf.yield %s : tensor<?x4xf32>
  }
  return %r : tensor<?x4xf32>
}

// -----

// Sides of different sizes.
// expected-error @below {{cannot be called through the C ABI: the sizes of its results depend on the values of argument}}
func.func @branch_of_sizes(%a: tensor<?x4xf32>, %b: tensor<?x4xf32>, %first: i1) -> tensor<?x4xf32> {
  %r = scf.if %first -> tensor<?x4xf32> {
    scf.yield %a : tensor<?x4xf32>
  } else {
    scf.yield %b : tensor<?x4xf32>
  }
  return %r : tensor<?x4xf32>
}

// -----

// A loop that grows what it carries has no size that is known before.
// expected-error @+1 {{function 'grow' cannot be called through the C ABI: the sizes of its results depend on the values of argument 0}}
func.func @grow(%a: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?xf32>
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%t = %a) -> tensor<?xf32> {
    %u = tensor.concat dim(0) %t, %a : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    scf.yield %u : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// -----

// expected-error @+1 {{the sizes of its results depend on the values of argument 0}}
func.func @value_size(%n: index) -> tensor<?xf32> {
  %e = tensor.empty(%n) : tensor<?xf32>
  return %e : tensor<?xf32>
}

// -----

// expected-error @+1 {{function 'unranked' cannot be called through the C ABI: argument 0 of type 'tensor<*xf32>' has no rank}}
func.func @unranked(%a: tensor<*xf32>) {
  return
}

// -----

// expected-error @+1 {{argument 1 of type 'tensor<4xcomplex<f32>>' has an element type that the C ABI lacks}}
func.func @element(%a: f32, %b: tensor<4xcomplex<f32>>) {
  return
}

// -----

// expected-error @+1 {{result 0 of type 'vector<4xf32>' is neither a tensor nor a scalar}}
func.func @vector(%a: vector<4xf32>) -> vector<4xf32> {
  return %a : vector<4xf32>
}

// -----

// expected-error @+1 {{argument 0 of type 'tensor<1x1x1x1x1x1x1x1x1xf32>' has more than 8 dimensions}}
func.func @rank(%a: tensor<1x1x1x1x1x1x1x1x1xf32>) {
  return
}

// -----

// expected-error @+1 {{result 0 of type 'memref<4xf32>' is a buffer; return a tensor}}
func.func @buffer(%a: memref<4xf32>) -> memref<4xf32> {
  return %a : memref<4xf32>
}

// -----

// expected-error @+1 {{expected one block, but got 2; use structured control flow}}
func.func @blocks(%a: f32) -> f32 {
  cf.br ^next
^next:
  return %a : f32
}

// -----

// expected-error @+1 {{expects a public function to call}}
module {
  func.func private @hidden() {
    return
  }
}

// -----

func.func private @external(f32) -> f32

func.func @calls(%a: f32) -> f32 {
  // expected-error @+1 {{remains in function 'calls': expected every call to be inlined, but the callee is external or recursive}}
  %r = func.call @external(%a) : (f32) -> f32
  return %r : f32
}

// -----

// expected-error @+1 {{function 'f' needs the symbol 'f_query', which is taken}}
func.func @f() {
  return
}
// expected-note @+1 {{by this}}
func.func private @f_query() {
  return
}

// -----

// expected-error @+1 {{expected 'linattn.inplace' of argument 0 to name one of 1 results, but got 1}}
func.func @inplace_range(%a: tensor<4xf32> {linattn.inplace = 1 : i64}) -> tensor<4xf32> {
  return %a : tensor<4xf32>
}

// -----

// expected-error @+1 {{expected result 0, which is written to argument 0, to be a tensor of its type, 'tensor<4xf32>', but got 'tensor<5xf32>'}}
func.func @inplace_type(%a: tensor<4xf32> {linattn.inplace = 0 : i64}, %b: tensor<5xf32>) -> tensor<5xf32> {
  return %b : tensor<5xf32>
}

// -----

// expected-error @+1 {{result 0 is written to more than one argument}}
func.func @inplace_twice(%a: tensor<4xf32> {linattn.inplace = 0 : i64}, %b: tensor<4xf32> {linattn.inplace = 0 : i64}) -> tensor<4xf32> {
  return %b : tensor<4xf32>
}
