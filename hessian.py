"""Second derivatives of the loss, exactly: products with vectors, the matrix, its eigenvalues, and closed forms.

Letters, shapes and the recursion (ii) for delta are those of landscape.py; [..] counts units, and a~_(k-1)[j] is input
j of layer k. A bad argument is refused with a ValueError that names it; docstrings say so only where the reason is
mathematics. In this order:

    H v               the derivative of back-propagation along v; all unit vectors give H: hessian_plain
    gauss_newton      the first half of H, and all of it where l' = 0
    minimize          descent to a stationary point, as the theorems need
    hessian           H entry by entry, by a few large products: the same faster; hessian_blocks, hessian_diagonal
    inertia           the numbers of its positive, negative and zero eigenvalues; extreme_eigenpairs from products alone
    replication_...   a replicated unit [Fukumizu 2019, Lemma 4]: the block it adds to H, its eigenvalues, the way down
    surplus_hessian   the same for inactive units and inactive propagation [Fukumizu 2019, Sec. 5.1]

Kinks: a piecewise linear phi has phi'' = 0 here, and phi' at the kink is the one of landscape.py (ReLU: 0). Off the
kinks of all samples this is the Hessian. At a kink the loss has none as a rule, and what is computed is the Hessian
of the linear piece that phi' names: for ReLU a unit with z = 0 counts as off.
"""
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from landscape import (
    EPS,
    SQUARE,
    Activation,
    Fit,
    augment,
    checked,
    deltas,
    forward_pass,
    jacobian_pass,
    rounding_pass,
    unstack,
)

# ---------------------------------------------------------------------------------------------------------------------
# Products with a vector [Pearlmutter 1994]
#
# R{.} is the derivative along v = flatten(V), d/dt at theta + t v: a product rule, with R{W_k} = V_k and R{x} = 0.
# Applied to the forward pass, to (ii) and to the gradient (i) of landscape.py:
#
#     R{z_k}         = V_k a~_(k-1) + W_k R{a~_(k-1)},     R{a_k} = phi'(z_k) R{z_k}
#     R{delta_J}     = l'' R{f}
#     R{delta_(k-1)} = phi'(z_(k-1)) (W_k^T R{delta_k} + V_k^T delta_k) + phi''(z_(k-1)) R{z_(k-1)} (W_k^T delta_k)
#     (H v)_k        = R{delta_k} a~_(k-1)^T + delta_k R{a~_(k-1)}^T                                            (iii)
#
# where W_k^T and V_k^T leave the bias column out, whose input does not move.
# ---------------------------------------------------------------------------------------------------------------------

@checked
def hessian_operator(weights, X, Y, act, loss=SQUARE):
    """[Pearlmutter 1994] The map v -> H v by (iii), as a function that keeps the forward and the backward pass.

    What comes back takes (P,) or a stack (..., P) of vectors and gives the like. It has its own copy of all it needs.
    """
    product = _operator([W.copy() for W in weights], X, Y, act, loss)

    def matvec(vector):
        masked, vector = np.ma.isMaskedArray(vector), np.asarray(vector)
        if masked or vector.dtype.kind not in "biuf" or not np.isfinite(vector).all():
            raise ValueError(f"vector holds {vector.dtype} values, it should hold finite real numbers, none masked")
        with np.errstate(over="ignore", invalid="ignore"):
            found = product(vector.astype(float, copy=False))
        if not np.isfinite(found).all():
            raise ValueError("H vector overflows float64; vector should be scaled")
        return found

    return matvec


def _operator(weights, X, Y, act, loss):
    """[Pearlmutter 1994] hessian_operator, on the weights themselves instead of a copy."""
    # One by one phi, phi' and phi'' take more than half the time of H v, each with the same exponential: hence jets.
    jet = getattr(act, "jet", None) or (lambda u: (act.f(u), act.df(u), act.d2f(u)))
    inputs, z, jets = [], [], []
    for k, W in enumerate(weights):                                 # forward_pass, which keeps phi' and phi'' too
        if k:
            jets.append(jet(z[-1]))
        inputs.append(augment(W, jets[-1][0] if k else X))
        z.append(inputs[-1] @ W.mT)
    slope = [first for _, first, _ in jets]                         # phi'(z_k), (n, n_k)
    delta, bend, d2l = [loss.d1(z[-1], Y)], [], loss.d2(z[-1], Y)
    back = [W[:, :u.shape[1]] for W, u in zip(weights[1:], z)]      # W_(k+1) without the bias column
    for B, (_, first, second) in zip(back[::-1], jets[::-1]):
        pulled = delta[0].dot(B)                                    # W_(k+1)^T delta_(k+1); @ is slow for M = 1
        delta.insert(0, first * pulled)                             # (ii)
        bend.insert(0, second * pulled)
    P = sum(W.size for W in weights)

    def matvec(vector):
        if vector.shape[-1:] != (P,):
            raise ValueError(f"vector has shape {vector.shape}, it should be ({P},) or a stack of these")
        V, product = unstack(vector, weights), np.empty(vector.shape)
        Rz, Ra = [inputs[0] @ V[0].mT], []                          # (..., n, n_1)
        for k, B in enumerate(back):
            Ra.append(slope[k] * Rz[k])
            Rz.append(inputs[k + 1] @ V[k + 1].mT)
            Rz[-1] += Ra[k] @ B.T
        Rdelta = np.einsum("nkm,...nm->...nk", d2l, Rz[-1])
        for k, part in reversed(list(enumerate(unstack(product, weights)))):
            np.matmul(Rdelta.mT, inputs[k], out=part)               # (..., n_k, columns)
            if k:
                units = Ra[k - 1].shape[-1]
                part[..., :units] += delta[k].T @ Ra[k - 1]
                Rdelta = Rdelta @ back[k - 1]                       # in place from here on, no new memory
                Rdelta += delta[k] @ V[k][..., :units]
                Rdelta *= slope[k - 1]
                Rz[k - 1] *= bend[k - 1]
                Rdelta += Rz[k - 1]
        return product

    return matvec


@checked
def hessian_vector_product(weights, vector, X, Y, act, loss=SQUARE):
    """[Pearlmutter 1994] H v without H, by (iii), in the time of at most three gradients; shaped like vector.

    vector : (..., P) array

    For many vectors one after the other at one point take hessian_operator.
    """
    return _operator(weights, X, Y, act, loss)(vector)


