"""hessian.py, closed forms at embedded points, against the exact Hessian. A test's name is its claim."""
from functools import cache
from itertools import product

import numpy as np
import pytest
from common import block_diagonal, draw, every_net, lowest_descent, relative, steepest

from embeddings import (
    add_units,
    complement,
    inactive_propagation,
    inactive_relu_units,
    inactive_units,
    inactive_units_and_propagation,
    omega_basis,
    parameter_order,
    replicate_relu_unit,
    replicate_unit,
    split_unit,
)
from hessian import (
    escape_direction,
    hessian,
    inactive_propagation_hessian,
    inactive_units_hessian,
    inertia,
    minimize,
    predicted_inertia,
    replication_curvature,
    replication_hessian,
    surplus_hessian,
)
from landscape import (
    LEAKY_RELU,
    LOGISTIC,
    RELU,
    SIGMOID,
    SMOOLU,
    SOFTMAX,
    SOFTPLUS,
    SQUARE,
    TANH,
    Activation,
    deltas,
    fit,
    flatten,
    forward,
    forward_pass,
    gradient,
    jacobian,
    power_loss,
    random_weights,
    sigmoid,
    training_loss,
    unflatten,
)

# Relative error of a Hessian by two different sums of products: some hundred roundings of 1e-16, times |T|^2 <= 30.
TIGHT = 1e-11
SMOOTH = [TANH, SIGMOID, SOFTPLUS, SMOOLU]


def surplus_effect(weights, X, slopes, act, layer):
    """F and G of unit 0, and F0 of inactive units, as one vector for each l' (n, M) of a stack: linear in l'."""
    inputs, z = forward_pass(weights, X, act)
    delta, a, s = deltas(weights, z, slopes, act)[layer + 1], inputs[layer], z[layer][:, 0]
    F = np.einsum("knm,n,nd->kmd", delta, act.df(s), a)
    G = np.einsum("kn,nd,ne->kde", delta @ weights[layer + 1][:, 0] * act.d2f(s), a, a)
    F0 = act.df(np.zeros(1))[0] * np.einsum("knm,nd->kmd", delta, a)
    return np.concatenate([part.reshape(len(slopes), -1) for part in (F, G, F0)], axis=1)


def targets(f, d, loss):
    """Targets where l' = d at the outputs f: y = f - d, or y = p - d with d made small enough for a probability."""
    if loss is SQUARE:
        return f - d
    p = 1 / (1 + np.exp(-f)) if loss is LOGISTIC else np.exp(f) / np.exp(f).sum(axis=1, keepdims=True)
    return p - d * min(1, 0.9 * np.minimum(p, 1 - p).min() / np.abs(d).max())


def stationary(widths, act, seed=0, n=9, scale=1.5, size=0.1, layer=0, goal=None, loss=SQUARE,
               spread=False, zeta=None):
    """A net, data and targets at which the gradient of the loss is 0: l' is in the kernel of J^T, for SOFTMAX of sum 0.

    Of that kernel the residual is taken that has the largest surplus_effect (one drawn at random oscillates, is
    nearly orthogonal to all smooth functions of x, and leaves F and G at rounding), with spread a random one of those
    that have an effect, or, with goal = (F, G) of unit 0, the shortest one that has these up to a factor. zeta: the
    outgoing weights of unit 1, else random too.
    """
    rng = np.random.default_rng(seed)
    weights = [scale * W for W in random_weights(widths, rng=rng)]
    if zeta is not None:
        weights[layer + 1][:, 1] = zeta
    X = rng.normal(size=(n, widths[0]))
    J, f = jacobian(weights, X, act).reshape(n * widths[-1], -1), forward(weights, X, act)
    ones = np.kron(np.eye(n), np.ones((widths[-1], 1)))[:, :n * (loss is SOFTMAX)]      # 1 . l' = 0
    u, s, _ = np.linalg.svd(np.hstack([J, ones]))
    kernel = u[:, (s > 1e-10 * s[0]).sum():]
    effect = surplus_effect(weights, X, kernel.T.reshape((-1,) + f.shape), act, layer)
    if goal is not None:
        part = np.concatenate([block.ravel() for block in goal(weights)])
        r = kernel @ np.linalg.lstsq(effect[:, :len(part)].T, part, rcond=None)[0]
    else:
        r = kernel @ (effect @ rng.normal(size=effect.shape[1]) if spread else np.linalg.svd(effect)[0][:, 0])
    return weights, X, targets(f, size * (r / np.linalg.norm(r)).reshape(f.shape), loss)


def random_lam(rng, copies):
    lam = rng.normal(size=copies)
    lam[np.abs(lam) < 0.1] = 0.3
    lam[-1] = 1 - lam[:-1].sum()
    return lam


def ordered(wide, X, Y, act, loss, narrow, layer, count):
    """The wide net's Hessian in the order theta_0, v, w."""
    at = np.concatenate([o.ravel() for o in parameter_order(narrow, layer, count)])
    return hessian(wide, X, Y, act, loss)[at[:, None], at]


def assembled(narrow, X, Y, act, loss, b):
    surplus = np.block([[b.vv, b.vw], [b.vw.T, b.ww]])
    return np.block([[hessian(narrow, X, Y, act, loss), b.cross], [b.cross.T, surplus]])


# ------------------------------------------------------------------ Lemma 4

@every_net
def test_lemma_4_at_every_layer_and_any_theta(widths, bias):
    weights, X, Y = draw(widths, bias)
    for act, loss in [(act, loss) for act in SMOOTH for loss in (SQUARE, LOGISTIC)]:
        rng = np.random.default_rng(1)
        for layer in range(len(weights) - 1):
            for unit, copies in [(0, 2), (len(weights[layer]) - 1, 3)]:
                lam = random_lam(rng, copies)
                A = complement(lam)
                F, G = replication_curvature(weights, X, Y, act, loss, layer, unit)
                T = omega_basis(weights, layer, unit, lam, A)
                H = hessian(replicate_unit(weights, layer, unit, lam), X, Y, act, loss)
                predicted = block_diagonal(hessian(weights, X, Y, act, loss), replication_hessian(F, G, A, lam))
                assert relative(T.T @ H @ T, predicted) < TIGHT, (act.name, loss.name)


@every_net
def test_lemma_4_for_relu_in_the_corrected_coordinates(widths, bias):
    weights, X, Y = draw(widths, bias, seed=15)
    rng = np.random.default_rng(1)
    for layer in range(len(weights) - 1):
        beta, gamma = rng.uniform(0.5, 2, size=3), rng.normal(size=3)
        gamma[2] = (1 - gamma[:2] @ beta[:2]) / beta[2]
        A = complement(gamma * beta)
        F, G = replication_curvature(weights, X, Y, RELU, SQUARE, layer, 1)
        T = omega_basis(weights, layer, 1, gamma, A, beta=beta)
        H = hessian(replicate_relu_unit(weights, layer, 1, gamma, beta), X, Y, RELU)
        predicted = block_diagonal(hessian(weights, X, Y, RELU), replication_hessian(F, G, A, gamma * beta))
        assert F.any() and not G.any()
        assert relative(T.T @ H @ T, predicted) < TIGHT


def test_lemma_4_holds_for_any_A_not_only_orthonormal_rows():
    weights, X, Y = draw([2, 3, 2])
    lam = np.array([0.5, 1.5, -1.0])
    A = np.array([[2.0, 0.3], [-1.0, 1.2]]) @ complement(lam)
    F, G = replication_curvature(weights, X, Y, TANH, SQUARE, 0, 2)
    T = omega_basis(weights, 0, 2, lam, A)
    H = T.T @ hessian(replicate_unit(weights, 0, 2, lam), X, Y, TANH) @ T
    assert relative(H, block_diagonal(hessian(weights, X, Y, TANH), replication_hessian(F, G, A, lam))) < TIGHT


def test_F_and_G_against_a_net_worked_by_hand():
    # f = zeta tanh(u x), one sample x = 1, u = 0.5, zeta = 2, y = 0: delta = 2 t, F = delta t', G = delta zeta t''
    t = np.tanh(0.5)
    F, G = replication_curvature([np.array([[0.5]]), np.array([[2.0]])], [[1.0]], [[0.0]], TANH, SQUARE, 0, 0)
    assert F[0, 0] == pytest.approx(2 * t * (1 - t ** 2), rel=1e-14)
    assert G[0, 0] == pytest.approx(2 * t * 2 * (-2 * t * (1 - t ** 2)), rel=1e-14)


def test_control_the_other_order_of_the_kronecker_product_is_wrong():
    weights, X, Y = draw([2, 3, 2])
    lam = np.array([0.5, 1.5, -1.0])
    A = complement(lam)
    F, G = replication_curvature(weights, X, Y, TANH, SQUARE, 0, 0)
    T = omega_basis(weights, 0, 0, lam, A)[:, flatten(weights).size:]
    H = T.T @ hessian(replicate_unit(weights, 0, 0, lam), X, Y, TANH) @ T
    FC = np.kron(F, (A * lam) @ A.T)
    assert relative(H[:len(FC), len(FC):], np.kron((A * lam) @ A.T, F)) < TIGHT
    assert relative(H[:len(FC), len(FC):], FC) > 0.1


def test_erratum_the_size_of_F_tilde():
    F, G = np.ones((2, 3)), np.eye(3)                               # M = 2, D = 3
    lam = np.array([0.25, 0.25, 0.5])                               # E = 2
    B = replication_hessian(F, G, complement(lam), lam)
    assert B.shape == (2 * (2 + 3),) * 2
    assert not B[:4, :4].any() and B[:4, 4:].any(axis=0).all()      # F~ is E M x E D; printed (H - H0) x M


def test_erratum_the_kronecker_delta_of_32_is_in_one_sum_only():
    # (32): d2L/dw_j dw_k has the phi'' term for j = k only, so summed over the copies it is there once a copy
    weights, X, Y = draw([2, 2, 2])
    lam = np.array([0.3, 0.7])
    b = ordered(replicate_unit(weights, 0, 0, lam), X, Y, TANH, SQUARE, weights, 0, 1)
    G = replication_curvature(weights, X, Y, TANH, SQUARE, 0, 0).G
    gn = ordered(replicate_unit(weights, 0, 0, lam), X, forward(weights, X, TANH), TANH, SQUARE, weights, 0, 1)
    P, u = flatten(weights).size, np.arange(3)                      # at zero residual the G term is away
    w = P + 2 + np.arange(3)
    assert np.abs((b - gn)[np.ix_(u, w)]).max() < TIGHT             # j != k: nothing
    assert relative((b - gn)[np.ix_(w, w)], 0.7 * G) < TIGHT        # j = k: lambda_j G


