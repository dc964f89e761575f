"""Flatness is in the eye of the parametrisation: alpha-scale, sharpness, and changes of coordinates [Dinh 2017].

Letters and shapes are those of landscape.py; but layers are counted by k = 1..K as in the paper (K is our J), theta_k
is W_k, n_k the number of its entries, `bound` is the paper's M, and T_alpha(theta) is `alpha_scale(weights, alphas)`.

The alpha-scale transformation. For ReLU, leaky ReLU and maxout phi(alpha z) = alpha phi(z), alpha > 0 [Definition 4,
Theorem 1]. Multiply W_k by alpha_k in every layer. If the inputs of layer k come multiplied by c_(k-1), then
W_k a_(k-1) is multiplied by c_k = alpha_k c_(k-1). Multiply the bias by c_k too; then z_k is, and with it a_k:

    T_alpha:  W_k -> alpha_k W_k,   b_k -> alpha_1 ... alpha_k b_k,   alpha_k > 0,   prod_k alpha_k = 1
    f(x; T_alpha theta) = f(x; theta)   for every x                                       [Definition 5, Appendix B]

T_alpha is linear, a diagonal matrix, with the inverse D = D_alpha. Differentiate L(T theta) = L(theta) once and twice:

    grad L(T theta) = D grad L(theta),    hess L(T theta) = D hess L(theta) D,    D = diag(1 / alpha_k)      [Theorem 3]

What this does to four measures of flatness, at a minimum, without biases:

    volume      K = 2: T has the determinant alpha^(n1 - n2). With |.| the largest entry, let the box of radius
                r' = min(r, |theta_1| / 2) around theta lie in {L < L(theta) + eps}. The entry of theta_1 with
                |entry| = |theta_1| lies in [|theta_1| - r', |theta_1| + r'] on the box (up to its sign), and alpha =
                2 (|theta_1| + r') / (|theta_1| - r') moves that interval off itself. So the boxes T_alpha^k(box),
                k = 0, 1, ..., are disjoint, L takes on each the values it takes on the first, and orbits inside the
                set join them. If n1 >= n2 their volumes alpha^(k (n1 - n2)) (2 r')^(n1 + n2) do not fall: infinite
                in all. If n1 < n2 take 1/alpha                                                           [Theorem 2]
    norm        K = 2: H = hess L(theta) is >= 0 and not 0, so it has a diagonal element d > 0. The norm of D H D
                is at least its diagonal element, d / alpha^2 if d belongs to theta_1, alpha^2 d if to
                theta_2: above any bound for a small, or a large, alpha                                      [Theorem 4]
    many        alpha_k = 1/beta but for alpha_(k*) = beta^(K - 1): D^2 = beta^2 on all but n_(k*) entries, hence
                D^2 >= beta^2 (I - E), E the projection on those. D H D has the eigenvalues of
                S = H^(1/2) D^2 H^(1/2) >= beta^2 (H - H^(1/2) E H^(1/2)), the last term of rank <= n_(k*), so
                lambda_i(S) >= beta^2 lambda_(i + n_(k*))(H): with beta^2 > bound / lambda_r(H), r = rank H, at
                least r - n_(k*) eigenvalues are above the bound                                             [Theorem 5]
                With biases D is 1 / c_k there: beta^k for k < k*, at most 1 from k* on, and the
                count r - n_(k*) - sum_(k >= k*) dim b_k                                               [Appendix B]
    sharpness   K = 2: alpha = eps / |theta_1| (Frobenius) brings (0, theta_2 / alpha), a constant function, into the
                ball of radius eps                                                                           [Sec. 4.3]

epsilon-sharpness [Definition 2]: the largest (L(theta + z) - L(theta)) / (1 + L(theta)) over |z| <= eps. With gradient
g and Hessian H at theta the second-order model g.z + z.H z / 2 has its largest value on the ball at

    z = (mu I - H)^-1 g,   mu >= lambda_1(H),   mu >= 0,   |z| = eps    (or |z| < eps and mu = 0)

plus, if that is too short at mu = lambda_1, a multiple of the top eigenvector. For g = 0 it is eps times that, and
the value lambda_1 eps^2 / 2 (0 if lambda_1 < 0). From there, and from elsewhere, projected ascent on L itself.

Any change of coordinates theta = g(eta), with Jacobian J = dg/deta, gives L_eta = L o g by the chain rule [Sec. 5.1]

    grad L_eta = J^T grad L,    hess L_eta = J^T hess L J + sum_i (grad L)_i hess g_i

and the last sum is 0 where grad L = 0. Three families; t = theta - center, u = t / |t|:

    power    eta = (t^2 + b)^a t, each coordinate by itself; d eta / d theta = (t^2 + b)^(a - 1) ((1 + 2a) t^2 + b)
             is b^a at the center, so that L_eta'' = L'' b^(-2a) at a minimum there                        [Fig. 5]
    radial   eta = center + psi(|t|) u, psi piecewise linear, [0, rhat] to [0, rho], (rhat, delta] to (rho, delta],
             the identity beyond. d eta / d theta = psi' u u^T + psi / |t| (I - u u^T); at the center
             it is rho / rhat I, so hess L_eta = (rhat / rho)^2 hess L                                     [App. A]
    weight   w = s v / |v|, u = v / |v|, Q = I - u u^T:  dw/ds = u, dw/dv = (s / |v|) Q. Differentiate g.v / |v| twice:
    norm.    (1 / |v|) Q g, then -(1 / |v|^2) (u (Q g)^T + (Q g) u^T + (g.u) Q). Hence, with H = hess_w, g = grad_w,

                 H_ss = u^T H u,   H_sv = (s / |v|) u^T H Q + (1 / |v|) (Q g)^T
                 H_vv = (s / |v|)^2 Q H Q - (s / |v|^2) (u (Q g)^T + (Q g) u^T + (g.u) Q)

             H_vv(alpha v) = alpha^-2 H_vv(v) for alpha > 0, while H_ss does not depend on |v|           [Sec. 5.1]

What no change of coordinates alters is the KL divergence of two distributions of theta, if both are carried over
[Sec. 1]: the bridge to PAC-Bayes bounds. If the prior stays behind, it changes too.
"""
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from landscape import (
    EPS,
    RELU,
    SQUARE,
    check_array,
    check_net,
    check_number,
    check_overflow,
    check_seed,
    check_symmetric,
    check_weights,
    check_widths,
    forward_pass,
    stacked_gradient,
    unstack,
)

# ---------------------------------------------------------------------------------------------
# The alpha-scale transformation
# ---------------------------------------------------------------------------------------------

def alpha_scale(weights, alphas):
    """[Dinh 2017, Def. 5 and App. B] T_alpha: W_k -> alpha_k W_k, b_k -> alpha_1 ... alpha_k b_k.

    Parameters
    ----------
    weights : list of K arrays, with or without biases
    alphas : (K,) array, positive, of product 1; for two layers [alpha, 1 / alpha]

    Returns
    -------
    list of arrays: the same function for every x, if the activation is positively homogeneous (ReLU, leaky ReLU).

    Raises
    ------
    ValueError
        If an argument is bad, the product is not 1 (to 1e-9), or a weight leaves the range of float64.

    Notes
    -----
    The first layer's bias is scaled like its weights, so it need not be known whether it has one.
    """
    weights, alphas = check_alphas(weights, alphas)
    scaled, c = [], 1.0
    with np.errstate(over="ignore"):
        for k, (W, alpha) in enumerate(zip(weights, alphas)):
            units = len(weights[k - 1]) if k else W.shape[1]        # columns that are no bias, if k > 0
            c = c * alpha                                           # alpha_1 ... alpha_k
            scaled.append(np.hstack([alpha * W[:, :units], c * W[:, units:]]))
    check_scaled(weights, scaled)
    return scaled


def alpha_diagonal(weights, alphas):
    """[Dinh 2017, Sec. 4.2] The diagonal of D_alpha, the inverse of T_alpha: 1 / alpha_k, and 1 / c_k for biases.

        grad L(T theta) = D grad L(theta),   hess L(T theta) = D hess L(theta) D,   c_k = alpha_1 ... alpha_k

    Parameters
    ----------
    weights : list of K arrays, of which only the shapes are used
    alphas : (K,) array, positive, of product 1

    Returns
    -------
    (P,) array d in the order of flatten(weights): D grad is `d * grad`, D H D is `np.outer(d, d) * H`.

    Raises
    ------
    ValueError
        If an argument is bad.
    """
    weights, alphas = check_alphas(weights, alphas)
    ones = alpha_scale([np.ones(W.shape) for W in weights], alphas)
    return 1 / np.concatenate([W.ravel() for W in ones])


