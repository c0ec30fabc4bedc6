//===- linattn-capi-test.c - the dialect and the passes from C ----*- C -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn-c/Dialect.h"

#include "mlir-c/Dialect/Func.h"
#include "mlir-c/Pass.h"
#include "mlir-c/Transforms.h"

#include <stdio.h>

static const char *const program =
    "func.func @slopes() -> tensor<2xf32> {\n"
    "  %0 = linattn.slopes <released> layer 0 of 1 : tensor<2xf32>\n"
    "  return %0 : tensor<2xf32>\n"
    "}\n";

static void print(MlirStringRef text, void *file) {
  fwrite(text.data, 1, text.length, file);
}

static int fail(const char *what) {
  fprintf(stderr, "error: %s\n", what);
  return 1;
}

int main(void) {
  MlirContext context = mlirContextCreate();
  MlirDialectRegistry registry = mlirDialectRegistryCreate();
  linattnRegisterAllDialects(registry);
  mlirDialectHandleInsertDialect(mlirGetDialectHandle__func__(), registry);
  mlirContextAppendDialectRegistry(context, registry);
  mlirDialectRegistryDestroy(registry);
  linattnRegisterAllPasses();
  mlirRegisterTransformsPasses();

  MlirDialect dialect =
      mlirDialectHandleLoadDialect(mlirGetDialectHandle__linattn__(), context);
  if (mlirDialectIsNull(dialect))
    return fail("cannot load the dialect");
  printf("dialect ");
  print(mlirDialectGetNamespace(dialect), stdout);
  printf("\n");

  mlirContextGetOrLoadDialect(context, mlirStringRefCreateFromCString("func"));
  MlirModule module =
      mlirModuleCreateParse(context, mlirStringRefCreateFromCString(program));
  if (mlirModuleIsNull(module))
    return fail("cannot parse");
  mlirOperationPrint(mlirModuleGetOperation(module), print, stdout);

  MlirPassManager passes = mlirPassManagerCreate(context);
  if (mlirLogicalResultIsFailure(mlirParsePassPipeline(
          mlirPassManagerGetAsOpPassManager(passes),
          mlirStringRefCreateFromCString(
              "builtin.module(func.func(linattn-set-schedule,canonicalize))"),
          print, stderr)))
    return fail("cannot parse the pipeline");
  if (mlirLogicalResultIsFailure(
          mlirPassManagerRunOnOp(passes, mlirModuleGetOperation(module))))
    return fail("cannot run the pipeline");
  mlirOperationPrint(mlirModuleGetOperation(module), print, stdout);

  mlirPassManagerDestroy(passes);
  mlirModuleDestroy(module);
  mlirContextDestroy(context);
  return 0;
}
