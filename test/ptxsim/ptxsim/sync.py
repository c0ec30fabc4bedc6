# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Barriers, fences and exchanges within a warp."""

import numpy as np

from .decode import WAIT, decodes
from .errors import SimulationError, Unsupported
from .memops import collective
from .parser import Imm, Pair
from .values import FULL, LANE_IDS, LANES, lowest_lane, mask_array, pack_mask


def uniform(warp, index, mask, what):
    """The value of a register that must be the same in all lanes."""
    values = warp.get(index, mask, f"as {what}")
    lane = lowest_lane(mask)
    if mask == FULL:
        same = (values == values[lane]).all()
    else:
        same = (values[mask_array(mask)] == values[lane]).all()
    if not same:
        raise SimulationError("operand", f"{what} differs between the lanes of the warp")
    return int(values[lane])


@decodes("bar", "barrier")
def decode_barrier(dec, ins):
    parts = [p for p in ins.parts if p not in ("cta", "aligned")]
    ops = ins.operands
    if parts[1] == "warp":
        return _warp_barrier(dec, ops)
    if parts[1] == "cluster":
        return _cluster_barrier(parts[2])
    if parts[1] not in ("sync", "arrive"):
        raise Unsupported(ins.opcode)
    waits = parts[1] == "sync"
    number = dec.src(ops[0], "b32")
    threads = dec.src(ops[1], "b32") if len(ops) > 1 else None

    def run(warp, mask, group):
        if not warp.converged(group):
            return WAIT
        if mask != group.mask:
            raise SimulationError("convergence", "a barrier is predicated off in a part of the warp")
        if group.state is None:
            cta = warp.cta
            barrier = cta.barrier(uniform(warp, number, mask, "the barrier"))
            count = 32 * len(cta.warps) if threads is None else uniform(warp, threads, mask, "the thread count")
            warp.meet()
            generation = barrier.arrive(warp, count, waits)
            warp.release()
            if not waits:
                return None
            group.state = (barrier, generation)
        barrier, generation = group.state
        return None if barrier.leave(warp, generation) else WAIT

    return run, True


def _warp_barrier(dec, ops):
    members = dec.src(ops[0], "b32")

    def run(warp, mask, group):
        lanes = uniform(warp, members, mask, "the member mask")
        if not warp.converged(group, lanes):
            return WAIT
        warp.meet()

    return run, True


def _cluster_barrier(kind):
    """A cluster has one CTA here: arrive and wait are a barrier of the CTA."""

    def arrive(warp, mask, group):
        if not warp.converged(group):
            return WAIT
        barrier = warp.cta.cluster_barrier
        warp.meet()
        warp.cluster_generation = barrier.arrive(warp, 32 * len(warp.cta.warps), True)
        warp.release()

    def wait(warp, mask, group):
        if not warp.converged(group):
            return WAIT
        generation = getattr(warp, "cluster_generation", None)
        if generation is None:
            raise SimulationError("barrier", "barrier.cluster.wait without an arrive")
        if not warp.cta.cluster_barrier.leave(warp, generation):
            return WAIT
        warp.cluster_generation = None

    return (arrive if kind == "arrive" else wait), True


@decodes("fence", "membar")
def decode_fence(dec, ins):
    parts = ins.parts
    if parts[0] == "fence" and parts[1] == "mbarrier_init":
        return lambda warp, mask: warp.fence_mbarriers()
    if parts[:3] == ["fence", "proxy", "async"] and "global" not in parts[3:]:
        return lambda warp, mask: warp.proxy_fence(mask)
    # Others order accesses that the simulator already does in order.
    return lambda warp, mask: None


@decodes("setmaxnreg")
def decode_setmaxnreg(dec, ins):
    count = ins.operands[0].value
    if count % 8 or not 24 <= count <= 256:
        raise Unsupported(f"setmaxnreg {count}: expected a multiple of 8 from 24 to 256")
    return collective(lambda warp, mask: None)


@decodes("griddepcontrol", "nanosleep", "createpolicy", "activemask")
def decode_hint(dec, ins):
    if ins.parts[0] == "createpolicy":
        dst = dec.dst(ins.operands[0])
        zeros = np.zeros(LANES, np.uint64)
        return lambda warp, mask: warp.put(dst, zeros, mask, FULL)
    if ins.parts[0] == "activemask":
        dst = dec.dst(ins.operands[0])
        return lambda warp, mask: warp.put(dst, np.full(LANES, mask, np.uint32), mask, FULL)
    return lambda warp, mask: None


