//===- linattn-translate.cpp - translates between IRs ---------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/InitAll.h"
#include "linattn/Target/PTX.h"

#include "mlir/InitAllTranslations.h"
#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"
#include "llvm/Support/PrettyStackTrace.h"

int main(int argc, char **argv) {
  llvm::setBugReportMsg(mlir::linattn::getBugReportMessage());
  mlir::registerAllTranslations();
  mlir::linattn::registerToPTXTranslation();
  return failed(
      mlir::mlirTranslateMain(argc, argv, "linattn: translation to PTX"));
}
