// A decay class that the dialect does not have, lowered by the same passes as
// every other: its chunks compute what its recurrence computes, in both
// directions, on both sides at once, with grouped heads, odd head sizes and a
// ragged last chunk. `main` returns 1 if the relative rms error of the outputs
// and of the final states is below 2e-5.

// RUN: cat %s %S/Inputs/helpers.mlir > %t.in.mlir
// RUN: linattn-opt %t.in.mlir --transform-preload-library="transform-library-paths=%S/Inputs/lower-both-ways.mlir" \
// RUN:   --transform-interpreter --canonicalize --cse -o %t.mlir
// RUN: FileCheck %s --check-prefix=LOWERED < %t.mlir
// RUN: linattn-opt %t.mlir --eliminate-empty-tensors \
// RUN:   --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" \
// RUN:   --scf-forall-to-for --convert-linalg-to-loops --expand-strided-metadata --lower-affine --convert-scf-to-cf \
// RUN:   --convert-to-llvm --reconcile-unrealized-casts \
// RUN:   | mlir-runner -e main -entry-point-result=i32 -shared-libs=%mlir_lib/libmlir_c_runner_utils%shlibext \
// RUN:   | FileCheck %s --check-prefix=RESULT

// LOWERED-NOT: = linattn.
// RESULT: {{^}}1{{$}}

