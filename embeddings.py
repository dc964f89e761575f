"""A network inside a wider one: the embeddings, and coordinates in which what they add is seen.

Letters and shapes are those of landscape.py. One layer q is widened (`layer` in code: any hidden layer of a net of
any depth, 0 is the first), from H0 to H = H0 + E units:

    u_i, zeta_i   row i of W_q, (D',) with the bias, and column i of W_(q+1), (M',), of the narrow net
    w_j, v_j      the same of the wide net; j = 0..E count the copies of one unit, or j = 1..E the surplus units
    a~            the inputs of layer q, (n, D'); for q = 0 they are x~
    lam, gamma, beta   lambda and, for ReLU, gamma and beta, (E + 1,); A is (E, E + 1)

In code surplus units are rows: W (E, D') and V (E, M').

What the layer above sees of layer q is z_(q+1) = sum_i zeta_i phi(u_i . a~), minus its bias. All embeddings leave this
sum as it is, so all that follows, the outputs and delta, is the same [Fukumizu 2019, Proposition 1]:

    (I)     unit replication      w_j = u,  sum_j v_j = zeta                  sum_j v_j phi(u . a~) = zeta phi(u . a~)
            Eq. (4)               w_j = u,  v_j = lambda_j zeta,  sum lambda = 1
    (II)    inactive units        w_j = 0,  v_j any                           needs phi(0) = 0
    (III)   inactive propagation  w_j any,  v_j = 0
    (28)    both                  w_j = 0,  v_j = 0
    (I)_R   Eq. (9), ReLU         w_j = beta_j u,  v_j = gamma_j zeta         phi(beta t) = beta phi(t) for beta > 0,
                                  beta_j > 0,  sum gamma_j beta_j = 1         so sum_j gamma_j beta_j zeta phi(u . a~)
    (II)_R  Eq. (10)              w_j . a~_nu < 0 on the data,  v_j any       phi = 0 around w_j, on the data only

Stationary or not. By back-propagation, with the delta of layer q + 1, which is the narrow net's,

    dL/dv_j = sum_nu delta phi(w_j . a~)            dL/dw_j = sum_nu (delta . v_j) phi'(w_j . a~) a~       (26), (27)

At Eq. (4) they are dL/dzeta and lambda_j dL/du of the narrow net: stationary goes to stationary (Theorem 2). With
v_j not parallel to zeta dL/dw_j is new, and so are dL/dw_j in (II), dL/dv_j in (III), none of them 0 in general; both
are 0 in (28), and in (II)_R, where phi = phi' = 0.

Coordinates omega [Eq. (6)]. Of the copies, (a, b) moves all alike and (xi, eta) moves them apart:

    w_j = beta_j (b + sum_c A_cj eta_c)        v_j = lambda_j (a + sum_c A_cj xi_c)        A (lambda * beta) = 0    (6)

with beta = 1 for smooth units and lambda = gamma for ReLU. Since sum lambda_j beta_j = 1, z_(q+1) depends on (a, b) at
xi = eta = 0 as it does on (zeta, u), and not on (xi, eta) at first order: Lemma 3, for any phi if beta = 1, for ReLU
with every beta > 0. So with T = d theta / d omega (`omega_basis`), at any theta,

    J_wide T = [J_narrow, 0]                   T^T H_wide T = diag(H_narrow, 4-block)                               (8)

the 4-block in closed form in hessian.py. The inverse of (6), with C = A diag(lambda * beta) A^T:

    a = sum_j beta_j v_j,   b = sum_j lambda_j w_j,   xi = C^-1 A (beta * v),   eta = C^-1 A (lambda * w)
"""
from typing import NamedTuple

import numpy as np

from landscape import (
    RELU,
    TANH,
    check_array,
    check_functions,
    check_net,
    check_number,
    check_overflow,
    check_weights,
    forward_pass,
    unstack,
)

# ---------------------------------------------------------------------------------------------
# The embeddings: all are a few lines on add_units
# ---------------------------------------------------------------------------------------------

def add_units(weights, layer, W, V):
    """[Fukumizu 2019, Fig. 1] The wider net: rows w_j below W_q, columns v_j into W_(q+1), before its bias column.

    Parameters
    ----------
    weights : list of arrays
    layer : int, the hidden layer to widen, 0 is the first
    W : (E, D') array, incoming weights of the new units
    V : (E, M') array, their outgoing weights; E may be 0

    Returns
    -------
    list of arrays, none sharing memory with an argument. Nothing is said on what the new units do.

    Raises
    ------
    ValueError
        If an argument is bad, shapes do not fit, or the layer is not hidden.
    """
    weights, layer, W, V = check_surplus(weights, layer, W, V)
    wide, H0, above = [w.copy() for w in weights], len(weights[layer]), weights[layer + 1]
    wide[layer] = np.vstack([weights[layer], W])
    wide[layer + 1] = np.hstack([above[:, :H0], V.T, above[:, H0:]])
    return wide


