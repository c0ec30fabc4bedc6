# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Memory between pages that nothing may touch.

Sanitizers do not see generated code. An access outside of an array that ends
where such a page begins is a fault all the same.
"""

import ctypes
import mmap

import numpy as np

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

_PROT_NONE = 0
_MAP_FAILED = ctypes.c_void_p(-1).value


def _check(failed, what):
    if failed:
        raise OSError(ctypes.get_errno(), f"{what} failed")


class GuardedMemory:
    """Allocates arrays that touch a forbidden page at one end.

    `side` is "end" (the array ends where a forbidden page begins) or "start"
    (it begins where one ends). Arrays are poisoned: every byte is 0xff, which
    is NaN in every floating-point type. They live as long as this object.
    """

    def __init__(self, side="end"):
        if side not in ("start", "end"):
            raise ValueError(f"expected side 'start' or 'end', but got {side!r}")
        self.side = side
        self._maps = []

    def empty(self, shape, dtype):
        dtype = np.dtype(dtype)
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        page = mmap.PAGESIZE
        inner = (size + page - 1) // page * page
        total = inner + 2 * page
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        base = _libc.mmap(None, total, mmap.PROT_READ | mmap.PROT_WRITE, flags, -1, 0)
        _check(base == _MAP_FAILED, "mmap")
        self._maps.append((base, total))
        first = base + page
        if self.side == "end":
            first += inner - size
        array = np.frombuffer((ctypes.c_char * size).from_address(first), dtype=dtype)
        array.view(np.uint8)[:] = 0xFF
        _check(_libc.mprotect(base, page, _PROT_NONE), "mprotect")
        _check(_libc.mprotect(base + page + inner, page, _PROT_NONE), "mprotect")
        return array.reshape(shape)

    def copy(self, array):
        array = np.asarray(array)
        result = self.empty(array.shape, array.dtype)
        result[...] = array
        return result

    def close(self):
        """Unmaps all arrays: they must not be used any more."""
        for base, total in self._maps:
            _libc.munmap(base, total)
        self._maps = []

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()
