# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mbarriers, cp.async and bulk copies."""

from types import SimpleNamespace

import numpy as np

from .barriers import Mbarrier
from .decode import WAIT, decodes
from .errors import SimulationError, Unsupported
from .globalmem import PARAM_WINDOW, SWIZZLE_BYTES
from .machine import YIELD, AsyncOp
from .memops import _resolve, space_of
from .shared import MBARRIERS
from .values import FULL, LANES, UNSIGNED, f32_to_half, half_to_f32, mask_lanes, pack_mask


def swizzle(addresses, span):
    """The bytes' places under a swizzle of 32, 64 or 128 bytes."""
    if not span:
        return addresses
    chunks = span // 16 - 1
    return addresses ^ (((addresses >> 7) & chunks) << 4)


def find_mbarrier(warp, space, address):
    space, addresses = _resolve(space, np.array([address]))
    address = int(addresses[0])
    if space != "shared":
        raise SimulationError("operand", f"an mbarrier at {address:#x}, which is not in shared memory")
    barrier = warp.cta.mbarriers.get(address)
    if barrier is None:
        raise SimulationError("uninitialized", f"no mbarrier has been initialised at {address:#x}")
    if warp.known[barrier.init_warp] < barrier.init_clock:
        raise SimulationError(
            "race", f"uses the mbarrier at {address:#x}, and nothing orders this after its initialisation by warp {barrier.init_warp}"
        )
    return barrier


def _init(dec, ins):
    address, count = dec.addr(ins.operands[0]), dec.src(ins.operands[1], "b32")
    space = space_of(ins)

    def run(warp, mask):
        cta = warp.cta
        counts = warp.get(count, mask, "as a count")
        for lane in mask_lanes(mask):
            _, where = _resolve(space, address(warp, mask)[lane:lane + 1])
            place = int(where[0])
            if place in cta.mbarriers:
                raise SimulationError("operand", f"initialises the mbarrier at {place:#x} twice")
            if cta.next_mbarrier == MBARRIERS:
                raise Unsupported(f"more than {MBARRIERS} mbarriers")
            if not 1 <= int(counts[lane]) < 1 << 20:
                raise SimulationError("operand", f"an mbarrier with {int(counts[lane])} arrivals")
            cta.shared.check_range(where, 8, 8, "mbarrier.init")
            granules = cta.shared.granules(where, 8)
            cta.shared.check_write(granules, warp.known)
            cta.shared.mark_write(granules, cta.agents.barrier_words, 1, warp.instruction)
            agent = cta.agents.mbarriers + cta.next_mbarrier
            cta.next_mbarrier += 1
            cta.mbarriers[place] = Mbarrier(place, int(counts[lane]), agent, cta.agents.count, warp)

    return run


def _inval(dec, ins):
    address, space = dec.addr(ins.operands[0]), space_of(ins)

    def run(warp, mask):
        for lane in mask_lanes(mask):
            barrier = find_mbarrier(warp, space, int(address(warp, mask)[lane]))
            if barrier.outstanding:
                raise SimulationError("barrier", "invalidates an mbarrier on which a load still completes")
            del warp.cta.mbarriers[barrier.address]
            granules = warp.cta.shared.granules(np.array([barrier.address]), 8)
            warp.cta.shared.mark_write(granules, warp.id, warp.known[warp.id], warp.instruction)

    return run


def _arrive(dec, ins):
    if "noComplete" in ins.parts:
        raise Unsupported(ins.opcode)
    ops = list(ins.operands)
    dst = dec.dst(ops.pop(0)) if len(ops) > 1 and not hasattr(ops[0], "base") else -1
    address, space = dec.addr(ops[0]), space_of(ins)
    value = dec.src(ops[1], "b32") if len(ops) > 1 else None
    expects = "expect_tx" in ins.parts
    arrives = ins.parts[1] == "arrive"

    def run(warp, mask):
        state = np.zeros(LANES, np.uint64)
        amounts = warp.get(value, mask, "as a count") if value is not None else np.ones(LANES, np.uint32)
        addresses = address(warp, mask)
        for lane in mask_lanes(mask):
            barrier = find_mbarrier(warp, space, int(addresses[lane]))
            state[lane] = barrier.phase
            if expects:
                barrier.add_bytes(int(amounts[lane]))
            if arrives:
                barrier.arrive(warp, 1 if expects else int(amounts[lane]))
            barrier.settle()
        if arrives:
            warp.release()
        if dst >= 0:
            warp.put(dst, state, mask, FULL)

    return run


