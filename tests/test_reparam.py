"""alpha-scale, sharpness and changes of coordinates. A test's name is the claim it checks."""
import itertools

import numpy as np
import pytest
from common import relative

from embeddings import inactive_relu_units
from hessian import hessian, inertia
from landscape import (
    LEAKY_RELU,
    LOGISTIC,
    RELU,
    SOFTPLUS,
    SQUARE,
    TANH,
    Activation,
    fit,
    flatten,
    forward,
    forward_pass,
    gradient,
    jacobian,
    jacobian_rank,
    random_weights,
    training_loss,
    unflatten,
    unstack,
)
from pacbayes import gaussian_kl
from reparam import (
    _ascend,
    alpha_diagonal,
    alpha_for_norm,
    alpha_scale,
    alpha_to_constant,
    alphas_for_many,
    balance,
    box_radius,
    epsilon_sharpness,
    flat_boxes,
    flattest_alphas,
    input_derivative,
    large_eigenvalues,
    network_loss,
    orbit_measures,
    orbit_tangent,
    output_change,
    power,
    power_inverse,
    power_slope,
    pullback_gradient,
    pullback_hessian,
    quadratic_maximum,
    quadratic_sharpness,
    radial,
    radial_inverse,
    radial_inverse_jacobian,
    radial_jacobian,
    radial_psi,
    radial_psi_prime,
    reversing_output_map,
    unit_scale,
    unit_tangents,
    weight_norm,
    weight_norm_hessian,
)

SEED = 0
NETS = [([2, 3, 2], True), ([2, 3, 2], False), ([3, 4, 3, 2], [True, False, True]), ([1, 2, 3, 2, 2], True)]
every_net = pytest.mark.parametrize("widths, bias", NETS, ids=str)


def generator(*key):
    return np.random.default_rng([SEED, *key])


def draw(widths, bias=True, n=7, key=0, scale=1.5):
    """A net and data on which every ReLU unit is on for two samples, and those of the first layer off for one."""
    for k in itertools.count():
        rng = generator(key, k)
        weights = [scale * W for W in random_weights(widths, bias=bias, rng=rng)]
        X, Y = rng.normal(size=(n, widths[0])), rng.uniform(size=(n, widths[-1]))
        units = [forward(weights[:j], X, RELU) for j in range(1, len(weights))]
        if all(((z > 0.01).sum(axis=0) >= 2).all() for z in units) and (units[0] < 0).any(axis=0).all():
            return weights, X, Y


def scales(count, rng, spread=1.0):
    """Positive numbers of product 1."""
    c = spread * rng.normal(size=count)
    return np.exp(c - c.mean())


def fitted(widths, bias, n, key=0):
    """A net at zero loss: the targets are its own outputs."""
    weights, X, _ = draw(widths, bias, n, key)
    return weights, X, forward(weights, X, RELU)


# ------------------------------------------------------------------ Section 3: homogeneity, alpha-scale

def test_theorem_1_relu_and_leaky_relu_are_positively_homogeneous_and_tanh_is_not():
    z = generator(1).normal(size=100)
    for alpha in (2.0 ** -20, 0.3, 7.0):
        for act in (RELU, LEAKY_RELU):
            assert np.allclose(act.f(alpha * z), alpha * act.f(z), rtol=1e-15, atol=0)
        assert relative(TANH.f(alpha * z), alpha * TANH.f(z)) > 1e-13
    assert relative(RELU.f(-2 * z), -2 * RELU.f(z)) > 0.1          # control: alpha < 0


@every_net
def test_definition_5_alpha_scale_keeps_the_function_everywhere_at_any_depth(widths, bias):
    weights, X, _ = draw(widths, bias)
    far = np.vstack([X, 1e3 * X, -X])
    for k, act in itertools.product(range(5), (RELU, LEAKY_RELU)):
        alphas = scales(len(weights), generator(2, k), 2.0)
        moved = alpha_scale(weights, alphas)
        assert relative(forward(moved, far, act), forward(weights, far, act)) < 1e-13
        assert relative(flatten(moved), flatten(weights)) > 1e-2
        assert relative(forward(moved, X, TANH), forward(weights, X, TANH)) > 1e-4      # control: not homogeneous


def test_definition_5_in_numbers():
    weights = [np.array([[1.0, 2.0, 3.0]]), np.array([[4.0, 5.0]]), np.array([[6.0, 7.0]])]
    moved = alpha_scale(weights, [2.0, 8.0, 1 / 16])
    assert [W.tolist() for W in moved] == [[[2, 4, 6]], [[32, 80]], [[6 / 16, 7]]]
    d = alpha_diagonal(weights, [2.0, 8.0, 1 / 16])
    assert d.tolist() == [1 / 2, 1 / 2, 1 / 2, 1 / 8, 1 / 16, 16, 1]
    assert np.isfinite(orbit_tangent(weights, [1e6, 1e6, -2e6 + 1e-6])).all()           # a sum of 0 to rounding
    tangent = orbit_tangent(weights, [1.0, 3.0, -4.0])
    assert tangent.tolist() == [1, 2, 3, 12, 20, -24, 0]


def test_appendix_b_control_a_bias_scaled_like_its_own_layer_changes_the_function():
    weights, X, _ = draw([2, 3, 3, 2])
    alphas = np.array([2.0, 3.0, 1 / 6])
    own = [alpha * W for alpha, W in zip(alphas, weights)]
    assert relative(forward(own, X, RELU), forward(weights, X, RELU)) > 1e-3
    assert relative(forward(alpha_scale(weights, alphas), X, RELU), forward(weights, X, RELU)) < 1e-14


def test_maxout_is_homogeneous_too():
    rng = generator(3)
    W1, W2, x = rng.normal(size=(4, 3, 2)), rng.normal(size=(2, 4)), rng.normal(size=(9, 2))

    def maxout(W1, W2):
        return np.einsum("hpd,nd->nhp", W1, x).max(axis=2) @ W2.T                 # each unit takes the best of 3 pieces

    assert relative(maxout(7 * W1, W2 / 7), maxout(W1, W2)) < 1e-14
    assert relative(maxout(-7 * W1, W2 / -7), maxout(W1, W2)) > 0.1


@every_net
def test_alpha_scales_form_a_group(widths, bias):
    weights = draw(widths, bias)[0]
    a, b = scales(len(weights), generator(4)), scales(len(weights), generator(5))
    assert relative(flatten(alpha_scale(alpha_scale(weights, a), b)), flatten(alpha_scale(weights, a * b))) < 1e-15
    assert relative(flatten(alpha_scale(alpha_scale(weights, a), 1 / a)), flatten(weights)) < 1e-15
    assert all((A == B).all() for A, B in zip(alpha_scale(weights, np.ones(len(a))), weights))


@every_net
def test_theorem_3_gradient_and_hessian_are_scaled_by_D_alpha_at_any_differentiable_point(widths, bias):
    weights, X, Y = draw(widths, bias)
    for k, loss, act in itertools.product(range(3), (SQUARE, LOGISTIC), (RELU, LEAKY_RELU)):
        alphas = scales(len(weights), generator(6, k))
        moved, d = alpha_scale(weights, alphas), alpha_diagonal(weights, alphas)
        g, H = flatten(gradient(weights, X, Y, act, loss)), hessian(weights, X, Y, act, loss)
        assert np.allclose(flatten(weights), d * flatten(moved), rtol=1e-14, atol=0)   # D_alpha inverts T_alpha
        g_moved, H_moved = flatten(gradient(moved, X, Y, act, loss)), hessian(moved, X, Y, act, loss)
        # entry by entry in the units of D: a few hundred roundings
        assert np.abs(g_moved / d - g).max() < 1e-13 * np.abs(g).max()
        assert np.abs(H_moved / np.outer(d, d) - H).max() < 1e-13 * np.abs(H).max()
        assert relative(H_moved, H) > 1e-2


@every_net
def test_the_orbit_tangent_is_the_derivative_of_the_orbit_and_in_the_kernel_of_the_jacobian(widths, bias):
    weights, X, _ = draw(widths, bias)
    c = generator(7).normal(size=len(weights))
    c -= c.mean()
    h, tangent = 1e-5, orbit_tangent(weights, c)
    ahead, behind = (flatten(alpha_scale(weights, np.exp(t * c))) for t in (h, -h))
    difference = (ahead - behind) / (2 * h)
    assert relative(difference, tangent) < 1e-9                     # h^2 / 6 c^3 and eps / h
    J = jacobian(weights, X, RELU)
    assert np.abs(J @ tangent).max() < 1e-13 * np.abs(J).max() * np.abs(tangent).max()
    # control: one layer alone (in a deep net a later layer can be deaf to it)
    other = tangent * (np.arange(len(tangent)) < weights[0].size)
    assert len(weights) > 2 or np.abs(J @ other).max() > 1e-3 * np.abs(J).max() * np.abs(tangent).max()


# ------------------------------------------------------------------ unit by unit

@every_net
def test_unit_scale_keeps_the_function_in_any_hidden_layer_and_alpha_scale_is_a_product_of_such(widths, bias):
    weights, X, Y = draw(widths, bias)
    far = np.vstack([X, 1e3 * X, -X])
    for layer, act in itertools.product(range(len(weights) - 1), (RELU, LEAKY_RELU)):
        c = np.exp(generator(40, layer).normal(size=len(weights[layer])))
        moved = unit_scale(weights, layer, c)
        assert relative(forward(moved, far, act), forward(weights, far, act)) < 1e-13
        assert relative(flatten(moved), flatten(weights)) > 1e-2
        assert relative(forward(moved, X, TANH), forward(weights, X, TANH)) > 1e-4      # control: not homogeneous
        assert relative(flatten(unit_scale(moved, layer, 1 / c)), flatten(weights)) < 1e-15
        d = np.concatenate([W.ravel() for W in unit_scale([np.ones(W.shape) for W in weights], layer, c)])
        H, H_moved = hessian(weights, X, Y, act), hessian(moved, X, Y, act)
        assert relative(np.outer(d, d) * H_moved, H) < 1e-13        # Theorem 3, for any diagonal map that keeps f
    alphas, c = scales(len(weights), generator(41)), 1.0
    moved = weights
    for layer, alpha in enumerate(alphas[:-1]):
        c = c * alpha
        moved = unit_scale(moved, layer, np.full(len(weights[layer]), c))
    assert relative(flatten(moved), flatten(alpha_scale(weights, alphas))) < 1e-14


@every_net
def test_unit_tangents_are_the_derivatives_of_the_unit_orbits_and_span_the_alpha_orbits_tangent(widths, bias):
    weights, X, Y = draw(widths, bias)
    T, h, column = unit_tangents(weights), 1e-5, 0
    assert T.shape == (flatten(weights).size, sum(widths[1:-1]))
    for layer in range(len(weights) - 1):
        for e in np.eye(len(weights[layer])):
            ahead, behind = (flatten(unit_scale(weights, layer, np.exp(t * e))) for t in (h, -h))
            assert relative((ahead - behind) / (2 * h), T[:, column]) < 1e-9
            column += 1
    J = jacobian(weights, X, LEAKY_RELU)
    assert np.abs(J @ T).max() < 1e-13 * np.abs(J).max() * np.abs(T).max()
    g, H = flatten(gradient(weights, X, Y, LEAKY_RELU)), hessian(weights, X, Y, LEAKY_RELU)
    assert np.abs(T.T @ g).max() < 1e-13 * np.abs(T).max() * np.abs(g).max() and np.abs(g).max() > 0.1
    A = np.sign(T) * np.sign(flatten(weights))[:, None]             # column j is the diagonal of A_j
    assert np.abs(H @ T + A * g[:, None]).max() < 1e-13 * np.abs(H).max() * np.abs(T).max()
    c = generator(42).normal(size=len(weights))
    c -= c.mean()
    along = np.repeat(np.cumsum(c)[:-1], widths[1:-1])              # in layer k each unit by c_1 + ... + c_k
    assert relative(T @ along, orbit_tangent(weights, c)) < 1e-14


def test_the_rank_is_at_most_P_less_the_rank_of_the_unit_tangents_and_idle_groups_count_once_less():
    for widths, bias in (([2, 3, 2], True), ([2, 3, 3, 1], False), ([2, 2, 3, 2, 1], [True, False, True, True])):
        weights, X, Y = fitted(widths, bias, 40)
        H, T = hessian(weights, X, Y, RELU), unit_tangents(weights)
        assert np.linalg.matrix_rank(T) == sum(widths[1:-1]) and inertia(H).positive <= len(H) - sum(widths[1:-1])
        assert np.abs(H @ T).max() < 1e-12 * np.abs(H).max() * np.abs(T).max()
    # two units of two layers that only see each other, and a third that is alone: two groups less
    weights = draw([2, 3, 3, 1], False)[0]
    weights[0][1:], weights[1][1:, 0], weights[1][0, 1:], weights[2][0, 1:] = 0, 0, 0, 0
    weights[1][1:, 1:] = [[2.0, 0.0], [0.0, 0.0]]
    assert np.linalg.matrix_rank(unit_tangents(weights)) == 6 - 3   # {1, 1'}, {2} and {2'}
    weights[2][0, 1] = 1.0                                          # the pair is tied to the output again
    assert np.linalg.matrix_rank(unit_tangents(weights)) == 6 - 2


def test_gradient_flow_conserves_the_norms_of_w_less_v_for_relu_and_not_for_tanh():
    weights, X, Y = draw([2, 3, 3, 1], [True, True, True], n=9)

    def differences(theta):
        net = unflatten(theta, weights)
        return np.concatenate([(net[k] ** 2).sum(axis=1) - (net[k + 1][:, :3] ** 2).sum(axis=0) for k in (0, 1)])

    for act, conserved in ((RELU, True), (LEAKY_RELU, True), (TANH, False)):
        theta, (loss, slope) = flatten(weights), network_loss(weights, X, Y, act)
        start, h = loss(theta), 1e-4
        for _ in range(100):                                        # Runge and Kutta; errs by h^4 between the kinks,
            a = slope(theta)                                        # by h^2 times a jump of the gradient at one
            b = slope(theta - h / 2 * a)
            c = slope(theta - h / 2 * b)
            theta = theta - h / 6 * (a + 2 * b + 2 * c + slope(theta - h * c))
        drift = np.abs(differences(theta) - differences(flatten(weights))).max()
        assert loss(theta) < 0.9 * start and (drift < 1e-5) == conserved


