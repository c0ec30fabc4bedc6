//===- Artifact.cpp - loaded artifacts ------------------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Artifact.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace linattn::runtime;

//===----------------------------------------------------------------------===//
// The file
//===----------------------------------------------------------------------===//

// docs/Artifact.md describes the header. Integers are little endian.
static constexpr char kMagic[8] = {'\x7f', 'L', 'N', 'A', '\r', '\n', 26, '\n'};
static constexpr uint32_t kFormatVersion = 1;
static constexpr int64_t kHeaderBytes = 64;

namespace {
struct Header {
  char magic[8];
  uint32_t formatVersion;
  uint32_t checksum;
  uint64_t fileBytes;
  uint64_t manifestBytes;
  char reserved[32];
};
static_assert(sizeof(Header) == kHeaderBytes, "the header has no padding");
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "expected a little-endian machine"
#endif
} // namespace

static bool isZero(const char *begin, const char *end) {
  while (begin != end)
    if (*begin++)
      return false;
  return true;
}

/// Bytes that belong to nothing are zero, so that a file has one form only.
static bool checkGaps(const linattn_artifact &artifact, const char *manifestEnd,
                      Diagnostic &diag) {
  const char *end = manifestEnd;
  for (const Blob &blob : artifact.manifest.blobs) {
    if (!isZero(end, artifact.blobs + blob.offset))
      return diag.fail(LINATTN_BAD_ARTIFACT,
                       "bytes between blobs are not zero");
    end = artifact.blobs + blob.offset + blob.size;
  }
  if (end != artifact.file.get() + artifact.size)
    return diag.fail(LINATTN_BAD_ARTIFACT, "bytes behind the last blob");
  return true;
}

static bool checkBlobs(const linattn_artifact &artifact, Diagnostic &diag) {
  constexpr int kMachineCuda = 190;
  const Manifest &manifest = artifact.manifest;
  for (size_t i = 0; i < manifest.blobs.size(); ++i) {
    const Blob &blob = manifest.blobs[i];
    const char *data = artifact.getBlob(i);
    char what[32];
    snprintf(what, sizeof(what), "blob %zu", i);
    // The driver is not told how long an image is.
    if (blob.kind == BlobKind::Cubin &&
        !checkElf(data, blob.size, kMachineCuda, what, diag))
      return false;
    if (blob.kind == BlobKind::Ptx && data[blob.size - 1] != 0)
      return diag.fail(LINATTN_BAD_ARTIFACT,
                       "%s: expected PTX that ends with a null byte", what);
  }
  return true;
}

static bool readArtifact(linattn_artifact &artifact, Diagnostic &diag) {
  char *data = artifact.file.get();
  int64_t size = artifact.size;
  if (size < kHeaderBytes)
    return diag.fail(LINATTN_BAD_ARTIFACT,
                     "expected an artifact of at least %d bytes, but got %lld",
                     static_cast<int>(kHeaderBytes),
                     static_cast<long long>(size));
  Header header;
  memcpy(&header, data, sizeof(header));
  if (memcmp(header.magic, kMagic, sizeof(kMagic)) != 0)
    return diag.fail(LINATTN_BAD_ARTIFACT,
                     "not an artifact: the first bytes differ");
  if (header.formatVersion != kFormatVersion)
    return diag.fail(LINATTN_BAD_VERSION,
                     "expected format version %u, but got %u", kFormatVersion,
                     header.formatVersion);
  if (header.fileBytes != static_cast<uint64_t>(size))
    return diag.fail(LINATTN_BAD_ARTIFACT,
                     "expected a file of %llu bytes, but got %lld",
                     static_cast<unsigned long long>(header.fileBytes),
                     static_cast<long long>(size));
  // The checksum is over the file with zeros in its own place.
  uint32_t zero = 0;
  memcpy(data + offsetof(Header, checksum), &zero, sizeof(zero));
  uint32_t checksum = computeCrc32(data, size);
  memcpy(data + offsetof(Header, checksum), &header.checksum, sizeof(zero));
  if (checksum != header.checksum)
    return diag.fail(LINATTN_BAD_CHECKSUM,
                     "the artifact is corrupted: expected checksum %08x, but "
                     "got %08x",
                     header.checksum, checksum);
  if (!isZero(header.reserved, std::end(header.reserved)))
    return diag.fail(LINATTN_BAD_ARTIFACT, "reserved bytes are not zero");
  if (header.manifestBytes > static_cast<uint64_t>(size - kHeaderBytes))
    return diag.fail(LINATTN_BAD_ARTIFACT, "the manifest ends behind the file");
  int64_t manifestEnd = kHeaderBytes + header.manifestBytes;
  artifact.manifestText.assign(data + kHeaderBytes, header.manifestBytes);
  int64_t blobsBegin = (manifestEnd + 63) / 64 * 64;
  int64_t blobBytes = size > blobsBegin ? size - blobsBegin : 0;
  artifact.blobs = data + blobsBegin;
  if (!parseManifest(artifact.manifestText, blobBytes, artifact.manifest, diag))
    return false;
  if (artifact.manifest.blobs.empty())
    return size == manifestEnd ||
           diag.fail(LINATTN_BAD_ARTIFACT, "bytes behind the manifest");
  if (!checkGaps(artifact, data + manifestEnd, diag) ||
      !checkBlobs(artifact, diag))
    return false;
  return true;
}

