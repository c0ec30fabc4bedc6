//===- PtxasTest.cpp - what ptxas says ------------------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Driver/DeviceCode.h"
#include "gtest/gtest.h"

using namespace mlir::linattn;

TEST(PtxasTest, ReadsWhatKernelsUse) {
  std::vector<KernelReport> kernels = parsePtxasOutput(
      R"(ptxas info    : (C7510) Potential Performance Loss: wgmma.mma_async instructions are serialized due to non wgmma instructions defining accumulator registers in the function 'second'
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'first' for 'sm_90a'
ptxas info    : Function properties for first
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 168 registers, used 16 barriers
ptxas info    : Compile time = 12.345 ms
ptxas info    : Compiling entry function 'second' for 'sm_90a'
ptxas info    : Function properties for second
    176 bytes stack frame, 84 bytes spill stores, 96 bytes spill loads
ptxas info    : Used 255 registers, used 1 barriers, 176 bytes cumulative stack size
)");
  ASSERT_EQ(kernels.size(), 2u);
  EXPECT_EQ(kernels[0].name, "first");
  EXPECT_EQ(kernels[0].registers, 168);
  EXPECT_FALSE(kernels[0].spills());
  EXPECT_TRUE(kernels[0].advice.empty());
  EXPECT_EQ(kernels[1].name, "second");
  EXPECT_EQ(kernels[1].registers, 255);
  EXPECT_EQ(kernels[1].stackBytes, 176);
  EXPECT_EQ(kernels[1].spillStoreBytes, 84);
  EXPECT_EQ(kernels[1].spillLoadBytes, 96);
  EXPECT_TRUE(kernels[1].spills());
  ASSERT_EQ(kernels[1].advice.size(), 1u);
  EXPECT_EQ(kernels[1].advice[0].substr(0, 7), "(C7510)");
}

TEST(PtxasTest, TakesAnyText) {
  EXPECT_TRUE(parsePtxasOutput("").empty());
  EXPECT_TRUE(parsePtxasOutput("ptxas fatal   : ...").empty());
  EXPECT_EQ(parsePtxasOutput("Compiling entry function '").size(), 1u);
}
