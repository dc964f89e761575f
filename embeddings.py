"""A network inside a wider one: the embeddings, and coordinates in which what they add is seen.

Letters and shapes are those of landscape.py; a bad argument is refused with a ValueError that names it. One layer q is
widened (`layer` in code: any hidden layer of a net of any depth, 0 is the first), from H0 to H = H0 + E units:

    u_i, zeta_i   row i of W_q, (D',) with the bias, and column i of W_(q+1), (M',), of the narrow net
    w_j, v_j      the same of the wide net; j = 0..E count the copies of one unit, or j = 1..E the surplus units
    a~            the inputs of layer q, (n, D'); for q = 0 they are x~
    lam, gamma, beta   lambda and, for ReLU, gamma and beta, (E + 1,); A is (E, E + 1)

In code surplus units are rows: W (E, D') and V (E, M').

What the layer above sees of layer q is z_(q+1) = sum_i zeta_i phi(u_i . a~), minus its bias. All embeddings leave this
sum as it is, so all that follows, the outputs and delta, is the same [Fukumizu 2019, Propositions 1, 6, 7]:

    (I)     unit replication      w_j = u,  sum_j v_j = zeta                  sum_j v_j phi(u . a~) = zeta phi(u . a~)
            Eq. (4)               w_j = u,  v_j = lambda_j zeta,  sum lambda = 1
    (II)    inactive units        w_j = 0,  v_j any                           needs phi(0) = 0
    (III)   inactive propagation  w_j any,  v_j = 0
    (28)    both                  w_j = 0,  v_j = 0
    (I)_R   Eq. (9), ReLU         w_j = beta_j u,  v_j = gamma_j zeta         phi(beta t) = beta phi(t) for beta > 0,
                                  beta_j > 0,  sum gamma_j beta_j = 1         so sum_j gamma_j beta_j zeta phi(u . a~)
    (II)_R  Eq. (10)              w_j . a~_nu < 0 on the data,  v_j any       phi = 0 around w_j, on the data only

Where to find what:

    the embeddings                                 replicate_unit, split_unit, inactive_units, inactive_propagation, ...
    ReLU: more embeddings, flat sets               replicate_relu_unit, inactive_relu_units, flat_radius, flat_dimension
    Eq. (6): coordinates that part the copies      omega_basis, its inverse omega_coordinates, read_omega; complement
    back from a wide net to the narrow one         reduce_units
    stationary or not; which has the least norm    first_order_blocks, embedding_norms
"""
from typing import NamedTuple

import numpy as np

from landscape import EPS, RELU, TANH, checked, deltas, forward_pass, unstack

# ---------------------------------------------------------------------------------------------------------------------
# The embeddings: all are a few lines on add_units
# ---------------------------------------------------------------------------------------------------------------------

@checked
def add_units(weights, layer, W, V):
    """[Fukumizu 2019, Fig. 1] The wider net: rows w_j below W_q, columns v_j into W_(q+1), before its bias column.

    W : (E, D') array, may be empty
    V : (E, M') array, may be empty

    Nothing is said on what the new units do.
    """
    H0, above = len(weights[layer]), weights[layer + 1]
    wide = [w.copy() for w in weights]
    wide[layer] = np.vstack([weights[layer], W])
    wide[layer + 1] = np.hstack([above[:, :H0], V.T, above[:, H0:]])
    return wide


def _adds_up(terms, total):
    """[the project] Whether terms sum to total along axis 0, to 1e-9 of it or to the rounding of so large terms."""
    room = np.maximum(1e-9 * np.abs(total), 16 * EPS * np.abs(terms).sum(axis=0))
    return (np.abs(terms.sum(axis=0) - total) <= room).all()


@checked
def replicate_unit(weights, layer, unit, lam):
    """[Fukumizu 2019, Eq. 4] Unit replication theta_lambda: w_j = u, v_j = lam_j zeta, sum lam = 1.

    lam : (E + 1,) array

    lam_j has any sign, or is 0; copy 0 stays in the unit's place, the others come last. The same function for every
    activation, and stationary if the narrow net is (Theorem 2).
    """
    if not _adds_up(lam, 1):
        raise ValueError(f"lam sums to {lam.sum()}, it should sum to 1: else the function changes")
    zeta = weights[layer + 1][:, unit]
    return split_unit(weights, layer, unit, np.outer(lam, zeta))    # (E + 1, M')


