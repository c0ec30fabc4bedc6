// A stock mlir-opt loads the dialect from the plugin: text, generic text,
// bytecode, verifier and folder.

// REQUIRES: plugins

// RUN: mlir-opt --load-dialect-plugin=%linattn_lib/LinattnPlugin%shlibext %s \
// RUN:   | FileCheck %s
// RUN: mlir-opt --load-dialect-plugin=%linattn_lib/LinattnPlugin%shlibext %s \
// RUN:     --mlir-print-op-generic \
// RUN:   | mlir-opt --load-dialect-plugin=%linattn_lib/LinattnPlugin%shlibext \
// RUN:   | FileCheck %s
// RUN: mlir-opt --load-dialect-plugin=%linattn_lib/LinattnPlugin%shlibext %s \
// RUN:     --emit-bytecode \
// RUN:   | mlir-opt --load-dialect-plugin=%linattn_lib/LinattnPlugin%shlibext \
// RUN:   | FileCheck %s
// RUN: mlir-opt --load-dialect-plugin=%linattn_lib/LinattnPlugin%shlibext %s \
// RUN:     --canonicalize \
// RUN:   | FileCheck %s --check-prefix=FOLD
// RUN: mlir-opt --load-dialect-plugin=%linattn_lib/LinattnPlugin%shlibext \
// RUN:     --show-dialects | FileCheck %s --check-prefix=DIALECTS

// DIALECTS: linattn

// CHECK: linattn.slopes <released> layer 0 of 1 : tensor<2xf32>
// CHECK: linattn.attention
// CHECK-SAME: schedule = #linattn.schedule<chunk = 32, sub_chunk = 16, head_align = 16>
// FOLD: arith.constant dense<[-6.250000e-02, -3.906250e-03]>
func.func @f(%q: tensor<1x?x2x8xf32>, %o: tensor<1x?x2x8xf32>)
    -> tensor<1x?x2x8xf32> {
  %g = linattn.slopes <released> layer 0 of 1 : tensor<2xf32>
  %0 = linattn.attention
      ins(%q, %q, %q : tensor<1x?x2x8xf32>, tensor<1x?x2x8xf32>, tensor<1x?x2x8xf32>)
      key_decay(%g : tensor<2xf32>) outs(%o : tensor<1x?x2x8xf32>)
      {schedule = #linattn.schedule<chunk = 32, sub_chunk = 16, head_align = 16>}
      -> tensor<1x?x2x8xf32>
  return %0 : tensor<1x?x2x8xf32>
}
