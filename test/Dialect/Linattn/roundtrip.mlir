// RUN: linattn-opt %s | FileCheck %s
// RUN: linattn-opt %s --mlir-print-op-generic | linattn-opt | FileCheck %s
// RUN: linattn-opt %s --emit-bytecode | linattn-opt | FileCheck %s

// CHECK-LABEL: func @attention_const
// CHECK: linattn.attention ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<2x?x4x64xbf16>, tensor<2x?x2x64xbf16>, tensor<2x?x1x32xbf16>)
// CHECK-SAME: key_decay(%{{.*}} : tensor<4xf32>)
// CHECK-SAME: initial_state(%{{.*}} : tensor<2x4x64x32xf32>)
// CHECK-SAME: outs(%{{.*}}, %{{.*}} : tensor<2x?x4x32xf32>, tensor<2x4x64x32xf32>)
// CHECK-SAME: {scale = 1.250000e-01 : f32}
// CHECK-SAME: -> tensor<2x?x4x32xf32>, tensor<2x4x64x32xf32>
func.func @attention_const(%q: tensor<2x?x4x64xbf16>, %k: tensor<2x?x2x64xbf16>,
                           %v: tensor<2x?x1x32xbf16>, %g: tensor<4xf32>,
                           %s0: tensor<2x4x64x32xf32>, %oi: tensor<2x?x4x32xf32>,
                           %si: tensor<2x4x64x32xf32>)
    -> (tensor<2x?x4x32xf32>, tensor<2x4x64x32xf32>) {
  %o, %s = linattn.attention
      ins(%q, %k, %v : tensor<2x?x4x64xbf16>, tensor<2x?x2x64xbf16>, tensor<2x?x1x32xbf16>)
      key_decay(%g : tensor<4xf32>) initial_state(%s0 : tensor<2x4x64x32xf32>)
      outs(%oi, %si : tensor<2x?x4x32xf32>, tensor<2x4x64x32xf32>)
      {scale = 0.125 : f32} -> tensor<2x?x4x32xf32>, tensor<2x4x64x32xf32>
  return %o, %s : tensor<2x?x4x32xf32>, tensor<2x4x64x32xf32>
}

