//===- LaunchPlan.cpp - from launches to a launch plan --------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Driver/LaunchPlan.h"

#include "LaunchParameters.h"
#include "linattn/ABI/Interface.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::linattn;
namespace json = llvm::json;

/// As many as the runtime takes.
static constexpr size_t kMaxVariants = 64;

static Value stripCasts(Value tensor) {
  while (auto cast = tensor.getDefiningOp<tensor::CastOp>())
    tensor = cast.getSource();
  return tensor;
}

static bool mentionsDevice(const Expression &expression) {
  if (auto text = expression.getAsString())
    return *text == "sm_count";
  const json::Array *array = expression.getAsArray();
  return array && llvm::any_of(*array, mentionsDevice);
}

//===----------------------------------------------------------------------===//
// Variants
//===----------------------------------------------------------------------===//

namespace {
/// One way through a function.
class VariantBuilder {
public:
  /// `choices` says which branch of the first ifs is taken.
  VariantBuilder(func::FuncOp func, SymbolTable &symbols,
                 Expressions &expressions, FunctionDescription &description,
                 ArrayRef<bool> choices)
      : func(func), symbols(symbols), expressions(expressions),
        description(description), choices(choices) {}

  enum class Outcome {
    Done,
    Failed,
    /// There are more ifs than choices.
    Undecided
  };
  Outcome run();

  /// Emits the variant, once it is done, and once the strides of tensors are
  /// described, which all variants take part in.
  FailureOr<json::Object> emit(const Twine &name, bool usesTensorMaps);

private:
  struct Step {
    tile::LaunchOp launch;
    tile::KernelOp kernel;
    SmallVector<tile::KernelArguments> arguments;
    /// The buffer of every operand that is a tensor.
    SmallVector<unsigned> buffers;
  };
  /// A value of a tensor that lies in a buffer: launches write to one buffer
  /// several times, and only what was written last is still there.
  struct Version {
    unsigned buffer, version;
  };

  Outcome visit(Block &block);
  Outcome visitIf(scf::IfOp ifOp);
  LogicalResult visitAssert(cf::AssertOp op);
  LogicalResult visitLaunch(tile::LaunchOp launch);
  LogicalResult visitReturn(func::ReturnOp op);
  FailureOr<unsigned> findBuffer(Value tensor, Operation *user);
  FailureOr<unsigned> findDestination(Value tensor, tile::LaunchOp launch);

  func::FuncOp func;
  SymbolTable &symbols;
  Expressions &expressions;
  FunctionDescription &description;
  ArrayRef<bool> choices;
  unsigned numIfs = 0;
  /// When this way is taken, and when the block that is visited is reached.
  Expression condition = 1, enclosing = 1;
  SmallVector<Step> steps;
  SmallVector<Buffer> buffers;
  SmallVector<unsigned> versions;
  DenseMap<Value, Version> places;
};
} // namespace

FailureOr<unsigned> VariantBuilder::findBuffer(Value tensor, Operation *user) {
  tensor = stripCasts(tensor);
  auto found = places.find(tensor);
  if (found == places.end())
    return user->emitOpError()
           << "expects tensors that are arguments of the function or results "
              "of a tile.launch, but got one that nothing has written";
  Version place = found->second;
  if (versions[place.buffer] != place.version)
    return user->emitOpError()
           << "reads a tensor after a launch has overwritten it; write to "
              "another tensor.empty instead";
  return place.buffer;
}

FailureOr<unsigned> VariantBuilder::findDestination(Value tensor,
                                                    tile::LaunchOp launch) {
  tensor = stripCasts(tensor);
  // Every launch that writes to an empty tensor has a buffer of its own.
  if (tensor.getDefiningOp<tensor::EmptyOp>()) {
    buffers.push_back({Buffer::Kind::Workspace, 0, tensor, 0});
    versions.push_back(0);
    return buffers.size() - 1;
  }
  FailureOr<unsigned> buffer = findBuffer(tensor, launch);
  if (succeeded(buffer) && buffers[*buffer].kind == Buffer::Kind::Argument &&
      !func.getArgAttr(buffers[*buffer].number, kInplaceAttrName))
    return launch.emitOpError()
           << "writes to argument " << buffers[*buffer].number
           << " of the function; expects '" << kInplaceAttrName
           << "' on it, or a tensor.empty to write to";
  return buffer;
}

