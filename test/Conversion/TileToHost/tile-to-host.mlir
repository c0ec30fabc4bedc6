// RUN: linattn-opt %s --tile-allocate-shared --convert-tile-to-host="sm-count=4" | FileCheck %s

// A launch: the arguments are words in memory, a tensor its address, sizes and
// strides in the order in which the kernel sees its dimensions. The kernel writes
// to a buffer of its own.

// CHECK-LABEL: func.func @launches
// CHECK-SAME:  %[[X:.*]]: tensor<?x2x64xbf16>, %[[W:.*]]: tensor<?xf32>
// CHECK:       %[[WORDS:.*]] = llvm.alloca %{{.*}} x i64
// CHECK:       %[[XB:.*]] = bufferization.to_buffer %[[X]] read_only
// CHECK:       %{{.*}}, %{{.*}}, %[[S:.*]]:3, %[[T:.*]]:3 = memref.extract_strided_metadata %[[XB]]
// CHECK:       %[[S0:.*]] = arith.index_cast %[[S]]#0 : index to i64
// CHECK:       %[[S1:.*]] = arith.index_cast %[[S]]#1 : index to i64
// CHECK:       %[[S2:.*]] = arith.index_cast %[[S]]#2 : index to i64
// CHECK:       %[[T0:.*]] = arith.index_cast %[[T]]#0 : index to i64
// CHECK:       %[[T1:.*]] = arith.index_cast %[[T]]#1 : index to i64
// CHECK:       %[[OUT:.*]] = memref.alloc({{.*}}) : memref<?x2x64xbf16>
// CHECK:       llvm.call @linattn_tile_poison
// CHECK-DAG:   llvm.store %[[S1]], %{{.*}} : i64
// CHECK-DAG:   llvm.store %[[S0]], %{{.*}} : i64
// CHECK-DAG:   llvm.store %[[S2]], %{{.*}} : i64
// CHECK-DAG:   llvm.store %[[T1]], %{{.*}} : i64
// CHECK-DAG:   llvm.store %[[T0]], %{{.*}} : i64
// CHECK:       %[[KERNEL:.*]] = constant @work : (i32, i32, !llvm.ptr) -> ()
// CHECK:       %[[POINTER:.*]] = builtin.unrealized_conversion_cast %[[KERNEL]]
// Warps 0 to 3 and warp 4 are crews; warps 5 to 7 have no role.
// CHECK:       %[[BYTES:.*]] = arith.constant 24840 : i64
// CHECK-NEXT:  %[[THREADS:.*]] = arith.constant 256 : i64
// CHECK-NEXT:  %[[CREWS:.*]] = arith.constant 2 : i64
// CHECK-NEXT:  %[[FIRST0:.*]] = arith.constant 0 : i64
// CHECK-NEXT:  %[[WARPS0:.*]] = arith.constant 4 : i64
// CHECK-NEXT:  %[[FIRST1:.*]] = arith.constant 128 : i64
// CHECK-NEXT:  %[[WARPS1:.*]] = arith.constant 1 : i64
// CHECK:       llvm.call @linattn_tile_launch(%[[POINTER]], %[[WORDS]], %{{.*}}, %[[BYTES]], %[[THREADS]], %[[CREWS]], %[[FIRST0]], %[[WARPS0]], %[[FIRST1]], %[[WARPS1]]) vararg
// CHECK:       cf.assert %{{.*}}, "tile program 'work' does not come to an end"
// CHECK:       bufferization.to_tensor %[[OUT]] restrict writable
func.func @launches(%x: tensor<?x2x64xbf16>, %w: tensor<?xf32>) -> tensor<?x2x64xbf16> {
  %c0 = arith.constant 0 : index
  %half = arith.constant 0.5 : f32
  %n = tensor.dim %x, %c0 : tensor<?x2x64xbf16>
  %o = tensor.empty(%n) : tensor<?x2x64xbf16>
  %r = tile.launch @work blocks(%n) ins(%x, %w, %n, %half : tensor<?x2x64xbf16>, tensor<?xf32>, index, f32)
      outs(%o : tensor<?x2x64xbf16>) -> tensor<?x2x64xbf16>
  return %r : tensor<?x2x64xbf16>
}

