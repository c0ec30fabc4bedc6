//===- FunctionReader.cpp - reading functions of a manifest ---------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FunctionReader.h"

#include <algorithm>

using namespace linattn::runtime;

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

static constexpr struct {
  const char *name;
  Op op;
  size_t minOperands, maxOperands;
} kOperators[] = {
    {"+", Op::Add, 2, 64},          {"-", Op::Sub, 2, 2},
    {"*", Op::Mul, 2, 64},          {"floordiv", Op::FloorDiv, 2, 2},
    {"ceildiv", Op::CeilDiv, 2, 2}, {"mod", Op::Mod, 2, 2},
    {"align", Op::Align, 2, 2},     {"min", Op::Min, 2, 64},
    {"max", Op::Max, 2, 64},        {"==", Op::Eq, 2, 2},
    {"!=", Op::Ne, 2, 2},           {"<", Op::Lt, 2, 2},
    {"<=", Op::Le, 2, 2},           {">", Op::Gt, 2, 2},
    {">=", Op::Ge, 2, 2},           {"and", Op::And, 2, 64},
    {"or", Op::Or, 2, 64},          {"not", Op::Not, 1, 1},
    {"select", Op::Select, 3, 3}};

static Expression addNode(Function &function, const Node &node) {
  function.nodes.push_back(node);
  return static_cast<Expression>(function.nodes.size() - 1);
}

bool linattn::runtime::readExpression(JsonPlace at, const Scope &scope,
                                      Function &function, Expression &result,
                                      int depth) {
  if (depth >= kMaxExpressionDepth)
    return at.fail("the expression is nested more than %d deep",
                   kMaxExpressionDepth);
  if (at.isInteger()) {
    int64_t value;
    if (!at.read(value, INT64_MIN, INT64_MAX))
      return false;
    result = addNode(function, {Op::Constant, {-1, -1, -1}, value});
    return true;
  }
  if (at.isString()) {
    std::string name;
    if (!at.readName(name))
      return false;
    auto found = scope.find(name);
    if (found == scope.end())
      return at.fail("no symbol is named '%.60s' here", name.c_str());
    result = addNode(function, {Op::Symbol, {-1, -1, -1}, found->second});
    return true;
  }
  if (!at.isArray())
    return at.failExpected("an expression: an integer, a symbol or an array");
  std::string name;
  if (!at[size_t(0)].read(name))
    return false;
  auto *entry = std::find_if(
      std::begin(kOperators), std::end(kOperators),
      [&](const auto &candidate) { return name == candidate.name; });
  if (entry == std::end(kOperators))
    return at.fail("no operator is named '%.60s'", name.c_str());
  size_t count = at.size() - 1;
  if (count < entry->minOperands || count > entry->maxOperands)
    return at.fail("'%s' expects %zu to %zu operands, but got %zu", entry->name,
                   entry->minOperands, entry->maxOperands, count);
  Node node = {entry->op, {-1, -1, -1}, 0};
  for (size_t i = 0; i < count; ++i) {
    // An operator of many operands is a chain, which adds to the depth.
    int chained = entry->maxOperands > 3 && count > 2 ? count - 2 : 0;
    Expression operand;
    if (!readExpression(at[i + 1], scope, function, operand,
                        depth + 1 + chained))
      return false;
    if (entry->maxOperands > 3 && i >= 2) {
      node.operands[0] = addNode(function, node);
      node.operands[1] = operand;
    } else {
      node.operands[i] = operand;
    }
  }
  result = addNode(function, node);
  return true;
}

//===----------------------------------------------------------------------===//
// Symbols
//===----------------------------------------------------------------------===//

bool linattn::runtime::addSymbol(JsonPlace at, const std::string &name,
                                 Scope &scope, Function &function,
                                 int32_t &symbol) {
  if (function.symbols.size() >= static_cast<size_t>(kMaxSymbols))
    return at.fail("more than %d symbols", static_cast<int>(kMaxSymbols));
  symbol = static_cast<int32_t>(function.symbols.size());
  if (!scope.emplace(name, symbol).second)
    return at.fail("the symbol '%.60s' is defined twice", name.c_str());
  function.symbols.push_back(name);
  return true;
}

bool linattn::runtime::readDefinitions(JsonPlace at, Scope &scope,
                                       Function &function,
                                       std::vector<Definition> &definitions) {
  if (!at.exists())
    return true;
  if (!at.checkArray(0, kMaxSymbols))
    return false;
  for (size_t i = 0; i < at.size(); ++i) {
    std::string name;
    Definition definition;
    // The value is read first: a symbol cannot use itself.
    if (!at[i].checkArray(2, 2) || !at[i][size_t(0)].readName(name) ||
        !readExpression(at[i][1], scope, function, definition.value) ||
        !addSymbol(at[i], name, scope, function, definition.symbol))
      return false;
    definitions.push_back(definition);
  }
  return true;
}