LogicalResult VariantBuilder::visitLaunch(tile::LaunchOp launch) {
  auto kernel = symbols.lookup<tile::KernelOp>(launch.getKernel());
  if (!kernel)
    return launch.emitOpError() << "expects a tile.kernel";
  auto arguments = tile::matchArguments(launch, kernel);
  if (failed(arguments))
    return failure();
  Step step{launch, kernel, std::move(*arguments), {}};
  for (Value input : launch.getInputs()) {
    FailureOr<unsigned> buffer = 0;
    if (isa<RankedTensorType>(input.getType()))
      buffer = findBuffer(input, launch);
    if (failed(buffer))
      return failure();
    step.buffers.push_back(*buffer);
  }
  unsigned numInputs = step.buffers.size();
  for (Value output : launch.getOutputs()) {
    FailureOr<unsigned> buffer = findDestination(output, launch);
    if (failed(buffer))
      return failure();
    step.buffers.push_back(*buffer);
  }
  for (auto [result, buffer] : llvm::zip(
           launch.getResults(), ArrayRef(step.buffers).drop_front(numInputs)))
    places[result] = {buffer, ++versions[buffer]};
  steps.push_back(std::move(step));
  return success();
}

LogicalResult VariantBuilder::visitAssert(cf::AssertOp op) {
  FailureOr<Expression> holds = expressions.get(op.getArg());
  if (failed(holds))
    return failure();
  // Where the assertion is not reached, it holds.
  Expression whole =
      enclosing == Expression(1)
          ? std::move(*holds)
          : Expression(json::Array{"or", makeNot(enclosing), *holds});
  if (mentionsDevice(whole))
    return op.emitOpError()
           << "cannot become a requirement of the call: it depends on the "
              "device";
  Expression requirement = json::Object{{"condition", std::move(whole)},
                                        {"message", op.getMsg().str()}};
  if (!llvm::is_contained(description.requirements, requirement))
    description.requirements.push_back(std::move(requirement));
  return success();
}

/// Whether an if does more than to compute numbers.
static bool isChoice(scf::IfOp ifOp) {
  if (llvm::any_of(ifOp.getResultTypes(), llvm::IsaPred<RankedTensorType>))
    return true;
  return ifOp
      .walk([&](Operation *op) {
        return op == ifOp || isSizeOp(op) || isa<scf::IfOp, scf::YieldOp>(op)
                   ? WalkResult::advance()
                   : WalkResult::interrupt();
      })
      .wasInterrupted();
}

VariantBuilder::Outcome VariantBuilder::visitIf(scf::IfOp ifOp) {
  if (numIfs == choices.size())
    return Outcome::Undecided;
  bool taken = choices[numIfs++];
  FailureOr<Expression> holds = expressions.get(ifOp.getCondition());
  if (failed(holds))
    return Outcome::Failed;
  Expression choice = taken ? *holds : makeNot(*holds);
  condition = makeAnd(std::move(condition), choice);
  Region &region = taken ? ifOp.getThenRegion() : ifOp.getElseRegion();
  if (region.empty())
    return Outcome::Done;
  Expression outside = enclosing;
  enclosing = makeAnd(std::move(enclosing), std::move(choice));
  Outcome outcome = visit(region.front());
  enclosing = std::move(outside);
  if (outcome != Outcome::Done)
    return outcome;
  Operation *yield = region.front().getTerminator();
  for (auto [result, value] :
       llvm::zip(ifOp.getResults(), yield->getOperands())) {
    if (!isa<RankedTensorType>(value.getType()))
      continue;
    FailureOr<unsigned> buffer = findBuffer(value, yield);
    if (failed(buffer))
      return Outcome::Failed;
    places[result] = {*buffer, versions[*buffer]};
  }
  return Outcome::Done;
}

