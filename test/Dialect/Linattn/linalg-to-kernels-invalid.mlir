// RUN: linattn-opt %s --linattn-linalg-to-kernels --split-input-file --verify-diagnostics

func.func @dynamic_reduction(%x: tensor<8x?xf32>, %out: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{expects loops that are not parallel to have a static size, but the size of loop 1 is dynamic}}
  %0 = linalg.reduce { arith.addf } ins(%x : tensor<8x?xf32>) outs(%out : tensor<8xf32>) dimensions = [1]
  return %0 : tensor<8xf32>
}

// -----

func.func @convolution(%x: tensor<8xf32>, %w: tensor<3xf32>, %out: tensor<6xf32>) -> tensor<6xf32> {
  // expected-error @below {{expects indexing maps that are projected permutations, but the map of operand 0 is affine_map<(d0, d1) -> (d0 + d1)>}}
  %0 = linalg.conv_1d ins(%x, %w : tensor<8xf32>, tensor<3xf32>) outs(%out : tensor<6xf32>) -> tensor<6xf32>
  return %0 : tensor<6xf32>
}
