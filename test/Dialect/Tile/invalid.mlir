// RUN: linattn-opt %s -split-input-file -verify-diagnostics

// expected-error @below {{expects columns to be a multiple of 64, but got 48}}
func.func private @shared_columns(!tile.shared<1, 64, 48, bf16>)

// -----

// expected-error @below {{expects rows to be a multiple of 8, but got 12}}
func.func private @shared_rows(!tile.shared<1, 12, 64, bf16>)

// -----

// expected-error @below {{expects at least one stage, but got 0}}
func.func private @shared_stages(!tile.shared<0, 64, 64, bf16>)

// -----

// expected-error @below {{expects bf16 or f16 elements, but got 'f32'}}
func.func private @shared_element(!tile.shared<1, 64, 64, f32>)

// -----

// expected-error @below {{expects rows to be a multiple of 64, but got 32}}
func.func private @accumulator_rows(!tile.accumulator<32, 64, f32>)

// -----

// expected-error @below {{expects f32 elements, but got 'bf16'}}
func.func private @accumulator_element(!tile.accumulator<64, 64, bf16>)

// -----

// expected-error @below {{expects columns to be a multiple of 16, but got 8}}
func.func private @operand_columns(!tile.operand<64, 8, bf16>)

// -----

// expected-error @below {{expects a rank from 2 to 5, but got 6}}
func.func private @global_rank(!tile.global<6, 64, bf16>)

// -----

// expected-error @below {{expects an alignment of 2, 4, 8 or 16 bytes, but got 6}}
func.func private @global_alignment(!tile.global<2, 64, bf16, align 6>)

// -----

// expected-error @below {{expects at least one arrival, but got 0}}
func.func private @barrier_arrivals(!tile.barrier<1, 0>)

// -----

// A map cannot read an accumulator in flight: its type is not one of its own.
func.func @read_in_flight(%p: !tile.pending<64, 64, f32>) {
  // expected-error @below {{operand #0 must be variadic of An f32 tile in the registers of a warpgroup or A 16-bit left operand in the registers of a warpgroup, but got '!tile.pending<64, 64, f32>'}}
  %0 = tile.map %p : (!tile.pending<64, 64, f32>) -> !tile.accumulator<64, 64, f32> {
  ^bb0(%x: f32, %i: i32, %j: i32):
    tile.yield %x : f32
  }
  return
}

// -----

func.func @contract_depth(%a: !tile.shared<1, 64, 64, bf16>, %b: !tile.shared<1, 64, 128, bf16>) {
  // expected-error @below {{expects one contracted size, but got 64 on the left and 128 on the right}}
  %0 = tile.contract %a, %b : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 128, bf16> -> !tile.pending<64, 64, f32>
  return
}

// -----

// A wrong transpose is a wrong shape.
func.func @contract_transpose(%a: !tile.shared<1, 64, 64, bf16>, %b: !tile.shared<1, 64, 128, bf16>) {
  // expected-error @below {{expects a result of 64 x 128, but got 64 x 64}}
  %0 = tile.contract %a, %b transposed : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 128, bf16> -> !tile.pending<64, 64, f32>
  return
}

// -----

func.func @contract_columns(%a: !tile.shared<1, 64, 64, bf16>, %first: i32) {
  // expected-error @below {{expects a right operand that is not transposed, of which some columns are multiplied}}
  %0 = tile.contract %a, %a transposed columns %first : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 32, f32>
  return
}

// -----

func.func @contract_more_columns(%a: !tile.shared<1, 64, 64, bf16>, %first: i32) {
  // expected-error @below {{expects a result of 64 x 64, but got 64 x 128}}
  %0 = tile.contract %a, %a columns %first : !tile.shared<1, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 128, f32>
  return
}

// -----

func.func @contract_registers(%a: !tile.operand<64, 64, bf16>, %b: !tile.shared<1, 64, 64, bf16>) {
  // expected-error @below {{expects a left operand in shared memory to transpose}}
  %0 = tile.contract %a transposed, %b : !tile.operand<64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
  return
}

