//===- Ordering.cpp - the order of accesses to shared memory --------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Tile/Utils/Ordering.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::linattn::tile;

static constexpr int64_t kRowBytes = 128;
static constexpr size_t kQuarters = 4;
static constexpr unsigned kNumKinds = 4;

static void joinTimes(SmallVectorImpl<uint32_t> &to, ArrayRef<uint32_t> from) {
  to.resize(std::max(to.size(), from.size()));
  for (auto [a, b] : llvm::zip(to, from))
    a = std::max(a, b);
}

void Ordering::Knowledge::join(const Knowledge &other) {
  joinTimes(done, other.done);
  joinTimes(fenced, other.fenced);
}

Ordering::Ordering(int64_t numWarps, int64_t sharedBytes)
    : issued(numWarps * kNumKinds),
      rows(llvm::divideCeil(sharedBytes, kRowBytes)) {
  Knowledge nothing;
  nothing.done.resize(numWarps * kNumKinds);
  nothing.fenced.resize(numWarps * kNumKinds);
  known.assign(numWarps, nothing);
  // Accesses of a warp have the time since its last release, from 1.
  for (int64_t warp = 0; warp < numWarps; ++warp)
    known[warp].done[warp] = 1;
}

Ordering::Knowledge Ordering::release(unsigned warp) {
  Knowledge handed = known[warp];
  ++known[warp].done[warp];
  return handed;
}

void Ordering::acquire(unsigned warp, const Knowledge &knowledge) {
  known[warp].join(knowledge);
}

void Ordering::fence(unsigned warp) {
  joinTimes(known[warp].fenced, known[warp].done);
  // What the warp writes later is not fenced.
  ++known[warp].done[warp];
}

uint32_t Ordering::issue(AgentKind kind, unsigned warp) {
  return ++issued[getAgent(kind, warp)];
}

uint32_t Ordering::getIssued(AgentKind kind, unsigned warp) const {
  return issued[getAgent(kind, warp)];
}

void Ordering::complete(AgentKind kind, unsigned warp, uint32_t number) {
  uint32_t &done = known[warp].done[getAgent(kind, warp)];
  done = std::max(done, number);
}

bool Ordering::isComplete(AgentKind kind, unsigned warp) const {
  unsigned agent = getAgent(kind, warp);
  return known[warp].done[agent] >= issued[agent];
}

void Ordering::addLoads(Knowledge &knowledge, unsigned warp,
                        uint32_t number) const {
  knowledge.done.resize(issued.size());
  uint32_t &done = knowledge.done[getAgent(AgentKind::Loads, warp)];
  done = std::max(done, number);
}

Ordering::Access Ordering::getAccess(Operation *op, AgentKind kind,
                                     unsigned warp) const {
  unsigned agent = getAgent(kind, warp);
  return {agent,
          kind == AgentKind::Warp ? known[warp].done[warp] : issued[agent], op};
}

static LogicalResult emitConflict(Operation *op, Operation *earlier,
                                  StringRef message) {
  InFlightDiagnostic diagnostic = op->emitOpError() << message;
  diagnostic.attachNote(earlier->getLoc()) << "this is the other access";
  return diagnostic;
}

LogicalResult Ordering::checkWritten(Operation *op, AgentKind kind,
                                     unsigned warp, const Row &row,
                                     bool writes) const {
  if (row.written.empty() && !writes)
    return op->emitOpError()
           << "reads what nothing has written yet: expects a tile.barrier_wait "
              "for the load group, or a tile.sync with who writes it";
  for (const Access &written : row.written)
    if (failed(checkWritten(op, kind, warp, written, writes)))
      return failure();
  return success();
}

LogicalResult Ordering::checkWritten(Operation *op, AgentKind kind,
                                     unsigned warp, const Access &written,
                                     bool writes) const {
  AgentKind writer = getKind(written.agent);
  if (!isOver(warp, written)) {
    if (writer == AgentKind::Loads && writes)
      return emitConflict(op, written.op,
                          "overwrites a tile that an earlier load may still "
                          "write: expects a tile.barrier_wait for those who "
                          "read that tile");
    if (writer == AgentKind::Loads)
      return emitConflict(
          op, written.op,
          "accesses a tile that a load may still write: expects "
          "a tile.barrier_wait for the load group before");
    return emitConflict(op, written.op,
                        "accesses what another warp may not have written yet: "
                        "expects a tile.sync or a barrier between both");
  }
  if (kind != AgentKind::Warp && writer == AgentKind::Warp &&
      known[warp].fenced[written.agent] < written.time)
    return emitConflict(op, written.op,
                        "accesses by a copy or a contraction what threads have "
                        "written: expects a tile.fence between both");
  return success();
}

