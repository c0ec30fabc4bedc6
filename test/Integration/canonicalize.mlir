// What canonicalization makes of an op computes the same: one token as a step,
// repeated decays in a cheaper class, a decay of zero dropped. `main` returns the
// number of results whose relative rms error is below 2e-5: all 7.

// RUN: cat %s %S/Inputs/helpers.mlir > %t.in.mlir
// RUN: linattn-opt %t.in.mlir --transform-preload-library="transform-library-paths=%S/Inputs/lower-simplified.mlir" \
// RUN:   --transform-interpreter --canonicalize --cse -o %t.mlir
// RUN: FileCheck %s --check-prefix=LOWERED < %t.mlir
// RUN: linattn-opt %t.mlir --eliminate-empty-tensors \
// RUN:   --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" \
// RUN:   --scf-forall-to-for --convert-linalg-to-loops --expand-strided-metadata --lower-affine --convert-scf-to-cf \
// RUN:   --convert-to-llvm --reconcile-unrealized-casts \
// RUN:   | mlir-runner -e main -entry-point-result=i32 -shared-libs=%mlir_lib/libmlir_c_runner_utils%shlibext \
// RUN:   | FileCheck %s --check-prefix=RESULT

// LOWERED-NOT: = linattn.
// RESULT: {{^}}7{{$}}

