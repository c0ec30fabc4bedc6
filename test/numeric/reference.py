# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The token recurrence in f64: what every lowering is compared with.

Nothing here is cut into chunks, nothing takes a difference of sums of
log-decays, and nothing is shared with the compiler. Arrays are in the `bnhd`
layout and states are [sequence, head, key channel, value channel]; callers
convert. Every function takes and returns f64.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Optional

import numpy as np


@dataclass
class Problem:
    """The operands and attributes of one attention, in canonical layout."""

    q: np.ndarray  # [B, N, Hq, Dk]
    k: np.ndarray  # [B, N, Hk, Dk]
    v: np.ndarray  # [B, N, Hv, Dv]
    heads: int
    key_decay: Optional[np.ndarray] = None  # [H], [B, N, H] or [B, N, H, Dk]
    value_decay: Optional[np.ndarray] = None  # [H], [B, N, H] or [B, N, H, Dv]
    initial_state: Optional[np.ndarray] = None  # [S, H, Dk, Dv]
    offsets: Optional[np.ndarray] = None  # [S + 1]
    scale: float = 1.0
    update_scale: float = 1.0
    reverse: bool = False

    @property
    def key_channels(self):
        return self.k.shape[3]

    @property
    def value_channels(self):
        return self.v.shape[3]

    @property
    def sequences(self):
        return self.k.shape[0] if self.offsets is None else len(self.offsets) - 1


