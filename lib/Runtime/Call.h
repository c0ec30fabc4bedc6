//===- Call.h - checking calls ----------------------------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_RUNTIME_CALL_H
#define LINATTN_RUNTIME_CALL_H

#include "Manifest.h"

namespace linattn {
namespace runtime {

/// A call whose tensors are checked against the rules of its function, which
/// binds the symbols of the plan.
class Call {
public:
  Call(const Function &function, const linattn_tensor *tensors,
       Diagnostic &diag)
      : function(function), tensors(tensors), diag(diag) {}

  /// Checks the number of tensors and that they are there.
  bool checkCount(int64_t count);
  /// Binds the symbols that the arguments determine.
  bool bindArguments();
  /// Checks the results; binds what their strides determine.
  bool bindResults();
  /// Gives `destinations`, the results of the call, element type, rank, sizes
  /// and strides.
  bool fillResults(linattn_tensor *destinations);
  /// Checks the requirements of the function.
  bool checkRequirements();
  /// Checks the addresses of tensors `begin` to `end`.
  bool checkData(int64_t begin, int64_t end);

  void setFact(Fact fact, int64_t value) { symbols[fact] = value; }
  bool define(const std::vector<Definition> &definitions);
  /// Evaluates an expression; the rest says what it is of, for messages. Most
  /// are numbers or symbols: these cost no call.
  template <typename... Args>
  bool evaluate(Expression expression, int64_t &result, const char *format,
                Args... args) {
    const Node &node = function.nodes[expression];
    if (node.op == Op::Constant || node.op == Op::Symbol) {
      result = node.op == Op::Constant ? node.value : symbols[node.value];
      return true;
    }
    const char *problem =
        linattn::runtime::evaluate(function.nodes, expression, symbols, result);
    return !problem || failEvaluation(problem, format, args...);
  }

  const Function &function;
  const linattn_tensor *tensors;
  Diagnostic &diag;

private:
  bool failEvaluation(const char *problem, const char *format, ...);
  bool failTensor(int64_t index, int32_t code, const char *format, ...)
      __attribute__((format(printf, 4, 5)));
  bool checkType(int64_t index);
  bool bindSizes(int64_t index);
  bool bindStrides(int64_t index);
  bool checkSpan(int64_t index);
  bool getResultSize(const TensorRule &rule, int dim, int64_t &size);

  /// A stride that does not matter binds its symbol until another one does.
  enum class Binding : uint8_t { None, Loose, Firm };

  int64_t symbols[kMaxSymbols];
  Binding bindings[kMaxSymbols] = {};
};

} // namespace runtime
} // namespace linattn

#endif // LINATTN_RUNTIME_CALL_H
