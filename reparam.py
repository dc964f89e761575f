"""Flatness is in the eye of the parametrisation: alpha-scale, sharpness, and changes of coordinates [Dinh 2017].

Letters and shapes are those of landscape.py, where it also says how bad arguments are refused. Beside them:

    k = 1..K      counts layers as the paper does: K is J, theta_k is W_k, b_k its bias, n_k the number of its
                  weights without the bias, but in shapes, as (n, n_k), of its units
    T_alpha, D    alpha_scale(weights, alphas), a diagonal matrix, and its inverse D_alpha; alpha_k > 0, product 1
    bound, eps    the paper's M, and epsilon (EPS stays 2^-52); lambda_1 is the largest eigenvalue
    g             a gradient; of the traces t_k the geometric mean; in changes of coordinates the map theta = g(eta),
                  with t = theta - center

Scaling by layers and by units, and its derivatives (Theorems 1, 3); the volume (Theorem 2); the Hessian (Theorems 4,
5); epsilon-sharpness (Definition 2, Section 4.3); what of flatness no scaling changes; changes of coordinates (Section
5) and three families of them: power (Fig. 5), radial (Appendix A), weight normalisation. What none of these alters is
the KL divergence of two distributions of theta, if both are carried over [Sec. 1]: the bridge to PAC-Bayes bounds. If
the prior stays behind, it changes too.
"""
from typing import NamedTuple

import numpy as np

from landscape import EPS, RELU, SQUARE, checked, deltas, forward_pass, unstack

# ---------------------------------------------------------------------------------------------------------------------
# The alpha-scale transformation
#
# ReLU, leaky ReLU and maxout have phi(alpha z) = alpha phi(z) for alpha > 0 [Definition 4, Theorem 1]. Multiply W_k by
# alpha_k in every layer. If the inputs of layer k come multiplied by c_(k-1), W_k a_(k-1) is multiplied by c_k =
# alpha_k c_(k-1). Multiply the bias by c_k too; then z_k is, and with it a_k. With c_K = 1 the outputs stay:
#
#     T_alpha:  W_k -> alpha_k W_k,   b_k -> alpha_1 ... alpha_k b_k,   alpha_k > 0,   prod_k alpha_k = 1
#     f(x; T_alpha theta) = f(x; theta)   for every x
#
# for one hidden layer [Definition 5], any depth [Sec. 4.2] and biases [Appendix B]. T_alpha is linear and diagonal, its
# inverse is D = D_alpha. Differentiate L(T theta) = L(theta) once and twice:
#
#     grad L(T theta) = D grad L(theta),    hess L(T theta) = D hess L(theta) D                          [Theorem 3]
# ---------------------------------------------------------------------------------------------------------------------

@checked
def alpha_scale(weights, alphas):
    """[Dinh 2017, Def. 5, Sec. 4.2 and App. B] T_alpha: W_k -> alpha_k W_k, b_k -> alpha_1 ... alpha_k b_k, a net.

    alphas : (J,) array, > 0; for two layers [alpha, 1 / alpha]

    The same function for every x, if phi is positively homogeneous (ReLU, leaky ReLU). The first layer's bias is scaled
    like its weights, so it need not be known whether it has one.
    """
    if abs(np.log(alphas).sum()) > 1e-9:
        raise ValueError(f"alphas has the product {alphas.prod():g}, it should be 1: else the outputs are scaled too")
    scaled, c = [], 1.0
    for k, (W, alpha) in enumerate(zip(weights, alphas)):
        units = len(weights[k - 1]) if k else W.shape[1]            # columns that are no bias, if k > 0
        c = c * alpha                                               # alpha_1 ... alpha_k
        scaled.append(np.hstack([alpha * W[:, :units], c * W[:, units:]]))
    return scaled


@checked
def alpha_diagonal(weights, alphas):
    """[Dinh 2017, Sec. 4.2] The diagonal d of D_alpha, (P,), in flatten's order: 1 / alpha_k, and 1 / c_k for biases.

        grad L(T theta) = d * grad L(theta),   hess L(T theta) = np.outer(d, d) * hess L(theta)

    alphas : (J,) array, > 0

    Of weights only the shapes count. Off the kinks: a unit that ends at one, z = 0 at a sample, can round to the other
    side of it at T theta, unless the alphas are powers of 2.
    """
    return 1 / np.concatenate([W.ravel() for W in alpha_scale([np.ones(W.shape) for W in weights], alphas)])


@checked
def orbit_tangent(weights, c):
    """[beyond the papers] The velocity of the alpha-orbit, (P,): d/dt T_alpha(theta) at t = 0, alpha_k = exp(s_k t).

        W_k -> s_k W_k,   b_k -> (s_1 + ... + s_k) b_k,   sum_k s_k = 0,   s the argument c

    c : (J,) array; for two layers [1, -1]

    f is constant along the orbit, so this is in the kernel of the Jacobian, at every sample: where the loss is zero,
    it is tangent to the zero-loss set.
    """
    if abs(c.sum()) > 1e-9 * np.abs(c).max():
        raise ValueError(f"c sums to {c.sum():g}, it should sum to 0: else the outputs are scaled too")
    tangent = []
    for k, W in enumerate(weights):
        units = len(weights[k - 1]) if k else W.shape[1]
        tangent.append(np.hstack([c[k] * W[:, :units], c[:k + 1].sum() * W[:, units:]]).ravel())
    return np.concatenate(tangent)


# ---------------------------------------------------------------------------------------------------------------------
# Unit by unit [Neyshabur et al. 2015]: one hidden unit is a rectified submodule in the sense of Dinh's Section 3
#
# Of one hidden unit, w_j its row of W_q with the bias, v_j its column of W_(q+1): v_j phi(w_j . a~) stays if w_j is
# multiplied by c_j > 0 and v_j divided by it. The orbit has the tangent t_j = (w_j, -v_j) = A_j theta, A_j = diag(+1 on
# w_j, -1 on v_j, else 0). L is constant on it; differentiate that once more, in all of theta:
#
#     t_j . grad L = 0,    H t_j = -A_j grad L
#
# By the first |w_j|^2 - |v_j|^2 is conserved by gradient flow, d theta/dt = -grad L [Du et al. 2018]. By the second
# H t_j = 0 where grad L = 0, off the kinks of phi, so the rank of H is at most P less the rank of the tangents. That
# rank is the number of hidden units, less one for each group of units that no chain of nonzero weights ties to an
# input, a bias or an output.
# ---------------------------------------------------------------------------------------------------------------------

