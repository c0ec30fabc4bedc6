# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The forward with constant decay as a tile program, against the recurrence in f64."""

import numpy as np
import pytest
from support import f32, random_bf16
from tiles import FORWARD, launch, tensor

HEADS, CHANNELS = 2, 128


def recurrence(q, k, v, decay):
    """Outputs [B, H, N, D] in f64."""
    q, k, v = (f32(x).astype(np.float64) for x in (q, k, v))
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

    def __init__(self, tokens, layout, batch=1, seed=0):
        rng = np.random.default_rng(seed)
        shape = (batch, HEADS, tokens, CHANNELS)
        order = (0, 1, 2, 3) if layout == "bhnd" else (0, 2, 1, 3)
        memory = [shape[i] for i in order]
        steps = [int(np.prod(memory[i + 1 :])) for i in range(4)]
        strides = [steps[order[i]] for i in range(4)]
        self.tokens, self.batch = tokens, batch
        self.q, self.k, self.v = (random_bf16(rng, *memory) for _ in range(3))
        self.decay = np.log(rng.uniform(0.9, 1.0, HEADS)).astype(np.float32)
        self.out = np.full(int(np.prod(memory)) + 2 * self.GUARD, 0x7FC1, np.uint16)
        self.memory, self.order = memory, order
        self.args = [tensor(x.reshape(-1), 64, shape, strides) for x in (self.q, self.k, self.v)]
        self.args += [tensor(self.out, 64, shape, strides, self.GUARD), self.decay, HEADS, tokens]

    def check(self):
        guard = self.GUARD
        assert (self.out[:guard] == 0x7FC1).all() and (self.out[-guard:] == 0x7FC1).all()
        got = f32(self.out[guard:-guard]).reshape(self.memory).transpose(self.order).astype(np.float64)
        q, k, v = (x.transpose(self.order) for x in (self.q, self.k, self.v))
        want = recurrence(q, k, v, self.decay)
        # Masked products, decayed keys, states and outputs are rounded to bf16 once each.
        error = np.sqrt(((got - want) ** 2).mean() / (want**2).mean())
        assert error < 4 * 2.0**-9, error


@pytest.mark.parametrize("layout", ["bhnd", "bnhd"])
@pytest.mark.parametrize("tokens", [1, 64, 200])
def test_forward(tokens, layout):
    for seed in range(2):
        case = Case(tokens, layout, seed=seed)
        launch(FORWARD, "forward", HEADS, case.args, seed=seed)
        case.check()
