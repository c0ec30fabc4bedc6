func.func @step(%q: tensor<?x8x128xbf16>, %k: tensor<?x8x128xbf16>, %v: tensor<?x8x128xbf16>,
                %g: tensor<8xf32>, %s: tensor<?x8x128x128xf32> {linattn.inplace = 1})
    -> (tensor<?x8x128xbf16>, tensor<?x8x128x128xf32>) {
  %c0 = arith.constant 0 : index
  %b = tensor.dim %q, %c0 : tensor<?x8x128xbf16>
  %init = tensor.empty(%b) : tensor<?x8x128xbf16>
  %o, %r = linattn.step ins(%q, %k, %v : tensor<?x8x128xbf16>, tensor<?x8x128xbf16>, tensor<?x8x128xbf16>)
      key_decay(%g : tensor<8xf32>)
      outs(%init, %s : tensor<?x8x128xbf16>, tensor<?x8x128x128xf32>) -> tensor<?x8x128xbf16>, tensor<?x8x128x128xf32>
  return %o, %r : tensor<?x8x128xbf16>, tensor<?x8x128x128xf32>
}