// -----

func.func @contract_stages(%a: !tile.shared<2, 64, 64, bf16>, %b: !tile.shared<1, 64, 64, bf16>) {
  // expected-error @below {{expects one tile as left operand, but got 2 stages}}
  %0 = tile.contract %a, %b : !tile.shared<2, 64, 64, bf16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
  return
}

// -----

func.func @contract_elements(%a: !tile.shared<1, 64, 64, f16>, %b: !tile.shared<1, 64, 64, bf16>) {
  // expected-error @below {{expects operands of one element type, but got 'f16' and 'bf16'}}
  %0 = tile.contract %a, %b : !tile.shared<1, 64, 64, f16>, !tile.shared<1, 64, 64, bf16> -> !tile.pending<64, 64, f32>
  return
}

// -----

func.func @wait_shape(%p: !tile.pending<64, 64, f32>) {
  // expected-error @below {{expects the shape of '!tile.pending<64, 64, f32>', but got '!tile.accumulator<64, 32, f32>'}}
  %0 = tile.wait %p : !tile.pending<64, 64, f32> -> !tile.accumulator<64, 32, f32>
  return
}

// -----

func.func @load_coordinates(%g: !tile.global<4, 64, bf16>, %s: !tile.shared<1, 64, 64, bf16>, %b: !tile.barrier<1, 1>, %i: i32) {
  tile.load_group %b[%i] : !tile.barrier<1, 1> {
    // expected-error @below {{expects 4 coordinates, but got 2}}
    tile.load %g[%i, %i] to %s : !tile.global<4, 64, bf16> to !tile.shared<1, 64, 64, bf16>
  }
  return
}

// -----

func.func @load_alone(%g: !tile.global<2, 64, bf16>, %s: !tile.shared<1, 64, 64, bf16>, %i: i32) {
  // expected-error @below {{expects parent op 'tile.load_group'}}
  tile.load %g[%i, %i] to %s : !tile.global<2, 64, bf16> to !tile.shared<1, 64, 64, bf16>
  return
}

// -----

func.func @empty_group(%b: !tile.barrier<1, 1>, %i: i32) {
  // expected-error @below {{expects at least one tile.load in its body}}
  tile.load_group %b[%i] : !tile.barrier<1, 1> {
  }
  return
}

// -----

func.func @group_with_work(%g: !tile.global<2, 64, bf16>, %s: !tile.shared<1, 64, 64, bf16>, %b: !tile.barrier<1, 1>, %i: i32) {
  tile.load_group %b[%i] : !tile.barrier<1, 1> {
    tile.load %g[%i, %i] to %s : !tile.global<2, 64, bf16> to !tile.shared<1, 64, 64, bf16>
    // expected-error @below {{expects to be outside of the load group}}
    tile.fence
  }
  return
}

// -----

func.func @zero_rows_ring(%s: !tile.shared<2, 64, 64, bf16>, %i: i32) {
  // expected-error @below {{expects one tile, but got 2 stages}}
  tile.zero_rows %s from %i : !tile.shared<2, 64, 64, bf16>
  return
}

// -----

// expected-error @below {{expects 'tile.resident_blocks' to be a number from 1 to 8, but got 9 : i64}}
tile.kernel @resident_blocks() warpgroups 2 attributes {tile.resident_blocks = 9 : i64} {
}

// -----

func.func @element_ring(%s: !tile.shared_vector<2, 64>, %i: i32) {
  // expected-error @below {{expects one vector, but got 2 stages}}
  %0 = tile.element %s[%i] : !tile.shared_vector<2, 64>
  return
}

// -----

func.func @store_element_ring(%s: !tile.shared_vector<2, 64>, %i: i32, %x: f32) {
  // expected-error @below {{expects one vector, but got 2 stages}}
  tile.store_element %x to %s[%i] : !tile.shared_vector<2, 64>
  return
}

// -----

// expected-error @below {{expects size to be a multiple of 32, but got 48}}
func.func private @vector_size(!tile.shared_vector<1, 48>)

