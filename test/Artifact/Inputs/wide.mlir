func.func @wide(%q: tensor<1x?x2x384xbf16>, %k: tensor<1x?x2x384xbf16>, %v: tensor<1x?x2x128xbf16>,
                %decay: tensor<2xf32>) -> tensor<1x?x2x128xbf16> {
  %c1 = arith.constant 1 : index
  %n = tensor.dim %q, %c1 : tensor<1x?x2x384xbf16>
  %init = tensor.empty(%n) : tensor<1x?x2x128xbf16>
  %o = linattn.attention
      ins(%q, %k, %v : tensor<1x?x2x384xbf16>, tensor<1x?x2x384xbf16>, tensor<1x?x2x128xbf16>)
      key_decay(%decay : tensor<2xf32>) outs(%init : tensor<1x?x2x128xbf16>) -> tensor<1x?x2x128xbf16>
  return %o : tensor<1x?x2x128xbf16>
}
