func.func @scale(%x: tensor<?x2xf32>, %s: f32) -> tensor<?x2xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x2xf32>
  %e = tensor.empty(%n) : tensor<?x2xf32>
  %b = linalg.fill ins(%s : f32) outs(%e : tensor<?x2xf32>) -> tensor<?x2xf32>
  %r = linalg.mul ins(%x, %b : tensor<?x2xf32>, tensor<?x2xf32>) outs(%e : tensor<?x2xf32>) -> tensor<?x2xf32>
  return %r : tensor<?x2xf32>
}
func.func @pass(%x: tensor<?xbf16>, %y: tensor<?xf16>, %n: tensor<?xi32>, %m: tensor<?xi64>, %b: tensor<?xi1>)
    -> (tensor<?xbf16>, tensor<?xf16>, tensor<?xi32>, tensor<?xi64>, tensor<?xi1>) {
  return %x, %y, %n, %m, %b : tensor<?xbf16>, tensor<?xf16>, tensor<?xi32>, tensor<?xi64>, tensor<?xi1>
}
func.func @accumulate(%x: tensor<2xf32>, %sum: tensor<2xf32> {linattn.inplace = 0 : i64}) -> (tensor<2xf32>, index) {
  %c3 = arith.constant 3 : index
  %r = linalg.add ins(%x, %sum : tensor<2xf32>, tensor<2xf32>) outs(%sum : tensor<2xf32>) -> tensor<2xf32>
  return %r, %c3 : tensor<2xf32>, index
}
func.func @uncallable(%x: vector<4xf32>) -> vector<4xf32> {
  return %x : vector<4xf32>
}