def orbit_tangent(weights, c):
    """[beyond the papers] The velocity of the alpha-orbit, d/dt T_alpha(theta) at t = 0 with alpha_k = exp(c_k t).

        W_k -> c_k W_k,   b_k -> (c_1 + ... + c_k) b_k,   sum_k c_k = 0

    f is constant along the orbit, so this is in the kernel of the Jacobian, at every sample: where the loss is zero,
    it is tangent to the zero-loss set.

    Parameters
    ----------
    weights : list of K arrays
    c : (K,) array of sum 0; for two layers [1, -1]

    Returns
    -------
    (P,) array in the order of flatten(weights)

    Raises
    ------
    ValueError
        If an argument is bad, c does not sum to 0 (to 1e-9 of its largest entry), or the result overflows.
    """
    weights, c = check_velocity(weights, c)
    tangent = []
    with np.errstate(over="ignore"):
        for k, W in enumerate(weights):
            units = len(weights[k - 1]) if k else W.shape[1]
            tangent += [np.hstack([c[k] * W[:, :units], c[:k + 1].sum() * W[:, units:]]).ravel()]
    tangent = np.concatenate(tangent)
    check_overflow("the tangent", tangent)
    return tangent


# ---------------------------------------------------------------------------------------------
# Theorem 2: the volume
# ---------------------------------------------------------------------------------------------

class Boxes(NamedTuple):
    """[Dinh 2017, Thm 2] alpha, the radii (count, 2) of the boxes in theta_1 and theta_2, and log volumes (count,)."""
    alpha: float
    radii: np.ndarray
    log_volumes: np.ndarray


def flat_boxes(weights, r, count):
    """[Dinh 2017, Thm 2] Disjoint boxes T_alpha^k(B(r', theta)); L takes on each the values it takes on the first.

        r' = min(r, |theta_1| / 2),   alpha = 2 (|theta_1| + r') / (|theta_1| - r'),   |.| the largest |entry|
        log volume of box k = k (n1 - n2) log alpha + (n1 + n2) log(2 r'),   k = 0..count-1

    For n1 < n2 it is 1/alpha that is returned and used, so the volumes never fall.

    Parameters
    ----------
    weights : [theta_1, theta_2], the second without bias (a bias of the first scales along)
    r : float > 0 with L < L(theta) + eps on B(r, theta), for instance from box_radius
    count : int >= 1

    Returns
    -------
    Boxes(alpha, radii, log_volumes); box k has the center alpha_scale(weights, [alpha ** k, alpha ** -k]), and
        np.logaddexp.accumulate(log_volumes) is the log of the volume found so far: above every bound in the end.

    Raises
    ------
    ValueError
        If an argument is bad, theta_1 is 0, or alpha^k leaves the range of float64.

    Notes
    -----
    The norm has to be the largest entry: with Frobenius' the box can hold theta_1 = 0
    (tests/test_reparam.py::test_theorem_2_control_with_the_frobenius_norm_a_box_can_hold_theta_1_equal_to_0).
    """
    weights, r = check_two_layers(weights, "r", r)
    count = check_number("count", count, 1, whole=True)
    n1, n2 = weights[0].size, weights[1].size
    largest = np.abs(weights[0]).max()
    r = min(r, largest / 2)
    alpha = 2 * (1 + r / largest) / (1 - r / largest)               # from 2 to 6
    if n1 < n2:
        alpha = 1 / alpha
    k = np.arange(count)
    with np.errstate(over="ignore", under="ignore"):
        radii = r * alpha ** (k[:, None] * [1.0, -1.0])             # (count, 2)
    check_scaled([np.ones_like(radii)], [radii])
    return Boxes(float(alpha), radii, k * (n1 - n2) * np.log(alpha) + (n1 + n2) * (np.log(2) + np.log(r)))


def output_change(weights, X, r, act=RELU):
    """[beyond the papers] How far the outputs can move if every weight moves by at most r.

        |phi(s) - phi(t)| <= |s - t| gives, layer by layer, with m_0 = 0 and |a~|_1 the sum of |entries|,
        m_k = |W_k| m_(k-1) + r (|a~_(k-1)|_1 + |m_(k-1)|_1)  >=  |z_k' - z_k|

    Parameters
    ----------
    weights : list of arrays, any depth, with or without biases
    X : (n, D) array
    r : float >= 0
    act : Activation with |phi'| <= 1, as all of landscape.py have

    Returns
    -------
    (n, M) array, the bound m_K on |f' - f| for each sample and output; inf where it overflows.

    Raises
    ------
    ValueError
        If an argument is bad.
    """
    weights, X = check_net(weights, X, act)
    r = check_number("r", r, 0)
    with np.errstate(over="ignore", invalid="ignore"):
        inputs, _ = forward_pass(weights, X, act)
        m = np.zeros_like(X)                                        # (n, n_(k-1)); the bias input -1 does not move
        for W, a in zip(weights, inputs):
            m = m @ np.abs(W[:, :m.shape[1]]).T + r * (np.abs(a).sum(axis=1) + m.sum(axis=1))[:, None]     # (n, n_k)
    return np.where(np.isnan(m), np.inf, m)


def box_radius(weights, X, Y, epsilon, act=RELU):
    """[Dinh 2017, Thm 2] A radius r with L(theta') < L(theta) + epsilon for every theta' in the box B_inf(r, theta).

        L(theta') - L(theta) <= sum over samples and outputs of |f - y| m + m^2 / 2,   m = output_change(weights, X, r)

    for the square loss; r is the largest for which that bound is below epsilon, found by bisection.

    Parameters
    ----------
    weights : list of arrays, any depth
    X, Y : (n, D) and (n, M) arrays
    epsilon : float > 0, in units of L
    act : Activation with |phi'| <= 1

    Returns
    -------
    float > 0: a certificate, so usually some times smaller than the largest box.

    Raises
    ------
    ValueError
        If an argument is bad, or no r in the range of float64 will do.
    """
    weights, X, Y = check_net(weights, X, act, Y)
    epsilon = check_number("epsilon", epsilon, np.finfo(float).tiny)
    with np.errstate(over="ignore", invalid="ignore"):
        residual = np.abs(forward_pass(weights, X, act)[1][-1] - Y)         # (n, M)
    low, high = -1022.0, 1022.0                                     # log2 r
    for _ in range(60):
        middle = (low + high) / 2
        m = output_change(weights, X, 2.0 ** middle, act)
        with np.errstate(over="ignore", invalid="ignore"):
            fits = np.sum(residual * m + m ** 2 / 2) < (1 - 1e-9) * epsilon     # leaves room for rounding
        low, high = (middle, high) if fits else (low, middle)
    check_radius(low)
    return float(2.0 ** low)


# ---------------------------------------------------------------------------------------------
# Theorems 4 and 5: the Hessian
# ---------------------------------------------------------------------------------------------

def alpha_for_norm(H, n1, bound):
    """[Dinh 2017, Thm 4] An alpha with |hess L(T_alpha theta)|_2 > bound, T_alpha = (alpha theta_1, theta_2 / alpha).

        alpha < sqrt(d / bound) if d, the largest diagonal element of H, belongs to theta_1
        alpha > sqrt(bound / d) if it belongs to theta_2

    Parameters
    ----------
    H : (P, P) array, hess L(theta) of [theta_1, theta_2], the second without bias
    n1 : int, the number of entries of theta_1
    bound : float > 0

    Returns
    -------
    float, one per cent beyond the limit; the trace of a Hessian that is >= 0 is above the bound as well.

    Raises
    ------
    ValueError
        If an argument is bad, alpha or 1/alpha overflows, or H has no positive diagonal element: then it is 0 or not
        >= 0, and theta no minimum with curvature.

    Notes
    -----
    At a saddle the theorem's first step can fail: diag(-1, 1) has a positive diagonal element, [[0, 1], [1, 0]] has not
    (tests/test_reparam.py::test_theorem_4_control_a_saddle_may_have_no_positive_diagonal_element).
    """
    H, n1, bound = check_blocks(H, n1, bound)
    d = np.diag(H)
    with np.errstate(over="ignore", divide="ignore"):
        ratio = np.sqrt(d.max()) / np.sqrt(bound)
        alpha = ratio / 1.01 if d.argmax() < n1 else 1.01 / ratio
        check_overflow("alpha or 1 / alpha", alpha, 1 / alpha)
    return float(alpha)


