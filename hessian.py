"""Second derivatives of the loss, exactly: the Hessian, its products with vectors, its eigenvalue counts.

Letters, shapes and the recursion (ii) for delta are those of landscape.py. For one sample, to be summed
over nu; [..] counts units, a~_(k-1)[j] is input j of layer k, and k <= m count layers.

The Hessian by hand
-------------------
By (i) the gradient in W_m[p, q] is delta_m[p] a~_(m-1)[q]. The weight W_k[i, j] acts only through
z_k[i], and d z_k[i] / d W_k[i, j] = a~_(k-1)[j]. So differentiate the product once more:

    d2l / dW_k[i, j] dW_m[p, q] = a~_(k-1)[j] (S_km[i, p] a~_(m-1)[q] + T_km[i, q] delta_m[p])       (iii)
    S_km[i, p] = d delta_m[p] / d z_k[i] = d2l / dz_k[i] dz_m[p]
    T_km[i, q] = d a~_(m-1)[q] / d z_k[i],  0 for k = m and for the bias input

At the linear last layer S_JJ = l''. From layer k to k - 1: z_(k-1)[j] acts only through
a_(k-1)[j] = phi(z_(k-1)[j]), and that through every z_k[i]. So whatever is differentiated by z_k[i]
is pulled back as in (ii), without the phi'' of anything, as long as it lies behind z_k:

    S_(k-1)m[j, p] = phi'(z_(k-1)[j]) sum_i W_k[i, j] S_km[i, p],          k <= m                    (iv)
    T_(m-1)m[j, q] = [j = q] phi'(z_(m-1)[j]);   T_(k-1)m from T_km as in (iv),   k < m              (v)

Only the next diagonal one has a phi'', for delta_(m-1)[p] = phi'(z_(m-1)[p]) (W_m^T delta_m)[p] has two factors:

    S_(m-1)(m-1)[j, p] = phi'(z_(m-1)[p]) sum_i W_m[i, p] S_(m-1)m[j, i]
                         + [j = p] phi''(z_(m-1)[p]) (W_m^T delta_m)[p]                              (vi)

Summed over samples, the first term of (iii) is ONE matrix product of S_km, rows (i, p), with the
products of inputs a~_(k-1)[j] a~_(m-1)[q], rows (j, q); the second one of T_km with delta_m[p] a~_(k-1)[j],
where (v) leaves only i = q between neighbours. At k = m only pairs i <= p and j <= q are needed.

Two matrices (form a): f = W_2 a~_1, z = W_1 x~. Then (iii) is, with J = df/dtheta,

    H = J^T l'' J + sum_m l'_m d2 f_m                                                               (vii)
    d2 f_m / dW_1[i, j] dW_1[i, q] = W_2[m, i] phi''(z[i]) x~[j] x~[q]        all others of these, and
    d2 f_m / dW_1[i, j] dW_2[m, i] = phi'(z[i]) x~[j]                         all of d2 f_m / dW_2 dW_2, are 0

The first term alone, at any depth, is the Gauss-Newton matrix. Where l' = 0, so wherever the net fits
the data exactly, it is the whole Hessian [Cooper 2018, Prop. 2.3].

Products with a vector [Pearlmutter 1994]
-----------------------------------------
R{.} is the derivative along V, d/dt at theta + t v: a product rule, with R{W_k} = V_k and R{x} = 0.
Applied to the forward pass, to (ii) and to (i):

    R{z_k}         = V_k a~_(k-1) + W_k R{a_(k-1)},      R{a_k} = phi'(z_k) R{z_k}
    R{delta_J}     = l'' R{f}
    R{delta_(k-1)} = phi'(z_(k-1)) (W_k^T R{delta_k} + V_k^T delta_k) + phi''(z_(k-1)) R{z_(k-1)} (W_k^T delta_k)
    (H v)_k        = R{delta_k} a~_(k-1)^T + delta_k R{a~_(k-1)}^T                                 (viii)

Closed forms at a net embedded in a wider one [Fukumizu 2019, Lemma 4 and Sec. 5.1] are derived where they stand, in
the last part of this module.

Kinks: a piecewise linear phi has phi'' = 0 here, and phi' at the kink is the one of landscape.py (ReLU: 0).
Off the kinks of all samples that is the Hessian. At a kink the loss has none, and what is computed is the
Hessian of the linear piece that phi' names: for ReLU a unit with z = 0 counts as off.
"""
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from landscape import (
    EPS,
    SQUARE,
    check_array,
    check_functions,
    check_net,
    check_number,
    check_overflow,
    check_seed,
    forward_pass,
    unstack,
)

# ---------------------------------------------------------------------------------------------
# Gauss-Newton and form (a). All arrays below have the samples on the last axis.
# ---------------------------------------------------------------------------------------------

def gauss_newton(weights, X, Y, act, loss=SQUARE):
    """[Cooper 2018, Prop. 2.3] The Gauss-Newton matrix sum_nu J^T l'' J, the first term of (vii), at any depth.

    Parameters
    ----------
    weights : list of arrays
    X, Y : (n, D) and (n, M) arrays
    act : Activation
    loss : Loss

    Returns
    -------
    (P, P) array, symmetric bit by bit; the Hessian itself where l' = 0.

    Raises
    ------
    ValueError
        If an argument is bad, l'' does not exist, or the matrix overflows.
    """
    weights, X, Y = check_net(weights, X, act, Y, loss)
    with np.errstate(over="ignore", invalid="ignore"):
        inputs, z = forward_pass(weights, X, act)
        check_overflow("the output", z[-1])
        H = np.zeros((sum(W.size for W in weights),) * 2)
        upper_gram(jacobian_rows(weights, inputs, z, act), loss.d2(z[-1], Y), H)
        mirror(H)
    check_overflow("the Gauss-Newton matrix", H)
    return H


def shallow_pass(weights, X, Y, act, loss, H):
    """[beyond the papers] Form (a), the upper triangle of (vii): J^T l'' J and two sparse terms.

    Parameters
    ----------
    weights : list of two arrays
    X, Y, act, loss : as in hessian
    H : (P, P) array, to which the sum over these samples is added; below the diagonal is left to mirror

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If the outputs overflow.
    """
    n, (inputs, z) = len(X), forward_pass(weights, X, act)
    check_overflow("the output", z[-1])
    (h, c), (M, c2) = weights[0].shape, weights[1].shape
    i, m, V = np.arange(h), np.arange(M), weights[1][:, :h].T       # V[i, m] = W_2[m, i]
    x, slope, dl = inputs[0].T, act.df(z[0].T), loss.d1(z[1], Y).T  # (c, n), (h, n), (M, n)
    J = np.zeros((len(H), M, n))
    np.multiply((V[:, :, None] * slope[:, None])[:, None], x[:, None], out=J[:h * c].reshape(h, c, M, n))
    J[h * c:].reshape(M, c2, M, n)[m, :, m] = inputs[1].T
    upper_gram(J, loss.d2(z[1], Y), H)
    bend = V @ dl * act.d2f(z[0].T)                                 # (h, n)
    H[:h * c, :h * c].reshape(h, c, h, c)[i, :, i] += input_pairs(bend, x)
    turn = (slope[:, None] * dl).reshape(h * M, n) @ x.T            # (h M, c)
    H[:h * c, h * c:].reshape(h, c, M, c2)[i, :, :, i] += turn.reshape(h, M, c).swapaxes(1, 2)


