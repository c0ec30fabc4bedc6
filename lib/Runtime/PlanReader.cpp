//===- PlanReader.cpp - reading launch plans of a manifest ----------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FunctionReader.h"

using namespace linattn::runtime;

//===----------------------------------------------------------------------===//
// Addresses and tensor maps
//===----------------------------------------------------------------------===//

namespace {
/// Reads what belongs to one plan.
class PlanReader {
public:
  PlanReader(const Manifest &manifest, Function &function, Scope scope)
      : manifest(manifest), function(function), scope(std::move(scope)) {}

  bool read(JsonPlace at);

private:
  bool readExpr(JsonPlace at, Expression &result) {
    return readExpression(at, scope, function, result);
  }
  bool readOptional(JsonPlace at, Expression &result) {
    return !at.exists() || readExpr(at, result);
  }
  bool readTensorName(JsonPlace at, int64_t &tensor);
  bool readAddress(JsonPlace at, Address &address);
  bool readTensorMap(JsonPlace at, TensorMap &map);
  bool readInteger(JsonPlace at, Parameter &parameter);
  bool readParameter(JsonPlace at, Parameter &parameter);
  bool readExtents(JsonPlace at, Expression (&extents)[3]);
  bool readLaunch(JsonPlace at, Launch &launch);
  bool readVariant(JsonPlace at, Variant &variant);

  const Manifest &manifest;
  Function &function;
  Scope scope;
  Plan plan;
};
} // namespace

bool PlanReader::readTensorName(JsonPlace at, int64_t &tensor) {
  std::string name;
  if (!at.readName(name))
    return false;
  for (size_t i = 0; i < function.tensors.size(); ++i)
    if (function.tensors[i].name == name) {
      tensor = i;
      return true;
    }
  return at.fail("no argument or result is named '%.60s'", name.c_str());
}

bool PlanReader::readAddress(JsonPlace at, Address &address) {
  if (!at.checkObject({"base", "offset", "tensor"}) ||
      !readOptional(at["offset"], address.offset))
    return false;
  if (at["tensor"].exists() == at["base"].exists())
    return at.fail("expected either 'tensor' or 'base'");
  if (at["tensor"].exists()) {
    address.kind = BaseKind::Tensor;
    if (!readTensorName(at["tensor"], address.tensor))
      return false;
    return !function.tensors[address.tensor].isHost ||
           at.fail("the tensor is a scalar by value");
  }
  int word;
  if (!at["base"].readWord({"workspace", "constants"}, word))
    return false;
  address.kind = word ? BaseKind::Constants : BaseKind::Workspace;
  if (word && manifest.constantsBlob < 0)
    return at.fail("the artifact holds no constants");
  return true;
}

