//===- InitTest.cpp - registers what only tests use -----------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InitTest.h"

#include "mlir/IR/DialectRegistry.h"

using namespace mlir;

void linattn::test::registerTestExtensions(DialectRegistry &registry) {
  registerTestDecayClass(registry);
}

void linattn::test::registerTestPasses() {}
