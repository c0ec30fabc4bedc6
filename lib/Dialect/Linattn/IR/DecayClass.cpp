//===- DecayClass.cpp - what a decay operand means ------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Linattn/IR/DecayClass.h"

#include "linattn/Dialect/Linattn/IR/Linattn.h"

using namespace mlir;
using namespace mlir::linattn;

DecayClass::~DecayClass() = default;

bool DecayClass::hasRole(DimRole role) const {
  return llvm::is_contained(getRoles(), role);
}

Value DecayClass::buildSpan(OpBuilder &, Location, Value, Value,
                            int64_t) const {
  llvm_unreachable("only uniform decay classes have spans");
}

Value ConstantDecayClass::buildPrefix(OpBuilder &b, Location loc, Value decay, Value valid, int64_t chunk) const { return {}; }
Value ConstantDecayClass::buildSuffix(OpBuilder &b, Location loc, Value decay, Value valid, int64_t chunk) const { return {}; }
Value ConstantDecayClass::buildTotal(OpBuilder &b, Location loc, Value decay, Value valid, int64_t chunk) const { return {}; }
Value ConstantDecayClass::buildSpan(OpBuilder &b, Location loc, Value decay, Value valid, int64_t chunk) const { return {}; }
Value TokenDecayClass::buildPrefix(OpBuilder &b, Location loc, Value decay, Value valid, int64_t chunk) const { return {}; }
Value TokenDecayClass::buildSuffix(OpBuilder &b, Location loc, Value decay, Value valid, int64_t chunk) const { return {}; }
Value TokenDecayClass::buildTotal(OpBuilder &b, Location loc, Value decay, Value valid, int64_t chunk) const { return {}; }
Value TokenDecayClass::buildSpan(OpBuilder &b, Location loc, Value decay, Value valid, int64_t chunk) const { return {}; }

namespace {
/// One log-decay per head: Lightning Attention, TransNormerLLM, RetNet.
class ConstDecay : public ConstantDecayClass {
public:
  StringRef getName() const override { return "const"; }
  ArrayRef<DimRole> getRoles() const override {
    static const DimRole roles[] = {DimRole::Head};
    return roles;
  }
};

/// One log-decay per token and head: Mamba-2.
class ScalarDecay : public TokenDecayClass {
public:
  StringRef getName() const override { return "scalar"; }
  ArrayRef<DimRole> getRoles() const override {
    static const DimRole roles[] = {DimRole::Batch, DimRole::Token,
                                    DimRole::Head};
    return roles;
  }
};

/// One log-decay per token, head and channel: HGRN2, GLA.
class VectorDecay : public TokenDecayClass {
public:
  StringRef getName() const override { return "vector"; }
  ArrayRef<DimRole> getRoles() const override {
    static const DimRole roles[] = {DimRole::Batch, DimRole::Token,
                                    DimRole::Head, DimRole::Channel};
    return roles;
  }
};
} // namespace

void mlir::linattn::registerBuiltinDecayClasses(LinattnDialect &dialect) {
  dialect.addDecayClass(std::make_unique<ConstDecay>());
  dialect.addDecayClass(std::make_unique<ScalarDecay>());
  dialect.addDecayClass(std::make_unique<VectorDecay>());
}