// CHECK-LABEL: func.func @count
// CHECK:       %[[COUNT:.*]] = arith.constant 4 : index
// CHECK:       return %[[COUNT]]
func.func @count() -> index {
  %count = tile.sm_count
  return %count : index
}

// CHECK-LABEL: func.func private @work(
// CHECK-SAME:  %[[BLOCK:.*]]: i32, %[[THREAD:.*]]: i32, %[[ARGS:.*]]: !llvm.ptr
// CHECK:       %[[WORD0:.*]] = llvm.getelementptr %[[ARGS]][%{{.*}}] {{.*}} i64
// CHECK-DAG:   %[[C6:.*]] = arith.constant 6 : i64
// CHECK:       llvm.getelementptr %[[ARGS]][%[[C6]]] {{.*}} i64
// CHECK:       llvm.load %{{.*}} : !llvm.ptr -> !llvm.ptr<1>
// CHECK:       llvm.load %{{.*}} : !llvm.ptr -> i64
// CHECK:       llvm.load %{{.*}} : !llvm.ptr -> i32
// CHECK:       llvm.load %{{.*}} : !llvm.ptr -> f32
// CHECK:       %[[TILES:.*]] = llvm.call @linattn_tile_shared(%{{.*}}) : (i64) -> !llvm.ptr
// CHECK:       llvm.call @linattn_tile_shared
// CHECK:       llvm.call @linattn_tile_shared
// CHECK:       llvm.call @linattn_tile_barrier_init
// CHECK:       %[[WARP:.*]] = arith.divui %[[THREAD]], %{{.*}} : i32
// CHECK:       %[[MEMBER:.*]] = arith.subi %[[WARP]], %{{.*}} : i32
// CHECK:       %[[RUNS:.*]] = arith.cmpi ult, %[[MEMBER]]
// CHECK:       scf.if %[[RUNS]] {
// CHECK:         %[[TILE:.*]] = llvm.getelementptr %[[TILES]][%{{.*}}] {{.*}} i8
// CHECK:         llvm.call @linattn_tile_load(%[[TILE]], %{{.*}}, %{{.*}}, %{{.*}}, %[[WORD0]],
// CHECK:         llvm.call @linattn_tile_end_loads
// CHECK:         llvm.call @linattn_tile_vector_load
// CHECK:         llvm.call @linattn_tile_new
// CHECK:         scf.for
// CHECK:           math.exp2
// CHECK:           llvm.store
// CHECK:         llvm.call @linattn_tile_vector_scan
// CHECK:         llvm.call @linattn_tile_vector_store
// CHECK:         llvm.call @linattn_tile_barrier_arrive
// CHECK:       scf.if
// CHECK:         llvm.call @linattn_tile_barrier_wait
// CHECK:         %[[NULL:.*]] = llvm.mlir.zero : !llvm.ptr
// CHECK:         %[[P:.*]] = llvm.call @linattn_tile_contract(%[[NULL]],
// CHECK:         llvm.call @linattn_tile_wait(%[[P]])
// A map goes over all elements of the warpgroup.
// CHECK:         %[[MAPPED:.*]] = llvm.call @linattn_tile_new
// CHECK:         scf.for %[[ROW:.*]] = {{.*}} : i32 {
// CHECK:           scf.for %[[COLUMN:.*]] = {{.*}} : i32 {
// CHECK:             %[[AT:.*]] = llvm.getelementptr %[[P]]
// CHECK:             %[[ELEMENT:.*]] = llvm.load %[[AT]] : !llvm.ptr -> f32
// CHECK:             %[[FACTOR:.*]] = llvm.load %{{.*}} : !llvm.ptr -> f32
// CHECK:             %[[PRODUCT:.*]] = arith.mulf %[[ELEMENT]], %[[FACTOR]]
// CHECK:             %[[ROUNDED:.*]] = arith.truncf %[[PRODUCT]] : f32 to bf16
// CHECK:             %[[TO:.*]] = llvm.getelementptr %[[MAPPED]]
// CHECK:             llvm.store %[[ROUNDED]], %[[TO]] : bf16
// The result in flight goes through the loop as the address of a buffer.
// CHECK:         scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}) -> (!llvm.ptr)
// CHECK:         llvm.call @linattn_tile_store_shared
// CHECK-NOT:     fence
// CHECK:         llvm.call @linattn_tile_sync
// CHECK:         llvm.call @linattn_tile_store(
// CHECK:         llvm.call @linattn_tile_store_wait
tile.kernel @work(
    %x: !tile.global<3, 64, bf16> {tile.dims = array<i64: 1, 0, 2>},
    %w: !llvm.ptr<1>, %w_stride: i64, %n: i32, %half: f32,
    %o: !tile.global<3, 64, bf16> {tile.dims = array<i64: 1, 0, 2>}) warpgroups 2 {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c2 = arith.constant 2 : i32
  %zero = arith.constant 0.0 : f32
  %index = arith.constant 0 : i64
  %block = tile.block_id
  %ring = tile.alloc : !tile.shared<2, 64, 64, bf16>
  %tile = tile.alloc : !tile.shared<1, 64, 64, bf16>
  %factors = tile.alloc : !tile.shared_vector<1, 64>
  %full = tile.barrier_init : !tile.barrier<1, 2>
  tile.role "loads" warp 4 count 1 registers 24 {
  ^bb0(%warp: i32):
    %to = tile.stage %ring[%c0] : !tile.shared<2, 64, 64, bf16> -> !tile.shared<1, 64, 64, bf16>
    tile.load_group %full[%c0] : !tile.barrier<1, 2> {
      tile.load %x[%c0, %block, %c0] to %to : !tile.global<3, 64, bf16> to !tile.shared<1, 64, 64, bf16>
    }
    %v = tile.vector_load %w[%index] stride %w_stride valid %n pad %zero as f32 : !llvm.ptr<1> -> !tile.vector<64>
    %e = tile.vector_map %v : (!tile.vector<64>) -> !tile.vector<64> {
    ^bb0(%a: f32, %i: i32):
      %b = math.exp2 %a : f32
      tile.yield %b : f32
    }
    %s = tile.vector_scan reverse exclusive %e : !tile.vector<64>
    tile.vector_store %s to %factors : !tile.vector<64> to !tile.shared_vector<1, 64>
    tile.barrier_arrive %full[%c0] : !tile.barrier<1, 2>
  }
  tile.role "compute" first 0 count 1 registers 240 {
  ^bb0(%group: i32):
    tile.barrier_wait %full[%c0] phase %c0 : !tile.barrier<1, 2>
    %a = tile.stage %ring[%c0] : !tile.shared<2, 64, 64, bf16> -> !tile.shared<1, 64, 64, bf16>
    %p = tile.contract %a, %a : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
    %s = tile.wait %p : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
    %m = tile.map %s : (!tile.accumulator<64, 64, f32>) -> !tile.operand<64, 64, bf16> {
    ^bb0(%value: f32, %i: i32, %j: i32):
      %factor = tile.element %factors[%i] : !tile.shared_vector<1, 64>
      %y = arith.mulf %value, %factor : f32
      tile.yield %y : f32
    }
    %first = tile.contract %m, %a transposed : !tile.operand<64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
    %last = scf.for %i = %c0 to %c2 step %c1 iter_args(%flying = %first) -> (!tile.pending<64, 64, f32>) : i32 {
      %sum = tile.wait %flying : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
      %next = tile.contract %m, %a transposed into %sum : !tile.operand<64, 64, bf16>, !tile.shared<1, 64, 64, bf16> into !tile.accumulator<64, 64, f32> -> !tile.pending<64, 64, f32>
      scf.yield %next : !tile.pending<64, 64, f32>
    }
    %t = tile.wait %last : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
    tile.store_shared %t to %tile : !tile.accumulator<64, 64, f32> to !tile.shared<1, 64, 64, bf16>
    tile.fence
    tile.sync %c1 warpgroups 1
    tile.store %tile to %o[%c0, %block, %c0] rows %n : !tile.shared<1, 64, 64, bf16> to !tile.global<3, 64, bf16>
    tile.store_wait 0
  }
}

