//===- NpyTest.cpp - what .npy files are read and written ----------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Driver/Npy.h"

#include "gtest/gtest.h"

#include <random>

using namespace mlir;
using namespace mlir::linattn;

/// A file with this header and data.
static std::string makeFile(std::string header, StringRef data,
                            StringRef version = StringRef("\1\0", 2)) {
  std::string file = "\x93NUMPY" + version.str();
  file += static_cast<char>(header.size() & 0xff);
  file += static_cast<char>(header.size() >> 8);
  if (version[0] == 2)
    file += std::string(2, '\0');
  return file + header + data.str();
}

static std::string makeHeader(StringRef shape, StringRef descr = "<f4") {
  return ("{'descr': '" + descr +
          "', 'fortran_order': False, 'shape': " + shape + ", }\n")
      .str();
}

/// The error that `content` gives, or "".
static std::string getError(StringRef content) {
  llvm::Expected<Array> array = parseNpy(content);
  return array ? "" : llvm::toString(array.takeError());
}

static Array makeFloats(ArrayRef<float> values) {
  Array array;
  array.type = "f4";
  array.shape = {static_cast<int64_t>(values.size())};
  array.data.resize(values.size() * 4);
  memcpy(array.data.data(), values.data(), array.data.size());
  return array;
}

TEST(NpyTest, ReadsWhatItWrites) {
  const SmallVector<int64_t> shapes[] = {
      {}, {3}, {2, 0, 5}, {1, 2, 3, 4, 5, 1, 1, 1}};
  for (ArrayRef<int64_t> shape : shapes) {
    for (StringRef type : {"f2", "f4", "f8", "i1", "i4", "i8", "u2", "b1"}) {
      Array array;
      array.type = type.str();
      array.shape.assign(shape.begin(), shape.end());
      array.data.resize(array.getNumElements() * (type[1] - '0'));
      for (auto [index, byte] : llvm::enumerate(array.data))
        byte = static_cast<char>(index);
      std::string file;
      llvm::raw_string_ostream os(file);
      writeNpy(array, os);
      EXPECT_EQ((file.size() - array.data.size()) % 64, 0u);
      llvm::Expected<Array> read = parseNpy(file);
      ASSERT_TRUE(static_cast<bool>(read)) << llvm::toString(read.takeError());
      EXPECT_EQ(read->type, array.type);
      EXPECT_EQ(read->shape, array.shape);
      EXPECT_EQ(read->data, array.data);
    }
  }
}

TEST(NpyTest, ReadsVersion2AndOtherSpellings) {
  StringRef data("\0\0\0\0", 4);
  EXPECT_EQ(getError(makeFile(makeHeader("(1,)"), data, StringRef("\2\0", 2))),
            "");
  EXPECT_EQ(getError(makeFile("{\"shape\":(1 , ),'fortran_order':True,"
                              "'descr':'<f4'}",
                              data)),
            "");
  EXPECT_EQ(getError(makeFile(makeHeader("(1,)", "=i4"), data)), "");
  EXPECT_EQ(getError(makeFile(makeHeader("(4,)", "|u1"), data)), "");
  EXPECT_EQ(getError(makeFile(makeHeader("(1, 1)"), data)), "");
  EXPECT_EQ(getError(makeFile(makeHeader("()"), data)), "");
  EXPECT_EQ(getError(makeFile(makeHeader("(0, 9223372036854775807, 9)"), "")),
            "");
}

TEST(NpyTest, SaysWhatIsWrong) {
  StringRef data("\0\0\0\0", 4);
  std::string good = makeFile(makeHeader("(1,)"), data);
  EXPECT_EQ(getError(""),
            "not an .npy file: it does not start with the magic string");
  EXPECT_EQ(getError(StringRef(good).take_front(7)),
            "truncated in the version");
  EXPECT_EQ(getError(StringRef(good).take_front(9)),
            "truncated in the header length");
  EXPECT_EQ(getError(makeFile(makeHeader("(1,)"), data, StringRef("\3\0", 2))),
            "expected .npy version 1.0 or 2.0, but got 3.0");
  EXPECT_EQ(getError(StringRef(good).take_front(30))
                .find("truncated in the header: expected "),
            0u);
  EXPECT_EQ(getError(StringRef(good).drop_back(1)),
            "truncated: expected 4 bytes of data for shape [1], but got 3");
  EXPECT_EQ(getError(good + "x"),
            "too long: expected 4 bytes of data for shape [1], but got 5");
  EXPECT_EQ(getError(makeFile(makeHeader("(9223372036854775807, 9)"), data)),
            "a shape of [9223372036854775807, 9] has too many elements");
  EXPECT_EQ(getError(makeFile(makeHeader("(1,)", ">f4"), data)),
            "expected little-endian elements, but got '>f4'");
  EXPECT_EQ(getError(makeFile(makeHeader("(1,)", "<c8"), data)),
            "expected elements of a floating-point, integer or boolean type, "
            "but got '<c8'");
  EXPECT_EQ(getError(makeFile("{'descr': '<f4', 'fortran_order': True, "
                              "'shape': (1, 1), }",
                              data)),
            "expected C order, but got Fortran order: save "
            "numpy.ascontiguousarray(x)");
}