def _wait(dec, ins):
    ops = ins.operands
    dst = dec.dst(ops[0])
    address, space = dec.addr(ops[1]), space_of(ins)
    by_parity = "parity" in ins.parts
    token = dec.src(ops[2], "b32" if by_parity else "b64")
    blocks = ins.parts[1] == "try_wait"
    acquires = "relaxed" not in ins.parts

    def run(warp, mask, group):
        tokens = warp.get(token, mask, "as a phase")
        addresses = address(warp, mask)
        done = np.zeros(LANES, bool)
        for lane in mask_lanes(mask):
            barrier = find_mbarrier(warp, space, int(addresses[lane]))
            if by_parity:
                over = barrier.over(int(tokens[lane]))
            else:
                over = barrier.phase > int(tokens[lane])
            done[lane] = over
            if over and acquires and barrier.phase:
                warp.acquire(*barrier.passed)
        result = pack_mask(done)
        if result != mask and blocks and warp.cta.rng.random() < 0.9:
            return WAIT
        warp.put(dst, result, mask, FULL)
        if result != mask:
            return YIELD
        warp.polls = 0
        return None

    return run, True


@decodes("mbarrier")
def decode_mbarrier(dec, ins):
    kind = ins.parts[1]
    table = {"init": _init, "inval": _inval, "arrive": _arrive, "expect_tx": _arrive, "try_wait": _wait, "test_wait": _wait}
    if kind not in table:
        raise Unsupported(ins.opcode)
    return table[kind](dec, ins)


# cp.async: copies of 4, 8 or 16 bytes per lane.


class CopyState:
    """The cp.async operations of a warp."""

    def __init__(self):
        self.clock = 0
        self.open = []
        self.groups = []  # (lanes, ops)


def _copies(warp):
    if warp.copies is None:
        warp.copies = CopyState()
    return warp.copies


def _copy(dec, ins):
    ops = ins.operands
    dst, src = dec.addr(ops[0]), dec.addr(ops[1])
    size = ops[2].value
    if "ignore_src" in ins.parts:
        raise Unsupported(ins.opcode)
    have = dec.src(ops[3], "b32") if len(ops) > 3 else None
    if "cg" in ins.parts and size != 16 or size not in (4, 8, 16):
        raise Unsupported(f"{ins.opcode} of {size} bytes")

    def run(warp, mask):
        cta = warp.cta
        lanes = mask_lanes(mask)
        _, to = _resolve("shared", dst(warp, mask)[lanes])
        source = src(warp, mask)[lanes]
        sizes = np.full(len(lanes), size) if have is None else warp.get(have, mask, "as a size")[lanes].astype(np.int64)
        if (sizes > size).any():
            raise SimulationError("operand", f"cp.async of {int(sizes.max())} bytes into {size}")
        shared = cta.shared
        shared.check_range(to, size, size, "cp.async")
        state = _copies(warp)
        state.clock += 1
        granules = shared.granules(to, size)
        shared.check_write(granules, warp.known)
        shared.mark_write(granules, cta.agents.copies + warp.id, state.clock, warp.instruction)
        data = np.zeros((len(lanes), size), np.uint8)
        if (source % size).any():
            raise SimulationError("misaligned", f"cp.async from an address that is no multiple of {size}")
        for count in np.unique(sizes):
            if count:
                chosen = sizes == count
                data[chosen, :count] = cta.launch.memory.load_bytes(source[chosen], int(count), cta.number)

        def finish():
            shared.data[to[:, None] + np.arange(size)] = data

        op = AsyncOp(warp.here, [finish], "cp.async")
        op.clock, op.mask = state.clock, mask
        state.open.append(op)
        cta.issue(op)

    return run


def _copy_commit(dec, ins):
    def run(warp, mask):
        state = _copies(warp)
        mine = [op for op in state.open if not op.mask & ~mask]
        if any(op.mask & mask for op in state.open if op not in mine):
            raise Unsupported("cp.async.commit_group in a part of the lanes that copied")
        state.open = [op for op in state.open if op not in mine]
        state.groups.append((mask, mine))

    return run


def _finish_copies(warp, ops):
    for op in ops:
        op.finish(warp.cta)
    state = warp.copies
    rest = [op.clock for op in state.open] + [op.clock for _, group in state.groups for op in group]
    agent = warp.cta.agents.copies + warp.id
    warp.known[agent] = min(rest) - 1 if rest else state.clock


