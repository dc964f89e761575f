"""Tests of hessian.py. Each name says what is claimed; each tolerance says where it comes from."""
from types import SimpleNamespace

import numpy as np
import pytest
from common import draw, gradients

import hessian as module
from hessian import (
    Inertia,
    extreme_eigenpairs,
    gauss_newton,
    hessian,
    hessian_blocks,
    hessian_diagonal,
    hessian_operator,
    hessian_plain,
    hessian_vector_product,
    inertia,
    minimize,
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
    Loss,
    fit_many,
    flatten,
    forward,
    gradient,
    jacobian,
    power_loss,
    random_weights,
    sigmoid,
    training_loss,
    unflatten,
)

EPS = np.finfo(float).eps
# Two routes to one Hessian round differently: about eps times the number of terms of a sum (samples, widths,
# all below 100 here) times the largest entry.
ROUNDING = 100 * EPS

NETS = {  # widths, samples, bias of each layer
    "linear": ([3, 1], 7, True),
    "linear, two outputs, no bias": ([3, 2], 7, False),
    "all ones": ([1, 1, 1], 1, True),
    "three layers": ([3, 4, 1], 9, True),
    "three layers, three outputs": ([2, 5, 3], 8, [True, False]),
    "many inputs": ([30, 2, 2], 5, True),
    "one wide": ([1, 20, 2], 3, [False, True]),
    "four layers": ([2, 3, 4, 2], 6, [False, True, False]),
    "five layers": ([3, 4, 2, 3, 2], 6, [True, False, True, True]),
    "six thin layers": ([2, 1, 1, 2, 1, 1], 4, True),
}


def net(name, seed=0):
    widths, n, bias = NETS[name]
    rng = np.random.default_rng(seed)
    return (random_weights(widths, bias=bias, rng=rng), rng.normal(size=(n, widths[0])),
            rng.uniform(size=(n, widths[-1])))


def cases(Y, *losses):
    """(loss, targets) for targets Y in [0, 1]: ODD needs two outputs, softmax rows of sum 1."""
    return [(loss, Y / Y.sum(axis=1, keepdims=True) if loss is SOFTMAX else Y) for loss in losses
            if loss is not ODD or Y.shape[1] > 1]


def shallow(weights, X, Y, act, loss=SQUARE):
    """Form (a), whatever hessian would take."""
    return module._by_portions(module._shallow, weights, X, Y, act, loss)


def deep(weights, X, Y, act, loss=SQUARE):
    """Form (b), whatever hessian would take."""
    return module._by_portions(module._deep, weights, X, Y, act, loss)


def differences(weights, X, Y, act, loss=SQUARE, h=1e-5):
    """The Hessian by central differences of the gradient: error h^2 for the formula, eps / h for rounding."""
    theta = flatten(weights)
    step = h * np.eye(len(theta))
    up, down = (gradients(theta + d, weights, X, Y, act, loss) for d in (step, -step))
    return (up - down) / (2 * h)


def close(A, B, relative):
    scale = max(np.abs(A).max(), np.abs(B).max(), 1e-300)
    return A.shape == B.shape and np.abs(A - B).max() <= relative * scale


# The loss with l'' neither diagonal nor positive: l = f0^2 f1 + sin(f0 - y0), for M >= 2 (others outputs: not used).
def odd_d1(F, Y):
    out = np.zeros_like(F)
    out[:, 0] = 2 * F[:, 0] * F[:, 1] + np.cos(F[:, 0] - Y[:, 0])
    out[:, 1] = F[:, 0] ** 2
    return out


def odd_d2(F, Y):
    out = np.zeros(F.shape + F.shape[1:])
    out[:, 0, 0] = 2 * F[:, 1] - np.sin(F[:, 0] - Y[:, 0])
    out[:, 0, 1] = out[:, 1, 0] = 2 * F[:, 0]
    return out


ODD = Loss("odd", lambda F, Y: F[:, 0] ** 2 * F[:, 1] + np.sin(F[:, 0] - Y[:, 0]), odd_d1, odd_d2)


# ---------------------------------------------------------------------------------------------
# The Hessian
# ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", NETS)
def test_hessian_is_the_derivative_of_the_gradient(name):
    weights, X, Y = net(name)
    for loss, T in cases(Y, SQUARE, LOGISTIC, SOFTMAX, power_loss(3), power_loss(1.5), ODD):
        T = T + 5 if loss.name == power_loss(1.5).name else T              # its fourth derivative has no bound near 0
        for act in (TANH, SIGMOID, SOFTPLUS, SMOOLU):
            D = differences(weights, X, T, act, loss)
            for form in (hessian, hessian_plain):
                assert close(form(weights, X, T, act, loss), D, 1e-8), (loss.name, act.name)
                # h^2 = 1e-10 times fourth derivatives, and eps / h = 2e-11


def test_differences_of_stacked_gradients_are_those_of_gradient():
    weights, X, Y = net("five layers")
    theta = flatten(weights) + np.random.default_rng(0).normal(size=(3, len(flatten(weights))))
    one_by_one = [flatten(gradient(unflatten(t, weights), X, Y, TANH, LOGISTIC)) for t in theta]
    assert close(gradients(theta, weights, X, Y, TANH, LOGISTIC), np.array(one_by_one), ROUNDING)


@pytest.mark.parametrize("name", NETS)
def test_error_of_the_second_order_expansion_falls_like_the_third_power(name):
    weights, X, Y = net(name)
    theta, rng = flatten(weights), np.random.default_rng(1)
    v = rng.normal(size=len(theta))
    v /= np.linalg.norm(v)
    g, H = flatten(gradient(weights, X, Y, TANH, LOGISTIC)), hessian(weights, X, Y, TANH, LOGISTIC)

    def error(h):
        return abs(training_loss(unflatten(theta + h * v, weights), X, Y, TANH, LOGISTIC)
                   - training_loss(weights, X, Y, TANH, LOGISTIC) - h * g @ v - h * h * (v @ H @ v) / 2)

    # from h = 1e-3 on the error, h^3 / 6, is above 1e-11, far above the rounding of L, about 1e-15; below
    # h = 1e-1 the next term changes the slope over two decades by less than 0.3
    steps = np.array([1e-3, 1e-2, 1e-1])
    slope = np.polyfit(np.log(steps), np.log([error(h) for h in steps]), 1)[0]
    assert 2.7 < slope < 3.4