def replicate_unit(weights, layer, unit, lam):
    """[Fukumizu 2019, Eq. 4] Unit replication theta_lambda: w_j = u, v_j = lam_j zeta, sum lam = 1.

    Parameters
    ----------
    weights : list of arrays
    layer, unit : int, the hidden layer (0 is the first) and the row of weights[layer] that is replicated
    lam : (copies,) array of any signs, zeros allowed; copy 0 stays in the unit's place, the others come last

    Returns
    -------
    list of arrays: the same function for every activation, and stationary if the narrow net is (Theorem 2).

    Raises
    ------
    ValueError
        If an argument is bad, the layer is not hidden, or lam does not sum to 1 (to 1e-9, relative).
    """
    weights, layer, unit, lam = check_unit(weights, layer, unit, "lam", lam)
    check_sum("lam", lam, 1.0)
    with np.errstate(over="ignore"):
        V = np.outer(lam, weights[layer + 1][:, unit])              # (copies, M')
    check_overflow("lam_j zeta", V)
    return split_unit(weights, layer, unit, V)


def split_unit(weights, layer, unit, V):
    """[Fukumizu 2019, Table 1] Unit replication in general, Pi_repl: w_j = u, sum_j v_j = zeta.

    Parameters
    ----------
    weights : list of arrays
    layer, unit : int
    V : (copies, M') array, its rows the v_j

    Returns
    -------
    list of arrays: the same function. If V is not of the form lam_j zeta, not stationary in general.

    Raises
    ------
    ValueError
        If an argument is bad, the layer is not hidden, or the rows do not sum to zeta (to 1e-9, relative).
    """
    weights, layer, unit, V = check_unit(weights, layer, unit, "V", V)
    check_sum("V", V, weights[layer + 1][:, unit])
    u = weights[layer][unit]
    wide = add_units(weights, layer, np.tile(u, (len(V) - 1, 1)), V[1:])
    wide[layer + 1][:, unit] = V[0]
    return wide


def inactive_units(weights, layer, V, act=TANH):
    """[Fukumizu 2019, Table 1] Inactive units, Pi_iu: w_j = 0, v_j any, for phi(0) = 0.

    Parameters
    ----------
    weights : list of arrays
    layer : int
    V : (E, M') array
    act : Activation

    Returns
    -------
    list of arrays: the same function; not stationary in general for smooth units, see first_order_blocks.

    Raises
    ------
    ValueError
        If an argument is bad, the layer is not hidden, or phi(0) is not 0 (sigmoid and softplus have no w with
        phi(w . a~) = 0 for all a~).
    """
    weights, layer, V = check_inactive(weights, layer, V, act)
    return add_units(weights, layer, np.zeros((len(V), weights[layer].shape[1])), V)


def inactive_propagation(weights, layer, W):
    """[Fukumizu 2019, Table 1] Inactive propagation, Pi_ip: w_j any, v_j = 0.

    Parameters
    ----------
    weights : list of arrays
    layer : int
    W : (E, D') array

    Returns
    -------
    list of arrays: the same function, for every activation; not stationary in general, see first_order_blocks.

    Raises
    ------
    ValueError
        If an argument is bad or the layer is not hidden.
    """
    weights, layer = check_layer(weights, layer)
    W = check_array("W", W, 2)
    return add_units(weights, layer, W, np.zeros((len(W), len(weights[layer + 1]))))


def inactive_units_and_propagation(weights, layer, count, act=TANH):
    """[Fukumizu 2019, supplement Eq. 28] Both inactive: w_j = 0, v_j = 0.

    Parameters
    ----------
    weights : list of arrays
    layer : int
    count : int, the number E of surplus units
    act : Activation with phi(0) = 0

    Returns
    -------
    list of arrays: the same function; stationary if the narrow net is. With F0 = phi'(0) sum_nu delta a~^T each new
        unit adds the eigenvalues +-(singular values of F0) to the Hessian: a saddle if F0 != 0.

    Raises
    ------
    ValueError
        If an argument is bad, the layer is not hidden, or phi(0) is not 0.

    Notes
    -----
    "No flat direction in general" in the supplement: L is exactly constant along all v_j (while w_j = 0) and along all
    w_j (while v_j = 0); only, these points are not stationary
    (tests/test_embeddings.py::test_erratum_the_doubly_inactive_point_has_flat_directions).
    """
    weights, layer = check_layer(weights, layer)
    count = check_number("count", count, 0, whole=True)
    if count == 0:
        return [w.copy() for w in weights]
    return inactive_units(weights, layer, np.zeros((count, len(weights[layer + 1]))), act)


# ---------------------------------------------------------------------------------------------
# ReLU
# ---------------------------------------------------------------------------------------------

