// RUN: linattn-opt %s --linattn-normal-form-to-tile-pipeline | FileCheck %s

// Kernels in the normal form that no op of linattn has made. What they compute
// is tested by test/ptxsim/test_generality.py, which reads this file.

#mk = affine_map<(m, n, k) -> (m, k)>
#km = affine_map<(m, n, k) -> (k, m)>
#kn = affine_map<(m, n, k) -> (k, n)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#all = affine_map<(i, j) -> (i, j)>

// Only the state: one contraction, no output of the loop.

// CHECK-LABEL: tile.kernel @state_alone_0
// CHECK:         tile.role "loads"
// CHECK-COUNT-2:   tile.load %
// CHECK:         tile.role "compute"
// CHECK:           scf.for
// CHECK:             tile.contract
// CHECK-NOT:         tile.contract
// CHECK-NOT:       tile.store %
// CHECK:           llvm.store
func.func @state_alone(%k: tensor<?x?x64xbf16>, %v: tensor<?x?x128xbf16>) -> tensor<?x64x128xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  %pad = arith.constant 0.0 : bf16
  %heads = tensor.dim %k, %c0 : tensor<?x?x64xbf16>
  %n = tensor.dim %k, %c1 : tensor<?x?x64xbf16>
  %o = tensor.empty(%heads) : tensor<?x64x128xf32>
  %r = scf.forall (%h) in (%heads) shared_outs(%out = %o) -> (tensor<?x64x128xf32>) {
    %wide = tensor.empty() : tensor<64x128xf32>
    %none = linalg.fill ins(%zero : f32) outs(%wide : tensor<64x128xf32>) -> tensor<64x128xf32>
    %chunks = arith.ceildivui %n, %c64 : index
    %state = scf.for %c = %c0 to %chunks step %c1 iter_args(%s = %none) -> (tensor<64x128xf32>) {
      %start = arith.muli %c, %c64 : index
      %left = arith.subi %n, %start : index
      %valid = arith.minui %left, %c64 : index
      %rest = arith.subi %c64, %valid : index
      %kts = tensor.extract_slice %k[%h, %start, 0] [1, %valid, 64] [1, 1, 1] : tensor<?x?x64xbf16> to tensor<?x64xbf16>
      %kt = tensor.pad %kts low[0, 0] high[%rest, 0] {
      ^bb0(%i: index, %j: index):
        tensor.yield %pad : bf16
      } : tensor<?x64xbf16> to tensor<64x64xbf16>
      %vts = tensor.extract_slice %v[%h, %start, 0] [1, %valid, 128] [1, 1, 1] : tensor<?x?x128xbf16> to tensor<?x128xbf16>
      %vt = tensor.pad %vts low[0, 0] high[%rest, 0] {
      ^bb0(%i: index, %j: index):
        tensor.yield %pad : bf16
      } : tensor<?x128xbf16> to tensor<64x128xbf16>
      %next = linalg.contract indexing_maps = [#km, #kn, #mn] ins(%kt, %vt : tensor<64x64xbf16>, tensor<64x128xbf16>)
          outs(%s : tensor<64x128xf32>) -> tensor<64x128xf32>
      scf.yield %next : tensor<64x128xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %state into %out[%h, 0, 0] [1, 64, 128] [1, 1, 1] : tensor<64x128xf32> into tensor<?x64x128xf32>
    }
  }
  return %r : tensor<?x64x128xf32>
}

// One more map on the output: it is computed where the output is rounded.

