"""landscape.py: the network, exact fits, the zero-loss set. A test's name is the claim it checks."""
import inspect
import math
import re
from itertools import product

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
    assert np.isclose(TANH.df(30.0), 4 * np.exp(-60.0), rtol=1e-14, atol=0)          # 1 - tanh^2 would give 0
    assert np.isclose(SIGMOID.df(-50.0), np.exp(-50.0), rtol=1e-14, atol=0)
    assert np.isclose(SIGMOID.df(50.0), np.exp(-50.0), rtol=1e-14, atol=0)           # s (1 - s) would give 0
    assert np.isclose(SIGMOID.f(-700.0), np.exp(-700.0), rtol=1e-14, atol=0)
    assert SOFTPLUS.f(800.0) == 800.0 and np.isclose(SOFTPLUS.f(-50.0), np.exp(-50.0), rtol=1e-14, atol=0)


@every_activation
def test_a_jet_is_the_three_functions_to_a_few_eps(act):
    if act.jet is None:
        assert act.name in ("ReLU", "leaky ReLU", "rectified tanh")
        return
    x = np.concatenate([EXTREMES, -EXTREMES, np.linspace(-2, 2, 4001), np.linspace(-40, 40, 4001),
                        np.linspace(0.12, 0.13, 10_001)])           # 0.125: from there on tanh by q
    for one, plain in zip(act.jet(x), (act.f, act.df, act.d2f), strict=True):
        # each is up to some ten roundings of eps / 2, of which 1 - q at q = exp(-1/4) multiplies that of q by 3.5;
        # below 1e-300 a result is a multiple of 5e-324, no longer exact to eps
        assert (np.abs(one - plain(x)) <= 6 * EPS * np.abs(plain(x)) + 1e-322).all(), act.name
        assert one.shape == x.shape and (np.signbit(one) == np.signbit(plain(x))).all()
    assert all(np.array_equal(a, b[:, 0]) for a, b in zip(act.jet(x), act.jet(x[:, None])))
    x = x[:900].reshape(30, 30)
    assert all(np.array_equal(a.T, b) for a, b in zip(act.jet(x), act.jet(x.T)))        # in any layout


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
    assert np.isclose(right, 1, rtol=1e-11, atol=0) and left == 0           # 1 - h^2/3: the slope jumps
    assert SMOOLU.f(h) / h == SMOOLU.f(-h) / -h == 0


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
        assert np.abs(d1 - loss.d1(F, Y)[:, m]).max() < 1e-7 and np.abs(d2 - loss.d2(F, Y)[:, :, m]).max() < 1e-6
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
    assert np.isclose(LOGISTIC.d1(np.array([[50.0]]), np.ones((1, 1))), -np.exp(-50.0), rtol=1e-14, atol=0)
    assert np.isclose(LOGISTIC.value(np.array([[50.0]]), np.ones((1, 1))), np.exp(-50.0), rtol=1e-14, atol=0)
    assert np.isclose(LOGISTIC.d1(np.array([[-50.0]]), np.zeros((1, 1))), np.exp(-50.0), rtol=1e-14, atol=0)


def test_all_power_losses_vanish_on_the_same_set_but_differ_in_their_hessian_there():
    # [Cooper 2018, Remark 2.2 and Sec. 5]
    F = np.array([[1.0, -2.0]])
    for a in (1, 1.5, 2, 3):
        assert power_loss(a).value(F, F) == 0 and (power_loss(a).d1(F, F) == 0).all()
        assert power_loss(a).value(F, F + [[0, 1e-3]]) > 0
    assert (power_loss(3).d2(F, F) == 0).all()
    assert (power_loss(2).d2(F, F) == 2 * np.eye(2)).all()
    for a in (1, 1.5):
        with pytest.raises(ValueError):                                      # a < 2: no second derivative on the set
            power_loss(a).d2(F, F + [[0, 1.0]])
        with pytest.raises(ValueError, match="to rounding"):
            power_loss(a).d2(F, F * [[1 + 4 * EPS, 2]])
        with pytest.raises(ValueError, match="to rounding"):
            power_loss(a).d2([[1e-16, 5], [3, 5]], [[0, 0], [1, 1]])         # of the output, where a y is 0
        assert power_loss(a).d2([[2 + 1e-6], [1e9 + 1]], [[2], [1e9]]).shape == (2, 1, 1)   # but of y elsewhere
    assert (power_loss(1).d2(F, F + 1.0) == 0).all()
    for Y in (F * (1 + 1e-12), 0 * F):                                      # control: beyond rounding, and of y = 0
        d2 = power_loss(1.5).d2(Y + [[1e-12, -1e-12]], Y)
        assert np.allclose(d2, 0.75e6 * np.eye(2), rtol=1e-3)               # a (a - 1) r^(-1/2); Y rounds r


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_losses_refuse_to_broadcast(loss):
    for function in (loss.value, loss.d1, loss.d2):
        for F, Y in ((np.ones(3), np.ones((3, 1))), (np.ones((3, 1)), np.ones(3)), (np.ones((3, 1)), np.ones((1, 3)))):
            with pytest.raises(ValueError):
                function(F, Y)


def test_logistic_targets_outside_the_unit_interval_are_refused():
    F = np.zeros((2, 1))
    for bad in (-1e-9, 1 + 1e-9):
        for function in (LOGISTIC.value, LOGISTIC.d1):
            with pytest.raises(ValueError):
                function(F, np.array([[0.5], [bad]]))
    assert (LOGISTIC.d1(F, np.array([[0.0], [1.0]]))[:, 0] == [0.5, -0.5]).all()       # the ends belong to it


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
    weights = random_weights([1, 2000, 9, 3000, 2], bias=[True, False, True, False], rng=0)
    for W, fan_in in zip(weights, (2, 2000, 10, 3000)):
        assert abs(W.std() * np.sqrt(fan_in) - 1) < 4 / np.sqrt(2 * W.size)
    assert [W.shape for W in random_weights([2, 3, 1], rng=0)] == [(3, 3), (1, 4)]
    assert (random_weights([2, 3], rng=5)[0] == random_weights([2, 3], rng=np.random.default_rng(5))[0]).all()


# ------------------------------------------------------------------ forward and back

def test_forward_is_the_papers_recursion_with_the_bias_on_the_input_minus_one():
    W1, W2 = np.array([[2.0, 1.0, 0.5], [-1.0, 3.0, 0.0]]), np.array([[1.0, -1.0, 4.0]])
    x = np.array([0.3, -0.2])
    z = np.array([2 * 0.3 - 0.2 - 0.5, -0.3 - 0.6])                          # w . x - b
    expected = np.tanh(z[0]) - np.tanh(z[1]) - 4.0
    assert np.isclose(forward([W1, W2], x[None], TANH)[0, 0], expected, rtol=1e-15, atol=0)


def test_inputs_one_column_short_are_read_as_a_layer_with_bias():
    W = np.array([[2.0, 3.0]])
    assert forward([W], np.array([[1.0, 1.0]]), TANH) == 5.0                 # two inputs, no bias
    assert forward([W], np.array([[1.0]]), TANH) == -1.0                     # one input, bias 3
    assert (ls.augment(W, np.array([[7.0]])) == [[7.0, -1.0]]).all()


@every_net
def test_the_jacobian_is_the_derivative_of_the_outputs(widths, bias):
    weights, X, _ = draw(widths, bias, n=4, seed=3)
    theta, h = flatten(weights), 1e-6
    steps = h * np.eye(len(theta))
    for act in ACTIVATIONS:
        J = jacobian(weights, X, act)
        assert J.shape == (4, widths[-1], len(theta))
        up, down = (ls.forward_pass(ls.unstack(theta + s * steps, weights), X, act)[1][-1] for s in (1, -1))
        change = np.moveaxis(up - down, 0, -1) / (2 * h)                     # a stack of P nets
        assert np.allclose(change, J, rtol=0, atol=3e-9), act.name           # eps |f| / h = 1e-9 rules


@every_net
def test_the_gradient_is_the_jacobian_times_the_loss_derivative(widths, bias):
    weights, X, Y = draw(widths, bias, seed=4)
    Y = 1 / (1 + np.exp(-Y))
    for loss in (SQUARE, LOGISTIC, power_loss(3)):
        for act in (TANH, SMOOLU, RELU):
            g = flatten(gradient(weights, X, Y, act, loss))
            other = np.einsum("nmp,nm->p", jacobian(weights, X, act), loss.d1(forward(weights, X, act), Y))
            assert np.allclose(g, other, rtol=0, atol=1e-14 * (1 + np.abs(g).max()))      # same sums, another order


@every_net
def test_the_input_jacobian_is_the_derivative_in_x_and_the_chain_of_the_layers(widths, bias):
    # [Dinh 2017, Sec. 5.2]
    weights, X, _ = draw(widths, bias, n=4, seed=5)
    h = 1e-6
    for act in ACTIVATIONS:
        J = ls.input_jacobian(weights, X, act)
        assert J.shape == (4, widths[-1], widths[0])
        for d, step in enumerate(h * np.eye(widths[0])):
            change = (forward(weights, X + step, act) - forward(weights, X - step, act)) / (2 * h)
            assert np.allclose(change, J[:, :, d], rtol=0, atol=3e-9), act.name            # eps |f| / h = 1e-9 rules
        for x, Jx in zip(X, J):                                              # W_J phi'(z_(J-1)) W_(J-1) ... W_1
            chain, a = np.eye(widths[0]), x
            for k, W in enumerate(weights):
                a = W[:, :len(a)] @ a - (W[:, -1] if W.shape[1] > len(a) else 0)
                chain = W[:, :chain.shape[0]] @ chain
                if k < len(weights) - 1:
                    chain, a = act.df(a)[:, None] * chain, act.f(a)
            assert np.allclose(Jx, chain, rtol=0, atol=1e-14 * (1 + np.abs(chain).max()))      # another order of sums