def test_erratum_the_second_sum_of_the_b_b_block_runs_over_the_copies():
    # dz/db = sum_j v_j phi'(w_j . a~) a~ over the copies; printed, its second factor in d2L/db2 runs over all units
    weights, X, _ = draw([2, 3, 2])
    lam, b, a = np.array([0.3, 0.7]), np.arange(3), np.hstack([X, -np.ones((7, 1))])        # unit 0: b stands first
    T, wide = omega_basis(weights, 0, 0, lam, complement(lam)), replicate_unit(weights, 0, 0, lam)
    block = (T.T @ hessian(wide, X, forward(weights, X, TANH), TANH) @ T)[b[:, None], b]    # residual 0: no phi''
    dz = np.einsum("mj,nj,nd->jnmd", wide[1][:, :4], TANH.df(a @ wide[0].T), a)             # of each unit
    copies = dz[[0, 3]].sum(axis=0)
    assert relative(block, np.einsum("nmd,nme->de", copies, copies)) < TIGHT
    assert relative(block, np.einsum("nmd,nme->de", copies, dz.sum(axis=0))) > 0.1          # printed: from k = 1


def test_erratum_eq_37_transposes():
    rng = np.random.default_rng(0)
    F, G, lam = rng.normal(size=(2, 3)), np.diag([1.0, 2.0, 3.0]), np.array([0.2, 0.3, 0.5])
    A = complement(lam)
    B = replication_hessian(F, G, A, lam)
    F_t, G_t = B[:4, 4:], B[4:, 4:]
    with pytest.raises(ValueError, match="matmul"):
        F_t.T @ np.linalg.inv(G_t) @ F_t                            # as printed: -F~^T G~^-1 F~
    congruence = np.block([[np.eye(4), -F_t @ np.linalg.inv(G_t)], [np.zeros((6, 4)), np.eye(6)]])
    right = block_diagonal(-np.kron((A * lam) @ A.T, F @ np.linalg.inv(G) @ F.T), G_t)
    assert relative(congruence @ B @ congruence.T, right) < 1e-12


# ------------------------------------------------------------------ the inertia law

def test_inertia_law_for_any_F_G_and_lambda():
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(300):
        M1, D1, copies = rng.integers(1, 4), rng.integers(1, 5), rng.integers(2, 5)
        lam = random_lam(rng, copies)
        F = rng.normal(size=(M1, D1)) * rng.integers(0, 2)
        F[:rng.integers(0, M1 + 1)] = 0                             # deficient ones too
        Q, g = np.linalg.qr(rng.normal(size=(D1, D1)))[0], rng.integers(-1, 2, size=D1) * rng.uniform(0.5, 2, size=D1)
        G = (Q * g) @ Q.T                                           # of every inertia, singular ones too
        counts = inertia(replication_hessian(F, G, complement(lam), lam), tol=1e-9)
        assert predicted_inertia(F, G, lam, tol=1e-9) == counts[:3]
        seen.add(((lam < 0).sum(), (g == 0).any(), F.any()))
    assert len(seen) >= 10


def test_inertia_law_with_zeros_among_the_lambda():
    """Lemma 4 in v_j = lam_j a + sum_c B_cj xi_c, where lam_j may be 0, against the wide net's whole Hessian."""
    rng = np.random.default_rng(0)
    for seed in range(30):
        widths, layer = [([2, 2, 3], 0), ([1, 2, 2, 2], 1), ([2, 3, 1], 0)][seed % 3]
        weights, X, Y = draw(widths, seed=seed)
        lam = random_lam(rng, 4)
        lam[rng.permutation(4)[:rng.integers(1, 3)]] = 0
        lam = lam / lam.sum()
        wide = inertia(hessian(replicate_unit(weights, layer, 1, lam), X, Y, TANH))
        surplus = predicted_inertia(*replication_curvature(weights, X, Y, TANH, SQUARE, layer, 1), lam)
        narrow = inertia(hessian(weights, X, Y, TANH))
        assert wide[:3] == tuple(a + b for a, b in zip(narrow[:3], surplus)), seed
        assert min(wide.gap, narrow.gap) > 100
    F, G = np.array([[1.0, 0.0]]), np.diag([1.0, -3.0])
    assert predicted_inertia(F, G, [1.0, 0.0]) == (1, 1, 1)         # rank F of each sign, whatever G is
    assert predicted_inertia(0 * F, G, [1.5, -0.5, 0.0]) == (1, 1, 4)
    rest = 1 - 0.9 - 0.1                                            # -3e-17: what is left of the sum is a zero too
    assert rest < 0 and predicted_inertia(F, G, [0.9, 0.1, rest]) == predicted_inertia(F, G, [0.9, 0.1, 0.0])


def test_inertia_law_at_stationary_points_needs_no_tolerance():
    """zeta^T F = 0 there (ReLU: and F u = 0; softmax: and 1^T F = 0), so F is singular: to rounding is not enough."""
    cases = (RELU, 3, SQUARE, 2), (TANH, 2, SQUARE, 1), (TANH, 2, LOGISTIC, 1), (TANH, 3, SOFTMAX, 1)
    for act, M, loss, rank in cases:
        replicate, tried = replicate_relu_unit if act is RELU else replicate_unit, 0
        for seed in range(5, 11):                                   # no unit that is off on all samples
            weights, X, Y = stationary([2, 2, M], act, seed, n=30, spread=True, loss=loss)
            F, G = replication_curvature(weights, X, Y, act, loss, 0, 0)
            H, lam = hessian(weights, X, Y, act, loss), ([0.5, 0.5], [1.0, 0.0], [0.6, 0.9, -0.5])[seed % 3]
            W = hessian(replicate(weights, 0, 0, lam), X, Y, act, loss)
            narrow, wide = (inertia(A, 1e-10 * np.linalg.norm(A, 2)) for A in (H, W))
            if min(narrow.gap, wide.gap) > 100:                     # else the count is not to be had
                tried += 1
                surplus = predicted_inertia(F, G, lam)
                assert wide[:3] == tuple(a + b for a, b in zip(narrow[:3], surplus)), (act.name, loss.name, seed)
                assert np.linalg.matrix_rank(F) == rank
                D = np.array([1, 2.0 ** 20, 1])                     # an input in other units, the weights with it
                other = replication_curvature([weights[0] / D, weights[1]], X * D[:2], Y, act, loss, 0, 0)
                assert np.allclose(other.F / D, F, rtol=0, atol=1e-9 * np.abs(F).max())
                assert np.allclose(other.G / np.outer(D, D), G, rtol=0, atol=1e-9 * np.abs(G).max())
        assert tried >= 4


def test_inertia_law_at_minima_where_svd_leaves_some_rounding_of_F():
    X = np.array([[0, 2.0, 1], [2, 0, 1], [2, 1, 0], [0, 0, 0], [2, 0, 0], [0, 2, 2]])
    for seed in (72, 123, 141, 150, 580, 693):                      # rank F = 1, its other singular value some 1e-17
        rng = np.random.default_rng(seed)
        Y = rng.uniform(size=(6, 2))
        found = minimize(random_weights([3, 2, 1, 2], rng=rng), X, Y, LEAKY_RELU, LOGISTIC)
        F, G = replication_curvature(found.weights, X, Y, LEAKY_RELU, LOGISTIC, 1, 0)
        assert found.converged and np.linalg.svd(F, compute_uv=False)[0] > 1e-7
        assert predicted_inertia(F, G, [0.4, 0.6]) == (1, 1, 3)


def test_surplus_units_may_add_nothing_but_rounding():
    X, weights = 0.1 * np.array([[1.0, 2], [2, 1]]), [np.array([[1.0, 0, 0]]), np.array([[1.0]])]
    blocks = surplus_hessian(weights, X, np.array([[1.0], [2]]), TANH, SQUARE, 0, [[1, 1, 0.3]], [[1.0]])
    assert np.abs(blocks.vv).max() < 1e-30 and blocks.ww[2, 2] > 1  # 0.1 + 0.2 - 0.3 = 5.6e-17


def test_inertia_law_where_phi_double_prime_is_0_but_for_rounding():
    lam, Y = [0.5, 0.5], np.array([[1.0], [2]])
    for unit, bias in ((1, 3), (0.1, 0.3)):                         # 0.1 + 0.2 - 0.3 = 5.6e-17
        X, weights = unit * np.array([[1.0, 2], [2, 1]]), [np.array([[1.0, 1, bias]]), np.array([[1.0]])]
        F, G = replication_curvature(weights, X, Y, TANH, SQUARE, 0, 0)
        assert not G.any() and predicted_inertia(F, G, lam) == (1, 1, 2)
        narrow, wide = (inertia(hessian(w, X, Y, TANH)) for w in (weights, replicate_unit(weights, 0, 0, lam)))
        assert np.subtract(wide[:3], narrow[:3]).tolist() == [1, 1, 2]


def test_at_zero_error_F_is_0_though_the_gradient_leaves_some_roundings_of_the_residual():
    weights = [np.array([[-1, -0.5], [0.2, -1]]), np.array([[0.3, -1, 0.5], [0.2, -2, 0.3]])]
    X, Y = np.array([[2.0], [1]]), np.array([[0.1, 0.5], [0.1, 1]])
    found = minimize(weights, X, Y, TANH)                           # a residual of some 12 roundings is left
    F, G = replication_curvature(found.weights, X, Y, TANH, SQUARE, 0, 0)
    assert found.converged and not F.any() and not G.any()


