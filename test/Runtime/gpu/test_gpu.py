# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The runtime on a GPU, with the artifact of test/Runtime/python.test.

Needs torch, a Hopper GPU, and nothing of the compiler:

    LINATTN_TEST_ARTIFACT=x.lna LINATTN_RUNTIME=liblinattn_runtime.so \\
        PYTHONPATH=python python3 -m pytest -s test/Runtime/gpu
"""

import resource
import threading
import time
import zlib

import pytest
import torch

from linattn import runtime
from linattn.runtime import exchange

NO_CODE = 69
exchange.on_devices = True


@pytest.fixture(autouse=True)
def no_error_stays():
    yield
    torch.cuda.synchronize()


def make(*sizes, dtype=torch.float32):
    return torch.randn(sizes, device="cuda").to(dtype)


def test_in_place(program):
    x, y = make(100003), make(100003)
    expected = y + 2.5 * x
    assert program.saxpy(2.5, x, y) is y
    torch.testing.assert_close(y, expected)


def test_tensor_maps(program):
    source = make(1000, 776, dtype=torch.bfloat16)[:, :520]
    copy = program.copy(source)
    assert torch.equal(copy, source) and copy.is_contiguous()
    # Nothing is written beside a result that is part of another tensor.
    whole = torch.full((1000, 640), 7.0, device="cuda", dtype=torch.bfloat16)
    program.copy(source, out=whole[:, :520])
    assert torch.equal(whole[:, :520], source) and (whole[:, 520:] == 7).all()


def test_empty(program):
    source = make(0, 64, dtype=torch.bfloat16)
    assert program.copy(source).shape == (0, 64)


@pytest.fixture(params=["first call", "repeated"])
def repeated(request):
    """Whether a call of a test is like one before: then it goes by DLPack's C
    exchange API, if this torch has it."""
    return request.param == "repeated"


def test_current_stream(program, repeated):
    x = make(100000)
    y = torch.zeros_like(x)
    if repeated:
        program.saxpy(0.0, x, y)
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        # On another stream, the launch would not wait for this.
        torch.cuda._sleep(50_000_000)
        y.fill_(1)
        program.saxpy(1.0, x, y)
    stream.synchronize()
    torch.testing.assert_close(y, 1 + x)


def test_graph_capture(program, repeated):
    program.prepare("cuda")
    x, y = make(5000), torch.zeros(5000, device="cuda")
    source = make(256, 256, dtype=torch.bfloat16)
    target = torch.empty_like(source)
    if repeated:
        program.saxpy(3.0, x, y)
        program.copy(source, out=target)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        program.saxpy(3.0, x, y)
        program.copy(source, out=target)
        made = program.copy(source)
    y.zero_()
    source.copy_(make(256, 256, dtype=torch.bfloat16))
    for _ in range(4):
        graph.replay()
    torch.testing.assert_close(y, 12 * x)
    assert torch.equal(target, source) and torch.equal(made, source)


def test_given_stream(program, repeated):
    x = make(100000)
    y = torch.zeros_like(x)
    if repeated:
        program.saxpy(0.0, x, y)
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        torch.cuda._sleep(50_000_000)
        y.fill_(1)
    program.saxpy(1.0, x, y, stream=stream.cuda_stream)
    stream.synchronize()
    torch.testing.assert_close(y, 1 + x)


def test_repeats_take_the_short_way(program, monkeypatch):
    if not hasattr(torch.Tensor, "__dlpack_c_exchange_api__"):
        pytest.skip("this torch has no C exchange API")
    x, y = make(64), torch.zeros(64, device="cuda")
    program.saxpy(1.0, x, y)
    monkeypatch.setattr(type(program.saxpy), "_bind", None)
    program.saxpy(2.0, x, y)
    torch.testing.assert_close(y, 3 * x)


def test_threads(program):
    failures = []

    def work():
        x, y = make(333), torch.zeros(333, device="cuda")
        for _ in range(500):
            program.saxpy(1.0, x, y)
        if not torch.allclose(y, 500 * x, rtol=1e-4, atol=1e-3):
            failures.append(y)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_no_leak(program):
    source = make(256, 256, dtype=torch.bfloat16)
    target = torch.empty_like(source)

    def measure():
        torch.cuda.synchronize()
        return (torch.cuda.mem_get_info()[0],
                resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)

    for _ in range(100):
        program.copy(source, out=target)
    device, host = measure()
    for _ in range(10000):
        program.copy(source, out=target)
    device_after, host_after = measure()
    assert device_after == device
    assert host_after - host < 1024  # KiB


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda p: p.saxpy(1.0, make(4), make(4).cpu()),
         "'y': expected an array on device 0"),
        (lambda p: p.saxpy(1.0, make(4).double(), make(4)),
         "expected f32 elements, but got f64"),
        (lambda p: p.copy(make(64, 64, dtype=torch.bfloat16).t()),
         "expected stride 1 in dimension 1"),
        (lambda p: p.copy(make(8, 65, dtype=torch.bfloat16)[:, :64]),
         "a multiple of 8"),
        (lambda p: p.copy(make(8, 72, dtype=torch.bfloat16)[:, 1:65]),
         "aligned to 16 bytes"),
        (lambda p: p.twice(make(4)), "holds no code for it"),
    ],
)
def test_refuses(program, call, text):
    with pytest.raises((runtime.LinattnError, ValueError), match=text):
        call(program)


def test_code_for_other_devices(artifact_bytes):
    content = bytearray(artifact_bytes)
    for arch, other in ((b"compute_90a", b"compute_99f"),
                        (b"compute_80", b"compute_99")):
        at = content.index(arch)
        content[at:at + len(arch)] = other
    content[12:16] = bytes(4)
    content[12:16] = zlib.crc32(content).to_bytes(4, "little")
    with pytest.raises(runtime.LinattnError, match="compute capability 9.0") as caught:
        runtime.load(content, device="cuda")
    assert caught.value.code == NO_CODE


def test_host_code_on_torch_tensors(program):
    x, y = torch.randn(10), torch.zeros(10)
    program.saxpy(2.0, x, y)
    assert torch.equal(y, 2 * x)
    assert torch.equal(program.twice(x), 2 * x)


def test_cost(program):
    """Not a test of anything: prints what calls cost on the host."""
    x, y = make(64), make(64)
    source = make(256, 256, dtype=torch.bfloat16)
    target = torch.empty_like(source)

    def measure(title, call):
        best = float("inf")
        for _ in range(30):
            torch.cuda.synchronize()
            start = time.perf_counter()
            for _ in range(200):
                call()
            best = min(best, (time.perf_counter() - start) / 200)
        print(f"{title}: {best * 1e6:.2f} us")

    print()
    measure("saxpy, in place", lambda: program.saxpy(2.5, x, y))
    measure("copy, two tensor maps", lambda: program.copy(source, out=target))
    measure("copy, result made", lambda: program.copy(source))
    measure("binding of saxpy alone", lambda: program.saxpy._bind((2.5, x, y)))
    binding = program.saxpy._bind((2.5, x, y))
    from linattn.runtime import artifact
    if binding.exchange:
        measure("looking at the tensors by DLPack alone",
                lambda: artifact._exchange_fill(binding.exchange_address, (2.5, x, y)))
    measure("launch of saxpy alone", lambda: artifact._launch(binding.call_address))
    measure("torch, y.add_(x)", lambda: y.add_(x))