@checked
def split_unit(weights, layer, unit, V):
    """[Fukumizu 2019, Table 1] Unit replication in general, Pi_repl: w_j = u, sum_j v_j = zeta.

    V : (E + 1, M') array

    If the narrow net is stationary, then this is if and only if F^T v_j = 0 for all j (dL/dw_j = F^T v_j, with F of
    hessian.replication_curvature): in a set of dimension E (M' - rank F), of which Eq. (4) is the part v_j = lam_j zeta
    (test_the_stationary_part_of_Pi_repl_is_where_F_cancels_v).
    """
    u, zeta = weights[layer][unit], weights[layer + 1][:, unit]
    if not _adds_up(V, zeta):
        raise ValueError(f"V sums to {V.sum(axis=0)}, it should sum to zeta = {zeta}: else the function changes")
    wide = add_units(weights, layer, np.tile(u, (len(V) - 1, 1)), V[1:])
    wide[layer + 1][:, unit] = V[0]
    return wide


@checked
def inactive_units(weights, layer, V, act=TANH):
    """[Fukumizu 2019, Table 1] Inactive units, Pi_iu: w_j = 0, v_j any, for phi(0) = 0.

    V : (E, M') array

    Not stationary in general for smooth units, see first_order_blocks. Sigmoid and softplus have no such embedding:
    there is no w with phi(w . a~) = 0 for all a~.
    """
    if act.f(np.zeros(1))[0] != 0:
        raise ValueError(f"act is {act.name}, it should be 0 at 0: units with w = 0 would not be inactive")
    return add_units(weights, layer, np.zeros((len(V), weights[layer].shape[1])), V)


@checked
def inactive_propagation(weights, layer, W):
    """[Fukumizu 2019, Table 1] Inactive propagation, Pi_ip: w_j any, v_j = 0, for every activation.

    W : (E, D') array

    Not stationary in general, see first_order_blocks.
    """
    return add_units(weights, layer, W, np.zeros((len(W), len(weights[layer + 1]))))


@checked
def inactive_units_and_propagation(weights, layer, count, act=TANH):
    """[Fukumizu 2019, supplement Eq. 28] Both inactive: w_j = 0, v_j = 0, E = count, for phi(0) = 0.

    count : int, >= 0

    Stationary if the narrow net is. With F0 = phi'(0) sum_nu delta a~^T each new unit adds the eigenvalues +-(singular
    values of F0) and |D' - M'| zeros to the Hessian: a saddle if F0 != 0. The supplement sees no flat direction in
    general, but L is exactly constant along all v_j (while w_j = 0) and along all w_j (while v_j = 0); only, these
    points are not stationary (test_erratum_the_doubly_inactive_point_has_flat_directions).
    """
    if count == 0:
        return [w.copy() for w in weights]
    return inactive_units(weights, layer, np.zeros((count, len(weights[layer + 1]))), act)


# ---------------------------------------------------------------------------------------------------------------------
# ReLU
# ---------------------------------------------------------------------------------------------------------------------

@checked
def replicate_relu_unit(weights, layer, unit, gamma, beta=None):
    """[Fukumizu 2019, Eq. 9 and Theorem 10] Unit replication for ReLU: w_j = beta_j u, v_j = gamma_j zeta.

        beta_j > 0,   sum_j gamma_j beta_j = 1;   beta None: beta_j = 1 / sum gamma, the points of Theorem 10

    gamma : (E + 1,) array
    beta : (E + 1,) array, or None

    The same function where phi is positively homogeneous (ReLU, leaky ReLU). Theorem 10 says these are saddles if
    F != 0 and no u . a~_nu = 0, a kink. With one unit (or output) in the next layer F = 0 at every stationary point
    with zeta != 0: there it says nothing (test_theorem_10_is_void_for_one_output).
    """
    if beta is None:
        if gamma.sum() <= 0 or _adds_up(gamma, 0):
            raise ValueError(f"gamma sums to {gamma.sum():g}, it should have a positive sum when beta is not given")
        beta = np.full(len(gamma), 1 / gamma.sum())
    elif beta.min() <= 0:
        raise ValueError(f"beta is {beta}, it should be positive: relu(beta t) = beta relu(t) only then")
    elif not _adds_up(gamma * beta, 1):
        raise ValueError(f"gamma * beta sums to {gamma @ beta:g}, it should sum to 1: else the function changes")
    u, zeta = weights[layer][unit], weights[layer + 1][:, unit]
    wide = add_units(weights, layer, np.outer(beta[1:], u), np.outer(gamma[1:], zeta))
    wide[layer][unit], wide[layer + 1][:, unit] = beta[0] * u, gamma[0] * zeta
    return wide


