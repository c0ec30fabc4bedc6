//===- ExpressionTest.cpp - expressions of launch plans -------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FunctionReader.h"

#include "gtest/gtest.h"

using namespace linattn::runtime;

namespace {
/// The value of an expression over a = 7 and b = -7, or what is wrong with it.
std::string evaluateText(const std::string &text) {
  linattn_error error;
  Diagnostic diag(&error);
  JsonValue value;
  std::string problem;
  size_t offset;
  if (!parseJson(text, value, problem, offset))
    return "not JSON: " + problem;
  Scope scope = {{"a", 0}, {"b", 1}};
  Function function;
  Expression expression;
  if (!readExpression(JsonPlace(&value, "", diag), scope, function, expression))
    return error.message;
  int64_t symbols[] = {7, -7}, result = 0;
  if (const char *failure =
          evaluate(function.nodes, expression, symbols, result))
    return failure;
  return std::to_string(result);
}

const std::string kOverflow = "the value overflows 64 bits";
const std::string kDivisor = "the divisor is not positive";
const std::string kMax = "9223372036854775807";
const std::string kMin = "-9223372036854775808";

TEST(Expression, Values) {
  EXPECT_EQ(evaluateText("5"), "5");
  EXPECT_EQ(evaluateText(kMin), kMin);
  EXPECT_EQ(evaluateText(R"("a")"), "7");
  EXPECT_EQ(evaluateText(R"(["+", 1, 2, 3, "a"])"), "13");
  EXPECT_EQ(evaluateText(R"(["-", 1, "a"])"), "-6");
  EXPECT_EQ(evaluateText(R"(["*", "a", "b", 2])"), "-98");
  EXPECT_EQ(evaluateText(R"(["min", 3, "b", 2])"), "-7");
  EXPECT_EQ(evaluateText(R"(["max", 3, "a", 2])"), "7");
  EXPECT_EQ(evaluateText(R"(["align", "a", 4])"), "8");
  EXPECT_EQ(evaluateText(R"(["align", "b", 4])"), "-4");
  EXPECT_EQ(evaluateText(R"(["align", 8, 4])"), "8");
  EXPECT_EQ(evaluateText(R"(["not", "a"])"), "0");
  EXPECT_EQ(evaluateText(R"(["not", 0])"), "1");
  EXPECT_EQ(evaluateText(R"(["select", "a", 1, 2])"), "1");
  EXPECT_EQ(evaluateText(R"(["and", 1, "a", 0])"), "0");
  EXPECT_EQ(evaluateText(R"(["or", 0, 0, "b"])"), "1");
}

TEST(Expression, DivisionRoundsAsInAffineMaps) {
  for (auto [dividend, floor, ceil, mod] :
       {std::tuple(7, "2", "3", "1"), std::tuple(-7, "-3", "-2", "2"),
        std::tuple(6, "2", "2", "0"), std::tuple(-6, "-2", "-2", "0")}) {
    std::string operands = ", " + std::to_string(dividend) + ", 3]";
    EXPECT_EQ(evaluateText(R"(["floordiv")" + operands), floor);
    EXPECT_EQ(evaluateText(R"(["ceildiv")" + operands), ceil);
    EXPECT_EQ(evaluateText(R"(["mod")" + operands), mod);
  }
  EXPECT_EQ(evaluateText(R"(["floordiv", )" + kMin + ", 3]"),
            "-3074457345618258603");
  EXPECT_EQ(evaluateText(R"(["mod", )" + kMin + ", 3]"), "1");
  EXPECT_EQ(evaluateText(R"(["ceildiv", )" + kMax + ", 1]"), kMax);
}

TEST(Expression, Comparisons) {
  EXPECT_EQ(evaluateText(R"(["==", 1, 1])"), "1");
  EXPECT_EQ(evaluateText(R"(["!=", 1, 1])"), "0");
  EXPECT_EQ(evaluateText(R"(["<", "b", "a"])"), "1");
  EXPECT_EQ(evaluateText(R"(["<", 1, 1])"), "0");
  EXPECT_EQ(evaluateText(R"(["<=", 1, 1])"), "1");
  EXPECT_EQ(evaluateText(R"([">", 1, 1])"), "0");
  EXPECT_EQ(evaluateText(R"([">", 2, 1])"), "1");
  EXPECT_EQ(evaluateText(R"([">=", 1, 1])"), "1");
}

TEST(Expression, OverflowAndDivisors) {
  EXPECT_EQ(evaluateText(R"(["+", )" + kMax + ", 1]"), kOverflow);
  EXPECT_EQ(evaluateText(R"(["-", )" + kMin + ", 1]"), kOverflow);
  EXPECT_EQ(evaluateText(R"(["*", )" + kMax + ", 2]"), kOverflow);
  EXPECT_EQ(evaluateText(R"(["*", )" + kMin + ", -1]"), kOverflow);
  EXPECT_EQ(evaluateText(R"(["align", )" + kMax + ", 16]"), kOverflow);
  for (const char *op : {"floordiv", "ceildiv", "mod", "align"}) {
    std::string start = std::string("[\"") + op + "\", \"a\", ";
    EXPECT_EQ(evaluateText(start + "0]"), kDivisor);
    EXPECT_EQ(evaluateText(start + "-1]"), kDivisor);
  }
}

TEST(Expression, GuardsAreLazy) {
  std::string bad = R"(["mod", 1, 0])";
  EXPECT_EQ(evaluateText(R"(["and", 0, )" + bad + "]"), "0");
  EXPECT_EQ(evaluateText(R"(["and", 1, )" + bad + "]"), kDivisor);
  EXPECT_EQ(evaluateText(R"(["or", 1, )" + bad + "]"), "1");
  EXPECT_EQ(evaluateText(R"(["or", 0, )" + bad + "]"), kDivisor);
  EXPECT_EQ(evaluateText(R"(["select", 1, 5, )" + bad + "]"), "5");
  EXPECT_EQ(evaluateText(R"(["select", 0, 5, )" + bad + "]"), kDivisor);
}

TEST(Expression, Malformed) {
  EXPECT_NE(evaluateText(R"("c")").find("no symbol"), std::string::npos);
  EXPECT_NE(evaluateText(R"(["pow", 1, 2])").find("no operator"),
            std::string::npos);
  EXPECT_NE(evaluateText(R"(["+", 1])").find("operands"), std::string::npos);
  EXPECT_NE(evaluateText(R"(["-", 1, 2, 3])").find("operands"),
            std::string::npos);
  EXPECT_NE(evaluateText("[]").find("expected a string"), std::string::npos);
  EXPECT_NE(evaluateText("{}").find("expected an expression"),
            std::string::npos);
  EXPECT_NE(evaluateText("1.0").find("64-bit"), std::string::npos);
  EXPECT_NE(evaluateText("9223372036854775808").find("64"), std::string::npos);
  std::string deep = "1";
  for (int i = 0; i < 300; ++i)
    deep = R"(["not", )" + deep + "]";
  EXPECT_NE(evaluateText(deep).find("deep"), std::string::npos);
}
} // namespace
