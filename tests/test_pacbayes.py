"""PAC-Bayes formulas and the experiment of Fig. 2. A test's name is the claim it checks."""
import math
from collections import Counter
from fractions import Fraction
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from common import block_diagonal

from demo import five_units
from embeddings import inactive_relu_units, inactive_units, parameter_order, replicate_unit
from hessian import hessian, inactive_units_hessian, inertia
from landscape import (
    RELU,
    SMOOLU,
    SOFTPLUS,
    SQUARE,
    TANH,
    augment,
    fit_many,
    flatten,
    forward,
    forward_pass,
    jacobian,
    jacobian_rank,
    random_weights,
    training_loss,
    unstack,
)
from pacbayes import (
    _polish,
    _ratio_of_means,
    _unit_moments,
    approximate_bound,
    curvature_kl,
    draw_data,
    draw_experiment,
    expected_risk,
    gaussian_kl,
    generalization_ratio,
    isotropic_kl,
    kinked_starts,
    kl_relu,
    kl_smooth,
    mean_curvature,
    optimal_posterior,
    pac_bayes_bound,
    plug_in_bound,
    predicted_error,
    predicted_ratio,
    predicted_replicated_ratio,
    product_cost,
    relu_interpolants,
    relu_units_needed,
    replicated_ratio,
    ridge_kl,
    smallest_zero_error,
    surplus_slope,
    uniform_nodes,
)

SEEDS = pytest.mark.parametrize("seed", range(2))


def problems(acts=(RELU, TANH, SMOOLU), units=5):
    """The paper's: a teacher of one unit and nets of five, for each activation."""
    return {act.name: (act.f, five_units(act, units)) for act in acts}


@cache
def experiment():
    """Data and nets of Fig. 2 as the demo draws them with its seed 0."""
    return draw_experiment(problems(), rng=[0, 10])


def random_cov(rng, d, decades=1.0):
    """A covariance with eigenvalues over some decades."""
    Q = np.linalg.qr(rng.normal(size=(d, d)))[0]
    return (Q * 10 ** rng.uniform(-decades, decades, size=d)) @ Q.T


def semidefinite(rng, d, rank):
    """A curvature of given rank."""
    B = rng.normal(size=(d, rank))
    return B @ B.T


def posterior_cov(H, sigma, tau, rank):
    """tau^2 / h along the `rank` steepest eigenvectors, sigma^2 along the others: built without the module."""
    h, U = np.linalg.eigh(H)
    c = np.full(len(h), sigma ** 2)
    c[len(h) - rank:] = tau ** 2 / h[len(h) - rank:]
    C = (U * c) @ U.T
    return (C + C.T) / 2


def inverse(H):
    """H^-1, symmetric bit by bit: where eigenvalues span decades that of NumPy is not, to rounding in their units."""
    C = np.linalg.inv(H)
    return (C + C.T) / 2


def log_density(x, mean, cov):
    """log of a Gaussian density, straight from its definition."""
    diff = x - mean
    return -(np.einsum("ti,ti->t", diff, np.linalg.solve(cov, diff.T).T) + np.linalg.slogdet(2 * np.pi * cov)[1]) / 2


def sampled_kl(rng, mean_q, cov_q, mean_p, cov_p, count=100_000):
    """Mean of log q - log p under Q, with its standard error."""
    x = mean_q + rng.normal(size=(count, len(mean_q))) @ np.linalg.cholesky(cov_q).T
    value = log_density(x, mean_q, cov_q) - log_density(x, mean_p, cov_p)
    return value.mean(), value.std() / np.sqrt(count)


def zero_error_net(act, seed, n=3, units=2, E=3, M=1):
    """A narrow net with targets it meets exactly, and E surplus units: (weights, X, Y, H0, v, inputs).

    Drawn until the nonzero eigenvalues of H0 span less than five decades, so that tau^2 / h can be trusted.
    """
    for k in range(1000):
        rng = np.random.default_rng([seed, 77, k])
        weights = [3 * W for W in random_weights([1, units, M], bias=[True, False], rng=rng)]
        X = np.linspace(-1, 1, n)[:, None]
        Y, v = forward(weights, X, act), rng.normal(size=(E, M))
        H0 = hessian(weights, X, Y, act)
        h = np.linalg.eigvalsh(H0)
        rank = min(n * M, len(H0) - (units if act is RELU else 0))
        if h[-rank] > 1e-5 * h[-1]:
            return weights, X, Y, H0, v, augment(weights[0], X)
    raise RuntimeError("no well-conditioned net in 1000 tries")


# ------------------------------------------------------------------ KL divergences

def test_gaussian_kl_of_one_dimension_by_hand():
    # sigma_q = 2, sigma_p = 3, means 1 apart: log(3/2) + (4 + 1) / 18 - 1/2
    assert gaussian_kl([1.0], [[4.0]], [0.0], [[9.0]]) == pytest.approx(np.log(1.5) + 5 / 18 - 0.5, rel=1e-14)
    assert gaussian_kl([1.0], [[9.0]], [0.0], [[4.0]]) == pytest.approx(np.log(2 / 3) + 10 / 8 - 0.5, rel=1e-14)
    assert isotropic_kl([1.0], [[4.0]], 3.0) == pytest.approx(np.log(1.5) + 5 / 18 - 0.5, rel=1e-14)


@SEEDS
def test_gaussian_kl_is_the_mean_of_log_q_over_p(seed):
    rng = np.random.default_rng(seed)
    args = rng.normal(size=4), random_cov(rng, 4), rng.normal(size=4), random_cov(rng, 4)
    mean, error = sampled_kl(rng, *args)
    assert abs(mean - gaussian_kl(*args)) < 5 * error               # five standard errors
    mean, error = sampled_kl(rng, args[0], args[1], np.zeros(4), 2.25 * np.eye(4))
    assert abs(mean - isotropic_kl(args[0], args[1], 1.5)) < 5 * error


@SEEDS
def test_gaussian_kl_laws(seed):
    rng = np.random.default_rng(seed)
    m, C, k, D = rng.normal(size=5), random_cov(rng, 5, 2), rng.normal(size=5), random_cov(rng, 5, 2)
    kl = gaussian_kl(m, C, k, D)
    assert 0 <= gaussian_kl(m, C, m, C) < 1e-12                     # condition 1e4 times eps, and room
    assert kl > 0 and gaussian_kl(k, D, m, C) != pytest.approx(kl)  # not symmetric
    T, s = np.linalg.qr(rng.normal(size=(5, 5)))[0] * [0.5, 1, 2, 3, 4], rng.normal(size=5)

    def both(C):
        return (T @ C @ T.T + (T @ C @ T.T).T) / 2

    assert gaussian_kl(T @ m + s, both(C), T @ k + s, both(D)) == pytest.approx(kl, rel=1e-9)     # a common change
    assert gaussian_kl(T @ m, both(C), k, D) != pytest.approx(kl, rel=1e-6)                       # prior kept: another
    double = gaussian_kl(np.r_[m, k], block_diagonal(C, D), np.r_[k, k], block_diagonal(D, D))
    assert double == pytest.approx(kl, rel=1e-12)                   # independent blocks add, equal ones add 0
    assert isotropic_kl(m, C, 0.7) == pytest.approx(gaussian_kl(m, C, np.zeros(5), 0.49 * np.eye(5)), rel=1e-12)


def test_what_costs_nothing():
    small = np.diag([1, 1e-20])
    assert gaussian_kl([0, 0], small, [0, 0], small) == 0           # and 1e-20 is no singular covariance
    assert curvature_kl(np.zeros((2, 2)), 1.0, 1e-3) == 0 == ridge_kl(np.zeros((3, 3)), 1.0, 1.0)


@pytest.mark.parametrize("rank", [0, 1, 3, 5])
@SEEDS
def test_curvature_kl_is_the_general_kl_with_the_priors_variance_in_the_null_space(rank, seed):
    rng = np.random.default_rng([seed, rank])
    H, m = semidefinite(rng, 5, rank), rng.normal(size=5)
    for sigma, tau in ((3.0, 0.2), (0.5, 1.3)):
        cov = posterior_cov(H, sigma, tau, rank)
        expected = gaussian_kl(m, cov, np.zeros(5), sigma ** 2 * np.eye(5))
        assert curvature_kl(H, sigma, tau) + (m @ m) / sigma ** 2 / 2 == pytest.approx(expected, rel=1e-9)
        if rank == 5:                                               # the formula, by determinant, trace and inverse
            printed = (5 * np.log(sigma ** 2 / tau ** 2) + np.linalg.slogdet(H)[1]
                       + tau ** 2 / sigma ** 2 * np.trace(np.linalg.inv(H)) - 5) / 2
            assert curvature_kl(H, sigma, tau) == pytest.approx(printed, rel=1e-9)


def test_the_rank_counts_eigenvalues_above_ten_size_eps_times_the_largest():
    eps = np.finfo(float).eps
    for d in (2, 6):
        below, above = np.eye(d), np.eye(d)
        below[0, 0], above[0, 0] = 9.9 * d * eps, 10.1 * d * eps
        one = curvature_kl(np.eye(1), 2.0, 0.1)
        assert curvature_kl(below, 2.0, 0.1) == pytest.approx((d - 1) * one, rel=1e-14)
        assert curvature_kl(above, 2.0, 0.1) > d * one + 10         # a steep cost: tau^2 / h is far above sigma^2
        for H, r in ((1e4 * below, d - 1), (1e4 * above, d)):       # tau^2 r / 2 counts the same, in any units
            complexity = pac_bayes_bound(0.0, curvature_kl(H, 2.0, 0.1), 50, 0.1)
            assert plug_in_bound(0.0, H, np.zeros(d), 50, 0.1, 2.0, 0.1) == pytest.approx(0.01 * r / 2 + complexity,
                                                                                              rel=1e-12)
    for zero, r in ((9.9e-11, 2), (1.01e-10, 3)):                   # and above ten times what is below 0
        h = [1, 0.3, zero, -1e-11]
        complexity = pac_bayes_bound(0.0, curvature_kl(np.diag(h[:r]), 2.0, 0.1), 50, 0.1)
        bound = plug_in_bound(0.0, np.diag(h), np.zeros(4), 50, 0.1, 2.0, 0.1)
        assert bound == pytest.approx(0.01 * r / 2 + complexity, rel=1e-12)


def test_a_curvature_may_differ_from_its_transpose_by_100_size_eps():
    for d in (1, 4):
        H = np.eye(2 * d)
        H[0, 1] = 0.995 * 100 * 2 * d * np.finfo(float).eps
        assert curvature_kl(H, 2.0, 0.1) == curvature_kl(np.eye(2 * d), 2.0, 0.1)       # the lower triangle is read
        with pytest.raises(ValueError, match="H differs from its transpose"):
            curvature_kl(H + (H - np.eye(2 * d)) / 100, 2.0, 0.1)