@every_net
def test_balance_is_the_least_norm_among_all_unit_scalings_of_the_same_function(widths, bias):
    weights, X, _ = draw(widths, bias)
    least = balance(weights)
    theta = flatten(least)
    assert relative(forward(least, X, RELU), forward(weights, X, RELU)) < 1e-13
    assert np.abs(unit_tangents(least).T @ theta).max() < 1e-13 * theta @ theta         # |w_j| = |v_j|: no first order
    rng = generator(43)
    for k in range(9):                                              # three of each size
        moved = least
        for layer in range(len(weights) - 1):
            moved = unit_scale(moved, layer, np.exp(10.0 ** -(k % 3) * rng.normal(size=len(weights[layer]))))
        assert flatten(moved) @ flatten(moved) > theta @ theta
        assert relative(flatten(balance(moved)), theta) < 1e-12     # one such point on the orbit
    assert relative(flatten(balance(least)), theta) < 1e-14


def test_balance_leaves_units_that_are_zero_alone_and_one_sweep_is_enough_for_one_hidden_layer():
    weights = draw([2, 4, 2])[0]
    weights[0][2], weights[1][:, 2] = 0, 0
    least = balance(weights)
    c = np.sqrt(np.linalg.norm(weights[1][:, :4], axis=0).clip(1e-9) / np.linalg.norm(weights[0], axis=1).clip(1e-9))
    assert relative(flatten(least), flatten(unit_scale(weights, 0, c))) < 1e-14
    assert (least[0][2] == 0).all() and (least[1][:, 2] == 0).all() and (least[1][:, 4] == weights[1][:, 4]).all()


# ------------------------------------------------------------------ Theorem 2: volume

def disjoint(weights, boxes, i, j):
    """Whether some coordinate tells two boxes apart."""
    theta = [[W.ravel() for W in alpha_scale(weights, [boxes.alpha ** k, boxes.alpha ** -k])] for k in (i, j)]
    return any((np.abs(a - b) > boxes.radii[i, part] + boxes.radii[j, part]).any()
               for part, (a, b) in enumerate(zip(*theta)))


@pytest.mark.parametrize("r", [1e-3, 0.2, 50.0])
@pytest.mark.parametrize("widths", [[3, 2, 1], [2, 3, 2], [1, 2, 4]], ids=["n1 > n2", "n1 = n2", "n1 < n2"])
def test_theorem_2_boxes_are_disjoint_and_their_volumes_do_not_fall(widths, r):
    weights = draw(widths, False)[0]
    n1, n2 = weights[0].size, weights[1].size
    boxes = flat_boxes(weights, r, 12)
    largest = np.abs(weights[0]).max()
    small = min(r, largest / 2)
    alpha = 2 * (largest + small) / (largest - small)               # as printed
    assert np.isclose(boxes.alpha, alpha if n1 >= n2 else 1 / alpha, rtol=1e-14, atol=0) and 2 < alpha <= 6 + 1e-12
    assert np.allclose(boxes.radii[0], small, rtol=1e-15, atol=0) and boxes.radii.shape == (12, 2)
    assert np.allclose(boxes.radii, small * boxes.alpha ** (np.arange(12)[:, None] * [1.0, -1.0]), rtol=1e-13, atol=0)
    sides = n1 * np.log(2 * boxes.radii[:, 0]) + n2 * np.log(2 * boxes.radii[:, 1])
    assert np.allclose(boxes.log_volumes, sides, rtol=1e-12, atol=1e-10)
    growth = np.diff(boxes.log_volumes)
    assert np.allclose(growth, abs(n1 - n2) * np.log(alpha), rtol=0, atol=1e-10)
    assert all(disjoint(weights, boxes, i, j) for i, j in itertools.combinations(range(12), 2))
    total = np.logaddexp.accumulate(boxes.log_volumes)              # the volume found so far
    assert total[-1] >= boxes.log_volumes[0] + np.log(12) - 1e-10


def test_theorem_2_the_loss_on_every_box_is_that_on_the_first():
    weights, X, Y = draw([2, 3, 1], False)
    L, epsilon, rng = training_loss(weights, X, Y, RELU), 0.1, generator(8)
    r = box_radius(weights, X, Y, epsilon)
    boxes = flat_boxes(weights, r, 8)
    for k in range(8):
        center = alpha_scale(weights, [boxes.alpha ** k, boxes.alpha ** -k])
        for _ in range(20):
            inside = [W + radius * rng.uniform(-1, 1, size=W.shape) for W, radius in zip(center, boxes.radii[k])]
            assert training_loss(inside, X, Y, RELU) < L + epsilon
            back = alpha_scale(inside, [boxes.alpha ** -k, boxes.alpha ** k])           # a point of the first box
            assert np.abs(flatten(back) - flatten(weights)).max() <= boxes.radii[0, 0] * (1 + 1e-9)
            assert np.isclose(training_loss(back, X, Y, RELU), training_loss(inside, X, Y, RELU), rtol=1e-12, atol=0)


def test_theorem_2_control_with_the_frobenius_norm_a_box_can_hold_theta_1_equal_to_0():
    weights = [np.ones((3, 3)), np.ones((1, 3))]                    # largest entry 1, Frobenius norm 3
    boxes = flat_boxes(weights, 10.0, 3)
    assert boxes.radii[0, 0] == 0.5                                 # half of the largest entry: 0 is outside
    frobenius = min(10.0, np.linalg.norm(weights[0]) / 2)
    assert frobenius > np.abs(weights[0]).max()                     # 0 is inside, and in every T_alpha^k of that box


def test_theorem_2_control_with_a_smaller_alpha_boxes_overlap():
    weights = draw([3, 2, 1], False)[0]
    boxes = flat_boxes(weights, 50.0, 2)
    mild = boxes._replace(alpha=1.2, radii=boxes.radii[0] * 1.2 ** np.array([[0, 0], [1.0, -1]]))
    assert disjoint(weights, boxes, 0, 1) and not disjoint(weights, mild, 0, 1)


@pytest.mark.parametrize("widths, bias", [([2, 3, 2], True), ([1, 4, 2, 3, 1], [True, True, False, True]),
                                          ([2, 2, 3, 2, 2], True)], ids=str)
def test_theorem_2_at_any_depth_with_biases_for_every_ordered_pair_of_layers(widths, bias):
    weights, X, Y = draw(widths, bias)
    theta, L, rng = flatten(weights), training_loss(weights, X, Y, RELU), generator(44)
    r = box_radius(weights, X, Y, 0.1)
    units = [W.shape[1] for W in weights[:1]] + widths[1:-1]        # the first bias counts as theta_1
    for i, j in itertools.permutations(range(len(weights)), 2):
        boxes = flat_boxes(weights, r, 5, layers=(i, j))
        alphas = np.ones(len(weights))
        alphas[i], alphas[j] = boxes.alpha, 1 / boxes.alpha
        n = [len(W) * m for W, m in zip(weights, units)]
        b = [W.size - size for W, size in zip(weights, n)]          # biases, of the first layer none
        e = n[i] - n[j] + (sum(b[i:j]) if i < j else -sum(b[j:i]))
        assert (boxes.alpha > 1) == (e >= 0)
        corners = []
        for k, log_volume in enumerate(boxes.log_volumes):
            d = alpha_diagonal(weights, alphas ** k)                # T_alpha^k = diag(1 / d), determinant 1 / prod d
            assert np.isclose(-np.log(d).sum(), k * e * np.log(boxes.alpha), rtol=1e-12, atol=1e-10)
            assert np.isclose(log_volume, len(theta) * np.log(2 * boxes.radii[0, 0]) - np.log(d).sum(), rtol=1e-12)
            center, radii = theta / d, boxes.radii[0, 0] / d
            assert np.allclose(flatten(alpha_scale(weights, alphas ** k)), center, rtol=1e-13, atol=0)
            assert np.isclose(radii, boxes.radii[k, 0]).any() and np.isclose(radii, boxes.radii[k, 1]).any()
            corners.append((center - radii, center + radii))
            for _ in range(5):
                assert training_loss(unflatten(rng.uniform(*corners[-1]), weights), X, Y, RELU) < L + 0.1
        for (low, high), (low_2, high_2) in itertools.combinations(corners, 2):
            assert ((high < low_2) | (high_2 < low)).any()          # some coordinate tells them apart
        assert (np.diff(boxes.log_volumes) >= 0).all()


def test_erratum_theorem_2_the_determinant_is_1_where_n1_is_n2():
    weights = draw([2, 3, 2], False)[0]                             # n1 = n2 = 6: "alpha^(n1 - n2) > 1" should be >= 1
    boxes = flat_boxes(weights, 0.1, 4)
    assert boxes.alpha > 2 and np.ptp(boxes.log_volumes) == 0       # all of one volume, without end: infinite still
    assert np.isclose(np.prod(alpha_diagonal(weights, [boxes.alpha, 1 / boxes.alpha])), 1, rtol=1e-14, atol=0)
    assert all(disjoint(weights, boxes, i, j) for i, j in itertools.combinations(range(4), 2))


@pytest.mark.parametrize("widths, bias", [([2, 2, 1], False), ([1, 2, 1], True), ([1, 1, 2, 1], [True, False, True])],
                         ids=str)
@pytest.mark.parametrize("act", [RELU, TANH, LEAKY_RELU], ids=lambda a: a.name)
def test_box_radius_is_certified_at_all_corners_and_inside(widths, bias, act):
    weights, X, Y = draw(widths, bias)
    theta, L, rng = flatten(weights), training_loss(weights, X, Y, act), generator(9)
    corners = np.array(list(itertools.product([-1.0, 1.0], repeat=len(theta))))         # at most 2^7
    points = np.vstack([corners, rng.uniform(-1, 1, size=(200, len(theta)))])
    f = forward(weights, X, act)
    for epsilon in (1e-6, 1e-2, 1.0, 1e3):
        r = box_radius(weights, X, Y, epsilon, act)
        near, far = (forward_pass(unstack(theta + move, weights), X, act)[1][-1]                # (points, n, M)
                     for move in (r * points, 50 * r * corners))
        loss, beyond = (((outputs - Y) ** 2).sum(axis=(1, 2)) / 2 for outputs in (near, far))
        assert loss.max() < L + epsilon + 1e-13 * L
        assert beyond.max() > L + epsilon                           # control: the bound is not idle
        m = output_change(weights, X, r, act)
        assert (np.abs(near - f) <= m * (1 + 1e-9) + 1e-13).all()
        bound = [np.sum(np.abs(f - Y) * m + m ** 2 / 2) for m in (m, output_change(weights, X, 1.001 * r, act))]
        assert bound[0] < epsilon < bound[1]                        # the largest r the bound allows


def test_output_change_in_numbers():
    weights, X = [np.array([[1.0, -2.0, 0.5]]), np.array([[3.0]])], np.array([[1.0, 2.0]])
    # m_1 = r (1 + 2 + 1), a_1 = relu(-3.5) = 0;  m_2 = 3 m_1 + r (0 + m_1)
    assert np.allclose(output_change(weights, X, 0.1), 3 * 0.4 + 0.1 * 0.4)
    assert (output_change(weights, X, 0.0) == 0).all()
    assert (output_change(weights, np.vstack([X, 9 * X]), 0.1)[:1] == output_change(weights, X, 0.1)).all()
    weights[0][0, 1] = 2.0                                          # a_1 = relu(4.5)
    assert np.allclose(output_change(weights, X, 0.1), 3 * 0.4 + 0.1 * (4.5 + 0.4))
    for c in (2, -3):                                               # slopes up to 2, and down to -3
        with pytest.raises(ValueError, match="its slope should be at most 1 in size"):
            output_change(weights, X, 0.1, Activation("steep", lambda x, c=c: SOFTPLUS.f(c * x),
                                                      lambda x, c=c: c * SOFTPLUS.df(c * x), SOFTPLUS.d2f))


# ------------------------------------------------------------------ Theorems 4 and 5: the Hessian

@pytest.mark.parametrize("bias", [False, [True, False]], ids=str)
@pytest.mark.parametrize("first", [True, False], ids=["d in theta_1", "d in theta_2"])
def test_theorem_4_the_spectral_norm_and_the_trace_exceed_any_bound(first, bias):
    weights, X, Y = fitted([2, 3, 2], bias, 8)
    weights = alpha_scale(weights, [0.05, 20] if first else [20, 0.05])             # where the large curvature is
    H, n1 = hessian(weights, X, Y, RELU), weights[0].size
    assert (np.diag(H).argmax() < n1) == first
    for bound in (1e-3, 1.0, 1e7):
        alpha = alpha_for_norm(H, n1, bound)
        moved = alpha_scale(weights, [alpha, 1 / alpha])
        H_moved, d = hessian(moved, X, Y, RELU), alpha_diagonal(weights, [alpha, 1 / alpha])
        values = np.linalg.eigvalsh(d[:, None] * H * d)
        assert values[-1] > bound and values.sum() > bound
        assert np.linalg.norm(H_moved, 2) > bound and np.trace(H_moved) > bound
        assert training_loss(moved, X, Y, RELU) < 1e-25
        # the diagonal element itself ends two per cent above: 1.01 in alpha
        assert np.isclose((d ** 2 * np.diag(H))[np.diag(H).argmax()], 1.01 ** 2 * bound, rtol=1e-12, atol=0)
    gentle = np.diag([0.5, 2.0, 1.0])
    assert np.isclose(alpha_for_norm(gentle, 1, 8.0), 1.01 * 2)
    assert np.isclose(alpha_for_norm(gentle, 2, 8.0), 0.5 / 1.01)


@pytest.mark.parametrize("first", [True, False], ids=["d in theta_1", "d in theta_2"])
def test_theorem_4_with_output_biases_which_stand_at_the_end_of_each_row_and_are_not_scaled(first):
    weights, X, Y = fitted([2, 3, 2], True, 9)
    weights = alpha_scale(weights, [0.3, 1 / 0.3] if first else [3.0, 1 / 3.0])
    H, n1, bound = hessian(weights, X, Y, RELU), weights[0].size, 1e6
    d = np.diag(H).copy()
    assert np.isclose(d[[n1 + 3, n1 + 7]], len(X)).all()            # output biases: n, whatever alpha is
    for places in (range(n1), range(n1, n1 + 3)):                   # make theta_1 or theta_2 alone decide
        other = np.setdiff1d(np.arange(len(d)), [*places, n1 + 3, n1 + 7])
        G = H.copy()
        G[other], G[:, other] = 0, 0
        alpha = alpha_for_norm(G, n1, bound, biases=2)
        D = alpha_diagonal(weights, [alpha, 1 / alpha])
        assert np.linalg.norm(D[:, None] * G * D, 2) > bound and (alpha < 1) == (places[0] == 0)
    alpha = alpha_for_norm(H, n1, bound, biases=2)
    assert np.linalg.norm(hessian(alpha_scale(weights, [alpha, 1 / alpha]), X, Y, RELU), 2) > bound
    assert (alpha < 1) == (d[:n1].max() > np.delete(d[n1:], [3, 7]).max())


