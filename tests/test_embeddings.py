"""The embeddings and the coordinates omega. A test's name is the claim it checks."""
from itertools import product

import numpy as np
import pytest
from common import draw, every_net, lowest_descent, relative, steepest

from embeddings import (
    add_units,
    complement,
    embedding_norms,
    first_order_blocks,
    flat_dimension,
    flat_radius,
    inactive_propagation,
    inactive_relu_units,
    inactive_units,
    inactive_units_and_propagation,
    omega_basis,
    omega_coordinates,
    parameter_order,
    read_omega,
    reduce_units,
    replicate_relu_unit,
    replicate_unit,
    split_unit,
)
from hessian import hessian, inertia, predicted_inertia, replication_curvature
from landscape import (
    EPS,
    LEAKY_RELU,
    LOGISTIC,
    RECTIFIED_TANH,
    RELU,
    SIGMOID,
    SMOOLU,
    SOFTPLUS,
    SQUARE,
    TANH,
    flatten,
    forward,
    forward_pass,
    gradient,
    jacobian,
    training_loss,
    unflatten,
    unstack,
)

ACTIVATIONS = [TANH, SIGMOID, SOFTPLUS, RELU, LEAKY_RELU, SMOOLU, RECTIFIED_TANH]


def stationary(widths, act, seed=0, n=14, size=1.0):
    """A net, data and targets at which the gradient of the square loss is 0: the residual is in the kernel of J^T."""
    weights, X, _ = draw(widths, n=n, seed=seed, scale=2)
    u, s, _ = np.linalg.svd(jacobian(weights, X, act).reshape(n * widths[-1], -1))
    kernel = u[:, (s > 1e-10 * s[0]).sum():]
    r = kernel @ np.random.default_rng(seed).normal(size=kernel.shape[1])
    return weights, X, forward(weights, X, act) - size * (r / np.linalg.norm(r)).reshape(n, -1)


def relu_pair(rng, copies):
    """gamma of any sign and beta > 0 with gamma . beta = 1."""
    beta, gamma = rng.uniform(0.5, 2, size=copies), rng.normal(size=copies)
    gamma[-1] = (1 - gamma[:-1] @ beta[:-1]) / beta[-1]
    return gamma, beta


@every_net
def test_proposition_1_every_embedding_keeps_the_function_everywhere(widths, bias):
    for act in ACTIVATIONS:
        weights, X, _ = draw(widths, bias)
        rng = np.random.default_rng(1)
        far = np.vstack([X, 100 * X, rng.normal(size=(5, widths[0])) * 1e3])
        f = forward(weights, far, act)
        for layer in range(len(weights) - 1):
            M1, D1, unit = len(weights[layer + 1]), weights[layer].shape[1], len(weights[layer]) - 1
            V, W = rng.normal(size=(3, M1)), rng.normal(size=(3, D1))
            V[0] = weights[layer + 1][:, unit] - V[1:].sum(axis=0)
            wide = [replicate_unit(weights, layer, unit, [0.5, -1.0, 1.5, 0.0]), split_unit(weights, layer, unit, V),
                    inactive_propagation(weights, layer, W)]
            if act.f(np.zeros(1))[0] == 0:
                wide += [inactive_units(weights, layer, V, act), inactive_units_and_propagation(weights, layer, 2, act)]
            if act in (RELU, LEAKY_RELU):                               # Proposition 6
                gamma, beta = relu_pair(rng, 3)
                wide += [replicate_relu_unit(weights, layer, unit, gamma, beta),
                         replicate_relu_unit(weights, layer, 0, [2.0, -0.5])]
            for net in wide:
                assert len(net[layer]) > len(weights[layer])
                assert np.abs(forward(net, far, act) - f).max() <= 1e-13 * max(1, np.abs(f).max())


def test_copy_0_stays_the_others_come_last_and_a_bias_column_stays_last():
    weights = [np.arange(6.0).reshape(3, 2), 10 + np.arange(8.0).reshape(2, 4)]
    wide = replicate_unit(weights, 0, 1, [0.2, 0.3, 0.5])
    assert (wide[0] == [[0, 1], [2, 3], [4, 5], [2, 3], [2, 3]]).all()
    assert np.allclose(wide[1], [[10, 2.2, 12, 3.3, 5.5, 13], [14, 3.0, 16, 4.5, 7.5, 17]], rtol=1e-15, atol=0)
    wide = replicate_relu_unit(weights, 0, 1, [0.5, 2.0], [1.0, 0.25])
    assert (wide[0] == [[0, 1], [2, 3], [4, 5], [0.5, 0.75]]).all()
    assert (wide[1] == [[10, 5.5, 12, 22, 13], [14, 7.5, 16, 30, 17]]).all()
    assert (replicate_relu_unit(weights, 0, 1, [3.0, 1.0])[0][[1, 3]] == [[0.5, 0.75], [0.5, 0.75]]).all()
    wide = add_units(weights, 0, [[7.0, 8.0]], [[9.0, 6.0]])
    assert (wide[0][3] == [7, 8]).all() and (wide[1][:, 3] == [9, 6]).all() and (wide[1][:, 4] == [13, 17]).all()


def test_no_copy_and_no_unit_are_the_net_itself():
    weights, X, _ = draw([2, 3, 2])
    deep = draw([2, 3, 2, 2])[0]                                    # with a matrix that no unit touches
    for net in (weights, deep):
        for same in (replicate_unit(net, 0, 1, [1.0]), add_units(net, 0, np.zeros((0, 3)), np.zeros((0, 2))),
                     inactive_units_and_propagation(net, 0, 0)):
            assert all((a == b).all() and not np.shares_memory(a, b) for a, b in zip(same, net, strict=True))


def test_embedding_twice_is_embedding_once():
    weights, X, _ = draw([2, 3, 2])
    twice = replicate_unit(replicate_unit(weights, 0, 1, [0.4, 0.6]), 0, 1, [0.25, 0.75])
    once = replicate_unit(weights, 0, 1, [0.1, 0.6, 0.3])
    assert all(relative(a, b) < 1e-15 for a, b in zip(twice, once))


# ------------------------------------------------------------------ stationary or not

DEEP = pytest.mark.parametrize("widths, layer", [([2, 2, 2], 0), ([2, 2, 2, 2], 0), ([2, 2, 2, 2], 1)], ids=str)


@DEEP
def test_theorem_2_stationary_goes_to_stationary_for_every_lambda(widths, layer):
    for act in (TANH, SIGMOID, SMOOLU):
        weights, X, Y = stationary(widths, act)
        assert steepest(weights, X, Y, act) < 1e-12
        for lam in ([0.5, 0.5], [1.0, 0.0], [3.0, -2.0], [0.2, 0.3, 0.5], [0.0, 2.5, -1.5]):
            assert steepest(replicate_unit(weights, layer, 0, lam), X, Y, act) < 1e-12


@DEEP
def test_theorem_2_control_a_general_split_is_not_stationary(widths, layer):
    weights, X, Y = stationary(widths, TANH)
    rng = np.random.default_rng(0)
    V = rng.normal(size=(2, 2))
    V[0] = weights[layer + 1][:, 0] - V[1]
    wide = split_unit(weights, layer, 0, V)
    assert steepest(wide, X, Y, TANH) > 1e-5
    grads, u = gradient(wide, X, Y, TANH), np.tile(weights[layer][0], (2, 1))
    dv, dw = first_order_blocks(weights, X, Y, TANH, SQUARE, layer, u, V)
    assert np.abs(dw - grads[layer][[0, 2]]).max() < 1e-13          # F^T v_j, for copy 0 too
    assert np.abs(dv).max() < 1e-12 and np.abs(dw).max() > 1e-5
    lam = np.array([[0.3], [0.7]])                                  # control: along zeta it is
    assert steepest(split_unit(weights, layer, 0, lam * weights[layer + 1][:, 0]), X, Y, TANH) < 1e-12