def test_inertia_law_where_phi_is_homogeneous_of_degree_2_and_G_has_a_null_vector():
    """phi''(t) t = phi'(t) makes G u = F^T zeta = dL/du = 0 where the net is stationary, to rounding."""
    square, tried = Activation("square", np.square, lambda x: 2 * x, lambda x: 2 * np.ones_like(x)), 0
    for seed, M in product(range(12), (1, 3)):
        rng = np.random.default_rng(seed)
        X, Y = rng.normal(size=(10, 2)), rng.normal(size=(10, M))
        found = minimize(random_weights([2, 1, M], bias=False, rng=rng), X, Y, square, iterations=100)
        H = hessian(found.weights, X, Y, square)
        W = hessian(replicate_unit(found.weights, 0, 0, [0.6, 0.4]), X, Y, square)
        narrow, wide = (inertia(A, 1e-9 * np.linalg.norm(A, 2)) for A in (H, W))
        if found.converged and min(narrow.gap, wide.gap) > 1e4:
            tried += 1
            surplus = predicted_inertia(*replication_curvature(found.weights, X, Y, square, SQUARE, 0, 0), [0.6, 0.4])
            assert wide[:3] == tuple(a + b for a, b in zip(narrow[:3], surplus)), (seed, M)
    assert tried >= 10


def test_inertia_law_with_the_default_tolerance_and_with_singular_G():
    F, lam = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]), np.array([2.0, -1.0])
    G = np.diag([1.0, -3.0, 0.0])
    # K: one +, one - from (F, G_11), one - from -3, two zeros; p = 0, q = 1 turn the signs around
    assert predicted_inertia(F, G, lam) == (2, 1, 2)
    assert predicted_inertia(F, G, [0.5, 0.5]) == (1, 2, 2)
    assert predicted_inertia(F, G, lam, tol=2.0) == (1, 0, 4)       # only -3 is left
    assert predicted_inertia(0 * F, 0 * G, lam) == (0, 0, 5)


def test_rounding_is_not_taken_for_curvature():
    """One output: zeta F = dL/du = 0, so F is nothing but rounding, which must not be counted."""
    for seed in range(5):
        weights, X, Y = stationary([1, 2, 1], RELU, seed, n=12)
        F, G = replication_curvature(weights, X, Y, RELU, SQUARE, 0, 0)
        assert training_loss(weights, X, Y, RELU) > 1e-3 and not F.any() and not G.any()
        assert predicted_inertia(F, G, [0.5, 0.5]) == (0, 0, 3)
        a = np.hstack([X, -np.ones((12, 1))])
        plain = (forward(weights, X, RELU) - Y)[:, 0] * (a @ weights[0][0] > 0) @ a * 1.0
        assert np.abs(plain).max() < 1e-13                          # rounding; what it would be taken for: a saddle
    for seed in range(200):                                         # residuals at rounding: all of F is, or some is not
        rng = np.random.default_rng(seed)
        weights, X = [1.5 * W for W in random_weights([2, 3, 3], rng=rng)], rng.normal(size=(4, 2))
        f = forward(weights, X, TANH)
        Y = f + 10.0 ** rng.uniform(-16, -14) * rng.normal(size=f.shape)
        parts = replication_curvature(weights, X, Y, TANH, SQUARE, 0, 0)
        assert all(not A.any() or np.abs(A).max() > 1e-20 for A in parts)
    sine = Activation("sine", np.sin, np.cos, lambda x: -np.sin(x))             # phi' and W of both signs: |.| counts
    weights, X = [np.eye(1, 2), np.array([[1.0, np.pi / 2]]), np.array([[1.0], [-1.0]])], np.array([[0.5], [-0.5]])
    Y = forward(weights, X, sine) + np.finfo(float).eps * np.array([[1, -1], [-1, 1]])  # adds up in W phi' r
    F, G = replication_curvature(weights, X, Y, sine, SQUARE, 0, 0)
    assert not F.any() and not G.any()
    with pytest.raises(ValueError, match="no direction of escape"):
        escape_direction(F, G, complement([0.5, 0.5]), [0.5, 0.5])
    weights, X, Y = draw([2, 3, 2])
    Y[:, 0] = forward(replicate_unit(weights, 0, 0, [0.3, 0.7]), X, TANH)[:, 0]         # one output is rounding
    F = replication_curvature(weights, X, Y, TANH, SQUARE, 0, 0).F
    assert (forward(weights, X, TANH) != Y)[:, 0].any() and not F[0].any() and F[1].all()
    # zero error, the targets from the wide net, whose outputs differ by rounding; and after a fit
    for act in (TANH, RELU, SOFTPLUS):
        weights, X, _ = draw([2, 3, 3, 2], n=6)
        Y = forward(replicate_unit(weights, 0, 1, [0.3, 1.1, -0.4]), X, act)
        assert np.abs(forward(weights, X, act) - Y).max() > 0
        for layer in (0, 1):
            F, G = replication_curvature(weights, X, Y, act, SQUARE, layer, 1)
            assert not F.any() and not G.any()
    start, X, Y = draw([2, 8, 2], n=5)
    found = fit(start, X, Y, TANH)
    F, G = replication_curvature(found.weights, X, Y, TANH, SQUARE, 0, 0)
    assert found.converged and not F.any() and not G.any()


def test_a_sample_that_saturates_the_unit_takes_nothing_from_G():
    """Its own level is 1e-17 of the other's, and no outer product: G is diagonal, as each sample has its own input."""
    weights, X, Y = [np.array([[1.0, 20]]), np.array([[1.0]])], np.eye(2), np.array([[2.0], [0]])
    lam = np.array([0.5, 0.5])
    basis = omega_basis(weights, 0, 0, lam, complement(lam))[:, 3:]
    block = basis.T @ hessian(replicate_unit(weights, 0, 0, lam), X, Y, TANH) @ basis
    F, G = replication_curvature(weights, X, Y, TANH, SQUARE, 0, 0)
    assert np.abs(block - replication_hessian(F, G, complement(lam), lam)).max() < 1e-14 and abs(G[0, 0]) > 0.5
    own = (forward(weights, X, TANH) - Y)[1, 0] * TANH.d2f(20.0)
    assert G[1, 1] == pytest.approx(own, rel=1e-12, abs=0) and abs(own) < 1e-16     # and keeps its own part


@pytest.mark.parametrize("loss", [LOGISTIC, SOFTMAX], ids=lambda loss: loss.name)
def test_rounding_of_probabilities_is_not_taken_for_curvature(loss):
    """l' = p - y is off by eps p at logits of any size, and softmax does not see logits that move alike."""
    for seed, scale, M in product(range(6), (1, 1e-2, 1e-4), (1, 2, 3) if loss is LOGISTIC else (2, 3, 100)):
        weights, X, _ = draw([2, 3, M], seed=seed)
        weights[1] *= scale
        if M == 2:
            weights[1][1] = -weights[1][0]
        f = forward(replicate_unit(weights, 0, 1, [0.3, 1.1, -0.4]), X, TANH)
        Y = sigmoid(f) if loss is LOGISTIC else np.exp(f) / np.exp(f).sum(axis=1, keepdims=True)
        F, G = replication_curvature(weights, X, Y, TANH, loss, 0, 1)
        assert not F.any() and not G.any()


def test_at_a_minimum_that_minimize_found_F_is_zero_for_one_output():
    count = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(20, 2))
        Y = np.tanh(X @ [[1.0], [-0.5]]) + 0.3 * rng.normal(size=(20, 1))
        found = minimize(random_weights([2, 1, 1], rng=seed), X, Y, TANH, iterations=100)
        if found.converged:
            count += 1
            F, G = replication_curvature(found.weights, X, Y, TANH, SQUARE, 0, 0)
            assert gradient(found.weights, X, Y, TANH)[0].any()     # rounding, and zeta F is nothing else
            assert not F.any() and G.any()
            # control: a millionth beside the minimum F is curvature, and comes back
            beside = [W + 1e-6 * rng.normal(size=W.shape) for W in found.weights]
            assert replication_curvature(beside, X, Y, TANH, SQUARE, 0, 0).F.any()
    assert count >= 4


@pytest.mark.parametrize("widths, layer, seed", [([2, 2, 3], 0, 0), ([1, 2, 2, 2], 0, 1), ([1, 2, 2, 3], 1, 4)],
                         ids=str)
def test_inertia_of_the_wide_net_is_the_narrow_nets_plus_the_prediction(widths, layer, seed):
    weights, X, Y = stationary(widths, TANH, seed, n=14, layer=layer, size=0.5)
    narrow = inertia(hessian(weights, X, Y, TANH))
    for lam in ([0.5, 0.5], [1.5, -0.5], [0.4, 0.8, -0.2], [2.0, -0.4, -0.6], [0.2, 0.3, 0.5]):
        wide = inertia(hessian(replicate_unit(weights, layer, 0, lam), X, Y, TANH))
        F, G = replication_curvature(weights, X, Y, TANH, SQUARE, layer, 0)
        surplus = predicted_inertia(F, G, np.array(lam), tol=wide.tol)
        assert wide[:3] == tuple(a + b for a, b in zip(narrow[:3], surplus))
        assert min(wide.gap, narrow.gap) > 100


def test_caveat_the_remarks_full_rank_of_F_needs_more_outputs_than_inputs():
    """zeta^T F = 0 where the net is stationary: rank F <= min(D', M' - 1), full only if M' > D'."""
    def ranks(widths, seed, act=TANH):
        weights, X, Y = stationary(widths, act, seed, n=20, spread=True)
        F = replication_curvature(weights, X, Y, act, SQUARE, 0, 0).F
        assert np.abs(weights[1][:, 0] @ F).max() < 1e-13
        if act is RELU:
            assert np.abs(F @ weights[0][0]).max() < 1e-13          # it is dL/dzeta
        return np.linalg.matrix_rank(F, tol=1e-12)

    for seed in range(5):
        assert ranks([2, 3, 2], seed) == 1                          # D' = 3, M' = 2: the Remark's rank is 2
        assert [ranks(widths, seed) for widths in ([1, 2, 4], [2, 2, 5], [1, 2, 3])] == [2, 3, 2]      # min(D', M')
        relu = 1 + seed + seed // 3                                 # nets whose unit 0 is on for some samples
        assert [ranks(widths, relu, RELU) for widths in ([2, 2, 4], [2, 2, 2])] == [2, 1]           # min(D', M') - 1
    F = replication_curvature(*draw([2, 3, 2]), TANH, SQUARE, 0, 1).F
    assert np.linalg.matrix_rank(F, tol=1e-12) == 2                 # control: elsewhere it is full


