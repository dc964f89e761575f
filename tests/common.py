"""What several test files need: nets with data, gradients of many nets at once, descents, comparisons."""
import numpy as np
import pytest

from hessian import hessian
from landscape import SQUARE, deltas, flatten, forward_pass, gradient, random_weights, training_loss, unstack

NETS = [([2, 3, 2], True), ([2, 3, 2, 2], [True, False, True]), ([1, 2, 3, 2, 2], True), ([3, 2, 1], False)]
every_net = pytest.mark.parametrize("widths, bias", NETS, ids=str)


def draw(widths, bias=True, n=7, seed=0, scale=1.5):
    """A random net, inputs, and targets in [0, 1]."""
    rng = np.random.default_rng(seed)
    weights = [scale * W for W in random_weights(widths, bias=bias, rng=rng)]
    return weights, rng.normal(size=(n, widths[0])), rng.uniform(size=(n, widths[-1]))


def relative(A, B):
    """The largest difference, relative to the largest entry of B."""
    return np.abs(A - B).max() / max(np.abs(B).max(), 1e-300)


def block_diagonal(*blocks):
    """The square matrices `blocks` along the diagonal of one."""
    size = sum(len(b) for b in blocks)
    out, at = np.zeros((size, size)), 0
    for b in blocks:
        out[at:at + len(b), at:at + len(b)] = b
        at += len(b)
    return out


def steepest(weights, X, Y, act, loss=SQUARE):
    """The largest entry of the gradient."""
    return max(np.abs(g).max() for g in gradient(weights, X, Y, act, loss))


def gradients(theta, like, X, Y, act, loss=SQUARE):
    """The gradients of a stack of nets, theta (B, P), one net in each row."""
    weights = unstack(theta, like)
    inputs, z = forward_pass(weights, X, act)
    F, Ys = z[-1].reshape(-1, Y.shape[1]), np.tile(Y, (len(theta), 1))
    delta = deltas(weights, z, loss.d1(F, Ys).reshape(z[-1].shape), act)
    return np.concatenate([(d.mT @ a).reshape(len(theta), -1) for d, a in zip(delta, inputs)], axis=1)


def lowest_descent(weights, X, Y, act):
    """Descents from 16 points around: the lowest L reached, minus L there, and the largest gradient left.

    All in one batch: steps of half |H|^-1 g, H floored at 1e-4 of its largest eigenvalue, cut at length 0.05.
    It ends where one is below by 1e-6, as from a saddle, or all have arrived.
    """
    theta, L0 = flatten(weights), training_loss(weights, X, Y, act)
    d = np.random.default_rng(0).normal(size=(16, len(theta)))
    points = theta + 2e-3 * d / np.linalg.norm(d, axis=1, keepdims=True)
    values, Q = np.linalg.eigh(hessian(weights, X, Y, act))
    size = np.maximum(np.abs(values), 1e-4 * np.abs(values).max())
    for _ in range(3000):
        f, g = forward_pass(unstack(points, weights), X, act)[1][-1], gradients(points, weights, X, Y, act)
        L = ((f - Y) ** 2).sum(axis=(1, 2)) / 2
        if np.abs(g).max() < 1e-9 or L.min() < L0 - 1e-6:
            break
        step = 0.5 * ((g @ Q) / size) @ Q.T
        points = points - step / np.maximum(1, np.linalg.norm(step, axis=1, keepdims=True) / 0.05)
    return L.min() - L0, np.abs(g).max()
