// A stock mlir-opt runs the passes of the plugin by --pass-pipeline, down to
// the normal form.

// REQUIRES: plugins

// RUN: %plugin_opt %s --pass-pipeline='builtin.module(func.func(linattn-set-schedule{chunk=32 sub-chunk=16}))' \
// RUN:   | FileCheck %s --check-prefix=SCHEDULE
// RUN: %plugin_opt %s --pass-pipeline='builtin.module(func.func(linattn-set-schedule,linattn-to-blocks))' \
// RUN:   | FileCheck %s --check-prefix=BLOCKS
// RUN: %plugin_opt %s --pass-pipeline='builtin.module(func.func(linattn-set-schedule,linattn-to-blocks,linattn-decompose-blocks))' \
// RUN:   | FileCheck %s --check-prefix=NORMAL --implicit-check-not='= linattn.'
// RUN: %plugin_opt %s --pass-pipeline='builtin.module(func.func(linattn-to-recurrence))' \
// RUN:   | FileCheck %s --check-prefix=NORMAL --implicit-check-not='= linattn.'

// SCHEDULE: linattn.attention
// SCHEDULE-SAME: schedule = #linattn.schedule<chunk = 32, sub_chunk = 16, head_align = 16>
// BLOCKS: scf.forall
// BLOCKS-DAG: linattn.inter
// BLOCKS-DAG: linattn.intra
// BLOCKS: linattn.block_state
// NORMAL: func.func @f
// NORMAL: scf.forall
// NORMAL: scf.for
func.func @f(%q: tensor<1x?x2x8xf32>, %g: tensor<2xf32>, %o: tensor<1x?x2x8xf32>)
    -> tensor<1x?x2x8xf32> {
  %0 = linattn.attention
      ins(%q, %q, %q : tensor<1x?x2x8xf32>, tensor<1x?x2x8xf32>, tensor<1x?x2x8xf32>)
      key_decay(%g : tensor<2xf32>) outs(%o : tensor<1x?x2x8xf32>)
      -> tensor<1x?x2x8xf32>
  return %0 : tensor<1x?x2x8xf32>
}
