// The token mixer of a TransNormerLLM layer: 4 heads of 64 channels.
//
//   q, k = silu(x Wq), silu(x Wk)     v, u = x Wv, x Wu
//   o = linear attention (q, k, v) with one constant decay per head
//   y = (SimpleRMSNorm(o) * u) Wo
//
// x holds the embeddings of N tokens, for any N.

#row = affine_map<(d0, d1) -> (d0)>
#element = affine_map<(d0, d1) -> (d0, d1)>

func.func @tnl_mixer(%x: tensor<?x256xf32>,
                     %wq: tensor<256x256xf32>, %wk: tensor<256x256xf32>,
                     %wv: tensor<256x256xf32>, %wu: tensor<256x256xf32>,
                     %wo: tensor<256x256xf32>) -> tensor<?x256xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x256xf32>
  %rows = tensor.empty(%n) : tensor<?x256xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%rows : tensor<?x256xf32>) -> tensor<?x256xf32>

  // Projections.
  %xq = linalg.matmul ins(%x, %wq : tensor<?x256xf32>, tensor<256x256xf32>)
      outs(%zeros : tensor<?x256xf32>) -> tensor<?x256xf32>
  %xk = linalg.matmul ins(%x, %wk : tensor<?x256xf32>, tensor<256x256xf32>)
      outs(%zeros : tensor<?x256xf32>) -> tensor<?x256xf32>
  %v = linalg.matmul ins(%x, %wv : tensor<?x256xf32>, tensor<256x256xf32>)
      outs(%zeros : tensor<?x256xf32>) -> tensor<?x256xf32>
  %u = linalg.matmul ins(%x, %wu : tensor<?x256xf32>, tensor<256x256xf32>)
      outs(%zeros : tensor<?x256xf32>) -> tensor<?x256xf32>

  // SiLU on queries and keys.
  %q = linalg.map ins(%xq : tensor<?x256xf32>) outs(%rows : tensor<?x256xf32>)
    (%a: f32, %out: f32) {
      %m = arith.negf %a : f32
      %e = math.exp %m : f32
      %d = arith.addf %e, %one : f32
      %s = arith.divf %a, %d : f32
      linalg.yield %s : f32
    }
  %k = linalg.map ins(%xk : tensor<?x256xf32>) outs(%rows : tensor<?x256xf32>)
    (%a: f32, %out: f32) {
      %m = arith.negf %a : f32
      %e = math.exp %m : f32
      %d = arith.addf %e, %one : f32
      %s = arith.divf %a, %d : f32
      linalg.yield %s : f32
    }

  // Linear attention with the slopes that the released models use.
  %qh = tensor.expand_shape %q [[0, 1], [2, 3]] output_shape [1, %n, 4, 64]
      : tensor<?x256xf32> into tensor<1x?x4x64xf32>
  %kh = tensor.expand_shape %k [[0, 1], [2, 3]] output_shape [1, %n, 4, 64]
      : tensor<?x256xf32> into tensor<1x?x4x64xf32>
  %vh = tensor.expand_shape %v [[0, 1], [2, 3]] output_shape [1, %n, 4, 64]
      : tensor<?x256xf32> into tensor<1x?x4x64xf32>
  %g = linattn.slopes <released> layer 3 of 24 : tensor<4xf32>
  %oi = tensor.empty(%n) : tensor<1x?x4x64xf32>
  %oh = linattn.attention
      ins(%qh, %kh, %vh : tensor<1x?x4x64xf32>, tensor<1x?x4x64xf32>, tensor<1x?x4x64xf32>)
      key_decay(%g : tensor<4xf32>) outs(%oi : tensor<1x?x4x64xf32>)
      -> tensor<1x?x4x64xf32>
  %o = tensor.collapse_shape %oh [[0, 1], [2, 3]]
      : tensor<1x?x4x64xf32> into tensor<?x256xf32>

  // SimpleRMSNorm over all heads of a token, then the gate.
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
      {indexing_maps = [#element, #row, #element, #element],
       iterator_types = ["parallel", "parallel"]}
      ins(%o, %squares, %u : tensor<?x256xf32>, tensor<?xf32>, tensor<?x256xf32>)
      outs(%rows : tensor<?x256xf32>) {
  ^bb0(%a: f32, %sum: f32, %gate: f32, %out: f32):
    %mean = arith.divf %sum, %channels : f32
    %shifted = arith.addf %mean, %eps : f32
    %r = math.rsqrt %shifted : f32
    %normed = arith.mulf %a, %r : f32
    %gated = arith.mulf %normed, %gate : f32
    linalg.yield %gated : f32
  } -> tensor<?x256xf32>

  // Output projection.
  %result = linalg.matmul ins(%y, %wo : tensor<?x256xf32>, tensor<256x256xf32>)
      outs(%zeros : tensor<?x256xf32>) -> tensor<?x256xf32>
  return %result : tensor<?x256xf32>
}
