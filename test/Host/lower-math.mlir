// The expansion of exp, run on vectors against the exp of libm in f64.

// RUN: linattn-opt %s --linattn-lower-math --convert-vector-to-scf --convert-scf-to-cf --convert-vector-to-llvm --convert-math-to-llvm --convert-to-llvm --reconcile-unrealized-casts \
// RUN:   | mlir-runner -O2 -e main --entry-point-result=void --shared-libs=%mlir_lib/libmlir_c_runner_utils.so \
// RUN:   | FileCheck %s
// RUN: linattn-opt %s --linattn-lower-math | FileCheck %s --check-prefix=IR

// IR-LABEL: func private @expanded
// IR-NOT: math.exp
// IR: return
func.func private @expanded(%x: vector<8xf32>) -> vector<8xf32> {
  %0 = math.exp %x : vector<8xf32>
  return %0 : vector<8xf32>
}

func.func @main() {
  // exp(0) and exp(-0) are 1, below the smallest normal number is 0, and NaN is
  // kept.
  // CHECK: ( 1, 1, 0, 0, 0, 0, inf, {{-?}}nan )
  %special = arith.constant dense<[0.0, -0.0, -104.0, -1.0e4, -1.0e30, 0xFF800000, 0x7F800000, 0x7FC00000]> : vector<8xf32>
  %0 = func.call @expanded(%special) : (vector<8xf32>) -> vector<8xf32>
  vector.print %0 : vector<8xf32>

  // The relative error on [-87, 88] in steps of 1/64 is below 1.2e-7.
  // CHECK-NEXT: 1
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %steps = arith.constant 11200 : index
  %low = arith.constant -87.0 : f32
  %width = arith.constant 0.015625 : f32
  %zero = arith.constant 0.0 : f64
  %worst = scf.for %i = %c0 to %steps step %c1 iter_args(%max = %zero) -> f64 {
    %ii = arith.index_cast %i : index to i32
    %if = arith.sitofp %ii : i32 to f32
    %d = arith.mulf %if, %width : f32
    %x = arith.addf %low, %d : f32
    %v = vector.broadcast %x : f32 to vector<8xf32>
    %e = func.call @expanded(%v) : (vector<8xf32>) -> vector<8xf32>
    %got = vector.extract %e[5] : f32 from vector<8xf32>
    %gotw = arith.extf %got : f32 to f64
    %xw = arith.extf %x : f32 to f64
    %want = math.exp %xw : f64
    %diff = arith.subf %gotw, %want : f64
    %abs = math.absf %diff : f64
    %rel = arith.divf %abs, %want : f64
    %next = arith.maximumf %max, %rel : f64
    scf.yield %next : f64
  }
  %bound = arith.constant 1.2e-7 : f64
  %ok = arith.cmpf olt, %worst, %bound : f64
  vector.print %ok : i1
  return
}