def repeat_heads(x, heads):
    """[B, N, Hx, D] -> [B, N, H, D]: head h reads head h / (H / Hx)."""
    if x.shape[2] == heads:
        return x
    assert heads % x.shape[2] == 0
    return np.repeat(x, heads // x.shape[2], axis=2)


def sum_head_groups(x, heads):
    """The adjoint of `repeat_heads`: [B, N, H, D] -> [B, N, heads, D]."""
    b, n, h, d = x.shape
    return x.reshape(b, n, heads, h // heads, d).sum(axis=3)


def _factors(decay, b, n, heads, channels):
    """exp(decay) as [B, N, H, channels], or None."""
    if decay is None:
        return None
    g = np.asarray(decay, np.float64)
    if g.ndim == 1:
        g = g[None, None, :, None]
    elif g.ndim == 3:
        g = g[..., None]
    with np.errstate(over="ignore", invalid="ignore"):
        return np.broadcast_to(np.exp(g), (b, n, heads, channels))


def _decayed(state, a, b):
    """a o_k S o_v b; a missing factor is one."""
    if a is not None:
        state = a[..., :, None] * state
    if b is not None:
        state = state * b[..., None, :]
    return state


def _walk(p, q, k, v, a, b, state):
    """One run of tokens. q, k, v, a, b are [B, N, H, D]; returns o, final."""
    n = k.shape[1]
    out = np.zeros(v.shape, np.float64)
    order = range(n - 1, -1, -1) if p.reverse else range(n)
    for t in order:
        at = None if a is None else a[:, t]
        bt = None if b is None else b[:, t]
        if not p.reverse:
            state = _decayed(state, at, bt)
        state = state + p.update_scale * k[:, t, :, :, None] * v[:, t, :, None, :]
        if q is not None:
            out[:, t] = p.scale * np.einsum("bhkv,bhk->bhv", state, q[:, t])
        if p.reverse:
            state = _decayed(state, at, bt)
    return out, state


def attention(p):
    """(output [B, N, H, Dv], final state [S, H, Dk, Dv])."""
    batch, n = p.k.shape[:2]
    heads, dk, dv = p.heads, p.key_channels, p.value_channels
    q = None if p.q is None else repeat_heads(np.asarray(p.q, np.float64), heads)
    k = repeat_heads(np.asarray(p.k, np.float64), heads)
    v = repeat_heads(np.asarray(p.v, np.float64), heads)
    a = _factors(p.key_decay, batch, n, heads, dk)
    b = _factors(p.value_decay, batch, n, heads, dv)
    if p.initial_state is None:
        state = np.zeros((p.sequences, heads, dk, dv))
    else:
        state = np.asarray(p.initial_state, np.float64)

    with np.errstate(all="ignore"):
        if p.offsets is None:
            return _walk(p, q, k, v, a, b, state)
        out = np.zeros((batch, n, heads, dv))
        final = np.array(state)
        for s in range(p.sequences):
            run = slice(int(p.offsets[s]), int(p.offsets[s + 1]))
            cut = lambda x: None if x is None else x[:, run]
            out[:, run], final[s : s + 1] = _walk(
                p, cut(q), cut(k), cut(v), cut(a), cut(b), state[s : s + 1]
            )
        return out, final


def _total(p, decay):
    """The sum of the log-decays of every sequence: [S, H] or [S, H, D]."""
    batch, n = p.k.shape[:2]
    g = np.asarray(decay, np.float64)
    if g.ndim == 1:
        g = np.broadcast_to(g, (batch, n) + g.shape)
    with np.errstate(invalid="ignore"):
        if p.offsets is None:
            return g.sum(axis=1)
        out = np.zeros((p.sequences,) + g.shape[2:])
        for s in range(p.sequences):
            out[s] = g[0, int(p.offsets[s]) : int(p.offsets[s + 1])].sum(axis=0)
        return out


def state(p):
    """What `linattn.state` returns: the state from zero, then the totals."""
    _, final = attention(replace(p, q=None, initial_state=None))
    decays = [d for d in (p.key_decay, p.value_decay) if d is not None]
    return [final] + [_total(p, d) for d in decays]


def combine(first, second, has_key_decay, has_value_decay):
    """(G1, L1) then (G2, L2) of a forward run, on tuples as `state` returns."""

    def factor(total, rank):
        x = np.exp(total)
        return x[..., None] if x.ndim < rank else x

    l1, l2 = first[0], second[0]
    decayed = l1
    if has_key_decay:
        decayed = factor(second[1], 3)[..., :, None] * decayed
    if has_value_decay:
        decayed = decayed * factor(second[-1], 3)[..., None, :]
    totals = [x + y for x, y in zip(first[1:], second[1:])]
    return [decayed + l2] + totals


def step(p, state_in):
    """One token: q [B, Hq, Dk], ..., decays [H], [B, H] or [B, H, D]."""
    token = lambda x: None if x is None else x[:, None]
    decay = lambda x: x if x is None or x.ndim == 1 else x[:, None]
    whole = replace(
        p,
        q=token(p.q),
        k=token(p.k),
        v=token(p.v),
        key_decay=decay(p.key_decay),
        value_decay=decay(p.value_decay),
        initial_state=state_in,
    )
    out, final = attention(whole)
    return out[:, 0], final


@dataclass
class Gradients:
    q: np.ndarray
    k: np.ndarray
    v: np.ndarray
    initial_state: np.ndarray


def adjoint(p, grad_out, grad_final):
    """The gradients of <o, grad_out> + <final, grad_final>, token by token.

    Keeps every state and walks back: dS is the total adjoint of the state that
    the token reads out.
    """
    assert p.offsets is None
    batch, n = p.k.shape[:2]
    heads, dk, dv = p.heads, p.key_channels, p.value_channels
    q = repeat_heads(np.asarray(p.q, np.float64), heads)
    k = repeat_heads(np.asarray(p.k, np.float64), heads)
    v = repeat_heads(np.asarray(p.v, np.float64), heads)
    a = _factors(p.key_decay, batch, n, heads, dk)
    b = _factors(p.value_decay, batch, n, heads, dv)
    at = lambda x, t: None if x is None else x[:, t]
    order = list(range(n))
    if p.reverse:
        order.reverse()

    s = (
        np.zeros((batch, heads, dk, dv))
        if p.initial_state is None
        else np.asarray(p.initial_state, np.float64)
    )
    seen = {}
    for t in order:
        if not p.reverse:
            s = _decayed(s, at(a, t), at(b, t))
        s = s + p.update_scale * k[:, t, :, :, None] * v[:, t, :, None, :]
        seen[t] = s
        if p.reverse:
            s = _decayed(s, at(a, t), at(b, t))

    dq, dk_, dv_ = np.zeros(q.shape), np.zeros(k.shape), np.zeros(v.shape)
    ds = np.array(grad_final, np.float64)
    for t in reversed(order):
        if p.reverse:
            ds = _decayed(ds, at(a, t), at(b, t))
        e = p.scale * grad_out[:, t]
        ds = ds + q[:, t, :, :, None] * e[:, :, None, :]
        dq[:, t] = np.einsum("bhkv,bhv->bhk", seen[t], e)
        dk_[:, t] = p.update_scale * np.einsum("bhkv,bhv->bhk", ds, v[:, t])
        dv_[:, t] = p.update_scale * np.einsum("bhkv,bhk->bhv", ds, k[:, t])
        if not p.reverse:
            ds = _decayed(ds, at(a, t), at(b, t))
    return Gradients(
        sum_head_groups(dq, p.q.shape[2]),
        sum_head_groups(dk_, p.k.shape[2]),
        sum_head_groups(dv_, p.v.shape[2]),
        ds,
    )


def slopes(family, heads, layer, layers):
    """The log-decays of one TransNormerLLM layer, by family."""
    if family == "paper":
        return np.array([-(8 * h / heads) * (1 - layer / layers) for h in range(heads)])
    factor = 1.0 if layers == 1 else 1 - layer / (layers - 1) + 1e-5
    if family == "released":

        def power_of_two(m):
            return [2.0 ** (-8 * (i + 1) / m) for i in range(m)]

        m = 2 ** math.floor(math.log2(heads))
        table = power_of_two(m)
        if m != heads:
            table += power_of_two(2 * m)[0::2][: heads - m]
        return -np.array(table) * factor
    assert family == "xmixers"
    horizons = np.geomspace(2, 256, heads) if heads > 1 else np.array([2.0])
    return -factor / horizons


def rms_error(actual, expected):
    """rms(actual - expected) / rms(expected); absolute if expected is zero."""
    actual = np.asarray(actual, np.float64)
    expected = np.asarray(expected, np.float64)
    assert actual.shape == expected.shape, (actual.shape, expected.shape)
    if actual.size == 0:
        return 0.0
    error = math.sqrt(np.mean((actual - expected) ** 2))
    size = math.sqrt(np.mean(expected**2))
    return error / size if size > 0 else error
