func.func @attention(%q: tensor<1x?x4x64xf32>, %k: tensor<1x?x4x64xf32>,
                     %v: tensor<1x?x4x64xf32>) -> tensor<1x?x4x64xf32> {
  %g = linattn.slopes <released> layer 3 of 24 : tensor<4xf32>
  %o = linattn.attention
      ins(%q, %k, %v : tensor<1x?x4x64xf32>, tensor<1x?x4x64xf32>, tensor<1x?x4x64xf32>)
      key_decay(%g : tensor<4xf32>) outs(%q : tensor<1x?x4x64xf32>)
      -> tensor<1x?x4x64xf32>
  return %o : tensor<1x?x4x64xf32>
}
