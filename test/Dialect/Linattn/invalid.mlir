// RUN: linattn-opt %s --split-input-file --verify-diagnostics

// One test or more for every numbered constraint of docs/Spec.md, named after
// it.

//===----------------------------------------------------------------------===//
// linattn_c1: the number of output operands
//===----------------------------------------------------------------------===//

func.func @linattn_c1_attention(%q: tensor<2x?x4x8xf32>, %s: tensor<2x4x8x8xf32>) {
  // expected-error @below {{'linattn.attention' op expects 1 to 2 output operands, but got 3}}
  %r:3 = linattn.attention
      ins(%q, %q, %q : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      outs(%q, %s, %s : tensor<2x?x4x8xf32>, tensor<2x4x8x8xf32>, tensor<2x4x8x8xf32>)
      -> tensor<2x?x4x8xf32>, tensor<2x4x8x8xf32>, tensor<2x4x8x8xf32>
  return
}

// -----

func.func @linattn_c1_state_without_total(%k: tensor<2x?x4x8xf32>, %g: tensor<4xf32>, %s: tensor<2x4x8x8xf32>) {
  // expected-error @below {{'linattn.state' op expects 2 output operands, but got 1}}
  %r = linattn.state ins(%k, %k : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      key_decay(%g : tensor<4xf32>)
      outs(%s : tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  return
}

// -----

func.func @linattn_c1_step_without_state(%q: tensor<2x4x8xf32>) {
  // expected-error @below {{'linattn.step' op expects 2 output operands, but got 1}}
  %r = linattn.step ins(%q, %q, %q : tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>)
      outs(%q : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

func.func @linattn_c1_block(%t: tensor<16x8xf32>, %n: index) {
  // expected-error @below {{'linattn.intra' op expects 1 output operands, but got 2}}
  %r:2 = linattn.intra ins(%t, %t, %t : tensor<16x8xf32>, tensor<16x8xf32>, tensor<16x8xf32>) valid(%n)
      outs(%t, %t : tensor<16x8xf32>, tensor<16x8xf32>) -> tensor<16x8xf32>, tensor<16x8xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// linattn_c2: all tensors or all memrefs
//===----------------------------------------------------------------------===//

func.func @linattn_c2_mixed(%q: tensor<2x?x4x8xf32>, %o: memref<2x?x4x8xf32>) {
  // expected-error @below {{expects all shaped operands to be tensors or all to be memrefs, but got 3 tensors and 1 memrefs}}
  linattn.attention
      ins(%q, %q, %q : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      outs(%o : memref<2x?x4x8xf32>)
  return
}

// -----

//===----------------------------------------------------------------------===//
// linattn_c3: results
//===----------------------------------------------------------------------===//

func.func @linattn_c3_no_result(%q: tensor<2x?x4x8xf32>) {
  // expected-error @below {{expects 1 results, but got 0}}
  linattn.attention
      ins(%q, %q, %q : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      outs(%q : tensor<2x?x4x8xf32>)
  return
}

// -----

func.func @linattn_c3_memref_with_result(%q: memref<2x?x4x8xf32>) {
  // expected-error @below {{expects 0 results, but got 1}}
  %r = linattn.attention
      ins(%q, %q, %q : memref<2x?x4x8xf32>, memref<2x?x4x8xf32>, memref<2x?x4x8xf32>)
      outs(%q : memref<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return
}

// -----

func.func @linattn_c3_type(%q: tensor<2x?x4x8xf32>) {
  // expected-error @below {{expects result 0 to have the type of its output operand, 'tensor<2x?x4x8xf32>', but got 'tensor<2x16x4x8xf32>'}}
  %r = linattn.attention
      ins(%q, %q, %q : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      outs(%q : tensor<2x?x4x8xf32>) -> tensor<2x16x4x8xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// linattn_c4: decays have the shape of a decay class
//===----------------------------------------------------------------------===//

func.func @linattn_c4_rank(%q: tensor<2x?x4x8xf32>, %g: tensor<2x?x4x8x1xf32>) {
  // expected-error @below {{expects `key_decay` to have the shape of a decay class, but got 'tensor<2x?x4x8x1xf32>'}}
  // expected-note @below {{the classes are const [head], scalar [batch, token, head], vector [batch, token, head, key channel]}}
  %r = linattn.attention
      ins(%q, %q, %q : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      key_decay(%g : tensor<2x?x4x8x1xf32>)
      outs(%q : tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return
}

// -----

func.func @linattn_c4_unknown_name(%q: tensor<2x4x8xf32>, %s: tensor<2x4x8x8xf32>, %g: tensor<2x4xf32>) {
  // expected-error @below {{expects `value_decay` of class 'fading' to have the shape of a decay class, but got 'tensor<2x4xf32>'}}
  // expected-note @below {{the classes are const [head], scalar [batch, head], vector [batch, head, value channel]}}
  %r:2 = linattn.step ins(%q, %q, %q : tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>)
      value_decay(%g : tensor<2x4xf32>)
      outs(%q, %s : tensor<2x4x8xf32>, tensor<2x4x8x8xf32>) {value_decay_class = "fading"} -> tensor<2x4x8xf32>, tensor<2x4x8x8xf32>
  return
}

// -----

func.func @linattn_c4_name_of_another_rank(%t: tensor<16x8xf32>, %s: tensor<8x8xf32>, %g: tensor<16xf32>, %n: index) {
  // expected-error @below {{expects `key_decay` of class 'vector' to have the shape of a decay class, but got 'tensor<16xf32>'}}
  // expected-note @below {{the classes are const [], scalar [token], vector [token, key channel]}}
  %r = linattn.inter ins(%t, %s : tensor<16x8xf32>, tensor<8x8xf32>)
      key_decay(%g : tensor<16xf32>) valid(%n)
      outs(%t : tensor<16x8xf32>) {key_decay_class = "vector"} -> tensor<16x8xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// linattn_c5: ranks
//===----------------------------------------------------------------------===//

func.func @linattn_c5_query(%q: tensor<2x?x4x8xf32>, %x: tensor<?x4x8xf32>) {
  // expected-error @below {{expects `query` to have shape [batch, token, query head, key channel], but got 'tensor<?x4x8xf32>'}}
  %r = linattn.attention
      ins(%x, %q, %q : tensor<?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      outs(%q : tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return
}

// -----

func.func @linattn_c5_layout(%q: tensor<2x4x?x8xf32>, %s: tensor<4x8x8xf32>) {
  // expected-error @below {{expects `initial_state` to have shape [sequence, head, value channel, key channel], but got 'tensor<4x8x8xf32>'}}
  %r = linattn.attention
      ins(%q, %q, %q : tensor<2x4x?x8xf32>, tensor<2x4x?x8xf32>, tensor<2x4x?x8xf32>)
      initial_state(%s : tensor<4x8x8xf32>)
      outs(%q : tensor<2x4x?x8xf32>)
      {layout = #linattn.layout<bhnd>, state_layout = #linattn.state_layout<vk>} -> tensor<2x4x?x8xf32>
  return
}

// -----

func.func @linattn_c5_total(%k: tensor<2x?x4x8xf32>, %g: tensor<2x?x4x8xf32>, %s: tensor<2x4x8x8xf32>, %t: tensor<2x4xf32>) {
  // expected-error @below {{expects `total key_decay` to have shape [sequence, head, key channel], but got 'tensor<2x4xf32>'}}
  %r:2 = linattn.state ins(%k, %k : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      key_decay(%g : tensor<2x?x4x8xf32>)
      outs(%s, %t : tensor<2x4x8x8xf32>, tensor<2x4xf32>) -> tensor<2x4x8x8xf32>, tensor<2x4xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// linattn_c6: dimensions with one role have one size
//===----------------------------------------------------------------------===//

func.func @linattn_c6_key_channels(%q: tensor<2x?x4x8xf32>, %k: tensor<2x?x4x16xf32>) {
  // expected-error @below {{expects dimension 3 (key channel) of `key` to be 8, as dimension 3 of `query`, but got 16}}
  %r = linattn.attention
      ins(%q, %k, %q : tensor<2x?x4x8xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x8xf32>)
      outs(%q : tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return
}

// -----

// Without offsets a sequence is an entry of the batch.
func.func @linattn_c6_sequences(%q: tensor<2x?x4x8xf32>, %s: tensor<3x4x8x8xf32>) {
  // expected-error @below {{expects dimension 0 (batch) of `initial_state` to be 2, as dimension 0 of `query`, but got 3}}
  %r = linattn.attention
      ins(%q, %q, %q : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      initial_state(%s : tensor<3x4x8x8xf32>)
      outs(%q : tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return
}

// -----

// The token dimension of a decay is that of the layout.
func.func @linattn_c6_decay_layout(%q: tensor<2x4x16x8xf32>, %g: tensor<2x16x4xf32>) {
  // expected-error @below {{expects dimension 2 (token) of `key_decay` to be 16, as dimension 2 of `query`, but got 4}}
  %r = linattn.attention
      ins(%q, %q, %q : tensor<2x4x16x8xf32>, tensor<2x4x16x8xf32>, tensor<2x4x16x8xf32>)
      key_decay(%g : tensor<2x16x4xf32>)
      outs(%q : tensor<2x4x16x8xf32>) {layout = #linattn.layout<bhnd>} -> tensor<2x4x16x8xf32>
  return
}

// -----

// The state of the other state layout has the other shape.
func.func @linattn_c6_state_layout(%q: tensor<2x4x8xf32>, %v: tensor<2x4x16xf32>, %s: tensor<2x4x8x16xf32>) {
  // expected-error @below {{expects dimension 2 (value channel) of `state` to be 16, as dimension 2 of `value`, but got 8}}
  %r:2 = linattn.step ins(%q, %q, %v : tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x16xf32>)
      outs(%v, %s : tensor<2x4x16xf32>, tensor<2x4x8x16xf32>) {state_layout = #linattn.state_layout<vk>} -> tensor<2x4x16xf32>, tensor<2x4x8x16xf32>
  return
}

// -----

func.func @linattn_c6_block(%t: tensor<16x8xf32>, %s: tensor<8x8xf32>, %g: tensor<32xf32>, %n: index) {
  // expected-error @below {{expects dimension 0 (token) of `key_decay` to be 16, as dimension 0 of `key`, but got 32}}
  %r = linattn.block_state ins(%t, %t : tensor<16x8xf32>, tensor<16x8xf32>)
      key_decay(%g : tensor<32xf32>) valid(%n)
      outs(%s : tensor<8x8xf32>) -> tensor<8x8xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// linattn_c7: head counts divide the number of heads
//===----------------------------------------------------------------------===//

func.func @linattn_c7_query_heads(%q: tensor<2x?x3x8xf32>, %v: tensor<2x?x4x8xf32>) {
  // expected-error @below {{expects the number of query heads to divide the number of heads, 4, but got 3}}
  %r = linattn.attention
      ins(%q, %v, %v : tensor<2x?x3x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      outs(%v : tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return
}

// -----

func.func @linattn_c7_more_key_heads(%k: tensor<2x8x8xf32>, %v: tensor<2x4x8xf32>, %s: tensor<2x4x8x8xf32>) {
  // expected-error @below {{expects the number of key heads to divide the number of heads, 4, but got 8}}
  %r:2 = linattn.step ins(%v, %k, %v : tensor<2x4x8xf32>, tensor<2x8x8xf32>, tensor<2x4x8xf32>)
      outs(%v, %s : tensor<2x4x8xf32>, tensor<2x4x8x8xf32>) -> tensor<2x4x8xf32>, tensor<2x4x8x8xf32>
  return
}

// -----

func.func @linattn_c7_no_value_heads(%k: tensor<2x?x4x8xf32>, %v: tensor<2x?x0x8xf32>, %s: tensor<2x4x8x8xf32>) {
  // expected-error @below {{expects the number of value heads to divide the number of heads, 4, but got 0}}
  %r = linattn.state ins(%k, %v : tensor<2x?x4x8xf32>, tensor<2x?x0x8xf32>)
      outs(%s : tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// linattn_c8: offsets
//===----------------------------------------------------------------------===//

func.func @linattn_c8_batch(%q: tensor<2x?x4x8xf32>, %offsets: tensor<3xi32>) {
  // expected-error @below {{expects a batch of 1 with `offsets`, but got 2}}
  %r = linattn.attention
      ins(%q, %q, %q : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>)
      offsets(%offsets : tensor<3xi32>)
      outs(%q : tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return
}

// -----

func.func @linattn_c8_no_boundary(%q: tensor<1x?x4x8xf32>, %offsets: tensor<0xi64>) {
  // expected-error @below {{expects `offsets` to have at least one boundary, but got 0}}
  %r = linattn.attention
      ins(%q, %q, %q : tensor<1x?x4x8xf32>, tensor<1x?x4x8xf32>, tensor<1x?x4x8xf32>)
      offsets(%offsets : tensor<0xi64>)
      outs(%q : tensor<1x?x4x8xf32>) -> tensor<1x?x4x8xf32>
  return
}

// -----

func.func @linattn_c8_sequences(%k: tensor<1x?x4x8xf32>, %offsets: tensor<3xi64>, %s: tensor<3x4x8x8xf32>) {
  // expected-error @below {{expects `offsets` to have 4 boundaries for 3 sequences, but got 3}}
  %r = linattn.state ins(%k, %k : tensor<1x?x4x8xf32>, tensor<1x?x4x8xf32>)
      offsets(%offsets : tensor<3xi64>)
      outs(%s : tensor<3x4x8x8xf32>) -> tensor<3x4x8x8xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// linattn_c9: states are f32
//===----------------------------------------------------------------------===//

func.func @linattn_c9_final_state(%q: tensor<2x?x4x8xbf16>, %s: tensor<2x4x8x8xbf16>) {
  // expected-error @below {{expects `final_state` to have f32 elements, but got 'tensor<2x4x8x8xbf16>'}}
  %r:2 = linattn.attention
      ins(%q, %q, %q : tensor<2x?x4x8xbf16>, tensor<2x?x4x8xbf16>, tensor<2x?x4x8xbf16>)
      outs(%q, %s : tensor<2x?x4x8xbf16>, tensor<2x4x8x8xbf16>)
      -> tensor<2x?x4x8xbf16>, tensor<2x4x8x8xbf16>
  return
}

// -----

func.func @linattn_c9_step(%q: memref<2x4x8xf16>, %s: memref<2x4x8x8xf16>) {
  // expected-error @below {{expects `state` to have f32 elements, but got 'memref<2x4x8x8xf16>'}}
  linattn.step ins(%q, %q, %q : memref<2x4x8xf16>, memref<2x4x8xf16>, memref<2x4x8xf16>)
      outs(%q, %s : memref<2x4x8xf16>, memref<2x4x8x8xf16>)
  return
}

// -----

//===----------------------------------------------------------------------===//
// linattn_c10: element types
//===----------------------------------------------------------------------===//

func.func @linattn_c10_query(%q: tensor<2x?x4x8xf64>) {
  // expected-error @below {{operand #0 must be ranked tensor of 16-bit float or bfloat16 type or 32-bit float values or memref of 16-bit float or bfloat16 type or 32-bit float values, but got 'tensor<2x?x4x8xf64>'}}
  %r = linattn.attention
      ins(%q, %q, %q : tensor<2x?x4x8xf64>, tensor<2x?x4x8xf64>, tensor<2x?x4x8xf64>)
      outs(%q : tensor<2x?x4x8xf64>) -> tensor<2x?x4x8xf64>
  return
}

// -----

func.func @linattn_c10_decay(%q: tensor<2x?x4x8xf16>, %g: tensor<4xf16>) {
  // expected-error @below {{operand #3 must be ranked tensor of bfloat16 type or 32-bit float values or memref of bfloat16 type or 32-bit float values, but got 'tensor<4xf16>'}}
  %r = linattn.attention
      ins(%q, %q, %q : tensor<2x?x4x8xf16>, tensor<2x?x4x8xf16>, tensor<2x?x4x8xf16>)
      key_decay(%g : tensor<4xf16>)
      outs(%q : tensor<2x?x4x8xf16>) -> tensor<2x?x4x8xf16>
  return
}

// -----

func.func @linattn_c10_offsets(%q: tensor<1x?x4x8xf16>, %offsets: tensor<3xindex>) {
  // expected-error @below {{operand #3 must be ranked tensor of 32-bit signless integer or 64-bit signless integer values or memref of 32-bit signless integer or 64-bit signless integer values, but got 'tensor<3xindex>'}}
  %r = linattn.attention
      ins(%q, %q, %q : tensor<1x?x4x8xf16>, tensor<1x?x4x8xf16>, tensor<1x?x4x8xf16>)
      offsets(%offsets : tensor<3xindex>)
      outs(%q : tensor<1x?x4x8xf16>) -> tensor<1x?x4x8xf16>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Block ops
//===----------------------------------------------------------------------===//

func.func @block_c1_query(%t: tensor<?x8xf32>, %s: tensor<8x8xf32>, %n: index) {
  // expected-error @below {{expects `query` to have a static shape, but got 'tensor<?x8xf32>'}}
  %r = linattn.inter ins(%t, %s : tensor<?x8xf32>, tensor<8x8xf32>) valid(%n)
      outs(%t : tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @block_c2_no_token(%t: tensor<0x8xf32>, %s: tensor<8x8xf32>, %n: index) {
  // expected-error @below {{expects `key` to have at least one token, but got 'tensor<0x8xf32>'}}
  %r = linattn.block_state ins(%t, %t : tensor<0x8xf32>, tensor<0x8xf32>) valid(%n)
      outs(%s : tensor<8x8xf32>) -> tensor<8x8xf32>
  return
}

// -----

func.func @intra_c1_sub_chunk(%t: tensor<16x8xf32>, %n: index) {
  // expected-error @below {{expects sub_chunk to divide the 16 tokens of the chunk, but got 5}}
  %r = linattn.intra ins(%t, %t, %t : tensor<16x8xf32>, tensor<16x8xf32>, tensor<16x8xf32>) valid(%n)
      outs(%t : tensor<16x8xf32>) {sub_chunk = 5 : i64} -> tensor<16x8xf32>
  return
}

// -----

func.func @intra_c1_zero(%t: tensor<16x8xf32>, %n: index) {
  // expected-error @below {{expects sub_chunk to divide the 16 tokens of the chunk, but got 0}}
  %r = linattn.intra ins(%t, %t, %t : tensor<16x8xf32>, tensor<16x8xf32>, tensor<16x8xf32>) valid(%n)
      outs(%t : tensor<16x8xf32>) {sub_chunk = 0 : i64} -> tensor<16x8xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// linattn.slopes
//===----------------------------------------------------------------------===//

func.func @slopes_c1_rank() {
  // expected-error @below {{expects a result of shape [H] with 1 to 65536 heads, but got 'tensor<2x4xf32>'}}
  %g = linattn.slopes <paper> layer 0 of 2 : tensor<2x4xf32>
  return
}

// -----

func.func @slopes_c1_no_head() {
  // expected-error @below {{expects a result of shape [H] with 1 to 65536 heads, but got 'tensor<0xf32>'}}
  %g = linattn.slopes <released> layer 0 of 2 : tensor<0xf32>
  return
}

// -----

func.func @slopes_c1_heads() {
  // expected-error @below {{expects a result of shape [H] with 1 to 65536 heads, but got 'tensor<100000000xf32>'}}
  %g = linattn.slopes <released> layer 0 of 2 : tensor<100000000xf32>
  return
}

// -----

func.func @slopes_c2_no_layer() {
  // expected-error @below {{expects at least one layer, but got 0}}
  %g = linattn.slopes <xmixers> layer 0 of 0 : tensor<4xf32>
  return
}

// -----

func.func @slopes_c3_last_layer() {
  // expected-error @below {{expects layer from 0 to 23, but got 24}}
  %g = linattn.slopes <released> layer 24 of 24 : tensor<4xf32>
  return
}

// -----

func.func @slopes_c3_negative() {
  // expected-error @below {{expects layer from 0 to 23, but got -1}}
  %g = linattn.slopes <released> layer -1 of 24 : tensor<4xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// #linattn.schedule
//===----------------------------------------------------------------------===//

// expected-error @below {{expects sub_chunk to cut chunk = 256 into at most 16 row blocks, but 8 makes 32 of them; use a larger sub_chunk or a smaller chunk}}
func.func private @schedule_c4_blocks() attributes {schedule = #linattn.schedule<chunk = 256, sub_chunk = 8, head_align = 16>}

// -----

// expected-error @below {{expects chunk from 1 to 1024 tokens, but got 0}}
func.func private @schedule_c1_zero() attributes {schedule = #linattn.schedule<chunk = 0, sub_chunk = 1, head_align = 16>}

// -----

// expected-error @below {{expects chunk from 1 to 1024 tokens, but got 2048}}
func.func private @schedule_c1_large() attributes {schedule = #linattn.schedule<chunk = 2048, sub_chunk = 16, head_align = 16>}

// -----

// expected-error @below {{expects sub_chunk to divide chunk = 64, but got 24}}
func.func private @schedule_c2_divides() attributes {schedule = #linattn.schedule<chunk = 64, sub_chunk = 24, head_align = 16>}

// -----

// expected-error @below {{expects sub_chunk to divide chunk = 64, but got -16}}
func.func private @schedule_c2_negative() attributes {schedule = #linattn.schedule<chunk = 64, sub_chunk = -16, head_align = 16>}

// -----

// expected-error @below {{expects head_align from 1 to 256 channels, but got 0}}
func.func private @schedule_c3_zero() attributes {schedule = #linattn.schedule<chunk = 64, sub_chunk = 16, head_align = 0>}