def large_eigenvalues(rank, sizes, biases=None):
    """[Dinh 2017, Thm 5 and App. B, corrected] How many eigenvalues can be made larger than any bound, at least.

        rank - min_k (n_k + sum_(j >= k) dim b_j)

    Parameters
    ----------
    rank : int, that of hess L(theta), at a minimum; at most P less the number of hidden units
    sizes : list of K ints, n_k, the numbers of weights of the layers without their biases
    biases : list of K ints, the numbers of biases dim b_k; None: none anywhere

    Returns
    -------
    int >= 0

    Raises
    ------
    ValueError
        If an argument is bad.
    """
    sizes, biases = check_sizes(sizes, biases)
    rank = check_number("rank", rank, 0, sum(sizes) + sum(biases or []), whole=True)
    biases = [0] * len(sizes) if biases is None else biases
    return max(0, rank - min(sizes[k] + sum(biases[k:]) for k in range(len(sizes))))


def alphas_for_many(H, sizes, bound, *, biases=None, tol=None):
    """[Dinh 2017, Thm 5] Scales with large_eigenvalues(rank H, sizes) eigenvalues of hess L(T_alpha theta) above bound.

        alpha_k = 1 / beta,  alpha_(k*) = beta^(K - 1),  beta > sqrt(bound / lambda_r)

    k* is the layer with the least n_k (with biases, the least n_k + sum_(j >= k) dim b_j, and beta >= 1), lambda_r the
    smallest eigenvalue that is not zero.

    Parameters
    ----------
    H : (P, P) array, >= 0: the Hessian at a minimum
    sizes : list of K ints, the numbers of weights of the layers without their biases
    bound : float > 0
    biases : list of K ints, the numbers of biases; None: none, and then P is the sum of sizes
    tol : float, eigenvalues of at most this size count as zero; None: P eps max|lambda|

    Returns
    -------
    (K,) array of product 1, beta one per cent beyond the limit

    Raises
    ------
    ValueError
        If an argument is bad, H is zero or has an eigenvalue below -tol, or a scale overflows.

    Notes
    -----
    The paper's proof takes lambda_i(H D^2) for singular values (Def. 6); those of H D^2 are not the eigenvalues of
    D H D. With H^(1/2) D^2 H^(1/2) it is right
    (tests/test_reparam.py::test_erratum_the_singular_values_of_H_D2_are_not_the_eigenvalues_of_D_H_D).
    """
    H, bound = check_semidefinite(H, bound, tol)
    sizes, biases = check_sizes(sizes, biases, len(H))
    values = np.linalg.eigvalsh(H)
    tol = len(H) * EPS * np.abs(values).max() if tol is None else tol
    reach = sizes if biases is None else [sizes[k] + sum(biases[k:]) for k in range(len(sizes))]
    with np.errstate(over="ignore"):
        beta = 1.01 * np.sqrt(bound) / np.sqrt(values[values > tol].min())
        beta = beta if biases is None else max(1.0, beta)
        alphas = np.full(len(sizes), 1 / beta)
        alphas[np.argmin(reach)] = beta ** (len(sizes) - 1)
    check_scaled([np.ones(len(sizes))], [alphas])
    return alphas


# ---------------------------------------------------------------------------------------------
# epsilon-sharpness
# ---------------------------------------------------------------------------------------------

def quadratic_sharpness(H, loss, epsilon):
    """[Dinh 2017, Def. 2] The epsilon-sharpness to second order at a minimum: |H|_2 eps^2 / (2 (1 + L)).

    Parameters
    ----------
    H : (P, P) array, symmetric, the Hessian of L at the minimum
    loss : float >= 0, L there
    epsilon : float > 0, radius of the ball in units of theta

    Returns
    -------
    float, without unit but not without scale: 1 + L ties it to the unit of L

    Raises
    ------
    ValueError
        If an argument is bad or the result overflows.

    Notes
    -----
    For a minimum, H >= 0. Elsewhere the model's largest value is quadratic_maximum's, for a saddle max(0, lambda_1)
    eps^2 / 2, with which |H|_2 may have nothing to do
    (tests/test_reparam.py::test_the_spectral_norm_is_the_second_order_sharpness_at_minima_only).
    """
    H = check_symmetric("H", H)
    loss, epsilon = check_number("loss", loss, 0), check_number("epsilon", epsilon, np.finfo(float).tiny)
    with np.errstate(over="ignore", invalid="ignore"):
        value = np.abs(np.linalg.eigvalsh(H)).max() * epsilon * (epsilon / 2 / (1 + loss))
    check_overflow("the sharpness", value)
    return float(value)


class Maximum(NamedTuple):
    """[More and Sorensen 1983] The largest value of g.z + z.H z / 2 on a ball, and a z (P,) that has it."""
    value: float
    z: np.ndarray


def quadratic_maximum(g, H, epsilon):
    """[More and Sorensen 1983] The largest value of g.z + z.H z / 2 on |z| <= eps, for any g and any symmetric H.

        (mu I - H) z = g,   mu >= max(0, lambda_1),   |z| = eps   (or mu = 0 and |z| <= eps)

    In the eigenvectors of H, z_i = g_i / (mu - lambda_i) gets shorter as mu grows; bisection finds the mu for
    |z| = eps. If z is too short even at mu = lambda_1 (g orthogonal to the top eigenvectors: the hard case), the top
    one is added.

    Parameters
    ----------
    g : (P,) array
    H : (P, P) array, symmetric
    epsilon : float > 0

    Returns
    -------
    Maximum(value, z); value >= 0, exact to rounding

    Raises
    ------
    ValueError
        If an argument is bad or something overflows.
    """
    g, H, epsilon = check_model(g, H, epsilon)
    lam, Q = np.linalg.eigh(H)                                      # ascending
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        c, floor = Q.T @ g, max(0.0, lam[-1])
        gap = floor - lam                                           # mu - lambda_i = (mu - floor) + gap_i
        inside = np.where(c == 0, 0.0, -c / lam)                    # the stationary point, a maximum if H < 0
        if lam[-1] < 0 and np.hypot.reduce(inside) <= epsilon:
            z = inside
        else:
            low, high = 0.0, 2 * np.hypot.reduce(c) / epsilon       # mu - floor; |z| < eps at high
            high = max(high, np.finfo(float).tiny)                  # not 0: a gradient can be a rounding of 0
            for _ in range(200):
                middle = (low + high) / 2
                z = np.where(c == 0, 0.0, c / (middle + gap))
                low, high = (low, middle) if np.hypot.reduce(z) <= epsilon else (middle, high)
            z = np.where(c == 0, 0.0, c / (high + gap))
            rest = np.hypot.reduce(z[:-1]) / epsilon
            z[-1] = np.copysign(epsilon * np.sqrt(max(0.0, (1 - rest) * (1 + rest))), c[-1])
        z = Q @ z
        value = g @ z + z @ H @ z / 2
    check_overflow("the maximum", value, z)
    return Maximum(max(0.0, float(value)), z)


class Sharpness(NamedTuple):
    """[Dinh 2017, Def. 2] A lower bound on the epsilon-sharpness, and the point theta' (P,) that attains it."""
    value: float
    point: np.ndarray


def projected_ascent(loss, gradient, z, project, size, *, iterations=200):
    """[beyond the papers] Climb from several starts at once, inside a convex set: z <- project(z + step g / |g|).

    A step is taken if the loss rises by a tenth of what the gradient promises. The next is then twice as long, up to
    1e4 sizes; if not, a quarter as long. (From so far outside a ball the projection is nearly eps g / |g|: for a
    quadratic, a step of the power method.) Each start has its own step.

    Parameters
    ----------
    loss, gradient : functions of a stack (S, p) of points, with values (S,) and (S, p)
    z : (S, p) array, points of the set, S >= 1
    project : function, the nearest points of the set, (S, p) to (S, p)
    size : float > 0, the first step, about the radius of the set
    iterations : int >= 1, at most so many

    Returns
    -------
    value, z : (S,) and (S, p) arrays; no start ends below its beginning

    Raises
    ------
    ValueError
        If an argument is bad, or what loss, gradient or project returns has a wrong shape or is not finite.
    """
    z, size, iterations = check_ascent(loss, gradient, z, project, size, iterations)
    value, step = loss(z), np.full(len(z), float(size))
    value = check_values("loss", value, z[:, 0])
    for _ in range(iterations):
        g = gradient(z)
        g = check_values("gradient", g, z)
        with np.errstate(over="ignore"):
            length = np.hypot.reduce(g, axis=1)                     # (S,); no square that could overflow
        g = g / np.where(length > 0, length, 1)[:, None]
        trial = project(z + step[:, None] * g)
        trial = check_values("project", trial, z)
        new = loss(trial)
        new = check_values("loss", new, z[:, 0])
        with np.errstate(over="ignore", invalid="ignore"):          # what overflows is not taken
            promise = length * np.sum(g * (trial - z), axis=1)
            better = (new > value) & (new - value >= promise / 10)
        z, value = np.where(better[:, None], trial, z), np.where(better, new, value)
        step = np.where(better, np.minimum(2 * step, 1e4 * size), step / 4)
        if not (promise > EPS * np.abs(value)).any():               # less than rounding could show
            break
    return value, z


