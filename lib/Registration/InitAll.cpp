//===- InitAll.cpp - registers everything for the tools -------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/InitAll.h"

#include "linattn/ABI/Passes.h"
#include "linattn/Dialect/Linattn/IR/Linattn.h"
#include "linattn/Dialect/Linattn/TransformOps/LinattnTransformOps.h"
#include "linattn/Dialect/Linattn/Transforms/BufferizableOpInterfaceImpl.h"
#include "linattn/Dialect/Linattn/Transforms/Passes.h"
#include "linattn/Dialect/Tile/IR/Tile.h"
#include "linattn/Dialect/Tile/Transforms/Passes.h"
#include "linattn/Host/Passes.h"
#include "linattn/NormalForm/Passes.h"
#include "linattn/Pipelines/Pipelines.h"
#include "linattn/Planner/Passes.h"

#include "llvm/Support/Compiler.h"

using namespace mlir;

void linattn::registerAllDialects(DialectRegistry &registry) {
  registry.insert<LinattnDialect, tile::TileDialect>();
  registerBufferizableOpInterfaceExternalModels(registry);
  registerTransformDialectExtension(registry);
}

void linattn::registerAllPasses() {
  registerLinattnTransformsPasses();
  registerLinattnNormalFormPasses();
  registerLinattnHostPasses();
  registerHostPipelines();
  registerLinattnABIPasses();
  registerPipelines();
  tile::registerLinattnTilePasses();
  registerLinattnPlannerPasses();
  registerTilePipelines();
}

const char *linattn::getBugReportMessage() {
  return "PLEASE submit a bug report to the linattn project, with the input, "
         "the "
         "command line and the stack dump below.\n";
}

#if LLVM_ADDRESS_SANITIZER_BUILD
/// LLVM's allocators poison what they have not given out, and unpoison it as
/// they do. The half of this that is inside an MLIR built without the sanitizer
/// is missing: what it allocates in a slab that this project began would be an
/// error.
extern "C" LLVM_ATTRIBUTE_VISIBILITY_DEFAULT const char *
__asan_default_options() { // NOLINT(readability-identifier-naming)
  return "allow_user_poisoning=0";
}
#endif
