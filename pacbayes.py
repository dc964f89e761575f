"""What flatness buys: PAC-Bayes bounds at embedded minima, and the experiment of Fig. 2 in closed form.

Letters are those of landscape.py, in [Fukumizu 2019, Section 5.2 and supplement G]. Beside them:

    L^, risk       the MEAN training loss of a net, in [0, 1] for the bound; its Hessian is H, in supplement G.2.1
    L_H0, H0       the SUM over samples and its Hessian, in G.2.2: at equal, small tau the KL there is larger by
                   rank / 2 log n. In N_H0, and in shapes, H0 is the number of units of the narrow net
    Q, P           posterior and prior over all parameters; P = N(0, sigma^2 I) must not depend on the data
    theta_0, v, w  parameters of the narrow net, and of E surplus units that are inactive: w = 0 (smooth units)
    S              the Hessian in w, (E D', E D'); that in v is 0.  rho, kappa: see the experiment below

1. The bound [Eq. (39)]. With probability at least 1 - delta over n samples, for all Q at once,

    E_Q L <= E_Q L^ + 2 sqrt(2 (KL(Q || P) + ln(n / delta)) / (n - 1))

2. KL of two Gaussians. 2 log(q / p) = log(|C_p| / |C_q|) + (x - m_p)^T C_p^-1 (x - m_p) - (x - m_q)^T C_q^-1 (x - m_q);
its mean under Q turns the last term into d and the one before into a trace and a squared distance:

    KL(N(m_q, C_q) || N(m_p, C_p)) = (log |C_p| - log |C_q| + Tr C_p^-1 C_q + (m_q - m_p)^T C_p^-1 (m_q - m_p) - d) / 2

To P = N(0, sigma^2 I) this is |m|^2 / (2 sigma^2) and one term for each eigenvalue c of C_q, with x = c / sigma^2:
(x - 1 - log x) / 2, which is 0 at c = sigma^2 (leave the prior alone) and infinite at c = 0.

3. Q from the curvature. A posterior that should not raise the loss is narrow where H is steep and free where it is
flat: in the eigenvector of h > 0 the variance tau^2 / h, in the null space of H the prior's, sigma^2. The null space
then costs nothing, and KL = |theta|^2 / (2 sigma^2) + the sum over h > 0 alone (`curvature_kl`):

    (r log(sigma^2 / tau^2) + log pdet H + tau^2 / sigma^2 Tr H^+ - r) / 2,        r = rank H

with the product of the nonzero eigenvalues and the pseudo-inverse. H^-1 and det H, as printed, need not exist: at
zero error rank H0 <= n M, which can be below P (Fig. 2: 10 < 15); a ReLU net has a zero for each hidden unit, whose
weights rescale; and for E inactive units, square loss and phi'(0) = 1, S = (v v^T) kron (a~^T a~), of rank at most
min(E, M) D'. In (v, w) the null space is all of v and the kernel of S. So KL (smooth) has curvature_kl(H0) and
curvature_kl(S); KL (ReLU) has the first alone, as Q and P share their law of w, uniform on B_K.

Which h counts as 0 is a decision, h <= size eps max h here, and the sum jumps to infinity as h comes down to 0. The
variance tau^2 / (h + tau^2 / sigma^2) needs no decision: it is tau^2 / h for steep h and sigma^2 for h = 0. With
u = sigma^2 h / tau^2 its terms are (`ridge_kl`)

    (log(1 + u) - u / (1 + u)) / 2,     0 at h = 0,     the above to O(1 / u)

All this is about the Hessian at one point. S moves with v, and its kernel, V^T W = 0, is flat to second order only:
tanh leaves the cubes of w . a~. ReLU units that are off leave nothing.

Q is a product, of theta_0 and w, as in the paper: it does not see that the Hessian of the wide net couples them. At
zero error that Hessian is sum_nu J_nu^T l'' J_nu, of rank n M at most, however many units. If H0 has the rank n M
already, S adds no rank to it, and curvature_kl of the whole exceeds that of H0 by log(pdet H / pdet H0) / 2 as
tau -> 0, without any log(sigma^2 / tau^2). It is the product that makes the paper's main term.

4. The best tau. E_Q L^ = L^ + Tr(H C) / 2 to second order. The derivative of L^ + Tr(H C) / 2 + 2 sqrt(2 (KL + ln(n /
delta)) / (n - 1)) by C is H / 2 + tau^2 (I / sigma^2 - C^-1) / 2, zero where

    C = tau^2 (H + tau^2 / sigma^2 I)^-1,        tau^2 = sqrt(2 / ((n - 1) (KL(tau) + ln(n / delta))))

so tau is not free: a fixed point. It is unique: with p = u / (1 + u) the logarithm of the right side has the slope
sum p^2 / (4 (KL + ln(n / delta))) by log tau^2, and 4 KL >= 2 sum (-log(1 - p) - p) >= sum p^2, so the slope is
between 0 and 1, below 1 as ln(n / delta) > 0: the left side overtakes the right once, and bisection finds where. As
(40) is infinite at a singular C and as C grows without limit, its one stationary point is its minimum.

5. The experiment. A net with one hidden layer and E surplus units, all parameters perturbed by N(0, rho^2):

    f = f_H0 + sum_j v_j phi(w_j . a~)        G = E_x |f - t|^2,  t the noise-free teacher

In each trial v_j is drawn with mean 0 and variance s_v^2 per output, w_j around w_0 with variance s_w^2. Perturbed,
v_j has mean 0 and variance s_v^2 + rho^2, and is independent of f_H0, of w_j and of the other units. So in the mean
over trials all cross terms vanish, and each unit adds the same, whatever phi, whatever rho:

    E G(N_H) = E G(N_H0) + E M (s_v^2 + rho^2) kappa,
    kappa = E_x E_Z phi(w_0 . a~ + sqrt(s_w^2 + rho^2) |a~| Z)^2,      Z standard normal             (exact)

For w_0 = 0, s_w = 0 and smooth phi with phi(0) = 0, kappa = phi'(0)^2 rho^2 E_x |a~|^2 + O(rho^4): to second order
each unit adds rho^2 / 2 times the trace of the Hessian of G in its w_j, 2 phi'(0)^2 |v_j|^2 E_x a~ a~^T in the mean
over v_j; S is its counterpart on the data. The TRACE grows by the same for each unit. The rank of S stops at M D',
and log pdet S (M = 1) is D' log |v|^2 + const., where |v|^2 grows like E. For units off on all x kappa is 0 up to the
chance to wake. E G(N_H0) has the same form: with m_i, q_i the mean of phi, phi^2 at unit i, perturbed,

    E G(N_H0) = E_x [ |sum_i zeta_i m_i - t|^2 + sum_i (|zeta_i|^2 (q_i - m_i^2) + M rho^2 q_i) ]    (+ M rho^2, a bias)

Of a replicated unit, w_j = u, v_j = zeta / (E + 1), the mean over E + 1 copies has its variance divided by E + 1:

    E G(N_H) = E G(N_H0) + E M rho^2 E_x q - |zeta|^2 E_x (q - m^2) E / (E + 1)                      (exact)
"""
from typing import NamedTuple

import numpy as np

from landscape import (
    EPS,
    augment,
    check_array,
    check_functions,
    check_net,
    check_number,
    check_overflow,
    check_seed,
    check_symmetric,
    flatten,
    forward_pass,
    unflatten,
    unstack,
)

# ---------------------------------------------------------------------------------------------
# Kullback-Leibler divergences, in nats
# ---------------------------------------------------------------------------------------------