def test_the_first_order_expansion_of_the_outputs_in_x_errs_by_h_squared():
    weights, X, _ = draw([3, 4, 3, 2], n=6, seed=5)
    d, steps = np.random.default_rng(6).normal(size=X.shape), np.logspace(-4, -2, 9)
    for act in SMOOTH:
        f, move = forward(weights, X, act), np.einsum("nmd,nd->nm", ls.input_jacobian(weights, X, act), d)
        errors = [np.abs(forward(weights, X + h * d, act) - f - h * move).max() for h in steps]
        assert abs(slope(errors, steps) - 2) < 0.05                          # above eps/h^2, below the cubic term
    # control: weights[0] with its bias column is no derivative in x, and a net without layers between is W itself
    assert (ls.input_jacobian(weights[:1], X, TANH) == weights[0][:, :3]).all()


def test_output_deltas_started_at_a_row_are_the_derivatives_in_z():
    weights, X, _ = draw([2, 3, 4, 2], [True, False, True], n=5, seed=6)
    _, z = ls.forward_pass(weights, X, TANH)
    found, h = ls.output_deltas(weights, z, TANH), 1e-6
    assert [d.shape for d in found] == [(2, 5, 3), (2, 5, 4), (2, 5, 2)]
    for k, zk in enumerate(z):
        def f(move, k=k, zk=zk):                                             # the net from z_k on
            return forward_after(weights[k + 1:], zk + move)
        for i, step in enumerate(h * np.eye(zk.shape[1])):
            change = (f(step) - f(-step)) / (2 * h)                          # (n, M)
            assert np.allclose(change.T, found[k][:, :, i], rtol=0, atol=1e-9)             # eps |f| / h = 2e-10


def forward_after(weights, z):
    """The outputs of a tanh net from the values z of a layer on."""
    for W in weights:
        z = ls.augment(W, np.tanh(z)) @ W.T
    return z


@pytest.mark.parametrize("act", SMOOTH, ids=lambda a: a.name)
@pytest.mark.parametrize("loss", [SQUARE, LOGISTIC], ids=lambda loss: loss.name)
def test_the_first_order_expansion_of_the_loss_errs_by_h_squared(act, loss):
    weights, X, Y = draw([3, 4, 3, 2], n=6, seed=5)
    Y = 1 / (1 + np.exp(-Y))
    theta, rng = flatten(weights), np.random.default_rng(6)
    g, d = flatten(gradient(weights, X, Y, act, loss)), rng.normal(size=len(theta))
    L = training_loss(weights, X, Y, act, loss)
    steps = np.logspace(-4, -2, 9)                                           # above eps/h^2, below the cubic term
    errors = [abs(training_loss(unflatten(theta + h * d, weights), X, Y, act, loss) - L - h * g @ d) for h in steps]
    assert abs(slope(errors, steps) - 2) < 0.05


def test_training_loss_is_the_sum_and_not_the_mean():
    weights, X, Y = draw([2, 3, 2], n=7)
    parts = [training_loss(weights, X[i:i + 1], Y[i:i + 1], TANH) for i in range(7)]
    assert np.isclose(training_loss(weights, X, Y, TANH), sum(parts), rtol=1e-14, atol=0)
    assert np.isclose(parts[0], 0.5 * ((forward(weights, X[:1], TANH) - Y[:1]) ** 2).sum(), rtol=1e-14, atol=0)


def test_a_stack_of_nets_is_passed_through_as_each_net_alone():
    nets = [random_weights([2, 3, 4, 2], bias=[True, False, True], rng=s) for s in range(3)]
    X = np.random.default_rng(0).normal(size=(5, 2))
    stack = [np.stack([net[k] for net in nets]) for k in range(3)]
    theta = np.stack([flatten(net) for net in nets])
    assert all((a == b).all() for a, b in zip(stack, ls.unstack(theta, nets[0])))
    inputs, z = ls.forward_pass(stack, X, TANH)
    J = ls.jacobian_pass(stack, inputs, z, TANH)
    grads = [delta.mT @ a for delta, a in zip(ls.deltas(stack, z, z[-1], TANH), inputs)]
    assert J.shape == (3, 5, 2, theta.shape[1])
    for i, net in enumerate(nets):
        assert np.allclose(z[-1][i], forward(net, X, TANH), rtol=1e-14, atol=1e-15)
        assert np.allclose(J[i], jacobian(net, X, TANH), rtol=1e-13, atol=1e-15)
        alone = gradient(net, X, np.zeros((5, 2)), TANH)                     # l' = f for targets 0
        assert all(np.allclose(g[i], a, rtol=1e-13, atol=1e-14) for g, a in zip(grads, alone))


# ------------------------------------------------------------------ exact fits, Cooper Sec. 3.1

def images(n=400, seed=0):
    """Like the handwritten digits: 64 integers from 0 to 16, many of them 0, and a label from 0 to 9."""
    rng = np.random.default_rng(seed)
    X = np.clip(np.round(rng.normal(4, 6, size=(n, 64))), 0, 16)
    return X, rng.integers(0, 10, size=(n, 1)).astype(float)


RECTIFIED = [RELU, SMOOLU, RECTIFIED_TANH]
every_rectified = pytest.mark.parametrize("act", RECTIFIED, ids=lambda a: a.name)


@every_rectified
def test_lemma_3_3_fits_integer_images_to_a_billionth_of_the_largest_target(act):
    for seed in range(3):
        X, Y = images(seed=seed)
        W1, W2 = ls.interpolate(X, Y, act, rng=seed)
        assert W1.shape == (400, 65) and W2.shape == (1, 401)
        assert (W1[:, :-1] == W1[0, :-1]).all()                              # all rows are one vector a
        # eps times the growth of the recursion, about 1e6 for 400 points on a line
        assert np.abs(forward([W1, W2], X, act) - Y).max() < 1e-9 * 9


@every_rectified
def test_lemma_3_3_and_remark_4_2_hold_for_any_number_of_points_inputs_and_outputs(act):
    for n, D, M in [(1, 1, 1), (2, 1, 1), (7, 1, 3), (1, 4, 2), (20, 3, 5)]:
        rng = np.random.default_rng(n)
        X, Y = rng.normal(size=(n, D)), rng.normal(size=(n, M))
        weights = ls.interpolate(X, Y, act, width=n + 3, rng=1)
        assert [W.shape for W in weights] == [(n + 3, D + 1), (M, n + 4)]
        assert np.abs(forward(weights, X, act) - Y).max() < 1e-11 * np.abs(Y).max()
        assert (weights[0][n:] == 0).all() and (weights[1][:, n:] == 0).all()    # spare units: doubly inactive
        assert ls.jacobian_rank(weights, X, act) == n * M                        # the codimension of Z
        assert 1 in (n, D) or (weights[0] != ls.interpolate(X, Y, act, width=n + 3, rng=2)[0]).any()
        assert sum(W.size for W in ls.interpolate(X, Y[:, :1], act, rng=0)) == n * (D + 2) + 1


@every_rectified
def test_corollary_3_4_fits_with_any_number_of_hidden_layers(act):
    for widths in ([9], [1, 9], [4, 2, 11], [2, 2, 2, 2, 9]):
        rng = np.random.default_rng(len(widths))
        X, Y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
        weights = ls.interpolate_deep(X, Y, widths, act, rng=0)
        assert [len(W) for W in weights] == widths + [2]
        assert all((W[1:] == 0).all() for W in weights[:-2])                 # one unit carries the projection
        assert np.abs(forward(weights, X, act) - Y).max() < 1e-11


def test_erratum_corollary_3_4_as_printed_has_rank_two_at_most():
    # Printed: every hidden matrix from the second on is 1 in the top left entry and 0 elsewhere. Then only the first
    # unit of the last hidden layer tells the points apart, the others are constants.
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(6, 3)), rng.normal(size=(6, 1))
    weights = ls.interpolate_deep(X, Y, [4, 6], SMOOLU, rng=0)
    assert np.linalg.matrix_rank(SMOOLU.f(forward(weights[:2], X, SMOOLU))) == 6          # as corrected
    printed = [weights[0], np.zeros_like(weights[1])]
    printed[1][0, 0] = 1
    scale = np.abs(forward(weights[:1], X, SMOOLU)).max()
    ranks = []
    for b in [np.zeros(6), *(-scale * rng.random((20, 6)))]:                 # units on: b < 0 is a positive constant
        printed[1][:, -1] = b
        features = SMOOLU.f(forward(printed, X, SMOOLU))
        ranks.append(np.linalg.matrix_rank(features))
        best = np.linalg.lstsq(np.column_stack([features, -np.ones(6)]), Y, rcond=None)[0]
        misses = np.column_stack([features, -np.ones(6)]) @ best - Y
        assert np.abs(misses).max() > 0.1 * np.abs(Y).max()                  # it cannot fit, output bias or not
    assert ranks == [1] + [2] * 20                                           # zero biases: sigma(0) = 0, rank 1


@every_rectified
def test_lemma_3_3_as_printed_fits_a_dozen_points_well_apart(act):
    rng = np.random.default_rng(0)
    X = rng.permutation(np.arange(12.0))[:, None] * [1.0, -0.5]                 # a . x apart by 2, gaps of 1
    Y, a = rng.normal(size=(12, 2)), np.array([1.5, -1.0])
    W1, W2 = ls.interpolate_as_printed(X, Y, act, a)
    t = np.sort(X @ a)
    assert (W1[:, :2] == a).all()
    assert np.allclose(W1[:, 2], np.append(t[0] - 0.5, (t[1:] + t[:-1]) / 2), rtol=1e-14, atol=0)
    terms = act.f(X @ W1[:, :2].T - W1[:, 2]) @ np.abs(W2).T                 # sums of 12 terms round by 12 eps
    assert (np.abs(forward([W1, W2], X, act) - Y) <= 12 * EPS * terms.max()).all() and EPS * terms.max() < 1e-8