def replicate_relu_unit(weights, layer, unit, gamma, beta=None):
    """[Fukumizu 2019, Eq. 9 and Theorem 10] Unit replication for ReLU: w_j = beta_j u, v_j = gamma_j zeta.

        beta_j > 0,   sum_j gamma_j beta_j = 1;   beta None: beta_j = 1 / sum gamma, the points of Theorem 10

    Parameters
    ----------
    weights : list of arrays
    layer, unit : int
    gamma : (copies,) array of any signs
    beta : (copies,) array, optional

    Returns
    -------
    list of arrays: the same function where phi is positively homogeneous (ReLU, leaky ReLU).

    Raises
    ------
    ValueError
        If an argument is bad, the layer is not hidden, a beta_j is not positive, gamma * beta does not sum to 1 (to
        1e-9, relative), or, without beta, gamma has no positive sum.

    Notes
    -----
    Theorem 10 says these are saddles if F != 0. With one unit (or output) in the next layer F = 0 at every stationary
    point with zeta != 0: there it says nothing
    (tests/test_embeddings.py::test_theorem_10_is_void_for_one_output).
    """
    weights, layer, unit, gamma = check_unit(weights, layer, unit, "gamma", gamma)
    beta = check_beta(gamma, beta)
    if beta is None:
        beta = np.full(len(gamma), 1 / gamma.sum())
    with np.errstate(over="ignore"):
        W, V = np.outer(beta, weights[layer][unit]), np.outer(gamma, weights[layer + 1][:, unit])
    check_overflow("beta_j u or gamma_j zeta", W, V)
    wide = add_units(weights, layer, W[1:], V[1:])
    wide[layer][unit], wide[layer + 1][:, unit] = W[0], V[0]
    return wide


def inactive_relu_units(weights, layer, V, X, *, K=1.0, act=RELU):
    """[Fukumizu 2019, Eq. 10 and Proposition 7] Units that are off on the data: weights 0, bias 2 K R, v_j any.

        R = max(1, max_nu |a_nu|),   w . a~ = w_wgt . a - w_bias <= K R - K R = 0 on the data for all w in
        B_K = {|w_wgt| <= K, K R <= w_bias <= 3 K R}

    Parameters
    ----------
    weights : list of arrays
    layer : int, a hidden layer with bias
    V : (E, M') array
    X : (n, D) array, the data
    K : float > 0 (the paper has K > 1; any will do)
    act : Activation, 0 on negatives: RELU, SMOOLU, RECTIFIED_TANH

    Returns
    -------
    list of arrays: the same outputs on X, also with each (v_j, w_j) moved anywhere in R^M' x B_K: the flat set has
        E (M' + D') dimensions. Off X, a unit moved within B_K can wake where |a| > R, and then the outputs differ.
        A local minimum stays one (Theorem 9), and the Hessian is the narrow net's with zeros around it (Eq. 12).

    Raises
    ------
    ValueError
        If an argument is bad, the layer is not hidden or has no bias, or phi is not 0 on negatives.

    Notes
    -----
    The paper has |x| <= 1, so R = 1; and calls the flat set R^M x B_K affine, though B_K is bounded
    (tests/test_embeddings.py::test_erratum_the_flat_set_of_proposition_7_is_bounded).
    """
    weights, layer, V, X, K = check_off(weights, layer, V, X, K, act)
    with np.errstate(over="ignore", invalid="ignore"):
        a = forward_pass(weights[:layer + 1], X, act)[0][layer][:, :-1]         # without the -1 of the bias
        bias = 2 * K * max(1.0, np.linalg.norm(a, axis=1).max())
    check_overflow("the bias 2 K R", bias)
    W = np.zeros((len(V), weights[layer].shape[1]))
    W[:, -1] = bias
    return add_units(weights, layer, W, V)


def flat_radius(weights, X, layer, unit, A, *, act=RELU):
    """[Fukumizu 2019, Proposition 8] The radius within which eta does not alter a replicated ReLU unit on the data.

        delta = min_nu |u . a~_nu| / (|a~_nu| max_j |A_:j|):   for |eta| < delta all b + sum_c A_cj eta_c keep the
        sign of u . a~_nu on every sample, and then sum_j gamma_j beta_j A_cj = 0 cancels eta

    Parameters
    ----------
    weights : list of arrays, the narrow net
    X : (n, D) array
    layer, unit : int
    A : (E, E + 1) array of Eq. (6)
    act : Activation

    Returns
    -------
    float; |eta| is the norm of all of eta (E, D') in the coordinates of omega_basis.

    Raises
    ------
    ValueError
        If an argument is bad, the layer is not hidden, u . a~ = 0 on a sample, A is 0, or the radius overflows.

    Notes
    -----
    The paper takes Eq. (6) without beta, and u . x without the bias in its hypothesis
    (tests/test_embeddings.py: test_erratum_proposition_8_needs_beta_in_eq_6,
    test_erratum_proposition_8_needs_the_bias_in_its_hypothesis).
    """
    weights, X = check_net(weights, X, act)
    weights, layer, unit, A = check_unit(weights, layer, unit, "A", A)
    with np.errstate(over="ignore", invalid="ignore"):
        a = forward_pass(weights[:layer + 1], X, act)[0][layer]     # (n, D')
        reach = np.abs(a @ weights[layer][unit])
    check_overflow("u . a~", reach)
    if not reach.all():
        raise ValueError(f"X has a sample (row {reach.argmin()}) with u . a~ = 0: the unit is at its kink there, "
                         "and its radius would be 0")
    if not A.any():
        raise ValueError("A is 0, it should not be: eta would move nothing, and its radius be infinite")
    a_top, A_top = np.abs(a).max(axis=1), np.abs(A).max()           # so that no square overflows or vanishes
    with np.errstate(over="ignore", divide="ignore"):
        radius = (reach / a_top / np.linalg.norm(a / a_top[:, None], axis=1)).min()
        radius = radius / A_top / np.linalg.norm(A / (A_top or 1.0), axis=0).max()
    check_overflow("the radius", radius)
    return float(radius)


