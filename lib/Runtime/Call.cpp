//===- Call.cpp - checking calls ------------------------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Call.h"

#include <cstdio>

using namespace linattn::runtime;

bool Call::failTensor(int64_t index, int32_t code, const char *format, ...) {
  char text[320];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  const TensorRule &rule = function.tensors[index];
  return diag.fail(code, "%s: %s '%s': %s", function.name.c_str(),
                   rule.isResult ? "result" : "argument", rule.name.c_str(),
                   text);
}

bool Call::failEvaluation(const char *problem, const char *format, ...) {
  char what[160];
  va_list args;
  va_start(args, format);
  vsnprintf(what, sizeof(what), format, args);
  va_end(args);
  return diag.fail(LINATTN_BAD_EXPRESSION, "%s: %s: %s", function.name.c_str(),
                   what, problem);
}

bool Call::define(const std::vector<Definition> &definitions) {
  for (const Definition &definition : definitions)
    if (!evaluate(definition.value, symbols[definition.symbol], "symbol '%s'",
                  function.symbols[definition.symbol].c_str()))
      return false;
  return true;
}

bool Call::checkCount(int64_t count) {
  int64_t expected = function.tensors.size();
  if (count != expected)
    return diag.fail(LINATTN_BAD_CALL,
                     "%s: expected %lld tensors, %lld arguments and %lld "
                     "results, but got %lld",
                     function.name.c_str(), static_cast<long long>(expected),
                     static_cast<long long>(function.numArguments),
                     static_cast<long long>(expected - function.numArguments),
                     static_cast<long long>(count));
  return tensors || !count ||
         diag.fail(LINATTN_BAD_CALL,
                   "%s: expected the address of the tensors, not null",
                   function.name.c_str());
}

bool Call::checkType(int64_t index) {
  const TensorRule &rule = function.tensors[index];
  const linattn_tensor &tensor = tensors[index];
  if (tensor.dtype != rule.dtype)
    return failTensor(index, LINATTN_BAD_DTYPE,
                      "expected %s elements, but got %s",
                      getDtypeName(rule.dtype), getDtypeName(tensor.dtype));
  if (tensor.rank != rule.rank)
    return failTensor(index, LINATTN_BAD_RANK, "expected rank %d, but got %d",
                      rule.rank, tensor.rank);
  for (int dim = 0; dim < rule.rank; ++dim)
    if (tensor.sizes[dim] < 0)
      return failTensor(index, LINATTN_BAD_SIZE,
                        "expected a size of at least 0 in dimension %d, but "
                        "got %lld",
                        dim, static_cast<long long>(tensor.sizes[dim]));
  return true;
}

bool Call::bindSizes(int64_t index) {
  const TensorRule &rule = function.tensors[index];
  for (int dim = 0; dim < rule.rank; ++dim) {
    int64_t size = tensors[index].sizes[dim];
    int64_t expected = rule.sizes[dim].value;
    const char *symbol = nullptr;
    if (rule.sizes[dim].kind == RuleKind::Symbol) {
      int64_t number = expected;
      if (bindings[number] != Binding::Firm) {
        bindings[number] = Binding::Firm;
        symbols[number] = size;
      }
      expected = symbols[number];
      symbol = function.symbols[number].c_str();
    }
    if (size != expected)
      return failTensor(index, LINATTN_BAD_SIZE,
                        "expected size %s%s%lld in dimension %d, but got %lld",
                        symbol ? symbol : "", symbol ? " = " : "",
                        static_cast<long long>(expected), dim,
                        static_cast<long long>(size));
  }
  return true;
}

/// Checks strides. Those of dimensions of one element or none are not looked
/// at; where they bind a symbol, it gets what a dense tensor would have.
bool Call::bindStrides(int64_t index) {
  const TensorRule &rule = function.tensors[index];
  const linattn_tensor &tensor = tensors[index];
  bool isEmpty = false;
  for (int dim = 0; dim < rule.rank; ++dim)
    isEmpty |= tensor.sizes[dim] == 0;
  int64_t dense = 1;
  for (int dim = rule.rank - 1; dim >= 0; --dim) {
    const StrideRule &strideRule = rule.strides[dim];
    bool matters = tensor.sizes[dim] > 1 && !isEmpty;
    int64_t stride = tensor.strides[dim];
    if (!matters) {
      stride = strideRule.kind == RuleKind::Fixed ? strideRule.value : dense;
      int64_t remainder = stride % strideRule.multiple;
      if (remainder && __builtin_add_overflow(
                           stride, strideRule.multiple - remainder, &stride))
        stride = strideRule.multiple;
    }
    if (__builtin_mul_overflow(
            stride, tensor.sizes[dim] ? tensor.sizes[dim] : 1, &dense) ||
        dense <= 0)
      dense = 1;
    if (matters && rule.isResult && stride == 0)
      return failTensor(index, LINATTN_BAD_STRIDE,
                        "expected a stride other than 0 in dimension %d", dim);
    if (strideRule.kind == RuleKind::Any)
      continue;
    if (strideRule.kind == RuleKind::Fixed) {
      if (stride != strideRule.value)
        return failTensor(index, LINATTN_BAD_STRIDE,
                          "expected stride %lld in dimension %d, but got %lld",
                          static_cast<long long>(strideRule.value), dim,
                          static_cast<long long>(stride));
      continue;
    }
    if (stride < 0 || stride % strideRule.multiple != 0)
      return failTensor(index, LINATTN_BAD_STRIDE,
                        "expected a stride that is a multiple of %lld and not "
                        "negative in dimension %d, but got %lld",
                        static_cast<long long>(strideRule.multiple), dim,
                        static_cast<long long>(stride));
    int64_t number = strideRule.value;
    if (bindings[number] == Binding::None ||
        (matters && bindings[number] == Binding::Loose)) {
      bindings[number] = matters ? Binding::Firm : Binding::Loose;
      symbols[number] = stride;
    }
    if (matters && stride != symbols[number])
      return failTensor(index, LINATTN_BAD_STRIDE,
                        "expected stride %s = %lld in dimension %d, but got "
                        "%lld",
                        function.symbols[number].c_str(),
                        static_cast<long long>(symbols[number]), dim,
                        static_cast<long long>(stride));
  }
  return checkSpan(index);
}

