# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy>=2.0"]
# ///
"""The loss landscape of overparameterized networks: a story with numbers, each claim predicted, then measured.

    python demo.py                        the story, in five minutes of reading
    python demo.py --all                  every result of the three papers, section by section (--list, --only SECTION)
    python demo.py --data FILE            the exact fit and the walk on your own numbers, last column the target
    python demo.py --copy NAME... [--blank]   a file of your own with these functions and all that they call
    python demo.py --figures DIR          the figures (needs matplotlib)

The exit status is 1 if a check fails, and 2, with one sentence, if an option or the data are bad.
"""
import argparse
import ast
import csv
import difflib
import inspect
import io
import os
import re
import sys
import textwrap
from contextlib import suppress
from functools import cache
from itertools import zip_longest
from typing import NamedTuple

import numpy as np

import embeddings as em
import hessian as hs
import landscape as ls
import pacbayes as pb
import reparam as rp

# The USA, 1947 to 1962: J. W. Longley, Journal of the American Statistical Association 62 (1967), nearly dependent
# columns: price index, gross national product, unemployed, armed forces, population, year; target: employed, thousands.
LONGLEY = """
83.0,234289,2356,1590,107608,1947,60323 88.5,259426,2325,1456,108632,1948,61122 88.2,258054,3682,1616,109773,1949,60171
89.5,284599,3351,1650,110929,1950,61187 96.2,328975,2099,3099,112075,1951,63221 98.1,346999,1932,3594,113270,1952,63639
99.0,365385,1870,3547,115094,1953,64989 100.0,363112,3578,3350,116219,1954,63761
101.2,397469,2904,3048,117388,1955,66019 104.6,419180,2822,2857,118734,1956,67857
108.4,442769,2936,2798,120445,1957,68169 110.8,444546,4681,2637,121950,1958,66513
112.6,482704,3813,2552,123366,1959,68655 114.2,502601,3931,2514,125368,1960,69564
115.7,518173,4806,2572,127852,1961,69331 116.9,554894,4007,2827,130081,1962,70551
"""
MOST_ROWS = 5000            # the exact fit solves an n x n system
MOST_BYTES = 50_000_000
WALK_ROWS = 60              # the walk takes hundreds of decompositions of an n x P matrix
WALK_COLUMNS = 64


class Data(NamedTuple):
    """Inputs (n, D), targets (n, 1), where they come from, and what was done on the way."""
    X: np.ndarray
    Y: np.ndarray
    name: str
    notes: str = ""


class Check(NamedTuple):
    """One claim of a paper: what is predicted, what is measured, and whether they agree."""
    source: str
    claim: str
    predicted: str
    measured: str
    passed: bool


def below(source, claim, value, bound):
    """A check that a number predicted to be zero is at most `bound`."""
    return Check(source, claim, f"< {bound:.0e}", f"{value:.1e}", value <= bound)


def within(source, claim, bound, value, form):
    """A check that a number, shown in the format `form`, is within a bound such as "> 1e-3"."""
    limit = float(bound[1:])
    return Check(source, claim, bound, f"{value:{form}}", value > limit if bound[0] == ">" else value < limit)


def equal(source, claim, predicted, measured):
    """A check that a count is exactly as predicted."""
    return Check(source, claim, str(predicted), str(measured), predicted == measured)


def near(source, claim, predicted, measured, tolerance):
    """A check that a number is within `tolerance` of the predicted one."""
    return Check(source, claim, f"{predicted:.2f}", f"{measured:.2f}", abs(measured - predicted) <= tolerance)


def slope(steps, errors):
    """The exponent p in errors ~ steps^p."""
    return np.polyfit(np.log(steps), np.log(errors), 1)[0]


def remainder(weights, X, Y, act, loss, directions, h, H=None):
    """|L(theta + h d) - L - h g.d (- h^2 d.H d / 2)|, over several d together: one alone may hit a zero."""
    theta, L = ls.flatten(weights), ls.training_loss(weights, X, Y, act, loss)
    g, total = ls.flatten(ls.gradient(weights, X, Y, act, loss)), 0.0
    for d in directions:
        expansion = L + h * g @ d + (0 if H is None else h ** 2 / 2 * d @ H @ d)
        total += (ls.training_loss(ls.unflatten(theta + h * d, weights), X, Y, act, loss) - expansion) ** 2
    return np.sqrt(total)


def losses(theta, like, X, Y, act):
    """The square loss of many nets: theta (..., P) has one in each row."""
    f = ls.forward_pass(ls.unstack(theta, like), X, act)[1][-1]                             # (..., n, M)
    return ((f - Y) ** 2).sum(axis=(-2, -1)) / 2


def standardized(data, seed):
    """At most WALK_ROWS rows, drawn at random, each column with mean 0 and deviation 1; a constant one becomes 0."""
    chosen = np.arange(len(data.X))
    if len(chosen) > WALK_ROWS:
        chosen = np.sort(np.random.default_rng([seed, 3]).choice(chosen, WALK_ROWS, replace=False))
    columns = np.hstack([data.X[chosen, :WALK_COLUMNS], data.Y[chosen]])
    columns = columns / np.maximum(np.abs(columns).max(axis=0), np.finfo(float).tiny)
    columns, deviation = columns - columns.mean(axis=0), columns.std(axis=0)
    columns = columns / np.where(deviation > 1e-12, deviation, np.inf)
    return columns[:, :-1], columns[:, -1:]


# ------------------------------------------------------------------ the sections

def largest_change(nets, net, X, act):
    """The largest difference of an output on X between `net` and any of `nets`."""
    return max(np.abs(ls.forward(w, X, act) - ls.forward(net, X, act)).max() for w in nets)


def orthogonal(r, columns):
    """r less its part in the span of the columns, by an orthonormal basis: coefficients of dependent ones are huge."""
    U, size, _ = np.linalg.svd(columns, full_matrices=False)
    U = U[:, size > 1e-14 * size[0]]
    return r - U @ (U.T @ r)


def gradient(seed, data):
    """Back-propagation is right"""
    rng = np.random.default_rng([seed, 0])
    weights = ls.random_weights([3, 5, 4, 2], rng=rng)
    X, Y = rng.normal(size=(20, 3)), rng.random((20, 2))
    directions, steps = rng.normal(size=(6, ls.flatten(weights).size)) / 10, np.logspace(-4.5, -2.5, 7)
    yield "A net 3-5-4-2: right if L(theta + h d) - L - h g.d falls like h^2, slope 2."
    for act, loss in ((ls.TANH, ls.SQUARE), (ls.SMOOLU, ls.LOGISTIC), (ls.SOFTPLUS, ls.power_loss(3))):
        errors = [remainder(weights, X, Y, act, loss, directions, h) for h in steps]
        yield near("Fukumizu Eq. 15", f"Taylor slope, {act.name}, {loss.name}", 2, slope(steps, errors), 0.2)
    g = ls.flatten(ls.gradient(weights, X, Y, ls.TANH))
    J, r = ls.jacobian(weights, X, ls.TANH), ls.forward(weights, X, ls.TANH) - Y
    yield below("Fukumizu Eq. 15", "gradient - sum J^T l'", np.abs(np.einsum("nmp,nm->p", J, r) - g).max(), 1e-12)


def exact_fit(seed, data):
    """A net in closed form through any data"""
    X, Y, name, notes = data
    if notes:
        yield notes
    n, both = len(X), np.hstack([Y, Y[::-1]])
    scale = max(np.abs(Y).max(), np.finfo(float).tiny)
    yield (f"{name}: {n} points, {X.shape[1]} inputs. {n} hidden units, all in one direction, thresholds between the "
           "sorted points, a triangular system. Figures: largest error / largest target; the bound is 10 eps times "
           "the growth of the system.")
    net = ls.interpolate(X, both, ls.RELU, rng=seed)
    growth = (ls.relu(ls.augment(net[0], X) @ net[0].T) @ np.abs(net[1][:, :-1].T)).max()      # sum_j |A_ij m_j|
    bound = 10 * (np.finfo(float).eps * growth + np.finfo(float).tiny) / scale
    error = lambda weights, Y, act: np.abs(ls.forward(weights, X, act) - Y).max() / scale      # noqa: E731
    for act in (ls.RELU, ls.SMOOLU, ls.RECTIFIED_TANH):
        weights = ls.interpolate(X, Y, act, rng=seed)
        yield below("Cooper Lemma 3.3", f"exact fit, {n} {act.name} units", error(weights, Y, act), bound)
    weights = ls.interpolate(X, both, ls.SMOOLU, rng=seed)
    yield below("Cooper Rem. 4.2", "two targets share the hidden layer", error(weights, both, ls.SMOOLU), bound)
    z = ls.forward_pass(weights[:1], X, ls.SMOOLU)[1][0]            # (n, n); sorted, and of many points a corner:
    A = ls.SMOOLU.f(z[np.argsort(z[:, 0])][:, np.argsort(weights[0][:, -1])])[:50, :50]
    yield equal("Cooper Thm 4.1", f"df/dm triangular, diagonal > 0: {len(A)}", len(A),
                (np.diag(A) > 0).sum() if not np.triu(A, 1).any() else 0)
    deep = ls.interpolate_deep(X, Y, [3, 1, n], ls.SMOOLU, rng=seed)
    yield below("Cooper Cor. 3.4", f"{len(deep) - 1} hidden layers, corrected", error(deep, Y, ls.SMOOLU), bound)
    printed = deep[:-2] + [np.eye(*deep[-2].shape)[:1] * np.eye(n, 1)]
    rank = np.linalg.matrix_rank(ls.SMOOLU.f(ls.forward(printed, X[:50], ls.SMOOLU)))
    yield equal("Cooper Cor. 3.4", "printed: rank of the last layer", 1, rank)
    diagonal = ls.SMOOLU.f(np.diff(np.sort(np.random.default_rng([seed, 1]).normal(size=500))) / 2)
    yield within("Cooper Lemma 3.3", "as printed, n = 500: A_ii underflowed", "> 0", (diagonal == 0).sum(), "d")


def curvature(seed, data):
    """Exact second derivatives, and what they count"""
    rng = np.random.default_rng([seed, 2])
    weights = ls.random_weights([3, 6, 5, 2], rng=rng)
    X, Y = rng.normal(size=(20, 3)), rng.random((20, 2))
    directions, v = np.split(rng.normal(size=(7, ls.flatten(weights).size)) / 10, [6])
    yield "A net 3-6-5-2: right if L less its second-order expansion falls like h^3."
    steps = np.logspace(-3, -1.5, 7)
    for act, loss in ((ls.TANH, ls.SQUARE), (ls.SMOOLU, ls.LOGISTIC), (ls.SOFTPLUS, ls.power_loss(3))):
        H = hs.hessian(weights, X, Y, act, loss)
        errors = [remainder(weights, X, Y, act, loss, directions, h, H) for h in steps]
        yield near("beyond", f"Taylor slope, {act.name}, {loss.name}", 3, slope(steps, errors), 0.3)
    H = hs.hessian(weights, X, Y, ls.TANH)
    yield equal("beyond", "H equals its transpose bit by bit", True, (H == H.T).all())
    Hv = hs.hessian_vector_product(weights, v[0], X, Y, ls.TANH)
    yield below("beyond", "H v without H - H v, relative", np.abs(Hv - H @ v[0]).max() / np.abs(Hv).max(), 1e-12)
    product, values = hs.hessian_operator(weights, X, Y, ls.TANH), np.linalg.eigvalsh(H)
    pairs = hs.extreme_eigenpairs(product, len(H), 2, rng=seed)
    error = np.abs(pairs.values - values[[0, 1, -2, -1]]).max() / np.abs(values).max()
    yield below("beyond", "two smallest, two largest, by Lanczos", error, 1e-10)
    fits = (ls.fit(ls.random_weights([2, 8, 2], rng=[seed, k]), X[:6, :2], Y[:6], ls.TANH) for k in range(100))
    fitted = next(f.weights for f in fits if f.converged and f.loss < 1e-24)
    X, Y, P = X[:6, :2], Y[:6], 42
    yield (f"\nA net 2-8-2, P = {P}, fitted to 6 samples with 2 targets: nM = 12 positive eigenvalues, the others "
           "zero. Off loss 0, residual times d2f makes of the zeros numbers of either sign.")
    exact = hs.inertia(hs.hessian(fitted, X, Y, ls.TANH))
    d = rng.normal(size=P)
    Jd = ls.jacobian(fitted, X, ls.TANH) @ d
    moved = ls.unflatten(ls.flatten(fitted) + 1e-4 * np.sqrt(2 / (Jd ** 2).sum()) * d, fitted)
    off = hs.inertia(hs.hessian(moved, X, Y, ls.TANH))
    yield equal("Cooper Prop. 2.3", "eigenvalues +, -, 0 at loss 0", "12 0 30", counts(exact))
    yield within("Cooper Prop. 2.3", "nonzero eigenvalues at loss 1e-8", "> 12", P - off.zero, "d")
    sizes = [np.abs(hs.hessian(fitted, X, Y, ls.TANH, ls.power_loss(a))).max() for a in (2, 3)]
    yield below("Cooper Sec. 5", "Hessian of sum |r|^3 there / of |r|^2", sizes[1] / sizes[0], 1e-10)
    H, diagonal = hs.hessian(fitted, X, Y, ls.TANH), ls.flatten(hs.hessian_diagonal(fitted, X, Y, ls.TANH))
    yield below("beyond", "diagonal without the matrix - its own", np.abs(np.diag(H) - diagonal).max(), 1e-12 * len(H))
    z = np.random.default_rng([seed, 19]).choice([-1.0, 1.0], (1000, P))        # Hutchinson: mean of z.Hz is the trace
    needed = np.var((z @ H * z).sum(axis=1)) / (0.01 * diagonal.sum()) ** 2
    yield within("beyond", "products H z, random z, for tr H to 1%", "> 100", needed, ".0f")
    yield "\nReLU: f = 2 relu(x - b), at its kink for x = b = 0, where it counts as off:"
    x = np.zeros((1, 1))
    there = [hs.hessian([np.array([[1, b]]), np.array([[2]])], x, x, ls.RELU)[1, 1] for b in (1e-3, 0, -1e-3)]
    yield equal("beyond", "d2L/db2 off, at and on", "0 0 4", " ".join(f"{value:.0f}" for value in there))


