//===- TileMachine.cpp - what tile programs call on the host --------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The crews of a block take turns: one runs until it has to wait. So a run
// repeats exactly, nothing has to be locked, and a block whose crews all wait
// is found at once.
//
//===----------------------------------------------------------------------===//

#include "linattn/Driver/TileMachine.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdarg>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <ucontext.h>
#include <vector>

using namespace mlir;
using namespace mlir::linattn;

static constexpr int64_t kPanelColumns = 64;
static constexpr int64_t kWarpThreads = 32;
static constexpr int64_t kWarpgroupThreads = 128;
static constexpr size_t kStackBytes = size_t(1) << 17;
/// Bytes that are NaN in every type.
static constexpr char kPoison = static_cast<char>(0xFF);

static TileMachineOptions machineOptions;

void mlir::linattn::setTileMachineOptions(const TileMachineOptions &options) {
  machineOptions = options;
}

//===----------------------------------------------------------------------===//
// Elements and tiles
//===----------------------------------------------------------------------===//

/// Types of elements, as programs name them.
enum Element : int64_t { F32, BF16, F16 };

static const llvm::fltSemantics &getSemantics(int64_t element) {
  return element == BF16 ? llvm::APFloat::BFloat() : llvm::APFloat::IEEEhalf();
}

static float widen(uint16_t bits, int64_t element) {
  return llvm::APFloat(getSemantics(element), llvm::APInt(16, bits))
      .convertToFloat();
}

/// All values of a type of 16 bits.
static ArrayRef<float> getValues(int64_t element) {
  static std::vector<float> tables[3];
  std::vector<float> &table = tables[element];
  for (uint32_t bits = table.size(); bits < 65536; ++bits)
    table.push_back(widen(bits, element));
  return table;
}

/// To the nearest, ties to even.
static uint16_t narrow(float value, int64_t element) {
  llvm::APFloat number(value);
  bool loses = false;
  number.convert(getSemantics(element), llvm::APFloat::rmNearestTiesToEven,
                 &loses);
  return number.bitcastToAPInt().getZExtValue();
}

/// The place of an element in a tile in shared memory.
static int64_t getPlace(int64_t rows, int64_t row, int64_t column) {
  return (column / kPanelColumns * rows + row) * kPanelColumns +
         column % kPanelColumns;
}

/// How an operand of a contraction is stored. Above these bits are the rows of
/// the tile in shared memory, of which an operand may be some.
enum Layout : int64_t { Shared = 1, Transposed = 2 };
static constexpr int64_t kLayoutBits = 2;

/// The place of element [row, column] of what is stored in a layout.
static int64_t getPlaceIn(int64_t layout, int64_t row, int64_t column) {
  if (layout & Transposed)
    std::swap(row, column);
  return getPlace(layout >> kLayoutBits, row, column);
}

/// The elements of an operand [rows, columns], in f32.
static std::vector<float> readOperand(const uint16_t *data, int64_t layout,
                                      int64_t rows, int64_t columns,
                                      int64_t element) {
  ArrayRef<float> values = getValues(element);
  std::vector<float> result;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column) {
      int64_t place = row * columns + column;
      if (layout & Shared)
        place = getPlaceIn(layout, row, column);
      result.push_back(values[data[place]]);
    }
  return result;
}

/// A tensor as kernels get it: the address, sizes, and strides without the
/// last.
namespace {
struct Tensor {
  int64_t rank;
  const int64_t *words;
  std::vector<int64_t> first;

