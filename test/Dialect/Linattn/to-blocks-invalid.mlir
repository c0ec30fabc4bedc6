// RUN: linattn-opt %s -split-input-file --linattn-to-blocks -verify-diagnostics

func.func @no_schedule(%q: tensor<1x?x2x16xf32>, %o: tensor<1x?x2x16xf32>) -> tensor<1x?x2x16xf32> {
  // expected-error @below {{expects a schedule; run linattn-set-schedule or write one}}
  %r = linattn.attention ins(%q, %q, %q : tensor<1x?x2x16xf32>, tensor<1x?x2x16xf32>, tensor<1x?x2x16xf32>)
      outs(%o : tensor<1x?x2x16xf32>) -> tensor<1x?x2x16xf32>
  return %r : tensor<1x?x2x16xf32>
}

// -----

func.func @dynamic_head(%q: tensor<1x?x2x?xf32>, %o: tensor<1x?x2x?xf32>) -> tensor<1x?x2x?xf32> {
  // expected-error @below {{expects dimension 3 (key channel) of `query` to be static, but got 'tensor<1x?x2x?xf32>'}}
  %r = linattn.attention ins(%q, %q, %q : tensor<1x?x2x?xf32>, tensor<1x?x2x?xf32>, tensor<1x?x2x?xf32>)
      outs(%o : tensor<1x?x2x?xf32>) {schedule = #linattn.schedule<chunk = 16, sub_chunk = 16, head_align = 16>} -> tensor<1x?x2x?xf32>
  return %r : tensor<1x?x2x?xf32>
}

// -----

func.func @memref(%q: memref<1x?x2x16xf32>, %o: memref<1x?x2x16xf32>) {
  // expected-error @below {{expects tensors here, but got 'memref<1x?x2x16xf32>'; lower the op before bufferization}}
  linattn.attention ins(%q, %q, %q : memref<1x?x2x16xf32>, memref<1x?x2x16xf32>, memref<1x?x2x16xf32>)
      outs(%o : memref<1x?x2x16xf32>) {schedule = #linattn.schedule<chunk = 16, sub_chunk = 16, head_align = 16>}
  return
}