@checked
def unit_scale(weights, layer, scales):
    """[beyond the papers] Each unit of a layer scaled on its own, a net: w_j -> c_j w_j, v_j -> v_j / c_j, c_j > 0.

    scales : (N,) array, > 0; c_j for each of the N units of the layer

    The same function for every x, if phi is positively homogeneous. The next layer's bias stays.
    """
    units, scaled = len(weights[layer]), [W.copy() for W in weights]
    if len(scales) != units:
        raise ValueError(f"scales has length {len(scales)}, it should be {units}, one for each unit of the layer")
    scaled[layer] *= scales[:, None]
    scaled[layer + 1][:, :units] /= scales
    return scaled


@checked
def unit_tangents(weights):
    """[beyond the papers] The tangents t_j = (w_j, -v_j) of all hidden units as columns, (P, hidden units).

    Rows in flatten's order, columns layer by layer. In the kernel of the Jacobian at every sample, orthogonal to
    grad L, in the kernel of the Hessian where grad L = 0. Tangents of the alpha-orbit are combinations.
    """
    P = sum(W.size for W in weights)
    place, tangents = unstack(np.arange(P), weights), []
    for k, (W, above) in enumerate(zip(weights, weights[1:])):
        for j in range(len(W)):
            t = np.zeros(P)
            t[place[k][j]], t[place[k + 1][:, j]] = W[j], -above[:, j]
            tangents.append(t)
    return np.array(tangents).reshape(-1, P).T


@checked
def balance(weights):
    """[beyond the papers] The net of least norm among all that unit_scale makes of this one: |w_j| = |v_j|, each unit.

        c_j = sqrt(|v_j| / |w_j|),   layer after layer, until nothing moves                     [Stock et al. 2019]

    |theta|^2 is convex in the log c_j, each step its exact minimum in those of one layer. One sweep does for one
    hidden layer, 10 to 80 for two to four; after 1000 it stops, short of the least from some 18 on. Units with
    w_j = v_j = 0 are left alone; if only one of them is 0, no c_j > 0 reaches the least.
    """
    weights = [W.copy() for W in weights]
    for _ in range(1000):
        moved = 0.0
        for k in range(len(weights) - 1):
            w = np.linalg.norm(weights[k], axis=1)                  # (n_k,)
            v = np.linalg.norm(weights[k + 1][:, :len(w)], axis=0)
            if ((w == 0) != (v == 0)).any():
                raise ValueError(f"weights[{k}] has a unit with w = 0 or v = 0 alone: there is no net of least norm")
            c = np.sqrt(np.where(v == 0, 1, v) / np.where(w == 0, 1, w))
            weights, moved = unit_scale(weights, k, c), max(moved, np.abs(c - 1).max())
        if moved < 1e-14:
            break
    return weights


# ---------------------------------------------------------------------------------------------------------------------
# Theorem 2: the volume
#
# Scale layer i by alpha and layer j by 1 / alpha; the biases between follow (those of i..j-1 by alpha if i < j, of
# j..i-1 by 1 / alpha if i > j), the rest stays. T is diagonal, alpha^power with power = 1, 0 or -1 for each parameter,
# of determinant alpha^e, e the sum of the powers: n1 - n2 for two layers without biases, alpha on the first.
#
# With |.| the largest entry, let the box of radius r' = min(r, |theta_1| / 2) around theta lie in {L < L(theta) +
# eps}. The entry of theta_1 with |entry| = |theta_1| lies in [|theta_1| - r', |theta_1| + r'] on the box (up to its
# sign), and alpha = 2 (|theta_1| + r') / (|theta_1| - r') moves that interval off itself. So the boxes T_alpha^k(box),
# k = 0, 1, ..., are disjoint, L takes on each the values it takes on the first, and orbits inside the set join them. If
# e >= 0 their volumes alpha^(k e) (2 r')^P do not fall: infinite in all. If e < 0 take 1 / alpha.
# ---------------------------------------------------------------------------------------------------------------------

class Boxes(NamedTuple):
    """[Dinh 2017, Thm 2] alpha, the radii (count, 2) of what it multiplies and divides, and log volumes (count,)."""
    alpha: float
    radii: np.ndarray
    log_volumes: np.ndarray


@checked
def flat_boxes(weights, r, count, *, layers=(0, 1)):
    """[Dinh 2017, Thm 2] Disjoint boxes T_alpha^k(B(r', theta)); on each L takes the values of the first (ReLU).

        r' = min(r, |theta_1| / 2),   alpha = 2 (|theta_1| + r') / (|theta_1| - r'),   |.| the largest |entry|
        log volume of box k = k e log alpha + P log(2 r'),   k = 0..count-1,   det T_alpha = alpha^e

    r : float, > 0; with L < L(theta) + eps on B(r, theta), for instance from box_radius
    count : int, >= 1
    layers : (2,) array, whole, >= 0; i != j; alpha multiplies layer i, theta_1 with all that follows it, and divides j

    For e < 0 it is 1 / alpha that is returned and used, so the volumes never fall. Box k has the center
    alpha_scale(weights, alphas ** k), alphas 1 but for alpha in the place i and 1 / alpha in j; its radius is
    radii[k, 0] in what alpha multiplies, radii[k, 1] in what it divides, r' in the rest.
    np.logaddexp.accumulate(log_volumes) is the log of the volume found so far: above every bound in the end.

    |.| has to be the largest entry: with Frobenius' norm the box can hold theta_1 = 0
    (test_theorem_2_control_with_the_frobenius_norm_a_box_can_hold_theta_1_equal_to_0). The paper's alpha^(n1 - n2) > 1
    should be >= 1 (test_erratum_theorem_2_the_determinant_is_1_where_n1_is_n2).
    """
    i, j = layers
    if i == j or max(i, j) >= len(weights):
        raise ValueError(f"layers is {(int(i), int(j))}, it should be two of the {len(weights)} layers of weights")
    c, theta = np.zeros(len(weights)), np.concatenate([W.ravel() for W in weights])
    c[i], c[j] = 1, -1
    power = orbit_tangent([np.ones(W.shape) for W in weights], c)   # (P,), of alpha in T_alpha
    largest = np.abs(theta[power > 0]).max()
    if largest == 0:
        raise ValueError(f"weights[{i}] is 0, but for a bias that does not scale; it should not be: theta_1 = 0 is its "
                         "own image under every alpha")
    r, e = min(r, largest / 2), power.sum()
    alpha = 2 * (largest + r) / (largest - r)                       # from 2 to 6
    if e < 0:
        alpha = 1 / alpha
    k = np.arange(count)
    radii = r * alpha ** (k[:, None] * [1.0, -1.0])                 # (count, 2)
    return Boxes(float(alpha), radii, k * e * np.log(alpha) + len(theta) * np.log(2 * r))