def test_the_stationary_part_of_Pi_repl_is_where_F_cancels_v():
    weights, X, Y = stationary([1, 2, 4], TANH)
    F, zeta = replication_curvature(weights, X, Y, TANH, SQUARE, 0, 0).F, weights[1][:, 0]
    rng = np.random.default_rng(0)
    _, s, vt = np.linalg.svd(F.T)                                   # F (M', D') = (4, 2)
    rank = int((s > 1e-10 * s[0]).sum())
    assert rank == 2 and np.abs(F.T @ zeta).max() < 1e-12           # F^T zeta = dL/du = 0
    kernel = vt[rank:]                                              # v with F^T v = 0: M' - rank F = 2 > 1 dimensions
    for E in (1, 3):
        V = rng.normal(size=(E, 2)) @ kernel                        # E (M' - rank F) of them, not along zeta
        wide = split_unit(weights, 0, 0, np.vstack([zeta - V.sum(axis=0), V]))
        assert np.linalg.matrix_rank(np.vstack([V, zeta]), tol=1e-9) == 2 and steepest(wide, X, Y, TANH) < 1e-12
        V += 0.1 * vt[:1]                                           # control: out of the kernel
        assert steepest(split_unit(weights, 0, 0, np.vstack([zeta - V.sum(axis=0), V])), X, Y, TANH) > 1e-5


@every_net
def test_26_and_27_are_the_gradient_in_the_surplus_units(widths, bias):
    for act, loss in product(ACTIVATIONS, (SQUARE, LOGISTIC)):
        weights, X, Y = draw(widths, bias)
        rng = np.random.default_rng(1)
        for layer in range(len(weights) - 1):
            rows, columns = rng.normal(size=(2, weights[layer].shape[1])), rng.normal(size=(2, len(weights[layer + 1])))
            H0 = len(weights[layer])
            for W, V in [(rows, 0 * columns), (0 * rows, columns), (rows[[0, 0]], columns[:1] * [[1], [-1]])]:
                if W.any() or act.f(np.zeros(1))[0] == 0:
                    grads = gradient(add_units(weights, layer, W, V), X, Y, act, loss)
                    dv, dw = first_order_blocks(weights, X, Y, act, loss, layer, W, V)
                    assert np.abs(dw - grads[layer][H0:]).max() < 1e-12 * max(1, np.abs(dw).max())
                    assert np.abs(dv - grads[layer + 1][:, H0:H0 + 2].T).max() < 1e-12 * max(1, np.abs(dv).max())


def test_inactive_units_and_propagation_are_not_stationary_but_both_at_once_are():
    weights, X, Y = stationary([2, 2, 2], TANH)
    V, W = np.ones((1, 2)), np.array([[0.5, -1.0, 0.2]])
    assert steepest(inactive_units(weights, 0, V), X, Y, TANH) > 1e-3
    assert steepest(inactive_propagation(weights, 0, W), X, Y, TANH) > 1e-3
    assert steepest(inactive_units_and_propagation(weights, 0, 3), X, Y, TANH) < 1e-12
    for act in (SMOOLU, RELU):                                      # off on a neighbourhood: stationary
        weights, X, Y = stationary([2, 2, 2], act, seed=2)
        assert steepest(inactive_relu_units(weights, 0, V, X, act=act), X, Y, act) < 1e-12


def test_erratum_the_doubly_inactive_point_has_flat_directions():
    weights, X, Y = stationary([2, 2, 2], TANH)                     # printed: "there is no flat direction"
    wide, order = inactive_units_and_propagation(weights, 0, 2), parameter_order(weights, 0, 2)
    L = training_loss(wide, X, Y, TANH)
    for places in (order.v, order.w):                               # exactly constant, far out too
        for t in (1e-3, 1.0, 1e3):
            theta = flatten(wide)
            theta[places] += t * np.random.default_rng(0).normal(size=places.shape)
            assert abs(training_loss(unflatten(theta, wide), X, Y, TANH) - L) < 1e-14
    theta[order.v] = 1.0                                            # both at once: not constant
    assert abs(training_loss(unflatten(theta, wide), X, Y, TANH) - L) > 1e-3
    moved = inactive_units(weights, 0, np.ones((2, 2)))             # but these points are not stationary
    assert steepest(moved, X, Y, TANH) > 1e-3


def test_table_of_embeddings_and_activations():
    """stationary?, and is a strict minimum of the narrow net still without negative eigenvalues?"""
    for act, iu in ((TANH, False), (SMOOLU, True), (RELU, True)):
        weights, X, Y = stationary([2, 2, 2], act, seed=2, size=0.05)
        V = np.ones((2, 2))
        assert (steepest(inactive_units(weights, 0, V, act), X, Y, act) < 1e-12) == iu
        H0 = hessian(weights, X, Y, act)
        if iu:                                                      # smooLU goes with ReLU, not with tanh
            wide = inactive_relu_units(weights, 0, V, X, act=act)
            H = hessian(wide, X, Y, act)
            assert inertia(H, tol=1e-10)[:2] == inertia(H0, tol=1e-10)[:2]
            assert inertia(H, tol=1e-10).zero == inertia(H0, tol=1e-10).zero + 2 * (2 + 3)
        both = inactive_units_and_propagation(weights, 0, 1, act)
        assert (inertia(hessian(both, X, Y, act), tol=1e-9).negative > inertia(H0, tol=1e-9).negative) == (not iu)


# ------------------------------------------------------------------ Eq. (6), Lemma 3

def test_complement():
    rng = np.random.default_rng(0)
    for copies in range(2, 7):
        lam = rng.normal(size=copies)
        lam[0] += 1 - lam.sum()
        A = complement(lam)
        assert A.shape == (copies - 1, copies)
        assert np.abs(A @ lam).max() < 1e-14 * np.abs(lam).max()
        assert np.abs(A @ A.T - np.eye(copies - 1)).max() < 1e-14
        assert abs(np.linalg.det(np.vstack([np.ones(copies), A]))) > 1e-3


@every_net
def test_lemma_3_at_every_layer_and_any_theta(widths, bias):
    for act in ACTIVATIONS:
        weights, X, _ = draw(widths, bias)
        J0 = jacobian(weights, X, act)
        for layer in range(len(weights) - 1):
            for unit in range(len(weights[layer])):
                lam = np.array([0.5, 1.25, -0.75])
                T = omega_basis(weights, layer, unit, lam, complement(lam))
                JT = jacobian(replicate_unit(weights, layer, unit, lam), X, act) @ T
                assert np.abs(JT[..., :J0.shape[2]] - J0).max() < 1e-13 * max(1, np.abs(J0).max())
                assert np.abs(JT[..., J0.shape[2]:]).max() < 1e-13 * max(1, np.abs(J0).max())


@every_net
def test_lemma_3_for_relu_with_any_gamma_and_beta(widths, bias):
    weights, X, _ = draw(widths, bias, seed=5)
    rng, J0 = np.random.default_rng(0), jacobian(weights, X, RELU)
    for layer in range(len(weights) - 1):
        places = unstack(np.arange(J0.shape[2]), weights)[layer][0]
        assert J0[..., places].any()                                # unit 0 is on, and heard
        gamma, beta = relu_pair(rng, 3)
        T = omega_basis(weights, layer, 0, gamma, complement(gamma * beta), beta=beta)
        JT = jacobian(replicate_relu_unit(weights, layer, 0, gamma, beta), X, RELU) @ T
        assert relative(JT[..., :J0.shape[2]], J0) < 1e-13
        assert np.abs(JT[..., J0.shape[2]:]).max() < 1e-13 * np.abs(J0).max()


@every_net
def test_omega_there_and_back(widths, bias):
    weights, _, _ = draw(widths, bias)
    rng = np.random.default_rng(0)
    for layer in range(len(weights) - 1):
        gamma, beta = relu_pair(rng, 3)
        A = rng.normal(size=(2, 2)) @ complement(gamma * beta)      # not orthonormal
        for lam, b in [(gamma, beta), (gamma * beta, None)]:
            wide = add_units(weights, layer, rng.normal(size=(2, weights[layer].shape[1])),
                             rng.normal(size=(2, len(weights[layer + 1]))))
            T = omega_basis(weights, layer, 0, lam, A, beta=b)
            narrow, xi, eta = read_omega(wide, layer, 0, lam, A, beta=b)
            assert [W.shape for W in narrow] == [W.shape for W in weights]
            there = T @ np.concatenate([flatten(narrow), xi.ravel(), eta.ravel()])
            assert relative(there, flatten(wide)) < 1e-12


