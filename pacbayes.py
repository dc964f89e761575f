"""What flatness buys: PAC-Bayes bounds at embedded minima, and the experiment of Fig. 2 in closed form.

Letters are those of landscape.py but for L; formulas are of [Fukumizu 2019, Sec. 5.2 and supplement G]. Besides:

    L^, risk       the MEAN training loss of a net, in [0, 1] for the bound; its Hessian is H, in supplement G.2.1.
                   L beside it is the paper's: the loss expected on new data, the generalization error
    L_H0, H0       the SUM over samples and its Hessian, in G.2.2: at equal, small tau the KL there is larger by
                   rank / 2 log n. In N_H0, and in shapes, H0 is the number of units of the narrow net
    Q, P           posterior and prior over all parameters (in shapes P counts them); P = N(0, sigma^2 I) must not
                   depend on the data
    theta_0, v, w  parameters of the narrow net, and of E surplus units that are inactive: w = 0 (smooth units)
    S              the Hessian in w, (E D', E D'); that in v is 0

In this order: the KL of two Gaussians, and what a curvature costs; minima embedded by inactive units; the bound and
the best posterior; then Fig. 2: what surplus units cost a perturbed net, exactly and measured, the data and the nets
of zero error through them, and all the ReLU nets there are.
"""
from itertools import combinations, islice
from typing import NamedTuple

import numpy as np

from landscape import EPS, augment, checked, flatten, forward_pass, training_loss, unflatten, unstack

# ---------------------------------------------------------------------------------------------------------------------
# Kullback-Leibler divergences, in nats
#
#     2 log(q / p) = log(|C_p| / |C_q|) + (x - m_p)^T C_p^-1 (x - m_p) - (x - m_q)^T C_q^-1 (x - m_q)
#
# Its mean under Q turns the last term into d and the one before into a trace and a squared distance: gaussian_kl. To
# P = N(0, sigma^2 I) this is |m|^2 / (2 sigma^2) and one term for each eigenvalue c of C_q, with x = c / sigma^2:
#
#     (x - 1 - log x) / 2,     0 at c = sigma^2 (leave the prior alone) and infinite at c = 0
#
# Q from the curvature. A posterior that should not raise the loss is narrow where H is steep and free where it is flat:
# in the eigenvector of h > 0 the variance tau^2 / h, in the null space of H the prior's, sigma^2. The null space then
# costs nothing, and KL = |m|^2 / (2 sigma^2) + the sum over h > 0 alone (curvature_kl). H^-1 and det H, as printed,
# need not exist: at zero error rank H0 <= n M, which can be below P (10 of 15 in Fig. 2, for tanh too), and a ReLU net
# has a zero for each hidden unit, whose weights rescale.
#
# Which h counts as 0 is a decision, h <= 10 max(d eps max h, -min h): the sum grows like 1 / h to there, and drops. The
# variance tau^2 / (h + tau^2 / sigma^2) needs no decision: it is tau^2 / h for steep h and sigma^2 for h = 0. With
# u = sigma^2 h / tau^2, 1 / (1 + u) for x above gives (ridge_kl)
#
#     (log(1 + u) - u / (1 + u)) / 2,     0 at h = 0, and that of x = 1 / u to O(1 / u)
# ---------------------------------------------------------------------------------------------------------------------

@checked
def gaussian_kl(mean_q, cov_q, mean_p, cov_p):
    """[Fukumizu 2019, supplement G.2.1] KL(Q || P) of two Gaussians; never below 0, 0 if and only if Q = P.

        KL = (log |C_p| - log |C_q| + Tr C_p^-1 C_q + (m_q - m_p)^T C_p^-1 (m_q - m_p) - d) / 2

    mean_q, mean_p : (d,) arrays
    cov_q, cov_p : (d, d) arrays, positive definite
    """
    root_q, root_p = np.linalg.cholesky(cov_q), np.linalg.cholesky(cov_p)       # C = root root^T, |C| = prod diag^2
    log_ratio = 2 * (np.log(np.diag(root_p)) - np.log(np.diag(root_q))).sum()
    trace = (np.linalg.solve(root_p, root_q) ** 2).sum()
    distance = (np.linalg.solve(root_p, mean_q - mean_p) ** 2).sum()
    return float(max(log_ratio + trace + distance - len(mean_q), 0.0) / 2)      # rounding can push 0 below 0


@checked
def isotropic_kl(mean, cov, sigma):
    """[Fukumizu 2019, supplement G.2.1] KL(N(m, C) || N(0, sigma^2 I)).

        KL = (log |sigma^2 I| - log |C| + Tr C / sigma^2 + |m|^2 / sigma^2 - d) / 2

    mean : (d,) array
    cov : (d, d) array, positive definite
    sigma : float, > 0
    """
    log_ratio = 2 * (np.log(sigma) - np.log(np.diag(np.linalg.cholesky(cov)))).sum()
    trace, distance = np.trace(cov) / sigma ** 2, mean @ mean / sigma ** 2
    return float(max(log_ratio + trace + distance - len(mean), 0.0) / 2)        # rounding can push 0 below 0


def _at_minimum(h):
    """[Fukumizu 2019, supplement G.2.1] Eigenvalues of a Hessian at a minimum, (d,): 0 where rounding is below 0."""
    if h[0] < -1e-9 * np.abs(h).max():
        raise ValueError(f"the Hessian (H, H0 or S) has the eigenvalue {h[0]:.1e}, it should have none below 0: this "
                         "is no minimum")
    return h.clip(0)


def _steep(H):
    """[Fukumizu 2019, supplement G.2.2] The eigenvalues of H, at a minimum, that count as curvature, (rank H,)."""
    h = np.linalg.eigvalsh(H)
    return _at_minimum(h)[h > 10 * max(len(h) * EPS * h.max(), -h[0])]


