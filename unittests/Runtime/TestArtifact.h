//===- TestArtifact.h - artifacts for tests ---------------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_UNITTESTS_TESTARTIFACT_H
#define LINATTN_UNITTESTS_TESTARTIFACT_H

#include "FakeDriver.h"
#include "linattn-c/Runtime.h"

#include <memory>
#include <string>

/// The bytes of an artifact, valid or not: a manifest and what follows it.
std::string assemble(const std::string &manifest, const std::string &blobs);

/// Makes the checksum right again.
void seal(std::string &file);

/// A manifest with most of what the format has, for kernels of a state pass
/// that is split when the GPU has room, and the blobs that go with it.
extern const char *const kTestManifest;
std::string getTestBlobs();

/// `text` with its only occurrence of `from` replaced.
std::string replaced(const std::string &text, const std::string &from,
                     const std::string &to);

struct Unloader {
  void operator()(linattn_artifact *artifact) const {
    linattn_artifact_unload(artifact);
  }
};
using ArtifactPtr = std::unique_ptr<linattn_artifact, Unloader>;

/// Loads bytes; null and `error` if that fails.
ArtifactPtr load(const std::string &file, linattn_error &error);

/// The fake driver, opened and told the kernels of the test manifest.
FakeState *openFakeDriver();

/// The tensors of a call of the function "scan" of the test manifest.
struct ScanCall {
  explicit ScanCall(int64_t batch = 2, int64_t tokens = 100);

  int32_t query(const linattn_entry *entry);
  int32_t launch(const linattn_entry *entry, void *stream = nullptr);

  float scale = 0.5f;
  linattn_tensor tensors[4] = {};
  int64_t workspaceSize = -1;
  void *workspace = reinterpret_cast<void *>(0x5000000);
  linattn_error error = {};
};

#endif // LINATTN_UNITTESTS_TESTARTIFACT_H