def test_linear_regression_has_the_hessian_of_the_normal_equations():
    for M, bias in [(M, bias) for M in (1, 2, 3) for bias in (True, False)]:
        rng = np.random.default_rng(M)
        X, Y = rng.normal(size=(12, 4)), rng.normal(size=(12, M))
        weights = random_weights([4, M], bias=bias, rng=rng)
        x = np.hstack([X, -np.ones((12, 1))]) if bias else X
        for form in (hessian, hessian_plain, gauss_newton):
            assert close(form(weights, X, Y, TANH), np.kron(np.eye(M), x.T @ x), ROUNDING)


def test_logistic_regression_has_its_textbook_hessian():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(15, 3)), rng.integers(0, 2, size=(15, 1))
    weights = random_weights([3, 1], rng=rng)
    x = np.hstack([X, -np.ones((15, 1))])
    p = sigmoid(x @ weights[0].T)
    assert close(hessian(weights, X, Y, TANH, LOGISTIC), x.T @ (p * (1 - p) * x), ROUNDING)


def test_one_unit_by_hand():
    # f = v tanh(w x), L = (f - y)^2 / 2: L_ww = (v t' x)^2 + r v t'' x^2, L_wv = t v t' x + r t' x, L_vv = t^2
    w, v, x, y = 0.7, -1.3, 0.9, 0.4
    t = np.tanh(w * x)
    d, dd = 1 - t * t, -2 * t * (1 - t * t)
    r = v * t - y
    expected = np.array([[(v * d * x) ** 2 + r * v * dd * x * x, t * v * d * x + r * d * x],
                         [t * v * d * x + r * d * x, t * t]])
    one = [np.array([[w]]), np.array([[v]])], np.array([[x]]), np.array([[y]]), TANH
    for form in (hessian, hessian_plain, shallow, deep):
        assert close(form(*one), expected, ROUNDING)


@pytest.mark.parametrize("name", NETS)
def test_both_forms_agree_to_rounding(name):
    weights, X, Y = net(name)
    for loss, T in cases(Y, SQUARE, LOGISTIC, SOFTMAX, ODD):
        plain = hessian_plain(weights, X, T, TANH, loss)
        for form in (hessian, deep) + (shallow,) * (len(weights) == 2):
            H = form(weights, X, T, TANH, loss)                     # softmax of one output has the Hessian 0
            assert close(H, plain, ROUNDING) or loss is SOFTMAX and np.abs(H - plain).max() < ROUNDING


@pytest.mark.parametrize("form, widths", [("_deep", [9, 24, 3]), ("_deep", [3, 9, 9, 9, 2]), ("_shallow", [9, 20, 1])])
def test_both_forms_fill_the_whole_upper_triangle_and_read_nothing_unfilled(form, widths):
    rng = np.random.default_rng(0)
    weights = random_weights(widths, rng=rng)
    X, Y = rng.normal(size=(11, widths[0])), rng.normal(size=(11, widths[-1]))
    plain = hessian_plain(weights, X, Y, TANH)
    H = np.full(plain.shape, 0x7FF0000000000001, np.uint64).view(float)     # a nan that raises the flag when it is read
    with np.errstate(invalid="raise"):
        getattr(module, form)(weights, X, Y, TANH, SQUARE, H, False)
    assert close(np.triu(H), np.triu(plain), ROUNDING)


def test_hessian_takes_the_form_that_suits(monkeypatch):
    calls = []
    for form in ("_shallow", "_deep"):
        function = getattr(module, form)
        monkeypatch.setattr(module, form, lambda *a, f=function, name=form: calls.append(name) or f(*a))
    for widths in ([1, 50, 1], [29, 3, 1], [8, 3, 3], [32, 3, 1], [16, 5, 3], [2, 3, 3, 1], [3, 1]):
        rng = np.random.default_rng(0)
        hessian(random_weights(widths, rng=rng), rng.normal(size=(3, widths[0])), np.ones((3, widths[-1])), TANH)
    assert calls == ["_shallow"] * 3 + ["_deep"] * 4


@pytest.mark.parametrize("widths, n", [([2, 6, 1], 25_000), ([2, 9, 5, 2], 5_000), ([2, 2], 90_000)])
def test_samples_in_portions_give_the_same_sum(widths, n):
    rng = np.random.default_rng(0)
    weights = random_weights(widths, rng=rng)
    X, Y = rng.normal(size=(n, 2)), rng.normal(size=(n, widths[-1]))
    half = n // 3
    parts = [deep(weights, X[s], Y[s], TANH) for s in (slice(half), slice(half, None))]
    # sums of 1e5 terms, mostly of one sign: n eps would be the worst case, sqrt(n) eps = 7e-14 is usual
    for form in (hessian, hessian_plain):
        assert close(form(weights, X, Y, TANH), parts[0] + parts[1], 1e-12)


def test_at_what_minimize_finds_inertia_sees_no_saddle_in_rounding():
    """A rescaling t_j of a ReLU unit has H t_j = -A_j g: where |g| stays at 1e-12 the zero looks like a number."""
    X = np.linspace(-1, 1, 20)[:, None]
    Y = np.hstack([np.sin(3 * X), np.cos(2 * X)])
    for seed in (20, 31, 33, 61, 90):
        found = minimize(random_weights([1, 2, 2], rng=seed), X, Y, RELU)
        H = hessian(found.weights, X, Y, RELU)
        counts = inertia(H)
        assert found.converged and counts[:3] == inertia(H, 1e-9 * np.linalg.norm(H, 2))[:3] and counts.negative == 0
        assert counts.zero >= 2                                     # one for each unit


def test_minimize_takes_no_step_from_a_stationary_point_that_does_not_halve_the_gradient():
    for seed in (138, 140):                                         # there L falls by rounding, and |g| rises again
        rng = np.random.default_rng(seed)
        X, Y = rng.normal(size=(14, 3)), rng.uniform(size=(14, 2))
        start = [1.5 * W for W in random_weights([3, 2, 2], rng=rng)]
        found = minimize(start, X, Y, TANH, iterations=250)         # some 140 and 115 steps, and few once converged:
        assert found.converged and not minimize(start, X, Y, TANH, iterations=found.iterations - 10).converged