def highest_nearby(loss, gradient, g, H, epsilon, sides, directions, iterations):
    """[beyond the papers] The highest loss found around y = 0: on the ball |y| <= eps, or on the box |y_i| <= sides_i.

    Parameters
    ----------
    loss, gradient : functions of a stack (S, p), with values (S,) and (S, p)
    g : (p,) array, the gradient at 0
    H : (p, p) array, the Hessian at 0, or None
    epsilon : float
    sides : (p,) array, or None for the ball
    directions : (S, p) array, in which random starts lie
    iterations : int

    Returns
    -------
    value, y : float and (p,) array
    """
    def project(y):
        if sides is not None:
            return np.clip(y, -sides, sides)
        return y * (epsilon / np.maximum(epsilon, np.hypot.reduce(y, axis=1)))[:, None]

    def boundary(v):                                                # in the direction of v; for a box the corner
        if sides is not None:
            return sides * np.where(v < 0, -1, 1)
        return epsilon * (v / np.hypot.reduce(v, axis=1)[:, None])

    begin = [boundary(directions)]
    if g.any():                                                     # g = 0 has no direction
        begin.append(boundary(g[None]))
    if H is not None:
        top = np.linalg.eigh(H)[1][:, -1:].T
        begin += [boundary(top), boundary(-top), project(quadratic_maximum(g, H, epsilon).z[None])]
    value, y = projected_ascent(loss, gradient, np.vstack(begin), project,
                                epsilon if sides is None else sides.max(), iterations=iterations)
    best = value.argmax()
    return value[best], y[best]


def epsilon_sharpness(loss, gradient, theta, epsilon, *, hessian=None, box=False, subspace=None, starts=16,
                      iterations=200, rng=None):
    """[Dinh 2017, Def. 2; Keskar et al. 2017, Metric 2.1] The largest (L(theta') - L(theta)) / (1 + L(theta)) nearby.

    Nearby is one of four closed sets; A^+ is the pseudo-inverse, and only the first two have all P dimensions:

        ball, default                 theta + z,     |z| <= eps                                  [Dinh]
        box=True                      theta + z,     |z_i| <= eps (|theta_i| + 1)                [Keskar, full space]
        subspace=A                    theta + A y,   |A y| <= eps
        box=True, subspace=A          theta + A y,   |y_i| <= eps (|(A^+ theta)_i| + 1)          [Keskar, subspace]

    Projected ascent runs from random points of the boundary and, unless g = 0, from eps g / |g| (of a box, the corner
    in that direction); if the Hessian is given, also from +- its top eigenvector and from quadratic_maximum; never
    from theta itself, where the gradient of a minimum is 0. What it finds is a lower bound; on a ball, with the
    Hessian, it is no less than what the second-order model's best point attains: exact for a quadratic.

    Parameters
    ----------
    loss, gradient : functions of a stack of points (S, P), with values (S,) and (S, P). For a network network_loss
        makes both; a function f of one point is stacked by `lambda T: np.array([f(t) for t in T])`
    theta : (P,) array
    epsilon : float > 0, in units of theta (Keskar's 1e-3 or 5e-4 are of a box)
    hessian : (P, P) array, optional, hess L(theta)
    box : bool
    subspace : (P, p) array of rank p, optional; Keskar draws it with normal entries
    starts : int >= 1, the number of random starts
    iterations : int >= 1, of the ascent
    rng : seed or numpy Generator

    Returns
    -------
    Sharpness(value, point): value = (L(point) - L(theta)) / (1 + L(theta)) >= 0, no percentage (Keskar's is 100
        times it); point is theta if nothing higher was found.

    Raises
    ------
    ValueError
        If an argument is bad, L(theta) < 0, or the loss or its gradient is not finite or of a wrong shape.
    """
    theta, epsilon, hessian, subspace = check_sharpness(loss, gradient, theta, epsilon, hessian, box, subspace)
    starts = check_number("starts", starts, 1, whole=True)
    check_seed(rng)
    rng = np.random.default_rng(rng)
    A = subspace
    if A is not None and not box:
        A = np.linalg.qr(A)[0]                                      # |A y| = |y|
    p = len(theta) if A is None else A.shape[1]
    with np.errstate(over="ignore", invalid="ignore"):
        nearby = theta if A is None else np.linalg.pinv(A) @ theta
        sides = epsilon * (np.abs(nearby) + 1)                      # (p,), of the box
        H = hessian if A is None or hessian is None else A.T @ hessian @ A      # (p, p)
    check_overflow("the box, or the Hessian in the subspace,", sides, 0.0 if H is None else H)

    def embed(y):
        with np.errstate(over="ignore", invalid="ignore"):
            points = theta + (y if A is None else y @ A.T)          # (S, P)
        check_overflow("a point of the subspace", points)
        return points

    def slope(y):
        points = embed(y)
        g = gradient(points)
        g = check_values("gradient", g, points)
        with np.errstate(over="ignore", invalid="ignore"):
            g = g if A is None else g @ A                           # (S, p)
        check_overflow("the gradient in the subspace", g)
        return g

    g = slope(np.zeros((1, p)))
    L = loss(theta[None].copy())
    L = check_values("loss", L, theta[None, 0])
    check_number("loss(theta)", float(L[0]), 0)
    value, y = highest_nearby(lambda y: loss(embed(y)), slope, g[0], H, epsilon, sides if box else None,
                              rng.normal(size=(starts, p)), iterations)
    if not value > L[0]:
        return Sharpness(0.0, theta.copy())
    return Sharpness(float((value - L[0]) / (1 + L[0])), embed(y[None])[0])


class StackedLoss(NamedTuple):
    """[the project] The loss of a network and its gradient as functions of stacks of theta (S, P)."""
    loss: Callable
    gradient: Callable


def network_loss(weights, X, Y, act, loss=SQUARE):
    """[the project] L and dL/dtheta of a network, for epsilon_sharpness: many weight vectors at once.

        loss, gradient = network_loss(weights, X, Y, RELU)
        epsilon_sharpness(loss, gradient, flatten(weights), 0.1, hessian=hessian(weights, X, Y, RELU))

    Parameters
    ----------
    weights : list of arrays, of which only the shapes are used
    X, Y : (n, D) and (n, M) arrays
    act : Activation
    loss : Loss

    Returns
    -------
    StackedLoss(loss, gradient)

    Raises
    ------
    ValueError
        If an argument is bad; from loss and gradient if theta is not (S, P) or the result overflows.
    """
    weights, X, Y = check_net(weights, X, act, Y, loss)
    weights, X, Y = [W.copy() for W in weights], X.copy(), Y.copy()

    def stacked_loss(theta):
        theta = check_stack(theta, weights)
        with np.errstate(over="ignore", invalid="ignore"):
            F = forward_pass(unstack(theta, weights), X, act)[1][-1]        # (S, n, M)
            check_overflow("the output", F)
            values = loss.value(F.reshape(-1, F.shape[2]), np.tile(Y, (len(F), 1)))
            L = values.reshape(F.shape[:2]).sum(axis=1)
        check_overflow("the loss", L)
        return L

    def stacked_slope(theta):
        theta = check_stack(theta, weights)
        with np.errstate(over="ignore", invalid="ignore"):
            g = stacked_gradient(theta, weights, X, Y, act, loss)
        check_overflow("the gradient", g)
        return g

    return StackedLoss(stacked_loss, stacked_slope)


