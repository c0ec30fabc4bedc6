//===- Manifest.h - what an artifact says about its functions ---*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_RUNTIME_MANIFEST_H
#define LINATTN_RUNTIME_MANIFEST_H

#include "Expression.h"
#include "Support.h"

#include <string>
#include <string_view>
#include <vector>

namespace linattn {
namespace runtime {

/// What the stack of a launch holds; larger plans are refused on load.
constexpr int64_t kMaxTensors = 64;
constexpr int64_t kMaxSymbols = 256;
constexpr int64_t kMaxLaunches = 16;
constexpr int64_t kMaxParameters = 512;
constexpr int64_t kMaxParameterBytes = 32768;
constexpr int64_t kMaxKernelParameterBytes = 4096;
constexpr int kMaxTensorMapRank = 5;
constexpr int64_t kTensorMapBytes = 128;

//===----------------------------------------------------------------------===//
// Blobs and kernels
//===----------------------------------------------------------------------===//

enum class BlobKind { Constants, Cubin, Host, Ptx };

/// A range of the file.
struct Blob {
  BlobKind kind;
  int64_t offset, size; // Relative to the first byte behind the manifest.
};

/// What code is for: "sm_90a", "compute_80".
struct Arch {
  std::string name;
  bool isVirtual = false;
  int capability = 0; // 10 * major + minor.
  char suffix = 0;    // 'a', 'f' or none.

  static bool parse(std::string_view text, Arch &arch);
  /// Whether code for this architecture runs on a device of this capability.
  bool runsOn(int deviceCapability) const;
};

/// Machine code or PTX of all kernels of a target: in one blob, or in one for
/// each kernel.
struct Image {
  Arch arch;
  std::vector<int64_t> blobs;
};

struct Kernel {
  std::string name;
  int64_t maxSharedMemory = 0;
  bool nonPortableCluster = false;
};

/// The same kernels, in one or more images; the first that a device can run is
/// loaded.
struct Target {
  std::vector<Image> images;
  std::vector<Kernel> kernels;
};

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

enum class RuleKind { Any, Fixed, Symbol, Computed };

struct SizeRule {
  RuleKind kind = RuleKind::Any;
  int64_t value = 0; // The size, the symbol's number, or the expression.
};

struct StrideRule {
  RuleKind kind = RuleKind::Any;
  int64_t value = 0;
  int64_t multiple = 1;
};

struct TensorRule {
  std::string name;
  int32_t dtype = 0, rank = 0;
  bool isResult = false, isHost = false;
  int64_t alignment = 1;
  SizeRule sizes[LINATTN_MAX_RANK];
  StrideRule strides[LINATTN_MAX_RANK];
};

/// A symbol that the plan computes.
struct Definition {
  int32_t symbol;
  Expression value;
};

struct Requirement {
  Expression condition;
  std::string message;
};

/// Where a device address starts.
enum class BaseKind { Tensor, Workspace, Constants };

struct Address {
  BaseKind kind;
  int64_t tensor = -1;
  Expression offset = -1; // In bytes; none: 0.
};

struct TensorMap {
  Address address;
  int32_t dtype, rank;
  // Innermost first, as the driver has them; strides in elements.
  Expression sizes[kMaxTensorMapRank], strides[kMaxTensorMapRank];
  uint32_t box[kMaxTensorMapRank], elementStrides[kMaxTensorMapRank];
  int swizzle, l2Promotion; // In bytes; 0: none.
  bool fillNaN;
};

enum class ParameterKind { Address, TensorMap, Integer, Bits, Value };

struct Parameter {
  ParameterKind kind;
  int64_t bytes;
  Address address;
  int64_t tensorMap = -1;
  Expression value = -1;            // Integer.
  int64_t minimum = 0, maximum = 0; // Integer.
  int64_t bits = 0;                 // Bits.
  int64_t tensor = -1;              // Value.
};

struct Launch {
  int64_t kernel;
  Expression when = -1;
  Expression grid[3], block[3], cluster[3] = {-1, -1, -1};
  Expression sharedMemory = -1;
  bool programmatic = false;
  std::vector<Parameter> parameters;
};

struct Variant {
  std::string name;
  Expression when = -1, workspace = -1;
  std::vector<Launch> launches;
};

/// How one target computes a function.
struct Plan {
  int64_t target;
  std::vector<Definition> definitions;
  std::vector<Variant> variants;
};

struct Function {
  std::string name;
  std::vector<TensorRule> tensors; // As in a call.
  int64_t numArguments = 0;
  std::vector<int64_t> resultTensors;
  std::vector<std::string> symbols;
  std::vector<Definition> definitions;
  std::vector<Requirement> requirements;
  std::vector<Plan> plans;
  std::string hostSymbol; // Empty: none.
  std::vector<Node> nodes;
  std::vector<TensorMap> tensorMaps;
};

/// The numbers of the symbols that describe the device.
enum Fact : int32_t { kSmCount = 0, kComputeCapability = 1, kNumFacts = 2 };

struct Manifest {
  std::vector<Blob> blobs;
  std::vector<Target> targets;
  std::vector<Function> functions;
  int64_t constantsBlob = -1;
  int64_t hostBlob = -1;
  std::string hostArch;
};

/// Reads and checks the JSON text of a manifest whose blobs lie in `blobBytes`
/// bytes.
bool parseManifest(std::string_view text, int64_t blobBytes, Manifest &manifest,
                   Diagnostic &diag);

} // namespace runtime
} // namespace linattn

#endif // LINATTN_RUNTIME_MANIFEST_H
