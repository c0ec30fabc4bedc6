//===- Support.h - errors and checksums of the runtime ----------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_RUNTIME_SUPPORT_H
#define LINATTN_RUNTIME_SUPPORT_H

#include "linattn-c/Runtime.h"

#include <cstdarg>
#include <cstddef>

namespace linattn {
namespace runtime {

/// Where a function of the C API reports to. The first error stays.
class Diagnostic {
public:
  explicit Diagnostic(linattn_error *error);

  /// Stores an error, unless there is one already. Always returns false, so
  /// that `return diag.fail(...)` leaves a function that returns success.
  bool fail(int32_t code, const char *format, ...)
      __attribute__((format(printf, 3, 4)));

  int32_t getCode() const { return code; }

private:
  linattn_error *error;
  int32_t code = LINATTN_OK;
};

/// The CRC-32 of zlib, PNG and Ethernet. `seed` is the result for what comes
/// before `data`.
uint32_t computeCrc32(const void *data, size_t size, uint32_t seed = 0);

/// The name of a `linattn_dtype`, "?" for other values.
const char *getDtypeName(int64_t dtype);
/// The bytes of an element of a `linattn_dtype`, 0 for other values.
int64_t getDtypeBytes(int64_t dtype);

} // namespace runtime
} // namespace linattn

#endif // LINATTN_RUNTIME_SUPPORT_H
