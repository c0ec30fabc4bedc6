# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Options and fixtures of the numeric suite. See README.md beside this file."""

import os
import secrets
import zlib

import numpy as np
import pytest

import compiling


FUZZ_SEED = 1  # of the programs that fuzz the tools, unless a seed is asked for


def pytest_addoption(parser):
    group = parser.getgroup("linattn")
    group.addoption(
        "--seed",
        type=lambda text: text if text == "random" else int(text),
        help="seed of all random inputs (default: fresh, and a fixed one for the programs "
        "that fuzz the tools; `random`: fresh for these too)",
    )
    group.addoption(
        "--back",
        choices=sorted(compiling.BACK_ENDS),
        help="what compiles the normal form: the host target (default, if it is "
        "built), or upstream passes alone",
    )
    group.addoption(
        "--programs", type=int, default=3000, help="programs that the fuzzers try"
    )


def pytest_configure(config):
    # Workers of pytest-xdist inherit the environment: one seed for all.
    seed = config.getoption("--seed")
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    fresh = seed is None or seed == "random"
    os.environ["LINATTN_TEST_SEED"] = str(secrets.randbelow(2**31) if fresh else seed)
    os.environ["LINATTN_FUZZ_SEED"] = str(FUZZ_SEED) if seed is None else os.environ["LINATTN_TEST_SEED"]


def back_end(config):
    return config.getoption("--back") or ("host" if compiling.Host.available() else "stock")


def seed():
    return int(os.environ["LINATTN_TEST_SEED"])


def fuzz_seed():
    return int(os.environ["LINATTN_FUZZ_SEED"])


def pytest_terminal_summary(terminalreporter, config):
    # In the summary, since -q and the workers of pytest-xdist drop the header.
    terminalreporter.write_line(
        f"linattn: seed {seed()} (repeat with --seed={seed()}), "
        f"{back_end(config)} back end, build {compiling.BUILD}"
    )


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        report.sections.append((
            "seed",
            f"repeat with --seed={seed()}, programs of the fuzzers with --seed={fuzz_seed()}",
        ))


@pytest.fixture
def rng(request):
    """Fresh random numbers, reproducible by seed and name of the test."""
    name = request.node.nodeid.split("::", 1)[-1]
    return np.random.default_rng([seed(), zlib.crc32(name.encode())])


@pytest.fixture(scope="session")
def cache(request, tmp_path_factory):
    """Compiles functions, each once per session."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    (folder / "compiled").mkdir(exist_ok=True)
    return compiling.Cache(folder / "compiled", back_end(request.config))