@checked
def hessian_plain(weights, X, Y, act, loss=SQUARE):
    """[beyond the papers] The Hessian of L in theta, (P, P), by products with all unit vectors: the one to copy.

    Symmetric bit by bit; rows and columns in the order of flatten. `hessian` is the same faster.
    """
    P = sum(W.size for W in weights)
    parts = np.array_split(np.eye(P), min(P, 1 + P * len(X) // 2 ** 14))        # some at a time, for the memory
    H = np.concatenate(list(map(_operator(weights, X, Y, act, loss), parts)))
    return (H + H.T) / 2


@checked
def gauss_newton(weights, X, Y, act, loss=SQUARE):
    """[Cooper 2018, Prop. 2.3] The Gauss-Newton matrix, (P, P): the Hessian itself where l' = 0.

        H = sum_nu J^T l'' J + sum_(nu, m) l'_m d2 f_m / dtheta2,  of which this is the first sum

    Symmetric bit by bit. l' = 0: for the square loss where f = y, for LOGISTIC where sigmoid(f) = y, in (0, 1).
    """
    inputs, z = forward_pass(weights, X, act)
    J, d2l = jacobian_pass(weights, inputs, z, act), loss.d2(z[-1], Y)          # (n, M, P), (n, M, M)
    H = np.einsum("nmp,nmk,nkq->pq", J, d2l, J, optimize=True)
    return H / 2 + H.T / 2


# ---------------------------------------------------------------------------------------------------------------------
# Descent to a stationary point
# ---------------------------------------------------------------------------------------------------------------------

def _slope_level(weights, X, Y, act, loss, room=1):
    """[beyond the papers] Which size of l' counts as zero in sums over samples, (n, M).

        1e-12 |l'(f)| + room sum_m |l'(f + e_m) - l'(f - e_m)|

    The first term is the rounding of such a sum, with a margin of some thousand; the second is what the rounding e_m of
    output m (rounding_pass, with Y, as l' is rounded beside its target) does to l', and dominates where l' -> 0; `room`
    is for an l' that only its sums hold at 0. One output moves at a time, as softmax does not see what moves all alike.
    e_m is at least 4 eps for a logit, however small, as l' = p - y is off by eps p.
    """
    f, e = forward_pass(weights, X, act)[1][-1], rounding_pass(weights, X, act, Y)
    e = np.maximum(e, 4 * EPS) if loss.name in ("logistic", "softmax") else e   # by name, to need neither loss
    moved = (np.abs(loss.d1(f + e * m, Y) - loss.d1(f - e * m, Y)) for m in np.eye(Y.shape[1]))
    return 1e-12 * np.abs(loss.d1(f, Y)) + room * sum(moved)


@checked
def minimize(weights, X, Y, act, loss=SQUARE, *, iterations=1000):
    """[beyond the papers] Descent to a stationary point, down to the rounding of the gradient: a Fit.

    Damped Newton: with H = sum_i lambda_i q_i q_i^T and g the Hessian and gradient at theta,

        step = -sum_i q_i (q_i . g) / (|lambda_i| + mu max_j |lambda_j|)

    iterations : int, >= 0; the largest number of steps tried

    With |lambda_i| negative curvature is descended, not climbed. A step is taken if it lowers L. mu is divided by 10
    where the decrease is at least 3/4 of -(g . step + step . H step / 2), multiplied by 4 where it is less than 1/4.
    Near the end L no longer resolves the change; there the decrease is -(g + g_new) . step / 2, which keeps its digits.

    `converged` only if every entry of the gradient is at its rounding level, some 1e-12 sum_nu |J_nu|^T |l'_nu|, or
    what the rounding of f does to it. From there it still goes on while a step halves |g|, as zeros of H that a theorem
    promises hold to |g| only. It stays False for a minimum at infinity, as of the logistic loss on separable data or
    where a unit dies or saturates ever more, where l' underflows, and where H is 0 or does not exist, as for |r|. A
    True can be wrong at kinks of |r|, and where samples that run to infinity share all weights with others that do not
    (logistic loss, x = -1, -1, 1 and y = 0, 1, 1; XOR by one tanh unit). A start at a saddle is stationary, and is
    returned at once; so is one at a kink of ReLU where the gradient with the unit off is 0, though L may fall from
    there. Meant for P up to some hundreds (a P x P matrix is diagonalised in each step), and for inputs of like size.
    """
    def value_and_gradient(theta):
        trial = unstack(theta, weights)
        inputs, z = forward_pass(trial, X, act)
        delta = deltas(trial, z, loss.d1(z[-1], Y), act)
        return loss.value(z[-1], Y).sum(), np.concatenate([(d.T @ a).ravel() for d, a in zip(delta, inputs)])

    def stationary(theta, g):
        """Whether each |g_i| is at most sum_nu |J_nu|^T (the level of l')."""
        net = unstack(theta, weights)
        J = jacobian_pass(net, *forward_pass(net, X, act), act).reshape(Y.size, -1)         # (n M, P)
        reach = _slope_level(net, X, Y, act, loss).ravel() @ np.abs(J)              # (P,)
        known = (reach[J.any(axis=0)] > 1e-290).all() or rounding_pass(net, X, act).max() < 1e-150
        return bool(known and (np.abs(g) <= reach).all())           # underflow: a minimum at infinity, or f = 0

    theta = np.concatenate([W.ravel() for W in weights])
    parts = np.array_split(np.eye(len(theta)), min(len(theta), 1 + len(theta) * len(X) // 2 ** 14))
    L, g = value_and_gradient(theta)
    done = stationary(theta, g)
    mu, count, moved, halved = 1e-3, 0, True, False
    while (halved or not done) and count < iterations and mu < 1e250:           # a saturated net has H far below g
        count += 1
        try:
            if moved:
                H = np.concatenate(list(map(_operator(unstack(theta, weights), X, Y, act, loss), parts)))
                values, Q = np.linalg.eigh(H)
                c, size, moved = Q.T @ g, np.abs(values).max(), False
            s = -c / (np.abs(values) + mu * size)
            step = Q @ s
            L_new, g_new = value_and_gradient(theta + step)
        except (ValueError, FloatingPointError):                    # a step that overflows is not taken
            if moved:                                               # the loss has no l'' here
                break
            mu *= 4
            continue
        expected = -(c @ s + (values * s) @ s / 2)
        decrease = L - L_new if abs(c @ s) > 1e-7 * abs(L) and L != L_new else -(g + g_new) @ step / 2
        moved = decrease > 0
        mu = max(mu / 10, 1e-13) if decrease > 0.75 * expected else mu * (1 if decrease >= 0.25 * expected else 4)
        halved = moved and np.abs(g_new).max() <= np.abs(g).max() / 2
        if halved or moved and not done:
            theta, L, g = theta + step, L_new, g_new
            done = stationary(theta, g)
    return Fit([W.copy() for W in unstack(theta, weights)], float(L), count, done)


# ---------------------------------------------------------------------------------------------------------------------
# The Hessian entry by entry
#
# For one sample, to be summed over nu; k <= m count layers. By (i) the gradient in W_m[p, q] is delta_m[p] a~_(m-1)[q].
# The weight W_k[i, j] acts only through z_k[i], and d z_k[i] / d W_k[i, j] = a~_(k-1)[j]. By the product rule
#
#     d2l / dW_k[i, j] dW_m[p, q] = a~_(k-1)[j] (S_km[i, p] a~_(m-1)[q] + T_km[i, q] delta_m[p])                 (iv)
#     S_km[i, p] = d delta_m[p] / d z_k[i] = d2l / dz_k[i] dz_m[p]
#     T_km[i, q] = d a~_(m-1)[q] / d z_k[i],  0 for k = m and for the bias input
#
# At the linear last layer S_JJ = l''. From layer k to k - 1: z_(k-1)[j] acts only through a_(k-1)[j] = phi(z_(k-1)[j]),
# and that through every z_k[i]. So whatever is differentiated by z_k[i] is pulled back as in (ii), without the phi''
# of anything, as long as it lies behind z_k:
#
#     S_(k-1)m[j, p] = phi'(z_(k-1)[j]) sum_i W_k[i, j] S_km[i, p],          k <= m                                (v)
#     T_(m-1)m[j, q] = [j = q] phi'(z_(m-1)[j]);   T_(k-1)m from T_km as in (v),   k < m                          (vi)
#
# Only the next diagonal one has a phi'', for delta_(m-1)[p] = phi'(z_(m-1)[p]) (W_m^T delta_m)[p] has two factors:
#
#     S_(m-1)(m-1)[j, p] = phi'(z_(m-1)[p]) sum_i W_m[i, p] S_(m-1)m[j, i]
#                          + [j = p] phi''(z_(m-1)[p]) (W_m^T delta_m)[p]                                        (vii)
#
# Summed over samples, the first term of (iv) is ONE matrix product of S_km, rows (i, p), with the products of inputs
# a~_(k-1)[j] a~_(m-1)[q], rows (j, q); the second one of T_km with delta_m[p] a~_(k-1)[j], where (vi) leaves only
# i = q between neighbours. At k = m only pairs i <= p and j <= q are needed: form (b), `_deep`.
#
# Two matrices, form (a), `_shallow`, where m is an output and no longer a layer: f = W_2 a~_1, z = W_1 x~, and
#
#     H = J^T l'' J + sum_m l'_m d2 f_m                                                                         (viii)
#     d2 f_m / dW_1[i, j] dW_1[i, q] = W_2[m, i] phi''(z[i]) x~[j] x~[q]        all others of these, and
#     d2 f_m / dW_1[i, j] dW_2[m, i] = phi'(z[i]) x~[j]                         all of d2 f_m / dW_2 dW_2, are 0
#
# All arrays in these functions have the samples on the last axis and the unit of z_k before it: S_km[i, p] of sample nu
# stands at [p, i, nu], T_km[i, q] at [q, i, nu].
# ---------------------------------------------------------------------------------------------------------------------

def _pull_back(W, slope, S):
    """[beyond the papers] (v) for any derivatives S (any, n_k, n) by z_k: those by z_(k-1), (any, n_(k-1), n)."""
    pulled = W[:, :len(slope)].T @ S
    pulled *= slope
    return pulled


def _curvature_pass(weights, z, Y, act, loss):
    """[beyond the papers] (ii), (vii): lists of phi'(z_k) and delta_k (n_k, n), S_kk and S_k(k+1) (n_(k+1), n_k, n)."""
    jet = getattr(act, "jet", None) or (lambda u: (None, act.df(u), act.d2f(u)))
    jets = [jet(u.T.copy()) for u in z[:-1]]
    slope, curve = [first for _, first, _ in jets], [second for _, _, second in jets]
    delta, S, half = [loss.d1(z[-1], Y).T.copy()], [loss.d2(z[-1], Y).transpose(1, 2, 0).copy()], []
    for k in reversed(range(len(slope))):
        W = weights[k + 1]
        pulled = W[:, :len(slope[k])].T @ delta[0]                              # W_k^T delta_k
        delta.insert(0, slope[k] * pulled)                                      # (ii)
        half.insert(0, _pull_back(W, slope[k], S[0]))                           # S_(k-1)k
        S.insert(0, _pull_back(W, slope[k], half[0].swapaxes(0, 1)))
        np.einsum("iin->in", S[0])[...] += curve[k] * pulled                    # onto the diagonal, through a view
    return slope, delta, S, half


@checked
def hessian_blocks(weights, X, Y, act, loss=SQUARE):
    """[beyond the papers] The diagonal blocks of the Hessian, one (P_k, P_k) per layer: (iv) at k = m.

        d2L / dW_k[i, j] dW_k[p, q] = sum_nu S_kk[i, p] a~_(k-1)[j] a~_(k-1)[q]

    Symmetric bit by bit; P_k is the size of W_k, weights[k - 1].
    """
    inputs, z = forward_pass(weights, X, act)
    blocks = [np.einsum("ipn,nj,nq->ijpq", S, a, a, optimize=True).reshape(W.size, W.size)
              for W, S, a in zip(weights, _curvature_pass(weights, z, Y, act, loss)[2], inputs)]
    return [B / 2 + B.T / 2 for B in blocks]


@checked
def hessian_diagonal(weights, X, Y, act, loss=SQUARE):
    """[beyond the papers] The diagonal of the Hessian without the rest, a list like weights: (iv) there.

        d2L / dW_k[i, j]^2 = sum_nu S_kk[i, i] a~_(k-1)[j]^2

    Exact, and without any P x P array; S_kk takes n_k^2 numbers a sample. Its sums are the traces of the layers.
    """
    inputs, z = forward_pass(weights, X, act)
    return [np.einsum("iin->in", S) @ a ** 2 for S, a in zip(_curvature_pass(weights, z, Y, act, loss)[2], inputs)]


def _shallow(weights, X, Y, act, loss, H, add):
    """[beyond the papers] Form (a): (viii), J^T l'' J and two sparse terms, into the upper triangle of H (P, P)."""
    n, (inputs, z) = len(X), forward_pass(weights, X, act)
    (h, c), (M, c2) = weights[0].shape, weights[1].shape
    i, m, V = np.arange(h), np.arange(M), weights[1][:, :h].T       # V[i, m] = W_2[m, i]
    x, dl = inputs[0].T, loss.d1(z[1], Y).T                         # (c, n), (M, n)
    jet = getattr(act, "jet", None) or (lambda u: (None, act.df(u), act.d2f(u)))
    _, slope, curve = jet(z[0].T.copy())                            # phi'(z), phi''(z), (h, n)
    J, d2l = np.zeros((len(H), M, n)), loss.d2(z[1], Y).transpose(1, 2, 0).copy()
    np.multiply((V[:, :, None] * slope[:, None])[:, None], x[:, None], out=J[:h * c].reshape(h, c, M, n))
    J[h * c:].reshape(M, c2, M, n)[m, :, m] = inputs[1].T
    step = c * -(-128 // c)                                         # whole units: their (c, c) blocks are all filled
    for s in range(0, len(H), step):                                # by strips of rows, from the diagonal on
        strip = np.einsum("kmn,pkn->pmn", d2l, J[s:s + step])       # l'' J
        strip, rest, block = strip.reshape(len(strip), -1), J[s:].reshape(len(H) - s, -1).T, H[s:s + step, s:]
        if add:
            block += strip @ rest
        else:
            np.matmul(strip, rest, out=block)                       # straight into H, no copy
    bend = V @ dl * curve                                           # (h, n)
    H[:h * c, :h * c].reshape(h, c, h, c)[i, :, i] += _input_pairs(bend, x)
    turn = (slope[:, None] * dl).reshape(h * M, n) @ x.T            # (h M, c)
    H[:h * c, h * c:].reshape(h, c, M, c2)[i, :, :, i] += turn.reshape(h, M, c).swapaxes(1, 2)


def _deep(weights, X, Y, act, loss, H, add):
    """[beyond the papers] Form (b): (iv), products over samples by pairs of layers, into the upper triangle of H."""
    n, (inputs, z) = len(X), forward_pass(weights, X, act)
    slope, delta, curvature, half = _curvature_pass(weights, z, Y, act, loss)
    a = [u.T.copy() for u in inputs]                                # a~_(k-1), (c, n)
    end = list(accumulate((W.size for W in weights), initial=0))
    at = [slice(*ends) for ends in zip(end, end[1:])]
    for m, (rows, c) in enumerate(W.shape for W in weights):
        S, T = curvature[m], None
        block = H[at[m], at[m]].reshape(rows, c, rows, c).swapaxes(1, 2)
        i, p = (np.arange(rows)[:, None] <= np.arange(rows)).nonzero()      # pairs of units i <= p
        for s in range(0, len(i), 256):                             # 256 at a time stay in the cache
            few = slice(s, s + 256)
            product = _input_pairs(S[i[few], p[few]], a[m])
            block[i[few], p[few]] = product + block[i[few], p[few]] if add else product
        for k in reversed(range(m)):
            units, columns = weights[k].shape
            S = _pull_back(weights[k + 1], slope[k], S) if k < m - 1 else half[k]   # S_km, (n_m, n_k, n)
            product = S.reshape(-1, n) @ (a[k][:, None] * a[m]).reshape(-1, n).T
            block = H[at[k], at[m]].reshape(units, columns, rows, c)
            product = product.reshape(rows, units, columns, c).transpose(1, 2, 0, 3)
            block[...] = product + block if add else product
            right = (delta[m][:, None] * a[k]).reshape(-1, n)       # (n_m c_k, n)
            if k == m - 1:                                          # T_km is diagonal: only i = q
                diagonal = np.einsum("ijpi->ipj", block[..., :units])       # a view
                diagonal += (slope[k] @ right.T).reshape(units, rows, columns)
                T = np.eye(units)[:, :, None] * slope[k] if k else None
            else:
                T = _pull_back(weights[k + 1], slope[k], T)         # T_km, (n_(m-1), n_k, n)
                product = right @ T.swapaxes(0, 1).reshape(-1, n).T     # (n_m c_k, n_k n_(m-1)), q fastest
                block[..., :len(T)] += product.reshape(rows, columns, units, -1).transpose(2, 1, 0, 3)


def _input_pairs(S, a):
    """[beyond the papers] sum_nu S[r] a[j] a[q] for every row r of S (rows, n): (rows, c, c), by the pairs j <= q."""
    if len(a) > 4 * len(S):                 # fewer rows than inputs: weighting the inputs is less work
        return (S[:, None] * a) @ a.T
    i = np.arange(len(a))
    upper = i[:, None] <= i
    j, q = upper.nonzero()
    place = np.empty(upper.shape, dtype=int)
    place[j, q] = place[q, j] = np.arange(len(j))
    return (S @ (a[j] * a[q]).T).take(place, axis=1)


def _mirror(H):
    """[the project] Copy the upper triangle of H onto the lower one, in place; the TLB holds the pages of 64 rows."""
    below = np.tri(64, k=-1, dtype=bool)
    for s in range(0, len(H), 64):
        corner = H[s:s + 64, s:s + 64]
        np.copyto(corner, corner.T, where=below[:len(corner), :len(corner)])
        H[s + 64:, s:s + 64] = H[s:s + 64, s + 64:].T


def _by_portions(form, weights, X, Y, act, loss):
    """[the project] The sum of _shallow or _deep over portions of the samples, mirrored, (P, P).

    To touch memory can cost as much as the products. So portions are of equal size, what is as a rule largest in one,
    `keeps` numbers for each sample, is 8 MB or half of H at most, and only from the second on is H added to.
    """
    P = sum(W.size for W in weights)
    keeps = (2 * len(weights[1]) * P if form is _shallow            # J, and as many on the way to H
             else sum(m * m + min(c * c, m * m * c) for m, c in (W.shape for W in weights)))    # S_kk, pairs of inputs
    portions = 1 + len(X) * keeps // max(2 ** 20, P * P // 2)
    portion, H = -(-len(X) // portions), np.empty((P, P))
    for s in range(0, len(X), portion):
        form(weights, X[s:s + portion], Y[s:s + portion], act, loss, H, s > 0)
    _mirror(H)
    return H


@checked
def hessian(weights, X, Y, act, loss=SQUARE):
    """[beyond the papers] The exact Hessian of L in theta, (P, P): any depth, outputs and loss; hessian_plain, faster.

        d2L / dW_k[i, j] dW_m[p, q] = sum_nu a~_(k-1)[j] (S_km[i, p] a~_(m-1)[q] + T_km[i, q] delta_m[p])

    Symmetric bit by bit; rows and columns in the order of flatten.
    """
    # Form (a) costs M P^2 / 2 multiplications per sample, and P is about h (c + M) for h hidden units and c columns of
    # W_1. Form (b) handles h^2 pairs of units, each in the time of about 500 multiplications of (a), so it is the
    # faster one from about M (c + M)^2 = 1000 on.
    M, c = len(weights[-1]), weights[0].shape[1]
    form = _shallow if len(weights) == 2 and M * (c + M) ** 2 <= 1000 else _deep
    return _by_portions(form, weights, X, Y, act, loss)


# ---------------------------------------------------------------------------------------------------------------------
# Eigenvalues
# ---------------------------------------------------------------------------------------------------------------------

class Inertia(NamedTuple):
    """[Cooper 2018, Prop. 2.3] Numbers of eigenvalues > tol, < -tol and between, the tolerance, the gap around it."""
    positive: int
    negative: int
    zero: int
    tol: float
    gap: float


@checked
def inertia(H, tol=None):
    """[Cooper 2018, Prop. 2.3] The numbers of positive, negative and zero eigenvalues of H: an Inertia.

    H : (size, size) array, symmetric
    tol : float, >= 0, or None; what counts as zero, None: size eps max|lambda|, numpy.linalg.matrix_rank's rule
    returns : may be infinite

    gap is the smallest |lambda| counted as nonzero over the largest counted as zero, inf if there is none on one side
    or the largest zero is exactly 0. A count with a gap near 1 means nothing. A gradient g that is left at a net moves
    zeros by some |g|: at a trained net above zero loss tol should be above that, 1e-10 max|lambda| say. Of H = J^T J it
    sees singular values of J down to sqrt(size eps) of the largest, landscape.jacobian_rank to size eps.
    """
    values = np.linalg.eigvalsh(H)                                  # reads the lower triangle
    tol = len(H) * EPS * np.abs(values).max() if tol is None else tol
    zero = np.abs(values) <= tol
    largest, smallest = np.abs(values[zero]).max(initial=0), np.abs(values[~zero]).min(initial=np.inf)
    gap = smallest / largest if largest > 1e-300 * smallest else np.inf
    return Inertia(int((values > tol).sum()), int((values < -tol).sum()), int(zero.sum()), float(tol), float(gap))


class Eigenpairs(NamedTuple):
    """[beyond the papers] Eigenvalues, ascending, and the eigenvectors, one per column."""
    values: np.ndarray
    vectors: np.ndarray


@checked
def extreme_eigenpairs(matvec, size, k, *, rng=None):
    """[Lanczos 1950] The k smallest, then the k largest eigenpairs from products alone: values (2k,), (size, 2k).

    matvec : function; v -> H v, both (size,), H symmetric
    size : int, >= 2; and at least 2 k
    k : int, >= 1

    Lanczos with full reorthogonalisation finds one eigenvector per distinct eigenvalue. So further passes search the
    complement of what was found, until a pass finds nothing more extreme: then multiple eigenvalues are all there.
    Each |H q - lambda q| is about 1e-12 of the largest |lambda| unless matvec is less exact. A pass keeps its vectors.
    """
    if size < 2 * k:
        raise ValueError(f"size is {size}, it should be at least 2 k = {2 * k}: else the two ends overlap")
    rng = np.random.default_rng(rng)
    values, Q = _lanczos_pass(matvec, np.empty((0, size)), 0.0, k, rng)
    while len(Q) < size:
        scale = np.abs(values).max()
        new, R = _lanczos_pass(matvec, Q, scale, 1, rng)
        margin = 1e-11 * scale                                      # ten times the residuals of both passes
        better = (new < values[k - 1] - margin) | (new > values[k] + margin)
        if not better.any():
            break
        values, Q = np.append(values, new[better]), np.vstack([Q, R[better]])
        order = np.argsort(values)
        ends = np.append(order[:k], order[-k:])
        values, Q = values[ends], Q[ends]
    return Eigenpairs(values, Q.T.copy())


def _lanczos_pass(matvec, known, scale, k, rng):
    """[Lanczos 1950] The k smallest and k largest eigenpairs in the complement of known (r, size): (2k,), (2k, size).

        beta_(j+1) q_(j+1) = H q_j - its part in the span of known, q_1, ..., q_j,    alpha_j = q_j . H q_j

    Eigenpairs (theta, s) of the tridiagonal matrix of alpha and beta give theta and Q s, with the residual
    |H Q s - theta Q s| = beta_(j+1) |s_j|. Where beta = 0 the space is invariant: go on in a random direction. Fewer
    pairs where the complement is smaller. `scale` is the size of the eigenvalues as far as known.
    """
    (r, size), alpha, beta, due = known.shape, [], [], 2 * k
    Q, w = known, np.zeros(size)                                    # w = 0: the first direction is random
    while True:
        filled = r + len(alpha)
        w = _reject(w, Q[:filled])
        length = np.linalg.norm(w)
        beta.append(length if length > 100 * EPS * scale else 0.0)  # below that w is rounding
        if filled == size or len(alpha) >= due:
            theta, s = np.linalg.eigh(np.diag(alpha) + np.diag(beta[1:-1], -1))     # reads the lower triangle
            ends = sorted({*range(len(theta))[:k], *range(len(theta))[-k:]})
            if filled == size or (beta[-1] * np.abs(s[-1, ends]) <= 1e-12 * np.abs(theta).max(initial=scale)).all():
                return theta[ends], s[:, ends].T @ Q[r:filled]
            due = len(alpha) + 1 + len(alpha) // 8
        if beta[-1] == 0:
            w = _reject(rng.normal(size=size), Q[:filled])
        if filled == len(Q):                                        # twice the room when it is full
            Q = np.vstack([Q, np.empty((min(len(alpha) + 2 * k, size - filled), size))])
        Q[filled] = w / np.linalg.norm(w)
        w = np.asarray(matvec(Q[filled].copy()))
        if w.shape != (size,) or w.dtype.kind not in "biuf" or not np.isfinite(w).all():
            raise ValueError(f"matvec returns {w.dtype} values of shape {w.shape}, it should return {size} finite ones")
        alpha.append(Q[filled] @ w)
        scale = max(scale, np.linalg.norm(w))


def _reject(w, Q):
    """[beyond the papers] w minus its projection on the orthonormal rows of Q, twice: then orthogonal to rounding."""
    for _ in range(2):
        w = w - (Q @ w) @ Q
    return w


# ---------------------------------------------------------------------------------------------------------------------
# Unit replication [Fukumizu 2019, Lemma 4], at any hidden layer q (`layer` = q - 1 in code) of a net of any depth
#
#     u, zeta      the row of W_q and the column of W_(q+1) of the unit that is replicated; w_j, v_j those of a copy or
#                  of a surplus unit: E surplus units, E + 1 copies
#     theta_0      the narrow net's parameters, with b and a in the places of u and zeta
#     a~, delta    the inputs (n, D') of layer q and dl/dz (n, M') of layer q + 1, back-propagated
#     lam, A       lambda (E + 1,) and the matrix (E, E + 1) with A lambda = 0; C = A diag(lambda) A^T; F, G are his
#
# The rest of the net sees the units of layer q through z = z_(q+1) alone, so with all else fixed and for one sample
#
#     l = l(z),   z = (other units) + sum_j v_j phi(w_j . a~),     dl/dz = delta,  d2l/dz2 = Lambda
#
# where the layers above are in l(z), hence delta is back-propagated, and nothing below needs three layers. (Lambda is
# S of (vii) at q + 1; the paper has the letter for diag(lambda).) Let
# w_j = b + sum_c A_cj eta_c and v_j = lambda_j (a + sum_c A_cj xi_c), his (6), at b = u, a = zeta, xi = eta = 0.
# First derivatives of z there [Lemma 3]:
#
#     dz/dxi_c  = phi(u . a~) sum_j lambda_j A_cj = 0       dz/deta_c = zeta phi'(u . a~) a~^T sum_j lambda_j A_cj = 0
#
# So in d2l = Lambda dz dz + delta d2z the first term vanishes wherever xi or eta takes part, and with it all
# of the layers above; left is delta . d2z. Two sums over j occur there, sum_j lambda_j A_cj = 0, which removes all
# blocks between (xi, eta) and any parameter that treats the copies alike (a, b, and all of theta_0, also below layer
# q), and sum_j A_cj lambda_j A_dj = C_cd:
#
#     xi-xi    0, since z is linear in the v_j
#     xi-eta   C_cd F,    F = sum_nu delta phi'(u . a~) a~^T                              (M', D')
#     eta-eta  C_cd G,    G = sum_nu (delta . zeta) phi''(u . a~) a~ a~^T                  (D', D')
#
# that is [[0, kron(C, F)], [kron(C, F)^T, kron(C, G)]], with c the slow index. Nothing was assumed on theta.
# ---------------------------------------------------------------------------------------------------------------------

class Curvature(NamedTuple):
    """[Fukumizu 2019, Lemma 4] F (M', D') and G (D', D') of a unit that is to be replicated."""
    F: np.ndarray
    G: np.ndarray


def _without_rounding(A, level):
    """[beyond the papers] A with entries below `level` as 0, less singular values below its norm, as at zeta^T F = 0.

    Rows and columns are first brought to units in which the levels are alike, none above 1: svd has one for all.
    """
    A, unit = np.where(np.abs(A) > level, A, 0), np.outer(level.max(axis=1), level.max(axis=0) / (level.max() or 1))
    excess = np.maximum(level / np.where(unit > 0, unit, 1), 1)                 # of a level that is no outer product
    unit *= np.sqrt(np.outer(excess.max(axis=1), excess.max(axis=0)))
    scale = np.where(unit > 0, unit, 1)
    U, s, Vt = np.linalg.svd(A / scale, full_matrices=False)
    known = s > np.linalg.norm(level / scale)
    return A if known.all() else unit * ((U * np.where(known, s, 0)) @ Vt)      # to subtract would leave eps of A


@checked
def replication_curvature(weights, X, Y, act, loss, layer, unit):
    """[Fukumizu 2019, Lemma 4] The matrices F (M', D') and G (D', D') of one unit of the narrow net.

        F = sum_nu delta phi'(u . a~) a~^T,    G = sum_nu (delta . zeta) phi''(u . a~) a~ a~^T

    What is rounding comes back as 0: an entry below the same sum of absolute values with, in the place of delta, the
    level of l' sent back through |W|^T (as in minimize, with room for what a zero gradient leaves of l'), in G also of
    what rounding in u . a~ does to phi''; and what of the rank of F and G these levels account for. They are some 1e-12
    of a common entry, more where the net is stationary, above all of F and G at zero training error, f = y to rounding.

    Where the net is stationary, zeta^T F = dL/du = 0, and for ReLU also F u = dL/dzeta = 0. So for zeta != 0 rank F <=
    min(D', M' - 1), F = 0 if M' = 1, and for ReLU rank F <= min(D', M') - 1. The full rank of the supplement's Remark
    after Theorem 5 takes M' > D' (test_caveat_the_remarks_full_rank_of_F_needs_more_outputs_than_inputs). With SOFTMAX
    in the next layer 1^T F = 0 too: unless zeta is parallel to 1, rank F <= M' - 2, and F = 0 for two classes
    (test_softmax_takes_one_more_from_the_rank_of_F).
    """
    def F_and_G(delta, a, zeta, slope, curve):
        """The two sums, of a for a~, slope for phi'(u . a~), curve for phi''(u . a~)."""
        return (delta * slope[:, None]).T @ a, (a * (delta @ zeta * curve)[:, None]).T @ a

    inputs, z = forward_pass(weights, X, act)
    ua = z[layer][:, unit]                                          # u . a~, (n,)
    terms = inputs[layer], weights[layer + 1][:, unit], act.df(ua), act.d2f(ua)             # (n, D'), (M',), (n,), (n,)
    delta = deltas(weights, z, loss.d1(z[-1], Y), act)[layer + 1]
    F, G = F_and_G(delta, *terms)
    size = Activation("|phi'|", act.f, lambda x: np.abs(act.df(x)), act.d2f)    # from here on sizes, for the rounding
    level = _slope_level(weights, X, Y, act, loss, room=256)        # a gradient of 0 leaves l' of some 100 roundings
    level = deltas([np.abs(W) for W in weights], z, level, size)[layer + 1]
    F_level, G_level = F_and_G(level, *map(np.abs, terms))
    e = rounding_pass(weights[:layer + 1], X, act)[:, unit]         # of u . a~, which near phi'' = 0 is all of it
    G_level += F_and_G(np.abs(delta), *map(np.abs, terms[:3]), np.abs(act.d2f(ua + e) - act.d2f(ua - e)))[1]
    G = _without_rounding(G, G_level)
    return Curvature(_without_rounding(F, F_level), G / 2 + G.T / 2)            # symmetric bit by bit


def _coupling(A, lam):
    """[Fukumizu 2019, Lemma 4] C = A diag(lam) A^T, (E, E), regular; refused unless (xi, eta) are coordinates.

    A lam = 0, on which Lemma 3 rests; no lam_j = 0, else v_j does not move; a positive sum, as every embedding has it
    (with the sum 0 [1; A] is singular); independent rows of A.
    """
    if (lam == 0).any() or lam.sum() <= 16 * EPS * np.abs(lam).sum():
        raise ValueError(f"lam is {lam}, it should have no zero, else xi and eta are no coordinates (predicted_inertia "
                         "takes zeros), and a positive sum, as the embeddings have")
    if (np.abs(A @ lam) > 1e-9 * np.abs(A) @ np.abs(lam)).any():
        raise ValueError(f"A lam is up to {np.abs(A @ lam).max():.1e}, it should be 0")
    size = np.abs(A).max(axis=1, keepdims=True)
    if not size.all() or np.linalg.matrix_rank(A / size) < len(A):
        raise ValueError("A has dependent rows, they should be independent for xi and eta to be coordinates")
    return (A * lam) @ A.T


def _core(F, G):
    """[Fukumizu 2019, Lemma 4] K = [[0, F], [F^T, G]], (M' + D', M' + D'): the 4-block is C times K, block by block."""
    return np.block([[np.zeros((len(F), len(F))), F], [F.T, G]])


@checked
def replication_hessian(F, G, A, lam):
    """[Fukumizu 2019, Lemma 4] The Hessian of the wide net in (xi, eta): the 4-block of Eq. (8), E (M' + D') square.

        [[0, kron(C, F)], [kron(C, F)^T, kron(C, G)]],    C = A diag(lam) A^T

    F : (M', D') array
    G : (D', D') array, symmetric
    A : (E, E + 1) array
    lam : (E + 1,) array; for ReLU in the coordinates of embeddings.omega_basis it is gamma * beta

    F and G are those of replication_curvature. Rows xi_c (c slow, its M' entries fast), then eta_c likewise. No lam_j
    may be 0, for then v_j does not move in (6); predicted_inertia has the counts. (Theorem 10 holds for any gamma, but
    its proof needs this too: test_erratum_the_proof_of_theorem_10_fails_at_gamma_1_0.) The paper gives kron(C, F) the
    size E M; it is (E M', E D') (test_erratum_the_size_of_F_tilde). The order np.kron(F, C) is another matrix
    (test_control_the_other_order_of_the_kronecker_product_is_wrong).
    """
    C = _coupling(A, lam)
    return _core(np.kron(C, F), np.kron(C, G))                      # of (E M', E D') and (E D', E D')


# ---------------------------------------------------------------------------------------------------------------------
# The inertia law [beyond the papers]
#
# Let p + 1, m, o of the lambda_j be positive, negative, zero, of sum > 0; p + m + o = E. In (6) v_j = 0 stays where
# lambda_j = 0, so let v_j = lambda_j a + sum_c B_cj xi_c with sum_j B_cj = 0 and independent rows instead (B =
# A diag(lambda) if no lambda_j is 0). As above only two sums over j are left:
#
#     [[0, B A^T (x) F], [(B A^T)^T (x) F^T, C (x) G]]
#
# [1; A] is invertible, [1; A] diag(lambda) [1; A]^T = diag(sum lambda, C): by Sylvester C has p positive, m negative
# and o zero eigenvalues c. B A^T is invertible too: A B^T x = 0 puts B^T x into ker A = span(lambda), where only 0 has
# the sum 0. So B may be taken with B A^T = I, in the basis in which C is diagonal, and the block falls apart into
#
#     [[0, F], [F^T, c G]]:  congruent to K = [[0, F], [F^T, G]] for c > 0, to -K for c < 0, and for c = 0 with rank F
#                             eigenvalues of each sign
#
#     n+ = p K+ + m K- + o rank F,    n- = p K- + m K+ + o rank F,    K+, K- the numbers of k > 0, k < 0 of K
#
# The corner of K is 0, so F != 0 alone gives K both signs: then every such lambda is a saddle, zeros or not. If none is
# 0, the 4-block in the order of c is kron(C, K): its eigenvalues are the products c k, its eigenvectors x (x) y.
# ---------------------------------------------------------------------------------------------------------------------

class PredictedInertia(NamedTuple):
    """[beyond the papers] Numbers of positive, negative and zero eigenvalues that a replicated unit adds."""
    positive: int
    negative: int
    zero: int


@checked
def predicted_inertia(F, G, lam, tol=None):
    """[beyond the papers] Eigenvalue counts that a replicated unit adds to the narrow net's, E (M' + D') in all.

        n+ = p K+ + m K- + o rank F,    n- = p K- + m K+ + o rank F,    K = [[0, F], [F^T, G]]
        p = #{lam_j > 0} - 1,    m = #{lam_j < 0},    o = #{lam_j = 0} to rounding,    E = p + m + o

    with K+ and K- the numbers of positive and negative eigenvalues of K.

    F : (M', D') array
    G : (D', D') array, symmetric
    lam : (E + 1,) array; its sum is 1 in Eq. (4), that of gamma in Theorem 10 as printed
    tol : float, >= 0, or None; eigenvalues of K and singular values of F up to it are zeros, None: size eps max|k|

    Without tol F and G are brought to one size first, so the units of Y do not matter, but what should be 0 in F and G
    has to be 0, as replication_curvature leaves it after minimize: at a net trained elsewhere it is 0 to its gradient
    only. Where K is singular though F and G are not (at a stationary net phi = x^2 has such), tol should be given, 1e-9
    max|k| say. Without zeros in lam these are the counts of replication_hessian(F, G, A, lam), for any A; F and G may
    be singular. The supplement's proof of Theorem 5 goes through regular G and Eq. (37), whose transposes do not fit
    unless M = D (test_erratum_eq_37_transposes), and through "G > 0, so C kron G > 0", which fails
    (test_erratum_a_definite_G_does_not_make_G_tilde_definite); its "A of full rank, so A Lam A^T of full rank" needs
    sum lam != 0 as well (test_caveat_full_rank_of_A_is_enough_only_with_the_sum_of_lambda). The Remark's counts need
    all lam_j > 0 (test_erratum_the_remarks_counts_need_positive_lambda).
    """
    if lam.sum() <= 16 * EPS * np.abs(lam).sum():
        raise ValueError(f"lam is {lam}, it should have a positive sum: else C has other counts")
    if tol is None and F.any() and G.any():                         # a congruence of K: the counts in any units of Y
        F = F * (np.abs(G).max() / np.abs(F).max())
    k, floor = np.linalg.eigvalsh(_core(F, G)), len(lam) * EPS * np.abs(lam).sum()     # 1 - 0.9 - 0.1 is a zero too
    tol = len(k) * EPS * np.abs(k).max() if tol is None else tol
    up, down, rank = ((part > tol).sum() for part in (k, -k, np.linalg.svd(F, compute_uv=False)))
    p, m, o = (lam > floor).sum() - 1, (lam < -floor).sum(), (np.abs(lam) <= floor).sum()
    positive, negative = p * up + m * down + o * rank, p * down + m * up + o * rank
    return PredictedInertia(int(positive), int(negative), int((p + m + o) * len(k) - positive - negative))


class Escape(NamedTuple):
    """[beyond the papers] A direction xi (E, M'), eta (E, D'), |xi|^2 + |eta|^2 = 1, and the curvature along it."""
    xi: np.ndarray
    eta: np.ndarray
    curvature: float


@checked
def escape_direction(F, G, A, lam):
    """[beyond the papers] The most negative eigenpair of the 4-block, without the wide net: an Escape.

        C = A diag(lam) A^T,    K = [[0, F], [F^T, G]]
        C x = c x,  K y = k y:    curvature = min c k < 0,    xi = outer(x, y[:M']),    eta = outer(x, y[M':])
        L(theta_lambda + t (xi, eta)) = L(theta_lambda) + curvature t^2 / 2 + O(t^3)

    F : (M', D') array
    G : (D', D') array, symmetric
    A : (E, E + 1) array
    lam : (E + 1,) array; for ReLU in the coordinates of embeddings.omega_basis it is gamma * beta

    The size of the curvature depends on A, its sign does not. In the coordinates T of embeddings.omega_basis
    theta + t T[:, P:] @ concatenate([xi.ravel(), eta.ravel()]) is the way down in the wide net's parameters. Refused
    where the 4-block has no way down beyond rounding, as where F = G = 0, at zero error. F, G as in predicted_inertia.
    """
    c, x = np.linalg.eigh(_coupling(A, lam))
    k, y = np.linalg.eigh(_core(F, G))
    products = np.outer(c, k)                                       # all eigenvalues of the 4-block
    if products.min() >= -products.size * EPS * np.abs(products).max():
        raise ValueError(f"F, G and lam give the smallest curvature {products.min():.1e}, it should be negative "
                         "beyond rounding in these units: there is no direction of escape at second order")
    i, j = np.unravel_index(products.argmin(), products.shape)
    return Escape(np.outer(x[:, i], y[:len(F), j]), np.outer(x[:, i], y[len(F):, j]), float(products[i, j]))


# ---------------------------------------------------------------------------------------------------------------------
# Inactive surplus units [Fukumizu 2019, Sec. 5.1 and supplement G.2.3]
#
# Let s = sum_j v_j s_j, with the numbers s_j = phi(w_j . a~), be what surplus units add to z_(q+1), and let s = 0 on
# the data. Then l = l(theta_0, s), where s shifts z_(q+1): dl/ds = delta, d2l/ds2 = Lambda, d2l/ds dtheta_0 =
# d delta/d theta_0. The chain rule gives the blocks that stand in `surplus_hessian`; d delta/d theta_0 comes from the
# passes of (iii) for all directions t = (theta_0, s) at once, T_k = dz_k/dt for R{z_k} and R_k = d delta_k/dt for
# R{delta_k}. New is ds/dt; where they meet T_(k-1), R_k and delta_k, W_k and dW_k/dt are without the bias column:
#
#     T_k     = W_k (phi'(z_(k-1)) T_(k-1)) + (dW_k/dt) a~_(k-1) + [k = q + 1] ds/dt
#     R_J     = l'' T_J
#     R_(k-1) = phi'(z_(k-1)) (W_k^T R_k + (dW_k/dt)^T delta_k) + phi''(z_(k-1)) T_(k-1) (W_k^T delta_k)
#
# down to R_(q+1), whose columns s are Lambda.
# ---------------------------------------------------------------------------------------------------------------------

def _delta_tangents(weights, X, Y, act, loss, layer):
    """[beyond the papers] delta (n, M') of layer q + 1, R (n, M', P + M'), a~ (n, D') and da~ (n, D', P) of layer q.

    R is d delta / d (theta_0, s), its last M' columns Lambda. da~ = d a~ / d theta_0 is 0 at biases and layers >= q.
    """
    (inputs, z), T = forward_pass(weights, X, act), []
    P, shift = sum(W.size for W in weights), len(weights[layer + 1])
    own = unstack(np.arange(P), weights)                            # own[k][i, j]: the place of W_k[i, j] in theta_0
    slope, da = [act.df(u) for u in z[:-1]], np.zeros(inputs[layer].shape + (P,))
    for k, W in enumerate(weights):
        i, t = np.arange(len(W)), np.zeros(z[k].shape + (P + shift,))           # (n, n_k, P + M')
        t[:, i[:, None], own[k]] = inputs[k][:, None]
        if k:
            t += W[:, :slope[k - 1].shape[1]] @ (slope[k - 1][:, :, None] * T[k - 1])
        if k == layer + 1:
            t[:, i, P + i] += 1
        T.append(t)
    if layer:
        da[:, :slope[layer - 1].shape[1]] = slope[layer - 1][:, :, None] * T[layer - 1][:, :, :P]
    delta, R = deltas(weights, z, loss.d1(z[-1], Y), act), loss.d2(z[-1], Y) @ T[-1]
    for k in range(len(weights) - 1, layer + 1, -1):
        j = np.arange(slope[k - 1].shape[1])                        # inputs of layer k without the bias
        W = weights[k][:, j]
        R = W.T @ R                                                 # (n, n_(k-1), P + M')
        R[:, j[:, None], own[k][:, j].T] += delta[k][:, None]
        R = slope[k - 1][:, :, None] * R + (act.d2f(z[k - 1]) * (delta[k] @ W))[:, :, None] * T[k - 1]
    return delta[layer + 1], R, inputs[layer], da


class SurplusHessian(NamedTuple):
    """[Fukumizu 2019, supplement G.2.3] Blocks theta_0-(v, w), v-v, v-w and w-w of the wide net's Hessian."""
    cross: np.ndarray
    vv: np.ndarray
    vw: np.ndarray
    ww: np.ndarray


@checked
def surplus_hessian(weights, X, Y, act, loss, layer, W, V):
    """[beyond the papers] The Hessian blocks of surplus units (w_j, v_j) that add nothing to layer q + 1 on the data.

        v_j-v_k       sum_nu Lambda s_j s_k,                  s_j = phi(w_j . a~), phi'_j and phi''_j alike
        v_j-w_k       sum_nu (Lambda v_k s_j phi'_k + [j = k] delta phi'_j) a~^T
        w_j-w_k       sum_nu (v_j^T Lambda v_k phi'_j phi'_k + [j = k] (delta . v_j) phi''_j) a~ a~^T
        theta_0-v_j   sum_nu s_j d delta + delta phi'_j (w_j . da~),        d = d / d theta_0, with s moving along
        theta_0-w_j   sum_nu phi'_j a~ (v_j . d delta) + (delta . v_j) (phi''_j a~ (w_j . da~) + phi'_j da~)

    W : (E, D') array
    V : (E, M') array

    A SurplusHessian: cross (P, E M' + E D'), vv (E M', E M'), vw (E M', E D'), ww (E D', E D'). Rows and columns:
    theta_0 in the narrow net's flatten order; v with the unit slow and its M' entries fast; w likewise, after v. At any
    training error. Inactive units, inactive propagation, both at once, and ReLU units that are off are cases; where
    each unit stays inactive whatever theta_0 does, as with w_j = 0, v_j = 0 or off, the theta_0 block is the narrow
    net's Hessian.
    """
    P, (E, M1), D1 = sum(w.size for w in weights), V.shape, W.shape[1]
    delta, R, a, da = _delta_tangents(weights, X, Y, act, loss, layer)
    wa = a @ W.T                                                    # (n, E)
    s, s1, s2 = act.f(wa), act.df(wa), act.d2f(wa)
    if (np.abs(s @ V) > 1e-9 * (np.abs(s) + np.abs(s1) * (np.abs(a) @ np.abs(W).T)) @ np.abs(V)).any():
        raise ValueError(f"W and V add up to {np.abs(s @ V).max():.1e} to z of the next layer, they should add 0 on X: "
                         "w_j = 0 with phi(0) = 0, v_j = 0, or units that are off")
    w_da, Lambda = W @ da, R[:, :, P:]                              # w_j . da~ (n, E, P)
    d_delta = R[:, :, :P] + Lambda @ (V.T @ (s1[:, :, None] * w_da))            # the second: delta moves with s
    same, push = np.eye(E), delta @ V.T                             # [j = k]; (n, E), delta . v_j
    Lv, Lw = Lambda @ V.T, s1[:, :, None] * a[:, None]              # (n, M', E), (n, E, D')
    vv = np.einsum("nml,nj,nk->jmkl", Lambda, s, s, optimize=True)
    vw = np.einsum("nmk,nj,nkd->jmkd", Lv, s, Lw, optimize=True)
    vw += np.einsum("jk,nm,njd->jmkd", same, delta, Lw, optimize=True)
    ww = np.einsum("jm,nmk,njd,nke->jdke", V, Lv, Lw, Lw, optimize=True)
    ww += np.einsum("jk,nj,nd,ne->jdke", same, push * s2, a, a, optimize=True)
    to_v = np.einsum("nmp,nj->pjm", d_delta, s, optimize=True)
    to_v += np.einsum("nm,nj,njp->pjm", delta, s1, w_da, optimize=True)
    to_w = np.einsum("jm,nmp,njd->pjd", V, d_delta, Lw, optimize=True)
    to_w += np.einsum("nj,nd,njp->pjd", push * s2, a, w_da, optimize=True)
    to_w += np.einsum("nj,ndp->pjd", push * s1, da, optimize=True)
    return SurplusHessian(np.hstack([to_v.reshape(P, E * M1), to_w.reshape(P, E * D1)]), vv.reshape(E * M1, E * M1),
                          vw.reshape(E * M1, E * D1), ww.reshape(E * D1, E * D1))


@checked
def inactive_units_hessian(weights, X, Y, act, loss, layer, V):
    """[Fukumizu 2019, Sec. 5.1 and supplement (42)] The Hessian blocks of inactive units, w_j = 0 and any v_j.

        v-v 0,   v_j-w_j  phi'(0) sum_nu delta a~^T,   w_j-w_k  sum_nu (v_j^T Lambda v_k phi'(0)^2
        + [j = k] (delta . v_j) phi''(0)) a~ a~^T,   theta_0-v 0,   theta_0-w_j  phi'(0) d [sum_nu (delta . v_j) a~]

    V : (E, M') array

    A SurplusHessian, ordered as in surplus_hessian; w-w is the paper's S1 at zero training error. The paper writes the
    surplus blocks alone; those between theta_0 and w are not zero (test_cross_blocks_with_theta_0_are_not_zero). ReLU
    has a kink at w = 0; with its phi'(0) = 0 all blocks are 0, as for the units of Eq. (10), off on the data.
    """
    at_0 = float(act.f(np.zeros(1))[0])
    if at_0 != 0:
        raise ValueError(f"act is {act.name} with phi(0) = {at_0:g}, it should be 0 at 0, as tanh is: units with w = 0 "
                         "would be active")
    return surplus_hessian(weights, X, Y, act, loss, layer, np.zeros((len(V), weights[layer].shape[1])), V)


@checked
def inactive_propagation_hessian(weights, X, Y, act, loss, layer, W):
    """[Fukumizu 2019, Sec. 5.1 and supplement (43)] The Hessian blocks of inactive propagation, v_j = 0 and any w_j.

        v_j-v_k  sum_nu Lambda s_j s_k,   v_j-w_j  sum_nu delta phi'_j a~^T,   w-w 0,   theta_0-w 0,
        theta_0-v_j  d [sum_nu delta s_j],    s_j = phi(w_j . a~)

    W : (E, D') array

    A SurplusHessian, ordered as in surplus_hessian; v-v is the paper's S2 (for ReLU S3) at zero training error. Of the
    blocks between theta_0 and v it does not speak; they are not 0 (test_cross_blocks_with_theta_0_are_not_zero).
    """
    return surplus_hessian(weights, X, Y, act, loss, layer, W, np.zeros((len(W), len(weights[layer + 1]))))
