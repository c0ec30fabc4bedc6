//===- InitTest.h - registers what only tests use ---------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_TEST_LIB_INITTEST_H
#define LINATTN_TEST_LIB_INITTEST_H

namespace mlir {
class DialectRegistry;

namespace linattn {
namespace test {

/// Adds test-only extensions of the dialect, decay classes for example.
void registerTestExtensions(DialectRegistry &registry);

/// Adds the decay class `test_channel`.
void registerTestDecayClass(DialectRegistry &registry);

/// Registers test-only passes.
void registerTestPasses();

} // namespace test
} // namespace linattn
} // namespace mlir

#endif // LINATTN_TEST_LIB_INITTEST_H