def flat_dimension(weights, counts):
    """[Fukumizu 2019, Sec. 5.3] The dimension of the flat set when several layers get inactive ReLU units at once.

        sum_q E_q (D'_q + M'_q) + sum_q E_q E_(q+1),    D'_q, M'_q those of the narrow net

    Every weight that comes with the units is free: a unit that is off stays off as its inputs, other
    units' 0 among them, stay as they are. A weight between surplus units of two adjacent layers belongs to both; it
    counts once. (Adding up E_q (D'_q + M'_q) with the widths of the wide net counts it twice, with those
    of the narrow net not at all.) The sum is what the wide net has more parameters than the narrow one.

    Parameters
    ----------
    weights : list of arrays, the narrow net
    counts : list of int >= 0, E_q for each hidden layer

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If weights is bad, or counts is not one whole number >= 0 per hidden layer.
    """
    weights = check_weights(weights)
    counts = [check_number("counts", count, 0, whole=True) for count in check_array("counts", counts, 1)]
    if len(counts) != len(weights) - 1:
        raise ValueError(f"counts has length {len(counts)}, it should be {len(weights) - 1}, one per hidden layer")
    single = sum(E * (W.shape[1] + len(above)) for E, W, above in zip(counts, weights, weights[1:]))
    return single + sum(E * up for E, up in zip(counts, counts[1:]))


# ---------------------------------------------------------------------------------------------
# The coordinates omega = (theta_0 with b and a, xi, eta)
# ---------------------------------------------------------------------------------------------

def complement(lam):
    """[Fukumizu 2019, (A1) and (A2)] A with A lam = 0, orthonormal rows, and [1; A] invertible.

    Parameters
    ----------
    lam : (E + 1,) array; for ReLU gamma * beta

    Returns
    -------
    (E, E + 1) array

    Raises
    ------
    ValueError
        If there is one copy only, an entry is 0, or the sum is 0 (then 1 lies in the row space of A).
    """
    lam = check_array("lam", lam, 1)
    if len(lam) < 2:
        raise ValueError("lam has one entry, it should have two or more: one copy has nothing to move apart")
    unit = lam / max(np.abs(lam).max(), np.finfo(float).tiny)
    if (lam == 0).any() or abs(unit.sum()) <= 1e-9 * np.abs(unit).sum():
        raise ValueError(f"lam is {lam}, it should have no entry 0 and a sum that is not 0")
    return np.linalg.qr(unit[:, None], mode="complete")[0][:, 1:].T.copy()


class Order(NamedTuple):
    """[the project] Places in the wide net's flatten: theta_0 (P,), v (E, M') and w (E, D')."""
    theta_0: np.ndarray
    v: np.ndarray
    w: np.ndarray


def parameter_order(weights, layer, count):
    """[the project] Where the narrow net's parameters and the surplus ones stand in the wide net's flatten order.

    Parameters
    ----------
    weights : list of arrays, the narrow net
    layer : int, the hidden layer that is widened
    count : int, the number E of surplus units

    Returns
    -------
    Order(theta_0 (P,), v (E, M'), w (E, D')), whole numbers. With at = concatenate([o.ravel() for o in order]) a
        Hessian H of the wide net is H[at[:, None], at] in the order of theta_0, v, w of hessian.py's closed forms.

    Raises
    ------
    ValueError
        If an argument is bad or the layer is not hidden.
    """
    weights, layer = check_layer(weights, layer)
    count = check_number("count", count, 0, whole=True)
    H0, below, above = len(weights[layer]), weights[layer], weights[layer + 1]
    wide = list(weights)                                            # only the shapes count
    wide[layer], wide[layer + 1] = np.empty((H0 + count, below.shape[1])), np.empty(np.add(above.shape, (0, count)))
    place = unstack(np.arange(sum(W.size for W in wide)), wide)
    w, v = place[layer][H0:], place[layer + 1][:, H0:H0 + count].T
    place[layer] = place[layer][:H0]
    place[layer + 1] = np.delete(place[layer + 1], np.arange(H0, H0 + count), axis=1)
    return Order(np.concatenate([p.ravel() for p in place]), v.copy(), w.copy())