def zero_loss(seed, data):
    """The zero-loss set is a manifold; walk on it"""
    X, Y = standardized(data, seed)
    n, D = X.shape
    if len(np.unique(X, axis=0)) < n:
        yield f"Standardized, two of these rows are equal to rounding in their first {D} inputs: no fit."
        return
    units = min(n, max(4, 6 * n // (D + 2)))                        # some six weights a sample
    fits = [f for f in ls.fit_many([ls.random_weights([D, units, 1], rng=[seed, k]) for k in range(8)], X, Y, ls.TANH)
            if f.converged and f.loss < 1e-20]
    if not fits:                                                    # rough data: start from one steep unit a sample
        with suppress(ValueError):                                  # rows too close for that too
            units, a = n, ls.interpolate(X, Y, ls.RELU, rng=seed)[0][0, :-1]
            t = np.sort(X @ a)
            gaps = np.diff(t, prepend=2 * t[0] - t[-1])
            W1 = np.column_stack([np.tile(a, (n, 1)), t - gaps / 2]) / gaps[:, None]
            fits = [f for f in [ls.fit([W1, np.zeros((1, n + 1))], X, Y, ls.TANH)]
                    if f.converged and np.abs(ls.flatten(f.weights)).max() < 1e4]
    condition = [np.linalg.cond(ls.jacobian(f.weights, X, ls.TANH)[:, 0]) for f in fits]
    if min(condition, default=np.inf) > 1e6:                        # the Hessian squares it
        yield "These rows are too rough or too close for a tanh net: no walk."
        return
    weights, steps = fits[int(np.argmin(condition))].weights, 300
    P = ls.flatten(weights).size
    used = f"{n} of {len(data.X)} rows drawn at random" if n < len(data.X) else f"{n} rows"
    used += f", the first {D} of {data.X.shape[1]} inputs" * (D < data.X.shape[1])
    yield (f"{data.name}, {used}, standardized. A tanh net {D}-{units}-1 has P = {P} weights; n = {n} equations "
           f"f(x_i) = y_i leave P - n = {P - n} dimensions.")
    floor = (ls.rounding_pass(weights, X, ls.TANH) ** 2).sum() / 2             # L if every residual is at its level
    yield below("beyond", "loss of the fitted net, rounding level", ls.training_loss(weights, X, Y, ls.TANH), floor)
    yield equal("Cooper Thm 2.1", "rank of the Jacobian = n", n, ls.jacobian_rank(weights, X, ls.TANH))
    B = ls.tangent_basis(weights, X, ls.TANH)
    yield equal("Cooper Thm 2.1", "dimension of the kernel = P - n", P - n, B.shape[1])
    H = hs.hessian(weights, X, Y, ls.TANH)
    count, inside = hs.inertia(H), np.linalg.norm(H @ B) / np.linalg.norm(H)
    yield below("Cooper Sec. 5", "|H B| / |H|, B a basis of the kernel", inside, 1e-10)
    yield equal("Cooper Prop. 2.3", "Hessian's eigenvalues +, -, 0", f"{n} 0 {P - n}", counts(count))
    yield within("Cooper Prop. 2.3", "gap: smallest positive / largest zero", "> 1e+02", count.gap, ".0e")
    theta, h = ls.flatten(weights), np.logspace(-4, -2, 7)
    d = B @ np.random.default_rng([seed, 9]).normal(size=B.shape[1])
    d /= np.linalg.norm(d)
    moved = [np.linalg.norm(ls.forward(ls.unflatten(theta + s * d, weights), X, ls.TANH) - Y) for s in h]
    yield near("Cooper Thm 2.1", "f moves by h^p along the tangent, p =", 2, slope(h, moved), 0.2)
    path = ls.walk_zero_loss(weights, X, Y, ls.TANH, steps=steps, length=0.5, rng=seed)
    far = X[-1:] + (X[-1:] - X[:1]) / 2
    yield (f"\nA random walk of {steps} steps of length 0.5 on the set, and f at a point off the data, x_n + "
           "(x_n - x_1) / 2. The eigenvalue is the Hessian's largest.\n\n"
           "    step  distance   |theta|     loss L  eigenvalue  rank  f there")
    for k in range(0, steps + 1, 50):
        w = path[k]
        top = np.linalg.eigvalsh(hs.hessian(w, X, Y, ls.TANH))[-1]
        away, size = np.linalg.norm(ls.flatten(w) - theta), np.linalg.norm(ls.flatten(w))
        yield (f"    {k:4d}  {away:8.2f}  {size:8.2f}  {ls.training_loss(w, X, Y, ls.TANH):9.1e}  {top:10.1f}"
               f"  {ls.jacobian_rank(w, X, ls.TANH):4d}  {ls.forward(w, far, ls.TANH)[0, 0]:7.3f}")
    yield ""
    worst = max((np.abs(ls.forward(w, X, ls.TANH) - Y) / ls.rounding_pass(w, X, ls.TANH, Y)).max() for w in path)
    yield Check("beyond", "largest residual / rounding, all steps", "<= 1", f"{worst:.2f}", worst <= 1)
    yield equal("beyond", "ranks met on the way", str({n}), str({ls.jacobian_rank(w, X, ls.TANH) for w in path[::50]}))
    spread = np.ptp([ls.forward(w, far, ls.TANH)[0, 0] for w in path])
    yield within("beyond", "range of f at that point: not zero", "> 1e-6", spread, ".0e")


def noise(seed, data):
    """Where noise leads: down the trace, along the zero-loss set"""
    X, Y, (*_, start) = six_points(seed, 40)
    yield ("Noise in the labels takes SGD along the zero-loss set to smaller T = tr J^T J, the trace of the Hessian "
           "there. For ReLU T jumps where a unit switches at a sample; there a descent stops.")
    path = ls.descend_zero_loss(start, X, Y, ls.TANH, steps=30, length=0.5)
    T = [(ls.jacobian(w, X, ls.TANH) ** 2).sum() for w in path]
    yield within("beyond", f"tanh: T, {T[0]:.0f} before, after / before", "< 1", T[-1] / T[0], ".2f")
    yield below("beyond", "largest L on the way", max(ls.training_loss(w, X, Y, ls.TANH) for w in path), 1e-24)
    d, theta, h = np.random.default_rng([seed, 27]).normal(size=37), ls.flatten(start), 1e-5
    ahead, back = ((ls.jacobian(ls.unflatten(theta + t * d, start), X, ls.TANH) ** 2).sum() for t in (h, -h))
    by_hand = ls.flatten(ls.trace_gradient(start, X, ls.TANH)) @ d
    yield below("beyond", "dT along d: by hand / difference - 1", abs(2 * h * by_hand / (ahead - back) - 1), 1e-4)
    nets = [live_net([2, 6, 1], True, 8, np.random.default_rng([seed, 26, k])) for k in range(3)]
    ends = [(ls.descend_zero_loss(*net, ls.RELU, steps=300, length=0.5)[-1], net[1]) for net in nets]
    kinks = sum(np.abs(ls.forward(w[:1], x, ls.RELU)).min() < 1e-6 for w, x in ends)
    yield within("beyond", "ReLU: nets of 3 that end at a switch", "> 0", kinks, "d")


def regular_values(seed, data):
    """Where the count fails, and how new labels mend it"""
    yield "Three points, one target, three smooLU units off: only the bias acts."
    X, Y = np.array([[0.1], [0.5], [0.9]]), np.full((3, 1), 0.7)
    dead = [np.array([[0.5, 5.0], [-1.0, 3.0], [0.2, 2.0]]), np.array([[1.0, 2.0, -1.0, -0.7]])]
    yield below("Cooper Thm 2.1", "loss of the dead net", ls.training_loss(dead, X, Y, ls.SMOOLU), 1e-30)
    yield equal("Cooper Thm 2.1", "rank there (3 at a regular value)", 1, ls.jacobian_rank(dead, X, ls.SMOOLU))
    labels = ls.perturb_labels(Y, 1e-3, rng=seed)
    starts = [ls.random_weights([1, 3, 1], rng=[seed, k]) for k in range(40)]
    fits = [f.weights for f in ls.fit_many(starts, X, labels, ls.SMOOLU) if f.converged and f.loss < 1e-20]
    yield f"Labels changed by {np.linalg.norm(labels - Y):.0e} at random; {len(fits)} of 40 starts reach zero loss."
    yield equal("Cooper Thm 2.1", "ranks at all of them", "{3}", str({ls.jacobian_rank(w, X, ls.SMOOLU) for w in fits}))
    yield ("\nf = w^3 x_1 + u x_2 (three linear units in a chain share w), and one sample, x = (1, 0), y = 0. The "
           "zero-loss set is the line w = 0, smooth, P - n = 1; yet:")
    identity = ls.Activation("identity", lambda x: x, np.ones_like, np.zeros_like)
    edges, x = [(0, 2, 0), (2, 3, 0), (3, 4, 0), (1, 4, 1)], np.array([[1.0, 0.0]])
    label = ls.perturb_labels(np.zeros((1, 1)), 1e-3, rng=seed)[0, 0]
    for claim, positive, w in (("positive eigenvalues (1 as printed)", 0, 0.0),
                               ("the same after a change of the label", 1, np.cbrt(label))):
        J = ls.dag_jacobian(edges, np.array([w, 0.5]), x, identity)[0]          # (1, 2)
        yield equal("Cooper Prop. 2.3", claim, positive, (np.linalg.eigvalsh(J.T @ J) > 0).sum())


def graphs(seed, data):
    """Skip connections and shared weights: the same count"""
    rng = np.random.default_rng([seed, 4])
    skip = [(0, 2, 0), (1, 2, 1), (-1, 2, 2), (2, 3, 3), (0, 3, 4), (3, 4, 5), (2, 4, 6), (-1, 4, 7),
            (4, 5, 8), (2, 5, 9), (1, 5, 10), (-1, 5, 11)]
    conv = [(i + j, 8 + i, j) for i in range(6) for j in range(3)]              # kernel of 3 on 8 inputs: labels 0..2
    conv += [(-1, 8 + i, 3) for i in range(6)] + [(8 + i, 14, 4 + i) for i in range(6)]
    yield "Edges may share parameters. With y = f(p) the set at p has dimension P - n."
    recur = [(t, 3 + 2 * t + i, i) for t in range(3) for i in (0, 1)]           # h_t = tanh(w x_t + U h_(t-1) - b)
    recur += [(-1, 3 + k, 6 + k % 2) for k in range(6)] + [(7, 9, 8), (8, 9, 9), (-1, 9, 10)]
    recur += [(1 + 2 * t + j, 3 + 2 * t + i, 2 + 2 * i + j) for t in (1, 2) for i in (0, 1) for j in (0, 1)]
    for name, edges, D, P, n in (("skip connections", skip, 2, 12, 7), ("a convolution", conv, 8, 10, 7),
                                 ("a recurrent net", recur, 3, 11, 6)):
        p, X = rng.normal(size=P), rng.normal(size=(n, D))
        J = ls.dag_jacobian(edges, p, X, ls.TANH)[:, 0]
        yield equal("Cooper Sec. 3", f"{name}: {P} parameters, rank", n, np.linalg.matrix_rank(J))
        f = lambda q, edges=edges, X=X: ls.dag_forward(edges, q, X, ls.TANH)[:, 0]     # noqa: E731
        change = np.stack([(f(p + step) - f(p - step)) / 2e-6 for step in 1e-6 * np.eye(P)], axis=1)
        yield below("Cooper Sec. 3", f"{name}: J - differences", np.abs(change - J).max(), 1e-8)
    path = ls.walk_zero(lambda q: f(q) - f(p), lambda q: ls.dag_jacobian(recur, q, X, ls.TANH)[:, 0], p, steps=50,
                        length=0.1, rng=seed)
    yield below("Cooper Thm 2.1", f"it walks {np.linalg.norm(path[-1] - p):.1f} far, largest residual",
                max(np.abs(f(q) - f(p)).max() for q in path), 1e-12)
    a, b = np.array([1.0, -1.0, 1.0]), np.array([[2.0, 2.0]])
    f = ls.dag_forward([(0, 2, 0), (1, 2, 1), (2, 3, 2)], a, b, ls.RELU)[0, 0]
    yield equal("Cooper Sec. 3", "relu(2 - 2), and as printed", "0.0, 2.0", f"{f}, {ls.relu(2.0) + ls.relu(-2.0)}")


def narrow_minimum(act, seed):
    """A net 2-2-2 trained, on data of another plus noise, to a strict local minimum above zero: the first found."""
    zeros = 2 if act is ls.RELU else 0                              # one for each unit, whose weights can be rescaled
    for k in range(1000):
        rng = np.random.default_rng([seed, 6, k])
        X, teacher = rng.normal(size=(30, 2)), [2 * W for W in ls.random_weights([2, 2, 2], rng=rng)]
        Y = ls.forward(teacher, X, act) + 0.1 * rng.normal(size=(30, 2))
        fit = hs.minimize(teacher, X, Y, act, iterations=100)
        if fit.converged and fit.loss > 0.1:
            values = np.linalg.eigvalsh(hs.hessian(fit.weights, X, Y, act))
            if values[zeros] > 1e-5 * values[-1]:
                return fit.weights, X, Y
    raise RuntimeError("no strict local minimum in 1000 tries")


def counts(inertia):
    """Eigenvalue counts as +, -, 0."""
    return f"{inertia[0]} {inertia[1]} {inertia[2]}"


def embedded(seed, data):
    """A minimum inside a wider net: saddle or flat minimum"""
    yield ("A net 2-2-2 at a strict local minimum above zero (ReLU: but for a zero eigenvalue a unit), with 2 surplus "
           "units: the eigenvalues +, -, 0 predicted from the narrow net, or the gradient.")
    V, W = np.array([[1, 0.5], [-1, 2]]), np.array([[0.5, -1.0, 0.3], [1.0, 1.0, -0.5]])
    for act in (ls.TANH, ls.SMOOLU, ls.RELU):
        narrow, X, Y = narrow_minimum(act, seed)
        H = hs.hessian(narrow, X, Y, act)
        tol = 1e-9 * np.linalg.norm(H, 2)                           # true zeros lie at 1e-15, the others above 1e-5
        P, base, L = len(H), hs.inertia(H, tol), ls.training_loss(narrow, X, Y, act)
        F, G = hs.replication_curvature(narrow, X, Y, act, ls.SQUARE, 0, 0)
        F0 = hs.inactive_units_hessian(narrow, X, Y, act, ls.SQUARE, 0, np.zeros((1, 2))).vw
        rank = np.linalg.matrix_rank(F0, tol=1e-9)
        replicate, theorem = (em.replicate_relu_unit, "Thm 10") if act is ls.RELU else (em.replicate_unit, "Thm 5")
        table = [(f"replication {lam}", theorem, replicate(narrow, 0, 0, lam), hs.predicted_inertia(F, G, lam, tol=tol))
                 for lam in ((0.5, 0.3, 0.2), (1.5, 0.5, -1), (1.5, -0.5, 0))]
        table += [("both inactive", "(28)", em.inactive_units_and_propagation(narrow, 0, 2, act),
                   (2 * rank, 2 * rank, 10 - 4 * rank))]
        if act is not ls.TANH:
            table += [("units off on the data", "Thm 9", em.inactive_relu_units(narrow, 0, V, X, act=act), (0, 0, 10))]
        for name, source, wide, block in table:
            predicted, measured = np.add(base[:3], block), hs.inertia(hs.hessian(wide, X, Y, act), tol)
            yield equal(f"Fukumizu {source}", f"{act.name}, {name}", counts(predicted), counts(measured))
        nets = [wide for _, _, wide, _ in table]
        steepest = max(np.abs(ls.flatten(ls.gradient(wide, X, Y, act))).max() for wide in nets)
        yield below("Fukumizu Thm 2, (28)", f"{act.name}: all these are stationary", steepest, 1e-8)
        if not rank:                                                # both inactive: what happens nearby decides
            near_W = 0.3 * np.abs(W)
            near_V = -1e-3 * em.first_order_blocks(narrow, X, Y, act, ls.SQUARE, 0, near_W, 0 * V).dv
            fall = ls.training_loss(em.add_units(narrow, 0, near_W, near_V), X, Y, act) - L
            yield within("beyond", f"{act.name}, both inactive: L - L* nearby", "< 0", fall, ".0e")
        moved = [("(26)", em.inactive_propagation(narrow, 0, W), W, 0 * V)]
        if act is ls.TANH:
            moved += [("(27)", em.inactive_units(narrow, 0, V, act), 0 * W, V)]
        for source, wide, new_w, new_v in moved:                    # not stationary
            g, (_, v, w) = ls.flatten(ls.gradient(wide, X, Y, act)), em.parameter_order(narrow, 0, 2)
            dv, dw = em.first_order_blocks(narrow, X, Y, act, ls.SQUARE, 0, new_w, new_v)
            g[v], g[w] = g[v] - dv, g[w] - dw
            yield below(f"Fukumizu {source}", f"{act.name}: gradient - closed form", np.abs(g).max(), 1e-10)
        nets += [wide for _, wide, _, _ in moved]
        change = largest_change(nets, narrow, X, act)
        yield below("Fukumizu Prop. 1", f"{act.name}: change of the outputs", change, 1e-12)
        wide, lam = nets[0], np.array([0.5, 0.3, 0.2])
        A = em.complement(lam)
        T = em.omega_basis(narrow, 0, 0, lam, A, beta=np.ones(3) if act is ls.RELU else None)
        split = T.T @ hs.hessian(wide, X, Y, act) @ T
        split[:P, :P] -= H
        split[P:, P:] -= hs.replication_hessian(F, G, A, lam)
        off = np.abs(split).max() / np.abs(H).max()
        yield below("Fukumizu Lemma 4", f"{act.name}: blocks - closed form", off, 1e-12)
        if act is ls.TANH:                                          # G is regular
            block, C = hs.replication_hessian(F, G, A, lam), A @ np.diag(lam) @ A.T
            top, corner = block[:4, 4:], block[4:, 4:]              # F~ (E M, E D'), G~ (E D', E D')
            schur = np.kron(C, F @ np.linalg.solve(G, F.T))
            off = np.abs(top @ np.linalg.solve(corner, top.T) - schur).max() / np.abs(schur).max()
            yield below("Fukumizu Eq. 37", "F~ G~^-1 F~^T - C (x) F G^-1 F^T, rel.", off, 1e-6)
        J = ls.jacobian(wide, X, act).reshape(60, -1) @ T
        J[:, :P] -= ls.jacobian(narrow, X, act).reshape(60, -1)
        yield below("Fukumizu Lemma 3", f"{act.name}: J T - [J narrow, 0]", np.abs(J).max(), 1e-12)
    yield ("\nsmooLU, though smooth, goes with ReLU: what makes a flat minimum is the open region where a unit is "
           "off. At w = v = 0 (there ReLU counts as off) the loss of both falls nearby.")


def layers(seed, data):
    """Any layer of a deep net, by theorem and by count"""
    rng = np.random.default_rng([seed, 11])
    narrow, X = [1.5 * W for W in ls.random_weights([2, 3, 2, 3, 2], rng=rng)], rng.normal(size=(40, 2))
    J = ls.jacobian(narrow, X, ls.TANH).reshape(80, -1)
    r = orthogonal(rng.normal(size=80), J)
    Y, size = ls.forward(narrow, X, ls.TANH) - r.reshape(40, 2), np.abs(J.T) @ np.abs(r)
    yield "A tanh net 2-3-2-3-2 made stationary: y = f - r with J^T r = 0. Each hidden unit is replicated."
    places, others = [(layer, unit) for layer in range(3) for unit in range(len(narrow[layer]))], []
    copies = [em.replicate_unit(narrow, *at, lam) for at in places for lam in ([0.5, 0.5], [2, -1.5, 0.5], [1, 0])]
    for layer, unit in places:
        half = narrow[layer + 1][:, unit] / 2
        others.append(em.split_unit(narrow, layer, unit, half + np.outer([1, -1], rng.normal(size=len(half)))))
    kept, split = (max(np.abs(ls.flatten(ls.gradient(w, X, Y, ls.TANH))).max() for w in nets) / size.max()
                   for nets in (copies, others))
    change = largest_change(copies, narrow, 10 * X, ls.TANH)
    yield below("Fukumizu Prop. 1", "change of f, far from the data too", change, 1e-12)
    yield below("Fukumizu Thm 2", "gradient, three lambdas at every unit", kept, 1e-12)
    yield within("Fukumizu Thm 2", "at some unit, v split in another way", "> 1e-5", split, ".1e")
    yield "\nThe same weights with ReLU units:"
    scaled = [rp.unit_scale(narrow, layer, [3.0] + [1.0] * (len(narrow[layer]) - 1)) for layer in range(3)]
    error = max(np.abs(w[k][0] - 3 * narrow[k][0]).max() for k, w in enumerate(scaled))
    change = largest_change(scaled, narrow, X, ls.RELU)
    yield below("Fukumizu Sec. 4", "a unit scaled by 3 and 1/3: change of f", max(change, error), 1e-12)
    copies = [em.replicate_relu_unit(narrow, layer, 1, [2.0, -0.6], [0.8, 1.0]) for layer in range(3)]
    error = max(np.abs(w[k][[1, -1]] - np.outer([0.8, 1.0], narrow[k][1])).max() for k, w in enumerate(copies))
    change = largest_change(copies, narrow, X, ls.RELU)
    yield below("Fukumizu Prop. 6", "w_j - beta_j u, and change of f", max(change, error), 1e-12)
    surplus, wide = [2, 1, 2], narrow
    for layer, E in enumerate(surplus):
        wide = em.inactive_relu_units(wide, layer, rng.normal(size=(E, len(wide[layer + 1]))), X)
    moved = []
    for _ in range(100):                                            # v anywhere, w anywhere in its ball B_1
        point = [W.copy() for W in wide]
        for layer, E in enumerate(surplus):
            H0, middle = len(narrow[layer]), wide[layer][-1, -1] / 2
            d = rng.normal(size=(E, wide[layer].shape[1] - 1))
            point[layer][H0:, :-1] = d / np.linalg.norm(d, axis=1, keepdims=True)
            point[layer][H0:, -1] = middle * rng.uniform(1, 3, size=E)
            point[layer + 1][:, H0:-1] = 10 * rng.normal(size=(len(point[layer + 1]), E))
        moved.append(point)
    yield below("Fukumizu Prop. 7", "change of f on the flat set", largest_change(moved, narrow, X, ls.RELU), 1e-12)
    zeros, zeros_wide = ((~hs.hessian(w, X, Y, ls.RELU).any(axis=0)).sum() for w in (narrow, wide))
    yield equal("Fukumizu 5.3", "flat dimensions, three layers at once", em.flat_dimension(narrow, surplus),
                zeros_wide - zeros)
    uneven = [scale * W for scale, W in zip((0.5, 1, 1.5, 3), narrow)]
    halved = [ls.flatten(em.replicate_unit(uneven, layer, unit, [0.5, 0.5])) for layer, unit in places]
    shorter = [em.embedding_norms(uneven, layer, unit, 1).replication_is_smaller for layer, unit in places]
    found = [bool(theta @ theta < ls.flatten(uneven) @ ls.flatten(uneven)) for theta in halved]
    yield equal("Fukumizu 5.3", "which units replication shortens", *(
        "".join(str(k + 1) for k, shortens in enumerate(part) if shortens) for part in (shorter, found)))


def escape(seed, data):
    """The way down from a saddle, and what the wider net gains"""
    narrow, X, Y = narrow_minimum(ls.TANH, seed)
    lam, A = np.array([0.6, 0.4]), em.complement([0.6, 0.4])
    F, G = hs.replication_curvature(narrow, X, Y, ls.TANH, ls.SQUARE, 0, 0)
    way, wide = hs.escape_direction(F, G, A, lam), em.replicate_unit(narrow, 0, 0, lam)
    P, theta, L = ls.flatten(narrow).size, ls.flatten(wide), ls.training_loss(wide, X, Y, ls.TANH)
    d = em.omega_basis(narrow, 0, 0, lam, A)[:, P:] @ np.concatenate([way.xi.ravel(), way.eta.ravel()])
    yield ("One unit of the tanh net replicated with lambda = (0.6, 0.4): along the direction from (F, G, lambda) "
           "the loss should fall like curvature t^2 / 2.")
    steps = np.logspace(-3, -1.5, 4) / np.linalg.norm(d)
    ratio = (losses(theta + steps[:, None] * d, wide, X, Y, ls.TANH) - L) / (way.curvature * steps ** 2 / 2)
    yield within("beyond", "|measured/predicted - 1|, smallest t", "< 0.005", abs(ratio[0] - 1), ".4f")
    ends = [hs.minimize(ls.unflatten(theta + s * steps[-1] * d, wide), X, Y, ls.TANH, iterations=300) for s in (1, -1)]
    yield within("Fukumizu Thm 5", "L gained by one more unit", "> 1e-6", L - min(fit.loss for fit in ends), ".3f")
    rng = np.random.default_rng([seed, 8])
    nearby = ls.flatten(narrow) + 2e-3 * rng.normal(size=(64, P)) / np.sqrt(P)
    lowest = min(hs.minimize(ls.unflatten(t, narrow), X, Y, ls.TANH).loss for t in nearby)
    yield below("Fukumizu App. A", "narrow net: 64 descents, |least L - L*|", abs(L - lowest), 1e-9)


def designed_minimum(signs, seed):
    """A net 1-1-1, inputs and targets at which the net is a strict minimum and G has the given signs.

    The residual r = f - y is designed: J^T r = 0 and sum_nu r v phi''(z) x~ x~^T = diag(signs) are linear in it.
    """
    best, floor = None, 0.0
    for k in range(40):                                             # the one farthest from a zero eigenvalue is best
        rng = np.random.default_rng([seed, 9, k])
        narrow, x = [2 * W for W in ls.random_weights([1, 1, 1], rng=rng)], rng.normal(size=12)
        f, J = ls.forward(narrow, x[:, None], ls.TANH), ls.jacobian(narrow, x[:, None], ls.TANH)[:, 0]
        bend = narrow[1][0, 0] * ls.TANH.d2f(narrow[0][0, 0] * x - narrow[0][0, 1])
        conditions = np.vstack([J.T, bend * x * x, -bend * x, bend])
        r = np.linalg.lstsq(conditions, np.array([0, 0, 0, 0, signs[0], 0, signs[1]]), rcond=None)[0]
        net = narrow, x[:, None], f - 0.3 * r[:, None] / np.linalg.norm(r)
        G = hs.replication_curvature(*net, ls.TANH, ls.SQUARE, 0, 0).G
        lowest = min(np.linalg.eigvalsh(hs.hessian(*net, ls.TANH))[0], *np.sort(signs) * np.linalg.eigvalsh(G))
        if lowest > floor:
            best, floor = net, lowest
    return best


def one_output(seed, data):
    """One output: the signs of G and of lambda decide"""
    yield ("With one output F = 0. A net 1-1-1 at a strict minimum, its unit replaced by three copies: the "
           "eigenvalues as predicted, and the lowest L of 4000 points nearby (of 2, if one is negative).")
    rng = np.random.default_rng([seed, 10])
    for case, signs, lam, minimum in (("1a", (1, 1), (0.5, 0.3, 0.2), True), ("1b", (1, 1), (0.8, 0.7, -0.5), False),
                                      ("2a", (-1, -1), (2.0, -0.6, -0.4), True),
                                      ("2b", (-1, -1), (0.8, 0.7, -0.5), False),
                                      ("3", (-1, 1), (0.5, 0.3, 0.2), False), ("3", (-1, 1), (2.0, -0.6, -0.4), False)):
        narrow, X, Y = designed_minimum(signs, seed)
        shown = "(" + ", ".join(f"{part:g}" for part in lam) + ")"
        wide = em.replicate_unit(narrow, 0, 0, lam)
        G, H = hs.replication_curvature(narrow, X, Y, ls.TANH, ls.SQUARE, 0, 0).G, hs.hessian(wide, X, Y, ls.TANH)
        measured = hs.inertia(H, 1e-9 * np.linalg.norm(H, 2))
        block = hs.predicted_inertia(np.zeros((1, 2)), G, np.array(lam))
        predicted = 4 + block[0], block[1], block[2]
        theta, directions = ls.flatten(wide), rng.normal(size=(4000, 10))
        if measured.negative:
            directions = np.outer([1, -1], np.linalg.eigh(H)[1][:, 0])
        points = theta + 3e-4 * directions / np.linalg.norm(directions, axis=1, keepdims=True)
        fall = losses(points, wide, X, Y, ls.TANH).min() - ls.training_loss(narrow, X, Y, ls.TANH)
        agree = predicted == measured[:3] and bool(fall > -1e-14) == minimum == (measured.negative == 0)
        kinds = ["minimum" if low else "saddle" for low in (minimum, fall > -1e-14)]
        yield Check("Fukumizu Thm 11", f"({case}) lambda = {shown}", *kinds, agree)
    yield "Two copies, lambda = (1 - s, s): L is constant. Signs of the least eigenvalue:"
    for signs, expected in (((1, 1), "-000-"), ((-1, -1), "00-00")):
        narrow, X, Y = designed_minimum(signs, seed)
        least = [np.linalg.eigvalsh(hs.hessian(em.replicate_unit(narrow, 0, 0, [1 - s, s]), X, Y, ls.TANH))[0]
                 for s in (-0.05, 0, 0.5, 1, 1.05)]
        yield equal("Fukumizu Thm 11", f"G {'><'[signs[0] < 0]} 0: at s = -.05, 0, .5, 1, 1.05", expected,
                    "".join("0" if abs(value) < 1e-12 else "-+"[int(value > 0)] for value in least))


def zero_error(seed, data):
    """Zero training error: tanh bends where ReLU is flat"""
    rng, lam, A = np.random.default_rng([seed, 7]), np.array([0.6, 0.4]), em.complement([0.6, 0.4])
    yield ("Targets y = f(theta): the narrow net 2-3-2 has zero error, so F = G = 0, and replication adds zeros only, "
           "for tanh as for ReLU. Along eta, the Hessian cannot tell them apart; the loss can.")
    X = rng.normal(size=(30, 2))
    for act in (ls.TANH, ls.RELU):
        narrow = [2 * W for W in ls.random_weights([2, 3, 2], rng=rng)]
        Y = ls.forward(narrow, X, act)
        replicate, beta = (em.replicate_relu_unit, np.ones(2)) if act is ls.RELU else (em.replicate_unit, None)
        wide = replicate(narrow, 0, 0, lam)
        H, H_wide = hs.hessian(narrow, X, Y, act), hs.hessian(wide, X, Y, act)
        tol = hs.inertia(H_wide).tol
        base = hs.inertia(H, tol=tol)
        yield equal(f"Fukumizu ({12 if act is ls.RELU else 11})", f"{act.name}: replication adds zeros only",
                    f"{base.positive} 0 {base.zero + 5}", counts(hs.inertia(H_wide, tol=tol)))
        T, theta = em.omega_basis(narrow, 0, 0, lam, A, beta=beta)[:, -3:], ls.flatten(wide)
        x = ls.augment(narrow[0], X)
        etas = x / np.linalg.norm(x, axis=1, keepdims=True) @ T.T   # (30, P): along each x~
        steps = np.logspace(-2, -1, 5)
        if act is ls.RELU:
            steps = em.flat_radius(narrow, X, 0, 0, A) * np.array([0.999, -0.999, 1.1, -1.1])
        rise = losses(theta + steps[:, None, None] * etas, wide, X, Y, act).max(axis=1)     # at each step
        if act is ls.TANH:
            yield near("Fukumizu 5.1", "tanh: L rises like eta^p, p =", 4, slope(steps, rise), 0.3)
        else:
            yield below("Fukumizu Prop. 8", f"ReLU: L for |eta| below {steps[0]:.1e}", rise[:2].max(), 1e-27)
            yield within("Fukumizu Prop. 8", "ReLU: L a tenth beyond, at the worst", "> 1e-12", rise[2:].max(), ".0e")
    narrow = [2 * W for W in ls.random_weights([2, 3, 2], rng=rng)]
    Y, V = ls.forward(narrow, X, ls.TANH), rng.normal(size=(3, 2))
    lost = min(ls.training_loss([np.delete(narrow[0], j, axis=0), np.delete(narrow[1], j, axis=1)], X, Y, ls.TANH)
               for j in range(3))
    yield within("Fukumizu 5.1", "tanh: loss if any one unit is deleted", "> 1e-6", lost, ".1e")
    net, rank, W = (narrow, X, Y, ls.TANH, ls.SQUARE, 0), np.linalg.matrix_rank, rng.normal(size=(3, 3))
    yield equal("Fukumizu (42)", "tanh: rank of S1 = min(E, M) D'", 6, rank(hs.inactive_units_hessian(*net, V).ww))
    yield equal("Fukumizu (43)", "tanh: rank of S2 = E M", 6, rank(hs.inactive_propagation_hessian(*net, W).vv))
    W[:, 2] = 1 + np.linalg.norm(W, axis=1) * np.linalg.norm(X, axis=1).max()           # off on the data
    blocks = hs.inactive_propagation_hessian(narrow, X, Y, ls.RELU, ls.SQUARE, 0, W)
    yield equal("Fukumizu (44)", "ReLU units off: rank of S3", 0, rank(blocks.vv))
    off = em.inactive_relu_units(narrow, 0, V, X)
    at = np.concatenate([o.ravel() for o in em.parameter_order(narrow, 0, 3)])
    H = hs.hessian(off, X, ls.forward(narrow, X, ls.RELU), ls.RELU)[at[:, None], at]
    yield equal("Fukumizu (12)", "ReLU units off: nonzero new entries", 0, np.count_nonzero(H[17:]))


def decay(seed, data):
    """Weight decay and softmax change the verdicts"""
    rng, mu, lam, root = np.random.default_rng([seed, 18]), 0.1, np.array([0.5, 0.8, -0.3]), np.sqrt([0.2, 0.3, 0.5])
    yield ("With mu |theta|^2 / 2 added replication is stationary no longer, but for ReLU with gamma = beta; units at "
           "w = v = 0 are, with eigenvalues mu +- sigma_i, those of F0 = phi'(0) sum delta x~^T.")
    X, weights = rng.normal(size=(60, 2)), [1.5 * W for W in ls.random_weights([2, 2, 2], bias=[True, False], rng=rng)]
    weights[0][:] = weights[0][0, [[0, 1, 2], [1, 0, 2]]] * [[1, 1, 0.1], [-1, 1, 0.1]]     # at right angles, half on

    def gradient_and_hessian(act, ratio, embed, net=weights):
        F0 = mu * ratio * np.array([[0.6, 0.8, 0.0], [0.4, -0.3, 0.0]])          # singular values mu ratio (1, 1/2)
        rows = np.vstack([ls.jacobian(net, X, act).reshape(120, -1).T, np.kron(ls.augment(net[0], X), np.eye(2)).T])
        wanted = np.append(-mu * ls.flatten(net), F0.T.ravel())[:16 if ratio else 10]
        d1 = np.linalg.lstsq(rows[:len(wanted)], wanted, rcond=1e-12)[0]         # J^T l' = -mu theta, F0 as wanted
        Y, wide = ls.forward(net, X, act) - d1.reshape(60, 2), embed(net)
        return ls.gradient(wide, X, Y, act)[0] + mu * wide[0], hs.hessian(wide, X, Y, act)

    g = gradient_and_hessian(ls.TANH, 0, lambda w: em.replicate_unit(w, 0, 0, lam))[0][[0, 2, 3]]
    u = mu * np.outer(1 - lam, weights[0][0])
    yield below("beyond", "tanh copies: gradient - mu (1 - lam) u", np.abs(g - u).max(), 1e-12)
    even, uneven, off = (np.abs(gradient_and_hessian(ls.RELU, 0, embed, rp.balance(weights))[0]).max() for embed in (
        lambda w: em.replicate_relu_unit(w, 0, 0, root, root), lambda w: em.replicate_relu_unit(w, 0, 0, lam),
        lambda w: em.inactive_relu_units(w, 0, np.ones((1, 2)), X)))
    yield below("beyond", "ReLU, gamma = beta: gradient", even, 1e-12)
    yield within("beyond", "ReLU, other gamma, or off: gradient", "> 1e-3", min(uneven, off), ".3f")
    at = np.concatenate([part.ravel() for part in em.parameter_order(weights, 0, 2)])[10:]
    for ratio in (0.95, 2.0):
        _, H = gradient_and_hessian(ls.TANH, ratio, lambda w: em.inactive_units_and_propagation(w, 0, 2))
        least = np.linalg.eigvalsh(H[at[:, None], at] + mu * np.eye(10))[0] / mu
        yield near("beyond", f"w = v = 0, sigma_1 = {ratio} mu: least/mu", 1 - ratio, least, 1e-6)
    ranks, X = [], X[:16]
    for M in (2, 3, 4):                                             # softmax: the entries of l' add up to 0
        weights = [1.5 * W for W in ls.random_weights([2, 2, M], rng=rng)]
        p = ls.SOFTMAX.d1(ls.forward(weights, X, ls.TANH), np.full((16, M), 1 / M)) + 1 / M
        J = ls.jacobian(weights, X, ls.TANH).reshape(16 * M, -1)
        d = orthogonal(rng.normal(size=16 * M), np.hstack([J, np.kron(np.eye(16), np.ones((M, 1)))])).reshape(16, M)
        Y = p - d * (0.9 * np.minimum(p, 1 - p).min() / np.abs(d).max())
        F = hs.replication_curvature(weights, X, Y, ls.TANH, ls.SOFTMAX, 0, 1).F
        ranks.append(str(np.linalg.matrix_rank(F, tol=1e-11)))
    yield equal("beyond", "softmax, M = 2, 3, 4: rank of F", "0 1 2", " ".join(ranks))


def way_back(seed, data):
    """No embedding loses a sign, and each has a way back"""
    yield ("The narrow Hessian is T^T H T, T of full rank: no count of positive or of negative eigenvalues falls, at "
           "any theta; zeros can be lost. reduce_units finds the narrow net again.")
    rng, tried, fell, undone = np.random.default_rng([seed, 20]), 0, 0, 0
    lam, beta = np.array([0.7, 0.6, -0.3]), [0.5, 1, 2]
    V, W, X = rng.normal(size=(2, 2)), rng.normal(size=(2, 3)), rng.normal(size=(9, 2))
    for act in 3 * (ls.TANH, ls.RELU):
        narrow, Y = [1.5 * W for W in ls.random_weights([2, 3, 2], rng=rng)], rng.normal(size=(9, 2))
        nets = [em.replicate_unit(narrow, 0, 1, lam), em.inactive_propagation(narrow, 0, W),
                em.split_unit(narrow, 0, 1, np.vstack([narrow[1][:, 1] - V.sum(axis=0), V])),
                em.inactive_units(narrow, 0, V, act), em.inactive_units_and_propagation(narrow, 0, 2, act)]
        if act is ls.RELU:
            nets += [em.replicate_relu_unit(narrow, 0, 1, lam / beta, beta), em.inactive_relu_units(narrow, 0, V, X)]
        before, least = hs.inertia(hs.hessian(narrow, X, Y, act)), em.reduce_units(narrow, act, X=X)
        f = ls.forward(narrow, X, act)
        for wide in nets:
            after, back = hs.inertia(hs.hessian(wide, X, Y, act)), em.reduce_units(wide, act, X=X)
            tried, fell = tried + 1, fell + (after[0] < before[0] or after[1] < before[1])
            undone += len(back[0]) == len(least[0]) and np.allclose(ls.forward(back, X, act), f)
    yield equal("beyond", f"n+ or n- falls, of {tried} embeddings", 0, fell)
    yield equal("beyond", "embeddings that reduce_units undoes", tried, undone)
    weights, W, X = [np.array([[0.9]]), np.array([[1.2], [-0.7]])], np.array([[-2.0]]), rng.normal(size=(8, 1))
    J, f = ls.jacobian(weights, X, ls.TANH).reshape(16, 3), ls.forward(weights, X, ls.TANH)
    d1 = orthogonal(rng.normal(size=16), np.hstack([J, np.kron(np.tanh(X @ W.T), np.eye(2))])).reshape(8, 2)
    H, bent = (hs.hessian(weights, X, y, ls.TANH) for y in (f, f - d1))         # l' so long that the least is 0
    Y = f + d1 / np.sort(np.linalg.eigvals(np.linalg.solve(H, bent - H)).real)[0]
    for name, expected, w in (("narrow", "2 0 1", weights), ("wide", "4 2 0", em.inactive_propagation(weights, 0, W))):
        H = hs.hessian(w, X, Y, ls.TANH)
        yield equal("beyond", f"+, -, 0, {name} net", expected, counts(hs.inertia(H, 1e-10 * np.linalg.norm(H, 2))))


def patterns(seed, data):
    """ReLU nets with five units through ten points, by enumeration"""
    rng = np.random.default_rng([seed, 5])
    possible, nets, draws = 0, [], 0
    while len(nets) < 2:
        x = -1 + 2 * (np.arange(10) + rng.random(10)) / 10
        y = np.maximum(x, 0) + 0.1 * rng.normal(size=10)
        nets = pb.relu_interpolants(x, y, 5)
        draws, possible = draws + 1, possible + bool(nets)
    yield (f"{draws} data sets drawn, ten noisy samples of relu(x); such nets exist for {possible}, {len(nets)} for "
           "the last: each of the 11,628 choices of five activation patterns is a linear system.")
    errors = [np.abs(ls.forward(net, x[:, None], ls.RELU)[:, 0] - y).max() for net in nets]
    yield below("beyond", "largest error of any of them", max(errors), 1e-9 * np.abs(y).max())
    yield equal("beyond", "rank at the smallest; 15 - 10 stay free", 10, ls.jacobian_rank(nets[0], x[:, None], ls.RELU))


def pac_bayes(seed, data):
    """What flatness is worth in a bound: KL divergences of any rank"""
    rng, sigma, tau, delta = np.random.default_rng([seed, 11]), 3.0, 0.1, 0.05
    X = np.array([[-1], [0], [1]])
    while True:                                                     # nonzero eigenvalues within five decades
        narrow = [3 * W for W in ls.random_weights([1, 2, 1], bias=[True, False], rng=rng)]
        H0 = hs.hessian(narrow, X, ls.forward(narrow, X, ls.TANH), ls.TANH)
        h, U = np.linalg.eigh(H0)
        if h[3] > 1e-5 * h[5]:
            break
    v, inputs, theta = rng.normal(size=(3, 1)), ls.augment(narrow[0], X), ls.flatten(narrow)
    S = pb.mean_curvature(v, inputs)
    s, W = np.linalg.eigh(S)
    kl = pb.kl_smooth(theta, v, H0, S, sigma, tau)
    yield (f"A tanh net 1-2-1 with zero error on 3 points, and 3 inactive units. Prior N(0, {sigma:g}^2 I); "
           f"posterior: variance tau^2 / h for curvature h, tau = {tau:g}, the prior's where h = 0. H0 is the Hessian "
           "of the narrow net, S that in the new w. Bounds: delta = 0.05.")
    yield equal("Fukumizu G.2.2", "rank of H0, of S = (v v^T) x (x~^T x~)", "3 2",
                f"{hs.inertia(H0).positive} {hs.inertia(S).positive}")
    c = np.concatenate([np.where(h > 1e-9 * h[5], tau ** 2 / np.maximum(h, 1e-300), sigma ** 2), np.full(3, sigma ** 2),
                        np.where(s > 1e-9 * s[5], tau ** 2 / np.maximum(s, 1e-300), sigma ** 2)])
    basis = np.zeros((15, 15))
    basis[:6, :6], basis[6:9, 6:9], basis[9:, 9:] = U, np.eye(3), W
    mean, cov = np.concatenate([theta, v[:, 0], np.zeros(6)]), (basis * c) @ basis.T
    general = pb.gaussian_kl(mean, (cov + cov.T) / 2, np.zeros(15), sigma ** 2 * np.eye(15))
    yield below("Fukumizu G.2.2", "KL, rank-aware / general formula - 1", abs(kl / general - 1), 1e-7)
    z = rng.normal(size=(20_000, 15))                               # log q - log p at mean + basis sqrt(c) z
    x = mean + (z * np.sqrt(c)) @ basis.T
    log_ratio = ((x / sigma) ** 2 - z ** 2).sum(axis=1) / 2 - np.log(c / sigma ** 2).sum() / 2
    error = log_ratio.std() / np.sqrt(len(z))
    yield f"    mean of log q/p over 20,000 draws: {log_ratio.mean():.2f} +- {error:.2f} nats; in closed form {kl:.2f}"
    yield within("Fukumizu G.2.2", "|difference| in standard errors", "< 6", abs(log_ratio.mean() - kl) / error, ".1f")
    off, cov = pb.kl_relu(theta, v, H0, sigma, tau), cov[:9, :9]    # ReLU: all of w as the prior has it
    general = pb.gaussian_kl(mean[:9], (cov + cov.T) / 2, np.zeros(9), sigma ** 2 * np.eye(9))
    yield below("Fukumizu G.2.2", "the same for ReLU units that are off", abs(off / general - 1), 1e-7)
    log_det, log_pdet = np.log(np.maximum(np.abs(s), 1e-300)).sum(), np.log(s[-2:]).sum()
    yield (f"\nFor ReLU units that are off it is {off:.2f}. As printed: log det S is {log_det:.0f}, rounding (nonzero "
           f"part: {log_pdet:.2f}); d_1 = 3 for the rank 2 adds {np.log(sigma / tau):.2f} nats, + d_1 for - 2 adds "
           f"{(3 + 2) / 2:.2f}.")
    printed = 2 * np.log(2 * delta / 10) / 9
    yield within("Fukumizu (13)", "printed: under the root, KL = 0, n = 10", "< 0", printed, ".2f")
    n, H = 100, H0 / 3
    yield near("Fukumizu (39)", "the bound, KL = 1/2, n = 100", 0.8091, pb.pac_bayes_bound(0, 0.5, n, delta), 5e-5)
    best = pb.optimal_posterior(H, theta, n, delta, sigma)
    bound = pb.approximate_bound(0.0, H, theta, best.cov, n, delta, sigma)
    yield "\nThe bound (40): the best tau^2 is sqrt(2 / ((n - 1) (KL + ln(n / delta))))."
    others = np.array([0.25, 0.5, 0.8, 1.25, 2, 4]) * best.tau
    covs = (t ** 2 * np.linalg.inv(H + (t / sigma) ** 2 * np.eye(6)) for t in others)
    values = [pb.approximate_bound(0.0, H, theta, (C + C.T) / 2, n, delta, sigma) for C in covs]
    yield within("Fukumizu G.2.1", "best of these - that at the fixed point", "> 0", min(values) - bound, ".1e")
    kl = pb.isotropic_kl(theta, best.cov, sigma)
    off = abs(best.tau ** 2 / np.sqrt(2 / ((n - 1) * (kl + np.log(n / delta)))) - 1)
    yield below("Fukumizu G.2.1", f"fixed point: left / right - 1, tau {best.tau:.2f}", off, 1e-10)
    inputs, count, tau = ls.augment(narrow[0], np.linspace(-1, 1, 10)[:, None]), 100_000, 1e-3
    S = pb.mean_curvature([[1.0]], inputs)
    root = tau * np.linalg.cholesky(np.linalg.inv(S))
    vs, w = 1 + 3 * rng.normal(size=(count, 1)), rng.normal(size=(count, 2)) @ root.T
    loss = ((vs * np.tanh(w @ inputs.T)) ** 2).sum(axis=1) / 2
    claimed = pb.expected_risk(0.0, S, root @ root.T)
    factor, error = loss.mean() / claimed, loss.std() / np.sqrt(count) / claimed
    yield ("\nQ should keep the training loss. As S depends on v, with v ~ N(v^, sigma^2) it does not: "
           "1 + sigma^2 / v^^2 times the rise that is claimed.")
    yield near("Fukumizu G.2.2", "rise of E_Q L / claimed rise", 10, factor, 6 * error)


class Figure2(NamedTuple):
    """What Fig. 2 shows: data and fits; widths; per activation's name the measured Ratio and the predicted one."""
    experiment: pb.Experiment
    widths: np.ndarray
    measured: dict
    predicted: dict


FIG_2 = {"ReLU": (ls.RELU, (0.0, 2.0)), "tanh": (ls.TANH, (0.0, 0.0)), "smooLU": (ls.SMOOLU, (0.0, 2.0))}


def five_units(act, units=5):
    """How the paper's nets of zero error are found, or why there is none: a function of (x, y, rng)."""
    def fit(x, y, rng):
        if act is ls.RELU and pb.relu_units_needed(x, y) > units:
            return f"more than {units} ReLU units needed"
        if act is ls.RELU:
            nets = pb.relu_interpolants(x, y, units)                # all there are
        else:
            starts = pb.kinked_starts(x, units, 256, rng=rng)
            nets = [found.weights for found in ls.fit_many(starts, x[:, None], y[:, None], act)]
        return pb.smallest_zero_error(nets, x, y, act, rng=rng) or f"no {act.name} net"
    return fit


def figure_2(seed, names=("ReLU", "tanh", "smooLU")):
    """The experiment of Fig. 2 by inactive units: tanh at w = 0, the others off on the data by a bias of 2."""
    problems = {name: (act.f, five_units(act)) for name, (act, _) in FIG_2.items()}
    experiment, (X, p) = pb.draw_experiment(problems, rng=[seed, 10]), pb.uniform_nodes()
    surplus, measured, predicted = np.arange(0, 50, 5), {}, {}
    for name in names:
        (act, w0), net = FIG_2[name], experiment.nets[name]
        Y = act.f(X)
        measured[name] = pb.generalization_ratio(net, X, Y, act, surplus, p=p, w0=w0, rng=[seed, 10, len(name)])
        predicted[name] = pb.predicted_ratio(net, X, Y, act, surplus, p=p, w0=w0)
    return Figure2(experiment, 5 + surplus, measured, predicted)


def deviation(measured, predicted):
    """Largest |measured - predicted| in standard errors; an error below 0.001 counts as 0.001."""
    return (np.abs(measured.ratio - predicted) / np.maximum(measured.error, 1e-3)).max()


def experiment(seed, data):
    """Fig. 2: surplus units cost tanh something and ReLU nothing"""
    yield ("Ten points of relu, tanh, smooLU plus noise N(0, 0.1^2); nets of 5 units with zero error; units up to H, "
           "v ~ N(0, 1), at w = 0 for tanh, off for the others. All parameters are perturbed by N(0, rho^2), rho = "
           "0.01 |theta|, 1000 times. The ratio: E G(N_H) / E G(N_5), G the squared error.")
    shown = figure_2(seed)
    X, refused = shown.experiment.x[:, None], shown.experiment.refused
    reasons = ", ".join(f"{count} ({reason})" for reason, count in refused.items()) or "none"
    yield f"\nData sets drawn: {sum(refused.values()) + 1}. Refused: {reasons}."
    for name, net in shown.experiment.nets.items():
        act = FIG_2[name][0]
        error = 2 * ls.training_loss(net, X, act.f(X) + shown.experiment.eps[:, None], act)
        yield below("Fukumizu Fig. 2", f"{name}: error, |theta| = {np.linalg.norm(ls.flatten(net)):.1f}", error, 1e-29)
    tanh, scale = shown.measured["tanh"], 34 / max(shown.measured["tanh"].ratio)
    yield "\n  H   tanh           predicted"
    for H, ratio, error, predicted in zip(shown.widths, *tanh[:2], shown.predicted["tanh"]):
        yield f" {H:2d}  {ratio:5.2f} +- {error:4.2f}  {predicted:5.2f}  {'#' * round(scale * ratio)}"
    yield ""
    yield within("Fukumizu Fig. 2", "tanh ratio less 5 st. errors", "> 1.1", tanh.ratio[-1] - 5 * tanh.error[-1], ".2f")
    for name in ("ReLU", "smooLU"):
        yield near("Fukumizu Fig. 2", f"{name}: ratio at H = 50", 1, shown.measured[name].ratio[-1], 1e-3)
    yield "\nAlso with v = 0, with w = b = 0, as inactive propagation, and by replication:"
    worst, at50 = {name: deviation(shown.measured[name], shown.predicted[name]) for name in FIG_2}, {}
    X, p = pb.uniform_nodes()
    options = {"v = 0": {"spread_v": 0.0}, "w = b = 0": {"w0": (0.0, 0.0)}, "replication": {},
               "inactive propagation": {"spread_v": 0.0, "spread_w": 1.0, "w0": (0.0, 0.0)}}
    for row, option in options.items():
        for k, (name, (act, w0)) in enumerate(FIG_2.items()):
            problem = (shown.experiment.nets[name], X, act.f(X), act, [45])
            if row == "replication":
                measured = pb.replicated_ratio(*problem, p=p, rng=[seed, 12, k])
                predicted = pb.predicted_replicated_ratio(*problem, p=p)
            else:
                choice = {"w0": w0} | option
                measured = pb.generalization_ratio(*problem, p=p, rng=[seed, 13, k], **choice)
                predicted = pb.predicted_ratio(*problem, p=p, **choice)
            worst[name] = max(worst[name], deviation(measured, predicted))
            at50[row, name] = measured.ratio[0]
    for name in FIG_2:
        yield within("beyond", f"{name}: closed form, st. errors off", "< 6", worst[name], ".1f")
    yield within("beyond", "ReLU at w = b = 0: ratio grows", "> 1.02", at50["w = b = 0", "ReLU"], ".2f")
    still = (at50["v = 0", "tanh"] - 1) / (tanh.ratio[-1] - 1)
    yield within("beyond", "tanh, v = 0: growth / growth above", "< 0.2", still, ".2f")
    yield ("\nsmooLU is smooth and stays flat: what counts is the open region where a unit is off. With v = 0 tanh "
           "hardly grows; awake, ReLU does. The risk is to the noise-free teacher.")


def accounts(seed, data):
    """Three accounts of Fig. 2: which explains it"""
    shown, sigma, tau = figure_2(seed, ["tanh"]), 10.0, 0.1
    net, measured, predicted = shown.experiment.nets["tanh"], shown.measured["tanh"], shown.predicted["tanh"]
    X, (nodes, p), rho = shown.experiment.x[:, None], pb.uniform_nodes(), 0.01 * np.linalg.norm(ls.flatten(net))
    Y, inputs = np.tanh(X) + shown.experiment.eps[:, None], ls.augment(net[0], X)
    trace = 45 * rho ** 2 * (1 + 1 / 3) / pb.predicted_error(net, nodes, np.tanh(nodes), ls.TANH, p=p)
    v = np.random.default_rng([seed, 16]).normal(size=(45, 1))
    kl, few, doubled = (pb.curvature_kl(pb.mean_curvature(part, inputs), sigma, tau) for part in (v, v[:5], 2 * v))
    wide = em.inactive_units(net, 0, v)
    H, wide_H = (hs.hessian(weights, X, Y, ls.TANH) for weights in (net, wide))
    narrow, whole = (pb.ridge_kl(part, sigma, tau) for part in (H, wide_H))
    yield (f"With sigma = {sigma:g}, tau = {tau:g}: E = 45 tanh units add {measured.ratio[-1] - 1:.2f} to the ratio; "
           f"rho^2 Tr / 2 of the Hessian says {trace:.2f}. The paper's E log(sigma^2 / tau^2) / 2 is "
           f"{45 * np.log(sigma / tau):.0f}; the KL that S really adds, of rank 2 for every E, {kl:.1f}, and "
           f"{whole - narrow:.1f} if Q has the whole net's Hessian.")
    worst, grown = deviation(measured, predicted), {}
    for c in (0.0, 0.5, 1.0, 2.0):                                  # v ~ N(0, c^2)
        setting = net, nodes, np.tanh(nodes), ls.TANH, [45]
        ratio = pb.generalization_ratio(*setting, p=p, spread_v=c, rng=[seed, 17])
        grown[c] = ratio.ratio[0] - 1
        worst = max(worst, deviation(ratio, pb.predicted_ratio(*setting, p=p, spread_v=c)))
    C, one, zero = tau ** 2 * np.linalg.inv(H + (tau / sigma) ** 2 * np.eye(len(H))), np.eye(len(H)), np.zeros(len(H))
    general = pb.gaussian_kl(zero, (C + C.T) / 2, zero, sigma ** 2 * one)
    yield below("beyond", "KL with the narrow H: in general", abs(general / narrow - 1), 1e-6)
    gain = np.log((v ** 2).sum() / (v[:5] ** 2).sum())
    yield near("beyond", "KL at E = 45 - at 5 = log |v|^2 ratio", gain, kl - few, 0.01)
    yield near("beyond", "KL gained by doubling v: 2 log 2", 2 * np.log(2), doubled - kl, 0.01)
    yield equal("beyond", "ranks of J, E = 0 and 45", [10, 10], [ls.jacobian_rank(w, X, ls.TANH) for w in (net, wide)])
    yield within("beyond", "whole / KL at E = 45", "< 1", (whole - narrow) / kl, ".2f")
    yield near("beyond", "rho^2 Tr / 2 over growth, E = 45", 1, trace / (measured.ratio[-1] - 1), 0.3)
    yield near("beyond", "growth at 2 v / growth at v, within 1", 4, grown[2.0] / grown[1.0], 1)
    yield within("beyond", "closed form, standard errors off", "< 6", worst, ".1f")
    yield ("\nThe paper's term grows like E, as measured, but is the same for v = 0, where hardly anything grows; "
           "the KL grows like log E. The trace explains it.")


def live_net(widths, bias, n, rng):
    """A ReLU net and, as targets, its outputs. Each unit is on for two samples, in layer 1 not for all."""
    while True:                                                     # idle units can make a Hessian zero
        weights = [1.5 * W for W in ls.random_weights(widths, bias=bias, rng=rng)]
        X = rng.normal(size=(n, widths[0]))
        z = [ls.forward(weights[:k], X, ls.RELU) for k in range(1, len(weights))]
        if all(((zk > 0.05).sum(axis=0) >= 2).all() for zk in z) and (z[0] < 0).any(axis=0).all():
            return weights, X, ls.forward(weights, X, ls.RELU)


def alpha_scale(seed, data):
    """One function, any curvature: the alpha-scale transformation"""
    rng = np.random.default_rng([seed, 10])
    weights, X, Y = live_net([3, 5, 4, 2], True, 30, rng)
    Y, alphas = Y + rng.normal(size=Y.shape), np.exp([1.0, -2.0, 1.0])
    moved, d = rp.alpha_scale(weights, alphas), rp.alpha_diagonal(weights, alphas)
    far = 10 * rng.normal(size=(100, 3))
    f, wrong = ls.forward(weights, far, ls.RELU), [scale * W for scale, W in zip(alphas, weights)]
    change = [np.abs(ls.forward(w, far, ls.RELU) - f).max() / np.abs(f).max() for w in (moved, wrong)]
    yield "A ReLU net 3-5-4-2 with biases, its layers multiplied by e, e^-2 and e."
    yield below("Dinh Def. 5", "f changes by, relative", change[0], 1e-13)
    yield within("Dinh App. B", "f changes, bias scaled with its layer", "> 1e-3", change[1], ".1e")
    z, c = rng.normal(size=1000), 3.0
    off = max(np.abs(act.f(c * z) - c * act.f(z)).max() for act in (ls.RELU, ls.LEAKY_RELU))
    yield below("Dinh Thm 1", "phi(c z) - c phi(z), ReLU, leaky ReLU", off, 1e-14)
    g, H = ls.flatten(ls.gradient(weights, X, Y, ls.RELU)), hs.hessian(weights, X, Y, ls.RELU)
    g_moved, H_moved = ls.flatten(ls.gradient(moved, X, Y, ls.RELU)), hs.hessian(moved, X, Y, ls.RELU)
    yield below("Dinh Thm 3", "gradient - D gradient, relative", np.abs(g_moved / d - g).max() / np.abs(g).max(), 1e-12)
    yield below("Dinh Thm 3", "Hessian - D Hessian D, relative",
                np.abs(H_moved / np.outer(d, d) - H).max() / np.abs(H).max(), 1e-12)
    weights, X, Y = live_net([2, 3, 1], False, 12, rng)
    H, epsilon = hs.hessian(weights, X, Y, ls.RELU), 0.01
    r = rp.box_radius(weights, X, Y, epsilon)
    boxes = rp.flat_boxes(weights, r, 6)
    yield (f"\nA net 2-3-1 at L = 0, L < {epsilon} on a box of radius {r:.1e}. The boxes T_alpha^k(box) are disjoint, "
           "do not shrink, and L takes on each the same values.")
    centers = [rp.alpha_scale(weights, [boxes.alpha ** k, boxes.alpha ** -k]) for k in range(6)]
    corners = 1 - 2 * (np.arange(512)[:, None] >> np.arange(9) & 1)             # all (512, P), in units of the radii
    L = [losses(ls.flatten(c) + corners * np.repeat(pair, [6, 3]), c, X, Y, ls.RELU).max()
         for c, pair in zip(centers, boxes.radii)]
    yield below("Dinh Thm 2", "largest L at the corners of six boxes", max(L), epsilon)
    yield below("Dinh Thm 2", "and its range", np.ptp(L), 1e-12)
    deep = live_net([4, 3, 3, 1], True, 40, np.random.default_rng([seed, 22]))
    more = rp.flat_boxes(deep[0], rp.box_radius(*deep, epsilon), 6, layers=(2, 0))
    for net, found, signs, power, name in ((weights, boxes, np.array([1, -1]), 3, "p, p = n1 - n2"),
                                           (deep[0], more, np.array([-1, 0, 1]), -15, "e, layers 3, 1 of 3")):
        at = [rp.alpha_scale(net, found.alpha ** (k * signs)) for k in range(6)]
        d = rp.alpha_diagonal(net, found.alpha ** signs)            # T_alpha = diag(1 / d)
        yield near("Dinh Thm 2", f"det T_alpha = alpha^{name}", power, -np.log(d).sum() / np.log(found.alpha), 1e-9)
        sign = np.rint(-np.log(d) / np.log(found.alpha)).astype(int)            # the place of r', 0, and of radii
        centers, radii = np.array([ls.flatten(w) for w in at]), np.insert(found.radii, 0, found.radii[0, 0], 1)[:, sign]
        sizes = np.log(2 * radii).sum(axis=1)
        yield below("Dinh Thm 2", "log volumes - closed form", np.abs(sizes - found.log_volumes).max(), 1e-10)
        yield within("Dinh Thm 2", "log volumes: least growth", "> 0", np.diff(sizes).min(), ".2f")
        apart = (centers + radii)[:, None] < (centers - radii)[None]
        yield equal("Dinh Thm 2", "pairs of boxes that meet", 0,
                    (~(apart | apart.swapaxes(0, 1)).any(axis=2)).sum() - 6)
    biased = live_net([2, 3, 1], True, 12, np.random.default_rng([seed, 23]))
    for source, biases, (w, *data) in (("Dinh Thm 4", 0, (weights, X, Y)), ("Dinh App. B", 1, biased)):
        alpha = rp.alpha_for_norm(hs.hessian(w, *data, ls.RELU), w[0].size, 1e6, biases=biases)
        norm = np.linalg.norm(hs.hessian(rp.alpha_scale(w, [alpha, 1 / alpha]), *data, ls.RELU), 2)
        yield within(source, f"spectral norm, alpha {alpha:.0e}" + ", biases" * biases, "> 1e+06", norm, ".1e")
    weights, X, Y = live_net([4, 3, 3, 1], False, 40, rng)
    H, sizes = hs.hessian(weights, X, Y, ls.RELU), [12, 9, 3]
    values = np.linalg.eigvalsh(H)
    rank, bound = int((values > 1e-10 * values[-1]).sum()), 10 * values[-1]
    alphas = rp.alphas_for_many(H, sizes, bound, tol=1e-10 * values[-1])
    many = int((np.linalg.eigvalsh(hs.hessian(rp.alpha_scale(weights, alphas), X, Y, ls.RELU)) > bound).sum())
    predicted = rp.large_eigenvalues(rank, sizes)
    yield f"\nA net 4-3-3-1 of rank r = {rank}, scaled: r - min n_k exceed 10 lambda_1 = {bound:.0f}."
    yield Check("Dinh Thm 5", f"eigenvalues above {bound:.0f}", f">= {predicted}", str(many), many >= predicted > 0)


def sharpness(seed, data):
    """epsilon-sharpness, and one minimum made sharper than another"""
    rng = np.random.default_rng([seed, 11])
    Q = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    yield "A quadratic's sharpness where it is stationary: lambda_1 eps^2 / (2 (1 + L))."
    for name, values in (("flat", [0, 0, 0, 1, 1, 2, 3, 5]), ("equal top", [0, 1, 2, 3, 4, 4, 4, 4]),
                         ("saddle", [-9, -2, -1, 0, 1, 1, 2, 3])):
        H = sum(value * np.outer(q, q) for value, q in zip(values, Q.T))
        loss, gradient = (lambda z, H=H: 1 + z @ H @ z / 2), (lambda z, H=H: H @ z)
        found = rp.epsilon_sharpness(loss, gradient, np.zeros(8), 0.5, hessian=H, rng=seed)
        exact = max(values) * 0.5 ** 2 / (2 * (1 + 1))
        yield below("Dinh Def. 2", f"quadratic, {name}: value / exact - 1", abs(found.value / exact - 1), 1e-12)
    weights, X, Y = live_net([2, 3, 1], False, 12, rng)
    theta, H = ls.flatten(weights), hs.hessian(weights, X, Y, ls.RELU)
    loss, gradient = rp.network_loss(weights, X, Y, ls.RELU)
    yield "\nA net 2-3-1 at zero loss, by ascent from the sphere, beside the Hessian's word:"
    found = rp.epsilon_sharpness(loss, gradient, theta, 1e-4, rng=seed).value
    yield near("Dinh Def. 2", "measured / second order, at 1e-4", 1, found / rp.quadratic_sharpness(H, 0.0, 1e-4), 1e-3)
    epsilon, constant = 0.05, np.sum(Y ** 2) / 2
    alpha = rp.alpha_to_constant(weights, epsilon)
    moved = rp.alpha_scale(weights, [alpha, 1 / alpha])
    before, after = (rp.epsilon_sharpness(loss, gradient, ls.flatten(w), epsilon, hessian=hs.hessian(w, X, Y, ls.RELU),
                                          rng=seed).value for w in (weights, moved))
    yield f"The same function at alpha = {alpha:.1e}, where the ball holds the function f = 0:"
    yield near("Dinh Sec. 4.3", "there |theta_1| / epsilon", 1, np.linalg.norm(moved[0]) / epsilon, 1e-12)
    yield Check("Dinh Sec. 4.3", f"sharpness, {before:.2f} before, is then", f">= {constant:.0e}", f"{after:.1e}",
                after >= constant * (1 - 1e-12))
    yield "\nTwo minima in the plane, the second made sharper by a radial map:"
    first, second, radii = np.array([-1.0, 0.0]), np.array([2.0, 0.0]), (0.4, 0.9, 0.1)
    wells = lambda t: np.minimum(2 * np.sum((t - first) ** 2, axis=1),          # noqa: E731
                                 np.sum((t - second) ** 2, axis=1) / 2 + 0.01)
    eta = rng.uniform(-4, 4, size=(2000, 2))
    outside, theta = np.linalg.norm(eta - second, axis=1) > 0.9, rp.radial(eta, second, *radii)
    back = np.abs(rp.radial_inverse(theta, second, *radii) - eta).max()
    H = rp.pullback_hessian(np.eye(2), rp.radial_jacobian(second, second, *radii), np.zeros(2), np.zeros((2, 2, 2)))
    h = 0.01 * np.array([[1.0, 0.0], [0.0, 0.0], [-1.0, 0.0]])
    curvature = [1, -2, 1] @ wells(rp.radial(second + h, second, *radii)) / 1e-4
    yield equal("Dinh App. A", "points outside whose L changed", 0, (wells(theta) != wells(eta))[outside].sum())
    yield below("Dinh App. A", "the map is one-to-one: there and back", back, 1e-12)
    yield near("Dinh App. A", "curvature, 1 before, (rhat/rho)^2 after", (0.4 / 0.1) ** 2, curvature, 1e-3)
    yield near("Dinh Sec. 5.1", "and by J^T H J", (0.4 / 0.1) ** 2, H[0, 0], 1e-12)
    t = rp.power(np.array([-1e-4, 1e-4]), 0.0, 1.0, 0.2)
    yield near("Dinh Fig. 5", "(t^2 + b)^a t, a = 1, b = 0.2: b^(-2a)", 25, np.sum(t ** 2 / 2) / 1e-8, 0.01)
    v, A = rng.normal(size=4), rng.normal(size=(4, 4))
    A = A @ A.T + np.eye(4)
    norms = [(np.linalg.norm(H[1:, 1:], 2), H[0, 0])
             for H in (rp.weight_norm_hessian(1.5, scale * v, np.zeros(4), A) for scale in (1, 100))]
    ratio = np.array(norms[1]) / norms[0]
    yield near("Dinh Sec. 5.1", "w = s v/|v|, v to 100 v: log10 of H_vv", -4, np.log10(ratio[0]), 1e-9)
    yield near("Dinh Sec. 5.1", "but H_ss stays, ratio", 1, ratio[1], 1e-9)
    net, u = ls.random_weights([2, 3, 1], rng=rng), rng.normal(size=(1, 2))
    near_u = u + 1e-6 * np.concatenate([np.eye(2), -np.eye(2)])     # inputs given as u = arsinh x
    f_xi = ls.forward(net, np.sinh(near_u), ls.TANH)[:, 0]
    exact = (f_xi[:2] - f_xi[2:]) / 2e-6
    found = rp.input_derivative(ls.input_jacobian(net, np.sinh(u), ls.TANH)[0], np.diag(np.cosh(u[0])))
    yield below("Dinh Sec. 5.2", "df/du = df/dx dx/du - difference", np.abs(found - exact).max(), 1e-7)
    targets = rng.normal(size=(15, 3))
    noise = rng.normal(size=(2, 15, 3)) / np.sqrt(15)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)           # columns of norm 1
    one, two = targets + noise[0] * [1.0, 1.0, 0.1], targets + noise[1] * [0.5, 0.5, 0.3]
    S = rp.reversing_output_map(one, two, targets)
    before, after = (np.sum(((one - targets) @ M) ** 2) - np.sum(((two - targets) @ M) ** 2) for M in (np.eye(3), S))
    yield Check("Dinh App. C", "|F - Y|^2 - |G - Y|^2, outputs mapped", f"{-before:.3f}", f"{after:.3f}",
                before > 0 and abs(after + before) < 1e-9)


def orbit(seed, data):
    """The alpha-orbit lies in the zero-loss set: what is invariant"""
    rng = np.random.default_rng([seed, 12])
    condition = np.inf
    while condition > 300:                                          # so that ranks are clear on the whole orbit
        narrow, X, Y = live_net([2, 4, 1], [True, False], 8, rng)      # an output bias is not scaled
        condition = np.linalg.cond(ls.jacobian(narrow, X, ls.RELU)[:, 0])
    V, alphas = rng.normal(size=(2, 1)), (0.125, 0.5, 1.0, 2.0, 8.0)       # powers of 2 round nothing
    weights = em.inactive_relu_units(narrow, 0, V, X)
    P, R, off = 24, max(1.0, np.linalg.norm(X, axis=1).max()), 3 * rng.normal(size=(1, 2))
    tau2, sigma2, epsilon, rank = 1e-2, 1.0, 0.05, ls.jacobian_rank(narrow, X, ls.RELU)

    def posterior(H):
        h, U = np.linalg.eigh(H)
        return (U * (tau2 / (h.clip(0) + tau2 / sigma2))) @ U.T     # symmetric, unlike an inverse, to rounding

    def moved_inactive(moved, alpha):
        for _ in range(20):                                         # anywhere in T_alpha of the flat set
            w = rng.normal(size=(2, 2))
            moved[0][4:, :2] = alpha * rng.random((2, 1)) * w / np.linalg.norm(w, axis=1)[:, None]
            moved[0][4:, 2] = alpha * R * rng.uniform(1, 3, size=2)
            moved[1][:, 4:6] = rng.normal(size=(1, 2)) / alpha
            yield ls.training_loss(moved, X, Y, ls.RELU)

    H0, A, rows = hs.hessian(weights, X, Y, ls.RELU), rng.normal(size=(P, 5)), []
    for alpha in alphas:
        moved, d = rp.alpha_scale(weights, [alpha, 1 / alpha]), rp.alpha_diagonal(weights, [alpha, 1 / alpha])
        theta, H, J = ls.flatten(moved), hs.hessian(moved, X, Y, ls.RELU), ls.jacobian(moved, X, ls.RELU)[:, 0]
        tangent, D2 = rp.orbit_tangent(moved, [1.0, -1.0]), np.outer(d, d)
        functions = rp.network_loss(moved, X, Y, ls.RELU)
        change = rp.orbit_measures(*functions, H, theta, [18, 6], epsilon, rng=seed)
        rows.append((ls.training_loss(moved, X, Y, ls.RELU), ls.forward(moved, off, ls.RELU)[0, 0],
                     ls.jacobian_rank(moved, X, ls.RELU),
                     np.linalg.norm(J @ tangent) / np.linalg.norm(J, 2) / np.linalg.norm(tangent),
                     max(moved_inactive([W.copy() for W in moved], alpha)),
                     pb.gaussian_kl(theta, posterior(H0) / D2, np.zeros(P), sigma2 * np.eye(P) / D2),
                     *change[4:], *change[:4],
                     rp.epsilon_sharpness(*functions, theta, epsilon, hessian=H, rng=seed, box=True, subspace=A).value,
                     pb.gaussian_kl(theta, posterior(H), np.zeros(P), sigma2 * np.eye(P))))
    yield ("A ReLU net 2-4-1 at zero loss on 8 samples, two more units off, along T_alpha; eps = 0.05. KL: from "
           "N(theta, tau^2 (H + tau^2/sigma^2 I)^-1) to N(0, sigma^2 I), tau = 0.1, sigma = 1.\n")
    yield "    alpha" + " " * 25 + "".join(f"{alpha:9g}" for alpha in alphas)
    table = {"L": ".0e", "f at a point off the data": ".3f", "rank of the Jacobian": "d",
             "|J tangent| / |J||tangent|": ".0e", "largest L, idle units moved": ".0e",
             "KL, prior carried along": ".3f", "rank of the Hessian": "d", "least trace on the orbit": ".3f",
             "norm of (theta_i theta_j H_ij)": ".3f", "sum of theta_i^2 H_ii": ".3f",
             "sharpness, box eps |theta_i|": ".5f", "spectral norm of the Hessian": ".1e",
             "trace of the Hessian": ".1e", "eps-sharpness, ball": ".1e", "  Keskar's box": ".1e",
             "  Keskar's, random subspace": ".1e", "KL, prior kept": ".1f"}
    for k, ((name, form), values) in enumerate(zip(table.items(), zip(*rows))):
        if k in (0, 11):
            yield "  invariant" if k == 0 else "  not invariant"
        yield f"    {name:30}" + "".join(f"{value:9{form}}" for value in values)
    yield ""
    L, f, rank_J, tangent, idle, common, rank_H, least, *scaled, norm, _, _, keskar, _, kept = map(np.array, zip(*rows))
    yield below("beyond", "L on the orbit: in the zero-loss set", L.max(), 1e-24)
    yield below("Dinh Def. 5", "f off the data: range, relative", np.ptp(f) / max(1, np.abs(f).max()), 1e-12)
    yield equal("beyond", "ranks of J and H on the orbit", f"{{{rank}}}", str({*map(int, rank_J), *map(int, rank_H)}))
    yield below("beyond", "its tangent is in the kernel of J", tangent.max(), 1e-13)
    yield below("Fukumizu Prop. 7", "idle units, scaled along, stay flat: L", idle.max(), 1e-24)
    yield below("Dinh Sec. 1", "KL, prior carried along: range", np.ptp(common) / common[2], 1e-9)
    reached = np.trace(hs.hessian(rp.alpha_scale(weights, rp.flattest_alphas(H0, [18, 6])), X, Y, ls.RELU))
    yield below("beyond", "least trace: range, and - trace reached", np.abs(least / reached - 1).max(), 1e-9)
    for name, values in zip(("norm of (theta_i theta_j H_ij)", "sum of theta_i^2 H_ii", "box eps |theta_i|"), scaled):
        yield below("beyond", f"{name}: range", np.ptp(values) / values[2], 1e-6)
    yield within("beyond", "Keskar's box: largest / smallest", "> 2", keskar.max() / keskar.min(), ".0f")
    yield within("Dinh Thm 4", "largest / smallest spectral norm", "> 10", norm.max() / norm.min(), ".0f")
    yield within("Dinh Sec. 1", "KL, prior kept: range", "> 1", np.ptp(kept), ".1f")
    Q, d = np.linalg.qr(A)[0], rp.alpha_diagonal(weights, [1e-3, 1e3])
    scaled = (1e-6 * Q.T @ (d[:, None] * H0 * d) @ Q, Q[:18].T @ H0[:18, :18] @ Q[:18])
    value, limit = (np.linalg.eigvalsh(B)[-1] for B in scaled)
    yield near("Dinh Sec. 4.3", "alpha^2 lambda_1 in a subspace / limit", 1, value / limit, 1e-2)


def title(seed, data):
    """The better net made the sharper one"""
    rng = np.random.default_rng([seed, 24])
    teacher, X, far = [np.array([[1.0, 0.3], [-1.0, 0.5]]), np.array([[1.0, 1.5]])], *rng.normal(size=(2, 100, 2))
    X, truth = X[:5], ls.forward(teacher, far, ls.RELU)
    Y = ls.forward(teacher, X, ls.RELU)
    good = [np.vstack([teacher[0], 0.1 * rng.normal(size=(3, 2))]), np.hstack([teacher[1], np.zeros((1, 3))])]
    starts = ([2 * W for W in ls.random_weights([2, 5, 1], bias=False, rng=[seed, 24, k])] for k in range(1000))
    bad = next(f.weights for f in (ls.fit(start, X, Y, ls.RELU) for start in starts)
               if f.loss < 1e-25 and ls.jacobian_rank(f.weights, X, ls.RELU) == 5)
    yield ("Two ReLU nets 2-5-1 fit five points exactly: A by descent, B the teacher with three spare units. B is "
           "better, and T_alpha(B), the same function, sharper.")
    error = [np.mean((ls.forward(w, far, ls.RELU) - truth) ** 2) for w in (bad, good)]
    A, B, moved = (rp.orbit_measures(*rp.network_loss(w, X, Y, ls.RELU), hs.hessian(w, X, Y, ls.RELU), ls.flatten(w),
                                     [10, 5], 0.05, rng=seed) for w in (bad, good, rp.alpha_scale(good, [0.02, 50.0])))
    yield within("Dinh title", "test error of A - of B", "> 1e-6", error[0] - error[1], ".1e")
    for name, k in (("spectral norm", 0), ("trace", 1), ("sharpness, ball", 2), ("sharpness, Keskar's box", 3)):
        yield within("Dinh title", f"{name}: T_alpha(B) / A", "> 1", moved[k] / A[k], ".1e")
    off = max(abs(new / old - 1) for new, old in zip(moved[5:8], B[5:8]))
    yield below("beyond", "the invariants, of B and T_alpha(B)", off, 1e-6)


def units(seed, data):
    """Unit by unit: what rescaling keeps and gradient flow conserves"""
    rng = np.random.default_rng([seed, 21])
    weights, X, f = live_net([3, 4, 3, 2], True, 30, rng)
    yield ("A ReLU unit's weights w_j times c, its outgoing ones v_j divided by c: the same function. The tangents "
           "t_j = (w_j, -v_j) are orthogonal to the gradient, so gradient flow conserves |w_j|^2 - |v_j|^2, and in "
           "the kernel of the Hessian where that gradient is 0; balance finds the least norm.")
    T, H = rp.unit_tangents(weights), hs.hessian(weights, X, f, ls.RELU)
    g, even = ls.flatten(ls.gradient(weights, X, f + rng.normal(size=f.shape), ls.RELU)), rp.balance(weights)
    moved = [rp.unit_scale(weights, 1, np.exp(rng.normal(size=3))) for _ in range(100)]
    change = largest_change([*moved, even], weights, X, ls.RELU)
    yield below("beyond", "f changes by, 100 rescalings and balance", change, 1e-12)
    off = np.abs(T.T @ g).max() / np.linalg.norm(g) / np.linalg.norm(T)
    yield below("beyond", "<t_j, gradient>, relative", off, 1e-13)
    yield below("beyond", "H t_j at L = 0, relative", np.abs(H @ T).max() / np.abs(H).max() / np.linalg.norm(T), 1e-13)
    differ = rp.unit_tangents(even).T @ ls.flatten(even)            # |w_j|^2 - |v_j|^2, 0 at the least norm alone
    yield below("beyond", "balanced: |w_j|^2 - |v_j|^2", np.abs(differ).max(), 1e-12)


SECTIONS = {section.__name__.replace("_", "-"): section for section in (
    gradient, exact_fit, curvature, zero_loss, noise, regular_values, graphs, embedded, layers, escape, one_output,
    zero_error, way_back, decay, patterns, pac_bayes, experiment, accounts, alpha_scale, units, sharpness, orbit,
    title)}

# ------------------------------------------------------------------ the story, told by `python demo.py`

def six_points(seed, steps=0):
    """Six points of sin(2 x), and the nets of a walk that starts at a tanh net 1-12-1 fitted to them exactly."""
    rng = np.random.default_rng([seed, 12])
    X = np.linspace(-1.7, 1.7, 6)[:, None] + rng.uniform(-0.2, 0.2, size=(6, 1))
    Y = np.sin(2 * X)
    fits = (ls.fit(ls.random_weights([1, 12, 1], rng=[seed, k]), X, Y, ls.TANH) for k in range(100))
    start = next(f.weights for f in fits if f.converged and f.loss < 1e-20)
    return X, Y, ls.walk_zero_loss(start, X, Y, ls.TANH, steps=steps, length=1.0, rng=seed)


def story_fit(seed):
    """1. More weights than data: a net that fits"""
    X, Y, [net] = six_points(seed)
    P, n = ls.flatten(net).size, len(X)
    yield (f"Six points of the curve sin 2x, and nets f with one hidden layer. 12 tanh units have P = {P} weights, "
           f"biases included (all together: theta), far more than there are points, n = {n}. The loss L(theta) is "
           "half the sum of squared errors. Two ways to L = 0: in closed form, by units relu(z) = max(z, 0), one of "
           "which switches on before each point in turn: their outgoing weights solve a triangular system; or by "
           "descent from random ones.")
    closed = ls.interpolate(X, Y, ls.RELU, rng=seed)
    for source, name, w, act in (("Cooper Lemma 3.3", "in closed form, 6 ReLU", closed, ls.RELU),
                                 ("beyond", "by descent, 12 tanh", net, ls.TANH)):
        yield equal(source, f"points fitted: {name}", n, (np.abs(ls.forward(w, X, act) - Y) < 1e-12).sum())
    yield "So a net with a unit for each point fits anything; the question is which fit."


def story_walk(seed):
    """2. The nets that fit form a surface: walk on it"""
    X, Y, path = six_points(seed, 300)
    net, theta, n, P = path[0], ls.flatten(path[0]), len(X), 37
    yield (f"L = 0 is {n} equations in {P} unknowns, f = y at each point. Where their Jacobian J = df/dtheta has rank "
           f"{n}, the solutions form a smooth surface Z of P - n = {P - n} dimensions, and the Hessian of L there, "
           "the matrix of second derivatives, is J^T J: one positive eigenvalue for each point, the others zero.")
    B, H = ls.tangent_basis(net, X, ls.TANH), hs.hessian(net, X, Y, ls.TANH)
    yield equal("Cooper Thm 2.1", "dimensions of Z at the fitted net", P - n, B.shape[1])
    yield equal("Cooper Prop. 2.3", "eigenvalues >, <, = 0 of the Hessian", f"{n} 0 {P - n}", counts(hs.inertia(H)))
    yield ("\nA random walk on Z (a step along a random tangent, then back to L = 0):\n\n"
           "    step  distance  loss L  largest eigenvalue  f(2.6), where sin 2x is -0.88")
    for k in range(0, 301, 75):
        w = path[k]
        top, f = np.linalg.eigvalsh(hs.hessian(w, X, Y, ls.TANH))[-1], ls.forward(w, [[2.6]], ls.TANH)[0, 0]
        yield (f"    {k:4d}  {np.linalg.norm(ls.flatten(w) - theta):8.1f}  {ls.training_loss(w, X, Y, ls.TANH):6.0e}"
               f"  {top:18.0f}  {f:29.2f}")
    off = [ls.forward(w, [[2.6]], ls.TANH) for w in path]
    yield ""
    yield within("beyond", "range of f(2.6) on the way", "> 0.01", np.ptp(off), ".2f")
    yield equal("Cooper Thm 2.1", "ranks of J met on the way", "{6}",
                str({ls.jacobian_rank(w, X, ls.TANH) for w in path[::20]}))
    yield ("So a minimum of a wide net is not a point but part of a surface. Its nets all fit the data; they differ "
           "in the largest eigenvalue, and off the data.")


def story_embed(seed):
    """3. A minimum of a narrow net inside a wider one: saddle or flat"""
    narrow, X, Y = narrow_minimum(ls.TANH, seed)
    L, lam = ls.training_loss(narrow, X, Y, ls.TANH), np.array([0.6, 0.4])
    yield ("What becomes of a minimum in a wider net? A net of 2 tanh units and 2 outputs, too narrow for its 30 "
           f"noisy points, is at a strict minimum, L = {L:.3f}. Split a unit in two: both keep its input weights u, "
           "and share its outgoing ones, zeta, as 0.6 zeta and 0.4 zeta. The function is the same, L's slope still "
           "0. What the Hessian gains is told by two small matrices of the narrow net,")
    yield ("\n    F = sum delta phi'(u.x) x^T,    G = sum (delta.zeta) phi''(u.x) x x^T,\n\n"
           "sums over the points, x ending in -1 for the bias, phi = tanh, delta the slope of a point's loss in the "
           "outputs. 5 new weights add 5 eigenvalues to the 12 positive ones; unless F = 0, some of the 5 are positive "
           "and some negative.")
    F, G = hs.replication_curvature(narrow, X, Y, ls.TANH, ls.SQUARE, 0, 0)
    wide, A = em.replicate_unit(narrow, 0, 0, lam), em.complement(lam)
    H = hs.hessian(wide, X, Y, ls.TANH)
    tol = 1e-9 * np.linalg.norm(H, 2)                               # true zeros lie at 1e-15, the others above 1e-5
    base = hs.inertia(hs.hessian(narrow, X, Y, ls.TANH), tol)
    predicted = [a + b for a, b in zip(base[:3], hs.predicted_inertia(F, G, lam, tol=tol))]
    yield equal("Fukumizu Thm 5", "tanh, split: eigenvalues >, <, = 0", counts(predicted), counts(hs.inertia(H, tol)))
    way, t = hs.escape_direction(F, G, A, lam), 1e-3
    d = em.omega_basis(narrow, 0, 0, lam, A)[:, ls.flatten(narrow).size:] @ np.append(way.xi, way.eta)
    points = ls.flatten(wide) + t * np.array([d, -d])
    fall = losses(points, wide, X, Y, ls.TANH).mean() - L
    yield near("beyond", "change of L on the way down, in 1e-8", way.curvature * t ** 2 / 2 * 1e8, fall * 1e8,
               0.02 * abs(fall) * 1e8)
    low = min(hs.minimize(ls.unflatten(point, wide), X, Y, ls.TANH, iterations=300).loss for point in points)
    yield Check("Fukumizu Thm 5", "L reached by descent from there", f"< {L:.3f}", f"{low:.3f}", low < L - 1e-6)
    narrow, X, Y = narrow_minimum(ls.RELU, seed)
    off = em.inactive_relu_units(narrow, 0, np.ones((1, 2)), X)
    H, L = hs.hessian(off, X, Y, ls.RELU), ls.training_loss(narrow, X, Y, ls.RELU)
    base, got = (hs.inertia(h, 1e-9 * np.linalg.norm(H, 2)) for h in (hs.hessian(narrow, X, Y, ls.RELU), H))
    yield (f"\nA ReLU net of the same shape has a minimum at L = {L:.3f}, with {base[0]} positive eigenvalues and "
           f"{base[2]} zeros (each unit can be rescaled). Add a unit that is off, its input negative at every point: "
           "its 5 weights can move, and L stays.")
    yield equal("Fukumizu Thm 9", "ReLU, one off: eigenvalues >, <, = 0", counts((*base[:2], base[2] + 5)), counts(got))
    yield ("So splitting a unit makes a saddle of the minimum, with a way out that is known beforehand, and a unit "
           "that is off makes a flat valley of it.")


def story_noise(seed):
    """4. What spare units cost when the weights are noisy"""
    nodes, p = pb.uniform_nodes()
    yield ("What is flatness worth? Some bounds on the error on new data (PAC-Bayes) are better for nets that keep "
           "their loss when the weights are disturbed. Take a net of 5 units, and spare units that do nothing: tanh "
           "units with incoming weights 0, or ReLU units that are off, their outgoing weights random, of variance 1. "
           "Every weight gets normal noise, of deviation 1% of the first net's norm. Spare units raise the mean "
           "squared change of f by a factor of (10,000 draws; standard error below 2%):")
    for act, w0 in ((ls.TANH, None), (ls.RELU, np.array([0.0, 2.0]))):
        net = [2 * W for W in ls.random_weights([1, 5, 1], bias=[True, False], rng=[seed, 5])]
        setting, spare = (net, nodes, ls.forward(net, nodes, act), act, [0, 5, 45]), {"p": p, "w0": w0}
        measured = pb.generalization_ratio(*setting, **spare, trials=10_000, rng=seed)
        predicted = pb.predicted_ratio(*setting, **spare)
        for k, E in ((1, 5), (2, 45)):
            yield near("beyond", f"{act.name}, {E} spare units: factor", predicted[k], measured.ratio[k],
                       max(0.01, 5 * measured.error[k]))
    yield "So each spare tanh unit adds the same cost, a ReLU unit that stays off none."


def along_alpha(alphas, seed):
    """A ReLU net of zero loss on 12 points: for each alpha the net, its Hessian, f off the data and two sharpnesses."""
    rng = np.random.default_rng([seed, 20])
    X, net = rng.normal(size=(12, 2)), ls.random_weights([2, 6, 1], bias=False, rng=rng)
    Y, far = ls.forward(net, X, ls.RELU), 3 * rng.normal(size=(1, 2))
    for alpha in alphas:
        w = rp.alpha_scale(net, [alpha, 1 / alpha])
        H, theta, (L, slope) = hs.hessian(w, X, Y, ls.RELU), ls.flatten(w), rp.network_loss(w, X, Y, ls.RELU)
        ball = rp.epsilon_sharpness(L, slope, theta, 0.1, hessian=H, starts=4, rng=seed).value
        percent = rp.epsilon_sharpness(L, slope, theta, 0.1, hessian=H, subspace=np.diag(theta),     # theta_i (1 + y_i)
                                       box=np.full(theta.size, 0.1), starts=4, rng=seed).value
        yield w, H, ls.forward(w, far, ls.RELU)[0, 0], ball, percent


def story_scale(seed):
    """5. Yet flatness is in the eye of the parametrisation"""
    alphas, rows = (0.125, 1.0, 8.0), []                            # powers of 2 round nothing: the same ascents
    yield ("A ReLU net with L = 0 on 12 points. Multiply its first layer by alpha and divide the second by it: as "
           "relu(alpha z) = alpha relu(z), the function stays. H is the Hessian, its trace the sum of the "
           "eigenvalues; sharpness is the largest rise of L found, first within 0.1 of theta, then with each weight "
           "changed by 10% at most. The trace is t_1 / alpha^2 + t_2 alpha^2, with t_k that of the block of layer k "
           "at alpha = 1.")
    for w, H, f, ball, percent in along_alpha(alphas, seed):
        scaled = (ls.flatten(w) ** 2 * np.diag(H)).sum()
        rows.append((f, hs.inertia(H).positive, np.trace(H), ball, scaled, percent))
    yield "\n    alpha" + " " * 32 + "".join(f"{alpha:11g}" for alpha in alphas)
    for name, values in zip(("f at a point off the data", "rank of H", "trace of H", "sharpness, within 0.1",
                             "sum of theta_i^2 H_ii", "sharpness, each weight within 10%"), zip(*rows)):
        yield f"    {name:37}" + "".join(f"{value:11.4g}" for value in values)
    yield ""
    _, _, trace, _, scaled, box = np.array(rows).T
    w, H, *_ = next(along_alpha([1.0], seed))
    t = [block.sum() for block in ls.unflatten(np.diag(H), w)]
    yield near("Dinh Thm 4", "trace of H at alpha = 8", t[0] / 64 + t[1] * 64, trace[2], 1e-6 * trace[2])
    yield near("beyond", "sum theta_i^2 H_ii: largest / smallest", 1, scaled.max() / scaled.min(), 1e-9)
    yield near("beyond", "sharpness in 10%: largest / smallest", 1, box.max() / box.min(), 1e-6)
    yield ("So trace and sharpness within 0.1 measure the weights and not the function; the last two rows, where "
           "each weight is its own yardstick, stay the same.")


def story_descent(seed):
    """6. Where noise leads: to flatter nets on the surface"""
    X, Y, (*_, start) = six_points(seed, 100)
    nets = ls.descend_zero_loss(start, X, Y, ls.TANH, steps=100, length=0.5)
    T = [(ls.jacobian(w, X, ls.TANH) ** 2).sum() for w in (nets[0], nets[-1])]
    yield ("Noise in the labels makes training drift along Z to smaller T, the trace of H: so theory says (Blanc et "
           "al. 2020). Here without noise: from step 100 of the walk down the gradient of T, and back to L = 0 after "
           "each step.")
    yield equal("beyond", "nets on the way that fit all points", len(nets),
                sum(ls.training_loss(w, X, Y, ls.TANH) < 1e-24 for w in nets))
    yield Check("beyond", "T at the end", f"< {T[0]:.0f}", f"{T[1]:.0f}", T[1] < T[0])
    slopes = [np.abs(ls.input_jacobian(w, X, ls.TANH)).mean() for w in (nets[0], nets[-1])]
    yield (f"The mean slope |df/dx| at the points was {slopes[0]:.2f}, and is {slopes[1]:.2f}.\n"
           "So noise is known to prefer small T, as a rule with smaller slopes at the data; between the points "
           "nothing is asked.")


STORY = (story_fit, story_walk, story_embed, story_noise, story_scale, story_descent)
TAKEAWAYS = (
    "With more weights than data the nets of zero loss form a surface of dimension P - n, wherever J has rank n.",
    "Where F is not 0, splitting a unit makes a saddle of a minimum; a ReLU unit that is off makes it flat.",
    "Where weights are noisy, spare units that stay off cost nothing; tanh units with incoming weights 0 do cost.",
    "Flatness as usually measured changes when a ReLU net is rescaled; in units of the weights it does not.",
    "Noise in the labels, says theory, moves nets along that surface to smaller trace; here they were led there.",
)


# ------------------------------------------------------------------ figures, for --figures DIR only

STYLE = {"figure.constrained_layout.use": True, "figure.figsize": (7, 3.2), "font.size": 9, "axes.titlesize": 10,
         "legend.frameon": False, "legend.fontsize": 8, "lines.linewidth": 1.2, "lines.markersize": 5,
         "axes.prop_cycle": "cycler('color', ['black'])", "pdf.fonttype": 42}    # 42: TrueType, text stays text
OPEN = {"mfc": "white", "mec": "black", "ls": "none"}


def figure_walk(plt, seed):
    """Cooper Thm 2.1: nets met on a random walk on the zero-loss set. All go through the six points (left); where there
    are no data they part, as two outputs show (right)."""
    (X, Y, path), grid = six_points(seed, 300), np.linspace(-2.6, 2.6, 301)[:, None]
    seen = np.array([ls.forward(w, grid[[0, -1]], ls.TANH)[:, 0] for w in path])
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3.4), width_ratios=(1.1, 1))
    right.plot(*seen.T, color="0.8", lw=0.6, zorder=0)
    points = right.scatter(*seen.T, c=np.arange(301), s=9, vmax=320)                        # no yellow on white
    fig.colorbar(points, label="step", aspect=40).ax.set_ylim(0, 300)
    for k in range(0, 301, 5):
        left.plot(grid, ls.forward(path[k], grid, ls.TANH), color=points.to_rgba(k), lw=0.8, alpha=0.8)
    for k, style, marker, name in ((0, "-", "o", "start"), (-1, "--", "s", "end")):
        left.plot(grid, ls.forward(path[k], grid, ls.TANH), ls=style, lw=1.8, label=name)
        right.plot(*seen[k], marker, ms=9, mew=2, label=name, **OPEN)
    left.plot(X, Y, "o", ms=7, mew=1.5, zorder=3, label="data", **OPEN)
    left.set(xlabel="$x$", ylabel=r"$f(x;\,\theta)$", title="every net fits the six points", xlim=(-2.6, 2.6))
    largest = max(ls.training_loss(w, X, Y, ls.TANH) for w in path)
    right.set(xlabel=r"$f(-2.6;\,\theta)$", ylabel=r"$f(2.6;\,\theta)$", title=rf"300 steps, $\max L$ = {largest:.0e}")
    left.legend(loc="upper center")
    right.legend(loc="upper left")