def test_erratum_the_remarks_counts_need_positive_lambda():
    """Printed: E D positive and E rank F negative eigenvalues for G > 0 (its "if F has both signs" means G, too)."""
    F, G = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]), np.diag([1.0, 2.0, 3.0])
    for lam, counts in (([0.2, 0.3, 0.5], (6, 2)), ([1.5, 0.5, -1.0], (4, 4))):
        assert predicted_inertia(F, G, np.array(lam))[:2] == counts
        assert inertia(replication_hessian(F, G, complement(lam), lam))[:2] == counts


def test_softmax_takes_one_more_from_the_rank_of_F():
    """1 . l' = 0, so 1^T F = 0 where the next layer is the output: rank F <= min(D', M - 2) unless zeta is along 1."""
    lam = np.array([0.4, 0.6])
    for seed in range(3):
        for M, rank in ((2, 0), (3, 1), (4, 2)):
            weights, X, Y = stationary([2, 2, M], TANH, seed, n=16, loss=SOFTMAX, spread=True)
            assert steepest(weights, X, Y, TANH, SOFTMAX) < 1e-13
            F, G = replication_curvature(weights, X, Y, TANH, SOFTMAX, 0, 1)
            assert np.abs(F.sum(axis=0)).max() < 1e-13 and np.linalg.matrix_rank(F, tol=1e-11) == rank
            wide = inertia(hessian(replicate_unit(weights, 0, 1, lam), X, Y, TANH, SOFTMAX), tol=1e-11)
            narrow = inertia(hessian(weights, X, Y, TANH, SOFTMAX), tol=1e-11)
            assert wide.negative >= narrow.negative + rank          # Theorem 5 (i) from three classes on
            along = stationary([2, 2, M], TANH, seed, n=16, loss=SOFTMAX, spread=True, zeta=2.0)
            F = replication_curvature(*along, TANH, SOFTMAX, 0, 1).F        # zeta along 1: one condition for both
            assert np.abs(F.sum(axis=0)).max() < 1e-13 and np.linalg.matrix_rank(F, tol=1e-11) == rank + 1
        square = stationary([2, 2, 2], TANH, seed, n=16)            # control: the square loss with M = 2
        assert replication_curvature(*square, TANH, SQUARE, 0, 1).F.any()


def test_lemma_4_for_softmax_whose_second_derivative_is_singular():
    for widths, layer in (([2, 3, 3], 0), ([2, 3, 2, 3], 1)):
        weights, X, Y = draw(widths)
        Y = Y / Y.sum(axis=1, keepdims=True)
        lam = np.array([0.5, 1.5, -1.0])
        A = complement(lam)
        F, G = replication_curvature(weights, X, Y, TANH, SOFTMAX, layer, 1)
        T = omega_basis(weights, layer, 1, lam, A)
        H = T.T @ hessian(replicate_unit(weights, layer, 1, lam), X, Y, TANH, SOFTMAX) @ T
        narrow = hessian(weights, X, Y, TANH, SOFTMAX)
        assert relative(H, block_diagonal(narrow, replication_hessian(F, G, A, lam))) < TIGHT
        shift = [np.zeros_like(W) for W in weights]
        shift[-1][:, -1] = 1                                        # all output biases alike: p does not change
        assert np.abs(narrow @ flatten(shift)).max() < TIGHT * np.abs(narrow).max()


def test_caveat_full_rank_of_A_is_enough_only_with_the_sum_of_lambda():
    """Supplement D.3 concludes from A alone that A Lam A^T is regular; with sum lam = 1 it is, with sum 0 it is not."""
    lam, A = np.array([1.0, -1.0]), np.array([[1.0, 1.0]])
    assert np.linalg.matrix_rank(A) == 1 and A @ lam == 0
    assert (A * lam) @ A.T == 0
    with pytest.raises(ValueError, match="sum"):
        complement(lam)
    for lam in (np.array([2.0, -1.0]), np.array([0.5, 0.5])):
        A = complement(lam)
        assert np.linalg.matrix_rank((A * lam) @ A.T) == 1


def test_erratum_a_definite_G_does_not_make_G_tilde_definite():
    lam, G = np.array([1.5, -1.0, 0.5]), np.eye(2)
    A = complement(lam)
    B = replication_hessian(np.zeros((1, 2)), G, A, lam)[2:, 2:]
    assert inertia(B)[:3] == (2, 2, 0)
    assert predicted_inertia(np.zeros((1, 2)), G, lam) == (2, 2, 2)
    assert predicted_inertia(np.ones((1, 2)), G, lam).negative > 0  # and yet a saddle, as Theorem 5 says


# ------------------------------------------------------------------ Theorem 5 and the way down

@cache
def minimum(sign, M=2, H0=1):
    """A strict local minimum of a net of H0 tanh units with M outputs, where G of unit 0 has the given signs.

    With M = 2 also F != 0; it has to obey zeta^T F = 0.
    """
    def goal(weights):
        across = np.array([-weights[1][1, 0], weights[1][0, 0]]) if M == 2 else np.zeros(1)
        return np.outer(across, [0.5, 0.5]), np.diag(sign)

    best, floor = None, 0
    for seed in range(30):
        weights, X, Y = stationary([1, H0, M], TANH, seed, n=12 * H0, scale=2 * H0, size=0.3, goal=goal)
        H = np.linalg.eigvalsh(hessian(weights, X, Y, TANH))
        F, G = replication_curvature(weights, X, Y, TANH, SQUARE, 0, 0)
        g = np.linalg.eigvalsh(G)
        if (np.sign(g) == np.sort(sign)).all() and min(H[0], np.abs(g).min()) > floor:
            best, floor = (weights, X, Y), min(H[0], np.abs(g).min())
    assert floor > 2e-3
    return best


@pytest.mark.parametrize("sign", [(1, 1), (-1, -1), (-1, 1)], ids=["G positive", "G negative", "G indefinite"])
def test_theorem_5_a_minimum_becomes_a_saddle_for_every_lambda(sign):
    weights, X, Y = minimum(sign)
    F, G = replication_curvature(weights, X, Y, TANH, SQUARE, 0, 0)
    assert np.linalg.norm(F) > 1e-6
    for lam in ([0.5, 0.5], [1.5, -0.5], [0.2, 0.3, 0.5], [2.0, -0.4, -0.6]):
        lam = np.array(lam)
        wide = replicate_unit(weights, 0, 0, lam)
        assert steepest(wide, X, Y, TANH) < 1e-12
        counts = inertia(hessian(wide, X, Y, TANH))
        assert counts.negative > 0 and counts.positive > 0
        assert counts.negative == predicted_inertia(F, G, lam, tol=counts.tol).negative


def test_theorem_5_needs_only_F_not_zero_also_with_G_zero():
    F, lam = np.array([[0.0, 1.0]]), np.array([0.5, 0.5])
    assert predicted_inertia(F, np.zeros((2, 2)), lam) == (1, 1, 1)
    assert predicted_inertia(0 * F, np.eye(2), lam).negative == 0   # control: F = 0 and G definite


def test_escape_direction_is_the_most_negative_eigenpair():
    rng = np.random.default_rng(0)
    for copies in (2, 3, 4):
        lam, F, G = random_lam(rng, copies), rng.normal(size=(2, 3)), rng.normal(size=(3, 3))
        A = complement(lam)
        B = replication_hessian(F, G + G.T, A, lam)
        xi, eta, curvature = escape_direction(F, G + G.T, A, lam)
        d = np.concatenate([xi.ravel(), eta.ravel()])
        assert xi.shape == (copies - 1, 2) and eta.shape == (copies - 1, 3)
        assert np.linalg.norm(d) == pytest.approx(1, rel=1e-12)
        assert curvature == pytest.approx(np.linalg.eigvalsh(B)[0], rel=1e-12)
        assert np.abs(B @ d - curvature * d).max() < 1e-12 * np.abs(B).max()


@pytest.mark.parametrize("widths, layer", [((1, 1, 2), 0), ((1, 2, 2, 2), 1)], ids=str)
def test_escape_falls_as_predicted_and_then_further(widths, layer):
    if layer == 0:
        weights, X, Y = minimum((1, 1))
    else:
        weights, X, Y = stationary(list(widths), TANH, 199, n=24, layer=1, size=0.3, scale=3)
    assert np.linalg.eigvalsh(hessian(weights, X, Y, TANH))[0] > 0  # a local minimum, though narrow
    lam = np.array([0.4, 0.6])
    A = complement(lam)
    F, G = replication_curvature(weights, X, Y, TANH, SQUARE, layer, 0)
    xi, eta, curvature = escape_direction(F, G, A, lam)
    T = omega_basis(weights, layer, 0, lam, A)
    d = T[:, flatten(weights).size:] @ np.concatenate([xi.ravel(), eta.ravel()])
    wide = replicate_unit(weights, layer, 0, lam)
    L = training_loss(weights, X, Y, TANH)

    def fall(t):
        return training_loss(unflatten(flatten(wide) + t * d, wide), X, Y, TANH) - L

    steps = np.array([4e-3, 2e-3, 1e-3])
    off = np.array([abs((fall(t) + fall(-t)) / (t ** 2 * curvature) - 1) for t in steps])
    one_sided = np.array([abs(fall(t) / (t ** 2 * curvature / 2) - 1) for t in steps])
    assert one_sided[-1] < 0.3 and (one_sided[1:] < 0.75 * one_sided[:-1] + 1e-4).all()         # O(t)
    assert off[-1] < 0.05 and (off[1:] < 0.35 * off[:-1] + 1e-4).all()                          # even part: O(t^2)
    below = minimize(unflatten(flatten(wide) + 0.02 * d, wide), X, Y, TANH, iterations=60)
    assert below.loss < L + 2 * fall(0.02) < L


def test_escape_direction_refuses_where_there_is_no_way_down():
    lam = np.array([0.5, 0.5])
    with pytest.raises(ValueError, match="no direction of escape"):
        escape_direction(np.zeros((1, 2)), np.eye(2), complement(lam), lam)
    with pytest.raises(ValueError, match="no direction of escape"):
        escape_direction(np.zeros((1, 2)), np.zeros((2, 2)), complement(lam), lam)
    assert escape_direction(np.zeros((1, 2)), -np.eye(2), complement(lam), lam).curvature == pytest.approx(-0.5)
    small = escape_direction([[1e-6, 0.0]], np.eye(2), complement(lam), lam).curvature
    assert small == pytest.approx(-5e-13, rel=1e-6, abs=0)          # approx's own abs is 1e-12
    for seed in range(20):                                          # G >= 0 singular: its zeros are rounding
        B = np.random.default_rng(seed).normal(size=(7, 4))
        with pytest.raises(ValueError, match="no direction of escape"):
            escape_direction(np.zeros((2, 7)), B @ B.T, complement(lam), lam)


