//===- linattn-opt.cpp - runs passes on linattn programs ------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/InitAll.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/PrettyStackTrace.h"

#ifdef LINATTN_INCLUDE_TESTS
#include "InitTest.h"
#endif

int main(int argc, char **argv) {
  llvm::setBugReportMsg(mlir::linattn::getBugReportMessage());
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerAllPasses();
  mlir::linattn::registerAllDialects(registry);
  mlir::linattn::registerAllPasses();
#ifdef LINATTN_INCLUDE_TESTS
  mlir::linattn::test::registerTestExtensions(registry);
  mlir::linattn::test::registerTestPasses();
#endif
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv, "linattn: a compiler for linear attention\n", registry));
}