@checked
def inactive_relu_units(weights, layer, V, X, *, W=None, K=1.0, act=RELU):
    """[Fukumizu 2019, Eq. 10 and Proposition 7] Units that are off on the data: w_j . a~_nu < 0 for all nu, v_j any.

        W None: weights 0 and bias 2 K R, the centre of B_K = {|w_wgt| <= K, K R <= w_bias <= 3 K R} where
        w . a~ = w_wgt . a - w_bias <= K R - K R = 0 on the data,   R = max(1, max_nu |a_nu|)

    V : (E, M') array
    W : (E, D') array, or None; else the w_j
    K : float, > 0

    The same outputs on X for any phi that is 0 on negatives (RELU, SMOOLU, RECTIFIED_TANH). A local minimum stays one
    (Theorem 9), and the Hessian is the narrow net's with zeros around it (Eq. 12). Off X, a unit can wake.

    The flat set: for each unit any v and the cone {w : w . a~_nu < 0 for all nu}, E (M' + D') dimensions, unbounded.
    B_K less its edge is a part of it (test_the_flat_set_of_proposition_7_is_a_cone_and_B_K_a_part_of_it). The paper
    calls B_K with any v affine; it has K > 1 (any K > 0 will do) and |x| <= 1, so R = 1. Where the data make R larger,
    they choose B_K, and the prior of (39) on it depends on the data.
    """
    off = np.array([-1e-3, -1.0, -1e3])
    if act.f(off).any() or act.df(off).any():
        raise ValueError(f"act is {act.name}, it should be 0 on negatives, as ReLU and smooLU are")
    a = forward_pass(weights[:layer + 1], X, act)[0][layer]                     # (n, D')
    if W is None:
        units = len(weights[layer - 1]) if layer else X.shape[1]
        if a.shape[1] == units:
            raise ValueError(f"weights[{layer}] has no bias column, it should have one: these units are off by theirs")
        W = np.zeros((len(V), a.shape[1]))
        W[:, -1] = 2 * K * np.linalg.norm(a[:, :units], axis=1).max(initial=1)  # 2 K R
    s = a @ W.T                                                     # w_j . a~, (n, E)
    if s.max() >= 0:
        nu, j = np.unravel_index(s.argmax(), s.shape)
        raise ValueError(f"W has a unit (row {j}) with w . a~ = {s[nu, j]:g} on a sample (row {nu} of X), it should be "
                         "negative on all: else the unit is not off")
    return add_units(weights, layer, W, V)


def _is_homogeneous(act):
    """[Fukumizu 2019, Sec. 4 (a)] Whether phi(c s) = c phi(s) for c > 0, tried on four decades of both signs."""
    s = np.outer([-1, 1], np.logspace(-2, 2, 9))
    return np.allclose(act.f(3 * s), 3 * act.f(s), rtol=1e-14, atol=0)          # rounding; tanh is off by 2e-4 or more


@checked
def flat_radius(weights, X, layer, unit, A, *, act=RELU):
    """[Fukumizu 2019, Proposition 8] The radius within which eta does not alter a replicated ReLU unit on the data.

        min_nu |u . a~_nu| / (|a~_nu| max_j |A_:j|) over a~_nu != 0:   for |eta| below it all b + sum_c A_cj eta_c keep
        the sign of u . a~_nu on every sample, and then sum_j gamma_j beta_j A_cj = 0 cancels eta

    A : (E, E + 1) array; A (gamma * beta) = 0 is taken on trust, gamma and beta not being given

    `weights` is the narrow net; |eta| the norm of all of eta (E, D') in omega_basis. ReLU, leaky ReLU, not at their
    kink u . a~_nu = 0. The paper takes Eq. (6) without beta, and u . x without the bias in its hypothesis
    (test_erratum_proposition_8_needs_beta_in_eq_6, test_erratum_proposition_8_needs_the_bias_in_its_hypothesis).
    """
    if not _is_homogeneous(act):
        raise ValueError(f"act is {act.name}, it should be positively homogeneous, as ReLU is: else no eta cancels")
    a = forward_pass(weights[:layer + 1], X, act)[0][layer]         # (n, D')
    reach = np.abs(a @ weights[layer][unit])                        # |u . a~|, (n,)
    acts = a.any(axis=1)                                            # else a~ = 0, behind units that are off
    if not reach[acts].all():
        raise ValueError(f"X has a sample (row {np.flatnonzero(acts & (reach == 0))[0]}) with u . a~ = 0, it should "
                         "have none: the unit is at its kink there, and its radius would be 0")
    if not A.any() or not acts.any():
        raise ValueError("A is 0, or a~ on all of X, it should not be: eta moves nothing, and its radius is infinite")
    return float((reach[acts] / np.linalg.norm(a[acts], axis=1)).min() / np.linalg.norm(A, axis=0).max())