@checked
def output_change(weights, X, r, act=RELU):
    """[beyond the papers] A bound on how far the outputs move if every weight moves by at most r, (n, M).

        |z_k' - z_k| <= m_k = |W_k| m_(k-1) + r (|a~_(k-1)|_1 + |m_(k-1)|_1),   m_0 = 0,   |.|_1 the sum of |entries|

    r : float, >= 0

    By |phi(s) - phi(t)| <= |s - t|: needs |phi'| <= 1, as all activations of landscape.py have.
    """
    if np.abs(act.df(np.linspace(-50, 50, 2001))).max() > 1:
        raise ValueError(f"act is {act.name}, its slope should be at most 1 in size: the outputs could move more")
    m = np.zeros_like(X)                                            # (n, n_(k-1)); the bias input -1 does not move
    for W, a in zip(weights, forward_pass(weights, X, act)[0]):
        m = m @ np.abs(W[:, :m.shape[1]]).T + r * (np.abs(a).sum(axis=1) + m.sum(axis=1))[:, None]          # (n, n_k)
    return m


@checked
def box_radius(weights, X, Y, epsilon, act=RELU):
    """[beyond the papers] An r > 0 with L(theta') < L(theta) + epsilon for all theta' in B(r, theta), for flat_boxes.

        L(theta') - L(theta) <= sum over samples and outputs of |f - y| m + m^2 / 2,   m = output_change(weights, X, r)

    epsilon : float, > 0; in units of L

    For the square loss, any depth, |phi'| <= 1. The largest r for which that bound is below epsilon, by bisection: a
    certificate, so usually some times smaller than the largest box.
    """
    residual = np.abs(forward_pass(weights, X, act)[1][-1] - Y)     # (n, M)
    if not output_change(weights, X, 1.0, act).any():
        raise ValueError("X is 0 wherever a weight sees it, it should not be: the outputs stay at every radius")

    def fits(r):
        m = output_change(weights, X, r, act)
        return (residual * m + m ** 2 / 2).sum() < (1 - 1e-9) * epsilon             # leaves room for rounding

    low = high = 1.0
    while fits(high):
        low, high = high, 2 * high
    while not fits(low):
        if low < 1e-100:
            raise ValueError(f"no radius above 1e-100 keeps L below L(theta) + {epsilon:g}; epsilon should be larger")
        low, high = low / 2, low
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


# ---------------------------------------------------------------------------------------------------------------------
# Theorems 4 and 5: the Hessian, at a minimum, without biases
#
# Theorem 4, K = 2. H = hess L(theta) is >= 0 and not 0, so it has a diagonal element d > 0. The norm of D H D is at
# least its diagonal element, d / alpha^2 if d belongs to theta_1, alpha^2 d if to theta_2: above any bound for a small,
# or a large, alpha. If d belongs to an output bias, which is not scaled, it says nothing. In a subspace with the basis
# Q, orthonormal and drawn without regard to alpha, alpha^2 Q^T D H D Q = Q_1^T H_11 Q_1 + O(alpha^2), with the rows and
# block of theta_1: Q^T D H D Q diverges too as alpha goes to 0, unless Q_1^T H_11 Q_1 = 0. Section 4.3 had "not been
# able to show" the like for the sharpness (test_section_4_3_the_largest_eigenvalue_in_a_random_subspace_diverges_too).
#
# Theorem 5. alpha_k = 1 / beta but for alpha_(k*) = beta^(K-1): then D is beta on all but n_(k*) entries. Let H' be the
# principal block of H without those. By Cauchy's interlacing, twice, with lambda_1 the largest,
#
#     lambda_i(D H D)  >=  lambda_i(beta^2 H')  >=  beta^2 lambda_(i + n_(k*))(H)
#
# so with beta^2 > bound / lambda_r(H), r = rank H, at least r - n_(k*) eigenvalues are above the bound. With biases D
# is 1 / c_k there: beta^k for k < k*, no less than beta if beta >= 1, so that lambda_i(D' H' D') >= beta^2 lambda_i(H')
# still, H' being >= 0 [Ostrowski]; and at most 1 from k* on: leave those out too, and the count is
# r - n_(k*) - sum_(k >= k*) dim b_k (ours: Appendix B says only that it is less).
# ---------------------------------------------------------------------------------------------------------------------

@checked
def alpha_for_norm(H, n1, bound, *, biases=0):
    """[Dinh 2017, Thm 4] An alpha with |hess L(T_alpha theta)|_2 > bound, T_alpha = (alpha theta_1, theta_2 / alpha).

        alpha < sqrt(d / bound) if d, the largest diagonal element of H, belongs to theta_1
        alpha > sqrt(bound / d) if it belongs to theta_2

    H : (P, P) array, symmetric; hess L(theta) of [theta_1, theta_2]
    n1 : int, >= 1; the number of entries of theta_1, hidden biases among them
    bound : float, > 0
    biases : int, >= 0; M if the outputs have biases: they stand at the end of each row of W_2 and are left out of d

    Beyond the limit by a factor 1.01; the trace of a Hessian that is >= 0 is above the bound as well. At a saddle the
    theorem's first step can fail: diag(-1, 1) has a positive diagonal element, [[0, 1], [1, 0]] has not
    (test_theorem_4_control_a_saddle_may_have_no_positive_diagonal_element).

    With output biases (App. B) a Hessian that is not 0 is not enough: it can be 0 outside of theirs, and then no alpha
    changes it (test_erratum_theorem_4_fails_where_only_an_output_bias_has_curvature).
    """
    d = np.diag(H).copy()
    if n1 >= len(d) or biases and (len(d) - n1) % biases:
        raise ValueError(f"n1 is {n1}, biases {biases}, and H has {len(d)} rows: after n1 theta_2 should come, by rows")
    if biases:
        d[n1:].reshape(biases, -1)[:, -1] = 0                       # a view of d
    if d.max() <= 0:
        raise ValueError("H has no positive diagonal element that alpha scales, it should be the Hessian at a minimum, "
                         "and not 0 outside the output biases")
    ratio = np.sqrt(d.max() / bound)
    return float(ratio / 1.01 if d.argmax() < n1 else 1.01 / ratio)


def _reach(sizes, biases):
    """[beyond the papers] n_k + sum_(j >= k) dim b_j for each k, (K,): the entries on which D may be below beta."""
    return sizes if biases is None else sizes + np.cumsum(biases[::-1])[::-1]


@checked
def large_eigenvalues(rank, sizes, biases=None):
    """[Dinh 2017, Thm 5; with biases ours] How many eigenvalues can be made larger than any bound, at least, an int.

        max(0, rank - min_k (n_k + sum_(j >= k) dim b_j))

    rank : int, >= 0; that of hess L(theta) at a minimum, at most P less the number of hidden units
    sizes : (K,) array, whole, >= 1; n_k, the numbers of weights of the layers without their biases
    biases : (K,) array, whole, >= 0, or None; dim b_k; None: none anywhere
    """
    P = sizes.sum() + (0 if biases is None else biases.sum())
    if rank > P:
        raise ValueError(f"rank is {rank}, it should be at most {P}, the number of all weights and biases")
    return max(0, int(rank - _reach(sizes, biases).min()))