def omega_basis(weights, layer, unit, lam, A, *, beta=None):
    """[Fukumizu 2019, Eq. 6, corrected] T = d theta / d omega, whose columns are the coordinates omega.

        w_j = beta_j (b + sum_c A_cj eta_c),   v_j = lam_j (a + sum_c A_cj xi_c),   A (lam * beta) = 0
        dw_j/db = beta_j I,  dv_j/da = lam_j I,  dv_j/dxi_c = lam_j A_cj I,  dw_j/deta_c = beta_j A_cj I

    Parameters
    ----------
    weights : list of arrays, the narrow net
    layer, unit : int
    lam : (E + 1,) array without zeros; for ReLU gamma
    A : (E, E + 1) array
    beta : (E + 1,) array, optional, for ReLU; None: 1

    Returns
    -------
    (P', P') array, invertible; P' = P + E (M' + D'). Rows in the wide net's flatten order. Columns: the first P in
        the narrow net's order (b in the place of u, a in the place of zeta), then xi, then eta, c slow. So

        flatten(wide) = T @ concatenate([flatten(narrow), xi.ravel(), eta.ravel()])
        J_wide @ T = [J_narrow, 0],   T.T @ H_wide @ T = diag(H_narrow, replication_hessian(F, G, A, lam * beta))

    Raises
    ------
    ValueError
        If an argument is bad, lam has a zero, lam * beta does not sum to 1, A (lam * beta) is not 0 (both to 1e-9,
        relative), A has dependent rows, or a beta is not positive.

    Notes
    -----
    Printed without beta, also for ReLU
    (tests/test_embeddings.py::test_erratum_proposition_8_needs_beta_in_eq_6).
    """
    weights, layer, unit, lam, A, beta = check_omega(weights, layer, unit, lam, A, beta)
    beta = np.ones(len(lam)) if beta is None else beta
    E, D1, M1, P = len(A), weights[layer].shape[1], len(weights[layer + 1]), sum(W.size for W in weights)
    row, column = parameter_order(weights, layer, E), unstack(np.arange(P), weights)
    b, a = column[layer][unit], column[layer + 1][:, unit]          # (D',), (M',)
    xi, eta = P + np.arange(E * M1).reshape(E, M1), P + E * M1 + np.arange(E * D1).reshape(E, D1)
    w, v = np.vstack([row.theta_0[b], row.w]), np.vstack([row.theta_0[a], row.v])          # (E + 1, D'), (E + 1, M')
    T = np.zeros((P + E * (M1 + D1),) * 2)
    T[row.theta_0, np.arange(P)] = 1
    T[w, b], T[v, a] = beta[:, None], lam[:, None]
    T[w, eta[:, None]], T[v, xi[:, None]] = (A * beta)[:, :, None], (A * lam)[:, :, None]  # (E, E + 1, D' or M')
    return T


def omega_coordinates(weights, layer, unit, lam, A, *, beta=None):
    """[Fukumizu 2019, Eq. 6, corrected] d omega / d theta, the inverse of omega_basis, in closed form.

        a = sum_j beta_j v_j,   b = sum_j lam_j w_j,   C = A diag(lam * beta) A^T
        xi = C^-1 A (beta * v),   eta = C^-1 A (lam * w)

    Parameters
    ----------
    weights, layer, unit, lam, A, beta : as in omega_basis

    Returns
    -------
    (P', P') array: omega = omega_coordinates(...) @ flatten(wide), with (b, a) in the places of (u, zeta) among the
        first P entries, then xi, then eta.

    Raises
    ------
    ValueError
        As omega_basis.
    """
    weights, layer, unit, lam, A, beta = check_omega(weights, layer, unit, lam, A, beta)
    beta = np.ones(len(lam)) if beta is None else beta
    E, D1, M1, P = len(A), weights[layer].shape[1], len(weights[layer + 1]), sum(W.size for W in weights)
    column, row = parameter_order(weights, layer, E), unstack(np.arange(P), weights)
    b, a = row[layer][unit], row[layer + 1][:, unit]                # (D',), (M',)
    xi, eta = P + np.arange(E * M1).reshape(E, M1), P + E * M1 + np.arange(E * D1).reshape(E, D1)
    w, v = np.vstack([column.theta_0[b], column.w]), np.vstack([column.theta_0[a], column.v])
    B = np.linalg.solve((A * (lam * beta)) @ A.T, A)                # C^-1 A, (E, E + 1)
    S = np.zeros((P + E * (M1 + D1),) * 2)
    S[np.arange(P), column.theta_0] = 1
    S[b, w], S[a, v] = lam[:, None], beta[:, None]
    S[eta[:, None], w], S[xi[:, None], v] = (B * lam)[:, :, None], (B * beta)[:, :, None]
    return S