# ------------------------------------------------------------------ the logistic loss

def test_theorems_2_and_5_with_the_logistic_loss():
    for widths, layer, seed, size in (([2, 2, 3], 0, 3, 0.1), ([1, 2, 2, 2], 1, 133, 0.02)):
        weights, X, Y = stationary(widths, TANH, seed, n=14, layer=layer, loss=LOGISTIC, size=size)
        assert np.linalg.eigvalsh(hessian(weights, X, Y, TANH, LOGISTIC))[0] > 1e-5             # a minimum
        assert Y.min() > 0 and Y.max() < 1 and training_loss(weights, X, Y, TANH, LOGISTIC) > 0.1
        F, G = replication_curvature(weights, X, Y, TANH, LOGISTIC, layer, 0)
        assert F.any()
        for lam in ([0.5, 0.5], [1.5, -0.5], [0.4, 0.8, -0.2], [1.0, 0.0]):
            wide = replicate_unit(weights, layer, 0, lam)
            assert steepest(wide, X, Y, TANH, LOGISTIC) < 1e-13
            counts, narrow = (inertia(hessian(net, X, Y, TANH, LOGISTIC)) for net in (wide, weights))
            surplus = predicted_inertia(F, G, np.array(lam), tol=counts.tol)
            assert counts[:3] == tuple(a + b for a, b in zip(narrow[:3], surplus)) and surplus.negative > 0
        # control: v_j not along zeta
        zeta = weights[layer + 1][:, 0]
        split = split_unit(weights, layer, 0, np.array([zeta - 1, np.ones(len(zeta))]))
        assert steepest(split, X, Y, TANH, LOGISTIC) > 1e-6


def test_theorems_9_and_10_with_the_logistic_loss():
    weights, X, Y = stationary([2, 2, 2], RELU, 5, n=14, loss=LOGISTIC)
    H, P = hessian(weights, X, Y, RELU, LOGISTIC), flatten(weights).size
    wide = inactive_relu_units(weights, 0, np.random.default_rng(0).normal(size=(2, 2)), X)
    assert steepest(wide, X, Y, RELU, LOGISTIC) < 1e-13
    B = ordered(wide, X, Y, RELU, LOGISTIC, weights, 0, 2)
    assert relative(B[:P, :P], H) < TIGHT and not B[P:].any()       # Eq. (12): zeros, so a minimum stays one
    F, G = replication_curvature(weights, X, Y, RELU, LOGISTIC, 0, 0)
    assert F.any() and not G.any()
    for gamma in ([1.5, -0.4, 0.9], [2.0, 1.0], [1.0, 0.0]):        # Theorem 10: saddles, also with zeros
        gamma = np.array(gamma)
        wide = replicate_relu_unit(weights, 0, 0, gamma)
        assert steepest(wide, X, Y, RELU, LOGISTIC) < 1e-13
        counts, narrow = inertia(hessian(wide, X, Y, RELU, LOGISTIC), 1e-11), inertia(H, 1e-11)
        surplus = predicted_inertia(F, G, gamma / gamma.sum(), 1e-11)
        assert counts[:3] == tuple(a + b for a, b in zip(narrow[:3], surplus)) and surplus.negative > 0


# ------------------------------------------------------------------ Theorem 11: one output

CASES = {"1a": ((1, 1), [0.5, 0.3, 0.2], "minimum"), "1b": ((1, 1), [0.8, 0.7, -0.5], "saddle"),
         "2a": ((-1, -1), [2.0, -0.6, -0.4], "minimum"), "2b": ((-1, -1), [0.8, 0.7, -0.5], "saddle"),
         "3 all positive": ((-1, 1), [0.5, 0.3, 0.2], "saddle"), "3 mixed": ((-1, 1), [2.0, -0.6, -0.4], "saddle")}


@pytest.mark.parametrize("H0", [1, 2])
@pytest.mark.parametrize("case", CASES)
def test_theorem_11(case, H0):
    sign, lam, kind = CASES[case]
    weights, X, Y = minimum(sign, M=1, H0=H0)
    lam = np.array(lam)
    F, G = replication_curvature(weights, X, Y, TANH, SQUARE, 0, 0)
    assert not F.any()                                              # zeta F = dL/du = 0
    wide = replicate_unit(weights, 0, 0, lam)
    assert steepest(wide, X, Y, TANH) < 1e-12
    counts = inertia(hessian(wide, X, Y, TANH))
    surplus = predicted_inertia(F, G, lam)
    assert counts[:3] == (flatten(weights).size + surplus.positive, surplus.negative, surplus.zero)
    assert counts.zero == 2                                         # the xi: L is constant along them
    assert (counts.negative > 0) == (kind == "saddle")
    lowest, left = lowest_descent(wide, X, Y, TANH)
    if kind == "minimum":
        assert left < 1e-8 and lowest > -1e-12                      # rounding of L ~ 1e-16, of the descent less
    else:
        assert lowest < -1e-7                                       # a million times that rounding


def test_erratum_the_proof_of_theorem_11_2a_leaves_out_cross_terms():
    """Supplement E shows s B_0 s < 0 for s orthogonal to lam_0 and for s = lam_0: that alone is not B_0 < 0."""
    lam_0, lam_H = np.array([-1.0, -2.0]), 4.0
    B = np.diag(lam_0) + np.outer(lam_0, lam_0) / lam_H
    across = np.array([2.0, -1.0])
    assert across @ lam_0 == 0 and across @ B @ across < 0 and lam_0 @ B @ lam_0 < 0
    assert across @ B @ lam_0 == -2                                 # the cross term, which is not 0
    more = B - (np.outer(across, lam_0) + np.outer(lam_0, across)) / 5
    assert across @ more @ across < 0 and lam_0 @ more @ lam_0 < 0  # the same two values, and yet
    assert inertia(more).positive == 1
    # the statement holds: [1; A] diag(lam) [1; A]^T = diag(1, C), so C has Sylvester's counts
    A = complement(np.append(lam_0, lam_H))
    assert inertia(B).negative == 2 and inertia((A * np.append(lam_0, lam_H)) @ A.T).negative == 2


def test_where_the_minimum_turns_at_a_lambda_of_zero():
    """Fukumizu's Fig. 4: along lam = (1 - s, s) L is constant, and the minimum ends at s = 0 and s = 1."""
    inside, outside = np.linspace(0.05, 0.95, 7), np.array([-0.3, -0.05, 1.05, 1.3])
    for sign, stays in (((1, 1), inside), ((-1, -1), outside), ((-1, 1), [])):
        weights, X, Y = minimum(sign, M=1)
        L = training_loss(weights, X, Y, TANH)
        for s in (*inside, *outside, 0.0, 1.0):
            wide = replicate_unit(weights, 0, 0, [1 - s, s])
            assert abs(training_loss(wide, X, Y, TANH) - L) < 1e-14
            least = np.linalg.eigvalsh(hessian(wide, X, Y, TANH))[0]
            assert least > -1e-13 if s in stays or s in (0, 1) else least < -1e-5
        F, G = replication_curvature(weights, X, Y, TANH, SQUARE, 0, 0)
        for lam in ([1.0, 0.0], [0.0, 1.0]):                        # a degenerate saddle already, whatever G is
            assert predicted_inertia(F, G, lam) == (0, 0, 3)


def test_erratum_minimum_in_theorem_11_is_local_only():
    weights, X, Y = minimum((1, 1), M=1)
    lower = min(minimize(random_weights([1, 4, 1], rng=k), X, Y, TANH, iterations=60).loss for k in range(4))
    assert lower < 0.9 * training_loss(weights, X, Y, TANH)         # the wider net reaches lower


def test_beyond_theorem_11_a_zero_lambda_is_a_degenerate_saddle():
    """Stationary, no local extremum, and yet no negative eigenvalue: App. A's saddle does not need one."""
    weights, X, Y = minimum((1, 1), M=1)
    wide = replicate_unit(weights, 0, 0, [1.0, 0.0])                # the copy has w = u, v = 0
    L = training_loss(wide, X, Y, TANH)
    H = hessian(wide, X, Y, TANH)
    assert steepest(wide, X, Y, TANH) < 1e-12
    assert np.linalg.eigvalsh(H)[0] > -1e-12                        # invisible to the Hessian
    G = replication_curvature(weights, X, Y, TANH, SQUARE, 0, 0).G / weights[1][0, 0]
    y = np.linalg.eigh(G)[1][:, 0]
    order = parameter_order(weights, 0, 1)

    def path(eps):
        """The copy gets v = -+eps/200, taken from zeta, and w = u + eps y: L moves by v (y G y / zeta) eps^2 / 2."""
        theta, curve = flatten(wide), y @ G @ y
        theta[order.v.ravel()] += -np.sign(curve) * eps / 200
        theta[order.theta_0[weights[0].size]] -= -np.sign(curve) * eps / 200    # zeta takes it back
        theta[order.w.ravel()] += eps * y
        return training_loss(unflatten(theta, wide), X, Y, TANH) - L

    steps = np.array([1e-2, 5e-3, 2.5e-3, 1.25e-3])
    falls = np.array([path(t) for t in steps])
    assert (falls < 0).all()
    slopes = np.diff(np.log(-falls)) / np.diff(np.log(steps))
    assert abs(slopes[-1] - 3) < 0.1
    assert -falls[-1] / steps[-1] ** 3 == pytest.approx(np.abs(y @ G @ y) / 400, rel=0.1)
    counts = inertia(H)
    assert counts.negative == 0 and counts.zero == 3


def test_beyond_theorem_5_a_zero_lambda_with_F_not_zero_is_an_ordinary_saddle():
    weights, X, Y = minimum((1, 1))
    wide = replicate_unit(weights, 0, 0, [1.0, 0.0])
    assert inertia(hessian(wide, X, Y, TANH)).negative > 0