def _copy_wait(dec, ins):
    everything = ins.parts[2] == "wait_all"
    allowed = 0 if everything else ins.operands[0].value

    def run(warp, mask):
        state = _copies(warp)
        mine = [g for g in state.groups if g[0] & mask]
        done = mine[:len(mine) - allowed] if allowed else mine
        if any(lanes & ~mask for lanes, ops in done if ops):
            raise Unsupported("cp.async.wait_group in a part of the lanes that copied")
        state.groups = [g for g in state.groups if not any(g is d for d in done)]
        finished = [op for _, ops in done for op in ops]
        if everything:
            finished += state.open
            state.open = []
        _finish_copies(warp, finished)

    return run


def _copy_arrive(dec, ins):
    """cp.async.mbarrier.arrive: an arrival once the lane's copies are done."""
    address, space = dec.addr(ins.operands[0]), space_of(ins)
    extra = "noinc" not in ins.parts

    def run(warp, mask):
        state = _copies(warp)
        before = list(state.open) + [op for _, ops in state.groups for op in ops]
        clock = state.clock
        known, proxied = warp.known.copy(), warp.proxied.copy()
        known[warp.cta.agents.copies + warp.id] = clock
        addresses = address(warp, mask)
        barriers = [find_mbarrier(warp, space, int(addresses[lane])) for lane in mask_lanes(mask)]
        for barrier in barriers:
            if extra:
                barrier.pending += 1

        snapshot = SimpleNamespace(known=known, proxied=proxied)  # of the warp, for a later arrival

        def finish():
            for op in before:
                op.finish(warp.cta)
            for barrier in barriers:
                barrier.arrive(snapshot)
                barrier.settle()

        state.open = []
        state.groups = []
        warp.release()
        warp.cta.issue(AsyncOp(warp.here, [finish], "cp.async.mbarrier.arrive"))

    return run


# Bulk copies.


class StoreState:
    """The bulk stores of a warp: per lane, groups in order."""

    def __init__(self):
        self.clock = 0
        self.open = []  # (lane, op)
        self.groups = []  # [lane, ops, read]

    def unread(self):
        for _, op in self.open:
            return op
        for _, ops, read in self.groups:
            if ops and not read:
                return ops[0]
        return None


def _stores(warp):
    if warp.stores is None:
        warp.stores = StoreState()
    return warp.stores


def _bulk_commit(dec, ins):
    def run(warp, mask):
        state = _stores(warp)
        for lane in mask_lanes(mask):
            ops = [op for at, op in state.open if at == lane]
            state.groups.append([int(lane), ops, False])
        state.open = [(at, op) for at, op in state.open if not mask >> int(at) & 1]

    return run


def _bulk_wait(dec, ins):
    allowed = ins.operands[0].value
    only_read = "read" in ins.parts

    def run(warp, mask):
        state = _stores(warp)
        for lane in mask_lanes(mask):
            groups = [g for g in state.groups if g[0] == lane]
            for group in groups[:max(0, len(groups) - allowed)]:
                for op in group[1]:
                    op.finish(warp.cta, remaining=1 if only_read else 0)
                group[2] = True
                if not only_read:
                    state.groups = [g for g in state.groups if g is not group]
        unread = [op.clock for _, op in state.open]
        unread += [op.clock for _, ops, read in state.groups for op in ops if not read]
        agent = warp.cta.agents.stores + warp.id
        warp.known[agent] = warp.proxied[agent] = min(unread) - 1 if unread else state.clock

    return run


def _one_lane_each(function):
    def run(warp, mask):
        for lane in mask_lanes(mask):
            function(warp, int(lane), 1 << int(lane))

    return run


def _issue_load(warp, barrier, chunks, size, write):
    """A bulk load into 16-byte chunks that completes on an mbarrier."""
    cta = warp.cta
    if not barrier.fenced:
        raise SimulationError(
            "proxy", f"a bulk load completes on the mbarrier at {barrier.address:#x}, whose initialisation no fence made visible to it"
        )
    granules = cta.shared.granules(chunks, 16)
    cta.shared.check_write(granules, warp.known, warp.proxied)
    cta.shared.mark_write(granules, barrier.agent, barrier.phase + 1, warp.instruction)

    def finish():
        write()
        barrier.outstanding.discard(op)
        barrier.add_bytes(-size)
        barrier.settle()

    op = AsyncOp(warp.here, [finish], "bulk load")
    barrier.outstanding.add(op)
    cta.issue(op)