// Columns are copied, and a transposed tile has a layout of its own, in which the
// rows of the tile stand above two bits.
// CHECK-LABEL: func.func private @columns
// CHECK:         %[[X:.*]] = llvm.call @linattn_tile_constant
// CHECK:         %[[RIGHT:.*]] = llvm.call @linattn_tile_new
// CHECK-COUNT-2: scf.for
// CHECK:         llvm.load
// CHECK:         llvm.store
// CHECK-DAG:     %[[SHARED_TRANSPOSED:.*]] = arith.constant 259 : i64
// CHECK-DAG:     %[[BF16:.*]] = arith.constant 1 : i64
// CHECK:         llvm.call @linattn_tile_store_shared(%[[RIGHT]], %{{.*}}, %[[SHARED_TRANSPOSED]], %{{.*}}, %{{.*}}, %[[BF16]])
tile.kernel @columns() warpgroups 1 {
  %a = tile.alloc {offset = 0 : i64} : !tile.shared<1, 64, 64, bf16>
  %x = tile.constant 0.0 : !tile.accumulator<64, 128, f32>
  %right = tile.columns %x from 64 : !tile.accumulator<64, 128, f32> -> !tile.accumulator<64, 64, f32>
  tile.store_shared %right to %a transposed : !tile.accumulator<64, 64, f32> to !tile.shared<1, 64, 64, bf16>
}

