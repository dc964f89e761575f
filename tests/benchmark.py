"""Times, growth and memory, measured in one run: python tests/benchmark.py (some minutes; not collected by pytest).

All of a row is timed in turn within each repeat, each after one call that does not count (JAX frees its memory after
it has answered, and the next one would pay), and medians are divided: above 1 we are faster. `J.T @ J`, for a random
J of n M rows and P columns, is the cheapest dense product of that size.

Growth: time, and the most memory that NumPy held at once (tracemalloc) beyond the arguments. The exponent is the slope
of log time, and of log memory, over the larger three sizes; beside it what the operations count to. Below it, small
sizes leave a part that does not grow.
"""
import os
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import landscape as ls  # noqa: E402
from hessian import hessian, hessian_operator, hessian_vector_product  # noqa: E402
from landscape import TANH, flatten, gradient, random_weights, unflatten  # noqa: E402
from pacbayes import generalization_ratio  # noqa: E402

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
    (weights, X, Y), rng = problem(widths, n), np.random.default_rng(1)
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


def products(weights, X, Y, full):
    """What JAX and PyTorch take for the Hessian (full) or H v, those that are installed."""
    runs = {}
    for name, make in (("jax", jax_peer), ("torch", torch_peer)):
        try:
            runs[name] = make(weights, X, Y, np.ones(flatten(weights).size))[0 if full else 1]
        except ImportError:
            pass
    return runs


def least_squares_fits(starts, X, Y):
    """SciPy's least_squares from each start, with our Jacobian and as many evaluations as fit_many has steps."""
    try:
        from scipy.optimize import least_squares
    except ImportError:
        return {}
    like, P = starts[0], flatten(starts[0]).size
    method = "lm" if P <= Y.size else "trf"                         # "lm" refuses more weights than residuals

    def residual(t):
        return (ls.forward(unflatten(t, like), X, TANH) - Y).ravel()

    def derivative(t):
        return ls.jacobian(unflatten(t, like), X, TANH).reshape(-1, P)
    return {"least_squares": lambda: [least_squares(residual, flatten(start), derivative, method=method, max_nfev=10)
                                      for start in starts]}


def problem(widths, n):
    rng = np.random.default_rng(0)
    return random_weights(widths, rng=rng), rng.normal(size=(n, widths[0])), rng.normal(size=(n, widths[-1]))


def hessian_case(h):
    weights, X, Y = problem([8, h, 1], 200)
    return lambda: hessian(weights, X, Y, TANH), products(weights, X, Y, True)


def product_case(h):
    weights, X, Y = problem([64, h, h, 1], 200)
    return (lambda: hessian_vector_product(weights, np.ones(flatten(weights).size), X, Y, TANH),
            products(weights, X, Y, False))


def fit_case(n):
    _, X, Y = problem([4, 20, 1], n)
    starts = [random_weights([4, 20, 1], rng=k) for k in range(8)]
    return lambda: ls.fit_many(starts, X, Y, TANH, iterations=10), least_squares_fits(starts, X, Y)


def walk_case(h):
    weights, X, _ = problem([4, h, 1], 20)
    Y = ls.forward(weights, X, TANH)                                   # the start is on the zero-loss set
    return lambda: ls.walk_zero_loss(weights, X, Y, TANH, steps=20, length=0.1, rng=0), {}


def figure_case(surplus):
    weights, X, Y = problem([1, 5, 1], 100)
    return lambda: generalization_ratio(weights, X, Y, TANH, [surplus], trials=1000, rng=0), {}


GROWTH = [  # what, of which size, case, four sizes, expected exponents of time and memory
    ("Hessian, 8-h-1, n = 200", "h", hessian_case, (25, 50, 100, 200), "2, P^2 n", "2, P^2"),
    ("H v, 64-h-h-1, n = 200", "h", product_case, (125, 250, 500, 1000), "2, P n", "2, P"),
    ("fit_many, 8 starts, P = 121, 10 steps", "n", fit_case, (250, 500, 1000, 2000), "1, P^2 n", "1, P n"),
    ("walk_zero_loss, 4-h-1, n = 20, 20 steps", "h", walk_case, (200, 400, 800, 1600), "1, P n^2", "1, P n"),
    ("generalization_ratio, 1-5-1, 1000 trials", "E", figure_case, (25, 50, 100, 200), "1, E n", "0"),
]


def growth(what, letter, case, sizes, time_expected, memory_expected):
    print(f"\n{what}\n{letter:>8}{'time':>13}{'memory':>13}")
    spent, held = [], []
    for size in sizes:
        run, peers = case(size)
        mid = medians({"ours": run, **peers}, repeats=3)
        tracemalloc.start()
        run()
        held.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        spent.append(mid["ours"])
        others = "".join(f"{name:>15} {mid[name] / mid['ours']:7.2f}" for name in peers)
        print(f"{size:>8}{spent[-1] * 1e3:10.2f} ms{held[-1] / 2 ** 20:10.2f} MB {others}", flush=True)
    slopes = [np.polyfit(np.log(sizes[1:]), np.log(measured[1:]), 1)[0] for measured in (spent, held)]
    print(f"exponent{slopes[0]:10.2f}   {slopes[1]:10.2f}      expected {time_expected}; memory {memory_expected}")


def main():
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    print(f"{os.cpu_count()} CPUs, numpy {np.__version__}, {blas['name']} {blas['version']}")
    print("\nThe Hessian: our time, then the times of the others divided by it")
    for widths, n in HESSIANS:
        row(widths, n, full=True)
    print("\nHessian times vector: hessian_vector_product, then the times of the others divided by it")
    for widths, n in PRODUCTS:
        row(widths, n, full=False)
    print("\nGrowth, and the times of others divided by ours")
    for case in GROWTH:
        growth(*case)


if __name__ == "__main__":
    main()
