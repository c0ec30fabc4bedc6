//===- HostArtifact.cpp - artifacts that hold host code -------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Driver/HostArtifact.h"

#include "linattn/ABI/Interface.h"
#include "linattn/Artifact/Artifact.h"
#include "linattn/Driver/Npy.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace mlir::linattn;
namespace json = llvm::json;

/// A name for the manifest: that of the location, if it has one that is free.
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

/// A dynamic size is a symbol of its own for an argument, and unknown for a
/// result: the code itself knows how they relate.
static json::Object describeTensor(const Parameter &parameter,
                                   const std::string &name, bool isResult) {
  json::Array sizes;
  for (auto [dim, size] : llvm::enumerate(parameter.getShape())) {
    if (!ShapedType::isDynamic(size))
      sizes.push_back(size);
    else if (isResult)
      sizes.push_back(nullptr);
    else
      sizes.push_back(name + "." + std::to_string(dim));
  }
  return json::Object{
      {"name", name},
      {"dtype", getDtypeName(*getDtype(parameter.getElementType()))},
      {"sizes", std::move(sizes)}};
}

static FailureOr<json::Object> describeFunction(func::FuncOp func) {
  FailureOr<Interface> interface = getSourceInterface(func);
  if (failed(interface))
    return failure();
  llvm::StringSet<> used;
  json::Array arguments, results;
  SmallVector<std::string> names;
  for (auto [index, argument] : llvm::enumerate(interface->arguments)) {
    names.push_back(
        makeName(func.getArgument(index).getLoc(), "arg" + Twine(index), used));
    arguments.push_back(
        describeTensor(argument, names.back(), /*isResult=*/false));
  }
  for (auto [index, result] : llvm::enumerate(interface->results)) {
    if (std::optional<unsigned> argument =
            interface->getInplaceArgument(index)) {
      results.push_back(json::Object{{"inplace", names[*argument]}});
      continue;
    }
    std::string name = makeName(UnknownLoc::get(func.getContext()),
                                "result" + Twine(index), used);
    results.push_back(describeTensor(result, name, /*isResult=*/true));
  }
  return json::Object{{"name", func.getSymName()},
                      {"host", func.getSymName()},
                      {"arguments", std::move(arguments)},
                      {"results", std::move(results)}};
}

FailureOr<json::Object> mlir::linattn::describeHostProgram(ModuleOp module) {
  json::Array functions;
  for (auto func : module.getOps<func::FuncOp>()) {
    if (!func.isPublic())
      continue;
    FailureOr<json::Object> function = describeFunction(func);
    if (failed(function))
      return failure();
    functions.push_back(std::move(*function));
  }
  if (functions.empty())
    return module.emitError("expected a public function to put into the "
                            "artifact, but got none");
  std::string text;
  llvm::raw_string_ostream os(text);
  module.print(os);
  auto hash = llvm::SHA256::hash(llvm::arrayRefFromStringRef(text));
  return json::Object{
      {"functions", std::move(functions)},
      {"source_hash", "sha256:" + llvm::toHex(hash, /*LowerCase=*/true)}};
}

llvm::Expected<std::string>
mlir::linattn::makeHostArtifact(json::Object manifest, StringRef sharedLibrary,
                                const llvm::TargetMachine &targetMachine) {
  ArtifactWriter writer;
  writer.manifest = std::move(manifest);
  int64_t blob = writer.addBlob(ArtifactWriter::BlobKind::Host, sharedLibrary);
  writer.manifest["host"] =
      json::Object{{"arch", targetMachine.getTargetTriple().getArchName()},
                   {"blob", blob},
                   {"cpu", targetMachine.getTargetCPU()}};
  return writer.write();
}