@checked
def alphas_for_many(H, sizes, bound, *, biases=None, tol=None):
    """[Dinh 2017, Thm 5] Scales (K,) with large_eigenvalues(rank H, sizes) eigenvalues of hess L(T_alpha) above bound.

        alpha_k = 1 / beta,   alpha_(k*) = beta^(K-1),   beta > sqrt(bound / lambda_r)

    H : (P, P) array, symmetric; >= 0, the Hessian at a minimum
    sizes : (K,) array, whole, >= 1; the numbers of weights of the layers without their biases
    bound : float, > 0
    biases : (K,) array, whole, >= 0, or None; the numbers of biases, in any layers
    tol : float, >= 0, or None; what counts as zero, None: P EPS max|lambda|; at a trained net see hessian.inertia

    k* is the layer with the least n_k (with biases, the least n_k + sum_(j >= k) dim b_j, and beta >= 1), lambda_r the
    smallest eigenvalue that is not zero; beta is one per cent beyond the limit.

    The paper's proof takes lambda_i(H D^2) for singular values (Def. 6); those of H D^2 are not the eigenvalues of
    D H D (test_erratum_the_singular_values_of_H_D2_are_not_the_eigenvalues_of_D_H_D). The theorem stands.
    """
    total = sizes.sum() + (0 if biases is None else biases.sum())
    if total != len(H):
        raise ValueError(f"sizes and biases add up to {total}, they should to {len(H)}, the size of H")
    values = np.linalg.eigvalsh(H)
    tol = len(H) * EPS * np.abs(values).max() if tol is None else tol
    if values[0] < -tol or values[-1] <= tol:
        raise ValueError(f"H has eigenvalues from {values[0]:.1e} to {values[-1]:.1e}, none should be below -tol = "
                         f"{-tol:.1e}, as at a minimum, and one above tol: else nothing can be made large")
    beta = 1.01 * np.sqrt(bound / values[values > tol].min())
    beta = beta if biases is None else max(1.0, beta)
    alphas = np.full(len(sizes), 1 / beta)
    alphas[_reach(sizes, biases).argmin()] = beta ** (len(sizes) - 1)
    return alphas


# ---------------------------------------------------------------------------------------------------------------------
# epsilon-sharpness [Definition 2]: the largest (L(theta + z) - L(theta)) / (1 + L(theta)) over |z| <= eps
#
# The largest value of the second-order model g.z + z.H z / 2, in gradient and Hessian at theta, is found exactly; for
# g = 0 it is lambda_1 eps^2 / 2 (0 if lambda_1 < 0), at eps times the top eigenvector. From there, and from elsewhere,
# projected ascent on L itself.
# ---------------------------------------------------------------------------------------------------------------------

@checked
def quadratic_sharpness(H, loss, epsilon):
    """[Dinh 2017, Def. 2] The epsilon-sharpness to second order at a minimum: |H|_2 eps^2 / (2 (1 + L)).

    H : (P, P) array, symmetric; >= 0, the Hessian of L at the minimum
    loss : float, >= 0; L there
    epsilon : float, > 0; radius of the ball in units of theta

    It depends on the unit of L, through the 1. Where H is not >= 0 the model's largest value is
    quadratic_maximum's, for a saddle max(0, lambda_1) eps^2 / 2, with which |H|_2 may have nothing to do
    (test_the_spectral_norm_is_the_second_order_sharpness_at_minima_only).
    """
    return float(np.linalg.norm(H, 2) * epsilon ** 2 / (2 * (1 + loss)))


class Maximum(NamedTuple):
    """[More and Sorensen 1983] The largest value of g.z + z.H z / 2 on a ball, and a z (P,) that has it."""
    value: float
    z: np.ndarray


@checked
def quadratic_maximum(g, H, epsilon):
    """[More and Sorensen 1983] The largest value of g.z + z.H z / 2 on |z| <= eps, and where, for any g and any H.

        (mu I - H) z = g,   mu >= max(0, lambda_1),   |z| = eps   (or mu = 0 and |z| <= eps)

    g : (P,) array
    H : (P, P) array, symmetric
    epsilon : float, > 0

    In the eigenvectors of H, z_i = g_i / (mu - lambda_i) gets shorter as mu grows; bisection finds the mu for
    |z| = eps. If z is too short even at mu = lambda_1 (g orthogonal to the top eigenvectors: the hard case), the top
    one is added. Exact to rounding, and >= 0.
    """
    lam, Q = np.linalg.eigh(H)                                      # ascending
    c, floor = Q.T @ g, max(0.0, lam[-1])
    if lam[-1] < 0 and np.linalg.norm(c / lam) <= epsilon:
        z = -c / lam                                                # the stationary point, a maximum as H < 0
    else:
        gap = floor - lam                                           # mu - lambda_i = (mu - floor) + gap_i
        low, high = 0.0, 2 * np.linalg.norm(c) / epsilon or 1.0     # mu - floor; |z| < eps at high, for g = 0 anywhere
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (low, middle) if np.linalg.norm(c / (middle + gap)) <= epsilon else (middle, high)
        z = c / (high + gap)
        rest = np.linalg.norm(z[:-1]) / epsilon
        z[-1] = np.copysign(epsilon * np.sqrt(max(0.0, (1 - rest) * (1 + rest))), c[-1])
    z = Q @ z
    return Maximum(max(0.0, float(g @ z + z @ H @ z / 2)), z)


class Sharpness(NamedTuple):
    """[Dinh 2017, Def. 2] A lower bound on the epsilon-sharpness, and the point theta' (P,) that attains it."""
    value: float
    point: np.ndarray


def _returned(name, value, shape):
    """[the project] What a caller's function returned for a point, of this shape and finite, or refused by its name."""
    try:
        array = np.asarray(value)
    except ValueError:
        array = np.array(None)                                      # ragged
    if array.shape != shape or array.dtype.kind not in "biuf" or not np.isfinite(array).all():
        raise ValueError(f"{name} returned {value!r} for a point, it should be finite numbers, of the shape {shape}")
    return array.astype(float)


def _ascend(loss, gradient, y, project, size, iterations):
    """[beyond the papers] Projected ascent, y <- project(y + step g / |g|), first step `size`: (value, y), none lower.

    A step is taken if the loss rises by a tenth of what the gradient promises. The next is then twice as long, up to
    1e4 sizes; if not, a quarter as long. (From so far outside a ball the projection is nearly eps g / |g|: for a
    quadratic, a step of the power method.)
    """
    value, g, step = loss(y), gradient(y), size
    for _ in range(iterations):
        length = np.linalg.norm(g)
        if length == 0:
            break
        trial = project(y + step * (g / length))
        new, promise = loss(trial), g @ (trial - y)
        if new > value and new - value >= promise / 10:
            y, value, g, step = trial, new, gradient(trial), min(2 * step, 1e4 * size)
        else:
            step = step / 4
        if promise <= EPS * abs(value):                             # less than rounding could show
            break
    return value, y