// -----

func.func @map_of_nothing() {
  // expected-error @below {{expects an input or a result, which give the shape}}
  tile.map : () -> () {
  ^bb0(%i: i32, %j: i32):
  }
  return
}

// -----

func.func @map_yields(%a: !tile.accumulator<64, 64, f32>) {
  // expected-error @below {{expects the body to yield nothing, but it yields an element}}
  tile.map %a : (!tile.accumulator<64, 64, f32>) -> () {
  ^bb0(%x: f32, %i: i32, %j: i32):
    tile.yield %x : f32
  }
  return
}

// -----

func.func @store_rows(%g: !tile.global<2, 64, bf16>, %s: !tile.shared<1, 128, 64, bf16>, %i: i32) {
  // expected-error @below {{expects a tile of 64 rows of 'bf16', but got '!tile.shared<1, 128, 64, bf16>'}}
  tile.store %s to %g[%i, %i] : !tile.shared<1, 128, 64, bf16> to !tile.global<2, 64, bf16>
  return
}

// -----

func.func @load_operand_shape(%s: !tile.shared<1, 64, 128, bf16>) {
  // expected-error @below {{expects an operand of 128 x 64 from '!tile.shared<1, 64, 128, bf16>', but got '!tile.operand<64, 128, bf16>'}}
  %0 = tile.load_operand %s transposed : !tile.shared<1, 64, 128, bf16> -> !tile.operand<64, 128, bf16>
  return
}

// -----

func.func @store_shared_shape(%a: !tile.accumulator<64, 64, f32>, %s: !tile.shared<1, 64, 128, bf16>) {
  // expected-error @below {{expects one tile of 64 x 64, but got '!tile.shared<1, 64, 128, bf16>'}}
  tile.store_shared %a to %s : !tile.accumulator<64, 64, f32> to !tile.shared<1, 64, 128, bf16>
  return
}

// -----

func.func @store_shared_columns(%a: !tile.accumulator<64, 24, f32>, %s: !tile.shared<1, 64, 128, bf16>, %first: i32) {
  // expected-error @below {{expects 16, 32 or 64 columns of a tile, but got 24}}
  tile.store_shared %a to %s columns %first : !tile.accumulator<64, 24, f32> to !tile.shared<1, 64, 128, bf16>
  return
}

// -----

func.func @store_shared_rows(%a: !tile.accumulator<64, 32, f32>, %s: !tile.shared<1, 64, 64, bf16>, %first: i32) {
  // expected-error @below {{expects rows of the accumulator to be rows of the tile, of which it has some columns}}
  tile.store_shared %a to %s transposed columns %first : !tile.accumulator<64, 32, f32> to !tile.shared<1, 64, 64, bf16>
  return
}

// -----

func.func @store_shared_transposed(%a: !tile.accumulator<64, 128, f32>, %s: !tile.shared<1, 64, 128, bf16>) {
  // expected-error @below {{expects one tile of 128 x 64, but got '!tile.shared<1, 64, 128, bf16>'}}
  tile.store_shared %a to %s transposed : !tile.accumulator<64, 128, f32> to !tile.shared<1, 64, 128, bf16>
  return
}

// -----

func.func @columns_outside(%a: !tile.accumulator<64, 128, f32>) {
  // expected-error @below {{expects whole groups of 8 columns of 128, but got columns 96 to 159}}
  %0 = tile.columns %a from 96 : !tile.accumulator<64, 128, f32> -> !tile.accumulator<64, 64, f32>
  return
}

// -----

func.func @columns_part_of_group(%a: !tile.accumulator<64, 128, f32>) {
  // expected-error @below {{expects whole groups of 8 columns of 128, but got columns 4 to 67}}
  %0 = tile.columns %a from 4 : !tile.accumulator<64, 128, f32> -> !tile.accumulator<64, 64, f32>
  return
}

// -----

