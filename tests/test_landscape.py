"""landscape.py: the network, exact fits, the zero-loss set. A test's name is the claim it checks."""
import ast
import inspect
import math
import re
import types
from itertools import combinations

import numpy as np
import pytest

import landscape as ls
from landscape import (
    LEAKY_RELU,
    LOGISTIC,
    RECTIFIED_TANH,
    RELU,
    SIGMOID,
    SMOOLU,
    SOFTPLUS,
    SQUARE,
    TANH,
    Activation,
    flatten,
    forward,
    gradient,
    jacobian,
    power_loss,
    random_weights,
    training_loss,
    unflatten,
)

EPS = np.finfo(float).eps
ACTIVATIONS = [TANH, SIGMOID, SOFTPLUS, RELU, LEAKY_RELU, SMOOLU, RECTIFIED_TANH]
SMOOTH = [TANH, SIGMOID, SOFTPLUS, SMOOLU]
NETS = [  # widths, bias: one layer, three layers, deep, mixed biases, one unit, M = 1
    ([3, 2], True), ([2, 4, 3], True), ([3, 4, 2, 3], True), ([2, 3, 3, 2], [True, False, True]),
    ([1, 1, 1], False), ([4, 5, 1], [False, True]),
]
every_net = pytest.mark.parametrize("widths, bias", NETS, ids=str)
every_activation = pytest.mark.parametrize("act", ACTIVATIONS, ids=lambda a: a.name)


def draw(widths, bias=True, n=5, seed=0):
    """A random net with data on which no unit of these nets sits at a kink."""
    rng = np.random.default_rng(seed)
    weights = random_weights(widths, bias=bias, rng=rng)
    return weights, rng.normal(size=(n, widths[0])), rng.normal(size=(n, widths[-1]))


def slope(errors, steps):
    """The exponent p of errors ~ steps^p, fitted over all steps."""
    return np.polyfit(np.log(steps), np.log(errors), 1)[0]


# ------------------------------------------------------------------ activations

EXTREMES = np.array([0.0, 5e-324, 1e-308, 1e-300, 1e-16, 1e-3, 1 / 746, 1 / 745, 1 / 700, 0.1, 1, 30, 709, 710, 745,
                     746, 800, 1e8, 1e103, 1e154, 1e300, 1e308, np.finfo(float).max])


@every_activation
def test_activations_and_derivatives_are_finite_without_warning_on_all_of_float64(act):
    x = np.concatenate([EXTREMES, -EXTREMES])
    for function in (act.f, act.df, act.d2f):
        value = function(x)
        assert value.shape == x.shape and np.isfinite(value).all()
        assert function(x[:, None]).shape == (len(x), 1)
        assert np.isclose(function(0.5), function(np.array([0.5]))[0], rtol=0, atol=0)


@every_activation
def test_df_and_d2f_are_the_derivatives_of_f_and_df(act):
    x = np.concatenate([np.linspace(-6, -0.05, 80), np.linspace(0.05, 6, 80)])     # off the kink at 0
    h = 1e-5
    # central differences: error h^2 |phi'''| / 6 (below 1e-8: phi''' of smooLU reaches some tens) plus eps/h = 2e-11
    assert np.abs((act.f(x + h) - act.f(x - h)) / (2 * h) - act.df(x)).max() < 1e-8
    assert np.abs((act.df(x + h) - act.df(x - h)) / (2 * h) - act.d2f(x)).max() < 1e-7


def test_activations_have_their_textbook_values():
    x = np.array([-2.0, -0.5, 0.0, 0.5, 2.0])
    s = 1 / (1 + np.exp(-x))
    expected = {
        "tanh": (np.tanh(x), 1 - np.tanh(x) ** 2, -2 * np.tanh(x) * (1 - np.tanh(x) ** 2)),
        "sigmoid": (s, s * (1 - s), s * (1 - s) * (1 - 2 * s)),
        "softplus": (np.log(1 + np.exp(x)), s, s * (1 - s)),
        "ReLU": ([0, 0, 0, 0.5, 2], [0, 0, 0, 1, 1], np.zeros(5)),
        "leaky ReLU": ([-0.02, -0.005, 0, 0.5, 2], [0.01, 0.01, 0.01, 1, 1], np.zeros(5)),
        "smooLU": ([0, 0, 0, 0.5 * np.exp(-2), 2 * np.exp(-0.5)], [0, 0, 0, 3 * np.exp(-2), 1.5 * np.exp(-0.5)],
                   [0, 0, 0, 8 * np.exp(-2), np.exp(-0.5) / 8]),
        "rectified tanh": (np.tanh(x) * (x > 0), (1 - np.tanh(x) ** 2) * (x > 0),
                           -2 * np.tanh(x) * (1 - np.tanh(x) ** 2) * (x > 0)),
    }
    for act in ACTIVATIONS:
        for function, value in zip((act.f, act.df, act.d2f), expected[act.name]):
            assert np.allclose(function(x), value, rtol=1e-14, atol=1e-16), act.name


def test_derivatives_keep_their_digits_in_the_tails():
    assert np.isclose(TANH.df(30.0), 4 * np.exp(-60.0), rtol=1e-14)          # 1 - tanh^2 would give 0
    assert np.isclose(SIGMOID.df(-50.0), np.exp(-50.0), rtol=1e-14)
    assert np.isclose(SIGMOID.df(50.0), np.exp(-50.0), rtol=1e-14)           # s (1 - s) would give 0
    assert np.isclose(SIGMOID.f(-700.0), np.exp(-700.0), rtol=1e-14)
    assert SOFTPLUS.f(800.0) == 800.0 and np.isclose(SOFTPLUS.f(-50.0), np.exp(-50.0), rtol=1e-14)


def test_smoolu_is_smooth_at_zero_and_underflows_only_below_one_over_745():
    x = np.array([1 / 700, 1 / 500, 1 / 100, 1 / 10])
    for function, exact in ((SMOOLU.f, lambda t: math.exp(-1 / t) * t),
                            (SMOOLU.df, lambda t: math.exp(-1 / t) * (1 + 1 / t)),
                            (SMOOLU.d2f, lambda t: math.exp(-1 / t) / t ** 3)):
        assert np.allclose(function(x), [exact(t) for t in x], rtol=1e-13, atol=0)      # 1/x exp amplifies eps by 700
        assert function(1 / 735) > 0 and function(1 / 746) == 0 == function(-1.0)
    steps = np.array([0.1, 0.05, 0.025])                 # all differences at 0 vanish faster than any power
    assert slope(SMOOLU.f(steps), steps) > 10 and slope(SMOOLU.d2f(steps), steps) > 10


def test_erratum_a_truncated_tanh_is_not_smooth_at_zero():
    # [Cooper 2018, Sec. 3.1] lists truncated tanh among the rectified smooth functions.
    h = 1e-6
    right, left = RECTIFIED_TANH.f(h) / h, RECTIFIED_TANH.f(-h) / -h
    assert np.isclose(right, 1, rtol=1e-11) and left == 0           # 1 - h^2/3: the slope jumps
    assert SMOOLU.f(h) / h == SMOOLU.f(-h) / -h == 0


@every_activation
def test_activations_compute_in_float64_whatever_the_type_of_their_argument(act):
    for x in (np.array([1, 2, 200], np.uint8), np.array([-128, 127], np.int8), np.array([True, False]),
              np.float32([0.1, -0.3]), np.float16([1.5]), 3):
        for function in (act.f, act.df, act.d2f):
            assert np.array_equal(function(x), function(np.asarray(x, dtype=float)))
            assert np.asarray(function(x)).dtype == float


@every_activation
def test_a_net_that_overflows_says_so_whatever_its_units(act):
    # 1e300 in, inf - inf = nan at the second layer: the units must let it pass for forward to name the cause
    weights, X, Y = [[[1e10], [1e10]], [[1e300, -1e300]], [[1.0]]], [[1e300]], [[0.0]]
    calls = [lambda: forward(weights, X, act), lambda: ls.fit(weights, X, Y, act), lambda: jacobian(weights, X, act),
             lambda: ls.minimize(weights, X, Y, act), lambda: gradient(weights, X, Y, act)]
    if act in (RELU, LEAKY_RELU, SOFTPLUS, SMOOLU):
        for call in calls:
            with pytest.raises(ValueError, match="overflow"):
                call()
    else:
        assert np.isfinite(calls[0]()).all()                        # bounded units: nothing overflows


# ------------------------------------------------------------------ losses

LOSSES = [SQUARE, LOGISTIC, power_loss(1), power_loss(1.5), power_loss(2), power_loss(3), power_loss(2.5)]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_d1_and_d2_are_the_derivatives_of_the_loss_in_each_output(loss):
    rng = np.random.default_rng(1)
    F, Y, h = 2 * rng.normal(size=(6, 3)), rng.random((6, 3)), 1e-5
    for m in range(3):
        step = h * np.eye(3)[m]
        # central differences: h^2 |l'''| / 6, l''' up to about 1e3 near the kinks of |r|^1.5, plus eps |l| / h
        d1 = (loss.value(F + step, Y) - loss.value(F - step, Y)) / (2 * h)
        d2 = (loss.d1(F + step, Y) - loss.d1(F - step, Y)) / (2 * h)
        assert np.allclose(d1, loss.d1(F, Y)[:, m], atol=1e-7) and np.allclose(d2, loss.d2(F, Y)[:, :, m], atol=1e-6)
    assert loss.value(F, Y).shape == (6,) and loss.d1(F, Y).shape == (6, 3) and loss.d2(F, Y).shape == (6, 3, 3)


def test_the_square_loss_has_the_half_and_coopers_is_twice_it():
    F, Y = np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[0.0, 4.0], [3.0, 4.0]])
    assert (SQUARE.value(F, Y) == [2.5, 12.5]).all()
    assert (power_loss(2).value(F, Y) == 2 * SQUARE.value(F, Y)).all()
    assert (power_loss(2).d2(F, Y) == 2 * SQUARE.d2(F, Y)).all()