@checked
def epsilon_sharpness(loss, gradient, theta, epsilon, *, hessian=None, box=None, subspace=None, starts=16,
                      iterations=200, rng=None):
    """[Dinh 2017, Def. 2; Keskar et al. 2017, Metric 2.1] The largest (L(theta') - L(theta)) / (1 + L(theta)) nearby.

    Nearby is one of these closed sets; A^+ is the pseudo-inverse. With a subspace p is the number of its columns and
    the set has p dimensions, else p = P:

        ball, default                 theta + z,     |z| <= eps                                  [Dinh]
        box=True                      theta + z,     |z_i| <= eps (|theta_i| + 1)                [Keskar, full space]
        subspace=A                    theta + A y,   |A y| <= eps
        box=True, subspace=A          theta + A y,   |y_i| <= eps (|(A^+ theta)_i| + 1)          [Keskar, subspace]
        box=half-widths, A or not     theta + A y,   |y_i| <= box_i

    loss, gradient : function; of one point, (P,) -> float and (P,) -> (P,): for a net network_loss makes both
    theta : (P,) array
    epsilon : float, > 0; in units of theta (Keskar's 1e-3 or 5e-4 are of a box)
    hessian : (P, P) array, symmetric, or None; hess L(theta)
    box : (p,) array, >= 0, or True, or False, or None
    subspace : (P, p) array, or None; of rank p; Keskar draws it with normal entries
    starts : int, >= 1; the number of random starts
    iterations : int, >= 1; of each ascent

    Projected ascent runs from random points of the boundary and, unless g = 0, from eps g / |g| (of a box, the corner
    in that direction); if the Hessian is given, also from +- its top eigenvector and from quadratic_maximum; not from
    theta itself, where the gradient of a minimum is 0 (unless H < 0 puts that maximum there). What it finds is a lower
    bound where eps is well above the rounding of theta, no percentage (Keskar's is 100 times it); on a ball, with the
    Hessian, it is no less than what the second-order model's best point attains: exact for a quadratic. The point is
    theta, the value 0, if nothing higher was found. With widths epsilon is only the radius of quadratic_maximum.
    """
    rng, A, p = np.random.default_rng(rng), subspace, len(theta) if subspace is None else subspace.shape[1]
    if A is not None and np.linalg.matrix_rank(A) < p:
        raise ValueError(f"subspace has rank {np.linalg.matrix_rank(A)}, it should have {p}: columns are coordinates")
    if box is True:
        box = epsilon * (np.abs(theta if A is None else np.linalg.pinv(A) @ theta) + 1)
    sides = box if np.ndim(box) else None                           # (p,), or None for a ball
    if sides is None and A is not None:
        A = np.linalg.qr(A)[0]                                      # |A y| = |y|
    if sides is not None and len(sides) != p:
        raise ValueError(f"box has length {len(sides)}, it should be {p}, one half-width for each coordinate")

    def embed(y):
        return theta + (y if A is None else A @ y)                  # (P,)

    def value(y):
        return float(_returned("loss", loss(embed(y)), ()))

    def slope(y):
        g = _returned("gradient", gradient(embed(y)), theta.shape)
        return g if A is None else A.T @ g                          # (p,)

    def project(y):
        return np.clip(y, -sides, sides) if sides is not None else y * (epsilon / max(epsilon, np.linalg.norm(y)))

    def boundary(v):                                                # in the direction of v; for a box the corner
        return sides * np.where(v < 0, -1, 1) if sides is not None else epsilon * (v / np.linalg.norm(v))

    L, g = value(np.zeros(p)), slope(np.zeros(p))
    if L < 0:
        raise ValueError(f"loss(theta) is {L:g}, it should be >= 0: 1 + L is the unit of the sharpness")
    directions = [*rng.normal(size=(starts, p))] + ([g] if np.linalg.norm(g) > 0 else [])           # 0 has no direction
    begin = [boundary(v) for v in directions]
    if hessian is not None:
        H = hessian if A is None else A.T @ hessian @ A             # (p, p)
        H = H / 2 + H.T / 2                                         # products round
        top = np.linalg.eigh(H)[1][:, -1]
        begin += [boundary(top), boundary(-top), project(quadratic_maximum(g, H, epsilon).z)]
    size = epsilon if sides is None else sides.max()
    highest, y = max((_ascend(value, slope, y, project, size, iterations) for y in begin), key=lambda found: found[0])
    return Sharpness((highest - L) / (1 + L), embed(y)) if highest > L else Sharpness(0.0, theta.copy())


@checked
def network_loss(weights, X, Y, act, loss=SQUARE):
    """[the project] L and dL/dtheta of a net as functions of one point theta (P,), for epsilon_sharpness.

        loss, gradient = network_loss(weights, X, Y, RELU)
        epsilon_sharpness(loss, gradient, flatten(weights), 0.1, hessian=hessian(weights, X, Y, RELU))

    Of weights only the shapes count.
    """
    X, Y, P = X.copy(), Y.copy(), sum(W.size for W in weights)

    def unpack(theta):
        if np.shape(theta) != (P,):
            raise ValueError(f"theta has shape {np.shape(theta)}, it should be {(P,)}, one point")
        net = unstack(np.asarray(theta), weights)
        return net, *forward_pass(net, X, act)

    def value(theta):
        return float(loss.value(unpack(theta)[2][-1], Y).sum())

    def slope(theta):
        net, inputs, z = unpack(theta)
        found = deltas(net, z, loss.d1(z[-1], Y), act)
        return np.concatenate([(delta.T @ a).ravel() for delta, a in zip(found, inputs)])

    return value, slope


@checked
def alpha_to_constant(weights, epsilon, *, layer=0):
    """[Dinh 2017, Sec. 4.3] The alpha for which the ball of radius eps around T_alpha(theta) reaches theta_i = 0.

        alpha = eps / |theta_i|_F,   T_alpha multiplies layer i by alpha and one other by 1 / alpha

    epsilon : float, > 0
    layer : layer; i, counted from 0, any of them

    theta_i are the weights of the layer. Its bias may stay: with theta_i = 0 f is constant all the same (in the first
    layer it cannot be told apart and counts as theta_1). So the epsilon-sharpness there is at least (L(f = that
    constant) - L) / (1 + L), no less than with the best constant, whatever it was before. Here the paper stops. But at
    a smaller alpha the ball holds alpha theta_i times 1 + eps / (alpha |theta_i|_F), and if no layer from i on has a
    bias (but the first, as above), that factor comes before f: for the square loss without limit, if f is not 0 on the
    data (test_beyond_section_4_3_the_sharpness_grows_without_limit_as_alpha_goes_to_0).
    """
    theta = weights[layer][:, :len(weights[layer - 1])] if layer else weights[0]
    if not theta.any() or len(weights) < 2:
        raise ValueError(f"weights[{layer}], without its bias, should not be 0, nor the only layer: no alpha scales it")
    return float(epsilon / np.linalg.norm(theta))


