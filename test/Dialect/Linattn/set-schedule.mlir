// RUN: linattn-opt %s -split-input-file --linattn-set-schedule | FileCheck %s
// RUN: linattn-opt %s -split-input-file --linattn-set-schedule="chunk=128 sub-chunk=32 head-align=64" | FileCheck %s --check-prefix=OPTION
// RUN: linattn-opt %s -split-input-file --linattn-set-schedule="chunk=48" | FileCheck %s --check-prefix=CHUNK
// RUN: linattn-opt %s -split-input-file --linattn-set-schedule="chunk=544" | FileCheck %s --check-prefix=BLOCKS
// RUN: linattn-opt %s -split-input-file --linattn-set-schedule --remark-format=emitRemark --remarks-filter="linattn.*" -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// CHECK-LABEL: func @uniform
// OPTION-LABEL: func @uniform
// CHUNK-LABEL: func @uniform
func.func @uniform(%q: tensor<1x?x2x64xf32>, %g: tensor<2xf32>, %o: tensor<1x?x2x64xf32>) -> tensor<1x?x2x64xf32> {
  // CHECK: schedule = #linattn.schedule<chunk = 32, sub_chunk = 16, head_align = 16>
  // OPTION: schedule = #linattn.schedule<chunk = 128, sub_chunk = 32, head_align = 64>
  // A sub-chunk that was not asked for divides the chunk.
  // CHUNK: schedule = #linattn.schedule<chunk = 48, sub_chunk = 16, head_align = 16>
  // Nor does it make more than 16 row blocks.
  // BLOCKS: schedule = #linattn.schedule<chunk = 544, sub_chunk = 34, head_align = 16>
  // REMARK: remark: [Passed] Schedule
  // REMARK-SAME: chunk=32
  // REMARK-SAME: sub_chunk=16
  %r = linattn.attention ins(%q, %q, %q : tensor<1x?x2x64xf32>, tensor<1x?x2x64xf32>, tensor<1x?x2x64xf32>)
      key_decay(%g : tensor<2xf32>) outs(%o : tensor<1x?x2x64xf32>) -> tensor<1x?x2x64xf32>
  return %r : tensor<1x?x2x64xf32>
}

// -----

// CHECK-LABEL: func @per_channel
func.func @per_channel(%q: tensor<1x?x2x64xf32>, %g: tensor<1x?x2x64xf32>, %s: tensor<1x2x64x64xf32>, %t: tensor<1x2x64xf32>) -> (tensor<1x2x64x64xf32>, tensor<1x2x64xf32>) {
  // CHECK: linattn.state
  // CHECK-SAME: schedule = #linattn.schedule<chunk = 32, sub_chunk = 16, head_align = 16>
  %r:2 = linattn.state ins(%q, %q : tensor<1x?x2x64xf32>, tensor<1x?x2x64xf32>)
      key_decay(%g : tensor<1x?x2x64xf32>) outs(%s, %t : tensor<1x2x64x64xf32>, tensor<1x2x64xf32>)
      -> tensor<1x2x64x64xf32>, tensor<1x2x64xf32>
  return %r#0, %r#1 : tensor<1x2x64x64xf32>, tensor<1x2x64xf32>
}

// -----

// CHECK-LABEL: func @given
// OPTION-LABEL: func @given
func.func @given(%q: tensor<1x?x2x64xf32>, %o: tensor<1x?x2x64xf32>) -> tensor<1x?x2x64xf32> {
  // CHECK: schedule = #linattn.schedule<chunk = 16, sub_chunk = 8, head_align = 32>
  // OPTION: schedule = #linattn.schedule<chunk = 16, sub_chunk = 8, head_align = 32>
  %r = linattn.attention ins(%q, %q, %q : tensor<1x?x2x64xf32>, tensor<1x?x2x64xf32>, tensor<1x?x2x64xf32>)
      outs(%o : tensor<1x?x2x64xf32>) {schedule = #linattn.schedule<chunk = 16, sub_chunk = 8, head_align = 32>}
      -> tensor<1x?x2x64xf32>
  return %r : tensor<1x?x2x64xf32>
}
