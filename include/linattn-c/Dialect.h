//===- Dialect.h - C API of the linattn dialect -------------------*- C -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_C_DIALECT_H
#define LINATTN_C_DIALECT_H

#include "mlir-c/IR.h"

#ifdef __cplusplus
extern "C" {
#endif

/* mlirGetDialectHandle__linattn__(): the handle with which
 * mlirDialectHandleRegisterDialect and mlirDialectHandleLoadDialect work. */
MLIR_DECLARE_CAPI_DIALECT_REGISTRATION(Linattn, linattn);

/* Adds the linattn dialect and its extensions of upstream dialects: the model
 * for bufferization and the ops of the transform dialect, for example. */
MLIR_CAPI_EXPORTED void
linattnRegisterAllDialects(MlirDialectRegistry registry);

/* Registers every pass and pipeline of the project, so that
 * mlirParsePassPipeline knows them. */
MLIR_CAPI_EXPORTED void linattnRegisterAllPasses(void);

#ifdef __cplusplus
}
#endif

#endif /* LINATTN_C_DIALECT_H */
