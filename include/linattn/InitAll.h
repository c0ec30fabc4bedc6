//===- InitAll.h - registers everything for the tools -----------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_INITALL_H
#define LINATTN_INITALL_H

namespace mlir {
class DialectRegistry;

namespace linattn {

/// Adds the linattn dialect and its extensions of upstream dialects.
void registerAllDialects(DialectRegistry &registry);

/// Registers every pass and pipeline of the project.
void registerAllPasses();

/// What a tool prints when it crashes.
const char *getBugReportMessage();

} // namespace linattn
} // namespace mlir

#endif // LINATTN_INITALL_H
