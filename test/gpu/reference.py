# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What results must be, in f64 with torch. Two ways, and neither is cut into
chunks: the recurrence token by token for small sizes, and for long sequences
the sum over all earlier tokens. Tensors are [B, N, H, D], states [S, H, Dk, Dv].
"""

import torch


def repeat_heads(x, heads):
    return x if x is None or x.shape[2] == heads else x.repeat_interleave(heads // x.shape[2], 2)


def factors(decay, batch, tokens, heads, channels):
    """exp(decay) as [B, N, H, channels], or None."""
    if decay is None:
        return None
    if decay.ndim == 1:
        decay = decay[None, None, :, None]
    elif decay.ndim == 3:
        decay = decay[..., None]
    return decay.exp().expand(batch, tokens, heads, channels)


def walk(q, k, v, a, state, p):
    """One run of tokens; returns what is read out, and the last state."""
    tokens = k.shape[1]
    out = torch.zeros_like(v)
    for t in (range(tokens - 1, -1, -1) if p["reverse"] else range(tokens)):
        if a is not None and not p["reverse"]:
            state = a[:, t, :, :, None] * state
        state = state + p["update_scale"] * k[:, t, :, :, None] * v[:, t, :, None, :]
        if q is not None:
            out[:, t] = p["scale"] * torch.einsum("bhkv,bhk->bhv", state, q[:, t])
        if a is not None and p["reverse"]:
            state = a[:, t, :, :, None] * state
    return out, state


def recurrence(p, q, k, v, g, state, offsets):
    """(output, final state, totals of the log-decays) of `p`."""
    heads, (dk, dv) = p["heads"][0], p["head_sizes"]
    batch, tokens = k.shape[:2]
    q, k, v = (repeat_heads(x, heads) for x in (q, k, v))
    a = factors(g, batch, tokens, heads, dk)
    runs = [(0, tokens)] if offsets is None else list(zip(offsets[:-1], offsets[1:]))
    sequences = batch if offsets is None else len(runs)
    if state is None:
        state = torch.zeros(sequences, heads, dk, dv, dtype=k.dtype, device=k.device)
    out, final, totals = torch.zeros_like(v), state.clone(), []
    for number, (begin, end) in enumerate(runs):
        which = slice(None) if offsets is None else slice(number, number + 1)
        cut = lambda x: None if x is None else x[:, begin:end]
        out[:, begin:end], final[which] = walk(cut(q), cut(k), cut(v), cut(a), state[which], p)
        if g is not None:
            every = g.expand(batch, tokens, -1) if g.ndim == 1 else g
            totals.append(every[:, begin:end].sum(1))
    return out, final, torch.cat(totals) if totals else None


def quadratic(p, q, k, v, g, row_block=2048):
    """The output for one head: q, k [N, Dk], v [N, Dv], g [N], a number or
    None. Without a state, over the whole sequence at once."""
    tokens = k.shape[0]
    position = torch.arange(tokens, device=k.device)
    if g is None:
        total = torch.zeros(tokens, dtype=k.dtype, device=k.device)
    elif g.ndim == 0:
        total = g * (position + 1)
    else:
        total = g.cumsum(0)
    out = torch.empty_like(v)
    for begin in range(0, tokens, row_block):
        rows = slice(begin, min(begin + row_block, tokens))
        distance = total[rows, None] - total[None, :]
        earlier = position[rows, None] >= position[None, :]
        if p["reverse"]:
            distance, earlier = -distance, position[rows, None] <= position[None, :]
        weights = (q[rows] @ k.T) * torch.where(earlier, distance, -torch.inf).exp()
        out[rows] = p["scale"] * p["update_scale"] * (weights @ v)
    return out


def rms_error(actual, expected):
    """rms(actual - expected) / rms(expected); absolute if expected is zero."""
    if expected.numel() == 0:
        return 0.0
    error = (actual.double() - expected.double()).square().mean().sqrt().item()
    size = expected.double().square().mean().sqrt().item()
    return error / size if size > 0 else error