@pytest.mark.parametrize("widths, layer", [([2, 3, 2], 0), ([1, 2, 3, 4], 1)], ids=str)
def test_omega_coordinates_is_the_inverse_of_omega_basis(widths, layer):
    weights = draw(widths)[0]
    lam, gamma, beta = np.array([0.5, 1.5, -1.0]), np.array([2.0, -1.0, 1.0]), np.array([0.5, 1.0, 1.0])
    for part, b, weight in ((lam, None, lam), (gamma, beta, gamma * beta)):
        A = complement(weight)
        T = omega_basis(weights, layer, 1, part, A, beta=b)
        S = omega_coordinates(weights, layer, 1, part, A, beta=b)
        assert np.abs(S @ T - np.eye(len(T))).max() < 1e-13         # cond(T) eps, some tens of eps


def test_omega_of_an_embedded_net_is_the_narrow_net():
    weights, _, _ = draw([2, 3, 2])
    lam = np.array([0.3, 0.9, -0.2])
    narrow, xi, eta = read_omega(replicate_unit(weights, 0, 1, lam), 0, 1, lam, complement(lam))
    assert all(relative(a, b) < 1e-14 for a, b in zip(narrow, weights))
    assert np.abs(xi).max() < 1e-14 and np.abs(eta).max() < 1e-14


def test_parameter_order_finds_every_parameter():
    weights = draw([2, 3, 2, 2])[0]
    W, V = np.arange(8.0).reshape(2, 4) + 100, np.arange(4.0).reshape(2, 2) + 200
    theta, order = flatten(add_units(weights, 1, W, V)), parameter_order(weights, 1, 2)
    assert (theta[order.theta_0] == flatten(weights)).all()
    assert (theta[order.w] == W).all() and (theta[order.v] == V).all()


# ------------------------------------------------------------------ ReLU

def test_proposition_7_units_in_B_K_stay_off_on_the_data():
    for widths, layer, act in [([2, 3, 2], 0, RELU), ([2, 3, 2, 2], 1, RELU), ([2, 3, 2, 2], 1, SMOOLU)]:
        weights, X, Y = draw(widths, seed=0)
        for K in (0.1, 1.0, 7.0):
            V, rng = np.ones((2, 2)), np.random.default_rng(0)
            wide = inactive_relu_units(weights, layer, V, 3 * X, K=K, act=act)
            f, H0 = forward(weights, 3 * X, act), len(weights[layer])
            a = 3 * X if layer == 0 else act.f(np.hstack([3 * X, -np.ones((7, 1))]) @ weights[0].T)
            R = max(1.0, np.linalg.norm(a, axis=1).max())
            W, b = wide[layer][H0:, :-1], wide[layer][H0:, -1]
            assert not W.any() and np.allclose(b, 2 * K * R, rtol=1e-14, atol=0)
            for _ in range(20):
                d = rng.normal(size=(2, wide[layer].shape[1] - 1))
                wide[layer][H0:, :-1] = K * d / np.linalg.norm(d, axis=1, keepdims=True)        # the rim of B_K
                wide[layer][H0:, -1] = K * R * rng.uniform(1, 3)
                wide[layer + 1][:, H0:H0 + 2] = 1e3 * rng.normal(size=(2, 2))
                assert relative(forward(wide, 3 * X, act), f) < 1e-15


def test_proposition_7_data_in_the_unit_ball_have_R_1_as_the_paper_has():
    weights, X, _ = draw([2, 3, 2])
    for size in (1 / np.linalg.norm(X, axis=1).max(), 1e-3):
        wide = inactive_relu_units(weights, 0, np.ones((1, 2)), size * X, K=1.5)
        assert wide[0][3] == pytest.approx([0, 0, 3], rel=1e-15)


def test_the_flat_set_of_proposition_7_is_a_cone_and_B_K_a_part_of_it():
    weights, X, _ = draw([2, 3, 2], seed=3)                         # printed: an affine subset R^M x B_K
    wide = inactive_relu_units(weights, 0, np.ones((1, 2)), X)
    f, w, rng = forward(weights, X, RELU), wide[0][3].copy(), np.random.default_rng(0)
    a, points = np.hstack([X, -np.ones((7, 1))]), []
    while len(points) < 40:                                         # of the cone w . a~ < 0
        point = w + 3 * rng.normal(size=3)
        points += [point] if (a @ point < 0).all() else []
    for point, t in product(points, (1e-6, 1.0, 1e6)):              # unbounded in w, and in v
        wide[0][3], wide[1][:, 3] = t * point, 1e6 * rng.normal(size=2)
        assert (forward(wide, X, RELU) == f).all()
    for p, q in zip(points, points[1:]):                            # convex: the flat set is connected
        wide[0][3] = (p + q) / 2
        assert (forward(wide, X, RELU) == f).all()
    wide[0][3] = w + [1e3, 0, 0]                                    # on a line through B_K: not affine
    assert relative(forward(wide, X, RELU), f) > 1


def test_eq_10_any_weights_that_are_off_on_the_data_will_do():
    for widths, bias, layer in [([2, 3, 2], True, 0), ([2, 3, 2, 2], True, 1), ([2, 3, 2], False, 0)]:
        weights, X, _ = draw(widths, bias, seed=3)
        X = np.abs(X)                                               # so that without a bias too some w is off on all
        a = forward_pass(weights, X, RELU)[0][layer]                # (n, D')
        rng, W = np.random.default_rng(0), []
        while len(W) < 3:
            w = rng.normal(size=a.shape[1]) - np.append(np.ones(a.shape[1] - 1), -1 if bias else 1)
            W += [w] if (a @ w < 0).all() else []
        wide = inactive_relu_units(weights, layer, rng.normal(size=(3, len(weights[layer + 1]))), X, W=W)
        assert (wide[layer][-3:] == W).all()
        assert relative(forward(wide, X, RELU), forward(weights, X, RELU)) < 1e-15
    for W, row in (([[-1.0, -1.0, -1e-12]], 0), ([[-1.0, -1.0, 0.0]], 0),   # w . a~ = 1e-12, 0: the boundary too
                   ([[-1.0, -1.0, 1.0], [1.0, 0.0, 1.0]], 1)):
        with pytest.raises(ValueError, match=rf"W has a unit .row {row}. .* sample .* should be negative"):
            inactive_relu_units(draw([2, 3, 2])[0], 0, np.ones((len(W), 2)), [[1.0, -1.0], [1.0, 2.0]], W=W)


def test_control_eq_10_keeps_the_function_on_the_data_only():
    weights, X, _ = draw([2, 3, 2], seed=3)
    wide = inactive_relu_units(weights, 0, np.ones((1, 2)), X)
    wide[0][3, :2] = [1.0, 0.0]                                     # on the rim of B_K
    far = np.array([[1e3, 0.0]])
    assert relative(forward(wide, X, RELU), forward(weights, X, RELU)) < 1e-15
    assert np.abs(forward(wide, far, RELU) - forward(weights, far, RELU)).max() > 1


def relu_minimum():
    """A ReLU net at a local minimum: stationary, with a Hessian that is positive but for the rescalings."""
    for seed in range(60):
        weights, X, Y = stationary([1, 2, 2], RELU, seed, size=0.05, n=12)
        counts = inertia(hessian(weights, X, Y, RELU), tol=1e-10)
        z = np.hstack([X, -np.ones((12, 1))]) @ weights[0].T
        if counts[1:3] == (0, 2) and np.abs(z).min() > 0.02:        # the rescalings, no kink near
            return weights, X, Y
    raise AssertionError("none found")


def test_control_theorem_9_needs_the_strict_inequality():
    weights, X, Y = relu_minimum()
    k, L = X[:, 0].argmax(), training_loss(weights, X, Y, RELU)
    delta = (forward(weights, X, RELU) - Y)[k]
    wide = add_units(weights, 0, [[1.0, X[k, 0]]], [-delta])        # w . a~ <= 0 on the data, and 0 on sample k
    assert steepest(wide, X, Y, RELU) < 1e-12 and training_loss(wide, X, Y, RELU) == L
    for t in (1e-4, 1e-5):                                          # its bias lowered by t: off no more, L falls
        wide[0][-1, -1] = X[k, 0] - t
        assert (training_loss(wide, X, Y, RELU) - L) / t == pytest.approx(-delta @ delta, rel=1e-3)