@checked
def curvature_kl(H, sigma, tau):
    """[Fukumizu 2019, supplement G.2.2] What a curvature H costs: variance tau^2 / h, but the prior's where h = 0.

        KL = (r log(sigma^2 / tau^2) + log pdet H + tau^2 / sigma^2 Tr H^+ - r) / 2
           = sum over h > 0 of (x - 1 - log x) / 2,     x = tau^2 / (h sigma^2)

    H : (d, d) array, symmetric; positive semidefinite
    sigma, tau : float, > 0

    with r = rank H, pdet H the product of the nonzero eigenvalues, H^+ the pseudo-inverse. The KL at mean 0; a mean m
    adds |m|^2 / (2 sigma^2). Eigenvalues up to 10 d eps max h count as 0, as sums over samples leave some eps, and to
    ten times the most negative one, as zeros that a theorem promises hold to the gradient that is left only. An h far
    below tau^2 / sigma^2, but not 0, costs tau^2 / (2 sigma^2 h), without limit; so does a zero that this gradient
    moved up, with none moved down beside it (some nets trained to L > 0). In ridge_kl both cost next to nothing.
    """
    x = tau ** 2 / sigma ** 2 / _steep(H)
    return float((x - 1 - np.log(x)).sum() / 2)


@checked
def ridge_kl(H, sigma, tau):
    """[beyond the papers] What H costs with C = tau^2 (H + tau^2 / sigma^2 I)^-1, which needs no decision on the rank.

        KL = sum_i (log(1 + u_i) - u_i / (1 + u_i)) / 2,    u_i = sigma^2 h_i / tau^2

    H : (d, d) array, symmetric; positive semidefinite
    sigma, tau : float, > 0

    The KL at mean 0. Continuous in H; it tends to curvature_kl as tau goes to 0, in float64 while tau^2 / sigma^2 is
    well above eps max h, to which an h = 0 is known.
    """
    u = sigma ** 2 / tau ** 2 * _at_minimum(np.linalg.eigvalsh(H))
    return float((np.log1p(u) - u / (1 + u)).sum() / 2)


# ---------------------------------------------------------------------------------------------------------------------
# Minima embedded by inactive units, at zero training error
#
# For E inactive units in the last hidden layer, square loss and phi'(0) = 1, S = (V V^T) kron (a~^T a~), of rank
# rank V rank a~ <= min(E, M) rank a~. In (v, w) the null space is all of v and the kernel of S. So KL (smooth) has
# curvature_kl(H0) and curvature_kl(S); KL (ReLU) has the first alone, as Q and P share their law of w, uniform on B_K.
#
# All this is about the Hessian at one point. S moves with v, and its kernel, sum_j v_j w_j . a~_nu = 0, is flat to
# second order only: tanh leaves the cubes of w . a~. ReLU units that are off leave nothing.
#
# Q is a product, of theta_0 and w, as in the paper, which prints only the blocks of the surplus units [(42), (43)].
# That is legitimate but not the best, as the Hessian H of the wide net couples theta_0 and w. (40) weighs loss against
# KL (see the best posterior, below) like
#
#     F(C) = Tr(H C) / (2 tau^2) + KL(N(0, C) || P),
#
# least at C = tau^2 A^-1, A = H + tau^2 / sigma^2 I, where it is log det(sigma^2 / tau^2 A) / 2. Of H a product feels
# the diagonal blocks alone, so the best one has A_0 and A_S for A, and costs more by
#
#     (log det A_0 + log det A_S - log det A) / 2 >= 0                                            (product_cost)
#
# 0 if and only if the cross block is 0 (Fischer's inequality). As tau -> 0 this is (log det H0 + log det S - log det H)
# / 2 if H is regular, all of it KL, as Tr(H C) -> tau^2 d for both. If not, the cross block decides the rank R of H
# too, and the cost grows like (r0 + r - R) / 2 log(sigma^2 / tau^2).
#
# At zero error H = sum_nu J_nu^T l'' J_nu, and R <= n M, however many units. If H0 has the rank n M already, S adds
# none to it, and curvature_kl of the whole exceeds that of H0 by log(pdet H / pdet H0) / 2 as tau -> 0, without any
# log(sigma^2 / tau^2). It is the product that makes the paper's main term.
# ---------------------------------------------------------------------------------------------------------------------

@checked
def mean_curvature(v, inputs, sigma=0.0):
    """[beyond the papers] S of inactive units under v ~ N(v^, sigma^2 I): its mean; S itself for sigma = 0.

        S = (V V^T) kron (a~^T a~),     E_Q S = (V V^T + M sigma^2 I) kron (a~^T a~)

    v : (E, M) array
    inputs : (n, D') array; the inputs a~ of the units
    sigma : float, >= 0

    Unit by unit, (E D', E D'). Its rank is that of the inputs times that of v, at most min(E, M), for sigma = 0, and
    times E else. For the last hidden layer, square loss as a SUM over samples, w = 0, phi'(0) = 1, and zero error or
    phi''(0) = 0 (tanh).

    The paper keeps E_Q L^ where it is by taking w ~ N(0, tau^2 S^-1), and lets v ~ N(v^, sigma^2 I); but S depends on v
    (test_caveat_a_free_v_does_not_keep_the_empirical_risk).
    """
    E, M = v.shape
    return np.kron(v @ v.T + M * sigma ** 2 * np.eye(E), inputs.T @ inputs)


@checked
def kl_smooth(theta0, v, H0, S, sigma, tau):
    """[Fukumizu 2019, supplement G.2.2] KL(Q_sm || P_sm) for smooth inactive units (w = 0), rank-aware.

        KL = (r0 log(s^2/t^2) + log pdet H0 + r log(s^2/t^2) + log pdet S + t^2/s^2 (Tr H0^+ + Tr S^+)
              + (|theta_0|^2 + |v|^2) / s^2 - r0 - r) / 2,     r0 = rank H0, r = rank S, s = sigma, t = tau

    theta0 : (P,) array
    v : (E, M) array
    H0 : (P, P) array, symmetric; positive semidefinite
    S : (E D', E D') array, symmetric; positive semidefinite, see mean_curvature
    sigma, tau : float, > 0

    Printed with inverses and determinants, which do not exist where H0 or S is singular, as both are in the paper's
    own experiment (test_erratum_S_has_no_inverse_in_the_papers_experiment,
    test_H0_has_no_inverse_for_tanh_either_in_fig_2); with d_1 = E M for r <= min(E, M) rank a~
    (test_erratum_the_dimension_of_the_extra_term_is_the_rank_of_S), and with + d_1 for - r
    (test_erratum_the_sign_of_the_last_term_of_the_smooth_kl). "dim sm,1 = dim sm,2 =: d_1" should be sm,1 = rl,1,
    which is E M, and sm,2 = rl,2 is E D' (test_erratum_v_and_w_have_equal_dimensions_in_both_nets_not_each_other).
    """
    distance = (theta0 @ theta0 + (v ** 2).sum()) / sigma ** 2
    return curvature_kl(H0, sigma, tau) + curvature_kl(S, sigma, tau) + float(distance) / 2


