//===- Manifest.cpp - what an artifact says about its functions -----------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Manifest.h"

#include "FunctionReader.h"
#include "JsonReader.h"

using namespace linattn::runtime;

//===----------------------------------------------------------------------===//
// Architectures
//===----------------------------------------------------------------------===//

bool Arch::parse(std::string_view text, Arch &arch) {
  arch.name = text;
  auto consume = [&](std::string_view prefix) {
    if (text.substr(0, prefix.size()) != prefix)
      return false;
    text.remove_prefix(prefix.size());
    return true;
  };
  arch.isVirtual = consume("compute_");
  if (!arch.isVirtual && !consume("sm_"))
    return false;
  arch.suffix = 0;
  if (!text.empty() && (text.back() == 'a' || text.back() == 'f')) {
    arch.suffix = text.back();
    text.remove_suffix(1);
  }
  if (text.size() < 2 || text.size() > 3)
    return false;
  arch.capability = 0;
  for (char c : text) {
    if (c < '0' || c > '9')
      return false;
    arch.capability = arch.capability * 10 + (c - '0');
  }
  return true;
}

bool Arch::runsOn(int deviceCapability) const {
  if (suffix == 'a')
    return deviceCapability == capability;
  if (deviceCapability < capability)
    return false;
  // PTX is compiled for any later device; machine code and the features of a
  // family stay within the major version.
  return (isVirtual && suffix != 'f') ||
         deviceCapability / 10 == capability / 10;
}

//===----------------------------------------------------------------------===//
// Blobs and targets
//===----------------------------------------------------------------------===//

static bool readBlobs(JsonPlace place, int64_t blobBytes, Manifest &manifest) {
  if (!place.checkArray(0, 4096))
    return false;
  int64_t end = 0;
  for (size_t i = 0; i < place.size(); ++i) {
    JsonPlace at = place[i];
    Blob blob;
    int kind;
    if (!at.checkObject({"kind", "offset", "size"}) ||
        !at["kind"].readWord({"constants", "cubin", "host", "ptx"}, kind) ||
        !at["offset"].read(blob.offset, 0, INT64_MAX) ||
        !at["size"].read(blob.size, 1, INT64_MAX))
      return false;
    if (blob.offset % 64 != 0)
      return at["offset"].fail("expected a multiple of 64, but got %lld",
                               static_cast<long long>(blob.offset));
    if (blob.offset < end)
      return at["offset"].fail("overlaps the blob before it");
    if (blob.offset > blobBytes || blob.size > blobBytes - blob.offset)
      return at.fail("ends behind the file: offset %lld, size %lld, but all "
                     "blobs have %lld bytes",
                     static_cast<long long>(blob.offset),
                     static_cast<long long>(blob.size),
                     static_cast<long long>(blobBytes));
    end = blob.offset + blob.size;
    blob.kind = static_cast<BlobKind>(kind);
    if (blob.kind == BlobKind::Constants) {
      if (manifest.constantsBlob >= 0)
        return at.fail("more than one blob of constants");
      manifest.constantsBlob = i;
    }
    manifest.blobs.push_back(blob);
  }
  return true;
}

static bool readBlobNumber(JsonPlace at, BlobKind kind, Manifest &manifest,
                           int64_t &blob) {
  if (!at.read(blob, 0, static_cast<int64_t>(manifest.blobs.size()) - 1))
    return false;
  return manifest.blobs[blob].kind == kind ||
         at.fail("the blob is of another kind");
}

static bool readHost(JsonPlace at, Manifest &manifest) {
  if (!at.exists())
    return true;
  return at.checkObject({"arch", "blob", "cpu"}) &&
         at["arch"].readName(manifest.hostArch) &&
         readBlobNumber(at["blob"], BlobKind::Host, manifest,
                        manifest.hostBlob);
}

