//===- consumer.cpp - a program that stands on an installed linattn -------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Linattn/IR/Linattn.h"
#include "linattn/Dialect/Linattn/Transforms/Passes.h"
#include "linattn/InitAll.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

static const char *const program = R"mlir(
  func.func @f(%q: tensor<1x?x2x16xf32>, %g: tensor<2xf32>,
               %o: tensor<1x?x2x16xf32>) -> tensor<1x?x2x16xf32> {
    %0 = linattn.attention
        ins(%q, %q, %q : tensor<1x?x2x16xf32>, tensor<1x?x2x16xf32>, tensor<1x?x2x16xf32>)
        key_decay(%g : tensor<2xf32>) outs(%o : tensor<1x?x2x16xf32>)
        -> tensor<1x?x2x16xf32>
    return %0 : tensor<1x?x2x16xf32>
  }
)mlir";

static unsigned numChecks = 0;

static void check(bool condition, const char *what) {
  if (!condition) {
    llvm::errs() << "consumer: expects " << what << "\n";
    exit(1);
  }
  ++numChecks;
}

static unsigned countLinattnOps(ModuleOp module) {
  unsigned count = 0;
  module.walk([&](Operation *op) {
    count += isa_and_nonnull<linattn::LinattnDialect>(op->getDialect());
  });
  return count;
}

int main() {
  DialectRegistry registry;
  registry.insert<func::FuncDialect>();
  linattn::registerAllDialects(registry);
  MLIRContext context(registry);

  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(program, &context);
  check(bool(module), "a program that parses");
  check(countLinattnOps(*module) == 1, "one linattn op in the program");

  PassManager pm(&context);
  OpPassManager &functions = pm.nest<func::FuncOp>();
  linattn::LinattnSetScheduleOptions options;
  options.chunk = 32;
  options.subChunk = 16;
  functions.addPass(linattn::createLinattnSetSchedule(options));
  functions.addPass(linattn::createLinattnToBlocks());
  functions.addPass(linattn::createLinattnDecomposeBlocks());
  check(succeeded(pm.run(*module)), "the passes to succeed");
  check(countLinattnOps(*module) == 0, "no linattn op in the normal form");

  llvm::outs() << "consumer: " << numChecks << " checks passed\n";
  return 0;
}