@checked
def kl_relu(theta0, v, H0, sigma, tau):
    """[Fukumizu 2019, supplement G.2.2] KL(Q_rl || P_rl) for ReLU units that are off on the data, rank-aware.

        KL = (r0 log(s^2/t^2) + log pdet H0 + t^2/s^2 Tr H0^+ + (|theta_0|^2 + |v|^2) / s^2 - r0) / 2

    theta0 : (P,) array
    v : (E, M) array
    H0 : (P, P) array, symmetric; positive semidefinite, for ReLU of rank <= P - (number of units)
    sigma, tau : float, > 0

    The incoming weights of the surplus units are uniform on B_K in both Q and P: they add 0. For the bound P, and so
    B_K, must not depend on the data: as it would where embeddings.inactive_relu_units takes an R > 1 from them.

    Printed with det H0 and H0^-1, which do not exist for ReLU
    (test_erratum_the_hessian_of_a_relu_net_has_no_inverse), and with the norm of all of theta, the uniform block
    included (test_erratum_the_relu_norm_excludes_the_uniform_block).
    """
    distance = (theta0 @ theta0 + (v ** 2).sum()) / sigma ** 2
    return curvature_kl(H0, sigma, tau) + float(distance) / 2


@checked
def product_cost(H0, cross, S, sigma, tau):
    """[beyond the papers] What a posterior loses by being a product, of theta_0 and w, in nats.

        (log det A_0 + log det A_S - log det A) / 2,    A = H + tau^2 / sigma^2 I,    H = [[H0, cross], [cross^T, S]]

    H0 : (p, p) array, symmetric
    cross : (p, q) array
    S : (q, q) array, symmetric
    sigma, tau : float, > 0

    The excess of Tr(H C) / (2 tau^2) + KL at the best product over that at the best C, tau^2 A^-1, for a positive
    semidefinite H. Never below 0; 0 if and only if cross = 0. tau^2 / sigma^2 as in ridge_kl, well above eps max h.
    """
    def log_det(H):                                                 # of A
        return np.log(_at_minimum(np.linalg.eigvalsh(H)) + tau ** 2 / sigma ** 2).sum()

    H = np.block([[H0, cross], [cross.T, S]])
    return float(max(log_det(H0) + log_det(S) - log_det(H), 0.0) / 2)           # rounding can push 0 below 0


# ---------------------------------------------------------------------------------------------------------------------
# The bound [Eq. (39)]
# ---------------------------------------------------------------------------------------------------------------------

@checked
def pac_bayes_bound(empirical_risk, kl, n, delta):
    """[Fukumizu 2019, supplement Eq. 39] A bound on E_Q L, for all Q at once with probability at least 1 - delta.

        E_Q L <= E_Q L^ + 2 sqrt(2 (KL + ln(n / delta)) / (n - 1))

    empirical_risk : float, >= 0, <= 1; E_Q L^, the mean loss of n samples, and the loss lies in [0, 1]
    kl : float, >= 0
    n : int, >= 2
    delta : float, > 0, < 1

    It says nothing where it exceeds 1, as always for n < 28. Eq. (13) of the main text, which should agree, has
    ln(2 delta / n), which is negative (test_erratum_13_the_logarithm_is_negative).
    """
    return empirical_risk + 2 * float(np.sqrt(2 * (kl + np.log(n / delta)) / (n - 1)))


@checked
def expected_risk(risk, H, cov):
    """[Fukumizu 2019, supplement G.2.1] E_Q L^ = L^ + Tr(H C) / 2, to second order around a minimum.

    risk : float; L^ at the mean of Q
    H : (d, d) array, symmetric; the Hessian of L^ there
    cov : (d, d) array, symmetric; the covariance C of Q

    Exact where L^ is quadratic. The error is of the order |C|^2: it is no bound.
    """
    return float(risk + (H * cov).sum() / 2)                        # Tr(H C), both symmetric


@checked
def approximate_bound(risk, H, theta, cov, n, delta, sigma):
    """[Fukumizu 2019, supplement Eq. 40] The bound for Q = N(theta, C), P = N(0, sigma^2 I), to second order.

        L^ + Tr(H C) / 2 + 2 sqrt(2 (KL + ln(n / delta)) / (n - 1))

    risk : float, >= 0, <= 1; the MEAN loss L^ at theta
    H : (d, d) array, symmetric; its Hessian
    theta : (d,) array
    cov : (d, d) array, positive definite
    n : int, >= 2
    delta : float, > 0, < 1
    sigma : float, > 0
    """
    return expected_risk(risk, H, cov) + pac_bayes_bound(0.0, isotropic_kl(theta, cov, sigma), n, delta)


@checked
def plug_in_bound(risk, H, theta, n, delta, sigma, tau):
    """[Fukumizu 2019, supplement G.2.1] (40) at C = tau^2 H^+, with the prior's variance in the null space of H.

        L^ + tau^2 r / 2 + 2 sqrt((2 KL + 2 ln(n / delta)) / (n - 1)),
        2 KL = r log(sigma^2 / tau^2) + log pdet H + tau^2 / sigma^2 Tr H^+ + |theta|^2 / sigma^2 - r,   r = rank H

    risk : float, >= 0, <= 1; the MEAN loss L^ at theta
    H : (d, d) array, symmetric; its Hessian, positive semidefinite
    theta : (d,) array
    n : int, >= 2
    delta : float, > 0, < 1
    sigma, tau : float, > 0

    Printed with 2 {2 KL} under the root (test_erratum_a_two_too_many_in_the_plug_in_bound).
    """
    kl = curvature_kl(H, sigma, tau) + theta @ theta / sigma ** 2 / 2
    return risk + float(tau ** 2 * len(_steep(H)) / 2) + pac_bayes_bound(0.0, kl, n, delta)


