//===- LaunchParameters.cpp - what kernels get ----------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaunchParameters.h"

#include "linattn/ABI/Interface.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::linattn;
namespace json = llvm::json;

const TensorDescription *
mlir::linattn::getTensor(const Buffer &buffer,
                         const FunctionDescription &function) {
  switch (buffer.kind) {
  case Buffer::Kind::Argument:
    return &function.arguments[buffer.number];
  case Buffer::Kind::Result:
    return &function.results[buffer.number].tensor;
  case Buffer::Kind::Workspace:
    return nullptr;
  }
  llvm_unreachable("no such kind");
}

//===----------------------------------------------------------------------===//
// Strides
//===----------------------------------------------------------------------===//

/// A kernel gets the stride, which is a multiple of `multiple`.
static void describeStride(StrideDescription &stride, int64_t multiple) {
  if (stride.kind == StrideDescription::Kind::Any)
    stride.kind = StrideDescription::Kind::Symbol;
  if (stride.kind == StrideDescription::Kind::Symbol)
    stride.multiple = std::max(stride.multiple, multiple);
}

static void describeUnitStride(const TensorDescription &tensor, unsigned dim,
                               StrideDescription &stride,
                               json::Array &requirements) {
  if (stride.kind != StrideDescription::Kind::Symbol) {
    stride.kind = StrideDescription::Kind::Unit;
    return;
  }
  // A plan passes the stride to a kernel: it stays a symbol.
  Expression requirement = json::Object{
      {"condition", json::Array{"==", tensor.getStrideSymbol(dim), 1}},
      {"message", "'" + tensor.name + "': expected stride 1 in dimension " +
                      std::to_string(dim)}};
  if (!llvm::is_contained(requirements, requirement))
    requirements.push_back(std::move(requirement));
}

void mlir::linattn::describeStrides(tile::LaunchOp launch,
                                    tile::KernelOp kernel,
                                    ArrayRef<tile::KernelArguments> arguments,
                                    ArrayRef<unsigned> operandBuffers,
                                    ArrayRef<Buffer> buffers,
                                    FunctionDescription &function) {
  for (auto [index, buffer, argument] :
       llvm::enumerate(operandBuffers, arguments)) {
    if (!isa<RankedTensorType>(launch->getOperand(index + 1).getType()))
      continue;
    auto *tensor =
        const_cast<TensorDescription *>(getTensor(buffers[buffer], function));
    if (!tensor)
      continue;
    auto global =
        dyn_cast<tile::GlobalType>(kernel.getArgumentTypes()[argument.first]);
    if (!global) {
      for (StrideDescription &stride : tensor->strides)
        describeStride(stride, 1);
      continue;
    }
    tensor->alignment = std::max(tensor->alignment, global.getAlignment());
    SmallVector<int64_t> dims = tile::getTensorDims(kernel, argument.first);
    for (int64_t dim : ArrayRef(dims).drop_back())
      describeStride(tensor->strides[dim],
                     global.getAlignment() / tensor->elementBytes);
    describeUnitStride(*tensor, dims.back(), tensor->strides[dims.back()],
                       function.requirements);
  }
}

