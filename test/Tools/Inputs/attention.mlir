!t = tensor<?x?x2x16xf32>
func.func @attention(%q: !t, %k: !t, %v: !t, %g: tensor<2xf32>) -> !t {
  %c1 = arith.constant 1 : index
  %c0 = arith.constant 0 : index
  %b = tensor.dim %q, %c0 : !t
  %n = tensor.dim %q, %c1 : !t
  %e = tensor.empty(%b, %n) : !t
  %o = linattn.attention ins(%q, %k, %v : !t, !t, !t)
      key_decay(%g : tensor<2xf32>) outs(%e : !t) -> !t
  return %o : !t
}
