// RUN: linattn-opt %s -split-input-file -verify-diagnostics --linattn-lower-padding --canonicalize | FileCheck %s

// CHECK-LABEL: func @rows
// CHECK-SAME: %[[ROWS:.*]]: tensor<?x16xf32>, %[[HIGH:.*]]: index
func.func @rows(%rows: tensor<?x16xf32>, %high: index) -> tensor<8x16xf32> {
  // CHECK: %[[N:.*]] = tensor.dim %[[ROWS]]
  // CHECK: %[[TILE:.*]] = tensor.empty() : tensor<8x16xf32>
  // CHECK: %[[BORDER:.*]] = tensor.extract_slice %[[TILE]][%[[N]], 0] [%[[HIGH]], 16] [1, 1]
  // CHECK: %[[FILLED:.*]] = linalg.fill {{.*}} outs(%[[BORDER]]
  // CHECK: %[[T1:.*]] = tensor.insert_slice %[[FILLED]] into %[[TILE]][%[[N]], 0] [%[[HIGH]], 16] [1, 1]
  // CHECK: %[[INNER:.*]] = tensor.extract_slice %[[T1]][0, 0] [%[[N]], 16] [1, 1]
  // CHECK: %[[COPY:.*]] = linalg.copy ins(%[[ROWS]] {{.*}} outs(%[[INNER]]
  // CHECK: tensor.insert_slice %[[COPY]] into %[[T1]][0, 0] [%[[N]], 16] [1, 1]
  %zero = arith.constant 0.0 : f32
  %0 = tensor.pad %rows low[0, 0] high[%high, 0] {
  ^bb0(%i: index, %j: index):
    tensor.yield %zero : f32
  } : tensor<?x16xf32> to tensor<8x16xf32>
  return %0 : tensor<8x16xf32>
}

// -----

func.func @value_of_position(%x: tensor<4xf32>) -> tensor<8xf32> {
  // expected-error @below {{pads with a value that is not a constant}}
  %0 = tensor.pad %x low[0] high[4] {
  ^bb0(%i: index):
    %1 = arith.index_cast %i : index to i32
    %2 = arith.sitofp %1 : i32 to f32
    tensor.yield %2 : f32
  } : tensor<4xf32> to tensor<8xf32>
  return %0 : tensor<8xf32>
}