def figure_descent(plt, seed):
    """Beyond the papers: from the end of the walk along the zero-loss set to smaller T = tr J^T J, the trace of the
    Hessian. As a rule the net becomes more level at the data, and need not be simple between them."""
    (X, Y, (*_, start)), grid = six_points(seed, 300), np.linspace(-2.6, 2.6, 301)[:, None]
    nets = ls.descend_zero_loss(start, X, Y, ls.TANH, steps=250, length=0.5)
    _, (left, right) = plt.subplots(1, 2, width_ratios=(1.5, 1))
    for k, name, style in ((0, "before", {"color": "0.6"}), (-1, "after", {"lw": 1.8})):
        slope = np.abs(ls.input_jacobian(nets[k], X, ls.TANH)).mean()
        left.plot(grid, ls.forward(nets[k], grid, ls.TANH), label=f"{name}: mean |f'| at the data {slope:.1f}", **style)
    left.plot(X, Y, "o", ms=7, mew=1.5, zorder=3, **OPEN)
    left.set(xlabel="$x$", ylabel=r"$f(x;\,\theta)$", title="both fit the six points", xlim=(-2.6, 2.6), ymargin=0.25)
    left.legend(loc="upper left")
    right.plot([(ls.jacobian(w, X, ls.TANH) ** 2).sum() for w in nets])
    right.set(xlabel="step", ylim=(0, None), title="$T$ falls, the loss stays 0")