def test_erratum_theorem_4_fails_where_only_an_output_bias_has_curvature():
    X, Y = np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [-2.0], [4.0]])
    weights = [np.array([[-1.0, 0.5], [-2.0, 1.0], [-0.5, 0.1]]), np.array([[1.0, -2.0, 3.0, -Y.mean()]])]
    H, n1 = hessian(weights, X, Y, RELU), weights[0].size           # three dead units, the bias is the mean: a minimum
    assert np.abs(flatten(gradient(weights, X, Y, RELU))).max() < 1e-15 and np.count_nonzero(H) == 1
    with pytest.raises(ValueError, match="0 outside the output biases"):
        alpha_for_norm(H, n1, 1e6, biases=1)
    blind = alpha_for_norm(H, n1, 1e6)                              # the bias taken for a weight of theta_2
    for alpha in (blind, 1e-3, 1.0, 1e3):
        moved = alpha_scale(weights, [alpha, 1 / alpha])
        assert np.isclose(np.linalg.norm(hessian(moved, X, Y, RELU), 2), 3)             # n, and not above 1e6


def test_theorem_4_control_at_a_large_enough_alpha_of_the_wrong_side_the_norm_stays_below():
    H = np.diag([2.0, 0.0])                                         # d in theta_1: alpha > 1 flattens
    for alpha in (1.0, 3.0):
        D = np.diag([1 / alpha, alpha])
        assert np.linalg.norm(D @ H @ D, 2) <= 2 < 10
    alpha = alpha_for_norm(H, 1, 10.0)
    D = np.diag([1 / alpha, alpha])
    assert np.linalg.norm(D @ H @ D, 2) > 10


def test_theorem_4_control_a_saddle_may_have_no_positive_diagonal_element():
    weights, X, Y = [np.array([[1e-9]]), np.array([[1e-9]])], np.array([[1.0]]), np.array([[-1.0]])
    H = hessian(weights, X, Y, RELU)                                # (vw + 1)^2 / 2 at w = v = 0+
    assert np.linalg.eigvalsh(H)[0] < -0.9 and np.diag(H).max() < 1e-15
    with pytest.raises(ValueError, match="H has no positive diagonal element"):
        alpha_for_norm(np.array([[0.0, 1.0], [1.0, 0.0]]), 1, 1.0)
    for alpha in (0.1, 10.0):                                       # whatever alpha, D H D = H: no bound is exceeded
        D = np.diag([1 / alpha, alpha])
        assert np.allclose(D @ [[0.0, 1.0], [1.0, 0.0]] @ D, [[0.0, 1.0], [1.0, 0.0]])


@pytest.mark.parametrize("widths", [[4, 3, 2, 3], [3, 4, 1], [2, 2, 3, 2, 2]], ids=str)
@pytest.mark.parametrize("bias", [False, True], ids=["no biases", "biases"])
def test_theorem_5_as_many_eigenvalues_as_predicted_exceed_any_bound(widths, bias):
    weights, X, Y = fitted(widths, bias, 30)
    H = hessian(weights, X, Y, RELU)
    count = inertia(H)
    assert count.gap > 100                                          # true zeros and the others are told apart
    sizes, biases = [len(W) * m for W, m in zip(weights, widths)], [len(W) * bias for W in weights]
    predicted = large_eigenvalues(count.positive, sizes, biases)
    kept = [sizes[k] + sum(biases[k:]) for k in range(len(sizes))]
    assert predicted == max(0, count.positive - min(kept))
    values = np.linalg.eigvalsh(H)
    assert predicted > 0                                            # else nothing is claimed here
    for bound in (values[-1] * 10, values[-1] * 1e3):
        alphas = alphas_for_many(H, sizes, bound, biases=biases if bias else None)
        assert abs(np.log(alphas).sum()) < 1e-12
        assert np.argmax(alphas) == np.argmin(kept) and len(set(np.round(np.log(alphas), 9))) == 2
        d = alpha_diagonal(weights, alphas)
        assert (np.linalg.eigvalsh(d[:, None] * H * d) > bound).sum() >= predicted
        beta = 1 / alphas.min()
        assert np.isclose(beta, 1.01 * np.sqrt(bound / values[count.negative + count.zero]), rtol=1e-9)
        assert np.isclose(alphas.max(), beta ** (len(sizes) - 1))


def test_theorem_5_some_count_is_positive_and_attained_exactly():
    H, sizes = np.diag([3.0, 1.0, 2.0, 0.5, 7.0]), [2, 3]           # n_(k*) = 2: diagonal, so Horn is an equality
    alphas = alphas_for_many(H, sizes, 100.0)
    d = np.repeat(1 / alphas, sizes)
    assert ((d ** 2 * np.diag(H)) > 100).sum() == large_eigenvalues(5, sizes) == 3
    assert large_eigenvalues(5, sizes, [1, 0]) == 2 and large_eigenvalues(5, sizes, [0, 1]) == 2
    assert large_eigenvalues(5, [9, 2], [3, 1]) == 2 and large_eigenvalues(2, [9, 3]) == 0
    assert large_eigenvalues(0, [9, 3]) == 0
    first = alphas_for_many(np.eye(9), [2, 3], 4.0, biases=[1, 3])  # reach 2 + 4 and 3 + 3: the first of equals
    assert np.allclose(first, [2.02, 1 / 2.02])
    assert np.allclose(alphas_for_many(np.eye(9), [2, 3], 1e-4, biases=[1, 3]), 1)
    assert np.allclose(alphas_for_many(np.eye(5), [2, 3], 1e-4), [0.0101, 1 / 0.0101])
    assert np.allclose(alphas_for_many(np.diag([1.0, 0.0, 0.0]), [1, 2], 4.0), [2.02, 1 / 2.02])        # of rank one


def test_erratum_the_singular_values_of_H_D2_are_not_the_eigenvalues_of_D_H_D():
    H, d2 = np.ones((2, 2)), np.array([100.0, 0.01])                # H >= 0 of rank 1, D^2
    singular = np.linalg.svd(H * d2, compute_uv=False)              # Definition 6 for H D^2
    eigen = np.linalg.eigvalsh(np.sqrt(np.outer(d2, d2)) * H)[::-1]
    assert np.isclose(singular[0] / eigen[0], np.sqrt(2), rtol=1e-3)                    # 41 per cent too large
    bound = 120.0
    assert (singular > bound).sum() == 1 and (eigen > bound).sum() == 0                 # "> M" is said of the wrong one
    rng = generator(11)
    for _ in range(50):                                             # corrected: Horn for H^(1/2) D^2 H^(1/2)
        n, n_k, rank = 7, int(rng.integers(1, 4)), int(rng.integers(3, 8))
        root = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, n))
        H, d = root.T @ root, np.where(np.arange(n) < n - n_k, 3.0, 0.1)
        values, lam = np.linalg.eigvalsh(np.outer(d, d) * H)[::-1], np.linalg.eigvalsh(H)[::-1]
        symmetric = np.linalg.eigvalsh(root @ np.diag(d ** 2) @ root.T)[::-1]
        assert np.allclose(values, symmetric, rtol=0, atol=1e-11 * values[0])           # the same eigenvalues
        assert (values[:n - n_k] >= 9 * lam[n_k:] - 1e-11 * values[0]).all()
        block = np.linalg.eigvalsh(H[:n - n_k, :n - n_k])[::-1]     # and by Cauchy, twice: the block without layer k*
        assert (values[:n - n_k] >= 9 * block - 1e-11 * values[0]).all()
        assert (block >= lam[n_k:] - 1e-12 * lam[0]).all()


# ------------------------------------------------------------------ epsilon-sharpness

def quadratic(g, H, base=0.5, center=0.0):
    """L = base + g.z + z.H z / 2, z = theta - center, and its gradient."""
    return ((lambda theta: base + (theta - center) @ g + (theta - center) @ H @ (theta - center) / 2),
            (lambda theta: g + H @ (theta - center)))


def orthogonal(P, rng):
    return np.linalg.qr(rng.normal(size=(P, P)))[0]