/// A symbol that a tensor binds: a new one, or the one that an earlier tensor
/// has bound.
static bool readBoundSymbol(JsonPlace at, Scope &scope, Function &function,
                            int64_t &value) {
  std::string name;
  if (!at.readName(name))
    return false;
  auto found = scope.find(name);
  if (found != scope.end()) {
    if (found->second < kNumFacts)
      return at.fail("'%.60s' describes the device", name.c_str());
    value = found->second;
    return true;
  }
  int32_t symbol;
  if (!addSymbol(at, name, scope, function, symbol))
    return false;
  value = symbol;
  return true;
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

static bool readDtype(JsonPlace at, int32_t &dtype) {
  int word;
  if (!at.readWord(
          {"f32", "f16", "bf16", "f64", "bool", "i8", "i16", "i32", "i64"},
          word))
    return false;
  dtype = word + LINATTN_F32;
  return true;
}

/// Reads all of an argument or a result but sizes and strides.
static bool readTensorHead(JsonPlace at, Function &function,
                           TensorRule &tensor) {
  if (!at["name"].readName(tensor.name) ||
      !readDtype(at["dtype"], tensor.dtype) ||
      !at["sizes"].checkArray(0, LINATTN_MAX_RANK))
    return false;
  for (const TensorRule &other : function.tensors)
    if (other.name == tensor.name)
      return at.fail("two tensors are named '%.60s'", tensor.name.c_str());
  tensor.rank = static_cast<int32_t>(at["sizes"].size());
  tensor.alignment = getDtypeBytes(tensor.dtype);
  if (JsonPlace alignment = at["alignment"]; alignment.exists()) {
    if (!alignment.read(tensor.alignment, getDtypeBytes(tensor.dtype), 4096))
      return false;
    if (tensor.alignment & (tensor.alignment - 1))
      return alignment.fail("expected a power of two, but got %lld",
                            static_cast<long long>(tensor.alignment));
  }
  JsonPlace strides = at["strides"];
  if (strides.exists() && !strides.checkArray(tensor.rank, tensor.rank))
    return false;
  JsonPlace space = at["space"];
  if (space.exists()) {
    int word;
    if (!space.readWord({"device", "host"}, word))
      return false;
    tensor.isHost = word == 1;
    if (tensor.isHost && (tensor.rank != 0 || tensor.isResult))
      return space.fail("only a scalar argument can be read on the host");
  }
  return true;
}

static bool readArgumentSizes(JsonPlace at, Scope &scope, Function &function,
                              TensorRule &tensor) {
  for (int dim = 0; dim < tensor.rank; ++dim) {
    SizeRule &rule = tensor.sizes[dim];
    rule.kind = at[dim].isString() ? RuleKind::Symbol : RuleKind::Fixed;
    if (at[dim].isString()
            ? !readBoundSymbol(at[dim], scope, function, rule.value)
            : !at[dim].read(rule.value, 0, INT64_MAX))
      return false;
  }
  return true;
}

static bool readResultSizes(JsonPlace at, const Scope &scope,
                            Function &function, TensorRule &tensor) {
  for (int dim = 0; dim < tensor.rank; ++dim) {
    SizeRule &rule = tensor.sizes[dim];
    if (at[dim].isNull())
      continue;
    if (at[dim].isInteger()) {
      rule.kind = RuleKind::Fixed;
      if (!at[dim].read(rule.value, 0, INT64_MAX))
        return false;
      continue;
    }
    Expression expression;
    if (!readExpression(at[dim], scope, function, expression))
      return false;
    rule.kind = RuleKind::Computed;
    rule.value = expression;
  }
  return true;
}

static bool readStrides(JsonPlace at, Scope &scope, Function &function,
                        TensorRule &tensor) {
  if (!at.exists())
    return true;
  for (int dim = 0; dim < tensor.rank; ++dim) {
    StrideRule &rule = tensor.strides[dim];
    JsonPlace stride = at[dim];
    if (stride.isNull())
      continue;
    if (stride.isInteger()) {
      rule.kind = RuleKind::Fixed;
      if (!stride.read(rule.value, 0, INT64_MAX))
        return false;
      continue;
    }
    JsonPlace symbol = stride;
    if (stride.isObject()) {
      if (!stride.checkObject({"multiple", "symbol"}) ||
          !stride["multiple"].read(rule.multiple, 1, INT64_MAX >> 16))
        return false;
      symbol = stride["symbol"];
    }
    rule.kind = RuleKind::Symbol;
    if (!readBoundSymbol(symbol, scope, function, rule.value))
      return false;
  }
  return true;
}

static bool readArguments(JsonPlace at, Scope &scope, Function &function) {
  if (!at.checkArray(0, kMaxTensors))
    return false;
  for (size_t i = 0; i < at.size(); ++i) {
    TensorRule tensor;
    if (!at[i].checkObject(
            {"alignment", "dtype", "name", "sizes", "space", "strides"}) ||
        !readTensorHead(at[i], function, tensor) ||
        !readArgumentSizes(at[i]["sizes"], scope, function, tensor))
      return false;
    function.tensors.push_back(std::move(tensor));
  }
  function.numArguments = function.tensors.size();
  for (size_t i = 0; i < at.size(); ++i)
    if (!readStrides(at[i]["strides"], scope, function, function.tensors[i]))
      return false;
  return true;
}

static bool readInplaceResult(JsonPlace at, Function &function) {
  std::string name;
  if (!at.checkObject({"inplace"}) || !at["inplace"].readName(name))
    return false;
  for (int64_t i = 0; i < function.numArguments; ++i) {
    if (function.tensors[i].name != name)
      continue;
    if (function.tensors[i].isHost)
      return at.fail("a scalar by value cannot receive a result");
    if (std::count(function.resultTensors.begin(), function.resultTensors.end(),
                   i))
      return at.fail("'%.60s' receives two results", name.c_str());
    function.resultTensors.push_back(i);
    return true;
  }
  return at.fail("no argument is named '%.60s'", name.c_str());
}

static bool readResults(JsonPlace at, const Scope &scope, Function &function) {
  if (!at.checkArray(0, kMaxTensors))
    return false;
  for (size_t i = 0; i < at.size(); ++i) {
    if (at[i]["inplace"].exists()) {
      if (!readInplaceResult(at[i], function))
        return false;
      continue;
    }
    TensorRule tensor;
    tensor.isResult = true;
    if (!at[i].checkObject(
            {"alignment", "dtype", "name", "sizes", "strides"}) ||
        !readTensorHead(at[i], function, tensor) ||
        !readResultSizes(at[i]["sizes"], scope, function, tensor))
      return false;
    if (function.tensors.size() >= static_cast<size_t>(kMaxTensors))
      return at.fail("more than %d tensors", static_cast<int>(kMaxTensors));
    function.resultTensors.push_back(function.tensors.size());
    function.tensors.push_back(std::move(tensor));
  }
  return true;
}

/// The strides of results may bind symbols too.
static bool readResultStrides(JsonPlace at, Scope &scope, Function &function) {
  for (size_t i = 0; i < at.size(); ++i)
    if (!at[i]["inplace"].exists() &&
        !readStrides(at[i]["strides"], scope, function,
                     function.tensors[function.resultTensors[i]]))
      return false;
  return true;
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

static bool readRequirements(JsonPlace at, const Scope &scope,
                             Function &function) {
  if (!at.exists())
    return true;
  if (!at.checkArray(0, 256))
    return false;
  for (size_t i = 0; i < at.size(); ++i) {
    Requirement requirement;
    if (!at[i].checkObject({"condition", "message"}) ||
        !at[i]["message"].read(requirement.message) ||
        !readExpression(at[i]["condition"], scope, function,
                        requirement.condition))
      return false;
    function.requirements.push_back(std::move(requirement));
  }
  return true;
}

bool linattn::runtime::readFunction(JsonPlace at, const Manifest &manifest,
                                    Function &function) {
  JsonPlace results = at["results"], plans = at["plans"], host = at["host"];
  if (!at.checkObject({"arguments", "define", "host", "name", "plans",
                       "require", "results"}) ||
      !at["name"].readName(function.name))
    return false;
  // Facts about the device have numbers, but only plans see their names.
  Scope facts, scope;
  int32_t symbol;
  for (const char *fact : {"sm_count", "compute_capability"}) {
    if (!addSymbol(at, fact, facts, function, symbol))
      return false;
    scope.emplace(fact, symbol);
  }
  // Names of facts stay reserved; expressions outside of plans get this scope.
  auto withoutFacts = [&] {
    Scope visible = scope;
    for (auto &[name, number] : facts)
      visible.erase(name);
    return visible;
  };
  if (!readArguments(at["arguments"], scope, function))
    return false;
  Scope visible = withoutFacts();
  if (!readDefinitions(at["define"], visible, function, function.definitions) ||
      !readResults(results, visible, function))
    return false;
  for (auto &[name, number] : visible)
    if (!scope.emplace(name, number).second && facts.count(name))
      return at["define"].fail("'%.60s' describes the device", name.c_str());
  if (!readResultStrides(results, scope, function) ||
      !readRequirements(at["require"], withoutFacts(), function))
    return false;
  if (host.exists()) {
    if (!host.readName(function.hostSymbol))
      return false;
    if (manifest.hostBlob < 0)
      return host.fail("the artifact holds no host code");
  }
  if (plans.exists()) {
    if (!plans.checkArray(0, 256))
      return false;
    for (size_t i = 0; i < plans.size(); ++i)
      if (!readPlan(plans[i], scope, manifest, function))
        return false;
  }
  if (function.plans.empty() && function.hostSymbol.empty())
    return at.fail("expected plans, host code or both, but got neither");
  if (!function.plans.empty())
    for (const TensorRule &tensor : function.tensors)
      for (int dim = 0; dim < tensor.rank; ++dim)
        if (tensor.sizes[dim].kind == RuleKind::Any)
          return at.fail("size %d of '%.60s' is unknown, which only host code "
                         "allows",
                         dim, tensor.name.c_str());
  return true;
}