@checked
def flat_dimension(weights, counts):
    """[Fukumizu 2019, Sec. 5.3] The dimension of the flat set when several layers get inactive ReLU units at once.

        sum_q E_q (D'_q + M'_q) + sum_q E_q E_(q+1),    E = counts;  D'_q, M'_q those of the narrow net

    counts : (J - 1,) array, whole, >= 0

    Every weight that comes with the units is free: a unit that is off stays off as its inputs, other
    units' 0 among them, stay as they are. A weight between surplus units of two adjacent layers belongs to both; it
    counts once. (Adding up E_q (D'_q + M'_q) with the widths of the wide net counts it twice, with those
    of the narrow net not at all.) The sum is what the wide net has more parameters than the narrow one.
    """
    E = [int(count) for count in counts]
    single = sum(E_q * (W.shape[1] + len(above)) for E_q, W, above in zip(E, weights, weights[1:]))
    return single + sum(E_q * up for E_q, up in zip(E, E[1:]))


# ---------------------------------------------------------------------------------------------------------------------
# The coordinates omega = (theta_0 with b and a, xi, eta) [Fukumizu 2019, Eq. 6]
#
# Of the copies, (a, b) moves all alike and (xi, eta) moves them apart:
#
#     w_j = beta_j (b + sum_c A_cj eta_c)        v_j = lam_j (a + sum_c A_cj xi_c)        A (lam * beta) = 0         (6)
#
# with beta = 1 for smooth units and lam = gamma for ReLU. At xi = eta = 0, z_(q+1) depends on (a, b) as it does on
# (zeta, u), for sum_j lam_j beta_j = 1; its first derivatives in xi_c and eta_c have the factor
# sum_j A_cj lam_j beta_j = 0: Lemma 3, for any phi if beta = 1, for ReLU with every beta > 0. They are 0 for every
# theta_0, so their derivatives in theta_0 are 0 too and the cross blocks vanish: Lemma 4, which needs no stationary
# point. With T = d theta / d omega (`omega_basis`), at the embedding of any narrow theta,
#
#     J_wide T = [J_narrow, 0]                   T^T H_wide T = diag(H_narrow, (xi, eta) block)                      (8)
#
# that block, [[0, F~], [F~^T, G~]], in closed form in hessian.py. The inverse of (6) stands in `omega_coordinates`.
# ---------------------------------------------------------------------------------------------------------------------

@checked
def complement(lam):
    """[Fukumizu 2019, (A1) and (A2)] A (E, E + 1) with A lam = 0, orthonormal rows, and [1; A] invertible.

    lam : (E + 1,) array

    A lam = 0 to eps of its terms. For ReLU pass gamma * beta as lam. If lam sums to 0, 1 lies in the row space of A.
    """
    if len(lam) < 2 or (lam == 0).any() or _adds_up(lam, 0):
        raise ValueError(f"lam is {lam}, it should have two entries or more, no entry 0 and a sum that is not 0")
    A, unit = np.linalg.qr(lam[:, None], mode="complete")[0][:, 1:].T, lam / np.linalg.norm(lam)
    return A - np.outer(A @ unit, unit)                             # once more, for small lam_j


class Order(NamedTuple):
    """[the project] Places in the wide net's flatten: theta_0 (P,), v (E, M') and w (E, D')."""
    theta_0: np.ndarray
    v: np.ndarray
    w: np.ndarray


@checked
def parameter_order(weights, layer, count):
    """[the project] Where the narrow net's parameters and E = count surplus units stand in the wide net's flatten.

    count : int, >= 0

    With at = concatenate([o.ravel() for o in order]) a Hessian H of the wide net is H[at[:, None], at] in the order
    of theta_0, v, w of hessian.py's closed forms.
    """
    surplus = len(weights[layer]) + np.arange(count)
    W, V = np.zeros((count, weights[layer].shape[1])), np.zeros((count, len(weights[layer + 1])))
    wide = add_units(weights, layer, W, V)                          # only the shapes count
    place = unstack(np.arange(sum(W.size for W in wide)), wide)
    w, v = place[layer][surplus], place[layer + 1][:, surplus].T
    place[layer] = np.delete(place[layer], surplus, axis=0)
    place[layer + 1] = np.delete(place[layer + 1], surplus, axis=1)
    return Order(np.concatenate([p.ravel() for p in place]), v.copy(), w)