# ---------------------------------------------------------------------------------------------------------------------
# The best posterior
#
# E_Q L^ = L^ + Tr(H C) / 2 to second order. The derivative of L^ + Tr(H C) / 2 + 2 sqrt(2 (KL + ln(n / delta)) /
# (n - 1)) by C is H / 2 + tau^2 (I / sigma^2 - C^-1) / 2, zero where
#
#     C = tau^2 (H + tau^2 / sigma^2 I)^-1,        tau^2 = sqrt(2 / ((n - 1) (KL(tau) + ln(n / delta))))
#
# so tau is not free: a fixed point. It is unique: with p = u / (1 + u) the logarithm of the right side has the slope
# sum p^2 / (4 (KL + ln(n / delta))) by log tau^2, and 4 KL >= 2 sum (-log(1 - p) - p) >= sum p^2, so the slope is
# between 0 and 1, below 1 as ln(n / delta) > 0: the left side overtakes the right once, and bisection finds where. As
# (40) is infinite at a singular C and as C grows without limit, its one stationary point is its minimum.
# ---------------------------------------------------------------------------------------------------------------------

class Posterior(NamedTuple):
    """[Fukumizu 2019, supplement G.2.1] The best Gaussian posterior: tau (not tau^2) and its covariance (d, d)."""
    tau: float
    cov: np.ndarray


@checked
def optimal_posterior(H, theta, n, delta, sigma):
    """[Fukumizu 2019, supplement G.2.1] The covariance that minimises (40), and its tau, which is not free.

        C = tau^2 (H + tau^2 / sigma^2 I)^-1,    tau^2 = sqrt(2 / ((n - 1) (KL(tau) + ln(n / delta))))

    H : (d, d) array, symmetric; the Hessian of the MEAN loss, positive semidefinite
    theta : (d,) array; the mean of Q
    n : int, >= 2
    delta : float, > 0, < 1
    sigma : float, > 0

    No rank is decided, cov tends to sigma^2 where h goes to 0; as in ridge_kl, tau^2 / sigma^2 should be well above
    eps max h. The paper, which neglects the sigma^-2, sets Q to N(0, tau^2 H^-1) at first: the mean should be theta^
    (test_erratum_the_mean_of_Q_is_the_minimum).
    """
    h, U = np.linalg.eigh(H)
    h = _at_minimum(h)
    constant = theta @ theta / sigma ** 2 / 2 + np.log(n / delta)

    def right_side(tau2):
        u = sigma ** 2 * h / tau2
        kl = (np.log1p(u) - u / (1 + u)).sum() / 2
        return np.sqrt(2 / ((n - 1) * (kl + constant)))

    # the right side is largest at KL = 0; at tau^2 = 1e-40 of that it is far above tau^2: KL grows like -log tau
    high = right_side(np.inf)
    low = 1e-40 * high
    for _ in range(64):                                             # of log tau^2, down to rounding
        middle = np.sqrt(low) * np.sqrt(high)
        low, high = (middle, high) if middle < right_side(middle) else (low, middle)
    return Posterior(float(np.sqrt(high)), (U * (high / (h + high / sigma ** 2))) @ U.T)


# ---------------------------------------------------------------------------------------------------------------------
# Fig. 2: what surplus units cost a perturbed net
#
# A net with one hidden layer and E surplus units, all parameters perturbed by N(0, rho^2):
#
#     f = f_H0 + sum_j v_j phi(w_j . a~)        G = E_x |f - t|^2,  t the noise-free teacher
#
# In each trial v_j is drawn with mean 0 and variance s_v^2 per output, w_j around w_0 with variance s_w^2. Perturbed,
# v_j has mean 0 and variance s_v^2 + rho^2, and is independent of f_H0, of w_j and of the other units. So in the mean
# over trials all cross terms vanish, and each unit adds the same, whatever phi, whatever rho:
#
#     <G(N_H)> = <G(N_H0)> + E M (s_v^2 + rho^2) kappa,        <.> the mean over trials, E units
#     kappa = E_x E_Z phi(w_0 . a~ + sqrt(s_w^2 + rho^2) |a~| Z)^2,      Z standard normal             (exact)
#
# For w_0 = 0, s_w = 0 and smooth phi with phi(0) = 0, kappa = phi'(0)^2 rho^2 E_x |a~|^2 + O(rho^4): to second order
# each unit adds rho^2 / 2 times the trace of the Hessian of G in its w_j, 2 phi'(0)^2 |v_j|^2 E_x a~ a~^T in the mean
# over v_j; S is its counterpart on the data. The TRACE grows by the same for each unit. The rank r of S stops at
# M rank a~, and log pdet S (M = 1) is r log |v|^2 + const., where |v|^2 grows like E. For units off on all x kappa is 0
# up to the chance to wake. <G(N_H0)> has the same form: with m_i, q_i the mean of phi, phi^2 at unit i, perturbed, and
# the last term only with output biases c,
#
#     <G(N_H0)> = E_x [ |sum_i zeta_i m_i - c - t|^2 + sum_i (|zeta_i|^2 (q_i - m_i^2) + M rho^2 q_i) ] + M rho^2
#
# Of a replicated unit, w_j = u, v_j = zeta / (E + 1), the mean over E + 1 copies has its variance divided by E + 1:
#
#     <G(N_H)> = <G(N_H0)> + E M rho^2 E_x q - |zeta|^2 E_x (q - m^2) E / (E + 1)                      (exact)
#
# In code x are the rows of X, E_x is a sum with the weights p, and t is Y.
# ---------------------------------------------------------------------------------------------------------------------

def _setting(weights, X, p, rho, w0=None, unit=0):
    """[Fukumizu 2019, Sec. 5.2] p (n,), rho and w0 (D',); None: equal weights, 0.01 |theta|, 0."""
    if len(weights) != 2:
        raise ValueError(f"weights holds {len(weights)} matrices, it should hold two: the formulas are for one layer")
    p = np.full(len(X), 1 / len(X)) if p is None else p
    rho = 0.01 * float(np.linalg.norm(flatten(weights))) if rho is None else rho
    w0 = np.zeros(weights[0].shape[1]) if w0 is None else w0
    if abs(p.sum() - 1) > 1e-9:
        raise ValueError(f"p sums to {p.sum()}, it should sum to 1: else E_x is no mean")
    if len(w0) != weights[0].shape[1]:
        raise ValueError(f"w0 has length {len(w0)}, it should be {weights[0].shape[1]}, the columns of weights[0]")
    if unit >= len(weights[0]):
        raise ValueError(f"unit is {unit}, it should be below {len(weights[0])}, the number of hidden units")
    return p, rho, w0


