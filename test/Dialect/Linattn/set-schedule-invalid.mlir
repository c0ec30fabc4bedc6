// RUN: linattn-opt %s --linattn-set-schedule="chunk=64 sub-chunk=48" -verify-diagnostics

func.func @option(%q: tensor<1x?x2x64xf32>, %o: tensor<1x?x2x64xf32>) -> tensor<1x?x2x64xf32> {
  // expected-error @below {{cannot be given a schedule: expects sub_chunk to divide chunk = 64, but got 48}}
  %r = linattn.attention ins(%q, %q, %q : tensor<1x?x2x64xf32>, tensor<1x?x2x64xf32>, tensor<1x?x2x64xf32>)
      outs(%o : tensor<1x?x2x64xf32>) -> tensor<1x?x2x64xf32>
  return %r : tensor<1x?x2x64xf32>
}