def figure_surface(plt, seed):
    """Fukumizu Thm 5 and 9: the loss around a minimum embedded in a wider net, over the outgoing weights xi and the
    incoming ones eta of a new unit. A replicated tanh unit makes a saddle, and the way down from it is predicted
    (dashed); a ReLU unit that is off makes a trough with a level floor."""
    narrow, X, Y = narrow_minimum(ls.TANH, seed)
    lam, A = np.array([0.6, 0.4]), em.complement([0.6, 0.4])
    way = hs.escape_direction(*hs.replication_curvature(narrow, X, Y, ls.TANH, ls.SQUARE, 0, 0), A, lam)
    parts = np.array([np.append(way.xi, 0 * way.eta), np.append(0 * way.xi, way.eta)])
    size = np.linalg.norm(parts, axis=1)
    axes = parts / size[:, None] @ em.omega_basis(narrow, 0, 0, lam, A)[:, ls.flatten(narrow).size:].T
    saddle = em.replicate_unit(narrow, 0, 0, lam), X, Y, ls.TANH, axes
    narrow, X, Y = narrow_minimum(ls.RELU, seed)
    wide = em.inactive_relu_units(narrow, 0, np.full((1, 2), 0.5 ** 0.5), X, K=0.12)
    axes = np.array([ls.flatten([0 * wide[0], wide[1] * [0, 0, 1, 0]]),                     # v, then w_2, of unit 3
                     ls.flatten([np.outer([0, 0, 1], [0, 1, 0]), 0 * wide[1]])])
    trough = wide, X, Y, ls.RELU, axes
    fig, side = plt.figure(figsize=(9, 5.8)), np.linspace(-0.4, 0.4, 81)
    (a, b), ends = np.meshgrid(side, side), {"xticks": [-0.4, 0, 0.4], "yticks": [-0.4, 0, 0.4]}
    levels = [-6, -4, -2, -0.5, 0.5, 2, 5, 10, 20, 40, 80]
    color = {"norm": plt.matplotlib.colors.BoundaryNorm(levels, 256), "cmap": "viridis"}
    for row, (weights, X, Y, act, axes), line, curvature, name, along in (
            (0, saddle, size, way.curvature, "tanh, replicated: a saddle", r"$t$, along the predicted direction"),
            (3, trough, np.array([0, 1]), 0, "ReLU, off on the data: a trough", r"$\eta$, at $\xi = 0$")):
        t = side / line.max()
        theta, L = ls.flatten(weights), ls.training_loss(weights, X, Y, act)
        z, cut = (1000 * (losses(theta + np.stack(at, axis=-1) @ axes, weights, X, Y, act) - L)
                  for at in ((a, b), np.outer(line, t)))
        ax = fig.add_subplot(2, 3, row + 1, projection="3d")
        ax.plot_surface(a, b, z, edgecolor="black", linewidth=0.15, rcount=27, ccount=27, **color)
        ax.plot(*np.outer(line, t), cut + 0.3, ls="--", zorder=9)
        ax.set(xlabel=r"$\xi$", ylabel=r"$\eta$", title=name, **ends)
        ax = fig.add_subplot(2, 3, row + 2)
        fig.colorbar(ax.contourf(a, b, z, levels=levels, extend="both", **color), ticks=levels, format="%g", shrink=0.9)
        ax.contour(a, b, z, levels=levels, colors="black", linewidths=0.4, linestyles="solid")
        ax.plot(*np.outer(line, t), color="white", lw=2.5)
        ax.plot(*np.outer(line, t), ls="--")
        ax.set(xlabel=r"$\xi$", ylabel=r"$\eta$", title=r"$1000\,(L - L_*)$", **ends)
        ax = fig.add_subplot(2, 3, row + 3)
        ax.plot(t, cut, label="measured")
        ax.plot(t, 1000 * curvature * t ** 2 / 2, color="0.5", ls="--", label="predicted curvature")
        ax.set(xlabel=along, ylim=(-7, 3 if row == 0 else 80), title="along the dashed line")
        ax.legend(loc="upper center")