SPECTRA = {
    "definite": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "flat directions": [0.0, 0.0, 0.0, 1.0, 2.0, 7.0],
    "multiple top": [0.0, 1.0, 5.0, 5.0, 5.0, 5.0], "rank one": [0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
    "indefinite": [-9.0, -1.0, 0.0, 1.0, 2.0, 4.0], "nearly multiple": [0.0, 0.0, 0.0, 1.0, 2.0, 2.0 + 1e-9],
    "isotropic": [2.0] * 6, "tiny": [0.0, 0.0, 1e-12, 1e-12, 2e-12, 3e-12], "huge": [0.0, 0.0, 1.0, 1.0, 1e9, 2e9],
    "negative": [-3.0, -2.0, -2.0, -1.0, -1.0, -0.5],
}


def test_sharpness_of_a_quadratic_at_a_critical_point_is_lambda_1_eps2_over_2():
    for (k, epsilon), lam in itertools.product(enumerate((1e-3, 0.5, 30.0)), map(np.array, SPECTRA.values())):
        Q = orthogonal(6, generator(12, k))
        H = Q * lam @ Q.T
        H = (H + H.T) / 2
        loss, slope = quadratic(np.zeros(6), H)
        exact = max(0.0, lam[-1]) * epsilon ** 2 / 2 / 1.5
        floor = 4 * np.finfo(float).eps                             # L rounds at 0.5, its value does not
        found = epsilon_sharpness(loss, slope, np.zeros(6), epsilon, hessian=H, rng=k, starts=1)
        assert abs(found.value - exact) <= 1e-13 * exact + floor
        assert np.linalg.norm(found.point) <= epsilon * (1 + 1e-15)
        if lam[0] >= 0:
            assert np.isclose(quadratic_sharpness(H, 0.5, epsilon), exact, rtol=1e-13, atol=0)
        blind = epsilon_sharpness(loss, slope, np.zeros(6), epsilon, rng=k, starts=1, iterations=400)
        assert (1 - 1e-6) * exact - floor <= blind.value <= (1 + 1e-13) * exact + floor         # without the Hessian


def certificate(g, H, epsilon, z):
    """How far z is from the conditions of a global maximum of the model: (mu I - H) z = g, mu I - H >= 0, mu >= 0."""
    inside = np.linalg.norm(z) < epsilon * (1 - 1e-9)
    mu = 0.0 if inside else max(0.0, z @ (H @ z + g) / epsilon ** 2)
    scale = np.linalg.norm(H, 2) + np.linalg.norm(g) / epsilon
    return max(np.linalg.norm(mu * z - H @ z - g) / epsilon, np.linalg.eigvalsh(H)[-1] - mu) / scale


@pytest.mark.parametrize("kind", ["general", "hard case", "nearly hard", "zero", "large"])
def test_the_maximum_of_a_quadratic_on_a_ball_satisfies_the_conditions_of_optimality(kind):
    for (k, epsilon), lam in itertools.product(enumerate((1e-2, 1.0, 40.0)), map(np.array, SPECTRA.values())):
        rng = generator(13, k)
        Q = orthogonal(6, rng)
        H, c = Q * lam @ Q.T, rng.normal(size=6) * max(1e-3, np.abs(lam).max())
        H = (H + H.T) / 2
        if kind in ("hard case", "nearly hard"):
            c[lam > lam[-1] - 1e-6] *= 0 if kind == "hard case" else 1e-9
            c[lam <= lam[-1] - 1e-6] *= min(1.0, epsilon) * 1e-2
        g = Q @ c * {"zero": 0.0, "large": 1e3}.get(kind, 1.0)
        best = quadratic_maximum(g, H, epsilon)
        assert certificate(g, H, epsilon, best.z) < 1e-12           # seen: 4e-15
        assert np.linalg.norm(best.z) <= epsilon * (1 + 1e-14)
        assert np.isclose(best.value, max(0, g @ best.z + best.z @ H @ best.z / 2), rtol=1e-12, atol=1e-300)
        z = rng.normal(size=(500, 6))
        z *= epsilon * rng.random((500, 1)) ** (1 / 6) / np.linalg.norm(z, axis=1)[:, None]
        rounding = 1e-13 * (np.abs(g).max() * epsilon + np.abs(H).max() * epsilon ** 2)
        assert (z @ g + np.einsum("si,ij,sj->s", z, H, z) / 2).max() <= best.value + rounding
        loss, slope = quadratic(g, H, 1e9)                          # sharpness at a point that is not critical
        found = epsilon_sharpness(loss, slope, np.zeros(6), epsilon, hessian=H, rng=k, starts=2, iterations=5)
        assert abs(found.value * (1 + 1e9) - best.value) <= 1e-12 * best.value + 1e-6   # L rounds at 1e9: 1e-7


def test_a_quadratic_at_a_point_that_is_not_critical_by_hand():
    best = quadratic_maximum(np.array([3.0, 0.0]), np.diag([1.0, -2.0]), 2.0)
    assert np.allclose(best.z, [2, 0]) and np.isclose(best.value, 6 + 2)
    inside = quadratic_maximum(np.array([1.0, 0.0]), np.diag([-2.0, -1.0]), 2.0)
    assert np.allclose(inside.z, [0.5, 0]) and np.isclose(inside.value, 0.25)
    hard = quadratic_maximum(np.array([1.0, 0.0]), np.diag([1.0, 2.0]), 2.0)            # z_1 = 1 / (2 - 1) at mu = 2
    assert np.allclose(np.abs(hard.z), [1, np.sqrt(3)]) and np.isclose(hard.value, 1 + 0.5 + 3)
    for k, value in ((10.0, 0.05), (0.1, 0.4875)):                  # z = 1 / k inside, 1 / (2 k); or z = eps at the rim
        assert np.isclose(quadratic_maximum(np.array([1.0, 0.0]), -k * np.eye(2), 0.5).value, value)


def test_the_maximum_is_found_at_a_gradient_of_rounding_size_and_a_multiple_top_eigenvalue():
    """mu - lambda_1 is |g| / eps, far below eps lambda_1: it must not be lost in mu."""
    for size, (lam, epsilon) in itertools.product((1e-8, 1e-17, 1e-50), ((3.0, 0.5), (1e-3, 1e-2), (3.0, 40.0))):
        best = quadratic_maximum(np.full(3, size), lam * np.eye(3), epsilon)
        assert np.isclose(best.value, size * np.sqrt(3) * epsilon + lam * epsilon ** 2 / 2, rtol=1e-14, atol=0)
        assert np.isclose(np.linalg.norm(best.z), epsilon, rtol=1e-14, atol=0)
        assert np.allclose(best.z, epsilon / np.sqrt(3), rtol=1e-7)             # along g, though lambda_1 does not tell


def test_the_spectral_norm_is_the_second_order_sharpness_at_minima_only():
    H, epsilon = np.diag([-9.0, 4.0]), 0.5
    assert np.isclose(quadratic_sharpness(H, 1.0, epsilon), 9 * epsilon ** 2 / 4)
    assert np.isclose(quadratic_maximum(np.zeros(2), H, epsilon).value / 2, 4 * epsilon ** 2 / 4)   # control: a saddle
    assert np.isclose(quadratic_sharpness(np.diag([3.0, 4.0]), 1.0, epsilon),
                      quadratic_maximum(np.zeros(2), np.diag([3.0, 4.0]), epsilon).value / 2)


def test_sharpness_of_a_net_is_close_to_second_order_for_a_small_ball_and_errs_like_eps():
    weights, X, Y = fitted([2, 3, 2], False, 12)
    H, theta = hessian(weights, X, Y, RELU), flatten(weights)
    lam = np.linalg.norm(H, 2)
    errors, steps = [], np.array([1e-3, 1e-4])
    kink = np.abs(X @ weights[0].T).min() / np.linalg.norm(X, axis=1).max()             # no unit switches within it
    for epsilon in steps * kink:
        found = epsilon_sharpness(*network_loss(weights, X, Y, RELU), theta, epsilon, hessian=H, starts=4, rng=0)
        assert found.value > 0 and np.linalg.norm(found.point - theta) <= epsilon + 1e-15
        errors.append(abs(found.value / quadratic_sharpness(H, 0.0, epsilon) - 1))
    rounding = 1e-15 * np.abs(theta).max() / (steps[1] * kink)     # of theta + z, relative to z
    assert errors[0] < 10 * steps[0] * kink * np.abs(theta).max() * (1 + lam) and errors[1] < 0.2 * errors[0] + rounding


def test_sharpness_is_never_0_at_a_critical_point_with_curvature_where_ascent_from_it_is():
    weights, X, Y = fitted([2, 3, 2], True, 12)
    theta, (loss, slope) = flatten(weights), network_loss(weights, X, Y, RELU)
    assert np.abs(slope(theta)).max() < 1e-12
    for hess in (None, hessian(weights, X, Y, RELU)):
        assert epsilon_sharpness(loss, slope, theta, 0.05, hessian=hess, starts=4, rng=0).value > 1e-4
    # control: ascent started at theta itself, with an exact zero gradient, reports 0
    stuck, _ = _ascend(*quadratic(np.zeros(3), np.eye(3), 0.0), np.zeros(3), lambda z: z, 1.0, 200)
    assert stuck == 0


def test_sharpness_is_a_lower_bound_that_its_point_attains_and_a_dense_grid_finds_no_more():
    weights, X, Y = [np.array([[1.2]]), np.array([[0.7]])], np.array([[1.0], [2.0]]), np.array([[0.9], [1.5]])
    theta, epsilon = flatten(weights), 0.8
    loss, slope = network_loss(weights, X, Y, RELU)
    H, L = hessian(weights, X, Y, RELU), training_loss(weights, X, Y, RELU)
    angle, radius = np.meshgrid(np.linspace(0, 2 * np.pi, 2001), np.linspace(0, epsilon, 41))
    ball = np.stack([(radius * np.cos(angle)).ravel(), (radius * np.sin(angle)).ravel()], axis=1)
    side = np.linspace(-1, 1, 301)
    square = epsilon * (np.abs(theta) + 1) * np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    loss_at = lambda T: np.sum((np.maximum(T[:, :1] * X.T, 0) * T[:, 1:] - Y.T) ** 2, axis=1) / 2       # noqa: E731
    for box, nearby in ((False, ball), (True, square)):
        for hess in (None, H):
            found = epsilon_sharpness(loss, slope, theta, epsilon, hessian=hess, box=box, rng=0)
            dense = (loss_at(theta + nearby).max() - L) / (1 + L)
            assert dense * (1 - 1e-12) <= found.value <= dense * (1 + 1e-4)             # the grid's own spacing
            at = training_loss(unflatten(found.point, weights), X, Y, RELU)
            assert np.isclose((at - L) / (1 + L), found.value, rtol=1e-12, atol=0)


def test_sharpness_with_keskars_box_finds_the_best_corner():
    for k in range(5):
        rng = generator(14, k)
        Q, theta, epsilon = rng.normal(size=(6, 6)), rng.normal(size=6), 0.3
        H = Q @ Q.T
        shifted = quadratic(np.zeros(6), H, 0.5, theta)
        corners = epsilon * (np.abs(theta) + 1) * np.array(list(itertools.product([-1, 1], repeat=6)))
        exact = (max(map(shifted[0], theta + corners)) - 0.5) / 1.5         # a convex function is largest at a corner
        found = epsilon_sharpness(*shifted, theta, epsilon, hessian=H, box=True, starts=100, rng=k)
        assert np.isclose(found.value, exact, rtol=1e-12, atol=0)
        assert (np.abs(found.point - theta) <= epsilon * (np.abs(theta) + 1) * (1 + 1e-12)).all()
        ball = epsilon_sharpness(*shifted, theta, epsilon, hessian=H, rng=k)
        assert ball.value < found.value                             # the box holds the ball


def test_sharpness_in_a_subspace():
    rng = generator(15)
    Q, theta, epsilon, A = rng.normal(size=(6, 6)), rng.normal(size=6), 0.3, rng.normal(size=(6, 2))
    H = Q @ Q.T
    shifted = quadratic(np.zeros(6), H, 0.5, theta)
    B = np.linalg.qr(A)[0]
    ball = epsilon_sharpness(*shifted, theta, epsilon, hessian=H, subspace=A, rng=0)
    exact = np.linalg.eigvalsh(B.T @ H @ B)[-1] * epsilon ** 2 / 2 / 1.5
    assert np.isclose(ball.value, exact, rtol=1e-12) and np.isclose(np.linalg.norm(ball.point - theta), epsilon)
    other = epsilon_sharpness(*shifted, theta, epsilon, hessian=H, subspace=A @ rng.normal(size=(2, 2)), rng=0)
    assert np.isclose(other.value, ball.value, rtol=1e-12, atol=0)          # the ball knows the range of A only
    box = epsilon_sharpness(*shifted, theta, epsilon, hessian=H, subspace=A, box=True, rng=0)
    sides = epsilon * (np.abs(np.linalg.lstsq(A, theta, rcond=None)[0]) + 1)
    corners = (sides * np.array([[1, 1], [1, -1]])) @ A.T
    assert np.isclose(box.value, (max(map(shifted[0], theta + corners)) - 0.5) / 1.5, rtol=1e-12, atol=0)
    widths = epsilon_sharpness(*shifted, theta, epsilon, hessian=H, subspace=A, box=sides, rng=0)
    assert np.isclose(widths.value, box.value, rtol=1e-12, atol=0)          # the same set, given by its half-widths
    for flag in (False, True):                                      # all of space is a subspace
        whole = [epsilon_sharpness(*shifted, theta, epsilon, hessian=H, box=flag, subspace=S, rng=0).value
                 for S in (None, np.eye(6))]
        assert np.isclose(*whole, rtol=1e-12, atol=0)
    for found in (ball, box):                                       # theta' - theta is in the range of A
        assert np.abs(found.point - theta - B @ (B.T @ (found.point - theta))).max() < 1e-13
    Q, A = rng.normal(size=(40, 40)), rng.normal(size=(40, 12))     # one start, one step: the model's best point
    H, B = Q @ Q.T, np.linalg.qr(A)[0]
    best = epsilon_sharpness(*quadratic(np.zeros(40), H), np.zeros(40), epsilon, hessian=H, subspace=A, starts=1,
                             iterations=1, rng=0).value
    assert np.isclose(best, np.linalg.eigvalsh(B.T @ H @ B)[-1] * epsilon ** 2 / 2 / 1.5, rtol=1e-12, atol=0)


def recorded_starts(loss, slope, theta, epsilon, **options):
    """Where the ascents begin, less theta: the points whose loss is asked for with one iteration, every other one."""
    asked = []

    def recorded(t):
        asked.append(t - theta)
        return loss(t)

    epsilon_sharpness(recorded, slope, theta, epsilon, iterations=1, **options)
    return np.array(asked[1::2])                                    # theta; then the start and a trial for each ascent


def test_the_ascent_starts_on_the_boundary_and_never_at_theta():
    theta, H, epsilon = np.array([1.0, -2.0, 0.5]), np.diag([1.0, 2.0, 3.0]), 0.3
    loss, slope = quadratic(np.full(3, 1e-3), H, 0.5, theta)
    sides = epsilon * (np.abs(theta) + 1)
    for box in (False, True):
        critical = recorded_starts(*quadratic(np.zeros(3), H), np.zeros(3), epsilon, box=box, starts=7, rng=0)
        assert len(critical) == 7 and np.linalg.norm(critical, axis=1).min() > 0.299     # a gradient of exactly 0
        begin = recorded_starts(loss, slope, theta, epsilon, hessian=H, box=box, starts=7, rng=0)
        assert len(begin) == 7 + 1 + 3                              # random, gradient, +- top and the model's best
        if box:
            assert np.allclose(np.abs(begin[:-1]), sides, rtol=1e-12, atol=0)
            assert np.allclose(begin[7], sides) and begin[8, 2] == -begin[9, 2]
        else:
            assert np.allclose(np.linalg.norm(begin, axis=1), epsilon, rtol=1e-12, atol=0)
            assert np.allclose(begin[7], epsilon / np.sqrt(3)) and np.allclose(np.abs(begin[8:10, 2]), epsilon)
            assert np.allclose(begin[8], -begin[9]) and len(np.unique(begin.round(9), axis=0)) > 9


def test_the_loss_of_a_net_as_a_function_of_theta_and_its_gradient():
    weights, X, Y = draw([2, 3, 3, 2], [True, False, True])
    for act, loss in itertools.product((RELU, TANH), (SQUARE, LOGISTIC)):
        value, slope = network_loss(weights, X, Y, act, loss)
        for theta in flatten(weights) + 0.1 * generator(16).normal(size=(5, flatten(weights).size)):
            net = unflatten(theta, weights)
            assert np.isclose(value(theta), training_loss(net, X, Y, act, loss), rtol=1e-14, atol=0)
            assert np.allclose(slope(theta), flatten(gradient(net, X, Y, act, loss)), rtol=1e-12, atol=1e-13)
    X[:], theta = np.nan, flatten(weights)                          # it keeps its own data
    assert np.isfinite(value(theta)) and np.isfinite(slope(theta)).all()


def test_no_start_ends_below_its_beginning_and_more_starts_do_not_hurt():
    weights, X, Y = draw([2, 3, 3, 1], key=3)
    theta, (loss, slope) = flatten(weights), network_loss(weights, X, Y, TANH)
    ends, project = [], lambda z: z * min(1, 0.7 / np.linalg.norm(z))                       # noqa: E731
    for z in generator(17).normal(size=(8, len(theta))):
        z *= 0.7 / np.linalg.norm(z)
        value, end = _ascend(lambda z: loss(theta + z), lambda z: slope(theta + z), z, project, 0.7, 200)
        assert value >= loss(theta + z)
        assert np.isclose(value, loss(theta + end), rtol=1e-13, atol=0) and np.linalg.norm(end) <= 0.7 * (1 + 1e-14)
        ends.append((value, value / loss(theta + z), tuple(end)))
    assert max(rise for _, rise, _ in ends) > 1.1
    peak = lambda z: np.exp(-9 * z @ z), lambda z: -18 * z * np.exp(-9 * z @ z)             # noqa: E731
    heights = [_ascend(*peak, np.array([0.1, 0.2]), project, 0.7, k)[0] for k in range(20)]     # 0.7 leads beyond it
    assert (np.diff(heights) >= 0).all() and heights[0] == heights[1] < 0.7 and heights[-1] > 0.999
    few, many = (epsilon_sharpness(loss, slope, theta, 0.7, starts=k, rng=0).value for k in (1, 8))
    assert many >= few * (1 - 1e-9)
    weights, X, Y = draw([2, 3, 3, 1], key=7)                       # and here one is not enough
    few, many = (epsilon_sharpness(*network_loss(weights, X, Y, RELU), flatten(weights), 0.7, starts=k, rng=0).value
                 for k in (1, 8))
    assert many > 1.002 * few
    # stationary on the ball: the gradient points outwards, or is 0 inside
    best = np.array(max(ends)[2])
    g = slope(theta + best)
    assert np.linalg.norm(g - g @ best * best / 0.49) < 1e-4 * np.linalg.norm(g)


def test_section_4_3_the_sharpness_reaches_that_of_a_constant_function():
    weights, X, Y = fitted([2, 3, 2], False, 12)
    constant, epsilon = training_loss([0 * W for W in weights], X, Y, RELU), 0.1
    L = training_loss(weights, X, Y, RELU)
    before = epsilon_sharpness(*network_loss(weights, X, Y, RELU), flatten(weights), epsilon,
                               hessian=hessian(weights, X, Y, RELU), starts=2, rng=0).value
    alpha = alpha_to_constant(weights, epsilon)
    assert np.isclose(alpha * np.sqrt((weights[0] ** 2).sum()), epsilon, rtol=1e-15, atol=0)            # Frobenius
    moved = alpha_scale(weights, [alpha, 1 / alpha])
    H = hessian(moved, X, Y, RELU)
    for box in (False, True):
        after = epsilon_sharpness(*network_loss(moved, X, Y, RELU), flatten(moved), epsilon, hessian=H, box=box,
                                  starts=2, rng=0)
        assert after.value >= (constant - L) / (1 + L)
        assert after.value > 10 * before or box
    assert np.allclose(forward(moved, X, RELU), Y, rtol=1e-12, atol=1e-12)


def test_section_4_3_any_layer_of_a_deep_net_reaches_a_constant_function():
    for bias in (False, True):
        weights, X, Y = fitted([2, 3, 4, 2], bias, 12)
        for i, epsilon in itertools.product(range(3), (1e-3, 0.1)):
            alpha = alpha_to_constant(weights, epsilon, layer=i)
            for j in {0, 1, 2} - {i}:
                alphas = np.ones(3)
                alphas[i], alphas[j] = alpha, 1 / alpha
                moved = alpha_scale(weights, alphas)
                reached = [W.copy() for W in moved]
                reached[i][:, :weights[i - 1].shape[0] if i else None] = 0
                assert np.isclose(np.linalg.norm(flatten(reached) - flatten(moved)), epsilon, rtol=1e-13, atol=0)
                assert np.ptp(forward(reached, X, RELU), axis=0).max() < 1e-9 * np.abs(flatten(reached)).max()
    assert np.ptp(forward(weights, X, RELU)) > 0.1                  # control: before it is not constant


def test_beyond_section_4_3_the_sharpness_grows_without_limit_as_alpha_goes_to_0():
    weights, X, Y = fitted([2, 3, 2], False, 12)
    f, epsilon, size = forward(weights, X, RELU), 0.1, np.linalg.norm(weights[0])
    best = np.sum((Y - Y.mean(axis=0)) ** 2) / 2                    # the best constant
    found = []
    for alpha in epsilon / size / np.array([1.0, 10.0, 100.0]):
        moved = alpha_scale(weights, [alpha, 1 / alpha])
        H = hessian(moved, X, Y, RELU)
        value = epsilon_sharpness(*network_loss(moved, X, Y, RELU), flatten(moved), epsilon, hessian=H, starts=2, rng=0)
        stretched = (epsilon / (alpha * size)) ** 2 * np.sum(f ** 2) / 2        # L at (1 + eps / (alpha |theta_1|)) f
        inside = [moved[0] * (1 + epsilon / (alpha * size)), moved[1]]
        assert np.isclose(np.linalg.norm(inside[0] - moved[0]), epsilon, rtol=1e-12, atol=0)
        assert np.isclose(training_loss(inside, X, Y, RELU), stretched, rtol=1e-10, atol=0)
        assert value.value >= max(best, stretched) * (1 - 1e-9)
        found.append(value.value)
    assert found[1] > 10 * found[0] and found[2] > 10 * found[1]    # like alpha^-2


def test_section_4_3_the_largest_eigenvalue_in_a_random_subspace_diverges_too():
    """lambda_1(Q^T D H D Q) alpha^2 -> lambda_1(Q_1^T H_11 Q_1): the paper has "not been able to show" the like for the
    sharpness."""
    weights, X, Y = fitted([2, 4, 2], False, 20)
    H, n1 = hessian(weights, X, Y, RELU), weights[0].size
    Q = np.linalg.qr(generator(45).normal(size=(len(H), 3)))[0]     # drawn without regard to alpha
    for part, sign in ((slice(None, n1), 1), (slice(n1, None), -1)):            # theta_1, and the mirror case
        limit, errors = np.linalg.eigvalsh(Q[part].T @ H[part, part] @ Q[part])[-1], []
        for alpha in (1e-1, 1e-2, 1e-3):
            d = alpha_diagonal(weights, [alpha ** sign, alpha ** -sign])
            value = np.linalg.eigvalsh(Q.T @ (d[:, None] * H * d) @ Q)[-1]
            assert value > 0.5 * limit / alpha ** 2 and limit > 0.1
            errors.append(abs(value * alpha ** 2 - limit))
        slope = np.diff(np.log10(errors))
        assert np.allclose(slope, -2, atol=0.3)                     # the error is of the order alpha^2
    blind = np.linalg.qr(np.eye(len(H))[:, n1:][:, :3])[0]          # control: a subspace that holds theta_2 alone
    values = [np.linalg.eigvalsh(blind.T @ (d[:, None] * H * d) @ blind)[-1] for d in
              (alpha_diagonal(weights, [alpha, 1 / alpha]) for alpha in (1.0, 0.1))]
    assert values[1] < 0.02 * values[0]


# ------------------------------------------------------------------ what no scaling changes

def orbits(weights, key):
    """Other nets of the same function: by layers, and by units."""
    moved = [alpha_scale(weights, scales(len(weights), generator(46, key)))]
    for layer in range(len(weights) - 1):
        moved.append(unit_scale(moved[-1], layer, np.exp(generator(47, key, layer).normal(size=len(weights[layer])))))
    return moved[0], moved[-1]


@pytest.mark.parametrize("widths, bias", [([2, 3, 2], False), ([2, 3, 4, 1], [True, False, False])], ids=str)
def test_the_least_trace_on_the_orbit_in_closed_form_and_the_same_from_every_point_of_it(widths, bias):
    for act, zero in itertools.product((RELU, LEAKY_RELU), (True, False)):
        weights, X, Y = draw(widths, bias, 12)
        Y = forward(weights, X, act) if zero else Y                 # t_k >= 0 also where nothing is stationary
        sizes, H = [W.size for W in weights], hessian(weights, X, Y, act)
        t = np.array([np.trace(H[a:b, a:b]) for a, b in itertools.pairwise(np.cumsum([0, *sizes]))])
        assert (t > 0).all()
        alphas = flattest_alphas(H, sizes)
        assert abs(np.log(alphas).sum()) < 1e-13
        least = len(t) * np.prod(t) ** (1 / len(t))
        assert np.isclose(np.trace(hessian(alpha_scale(weights, alphas), X, Y, act)), least, rtol=1e-12, atol=0)
        for k in range(10):
            near = alphas * scales(len(t), generator(48, k), 10.0 ** -(k % 3))
            moved = alpha_scale(weights, near)
            H_moved = hessian(moved, X, Y, act)
            assert np.trace(H_moved) > least
            back = alpha_scale(moved, flattest_alphas(H_moved, sizes))              # one flattest point on the orbit
            assert relative(flatten(back), flatten(alpha_scale(weights, alphas))) < 1e-12
            blocks = [np.trace(H_moved[a:b, a:b]) for a, b in itertools.pairwise(np.cumsum([0, *sizes]))]
            assert np.allclose([W.ravel() @ W.ravel() * x for W, x in zip(moved, blocks)],
                               [W.ravel() @ W.ravel() * x for W, x in zip(weights, t)], rtol=1e-12, atol=0)
        H_unit = hessian(unit_scale(weights, 0, np.array([5.0, 1.0, 0.2])), X, Y, act)          # control: by units
        t_unit = [np.trace(H_unit[a:b, a:b]) for a, b in itertools.pairwise(np.cumsum([0, *sizes]))]
        assert abs(np.prod(t_unit) / np.prod(t) - 1) > 0.1


def test_an_output_bias_adds_a_constant_to_the_least_trace():
    weights, X, Y = fitted([2, 3, 2], True, 12)
    H, biases = hessian(weights, X, Y, RELU), np.array([3, 7]) + weights[0].size
    kept = np.delete(np.arange(len(H)), biases)
    alphas, t = flattest_alphas(H[np.ix_(kept, kept)], [9, 6]), np.diag(H)[kept]
    flattest = np.trace(hessian(alpha_scale(weights, alphas), X, Y, RELU))
    assert np.isclose(flattest, 2 * np.sqrt(t[:9].sum() * t[9:].sum()) + 2 * len(X), rtol=1e-12)
    with pytest.raises(ValueError, match="sizes add up to 15"):
        flattest_alphas(H, [9, 6])


def test_curvature_in_units_of_the_weights_is_invariant_under_every_scaling_by_layers_or_units():
    for k, (widths, bias) in enumerate(NETS):
        weights, X, Y = draw(widths, bias)
        for moved in orbits(weights, k):
            (theta, g, H), (theta_moved, g_moved, H_moved) = ((
                flatten(net), flatten(gradient(net, X, Y, RELU)), hessian(net, X, Y, RELU)) for net in (weights, moved))
            assert relative(theta_moved * g_moved, theta * g) < 1e-12
            before, after = theta[:, None] * H * theta, theta_moved[:, None] * H_moved * theta_moved
            assert relative(after, before) < 1e-12
            assert np.isclose(theta_moved ** 2 @ np.diag(H_moved), theta ** 2 @ np.diag(H), rtol=1e-12, atol=0)
            assert np.isclose(np.linalg.norm(after, 2), np.linalg.norm(before, 2), rtol=1e-12, atol=0)
            assert relative(np.diag(H_moved), np.diag(H)) > 0.01    # control


def test_sharpness_over_a_box_in_units_of_the_weights_is_invariant_and_keskars_plus_1_breaks_it():
    for k, (widths, bias) in enumerate([([2, 2, 1], True), ([2, 3, 2, 1], False)]):
        weights, X, Y = fitted(widths, bias, 12)
        theta, epsilon = flatten(weights), 0.1
        A, up = generator(49).normal(size=(len(theta), 2)), 100 ** (1 / (len(weights) - 1))

        def sharp(net, starts=4, X=X, Y=Y, epsilon=epsilon, **options):
            functions = network_loss(net, X, Y, RELU)
            return epsilon_sharpness(*functions, flatten(net), epsilon, starts=starts, rng=0, **options)

        here = sharp(weights, 16, box=epsilon * np.abs(theta))
        for moved in orbits(weights, k):
            there, (value, _) = flatten(moved), network_loss(moved, X, Y, RELU)
            ratio = there / theta
            assert np.isclose(value(ratio * here.point), here.value, rtol=1e-9)         # carried over, with its value
            assert (np.abs(ratio * here.point - there) <= epsilon * np.abs(there) * (1 + 1e-12)).all()
            assert np.isclose(sharp(moved, 16, box=epsilon * np.abs(there)).value, here.value, rtol=1e-6)
            # in a subspace if basis and widths are carried along
            small, along, stays = (sharp(net, box=[0.1, 0.2], subspace=B).value for net, B in (
                (weights, A), (moved, ratio[:, None] * A), (moved, A)))
            assert np.isclose(small, along, rtol=1e-6) and not np.isclose(small, stays, rtol=1e-2)
        far = alpha_scale(weights, [1e-2] + [up] * (len(weights) - 1))
        assert sharp(far, box=True).value > 10 * sharp(weights, box=True).value         # control: eps (|theta_i| + 1)


def test_a_box_with_half_widths_0_holds_only_what_the_others_move():
    loss, slope = quadratic(np.zeros(3), np.diag([1.0, 2.0, 5.0]), 0.5)
    found = epsilon_sharpness(loss, slope, np.zeros(3), 0.1, box=[1.0, 0.5, 0.0], rng=0)
    assert np.isclose(found.value, (1 / 2 + 2 * 0.25 / 2) / 1.5) and found.point[2] == 0
    assert epsilon_sharpness(loss, slope, np.zeros(3), 0.1, box=np.zeros(3), rng=0).value == 0
    wavy = lambda t: float((2 - np.cos(7 * t)).sum() + t @ t), lambda t: 7 * np.sin(7 * t) + 2 * t          # noqa: E731
    one, other = (epsilon_sharpness(*wavy, np.ones(3), epsilon, box=[1.0, 0.5, 2.0], starts=1, rng=0).value
                  for epsilon in (1e-6, 1.0))
    assert one == other                                             # of half-widths epsilon plays no part


def measures(net, X, Y, epsilon):
    return orbit_measures(*network_loss(net, X, Y, RELU), hessian(net, X, Y, RELU), flatten(net), [W.size for W in net],
                          epsilon, rng=0)


CHANGE, STAY = ("norm", "trace", "ball", "keskar"), ("rank", "least_trace", "scaled_norm", "scaled_trace", "adaptive")


def test_of_nine_measures_of_flatness_four_change_along_the_alpha_orbit_and_five_do_not():
    weights, X, Y = fitted([2, 4, 1], [True, False], 14)
    rows = []
    for alpha in (0.1, 1.0, 10.0):
        moved = alpha_scale(weights, [alpha, 1 / alpha])
        rows.append(measures(moved, X, Y, 0.05))
    table = {name: np.array([getattr(row, name) for row in rows]) for name in rows[0]._fields}
    assert tuple(table) == CHANGE + STAY
    for name in CHANGE:
        assert table[name].max() > 5 * table[name].min(), name
    for name in STAY:
        assert np.ptp(table[name]) <= 1e-6 * table[name].max(), name
    H, theta = hessian(weights, X, Y, RELU), flatten(weights)       # each by another road
    one, (loss, slope) = rows[1], network_loss(weights, X, Y, RELU)
    assert np.isclose(one.norm, np.linalg.norm(H, 2)) and np.isclose(one.trace, np.trace(H))
    assert one.rank == jacobian_rank(weights, X, RELU)
    assert np.isclose(one.least_trace, np.trace(hessian(alpha_scale(weights, flattest_alphas(H, [12, 4])), X, Y, RELU)))
    assert np.isclose(one.scaled_trace, theta ** 2 @ np.diag(H))
    assert np.isclose(one.scaled_norm, np.linalg.norm(np.abs(theta)[:, None] * H * np.abs(theta), 2))
    for name, options in (("ball", {}), ("keskar", {"box": True}), ("adaptive", {"box": 0.05 * np.abs(theta)})):
        many = epsilon_sharpness(loss, slope, theta, 0.05, hessian=H, rng=1, **options).value
        assert np.isclose(getattr(one, name), many, rtol=1e-3)
    wide = 1.5                                                      # where no corner it starts from is the best point
    adaptive = orbit_measures(loss, slope, H, theta, [12, 4], wide, starts=1, rng=0).adaptive
    many = epsilon_sharpness(loss, slope, theta, wide, hessian=H, box=wide * np.abs(theta), starts=8, rng=1).value
    assert np.isclose(adaptive, many, rtol=1e-3)
    wavy = lambda t: float((1 - np.cos(7 * t)).sum() + t @ t), lambda t: 7 * np.sin(7 * t) + 2 * t          # noqa: E731
    balls = {round(orbit_measures(*wavy, 51 * np.eye(2), np.zeros(2), [1, 1], 2.3, starts=1, rng=k).ball, 6)
             for k in range(4)}
    assert len(balls) > 1                                           # rng draws the starts
    by_units = measures(unit_scale(weights, 0, np.array([5.0, 1.0, 0.2, 3.0])), X, Y, 0.05)
    assert abs(by_units.least_trace / one.least_trace - 1) > 0.05   # by units this is no invariant, the others are
    for name in set(STAY) - {"least_trace"}:
        assert np.isclose(getattr(by_units, name), getattr(one, name), rtol=1e-6), name


def test_the_title_a_net_that_generalizes_better_is_made_sharper_than_one_that_generalizes_worse():
    rng = generator(50)
    teacher = [np.array([[1.0, 0.3], [-1.0, 0.5]]), np.array([[1.0, 1.5]])]             # two units, no biases
    X, far = rng.normal(size=(5, 2)), rng.normal(size=(200, 2))
    Y = forward(teacher, X, RELU)
    good = [np.vstack([teacher[0], 0.1 * rng.normal(size=(3, 2))]), np.hstack([teacher[1], np.zeros((1, 3))])]  # B
    for k in itertools.count():
        fitted_net = fit([2 * W for W in random_weights([2, 5, 1], bias=False, rng=[SEED, k])], X, Y, RELU)
        if fitted_net.loss < 1e-25 and jacobian_rank(fitted_net.weights, X, RELU) == 5:
            break
    bad = fitted_net.weights                                        # A
    error = [np.mean((forward(net, far, RELU) - forward(teacher, far, RELU)) ** 2) for net in (bad, good)]
    assert error[1] < 1e-20 and error[0] > 0.01                     # B generalizes better
    A, B = measures(bad, X, Y, 0.05), measures(good, X, Y, 0.05)
    assert A.trace > B.trace and A.norm > B.norm                    # and is flatter, as they say
    sharper = alpha_scale(good, [0.02, 50.0])
    moved = measures(sharper, X, Y, 0.05)
    assert relative(forward(sharper, far, RELU), forward(good, far, RELU)) < 1e-13      # the same function
    for name in CHANGE:
        assert getattr(moved, name) > getattr(A, name), name        # sharper than A by all four
    for name in STAY:                                               # and not by these, which belong to the orbit:
        assert np.isclose(getattr(moved, name), getattr(B, name), rtol=1e-6), name
    assert moved.least_trace < A.least_trace                        # B is still flatter than A
    # nor by volume: infinite for both, from any box on
    for net in (bad, good, sharper):
        boxes = flat_boxes(net, box_radius(net, X, Y, 0.01), 40)
        assert (np.diff(boxes.log_volumes) > 1).all()               # each more than twice the one before
    assert jacobian_rank(sharper, X, RELU) == B.rank <= A.rank


# ------------------------------------------------------------------ Section 5.1: reparametrisations

def curved(eta, c):
    """An onto map from R^3 to R^2, its Jacobian and second derivatives."""
    x, y, z = eta
    g = np.array([x + c * y * z, z + c * x * y ** 2])
    J = np.array([[1, c * z, c * y], [c * y ** 2, 2 * c * x * y, 1]])
    d2g = np.zeros((2, 3, 3))
    d2g[0, 1, 2] = d2g[0, 2, 1] = c
    d2g[1, 0, 1] = d2g[1, 1, 0] = 2 * c * y
    d2g[1, 1, 1] = 2 * c * x
    return g, J, d2g


def wavy(theta):
    """A function of two variables, its gradient and Hessian."""
    (s, c), (S, C) = (np.sin(theta[0]), np.cos(theta[0])), (np.sinh(theta[1]), np.cosh(theta[1]))
    return s * C, np.array([c * C, s * S]), np.array([[-s * C, c * S], [c * S, s * C]])


def taylor_slope(f, x, g, H, rng):
    """p in |f(x + h d) - f - h g.d - h^2 d.H d / 2| ~ h^p: 3 if g and H are right."""
    steps, d = np.logspace(-3.5, -2.5, 6), rng.normal(size=(20, len(x)))        # one d alone can have no third term
    errors = [np.sqrt(sum((f(x + h * v) - f(x) - h * g @ v - h ** 2 / 2 * v @ H @ v) ** 2 for v in d)) for h in steps]
    return np.polyfit(np.log(steps), np.log(errors), 1)[0]


def test_section_5_1_pulled_back_gradient_and_hessian_are_those_of_L_o_g():
    rng = generator(18)
    eta = rng.normal(size=3)
    theta, J, d2g = curved(eta, 0.7)
    _, grad, hess = wavy(theta)
    g, H = pullback_gradient(grad, J), pullback_hessian(hess, J, grad, d2g)
    composed = lambda e: wavy(curved(e, 0.7)[0])[0]                                         # noqa: E731
    assert abs(taylor_slope(composed, eta, g, H, rng) - 3) < 0.2
    # control: without the second-derivative term the Hessian is wrong off critical points
    assert abs(taylor_slope(composed, eta, g, pullback_hessian(hess, J, grad, 0 * d2g), rng) - 2) < 0.2


def test_section_5_1_at_a_critical_point_g_need_only_be_onto():
    rng = generator(19)
    eta = rng.normal(size=3)
    theta, J, d2g = curved(eta, 0.7)
    bowl = np.array([[2.0, 0.5], [0.5, 1.0]])
    H = pullback_hessian(bowl, J, np.zeros(2), d2g)
    assert relative(H, J.T @ bowl @ J) < 1e-15
    count = inertia(H)
    assert (count.positive, count.negative, count.zero) == (2, 0, 1)        # one parameter too many: one flat direction
    f = lambda e: (curved(e, 0.7)[0] - theta) @ bowl @ (curved(e, 0.7)[0] - theta) / 2      # noqa: E731
    assert taylor_slope(f, eta, np.zeros(3), H, rng) > 2.8


@pytest.mark.parametrize("a, b", [(0.5, 0.3), (-0.4, 2.0), (2.0, 1e-4), (-0.25, 1e-3), (0.0, 1.0), (1.5, 0.0),
                                  (-0.49, 0.0), (-0.49, 1e-8), (0.1, 1e10), (-0.1, 1e-50)])
def test_fig_5_power_and_its_inverse(a, b):
    rng = generator(20)
    center = rng.normal(size=8)
    t = rng.normal(size=(40, 8)) * 10.0 ** rng.integers(-3, 3, size=(40, 8))
    t[0] = 0
    theta = center + t
    t = theta - center                                              # what rounding leaves of it
    eta = power_inverse(theta, center, a, b)
    assert np.allclose(eta, np.where(t == 0, 0, (t ** 2 + b) ** (a if b else a * (t != 0)) * t), rtol=1e-12, atol=0)
    assert np.allclose(power(eta, center, a, b) - center, t, rtol=1e-11, atol=1e-15 * np.abs(center).max() * 4)
    assert np.allclose(power(power_inverse(t, 0.0, a, b), 0.0, a, b), t, rtol=1e-11, atol=0)
    assert (np.diff(power_inverse(np.sort(t, axis=0), 0.0, a, b), axis=0) >= 0).all()
    if b > 0:
        h = 1e-6 * np.hypot(t, np.sqrt(b))
        difference = (power_inverse(t + h, 0.0, a, b) - power_inverse(t - h, 0.0, a, b)) / (2 * h)
        printed = (t ** 2 + b) ** (a - 1) * ((1 + 2 * a) * t ** 2 + b)
        assert np.allclose(power_slope(t, 0.0, a, b), printed, rtol=1e-12, atol=0)
        assert np.allclose(difference, printed, rtol=1e-7, atol=0)
        assert np.isclose(power_slope(center, center, a, b)[0], b ** a, rtol=1e-13, atol=0)


def test_fig_5_the_map_is_inverted_for_large_a_too():
    for a in (1e6, 1e8):
        t = 10.0 ** np.random.default_rng(0).uniform(-2, -1, 50) / np.sqrt(a)
        back = power(power_inverse(t, 0.0, a, 1.0), 0.0, a, 1.0)    # the inverse alone loses a eps
        assert np.allclose(back, t, rtol=4 * a * np.finfo(float).eps + 1e-12, atol=0)


def test_fig_5_curvature_at_the_minimum_is_multiplied_by_b_to_the_minus_2a():
    for a, b in ((1.0, 0.1), (1.0, 3.0), (-0.4, 0.1), (-0.4, 3.0)):
        L2 = 2.5                                                    # L = L2 t^2 / 2
        h = 1e-4 * b ** (a + 0.5)                                   # in eta; t is some 1e-4 sqrt(b)
        t = power(np.array([-h, h]), 0.0, a, b)
        measured = (L2 * t ** 2 / 2).sum() / h ** 2
        slope = power_slope(0.0, 0.0, a, b)
        pulled = pullback_hessian([[L2]], [[1 / slope]], [0.0], [[[0.0]]])[0, 0]
        assert np.isclose(pulled, L2 * b ** (-2 * a), rtol=1e-14, atol=0) and np.isclose(measured, pulled, rtol=1e-6)


def test_fig_5_without_b_the_curvature_is_infinite_or_zero():
    eta = np.array([1e-2, 1e-4, 1e-6])
    for a, p in ((0.5, 1.0), (1.0, 2 / 3), (-0.25, 4.0)):
        L = power(eta, 0.0, a, 0.0) ** 2 / 2                        # L = t^2 / 2 is |eta|^(2 / (2a + 1)) / 2
        assert np.allclose(L, eta ** p / 2, rtol=1e-11, atol=0)
        curvature = 2 * L / eta ** 2
        assert (np.diff(np.log(curvature)) > 1).all() if a > 0 else (np.diff(np.log(curvature)) < -1).all()


def wells(theta):
    """A loss with a sharper minimum at (-1, 0) and a flatter one at (2, 0); stacks allowed."""
    left, right = theta - [-1.0, 0.0], theta - [2.0, 0.0]
    return np.minimum(2 * np.sum(left ** 2, axis=-1), 0.5 * np.sum(right ** 2, axis=-1) + 0.01)


def test_one_minimum_is_made_sharper_than_another_and_the_rest_of_the_landscape_stays():
    center, rhat, delta, rho = np.array([2.0, 0.0]), 0.4, 0.9, 0.1
    eta = np.random.default_rng(SEED).uniform(-4, 4, size=(3000, 2))
    far = np.linalg.norm(eta - center, axis=1) > delta
    changed = wells(radial(eta, center, rhat, delta, rho))
    assert far.sum() > 1000 and (~far).sum() > 50
    assert (changed[far] == wells(eta[far])).all() and np.abs(changed[~far] - wells(eta[~far])).max() > 0.01
    h = 1e-4
    curvature = {}
    for name, f in (("before", wells), ("after", lambda e: wells(radial(e, center, rhat, delta, rho)))):
        for minimum in (-1.0, 2.0):
            at = np.array([[minimum, 0.0]]) + h * np.array([[-1, 0], [0, 0], [1, 0]])
            curvature[name, minimum] = (f(at) @ [1, -2, 1]) / h ** 2
    assert np.isclose(curvature["before", -1.0], 4) and np.isclose(curvature["before", 2.0], 1, rtol=1e-4)
    assert np.isclose(curvature["after", -1.0], 4) and np.isclose(curvature["after", 2.0], (rhat / rho) ** 2, rtol=1e-4)
    # and the function represented is the same: g maps onto the same parameters
    back = radial_inverse(radial(eta, center, rhat, delta, rho), center, rhat, delta, rho)
    assert np.allclose(back, eta, rtol=1e-13, atol=0)
    assert (radial_inverse([0.1, 0.3], [1e8, 1e8], 1, 2, 0.5) == [0.1, 0.3]).all()          # beyond delta exactly theta


RADII = pytest.mark.parametrize("rhat, delta, rho", [(0.5, 2.0, 1.5), (1.5, 2.0, 0.1), (1.0, 2.0, 1.0),
                                                     (1e-3, 1.0, 0.3)], ids=str)


@RADII
def test_appendix_a_psi_is_piecewise_linear_one_to_one_and_the_identity_beyond_delta(rhat, delta, rho):
    r = np.sort(np.concatenate([np.linspace(0, 3, 400), [rhat, delta], rhat * np.linspace(0, 1, 50)]))
    psi, slope = radial_psi(r, rhat, delta, rho), radial_psi_prime(r, rhat, delta, rho)
    printed = np.where(r <= rhat, rho * r / rhat, (rho - delta) * (r - delta) / (rhat - delta) + delta)
    assert np.allclose(psi, np.where(r > delta, r, printed), rtol=1e-14, atol=1e-16 * delta)
    assert (psi[r > delta] == r[r > delta]).all() and (np.diff(psi)[np.diff(r) > 1e-12] > 0).all()
    # continuous, so the slope times the step is the difference, away from kinks
    same = (np.diff(np.digitize(r, [rhat, delta], right=True)) == 0) & (np.diff(r) > 1e-9)
    assert np.allclose((np.diff(psi) / np.maximum(np.diff(r), 1e-300))[same], slope[1:][same], rtol=1e-6)
    ends = radial_psi(np.array([0.0, rhat, delta]), rhat, delta, rho)
    assert np.allclose(ends, [0, rho, delta], rtol=1e-15, atol=0)
    near = np.nextafter(rhat, delta)                                # a small rho keeps its digits
    assert np.isclose(radial_psi(near, rhat, delta, 1e-20), delta / (delta - rhat) * (near - rhat) + 1e-20, rtol=1e-12,
                      atol=0)
    assert np.allclose(radial_psi(psi, rho, delta, rhat), r, rtol=1e-12, atol=1e-14)


@RADII
def test_appendix_a_jacobians_are_the_derivatives_and_as_printed(rhat, delta, rho):
    rng = generator(21)
    center = rng.normal(size=3)
    for r in (0.0, 0.3 * rhat, rhat * 0.99, (rhat + delta) / 2, 0.99 * delta, 1.2 * delta):
        u = rng.normal(size=3)
        theta = center + r * u / np.linalg.norm(u)
        J = radial_inverse_jacobian(theta, center, rhat, delta, rho)
        h = 1e-3 * rhat                                             # far from the kinks; errs by (h / r)^2
        points = theta + h * np.vstack([np.eye(3), -np.eye(3)])
        moved = radial_inverse(points, center, rhat, delta, rho)
        assert np.allclose((moved[:3] - moved[3:]).T / (2 * h), J, atol=1e-5 * np.abs(J).max())
        t, between = theta - center, rhat < r <= delta
        printed = radial_psi_prime(r, rhat, delta, rho) * np.eye(3)
        if between:
            k = delta * (rhat - rho) / (rhat - delta)
            printed = printed - k / r ** 3 * np.outer(t, t) + k / r * np.eye(3)
        assert np.allclose(J, printed, rtol=1e-9, atol=1e-9)        # theta - center rounds
        eta = radial_inverse(theta, center, rhat, delta, rho)
        assert np.allclose(radial(eta, center, rhat, delta, rho), theta, rtol=1e-9, atol=1e-12)
        if abs(r - rhat * 0.99) > 1e-9:
            back = radial_jacobian(eta, center, rhat, delta, rho)
            assert np.allclose(back @ J, np.eye(3), atol=1e-8)
        assert np.array_equal(radial_inverse(theta[None], center, rhat, delta, rho)[0], eta)


def test_appendix_a_the_hessian_at_the_center_is_multiplied_by_rhat_over_rho_squared():
    rng = generator(22)
    H = rng.normal(size=(3, 3))
    H, g, center = H @ H.T, rng.normal(size=3), rng.normal(size=3)
    rhat, delta, rho = 0.5, 2.0, 0.2
    J = radial_jacobian(center, center, rhat, delta, rho)
    assert np.allclose(J, rhat / rho * np.eye(3), rtol=1e-15, atol=0)
    # g is linear near the center, so this holds whether or not the gradient is 0
    assert np.allclose(pullback_hessian(H, J, g, np.zeros((3, 3, 3))), (rhat / rho) ** 2 * H, rtol=1e-14, atol=0)
    f = lambda e: (lambda t: g @ t + t @ H @ t / 2)(radial(e, center, rhat, delta, rho) - center)       # noqa: E731
    d = rng.normal(size=3)
    d *= 0.9 * rho / np.linalg.norm(d)
    assert np.isclose(f(center + d), g @ d * rhat / rho + d @ H @ d / 2 * (rhat / rho) ** 2, rtol=1e-12, atol=0)


# ------------------------------------------------------------------ weight normalisation

def layered(w):
    """L(w) of three weights, with its gradient and Hessian: not quadratic."""
    A = np.array([[1.0, 0.3, -0.2], [0.5, -1.0, 0.4]])
    z = A @ w
    return np.sum(np.cosh(z) + z ** 3 / 5), A.T @ (np.sinh(z) + 3 * z ** 2 / 5), A.T * (np.cosh(z) + 6 * z / 5) @ A


def test_the_hessian_under_weight_normalisation_is_that_of_L_in_s_and_v():
    rng = generator(23)
    for s in (1.3, -0.7):
        v = rng.normal(size=3)
        w = weight_norm(s, v)
        assert np.isclose(np.linalg.norm(w), abs(s)) and np.allclose(w, s * v / np.linalg.norm(v), rtol=1e-15, atol=0)
        _, grad, hess = layered(w)
        H = weight_norm_hessian(s, v, grad, hess)
        f = lambda p: layered(weight_norm(p[0], p[1:]))[0]                                  # noqa: E731
        u = v / np.linalg.norm(v)
        Q = np.eye(3) - np.outer(u, u)
        J = np.column_stack([u, s / np.linalg.norm(v) * Q])         # dw / d(s, v)
        assert abs(taylor_slope(f, np.append(s, v), pullback_gradient(grad, J), H, rng) - 3) < 0.2
        assert relative(H, H.T) < 1e-15
        flat = weight_norm_hessian(s, v, 0 * grad, hess)            # where the gradient in w is 0
        assert relative(flat[1:, 1:], (s / np.linalg.norm(v)) ** 2 * Q @ hess @ Q) < 1e-14
        assert relative(flat, J.T @ hess @ J) < 1e-14


def test_in_v_alone_the_hessian_falls_like_alpha_to_the_minus_2_everywhere():
    rng = generator(24)
    v = rng.normal(size=3)
    _, grad, hess = layered(weight_norm(1.3, v))
    H = weight_norm_hessian(1.3, v, grad, hess)
    for alpha in (1e-3, 0.5, 1e4):
        scaled = weight_norm_hessian(1.3, alpha * v, grad, hess)
        assert relative(scaled[1:, 1:], H[1:, 1:] / alpha ** 2) < 1e-14
        assert relative(weight_norm(1.3, alpha * v), weight_norm(1.3, v)) < 1e-15
        tangent = np.append(0.0, v)                                 # along v nothing happens, but for the term of J
        assert np.abs(H @ tangent)[0] < 1e-14 and np.isclose(tangent @ H @ tangent, 0, atol=1e-14)


def test_erratum_weight_normalisation_is_invariant_for_positive_alpha_only():
    v = generator(25).normal(size=3)
    assert np.allclose(weight_norm(1.3, 5 * v), weight_norm(1.3, v), rtol=1e-15, atol=0)
    assert np.allclose(weight_norm(1.3, -5 * v), -weight_norm(1.3, v), rtol=1e-15, atol=0)     # "alpha != 0": w turns
    many = generator(25, 1).normal(size=(20, 3))
    assert max(abs(layered(weight_norm(1.3, -5 * v))[0] - layered(weight_norm(1.3, v))[0]) for v in many) > 0.01


def test_caveat_with_the_scale_included_the_hessian_does_not_become_flat():
    v = generator(26).normal(size=3)
    hess, grad = np.diag([3.0, 2.0, 1.0]), np.zeros(3)
    norms = [np.linalg.norm(weight_norm_hessian(1.3, alpha * v, grad, hess), 2) for alpha in (1.0, 1e3, 1e6)]
    alone = [np.linalg.norm(weight_norm_hessian(1.3, alpha * v, grad, hess)[1:, 1:], 2) for alpha in (1.0, 1e3, 1e6)]
    assert alone[2] < 1e-11 * alone[0]                              # v alone: flat, as said
    u = v / np.linalg.norm(v)
    assert min(norms) >= u @ hess @ u >= 1                          # with s: H_ss = u.H u is there at every alpha
    assert np.isclose(norms[2], u @ hess @ u)


def distance_in_v(s, v):
    """L(x) = |w(s, x) - w(s, v)|^2 / 2 and its gradient."""
    def loss(x):
        return np.sum((weight_norm(s, x) - weight_norm(s, v)) ** 2) / 2

    def slope(x):
        across = np.eye(3) - np.outer(x, x) / (x @ x)
        return pullback_gradient(weight_norm(s, x) - weight_norm(s, v), s / np.linalg.norm(x) * across)

    return loss, slope


def test_erratum_infinite_volume_is_flatness_and_not_sharpness():
    """The bullet says that every minimum has infinite volume epsilon-sharpness; it is the volume flatness."""
    v = generator(27).normal(size=3)
    loss, slope = distance_in_v(1.3, v)
    rng = generator(28)
    inside = v + 0.05 * np.linalg.norm(v) * rng.uniform(-1, 1, size=(50, 3))
    level = max(map(loss, inside)) + 1e-9
    for k in range(1, 8):                                           # a cone: disjoint copies, 8^k times the volume
        assert max(map(loss, 2.0 ** k * inside)) < level
    sharp = [epsilon_sharpness(loss, slope, alpha * v, 0.1 * np.linalg.norm(v), rng=0).value for alpha in (1, 10, 100)]
    assert sharp[1] < 0.02 * sharp[0] and sharp[2] < 0.02 * sharp[1]            # and the sharpness goes to 0


def test_erratum_keskars_sets_grow_with_v_and_their_sharpness_does_not_go_to_0():
    """Third bullet: arbitrarily low full-space and subspace sharpness. Of the ball in v; Keskar's box is |v_i| wide."""
    v, epsilon = np.array([1.0, -2.0, 1.5]), 0.05
    loss, slope = distance_in_v(1.3, v)
    A = np.array([[1.0, 0.0], [0.5, 1.0], [-1.0, 1.0]])
    for options, falls in (({}, True), ({"box": True}, False), ({"box": True, "subspace": A}, False)):
        found = [epsilon_sharpness(loss, slope, alpha * v, epsilon, rng=0, **options).value for alpha in (1, 1e3, 1e6)]
        if falls:
            assert found[1] < 1e-5 * found[0] and found[2] < 1e-5 * found[1]
        else:
            assert found[2] > 0.1 * found[0] and np.isclose(found[1], found[2], rtol=0.01)      # a limit above 0


def test_caveat_with_the_scale_included_the_sharpness_over_a_ball_does_not_go_to_0():
    v, s, epsilon = np.array([1.0, -2.0, 1.5]), 1.3, 0.05
    target = weight_norm(s, v)

    def loss(p):
        return np.sum((weight_norm(p[0], p[1:]) - target) ** 2) / 2

    def slope(p):
        u, d = p[1:] / np.linalg.norm(p[1:]), weight_norm(p[0], p[1:]) - target
        return np.append(u @ d, p[0] / np.linalg.norm(p[1:]) * (d - (u @ d) * u))

    for alpha in (1.0, 1e3, 1e6):                                   # s alone moves w by eps: L = eps^2 / 2
        found = epsilon_sharpness(loss, slope, np.append(s, alpha * v), epsilon, starts=8, rng=0).value
        assert found >= epsilon ** 2 / 2 * (1 - 1e-9)
        alone = epsilon_sharpness(*distance_in_v(s, v), alpha * v, epsilon, starts=8, rng=0).value
        assert alpha == 1 or alone < 1e-5 * found                   # in v alone it does


def test_section_5_1_for_small_v_the_ball_reaches_the_opposite_weights():
    s, v, epsilon = 1.7, np.array([0.3, -1.0, 0.8]), 0.1
    loss, slope = distance_in_v(s, v)
    small = 0.5 * epsilon / np.linalg.norm(v)                       # eps > alpha |v|: the ball holds -alpha v
    for options in ({}, {"box": True}):
        high = epsilon_sharpness(loss, slope, small * v, epsilon, rng=0, **options)
        assert np.isclose(high.value, 2 * s ** 2, rtol=1e-9)        # 5.78: |w - w^|^2 / 2 at w = -w^
        assert np.allclose(weight_norm(s, high.point), -weight_norm(s, v), atol=1e-4)
    low = epsilon_sharpness(loss, slope, 100 * v, epsilon, rng=0)
    assert low.value < 1e-5                                         # the other end of the same orbit


# ------------------------------------------------------------------ Section 5.2, Appendix C, and the KL divergence

def test_erratum_the_derivative_of_f_xi_is_at_u():
    weights, X, _ = draw([3, 4, 2])
    rng = generator(29)
    A, shift, u = rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=3)
    xi = lambda u: A @ np.sinh(u) + shift                                                   # noqa: E731
    f_xi = lambda u: forward(weights, xi(u)[None], TANH)[0]                                 # noqa: E731
    difference = lambda f, x: np.stack([(f(x + d) - f(x - d)) / 2e-6 for d in 1e-6 * np.eye(3)], axis=1)    # noqa: E731
    df = difference(lambda x: forward(weights, x[None], TANH)[0], xi(u))
    right = input_derivative(df, A * np.cosh(u))
    assert relative(right, difference(f_xi, u)) < 1e-7
    assert relative(right, difference(f_xi, xi(u))) > 0.05          # printed: the left side at xi(u)


