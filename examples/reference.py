# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The layers of the examples as they are defined: numpy, f64, token by token."""

import numpy as np

HEADS = 4


def slopes(layer, layers, heads=HEADS):
    """Log-decays of the released TransNormerLLM models, powers of two heads."""
    per_head = np.array([2.0 ** (-8.0 * (h + 1) / heads) for h in range(heads)])
    return -per_head * (1.0 - layer / (layers - 1) + 1e-5)


def recurrence(q, k, v, log_decay, state=None, progress=lambda done, total: None):
    """S <- exp(g_t) S + k_t v_t^T, o_t = S^T q_t, for q, k, v of [N, H, D].

    log_decay is [H], or [N, H, D] with one factor per key channel. Returns the
    outputs and the last state.
    """
    q, k, v, log_decay = (np.asarray(a, np.float64) for a in (q, k, v, log_decay))
    n, heads, dk = k.shape
    state = np.zeros((heads, dk, v.shape[2])) if state is None else np.array(state, np.float64)
    out = np.empty((n, heads, v.shape[2]))
    for t in range(n):
        factor = np.exp(log_decay)[:, None, None] if log_decay.ndim == 1 else (
            np.exp(log_decay[t])[:, :, None]
        )
        state = factor * state + k[t][:, :, None] * v[t][:, None, :]
        out[t] = np.einsum("hkv,hk->hv", state, q[t])
        progress(t + 1, n)
    return out, state


def sigmoid(x):
    return np.where(x >= 0, 1.0, np.exp(-np.abs(x))) / (1.0 + np.exp(-np.abs(x)))


def silu(x):
    return x * sigmoid(x)


def rms_norm(x, eps=1e-6):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps)


def split_heads(x):
    return x.reshape(x.shape[0], HEADS, -1)


def tnl_mixer(x, wq, wk, wv, wu, wo, progress):
    x, wq, wk, wv, wu, wo = (np.asarray(a, np.float64) for a in (x, wq, wk, wv, wu, wo))
    q, k, v = (split_heads(a) for a in (silu(x @ wq), silu(x @ wk), x @ wv))
    o, _ = recurrence(q, k, v, slopes(3, 24), progress=progress)
    return (rms_norm(o.reshape(x.shape)) * (x @ wu)) @ wo


def hgrn2_mixer(x, wq, wf, wv, wo, gamma, progress):
    x, wq, wf, wv, wo, gamma = (
        np.asarray(a, np.float64) for a in (x, wq, wf, wv, wo, gamma)
    )
    f = gamma + (1.0 - gamma) * sigmoid(x @ wf)
    q, k, v = (split_heads(a) for a in (silu(x @ wq), 1.0 - f, silu(x @ wv)))
    o, _ = recurrence(q, k, v, split_heads(np.log(f)), progress=progress)
    return rms_norm(o.reshape(x.shape)) @ wo
