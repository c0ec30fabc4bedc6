# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Calls compiled functions through the C ABI, under hostile conditions.

Every call runs in a forked child, so that a crash is a failed test and not the
end of the suite. Every tensor ends (or begins) at a page that cannot be
touched, arguments cannot be written, and results hold NaN before the call:
sanitizers do not see generated code, the page tables do.

The structures are those of include/linattn-c/Program.h.
"""

import ctypes
import faulthandler
import math
import mmap
import os
import pickle
import signal

import numpy as np

MAX_RANK = 8
OK, BAD_SIZE, CHECK_FAILED = 0, 4, 8
DTYPES = {"f32": 1, "f16": 2, "bf16": 3, "f64": 4, "i32": 8, "i64": 9}
STORAGE = {1: np.float32, 2: np.float16, 3: np.uint16, 4: np.float64, 8: np.int32, 9: np.int64}
POISON = 0xFF  # NaN in every float type


class Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("dtype", ctypes.c_int32),
        ("rank", ctypes.c_int32),
        ("sizes", ctypes.c_int64 * MAX_RANK),
        ("strides", ctypes.c_int64 * MAX_RANK),
    ]


class Status(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int32), ("message", ctypes.c_char_p)]


class Parameter(ctypes.Structure):
    _fields_ = [
        ("dtype", ctypes.c_int64),
        ("rank", ctypes.c_int64),
        ("inplace", ctypes.c_int64),
        ("sizes", ctypes.c_int64 * MAX_RANK),
    ]


class Signature(ctypes.Structure):
    _fields_ = [
        ("abi_version", ctypes.c_int64),
        ("num_arguments", ctypes.c_int64),
        ("num_results", ctypes.c_int64),
        ("parameters", Parameter * 64),
    ]


class Crash(AssertionError):
    """The compiled function died."""


class CallError(Exception):
    """The compiled function returned a status other than success."""

    def __init__(self, code, message):
        super().__init__(f"status {code}: {message}")
        self.code, self.message = code, message


_libc = ctypes.CDLL(None, use_errno=True)
_PAGE = mmap.PAGESIZE


def _protect(address, length, flags):
    if length and _libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(length), flags):
        raise OSError(ctypes.get_errno(), "mprotect")


class Guarded:
    """A shared array between two inaccessible pages, flush with one of them."""

    def __init__(self, shape, dtype, at_end=True, align=1, slack=0):
        dtype = np.dtype(dtype)
        inner = shape[-1] + slack if shape else 1
        padded = tuple(shape[:-1]) + (inner,) if shape else ()
        # The last row needs no slack: it must end at the page.
        count = math.prod(padded)
        count = max(0, count - slack) if count and shape else count
        nbytes = count * dtype.itemsize
        body = -(-nbytes // _PAGE) * _PAGE
        self._map = mmap.mmap(-1, body + 2 * _PAGE)
        base = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        self._body = (base + _PAGE, body)
        offset = _PAGE + ((body - nbytes) // align * align if at_end else 0)
        ctypes.memset(base + _PAGE, POISON, body)
        self.address = base + offset
        flat = np.frombuffer(self._map, dtype, count, offset)
        strides = []
        step = dtype.itemsize
        for size in reversed(padded):
            strides.insert(0, step)
            step *= size
        self.array = np.lib.stride_tricks.as_strided(flat, shape, strides)
        self.strides = [s // dtype.itemsize for s in strides]
        _protect(base, _PAGE, 0)
        _protect(base + _PAGE + body, _PAGE, 0)

    def make_read_only(self):
        _protect(*self._body, mmap.PROT_READ)


def _descriptor(guarded, code):
    t = Tensor(guarded.address, code, guarded.array.ndim)
    t.sizes[: t.rank] = guarded.array.shape
    t.strides[: t.rank] = guarded.strides
    return t


def _in_child(work, timeout=300):
    """Runs `work` in a forked child and returns what it returns."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reader)
            faulthandler.disable()  # a crash here is the parent's to report
            # Dead by alarm rather than hanging for ever.
            signal.alarm(timeout)
            try:
                outcome = ("value", work())
            except BaseException as error:  # the parent must hear of it
                outcome = ("error", repr(error))
            with os.fdopen(writer, "wb") as pipe:
                pickle.dump(outcome, pipe)
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        data = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGALRM:
            raise Crash(f"no answer in {timeout} s")
        raise Crash(f"died of {signal.Signals(number).name}")
    kind, value = pickle.loads(data)
    if kind == "error":
        raise Crash(value)
    return value


