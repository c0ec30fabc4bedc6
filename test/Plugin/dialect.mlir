// A stock mlir-opt takes the dialect from the plugin: text, generic text,
// bytecode, verifier and folder.

// REQUIRES: plugins

// RUN: %plugin_opt --show-dialects | FileCheck %s --check-prefix=DIALECTS
// RUN: %plugin_opt %s | FileCheck %s
// RUN: %plugin_opt %s --mlir-print-op-generic | %plugin_opt | FileCheck %s
// RUN: %plugin_opt %s --emit-bytecode | %plugin_opt | FileCheck %s
// RUN: %plugin_opt %s --canonicalize | FileCheck %s --check-prefix=FOLD
// RUN: sed 's/layer 0/layer 1/' %s | not %plugin_opt 2>&1 \
// RUN:   | FileCheck %s --check-prefix=VERIFY

// DIALECTS: linattn

// CHECK: linattn.slopes <released> layer 0 of 1 : tensor<2xf32>
// CHECK: linattn.attention
// CHECK-SAME: schedule = #linattn.schedule<chunk = 32, sub_chunk = 16, head_align = 16>
// FOLD: arith.constant dense<[-6.250000e-02, -3.906250e-03]>
// VERIFY: error: 'linattn.slopes' op expects layer from 0 to 0, but got 1
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
