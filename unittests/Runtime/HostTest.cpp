//===- HostTest.cpp - host code in artifacts ------------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestArtifact.h"

#include "gtest/gtest.h"

#include <cstring>
#include <fstream>
#include <iterator>

namespace {
#if defined(__x86_64__)
#define ARCH "x86_64"
#else
#define ARCH "aarch64"
#endif

const char *const kManifest = R"({
"abi_version": 1, "producer": "test",
"blobs": [{"kind": "host", "offset": 0, "size": @SIZE@}],
"host": {"arch": ")" ARCH R"(", "blob": 0},
"functions": [
  {"name": "saxpy", "host": "saxpy",
   "arguments": [{"name": "a", "dtype": "f32", "sizes": []},
                 {"name": "x", "dtype": "f32", "sizes": ["N"]},
                 {"name": "y", "dtype": "f32", "sizes": ["N"], "strides": [1]}],
   "results": [{"inplace": "y"}]},
  {"name": "double", "host": "twice",
   "arguments": [{"name": "x", "dtype": "f32", "sizes": ["N"]}],
   "results": [{"name": "y", "dtype": "f32", "sizes": [null]}]}]
})";

std::string readFile(const char *path) {
  std::ifstream stream(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

std::string getFile(const std::string &manifest, const std::string &code) {
  return assemble(replaced(manifest, "@SIZE@", std::to_string(code.size())),
                  code);
}

class Host : public ::testing::Test {
protected:
  int32_t prepare(const std::string &manifest, const std::string &code) {
    artifact = load(getFile(manifest, code), error);
    EXPECT_TRUE(artifact) << error.message;
    return linattn_artifact_prepare(artifact.get(), LINATTN_DEVICE_HOST,
                                    &error);
  }
  void expectError(int32_t result, int32_t code, const char *text) {
    EXPECT_EQ(result, code);
    EXPECT_NE(strstr(error.message, text), nullptr) << error.message;
  }

  std::string code = readFile(HOST_CODE);
  ArtifactPtr artifact;
  linattn_error error = {};
};

linattn_tensor makeTensor(float *data, int32_t rank, int64_t size) {
  linattn_tensor tensor = {};
  tensor.data = data;
  tensor.dtype = LINATTN_F32;
  tensor.rank = rank;
  tensor.sizes[0] = size;
  tensor.strides[0] = 1;
  return tensor;
}

TEST_F(Host, RunsInPlaceAndIntoResults) {
  ASSERT_EQ(prepare(kManifest, code), LINATTN_OK) << error.message;
  float a = 2, x[4] = {1, 2, 3, 4}, y[2] = {10, 20};
  linattn_tensor tensors[3] = {makeTensor(&a, 0, 0), makeTensor(x, 1, 2),
                               makeTensor(y, 1, 2)};
  tensors[1].strides[0] = 2;
  const linattn_entry *saxpy = linattn_artifact_find(artifact.get(), "saxpy");
  ASSERT_EQ(
      linattn_entry_launch(saxpy, -1, tensors, 3, nullptr, 0, nullptr, &error),
      LINATTN_OK)
      << error.message;
  EXPECT_EQ(y[0], 12);
  EXPECT_EQ(y[1], 26);

  const linattn_entry *twice = linattn_artifact_find(artifact.get(), "double");
  linattn_tensor call[2] = {makeTensor(x, 1, 4), {}};
  int64_t workspaceSize = 0;
  ASSERT_EQ(linattn_entry_query(twice, -1, call, 2, &workspaceSize, &error),
            LINATTN_OK)
      << error.message;
  EXPECT_EQ(workspaceSize, 8);
  EXPECT_EQ(call[1].sizes[0], 4);
  float result[4];
  call[1].data = result;
  // What the host code itself finds.
  expectError(
      linattn_entry_launch(twice, -1, call, 2, nullptr, 0, nullptr, &error),
      LINATTN_BAD_WORKSPACE, "double: expects a workspace of 8 bytes");
  double workspace;
  ASSERT_EQ(
      linattn_entry_launch(twice, -1, call, 2, &workspace, 8, nullptr, &error),
      LINATTN_OK);
  EXPECT_EQ(result[3], 8);
  // What the manifest says.
  tensors[2].strides[0] = 3;
  expectError(
      linattn_entry_launch(saxpy, -1, tensors, 3, nullptr, 0, nullptr, &error),
      LINATTN_BAD_STRIDE, "argument 'y'");
}

TEST_F(Host, TwoArtifactsStayApart) {
  ASSERT_EQ(prepare(kManifest, code), LINATTN_OK) << error.message;
  ArtifactPtr first = std::move(artifact);
  ASSERT_EQ(prepare(kManifest, code), LINATTN_OK) << error.message;
  first.reset();
  float x[1] = {3}, y[1];
  double workspace;
  linattn_tensor call[2] = {makeTensor(x, 1, 1), makeTensor(y, 1, 1)};
  ASSERT_EQ(linattn_entry_launch(linattn_artifact_entry(artifact.get(), 1), -1,
                                 call, 2, &workspace, 8, nullptr, &error),
            LINATTN_OK);
  EXPECT_EQ(y[0], 6);
}

TEST_F(Host, RefusesOtherCode) {
  expectError(prepare(replaced(kManifest, ARCH, "mips"), code), LINATTN_NO_CODE,
              "host code for mips");
  expectError(
      prepare(replaced(kManifest, R"("host": "twice")", R"("host": "thrice")"),
              code),
      LINATTN_BAD_ARTIFACT, "lacks the symbol 'thrice'");
  expectError(prepare(replaced(kManifest, R"("name": "a", "dtype": "f32")",
                               R"("name": "a", "dtype": "f64")"),
                      code),
              LINATTN_BAD_ARTIFACT,
              "expected f64 of rank 0 for 'a', but got "
              "f32");
  expectError(prepare(replaced(kManifest, R"({"inplace": "y"})", ""), code),
              LINATTN_OK, "");
  expectError(prepare(replaced(kManifest, R"({"inplace": "y"})",
                               R"({"name": "r", "dtype": "f32", "sizes": []})"),
                      code),
              LINATTN_BAD_ARTIFACT, "expected 3 arguments and 1 results");
}

TEST_F(Host, RefusesDamagedCode) {
  expectError(prepare(kManifest, "text"), LINATTN_BAD_ARTIFACT, "too small");
  expectError(prepare(kManifest, std::string(100, 'x')), LINATTN_BAD_ARTIFACT,
              "ELF file");
  std::string changed = code;
  changed[18] = 40; // e_machine: Arm.
  expectError(prepare(kManifest, changed), LINATTN_BAD_ARTIFACT,
              "expected code for ELF machine");
  for (size_t size = 64; size < code.size(); size += 61)
    expectError(prepare(kManifest, code.substr(0, size)), LINATTN_BAD_ARTIFACT,
                "behind the blob");
}
} // namespace