def gaussian_kl(mean_q, cov_q, mean_p, cov_p):
    """[Fukumizu 2019, supplement G.2.1] KL(Q || P) of two Gaussians, neither of them degenerate.

        KL = (log |C_p| - log |C_q| + Tr C_p^-1 C_q + (m_q - m_p)^T C_p^-1 (m_q - m_p) - d) / 2

    Parameters
    ----------
    mean_q, mean_p : (d,) arrays
    cov_q, cov_p : (d, d) arrays, symmetric positive definite

    Returns
    -------
    float, in nats, >= 0; 0 if and only if Q = P.

    Raises
    ------
    ValueError
        If shapes do not fit, or a covariance is not symmetric and positive definite: the KL is then infinite.
    """
    mean_q, cov_q = check_gaussian("mean_q", mean_q, "cov_q", cov_q)
    mean_p, cov_p = check_gaussian("mean_p", mean_p, "cov_p", cov_p)
    check_same_length("mean_q", mean_q, "mean_p", mean_p)
    root_q, root_p = np.linalg.cholesky(cov_q), np.linalg.cholesky(cov_p)      # |C| = prod diag(root)^2
    with np.errstate(over="ignore", invalid="ignore"):
        log_ratio = 2 * (np.log(np.diag(root_p)) - np.log(np.diag(root_q))).sum()
        trace = (np.linalg.solve(root_p, root_q) ** 2).sum()
        distance = (np.linalg.solve(root_p, mean_q - mean_p) ** 2).sum()
    check_overflow("the KL", log_ratio + trace + distance)
    return float(max(log_ratio + trace + distance - len(mean_q), 0.0) / 2)      # rounding can push 0 below 0


def isotropic_kl(mean, cov, sigma):
    """[Fukumizu 2019, supplement G.2.1] KL(N(m, C) || N(0, sigma^2 I)).

        KL = (log |sigma^2 I| - log |C| + Tr C / sigma^2 + |m|^2 / sigma^2 - d) / 2

    Parameters
    ----------
    mean : (d,) array
    cov : (d, d) array, symmetric positive definite
    sigma : float > 0, standard deviation of the prior

    Returns
    -------
    float, in nats

    Raises
    ------
    ValueError
        If shapes do not fit, cov is not symmetric and positive definite, or sigma is not positive.
    """
    mean, cov = check_gaussian("mean", mean, "cov", cov)
    sigma = check_positive("sigma", sigma)
    root = np.linalg.cholesky(cov)                                  # |C| = prod diag^2
    with np.errstate(over="ignore"):
        log_ratio = 2 * (np.log(sigma) - np.log(np.diag(root))).sum()
        trace, distance = ((root / sigma) ** 2).sum(), ((mean / sigma) ** 2).sum()
    check_overflow("the KL", log_ratio + trace + distance)
    return float(max(log_ratio + trace + distance - len(mean), 0.0) / 2)        # rounding can push 0 below 0


def curvature_kl(H, sigma, tau):
    """[Fukumizu 2019, supplement G.2.2] What a curvature H costs: variance tau^2 / h, but the prior's where h = 0.

        KL = (r log(sigma^2 / tau^2) + log pdet H + tau^2 / sigma^2 Tr H^+ - r) / 2,     r = rank H

    Parameters
    ----------
    H : (d, d) array, symmetric positive semidefinite; eigenvalues up to d eps max h count as 0
    sigma : float > 0, standard deviation of the prior N(0, sigma^2 I)
    tau : float > 0

    Returns
    -------
    float, the KL at mean 0; a mean m adds |m|^2 / (2 sigma^2). 0 for H = 0. An h far below tau^2 / sigma^2, but not 0,
        costs tau^2 / (2 sigma^2 h), without limit: its variance is above the prior's. See ridge_kl.

    Raises
    ------
    ValueError
        If H is not square, symmetric and positive semidefinite up to rounding, or sigma or tau is not positive.
    """
    H, sigma, tau = check_curvature("H", H), check_positive("sigma", sigma), check_positive("tau", tau)
    h = np.linalg.eigvalsh(H)
    h = h[h > len(h) * EPS * h.max()]
    with np.errstate(over="ignore"):
        log_x = 2 * (np.log(tau) - np.log(sigma)) - np.log(h)       # x = (tau^2 / h) / sigma^2, each a term of
        kl = (np.expm1(log_x) - log_x).sum() / 2                    # (x - 1 - log x) / 2
    check_overflow("the KL", kl)
    return float(kl)


def ridge_kl(H, sigma, tau):
    """[beyond the papers] What H costs with C = tau^2 (H + tau^2 / sigma^2 I)^-1, which needs no decision on the rank.

        KL = sum_i (log(1 + u_i) - u_i / (1 + u_i)) / 2,    u_i = sigma^2 h_i / tau^2

    Parameters
    ----------
    H : (d, d) array, symmetric positive semidefinite
    sigma, tau : float > 0

    Returns
    -------
    float, the KL at mean 0. Continuous in H; it tends to curvature_kl as tau goes to 0.

    Raises
    ------
    ValueError
        If H is not square, symmetric and positive semidefinite up to rounding, or sigma or tau is not positive.
    """
    H, sigma, tau = check_curvature("H", H), check_positive("sigma", sigma), check_positive("tau", tau)
    with np.errstate(divide="ignore"):                              # log 0 = -inf is right: u = 0
        log_u = np.log(np.linalg.eigvalsh(H).clip(0)) + 2 * (np.log(sigma) - np.log(tau))
    return float((np.logaddexp(0, log_u) - np.exp(-np.logaddexp(0, -log_u))).sum() / 2)


def kl_smooth(theta0, v, H0, S, sigma, tau):
    """[Fukumizu 2019, supplement G.2.2] KL(Q_sm || P_sm) for smooth inactive units (w = 0), rank-aware.

        KL = (r0 log(s^2/t^2) + log pdet H0 + r log(s^2/t^2) + log pdet S + t^2/s^2 (Tr H0^+ + Tr S^+)
              + (|theta_0|^2 + |v|^2) / s^2 - r0 - r) / 2,     r0 = rank H0, r = rank S, s = sigma, t = tau

    Parameters
    ----------
    theta0 : (P,) array, the narrow net
    v : (E, M) array, outgoing weights of the surplus units
    H0 : (P, P) array, Hessian of the narrow net
    S : (E D', E D') array, Hessian in the incoming weights of the surplus units; for the square loss and phi'(0) = 1
        mean_curvature(v, inputs)
    sigma, tau : float > 0

    Returns
    -------
    float, in nats

    Raises
    ------
    ValueError
        If an argument is bad, or H0 or S is not positive semidefinite: that is no minimum.

    Notes
    -----
    Printed with inverses and determinants, which do not exist where H0 or S is singular, as in the paper's own
    experiment (tests/test_pacbayes.py::test_erratum_S_has_no_inverse_in_the_papers_experiment); with d_1 = E M for r
    (test_erratum_the_dimension_of_the_extra_term_is_the_rank_of_S), and with + d_1 for - r
    (test_erratum_the_sign_of_the_last_term_of_the_smooth_kl).
    """
    theta0, v, H0, S = check_embedded(theta0, v, H0, S)
    sigma, tau = check_positive("sigma", sigma), check_positive("tau", tau)
    with np.errstate(over="ignore"):
        distance = ((theta0 / sigma) ** 2).sum() + ((v / sigma) ** 2).sum()
    check_overflow("|theta_0|^2 / sigma^2 + |v|^2 / sigma^2", distance)
    return curvature_kl(H0, sigma, tau) + curvature_kl(S, sigma, tau) + float(distance) / 2