def _issue_store(warp, lane, chunks, read, write):
    """A bulk store of 16-byte chunks, which reads them some time later."""
    cta = warp.cta
    state = _stores(warp)
    state.clock += 1
    granules = cta.shared.granules(chunks, 16)
    cta.shared.check_read(granules, warp.known, warp.proxied)
    cta.shared.mark_read(granules, cta.agents.stores + warp.id, state.clock, warp.instruction)
    box = {}

    def first():
        box["data"] = read()

    op = AsyncOp(warp.here, [first, lambda: write(box["data"])], "bulk store")
    op.clock = state.clock
    state.open.append((lane, op))
    cta.issue(op)


def _bulk(dec, ins):
    """cp.async.bulk between global and shared memory, without a tensor map."""
    ops = ins.operands
    loads = "mbarrier::complete_tx::bytes" in ins.parts
    if loads and "global" not in ins.parts or "multicast::cluster" in ins.parts or ins.parts[0] != "cp":
        raise Unsupported(ins.opcode)
    if ins.parts[1] == "reduce":
        raise Unsupported(ins.opcode)
    dst, src, size_slot = dec.addr(ops[0]), dec.addr(ops[1]), dec.src(ops[2], "b32")
    bar = dec.addr(ops[3]) if loads else None

    def run(warp, lane, mask):
        cta = warp.cta
        size = int(warp.get(size_slot, mask, "as a size")[lane])
        to, source = int(dst(warp, mask)[lane]), int(src(warp, mask)[lane])
        shared_at, global_at = (to, source) if loads else (source, to)
        if size % 16 or not size:
            raise SimulationError("operand", f"a bulk copy of {size} bytes: expected a multiple of 16")
        cta.shared.check_range(np.array([shared_at]), size, 16, "bulk copy")
        chunks = shared_at + 16 * np.arange(size // 16)
        allocation, offsets = cta.launch.memory.locate(np.array([global_at]), size, 16)
        first = int(offsets[0])
        span = slice(first, first + size)
        every = first + 2 * np.arange(size // 2)
        if loads:
            cta.launch.memory.note_read(allocation, every, 2, cta.number)

            def write():
                cta.shared.data[shared_at:shared_at + size] = allocation.data[span]

            _issue_load(warp, find_mbarrier(warp, "shared", int(bar(warp, mask)[lane])), chunks, size, write)
        else:
            cta.launch.memory.note_write(allocation, every, 2, cta.number)

            def store(data):
                allocation.data[span] = data

            _issue_store(warp, lane, chunks, lambda: cta.shared.data[shared_at:shared_at + size].copy(), store)

    return _one_lane_each(run)


def _tile(dec, operand):
    """Decodes [tensor map, {coordinates}]."""
    address = dec.addr(operand)
    coordinates = [dec.src(c, "b32") for c in operand.coordinates]

    def locate(warp, lane, mask):
        where = int(address(warp, mask)[lane])
        tensor = warp.cta.launch.params.tensor_maps.get(where - PARAM_WINDOW)
        if tensor is None:
            raise SimulationError("operand", f"{where:#x} is not the generic address of a tensor map among the parameters")
        at = [int(warp.get(c, mask, "as a coordinate").view(np.int32)[lane]) for c in coordinates]
        if len(at) != len(tensor.dims):
            raise SimulationError("operand", f"{len(at)} coordinates for a tensor map of {len(tensor.dims)} dimensions")
        return tensor, at

    return locate


def _tile_places(warp, tensor, address):
    """The 16-byte chunks of a tile in shared memory, in tile order."""
    size = tensor.tile_bytes()
    warp.cta.shared.check_range(np.array([address]), size, 128, "tensor copy")
    return swizzle(address + 16 * np.arange(size // 16), SWIZZLE_BYTES[tensor.swizzle])


def _tile_elements(warp, tensor, coordinates):
    """(allocation, byte offsets of the elements in bounds, which are)."""
    memory = warp.cta.launch.memory
    allocation = memory.by_array[id(tensor.array)]
    offsets, inside = tensor.elements(coordinates)
    offsets, inside = np.broadcast_arrays(offsets, inside)
    offsets, inside = offsets.reshape(-1), inside.reshape(-1)
    used = offsets[inside]
    if used.size and (used.min() < 0 or used.max() + tensor.itemsize > allocation.size):
        raise SimulationError("bounds", f"the tensor map of {allocation.name} reaches outside of the array")
    return allocation, used, inside


def _tensor_load(dec, ins):
    ops = ins.operands
    if not any(p.startswith("mbarrier") for p in ins.parts) or "multicast::cluster" in ins.parts:
        raise Unsupported(ins.opcode)
    if any(p.startswith("im2col") or "gather" in p for p in ins.parts):
        raise Unsupported(ins.opcode)
    dst, tile, bar = dec.addr(ops[0]), _tile(dec, ops[1]), dec.addr(ops[2])

    def run(warp, lane, mask):
        cta = warp.cta
        tensor, at = tile(warp, lane, mask)
        chunks = _tile_places(warp, tensor, int(dst(warp, mask)[lane]))
        allocation, used, inside = _tile_elements(warp, tensor, at)
        cta.launch.memory.note_read(allocation, used, tensor.itemsize, cta.number)
        element = UNSIGNED[8 * tensor.itemsize]
        fill = element(0)
        if tensor.oob_fill == "nan":
            fill = element({2: 0x7FFF, 4: 0x7FFFFFFF, 8: 0x7FFFFFFFFFFFFFFF}[tensor.itemsize])

        def write():
            data = np.full(inside.size, fill, element)
            data[inside] = allocation.views[tensor.itemsize][used // tensor.itemsize]
            cta.shared.data[chunks[:, None] + np.arange(16)] = data.view(np.uint8).reshape(-1, 16)

        barrier = find_mbarrier(warp, "shared", int(bar(warp, mask)[lane]))
        _issue_load(warp, barrier, chunks, tensor.tile_bytes(), write)

    return _one_lane_each(run)


def _combine(operation, itemsize, dtype):
    """old, new -> result of a reduction on the elements' bit patterns."""
    if operation is None:
        return lambda old, new: new
    base = {"add": np.add, "min": np.minimum, "max": np.maximum}.get(operation)
    if base is None:
        raise Unsupported(f"tensor reduction {operation}")
    if dtype.kind == "f" and itemsize == 4:
        return lambda old, new: base(old.view(np.float32), new.view(np.float32)).view(np.uint32)
    kind = "f16" if dtype == np.float16 else "bf16"
    if itemsize == 2:
        return lambda old, new: f32_to_half(base(half_to_f32(old, kind), half_to_f32(new, kind)), kind)
    return base


def _tensor_store(dec, ins, operation=None):
    ops = ins.operands
    tile, src = _tile(dec, ops[0]), dec.addr(ops[1])

    def run(warp, lane, mask):
        cta = warp.cta
        tensor, at = tile(warp, lane, mask)
        if min(at) < 0:
            raise SimulationError("operand", f"a tensor store at {tuple(at)}: its coordinates must not be negative")
        # A GPU writes whole 16-byte units, so beyond the end of such a row.
        width = tensor.dims[0] * tensor.itemsize
        if width % 16:
            raise SimulationError("operand", f"a tensor store to rows of {width} bytes, which is no multiple of 16")
        chunks = _tile_places(warp, tensor, int(src(warp, mask)[lane]))
        allocation, used, inside = _tile_elements(warp, tensor, at)
        if operation is None:
            cta.launch.memory.note_write(allocation, used, tensor.itemsize, cta.number)
        combine = _combine(operation, tensor.itemsize, tensor.array.dtype)
        view = allocation.views[tensor.itemsize]

        def read():
            return cta.shared.data[chunks[:, None] + np.arange(16)].reshape(-1).view(UNSIGNED[8 * tensor.itemsize])

        def write(data):
            index = used // tensor.itemsize
            view[index] = combine(view[index], data[inside])

        _issue_store(warp, lane, chunks, read, write)

    return _one_lane_each(run)


@decodes("cp")
def decode_copy(dec, ins):
    parts = ins.parts
    if parts[1] == "reduce":
        if "tensor" not in parts:
            raise Unsupported(ins.opcode)
        operation = next(p for p in parts if p in ("add", "min", "max", "inc", "dec", "and", "or", "xor"))
        return _tensor_store(dec, ins, operation)
    if parts[2] != "bulk":
        table = {"commit_group": _copy_commit, "wait_group": _copy_wait, "wait_all": _copy_wait, "mbarrier": _copy_arrive}
        return table.get(parts[2], _copy)(dec, ins)
    if parts[3] == "commit_group":
        return _bulk_commit(dec, ins)
    if parts[3] == "wait_group":
        return _bulk_wait(dec, ins)
    if parts[3] == "prefetch":
        return lambda warp, mask: None
    if parts[3] == "tensor":
        shared_first = parts[5].startswith("shared")
        return _tensor_load(dec, ins) if shared_first else _tensor_store(dec, ins)
    return _bulk(dec, ins)