class Omega(NamedTuple):
    """[Fukumizu 2019, Eq. 6] A narrow net with b and a in the place of u and zeta; xi (E, M') and eta (E, D')."""
    weights: list
    xi: np.ndarray
    eta: np.ndarray


def read_omega(wide, layer, unit, lam, A, *, beta=None):
    """[Fukumizu 2019, Eq. 6, corrected] The coordinates omega of any wide net, as a narrow net, xi and eta.

        a = sum_j beta_j v_j,   b = sum_j lam_j w_j,   C = A diag(lam * beta) A^T
        xi = C^-1 A (beta * v),   eta = C^-1 A (lam * w)

    Parameters
    ----------
    wide : list of arrays; the copies are `unit` and the last E units of the layer
    layer, unit : int
    lam, A, beta : as in omega_basis

    Returns
    -------
    Omega(weights, xi (E, M'), eta (E, D')): the narrow net with b and a, and what moves the copies apart.

    Raises
    ------
    ValueError
        As omega_basis, and if the layer has no more than E units, or a coordinate overflows.
    """
    wide, layer, unit, lam, A, beta = check_omega(wide, layer, unit, lam, A, beta, "wide")
    beta = np.ones(len(lam)) if beta is None else beta
    H0, H = len(wide[layer]) - len(A), len(wide[layer])
    copies = np.append(unit, np.arange(H0, H))
    w, v = wide[layer][copies], wide[layer + 1][:, copies].T        # (E + 1, D'), (E + 1, M')
    with np.errstate(over="ignore", invalid="ignore"):
        b, a = lam @ w, beta @ v                                    # (D',), (M',)
        C = (A * (lam * beta)) @ A.T                                # (E, E)
        xi, eta = np.linalg.solve(C, (A * beta) @ v), np.linalg.solve(C, (A * lam) @ w)
    check_overflow("omega", b, a, xi, eta)
    narrow = [W.copy() for W in wide]
    narrow[layer] = narrow[layer][:H0]
    narrow[layer + 1] = np.delete(narrow[layer + 1], np.arange(H0, H), axis=1)
    narrow[layer][unit], narrow[layer + 1][:, unit] = b, a
    return Omega(narrow, xi, eta)


# ---------------------------------------------------------------------------------------------
# First derivatives, and norms
# ---------------------------------------------------------------------------------------------

class FirstOrder(NamedTuple):
    """[Fukumizu 2019, supplement (26), (27)] dL/dv (E, M') and dL/dw (E, D') of surplus units."""
    dv: np.ndarray
    dw: np.ndarray


def first_order_blocks(weights, X, Y, act, loss, layer, W, V):
    """[Fukumizu 2019, supplement (26), (27)] The gradient in the surplus units, from the narrow net alone.

        dL/dv_j = sum_nu delta phi(w_j . a~),    dL/dw_j = sum_nu (delta . v_j) phi'(w_j . a~) a~

    Parameters
    ----------
    weights : list of arrays, the narrow net
    X, Y : (n, D) and (n, M) arrays
    act : Activation
    loss : Loss
    layer : int
    W, V : (E, D') and (E, M') arrays, w_j and v_j. The wide net they belong to must have the narrow net's outputs on X:
        inactive units, inactive propagation, units that are off, or copies of a unit, of which copy 0 takes
        what the others leave of zeta (each copy's block, copy 0's too, is found with its own (w_j, v_j)).

    Returns
    -------
    FirstOrder(dv (E, M'), dw (E, D'))

    Raises
    ------
    ValueError
        If an argument is bad, the layer is not hidden, or the sums overflow.
    """
    weights, X, Y = check_net(weights, X, act, Y, loss)
    weights, layer, W, V = check_surplus(weights, layer, W, V)
    with np.errstate(over="ignore", invalid="ignore"):
        inputs, z = forward_pass(weights, X, act)
        check_overflow("the output", z[-1])
        delta = loss.d1(z[-1], Y)
        for k in range(len(weights) - 1, layer + 1, -1):            # down to dl/dz of layer + 1
            delta = delta @ weights[k][:, :z[k - 1].shape[1]] * act.df(z[k - 1])
        wa = inputs[layer] @ W.T                                    # (n, E)
        dv, dw = act.f(wa).T @ delta, (delta @ V.T * act.df(wa)).T @ inputs[layer]
    check_overflow("the gradient", dv, dw)
    return FirstOrder(dv, dw)


class EmbeddingNorms(NamedTuple):
    """[Fukumizu 2019, Sec. 5.3] Squared norms |theta|^2, and whether replication has the smallest."""
    narrow: float
    replication: float
    inactive: float
    relu_replication: float
    replication_is_smaller: bool