def test_the_literal_construction_fails_in_float64():
    # Unscaled a, thresholds half way, t_0 = t_1 - 1, as in the proof of Lemma 3.3.
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(200, 3)), rng.normal(size=(200, 1))
    a = rng.normal(size=3)
    t = np.sort(X @ a)
    b = (t + np.concatenate([[t[0] - 1], t[:-1]])) / 2
    A = SMOOLU.f(t[:, None] - b)
    assert (np.diagonal(A) == 0).any()                                       # exp(-2 / gap) underflows: A is singular
    with pytest.raises(ValueError):
        ls.interpolate_as_printed(X, Y, SMOOLU, a)
    ours = ls.interpolate(X, Y, SMOOLU, rng=0)
    assert np.abs(forward(ours, X, SMOOLU) - Y).max() < 1e-9
    # with ReLU, k = 1/2 passes every error on, k = 0.1 forgets it: the growth of the best direction tells
    order = np.argsort(X, axis=0).T
    T = np.take_along_axis(X.T, order, axis=1)
    growth = {k: ls._growth(T - T[:, :1], Y[order], k) for k in (0.5, 0.1)}
    assert (growth[0.5] > 3 * growth[0.1]).all()


def test_the_literal_construction_costs_relu_and_rectified_tanh_only_digits():
    for act in (RELU, RECTIFIED_TANH):
        lost = {}
        for n in (12, 200):
            missed = []
            for seed in range(2):
                rng = np.random.default_rng(seed)
                X, Y = rng.normal(size=(n, 3)), rng.normal(size=(n, 1))
                weights = ls.interpolate_as_printed(X, Y, act, rng.normal(size=3))
                missed.append(np.abs(forward(weights, X, act) - Y).max() / np.abs(Y).max())
            lost[n] = np.median(missed)
        assert lost[12] < 1e-11 and 100 * lost[12] < lost[200] < 1e-6           # 3e-14, and 1e-11 to 1e-8 by machine
        ours = ls.interpolate(X, Y, act, rng=0)
        assert np.abs(forward(ours, X, act) - Y).max() < 0.5 * lost[200]     # the remedies of `interpolate`


def test_lemma_3_3_as_printed_is_refused_where_it_misses():
    # A dozen random points: smooLU nearly underflows on the diagonal, which stays positive, and rounding takes over.
    nearly = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        X, Y, a = rng.normal(size=(12, 3)), rng.normal(size=(12, 1)), rng.normal(size=3)
        t = np.sort(X @ a)
        A = SMOOLU.f(t[:, None] - (t + np.append(t[0] - 1, t[:-1])) / 2)
        nearly += (np.diagonal(A) > 0).all()
        with pytest.raises(ValueError):
            ls.interpolate_as_printed(X, Y, SMOOLU, a)
    assert nearly > 10
    Y = np.random.default_rng(0).normal(size=(12, 1))
    with pytest.raises(ValueError, match="would miss Y by .*e-0[4-6]"):
        ls.interpolate_as_printed(0.8 * np.arange(12.0)[:, None], Y, SMOOLU, [1.0])
    with pytest.raises(ValueError, match="^a has "):
        ls.interpolate_as_printed([[1e17]], [[1.0]], RELU, [1.0])            # t_1 - 1 = t_1 there
    with pytest.raises(ValueError, match="^a has "):
        ls.interpolate_as_printed([[9e15]], [[1.0]], RELU, [1.0])            # and here t_1 - 1/2
    for gap in (3.0, 10.0, 100.0):                                           # control: with the points wider apart
        X = gap * np.arange(12.0)[:, None]
        missed = np.abs(forward(ls.interpolate_as_printed(X, Y, SMOOLU, [1.0]), X, SMOOLU) - Y).max()
        assert missed <= 1e-6 * np.abs(Y).max()


def test_lemma_3_3_as_printed_solves_for_what_forward_computes():
    # Far from 0 forward rounds a . x - b otherwise than t - b: up to 1e-2 off where A is made of t - b
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X, Y = rng.normal(size=(40, 3)) + 1e10, rng.normal(size=(40, 1))
        weights = ls.interpolate_as_printed(X, Y, RELU, rng.normal(size=3))
        assert np.abs(forward(weights, X, RELU) - Y).max() < 1e-9 * np.abs(Y).max()         # seen: up to 1e-10


def test_the_growth_is_that_of_the_triangular_system_and_bounds_the_residual():
    rng = np.random.default_rng(1)
    for k in (0.1, 0.3, 0.5):
        t, Y = np.sort(rng.normal(size=30)), rng.normal(size=(30, 2)) * [1, 9]
        b = t - (1 - k) * np.diff(t, prepend=2 * t[0] - t[-1])                 # t_0 one range before t_1
        A = RELU.f(t[:, None] - b)
        m = np.linalg.solve(A, Y)
        direct = (np.abs(A)[:, :, None] * np.abs(m)).sum(axis=1).max()
        growth = ls._growth(t[None], Y[None], k)
        assert np.isclose(growth[0], direct, rtol=1e-8)                        # cond(A) eps
        assert np.abs(A @ ls._triangular_solve(A, Y) - Y).max() < 4 * EPS * growth[0]       # seen: up to 1.24


def test_the_direction_is_the_one_of_least_growth_among_a_hundred():
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(60, 2)), rng.normal(size=(60, 1))
    D = np.random.default_rng(0).normal(size=(2, 100)) / np.ptp(X, axis=0)[:, None]
    order = np.argsort(X @ D, axis=0).T
    t = np.take_along_axis((X @ D).T, order, axis=1)
    best = D[:, ls._growth(t - t[:, :1], Y[order], 0.1).argmin()]
    ratio = ls.interpolate(X, Y, RELU, rng=0)[0][0, :2] / best
    assert ratio[0] == ratio[1] == 2.0 ** np.round(np.log2(ratio[0]))         # up to a power of two


def test_thresholds_lie_at_the_given_fraction_between_sorted_neighbours():
    X, Y = np.array([[3.0], [0.0], [1.0]]), np.array([[1.0], [2.0], [0.0]])
    W = ls.interpolate(X, Y, RELU, knot=0.25, rng=0)[0]                          # t = a x up to a power of two
    b = np.sort(W[:, 1] / np.abs(W[:, 0]))
    assert np.allclose(b, [-3 + 0.75, 0.25, 1.5] if W[0, 0] > 0 else [-6 + 0.75, -2.5, -0.75], rtol=1e-14, atol=0)
    W = ls.interpolate([[2.0]], [[1.0]], RELU, knot=0.25, rng=0)[0]              # one point: t_0 = t_1 - 1 unit
    assert RELU.f(2 * W[0, 0] - W[0, 1]) > 0


def test_triangular_solve_is_forward_substitution():
    rng = np.random.default_rng(2)
    for n in (1, 2, 64, 65, 200):
        A, Y = np.tril(rng.normal(size=(n, n))) / n + np.eye(n), rng.normal(size=(n, 2))
        x = np.zeros_like(Y)
        for i in range(n):
            x[i] = (Y[i] - A[i, :i] @ x[:i]) / A[i, i]
        assert np.allclose(ls._triangular_solve(A, Y), x, rtol=0, atol=1e-13 * np.abs(x).max())  # another order of sums
    rows = 10.0 ** np.arange(30)[:, None]                                    # pivoting would mix them
    A, Y = rows * (np.tril(rng.normal(size=(30, 30))) + 2 * np.eye(30)), rows * rng.normal(size=(30, 2))
    x = ls._triangular_solve(A, Y)
    assert (np.abs(A @ x - Y) <= 30 * EPS * (np.abs(A) @ np.abs(x))).all()   # row by row


@pytest.mark.parametrize("scale, shift", [(1e-100, 0), (1e100, 0), (1e-3, 1.0), (1.0, 1e6), (1.0, -5.0)])
def test_the_fit_does_not_depend_on_the_units_of_the_inputs(scale, shift):
    for act, seed in product(RECTIFIED, range(4)):
        rng = np.random.default_rng(seed)
        X, Y = rng.normal(size=(30, 2)) * scale + shift, rng.normal(size=(30, 1))
        # the gaps lose as many digits to a shift as X itself; 1e6 costs six
        assert np.abs(forward(ls.interpolate(X, Y, act, rng=seed), X, act) - Y).max() < (1e-10 if shift < 1e3 else 1e-6)


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
    with pytest.raises(ValueError):                                          # A is too ill-conditioned
        ls.interpolate(X, Y, square, rng=0)


def test_rectified_means_zero_up_to_zero_and_strictly_increasing_beyond():
    # [Cooper 2018, Def. 3.1]
    rng = np.random.default_rng(0)
    X, Y, a = rng.normal(size=(12, 2)), rng.normal(size=(12, 1)), np.array([1.0, 2.0])
    makers = (lambda act: ls.interpolate(X, Y, act, rng=0), lambda act: ls.interpolate_deep(X, Y, [3, 12], act, rng=0),
              lambda act: ls.interpolate_as_printed(X, Y, act, a))
    for f in (lambda x: np.maximum(x - 2, 0), lambda x: np.maximum(x - 0.5, 0), np.tanh, np.abs, ls.softplus,
              lambda x: (x + 1) * (x >= 0),                                  # 1 at 0
              ls.leaky_relu, np.zeros_like, lambda x: np.maximum(x, 0) * (10 - x), lambda x: np.maximum(-x, 0)):
        for make in makers:
            with pytest.raises(ValueError):
                make(Activation("own", f, f, f))                             # derivatives play no part
    for c in (1e-30, 1e-3, 1e6):                                             # and no unit of the outputs does
        for f in (ls.relu, ls.rectified_tanh):
            act = Activation("own", lambda x, c=c, f=f: c * f(x), f, f)
            for make in makers:
                assert np.abs(forward(make(act), X, act) - Y).max() < 1e-11


