//===- Interface.cpp - what a caller of a function sees ------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/ABI/Interface.h"

#include "linattn-c/Program.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::linattn;

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

std::optional<int32_t> mlir::linattn::getDtype(Type elementType) {
  if (elementType.isF32())
    return LINATTN_F32;
  if (elementType.isF16())
    return LINATTN_F16;
  if (elementType.isBF16())
    return LINATTN_BF16;
  if (elementType.isF64())
    return LINATTN_F64;
  if (elementType.isSignlessInteger(1))
    return LINATTN_BOOL;
  if (elementType.isSignlessInteger(8))
    return LINATTN_I8;
  if (elementType.isSignlessInteger(16))
    return LINATTN_I16;
  if (elementType.isSignlessInteger(32))
    return LINATTN_I32;
  if (elementType.isSignlessInteger(64) || elementType.isIndex())
    return LINATTN_I64;
  return std::nullopt;
}

int64_t mlir::linattn::getElementBytes(Type elementType) {
  if (elementType.isIndex())
    return 8;
  return llvm::divideCeil(elementType.getIntOrFloatBitWidth(), 8);
}

Type Parameter::getElementType() const {
  if (auto shaped = dyn_cast<ShapedType>(type))
    return shaped.getElementType();
  return type;
}

ArrayRef<int64_t> Parameter::getShape() const {
  if (auto shaped = dyn_cast<ShapedType>(type))
    return shaped.getShape();
  return {};
}

MemRefType Parameter::getMemRefType() const {
  if (auto memref = dyn_cast<MemRefType>(type))
    return memref;
  ArrayRef<int64_t> shape = getShape();
  // A vector of unit stride has the identity layout.
  if (shape.size() < 2)
    return MemRefType::get(shape, getElementType());
  SmallVector<int64_t> strides(shape.size(), ShapedType::kDynamic);
  strides.back() = 1;
  return MemRefType::get(
      shape, getElementType(),
      StridedLayoutAttr::get(type.getContext(), /*offset=*/0, strides));
}

//===----------------------------------------------------------------------===//
// Interfaces
//===----------------------------------------------------------------------===//

std::optional<unsigned> Interface::getInplaceArgument(unsigned result) const {
  for (auto [index, argument] : llvm::enumerate(arguments))
    if (argument.inplaceResult == static_cast<int64_t>(result))
      return index;
  return std::nullopt;
}

SmallVector<Parameter> Interface::getParameters() const {
  SmallVector<Parameter> parameters = arguments;
  for (auto [index, result] : llvm::enumerate(results))
    if (!getInplaceArgument(index))
      parameters.push_back(result);
  return parameters;
}

DictionaryAttr Interface::toAttr(MLIRContext *context) const {
  Builder b(context);
  auto getTypes = [&](ArrayRef<Parameter> parameters) {
    return b.getTypeArrayAttr(llvm::map_to_vector(
        parameters, [](const Parameter &p) { return p.type; }));
  };
  NamedAttrList attrs;
  attrs.append("arguments", getTypes(arguments));
  attrs.append("inplace", b.getDenseI64ArrayAttr(llvm::map_to_vector(
                              arguments, [](const Parameter &p) {
                                return p.inplaceResult;
                              })));
  attrs.append("results", getTypes(results));
  if (sizes)
    attrs.append("sizes", sizes);
  if (workspace)
    attrs.append("workspace", workspace);
  return attrs.getDictionary(context);
}

FailureOr<Interface> Interface::fromAttr(Attribute attr) {
  auto dict = dyn_cast_or_null<DictionaryAttr>(attr);
  if (!dict)
    return failure();
  auto arguments = dict.getAs<ArrayAttr>("arguments");
  auto inplace = dict.getAs<DenseI64ArrayAttr>("inplace");
  auto results = dict.getAs<ArrayAttr>("results");
  if (!arguments || !inplace || !results ||
      inplace.size() != static_cast<int64_t>(arguments.size()))
    return failure();
  Interface interface;
  for (auto [type, result] : llvm::zip(arguments, inplace.asArrayRef())) {
    auto typeAttr = dyn_cast<TypeAttr>(type);
    if (!typeAttr)
      return failure();
    interface.arguments.push_back({typeAttr.getValue(), result});
  }
  for (Attribute type : results) {
    auto typeAttr = dyn_cast<TypeAttr>(type);
    if (!typeAttr)
      return failure();
    interface.results.push_back({typeAttr.getValue()});
  }
  interface.sizes = dict.getAs<FlatSymbolRefAttr>("sizes");
  interface.workspace = dict.getAs<FlatSymbolRefAttr>("workspace");
  return interface;
}