def alpha_to_constant(weights, epsilon):
    """[Dinh 2017, Sec. 4.3] The alpha for which the ball of radius eps around T_alpha(theta) reaches theta_1 = 0.

        alpha = eps / |theta_1|_F:   |T_alpha(theta) - (0, theta_2 / alpha)| = alpha |theta_1|_F = eps

    so its epsilon-sharpness is at least (L(f = const) - L) / (1 + L), whatever it was before.

    Parameters
    ----------
    weights : [theta_1, theta_2]; biases of the first layer count as theta_1. The second may have biases: they stay,
        and the constant is -bias; without, it is 0
    epsilon : float > 0

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If an argument is bad, theta_1 is 0, or alpha overflows.
    """
    weights, epsilon = check_two_layers(weights, "epsilon", epsilon, bias=True)
    with np.errstate(over="ignore"):
        alpha = epsilon / np.hypot.reduce(weights[0].ravel())
    check_scaled([np.ones(1)], [alpha])
    return float(alpha)


# ---------------------------------------------------------------------------------------------
# Reparametrisations in general
# ---------------------------------------------------------------------------------------------

def pullback_gradient(grad, J):
    """[Dinh 2017, Sec. 5.1] The gradient of L_eta = L o g: J^T grad L, in columns; the paper has rows.

    Parameters
    ----------
    grad : (P,) array, grad L at g(eta)
    J : (P, q) array, dg/deta at eta

    Returns
    -------
    (q,) array

    Raises
    ------
    ValueError
        If an argument is bad, shapes do not fit, or the result overflows.
    """
    grad, J = check_pullback(grad, J)
    with np.errstate(over="ignore", invalid="ignore"):
        result = J.T @ grad
    check_overflow("the gradient", result)
    return result


def pullback_hessian(hess, J, grad, d2g):
    """[Dinh 2017, Sec. 5.1] The Hessian of L_eta = L o g: J^T hess L J + sum_i (grad L)_i hess g_i.

    Parameters
    ----------
    hess : (P, P) array, hess L at g(eta)
    J : (P, q) array, dg/deta at eta
    grad : (P,) array, grad L at g(eta); at a critical point 0, and the second term with it
    d2g : (P, q, q) array, d2g[i] is the Hessian of g_i at eta

    Returns
    -------
    (q, q) array

    Raises
    ------
    ValueError
        If an argument is bad, shapes do not fit, or the result overflows.
    """
    hess, J, grad, d2g = check_pullback_hessian(hess, J, grad, d2g)
    with np.errstate(over="ignore", invalid="ignore"):
        result = J.T @ hess @ J + np.einsum("i,ijk->jk", grad, d2g)
    check_overflow("the Hessian", result)
    return result


def input_derivative(df_dx, dxi_du):
    """[Dinh 2017, Sec. 5.2, corrected] The derivative of f_xi = f o xi at u: df/dx at x = xi(u), times dxi/du at u.

        df_xi/du (u) = df/dx (xi(u)) dxi/du (u)

    Parameters
    ----------
    df_dx : (M, D) array, the derivative of f at xi(u)
    dxi_du : (D, q) array, the derivative of xi at u

    Returns
    -------
    (M, q) array

    Raises
    ------
    ValueError
        If an argument is bad, shapes do not fit, or the result overflows.

    Notes
    -----
    The paper's left side is taken at xi(u), where f_xi in general is not even meant to be evaluated
    (tests/test_reparam.py::test_erratum_the_derivative_of_f_xi_is_at_u).
    """
    df_dx, dxi_du = check_chain(df_dx, dxi_du)
    with np.errstate(over="ignore", invalid="ignore"):
        result = df_dx @ dxi_du
    check_overflow("the derivative", result)
    return result


def reversing_output_map(F, G, Y):
    """[Dinh 2017, App. C] An invertible linear map S of the outputs after which G is worse than F by mean square error.

        |F - Y|^2 > |G - Y|^2,   yet   |F S - Y S|^2 < |G S - Y S|^2,   S = I + (k - 1) q q^T

    q is the top eigenvector of B - A, A = (F - Y)^T (F - Y), B = (G - Y)^T (G - Y), mu > 0 its eigenvalue; |E S|^2 is
    |E|^2 + (k^2 - 1) |E q|^2, so k^2 > 1 + (tr A - tr B) / mu reverses the order; k^2 - 1 is twice as much here, which
    reverses it by the margin tr A - tr B it had.

    Parameters
    ----------
    F, G : (n, M) arrays, outputs of two models; G is the better one
    Y : (n, M) array, targets

    Returns
    -------
    (M, M) array, symmetric, positive definite, with a single eigenvalue k other than 1

    Raises
    ------
    ValueError
        If an argument is bad, G is not better, or G is better in every direction of the outputs (as always for M = 1):
        then no linear map will do.
    """
    F, G, Y = check_outputs(F, G, Y)
    A, B = (F - Y).T @ (F - Y), (G - Y).T @ (G - Y)                 # (M, M)
    mu, Q = np.linalg.eigh(B - A)
    check_better(A, B, mu)
    k = np.sqrt(1 + 2 * np.trace(A - B) / mu[-1])
    return np.eye(len(A)) + (k - 1) * np.outer(Q[:, -1], Q[:, -1])


# ---------------------------------------------------------------------------------------------
# Figure 5: the power map
# ---------------------------------------------------------------------------------------------

def power_inverse(theta, center, a, b):
    """[Dinh 2017, Fig. 5] eta = g^-1(theta) = (t^2 + b)^a t with t = theta - center, each coordinate by itself.

    Parameters
    ----------
    theta : array of any shape
    center : float or array that fits theta: the minimum to be made sharper (a > 0, b < 1, say) or flatter
    a : float > -1/2
    b : float >= 0

    Returns
    -------
    array like theta; the center goes to 0, it is not added back.

    Raises
    ------
    ValueError
        If an argument is bad or the result overflows.

    Notes
    -----
    At a minimum in the center L_eta'' = L'' b^(-2a). With b = 0 the map is no diffeomorphism there: L'' t^2 / 2 becomes
    L'' |eta|^(2 / (2a + 1)) / 2, of infinite curvature for a > 0 (a kink at a = 1/2), of none for a < 0
    (tests/test_reparam.py::test_fig_5_without_b_the_curvature_is_infinite_or_zero).
    """
    theta, center, a, b = check_power("theta", theta, center, a, b)
    t = theta - center
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        h = np.hypot(t, np.sqrt(b))                                 # h^2 = t^2 + b, without overflow
        eta = np.where(t == 0, 0.0, h ** (2 * a) * t)               # 0^(2a) is inf for a < 0
    check_overflow("eta", eta)
    return eta


def power_slope(theta, center, a, b):
    """[Dinh 2017, Fig. 5] d eta / d theta of power_inverse, positive for a > -1/2 and b > 0.

        (t^2 + b)^(a - 1) ((1 + 2a) t^2 + b)  =  h^(2a) (1 + 2a t^2 / h^2),   h^2 = t^2 + b

    Parameters
    ----------
    theta, center, a, b : as in power_inverse, b > 0

    Returns
    -------
    array like theta; b^a at the center

    Raises
    ------
    ValueError
        If an argument is bad or the result overflows.
    """
    theta, center, a, b = check_power("theta", theta, center, a, b, np.finfo(float).tiny)
    t = theta - center
    with np.errstate(over="ignore", invalid="ignore"):
        h = np.hypot(t, np.sqrt(b))                                 # h^2 = t^2 + b
        slope = h ** (2 * a) * (1 + 2 * a * (t / h) ** 2)
    check_overflow("the slope", slope)
    return slope


def power(eta, center, a, b):
    """[Dinh 2017, Fig. 5] theta = g(eta), the inverse of power_inverse: the t with (t^2 + b)^a t = eta, plus center.

    With s = log|t| the equation is a log(e^2s + b) + s = log|eta|. Its left side has slopes between 1 and 1 + 2a, both
    positive, which rise with s or fall with s: Newton's method converges from everywhere.

    Parameters
    ----------
    eta : array of any shape
    center : float or array that fits eta
    a : float > -1/2
    b : float >= 0

    Returns
    -------
    array like eta; t is right to a few 1e-13 of its size, and for a near -1/2 to about eps / (1 + 2a).

    Raises
    ------
    ValueError
        If an argument is bad or the result overflows.
    """
    eta, center, a, b = check_power("eta", eta, center, a, b)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        log_eta, log_b = np.log(np.abs(eta)), np.log(b)             # -inf at 0
        s = log_eta / (1 + 2 * a)                                   # the solution for b = 0
        for _ in range(50 if b > 0 else 0):
            both = np.logaddexp(2 * s, log_b)                       # log(e^2s + b)
            s = np.where(eta == 0, -np.inf, s - (a * both + s - log_eta) / (1 + 2 * a * np.exp(2 * s - both)))
        theta = center + np.where(eta == 0, 0.0, np.copysign(np.exp(s), eta))
    check_overflow("theta", theta)
    return theta


