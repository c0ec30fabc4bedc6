// Serving a TransNormerLLM attention layer: one call takes the prompt, and then
// one call takes each new token. The state of every head stands for all the
// tokens before, so a token costs the same wherever it stands.
//
// Both functions compute the same recurrence:
//   prefill(a) and one step for each token of b = prefill(a + b)
//
// linattn.inplace = 1 ties the state that comes in to result 1, the state that
// goes out: the caller owns one buffer, and both functions update it.

// Tokens of the prompt: outputs, and the state behind the last one.
func.func @prefill(%q: tensor<1x?x4x64xf32>, %k: tensor<1x?x4x64xf32>,
                   %v: tensor<1x?x4x64xf32>,
                   %s0: tensor<1x4x64x64xf32> {linattn.inplace = 1 : i64})
    -> (tensor<1x?x4x64xf32>, tensor<1x4x64x64xf32>) {
  %c1 = arith.constant 1 : index
  %n = tensor.dim %q, %c1 : tensor<1x?x4x64xf32>
  %g = linattn.slopes <released> layer 3 of 24 : tensor<4xf32>
  %oi = tensor.empty(%n) : tensor<1x?x4x64xf32>
  %si = tensor.empty() : tensor<1x4x64x64xf32>
  %o, %s = linattn.attention
      ins(%q, %k, %v : tensor<1x?x4x64xf32>, tensor<1x?x4x64xf32>, tensor<1x?x4x64xf32>)
      key_decay(%g : tensor<4xf32>) initial_state(%s0 : tensor<1x4x64x64xf32>)
      outs(%oi, %si : tensor<1x?x4x64xf32>, tensor<1x4x64x64xf32>)
      -> tensor<1x?x4x64xf32>, tensor<1x4x64x64xf32>
  return %o, %s : tensor<1x?x4x64xf32>, tensor<1x4x64x64xf32>
}

// One new token: its output, and the state with it.
func.func @step(%q: tensor<1x4x64xf32>, %k: tensor<1x4x64xf32>,
                %v: tensor<1x4x64xf32>,
                %s0: tensor<1x4x64x64xf32> {linattn.inplace = 1 : i64})
    -> (tensor<1x4x64xf32>, tensor<1x4x64x64xf32>) {
  %g = linattn.slopes <released> layer 3 of 24 : tensor<4xf32>
  %oi = tensor.empty() : tensor<1x4x64xf32>
  %o, %s = linattn.step
      ins(%q, %k, %v : tensor<1x4x64xf32>, tensor<1x4x64xf32>, tensor<1x4x64xf32>)
      key_decay(%g : tensor<4xf32>)
      outs(%oi, %s0 : tensor<1x4x64xf32>, tensor<1x4x64x64xf32>)
      -> tensor<1x4x64xf32>, tensor<1x4x64x64xf32>
  return %o, %s : tensor<1x4x64xf32>, tensor<1x4x64x64xf32>
}