def test_erratum_definition_3_1_needs_strictly_increasing():
    # Printed: "monotonic increasing" for x > 0. The constant 0 and max(x - 2, 0) are that too; points 1 apart lie
    # 1/2 beyond their thresholds, where both are 0, and A is singular.
    t = np.arange(6.0)
    b = t - 0.5
    for f in (np.zeros_like, lambda x: np.maximum(x - 2, 0)):
        assert (np.diff(f(np.linspace(0, 5, 50))) >= 0).all() and (f(-t) == 0).all()
        assert (np.diagonal(f(t[:, None] - b)) == 0).all() and np.linalg.matrix_rank(f(t[:, None] - b)) < 6
        with pytest.raises(ValueError):
            ls.interpolate_as_printed(t[:, None], t[:, None], Activation("own", f, f, f), [1.0])
    assert np.linalg.matrix_rank(RELU.f(t[:, None] - b)) == 6                # control


def test_a_bounded_activation_at_a_large_scale_is_a_step_and_fits_integers_exactly():
    X, Y = images(seed=1)
    weights = ls.interpolate(X, Y, RECTIFIED_TANH, rng=0)
    assert (forward(weights, X, RECTIFIED_TANH) == Y).all() and np.abs(weights[1]).max() <= 9


def test_what_cannot_be_fitted_exactly_is_refused():
    rng = np.random.default_rng(0)
    X, Y = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.5]]), np.ones((3, 1))
    pairs = rng.random((20, 2))
    for call, message in (
        (lambda: ls.interpolate(X[[0, 1, 0]], Y), "equal rows"),             # even with equal targets
        (lambda: ls.interpolate(X, Y, width=2), "end in at least 3"),       # fewer units than points
        (lambda: ls.interpolate_deep(X, Y, [5, 2]), "end in at least 3"),
        (lambda: ls.interpolate_as_printed(X, Y, RELU, [1.0, -1.0]), "same product"),      # a . x = -1 twice
        (lambda: ls.interpolate(np.concatenate([pairs, pairs + 1e-15]), rng.normal(size=(40, 1)), rng=0), "so close"),
        (lambda: ls.interpolate(1e8 + 1e-7 * rng.random((40, 3)), np.ones((40, 1)), rng=0), "equal rows"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    for seed in range(30):                                          # at 1e-15 the rounding of a . x decides
        rng = np.random.default_rng(seed)
        P = rng.normal(size=(9, 2))
        try:
            ls.interpolate(np.concatenate([P, P + 1e-15 * rng.normal(size=(9, 2))]), np.ones((18, 1)), rng=0)
        except ValueError as error:
            assert re.search("equal rows|(so|too) close", str(error)), (seed, error)


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


def test_theorem_4_1_the_rank_is_n_for_deep_nets_and_many_points_too():
    # As df_i / dm_j = A_ij alone has rank n. It makes Z a manifold near this net; all of Z is one if 0 is regular.
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(80, 3)), rng.normal(size=(80, 1))
    for act in RECTIFIED:
        for widths in ([80], [3, 80], [2, 2, 82]):
            weights = ls.interpolate_deep(X, Y, widths, act, rng=0)
            J = jacobian(weights, X, act)[:, 0]
            s = np.linalg.svd(J, compute_uv=False)
            assert ls.jacobian_rank(weights, X, act) == np.linalg.matrix_rank(J[:, -widths[-1] - 1:-1]) == 80
            assert s[-1] > 1e-6 * s[0]                                       # far above rounding
    weights = ls.interpolate_deep(X, np.hstack([Y, Y ** 2]), [3, 80], SMOOLU, rng=0)
    assert ls.jacobian_rank(weights, X, SMOOLU) == 160                       # M outputs: n M
    X[0] = X[1]                                                              # control: a point twice
    assert ls.jacobian_rank(weights, X, SMOOLU) == 158


def test_asymmetry_counts_as_rounding_up_to_a_hundred_sizes_eps():
    H = np.ones((10, 10))
    H[0, 1] += 900 * EPS                                            # below 100 * 10 * EPS
    assert ls.check_symmetric(H) is None
    H[0, 1] += 200 * EPS
    assert "transpose" in ls.check_symmetric(H)


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
    stops = range(enough % 3, enough + 1, 3)
    results = [ls.fit(weights, X, Y, TANH, iterations=k) for k in stops]
    finished = [r.converged for r in results]
    # residuals of a millionth of the terms of f lead to the floor; above that nothing is done, and between is nothing
    assert all((r.loss < 1e-26) == r.converged and (r.loss > 1e-16) != r.converged for r in results)
    assert all(r.iterations == k for k, r in zip(stops, results) if not r.converged)
    assert 2 <= sum(finished) < len(stops) - 1                      # some were stopped early and yet got there


def test_fit_many_gives_what_fit_gives_for_each_start_and_says_which_succeeded():
    rng = np.random.default_rng(0)
    X = np.linspace(-1, 1, 8)[:, None]
    Y = np.sin(4 * X) + 0.1 * rng.normal(size=X.shape)
    starts = [random_weights([1, 3, 1], bias=[True, False], rng=s) for s in range(4)]
    results = ls.fit_many(starts, X, Y, TANH, iterations=150)
    alone = [ls.fit(w, X, Y, TANH, iterations=150) for w in starts]
    for a, b in zip(results, alone):
        assert a.converged == b.converged and a.iterations == b.iterations
        assert np.isclose(a.loss, b.loss, rtol=1e-6, atol=1e-25)             # batched sums may round otherwise
    assert {r.converged for r in results} == {True, False}                   # 9 parameters, 8 points: luck decides
    assert all(r.converged == (r.loss < 1e-25) for r in results)


def test_an_activation_written_for_numbers_one_by_one_can_be_fitted():
    erf = Activation("erf", np.vectorize(math.erf), lambda x: 2 / np.sqrt(np.pi) * np.exp(-x ** 2), np.zeros_like)
    X = np.linspace(-1, 1, 6)[:, None]                              # np.vectorize refuses empty arrays
    assert all(ls.fit(random_weights([1, 10, 1], rng=k), X, np.sin(3 * X), erf).converged for k in range(3))


def test_fit_converges_to_the_normal_equations_for_a_linear_net_with_more_data_than_weights():
    _, X, Y = draw([3, 2], n=20)
    result = ls.fit([np.zeros((2, 4))], X, Y, TANH)
    assert result.converged and result.loss > 1
    Xa = np.hstack([X, -np.ones((20, 1))])
    exact = np.linalg.lstsq(Xa, Y, rcond=None)[0].T
    assert np.abs(result.weights[0] - exact).max() < 1e-12
    assert not ls.fit([np.zeros((2, 4))], X, Y, TANH, iterations=1).converged      # honest when stopped early
    for seed in range(40):                                          # of the last steps |r|^2 shows nothing
        _, X, Y = draw([3, 2], n=20, seed=seed)
        assert ls.fit([np.zeros((2, 4))], X, Y, TANH).converged


@pytest.mark.parametrize("widths, n, noise, seed", [
    ([2, 2, 1], 40, 0.1, 0), ([2, 2, 1], 40, 0.1, 5), ([2, 2, 1], 40, 0.1, 11),        # ever slower: the loss is blind
    ([1, 1, 1], 12, 1.0, 0), ([1, 1, 1], 12, 1.0, 14), ([1, 1, 1], 12, 1.0, 22)])       # undamped steps lead away
def test_fit_converges_at_a_minimum_above_zero_though_the_loss_does_not_show_the_last_steps(widths, n, noise, seed):
    rng = np.random.default_rng(seed)
    X, teacher = rng.normal(size=(n, widths[0])), random_weights(widths, rng=rng)
    Y = forward(teacher, X, TANH) + noise * rng.normal(size=(n, 1))
    result = ls.fit(teacher, X, Y, TANH)
    assert result.converged and result.loss > 0.1
    again = ls.fit(result.weights, X, Y, TANH)                      # stationary: nothing is left to do
    assert again.iterations == 0 and again.converged and again.loss == result.loss


def test_a_damped_step_is_the_regularised_least_squares_solution_in_both_forms():
    rng = np.random.default_rng(0)
    for shape in ((3, 5), (5, 3)):
        J, r = rng.normal(size=(1, *shape)), rng.normal(size=(1, shape[0]))
        gram = J[0] @ J[0].T if shape[0] <= shape[1] else J[0].T @ J[0]
        mu = 0.3 * np.diagonal(gram).max()
        exact = np.linalg.lstsq(np.vstack([J[0], np.sqrt(mu) * np.eye(shape[1])]),
                                np.concatenate([r[0], np.zeros(shape[1])]), rcond=None)[0]
        assert np.allclose(ls._damped_step(r, J, np.array([0.3]))[0], exact, rtol=0, atol=1e-13)


@pytest.mark.skipif(np.finfo(np.longdouble).eps == EPS, reason="longdouble is no wider than float64 on this machine")
def test_the_rounding_level_bounds_what_rounding_does_and_is_not_idle():
    worst = {0: [], 1e4: []}
    for shift, seed in product(worst, range(30)):
        weights, X, _ = draw([5, 20, 10, 2], n=20, seed=seed)
        weights[0][:, -1] += shift * weights[0][:, :-1].sum(axis=1)          # shifted: z_1 cancels, and its rounding,
        X = X + shift                                                        # large beside it, goes on to f
        a = X.astype(np.longdouble)
        for k, W in enumerate(weights):
            z = a @ W[:, :-1].astype(np.longdouble).T - W[:, -1]
            a = np.tanh(z) if k < 2 else z
        worst[shift].append((np.abs(forward(weights, X, TANH) - a) / ls.rounding_pass(weights, X, TANH)).max())
    assert all(0.01 < max(seen) < 1 for seen in worst.values())
    Y = np.array([[0, 1e-6, 0], [np.sin(np.pi), 0, 0], [1, -1e-9, 0], [1e9, 0, 0]])     # given Y, 4 eps of its scale
    floor = 4 * EPS * np.array([[1, 1e-6, 1], [1, 1e-6, 1], [1, 1e-9, 1], [1, 1e-6, 1]])
    assert np.allclose(ls.rounding_pass([np.zeros((3, 2))], np.ones((4, 2)), TANH, Y), floor, rtol=1e-14, atol=0)
    sine = Activation("sine", np.sin, np.cos, lambda x: -np.sin(x))          # falls and rises: |phi'| counts
    assert (ls.rounding_pass([3 * W for W in random_weights([2, 5, 5, 2], rng=0)], X[:, :2] - 1e4, sine) > 0).all()


def test_fit_without_iterations_returns_the_start_unconverged():
    weights, X, Y = draw([2, 3, 1])
    result = ls.fit(weights, X, Y, TANH, iterations=0)
    assert (flatten(result.weights) == flatten(weights)).all()
    assert not result.converged and result.iterations == 0
    assert np.isclose(result.loss, training_loss(weights, X, Y, TANH), rtol=1e-14, atol=0)


@pytest.mark.parametrize("act", [RELU, RECTIFIED_TANH, SMOOLU], ids=lambda act: act.name)
def test_targets_of_zero_do_not_keep_an_exact_fit_from_being_one(act):
    X, Y = np.eye(5), np.where(np.eye(5) > 0, 1, np.array([0, 0, np.sin(np.pi), -1e-17, 1e-200]))
    # where f is one weight, |f| is never below 4 eps |f|
    fits = ls.fit_many([random_weights([5, 8, 5], bias=False, rng=seed) for seed in range(20)], X, Y, act)
    exact = [f for f in fits if f.loss < 1e-24]
    assert len(exact) > 10 and all(f.converged for f in exact)
    nets = [(f.weights, X, Y) for f in exact]
    x = np.linspace(-1, 1, 5)[:, None]
    nets += [(ls.interpolate(x, Y[:, :3], act, rng=seed), x, Y[:, :3]) for seed in range(10)]
    for weights, x, y in nets:
        near = ls.project_to_zero_loss(weights, x, y, act)
        assert np.abs(flatten(near) - flatten(weights)).max() < 1e-10 * np.abs(flatten(weights)).max()


def test_a_start_whose_steps_overflow_leaves_the_others_alone():
    X, Y = np.random.default_rng(0).normal(size=(2, 5, 1))
    good, wild = random_weights([1, 6, 1], rng=1), [1e78 * W for W in random_weights([1, 6, 1], rng=2)]
    first, second = ls.fit_many([good, wild], X, Y, RELU)
    assert first.converged and first.loss == ls.fit(good, X, Y, RELU).loss and np.isfinite(second.loss)


def test_a_fit_goes_on_while_its_damping_is_small_and_is_not_done_because_all_is_small():
    for seed in (84, 136):                                          # twelve steps in a row are not taken on the way
        rng = np.random.default_rng(seed)
        start, X, Y = random_weights([2, 4, 2, 1], rng=rng), rng.normal(size=(6, 2)), rng.normal(size=(6, 1))
        first = ls.fit(start, X, Y, TANH)
        assert ls.fit(first.weights, X, Y, TANH).loss > 0.9 * first.loss or first.loss < 1e-25
    X, Y = np.random.default_rng(1).normal(size=(5, 1)), 1e-14 * np.random.default_rng(2).normal(size=(5, 1))
    assert not ls.fit([1e-8 * W for W in random_weights([1, 6, 1], rng=1)], X, Y, TANH).converged


def test_a_fit_of_targets_0_by_weights_that_go_to_0_converges():
    X = np.random.default_rng(0).normal(size=(2, 2))                # r falls with its own rounding level
    assert all(ls.fit(random_weights([2, 1], rng=seed), X, np.zeros((2, 1)), TANH).converged for seed in range(3))
    x = np.random.default_rng(0).normal(size=(2, 2))[:1, :1]
    assert ls.fit(random_weights([1, 3, 1], rng=0), x, np.zeros((1, 1)), RELU).converged


def test_a_fit_converges_where_one_output_is_exact_and_another_is_not():
    converged = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(8, 2))
        for column in (X.sum(axis=1), np.zeros(8)):                          # linear in x, or 0, beside noise
            Y = np.column_stack([column, rng.normal(size=8)])
            converged += ls.fit(random_weights([2, 2], rng=rng), X, Y, TANH).converged
    assert converged >= 22                                                   # of 24; 0 is reached slowly
    assert not ls.fit(random_weights([2, 2], rng=rng), X, Y, TANH, iterations=1).converged      # control: too early
    for act in (TANH, SOFTPLUS, RELU):                              # labels without the third class, fitted exactly
        fits = ls.fit_many([random_weights([3, 1, 3], rng=k) for k in range(12)], np.eye(3), np.eye(3)[[0, 1, 0]], act)
        assert all(fit.converged for fit in fits if fit.loss < 1e-30) and sum(fit.loss < 1e-30 for fit in fits) > 4