def _replication(lam, A, beta):
    """[Fukumizu 2019, Eq. 6, corrected] beta, 1 where it is None, and C = A diag(lam * beta) A^T (E, E).

    Refused unless (6) is a system of coordinates: beta > 0, no lam_j = 0, sum_j lam_j beta_j = 1, A (lam * beta) = 0,
    the rows of A independent. Then C is regular: C y = 0 puts diag(lam * beta) A^T y into ker A = span(lam * beta), so
    A^T y = t 1, and times lam * beta this is 0 = t.
    """
    beta = np.ones(len(lam)) if beta is None else beta
    share = lam * beta
    if (lam == 0).any():
        raise ValueError(f"lam is {lam}, it should have no zero: a copy without outgoing weights has no coordinates")
    if beta.min() <= 0:
        raise ValueError(f"beta is {beta}, it should be positive: relu(beta t) = beta relu(t) only then")
    if not _adds_up(share, 1):
        raise ValueError(f"lam * beta sums to {share.sum():g}, it should sum to 1")
    if (np.abs(A @ share) > 1e-9 * np.abs(A) @ np.abs(share)).any():
        raise ValueError(f"A (lam * beta) is {A @ share}, it should be 0")
    C, size = (A * share) @ A.T, np.abs(A).max(axis=1, keepdims=True)
    if not size.all() or np.linalg.matrix_rank(A / size) < len(A):
        raise ValueError("A has dependent rows, they should be independent for xi and eta to be coordinates")
    return beta, C


def _moves(weights, layer, unit, A, p, q):
    """[Fukumizu 2019, Eq. 6] Matrix (P', P') of w_j = p_j (b + sum_c A_cj eta_c), v_j = q_j (a + sum_c A_cj xi_c)."""
    E, D1, M1, P = len(A), weights[layer].shape[1], len(weights[layer + 1]), sum(W.size for W in weights)
    row, column = parameter_order(weights, layer, E), unstack(np.arange(P), weights)
    b, a = column[layer][unit], column[layer + 1][:, unit]          # (D',), (M',)
    xi, eta = P + np.arange(E * M1).reshape(E, M1), P + E * M1 + np.arange(E * D1).reshape(E, D1)
    w, v = np.vstack([row.theta_0[b], row.w]), np.vstack([row.theta_0[a], row.v])          # (E + 1, D'), (E + 1, M')
    T = np.zeros((P + E * (M1 + D1),) * 2)
    T[row.theta_0, np.arange(P)] = 1
    for j in range(E + 1):
        T[w[j], b], T[v[j], a] = p[j], q[j]                         # dw_j/db, dv_j/da
        for c in range(E):
            T[w[j], eta[c]], T[v[j], xi[c]] = p[j] * A[c, j], q[j] * A[c, j]
    return T


@checked
def omega_basis(weights, layer, unit, lam, A, *, beta=None):
    """[Fukumizu 2019, Eq. 6, corrected] T = d theta / d omega, (P', P') and invertible; P' = P + E (M' + D').

        w_j = beta_j (b + sum_c A_cj eta_c),   v_j = lam_j (a + sum_c A_cj xi_c),   A (lam * beta) = 0
        dw_j/db = beta_j I,  dv_j/da = lam_j I,  dv_j/dxi_c = lam_j A_cj I,  dw_j/deta_c = beta_j A_cj I

    lam : (E + 1,) array
    A : (E, E + 1) array
    beta : (E + 1,) array, or None

    beta = 1 where None, and for ReLU lam = gamma. Rows in the wide net's flatten order. Columns: the first P in
    the narrow net's order (b in the place of u, a in the place of zeta), then xi, then eta, c slow. So

        flatten(wide) = T @ concatenate([flatten(narrow), xi.ravel(), eta.ravel()])
        J_wide @ T = [J_narrow, 0],   T.T @ H_wide @ T = diag(H_narrow, replication_hessian(F, G, A, lam * beta))

    Printed without beta, also for ReLU (test_erratum_proposition_8_needs_beta_in_eq_6).
    """
    beta, _ = _replication(lam, A, beta)
    return _moves(weights, layer, unit, A, beta, lam)


@checked
def omega_coordinates(weights, layer, unit, lam, A, *, beta=None):
    """[Fukumizu 2019, Eq. 6, corrected] d omega / d theta (P', P'), the inverse of omega_basis, in closed form.

        a = sum_j beta_j v_j,   b = sum_j lam_j w_j,   C = A diag(lam * beta) A^T
        xi = C^-1 (A * beta) v,   eta = C^-1 (A * lam) w

    lam : (E + 1,) array
    A : (E, E + 1) array
    beta : (E + 1,) array, or None

    omega = omega_coordinates(...) @ flatten(wide): P entries, with (b, a) in the places of (u, zeta), then xi, eta.
    """
    beta, C = _replication(lam, A, beta)
    # b = sum_j lam_j w_j and eta_c = sum_j (C^-1 A)_cj lam_j w_j: the coefficients of (6) with lam and beta exchanged
    # and C^-1 A for A, rows for columns
    return _moves(weights, layer, unit, np.linalg.solve(C, A), lam, beta).T


