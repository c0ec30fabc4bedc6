//===- Ptxas.cpp - PTX to machine code ------------------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Driver/DeviceCode.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"

using namespace mlir;
using namespace mlir::linattn;

//===----------------------------------------------------------------------===//
// Finding it
//===----------------------------------------------------------------------===//

/// The folders below `root` whose names start with `prefix`, in order.
static SmallVector<std::string> listFolders(const Twine &root,
                                            StringRef prefix) {
  SmallVector<std::string> folders;
  std::error_code error;
  for (llvm::sys::fs::directory_iterator it(root, error), end;
       it != end && !error; it.increment(error))
    if (llvm::sys::path::filename(it->path()).starts_with(prefix))
      folders.push_back(it->path());
  llvm::sort(folders);
  return folders;
}

/// ptxas of the PyPI package nvidia-cuda-nvcc in a virtual environment, or "".
static std::string findInEnvironment(StringRef environment) {
  for (const std::string &python : listFolders(environment + "/lib", "python"))
    for (const std::string &cuda :
         listFolders(python + "/site-packages/nvidia", ""))
      if (std::string path = cuda + "/bin/ptxas";
          llvm::sys::fs::can_execute(path))
        return path;
  return "";
}

llvm::Expected<std::string> mlir::linattn::findPtxas() {
  if (auto path = llvm::sys::Process::GetEnv("LINATTN_PTXAS")) {
    if (llvm::sys::fs::can_execute(*path))
      return *path;
    return llvm::createStringError(
        "LINATTN_PTXAS: expected a program, but got '%s'", path->c_str());
  }
  if (auto path = llvm::sys::findProgramByName("ptxas"))
    return *path;
  if (auto environment = llvm::sys::Process::GetEnv("VIRTUAL_ENV"))
    if (std::string path = findInEnvironment(*environment); !path.empty())
      return path;
  // The environment that scripts/setup.sh makes beside the build folder.
  static int anchor;
  SmallString<128> root(llvm::sys::fs::getMainExecutable("", &anchor));
  for (int i = 0; i < 3; ++i)
    llvm::sys::path::remove_filename(root);
  llvm::sys::path::append(root, ".venv");
  if (std::string path = findInEnvironment(root); !path.empty())
    return path;
  for (StringRef path : {"/usr/local/cuda/bin/ptxas"})
    if (llvm::sys::fs::can_execute(path))
      return path.str();
  return llvm::createStringError(
      "found no ptxas: expected LINATTN_PTXAS to name it, or ptxas on the "
      "PATH, "
      "in a virtual environment (pip install nvidia-cuda-nvcc) or in "
      "/usr/local/cuda/bin; --ptx-only leaves assembling to the driver");
}

//===----------------------------------------------------------------------===//
// What it says
//===----------------------------------------------------------------------===//

/// The integer in front of `unit`, or 0.
static int64_t getCount(StringRef line, StringRef unit) {
  size_t end = line.find(unit);
  if (end == StringRef::npos)
    return 0;
  StringRef number = line.take_front(end).rtrim();
  number = number.take_back(number.size() -
                            (number.find_last_not_of("0123456789") + 1));
  int64_t value;
  return number.getAsInteger(10, value) ? 0 : value;
}

std::vector<KernelReport> mlir::linattn::parsePtxasOutput(StringRef output) {
  std::vector<KernelReport> kernels;
  SmallVector<StringRef> lines;
  output.split(lines, '\n');
  SmallVector<StringRef> advice;
  for (StringRef line : lines) {
    if (size_t at = line.find("Compiling entry function '");
        at != StringRef::npos) {
      kernels.push_back({});
      kernels.back().name =
          line.substr(at).split('\'').second.split('\'').first;
      continue;
    }
    // Messages have numbers: "(C7510) Potential Performance Loss: ...".
    if (line.contains("(C7"))
      advice.push_back(line);
    if (kernels.empty())
      continue;
    KernelReport &kernel = kernels.back();
    if (line.contains("bytes stack frame")) {
      kernel.stackBytes = getCount(line, "bytes stack frame");
      kernel.spillStoreBytes = getCount(line, "bytes spill stores");
      kernel.spillLoadBytes = getCount(line, "bytes spill loads");
    } else if (line.contains("Used ") && line.contains("registers")) {
      kernel.registers = getCount(line, "registers");
    }
  }
  // They come before the kernel that they name.
  for (KernelReport &kernel : kernels)
    for (StringRef line : advice)
      if (line.contains("'" + kernel.name + "'"))
        kernel.advice.push_back(line.substr(line.find('(')).rtrim().str());
  return kernels;
}

//===----------------------------------------------------------------------===//
// Running it
//===----------------------------------------------------------------------===//

namespace {
/// A file that is gone when this is.
struct TemporaryFile {
  SmallString<128> path;
  llvm::FileRemover remover;

  llvm::Error create(StringRef suffix) {
    if (std::error_code error =
            llvm::sys::fs::createTemporaryFile("linattn", suffix, path))
      return llvm::createStringError(error, "cannot write a temporary file: " +
                                                error.message());
    remover.setFile(path);
    return llvm::Error::success();
  }
};
} // namespace

static std::string readFile(StringRef path) {
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
  return file ? (*file)->getBuffer().str() : "";
}

llvm::Expected<Cubin> mlir::linattn::assemblePTX(StringRef ptx, StringRef chip,
                                                 StringRef ptxas) {
  TemporaryFile source, target, log;
  for (auto [file, suffix] :
       {std::pair(&source, "ptx"), {&target, "cubin"}, {&log, "log"}})
    if (llvm::Error error = file->create(suffix))
      return std::move(error);
  {
    std::error_code error;
    llvm::raw_fd_ostream os(source.path, error);
    os << ptx;
  }
  std::string arch = "-arch=" + chip.str();
  StringRef args[] = {ptxas, "-v", arch, source.path, "-o", target.path};
  std::optional<StringRef> redirects[] = {StringRef(""), StringRef(log.path),
                                          StringRef(log.path)};
  std::string message;
  int code = llvm::sys::ExecuteAndWait(ptxas, args, std::nullopt, redirects,
                                       /*SecondsToWait=*/0, /*MemoryLimit=*/0,
                                       &message);
  std::string output = readFile(log.path);
  if (code != 0)
    return llvm::createStringError(ptxas + " failed: " + message +
                                   StringRef(output).rtrim());
  return Cubin{readFile(target.path), parsePtxasOutput(output)};
}