def test_the_last_steps_of_a_fit_mind_small_outputs_beside_large_ones():
    units = np.array([[1.0], [1e-6]])                               # |r|^2 is the rounding of the large output alone
    for seed, k in ((2, 3), (2, 4), (3, 5), (3, 6), (4, 0), (4, 4)):
        rng = np.random.default_rng(seed)
        X, Y, (W1, W2) = rng.normal(size=(6, 3)), rng.normal(size=(6, 2)), random_weights([3, 8, 2], rng=[seed, k])
        fit = ls.fit([W1, units * W2], X, Y * units.T, RELU)
        assert fit.converged and fit.loss < 1e-25
        fit.weights[1][1, -1] += 5e-16                              # nothing beside the large output
        theta = flatten(fit.weights)[None]
        r, J = ls._residual_and_jacobian(theta, fit.weights, X, Y * units.T, RELU)
        assert not ls._settled(theta, r, J, fit.weights, X, Y * units.T, RELU)


def test_a_fit_restarted_from_its_result_stays_there():
    for Y in (np.ones((6, 1)), np.zeros((6, 1))):
        X = np.random.default_rng(0).normal(size=(6, 3))
        first = ls.fit(random_weights([3, 5, 1], rng=0), X, Y, TANH)
        again = ls.fit(first.weights, X, Y, TANH)
        assert first.converged and again.converged and again.loss <= first.loss
        assert again.iterations <= 1 and np.allclose(flatten(again.weights), flatten(first.weights), rtol=0, atol=1e-14)


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
    assert ls.tangent_basis(weights, np.vstack([X, X]), TANH).shape == (P, P - nM)      # s is eps, not 0, nM times
    assert ls.tangent_basis([np.ones((1, 2))], [[1e-20, 2e-20]], TANH).shape == (2, 1)  # in any units
    rng = np.random.default_rng(1)
    steps = np.logspace(-4, -2, 7)
    tangent, other = B @ rng.normal(size=P - nM), rng.normal(size=P)
    for d, power in ((tangent, 2), (other, 1)):                              # along Z f moves at second order only
        moved = [np.abs(forward(unflatten(theta + h * d, weights), X, TANH) - Y).max() for h in steps]
        assert abs(slope(moved, steps) - power) < 0.05


def dead_net():
    """All units off on the data and a constant target: zero loss, but the Jacobian has rank 1."""
    X = np.array([[0.1], [0.5], [0.9]])
    weights = [np.array([[0.5, 5.0], [-1.0, 3.0], [0.2, 2.0]]), np.array([[1.0, 2.0, -1.0, -0.7]])]
    return weights, X, np.full((3, 1), 0.7)


def test_theorem_2_1_needs_a_regular_value_and_a_small_change_of_the_labels_gives_one():
    weights, X, Y = dead_net()
    for act in (SMOOLU, RELU):
        assert (forward(weights, X, act) == Y).all() and ls.jacobian_rank(weights, X, act) == 1
        assert ls.jacobian_rank([np.ones((1, 2))], np.diag([1, 1e-10]), act) == 2          # of J, not of J^T J
        B = ls.tangent_basis(weights, X, act)
        assert B.shape == (10, 9) and not (jacobian(weights, X, act)[:, 0] @ B).any()
    labels = ls.perturb_labels(Y, 1e-3, rng=0)
    assert 0 < np.linalg.norm(labels - Y) < 1e-3
    assert training_loss(weights, X, labels, SMOOLU) > 0                     # the bad point is not in the new set
    points = ls.fit_many([random_weights([1, 3, 1], rng=s) for s in range(20)], X, labels, SMOOLU)
    points = [p.weights for p in points if p.converged and p.loss < 1e-20]
    assert len(points) > 3 and all(ls.jacobian_rank(w, X, SMOOLU) == 3 for w in points)


def test_perturbed_labels_fill_the_ball():
    moves = np.array([ls.perturb_labels(np.ones((3, 2)), 2.0, rng=s).ravel() - 1 for s in range(1000)])
    share = np.sort((np.linalg.norm(moves, axis=1) / 2) ** 6)                # uniform in [0, 1] for a uniform ball
    assert share[-1] < 1 and np.abs(share - np.arange(1, 1001) / 1000).max() < 0.06             # Kolmogorov, 0.2 %
    assert np.abs(moves.mean(axis=0)).max() < 4 * 2 / np.sqrt(8 * 1000)      # in all directions: variance 4 / 8 each
    Y = np.full((3, 1), 1e8)                                                 # whose neighbours are 1.5e-8 away
    assert 0 < np.linalg.norm(ls.perturb_labels(Y, 1e-4, rng=0) - Y) < 1e-4
    with pytest.raises(ValueError, match="epsilon .* should"):
        ls.perturb_labels(Y, 1e-6, rng=0)
    with pytest.raises(ValueError, match="epsilon .* should"):
        ls.perturb_labels(-np.ones((2, 1)), 1e-17, rng=0)
    with pytest.raises(ValueError, match="epsilon .* should"):               # entries are epsilon / sqrt(n M)
        ls.perturb_labels(np.full((1000, 1), 1e8), 2e3 * EPS * 1e8, rng=0)