def figure_turn(plt, seed):
    """Fukumizu Thm 11, on the plane of Fig. 4: a unit of a net with one output becomes two, lambda = (1 - s, s). L is
    the same for all s; where G > 0 it is a minimum between s = 0 and 1 and a saddle outside, else the other way."""
    s, (_, axes) = np.linspace(-0.5, 1.5, 81), plt.subplots(1, 2)
    for ax, sign in zip(axes, (1, -1)):
        narrow, X, Y = designed_minimum((sign, sign), seed)
        wide = [em.replicate_unit(narrow, 0, 0, [1 - part, part]) for part in s]
        ax.plot(s, [1000 * np.linalg.eigvalsh(hs.hessian(w, X, Y, ls.TANH))[0] for w in wide])
        for a, b in ((-0.5, 0), (0, 1), (1, 1.5)):
            name, grey = ("minimum", "0.9") if (a == 0) == (sign == 1) else ("saddle", "1")
            ax.axvspan(a, b, color=grey, lw=0, zorder=0)
            ax.text((a + b) / 2, 0.03, name, ha="center", fontsize=8, transform=ax.get_xaxis_transform())
        spread = np.ptp([ls.training_loss(w, X, Y, ls.TANH) for w in wide])
        ax.set(xlabel=r"$s$, with $\lambda = (1 - s, s)$", xlim=(-0.5, 1.5), ymargin=0.15,
               title=f"$G {'<>'[sign > 0]} 0$; $L$ the same to {spread:.0e}")
    axes[0].set_ylabel(r"least eigenvalue of $\nabla^2 L$, times 1000")


