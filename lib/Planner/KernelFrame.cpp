//===- KernelFrame.cpp - arguments and scalars of a tile program ----------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelFrame.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::linattn;

KernelFrame::KernelFrame(scf::ForallOp kernel, Block *entry)
    : kernel(kernel), entry(entry), entryBuilder(entry, entry->begin()) {}

Type KernelFrame::convert(Type type) {
  MLIRContext *context = type.getContext();
  if (type.isIndex())
    return IntegerType::get(context, 32);
  if (type.isBF16() || type.isF16())
    return Float32Type::get(context);
  return type;
}

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

KernelFrame::Argument &KernelFrame::addArgument(Value operand, bool isOutput,
                                                TypeRange types, Location loc) {
  auto argument = std::make_unique<Argument>();
  argument->operand = operand;
  argument->isOutput = isOutput;
  for (Type type : types)
    argument->values.push_back(entry->addArgument(type, loc));
  arguments.push_back(std::move(argument));
  return *arguments.back();
}

SmallVector<int64_t> linattn::getDimOrder(int64_t rank,
                                          ArrayRef<unsigned> dims) {
  SmallVector<int64_t> order;
  for (int64_t dim = 0; dim < rank; ++dim)
    if (!llvm::is_contained(dims, unsigned(dim)))
      order.push_back(dim);
  llvm::append_range(order, dims);
  return order;
}

FailureOr<Value> KernelFrame::getGlobal(Value tensor, ArrayRef<unsigned> dims,
                                        int64_t rows, bool isOutput) {
  Builder b(tensor.getContext());
  auto type = cast<RankedTensorType>(tensor.getType());
  auto attributes = b.getDictionaryAttr({b.getNamedAttr(
      tile::kDimsAttrName,
      b.getDenseI64ArrayAttr(getDimOrder(type.getRank(), dims)))});
  auto global =
      tile::GlobalType::get(b.getContext(), type.getRank(), rows,
                            type.getElementType(), getAlignment(type, dims[1]));
  Argument *&argument =
      globals[{tensor, b.getArrayAttr({attributes, TypeAttr::get(global)})}];
  if (!argument) {
    argument = &addArgument(tensor, isOutput, global, tensor.getLoc());
    argument->attributes = attributes;
  }
  return Value(argument->values[0]);
}

KernelFrame::Argument &KernelFrame::getPointer(Value tensor, bool isOutput) {
  Argument *&argument = pointers[{tensor, isOutput}];
  if (!argument) {
    MLIRContext *context = tensor.getContext();
    SmallVector<Type> types{LLVM::LLVMPointerType::get(context, 1)};
    types.append(cast<RankedTensorType>(tensor.getType()).getRank(),
                 IntegerType::get(context, 64));
    argument = &addArgument(tensor, isOutput, types, tensor.getLoc());
  }
  return *argument;
}

KernelFrame::LaunchOperands KernelFrame::finish() {
  LaunchOperands operands;
  SmallVector<BlockArgument> order;
  for (bool outputs : {false, true})
    for (auto &argument : arguments) {
      if (argument->isOutput != outputs)
        continue;
      (outputs ? operands.outputs : operands.inputs)
          .push_back(argument->operand);
      for (auto [index, value] : llvm::enumerate(argument->values)) {
        order.push_back(value);
        operands.argAttrs.push_back(
            index == 0 && argument->attributes
                ? argument->attributes
                : DictionaryAttr::get(kernel.getContext()));
      }
    }
  SmallVector<Value> moved;
  for (BlockArgument value : order)
    moved.push_back(entry->addArgument(value.getType(), value.getLoc()));
  for (auto [from, to] : llvm::zip_equal(order, moved))
    from.replaceAllUsesWith(to);
  entry->eraseArguments(0, order.size());
  return operands;
}

//===----------------------------------------------------------------------===//
// Addresses
//===----------------------------------------------------------------------===//

FailureOr<SmallVector<Value>>
KernelFrame::getCoordinates(OpBuilder &b, Location loc, const Access &access) {
  SmallVector<Value> coordinates;
  for (int64_t dim : getDimOrder(access.offsets.size(), access.dims)) {
    FailureOr<Value> offset = getSum(b, loc, access.offsets[dim]);
    if (failed(offset))
      return failure();
    coordinates.push_back(*offset);
  }
  return coordinates;
}

