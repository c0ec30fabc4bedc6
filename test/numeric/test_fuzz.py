# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random and mutated IR through parser, verifier, passes and pipelines.

A tool may reject a program; it may not crash or hang. What is well-formed must
get through, and a sample of it must compute what the reference computes.
"""

import random
import subprocess
import warnings
from dataclasses import replace

import pytest

import compiling
import conftest
import fuzzing
from checking import check
from programs import GATES, Sizes, random_arguments

BATCH = 100

TILE = ["--linattn-normal-form-to-tile-pipeline", "--tile-allocate-shared", "--tile-verify"]
# Name -> flags of linattn-opt.
PIPELINES = {
    "verify": [],
    "canonicalize": ["--canonicalize", "--cse"],
    "recurrence": [*compiling.FRONT_ENDS["recurrence"], "--canonicalize"],
    "blocks": [*compiling.FRONT_ENDS["blocks"], *compiling.STEPS, "--canonicalize"],
    "bufferize": ["--canonicalize", "--one-shot-bufferize=bufferize-function-boundaries=1"],
    "host": ["--linattn-to-normal-form-pipeline", "--linattn-host-pipeline"],
    "tile": [
        "--linattn-to-normal-form-pipeline=chunk=64 sub-chunk=64 head-align=64 coarse-spans recurrence-of-f32", *TILE,
    ],
    "tile-tokens": ["--linattn-to-normal-form-pipeline=recurrence", *TILE],
}


OURS = [str(compiling.BUILD / "bin" / "linattn-opt"), "--split-input-file"]
UPSTREAMS = [str(compiling.LLVM_BIN / "mlir-opt"), "--allow-unregistered-dialect"]


def process(text, flags, timeout, tool=OURS):
    return subprocess.run(
        [*tool, *flags, "-"], input=text, text=True, capture_output=True, timeout=timeout,
        env=compiling.ENVIRONMENT,
    )


def attempt(text, flags, timeout=20, tool=OURS):
    """The outcome, and what the tool died of or None: it may fail."""
    try:
        outcome = process(text, flags, timeout, tool)
    except subprocess.TimeoutExpired:
        return None, "hangs"
    died = compiling.died(outcome)
    return outcome, f"rc {outcome.returncode}\n{outcome.stderr[-1500:]}" if died else None


def upstream_dies(text):
    """True if MLIR's own parser dies of a program too, where nothing of ours
    stands: `array<index: 1>` is enough for 22.1.8."""
    return attempt(text, [], tool=UPSTREAMS)[1] is not None


def run_batch(programs, flags):
    """Runs many programs in one process; fails with the first that is to
    blame, other than those of which MLIR's own parser dies."""
    while True:
        batch = fuzzing.SEPARATOR.join(programs)
        outcome, death = attempt(batch, flags, 20 + BATCH)
        if not death:
            return outcome
        deaths = [(text, attempt(text, flags)[1]) for text in programs]
        for text, blame in deaths:
            if blame and not upstream_dies(text):
                pytest.fail(f"linattn-opt {' '.join(flags)}: {blame}\n{text}", pytrace=False)
            if blame:
                warnings.warn(f"MLIR's own parser dies of\n{text}", stacklevel=2)
        programs = [text for text, blame in deaths if not blame]
        if len(programs) == len(deaths):
            pytest.fail(f"only as a batch: {death}\n{batch}", pytrace=False)


