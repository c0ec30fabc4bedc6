//===- Meetings.cpp - where warps of a run meet ---------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Meetings.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace mlir::linattn::tile;

int64_t Meetings::getRing(BarrierInitOp op) {
  auto [entry, inserted] = rings.try_emplace(op, barriers.size());
  if (inserted)
    for (int64_t i = 0; i < op.getResult().getType().getStages(); ++i) {
      barriers.emplace_back();
      barriers.back().op = op;
    }
  return entry->second;
}

LogicalResult Meetings::arrive(Operation *op, int64_t number, unsigned warp,
                               const Ordering::Knowledge &knowledge) {
  Barrier &barrier = barriers[number];
  barrier.incoming.join(knowledge);
  barrier.arrived.push_back(warp);
  int64_t expected = barrier.op.getResult().getType().getArrivals();
  if (static_cast<int64_t>(barrier.arrived.size()) < expected)
    return success();
  // A phase that others end than the first one has got an arrival too many.
  llvm::sort(barrier.arrived);
  if (barrier.completed == 0)
    barrier.inFirstPhase = barrier.arrived;
  if (barrier.arrived != barrier.inFirstPhase) {
    auto list = [](ArrayRef<unsigned> warps) {
      std::string text;
      for (unsigned each : warps)
        text += (text.empty() ? "" : ", ") + std::to_string(each);
      return text;
    };
    InFlightDiagnostic diagnostic =
        op->emitOpError() << "ends a phase with arrivals of warps "
                          << list(barrier.arrived)
                          << ", but the first one had arrivals of warps "
                          << list(barrier.inFirstPhase)
                          << ": expects the same in all phases";
    diagnostic.attachNote(barrier.op.getLoc()) << "this is the barrier";
    return diagnostic;
  }
  ++barrier.completed;
  barrier.arrived.clear();
  barrier.handedOn.join(barrier.incoming);
  barrier.incoming = {};
  return success();
}

FailureOr<bool> Meetings::wait(Operation *op, int64_t number, int64_t phase,
                               unsigned warp) {
  Barrier &barrier = barriers[number];
  // Which phase it waits for: the one before the first is over from the start,
  // then they follow each other. The same parity again may also mean the phase
  // that is known to be over.
  auto entry = barrier.lastWait.find(warp);
  int64_t wanted = phase ? -1 : 0;
  if (entry != barrier.lastWait.end()) {
    bool sameParity = (entry->second % 2 != 0) == (phase != 0);
    wanted = entry->second + (sameParity ? 2 : 1);
    if (sameParity && barrier.completed == entry->second + 1)
      wanted = entry->second;
  }
  // One phase further, the parity is that of a phase that is not over.
  if (barrier.completed > wanted + 1)
    return op->emitOpError()
           << "waits for phase " << wanted << ", when phase "
           << barrier.completed - 1
           << " may be over already: expects the phases to wait for this warp";
  if (barrier.completed % 2 == phase)
    return false;
  barrier.lastWait[warp] = wanted;
  ordering.acquire(warp, barrier.handedOn);
  return true;
}

std::optional<unsigned> Meetings::meet(int64_t id, unsigned size,
                                       unsigned warp) {
  auto [entry, inserted] = open.try_emplace(id, meetings.size());
  unsigned number = entry->second;
  if (inserted)
    meetings.push_back({size, {}, {}});
  Meeting &meeting = meetings[number];
  if (meeting.size != size)
    return std::nullopt;
  meeting.arrived.push_back(warp);
  meeting.knowledge.join(ordering.release(warp));
  if (meeting.arrived.size() == size)
    open.erase(entry);
  return number;
}

bool Meetings::isOver(unsigned number, unsigned warp) {
  Meeting &meeting = meetings[number];
  if (meeting.arrived.size() < meeting.size)
    return false;
  ordering.acquire(warp, meeting.knowledge);
  return true;
}

LogicalResult Meetings::checkEnd() const {
  for (const Barrier &barrier : barriers)
    if (!barrier.arrived.empty()) {
      BarrierInitOp op = barrier.op;
      return op.emitOpError()
             << "expects " << op.getResult().getType().getArrivals()
             << " arrivals in each phase, but the last one ends with "
             << barrier.arrived.size();
    }
  return success();
}