/// Reads an image, whose code lies in the blob `blob`, or in one of `blobs` for
/// each of `numKernels` kernels.
static bool readImage(JsonPlace at, size_t numKernels, Manifest &manifest,
                      Image &image) {
  std::string arch;
  if (!at.checkObject({"arch", "blob", "blobs"}) || !at["arch"].read(arch))
    return false;
  if (!Arch::parse(arch, image.arch))
    return at["arch"].fail(
        "expected sm_ or compute_ and a number, but got '%.60s'", arch.c_str());
  BlobKind kind = image.arch.isVirtual ? BlobKind::Ptx : BlobKind::Cubin;
  JsonPlace blobs = at["blobs"];
  if (!blobs.exists()) {
    image.blobs.resize(1);
    return readBlobNumber(at["blob"], kind, manifest, image.blobs[0]);
  }
  if (at["blob"].exists())
    return at.fail("expected either 'blob' or 'blobs'");
  if (!blobs.checkArray(numKernels, numKernels))
    return false;
  image.blobs.resize(numKernels);
  for (size_t i = 0; i < numKernels; ++i)
    if (!readBlobNumber(blobs[i], kind, manifest, image.blobs[i]))
      return false;
  return true;
}

static bool readTarget(JsonPlace at, Manifest &manifest) {
  Target target;
  JsonPlace images = at["images"], kernels = at["kernels"];
  if (!at.checkObject({"images", "kernels"}) || !images.checkArray(1, 64) ||
      !kernels.checkArray(1, 1024))
    return false;
  target.images.resize(images.size());
  for (size_t i = 0; i < images.size(); ++i)
    if (!readImage(images[i], kernels.size(), manifest, target.images[i]))
      return false;
  for (size_t i = 0; i < kernels.size(); ++i) {
    Kernel kernel;
    JsonPlace shared = kernels[i]["max_shared_memory"];
    JsonPlace cluster = kernels[i]["non_portable_cluster"];
    if (!kernels[i].checkObject({"name", "max_shared_memory",
                                 "non_portable_cluster", "remarks",
                                 "schedule"}) ||
        !kernels[i]["name"].readName(kernel.name) ||
        (shared.exists() && !shared.read(kernel.maxSharedMemory, 0, 1 << 20)) ||
        (cluster.exists() && !cluster.read(kernel.nonPortableCluster)))
      return false;
    for (const Kernel &other : target.kernels)
      if (other.name == kernel.name)
        return kernels[i].fail("two kernels are named '%.60s'",
                               kernel.name.c_str());
    target.kernels.push_back(std::move(kernel));
  }
  manifest.targets.push_back(std::move(target));
  return true;
}

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

static bool readTop(JsonPlace top, int64_t blobBytes, Manifest &manifest,
                    Diagnostic &diag) {
  int64_t version;
  // First of all: another version may have other fields.
  if (!top.isObject())
    return top.failExpected("an object");
  if (!top["abi_version"].read(version, 0, INT64_MAX))
    return false;
  if (version != LINATTN_ABI_VERSION)
    return diag.fail(LINATTN_BAD_VERSION,
                     "expected an artifact of ABI version %d, but got %lld",
                     LINATTN_ABI_VERSION, static_cast<long long>(version));
  std::string text;
  JsonPlace targets = top["targets"], functions = top["functions"];
  if (!top.checkObject({"abi_version", "blobs", "functions", "host", "producer",
                        "source_hash", "targets"}) ||
      !top["producer"].read(text) ||
      (top["source_hash"].exists() && !top["source_hash"].read(text)) ||
      !readBlobs(top["blobs"], blobBytes, manifest) ||
      !readHost(top["host"], manifest) ||
      (targets.exists() && !targets.checkArray(0, 256)) ||
      !functions.checkArray(1, 4096))
    return false;
  for (size_t i = 0; i < targets.size(); ++i)
    if (!readTarget(targets[i], manifest))
      return false;
  for (size_t i = 0; i < functions.size(); ++i) {
    Function function;
    if (!readFunction(functions[i], manifest, function))
      return false;
    for (const Function &other : manifest.functions)
      if (other.name == function.name)
        return functions[i].fail("two functions are named '%.60s'",
                                 function.name.c_str());
    manifest.functions.push_back(std::move(function));
  }
  return true;
}

bool linattn::runtime::parseManifest(std::string_view text, int64_t blobBytes,
                                     Manifest &manifest, Diagnostic &diag) {
  JsonValue root;
  std::string problem;
  size_t offset = 0;
  if (!parseJson(text, root, problem, offset))
    return diag.fail(LINATTN_BAD_ARTIFACT, "manifest: byte %zu: not JSON: %s",
                     offset, problem.c_str());
  return readTop(JsonPlace(&root, "", diag), blobBytes, manifest, diag);
}
