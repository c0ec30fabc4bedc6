//===- Artifact.h - writing artifacts ---------------------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_ARTIFACT_ARTIFACT_H
#define LINATTN_ARTIFACT_ARTIFACT_H

#include "mlir/Support/LLVM.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <string>
#include <vector>

namespace mlir {
namespace linattn {

/// Builds an artifact: a manifest and blobs, in the format of
/// docs/Artifact.md. The same content gives the same bytes.
class ArtifactWriter {
public:
  enum class BlobKind { Constants, Cubin, Host, Ptx };

  /// Adds a blob and returns its number, by which the manifest refers to it.
  /// PTX gets the null byte at its end that the driver wants.
  int64_t addBlob(BlobKind kind, StringRef data);

  /// The manifest without "blobs", "abi_version" and "producer", which the
  /// writer adds.
  llvm::json::Object manifest;

  /// The bytes of the file, which the runtime has loaded and found valid.
  llvm::Expected<std::string> write() const;

  static StringRef getName(BlobKind kind);
  static std::optional<BlobKind> getBlobKind(StringRef name);

private:
  struct Blob {
    BlobKind kind;
    std::string data;
  };
  std::vector<Blob> blobs;
};

/// An artifact that is taken apart, without a look at what the manifest says
/// about functions.
struct ArtifactParts {
  StringRef manifest;
  /// The bytes that offsets of blobs count from.
  StringRef blobs;
};

/// Takes apart the bytes of a valid artifact.
llvm::Expected<ArtifactParts> readArtifact(StringRef file);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_ARTIFACT_ARTIFACT_H
