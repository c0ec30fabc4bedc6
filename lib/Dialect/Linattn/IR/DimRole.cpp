//===- DimRole.cpp - roles of the dimensions of operands ------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Linattn/IR/DimRole.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/ErrorHandling.h"

using namespace mlir;
using namespace mlir::linattn;

StringRef mlir::linattn::stringifyDimRole(DimRole role) {
  switch (role) {
  case DimRole::Batch:
    return "batch";
  case DimRole::Sequence:
    return "sequence";
  case DimRole::Boundary:
    return "sequence boundary";
  case DimRole::Token:
    return "token";
  case DimRole::Head:
    return "head";
  case DimRole::QueryHead:
    return "query head";
  case DimRole::KeyHead:
    return "key head";
  case DimRole::ValueHead:
    return "value head";
  case DimRole::KeyChannel:
    return "key channel";
  case DimRole::ValueChannel:
    return "value channel";
  case DimRole::Channel:
    return "channel";
  }
  llvm_unreachable("unknown role");
}

bool mlir::linattn::isGroupedHead(DimRole role) {
  return role == DimRole::QueryHead || role == DimRole::KeyHead ||
         role == DimRole::ValueHead;
}

std::optional<unsigned> mlir::linattn::findRole(ArrayRef<DimRole> roles,
                                                DimRole role) {
  const auto *it = llvm::find(roles, role);
  if (it == roles.end())
    return std::nullopt;
  return it - roles.begin();
}
