// A normal form without any linattn op, compiled and run: attention with a decay
// per head, in chunks of 16 tokens of which the last is ragged, and a head size
// that is no multiple of a vector. It is compared with the recurrence in f64.

// RUN: split-file %s %t
// RUN: linattn-opt %t/kernel.mlir --linattn-host-pipeline | FileCheck %s

// What calls it works on buffers: the host pipeline, less its check of the form.
// RUN: cat %t/kernel.mlir %t/main.mlir | linattn-opt - \
// RUN:     --linattn-normal-form-to-buffers-pipeline \
// RUN:     --buffer-deallocation-pipeline --linattn-buffers-to-llvm-pipeline \
// RUN:   | mlir-runner -O2 -e main --entry-point-result=void \
// RUN:     --shared-libs=%mlir_lib/libmlir_c_runner_utils.so,%mlir_lib/libomp.so \
// RUN:   | FileCheck %s --check-prefix=RESULT
// RUN: cat %t/kernel.mlir %t/main.mlir | linattn-opt - \
// RUN:     --linattn-normal-form-to-buffers-pipeline='vector-bits=512 vector-registers=32' \
// RUN:     --buffer-deallocation-pipeline --linattn-buffers-to-llvm-pipeline \
// RUN:   | mlir-runner -O2 -e main --entry-point-result=void \
// RUN:     --shared-libs=%mlir_lib/libmlir_c_runner_utils.so,%mlir_lib/libomp.so \
// RUN:   | FileCheck %s --check-prefix=RESULT

// The relative errors of the output and of the state are below 2e-6.
// RESULT: 1
// RESULT-NEXT: 1

// No library call, and no allocation on the heap.
// CHECK-LABEL: llvm.func @const_decay
// CHECK: llvm.alloca
// CHECK: omp.parallel
// CHECK-NOT: llvm.call
// CHECK-NOT: llvm.intr.exp

//--- kernel.mlir