def kl_relu(theta0, v, H0, sigma, tau):
    """[Fukumizu 2019, supplement G.2.2] KL(Q_rl || P_rl) for ReLU units that are off on the data, rank-aware.

        KL = (r0 log(s^2/t^2) + log pdet H0 + t^2/s^2 Tr H0^+ + (|theta_0|^2 + |v|^2) / s^2 - r0) / 2

    Parameters
    ----------
    theta0 : (P,) array, the narrow net
    v : (E, M) array
    H0 : (P, P) array, Hessian of the narrow net; for ReLU of rank <= P - (number of units)
    sigma, tau : float > 0

    Returns
    -------
    float, in nats. The incoming weights of the surplus units are uniform on B_K in both Q and P: they add 0.

    Raises
    ------
    ValueError
        If an argument is bad, or H0 is not positive semidefinite.

    Notes
    -----
    Printed with det H0 and H0^-1, which do not exist for ReLU
    (tests/test_pacbayes.py::test_erratum_the_hessian_of_a_relu_net_has_no_inverse), and with the norm of all of
    theta, the uniform block included (test_erratum_the_relu_norm_excludes_the_uniform_block).
    """
    theta0, v, H0 = check_embedded(theta0, v, H0)
    sigma, tau = check_positive("sigma", sigma), check_positive("tau", tau)
    with np.errstate(over="ignore"):
        distance = ((theta0 / sigma) ** 2).sum() + ((v / sigma) ** 2).sum()
    check_overflow("|theta_0|^2 / sigma^2 + |v|^2 / sigma^2", distance)
    return curvature_kl(H0, sigma, tau) + float(distance) / 2


def mean_curvature(v, inputs, sigma=0.0):
    """[beyond the papers] S of inactive units under v ~ N(v^, sigma^2 I): its mean; S itself for sigma = 0.

        S = (V V^T) kron (a~^T a~),     E_Q S = (V V^T + M sigma^2 I) kron (a~^T a~)

    Square loss as a SUM over samples, w = 0, phi'(0) = 1, and zero error or phi''(0) = 0 (tanh).

    Parameters
    ----------
    v : (E, M) array
    inputs : (n, D') array, the inputs a~ of the units, with the column -1 if they have biases
    sigma : float >= 0

    Returns
    -------
    (E D', E D') array, unit by unit; of rank min(E, M) D' at most for sigma = 0, else E times the rank of the inputs.

    Raises
    ------
    ValueError
        If an argument is bad.

    Notes
    -----
    The paper keeps E_Q L^ where it is by taking w ~ N(0, tau^2 S^-1), and lets v ~ N(v^, sigma^2 I); but S depends on v
    (tests/test_pacbayes.py::test_erratum_a_free_v_does_not_keep_the_empirical_risk).
    """
    v, inputs, sigma = check_array("v", v, 2), check_array("inputs", inputs, 2), check_number("sigma", sigma, 0)
    with np.errstate(over="ignore", invalid="ignore"):
        S = np.kron(v @ v.T + v.shape[1] * (sigma * sigma) * np.eye(len(v)), inputs.T @ inputs)
    check_overflow("S", S)
    return S


# ---------------------------------------------------------------------------------------------
# Bounds and the best posterior
# ---------------------------------------------------------------------------------------------

def pac_bayes_bound(empirical_risk, kl, n, delta):
    """[Fukumizu 2019, Eq. 39] A bound on E_Q L that holds for all Q at once with probability at least 1 - delta.

        E_Q L <= E_Q L^ + 2 sqrt(2 (KL + ln(n / delta)) / (n - 1))

    Parameters
    ----------
    empirical_risk : float, E_Q L^, the mean loss of n samples; the loss lies in [0, 1]
    kl : float >= 0
    n : int >= 2
    delta : float in (0, 1)

    Returns
    -------
    float; it says nothing where it exceeds 1, as always for n < 8.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Notes
    -----
    Eq. (13) of the main text has ln(2 delta / n), which is negative
    (tests/test_pacbayes.py::test_erratum_13_the_logarithm_is_negative).
    """
    empirical_risk, kl, n, delta = check_bound(empirical_risk, kl, n, delta)
    return empirical_risk + 2 * float(np.sqrt(2) * np.sqrt((kl + np.log(n) - np.log(delta)) / (n - 1)))


def expected_risk(risk, H, cov):
    """[Fukumizu 2019, supplement G.2.1] E_Q L^ = L^ + Tr(H C) / 2, to second order around a minimum.

    Parameters
    ----------
    risk : float, L^ at the mean of Q
    H : (d, d) array, Hessian of L^ there
    cov : (d, d) array, covariance C of Q

    Returns
    -------
    float; exact where L^ is quadratic. The error is of the order |C|^2: it is no bound.

    Raises
    ------
    ValueError
        If an argument is bad, or H or cov is not symmetric.
    """
    risk, H, cov = check_number("risk", risk), check_symmetric("H", H), check_symmetric("cov", cov)
    check_same_length("H", H, "cov", cov)
    with np.errstate(over="ignore", invalid="ignore"):
        expected = risk + (H * cov).sum() / 2                       # Tr(H C), both symmetric
    check_overflow("Tr(H C)", expected)
    return float(expected)


def approximate_bound(risk, H, theta, cov, n, delta, sigma):
    """[Fukumizu 2019, supplement Eq. 40] The bound for Q = N(theta, C), P = N(0, sigma^2 I), to second order.

        L^ + Tr(H C) / 2 + 2 sqrt(2 (KL + ln(n / delta)) / (n - 1))

    Parameters
    ----------
    risk : float, the MEAN loss L^ at theta, in [0, 1]
    H : (d, d) array, its Hessian
    theta : (d,) array
    cov : (d, d) array, symmetric positive definite
    n : int >= 2
    delta : float in (0, 1)
    sigma : float > 0

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If an argument is bad.
    """
    risk, _, n, delta = check_bound(risk, 0.0, n, delta, "risk")
    theta, cov = check_gaussian("theta", theta, "cov", cov)
    return pac_bayes_bound(0.0, isotropic_kl(theta, cov, sigma), n, delta) + expected_risk(risk, H, cov)


def plug_in_bound(risk, H, theta, n, delta, sigma, tau):
    """[Fukumizu 2019, supplement G.2.1] (40) at C = tau^2 H^+, with the prior's variance in the null space of H.

        L^ + tau^2 r / 2 + 2 sqrt((2 KL + 2 ln(n / delta)) / (n - 1)),
        2 KL = r log(sigma^2 / tau^2) + log pdet H + tau^2 / sigma^2 Tr H^+ + |theta|^2 / sigma^2 - r,   r = rank H

    Parameters
    ----------
    risk : float, the MEAN loss L^ at theta, in [0, 1]
    H : (d, d) array, its Hessian, positive semidefinite
    theta : (d,) array
    n : int >= 2
    delta : float in (0, 1)
    sigma, tau : float > 0

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If an argument is bad.

    Notes
    -----
    Printed with 2 {2 KL} under the root (tests/test_pacbayes.py::test_erratum_a_two_too_many_in_the_plug_in_bound).
    """
    risk, H, theta = check_number("risk", risk, 0, 1), check_curvature("H", H), check_array("theta", theta, 1)
    sigma, tau = check_positive("sigma", sigma), check_positive("tau", tau)
    check_same_length("H", H, "theta", theta)
    h = np.linalg.eigvalsh(H)
    with np.errstate(over="ignore"):
        steep = tau * (tau * (h > len(h) * EPS * h.max()).sum()) / 2            # tau^2 r / 2
        kl = curvature_kl(H, sigma, tau) + ((theta / sigma) ** 2).sum() / 2
    check_overflow("tau^2 r / 2 or the KL", steep, kl)
    return risk + float(steep) + pac_bayes_bound(0.0, kl, n, delta)


