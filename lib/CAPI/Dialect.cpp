//===- Dialect.cpp - C API of the linattn dialect -------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn-c/Dialect.h"

#include "linattn/Dialect/Linattn/IR/Linattn.h"
#include "linattn/InitAll.h"

#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Registration.h"

MLIR_DEFINE_CAPI_DIALECT_REGISTRATION(Linattn, linattn,
                                      mlir::linattn::LinattnDialect)

void linattnRegisterAllDialects(MlirDialectRegistry registry) {
  mlir::linattn::registerAllDialects(*unwrap(registry));
}

void linattnRegisterAllPasses() { mlir::linattn::registerAllPasses(); }