/// The addresses of all elements must be numbers.
bool Call::checkSpan(int64_t index) {
  const linattn_tensor &tensor = tensors[index];
  int64_t span = 0, elements = 1, step;
  bool overflow = false;
  for (int dim = 0; dim < tensor.rank; ++dim) {
    if (tensor.sizes[dim] == 0)
      return true;
    // The stride of a single element is any number.
    if (tensor.sizes[dim] == 1)
      continue;
    int64_t stride = tensor.strides[dim];
    overflow |= stride == INT64_MIN;
    if (overflow)
      break;
    overflow |= __builtin_mul_overflow(elements, tensor.sizes[dim], &elements);
    overflow |= __builtin_mul_overflow(tensor.sizes[dim] - 1,
                                       stride < 0 ? -stride : stride, &step);
    overflow |= __builtin_add_overflow(span, step, &span);
  }
  overflow |= __builtin_mul_overflow(span, getDtypeBytes(tensor.dtype), &span);
  return !overflow || failTensor(index, LINATTN_BAD_SIZE,
                                 "the tensor spans more than 2^63 bytes");
}

bool Call::bindArguments() {
  // All sizes first, as messages about them explain more.
  for (int64_t i = 0; i < function.numArguments; ++i)
    if (!checkType(i) || !bindSizes(i))
      return false;
  for (int64_t i = 0; i < function.numArguments; ++i)
    if (!bindStrides(i))
      return false;
  return define(function.definitions);
}

bool Call::getResultSize(const TensorRule &rule, int dim, int64_t &size) {
  size = rule.sizes[dim].value;
  if (rule.sizes[dim].kind == RuleKind::Fixed)
    return true;
  if (!evaluate(static_cast<Expression>(size), size, "size %d of result '%s'",
                dim, rule.name.c_str()))
    return false;
  return size >= 0 ||
         diag.fail(LINATTN_BAD_EXPRESSION, "%s: size %d of result '%s' is %lld",
                   function.name.c_str(), dim, rule.name.c_str(),
                   static_cast<long long>(size));
}

bool Call::bindResults() {
  for (size_t i = function.numArguments; i < function.tensors.size(); ++i) {
    const TensorRule &rule = function.tensors[i];
    if (!checkType(i))
      return false;
    for (int dim = 0; dim < rule.rank; ++dim) {
      int64_t size;
      if (rule.sizes[dim].kind == RuleKind::Any)
        continue;
      if (!getResultSize(rule, dim, size))
        return false;
      if (tensors[i].sizes[dim] != size)
        return failTensor(i, LINATTN_BAD_SIZE,
                          "expected size %lld in dimension %d, but got %lld",
                          static_cast<long long>(size), dim,
                          static_cast<long long>(tensors[i].sizes[dim]));
    }
    if (!bindStrides(i))
      return false;
  }
  return true;
}

bool Call::fillResults(linattn_tensor *destinations) {
  for (size_t i = function.numArguments; i < function.tensors.size(); ++i) {
    const TensorRule &rule = function.tensors[i];
    linattn_tensor &tensor = destinations[i];
    tensor.dtype = rule.dtype;
    tensor.rank = rule.rank;
    int64_t stride = 1;
    for (int dim = rule.rank - 1; dim >= 0; --dim) {
      if (!getResultSize(rule, dim, tensor.sizes[dim]))
        return false;
      tensor.strides[dim] = stride;
      if (__builtin_mul_overflow(
              stride, tensor.sizes[dim] ? tensor.sizes[dim] : 1, &stride))
        return failTensor(i, LINATTN_BAD_SIZE,
                          "the tensor spans more than 2^63 bytes");
    }
  }
  return true;
}

bool Call::checkRequirements() {
  for (const Requirement &requirement : function.requirements) {
    int64_t holds;
    if (!evaluate(requirement.condition, holds, "requirement '%.60s'",
                  requirement.message.c_str()))
      return false;
    if (!holds)
      return diag.fail(LINATTN_CHECK_FAILED, "%s: %s", function.name.c_str(),
                       requirement.message.c_str());
  }
  return true;
}

bool Call::checkData(int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    const TensorRule &rule = function.tensors[i];
    const linattn_tensor &tensor = tensors[i];
    bool isEmpty = false;
    for (int dim = 0; dim < rule.rank; ++dim)
      isEmpty |= tensor.sizes[dim] == 0;
    if (isEmpty)
      continue;
    if (!tensor.data)
      return failTensor(i, LINATTN_BAD_DATA, "expected data, not null");
    if (reinterpret_cast<uintptr_t>(tensor.data) & (rule.alignment - 1))
      return failTensor(i, LINATTN_BAD_DATA,
                        "expected data aligned to %lld bytes, but got the "
                        "address %p",
                        static_cast<long long>(rule.alignment), tensor.data);
  }
  return true;
}