class Posterior(NamedTuple):
    """[Fukumizu 2019, supplement G.2.1] The best Gaussian posterior: tau (not tau^2) and its covariance."""
    tau: float
    cov: np.ndarray


def optimal_posterior(H, theta, n, delta, sigma):
    """[Fukumizu 2019, supplement G.2.1] The covariance that minimises (40), and its tau, which is not free.

        C = tau^2 (H + tau^2 / sigma^2 I)^-1,    tau^2 = sqrt(2 / ((n - 1) (KL(tau) + ln(n / delta))))

    Parameters
    ----------
    H : (d, d) array, Hessian of the MEAN loss, positive semidefinite
    theta : (d,) array, the mean of Q
    n : int >= 2
    delta : float in (0, 1)
    sigma : float > 0

    Returns
    -------
    Posterior(tau, cov); no rank is decided, cov tends to sigma^2 where h goes to 0.

    Raises
    ------
    ValueError
        If an argument is bad.

    Notes
    -----
    The fixed point is unique (module docstring, 4.). The bisection is over log tau^2, 64 halvings of [-1400, high] to
    rounding; at the left end the right side, whose KL is below 1e308, is the larger.
    """
    H, theta, sigma = check_curvature("H", H), check_array("theta", theta, 1), check_positive("sigma", sigma)
    _, _, n, delta = check_bound(0.0, 0.0, n, delta)
    check_same_length("H", H, "theta", theta)
    h, U = np.linalg.eigh(H)
    with np.errstate(divide="ignore", over="ignore"):               # log 0 = -inf is right: u = 0
        log_h, distance = np.log(h.clip(0)) + 2 * np.log(sigma), ((theta / sigma) ** 2).sum() / 2
    check_overflow("|theta|^2 / sigma^2", distance)
    constant = distance + np.log(n) - np.log(delta)

    def right_side(log_tau2):                                       # log of sqrt(2 / ((n - 1) (KL + ln(n / delta))))
        log_u = log_h - log_tau2
        kl = (np.logaddexp(0, log_u) - np.exp(-np.logaddexp(0, -log_u))).sum() / 2
        return (np.log(2 / (n - 1)) - np.log(kl + constant)) / 2

    low, high = -1400.0, (np.log(2 / (n - 1)) - np.log(constant)) / 2           # the right end has the least KL, u = 0
    for _ in range(64):
        middle = (low + high) / 2
        low, high = (middle, high) if middle < right_side(middle) else (low, middle)
    with np.errstate(over="ignore"):
        c = np.exp(2 * np.log(sigma) - np.logaddexp(0, log_h - high))           # sigma^2 / (1 + u) = tau^2 / (h + ...)
    check_overflow("the covariance", c)
    return Posterior(float(np.exp(high / 2)), (U * c) @ U.T)


# ---------------------------------------------------------------------------------------------
# The experiment of Fig. 2: data, and nets of zero error through them
# ---------------------------------------------------------------------------------------------

def draw_data(n, noise, *, rng=None):
    """[Fukumizu 2019, Sec. 5.2] n inputs, one in each of n equal parts of [-1, 1], and noise for the targets.

        x_i = -1 + 2 (i + U_i) / n, i = 0..n-1, U_i uniform;   eps_i ~ N(0, noise^2);   targets are t(x) + eps

    Parameters
    ----------
    n : int >= 1
    noise : float >= 0, standard deviation; the paper has 0.1
    rng : seed or numpy Generator

    Returns
    -------
    x, eps : (n,) arrays

    Raises
    ------
    ValueError
        If an argument is bad.

    Notes
    -----
    One input in each part is a choice: the paper does not say how its inputs lie.
    """
    check_seed(rng)
    n, noise = check_number("n", n, 1, whole=True), check_number("noise", noise, 0, 1e150)
    rng = np.random.default_rng(rng)
    return -1 + 2 * (np.arange(n) + rng.random(n)) / n, noise * rng.normal(size=n)