def figure_spectra(plt, seed):
    """Fukumizu Thm 5 and 9: eigenvalues of the Hessian at a minimum, and where it is embedded in wider nets. Replicated
    tanh units add eigenvalues of both signs, ReLU units that are off add zeros only."""
    fig, axes = plt.subplots(1, 2, figsize=(7, 3.4), sharex=True, sharey=True)
    for ax, act, title in zip(axes, (ls.TANH, ls.RELU), ("tanh, replicated: a saddle", "ReLU, off on the data: flat")):
        narrow, X, Y = narrow_minimum(act, seed)
        wide = (em.replicate_unit(narrow, 0, 0, [0.5, 0.3, 0.2]) if act is ls.TANH else
                em.inactive_relu_units(narrow, 0, np.ones((2, 2)), X))
        ax.axvline(0, color="0.7", lw=0.8, zorder=0)
        for net, marker, name in ((wide, "o", "wide net, 2-4-2"), (narrow, "x", "narrow net, 2-2-2")):
            values = np.linalg.eigvalsh(hs.hessian(net, X, Y, act))
            values[np.abs(values) < 1e-9 * values[-1]] = 0
            ax.plot(values, np.arange(1, len(values) + 1), marker, label=name, **OPEN)
        ax.set_xscale("symlog", linthresh=1e-4)
        ax.set(title=title, xlabel=r"eigenvalue $\lambda$ of $\nabla^2 L$", xticks=[-0.01, 0, 0.01, 1, 100])
    axes[0].set_ylabel(r"number of eigenvalues $\leq \lambda$")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)


