# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Artifacts and their functions."""

import ctypes
import json
import os
import threading

from . import library
from .arrays import ScalarAdapter, TorchAdapter, find_adapter
from .arrays import adapters as _known_adapters
from .exchange import make_exchange
from .library import (DEVICE_HOST, DTYPE_NAMES, DTYPES, OTHER_ARRAYS,
                      WORKSPACE_ALIGNMENT, Call, Error, Tensor, TensorInfo, check)

_launch = library.runtime.linattn_call_launch
_exchange_fill = library.python_runtime.linattn_exchange_fill
_exchange_launch = library.python_runtime.linattn_exchange_launch
_TENSOR_WORDS = ctypes.sizeof(Tensor) // 8
_WORKSPACE, _WORKSPACE_SIZE, _STREAM = (
    getattr(Call, name).offset // 8
    for name in ("workspace", "workspace_size", "stream"))
_MAX_BINDINGS = 256


def load(source, device=None):
    """Loads an artifact from a path or from bytes. With `device`, also loads its
    code there: a number of a CUDA device, "cuda", "cuda:1" or "cpu"."""
    artifact = Artifact(source)
    if device is not None:
        artifact.prepare(device)
    return artifact


def _get_device(device):
    """A device as the runtime numbers it."""
    if isinstance(device, int):
        return device
    kind, _, index = str(device).partition(":")
    if kind in ("cpu", "host"):
        return DEVICE_HOST
    if kind == "cuda":
        return int(index or 0)
    raise ValueError(f"expected a number, 'cpu' or 'cuda', but got '{device}'")


class Artifact:
    """A loaded artifact. Its functions are attributes and items."""

    def __init__(self, source):
        runtime = library.runtime
        handle, error = ctypes.c_void_p(), Error()
        if isinstance(source, (bytes, bytearray, memoryview)):
            data = bytes(source)
            code = runtime.linattn_artifact_load_memory(
                data, len(data), ctypes.byref(handle), ctypes.byref(error))
        else:
            code = runtime.linattn_artifact_load(
                os.fsencode(source), ctypes.byref(handle), ctypes.byref(error))
        check(code, error)
        self._handle = handle
        self._prepared = set()
        self._functions = {}
        for index in range(runtime.linattn_artifact_num_entries(handle)):
            entry = runtime.linattn_artifact_entry(handle, index)
            function = Function(self, entry)
            self._functions[function.__name__] = function

    def prepare(self, device):
        """Loads all code for a device now. Do this before a CUDA graph is
        captured; a first call does it otherwise."""
        device = _get_device(device)
        error = Error()
        check(library.runtime.linattn_artifact_prepare(
            self._handle, device, ctypes.byref(error)), error)
        self._prepared.add(device)

    @property
    def manifest(self):
        return json.loads(library.runtime.linattn_artifact_manifest(self._handle))

    @property
    def functions(self):
        return dict(self._functions)

    def __getitem__(self, name):
        return self._functions[name]

    def __getattr__(self, name):
        try:
            return self.__dict__["_functions"][name]
        except KeyError:
            raise AttributeError(f"the artifact has no function '{name}'") from None

    def close(self):
        """Frees the code. The functions must not be called any more."""
        handle, self._handle = self.__dict__.get("_handle"), None
        if handle:
            for function in self._functions.values():
                function._entry = None
                function._local = _Bindings()
            library.runtime.linattn_artifact_unload(handle)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        # The library is gone if the interpreter is ending.
        if library.runtime is not None and self.__dict__.get("_handle"):
            self.close()


