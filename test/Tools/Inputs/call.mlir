// Called by call.c: o = q * (2 q + s) and s <- 2 q + s, by rows.
func.func @step(%q: tensor<?x4xf32>,
                %s: tensor<?x4xf32> {linattn.inplace = 1 : i64},
                %count: i32)
    -> (tensor<?x4xf32>, tensor<?x4xf32>, i32) {
  %c0 = arith.constant 0 : index
  %one = arith.constant 1 : i32
  %zero = arith.constant 0 : i32
  %n = tensor.dim %q, %c0 : tensor<?x4xf32>
  %m = tensor.dim %s, %c0 : tensor<?x4xf32>
  %same = arith.cmpi eq, %n, %m : index
  cf.assert %same, "expects as many rows in s as in q"
  %positive = arith.cmpi sge, %count, %zero : i32
  cf.assert %positive, "expects a count that is not negative"
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %t = linalg.add ins(%q, %q : tensor<?x4xf32>, tensor<?x4xf32>)
      outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %s1 = linalg.add ins(%t, %s : tensor<?x4xf32>, tensor<?x4xf32>)
      outs(%s : tensor<?x4xf32>) -> tensor<?x4xf32>
  %o = linalg.mul ins(%q, %s1 : tensor<?x4xf32>, tensor<?x4xf32>)
      outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %next = arith.addi %count, %one : i32
  return %o, %s1, %next : tensor<?x4xf32>, tensor<?x4xf32>, i32
}
