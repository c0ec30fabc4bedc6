//===- Host.cpp - loading and running host code ---------------------------===//
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
#include <dlfcn.h>
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace linattn::runtime;

#if defined(__x86_64__)
static constexpr const char *kHostArch = "x86_64";
static constexpr int kHostMachine = EM_X86_64;
#elif defined(__aarch64__)
static constexpr const char *kHostArch = "aarch64";
static constexpr int kHostMachine = EM_AARCH64;
#else
#error "expected x86-64 or AArch64"
#endif

HostCode::~HostCode() {
  if (library)
    dlclose(library);
  if (file >= 0)
    close(file);
}

/// Puts the code into a file in memory and opens it.
static bool openLibrary(const char *data, int64_t size, HostCode &code,
                        Diagnostic &diag) {
  code.file = memfd_create("linattn", MFD_CLOEXEC);
  if (code.file < 0)
    return diag.fail(LINATTN_HOST_ERROR, "cannot make a file in memory: %s",
                     strerror(errno));
  for (int64_t done = 0; done < size;) {
    ssize_t count = write(code.file, data + done, size - done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return diag.fail(LINATTN_HOST_ERROR,
                       "cannot write to a file in memory: %s", strerror(errno));
    done += count;
  }
  // The loader knows libraries by their names, and a closed file's number would
  // be given to the next one: the file stays open as long as the library.
  char path[64];
  snprintf(path, sizeof(path), "/proc/self/fd/%d", code.file);
  code.library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  return code.library || diag.fail(LINATTN_HOST_ERROR,
                                   "cannot load the host code: %s", dlerror());
}

/// Compares what the code says about itself with the manifest.
static bool checkSignature(const linattn_signature &signature,
                           const Function &function, Diagnostic &diag) {
  const char *name = function.name.c_str();
  if (signature.abi_version != LINATTN_ABI_VERSION)
    return diag.fail(LINATTN_BAD_VERSION,
                     "host code of '%s': expected ABI version %d, but got %lld",
                     name, LINATTN_ABI_VERSION,
                     static_cast<long long>(signature.abi_version));
  int64_t numTensors = function.tensors.size();
  if (signature.num_arguments != function.numArguments ||
      signature.num_results != numTensors - function.numArguments)
    return diag.fail(LINATTN_BAD_ARTIFACT,
                     "host code of '%s': expected %lld arguments and %lld "
                     "results, but got %lld and %lld",
                     name, static_cast<long long>(function.numArguments),
                     static_cast<long long>(numTensors - function.numArguments),
                     static_cast<long long>(signature.num_arguments),
                     static_cast<long long>(signature.num_results));
  for (int64_t i = 0; i < numTensors; ++i) {
    const TensorRule &rule = function.tensors[i];
    const linattn_parameter &parameter = signature.parameters[i];
    if (parameter.dtype != rule.dtype || parameter.rank != rule.rank)
      return diag.fail(LINATTN_BAD_ARTIFACT,
                       "host code of '%s': expected %s of rank %d for '%s', "
                       "but got %s of rank %lld",
                       name, getDtypeName(rule.dtype), rule.rank,
                       rule.name.c_str(), getDtypeName(parameter.dtype),
                       static_cast<long long>(parameter.rank));
  }
  return true;
}

static bool loadFunctions(const Manifest &manifest, HostCode &code,
                          Diagnostic &diag) {
  for (const Function &function : manifest.functions) {
    HostCode::LoadedFunction loaded;
    if (!function.hostSymbol.empty()) {
      auto find = [&](const char *suffix) {
        std::string symbol = function.hostSymbol + suffix;
        void *address = dlsym(code.library, symbol.c_str());
        if (!address)
          diag.fail(LINATTN_BAD_ARTIFACT, "the host code lacks the symbol '%s'",
                    symbol.c_str());
        return address;
      };
      loaded.run = reinterpret_cast<linattn_function>(find(""));
      loaded.query = reinterpret_cast<linattn_query>(find("_query"));
      auto *signature =
          static_cast<const linattn_signature *>(find("_signature"));
      if (!loaded.run || !loaded.query || !signature ||
          !checkSignature(*signature, function, diag))
        return false;
    }
    code.functions.push_back(loaded);
  }
  return true;
}

std::unique_ptr<HostCode>
linattn::runtime::loadHostCode(const linattn_artifact &artifact,
                               Diagnostic &diag) {
  const Manifest &manifest = artifact.manifest;
  if (manifest.hostBlob < 0) {
    diag.fail(LINATTN_NO_CODE, "the artifact holds no host code");
    return nullptr;
  }
  if (manifest.hostArch != kHostArch) {
    diag.fail(LINATTN_NO_CODE,
              "the artifact holds host code for %.60s, but this is %s",
              manifest.hostArch.c_str(), kHostArch);
    return nullptr;
  }
  auto code = std::make_unique<HostCode>();
  const char *data = artifact.getBlob(manifest.hostBlob);
  int64_t size = manifest.blobs[manifest.hostBlob].size;
  if (!checkElf(data, size, kHostMachine, "host code", diag) ||
      !openLibrary(data, size, *code, diag) ||
      !loadFunctions(manifest, *code, diag))
    return nullptr;
  return code;
}
