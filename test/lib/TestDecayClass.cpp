//===- TestDecayClass.cpp - a decay class that the dialect lacks ----------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One log-decay per head and channel, the same for all tokens: diagonal state
// space models, RWKV-4 and RWKV-5. This file is all that such a class takes:
// no other file of the dialect knows it.
//
//===----------------------------------------------------------------------===//

#include "InitTest.h"

#include "linattn/Dialect/Linattn/IR/Linattn.h"

using namespace mlir;
using namespace mlir::linattn;

namespace {
class TestChannelDecay : public ConstantDecayClass {
public:
  StringRef getName() const override { return "test_channel"; }
  ArrayRef<DimRole> getRoles() const override {
    static const DimRole roles[] = {DimRole::Head, DimRole::Channel};
    return roles;
  }
};
} // namespace

void linattn::test::registerTestDecayClass(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *, LinattnDialect *dialect) {
    dialect->addDecayClass(std::make_unique<TestChannelDecay>());
  });
}