def pytest_generate_tests(metafunc):
    count = metafunc.config.getoption("--programs")
    for name, each in (("batch", BATCH), ("generic_batch", 5 * BATCH)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, range(max(1, count // each)))


def source(batch, what, seed=None):
    """Of the programs that only have to get through or be refused, unless a
    seed is asked for: whether a change is sound must not depend on luck."""
    return random.Random(f"{conftest.fuzz_seed() if seed is None else seed}-{what}-{batch}")


def test_only_upstream_deaths_are_excused():
    program = fuzzing.random_program(source(0, "excuse")).mlir()
    generic = compiling.opt(program, ["--mlir-print-op-generic"])
    assert not upstream_dies(generic)
    assert upstream_dies('"builtin.module"() ({}) {a = array<index: 1>} : () -> ()')


def without_vectors(program):
    """Without what a loop over chunks on a GPU refuses: decays of each channel,
    and schedules for other machines."""
    uniform = lambda decay: "scalar" if decay == "vector" else decay
    return replace(
        program, schedule=None, key_decay=uniform(program.key_decay), value_decay=uniform(program.value_decay))


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_valid_programs_pass(pipeline):
    rng = source(0, "valid")
    if pipeline in ("host", "tile", "tile-tokens"):  # block ops alone are no program
        programs = [fuzzing.random_program(rng) for _ in range(BATCH // 4)]
        if pipeline == "tile":
            programs = [without_vectors(p) for p in programs]
        programs = [p.mlir() for p in programs]
    else:
        programs = [fuzzing.random_text(rng) for _ in range(BATCH)]
    flags = PIPELINES[pipeline]
    outcome = run_batch(programs, flags)
    if outcome.returncode:
        bad = next(t for t in programs if process(t, flags, 60).returncode)
        pytest.fail(f"rejects\n{bad}\n{process(bad, flags, 60).stderr[-1500:]}", pytrace=False)


def test_valid_programs_on_memrefs_verify():
    rng = source(0, "memref")
    programs = [fuzzing.to_memrefs(fuzzing.random_program(rng).mlir()) for _ in range(BATCH)]
    programs = [p for p in programs if p]
    assert len(programs) > BATCH // 2
    assert run_batch(programs, []).returncode == 0


@pytest.mark.parametrize("form", [[], ["--mlir-print-op-generic"], ["--emit-bytecode"]],
                         ids=["pretty", "generic", "bytecode"])
def test_round_trip(form, tmp_path):
    rng = source(0, "round-trip")
    text = "\n".join(fuzzing.random_text(rng, f"f{i}") for i in range(BATCH))
    printed = compiling.opt(text, [])
    again = tmp_path / "again"
    compiling.opt(text, [*form, "-o", str(again)])
    assert compiling.run_tool("linattn-opt", [str(again)]) == printed


def test_mutated_programs_do_not_crash(batch):
    rng = source(batch, "mutated")
    programs = []
    for _ in range(BATCH):
        text = fuzzing.random_text(rng)
        if rng.random() < 0.1:
            text = fuzzing.to_memrefs(text) or text
        programs.append(fuzzing.mutate(rng, text))
    # Every batch through parser, verifier and one of the pipelines, by turns.
    names = list(PIPELINES)
    run_batch(programs, PIPELINES[names[batch % len(names)]])


def test_mutated_generic_form_does_not_crash(generic_batch):
    rng = source(generic_batch, "generic")
    texts = [fuzzing.random_text(rng) for _ in range(BATCH)]
    printed = compiling.opt(
        fuzzing.SEPARATOR.join(texts), ["--split-input-file", "--mlir-print-op-generic"]
    )
    generic = [t for t in printed.split("// -----") if t.strip()]
    names = list(PIPELINES)
    flags = PIPELINES[names[generic_batch % len(names)]]
    run_batch([fuzzing.mutate(rng, t) for t in generic], flags)


@pytest.mark.parametrize("front", sorted(compiling.FRONT_ENDS))
@pytest.mark.parametrize("sample", range(6))
def test_valid_programs_agree(cache, rng, sample, front):
    program = fuzzing.random_program(source(sample, "agree-" + front, conftest.seed()))
    function = cache.get(program.mlir(), front)
    for gate in GATES:
        n = int(rng.integers(0, 150))
        cuts = sorted(rng.integers(0, n + 1, 3).tolist())
        sizes = Sizes(int(rng.integers(1, 3)), n, (0, *cuts, n))
        arguments = random_arguments(program, sizes, rng, gate)
        check(function, program, arguments, sizes, f"{program} {gate}")