def test_control_theorem_10_needs_u_off_the_kinks():
    """Two samples at the kink of u = (1, 0): to turn a copy to either costs in first order, F pays in second order."""
    rng, rises, off = np.random.default_rng(0), [], np.array([[-0.1, 0], [-0.1, 0], [0, 0], [0, 0]])
    for X in (np.array([[0, 1.0], [0, -1], [1, 1], [1, -1]]) + shift for shift in (0, off)):
        weights = [np.array([[1.0, 0]]), np.array([[1.0], [0]])]
        Y = forward(weights, X, RELU) - [[2.0, 0], [2, 0], [0, 1], [0, -1]]
        F, G = replication_curvature(weights, X, Y, RELU, SQUARE, 0, 0)
        wide = replicate_relu_unit(weights, 0, 0, [0.5, 0.5])
        assert steepest(wide, X, Y, RELU) == 0 and np.allclose(F, [[0, 0], [0, 2]], rtol=0, atol=1e-15)
        assert predicted_inertia(F, G, [0.5, 0.5])[:3] == (1, 1, 2)            # a saddle, by the formulas
        steps = rng.normal(size=(20000, 8)) * np.logspace(-3, 0, 8)[rng.integers(0, 8, (20000, 8))]
        for r in (1e-1, 1e-2, 1e-3):
            moved = flatten(wide) + r * steps / np.linalg.norm(steps, axis=1, keepdims=True)
            L = ((forward_pass(unstack(moved, wide), X, RELU)[1][-1] - Y) ** 2).sum(axis=(1, 2)) / 2
            rises.append(L.min() - training_loss(wide, X, Y, RELU))
    assert min(rises[:3]) > 0 > max(rises[3:])                  # a minimum; moved off the kink, a saddle


def test_theorem_9_inactive_units_keep_a_local_minimum_and_theorem_10_replication_makes_a_saddle():
    weights, X, Y = relu_minimum()
    wide = inactive_relu_units(weights, 0, np.array([[1.0, -2.0], [0.3, 0.4]]), X)
    lowest, left = lowest_descent(wide, X, Y, RELU)
    assert left < 1e-8 and lowest > -1e-13
    H = hessian(wide, X, Y, RELU)
    assert inertia(H, tol=1e-10)[1:3] == (0, 2 + 2 * (2 + 2))       # >= H0 zeros, and E (M + D)
    wide = replicate_relu_unit(weights, 0, 0, [0.7, 0.6])
    assert steepest(wide, X, Y, RELU) < 1e-12
    assert inertia(hessian(wide, X, Y, RELU), tol=1e-10).negative == 1          # rank F = 1, E = 1
    assert lowest_descent(wide, X, Y, RELU)[0] < -1e-7              # the same harness gets below here


def test_erratum_semi_flat_minima_are_local():
    weights, X, Y = relu_minimum()                                  # App. A prints f(z) >= c for all z
    wide = inactive_relu_units(weights, 0, np.zeros((2, 2)), X)
    other = replicate_relu_unit(weights, 0, 0, [0.7, 0.6, 0.5])     # a net of the same shape, with the same L
    assert [W.shape for W in wide] == [W.shape for W in other]
    assert training_loss(wide, X, Y, RELU) == pytest.approx(training_loss(other, X, Y, RELU), rel=1e-12)
    assert lowest_descent(other, X, Y, RELU)[0] < -1e-7             # and lower ones near it


def test_erratum_a_saddle_has_to_be_stationary():
    # App. A: "for any open neighbourhood of x0 has y and z with f(y) > f(x0) and f(z) < f(x0)". So is x0 = 0 of f = x.
    weights, X, Y = draw([2, 3, 2])
    g = gradient(weights, X, Y, TANH)
    L = [training_loss([W + t * d for W, d in zip(weights, g)], X, Y, TANH) for t in (-1e-9, 0, 1e-9)]
    assert L[0] < L[1] < L[2] and steepest(weights, X, Y, TANH) > 0.1           # printed: a saddle


def test_relu_homogeneity_a_to_c():
    rng = np.random.default_rng(0)
    t, r = rng.normal(size=50), rng.uniform(0.1, 10, size=50)
    assert np.allclose(RELU.f(r * t), r * RELU.f(t), rtol=1e-15, atol=0)    # (a)
    assert (RELU.df(r * t) == RELU.df(t)).all()                     # (b)
    assert not RELU.d2f(t).any()                                    # (c)
    assert np.abs(TANH.f(r * t) - r * TANH.f(t)).max() > 0.1        # control


def test_a_relu_hessian_has_a_zero_for_every_unit_at_a_stationary_point():
    weights, X, Y = relu_minimum()
    H, at = hessian(weights, X, Y, RELU), parameter_order(weights, 0, 0).theta_0
    place = unflatten(at.astype(float), weights)
    for i in range(2):                                              # (u_i, -zeta_i), the way of the rescaling
        null = np.zeros(len(H))
        null[place[0][i].astype(int)], null[place[1][:, i].astype(int)] = weights[0][i], -weights[1][:, i]
        assert np.abs(H @ null).max() < 1e-12 * np.abs(H).max() * np.abs(null).max()


def test_theorem_10_is_void_for_one_output():
    for seed in (1, 2, 3, 5, 6):
        weights, X, Y = stationary([2, 2, 1], RELU, seed)
        wide = replicate_relu_unit(weights, 0, 0, [0.7, 0.6])
        xt = np.hstack([X, -np.ones((14, 1))])
        on = xt @ weights[0][0] > 0
        assert on.any()
        assert np.abs((forward(weights, X, RELU) - Y)[on].T @ xt[on]).max() < 1e-12            # F = 0
        narrow = inertia(hessian(weights, X, Y, RELU), tol=1e-10)
        assert inertia(hessian(wide, X, Y, RELU), tol=1e-10).negative == narrow.negative


def moved(weights, layer, gamma, beta, A, eta):
    """The replicated ReLU unit 0 at xi = 0 and this eta."""
    T = omega_basis(weights, layer, 0, gamma, A, beta=beta)
    theta = T @ np.concatenate([flatten(weights), np.zeros(T.shape[0] - flatten(weights).size - eta.size), eta.ravel()])
    return unflatten(theta, replicate_relu_unit(weights, layer, 0, gamma, beta))


@pytest.mark.parametrize("widths, layer", [([2, 3, 2], 0), ([2, 3, 3, 2], 1)], ids=str)
def test_proposition_8_f_is_constant_inside_the_radius_and_changes_beyond(widths, layer):
    weights, X, _ = draw(widths, seed=3)
    rng = np.random.default_rng(1)
    gamma, beta = relu_pair(rng, 3)
    A = complement(gamma * beta)
    radius, f = flat_radius(weights, X, layer, 0, A), forward(weights, X, RELU)
    a = X if layer == 0 else np.maximum(np.hstack([X, -np.ones((7, 1))]) @ weights[0].T, 0)
    a = np.hstack([a, -np.ones((7, 1))])
    reach = np.abs(a @ weights[layer].T) / np.linalg.norm(a, axis=1)[:, None]   # of every unit
    assert np.allclose([flat_radius(weights, X, layer, unit, A) for unit in range(len(weights[layer]))],
                       reach.min(axis=0) / np.linalg.norm(A, axis=0).max(), rtol=1e-13, atol=0)
    for _ in range(50):
        eta = rng.normal(size=(2, a.shape[1]))
        eta *= 0.999 * radius / np.linalg.norm(eta)
        assert relative(forward(moved(weights, layer, gamma, beta, A, eta), X, RELU), f) < 1e-13
    nearest, j = a[reach[:, 0].argmin()], np.linalg.norm(A, axis=0).argmax()      # the worst sample and copy
    way = -np.sign(nearest @ weights[layer][0]) * np.outer(A[:, j] / np.linalg.norm(A[:, j]), nearest)
    way /= np.linalg.norm(way)
    inside, outside = (forward(moved(weights, layer, gamma, beta, A, t * radius * way), X, RELU) for t in (0.999, 1.5))
    assert relative(inside, f) < 1e-13
    assert relative(outside, f) > 1e-4                              # control: the radius is the largest possible


