// Lowers the functions marked `by = "recurrence"` as they are, and those marked
// `by = "tiles"` after tiling. split_handle fails unless there is one op to tile.
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %tiles = transform.structured.match attributes {by = "tiles"} in %root : (!transform.any_op) -> !transform.any_op

    // Named ops: whole groups, parts of a group, value channels, the batch.
    %groupsAll = transform.structured.match attributes {tile = "groups"} in %tiles : (!transform.any_op) -> !transform.any_op
    %groups = transform.split_handle %groupsAll : (!transform.any_op) -> !transform.any_op
    transform.structured.tile_using_for %groups tile_sizes [1, 4, 3] : (!transform.any_op) -> (!transform.any_op, !transform.any_op, !transform.any_op, !transform.any_op)
    %partAll = transform.structured.match attributes {tile = "part"} in %tiles : (!transform.any_op) -> !transform.any_op
    %part = transform.split_handle %partAll : (!transform.any_op) -> !transform.any_op
    transform.structured.tile_using_forall %part num_threads [2, 4] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    %stateAll = transform.structured.match ops{["linattn.state"]} in %tiles : (!transform.any_op) -> !transform.any_op
    %state = transform.split_handle %stateAll : (!transform.any_op) -> !transform.any_op
    transform.structured.tile_using_forall %state tile_sizes [1, 2] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    %stepAll = transform.structured.match ops{["linattn.step"]} in %tiles : (!transform.any_op) -> !transform.any_op
    %step = transform.split_handle %stepAll : (!transform.any_op) -> !transform.any_op
    transform.structured.tile_using_for %step tile_sizes [0, 1, 2] : (!transform.any_op) -> (!transform.any_op, !transform.any_op, !transform.any_op)

    // Block ops.
    %blocksAll = transform.structured.match attributes {tile = "blocks"} in %tiles : (!transform.any_op) -> !transform.any_op
    %blocks = transform.split_handle %blocksAll : (!transform.any_op) -> !transform.any_op
    transform.linattn.set_schedule %blocks {chunk = 16, sub_chunk = 8, head_align = 8} : !transform.any_op
    transform.apply_patterns to %tiles {
      transform.apply_patterns.linattn.to_blocks
    } : !transform.any_op
    %interAll = transform.structured.match ops{["linattn.inter"]} in %tiles : (!transform.any_op) -> !transform.any_op
    %inter = transform.split_handle %interAll : (!transform.any_op) -> !transform.any_op
    transform.structured.tile_using_for %inter tile_sizes [4] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    %intraAll = transform.structured.match ops{["linattn.intra"]} in %tiles : (!transform.any_op) -> !transform.any_op
    %intra = transform.split_handle %intraAll : (!transform.any_op) -> !transform.any_op
    transform.structured.tile_using_for %intra tile_sizes [2] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    %blockStateAll = transform.structured.match ops{["linattn.block_state"]} in %tiles : (!transform.any_op) -> !transform.any_op
    %blockState = transform.split_handle %blockStateAll : (!transform.any_op) -> !transform.any_op
    transform.structured.tile_using_for %blockState tile_sizes [8, 4] : (!transform.any_op) -> (!transform.any_op, !transform.any_op, !transform.any_op)
    transform.apply_patterns to %tiles {
      transform.apply_patterns.linattn.decompose_blocks
    } : !transform.any_op

    %functions = transform.structured.match ops{["func.func"]} in %root : (!transform.any_op) -> !transform.any_op
    transform.apply_patterns to %functions {
      transform.apply_patterns.linattn.to_recurrence
    } : !transform.any_op
    transform.yield
  }
}