@pytest.mark.parametrize("rank", [0, 2, 5])
@SEEDS
def test_ridge_kl_is_the_general_kl_needs_no_rank_and_has_the_same_limit(rank, seed):
    rng = np.random.default_rng([seed, rank])
    H = semidefinite(rng, 5, rank)
    for sigma, tau in ((3.0, 0.2), (0.5, 1.3)):
        cov = tau ** 2 * inverse(H + tau ** 2 / sigma ** 2 * np.eye(5))
        expected = isotropic_kl(np.zeros(5), cov, sigma)
        assert ridge_kl(H, sigma, tau) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    taus = np.array([1e-3, 1e-4])                                   # tau^2 far below the h > 0, down to 1e-4
    gaps = np.array([ridge_kl(H, 1.0, t) - curvature_kl(H, 1.0, t) for t in taus])
    if rank:
        assert gaps[1] / gaps[0] == pytest.approx(1e-2, rel=0.1)    # falls like tau^2
    else:
        assert (gaps == 0).all()


def test_ridge_kl_is_continuous_where_curvature_kl_jumps_to_infinity():
    H = np.diag([1.0, 0.0])
    near = np.diag([1.0, 1e-14])
    assert abs(ridge_kl(near, 1.0, 1e-3) - ridge_kl(H, 1.0, 1e-3)) < 1e-15      # u = 1e-8, the term is u^2 / 4
    assert curvature_kl(near, 1.0, 1e-3) - curvature_kl(H, 1.0, 1e-3) > 1e7     # tau^2 / (sigma^2 h) / 2 = 5e7


@pytest.mark.parametrize("E, M", [(3, 1), (2, 2), (1, 1)])
@SEEDS
def test_kl_smooth_of_a_net_at_zero_error_is_the_general_kl_and_the_sampled_one(E, M, seed):
    weights, X, Y, H0, v, inputs = zero_error_net(TANH, seed, E=E, M=M)
    S, theta0, sigma, tau = mean_curvature(v, inputs), flatten(weights), 1.5, 0.3
    r0, r = inertia(H0).positive, min(E, M) * 2
    assert inertia(S).positive == r and (r < E * 2 or E <= M)
    mean = np.r_[theta0, v.ravel(), np.zeros(E * 2)]
    cov = block_diagonal(posterior_cov(H0, sigma, tau, r0), sigma ** 2 * np.eye(E * M), posterior_cov(S, sigma, tau, r))
    kl = kl_smooth(theta0, v, H0, S, sigma, tau)
    # tau^2 / h has the relative error eps h_max / h, up to 1e-11, and the cov a condition that adds some
    assert kl == pytest.approx(isotropic_kl(mean, cov, sigma), rel=1e-8)
    sampled, error = sampled_kl(np.random.default_rng(seed), mean, cov, np.zeros(len(mean)),
                                sigma ** 2 * np.eye(len(mean)), 20_000)
    assert abs(sampled - kl) < 5 * error


@SEEDS
@pytest.mark.parametrize("M", [1, 2])
def test_kl_relu_is_the_general_kl_of_the_gaussian_blocks(seed, M):
    weights, X, Y, H0, v, _ = zero_error_net(RELU, seed, M=M)
    theta0, sigma, tau, r0 = flatten(weights), 2.0, 0.3, inertia(H0).positive
    assert r0 <= len(theta0) - 2                                    # a zero for each of the two units
    mean, cov = np.r_[theta0, v.ravel()], block_diagonal(posterior_cov(H0, sigma, tau, r0), sigma ** 2 * np.eye(3 * M))
    assert kl_relu(theta0, v, H0, sigma, tau) == pytest.approx(isotropic_kl(mean, cov, sigma), rel=1e-8)


@SEEDS
def test_mean_curvature_is_the_hessian_in_the_incoming_weights_and_its_mean_over_v(seed):
    weights, X, Y, _, v, inputs = zero_error_net(TANH, seed, E=3, M=2)
    S = inactive_units_hessian(weights, X, Y, TANH, SQUARE, 0, v).ww
    assert np.abs(mean_curvature(v, inputs) - S).max() < 1e-12 * np.abs(S).max()
    rng = np.random.default_rng(seed)
    draws = v + 0.7 * rng.normal(size=(20_000, 3, 2))
    gram = draws @ draws.mT                                         # (T, 3, 3)
    mean, error = gram.mean(axis=0), gram.std(axis=0) / np.sqrt(len(gram))
    expected = mean_curvature(v, np.ones((1, 1)), 0.7)              # a~^T a~ = 1: the factor V V^T + M sigma^2 I alone
    assert (np.abs(mean - expected) < 5 * error).all()
    assert np.array_equal(mean_curvature(v, inputs, 0.7), np.kron(expected, inputs.T @ inputs))


def test_the_rank_of_S_is_that_of_v_times_that_of_the_inputs():
    rng = np.random.default_rng(0)
    for E, M, n, D1 in ((3, 2, 2, 4), (3, 1, 9, 2), (2, 3, 1, 3), (1, 1, 1, 1)):
        v, inputs = rng.normal(size=(E, M)), rng.normal(size=(n, D1))
        assert inertia(mean_curvature(v, inputs)).positive == min(E, M) * min(n, D1)
        assert inertia(mean_curvature(v, inputs, 0.5)).positive == E * min(n, D1)
    twice = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]])          # rank 1, and a third input that is the sum of two
    dependent = np.column_stack([inputs := rng.normal(size=(9, 2)), inputs.sum(axis=1)])
    assert inertia(mean_curvature(twice, dependent)).positive == 1 * 2


# ------------------------------------------------------------------ the product posterior

def wide_blocks(weights, X, Y, v):
    """H0, the cross block theta_0-w and S, cut from the whole Hessian of the net with inactive tanh units."""
    at = parameter_order(weights, 0, len(v))
    H, at0, atw = hessian(inactive_units(weights, 0, v), X, Y, TANH), at.theta_0.ravel(), at.w.ravel()
    # v is coupled with nothing here, so that this is all there is; but for v . w, which is 0 at zero error
    assert np.abs(H[at.v.ravel()]).max() < 1e-12 * np.abs(H).max()
    return H[at0[:, None], at0], H[at0[:, None], atw], H[atw[:, None], atw]


@SEEDS
def test_a_product_is_legitimate_and_costs_what_fischers_inequality_says(seed):
    weights, X, Y, _, v, _ = zero_error_net(TANH, seed, n=40, E=1)  # regular blocks
    H0, cross, S = wide_blocks(weights, X, Y, v)
    H, sigma = np.block([[H0, cross], [cross.T, S]]), 2.0
    assert inertia(H).positive == 8 and np.abs(cross).max() > 1e-3 * np.abs(H).max()

    def weighed(C, tau):                                            # the rise of the loss in units of tau^2, and the KL
        return expected_risk(0.0, H, C) / tau ** 2 + isotropic_kl(np.zeros(8), C, sigma)

    for tau in (1.0, 0.1):                                          # exact, whatever tau
        A0, AS, A = (B + tau ** 2 / sigma ** 2 * np.eye(len(B)) for B in (H0, S, H))
        product = tau ** 2 * block_diagonal(inverse(A0), inverse(AS))
        cost = product_cost(H0, cross, S, sigma, tau)
        assert weighed(product, tau) - weighed(tau ** 2 * inverse(A), tau) == pytest.approx(cost, rel=1e-7)
        for wider in (0.9, 1.1):                                    # control: no other product does better
            assert weighed(product * wider, tau) > weighed(product, tau) > weighed(tau ** 2 * inverse(A), tau)
    log_det = [np.linalg.slogdet(B)[1] for B in (H0, S, H)]
    limit, tau = (log_det[0] + log_det[1] - log_det[2]) / 2, 1e-6
    assert limit > 0.1 and product_cost(H0, cross, S, sigma, tau) == pytest.approx(limit, rel=1e-6)
    paper = curvature_kl(H0, sigma, tau) + curvature_kl(S, sigma, tau)                  # Q_sm, at mean 0
    assert paper - curvature_kl(H, sigma, tau) == pytest.approx(limit, rel=1e-5)        # and with the whole Hessian


def test_a_product_costs_nothing_only_without_cross_block():
    rng = np.random.default_rng(0)
    H0, S = semidefinite(rng, 4, 3), semidefinite(rng, 3, 2)
    assert product_cost(H0, np.zeros((4, 3)), S, 2.0, 0.1) == pytest.approx(0, abs=1e-12)
    draws = ((semidefinite(rng, 4, 3), semidefinite(rng, 3, 2)) for _ in range(50))
    assert all(product_cost(A, np.zeros((4, 3)), B, 2.0, 0.1) >= 0 for A, B in draws)   # nor by rounding
    B = rng.normal(size=(7, 3))                                     # the least coupling costs, to second order
    H = B @ B.T
    costs = [product_cost(H[:4, :4], c * H[:4, 4:], H[4:, 4:], 2.0, 0.1) for c in (1.0, 1e-3, 1e-4)]
    assert costs[0] > 1 and costs[2] > 0 and costs[1] / costs[2] == pytest.approx(100, rel=1e-3)
    with pytest.raises(ValueError, match="no minimum"):
        product_cost(H0, 10 * np.ones((4, 3)), S, 2.0, 0.1)


@pytest.mark.parametrize("E, M", [(3, 1), (2, 2)])
@SEEDS
def test_with_singular_blocks_the_cross_block_decides_the_rank_and_the_product_pays_for_it(E, M, seed):
    weights, X, Y, _, v, _ = zero_error_net(TANH, seed, E=E, M=M)
    H0, cross, S = wide_blocks(weights, X, Y, v)
    H = np.block([[H0, cross], [cross.T, S]])
    r0, r, R = (inertia(B).positive for B in (H0, S, H))
    assert R == r0 == 3 * M and r == min(E, M) * 2                  # without the cross block it would be r0 + r
    costs = [product_cost(H0, cross, S, 1.0, tau) for tau in (1e-5, 1e-6)]              # h down to 1e-5 of the largest
    assert costs[1] - costs[0] == pytest.approx((r0 + r - R) * np.log(10), rel=1e-2)


# ------------------------------------------------------------------ errata of the KL formulas

def printed_smooth_kl(theta, d0, H0, S, sigma, tau, extra, last):
    """The smooth KL as printed, for regular H0 and S; `extra` times log(sigma^2 / tau^2), `last` added at the end."""
    log = np.log(sigma ** 2 / tau ** 2)
    trace = np.trace(np.linalg.inv(H0)) + np.trace(np.linalg.inv(S))
    return (d0 * log + extra * log + np.linalg.slogdet(H0)[1] + np.linalg.slogdet(S)[1] + tau ** 2 / sigma ** 2 * trace
            + (theta ** 2).sum() / sigma ** 2 - d0 + last) / 2


def regular_case(seed, E=2, M=3, D1=3):
    """Regular H0 and S (E <= M): the only case in which the printed formula can be evaluated."""
    rng = np.random.default_rng(seed)
    H0, theta0, v = semidefinite(rng, 4, 4) + np.eye(4), rng.normal(size=4), rng.normal(size=(E, M))
    S, sigma, tau = mean_curvature(v, rng.normal(size=(9, D1))), 3.0, 0.1
    mean = np.r_[theta0, v.ravel(), np.zeros(E * D1)]
    cov = block_diagonal(posterior_cov(H0, sigma, tau, 4), sigma ** 2 * np.eye(E * M),
                         posterior_cov(S, sigma, tau, E * D1))
    return theta0, v, H0, S, sigma, tau, isotropic_kl(mean, cov, sigma)