class _Binding:
    """Calls whose arrays differ in nothing but their data: everything about
    them that needs to be found out once. Belongs to one thread."""

    __slots__ = ("tensors", "words", "call", "call_words", "call_address",
                 "pointers", "scalars", "device", "makers", "make_workspace",
                 "workspace_size", "error", "like", "get_stream", "exchange",
                 "exchange_address", "is_complete")

    def __init__(self, function, arrays, adapters, keys):
        info = function.tensors
        self.tensors = (Tensor * max(len(info), 1))()
        self.words = memoryview(self.tensors).cast("B").cast("Q")
        self.error = Error()
        self.pointers = []  # (number, word, how to get the address)
        self.scalars = []  # (number, type, where the value goes)
        self.like = self.device = None
        devices = []  # Of each array; None for numbers.
        for index, (array, adapter, key) in enumerate(zip(arrays, adapters, keys)):
            name, dtype, is_host = info[index]
            try:
                found = adapter.describe(key, dtype)
            except (TypeError, ValueError) as error:
                raise type(error)(f"{function.__name__}: '{name}': {error}") from None
            self._fill(index, found)
            devices.append(found.device)
            if adapter is ScalarAdapter:
                cell = adapter.cell(dtype)
                self.tensors[index].data = ctypes.addressof(cell)
                self.scalars.append((index, type(array), cell))
                continue
            self.pointers.append((index, index * _TENSOR_WORDS,
                                  adapter.address_of(type(array))))
            if is_host and found.device != DEVICE_HOST:
                raise ValueError(f"{function.__name__}: '{name}': expected a "
                                 "number or an array on the CPU")
            if is_host:
                continue
            if self.device is None:
                self.device, self.like = found.device, index
            elif self.device != found.device:
                raise ValueError(
                    f"{function.__name__}: '{name}': expected an array on device "
                    f"{self.device} like the ones before, but got device "
                    f"{found.device}")
        if self.device is None:
            self.device = DEVICE_HOST
        for index, _, _ in self.scalars:
            if self.device != DEVICE_HOST and not info[index][2]:
                raise TypeError(f"{function.__name__}: '{info[index][0]}': "
                                "expected an array on the device, but got a "
                                "number")
        function._prepare(self.device)
        self._query(function, arrays, adapters)
        self.get_stream = None
        if self.device != DEVICE_HOST:
            self.get_stream = adapters[self.like].stream_of(type(arrays[self.like]))
        self.call = Call(function._entry, ctypes.addressof(self.tensors), len(info),
                         0, 0, 0, ctypes.addressof(self.error), self.device)
        self.call_words = memoryview(self.call).cast("B").cast("Q")
        self.call_address = ctypes.addressof(self.call)
        kinds = [type(array) for array in arrays]
        self.exchange = make_exchange(kinds, devices, self.call,
                                      self.get_stream and kinds[self.like])
        self.exchange_address = (ctypes.addressof(self.exchange[0])
                                 if self.exchange else None)
        self.is_complete = not self.makers and not self.workspace_size

    def _query(self, function, arrays, adapters):
        """Asks for the sizes of what the caller does not give."""
        # The caller's own results have strides of their own.
        saved = bytes(self.tensors)
        size = ctypes.c_int64()
        check(library.runtime.linattn_entry_query(
            function._entry, self.device, self.tensors, len(function.tensors),
            ctypes.byref(size), ctypes.byref(self.error)), self.error)
        self.workspace_size = size.value
        self.makers, self.make_workspace = [], None
        missing = range(len(arrays), len(function.tensors))
        if not missing:
            ctypes.memmove(self.tensors, saved, len(saved))
        if not missing and not self.workspace_size:
            return
        if self.like is None:
            raise TypeError(f"{function.__name__}: pass out= and workspace=: there "
                            "is no array to make them like")
        adapter, kind = adapters[self.like], type(arrays[self.like])
        address_of = adapter.address_of(kind)
        for index in missing:
            sizes = tuple(self.tensors[index].sizes[:self.tensors[index].rank])
            self.makers.append((adapter.maker(kind, function.tensors[index][1]),
                                sizes, index * _TENSOR_WORDS, address_of))
        if self.workspace_size:
            try:
                make = adapter.maker(kind, "uint8")
            except TypeError:
                return  # An error only if the caller gives none.
            self.make_workspace = lambda like: (
                lambda array: (array, address_of(array)))(
                    make(like, self.workspace_size + WORKSPACE_ALIGNMENT))

    def _fill(self, index, found):
        tensor = self.tensors[index]
        tensor.dtype = DTYPES[found.dtype]
        tensor.rank = len(found.sizes)
        for dim, (size, stride) in enumerate(zip(found.sizes, found.strides)):
            tensor.sizes[dim] = size
            tensor.strides[dim] = stride

    def take_scalars(self, args):
        """Stores the numbers among the arguments. False if there is something
        else in the place of one."""
        for index, kind, cell in self.scalars:
            if index >= len(args) or type(args[index]) is not kind:
                return False
            cell.value = args[index]
        return True


class _Bindings(threading.local):
    """The bindings of a function, for each thread its own."""

    recent = None  # The one of the last call, if it has an exchange.

    def __init__(self):
        self.known = {}


