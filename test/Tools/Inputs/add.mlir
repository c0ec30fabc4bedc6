// y += x, by a kernel that the driver of the test knows by its name.
func.func @add(%x: tensor<?xf32>, %y: tensor<?xf32> {linattn.inplace = 0 : i64})
    -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %r = tile.launch @add_0 blocks(%c1) ins(%n, %x : index, tensor<?xf32>)
      outs(%y : tensor<?xf32>) -> tensor<?xf32>
  return %r : tensor<?xf32>
}

tile.kernel @add_0(%n: i64, %x: !llvm.ptr<1>, %xs: i64, %y: !llvm.ptr<1>, %ys: i64)
    warpgroups 1 {
}