def test_section_5_2_a_change_of_input_units_changes_the_gradient_at_will():
    df, units = np.array([[1.0, 1e-3]]), np.diag([1e-3, 1e3])       # x = xi(u) = units u
    assert np.allclose(input_derivative(df, units), [[1e-3, 1.0]])  # the other input is now the important one


def test_appendix_c_an_invertible_map_of_the_outputs_reverses_a_ranking_by_mean_square_error():
    for k in range(20):
        rng = generator(30, k)
        Y = rng.normal(size=(15, 3))
        F = Y + rng.normal(size=(15, 3)) * [1.0, 1.0, 0.1]
        G = Y + rng.normal(size=(15, 3)) * [0.5, 0.5, 0.3]          # better, but for the third output
        assert ((F - Y) ** 2).sum() > ((G - Y) ** 2).sum()
        S = reversing_output_map(F, G, Y)
        assert ((F @ S - Y @ S) ** 2).sum() < ((G @ S - Y @ S) ** 2).sum()
        margin = ((F - Y) ** 2).sum() - ((G - Y) ** 2).sum()        # reversed by as much
        assert np.isclose((((G - Y) @ S) ** 2).sum() - (((F - Y) @ S) ** 2).sum(), margin, rtol=1e-9)
        values = np.linalg.eigvalsh(S)
        assert np.allclose(values[:2], 1) and values[2] > 1
        weak = np.eye(3) + 0.7 * (np.sqrt((1 + values[2] ** 2) / 2) - 1) / (values[2] - 1) * (S - np.eye(3))
        assert ((F @ weak - Y @ weak) ** 2).sum() > ((G @ weak - Y @ weak) ** 2).sum()  # control: too small a stretch