def test_minimize_converges_where_an_output_is_0_and_where_a_loss_rounds_by_its_targets():
    poisson = Loss("Poisson", lambda F, Y: (np.exp(F) - Y * F).sum(axis=1), lambda F, Y: np.exp(F) - Y,
                   lambda F, Y: np.exp(F)[:, :, None] * np.eye(F.shape[1]))
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X, start = rng.normal(size=(12, 2)), random_weights([2, 3], rng=rng)
        labels = np.eye(3)[rng.integers(2, size=12)]                # a class that no sample has
        for Y in (labels, 0 * labels):
            found = minimize(start, X, Y, TANH, iterations=300)
            assert found.converged and np.abs(found.weights[0][2]).max() < 1e-15
        unit, logic = random_weights([2, 4, 2], bias=[True, False], rng=seed), [[0.0, 0], [0, 1], [1, 0], [1, 1]]
        for table in ([[0.0, 0], [0, 0], [0, 0], [1, 0]], np.zeros((4, 2))):            # AND, and 0, exactly
            found = minimize(unit, logic, table, SOFTPLUS)
            assert found.converged and found.iterations < 100 and found.loss < 1e-24
        assert minimize([unit[0][:1], unit[1][:1, :1]], logic, np.zeros((4, 1)), SOFTPLUS).converged
        assert minimize(start, X, np.ones((12, 3)), TANH, poisson).converged            # at f = 0, l' = e^f - 1
        assert not minimize(start, X, 0 * labels, TANH, poisson, iterations=100).converged      # control: f -> -inf
        off = [np.tile([0, 0, np.log(1e12) + 1e-4], (3, 1)) * [1, 1, -1]]                       # f off by 1e-4: far
        assert not minimize(off, X, np.full((12, 3), 1e12), TANH, poisson, iterations=0).converged
    huber = Loss("Huber", lambda F, Y: (np.sqrt(1 + (F - Y) ** 2) - 1).sum(axis=1),        # 0 from r = 1e-8 on
                 lambda F, Y: (F - Y) / np.sqrt(1 + (F - Y) ** 2),
                 lambda F, Y: ((1 + (F - Y) ** 2) ** -1.5)[:, :, None] * np.eye(F.shape[1]))
    start, X, Y = draw([1, 10, 1], n=6)
    found = minimize(start, X, Y, TANH, huber)
    assert found.converged and np.abs(forward(found.weights, X, TANH) - Y).max() < 1e-13


def test_unit_vectors_in_portions_give_the_same_hessian_and_minimum():
    rng = np.random.default_rng(0)
    weights, X = random_weights([2, 4, 1], rng=rng), rng.normal(size=(3000, 2))         # 4 portions of 17 vectors
    Y = np.sin(X[:, :1])
    assert close(hessian_plain(weights, X, Y, TANH), hessian(weights, X, Y, TANH), 1e-12)
    first, all_at_once = (minimize(weights, X[:n], Y[:n], TANH, iterations=4).weights for n in (500, 3000))
    twice = minimize(weights, np.tile(X[:500], (6, 1)), np.tile(Y[:500], (6, 1)), TANH, iterations=4).weights
    assert np.allclose(flatten(first), flatten(twice), rtol=1e-9, atol=0)               # L times 6: the same steps
    assert np.abs(flatten(first) - flatten(all_at_once)).max() > 1e-3                   # control: other data


def test_mirror_copies_the_upper_triangle():
    for P in (1, 2, 127, 128, 129, 300):
        H = np.random.default_rng(P).normal(size=(P, P))
        upper = np.triu(H)
        module._mirror(H)
        assert np.array_equal(H, upper + np.triu(upper, 1).T)


@pytest.mark.parametrize("name", NETS)
def test_results_are_symmetric_bit_by_bit(name):
    weights, X, Y = net(name)
    for A in (hessian(weights, X, Y, TANH, LOGISTIC), deep(weights, X, Y, TANH), hessian_plain(weights, X, Y, TANH),
              gauss_newton(weights, X, Y, TANH, LOGISTIC), *hessian_blocks(weights, X, Y, TANH)):
        assert np.array_equal(A, A.T)


@pytest.mark.parametrize("widths", [[9, 20, 1], [3, 9, 9, 9, 2]])       # P > 128, so several strips and corners
def test_results_wider_than_a_strip_are_right(widths):
    rng = np.random.default_rng(0)
    weights = random_weights(widths, rng=rng)
    X, Y = rng.normal(size=(11, widths[0])), rng.normal(size=(11, widths[-1]))
    for form in (hessian, deep):
        H = form(weights, X, Y, TANH)
        assert len(H) > 128 and np.array_equal(H, H.T)
        assert close(H, differences(weights, X, Y, TANH), 1e-8)         # as above
    J = jacobian(weights, X, TANH).reshape(-1, len(H))
    G = gauss_newton(weights, X, Y, TANH)
    assert np.array_equal(G, G.T) and close(G, J.T @ J, ROUNDING)


@pytest.mark.parametrize("name", NETS)
def test_layer_blocks_are_the_diagonal_blocks(name):
    weights, X, Y = net(name)
    H, stop = hessian_plain(weights, X, Y, SOFTPLUS, LOGISTIC), 0
    blocks = hessian_blocks(weights, X, Y, SOFTPLUS, LOGISTIC)
    assert len(blocks) == len(weights)
    for W, block in zip(weights, blocks):
        stop += W.size
        assert close(block, H[stop - W.size:stop, stop - W.size:stop], ROUNDING)


@pytest.mark.parametrize("name", NETS)
def test_the_diagonal_without_the_matrix(name):
    weights, X, Y = net(name)
    for loss, T in cases(Y, SQUARE, LOGISTIC, SOFTMAX, ODD):
        H, diagonal = hessian_plain(weights, X, T, SOFTPLUS, loss), hessian_diagonal(weights, X, T, SOFTPLUS, loss)
        assert [d.shape for d in diagonal] == [W.shape for W in weights]
        assert np.abs(flatten(diagonal) - np.diag(H)).max() <= ROUNDING * max(np.abs(H).max(), 1)
        blocks = hessian_blocks(weights, X, T, SOFTPLUS, loss)      # traces of the layers
        assert np.allclose([d.sum() for d in diagonal], [np.trace(B) for B in blocks], rtol=1e-12, atol=ROUNDING)


