// Tiled ops compute what the untiled ones compute: by groups of heads, by parts
// of a group, by batch and value channels, named ops and block ops. `main`
// returns the number of results whose relative rms error is below 2e-5: all 11.

// RUN: cat %s %S/Inputs/helpers.mlir > %t.in.mlir
// RUN: linattn-opt %t.in.mlir --transform-preload-library="transform-library-paths=%S/Inputs/lower-tiled.mlir" \
// RUN:   --transform-interpreter --canonicalize --cse -o %t.mlir
// RUN: FileCheck %s --check-prefix=LOWERED < %t.mlir
// RUN: linattn-opt %t.mlir --eliminate-empty-tensors \
// RUN:   --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" \
// RUN:   --scf-forall-to-for --convert-linalg-to-loops --expand-strided-metadata --lower-affine --convert-scf-to-cf \
// RUN:   --convert-to-llvm --reconcile-unrealized-casts \
// RUN:   | mlir-runner -e main -entry-point-result=i32 -shared-libs=%mlir_lib/libmlir_c_runner_utils%shlibext \
// RUN:   | FileCheck %s --check-prefix=RESULT

// LOWERED-NOT: = linattn.
// RESULT: {{^}}11{{$}}

func.func @whole(%q: tensor<2x?x2x9xf32>, %k: tensor<2x?x4x9xf32>, %v: tensor<2x?x8x6xf32>, %g: tensor<2x?x8x9xf32>, %h: tensor<2x?x8xf32>, %c: tensor<8xf32>, %s: tensor<2x8x9x6xf32>, %w: tensor<2x8x6x9xf32>, %t: tensor<2x8x9xf32>, %u: tensor<2x8xf32>, %x: tensor<2x2x9xf32>, %y: tensor<2x8x6xf32>, %z: tensor<2x4x9xf32>)
    -> (tensor<2x?x8x6xf32>, tensor<2x8x9x6xf32>, tensor<2x?x8x6xf32>, tensor<2x8x6x9xf32>, tensor<2x?x8x6xf32>, tensor<2x8x9x6xf32>, tensor<2x8x9x6xf32>, tensor<2x8x9xf32>, tensor<2x8xf32>, tensor<2x8x6xf32>, tensor<2x8x9x6xf32>) attributes {by = "recurrence"} {
  // Grouped heads, decays on both sides, states of either layout.
  %a:2 = linattn.attention
      ins(%q, %k, %v : tensor<2x?x2x9xf32>, tensor<2x?x4x9xf32>, tensor<2x?x8x6xf32>)
      key_decay(%g : tensor<2x?x8x9xf32>) value_decay(%c : tensor<8xf32>) initial_state(%s : tensor<2x8x9x6xf32>)
      outs(%v, %s : tensor<2x?x8x6xf32>, tensor<2x8x9x6xf32>) {tile = "groups", scale = 0.5 : f32} -> tensor<2x?x8x6xf32>, tensor<2x8x9x6xf32>
  %b:2 = linattn.attention
      ins(%q, %k, %v : tensor<2x?x2x9xf32>, tensor<2x?x4x9xf32>, tensor<2x?x8x6xf32>)
      key_decay(%h : tensor<2x?x8xf32>) initial_state(%w : tensor<2x8x6x9xf32>)
      outs(%v, %w : tensor<2x?x8x6xf32>, tensor<2x8x6x9xf32>) {tile = "part", direction = #linattn.direction<reverse>, state_layout = #linattn.state_layout<vk>} -> tensor<2x?x8x6xf32>, tensor<2x8x6x9xf32>
  %d:2 = linattn.attention
      ins(%q, %k, %v : tensor<2x?x2x9xf32>, tensor<2x?x4x9xf32>, tensor<2x?x8x6xf32>)
      key_decay(%g : tensor<2x?x8x9xf32>) value_decay(%h : tensor<2x?x8xf32>) initial_state(%s : tensor<2x8x9x6xf32>)
      outs(%v, %s : tensor<2x?x8x6xf32>, tensor<2x8x9x6xf32>) {tile = "blocks"} -> tensor<2x?x8x6xf32>, tensor<2x8x9x6xf32>
  %e:3 = linattn.state
      ins(%k, %v : tensor<2x?x4x9xf32>, tensor<2x?x8x6xf32>)
      key_decay(%g : tensor<2x?x8x9xf32>) value_decay(%h : tensor<2x?x8xf32>)
      outs(%s, %t, %u : tensor<2x8x9x6xf32>, tensor<2x8x9xf32>, tensor<2x8xf32>) -> tensor<2x8x9x6xf32>, tensor<2x8x9xf32>, tensor<2x8xf32>
  %f:2 = linattn.step
      ins(%x, %z, %y : tensor<2x2x9xf32>, tensor<2x4x9xf32>, tensor<2x8x6xf32>)
      key_decay(%c : tensor<8xf32>) outs(%y, %s : tensor<2x8x6xf32>, tensor<2x8x9x6xf32>) -> tensor<2x8x6xf32>, tensor<2x8x9x6xf32>
  return %a#0, %a#1, %b#0, %b#1, %d#0, %d#1, %e#0, %e#1, %e#2, %f#0, %f#1
      : tensor<2x?x8x6xf32>, tensor<2x8x9x6xf32>, tensor<2x?x8x6xf32>, tensor<2x8x6x9xf32>, tensor<2x?x8x6xf32>, tensor<2x8x9x6xf32>, tensor<2x8x9x6xf32>, tensor<2x8x9xf32>, tensor<2x8xf32>, tensor<2x8x6xf32>, tensor<2x8x9x6xf32>
}

func.func @tiled(%q: tensor<2x?x2x9xf32>, %k: tensor<2x?x4x9xf32>, %v: tensor<2x?x8x6xf32>, %g: tensor<2x?x8x9xf32>, %h: tensor<2x?x8xf32>, %c: tensor<8xf32>, %s: tensor<2x8x9x6xf32>, %w: tensor<2x8x6x9xf32>, %t: tensor<2x8x9xf32>, %u: tensor<2x8xf32>, %x: tensor<2x2x9xf32>, %y: tensor<2x8x6xf32>, %z: tensor<2x4x9xf32>)
    -> (tensor<2x?x8x6xf32>, tensor<2x8x9x6xf32>, tensor<2x?x8x6xf32>, tensor<2x8x6x9xf32>, tensor<2x?x8x6xf32>, tensor<2x8x9x6xf32>, tensor<2x8x9x6xf32>, tensor<2x8x9xf32>, tensor<2x8xf32>, tensor<2x8x6xf32>, tensor<2x8x9x6xf32>) attributes {by = "tiles"} {
  // Grouped heads, decays on both sides, states of either layout.
  %a:2 = linattn.attention
      ins(%q, %k, %v : tensor<2x?x2x9xf32>, tensor<2x?x4x9xf32>, tensor<2x?x8x6xf32>)
      key_decay(%g : tensor<2x?x8x9xf32>) value_decay(%c : tensor<8xf32>) initial_state(%s : tensor<2x8x9x6xf32>)
      outs(%v, %s : tensor<2x?x8x6xf32>, tensor<2x8x9x6xf32>) {tile = "groups", scale = 0.5 : f32} -> tensor<2x?x8x6xf32>, tensor<2x8x9x6xf32>
  %b:2 = linattn.attention
      ins(%q, %k, %v : tensor<2x?x2x9xf32>, tensor<2x?x4x9xf32>, tensor<2x?x8x6xf32>)
      key_decay(%h : tensor<2x?x8xf32>) initial_state(%w : tensor<2x8x6x9xf32>)
      outs(%v, %w : tensor<2x?x8x6xf32>, tensor<2x8x6x9xf32>) {tile = "part", direction = #linattn.direction<reverse>, state_layout = #linattn.state_layout<vk>} -> tensor<2x?x8x6xf32>, tensor<2x8x6x9xf32>
  %d:2 = linattn.attention
      ins(%q, %k, %v : tensor<2x?x2x9xf32>, tensor<2x?x4x9xf32>, tensor<2x?x8x6xf32>)
      key_decay(%g : tensor<2x?x8x9xf32>) value_decay(%h : tensor<2x?x8xf32>) initial_state(%s : tensor<2x8x9x6xf32>)
      outs(%v, %s : tensor<2x?x8x6xf32>, tensor<2x8x9x6xf32>) {tile = "blocks"} -> tensor<2x?x8x6xf32>, tensor<2x8x9x6xf32>
  %e:3 = linattn.state
      ins(%k, %v : tensor<2x?x4x9xf32>, tensor<2x?x8x6xf32>)
      key_decay(%g : tensor<2x?x8x9xf32>) value_decay(%h : tensor<2x?x8xf32>)
      outs(%s, %t, %u : tensor<2x8x9x6xf32>, tensor<2x8x9xf32>, tensor<2x8xf32>) -> tensor<2x8x9x6xf32>, tensor<2x8x9xf32>, tensor<2x8xf32>
  %f:2 = linattn.step
      ins(%x, %z, %y : tensor<2x2x9xf32>, tensor<2x4x9xf32>, tensor<2x8x6xf32>)
      key_decay(%c : tensor<8xf32>) outs(%y, %s : tensor<2x8x6xf32>, tensor<2x8x9x6xf32>) -> tensor<2x8x6xf32>, tensor<2x8x9x6xf32>
  return %a#0, %a#1, %b#0, %b#1, %d#0, %d#1, %e#0, %e#1, %e#2, %f#0, %f#1
      : tensor<2x?x8x6xf32>, tensor<2x8x9x6xf32>, tensor<2x?x8x6xf32>, tensor<2x8x6x9xf32>, tensor<2x?x8x6xf32>, tensor<2x8x9x6xf32>, tensor<2x8x9x6xf32>, tensor<2x8x9xf32>, tensor<2x8xf32>, tensor<2x8x6xf32>, tensor<2x8x9x6xf32>
}

func.func @main() -> i32 {
  %n1 = arith.constant 1 : index
  %n2 = arith.constant 2 : index
  %n4 = arith.constant 4 : index
  %n6 = arith.constant 6 : index
  %n8 = arith.constant 8 : index
  %n9 = arith.constant 9 : index
  %n = arith.constant 37 : index
  %qi = arith.constant 1 : i32
  %qe = tensor.empty(%n2, %n, %n2, %n9) : tensor<?x?x?x?xf32>
  %qr = call @random(%qi, %qe) : (i32, tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %q = tensor.cast %qr : tensor<?x?x?x?xf32> to tensor<2x?x2x9xf32>
  %ki = arith.constant 2 : i32
  %ke = tensor.empty(%n2, %n, %n4, %n9) : tensor<?x?x?x?xf32>
  %kr = call @random(%ki, %ke) : (i32, tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %k = tensor.cast %kr : tensor<?x?x?x?xf32> to tensor<2x?x4x9xf32>
  %vi = arith.constant 3 : i32
  %ve = tensor.empty(%n2, %n, %n8, %n6) : tensor<?x?x?x?xf32>
  %vr = call @random(%vi, %ve) : (i32, tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %v = tensor.cast %vr : tensor<?x?x?x?xf32> to tensor<2x?x8x6xf32>
  %si = arith.constant 4 : i32
  %se = tensor.empty(%n2, %n8, %n9, %n6) : tensor<?x?x?x?xf32>
  %sr = call @random(%si, %se) : (i32, tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %s = tensor.cast %sr : tensor<?x?x?x?xf32> to tensor<2x8x9x6xf32>
  %wi = arith.constant 5 : i32
  %we = tensor.empty(%n2, %n8, %n6, %n9) : tensor<?x?x?x?xf32>
  %wr = call @random(%wi, %we) : (i32, tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %w = tensor.cast %wr : tensor<?x?x?x?xf32> to tensor<2x8x6x9xf32>
  %gi = arith.constant 6 : i32
  %ge = tensor.empty(%n2, %n, %n8, %n9) : tensor<?x?x?x?xf32>
  %gr = call @random(%gi, %ge) : (i32, tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %ga = linalg.abs ins(%gr : tensor<?x?x?x?xf32>) outs(%ge : tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %gn = linalg.negf ins(%ga : tensor<?x?x?x?xf32>) outs(%ge : tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %g = tensor.cast %gn : tensor<?x?x?x?xf32> to tensor<2x?x8x9xf32>
  %hi = arith.constant 7 : i32
  %he = tensor.empty(%n2, %n, %n8, %n1) : tensor<?x?x?x?xf32>
  %hr = call @random(%hi, %he) : (i32, tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %ha = linalg.abs ins(%hr : tensor<?x?x?x?xf32>) outs(%he : tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %hn = linalg.negf ins(%ha : tensor<?x?x?x?xf32>) outs(%he : tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %hc = tensor.collapse_shape %hn [[0], [1], [2, 3]] : tensor<?x?x?x?xf32> into tensor<?x?x?xf32>
  %h = tensor.cast %hc : tensor<?x?x?xf32> to tensor<2x?x8xf32>
  %ci = arith.constant 8 : i32
  %ce = tensor.empty(%n1, %n1, %n8, %n1) : tensor<?x?x?x?xf32>
  %cr = call @random(%ci, %ce) : (i32, tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %ca = linalg.abs ins(%cr : tensor<?x?x?x?xf32>) outs(%ce : tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %cn = linalg.negf ins(%ca : tensor<?x?x?x?xf32>) outs(%ce : tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %cc = tensor.collapse_shape %cn [[0, 1, 2, 3]] : tensor<?x?x?x?xf32> into tensor<?xf32>
  %c = tensor.cast %cc : tensor<?xf32> to tensor<8xf32>
  %t = tensor.empty() : tensor<2x8x9xf32>
  %u = tensor.empty() : tensor<2x8xf32>
  %x = tensor.extract_slice %q[0, 3, 0, 0] [2, 1, 2, 9] [1, 1, 1, 1] : tensor<2x?x2x9xf32> to tensor<2x2x9xf32>
  %y = tensor.extract_slice %v[0, 3, 0, 0] [2, 1, 8, 6] [1, 1, 1, 1] : tensor<2x?x8x6xf32> to tensor<2x8x6xf32>
  %z = tensor.extract_slice %k[0, 3, 0, 0] [2, 1, 4, 9] [1, 1, 1, 1] : tensor<2x?x4x9xf32> to tensor<2x4x9xf32>
  %p:11 = call @whole(%q, %k, %v, %g, %h, %c, %s, %w, %t, %u, %x, %y, %z)
      : (tensor<2x?x2x9xf32>, tensor<2x?x4x9xf32>, tensor<2x?x8x6xf32>, tensor<2x?x8x9xf32>, tensor<2x?x8xf32>, tensor<8xf32>, tensor<2x8x9x6xf32>, tensor<2x8x6x9xf32>, tensor<2x8x9xf32>, tensor<2x8xf32>, tensor<2x2x9xf32>, tensor<2x8x6xf32>, tensor<2x4x9xf32>)
      -> (tensor<2x?x8x6xf32>, tensor<2x8x9x6xf32>, tensor<2x?x8x6xf32>, tensor<2x8x6x9xf32>, tensor<2x?x8x6xf32>, tensor<2x8x9x6xf32>, tensor<2x8x9x6xf32>, tensor<2x8x9xf32>, tensor<2x8xf32>, tensor<2x8x6xf32>, tensor<2x8x9x6xf32>)
  %r:11 = call @tiled(%q, %k, %v, %g, %h, %c, %s, %w, %t, %u, %x, %y, %z)
      : (tensor<2x?x2x9xf32>, tensor<2x?x4x9xf32>, tensor<2x?x8x6xf32>, tensor<2x?x8x9xf32>, tensor<2x?x8xf32>, tensor<8xf32>, tensor<2x8x9x6xf32>, tensor<2x8x6x9xf32>, tensor<2x8x9xf32>, tensor<2x8xf32>, tensor<2x2x9xf32>, tensor<2x8x6xf32>, tensor<2x4x9xf32>)
      -> (tensor<2x?x8x6xf32>, tensor<2x8x9x6xf32>, tensor<2x?x8x6xf32>, tensor<2x8x6x9xf32>, tensor<2x?x8x6xf32>, tensor<2x8x9x6xf32>, tensor<2x8x9x6xf32>, tensor<2x8x9xf32>, tensor<2x8xf32>, tensor<2x8x6xf32>, tensor<2x8x9x6xf32>)
  %zero = arith.constant 0 : i32
  %p0 = tensor.cast %p#0 : tensor<2x?x8x6xf32> to tensor<?x?x?x?xf32>
  %r0 = tensor.cast %r#0 : tensor<2x?x8x6xf32> to tensor<?x?x?x?xf32>
  %ok0 = call @isClose(%r0, %p0) : (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> i1
  %one0 = arith.extui %ok0 : i1 to i32
  %sum0 = arith.addi %zero, %one0 : i32
  %p1 = tensor.cast %p#1 : tensor<2x8x9x6xf32> to tensor<?x?x?x?xf32>
  %r1 = tensor.cast %r#1 : tensor<2x8x9x6xf32> to tensor<?x?x?x?xf32>
  %ok1 = call @isClose(%r1, %p1) : (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> i1
  %one1 = arith.extui %ok1 : i1 to i32
  %sum1 = arith.addi %sum0, %one1 : i32
  %p2 = tensor.cast %p#2 : tensor<2x?x8x6xf32> to tensor<?x?x?x?xf32>
  %r2 = tensor.cast %r#2 : tensor<2x?x8x6xf32> to tensor<?x?x?x?xf32>
  %ok2 = call @isClose(%r2, %p2) : (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> i1
  %one2 = arith.extui %ok2 : i1 to i32
  %sum2 = arith.addi %sum1, %one2 : i32
  %p3 = tensor.cast %p#3 : tensor<2x8x6x9xf32> to tensor<?x?x?x?xf32>
  %r3 = tensor.cast %r#3 : tensor<2x8x6x9xf32> to tensor<?x?x?x?xf32>
  %ok3 = call @isClose(%r3, %p3) : (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> i1
  %one3 = arith.extui %ok3 : i1 to i32
  %sum3 = arith.addi %sum2, %one3 : i32
  %p4 = tensor.cast %p#4 : tensor<2x?x8x6xf32> to tensor<?x?x?x?xf32>
  %r4 = tensor.cast %r#4 : tensor<2x?x8x6xf32> to tensor<?x?x?x?xf32>
  %ok4 = call @isClose(%r4, %p4) : (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> i1
  %one4 = arith.extui %ok4 : i1 to i32
  %sum4 = arith.addi %sum3, %one4 : i32
  %p5 = tensor.cast %p#5 : tensor<2x8x9x6xf32> to tensor<?x?x?x?xf32>
  %r5 = tensor.cast %r#5 : tensor<2x8x9x6xf32> to tensor<?x?x?x?xf32>
  %ok5 = call @isClose(%r5, %p5) : (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> i1
  %one5 = arith.extui %ok5 : i1 to i32
  %sum5 = arith.addi %sum4, %one5 : i32
  %p6 = tensor.cast %p#6 : tensor<2x8x9x6xf32> to tensor<?x?x?x?xf32>
  %r6 = tensor.cast %r#6 : tensor<2x8x9x6xf32> to tensor<?x?x?x?xf32>
  %ok6 = call @isClose(%r6, %p6) : (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> i1
  %one6 = arith.extui %ok6 : i1 to i32
  %sum6 = arith.addi %sum5, %one6 : i32
  %p7x = tensor.expand_shape %p#7 [[0, 1], [2], [3]] output_shape [1, 2, 8, 9] : tensor<2x8x9xf32> into tensor<1x2x8x9xf32>
  %p7 = tensor.cast %p7x : tensor<1x2x8x9xf32> to tensor<?x?x?x?xf32>
  %r7x = tensor.expand_shape %r#7 [[0, 1], [2], [3]] output_shape [1, 2, 8, 9] : tensor<2x8x9xf32> into tensor<1x2x8x9xf32>
  %r7 = tensor.cast %r7x : tensor<1x2x8x9xf32> to tensor<?x?x?x?xf32>
  %ok7 = call @isClose(%r7, %p7) : (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> i1
  %one7 = arith.extui %ok7 : i1 to i32
  %sum7 = arith.addi %sum6, %one7 : i32
  %p8x = tensor.expand_shape %p#8 [[0, 1, 2], [3]] output_shape [1, 1, 2, 8] : tensor<2x8xf32> into tensor<1x1x2x8xf32>
  %p8 = tensor.cast %p8x : tensor<1x1x2x8xf32> to tensor<?x?x?x?xf32>
  %r8x = tensor.expand_shape %r#8 [[0, 1, 2], [3]] output_shape [1, 1, 2, 8] : tensor<2x8xf32> into tensor<1x1x2x8xf32>
  %r8 = tensor.cast %r8x : tensor<1x1x2x8xf32> to tensor<?x?x?x?xf32>
  %ok8 = call @isClose(%r8, %p8) : (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> i1
  %one8 = arith.extui %ok8 : i1 to i32
  %sum8 = arith.addi %sum7, %one8 : i32
  %p9x = tensor.expand_shape %p#9 [[0, 1], [2], [3]] output_shape [1, 2, 8, 6] : tensor<2x8x6xf32> into tensor<1x2x8x6xf32>
  %p9 = tensor.cast %p9x : tensor<1x2x8x6xf32> to tensor<?x?x?x?xf32>
  %r9x = tensor.expand_shape %r#9 [[0, 1], [2], [3]] output_shape [1, 2, 8, 6] : tensor<2x8x6xf32> into tensor<1x2x8x6xf32>
  %r9 = tensor.cast %r9x : tensor<1x2x8x6xf32> to tensor<?x?x?x?xf32>
  %ok9 = call @isClose(%r9, %p9) : (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> i1
  %one9 = arith.extui %ok9 : i1 to i32
  %sum9 = arith.addi %sum8, %one9 : i32
  %p10 = tensor.cast %p#10 : tensor<2x8x9x6xf32> to tensor<?x?x?x?xf32>
  %r10 = tensor.cast %r#10 : tensor<2x8x9x6xf32> to tensor<?x?x?x?xf32>
  %ok10 = call @isClose(%r10, %p10) : (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> i1
  %one10 = arith.extui %ok10 : i1 to i32
  %sum10 = arith.addi %sum9, %one10 : i32
  return %sum10 : i32
}