func.func @const_decay(%Qm: memref<?x?x?x20xf32, strided<[?, ?, ?, 1], offset: ?>>, %Km: memref<?x?x?x20xf32, strided<[?, ?, ?, 1], offset: ?>>, %Vm: memref<?x?x?x20xf32, strided<[?, ?, ?, 1], offset: ?>>, %Gm: memref<?xf32, strided<[1], offset: ?>>, %Om: memref<?x?x?x20xf32, strided<[?, ?, ?, 1], offset: ?>>, %Sm: memref<?x?x20x20xf32, strided<[?, ?, ?, 1], offset: ?>>) {
  %Q = bufferization.to_tensor %Qm restrict : memref<?x?x?x20xf32, strided<[?, ?, ?, 1], offset: ?>> to tensor<?x?x?x20xf32>
  %K = bufferization.to_tensor %Km restrict : memref<?x?x?x20xf32, strided<[?, ?, ?, 1], offset: ?>> to tensor<?x?x?x20xf32>
  %V = bufferization.to_tensor %Vm restrict : memref<?x?x?x20xf32, strided<[?, ?, ?, 1], offset: ?>> to tensor<?x?x?x20xf32>
  %G = bufferization.to_tensor %Gm restrict : memref<?xf32, strided<[1], offset: ?>> to tensor<?xf32>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %B = tensor.dim %Q, %c0 : tensor<?x?x?x20xf32>
  %N = tensor.dim %Q, %c1 : tensor<?x?x?x20xf32>
  %H = tensor.dim %Q, %c2 : tensor<?x?x?x20xf32>
  %oinit = tensor.empty(%B, %N, %H) : tensor<?x?x?x20xf32>
  %sinit = tensor.empty(%B, %H) : tensor<?x?x20x20xf32>
  %zero = arith.constant 0.0 : f32
  %zT = arith.constant 0.0 : f32
  %C = arith.constant 16 : index
  %nchunks = arith.ceildivui %N, %C : index
  %r:2 = scf.forall (%b, %h) in (%B, %H) shared_outs(%oo = %oinit, %ss = %sinit) -> (tensor<?x?x?x20xf32>, tensor<?x?x20x20xf32>) {
    %se = tensor.empty() : tensor<20x20xf32>
    %s0 = linalg.fill ins(%zero : f32) outs(%se : tensor<20x20xf32>) -> tensor<20x20xf32>
    %g = tensor.extract %G[%h] : tensor<?xf32>
    %de = tensor.empty() : tensor<16x16xf32>
    %mask = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} outs(%de : tensor<16x16xf32>) {
    ^bb0(%z: f32):
      %i = linalg.index 0 : index
      %j = linalg.index 1 : index
      %d = arith.subi %i, %j : index
      %di = arith.index_cast %d : index to i32
      %df = arith.sitofp %di : i32 to f32
      %x = arith.mulf %df, %g : f32
      %causal = arith.cmpi sge, %i, %j : index
      %xs = arith.select %causal, %x, %zero : f32
      %e = math.exp %xs : f32
      %es = arith.select %causal, %e, %zero : f32
      linalg.yield %es : f32
    } -> tensor<16x16xf32>
    %pe = tensor.empty() : tensor<16xf32>
    %p = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%pe : tensor<16xf32>) {
    ^bb0(%z: f32):
      %i = linalg.index 0 : index
      %i1 = arith.addi %i, %c1 : index
      %ii = arith.index_cast %i1 : index to i32
      %if = arith.sitofp %ii : i32 to f32
      %x = arith.mulf %if, %g : f32
      %e = math.exp %x : f32
      linalg.yield %e : f32
    } -> tensor<16xf32>
    %oslice = tensor.extract_slice %oo[%b, 0, %h, 0] [1, %N, 1, 20] [1, 1, 1, 1] : tensor<?x?x?x20xf32> to tensor<?x20xf32>
    %st, %os = scf.for %c = %c0 to %nchunks step %c1 iter_args(%S = %s0, %oacc = %oslice) -> (tensor<20x20xf32>, tensor<?x20xf32>) {
      %t0 = arith.muli %c, %C : index
      %left = arith.subi %N, %t0 : index
      %valid = arith.minsi %left, %C : index
      %pad = arith.subi %C, %valid : index
      %qsl = tensor.extract_slice %Q[%b, %t0, %h, 0] [1, %valid, 1, 20] [1, 1, 1, 1] : tensor<?x?x?x20xf32> to tensor<?x20xf32>
      %q = tensor.pad %qsl low[0, 0] high[%pad, 0] {
      ^bb0(%i0: index, %i1: index):
        tensor.yield %zT : f32
      } : tensor<?x20xf32> to tensor<16x20xf32>
      %ksl = tensor.extract_slice %K[%b, %t0, %h, 0] [1, %valid, 1, 20] [1, 1, 1, 1] : tensor<?x?x?x20xf32> to tensor<?x20xf32>
      %k = tensor.pad %ksl low[0, 0] high[%pad, 0] {
      ^bb0(%i0: index, %i1: index):
        tensor.yield %zT : f32
      } : tensor<?x20xf32> to tensor<16x20xf32>
      %vsl = tensor.extract_slice %V[%b, %t0, %h, 0] [1, %valid, 1, 20] [1, 1, 1, 1] : tensor<?x?x?x20xf32> to tensor<?x20xf32>
      %v = tensor.pad %vsl low[0, 0] high[%pad, 0] {
      ^bb0(%i0: index, %i1: index):
        tensor.yield %zT : f32
      } : tensor<?x20xf32> to tensor<16x20xf32>
      %vi = arith.index_cast %valid : index to i32
      %vf = arith.sitofp %vi : i32 to f32
      %vg = arith.mulf %vf, %g : f32
      %gC = math.exp %vg : f32
      %we = tensor.empty() : tensor<16xf32>
      %w = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%we : tensor<16xf32>) {
      ^bb0(%z: f32):
        %i = linalg.index 0 : index
        %i1 = arith.addi %i, %c1 : index
        %d = arith.subi %valid, %i1 : index
        %dm = arith.maxsi %d, %c0 : index
        %ii = arith.index_cast %dm : index to i32
        %if = arith.sitofp %ii : i32 to f32
        %x = arith.mulf %if, %g : f32
        %e = math.exp %x : f32
        linalg.yield %e : f32
      } -> tensor<16xf32>
      %qse = tensor.empty() : tensor<16x20xf32>
      %qs0 = linalg.fill ins(%zero : f32) outs(%qse : tensor<16x20xf32>) -> tensor<16x20xf32>
      %qs = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%q, %S : tensor<16x20xf32>, tensor<20x20xf32>) outs(%qs0 : tensor<16x20xf32>) {
      ^bb0(%x: f32, %y: f32, %z: f32):
        %m = arith.mulf %x, %y : f32
        %n = arith.addf %z, %m : f32
        linalg.yield %n : f32
      } -> tensor<16x20xf32>
      %o1e = tensor.empty() : tensor<16x20xf32>
      %o1 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%p, %qs : tensor<16xf32>, tensor<16x20xf32>) outs(%o1e : tensor<16x20xf32>) {
      ^bb0(%x: f32, %y: f32, %z: f32):
        %m = arith.mulf %x, %y : f32
        linalg.yield %m : f32
      } -> tensor<16x20xf32>
      %kd = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%w, %k : tensor<16xf32>, tensor<16x20xf32>) outs(%o1e : tensor<16x20xf32>) {
      ^bb0(%x: f32, %y: f32, %z: f32):
        %m = arith.mulf %x, %y : f32
        linalg.yield %m : f32
      } -> tensor<16x20xf32>
      %se1 = tensor.empty() : tensor<20x20xf32>
      %S1 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%S : tensor<20x20xf32>) outs(%se1 : tensor<20x20xf32>) {
      ^bb0(%x: f32, %z: f32):
        %m = arith.mulf %x, %gC : f32
        linalg.yield %m : f32
      } -> tensor<20x20xf32>
      %S2 = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (k, i)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%kd, %v : tensor<16x20xf32>, tensor<16x20xf32>) outs(%S1 : tensor<20x20xf32>) {
      ^bb0(%x: f32, %y: f32, %z: f32):
        %m = arith.mulf %x, %y : f32
        %n = arith.addf %z, %m : f32
        linalg.yield %n : f32
      } -> tensor<20x20xf32>
      %ae = tensor.empty() : tensor<16x16xf32>
      %a0 = linalg.fill ins(%zero : f32) outs(%ae : tensor<16x16xf32>) -> tensor<16x16xf32>
      %A = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (j, k)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%q, %k : tensor<16x20xf32>, tensor<16x20xf32>) outs(%a0 : tensor<16x16xf32>) {
      ^bb0(%x: f32, %y: f32, %z: f32):
        %m = arith.mulf %x, %y : f32
        %n = arith.addf %z, %m : f32
        linalg.yield %n : f32
      } -> tensor<16x16xf32>
      %P = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%A, %mask : tensor<16x16xf32>, tensor<16x16xf32>) outs(%ae : tensor<16x16xf32>) {
      ^bb0(%x: f32, %y: f32, %z: f32):
        %m = arith.mulf %x, %y : f32
        linalg.yield %m : f32
      } -> tensor<16x16xf32>
      %o2 = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%P, %v : tensor<16x16xf32>, tensor<16x20xf32>) outs(%o1 : tensor<16x20xf32>) {
      ^bb0(%x: f32, %y: f32, %z: f32):
        %m = arith.mulf %x, %y : f32
        %n = arith.addf %z, %m : f32
        linalg.yield %n : f32
      } -> tensor<16x20xf32>
      %oval = tensor.extract_slice %o2[0, 0] [%valid, 20] [1, 1] : tensor<16x20xf32> to tensor<?x20xf32>
      %oins = tensor.insert_slice %oval into %oacc[%t0, 0] [%valid, 20] [1, 1] : tensor<?x20xf32> into tensor<?x20xf32>
      scf.yield %S2, %oins : tensor<20x20xf32>, tensor<?x20xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %os into %oo[%b, 0, %h, 0] [1, %N, 1, 20] [1, 1, 1, 1] : tensor<?x20xf32> into tensor<?x?x?x20xf32>
      tensor.parallel_insert_slice %st into %ss[%b, %h, 0, 0] [1, 1, 20, 20] [1, 1, 1, 1] : tensor<20x20xf32> into tensor<?x?x20x20xf32>
    }
  }
  bufferization.materialize_in_destination %r#0 in restrict writable %Om : (tensor<?x?x?x20xf32>, memref<?x?x?x20xf32, strided<[?, ?, ?, 1], offset: ?>>) -> ()
  bufferization.materialize_in_destination %r#1 in restrict writable %Sm : (tensor<?x?x20x20xf32>, memref<?x?x20x20xf32, strided<[?, ?, ?, 1], offset: ?>>) -> ()
  return
}