TEST(NpyTest, RejectsMalformedHeaders) {
  StringRef data("\0\0\0\0", 4);
  for (StringRef header : {
           "",
           "{",
           "}",
           "{}",
           "[]",
           "{'descr'}",
           "{'descr': }",
           "{'descr': '<f4', 'fortran_order': False}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': 1}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (1)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (1,,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (1.0,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x",
           "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}",
           "{'descr': '<f4, 'fortran_order': False, 'shape': (1,)}",
           "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (1,)}",
           "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, "
           "'shape': (1,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}",
           "{'descr': '<f4', 'fortran_order': False, "
           "'shape': (99999999999999999999,)}",
       })
    EXPECT_EQ(getError(makeFile(header.str(), data)).find("malformed header: "),
              0u)
        << header.str();
}

TEST(NpyTest, SurvivesRandomBytes) {
  // Reads or rejects, whatever the bytes: damage of a good file gets deep.
  std::string good = makeFile(makeHeader("(2, 3)"), std::string(24, 'x'));
  std::mt19937 random(20);
  unsigned numRead = 0, numRejected = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string file = good;
    for (unsigned i = 0, e = random() % 4 + 1; i < e; ++i) {
      size_t position = random() % file.size();
      switch (random() % 4) {
      case 0:
        file[position] = static_cast<char>(random());
        break;
      case 1:
        file.erase(position, random() % 8);
        break;
      case 2:
        file.insert(position, 1, "(),:'{}0-9<f"[random() % 12]);
        break;
      default:
        file.resize(position);
        break;
      }
      if (file.empty())
        break;
    }
    llvm::Expected<Array> array = parseNpy(file);
    if (!array) {
      EXPECT_FALSE(llvm::toString(array.takeError()).empty());
      ++numRejected;
      continue;
    }
    ++numRead;
    EXPECT_EQ(static_cast<int64_t>(array->data.size()),
              array->getNumElements() * (array->type[1] - '0'));
  }
  EXPECT_GT(numRead, 100u);
  EXPECT_GT(numRejected, 100u);
}

TEST(NpyTest, RoundsToNearestEven) {
  // Ties on both sides of an even number, overflow, infinities, NaN.
  float inf = std::numeric_limits<float>::infinity();
  Array floats = makeFloats({1.00390625f, 1.01171875f, 3.4e38f, -inf,
                             std::nanf(""), 65520.0f, 1e-8f, -0.0f});
  llvm::Expected<Array> bf16 = convertToDtype(floats, LINATTN_BF16);
  ASSERT_TRUE(static_cast<bool>(bf16));
  EXPECT_EQ(bf16->type, "u2");
  Array wide = convertFromDtype(*bf16, LINATTN_BF16, /*keepType=*/false);
  EXPECT_EQ(wide.type, "f4");
  std::vector<float> values(8);
  memcpy(values.data(), wide.data.data(), 32);
  EXPECT_EQ(values[0], 1.0f);
  EXPECT_EQ(values[1], 1.015625f);
  EXPECT_EQ(values[2], inf);
  EXPECT_EQ(values[3], -inf);
  EXPECT_TRUE(std::isnan(values[4]));
  EXPECT_TRUE(std::signbit(values[7]));

  llvm::Expected<Array> f16 = convertToDtype(floats, LINATTN_F16);
  ASSERT_TRUE(static_cast<bool>(f16));
  EXPECT_EQ(f16->type, "f2");
  wide = convertFromDtype(*f16, LINATTN_F16, /*keepType=*/false);
  memcpy(values.data(), wide.data.data(), 32);
  EXPECT_EQ(values[0], 1.00390625f);
  EXPECT_EQ(values[3], -inf);
  EXPECT_TRUE(std::isnan(values[4]));
  EXPECT_EQ(values[5], inf);
  EXPECT_EQ(values[6], 0.0f);
}

TEST(NpyTest, ConvertsNothingElse) {
  Array array = makeFloats({1});
  for (int32_t dtype : {LINATTN_F64, LINATTN_BOOL, LINATTN_I8, LINATTN_I16,
                        LINATTN_I32, LINATTN_I64}) {
    llvm::Expected<Array> converted = convertToDtype(array, dtype);
    ASSERT_FALSE(static_cast<bool>(converted));
    EXPECT_NE(llvm::toString(converted.takeError()).find("but got 'f4'"),
              std::string::npos);
  }
  array.type = "i4";
  llvm::Expected<Array> converted = convertToDtype(array, LINATTN_F32);
  ASSERT_FALSE(static_cast<bool>(converted));
  EXPECT_EQ(llvm::toString(converted.takeError()),
            "expected elements of type 'f4' for f32, but got 'i4'");
  EXPECT_TRUE(static_cast<bool>(convertToDtype(array, LINATTN_I32)));
}