def test_erratum_proposition_2_3_fails_at_w_cubed_where_zero_is_no_regular_value():
    # f = w^3 x_1 + u x_2 is a net of Section 3: a chain of identity units whose edges share w, and a second chain.
    identity = Activation("identity", lambda x: x, np.ones_like, np.zeros_like)
    edges, x = [(0, 2, 0), (2, 3, 0), (3, 4, 0), (1, 4, 1)], np.array([[1.0, 0.0]])
    assert ls.dag_forward(edges, np.array([2.0, 5.0]), x, identity) == 8
    assert (ls.dag_jacobian(edges, np.array([2.0, 5.0]), x, identity) == [12, 0]).all()
    # the sample x = (1, 0), y = 0, P = 2 > n = 1: the zero-loss set is the line w = 0, smooth of codimension 1 and (one
    # set alone) transversal, as the proposition asks; yet on it the Hessian J^T J is 0, without a positive eigenvalue
    for u in (-1.0, 0.0, 3.0):
        assert ls.dag_forward(edges, np.array([0.0, u]), x, identity) == 0
        assert (ls.dag_jacobian(edges, np.array([0.0, u]), x, identity) == 0).all()
    label = ls.perturb_labels(np.zeros((1, 1)), 1e-3, rng=0)[0, 0]           # a regular value: one positive eigenvalue
    assert ls.dag_jacobian(edges, np.array([np.cbrt(label), 0.0]), x, identity)[0, 0, 0] ** 2 > 0
    # controls: with any x_2 != 0 the same net has J = (3 w^2 x_1, x_2), never 0, whatever y
    for x_2 in (1.0, -0.3):
        J = ls.dag_jacobian(edges, np.array([0.0, 0.0]), np.array([[1.0, x_2]]), identity)[0]
        assert (J == [0, x_2]).all() and np.isclose(np.linalg.eigvalsh(J.T @ J), [0, x_2 ** 2]).all()


def test_erratum_the_proof_of_proposition_2_3_needs_positive_eigenvalues():
    # Printed: A = sum of d matrices with one nonzero eigenvalue each, eigenvectors independent, has d nonnegative
    # eigenvalues and n - d zeros. A = -e e^T (d = 1) has -1 and zeros; with lambda_i > 0 there are d positive ones.
    rng = np.random.default_rng(0)
    v = rng.normal(size=(7, 3))                                              # three independent vectors in R^7
    e = np.eye(7)[:, :1]
    assert (np.linalg.eigvalsh(-e @ e.T) == [-1, 0, 0, 0, 0, 0, 0]).all()
    for signs in ([1, 1, 1], [1, -1, 1], [-1, -1, -1]):
        values = np.linalg.eigvalsh(v * signs @ v.T)                         # the signs are kept (Sylvester)
        zero = np.abs(values) < 1e-13 * np.abs(values).max()
        assert zero.sum() == 4 and (values[~zero] > 0).sum() == signs.count(1)


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
    with pytest.raises(ValueError):                                          # 9 parameters, 30 points
        ls.project_to_zero_loss(random_weights([2, 2, 1], rng=0), X, Y, TANH)
    weights, X, Y = dead_net()
    with pytest.raises(ValueError):                                          # the Jacobian has rank 1
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


def test_many_equations_of_any_condition_number_leave_a_point():
    X = np.linspace(-1, 1, 25)[:, None]
    for seed in (1, 2, 3):
        weights = random_weights([1, 3, 1], rng=seed)
        s = np.linalg.svd(jacobian(weights, X, TANH)[:, 0], compute_uv=False)
        assert 1e-11 < s[-1] / s[0] < 1e-7                                   # rank 10 = P, told from rounding
        Y = forward(weights, X, TANH)
        with pytest.raises(ValueError, match="isolated"):
            ls.walk_zero_loss(weights, X, Y, TANH, steps=1, length=0.1, rng=seed)
        assert len(ls.descend_zero_loss(weights, X, Y, TANH, steps=5, length=0.1)) == 1


def test_a_walk_says_so_when_its_steps_are_too_long():
    def circle(theta): return np.tanh([theta @ theta]) - 0.5                 # noqa: E704
    def jac(theta): return 2 * ls.dtanh(theta @ theta) * theta[None]         # noqa: E704
    path = ls.walk_zero(circle, jac, np.array([0.7, 0.3]), steps=5, length=0.1, rng=0)
    assert np.allclose((path ** 2).sum(axis=1), np.arctanh(0.5), rtol=1e-13, atol=0)
    with pytest.raises(ValueError, match="length .* from step 1 on, ten"):   # level out there, no way back
        ls.walk_zero(circle, jac, np.array([0.7, 0.3]), steps=5, length=100.0, rng=0)
    def wall(theta): return theta[:1] if theta[1] < 0.05 else np.ones(1)     # noqa: E704
    path = ls.walk_zero(wall, lambda theta: np.eye(1, 2), np.zeros(2), steps=50, length=0.1, rng=0)
    assert path[:, 1].max() < 0.05 and len(path) == 51                       # another direction where one leads off Z


def sphere(theta):
    """|theta|^2 = 1 as a residual."""
    return np.array([theta @ theta - 1])


def test_projection_and_walk_take_any_equations_with_their_jacobian():
    jac = lambda theta: 2 * theta[None]                                      # noqa: E731
    start = np.array([1.0, -2.0, 0.5, 0.3])
    found = ls.project_to_zero(sphere, jac, start)
    assert np.abs(found - start / np.linalg.norm(start)).max() < 4 * EPS     # each step is radial
    path = ls.walk_zero(sphere, jac, start, steps=50, length=0.3, rng=0)
    assert path.shape == (51, 4) and np.abs(np.linalg.norm(path, axis=1) - 1).max() < 4 * EPS
    # a tangent step of length h and back to the sphere turns by arctan h
    assert np.allclose(np.arccos((path[1:] * path[:-1]).sum(axis=1)), np.arctan(0.3), rtol=1e-13, atol=0)
    assert np.linalg.norm(path[:, None] - path, axis=2).max() > 1.5          # it gets around
    again = ls.walk_zero(sphere, jac, start, steps=50, length=0.3, rng=0)
    assert (again == path).all()
    def twin(t): return sphere(t - 100) * [1, t[0] - 98]                     # noqa: E704
    def slopes(t): return np.vstack([jac(t - 100), jac(t - 100) * (t[0] - 98) + sphere(t - 100) * np.eye(1, 2)])  # noqa: E704
    ring = ls.walk_zero(twin, slopes, 100 + np.array([0.6, 0.8]), steps=20, length=0.1, rng=0)   # twice the same circle
    assert np.abs(np.linalg.norm(ring - 100, axis=1) - 1).max() < 1e-12
    bound = ls.project_to_zero(sphere, jac, start, level=lambda theta: np.array([1e-3]))
    assert abs(sphere(bound)[0]) <= 4 * EPS                                  # within the level it goes on to the floor
    twice = ls.project_to_zero(lambda t: np.repeat(sphere(t), 2), lambda t: np.repeat(jac(t), 2, axis=0), start)
    assert np.abs(twice - found).max() < 4 * EPS                             # J^+ of any rank, not J^T (J J^T)^-1
    rough = ls.walk_zero(lambda t: np.array([abs((1e8 + t @ t) - (1e8 + 1)) + 1e-8]),
                         lambda t: jac(t) * np.where(t @ t < 1, -1, 1), start, steps=3, length=0.3, rng=0,
                         level=lambda t: np.array([1e-7]))
    assert np.abs(np.linalg.norm(rough, axis=1) - 1).max() < 1e-7            # each step knows the level
    A, y = np.array([[1.0, 0, 0, 0], [1, 2, 1, 0], [0, 1, 1, 1]]), np.array([0, 1, 0.5])    # one weight is to be 0
    for seed in range(20):
        start = np.random.default_rng(seed).normal(size=4)
        found = ls.project_to_zero(lambda t: A @ t - y, lambda t: A, start)
        assert np.abs(found - start + np.linalg.pinv(A) @ (A @ start - y)).max() < 1e-13
    far = ls.project_to_zero(lambda t: np.arctan(t[:1]), lambda t: np.array([[1 / (1 + t[0] ** 2), 0]]),
                             np.array([30.0, 1.0]))
    assert abs(far[0]) < 1e-13 and far[1] == 1                               # full steps would run away from 30
    rise = lambda t: np.expm1(t) - 1                                         # noqa: E731
    with pytest.raises(ValueError, match="theta does not lead to zero loss"):           # nor over trials that overflow
        ls.project_to_zero(rise, lambda t: np.exp(t)[None], np.array([-10.0]))
    near = lambda theta: np.array([theta @ theta + 1e-6])                    # noqa: E731
    with pytest.raises(ValueError):                                          # close to zero, but no rounding
        ls.project_to_zero(near, jac, start)
    assert near(ls.project_to_zero(near, jac, start, level=lambda theta: np.array([1e-3]))) <= 1e-3
    for r, J in ((lambda t: [t @ t - 1], jac), (lambda t: t @ t - 1, jac), (sphere, lambda t: 2 * t),
                 (lambda t: t @ t - 1, lambda t: 2 * t), (lambda t: sphere(t)[:, None], jac),
                 (sphere, lambda t: 2 * t[None, None])):
        with pytest.raises(ValueError, match="residual and jacobian return shapes"):
            ls.project_to_zero(r, J, start)
    mine = start.copy()
    ls.project_to_zero(lambda t: (t.sort(), sphere(t))[1], jac, mine)        # it sorts what it is given, in place
    assert (mine == start).all()
    # controls: no zero at all, no way there from the centre, and circles that meet in points only
    with pytest.raises(ValueError):
        ls.project_to_zero(lambda theta: np.array([theta @ theta + 1]), jac, start)
    with pytest.raises(ValueError):
        ls.project_to_zero(sphere, jac, np.zeros(4))
    two = lambda theta: np.array([theta @ theta - 1, theta[0]])              # noqa: E731
    with pytest.raises(ValueError):
        ls.walk_zero(two, lambda theta: np.array([2 * theta, [1.0, 0.0]]), np.array([0.1, 1.0]), steps=1, length=0.1)


