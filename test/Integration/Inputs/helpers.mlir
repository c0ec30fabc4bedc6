// Functions that integration tests append to their own.

// Values in [-1, 1) from a hash of the position.
#id4 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#scalar4 = affine_map<(d0, d1, d2, d3) -> ()>
func.func private @random(%seed: i32, %e: tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32> {
  %r = linalg.generic {indexing_maps = [#id4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      outs(%e : tensor<?x?x?x?xf32>) {
    ^bb0(%x: f32):
      %i = linalg.index 0 : index
      %j = linalg.index 1 : index
      %k = linalg.index 2 : index
      %l = linalg.index 3 : index
      %p = affine.apply affine_map<(i, j, k, l) -> (i * 24001 + j * 631 + k * 37 + l)>(%i, %j, %k, %l)
      %n = arith.index_cast %p : index to i32
      %a = arith.constant 1664525 : i32
      %b = arith.constant 1013904223 : i32
      %s8 = arith.constant 8 : i32
      %n0 = arith.addi %n, %seed : i32
      %n1 = arith.muli %n0, %a : i32
      %n2 = arith.addi %n1, %b : i32
      %n3 = arith.shrui %n2, %s8 : i32
      %n4 = arith.xori %n2, %n3 : i32
      %n5 = arith.muli %n4, %a : i32
      %n6 = arith.addi %n5, %b : i32
      %f = arith.sitofp %n6 : i32 to f32
      %c = arith.constant 4.656612873e-10 : f32
      %y = arith.mulf %f, %c : f32
      linalg.yield %y : f32
    } -> tensor<?x?x?x?xf32>
  return %r : tensor<?x?x?x?xf32>
}

// True if sqrt(sum (a - b)^2) < 2e-5 sqrt(sum b^2), and the sum is not zero.
func.func private @isClose(%a: tensor<?x?x?x?xf32>, %b: tensor<?x?x?x?xf32>) -> i1 {
  %zero = arith.constant 0.0 : f64
  %e = tensor.empty() : tensor<f64>
  %z = linalg.fill ins(%zero : f64) outs(%e : tensor<f64>) -> tensor<f64>
  %r:2 = linalg.generic {indexing_maps = [#id4, #id4, #scalar4, #scalar4], iterator_types = ["reduction", "reduction", "reduction", "reduction"]}
      ins(%a, %b : tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) outs(%z, %z : tensor<f64>, tensor<f64>) {
    ^bb0(%x: f32, %y: f32, %err: f64, %ref: f64):
      %x64 = arith.extf %x : f32 to f64
      %y64 = arith.extf %y : f32 to f64
      %d = arith.subf %x64, %y64 : f64
      %d2 = arith.mulf %d, %d : f64
      %y2 = arith.mulf %y64, %y64 : f64
      %err1 = arith.addf %err, %d2 : f64
      %ref1 = arith.addf %ref, %y2 : f64
      linalg.yield %err1, %ref1 : f64, f64
    } -> (tensor<f64>, tensor<f64>)
  %err = tensor.extract %r#0[] : tensor<f64>
  %ref = tensor.extract %r#1[] : tensor<f64>
  %tolerance = arith.constant 4.0e-10 : f64
  %bound = arith.mulf %ref, %tolerance : f64
  %small = arith.cmpf olt, %err, %bound : f64
  return %small : i1
}

// Log-decays in (-1, 0].
func.func private @decays(%seed: i32, %heads: index, %channels: index) -> tensor<?x?xf32> {
  %c1 = arith.constant 1 : index
  %e = tensor.empty(%c1, %c1, %heads, %channels) : tensor<?x?x?x?xf32>
  %x = call @random(%seed, %e) : (i32, tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %a = linalg.abs ins(%x : tensor<?x?x?x?xf32>) outs(%e : tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %n = linalg.negf ins(%a : tensor<?x?x?x?xf32>) outs(%e : tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %c = tensor.collapse_shape %n [[0, 1, 2], [3]] : tensor<?x?x?x?xf32> into tensor<?x?xf32>
  return %c : tensor<?x?xf32>
}