def _members(dec, operand):
    """Decodes the member mask of a .sync instruction."""
    if isinstance(operand, Imm):
        value = operand.value & FULL
        return lambda warp, mask: value
    index = dec.src(operand, "b32")
    return lambda warp, mask: uniform(warp, index, mask, "the member mask")


def _synchronised(members, function):
    """A .sync instruction: it runs when all lanes of its member mask have come."""

    def run(warp, mask, group):
        lanes = members(warp, mask)
        if mask & ~lanes:
            raise SimulationError("operand", f"lanes {mask:#010x} run an instruction with member mask {lanes:#010x}")
        if not warp.converged(group, lanes):
            return WAIT
        return function(warp, mask)

    return run, True


@decodes("shfl")
def decode_shuffle(dec, ins):
    mode = ins.parts[2]
    ops = ins.operands
    dst, in_range = ops[0], -1
    if isinstance(dst, Pair):
        dst, in_range = dst.first, dec.dst(dst.second)
    dst = dec.dst(dst)
    value, selector, clamp = (dec.src(o, "b32") for o in ops[1:4])

    def run(warp, mask):
        b = warp.get(selector, mask, "as a lane").astype(np.int64) & 31
        c = warp.get(clamp, mask, "as a lane limit").astype(np.int64)
        limit, segment = c & 31, (c >> 8) & 31
        top = (LANE_IDS & segment) | (limit & ~segment)
        bottom = LANE_IDS & segment
        if mode == "idx":
            source = bottom | (b & ~segment)
            inside = source <= top
        elif mode == "up":
            source = LANE_IDS - b
            inside = source >= top
        elif mode == "down":
            source = LANE_IDS + b
            inside = source <= top
        else:
            source = LANE_IDS ^ b
            inside = source <= top
        source = np.where(inside, source, LANE_IDS)
        sources = mask_array(mask)[source]
        if not sources[mask_array(mask)].all():
            raise SimulationError("operand", "shfl reads from a lane that does not take part")
        defined = pack_mask(mask_array(warp.defs[value])[source])
        if defined & mask != mask:
            warp.check_locked((value,), mask)
        warp.put(dst, warp.regs[value][source], mask, defined)
        if in_range >= 0:
            warp.put(in_range, pack_mask(inside), mask, FULL)

    return _synchronised(_members(dec, ops[4]), run)


@decodes("vote")
def decode_vote(dec, ins):
    mode = ins.parts[2]
    ops = ins.operands
    dst = dec.dst(ops[0])
    predicate = dec.src(ops[1], "pred")

    def run(warp, mask):
        votes = warp.get(predicate, mask, "as a predicate") & mask
        if mode == "ballot":
            warp.put(dst, np.full(LANES, votes, np.uint32), mask, FULL)
            return
        result = {"all": votes == mask, "any": votes != 0, "uni": votes in (0, mask)}[mode]
        warp.put(dst, FULL if result else 0, mask, FULL)

    return _synchronised(_members(dec, ops[2]), run)


@decodes("match")
def decode_match(dec, ins):
    raise Unsupported(ins.opcode)


@decodes("redux")
def decode_redux(dec, ins):
    operation, type_name = ins.parts[2], ins.parts[-1]
    ops = ins.operands
    dst = dec.dst(ops[0])
    source = dec.src(ops[1], "b32")
    view = np.int32 if type_name == "s32" else np.uint32
    if type_name == "f32" or operation not in ("add", "min", "max", "and", "or", "xor"):
        raise Unsupported(ins.opcode)
    reduce = {
        "add": np.add, "min": np.minimum, "max": np.maximum,
        "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
    }[operation].reduce

    def run(warp, mask):
        values = warp.get(source, mask, "as a value to reduce").view(view)[mask_array(mask)]
        total = np.full(LANES, reduce(values, dtype=view), view).view(np.uint32)
        warp.put(dst, total, mask, FULL)

    return _synchronised(_members(dec, ops[2]), run)


@decodes("elect")
def decode_elect(dec, ins):
    pair = ins.operands[0]
    leader, predicate = (pair.first, pair.second) if isinstance(pair, Pair) else (None, pair)
    leader = dec.dst(leader) if leader is not None else -1
    predicate = dec.dst(predicate)

    def run(warp, mask):
        lane = lowest_lane(mask)
        if leader >= 0:
            warp.put(leader, np.full(LANES, lane, np.uint32), mask, FULL)
        warp.put(predicate, 1 << lane, mask, FULL)

    return _synchronised(_members(dec, ins.operands[1]), run)
