#!/usr/bin/env python3
# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Replays launches of the simulator's tests on a GPU and compares the results.

    LINATTN_PTXSIM_RECORD=launches.pkl pytest test/ptxsim
    python3 gpu.py launches.pkl

It needs a CUDA driver, Python and numpy. Results have to agree bit by bit,
sums of products and approximate functions to within rounding.
"""

import ctypes
import os
import pickle
import sys

import numpy as np

TYPES = {"uint8": 0, "uint16": 1, "uint32": 2, "int32": 3, "uint64": 4, "int64": 5, "float16": 6, "float32": 7}
SWIZZLES = {"none": 0, "32B": 1, "64B": 2, "128B": 3}
MAX_DYNAMIC_SHARED = 8


class Driver:
    def __init__(self):
        self.library = ctypes.CDLL("libcuda.so.1")
        self.call("cuInit", 0)
        device, context = ctypes.c_int(), ctypes.c_void_p()
        self.call("cuDeviceGet", ctypes.byref(device), 0)
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self.call("cuCtxSetCurrent", context)

    def call(self, name, *args):
        result = getattr(self.library, name)(*args)
        if result:
            text = ctypes.c_char_p()
            self.library.cuGetErrorString(result, ctypes.byref(text))
            raise RuntimeError(f"{name}: {text.value.decode() if text.value else result}")

    def upload(self, array):
        pointer = ctypes.c_uint64()
        self.call("cuMemAlloc_v2", ctypes.byref(pointer), ctypes.c_size_t(max(array.nbytes, 16)))
        self.call("cuMemcpyHtoD_v2", pointer, array.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(array.nbytes))
        return pointer

    def download(self, pointer, like):
        out = np.empty_like(like)
        self.call("cuMemcpyDtoH_v2", out.ctypes.data_as(ctypes.c_void_p), pointer, ctypes.c_size_t(out.nbytes))
        return out

    def tensor_map(self, pointer, array, how):
        buffer = ctypes.create_string_buffer(256)
        start = (-ctypes.addressof(buffer)) % 64
        tensor = (ctypes.c_char * 128).from_buffer(buffer, start)
        rank = len(how["dims"])
        self.call(
            "cuTensorMapEncodeTiled", tensor, TYPES[str(array.dtype)], ctypes.c_uint32(rank),
            ctypes.c_uint64(pointer.value + how["offset"]),
            (ctypes.c_uint64 * rank)(*how["dims"]), (ctypes.c_uint64 * max(rank - 1, 1))(*how["strides"]),
            (ctypes.c_uint32 * rank)(*how["box"]), (ctypes.c_uint32 * rank)(*how["element_strides"]),
            0, SWIZZLES[how["swizzle"]], 0, int(how["oob_fill"] == "nan"),
        )
        return tensor, buffer

    def run(self, case):
        """Launches a case; returns its arrays afterwards."""
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        self.call("cuModuleLoadData", ctypes.byref(module), case["text"].encode() + b"\0")
        self.call("cuModuleGetFunction", ctypes.byref(function), module, case["name"].encode())
        if case["smem"] > 48 * 1024:
            self.call("cuFuncSetAttribute", function, MAX_DYNAMIC_SHARED, case["smem"])
        pointers, keep, values = {}, [], []
        for arg in case["before"]:
            if arg[0] == "value":
                value = arg[1]
                if isinstance(value, bytes):
                    values.append(ctypes.create_string_buffer(value, len(value)))
                elif isinstance(value, float):
                    values.append(ctypes.c_float(value))
                else:
                    values.append(ctypes.c_uint64(int(value) % (1 << 64)))
                continue
            key = arg[2]
            if key not in pointers:
                pointers[key] = self.upload(arg[1])
            if arg[0] == "array":
                values.append(ctypes.c_uint64(pointers[key].value))
            elif arg[0] == "pointer":
                values.append(ctypes.c_uint64(pointers[key].value + arg[3]))
            else:
                tensor, buffer = self.tensor_map(pointers[key], arg[1], arg[3])
                keep.append(buffer)
                values.append(tensor)
        params = (ctypes.c_void_p * max(len(values), 1))(*[ctypes.cast(ctypes.byref(v), ctypes.c_void_p) for v in values])
        grid, block = ((*n, 1, 1)[:3] for n in (case["grid"], case["block"]))
        self.call("cuLaunchKernel", function, *grid, *block, case["smem"], None, params, None)
        self.call("cuCtxSynchronize")
        out = [None if a[0] == "value" else self.download(pointers[a[2]], a[1]) for a in case["before"]]
        for pointer in pointers.values():
            self.call("cuMemFree_v2", pointer)
        self.call("cuModuleUnload", module)
        return out


def loose(text):
    return any(name in text for name in ("mma", "approx"))


def differs(got, want, tolerant):
    if np.array_equal(got.view(np.uint8), want.view(np.uint8)):
        return False
    if got.nbytes % 4:
        return True
    x, y = (v.reshape(-1).view(np.float32) for v in (got, want))
    same = (x.view(np.uint32) == y.view(np.uint32)) | (np.isnan(x) & np.isnan(y))  # NaNs have many patterns
    if tolerant and got.dtype.itemsize == 4:
        same |= np.isclose(x, y, rtol=2e-5, atol=2e-4)
    return not same.all()


def main():
    """Arguments: the file, and for the continuation after a fault where to go on."""
    path, first, bad = sys.argv[1], *(int(a) for a in (sys.argv[2:4] or (0, 0)))
    with open(path, "rb") as file:
        cases = pickle.load(file)
    driver = Driver()
    for number, case in enumerate(cases[first:], first):
        try:
            results = driver.run(case)
        except RuntimeError as error:
            # The context is lost: go on in a new process.
            print(f"case {number}: {error}\n" + summary(case), flush=True)
            os.execv(sys.executable, [sys.executable, __file__, path, str(number + 1), str(bad + 1)])
        for i, (got, arg) in enumerate(zip(results, case["after"])):
            if got is not None and differs(got, arg[1], loose(case["text"])):
                bad += 1
                got, want = (v.reshape(-1) for v in (got, arg[1]))
                places = np.argwhere(got != want).reshape(-1)
                at = int(places[0])
                print(f"case {number}, argument {i}: {len(places)} of {got.size} differ; the first at {at}: "
                      f"GPU {got[at]!r}, simulator {want[at]!r}\n" + summary(case))
    print(f"{len(cases)} launches, {bad} faults or arrays that differ")
    return 1 if bad or not cases else 0


def summary(case):
    words = ("mma", "cp.async", "atom", "shfl", "mbarrier.init")
    lines = [line.strip()[:110] for line in case["text"].splitlines() if any(w in line for w in words)]
    return "\n".join("    " + line for line in lines[:6]) + f"\n    grid {case['grid']} block {case['block']} smem {case['smem']}"


if __name__ == "__main__":
    sys.exit(main())