/// Whether all that `tensor` becomes stays between kernels of its block: then
/// it is a part of the workspace, whose tensors are contiguous.
static bool isBetweenKernels(Value tensor) {
  return llvm::all_of(tensor.getUses(), [](OpOperand &use) {
    Operation *user = use.getOwner();
    if (auto launch = dyn_cast<tile::LaunchOp>(user)) {
      OpResult result =
          launch.isDpsInit(&use) ? launch.getTiedOpResult(&use) : OpResult();
      return !result || isBetweenKernels(result);
    }
    if (auto forall = dyn_cast<scf::ForallOp>(user))
      return isBetweenKernels(forall.getTiedOpResult(&use));
    // What a kernel reads.
    return isa<tensor::DimOp>(user) || user->getParentOfType<scf::ForallOp>();
  });
}

/// The distance of elements along a dimension, if all launches agree on it.
static std::optional<int64_t> getConstantStride(Value tensor, int64_t dim) {
  auto type = cast<RankedTensorType>(tensor.getType());
  int64_t stride = 1;
  for (int64_t size : type.getShape().drop_front(dim + 1)) {
    if (ShapedType::isDynamic(size))
      return std::nullopt;
    stride *= size;
  }
  Value origin = tensor;
  while (auto launch = origin.getDefiningOp<tile::LaunchOp>())
    origin = launch.getTiedOpOperand(cast<OpResult>(origin))->get();
  if (!origin.getDefiningOp<tensor::EmptyOp>() || !isBetweenKernels(origin))
    return std::nullopt;
  return stride;
}

FailureOr<Value> KernelFrame::getElementNumber(OpBuilder &b, Location loc,
                                               const Access &access,
                                               ValueRange indices,
                                               const Argument &argument) {
  Type i64 = b.getI64Type();
  Value element;
  auto add = [&](Value offset, unsigned dim) {
    Value wide = arith::ExtSIOp::create(b, loc, i64, offset);
    Value stride = argument.values[dim + 1];
    if (std::optional<int64_t> known = getConstantStride(access.tensor, dim))
      stride = arith::ConstantIntOp::create(b, loc, *known, 64);
    Value scaled = arith::MulIOp::create(b, loc, wide, stride);
    element = element ? arith::AddIOp::create(b, loc, element, scaled) : scaled;
  };
  for (auto [dim, terms] : llvm::enumerate(access.offsets)) {
    if (terms.empty())
      continue;
    FailureOr<Value> offset = getSum(b, loc, terms);
    if (failed(offset))
      return failure();
    add(*offset, dim);
  }
  for (auto [index, dim] : llvm::zip(indices, access.dims))
    add(index, dim);
  return element;
}

FailureOr<Value> KernelFrame::getAddress(OpBuilder &b, Location loc,
                                         const Access &access,
                                         ValueRange indices, bool isOutput) {
  Argument &argument = getPointer(access.tensor, isOutput);
  FailureOr<Value> element =
      getElementNumber(b, loc, access, indices, argument);
  if (failed(element))
    return failure();
  Value base = argument.values[0];
  if (!*element)
    return base;
  return Value(LLVM::GEPOp::create(
      b, loc, base.getType(),
      cast<RankedTensorType>(access.tensor.getType()).getElementType(), base,
      ValueRange{*element}));
}

Value KernelFrame::getMisfit(OpBuilder &b, Location loc, const Access &access,
                             bool isOutput, int64_t bytes) {
  Argument &argument = getPointer(access.tensor, isOutput);
  auto type = cast<RankedTensorType>(access.tensor.getType());
  Type i64 = b.getI64Type();
  auto constant = [&](int64_t value) {
    return arith::ConstantIntOp::create(b, loc, value, 64);
  };
  Value size = constant(type.getElementTypeBitWidth() / 8);
  Value bits = LLVM::PtrToIntOp::create(b, loc, i64, argument.values[0]);
  for (unsigned dim = 0; dim < type.getRank(); ++dim)
    if (dim != access.dims.back())
      bits = arith::OrIOp::create(
          b, loc, bits,
          arith::MulIOp::create(b, loc, argument.values[dim + 1], size));
  bits = arith::AndIOp::create(b, loc, bits, constant(bytes - 1));
  Value gap = arith::SubIOp::create(
      b, loc, argument.values[access.dims.back() + 1], constant(1));
  return arith::OrIOp::create(b, loc, bits, gap);
}