func.func @recurrence(%q: tensor<2x?x2x9xf32>, %k: tensor<2x?x4x9xf32>, %v: tensor<2x?x4x5xf32>, %g: tensor<4x9xf32>, %h: tensor<4x5xf32>,
    %s0: tensor<2x4x9x5xf32>, %o: tensor<2x?x4x5xf32>, %s: tensor<2x4x9x5xf32>)
    -> (tensor<2x?x4x5xf32>, tensor<2x4x9x5xf32>, tensor<2x?x4x5xf32>, tensor<2x4x9x5xf32>) attributes {by = "recurrence"} {
  %r:2 = linattn.attention
      ins(%q, %k, %v : tensor<2x?x2x9xf32>, tensor<2x?x4x9xf32>, tensor<2x?x4x5xf32>)
      key_decay(%g : tensor<4x9xf32>) value_decay(%h : tensor<4x5xf32>) initial_state(%s0 : tensor<2x4x9x5xf32>)
      outs(%o, %s : tensor<2x?x4x5xf32>, tensor<2x4x9x5xf32>) {scale = 0.5 : f32} -> tensor<2x?x4x5xf32>, tensor<2x4x9x5xf32>
  %u:2 = linattn.attention
      ins(%q, %k, %v : tensor<2x?x2x9xf32>, tensor<2x?x4x9xf32>, tensor<2x?x4x5xf32>)
      key_decay(%g : tensor<4x9xf32>) initial_state(%s0 : tensor<2x4x9x5xf32>)
      outs(%o, %s : tensor<2x?x4x5xf32>, tensor<2x4x9x5xf32>) {direction = #linattn.direction<reverse>} -> tensor<2x?x4x5xf32>, tensor<2x4x9x5xf32>
  return %r#0, %r#1, %u#0, %u#1 : tensor<2x?x4x5xf32>, tensor<2x4x9x5xf32>, tensor<2x?x4x5xf32>, tensor<2x4x9x5xf32>
}

func.func @blocks(%q: tensor<2x?x2x9xf32>, %k: tensor<2x?x4x9xf32>, %v: tensor<2x?x4x5xf32>, %g: tensor<4x9xf32>, %h: tensor<4x5xf32>,
    %s0: tensor<2x4x9x5xf32>, %o: tensor<2x?x4x5xf32>, %s: tensor<2x4x9x5xf32>)
    -> (tensor<2x?x4x5xf32>, tensor<2x4x9x5xf32>, tensor<2x?x4x5xf32>, tensor<2x4x9x5xf32>) attributes {by = "blocks"} {
  %r:2 = linattn.attention
      ins(%q, %k, %v : tensor<2x?x2x9xf32>, tensor<2x?x4x9xf32>, tensor<2x?x4x5xf32>)
      key_decay(%g : tensor<4x9xf32>) value_decay(%h : tensor<4x5xf32>) initial_state(%s0 : tensor<2x4x9x5xf32>)
      outs(%o, %s : tensor<2x?x4x5xf32>, tensor<2x4x9x5xf32>) {scale = 0.5 : f32} -> tensor<2x?x4x5xf32>, tensor<2x4x9x5xf32>
  %u:2 = linattn.attention
      ins(%q, %k, %v : tensor<2x?x2x9xf32>, tensor<2x?x4x9xf32>, tensor<2x?x4x5xf32>)
      key_decay(%g : tensor<4x9xf32>) initial_state(%s0 : tensor<2x4x9x5xf32>)
      outs(%o, %s : tensor<2x?x4x5xf32>, tensor<2x4x9x5xf32>) {direction = #linattn.direction<reverse>} -> tensor<2x?x4x5xf32>, tensor<2x4x9x5xf32>
  return %r#0, %r#1, %u#0, %u#1 : tensor<2x?x4x5xf32>, tensor<2x4x9x5xf32>, tensor<2x?x4x5xf32>, tensor<2x4x9x5xf32>
}

func.func @main() -> i32 {
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c5 = arith.constant 5 : index
  %c9 = arith.constant 9 : index
  %n = arith.constant 37 : index
  %i1 = arith.constant 1 : i32
  %i2 = arith.constant 2 : i32
  %i3 = arith.constant 3 : i32
  %i4 = arith.constant 4 : i32
  %i5 = arith.constant 5 : i32
  %i6 = arith.constant 6 : i32
  %qe = tensor.empty(%c2, %n, %c2, %c9) : tensor<?x?x?x?xf32>
  %ke = tensor.empty(%c2, %n, %c4, %c9) : tensor<?x?x?x?xf32>
  %ve = tensor.empty(%c2, %n, %c4, %c5) : tensor<?x?x?x?xf32>
  %se = tensor.empty(%c2, %c4, %c9, %c5) : tensor<?x?x?x?xf32>
  %qr = call @random(%i1, %qe) : (i32, tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %kr = call @random(%i2, %ke) : (i32, tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %vr = call @random(%i3, %ve) : (i32, tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %sr = call @random(%i4, %se) : (i32, tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %gr = call @decays(%i5, %c4, %c9) : (i32, index, index) -> tensor<?x?xf32>
  %hr = call @decays(%i6, %c4, %c5) : (i32, index, index) -> tensor<?x?xf32>
  %q = tensor.cast %qr : tensor<?x?x?x?xf32> to tensor<2x?x2x9xf32>
  %k = tensor.cast %kr : tensor<?x?x?x?xf32> to tensor<2x?x4x9xf32>
  %v = tensor.cast %vr : tensor<?x?x?x?xf32> to tensor<2x?x4x5xf32>
  %s0 = tensor.cast %sr : tensor<?x?x?x?xf32> to tensor<2x4x9x5xf32>
  %g = tensor.cast %gr : tensor<?x?xf32> to tensor<4x9xf32>
  %h = tensor.cast %hr : tensor<?x?xf32> to tensor<4x5xf32>
  %o = tensor.empty(%n) : tensor<2x?x4x5xf32>
  %s = tensor.empty() : tensor<2x4x9x5xf32>
  %x:4 = call @recurrence(%q, %k, %v, %g, %h, %s0, %o, %s)
      : (tensor<2x?x2x9xf32>, tensor<2x?x4x9xf32>, tensor<2x?x4x5xf32>, tensor<4x9xf32>, tensor<4x5xf32>, tensor<2x4x9x5xf32>, tensor<2x?x4x5xf32>, tensor<2x4x9x5xf32>)
      -> (tensor<2x?x4x5xf32>, tensor<2x4x9x5xf32>, tensor<2x?x4x5xf32>, tensor<2x4x9x5xf32>)
  %y:4 = call @blocks(%q, %k, %v, %g, %h, %s0, %o, %s)
      : (tensor<2x?x2x9xf32>, tensor<2x?x4x9xf32>, tensor<2x?x4x5xf32>, tensor<4x9xf32>, tensor<4x5xf32>, tensor<2x4x9x5xf32>, tensor<2x?x4x5xf32>, tensor<2x4x9x5xf32>)
      -> (tensor<2x?x4x5xf32>, tensor<2x4x9x5xf32>, tensor<2x?x4x5xf32>, tensor<2x4x9x5xf32>)
  %x0 = tensor.cast %x#0 : tensor<2x?x4x5xf32> to tensor<?x?x?x?xf32>
  %x1 = tensor.cast %x#1 : tensor<2x4x9x5xf32> to tensor<?x?x?x?xf32>
  %x2 = tensor.cast %x#2 : tensor<2x?x4x5xf32> to tensor<?x?x?x?xf32>
  %x3 = tensor.cast %x#3 : tensor<2x4x9x5xf32> to tensor<?x?x?x?xf32>
  %y0 = tensor.cast %y#0 : tensor<2x?x4x5xf32> to tensor<?x?x?x?xf32>
  %y1 = tensor.cast %y#1 : tensor<2x4x9x5xf32> to tensor<?x?x?x?xf32>
  %y2 = tensor.cast %y#2 : tensor<2x?x4x5xf32> to tensor<?x?x?x?xf32>
  %y3 = tensor.cast %y#3 : tensor<2x4x9x5xf32> to tensor<?x?x?x?xf32>
  %r0 = call @isClose(%y0, %x0) : (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> i1
  %r1 = call @isClose(%y1, %x1) : (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> i1
  %r2 = call @isClose(%y2, %x2) : (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> i1
  %r3 = call @isClose(%y3, %x3) : (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> i1
  %a = arith.andi %r0, %r1 : i1
  %b = arith.andi %r2, %r3 : i1
  %c = arith.andi %a, %b : i1
  %d = arith.extui %c : i1 to i32
  return %d : i32
}