def test_a_sample_that_no_unit_below_hears_sets_no_limit_to_the_flat_radius():
    weights, A = [np.array([[1.0, 0.0]]), np.array([[2.0]]), np.array([[1.0]])], [[1.0, -1.0]]      # a~ = relu(x_1)
    assert flat_radius(weights, [[0.5, 3.0], [-1.0, 0.0], [2.0, 0.0]], 1, 0, A) == 2                # |2 a| / |a|
    leaky = [np.ones((1, 1)), np.ones((1, 2)), np.ones((1, 1))]     # a~ = (-0.03, -1)
    assert np.isclose(flat_radius(leaky, [[-3.0]], 1, 0, A, act=LEAKY_RELU), 1.03 / np.hypot(0.03, 1), rtol=1e-14)
    with pytest.raises(ValueError, match="a~ on all of X"):
        flat_radius(weights, [[-0.5, 3.0]], 1, 0, A)
    with pytest.raises(ValueError, match="row 1. with u . a~ = 0"):
        flat_radius([np.eye(2), np.array([[1.0, -1.0]]), np.ones((1, 1))], [[-1.0, -1], [2.0, 2]], 1, 0, A)


def test_the_radius_scales_with_A_and_not_with_the_inputs():
    weights, X, _ = draw([2, 3, 2], bias=False)
    A = np.array([[1.0, 0, 1], [0, 2, 1]])
    radius = flat_radius(weights, X, 0, 0, A)
    for size in (1e-9, 1e-3, 1e6):
        assert np.isclose(flat_radius(weights, X, 0, 0, A * size) * size, radius, rtol=1e-14, atol=0)
        assert np.isclose(flat_radius(weights, X * size, 0, 0, A), radius, rtol=1e-14, atol=0)


def test_erratum_proposition_8_needs_beta_in_eq_6():
    weights, X, _ = draw([2, 3, 2], seed=3)
    rng = np.random.default_rng(1)
    gamma, beta = relu_pair(rng, 3)
    f, A = forward(weights, X, RELU), complement(gamma * beta)
    eta = 0.5 * flat_radius(weights, X, 0, 0, A) * beta.min() * np.eye(2, 3)
    right = moved(weights, 0, gamma, beta, A, eta)
    printed = replicate_relu_unit(weights, 0, 0, gamma, beta)       # w_j = beta_j u + (A^T eta)_j, without beta_j
    printed[0][[0, 3, 4]] += A.T @ eta
    assert relative(forward(right, X, RELU), f) < 1e-13
    assert relative(forward(printed, X, RELU), f) > 1e-4


def test_erratum_proposition_8_needs_the_bias_in_its_hypothesis():
    weights = [np.array([[1.0, 0.5]]), np.array([[1.0]])]           # u . x = 0.5, yet u . x~ = 0
    A = complement([0.5, 0.5])
    with pytest.raises(ValueError, match="kink"):
        flat_radius(weights, [[0.5]], 0, 0, A)
    f = forward(weights, [[0.5]], RELU)
    for t in (1e-3, 1e-6):                                          # no radius will do
        net = moved(weights, 0, np.array([0.5, 0.5]), np.ones(2), A, t * np.array([[1.0, 0.0]]))
        assert forward(net, [[0.5]], RELU)[0, 0] - f[0, 0] > t / 10


def test_abundance_units_in_several_layers_at_once():
    rng = np.random.default_rng(0)
    weights, X, Y = draw([2, 3, 2, 3, 2], seed=4)
    counts = [2, 1, 3]
    wide = weights
    for layer, E in enumerate(counts):
        wide = inactive_relu_units(wide, layer, rng.normal(size=(E, len(wide[layer + 1]))), X)
    P, more = flatten(weights).size, flatten(wide).size - flatten(weights).size
    singles = sum(E * (W.shape[1] + len(up)) for E, W, up in zip(counts, weights, weights[1:]))
    assert flat_dimension(weights, counts) == more == singles + 2 * 1 + 1 * 3
    assert flat_dimension(weights, [2, 0, 3]) == 2 * (3 + 2) + 3 * (3 + 2)      # not adjacent: simply the sum
    widened = sum(E * (W.shape[1] + len(up)) for E, W, up in zip(counts, wide, wide[1:]))
    assert widened != more                                          # counts a weight between surplus units twice
    mark = [np.zeros(W.shape, bool) for W in wide]
    for k, (W, m) in enumerate(zip(weights, mark)):
        cols = weights[k - 1].shape[0] if k else 2
        m[:len(W), :cols] = True
        m[:len(W), -1] = True                                       # the bias of the narrow units
    keep = np.concatenate([m.ravel() for m in mark])
    assert keep.sum() == P
    f = forward(weights, X, RELU)
    for _ in range(10):                                             # all of them free at once
        theta = flatten(wide)
        theta[~keep] += 0.3 * rng.uniform(-1, 1, size=more) / np.sqrt(more)
        assert relative(forward(unflatten(theta, wide), X, RELU), f) < 1e-14
    H = hessian(wide, X, Y, RELU)
    assert not H[~keep].any() and relative(H[keep][:, keep], hessian(weights, X, Y, RELU)) < 1e-13


# ------------------------------------------------------------------ the narrow net of a wide one

def widths_of(net):
    return [len(W) for W in net]


def same_function(net, other, X, act):
    """To rounding, near the data and far from them."""
    far = np.vstack([X, 100 * X])
    f = forward(other, far, act)
    return np.abs(forward(net, far, act) - f).max() <= 1e-12 * max(1, np.abs(f).max())


@every_net
def test_reduce_units_is_the_inverse_of_every_embedding(widths, bias):
    for act in ACTIVATIONS:
        weights, X, _ = draw(widths, bias)
        rng = np.random.default_rng(1)
        for layer in range(len(weights) - 1):
            M1, D1, unit = len(weights[layer + 1]), weights[layer].shape[1], len(weights[layer]) - 1
            V, W = rng.normal(size=(3, M1)), rng.normal(size=(3, D1))
            split = np.vstack([V, weights[layer + 1][:, unit] - V.sum(axis=0)])
            wide = [replicate_unit(weights, layer, unit, [0.5, -1.0, 1.5, 0.0]),
                    split_unit(weights, layer, unit, split), inactive_propagation(weights, layer, W)]
            if act.f(np.zeros(1))[0] == 0:
                wide += [inactive_units(weights, layer, V, act), inactive_units_and_propagation(weights, layer, 2, act)]
            if act in (RELU, LEAKY_RELU):
                wide.append(replicate_relu_unit(weights, layer, unit, *relu_pair(rng, 3)))
            for net in wide:
                back = reduce_units(net, act)
                assert [W.shape for W in back] == [W.shape for W in weights]
                assert same_function(back, weights, X, act)


@every_net
def test_a_net_without_redundancy_comes_back_unchanged(widths, bias):
    for act, size in product(ACTIVATIONS, (1e-8, 1.0, 1e8)):        # whatever the scale of its weights
        weights, X, _ = draw(widths, bias, scale=size)
        back = reduce_units(weights, act)
        assert all((a == b).all() and not np.shares_memory(a, b) for a, b in zip(back, weights))
    weights, X, _ = draw(widths, bias, n=200)
    for act in (TANH, SIGMOID, SOFTPLUS, LEAKY_RELU):               # nor do data that keep every unit busy change it
        assert all((a == b).all() for a, b in zip(reduce_units(weights, act, X=X), weights))
    bare = [np.array([[1.0, 0.5], [0.0, 0.7]]), np.array([[0.3, 0.9]])]     # no bias to take a constant unit
    assert all(map(np.array_equal, bare, reduce_units(bare, SIGMOID, X=np.ones((2, 1)))))


def test_reduce_units_undoes_many_embeddings_in_any_order_of_the_units():
    for act, seed in product((TANH, RELU, SIGMOID, SMOOLU), range(5)):
        weights, X, _ = draw([2, 3, 2, 3, 2], seed=seed)
        wide, rng = weights, np.random.default_rng(seed)
        for layer, kind in rng.integers(3, size=(9, 2)):
            unit, D1, M1 = rng.integers(len(wide[layer])), wide[layer].shape[1], len(wide[layer + 1])
            if kind == 0:
                V = rng.normal(size=(2, M1))
                wide = split_unit(wide, layer, unit, np.vstack([V, wide[layer + 1][:, unit] - V.sum(axis=0)]))
            elif kind == 1:
                wide = inactive_propagation(wide, layer, rng.normal(size=(2, D1)))
            elif act is RELU:
                wide = replicate_relu_unit(wide, layer, unit, *relu_pair(rng, 2))
            else:
                wide = replicate_unit(wide, layer, unit, [1.5, -0.5])
        for layer in range(3):
            order = rng.permutation(len(wide[layer]))
            wide[layer] = wide[layer][order]
            wide[layer + 1][:, :len(order)] = wide[layer + 1][:, order]
        back = reduce_units(wide, act)
        assert widths_of(back) == [3, 2, 3, 2] and same_function(back, weights, X, act)