class Omega(NamedTuple):
    """[Fukumizu 2019, Eq. 6] A narrow net with b and a in the place of u and zeta; xi (E, M') and eta (E, D')."""
    weights: list
    xi: np.ndarray
    eta: np.ndarray


@checked
def read_omega(wide, layer, unit, lam, A, *, beta=None):
    """[Fukumizu 2019, Eq. 6, corrected] The coordinates omega of any wide net, as a narrow net, xi and eta.

        a = sum_j beta_j v_j,   b = sum_j lam_j w_j,   C = A diag(lam * beta) A^T
        xi = C^-1 (A * beta) v,   eta = C^-1 (A * lam) w

    wide : net
    lam : (E + 1,) array
    A : (E, E + 1) array
    beta : (E + 1,) array, or None

    The copies are `unit` and the last E units of the layer.
    """
    beta, C = _replication(lam, A, beta)
    H0, H = len(wide[layer]) - len(A), len(wide[layer])
    if unit >= H0:
        raise ValueError(f"wide has {H} units in layer {layer}, {len(A)} of them surplus; unit is {unit}, it should be "
                         "one of the others")
    copies = np.append(unit, np.arange(H0, H))
    w, v = wide[layer][copies], wide[layer + 1][:, copies].T        # (E + 1, D'), (E + 1, M')
    xi, eta = np.linalg.solve(C, (A * beta) @ v), np.linalg.solve(C, (A * lam) @ w)
    narrow = [W.copy() for W in wide]
    narrow[layer] = narrow[layer][:H0]
    narrow[layer + 1] = np.delete(narrow[layer + 1], np.arange(H0, H), axis=1)
    narrow[layer][unit], narrow[layer + 1][:, unit] = lam @ w, beta @ v         # b and a
    return Omega(narrow, xi, eta)


# ---------------------------------------------------------------------------------------------------------------------
# Back: the narrow net of a wide one [beyond the papers]
#
# A unit can go where z_(q+1) = sum_i v_i phi(w_i . a~) - b, b the next layer's bias, can do without it:
#
#     v_j = 0                                it is not heard: (III)
#     phi(w_j . a~) = c_j on all a~          its weights are 0, its bias anything: b -= v_j c_j; without b all constant
#                                            units of a layer become one, v = sum_j v_j c_j / c. (II) has c_j = 0
#     w_j = c w_i                            v_i += c v_j; c = 1, or any c > 0 if phi(c s) = c phi(s): (I), (I)_R
#     w_j = -c w_i, phi(-s) = m - phi(s)     v_i -= c v_j and b -= m v_j; m = 0 for tanh, 1 for sigmoid
#     phi(w_j . a~_nu) = 0 on all samples    as far as the data tell: (II)_R
#
# Softplus, smooLU and rectified tanh have c = 1 only: a pair w, -w of softplus, ReLU, leaky ReLU leaves a linear rest.
# ---------------------------------------------------------------------------------------------------------------------

def _reflection(act):
    """[beyond the papers] m with phi(-s) = m - phi(s), 0 for tanh and 1 for sigmoid, or None; tried on four decades."""
    s = np.append(0, np.logspace(-2, 2, 9))
    both = act.f(s) + act.f(-s)
    return float(both[0]) if np.ptp(both) < 1e-14 * np.abs(act.f(s)).max() else None


def _parts(weights, layer):
    """[the project] Copies of W_q, of the columns v_i of W_(q+1), (M', n_q), and of b, (M', 1), or (M', 0) without."""
    above, units = weights[layer + 1], len(weights[layer])
    return weights[layer].copy(), above[:, :units].copy(), above[:, units:].copy()


def _rejoin(weights, layer, W, V, b, keep):
    """[the project] The net with these parts and only the units in keep; of none of them one stays, with w = v = 0."""
    if not keep.any():
        keep = np.arange(len(W)) == 0
        W, V = np.zeros_like(W), np.zeros_like(V)
    return [*weights[:layer], W[keep], np.hstack([V[:, keep], b]), *weights[layer + 2:]]


def _exact_zeros(sums, sizes, tol):
    """[the project] The sums, but exactly 0 where they are rounding, at most tol of the sum of the terms' sizes."""
    return np.where(np.abs(sums) > tol * sizes, sums, 0)


