//===- FormatTest.cpp - the file format of artifacts ----------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestArtifact.h"

#include "linattn/Artifact/Artifact.h"

#include "gtest/gtest.h"

#include <cstring>
#include <random>

namespace {
using mlir::linattn::ArtifactWriter;

std::string getValidFile() { return assemble(kTestManifest, getTestBlobs()); }

TEST(Format, DescribesFunctions) {
  linattn_error error;
  ArtifactPtr artifact = load(getValidFile(), error);
  ASSERT_TRUE(artifact) << error.message;
  EXPECT_EQ(error.code, LINATTN_OK);
  ASSERT_EQ(linattn_artifact_num_entries(artifact.get()), 1);
  EXPECT_EQ(linattn_artifact_entry(artifact.get(), 1), nullptr);
  EXPECT_EQ(linattn_artifact_find(artifact.get(), "other"), nullptr);
  const linattn_entry *entry = linattn_artifact_find(artifact.get(), "scan");
  ASSERT_TRUE(entry);
  EXPECT_STREQ(linattn_entry_name(entry), "scan");
  ASSERT_EQ(linattn_entry_num_tensors(entry), 4);
  linattn_tensor_info info;
  ASSERT_EQ(linattn_entry_tensor(entry, 1, &info), LINATTN_OK);
  EXPECT_STREQ(info.name, "x");
  EXPECT_EQ(info.dtype, LINATTN_BF16);
  EXPECT_EQ(info.rank, 3);
  EXPECT_EQ(info.alignment, 16);
  EXPECT_EQ(info.sizes[1], -1);
  EXPECT_EQ(info.sizes[2], 64);
  ASSERT_EQ(linattn_entry_tensor(entry, 0, &info), LINATTN_OK);
  EXPECT_EQ(info.is_host, 1);
  EXPECT_NE(linattn_entry_tensor(entry, 4, &info), LINATTN_OK);
  ASSERT_EQ(linattn_entry_num_results(entry), 2);
  EXPECT_EQ(linattn_entry_result_tensor(entry, 0), 3);
  EXPECT_EQ(linattn_entry_result_tensor(entry, 1), 2);
}

/// The writer and the format as this test knows it agree.
TEST(Format, WriterIsDeterministicAndCanonical) {
  auto write = [] {
    ArtifactWriter writer;
    writer.manifest["functions"] = llvm::cantFail(llvm::json::parse(R"([
      {"name": "f", "arguments": [], "results": [], "plans": [
        {"target": 0, "variants": [{"name": "v", "launches": []}]}]}])"));
    writer.manifest["targets"] = llvm::cantFail(llvm::json::parse(R"([
      {"images": [{"arch": "compute_80", "blob": 0}],
       "kernels": [{"name": "k"}]}])"));
    writer.addBlob(ArtifactWriter::BlobKind::Ptx, "text");
    return llvm::cantFail(writer.write());
  };
  std::string file = write();
  EXPECT_EQ(file, write());
  size_t manifestEnd = file.rfind('}') + 1;
  std::string manifest = file.substr(64, manifestEnd - 64);
  EXPECT_EQ(file, assemble(manifest, std::string("text\0", 5)));
}

TEST(Format, WriterRefusesWhatCannotBeLoaded) {
  ArtifactWriter writer;
  writer.manifest["functions"] = llvm::json::Array();
  auto file = writer.write();
  ASSERT_FALSE(file);
  EXPECT_NE(llvm::toString(file.takeError()).find("functions"),
            std::string::npos);
}

TEST(Format, EveryTruncationIsRefused) {
  std::string file = getValidFile();
  for (size_t size = 0; size < file.size(); ++size) {
    std::string part = file.substr(0, size);
    linattn_error error;
    EXPECT_FALSE(load(part, error)) << size;
    EXPECT_EQ(error.code, LINATTN_BAD_ARTIFACT) << size;
    EXPECT_NE(error.message[0], 0) << size;
    // Even if the header knows of the truncation.
    if (size < 64)
      continue;
    uint64_t bytes = size;
    memcpy(&part[16], &bytes, 8);
    seal(part);
    EXPECT_FALSE(load(part, error)) << size;
    EXPECT_EQ(error.code, LINATTN_BAD_ARTIFACT) << error.message;
  }
}

TEST(Format, EveryBitFlipIsRefused) {
  std::string file = getValidFile();
  for (size_t bit = 0; bit < 8 * file.size(); ++bit) {
    file[bit / 8] ^= 1 << bit % 8;
    linattn_error error;
    ASSERT_FALSE(load(file, error)) << bit;
    ASSERT_NE(error.code, LINATTN_OK);
    file[bit / 8] ^= 1 << bit % 8;
  }
}

TEST(Format, HeaderFields) {
  auto expect = [](std::string file, int32_t code, const char *text) {
    seal(file);
    linattn_error error;
    EXPECT_FALSE(load(file, error));
    EXPECT_EQ(error.code, code) << error.message;
    EXPECT_NE(strstr(error.message, text), nullptr) << error.message;
  };
  std::string file = getValidFile();
  expect("x" + file.substr(1), LINATTN_BAD_ARTIFACT, "not an artifact");
  std::string changed = file;
  changed[8] = 2;
  expect(changed, LINATTN_BAD_VERSION, "expected format version 1, but got 2");
  changed = file;
  changed[40] = 1;
  expect(changed, LINATTN_BAD_ARTIFACT, "reserved");
  changed = file;
  memset(&changed[24], 0xff, 8);
  expect(changed, LINATTN_BAD_ARTIFACT, "ends behind the file");
  expect(file + "x", LINATTN_BAD_ARTIFACT, "expected a file of");
  std::string blobs = getTestBlobs();
  blobs[50] = 1;
  expect(assemble(kTestManifest, blobs), LINATTN_BAD_ARTIFACT, "between blobs");
  expect(assemble(kTestManifest, getTestBlobs() + "x"), LINATTN_BAD_ARTIFACT,
         "behind the last blob");
  blobs = getTestBlobs();
  blobs[128 + 12] = 'x';
  expect(assemble(kTestManifest, blobs), LINATTN_BAD_ARTIFACT, "null byte");
  changed = file;
  changed[12] ^= 1;
  linattn_error error;
  EXPECT_FALSE(load(changed, error));
  EXPECT_EQ(error.code, LINATTN_BAD_CHECKSUM);
}

struct Mutation {
  const char *from, *to, *message;
};

/// One error of each kind in the manifest.
TEST(Format, MalformedManifests) {
  static const Mutation mutations[] = {
      {R"("abi_version": 1)", R"("abi_version": 2)",
       "ABI version 1, but got 2"},
      {R"("abi_version": 1, )", "", "abi_version"},
      {R"("producer": "test")", R"("producer": 3)", "expected a string"},
      {R"("producer": "test")", R"("producer": "test", "new": 1)",
       "unknown field 'new'"},
      {R"("producer": "test")", R"("producer": "a", "producer": "b")",
       "occurs twice"},
      {R"("source_hash": "0123")", R"("source_hash": 1.5)", "64-bit integer"},
      {R"("source_hash": "0123")", R"("source_hash": "0123",)", "not JSON"},
      {R"("offset": 64, "size": 12)", R"("offset": 65, "size": 12)",
       "multiple of 64"},
      {R"("offset": 64, "size": 12)", R"("offset": 0, "size": 12)", "overlaps"},
      {R"("offset": 128, "size": 13)",
       R"("offset": 128, "size": 9223372036854775807)", "ends behind"},
      {R"("offset": 128, "size": 13)",
       R"("offset": 9223372036854775744, "size": 13)", "ends behind"},
      {R"("offset": 128, "size": 13)", R"("offset": -64, "size": 13)",
       "expected an integer from 0"},
      {R"("arch": "compute_90a", "blob": 1)",
       R"("arch": "compute_90a", "blob": 0)", "another kind"},
      {R"("arch": "compute_90a", "blob": 1)",
       R"("arch": "compute_90a", "blob": 3)", "from 0 to 2, but got 3"},
      {R"("arch": "compute_90a", "blob": 1)",
       R"("arch": "compute_90a", "blobs": [1, 1])", "3 to 3 elements"},
      {R"("arch": "compute_90a", "blob": 1)",
       R"("arch": "compute_90a", "blobs": [1, 0, 1])", "another kind"},
      {R"("arch": "compute_90a", "blob": 1)",
       R"("arch": "compute_90a", "blob": 1, "blobs": [1, 1, 1])",
       "either 'blob' or 'blobs'"},
      {R"("arch": "compute_90a")", R"("arch": "hopper")", "sm_ or compute_"},
      {R"("name": "join")", R"("name": "part")", "two kernels"},
      {R"("dtype": "f32", "sizes": [], "space": "host")",
       R"("dtype": "f99", "sizes": [], "space": "host")", "one of f32"},
      {R"("dtype": "f32", "sizes": [], "space": "host")",
       R"("dtype": "f32", "sizes": [4], "space": "host")", "only a scalar"},
      {R"("sizes": ["B", "N", 64], "alignment": 16)",
       R"("sizes": ["B", "N", -64], "alignment": 16)", "from 0"},
      {R"("sizes": ["B", "N", 64], "alignment": 16)",
       R"("sizes": ["B", "N", 64], "alignment": 12)", "power of two"},
      {R"("sizes": ["B", "N", 64], "alignment": 16)",
       R"("sizes": ["sm_count", "N", 64], "alignment": 16)",
       "describes the device"},
      {R"("sizes": ["B", "N", 64], "alignment": 16)",
       R"("sizes": [1,1,1,1,1,1,1,1,1], "alignment": 16)", "elements"},
      {R"("strides": [64, 1])", R"("strides": [64])", "elements"},
      {R"([["chunks", ["ceildiv", "N", 64]]])",
       R"([["chunks", ["ceildiv", "M", 64]]])", "no symbol is named 'M'"},
      {R"([["chunks", ["ceildiv", "N", 64]]])",
       R"([["chunks", ["ceildiv", "chunks", 64]]])", "no symbol"},
      {R"([["chunks", ["ceildiv", "N", 64]]])", R"([["N", 1]])", "twice"},
      {R"([["chunks", ["ceildiv", "N", 64]]])", R"([["chunks", "sm_count"]])",
       "no symbol"},
      {R"({"inplace": "state"})", R"({"inplace": "states"})",
       "no argument is named"},
      {R"({"inplace": "state"})", R"({"inplace": "scale"})", "by value"},
      {R"("sizes": ["B", ["*", "N", 1], 64])", R"("sizes": ["B", null, 64])",
       "only host code allows"},
      {R"({"target": 1,)", R"({"target": 2,)", "from 0 to 1, but got 2"},
      {R"("kernel": "join")", R"("kernel": "whole2")", "has no kernel"},
      {R"("kernel": "simple", "grid": ["B", 1, 1])",
       R"("kernel": "simple", "grid": ["B", 1])", "3 to 3 elements"},
      {R"({"kind": "value", "tensor": "scale"})",
       R"({"kind": "value", "tensor": "x"})", "scalar by value"},
      {R"({"kind": "value", "tensor": "scale"})",
       R"({"kind": "address", "address": {"tensor": "scale"}})", "by value"},
      {R"({"kind": "value", "tensor": "scale"})",
       R"({"kind": "address", "address": {}})", "either"},
      {R"("box": [64, 32, 1])", R"("box": [64, 257, 1])", "to 256"},
      {R"("box": [64, 32, 1])", R"("box": [128, 32, 1])", "the swizzle"},
      {R"("box": [32, 1])", R"("box": [31, 1])", "multiple of 16 bytes"},
      {R"("box": [32, 1])", R"("box": [32])", "2 to 2 elements"},
      {R"("bytes": 4, "value": 1065353216)", R"("bytes": 2, "value": 65536)",
       "does not fit"},
      {R"("type": "u8")", R"("type": "u64")", "one of"},
      {R"("kind": "constants", "offset": 0, "size": 48)",
       R"("kind": "host", "offset": 0, "size": 48)", "no constants"},
      {R"("name": "scan")", R"("name": "")", "expected a name"},
      {R"("name": "scan")", R"("name": "scan", "host": "f")", "no host code"},
  };
  for (const Mutation &mutation : mutations) {
    std::string manifest = replaced(kTestManifest, mutation.from, mutation.to);
    linattn_error error;
    EXPECT_FALSE(load(assemble(manifest, getTestBlobs()), error))
        << mutation.to;
    EXPECT_NE(strstr(error.message, mutation.message), nullptr)
        << mutation.to << ": " << error.message;
    EXPECT_EQ(error.code, strstr(mutation.message, "ABI")
                              ? LINATTN_BAD_VERSION
                              : LINATTN_BAD_ARTIFACT);
  }
}

TEST(Format, NotJson) {
  for (std::string manifest :
       {std::string(), std::string("null"), std::string("[]"),
        std::string("{}"), std::string("{\"abi_version\": 1"),
        std::string("{}\0{}", 5), std::string("{} {}"), std::string("\xff"),
        std::string(100000, '[')}) {
    linattn_error error;
    EXPECT_FALSE(load(assemble(manifest, ""), error));
    EXPECT_EQ(error.code, LINATTN_BAD_ARTIFACT) << error.message;
  }
}

/// Changes a manifest at random and makes the checksum right: whatever is
/// loaded can be asked and launched without harm.
TEST(Format, RandomManifests) {
  FakeState *fake = openFakeDriver();
  fake->recordLaunches = false;
  std::mt19937 random(20240229);
  auto below = [&](size_t bound) { return random() % bound; };
  const std::string valid = kTestManifest;
  static const char *const tokens[] = {"0",
                                       "-1",
                                       "9223372036854775807",
                                       "-9223372036854775808",
                                       "null",
                                       "[]",
                                       "{}",
                                       "\"N\"",
                                       "65",
                                       "4096",
                                       "\"sm_count\"",
                                       "[\"*\", \"N\", \"B\"]",
                                       "true",
                                       "\"x\"",
                                       "1000000",
                                       "[\"mod\", 1, \"N\"]"};
  int loaded = 0, launched = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = valid;
    for (size_t edits = 1 + below(3); edits; --edits) {
      size_t at = below(text.size());
      switch (below(4)) {
      case 0: // Another character.
        text[at] = static_cast<char>(32 + below(95));
        break;
      case 1: // A part less.
        text.erase(at, 1 + below(8));
        break;
      case 2: { // Another number or value.
        size_t begin = text.find_first_of("0123456789\"", at);
        if (begin == text.npos)
          break;
        size_t end = text[begin] == '"'
                         ? text.find('"', begin + 1) + 1
                         : text.find_first_not_of("0123456789", begin);
        text.replace(begin, end - begin, tokens[below(std::size(tokens))]);
        break;
      }
      default: { // Two parts exchanged.
        size_t other = below(text.size()), size = 1 + below(10);
        std::string copy = text.substr(at, size);
        text.insert(other, copy);
      }
      }
    }
    linattn_error error;
    ArtifactPtr artifact = load(assemble(text, getTestBlobs()), error);
    if (!artifact) {
      ASSERT_NE(error.message[0], 0);
      continue;
    }
    ++loaded;
    if (linattn_artifact_prepare(artifact.get(), 0, &error) != LINATTN_OK)
      continue;
    for (auto [batch, tokensCount] :
         {std::pair(2, 100), std::pair(200, 1), std::pair(0, 5)}) {
      ScanCall call(batch, tokensCount);
      const linattn_entry *entry = linattn_artifact_entry(artifact.get(), 0);
      if (call.query(entry) == LINATTN_OK && call.launch(entry) == LINATTN_OK)
        ++launched;
    }
  }
  EXPECT_EQ(fake->modules, 0);
  EXPECT_EQ(fake->contexts, 0);
  EXPECT_EQ(fake->allocations, 0);
  // The changes are neither all fatal nor all harmless.
  EXPECT_GT(loaded, 200);
  EXPECT_GT(launched, 200);
}