FailureOr<KernelFrame::VectorSource>
KernelFrame::getVectorSource(OpBuilder &b, Location loc, const Access &access) {
  Argument &argument = getPointer(access.tensor, /*isOutput=*/false);
  FailureOr<Value> element = getElementNumber(b, loc, access, {}, argument);
  if (failed(element))
    return failure();
  if (!*element)
    element = Value(arith::ConstantIntOp::create(b, loc, 0, 64));
  return VectorSource{argument.values[0], *element,
                      argument.values[access.dims[0] + 1]};
}

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

FailureOr<Value> KernelFrame::getSum(OpBuilder &b, Location loc,
                                     ArrayRef<OpFoldResult> terms) {
  Value sum;
  for (OpFoldResult term : terms) {
    FailureOr<Value> value = getIndex(b, loc, term);
    if (failed(value))
      return failure();
    sum = sum ? arith::AddIOp::create(b, loc, sum, *value) : *value;
  }
  if (!sum)
    sum = arith::ConstantIntOp::create(b, loc, 0, 32);
  return sum;
}

FailureOr<Value> KernelFrame::getIndex(OpBuilder &b, Location loc,
                                       OpFoldResult index) {
  std::optional<int64_t> constant = getConstantIntValue(index);
  if (!constant)
    return getScalar(b, cast<Value>(index));
  if (!llvm::isInt<32>(*constant))
    return emitError(loc, "expects indices of 32 bits in a kernel for a GPU, "
                          "but got ")
           << *constant;
  return Value(arith::ConstantIntOp::create(b, loc, *constant, 32));
}

bool KernelFrame::isInvariant(Value scalar) {
  if (auto arg = dyn_cast<BlockArgument>(scalar))
    return arg.getOwner()->getParentOp() == kernel ||
           !kernel->isAncestor(arg.getOwner()->getParentOp());
  Operation *op = scalar.getDefiningOp();
  if (!kernel->isAncestor(op))
    return true;
  return op->getNumRegions() == 0 &&
         llvm::all_of(op->getOperands(), [&](Value operand) {
           return isa<TensorType>(operand.getType())
                      ? !operand.getDefiningOp() ||
                            !kernel->isAncestor(operand.getDefiningOp())
                      : isInvariant(operand);
         });
}

FailureOr<Value> KernelFrame::loadElement(OpBuilder &b, Location loc,
                                          const Access &access,
                                          ValueRange indices) {
  FailureOr<Value> address =
      getAddress(b, loc, access, indices, /*isOutput=*/false);
  if (failed(address))
    return failure();
  Type type = cast<RankedTensorType>(access.tensor.getType()).getElementType();
  Value element = LLVM::LoadOp::create(b, loc, type, *address);
  if (convert(type) != type && isa<FloatType>(type))
    element = arith::ExtFOp::create(b, loc, convert(type), element);
  return element;
}

FailureOr<Value> KernelFrame::loadScalar(OpBuilder &b, Location loc, Value tile,
                                         const Access &access) {
  bool invariant = llvm::all_of(access.offsets, [&](auto &terms) {
    return llvm::all_of(terms, [&](OpFoldResult term) {
      auto value = dyn_cast<Value>(term);
      return !value || isInvariant(value);
    });
  });
  if (!invariant)
    return loadElement(b, loc, access, {});
  Value &element = invariantLoads[tile];
  if (!element) {
    FailureOr<Value> loaded = loadElement(entryBuilder, loc, access, {});
    if (failed(loaded))
      return failure();
    element = *loaded;
  }
  return element;
}