def test_appendix_c_the_log_likelihood_does_not_change_its_ranking():
    rng = generator(31)
    y, S = rng.normal(size=(50, 2)), np.diag([1.0, 30.0])
    normal = lambda x, mean, cov: -0.5 * (np.sum((x - mean) @ np.linalg.inv(cov) * (x - mean), axis=1)      # noqa: E731
                                          + np.linalg.slogdet(2 * np.pi * cov)[1])
    for _ in range(5):
        means, covs = rng.normal(size=(2, 2)), [np.diag(rng.uniform(0.5, 2, size=2)) for _ in range(2)]
        before = [normal(y, m, C).sum() for m, C in zip(means, covs)]
        after = [normal(y @ S, m @ S, S @ C @ S).sum() for m, C in zip(means, covs)]
        assert np.isclose(before[0] - before[1], after[0] - after[1], rtol=1e-12, atol=0)


def test_the_kl_divergence_is_invariant_under_a_common_change_of_coordinates_and_not_with_a_fixed_prior():
    rng = generator(32)
    A = rng.normal(size=(3, 3)) + 3 * np.eye(3)
    B, C = rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
    m, cov_q, cov_p = rng.normal(size=3), B @ B.T + 0.1 * np.eye(3), C @ C.T + 0.1 * np.eye(3)
    kl = gaussian_kl(m, cov_q, np.zeros(3), cov_p)
    together = gaussian_kl(A @ m, A @ cov_q @ A.T, np.zeros(3), A @ cov_p @ A.T)
    fixed = gaussian_kl(A @ m, A @ cov_q @ A.T, np.zeros(3), cov_p)
    assert np.isclose(together, kl, rtol=1e-10) and abs(fixed - kl) > 0.1
    # not linear: theta -> eta = g^-1(theta) of Fig. 5 in one dimension, by the trapezoidal rule on both sides
    a, b, mean, sd = 1.0, 0.3, 0.4, 0.5
    density = lambda x, m, s: np.exp(-((x - m) / s) ** 2 / 2) / (s * np.sqrt(2 * np.pi))    # noqa: E731
    theta = np.linspace(mean - 12 * sd, mean + 12 * sd, 40001)
    eta, slope = power_inverse(theta, 0.0, a, b), power_slope(theta, 0.0, a, b)
    q, p = density(theta, mean, sd) / slope, density(theta, 0.0, 1.0) / slope               # the densities of eta
    kl = gaussian_kl(np.array([mean]), np.array([[sd ** 2]]), np.zeros(1), np.eye(1))
    used = q > 1e-290                                               # q log q is 0 to rounding beyond
    common = np.trapezoid((q * np.log(q / p))[used], eta[used])
    assert np.isclose(common, kl, rtol=1e-6) and np.isclose(np.trapezoid(q, eta), 1, rtol=1e-6)
    stays = np.trapezoid((q * (np.log(q) + eta ** 2 / 2 + np.log(2 * np.pi) / 2))[used], eta[used])
    assert abs(stays - kl) > 0.05                                   # the prior N(0, 1) stays where it was