TEST(Format, Files) {
  linattn_error error;
  linattn_artifact *artifact = nullptr;
  EXPECT_EQ(linattn_artifact_load("/nonexistent/x.lna", &artifact, &error),
            LINATTN_BAD_FILE);
  EXPECT_NE(strstr(error.message, "/nonexistent/x.lna"), nullptr);
  EXPECT_EQ(linattn_artifact_load("/tmp", &artifact, &error), LINATTN_BAD_FILE);
  EXPECT_EQ(linattn_artifact_load(nullptr, &artifact, &error),
            LINATTN_BAD_CALL);
  EXPECT_EQ(linattn_artifact_load_memory(nullptr, 4, &artifact, nullptr),
            LINATTN_BAD_CALL);
  std::string path = ::testing::TempDir() + "/format-test.lna";
  std::string file = getValidFile();
  FILE *stream = fopen(path.c_str(), "wb");
  ASSERT_TRUE(stream);
  fwrite(file.data(), 1, file.size(), stream);
  fclose(stream);
  EXPECT_EQ(linattn_artifact_load(path.c_str(), &artifact, &error), LINATTN_OK)
      << error.message;
  EXPECT_STREQ(linattn_artifact_manifest(artifact), kTestManifest);
  linattn_artifact_unload(artifact);
  remove(path.c_str());
}
} // namespace
