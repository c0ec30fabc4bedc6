//===- DimRoleTest.cpp - roles of the dimensions of operands --------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Linattn/IR/Linattn.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::linattn;

namespace {

using Roles = SmallVector<DimRole>;

class DimRoles : public ::testing::Test {
protected:
  DimRoles() { context.loadDialect<LinattnDialect, func::FuncDialect>(); }

  /// Parses `function` and returns the first op of the dialect in it.
  Operation *parse(StringRef function) {
    module = parseSourceString<ModuleOp>(function, &context);
    Operation *found = nullptr;
    if (module)
      module->walk([&](DimRoleOpInterface op) { found = op; });
    return found;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

TEST(DimRole, FindRoleGivesThePosition) {
  Roles roles = {DimRole::Batch, DimRole::Token, DimRole::Head};
  EXPECT_EQ(findRole(roles, DimRole::Head), 2u);
  EXPECT_EQ(findRole(roles, DimRole::Channel), std::nullopt);
}

TEST(DimRole, GroupedHeadsDivide) {
  EXPECT_TRUE(isGroupedHead(DimRole::QueryHead));
  EXPECT_TRUE(isGroupedHead(DimRole::KeyHead));
  EXPECT_TRUE(isGroupedHead(DimRole::ValueHead));
  EXPECT_FALSE(isGroupedHead(DimRole::Head));
}

TEST_F(DimRoles, LayoutSwapsTokensAndHeads) {
  Operation *op = parse(R"mlir(
    func.func @f(%q: tensor<1x4x?x8xf32>, %k: tensor<1x2x?x8xf32>,
                 %v: tensor<1x4x?x16xf32>, %g: tensor<1x4x?xf32>,
                 %h: tensor<4xf32>, %o: tensor<1x4x?x16xf32>)
        -> tensor<1x4x?x16xf32> {
      %0 = linattn.attention
          ins(%q, %k, %v : tensor<1x4x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x4x?x16xf32>)
          key_decay(%g : tensor<1x4x?xf32>) value_decay(%h : tensor<4xf32>)
          outs(%o : tensor<1x4x?x16xf32>) {layout = #linattn.layout<bhnd>}
          -> tensor<1x4x?x16xf32>
      return %0 : tensor<1x4x?x16xf32>
    })mlir");
  ASSERT_TRUE(op);
  auto roles = cast<DimRoleOpInterface>(op);
  EXPECT_EQ(roles.getDimRoles(1), (Roles{DimRole::Batch, DimRole::KeyHead,
                                         DimRole::Token, DimRole::KeyChannel}));
  EXPECT_EQ(roles.getDimRoles(3),
            (Roles{DimRole::Batch, DimRole::Head, DimRole::Token}));
  EXPECT_EQ(roles.getDimRoles(4), (Roles{DimRole::Head}));
  EXPECT_EQ(roles.getDimRoles(5),
            (Roles{DimRole::Batch, DimRole::Head, DimRole::Token,
                   DimRole::ValueChannel}));
  EXPECT_EQ(roles.getOperandName(3), "key_decay");
  EXPECT_EQ(getKeyDecayClass(op)->getName(), "scalar");
  EXPECT_EQ(getValueDecayClass(op)->getName(), "const");
}

TEST_F(DimRoles, StepKeepsTheRolesOfOneToken) {
  Operation *op = parse(R"mlir(
    func.func @f(%q: tensor<2x4x8xf32>, %g: tensor<2x4xf32>,
                 %o: tensor<2x4x8xf32>, %s: tensor<2x4x8x8xf32>)
        -> (tensor<2x4x8xf32>, tensor<2x4x8x8xf32>) {
      %0:2 = linattn.step
          ins(%q, %q, %q : tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>)
          key_decay(%g : tensor<2x4xf32>)
          outs(%o, %s : tensor<2x4x8xf32>, tensor<2x4x8x8xf32>)
          -> tensor<2x4x8xf32>, tensor<2x4x8x8xf32>
      return %0#0, %0#1 : tensor<2x4x8xf32>, tensor<2x4x8x8xf32>
    })mlir");
  ASSERT_TRUE(op);
  EXPECT_EQ(getKeyDecayClass(op)->getName(), "scalar");
  EXPECT_EQ(cast<DimRoleOpInterface>(op).getDimRoles(3),
            (Roles{DimRole::Batch, DimRole::Head}));
  EXPECT_FALSE(getValueDecayClass(op));
}

TEST_F(DimRoles, OffsetsForbidSlicesOfTheBatch) {
  Operation *op = parse(R"mlir(
    func.func @f(%q: tensor<1x?x4x8xf32>, %offsets: tensor<?xi32>)
        -> tensor<1x?x4x8xf32> {
      %0 = linattn.attention
          ins(%q, %q, %q : tensor<1x?x4x8xf32>, tensor<1x?x4x8xf32>, tensor<1x?x4x8xf32>)
          offsets(%offsets : tensor<?xi32>)
          outs(%q : tensor<1x?x4x8xf32>) -> tensor<1x?x4x8xf32>
      return %0 : tensor<1x?x4x8xf32>
    })mlir");
  ASSERT_TRUE(op);
  EXPECT_FALSE(llvm::is_contained(
      cast<DimRoleOpInterface>(op).getParallelRoles(), DimRole::Batch));
}

} // namespace