// CHECK-LABEL: func @attention_sep
// CHECK: linattn.attention
// CHECK-SAME: key_decay(%{{.*}} : tensor<1x4x?x64xbf16>)
// CHECK-SAME: value_decay(%{{.*}} : tensor<1x4x?xf32>)
// CHECK-SAME: offsets(%{{.*}} : tensor<?xi32>)
// CHECK-SAME: direction = #linattn.direction<reverse>
// CHECK-SAME: layout = #linattn.layout<bhnd>
// CHECK-SAME: schedule = #linattn.schedule<chunk = 64, sub_chunk = 16, head_align = 16>
// CHECK-SAME: state_layout = #linattn.state_layout<vk>
// CHECK-SAME: update_scale = 5.000000e-01 : f32
func.func @attention_sep(%q: tensor<1x4x?x64xf32>, %k: tensor<1x4x?x64xf32>,
                         %v: tensor<1x4x?x32xf32>, %g: tensor<1x4x?x64xbf16>,
                         %h: tensor<1x4x?xf32>, %offsets: tensor<?xi32>,
                         %oi: tensor<1x4x?x32xf32>, %si: tensor<?x4x32x64xf32>)
    -> (tensor<1x4x?x32xf32>, tensor<?x4x32x64xf32>) {
  %o, %s = linattn.attention
      ins(%q, %k, %v : tensor<1x4x?x64xf32>, tensor<1x4x?x64xf32>, tensor<1x4x?x32xf32>)
      key_decay(%g : tensor<1x4x?x64xbf16>) value_decay(%h : tensor<1x4x?xf32>)
      offsets(%offsets : tensor<?xi32>)
      outs(%oi, %si : tensor<1x4x?x32xf32>, tensor<?x4x32x64xf32>)
      {direction = #linattn.direction<reverse>, layout = #linattn.layout<bhnd>,
       schedule = #linattn.schedule<chunk = 64, sub_chunk = 16, head_align = 16>,
       state_layout = #linattn.state_layout<vk>, update_scale = 0.5 : f32}
      -> tensor<1x4x?x32xf32>, tensor<?x4x32x64xf32>
  return %o, %s : tensor<1x4x?x32xf32>, tensor<?x4x32x64xf32>
}

// CHECK-LABEL: func @attention_memref
// CHECK: linattn.attention ins(%{{.*}} : memref<2x?x4x64xf16>, memref<2x?x4x64xf16>, memref<2x?x4x64xf16>)
// CHECK-SAME: outs(%{{.*}} : memref<2x?x4x64xf16>){{$}}
func.func @attention_memref(%q: memref<2x?x4x64xf16>, %k: memref<2x?x4x64xf16>,
                            %v: memref<2x?x4x64xf16>, %o: memref<2x?x4x64xf16>) {
  linattn.attention
      ins(%q, %k, %v : memref<2x?x4x64xf16>, memref<2x?x4x64xf16>, memref<2x?x4x64xf16>)
      outs(%o : memref<2x?x4x64xf16>)
  return
}

// CHECK-LABEL: func @state
// CHECK: %{{.*}}:2 = linattn.state ins(%{{.*}}, %{{.*}} : tensor<2x?x4x64xf32>, tensor<2x?x4x64xf32>)
// CHECK-SAME: key_decay(%{{.*}} : tensor<2x?x4xf32>)
// CHECK-SAME: outs(%{{.*}}, %{{.*}} : tensor<2x4x64x64xf32>, tensor<2x4xf32>)
func.func @state(%k: tensor<2x?x4x64xf32>, %v: tensor<2x?x4x64xf32>,
                 %g: tensor<2x?x4xf32>, %si: tensor<2x4x64x64xf32>,
                 %gi: tensor<2x4xf32>)
    -> (tensor<2x4x64x64xf32>, tensor<2x4xf32>) {
  %s, %total = linattn.state
      ins(%k, %v : tensor<2x?x4x64xf32>, tensor<2x?x4x64xf32>)
      key_decay(%g : tensor<2x?x4xf32>)
      outs(%si, %gi : tensor<2x4x64x64xf32>, tensor<2x4xf32>)
      -> tensor<2x4x64x64xf32>, tensor<2x4xf32>
  return %s, %total : tensor<2x4x64x64xf32>, tensor<2x4xf32>
}

// CHECK-LABEL: func @step
// CHECK: linattn.step ins(%{{.*}} : tensor<8x4x64xbf16>, tensor<8x4x64xbf16>, tensor<8x4x64xbf16>)
// CHECK-SAME: key_decay(%{{.*}} : tensor<8x4xf32>)
// CHECK-SAME: {key_decay_class = "scalar"}
func.func @step(%q: tensor<8x4x64xbf16>, %k: tensor<8x4x64xbf16>,
                %v: tensor<8x4x64xbf16>, %g: tensor<8x4xf32>,
                %oi: tensor<8x4x64xbf16>, %s0: tensor<8x4x64x64xf32>)
    -> (tensor<8x4x64xbf16>, tensor<8x4x64x64xf32>) {
  %o, %s = linattn.step
      ins(%q, %k, %v : tensor<8x4x64xbf16>, tensor<8x4x64xbf16>, tensor<8x4x64xbf16>)
      key_decay(%g : tensor<8x4xf32>)
      outs(%oi, %s0 : tensor<8x4x64xbf16>, tensor<8x4x64x64xf32>)
      {key_decay_class = "scalar"}
      -> tensor<8x4x64xbf16>, tensor<8x4x64x64xf32>
  return %o, %s : tensor<8x4x64xbf16>, tensor<8x4x64x64xf32>
}

// CHECK-LABEL: func @slopes
// CHECK: linattn.slopes <released> layer 3 of 24 : tensor<8xf32>
func.func @slopes() -> tensor<8xf32> {
  %g = linattn.slopes <released> layer 3 of 24 : tensor<8xf32>
  return %g : tensor<8xf32>
}

// CHECK-LABEL: func @blocks
// CHECK: linattn.inter ins(%{{.*}}, %{{.*}} : tensor<64x32xbf16>, tensor<32x16xf32>) key_decay(%{{.*}} : tensor<64xf32>) valid(%{{.*}}) outs(%{{.*}} : tensor<64x16xf32>) -> tensor<64x16xf32>
// CHECK: linattn.intra ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<64x32xbf16>, tensor<64x32xbf16>, tensor<64x16xbf16>) key_decay(%{{.*}} : tensor<64xf32>) valid(%{{.*}}) outs(%{{.*}} : tensor<64x16xf32>) {sub_chunk = 16 : i64} -> tensor<64x16xf32>
// CHECK: linattn.block_state ins(%{{.*}}, %{{.*}} : tensor<64x32xbf16>, tensor<64x16xbf16>) key_decay(%{{.*}} : tensor<64xf32>) valid(%{{.*}}) outs(%{{.*}} : tensor<32x16xf32>) -> tensor<32x16xf32>
func.func @blocks(%q: tensor<64x32xbf16>, %k: tensor<64x32xbf16>,
                  %v: tensor<64x16xbf16>, %g: tensor<64xf32>,
                  %s: tensor<32x16xf32>, %o: tensor<64x16xf32>, %valid: index)
    -> (tensor<64x16xf32>, tensor<32x16xf32>) {
  %o1 = linattn.inter ins(%q, %s : tensor<64x32xbf16>, tensor<32x16xf32>)
      key_decay(%g : tensor<64xf32>) valid(%valid)
      outs(%o : tensor<64x16xf32>) -> tensor<64x16xf32>
  %o2 = linattn.intra
      ins(%q, %k, %v : tensor<64x32xbf16>, tensor<64x32xbf16>, tensor<64x16xbf16>)
      key_decay(%g : tensor<64xf32>) valid(%valid)
      outs(%o1 : tensor<64x16xf32>) {sub_chunk = 16 : i64} -> tensor<64x16xf32>
  %s1 = linattn.block_state
      ins(%k, %v : tensor<64x32xbf16>, tensor<64x16xbf16>)
      key_decay(%g : tensor<64xf32>) valid(%valid)
      outs(%s : tensor<32x16xf32>) -> tensor<32x16xf32>
  return %o2, %s1 : tensor<64x16xf32>, tensor<32x16xf32>
}