func.func @plain(%q: tensor<2x1x2x9xf32>, %k: tensor<2x1x4x9xf32>, %v: tensor<2x1x4x5xf32>, %Q: tensor<2x4x33x9xf32>, %V: tensor<2x4x33x5xf32>, %g: tensor<2x1x4x9xf32>, %c: tensor<4xf32>, %r: tensor<2x4x33xf32>, %s: tensor<2x4x9x5xf32>, %w: tensor<2x4x5x9xf32>)
    -> (tensor<2x1x4x5xf32>, tensor<2x4x9x5xf32>, tensor<2x1x4x5xf32>, tensor<2x4x5x9xf32>, tensor<2x4x33x5xf32>, tensor<2x4x9x5xf32>, tensor<2x4x33x5xf32>) attributes {by = "recurrence"} {
  // One token, from a state and from zero.
  %a:2 = linattn.attention
      ins(%q, %k, %v : tensor<2x1x2x9xf32>, tensor<2x1x4x9xf32>, tensor<2x1x4x5xf32>)
      key_decay(%g : tensor<2x1x4x9xf32>) value_decay(%c : tensor<4xf32>) initial_state(%s : tensor<2x4x9x5xf32>)
      outs(%v, %s : tensor<2x1x4x5xf32>, tensor<2x4x9x5xf32>) {scale = 0.5 : f32, update_scale = 2.0 : f32} -> tensor<2x1x4x5xf32>, tensor<2x4x9x5xf32>
  %b:2 = linattn.attention
      ins(%q, %k, %v : tensor<2x1x2x9xf32>, tensor<2x1x4x9xf32>, tensor<2x1x4x5xf32>)
      key_decay(%g : tensor<2x1x4x9xf32>)
      outs(%v, %w : tensor<2x1x4x5xf32>, tensor<2x4x5x9xf32>) {state_layout = #linattn.state_layout<vk>} -> tensor<2x1x4x5xf32>, tensor<2x4x5x9xf32>
  // Decays that repeat, and one that is zero.
  %ce = tensor.empty() : tensor<2x4x33xf32>
  %cb = linalg.broadcast ins(%c : tensor<4xf32>) outs(%ce : tensor<2x4x33xf32>) dimensions = [0, 2]
  %re = tensor.empty() : tensor<2x4x33x5xf32>
  %rb = linalg.broadcast ins(%r : tensor<2x4x33xf32>) outs(%re : tensor<2x4x33x5xf32>) dimensions = [3]
  %d:2 = linattn.attention
      ins(%Q, %Q, %V : tensor<2x4x33x9xf32>, tensor<2x4x33x9xf32>, tensor<2x4x33x5xf32>)
      key_decay(%cb : tensor<2x4x33xf32>) value_decay(%rb : tensor<2x4x33x5xf32>)
      outs(%V, %s : tensor<2x4x33x5xf32>, tensor<2x4x9x5xf32>) {layout = #linattn.layout<bhnd>, direction = #linattn.direction<reverse>} -> tensor<2x4x33x5xf32>, tensor<2x4x9x5xf32>
  %zero = arith.constant dense<0.0> : tensor<4xf32>
  %e = linattn.attention
      ins(%Q, %Q, %V : tensor<2x4x33x9xf32>, tensor<2x4x33x9xf32>, tensor<2x4x33x5xf32>)
      key_decay(%zero : tensor<4xf32>) value_decay(%cb : tensor<2x4x33xf32>) initial_state(%s : tensor<2x4x9x5xf32>)
      outs(%V : tensor<2x4x33x5xf32>) {layout = #linattn.layout<bhnd>} -> tensor<2x4x33x5xf32>
  return %a#0, %a#1, %b#0, %b#1, %d#0, %d#1, %e
      : tensor<2x1x4x5xf32>, tensor<2x4x9x5xf32>, tensor<2x1x4x5xf32>, tensor<2x4x5x9xf32>, tensor<2x4x33x5xf32>, tensor<2x4x9x5xf32>, tensor<2x4x33x5xf32>
}

func.func @simplified(%q: tensor<2x1x2x9xf32>, %k: tensor<2x1x4x9xf32>, %v: tensor<2x1x4x5xf32>, %Q: tensor<2x4x33x9xf32>, %V: tensor<2x4x33x5xf32>, %g: tensor<2x1x4x9xf32>, %c: tensor<4xf32>, %r: tensor<2x4x33xf32>, %s: tensor<2x4x9x5xf32>, %w: tensor<2x4x5x9xf32>)
    -> (tensor<2x1x4x5xf32>, tensor<2x4x9x5xf32>, tensor<2x1x4x5xf32>, tensor<2x4x5x9xf32>, tensor<2x4x33x5xf32>, tensor<2x4x9x5xf32>, tensor<2x4x33x5xf32>) attributes {by = "simplified"} {
  // One token, from a state and from zero.
  %a:2 = linattn.attention
      ins(%q, %k, %v : tensor<2x1x2x9xf32>, tensor<2x1x4x9xf32>, tensor<2x1x4x5xf32>)
      key_decay(%g : tensor<2x1x4x9xf32>) value_decay(%c : tensor<4xf32>) initial_state(%s : tensor<2x4x9x5xf32>)
      outs(%v, %s : tensor<2x1x4x5xf32>, tensor<2x4x9x5xf32>) {scale = 0.5 : f32, update_scale = 2.0 : f32} -> tensor<2x1x4x5xf32>, tensor<2x4x9x5xf32>
  %b:2 = linattn.attention
      ins(%q, %k, %v : tensor<2x1x2x9xf32>, tensor<2x1x4x9xf32>, tensor<2x1x4x5xf32>)
      key_decay(%g : tensor<2x1x4x9xf32>)
      outs(%v, %w : tensor<2x1x4x5xf32>, tensor<2x4x5x9xf32>) {state_layout = #linattn.state_layout<vk>} -> tensor<2x1x4x5xf32>, tensor<2x4x5x9xf32>
  // Decays that repeat, and one that is zero.
  %ce = tensor.empty() : tensor<2x4x33xf32>
  %cb = linalg.broadcast ins(%c : tensor<4xf32>) outs(%ce : tensor<2x4x33xf32>) dimensions = [0, 2]
  %re = tensor.empty() : tensor<2x4x33x5xf32>
  %rb = linalg.broadcast ins(%r : tensor<2x4x33xf32>) outs(%re : tensor<2x4x33x5xf32>) dimensions = [3]
  %d:2 = linattn.attention
      ins(%Q, %Q, %V : tensor<2x4x33x9xf32>, tensor<2x4x33x9xf32>, tensor<2x4x33x5xf32>)
      key_decay(%cb : tensor<2x4x33xf32>) value_decay(%rb : tensor<2x4x33x5xf32>)
      outs(%V, %s : tensor<2x4x33x5xf32>, tensor<2x4x9x5xf32>) {layout = #linattn.layout<bhnd>, direction = #linattn.direction<reverse>} -> tensor<2x4x33x5xf32>, tensor<2x4x9x5xf32>
  %zero = arith.constant dense<0.0> : tensor<4xf32>
  %e = linattn.attention
      ins(%Q, %Q, %V : tensor<2x4x33x9xf32>, tensor<2x4x33x9xf32>, tensor<2x4x33x5xf32>)
      key_decay(%zero : tensor<4xf32>) value_decay(%cb : tensor<2x4x33xf32>) initial_state(%s : tensor<2x4x9x5xf32>)
      outs(%V : tensor<2x4x33x5xf32>) {layout = #linattn.layout<bhnd>} -> tensor<2x4x33x5xf32>
  return %a#0, %a#1, %b#0, %b#1, %d#0, %d#1, %e
      : tensor<2x1x4x5xf32>, tensor<2x4x9x5xf32>, tensor<2x1x4x5xf32>, tensor<2x4x5x9xf32>, tensor<2x4x33x5xf32>, tensor<2x4x9x5xf32>, tensor<2x4x33x5xf32>
}

func.func @main() -> i32 {
  %n1 = arith.constant 1 : index
  %n2 = arith.constant 2 : index
  %n4 = arith.constant 4 : index
  %n5 = arith.constant 5 : index
  %n9 = arith.constant 9 : index
  %n33 = arith.constant 33 : index
  %qi = arith.constant 1 : i32
  %qe = tensor.empty(%n2, %n1, %n2, %n9) : tensor<?x?x?x?xf32>
  %qr = call @random(%qi, %qe) : (i32, tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %q = tensor.cast %qr : tensor<?x?x?x?xf32> to tensor<2x1x2x9xf32>
  %ki = arith.constant 2 : i32
  %ke = tensor.empty(%n2, %n1, %n4, %n9) : tensor<?x?x?x?xf32>
  %kr = call @random(%ki, %ke) : (i32, tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %k = tensor.cast %kr : tensor<?x?x?x?xf32> to tensor<2x1x4x9xf32>
  %vi = arith.constant 3 : i32
  %ve = tensor.empty(%n2, %n1, %n4, %n5) : tensor<?x?x?x?xf32>
  %vr = call @random(%vi, %ve) : (i32, tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %v = tensor.cast %vr : tensor<?x?x?x?xf32> to tensor<2x1x4x5xf32>
  %Qi = arith.constant 4 : i32
  %Qe = tensor.empty(%n2, %n4, %n33, %n9) : tensor<?x?x?x?xf32>
  %Qr = call @random(%Qi, %Qe) : (i32, tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %Q = tensor.cast %Qr : tensor<?x?x?x?xf32> to tensor<2x4x33x9xf32>
  %Vi = arith.constant 5 : i32
  %Ve = tensor.empty(%n2, %n4, %n33, %n5) : tensor<?x?x?x?xf32>
  %Vr = call @random(%Vi, %Ve) : (i32, tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %V = tensor.cast %Vr : tensor<?x?x?x?xf32> to tensor<2x4x33x5xf32>
  %gi = arith.constant 6 : i32
  %ge = tensor.empty(%n2, %n1, %n4, %n9) : tensor<?x?x?x?xf32>
  %gr = call @random(%gi, %ge) : (i32, tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %ga = linalg.abs ins(%gr : tensor<?x?x?x?xf32>) outs(%ge : tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %gn = linalg.negf ins(%ga : tensor<?x?x?x?xf32>) outs(%ge : tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %g = tensor.cast %gn : tensor<?x?x?x?xf32> to tensor<2x1x4x9xf32>
  %ci = arith.constant 7 : i32
  %ce = tensor.empty(%n1, %n1, %n4, %n1) : tensor<?x?x?x?xf32>
  %cr = call @random(%ci, %ce) : (i32, tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %ca = linalg.abs ins(%cr : tensor<?x?x?x?xf32>) outs(%ce : tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %cn = linalg.negf ins(%ca : tensor<?x?x?x?xf32>) outs(%ce : tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %cc = tensor.collapse_shape %cn [[0, 1, 2, 3]] : tensor<?x?x?x?xf32> into tensor<?xf32>
  %c = tensor.cast %cc : tensor<?xf32> to tensor<4xf32>
  %ri = arith.constant 8 : i32
  %re = tensor.empty(%n2, %n4, %n33, %n1) : tensor<?x?x?x?xf32>
  %rr = call @random(%ri, %re) : (i32, tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %ra = linalg.abs ins(%rr : tensor<?x?x?x?xf32>) outs(%re : tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %rn = linalg.negf ins(%ra : tensor<?x?x?x?xf32>) outs(%re : tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %rc = tensor.collapse_shape %rn [[0], [1], [2, 3]] : tensor<?x?x?x?xf32> into tensor<?x?x?xf32>
  %r = tensor.cast %rc : tensor<?x?x?xf32> to tensor<2x4x33xf32>
  %si = arith.constant 9 : i32
  %se = tensor.empty(%n2, %n4, %n9, %n5) : tensor<?x?x?x?xf32>
  %sr = call @random(%si, %se) : (i32, tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %s = tensor.cast %sr : tensor<?x?x?x?xf32> to tensor<2x4x9x5xf32>
  %wi = arith.constant 10 : i32
  %we = tensor.empty(%n2, %n4, %n5, %n9) : tensor<?x?x?x?xf32>
  %wr = call @random(%wi, %we) : (i32, tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %w = tensor.cast %wr : tensor<?x?x?x?xf32> to tensor<2x4x5x9xf32>
  %x:7 = call @plain(%q, %k, %v, %Q, %V, %g, %c, %r, %s, %w)
      : (tensor<2x1x2x9xf32>, tensor<2x1x4x9xf32>, tensor<2x1x4x5xf32>, tensor<2x4x33x9xf32>, tensor<2x4x33x5xf32>, tensor<2x1x4x9xf32>, tensor<4xf32>, tensor<2x4x33xf32>, tensor<2x4x9x5xf32>, tensor<2x4x5x9xf32>)
      -> (tensor<2x1x4x5xf32>, tensor<2x4x9x5xf32>, tensor<2x1x4x5xf32>, tensor<2x4x5x9xf32>, tensor<2x4x33x5xf32>, tensor<2x4x9x5xf32>, tensor<2x4x33x5xf32>)
  %y:7 = call @simplified(%q, %k, %v, %Q, %V, %g, %c, %r, %s, %w)
      : (tensor<2x1x2x9xf32>, tensor<2x1x4x9xf32>, tensor<2x1x4x5xf32>, tensor<2x4x33x9xf32>, tensor<2x4x33x5xf32>, tensor<2x1x4x9xf32>, tensor<4xf32>, tensor<2x4x33xf32>, tensor<2x4x9x5xf32>, tensor<2x4x5x9xf32>)
      -> (tensor<2x1x4x5xf32>, tensor<2x4x9x5xf32>, tensor<2x1x4x5xf32>, tensor<2x4x5x9xf32>, tensor<2x4x33x5xf32>, tensor<2x4x9x5xf32>, tensor<2x4x33x5xf32>)
  %sum = arith.constant 0 : i32
  %x0 = tensor.cast %x#0 : tensor<2x1x4x5xf32> to tensor<?x?x?x?xf32>
  %y0 = tensor.cast %y#0 : tensor<2x1x4x5xf32> to tensor<?x?x?x?xf32>
  %ok0 = call @isClose(%y0, %x0) : (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> i1
  %one0 = arith.extui %ok0 : i1 to i32
  %sum0 = arith.addi %sum, %one0 : i32
  %x1 = tensor.cast %x#1 : tensor<2x4x9x5xf32> to tensor<?x?x?x?xf32>
  %y1 = tensor.cast %y#1 : tensor<2x4x9x5xf32> to tensor<?x?x?x?xf32>
  %ok1 = call @isClose(%y1, %x1) : (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> i1
  %one1 = arith.extui %ok1 : i1 to i32
  %sum1 = arith.addi %sum0, %one1 : i32
  %x2 = tensor.cast %x#2 : tensor<2x1x4x5xf32> to tensor<?x?x?x?xf32>
  %y2 = tensor.cast %y#2 : tensor<2x1x4x5xf32> to tensor<?x?x?x?xf32>
  %ok2 = call @isClose(%y2, %x2) : (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> i1
  %one2 = arith.extui %ok2 : i1 to i32
  %sum2 = arith.addi %sum1, %one2 : i32
  %x3 = tensor.cast %x#3 : tensor<2x4x5x9xf32> to tensor<?x?x?x?xf32>
  %y3 = tensor.cast %y#3 : tensor<2x4x5x9xf32> to tensor<?x?x?x?xf32>
  %ok3 = call @isClose(%y3, %x3) : (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> i1
  %one3 = arith.extui %ok3 : i1 to i32
  %sum3 = arith.addi %sum2, %one3 : i32
  %x4 = tensor.cast %x#4 : tensor<2x4x33x5xf32> to tensor<?x?x?x?xf32>
  %y4 = tensor.cast %y#4 : tensor<2x4x33x5xf32> to tensor<?x?x?x?xf32>
  %ok4 = call @isClose(%y4, %x4) : (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> i1
  %one4 = arith.extui %ok4 : i1 to i32
  %sum4 = arith.addi %sum3, %one4 : i32
  %x5 = tensor.cast %x#5 : tensor<2x4x9x5xf32> to tensor<?x?x?x?xf32>
  %y5 = tensor.cast %y#5 : tensor<2x4x9x5xf32> to tensor<?x?x?x?xf32>
  %ok5 = call @isClose(%y5, %x5) : (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> i1
  %one5 = arith.extui %ok5 : i1 to i32
  %sum5 = arith.addi %sum4, %one5 : i32
  %x6 = tensor.cast %x#6 : tensor<2x4x33x5xf32> to tensor<?x?x?x?xf32>
  %y6 = tensor.cast %y#6 : tensor<2x4x33x5xf32> to tensor<?x?x?x?xf32>
  %ok6 = call @isClose(%y6, %x6) : (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> i1
  %one6 = arith.extui %ok6 : i1 to i32
  %sum6 = arith.addi %sum5, %one6 : i32
  return %sum6 : i32
}