AlignedBytes linattn::runtime::allocateAligned(size_t size) {
  void *memory = nullptr;
  if (posix_memalign(&memory, 64, size ? size : 1) != 0)
    memory = nullptr;
  return AlignedBytes(static_cast<char *>(memory));
}

/// Finishes a load whose bytes are in `artifact`.
static int32_t finishLoad(std::unique_ptr<linattn_artifact> artifact,
                          linattn_artifact **result, Diagnostic &diag) {
  if (!readArtifact(*artifact, diag))
    return diag.getCode();
  for (size_t i = 0; i < artifact->manifest.functions.size(); ++i)
    artifact->entries.push_back({artifact.get(), static_cast<int64_t>(i)});
  *result = artifact.release();
  return LINATTN_OK;
}

static bool failNoMemory(int64_t size, Diagnostic &diag) {
  return diag.fail(LINATTN_BAD_FILE, "not enough memory for %lld bytes",
                   static_cast<long long>(size));
}

static bool readFile(const char *path, linattn_artifact &artifact,
                     Diagnostic &diag) {
  auto failFile = [&] {
    return diag.fail(LINATTN_BAD_FILE, "cannot read '%.300s': %s", path,
                     strerror(errno));
  };
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return failFile();
  struct FileCloser {
    int file;
    ~FileCloser() { close(file); }
  } closer{file};
  struct stat info;
  if (fstat(file, &info) != 0)
    return failFile();
  if (!S_ISREG(info.st_mode))
    return diag.fail(LINATTN_BAD_FILE, "cannot read '%.300s': not a file",
                     path);
  artifact.file = allocateAligned(info.st_size);
  if (!artifact.file)
    return failNoMemory(info.st_size, diag);
  while (artifact.size < info.st_size) {
    ssize_t count = read(file, artifact.file.get() + artifact.size,
                         info.st_size - artifact.size);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return failFile();
    if (count == 0)
      break; // The header knows that bytes are missing.
    artifact.size += count;
  }
  return true;
}

int32_t linattn_artifact_load(const char *path, linattn_artifact **result,
                              linattn_error *error) {
  Diagnostic diag(error);
  if (!path || !result) {
    diag.fail(LINATTN_BAD_CALL, "expected a path and a result, not null");
    return diag.getCode();
  }
  *result = nullptr;
  auto artifact = std::make_unique<linattn_artifact>();
  if (!readFile(path, *artifact, diag))
    return diag.getCode();
  return finishLoad(std::move(artifact), result, diag);
}

int32_t linattn_artifact_load_memory(const void *data, int64_t size,
                                     linattn_artifact **result,
                                     linattn_error *error) {
  Diagnostic diag(error);
  if (!result || size < 0 || (!data && size)) {
    diag.fail(LINATTN_BAD_CALL, "expected data and a result, not null");
    return diag.getCode();
  }
  *result = nullptr;
  auto artifact = std::make_unique<linattn_artifact>();
  artifact->file = allocateAligned(size);
  if (!artifact->file) {
    failNoMemory(size, diag);
    return diag.getCode();
  }
  if (size)
    memcpy(artifact->file.get(), data, size);
  artifact->size = size;
  return finishLoad(std::move(artifact), result, diag);
}

linattn_artifact::~linattn_artifact() {
  for (auto &device : devices)
    delete device.load();
  delete host.load();
}

void linattn_artifact_unload(linattn_artifact *artifact) { delete artifact; }