def _unit_moments(mean, deviation, act):
    """[beyond the papers] m, q = E phi(z), E phi(z)^2 and q - m^2 for z ~ N(mean, deviation^2), entry by entry.

    By the trapezoidal rule over 9 standard deviations in steps of 0.03: to rounding for analytic phi (for tanh up to
    deviations of about 9, poles being pi / 2 away); for smooLU, smooth but not analytic at 0, to 1e-11 at a deviation
    of 1 and 3e-5 at 9; to 1e-4 deviations at a kink. Gauss-Hermite is coarser at kinks.
    """
    Z = np.linspace(-9, 9, 601)
    density = 0.03 * np.exp(-Z ** 2 / 2) / np.sqrt(2 * np.pi)       # times the step; Z[1] - Z[0] has rounded to 1e-14
    phi = act.f(mean[..., None] + deviation[..., None] * Z)         # (..., 601)
    centre = act.f(mean)                                            # m is this at deviation 0, to the last digit
    m = centre + (phi - centre[..., None]) @ density
    return m, phi ** 2 @ density, (phi - m[..., None]) ** 2 @ density          # q - m * m would cancel for small rho


@checked
def surplus_slope(inputs, act, M, *, p, rho, w0, spread_v=1.0, spread_w=0.0):
    """[beyond the papers] What each surplus unit adds to <G>, exactly: M (s_v^2 + rho^2) kappa.

        kappa = E_x E_Z phi(w0 . a~ + sqrt(s_w^2 + rho^2) |a~| Z)^2

    inputs : (n, D') array; a~
    M : int, >= 1
    p : (n,) array, >= 0; the weights of the inputs, sum 1
    rho, spread_v, spread_w : float, >= 0
    w0 : (D',) array
    """
    if abs(p.sum() - 1) > 1e-9:
        raise ValueError(f"p sums to {p.sum()}, it should sum to 1: else E_x is no mean")
    kappa = p @ _unit_moments(inputs @ w0, np.hypot(spread_w, rho) * np.linalg.norm(inputs, axis=1), act)[1]
    return float(M * (spread_v ** 2 + rho ** 2) * kappa)


@checked
def predicted_error(weights, X, Y, act, *, p=None, rho=None):
    """[beyond the papers] <G> of the perturbed net with one hidden layer, from means and variances of its units.

        E_x [ |sum_i zeta_i m_i - c - t|^2 + sum_i (|zeta_i|^2 (q_i - m_i^2) + M rho^2 q_i) ]    + M rho^2 with biases c

    p : (n,) array, >= 0, or None; None: 1 / n
    rho : float, >= 0, or None; None: 0.01 |theta|

    In units of the outputs squared; exact but for the quadrature of _unit_moments, which takes two arrays of 601 n H0.
    """
    p, rho, _ = _setting(weights, X, p, rho)
    inputs, (W1, W2) = augment(weights[0], X), weights
    m, q, spread = _unit_moments(inputs @ W1.T, rho * np.linalg.norm(inputs, axis=1)[:, None], act)     # (n, H0)
    zeta, M, bias = W2[:, :len(W1)], len(W2), W2.shape[1] - len(W1)
    mean = augment(W2, m) @ W2.T                                    # (n, M)
    variance = spread @ (zeta ** 2).sum(axis=0) + M * rho ** 2 * (q.sum(axis=1) + bias)
    return float(p @ (((mean - Y) ** 2).sum(axis=1) + variance))


def _to_divide_by(error):
    """[Fukumizu 2019, Fig. 2b] <G(N_H0)>, refused where it is 0: a net without error has no ratio."""
    if error == 0:
        raise ValueError("weights make no error on X and Y at this rho, they should: the ratio divides by it")
    return error


@checked
def predicted_ratio(weights, X, Y, act, surplus, *, p=None, rho=None, w0=None, spread_v=1.0, spread_w=0.0):
    """[beyond the papers] The ratio of Fig. 2b in closed form, (k,): nothing is measured, nothing to second order.

        1 + E slope / <G(N_H0)>

    surplus : (k,) array, whole, >= 0; numbers E
    p : (n,) array, >= 0, or None; None: 1 / n
    rho : float, >= 0, or None; None: 0.01 |theta|
    w0 : (D',) array, or None; None: 0
    spread_v, spread_w : float, >= 0
    """
    p, rho, w0 = _setting(weights, X, p, rho, w0)
    slope = surplus_slope(augment(weights[0], X), act, Y.shape[1], p=p, rho=rho, w0=w0, spread_v=spread_v,
                          spread_w=spread_w)
    return 1 + surplus * slope / _to_divide_by(predicted_error(weights, X, Y, act, p=p, rho=rho))


@checked
def predicted_replicated_ratio(weights, X, Y, act, surplus, *, unit=0, p=None, rho=None):
    """[beyond the papers] replicated_ratio in closed form: the noise of the v_j adds up, that of the w_j averages out.

        1 + (E M rho^2 E_x q - |zeta|^2 E_x (q - m^2) E / (E + 1)) / <G(N_H0)>

    surplus : (k,) array, whole, >= 0; numbers E
    unit : int, >= 0
    p : (n,) array, >= 0, or None; None: 1 / n
    rho : float, >= 0, or None; None: 0.01 |theta|

    (k,); it can be below 1.
    """
    p, rho, _ = _setting(weights, X, p, rho, unit=unit)
    E, inputs, zeta = surplus, augment(weights[0], X), weights[1][:, unit]
    _, q, spread = _unit_moments(inputs @ weights[0][unit], rho * np.linalg.norm(inputs, axis=1), act)
    added = E * len(zeta) * rho ** 2 * (p @ q) - (zeta ** 2).sum() * (p @ spread) * E / (E + 1)
    return 1 + added / _to_divide_by(predicted_error(weights, X, Y, act, p=p, rho=rho))


# ---------------------------------------------------------------------------------------------------------------------
# Fig. 2, measured
# ---------------------------------------------------------------------------------------------------------------------

@checked
def uniform_nodes(count=100):
    """[beyond the papers] Gauss-Legendre nodes X (count, 1) and weights p (count,) for x uniform on [-1, 1].

        E h(x) = sum_q p_q h(x_q)

    count : int, >= 1; exact for polynomials of degree 2 count - 1
    """
    x, p = np.polynomial.legendre.leggauss(count)
    return x[:, None], p / 2


class Ratio(NamedTuple):
    """[Fukumizu 2019, Fig. 2b] <G(N_H)> / <G(N_H0)>, its standard error, and the means <G(N_H)> themselves, (k,)."""
    ratio: np.ndarray
    error: np.ndarray
    mean: np.ndarray