LogicalResult VariantBuilder::visitReturn(func::ReturnOp op) {
  for (auto [index, value] : llvm::enumerate(op.getOperands())) {
    if (!isa<RankedTensorType>(value.getType()))
      return op.emitOpError()
             << "expects tensors, but result " << index << " is "
             << value.getType() << ", which a launch cannot write";
    FailureOr<unsigned> found = findBuffer(value, op);
    if (failed(found))
      return failure();
    Buffer &buffer = buffers[*found];
    if (std::optional<unsigned> argument = description.results[index].inplace) {
      if (buffer.kind != Buffer::Kind::Argument || buffer.number != *argument)
        return op.emitOpError()
               << "expects result " << index << " to be what a launch has left "
               << "in argument " << *argument
               << ", which the result is written to; put the argument into "
                  "'outs' of the launch";
      continue;
    }
    if (buffer.kind != Buffer::Kind::Workspace)
      return op.emitOpError()
             << "expects result " << index << " to be a tensor of its own, but "
             << (buffer.kind == Buffer::Kind::Argument ? "argument "
                                                       : "result ")
             << buffer.number << " lies there";
    buffer.kind = Buffer::Kind::Result;
    buffer.number = index;
  }
  return success();
}

VariantBuilder::Outcome VariantBuilder::visit(Block &block) {
  for (Operation &op : block) {
    LogicalResult result = success();
    if (auto launch = dyn_cast<tile::LaunchOp>(op)) {
      result = visitLaunch(launch);
    } else if (auto assertion = dyn_cast<cf::AssertOp>(op)) {
      result = visitAssert(assertion);
    } else if (auto returnOp = dyn_cast<func::ReturnOp>(op)) {
      result = visitReturn(returnOp);
    } else if (auto ifOp = dyn_cast<scf::IfOp>(op)) {
      if (!isChoice(ifOp))
        continue;
      if (Outcome outcome = visitIf(ifOp); outcome != Outcome::Done)
        return outcome;
    } else if (!isSizeOp(&op) &&
               !isa<tensor::EmptyOp, tensor::CastOp, scf::YieldOp>(op)) {
      result = op.emitOpError()
               << "is not something that an artifact can launch: expected "
                  "tile.launch, tensor.empty, integer arithmetic on sizes, "
                  "cf.assert, and scf.if around these";
    }
    if (failed(result))
      return Outcome::Failed;
  }
  return Outcome::Done;
}

VariantBuilder::Outcome VariantBuilder::run() {
  for (BlockArgument argument : func.getArguments()) {
    if (!isa<RankedTensorType>(argument.getType()))
      continue;
    places[argument] = {static_cast<unsigned>(buffers.size()), 0};
    buffers.push_back(
        {Buffer::Kind::Argument, argument.getArgNumber(), argument, 0});
    versions.push_back(0);
  }
  Outcome outcome = visit(func.getBody().front());
  if (outcome != Outcome::Done)
    return outcome;
  for (Step &step : steps)
    describeStrides(step.launch, step.kernel, step.arguments, step.buffers,
                    buffers, description);
  return outcome;
}

FailureOr<json::Object> VariantBuilder::emit(const Twine &name,
                                             bool usesTensorMaps) {
  Expression workspace = 0;
  for (Buffer &buffer : buffers) {
    if (buffer.kind != Buffer::Kind::Workspace)
      continue;
    auto type = cast<RankedTensorType>(buffer.shape.getType());
    Expression bytes = getElementBytes(type.getElementType());
    for (int64_t dim = 0; dim != type.getRank(); ++dim) {
      FailureOr<Expression> size = expressions.getSize(buffer.shape, dim);
      if (failed(size))
        return failure();
      bytes = makeMul(std::move(bytes), std::move(*size));
    }
    buffer.offset = workspace;
    workspace = makeAdd(std::move(workspace),
                        makeAlign(std::move(bytes), kBufferAlignment));
  }
  json::Array launches;
  for (Step &step : steps) {
    ParameterBuilder parameters(step.launch, step.kernel, expressions,
                                description, usesTensorMaps);
    for (auto [index, arguments, buffer] :
         llvm::enumerate(step.arguments, step.buffers))
      if (failed(parameters.add(index, arguments, buffers[buffer])))
        return failure();
    FailureOr<json::Object> launch = parameters.takeLaunch();
    if (failed(launch))
      return failure();
    launches.push_back(std::move(*launch));
  }
  json::Object variant{{"name", name.str()}, {"launches", std::move(launches)}};
  if (condition != Expression(1))
    variant["when"] = condition;
  if (workspace != Expression(0))
    variant["workspace"] = std::move(workspace);
  return variant;
}

