//===- Description.cpp - functions as a manifest describes them -----------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Driver/Description.h"

#include "linattn/ABI/Interface.h"
#include "linattn/Driver/Npy.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/SHA256.h"

using namespace mlir;
using namespace mlir::linattn;
namespace json = llvm::json;

//===----------------------------------------------------------------------===//
// From the program
//===----------------------------------------------------------------------===//

/// A name for the manifest: that of the location, or `fallback`, made unique.
static std::string makeName(Location loc, const Twine &fallback,
                            llvm::StringSet<> &used) {
  if (auto named = dyn_cast<NameLoc>(loc)) {
    StringRef name = named.getName();
    bool valid =
        !name.empty() && !llvm::isDigit(name.front()) &&
        llvm::all_of(name, [](char c) { return llvm::isAlnum(c) || c == '_'; });
    if (valid && used.insert(name).second)
      return name.str();
  }
  std::string name = fallback.str();
  while (!used.insert(name).second)
    name += "_";
  return name;
}

static TensorDescription describeTensor(const Parameter &parameter,
                                        const std::string &name,
                                        bool isResult) {
  TensorDescription tensor;
  tensor.name = name;
  tensor.type = parameter.type;
  tensor.dtype = getDtypeName(*getDtype(parameter.getElementType()));
  tensor.elementBytes = getElementBytes(parameter.getElementType());
  for (auto [dim, size] : llvm::enumerate(parameter.getShape())) {
    // Only code knows which sizes must agree, and what those of results are.
    if (!ShapedType::isDynamic(size))
      tensor.sizes.push_back(size);
    else if (isResult)
      tensor.sizes.push_back(nullptr);
    else
      tensor.sizes.push_back(name + "." + std::to_string(dim));
  }
  tensor.strides.resize(tensor.sizes.size());
  return tensor;
}

static FailureOr<FunctionDescription> describeFunction(func::FuncOp func) {
  FailureOr<Interface> interface = getSourceInterface(func);
  if (failed(interface))
    return failure();
  llvm::StringSet<> used;
  FunctionDescription function;
  function.name = func.getSymName();
  for (auto [index, argument] : llvm::enumerate(interface->arguments))
    function.arguments.push_back(describeTensor(
        argument,
        makeName(func.getArgument(index).getLoc(), "arg" + Twine(index), used),
        /*isResult=*/false));
  for (auto [index, result] : llvm::enumerate(interface->results)) {
    FunctionDescription::Result description;
    description.inplace = interface->getInplaceArgument(index);
    if (!description.inplace)
      description.tensor =
          describeTensor(result,
                         makeName(UnknownLoc::get(func.getContext()),
                                  "result" + Twine(index), used),
                         /*isResult=*/true);
    function.results.push_back(std::move(description));
  }
  return function;
}

FailureOr<ProgramDescription> mlir::linattn::describeProgram(ModuleOp module) {
  ProgramDescription program;
  for (auto func : module.getOps<func::FuncOp>()) {
    if (!func.isPublic())
      continue;
    FailureOr<FunctionDescription> function = describeFunction(func);
    if (failed(function))
      return failure();
    program.functions.push_back(std::move(*function));
  }
  if (program.functions.empty())
    return module.emitError("expected a public function to put into the "
                            "artifact, but got none");
  std::string text;
  llvm::raw_string_ostream os(text);
  module.print(os);
  auto hash = llvm::SHA256::hash(llvm::arrayRefFromStringRef(text));
  program.hash = "sha256:" + llvm::toHex(hash, /*LowerCase=*/true);
  return program;
}

FunctionDescription *ProgramDescription::find(StringRef name) {
  for (FunctionDescription &function : functions)
    if (function.name == name)
      return &function;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// To the manifest
//===----------------------------------------------------------------------===//

static json::Value toJson(const StrideDescription &stride, std::string symbol) {
  switch (stride.kind) {
  case StrideDescription::Kind::Any:
    return nullptr;
  case StrideDescription::Kind::Unit:
    return 1;
  case StrideDescription::Kind::Symbol:
    if (stride.multiple == 1)
      return std::move(symbol);
    return json::Object{{"symbol", std::move(symbol)},
                        {"multiple", stride.multiple}};
  }
  llvm_unreachable("no such kind");
}

static json::Object toJson(const TensorDescription &tensor, bool isByValue) {
  json::Object object{{"name", tensor.name},
                      {"dtype", tensor.dtype},
                      {"sizes", json::Array(tensor.sizes)}};
  if (isByValue)
    object["space"] = "host";
  if (tensor.alignment)
    object["alignment"] = tensor.alignment;
  if (llvm::all_of(tensor.strides, [](const StrideDescription &stride) {
        return stride.kind == StrideDescription::Kind::Any;
      }))
    return object;
  json::Array strides;
  for (auto [dim, stride] : llvm::enumerate(tensor.strides))
    strides.push_back(::toJson(stride, tensor.getStrideSymbol(dim)));
  object["strides"] = std::move(strides);
  return object;
}

json::Object FunctionDescription::toJson() const {
  json::Array argumentList, resultList;
  // Kernels get scalars by value; host code reads them where they are.
  for (const TensorDescription &argument : arguments)
    argumentList.push_back(
        ::toJson(argument, !plans.empty() && !isa<ShapedType>(argument.type)));
  for (const Result &result : results)
    resultList.push_back(
        result.inplace
            ? json::Object{{"inplace", arguments[*result.inplace].name}}
            : ::toJson(result.tensor, /*isByValue=*/false));
  json::Object object{{"name", name},
                      {"arguments", std::move(argumentList)},
                      {"results", std::move(resultList)}};
  if (hasHostCode)
    object["host"] = name;
  if (!requirements.empty())
    object["require"] = json::Array(requirements);
  if (!plans.empty())
    object["plans"] = json::Array(plans);
  return object;
}

json::Object ProgramDescription::toJson() const {
  json::Array list;
  for (const FunctionDescription &function : functions)
    list.push_back(function.toJson());
  return json::Object{{"functions", std::move(list)}, {"source_hash", hash}};
}