# ---------------------------------------------------------------------------------------------
# Appendix A: the radial map
# ---------------------------------------------------------------------------------------------

def radial_psi(r, rhat, delta, rho):
    """[Dinh 2017, App. A] psi: [0, rhat] to [0, rho], (rhat, delta] to (rho, delta], the identity beyond.

        psi = rho r / rhat,   (rho - delta) (r - rhat) / (rhat - delta) + rho,   r

    The paper counts the middle part from delta, (rho - delta) (r - delta) / (rhat - delta) + delta: the same, but it
    loses the digits of a small rho.

    Parameters
    ----------
    r : array of any shape, >= 0
    rhat, rho : floats in (0, delta)
    delta : float > 0

    Returns
    -------
    array like r

    Raises
    ------
    ValueError
        If an argument is bad.
    """
    r, rhat, delta, rho = check_radii(r, rhat, delta, rho)
    middle = (rho - delta) / (rhat - delta) * (np.minimum(r, delta) - rhat) + rho
    return np.where(r > delta, r, np.where(r > rhat, middle, rho / rhat * np.minimum(r, rhat)))


def radial_psi_prime(r, rhat, delta, rho):
    """[Dinh 2017, App. A] psi' = rho / rhat, (rho - delta) / (rhat - delta), 1; at the kinks the value to their left.

    Parameters
    ----------
    r, rhat, delta, rho : as in radial_psi

    Returns
    -------
    array like r

    Raises
    ------
    ValueError
        If an argument is bad.
    """
    r, rhat, delta, rho = check_radii(r, rhat, delta, rho)
    return np.where(r > delta, 1.0, np.where(r > rhat, (rho - delta) / (rhat - delta), rho / rhat))


def radial_inverse(theta, center, rhat, delta, rho):
    """[Dinh 2017, App. A] eta = g^-1(theta) = center + psi(r) / r (theta - center), r = |theta - center|.

    Parameters
    ----------
    theta : (P,) array, or a stack (S, P)
    center : (P,) array
    rhat, rho : floats in (0, delta); a minimum in the center gets sharper if rho < rhat: its Hessian is multiplied by
        (rhat / rho)^2
    delta : float > 0

    Returns
    -------
    array like theta; bit by bit theta where r > delta

    Raises
    ------
    ValueError
        If an argument is bad.
    """
    theta, center, rhat, delta, rho = check_radial("theta", theta, center, rhat, delta, rho)
    t = theta - center
    r = np.hypot.reduce(t, axis=-1)[..., None]                      # (..., 1); no square that could overflow
    ratio = np.where(r > rhat, radial_psi(r, rhat, delta, rho) / np.maximum(r, rhat), rho / rhat)
    return np.where(r > delta, theta, center + ratio * t)


def radial(eta, center, rhat, delta, rho):
    """[Dinh 2017, App. A] theta = g(eta), the inverse of radial_inverse: the same map with rhat and rho exchanged.

    Parameters
    ----------
    eta : (P,) array, or a stack (S, P)
    center, rhat, delta, rho : as in radial_inverse

    Returns
    -------
    array like eta

    Raises
    ------
    ValueError
        If an argument is bad.
    """
    eta, center, rhat, delta, rho = check_radial("eta", eta, center, rhat, delta, rho)
    return radial_inverse(eta, center, rho, delta, rhat)


def radial_inverse_jacobian(theta, center, rhat, delta, rho):
    """[Dinh 2017, App. A] d eta / d theta = psi'(r) u u^T + psi(r) / r (I - u u^T), u = (theta - center) / r.

    Parameters
    ----------
    theta : (P,) array
    center, rhat, delta, rho : as in radial_inverse

    Returns
    -------
    (P, P) array, symmetric; rho / rhat I at the center. At the kinks r = rhat and r = delta that of the inside.

    Raises
    ------
    ValueError
        If an argument is bad.
    """
    theta, center, rhat, delta, rho = check_radial("theta", theta, center, rhat, delta, rho, 1)
    t = theta - center
    r = np.hypot.reduce(t)
    if r <= rhat:
        return rho / rhat * np.eye(len(t))
    u = t / r
    along, across = radial_psi_prime(r, rhat, delta, rho), radial_psi(r, rhat, delta, rho) / r
    return across * np.eye(len(t)) + (along - across) * np.outer(u, u)


def radial_jacobian(eta, center, rhat, delta, rho):
    """[Dinh 2017, App. A] d theta / d eta, the Jacobian of g: radial_inverse_jacobian with rhat and rho exchanged.

    Parameters
    ----------
    eta : (P,) array
    center, rhat, delta, rho : as in radial_inverse

    Returns
    -------
    (P, P) array, symmetric; rhat / rho I at the center

    Raises
    ------
    ValueError
        If an argument is bad.
    """
    eta, center, rhat, delta, rho = check_radial("eta", eta, center, rhat, delta, rho, 1)
    return radial_inverse_jacobian(eta, center, rho, delta, rhat)


# ---------------------------------------------------------------------------------------------
# Weight normalisation
# ---------------------------------------------------------------------------------------------

def weight_norm(s, v):
    """[Dinh 2017, Sec. 5.1] w = s v / |v|.

    Parameters
    ----------
    s : float, the scale
    v : (d,) array, not 0

    Returns
    -------
    (d,) array; the same for alpha v, alpha > 0

    Raises
    ------
    ValueError
        If an argument is bad or v = 0.

    Notes
    -----
    The paper allows every alpha != 0; alpha < 0 turns w into -w
    (tests/test_reparam.py::test_erratum_weight_normalisation_is_invariant_for_positive_alpha_only).
    """
    s, v = check_scale(s, v)
    v = v / np.abs(v).max()                                         # so that |v| neither overflows nor underflows
    return s * (v / np.linalg.norm(v))


def weight_norm_hessian(s, v, grad, hess):
    """[Dinh 2017, Sec. 5.1] The Hessian of L(w(s, v)) in (s, v), from grad L and hess L in w = s v / |v|.

        H_ss = u^T H u,   H_sv = (s / |v|) u^T H Q + (1 / |v|) (Q g)^T,   u = v / |v|,   Q = I - u u^T
        H_vv = (s / |v|)^2 Q H Q - (s / |v|^2) (u (Q g)^T + (Q g) u^T + (g.u) Q)

    Parameters
    ----------
    s : float
    v : (d,) array, not 0
    grad, hess : (d,) and (d, d) arrays, at w

    Returns
    -------
    (1 + d, 1 + d) array, s first; [1:, 1:] is the Hessian in v alone, (s / |v|)^2 Q H Q where grad = 0

    Raises
    ------
    ValueError
        If an argument is bad, v = 0, or the result overflows.

    Notes
    -----
    H_vv(alpha v) = H_vv(v) / alpha^2, alpha > 0, as the paper says. But H_ss stays: with s counted as a parameter
    no minimum with u^T H u != 0 gets flat
    (tests/test_reparam.py::test_erratum_with_the_scale_included_the_hessian_does_not_become_flat).
    """
    s, v, grad, hess = check_weight_norm(s, v, grad, hess)
    length, u = np.hypot.reduce(v), weight_norm(1.0, v)
    Q = np.eye(len(v)) - np.outer(u, u)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        Qg = Q @ grad
        H = np.empty((1 + len(v),) * 2)
        H[0, 0] = u @ hess @ u
        H[0, 1:] = H[1:, 0] = s / length * (u @ hess @ Q) + Qg / length
        H[1:, 1:] = (s / length) ** 2 * (Q @ hess @ Q) \
            - s / length * ((np.outer(u, Qg) + np.outer(Qg, u) + grad @ u * Q) / length)
    check_overflow("the Hessian", H)
    return H


# ---------------------------------------------------------------------------------------------
# Validation: one call at the top of a function; leave it out when you copy the function.
# ---------------------------------------------------------------------------------------------

