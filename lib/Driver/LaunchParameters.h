//===- LaunchParameters.h - what kernels get --------------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_DRIVER_LAUNCHPARAMETERS_H
#define LINATTN_LIB_DRIVER_LAUNCHPARAMETERS_H

#include "LaunchExpressions.h"
#include "linattn/Dialect/Tile/IR/Tile.h"

namespace mlir {
namespace linattn {

/// Where tensors start in the workspace.
inline constexpr int64_t kBufferAlignment = 256;

/// Memory that launches read and write.
struct Buffer {
  enum class Kind { Argument, Result, Workspace } kind;
  /// Of the argument or the result.
  unsigned number;
  /// A tensor with the sizes of the buffer.
  Value shape;
  /// In the workspace, in bytes.
  Expression offset;
};

/// The description of an argument or result; null for the workspace.
const TensorDescription *getTensor(const Buffer &buffer,
                                   const FunctionDescription &function);

/// Describes which strides a launch needs of its tensors.
void describeStrides(tile::LaunchOp launch, tile::KernelOp kernel,
                     ArrayRef<tile::KernelArguments> arguments,
                     ArrayRef<unsigned> operandBuffers,
                     ArrayRef<Buffer> buffers, FunctionDescription &function);

/// Builds the description of one launch.
class ParameterBuilder {
public:
  ParameterBuilder(tile::LaunchOp launch, tile::KernelOp kernel,
                   Expressions &expressions,
                   const FunctionDescription &function, bool usesTensorMaps)
      : launch(launch), kernel(kernel), expressions(expressions),
        function(function), usesTensorMaps(usesTensorMaps) {}

  /// Adds the parameters for an operand, inputs before outputs. `buffer` is
  /// where it lies, if it is a tensor.
  LogicalResult add(unsigned operand, tile::KernelArguments arguments,
                    const Buffer &buffer);
  FailureOr<llvm::json::Object> takeLaunch();

private:
  LogicalResult addGlobal(unsigned argument, const Buffer &buffer);
  LogicalResult addPointer(const Buffer &buffer);
  LogicalResult addScalar(Value value, unsigned argument);
  LogicalResult addConstant(FloatAttr value);
  void addInteger(StringRef type, Expression value);
  void addAddress(const Buffer &buffer);
  FailureOr<Expression> getStride(const Buffer &buffer, int64_t dim);

  tile::LaunchOp launch;
  tile::KernelOp kernel;
  Expressions &expressions;
  const FunctionDescription &function;
  bool usesTensorMaps;
  llvm::json::Array parameters;
};

} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_DRIVER_LAUNCHPARAMETERS_H