def figure_fit(plt, seed):
    """Fukumizu Fig. 2(a): ten noisy points of a teacher's function, and nets of five units through all of them. Of the
    nets of zero error found these have the smallest weights; they fit the noise too."""
    shown = figure_2(seed, ["ReLU", "tanh"]).experiment
    x, grid, (_, axes) = shown.x[:, None], np.linspace(-1, 1, 801)[:, None], plt.subplots(1, 2)
    for ax, name in zip(axes, ("ReLU", "tanh")):
        act, net = FIG_2[name][0], shown.nets[name]
        ax.plot(grid, act.f(grid), color="0.6", ls="--", label="teacher")
        ax.plot(grid, ls.forward(net, grid, act), label="5 units, zero error")
        ax.plot(x, act.f(x) + shown.eps[:, None], "o", label="data", **OPEN)
        ax.set(title=name, xlabel="$x$", ylabel="$f(x)$")
    axes[0].legend()


def figure_ratio(plt, seed):
    """Fukumizu Fig. 2(b): generalisation error under noise in the weights, by width, relative to 5 units. Spare tanh
    units cost in proportion to their number, as the closed form says; ReLU and smooLU units that are off cost none."""
    shown, (_, ax) = figure_2(seed), plt.subplots(figsize=(5, 3.4))
    for name, marker, shift in (("tanh", "o", 0), ("ReLU", "s", -0.5), ("smooLU", "^", 0.5)):
        measured = shown.measured[name]
        ax.plot(shown.widths, shown.predicted[name], lw=0.9, label="closed form" if name == "tanh" else None)
        ax.errorbar(shown.widths + shift, measured.ratio, 2 * measured.error, fmt=marker, mfc="white", capsize=2,
                    label=f"{name}, 1000 trials")
    ax.set(xlabel="units $H$ (bars: two standard errors)", ylabel=r"$E\,G(N_H)\,/\,E\,G(N_5)$", ylim=(0, None))
    ax.legend()


def figure_flatness(plt, seed):
    """Dinh Fig. 1: two measures of how flat one minimum is, its width at a height and its height at a width."""
    L = lambda t: t ** 2 * (t ** 2 / 4 - t / 2 + 1) / 2             # noqa: E731
    dL, t, epsilon = lambda t: t ** 3 / 2 - 0.75 * t ** 2 + t, np.linspace(-1.6, 2.4, 2001), 0.3
    low, inside = t[L(t) < epsilon], t[np.abs(t) <= 1]
    sharp = rp.epsilon_sharpness(lambda s: float(L(s[0])), dL, np.zeros(1), 1.0, rng=seed)
    _, axes = plt.subplots(1, 2, sharey=True)
    for ax in axes:
        ax.plot(t, L(t))
        ax.set(xlabel=r"$\theta$", ylim=(-0.15, 1.7))
    axes[0].fill_between(low, L(low), epsilon, color="0.8")
    axes[0].plot(low[[0, -1]], [epsilon, epsilon], lw=3)
    axes[0].set(ylabel=r"$L(\theta)$", title=rf"$\epsilon$-flatness: width {np.ptp(low):.2f} at height {epsilon}")
    axes[1].fill_between(inside, L(inside), sharp.value, color="0.8")
    axes[1].vlines(sharp.point[0], 0, sharp.value, color="black", lw=3)
    axes[1].set(title=rf"$\epsilon$-sharpness: height {sharp.value:.2f} at width 2")


def two_weights(plt, size, a, b, levels):
    """f = theta_2 relu(theta_1 x) on three points: a minimum, axes, level curves of the loss, dark where low."""
    x, (a, b), (_, ax) = np.array([-1.0, 0.5, 1.0]), np.meshgrid(a, b), plt.subplots(figsize=size)
    z = ((b[..., None] * ls.relu(a[..., None] * x) - ls.relu(x)) ** 2).sum(axis=-1) / 2
    ax.contourf(a, b, z, levels=[0, *levels], colors=[str(grey) for grey in np.linspace(0.75, 0.97, len(levels))])
    ax.set(xlabel=r"$\theta_1$", ylabel=r"$\theta_2$")
    return [np.ones((1, 1)), np.ones((1, 1))], ax, ax.contour(a, b, z, levels=levels, colors="0.4", linewidths=0.7)


def figure_orbit(plt, seed):
    """Dinh Fig. 2: alpha-scale moves a minimum along the dots; the function is the same at all of them, and the level
    curves come as near as they like."""
    side, alpha, levels = np.linspace(0.02, 4.4, 300), np.geomspace(0.25, 4, 9), np.array([0.05, 0.5, 2, 5, 10, 20])
    _, ax, curves = two_weights(plt, (4.4, 4), side, side, levels)
    diagonal = np.sqrt(1 + np.sqrt(1.6 * levels))                   # where L is at that level
    ax.clabel(curves, fmt="%g", colors="black", manual=[(d, d) for d in diagonal])
    ax.plot(alpha, 1 / alpha, "o", label=r"$T_\alpha(1, 1)$: one function")
    ax.set(aspect="equal", title=r"level curves of $L(\theta_1, \theta_2)$")
    ax.legend(loc="upper right", frameon=True, framealpha=1)


def figure_boxes(plt, seed):
    """Dinh Fig. 3: alpha-scale makes of one box disjoint ones of equal volume, on each L takes the same values, without
    end. So the volume of low loss around a minimum is infinite."""
    weights, ax, _ = two_weights(plt, (5, 3.4), np.geomspace(0.4, 1500, 300), np.geomspace(1e-3, 4, 300), [0.02, 0.2])
    boxes = rp.flat_boxes(weights, 0.3, 5)
    for k, (r1, r2) in enumerate(boxes.radii):
        x, y = boxes.alpha ** k, boxes.alpha ** -k
        ax.add_patch(plt.Rectangle((x - r1, y - r2), 2 * r1, 2 * r2, fill=False, lw=1.5))
        ax.annotate(rf"$T_\alpha^{k} B$" if k else "$B$", (x + r1, y + r2), xytext=(3, 2), textcoords="offset points")
    ax.set(xscale="log", yscale="log",
           title=rf"$\alpha$ = {boxes.alpha:.2f}: each box has the volume {np.exp(boxes.log_volumes[0]):.2f}")


def figure_ball(plt, seed):
    """Dinh Fig. 4: alpha-scale takes a minimum to an equivalent one whose ball of the same radius reaches a constant
    function. So sharpness in a ball can be made as large as the loss of a constant."""
    levels, radius = [0.01, 0.05, 0.2, 0.6, 1.5, 4], 0.5
    weights, ax, _ = two_weights(plt, (4.4, 4), np.linspace(-0.3, 3, 300), np.linspace(0, 3, 300), levels)
    for x, name in ((1, r"$\theta$"), (rp.alpha_to_constant(weights, radius), r"$T_\alpha\theta$")):
        ax.plot(x, 1 / x, "o", ms=4)
        ax.add_patch(plt.Circle((x, 1 / x), radius, fill=False))
        ax.annotate(name, (x, 1 / x), xytext=(5, 4), textcoords="offset points")
    ax.axvline(0, ls="--", lw=0.8)
    ax.annotate("f constant", (0, 2.9), xytext=(4, -4), textcoords="offset points", va="top")
    ax.set(aspect="equal", title=rf"balls of radius $\epsilon$ = {radius}")


