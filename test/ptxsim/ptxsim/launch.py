# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Loading a module and launching its kernels."""

import numpy as np

from . import alu, asyncops, bits, convert, matrix, memops, sync  # noqa: F401 (they register decoders)
from .decode import Decoder
from .errors import SimulationError, Unsupported
from .globalmem import GLOBAL_WINDOW, REGION_BITS, GlobalMemory, Pointer, TensorMap
from .machine import Cta
from .memops import space_of
from .parser import WIDTHS, parse
from .values import LANES, UNSIGNED

# On Hopper a CTA's own shared memory starts behind 1024 reserved bytes.
SHARED_BASE = 1024
MAX_SHARED = 227 * 1024


class Program:
    """A decoded kernel with the layout of its symbols."""

    def __init__(self, module, kernel):
        self.kernel = kernel
        self.layout_symbols(module)
        decoder = Decoder(kernel, self.addresses)
        self.ops, self.widths, self.slots = decoder.ops, decoder.widths, decoder.slots
        self.granule_bits = self.choose_granule()

    def layout_symbols(self, module):
        self.addresses = {}
        self.shared_base = SHARED_BASE
        end = SHARED_BASE
        local = 0
        dynamic = []
        self.variables = []
        for variable in [*module.variables.values(), *self.kernel.variables.values()]:
            if variable.space == "shared" and variable.external:
                dynamic.append(variable)
            elif variable.space == "shared":
                end = -(-end // variable.align) * variable.align
                self.addresses[variable.name] = end
                end += variable.size
            elif variable.space == "local":
                local = -(-local // variable.align) * variable.align
                self.addresses[variable.name] = local
                local += variable.size
            else:
                self.variables.append(variable)
        self.local_size = local
        self.shared_end = end
        # Dynamic shared memory is aligned as much as it asks for, and no more.
        align = max([v.align for v in dynamic], default=16)
        self.dynamic_base = -(-end // align) * align
        if self.dynamic_base % (2 * align) == 0 and align < 1024:
            self.dynamic_base += align
        for variable in dynamic:
            self.addresses[variable.name] = self.dynamic_base
        self.param_offsets = {}
        offset = 4096
        for param in self.kernel.params:
            offset = -(-offset // max(param.align, 8)) * max(param.align, 8)
            self.param_offsets[param.name] = offset
            self.addresses[param.name] = offset
            offset += param.size
        for i, variable in enumerate(self.variables):
            self.addresses[variable.name] = GLOBAL_WINDOW + (i << REGION_BITS)

    def choose_granule(self):
        """The smallest unit in which the kernel writes shared memory, up to 4 bytes."""
        granule = 2
        for op in self.ops:
            ins = op.source
            if ins.parts[0] in ("ld", "st", "atom", "red") and space_of(ins) in ("shared", "generic"):
                width = WIDTHS.get(ins.parts[-1], 32)
                granule = min(granule, {8: 0, 16: 1}.get(width, 2))
        return granule


class ParamMemory:
    """Parameters, read with ld.param; tensor maps are known by their address."""

    def __init__(self):
        self.data = np.zeros(1 << 16, np.uint8)
        self.limits = []
        self.tensor_maps = {}

    def load(self, addresses, element, count):
        first = int(addresses[0])
        size = element * count
        if (addresses != first).any():
            raise Unsupported("ld.param from different addresses")
        if not any(low <= first and first + size <= high for low, high in self.limits):
            raise SimulationError("bounds", f"ld.param at {first:#x}, which is no parameter")
        if first % size:
            raise SimulationError("misaligned", f"ld.param at {first:#x} needs alignment {size}")
        values = self.data[first:first + size].view(UNSIGNED[8 * element])
        return np.broadcast_to(values, (len(addresses), count))


class LocalMemory:
    """Per-lane memory of a warp."""

    def __init__(self, size):
        self.data = np.zeros((LANES, (size + 7) // 8 * 8), np.uint8)
        self.known = np.zeros(self.data.shape, bool)

    def _places(self, lanes, addresses, size):
        if addresses.min() < 0 or addresses.max() + size > self.data.shape[1]:
            raise SimulationError("bounds", "access outside of local memory")
        if (addresses % size).any():
            raise SimulationError("misaligned", f"access to local memory needs alignment {size}")
        return np.asarray(lanes)[:, None], addresses[:, None] + np.arange(size)

    def load(self, lanes, addresses, element, count):
        rows, columns = self._places(lanes, addresses, element * count)
        if not self.known[rows, columns].all():
            raise SimulationError("uninitialized", "reads local memory that nothing has written")
        return np.ascontiguousarray(self.data[rows, columns]).view(UNSIGNED[8 * element])

    def store(self, lanes, addresses, values, element):
        rows, columns = self._places(lanes, addresses, element * values.shape[1])
        self.known[rows, columns] = True
        self.data[rows, columns] = np.ascontiguousarray(values).view(np.uint8)


class Launch:
    """One launch: global memory, parameters, and the CTAs one after the other."""

    def __init__(self, program, grid, block, smem_bytes, args, seed, max_steps, poison=False):
        self.program = program
        self.poison = poison
        self.grid = _three(grid)
        self.block = _three(block)
        self.smem_bytes = smem_bytes
        self.seed = seed
        self.max_steps = max_steps
        self.memory = GlobalMemory()
        for variable in program.variables:
            data = np.frombuffer(variable.data or bytes(variable.size), np.uint8).copy()
            self.memory.add(data, variable.name)
        self.params = ParamMemory()
        self._locals = {}
        self._bind(args)

    def _bind(self, args):
        params = self.program.kernel.params
        if len(args) != len(params):
            raise ValueError(f"{self.program.kernel.name}: expected {len(params)} arguments, got {len(args)}")
        for param, arg in zip(params, args):
            offset = self.program.param_offsets[param.name]
            data = self._encode(param, arg, offset)
            if len(data) != param.size:
                raise ValueError(f"{param.name}: expected {param.size} bytes, got {len(data)}")
            self.params.data[offset:offset + param.size] = np.frombuffer(data, np.uint8)
            self.params.limits.append((offset, offset + param.size))

    def _encode(self, param, arg, offset):
        if isinstance(arg, TensorMap):
            if param.align < 64 or param.size != 128:
                raise ValueError(f"{param.name}: a tensor map needs 128 bytes aligned to 64")
            self.memory.add(arg.array, param.name)
            self.params.tensor_maps[offset] = arg
            return bytes([0xA5]) * 128
        if arg is None:
            return bytes(param.size)
        if isinstance(arg, np.ndarray) and arg.ndim:
            arg = Pointer(arg)
        if isinstance(arg, Pointer):
            return (self.memory.add(arg.array, param.name).base + arg.offset).to_bytes(8, "little")
        if isinstance(arg, (bytes, bytearray)):
            return bytes(arg)
        if param.type in ("f32", "f64") or isinstance(arg, (float, np.floating)):
            return np.array(arg, np.float32 if param.size == 4 else np.float64).tobytes()
        return (int(arg) % (1 << (8 * param.size))).to_bytes(param.size, "little")

    def local_memory(self, warp):
        key = (warp.cta.number, warp.id)
        if key not in self._locals:
            self._locals[key] = LocalMemory(self.program.local_size)
        return self._locals[key]

    def run(self):
        indices = [
            (x, y, z) for z in range(self.grid[2]) for y in range(self.grid[1]) for x in range(self.grid[0])
        ]
        np.random.default_rng(self.seed).shuffle(indices)
        with np.errstate(all="ignore"):
            for index in indices:
                Cta(self.program, self.program, self, tuple(int(i) for i in index)).run()
        self.memory.write_back()


def _three(value):
    value = (value,) if isinstance(value, int) else tuple(value)
    return value + (1,) * (3 - len(value))


class LoadedModule:
    """A module whose kernels can be launched."""

    def __init__(self, text):
        self.module = parse(text)
        self.target = self.module.target
        self._programs = {}

    @property
    def kernels(self):
        return sorted(self.module.kernels)

    def program(self, name):
        if name not in self._programs:
            if name not in self.module.kernels:
                raise ValueError(f"no kernel '{name}' among {self.kernels}")
            self._programs[name] = Program(self.module, self.module.kernels[name])
        return self._programs[name]

    def launch(self, kernel, grid, block, smem_bytes=0, args=(), seed=0, max_steps=200_000_000, poison=False):
        """Runs a kernel; raises SimulationError where it breaks a rule.

        Arrays among the arguments are global memory that the kernel may change;
        scalars are encoded as the parameter's type says; see TensorMap and
        Pointer for the rest. Runs with one seed repeat exactly. A load of
        shared memory that nothing has written is an error, or gives NaNs if
        `poison` is set (for kernels that load whole fragments and mask them).
        """
        program = self.program(kernel)
        block = _three(block)
        threads = block[0] * block[1] * block[2]
        directives = program.kernel.directives
        if "reqntid" in directives and _three(directives["reqntid"]) != block:
            raise ValueError(f"{kernel}: expected blocks of {directives['reqntid']}, got {block}")
        if "maxntid" in directives and threads > int(np.prod(directives["maxntid"])):
            raise ValueError(f"{kernel}: expected at most {directives['maxntid']} threads, got {threads}")
        if not 0 < threads <= 1024:
            raise ValueError(f"{kernel}: expected 1 to 1024 threads, got {threads}")
        if "reqnctapercluster" in directives and int(np.prod(directives["reqnctapercluster"])) != 1:
            raise Unsupported("clusters of more than one CTA")
        used = program.shared_end - SHARED_BASE + smem_bytes
        if used > MAX_SHARED:
            raise ValueError(f"{kernel}: {used} bytes of shared memory are more than {MAX_SHARED}")
        Launch(program, grid, block, smem_bytes, list(args), seed, max_steps, poison).run()


def load(text):
    """Loads PTX text."""
    return LoadedModule(text)
