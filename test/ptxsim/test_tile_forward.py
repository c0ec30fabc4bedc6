# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The forward with constant decay as a tile program, against the recurrence in f64."""

import numpy as np
import pytest
from support import mutate
from tiles import CHIPS, FORWARD, compile_tiles, launch, tensor

import ptxsim

HEADS, CHANNELS = 2, 128


def recurrence(q, k, v, decay):
    """Outputs [B, H, N, D] in f64."""
    state = np.zeros((*q.shape[:2], CHANNELS, CHANNELS))
    keep = np.exp(decay.astype(np.float64))[None, :, None, None]
    out = np.zeros_like(q)
    for n in range(q.shape[2]):
        state = keep * state + k[:, :, n, :, None] * v[:, :, n, None, :]
        out[:, :, n] = np.einsum("bhk,bhkv->bhv", q[:, :, n], state)
    return out


class Case:
    """Random inputs; each tensor lies in an array of its own between two guards."""

    GUARD = 1024

    def __init__(self, tokens, layout, batch=1, seed=0, element="bf16"):
        rng = np.random.default_rng(seed)
        shape = (batch, HEADS, tokens, CHANNELS)
        order = (0, 1, 2, 3) if layout == "bhnd" else (0, 2, 1, 3)
        memory = [shape[i] for i in order]
        steps = [int(np.prod(memory[i + 1 :])) for i in range(4)]
        strides = [steps[order[i]] for i in range(4)]
        self.element = element
        self.q, self.k, self.v = (self.encode(rng.standard_normal(memory, np.float32)) for _ in range(3))
        self.decay = np.log(rng.uniform(0.9, 1.0, HEADS)).astype(np.float32)
        self.out = np.full(int(np.prod(memory)) + 2 * self.GUARD, 0x7FC1, np.uint16)
        self.memory, self.order = memory, order
        self.args = [tensor(x.reshape(-1), 64, shape, strides) for x in (self.q, self.k, self.v)]
        self.args += [tensor(self.out, 64, shape, strides, self.GUARD), self.decay, HEADS, tokens]

    def encode(self, values):
        return ptxsim.f32_to_bf16(values) if self.element == "bf16" else values.astype(np.float16).view(np.uint16)

    def decode(self, stored):
        values = ptxsim.bf16_to_f32(stored) if self.element == "bf16" else stored.view(np.float16)
        return values.astype(np.float64)

    def check(self):
        guard = self.GUARD
        assert (self.out[:guard] == 0x7FC1).all() and (self.out[-guard:] == 0x7FC1).all()
        out = self.out[guard:-guard].reshape(self.memory)
        got, q, k, v = (self.decode(x).transpose(self.order) for x in (out, self.q, self.k, self.v))
        want = recurrence(q, k, v, self.decay)
        # Masked products, decayed keys, states and outputs are rounded once each.
        error = np.sqrt(((got - want) ** 2).mean() / (want**2).mean())
        assert error < 4 * (2.0**-9 if self.element == "bf16" else 2.0**-12), error


def forward(chip):
    """The forward with as many stages as the shared memory of the chip takes."""
    if chip == "sm_90a":
        return FORWARD
    stages = {"sm_100": 3, "sm_80": 2}.get(chip, 1)
    source = FORWARD.replace("<3, ", f"<{stages}, ")
    source = mutate(source, "%c3 = arith.constant 3", f"%c3 = arith.constant {stages}")
    if stages == 1:
        # One buffer for the outputs of each consumer.
        source = source.replace("!tile.shared<4, 64, 64, bf16>", "!tile.shared<2, 64, 64, bf16>")
        source = mutate(source, "arith.addi %twice, %group", "arith.addi %c0, %group")
        source = mutate(source, "tile.store_wait 1", "tile.store_wait 0")
    return source


@pytest.mark.parametrize("layout", ["bhnd", "bnhd"])
@pytest.mark.parametrize("tokens", [1, 64, 200])
@pytest.mark.parametrize("chip", ["sm_90a", "sm_80", "sm_120"])
def test_forward(chip, tokens, layout):
    for seed in range(2):
        case = Case(tokens, layout, seed=seed)
        launch(forward(chip), "forward", HEADS, case.args, seed=seed, chip=chip)
        case.check()


@pytest.mark.parametrize("chip", CHIPS)
def test_shared_memory(chip):
    """The kernel assembles for each chip and fits into its shared memory."""
    limit = {"sm_90a": 227, "sm_100": 227, "sm_80": 163}.get(chip, 99) * 1024
    _, sizes = compile_tiles(forward(chip), chip)
    assert sizes["forward"] <= limit


def test_other_elements():
    """f16 instead of bf16."""
    for chip in ("sm_90a", "sm_80"):
        case = Case(130, "bhnd", element="f16")
        launch(forward(chip).replace("bf16", "f16"), "forward", HEADS, case.args, chip=chip)
        case.check()
