//===- Json.cpp - JSON values ---------------------------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Json.h"

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

using namespace linattn::runtime;

const JsonValue *JsonValue::find(std::string_view name) const {
  for (auto &[key, value] : fields)
    if (key == name)
      return &value;
  return nullptr;
}

namespace {
// NOLINTBEGIN(readability-identifier-naming): the parser prescribes the names.
/// Builds a value from the events of the parser. A handler that returns false
/// ends parsing.
class Builder {
public:
  explicit Builder(JsonValue &root) : root(root) {}

  const std::string &getProblem() const { return problem; }

  bool Null() { return add(JsonValue()); }
  bool Bool(bool boolean) {
    JsonValue value;
    value.kind = JsonValue::Kind::Boolean;
    value.boolean = boolean;
    return add(std::move(value));
  }
  bool Int(int integer) { return Int64(integer); }
  bool Uint(unsigned integer) { return Int64(integer); }
  bool Int64(int64_t integer) {
    JsonValue value;
    value.kind = JsonValue::Kind::Integer;
    value.integer = integer;
    return add(std::move(value));
  }
  bool Uint64(uint64_t integer) {
    return integer <= INT64_MAX ? Int64(static_cast<int64_t>(integer))
                                : fail("An integer exceeds 64 bits.");
  }
  bool Double(double) { return fail("A number is not a 64-bit integer."); }
  bool RawNumber(const char *, unsigned, bool) { return false; }
  bool String(const char *text, unsigned length, bool) {
    JsonValue value;
    value.kind = JsonValue::Kind::String;
    value.string.assign(text, length);
    return add(std::move(value));
  }
  bool Key(const char *text, unsigned length, bool) {
    key.assign(text, length);
    return !open.back()->find(key) || fail("A field occurs twice.");
  }
  bool StartObject() { return start(JsonValue::Kind::Object); }
  bool StartArray() { return start(JsonValue::Kind::Array); }
  bool EndObject(unsigned) { return end(); }
  bool EndArray(unsigned) { return end(); }
  // NOLINTEND(readability-identifier-naming)

private:
  static constexpr size_t kMaxDepth = 512;

  bool fail(const char *text) {
    problem = text;
    return false;
  }

  /// Where a value goes. It stays there while its own elements are read:
  /// nothing is added to what holds it before its end.
  JsonValue *place(JsonValue &&value) {
    if (open.empty()) {
      root = std::move(value);
      return &root;
    }
    JsonValue *parent = open.back();
    if (parent->kind == JsonValue::Kind::Array) {
      parent->elements.push_back(std::move(value));
      return &parent->elements.back();
    }
    parent->fields.emplace_back(std::move(key), std::move(value));
    key.clear();
    return &parent->fields.back().second;
  }
  bool add(JsonValue &&value) {
    place(std::move(value));
    return true;
  }
  bool start(JsonValue::Kind kind) {
    if (open.size() >= kMaxDepth)
      return fail("The nesting is too deep.");
    JsonValue value;
    value.kind = kind;
    open.push_back(place(std::move(value)));
    return true;
  }
  bool end() {
    open.pop_back();
    return true;
  }

  JsonValue &root;
  std::vector<JsonValue *> open;
  std::string key, problem;
};
} // namespace

bool linattn::runtime::parseJson(std::string_view text, JsonValue &value,
                                 std::string &problem, size_t &offset) {
  // RapidJSON takes a null byte for the end.
  offset = text.find('\0');
  if (offset != text.npos) {
    problem = "A null byte.";
    return false;
  }
  // Parsing is iterative, so that depth costs no stack.
  constexpr unsigned kFlags =
      rapidjson::kParseValidateEncodingFlag | rapidjson::kParseIterativeFlag;
  rapidjson::MemoryStream memory(text.data(), text.size());
  rapidjson::EncodedInputStream<rapidjson::UTF8<>, rapidjson::MemoryStream>
      stream(memory);
  rapidjson::Reader reader;
  Builder builder(value);
  if (reader.Parse<kFlags>(stream, builder))
    return true;
  offset = reader.GetErrorOffset();
  problem = builder.getProblem().empty()
                ? rapidjson::GetParseError_En(reader.GetParseErrorCode())
                : builder.getProblem();
  return false;
}
