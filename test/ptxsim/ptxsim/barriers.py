# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Barrier objects: mbarriers and the numbered barriers of a CTA."""

import numpy as np

from .errors import SimulationError

TX_LIMIT = (1 << 20) - 1


class Mbarrier:
    """Arrivals and bytes that are pending in the current phase."""

    def __init__(self, address, count, agent, clocks, warp):
        self.address = address
        self.count = count
        self.pending = count
        self.bytes = 0
        self.phase = 0
        self.agent = agent
        self.outstanding = set()  # loads that complete on the current phase
        self.init_warp = warp.id
        self.init_clock = int(warp.known[warp.id])
        self.fenced = False  # its initialisation is visible to async operations
        self.arrived = [np.zeros(clocks, np.int64), np.zeros(clocks, np.int64)]
        self.passed = [np.zeros(clocks, np.int64), np.zeros(clocks, np.int64)]

    def arrive(self, warp, count=1):
        if self.pending < count:
            raise SimulationError(
                "barrier", f"{count} arrivals at mbarrier {self.address:#x}, which expects {self.pending} more of {self.count}"
            )
        np.maximum(self.arrived[0], warp.known, out=self.arrived[0])
        np.maximum(self.arrived[1], warp.proxied, out=self.arrived[1])
        self.pending -= count

    def add_bytes(self, count):
        self.bytes += count
        if abs(self.bytes) > TX_LIMIT:
            raise SimulationError("barrier", f"mbarrier {self.address:#x} counts {self.bytes} bytes, more than it can")

    def settle(self):
        """Ends the phase if all arrived."""
        if self.pending or self.bytes:
            return False
        if self.outstanding:
            load = next(iter(self.outstanding))
            raise SimulationError(
                "barrier",
                f"phase {self.phase} of mbarrier {self.address:#x} ends before a load that completes on it: it expected too few bytes ({load.where})",
            )
        self.arrived[0][self.agent] = self.arrived[1][self.agent] = self.phase + 1
        for k in range(2):
            self.passed[k] = self.arrived[k]
            self.arrived[k] = np.zeros_like(self.passed[k])
        self.phase += 1
        self.pending = self.count
        return True

    def over(self, parity):
        """Whether the phase of the given parity is the last that ended."""
        return (self.phase & 1) != (parity & 1)

    def describe(self):
        return (
            f"mbarrier {self.address:#x}: phase {self.phase}, {self.pending} of {self.count} arrivals "
            f"and {self.bytes} bytes pending"
        )


class NamedBarrier:
    """One of the 16 barriers: warps arrive, and the waiting ones leave together."""

    def __init__(self, number, clocks):
        self.number = number
        self.threads = 0  # expected in this generation, 0 before the first arrival
        self.arrived = 0
        self.generation = 0
        self.warps = set()
        self.joined = [np.zeros(clocks, np.int64), np.zeros(clocks, np.int64)]
        self.passed = {}  # generation -> joined clocks, while warps wait for it
        self.waiting = 0

    def arrive(self, warp, threads, waits):
        if threads % 32 or threads <= 0:
            raise SimulationError("barrier", f"barrier {self.number} with {threads} threads: expected a multiple of 32")
        if self.threads and threads != self.threads:
            raise SimulationError(
                "barrier", f"barrier {self.number} with {threads} threads while others gave {self.threads}"
            )
        if warp.id in self.warps:
            raise SimulationError("barrier", f"warp {warp.id} arrives twice at one generation of barrier {self.number}")
        self.threads = threads
        self.warps.add(warp.id)
        self.arrived += 32
        np.maximum(self.joined[0], warp.known, out=self.joined[0])
        np.maximum(self.joined[1], warp.proxied, out=self.joined[1])
        generation = self.generation
        self.waiting += waits
        if self.arrived == threads:
            self.passed[generation] = [self.joined, self.waiting]
            self.joined = [np.zeros_like(j) for j in self.joined]
            self.generation += 1
            self.threads = self.arrived = self.waiting = 0
            self.warps = set()
        return generation

    def leave(self, warp, generation):
        """Whether the generation is over; if so the warp learns its clocks."""
        if self.generation == generation:
            return False
        entry = self.passed[generation]
        warp.acquire(*entry[0])
        entry[1] -= 1
        if not entry[1]:
            del self.passed[generation]
        return True