def test_the_diagonal_of_a_net_whose_matrix_would_not_fit():
    rng = np.random.default_rng(0)
    weights = random_weights([100, 200, 200, 3], rng=rng)           # P = 61,003, P^2 numbers are 30 GB
    X, Y = rng.normal(size=(5, 100)), rng.normal(size=(5, 3))
    diagonal, matvec = flatten(hessian_diagonal(weights, X, Y, TANH)), hessian_operator(weights, X, Y, TANH)
    for i in (*rng.integers(len(diagonal), size=10), 20_200, 60_400, 61_002):       # of each layer
        unit = np.zeros(len(diagonal))
        unit[i] = 1
        assert abs(matvec(unit)[i] - diagonal[i]) <= ROUNDING * np.abs(diagonal).max()


def test_permuting_hidden_units_permutes_rows_and_columns():
    weights, X, Y = net("five layers")
    order = np.array([2, 0, 3, 1])
    swapped = [weights[0][order], weights[1][:, order], *weights[2:]]       # layer 1 has no bias
    labels = unflatten(np.arange(len(flatten(weights))), weights)
    where = flatten([labels[0][order], labels[1][:, order], *labels[2:]]).astype(int)
    H = hessian(weights, X, Y, TANH)
    assert close(hessian(swapped, X, Y, TANH), H[np.ix_(where, where)], ROUNDING)


def test_flipping_the_sign_of_a_tanh_unit_flips_rows_and_columns():
    weights, X, Y = net("four layers")
    signs = [np.ones_like(W) for W in weights]
    signs[0][1], signs[1][:, 1] = -1, -1
    s = flatten(signs)
    flipped = [W * sign for W, sign in zip(weights, signs)]
    H = hessian(weights, X, Y, TANH)
    assert close(hessian(flipped, X, Y, TANH), s[:, None] * H * s, ROUNDING)
    # control: softplus is not odd
    assert not close(hessian(flipped, X, Y, SOFTPLUS), s[:, None] * hessian(weights, X, Y, SOFTPLUS) * s, 1e-3)


# ---------------------------------------------------------------------------------------------
# Descent to a stationary point
# ---------------------------------------------------------------------------------------------

