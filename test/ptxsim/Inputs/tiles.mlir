// Tile programs that test_tiles.py runs and changes.

// A tile from one tensor to another: rows from %zero on become zero, and rows
// below %valid are stored.
tile.kernel @copy(%in: !tile.global<3, 64, bf16>, %out: !tile.global<3, 64, bf16>,
                  %matrix: i32, %row: i32, %zero: i32, %valid: i32) warpgroups 2 {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %t = tile.alloc : !tile.shared<1, 64, 128, bf16>
  %full = tile.barrier_init : !tile.barrier<1, 1>
  tile.role "loads" warp 5 count 1 registers 24 {
  ^bb0(%warp: i32):
    tile.load_group %full[%c0] : !tile.barrier<1, 1> {
      tile.load %in[%matrix, %row, %c0] to %t : !tile.global<3, 64, bf16> to !tile.shared<1, 64, 128, bf16>
    }
  }
  tile.role "stores" first 0 count 1 registers 240 {
  ^bb0(%group: i32):
    tile.barrier_wait %full[%c0] phase %c0 : !tile.barrier<1, 1>
    tile.zero_rows %t from %zero : !tile.shared<1, 64, 128, bf16>
    tile.fence
    tile.sync %c1 warpgroups 1
    tile.store %t to %out[%matrix, %row, %c0] rows %valid : !tile.shared<1, 64, 128, bf16> to !tile.global<3, 64, bf16>
    tile.store_wait 0
  }
}