def test_reduce_units_merges_a_unit_and_its_mirror_image_where_phi_allows_it():
    for act, layer in product(ACTIVATIONS, (0, 1)):
        weights, X, _ = draw([2, 3, 3, 2])
        weights[layer][2] = -weights[layer][0]
        back = reduce_units(weights, act)
        assert len(back[layer]) == (2 if act in (TANH, SIGMOID) else 3)
        assert same_function(back, weights, X, act)
        zeta, v = weights[layer + 1][:, 0], weights[layer + 1][:, 2]
        if act in (TANH, SIGMOID):
            assert (back[layer + 1][:, 0] == zeta - v).all()
            assert (back[layer + 1][:, 2] == weights[layer + 1][:, 3] - (v if act is SIGMOID else 0)).all()
        bare = [weights[k][:, :-1] if k == layer + 1 else W for k, W in enumerate(weights)]     # no next bias
        assert len(reduce_units(bare, act)[layer]) == (2 if act is TANH else 3)


def test_a_step_at_0_is_not_taken_for_odd():
    step = TANH._replace(name="step", f=lambda x: np.where(x > 0, 1.0, 0.0))            # phi(s) + phi(-s) = 1 but at 0
    weights, X = [np.array([[1, -0.5], [-1, 0.5]]), np.array([[2.0, 3.0, 1.0]])], np.array([[-2.0], [-0.5], [2.0]])
    assert (forward(reduce_units(weights, step), X, step) == forward(weights, X, step)).all()


def test_reduce_units_merges_positive_multiples_where_phi_is_homogeneous():
    for act, layer, c in product(ACTIVATIONS, (0, 1), (1e-3, 0.7, 5.0)):
        weights, X, _ = draw([2, 3, 3, 2])
        weights[layer][2] = c * weights[layer][0]
        back = reduce_units(weights, act)
        assert len(back[layer]) == (2 if act in (RELU, LEAKY_RELU) else 3)
        assert same_function(back, weights, X, act)
        weights[layer][2] *= -1                                     # negative ones leave a linear rest
        assert len(reduce_units(weights, act)[layer]) == 3
    far = [np.array([[1.0, 2.0], [1e-9, 2e-9]]), np.array([[1.0, -0.999e9]])]         # v of the second counts times c
    X = np.array([[1.0, 0.5], [0.3, 2.0]])
    assert np.allclose(forward(reduce_units(far, RELU), X, RELU), forward(far, X, RELU), rtol=1e-6, atol=0)


def test_reduce_units_moves_constant_units_into_the_next_bias():
    for act, layer in product(ACTIVATIONS, (0, 1)):
        weights, X, _ = draw([2, 3, 3, 2])
        weights[1] = np.abs(weights[1]) * [1, 1, 1, -1]             # so that layer 1 is on
        weights[layer][[0, 2], :-1] = 0
        weights[layer][0, -1] = -0.7                                # phi(0.7) > 0 for all of them
        back = reduce_units(weights, act, X=X)
        assert len(back[layer]) == 1 and relative(forward(back, X, act), forward(weights, X, act)) < 1e-13
        moved = weights[layer + 1][:, 3] - weights[layer + 1][:, [0, 2]] @ act.f(-weights[layer][[0, 2], -1])
        assert np.allclose(back[layer + 1][:, 1], moved, rtol=1e-13, atol=0)
        if act not in (RELU, LEAKY_RELU):                           # where they are multiples of each other
            assert len(reduce_units(weights, act)[layer]) == (1 if layer else 3)    # without X: a bias or a weight?
        weights[layer][2] = 0
        assert len(reduce_units(weights, act)[layer]) == (1 if layer else 2)        # w = 0 is constant either way
        weights[layer][2, -1] = 1.3
        bare = [weights[k][:, :-1] if k == layer + 1 else W for k, W in enumerate(weights)]
        back = reduce_units(bare, act, X=X)                         # without a next bias the constants become one
        assert len(back[layer]) == 2 and relative(forward(back, X, act), forward(bare, X, act)) < 1e-13
        for first in (0.7, 0.0):                                    # phi(-0.7) < 0 for tanh, and phi(0) = 0
            bare[layer][[0, 2], -1] = first, 1.3
            back = reduce_units(bare, act, X=X)
            assert relative(forward(back, X, act), forward(bare, X, act)) < 1e-13


def test_reduce_units_drops_units_that_are_off_on_the_data_only_where_data_are_given():
    for act, layer in product((RELU, SMOOLU, RECTIFIED_TANH), (0, 1)):
        weights, X, _ = draw([2, 3, 3, 2], n=40)
        V, rng = np.ones((2, 2 if layer else 3)), np.random.default_rng(0)
        weights = reduce_units(weights, act, X=X)
        wide = inactive_relu_units(weights, layer, V[:, :len(weights[layer + 1])], X, act=act)
        wide[layer][-2:, :-1] = 0.3 * rng.normal(size=(2, wide[layer].shape[1] - 1))        # in B_K
        back = reduce_units(wide, act, X=X)
        assert widths_of(back) == widths_of(weights)
        assert relative(forward(back, X, act), forward(weights, X, act)) < 1e-14
        assert len(reduce_units(wide, act)[layer]) == len(wide[layer])
        if layer == 0:                                              # control: off the data they are on
            assert relative(forward(back, 1e4 * X, act), forward(wide, 1e4 * X, act)) > 1e-4
    for unit, bias in ((1, 3), (0.1, 0.3)):                         # a kink at a sample: 0.1 + 0.2 - 0.3 = 5.6e-17
        weights = [np.array([[1.0, 1, bias], [1, 0, 0]]), np.array([[1.0, 1, 0]])]
        assert widths_of(reduce_units(weights, RELU, X=unit * np.array([[1.0, 2], [0, 0], [2, 0]]))) == [1, 1]


def test_reduce_units_goes_through_the_layers_until_nothing_changes():
    weights, X, _ = draw([2, 3, 2, 2])
    wide = replicate_unit(weights, 1, 0, [0.3, 0.7])                # copies in layer 1 ...
    wide = split_unit(wide, 0, 1, [[1.0, 2.0, 3.0], wide[1][:, 1] - [1.0, 2.0, 3.0]])    # ... that now look different
    assert (wide[1][0] != wide[1][2]).any() and widths_of(reduce_units(wide, TANH)) == [3, 2, 2]
    wide = replicate_unit(draw([2, 2, 2, 2, 2])[0], 2, 0, [0.3, 0.7])        # one layer more, which takes one pass more
    for layer in (1, 0):
        zeta = wide[layer + 1][:, 0]
        wide = split_unit(wide, layer, 0, [np.arange(1.0, 1 + len(zeta)), zeta - np.arange(1.0, 1 + len(zeta))])
    assert widths_of(wide) == [3, 3, 3, 2] and widths_of(reduce_units(wide, TANH)) == [2, 2, 2, 2]
    silent = inactive_propagation(weights, 1, [[1.0, 2.0, 3.0, 4.0]])
    silent = add_units(silent, 0, [[5.0, 6.0, 7.0]], [[0.0, 0.0, 1.0]])       # heard by the unheard unit alone
    assert widths_of(reduce_units(silent, TANH)) == [3, 2, 2]
    weights[0][:, :-1], weights[2][:, :-1] = 0, 1                   # layer 0 is constant, so layer 1 is
    for act in ACTIVATIONS:
        back = reduce_units(weights, act, X=X)
        assert widths_of(back) == [1, 1, 2] and same_function(back, weights, X, act)        # one unit stays
        assert not back[0].any() and not back[1][:, 0].any() and not back[2][:, 0].any()
        again = reduce_units(back, act, X=X)
        assert all((a == b).all() for a, b in zip(again, back))
    weights = draw([2, 3, 4, 2])[0]
    weights[2][:, :-1] = 0                                          # nothing of layer 1 is heard, so nothing of layer 0
    assert widths_of(reduce_units(weights, TANH)) == [1, 1, 2]
    only = draw([2, 3])[0]                                          # no hidden layer
    assert (reduce_units(only, TANH)[0] == only[0]).all() and not np.shares_memory(reduce_units(only, TANH)[0], only[0])