def figure_power(plt, seed):
    """Dinh Fig. 5: one loss in three coordinates; a minimum is made sharper or flatter than the others. The dots are
    the same points theta, at equal distances on the left."""
    L = lambda t: (np.cos(2 * np.pi * t) + 1) / 2 + 0.01 * t ** 2   # noqa: E731
    theta, fine, center, b = np.linspace(-2, 3, 41), np.linspace(-2, 3, 4001), 0.5, 0.1
    _, axes = plt.subplots(1, 3, figsize=(7.5, 2.7), sharey=True)
    for ax, a, name in zip(axes, (0, 0.5, -0.3), ("as it was", "sharper", "flatter")):
        ax.plot(rp.power_inverse(fine, center, a, b), L(fine), lw=1)
        ax.plot(rp.power_inverse(theta, center, a, b), L(theta), "o", ms=3)
        ax.axvline(0, color="0.6", ls="--", zorder=0)
        ax.set(xlabel=rf"$\eta = (|\theta-\hat\theta|^2 + {b})^{{{a}}}\,(\theta-\hat\theta)$",
               title=f"{name}: curvature times {b ** (-2 * a):.2g}")
    axes[0].set(xlabel=r"$\eta = \theta - \hat\theta$", ylabel="$L$", title="as it was")


def figure_radial(plt, seed):
    """Dinh Fig. 6: the radial map moves points inside a ball only. It takes the sphere of radius r-hat to that of
    radius rho, and leaves alone what lies beyond delta."""
    rhat, delta, rho, r, fine = 0.5, 1.0, 0.2, np.linspace(0, 1.25, 251), np.linspace(-1.25, 1.25, 501)
    _, (left, right) = plt.subplots(1, 2)
    left.plot(r, r, color="0.6", ls=":", label="left alone")
    left.plot(r, rp.radial_psi(r, rhat, delta, rho), label=r"$\psi$")
    left.plot([rhat, rhat, 0], [0, rho, rho], color="0.6", lw=0.8)
    left.set(xlabel=r"radius in $\theta$", ylabel=r"radius in $\eta$", xticks=[0, rhat, delta], yticks=[0, rho, delta],
             xticklabels=["0", r"$\hat r$", r"$\delta$"], yticklabels=["0", r"$\rho$", r"$\delta$"], aspect="equal",
             xlim=(0, 1.25), ylim=(0, 1.25), title="how far from the center")
    left.legend(loc="upper left")
    for s in fine[::25]:
        line = np.column_stack([np.full_like(fine, s), fine])
        for way in (line, line[:, ::-1]):
            right.plot(*rp.radial_inverse(way, np.zeros(2), rhat, delta, rho).T, color="0.5", lw=0.6)
    for radius, style, letter in ((rho, "-", r"$\rho$"), (delta, "--", r"$\delta$")):
        right.add_patch(plt.Circle((0, 0), radius, fill=False, ls=style, lw=1.5))
        right.annotate(letter, (0, radius), ha="center", va="center", bbox={"fc": "white", "ec": "none", "pad": 1})
    right.set(aspect="equal", xlabel=r"$\eta_1$", ylabel=r"$\eta_2$", title=r"a grid of $\theta$ carried over")


def figure_sharpness(plt, seed):
    """Dinh Thm 4 and beyond: measures of flatness along the alpha-orbit, where the function is one. Those with one
    ruler for all weights grow without bound (lines), those that scale with each weight or layer stay (markers)."""
    alphas, columns = np.geomspace(1 / 32, 32, 17), []
    for w, H, _, *sharp in along_alpha(alphas, seed):
        layers = [(W ** 2).sum() * D.sum() for W, D in zip(w, ls.unflatten(np.diag(H), w))]
        columns.append((np.linalg.norm(H, 2), np.trace(H), *sharp, ls.flatten(w) ** 2 @ np.diag(H), *layers))
    rows, (_, ax) = np.array(columns).T, plt.subplots(figsize=(5.5, 3.8))
    for row, style, size, name in zip(rows, ("k-", "k--", "k:", "kx", "k.", "ko", "ks"), (1, 1, 1, 6, 3, 8, 11), (
            r"$\|H\|_2$", r"$\mathrm{tr}\,H$", r"sharpness, $\theta$ within 0.1", "sharpness, each weight within 10%",
            r"$\Sigma\,\theta_i^2 H_{ii}$", *(rf"$|\theta_{k}|^2\,\mathrm{{tr}}\,H_{{{k}{k}}}$" for k in (1, 2)))):
        ax.loglog(alphas, row / row[len(row) // 2], style, mfc="none", ms=size, markevery=2, label=name)
    ax.set(xlabel=r"$\alpha$", ylabel=r"at $T_\alpha(\theta)$, relative to $\alpha = 1$", ylim=(0.5, None))
    ax.legend(loc="upper center")


FIGURES = {"walk": figure_walk, "descent": figure_descent, "surface": figure_surface, "spectra": figure_spectra,
           "fukumizu_2a": figure_fit, "fukumizu_2b": figure_ratio, "fukumizu_4": figure_turn,
           "dinh_1": figure_flatness, "dinh_2": figure_orbit, "dinh_3": figure_boxes, "dinh_4": figure_ball,
           "dinh_5": figure_power, "dinh_6": figure_radial, "sharpness": figure_sharpness}


def draw(directory, seed):
    """Draw every figure into DIR, as NAME.png and NAME.pdf, with a README.md that says what they show."""
    try:
        import matplotlib.pyplot as plt
        plt.switch_backend("agg")                                   # no window, no display
    except ImportError:
        raise ValueError("--figures needs matplotlib, which is not installed: pip install matplotlib") from None
    captions = "# Figures\n\nDrawn by `python demo.py --figures DIR`.\n"
    try:
        os.makedirs(directory, exist_ok=True)
        for name, figure in FIGURES.items():
            with plt.rc_context(STYLE):
                figure(plt, seed)
                picture = plt.gcf()
                picture.savefig(os.path.join(directory, f"{name}.png"), dpi=160, metadata={"Software": None})
                picture.set_layout_engine("none")                   # once is enough
                picture.savefig(os.path.join(directory, f"{name}.pdf"), metadata={"CreationDate": None})
                plt.close()
            caption = " ".join(figure.__doc__.split())
            print(wrapped(f"{name}: {caption}"), flush=True)
            captions += f"\n## {name}\n\n![{name}]({name}.png)\n\n{caption}\n"
        with open(os.path.join(directory, "README.md"), "w", encoding="utf-8") as file:
            file.write(captions)
    except OSError as error:
        raise ValueError(f"--figures cannot write to {directory!r}: {error.strerror}") from None


# ------------------------------------------------------------------ a reader's own data, for --data FILE

def number(cell):
    """A cell as a float, None if it is no number; digits grouped by _ are text."""
    try:
        return float(cell) if "_" not in cell else None
    except ValueError:
        return None


def read_rows(path):
    """[(line, cells)] of a text file with commas, semicolons or tabs between its cells; blank lines are left out."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            text = file.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise ValueError(f"{path} is larger than {MOST_BYTES // 10 ** 6} MB")
        lines = [line for line in text.splitlines() if line.strip()][:2]            # a name may hold a mark
        between = next((mark for mark in "\t;" if lines and all(mark in line for line in lines)), ",")
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=between)
        return [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(map(str.strip, row))]
    except OSError as error:
        raise ValueError(f"{path!r} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no text in UTF-8; a spreadsheet can save it as CSV UTF-8") from None
    except csv.Error:
        raise ValueError(f"{path} is no text file of comma-separated values") from None


# 1,5 and 1,000 and 1.000,5 and 1.000.000, which float takes for no number
MARKED = re.compile(r"[-+]?\d*(,\d+)+(\.\d*)?(e[-+]?\d+)?|[-+]?\d+(\.\d+)+,\d+|[-+]?\d{1,3}(\.\d{3}){2,}", re.I)


def read_data(path):
    """Data from a file: last column the target, a header left out, words numbered, equal rows once; all of it told."""
    rows, notes = read_rows(path), []
    if rows and len(rows[0][1]) == 1:
        raise ValueError(f"{path} has one column, it should have inputs and, last, the target, with commas, semicolons "
                         "or tabs between them")
    names = [f"column {k + 1}" for k in range(len(rows[0][1]))] if rows else []
    if rows and all(number(cell) is None for cell in rows[0][1]) and \
            (len(rows) == 1 or any(number(cell) is not None for _, row in rows[1:] for cell in row)):
        names = [cell or name for cell, name in zip(rows[0][1], names)]
        rows = rows[1:]
    if len(rows) < 2:
        raise ValueError(f"{path} has {len(rows)} row{'s' * (len(rows) != 1)} of data, it should have at least two")
    for line, row in rows:
        if len(row) != len(names):
            raise ValueError(f"{path}, line {line}, has {len(row)} cells, it should have {len(names)} as those before")
    table = []
    for name, *cells in zip(names, *(row for _, row in rows)):
        values = [number(cell) for cell in cells]
        words = [value is None for value in values]
        mixed, rare = any(words) and not all(words), 2 * sum(words) <= len(words)       # words, if rare, else numbers
        for (line, _), cell, word in zip(rows, cells, words):
            if word and MARKED.fullmatch(cell):
                raise ValueError(f"{path}, line {line}, holds {cell!r}, numbers should be written with a point for "
                                 "decimals and no mark for thousands")
        for (line, _), cell, value, word in zip(rows, cells, values, words):
            if mixed and word == rare or not cell or not word and not abs(value) <= 1e100:
                raise ValueError(f"{path}, line {line}, holds {cell[:20]!r} in {name}, it should hold finite numbers "
                                 "below 1e100 or, in the whole column, words")
        if all(words):
            kinds = sorted(set(cells))
            values = [float(kinds.index(cell)) for cell in cells]
            told = ", ".join(f"{kind} = {k}" for k, kind in enumerate(kinds[:8])) + ", ..." * (len(kinds) > 8)
            notes.append(f"{name} holds words, numbered: {told}.")
        table.append(values)
    seen, table = {}, list(zip(*table))
    for (line, _), row in zip(rows, table):
        first, target = seen.setdefault(row[:-1], (line, row[-1]))
        if target != row[-1]:
            raise ValueError(f"{path}, lines {first} and {line}, have equal inputs and different targets: no net fits")
    kept = np.array([[*row, target] for row, (_, target) in seen.items()])
    if len(kept) < len(table):
        notes.append(f"Of {len(table)} rows {len(table) - len(kept)} are equal to another one and left out.")
    if not 2 <= len(kept) <= MOST_ROWS:
        raise ValueError(f"{path} has {len(kept)} different rows, it should have 2 to {MOST_ROWS}, for the exact fit")
    if np.ptp(kept[:, -1]) == 0:
        notes.append(f"The target is constant, {kept[0, -1]:g}.")
    return Data(kept[:, :-1], kept[:, -1:], os.path.basename(path), " ".join(notes))


# ------------------------------------------------------------------ a file of one's own, for --copy NAME...

MODULES = (ls, hs, em, pb, rp)                                      # in the order in which they import each other
COPIED = '''"""Copied from the reference implementation of Fukumizu et al. 2019, Cooper 2018 and Dinh et al. 2017.

The checks of the arguments stayed behind: arguments should be float64 arrays (lists of them where nets are meant), X
and Y with two axes. A Y of shape (n,) would broadcast to a wrong loss without an error.

NOTATION
"""
'''.replace("NOTATION", "\n\n".join(ls.__doc__.split("\n\n")[2:5])
            + "\n\nThe derivations, and the letters of each, stand in the modules.")


@cache
def definitions():
    """{name: (syntax tree, source lines without @checked)} of the modules less the door; {name: line} of imports."""
    found, imports, ours = {}, {}, {module.__name__ for module in MODULES}
    for module in MODULES:
        source = inspect.getsource(module)
        for node in ast.parse(source).body:
            names = [node.name] if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else \
                [target.id for target in node.targets] if isinstance(node, ast.Assign) else []
            lines = source.splitlines()[node.lineno - 1:node.end_lineno]
            found |= {name: (node, [line for line in lines if line.strip() != "@checked"]) for name in names}
            if isinstance(node, ast.ImportFrom) and node.module not in ours:
                imports |= {alias.name: f"from {node.module} import {alias.name}" for alias in node.names}
    for name in needed(["checked"], found) & found.keys():
        del found[name]
    return found, imports


def needed(names, found):
    """All names that the definitions `names` use, directly or not, these and those of NumPy included."""
    todo, used = list(names), set()
    while todo:
        name = todo.pop()
        if name not in used and name in found:
            parts = list(ast.walk(found[name][0]))
            own = {part.arg for part in parts if isinstance(part, ast.arg)}         # a parameter `hessian` calls none
            own |= {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
            own |= {part.name for part in parts[1:] if isinstance(part, ast.FunctionDef)}
            todo += [part.id for part in parts if isinstance(part, ast.Name) and part.id not in own]
        used.add(name)
    return used


def copied(names, blank=False):
    """A file with the named functions and all that they call; with `blank` their own bodies are left out."""
    found, imports = definitions()
    for name in names:
        if name not in found:
            close = difflib.get_close_matches(name, found, 1)
            raise ValueError(f"--copy knows no {name!r}" + (f", did you mean {close[0]}?" if close else ""))
    used, parts = needed(names, found), []
    for name, (node, lines) in found.items():
        if name not in used or parts and lines == parts[-1][1]:
            continue
        if blank and name in names and isinstance(node, ast.FunctionDef):
            doc = node.body[0].end_lineno - node.lineno + 1
            lines = lines[:doc] + ["    raise NotImplementedError"]
        parts.append((isinstance(node, ast.Assign), lines))
    lines = sorted({line for name, line in imports.items() if name in used})
    text = COPIED + "\n".join([*lines, *[""] * bool(lines), "import numpy as np"]) + "\n"
    for k, (constant, lines) in enumerate(parts):
        text += ("\n" if constant and k and parts[k - 1][0] else "\n\n") + "\n".join(lines) + "\n"
    return text


# ------------------------------------------------------------------ the command line

def wrapped(text):
    """Text with each of its lines broken into lines of at most 79."""
    return "\n".join(textwrap.fill(line, 79) for line in text.split("\n"))


def tell(title, items):
    """Print one section, line by line as it comes, with a head over its first check; returns its checks."""
    print(f"\n{title}\n{'-' * 79}", flush=True)
    checks = []
    for item in items:
        if isinstance(item, Check):
            if not checks:
                print(f"{'':4} {'result':<16} {'claim':<38} {'predicted':>9} {'measured':>8}")
            checks.append(item)
            mark = "ok" if item.passed else "FAIL"
            item = f"{mark:4} {item.source:<16} {item.claim:<39} {item.predicted:>8} {item.measured:>8}"
        print(wrapped(item), flush=True)
    return checks


def tell_story(seed):
    """Print the story of six sections, and what to take from it; returns all checks."""
    print(wrapped("The loss landscape of overparameterized networks, in six short chapters. A line that begins with "
                    "ok is a claim of theory, measured just now, of Cooper 2018, Fukumizu 2019, Dinh 2017, or beyond."))
    results = [check for section in STORY for check in tell(section.__doc__, section(seed))]
    print(f"\nTo take away\n{'-' * 79}")
    for k, line in enumerate(TAKEAWAYS, 1):
        print(textwrap.fill(f"{k}. {line}", 79, subsequent_indent="   "))
    print("\nAll results of the papers: python demo.py --all. In formulas: README.md.")
    return results


def run(sections, seed, data):
    """Print sections of SECTIONS and the closing table; returns all checks."""
    print(f"The loss landscape of overparameterized networks, predicted and measured\nseed {seed}, data: {data.name}")
    results = []
    for name in sections:
        results += tell(f"{name}: {SECTIONS[name].__doc__}", SECTIONS[name](seed, data))
    print(f"\nEvery result\n{'-' * 79}")
    in_order = lambda source: re.sub(r"\d+", lambda digits: digits[0].zfill(3), source)        # noqa: E731
    lines = []
    for source in sorted({check.source for check in results}, key=in_order):
        passed = [check.passed for check in results if check.source == source]
        lines.append(f"{'ok' if all(passed) else 'FAIL':4} {source:<16} {sum(passed):2} of {len(passed):2}")
    for left, right in zip_longest(lines[::2], lines[1::2], fillvalue=""):
        print(f"{left:<40}{right}".rstrip())
    return results


def main(argv=None):
    """The command line; returns the exit status."""
    ask = argparse.ArgumentParser(prog="demo.py", description=__doc__.splitlines()[0], allow_abbrev=False)
    ask.error = lambda message: ask.exit(2, f"demo.py: {message}\n")         # in one line, without the usage
    ask.add_argument("--seed", default="0", help="a whole number from 0 on; default 0")
    one = ask.add_mutually_exclusive_group()
    one.add_argument("--all", action="store_true", help="check every result, section by section")
    one.add_argument("--only", choices=SECTIONS, metavar="SECTION", help="one section of --all, see --list")
    one.add_argument("--list", action="store_true", help="print the names of the sections and stop")
    one.add_argument("--data", metavar="FILE", help="your own numbers, last column the target")
    one.add_argument("--figures", metavar="DIR", help="draw the figures into DIR instead; needs matplotlib")
    one.add_argument("--copy", nargs="+", metavar="NAME", help="print a file with these functions and all they call")
    ask.add_argument("--blank", action="store_true", help="with --copy: leave out the bodies of the named functions")
    args = ask.parse_args(argv)
    if not args.seed.isascii() or not args.seed.isdigit():
        ask.error(f"{args.seed!r} is no seed, it should be a whole number from 0 on")
    if args.blank and not args.copy:
        ask.error("--blank goes with --copy")
    results = []
    try:
        seed = int(args.seed)
        if args.list:
            print("\n".join(SECTIONS))
        elif args.copy:
            print(copied(args.copy, args.blank), end="")
        elif args.figures is not None:
            draw(args.figures, seed)
        elif args.data is not None:
            data = read_data(args.data)
            list(exact_fit(seed, data))                             # refuses what cannot be fitted, before any output
            results = run(("exact-fit", "zero-loss"), seed, data)
        elif args.all or args.only:
            table = np.array([row.split(",") for row in LONGLEY.split()], dtype=float)
            data = Data(table[:, :-1], table[:, -1:], "Longley 1967")
            results = run([args.only] if args.only else SECTIONS, seed, data)
        else:
            results = tell_story(seed)
        if results:
            print(f"\n{sum(check.passed for check in results)} of {len(results)} checks passed.")
        return int(not all(check.passed for check in results))
    except ValueError as error:                                     # what a reader asked for can be refused
        print(f"demo.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")                        # a file name the terminal cannot spell
    try:
        sys.exit(main())
    except OSError as error:                                        # a full disk, or a reader who has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        seen = isinstance(error, BrokenPipeError)
        sys.exit(0 if seen else f"demo.py: the output cannot be written: {error.strerror}")