def test_the_logistic_loss_is_the_papers_cross_entropy_and_stable_at_large_logits():
    F, Y = np.linspace(-8, 8, 33)[:, None], np.tile([0.0, 1.0, 0.3], 11)[:, None]
    p = 1 / (1 + np.exp(-F))
    # log(1 - p) at p close to 1 loses |f| digits: e^8 eps = 7e-13
    assert np.allclose(LOGISTIC.value(F, Y), (-Y * np.log(p) - (1 - Y) * np.log(1 - p))[:, 0], rtol=0, atol=1e-12)
    big = np.array([[800.0], [-800.0], [800.0], [-800.0]])
    target = np.array([[1.0], [0.0], [0.0], [1.0]])
    assert (LOGISTIC.value(big, target) == [0, 0, 800, 800]).all()
    assert (LOGISTIC.d1(big, target)[:, 0] == [0, 0, 1, -1]).all()
    assert np.isclose(LOGISTIC.d1(np.array([[50.0]]), np.ones((1, 1))), -np.exp(-50.0), rtol=1e-14)
    assert np.isclose(LOGISTIC.value(np.array([[50.0]]), np.ones((1, 1))), np.exp(-50.0), rtol=1e-14)
    assert np.isclose(LOGISTIC.d1(np.array([[-50.0]]), np.zeros((1, 1))), np.exp(-50.0), rtol=1e-14)


def test_all_power_losses_vanish_on_the_same_set_but_differ_in_their_hessian_there():
    # [Cooper 2018, Remark 2.2 and Sec. 5]
    F = np.array([[1.0, -2.0]])
    for a in (1, 1.5, 2, 3):
        assert power_loss(a).value(F, F) == 0 and (power_loss(a).d1(F, F) == 0).all()
        assert power_loss(a).value(F, F + [[0, 1e-3]]) > 0
    assert (power_loss(3).d2(F, F) == 0).all()
    assert (power_loss(2).d2(F, F) == 2 * np.eye(2)).all()
    for a in (1, 1.5):
        with pytest.raises(ValueError, match="no second derivative"):
            power_loss(a).d2(F, F + [[0, 1.0]])
    assert (power_loss(1).d2(F, F + 5e-324 + 1.0) == 0).all()
    with pytest.raises(ValueError, match="overflows"):
        power_loss(1.01).d2(np.array([[5e-324]]), np.zeros((1, 1)))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_losses_refuse_to_broadcast(loss):
    for function in (loss.value, loss.d1, loss.d2):
        for F, Y in ((np.ones(3), np.ones((3, 1))), (np.ones((3, 1)), np.ones(3)), (np.ones((3, 1)), np.ones((1, 3)))):
            with pytest.raises(ValueError, match="shape"):
                function(F, Y)


def test_logistic_targets_outside_the_unit_interval_are_refused():
    F = np.zeros((2, 1))
    for bad in (-1e-9, 1 + 1e-9):
        for function in (LOGISTIC.value, LOGISTIC.d1):
            with pytest.raises(ValueError, match=r"lie in \[0, 1\]"):
                function(F, np.array([[0.5], [bad]]))
    assert (LOGISTIC.d1(F, np.array([[0.0], [1.0]]))[:, 0] == [0.5, -0.5]).all()       # the ends belong to it


def test_a_loss_that_overflows_is_refused():
    F, Y = np.full((1, 1), 1e200), np.zeros((1, 1))
    for function in (SQUARE.value, power_loss(3).value, power_loss(3).d1, power_loss(4).d2):
        with pytest.raises(ValueError, match="overflows"):
            function(F, Y)


# ------------------------------------------------------------------ weights

def test_pairs_are_the_usual_affine_layers_and_come_back_unchanged():
    rng = np.random.default_rng(2)
    shapes = [(4, 1), (3, 4), (2, 3)]
    pairs = [(rng.normal(size=s), None if s[1] == 4 else rng.normal(size=s[0])) for s in shapes]
    (A, a), (B, _), (C, c) = pairs
    X = rng.normal(size=(5, 1))
    usual = np.tanh(np.tanh(X @ A.T + a) @ B.T) @ C.T + c
    weights = ls.from_pairs(pairs)
    assert np.allclose(forward(weights, X, TANH), usual, rtol=1e-14, atol=1e-14)
    back = ls.to_pairs(weights, 1)
    assert len(back) == 3
    for (W, b), (V, c) in zip(pairs, back):
        assert (W == V).all() and (c is None if b is None else (b == c).all())
    assert not any(np.shares_memory(W, V) for V, _ in back for W in weights)


def test_flatten_goes_layer_by_layer_and_row_by_row():
    weights = [np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0, 6.0, 7.0]])]
    assert (flatten(weights) == np.arange(1, 8)).all()
    back = unflatten(np.arange(1.0, 8.0), weights)
    assert all((a == b).all() and a.shape == b.shape for a, b in zip(weights, back))


def test_random_weights_have_variance_one_over_fan_in():
    weights = random_weights([99, 400, 1], bias=[True, False], rng=0)
    assert [W.shape for W in weights] == [(400, 100), (1, 400)]
    assert abs(weights[0].std() - 0.1) < 0.1 * 4 / np.sqrt(2 * 40_000)      # 4 standard errors of a deviation
    assert [W.shape for W in random_weights([2, 3, 1], rng=0)] == [(3, 3), (1, 4)]
    assert (random_weights([2, 3], rng=5)[0] == random_weights([2, 3], rng=np.random.default_rng(5))[0]).all()


# ------------------------------------------------------------------ forward and back

def test_forward_is_the_papers_recursion_with_the_bias_on_the_input_minus_one():
    W1, W2 = np.array([[2.0, 1.0, 0.5], [-1.0, 3.0, 0.0]]), np.array([[1.0, -1.0, 4.0]])
    x = np.array([0.3, -0.2])
    z = np.array([2 * 0.3 - 0.2 - 0.5, -0.3 - 0.6])                          # w . x - b
    expected = np.tanh(z[0]) - np.tanh(z[1]) - 4.0
    assert np.isclose(forward([W1, W2], x[None], TANH)[0, 0], expected, rtol=1e-15)


def test_inputs_one_column_short_are_read_as_a_layer_with_bias():
    W = np.array([[2.0, 3.0]])
    assert forward([W], np.array([[1.0, 1.0]]), TANH) == 5.0                 # two inputs, no bias
    assert forward([W], np.array([[1.0]]), TANH) == -1.0                     # one input, bias 3
    assert (ls.augment(W, np.array([[7.0]])) == [[7.0, -1.0]]).all()


@every_net
@every_activation
def test_the_jacobian_is_the_derivative_of_the_outputs(widths, bias, act):
    weights, X, _ = draw(widths, bias, n=4, seed=3)
    theta, h, J = flatten(weights), 1e-6, jacobian(weights, X, act)
    assert J.shape == (4, widths[-1], len(theta))
    for i in range(len(theta)):
        step = h * np.eye(len(theta))[i]
        change = forward(unflatten(theta + step, weights), X, act) - forward(unflatten(theta - step, weights), X, act)
        assert np.allclose(change / (2 * h), J[:, :, i], rtol=0, atol=3e-9)  # eps |f| / h = 1e-9 rules


@every_net
@pytest.mark.parametrize("loss", [SQUARE, LOGISTIC, power_loss(3)], ids=lambda loss: loss.name)
def test_the_gradient_is_the_jacobian_times_the_loss_derivative(widths, bias, loss):
    weights, X, Y = draw(widths, bias, seed=4)
    Y = 1 / (1 + np.exp(-Y))
    for act in (TANH, SMOOLU, RELU):
        g = flatten(gradient(weights, X, Y, act, loss))
        other = np.einsum("nmp,nm->p", jacobian(weights, X, act), loss.d1(forward(weights, X, act), Y))
        assert np.allclose(g, other, rtol=0, atol=1e-14 * (1 + np.abs(g).max()))      # the same sums, another order


@pytest.mark.parametrize("act", SMOOTH, ids=lambda a: a.name)
@pytest.mark.parametrize("loss", [SQUARE, LOGISTIC], ids=lambda loss: loss.name)
def test_the_first_order_expansion_of_the_loss_errs_by_h_squared(act, loss):
    weights, X, Y = draw([3, 4, 3, 2], n=6, seed=5)
    Y = 1 / (1 + np.exp(-Y))
    theta, rng = flatten(weights), np.random.default_rng(6)
    g, d, L = flatten(gradient(weights, X, Y, act, loss)), rng.normal(size=len(theta)), None
    L = training_loss(weights, X, Y, act, loss)
    steps = np.logspace(-4, -2, 9)                                           # above eps/h^2, below the cubic term
    errors = [abs(training_loss(unflatten(theta + h * d, weights), X, Y, act, loss) - L - h * g @ d) for h in steps]
    assert abs(slope(errors, steps) - 2) < 0.05


def test_training_loss_is_the_sum_and_not_the_mean():
    weights, X, Y = draw([2, 3, 2], n=7)
    parts = [training_loss(weights, X[i:i + 1], Y[i:i + 1], TANH) for i in range(7)]
    assert np.isclose(training_loss(weights, X, Y, TANH), sum(parts), rtol=1e-14)
    assert np.isclose(parts[0], 0.5 * ((forward(weights, X[:1], TANH) - Y[:1]) ** 2).sum(), rtol=1e-14)


def test_a_stack_of_nets_is_passed_through_as_each_net_alone():
    nets = [random_weights([2, 3, 4, 2], bias=[True, False, True], rng=s) for s in range(3)]
    X = np.random.default_rng(0).normal(size=(5, 2))
    stack = [np.stack([net[k] for net in nets]) for k in range(3)]
    inputs, z = ls.forward_pass(stack, X, TANH)
    J = ls.jacobian_pass(stack, inputs, z, TANH)
    grads = ls.backward_pass(stack, inputs, z, z[-1], TANH)
    for i, net in enumerate(nets):
        assert np.allclose(z[-1][i], forward(net, X, TANH), rtol=1e-14, atol=1e-15)
        assert np.allclose(J[i].reshape(5, 2, -1), jacobian(net, X, TANH), rtol=1e-13, atol=1e-15)
        alone = gradient(net, X, np.zeros((5, 2)), TANH)                     # l' = f for targets 0
        assert all(np.allclose(g[i], a, rtol=1e-13, atol=1e-14) for g, a in zip(grads, alone))
        rows = ls.stacked_gradient(np.stack([flatten(w) for w in nets]), nets[0], X, np.zeros((5, 2)), TANH)
        assert np.allclose(rows[i], flatten(alone), rtol=1e-13, atol=1e-14)