def test_control_theorem_11_needs_zeta_not_zero():
    weights, X, Y = stationary([1, 1, 1], TANH, 0, n=10)
    weights[1][0, 0] = 0                                            # then dL/du = zeta F says nothing on F
    u, s, _ = np.linalg.svd(jacobian(weights, X, TANH).reshape(10, -1))
    kernel, a = u[:, (s > 1e-10 * s[0]).sum():], np.hstack([X, -np.ones((10, 1))])
    r = kernel @ kernel.T @ (X[:, 0] / np.cosh(a @ weights[0][0]) ** 2)
    Y = forward(weights, X, TANH) - r[:, None]
    assert steepest(weights, X, Y, TANH) < 1e-13
    assert np.abs(replication_curvature(weights, X, Y, TANH, SQUARE, 0, 0).F).max() > 1e-3


# ------------------------------------------------------------------ supplement (28): both inactive

@pytest.mark.parametrize("widths, layer", [([2, 2, 2], 0), ([1, 2, 2, 2], 0), ([1, 2, 2, 2], 1)], ids=str)
def test_doubly_inactive_units_add_plus_minus_the_singular_values_of_F0(widths, layer):
    weights, X, Y = stationary(widths, TANH, 2, n=14, layer=layer, size=1.0, scale=3)
    wide = inactive_units_and_propagation(weights, layer, 2)
    assert steepest(wide, X, Y, TANH) < 1e-12
    W, V = np.zeros((2, weights[layer].shape[1])), np.zeros((2, len(weights[layer + 1])))
    b = surplus_hessian(weights, X, Y, TANH, SQUARE, layer, W, V)
    H = ordered(wide, X, Y, TANH, SQUARE, weights, layer, 2)
    assert relative(assembled(weights, X, Y, TANH, SQUARE, b), H) < TIGHT
    P, F0 = flatten(weights).size, b.vw[:V.shape[1], :W.shape[1]]
    assert not b.cross.any() and not b.vv.any() and not b.ww.any()
    s = np.linalg.svd(F0, compute_uv=False)
    assert s[0] > 1e-6
    expected = np.sort(np.concatenate([s, s, -s, -s, np.zeros(2 * (sum(F0.shape) - 2 * len(s)))]))
    assert np.abs(np.linalg.eigvalsh(H[P:, P:]) - expected).max() < 1e-13
    assert inertia(H).negative >= inertia(hessian(weights, X, Y, TANH)).negative + 2            # a saddle, or more so


# ------------------------------------------------------------------ inactive units and propagation, any training error

# phi(0) = 0, and phi''(0) is not 0, as it is for tanh
SINE = Activation("sine", lambda x: np.sin(x + 0.4) - np.sin(0.4), lambda x: np.cos(x + 0.4),
                  lambda x: -np.sin(x + 0.4))


@every_net
def test_inactive_blocks_are_those_of_the_wide_nets_hessian(widths, bias):
    weights, X, Y = draw(widths, bias, seed=5)
    for act, loss in product((TANH, SOFTPLUS, RELU, SMOOLU, SINE), (SQUARE, LOGISTIC)):
        rng = np.random.default_rng(2)
        for layer in range(len(weights) - 1):
            W, V = rng.normal(size=(2, weights[layer].shape[1])), rng.normal(size=(2, len(weights[layer + 1])))
            b = inactive_propagation_hessian(weights, X, Y, act, loss, layer, W)
            H = ordered(inactive_propagation(weights, layer, W), X, Y, act, loss, weights, layer, 2)
            assert relative(assembled(weights, X, Y, act, loss, b), H) < TIGHT, (act.name, loss.name)
            assert not b.ww.any()
            if act.f(np.zeros(1))[0] == 0:
                b = inactive_units_hessian(weights, X, Y, act, loss, layer, V)
                H = ordered(inactive_units(weights, layer, V, act), X, Y, act, loss, weights, layer, 2)
                assert relative(assembled(weights, X, Y, act, loss, b), H) < TIGHT, (act.name, loss.name)
                assert not b.vv.any()


@every_net
def test_surplus_blocks_for_units_that_cancel_each_other(widths, bias):
    weights, X, Y = draw(widths, bias, seed=5)
    rng = np.random.default_rng(2)
    for layer in range(len(weights) - 1):
        W, V = rng.normal(size=(1, weights[layer].shape[1])), rng.normal(size=(1, len(weights[layer + 1])))
        W, V = np.vstack([W, W]), np.vstack([V, -V])
        for act in (TANH, SIGMOID):
            b = surplus_hessian(weights, X, Y, act, LOGISTIC, layer, W, V)
            H = ordered(add_units(weights, layer, W, V), X, Y, act, LOGISTIC, weights, layer, 2)
            assert relative(assembled(weights, X, Y, act, LOGISTIC, b), H) < TIGHT


def test_surplus_blocks_of_units_whose_inputs_cancel_only_at_this_theta_0():
    """s_j = 0 on all x since two units below are equal; d s_j / d theta_0 is not 0, and delta moves with s_j."""
    weights, X, Y = draw([2, 3, 2, 2], seed=5)
    weights[0][1] = weights[0][0]
    W, V, P = np.array([[1.0, -1, 0, 0]]), np.array([[0.7, -0.4]]), flatten(weights).size
    b = surplus_hessian(weights, X, Y, TANH, LOGISTIC, 1, W, V)
    H = ordered(add_units(weights, 1, W, V), X, Y, TANH, LOGISTIC, weights, 1, 1)
    assert relative(b.cross, H[:P, P:]) < TIGHT
    assert relative(np.block([[b.vv, b.vw], [b.vw.T, b.ww]]), H[P:, P:]) < TIGHT
    assert relative(hessian(weights, X, Y, TANH, LOGISTIC), H[:P, :P]) > 0.01       # the theta_0 block is another one


# ------------------------------------------------------------------ zero training error

def zero_error(widths=(2, 2, 2), seed=0, n=14, act=TANH):
    weights, X, _ = draw(list(widths), n=n, seed=seed)
    return weights, X, forward(weights, X, act)


def test_erratum_41_at_zero_error_replication_adds_nothing_but_zeros():
    for act in (TANH, RELU):
        weights, X, Y = zero_error(act=act)
        F, G = replication_curvature(weights, X, Y, act, SQUARE, 0, 0)
        assert not F.any() and not G.any()                          # printed: "contains a non-zero block"
        lam = np.array([0.3, 0.7])
        H, H_wide = hessian(weights, X, Y, act), hessian(replicate_unit(weights, 0, 0, lam), X, Y, act)
        wide, narrow = inertia(H_wide, tol=1e-12), inertia(H, tol=1e-12)
        assert wide[:3] == (narrow.positive, 0, narrow.zero + 5)
        T = omega_basis(weights, 0, 0, lam, complement(lam))
        assert relative(T.T @ H_wide @ T, block_diagonal(H, np.zeros((5, 5)))) < TIGHT


def test_at_zero_error_tanh_rises_like_eta_to_the_fourth_and_relu_is_flat():
    rng = np.random.default_rng(0)
    for act, power in ((TANH, 4), (RELU, None)):
        weights, X, Y = zero_error(seed=3, act=act)
        assert (forward_pass(weights, X, act)[1][0][:, 0] > 0).any()            # unit 0 is on
        lam = np.array([0.3, 0.7])
        T = omega_basis(weights, 0, 0, lam, complement(lam))
        wide, eta = replicate_unit(weights, 0, 0, lam), rng.normal(size=3)
        steps = np.array([2e-2, 1e-2, 5e-3]) / (1 if power else 100)            # for ReLU within Prop. 8's radius
        L = [training_loss(unflatten(flatten(wide) + t * T[:, -3:] @ eta, wide), X, Y, act) for t in steps]
        if power:
            assert np.abs(np.diff(np.log(L)) / np.diff(np.log(steps)) - power).max() < 0.1
        else:
            assert max(L) < 1e-28                                   # n M (10 eps)^2


def test_42_S1_and_43_S2_at_zero_error_with_their_ranks():
    weights, X, Y = zero_error()
    rng = np.random.default_rng(1)
    xt = np.hstack([X, -np.ones((len(X), 1))])
    for E in (1, 2, 3):
        V, W = rng.normal(size=(E, 2)), rng.normal(size=(E, 3))
        b = inactive_units_hessian(weights, X, Y, TANH, SQUARE, 0, V)
        assert relative(b.ww, np.kron(V @ V.T, xt.T @ xt)) < 1e-13  # phi'(0) = 1, l'' = I
        assert np.linalg.matrix_rank(b.ww, tol=1e-9) == min(E, 2) * 3           # min(E, M) D
        assert not b.vv.any() and not b.vw.any()
        b, s = inactive_propagation_hessian(weights, X, Y, TANH, SQUARE, 0, W), np.tanh(xt @ W.T)
        assert relative(b.vv, np.kron(s.T @ s, np.eye(2))) < 1e-13
        assert not b.ww.any() and not b.vw.any()


def test_cross_blocks_with_theta_0_are_not_zero():
    weights, X, Y = zero_error()
    rng = np.random.default_rng(1)
    V, W, J = rng.normal(size=(1, 2)), rng.normal(size=(1, 3)), jacobian(weights, X, TANH)
    xt = np.hstack([X, -np.ones((len(X), 1))])
    cross = inactive_units_hessian(weights, X, Y, TANH, SQUARE, 0, V).cross
    assert relative(cross[:, 2:], np.einsum("nmp,m,nd->pd", J, V[0], xt)) < 1e-12 and not cross[:, :2].any()
    assert np.abs(cross).max() > 0.1
    cross = inactive_propagation_hessian(weights, X, Y, TANH, SQUARE, 0, W).cross
    assert relative(cross[:, :2], np.einsum("nmp,n->pm", J, np.tanh(xt @ W[0]))) < 1e-12 and not cross[:, 2:].any()
    assert np.abs(cross).max() > 0.1


def test_12_relu_inactive_units_leave_exact_zeros_and_44_propagation_does_not():
    rng = np.random.default_rng(3)
    for act in (RELU, SMOOLU):                                      # smooLU: smooth, and as flat as ReLU
        weights, X, Y = draw([2, 3, 2])
        V = rng.normal(size=(2, 2))
        wide = inactive_relu_units(weights, 0, V, X, act=act)
        H = ordered(wide, X, Y, act, SQUARE, weights, 0, 2)
        P = flatten(weights).size
        assert not H[P:].any() and not H[:, P:].any()
        assert relative(H[:P, :P], hessian(weights, X, Y, act)) < 1e-13
        b = surplus_hessian(weights, X, Y, act, SQUARE, 0, wide[0][3:], V)
        assert not any(block.any() for block in b)
        Y = forward(weights, X, act)
        W = rng.normal(size=(2, 3))
        b = inactive_propagation_hessian(weights, X, Y, act, SQUARE, 0, W)
        s = act.f(np.hstack([X, -np.ones((len(X), 1))]) @ W.T)
        assert relative(b.vv, np.kron(s.T @ s, np.eye(2))) < 1e-13 and b.vv.any()
        off = inactive_propagation_hessian(weights, X, Y, act, SQUARE, 0, np.array([[0.0, 0.0, 9.0]]))
        assert not off.vv.any() and not off.cross.any()             # S3 = 0 where the new units are off