Value KernelFrame::cloneScalarOp(OpBuilder &b, Operation *op,
                                 ValueRange operands) {
  Location loc = op->getLoc();
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    Type type = convert(constant.getType());
    if (auto value = dyn_cast<FloatAttr>(constant.getValue()))
      return arith::ConstantOp::create(
          b, loc, b.getFloatAttr(type, value.getValueAsDouble()));
    return arith::ConstantOp::create(
        b, loc,
        b.getIntegerAttr(type,
                         cast<IntegerAttr>(constant.getValue()).getInt()));
  }
  Type type = convert(op->getResult(0).getType());
  if (isa<arith::IndexCastOp, arith::IndexCastUIOp>(op)) {
    unsigned from = operands[0].getType().getIntOrFloatBitWidth();
    unsigned to = type.getIntOrFloatBitWidth();
    if (from == to)
      return operands[0];
    if (from > to)
      return arith::TruncIOp::create(b, loc, type, operands[0]);
    return arith::ExtSIOp::create(b, loc, type, operands[0]);
  }
  if (isa<arith::ExtFOp>(op) && operands[0].getType() == type)
    return operands[0];
  if (isa<arith::TruncFOp>(op) && operands[0].getType() == type) {
    // Rounds, but stays f32.
    Value rounded = arith::TruncFOp::create(b, loc, op->getResult(0).getType(),
                                            operands[0]);
    return arith::ExtFOp::create(b, loc, type, rounded);
  }
  return b
      .create(loc, op->getName().getIdentifier(), operands, type,
              op->getAttrs())
      ->getResult(0);
}

FailureOr<Value> KernelFrame::getScalar(OpBuilder &b, Value scalar) {
  if (Value value = bound.lookup(scalar))
    return value;
  Type type = convert(scalar.getType());
  Operation *op = scalar.getDefiningOp();
  if (auto constant = dyn_cast_if_present<arith::ConstantOp>(op)) {
    if (scalar.getType().isIndex())
      return getIndex(b, kernel.getLoc(), constant.getValue());
    return cloneScalarOp(b, op, {});
  }
  // A scalar of the function is an argument. The size of a tensor of the
  // function is one too, wherever it is taken.
  auto dim = dyn_cast_if_present<tensor::DimOp>(op);
  bool isOutside =
      op ? !kernel->isAncestor(op)
         : !kernel->isAncestor(scalar.getParentBlock()->getParentOp());
  if (dim && !isOutside) {
    std::optional<int64_t> index = dim.getConstantIndex();
    std::optional<Access> access = getAccess(dim.getSource(), kernel);
    if (!index || !access)
      return op->emitOpError("expects the size of a tensor of the function in "
                             "a kernel for a GPU");
    OpFoldResult size = access->sizes[*index];
    if (auto constant = getConstantIntValue(size);
        !constant || !ShapedType::isDynamic(*constant))
      return getIndex(b, op->getLoc(), size);
    OpBuilder outside(kernel);
    unsigned tensorDim = access->dims[*index];
    scalar = tensor::DimOp::create(outside, op->getLoc(), access->tensor,
                                   int64_t(tensorDim));
    isOutside = true;
  }
  if (isOutside) {
    Value &argument = scalarArguments[scalar];
    if (!argument)
      argument = addArgument(scalar, /*isOutput=*/false, type, scalar.getLoc())
                     .values[0];
    return argument;
  }
  if (!op)
    return emitError(scalar.getLoc(),
                     "expects a scalar that a kernel for a GPU can compute");

  if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
    bool invariant = isInvariant(scalar);
    if (Value loaded = invariantLoads.lookup(scalar))
      return loaded;
    OpBuilder &at = invariant ? entryBuilder : b;
    SmallVector<Value> indices;
    for (Value index : extract.getIndices()) {
      FailureOr<Value> value = getScalar(at, index);
      if (failed(value))
        return failure();
      indices.push_back(*value);
    }
    std::optional<Access> access = getAccess(extract.getTensor(), kernel);
    if (!access || access->padding)
      return op->emitOpError("expects an element of a tensor of the function, "
                             "in a kernel for a GPU");
    FailureOr<Value> loaded = loadElement(at, op->getLoc(), *access, indices);
    if (succeeded(loaded) && invariant)
      invariantLoads[scalar] = *loaded;
    return loaded;
  }
  if (!isa<arith::ArithDialect, math::MathDialect>(op->getDialect()) ||
      op->getNumResults() != 1)
    return op->emitOpError("is no scalar op that a kernel for a GPU can use");
  SmallVector<Value> operands;
  for (Value operand : op->getOperands()) {
    FailureOr<Value> value = getScalar(b, operand);
    if (failed(value))
      return failure();
    operands.push_back(*value);
  }
  return cloneScalarOp(b, op, operands);
}