FailureOr<Interface> mlir::linattn::getInterface(Operation *op) {
  return Interface::fromAttr(op->getAttr(kInterfaceAttrName));
}

/// Why a value of `type` cannot cross the ABI, or "" if it can.
static std::string findTypeProblem(Type type, bool isResult) {
  auto shaped = dyn_cast<ShapedType>(type);
  if (isa<UnrankedTensorType, UnrankedMemRefType>(type))
    return "has no rank";
  if (shaped && !isa<RankedTensorType, MemRefType>(type))
    return "is neither a tensor nor a scalar";
  if (!getDtype(shaped ? shaped.getElementType() : type))
    return shaped ? "has an element type that the C ABI lacks"
                  : "is neither a tensor nor a scalar of the C ABI";
  if (!shaped)
    return "";
  if (shaped.getRank() > LINATTN_MAX_RANK)
    return "has more than " + std::to_string(LINATTN_MAX_RANK) + " dimensions";
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    return tensor.getEncoding() ? "has an encoding" : "";
  auto memref = cast<MemRefType>(type);
  if (isResult)
    return "is a buffer; return a tensor";
  if (memref.getMemorySpace())
    return "is in a memory space";
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(memref.getStridesAndOffset(strides, offset)))
    return "has a layout without strides";
  if (offset != 0 && !ShapedType::isDynamic(offset))
    return "has an offset";
  if (!strides.empty() && strides.back() != 1 &&
      !ShapedType::isDynamic(strides.back()))
    return "has an inner stride other than 1";
  return "";
}

static InFlightDiagnostic emitUncallable(func::FuncOp func) {
  return func.emitError() << "function '" << func.getSymName()
                          << "' cannot be called through the C ABI: ";
}

FailureOr<Interface> mlir::linattn::getSourceInterface(func::FuncOp func) {
  Interface interface;
  if (func.isExternal()) {
    emitUncallable(func) << "it has no body";
    return failure();
  }
  if (!func.getBody().hasOneBlock()) {
    emitUncallable(func) << "expected one block, but got "
                         << func.getBody().getBlocks().size()
                         << "; use structured control flow";
    return failure();
  }
  for (auto [index, type] : llvm::enumerate(func.getResultTypes())) {
    if (std::string problem = findTypeProblem(type, true); !problem.empty()) {
      emitUncallable(func) << "result " << index << " of type " << type << " "
                           << problem;
      return failure();
    }
    interface.results.push_back({type});
  }
  for (auto [index, type] : llvm::enumerate(func.getArgumentTypes())) {
    if (std::string problem = findTypeProblem(type, false); !problem.empty()) {
      emitUncallable(func) << "argument " << index << " of type " << type << " "
                           << problem;
      return failure();
    }
    Parameter parameter{type};
    if (Attribute attr = func.getArgAttr(index, kInplaceAttrName)) {
      auto result = dyn_cast<IntegerAttr>(attr);
      if (!result || result.getInt() < 0 ||
          result.getInt() >= func.getNumResults()) {
        emitUncallable(func)
            << "expected '" << kInplaceAttrName << "' of argument " << index
            << " to name one of " << func.getNumResults()
            << " results, but got " << attr;
        return failure();
      }
      parameter.inplaceResult = result.getInt();
      Type resultType = func.getResultTypes()[result.getInt()];
      if (!isa<RankedTensorType>(type) || type != resultType) {
        emitUncallable(func) << "expected result " << result.getInt()
                             << ", which is written to argument " << index
                             << ", to be a tensor of its type, " << type
                             << ", but got " << resultType;
        return failure();
      }
      if (interface.getInplaceArgument(result.getInt())) {
        emitUncallable(func) << "result " << result.getInt()
                             << " is written to more than one argument";
        return failure();
      }
    }
    interface.arguments.push_back(parameter);
  }
  return interface;
}