class Function:
    """A function of an artifact. Calling it launches it on the current stream
    of the arrays' library and returns its results."""

    def __init__(self, artifact, entry):
        runtime = library.runtime
        self._artifact = artifact
        self._entry = entry
        self._local = _Bindings()
        self.__name__ = runtime.linattn_entry_name(entry).decode()
        self.tensors = []  # (name, dtype, whether a scalar by value)
        self.num_arguments = 0
        for index in range(runtime.linattn_entry_num_tensors(entry)):
            info = TensorInfo()
            runtime.linattn_entry_tensor(entry, index, ctypes.byref(info))
            self.tensors.append((info.name.decode(), DTYPE_NAMES[info.dtype],
                                 bool(info.is_host)))
            self.num_arguments += not info.is_result
        # The tensor of a call that receives each result.
        self._receivers = [
            runtime.linattn_entry_result_tensor(entry, result)
            for result in range(runtime.linattn_entry_num_results(entry))]

    def __repr__(self):
        names = ", ".join(f"{name}: {dtype}" for name, dtype, _ in
                          self.tensors[:self.num_arguments])
        return f"<linattn function {self.__name__}({names})>"

    def _prepare(self, device):
        if device not in self._artifact._prepared:
            self._artifact.prepare(device)

    def _bind(self, arrays):
        """The binding for these arrays."""
        key = []
        for array in arrays:
            kind = type(array)
            adapter = _known_adapters.get(kind) or find_adapter(kind)
            # Written out for torch: this is most of what a call costs.
            if adapter is TorchAdapter:
                key += kind, array.shape, array.stride(), array.dtype, array.device
            else:
                key += kind, adapter.key(array)
        key = tuple(key)
        bindings = self._local.known
        try:
            return bindings[key]
        except KeyError:
            pass
        if self._entry is None:
            raise ValueError("the artifact is closed")
        if len(bindings) >= _MAX_BINDINGS:
            bindings.clear()
        adapters = [find_adapter(type(array)) for array in arrays]
        binding = _Binding(self, arrays, adapters,
                           [adapter.key(array)
                            for adapter, array in zip(adapters, arrays)])
        bindings[key] = binding
        return binding

    def workspace_size(self, *args):
        """The bytes of workspace that a call with these arguments needs."""
        self._check_count(args)
        return self._bind(args).workspace_size

    def _check_count(self, args):
        if len(args) != self.num_arguments:
            names = ", ".join(name for name, _, _ in
                              self.tensors[:self.num_arguments])
            raise TypeError(f"{self.__name__}: expected {self.num_arguments} "
                            f"arguments ({names}), but got {len(args)}")

    def __call__(self, *args, out=None, workspace=None, stream=None):
        """Launches. `out` is an array or a list of arrays for those results that
        are not written to arguments; `workspace` an array of bytes; `stream` a
        CUstream as a number. What is not given is made and found out: new
        arrays come from the allocator of the arguments' library."""
        if len(args) != self.num_arguments:
            self._check_count(args)
        if out is not None:
            args += tuple(out) if isinstance(out, (list, tuple)) else (out,)
            if len(args) != len(self.tensors):
                raise TypeError(
                    f"{self.__name__}: expected "
                    f"{len(self.tensors) - self.num_arguments} arrays in 'out', "
                    f"but got {len(args) - self.num_arguments}")
        # Most calls are like the one before: then the runtime alone looks at the
        # arrays, and launches if nothing is left to do here.
        code, binding = OTHER_ARRAYS, self._local.recent
        if binding is not None and (not binding.scalars
                                    or binding.take_scalars(args)):
            if binding.is_complete and workspace is None and stream is None:
                code = _exchange_launch(binding.exchange_address, args)
                if not code:
                    receivers = self._receivers
                    return (args[receivers[0]] if len(receivers) == 1
                            else self._get_results(args))
                if code != OTHER_ARRAYS:
                    check(code, binding.error)
            else:
                code = _exchange_fill(binding.exchange_address, args)
        if code:
            binding = self._bind(args)
            self._local.recent = binding if binding.exchange else None
            words = binding.words
            for index, word, address_of in binding.pointers:
                words[word] = address_of(args[index])
            for index, _, cell in binding.scalars:
                cell.value = args[index]
        if binding.makers:
            like, words = args[binding.like], binding.words
            for make, sizes, word, address_of in binding.makers:
                made = make(like, sizes)
                words[word] = address_of(made)
                args += made,
        call = binding.call_words
        if workspace is not None:
            kind = type(workspace)
            call[_WORKSPACE] = find_adapter(kind).address_of(kind)(workspace)
            call[_WORKSPACE_SIZE] = workspace.nbytes
        elif binding.workspace_size:
            if binding.make_workspace is None:
                raise TypeError(f"{self.__name__}: pass workspace=: there is no way "
                                "to make one")
            workspace, address = binding.make_workspace(args[binding.like])
            call[_WORKSPACE] = address + -address % WORKSPACE_ALIGNMENT
            call[_WORKSPACE_SIZE] = binding.workspace_size
        if stream is not None:
            call[_STREAM] = stream
        elif code and binding.get_stream:
            call[_STREAM] = binding.get_stream(binding.device)
        code = _launch(binding.call_address)
        if code:
            check(code, binding.error)
        return self._get_results(args)

    def _get_results(self, args):
        receivers = self._receivers
        if len(receivers) == 1:
            return args[receivers[0]]
        return tuple([args[receiver] for receiver in receivers]) or None