def test_reduce_units_drops_what_cancels_to_rounding():
    weights, rng = draw([2, 3, 2])[0], np.random.default_rng(0)
    for act, row in ((TANH, [0.3, 0.7, 0.2]), (SOFTPLUS, [0.3, 0.7, 0.2]), (SOFTPLUS, [0.0, 0.0, 0.0])):
        V = np.vstack([np.zeros(2), rng.normal(size=(6, 2))])
        V[1] -= V.sum(axis=0)
        left = V.T @ act.f(np.zeros(7) + 0.5)
        assert left.any() and np.abs(left).max() < 1e-15            # of copies and of constants rounding is left
        wide = add_units(weights, 0, [row] * 7, V)
        assert widths_of(reduce_units(wide, act)) == [3, 2]
        assert widths_of(reduce_units([wide[0], wide[1][:, :-1]], act)) == [3, 2]
    row, V = np.array([0.3, 0.7, 0.2]), np.array([[1, 2], [0.1, 0.7], [0.7, 0.4], [0.2, 0.9]])
    wide = add_units(weights, 0, [row, -row, -row, -row], V)        # mirror images too
    assert widths_of(reduce_units(wide, TANH)) == [3, 2]


def test_reduce_units_compares_entry_by_entry_and_relatively():
    weights, X, _ = draw([2, 3, 2])
    for near, count in ((1e-12, 2), (1e-6, 3)):
        weights[0][2] = weights[0][0] * (1 + near * np.array([1, -1, 0]))
        assert len(reduce_units(weights, TANH)[0]) == count
    assert len(reduce_units(weights, TANH, tol=1e-5)[0]) == 2
    weights[0][2] = weights[0][0]                                   # inputs of different size: no entry is negligible
    weights[0][:, 0] *= 1e12
    weights[0][2, 1] *= 2
    assert len(reduce_units(weights, TANH)[0]) == 3
    weights[1][:, 1] *= 1e-14                                       # hardly heard, but heard
    assert len(reduce_units(weights, TANH)[0]) == 3
    weights = draw([2, 3, 2])[0]
    assert len(reduce_units([1e-12 * weights[0], weights[1]], TANH)[0]) == 3        # small, but not near each other


def test_what_reduce_units_returns_is_minimal_for_tanh_with_one_hidden_layer():
    rng = np.random.default_rng(0)                                  # Sussmann: the units and 1 are linearly independent
    weights = draw([2, 4, 2])[0]
    wide = replicate_unit(inactive_propagation(weights, 0, rng.normal(size=(2, 3))), 0, 1, [0.4, 0.6])
    wide = add_units(wide, 0, [-weights[0][2], [0.0, 0.0, 0.5]], rng.normal(size=(2, 2)))
    X = 3 * rng.normal(size=(400, 2))
    for net, independent in ((reduce_units(wide, TANH, X=X), True), (wide, False)):
        units = np.tanh(np.hstack([X, -np.ones((400, 1))]) @ net[0].T)
        s = np.linalg.svd(np.hstack([units, np.ones((400, 1))]), compute_uv=False)
        assert (s[-1] > 1e-3 * s[0]) == independent


# ------------------------------------------------------------------ zero error without redundant units, norms

def test_without_redundant_units_deleting_any_unit_raises_the_loss():
    weights, X, _ = draw([2, 3, 2])
    Y = forward(weights, X, TANH)
    wide = replicate_unit(weights, 0, 0, [0.4, 0.6])

    def without(net, unit):
        return [np.delete(net[0], unit, axis=0), np.delete(net[1], unit, axis=1)]

    assert all(training_loss(without(weights, i), X, Y, TANH) > 1e-3 for i in range(3))
    spare = inactive_units(weights, 0, np.ones((1, 2)))
    assert training_loss(without(spare, 3), X, Y, TANH) < 1e-28     # a surplus unit is redundant
    assert training_loss(without(wide, 3), X, Y, TANH) > 1e-3       # half of a replicated one is not


def test_embedding_norms_are_those_of_the_embedded_nets():
    rng = np.random.default_rng(0)
    for seed, layer, unit in product(range(6), range(2), range(3)):
        weights = draw([2, 3, 3, 2], seed=seed)[0]
        weights[layer + 1] *= 3
        norms, none = embedding_norms(weights, layer, unit, 2), inactive_units_and_propagation(weights, layer, 2)
        u, zeta = np.linalg.norm(weights[layer][unit]), np.linalg.norm(weights[layer + 1][:, unit])
        even = replicate_unit(weights, layer, unit, [1 / 3, 1 / 3, 1 - 2 / 3])
        share = np.array([0.5, 0.3, 0.2])                           # gamma_j beta_j, any of sum 1
        least = replicate_relu_unit(weights, layer, unit, np.sqrt(share * u / zeta), np.sqrt(share * zeta / u))
        square = [flatten(net) @ flatten(net) for net in (weights, even, none, least)]
        assert np.allclose(norms[:4], square, rtol=1e-13, atol=0)
        assert norms.replication_is_smaller == (square[1] < square[2])
        sizes = [np.abs(flatten(net)).sum() for net in (weights, even, none)]
        assert np.allclose(norms[5:8], sizes, rtol=1e-13, atol=0)
        for _ in range(8):
            lam, (gamma, beta) = rng.normal(size=3), relu_pair(rng, 3)
            lam[0] += 1 - lam.sum()
            for net, l2, l1 in [
                    (replicate_unit(weights, layer, unit, lam), norms.replication, norms.replication_l1),
                    (replicate_relu_unit(weights, layer, unit, gamma, beta), norms.relu_replication,
                     norms.relu_replication_l1)]:
                assert flatten(net) @ flatten(net) > l2 * (1 - 1e-14)           # the smallest there is
                assert np.abs(flatten(net)).sum() > l1 * (1 - 1e-14)


def test_relu_replication_reaches_the_norm_of_the_rescaled_unit_in_l2_and_only_nears_it_in_l1():
    weights = draw([2, 3, 2], seed=1)[0]
    norms = embedding_norms(weights, 0, 1, 1)
    for order, least in ((2, norms.relu_replication), (1, norms.relu_replication_l1)):
        u, zeta = np.linalg.norm(weights[0][1], order), np.linalg.norm(weights[1][:, 1], order)
        c = np.sqrt(zeta / u)                                       # u c and zeta / c are balanced
        alone = replicate_relu_unit(weights, 0, 1, [1 / c], [c])
        assert (np.abs(flatten(alone)) ** order).sum() == pytest.approx(least, rel=1e-14)
        over = embedding_norms(alone, 0, 1, 3)                      # replicating a balanced unit does not lower it
        assert (over.relu_replication if order == 2 else over.relu_replication_l1) == pytest.approx(least, rel=1e-14)
    more = []
    for share in (0.5, 1e-2, 1e-4, 1e-8):                           # l1: less and less for the second copy
        gamma = np.sqrt(np.array([1 - share, share])) / c
        more.append(np.abs(flatten(replicate_relu_unit(weights, 0, 1, gamma, c ** 2 * gamma))).sum() - least)
    assert more[0] > more[1] > more[2] > more[3] > 0 and more[3] < 1e-3 * more[0]


def test_erratum_replication_can_have_the_smaller_norm():
    weights = [np.array([[1.0]]), np.array([[2.0]])]                # printed: inactive is always smaller, l2 or l1
    norms = embedding_norms(weights, 0, 0, 1)                       # |zeta|^2 = 4 > 2 |u|^2
    assert norms[:5] == (5, 4, 5, 4, True) and norms[5:] == (3, 4, 3, pytest.approx(2 * 2 ** 0.5))  # l1: it is
    assert embedding_norms(weights, 0, 0, 3)[:5] == (5, 5, 5, 4, False)         # equality at |zeta|^2 = (E + 1) |u|^2
    assert embedding_norms(weights, 0, 0, 4).replication > 5


# ------------------------------------------------------------------ refused: what would change the function