// Parts of a product are computed from rows of the tile, 128 bytes each, and go to
// columns of one of its panels.

// CHECK-LABEL: func.func private @parts(
// CHECK:         %[[BYTES:.*]] = arith.muli %{{.*}}, %c128_i64
// CHECK:         %[[ROWS:.*]] = llvm.getelementptr %{{.*}}[%[[BYTES]]] {{.*}} i8
// CHECK:         llvm.call @linattn_tile_contract({{.*}}, %[[ROWS]],
// CHECK:         arith.remui
// CHECK:         llvm.call @linattn_tile_store_shared
tile.kernel @parts() warpgroups 3 {
  %c32 = arith.constant 32 : i32
  %a = tile.alloc {offset = 0 : i64} : !tile.shared<1, 64, 64, bf16>
  tile.role "both" first 0 count 2 registers 168 {
  ^bb0(%group: i32):
    %first = arith.muli %group, %c32 : i32
    %p = tile.contract %a, %a columns %first : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 32, f32>
    %x = tile.wait %p : !tile.pending<64, 32, f32> -> !tile.accumulator<64, 32, f32>
    tile.store_shared %x to %a columns %first : !tile.accumulator<64, 32, f32> to !tile.shared<1, 64, 64, bf16>
  }
}

// Threads that work on their own.

// CHECK-LABEL: func.func private @threads(
// CHECK-SAME:  %{{.*}}: i32, %[[THREAD:.*]]: i32, %{{.*}}: !llvm.ptr
// CHECK:       scf.for %{{.*}} = %[[THREAD]] to
tile.kernel @threads(%y: !llvm.ptr<1>, %stride: i64) warpgroups 1 {
  %n = arith.constant 1000 : i32
  %step = arith.constant 128 : i32
  %zero = arith.constant 0.0 : f32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  scf.for %i = %thread to %n step %step : i32 {
    %place = arith.extsi %i : i32 to i64
    %p = llvm.getelementptr %y[%place] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
    llvm.store %zero, %p : f32, !llvm.ptr<1>
  }
}

// They can write elements for each other, and meet.
// CHECK-LABEL: func.func private @elements(
// CHECK-SAME:  %{{.*}}: i32, %[[THREAD:.*]]: i32, %{{.*}}: !llvm.ptr
// CHECK:       %[[SHARED:.*]] = llvm.call @linattn_tile_shared
// CHECK:       %[[PLACE:.*]] = arith.extsi %[[THREAD]] : i32 to i64
// CHECK:       %[[TO:.*]] = llvm.getelementptr %[[SHARED]][%[[PLACE]]] : (!llvm.ptr, i64) -> !llvm.ptr, f32
// CHECK:       llvm.store %{{.*}}, %[[TO]] : f32, !llvm.ptr
// CHECK:       llvm.call @linattn_tile_sync
// CHECK:       llvm.load
tile.kernel @elements(%x: f32, %out: !llvm.ptr<1>) warpgroups 1 {
  %c1 = arith.constant 1 : i32
  %v = tile.alloc {offset = 256 : i64} : !tile.shared_vector<1, 128>
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  tile.store_element %x to %v[%thread] : !tile.shared_vector<1, 128>
  tile.sync %c1 warpgroups 1
  %y = tile.element %v[%c1] : !tile.shared_vector<1, 128>
  llvm.store %y, %out : f32, !llvm.ptr<1>
}