//===----------------------------------------------------------------------===//
// Plans
//===----------------------------------------------------------------------===//

/// Computes the sizes of results, which are those of every plan.
static LogicalResult describeResults(func::FuncOp func,
                                     Expressions &expressions,
                                     FunctionDescription &description) {
  Operation *terminator = func.getBody().front().getTerminator();
  for (auto [index, result] : llvm::enumerate(description.results)) {
    if (result.inplace)
      continue;
    Value value = terminator->getOperand(index);
    for (auto [dim, known] : llvm::enumerate(result.tensor.sizes)) {
      FailureOr<Expression> size = expressions.getSize(value, dim);
      if (failed(size))
        return failure();
      if (mentionsDevice(*size))
        return terminator->emitOpError()
               << "expects results of one size on "
                  "every device, but size "
               << dim << " of result " << index << " depends on the device";
      if (known != Expression(nullptr) && known != *size)
        return terminator->emitOpError()
               << "expects the plans of all targets to compute size " << dim
               << " of result " << index << " in the same way";
      known = std::move(*size);
    }
  }
  return success();
}

static LogicalResult addPlan(func::FuncOp func, SymbolTable &symbols,
                             int64_t target, bool usesTensorMaps,
                             FunctionDescription &description) {
  if (!func.getBody().hasOneBlock())
    return func.emitError("expected one block; use structured control flow");
  if (func.getNumArguments() != description.arguments.size() ||
      func.getNumResults() != description.results.size())
    return func.emitError("expected the arguments and results of the source");
  Expressions expressions(description);
  // Every way through the ifs.
  std::vector<VariantBuilder> variants;
  std::vector<std::vector<bool>> worklist{{}};
  // A deque of choices that stay where they are, as builders refer to them.
  std::vector<std::unique_ptr<bool[]>> kept;
  while (!worklist.empty()) {
    std::vector<bool> path = std::move(worklist.back());
    worklist.pop_back();
    kept.push_back(std::make_unique<bool[]>(path.size()));
    llvm::copy(path, kept.back().get());
    VariantBuilder variant(func, symbols, expressions, description,
                           ArrayRef(kept.back().get(), path.size()));
    switch (variant.run()) {
    case VariantBuilder::Outcome::Failed:
      return failure();
    case VariantBuilder::Outcome::Done:
      variants.push_back(std::move(variant));
      break;
    case VariantBuilder::Outcome::Undecided:
      for (bool choice : {false, true}) {
        worklist.push_back(path);
        worklist.back().push_back(choice);
      }
      break;
    }
    if (variants.size() + worklist.size() > kMaxVariants)
      return func.emitError("expected at most ")
             << kMaxVariants << " ways through the scf.ifs of the function";
  }
  if (failed(describeResults(func, expressions, description)))
    return failure();
  json::Array list;
  for (auto [index, variant] : llvm::enumerate(variants)) {
    FailureOr<json::Object> emitted =
        variant.emit("variant" + Twine(index), usesTensorMaps);
    if (failed(emitted))
      return failure();
    list.push_back(std::move(*emitted));
  }
  description.plans.push_back(
      json::Object{{"target", target}, {"variants", std::move(list)}});
  return success();
}

LogicalResult mlir::linattn::addLaunchPlans(ModuleOp module, int64_t target,
                                            bool usesTensorMaps,
                                            ProgramDescription &program) {
  SymbolTable symbols(module);
  for (auto func : module.getOps<func::FuncOp>()) {
    if (!func.isPublic())
      continue;
    FunctionDescription *description = program.find(func.getSymName());
    if (!description)
      return func.emitError("expected a function of the source");
    if (failed(addPlan(func, symbols, target, usesTensorMaps, *description)))
      return failure();
  }
  return success();
}
