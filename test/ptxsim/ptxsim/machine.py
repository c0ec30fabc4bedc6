# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Warps, CTAs and the scheduler."""

import random

import numpy as np

from .barriers import NamedBarrier
from .decode import WAIT
from .errors import SimulationError
from .shared import Agents, SharedMemory
from .values import FULL, LANES, UNSIGNED, mask_array

POLLS = 50  # a warp that found nothing so often makes no progress
YIELD = "yield"  # the op is done, but nothing came of it: let others run


class Group:
    """Lanes of a warp that stand at the same instruction."""

    __slots__ = ("pc", "mask", "state", "stuck", "why")

    def __init__(self, pc, mask):
        self.pc = pc
        self.mask = mask
        self.state = None  # of an instruction that waits
        self.stuck = False
        self.why = ""


class AsyncOp:
    """Work that ends some time after its instruction: steps in order."""

    def __init__(self, where, steps, kind):
        self.where = where
        self.steps = list(steps)
        self.kind = kind

    def advance(self, cta):
        """Does the next step; the last one takes the op off the list."""
        step = self.steps.pop(0)
        if not self.steps:
            cta.pending.remove(self)
        try:
            step()
        except SimulationError as error:
            raise error.locate(f"in the {self.kind} issued at {self.where}")

    def finish(self, cta, remaining=0):
        while len(self.steps) > remaining:
            self.advance(cta)


POISON = {w: np.full(LANES, (1 << w) - 1, UNSIGNED[w]) for w in (8, 16, 32, 64)}