def embedding_norms(weights, layer, unit, count):
    """[Fukumizu 2019, Sec. 5.3, corrected] The squared norms of a net embedded with E surplus units, three ways.

        narrow                                        N
        replication, smallest at lam_j = 1/(E + 1)    N + E |u|^2 - E / (E + 1) |zeta|^2
        inactive units and propagation, all zero      N
        ReLU, beta_j = gamma_j = (E + 1)^(-1/2)       N

    so replication has the smaller norm if and only if |zeta|^2 > (E + 1) |u|^2.

    Parameters
    ----------
    weights : list of arrays, the narrow net
    layer, unit : int
    count : int >= 1, the number E of surplus units

    Returns
    -------
    EmbeddingNorms(narrow, replication, inactive, relu_replication, replication_is_smaller)

    Raises
    ------
    ValueError
        If an argument is bad, the layer is not hidden, or a norm overflows.

    Notes
    -----
    The paper says that the inactive embedding always has the smaller norm
    (tests/test_embeddings.py::test_erratum_replication_can_have_the_smaller_norm).
    """
    weights, layer, unit, _ = check_unit(weights, layer, unit, "lam", [1.0])
    count = check_number("count", count, 1, whole=True)
    E = count
    with np.errstate(over="ignore", invalid="ignore"):
        N = float(sum((W ** 2).sum() for W in weights))
        u2, zeta2 = (weights[layer][unit] ** 2).sum(), (weights[layer + 1][:, unit] ** 2).sum()
    check_overflow("the squared norm", N)
    return EmbeddingNorms(N, float(N + E * u2 - E / (E + 1) * zeta2), N, N, bool(zeta2 > (E + 1) * u2))


# ---------------------------------------------------------------------------------------------
# Validation of these
# ---------------------------------------------------------------------------------------------

def check_layer(weights, layer, name="weights"):
    """[the project] Weights and the number of a hidden layer, or a ValueError.

    Returns
    -------
    weights, layer

    Raises
    ------
    ValueError
        If weights are bad or have no hidden layer, or the layer is the output layer or none.
    """
    weights = check_weights(weights, name=name)
    if len(weights) < 2:
        raise ValueError(f"{name} has one matrix, it should have a hidden layer: two matrices or more")
    layer = check_number("layer (the hidden layer to widen)", layer, 0, len(weights) - 2, whole=True)
    return weights, layer


def check_unit(weights, layer, unit, name, value):
    """[the project] A net, a hidden layer, a unit of it, and the vector or matrix called `name`, or a ValueError.

    Returns
    -------
    weights, layer, unit, value

    Raises
    ------
    ValueError
        If an argument is bad.
    """
    weights, layer = check_layer(weights, layer)
    unit = check_number("unit", unit, 0, len(weights[layer]) - 1, whole=True)
    value = check_array(name, value, 2 if name in ("A", "V") else 1)
    if name == "V" and value.shape[1] != len(weights[layer + 1]):
        raise ValueError(f"V has shape {value.shape}, it should have {len(weights[layer + 1])} columns, one for each "
                         f"unit of layer {layer + 1}")
    if name == "A" and value.shape[0] != value.shape[1] - 1:
        raise ValueError(f"A has shape {value.shape}, it should have one column more than rows: (E, E + 1)")
    return weights, layer, unit, value