def check_alphas(weights, alphas):
    """[the project] A net and one positive scale for each layer, of product 1, or a ValueError.

    Returns
    -------
    weights, alphas

    Raises
    ------
    ValueError
        If they are bad or do not fit each other.
    """
    weights, alphas = check_weights(weights), check_array("alphas", alphas, 1)
    if len(alphas) != len(weights):
        raise ValueError(f"alphas has length {len(alphas)}, it should be {len(weights)}, one for each layer")
    if alphas.min() <= 0:
        raise ValueError(f"alphas reaches down to {alphas.min():g}, it should be positive: phi(alpha z) = alpha phi(z) "
                         "holds for alpha > 0")
    product = np.log(alphas).sum()
    if abs(product) > 1e-9:
        raise ValueError(f"alphas has the product exp({product:g}), it should be 1, or the outputs are scaled too")
    return weights, alphas


def check_velocity(weights, c):
    """[the project] A net and a number for each layer, of sum 0, or a ValueError.

    Returns
    -------
    weights, c

    Raises
    ------
    ValueError
        If they are bad or do not fit each other.
    """
    weights, c = check_weights(weights), check_array("c", c, 1)
    if len(c) != len(weights):
        raise ValueError(f"c has length {len(c)}, it should be {len(weights)}, one for each layer")
    with np.errstate(over="ignore", invalid="ignore"):
        total = c.sum()
    if not abs(total) <= 1e-9 * np.abs(c).max():
        raise ValueError(f"c sums to {total:g}, it should sum to 0, or the outputs are scaled too")
    return weights, c


def check_scaled(before, after):
    """[the project] Refuse numbers that scaling has driven out of the normal range of float64.

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If one is infinite, or has become subnormal or 0 and was not before.
    """
    tiny = np.finfo(float).tiny
    for old, new in zip(before, after):
        if not np.isfinite(new).all() or ((np.abs(new) < tiny) & (np.abs(old) >= tiny)).any():
            raise ValueError("the result leaves the range of float64 (overflow or underflow); take scales nearer to 1")


def check_two_layers(weights, name, size, bias=False):
    """[the project] Two layers, the first not 0, the second without bias unless allowed, and a size > 0 called `name`.

    Returns
    -------
    weights, size

    Raises
    ------
    ValueError
        If an argument is bad.
    """
    weights = check_weights(weights)
    if len(weights) != 2:
        raise ValueError(f"weights has {len(weights)} matrices, it should have two: theta_1 and theta_2")
    if weights[1].shape[1] != len(weights[0]) and not bias:
        raise ValueError(f"weights[1] has shape {weights[1].shape}, it should have {len(weights[0])} columns and no "
                         "bias: the output bias is not scaled")
    if np.abs(weights[0]).max() < 4 * np.finfo(float).tiny:
        raise ValueError("weights[0] is 0, it should not be: theta_1 = 0 is its own image under every alpha")
    return weights, check_number(name, size, 2 * np.finfo(float).tiny)


def check_radius(exponent):
    """[the project] Refuse a bisection over log2 r that has ended at an end of its range.

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If it has.
    """
    if not -1021 < exponent < 1021:
        raise ValueError("epsilon and the weights leave no radius in the range of float64; scale them")


def check_blocks(H, n1, bound):
    """[the project] The Hessian of two layers, the size of the first and a positive bound, or a ValueError.

    Returns
    -------
    H, n1, bound

    Raises
    ------
    ValueError
        If an argument is bad or no diagonal element is positive.
    """
    H = check_symmetric("H", H)
    n1 = check_number("n1", n1, 1, len(H) - 1, whole=True)
    bound = check_number("bound", bound, np.finfo(float).tiny)
    if np.diag(H).max() <= 0:
        raise ValueError("H has no positive diagonal element, it should be the Hessian at a minimum, and not 0")
    return H, n1, bound


def check_sizes(sizes, biases, P=None):
    """[the project] Numbers of weights and of biases for each layer, or a ValueError.

    Returns
    -------
    sizes, biases

    Raises
    ------
    ValueError
        If they are bad, of different lengths, or do not add up to P.
    """
    sizes = check_widths("sizes", sizes)
    if biases is not None:
        if not isinstance(biases, (list, tuple, np.ndarray)) or len(biases) != len(sizes):
            raise ValueError(f"biases is {biases!r}, it should be None or a list of {len(sizes)} numbers, one a layer")
        biases = [check_number("an element of biases", b, 0, whole=True) for b in biases]
    total = sum(sizes) + sum(biases or [])
    if P is not None and total != P:
        raise ValueError(f"sizes and biases add up to {total}, they should to {P}, the size of H")
    return sizes, biases


def check_semidefinite(H, bound, tol):
    """[the project] A Hessian that is >= 0 and not 0, and a positive bound, or a ValueError.

    Returns
    -------
    H, bound

    Raises
    ------
    ValueError
        If an argument is bad, or H has an eigenvalue below -tol or none above.
    """
    H = check_symmetric("H", H)
    bound = check_number("bound", bound, np.finfo(float).tiny)
    values = np.linalg.eigvalsh(H)
    tol = check_number("tol", len(H) * EPS * np.abs(values).max() if tol is None else tol, 0)
    if values[0] < -tol:
        raise ValueError(f"H has the eigenvalue {values[0]:.1e}, it should have none below -tol = {-tol:.1e}: at a "
                         "minimum it is >= 0; give a larger tol if this is rounding")
    if values[-1] <= tol:
        raise ValueError("H has no eigenvalue above tol, it should not be 0")
    return H, bound


def check_model(g, H, epsilon):
    """[the project] Gradient, Hessian and radius of a quadratic model, or a ValueError.

    Returns
    -------
    g, H, epsilon

    Raises
    ------
    ValueError
        If an argument is bad or shapes do not fit.
    """
    g, H = check_array("g", g, 1), check_symmetric("H", H)
    if g.shape != H.shape[:1]:
        raise ValueError(f"g has length {len(g)}, it should be {len(H)}, the size of H")
    return g, H, check_number("epsilon", epsilon, np.finfo(float).tiny)


def check_sharpness(loss, gradient, theta, epsilon, hessian, box, subspace):
    """[the project] Most arguments of epsilon_sharpness, or a ValueError.

    Returns
    -------
    theta, epsilon, hessian, subspace

    Raises
    ------
    ValueError
        If an argument is bad.
    """
    check_callable("loss", loss)
    check_callable("gradient", gradient)
    if not isinstance(box, (bool, np.bool_)):
        raise ValueError(f"box is {box!r}, it should be True or False")
    theta, epsilon = check_array("theta", theta, 1), check_number("epsilon", epsilon, np.finfo(float).tiny)
    if hessian is not None:
        hessian = check_symmetric("hessian", hessian)
        if len(hessian) != len(theta):
            raise ValueError(f"hessian has shape {hessian.shape}, it should be {(len(theta), len(theta))} as theta")
    if subspace is not None:
        subspace = check_array("subspace", subspace, 2)
        if len(subspace) != len(theta) or np.linalg.matrix_rank(subspace) < subspace.shape[1]:
            raise ValueError(f"subspace has shape {subspace.shape} and rank {np.linalg.matrix_rank(subspace)}, it "
                             f"should have {len(theta)} rows and independent columns")
    with np.errstate(over="ignore"):
        largest = np.abs(theta).max()
        check_overflow("epsilon (|theta| + 1), with the room an ascent needs,", largest + 1e6 * epsilon * (largest + 1))
    return theta, epsilon, hessian, subspace


def check_callable(name, function):
    """[the project] Refuse what cannot be called.

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If it cannot.
    """
    if not callable(function):
        raise ValueError(f"{name} is {function!r}, it should be a function of a stack of points (S, P)")


def check_ascent(loss, gradient, z, project, size, iterations):
    """[the project] The arguments of projected_ascent, or a ValueError.

    Returns
    -------
    z, size, iterations

    Raises
    ------
    ValueError
        If an argument is bad, or a step could leave the range of float64.
    """
    for name, function in (("loss", loss), ("gradient", gradient), ("project", project)):
        check_callable(name, function)
    z, size = check_array("z", z, 2), check_number("size", size, np.finfo(float).tiny)
    with np.errstate(over="ignore"):
        check_overflow("z, or size with the room an ascent needs,", np.abs(z).max() + 1e5 * size)
    return z, size, check_number("iterations", iterations, 1, whole=True)