def jacobian_rows(weights, inputs, z, act):
    """[Fukumizu 2019, supplement Eq. 15] J as landscape.jacobian_pass, transposed: samples last.

    Parameters
    ----------
    weights, inputs, z : as in and from forward_pass

    Returns
    -------
    (P, M, n) array
    """
    n, M = z[-1].shape
    J = np.empty((sum(W.size for W in weights), M, n))
    g, stop = np.repeat(np.eye(M)[:, :, None], n, axis=2), len(J)           # g = d f / d z_k, (n_k, M, n)
    for k in reversed(range(len(weights))):
        start = stop - weights[k].size
        np.multiply(g[:, None], inputs[k].T[:, None], out=J[start:stop].reshape(weights[k].shape + (M, n)))
        stop = start
        if k:
            g = pull_back(weights[k], act.df(z[k - 1]).T, g)
    return J


def pull_back(W, slope, S):
    """[beyond the papers] (iv): phi'(z_(k-1)[j]) sum_i W_k[i, j] S[i], for any derivatives S by z_k.

    Parameters
    ----------
    W : (n_k, columns) array
    slope : (n_(k-1), n) array, phi'(z_(k-1))
    S : (n_k, any, n) array

    Returns
    -------
    (n_(k-1), any, n) array
    """
    units, n = slope.shape
    return slope[:, None] * (W[:, :units].T @ S.reshape(len(S), -1)).reshape(units, -1, n)


def upper_gram(J, d2l, H):
    """[Cooper 2018, Prop. 2.3] The upper triangle of sum_nu J^T l'' J, by strips of rows.

    Parameters
    ----------
    J : (P, M, n) array
    d2l : (n, M, M) array, l''; it need be neither diagonal nor positive
    H : (P, P) array, to which the sum is added; below the diagonal is left to mirror

    Returns
    -------
    None
    """
    P = len(J)
    for s in range(0, P, 128):
        strip = np.einsum("nkm,pkn->pmn", d2l, J[s:s + 128])        # l'' J
        H[s:s + 128, s:] += strip.reshape(len(strip), -1) @ J[s:].reshape(P - s, -1).T


def mirror(H):
    """[the project] Copy the upper triangle of H onto the lower one, in place, by blocks that fit the cache.

    Returns
    -------
    None; H = H.T bit by bit afterwards.
    """
    i = np.arange(128)
    for s in range(0, len(H), 128):
        corner = H[s:s + 128, s:s + 128]
        below = i[:len(corner), None] > i[:len(corner)]
        np.copyto(corner, corner.T.copy(), where=below)
        H[s + 128:, s:s + 128] = H[s:s + 128, s + 128:].T


def input_pairs(S, a):
    """[beyond the papers] sum_nu S[r] a[j] a[q] for every row r: one product with the pairs j <= q.

    Parameters
    ----------
    S : (rows, n) array
    a : (c, n) array

    Returns
    -------
    (rows, c, c) array, the same for (j, q) and (q, j), up to rounding
    """
    if len(a) > 4 * len(S):                 # fewer rows than inputs: weighting the inputs is less work
        return (S[:, None] * a) @ a.T
    i = np.arange(len(a))
    upper = i[:, None] <= i
    j, q = upper.nonzero()
    place = np.empty(upper.shape, dtype=int)
    place[j, q] = place[q, j] = np.arange(len(j))
    return (S @ (a[j] * a[q]).T).take(place, axis=1)


# ---------------------------------------------------------------------------------------------
# Any depth
# ---------------------------------------------------------------------------------------------

def curvature_pass(weights, inputs, z, Y, act, loss):
    """[beyond the papers] The recursions (ii) for delta_k and (iv), (vi) for S_kk, from the last layer to the first.

    Parameters
    ----------
    weights, inputs, z : as in and from forward_pass
    Y : (n, M) array
    act : Activation
    loss : Loss

    Returns
    -------
    slope : list of phi'(z_k), (n_k, n), one per hidden layer
    delta : list of (n_k, n) arrays
    S : list of (n_k, n_k, n) arrays
    """
    slope = [act.df(u.T.copy()) for u in z[:-1]]
    delta = [loss.d1(z[-1], Y).T.copy()]
    S = [loss.d2(z[-1], Y).transpose(1, 2, 0).copy()]
    for k in reversed(range(len(slope))):
        back, i = weights[k + 1][:, :len(slope[k])].T, np.arange(len(slope[k]))
        error = back @ delta[0]                                     # W^T delta, (n_k, n)
        S.insert(0, slope[k] * (back @ pull_back(weights[k + 1], slope[k], S[0])))
        S[0][i, i] += act.d2f(z[k].T) * error
        delta.insert(0, slope[k] * error)
    return slope, delta, S


def deep_pass(weights, X, Y, act, loss, H):
    """[beyond the papers] Form (b), the upper triangle of (iii): per pair of layers, products over samples.

    Parameters
    ----------
    weights, X, Y, act, loss : as in hessian
    H : (P, P) array, to which the sum over these samples is added; below the diagonal is left to mirror

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If the outputs overflow.
    """
    n, (inputs, z) = len(X), forward_pass(weights, X, act)
    check_overflow("the output", z[-1])
    slope, delta, curvature = curvature_pass(weights, inputs, z, Y, act, loss)
    a = [u.T.copy() for u in inputs]                                # a~_(k-1), (c, n)
    end = list(accumulate((W.size for W in weights), initial=0))
    for m, (rows, c) in enumerate(W.shape for W in weights):
        S, T = curvature[m], None
        block = H[end[m]:end[m + 1], end[m]:end[m + 1]].reshape(rows, c, rows, c)
        i, p = (np.arange(rows)[:, None] <= np.arange(rows)).nonzero()      # pairs of units i <= p
        for s in range(0, len(i), 256):                             # 256 at a time stay in the cache
            few = slice(s, s + 256)
            block.swapaxes(1, 2)[i[few], p[few]] += input_pairs(S[i[few], p[few]], a[m])
        for k in reversed(range(m)):
            units, columns = weights[k].shape
            S = pull_back(weights[k + 1], slope[k], S)              # S_km, (n_k, n_m, n)
            product = S.reshape(-1, n) @ (a[k][:, None] * a[m]).reshape(-1, n).T
            block = H[end[k]:end[k + 1], end[m]:end[m + 1]].reshape(units, columns, rows, c)
            block += product.reshape(units, rows, columns, c).swapaxes(1, 2)
            right = (delta[m][:, None] * a[k]).reshape(-1, n)       # (n_m c_k, n)
            if k == m - 1:                                          # T_km is diagonal: only i = q
                diagonal = np.einsum("ijpi->ipj", block[..., :units])       # a view
                diagonal += (slope[k] @ right.T).reshape(units, rows, columns)
                T = np.eye(units)[:, :, None] * slope[k] if k else None
            else:
                T = pull_back(weights[k + 1], slope[k], T)          # T_km, (n_k, n_(m-1), n)
                product = right @ T.reshape(-1, n).T                # (n_m c_k, n_k n_(m-1))
                block[..., :T.shape[1]] += product.reshape(rows, columns, units, -1).transpose(2, 1, 0, 3)