def test_the_nets_version_is_the_general_one():
    weights, X, Y = fitted(seed=3, n=6, widths=(2, 6, 1))
    def residual(theta): return (forward(unflatten(theta, weights), X, TANH) - Y).ravel()  # noqa: E704
    def jac(theta): return jacobian(unflatten(theta, weights), X, TANH).reshape(6, -1)     # noqa: E704
    def level(theta): return ls.rounding_pass(unflatten(theta, weights), X, TANH).ravel()  # noqa: E704
    path = ls.walk_zero(residual, jac, flatten(weights), steps=3, length=0.3, rng=0, level=level)
    nets = ls.walk_zero_loss(weights, X, Y, TANH, steps=3, length=0.3, rng=0)
    assert np.allclose(path, [flatten(net) for net in nets], rtol=0, atol=1e-13)           # sums may round otherwise


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
    places, edges = length - kernel + 1, []
    for c in range(channels):
        for i in range(places):
            v = length + c * places + i
            edges += [(i + j, v, c * (kernel + 1) + j) for j in range(kernel)] + [(-1, v, c * (kernel + 1) + kernel)]
    label, out = channels * (kernel + 1), length + channels * places
    edges += [(length + i, out, label + i) for i in range(channels * places)]
    return edges, np.random.default_rng(1).normal(size=label + channels * places)


def recurrent_net(steps=3, units=2):
    """A recurrent net: h_t = tanh(w x_t + U h_(t-1) - b), h_0 = 0, f = v . h_last - c, its steps sharing w, U, b."""
    labels = np.arange(units * units).reshape(units, units) + units          # w, U, b, v, c
    edges, node = [], lambda t, i: steps + t * units + i
    for t in range(steps):
        for i in range(units):
            edges += [(t, node(t, i), i), (-1, node(t, i), units + units * units + i)]
            edges += [(node(t - 1, j), node(t, i), labels[i, j]) for j in range(units) if t]
    out, last = node(steps, 0), units * (units + 2)
    edges += [(node(steps - 1, j), out, last + j) for j in range(units)] + [(-1, out, last + units)]
    return edges, np.random.default_rng(2).normal(size=last + units + 1)


def inputs_of(edges):
    """D: the inputs are numbered below every node that an edge enters."""
    return min(v for _, v, _ in edges)


def test_a_skip_connection_is_what_its_formula_says():
    edges, p = skip_net()
    X = np.random.default_rng(2).normal(size=(6, 2))
    a = np.tanh(p[0] * X[:, 0] + p[1] * X[:, 1] - p[2])
    b = np.tanh(p[3] * a + p[4] * X[:, 0])
    c = np.tanh(p[5] * b + p[6] * a - p[7])
    f = p[8] * c + p[9] * a + p[10] * X[:, 1] - p[11]
    for order in (slice(None), slice(None, None, -1)):                       # of the edges, which is free
        assert np.allclose(ls.dag_forward(edges[order], p, X, TANH)[:, 0], f, rtol=1e-14, atol=1e-15)
    twice = ls.dag_forward([(0, 1, 0), (0, 1, 1), (1, 2, 0)], [2.0, 3.0], [[0.1]], TANH)        # parallel edges add up
    assert np.isclose(twice[0, 0], 2 * np.tanh(0.5), rtol=1e-15, atol=0)


GRAPHS = [skip_net, conv_net, recurrent_net]


def test_tied_weights_make_a_convolution():
    edges, p = conv_net()
    X = np.random.default_rng(3).normal(size=(4, 7))
    hidden = [[np.tanh(np.correlate(x, p[4 * c:4 * c + 3]) - p[4 * c + 3]) for c in range(2)] for x in X]
    expected = np.reshape(hidden, (4, 10)) @ p[8:]
    assert np.allclose(ls.dag_forward(edges, p, X, TANH)[:, 0], expected, rtol=1e-13, atol=1e-14)


def test_tied_weights_make_a_recurrent_net():
    edges, p = recurrent_net()
    assert len(p) == 11
    w, U, b, v, c = p[:2], p[2:6].reshape(2, 2), p[6:8], p[8:10], p[10]
    X, h = np.random.default_rng(3).normal(size=(6, 3)), np.zeros((6, 2))
    for x in X.T:
        h = np.tanh(np.outer(x, w) + h @ U.T - b)
    assert np.allclose(ls.dag_forward(edges, p, X, TANH)[:, 0], h @ v - c, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("net", GRAPHS, ids=lambda f: f.__name__)
def test_the_jacobian_on_a_graph_is_the_derivative_and_ties_add_up(net):
    edges, p = net()
    D = inputs_of(edges)
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


@pytest.mark.parametrize("net", GRAPHS, ids=lambda f: f.__name__)
def test_theorem_2_1_a_graph_walks_on_its_zero_loss_set_of_dimension_p_minus_n(net):
    edges, p = net()
    n, P = 6, len(p)
    rng = np.random.default_rng(6)
    X = rng.normal(size=(n, inputs_of(edges)))
    Y = ls.dag_forward(edges, p, X, TANH)
    graph = {"residual": lambda theta: (ls.dag_forward(edges, theta, X, TANH) - Y)[:, 0],
             "jacobian": lambda theta: ls.dag_jacobian(edges, theta, X, TANH)[:, 0]}
    path = ls.walk_zero(theta=p + 1e-2 * rng.normal(size=P), steps=10, length=0.25, rng=0, **graph)
    residuals = np.array([graph["residual"](theta) for theta in path])
    assert np.abs(residuals).max() < 1e-13                                   # 100 eps |J| |theta| and less: rounding
    assert all(np.linalg.matrix_rank(graph["jacobian"](theta)) == n for theta in path)
    assert np.linalg.norm(path[-1] - path[0]) > 0.2                          # while the net moves, on the data alone
    away = 2 * rng.normal(size=(50, X.shape[1]))
    moved = ls.dag_forward(edges, path[-1], away, TANH) - ls.dag_forward(edges, path[0], away, TANH)
    assert np.abs(moved).max() > 1e-3
    kernel = np.linalg.svd(graph["jacobian"](path[0]))[2][n:].sum(axis=0)    # f moves by h^2 along it
    steps = np.logspace(-4, -2, 7)
    assert abs(slope([np.abs(graph["residual"](path[0] + h * kernel)).max() for h in steps], steps) - 2) < 0.1
    # the dimension of Z without any Jacobian: points of Z around path[0] span P - n directions at first order in h
    h, centre = 1e-5, path[0]
    cloud = [ls.project_to_zero(theta=centre + h * d, **graph) for d in rng.normal(size=(P - n + 2, P))]
    s = np.linalg.svd(np.array(cloud) - centre, compute_uv=False) / h
    assert s[P - n - 1] > 0.1 and s[P - n] < 1e-2                            # the others are O(h), the curvature of Z


def test_erratum_cooper_activation_belongs_outside_the_sum():
    # Printed: o_v = sum over edges of sigma(w o_u + b). Two ReLU edges of opposite sign then never cancel.
    edges, p, x = [(0, 2, 0), (1, 2, 1), (2, 3, 2)], np.array([1.0, -1.0, 1.0]), np.array([[2.0, 2.0]])
    printed = p[2] * (RELU.f(p[0] * x[0, 0]) + RELU.f(p[1] * x[0, 1]))
    unit = forward([np.array([[1.0, -1.0]]), np.array([[1.0]])], x, RELU)[0, 0]
    assert ls.dag_forward(edges, p, x, RELU)[0, 0] == unit == 0 and printed == 2


def test_outputs_of_a_graph_are_the_nodes_no_edge_leaves_in_ascending_order():
    edges = [(0, 1, 0), (0, 2, 1), (2, 3, 2), (2, 4, 0)]                     # outputs 1, 3, 4; 1 is linear in the input
    f = ls.dag_forward(edges, np.array([2.0, 3.0, 5.0]), np.array([[0.1]]), TANH)
    assert np.allclose(f, [[0.2, 5 * np.tanh(0.3), 2 * np.tanh(0.3)]], rtol=1e-15, atol=0)
    exp = Activation("exp", np.exp, np.exp, np.exp)                          # it would overflow at the linear output
    assert ls.dag_forward([(0, 1, 0), (1, 2, 1)], [1.0, 1000.0], [[1.0]], exp) == 1000 * np.exp(1)


# ------------------------------------------------------------------ refused for a reason, and the module itself

def test_what_no_net_or_graph_can_be_is_refused():
    W3, X2 = [np.ones((2, 3)), np.ones((1, 3))], np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.5]])
    for call in (
        lambda: forward(W3, np.ones((3, 5)), TANH),                          # neither five columns nor six
        lambda: ls.to_pairs(W3, 7), lambda: random_weights([3]),
        lambda: ls.dag_forward([(0, 2, 0), (3, 2, 1)], np.ones(2), X2, TANH),          # the source is not below
        lambda: ls.dag_forward([(2, 2, 0)], np.ones(1), X2, TANH),
        lambda: ls.dag_forward([(0, 1, 0)], np.ones(2), X2, TANH),                     # node 1 is an input
        lambda: ls.dag_forward([(-2, 2, 0)], np.ones(2), X2, TANH),
        lambda: ls.dag_forward([(0, 2, 2)], np.ones(2), X2, TANH),                     # a parameter that is not there
        lambda: ls.dag_forward([(0, 2, -1)], np.ones(2), X2, TANH),
        lambda: ls.dag_forward([(0, 3, 0)], np.ones(1), X2, TANH),                     # no edge into node 2
        lambda: ls.dag_jacobian([(0, 2, 0), (0, 10**4, 0)], np.ones(1), X2, TANH),
    ):
        with pytest.raises(ValueError):
            call()