def test_no_function_changes_or_aliases_its_arguments():
    weights, X, Y = draw([2, 6, 1], bias=[True, False], n=3)
    x, y, Ya = X[:, 0].copy(), Y[:, 0].copy(), Y.copy()
    edges, params = [(0, 2, 0), (-1, 2, 1), (2, 3, 2), (1, 3, 0)], np.array([0.3, 0.2, -1.0])
    theta = flatten(weights)
    calls = [
        lambda: [forward(weights, X, TANH)], lambda: gradient(weights, X, Y, TANH),
        lambda: [jacobian(weights, X, TANH)], lambda: [flatten(weights)], lambda: [flatten(weights[:1])],
        lambda: unflatten(theta, weights),
        lambda: ls.from_pairs([(weights[0], None)]), lambda: [a for a, _ in ls.to_pairs(weights, 2)],
        lambda: [b for _, b in ls.to_pairs(weights, 2) if b is not None],
        lambda: ls.interpolate(X, Y, rng=0), lambda: ls.interpolate_deep(X, Y, [2, 3], rng=0),
        lambda: ls.fit(weights, X, Y, TANH).weights,
        lambda: ls.fit(weights, X, Y, TANH, iterations=0).weights, lambda: ls.minimize(weights, X, Y, TANH).weights,
        lambda: ls.minimize(weights, X, Y, TANH, iterations=0).weights, lambda: [ls.tangent_basis(weights, X, TANH)],
        lambda: ls.project_to_zero_loss(weights, X, forward(weights, X, TANH), TANH),
        lambda: sum(ls.walk_zero_loss(weights, X, forward(weights, X, TANH), TANH, steps=1, length=0.1, rng=0), []),
        lambda: [ls.perturb_labels(Y, 0.1, rng=0)], lambda: [ls.dag_forward(edges, params, X, TANH)],
        lambda: [ls.dag_jacobian(edges, params, X, TANH)], lambda: sum(ls.relu_interpolants(x[:2], y[:2], 1), []),
        lambda: [ls.augment(weights[1], forward(weights[:1], X, TANH))], lambda: [SQUARE.d1(Y, Ya)],
        lambda: [ls.augment(weights[1], np.ones((2, 6)))], lambda: [SQUARE.d2(Y, Ya)],
    ]
    arguments = [*weights, X, Y, x, y, Ya, params, theta]
    before = [a.copy() for a in arguments]
    for call in calls:
        results = call()
        assert len(results) > 0, inspect.getsource(call)
        assert not any(np.shares_memory(r, a) for r in results for a in arguments), inspect.getsource(call)
        assert all((a == b).all() for a, b in zip(arguments, before)), inspect.getsource(call)


# ------------------------------------------------------------------ exact fits, Cooper Sec. 3.1

def images(n=400, seed=0):
    """Like the handwritten digits: 64 integers from 0 to 16, many of them 0, and a label from 0 to 9."""
    rng = np.random.default_rng(seed)
    X = np.clip(np.round(rng.normal(4, 6, size=(n, 64))), 0, 16)
    return X, rng.integers(0, 10, size=(n, 1)).astype(float)


RECTIFIED = [RELU, SMOOLU, RECTIFIED_TANH]


@pytest.mark.parametrize("act", RECTIFIED, ids=lambda a: a.name)
def test_lemma_3_3_fits_integer_images_to_a_billionth_of_the_largest_target(act):
    for seed in range(3):
        X, Y = images(seed=seed)
        W1, W2 = ls.interpolate(X, Y, act, rng=seed)
        assert W1.shape == (400, 65) and W2.shape == (1, 401)
        assert (W1[:, :-1] == W1[0, :-1]).all()                              # all rows are one vector a
        # eps times the growth of the recursion, about 1e6 for 400 points on a line
        assert np.abs(forward([W1, W2], X, act) - Y).max() < 1e-9 * 9


@pytest.mark.parametrize("act", RECTIFIED, ids=lambda a: a.name)
@pytest.mark.parametrize("n, D, M", [(1, 1, 1), (2, 1, 1), (7, 1, 3), (1, 4, 2), (20, 3, 5)])
def test_lemma_3_3_and_remark_4_2_hold_for_any_number_of_points_inputs_and_outputs(act, n, D, M):
    rng = np.random.default_rng(n)
    X, Y = rng.normal(size=(n, D)), rng.normal(size=(n, M))
    weights = ls.interpolate(X, Y, act, width=n + 3, rng=1)
    assert [W.shape for W in weights] == [(n + 3, D + 1), (M, n + 4)]
    assert np.abs(forward(weights, X, act) - Y).max() < 1e-11 * np.abs(Y).max()
    assert (weights[0][n:] == 0).all() and (weights[1][:, n:] == 0).all()    # spare units: doubly inactive
    assert sum(W.size for W in ls.interpolate(X, Y[:, :1], act, rng=0)) == n * (D + 2) + 1


@pytest.mark.parametrize("act", RECTIFIED, ids=lambda a: a.name)
@pytest.mark.parametrize("widths", [[9], [1, 9], [4, 2, 11], [2, 2, 2, 2, 9]], ids=str)
def test_corollary_3_4_fits_with_any_number_of_hidden_layers(act, widths):
    rng = np.random.default_rng(len(widths))
    X, Y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
    weights = ls.interpolate_deep(X, Y, widths, act, rng=0)
    assert [len(W) for W in weights] == widths + [2]
    assert all((W[1:] == 0).all() for W in weights[:-2])                     # one unit carries the projection
    assert np.abs(forward(weights, X, act) - Y).max() < 1e-11


def test_erratum_corollary_3_4_as_printed_has_rank_one():
    # Printed: every hidden matrix from the second on, the last included, is 1 in the top left entry and 0 elsewhere.
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(6, 3)), rng.normal(size=(6, 1))
    weights = ls.interpolate_deep(X, Y, [4, 6], SMOOLU, rng=0)
    ours = SMOOLU.f(forward(weights[:2], X, SMOOLU))
    printed = [weights[0], np.zeros_like(weights[1])]
    printed[1][0, 0] = 1
    features = SMOOLU.f(forward(printed, X, SMOOLU))
    assert np.linalg.matrix_rank(features) == 1 and np.linalg.matrix_rank(ours) == 6
    best = np.linalg.lstsq(features, Y, rcond=None)[0]
    assert np.abs(features @ best - Y).max() > 0.1 * np.abs(Y).max()         # so it cannot fit


@pytest.mark.parametrize("act", [RELU, SMOOLU, ls.RECTIFIED_TANH], ids=lambda act: act.name)
def test_lemma_3_3_as_printed_fits_a_dozen_points_well_apart(act):
    rng = np.random.default_rng(0)
    X = rng.permutation(np.arange(12.0))[:, None] * [1.0, -0.5]                 # a . x apart by 2, gaps of 1
    Y, a = rng.normal(size=(12, 2)), np.array([1.5, -1.0])
    W1, W2 = ls.interpolate_as_printed(X, Y, act, a)
    t = np.sort(X @ a)
    assert (W1[:, :2] == a).all() and np.allclose(W1[:, 2], np.append(t[0] - 0.5, (t[1:] + t[:-1]) / 2), rtol=1e-14)
    terms = act.f(X @ W1[:, :2].T - W1[:, 2]) @ np.abs(W2).T                 # sums of 12 terms round by 12 eps
    assert (np.abs(forward([W1, W2], X, act) - Y) <= 12 * EPS * terms.max()).all() and EPS * terms.max() < 1e-8


def test_the_literal_construction_fails_in_float64():
    # Unscaled a, thresholds half way, t_0 = t_1 - 1, as in the proof of Lemma 3.3.
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(200, 3)), rng.normal(size=(200, 1))
    t = np.sort(X @ rng.normal(size=3))
    b = (t + np.concatenate([[t[0] - 1], t[:-1]])) / 2
    A = SMOOLU.f(t[:, None] - b)
    assert (np.diagonal(A) == 0).any()                                       # exp(-2 / gap) underflows: A is singular
    with pytest.raises(ValueError, match=f"{(np.diagonal(A) == 0).sum()} of its 200 diagonal entries are not"):
        ls.interpolate_as_printed(X, Y, SMOOLU, np.random.default_rng(0).normal(size=803)[800:])
    ours = ls.interpolate(X, Y, SMOOLU, rng=0)
    assert np.abs(forward(ours, X, SMOOLU) - Y).max() < 1e-9
    # with ReLU, k = 1/2 passes every error on, k = 0.1 forgets it: the growth of the best direction tells
    order = np.argsort(X, axis=0).T
    T = np.take_along_axis(X.T, order, axis=1)
    growth = {k: ls.interpolation_growth(T - T[:, :1], Y[order], k) for k in (0.5, 0.1)}
    assert (growth[0.5] > 3 * growth[0.1]).all()


def test_the_growth_is_that_of_the_triangular_system_and_bounds_the_residual():
    rng = np.random.default_rng(1)
    for k in (0.1, 0.3, 0.5):
        t, Y = np.sort(rng.normal(size=30)), rng.normal(size=(30, 2))
        order, b = ls.thresholds(t, k)
        A = RELU.f(t[:, None] - b)
        m = np.linalg.solve(A, Y)
        direct = (np.abs(A)[:, :, None] * np.abs(m)).sum(axis=1).max()
        growth = ls.interpolation_growth(t[None], Y[None], k)
        assert (order == np.arange(30)).all() and np.isclose(growth[0], direct, rtol=1e-8)     # cond(A) eps
        assert np.abs(A @ ls.triangular_solve(A, Y) - Y).max() < EPS * growth[0]


def test_thresholds_lie_at_the_given_fraction_between_sorted_neighbours():
    t = np.array([3.0, 0.0, 1.0])
    order, b = ls.thresholds(t, 0.25)
    assert (order == [1, 2, 0]).all()
    assert np.allclose(b, [-3 + 0.75, 0.25, 1.5], rtol=1e-15)                # t_0 one range (3) before t_1
    assert np.allclose(ls.thresholds(np.array([2.0]), 0.25)[1], [2 - 0.75])  # one point: t_0 = t_1 - 1


def test_triangular_solve_is_forward_substitution():
    rng = np.random.default_rng(2)
    for n in (1, 2, 64, 65, 200):
        A, Y = np.tril(rng.normal(size=(n, n))) / n + np.eye(n), rng.normal(size=(n, 2))
        x = np.zeros_like(Y)
        for i in range(n):
            x[i] = (Y[i] - A[i, :i] @ x[:i]) / A[i, i]
        assert np.allclose(ls.triangular_solve(A, Y), x, rtol=0, atol=1e-13 * np.abs(x).max())   # another order of sums