# ------------------------------------------------------------------ the three papers together

def test_the_alpha_orbit_of_a_zero_loss_net_stays_in_the_zero_loss_set_while_its_hessian_grows():
    for widths, bias, alphas in (([2, 3, 1], True, [0.1, 10.0]), ([2, 3, 3, 1], [True, False, True], [0.1, 0.5, 20.0])):
        weights, X, Y = fitted(widths, bias, 6)
        rank, H = jacobian_rank(weights, X, RELU), hessian(weights, X, Y, RELU)
        tangent = orbit_tangent(weights, np.log(alphas) / np.log(10))
        assert np.abs(jacobian(weights, X, RELU) @ tangent).max() < 1e-12 * np.abs(tangent).max()
        assert np.abs(H @ tangent).max() < 1e-12 * np.abs(H).max() * np.abs(tangent).max()
        norms = [np.linalg.norm(H, 2)]
        for t in (0.5, 1.0, 2.0):
            moved = alpha_scale(weights, np.exp(t * np.log(alphas)))
            assert training_loss(moved, X, Y, RELU) < 1e-24
            assert jacobian_rank(moved, X, RELU) == rank == inertia(hessian(moved, X, Y, RELU)).positive
            norms.append(np.linalg.norm(hessian(moved, X, Y, RELU), 2))
        assert norms[-1] > 10 * norms[0] and norms[2] < norms[3]