FailureOr<Expression> ParameterBuilder::getStride(const Buffer &buffer,
                                                  int64_t dim) {
  if (const TensorDescription *tensor = getTensor(buffer, function)) {
    if (tensor->strides[dim].kind == StrideDescription::Kind::Unit)
      return Expression(1);
    return Expression(tensor->getStrideSymbol(dim));
  }
  // Row-major.
  Expression stride = 1;
  int64_t rank = cast<RankedTensorType>(buffer.shape.getType()).getRank();
  for (int64_t inner = dim + 1; inner < rank; ++inner) {
    FailureOr<Expression> size = expressions.getSize(buffer.shape, inner);
    if (failed(size))
      return failure();
    stride = makeMul(std::move(stride), std::move(*size));
  }
  return stride;
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

static json::Object getAddress(const Buffer &buffer,
                               const FunctionDescription &function) {
  if (const TensorDescription *tensor = getTensor(buffer, function))
    return json::Object{{"tensor", tensor->name}};
  json::Object address{{"base", "workspace"}};
  if (buffer.offset != Expression(0))
    address["offset"] = buffer.offset;
  return address;
}

void ParameterBuilder::addAddress(const Buffer &buffer) {
  parameters.push_back(json::Object{{"kind", "address"},
                                    {"address", getAddress(buffer, function)}});
}

void ParameterBuilder::addInteger(StringRef type, Expression value) {
  parameters.push_back(json::Object{
      {"kind", "integer"}, {"type", type.str()}, {"value", std::move(value)}});
}

LogicalResult ParameterBuilder::addPointer(const Buffer &buffer) {
  addAddress(buffer);
  int64_t rank = cast<RankedTensorType>(buffer.shape.getType()).getRank();
  for (int64_t dim = 0; dim != rank; ++dim) {
    FailureOr<Expression> stride = getStride(buffer, dim);
    if (failed(stride))
      return failure();
    addInteger("i64", std::move(*stride));
  }
  return success();
}

LogicalResult ParameterBuilder::addGlobal(unsigned argument,
                                          const Buffer &buffer) {
  SmallVector<int64_t> dims = tile::getTensorDims(kernel, argument);
  SmallVector<Expression> sizes, strides;
  for (int64_t dim : dims) {
    FailureOr<Expression> size = expressions.getSize(buffer.shape, dim),
                          stride = getStride(buffer, dim);
    if (failed(size) || failed(stride))
      return failure();
    sizes.push_back(std::move(*size));
    strides.push_back(std::move(*stride));
  }
  // The innermost stride is 1.
  strides.pop_back();
  auto type = cast<RankedTensorType>(buffer.shape.getType());
  auto global = cast<tile::GlobalType>(kernel.getArgumentTypes()[argument]);
  if (usesTensorMaps && global.isAligned()) {
    json::Array box{tile::kPanelColumns, global.getRows()};
    while (box.size() < dims.size())
      box.push_back(1);
    std::string element;
    llvm::raw_string_ostream(element) << type.getElementType();
    parameters.push_back(json::Object{
        {"kind", "tensor_map"},
        {"address", getAddress(buffer, function)},
        {"element", std::move(element)},
        {"sizes", json::Array(SmallVector<Expression>(llvm::reverse(sizes)))},
        {"strides",
         json::Array(SmallVector<Expression>(llvm::reverse(strides)))},
        {"box", std::move(box)},
        {"swizzle", "128B"},
        {"l2_promotion", "256B"}});
  }
  addAddress(buffer);
  for (Expression &size : sizes)
    addInteger("i64", std::move(size));
  for (Expression &stride : strides)
    addInteger("i64", std::move(stride));
  return success();
}

LogicalResult ParameterBuilder::addConstant(FloatAttr value) {
  int64_t bits = value.getValue().bitcastToAPInt().getZExtValue();
  parameters.push_back(json::Object{{"kind", "bits"},
                                    {"bytes", getElementBytes(value.getType())},
                                    {"value", bits}});
  return success();
}

LogicalResult ParameterBuilder::addScalar(Value value, unsigned argument) {
  Type type = kernel.getArgumentTypes()[argument];
  if (auto source = dyn_cast<BlockArgument>(value)) {
    if (getElementBytes(type) != getElementBytes(value.getType()))
      return launch.emitOpError()
             << "expects argument " << argument << " of '" << launch.getKernel()
             << "' to have as many bytes as argument " << source.getArgNumber()
             << " of the function, " << value.getType()
             << ", which is passed as it is, but got " << type;
    parameters.push_back(json::Object{
        {"kind", "value"},
        {"tensor", function.arguments[source.getArgNumber()].name}});
    return success();
  }
  if (isa<FloatType>(type)) {
    FloatAttr constant;
    if (matchPattern(value, m_Constant(&constant)))
      return addConstant(constant);
    return launch.emitOpError()
           << "expects operands of type " << value.getType()
           << " to be constants or arguments of the function";
  }
  FailureOr<Expression> expression = expressions.get(value);
  if (failed(expression))
    return failure();
  if (type.isInteger(1))
    return launch.emitOpError()
           << "expects argument " << argument << " of '" << launch.getKernel()
           << "' to be an integer of 8 to 64 bits, but got i1; use arith.extui";
  addInteger("i" + std::to_string(type.getIntOrFloatBitWidth()),
             std::move(*expression));
  return success();
}

LogicalResult ParameterBuilder::add(unsigned operand,
                                    tile::KernelArguments arguments,
                                    const Buffer &buffer) {
  Value value = launch->getOperand(operand + 1);
  if (!isa<RankedTensorType>(value.getType()))
    return addScalar(value, arguments.first);
  if (isa<tile::GlobalType>(kernel.getArgumentTypes()[arguments.first]))
    return addGlobal(arguments.first, buffer);
  return addPointer(buffer);
}

FailureOr<json::Object> ParameterBuilder::takeLaunch() {
  FailureOr<Expression> blocks = expressions.get(launch.getBlocks());
  if (failed(blocks))
    return failure();
  int64_t threads = kernel.getWarpgroups() * tile::kWarpgroupThreads;
  json::Object result{{"kernel", kernel.getSymName().str()},
                      {"grid", json::Array{*blocks, 1, 1}},
                      {"block", json::Array{threads, 1, 1}},
                      {"parameters", std::move(parameters)}};
  auto shared = kernel->getAttrOfType<IntegerAttr>("shared_bytes");
  if (!shared)
    return kernel.emitOpError()
           << "expects 'shared_bytes', which tile-allocate-shared sets";
  if (shared.getInt())
    result["shared_memory"] = shared.getInt();
  return result;
}
