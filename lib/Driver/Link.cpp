//===- Link.cpp - shared libraries of compiled functions -----------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Driver/Compiler.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

using namespace mlir;
using namespace mlir::linattn;

/// Where Debian keeps libraries.
static constexpr StringLiteral kLibraryFolders[] = {
    "/usr/lib/llvm-22/lib",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib"};

/// The first of the known folders that holds `name`.
static llvm::Expected<std::string> findLibrary(StringRef name) {
  for (StringRef folder : kLibraryFolders) {
    SmallString<128> path(folder);
    llvm::sys::path::append(path, name);
    if (llvm::sys::fs::exists(path))
      return path.str().str();
  }
  return llvm::createStringError(
      "found no %s in %s", name.str().c_str(),
      llvm::join(ArrayRef(kLibraryFolders), ", ").c_str());
}

llvm::Expected<std::string> mlir::linattn::findOpenMPRuntime() {
  return findLibrary("libomp.so.5");
}

static llvm::Expected<std::string> findLinker() {
  if (auto path = llvm::sys::findProgramByName("ld.lld-22"))
    return *path;
  if (auto path =
          llvm::sys::findProgramByName("ld.lld", {"/usr/lib/llvm-22/bin"}))
    return *path;
  return llvm::createStringError(
      "found no linker: expected ld.lld-22 on the PATH or "
      "/usr/lib/llvm-22/bin/ld.lld (Debian package lld-22)");
}

llvm::Error mlir::linattn::linkSharedLibrary(StringRef objectPath,
                                             StringRef outputPath) {
  llvm::Expected<std::string> linker = findLinker();
  if (!linker)
    return linker.takeError();
  // Undefined symbols are an error now, not when the library is loaded.
  SmallVector<std::string> args = {*linker,
                                   "-shared",
                                   "--no-undefined",
                                   "-O2",
                                   "-s",
                                   "--as-needed",
                                   "--hash-style=gnu",
                                   "-o",
                                   outputPath.str(),
                                   objectPath.str()};
  for (StringRef name : {"libomp.so.5", "libm.so.6", "libc.so.6"}) {
    // Not every program needs each of them: the linker says what is missing.
    if (llvm::Expected<std::string> library = findLibrary(name))
      args.push_back(*library);
    else
      llvm::consumeError(library.takeError());
  }

  SmallString<128> log;
  if (std::error_code error =
          llvm::sys::fs::createTemporaryFile("linattn-link", "log", log))
    return llvm::createStringError(error, "could not create a temporary file");
  std::string message;
  SmallVector<StringRef> argRefs(args.begin(), args.end());
  std::optional<StringRef> redirects[] = {StringRef(""), StringRef(log),
                                          StringRef(log)};
  int code = llvm::sys::ExecuteAndWait(*linker, argRefs, std::nullopt,
                                       redirects, /*SecondsToWait=*/0,
                                       /*MemoryLimit=*/0, &message);
  if (code != 0)
    if (auto text = llvm::MemoryBuffer::getFile(log))
      message += (*text)->getBuffer().rtrim();
  llvm::sys::fs::remove(log);
  if (code == 0)
    return llvm::Error::success();
  return llvm::createStringError("%s failed: %s", linker->c_str(),
                                 message.c_str());
}
