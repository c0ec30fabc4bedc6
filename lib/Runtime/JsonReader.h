//===- JsonReader.h - strict reading of JSON objects ------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_RUNTIME_JSONREADER_H
#define LINATTN_RUNTIME_JSONREADER_H

#include "Json.h"
#include "Support.h"

#include <initializer_list>

namespace linattn {
namespace runtime {

/// A place in a JSON text: a value, and how to get there from the top, for
/// messages. Missing values are allowed as places; reading them fails.
class JsonPlace {
public:
  JsonPlace(const JsonValue *value, std::string path, Diagnostic &diag)
      : value(value), path(std::move(path)), diag(&diag) {}

  bool exists() const { return value; }
  bool isArray() const { return is(JsonValue::Kind::Array); }
  bool isObject() const { return is(JsonValue::Kind::Object); }
  bool isString() const { return is(JsonValue::Kind::String); }
  bool isInteger() const { return is(JsonValue::Kind::Integer); }
  bool isNull() const { return is(JsonValue::Kind::Null); }

  /// The elements of an array, and the fields of an object.
  size_t size() const { return value ? value->elements.size() : 0; }
  JsonPlace operator[](size_t index) const;
  JsonPlace operator[](const char *key) const;

  /// Checks the kind of value; `allowed` are all fields that an object may
  /// have.
  bool checkObject(std::initializer_list<const char *> allowed) const;
  bool checkArray(size_t minSize, size_t maxSize) const;

  bool read(std::string &result) const;
  bool read(int64_t &result, int64_t minimum, int64_t maximum) const;
  bool read(bool &result) const;
  /// An identifier: letters, digits, underscores, dots and dollar signs that
  /// do not start with a digit.
  bool readName(std::string &result) const;
  /// One of `words`; the result is its number.
  bool readWord(std::initializer_list<const char *> words, int &result) const;

  /// Reports at this place. Returns false.
  bool fail(const char *format, ...) const
      __attribute__((format(printf, 2, 3)));
  bool failExpected(const char *what) const;

private:
  bool is(JsonValue::Kind kind) const { return value && value->kind == kind; }

  const JsonValue *value;
  std::string path;
  Diagnostic *diag;
};

} // namespace runtime
} // namespace linattn

#endif // LINATTN_RUNTIME_JSONREADER_H