def test_what_would_change_the_function_or_be_no_coordinates_is_refused():
    weights, X, _ = draw([2, 3, 2])
    bias_free, zeta, lam = draw([2, 3, 2], bias=False)[0], weights[1][:, 0], np.array([0.5, 0.5])
    A, one = complement(lam), np.ones((1, 2))
    elu = TANH._replace(name="ELU", f=lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))))     # x for x > 0 only
    for name, call in [
            ("lam", lambda: replicate_unit(weights, 0, 0, [0.5, 0.5 + 1e-8])),
            ("V", lambda: split_unit(weights, 0, 0, np.outer([0.5, 0.5 + 1e-8], zeta))),
            ("V", lambda: split_unit(weights, 0, 0, np.zeros((2, 2)))),
            ("V", lambda: split_unit(weights, 0, 0, [zeta / 2, [zeta[0] / 2, zeta[1]]])),      # one output is wrong
            ("lam", lambda: replicate_unit(weights, 0, 0, [0.3, 0.3])),
            ("lam", lambda: replicate_unit(weights, 0, 0, [1e9, -1e9])),                       # 0 is not 1
            ("gamma . beta", lambda: replicate_relu_unit(weights, 0, 0, [1e9, -1e9], [1.0, 1.0])),
            ("gamma . beta", lambda: replicate_relu_unit(weights, 0, 0, [1.0, 1.0], [0.3, 0.3])),
            ("lam . beta", lambda: omega_basis(weights, 0, 0, [0.3, 0.3], A)),
            ("lam . beta", lambda: omega_basis(weights, 0, 0, [1e9, -1e9], [[1.0, 1.0]])),
            (r"A \(lam", lambda: omega_basis(weights, 0, 0, lam, [[-1.0, -1.0]])),
            (r"A \(lam", lambda: omega_basis(weights, 0, 0, [1 / 3] * 3, [[1e8, -1e8, 0], [0.01, 0.01, 0.01]])),
            ("lam is", lambda: omega_basis(weights, 0, 0, [1.0, 0.0], [[0.0, 1.0]])),
            ("beta is", lambda: omega_basis(weights, 0, 0, [1.0, 1.0], A, beta=[1.0, 0.0])),
            ("act", lambda: inactive_units(weights, 0, one, SIGMOID)),
            ("act", lambda: inactive_units_and_propagation(weights, 0, 1, SOFTPLUS)),
            ("gamma", lambda: replicate_relu_unit(weights, 0, 0, [1.0, -1.0])),
            ("gamma", lambda: replicate_relu_unit(weights, 0, 0, [1.0, -2.0])),
            ("beta", lambda: replicate_relu_unit(weights, 0, 0, [0.5, 0.5], [2.0, 0.0])),
            ("beta", lambda: replicate_relu_unit(weights, 0, 0, [2.0, 1.0], [1.0, -1.0])),
            ("gamma . beta", lambda: replicate_relu_unit(weights, 0, 0, [1.0, 1.0], [0.5, 0.5 + 1e-8])),
            ("bias", lambda: inactive_relu_units(bias_free, 0, one, X)),
            ("act", lambda: inactive_relu_units(weights, 0, one, X, act=TANH)),
            ("act", lambda: inactive_relu_units(weights, 0, one, X, act=LEAKY_RELU)),
            ("act", lambda: inactive_relu_units(weights, 0, one, X, act=SIGMOID)),          # 0 at -1000 only
            ("lam", lambda: complement([1.0])), ("lam", lambda: complement([1.0, 0.0])),
            ("lam", lambda: complement([1.0, -1.0])), ("lam", lambda: complement([0.1, 0.2, -0.3])),
            ("V", lambda: split_unit([np.ones((1, 1)), np.full((1, 1), 1e-10)], 0, 0, np.zeros((2, 1)))),
            ("gamma", lambda: replicate_relu_unit(weights, 0, 0, [0.1, 0.2, -0.3])),       # 5.6e-17 is rounding
            (r"A \(lam", lambda: omega_basis(weights, 0, 0, [1 - 1e-10, 1e-10], [[0.0, 1.0]])),
            (r"A \(lam", lambda: omega_basis(weights, 0, 0, [5e9, 5e9], [[1, -0.9]], beta=[1e-10, 1e-10])),
            ("V sums", lambda: split_unit([np.ones((2, 3)), np.ones((2, 2))], 0, 0, [[1e12, 0.5], [1 - 1e12, 0.501]])),
            ("lam", lambda: omega_basis(weights, 0, 0, [1.0, 0.0], A)),
            ("beta", lambda: omega_coordinates(weights, 0, 0, [2.0, 1.0], A, beta=[1.0, -1.0])),
            ("lam . beta", lambda: omega_basis(weights, 0, 0, lam * 2, A)),
            ("A", lambda: omega_basis(weights, 0, 0, lam, [[1.0, -1 + 2e-8]])),
            ("A", lambda: omega_basis(weights, 0, 0, [2.0, 1.0, -2.0], [[1, 0, 1], [2, 0, 2]])),
            ("A", lambda: omega_coordinates(weights, 0, 0, lam, np.zeros((1, 2)))),
            ("wide", lambda: read_omega(draw([2, 1, 2])[0], 0, 0, lam, A)),
            ("wide", lambda: read_omega(replicate_unit(weights, 0, 0, lam), 0, 3, lam, A)),
            ("act", lambda: flat_radius(weights, X, 0, 0, A, act=TANH)),
            ("act", lambda: flat_radius(weights, X, 0, 0, A, act=SMOOLU)),
            ("act is ELU", lambda: flat_radius([np.ones((1, 1))] * 2, [[-1.0]], 0, 0, A, act=elu)),
            ("A", lambda: flat_radius(weights, X, 0, 0, np.zeros((1, 2))))]:
        with pytest.raises(ValueError, match=name + r"\b.* should"):
            call()


def test_large_coefficients_that_nearly_cancel_and_rows_of_any_size_are_taken():
    weights, X, _ = draw([2, 3, 2])
    lam, f = np.array([1e9, 1 - 1e9]), forward(weights, X, TANH)
    for wide, act in ((replicate_unit(weights, 0, 0, lam), TANH), (replicate_relu_unit(weights, 0, 0, lam), RELU)):
        assert relative(forward(wide, X, act), f if act is TANH else forward(weights, X, RELU)) < 1e-6      # 1e9 eps
    assert np.abs(complement(lam) @ lam).max() < 1e-6
    for small in (1e-4, 1e-8, 1e-12):                               # to eps of its terms, or (6) has another inverse
        lam = np.array([small, 1 - small])
        A = complement(lam)
        assert (np.abs(A @ lam) <= 4 * EPS * np.abs(A) @ lam).all()
        both = omega_coordinates(weights, 0, 0, lam, A) @ omega_basis(weights, 0, 0, lam, A)
        assert np.abs(both - np.eye(22)).max() < 1e-14
    assert np.linalg.matrix_rank(omega_basis(weights, 0, 0, [1 / 3] * 3, [[1e8, -1e8, 0], [0, 1e-8, -1e-8]]),
                                 tol=1e-9) == 27                    # P' = 17 + 2 (2 + 3)
    assert len(replicate_unit(weights, 0, 0, [0.3333333333, 0.6666666666])[0]) == 4     # ten digits will do
    huge = embedding_norms([np.full((2, 3), 1e100), np.full((2, 2), 1e100)], 0, 0, 1)
    assert huge.relu_replication == pytest.approx(5e200 + 2 * 6 ** 0.5 * 1e200, rel=1e-14)
    zeta = np.array([1.0, 1e10])                                    # outputs of different size
    weights[1][:, 0] = zeta
    with pytest.raises(ValueError, match="V"):
        split_unit(weights, 0, 0, [[0, 5e9], [0, 5e9]])
    assert len(split_unit(weights, 0, 0, [zeta / 2, zeta / 2])[0]) == 4


def test_what_overflows_below_is_refused_and_not_taken_for_a_bound():
    weights, X, _ = draw([2, 3, 3, 2])
    far = [weights[0] * 1e200, *weights[1:]]                        # inf - inf: nan among the inputs of layer 1
    for call in (lambda: inactive_relu_units(far, 1, np.ones((1, 2)), X * 1e200),
                 lambda: inactive_relu_units(weights, 1, np.ones((1, 2)), X, K=1e308),
                 lambda: replicate_relu_unit(far, 0, 0, [5e-151, 0.5], [1e150, 1.0]),
                 lambda: omega_basis(weights, 0, 0, [1e200, 1.0, -1e200], [[1e200, 0, 1e200], [0, 1, 1]])):
        with pytest.raises(ValueError, match="overflow|should"):
            call()
