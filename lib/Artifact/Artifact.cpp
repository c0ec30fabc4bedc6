//===- Artifact.cpp - writing artifacts -----------------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Artifact/Artifact.h"

#include "linattn-c/Runtime.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CRC.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::linattn;
namespace endian = llvm::support::endian;

// The header, as docs/Artifact.md describes it.
static constexpr char kMagic[8] = {'\x7f', 'L', 'N', 'A', '\r', '\n', 26, '\n'};
static constexpr uint32_t kFormatVersion = 1;
static constexpr size_t kVersionOffset = 8, kChecksumOffset = 12,
                        kFileBytesOffset = 16, kManifestBytesOffset = 24,
                        kHeaderBytes = 64, kBlobAlignment = 64;

static constexpr StringLiteral kBlobKindNames[] = {"constants", "cubin", "host",
                                                   "ptx"};

StringRef ArtifactWriter::getName(BlobKind kind) {
  return kBlobKindNames[static_cast<size_t>(kind)];
}

std::optional<ArtifactWriter::BlobKind>
ArtifactWriter::getBlobKind(StringRef name) {
  for (auto [index, candidate] : llvm::enumerate(kBlobKindNames))
    if (name == candidate)
      return static_cast<BlobKind>(index);
  return std::nullopt;
}

int64_t ArtifactWriter::addBlob(BlobKind kind, StringRef data) {
  blobs.push_back({kind, data.str()});
  if (kind == BlobKind::Ptx && !data.ends_with(StringRef("\0", 1)))
    blobs.back().data.push_back('\0');
  return blobs.size() - 1;
}

/// Has the runtime check the bytes: what is written can be loaded.
static llvm::Error checkBytes(StringRef bytes) {
  linattn_artifact *artifact = nullptr;
  linattn_error error;
  if (linattn_artifact_load_memory(bytes.data(), bytes.size(), &artifact,
                                   &error) != LINATTN_OK)
    return llvm::createStringError("%s", error.message);
  linattn_artifact_unload(artifact);
  return llvm::Error::success();
}

llvm::Expected<std::string> ArtifactWriter::write() const {
  llvm::json::Object top = manifest;
  top["abi_version"] = LINATTN_ABI_VERSION;
  top["producer"] = "linattn " LINATTN_VERSION;
  llvm::json::Array list;
  std::string area;
  for (const Blob &blob : blobs) {
    area.resize(llvm::alignTo(area.size(), kBlobAlignment));
    list.push_back(
        llvm::json::Object{{"kind", getName(blob.kind)},
                           {"offset", static_cast<int64_t>(area.size())},
                           {"size", static_cast<int64_t>(blob.data.size())}});
    area += blob.data;
  }
  top["blobs"] = std::move(list);

  std::string file(kHeaderBytes, '\0');
  llvm::raw_string_ostream os(file);
  // Objects are printed in the order of their keys.
  os << llvm::json::Value(std::move(top));
  os.flush();
  size_t manifestBytes = file.size() - kHeaderBytes;
  if (!blobs.empty()) {
    file.resize(llvm::alignTo(file.size(), kBlobAlignment));
    file += area;
  }
  llvm::copy(kMagic, file.begin());
  endian::write32le(&file[kVersionOffset], kFormatVersion);
  endian::write64le(&file[kFileBytesOffset], file.size());
  endian::write64le(&file[kManifestBytesOffset], manifestBytes);
  endian::write32le(&file[kChecksumOffset],
                    llvm::crc32(llvm::arrayRefFromStringRef(file)));
  if (llvm::Error error = checkBytes(file))
    return std::move(error);
  return file;
}

llvm::Expected<ArtifactParts> mlir::linattn::readArtifact(StringRef file) {
  if (llvm::Error error = checkBytes(file))
    return std::move(error);
  ArtifactParts parts;
  size_t manifestBytes = endian::read64le(file.data() + kManifestBytesOffset);
  parts.manifest = file.substr(kHeaderBytes, manifestBytes);
  parts.blobs =
      file.substr(llvm::alignTo(kHeaderBytes + manifestBytes, kBlobAlignment));
  return parts;
}