def hessian_blocks(weights, X, Y, act, loss=SQUARE):
    """[beyond the papers] The diagonal blocks of the Hessian, one per layer, without the rest: (iii) at k = m.

    Parameters
    ----------
    weights : list of arrays
    X, Y : (n, D) and (n, M) arrays
    act : Activation
    loss : Loss

    Returns
    -------
    list of (P_k, P_k) arrays, P_k = weights[k].size, symmetric bit by bit

    Raises
    ------
    ValueError
        If an argument is bad, l'' does not exist, or a block overflows.
    """
    weights, X, Y = check_net(weights, X, act, Y, loss)
    blocks = [np.zeros((W.size, W.size)) for W in weights]
    with np.errstate(over="ignore", invalid="ignore"):
        inputs, z = forward_pass(weights, X, act)
        check_overflow("the output", z[-1])
        (h, c), M = weights[0].shape, len(weights[-1])
        if len(weights) == 2 and M * (c + M) ** 2 <= 1000:          # form (a), as in hessian
            J = jacobian_rows(weights, inputs, z, act)
            for part, block in zip((J[:h * c], J[h * c:]), blocks):
                upper_gram(part, loss.d2(z[1], Y), block)
            bend = weights[1][:, :h].T @ loss.d1(z[1], Y).T * act.d2f(z[0].T)
            blocks[0].reshape(h, c, h, c)[np.arange(h), :, np.arange(h)] += input_pairs(bend, inputs[0].T)
        else:
            _, _, curvature = curvature_pass(weights, inputs, z, Y, act, loss)
            for block, (rows, c), S, a in zip(blocks, (W.shape for W in weights), curvature, inputs):
                i, p = (np.arange(rows)[:, None] <= np.arange(rows)).nonzero()
                block.reshape(rows, c, rows, c).swapaxes(1, 2)[i, p] = input_pairs(S[i, p], a.T.copy())
        for block in blocks:
            mirror(block)
    check_overflow("the Hessian", *blocks)
    return blocks