def test_the_flat_set_of_inactive_units_stays_flat_along_the_orbit():
    narrow, X, Y = fitted([2, 3, 1], True, 9)
    rng = generator(33)
    wide = inactive_relu_units(narrow, 0, rng.normal(size=(2, 1)), X)
    for alpha in (0.1, 1.0, 10.0):
        moved = alpha_scale(wide, [alpha, 1 / alpha])
        R = max(1, np.linalg.norm(X, axis=1).max())
        for _ in range(20):                                         # |w| <= alpha, bias in alpha [R, 3R], v anything
            w = rng.normal(size=(2, 2))
            moved[0][3:, :2] = alpha * w / np.linalg.norm(w, axis=1)[:, None] * rng.random((2, 1))
            moved[0][3:, 2] = alpha * R * rng.uniform(1, 3, size=2)
            moved[1][:, 3:5] = rng.normal(size=(1, 2)) / alpha
            assert training_loss(moved, X, Y, RELU) < 1e-24
        H = hessian(moved, X, Y, RELU)
        assert inertia(H).positive == jacobian_rank(narrow, X, RELU)


def test_the_kl_of_a_hessian_shaped_posterior_changes_along_the_orbit_unless_the_prior_moves_along():
    weights, X, Y = fitted([2, 3, 1], False, 6)
    tau2, sigma2 = 0.01, 1.0
    posterior = lambda H: tau2 * np.linalg.inv(H + tau2 / sigma2 * np.eye(len(H)))          # noqa: E731
    theta, H = flatten(weights), hessian(weights, X, Y, RELU)
    zero, prior = 0 * theta, sigma2 * np.eye(len(theta))
    start = gaussian_kl(theta, posterior(H), zero, prior)
    moved, d = alpha_scale(weights, [5.0, 0.2]), alpha_diagonal(weights, [5.0, 0.2])
    fixed = gaussian_kl(flatten(moved), posterior(hessian(moved, X, Y, RELU)), zero, prior)
    common = gaussian_kl(flatten(moved), posterior(H) / np.outer(d, d), zero, prior / np.outer(d, d))
    assert np.isclose(common, start, rtol=1e-11, atol=0) and abs(fixed - start) > 0.5
    # rank-safe: the same from the eigenvalues of H, zeros included
    h = np.linalg.eigvalsh(H).clip(0) * sigma2 / tau2
    closed = (np.log1p(h).sum() + (1 / (1 + h)).sum() + theta @ theta / sigma2 - len(h)) / 2
    assert np.isclose(start, closed, rtol=1e-11, atol=0)


# ------------------------------------------------------------------ what makes a theorem true is refused where it fails

def test_where_nothing_is_moved_the_result_is_a_copy():
    far, center, theta = np.full(3, 9.0), np.zeros(3), np.zeros(3)
    assert not np.shares_memory(radial(far, center, 0.5, 1.0, 0.2), far)
    found = epsilon_sharpness(*quadratic(np.zeros(3), -np.eye(3)), theta, 1.0, rng=0)
    assert found.value == 0 and (found.point == theta).all() and not np.shares_memory(found.point, theta)


def test_small_cases_by_hand():
    one, root = np.eye(2), 4 ** (1 / 3)                             # of three weights 1, 4, 1 each becomes 4^(1/3)
    assert all(np.allclose(W, np.diag([1, root])) for W in balance([one, np.diag([1.0, 4.0]), one]))
    alphas = alphas_for_many(np.diag([1, 1e-6, 0]), [1, 2], 4.0, tol=1e-5)              # 1e-6 counts as 0
    assert np.allclose(alphas, [2.02, 1 / 2.02], rtol=1e-6) and np.allclose(weight_norm(1.0, [2.0, 0.0]), [1, 0])
    assert np.isclose(alpha_for_norm(np.diag([0.01, 0.0]), 1, 1.0), 0.1 / 1.01)
    assert np.isclose(alpha_for_norm(np.eye(7), 1, 1.0, biases=3), 1 / 1.01)
    assert np.isclose(alpha_to_constant([one, np.ones((1, 2))], 0.1), 0.1 / np.sqrt(2))
    assert flat_boxes([np.array([[1.0]]), np.array([[1.0, 100.0]])], 50.0, 2).radii[0, 0] == 0.5    # without the bias
    far = [np.full((1, 1), 8.0), np.eye(1), np.eye(1)]              # theta_1 is the layer that alpha multiplies
    assert flat_boxes(far, 50.0, 2, layers=(1, 2)).radii[0, 0] == 0.5
    still = [np.array([[1.0]]), np.array([[1.0, 100.0]])]           # nor with a bias that does not scale
    assert flat_boxes(still, 50.0, 2, layers=(1, 0)).radii[0, 0] == 0.5
    assert 0 < box_radius([np.full((1, 1), 1e8)] * 2, [[1.0]], [[0.0]], 1.0) < 1e-20
    for X, epsilon in (([[0.1]], 1e3), ([[0.0], [1.0]], 0.5)):      # f = theta x, y = x: (r x)^2 / 2 = epsilon
        assert np.isclose(box_radius([np.eye(1)], X, X, epsilon), np.sqrt(2 * epsilon) / np.max(X), rtol=1e-8)
    errors = np.array([[1e7, 1.0]]), np.array([[1e6, 1.2]])         # worse in the second output, if only by 1e-14
    F, G = (np.diag(e[0]) for e in errors)
    S = reversing_output_map(F, G, np.zeros((2, 2)))
    assert (F ** 2).sum() > (G ** 2).sum() and ((F @ S) ** 2).sum() < ((G @ S) ** 2).sum()
    assert reversing_output_map([[1.0, 1]], [[1 - 2.0 ** -50, 1 + 2.0 ** -52]], [[0, 0.0]]).shape == (2, 2)
    assert large_eigenvalues(10, [4, 3], [2, 1]) == 6


def test_a_model_that_is_as_good_in_every_direction_to_rounding_is_refused():
    for seed in range(20):                                          # |F q| is one for all q; G as good or better
        a, b = np.random.default_rng(seed).integers(1, 2 ** 24, (2, 3))
        F = np.concatenate([np.column_stack([a, b]), np.column_stack([-b, a])]).astype(float)
        with pytest.raises(ValueError, match="in every direction"):
            reversing_output_map(F, F - 2.0 ** -11 * F.sum(axis=1, keepdims=True), 0 * F)


def refusals():
    weights, X, Y = draw([2, 3, 2], False)
    H, v = np.eye(2), np.ones(2)
    loss, slope = quadratic(v, H)
    sharp = lambda *a, **k: (lambda: epsilon_sharpness(*a, **k))                            # noqa: E731
    value, _ = network_loss(weights, X, Y, RELU)
    return {
        "alphas has the product 2": lambda: alpha_scale(weights, [2.0, 1.0]),
        "alphas has the product 1, it": lambda: alpha_diagonal(weights, [1.0, np.exp(1e-8)]),
        "c sums to 1": lambda: orbit_tangent(weights, [2.0, -1.0]),
        "layers is .1, 1.": lambda: flat_boxes(weights, 0.1, 2, layers=(1, 1)),
        "layers is .0, 2.": lambda: flat_boxes(weights, 0.1, 2, layers=(0, 2)),
        "scales has length 1": lambda: unit_scale(weights, 0, [2.0]),
        "alone: there is no net of least norm": lambda: balance([weights[0], 0 * weights[1]]),
        "n1 is 2, biases 3": lambda: alpha_for_norm(np.eye(6), 2, 1.0, biases=3),
        "traces .0. 1.. by layer": lambda: flattest_alphas(np.diag([0.0, 1.0]), [1, 1]),
        "sizes add up to 3": lambda: flattest_alphas(H, [1, 2]),
        "weights.0. is 0": lambda: flat_boxes([0 * W for W in weights], 1, 2),
        "weights.0., without its bias, should not be 0": lambda: alpha_to_constant([0 * W for W in weights], 1),
        "weights.1., without its bias, should": lambda: alpha_to_constant([[[1.0]], [[0.0, 5.0]]], 1, layer=1),
        "weights.0., without its bias, should not be 0, nor the only": lambda: alpha_to_constant([H], 1),
        "weights.0. has a unit": lambda: balance([[[1.0], [0.0]], [[1.0, 1.0]]]),
        "no radius above 1e-100": lambda: box_radius([[[1.0]]], [[1e60]], [[-1e60]], 1e-8),
        "X is 0": lambda: box_radius(weights, 0 * X, Y, 1.0),
        "n1 is 2": lambda: alpha_for_norm(H, 2, 1.0),
        "H has no positive": lambda: alpha_for_norm(-H, 1, 1.0),
        "sizes and biases add up to 3": lambda: alphas_for_many(H, [1, 2], 1.0),
        "rank is 3": lambda: large_eigenvalues(3, [1, 1]),
        "H has eigenvalues from -1": lambda: alphas_for_many(np.diag([1.0, -1.0]), [1, 1], 1.0),
        "H has eigenvalues from 0": lambda: alphas_for_many(0 * H, [1, 1], 1.0),
        "subspace has rank 1": sharp(loss, slope, v, 0.1, subspace=np.ones((2, 2))),
        "box has length 1": sharp(loss, slope, v, 0.1, box=[1.0]),
        "loss.theta. is -": sharp(lambda z: loss(z) - 100, slope, v, 0.1),
        "loss returned nan": sharp(lambda z: np.nan, slope, v, 0.1),
        "loss returned array": sharp(lambda z: z, slope, v, 0.1),
        "loss returned None": sharp(lambda z: None, slope, v, 0.1),
        "gradient returned 1.0": sharp(loss, lambda z: 1.0, v, 0.1),
        "gradient returned ..1, 2.": sharp(loss, lambda z: [[1, 2], [3]], v, 0.1),
        "gradient returned array..nan": sharp(loss, lambda z: slope(z) * np.nan, v, 0.1),
        "gradient returned array.*complex|j": sharp(loss, lambda z: slope(z) + 1j, v, 0.1),
        "theta has shape .5, 12.": lambda: value(np.ones((5, 12))),
        "theta has shape .13,.": lambda: value(np.ones(13)), "theta has shape .1, 12.": lambda: value(np.ones((1, 12))),
        "G has no smaller": lambda: reversing_output_map(Y + 1, Y + 2, Y),
        "G has no smaller error": lambda: reversing_output_map([[1.0, 0]], [[0, 1.0]], [[0, 0.0]]),
        "G has no smaller error than F": lambda: reversing_output_map(     # equal, but for rounding
            [[0.9, 0.2], [0.2, 0.2]], [[0.7, -0.2], [-0.1, 0.1]], [[0.1, 0.9], [-0.6, -0.1]]),
        "G has no smaller error than": lambda: reversing_output_map([[1e-8, 0]], [[0, 2e-8]], [[0, 0.0]]),
        "the larger of rhat and rho is 2, it": lambda: radial_psi(v, 0.5, 1.0, 2.0),
        "the larger of rhat and rho is 1.5": lambda: radial_psi_prime(v, 1.5, 1.0, 0.5),
        "in every direction": lambda: reversing_output_map(Y + 2, Y + 1, Y),
        "center has shape .3,.": lambda: power(v, np.ones(3), 1.0, 1.0),
        "center has shape .2, 1.": lambda: power_inverse(v, np.ones((2, 1)), 1.0, 1.0),
        "the larger of rhat and rho is 1,": lambda: radial_psi(v, 1, 1.0, 0.5),
        "the larger of rhat and rho is 2,": lambda: radial(v, v, 0.5, 1.0, 2),
        "the larger of rhat and rho is 1, it": lambda: radial_psi_prime(v, 0.5, 1.0, 1.0),
        "v is 0": lambda: weight_norm_hessian(1.0, 0 * v, v, H),
    }


@pytest.mark.parametrize("message", refusals())
def test_what_the_theorems_need_is_refused_where_it_fails(message):
    with pytest.raises(ValueError, match=message):
        refusals()[message]()
