//===- Npy.cpp - arrays in NumPy's file format ---------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Driver/Npy.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::linattn;

int64_t Array::getNumElements() const {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

std::string mlir::linattn::formatShape(ArrayRef<int64_t> shape) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << '[';
  llvm::interleaveComma(shape, os, [&](int64_t size) {
    if (size < 0)
      os << '?';
    else
      os << size;
  });
  os << ']';
  return text;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace {
/// Reads the header: a Python dictionary with three known keys.
class HeaderParser {
public:
  HeaderParser(StringRef text) : rest(text) {}

  llvm::Error parse(std::string &descr, bool &fortranOrder,
                    SmallVectorImpl<int64_t> &shape);

private:
  bool consume(char c) {
    rest = rest.ltrim();
    return rest.consume_front(StringRef(&c, 1));
  }
  bool parseString(StringRef &text);
  bool parseBool(bool &value);
  bool parseShape(SmallVectorImpl<int64_t> &shape);

  StringRef rest;
};
} // namespace

bool HeaderParser::parseString(StringRef &text) {
  rest = rest.ltrim();
  if (rest.empty() || (rest[0] != '\'' && rest[0] != '"'))
    return false;
  size_t end = rest.find(rest[0], 1);
  if (end == StringRef::npos)
    return false;
  text = rest.slice(1, end);
  rest = rest.drop_front(end + 1);
  return true;
}

bool HeaderParser::parseBool(bool &value) {
  rest = rest.ltrim();
  value = rest.consume_front("True");
  return value || rest.consume_front("False");
}

bool HeaderParser::parseShape(SmallVectorImpl<int64_t> &shape) {
  if (!consume('('))
    return false;
  while (!consume(')')) {
    rest = rest.ltrim();
    StringRef digits = rest.take_while(llvm::isDigit);
    int64_t size;
    if (digits.empty() || digits.getAsInteger(10, size))
      return false;
    rest = rest.drop_front(digits.size());
    shape.push_back(size);
    if (consume(','))
      continue;
    // Python writes one element as "(3,)": "(3)" is a number.
    if (shape.size() < 2 || !consume(')'))
      return false;
    break;
  }
  return true;
}

llvm::Error HeaderParser::parse(std::string &descr, bool &fortranOrder,
                                SmallVectorImpl<int64_t> &shape) {
  bool hasDescr = false, hasOrder = false, hasShape = false;
  auto malformed = [](StringRef what) {
    return llvm::createStringError("malformed header: expected %s",
                                   what.str().c_str());
  };
  if (!consume('{'))
    return malformed("a dictionary");
  while (!consume('}')) {
    StringRef key;
    if (!parseString(key) || !consume(':'))
      return malformed("a key");
    if (key == "descr" && !hasDescr) {
      StringRef text;
      if (!parseString(text))
        return malformed("'descr' to be the name of a plain type");
      descr = text.str();
      hasDescr = true;
    } else if (key == "fortran_order" && !hasOrder) {
      if (!parseBool(fortranOrder))
        return malformed("'fortran_order' to be True or False");
      hasOrder = true;
    } else if (key == "shape" && !hasShape) {
      if (!parseShape(shape))
        return malformed("'shape' to be a tuple of sizes");
      hasShape = true;
    } else {
      return malformed("the keys 'descr', 'fortran_order' and 'shape' once");
    }
    if (!consume(',')) {
      if (!consume('}'))
        return malformed("',' or '}'");
      break;
    }
  }
  if (!rest.trim().empty())
    return malformed("nothing behind the dictionary");
  if (!hasDescr || !hasOrder || !hasShape)
    return malformed("the keys 'descr', 'fortran_order' and 'shape'");
  return llvm::Error::success();
}

/// The kind and size of `descr`, "<f4" becomes "f4", or an error.
static llvm::Expected<std::string> parseDescr(StringRef descr) {
  static constexpr StringLiteral known[] = {"f2", "f4", "f8", "i1", "i2", "i4",
                                            "i8", "u1", "u2", "u4", "u8", "b1"};
  StringRef type = descr;
  bool isBig = type.consume_front(">");
  if (!isBig && !type.consume_front("<") && !type.consume_front("="))
    type.consume_front("|");
  if (isBig && llvm::is_contained(known, type))
    return llvm::createStringError(
        "expected little-endian elements, but got '%s'", descr.str().c_str());
  if (!llvm::is_contained(known, type))
    return llvm::createStringError("expected elements of a floating-point, "
                                   "integer or boolean type, but got '%s'",
                                   descr.str().c_str());
  return type.str();
}

llvm::Expected<Array> mlir::linattn::parseNpy(StringRef content) {
  if (!content.consume_front("\x93NUMPY"))
    return llvm::createStringError("not an .npy file: it does not start with "
                                   "the magic string");
  if (content.size() < 2)
    return llvm::createStringError("truncated in the version");
  unsigned major = static_cast<uint8_t>(content[0]);
  unsigned minor = static_cast<uint8_t>(content[1]);
  content = content.drop_front(2);
  if ((major != 1 && major != 2) || minor != 0)
    return llvm::createStringError(
        "expected .npy version 1.0 or 2.0, but got %u.%u", major, minor);
  size_t lengthBytes = major == 1 ? 2 : 4;
  if (content.size() < lengthBytes)
    return llvm::createStringError("truncated in the header length");
  size_t length = major == 1 ? llvm::support::endian::read16le(content.data())
                             : llvm::support::endian::read32le(content.data());
  content = content.drop_front(lengthBytes);
  if (content.size() < length)
    return llvm::createStringError(
        "truncated in the header: expected %zu bytes, but got %zu", length,
        content.size());

  Array array;
  std::string descr;
  bool fortranOrder = false;
  if (llvm::Error error = HeaderParser(content.take_front(length))
                              .parse(descr, fortranOrder, array.shape))
    return error;
  llvm::Expected<std::string> type = parseDescr(descr);
  if (!type)
    return type.takeError();
  array.type = *type;
  // The order of one dimension is both.
  if (fortranOrder && array.shape.size() > 1)
    return llvm::createStringError(
        "expected C order, but got Fortran order: save "
        "numpy.ascontiguousarray(x)");
  uint64_t bytes = array.type[1] - '0';
  bool isEmpty = llvm::is_contained(array.shape, 0);
  for (int64_t size : array.shape) {
    bool overflow = false;
    bytes = llvm::SaturatingMultiply<uint64_t>(bytes, size, &overflow);
    if (overflow && !isEmpty)
      return llvm::createStringError("a shape of %s has too many elements",
                                     formatShape(array.shape).c_str());
  }
  if (isEmpty)
    bytes = 0;
  content = content.drop_front(length);
  if (content.size() != bytes)
    return llvm::createStringError(
        "%s: expected %llu bytes of data for shape %s, but got %zu",
        content.size() < bytes ? "truncated" : "too long",
        static_cast<unsigned long long>(bytes),
        formatShape(array.shape).c_str(), content.size());
  array.data.assign(content.begin(), content.end());
  return array;
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

void mlir::linattn::writeNpy(const Array &array, raw_ostream &os) {
  std::string header = "{'descr': '";
  header += array.type[1] == '1' ? '|' : '<';
  header += array.type + "', 'fortran_order': False, 'shape': (";
  for (int64_t size : array.shape)
    header += std::to_string(size) + ",";
  if (array.shape.size() > 1)
    header.pop_back();
  header += "), }";
  // The data starts at a multiple of 64 bytes.
  size_t prefix = 10;
  size_t length = llvm::alignTo(prefix + header.size() + 1, 64) - prefix;
  header.resize(length - 1, ' ');
  header += '\n';
  os << "\x93NUMPY" << '\x01' << '\x00' << static_cast<char>(length & 0xff)
     << static_cast<char>(length >> 8) << header;
  os.write(array.data.data(), array.data.size());
}

//===----------------------------------------------------------------------===//
// Element types
//===----------------------------------------------------------------------===//

namespace {
struct DtypeInfo {
  StringLiteral name;
  StringLiteral npyType;
  /// The semantics of a type that NumPy programs use as f32, or null.
  const llvm::fltSemantics *narrowFloat;
};
} // namespace

static const DtypeInfo &getInfo(int32_t dtype) {
  static const DtypeInfo infos[] = {{"f32", "f4", nullptr},
                                    {"f16", "f2", &llvm::APFloat::IEEEhalf()},
                                    {"bf16", "u2", &llvm::APFloat::BFloat()},
                                    {"f64", "f8", nullptr},
                                    {"bool", "b1", nullptr},
                                    {"i8", "i1", nullptr},
                                    {"i16", "i2", nullptr},
                                    {"i32", "i4", nullptr},
                                    {"i64", "i8", nullptr}};
  assert(dtype >= LINATTN_F32 && dtype <= LINATTN_I64);
  return infos[dtype - 1];
}

StringRef mlir::linattn::getDtypeName(int32_t dtype) {
  return getInfo(dtype).name;
}

int64_t mlir::linattn::getDtypeBytes(int32_t dtype) {
  return getInfo(dtype).npyType[1] - '0';
}

llvm::Expected<Array> mlir::linattn::convertToDtype(Array array,
                                                    int32_t dtype) {
  const DtypeInfo &info = getInfo(dtype);
  if (array.type == info.npyType)
    return array;
  if (!info.narrowFloat || array.type != "f4")
    return llvm::createStringError(
        "expected elements of type '%s'%s for %s, but got '%s'",
        info.npyType.str().c_str(),
        dtype == LINATTN_BF16  ? " (bits) or 'f4'"
        : dtype == LINATTN_F16 ? " or 'f4'"
                               : "",
        info.name.str().c_str(), array.type.c_str());
  int64_t count = array.getNumElements();
  std::vector<char> data(count * 2);
  for (int64_t i = 0; i < count; ++i) {
    uint32_t bits = llvm::support::endian::read32le(&array.data[4 * i]);
    llvm::APFloat value(llvm::bit_cast<float>(bits));
    bool losesInfo;
    value.convert(*info.narrowFloat, llvm::APFloat::rmNearestTiesToEven,
                  &losesInfo);
    llvm::support::endian::write16le(&data[2 * i],
                                     value.bitcastToAPInt().getZExtValue());
  }
  array.type = info.npyType.str();
  array.data = std::move(data);
  return array;
}

Array mlir::linattn::convertFromDtype(Array array, int32_t dtype,
                                      bool keepType) {
  const DtypeInfo &info = getInfo(dtype);
  array.type = info.npyType.str();
  if (keepType || !info.narrowFloat)
    return array;
  int64_t count = array.getNumElements();
  std::vector<char> data(count * 4);
  for (int64_t i = 0; i < count; ++i) {
    uint16_t bits = llvm::support::endian::read16le(&array.data[2 * i]);
    llvm::APFloat value(*info.narrowFloat, llvm::APInt(16, bits));
    bool losesInfo;
    value.convert(llvm::APFloat::IEEEsingle(),
                  llvm::APFloat::rmNearestTiesToEven, &losesInfo);
    llvm::support::endian::write32le(
        &data[4 * i], llvm::bit_cast<uint32_t>(value.convertToFloat()));
  }
  array.type = "f4";
  array.data = std::move(data);
  return array;
}