# ---------------------------------------------------------------------------------------------------------------------
# What no scaling changes [beyond the papers]
#
# tr hess L(T_alpha theta) = sum_k t_k / alpha_k^2 with t_k = tr H_kk, the traces of the layers' blocks. By the
# inequality of the means it is least where all terms are equal, alpha_k^2 = t_k / g, g = (t_1 ... t_K)^(1/K), and K g
# there: a measure of flatness that belongs to the orbit, not to the point. At every theta off the kinks t_k >= 0 for a
# convex loss: f is linear in theta_k alone, H_kk Gauss-Newton. On the orbit |theta_k|^2 t_k stays [Petzka et al. 2021].
#
# Under any map theta_i -> c_i theta_i that keeps f, of layers or of units, theta_i d/dtheta_i keeps its values: with
# Theta = diag(theta), Theta grad L and Theta hess L Theta are the same before and after, and so are the sum of
# theta_i^2 H_ii and that matrix's norm. The box |z_i| <= eps |theta_i| is carried onto itself, and with it its
# sharpness [Kwon et al. 2021]. Keskar's box reaches eps (|theta_i| + 1) each way: the + 1 breaks it.
# ---------------------------------------------------------------------------------------------------------------------

@checked
def flattest_alphas(H, sizes):
    """[beyond the papers] The scales (K,) that make the trace of hess L(T_alpha theta) least on the alpha-orbit.

        alpha_k = sqrt(t_k / g),   g = (t_1 ... t_K)^(1/K),   t_k = tr H_kk;   the least trace is K g

    H : (P, P) array, symmetric
    sizes : (K,) array, whole, >= 1; numbers of parameters of the layers

    For nets without biases beyond the first layer, whose biases count as its weights. Rows and columns of output
    biases, which are not scaled and only add a constant to the trace, are to be left out of H.
    """
    if sizes.sum() != len(H):
        raise ValueError(f"sizes add up to {sizes.sum()}, they should to {len(H)}, the size of H")
    t = np.add.reduceat(np.diag(H), np.cumsum(sizes) - sizes)       # (K,)
    if t.min() <= 0:
        raise ValueError(f"H has the traces {t} by layer, they should be positive: the trace has no least value else")
    return np.sqrt(t / np.exp(np.log(t).mean()))


class Measures(NamedTuple):
    """[beyond the papers] Measures of flatness at a minimum; those before `rank` change along the alpha-orbit."""
    norm: float                 # lambda_1(H)
    trace: float
    ball: float                 # epsilon-sharpness
    keskar: float               # the same over Keskar's box
    rank: int
    least_trace: float          # on the alpha-orbit: K g
    scaled_norm: float          # lambda_1(Theta H Theta)
    scaled_trace: float         # sum theta_i^2 H_ii
    adaptive: float             # sharpness over the box |z_i| <= eps |theta_i|


@checked
def orbit_measures(loss, gradient, H, theta, sizes, epsilon, *, starts=4, rng=None):
    """[beyond the papers] What changes along the alpha-orbit of a minimum, and what does not, as Measures.

    loss, gradient : function; of one point, as in epsilon_sharpness
    H : (P, P) array, symmetric; hess L(theta), with traces of its layers' blocks that are positive
    theta : (P,) array
    sizes : (K,) array, whole, >= 1; as in flattest_alphas: biases of other layers than the first are to be left out of
        H, theta, loss and gradient, as constants; else least_trace changes too
    epsilon : float, > 0
    starts : int, >= 1

    Under unit_scale least_trace changes too; the rank and the last three do not. As computed, adaptive is the best of a
    few ascents in y, theta_i (1 + y_i): a lower bound, and where rounding parts the ascents (scales that are not powers
    of 2) it can differ by some per cent; and rank counts above P EPS lambda_1, too few far out (alpha = 1000), too many
    where the gradient left has moved a zero (see hessian.inertia). The volume of Theorem 2 is infinite everywhere.
    """
    values, scaled = np.linalg.eigvalsh(H), theta[:, None] * H * theta
    rng = np.random.default_rng(rng)
    alphas = np.repeat(flattest_alphas(H, sizes), sizes)            # (P,)
    seed = int(rng.integers(2 ** 32))                               # the same random starts in all three
    ball, keskar = (epsilon_sharpness(loss, gradient, theta, epsilon, hessian=H, box=box, starts=starts, rng=seed).value
                    for box in (None, True))
    # in units of the weights; subspace=diag(theta) would need all theta_i != 0
    adaptive = epsilon_sharpness(lambda y: loss(theta * (1 + y)), lambda y: theta * gradient(theta * (1 + y)),
                                 0 * theta, epsilon, hessian=scaled, box=np.full(len(theta), epsilon), starts=starts,
                                 rng=seed).value
    return Measures(float(values[-1]), float(values.sum()), ball, keskar,
                    int((values > len(H) * EPS * values[-1]).sum()), float((np.diag(H) / alphas ** 2).sum()),
                    float(np.linalg.norm(scaled, 2)), float(np.trace(scaled)), adaptive)


# ---------------------------------------------------------------------------------------------------------------------
# Reparametrisations in general: theta = g(eta) with J = dg/deta gives L_eta = L o g, and by the chain rule
#
#     grad L_eta = J^T grad L,    hess L_eta = J^T hess L J + sum_i (grad L)_i hess g_i                     [Sec. 5.1]
#
# The last sum is 0 where grad L = 0; there g need not be invertible, only onto.
# ---------------------------------------------------------------------------------------------------------------------

@checked
def pullback_gradient(grad, J):
    """[Dinh 2017, Sec. 5.1] The gradient of L_eta = L o g, (q,): J^T grad L, in columns; the paper has rows.

    grad : (P,) array; grad L at g(eta)
    J : (P, q) array; dg/deta at eta
    """
    return J.T @ grad


@checked
def pullback_hessian(hess, J, grad, d2g):
    """[Dinh 2017, Sec. 5.1] The Hessian of L_eta = L o g, (q, q): J^T hess L J + sum_i (grad L)_i hess g_i.

    hess : (P, P) array; hess L at g(eta)
    J : (P, q) array; dg/deta at eta
    grad : (P,) array; grad L at g(eta); at a critical point 0, and the second term with it
    d2g : (P, q, q) array; d2g[i] is the Hessian of g_i at eta
    """
    return J.T @ hess @ J + np.einsum("i,ijk->jk", grad, d2g)