def check_stack(theta, like):
    """[the project] A stack of parameters of nets with the shapes of `like`, or a ValueError.

    Returns
    -------
    (S, P) array

    Raises
    ------
    ValueError
        If it is bad or has not P columns.
    """
    theta, P = check_array("theta", theta, 2), sum(W.size for W in like)
    if theta.shape[1] != P:
        raise ValueError(f"theta has shape {theta.shape}, it should have {P} columns, the entries of all weights")
    return theta


def check_values(name, values, like):
    """[the project] What a caller's function returned for a stack, finite and of the right shape, or a ValueError.

    Returns
    -------
    float64 array

    Raises
    ------
    ValueError
        If it is something else.
    """
    try:
        values = np.asarray(values)
    except ValueError:
        raise ValueError(f"{name} returned a ragged list, it should be an array of shape {like.shape}") from None
    if values.shape != like.shape:
        raise ValueError(f"{name} returned the shape {values.shape} for {len(like)} stacked points, it should be "
                         f"{like.shape}; a function of one point can be stacked by "
                         "lambda T: np.array([f(t) for t in T])")
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{name} returned {values.dtype} values, they should be real numbers")
    values = np.asarray(values, dtype=float)
    if not np.isfinite(values).all():
        raise ValueError(f"{name} returned nan or infinite values near theta, they should be finite: take a smaller "
                         "epsilon")
    return values


def check_pullback(grad, J):
    """[the project] A gradient and a Jacobian that fit, or a ValueError.

    Returns
    -------
    grad, J

    Raises
    ------
    ValueError
        If one is bad or they do not fit.
    """
    grad, J = check_array("grad", grad, 1), check_array("J", J, 2)
    if len(J) != len(grad):
        raise ValueError(f"J has shape {J.shape}, it should have {len(grad)} rows as grad has entries")
    return grad, J


def check_pullback_hessian(hess, J, grad, d2g):
    """[the project] The arguments of pullback_hessian, or a ValueError.

    Returns
    -------
    hess, J, grad, d2g

    Raises
    ------
    ValueError
        If one is bad or they do not fit.
    """
    grad, J = check_pullback(grad, J)
    hess, d2g = check_array("hess", hess, 2), check_array("d2g", d2g, 3)
    if hess.shape != (len(grad), len(grad)):
        raise ValueError(f"hess has shape {hess.shape}, it should be {(len(grad), len(grad))} as grad")
    if d2g.shape != J.shape + J.shape[1:]:
        raise ValueError(f"d2g has shape {d2g.shape}, it should be {J.shape + J.shape[1:]}: d2g[i] is the Hessian of "
                         "g_i")
    return hess, J, grad, d2g


def check_chain(df_dx, dxi_du):
    """[the project] Two Jacobians that can be multiplied, or a ValueError.

    Returns
    -------
    df_dx, dxi_du

    Raises
    ------
    ValueError
        If one is bad or they do not fit.
    """
    df_dx, dxi_du = check_array("df_dx", df_dx, 2), check_array("dxi_du", dxi_du, 2)
    if df_dx.shape[1] != len(dxi_du):
        raise ValueError(f"dxi_du has shape {dxi_du.shape}, it should have {df_dx.shape[1]} rows, the columns of df_dx")
    return df_dx, dxi_du


def check_outputs(F, G, Y):
    """[the project] Outputs of two models and targets, three matrices of one shape, or a ValueError.

    Returns
    -------
    F, G, Y

    Raises
    ------
    ValueError
        If one is bad, shapes differ, or squares would overflow.
    """
    F, G, Y = check_array("F", F, 2), check_array("G", G, 2), check_array("Y", Y, 2)
    if not F.shape == G.shape == Y.shape:
        raise ValueError(f"F, G, Y have shapes {F.shape}, {G.shape}, {Y.shape}, they should have one")
    if max(np.abs(F).max(), np.abs(G).max(), np.abs(Y).max()) > 1e150:
        raise ValueError("F, G or Y reach above 1e150, their squares would overflow")
    return F, G, Y


def check_better(A, B, mu):
    """[the project] Refuse error matrices whose order no linear map reverses.

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If tr A > tr B does not hold, or B - A has no positive eigenvalue.
    """
    if not np.trace(A) > np.trace(B):
        raise ValueError("G has no smaller error than F, it should have: there is nothing to reverse")
    if not mu[-1] > 1e-12 * np.trace(A):
        raise ValueError("G is better than F in every direction of the outputs, no linear map makes it worse")


def check_axes(value):
    """[the project] The number of axes where any will do; check_array says what is wrong with the rest.

    Returns
    -------
    int, 0 for what is ragged
    """
    try:
        return np.ndim(value)
    except ValueError:
        return 0


def check_power(name, x, center, a, b, least=0.0):
    """[the project] A point, a center that fits it, a > -1/2 and b >= least, or a ValueError.

    Returns
    -------
    x, center, a, b

    Raises
    ------
    ValueError
        If an argument is bad.
    """
    x, center = check_array(name, x, check_axes(x)), check_array("center", center, check_axes(center))
    if center.ndim and center.shape != x.shape[-center.ndim:]:
        raise ValueError(f"center has shape {center.shape}, it should be a number or fit the shape {x.shape} of {name}")
    a, b = check_number("a", a), check_number("b", b, least)
    if not a > -0.5:
        raise ValueError(f"a is {a:g}, it should be above -1/2, or the map is not one-to-one")
    with np.errstate(over="ignore"):
        check_overflow("theta - center", x - center if name == "theta" else x)
    return x, center, a, b


def check_radii(r, rhat, delta, rho):
    """[the project] Radii r >= 0, delta > 0 and 0 < rhat, rho < delta, or a ValueError.

    Returns
    -------
    r, rhat, delta, rho

    Raises
    ------
    ValueError
        If one is bad.
    """
    r = check_array("r", r, check_axes(r))
    if r.min() < 0:
        raise ValueError(f"r reaches down to {r.min():g}, it should be >= 0, a distance")
    delta = check_number("delta", delta, np.finfo(float).tiny, 1e300)
    radii = []
    for name, value in (("rhat", rhat), ("rho", rho)):
        value = check_number(name, value, np.finfo(float).tiny)
        if not value < delta:
            raise ValueError(f"{name} is {value:g}, it should be below delta = {delta:g}")
        radii.append(value)
    with np.errstate(over="ignore", under="ignore"):
        ratio = radii[1] / radii[0]
    if not 1e-150 < ratio < 1e150:
        raise ValueError(f"rho / rhat is {ratio:g}, it should lie between 1e-150 and 1e150")
    return r, radii[0], delta, radii[1]


def check_radial(name, x, center, rhat, delta, rho, ndim=None):
    """[the project] A point (or a stack, if ndim is None), a center of its length, and the radii, or a ValueError.

    Returns
    -------
    x, center, rhat, delta, rho

    Raises
    ------
    ValueError
        If an argument is bad.
    """
    x, center = check_array(name, x, ndim or (2 if check_axes(x) == 2 else 1)), check_array("center", center, 1)
    if x.shape[-1] != len(center):
        raise ValueError(f"{name} has shape {x.shape}, it should have {len(center)} columns as center has entries")
    with np.errstate(over="ignore"):
        distance = np.hypot.reduce(x - center, axis=-1)
    check_overflow(f"{name} - center", distance)
    _, rhat, delta, rho = check_radii(distance, rhat, delta, rho)
    return x, center, rhat, delta, rho


def check_scale(s, v):
    """[the project] A number and a vector that is not 0, or a ValueError.

    Returns
    -------
    s, v

    Raises
    ------
    ValueError
        If one is bad or v is 0.
    """
    s, v = check_number("s", s), check_array("v", v, 1)
    if np.abs(v).max() < np.finfo(float).tiny:
        raise ValueError("v is 0, it should not be: w = s v / |v| has no direction there")
    return s, v


def check_weight_norm(s, v, grad, hess):
    """[the project] The arguments of weight_norm_hessian, or a ValueError.

    Returns
    -------
    s, v, grad, hess

    Raises
    ------
    ValueError
        If one is bad or they do not fit.
    """
    s, v = check_scale(s, v)
    grad, hess = check_array("grad", grad, 1), check_symmetric("hess", hess)
    if grad.shape != v.shape or len(hess) != len(v):
        raise ValueError(f"grad and hess have shapes {grad.shape} and {hess.shape}, they should be {v.shape} and "
                         f"{(len(v), len(v))} as v")
    with np.errstate(over="ignore"):
        check_overflow("|v|", np.hypot.reduce(v))
    return s, v, grad, hess
