// The token mixer of an HGRN2 layer: 4 heads of 64 channels.
//
//   f = gamma + (1 - gamma) sigmoid(x Wf)    the forget gate of every channel
//   q = silu(x Wq)    k = 1 - f    v = silu(x Wv)
//   y = RMSNorm(linear attention (q, k, v) with decay f) Wo
//
// gamma, the lower bound of the gate, grows with the layer and is 0 in the
// first one. The decay is computed as a logarithm, never as ln f, and k never
// as 1 - exp(ln f): both keep all their digits when f is near 0 or near 1.

#row = affine_map<(d0, d1) -> (d0)>
#channel = affine_map<(d0, d1) -> (d1)>
#element = affine_map<(d0, d1) -> (d0, d1)>

func.func @hgrn2_mixer(%x: tensor<?x256xf32>,
                       %wq: tensor<256x256xf32>, %wf: tensor<256x256xf32>,
                       %wv: tensor<256x256xf32>, %wo: tensor<256x256xf32>,
                       %gamma: tensor<256xf32>) -> tensor<?x256xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x256xf32>
  %rows = tensor.empty(%n) : tensor<?x256xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%rows : tensor<?x256xf32>) -> tensor<?x256xf32>

  // Projections.
  %xq = linalg.matmul ins(%x, %wq : tensor<?x256xf32>, tensor<256x256xf32>)
      outs(%zeros : tensor<?x256xf32>) -> tensor<?x256xf32>
  %xf = linalg.matmul ins(%x, %wf : tensor<?x256xf32>, tensor<256x256xf32>)
      outs(%zeros : tensor<?x256xf32>) -> tensor<?x256xf32>
  %xv = linalg.matmul ins(%x, %wv : tensor<?x256xf32>, tensor<256x256xf32>)
      outs(%zeros : tensor<?x256xf32>) -> tensor<?x256xf32>

  // SiLU on queries and values.
  %q = linalg.map ins(%xq : tensor<?x256xf32>) outs(%rows : tensor<?x256xf32>)
    (%a: f32, %out: f32) {
      %m = arith.negf %a : f32
      %e = math.exp %m : f32
      %d = arith.addf %e, %one : f32
      %s = arith.divf %a, %d : f32
      linalg.yield %s : f32
    }
  %v = linalg.map ins(%xv : tensor<?x256xf32>) outs(%rows : tensor<?x256xf32>)
    (%a: f32, %out: f32) {
      %m = arith.negf %a : f32
      %e = math.exp %m : f32
      %d = arith.addf %e, %one : f32
      %s = arith.divf %a, %d : f32
      linalg.yield %s : f32
    }

  // The gate of a logit a, with t = exp(-|a|):
  //   logsigmoid(a) = min(a, 0) - log1p(t)
  //   ln f = logaddexp(ln gamma, log1p(-gamma) + logsigmoid(a))
  //   1 - f = (1 - gamma) sigmoid(-a)
  // gamma = 0 makes the first term of the sum -inf, and drops it.
  %g, %k = linalg.generic
      {indexing_maps = [#element, #channel, #element, #element],
       iterator_types = ["parallel", "parallel"]}
      ins(%xf, %gamma : tensor<?x256xf32>, tensor<256xf32>)
      outs(%rows, %rows : tensor<?x256xf32>, tensor<?x256xf32>) {
  ^bb0(%a: f32, %low: f32, %out_g: f32, %out_k: f32):
    %abs = math.absf %a : f32
    %neg_abs = arith.negf %abs : f32
    %t = math.exp %neg_abs : f32
    %log1p_t = math.log1p %t : f32
    %min = arith.minimumf %a, %zero : f32
    %log_sigmoid = arith.subf %min, %log1p_t : f32
    %log_low = math.log %low : f32
    %neg_low = arith.negf %low : f32
    %log_rest = math.log1p %neg_low : f32
    %log_open = arith.addf %log_rest, %log_sigmoid : f32
    %larger = arith.maximumf %log_low, %log_open : f32
    %difference = arith.subf %log_low, %log_open : f32
    %abs_difference = math.absf %difference : f32
    %neg_difference = arith.negf %abs_difference : f32
    %u = math.exp %neg_difference : f32
    %log1p_u = math.log1p %u : f32
    %log_f = arith.addf %larger, %log1p_u : f32
    %e = math.exp %a : f32
    %d = arith.addf %e, %one : f32
    %rest = arith.subf %one, %low : f32
    %one_minus_f = arith.divf %rest, %d : f32
    linalg.yield %log_f, %one_minus_f : f32, f32
  } -> (tensor<?x256xf32>, tensor<?x256xf32>)

  // Linear attention with one decay per token and key channel.
  %qh = tensor.expand_shape %q [[0, 1], [2, 3]] output_shape [1, %n, 4, 64]
      : tensor<?x256xf32> into tensor<1x?x4x64xf32>
  %kh = tensor.expand_shape %k [[0, 1], [2, 3]] output_shape [1, %n, 4, 64]
      : tensor<?x256xf32> into tensor<1x?x4x64xf32>
  %vh = tensor.expand_shape %v [[0, 1], [2, 3]] output_shape [1, %n, 4, 64]
      : tensor<?x256xf32> into tensor<1x?x4x64xf32>
  %gh = tensor.expand_shape %g [[0, 1], [2, 3]] output_shape [1, %n, 4, 64]
      : tensor<?x256xf32> into tensor<1x?x4x64xf32>
  %oi = tensor.empty(%n) : tensor<1x?x4x64xf32>
  %oh = linattn.attention
      ins(%qh, %kh, %vh : tensor<1x?x4x64xf32>, tensor<1x?x4x64xf32>, tensor<1x?x4x64xf32>)
      key_decay(%gh : tensor<1x?x4x64xf32>) outs(%oi : tensor<1x?x4x64xf32>)
      -> tensor<1x?x4x64xf32>
  %o = tensor.collapse_shape %oh [[0, 1], [2, 3]]
      : tensor<1x?x4x64xf32> into tensor<?x256xf32>

  // RMSNorm over all heads of a token.
  %sums = tensor.empty(%n) : tensor<?xf32>
  %zero_sums = linalg.fill ins(%zero : f32) outs(%sums : tensor<?xf32>) -> tensor<?xf32>
  %squares = linalg.generic
      {indexing_maps = [#element, #row], iterator_types = ["parallel", "reduction"]}
      ins(%o : tensor<?x256xf32>) outs(%zero_sums : tensor<?xf32>) {
  ^bb0(%a: f32, %sum: f32):
    %s = arith.mulf %a, %a : f32
    %t = arith.addf %sum, %s : f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  %channels = arith.constant 256.0 : f32
  %eps = arith.constant 1.0e-6 : f32
  %y = linalg.generic
      {indexing_maps = [#element, #row, #element],
       iterator_types = ["parallel", "parallel"]}
      ins(%o, %squares : tensor<?x256xf32>, tensor<?xf32>)
      outs(%rows : tensor<?x256xf32>) {
  ^bb0(%a: f32, %sum: f32, %out: f32):
    %mean = arith.divf %sum, %channels : f32
    %shifted = arith.addf %mean, %eps : f32
    %r = math.rsqrt %shifted : f32
    %normed = arith.mulf %a, %r : f32
    linalg.yield %normed : f32
  } -> tensor<?x256xf32>

  // Output projection.
  %result = linalg.matmul ins(%y, %wo : tensor<?x256xf32>, tensor<256x256xf32>)
      outs(%zeros : tensor<?x256xf32>) -> tensor<?x256xf32>
  return %result : tensor<?x256xf32>
}