func.func @columns_rows(%a: !tile.accumulator<128, 128, f32>) {
  // expected-error @below {{expects all 128 rows, but got 64}}
  %0 = tile.columns %a from 64 : !tile.accumulator<128, 128, f32> -> !tile.accumulator<64, 64, f32>
  return
}

// -----

func.func @map_arguments(%a: !tile.accumulator<64, 64, f32>) {
  // expected-error @below {{expects 3 block arguments: an element of each input, the row and the column, but got 1}}
  %0 = tile.map %a : (!tile.accumulator<64, 64, f32>) -> !tile.accumulator<64, 64, f32> {
  ^bb0(%x: f32):
    tile.yield %x : f32
  }
  return
}

// -----

func.func @stage_type(%r: !tile.shared<2, 64, 64, bf16>, %i: i32) {
  // expected-error @below {{expects a result of type '!tile.shared<1, 64, 64, bf16>', but got '!tile.shared<1, 64, 128, bf16>'}}
  %0 = tile.stage %r[%i] : !tile.shared<2, 64, 64, bf16> -> !tile.shared<1, 64, 128, bf16>
  return
}

// -----

tile.kernel @role_range() warpgroups 2 {
  // expected-error @below {{expects warps below 8, but got 4 to 11}}
  tile.role "consumer" first 1 count 2 registers 240 {
  ^bb0(%group: i32):
  }
}

// -----

tile.kernel @role_registers() warpgroups 2 {
  // expected-error @below {{expects 24 to 256 registers, in steps of 8, but got 100}}
  tile.role "consumer" first 0 count 2 registers 100 {
  ^bb0(%group: i32):
  }
}

// -----

tile.kernel @roles_overlap() warpgroups 2 {
  tile.role "consumer" first 0 count 2 registers 240 {
  ^bb0(%group: i32):
  }
  // expected-error @below {{expects warps that have no role, but warp 4 has the role "consumer"}}
  tile.role "loads" warp 4 count 1 registers 24 {
  ^bb0(%warp: i32):
  }
}

// -----

tile.kernel @roles_disagree() warpgroups 2 {
  tile.role "vectors" warp 5 count 1 registers 40 {
  ^bb0(%warp: i32):
  }
  // expected-error @below {{expects 40 registers, as role "vectors" of the same warpgroup, but got 24}}
  tile.role "loads" warp 4 count 1 registers 24 {
  ^bb0(%warp: i32):
  }
}

// -----

tile.kernel @role_of_two_warpgroups() warpgroups 2 {
  // expected-error @below {{expects warps of one warpgroup, but got 3 to 4}}
  tile.role "loads" warp 3 count 2 registers 24 {
  ^bb0(%warp: i32):
  }
}

// -----

// expected-error @below {{expects 1 to 8 warpgroups, but got 9}}
tile.kernel @warpgroups() warpgroups 9 {
}

// -----

// expected-error @below {{expects size to be a multiple of 32, but got 16}}
func.func private @warp_vector_size(!tile.vector<16>)

// -----

func.func @vector_load_element(%p: !llvm.ptr<1>, %i: i64, %n: i32, %x: f32) {
  // expected-error @below {{expects f32, bf16 or f16 elements, but got 'f64'}}
  %v = tile.vector_load %p[%i] stride %i valid %n pad %x as f64 : !llvm.ptr<1> -> !tile.vector<64>
  return
}

// -----

func.func @vector_map_arguments(%v: !tile.vector<64>) {
  // expected-error @below {{expects 2 block arguments: an element of each input and its number, but got 1}}
  %0 = tile.vector_map %v : (!tile.vector<64>) -> !tile.vector<64> {
  ^bb0(%x: f32):
    tile.yield %x : f32
  }
  return
}

// -----

func.func @vector_store_size(%v: !tile.vector<64>, %s: !tile.shared_vector<1, 32>) {
  // expected-error @below {{expects one vector of 64 elements, but got '!tile.shared_vector<1, 32>'}}
  tile.vector_store %v to %s : !tile.vector<64> to !tile.shared_vector<1, 32>
  return
}