@checked
def input_derivative(df_dx, dxi_du):
    """[Dinh 2017, Sec. 5.2, corrected] The derivative of f_xi = f o xi at u, (M, q): df/dx at x = xi(u), times dxi/du.

        df_xi/du (u) = df/dx (xi(u)) dxi/du (u)

    df_dx : (M, D) array; the derivative of f at xi(u)
    dxi_du : (D, q) array; the derivative of xi at u

    The paper's left side is taken at xi(u), where f_xi in general is not even meant to be evaluated
    (test_erratum_the_derivative_of_f_xi_is_at_u). For a net it is input_jacobian(weights, xi(u)[None], act)[0].
    """
    return df_dx @ dxi_du


@checked
def reversing_output_map(F, G, Y):
    """[Dinh 2017, App. C] A linear map S of the outputs, (M, M), after which G is worse than F by mean square error.

        |F - Y|^2 > |G - Y|^2,   yet   |F S - Y S|^2 < |G S - Y S|^2,   S = I + (k - 1) q q^T

    F, G, Y : (n, M) arrays; outputs of two models, of which G is the better one, and targets

    q is the top eigenvector of B - A, A = (F - Y)^T (F - Y), B = (G - Y)^T (G - Y), mu > 0 its eigenvalue; |E S|^2 is
    |E|^2 + (k^2 - 1) |E q|^2, so k^2 > 1 + (tr A - tr B) / mu reverses the order; k^2 - 1 is twice as much here, which
    reverses it by the margin tr A - tr B it had. S is symmetric, positive definite, with a single eigenvalue k other
    than 1. Where G is better in every direction of the outputs (as always for M = 1) no linear map will do.

    The appendix speaks of the representation of inputs; that it means the space of the errors is our reading.
    """
    D = G - F
    C = D.T @ (G - Y) + (F - Y).T @ D                               # B - A, which would cancel where F is near G
    mu, Q = np.linalg.eigh(C / 2 + C.T / 2)
    level = 4 * len(F) * EPS * np.linalg.norm(D) * np.linalg.norm(F - Y)        # the rounding of C
    if not np.trace(C) < -level:
        raise ValueError("G has no smaller error than F, it should have: there is nothing to reverse")
    if not mu[-1] > level:
        raise ValueError("G is better than F in every direction of the outputs: no linear map makes it worse")
    k = np.sqrt(1 - 2 * np.trace(C) / mu[-1])
    return np.eye(len(C)) + (k - 1) * np.outer(Q[:, -1], Q[:, -1])


# ---------------------------------------------------------------------------------------------------------------------
# Figure 5: the power map, each coordinate by itself, t = theta - center
#
#     eta = (t^2 + b)^a t,    d eta / d theta = (t^2 + b)^a + 2 a t^2 (t^2 + b)^(a-1)
#
# which is b^a at the center, so that L_eta'' = L'' b^(-2a) at a minimum there.
# ---------------------------------------------------------------------------------------------------------------------

def _shift(x, center):
    """[the project] x + center, refused unless center is a number or has x's last axes: the result is like x."""
    if np.ndim(center) and center.shape != x.shape[-center.ndim:]:
        raise ValueError(f"center has shape {center.shape}, it should be a number or fit the point's shape, {x.shape}")
    return x + center


@checked
def power_inverse(theta, center, a, b):
    """[Dinh 2017, Fig. 5] eta = g^-1(theta) = (t^2 + b)^a t, like theta; the center goes to 0, it is not added back.

    theta : (...) array
    center : (...) array; a number or of theta's last axes: a minimum to be made sharper (a > 0, b < 1, say) or flatter
    a : float, > -0.5; else the map is no bijection
    b : float, >= 0

    With b = 0 the map is no diffeomorphism at the center: L'' t^2 / 2 becomes L'' |eta|^(2 / (2a + 1)) / 2, of infinite
    curvature for a > 0 (a kink at a = 1/2), of none for a < 0 (test_fig_5_without_b_the_curvature_is_infinite_or_zero).
    """
    t = _shift(theta, -center)
    h = np.hypot(t, np.sqrt(b))                                     # t^2 can leave float64 long before the result does
    root = np.where(h == 0, 1, h) ** a                              # at t = b = 0 this is 0; 0^a is infinite for a < 0
    return root * t * root


@checked
def power_slope(theta, center, a, b):
    """[Dinh 2017, Fig. 5] d eta / d theta = (t^2 + b)^(a-1) ((1 + 2a) t^2 + b), like theta, > 0; b^a at the center.

    theta, center : (...) array
    a : float, > -0.5
    b : float, > 0
    """
    t = _shift(theta, -center)
    h = np.hypot(t, np.sqrt(b))                                     # (t^2 + b)^(1/2)
    return h ** (2 * a) * ((1 + 2 * a) * (t / h) ** 2 + (np.sqrt(b) / h) ** 2)


@checked
def power(eta, center, a, b):
    """[Dinh 2017, Fig. 5] theta = g(eta), like eta, the inverse of power_inverse: (t^2 + b)^a t = eta, plus center.

    With s = log|t| the equation is a log(e^2s + b) + s = log|eta|. Its left side has slopes between 1 and 1 + 2a, both
    positive, which rise with s or fall with s: Newton's method converges from everywhere.

    eta, center : (...) array
    a : float, > -0.5
    b : float, >= 0

    t is right to a few 1e-13 of its size for a up to 1e8, and for a near -1/2 to about EPS |log|t|| / (1 + 2a).
    """
    log_eta = np.log(np.where(eta == 0, 1, np.abs(eta)))            # t = 0 there, below
    s = log_eta / (1 + 2 * a)                                       # the solution for b = 0
    for _ in range(50 if b > 0 else 0):
        both = np.logaddexp(2 * s, np.log(b))                       # log(e^2s + b)
        s = s - (a * both + s - log_eta) / (1 + 2 * a * np.exp(2 * s - both))
    return _shift(np.sign(eta) * np.exp(s), center)


# ---------------------------------------------------------------------------------------------------------------------
# Appendix A: the radial map, t = theta - center, r = |t|, u = t / r
#
#     eta = center + psi(r) u,    d eta / d theta = psi' u u^T + psi / r (I - u u^T)
#
# with psi piecewise linear. At the center that is rho / rhat I, so hess L_eta = (rhat / rho)^2 hess L there.
# ---------------------------------------------------------------------------------------------------------------------

