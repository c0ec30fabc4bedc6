//===- JsonReader.cpp - strict reading of JSON objects --------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "JsonReader.h"

#include <cstdio>

using namespace linattn::runtime;

JsonPlace JsonPlace::operator[](size_t index) const {
  return JsonPlace(index < size() ? &value->elements[index] : nullptr,
                   path + "[" + std::to_string(index) + "]", *diag);
}

JsonPlace JsonPlace::operator[](const char *key) const {
  return JsonPlace(value ? value->find(key) : nullptr,
                   path.empty() ? std::string(key) : path + "." + key, *diag);
}

bool JsonPlace::fail(const char *format, ...) const {
  char text[384];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  return diag->fail(LINATTN_BAD_ARTIFACT, "manifest: %.100s: %s",
                    path.empty() ? "top" : path.c_str(), text);
}

static const char *getTypeName(const JsonValue *value) {
  if (!value)
    return "nothing";
  static const char *const names[] = {"null",     "a boolean", "an integer",
                                      "a string", "an array",  "an object"};
  return names[static_cast<int>(value->kind)];
}

bool JsonPlace::failExpected(const char *what) const {
  return fail("expected %s, but got %s", what, getTypeName(value));
}

bool JsonPlace::checkObject(std::initializer_list<const char *> allowed) const {
  if (!isObject())
    return failExpected("an object");
  for (auto &[key, field] : value->fields) {
    bool known = false;
    for (const char *name : allowed)
      known |= key == name;
    if (!known)
      return fail("unknown field '%.60s'", key.c_str());
  }
  return true;
}

bool JsonPlace::checkArray(size_t minSize, size_t maxSize) const {
  if (!isArray())
    return failExpected("an array");
  if (size() < minSize || size() > maxSize)
    return fail("expected %zu to %zu elements, but got %zu", minSize, maxSize,
                size());
  return true;
}

bool JsonPlace::read(std::string &result) const {
  if (!isString())
    return failExpected("a string");
  result = value->string;
  return true;
}

bool JsonPlace::read(int64_t &result, int64_t minimum, int64_t maximum) const {
  if (!isInteger())
    return failExpected("an integer");
  result = value->integer;
  if (result < minimum || result > maximum)
    return fail("expected an integer from %lld to %lld, but got %lld",
                static_cast<long long>(minimum),
                static_cast<long long>(maximum),
                static_cast<long long>(result));
  return true;
}

bool JsonPlace::read(bool &result) const {
  if (!is(JsonValue::Kind::Boolean))
    return failExpected("a boolean");
  result = value->boolean;
  return true;
}

bool JsonPlace::readName(std::string &result) const {
  if (!read(result))
    return false;
  bool valid = !result.empty() && result.size() <= 1024 &&
               !(result[0] >= '0' && result[0] <= '9');
  for (char c : result)
    valid &= (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
             (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '$';
  return valid || fail("expected a name, but got '%.60s'", result.c_str());
}

bool JsonPlace::readWord(std::initializer_list<const char *> words,
                         int &result) const {
  std::string text;
  if (!read(text))
    return false;
  result = 0;
  for (const char *word : words) {
    if (text == word)
      return true;
    ++result;
  }
  std::string list;
  for (const char *word : words)
    list += std::string(list.empty() ? "" : ", ") + word;
  return fail("expected one of %s, but got '%.60s'", list.c_str(),
              text.c_str());
}