def _ratio_of_means(G):
    """[Fukumizu 2019, Fig. 2b] Of G (k + 1, T), T trials of G_0 and then of each width, the Ratio; trials share draws.

        R = mean G_k / mean G_0,     error = std(G_k - R G_0) / (sqrt(T) mean G_0)        by the delta method
    """
    mean = G.mean(axis=1)
    ratio = mean[1:] / _to_divide_by(mean[0])
    error = (G[1:] / mean[0] - ratio[:, None] * (G[0] / mean[0])).std(axis=1, ddof=1) / np.sqrt(G.shape[1])
    return Ratio(ratio, error, mean[1:])


@checked
def generalization_ratio(weights, X, Y, act, surplus, *, p=None, rho=None, w0=None, spread_v=1.0, spread_w=0.0,
                         trials=1000, rng=None):
    """[Fukumizu 2019, Fig. 2b] Perturb the net and E surplus units; the Ratio of mean errors to those with E = 0.

        G = sum_q p_q |f(x_q) - t(x_q)|^2,     all parameters + N(0, rho^2)
        surplus unit, in each trial anew: v_j ~ N(0, spread_v^2), w_j ~ N(w0, spread_w^2)

    surplus : (k,) array, whole, >= 0; numbers E
    p : (n,) array, >= 0, or None; None: 1 / n
    rho : float, >= 0, or None; None: 0.01 |theta|, the paper's
    w0 : (D',) array, or None; None: 0
    spread_v, spread_w : float, >= 0
    trials : int, >= 2

    Inactive units: spread_v = 1, spread_w = 0, and w0 = 0 for tanh, w0 = (0, 2) (a bias of 2) for ReLU and smooLU.
    Inactive propagation: spread_v = 0, spread_w = 1. Both inactive: both 0. With a net `net` of one input,

        X, p = uniform_nodes()
        generalization_ratio(net, X, np.tanh(X), TANH, range(0, 50, 5), p=p, rng=0).ratio

    X are inputs to be tested at, Y the noise-free teacher there. Within a trial the widths share their draws (E = 10
    has the units of E = 5 and five more): the errors of the entries are correlated.

    The paper does not say how v is chosen, nor where its ReLU units are; both are choices here, and decide the
    result: with v = 0 tanh hardly grows, with w0 = 0 ReLU does (test_caveats_v_of_zero_and_relu_at_w_zero). So is the
    noise-free Y: its risk is to noisy y, and fresh noise of variance s^2 adds M s^2 to both means, which turns a ratio
    R into 1 + (R - 1) / (1 + M s^2 / <G(N_H0)>), 6.22 into 5.76 for tanh at H = 50 in the demo
    (test_caveat_to_noisy_targets_the_ratio_of_fig_2_is_smaller).
    """
    rng, theta, (p, rho, w0) = np.random.default_rng(rng), flatten(weights), _setting(weights, X, p, rho, w0)
    nets = theta + rho * rng.normal(size=(trials, len(theta)))
    parts = np.array_split(nets, min(trials, 1 + trials * len(X) * len(weights[0]) // 2 ** 20))     # for the memory
    f = np.concatenate([forward_pass(unstack(part, weights), X, act)[1][-1] for part in parts])     # (T, n, M)
    inputs, G = augment(weights[0], X), np.empty((max(surplus) + 1, trials))
    for E in range(len(G)):                                         # one unit more each time, so all widths are met
        if E > 0:
            w = w0 + spread_w * rng.normal(size=(trials, len(w0))) + rho * rng.normal(size=(trials, len(w0)))
            v = spread_v * rng.normal(size=(trials, Y.shape[1])) + rho * rng.normal(size=(trials, Y.shape[1]))
            f += act.f(w @ inputs.T)[:, :, None] * v[:, None]
        G[E] = ((f - Y) ** 2).sum(axis=2) @ p
    return _ratio_of_means(G[[0, *surplus]])


@checked
def replicated_ratio(weights, X, Y, act, surplus, *, unit=0, p=None, rho=None, trials=1000, rng=None):
    """[beyond the papers] The Ratio of Fig. 2b for unit replication: w_j = u, v_j = zeta / (E + 1), all + N(0, rho^2).

    surplus : (k,) array, whole, >= 0; numbers E
    unit : int, >= 0; the one that is replicated
    p : (n,) array, >= 0, or None; None: 1 / n
    rho : float, >= 0, or None; None: 0.01 |theta|
    trials : int, >= 2

    The widths share their draws. Takes some three arrays of trials n H0 numbers.
    """
    rng, theta, (p, rho, _) = np.random.default_rng(rng), flatten(weights), _setting(weights, X, p, rho, unit=unit)
    nets = unstack(theta + rho * rng.normal(size=(trials, len(theta))), weights)
    (inputs, hidden), (_, f0) = forward_pass(nets, X, act)
    u, zeta, first = weights[0][unit], weights[1][:, unit], hidden[:, :, unit]      # (D',), (M,), (T, n)
    gap, noise = np.zeros_like(first), np.zeros_like(f0)            # sums over j > 0: phi_j - first, v_j's noise phi_j
    G = np.empty((max(surplus) + 1, trials))
    for E in range(len(G)):
        if E > 0:
            phi = act.f((u + rho * rng.normal(size=(trials, len(u)))) @ inputs.T)   # (T, n)
            gap += phi - first
            noise += phi[:, :, None] * (rho * rng.normal(size=(trials, len(zeta))))[:, None]
        G[E] = ((f0 + gap[:, :, None] * zeta / (E + 1) + noise - Y) ** 2).sum(axis=2) @ p
    return _ratio_of_means(G[[0, *surplus]])


# ---------------------------------------------------------------------------------------------------------------------
# Fig. 2: the data, and nets of zero error through them
# ---------------------------------------------------------------------------------------------------------------------

@checked
def draw_data(n, noise, *, rng=None):
    """[Fukumizu 2019, Sec. 5.2] n inputs, one in each of n equal parts of [-1, 1], and noise for targets, (n,) both.

        x_i = -1 + 2 (i + U_i) / n, i = 0..n-1, U_i uniform;   eps_i ~ N(0, noise^2);   targets are t(x) + eps

    n : int, >= 1
    noise : float, >= 0; a standard deviation, 0.1 in the paper

    [-1, 1] and one input in each part are choices: the paper does not say how its inputs lie.
    """
    rng = np.random.default_rng(rng)
    return -1 + 2 * (np.arange(n) + rng.random(n)) / n, noise * rng.normal(size=n)


@checked
def kinked_starts(x, units, count, *, rng=None):
    """[beyond the papers] Random nets whose units bend within the data: w = +-3 e^(Z / 2), Z normal, b = w t.

    x : (n,) array; with a range of about 2, as w has no unit of x
    units, count : int, >= 1

    A list of `count` nets [W1 (units, 2), W2 (1, units)]; t is uniform on the range of x, W2 standard normal.
    """
    rng, size = np.random.default_rng(rng), (count, units)
    w = 3 * np.exp(rng.normal(size=size) / 2) * rng.choice([-1.0, 1.0], size=size)
    t, v = rng.uniform(x.min(), x.max(), size=size), rng.normal(size=size)
    return [[np.column_stack([w_k, b_k]), v_k[None]] for w_k, b_k, v_k in zip(w, w * t, v)]


def _polish(weights, X, Y, act, *, goal=1e-29, rounds=50, rng=None):
    """[beyond the papers] Below the rounding floor of Newton's method: random moves of up to 2 ulp of each weight.

    512 moves a round, of all weights or of a few; the best is taken if it lowers |f - y|^2, until that is below the
    goal. The gain is luck among roundings: it says nothing about the net, it satisfies the paper's "< 10^-29".
    """
    def errors(theta):                                              # (B, P) -> (B,)
        f = forward_pass(unstack(theta, weights), X, act)[1][-1]    # (B, n, M)
        return ((f - Y) ** 2).sum(axis=(1, 2))

    rng, theta = np.random.default_rng(rng), flatten(weights)
    best = errors(theta[None])[0]
    for _ in range(rounds):
        if best < goal:
            break
        some = rng.random((512, len(theta))) < rng.random((512, 1))             # from few of the weights to all
        trial = theta + some * rng.integers(-2, 3, size=some.shape) * np.spacing(np.abs(theta))
        found = errors(trial)
        if found.min() < best:
            best, theta = found.min(), trial[found.argmin()]
    return unflatten(theta, weights)


@checked
def smallest_zero_error(nets, x, y, act, *, goal=1e-29, rng=None):
    """[Fukumizu 2019, Sec. 5.2] Of nets that should pass through n points the one of smallest norm that does, or None.

    nets : nets, may be empty; [W1, W2], of one shape
    x, y : (n,) arrays
    goal : float, >= 0; the squared error to get below, for |y| about 1: in the last digits by luck (_polish)

    For ReLU `nets` are relu_interpolants(x, y, units), for other units the weights that landscape.fit_many finds from
    kinked_starts; with n = 10 and 5 units, on data that 5 ReLU units can fit, about four in five arrive for tanh, and
    for smooLU one in twenty-five, from one in a hundred to one in ten by the data set.
    """
    rng, X, Y = np.random.default_rng(rng), x[:, None], y[:, None]
    errors = [2 * training_loss(net, X, Y, act) for net in nets]
    for k in np.argsort([np.linalg.norm(flatten(net)) for net in nets]):
        if errors[k] < 100 * goal:                                  # polishing gains a factor of some ten
            net = _polish(nets[k], X, Y, act, goal=goal, rng=rng)
            if 2 * training_loss(net, X, Y, act) < goal:
                return net
    return None


class Experiment(NamedTuple):
    """[Fukumizu 2019, Sec. 5.2] Data, and a net of zero error for each problem.

    x, eps: inputs and noise; nets: name -> weights; refused: reason -> number of data sets refused for it before.
    """
    x: np.ndarray
    eps: np.ndarray
    nets: dict
    refused: dict


@checked
def draw_experiment(problems, *, n=10, noise=0.1, most_draws=1000, rng=None):
    """[Fukumizu 2019, Sec. 5.2] Data sets are drawn until all nets have zero error, and the refused ones are counted.

    problems : anything; a dict name -> (t, fit)
    n, most_draws : int, >= 1
    noise : float, >= 0

    t is the teacher; the targets are t(x) + eps, with the same x and eps for all problems. fit(x, y, rng) returns a net
    through the points, or why it has none, a str, or None. demo.five_units has the paper's: teachers of one unit, nets
    of H_0 = 5 units. About one data set in ten can be fitted by 5 ReLU units at all: the paper's experiment is one on
    chosen data. Four tanh units often fit such data too: five are not minimal there.
    """
    pairs = list(problems.values()) if isinstance(problems, dict) else []
    if not pairs or not all(isinstance(pair, tuple) and len(pair) == 2 and all(map(callable, pair)) for pair in pairs):
        raise ValueError(f"problems is {problems!r}, it should be a dict name -> (t, fit), not empty: else any data do")
    rng, refused = np.random.default_rng(rng), {}
    for _ in range(most_draws):
        (x, eps), nets = draw_data(n, noise, rng=rng), {}
        for name, (t, fit) in problems.items():
            net = fit(x, t(x) + eps, rng)
            nets[name] = f"no {name} net" if net is None else net
            if isinstance(nets[name], str):
                refused[nets[name]] = refused.get(nets[name], 0) + 1
                break
        else:
            return Experiment(x, eps, nets, refused)
    raise ValueError(f"none of {most_draws} data sets can be fitted: {refused}; draw more, or with less noise")


# ---------------------------------------------------------------------------------------------------------------------
# All ReLU nets with n/2 units through n points
#
# On n points of the line a unit can be on for the points right of a gap, left of a gap, or for all: 2n - 1 ways. While
# its set S_j of points is fixed, the unit contributes p_j x - q_j there, 0 elsewhere, whatever its sign: f(x_i) =
# sum_(j: i in S_j) (p_j x_i - q_j) = y_i is linear, n equations in the n unknowns (p, q). A solution is a net if every
# unit is on exactly on its own set: s_j (p_j x - q_j) > 0 on S_j and <= 0 off it, for a sign s_j, which is that of the
# output weight: (w_j, b_j, v_j) = (s p, s q, s) up to the rescaling that makes |v| = |(w, b)|.
#
# Whether the equations are regular depends on the sets alone. Between neighbouring gaps where units switch f is one
# line P_g x - Q_g, with P = B p, Q = B q and B_gj = 1 where unit j is on in group g, else 0. Three points in a group,
# or a group where nothing is on, are too much. So there are n/2 groups of two points, where f = 0 means P = Q = 0:
# regular if B is. Or there is one group more than units, and two groups, a and b, have one point each: there f = 0
# leaves Q_a = P_a x_a and Q_b = P_b x_b, and with rank B = n/2 and nu^T B = 0
#
#     nu_a P_a + nu_b P_b = 0,    nu_a P_a x_a + nu_b P_b x_b = 0,    so nu_a P_a = nu_b P_b = 0:
#
# regular if nu_a and nu_b are not 0. The determinant at x = 0, 1, 2, ... is a whole number, so rounding hides no zero.
# ---------------------------------------------------------------------------------------------------------------------

@checked
def relu_units_needed(x, y):
    """[beyond the papers] A lower bound on the ReLU units (without output bias) of a net through n points, an int.

        K = sum over runs ceil(r / 2)

    x, y : (n,) arrays; x distinct

    d_i, the change of slope at x_i, is the sum of the kinks of f in (x_(i-1), x_(i+1)) with positive weights: where it
    is positive, there is a kink upwards. One kink lies in at most two of these intervals, and they are neighbours. So
    a run of r differences of one sign needs ceil(r / 2) kinks of that sign, and no kink serves two runs. With K units
    there may or may not be a net. Both x and y count as good to 8 eps of the largest, so terms that cancel to much
    smaller ones can leave kinks of rounding.
    """
    order = np.argsort(x)
    dx, dy = np.diff(x[order]), np.diff(y[order])
    if not (dx > 0).all():
        raise ValueError("x has equal entries, they should be distinct")
    d, off = np.diff(dy / dx), (np.abs(y).max() + np.abs(x).max() * np.abs(dy / dx)) / dx           # (n - 2,), (n - 1,)
    rounding = 16 * EPS * (off[1:] + off[:-1])                      # 8 eps of either target and input
    sign = np.sign(d) * (np.abs(d) > rounding)                      # collinear points need no kink
    starts = np.flatnonzero(np.diff(sign, prepend=np.nan) != 0)     # of the runs, the first included
    lengths = np.diff(starts, append=len(sign))
    return int(((lengths + 1) // 2)[sign[starts] != 0].sum())


def _pattern_solutions(S, t, y):
    """[beyond the papers] The linear systems of patterns S (R, units, n), units on at points t, that agree with them.

    (kept, units, 3): p, q and the sign s of the output weight; s = 0, p = q = 0 for a unit not needed.
    """
    whole = np.linalg.det(np.concatenate([S * np.arange(len(t)), S], axis=1))
    S = S[np.abs(whole) > 0.5]                                      # else: no net of this pattern, or a continuum
    A = np.concatenate([S * t, -1.0 * S], axis=1).mT                # (R, n, 2 units): columns p, then q
    pq = np.linalg.solve(A, y[:, None])
    p, q = np.split(pq, 2, axis=1)                                  # (R, units, 1)
    needed = np.hypot(p, q) > 1e-10 * np.abs(y).max()               # far above rounding, far below any real unit
    line = p * t - q                                                # (R, units, n)
    line *= np.abs(line) > 1e-9 * np.hypot(p, q)                    # a kink on a data point counts for either side
    s = np.where((S & (line > 0)).any(axis=2, keepdims=True), 1.0, -1.0)
    agrees = (np.where(S, s * line >= 0, s * line <= 0) | ~needed).all(axis=(1, 2))
    return (np.concatenate([p, q, s], axis=2) * needed)[agrees]


@checked
def relu_interpolants(x, y, units):
    """[beyond the papers] All nets sum_j v_j relu(w_j x - b_j) with n/2 units through n points, smallest norm first.

    x, y : (n,) arrays; x distinct
    units : int, >= 1, <= 8; n / 2

    A list of [W1 (units, 2), W2 (1, units)], possibly empty: most data have none. Enumerates all choices of `units` of
    the 2n - 1 activation patterns, in batches: 11,628 for n = 10, 7.9 million for n = 16. Almost all targets y have
    finitely many nets, and these are all of them. A pattern whose system is singular has none or a continuum (as where
    y_i = 0 and no unit is on); those are left out. Each net is confirmed by a forward pass to rounding and 1e-9 of the
    largest target; each unit balanced, |v_j| = |(w_j, b_j)|. Data that fewer units can fit leave units at zero, which
    could be anything in their place.
    """
    n = len(x)
    if n != 2 * units:
        raise ValueError(f"x has length {n}, it should be {2 * units}, twice the units: as many equations as unknowns")
    order, cut = np.argsort(x), np.arange(n)
    middle, half = x.max() / 2 + x.min() / 2, x.max() / 2 - x.min() / 2 or 1.0       # all equal: refused below
    t = (x[order] - middle) / half                                  # in [-1, 1], for the conditioning
    if not (np.diff(t) > 0).all():
        raise ValueError("x has entries that float64 cannot tell apart beside the others, they should be distinct")
    on = np.concatenate([cut >= cut[:, None], cut < cut[1:, None]])             # (2n - 1, n): right of, left of a cut
    chosen, found = combinations(range(len(on)), units), []
    while len(sets := list(islice(chosen, 5_000))):
        found.append(_pattern_solutions(on[np.array(sets)], t, y[order]))
    p, q, s = np.moveaxis(np.concatenate(found), 2, 0)              # each (nets, units)
    p, q = p / half, q + p * (middle / half)                        # from t back to x
    v = s * np.sqrt(np.hypot(p, q)) + 0.0                           # no -0.0
    w, b = np.divide([p, q], v, out=np.zeros((2,) + p.shape), where=s != 0)
    f = (np.maximum(w[:, None] * x[:, None] - b[:, None], 0) * v[:, None]).sum(axis=2)         # (nets, n)
    rounding = 8 * EPS * (np.abs(v) * (np.abs(w) * np.abs(x).max() + np.abs(b))).sum(axis=1)
    right = np.abs(f - y).max(axis=1) <= 1e-9 * np.abs(y).max() + rounding
    nets = []                                                       # a net found under two patterns counts once
    for i in np.flatnonzero(right)[np.argsort((v[right] ** 2).sum(axis=1), kind="stable")]:
        rows = np.column_stack([w[i], b[i], v[i]])
        apart = [np.abs(rows[:, None] - other).max(axis=2) for other in nets]       # unit from unit, in any order
        if not any(max(d.min(axis=0).max(), d.min(axis=1).max()) <= 1e-6 * np.abs(rows).max() for d in apart):
            nets.append(rows)
    return [[rows[:, :2].copy(), rows[None, :, 2].copy()] for rows in nets]
