//===- linattn-artifact.cpp - look into and build artifacts ---------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Artifact/Artifact.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/WithColor.h"

using namespace mlir;
using namespace mlir::linattn;
namespace cl = llvm::cl;
namespace json = llvm::json;

static constexpr StringLiteral kOverview =
    R"(looks into artifacts and builds them

  linattn-artifact print x.lna             the manifest, indented
  linattn-artifact extract x.lna --blob=0  one blob
  linattn-artifact pack x.json -o x.lna    an artifact from a manifest, whose
                                           blobs are {"kind": ..., "file": ...}
)";

static cl::OptionCategory category("linattn-artifact options");

static cl::opt<std::string> action(cl::Positional, cl::Required,
                                   cl::desc("print|extract|pack"),
                                   cl::cat(category));
static cl::opt<std::string> inputPath(cl::Positional, cl::Required,
                                      cl::desc("<input>"), cl::cat(category));
static cl::opt<std::string> outputPath("o", cl::desc("The file to write"),
                                       cl::value_desc("file"), cl::init("-"),
                                       cl::cat(category));
static cl::opt<unsigned> blobNumber("blob",
                                    cl::desc("The number of the blob to write"),
                                    cl::init(0), cl::cat(category));

static llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
readFile(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return llvm::createStringError("cannot read '" + path +
                                   "': " + buffer.getError().message());
  return std::move(*buffer);
}

static llvm::Error writeFile(StringRef content) {
  std::error_code error;
  llvm::ToolOutputFile file(outputPath, error, llvm::sys::fs::OF_None);
  if (!error) {
    file.os() << content;
    file.os().flush();
    error = file.os().error();
    file.os().clear_error();
  }
  if (error)
    return llvm::createStringError("cannot write '" + outputPath +
                                   "': " + error.message());
  file.keep();
  return llvm::Error::success();
}

static llvm::Error print(StringRef file) {
  auto parts = readArtifact(file);
  if (!parts)
    return parts.takeError();
  auto manifest = json::parse(parts->manifest);
  if (!manifest)
    return manifest.takeError();
  std::string text;
  llvm::raw_string_ostream(text) << llvm::formatv("{0:2}\n", *manifest);
  return writeFile(text);
}

static llvm::Error extract(StringRef file) {
  auto parts = readArtifact(file);
  if (!parts)
    return parts.takeError();
  auto manifest = json::parse(parts->manifest);
  if (!manifest)
    return manifest.takeError();
  // The manifest is known to be valid.
  const json::Array &blobs = *manifest->getAsObject()->getArray("blobs");
  if (blobNumber >= blobs.size())
    return llvm::createStringError("expected the number of one of %zu blobs, "
                                   "but got %u",
                                   blobs.size(), blobNumber.getValue());
  const json::Object &blob = *blobs[blobNumber].getAsObject();
  return writeFile(parts->blobs.substr(*blob.getInteger("offset"),
                                       *blob.getInteger("size")));
}

static llvm::Error addBlobs(const json::Array &blobs, ArtifactWriter &writer) {
  for (const json::Value &value : blobs) {
    const json::Object *blob = value.getAsObject();
    auto name = blob ? blob->getString("kind") : std::nullopt;
    auto path = blob ? blob->getString("file") : std::nullopt;
    auto kind = name ? ArtifactWriter::getBlobKind(*name) : std::nullopt;
    if (!kind || !path || blob->size() != 2)
      return llvm::createStringError(
          "expected blobs to be {\"kind\": \"constants\", \"cubin\", \"host\" "
          "or \"ptx\", \"file\": a path}");
    // Paths count from the folder of the manifest.
    SmallString<128> resolved(*path);
    if (!llvm::sys::path::is_absolute(*path)) {
      resolved = llvm::sys::path::parent_path(inputPath);
      llvm::sys::path::append(resolved, *path);
    }
    auto data = readFile(resolved);
    if (!data)
      return data.takeError();
    writer.addBlob(*kind, (*data)->getBuffer());
  }
  return llvm::Error::success();
}

static llvm::Error pack(StringRef file) {
  auto manifest = json::parse(file);
  if (!manifest)
    return manifest.takeError();
  json::Object *top = manifest->getAsObject();
  if (!top)
    return llvm::createStringError("expected an object as manifest");
  ArtifactWriter writer;
  if (const json::Value *blobs = top->get("blobs")) {
    if (!blobs->getAsArray())
      return llvm::createStringError("expected 'blobs' to be an array");
    if (llvm::Error error = addBlobs(*blobs->getAsArray(), writer))
      return error;
    top->erase("blobs");
  }
  writer.manifest = std::move(*top);
  auto bytes = writer.write();
  if (!bytes)
    return bytes.takeError();
  return writeFile(*bytes);
}

static llvm::Error run() {
  llvm::Error (*act)(StringRef) = action == "print"     ? print
                                  : action == "extract" ? extract
                                  : action == "pack"    ? pack
                                                        : nullptr;
  if (!act)
    return llvm::createStringError(
        "expected print, extract or pack, but got '" + action + "'");
  auto file = readFile(inputPath);
  if (!file)
    return file.takeError();
  if (llvm::Error error = act((*file)->getBuffer()))
    return llvm::createStringError("'" + inputPath +
                                   "': " + llvm::toString(std::move(error)));
  return llvm::Error::success();
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, kOverview);
  llvm::Error error = run();
  if (!error)
    return 0;
  llvm::WithColor::error(llvm::errs(), "linattn-artifact")
      << llvm::toString(std::move(error)) << "\n";
  return 1;
}
