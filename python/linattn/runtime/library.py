# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The C API of include/linattn-c/Runtime.h and Exchange.h, by ctypes."""

import ctypes
import os
from ctypes import (POINTER, Structure, c_char, c_char_p, c_int32, c_int64, c_void_p,
                    py_object)

MAX_RANK = 8
DEVICE_HOST = -1
WORKSPACE_ALIGNMENT = 256
OTHER_ARRAYS = -1

# linattn_dtype.
DTYPES = {"f32": 1, "f16": 2, "bf16": 3, "f64": 4, "bool": 5, "i8": 6, "i16": 7,
          "i32": 8, "i64": 9}
DTYPE_NAMES = {code: name for name, code in DTYPES.items()}


class Tensor(Structure):
    _fields_ = [("data", c_void_p), ("dtype", c_int32), ("rank", c_int32),
                ("sizes", c_int64 * MAX_RANK), ("strides", c_int64 * MAX_RANK)]


class Error(Structure):
    _fields_ = [("code", c_int32), ("message", c_char * 508)]


class TensorInfo(Structure):
    _fields_ = [("name", c_char_p), ("dtype", c_int32), ("rank", c_int32),
                ("is_result", c_int32), ("is_host", c_int32),
                ("alignment", c_int64), ("sizes", c_int64 * MAX_RANK)]


class Call(Structure):
    _fields_ = [("entry", c_void_p), ("tensors", c_void_p),
                ("num_tensors", c_int64), ("workspace", c_void_p),
                ("workspace_size", c_int64), ("stream", c_void_p),
                ("error", c_void_p), ("device", c_int32)]


class ExchangeArray(Structure):
    _fields_ = [("number", c_int64), ("type", c_void_p), ("exchange", c_void_p),
                ("device", c_int32)]


class Exchange(Structure):
    _fields_ = [("interpreter", c_void_p), ("call", c_void_p),
                ("tensors", c_void_p), ("num_objects", c_int64),
                ("num_arrays", c_int64), ("arrays", c_void_p),
                ("stream", c_void_p)]


class LinattnError(RuntimeError):
    """What the runtime refuses. `code` is a linattn_code or
    linattn_runtime_code."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def _open():
    name = "liblinattn_runtime.so"
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    path = os.environ.get("LINATTN_RUNTIME")
    if not path:
        path = beside if os.path.exists(beside) else name
    try:
        return ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(
            f"linattn found no runtime: {error}; set LINATTN_RUNTIME to the path "
            f"of {name}") from None


_SIGNATURES = {
    "artifact_load": (c_int32, c_char_p, POINTER(c_void_p), POINTER(Error)),
    "artifact_load_memory": (c_int32, c_char_p, c_int64, POINTER(c_void_p),
                             POINTER(Error)),
    "artifact_unload": (None, c_void_p),
    "artifact_prepare": (c_int32, c_void_p, c_int32, POINTER(Error)),
    "artifact_manifest": (c_char_p, c_void_p),
    "artifact_num_entries": (c_int64, c_void_p),
    "artifact_entry": (c_void_p, c_void_p, c_int64),
    "entry_name": (c_char_p, c_void_p),
    "entry_num_tensors": (c_int64, c_void_p),
    "entry_tensor": (c_int32, c_void_p, c_int64, POINTER(TensorInfo)),
    "entry_num_results": (c_int64, c_void_p),
    "entry_result_tensor": (c_int64, c_void_p, c_int64),
    "entry_query": (c_int32, c_void_p, c_int32, POINTER(Tensor), c_int64,
                    POINTER(c_int64), POINTER(Error)),
    # An address as a number: cheaper to pass in every call.
    "call_launch": (c_int32, c_void_p),
}

# These touch Python's objects, so they are called with its lock held.
_PYTHON_SIGNATURES = {
    "exchange_find": (c_void_p, c_void_p),
    "exchange_stream": (c_int32, c_void_p, c_int32, POINTER(c_void_p)),
    "exchange_fill": (c_int32, c_void_p, py_object),
    "exchange_launch": (c_int32, c_void_p, py_object),
}


def _declare(library, signatures):
    for name, (result, *arguments) in signatures.items():
        function = getattr(library, "linattn_" + name)
        function.restype = result
        function.argtypes = arguments
    return library


runtime = _declare(_open(), _SIGNATURES)
python_runtime = _declare(ctypes.PyDLL(runtime._name, handle=runtime._handle),
                          _PYTHON_SIGNATURES)


def check(code, error):
    if code:
        raise LinattnError(code, error.message.decode(errors="replace"))