def test_every_public_function_starts_its_docstring_with_its_source():
    names = re.findall(r"^(?:def|class) (?!check_|read_contract|Told)(\w+)", inspect.getsource(ls), re.M)
    assert len(names) > 60                                          # those of the door apart
    for name in names:
        assert getattr(ls, name).__doc__ and getattr(ls, name).__doc__.startswith("["), name


# ------------------------------------------------------------------ softmax, and where noise leads


def probabilities(rng, n, M):
    """Rows of positive numbers of sum 1."""
    Y = rng.random((n, M)) + 0.1
    return Y / Y.sum(axis=1, keepdims=True)


def test_softmax_has_its_derivatives_and_a_singular_hessian():
    rng = np.random.default_rng(0)
    F, Y, h = 3 * rng.normal(size=(6, 4)), probabilities(rng, 6, 4), 1e-5
    value, d1, d2 = ls.SOFTMAX[1:]
    p = np.exp(F) / np.exp(F).sum(axis=1, keepdims=True)
    assert np.allclose(value(F, Y), -(Y * np.log(p)).sum(axis=1), rtol=1e-14, atol=0)
    assert np.allclose(d1(F, Y), p - Y, rtol=0, atol=1e-15)
    slopes = np.stack([(value(F + h * e, Y) - value(F - h * e, Y)) / (2 * h) for e in np.eye(4)], axis=1)
    bends = np.stack([(d1(F + h * e, Y) - d1(F - h * e, Y)) / (2 * h) for e in np.eye(4)], axis=2)
    assert np.allclose(slopes, d1(F, Y), rtol=0, atol=1e-9)                 # differences: h^2 and eps / h
    assert np.allclose(bends, d2(F, Y), rtol=0, atol=1e-9)
    assert np.abs(d2(F, Y).sum(axis=2)).max() < 1e-16 and np.abs(d1(F, Y).sum(axis=1)).max() < 1e-15
    assert np.allclose(value(F + 7, Y), value(F, Y), rtol=1e-14, atol=0)    # a common shift changes nothing
    two = value(np.column_stack([F[:, 0], 0 * F[:, 0]]), np.column_stack([Y[:, 0], 1 - Y[:, 0]]))
    assert np.allclose(two, ls.LOGISTIC.value(F[:, :1], Y[:, :1]), rtol=1e-14, atol=0)     # two classes: logistic


def test_softmax_keeps_its_digits_at_logits_of_800_and_where_a_class_is_sure():
    F, sure = np.array([[800.0, -800.0, 0.0]]), np.array([[1.0, 0.0, 0.0]])
    assert ls.SOFTMAX.value(F, sure) == 0 and ls.SOFTMAX.value(F, sure[:, [1, 0, 2]]) == 1600
    near = np.array([[40.0, 0.0, 0.0]])
    q = np.exp(-40)
    assert np.allclose(ls.SOFTMAX.value(near, sure), 2 * q, rtol=1e-13, atol=0)      # log(1 + 2 q)
    assert np.allclose(ls.SOFTMAX.d1(near, sure), [[-2 * q, q, q]], rtol=1e-13, atol=0)
    assert np.allclose(np.diagonal(ls.SOFTMAX.d2(near, sure)[0]), [2 * q, q, q], rtol=1e-13, atol=0)


def test_softmax_refuses_targets_that_are_no_probabilities():
    for part in ls.SOFTMAX[1:]:
        for Y in ([[0.5, 0.4]], [[0.5, 0.50001]], [[1.5, -0.5]], [[0.5, 0.5], [0.5, 0.4]]):
            with pytest.raises(ValueError, match="Y "):
                part(np.zeros((len(Y), 2)), Y)


def test_softmax_takes_targets_that_sum_to_one_but_for_typed_digits_as_shares():
    F, Y = np.array([[1.0, 2, 3]]), np.full((1, 3), 0.3333333333)            # p - y would pull all f alike for ever
    for part in ls.SOFTMAX[1:]:
        assert np.allclose(part(F, Y), part(F, np.full((1, 3), 1 / 3)), rtol=1e-14, atol=0)
    assert abs(ls.SOFTMAX.d1(F, Y).sum()) < 4 * EPS


def test_the_trace_gradient_is_that_of_the_squared_jacobian():
    rng = np.random.default_rng(1)
    for widths, bias, act in (([2, 4, 3, 2], True, TANH), ([1, 5, 1], [True, False], SMOOLU), ([3, 2, 1], False, TANH),
                              ([2, 3, 4, 3, 2], [False, True, False, True], ls.SIGMOID), ([2, 3, 2], True, RELU)):
        weights, X = [2 * W for W in random_weights(widths, bias=bias, rng=rng)], rng.normal(size=(5, widths[0]))
        theta, g = flatten(weights), flatten(ls.trace_gradient(weights, X, act))

        def T(point, weights=weights, X=X, act=act):
            return (jacobian(unflatten(point, weights), X, act) ** 2).sum()

        change = np.array([(T(theta + 1e-5 * e) - T(theta - 1e-5 * e)) / 2e-5 for e in np.eye(len(theta))])
        assert np.allclose(change, g, rtol=0, atol=1e-8 * np.abs(g).max() + 1e-10 * T(theta))      # h^2, T eps / h
    linear = random_weights([3, 2], rng=rng)                        # one layer: J does not depend on theta
    assert not flatten(ls.trace_gradient(linear, np.ones((4, 3)), TANH)).any()


def test_descent_along_the_zero_loss_set_lowers_the_trace_and_levels_the_net_at_the_data():
    X = np.linspace(-1.7, 1.7, 6)[:, None]
    Y = np.sin(2 * X)
    fits = ls.fit_many([random_weights([1, 12, 1], rng=k) for k in range(2)], X, Y, TANH)
    start = ls.walk_zero_loss(next(f.weights for f in fits if f.converged and f.loss < 1e-20), X, Y, TANH, steps=20,
                           length=1.0, rng=0)[-1]
    path = ls.descend_zero_loss(start, X, Y, TANH, steps=25, length=0.5)
    T = [(jacobian(w, X, TANH) ** 2).sum() for w in path]
    assert (np.diff(T) < 0).all() and T[-1] < T[0] / 2
    for w in path:                                                  # on Z all along
        assert (np.abs(forward(w, X, TANH) - Y) <= ls.rounding_pass(w, X, TANH)).all()
    lengths = [np.linalg.norm(flatten(b) - flatten(a)) for a, b in zip(path, path[1:])]
    assert max(lengths) < 1.0                                       # a tangent step of 0.5 and the way back
    slopes = [np.abs(ls.input_jacobian(w, X, TANH)).mean() for w in (path[0], path[-1])]
    assert slopes[1] < slopes[0]
    first, second = ls.descend_zero_loss(start, X, Y, TANH, steps=1, length=1e-3)      # the gradient's tangent part
    J, g = jacobian(first, X, TANH)[:, 0], flatten(ls.trace_gradient(first, X, TANH))
    d = g - np.linalg.pinv(J) @ J @ g
    assert np.linalg.norm((flatten(second) - flatten(first)) / 1e-3 + d / np.linalg.norm(d)) < 0.01
    near = ls.descend_zero_loss([W + 1e-3 for W in start], X, Y, TANH, steps=0, length=0.5)[0]         # is projected
    assert (np.abs(forward(near, X, TANH) - Y) <= ls.rounding_pass(near, X, TANH)).all()
    x = np.array([[0.3]])                                           # one weight, f = x w: no tangent, nothing to lower
    assert len(ls.descend_zero_loss([np.array([[2.0]])], x, 2 * x, TANH, steps=5, length=1.0)) == 1


def test_on_the_zero_loss_set_the_trace_of_the_hessian_is_that_of_the_jacobian():
    rng = np.random.default_rng(2)
    weights, X = random_weights([2, 3, 2], rng=rng), rng.normal(size=(4, 2))
    J, h = jacobian(weights, X, TANH), 1e-4
    Y, theta = forward(weights, X, TANH), flatten(weights)
    L = [training_loss(unflatten(theta + d, weights), X, Y, TANH) for e in np.eye(len(theta)) for d in (h * e, -h * e)]
    assert np.isclose(np.sum(L) / h ** 2, (J ** 2).sum(), rtol=1e-6)            # fourth derivatives times h^2


def test_for_relu_the_descent_stops_where_a_unit_switches_at_a_sample():
    X = np.linspace(-1.7, 1.7, 6)[:, None]
    Y = np.sin(2 * X)
    fits = ls.fit_many([random_weights([1, 12, 1], rng=k) for k in range(8)], X, Y, RELU)
    start = next(f.weights for f in fits if f.converged and f.loss < 1e-20)
    path = ls.descend_zero_loss(start, X, Y, RELU, steps=60, length=0.5)
    J, g = jacobian(path[-1], X, RELU)[:, 0], flatten(ls.trace_gradient(path[-1], X, RELU))
    assert 1 < len(path) < 61                                       # it moved, and ended early
    assert np.linalg.norm(ls._tangent_part(J, g)) > 0.1 * np.linalg.norm(g)     # though the gradient still points on
    switch = np.abs(ls.forward_pass(path[-1], X, RELU)[1][0]).min()
    assert switch < 1e-7 < np.abs(ls.forward_pass(start, X, RELU)[1][0]).min()  # steps down to 1e-9 were tried
