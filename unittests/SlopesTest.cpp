//===- SlopesTest.cpp - the slope families of TransNormerLLM --------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Linattn/IR/Linattn.h"

#include "gtest/gtest.h"
#include <cmath>

using namespace mlir::linattn;

namespace {

TEST(Slopes, PaperStartsWithoutDecay) {
  EXPECT_EQ(computeSlope(SlopeFamily::Paper, 0, 8, 0, 24), 0.0);
  // -(8 * 5 / 8) * (1 - 3 / 24)
  EXPECT_DOUBLE_EQ(computeSlope(SlopeFamily::Paper, 5, 8, 3, 24), -4.375);
  EXPECT_DOUBLE_EQ(computeSlope(SlopeFamily::Paper, 31, 32, 0, 24), -7.75);
}

TEST(Slopes, ReleasedIsAlibiForPowersOfTwo) {
  // Halves, quarters, ...: the ALiBi slopes of eight heads.
  double slope = 0.5;
  for (int head = 0; head < 8; ++head, slope /= 2)
    EXPECT_DOUBLE_EQ(computeSlope(SlopeFamily::Released, head, 8, 0, 24),
                     -slope * (1.0 + 1e-5));
  EXPECT_DOUBLE_EQ(computeSlope(SlopeFamily::Released, 0, 1, 0, 2),
                   -std::exp2(-8.0) * (1.0 + 1e-5));
}

TEST(Slopes, ReleasedInterleavesForOtherCounts) {
  // The slopes of four heads, then the first and third of eight.
  const double slopes[] = {0.25, 0.0625, 0.015625, 0.00390625, 0.5, 0.125};
  for (int head = 0; head < 6; ++head)
    EXPECT_DOUBLE_EQ(computeSlope(SlopeFamily::Released, head, 6, 3, 24),
                     -slopes[head] * (1.0 - 3.0 / 23.0 + 1e-5));
}

TEST(Slopes, ReleasedNearlyKeepsEverythingInTheLastLayer) {
  EXPECT_NEAR(computeSlope(SlopeFamily::Released, 0, 32, 23, 24),
              -std::exp2(-0.25) * 1e-5, 1e-16);
}

TEST(Slopes, XmixersHorizonsAreGeometric) {
  EXPECT_DOUBLE_EQ(computeSlope(SlopeFamily::Xmixers, 0, 8, 0, 24),
                   -0.5 * (1.0 + 1e-5));
  EXPECT_DOUBLE_EQ(computeSlope(SlopeFamily::Xmixers, 7, 8, 0, 24),
                   -(1.0 + 1e-5) / 256.0);
  // From 2 to 256 in seven equal steps: every step doubles.
  for (int head = 0; head + 1 < 8; ++head)
    EXPECT_NEAR(computeSlope(SlopeFamily::Xmixers, head, 8, 5, 24),
                2 * computeSlope(SlopeFamily::Xmixers, head + 1, 8, 5, 24),
                1e-15);
}

TEST(Slopes, OneLayerHasFactorOne) {
  EXPECT_DOUBLE_EQ(computeSlope(SlopeFamily::Released, 0, 8, 0, 1), -0.5);
  EXPECT_DOUBLE_EQ(computeSlope(SlopeFamily::Xmixers, 0, 8, 0, 1), -0.5);
  EXPECT_DOUBLE_EQ(computeSlope(SlopeFamily::Xmixers, 0, 1, 0, 1), -0.5);
}

} // namespace
