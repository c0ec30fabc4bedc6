// RUN: linattn-opt %s -split-input-file --linattn-decompose-blocks --canonicalize --cse | FileCheck %s

// Without a decay: a contraction and an addition.
// CHECK-LABEL: func @inter_none
func.func @inter_none(%q: tensor<8x16xbf16>, %s: tensor<16x32xf32>, %o: tensor<8x32xf32>, %n: index) -> tensor<8x32xf32> {
  // CHECK: %[[READ:.*]] = linalg.contract {{.*}} ins(%{{.*}}, %{{.*}} : tensor<8x16xbf16>, tensor<16x32xf32>)
  // CHECK: linalg.generic {{.*}} ins(%[[READ]] : tensor<8x32xf32>)
  // CHECK-NEXT: ^bb0(%[[IN:.*]]: f32, %[[OUT:.*]]: f32):
  // CHECK-NEXT: %[[SUM:.*]] = arith.addf %[[OUT]], %[[IN]]
  // CHECK-NEXT: linalg.yield %[[SUM]]
  %r = linattn.inter ins(%q, %s : tensor<8x16xbf16>, tensor<16x32xf32>) valid(%n) outs(%o : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %r : tensor<8x32xf32>
}

// -----

// A uniform decay scales the rows of the accumulator, not the operand.
// CHECK-LABEL: func @inter_const
//  CHECK-SAME: (%[[Q:.*]]: tensor<8x16xbf16>
func.func @inter_const(%q: tensor<8x16xbf16>, %s: tensor<16x32xf32>, %g: tensor<f32>, %o: tensor<8x32xf32>, %n: index) -> tensor<8x32xf32> {
  // CHECK: %[[READ:.*]] = linalg.contract {{.*}} ins(%[[Q]],
  // exp of a multiple, not repeated products; -inf is clamped by a select.
  // CHECK: %[[G:.*]] = linalg.generic
  // CHECK:   arith.cmpf olt
  // CHECK:   arith.select
  // CHECK:   linalg.index 0
  // CHECK:   arith.mulf
  // CHECK: %[[P:.*]] = linalg.generic {{.*}} ins(%[[G]] : tensor<8xf32>)
  // CHECK:   math.exp
  // CHECK: linalg.generic {{.*}} ins(%[[READ]], %[[P]] : tensor<8x32xf32>, tensor<8xf32>)
  %r = linattn.inter ins(%q, %s : tensor<8x16xbf16>, tensor<16x32xf32>) key_decay(%g : tensor<f32>) valid(%n)
      outs(%o : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %r : tensor<8x32xf32>
}

// -----

// CHECK-LABEL: func @block_state_scalar
func.func @block_state_scalar(%k: tensor<8x16xbf16>, %v: tensor<8x16xbf16>, %g: tensor<8xbf16>, %s: tensor<16x16xf32>, %n: index) -> tensor<16x16xf32> {
  // The decay is widened before any sum.
  // CHECK: arith.extf
  // What is behind a token: a sum from the end, without differences.
  // CHECK: scf.for
  // CHECK:   tensor.extract
  // CHECK:   arith.addf
  // CHECK:   tensor.insert
  // CHECK-NOT: arith.subf
  // CHECK: %[[DECAYED:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<16x16xf32>) {
  // CHECK-NEXT: ^bb0
  // CHECK-NEXT: arith.mulf
  // CHECK: linalg.contract {{.*}} outs(%[[DECAYED]] : tensor<16x16xf32>)
  %r = linattn.block_state ins(%k, %v : tensor<8x16xbf16>, tensor<8x16xbf16>) key_decay(%g : tensor<8xbf16>) valid(%n)
      outs(%s : tensor<16x16xf32>) -> tensor<16x16xf32>
  return %r : tensor<16x16xf32>
}

// -----

// Row blocks skip the blocks that are masked as a whole.
// CHECK-LABEL: func @intra_row_blocks
func.func @intra_row_blocks(%q: tensor<8x16xf32>, %k: tensor<8x16xf32>, %v: tensor<8x16xf32>, %o: tensor<8x16xf32>, %n: index) -> tensor<8x16xf32> {
  // CHECK: linalg.contract {{.*}} outs(%{{.*}} : tensor<4x4xf32>)
  // CHECK: linalg.contract {{.*}} outs(%{{.*}} : tensor<4x8xf32>)
  // A masked weight is selected away, not multiplied by zero.
  // CHECK: arith.cmpi uge
  // CHECK-NEXT: arith.select
  %r = linattn.intra ins(%q, %k, %v : tensor<8x16xf32>, tensor<8x16xf32>, tensor<8x16xf32>) valid(%n)
      outs(%o : tensor<8x16xf32>) {sub_chunk = 4 : i64} -> tensor<8x16xf32>
  return %r : tensor<8x16xf32>
}

// -----

// CHECK-LABEL: func @intra_scalar_reverse
func.func @intra_scalar_reverse(%q: tensor<8x16xf32>, %k: tensor<8x16xf32>, %v: tensor<8x16xf32>, %g: tensor<8xf32>, %o: tensor<8x16xf32>, %n: index) -> tensor<8x16xf32> {
  // CHECK: %[[SPAN:.*]]:2 = scf.for
  // The mask is selected before exp.
  // CHECK: %[[MASK:.*]] = linalg.generic {{.*}} ins(%[[SPAN]]#1 : tensor<8x8xf32>)
  // CHECK:   arith.cmpi ule
  // CHECK-NEXT: arith.select
  // CHECK-NEXT: math.exp
  // CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[MASK]] : tensor<8x8xf32>, tensor<8x8xf32>)
  %r = linattn.intra ins(%q, %k, %v : tensor<8x16xf32>, tensor<8x16xf32>, tensor<8x16xf32>) key_decay(%g : tensor<8xf32>) valid(%n)
      outs(%o : tensor<8x16xf32>) {direction = #linattn.direction<reverse>} -> tensor<8x16xf32>
  return %r : tensor<8x16xf32>
}

// -----

// A decay per channel: two exponentials of [C, D] on the fast path, a guard,
// and running products behind it.
// CHECK-LABEL: func @intra_vector
func.func @intra_vector(%q: tensor<8x16xf32>, %k: tensor<8x16xf32>, %v: tensor<8x16xf32>, %g: tensor<8x16xf32>, %o: tensor<8x16xf32>, %n: index) -> tensor<8x16xf32> {
  // CHECK-COUNT-2: math.exp {{.*}} : f32
  // CHECK: %[[MAX:.*]] = linalg.generic {{.*}}iterator_types = ["reduction", "reduction"]
  // CHECK:   arith.maximumf
  // CHECK: %[[LARGEST:.*]] = tensor.extract %[[MAX]][]
  // CHECK: %[[GUARD:.*]] = arith.cmpf ole, %[[LARGEST]]
  // CHECK: scf.if %[[GUARD]] -> (tensor<8x8xf32>) {
  // CHECK-NOT: scf.for
  // CHECK:   linalg.contract
  // CHECK: } else {
  // CHECK:   scf.for
  // CHECK:     linalg.contract
  // CHECK: }
  %r = linattn.intra ins(%q, %k, %v : tensor<8x16xf32>, tensor<8x16xf32>, tensor<8x16xf32>) key_decay(%g : tensor<8x16xf32>) valid(%n)
      outs(%o : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %r : tensor<8x16xf32>
}

// -----

// The ops of one chunk share their factors: one prefix, one suffix, and one
// exponential of each.
// CHECK-LABEL: func @shared
func.func @shared(%q: tensor<8x16xf32>, %k: tensor<8x16xf32>, %v: tensor<8x16xf32>, %g: tensor<8x16xf32>, %s: tensor<16x16xf32>, %o: tensor<8x16xf32>, %n: index) -> (tensor<8x16xf32>, tensor<16x16xf32>) {
  // CHECK-COUNT-2: scf.for
  // CHECK: scf.if
  // CHECK-NOT: scf.for
  // CHECK: } else {
  // CHECK: scf.for
  // CHECK-NOT: scf.for
  // CHECK: return
  %o1 = linattn.inter ins(%q, %s : tensor<8x16xf32>, tensor<16x16xf32>) key_decay(%g : tensor<8x16xf32>) valid(%n) outs(%o : tensor<8x16xf32>) -> tensor<8x16xf32>
  %s1 = linattn.block_state ins(%k, %v : tensor<8x16xf32>, tensor<8x16xf32>) key_decay(%g : tensor<8x16xf32>) valid(%n) outs(%s : tensor<16x16xf32>) -> tensor<16x16xf32>
  %o2 = linattn.intra ins(%q, %k, %v : tensor<8x16xf32>, tensor<8x16xf32>, tensor<8x16xf32>) key_decay(%g : tensor<8x16xf32>) valid(%n) outs(%o1 : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %o2, %s1 : tensor<8x16xf32>, tensor<16x16xf32>
}
