# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Repeated calls by DLPack's C exchange API, for array types that have it: one
call of the runtime looks at all arrays, and launches."""

import ctypes
import os

from .library import (DEVICE_HOST, Exchange, ExchangeArray,
                      python_runtime)

_ATTRIBUTE = "__dlpack_c_exchange_api__"

# Not run on a GPU yet, so there it has to be asked for.
on_devices = os.environ.get("LINATTN_DEVICE_EXCHANGE") == "1"

# In the order of linattn_interpreter. ctypes declares none of them, so only
# their addresses are taken.
_interpreter = (ctypes.c_void_p * 7)(*[
    ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value
    for name in ("PyTuple_Size", "PyTuple_GetItem", "PyObject_Type", "Py_DecRef",
                 "PyErr_Clear", "PyEval_SaveThread", "PyEval_RestoreThread")])

# Its own functions, as the attributes of ctypes.pythonapi are everybody's.
get_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object,
                                 ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi))

# By type of array, None for those without.
_found = {}


def _look_up(kind):
    owner = kind
    if (kind.__module__, kind.__name__) == ("torch.nn.parameter", "Parameter"):
        # A tensor in all but its type.
        owner = kind.__mro__[1]
    # Other types that inherit the API may hold their data elsewhere.
    capsule = vars(owner).get(_ATTRIBUTE)
    if capsule is None:
        return None
    try:
        table = get_pointer(capsule, b"dlpack_exchange_api")
    except ValueError:  # Not this kind of capsule, or none.
        return None
    return python_runtime.linattn_exchange_find(table)


def find_exchange(kind):
    """The exchange API of a type of arrays, as a number. None if it has none
    that the runtime can use."""
    try:
        return _found[kind]
    except KeyError:
        return _found.setdefault(kind, _look_up(kind))


def stream_of(exchange):
    """Gets the current stream of a device."""
    def get(device):
        stream = ctypes.c_void_p()
        python_runtime.linattn_exchange_stream(exchange, device,
                                               ctypes.byref(stream))
        return stream.value or 0
    return get


def make_exchange(kinds, devices, call, stream_kind):
    """A linattn_exchange for a call, and what it refers to. `kinds` are the
    types of the objects of a call, `devices` theirs, None for numbers. None if
    there is an array that lacks the API."""
    numbers = [i for i, device in enumerate(devices) if device is not None]
    if not on_devices and any(devices[i] != DEVICE_HOST for i in numbers):
        return None
    apis = [find_exchange(kinds[i]) for i in numbers]
    if not apis or not all(apis):
        return None
    arrays = (ExchangeArray * len(apis))(*[
        (i, id(kinds[i]), api, devices[i]) for i, api in zip(numbers, apis)])
    exchange = Exchange(
        ctypes.addressof(_interpreter), ctypes.addressof(call), call.tensors,
        len(kinds), len(apis), ctypes.addressof(arrays),
        find_exchange(stream_kind) if stream_kind else None)
    return exchange, arrays, kinds