  /// The address of an element of the tile that starts at `first`, or null.
  uint16_t *find(int64_t row, int64_t column) const {
    auto *element = reinterpret_cast<uint16_t *>(words[0]);
    for (int64_t dim = 0; dim < rank; ++dim) {
      int64_t place = first[dim] + (dim == rank - 1   ? column
                                    : dim == rank - 2 ? row
                                                      : 0);
      if (place < 0 || place >= words[1 + dim])
        return nullptr;
      element += place * (dim == rank - 1 ? 1 : words[1 + rank + dim]);
    }
    return element;
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// The machine
//===----------------------------------------------------------------------===//

namespace {
using Work = std::function<void()>;

/// Warps, or one thread, that execute the program together.
struct Crew {
  int64_t firstThread = 0, threads = 0;
  ucontext_t context = {};
  std::unique_ptr<char[]> stack;
  bool isDone = false;
  /// What it waits for, and that in words.
  std::function<bool()> isReady;
  std::string waitsFor;

  std::vector<std::unique_ptr<char[]>> registers;
  /// Contractions and groups of stores in flight; loads of a group that is
  /// being issued.
  std::deque<std::pair<void *, Work>> contractions;
  std::deque<Work> stores;
  std::vector<Work> loads;
};

struct Barrier {
  int64_t arrivals = 0, arrived = 0, phase = 0;
};

struct MeetingPoint {
  int64_t arrived = 0, generation = 0;
};

/// One launch.
class Machine {
public:
  using Kernel = void (*)(int32_t block, int32_t firstThread, void *arguments);

  Machine(Kernel kernel, void *arguments, int64_t sharedBytes)
      : shared(sharedBytes), kernel(kernel), arguments(arguments) {}

  void addCrew(int64_t firstThread, int64_t threads);
  /// False if the block does not come to an end.
  bool runBlock(int64_t block);

  /// The crew that runs lets others run.
  void yield() { swapcontext(&running->context, &scheduler); }
  /// The crew that runs waits.
  void wait(std::function<bool()> isReady, std::string what);
  /// Ends the block. Returns where a crew does not run.
  void stop(const std::string &problem);
  void arrive(int64_t barrier, int64_t count);
  Barrier &getBarrier(int64_t address);
  char *allocate(int64_t bytes);
  /// Fails unless a tile lies in shared memory.
  void checkShared(const void *tile, int64_t bytes);

  Crew &crew() { return *running; }

  std::vector<char> shared;
  std::map<int64_t, Barrier> barriers;
  std::map<int64_t, MeetingPoint> meetingPoints;
  std::deque<Work> lateLoads;

private:
  static void start();
  bool runLateLoad();

  Kernel kernel;
  void *arguments;
  int64_t block = 0;
  std::deque<Crew> crews;
  Crew *running = nullptr;
  ucontext_t scheduler = {};
  std::string problem;
};

Machine *machine = nullptr;
} // namespace

void Machine::addCrew(int64_t firstThread, int64_t threads) {
  Crew &crew = crews.emplace_back();
  crew.firstThread = firstThread;
  crew.threads = threads;
  crew.stack.reset(new char[kStackBytes]);
}

void Machine::start() {
  Crew &crew = machine->crew();
  machine->kernel(machine->block, crew.firstThread, machine->arguments);
  if (!crew.contractions.empty() || !crew.stores.empty())
    machine->stop("nothing waits for a contraction or a store");
  crew.isDone = true;
  swapcontext(&crew.context, &machine->scheduler);
}

bool Machine::runLateLoad() {
  if (lateLoads.empty())
    return false;
  Work load;
  if (machineOptions.lastFirst) {
    load = std::move(lateLoads.back());
    lateLoads.pop_back();
  } else {
    load = std::move(lateLoads.front());
    lateLoads.pop_front();
  }
  load();
  return true;
}

bool Machine::runBlock(int64_t number) {
  block = number;
  llvm::fill(shared, kPoison);
  barriers.clear();
  meetingPoints.clear();
  lateLoads.clear();
  SmallVector<Crew *> order;
  for (Crew &crew : crews) {
    getcontext(&crew.context);
    crew.context.uc_stack.ss_sp = crew.stack.get();
    crew.context.uc_stack.ss_size = kStackBytes;
    crew.context.uc_link = nullptr;
    makecontext(&crew.context, &Machine::start, 0);
    crew.isDone = false;
    crew.isReady = nullptr;
    order.push_back(&crew);
  }
  if (machineOptions.lastFirst)
    std::reverse(order.begin(), order.end());

  bool isDone = false;
  while (!isDone && problem.empty()) {
    bool progress = false;
    isDone = true;
    for (Crew *crew : order) {
      if (!crew->isDone && problem.empty() &&
          (!crew->isReady || crew->isReady())) {
        crew->isReady = nullptr;
        running = crew;
        swapcontext(&scheduler, &crew->context);
        running = nullptr;
        progress = true;
      }
      isDone &= crew->isDone;
    }
    if (!isDone && !progress && problem.empty() && !runLateLoad()) {
      problem = "all wait";
      for (Crew *crew : order)
        if (!crew->isDone)
          problem += (crew->threads == 1 ? "; thread " : "; warp ") +
                     std::to_string(crew->threads == 1
                                        ? crew->firstThread
                                        : crew->firstThread / kWarpThreads) +
                     " for " + crew->waitsFor;
    }
  }
  for (Crew &crew : crews) {
    crew.stores.clear();
    crew.contractions.clear();
    crew.loads.clear();
    crew.registers.clear();
  }
  if (problem.empty())
    return true;
  llvm::errs() << "error: block " << block
               << " of a tile program does not come to an end: " << problem
               << "\n";
  return false;
}

void Machine::wait(std::function<bool()> isReady, std::string what) {
  if (isReady())
    return;
  running->isReady = std::move(isReady);
  running->waitsFor = std::move(what);
  yield();
}

void Machine::stop(const std::string &text) {
  if (problem.empty())
    problem = text;
  // The scheduler sees it next; late loads it does itself.
  if (running)
    wait([] { return false; }, "nothing");
}

Barrier &Machine::getBarrier(int64_t address) {
  auto it = barriers.find(address);
  if (it != barriers.end())
    return it->second;
  stop("there is no barrier at byte " + std::to_string(address));
  return barriers[address];
}

void Machine::arrive(int64_t address, int64_t count) {
  Barrier &barrier = getBarrier(address);
  barrier.arrived += count;
  if (barrier.arrived > barrier.arrivals)
    stop("more than " + std::to_string(barrier.arrivals) +
         " arrivals at the barrier at byte " + std::to_string(address));
  if (barrier.arrived != barrier.arrivals)
    return;
  barrier.arrived = 0;
  ++barrier.phase;
}

char *Machine::allocate(int64_t bytes) {
  char *data =
      running->registers.emplace_back(std::make_unique<char[]>(bytes)).get();
  std::memset(data, kPoison, bytes);
  return data;
}

void Machine::checkShared(const void *tile, int64_t bytes) {
  int64_t offset = static_cast<const char *>(tile) - shared.data();
  if (offset < 0 || offset + bytes > static_cast<int64_t>(shared.size()))
    stop("a tile of " + std::to_string(bytes) + " bytes at byte " +
         std::to_string(offset) + " of " + std::to_string(shared.size()) +
         " of shared memory");
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

/// Runs `blocks` blocks of a kernel of `threads` threads. For each of
/// `numCrews` crews, its first thread and its warps follow; without crews, each
/// thread is on its own.
static int64_t launch(Machine::Kernel kernel, void *arguments, int64_t blocks,
                      int64_t sharedBytes, int64_t threads, int64_t numCrews,
                      ...) {
  Machine launched(kernel, arguments, sharedBytes);
  va_list list;
  va_start(list, numCrews);
  for (int64_t crew = 0; crew < numCrews; ++crew) {
    int64_t firstThread = va_arg(list, int64_t);
    launched.addCrew(firstThread, va_arg(list, int64_t) * kWarpThreads);
  }
  va_end(list);
  for (int64_t thread = 0; !numCrews && thread < threads; ++thread)
    launched.addCrew(thread, 1);
  machine = &launched;
  bool ended = true;
  for (int64_t block = 0; block < blocks && ended; ++block)
    ended = launched.runBlock(block);
  machine = nullptr;
  return ended;
}

static void poison(void *data, int64_t bytes) {
  std::memset(data, kPoison, bytes);
}

//===----------------------------------------------------------------------===//
// Shared memory and barriers
//===----------------------------------------------------------------------===//

static void *getShared(int64_t offset) {
  return machine->shared.data() + offset;
}

/// Every crew makes the ring; the first one counts.
static void initBarriers(int64_t address, int64_t stages, int64_t arrivals) {
  for (int64_t stage = 0; stage < stages; ++stage)
    machine->barriers.insert({address + 8 * stage, {arrivals, 0, 0}});
}

static void waitForBarrier(int64_t address, int64_t phase) {
  Barrier &barrier = machine->getBarrier(address);
  machine->wait([&barrier, phase] { return (barrier.phase & 1) != phase; },
                "phase " + std::to_string(phase) + " of the barrier at byte " +
                    std::to_string(address));
}

/// Those who wait for the arrival go on first: they may change what this crew
/// has handed over.
static void arriveAtBarrier(int64_t address) {
  machine->arrive(address, machine->crew().threads / kWarpThreads);
  machine->yield();
}

static void synchronize(int64_t id, int64_t warpgroups) {
  MeetingPoint &point = machine->meetingPoints[id];
  int64_t generation = point.generation;
  point.arrived += machine->crew().threads;
  if (point.arrived == warpgroups * kWarpgroupThreads) {
    point.arrived = 0;
    ++point.generation;
  }
  machine->wait([&point, generation] { return point.generation != generation; },
                "others at tile.sync " + std::to_string(id));
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

static Tensor getTensor(int64_t rank, const int64_t *words, va_list list) {
  Tensor tensor{rank, words, {}};
  for (int64_t dim = 0; dim < rank; ++dim)
    tensor.first.push_back(va_arg(list, int64_t));
  return tensor;
}

static void load(uint16_t *tile, int64_t rows, int64_t columns, int64_t rank,
                 const int64_t *words, ...) {
  va_list list;
  va_start(list, words);
  Tensor tensor = getTensor(rank, words, list);
  va_end(list);
  machine->checkShared(tile, rows * columns * 2);
  machine->crew().loads.push_back([=] {
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t column = 0; column < columns; ++column) {
        const uint16_t *element = tensor.find(row, column);
        tile[getPlace(rows, row, column)] = element ? *element : 0;
      }
  });
}

static void endLoads(int64_t barrier) {
  machine->getBarrier(barrier);
  Work group = [loads = std::move(machine->crew().loads), barrier] {
    for (const Work &load : loads)
      load();
    machine->arrive(barrier, 1);
  };
  machine->crew().loads.clear();
  if (machineOptions.lateCopies)
    machine->lateLoads.push_back(std::move(group));
  else
    group();
}

static void store(const uint16_t *tile, int64_t rows, int64_t columns,
                  int64_t validRows, int64_t rank, const int64_t *words, ...) {
  va_list list;
  va_start(list, words);
  Tensor tensor = getTensor(rank, words, list);
  va_end(list);
  machine->checkShared(tile, rows * columns * 2);
  Work copy = [=] {
    for (int64_t row = 0; row < std::min(rows, validRows); ++row)
      for (int64_t column = 0; column < columns; ++column)
        if (uint16_t *element = tensor.find(row, column))
          *element = tile[getPlace(rows, row, column)];
  };
  if (machineOptions.lateCopies)
    machine->crew().stores.push_back(std::move(copy));
  else
    copy();
}

static void waitForStores(int64_t unfinished) {
  std::deque<Work> &stores = machine->crew().stores;
  for (; static_cast<int64_t>(stores.size()) > unfinished; stores.pop_front())
    stores.front()();
}

static void zeroRows(uint16_t *tile, int64_t rows, int64_t columns,
                     int64_t first) {
  machine->checkShared(tile, rows * columns * 2);
  for (int64_t row = std::max<int64_t>(first, 0); row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      tile[getPlace(rows, row, column)] = 0;
}

//===----------------------------------------------------------------------===//
// Tiles in registers
//===----------------------------------------------------------------------===//

static void *newRegisters(int64_t bytes) { return machine->allocate(bytes); }

static void *makeConstant(int64_t count, float value) {
  auto *result = reinterpret_cast<float *>(machine->allocate(count * 4));
  std::fill_n(result, count, value);
  return result;
}

/// accumulator + lhs [rows, depth] * rhs [depth, columns]; no accumulator is
/// zero.
static void *contract(const float *accumulator, int64_t rows, int64_t columns,
                      int64_t depth, const uint16_t *lhs, int64_t lhsLayout,
                      const uint16_t *rhs, int64_t rhsLayout, int64_t element) {
  auto *result =
      reinterpret_cast<float *>(machine->allocate(rows * columns * 4));
  if (lhsLayout & Shared)
    machine->checkShared(lhs, rows * depth * 2);
  machine->checkShared(rhs, depth * columns * 2);
  Work compute = [=] {
    std::vector<float> a = readOperand(lhs, lhsLayout, rows, depth, element);
    // Of the right operand, the stored tile is [columns, depth].
    std::vector<float> b =
        readOperand(rhs, rhsLayout ^ Transposed, depth, columns, element);
    for (int64_t row = 0; row < rows; ++row) {
      float *sums = result + row * columns;
      for (int64_t column = 0; column < columns; ++column)
        sums[column] = accumulator ? accumulator[row * columns + column] : 0;
      for (int64_t k = 0; k < depth; ++k)
        for (int64_t column = 0; column < columns; ++column)
          sums[column] += a[row * depth + k] * b[k * columns + column];
    }
  };
  if (machineOptions.lateContractions)
    machine->crew().contractions.emplace_back(result, std::move(compute));
  else
    compute();
  return result;
}

/// Finishes the contraction with this result, and those before it.
static void waitForContraction(void *result) {
  auto &queue = machine->crew().contractions;
  auto isIt = [=](const auto &entry) { return entry.first == result; };
  if (llvm::none_of(queue, isIt))
    return;
  for (bool found = false; !found; queue.pop_front()) {
    found = isIt(queue.front());
    queue.front().second();
  }
}

static void *loadOperand(const uint16_t *tile, int64_t layout, int64_t rows,
                         int64_t columns) {
  auto *result =
      reinterpret_cast<uint16_t *>(machine->allocate(rows * columns * 2));
  machine->checkShared(tile, rows * columns * 2);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      result[row * columns + column] = tile[getPlaceIn(layout, row, column)];
  return result;
}

static void storeShared(const float *value, uint16_t *tile, int64_t layout,
                        int64_t rows, int64_t columns, int64_t element) {
  machine->checkShared(tile, rows * columns * 2);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      tile[getPlaceIn(layout, row, column)] =
          narrow(value[row * columns + column], element);
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

static void *loadVector(const void *data, int64_t index, int64_t stride,
                        int64_t valid, float pad, int64_t size,
                        int64_t element) {
  auto *result = reinterpret_cast<float *>(machine->allocate(size * 4));
  for (int64_t i = 0; i < size; ++i) {
    int64_t place = index + i * stride;
    if (i >= valid)
      result[i] = pad;
    else if (element == F32)
      result[i] = static_cast<const float *>(data)[place];
    else
      result[i] = widen(static_cast<const uint16_t *>(data)[place], element);
  }
  return result;
}

static void *scanVector(const float *source, int64_t size, int64_t reverse,
                        int64_t exclusive) {
  auto *result = reinterpret_cast<float *>(machine->allocate(size * 4));
  float sum = 0;
  for (int64_t i = 0; i < size; ++i) {
    int64_t place = reverse ? size - 1 - i : i;
    float before = sum;
    sum += source[place];
    result[place] = exclusive ? before : sum;
  }
  return result;
}

static void storeVector(const float *value, float *vector, int64_t size) {
  machine->checkShared(vector, size * 4);
  std::copy_n(value, size, vector);
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

ArrayRef<std::pair<StringRef, void *>>
mlir::linattn::getTileMachineFunctions() {
  auto address = [](auto *function) {
    return reinterpret_cast<void *>(function);
  };
  static const std::pair<StringRef, void *> functions[] = {
      {"linattn_tile_launch", address(launch)},
      {"linattn_tile_poison", address(poison)},
      {"linattn_tile_shared", address(getShared)},
      {"linattn_tile_barrier_init", address(initBarriers)},
      {"linattn_tile_barrier_wait", address(waitForBarrier)},
      {"linattn_tile_barrier_arrive", address(arriveAtBarrier)},
      {"linattn_tile_sync", address(synchronize)},
      {"linattn_tile_load", address(load)},
      {"linattn_tile_end_loads", address(endLoads)},
      {"linattn_tile_store", address(store)},
      {"linattn_tile_store_wait", address(waitForStores)},
      {"linattn_tile_zero_rows", address(zeroRows)},
      {"linattn_tile_new", address(newRegisters)},
      {"linattn_tile_constant", address(makeConstant)},
      {"linattn_tile_contract", address(contract)},
      {"linattn_tile_wait", address(waitForContraction)},
      {"linattn_tile_load_operand", address(loadOperand)},
      {"linattn_tile_store_shared", address(storeShared)},
      {"linattn_tile_vector_load", address(loadVector)},
      {"linattn_tile_vector_scan", address(scanVector)},
      {"linattn_tile_vector_store", address(storeVector)},
  };
  return functions;
}