def test_theorem_10_both_readings_of_Lambda():
    weights, X, Y = stationary([2, 2, 2], RELU, 5, n=14, size=1.0)
    gamma = np.array([1.5, -0.4, 0.9])
    s = gamma.sum()
    A = complement(gamma)
    F, G = replication_curvature(weights, X, Y, RELU, SQUARE, 0, 0)
    xt = np.hstack([X, -np.ones((len(X), 1))])
    delta, on = forward(weights, X, RELU) - Y, xt @ weights[0][0] > 0
    assert relative(F, delta[on].T @ xt[on]) < 1e-12 and np.abs(F).max() > 1e-4
    wide = replicate_relu_unit(weights, 0, 0, gamma)
    H = hessian(wide, X, Y, RELU)
    T = omega_basis(weights, 0, 0, gamma, A, beta=np.full(3, 1 / s))[:, flatten(weights).size:]
    corrected, scaled = replication_hessian(F, G, A, gamma / s), replication_hessian(F, G, A, gamma)
    assert relative(T.T @ H @ T, corrected) < TIGHT                 # Diag(gamma beta), Eq. (6) corrected
    T[:, 4:] *= s                                                   # printed: w_j = b + A^T eta, b = u / s
    assert relative(T.T @ H @ T, scaled) < TIGHT                    # Diag(gamma)
    assert relative(T.T @ H @ T, corrected) > 0.1                   # and not the other way round
    d = np.linalg.svd(scaled[:4, 4:], compute_uv=False)
    rank = (d > 1e-10 * d[0]).sum()
    assert np.abs(np.sort(np.concatenate([d, -d, np.zeros(2)])) - np.linalg.eigvalsh(scaled)).max() < 1e-12
    assert predicted_inertia(F, G, gamma, tol=1e-10) == (rank, rank, 2 * (2 + 3) - 2 * rank)
    total = inertia(H, tol=1e-9)
    assert total.negative >= rank > 0                               # a saddle
    for beta in (np.array([0.5, 1.0, 2.0]), np.array([3.0, 0.2, 1.0])):        # any beta > 0
        g = gamma / (gamma @ beta)
        A = complement(g * beta)
        T = omega_basis(weights, 0, 0, g, A, beta=beta)[:, flatten(weights).size:]
        B = T.T @ hessian(replicate_relu_unit(weights, 0, 0, g, beta), X, Y, RELU) @ T
        assert relative(B, replication_hessian(F, G, A, g * beta)) < TIGHT


def test_erratum_the_proof_of_theorem_10_fails_at_gamma_1_0():
    """Its [[0, F~], [F~^T, 0]] is 0 there, A Lam A^T being 0; but v moves where gamma_j = 0, and the saddle is one."""
    weights, X, Y = stationary([2, 2, 2], RELU, 5, n=14, size=1.0)
    gamma, A = np.array([1.0, 0.0]), np.array([[0.0, 1.0]])
    assert not A @ gamma and (A * gamma) @ A.T == 0
    F, G = replication_curvature(weights, X, Y, RELU, SQUARE, 0, 0)
    rank = np.linalg.matrix_rank(F, tol=1e-10)
    wide, narrow = (inertia(hessian(net, X, Y, RELU), 1e-10)
                    for net in (replicate_relu_unit(weights, 0, 0, gamma), weights))
    assert wide.negative == narrow.negative + rank > narrow.negative
    assert predicted_inertia(F, G, gamma, 1e-10) == (rank, rank, 2 + 3 - 2 * rank)


def test_erratum_theorem_9_is_of_local_minima_only():
    """y = |x| on both sides of 0: one ReLU unit cannot fit it, two can, so the embedded global minimum is none."""
    X = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    Y = np.abs(X)
    best = min((minimize(random_weights([1, 1, 1], rng=k), X, Y, RELU, iterations=100) for k in range(10)),
               key=lambda found: found.loss)
    assert best.converged and best.loss > 0.1
    wide = inactive_relu_units(best.weights, 0, np.ones((1, 1)), X)
    assert training_loss(wide, X, Y, RELU) == pytest.approx(best.loss, rel=1e-12)
    both = [np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([[1.0, 1.0, 0.0]])]
    assert both[0].shape == wide[0].shape and training_loss(both, X, Y, RELU) == 0
    lowest, left = lowest_descent(wide, X, Y, RELU)
    assert left < 1e-8 and lowest > -1e-12                          # near by it is one


# ------------------------------------------------------------------ weight decay

def decayed(widths, act, mu=0.1, seed=0, F0=None):
    """A net and data with dL/dtheta + mu theta = 0 and, where given, that F0: l' is the shortest solution."""
    rng = np.random.default_rng(seed)
    weights = [1.5 * W for W in random_weights(widths, bias=[True, False], rng=rng)]
    if act is RELU:                                                 # needs |w_j| = |v_j|, as rescaling costs nothing
        for j in range(len(weights[0])):
            c = np.sqrt(np.linalg.norm(weights[1][:, j]) / np.linalg.norm(weights[0][j]))
            weights[0][j], weights[1][:, j] = c * weights[0][j], weights[1][:, j] / c
    X = rng.normal(size=(60, widths[0]))
    J, f = jacobian(weights, X, act).reshape(60 * widths[-1], -1), forward(weights, X, act)
    equations, wanted = J.T, -mu * flatten(weights)
    if F0 is not None:
        effect = surplus_effect(weights, X, np.eye(f.size).reshape((-1,) + f.shape), act, 0)
        equations, wanted = np.vstack([J.T, effect[:, -F0.size:].T]), np.append(wanted, F0)
    slope = np.linalg.lstsq(equations, wanted, rcond=1e-12)[0]
    return weights, X, f - slope.reshape(f.shape)


def decayed_gradient(weights, X, Y, act, mu=0.1):
    return [g + mu * W for g, W in zip(gradient(weights, X, Y, act), weights)]


def test_weight_decay_smooth_replication_is_no_longer_stationary():
    weights, X, Y = decayed([2, 2, 2], TANH)
    u, zeta, lam = weights[0][0], weights[1][:, 0], np.array([0.5, 0.8, -0.3])
    assert max(np.abs(g).max() for g in decayed_gradient(weights, X, Y, TANH)) < 1e-13
    gW, gV = decayed_gradient(replicate_unit(weights, 0, 0, lam), X, Y, TANH)
    copies = [0, 2, 3]                                              # the others come last
    assert np.abs(gW[copies] - 0.1 * np.outer(1 - lam, u)).max() < 1e-13
    assert np.abs(gV[:, copies].T - 0.1 * np.outer(lam - 1, zeta)).max() < 1e-13
    assert np.abs(gW[copies]).max() > 0.01 and max(np.abs(gW[1]).max(), np.abs(gV[:, 1]).max()) < 1e-13


def test_weight_decay_relu_replication_is_stationary_only_at_gamma_equal_to_beta():
    weights, X, Y = decayed([2, 2, 2], RELU, seed=2)
    u, zeta, root = weights[0][0], weights[1][:, 0], np.sqrt([0.2, 0.3, 0.5])
    assert max(np.abs(g).max() for g in decayed_gradient(weights, X, Y, RELU)) < 1e-13
    for beta, gamma in ((root, root), (np.ones(3), np.array([0.5, 0.8, -0.3])), (2 * root, root / 2)):
        gW, gV = decayed_gradient(replicate_relu_unit(weights, 0, 0, gamma, beta), X, Y, RELU)
        assert np.abs(gW[[0, 2, 3]] - 0.1 * np.outer(beta - gamma, u)).max() < 1e-13
        assert np.abs(gV[:, [0, 2, 3]].T - 0.1 * np.outer(gamma - beta, zeta)).max() < 1e-13
        assert (np.abs(gW).max() < 1e-13) == (beta is gamma)
    off = decayed_gradient(inactive_relu_units(weights, 0, np.ones((1, 2)), X), X, Y, RELU)
    assert np.abs(off[0][2]).max() > 0.1                            # mu w: the flat set of Theorem 9 is lost


def test_weight_decay_the_doubly_inactive_point_stays_and_turns_at_the_largest_singular_value_of_F0():
    for c in (0.5, 0.95, 1.05, 2.0):
        F0 = 0.1 * c * np.array([[0.6, 0.8, 0.0], [0.4, -0.3, 0.0]])            # of singular values 0.1 c and 0.05 c
        weights, X, Y = decayed([2, 2, 2], TANH, seed=3, F0=F0)
        wide, P = inactive_units_and_propagation(weights, 0, 2), flatten(weights).size
        assert max(np.abs(g).max() for g in decayed_gradient(wide, X, Y, TANH)) < 1e-13
        H = ordered(wide, X, Y, TANH, SQUARE, weights, 0, 2) + 0.1 * np.eye(P + 10)
        surplus = 0.1 + 0.1 * c * np.array([1.0, 1, -1, -1, 0.5, 0.5, -0.5, -0.5, 0, 0])
        assert np.abs(np.linalg.eigvalsh(H[P:, P:]) - np.sort(surplus)).max() < 1e-12 and not H[:P, P:].any()
        assert np.linalg.eigvalsh(H[:P, :P])[0] > 0.01              # a local minimum of the narrow net
        assert (np.linalg.eigvalsh(H)[0] > 0) == (c < 1)            # of the wide net a local minimum, or a saddle
    weights, X, Y = decayed([2, 2, 2], SMOOLU, seed=8)              # phi'(0) = 0, so F0 = 0: a minimum for every mu > 0
    b = surplus_hessian(weights, X, Y, SMOOLU, SQUARE, 0, np.zeros((2, 3)), np.zeros((2, 2)))
    assert not any(block.any() for block in b)
    wide = inactive_units_and_propagation(weights, 0, 2, SMOOLU)
    assert max(np.abs(g).max() for g in decayed_gradient(wide, X, Y, SMOOLU)) < 1e-13
    assert np.linalg.eigvalsh(hessian(wide, X, Y, SMOOLU) + 0.1 * np.eye(20))[0] > 0.09