@SEEDS
def test_erratum_the_dimension_of_the_extra_term_is_the_rank_of_S(seed):
    for M, D1 in ((3, 2), (2, 3)):                                  # d1 = E M above and below r = E D'
        theta0, v, H0, S, sigma, tau, kl = regular_case(seed, M=M, D1=D1)
        d1, r, theta = v.size, len(S), np.r_[theta0, v.ravel()]
        assert printed_smooth_kl(theta, 4, H0, S, sigma, tau, r, -r) == pytest.approx(kl, rel=1e-9)
        assert kl_smooth(theta0, v, H0, S, sigma, tau) == pytest.approx(kl, rel=1e-9)
        off = printed_smooth_kl(theta, 4, H0, S, sigma, tau, d1, -r) - kl
        assert off == pytest.approx((d1 - r) * np.log(sigma ** 2 / tau ** 2) / 2, rel=1e-6) and abs(off) > 6


@SEEDS
def test_erratum_the_sign_of_the_last_term_of_the_smooth_kl(seed):
    theta0, v, H0, S, sigma, tau, kl = regular_case(seed)
    d1, r, theta = v.size, len(S), np.r_[theta0, v.ravel()]
    off = printed_smooth_kl(theta, 4, H0, S, sigma, tau, r, d1) - kl
    assert off == pytest.approx((d1 + r) / 2, rel=1e-6) and off > 5.9


@pytest.mark.parametrize("E", [2, 5, 20])
@SEEDS
def test_erratum_S_has_no_inverse_in_the_papers_experiment(E, seed):
    weights, X, Y, _, v, inputs = zero_error_net(TANH, seed, n=10, E=E)       # M = 1 and n = 10, as in Fig. 2
    S = mean_curvature(v, inputs)
    assert inertia(S).positive == 2 < 2 * E == len(S)
    log_pdet = np.log(np.linalg.eigvalsh(S)[-2:]).sum()
    # every zero is rounding, below 1e-14 of the largest: log det falls short by 30 and more for each, or is -inf
    log_det = np.log(np.maximum(np.abs(np.linalg.eigvalsh(S)), 1e-300)).sum()
    assert log_det < log_pdet - (2 * E - 2) * 25
    theta0 = flatten(weights)
    assert np.isfinite(kl_smooth(theta0, v, np.eye(len(theta0)), S, 3.0, 0.1))


def test_erratum_v_and_w_have_equal_dimensions_in_both_nets_not_each_other():
    rng = np.random.default_rng(0)
    narrow, X, v = random_weights([3, 2, 2], rng=rng), rng.normal(size=(9, 3)), rng.normal(size=(5, 2))
    sizes = []
    for wide in (inactive_units(narrow, 0, v), inactive_relu_units(narrow, 0, v, X)):
        at = parameter_order(narrow, 0, 5)
        assert (flatten(wide)[at.v] == v).all()
        sizes.append((at.v.size, at.w.size))
    assert sizes[0] == sizes[1] == (5 * 2, 5 * 4)                   # E M and E D', printed as one d_1


def test_H0_has_no_inverse_for_tanh_either_in_fig_2():
    x, eps, nets, _ = experiment()
    X, Y = x[:, None], (np.tanh(x) + eps)[:, None]
    counts = inertia(hessian(nets["tanh"], X, Y, TANH))
    assert counts[:3] == (10, 0, 5) and counts.gap > 1e6            # n = 10 samples, P = 15
    assert jacobian_rank(nets["tanh"], X, TANH) == 10


@SEEDS
def test_erratum_the_hessian_of_a_relu_net_has_no_inverse(seed):
    weights, X, Y, H0, v, _ = zero_error_net(RELU, seed, n=40, units=3)                 # more equations than weights
    assert X.shape[0] > len(H0) and inertia(H0).positive <= len(H0) - 3
    values = np.abs(np.linalg.eigvalsh(H0))
    assert (np.sort(values)[:3] < 1e-14 * values.max()).all()
    assert np.isfinite(kl_relu(flatten(weights), v, H0, 3.0, 0.1))
    smooth = zero_error_net(TANH, seed, n=40)[3]           # control: a tanh net has no such zeros
    assert np.linalg.eigvalsh(smooth)[0] > 1e-5 * np.linalg.eigvalsh(smooth)[-1]


@SEEDS
def test_erratum_the_relu_norm_excludes_the_uniform_block(seed):
    weights, X, Y, H0, v, _ = zero_error_net(RELU, seed)
    wide, sigma, tau = inactive_relu_units(weights, 0, v, X), 2.0, 0.3
    kl = kl_relu(flatten(weights), v, H0, sigma, tau)
    printed = curvature_kl(H0, sigma, tau) + (flatten(wide) ** 2).sum() / sigma ** 2 / 2
    assert printed - kl == pytest.approx(3 * 2.0 ** 2 / sigma ** 2 / 2, rel=1e-12)      # three biases of 2: 1.5 nats


@SEEDS
def test_the_kl_at_the_hessian_of_the_sum_and_of_the_mean_differ_by_half_the_rank_times_log_n(seed):
    weights, X, Y, H0, v, _ = zero_error_net(TANH, seed)
    n, rank, tau = len(X), inertia(H0).positive, 1e-6
    gap = curvature_kl(H0, 1.0, tau) - curvature_kl(H0 / n, 1.0, tau)
    # the traces differ by tau^2 (n - 1) Tr H^+ / 2, of the order 1e-7 as eigenvalues reach 1e-5
    assert gap == pytest.approx(rank / 2 * np.log(n), rel=1e-5)
    assert curvature_kl(H0, 1.0, tau) == pytest.approx(curvature_kl(H0 / n, 1.0, tau / np.sqrt(n)), rel=1e-9)


@pytest.mark.parametrize("E, M", [(3, 1), (2, 2)])
@SEEDS
def test_at_zero_error_the_whole_hessian_has_no_more_rank_than_nM_so_S_costs_by_the_product_alone(E, M, seed):
    weights, X, Y, H0, v, inputs = zero_error_net(TANH, seed, E=E, M=M)     # P = 6, 8 and n M = 3, 6
    H, S, nM = hessian(inactive_units(weights, 0, v), X, Y, TANH), mean_curvature(v, inputs), len(X) * M
    assert np.abs(H[:4, 4:4 + 2 * E]).max() > 1e-3 * np.abs(H).max()         # theta_0 and w are coupled
    assert inertia(H0).positive == nM == inertia(H).positive < len(H0) and inertia(S).positive == min(E, M) * 2
    pdet = [np.log(np.linalg.eigvalsh(A)[-nM:]).sum() for A in (H, H0)]
    steps = []
    for tau in (1e-6, 1e-7):                                        # tau^2 Tr H^+ is below 1e-6 here
        whole, narrow, product = (curvature_kl(A, 1.0, tau) for A in (H, H0, S))
        assert whole - narrow == pytest.approx((pdet[0] - pdet[1]) / 2, abs=1e-5) and whole > narrow
        steps.append([whole - narrow, product])
    grown = np.subtract(steps[1], steps[0])                         # tau ten times smaller: r log 10 for the product
    assert grown == pytest.approx([0, min(E, M) * 2 * np.log(10)], abs=1e-5)


@SEEDS
def test_control_with_more_equations_than_weights_S_adds_rank(seed):
    weights, X, _, H0, v, _ = zero_error_net(TANH, seed, n=40)
    wide = inactive_units(weights, 0, v)                            # H is J^T J: the rank of J is told more clearly
    assert inertia(H0).positive == 6 == jacobian_rank(weights, X, TANH) and jacobian_rank(wide, X, TANH) == 6 + 2


@SEEDS
def test_caveat_a_free_v_does_not_keep_the_empirical_risk(seed):
    """One tanh unit, v ~ N(v^, sigma^2), w ~ N(0, tau^2 S(v^)^-1): E L^ is (1 + sigma^2 / v^^2) tau^2 D' / 2."""
    rng = np.random.default_rng([seed, 5])
    inputs, v_hat = augment(np.zeros((1, 2)), np.linspace(-1, 1, 10)[:, None]), np.array([[1.0]])
    S = mean_curvature(v_hat, inputs)

    def measured(sigma, tau, count=20_000):
        v = v_hat + sigma * rng.normal(size=(count, 1))
        w = tau * rng.normal(size=(count, 2)) @ np.linalg.cholesky(np.linalg.inv(S)).T
        loss = ((v * np.tanh(w @ inputs.T)) ** 2).sum(axis=1) / 2   # the narrow net fits: the unit is what is left
        return loss.mean(), loss.std() / np.sqrt(count)

    tau = 1e-3
    cov = tau ** 2 * inverse(S)
    claimed = expected_risk(0.0, S, cov)
    assert claimed == pytest.approx(tau ** 2 * 2 / 2, rel=1e-12)
    for sigma in (0.0, 3.0, 30.0):
        mean, error = measured(sigma, tau)
        corrected = expected_risk(0.0, mean_curvature(v_hat, inputs, sigma), cov)
        assert corrected == pytest.approx((1 + sigma ** 2) * claimed, rel=1e-9)
        # five standard errors, and tanh below its tangent: w . a~ is 1e-3, so 1e-6 relative
        assert abs(mean - corrected) < 5 * error + 1e-4 * corrected
        if sigma:
            assert mean > 7 * claimed                               # 10 and 901 times the claim
    # so the risk stays only where tau sigma << |v^|: here 3e-4, and control, 3
    assert measured(30.0, 1e-5)[0] < 1e-6 and measured(30.0, 0.1)[0] > 1


@SEEDS
def test_with_more_units_the_rank_of_S_stays_and_its_log_pdet_grows_like_log_v2(seed):
    rng = np.random.default_rng([seed, 6])
    v, inputs = rng.normal(size=(40, 1)), augment(np.zeros((1, 2)), np.linspace(-1, 1, 10)[:, None])
    few, many = (mean_curvature(v[:E], inputs) for E in (4, 40))
    assert inertia(few).positive == inertia(many).positive == 2
    gain = np.log(np.linalg.eigvalsh(many)[-2:]).sum() - np.log(np.linalg.eigvalsh(few)[-2:]).sum()
    assert gain == pytest.approx(2 * np.log((v ** 2).sum() / (v[:4] ** 2).sum()), rel=1e-9) and gain > 1
    assert np.trace(many) == pytest.approx((v ** 2).sum() * (inputs ** 2).sum(), rel=1e-12)


@SEEDS
def test_the_null_space_of_S_is_flat_to_second_order_only(seed):
    """sum_j v_j w_j = 0 is the kernel of S; along it tanh leaves the cubes of w . a~, and L rises like s^6."""
    rng = np.random.default_rng(seed)
    weights, X, Y, _, v, inputs = zero_error_net(TANH, seed, n=10)
    W = rng.normal(size=(3, 2))
    W -= v @ (v.T @ W) / (v ** 2).sum()                             # now v . W = 0
    assert np.abs(mean_curvature(v, inputs) @ W.ravel()).max() < 1e-13 * np.abs(mean_curvature(v, inputs)).max()
    wide, rise = inactive_units(weights, 0, v), []
    for s in (0.04, 0.02):
        wide[0][2:] = s * W
        rise.append(training_loss(wide, X, Y, TANH))
    assert np.log2(rise[0] / rise[1]) == pytest.approx(6, abs=0.2) and rise[0] > 1e-14


# ------------------------------------------------------------------ bounds and the best posterior