def _without_constants(weights, layer, act, X, tol):
    """[beyond the papers] b -= sum_j v_j c_j over the constant units, c_j = phi(-bias_j); without b one takes all."""
    W, V, b = _parts(weights, layer)
    inputs = len(weights[layer - 1]) if layer else W.shape[1] if X is None else X.shape[1]
    constant = ~W[:, :inputs].any(axis=1)
    c = act.f(-W[:, inputs:].sum(axis=1)) * constant                # (n_q,)
    shift = _exact_zeros(V @ c, np.abs(V) @ np.abs(c), tol)
    if b.size:
        b -= shift[:, None]
    elif shift.any():
        one = np.abs(c).argmax()
        constant[one] = False
        if constant.any():                                          # else it has all already
            V[:, one] = shift / c[one]
    return _rejoin(weights, layer, W, V, b, ~constant)


def _ratio(w, u, homogeneous, mirrored, tol):
    """[beyond the papers] c with w = c u, or None: 1, for homogeneous phi any c > 0, for mirrored phi -c too.

    Compared entry by entry, so that the scales of the inputs do not matter.
    """
    c = np.linalg.norm(w) / np.linalg.norm(u) if homogeneous and u.any() else 1.0
    for ratio in (c, -c)[:1 + mirrored]:
        if (np.abs(w - ratio * u) <= tol * np.abs(w)).all():
            return ratio
    return None


def _without_copies(weights, layer, act, tol):
    """[beyond the papers] v_i += c v_j where w_j = c w_i, and where c < 0 b -= m v_j."""
    W, V, b = _parts(weights, layer)
    homogeneous, m = _is_homogeneous(act), _reflection(act)
    mirrored = m == 0 or m is not None and b.size > 0               # m > 0 has to go into b
    sizes, keep = np.abs(V), np.ones(len(W), bool)
    for j in range(len(W)):
        for i in np.flatnonzero(keep[:j]):
            c = _ratio(W[j], W[i], homogeneous, mirrored, tol)
            if c is not None:
                V[:, i] += c * V[:, j]
                b -= m * V[:, [j]] if c < 0 else 0
                sizes[:, i] += abs(c) * sizes[:, j]
                keep[j] = False
                break
    return _rejoin(weights, layer, W, _exact_zeros(V, sizes, tol), b, keep)


def _without_unheard(weights, layer, act, X, tol):
    """[beyond the papers] The units with v_j = 0 go, and, given X, those with phi(w_j . a~_nu) = 0 on all samples."""
    W, V, b = _parts(weights, layer)
    heard = V.any(axis=0)
    if X is not None:
        inputs, z = forward_pass(weights[:layer + 1], X, act)
        heard &= act.f(_exact_zeros(z[layer], np.abs(inputs[layer]) @ np.abs(W).T, tol)).any(axis=0)
    return _rejoin(weights, layer, W, V, b, heard)


@checked
def reduce_units(weights, act, *, X=None, tol=1e-9):
    """[beyond the papers] The narrow net of a wide one, the inverse of every embedding: a net of fewer units.

        reduce_units(replicate_unit(weights, layer, unit, lam), act) has the widths and the function of weights,

    if these have no redundancy of the kinds above themselves, and |lam_j| is below 1 / tol.

    X : (n, D) array, or None
    tol : float, >= 0, < 1

    Weights are equal to tol, entry by entry, and sums are 0 to tol of their terms. The same function everywhere; where
    X decides, on X: with it units that are off on all samples go. In the first layer only X tells a bias from a
    weight; without it a constant unit must have w = 0. Layers are gone through again until nothing changes.

    A net without redundancy of these kinds comes back unchanged. For tanh with one hidden layer what comes back is
    minimal, if X is given or the layer has no bias [Sussmann 1992]; elsewhere smaller nets may exist.
    """
    before, weights = [], [W.copy() for W in weights]
    while not before or not all(map(np.array_equal, before, weights)):
        before = weights
        for layer in range(len(weights) - 2, -1, -1):               # from the top: what goes silences units below it
            weights = _without_constants(weights, layer, act, X, tol)
            weights = _without_copies(weights, layer, act, tol)
            weights = _without_unheard(weights, layer, act, X, tol)
    return weights


# ---------------------------------------------------------------------------------------------------------------------
# Stationary or not, and norms
#
# By back-propagation, with the delta of layer q + 1, which is the narrow net's,
#
#     dL/dv_j = sum_nu delta phi(w_j . a~)            dL/dw_j = sum_nu (delta . v_j) phi'(w_j . a~) a~       (26), (27)
#
# At Eq. (4) they are dL/dzeta and lam_j dL/du of the narrow net: stationary goes to stationary (Theorem 2). With v_j
# not parallel to zeta dL/dw_j is new, and so are dL/dw_j in (II), dL/dv_j in (III), none of them 0 in general; both are
# 0 in (28), and in (II)_R, where phi = phi' = 0.
# ---------------------------------------------------------------------------------------------------------------------

class FirstOrder(NamedTuple):
    """[Fukumizu 2019, supplement (26), (27)] dL/dv (E, M') and dL/dw (E, D') of surplus units."""
    dv: np.ndarray
    dw: np.ndarray