// CHECK-LABEL: tile.kernel @squared_0
// CHECK:         tile.role "compute"
// CHECK-COUNT-4:   tile.contract
// CHECK:           tile.map
// CHECK:             arith.mulf %[[X:.*]], %[[X]] : f32
// CHECK:           tile.store_shared
func.func @squared(%q: tensor<?x?x64xbf16>, %k: tensor<?x?x64xbf16>, %v: tensor<?x?x64xbf16>) -> tensor<?x?x64xbf16> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  %pad = arith.constant 0.0 : bf16
  %heads = tensor.dim %q, %c0 : tensor<?x?x64xbf16>
  %n = tensor.dim %q, %c1 : tensor<?x?x64xbf16>
  %o = tensor.empty(%heads, %n) : tensor<?x?x64xbf16>
  %r = scf.forall (%h) in (%heads) shared_outs(%out = %o) -> (tensor<?x?x64xbf16>) {
    %block = tensor.empty() : tensor<64x64xf32>
    %zeros = linalg.fill ins(%zero : f32) outs(%block : tensor<64x64xf32>) -> tensor<64x64xf32>
    %wide = tensor.empty() : tensor<64x64xf32>
    %none = linalg.fill ins(%zero : f32) outs(%wide : tensor<64x64xf32>) -> tensor<64x64xf32>
    %rows0 = tensor.extract_slice %out[%h, 0, 0] [1, %n, 64] [1, 1, 1] : tensor<?x?x64xbf16> to tensor<?x64xbf16>
    %chunks = arith.ceildivui %n, %c64 : index
    %state, %rows = scf.for %c = %c0 to %chunks step %c1 iter_args(%s = %none, %part = %rows0)
        -> (tensor<64x64xf32>, tensor<?x64xbf16>) {
      %start = arith.muli %c, %c64 : index
      %left = arith.subi %n, %start : index
      %valid = arith.minui %left, %c64 : index
      %rest = arith.subi %c64, %valid : index
      %qts = tensor.extract_slice %q[%h, %start, 0] [1, %valid, 64] [1, 1, 1] : tensor<?x?x64xbf16> to tensor<?x64xbf16>
      %qt = tensor.pad %qts low[0, 0] high[%rest, 0] {
      ^bb0(%i: index, %j: index):
        tensor.yield %pad : bf16
      } : tensor<?x64xbf16> to tensor<64x64xbf16>
      %kts = tensor.extract_slice %k[%h, %start, 0] [1, %valid, 64] [1, 1, 1] : tensor<?x?x64xbf16> to tensor<?x64xbf16>
      %kt = tensor.pad %kts low[0, 0] high[%rest, 0] {
      ^bb0(%i: index, %j: index):
        tensor.yield %pad : bf16
      } : tensor<?x64xbf16> to tensor<64x64xbf16>
      %vts = tensor.extract_slice %v[%h, %start, 0] [1, %valid, 64] [1, 1, 1] : tensor<?x?x64xbf16> to tensor<?x64xbf16>
      %vt = tensor.pad %vts low[0, 0] high[%rest, 0] {
      ^bb0(%i: index, %j: index):
        tensor.yield %pad : bf16
      } : tensor<?x64xbf16> to tensor<64x64xbf16>
      %scores = linalg.contract indexing_maps = [#mk, #nk, #mn] ins(%qt, %kt : tensor<64x64xbf16>, tensor<64x64xbf16>)
          outs(%zeros : tensor<64x64xf32>) -> tensor<64x64xf32>
      %p = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
          ins(%scores : tensor<64x64xf32>) outs(%block : tensor<64x64xf32>) {
      ^bb0(%x: f32, %old: f32):
        %i = linalg.index 0 : index
        %j = linalg.index 1 : index
        %reads = arith.cmpi uge, %i, %j : index
        %y = arith.select %reads, %x, %zero : f32
        linalg.yield %y : f32
      } -> tensor<64x64xf32>
      %inter = linalg.contract indexing_maps = [#mk, #kn, #mn] ins(%qt, %s : tensor<64x64xbf16>, tensor<64x64xf32>)
          outs(%none : tensor<64x64xf32>) -> tensor<64x64xf32>
      %both = linalg.contract indexing_maps = [#mk, #kn, #mn] ins(%p, %vt : tensor<64x64xf32>, tensor<64x64xbf16>)
          outs(%inter : tensor<64x64xf32>) -> tensor<64x64xf32>
      %next = linalg.contract indexing_maps = [#km, #kn, #mn] ins(%kt, %vt : tensor<64x64xbf16>, tensor<64x64xbf16>)
          outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      %ote = tensor.empty() : tensor<64x64xbf16>
      %ot = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
          ins(%both : tensor<64x64xf32>) outs(%ote : tensor<64x64xbf16>) {
      ^bb0(%x: f32, %old: bf16):
        %y = arith.mulf %x, %x : f32
        %r = arith.truncf %y : f32 to bf16
        linalg.yield %r : bf16
      } -> tensor<64x64xbf16>
      %filledp = tensor.extract_slice %ot[0, 0] [%valid, 64] [1, 1] : tensor<64x64xbf16> to tensor<?x64xbf16>
      %filled = tensor.insert_slice %filledp into %part[%start, 0] [%valid, 64] [1, 1] : tensor<?x64xbf16> into tensor<?x64xbf16>
      scf.yield %next, %filled : tensor<64x64xf32>, tensor<?x64xbf16>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %rows into %out[%h, 0, 0] [1, %n, 64] [1, 1, 1] : tensor<?x64xbf16> into tensor<?x?x64xbf16>
    }
  }
  return %r : tensor<?x?x64xbf16>
}

// The same with one more operand, which is loaded like the others.

// CHECK-LABEL: tile.kernel @gated_0
// CHECK-COUNT-4:   tile.load %
// CHECK:         tile.role "compute"
// CHECK:           tile.load_operand
// CHECK:           tile.store_shared
func.func @gated(%q: tensor<?x?x64xbf16>, %k: tensor<?x?x64xbf16>, %v: tensor<?x?x128xbf16>, %gate: tensor<?x?x128xbf16>) -> tensor<?x?x128xbf16> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  %pad = arith.constant 0.0 : bf16
  %heads = tensor.dim %q, %c0 : tensor<?x?x64xbf16>
  %n = tensor.dim %q, %c1 : tensor<?x?x64xbf16>
  %o = tensor.empty(%heads, %n) : tensor<?x?x128xbf16>
  %r = scf.forall (%h) in (%heads) shared_outs(%out = %o) -> (tensor<?x?x128xbf16>) {
    %block = tensor.empty() : tensor<64x64xf32>
    %zeros = linalg.fill ins(%zero : f32) outs(%block : tensor<64x64xf32>) -> tensor<64x64xf32>
    %wide = tensor.empty() : tensor<64x128xf32>
    %none = linalg.fill ins(%zero : f32) outs(%wide : tensor<64x128xf32>) -> tensor<64x128xf32>
    %rows0 = tensor.extract_slice %out[%h, 0, 0] [1, %n, 128] [1, 1, 1] : tensor<?x?x128xbf16> to tensor<?x128xbf16>
    %chunks = arith.ceildivui %n, %c64 : index
    %state, %rows = scf.for %c = %c0 to %chunks step %c1 iter_args(%s = %none, %part = %rows0)
        -> (tensor<64x128xf32>, tensor<?x128xbf16>) {
      %start = arith.muli %c, %c64 : index
      %left = arith.subi %n, %start : index
      %valid = arith.minui %left, %c64 : index
      %rest = arith.subi %c64, %valid : index
      %qts = tensor.extract_slice %q[%h, %start, 0] [1, %valid, 64] [1, 1, 1] : tensor<?x?x64xbf16> to tensor<?x64xbf16>
      %qt = tensor.pad %qts low[0, 0] high[%rest, 0] {
      ^bb0(%i: index, %j: index):
        tensor.yield %pad : bf16
      } : tensor<?x64xbf16> to tensor<64x64xbf16>
      %kts = tensor.extract_slice %k[%h, %start, 0] [1, %valid, 64] [1, 1, 1] : tensor<?x?x64xbf16> to tensor<?x64xbf16>
      %kt = tensor.pad %kts low[0, 0] high[%rest, 0] {
      ^bb0(%i: index, %j: index):
        tensor.yield %pad : bf16
      } : tensor<?x64xbf16> to tensor<64x64xbf16>
      %vts = tensor.extract_slice %v[%h, %start, 0] [1, %valid, 128] [1, 1, 1] : tensor<?x?x128xbf16> to tensor<?x128xbf16>
      %vt = tensor.pad %vts low[0, 0] high[%rest, 0] {
      ^bb0(%i: index, %j: index):
        tensor.yield %pad : bf16
      } : tensor<?x128xbf16> to tensor<64x128xbf16>
      %gts = tensor.extract_slice %gate[%h, %start, 0] [1, %valid, 128] [1, 1, 1] : tensor<?x?x128xbf16> to tensor<?x128xbf16>
      %gt = tensor.pad %gts low[0, 0] high[%rest, 0] {
      ^bb0(%i: index, %j: index):
        tensor.yield %pad : bf16
      } : tensor<?x128xbf16> to tensor<64x128xbf16>
      %scores = linalg.contract indexing_maps = [#mk, #nk, #mn] ins(%qt, %kt : tensor<64x64xbf16>, tensor<64x64xbf16>)
          outs(%zeros : tensor<64x64xf32>) -> tensor<64x64xf32>
      %p = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
          ins(%scores : tensor<64x64xf32>) outs(%block : tensor<64x64xf32>) {
      ^bb0(%x: f32, %old: f32):
        %i = linalg.index 0 : index
        %j = linalg.index 1 : index
        %reads = arith.cmpi uge, %i, %j : index
        %y = arith.select %reads, %x, %zero : f32
        linalg.yield %y : f32
      } -> tensor<64x64xf32>
      %inter = linalg.contract indexing_maps = [#mk, #kn, #mn] ins(%qt, %s : tensor<64x64xbf16>, tensor<64x128xf32>)
          outs(%none : tensor<64x128xf32>) -> tensor<64x128xf32>
      %both = linalg.contract indexing_maps = [#mk, #kn, #mn] ins(%p, %vt : tensor<64x64xf32>, tensor<64x128xbf16>)
          outs(%inter : tensor<64x128xf32>) -> tensor<64x128xf32>
      %next = linalg.contract indexing_maps = [#km, #kn, #mn] ins(%kt, %vt : tensor<64x64xbf16>, tensor<64x128xbf16>)
          outs(%s : tensor<64x128xf32>) -> tensor<64x128xf32>
      %ote = tensor.empty() : tensor<64x128xbf16>
      %ot = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel"]}
          ins(%both, %gt : tensor<64x128xf32>, tensor<64x128xbf16>) outs(%ote : tensor<64x128xbf16>) {
      ^bb0(%x: f32, %g: bf16, %old: bf16):
        %w = arith.extf %g : bf16 to f32
        %p0 = arith.maximumf %x, %zero : f32
        %y = arith.mulf %p0, %w : f32
        %r = arith.truncf %y : f32 to bf16
        linalg.yield %r : bf16
      } -> tensor<64x128xbf16>
      %filledp = tensor.extract_slice %ot[0, 0] [%valid, 128] [1, 1] : tensor<64x128xbf16> to tensor<?x128xbf16>
      %filled = tensor.insert_slice %filledp into %part[%start, 0] [%valid, 128] [1, 1] : tensor<?x128xbf16> into tensor<?x128xbf16>
      scf.yield %next, %filled : tensor<64x128xf32>, tensor<?x128xbf16>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %rows into %out[%h, 0, 0] [1, %n, 128] [1, 1, 1] : tensor<?x128xbf16> into tensor<?x?x128xbf16>
    }
  }
  return %r : tensor<?x?x128xbf16>
}

// An output of f32: its elements are stored as they are, without a buffer.

// CHECK-LABEL: tile.kernel @f32_output_0
// CHECK:         tile.role "compute"
// CHECK:           scf.for
// CHECK-NOT:         tile.store %
// CHECK:             llvm.store %{{.*}} : f32, !llvm.ptr<1>
// CHECK:             scf.yield
func.func @f32_output(%q: tensor<?x?x64xbf16>, %k: tensor<?x?x64xbf16>, %v: tensor<?x?x128xbf16>) -> tensor<?x?x128xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  %pad = arith.constant 0.0 : bf16
  %heads = tensor.dim %q, %c0 : tensor<?x?x64xbf16>
  %n = tensor.dim %q, %c1 : tensor<?x?x64xbf16>
  %o = tensor.empty(%heads, %n) : tensor<?x?x128xf32>
  %r = scf.forall (%h) in (%heads) shared_outs(%out = %o) -> (tensor<?x?x128xf32>) {
    %block = tensor.empty() : tensor<64x64xf32>
    %zeros = linalg.fill ins(%zero : f32) outs(%block : tensor<64x64xf32>) -> tensor<64x64xf32>
    %wide = tensor.empty() : tensor<64x128xf32>
    %none = linalg.fill ins(%zero : f32) outs(%wide : tensor<64x128xf32>) -> tensor<64x128xf32>
    %rows0 = tensor.extract_slice %out[%h, 0, 0] [1, %n, 128] [1, 1, 1] : tensor<?x?x128xf32> to tensor<?x128xf32>
    %chunks = arith.ceildivui %n, %c64 : index
    %state, %rows = scf.for %c = %c0 to %chunks step %c1 iter_args(%s = %none, %part = %rows0)
        -> (tensor<64x128xf32>, tensor<?x128xf32>) {
      %start = arith.muli %c, %c64 : index
      %left = arith.subi %n, %start : index
      %valid = arith.minui %left, %c64 : index
      %rest = arith.subi %c64, %valid : index
      %qts = tensor.extract_slice %q[%h, %start, 0] [1, %valid, 64] [1, 1, 1] : tensor<?x?x64xbf16> to tensor<?x64xbf16>
      %qt = tensor.pad %qts low[0, 0] high[%rest, 0] {
      ^bb0(%i: index, %j: index):
        tensor.yield %pad : bf16
      } : tensor<?x64xbf16> to tensor<64x64xbf16>
      %kts = tensor.extract_slice %k[%h, %start, 0] [1, %valid, 64] [1, 1, 1] : tensor<?x?x64xbf16> to tensor<?x64xbf16>
      %kt = tensor.pad %kts low[0, 0] high[%rest, 0] {
      ^bb0(%i: index, %j: index):
        tensor.yield %pad : bf16
      } : tensor<?x64xbf16> to tensor<64x64xbf16>
      %vts = tensor.extract_slice %v[%h, %start, 0] [1, %valid, 128] [1, 1, 1] : tensor<?x?x128xbf16> to tensor<?x128xbf16>
      %vt = tensor.pad %vts low[0, 0] high[%rest, 0] {
      ^bb0(%i: index, %j: index):
        tensor.yield %pad : bf16
      } : tensor<?x128xbf16> to tensor<64x128xbf16>
      %scores = linalg.contract indexing_maps = [#mk, #nk, #mn] ins(%qt, %kt : tensor<64x64xbf16>, tensor<64x64xbf16>)
          outs(%zeros : tensor<64x64xf32>) -> tensor<64x64xf32>
      %p = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
          ins(%scores : tensor<64x64xf32>) outs(%block : tensor<64x64xf32>) {
      ^bb0(%x: f32, %old: f32):
        %i = linalg.index 0 : index
        %j = linalg.index 1 : index
        %reads = arith.cmpi uge, %i, %j : index
        %y = arith.select %reads, %x, %zero : f32
        linalg.yield %y : f32
      } -> tensor<64x64xf32>
      %inter = linalg.contract indexing_maps = [#mk, #kn, #mn] ins(%qt, %s : tensor<64x64xbf16>, tensor<64x128xf32>)
          outs(%none : tensor<64x128xf32>) -> tensor<64x128xf32>
      %both = linalg.contract indexing_maps = [#mk, #kn, #mn] ins(%p, %vt : tensor<64x64xf32>, tensor<64x128xbf16>)
          outs(%inter : tensor<64x128xf32>) -> tensor<64x128xf32>
      %next = linalg.contract indexing_maps = [#km, #kn, #mn] ins(%kt, %vt : tensor<64x64xbf16>, tensor<64x128xbf16>)
          outs(%s : tensor<64x128xf32>) -> tensor<64x128xf32>
      %filledp = tensor.extract_slice %both[0, 0] [%valid, 128] [1, 1] : tensor<64x128xf32> to tensor<?x128xf32>
      %filled = tensor.insert_slice %filledp into %part[%start, 0] [%valid, 128] [1, 1] : tensor<?x128xf32> into tensor<?x128xf32>
      scf.yield %next, %filled : tensor<64x128xf32>, tensor<?x128xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %rows into %out[%h, 0, 0] [1, %n, 128] [1, 1, 1] : tensor<?x128xf32> into tensor<?x?x128xf32>
    }
  }
  return %r : tensor<?x?x128xf32>
}

// Two outputs that share a carried state, which one of them reads transposed:
// gradients of the keys and the values of linear attention.

// CHECK-LABEL: tile.kernel @shared_state_0
// One buffer for the state, whichever way it is read.
// CHECK:         tile.role "compute"
// CHECK:           %[[STATE:.*]] = tile.stage
// CHECK:           tile.store_shared %{{.*}} to %[[STATE]]
// CHECK:           scf.for
// CHECK-DAG:         tile.contract %{{.*}}, %[[STATE]] :
// CHECK-DAG:         tile.contract %{{.*}}, %[[STATE]] transposed
// CHECK:             scf.yield
func.func @shared_state(%q: tensor<?x?x64xbf16>, %k: tensor<?x?x64xbf16>, %v: tensor<?x?x64xbf16>, %do: tensor<?x?x64xbf16>) -> (tensor<?x?x64xbf16>, tensor<?x?x64xbf16>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  %pad = arith.constant 0.0 : bf16
  %heads = tensor.dim %q, %c0 : tensor<?x?x64xbf16>
  %n = tensor.dim %q, %c1 : tensor<?x?x64xbf16>
  %o1 = tensor.empty(%heads, %n) : tensor<?x?x64xbf16>
  %o2 = tensor.empty(%heads, %n) : tensor<?x?x64xbf16>
  %r:2 = scf.forall (%h) in (%heads) shared_outs(%dks = %o1, %dvs = %o2) -> (tensor<?x?x64xbf16>, tensor<?x?x64xbf16>) {
    %block = tensor.empty() : tensor<64x64xf32>
    %zeros = linalg.fill ins(%zero : f32) outs(%block : tensor<64x64xf32>) -> tensor<64x64xf32>
    %dk0 = tensor.extract_slice %dks[%h, 0, 0] [1, %n, 64] [1, 1, 1] : tensor<?x?x64xbf16> to tensor<?x64xbf16>
    %dv0 = tensor.extract_slice %dvs[%h, 0, 0] [1, %n, 64] [1, 1, 1] : tensor<?x?x64xbf16> to tensor<?x64xbf16>
    %chunks = arith.ceildivui %n, %c64 : index
    %state, %dk, %dv = scf.for %c = %c0 to %chunks step %c1 iter_args(%s = %zeros, %dkp = %dk0, %dvp = %dv0)
        -> (tensor<64x64xf32>, tensor<?x64xbf16>, tensor<?x64xbf16>) {
      %last = arith.subi %chunks, %c1 : index
      %back = arith.subi %last, %c : index
      %start = arith.muli %back, %c64 : index
      %left = arith.subi %n, %start : index
      %valid = arith.minui %left, %c64 : index
      %rest = arith.subi %c64, %valid : index
      %qts = tensor.extract_slice %q[%h, %start, 0] [1, %valid, 64] [1, 1, 1] : tensor<?x?x64xbf16> to tensor<?x64xbf16>
      %qt = tensor.pad %qts low[0, 0] high[%rest, 0] {
      ^bb0(%i: index, %j: index):
        tensor.yield %pad : bf16
      } : tensor<?x64xbf16> to tensor<64x64xbf16>
      %kts = tensor.extract_slice %k[%h, %start, 0] [1, %valid, 64] [1, 1, 1] : tensor<?x?x64xbf16> to tensor<?x64xbf16>
      %kt = tensor.pad %kts low[0, 0] high[%rest, 0] {
      ^bb0(%i: index, %j: index):
        tensor.yield %pad : bf16
      } : tensor<?x64xbf16> to tensor<64x64xbf16>
      %vts = tensor.extract_slice %v[%h, %start, 0] [1, %valid, 64] [1, 1, 1] : tensor<?x?x64xbf16> to tensor<?x64xbf16>
      %vt = tensor.pad %vts low[0, 0] high[%rest, 0] {
      ^bb0(%i: index, %j: index):
        tensor.yield %pad : bf16
      } : tensor<?x64xbf16> to tensor<64x64xbf16>
      %dots = tensor.extract_slice %do[%h, %start, 0] [1, %valid, 64] [1, 1, 1] : tensor<?x?x64xbf16> to tensor<?x64xbf16>
      %dot = tensor.pad %dots low[0, 0] high[%rest, 0] {
      ^bb0(%i: index, %j: index):
        tensor.yield %pad : bf16
      } : tensor<?x64xbf16> to tensor<64x64xbf16>
      %a = linalg.contract indexing_maps = [#mk, #nk, #mn] ins(%vt, %dot : tensor<64x64xbf16>, tensor<64x64xbf16>)
          outs(%zeros : tensor<64x64xf32>) -> tensor<64x64xf32>
      %pa = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
          ins(%a : tensor<64x64xf32>) outs(%block : tensor<64x64xf32>) {
      ^bb0(%x: f32, %old: f32):
        %i = linalg.index 0 : index
        %j = linalg.index 1 : index
        %reads = arith.cmpi ule, %i, %j : index
        %y = arith.select %reads, %x, %zero : f32
        linalg.yield %y : f32
      } -> tensor<64x64xf32>
      %b = linalg.contract indexing_maps = [#mk, #nk, #mn] ins(%kt, %qt : tensor<64x64xbf16>, tensor<64x64xbf16>)
          outs(%zeros : tensor<64x64xf32>) -> tensor<64x64xf32>
      %pb = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
          ins(%b : tensor<64x64xf32>) outs(%block : tensor<64x64xf32>) {
      ^bb0(%x: f32, %old: f32):
        %i = linalg.index 0 : index
        %j = linalg.index 1 : index
        %reads = arith.cmpi ule, %i, %j : index
        %y = arith.select %reads, %x, %zero : f32
        linalg.yield %y : f32
      } -> tensor<64x64xf32>
      %dk1 = linalg.contract indexing_maps = [#mk, #nk, #mn] ins(%vt, %s : tensor<64x64xbf16>, tensor<64x64xf32>)
          outs(%zeros : tensor<64x64xf32>) -> tensor<64x64xf32>
      %dk2 = linalg.contract indexing_maps = [#mk, #kn, #mn] ins(%pa, %qt : tensor<64x64xf32>, tensor<64x64xbf16>)
          outs(%dk1 : tensor<64x64xf32>) -> tensor<64x64xf32>
      %dv1 = linalg.contract indexing_maps = [#mk, #kn, #mn] ins(%kt, %s : tensor<64x64xbf16>, tensor<64x64xf32>)
          outs(%zeros : tensor<64x64xf32>) -> tensor<64x64xf32>
      %dv2 = linalg.contract indexing_maps = [#mk, #kn, #mn] ins(%pb, %dot : tensor<64x64xf32>, tensor<64x64xbf16>)
          outs(%dv1 : tensor<64x64xf32>) -> tensor<64x64xf32>
      %next = linalg.contract indexing_maps = [#km, #kn, #mn] ins(%qt, %dot : tensor<64x64xbf16>, tensor<64x64xbf16>)
          outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
      %dkte = tensor.empty() : tensor<64x64xbf16>
      %dkt = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
          ins(%dk2 : tensor<64x64xf32>) outs(%dkte : tensor<64x64xbf16>) {
      ^bb0(%x: f32, %old: bf16):
        %r = arith.truncf %x : f32 to bf16
        linalg.yield %r : bf16
      } -> tensor<64x64xbf16>
      %dvte = tensor.empty() : tensor<64x64xbf16>
      %dvt = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
          ins(%dv2 : tensor<64x64xf32>) outs(%dvte : tensor<64x64xbf16>) {
      ^bb0(%x: f32, %old: bf16):
        %r = arith.truncf %x : f32 to bf16
        linalg.yield %r : bf16
      } -> tensor<64x64xbf16>
      %dkfp = tensor.extract_slice %dkt[0, 0] [%valid, 64] [1, 1] : tensor<64x64xbf16> to tensor<?x64xbf16>
      %dkf = tensor.insert_slice %dkfp into %dkp[%start, 0] [%valid, 64] [1, 1] : tensor<?x64xbf16> into tensor<?x64xbf16>
      %dvfp = tensor.extract_slice %dvt[0, 0] [%valid, 64] [1, 1] : tensor<64x64xbf16> to tensor<?x64xbf16>
      %dvf = tensor.insert_slice %dvfp into %dvp[%start, 0] [%valid, 64] [1, 1] : tensor<?x64xbf16> into tensor<?x64xbf16>
      scf.yield %next, %dkf, %dvf : tensor<64x64xf32>, tensor<?x64xbf16>, tensor<?x64xbf16>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %dk into %dks[%h, 0, 0] [1, %n, 64] [1, 1, 1] : tensor<?x64xbf16> into tensor<?x?x64xbf16>
      tensor.parallel_insert_slice %dv into %dvs[%h, 0, 0] [1, %n, 64] [1, 1, 1] : tensor<?x64xbf16> into tensor<?x?x64xbf16>
    }
  }
  return %r#0, %r#1 : tensor<?x?x64xbf16>, tensor<?x?x64xbf16>
}