def check_sum(name, value, goal):
    """[the project] Refuse parts that do not add up to `goal`, to 1e-9 of the largest term.

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If they do not.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        total = value.sum(axis=0)
    if not (np.abs(total - goal) <= 1e-9 * np.maximum(np.abs(goal).max(), np.abs(value).max())).all():
        raise ValueError(f"{name} sums to {total}, it should sum to {goal}")


def check_surplus(weights, layer, W, V):
    """[the project] A net, a hidden layer, and surplus units for it, or a ValueError.

    Returns
    -------
    weights, layer, W, V

    Raises
    ------
    ValueError
        If an argument is bad or shapes do not fit.
    """
    weights, layer = check_layer(weights, layer)
    D1, M1 = weights[layer].shape[1], len(weights[layer + 1])
    W = np.zeros((0, D1)) if isinstance(W, np.ndarray) and W.shape == (0, D1) else check_array("W", W, 2)
    V = np.zeros((0, M1)) if isinstance(V, np.ndarray) and V.shape == (0, M1) else check_array("V", V, 2)
    if W.shape[1] != D1:
        raise ValueError(f"W has shape {W.shape}, it should have {D1} columns as weights[{layer}]")
    if V.shape != (len(W), M1):
        raise ValueError(f"V has shape {V.shape}, it should be {(len(W), M1)}: a row for each new unit, a column for "
                         f"each unit of layer {layer + 1}")
    return weights, layer, W, V


def check_inactive(weights, layer, V, act):
    """[the project] A net, a hidden layer, V for new units, and an activation with phi(0) = 0, or a ValueError.

    Returns
    -------
    weights, layer, V

    Raises
    ------
    ValueError
        If an argument is bad, or phi(0) is not 0.
    """
    weights, layer = check_layer(weights, layer)
    check_functions("act", act, ("f", "df", "d2f"), "an Activation such as TANH")
    at_zero = act.f(np.zeros(1))[0]
    if at_zero != 0:
        raise ValueError(f"act is {act.name} with phi(0) = {at_zero:g}, it should be 0 at 0, as tanh, smooLU and ReLU "
                         "are: units with w = 0 would not be inactive")
    return weights, layer, check_array("V", V, 2)


def check_off(weights, layer, V, X, K, act):
    """[the project] A net with data, a hidden layer with bias, V, K and an activation that is 0 on negatives.

    Returns
    -------
    weights, layer, V, X, K

    Raises
    ------
    ValueError
        If an argument is bad, the layer has no bias, or phi is not 0 on negatives.
    """
    weights, X = check_net(weights, X, act)
    weights, layer = check_layer(weights, layer)
    V, K = check_array("V", V, 2), check_number("K", K, np.finfo(float).tiny)
    inputs = len(weights[layer - 1]) if layer else X.shape[1]
    if weights[layer].shape[1] == inputs:
        raise ValueError(f"weights[{layer}] has shape {weights[layer].shape}, it should have a bias, so {inputs + 1} "
                         "columns: the units are switched off by theirs")
    if act.f(np.array([-1e-3, -1.0, -1e3])).any() or act.df(np.array([-1e-3, -1.0, -1e3])).any():
        raise ValueError(f"act is {act.name}, it should be 0 on negatives, as ReLU and smooLU are")
    return weights, layer, V, X, K


def check_beta(gamma, beta):
    """[the project] beta of Eq. (9) as float64, or None for Theorem 10's, or a ValueError.

    Returns
    -------
    (copies,) array or None

    Raises
    ------
    ValueError
        If it has another length than gamma, is not positive, or gamma * beta does not sum to 1; without beta, if
        gamma has no positive sum.
    """
    if beta is None:
        if gamma.sum() <= 1e-9 * np.abs(gamma).sum():
            raise ValueError(f"gamma sums to {gamma.sum():g}, it should have a positive sum when beta is not given")
        return None
    beta = check_array("beta", beta, 1)
    if beta.shape != gamma.shape:
        raise ValueError(f"beta has length {len(beta)}, it should be {len(gamma)}, the number of copies in gamma")
    if beta.min() <= 0:
        raise ValueError(f"beta reaches down to {beta.min():g}, it should be positive: relu(beta t) = beta relu(t) "
                         "holds for beta > 0")
    with np.errstate(over="ignore"):
        weight = gamma * beta
    check_overflow("gamma * beta", weight)
    check_sum("gamma * beta", weight, 1.0)
    return beta


def check_omega(weights, layer, unit, lam, A, beta, name="weights"):
    """[the project] The arguments of omega_basis, or a ValueError; for a wide net with its E surplus units.

    Returns
    -------
    weights, layer, unit, lam, A, beta

    Raises
    ------
    ValueError
        If an argument is bad, or the conditions of Eq. (6) fail.
    """
    weights, layer = check_layer(weights, layer, name)
    lam, A = check_array("lam", lam, 1), check_array("A", A, 2)
    beta = None if beta is None else check_beta(lam, beta)
    units = len(weights[layer]) - (len(A) if name == "wide" else 0)
    if units < 1:
        raise ValueError(f"wide has {len(weights[layer])} units in layer {layer}, it should have more than the "
                         f"{len(A)} surplus units")
    unit = check_number("unit", unit, 0, units - 1, whole=True)
    if A.shape != (len(lam) - 1, len(lam)):
        raise ValueError(f"A has shape {A.shape}, it should be {(len(lam) - 1, len(lam))} for {len(lam)} copies")
    if (lam == 0).any():
        raise ValueError(f"lam is {lam}, it should have no zero: omega is no system of coordinates there")
    weight = lam * (1 if beta is None else beta)
    check_sum("lam * beta", weight, 1.0)
    if not 1e-100 < np.abs(A).max() < 1e100:                        # so that A diag(lam * beta) A^T keeps its digits
        raise ValueError(f"A reaches {np.abs(A).max():.1e} in size, it should lie between 1e-100 and 1e100")
    scaled = A / np.abs(A).max()
    off = np.abs(scaled @ (weight / np.abs(weight).max())).max()    # cannot overflow
    if off > 1e-9:
        raise ValueError(f"A (lam * beta) is up to {off:.1e} of the sizes of A and lam * beta, it should be 0")
    with np.errstate(all="ignore"):
        regular = np.abs(np.linalg.slogdet((A * weight) @ A.T)[0]) == 1         # not 0, nor nan
    if np.linalg.matrix_rank(scaled) < len(A) or not regular:
        raise ValueError("A has dependent rows, or rows out of proportion to lam: A diag(lam * beta) A^T should be "
                         "regular for xi and eta to be coordinates")
    return weights, layer, unit, lam, A, beta
