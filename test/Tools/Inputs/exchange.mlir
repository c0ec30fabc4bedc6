// Two warpgroups, each of which reads what the other one has written.

func.func @exchange() -> tensor<2xf32> {
  %blocks = arith.constant 1 : index
  %o = tensor.empty() : tensor<2xf32>
  %r = tile.launch @swap blocks(%blocks) outs(%o : tensor<2xf32>) -> tensor<2xf32>
  return %r : tensor<2xf32>
}

tile.kernel @swap(%o: !llvm.ptr<1>, %stride: i64) warpgroups 2 {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %ring = tile.alloc : !tile.shared<2, 64, 64, bf16>
  tile.role "both" first 0 count 2 registers 200 {
  ^bb0(%group: i32):
    %other = arith.subi %c1, %group : i32
    %mine = tile.stage %ring[%group] : !tile.shared<2, 64, 64, bf16> -> !tile.shared<1, 64, 64, bf16>
    %theirs = tile.stage %ring[%other] : !tile.shared<2, 64, 64, bf16> -> !tile.shared<1, 64, 64, bf16>
    %x = tile.map : () -> !tile.accumulator<64, 64, f32> {
    ^bb0(%i: i32, %j: i32):
      %number = arith.addi %group, %c1 : i32
      %value = arith.sitofp %number : i32 to f32
      tile.yield %value : f32
    }
    tile.store_shared %x to %mine : !tile.accumulator<64, 64, f32> to !tile.shared<1, 64, 64, bf16>
    tile.sync %c1 warpgroups 2
    %y = tile.load_operand %theirs : !tile.shared<1, 64, 64, bf16> -> !tile.operand<64, 64, bf16>
    tile.map %y : (!tile.operand<64, 64, bf16>) -> () {
    ^bb0(%value: f32, %i: i32, %j: i32):
      %sum = arith.addi %i, %j : i32
      %first = arith.cmpi eq, %sum, %c0 : i32
      scf.if %first {
        %place = arith.extsi %group : i32 to i64
        %p = llvm.getelementptr %o[%place] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        llvm.store %value, %p : f32, !llvm.ptr<1>
      }
    }
  }
}
