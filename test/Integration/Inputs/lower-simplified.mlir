// Lowers the functions marked `by = "recurrence"` as they are, and those marked
// `by = "simplified"` after canonicalization.
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %simplified = transform.structured.match attributes {by = "simplified"} in %root : (!transform.any_op) -> !transform.any_op
    transform.apply_patterns to %simplified {
      transform.apply_patterns.canonicalization
    } : !transform.any_op
    // What canonicalization is expected to leave: steps, and no broadcast.
    %allSteps = transform.structured.match ops{["linattn.step"]} in %simplified : (!transform.any_op) -> !transform.any_op
    %steps:2 = transform.split_handle %allSteps : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    %broadcasts = transform.structured.match ops{["linalg.broadcast"]} in %simplified : (!transform.any_op) -> !transform.any_op
    transform.split_handle %broadcasts : (!transform.any_op) -> ()

    %functions = transform.structured.match ops{["func.func"]} in %root : (!transform.any_op) -> !transform.any_op
    transform.apply_patterns to %functions {
      transform.apply_patterns.linattn.to_recurrence
    } : !transform.any_op
    transform.yield
  }
}