def test_pac_bayes_bound_by_hand():
    # KL = 1, n = 201, delta = 201 e^-8: 2 (1 + 8) / 200 = 0.09, its root is 0.3
    assert pac_bayes_bound(0.25, 1.0, 201, 201 * np.exp(-8.0)) == pytest.approx(0.85, rel=1e-14)
    assert pac_bayes_bound(0, 0, 2, 0.5) == pytest.approx(2 * np.sqrt(2 * np.log(4)), rel=1e-14)


def kl_inverse(q, c):
    """The largest p with q log(q/p) + (1-q) log((1-q)/(1-p)) <= c, by bisection."""
    def kl(p):
        return (q * math.log(q / p) if q > 0 else 0.0) + ((1 - q) * math.log((1 - q) / (1 - p)) if q < 1 else 0.0)
    low, high = max(q, 1e-300), 1 - 1e-16
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if kl(middle) <= c else (low, middle)
    return low


def test_the_bound_dominates_maurers():
    for n in range(2, 28):                                          # above 1 for a KL of 0, so it says nothing
        assert pac_bayes_bound(0.0, 0.0, n, 1 - 1e-12) > 1
    assert pac_bayes_bound(0.0, 0.0, 28, 1 - 1e-12) < 1
    for n in (8, 30, 1000, 10 ** 6):                                # Maurer's proof is for n >= 8
        for risk in (0.0, 0.01, 0.3, 0.9):
            for kl in (0.0, 1.0, 50.0, 1e4):
                for delta in (0.001, 0.05, 0.9):
                    sharper = kl_inverse(risk, (kl + np.log(2 * np.sqrt(n) / delta)) / n)
                    assert pac_bayes_bound(risk, kl, n, delta) > sharper


