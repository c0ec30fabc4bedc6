# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Shared memory of a CTA, with a happens-before check on every access.

Every granule remembers who wrote it last and who read it since, each as an
(agent, clock) pair. Agents are the warps, and per warp its cp.async copies, its
wgmmas and its bulk stores, and one agent per mbarrier for the bulk loads that
complete on it. A warp holds a vector of the clocks it knows to be over
(`known`), joined at barriers and mbarriers; an access is a race unless the
accesses before it are known to be over. So a missing barrier is an error
whatever the order in which the warps happen to run.

A second vector, `proxied`, holds the clocks whose generic accesses a proxy
fence has made visible to asynchronous operations.
"""

import numpy as np

from .errors import SimulationError

MBARRIERS = 64


class Agents:
    """The numbering of agents for a CTA of some warps."""

    def __init__(self, warps):
        self.warps = warps
        self.copies = warps  # cp.async, the first agent of each kind
        self.wgmmas = 2 * warps
        self.stores = 3 * warps
        self.mbarriers = 4 * warps
        self.barrier_words = self.mbarriers + MBARRIERS  # owner of mbarrier objects
        self.nobody = self.barrier_words + 1
        self.count = self.nobody + 1
        self.readers = 3 * warps  # rows of the table of reads

    def read_row(self, agent):
        """Warps, wgmmas and bulk stores read; the other kinds only write."""
        return agent if agent < self.warps else agent - self.warps

    def row_agent(self, row):
        return row if row < self.warps else row + self.warps

    def describe(self, agent):
        if agent < self.warps:
            return f"warp {agent}"
        for first, what in ((self.copies, "cp.async"), (self.wgmmas, "wgmma"), (self.stores, "bulk store")):
            if first <= agent < first + self.warps:
                return f"{what} of warp {agent - first}"
        if agent == self.barrier_words:
            return "mbarrier"
        return "bulk load"


class SharedMemory:
    def __init__(self, base, size, granule_bits, agents, line_of, poison=False):
        self.poison = poison  # loads of what nothing has written give NaNs
        self.base = base
        self.limit = base + size
        self.agents = agents
        self.line_of = line_of  # instruction index -> text
        self.shift = granule_bits
        padded = (self.limit + 1023) & ~1023
        self.data = np.full(padded, 0xFF, np.uint8)
        self.views = {1: self.data, 2: self.data.view(np.uint16), 4: self.data.view(np.uint32), 8: self.data.view(np.uint64)}
        granules = padded >> granule_bits
        self.writer = np.full(granules, agents.nobody, np.int16)
        self.written = np.ones(granules, np.int32)  # clock of the last write
        self.write_at = np.full(granules, -1, np.int32)  # its instruction
        self.read = np.full((agents.readers, granules), -1, np.int32)
        self.read_at = np.full((agents.readers, granules), -1, np.int32)
        self.patterns = {}

    # Addresses.

    def check_range(self, addresses, size, alignment, what="access"):
        low, high = int(addresses.min()), int(addresses.max()) + size
        if low < self.base or high > self.limit:
            raise SimulationError(
                "bounds", f"{what} to shared memory at [{low:#x}, {high:#x}) outside of [{self.base:#x}, {self.limit:#x})"
            )
        if alignment > 1 and (addresses & (alignment - 1)).any():
            bad = int(addresses[(addresses & (alignment - 1)) != 0][0])
            raise SimulationError("misaligned", f"{what} to shared memory at {bad:#x} needs alignment {alignment}")

    def granules(self, addresses, size):
        """The granules that [address, address + size) touch, for each address."""
        count = max(1, size >> self.shift)
        first = addresses >> self.shift
        if count == 1:
            return first
        offsets = self.patterns.get(count)
        if offsets is None:
            offsets = self.patterns[count] = np.arange(count)
        return (first[:, None] + offsets).reshape(-1)

    # Checks. `known` and `proxied` are the clock vectors of the warp.

    def check_read(self, granules, known, asynchronous_known=None):
        """Before a read: the last write is over, and fenced for async reads."""
        visible = known if asynchronous_known is None else asynchronous_known
        writer = self.writer[granules]
        late = self.written[granules] > visible[writer]
        if late.any():
            self.report_write_conflict(granules[late][0], known, "reads")

    def check_load(self, granules, known):
        """Before a load to registers."""
        if self.poison:
            granules = granules[self.writer[granules] != self.agents.nobody]
        self.check_read(granules, known)

    def check_write(self, granules, known, visible=None):
        """Before a write: the last write and all reads are over."""
        if visible is None:
            visible = known
        writer = self.writer[granules]
        late = (self.written[granules] > visible[writer]) & (writer != self.agents.nobody)
        if late.any():
            self.report_write_conflict(granules[late][0], known, "writes")
        self.check_reads_over(granules, known)

    def check_reads_over(self, granules, known):
        warps = self.agents.warps
        limits = np.concatenate([known[:warps], known[2 * warps:4 * warps]])
        late = self.read[:, granules] > limits[:, None]
        if late.any():
            row, column = np.argwhere(late)[0]
            granule = granules[column]
            agent = self.agents.row_agent(int(row))
            kind = "race"
            what = "may still read it" if agent >= warps else "read it, and nothing orders the two"
            raise SimulationError(
                kind,
                f"writes shared memory at {int(granule) << self.shift:#x} while {self.agents.describe(agent)} {what}: "
                f"{self.line_of(int(self.read_at[row, granule]))}",
            )

    def report_write_conflict(self, granule, known, verb):
        granule = int(granule)
        agent = int(self.writer[granule])
        where = f"{verb} shared memory at {granule << self.shift:#x}"
        if agent == self.agents.nobody:
            raise SimulationError("uninitialized", f"{where}, which nothing has written")
        by = f"{self.agents.describe(agent)}: {self.line_of(int(self.write_at[granule]))}"
        if agent == self.agents.barrier_words:
            raise SimulationError("race", f"{where}, which holds an mbarrier, {by}")
        if self.written[granule] <= known[agent]:
            raise SimulationError("proxy", f"{where} asynchronously, without a fence.proxy.async after the write by {by}")
        raise SimulationError("race", f"{where}, and nothing orders this after the write by {by}")

    # Marks.

    def mark_read(self, granules, agent, clock, at):
        row = self.agents.read_row(agent)
        self.read[row, granules] = clock
        self.read_at[row, granules] = at

    def mark_write(self, granules, agent, clock, at):
        self.writer[granules] = agent
        self.written[granules] = clock
        self.write_at[granules] = at

    # Generic accesses of a warp; addresses are those of the active lanes.

    def load(self, warp, addresses, element, count, at):
        """count elements of some bytes per address, as an array [lanes, count]."""
        size = element * count
        self.check_range(addresses, size, size, "load")
        granules = self.granules(addresses, size)
        self.check_load(granules, warp.known)
        self.mark_read(granules, warp.id, warp.known[warp.id], at)
        view = self.views[element]
        first = addresses // element
        if count == 1:
            return view[first][:, None]
        return view[first[:, None] + np.arange(count)]

    def store(self, warp, addresses, values, element, at):
        """values is [lanes, count], with the unsigned type of the element."""
        count = values.shape[1]
        size = element * count
        self.check_range(addresses, size, size, "store")
        granules = self.granules(addresses, size)
        self.check_write(granules, warp.known)
        self.mark_write(granules, warp.id, warp.known[warp.id], at)
        self.views[element][(addresses // element)[:, None] + np.arange(count)] = values

    def bytes_at(self, addresses):
        return self.data[addresses]