class Function:
    """One function of a compiled shared object."""

    def __init__(self, path, name="f"):
        self.path, self.name = str(path), name

    def __call__(self, arguments, results, at_end=True, slack=0):
        """arguments: [(stored array, element type)]; results: [(shape,
        element type)] as the caller expects them. Returns the stored arrays of
        all results, those that an argument receives included. `slack` is a
        number of elements between rows, which nobody may touch.
        """
        inputs = []
        for array, _ in arguments:
            g = Guarded(array.shape, array.dtype, at_end, slack=slack)
            g.array[...] = array
            inputs.append(g)
        outputs = [
            Guarded(shape, STORAGE[DTYPES[element]], at_end, slack=slack)
            for shape, element in results
        ]

        def work():
            library = ctypes.CDLL(self.path)
            signature = Signature.from_address(
                ctypes.addressof(ctypes.c_char.in_dll(library, self.name + "_signature"))
            )
            assert signature.abi_version == 1, signature.abi_version
            assert signature.num_arguments == len(arguments), signature.num_arguments
            receives = {}  # result -> argument
            for i in range(len(arguments)):
                target = signature.parameters[i].inplace
                if target >= 0:
                    receives[int(target)] = i
                else:
                    inputs[i].make_read_only()
            own = [j for j in range(len(results)) if j not in receives]
            assert signature.num_results == len(own), signature.num_results
            tensors = [
                _descriptor(g, DTYPES[element])
                for g, (_, element) in zip(inputs, arguments)
            ]
            blank = [Tensor() for _ in own]
            queried = (Tensor * (len(tensors) + len(own)))(*tensors, *blank)
            run = getattr(library, self.name)
            query = getattr(library, self.name + "_query")
            status, needed = Status(), ctypes.c_int64(-1)
            code = query(queried, ctypes.c_int64(len(queried)), ctypes.byref(needed), ctypes.byref(status))
            assert code == status.code, (code, status.code)
            if code:
                return code, status.message.decode(), receives
            for slot, j in enumerate(own):
                shape, element = results[j]
                t = queried[len(tensors) + slot]
                got = (t.dtype, tuple(t.sizes[: t.rank]))
                assert got == (DTYPES[element], tuple(shape)), (got, results[j])
            workspace = Guarded((needed.value,), np.uint8, at_end, align=64)
            everything = tensors + [
                _descriptor(outputs[j], DTYPES[results[j][1]]) for j in own
            ]
            call = (Tensor * len(everything))(*everything)
            code = run(
                call,
                ctypes.c_int64(len(call)),
                ctypes.c_void_p(workspace.address),
                ctypes.c_int64(needed.value),
                ctypes.byref(status),
            )
            assert code == status.code, (code, status.code)
            return code, (status.message or b"").decode(), receives

        code, message, receives = _in_child(work)
        if code:
            raise CallError(code, message)
        for (array, _), g, i in zip(arguments, inputs, range(len(inputs))):
            if i not in receives.values():
                assert g.array.tobytes() == array.tobytes()
        return [
            np.array(inputs[receives[j]].array if j in receives else outputs[j].array)
            for j in range(len(results))
        ]


class StockFunction:
    """A function with the memref descriptors of the upstream C wrappers: for
    the lowerings of upstream passes alone, see `compiling.Stock`."""

    def __init__(self, path, name="f"):
        self.path, self.name = str(path), name

    def __call__(self, arguments, results, at_end=True, slack=0):
        inputs = []
        for array, _ in arguments:
            g = Guarded(array.shape, array.dtype, at_end)
            g.array[...] = array
            inputs.append(g)
        outputs = [Guarded(s, STORAGE[DTYPES[e]], at_end) for s, e in results]

        def memref(rank):
            fields = [
                ("base", ctypes.c_void_p),
                ("data", ctypes.c_void_p),
                ("offset", ctypes.c_int64),
            ]
            if rank:
                fields += [("sizes", ctypes.c_int64 * rank), ("strides", ctypes.c_int64 * rank)]
            return type(f"MemRef{rank}", (ctypes.Structure,), {"_fields_": fields})

        def work():
            library = ctypes.CDLL(self.path)
            descriptors = []
            for g in inputs:
                m = memref(g.array.ndim)(g.address, g.address, 0)
                for i in range(g.array.ndim):
                    m.sizes[i], m.strides[i] = g.array.shape[i], g.strides[i]
                descriptors.append(m)
            types = [memref(g.array.ndim) for g in outputs]
            returned = type(
                "Returned",
                (ctypes.Structure,),
                {"_fields_": [(f"r{i}", t) for i, t in enumerate(types)]},
            )()
            getattr(library, "_mlir_ciface_" + self.name)(
                ctypes.byref(returned), *[ctypes.byref(m) for m in descriptors]
            )
            for i, g in enumerate(outputs):
                m = getattr(returned, f"r{i}")
                shape = tuple(m.sizes) if g.array.ndim else ()
                assert shape == g.array.shape, (shape, g.array.shape)
                ctypes.memmove(g.address, m.data + m.offset * g.array.itemsize, g.array.nbytes)

        try:
            _in_child(work)
        except Crash as crash:
            # Upstream lowers a failed check to abort, without a message.
            if "SIGABRT" in str(crash):
                raise CallError(CHECK_FAILED, None) from crash
            raise
        return [np.array(g.array) for g in outputs]
