# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Global memory, kernel arguments and tensor maps."""

from dataclasses import dataclass, field

import numpy as np

from .errors import SimulationError
from .values import UNSIGNED

# Generic addresses: each space has a window far from the others.
SHARED_WINDOW = 1 << 40
PARAM_WINDOW = 1 << 41
LOCAL_WINDOW = 1 << 42
GLOBAL_WINDOW = 1 << 44
REGION_BITS = 36
SWIZZLE_BYTES = {"none": 0, "32B": 32, "64B": 64, "128B": 128}


@dataclass
class Pointer:
    """A pointer into an array, some bytes after its start."""

    array: np.ndarray
    offset: int = 0


@dataclass
class TensorMap:
    """What cuTensorMapEncodeTiled encodes.

    `dims` and `box` are in elements, innermost dimension first; `strides` are
    in bytes, for all dimensions but the innermost. `offset` is the byte offset
    of the tensor in the array.
    """

    array: np.ndarray
    dims: tuple
    strides: tuple
    box: tuple
    swizzle: str = "none"
    element_strides: tuple = None
    oob_fill: str = "zero"
    offset: int = 0
    itemsize: int = None
    base: int = field(default=0, init=False)

    def __post_init__(self):
        rank = len(self.dims)
        self.itemsize = self.itemsize or self.array.dtype.itemsize
        self.element_strides = tuple(self.element_strides or (1,) * rank)
        self.dims, self.strides, self.box = tuple(self.dims), tuple(self.strides), tuple(self.box)
        problems = []
        if not 1 <= rank <= 5 or len(self.box) != rank or len(self.strides) != rank - 1 or len(self.element_strides) != rank:
            raise ValueError("tensor map: expected 1 to 5 dimensions, as many box sizes and one stride fewer")
        if self.swizzle not in SWIZZLE_BYTES:
            problems.append(f"unknown swizzle '{self.swizzle}'")
        if any(not 1 <= d <= 1 << 32 for d in self.dims):
            problems.append(f"expected sizes in [1, 2^32], got {self.dims}")
        if any(s % 16 or not 0 <= s < 1 << 40 for s in self.strides):
            problems.append(f"expected strides that are multiples of 16 bytes, got {self.strides}")
        if any(not 1 <= b <= 256 for b in self.box):
            problems.append(f"expected box sizes in [1, 256], got {self.box}")
        if any(not 1 <= e <= 8 for e in self.element_strides):
            problems.append(f"expected element strides in [1, 8], got {self.element_strides}")
        inner = self.tile_shape()[0] * self.itemsize
        if inner % 16:
            problems.append(f"expected an inner box that is a multiple of 16 bytes, got {inner}")
        limit = SWIZZLE_BYTES.get(self.swizzle)
        if limit and inner > limit:
            problems.append(f"expected an inner box of at most {limit} bytes with swizzle {self.swizzle}, got {inner}")
        if self.oob_fill not in ("zero", "nan"):
            problems.append(f"unknown fill '{self.oob_fill}'")
        if self.offset % 16:
            problems.append(f"expected a base aligned to 16 bytes, got offset {self.offset}")
        if problems:
            raise ValueError("tensor map: " + "; ".join(problems))

    def tile_shape(self):
        """The sizes of a tile in shared memory, innermost first."""
        return tuple(-(-b // e) for b, e in zip(self.box, self.element_strides))

    def tile_bytes(self):
        return int(np.prod(self.tile_shape())) * self.itemsize

    def elements(self, coordinates):
        """Global byte offsets of a tile's elements, and which are in bounds.

        Arrays of shape tile_shape() reversed, so that the innermost varies
        fastest.
        """
        rank = len(self.dims)
        offsets = np.zeros((1,) * rank, np.int64)
        inside = np.ones((1,) * rank, bool)
        strides = (self.itemsize, *self.strides)
        for axis in range(rank):
            index = coordinates[axis] + np.arange(self.tile_shape()[axis]) * self.element_strides[axis]
            shape = [1] * rank
            shape[rank - 1 - axis] = -1
            offsets = offsets + (index * strides[axis]).reshape(shape)
            inside = inside & ((index >= 0) & (index < self.dims[axis])).reshape(shape)
        return offsets + self.offset, inside


class Allocation:
    def __init__(self, base, array, name, alignment=256):
        self.base = base
        self.name = name
        self.array = array
        raw = np.ascontiguousarray(array).reshape(-1).view(np.uint8) if array.size else np.zeros(0, np.uint8)
        self.size = raw.size
        self.data = np.zeros((raw.size + 15) & ~7, np.uint8)
        self.data[:raw.size] = raw
        self.original = self.data.copy()
        self.views = {n: self.data.view(UNSIGNED[8 * n]) for n in (1, 2, 4, 8)}
        # Which CTA wrote and read each pair of bytes: -1 none, -2 several.
        self.writer = np.full(self.data.size // 2, -1, np.int32)
        self.reader = np.full(self.data.size // 2, -1, np.int32)


class GlobalMemory:
    """Allocations with unmapped space between them."""

    def __init__(self):
        self.allocations = []
        self.by_array = {}

    def add(self, array, name):
        if not isinstance(array, np.ndarray) or not array.flags.c_contiguous:
            raise ValueError(f"argument {name}: expected a contiguous numpy array")
        found = self.by_array.get(id(array))
        if found is None:
            base = GLOBAL_WINDOW + (len(self.allocations) << REGION_BITS)
            found = Allocation(base, array, name)
            self.allocations.append(found)
            self.by_array[id(array)] = found
        return found

    def write_back(self):
        """Copies what the kernel changed into the caller's arrays."""
        for allocation in self.allocations:
            if not np.array_equal(allocation.data, allocation.original):
                if not allocation.array.flags.writeable:
                    raise SimulationError("bounds", f"the kernel writes to the read-only argument {allocation.name}")
                allocation.array.reshape(-1).view(np.uint8)[:] = allocation.data[:allocation.size]

    def find(self, address):
        index = (address - GLOBAL_WINDOW) >> REGION_BITS
        if not 0 <= index < len(self.allocations):
            raise SimulationError("bounds", f"access to {address:#x}, which is no global memory")
        return self.allocations[index]

    def locate(self, addresses, size, alignment):
        """(allocation, offsets) for addresses that all lie in one allocation."""
        if alignment > 1 and (addresses & (alignment - 1)).any():
            bad = int(addresses[(addresses & (alignment - 1)) != 0][0])
            raise SimulationError("misaligned", f"access to global memory at {bad:#x} needs alignment {alignment}")
        low, high = int(addresses.min()), int(addresses.max())
        allocation = self.find(low)
        offsets = addresses - allocation.base
        if high - allocation.base + size > allocation.size:
            raise SimulationError(
                "bounds",
                f"access at byte {high - allocation.base} of the {allocation.size} bytes of {allocation.name}",
            )
        return allocation, offsets

    def split(self, addresses, size, alignment):
        """Yields (lanes, allocation, offsets) for each allocation touched."""
        regions = addresses >> REGION_BITS
        if (regions == regions[0]).all():
            yield (slice(None), *self.locate(addresses, size, alignment))
            return
        for region in np.unique(regions):
            lanes = np.nonzero(regions == region)[0]
            yield (lanes, *self.locate(addresses[lanes], size, alignment))

    @staticmethod
    def note_read(allocation, offsets, size, cta):
        pairs = GlobalMemory._pairs(offsets, size)
        writer = allocation.writer[pairs]
        if ((writer != -1) & (writer != cta)).any():
            raise SimulationError("race", f"reads a part of {allocation.name} that another CTA of the launch writes")
        reader = allocation.reader[pairs]
        allocation.reader[pairs] = np.where((reader == -1) | (reader == cta), cta, -2)

    @staticmethod
    def note_write(allocation, offsets, size, cta):
        pairs = GlobalMemory._pairs(offsets, size)
        for owner, what in ((allocation.writer[pairs], "writes"), (allocation.reader[pairs], "reads")):
            if ((owner != -1) & (owner != cta)).any():
                raise SimulationError("race", f"writes a part of {allocation.name} that another CTA of the launch {what}")
        allocation.writer[pairs] = cta

    @staticmethod
    def _pairs(offsets, size):
        first = offsets.reshape(-1) >> 1
        count = max(1, size >> 1)
        return first if count == 1 else (first[:, None] + np.arange(count)).reshape(-1)

    def load(self, addresses, element, count, cta):
        out = np.zeros((len(addresses), count), UNSIGNED[8 * element])
        size = element * count
        for lanes, allocation, offsets in self.split(addresses, size, size):
            self.note_read(allocation, offsets, size, cta)
            out[lanes] = allocation.views[element][(offsets // element)[:, None] + np.arange(count)]
        return out

    def store(self, addresses, values, element, cta):
        count = values.shape[1]
        size = element * count
        for lanes, allocation, offsets in self.split(addresses, size, size):
            self.note_write(allocation, offsets, size, cta)
            allocation.views[element][(offsets // element)[:, None] + np.arange(count)] = values[lanes]

    def load_bytes(self, addresses, size, cta):
        """Bytes [lanes, size] from addresses of any alignment."""
        out = np.zeros((len(addresses), size), np.uint8)
        for lanes, allocation, offsets in self.split(addresses, size, 1):
            self.note_read(allocation, offsets, size, cta)
            out[lanes] = allocation.data[offsets[:, None] + np.arange(size)]
        return out