def relu_units_needed(x, y):
    """[beyond the papers] A lower bound on the ReLU units (without output bias) of a net through n points.

    d_i, the change of slope at x_i, is the sum of the kinks of f in (x_(i-1), x_(i+1)) with positive weights: where it
    is positive, there is a kink upwards. One kink lies in at most two of these intervals, and they are neighbours. So
    a run of r differences of one sign needs ceil(r / 2) kinks of that sign, and no kink serves two runs:

        K = sum over runs ceil(r / 2)

    Parameters
    ----------
    x : (n,) array, distinct
    y : (n,) array

    Returns
    -------
    int: no net with fewer units passes through the points; targets count as good to 16 eps of the largest, so terms
        that cancel to much smaller ones can leave kinks of rounding. With K units there may or may not be a net.

    Raises
    ------
    ValueError
        If an argument is bad, x has equal entries, or x and y differ in length.
    """
    x, y = check_points(x, y)
    order = np.argsort(x)
    dx, dy = np.diff(x[order]), np.diff(y[order])
    with np.errstate(over="ignore", invalid="ignore"):
        d = np.diff(dy / dx)                                        # (n - 2,)
        rounding = 16 * EPS * np.abs(y).max() * (1 / dx[1:] + 1 / dx[:-1])      # of targets good to 16 eps
    check_overflow("a slope between two points", d, rounding)
    sign = np.sign(d) * (np.abs(d) > rounding)                      # collinear points need no kink
    starts = np.flatnonzero(np.diff(sign, prepend=np.nan) != 0)     # of the runs, the first included
    lengths = np.diff(starts, append=len(sign))
    return int(((lengths + 1) // 2)[sign[starts] != 0].sum())


def squared_error(theta, like, X, Y, act):
    """[Fukumizu 2019, Sec. 5.2] |f - y|^2, summed over samples and outputs (twice the square loss), of a stack of nets.

    Parameters
    ----------
    theta : (B, P) array
    like : list of arrays, the shapes
    X, Y : (n, D) and (n, M) arrays
    act : Activation

    Returns
    -------
    (B,) array
    """
    f = forward_pass(unstack(theta, like), X, act)[1][-1]           # (B, n, M)
    return ((f - Y) ** 2).sum(axis=(1, 2))


def polish(weights, X, Y, act, *, goal=1e-29, rounds=50, rng=None):
    """[beyond the papers] Below the rounding floor of Newton's method: random moves of up to 2 ulp of each weight.

    512 moves a round, of all weights or of a few; the best is taken if it lowers |f - y|^2.

    Parameters
    ----------
    weights : list of arrays, a net through the points up to rounding
    X, Y : (n, D) and (n, M) arrays
    act : Activation
    goal : float, stop below it
    rounds : int
    rng : seed or numpy Generator

    Returns
    -------
    list of arrays; the error is never larger than before. The gain is luck among roundings: it says nothing about the
        net, it satisfies the paper's "< 10^-29".

    Raises
    ------
    ValueError
        If an argument is bad.
    """
    check_seed(rng)
    weights, X, Y = check_net(weights, X, act, Y)
    goal, rounds = check_number("goal", goal, 0), check_number("rounds", rounds, 0, whole=True)
    rng, theta = np.random.default_rng(rng), flatten(weights)
    with np.errstate(over="ignore", invalid="ignore"):
        best = squared_error(theta[None], weights, X, Y, act)[0]
    check_overflow("the squared error", best)
    for _ in range(rounds):
        if best < goal:
            break
        some = rng.random((512, len(theta))) < rng.random((512, 1))             # from few of the weights to all
        trial = theta + some * rng.integers(-2, 3, size=some.shape) * np.spacing(np.abs(theta))
        with np.errstate(over="ignore", invalid="ignore"):          # a move that overflows is not taken
            errors = squared_error(trial, weights, X, Y, act)
        if errors.min() < best:
            best, theta = errors.min(), trial[errors.argmin()]
    return unflatten(theta, weights)


def kinked_starts(x, units, count, *, rng=None):
    """[beyond the papers] Random nets whose units bend within the data: w = +-3 e^(Z / 2), Z normal, b = w t.

    Parameters
    ----------
    x : (n,) array
    units, count : int
    rng : seed or numpy Generator

    Returns
    -------
    list of `count` nets [W1 (units, 2), W2 (1, units)]; t is uniform on the range of x, W2 standard normal.

    Raises
    ------
    ValueError
        If an argument is bad.
    """
    check_seed(rng)
    x = check_array("x", x, 1)
    check_moderate("x", x)
    units, count = check_number("units", units, 1, whole=True), check_number("count", count, 1, whole=True)
    rng, size = np.random.default_rng(rng), (count, units)
    w = 3 * np.exp(rng.normal(size=size) / 2) * rng.choice([-1.0, 1.0], size=size)
    t, v = rng.uniform(x.min(), x.max(), size=size), rng.normal(size=size)
    return [[np.column_stack(rows), row[None]] for *rows, row in zip(w, w * t, v)]


def smallest_zero_error(nets, x, y, act, *, goal=1e-29, rng=None):
    """[Fukumizu 2019, Sec. 5.2] Of nets that should pass through n points the one of smallest norm that does, polished.

    For ReLU `nets` are relu_interpolants(x, y, units), for other units the weights that landscape.fit_many finds from
    kinked_starts; with n = 10 and 5 units about four in five arrive for tanh, and for smooLU one in twenty, from one in
    a hundred to one in ten by the data set.

    Parameters
    ----------
    nets : list of nets of one shape [W1, W2], one input and one output; it may be empty
    x, y : (n,) arrays
    act : Activation
    goal : float, the squared error to get below
    rng : seed or numpy Generator, for the last digits (`polish`)

    Returns
    -------
    [W1, W2], or None if none of them gets there.

    Raises
    ------
    ValueError
        If an argument is bad.
    """
    check_seed(rng)
    x, y = check_points(x, y)
    goal = check_number("goal", goal, 0, 1e150)
    nets = check_candidates(nets, x, y, act)
    rng, X, Y = np.random.default_rng(rng), x[:, None], y[:, None]
    with np.errstate(over="ignore", invalid="ignore"):              # a net whose output overflows is passed over
        errors = [squared_error(flatten(net)[None], net, X, Y, act)[0] for net in nets]
        norms = [np.hypot.reduce(flatten(net)) for net in nets]
    for k in np.argsort(norms):
        if errors[k] < 100 * goal and norms[k] < 1e150:             # polishing gains a factor of some ten
            net = polish(nets[k], X, Y, act, goal=goal, rng=rng)
            if squared_error(flatten(net)[None], net, X, Y, act)[0] < goal:
                return net
    return None


class Experiment(NamedTuple):
    """[Fukumizu 2019, Sec. 5.2] Data, and a net of zero error for each problem.

    x, eps: inputs and noise; nets: name -> weights; refused: reason -> number of data sets drawn before and refused
    for it.
    """
    x: np.ndarray
    eps: np.ndarray
    nets: dict
    refused: dict


def draw_experiment(problems, *, n=10, noise=0.1, most_draws=1000, rng=None):
    """[Fukumizu 2019, Sec. 5.2] Data sets are drawn until all nets have zero error, and the refused ones are counted.

    The targets are t(x) + eps, with the same x and eps for all problems. demo.five_units has the paper's: teachers of
    one unit, nets of H_0 = 5 units.

    Parameters
    ----------
    problems : dict, name -> (t, fit): the teacher t(x), and fit(x, y, rng), which returns a net through the points or,
        as a str, why it has none
    n : int >= 1, number of points
    noise : float >= 0, standard deviation of eps
    most_draws : int
    rng : seed or numpy Generator

    Returns
    -------
    Experiment(x, eps, nets, refused)

    Raises
    ------
    ValueError
        If an argument is bad, or no data set in most_draws can be fitted.

    Notes
    -----
    About one data set in ten can be fitted by 5 ReLU units at all: the paper's experiment is one on chosen data.
    """
    check_seed(rng)
    check_problems(problems)
    most_draws = check_number("most_draws", most_draws, 1, whole=True)
    rng, refused = np.random.default_rng(rng), {}
    for _ in range(most_draws):
        (x, eps), nets = draw_data(n, noise, rng=rng), {}
        for name, (t, fit) in problems.items():
            nets[name] = fit(x, t(x) + eps, rng)
            if isinstance(nets[name], str):
                refused[nets[name]] = refused.get(nets[name], 0) + 1
                break
        else:
            return Experiment(x, eps, nets, refused)
    raise ValueError(f"none of {most_draws} data sets can be fitted: {refused}; draw more, or with less noise")


# ---------------------------------------------------------------------------------------------
# The experiment of Fig. 2: perturbed wide nets, measured and in closed form
# ---------------------------------------------------------------------------------------------

def uniform_nodes(count=100):
    """[Fukumizu 2019, Sec. 5.2] Gauss-Legendre: E h(x) = sum_q p_q h(x_q) for x uniform on [-1, 1].

    Parameters
    ----------
    count : int; exact for polynomials of degree 2 count - 1

    Returns
    -------
    X : (count, 1) array
    p : (count,) array, sum 1

    Raises
    ------
    ValueError
        If count is no positive whole number.
    """
    count = check_number("count", count, 1, whole=True)
    x, p = np.polynomial.legendre.leggauss(count)
    return x[:, None], p / 2


class Ratio(NamedTuple):
    """[Fukumizu 2019, Fig. 2b] E G(N_H) / E G(N_H0), its standard error, and the means E G(N_H) themselves."""
    ratio: np.ndarray
    error: np.ndarray
    mean: np.ndarray


def ratio_of_means(G):
    """[Fukumizu 2019, Fig. 2b] mean G_k / mean G_0 for each row k, with its standard error by the delta method.

        R = mean G_k / mean G_0,     error = std(G_k - R G_0) / (sqrt(T) mean G_0)

    Parameters
    ----------
    G : (k + 1, T) array, a row of T trials for G_0, then one for each width; the trials may share draws

    Returns
    -------
    Ratio(ratio (k,), error (k,), mean (k,))

    Raises
    ------
    ValueError
        If there are fewer than 2 trials, or mean G_0 is not positive.
    """
    G = check_trials(G)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = G.mean(axis=1)
        ratio = mean[1:] / mean[0]
        error = (G[1:] / mean[0] - ratio[:, None] * (G[0] / mean[0])).std(axis=1, ddof=1) / np.sqrt(G.shape[1])
    check_overflow("the ratio of the errors", ratio, error, mean)
    return Ratio(ratio, error, mean[1:])


def defaults(weights, X, p, rho, w0=None):
    """[Fukumizu 2019, Sec. 5.2] What None stands for: p = 1 / q for all inputs, rho = 0.01 |theta|, w0 = 0.

    Returns
    -------
    p (q,), rho, w0 (D',)
    """
    return (np.full(len(X), 1 / len(X)) if p is None else p,
            0.01 * float(np.linalg.norm(flatten(weights))) if rho is None else rho,
            np.zeros(weights[0].shape[1]) if w0 is None else w0)


def generalization_ratio(weights, X, Y, act, surplus, *, p=None, rho=None, w0=None, spread_v=1.0, spread_w=0.0,
                         trials=1000, rng=None):
    """[Fukumizu 2019, Fig. 2b] Perturb the net and E surplus units; the ratio of mean errors to those with E = 0.

        G = sum_q p_q |f(x_q) - t(x_q)|^2,     all parameters + N(0, rho^2)
        surplus unit, in each trial anew: v_j ~ N(0, spread_v^2), w_j ~ N(w0, spread_w^2)

    Inactive units: spread_v = 1, spread_w = 0, and w0 = 0 for tanh, w0 = (0, 2) (a bias of 2) for ReLU and smooLU.
    Inactive propagation: spread_v = 0, spread_w = 1. Both inactive: both 0. With a net `net` of one input,

        X, p = uniform_nodes()
        generalization_ratio(net, X, np.tanh(X), TANH, range(0, 50, 5), p=p, rng=0).ratio

    Parameters
    ----------
    weights : [W1, W2], a net with one hidden layer; each with or without biases
    X, Y : (q, D) and (q, M) arrays: inputs to be tested at, and the noise-free teacher there
    act : Activation
    surplus : list of numbers E >= 0 of surplus units
    p : (q,) array, the weights of the inputs, all 1 / q if None; see uniform_nodes
    rho : float > 0, the perturbation; None: 0.01 |theta|, the paper's
    w0 : (D',) array, None: 0
    spread_v, spread_w : float >= 0
    trials : int >= 2
    rng : seed or numpy Generator

    Returns
    -------
    Ratio(ratio, error, mean), an entry for each of `surplus`. Within a trial the widths share their draws (E = 10 has
        the units of E = 5 and five more): the errors of the entries are correlated.

    Raises
    ------
    ValueError
        If an argument is bad, or the net has not one hidden layer.

    Notes
    -----
    The paper does not say how v is chosen, nor where its ReLU units are; both are choices here, and decide the
    result: with v = 0 tanh hardly grows, with w0 = 0 ReLU does
    (tests/test_pacbayes.py::test_caveats_v_of_zero_and_relu_at_w_zero).
    """
    check_seed(rng)
    weights, X, Y, surplus, p, rho, w0, spread_v, spread_w = check_experiment(weights, X, Y, act, surplus, p, rho, w0,
                                                                              spread_v, spread_w)
    p, rho, w0 = defaults(weights, X, p, rho, w0)
    trials = check_number("trials", trials, 2, whole=True)
    rng, theta = np.random.default_rng(rng), flatten(weights)
    f = forward_pass(unstack(theta + rho * rng.normal(size=(trials, len(theta))), weights), X, act)[1][-1]  # (T, q, M)
    inputs, G = augment(weights[0], X), np.empty((max(surplus) + 1, trials))
    for E in range(len(G)):                                         # one unit more each time, so all widths are met
        if E > 0:
            w = w0 + spread_w * rng.normal(size=(trials, len(w0))) + rho * rng.normal(size=(trials, len(w0)))
            v = spread_v * rng.normal(size=(trials, Y.shape[1])) + rho * rng.normal(size=(trials, Y.shape[1]))
            f += act.f(w @ inputs.T)[:, :, None] * v[:, None]
        G[E] = ((f - Y) ** 2).sum(axis=2) @ p
    return ratio_of_means(G[[0, *surplus]])


def unit_moments(mean, deviation, act):
    """[beyond the papers] E phi(z) and E phi(z)^2 for z ~ N(mean, deviation^2), entry by entry.

    By the trapezoidal rule over 9 standard deviations in steps of 0.03: to rounding for analytic phi (for tanh up to
    deviations of about 9, poles being pi / 2 away); for smooLU, smooth but not analytic at 0, to 1e-11 at a deviation
    of 1 and 1e-5 at 9; to 1e-4 deviations at a kink. Gauss-Hermite is coarser at kinks.

    Parameters
    ----------
    mean, deviation : arrays that broadcast; deviation >= 0
    act : Activation

    Returns
    -------
    m, q : arrays; q - m^2 is the variance of phi(z)
    """
    Z = np.linspace(-9, 9, 601)
    density = 0.03 * np.exp(-Z ** 2 / 2) / np.sqrt(2 * np.pi)       # times the step; Z[1] - Z[0] has rounded to 1e-14
    phi = act.f(np.asarray(mean)[..., None] + np.asarray(deviation)[..., None] * Z)
    return phi @ density, phi ** 2 @ density


def predicted_error(weights, X, Y, act, *, p=None, rho=None):
    """[beyond the papers] E G of the perturbed net with one hidden layer, from means and variances of its units.

        E_x [ |sum_i zeta_i m_i - c - t|^2 + sum_i (|zeta_i|^2 (q_i - m_i^2) + M rho^2 q_i) ]    + M rho^2 with biases c

    Parameters
    ----------
    weights, X, Y, act, p, rho : as in generalization_ratio

    Returns
    -------
    float, in units of the outputs squared; exact but for the quadrature of unit_moments

    Raises
    ------
    ValueError
        If an argument is bad, or the net has not one hidden layer.
    """
    weights, X, Y, _, p, rho, *_ = check_experiment(weights, X, Y, act, [0], p, rho, None, 0, 0)
    p, rho, _ = defaults(weights, X, p, rho)
    inputs, (W1, W2) = augment(weights[0], X), weights
    m, q = unit_moments(inputs @ W1.T, rho * np.linalg.norm(inputs, axis=1)[:, None], act)     # (nodes, H0)
    zeta, M, bias = W2[:, :len(W1)], len(W2), W2.shape[1] - len(W1)
    mean = augment(W2, m) @ W2.T                                    # (nodes, M)
    variance = (q - m ** 2) @ (zeta ** 2).sum(axis=0) + M * rho ** 2 * (q.sum(axis=1) + bias)
    return float(p @ (((mean - Y) ** 2).sum(axis=1) + variance))


def surplus_slope(inputs, act, M, *, p, rho, w0, spread_v=1.0, spread_w=0.0):
    """[beyond the papers] What each surplus unit adds to E G, exactly: M (s_v^2 + rho^2) kappa.

        kappa = E_x E_Z phi(w0 . a~ + sqrt(s_w^2 + rho^2) |a~| Z)^2

    Parameters
    ----------
    inputs : (q, D') array, a~
    act : Activation
    M : int, number of outputs
    p : (q,) array, weights of the inputs
    rho, spread_v, spread_w : float >= 0
    w0 : (D',) array

    Returns
    -------
    float; for w0 = 0, s_w = 0 and smooth phi with phi(0) = 0 kappa is phi'(0)^2 rho^2 E|a~|^2 + O(rho^4).

    Raises
    ------
    ValueError
        If an argument is bad.
    """
    inputs, M, p, rho, w0, spread_v, spread_w = check_slope(inputs, act, M, p, rho, w0, spread_v, spread_w)
    kappa = p @ unit_moments(inputs @ w0, np.hypot(spread_w, rho) * np.linalg.norm(inputs, axis=1), act)[1]
    return float(M * (spread_v ** 2 + rho ** 2) * kappa)


def predicted_ratio(weights, X, Y, act, surplus, *, p=None, rho=None, w0=None, spread_v=1.0, spread_w=0.0):
    """[beyond the papers] The ratio of Fig. 2b in closed form: nothing in it is measured, nothing is to second order.

        1 + E slope / E G(N_H0)

    Parameters
    ----------
    as in generalization_ratio

    Returns
    -------
    array, an entry for each of `surplus`

    Raises
    ------
    ValueError
        If an argument is bad, or the net has not one hidden layer.
    """
    weights, X, Y, surplus, p, rho, w0, spread_v, spread_w = check_experiment(weights, X, Y, act, surplus, p, rho, w0,
                                                                              spread_v, spread_w)
    p, rho, w0 = defaults(weights, X, p, rho, w0)
    slope = surplus_slope(augment(weights[0], X), act, Y.shape[1], p=p, rho=rho, w0=w0, spread_v=spread_v,
                          spread_w=spread_w)
    error = predicted_error(weights, X, Y, act, p=p, rho=rho)
    check_positive("the error of the narrow net", error)
    return 1 + np.array(surplus) * slope / error


def replicated_ratio(weights, X, Y, act, surplus, *, unit=0, p=None, rho=None, trials=1000, rng=None):
    """[Fukumizu 2019, Fig. 2b] The ratio for unit replication: w_j = u, v_j = zeta / (E + 1), all + N(0, rho^2).

    Parameters
    ----------
    weights, X, Y, act, surplus, p, rho, trials, rng : as in generalization_ratio
    unit : int, the unit that is replicated E times

    Returns
    -------
    Ratio(ratio, error, mean); the widths share their draws

    Raises
    ------
    ValueError
        If an argument is bad, or the net has not one hidden layer.
    """
    check_seed(rng)
    weights, X, Y, surplus, p, rho, *_ = check_experiment(weights, X, Y, act, surplus, p, rho, None, 0, 0)
    p, rho, _ = defaults(weights, X, p, rho)
    unit = check_number("unit", unit, 0, len(weights[0]) - 1, whole=True)
    trials = check_number("trials", trials, 2, whole=True)
    rng, theta = np.random.default_rng(rng), flatten(weights)
    nets = unstack(theta + rho * rng.normal(size=(trials, len(theta))), weights)
    (inputs, hidden), (_, f0) = forward_pass(nets, X, act)
    u, zeta, first = weights[0][unit], weights[1][:, unit], hidden[:, :, unit]      # (D',), (M,), (T, q)
    same, noise = np.zeros_like(f0), np.zeros_like(f0)              # sum of phi_j - first, sum of rho z_j phi_j
    G = np.empty((max(surplus) + 1, trials))
    for E in range(len(G)):
        if E > 0:
            phi = act.f((u + rho * rng.normal(size=(trials, len(u)))) @ inputs.T)   # (T, q)
            same += (phi - first)[:, :, None]
            noise += phi[:, :, None] * (rho * rng.normal(size=(trials, len(zeta))))[:, None]
        G[E] = ((f0 + same * zeta / (E + 1) + noise - Y) ** 2).sum(axis=2) @ p
    return ratio_of_means(G[[0, *surplus]])


def predicted_replicated_ratio(weights, X, Y, act, surplus, *, unit=0, p=None, rho=None):
    """[beyond the papers] replicated_ratio in closed form: the noise of the v_j adds up, that of the w_j averages out.

        1 + (E M rho^2 E_x q - |zeta|^2 E_x (q - m^2) E / (E + 1)) / E G(N_H0)

    Parameters
    ----------
    as in replicated_ratio

    Returns
    -------
    array, an entry for each of `surplus`; it can be below 1.

    Raises
    ------
    ValueError
        If an argument is bad, or the net has not one hidden layer.
    """
    weights, X, Y, surplus, p, rho, *_ = check_experiment(weights, X, Y, act, surplus, p, rho, None, 0, 0)
    p, rho, _ = defaults(weights, X, p, rho)
    unit = check_number("unit", unit, 0, len(weights[0]) - 1, whole=True)
    E, inputs, zeta = np.array(surplus), augment(weights[0], X), weights[1][:, unit]
    m, q = unit_moments(inputs @ weights[0][unit], rho * np.linalg.norm(inputs, axis=1), act)
    added = E * len(zeta) * rho ** 2 * (p @ q) - (zeta ** 2).sum() * (p @ (q - m ** 2)) * E / (E + 1)
    error = predicted_error(weights, X, Y, act, p=p, rho=rho)
    check_positive("the error of the narrow net", error)
    return 1 + added / error


# ---------------------------------------------------------------------------------------------
# Validation: one call at the top of a function; leave it out when you copy the function.
# ---------------------------------------------------------------------------------------------

def check_positive(name, value):
    """[the project] `value` as a float > 0, or a ValueError that names it.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If it is no finite number above 0.
    """
    value = check_number(name, value, 0)
    if value == 0:
        raise ValueError(f"{name} is 0, it should be positive")
    return value


def check_same_length(name, a, other, b):
    """[the project] Refuse two arrays of different length.

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If the first axes differ.
    """
    if len(a) != len(b):
        raise ValueError(f"{name} has length {len(a)} and {other} {len(b)}, they should have the same")


def check_moderate(name, array):
    """[the project] Refuse entries whose squares overflow.

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If an entry is above 1e150 in size.
    """
    if np.abs(array).max() > 1e150:
        raise ValueError(f"{name} holds {np.abs(array).max():.1e}, it should stay below 1e150: squares would overflow")


def check_curvature(name, H):
    """[the project] H as a symmetric positive semidefinite float64 matrix, or a ValueError that names it.

    Returns
    -------
    (d, d) float64 array

    Raises
    ------
    ValueError
        If it is not square, finite and symmetric, or has an eigenvalue below -1e-9 of the largest.
    """
    H = check_symmetric(name, H)
    values = np.linalg.eigvalsh(H)
    if values[0] < -1e-9 * np.abs(values).max():                    # rounding of a Hessian at a minimum stays below
        raise ValueError(f"{name} has the eigenvalue {values[0]:.1e}, it should have none below 0: this is no minimum")
    return H


def check_gaussian(mean_name, mean, cov_name, cov):
    """[the project] Mean and covariance of a Gaussian that has a density, or a ValueError that names them.

    Returns
    -------
    mean, cov

    Raises
    ------
    ValueError
        If shapes do not fit, or cov is not symmetric and positive definite to rounding in units of its diagonal.
    """
    mean, cov = check_array(mean_name, mean, 1), check_symmetric(cov_name, cov)
    check_same_length(mean_name, mean, cov_name, cov)
    variance = np.diag(cov)
    if (variance <= 0).any():
        raise ValueError(f"{cov_name} has the entry {variance.min():.1e} on its diagonal, it should be positive: "
                         "without a density the KL is infinite")
    scale = np.sqrt(variance)
    with np.errstate(over="ignore"):
        correlation = cov / scale / scale[:, None]                  # eigenvalues free of units
    least = np.linalg.eigvalsh(correlation)[0] if np.isfinite(correlation).all() else -np.inf
    if least <= len(cov) * EPS:
        raise ValueError(f"{cov_name} is singular or indefinite (smallest eigenvalue {least:.1e} in units of its "
                         "diagonal), it should be positive definite: without a density the KL is infinite")
    return mean, cov


def check_embedded(theta0, v, H0, S=...):
    """[the project] Arguments of kl_smooth and kl_relu that fit each other, or a ValueError.

    Returns
    -------
    (theta0, v, H0), or (theta0, v, H0, S) if S is given

    Raises
    ------
    ValueError
        If a shape does not fit, or a Hessian is not symmetric and positive semidefinite.
    """
    theta0, v, H0 = check_array("theta0", theta0, 1), check_array("v", v, 2), check_curvature("H0", H0)
    check_same_length("H0", H0, "theta0", theta0)
    if S is ...:
        return theta0, v, H0
    S = check_curvature("S", S)
    if len(S) % len(v):
        raise ValueError(f"S has shape {S.shape}, it should have E D' rows: a multiple of E = {len(v)}, the rows of v")
    return theta0, v, H0, S


def check_bound(risk, kl, n, delta, name="empirical_risk"):
    """[the project] Arguments of pac_bayes_bound in their ranges, the first of them called `name`, or a ValueError.

    Returns
    -------
    risk, kl, n, delta

    Raises
    ------
    ValueError
        If one is out of its range.
    """
    risk, kl = check_number(name, risk, 0, 1), check_number("kl", kl, 0)
    n, delta = check_number("n", n, 2, whole=True), check_number("delta", delta, 0, 1)
    if delta in (0, 1):
        raise ValueError(f"delta is {delta}, it should lie between 0 and 1, both excluded")
    return risk, kl, n, delta


def check_points(x, y):
    """[the project] Points on the line as two float64 arrays, or a ValueError.

    Returns
    -------
    x, y

    Raises
    ------
    ValueError
        If they are not (n,) both, or x has equal entries.
    """
    x, y = check_array("x", x, 1), check_array("y", y, 1)
    check_same_length("x", x, "y", y)
    check_moderate("x", x)
    check_moderate("y", y)
    if len(np.unique(x)) < len(x):
        raise ValueError("x has equal entries, they should be distinct")
    return x, y


def check_candidates(nets, x, y, act):
    """[the project] A list of nets with one input and one output, as float64 arrays, or a ValueError.

    Returns
    -------
    list of lists of arrays

    Raises
    ------
    ValueError
        If nets is no list, or an element is no such net.
    """
    if not isinstance(nets, (list, tuple)):
        raise ValueError(f"nets is {type(nets).__name__}, it should be a list of nets [W1, W2]")
    checked = []
    for k, net in enumerate(nets):
        try:
            checked.append(check_net(net, x[:, None], act, y[:, None])[0])
        except ValueError as error:
            raise ValueError(f"nets[{k}]: {error}") from None
    return checked


def check_problems(problems):
    """[the project] Refuse what is no dict of a teacher and a fit for each name.

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If it is empty or a value is no pair of functions.
    """
    if not isinstance(problems, dict) or not problems:
        raise ValueError(f"problems is {problems!r}, it should be a dict of pairs: name -> (teacher, fit)")
    for name, pair in problems.items():
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or not all(map(callable, pair)):
            raise ValueError(f"problems[{name!r}] is {pair!r}, it should be a pair of functions: (teacher, fit)")


def check_trials(G):
    """[the project] Errors of trials as a float64 array, or a ValueError.

    Returns
    -------
    (k + 1, T) array

    Raises
    ------
    ValueError
        If there are fewer than two trials, a single row, or the errors of the first row have no positive mean.
    """
    G = check_array("G", G, 2)
    if len(G) < 2 or G.shape[1] < 2:
        raise ValueError(f"G has shape {G.shape}, it should have a row for E = 0, others, and two trials or more")
    with np.errstate(over="ignore"):
        positive = G[0].mean() > 0
    if not positive:
        raise ValueError("G has a first row of mean 0: the narrow net makes no error, a ratio to it does not exist")
    return G


def check_chances(p, name, inputs):
    """[the project] The weights of the inputs called `name`, or a ValueError.

    Returns
    -------
    (q,) array

    Raises
    ------
    ValueError
        If they are not as many as the inputs, one is negative, or the sum is not 1.
    """
    p = check_array("p", p, 1)
    check_same_length("p", p, name, inputs)
    with np.errstate(over="ignore"):
        total = p.sum()
    if (p < 0).any() or not abs(total - 1) <= 1e-9:
        raise ValueError(f"p has the sum {total}, it should have no negative entry and the sum 1")
    return p


def check_below_1e30(names, *arrays):
    """[the project] Refuse entries of which a product of six overflows, as G holds them.

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If an entry is above 1e30 in size.
    """
    largest = max(np.abs(a).max() for a in arrays)
    if largest > 1e30:
        raise ValueError(f"{names} hold {largest:.1e}, they should stay below 1e30: G would overflow")


def check_slope(inputs, act, M, p, rho, w0, spread_v, spread_w):
    """[the project] Arguments of surplus_slope that fit each other, or a ValueError.

    Returns
    -------
    inputs, M, p, rho, w0, spread_v, spread_w

    Raises
    ------
    ValueError
        If an argument is bad.
    """
    inputs, w0 = check_array("inputs", inputs, 2), check_array("w0", w0, 1)
    check_functions("act", act, ("f", "df", "d2f"), "an Activation such as TANH")
    M, p = check_number("M", M, 1, whole=True), check_chances(p, "inputs", inputs)
    if len(w0) != inputs.shape[1]:
        raise ValueError(f"w0 has length {len(w0)}, it should be {inputs.shape[1]}, the columns of inputs")
    rho, spread_v = check_number("rho", rho, 0, 1e30), check_number("spread_v", spread_v, 0, 1e30)
    check_below_1e30("inputs or w0", inputs, w0)
    return inputs, M, p, rho, w0, spread_v, check_number("spread_w", spread_w, 0, 1e30)


def check_experiment(weights, X, Y, act, surplus, p, rho, w0, spread_v, spread_w):
    """[the project] Arguments of generalization_ratio that fit each other, or a ValueError.

    Returns
    -------
    weights, X, Y, surplus, p, rho, w0, spread_v, spread_w; p, rho, w0 None stay None

    Raises
    ------
    ValueError
        If an argument is bad.
    """
    weights, X, Y = check_net(weights, X, act, Y)
    if len(weights) != 2:
        raise ValueError(f"weights holds {len(weights)} matrices, it should hold two: one hidden layer")
    if not isinstance(surplus, (list, tuple, range, np.ndarray)) or len(surplus) == 0:
        raise ValueError(f"surplus is {surplus!r}, it should be a list of numbers of units, such as [0, 5, 10]")
    surplus = [check_number("an element of surplus", E, 0, whole=True) for E in surplus]
    p = p if p is None else check_chances(p, "X", X)
    if w0 is not None:
        w0 = check_array("w0", w0, 1)
        if len(w0) != weights[0].shape[1]:
            raise ValueError(f"w0 has length {len(w0)}, it should be {weights[0].shape[1]}, the columns of weights[0]")
    rho = rho if rho is None else check_number("rho", rho, 0, 1e30)
    spread_v, spread_w = check_number("spread_v", spread_v, 0, 1e30), check_number("spread_w", spread_w, 0, 1e30)
    check_below_1e30("weights, X, Y or w0", *weights, X, Y, 0.0 if w0 is None else w0)
    return weights, X, Y, surplus, p, rho, w0, spread_v, spread_w