def noisy_teacher(widths, act, n=40, seed=0, noise=0.3):
    """A task whose minimum is above zero: a net of the same shape plus noise."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, widths[0]))
    return X, forward(random_weights(widths, rng=rng), X, act) + noise * rng.normal(size=(n, widths[-1]))


def test_a_start_where_the_gradient_is_exactly_0_comes_back_converged():
    X, rng = np.random.default_rng(0).normal(size=(5, 2)), np.random.default_rng(1)
    for weights in ([np.zeros((1, 3))], [rng.normal(size=(3, 3)), np.zeros((1, 4))]):       # f = y = 0
        assert minimize(weights, X, np.zeros((5, 1)), TANH)[1:] == (0, 0, True)
    underflown = minimize([[[1.0], [0.0]]], [[1.0]], [[1 + 1e-6, 0.0]], TANH, power_loss(60), iterations=0)
    assert not underflown.converged                                 # one output is 0, the other's l' is 0 as 1e-354
    kink, x = [np.zeros((1, 1)), np.ones((1, 1))], np.ones((1, 1))          # of ReLU: gradient 0, no minimum
    assert minimize(kink, x, x, RELU)[1:] == (0.5, 0, True)
    assert training_loss([kink[0] + 1e-3, kink[1]], x, x, RELU) < 0.4991


def test_minimize_finds_the_closed_form_minimum_of_linear_regression():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
    result = minimize([np.zeros((2, 4))], X, Y, TANH)
    exact = np.linalg.lstsq(np.hstack([X, -np.ones((20, 1))]), Y, rcond=None)[0].T
    assert result.converged and np.abs(result.weights[0] - exact).max() < 1e-12


@pytest.mark.parametrize("loss", [SQUARE, LOGISTIC, power_loss(3)], ids=lambda loss: loss.name)
def test_minimize_brings_the_gradient_to_its_rounding_level(loss):
    count = 0
    for seed in (2, 3):
        X, Y = noisy_teacher([2, 2, 2], TANH, seed=seed)
        Y = 1 / (1 + np.exp(-Y)) if loss is LOGISTIC else Y
        start = random_weights([2, 2, 2], rng=seed + 100)
        result = minimize(start, X, Y, TANH, loss, iterations=220)
        g = np.abs(flatten(gradient(result.weights, X, Y, TANH, loss)))
        terms = np.abs(loss.d1(forward(result.weights, X, TANH), Y)).ravel()
        scale = terms @ np.abs(jacobian(result.weights, X, TANH)).reshape(len(terms), -1)
        # the rounding level is 1e-12 of this scale, plus what the rounding of the outputs adds
        assert (g <= 2e-12 * scale).all() if result.converged else (g > 1e-12 * scale).any()
        assert result.loss <= training_loss(start, X, Y, TANH, loss)
        count += result.converged
    assert count >= 1                                               # the others run off to infinity


def test_minimize_converges_at_zero_loss_too():
    rng = np.random.default_rng(1)
    weights, X, Y = random_weights([2, 6, 1], rng=rng), rng.normal(size=(8, 2)), rng.normal(size=(8, 1))
    result = minimize(weights, X, Y, TANH)
    assert result.converged and result.loss < 1e-26


def test_minimize_knows_an_exact_fit_of_targets_0_and_1():
    fits = fit_many([random_weights([5, 8, 5], bias=False, rng=seed) for seed in range(8)], np.eye(5), np.eye(5), RELU)
    exact = [f for f in fits if f.loss < 1e-24]
    assert len(exact) > 3                                           # a unit that is off leaves f to one weight
    assert all(minimize(f.weights, np.eye(5), np.eye(5), RELU).converged for f in exact)


def test_a_minimum_at_infinity_is_never_called_converged():
    X, Y = np.array([[-1.0], [-0.5], [0.5], [1.0]]), np.array([[0.0], [0.0], [1.0], [1.0]])
    for weights, longest in (([np.array([[1200.0, 0.0]])], 200), (random_weights([1, 3, 1], rng=0), 250)):
        for iterations in (3, 50, longest):                         # 200: into the underflow of l'
            result = minimize(weights, X, Y, TANH, LOGISTIC, iterations=iterations)
            assert not result.converged
        assert result.loss < 1e-100
    weights, sure = [np.array([[0.1, 0.0], [-0.1, 0.2]])], np.hstack([1 - Y, Y])            # and for softmax
    far = minimize(weights, X, sure, TANH, SOFTMAX, iterations=60)
    assert not far.converged and far.loss < 1e-6
    unsure = minimize(weights, X, 0.8 * sure + 0.1, TANH, SOFTMAX)  # controls: probabilities between, not separable
    assert unsure.converged and unsure.loss > 0.1
    assert minimize([np.array([[0.1, 0.0]])], X, Y[[0, 2, 1, 3]], TANH, LOGISTIC).converged


def test_the_rounding_level_of_a_gradient_is_that_of_its_own_samples_and_outputs():
    far = minimize([np.array([[1e12], [1.0]])], np.ones((2, 1)), np.array([[1e12, 1 + 1e-5]] * 2), TANH)
    assert far.iterations > 0                                       # output 2 is not as rough as output 1
    tiny = minimize([np.array([[1e-17]])], np.ones((1, 1)), np.array([[2e-17]]), TANH)
    assert np.isclose(tiny.weights[0][0, 0], 2e-17, rtol=1e-14, atol=0)         # 4 eps are of logits, not of outputs
    dead = [np.array([[1.0, 0], [-1, 0]]), np.array([[0.5, 1]])]    # a ReLU unit that is off: J is 0 in its weights
    assert minimize(dead, np.array([[1.0], [2]]), np.array([[1.0], [3]]), RELU).converged
    two = [np.ones((1, 1)), np.array([[1e6, 1e6], [0, 0]])]         # softmax: a logit moves the other's p too
    level = module._slope_level(two, np.ones((1, 1)), np.array([[1.0, 0]]), RELU, SOFTMAX)[0]
    assert level[1] > 0.9 * level[0]


def test_minimize_leaves_regions_where_all_samples_are_saturated():
    X, Y = np.array([[1.0], [2.0]]), np.array([[0.3], [0.6]])       # H is exp(-60) there, and g 1.5
    near, far = (minimize([np.array([[w]])], X, Y, TANH, LOGISTIC) for w in (1.0, 60.0))
    assert near.converged and far.converged and np.isclose(far.loss, near.loss, rtol=1e-14, atol=0)


def test_minimize_is_not_done_while_one_sample_of_many_is_still_running_to_infinity():
    X, Y = np.array([[1.0, 0], [0, 1], [0, 1]]), np.array([[1.0], [0], [1]])        # the first alone is separable
    assert not minimize([np.array([[746.0, 0.3]])], X, Y, TANH, LOGISTIC, iterations=60).converged
    shared = minimize([np.zeros((1, 2))], [[1], [-1], [-1]], Y, TANH, LOGISTIC)     # told: no weight is its own
    assert shared.converged and np.abs(flatten(shared.weights)).min() > 10
    X, Y = [[0.0, 0], [0, 1], [1, 0], [1, 1]], [[0.0], [1], [1], [0]]            # XOR by one unit: 1/3 is not attained
    xor = [minimize(random_weights([2, 1, 1], rng=k), X, Y, TANH, iterations=100) for k in (9, 10, 11, 22)]
    assert any(found.converged and 0 < found.loss - 1 / 3 < 1e-9 for found in xor)


def test_minimize_stays_at_a_saddle_but_leaves_its_neighbourhood_downwards():
    X, Y = noisy_teacher([1, 3, 1], TANH, n=12)
    Y = Y - Y.mean()
    saddle = [np.zeros((3, 2)), np.zeros((1, 4))]
    at = minimize(saddle, X, Y, TANH)
    assert at.converged and at.iterations == 0 and (flatten(at.weights) == 0).all()
    rng = np.random.default_rng(0)
    near = minimize(unflatten(1e-3 * rng.normal(size=10), saddle), X, Y, TANH, iterations=12)
    assert near.loss < 0.9 * at.loss


def test_minimize_without_iterations_returns_the_start_unconverged():
    weights, X, Y = net("three layers")
    result = minimize(weights, X, Y, TANH, iterations=0)
    assert (flatten(result.weights) == flatten(weights)).all() and not result.converged and result.iterations == 0
    assert result.loss == training_loss(weights, X, Y, TANH)


def test_minimize_converges_where_the_loss_is_flatter_than_a_parabola():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(6, 3)), rng.normal(size=(6, 1))
    for a in (3, 4):                                                # H -> 0 on the zero-loss set
        result = minimize(random_weights([3, 8, 1], rng=0), X, Y, TANH, power_loss(a))
        assert result.converged and result.loss < 1e-30


def test_minimize_stops_honestly_where_the_loss_has_no_second_derivative():
    X, Y = np.array([[1.0], [2.0]]), np.array([[0.0], [1.0]])       # the first residual is 0 at the start
    result = minimize([np.zeros((1, 2))], X, Y, TANH, power_loss(1.5))
    assert not result.converged and result.loss == 1.0


def test_minimize_survives_trial_steps_that_overflow():
    # l = exp(f) - f y, least at f = log y; at f = -20 Newton's step is exp(20) y, and exp of that overflows
    poisson = Loss("Poisson", lambda F, Y: (np.exp(F) - F * Y).sum(axis=1), lambda F, Y: np.exp(F) - Y,
                   lambda F, Y: np.exp(F)[:, :, None] * np.eye(F.shape[1]))
    result = minimize([np.array([[-20.0]])], np.ones((1, 1)), np.full((1, 1), 3.0), TANH, poisson)
    assert result.converged and abs(result.weights[0][0, 0] - np.log(3)) < 1e-12


# ---------------------------------------------------------------------------------------------
# Gauss-Newton and Proposition 2.3
# ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", NETS)
def test_gauss_newton_is_the_jacobian_product(name):
    weights, X, Y = net(name)
    for loss, T in cases(Y, SQUARE, LOGISTIC, SOFTMAX, power_loss(4), ODD):
        J, d2l = jacobian(weights, X, TANH), loss.d2(forward(weights, X, TANH), T)
        G = sum(Ji.T @ li @ Ji for Ji, li in zip(J, d2l))           # sample by sample
        assert close(gauss_newton(weights, X, T, TANH, loss), G, ROUNDING)


def test_hessian_minus_gauss_newton_is_linear_in_the_residual():
    # square loss: H - G = sum r d2f, and moving y changes r alone
    weights, X, Y = net("five layers")
    F = forward(weights, X, TANH)
    G = gauss_newton(weights, X, Y, TANH)
    once, twice = (hessian(weights, X, F - t * (F - Y), TANH) - G for t in (1, 2))
    assert np.abs(once).max() > 0.01 * np.abs(G).max()
    assert close(twice, 2 * once, ROUNDING)


FITTED = [([3, 10, 1], 5), ([2, 6, 3], 4), ([4, 5, 5, 2], 6)]


@pytest.mark.parametrize("widths,n", FITTED)
def test_prop_2_3_at_zero_loss_the_hessian_is_gauss_newton_with_nM_positive_eigenvalues(widths, n):
    rng = np.random.default_rng(0)
    weights = random_weights(widths, rng=rng)
    X = rng.normal(size=(n, widths[0]))
    Y = forward(weights, X, TANH)
    H, G = hessian(weights, X, Y, TANH), gauss_newton(weights, X, Y, TANH)
    J = jacobian(weights, X, TANH).reshape(-1, len(H))
    assert close(H, G, ROUNDING) and close(G, J.T @ J, ROUNDING)
    count = inertia(H)
    print(f"{widths}: {count}")
    assert count[:3] == (J.shape[0], 0, len(H) - J.shape[0])
    assert count.gap > 1e5              # the smallest gap seen for nets of this kind
    # control: away from zero loss it is neither Gauss-Newton nor semidefinite
    moved = hessian(weights, X, Y + 1, TANH)
    assert not close(moved, G, 1e-3)
    assert inertia(moved).negative > 0


@pytest.mark.parametrize("widths,n", FITTED)
def test_prop_2_3_fails_at_a_loss_of_1e_minus_8(widths, n):
    """r = 1e-4 adds r d2f, of the order 1e-4, to the Hessian: the zero eigenvalues move, and both signs appear."""
    rng = np.random.default_rng(0)
    weights = random_weights(widths, rng=rng)
    X = rng.normal(size=(n, widths[0]))
    r = rng.normal(size=(n, widths[-1]))
    r *= np.sqrt(2e-8) / np.linalg.norm(r)
    Y = forward(weights, X, TANH) - r
    assert training_loss(weights, X, Y, TANH) == pytest.approx(1e-8, rel=1e-6)      # rounding of f - y, 1e-16 of 1e-4
    H = hessian(weights, X, Y, TANH)
    count = inertia(H)
    assert count.negative > 0 and count.positive > r.size           # at zero loss: none, and exactly nM
    moved = np.abs(hessian(weights, X, Y, TANH) - gauss_newton(weights, X, Y, TANH)).max()
    assert 1e-6 < moved < 1e-3                                      # the order of r, ten times down and up
    # a tolerance above |r d2f| counts nM again, as the smallest true eigenvalue is larger still; Weyl's bound
    shift = np.linalg.norm(H - gauss_newton(weights, X, Y, TANH), 2)
    assert np.linalg.eigvalsh(gauss_newton(weights, X, Y, TANH))[-r.size] > 2.1 * shift
    assert inertia(H, tol=shift * (1 + 1e-9))[:2] == (r.size, 0)


# ---------------------------------------------------------------------------------------------
# Kinks and special losses
# ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("act", [RELU, LEAKY_RELU], ids=lambda act: act.name)
@pytest.mark.parametrize("name", ["three layers", "three layers, three outputs", "five layers"])
def test_relu_hessian_off_the_kinks_agrees_with_differences(name, act):
    weights, X, Y = net(name, seed=3)
    # in these draws no |z| is below 1e-3, so no kink lies within the step of the differences
    assert close(hessian(weights, X, Y, act, LOGISTIC), differences(weights, X, Y, act, LOGISTIC), 1e-8)


def test_at_a_kink_a_relu_unit_counts_as_off():
    W, v, x = [[0.0, 0.0], [1.0, 0.0]], [[2.0, 3.0]], [[1.5]]
    H = hessian([W, v], x, [[-1.0]], RELU)
    off = hessian([[[0.0, 1.0], [1.0, 0.0]], v], x, [[-1.0]], RELU)      # bias 1: unit 0 is off, z = -1
    assert np.array_equal(H, off)
    assert np.array_equal(H[:2], np.zeros((2, 6))) and H[2, 2] == (3 * 1.5) ** 2


def test_power_loss_without_second_derivative_is_refused_by_name():
    weights, X, _ = net("three layers")
    for act in (TANH, SIGMOID, SOFTPLUS, SMOOLU, RELU):             # Y is some eps off the f of a pass with jets
        Y = forward(weights, X, act)
        for function in (hessian, hessian_plain, gauss_newton, hessian_operator, hessian_blocks, hessian_diagonal):
            for nu in range(len(X)):
                with pytest.raises(ValueError, match="no second derivative"):
                    function(weights, X[nu:nu + 1], Y[nu:nu + 1], act, power_loss(1.5))


def test_power_loss_above_two_has_a_zero_hessian_on_the_zero_loss_set():
    weights, X, _ = net("three layers")
    assert not hessian(weights, X, forward(weights, X, TANH), TANH, power_loss(3)).any()


# ---------------------------------------------------------------------------------------------
# Products with vectors
# ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", NETS)
def test_product_with_a_vector_is_the_hessian_times_it(name):
    weights, X, Y = net(name)
    for loss, T in cases(Y, SQUARE, LOGISTIC, SOFTMAX, ODD):
        H = hessian(weights, X, T, SOFTPLUS, loss)
        matvec = hessian_operator(weights, X, T, SOFTPLUS, loss)
        for v in np.random.default_rng(5).normal(size=(3, len(H))):
            scale = np.abs(H).max() * np.abs(v).sum()
            assert np.abs(matvec(v) - H @ v).max() <= ROUNDING * scale
            assert np.abs(hessian_vector_product(weights, v, X, T, SOFTPLUS, loss) - H @ v).max() <= ROUNDING * scale


@pytest.mark.parametrize("name", NETS)
def test_a_stack_of_vectors_gives_the_stack_of_their_products(name):
    weights, X, Y = net(name)
    matvec = hessian_operator(weights, X, Y, TANH, LOGISTIC)
    V = np.random.default_rng(5).normal(size=(4, 3, len(flatten(weights))))
    for stack in (V, V[0], V[:1, 0], np.asfortranarray(V[0]), V[::2, 1]):
        product = hessian_vector_product(weights, stack, X, Y, TANH, LOGISTIC)
        one_by_one = np.apply_along_axis(matvec, -1, stack)
        assert product.shape == stack.shape and close(product, one_by_one, ROUNDING)
        assert close(matvec(stack), product, ROUNDING)              # the layout may decide the order of sums


@pytest.mark.parametrize("name", NETS)
def test_products_with_a_jet_are_those_without(name):
    weights, X, Y = net(name)
    V = np.random.default_rng(5).normal(size=(3, len(flatten(weights))))
    for act in (TANH, SIGMOID, SOFTPLUS, SMOOLU):
        H, plain = hessian_plain(weights, X, Y, act), act._replace(jet=None)
        assert act.jet and close(hessian_plain(weights, X, Y, plain), H, ROUNDING)
        bare = SimpleNamespace(name="own", f=act.f, df=act.df, d2f=act.d2f)     # all that an activation has to have
        assert np.array_equal(*(hessian_vector_product(weights, V, X, Y, own) for own in (plain, bare)))


def test_products_refuse_vectors_of_another_length():
    weights, X, Y = net("three layers")
    for vector in (np.ones(3), np.ones(22), np.ones((21, 1)), np.ones(())):
        for product in (hessian_operator(weights, X, Y, TANH),
                        lambda v: hessian_vector_product(weights, v, X, Y, TANH)):
            with pytest.raises(ValueError, match="vector has shape"):
                product(vector)
            for bad in (np.nan, 1j, "1"):
                with pytest.raises(ValueError, match="vector holds"):
                    product([bad] * 21)
            with pytest.raises(ValueError, match="vector .* should.* masked|vector .* masked .* should"):
                product(np.ma.masked_less(np.arange(21.0), 3))
            with pytest.raises(ValueError, match="overflow.* should"):
                product(np.full(21, 1e308))


def test_an_operator_takes_real_vectors_of_any_type_and_stacks_and_refuses_a_single_bad_entry():
    weights, X, Y = [np.ones((2, 3)), np.ones((2, 2))], np.arange(6.0).reshape(2, 3) / 3, np.eye(2)
    product, v = hessian_operator(weights, X, Y, TANH), np.linspace(0, 1, 10)
    assert all((product(np.ones(10, kind)) == product(np.ones(10))).all() for kind in (bool, np.uint8, int))
    assert (product(v.astype(np.longdouble)) == product(v)).all() and (product(list(v)) == product(v)).all()
    with pytest.raises(ValueError, match="vector holds"):
        product([np.nan] + [1.0] * 9)
    steep = hessian_operator([weights[0], 1e50 * weights[1]], X, Y, TANH)
    with pytest.raises(ValueError, match="overflows"):
        steep(np.stack([np.zeros(10), np.full(10, 1e300)]))


def test_products_work_at_a_million_parameters():
    rng = np.random.default_rng(0)
    weights = random_weights([100, 900, 900, 100, 3], rng=rng)
    X, Y = rng.normal(size=(4, 100)), rng.normal(size=(4, 3))
    matvec = hessian_operator(weights, X, Y, TANH)
    u, v = rng.normal(size=(2, len(flatten(weights))))
    Hu, Hv = matvec(u), matvec(v)
    assert len(u) > 990_000
    # u.Hv = v.Hu; the sums have 1e6 terms of random sign: sqrt(1e6) eps of |u| |Hv|, with room
    assert abs(u @ Hv - v @ Hu) <= 1e-11 * np.linalg.norm(u) * np.linalg.norm(Hv)
    h = 1e-5
    g = [flatten(gradient(unflatten(flatten(weights) + t * h * v, weights), X, Y, TANH)) for t in (1, -1)]
    # h v moves every z by up to h sqrt(1000) = 3e-4: its square times fourth derivatives
    assert np.linalg.norm((g[0] - g[1]) / (2 * h) - Hv) <= 1e-5 * np.linalg.norm(Hv)


# ---------------------------------------------------------------------------------------------
# Inertia
# ---------------------------------------------------------------------------------------------

def test_inertia_counts_with_the_rank_rule_and_reports_the_gap():
    H = np.diag([3.0, -2.0, 1e-12, 1e-17, 0.0, 5.0])
    count = inertia(H)
    assert count[:3] == (3, 1, 2)
    assert count.tol == 6 * EPS * 5
    assert count.gap == pytest.approx(1e5)
    assert inertia(H, tol=1e-10)[:3] == (2, 1, 3) and inertia(H, tol=1e-10).tol == 1e-10
    assert inertia(H, tol=1e-10).gap == pytest.approx(2e12)
    assert inertia(H, tol=2.0)[:3] == (2, 0, 4)                     # equal to tol counts as zero
    assert inertia(H, tol=0)[:3] == (4, 1, 1) and inertia(H, tol=0).gap == np.inf


@pytest.mark.parametrize("H,expected", [
    (np.zeros((3, 3)), (0, 0, 3, 0.0, np.inf)),
    (np.eye(2), (2, 0, 0, 2 * EPS, np.inf)),
    (-np.eye(2), (0, 2, 0, 2 * EPS, np.inf)),
    ([[0]], (0, 0, 1, 0.0, np.inf)),
    (np.diag([1.0, 0.0]), (1, 0, 1, 2 * EPS, np.inf)),
    (np.diag([1.0, -2.0 ** -60]), (1, 0, 1, 2 * EPS, 2.0 ** 60)),
    (np.diag([1.0, 1e-320]), (1, 0, 1, 2 * EPS, np.inf)),           # a gap above 1e300 counts as infinite
])
def test_inertia_of_extreme_matrices(H, expected):
    assert inertia(H) == Inertia(*expected)


def test_inertia_is_invariant_under_congruence():
    rng = np.random.default_rng(0)
    D = np.diag([1.0, 2, 3, -1, -2, 0, 0])
    for _ in range(5):
        T = np.linalg.qr(rng.normal(size=(7, 7)))[0] * rng.uniform(0.5, 2, size=7)
        assert inertia(T @ D @ T.T)[:3] == (3, 2, 2)                # T D T^T is symmetric up to rounding only


def test_inertia_refuses_what_is_not_symmetric():
    for H in (np.ones((2, 3)), [[1.0, 2.0], [2.1, 1.0]], [[1.0, 2.0], [2.0 + 1e-11, 1.0]]):
        with pytest.raises(ValueError, match="H "):
            inertia(H)


# ---------------------------------------------------------------------------------------------
# Lanczos
# ---------------------------------------------------------------------------------------------

SPECTRA = {
    "random": np.random.default_rng(0).normal(size=40),
    "zero": np.zeros(20),
    "identity": np.ones(20),
    "minus a projection": np.r_[-np.ones(15), np.zeros(15)],
    "triple ends": np.r_[[2.0] * 3, np.linspace(-1, 1, 30), [-2.0] * 3],
    "one large, many zero": np.r_[1e6, np.zeros(29)],
    "low rank": np.r_[3.0, 1e-7, -1e-8, np.zeros(40)],
    "close to the ends": np.r_[1, 1, 1 - 1e-8, np.linspace(-0.5, 0.5, 40), -1 + 1e-8, -1, -1],
    "cluster": np.r_[1 + 1e-9 * np.arange(8), np.linspace(-0.5, 0.5, 40)],
    "small": 1e-60 * np.arange(1.0, 21),
    "large": 1e60 * np.arange(-9.0, 11),
    "two": np.array([1.0, -3.0]),
    "doubled ends": np.r_[[-5.0] * 2, -3, np.linspace(-0.1, 0.1, 40), 3, [5.0] * 2],     # one pass: -5, -3, 3, 5
    "one end doubled": np.r_[-5, -3, np.linspace(-0.1, 0.1, 40), 3, [5.0] * 2],
    "graded": np.r_[10.0 ** -np.arange(30), -10.0 ** -np.arange(1.0, 10)],
}


@pytest.mark.parametrize("name", SPECTRA)
def test_lanczos_finds_both_ends_with_their_multiplicities(name):
    spectrum = np.sort(SPECTRA[name])
    size, norm = len(spectrum), np.abs(spectrum).max()
    Q = np.linalg.qr(np.random.default_rng(1).normal(size=(size, size)))[0]
    H = Q * spectrum @ Q.T
    H = H / 2 + H.T / 2
    for k in {k for k in (1, 2, 5, size // 2) if 2 * k <= size}:
        products = []
        values, V = extreme_eigenpairs(lambda v: products.append(1) or H @ v, size, k, rng=2)       # noqa: B023
        assert values.shape == (2 * k,) and V.shape == (size, 2 * k)
        # a pass stops at residuals of 1e-12 of the norm; the margin between passes is 1e-11
        assert np.abs(values - np.append(spectrum[:k], spectrum[-k:])).max() <= 1e-11 * norm
        assert np.linalg.norm(H @ V - V * values, axis=0).max() <= 2e-12 * norm
        assert np.abs(V.T @ V - np.eye(2 * k)).max() <= 1e-12       # twice reorthogonalised: some eps
        assert len(products) <= size * (2 + len(spectrum) - len(np.unique(spectrum)))


def test_lanczos_stops_early_where_the_ends_stand_out():
    spectrum = np.r_[np.linspace(-1, 1, 400), -5, -4, 4, 5]
    products = []
    values = extreme_eigenpairs(lambda v: products.append(1) or spectrum * v, 404, 2, rng=0).values
    assert np.abs(values - [-5, -4, 4, 5]).max() < 1e-11            # as above
    # a Chebyshev polynomial of degree j falls by (4 + sqrt(15))^-j outside [-1, 1]: 14 steps for 1e-12; the
    # second pass has to resolve the dense inside, where the ends of [-1, 1] take about 13 / sqrt(1 / 400) steps
    assert len(products) < 350


def test_lanczos_finds_the_saddle_of_a_net_without_its_hessian():
    rng = np.random.default_rng(0)
    weights = random_weights([4, 8, 8, 2], rng=rng)
    X, Y = rng.normal(size=(30, 4)), rng.normal(size=(30, 2))
    H = hessian(weights, X, Y, TANH)
    values, V = extreme_eigenpairs(hessian_operator(weights, X, Y, TANH), len(H), 3, rng=0)
    expected = np.linalg.eigvalsh(H)
    assert values[0] < 0
    assert np.abs(values - np.append(expected[:3], expected[-3:])).max() <= 1e-11 * expected[-1]
    again = extreme_eigenpairs(hessian_operator(weights, X, Y, TANH), len(H), 3, rng=0)
    assert np.array_equal(again.values, values) and np.array_equal(again.vectors, V)


def test_lanczos_does_not_keep_or_give_away_its_basis():
    kept = []

    def matvec(v):
        kept.append(v)
        result = 2.0 * v
        v[:] = 0                        # whatever it does with its argument
        return result

    values, V = extreme_eigenpairs(matvec, 6, 2, rng=0)
    assert np.abs(values - 2).max() < 1e-14                         # one product and one sum
    assert not any(np.shares_memory(v, V) for v in kept)


def test_lanczos_refuses_a_size_below_two_k_and_products_that_are_none():
    for matvec, size in ((lambda v: v, 3), (lambda v: v[:2], 4), (lambda v: v[:, None], 4), (lambda v: v * np.nan, 4),
                         (lambda v: v * 1j, 4), (lambda v: v.astype(str), 4)):
        with pytest.raises(ValueError, match="size is 3|matvec returns"):
            extreme_eigenpairs(matvec, size, 2, rng=0)


# ---------------------------------------------------------------------------------------------
# Arguments
# ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("act", [TANH, Activation("identity", lambda x: x, np.ones_like, np.zeros_like)],
                         ids=lambda act: act.name)
def test_arguments_are_neither_changed_nor_shared(act):
    weights, X, Y = net("three layers")
    v = np.random.default_rng(0).normal(size=len(flatten(weights)))
    before = [A.copy() for A in (*weights, X, Y, v)]
    matvec = hessian_operator(weights, X, Y, act)
    results = [f(weights, X, Y, act) for f in (hessian, hessian_plain, gauss_newton)]
    results += minimize(weights, X, Y, act, iterations=0).weights + minimize(weights, X, Y, act, iterations=2).weights
    results += hessian_blocks(weights, X, Y, act) + hessian_diagonal(weights, X, Y, act)
    results += [matvec(v), hessian_vector_product(weights, v, X, Y, act)]
    for A, B in zip((*weights, X, Y, v), before):
        assert np.array_equal(A, B)
        assert not any(np.shares_memory(A, result) for result in results)
    for A in (*weights, X, Y):
        A[:] = 0
    assert np.array_equal(matvec(v), results[-2])           # the operator has its own copy
    first = matvec(v)
    first[:] = 0
    assert np.array_equal(matvec(v), results[-2])


def test_what_leaves_float64_is_refused_without_a_warning():
    weights, X, Y = net("three layers")
    square = Activation("square", np.square, lambda x: 2 * x, lambda x: 2 + 0 * x)
    for function in (hessian, hessian_plain, gauss_newton, hessian_operator, hessian_blocks, hessian_diagonal,
                     minimize):
        with pytest.raises(ValueError, match="overflow"):
            function(weights, np.full((9, 3), 1e160), Y, square)