// A B^T + bias for %count tiles B of 64 rows, into f32 by plain stores. The
// contraction of the next tile is issued before the round ends and carried in
// flight; one tile more is loaded for the last round. With %negate the odd tiles
// change sign.
tile.kernel @product(%a: !tile.global<2, 64, bf16>, %b: !tile.global<2, 64, bf16>,
                     %bias: !llvm.ptr<1>, %out: !llvm.ptr<1>, %count: i32,
                     %negate: i32) warpgroups 2 {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c2 = arith.constant 2 : i32
  %c64 = arith.constant 64 : i32
  %as = tile.alloc : !tile.shared<1, 64, 64, bf16>
  %bs = tile.alloc : !tile.shared<2, 64, 64, bf16>
  %full = tile.barrier_init : !tile.barrier<2, 1>
  %empty = tile.barrier_init : !tile.barrier<2, 4>
  %first = tile.barrier_init : !tile.barrier<1, 1>
  tile.role "loads" warp 4 count 1 registers 24 {
  ^bb0(%warp: i32):
    tile.load_group %first[%c0] : !tile.barrier<1, 1> {
      tile.load %a[%c0, %c0] to %as : !tile.global<2, 64, bf16> to !tile.shared<1, 64, 64, bf16>
    }
    %rounds = arith.addi %count, %c1 : i32
    scf.for %i = %c0 to %rounds step %c1 : i32 {
      %stage = arith.andi %i, %c1 : i32
      %round = arith.shrui %i, %c1 : i32
      %odd = arith.andi %round, %c1 : i32
      %phase = arith.xori %odd, %c1 : i32
      tile.barrier_wait %empty[%stage] phase %phase : !tile.barrier<2, 4>
      tile.load_group %full[%stage] : !tile.barrier<2, 1> {
        %row = arith.muli %i, %c64 : i32
        %bt = tile.stage %bs[%stage] : !tile.shared<2, 64, 64, bf16> -> !tile.shared<1, 64, 64, bf16>
        tile.load %b[%row, %c0] to %bt : !tile.global<2, 64, bf16> to !tile.shared<1, 64, 64, bf16>
      }
    }
  }
  tile.role "consumer" first 0 count 1 registers 240 {
  ^bb0(%group: i32):
    tile.barrier_wait %first[%c0] phase %c0 : !tile.barrier<1, 1>
    tile.barrier_wait %full[%c0] phase %c0 : !tile.barrier<2, 1>
    %b0 = tile.stage %bs[%c0] : !tile.shared<2, 64, 64, bf16> -> !tile.shared<1, 64, 64, bf16>
    %p0 = tile.contract %as, %b0 : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
    %r = scf.for %i = %c0 to %count step %c1 iter_args(%p = %p0) -> (!tile.pending<64, 64, f32>) : i32 {
      %stage = arith.andi %i, %c1 : i32
      %x = tile.wait %p : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
      tile.barrier_arrive %empty[%stage] : !tile.barrier<2, 4>
      %flip = arith.andi %stage, %negate : i32
      %flips = arith.cmpi ne, %flip, %c0 : i32
      %z = scf.if %flips -> !tile.accumulator<64, 64, f32> {
        %minus = tile.map %x : (!tile.accumulator<64, 64, f32>) -> !tile.accumulator<64, 64, f32> {
        ^bb0(%value: f32, %m: i32, %n: i32):
          %v = arith.negf %value : f32
          tile.yield %v : f32
        }
        scf.yield %minus : !tile.accumulator<64, 64, f32>
      } else {
        scf.yield %x : !tile.accumulator<64, 64, f32>
      }
      %base = arith.muli %i, %c64 : i32
      tile.map %z : (!tile.accumulator<64, 64, f32>) -> () {
      ^bb0(%value: f32, %m: i32, %n: i32):
        %column = arith.addi %base, %n : i32
        %at = llvm.getelementptr %bias[%column] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
        %c = llvm.load %at : !llvm.ptr<1> -> f32
        %sum = arith.addf %value, %c : f32
        // What lies above the diagonal is not stored.
        %stored = arith.cmpi sge, %m, %n : i32
        scf.if %stored {
          %row = arith.addi %base, %m : i32
          %start = arith.muli %row, %c64 : i32
          %index = arith.addi %start, %n : i32
          %to = llvm.getelementptr %out[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
          llvm.store %sum, %to : f32, !llvm.ptr<1>
        }
      }
      %j = arith.addi %i, %c1 : i32
      %next = arith.andi %j, %c1 : i32
      %round = arith.shrui %j, %c1 : i32
      %odd = arith.andi %round, %c1 : i32
      tile.barrier_wait %full[%next] phase %odd : !tile.barrier<2, 1>
      %bt = tile.stage %bs[%next] : !tile.shared<2, 64, 64, bf16> -> !tile.shared<1, 64, 64, bf16>
      %q = tile.contract %as, %bt : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
      scf.yield %q : !tile.pending<64, 64, f32>
    }
    %rest = tile.wait %r : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 64, f32>
  }
}

// x[m, n] * a[m] + b[n] for %chunks chunks of 64 rows of x, where a and b are
// running sums of g, which one warp computes beside the one that loads x. The
// sums of whole chunks go to %totals. g is read with a stride, up to %valid.
tile.kernel @sums(%x: !tile.global<2, 64, bf16>, %g: !llvm.ptr<1>, %stride: i64,
                  %valid: i32, %out: !llvm.ptr<1>, %totals: !llvm.ptr<1>,
                  %chunks: i32) warpgroups 2 {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c64 = arith.constant 64 : i32
  %xs = tile.alloc : !tile.shared<2, 64, 64, bf16>
  %as = tile.alloc : !tile.shared_vector<2, 64>
  %bs = tile.alloc : !tile.shared_vector<2, 64>
  %full = tile.barrier_init : !tile.barrier<2, 2>
  %empty = tile.barrier_init : !tile.barrier<2, 4>
  tile.role "loads" warp 4 count 1 registers 40 {
  ^bb0(%warp: i32):
    scf.for %i = %c0 to %chunks step %c1 : i32 {
      %stage = arith.andi %i, %c1 : i32
      %round = arith.shrui %i, %c1 : i32
      %odd = arith.andi %round, %c1 : i32
      %phase = arith.xori %odd, %c1 : i32
      tile.barrier_wait %empty[%stage] phase %phase : !tile.barrier<2, 4>
      %row = arith.muli %i, %c64 : i32
      %t = tile.stage %xs[%stage] : !tile.shared<2, 64, 64, bf16> -> !tile.shared<1, 64, 64, bf16>
      tile.load_group %full[%stage] : !tile.barrier<2, 2> {
        tile.load %x[%row, %c0] to %t : !tile.global<2, 64, bf16> to !tile.shared<1, 64, 64, bf16>
      }
    }
  }
  tile.role "vectors" warp 6 count 1 registers 40 {
  ^bb0(%warp: i32):
    %pad = arith.constant 0.0 : f32
    %c63 = arith.constant 63 : i32
    scf.for %i = %c0 to %chunks step %c1 : i32 {
      %stage = arith.andi %i, %c1 : i32
      %round = arith.shrui %i, %c1 : i32
      %odd = arith.andi %round, %c1 : i32
      %phase = arith.xori %odd, %c1 : i32
      %row = arith.muli %i, %c64 : i32
      %rest = arith.subi %valid, %row : i32
      %row64 = arith.extsi %row : i32 to i64
      %index = arith.muli %row64, %stride : i64
      %v = tile.vector_load %g[%index] stride %stride valid %rest pad %pad as f32 : !llvm.ptr<1> -> !tile.vector<64>
      %sums = tile.vector_scan %v : !tile.vector<64>
      %after = tile.vector_scan reverse exclusive %v : !tile.vector<64>
      %a = tile.vector_map %sums : (!tile.vector<64>) -> !tile.vector<64> {
      ^bb0(%s: f32, %n: i32):
        %e = math.exp2 %s : f32
        %f = arith.sitofp %n : i32 to f32
        %w = arith.mulf %e, %f : f32
        tile.yield %w : f32
      }
      tile.barrier_wait %empty[%stage] phase %phase : !tile.barrier<2, 4>
      %at = tile.stage %as[%stage] : !tile.shared_vector<2, 64> -> !tile.shared_vector<1, 64>
      %bt = tile.stage %bs[%stage] : !tile.shared_vector<2, 64> -> !tile.shared_vector<1, 64>
      tile.vector_store %a to %at : !tile.vector<64> to !tile.shared_vector<1, 64>
      tile.vector_store %after to %bt : !tile.vector<64> to !tile.shared_vector<1, 64>
      tile.barrier_arrive %full[%stage] : !tile.barrier<2, 2>
      %total = tile.vector_extract %sums[%c63] : !tile.vector<64>
      %place = llvm.getelementptr %totals[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
      llvm.store %total, %place : f32, !llvm.ptr<1>
    }
  }
  tile.role "consumer" first 0 count 1 registers 240 {
  ^bb0(%group: i32):
    scf.for %i = %c0 to %chunks step %c1 : i32 {
      %stage = arith.andi %i, %c1 : i32
      %round = arith.shrui %i, %c1 : i32
      %odd = arith.andi %round, %c1 : i32
      tile.barrier_wait %full[%stage] phase %odd : !tile.barrier<2, 2>
      %t = tile.stage %xs[%stage] : !tile.shared<2, 64, 64, bf16> -> !tile.shared<1, 64, 64, bf16>
      %at = tile.stage %as[%stage] : !tile.shared_vector<2, 64> -> !tile.shared_vector<1, 64>
      %bt = tile.stage %bs[%stage] : !tile.shared_vector<2, 64> -> !tile.shared_vector<1, 64>
      %o = tile.load_operand %t : !tile.shared<1, 64, 64, bf16> -> !tile.operand<64, 64, bf16>
      %base = arith.muli %i, %c64 : i32
      tile.map %o : (!tile.operand<64, 64, bf16>) -> () {
      ^bb0(%value: f32, %m: i32, %n: i32):
        %a = tile.element %at[%m] : !tile.shared_vector<1, 64>
        %b = tile.element %bt[%n] : !tile.shared_vector<1, 64>
        %p = arith.mulf %value, %a : f32
        %s = arith.addf %p, %b : f32
        %row = arith.addi %base, %m : i32
        %start = arith.muli %row, %c64 : i32
        %index = arith.addi %start, %n : i32
        %to = llvm.getelementptr %out[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
        llvm.store %s, %to : f32, !llvm.ptr<1>
      }
      tile.barrier_arrive %empty[%stage] : !tile.barrier<2, 4>
    }
  }
}