@SEEDS
def test_the_bound_holds_and_its_control_without_the_kl_fails(seed):
    """Coin tosses in 2000 cells: 2^2000 hypotheses, all with risk 1/2; Q picks the majority in each cell of 50."""
    rng = np.random.default_rng(seed)
    n, cells, trials, delta = 100_000, 2000, 300, 0.05
    heads = rng.binomial(n // cells, 0.5, size=(trials, cells))
    best = np.minimum(heads, n // cells - heads).sum(axis=1) / n
    kl = cells * np.log(2)                                          # a point mass against the uniform prior
    bound, free = (np.array([pac_bayes_bound(risk, cost, n, delta) for risk in best]) for cost in (kl, 0.0))
    assert (0.5 > bound).mean() <= delta and bound.max() < 1        # above 1 it would say nothing
    assert (0.5 > free).mean() > 0.9                                # without the price of having chosen


def test_erratum_13_the_logarithm_is_negative():
    n, delta = 10, 0.05
    printed = 2 * (0.0 + np.log(2 * delta / n)) / (n - 1)
    assert printed == pytest.approx(-1.0234, abs=1e-4)              # what Eq. (13) takes the root of at KL = 0
    assert pac_bayes_bound(0.0, 0.0, n, delta) == pytest.approx(2 * np.sqrt(2 * np.log(200) / 9), rel=1e-14)
    kl = 2.0                                                        # still negative here, though KL > 0
    assert kl + np.log(2 * delta / n) < 0 < kl + np.log(n / delta)


@SEEDS
def test_expected_risk_is_the_mean_of_a_quadratic_and_errs_by_tau_to_the_fourth_else(seed):
    rng = np.random.default_rng(seed)
    H, C = semidefinite(rng, 4, 3), random_cov(rng, 4)
    x = rng.normal(size=(100_000, 4)) @ np.linalg.cholesky(C).T
    loss = 0.3 + np.einsum("ti,ij,tj->t", x, H, x) / 2
    assert abs(loss.mean() - expected_risk(0.3, H, C)) < 5 * loss.std() / np.sqrt(len(loss))
    # L = cosh(x) - 1 at N(0, c): E L = exp(c / 2) - 1, second order c / 2, error c^2 / 8
    errors = [np.expm1(c / 2) - expected_risk(0.0, [[1.0]], [[c]]) for c in (0.02, 0.01)]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.01) and errors[1] == pytest.approx(0.01 ** 2 / 8, rel=0.01)


@SEEDS
def test_erratum_the_mean_of_Q_is_the_minimum(seed):
    """The paper sets Q to N(0, tau^2 H^-1), and then computes with N(theta^, .), as it must: L^ is low at theta^."""
    rng = np.random.default_rng(seed)
    H, theta, tau, sigma = semidefinite(rng, 4, 4) + np.eye(4), 3 * rng.normal(size=4), 0.1, 5.0
    C = tau ** 2 * inverse(H)
    printed_kl = (4 * np.log(sigma ** 2) - np.linalg.slogdet(C)[1] + np.trace(C) / sigma ** 2
                  + theta @ theta / sigma ** 2 - 4) / 2
    z = rng.normal(size=(20_000, 4)) @ np.linalg.cholesky(C).T
    at_theta, at_0 = (np.einsum("ti,ij,tj->t", z + shift, H, z + shift).mean() / 2 for shift in (0, -theta))
    claimed = expected_risk(0.0, H, C)                  # tau^2 d / 2
    assert at_theta == pytest.approx(claimed, rel=0.05) and at_0 > 20 * claimed
    assert isotropic_kl(theta, C, sigma) == pytest.approx(printed_kl, rel=1e-12)
    assert abs(isotropic_kl(0 * theta, C, sigma) - printed_kl) > 0.01


@SEEDS
def test_40_is_the_sum_of_its_three_terms(seed):
    rng = np.random.default_rng(seed)
    H, theta, C, n, delta, sigma = semidefinite(rng, 4, 4), rng.normal(size=4), random_cov(rng, 4), 50, 0.1, 1.7
    kl = gaussian_kl(theta, C, np.zeros(4), sigma ** 2 * np.eye(4))
    by_hand = 0.2 + np.trace(H @ C) / 2 + 2 * np.sqrt(2 * (kl + np.log(n / delta)) / (n - 1))
    assert approximate_bound(0.2, H, theta, C, n, delta, sigma) == pytest.approx(by_hand, rel=1e-12)


@SEEDS
def test_erratum_a_two_too_many_in_the_plug_in_bound(seed):
    rng = np.random.default_rng(seed)
    H, theta, n, delta, sigma, tau = semidefinite(rng, 4, 4) + np.eye(4), rng.normal(size=4), 50, 0.1, 10.0, 0.1
    C = tau ** 2 * inverse(H)
    direct = approximate_bound(0.2, H, theta, C, n, delta, sigma)
    assert plug_in_bound(0.2, H, theta, n, delta, sigma, tau) == pytest.approx(direct, rel=1e-12)
    braces = (4 * np.log(sigma ** 2 / tau ** 2) + np.linalg.slogdet(H)[1]
              + tau ** 2 / sigma ** 2 * np.trace(np.linalg.inv(H)) + theta @ theta / sigma ** 2 - 4)
    printed, correct = (0.2 + tau ** 2 * 4 / 2 + 2 * np.sqrt((k * braces + 2 * np.log(n / delta)) / (n - 1))
                        for k in (2, 1))
    assert correct == pytest.approx(direct, rel=1e-12)
    assert printed > 1.25 * direct                                  # by up to sqrt(2), if the KL dominates


@SEEDS
def test_the_plug_in_bound_counts_the_rank(seed):
    rng = np.random.default_rng(seed)
    H, theta = semidefinite(rng, 5, 2), rng.normal(size=5)
    C = posterior_cov(H, 3.0, 0.2, 2)
    direct = approximate_bound(0.1, H, theta, C, 50, 0.1, 3.0)
    assert plug_in_bound(0.1, H, theta, 50, 0.1, 3.0, 0.2) == pytest.approx(direct, rel=1e-9)


@pytest.mark.parametrize("rank", [0, 2, 5])
def test_the_optimal_posterior_is_a_fixed_point_and_minimises_40(rank):
    rng = np.random.default_rng([0, rank])
    H, theta, n, delta, sigma = semidefinite(rng, 5, rank), rng.normal(size=5), 40, 0.05, 2.0
    tau, C = optimal_posterior(H, theta, n, delta, sigma)
    kl = isotropic_kl(theta, C, sigma)
    assert tau ** 2 == pytest.approx(np.sqrt(2 / ((n - 1) * (kl + np.log(n / delta)))), rel=1e-12)
    assert np.allclose(C, tau ** 2 * np.linalg.inv(H + tau ** 2 / sigma ** 2 * np.eye(5)), rtol=1e-10, atol=1e-13)
    best = approximate_bound(0.2, H, theta, C, n, delta, sigma)
    for t in tau * np.geomspace(0.1, 10, 40):                       # along the family of the paper
        other = t ** 2 * inverse(H + t ** 2 / sigma ** 2 * np.eye(5))
        assert approximate_bound(0.2, H, theta, other, n, delta, sigma) >= best * (1 - 1e-14)
    root = np.linalg.cholesky(C)
    for _ in range(30):                                             # in any direction: no slope, and up
        B = rng.normal(size=(5, 5))
        rise = []
        for s in (1e-2, -1e-2, 1e-3, -1e-3):
            w, U = np.linalg.eigh(s * (B + B.T))
            bent = root @ (U * np.exp(w)) @ U.T @ root.T
            rise.append(approximate_bound(0.2, H, theta, (bent + bent.T) / 2, n, delta, sigma) - best)
        assert min(rise) > 0
        assert abs(rise[0] - rise[1]) < 0.2 * (rise[0] + rise[1])   # no slope: odd part small against the even one
        assert (rise[0] + rise[1]) / (rise[2] + rise[3]) == pytest.approx(100, rel=0.05)


def test_the_fixed_point_in_tau_is_unique_and_at_h_0_it_is_the_prior():
    rng = np.random.default_rng(0)
    for d, scale in ((1, 1e6), (3, 1.0), (100, 1e-2), (300, 1e-2)):
        h, n, delta, sigma = scale * rng.random(d), 30, 0.5, 1.0
        t = np.linspace(-40, 5, 901)                                # log tau^2
        u = sigma ** 2 * h / np.exp(t)[:, None]
        kl = (np.log1p(u) - u / (1 + u)).sum(axis=1) / 2
        gap = t - np.log(2 / ((n - 1) * (kl + np.log(n / delta)))) / 2
        assert (np.diff(gap) > 0).all()                             # increasing: a single crossing
        tau = optimal_posterior(np.diag(h), np.zeros(d), n, delta, sigma).tau
        assert np.interp(0.0, gap, t) == pytest.approx(2 * np.log(tau), abs=5e-3)      # the grid's steps are 0.05
    flat = optimal_posterior(np.zeros((3, 3)), np.ones(3), 10, 0.1, 2.0)
    assert np.allclose(flat.cov, 4 * np.eye(3), rtol=1e-15, atol=0)
    assert flat.tau == pytest.approx((2 / (9 * (3 / 8 + np.log(100)))) ** 0.25, rel=1e-12)
    for n, delta in ((2, 0.99), (3, 0.999)):                        # KL + ln(n / delta) < 1 for the first
        tau, C = optimal_posterior([[0.3]], [0.0], n, delta, 1.0)
        right = 2 / ((n - 1) * (isotropic_kl([0.0], C, 1.0) + np.log(n / delta)))
        assert tau ** 4 == pytest.approx(right, rel=1e-12)


# ------------------------------------------------------------------ the data and the narrow nets

@SEEDS
def test_inputs_are_one_in_each_part_and_noise_has_the_deviation(seed):
    x, eps = draw_data(4000, 0.1, rng=seed)
    part = (x + 1) / 2 * 4000 - np.arange(4000)
    assert (part >= 0).all() and (part < 1).all() and abs(part.mean() - 0.5) < 5 * np.sqrt(1 / 12 / 4000)
    assert eps.std() == pytest.approx(0.1, rel=5 / np.sqrt(8000)) and abs(eps.mean()) < 5 * 0.1 / np.sqrt(4000)
    # uniform in each part, and the fourth moment of a normal: deviations 0.004 and 0.15
    assert abs(part.std() - 12 ** -0.5) < 0.01 and abs((eps ** 4).mean() / 1e-4 - 3) < 0.6
    assert x.min() >= -1 and x.max() < 1 and (draw_data(3, 0.0, rng=0)[1] == 0).all()


@pytest.mark.parametrize("y, needed", [
    ([0, 1, 2, 3], 0), ([0, 1, 3], 1), ([0, 1, 3, 6], 1), ([0, 1, 3, 6, 10], 2), ([0, 1, 0, 1, 0, 1], 4),
    ([0, 1, 3, 2, 0], 2), ([0, 1, 3, 4, 5, 8], 3), ([0, 1, 3, 4, 5, 4], 3), ([1.0], 0), ([1, 2], 0),
])
def test_kinks_needed_by_hand(y, needed):
    x = np.arange(len(y)) ** 1.5 if needed == 0 and len(y) < 3 else np.arange(float(len(y)))
    assert relu_units_needed(x, np.array(y, float)) == needed
    order = np.random.default_rng(0).permutation(len(y))            # any order of the points
    assert relu_units_needed(x[order], np.array(y, float)[order]) == needed


def test_slopes_that_differ_by_rounding_of_the_targets_need_no_kink():
    eps = np.finfo(float).eps                                       # gaps 1 and 2: 16 eps (1 + 1/2) = 24 eps
    for x in (100 + 0.1 * np.arange(10), 2000 + 0.1 * np.arange(10)):                   # decimals: x is rounded too
        assert (relu_units_needed(x, np.arange(10.0)), relu_units_needed(x, np.abs(np.arange(10.0) - 5))) == (0, 1)
    assert relu_units_needed([0.0, 1.0, 3.0], [1.0, 1.0, 1 + 56 * eps]) == 1            # slopes differ by 28 eps
    assert relu_units_needed([0.0, 1.0, 3.0], [1.0, 1.0, 1 + 40 * eps]) == 0            # by 20 eps
    for k, needed in ((8, 0), (10, 1)):                             # targets good to 8 eps, in any units
        y = 2.0 ** 30 * np.array([1 + k * eps, 1 - k * eps, 1 + k * eps])
        assert relu_units_needed([0.0, 1.0, 2.0], y) == needed


def test_equal_samples_many_times_leave_the_rank_alone():
    a = np.column_stack([np.full(10_000, 0.3), -np.ones(10_000)])   # rank 1; the other eigenvalue is rounding
    for n in (1000, 10_000):
        exact = curvature_kl(np.array([[n * 1.09]]), 3.0, 0.1)
        assert curvature_kl(mean_curvature([[1.0]], a[:n]), 3.0, 0.1) == pytest.approx(exact, rel=1e-12)


def test_a_small_error_is_one_to_divide_by():
    net, x = [np.ones((1, 2)), np.zeros((1, 1))], np.ones((2, 1))
    assert np.isfinite(predicted_ratio(net, x, 1e-11 * x, TANH, [1], rho=1e-12)).all()


def test_at_deviation_0_there_is_no_ratio_where_the_net_makes_no_error():
    weights, X = random_weights([1, 3, 1], rng=0), np.linspace(-1, 1, 5)[:, None]
    Y = forward(weights, X, TANH)
    assert predicted_error(weights, X, Y, TANH, rho=0.0) < 1e-30
    for function in (replicated_ratio, generalization_ratio, predicted_replicated_ratio, predicted_ratio):
        with pytest.raises(ValueError, match="no error"):           # 0 / 0
            function(weights, X, Y, TANH, [1, 5], rho=0.0)


def test_no_relu_net_has_fewer_units_than_its_samples_need_and_the_bound_is_reached():
    rng, reached = np.random.default_rng(0), set()
    for _ in range(400):
        units, x = rng.integers(1, 6), np.sort(rng.uniform(-1, 1, size=12))
        net = random_weights([1, units, 1], bias=[True, False], rng=rng)
        needed = relu_units_needed(x, forward(net, x[:, None], RELU)[:, 0])
        assert needed <= units
        reached |= {needed} if needed == units else set()
    assert reached == {1, 2, 3, 4}


def test_where_more_than_five_units_are_needed_enumeration_finds_no_net_of_five():
    rng, refused, found = np.random.default_rng(0), 0, 0
    while refused < 8 or not found:
        x, eps = draw_data(10, 0.1, rng=rng)
        y = np.maximum(x, 0) + eps
        needed, possible = relu_units_needed(x, y), bool(relu_interpolants(x, y, 5))
        assert not (needed > 5 and possible)
        refused, found = refused + (needed > 5), found + possible


def test_zero_error_nets_are_below_1e_minus_29_and_the_relu_net_is_the_smallest():
    x, eps, nets, _ = experiment()
    for act in (RELU, TANH, SMOOLU):
        net, X = nets[act.name], x[:, None]
        Y = act.f(X) + eps[:, None]
        assert [W.shape for W in net] == [(5, 2), (1, 5)]
        assert 2 * training_loss(net, X, Y, act) < 1e-29
    every = relu_interpolants(x, RELU.f(x) + eps, 5)
    norms = [np.linalg.norm(flatten(net)) for net in every]
    assert np.linalg.norm(flatten(nets["ReLU"])) == pytest.approx(min(norms), rel=1e-12)


def test_the_smallest_of_the_nets_that_arrive_is_taken():
    x, eps = draw_data(6, 0.1, rng=3)
    starts = kinked_starts(x, 3, 64, rng=np.random.default_rng(5))
    fits = fit_many(starts, x[:, None], (np.tanh(x) + eps)[:, None], TANH)
    norms = sorted(np.linalg.norm(flatten(f.weights)) for f in fits if 2 * f.loss < 1e-29)
    net = smallest_zero_error([f.weights for f in fits], x, np.tanh(x) + eps, TANH, rng=5)
    assert len(norms) > 3 and norms[1] > norms[0] * 1.0001
    assert np.linalg.norm(flatten(net)) == pytest.approx(norms[0], rel=1e-9)
    assert smallest_zero_error([f.weights for f in fits], x, eps, TANH, rng=5) is None  # other targets
    assert smallest_zero_error([], x, eps, TANH) is None
    again = [smallest_zero_error([f.weights for f in fits], x, np.tanh(x) + eps, TANH, goal=3e-33, rng=seed)
             for seed in (5, 5)]                                    # below what fits reach: by random moves
    assert again[0] is None is again[1] or all(map(np.array_equal, *again))
    X, Y = x[:, None], (np.tanh(x) + eps)[:, None]
    floor = _polish(net, X, Y, TANH, goal=0.0, rng=0)               # polishing gets no further
    error = 2 * training_loss(floor, X, Y, TANH)
    assert error > 0 and smallest_zero_error([floor], x, Y[:, 0], TANH, goal=0.75 * error, rng=0) is None
    start = fit_many([random_weights([1, 6, 1], rng=0)], X, Y, TANH)[0].weights
    error = 2 * training_loss(start, X, Y, TANH)                    # polishing gets below it
    assert smallest_zero_error([start], x, Y[:, 0], TANH, goal=error / 3, rng=0) is not None


def test_four_tanh_units_often_fit_the_data_of_fig_2_and_three_do_not():
    x, eps, *_ = experiment()
    for units, some in ((3, False), (4, True)):
        starts = kinked_starts(x, units, 32, rng=np.random.default_rng(0))
        fits = fit_many(starts, x[:, None], (np.tanh(x) + eps)[:, None], TANH)
        assert any(2 * f.loss < 1e-20 for f in fits) == some


@SEEDS
def test_starts_bend_within_the_data(seed):
    x = np.array([0.5, 2.0, 1.0])
    starts = kinked_starts(x, 4, 500, rng=seed)
    W1, W2 = np.array([net[0] for net in starts]), np.array([net[1] for net in starts])
    assert W1.shape == (500, 4, 2) and W2.shape == (500, 1, 4)
    bend = W1[..., 1] / W1[..., 0]
    assert bend.min() >= 0.5 and bend.max() <= 2 and np.ptp(bend) > 1.4
    logs = np.log(np.abs(W1[..., 0]) / 3)
    assert abs(logs.mean()) < 0.06 and abs(logs.std() - 0.5) < 0.06 and 0.4 < (W1[..., 0] > 0).mean() < 0.6
    assert abs(W2.std() - 1) < 0.09                                 # 2000 draws: four standard errors
    alike = np.abs(np.sign(W1[..., 0]).sum(axis=1)) == 4            # of 4 signs in 1 net of 8
    assert 0.05 < alike.mean() < 0.2 and not np.isin(bend, x).any()


def test_polish_never_raises_the_error_moves_by_ulps_and_stops_at_its_goal():
    rng = np.random.default_rng(0)
    weights = random_weights([1, 4, 1], rng=rng)
    X = np.linspace(-1, 1, 9)[:, None]
    Y = forward(weights, X, TANH)
    rough = [W * (1 + 8e-16 * rng.choice([-1, 1], size=W.shape)) for W in weights]
    before, after = (2 * training_loss(net, X, Y, TANH) for net in (rough, _polish(rough, X, Y, TANH, rng=0)))
    assert before > 1e-30 and after <= before
    rougher = [W * (1 + 4e-15 * rng.choice([-1, 1], size=W.shape)) for W in weights]
    ends = [2 * training_loss(net, X, Y, TANH) for net in (rougher, _polish(rougher, X, Y, TANH, rng=0))]
    assert ends[0] > 1e-29 > ends[1]                                # its goal, if none is given
    gone = _polish(rough, X, Y, TANH, goal=0.0, rounds=30, rng=0)
    assert 2 * training_loss(gone, X, Y, TANH) < before / 3
    far = max((np.abs(a - b) / np.spacing(np.abs(b))).max() for a, b in zip(gone, rough))
    assert 0 < far <= 2 * 30 * 2                                    # 2 ulp a round, an ulp doubles at a power of two
    once = _polish(rough, X, Y, TANH, goal=0.0, rounds=1, rng=0)
    assert max((np.abs(a - b) / np.spacing(np.abs(b))).max() for a, b in zip(once, rough)) == 2
    same = _polish(rough, X, Y, TANH, goal=2 * before, rng=0)
    assert all((a == b).all() and a is not b for a, b in zip(same, rough))
    assert all((a == b).all() for a, b in zip(_polish(rough, X, Y, TANH, goal=0.0, rounds=0), rough))


def test_refused_data_sets_are_counted_by_reason():
    for seed in range(3):
        rng, counted = np.random.default_rng(seed), Counter()
        while True:                                                 # the same stream: no polishing is needed here
            x, eps = draw_data(8, 0.1, rng=rng)
            y = np.maximum(x, 0) + eps
            if relu_units_needed(x, y) > 4:
                counted["more than 4 ReLU units needed"] += 1
            elif not relu_interpolants(x, y, 4):
                counted["no ReLU net"] += 1
            else:
                break
        drawn = draw_experiment(problems([RELU], 4), n=8, rng=seed)
        assert np.array_equal(drawn.x, x) and np.array_equal(drawn.eps, eps)
        assert drawn.refused == counted and set(drawn.nets) == {"ReLU"}
    with pytest.raises(ValueError, match="none of 3 data sets can be fitted: {'too hard': 3}"):
        draw_experiment({"any": (np.sin, lambda x, y, rng: "too hard")}, most_draws=3, rng=0)


# ------------------------------------------------------------------ all ReLU nets through n points

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
        nets = relu_interpolants(x, y, units)
        counts.append(len(nets))
        assert len(nets) == by_hand(x, y, units)
        for net in nets:
            assert [W.shape for W in net] == [(units, 2), (1, units)]
            assert np.abs(forward(net, x[:, None], RELU)[:, 0] - y).max() < 1e-9 * np.abs(y).max()
            assert np.allclose(np.abs(net[1][0]), np.linalg.norm(net[0], axis=1), rtol=1e-12, atol=0)    # balanced
    assert min(counts) == 0 < max(counts)                                    # some data have none


def test_relu_interpolants_find_the_net_that_made_the_data():
    grid = np.linspace(-2, 2, 201)[:, None]
    for seed in range(5):
        x, y, weights = teacher_data(4, seed)
        rng = np.random.default_rng(seed)
        for scale, shift in ((1, 0), (1e3, 5e3), (1, 1e6)):                  # in any units of x
            shuffle = rng.permutation(8)
            nets = relu_interpolants(x[shuffle] * scale + shift, y[shuffle], 4)
            norms = np.array([(net[1] ** 2).sum() for net in nets])         # of v; balanced nets have twice that
            assert len(nets) > 1 and (np.diff(norms) >= -1e-12 * norms[1:]).all()
            there = [forward(net, grid * scale + shift, RELU) for net in nets]
            # x / (largest gap) loses six digits to a shift by 1e6
            assert min(np.abs(F - forward(weights, grid, RELU)).max() for F in there) < (1e-8 if shift < 1e6 else 1e-5)


def test_relu_interpolants_leave_units_at_zero_that_the_data_do_not_need():
    x = np.arange(6.0)
    nets = relu_interpolants(x, np.maximum(x - 2.5, 0), 3)
    assert any(np.count_nonzero(net[1]) == 1 for net in nets)
    assert all(np.abs(forward(net, x[:, None], RELU)[:, 0] - np.maximum(x - 2.5, 0)).max() < 1e-9 for net in nets)
    assert len({tuple(np.round(np.sort(flatten(net)), 6)) for net in nets}) == len(nets)      # none twice
    [net] = relu_interpolants([0.0, 1.0], [1.0, 1.0], 1)                  # a constant: the slope is 0
    assert np.allclose(forward(net, x[:, None], RELU), 1)


@pytest.mark.parametrize("exponent", [-40, -3, 5, 40])
def test_relu_interpolants_scale_with_the_targets(exponent):
    x, y, _ = teacher_data(2, 0)
    nets, scaled = relu_interpolants(x, y, 2), relu_interpolants(x, np.ldexp(y, exponent), 2)
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
    for scale, shift in ((1, 0), (0.1, 0), (1 / 3, 0), (0.7, 0.3), (2.0 ** -40, 0)):
        there = [forward(net, scale * grid + shift, RELU) for net in relu_interpolants(scale * x + shift, 2 * x + 1, 3)]
        assert min(np.abs(F - forward(expected, grid, RELU)).max() for F in there) < 1e-8


def on_sets(n):
    """The 2n - 1 sets of points on which a unit can be on, (2n - 1, n)."""
    right = np.arange(n) >= np.arange(n)[:, None]
    return np.concatenate([right, ~right[1:]])


def relu_nets_in_fractions(x, y, units):
    """Every choice of sets by Gauss and Jordan in exact arithmetic: a set of nets, each its sorted (p, q, s)."""
    n, found = len(x), set()
    for sets in combinations(on_sets(n).tolist(), units):
        rows = [[s[i] * x[i] for s in sets] + [Fraction(-s[i]) for s in sets] + [y[i]] for i in range(n)]
        for c in range(n):
            if (pivot := next((r for r in range(c, n) if rows[r][c]), None)) is None:
                break                                               # singular
            rows[c], rows[pivot] = rows[pivot], rows[c]
            rows[c] = [e / rows[c][c] for e in rows[c]]
            rows = [row if r == c else [e - row[c] * f for e, f in zip(row, rows[c])] for r, row in enumerate(rows)]
        else:
            net = []
            for s, p, q in zip(sets, [row[-1] for row in rows[:units]], [row[-1] for row in rows[units:]]):
                sign = 1 if any(p * t > q for t, on in zip(x, s) if on) else -1
                agrees = all(sign * (p * t - q) >= 0 if on else sign * (p * t - q) <= 0 for t, on in zip(x, s))
                net.append((p, q, sign if p or q else 0) if agrees else None)
            found |= {tuple(sorted(net))} if None not in net else set()
    return found


def test_relu_interpolants_are_those_of_exact_arithmetic_where_most_systems_are_singular():
    # A determinant at the data themselves is off 0 by rounding: how many nets it passes depends on units and machine.
    x = [Fraction(2 * i - 5, 2) for i in range(6)]
    for f, count in ((lambda t: 2 * t + 1, 3), (abs, 10), (lambda t: t * t, 2), (lambda t: 0 * t, 1)):
        y = [f(t) for t in x]
        nets = relu_nets_in_fractions(x, y, 3)
        exact = sorted(sorted([float(round(e, 6)) for e in unit[:2]] for unit in net) for net in nets)
        assert len(exact) == count
        for scale, shift in ((1, 0), (0.1, 0), (1 / 3, 0), (0.7, 0.3)):
            found = []
            for W1, W2 in relu_interpolants(scale * np.array(x, float) + shift, np.array(y, float), 3):
                w, b = W2[0] * W1.T                                 # v w = p and v b = q, in units of x:
                found.append(np.column_stack([w * scale, b - w * shift]))
            found = sorted(sorted((np.round(net, 6) + 0.0).tolist()) for net in found)
            assert len(found) == count and np.allclose(found, exact, rtol=0, atol=2e-6)         # as rounded


@pytest.mark.parametrize("units", [1, 2, 3])
def test_whether_the_system_of_relu_patterns_is_regular_depends_on_the_patterns_alone(units):
    n, rng = 2 * units, np.random.default_rng(5)
    S = on_sets(n)[np.array(list(combinations(range(2 * n - 1), units)))]
    whole = np.abs(np.linalg.det(np.concatenate([S * np.arange(n), S], axis=1)))
    assert np.allclose(whole, np.round(whole), rtol=0, atol=1e-9) and 0 < (whole < 0.5).mean() < 1
    for _ in range(20):
        t = np.cumsum(rng.uniform(0.5, 1.5, size=n))                # any points, not too close for the rank to show
        assert ((np.linalg.matrix_rank(np.concatenate([S * t, S], axis=1)) == n) == (whole > 0.5)).all()


def test_relu_interpolants_that_differ_beside_a_much_larger_unit_are_counted_apart():
    x, y = np.arange(6.0), np.array([5, 4, 3, 4, 1e5, 3e5])
    nets = relu_interpolants(x, y, 3)
    assert len(nets) == 3 and all(np.abs(forward(net, x[:, None], RELU)[:, 0] - y).max() < 1e-9 for net in nets)
    between = [forward(net, [[-3], [0.5], [2.5]], RELU).ravel() for net in nets]      # two units of size 1
    assert min(np.abs(a - b).max() for a, b in combinations(between, 2)) > 0.1


def test_relu_interpolants_see_all_11628_patterns_of_ten_points_and_five_units():
    x, y, weights = teacher_data(5, 0)
    assert math.comb(19, 5) == 11628
    grid = np.linspace(-2, 2, 101)[:, None]
    nets = relu_interpolants(x, y, 5)
    assert min(np.abs(forward(net, grid, RELU) - forward(weights, grid, RELU)).max() for net in nets) < 1e-8
    x, y, _ = teacher_data(6, 0)                                    # 100,947 patterns, in 21 batches
    assert len(relu_interpolants(x, y, 6)) == 30


def test_relu_interpolants_are_found_wherever_x_lies_and_counted_once():
    for shift in (0.0, 1e6, 1e7, 1e8, 1e9):                         # w x - b cancels there
        assert len(relu_interpolants(np.arange(4.0) + shift, [1.0, 0.0, 1.0, 3.0], 2)) == 1
    assert relu_interpolants([0.0, 1e-10, 1.0, 2.0], [1.0, -1.0, 0.5, 1.0], 2) == []      # one misses by 1, by rounding
    assert len(relu_interpolants([-4.0, -3.0], [1.0, 2.0], 1)) == 1
    even = [-5.0, -3.0, -1.0, 1.0, 3.0, 5.0]                        # mirror nets stand between two of a kind
    assert len(relu_interpolants(even, np.ones(6), 3)) == 4
    assert not any(np.signbit(V[V == 0]).any() for _, V in relu_interpolants(even, -np.ones(6), 3))
    assert len(relu_interpolants(np.arange(4.0), [1.0, 2.0, 3.0, 4 + 1e-11], 2)) == 2       # a unit of 1e-11 is none
    # two patterns of one net, whose ratio of weights 5 / 128 is a tie when rounded to 6 decimals
    assert len(relu_interpolants([-2.0, 0.0, 2.0, 4.0], [-0.0030517578125, 0.0, -2.0, -4.0], 2)) == 1


# ------------------------------------------------------------------ the experiment

def test_the_quadrature_is_exact_for_polynomials():
    X, p = uniform_nodes(5)
    assert X.shape == (5, 1) and p.sum() == pytest.approx(1, rel=1e-15)
    for k in range(10):                                             # E x^k = 1 / (k + 1) for even k
        assert p @ X[:, 0] ** k == pytest.approx((k % 2 == 0) / (k + 1), abs=1e-15)
    assert uniform_nodes()[0].shape == (100, 1) and uniform_nodes(1)[0].tolist() == [[0.0]]


def test_ratio_of_means_by_hand():
    got = _ratio_of_means(np.array([[1.0, 3.0], [2.0, 8.0]]))       # R = 5 / 2; differences -0.5 and 0.5
    assert got.ratio.tolist() == [2.5] and got.mean.tolist() == [5.0]
    assert got.error[0] == pytest.approx(np.sqrt(0.5) / (np.sqrt(2) * 2), rel=1e-14)


@SEEDS
def test_the_standard_error_is_the_spread_of_the_ratio(seed):
    rng = np.random.default_rng(seed)
    base = rng.gamma(2, size=(2000, 1, 200))
    G = np.concatenate([base, base + rng.gamma(1, size=base.shape)], axis=1)            # shared draws: correlated
    got = [_ratio_of_means(g) for g in G]
    ratios, errors = np.array([r.ratio[0] for r in got]), np.array([r.error[0] for r in got])
    # the true ratio is 3 / 2; the spread of 2000 ratios is known to 2 %, the delta method errs by 1 / T
    assert abs(ratios.mean() - 1.5) < 5 * ratios.std() / np.sqrt(2000) + 0.005
    assert errors.mean() == pytest.approx(ratios.std(), rel=0.1)


def test_trials_in_portions_give_the_same_ratio():
    weights, X = random_weights([1, 5, 1], rng=0), np.linspace(-1, 1, 100)[:, None]
    one, many = (generalization_ratio(weights, np.tile(X, (k, 1)), np.tile(np.tanh(X), (k, 1)), TANH, [0, 7], rng=0)
                 for k in (1, 5))                                   # 1 and 3 portions of 1000 trials
    assert np.allclose(one.ratio, many.ratio, rtol=1e-12, atol=0)


def test_moments_of_a_unit_against_closed_forms():
    mean, s = np.array([-3.0, -0.2, 0.0, 1.0, 4.0]), np.array([0.5, 1.0, 2.0, 0.1, 1.0])
    a = mean / s
    Phi = np.array([(1 + math.erf(t / math.sqrt(2))) / 2 for t in a])
    density = np.exp(-a ** 2 / 2) / np.sqrt(2 * np.pi)
    m, q, _ = _unit_moments(mean, s, RELU)
    assert np.abs(m - (mean * Phi + s * density)).max() < 1e-4 * s.max()        # the kink: step^2 / 8 density, 5e-5
    assert np.abs(q - ((mean ** 2 + s ** 2) * Phi + mean * s * density)).max() < 1e-5
    for act in (TANH, SOFTPLUS):
        z, w = np.polynomial.hermite_e.hermegauss(120)
        phi = act.f(mean[:, None] + s[:, None] * z)
        m, q, _ = _unit_moments(mean, s, act)
        # Gauss-Hermite, 120 nodes: tanh has poles at distance pi / 2 from the axis, s = 2 is the slowest
        assert np.abs(m - phi @ w / np.sqrt(2 * np.pi)).max() < 1e-5
        assert np.abs(q - phi ** 2 @ w / np.sqrt(2 * np.pi)).max() < 1e-5
    z = np.linspace(-12, 12, 200_001)                               # SMOOLU: the same rule in steps 250 times finer
    density = 24 / 200_000 * np.exp(-z ** 2 / 2) / np.sqrt(2 * np.pi)
    for s, bound in ((0.1, 1e-13), (1.0, 1e-11), (9.0, 1e-5)):
        m, q, _ = _unit_moments(mean, np.full(5, s), SMOOLU)
        phi = SMOOLU.f(mean[:, None] + s * z)
        assert np.abs(m - phi @ density).max() < bound * max(1, np.abs(m).max())
        assert np.abs(q - phi ** 2 @ density).max() < bound * max(1, np.abs(q).max())
    m, q, _ = _unit_moments(np.array([0.3]), np.array([0.0]), TANH)     # no spread: the value itself
    assert m == pytest.approx(np.tanh(0.3), rel=1e-14) and q == pytest.approx(np.tanh(0.3) ** 2, rel=1e-14)


def test_the_predicted_error_keeps_its_digits_for_the_smallest_noise():
    weights = random_weights([1, 5, 1], rng=0)
    X, p = uniform_nodes(20)
    slope = p @ (jacobian(weights, X, TANH)[:, 0] ** 2).sum(axis=1)         # G / rho^2 -> E_x |J|^2 at zero error
    for rho in (1e-5, 1e-8, 1e-11):                                 # with q - m^2 it was negative at 1e-9
        error = predicted_error(weights, X, forward(weights, X, TANH), TANH, p=p, rho=rho)
        assert error / rho ** 2 == pytest.approx(slope, rel=1e-7)   # rho^2 from above, (eps / rho)^2 from below


def perturbed(thetas, like, X, Y, act, rho, p, rng):
    """G of the nets thetas (T, P), one forward pass each after N(0, rho^2) on all parameters: mean, standard error."""
    f = forward_pass(unstack(thetas + rho * rng.normal(size=thetas.shape), like), X, act)[1][-1]
    G = ((f - Y) ** 2).sum(axis=2) @ p
    return G.mean(), G.std() / np.sqrt(len(G))


def copies(weights, trials=4000):
    return np.tile(flatten(weights), (trials, 1))


@pytest.mark.parametrize("act, w0", [(TANH, (0.0, 0.0, 0.0)), (RELU, (0.0, 0.0, 1.0)), (RELU, (0.0, 0.0, -1.0)),
                                     (SMOOLU, (0.0, 0.0, 0.3))],
                         ids=["tanh", "ReLU", "ReLU on", "smooLU"])
@pytest.mark.parametrize("bias", [(True, True), (True, False), (False, True)])
def test_the_closed_form_is_the_mean_of_explicitly_built_wide_nets(act, w0, bias):
    """Two inputs, two outputs, a large rho: nothing is to second order here."""
    rng, w0 = np.random.default_rng([*bias, len(act.name)]), w0[:2 + bias[0]]
    weights, rho = random_weights([2, 3, 2], bias=bias, rng=rng), 0.4
    X, p = rng.uniform(-1, 1, size=(30, 2)), rng.dirichlet(np.ones(30))
    Y = rng.normal(size=(30, 2))

    wide = inactive_units(weights, 0, np.zeros((4, 2)), TANH)       # four surplus units, drawn in each trial
    thetas = copies(wide)
    W1, W2 = unstack(thetas, wide)                                  # views
    W2[:, :, 3:7] = 0.8 * rng.normal(size=(4000, 2, 4))
    W1[:, 3:] = w0 + 0.5 * rng.normal(size=(4000, 4, len(w0)))
    mean, error = perturbed(thetas, wide, X, Y, act, rho, p, rng)
    base, base_error = perturbed(copies(weights), weights, X, Y, act, rho, p, rng)
    narrow = predicted_error(weights, X, Y, act, p=p, rho=rho)
    options = dict(p=p, rho=rho, w0=w0, spread_v=0.8, spread_w=0.5)
    ratio = predicted_ratio(weights, X, Y, act, [0, 4], **options)
    assert abs(base - narrow) < 5 * base_error and ratio[0] == 1
    assert abs(mean - ratio[1] * narrow) < 5 * error
    got = generalization_ratio(weights, X, Y, act, [4, 0, 1], trials=4000, rng=1, **options)
    assert abs(got.ratio[0] - ratio[1]) < 5 * got.error[0] and got.ratio[1] == 1 and got.error[1] == 0
    assert got.mean[1] == pytest.approx(narrow, rel=0.2) and abs(got.mean[0] - mean) < 7 * error
    slope = surplus_slope(augment(weights[0], X), act, 2, **options)
    assert ratio[1] == pytest.approx(1 + 4 * slope / narrow, rel=1e-14)


@pytest.mark.parametrize("act", [TANH, RELU])
def test_the_closed_form_of_replication_is_the_mean_of_explicitly_replicated_nets(act):
    rng = np.random.default_rng(8)
    weights, rho = [2 * W for W in random_weights([1, 2, 2], bias=[True, False], rng=rng)], 0.3
    X, p = uniform_nodes(20)
    Y = np.hstack([np.sin(X), X])
    narrow = predicted_error(weights, X, Y, act, p=p, rho=rho)
    ratio = predicted_replicated_ratio(weights, X, Y, act, [0, 3], unit=1, p=p, rho=rho)
    wide = replicate_unit(weights, 0, 1, np.full(4, 0.25))
    mean, error = perturbed(copies(wide), wide, X, Y, act, rho, p, rng)
    assert abs(mean - ratio[1] * narrow) < 5 * error and ratio[0] == 1
    got = replicated_ratio(weights, X, Y, act, [0, 3], unit=1, p=p, rho=rho, trials=4000, rng=1)
    assert abs(got.ratio[1] - ratio[1]) < 5 * got.error[1] and got.ratio[0] == 1 and got.error[0] == 0
    assert abs(got.mean[1] - mean) < 7 * error                      # two samples of the same size
    other = predicted_replicated_ratio(weights, X, Y, act, [3], unit=0, p=p, rho=rho)
    assert abs(ratio[1] - other[0]) > 4 * got.error[1]              # it matters which unit


def test_copies_of_a_strong_unit_share_its_outgoing_weight_by_their_number():
    weights, X = [np.array([[1, 0.2], [0.5, -0.3]]), np.array([[6, 0.5], [3, 1.0]])], np.array([[0.3], [-0.8]])
    Y, options = forward(weights, X, TANH), dict(surplus=[1, 3], rho=0.5)
    got = replicated_ratio(weights, X, Y, TANH, trials=20_000, rng=0, **options)
    off = got.ratio - predicted_replicated_ratio(weights, X, Y, TANH, **options)
    assert (np.abs(off) < 5 * got.error).all()                      # with E + 2 for E + 1 it is off by 9 and 17


def test_replicating_a_strong_unit_lowers_the_error():
    weights, (X, p) = [np.array([[1.0, 0.2]]), np.array([[5.0]])], uniform_nodes()
    Y = forward(weights, X, TANH)
    ratio = predicted_replicated_ratio(weights, X, Y, TANH, [1, 4], p=p, rho=0.1)
    got = replicated_ratio(weights, X, Y, TANH, [1, 4], p=p, rho=0.1, rng=0)
    assert (ratio < 0.6).all() and (np.abs(got.ratio - ratio) < 5 * got.error).all()


def test_to_second_order_the_slope_is_the_trace_of_S():
    X, p = uniform_nodes()
    inputs, rhos = augment(np.zeros((1, 2)), X), np.array([0.02, 0.01])
    # the mean over x of |a~|^2 is 1 + 1/3; S for one unit with |v|^2 = 2 (M = 2 outputs, s_v = 1), and G has no 1/2
    trace = np.trace(2 * mean_curvature(np.ones((1, 2)), np.sqrt(p)[:, None] * inputs))
    assert trace == pytest.approx(2 * 2 * 4 / 3, rel=1e-12)
    gaps = [surplus_slope(inputs, TANH, 2, p=p, rho=r, w0=np.zeros(2)) / (r ** 2 * trace / 2) - 1 for r in rhos]
    assert abs(gaps[1]) < 1e-3 and gaps[0] / gaps[1] == pytest.approx(4, rel=0.01)
    off = surplus_slope(inputs, RELU, 1, p=p, rho=0.1, w0=np.array([0.0, 2.0]))
    assert 0 <= off < 1e-40                                         # 2 is 14 deviations of 0.1 |a~| away


def test_control_the_closed_form_needs_v_of_mean_zero():
    """The same v in every trial, phi(0) != 0: the cross term with the narrow net's error does not vanish."""
    rng = np.random.default_rng(0)
    weights, (X, p), rho = [np.array([[1.0, 0.5]]), np.array([[1.0]])], uniform_nodes(20), 0.05
    Y = forward(weights, X, SOFTPLUS) + 1
    wide = inactive_units(weights, 0, [[1.0]], TANH)
    mean, error = perturbed(copies(wide), wide, X, Y, SOFTPLUS, rho, p, rng)
    wrong = predicted_ratio(weights, X, Y, SOFTPLUS, [1], p=p, rho=rho)[0] * predicted_error(weights, X, Y, SOFTPLUS,
                                                                                             p=p, rho=rho)
    assert abs(mean - wrong) > 50 * error                           # f - t = -1: the unit at log 2 lowers the error


def test_fig_2_tanh_grows_as_predicted_and_relu_and_smoolu_do_not():
    X, p = uniform_nodes()
    surplus = [0, 5, 25, 45]
    for act, w0 in ((TANH, (0, 0)), (RELU, (0, 2)), (SMOOLU, (0, 2))):
        net, Y = experiment().nets[act.name], act.f(X)
        got = generalization_ratio(net, X, Y, act, surplus, p=p, w0=w0, rng=7)
        expected = predicted_ratio(net, X, Y, act, surplus, p=p, w0=w0)
        assert (np.abs(got.ratio - expected) <= 5 * got.error + 1e-6).all()
        if act is TANH:
            assert (np.diff(got.ratio) > np.diff(got.error)).all() and got.ratio[-1] > 1 + 5 * got.error[-1]
        else:
            assert np.abs(got.ratio - 1).max() < 1e-3
            awake = predicted_ratio(net, X, Y, act, surplus, p=p, spread_v=0, spread_w=1)
            assert awake[-1] > 1.1                                  # inactive propagation wakes the units


def test_caveat_to_noisy_targets_the_ratio_of_fig_2_is_smaller():
    """G is to the noise-free teacher; fresh noise of variance 0.01, as in the data, adds 0.01 to both means."""
    net, (X, p), rng = experiment().nets["tanh"], uniform_nodes(), np.random.default_rng(0)
    error, ratio = predicted_error(net, X, TANH.f(X), TANH, p=p), predicted_ratio(net, X, TANH.f(X), TANH, [45], p=p)[0]
    noise = 0.1 * rng.normal(size=X.shape)
    up, down = (predicted_error(net, X, TANH.f(X) + sign * noise, TANH, p=p) for sign in (1, -1))
    assert (up + down) / 2 - error == pytest.approx(p @ noise[:, 0] ** 2, rel=1e-10)    # what is linear has mean 0
    assert p.sum() == pytest.approx(1, rel=1e-14)                                       # so E p . noise^2 = 0.01
    to_noise = 1 + (ratio - 1) / (1 + 0.01 / error)
    assert to_noise < ratio and to_noise == pytest.approx((ratio * error + 0.01) / (error + 0.01), rel=1e-12)


def test_with_the_nets_that_the_demo_draws_noise_in_the_targets_makes_5_76_of_6_22():
    net, (X, p) = experiment().nets["tanh"], uniform_nodes()
    error, ratio = predicted_error(net, X, TANH.f(X), TANH, p=p), predicted_ratio(net, X, TANH.f(X), TANH, [45], p=p)[0]
    assert (round(ratio, 2), round(1 + (ratio - 1) / (1 + 0.01 / error), 2)) == (6.22, 5.76)


def test_caveats_v_of_zero_and_relu_at_w_zero():
    X, p = uniform_nodes()
    tanh, relu = experiment().nets["tanh"], experiment().nets["ReLU"]
    still = predicted_ratio(tanh, X, TANH.f(X), TANH, [45], p=p, spread_v=0)[0] - 1
    grown = predicted_ratio(tanh, X, TANH.f(X), TANH, [45], p=p)[0] - 1
    rho = 0.01 * np.linalg.norm(flatten(tanh))
    assert still / grown == pytest.approx(rho ** 2 / (1 + rho ** 2), rel=1e-12)
    waking = predicted_ratio(relu, X, RELU.f(X), RELU, [45], p=p)[0] - 1                # w = b = 0, v ~ N(0, 1)
    propagated = predicted_ratio(relu, X, RELU.f(X), RELU, [45], p=p, spread_v=0, spread_w=1)[0] - 1
    assert waking > 0.5 and waking == pytest.approx(propagated, rel=1e-12)              # (1 + rho^2) rho^2 for both


def test_widths_share_their_draws_and_the_order_asked_for_is_kept():
    weights, (X, p) = random_weights([1, 3, 1], rng=0), uniform_nodes(10)
    Y = np.zeros((10, 1))
    for function in (generalization_ratio, replicated_ratio):
        one, several = (function(weights, X, Y, TANH, E, p=p, trials=50, rng=3) for E in ([7], [2, 7, 0]))
        assert several.ratio[1] == one.ratio[0] and several.mean[1] == one.mean[0] and several.ratio[2] == 1
        generator = function(weights, X, Y, TANH, np.array([7]), p=p, trials=50, rng=np.random.default_rng(3))
        assert generator.ratio[0] == one.ratio[0] != function(weights, X, Y, TANH, [7], p=p, trials=50, rng=4).ratio[0]


def test_two_trials_are_enough_for_a_standard_error():
    weights, X = random_weights([1, 3, 1], rng=0), np.linspace(-1, 1, 5)[:, None]
    for function in (generalization_ratio, replicated_ratio):
        assert np.isfinite(function(weights, X, X, TANH, [3], trials=2, rng=0).error).all()
        with pytest.raises(ValueError, match="trials holds 1"):
            function(weights, X, X, TANH, [3], trials=1)


def test_the_defaults_are_equal_weights_and_a_hundredth_of_the_norm():
    weights, X = random_weights([2, 3, 2], rng=0), np.random.default_rng(0).normal(size=(8, 2))
    Y, rho = np.zeros((8, 2)), 0.01 * np.linalg.norm(flatten(weights))
    given = dict(p=np.full(8, 0.125), rho=rho)
    for function in (predicted_ratio, predicted_replicated_ratio):
        assert np.array_equal(function(weights, X, Y, TANH, [3]), function(weights, X, Y, TANH, [3], **given))
    assert np.array_equal(predicted_ratio(weights, X, Y, TANH, [3], w0=np.zeros(3)),
                          predicted_ratio(weights, X, Y, TANH, [3], spread_v=1.0, spread_w=0.0))
    assert predicted_error(weights, X, Y, TANH) == predicted_error(weights, X, Y, TANH, **given)
    assert np.array_equal(generalization_ratio(weights, X, Y, TANH, [3], trials=9, rng=0).ratio,
                          generalization_ratio(weights, X, Y, TANH, [3], trials=9, rng=0, **given).ratio)
    assert np.array_equal(replicated_ratio(weights, X, Y, TANH, [3], trials=9, rng=0).ratio,
                          replicated_ratio(weights, X, Y, TANH, [3], trials=9, rng=0, **given).ratio)


# ------------------------------------------------------------------ refused: what makes a formula true

def test_what_would_make_a_formula_wrong_is_refused():
    rng = np.random.default_rng(0)
    net, X, Y, x = random_weights([1, 3, 1], rng=rng), np.linspace(-1, 1, 4)[:, None], np.ones((4, 1)), np.arange(4.0)
    m, C, v, down = np.zeros(2), np.eye(2), np.ones((2, 1)), np.diag([1.0, -1.0])
    mean = dict(p=np.ones(4) / 4, rho=0.1, w0=np.zeros(2))
    for match, call in (
        ("cov_q .*positive definite", lambda: gaussian_kl(m, np.ones((2, 2)), m, C)),
        ("cov_p .*positive definite", lambda: gaussian_kl(m, C, m, down)),
        ("cov_p differs from its transpose", lambda: gaussian_kl(m, C, m, [[1e30, 0.9e15], [-0.9e15, 1]])),
        ("cov .*positive definite", lambda: isotropic_kl(m, np.diag([1.0, 0.0]), 1.0)),
        ("no minimum", lambda: curvature_kl(down, 1.0, 1.0)), ("no minimum", lambda: ridge_kl(down, 1.0, 1.0)),
        ("no minimum", lambda: kl_smooth(m, v, down, np.eye(4), 1.0, 1.0)),
        ("no minimum", lambda: kl_smooth(m, v, C, -np.eye(4), 1.0, 1.0)),
        ("no minimum", lambda: kl_relu(m, v, down, 1.0, 1.0)),
        ("no minimum", lambda: plug_in_bound(0.1, down, m, 10, 0.1, 1.0, 1.0)),
        ("no minimum", lambda: optimal_posterior(down, m, 10, 0.1, 1.0)),
        (r"S has shape \(3, 3\)", lambda: kl_smooth(m, v, C, np.eye(3), 1.0, 1.0)),         # E = 2 units
        ("delta", lambda: pac_bayes_bound(0.5, 1.0, 10, 1.0)), ("n holds 1", lambda: pac_bayes_bound(0.5, 1.0, 1, 0.1)),
        ("empirical_risk", lambda: pac_bayes_bound(1.5, 1.0, 10, 0.1)),
        ("weights holds 3", lambda: predicted_error(random_weights([1, 2, 2, 1], rng=0), X, Y, TANH)),
        ("p sums to 1.0000", lambda: predicted_ratio(net, X, Y, TANH, [1], p=np.ones(4) * (0.25 + 1e-8))),
        ("p holds -1", lambda: predicted_ratio(net, X, Y, TANH, [1], p=[2, -1, 0, 0])),
        ("p sums to 2", lambda: predicted_error(net, X, Y, TANH, p=np.ones(4) / 2)),
        ("p sums to 0.4", lambda: predicted_error(net, X, Y, TANH, p=np.ones(4) / 10)),
        ("p sums to 0.4", lambda: surplus_slope(X, TANH, 1, p=np.ones(4) / 10, rho=0.1, w0=[0.0])),
        ("p sums to 2", lambda: replicated_ratio(net, X, Y, TANH, [1], p=np.ones(4) / 2)),
        ("no minimum", lambda: curvature_kl(1e-3 * np.diag([1.0, -1.1e-9]), 1.0, 1.0)),
        ("p sums to 2", lambda: surplus_slope(X, TANH, 1, p=np.ones(4) / 2, rho=0.1, w0=[0.0])),
        ("w0 has length 3", lambda: generalization_ratio(net, X, Y, TANH, [1], w0=np.zeros(3))),
        ("w0 has length 1", lambda: generalization_ratio(net, X, Y, TANH, [1], w0=np.zeros(1))),
        ("unit is 3", lambda: replicated_ratio(net, X, Y, TANH, [1], unit=3)),
        ("unit is 3", lambda: predicted_replicated_ratio(net, X, Y, TANH, [1], unit=3)),
        ("surplus", lambda: generalization_ratio(net, X, Y, TANH, [0.5])),
        ("no error on X", lambda: predicted_ratio([W * 0 for W in net], X, Y * 0, TANH, [1])),
        ("make no error", lambda: generalization_ratio([W * 0 for W in net], X, Y * 0, TANH, [1], rho=0)),
        ("x has equal", lambda: relu_units_needed(x * 0, x)), ("twice", lambda: relu_interpolants(x, x, 1)),
        ("cannot tell", lambda: relu_interpolants([0, 1e-17, 1, 2], x, 2)),
        ("cannot tell", lambda: relu_interpolants([0, 0], [0, 1], 1)),
        ("problems is {'a'", lambda: draw_experiment({"a": np.tanh})),
        ("{'no a net': 3}", lambda: draw_experiment({"a": (np.tanh, lambda x, y, rng: None)}, most_draws=3)),
        ("problems is {}", lambda: draw_experiment({})), ("problems is <", lambda: draw_experiment(np.sin)),
        (r"weights\[0\] has", lambda: smallest_zero_error([[np.ones((2, 3)), np.ones((1, 2))]], x, x, RELU)),
    ):
        with pytest.raises(ValueError, match=match):
            call()
    assert surplus_slope(np.ones((4, 2)), TANH, 1, **mean) > 0      # control: as it should be
