// RUN: linattn-opt %s -split-input-file -verify-diagnostics

func.func @no_kernel(%n: index) {
  // expected-error @below {{expects a kernel, but there is no symbol 'k'}}
  tile.launch @k blocks(%n)
  return
}

// -----

func.func private @k()
func.func @not_a_kernel(%n: index) {
  // expected-error @below {{expects a tile.kernel, but 'k' is a 'func.func'}}
  tile.launch @k blocks(%n)
  return
}

// -----

tile.kernel @k(%n: i32) warpgroups 1 {
}
func.func @too_few_operands(%n: index) {
  // expected-error @below {{expects operands for all 1 arguments of 'k', but they fill 0}}
  tile.launch @k blocks(%n)
  return
}

// -----

tile.kernel @k(%n: i32) warpgroups 1 {
}
func.func @too_many_operands(%n: index) {
  // expected-error @below {{expects an argument of 'k' for operand 1 of type 'index', but the kernel has 1 arguments and all are taken}}
  tile.launch @k blocks(%n) ins(%n, %n : index, index)
  return
}

// -----

tile.kernel @k(%x: !tile.global<3, 64, bf16>) warpgroups 1 {
}
func.func @rank(%n: index, %x: tensor<?x64xbf16>) {
  // expected-error @below {{expects operand 0 to be a tensor of rank 3 of 'bf16', as argument 0 of 'k' is '!tile.global<3, 64, bf16>', but got 'tensor<?x64xbf16>'}}
  tile.launch @k blocks(%n) ins(%x : tensor<?x64xbf16>)
  return
}

// -----

tile.kernel @k(%x: !tile.global<2, 64, bf16>) warpgroups 1 {
}
func.func @element(%n: index, %x: tensor<?x64xf16>) {
  // expected-error @below {{expects operand 0 to be a tensor of rank 2 of 'bf16', as argument 0 of 'k' is '!tile.global<2, 64, bf16>', but got 'tensor<?x64xf16>'}}
  tile.launch @k blocks(%n) ins(%x : tensor<?x64xf16>)
  return
}

// -----

tile.kernel @k(%x: i64) warpgroups 1 {
}
func.func @tensor_as_scalar(%n: index, %x: tensor<?xf32>) {
  // expected-error @below {{expects argument 0 of 'k' to be !tile.global or !llvm.ptr<1>, as operand 0 is 'tensor<?xf32>', but got 'i64'}}
  tile.launch @k blocks(%n) ins(%x : tensor<?xf32>)
  return
}

// -----

tile.kernel @k(%x: !llvm.ptr<3>, %x0: i64) warpgroups 1 {
}
func.func @shared_pointer(%n: index, %x: tensor<?xf32>) {
  // expected-error @below {{expects argument 0 of 'k' to be !tile.global or !llvm.ptr<1>, as operand 0 is 'tensor<?xf32>', but got '!llvm.ptr<3>'}}
  tile.launch @k blocks(%n) ins(%x : tensor<?xf32>)
  return
}

// -----

tile.kernel @k(%x: !llvm.ptr<1>, %x0: i64, %n: i32) warpgroups 1 {
}
func.func @stride_type(%n: index, %x: tensor<?x?xf32>) {
  // expected-error @below {{expects 2 strides (i64) after argument 0 of 'k', a pointer to operand 0 of type 'tensor<?x?xf32>', but argument 2 is 'i32'}}
  tile.launch @k blocks(%n) ins(%x, %n : tensor<?x?xf32>, index)
  return
}

// -----

tile.kernel @k(%x: !llvm.ptr<1>, %x0: i64) warpgroups 1 {
}
func.func @no_stride(%n: index, %x: tensor<?x?xf32>) {
  // expected-error @below {{expects 2 strides (i64) after argument 0 of 'k', a pointer to operand 0 of type 'tensor<?x?xf32>', but the kernel has 2 arguments}}
  tile.launch @k blocks(%n) ins(%x : tensor<?x?xf32>)
  return
}

// -----

tile.kernel @k(%n: f32) warpgroups 1 {
}
func.func @index_type(%n: index) {
  // expected-error @below {{expects argument 0 of 'k' to be i32 or i64, as operand 0 is 'index', but got 'f32'}}
  tile.launch @k blocks(%n) ins(%n : index)
  return
}

// -----

tile.kernel @k(%f: f64) warpgroups 1 {
}
func.func @scalar_type(%n: index, %f: f32) {
  // expected-error @below {{expects argument 0 of 'k' to be 'f32', as operand 0 is 'f32', but got 'f64'}}
  tile.launch @k blocks(%n) ins(%f : f32)
  return
}

// -----

tile.kernel @k(%y: !llvm.ptr<1>, %y0: i64) warpgroups 1 {
}
func.func @result_type(%n: index, %y: tensor<?xf32>) {
  // expected-error @below {{expected type of operand #1 ('tensor<?xf32>') to match type of corresponding result ('tensor<4xf32>')}}
  %r = tile.launch @k blocks(%n) outs(%y : tensor<?xf32>) -> tensor<4xf32>
  return
}

// -----

// expected-error @below {{expects 'tile.dims' to be an array of i64 that permutes the 2 dimensions of the tensor, but got array<i64: 0, 0>}}
tile.kernel @dims(%x: !tile.global<2, 64, bf16> {tile.dims = array<i64: 0, 0>}) warpgroups 1 {
}

// -----

// expected-error @below {{expects 'tile.dims' to be an array of i64 that permutes the 2 dimensions of the tensor, but got array<i64: 0, 1, 2>}}
tile.kernel @dims_rank(%x: !tile.global<2, 64, bf16> {tile.dims = array<i64: 0, 1, 2>}) warpgroups 1 {
}

// -----

// expected-error @below {{expects 'tile.dims' on an argument of type !tile.global, but argument 0 is 'i32'}}
tile.kernel @dims_of_scalar(%n: i32 {tile.dims = array<i64>}) warpgroups 1 {
}
