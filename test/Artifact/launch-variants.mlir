// Every way through the scf.ifs of a function is a variant of its plan, results
// in place are written to their argument, and sizes are computed as the program
// does.
//
// RUN: linattn-compile %s --target=sm_90a --ptx-only -o %t.lna
// RUN: linattn-artifact print %t.lna | FileCheck %s

// The state is updated in place: no result of its own, no workspace.
// CHECK: "name": "update",
// CHECK: "kernel": "add",
// CHECK: "tensor": "s"
// CHECK-NOT: "workspace"
// CHECK: "results": [
// CHECK-NEXT: {
// CHECK-NEXT: "inplace": "s"
func.func @update(%x: tensor<?xf32> loc("x"), %s: tensor<?xf32> {linattn.inplace = 0 : i64} loc("s")) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %r = tile.launch @add blocks(%n) ins(%x : tensor<?xf32>) outs(%s : tensor<?xf32>) -> tensor<?xf32>
  return %r : tensor<?xf32>
}

// One launch where the blocks fill the device, else two and a workspace; the
// assertion counts only there.
// CHECK: "name": "split",
// CHECK: "launches": [
// CHECK: "tensor": "result0"
// CHECK: "name": "variant0",
// CHECK-NEXT: "when": [
// CHECK-NEXT: ">=",
// CHECK-NEXT: "x.0",
// CHECK-NEXT: "sm_count"
// CHECK: "launches": [
// CHECK: "base": "workspace"
// CHECK: "base": "workspace"
// CHECK: "tensor": "result0"
// CHECK: "name": "variant1",
// CHECK-NEXT: "when": [
// CHECK-NEXT: "not",
// CHECK-NEXT: [
// CHECK-NEXT: ">=",
// CHECK-NEXT: "x.0",
// CHECK-NEXT: "sm_count"
// CHECK: "workspace": [
// CHECK-NEXT: "align",
// What is required behind a choice is required whatever was chosen.
// CHECK: "require": [
// CHECK-NEXT: {
// CHECK-NEXT: "condition": [
// CHECK-NEXT: ">=",
// CHECK-NEXT: "x.0",
// CHECK-NEXT: 1
// CHECK: "message": "expects an element"
func.func @split(%x: tensor<?xf32> loc("x")) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %count = tile.sm_count
  %fills = arith.cmpi sge, %n, %count : index
  %y = tensor.empty(%n) : tensor<?xf32>
  %r = scf.if %fills -> tensor<?xf32> {
    %0 = tile.launch @add blocks(%n) ins(%x : tensor<?xf32>) outs(%y : tensor<?xf32>) -> tensor<?xf32>
    scf.yield %0 : tensor<?xf32>
  } else {
    %0 = tile.launch @add blocks(%n) ins(%x : tensor<?xf32>) outs(%y : tensor<?xf32>) -> tensor<?xf32>
    %1 = tile.launch @add blocks(%count) ins(%0 : tensor<?xf32>) outs(%y : tensor<?xf32>) -> tensor<?xf32>
    scf.yield %1 : tensor<?xf32>
  }
  %c1 = arith.constant 1 : index
  %some = arith.cmpi sge, %n, %c1 : index
  cf.assert %some, "expects an element"
  return %r : tensor<?xf32>
}

// Division of what may be negative rounds to zero; the message holds where the
// branch is taken.
// CHECK: "name": "sizes",
// CHECK: "grid": [
// CHECK-NEXT: [
// CHECK-NEXT: "min",
// CHECK: "select",
// CHECK-NEXT: [
// CHECK-NEXT: ">=",
// CHECK: "floordiv",
// CHECK: "floordiv",
// CHECK: "mod",
// CHECK: "require": [
// CHECK: "or",
// CHECK-NEXT: [
// CHECK-NEXT: "not",
// CHECK: "message": "at most 100"
func.func @sizes(%x: tensor<?xf32> loc("x")) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c100 = arith.constant 100 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %less = arith.subi %n, %c100 : index
  %q = arith.divsi %less, %c3 : index
  %m = affine.apply affine_map<(d0)[s0] -> (d0 mod 7 + s0)>(%n)[%q]
  %k = arith.minsi %m, %n : index
  %long = arith.cmpi ugt, %n, %c3 : index
  %y = tensor.empty(%n) : tensor<?xf32>
  %r = tile.launch @add blocks(%k) ins(%x : tensor<?xf32>) outs(%y : tensor<?xf32>) -> tensor<?xf32>
  scf.if %long {
    %short = arith.cmpi sle, %n, %c100 : index
    cf.assert %short, "at most 100"
  }
  return %r : tensor<?xf32>
}

tile.kernel @add(%x: !llvm.ptr<1>, %x0: i64, %s: !llvm.ptr<1>, %s0: i64) warpgroups 1 {
}