def in_portions(form, keeps, weights, X, Y, act, loss):
    """[the project] The sum of form(...) over portions of the samples, mirrored and checked.

    To touch new memory can cost as much as the products, so what is touched is used again: portions are of
    equal size, and what a form keeps for the samples of one, `keeps` numbers for each, is 8 MB or half of H at most.

    Returns
    -------
    (P, P) array

    Raises
    ------
    ValueError
        If the sum overflows.
    """
    P = sum(W.size for W in weights)
    portions = 1 + len(X) * keeps // max(2 ** 20, P * P // 2)
    portion, H = -(-len(X) // portions), np.full((P, P), 0.0)       # zeros() would be untouched memory
    with np.errstate(over="ignore", invalid="ignore"):
        for s in range(0, len(X), portion):
            form(weights, X[s:s + portion], Y[s:s + portion], act, loss, H)
        mirror(H)
    check_overflow("the Hessian", H)
    return H


def hessian_shallow(weights, X, Y, act, loss=SQUARE):
    """[beyond the papers] The Hessian of a net with one hidden layer by (vii), form (a).

    Parameters
    ----------
    weights : list of two arrays
    X, Y : (n, D) and (n, M) arrays
    act : Activation
    loss : Loss

    Returns
    -------
    (P, P) array, symmetric bit by bit

    Raises
    ------
    ValueError
        If an argument is bad, there is not one hidden layer, l'' does not exist, or the Hessian overflows.
    """
    weights, X, Y = check_net(weights, X, act, Y, loss)
    if len(weights) != 2:
        raise ValueError(f"weights has length {len(weights)}, it should be 2 for form (a); hessian_deep takes any")
    keeps = 2 * len(weights[1]) * sum(W.size for W in weights)      # J, and as many on the way to H
    return in_portions(shallow_pass, keeps, weights, X, Y, act, loss)


def hessian_deep(weights, X, Y, act, loss=SQUARE):
    """[beyond the papers] The Hessian of a net of any depth by (iii), form (b).

    Parameters
    ----------
    weights : list of arrays
    X, Y : (n, D) and (n, M) arrays
    act : Activation
    loss : Loss

    Returns
    -------
    (P, P) array, symmetric bit by bit

    Raises
    ------
    ValueError
        If an argument is bad, l'' does not exist, or the Hessian overflows.
    """
    weights, X, Y = check_net(weights, X, act, Y, loss)
    keeps = sum(m * m + min(c * c, m * m * c) for m, c in (W.shape for W in weights))       # S_kk, pairs of inputs
    return in_portions(deep_pass, keeps, weights, X, Y, act, loss)


def hessian(weights, X, Y, act, loss=SQUARE):
    """[beyond the papers] The exact Hessian of L = sum_nu l(y_nu, f_nu) in theta: any depth, outputs and loss.

    Form (a), `hessian_shallow`, costs M P^2 / 2 multiplications per sample, and P is about h (c + M) for h hidden
    units and c columns of W_1. Form (b), `hessian_deep`, handles h^2 pairs of units, each in the time of about 500
    multiplications of (a), so it is the faster one from about M (c + M)^2 = 1000 on.

    Parameters
    ----------
    weights : list of arrays
    X, Y : (n, D) and (n, M) arrays
    act : Activation
    loss : Loss

    Returns
    -------
    (P, P) array, symmetric bit by bit; rows and columns in the order of flatten.

    Raises
    ------
    ValueError
        If an argument is bad, l'' does not exist, or the Hessian overflows.

    Notes
    -----
    At a kink of a piecewise linear activation: see the end of this module's opening.
    """
    weights, X, Y = check_net(weights, X, act, Y, loss)
    M, c = len(weights[-1]), weights[0].shape[1]
    if len(weights) == 2 and M * (c + M) ** 2 <= 1000:
        form, keeps = shallow_pass, 2 * M * sum(W.size for W in weights)
    else:
        form, keeps = deep_pass, sum(m * m + min(c * c, m * m * c) for m, c in (W.shape for W in weights))
    return in_portions(form, keeps, weights, X, Y, act, loss)


# ---------------------------------------------------------------------------------------------
# Products with vectors
# ---------------------------------------------------------------------------------------------

def hessian_operator(weights, X, Y, act, loss=SQUARE):
    """[Pearlmutter 1994] The map v -> H v by (viii), with the forward and the backward pass done once and kept.

    Parameters
    ----------
    weights : list of arrays
    X, Y : (n, D) and (n, M) arrays
    act : Activation
    loss : Loss

    Returns
    -------
    matvec : function of a (P,) array, returning a (P,) array. It has its own copy of all it needs.

    Raises
    ------
    ValueError
        If an argument is bad, l'' does not exist, or something overflows; from matvec also if v is not (P,).
    """
    weights, X, Y = check_net(weights, X, act, Y, loss)
    weights = [W.copy() for W in weights]
    P, hidden = sum(W.size for W in weights), [len(W) for W in weights[:-1]]
    with np.errstate(over="ignore", invalid="ignore"):
        inputs, z = forward_pass(weights, X, act)
        check_overflow("the output", z[-1])
        slope, bend = [act.df(u) for u in z[:-1]], []               # phi'(z_k) and phi''(z_k) W^T delta, (n, n_k)
        delta, d2l = [loss.d1(z[-1], Y)], loss.d2(z[-1], Y)
        for k in reversed(range(len(hidden))):
            error = delta[0] @ weights[k + 1][:, :hidden[k]]        # W^T delta, (n, n_k)
            bend.insert(0, act.d2f(z[k]) * error)
            delta.insert(0, slope[k] * error)
    check_overflow("the gradient", *delta, *bend)

    def matvec(vector):
        vector = check_array("vector", vector, 1)
        if len(vector) != P:
            raise ValueError(f"vector has length {len(vector)}, it should be {P}, the number of weights")
        V, product = unstack(vector, weights), np.empty(P)
        with np.errstate(over="ignore", invalid="ignore"):
            Rz, Ra = [inputs[0] @ V[0].T], []
            for k, units in enumerate(hidden):
                Ra.append(slope[k] * Rz[k])                         # (n, n_k)
                Rz.append(inputs[k + 1] @ V[k + 1].T + Ra[k] @ weights[k + 1][:, :units].T)
            Rdelta = np.einsum("nkm,nm->nk", d2l, Rz[-1])           # l'' R{f}
            for k, out in reversed(list(enumerate(unstack(product, weights)))):
                np.matmul(Rdelta.T, inputs[k], out=out)
                if k:
                    units = hidden[k - 1]
                    out[:, :units] += delta[k].T @ Ra[k - 1]
                    Rdelta = Rdelta @ weights[k][:, :units] + delta[k] @ V[k][:, :units]
                    Rdelta = slope[k - 1] * Rdelta + bend[k - 1] * Rz[k - 1]
        check_overflow("the product", product)
        return product

    return matvec


def hessian_vector_product(weights, vector, X, Y, act, loss=SQUARE):
    """[Pearlmutter 1994] H v without H, by (viii), in the time of at most three gradients.

    Parameters
    ----------
    weights : list of arrays
    vector : (P,) array, v
    X, Y : (n, D) and (n, M) arrays
    act : Activation
    loss : Loss

    Returns
    -------
    (P,) array; for many vectors at one point take `hessian_operator`.

    Raises
    ------
    ValueError
        If an argument is bad, l'' does not exist, or the product overflows.
    """
    return hessian_operator(weights, X, Y, act, loss)(vector)


# ---------------------------------------------------------------------------------------------
# Eigenvalues
# ---------------------------------------------------------------------------------------------

class Inertia(NamedTuple):
    """[Fukumizu 2019, Sec. 4] Numbers of eigenvalues > tol, < -tol and between, the tolerance and the gap around it."""
    positive: int
    negative: int
    zero: int
    tol: float
    gap: float


def inertia(H, tol=None):
    """[Cooper 2018, Prop. 2.3] The numbers of positive, negative and zero eigenvalues of H.

    Parameters
    ----------
    H : (size, size) array, symmetric up to rounding
    tol : float, eigenvalues of at most this size count as zero; None: size eps max|lambda|, the rule of
        numpy.linalg.matrix_rank

    Returns
    -------
    Inertia(positive, negative, zero, tol, gap)
        gap is the smallest |lambda| counted as nonzero over the largest counted as zero, inf if there is
        none on one side or the largest zero is exactly 0. A count with a gap near 1 means nothing.

    Raises
    ------
    ValueError
        If H is not square, finite and symmetric, or tol is negative.
    """
    H = check_array("H", H, 2)
    size = len(H)
    if H.shape != (size, size):
        raise ValueError(f"H has shape {H.shape}, it should be square")
    with np.errstate(over="ignore"):
        # a product of three matrices rounds to about size eps of their norms; 100 leaves room for cancellation
        if np.abs(H - H.T).max() > 100 * size * EPS * np.abs(H).max():
            raise ValueError("H differs from its transpose by more than rounding, it should be symmetric")
        values = np.linalg.eigvalsh(H)                              # reads the lower triangle
    check_overflow("an eigenvalue of H", values)
    tol = size * EPS * np.abs(values).max() if tol is None else tol
    tol = check_number("tol", tol, 0)
    zero = np.abs(values) <= tol
    largest, smallest = np.abs(values[zero]).max(initial=0), np.abs(values[~zero]).min(initial=np.inf)
    with np.errstate(over="ignore"):
        gap = smallest / largest if largest > 0 else np.inf
    return Inertia(int((values > tol).sum()), int((values < -tol).sum()), int(zero.sum()), float(tol), float(gap))


class Eigenpairs(NamedTuple):
    """[beyond the papers] Eigenvalues, ascending, and the eigenvectors, one per column."""
    values: np.ndarray
    vectors: np.ndarray


def extreme_eigenpairs(matvec, size, k, *, rng=None):
    """[Lanczos 1950] The k smallest and the k largest eigenvalues of a symmetric matrix, from products alone.

    Lanczos with full reorthogonalisation finds one eigenvector per distinct eigenvalue. So further passes search the
    complement of what was found, until a pass finds nothing more extreme: then multiple eigenvalues are all there.

    Parameters
    ----------
    matvec : function of a (size,) array, returning a (size,) array
    size : int, at least 2 k
    k : int, at least 1
    rng : seed or numpy Generator, for the starting vectors

    Returns
    -------
    Eigenpairs(values (2k,), vectors (size, 2k))
        Ascending, the k smallest, then the k largest; each |H q - lambda q| is about 1e-12 of the
        largest |lambda| unless matvec is less exact. A pass keeps one vector per step, at most size of them.

    Raises
    ------
    ValueError
        If size or k is out of range, rng is no seed, or matvec is no function or returns anything but size finite
        numbers.
    """
    k = check_number("k", k, 1, whole=True)
    size = check_number("size", size, 2 * k, whole=True)
    check_functions("matvec", matvec, ("__call__",), "a function of a vector, v -> H v")
    check_seed(rng)
    rng = np.random.default_rng(rng)
    values, Q = lanczos_pass(matvec, np.empty((0, size)), 0.0, k, rng)
    while len(Q) < size:
        scale = np.abs(values).max()
        new, R = lanczos_pass(matvec, Q, scale, 1, rng)
        margin = 1e-11 * scale                                      # ten times the residuals of both passes
        better = (new < values[k - 1] - margin) | (new > values[k] + margin)
        if not better.any():
            break
        values, Q = np.append(values, new[better]), np.vstack([Q, R[better]])
        order = np.argsort(values)
        ends = np.append(order[:k], order[-k:])
        values, Q = values[ends], Q[ends]
    return Eigenpairs(values, Q.T.copy())


def lanczos_pass(matvec, known, scale, k, rng):
    """[Lanczos 1950] The k smallest and k largest eigenpairs in the complement of the rows of `known`.

        beta_(j+1) q_(j+1) = H q_j - its part in the span of known, q_1, ..., q_j,    alpha_j = q_j . H q_j

    Eigenpairs (theta, s) of the tridiagonal matrix of alpha and beta give theta and Q s, with the residual
    |H Q s - theta Q s| = beta_(j+1) |s_j|. Where beta = 0 the space is invariant: go on in a random direction.

    Parameters
    ----------
    matvec : function of a (size,) array
    known : (r, size) array, orthonormal eigenvectors
    scale : float, the size of the eigenvalues as far as known
    k : int
    rng : numpy Generator

    Returns
    -------
    values (2k,), vectors (2k, size); fewer where the complement is smaller

    Raises
    ------
    ValueError
        If matvec returns anything but size finite numbers.
    """
    (r, size), alpha, beta, due = known.shape, [], [], 2 * k
    Q, w = known, np.zeros(size)                                    # w = 0: the first direction is random
    while True:
        filled = r + len(alpha)
        w = reject(w, Q[:filled])
        length = norm(w)
        beta.append(length if length > 100 * EPS * scale else 0.0)  # below that w is rounding
        if filled == size or len(alpha) >= due:
            theta, s = np.linalg.eigh(np.diag(alpha) + np.diag(beta[1:-1], -1))     # reads the lower triangle
            ends = sorted({*range(len(theta))[:k], *range(len(theta))[-k:]})
            if filled == size or (beta[-1] * np.abs(s[-1, ends]) <= 1e-12 * np.abs(theta).max(initial=scale)).all():
                return theta[ends], s[:, ends].T @ Q[r:filled]
            due = len(alpha) + 1 + len(alpha) // 8
        if beta[-1] == 0:
            w = reject(rng.normal(size=size), Q[:filled])
        if filled == len(Q):                                        # twice the room when it is full
            Q = np.vstack([Q, np.empty((min(len(alpha) + 2 * k, size - filled), size))])
        Q[filled] = w / norm(w)
        w = matvec(Q[filled].copy())
        w = check_array("the result of matvec", w, 1)
        if len(w) != size:
            raise ValueError(f"the result of matvec has length {len(w)}, it should be {size}")
        alpha.append(Q[filled] @ w)
        scale = max(scale, norm(w))


def reject(w, Q):
    """[beyond the papers] w minus its projection on the orthonormal rows of Q, twice: then orthogonal to rounding.

    Returns
    -------
    (size,) array
    """
    for _ in range(2):
        w = w - (Q @ w) @ Q
    return w


def norm(w):
    """[beyond the papers] |w|, without the overflow or underflow of its square.

    Returns
    -------
    float
    """
    top = np.abs(w).max()
    return top * np.linalg.norm(w / top) if top > 0 else 0.0

# ---------------------------------------------------------------------------------------------
# Curvature in closed form at a network embedded in a wider one, at any layer of a net of any depth.
#
# Letters and shapes are those of landscape.py, and for one widened layer q (`layer` in code, any hidden layer):
#
#     D', M'       the columns of W_q (bias included), the rows of W_(q+1): the lengths of w_j and v_j
#     u, zeta      the row of W_q and the column of W_(q+1) of the unit that is replicated
#     w_j, v_j     the same of a copy or of a surplus unit; E surplus units, so E + 1 copies of a replicated unit
#     a~, delta    the inputs (n, D') of layer q and dl/dz (n, M') of layer q + 1, back-propagated
#     lam, A       lambda (E + 1,) and the matrix (E, E + 1) with A lambda = 0; C = A diag(lambda) A^T
#     core         K = [[0, F], [F^T, G]], (M' + D', M' + D')
#
# Unit replication by hand [Fukumizu 2019, Lemma 4]
# -------------------------------------------------
# The rest of the net sees the units of layer q through z_(q+1) alone, so with all else fixed and for one sample
#
#     L = l(z),   z = (other units) + sum_j v_j phi(w_j . a~),     dl/dz = delta,  d2l/dz2 = Lambda
#
# where l is the loss as a function of z_(q+1): the layers above are in it, hence delta is back-propagated, and
# nothing below needs three layers. Let w_j = b + sum_c A_cj eta_c and v_j = lambda_j (a + sum_c A_cj xi_c), at
# b = u, a = zeta, xi = eta = 0. First derivatives of z there [Lemma 3]:
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
#
# The inertia law [beyond the papers]
# -----------------------------------
# Sorted by c, the 4-block is kron(C, K): its eigenvalues are the products c k, its eigenvectors x (x) y. With [1; A]
# invertible, [1; A] diag(lambda) [1; A]^T = diag(sum lambda, C). So by Sylvester, for sum lambda > 0, no lambda_j = 0,
#
#     C has p = #{lambda_j > 0} - 1 positive and q = #{lambda_j < 0} negative eigenvalues, p + q = E
#     n+ = p K+ + q K-,    n- = p K- + q K+,    n0 = E K0
#
# The corner of K is 0, so F != 0 alone gives K both signs: then every such lambda is a saddle.
#
# Inactive surplus units [Fukumizu 2019, Sec. 5.1 and supplement G.2.3]
# ---------------------------------------------------------------------
# Let s = sum_j v_j s_j, s_j = phi(w_j . a~), be what surplus units add to z_(q+1), and let s = 0 on the data. Then
# L = l(theta_0, s), where s shifts z_(q+1): dl/ds = delta, d2l/ds2 = Lambda, d2l/ds dtheta_0 = d delta/d theta_0.
#
#     v_j-v_k   sum_nu Lambda s_j s_k
#     v_j-w_k   sum_nu (Lambda v_k s_j phi'_k + [j = k] delta phi'_j) a~^T
#     w_j-w_k   sum_nu (v_j^T Lambda v_k phi'_j phi'_k + [j = k] (delta . v_j) phi''_j) a~ a~^T
#     theta_0-v_j   sum_nu (d delta/d theta_0)^T s_j + (d s_j/d theta_0)^T delta^T
#     theta_0-w_j   sum_nu d [(delta . v_j) phi'_j a~] / d theta_0
#
# The last two need d delta/d theta_0 for each sample: forward over backward. With T_k = dz_k/dt and R_k = d delta_k/dt
# for all directions t = (theta_0, s) at once, the product rule on z_k = W_k a~_(k-1) and on (ii) of landscape.py gives
#
#     T_k     = W_k (phi'(z_(k-1)) T_(k-1)) + (dW_k/dt) a~_(k-1) + [k = q + 1] ds/dt
#     R_J     = l'' T_J
#     R_(k-1) = phi'(z_(k-1)) (W_k^T R_k + (dW_k/dt)^T delta_k) + phi''(z_(k-1)) T_(k-1) (W_k^T delta_k)
#
# down to R_(q+1), whose columns s are Lambda. Piecewise linear phi: all of this off the kinks.
# ---------------------------------------------------------------------------------------------
# Unit replication
# ---------------------------------------------------------------------------------------------

class Curvature(NamedTuple):
    """[Fukumizu 2019, Lemma 4] F (M', D') and G (D', D') of a unit that is to be replicated."""
    F: np.ndarray
    G: np.ndarray


def replication_curvature(weights, X, Y, act, loss, layer, unit):
    """[Fukumizu 2019, Lemma 4] The matrices F and G of one unit of the narrow net, at any hidden layer.

        F = sum_nu delta phi'(u . a~) a~^T,    G = sum_nu (delta . zeta) phi''(u . a~) a~ a~^T

    Parameters
    ----------
    weights : list of arrays, the narrow net
    X, Y : (n, D) and (n, M) arrays
    act : Activation
    loss : Loss
    layer, unit : int, the hidden layer (0 is the first) and the row of weights[layer]

    Returns
    -------
    Curvature(F (M', D'), G (D', D')), with M' the width of the next layer, D' the columns of weights[layer].

    Raises
    ------
    ValueError
        If an argument is bad, the layer is not hidden, or the sums overflow.

    Notes
    -----
    Where the net is stationary, zeta^T F = 0 (it is dL/du), so rank F <= min(D', M' - 1), and F = 0 if M' = 1 and
    zeta != 0. The supplement's Remark after Theorem 5 has rank min(D, M)
    (tests/test_hessian_embedded.py::test_erratum_the_remarks_full_rank_of_F_is_impossible_at_a_stationary_point).
    """
    weights, X, Y, layer, unit = check_hidden(weights, X, Y, act, loss, layer, unit)
    with np.errstate(over="ignore", invalid="ignore"):
        inputs, z = forward_pass(weights, X, act)
        check_overflow("the output", z[-1])
        delta = loss.d1(z[-1], Y)
        for k in range(len(weights) - 1, layer + 1, -1):            # down to dl/dz of layer + 1
            delta = delta @ weights[k][:, :z[k - 1].shape[1]] * act.df(z[k - 1])
        a, ua, zeta = inputs[layer], z[layer][:, unit], weights[layer + 1][:, unit]
        F = (delta * act.df(ua)[:, None]).T @ a                     # (M', D')
        G = (a * (delta @ zeta * act.d2f(ua))[:, None]).T @ a       # (D', D')
    check_overflow("F or G", F, G)
    return Curvature(F, G / 2 + G.T / 2)                            # symmetric bit by bit, also where G is all rounding


def replication_hessian(F, G, A, lam):
    """[Fukumizu 2019, Lemma 4] The Hessian of the wide net in (xi, eta): the 4-block of Eq. (8).

        [[0, kron(C, F)], [kron(C, F)^T, kron(C, G)]],    C = A diag(lam) A^T

    Parameters
    ----------
    F, G : (M', D') and (D', D') arrays from replication_curvature
    A : (E, E + 1) array with A lam = 0
    lam : (E + 1,) array; for ReLU in the coordinates of embeddings.omega_basis it is gamma * beta

    Returns
    -------
    (E (M' + D'), E (M' + D')) array; rows xi_c (c slow, its M' entries fast), then eta_c likewise.

    Raises
    ------
    ValueError
        If the shapes do not fit, A lam is not 0 to 1e-9 (relative), or the block overflows.

    Notes
    -----
    The paper gives kron(C, F) the size E M; it is (E M', E D')
    (tests/test_hessian_embedded.py::test_erratum_the_size_of_F_tilde). The order np.kron(F, C) is another
    matrix (tests/test_hessian_embedded.py::test_control_the_other_order_of_the_kronecker_product_is_wrong).
    """
    F, G, A, lam = check_block(F, G, A, lam)
    with np.errstate(over="ignore", invalid="ignore"):
        C = (A * lam) @ A.T                                         # (E, E)
        CF, CG = np.kron(C, F), np.kron(C, G)                       # (E M', E D'), (E D', E D')
    check_overflow("the 4-block", CF, CG)
    return np.block([[np.zeros((len(CF), len(CF))), CF], [CF.T, CG]])


class PredictedInertia(NamedTuple):
    """[beyond the papers] Numbers of positive, negative and zero eigenvalues of the 4-block."""
    positive: int
    negative: int
    zero: int


def predicted_inertia(F, G, lam, tol=None):
    """[beyond the papers] Eigenvalue counts of replication_hessian(F, G, A, lam), for any A, without forming it.

        n+ = p K+ + q K-,    n- = p K- + q K+,    n0 = E K0,    K = [[0, F], [F^T, G]]
        p = #{lam_j > 0} - 1,    q = #{lam_j < 0},    E = p + q

    Parameters
    ----------
    F, G : (M', D') and (D', D') arrays
    lam : (E + 1,) array, no entry 0, with a positive sum (1 in Eq. (4), s in Theorem 10 as printed)
    tol : float, eigenvalues of K of at most this size count as zero; None: size eps max|k|. At zero training
        error F and G are nothing but rounding: pass the tolerance used for the whole Hessian.

    Returns
    -------
    PredictedInertia(positive, negative, zero), E (M' + D') in all. Added to the counts of the narrow net's Hessian
    they are the counts of the wide net's.

    Raises
    ------
    ValueError
        If the shapes do not fit, tol is negative, lam has a zero (then the embedding is outside the theorem, and C
        loses rank) or no positive sum.

    Notes
    -----
    Any F and G will do, singular ones too. The supplement's proof of Theorem 5 goes through regular G and
    Eq. (37), whose transposes do not fit unless M = D, and through "A of full rank, so A Lam A^T of full rank" and
    "G > 0, so C kron G > 0", which both fail
    (tests/test_hessian_embedded.py: test_erratum_eq_37_transposes, test_erratum_full_rank_of_A_is_not_enough,
    test_erratum_a_definite_G_does_not_make_G_tilde_definite).
    """
    F, G, lam = check_core(F, G, lam)
    if (lam == 0).any() or (lam / np.abs(lam).max()).sum() <= 0:
        raise ValueError(f"lam is {lam}, it should have no zero and a positive sum")
    tol = tol if tol is None else check_number("tol", tol, 0)
    with np.errstate(over="ignore"):
        k = np.linalg.eigvalsh(np.block([[np.zeros((len(F), len(F))), F], [F.T, G]]))
    check_overflow("an eigenvalue of K", k)
    tol = len(k) * EPS * np.abs(k).max() if tol is None else tol
    up, down = int((k > tol).sum()), int((k < -tol).sum())
    p, q = int((lam > 0).sum()) - 1, int((lam < 0).sum())
    return PredictedInertia(p * up + q * down, p * down + q * up, (p + q) * (len(k) - up - down))


class Escape(NamedTuple):
    """[beyond the papers] A direction xi (E, M'), eta (E, D') of unit length and the curvature along it."""
    xi: np.ndarray
    eta: np.ndarray
    curvature: float


def escape_direction(F, G, A, lam):
    """[beyond the papers] The most negative eigenpair of the 4-block, from (F, G, lam) alone.

        C x = c x,  K y = k y:    curvature = min c k < 0,    xi = x (x) y[:M'],    eta = x (x) y[M':]
        L(theta_lambda + t (xi, eta)) = L(theta_lambda) + curvature t^2 / 2 + O(t^3)

    Parameters
    ----------
    F, G, A, lam : as in replication_hessian

    Returns
    -------
    Escape(xi (E, M'), eta (E, D'), curvature): |xi|^2 + |eta|^2 = 1, in the coordinates of embeddings.omega_basis
        theta + t T[:, P:] @ concatenate([xi.ravel(), eta.ravel()]) is the way down in the wide net's parameters.

    Raises
    ------
    ValueError
        If the shapes do not fit, an eigenvalue overflows, or none is negative beyond rounding: then the 4-block has no
        way down. (At zero training error F and G are rounding, and so is what is found.)
    """
    F, G, A, lam = check_block(F, G, A, lam)
    with np.errstate(over="ignore", invalid="ignore"):
        C = (A * lam) @ A.T                                         # (E, E)
        check_overflow("C", C)
        c, x = np.linalg.eigh(C)
        k, y = np.linalg.eigh(np.block([[np.zeros((len(F), len(F))), F], [F.T, G]]))
        products = np.outer(c, k)                                   # all eigenvalues of the 4-block
    check_overflow("a curvature", products)
    if products.min() >= -products.size * EPS * np.abs(products).max():
        raise ValueError(f"F, G and lam give the smallest curvature {products.min():.1e}, it should be negative "
                         "beyond rounding: there is no direction of escape at second order")
    i, j = np.unravel_index(products.argmin(), products.shape)
    return Escape(np.outer(x[:, i], y[:len(F), j]), np.outer(x[:, i], y[len(F):, j]), float(products[i, j]))


# ---------------------------------------------------------------------------------------------
# Inactive units and inactive propagation
# ---------------------------------------------------------------------------------------------

class SurplusHessian(NamedTuple):
    """[Fukumizu 2019, supplement G.2.3] Blocks theta_0-(v, w), v-v, v-w and w-w of the wide net's Hessian."""
    cross: np.ndarray
    vv: np.ndarray
    vw: np.ndarray
    ww: np.ndarray


def delta_tangents(weights, X, Y, act, loss, layer):
    """[beyond the papers] Forward over backward: delta of layer q + 1 and its derivatives, sample by sample.

        T_k     = W_k (phi'(z_(k-1)) T_(k-1)) + (dW_k/dt) a~_(k-1) + [k = q + 1] ds/dt
        R_J     = l'' T_J
        R_(k-1) = phi'(z_(k-1)) (W_k^T R_k + (dW_k/dt)^T delta_k) + phi''(z_(k-1)) T_(k-1) (W_k^T delta_k)

    Returns
    -------
    delta (n, M')
    R : (n, M', P + M') array, d delta / d (theta_0, s): the last M' columns are Lambda
    a : (n, D') array, the inputs a~ of layer q
    da : (n, D', P) array, d a~ / d theta_0: 0 at a bias and for theta_0 of layer q and above

    Raises
    ------
    ValueError
        If the outputs overflow.
    """
    (inputs, z), T = forward_pass(weights, X, act), []
    check_overflow("the output", z[-1])
    P, shift = sum(W.size for W in weights), len(weights[layer + 1])
    own = unstack(np.arange(P), weights)                            # own[k][i, j]: the place of W_k[i, j] in theta_0
    slope, bend = [act.df(h) for h in z[:-1]], [act.d2f(h) for h in z[:-1]]
    da = np.zeros(inputs[layer].shape + (P,))
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
    delta, R = loss.d1(z[-1], Y), loss.d2(z[-1], Y) @ T[-1]
    for k in range(len(weights) - 1, layer + 1, -1):
        j = np.arange(slope[k - 1].shape[1])                        # inputs of layer k without the bias
        W = weights[k][:, j]
        R = W.T @ R                                                 # (n, n_(k-1), P + M')
        R[:, j[:, None], own[k][:, j].T] += delta[:, None]
        R = slope[k - 1][:, :, None] * R + (bend[k - 1] * (delta @ W))[:, :, None] * T[k - 1]
        delta = delta @ W * slope[k - 1]
    return delta, R, inputs[layer], da


def surplus_hessian(weights, X, Y, act, loss, layer, W, V):
    """[beyond the papers] The Hessian blocks of surplus units (w_j, v_j) that add nothing to layer q + 1 on the data.

        v_j-v_k       sum_nu Lambda s_j s_k,                                s_j = phi(w_j . a~), phi'_j, phi''_j alike
        v_j-w_k       sum_nu (Lambda v_k s_j phi'_k + [j = k] delta phi'_j) a~^T
        w_j-w_k       sum_nu (v_j^T Lambda v_k phi'_j phi'_k + [j = k] (delta . v_j) phi''_j) a~ a~^T
        theta_0-v_j   sum_nu s_j d delta + delta phi'_j (w_j . da~),        d = d / d theta_0
        theta_0-w_j   sum_nu phi'_j a~ (v_j . d delta) + (delta . v_j) (phi''_j a~ (w_j . da~) + phi'_j da~)

    at any training error. Inactive units, inactive propagation, both at once, and ReLU units that are off are cases.

    Parameters
    ----------
    weights : list of arrays, the narrow net
    X, Y : (n, D) and (n, M) arrays
    act : Activation
    loss : Loss
    layer : int, the hidden layer that gets the surplus units
    W, V : (E, D') and (E, M') arrays, w_j and v_j

    Returns
    -------
    SurplusHessian(cross (P, E M' + E D'), vv (E M', E M'), vw (E M', E D'), ww (E D', E D'))
        Rows and columns: theta_0 in the narrow net's flatten order; v with the unit slow and its M' entries fast; w
        likewise, after v. Where each unit is inactive by itself, the theta_0 block is the narrow net's Hessian.

    Raises
    ------
    ValueError
        If an argument is bad, the layer is not hidden, the units do add something (beyond 1e-9, relative), l'' does
        not exist, or the blocks overflow.
    """
    weights, X, Y, layer, W, V = check_surplus_units(weights, X, Y, act, loss, layer, W, V)
    P, (E, M1), D1 = sum(w.size for w in weights), V.shape, W.shape[1]
    with np.errstate(over="ignore", invalid="ignore"):
        delta, R, a, da = delta_tangents(weights, X, Y, act, loss, layer)
        wa = a @ W.T                                                # (n, E)
        s, s1, s2 = act.f(wa), act.df(wa), act.d2f(wa)
        check_nothing_added(s @ V, np.abs(s) @ np.abs(V))
        w_da = W @ da                                               # (n, E, P), w_j . da~
        Lambda = R[:, :, P:]
        d_delta = R[:, :, :P] + Lambda @ (V.T @ (s1[:, :, None] * w_da))        # the second: delta moves with s
        same, push = np.eye(E), delta @ V.T                         # [j = k]; (n, E), delta . v_j
        Lv, Lw = Lambda @ V.T, s1[:, :, None] * a[:, None]          # (n, M', E), (n, E, D')
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
    blocks = SurplusHessian(np.hstack([to_v.reshape(P, E * M1), to_w.reshape(P, E * D1)]), vv.reshape(E * M1, E * M1),
                            vw.reshape(E * M1, E * D1), ww.reshape(E * D1, E * D1))
    check_overflow("a block of the Hessian", *blocks)
    return blocks


def inactive_units_hessian(weights, X, Y, act, loss, layer, V):
    """[Fukumizu 2019, Sec. 5.1 and supplement (42)] The Hessian blocks of inactive units, w_j = 0 and any v_j.

        v-v 0,   v_j-w_j  phi'(0) sum_nu delta a~^T,   w_j-w_k  sum_nu (v_j^T Lambda v_k phi'(0)^2
        + [j = k] (delta . v_j) phi''(0)) a~ a~^T,   theta_0-v 0,   theta_0-w_j  phi'(0) d [sum_nu (delta . v_j) a~]

    Parameters
    ----------
    weights, X, Y, act, loss, layer : as in surplus_hessian
    V : (E, M') array

    Returns
    -------
    SurplusHessian, ordered as in surplus_hessian; w-w is the paper's S1 at zero training error.

    Raises
    ------
    ValueError
        As surplus_hessian, and if phi(0) is not 0: then units with w = 0 are not inactive.

    Notes
    -----
    The blocks between theta_0 and w are not zero, though (42) leaves them out
    (tests/test_hessian_embedded.py::test_erratum_cross_blocks_with_theta_0_are_not_zero). ReLU has a kink at w = 0;
    with its phi'(0) = 0 all blocks are 0, which are also those of the units of Eq. (10), off on the data.
    """
    check_functions("act", act, ("f", "df", "d2f"), "an Activation such as TANH")
    if act.f(np.zeros(1))[0] != 0:
        raise ValueError(f"act is {act.name} with phi(0) = {act.f(np.zeros(1))[0]:g}, it should be 0 at 0, as tanh is: "
                         "units with w = 0 would be active")
    weights, X, Y, layer, _ = check_hidden(weights, X, Y, act, loss, layer)
    V = check_array("V", V, 2)
    W = np.zeros((len(V), weights[layer].shape[1]))
    return surplus_hessian(weights, X, Y, act, loss, layer, W, V)


def inactive_propagation_hessian(weights, X, Y, act, loss, layer, W):
    """[Fukumizu 2019, Sec. 5.1 and supplement (43)] The Hessian blocks of inactive propagation, v_j = 0 and any w_j.

        v_j-v_k  sum_nu Lambda s_j s_k,   v_j-w_j  sum_nu delta phi'_j a~^T,   w-w 0,   theta_0-w 0,
        theta_0-v_j  d [sum_nu delta s_j],    s_j = phi(w_j . a~)

    Parameters
    ----------
    weights, X, Y, act, loss, layer : as in surplus_hessian
    W : (E, D') array

    Returns
    -------
    SurplusHessian, ordered as in surplus_hessian; v-v is the paper's S2 (for ReLU S3) at zero training error.

    Raises
    ------
    ValueError
        As surplus_hessian.

    Notes
    -----
    The blocks between theta_0 and v are not zero
    (tests/test_hessian_embedded.py::test_erratum_cross_blocks_with_theta_0_are_not_zero).
    """
    weights, X, Y, layer, _ = check_hidden(weights, X, Y, act, loss, layer)
    W = check_array("W", W, 2)
    V = np.zeros((len(W), len(weights[layer + 1])))
    return surplus_hessian(weights, X, Y, act, loss, layer, W, V)


# ---------------------------------------------------------------------------------------------
# Validation of these
# ---------------------------------------------------------------------------------------------

def check_hidden(weights, X, Y, act, loss, layer, unit=0):
    """[the project] A net with its data, a hidden layer and a unit of it, or a ValueError.

    Returns
    -------
    weights, X, Y, layer, unit

    Raises
    ------
    ValueError
        If an argument is bad.
    """
    weights, X, Y = check_net(weights, X, act, Y, loss)
    if len(weights) < 2:
        raise ValueError("weights has one matrix, it should have a hidden layer: two matrices or more")
    layer = check_number("layer", layer, 0, len(weights) - 2, whole=True)       # the output layer has no next one
    return weights, X, Y, layer, check_number("unit", unit, 0, len(weights[layer]) - 1, whole=True)


def check_surplus_units(weights, X, Y, act, loss, layer, W, V):
    """[the project] A net with its data, a hidden layer and surplus units for it, or a ValueError.

    Returns
    -------
    weights, X, Y, layer, W, V

    Raises
    ------
    ValueError
        If an argument is bad.
    """
    weights, X, Y, layer, _ = check_hidden(weights, X, Y, act, loss, layer)
    W, V = check_array("W", W, 2), check_array("V", V, 2)
    if W.shape[1] != weights[layer].shape[1]:
        raise ValueError(f"W has shape {W.shape}, it should have {weights[layer].shape[1]} columns as weights[{layer}]")
    if V.shape != (len(W), len(weights[layer + 1])):
        raise ValueError(f"V has shape {V.shape}, it should be {(len(W), len(weights[layer + 1]))}: a row for each "
                         f"surplus unit, a column for each unit of layer {layer + 1}")
    return weights, X, Y, layer, W, V


def check_nothing_added(added, size):
    """[the project] Refuse surplus units that alter the next layer on the data.

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If what they add exceeds 1e-9 of the size of its terms.
    """
    if not (np.abs(added) <= 1e-9 * size).all():
        raise ValueError(f"W and V add up to {np.abs(added).max():.1e} to the inputs of the next layer, they should "
                         "add 0 on X: w_j = 0 with phi(0) = 0, v_j = 0, or units that are off")


def check_core(F, G, lam):
    """[the project] F, G and lam as float64 arrays that fit each other, or a ValueError.

    Returns
    -------
    F, G, lam

    Raises
    ------
    ValueError
        If a shape is wrong, G is not symmetric, or there are fewer than two copies.
    """
    F, G, lam = check_array("F", F, 2), check_array("G", G, 2), check_array("lam", lam, 1)
    D1 = F.shape[1]
    if G.shape != (D1, D1):
        raise ValueError(f"G has shape {G.shape}, it should be {(D1, D1)}, D' being the columns of F")
    if np.abs(G - G.T).max() > 1e-9 * np.abs(G).max():
        raise ValueError("G differs from its transpose, it should be symmetric")
    if len(lam) < 2:
        raise ValueError(f"lam has length {len(lam)}, it should have two or more entries, one for each copy")
    return F, G, lam


def check_block(F, G, A, lam):
    """[the project] F, G, A and lam as float64 arrays that fit each other, or a ValueError.

    Returns
    -------
    F, G, A, lam

    Raises
    ------
    ValueError
        If a shape is wrong, G is not symmetric, or A lam is not 0.
    """
    F, G, lam = check_core(F, G, lam)
    A = check_array("A", A, 2)
    if A.shape != (len(lam) - 1, len(lam)):
        raise ValueError(f"A has shape {A.shape}, it should be {(len(lam) - 1, len(lam))} for {len(lam)} copies")
    tiny = np.finfo(float).tiny
    off = np.abs(A / max(np.abs(A).max(), tiny) @ (lam / max(np.abs(lam).max(), tiny))).max()       # cannot overflow
    if off > 1e-9 * len(lam):
        raise ValueError(f"A lam is up to {off:.1e} of the sizes of A and lam, it should be 0")
    return F, G, A, lam