@checked
def first_order_blocks(weights, X, Y, act, loss, layer, W, V):
    """[Fukumizu 2019, supplement (26), (27)] The gradient in the surplus units, from the narrow net alone.

        dL/dv_j = sum_nu delta phi(w_j . a~),    dL/dw_j = sum_nu (delta . v_j) phi'(w_j . a~) a~

    W : (E, D') array, may be empty
    V : (E, M') array, may be empty

    In the wide net z_(q+1) must be the narrow net's on X (equal outputs are not enough: delta would be another). It is
    for inactive units, inactive propagation, units that are off, and copies of a unit, of which copy 0 takes what the
    others leave of zeta (each copy's block, copy 0's too, is found with its own (w_j, v_j)).
    """
    inputs, z = forward_pass(weights, X, act)
    a, delta = inputs[layer], deltas(weights, z, loss.d1(z[-1], Y), act)[layer + 1]        # (n, D'), (n, M')
    s = a @ W.T                                                     # w_j . a~, (n, E)
    return FirstOrder(act.f(s).T @ delta, (delta @ V.T * act.df(s)).T @ a)


class EmbeddingNorms(NamedTuple):
    """[Fukumizu 2019, Sec. 5.3] Rows of embedding_norms, |theta|_2^2 and |theta|_1; `inactive` is always `narrow`."""
    narrow: float
    replication: float
    inactive: float
    relu_replication: float
    replication_is_smaller: bool
    narrow_l1: float
    replication_l1: float
    inactive_l1: float
    relu_replication_l1: float


@checked
def embedding_norms(weights, layer, unit, count):
    """[Fukumizu 2019, Sec. 5.3, corrected] The least norms, l2 squared and l1, of a net with E = count surplus units.

                                                  N = |theta|_2^2                        N_1 = |theta|_1
        inactive units and propagation, all zero  N                                      N_1
        replication, w_j = u, v_j = lam_j zeta    N + E |u|^2 + (|lam|^2 - 1) |zeta|^2   N_1 + E |u|_1
                                                                                         + (|lam|_1 - 1) |zeta|_1
            least, at lam_j = 1 / (E + 1)         N + E |u|^2 - E / (E + 1) |zeta|^2     N_1 + E |u|_1
        ReLU, w_j = beta_j u, v_j = gamma_j zeta  N - (|u| - |zeta|)^2                   N_1 - (sqrt |u|_1
            least over beta, gamma                                                       - sqrt |zeta|_1)^2

    count : int, >= 1

    The paper says that inactive units have the smaller norm, l2 or l1, tanh or ReLU. For Eq. (4) in l1 it is right. In
    l2 replication has less than N if and only if |zeta|^2 > (E + 1) |u|^2, and for ReLU in both whenever the unit is
    not balanced, |u| != |zeta| (test_erratum_replication_can_have_the_smaller_norm).

    ReLU: beta_j^2 |u|^2 + gamma_j^2 |zeta|^2 >= 2 beta_j |gamma_j| |u| |zeta|, in all at least 2 |u| |zeta| since
    sum_j gamma_j beta_j = 1, attained (u, zeta != 0) where beta_j |u| = gamma_j |zeta|. In l1 the sum over j of
    2 sqrt(beta_j |gamma_j| |u|_1 |zeta|_1) is least where one copy has all, a bound that is not attained. Both are
    what rescaling the narrow unit alone reaches: replicating a unit that is balanced never lowers the norm.
    """
    E, u, zeta, rest = count, weights[layer][unit], weights[layer + 1][:, unit], [W.copy() for W in weights]
    rest[layer][unit], rest[layer + 1][:, unit] = 0, 0              # so that nothing cancels below: N = R + |u|^2 + ...
    R, u2, zeta2 = sum((W ** 2).sum() for W in rest), (u ** 2).sum(), (zeta ** 2).sum()
    R1, u1, zeta1 = sum(np.abs(W).sum() for W in rest), np.abs(u).sum(), np.abs(zeta).sum()
    N, N1 = float(R + u2 + zeta2), float(R1 + u1 + zeta1)
    replication, replication_l1 = R + (E + 1) * u2 + zeta2 / (E + 1), R1 + (E + 1) * u1 + zeta1
    relu, relu_l1 = R + 2 * np.sqrt(u2) * np.sqrt(zeta2), R1 + 2 * np.sqrt(u1) * np.sqrt(zeta1)
    return EmbeddingNorms(N, float(replication), N, float(relu), bool(zeta2 > (E + 1) * u2),
                          N1, float(replication_l1), N1, float(relu_l1))
