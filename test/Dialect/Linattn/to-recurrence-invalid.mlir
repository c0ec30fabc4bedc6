// RUN: linattn-opt %s --linattn-to-recurrence --split-input-file --verify-diagnostics

func.func @memref(%q: memref<2x4x8xf32>, %s: memref<2x4x8x8xf32>) {
  // expected-error @below {{'linattn.step' op expects tensors here, but got 'memref<2x4x8xf32>'; lower the op before bufferization}}
  linattn.step ins(%q, %q, %q : memref<2x4x8xf32>, memref<2x4x8xf32>, memref<2x4x8xf32>)
      outs(%q, %s : memref<2x4x8xf32>, memref<2x4x8x8xf32>)
  return
}

// -----

func.func @dynamic_key_channels(%q: tensor<2x?x4x?xf32>, %v: tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32> {
  // expected-error @below {{expects dimension 3 (key channel) of `query` to be static, but got 'tensor<2x?x4x?xf32>'}}
  %r = linattn.attention ins(%q, %q, %v : tensor<2x?x4x?xf32>, tensor<2x?x4x?xf32>, tensor<2x?x4x8xf32>)
      outs(%v : tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return %r : tensor<2x?x4x8xf32>
}

// -----

func.func @dynamic_value_channels(%k: tensor<2x?x4x8xf32>, %v: tensor<2x?x4x8xf32>, %s: tensor<2x4x8x?xf32>) -> tensor<2x4x8x?xf32> {
  // expected-error @below {{expects dimension 3 (value channel) of `state` to be static, but got 'tensor<2x4x8x?xf32>'}}
  %r = linattn.state ins(%k, %v : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      outs(%s : tensor<2x4x8x?xf32>) -> tensor<2x4x8x?xf32>
  return %r : tensor<2x4x8x?xf32>
}