@pytest.mark.parametrize("scale, shift", [(1e-100, 0), (1e100, 0), (1e-3, 1.0), (1.0, 1e6)])
def test_the_fit_does_not_depend_on_the_units_of_the_inputs(scale, shift):
    rng = np.random.default_rng(3)
    X, Y = rng.normal(size=(30, 2)) * scale + shift, rng.normal(size=(30, 1))
    for act in RECTIFIED:
        # the gaps lose as many digits to a shift as X itself; 1e6 costs six
        assert np.abs(forward(ls.interpolate(X, Y, act, rng=0), X, act) - Y).max() < (1e-10 if shift < 1e3 else 1e-6)


def test_columns_in_different_units_are_weighed_alike():
    rng = np.random.default_rng(5)
    X, Y = rng.normal(size=(200, 5)), rng.normal(size=(200, 1))
    a = ls.interpolate(X * [1e-6, 1, 1e6, 1, 1], Y, RELU, rng=0)[0][0, :5] * [1e-6, 1, 1e6, 1, 1]
    assert np.abs(a).min() > 1e-4 * np.abs(a).max()                          # no column decides alone


def test_lemma_3_3_takes_other_rectified_activations_that_are_like_relu_near_zero():
    rng = np.random.default_rng(4)
    X, Y = rng.normal(size=(100, 3)), rng.normal(size=(100, 2))
    for f in (lambda x: np.maximum(x, 0) + np.maximum(x, 0) ** 3, lambda x: np.log1p(np.maximum(x, 0)),
              lambda x: np.maximum(x, 0) ** 2 * (x > 1e9) + np.maximum(x, 0)):
        act = Activation("own", f, None, None)._replace(df=f, d2f=f)         # derivatives play no part
        assert np.abs(forward(ls.interpolate(X, Y, act, rng=0), X, act) - Y).max() < 1e-8
    square = Activation("relu^2", lambda x: np.maximum(x, 0) ** 2, np.zeros_like, np.zeros_like)
    with pytest.raises(ValueError, match="relu.2"):                          # A is too ill-conditioned: say why
        ls.interpolate(X, Y, square, rng=0)


def test_a_bounded_activation_at_a_large_scale_is_a_step_and_fits_integers_exactly():
    X, Y = images(seed=1)
    weights = ls.interpolate(X, Y, RECTIFIED_TANH, rng=0)
    assert (forward(weights, X, RECTIFIED_TANH) == Y).all() and np.abs(weights[1]).max() <= 9


@pytest.mark.parametrize("act", [SMOOLU, SOFTPLUS], ids=lambda a: a.name)
def test_theorem_4_1_the_jacobian_has_rank_n_at_an_exact_fit(act):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(6, 2)), rng.normal(size=(6, 1))
    if act is SMOOLU:
        weights = ls.interpolate(X, Y, act, width=8, rng=0)
    else:
        weights = ls.fit(random_weights([2, 8, 1], rng=0), X, Y, act).weights
    assert ls.jacobian_rank(weights, X, act) == 6                            # so Z has dimension P - n here
    assert ls.tangent_basis(weights, X, act).shape == (8 * 4 + 1, 8 * 4 + 1 - 6)


def test_remark_4_2_the_codimension_is_n_times_m():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(5, 2)), rng.normal(size=(5, 3))
    weights = ls.interpolate(X, Y, SMOOLU, rng=0)
    assert ls.jacobian_rank(weights, X, SMOOLU) == 15


def test_asymmetry_counts_as_rounding_up_to_a_hundred_sizes_eps():
    H = np.ones((10, 10))
    H[0, 1] += 900 * EPS                                            # below 100 * 10 * EPS
    assert ls.check_symmetric("H", H) is H
    H[0, 1] += 200 * EPS
    with pytest.raises(ValueError, match="H differs from its transpose"):
        ls.check_symmetric("H", H)


# ------------------------------------------------------------------ fitting

def test_one_damped_step_near_a_solution_is_followed_by_undamped_ones_to_the_floor_and_all_are_counted():
    X = np.linspace(-1, 1, 6)[:, None]
    Y = np.sin(3 * X)
    net = ls.fit(random_weights([1, 6, 1], rng=0), X, Y, TANH).weights
    near = ls.fit([W + 1e-4 for W in net], X, Y, TANH, iterations=1)
    assert near.loss < 1e-26 and near.converged and 3 <= near.iterations <= 13           # at most a dozen


def test_fit_reaches_the_rounding_floor_where_the_net_can_interpolate():
    tasks = [([2, 8, 1], 12, TANH), ([3, 10, 2], 8, SMOOLU), ([2, 6, 6, 1], 15, TANH), ([2, 20, 1], 12, RELU)]
    for widths, n, act in tasks:
        weights, X, Y = draw(widths, n=n, seed=7)
        result = ls.fit(weights, X, Y, act)
        assert result.converged and result.iterations > 0
        assert result.loss == np.sum((forward(result.weights, X, act) - Y) ** 2) / 2
        floor = ls.rounding_pass(result.weights, X, act)
        assert (np.abs(forward(result.weights, X, act) - Y) <= floor).all()
        assert result.loss < 1e-26


def test_a_fit_that_ran_out_of_steps_close_to_zero_loss_is_finished_by_undamped_ones():
    weights, X, Y = draw([2, 8, 1], n=12, seed=7)
    enough = ls.fit(weights, X, Y, TANH).iterations
    results = [ls.fit(weights, X, Y, TANH, iterations=k) for k in range(enough + 1)]
    finished = [r.converged for r in results]
    # residuals of a millionth of the terms of f lead to the floor; above that nothing is done, and between is nothing
    assert all((r.loss < 1e-26) == r.converged and (r.loss > 1e-16) != r.converged for r in results)
    assert all(r.iterations == k for k, r in enumerate(results) if not r.converged)
    assert 2 <= sum(finished) < enough                                       # some were stopped early and yet got there


def test_fit_many_gives_what_fit_gives_for_each_start_and_says_which_succeeded():
    rng = np.random.default_rng(0)
    X = np.linspace(-1, 1, 8)[:, None]
    Y = np.sin(4 * X) + 0.1 * rng.normal(size=X.shape)
    starts = [random_weights([1, 3, 1], bias=[True, False], rng=s) for s in range(12)]
    results = ls.fit_many(starts, X, Y, TANH)
    alone = [ls.fit(w, X, Y, TANH) for w in starts]
    for a, b in zip(results, alone):
        assert a.converged == b.converged and a.iterations == b.iterations
        assert np.isclose(a.loss, b.loss, rtol=1e-6, atol=1e-25)             # batched sums may round otherwise
    assert {r.converged for r in results} == {True, False}                   # 9 parameters, 8 points: luck decides
    assert all(r.converged == (r.loss < 1e-25) for r in results)


def test_fit_converges_to_the_normal_equations_for_a_linear_net_with_more_data_than_weights():
    _, X, Y = draw([3, 2], n=20)
    result = ls.fit([np.zeros((2, 4))], X, Y, TANH)
    assert result.converged and result.loss > 1
    Xa = np.hstack([X, -np.ones((20, 1))])
    exact = np.linalg.lstsq(Xa, Y, rcond=None)[0].T
    assert np.abs(result.weights[0] - exact).max() < 1e-12
    assert not ls.fit([np.zeros((2, 4))], X, Y, TANH, iterations=1).converged      # honest when stopped early


def test_a_damped_step_is_the_regularised_least_squares_solution_in_both_forms():
    rng = np.random.default_rng(0)
    for shape in ((3, 5), (5, 3)):
        J, r = rng.normal(size=(1, *shape)), rng.normal(size=(1, shape[0]))
        gram = J[0] @ J[0].T if shape[0] <= shape[1] else J[0].T @ J[0]
        mu = 0.3 * np.diagonal(gram).max()
        exact = np.linalg.lstsq(np.vstack([J[0], np.sqrt(mu) * np.eye(shape[1])]),
                                np.concatenate([r[0], np.zeros(shape[1])]), rcond=None)[0]
        assert np.allclose(ls.damped_step(r, J, np.array([0.3]))[0], exact, rtol=0, atol=1e-13)


@pytest.mark.skipif(np.finfo(np.longdouble).eps == EPS, reason="longdouble is no wider than float64 on this machine")
def test_the_rounding_pass_bounds_what_rounding_does_and_is_not_idle():
    worst = []
    for seed in range(30):
        weights, X, _ = draw([5, 20, 10, 2], n=20, seed=seed)
        a = X.astype(np.longdouble)
        for k, W in enumerate(weights):
            z = a @ W[:, :-1].astype(np.longdouble).T - W[:, -1]
            a = np.tanh(z) if k < 2 else z
        worst.append((np.abs(forward(weights, X, TANH) - a) / ls.rounding_pass(weights, X, TANH)).max())
    assert 0.01 < max(worst) < 1


def test_minimize_finds_the_closed_form_minimum_of_linear_regression():
    _, X, Y = draw([3, 2], n=20)
    result = ls.minimize([np.zeros((2, 4))], X, Y, TANH)
    exact = np.linalg.lstsq(np.hstack([X, -np.ones((20, 1))]), Y, rcond=None)[0].T
    assert result.converged and np.abs(result.weights[0] - exact).max() < 1e-12