def test_weight_decay_at_equality_the_fourth_order_decides():
    """mu = sigma_max: along v = e p, w = -e q, theta_0 moved to where it is least, the loss changes like e^4."""
    F0, falls = 0.1 * np.array([[0.6, 0.8, 0.0], [0.4, -0.3, 0.0]]), {}
    for seed in (3, 7):
        weights, X, Y = decayed([2, 2, 2], TANH, seed=seed, F0=F0)
        H = hessian(weights, X, Y, TANH) + 0.1 * np.eye(10)
        p, q = np.array([[1.0, 0.0]]), -np.array([[0.6, 0.8, 0.0]])  # F0 q = -0.1 p
        assert np.linalg.eigvalsh(H)[0] > 0.1                       # a local minimum of the narrow net

        def change(e, weights=weights, X=X, Y=Y, H=H, p=p, q=q):
            gW, gV = decayed_gradient(add_units(weights, 0, e * q, e * p), X, Y, TANH)
            moved = unflatten(flatten(weights) - np.linalg.solve(H, np.append(gW[:2], gV[:, :2])), weights)
            wide = add_units(moved, 0, e * q, e * p)
            return (training_loss(wide, X, Y, TANH) - training_loss(weights, X, Y, TANH)
                    + 0.05 * ((flatten(wide) ** 2).sum() - (flatten(weights) ** 2).sum()))

        assert np.log2(change(0.1) / change(0.05)) == pytest.approx(4, abs=0.1)
        falls[seed] = change(0.1) < 0
    assert falls == {3: False, 7: True}


# ------------------------------------------------------------------ no embedding loses a sign

def test_no_embedding_loses_positive_or_negative_eigenvalues():
    """An embedding iota is affine with L_wide(iota(theta)) = L(theta): T^T H_wide T = H, T = d iota of full rank."""
    rng = np.random.default_rng(0)
    V, W, R = rng.normal(size=(2, 2)), rng.normal(size=(2, 3)), np.array([0.5, 1.0, 2.0])
    for seed in range(6):
        act = (TANH, SOFTPLUS, RELU)[seed % 3]
        weights, X, Y = draw([2, 3, 2], seed=seed)
        lam = random_lam(rng, 3)
        ways = [lambda w: replicate_unit(w, 0, 1, lam), lambda w: replicate_unit(w, 0, 1, [1.5, 0.0, -0.5]),    # noqa: B023
                lambda w: split_unit(w, 0, 1, np.vstack([w[1][:, 1] - V.sum(axis=0), V])),
                lambda w: inactive_propagation(w, 0, W)]
        if act is not SOFTPLUS:
            ways += [lambda w: inactive_units(w, 0, V, act), lambda w: inactive_units_and_propagation(w, 0, 2, act)]  # noqa: B023
        if act is RELU:
            ways += [lambda w: replicate_relu_unit(w, 0, 1, lam / R, R), lambda w: inactive_relu_units(w, 0, V, X)]  # noqa: B023
        H, theta, keeping = hessian(weights, X, Y, act), flatten(weights), [ways[0], *ways[5:]]     # no lam_j = 0, (28)
        narrow = inertia(H)
        for embed in ways:
            H_wide, base = hessian(embed(weights), X, Y, act), flatten(embed(weights))
            T = np.array([flatten(embed(unflatten(theta + e, weights))) - base for e in np.eye(len(theta))]).T
            assert np.linalg.matrix_rank(T) == len(theta) and relative(T.T @ H_wide @ T, H) < TIGHT
            wide = inertia(H_wide)
            assert wide.positive >= narrow.positive and wide.negative >= narrow.negative
            if embed in keeping:
                assert wide.zero >= narrow.zero


def test_control_zero_eigenvalues_can_be_lost():
    """n0 falls for inactive propagation: both points stationary, (2, 0, 1) below and (4, 2, 0) above."""
    rng = np.random.default_rng(0)
    weights, W, X = [np.array([[0.9]]), np.array([[1.2], [-0.7]])], np.array([[-2.0]]), rng.normal(size=(8, 1))
    J, f = jacobian(weights, X, TANH).reshape(16, 3), forward(weights, X, TANH)
    kernel = np.linalg.svd(np.hstack([J, np.kron(np.tanh(X @ W.T), np.eye(2))]))[0][:, 5:]         # dL/dv_j = 0 too
    slope = (kernel @ rng.normal(size=11)).reshape(8, 2)
    H, half = hessian(weights, X, f, TANH), np.linalg.inv(np.linalg.cholesky(hessian(weights, X, f, TANH)))
    bend = half @ (hessian(weights, X, f - slope, TANH) - H) @ half.T           # linear in l'
    Y = f + slope / np.linalg.eigvalsh(bend)[0]                     # so scaled that the least eigenvalue is 0
    wide = inactive_propagation(weights, 0, W)
    for net in (weights, wide):
        assert steepest(net, X, Y, TANH) < 1e-13
    narrow, wide = (inertia(hessian(net, X, Y, TANH), tol=1e-12) for net in (weights, wide))
    assert narrow[:3] == (2, 0, 1) and wide[:3] == (4, 2, 0) and narrow.gap > 1e3


# ------------------------------------------------------------------ refusals

def refusals():
    weights, X, Y = draw([2, 3, 2])
    lam = np.array([0.5, 0.5])
    A, F, G = complement(lam), np.ones((2, 3)), np.eye(3)
    pair = (weights, X, Y, TANH, SQUARE)
    return {
        "G has shape": lambda: replication_hessian(F, np.eye(2), A, lam),
        "G differs": lambda: replication_hessian(F, np.triu(np.ones((3, 3))), A, lam),
        "A has shape|lam has shape": lambda: replication_hessian(F, G, np.ones((2, 2)), lam),
        "A lam": lambda: replication_hessian(F, G, np.ones((1, 2)), lam),
        "A lam is up to 1.0e-08": lambda: escape_direction(F, G, [[1.0, -1 + 2e-8]], lam),
        "have no zero": lambda: replication_hessian(F, G, [[0.0, 1.0]], [1.0, 0.0]),
        "should have no zero": lambda: escape_direction(F, G, [[0.0, 1.0]], [1.0, 0.0]),
        "dependent rows": lambda: replication_hessian(F, G, [[1.0, 0, 1], [2, 0, 2]], [2.0, 1.0, -2.0]),
        "and a positive sum": lambda: replication_hessian(F, G, [[1.0, 1.0]], [1.0, -1.0]),
        "have a positive sum": lambda: predicted_inertia(F, G, [1.0, -1.0]),
        "A lam is up to 2.5e-01": lambda: replication_hessian(F, G, [[-1, 0.5]], lam),
        "no zero, .* and a positive sum": lambda: replication_hessian(F, G, [[1, -1]], [-0.5, -0.5]),
        "and a positive sum, as": lambda: replication_hessian(F, G, [[1, 1, 1], [1, -2, -1]], [0.1, 0.2, -0.3]),
        "have a positive sum:": lambda: predicted_inertia(F, G, [-0.5, -0.5]),
        "0.3., it should have a positive": lambda: predicted_inertia(F, G, [0.1, 0.2, -0.3]),
        "e.09.*it should have a positive": lambda: predicted_inertia(F, G, [1e9, -1e9 + 1.2e-7]),
        "A lam is up to 5.0e-13": lambda: replication_hessian(F, G, [[1e-12, -5e-13, 0], [1e3, 1e3, -2e3]], [1.0] * 3),
        "A has dependent rows": lambda: replication_hessian(F, G, [[0.0, 0.0]], lam),
        "phi.0. = 0.5": lambda: inactive_units_hessian(weights, X, Y, SIGMOID, SQUARE, 0, np.ones((1, 2))),
        "V has shape": lambda: inactive_units_hessian(*pair, 0, np.ones((1, 3))),
        "W has shape": lambda: inactive_propagation_hessian(*pair, 0, np.ones((1, 2))),
        "W and V add": lambda: surplus_hessian(*pair, 0, np.ones((1, 3)), np.ones((1, 2))),
        "W and V add up": lambda: surplus_hessian(*pair, 0, [[1e-6, 0, 0]], [[1e-6, 1e-6]]),
        "second derivative": lambda: inactive_propagation_hessian(weights, X, forward(weights, X, TANH), TANH,
                                                                  power_loss(1.5), 0, np.ones((1, 3))),
    }


def test_coefficients_that_nearly_cancel_and_rows_of_any_size_are_coordinates_too():
    F, G = np.ones((2, 3)), np.eye(3)
    for A, lam in (([[1, 1, 0], [1, 0, -1e10]], [1e10, -1e10, 1]), ([[1e-20, -1e-20, 0], [1e3, 1e3, -2e3]], [1, 1, 1])):
        assert np.isfinite(replication_hessian(F, G, A, lam)).all()
    assert np.isfinite(replication_hessian(F, G, [[2.3333333333, -1]], [0.3, 0.7])).all()       # ten digits will do
    assert predicted_inertia(F, G, [1e10, -1e10, 1.0]) == predicted_inertia(F, G, [2.0, -2.0, 1.0])
    # 1e-13 beside 1000 is a zero: p = 0, m = 1, o = 1, and K has two positive eigenvalues and one negative
    assert predicted_inertia(np.ones((1, 2)), np.eye(2), [1000.0, -999.0, 1e-13]) == (2, 3, 1)


def test_the_counts_do_not_depend_on_the_units_of_the_targets():
    """Y and W_(q+1) times k: F becomes k F, G k^2 G, a congruence of K."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        F, G = rng.normal(size=(2, 3)), rng.normal(size=(3, 3))
        for k in 2.0 ** np.array([-60, 26, 100]):
            assert predicted_inertia(k * F, k ** 2 * (G + G.T), [0.4, 0.6]) == predicted_inertia(F, G + G.T, [0.4, 0.6])


@pytest.mark.parametrize("message", refusals())
def test_what_the_theorems_exclude_is_refused_with_its_reason(message):
    with pytest.raises(ValueError, match=message):
        refusals()[message]()