class Warp:
    def __init__(self, cta, number, block):
        self.cta = cta
        self.id = number
        self.ops = cta.program.ops
        threads = block[0] * block[1] * block[2]
        first = number * LANES
        self.live = FULL if first + LANES <= threads else (1 << (threads - first)) - 1
        self.groups = [Group(0, self.live)]
        clocks = cta.agents.count
        self.known = np.zeros(clocks, np.int64)
        self.proxied = np.zeros(clocks, np.int64)
        self.known[cta.agents.nobody] = self.proxied[cta.agents.nobody] = -1
        self.known[cta.agents.barrier_words] = self.proxied[cta.agents.barrier_words] = -1
        self.known[number] = 1
        self.wrote = 0  # lanes that wrote shared memory since the warp last met or they fenced
        self.locked = {}  # register -> (line, definedness, role), owned by a wgmma
        self.epoch = 1  # of the wgmma.fence
        self.instruction = 0  # index of the current one
        self.steps = 0
        self.polls = 0  # of barriers in a row that found nothing new
        self.wgmma = None
        self.stores = None
        self.copies = None
        self._registers(block)

    def _registers(self, block):
        program = self.cta.program
        self.regs = [0 if w == 1 else POISON[w] for w in program.widths]
        self.defs = [0] * len(self.regs)
        self.ages = [0] * len(self.regs)
        thread = np.arange(self.id * LANES, (self.id + 1) * LANES)
        values = {"%laneid": np.arange(LANES), "%warpid": self.id}
        for axis, name in enumerate("xyz"):
            values[f"%tid.{name}"] = thread // int(np.prod(block[:axis])) % block[axis]
            values[f"%ntid.{name}"] = block[axis]
            values[f"%ctaid.{name}"] = self.cta.index[axis]
            values[f"%nctaid.{name}"] = self.cta.grid[axis]
            values[f"%cluster_ctaid.{name}"] = 0
            values[f"%cluster_nctaid.{name}"] = 1
            values[f"%clusterid.{name}"] = self.cta.index[axis]
            values[f"%nclusterid.{name}"] = self.cta.grid[axis]
        values.update({"%cluster_ctarank": 0, "%cluster_nctarank": 1, "%nwarpid": len(thread), "%smid": 0, "%nsmid": 1})
        values.update({"%clock": 0, "%clock64": 0, "%globaltimer": 0, "%dynamic_smem_size": self.cta.dynamic_bytes})
        lanes = np.arange(LANES)
        values["%lanemask_eq"] = 1 << lanes
        values["%lanemask_lt"] = (1 << lanes) - 1
        values["%lanemask_le"] = (2 << lanes) - 1
        values["%lanemask_gt"] = FULL - ((2 << lanes) - 1)
        values["%lanemask_ge"] = FULL - ((1 << lanes) - 1)
        for index, kind, value in program.slots:
            if kind == "special":
                if value not in values:
                    raise SimulationError("operand", f"special register {value} is not modelled")
                value = np.broadcast_to(np.asarray(values[value]), (LANES,)).astype(UNSIGNED[program.widths[index]])
            self.regs[index] = value
            self.defs[index] = FULL

    # Registers.

    def put(self, index, value, mask, defined):
        """Writes a register in some lanes."""
        if self.locked and index in self.locked:
            self.report_locked(index, "writes")
        if mask == FULL:
            self.regs[index] = value
            self.defs[index] = defined
        else:
            old = self.regs[index]
            if isinstance(value, int):
                self.regs[index] = (value & mask) | (old & ~mask)
            else:
                self.regs[index] = np.where(mask_array(mask), value, old)
            self.defs[index] = (self.defs[index] & ~mask) | (defined & mask)
        self.ages[index] = self.epoch

    def get(self, index, mask, why=""):
        """Reads a register whose value matters: undefined lanes are an error."""
        if self.defs[index] & mask != mask:
            self.check_locked((index,), mask)
            bad = mask & ~self.defs[index]
            raise SimulationError(
                "uninitialized", f"uses the undefined register {self.name(index)} {why} in lanes {bad:#010x}".replace("  ", " ")
            )
        return self.regs[index]

    def name(self, index):
        registers = self.cta.program.kernel.registers
        return registers[index].name if index < len(registers) else "(constant)"

    def check_locked(self, indices, mask):
        if self.locked:
            for index in indices:
                if index in self.locked:
                    self.report_locked(index, "reads")

    def report_locked(self, index, verb):
        line, _, role = self.locked[index]
        raise SimulationError("inflight", f"{verb} register {self.name(index)}, {role} of an unfinished wgmma: {line}")

    # Synchronisation.

    def acquire(self, known, proxied):
        np.maximum(self.known, known, out=self.known)
        np.maximum(self.proxied, proxied, out=self.proxied)

    def release(self):
        """What the warp does from now on is not part of what it has released."""
        self.known[self.id] += 1

    def meet(self):
        """All lanes of the warp have seen each other's writes."""
        self.wrote = 0

    def proxy_fence(self, mask):
        """Generic accesses known to this warp become visible to async operations."""
        agents = self.cta.agents
        n = agents.warps
        own = int(self.proxied[self.id])
        self.proxied[:2 * n] = self.known[:2 * n]
        if self.wrote & ~mask:
            self.proxied[self.id] = own  # lanes that did not fence have written
        self.wrote &= ~mask
        self.release()  # what is written from now on is not fenced
        self.fence_mbarriers()

    def fence_mbarriers(self):
        for barrier in self.cta.mbarriers.values():
            if self.known[barrier.init_warp] >= barrier.init_clock:
                barrier.fenced = True

    def converged(self, group, lanes=None):
        """Whether all live lanes (or the given ones) are in the group."""
        needed = self.live if lanes is None else lanes & self.live
        if group.mask & needed == needed:
            return True
        group.why = "convergence"
        return False

    # Execution.

    def run(self, budget):
        """Runs up to `budget` instructions; whether anything came of it."""
        progress = False
        for group in self.groups:
            group.stuck = False
        while budget > 0 and self.groups:
            group, limit = self.choose()
            if group is None:
                break
            budget, status = self.run_group(group, limit, budget)
            if status is WAIT:
                group.stuck = True
                budget += 1
                continue
            if status is YIELD:
                self.polls += 1
                break
            progress = True
            for other in self.groups:
                other.stuck = False
        return progress

    def choose(self):
        """The group to run next, and the index at which it may meet another."""
        groups = self.groups
        if len(groups) == 1:
            group = groups[0]
            return (None if group.stuck else group), 1 << 30
        groups.sort(key=lambda g: g.pc)
        merged = [groups[0]]
        for group in groups[1:]:
            last = merged[-1]
            if group.pc == last.pc and last.state is None and group.state is None:
                last.mask |= group.mask
                last.stuck = last.stuck and group.stuck
                last.stuck = False
            else:
                merged.append(group)
        self.groups = merged
        if len(merged) == 1:
            return merged[0], 1 << 30
        for i, group in enumerate(merged):
            if not group.stuck:
                if i == 0:
                    return group, merged[1].pc
                return group, group.pc + 1
        return None, 0

    def run_group(self, group, limit, budget):
        """Runs a group until it waits, branches, reaches the limit or the budget ends."""
        ops = self.ops
        start = pc = group.pc
        mask = group.mask
        regs = self.regs
        ran = False
        status = None
        try:
            while budget > 0:
                op = ops[pc]
                self.instruction = pc
                active = mask
                if op.guard >= 0:
                    if self.defs[op.guard] & mask != mask:
                        self.get(op.guard, mask, "as a predicate")
                    active = mask & (~regs[op.guard] if op.negated else regs[op.guard])
                budget -= 1
                if not op.flow:
                    if active:
                        op.run(self, active)
                    pc += 1
                elif op.run is not None:
                    if active:
                        status = op.run(self, active, group)
                        if status is WAIT:
                            break
                        group.state = None
                    pc += 1
                    if status is YIELD:
                        break
                else:
                    ran = True
                    if op.exits:
                        self.live &= ~active
                        stays, jump = mask & ~active, 0
                    else:
                        stays, jump = mask & ~active, active
                    pc += 1
                    if not jump and stays == mask:
                        if pc >= limit:
                            break
                        continue
                    if jump == mask:
                        pc = op.target
                        if pc < start or limit != 1 << 30:
                            break
                        continue
                    self.groups.remove(group)
                    if stays:
                        self.groups.append(Group(pc, stays))
                    if jump:
                        self.groups.append(Group(op.target, jump))
                    self.steps += 1
                    return budget, None
                ran = True
                if pc >= limit:
                    break
        except SimulationError as error:
            op = ops[self.instruction]
            raise error.locate(f"{self.place(self.instruction)}, warp {self.id}, lanes {mask:#010x}, CTA {self.cta.index}")
        group.pc = pc
        self.steps += 1
        if status is WAIT and ran:
            return budget, None
        return budget, status

    def place(self, instruction):
        source = self.ops[instruction].source
        return f"line {source.line}: {source.text[:160]}"

    @property
    def here(self):
        return self.place(self.instruction)


