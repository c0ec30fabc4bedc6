//===- Json.h - JSON values -------------------------------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_RUNTIME_JSON_H
#define LINATTN_RUNTIME_JSON_H

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace linattn {
namespace runtime {

/// A JSON value. Manifests have no numbers but 64-bit integers.
struct JsonValue {
  enum class Kind { Null, Boolean, Integer, String, Array, Object };

  Kind kind = Kind::Null;
  bool boolean = false;
  int64_t integer = 0;
  std::string string;
  std::vector<JsonValue> elements;
  std::vector<std::pair<std::string, JsonValue>> fields;

  const JsonValue *find(std::string_view name) const;
};

/// Reads strict JSON of a bounded depth, without a field that occurs twice and
/// without numbers that are not 64-bit integers. If the text is not that,
/// returns false, why, and where.
bool parseJson(std::string_view text, JsonValue &value, std::string &problem,
               size_t &offset);

} // namespace runtime
} // namespace linattn

#endif // LINATTN_RUNTIME_JSON_H