bool PlanReader::readTensorMap(JsonPlace at, TensorMap &map) {
  int element, swizzle, promotion = 0, fill = 0;
  JsonPlace sizes = at["sizes"], strides = at["strides"], box = at["box"];
  JsonPlace steps = at["element_strides"];
  if (!at.checkObject({"address", "box", "element", "element_strides", "fill",
                       "kind", "l2_promotion", "sizes", "strides",
                       "swizzle"}) ||
      !readAddress(at["address"], map.address) ||
      !at["element"].readWord(
          {"f32", "f16", "bf16", "f64", "i8", "i16", "i32", "i64"}, element) ||
      !at["swizzle"].readWord({"none", "32B", "64B", "128B"}, swizzle) ||
      (at["l2_promotion"].exists() &&
       !at["l2_promotion"].readWord({"none", "64B", "128B", "256B"},
                                    promotion)) ||
      (at["fill"].exists() && !at["fill"].readWord({"zero", "nan"}, fill)) ||
      !sizes.checkArray(1, kMaxTensorMapRank))
    return false;
  // There is no "bool" among the words.
  map.dtype = element + LINATTN_F32 + (element >= 4);
  map.rank = static_cast<int32_t>(sizes.size());
  map.swizzle = swizzle ? 16 << swizzle : 0;
  map.l2Promotion = promotion ? 32 << promotion : 0;
  map.fillNaN = fill;
  if (map.fillNaN && map.dtype > LINATTN_F64)
    return at["fill"].fail("integers have no NaN");
  if (!strides.checkArray(map.rank - 1, map.rank - 1) ||
      !box.checkArray(map.rank, map.rank) ||
      (steps.exists() && !steps.checkArray(map.rank, map.rank)))
    return false;
  for (int dim = 0; dim < map.rank; ++dim) {
    int64_t extent, step = 1;
    if (!readExpr(sizes[dim], map.sizes[dim]) ||
        (dim && !readExpr(strides[dim - 1], map.strides[dim])) ||
        !box[dim].read(extent, 1, 256) ||
        (steps.exists() && !steps[dim].read(step, 1, 8)))
      return false;
    map.box[dim] = static_cast<uint32_t>(extent);
    map.elementStrides[dim] = static_cast<uint32_t>(step);
  }
  int64_t innerBytes = map.box[0] * getDtypeBytes(map.dtype);
  if (innerBytes % 16 != 0)
    return box.fail("expected inner rows of a multiple of 16 bytes, but got "
                    "%lld",
                    static_cast<long long>(innerBytes));
  if (map.swizzle && innerBytes > map.swizzle)
    return box.fail("expected inner rows of at most the %d bytes of the "
                    "swizzle, but got %lld",
                    map.swizzle, static_cast<long long>(innerBytes));
  return true;
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

bool PlanReader::readInteger(JsonPlace at, Parameter &parameter) {
  int type;
  if (!at.checkObject({"kind", "type", "value"}) ||
      !at["type"].readWord({"i8", "i16", "i32", "i64", "u8", "u16", "u32"},
                           type) ||
      !readExpr(at["value"], parameter.value))
    return false;
  bool isSigned = type < 4;
  parameter.bytes = int64_t(1) << (type % 4);
  if (parameter.bytes == 8) {
    parameter.minimum = INT64_MIN;
    parameter.maximum = INT64_MAX;
    return true;
  }
  int64_t bits = 8 * parameter.bytes - isSigned;
  parameter.maximum = (int64_t(1) << bits) - 1;
  parameter.minimum = isSigned ? -parameter.maximum - 1 : 0;
  return true;
}

bool PlanReader::readParameter(JsonPlace at, Parameter &parameter) {
  int kind;
  if (!at["kind"].readWord(
          {"address", "tensor_map", "integer", "bits", "value"}, kind))
    return false;
  parameter.kind = static_cast<ParameterKind>(kind);
  switch (parameter.kind) {
  case ParameterKind::Address:
    parameter.bytes = 8;
    return at.checkObject({"address", "kind"}) &&
           readAddress(at["address"], parameter.address);
  case ParameterKind::TensorMap: {
    parameter.bytes = kTensorMapBytes;
    TensorMap map;
    if (!readTensorMap(at, map))
      return false;
    parameter.tensorMap = function.tensorMaps.size();
    function.tensorMaps.push_back(map);
    return true;
  }
  case ParameterKind::Integer:
    return readInteger(at, parameter);
  case ParameterKind::Bits: {
    if (!at.checkObject({"bytes", "kind", "value"}) ||
        !at["bytes"].read(parameter.bytes, 1, 8) ||
        !at["value"].read(parameter.bits, INT64_MIN, INT64_MAX))
      return false;
    if (parameter.bytes & (parameter.bytes - 1))
      return at["bytes"].fail("expected a power of two");
    if (parameter.bytes < 8 && (parameter.bits >> (8 * parameter.bytes)) != 0)
      return at["value"].fail("does not fit in %d bytes",
                              static_cast<int>(parameter.bytes));
    return true;
  }
  case ParameterKind::Value:
    if (!at.checkObject({"kind", "tensor"}) ||
        !readTensorName(at["tensor"], parameter.tensor))
      return false;
    parameter.bytes = getDtypeBytes(function.tensors[parameter.tensor].dtype);
    return function.tensors[parameter.tensor].isHost ||
           at.fail("expected a scalar by value: an argument in the space "
                   "'host'");
  }
  return false;
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

bool PlanReader::readExtents(JsonPlace at, Expression (&extents)[3]) {
  if (!at.checkArray(3, 3))
    return false;
  for (int i = 0; i < 3; ++i)
    if (!readExpr(at[i], extents[i]))
      return false;
  return true;
}

bool PlanReader::readLaunch(JsonPlace at, Launch &launch) {
  JsonPlace parameters = at["parameters"];
  std::string name;
  if (!at.checkObject({"block", "cluster", "grid", "kernel", "parameters",
                       "programmatic", "shared_memory", "when"}) ||
      !at["kernel"].readName(name) || !readOptional(at["when"], launch.when) ||
      !readExtents(at["grid"], launch.grid) ||
      !readExtents(at["block"], launch.block) ||
      (at["cluster"].exists() && !readExtents(at["cluster"], launch.cluster)) ||
      !readOptional(at["shared_memory"], launch.sharedMemory) ||
      (at["programmatic"].exists() &&
       !at["programmatic"].read(launch.programmatic)) ||
      !parameters.checkArray(0, kMaxParameters))
    return false;
  const Target &target = manifest.targets[plan.target];
  launch.kernel = -1;
  for (size_t i = 0; i < target.kernels.size(); ++i)
    if (target.kernels[i].name == name)
      launch.kernel = i;
  if (launch.kernel < 0)
    return at["kernel"].fail("target %lld has no kernel '%.60s'",
                             static_cast<long long>(plan.target), name.c_str());
  int64_t bytes = 0;
  for (size_t i = 0; i < parameters.size(); ++i) {
    Parameter parameter;
    if (!readParameter(parameters[i], parameter))
      return false;
    int64_t alignment =
        parameter.kind == ParameterKind::TensorMap ? 64 : parameter.bytes;
    bytes = (bytes + alignment - 1) / alignment * alignment + parameter.bytes;
    launch.parameters.push_back(parameter);
  }
  return bytes <= kMaxKernelParameterBytes ||
         parameters.fail("expected at most %d bytes, but got %lld",
                         static_cast<int>(kMaxKernelParameterBytes),
                         static_cast<long long>(bytes));
}

bool PlanReader::readVariant(JsonPlace at, Variant &variant) {
  JsonPlace launches = at["launches"];
  if (!at.checkObject({"launches", "name", "when", "workspace"}) ||
      !at["name"].readName(variant.name) ||
      !readOptional(at["when"], variant.when) ||
      !readOptional(at["workspace"], variant.workspace) ||
      !launches.checkArray(0, kMaxLaunches))
    return false;
  int64_t bytes = 0, parameters = 0;
  for (size_t i = 0; i < launches.size(); ++i) {
    Launch launch;
    if (!readLaunch(launches[i], launch))
      return false;
    for (const Parameter &parameter : launch.parameters) {
      // As the launch lays them out: every parameter starts at 64 bytes.
      bytes += (parameter.bytes + 63) / 64 * 64;
      ++parameters;
    }
    variant.launches.push_back(std::move(launch));
  }
  if (bytes > kMaxParameterBytes || parameters > kMaxParameters)
    return launches.fail(
        "expected at most %d parameters in %d bytes, but got "
        "%lld in %lld",
        static_cast<int>(kMaxParameters), static_cast<int>(kMaxParameterBytes),
        static_cast<long long>(parameters), static_cast<long long>(bytes));
  return true;
}

bool PlanReader::read(JsonPlace at) {
  JsonPlace variants = at["variants"];
  if (!at.checkObject({"define", "target", "variants"}) ||
      !at["target"].read(plan.target, 0,
                         static_cast<int64_t>(manifest.targets.size()) - 1) ||
      !readDefinitions(at["define"], scope, function, plan.definitions) ||
      !variants.checkArray(1, 64))
    return false;
  for (size_t i = 0; i < variants.size(); ++i) {
    Variant variant;
    if (!readVariant(variants[i], variant))
      return false;
    plan.variants.push_back(std::move(variant));
  }
  function.plans.push_back(std::move(plan));
  return true;
}

bool linattn::runtime::readPlan(JsonPlace at, Scope scope,
                                const Manifest &manifest, Function &function) {
  return PlanReader(manifest, function, std::move(scope)).read(at);
}
