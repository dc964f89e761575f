"""Ratios of times, measured in one run: python tests/benchmark.py (about a minute; not collected by pytest).

All of a row is timed in turn within each repeat, each after one call that does not count (JAX frees its memory after
it has answered, and the next one would pay), and medians are divided: above 1 we are faster. `J.T @ J`, for a random
J of n M rows and P columns, is the cheapest dense product of that size.
"""
import os
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from hessian import hessian, hessian_operator, hessian_vector_product  # noqa: E402
from landscape import TANH, flatten, gradient, random_weights, unflatten  # noqa: E402

HESSIANS = [([8, 30, 1], 100), ([6, 10, 10, 10, 1], 100), ([18, 50, 1], 1000), ([18, 50, 3], 300),
            ([6, 20, 20, 20, 1], 1000), ([1, 333, 1], 1000)]
PRODUCTS = [([10, 50, 50, 1], 500), ([64, 256, 256, 10], 500), ([784, 1000, 200, 10], 200)]


def peer_loss(tanh, stack, weights, X, Y):
    """Our square loss of one flat vector, in the peer's own functions."""
    def loss(theta):
        a, at = X, 0
        for k, W in enumerate(weights):
            Wk = theta[at:at + W.size].reshape(W.shape)
            at += W.size
            z = a @ Wk[:, :-1].T - Wk[:, -1]
            a = tanh(z) if k < len(weights) - 1 else z
        return 0.5 * stack((a - Y) ** 2)
    return loss


def jax_peer(weights, X, Y, v):
    import jax
    jax.config.update("jax_enable_x64", True)
    loss, theta = peer_loss(jax.numpy.tanh, jax.numpy.sum, weights, X, Y), jax.numpy.asarray(flatten(weights))
    full = jax.jit(jax.hessian(loss))
    product = jax.jit(lambda t, u: jax.jvp(jax.grad(loss), (t,), (u,))[1])
    return lambda: np.asarray(full(theta)), lambda: np.asarray(product(theta, v))


def torch_peer(weights, X, Y, v):
    import torch
    X, Y, theta, v = (torch.tensor(A) for A in (X, Y, flatten(weights), v))
    loss = peer_loss(torch.tanh, torch.sum, weights, X, Y)
    return (lambda: torch.func.hessian(loss)(theta).numpy(),
            lambda: torch.func.jvp(torch.func.grad(loss), (theta,), (v,))[1].numpy())


def autograd_peer(weights, X, Y, v):
    import autograd
    loss, theta = peer_loss(autograd.numpy.tanh, autograd.numpy.sum, weights, X, Y), flatten(weights)
    product = autograd.hessian_vector_product(loss)
    return lambda: autograd.hessian(loss)(theta), lambda: product(theta, v)


def differences(weights, X, Y):
    """Central differences of the gradient: 2 P gradients."""
    theta, h = flatten(weights), 1e-5

    def g(t):
        return flatten(gradient(unflatten(t, weights), X, Y, TANH))
    return np.array([(g(theta + h * e) - g(theta - h * e)) / (2 * h) for e in np.eye(len(theta))])


def medians(runs, slow=(), repeats=5):
    times = {name: [] for name in runs}
    for turn in range(repeats):
        for name, run in runs.items():
            if name in slow and turn > 0:
                continue
            if name not in slow:
                run()
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: float(np.median(spent)) for name, spent in times.items()}


def row(widths, n, full):
    rng = np.random.default_rng(0)
    weights, X, Y = random_weights(widths, rng=rng), rng.normal(size=(n, widths[0])), rng.normal(size=(n, widths[-1]))
    P = len(flatten(weights))
    v, slow = rng.normal(size=P), {"differences", "torch", "autograd"} if full else set()
    J, kept = rng.normal(size=(n * widths[-1], P if full else 1)), hessian_operator(weights, X, Y, TANH)
    runs = {"ours": lambda: hessian(weights, X, Y, TANH), "J.T @ J": lambda: J.T @ J,
            "differences": lambda: differences(weights, X, Y)} if full else {
            "ours": lambda: hessian_vector_product(weights, v, X, Y, TANH), "kept passes": lambda: kept(v),
            "gradient": lambda: gradient(weights, X, Y, TANH)}
    exact = runs["ours"]()
    for name, make in (("jax", jax_peer), ("torch", torch_peer), ("autograd", autograd_peer)):
        if full and name != "jax" and P * n > 100_000:              # seconds to minutes each
            continue
        try:
            run = make(weights, X, Y, v)[0 if full else 1]
        except ImportError:
            continue
        assert np.abs(run() - exact).max() <= 1e-11 * np.abs(exact).max(), name
        runs[name] = run
    mid = medians(runs, slow)
    ratios = "".join(f"{name:>13} {mid[name] / mid['ours']:7.2f}" for name in runs if name != 'ours')
    print(f"{'-'.join(map(str, widths)):>16} n={n:<5} P={P:<7} {mid['ours'] * 1e3:8.2f} ms {ratios}", flush=True)


def main():
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    print(f"{os.cpu_count()} CPUs, numpy {np.__version__}, {blas['name']} {blas['version']}")
    print("\nThe Hessian: our time, then the times of the others divided by it")
    for widths, n in HESSIANS:
        row(widths, n, full=True)
    print("\nHessian times vector: hessian_vector_product, then the times of the others divided by it")
    for widths, n in PRODUCTS:
        row(widths, n, full=False)


if __name__ == "__main__":
    main()