class Cta:
    """One thread block and its shared memory."""

    def __init__(self, program, layout, launch, index):
        self.program = program
        self.index = index
        self.grid = launch.grid
        self.number = index[0] + launch.grid[0] * (index[1] + launch.grid[1] * index[2])
        self.launch = launch
        self.rng = random.Random(f"{launch.seed}/{self.number}")
        self.dynamic_bytes = launch.smem_bytes
        block = launch.block
        warps = -(-block[0] * block[1] * block[2] // LANES)
        self.agents = Agents(warps)
        base, static_end = layout.shared_base, layout.shared_end
        size = max(static_end - base, layout.dynamic_base + launch.smem_bytes - base)
        self.shared = SharedMemory(base, size, program.granule_bits, self.agents, self.place, launch.poison)
        self.mbarriers = {}
        self.next_mbarrier = 0
        self.barriers = {}
        self.pending = []
        self.cluster_barrier = NamedBarrier("cluster", self.agents.count)
        self.wgmma_log = {}  # warpgroup -> what its warps issued, in order
        self.warps = [Warp(self, i, block) for i in range(warps)]

    def place(self, instruction):
        return self.warps[0].place(instruction) if instruction >= 0 else "?"

    def barrier(self, number):
        if number not in self.barriers:
            if not 0 <= number < 16:
                raise SimulationError("operand", f"barrier {number}: expected 0 to 15")
            self.barriers[number] = NamedBarrier(number, self.agents.count)
        return self.barriers[number]

    def issue(self, op):
        """Adds asynchronous work; it may end at once."""
        self.pending.append(op)
        if self.eagerness and self.rng.random() < self.eagerness:
            op.advance(self)

    def run(self):
        """Runs the CTA to its end under a random schedule."""
        rng = self.rng
        self.eagerness = rng.choice([0.0, 0.0, 0.1, 0.6])
        quantum = rng.choice([3, 40, 400])
        steps = stalls = 0
        while True:
            warps = [w for w in self.warps if w.live]
            if not warps:
                break
            rng.shuffle(warps)
            progress = False
            for warp in warps:
                if not warp.live:
                    continue
                budget = rng.randint(1, quantum)
                steps += budget
                if warp.run(budget) and warp.polls < POLLS:
                    progress = True
                if self.pending and self.eagerness and rng.random() < self.eagerness:
                    rng.choice(self.pending).advance(self)
            stalls = 0 if progress else stalls + 1
            if stalls:
                # Warps that poll a barrier may have done work before; give
                # them some rounds.
                if self.pending:
                    rng.choice(self.pending).advance(self)
                    stalls = 0
                elif stalls > (200 if any(w.polls for w in warps) else 2):
                    self.report_deadlock(warps)
            if steps > self.launch.max_steps:
                raise SimulationError("limit", f"CTA {self.index} ran more than {self.launch.max_steps} steps")
        self.finish()

    def finish(self):
        for warp in self.warps:
            where = f"warp {warp.id}, CTA {self.index}"
            if warp.wgmma and (warp.wgmma.open or warp.wgmma.groups):
                op = (warp.wgmma.open or warp.wgmma.groups[0])[0]
                raise SimulationError("exit", "the warp ends without waiting for a wgmma").locate(f"{op.where}, {where}")
            if warp.stores and warp.stores.unread():
                op = warp.stores.unread()
                raise SimulationError("exit", "the CTA ends while a bulk store may read its shared memory").locate(
                    f"{op.where}, {where}"
                )
            if warp.copies and (warp.copies.open or warp.copies.groups):
                raise SimulationError("exit", "the warp ends without waiting for cp.async").locate(where)
        for barrier in self.mbarriers.values():
            if barrier.outstanding:
                load = next(iter(barrier.outstanding))
                raise SimulationError("exit", "the CTA ends before a bulk load into it").locate(load.where)
        for barrier in self.barriers.values():
            if barrier.arrived:
                raise SimulationError(
                    "barrier",
                    f"CTA {self.index} ends while barrier {barrier.number} has {barrier.arrived} of {barrier.threads} threads",
                )
        for log in self.wgmma_log.values():
            counts = {len(entries) for entries in log.values()}
            if len(counts) > 1:
                raise SimulationError("convergence", "the warps of a warpgroup issue different numbers of wgmmas")
        while self.pending:
            self.pending[0].advance(self)

    def report_deadlock(self, warps):
        lines = []
        kind = "deadlock"
        for warp in sorted(warps, key=lambda w: w.id):
            for group in warp.groups:
                if group.why == "convergence":
                    kind = "convergence"
                lines.append(f"warp {warp.id} lanes {group.mask:#010x} at {warp.place(group.pc)[:100]}")
        for barrier in self.barriers.values():
            if barrier.arrived:
                lines.append(f"barrier {barrier.number}: {barrier.arrived} of {barrier.threads} threads")
        lines += [b.describe() for b in self.mbarriers.values()]
        message = "no warp can go on" if kind == "deadlock" else "lanes of a warp never meet at a warp-wide instruction"
        raise SimulationError(kind, f"{message}; CTA {self.index}:\n    " + "\n    ".join(lines))