def noisy_teacher(widths, act, n=40, seed=0, noise=0.3):
    """A task whose minimum is above zero: a net of the same shape plus noise."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, widths[0]))
    return X, forward(random_weights(widths, rng=rng), X, act) + noise * rng.normal(size=(n, widths[-1]))


@pytest.mark.parametrize("loss", [SQUARE, LOGISTIC, power_loss(3)], ids=lambda loss: loss.name)
def test_minimize_brings_the_gradient_to_its_rounding_level(loss):
    count = 0
    for seed in range(6):
        X, Y = noisy_teacher([2, 2, 2], TANH, seed=seed)
        Y = 1 / (1 + np.exp(-Y)) if loss is LOGISTIC else Y
        start = random_weights([2, 2, 2], rng=seed + 100)
        result = ls.minimize(start, X, Y, TANH, loss)
        g = np.abs(flatten(gradient(result.weights, X, Y, TANH, loss)))
        terms = np.abs(loss.d1(forward(result.weights, X, TANH), Y)).ravel()
        scale = terms @ np.abs(jacobian(result.weights, X, TANH)).reshape(len(terms), -1)
        # gradient_level is 1e-12 of this scale, plus what the rounding of the outputs adds
        assert (g <= 1e-10 * scale).all() if result.converged else (g > 1e-12 * scale).any()
        assert result.loss <= training_loss(start, X, Y, TANH, loss)
        count += result.converged
    assert count >= 2                                                        # the others run off to infinity


def test_minimize_converges_at_zero_loss_too():
    weights, X, Y = draw([2, 6, 1], n=8, seed=1)
    result = ls.minimize(weights, X, Y, TANH)
    assert result.converged and result.loss < 1e-26


def test_a_minimum_at_infinity_is_never_called_converged():
    X, Y = np.array([[-1.0], [-0.5], [0.5], [1.0]]), np.array([[0.0], [0.0], [1.0], [1.0]])
    for weights in ([np.array([[0.1, 0.0]])], random_weights([1, 3, 1], rng=0)):
        for iterations in (3, 50, 2000):                                     # 2000: into the underflow of l'
            result = ls.minimize(weights, X, Y, TANH, LOGISTIC, iterations=iterations)
            assert not result.converged
        assert result.loss < 1e-100
    Y = np.array([[0.0], [1.0], [0.0], [1.0]])                               # control: not separable
    assert ls.minimize([np.array([[0.1, 0.0]])], X, Y, TANH, LOGISTIC).converged


def test_minimize_stays_at_a_saddle_but_leaves_its_neighbourhood_downwards():
    X, Y = noisy_teacher([1, 3, 1], TANH, n=12)
    Y = Y - Y.mean()
    saddle = [np.zeros((3, 2)), np.zeros((1, 4))]
    at = ls.minimize(saddle, X, Y, TANH)
    assert at.converged and at.iterations == 0 and (flatten(at.weights) == 0).all()
    rng = np.random.default_rng(0)
    near = ls.minimize(unflatten(1e-3 * rng.normal(size=10), saddle), X, Y, TANH)
    assert near.loss < 0.9 * at.loss


def test_minimize_and_fit_without_iterations_return_the_start_unconverged():
    weights, X, Y = draw([2, 3, 1])
    for result in (ls.fit(weights, X, Y, TANH, iterations=0), ls.minimize(weights, X, Y, TANH, iterations=0)):
        assert (flatten(result.weights) == flatten(weights)).all()
        assert not result.converged and result.iterations == 0
        assert np.isclose(result.loss, training_loss(weights, X, Y, TANH), rtol=1e-14)


@pytest.mark.parametrize("loss", [SQUARE, LOGISTIC, power_loss(3)], ids=lambda loss: loss.name)
@every_net
def test_the_hessian_that_minimize_uses_is_the_derivative_of_the_gradient(widths, bias, loss):
    weights, X, Y = draw(widths, bias, seed=8)
    Y = 1 / (1 + np.exp(-Y))
    theta, h = flatten(weights), 1e-5
    for act in (TANH, SMOOLU, SOFTPLUS):
        H = ls.exact_hessian(weights, X, Y, act, loss)
        g = lambda t: flatten(gradient(unflatten(t, weights), X, Y, act, loss))         # noqa: E731, B023
        D = np.array([(g(theta + h * e) - g(theta - h * e)) / (2 * h) for e in np.eye(len(theta))])
        # central differences: h^2 = 1e-10 times fourth derivatives of some tens
        assert np.abs(H - D).max() < 1e-7 * (1 + np.abs(H).max()) and (H == H.T).all()


def test_the_hessian_that_minimize_uses_may_be_made_in_chunks():
    X = np.random.default_rng(0).normal(size=(70_000, 3))                    # more rows than one chunk holds
    H = ls.exact_hessian([np.zeros((2, 4))], X, np.zeros((70_000, 2)), TANH, SQUARE)
    Xa = np.hstack([X, -np.ones((70_000, 1))])
    assert np.allclose(H, np.kron(np.eye(2), Xa.T @ Xa), rtol=0, atol=70_000 * 1e-13)     # n eps, another order


def test_minimize_converges_where_the_loss_is_flatter_than_a_parabola():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(6, 3)), rng.normal(size=(6, 1))
    for a in (3, 4):                                                         # H -> 0 on the zero-loss set
        result = ls.minimize(random_weights([3, 20, 1], rng=0), X, Y, TANH, power_loss(a))
        assert result.converged and result.loss < 1e-30


def test_minimize_stops_honestly_where_the_loss_has_no_second_derivative():
    X, Y = np.array([[1.0], [2.0]]), np.array([[0.0], [1.0]])                # the first residual is 0 at the start
    result = ls.minimize([np.zeros((1, 2))], X, Y, TANH, power_loss(1.5))
    assert not result.converged and result.loss == 1.0


def test_a_fit_restarted_from_its_result_stays_there():
    for Y in (np.ones((6, 1)), np.zeros((6, 1))):
        X = np.random.default_rng(0).normal(size=(6, 3))
        first = ls.fit(random_weights([3, 5, 1], rng=0), X, Y, TANH)
        again = ls.fit(first.weights, X, Y, TANH)
        assert first.converged and again.converged and again.iterations == 0
        assert (flatten(again.weights) == flatten(first.weights)).all()


# ------------------------------------------------------------------ the zero-loss set, Cooper Sec. 2

def fitted(seed=0, n=6, widths=(2, 8, 2)):
    weights, X, Y = draw(list(widths), n=n, seed=seed)
    result = ls.fit(weights, X, Y, TANH)
    assert result.converged
    return result.weights, X, Y


def test_theorem_2_1_the_kernel_of_the_jacobian_is_tangent_to_the_zero_loss_set():
    weights, X, Y = fitted()
    theta, B = flatten(weights), ls.tangent_basis(weights, X, TANH)
    P, nM = len(theta), Y.size
    assert B.shape == (P, P - nM) and ls.jacobian_rank(weights, X, TANH) == nM
    assert np.abs(B.T @ B - np.eye(P - nM)).max() < 1e-13
    assert np.abs(jacobian(weights, X, TANH) @ B).max() < 1e-13
    rng = np.random.default_rng(1)
    steps = np.logspace(-4, -2, 7)
    tangent, other = B @ rng.normal(size=P - nM), rng.normal(size=P)
    for d, power in ((tangent, 2), (other, 1)):                              # along Z f moves at second order only
        moved = [np.abs(forward(unflatten(theta + h * d, weights), X, TANH) - Y).max() for h in steps]
        assert abs(slope(moved, steps) - power) < 0.05


def test_proposition_2_3_gauss_newton_has_nm_positive_eigenvalues_and_a_wide_gap():
    weights, X, Y = fitted(seed=1)
    J = jacobian(weights, X, TANH).reshape(Y.size, -1)
    values = np.sort(np.linalg.eigvalsh(J.T @ J))[::-1]
    assert values[Y.size - 1] > 1e-8 * values[0] and np.abs(values[Y.size:]).max() < 1e-14 * values[0]


def dead_net():
    """All units off on the data and a constant target: zero loss, but the Jacobian has rank 1."""
    X = np.array([[0.1], [0.5], [0.9]])
    weights = [np.array([[0.5, 5.0], [-1.0, 3.0], [0.2, 2.0]]), np.array([[1.0, 2.0, -1.0, -0.7]])]
    return weights, X, np.full((3, 1), 0.7)


def test_theorem_2_1_needs_a_regular_value_and_a_small_change_of_the_labels_gives_one():
    weights, X, Y = dead_net()
    for act in (SMOOLU, RELU):
        assert (forward(weights, X, act) == Y).all() and ls.jacobian_rank(weights, X, act) == 1
    labels = ls.perturb_labels(Y, 1e-3, rng=0)
    assert 0 < np.linalg.norm(labels - Y) < 1e-3
    assert training_loss(weights, X, labels, SMOOLU) > 0                     # the bad point is not in the new set
    points = [ls.fit(random_weights([1, 3, 1], rng=s), X, labels, SMOOLU) for s in range(20)]
    points = [p.weights for p in points if p.converged]
    assert len(points) > 3 and all(ls.jacobian_rank(w, X, SMOOLU) == 3 for w in points)


def test_perturbed_labels_fill_the_ball():
    Y = np.zeros((2, 1))
    radii = [np.linalg.norm(ls.perturb_labels(Y, 2.0, rng=s)) for s in range(2000)]
    assert max(radii) < 2 and abs(np.mean(np.square(radii)) - 2) < 0.1       # uniform in a disc: E r^2 = radius^2 / 2


def test_erratum_proposition_2_3_fails_at_w_cubed_where_zero_is_no_regular_value():
    # f = w^3 x_1 + u x_2 is a net of Section 3: a chain of identity units whose edges share w, and a second chain.
    identity = Activation("identity", lambda x: x, np.ones_like, np.zeros_like)
    edges, x = [(0, 2, 0), (2, 3, 0), (3, 4, 0), (1, 4, 1)], np.array([[1.0, 0.0]])
    assert ls.dag_forward(edges, np.array([2.0, 5.0]), x, identity) == 8
    assert (ls.dag_jacobian(edges, np.array([2.0, 5.0]), x, identity) == [12, 0]).all()
    # y = 0, P = 2 > n = 1: the zero-loss set is the line w = 0, smooth of codimension 1 and (one set alone)
    # transversal, as the proposition asks; yet on it the Hessian J^T J is 0 and has no positive eigenvalue
    for u in (-1.0, 0.0, 3.0):
        assert ls.dag_forward(edges, np.array([0.0, u]), x, identity) == 0
        assert (ls.dag_jacobian(edges, np.array([0.0, u]), x, identity) == 0).all()
    label = ls.perturb_labels(np.zeros((1, 1)), 1e-3, rng=0)[0, 0]           # a regular value: one positive eigenvalue
    assert ls.dag_jacobian(edges, np.array([np.cbrt(label), 0.0]), x, identity)[0, 0, 0] ** 2 > 0


def test_projection_ends_at_the_rounding_floor_and_goes_straight_down():
    weights, X, Y = fitted()
    theta, rng = flatten(weights), np.random.default_rng(2)
    d = rng.normal(size=len(theta))
    tilt = []
    for h in (1e-2, 1e-3):
        back = ls.project_to_zero_loss(unflatten(theta + h * d, weights), X, Y, TANH)
        assert (np.abs(forward(back, X, TANH) - Y) <= ls.rounding_pass(back, X, TANH)).all()
        move = flatten(back) - theta - h * d
        tilt.append(np.linalg.norm(ls.tangent_basis(back, X, TANH).T @ move) / np.linalg.norm(move))
    assert tilt[1] < 0.2 * tilt[0] < 0.02                                    # orthogonal to Z up to O(h)


def test_projection_refuses_where_there_is_no_zero_loss():
    _, X, Y = draw([2, 2, 1], n=30)
    with pytest.raises(ValueError, match="does not lead to zero loss"):
        ls.project_to_zero_loss(random_weights([2, 2, 1], rng=0), X, Y, TANH)
    weights, X, Y = dead_net()
    with pytest.raises(ValueError, match="full rank"):
        ls.project_to_zero_loss(weights, X, Y + [[0], [0.1], [0]], RELU)


def test_a_walk_of_two_hundred_steps_stays_on_the_zero_loss_set_while_everything_else_moves():
    weights, X, Y = fitted(seed=3, n=6, widths=(2, 6, 1))
    path = ls.walk_zero_loss(weights, X, Y, TANH, steps=200, length=0.5, rng=0)
    assert len(path) == 201
    level = [np.abs(forward(w, X, TANH) - Y) / ls.rounding_pass(w, X, TANH) for w in path]
    assert np.max(level) <= 1
    assert max(training_loss(w, X, Y, TANH) for w in path) < 1e-26
    theta = np.array([flatten(w) for w in path])
    moves = np.linalg.norm(np.diff(theta, axis=0), axis=1)
    assert np.linalg.norm(theta[-1] - theta[0]) > 3 and 0.3 < np.median(moves) < 0.6    # a step, and back to Z
    away = np.array([[3.0, -3.0], [-2.0, 4.0]])
    assert np.abs(forward(path[-1], away, TANH) - forward(path[0], away, TANH)).max() > 0.1      # off the data f moves
    spectra = np.array([np.linalg.svd(jacobian(w, X, TANH)[:, 0], compute_uv=False) for w in (path[0], path[-1])])
    assert np.abs(spectra[0] / spectra[1] - 1).max() > 0.1                              # so does the Hessian,
    assert all(ls.jacobian_rank(w, X, TANH) == 6 for w in path[::20])                   # but not its rank
    again = ls.walk_zero_loss(weights, X, Y, TANH, steps=3, length=0.5, rng=0)
    assert all((a == b).all() for a, b in zip(again[3], path[3]))


def test_the_tangent_steps_of_a_walk_have_the_given_length():
    weights, X, Y = fitted(seed=3, n=6, widths=(2, 6, 1))
    for length in (1e-2, 1e-3):
        path = ls.walk_zero_loss(weights, X, Y, TANH, steps=5, length=length, rng=1)
        moves = [np.linalg.norm(flatten(b) - flatten(a)) for a, b in zip(path, path[1:])]
        assert np.allclose(moves, length, rtol=10 * length)                  # the way back is O(length^2)


def test_a_walk_cannot_start_at_an_isolated_zero():
    X, Y = np.array([[1.0], [2.0]]), np.array([[1.0], [3.0]])
    with pytest.raises(ValueError, match="isolated"):
        ls.walk_zero_loss([np.array([[2.0, 1.0]])], X, Y, TANH, steps=1, length=0.1)


def test_a_walk_says_so_when_its_steps_are_too_long():
    weights, X, Y = fitted(seed=3, n=6, widths=(2, 6, 1))
    with pytest.raises(ValueError, match="length is"):
        ls.walk_zero_loss(weights, X, Y, TANH, steps=50, length=1e308, rng=0)


# ------------------------------------------------------------------ all ReLU interpolants

def teacher_data(units, seed):
    """n = 2 units points on a random net with one unit on everywhere and a kink in every second gap."""
    rng = np.random.default_rng(seed)
    n = 2 * units
    x = np.sort(rng.uniform(-1, 1, n))
    kinks = np.array([x[0] - 0.5] + [(x[2 * j - 1] + x[2 * j]) / 2 for j in range(1, units)])      # two points a cell
    signs = np.concatenate([[1.0], rng.choice([-1.0, 1.0], units - 1)])
    slopes = rng.normal(size=units) + 2 * rng.choice([-1.0, 1.0], units)
    weights = [np.column_stack([signs, signs * kinks]), slopes[None]]
    return x, forward(weights, x[:, None], RELU)[:, 0], weights


def by_hand(x, y, units):
    """The same enumeration, one pattern at a time, by least squares on kink positions (slow and independent)."""
    order = np.argsort(x)
    x, y, n = x[order], y[order], len(x)
    options = [np.arange(n) >= c for c in range(n)] + [np.arange(n) < c for c in range(1, n)]
    count = 0
    for chosen in combinations(options, units):
        A = np.hstack([np.column_stack([s * x, s * -1.0]) for s in chosen])
        if np.linalg.matrix_rank(A, tol=1e-9) < n:
            continue
        for (p, q), s in zip(np.linalg.solve(A, y).reshape(-1, 2), chosen):
            line = p * x - q
            if not (np.array_equal(line > 0, s) or np.array_equal(line < 0, s)):
                break
        else:
            count += 1
    return count


def test_relu_interpolants_are_as_many_as_an_enumeration_by_hand_finds():
    counts = []
    for seed in range(24):
        rng, units = np.random.default_rng(seed), 2 + seed % 2
        x = rng.uniform(-1, 1, 2 * units)
        y = np.maximum(x, 0) + 0.1 * rng.normal(size=2 * units)
        nets = ls.relu_interpolants(x, y, units)
        counts.append(len(nets))
        assert len(nets) == by_hand(x, y, units)
        for net in nets:
            assert [W.shape for W in net] == [(units, 2), (1, units)]
            assert np.abs(forward(net, x[:, None], RELU)[:, 0] - y).max() < 1e-9 * np.abs(y).max()
            assert np.allclose(np.abs(net[1][0]), np.linalg.norm(net[0], axis=1), rtol=1e-12)    # balanced
        norms = [np.sum(flatten(net) ** 2) for net in nets]
        assert norms == sorted(norms)
    assert min(counts) == 0 < max(counts)                                    # some data have none


def test_relu_interpolants_find_the_net_that_made_the_data():
    grid = np.linspace(-2, 2, 201)[:, None]
    for seed in range(5):
        x, y, weights = teacher_data(4, seed)
        rng = np.random.default_rng(seed)
        for scale, shift in ((1, 0), (1e3, 5e3), (1, 1e6)):                  # in any units of x
            shuffle = rng.permutation(8)
            nets = ls.relu_interpolants(x[shuffle] * scale + shift, y[shuffle], 4)
            there = [forward(net, grid * scale + shift, RELU) for net in nets]
            # x / (largest gap) loses six digits to a shift by 1e6
            assert min(np.abs(F - forward(weights, grid, RELU)).max() for F in there) < (1e-8 if shift < 1e6 else 1e-5)


def test_relu_interpolants_leave_units_at_zero_that_the_data_do_not_need():
    x = np.arange(6.0)
    nets = ls.relu_interpolants(x, np.maximum(x - 2.5, 0), 3)
    assert any(np.count_nonzero(net[1]) == 1 for net in nets)
    assert all(np.abs(forward(net, x[:, None], RELU)[:, 0] - np.maximum(x - 2.5, 0)).max() < 1e-9 for net in nets)
    assert len({tuple(np.round(np.sort(flatten(net)), 6)) for net in nets}) == len(nets)      # none twice
    [net] = ls.relu_interpolants([0.0, 1.0], [1.0, 1.0], 1)                  # a constant: the slope is 0
    assert np.allclose(forward(net, x[:, None], RELU), 1)


@pytest.mark.parametrize("exponent", [-1000, -3, 5, 900])
def test_relu_interpolants_scale_with_the_targets(exponent):
    x, y, _ = teacher_data(2, 0)
    nets, scaled = ls.relu_interpolants(x, y, 2), ls.relu_interpolants(x, np.ldexp(y, exponent), 2)
    assert len(nets) == len(scaled) > 0
    norms = [np.linalg.norm(W2) for _, W2 in scaled]
    assert all(a <= b * (1 + 1e-12) for a, b in zip(norms, norms[1:]))         # smallest first, up to rounding
    for (W1, W2), (S1, S2) in zip(nets, scaled):                    # balanced: each layer takes the square root
        # an odd exponent has no exact square root: eps
        assert np.allclose(S1, W1 * np.sqrt(np.ldexp(1.0, exponent)), rtol=1e-14, atol=0)
        assert np.allclose(S2, W2 * np.sqrt(np.ldexp(1.0, exponent)), rtol=1e-14, atol=0)


def test_relu_interpolants_allow_a_kink_on_a_data_point_in_any_units():
    x = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])
    expected = [np.array([[2 / 3, -5 / 3], [4 / 3, 2 / 3], [-4 / 3, -2 / 3]]), np.array([[1.0, 1.0, -1.0]])]
    assert np.allclose(forward(expected, x[:, None], RELU)[:, 0], 2 * x + 1)         # its kink lies at 0.5
    grid = np.linspace(-4, 4, 81)[:, None]
    counts = []
    for scale, shift in ((1, 0), (0.1, 0), (1 / 3, 0), (0.7, 0.3)):
        nets = ls.relu_interpolants(scale * x + shift, 2 * x + 1, 3)
        there = [forward(net, scale * grid + shift, RELU) for net in nets]
        assert min(np.abs(F - forward(expected, grid, RELU)).max() for F in there) < 1e-8
        counts.append((len(nets), len(ls.relu_interpolants(scale * x + shift, np.abs(x), 3))))
    assert len(set(counts)) == 1


def test_relu_interpolants_see_all_11628_patterns_of_ten_points_and_five_units():
    x, y, weights = teacher_data(5, 0)
    assert math.comb(19, 5) == 11628
    grid = np.linspace(-2, 2, 101)[:, None]
    nets = ls.relu_interpolants(x, y, 5)
    assert min(np.abs(forward(net, grid, RELU) - forward(weights, grid, RELU)).max() for net in nets) < 1e-8


# ------------------------------------------------------------------ graphs with tied parameters, Cooper Sec. 3

def layered_edges(weights, D):
    """A layered net as a graph, every weight with a label of its own in the order of flatten."""
    edges, below, label, start = [], list(range(D)), 0, D
    for W in weights:
        sources = below + [-1] * (W.shape[1] - len(below))
        nodes = list(range(start, start + len(W)))
        for v in nodes:
            for u in sources:
                edges.append((u, v, label))
                label += 1
        below, start = nodes, start + len(W)
    return edges


@every_net
def test_a_layered_net_is_a_graph(widths, bias):
    weights, X, _ = draw(widths, bias)
    edges, params = layered_edges(weights, widths[0]), flatten(weights)
    for act in (TANH, RELU):
        assert np.allclose(ls.dag_forward(edges, params, X, act), forward(weights, X, act), rtol=1e-13, atol=1e-14)
        assert np.allclose(ls.dag_jacobian(edges, params, X, act), jacobian(weights, X, act), rtol=1e-13, atol=1e-14)
    shuffled = [edges[i] for i in np.random.default_rng(0).permutation(len(edges))]
    assert np.allclose(ls.dag_jacobian(shuffled, params, X, TANH), jacobian(weights, X, TANH), rtol=1e-13, atol=1e-14)


def skip_net():
    """Two inputs, three hidden units in a chain of depths 1, 2 and 3, and skips of every length to the output."""
    edges = [(0, 2, 0), (1, 2, 1), (-1, 2, 2), (2, 3, 3), (0, 3, 4), (3, 4, 5), (2, 4, 6), (-1, 4, 7),
             (4, 5, 8), (2, 5, 9), (1, 5, 10), (-1, 5, 11)]
    return edges, np.random.default_rng(0).normal(size=12)


def conv_net(length=7, kernel=3, channels=2):
    """A one-dimensional convolution with shared kernels and biases, followed by a dense linear output."""
    places, edges, label = length - kernel + 1, [], 0
    for c in range(channels):
        for i in range(places):
            v = length + c * places + i
            edges += [(i + j, v, c * (kernel + 1) + j) for j in range(kernel)] + [(-1, v, c * (kernel + 1) + kernel)]
    label, out = channels * (kernel + 1), length + channels * places
    edges += [(length + i, out, label + i) for i in range(channels * places)]
    return edges, np.random.default_rng(1).normal(size=label + channels * places)


def test_a_skip_connection_is_what_its_formula_says():
    edges, p = skip_net()
    X = np.random.default_rng(2).normal(size=(6, 2))
    a = np.tanh(p[0] * X[:, 0] + p[1] * X[:, 1] - p[2])
    b = np.tanh(p[3] * a + p[4] * X[:, 0])
    c = np.tanh(p[5] * b + p[6] * a - p[7])
    f = p[8] * c + p[9] * a + p[10] * X[:, 1] - p[11]
    assert np.allclose(ls.dag_forward(edges, p, X, TANH)[:, 0], f, rtol=1e-14, atol=1e-15)


def test_tied_weights_make_a_convolution():
    edges, p = conv_net()
    X = np.random.default_rng(3).normal(size=(4, 7))
    hidden = [[np.tanh(np.correlate(x, p[4 * c:4 * c + 3]) - p[4 * c + 3]) for c in range(2)] for x in X]
    expected = np.reshape(hidden, (4, 10)) @ p[8:]
    assert np.allclose(ls.dag_forward(edges, p, X, TANH)[:, 0], expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("net", [skip_net, conv_net], ids=lambda f: f.__name__)
def test_the_jacobian_on_a_graph_is_the_derivative_and_ties_add_up(net):
    edges, p = net()
    D = min(v for _, v, _ in edges)
    X, h = np.random.default_rng(4).normal(size=(3, D)), 1e-6
    J = ls.dag_jacobian(edges, p, X, SMOOLU)
    for k in range(len(p)):
        step = h * np.eye(len(p))[k]
        change = (ls.dag_forward(edges, p + step, X, SMOOLU) - ls.dag_forward(edges, p - step, X, SMOOLU)) / (2 * h)
        assert np.allclose(change, J[:, :, k], rtol=0, atol=1e-8)            # eps |f| / h
    free = [(u, v, e) for e, (u, v, _) in enumerate(edges)]                  # every edge its own parameter
    labels = np.array([k for _, _, k in edges])
    untied = ls.dag_jacobian(free, p[labels], X, SMOOLU)
    for k in range(len(p)):
        assert np.allclose(untied[:, :, labels == k].sum(axis=2), J[:, :, k], rtol=0, atol=1e-14 * np.abs(J).max())


@pytest.mark.parametrize("net", [skip_net, conv_net], ids=lambda f: f.__name__)
def test_theorem_2_1_counts_dimensions_on_graphs_too(net):
    edges, p = net()
    D = min(v for _, v, _ in edges)
    X = np.random.default_rng(5).normal(size=(7, D))                         # y = f(p): p lies in Z
    J = ls.dag_jacobian(edges, p, X, TANH)[:, 0]
    assert len(p) > 7 and np.linalg.matrix_rank(J) == 7                      # so Z has dimension P - 7
    kernel = np.linalg.svd(J)[2][7:]
    steps = np.logspace(-4, -2, 7)
    y = ls.dag_forward(edges, p, X, TANH)
    moved = [np.abs(ls.dag_forward(edges, p + h * kernel.sum(axis=0), X, TANH) - y).max() for h in steps]
    assert abs(slope(moved, steps) - 2) < 0.1


def test_erratum_cooper_activation_belongs_outside_the_sum():
    # Printed: o_v = sum over edges of sigma(w o_u + b). Two ReLU edges of opposite sign then never cancel.
    edges, p, x = [(0, 2, 0), (1, 2, 1), (2, 3, 2)], np.array([1.0, -1.0, 1.0]), np.array([[2.0, 2.0]])
    printed = p[2] * (RELU.f(p[0] * x[0, 0]) + RELU.f(p[1] * x[0, 1]))
    unit = forward([np.array([[1.0, -1.0]]), np.array([[1.0]])], x, RELU)[0, 0]
    assert ls.dag_forward(edges, p, x, RELU)[0, 0] == unit == 0 and printed == 2


def test_outputs_of_a_graph_are_the_nodes_no_edge_leaves_in_ascending_order():
    edges = [(0, 1, 0), (0, 2, 1), (2, 3, 2), (2, 4, 0)]                     # outputs 1, 3, 4; 1 is linear in the input
    f = ls.dag_forward(edges, np.array([2.0, 3.0, 5.0]), np.array([[0.1]]), TANH)
    assert np.allclose(f, [[0.2, 5 * np.tanh(0.3), 2 * np.tanh(0.3)]], rtol=1e-15)


# ------------------------------------------------------------------ bad input

W3 = [np.ones((2, 3)), np.ones((1, 3))]
X2, Y1 = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.5]]), np.ones((3, 1))
EDGES, MAX = [(0, 2, 0), (1, 2, 1), (2, 3, 0)], np.finfo(float).max


def nearly_equal_pairs():
    """Twenty pairs of points 1e-15 apart with unrelated targets."""
    rng = np.random.default_rng(0)
    X = rng.random((20, 2))
    return np.concatenate([X, X + 1e-15]), rng.normal(size=(40, 1))


BAD = [
    (lambda: forward(W3, np.ones(3), TANH), r"X has shape \(3,\).*X\[:, None\]"),
    (lambda: forward(W3, np.ones((3, 5)), TANH), r"weights\[0\] has shape \(2, 3\), it should have 5 columns, or 6"),
    (lambda: forward([np.ones((2, 3)), np.ones((1, 5))], X2, TANH), r"weights\[1\] has shape"),
    (lambda: forward([], X2, TANH), "weights is empty"),
    (lambda: forward(np.ones((2, 3)), X2, TANH), "weights is a ndarray, it should be a list"),
    (lambda: forward([np.ones(3)], X2, TANH), r"weights\[0\] has shape \(3,\)"),
    (lambda: forward([[[1, 2], [3]]], X2, TANH), "ragged"),
    (lambda: forward(W3, [["1", "2"]], TANH), "X holds <U1 values"),
    (lambda: forward(W3, X2 + 1j, TANH), "X holds complex128"),
    (lambda: forward(W3, X2.astype(object), TANH), "X holds object"),
    (lambda: forward(W3, np.where(X2 > 3, np.nan, X2), TANH), "X holds nan or infinite"),
    (lambda: forward(W3, X2 * np.inf ** (X2 > 3), TANH), "X holds nan or infinite"),
    (lambda: forward(W3, np.ones((0, 2)), TANH), "should not be empty"),
    (lambda: forward([W3[0] * np.inf, W3[1]], X2, TANH), r"weights\[0\] holds nan or infinite"),
    (lambda: forward(W3, X2, "tanh"), "act is 'tanh', it should be an Activation"),
    (lambda: forward(W3, X2, np.tanh), "act is .* it should be an Activation"),
    (lambda: forward([1e200 * W for W in W3], 1e200 * X2, RELU), "the output overflows"),
    (lambda: gradient([1e200 * W for W in W3], 1e200 * X2, Y1, RELU), "the output overflows"),
    (lambda: gradient([1e60 * W for W in W3], 1e100 * X2, Y1, RELU), "the gradient overflows"),
    (lambda: jacobian([1e60 * W for W in W3], 1e250 * X2, RELU), "overflows"),
    (lambda: training_loss(W3, X2, 1e200 * Y1, TANH), "the square loss overflows"),
    (lambda: training_loss(W3, X2, Y1[:2], TANH), r"Y has shape \(2, 1\), it should be \(3, 1\)"),
    (lambda: training_loss(W3, X2, Y1[:, 0], TANH), r"Y has shape \(3,\)"),
    (lambda: training_loss(W3, X2, np.ones((3, 2)), TANH), r"Y has shape \(3, 2\), it should be \(3, 1\)"),
    (lambda: training_loss(W3, X2, Y1, TANH, "square"), "loss is 'square', it should be a Loss"),
    (lambda: gradient(W3, X2, 2 * Y1, TANH, LOGISTIC), r"lie in \[0, 1\]"),
    (lambda: power_loss(0.5), "a is 0.5"), (lambda: power_loss(np.nan), "a is nan"),
    (lambda: power_loss("2"), "a is '2'"),
    (lambda: unflatten(np.ones(8), W3), "theta has length 8, it should be 9"),
    (lambda: unflatten(np.ones((1, 9)), W3), r"theta has shape \(1, 9\)"),
    (lambda: flatten([np.ones((2, 2)), np.ones((2, 5))]), r"weights\[1\] has shape"),
    (lambda: ls.from_pairs([(np.ones((2, 3)), np.ones(3))]), "b of pairs.0. has length 3, it should be 2"),
    (lambda: ls.to_pairs(W3, 7), r"weights\[0\] has shape"), (lambda: ls.to_pairs(W3, 2.5), "D is 2.5"),
    (lambda: random_weights([3]), "widths has length 1"), (lambda: random_weights([3, 0, 1]), "widths is 0"),
    (lambda: random_weights(3), "widths is 3, it should be a list"), (lambda: random_weights(None), "widths is None"),
    (lambda: random_weights([3, 1], bias="no"), "bias"), (lambda: random_weights([3, 1], bias=[1.5]), "bias is"),
    (lambda: random_weights([3, 1], bias=None), "bias is None"),
    (lambda: random_weights([3, 1], rng="a"), "rng is 'a'"),
    (lambda: random_weights([3, 1], rng=-1), "rng is -1"), (lambda: ls.interpolate(X2, Y1, rng=1.5), "rng is 1.5"),
    (lambda: ls.perturb_labels(Y1, 1, rng={}), "rng is {}"),
    (lambda: ls.walk_zero_loss(W3, X2, Y1, TANH, steps=1, length=1, rng=np.random), "rng is"),
    (lambda: ls.from_pairs(None), "pairs should be a list"), (lambda: ls.from_pairs([3]), "pairs should be a list"),
    (lambda: forward(W3, X2, None), "act is None"), (lambda: gradient(W3, X2, None, TANH), "Y holds object"),
    (lambda: gradient(W3, X2, Y1, TANH, None), "loss is None"), (lambda: ls.fit(W3, X2, Y1, None), "act is None"),
    (lambda: forward(W3, np.ma.masked_less(X2, 1), TANH), "X is a masked array"),
    (lambda: random_weights([3, 2, 1], bias=[True]), "bias 1"),
    (lambda: ls.augment(np.ones((2, 5)), np.ones((3, 3))), "W has 5 columns, it should have 3"),
    (lambda: ls.interpolate(X2[[0, 1, 0]], Y1), "X has equal rows, 0 and 2"),
    (lambda: ls.interpolate(X2, Y1, TANH), "act is tanh, it should be rectified"),
    (lambda: ls.interpolate(X2, Y1, SOFTPLUS), "rectified"), (lambda: ls.interpolate(X2, Y1, LEAKY_RELU), "rectified"),
    (lambda: ls.interpolate(X2, Y1, width=2), "width is 2, it should lie between 3"),
    (lambda: ls.interpolate(X2, Y1, width="3"), "width is '3'"),
    (lambda: ls.interpolate(X2, Y1[:2]), "Y has 2 rows, it should have 3"),
    (lambda: ls.interpolate(X2, Y1, knot=0), "knot is 0"), (lambda: ls.interpolate(X2, Y1, knot=0.6), "knot is 0.6"),
    (lambda: ls.interpolate(X2[:, 0], Y1), r"X has shape \(3,\)"),
    (lambda: ls.interpolate(np.array([[-1.7e308], [0], [1.7e308]]), Y1), "X reaches 1.7e[+]308"),
    (lambda: ls.interpolate(X2, 1e160 * Y1), "Y reaches 1.0e[+]160"),
    (lambda: ls.interpolate(X2 * 1e-310, Y1), "too close"), (lambda: ls.interpolate(X2 * 1e-304, Y1), "too close"),
    (lambda: ls.interpolate(1e8 + 1e-7 * np.random.default_rng(0).random((40, 3)), np.ones((40, 1)), rng=0), "close"),
    (lambda: ls.interpolate(*nearly_equal_pairs(), rng=0), "so close"),
    (lambda: ls.interpolate_deep(X2, Y1, []), "widths is"),
    (lambda: ls.interpolate_deep(X2, Y1, [0, 3]), "widths is 0"),
    (lambda: ls.interpolate_deep(X2, Y1, 3), "widths is 3, it should be a list"),
    (lambda: ls.fit_many([], X2, Y1, TANH), "starts is"), (lambda: ls.fit_many(W3[0], X2, Y1, TANH), "starts is"),
    (lambda: ls.fit_many([W3, [np.ones((4, 3)), np.ones((1, 4))]], X2, Y1, TANH), "several shapes"),
    (lambda: ls.fit_many([W3, [W3[0], np.inf * W3[1]]], X2, Y1, TANH), r"starts\[1\]\[1\] holds nan"),
    (lambda: ls.fit(W3, X2, Y1, TANH, iterations=-1), "iterations is -1"),
    (lambda: ls.fit([1e200 * W for W in W3], 1e200 * X2, Y1, RELU), "overflows"),
    (lambda: ls.fit([1e60 * W for W in W3], 1e60 * X2, Y1, RELU), "overflows"),
    (lambda: ls.minimize([1e60 * W for W in W3], 1e60 * X2, Y1, RELU), "overflows"),
    (lambda: SQUARE.d1(np.full((1, 1), 1e308), np.full((1, 1), -1e308)), "the residual overflows"),
    (lambda: LOGISTIC.value(np.full((1, 2), 1e308), np.zeros((1, 2))), "the logistic loss overflows"),
    (lambda: power_loss(1e308).d2(np.ones((1, 1)), np.ones((1, 1))), "overflows"),
    (lambda: training_loss([np.eye(1)], np.full((9, 1), 1e154), np.zeros((9, 1)), TANH), "the loss overflows"),
    (lambda: ls.minimize(W3, X2, Y1, TANH, iterations=1.5), "iterations is 1.5"),
    (lambda: ls.minimize([[[MAX]]], [[1]], [[MAX]], TANH), "the output with its rounding overflows"),
    (lambda: ls.perturb_labels(Y1, 0), "epsilon is 0"), (lambda: ls.perturb_labels(Y1, np.inf), "epsilon is inf"),
    (lambda: ls.walk_zero_loss(W3, X2, Y1, TANH, steps=1, length=0), "length is 0"),
    (lambda: ls.walk_zero_loss(W3, X2, Y1, TANH, steps=-1, length=1), "steps is -1"),
    (lambda: ls.relu_interpolants([0, 1, 2], [0, 1, 2], 1), "twice the units"),
    (lambda: ls.relu_interpolants([0, 1], [0, 1, 2], 1), "lengths 2 and 3"),
    (lambda: ls.relu_interpolants([0, 0], [0, 1], 1), "equal entries"),
    (lambda: ls.relu_interpolants(X2, Y1, 1), r"x has shape \(3, 2\)"),
    (lambda: ls.relu_interpolants([0, 1e-17, 1, 2], [0, 1, 2, 3.5], 2), "cannot tell apart"),
    (lambda: ls.relu_interpolants([0, 5e-324], [1, 2], 1), "cannot tell apart"),
    (lambda: ls.relu_interpolants([0, 1e-5], [1, 1e308], 1), "the net overflows"),
    (lambda: ls.relu_interpolants(np.arange(18), np.arange(18), 9), "units is 9"),
    (lambda: ls.dag_forward([(0, 2, 0), (3, 2, 1)], np.ones(2), X2, TANH), r"edges holds \(3, 2, 1\)"),
    (lambda: ls.dag_forward([(0, 1, 0)], np.ones(2), X2, TANH), r"0 to 1 are the inputs"),
    (lambda: ls.dag_forward([(-2, 2, 0)], np.ones(2), X2, TANH), r"edges holds \(-2, 2, 0\)"),
    (lambda: ls.dag_forward([(0, 2, 2)], np.ones(2), X2, TANH), "label 2"),
    (lambda: ls.dag_forward([(0, 3, 0)], np.ones(1), X2, TANH), "none into node 2"),
    (lambda: ls.dag_forward([(0, 2, 0), (0, 10**9, 0)], np.ones(1), X2, TANH), "none into node 3"),
    (lambda: ls.dag_forward([(0, 2)], np.ones(1), X2, TANH), "source, target, label"),
    (lambda: ls.dag_forward([(0, 2, 0.5)], np.ones(1), X2, TANH), "whole numbers"),
    (lambda: ls.dag_jacobian(EDGES, np.ones((2, 1)), X2, TANH), "params has shape"),
    (lambda: ls.dag_forward(EDGES, np.full(2, 1e200), 1e200 * X2, RELU), "overflows"),
    (lambda: ls.dag_jacobian(EDGES, np.array([1e200, 1e200]), 1e150 * X2, RELU), "overflows"),
]


@pytest.mark.parametrize("call, sentence", BAD, ids=[str(i) for i in range(len(BAD))])
def test_bad_input_is_refused_with_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_functions_work_when_copied_without_the_lines_that_call_check():
    tree = ast.parse(inspect.getsource(ls))

    class Strip(ast.NodeTransformer):
        def visit(self, node):
            if isinstance(node, (ast.Assign, ast.Expr)) and re.search(r"\bcheck_\w+\(", ast.unparse(node)):
                return None
            return self.generic_visit(node)

    tree.body = [node for node in tree.body if not getattr(node, "name", "").startswith("check_")]
    source = ast.unparse(ast.fix_missing_locations(Strip().visit(tree)))
    assert "check_" not in re.sub(r'""".*?"""', "", source, flags=re.S)
    bare = types.ModuleType("bare")
    exec(source, bare.__dict__)
    weights, X, Y = draw([2, 6, 1], n=4)
    graph = ([(0, 2, 0), (-1, 2, 1), (1, 2, 1)], np.array([0.3, 0.2]), X)
    x, y, _ = teacher_data(2, 0)
    calls = [
        lambda m: m.forward(weights, X, m.TANH), lambda m: m.training_loss(weights, X, Y, m.TANH, m.power_loss(3)),
        lambda m: m.flatten(m.gradient(weights, X, m.sigmoid(Y), m.SMOOLU, m.LOGISTIC)),
        lambda m: m.jacobian(weights, X, m.RELU), lambda m: m.unflatten(np.arange(25.0), weights)[1],
        lambda m: m.from_pairs(m.to_pairs(weights, 2))[0], lambda m: m.random_weights([2, 3], rng=0)[0],
        lambda m: m.interpolate(X, Y, rng=0)[1], lambda m: m.interpolate_deep(X, Y, [2, 4], m.RELU, rng=0)[2],
        lambda m: m.fit(weights, X, Y, m.TANH).weights[0], lambda m: m.minimize(weights, X, Y, m.TANH).weights[0],
        lambda m: m.jacobian_rank(weights, X, m.TANH), lambda m: m.perturb_labels(Y, 0.1, rng=0),
        lambda m: m.tangent_basis(weights, X, m.TANH), lambda m: m.project_to_zero_loss(weights, X, Y, m.TANH)[0],
        lambda m: m.walk_zero_loss(weights, X, Y, m.TANH, steps=2, length=0.1, rng=0)[2][0],
        lambda m: m.relu_interpolants(x, y, 2)[0][0], lambda m: m.dag_forward(*graph, m.TANH),
        lambda m: m.dag_jacobian(*graph, m.TANH),
    ]
    for call in calls:
        assert np.array_equal(call(bare), call(ls)), inspect.getsource(call)


def test_every_public_function_starts_its_docstring_with_its_source():
    functions = {name: f for name, f in inspect.getmembers(ls, inspect.isfunction) if f.__module__ == ls.__name__}
    assert len(functions) > 50
    for name, function in functions.items():
        assert function.__doc__ and function.__doc__.startswith("["), name
