func.func @packed(%q: tensor<1x?x1x64xbf16>, %k: tensor<1x?x1x64xbf16>, %v: tensor<1x?x1x64xbf16>,
                  %offsets: tensor<?xi32>) -> tensor<1x?x1x64xbf16> {
  %c1 = arith.constant 1 : index
  %n = tensor.dim %q, %c1 : tensor<1x?x1x64xbf16>
  %init = tensor.empty(%n) : tensor<1x?x1x64xbf16>
  %o = linattn.attention
      ins(%q, %k, %v : tensor<1x?x1x64xbf16>, tensor<1x?x1x64xbf16>, tensor<1x?x1x64xbf16>)
      offsets(%offsets : tensor<?xi32>) outs(%init : tensor<1x?x1x64xbf16>) -> tensor<1x?x1x64xbf16>
  return %o : tensor<1x?x1x64xbf16>
}
