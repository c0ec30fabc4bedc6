// Lowers the functions marked `by = "recurrence"` to loops over tokens and those
// marked `by = "blocks"` to contractions and maps on chunks.
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %recurrence = transform.structured.match attributes {by = "recurrence"} in %root : (!transform.any_op) -> !transform.any_op
    transform.apply_patterns to %recurrence {
      transform.apply_patterns.linattn.to_recurrence
    } : !transform.any_op
    %op = transform.structured.match ops{["linattn.attention"]} in %root : (!transform.any_op) -> !transform.any_op
    transform.linattn.set_schedule %op {chunk = 16, sub_chunk = 8} : !transform.any_op
    %blocks = transform.structured.match attributes {by = "blocks"} in %root : (!transform.any_op) -> !transform.any_op
    transform.apply_patterns to %blocks {
      transform.apply_patterns.linattn.to_blocks
    } : !transform.any_op
    transform.apply_patterns to %blocks {
      transform.apply_patterns.linattn.decompose_blocks
    } : !transform.any_op
    transform.yield
  }
}