@checked
def radial_psi(r, rhat, delta, rho):
    """[Dinh 2017, App. A] psi, like r: [0, rhat] to [0, rho], (rhat, delta] to (rho, delta], the identity beyond.

        psi = rho r / rhat,   (rho - delta) (r - rhat) / (rhat - delta) + rho,   r

    r : (...) array, >= 0
    rhat, delta, rho : float, > 0; rhat and rho below delta

    The paper's middle part, (rho - delta) (r - delta) / (rhat - delta) + delta, loses the digits of a small rho.
    """
    if max(rhat, rho) >= delta:
        raise ValueError(f"the larger of rhat and rho is {max(rhat, rho):g}, it should be below delta = {delta:g}")
    middle = (rho - delta) / (rhat - delta) * (r - rhat) + rho
    return np.where(r > delta, r, np.where(r > rhat, middle, rho / rhat * r))


@checked
def radial_psi_prime(r, rhat, delta, rho):
    """[Dinh 2017, App. A] psi', like r: rho / rhat, (rho - delta) / (rhat - delta), 1; at kinks the one from the left.

    r : (...) array, >= 0
    rhat, delta, rho : float, > 0
    """
    if max(rhat, rho) >= delta:
        raise ValueError(f"the larger of rhat and rho is {max(rhat, rho):g}, it should be below delta = {delta:g}")
    return np.where(r > delta, 1.0, np.where(r > rhat, (rho - delta) / (rhat - delta), rho / rhat))


@checked
def radial_inverse(theta, center, rhat, delta, rho):
    """[Dinh 2017, App. A] eta = g^-1(theta) = center + psi(r) / r (theta - center), like theta, r = |theta - center|.

    theta : (..., P) array
    center : (P,) array
    rhat, delta, rho : float, > 0

    A minimum in the center gets sharper if rho < rhat: its Hessian becomes (rhat / rho)^2 H. For r > delta it is theta.
    """
    t = theta - center
    r = np.linalg.norm(t, axis=-1, keepdims=True)                   # (..., 1)
    ratio = np.where(r > rhat, radial_psi(r, rhat, delta, rho) / np.maximum(r, rhat), rho / rhat)
    return np.where(r > delta, theta, center + ratio * t)


@checked
def radial(eta, center, rhat, delta, rho):
    """[Dinh 2017, App. A] theta = g(eta), like eta, inverse to radial_inverse: the same with rhat and rho exchanged.

    eta : (..., P) array
    center : (P,) array
    rhat, delta, rho : float, > 0
    """
    return radial_inverse(eta, center, rho, delta, rhat)


@checked
def radial_inverse_jacobian(theta, center, rhat, delta, rho):
    """[Dinh 2017, App. A] d eta / d theta = psi'(r) u u^T + psi(r) / r (I - u u^T), u = (theta - center) / r, (P, P).

    theta, center : (P,) array
    rhat, delta, rho : float, > 0

    rho / rhat I at the center. At the kinks r = rhat and r = delta that of the inside.
    """
    t = theta - center
    r = np.linalg.norm(t)
    along = radial_psi_prime(r, rhat, delta, rho)
    if r <= rhat:
        return along * np.eye(len(t))
    u, across = t / r, radial_psi(r, rhat, delta, rho) / r
    return across * np.eye(len(t)) + (along - across) * np.outer(u, u)


@checked
def radial_jacobian(eta, center, rhat, delta, rho):
    """[Dinh 2017, App. A] d theta / d eta, the Jacobian of g, (P, P): rhat, rho exchanged; rhat / rho I at the center.

    eta, center : (P,) array
    rhat, delta, rho : float, > 0
    """
    return radial_inverse_jacobian(eta, center, rho, delta, rhat)


# ---------------------------------------------------------------------------------------------------------------------
# Weight normalisation: w = s v / |v|, u = v / |v|, Q = I - u u^T; g and H are the gradient and Hessian in w
#
# dw/ds = u, dw/dv = (s / |v|) Q. Differentiate g.v / |v| twice: (1 / |v|) Q g, then
# -(1 / |v|^2) (u (Q g)^T + (Q g) u^T + (g.u) Q). The general formula gives weight_norm_hessian's.
# ---------------------------------------------------------------------------------------------------------------------

@checked
def weight_norm(s, v):
    """[Dinh 2017, Sec. 5.1] w = s v / |v|, (d,); the same for alpha v, alpha > 0.

    s : float
    v : (d,) array

    The paper allows every alpha != 0; alpha < 0 turns w into -w
    (test_erratum_weight_normalisation_is_invariant_for_positive_alpha_only). As alpha goes to 0 a ball around
    alpha v reaches beyond 0, where the weights are -w: the sharpness is then at least (L(-w) - L(w)) / (1 + L(w))
    (test_section_5_1_for_small_v_the_ball_reaches_the_opposite_weights); as alpha grows the sharpness over a ball of v
    falls to 0, over Keskar's box, which grows with |v_i|, it does not
    (test_erratum_keskars_sets_grow_with_v_and_their_sharpness_does_not_go_to_0).
    """
    if not v.any():
        raise ValueError("v is 0, it should not be: w = s v / |v| has no direction there")
    return s * (v / np.linalg.norm(v))


@checked
def weight_norm_hessian(s, v, grad, hess):
    """[Dinh 2017, Sec. 5.1] The Hessian of L(w(s, v)) in (s, v), (1 + d, 1 + d), from that and the gradient in w.

        H_ss = u^T H u,   H_sv = (s / |v|) u^T H Q + (1 / |v|) (Q g)^T,   u = v / |v|,   Q = I - u u^T
        H_vv = (s / |v|)^2 Q H Q - (s / |v|^2) (u (Q g)^T + (Q g) u^T + (g.u) Q)

    s : float
    v : (d,) array
    grad : (d,) array; at w
    hess : (d, d) array, symmetric; at w

    s comes first; [1:, 1:] is the Hessian in v alone, (s / |v|)^2 Q H Q where grad = 0.

    H_vv(alpha v) = H_vv(v) / alpha^2, alpha > 0, as the paper says, with respect to v. But H_ss does not depend on |v|:
    with s counted as a parameter no minimum with u^T H u != 0 gets flat
    (test_caveat_with_the_scale_included_the_hessian_does_not_become_flat).
    """
    u, length = weight_norm(1.0, v), np.linalg.norm(v)
    Q = np.eye(len(v)) - np.outer(u, u)
    Qg = Q @ grad
    H = np.empty((1 + len(v),) * 2)
    H[0, 0] = u @ hess @ u
    H[0, 1:] = H[1:, 0] = s / length * (u @ hess @ Q) + Qg / length
    H[1:, 1:] = (s / length) ** 2 * (Q @ hess @ Q) \
        - s / length ** 2 * (np.outer(u, Qg) + np.outer(Qg, u) + grad @ u * Q)
    return H