LogicalResult Ordering::checkRead(Operation *op, unsigned warp,
                                  const Row &row) const {
  for (const Access &read : row.read) {
    if (isOver(warp, read))
      continue;
    switch (getKind(read.agent)) {
    case AgentKind::Contractions:
      return emitConflict(op, read.op,
                          "overwrites what a contraction may still read: "
                          "expects a tile.wait for it, and a tile.sync or a "
                          "barrier from there to here");
    case AgentKind::Stores:
      return emitConflict(
          op, read.op,
          "overwrites what a store may still read: expects a "
          "tile.store_wait for it, and a tile.sync or a barrier "
          "from there to here");
    case AgentKind::Warp:
    case AgentKind::Loads:
      return emitConflict(
          op, read.op,
          "overwrites what another warp may still read: expects "
          "a tile.sync or a barrier between both");
    }
  }
  return success();
}

template <typename FnTy>
LogicalResult Ordering::forEachRow(Operation *op, const SharedRange &range,
                                   FnTy fn) {
  for (int64_t panel = 0; panel < range.panels; ++panel)
    for (int64_t i = 0; i < range.rows; ++i) {
      int64_t number = range.first + panel * range.panelRows + i;
      if (number < 0 || number >= static_cast<int64_t>(rows.size()))
        return op->emitOpError()
               << "expects a tile in the shared memory of the kernel, but byte "
               << number * kRowBytes << " lies outside of it";
      Row &row = rows[number];
      if (range.quarter && row.quarters.empty())
        row.quarters.assign(kQuarters, Row(row));
      if (row.quarters.empty()) {
        if (failed(fn(row)))
          return failure();
        continue;
      }
      for (auto [quarter, part] : llvm::enumerate(row.quarters))
        if ((!range.quarter || quarter == *range.quarter) && failed(fn(part)))
          return failure();
    }
  return success();
}

LogicalResult Ordering::read(Operation *op, AgentKind kind, unsigned warp,
                             const SharedRange &range) {
  Access access = getAccess(op, kind, warp);
  return forEachRow(op, range, [&](Row &row) -> LogicalResult {
    if (failed(checkWritten(op, kind, warp, row, /*writes=*/false)))
      return failure();
    // The last read of an agent is the one that matters.
    for (Access &other : row.read)
      if (other.agent == access.agent) {
        other = access;
        return success();
      }
    row.read.push_back(access);
    return success();
  });
}

LogicalResult Ordering::write(Operation *op, AgentKind kind, unsigned warp,
                              const SharedRange &range) {
  Access access = getAccess(op, kind, warp);
  return forEachRow(op, range, [&](Row &row) -> LogicalResult {
    if (failed(checkRead(op, warp, row)) ||
        failed(checkWritten(op, kind, warp, row, /*writes=*/true)))
      return failure();
    row.written = {access};
    row.isWrittenInParts = false;
    row.read.clear();
    return success();
  });
}

LogicalResult Ordering::writeSome(Operation *op, unsigned warp,
                                  const SharedRange &range) {
  Access access = getAccess(op, AgentKind::Warp, warp);
  return forEachRow(op, range, [&](Row &row) -> LogicalResult {
    if (failed(checkRead(op, warp, row)))
      return failure();
    row.read.clear();
    if (!row.isWrittenInParts) {
      if (failed(checkWritten(op, AgentKind::Warp, warp, row, /*writes=*/true)))
        return failure();
      row.written.clear();
    }
    row.isWrittenInParts = true;
    // The last write of a warp is the one that matters.
    llvm::erase_if(row.written, [&](const Access &other) {
      return other.agent == access.agent;
    });
    row.written.push_back(access);
    return success();
  });
}
