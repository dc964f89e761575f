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

Kinks: a piecewise linear phi has phi'' = 0 here, and phi' at the kink is the one of landscape.py (ReLU: 0).
Off the kinks of all samples that is the Hessian. At a kink the loss has none, and what is computed is the
Hessian of the linear piece that phi' names: for ReLU a unit with z = 0 counts as off.
"""
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from landscape import EPS, SQUARE, check_array, check_net, check_number, check_overflow, forward_pass, unstack

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
    """
    inputs, z = forward_pass(weights, X, act)
    upper_gram(jacobian_rows(weights, inputs, z, act), loss.d2(z[1], Y), H)
    (h, c), (M, c2) = weights[0].shape, weights[1].shape
    x, z1, dl, i = inputs[0].T, z[0].T, loss.d1(z[1], Y).T, np.arange(h)    # (c, n), (h, n), (M, n)
    bend = weights[1][:, :h].T @ dl * act.d2f(z1)                   # (h, n)
    H[:h * c, :h * c].reshape(h, c, h, c)[i, :, i] += input_pairs(bend, x)
    turn = (act.df(z1)[:, None] * dl).reshape(h * M, -1) @ x.T      # (h M, c)
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
    """
    n, (inputs, z) = len(X), forward_pass(weights, X, act)
    slope, delta, curvature = curvature_pass(weights, inputs, z, Y, act, loss)
    a = [u.T.copy() for u in inputs]                                # a~_(k-1), (c, n)
    end = list(accumulate((W.size for W in weights), initial=0))
    for m, (rows, c) in enumerate(W.shape for W in weights):
        S, T = curvature[m], None
        block = H[end[m]:end[m + 1], end[m]:end[m + 1]].reshape(rows, c, rows, c)
        fill_layer(block, S, a[m])
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


def fill_layer(block, S, a):
    """[beyond the papers] (iii) at k = m, for units i <= p, added to `block`.

    Parameters
    ----------
    block : (n_m, c, n_m, c) array, a view of the Hessian; changed in place
    S : (n_m, n_m, n) array, S_mm
    a : (c, n) array, the inputs of the layer

    Returns
    -------
    None
    """
    i = np.arange(len(S))
    pairs = i[:, None] <= i
    block.swapaxes(1, 2)[pairs] += input_pairs(S[pairs], a)


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
        if suits_form_a(weights):
            J, P1, (h, c) = jacobian_rows(weights, inputs, z, act), weights[0].size, weights[0].shape
            for part, block in zip((J[:P1], J[P1:]), blocks):
                upper_gram(part, loss.d2(z[1], Y), block)
            bend = weights[1][:, :h].T @ loss.d1(z[1], Y).T * act.d2f(z[0].T)
            blocks[0].reshape(h, c, h, c)[np.arange(h), :, np.arange(h)] += input_pairs(bend, inputs[0].T)
        else:
            _, _, curvature = curvature_pass(weights, inputs, z, Y, act, loss)
            for block, W, S, a in zip(blocks, weights, curvature, inputs):
                fill_layer(block.reshape(W.shape + W.shape), S, a.T.copy())
        for block in blocks:
            mirror(block)
    check_overflow("the Hessian", *blocks)
    return blocks


def suits_form_a(weights):
    """[beyond the papers] Whether form (a) is the faster one, from measured times.

    (a) costs M P^2 / 2 multiplications per sample, and P is about n_1 (n_0 + M); (b) handles n_1^2 pairs of units,
    each in the time of about 500 multiplications of (a).

    Returns
    -------
    bool
    """
    M, c = len(weights[-1]), weights[0].shape[1]
    return len(weights) == 2 and M * (c + M) ** 2 <= 1000


def shallow_keeps(weights):
    """[beyond the papers] How many numbers per sample shallow_pass needs: J, and as many on the way to H.

    Returns
    -------
    int
    """
    return 2 * len(weights[-1]) * sum(W.size for W in weights)


def deep_keeps(weights):
    """[beyond the papers] How many numbers per sample deep_pass keeps: S_kk, and the products of input_pairs.

    Returns
    -------
    int
    """
    return sum(m * m + min(c * c, m * m * c) for m, c in (W.shape for W in weights))


def in_portions(form, keeps, weights, X, Y, act, loss):
    """[the project] The sum of form(...) over portions of the samples, mirrored and checked.

    What a form keeps for the samples of a portion, keeps(weights) numbers for each, is at most 8 MB, or half of H:
    so memory once touched is used again. To touch new memory can cost as much as the products.

    Returns
    -------
    (P, P) array

    Raises
    ------
    ValueError
        If the sum overflows.
    """
    P = sum(W.size for W in weights)
    portion, H = 1 + max(2 ** 20, P * P // 2) // keeps(weights), np.full((P, P), 0.0)    # zeros() is untouched memory
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
    return in_portions(shallow_pass, shallow_keeps, weights, X, Y, act, loss)


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
    return in_portions(deep_pass, deep_keeps, weights, X, Y, act, loss)


def hessian(weights, X, Y, act, loss=SQUARE):
    """[beyond the papers] The exact Hessian of L = sum_nu l(y_nu, f_nu) in theta: any depth, outputs and loss.

    Form (a), `hessian_shallow`, costs n M P^2 / 2 multiplications; form (b), `hessian_deep`, handles every pair
    of units apart and costs less from about M (c + M)^2 = 1000 on, c the columns of W_1.

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
    form = (shallow_pass, shallow_keeps) if suits_form_a(weights) else (deep_pass, deep_keeps)
    return in_portions(*form, weights, X, Y, act, loss)


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
    tol = size * EPS * np.abs(values).max() if tol is None else check_number("tol", tol, 0)
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
        If size or k is out of range, or matvec returns anything but size finite numbers.
    """
    k = check_number("k", k, 1, whole=True)
    size = check_number("size", size, 2 * k, whole=True)
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
        w = check_array("the result of matvec", matvec(Q[filled].copy()), 1)
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