//--- main.mlir

// A value in [-1, 1) for each index, without a pattern.
func.func private @value(%i: index, %seed: index) -> f32 {
  %a = arith.constant 2654435761 : i64
  %b = arith.constant 40503 : i64
  %c16 = arith.constant 16 : i64
  %m = arith.constant 2047 : i64
  %ii = arith.index_cast %i : index to i64
  %si = arith.index_cast %seed : index to i64
  %s = arith.muli %si, %b : i64
  %x = arith.addi %ii, %s : i64
  %y = arith.muli %x, %a : i64
  %z = arith.shrui %y, %c16 : i64
  %w = arith.andi %z, %m : i64
  %f = arith.sitofp %w : i64 to f32
  %scale = arith.constant 0.0009765625 : f32
  %one = arith.constant 1.0 : f32
  %g = arith.mulf %f, %scale : f32
  %h = arith.subf %g, %one : f32
  return %h : f32
}

func.func private @fill(%m: memref<1x37x2x20xf32>, %seed: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %N = arith.constant 37 : index
  %D = arith.constant 20 : index
  scf.for %t = %c0 to %N step %c1 {
    scf.for %h = %c0 to %c2 step %c1 {
      scf.for %d = %c0 to %D step %c1 {
        %a = arith.muli %t, %c2 : index
        %b = arith.addi %a, %h : index
        %c = arith.muli %b, %D : index
        %e = arith.addi %c, %d : index
        %v = func.call @value(%e, %seed) : (index, index) -> f32
        memref.store %v, %m[%c0, %t, %h, %d] : memref<1x37x2x20xf32>
      }
    }
  }
  return
}

