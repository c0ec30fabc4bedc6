// Causal linear attention without decay. The names of the arguments, which
// messages of the runtime use, are those of the locations.
func.func @attention(%q: tensor<?x?x?x16xf32> loc("q"),
                     %k: tensor<?x?x?x16xf32> loc("k"),
                     %v: tensor<?x?x?x16xf32> loc("v"))
    -> tensor<?x?x?x16xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %q, %c0 : tensor<?x?x?x16xf32>
  %n = tensor.dim %q, %c1 : tensor<?x?x?x16xf32>
  %h = tensor.dim %q, %c2 : tensor<?x?x?x16xf32>
  %init = tensor.empty(%b, %n, %h) : tensor<?x?x?x16xf32>
  %o = linattn.attention
      ins(%q, %k, %v : tensor<?x?x?x16xf32>, tensor<?x?x?x16xf32>, tensor<?x?x?x16xf32>)
      outs(%init : tensor<?x?x?x16xf32>) -> tensor<?x?x?x16xf32>
  return %o : tensor<?x?x?x16xf32>
}