func.func @main() {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %N = arith.constant 37 : index
  %D = arith.constant 20 : index
  %zero = arith.constant 0.0 : f64
  %q = memref.alloc() : memref<1x37x2x20xf32>
  %k = memref.alloc() : memref<1x37x2x20xf32>
  %v = memref.alloc() : memref<1x37x2x20xf32>
  %o = memref.alloc() : memref<1x37x2x20xf32>
  %g = memref.alloc() : memref<2xf32>
  %s = memref.alloc() : memref<1x2x20x20xf32>
  func.call @fill(%q, %c1) : (memref<1x37x2x20xf32>, index) -> ()
  func.call @fill(%k, %c2) : (memref<1x37x2x20xf32>, index) -> ()
  func.call @fill(%v, %c3) : (memref<1x37x2x20xf32>, index) -> ()
  %g0 = arith.constant -0.01 : f32
  %g1 = arith.constant -0.7 : f32
  memref.store %g0, %g[%c0] : memref<2xf32>
  memref.store %g1, %g[%c1] : memref<2xf32>
  %qd = memref.cast %q : memref<1x37x2x20xf32> to memref<?x?x?x20xf32, strided<[?, ?, ?, 1], offset: ?>>
  %kd = memref.cast %k : memref<1x37x2x20xf32> to memref<?x?x?x20xf32, strided<[?, ?, ?, 1], offset: ?>>
  %vd = memref.cast %v : memref<1x37x2x20xf32> to memref<?x?x?x20xf32, strided<[?, ?, ?, 1], offset: ?>>
  %od = memref.cast %o : memref<1x37x2x20xf32> to memref<?x?x?x20xf32, strided<[?, ?, ?, 1], offset: ?>>
  %gd = memref.cast %g : memref<2xf32> to memref<?xf32, strided<[1], offset: ?>>
  %sd = memref.cast %s : memref<1x2x20x20xf32> to memref<?x?x20x20xf32, strided<[?, ?, ?, 1], offset: ?>>
  func.call @const_decay(%qd, %kd, %vd, %gd, %od, %sd) : (memref<?x?x?x20xf32, strided<[?, ?, ?, 1], offset: ?>>, memref<?x?x?x20xf32, strided<[?, ?, ?, 1], offset: ?>>, memref<?x?x?x20xf32, strided<[?, ?, ?, 1], offset: ?>>, memref<?xf32, strided<[1], offset: ?>>, memref<?x?x?x20xf32, strided<[?, ?, ?, 1], offset: ?>>, memref<?x?x20x20xf32, strided<[?, ?, ?, 1], offset: ?>>) -> ()

  %S = memref.alloc() : memref<2x20x20xf64>
  scf.for %h = %c0 to %c2 step %c1 {
    scf.for %i = %c0 to %D step %c1 {
      scf.for %j = %c0 to %D step %c1 {
        memref.store %zero, %S[%h, %i, %j] : memref<2x20x20xf64>
      }
    }
  }
  %err:2 = scf.for %t = %c0 to %N step %c1 iter_args(%en = %zero, %ed = %zero) -> (f64, f64) {
    %r:2 = scf.for %h = %c0 to %c2 step %c1 iter_args(%hn = %en, %hd = %ed) -> (f64, f64) {
      %gh = memref.load %g[%h] : memref<2xf32>
      %gw = arith.extf %gh : f32 to f64
      %decay = math.exp %gw : f64
      %rj:2 = scf.for %j = %c0 to %D step %c1 iter_args(%jn = %hn, %jd = %hd) -> (f64, f64) {
        %vj = memref.load %v[%c0, %t, %h, %j] : memref<1x37x2x20xf32>
        %vw = arith.extf %vj : f32 to f64
        %oj = scf.for %i = %c0 to %D step %c1 iter_args(%acc = %zero) -> (f64) {
          %ki = memref.load %k[%c0, %t, %h, %i] : memref<1x37x2x20xf32>
          %kw = arith.extf %ki : f32 to f64
          %qi = memref.load %q[%c0, %t, %h, %i] : memref<1x37x2x20xf32>
          %qw = arith.extf %qi : f32 to f64
          %old = memref.load %S[%h, %i, %j] : memref<2x20x20xf64>
          %aged = arith.mulf %old, %decay : f64
          %kv = arith.mulf %kw, %vw : f64
          %new = arith.addf %aged, %kv : f64
          memref.store %new, %S[%h, %i, %j] : memref<2x20x20xf64>
          %qs = arith.mulf %qw, %new : f64
          %sum = arith.addf %acc, %qs : f64
          scf.yield %sum : f64
        }
        %got = memref.load %o[%c0, %t, %h, %j] : memref<1x37x2x20xf32>
        %gotw = arith.extf %got : f32 to f64
        %diff = arith.subf %gotw, %oj : f64
        %dd = arith.mulf %diff, %diff : f64
        %oo = arith.mulf %oj, %oj : f64
        %n1 = arith.addf %jn, %dd : f64
        %d1 = arith.addf %jd, %oo : f64
        scf.yield %n1, %d1 : f64, f64
      }
      scf.yield %rj#0, %rj#1 : f64, f64
    }
    scf.yield %r#0, %r#1 : f64, f64
  }
  %tolerance = arith.constant 4.0e-12 : f64
  %bound = arith.mulf %err#1, %tolerance : f64
  %ok = arith.cmpf olt, %err#0, %bound : f64
  vector.print %ok : i1

  %serr:2 = scf.for %h = %c0 to %c2 step %c1 iter_args(%hn = %zero, %hd = %zero) -> (f64, f64) {
    %ri:2 = scf.for %i = %c0 to %D step %c1 iter_args(%in = %hn, %id = %hd) -> (f64, f64) {
      %rj:2 = scf.for %j = %c0 to %D step %c1 iter_args(%jn = %in, %jd = %id) -> (f64, f64) {
        %want = memref.load %S[%h, %i, %j] : memref<2x20x20xf64>
        %got = memref.load %s[%c0, %h, %i, %j] : memref<1x2x20x20xf32>
        %gotw = arith.extf %got : f32 to f64
        %diff = arith.subf %gotw, %want : f64
        %dd = arith.mulf %diff, %diff : f64
        %ww = arith.mulf %want, %want : f64
        %n1 = arith.addf %jn, %dd : f64
        %d1 = arith.addf %jd, %ww : f64
        scf.yield %n1, %d1 : f64, f64
      }
      scf.yield %rj#0, %rj#1 : f64, f64
    }
    scf.yield %ri#0, %ri#1 : f64, f64
  }
  %sbound = arith.mulf %serr#1, %tolerance : f64
  %sok = arith.cmpf olt, %serr#0, %sbound : f64
  vector.print %sok : i1
  return
}
