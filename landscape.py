"""The network, its gradient, exact fits and the set of zero loss.

Papers: [Fukumizu 2019] Semi-flat minima and saddle points by embedding neural networks to overparameterization, with
its supplement; [Cooper 2018] The loss landscape of overparameterized neural networks; [Dinh 2017] Sharp minima can
generalize for deep nets.

Notation, for all modules
-------------------------
    n, D, M      samples (nu = 1..n), inputs, outputs
    X, Y         inputs (n, D) and targets (n, M), always with two axes
    weights      [W_1, ..., W_J]; W_k is (n_k, n_(k-1)), or one column more: the bias, whose input is -1
    act, phi     the activation of the hidden layers; the last layer is linear
    z_k, a_k     z_k = W_k a~_(k-1) and a_k = phi(z_k), (n, n_k); a_0 = x, f = z_J;  a~ = (a, -1) with a bias, else a
    l, L         loss of a sample, and L = sum_nu l(y_nu, f_nu), a sum and not a mean;  delta_k = dl / dz_k
    P, theta     the number of all weights, and all of them as one vector (flatten);  J = df / dtheta, (n, M, P)
    F, r, l'     the outputs f of all samples, (n, M); the residual f - y; dl / df (loss.d1); l'' is loss.d2
    A^+          the pseudo-inverse of a matrix A; sizes |.| are meant entry by entry where matrices are multiplied
    D', M'       of a hidden layer: columns of its matrix, rows of the next one
    eps, EPS     2^-52, the spacing of float64 at 1;  B counts nets in a stack;  `like` lends only its shapes

Text counts layers from 1, code from 0: weights[k] is W_(k+1). With the bias b as its last column z = W a - b, the
papers' w . x~ and M1 x - b1 (`from_pairs` turns the common W a + b into it). Whether a layer has a bias is told by its
shape alone. Beware: inputs that are one column short of a layer without bias are read as inputs of a layer with one.

Fukumizu's main text calls the OUTPUTS of a layer z, his supplement, as we do, the inputs. His D and M are the widths
before and after the layer he widens; row j of W_q is his w_j (u_j), column j of W_(q+1) his v_j (zeta_j); his "three
layers" are one hidden layer. Cooper's loss is power_loss(2), twice our square loss; his n, d, p are our P, n, D.

A bad argument, and what leaves float64, is refused with a ValueError that names it; docstrings say so only where the
reason is mathematics. What is below 1e-100 may be taken for 0.
"""
import inspect
import re
import sys
from collections.abc import Callable
from functools import cache, wraps
from math import isfinite
from typing import NamedTuple

import numpy as np

EPS = np.finfo(float).eps


def checked(function):
    """[the project] The door: hold the arguments of `function` to its docstring, and its result to float64.

    A line `name : contract; prose` of the docstring is the contract of an argument (its words: see the end of this
    file); those that the notation names need none. Who copies a function leaves the line @checked out.
    """
    signature = inspect.signature(function)
    names = [name for name, p in signature.parameters.items() if p.kind == p.POSITIONAL_OR_KEYWORD]

    @wraps(function)
    def run(*args, **kwargs):
        if not kwargs and len(args) == len(signature.parameters) == len(names):     # nothing to bind, which is slow
            given = dict(zip(names, args))
        else:
            call = signature.bind(*args, **kwargs)
            call.apply_defaults()
            given = call.arguments
        arguments = check_arguments(function, given)
        try:
            with np.errstate(over=FLAGS, divide=FLAGS, invalid=FLAGS):
                result = function(**arguments)
        except ArithmeticError as error:                            # of NumPy's numbers or Python's
            raise ValueError(f"{function.__name__}: {error}; the arguments should be scaled") from error
        except np.linalg.LinAlgError as error:
            raise ValueError(f"{function.__name__}: {error}; the arguments should lead to a regular matrix") from error
        check_result(function.__name__, result, "returns : may be infinite" in function.__doc__)
        return result

    return run


# ---------------------------------------------------------------------------------------------------------------------
# Activations, elementwise, finite and free of warnings on all of float64
# ---------------------------------------------------------------------------------------------------------------------

class Activation(NamedTuple):
    """[Fukumizu 2019, Sec. 2] phi, phi' and phi''. At a kink the derivative is the one from the left.

    Each takes an array of any shape, an empty one too, and gives one of that shape, constants too: np.ones_like(x).
    jet, if there is one, gives all three at once, faster than one by one.
    """
    name: str
    f: Callable
    df: Callable
    d2f: Callable
    jet: Callable | None = None


def dtanh(x):
    """[beyond the papers] tanh' = 4 q / (1 + q)^2, q = exp(-2 |x|), which keeps its digits where tanh rounds to 1."""
    q = np.exp(-np.abs(x)) ** 2
    return 4 * q / (1 + q) ** 2


def d2tanh(x):
    """[beyond the papers] tanh'' = -2 tanh tanh'."""
    return -2 * np.tanh(x) * dtanh(x)


def sigmoid(x):
    """[beyond the papers] 1 / (1 + exp(-x)), by q = exp(-|x|), which cannot overflow."""
    q = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, q) / (1 + q)


def dsigmoid(x):
    """[beyond the papers] sigmoid' = sigmoid(x) sigmoid(-x) = q / (1 + q)^2, q = exp(-|x|)."""
    q = np.exp(-np.abs(x))
    return q / (1 + q) ** 2


def d2sigmoid(x):
    """[beyond the papers] sigmoid'' = sigmoid' (1 - 2 sigmoid) = -sigmoid'(x) tanh(x / 2)."""
    return -dsigmoid(x) * np.tanh(x / 2)


def softplus(x):
    """[beyond the papers] log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|))."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def relu(x):
    """[Fukumizu 2019, Sec. 4] max(x, 0)."""
    return np.maximum(x, 0)


def drelu(x):
    """[Fukumizu 2019, Sec. 4] 1 for x > 0, else 0."""
    return np.where(x > 0, 1.0, 0.0)


def leaky_relu(x):
    """[Dinh 2017, Sec. 3] x for x > 0, else x / 100 (the slope is our choice)."""
    return np.maximum(x, 0.01 * x)


def dleaky_relu(x):
    """[Dinh 2017, Sec. 3] 1 for x > 0, else 1/100."""
    return np.where(x > 0, 1.0, 0.01)


def smoolu(x):
    """[Cooper 2018, Def. 3.2] x exp(-1/x) for x > 0, else 0: rectified, and smooth also at 0.

    exp(-1/x) underflows below x = 1/745, so the floor of 1/1000 under x changes no value.
    """
    return np.maximum(x, 0) * np.exp(-1 / np.maximum(x, 1e-3))


def dsmoolu(x):
    """[Cooper 2018, Def. 3.2] exp(-1/x) (1 + 1/x) for x > 0, else 0."""
    t = 1 / np.maximum(x, 1e-3)
    return np.exp(-t) * (1 + t)


def d2smoolu(x):
    """[Cooper 2018, Def. 3.2] exp(-1/x) / x^3 for x > 0, else 0."""
    t = 1 / np.maximum(x, 1e-3)
    return np.exp(-t) * t * t * t


def rectified_tanh(x):
    """[Cooper 2018, Def. 3.1] max(tanh(x), 0): rectified, but not smooth, the slope jumps from 0 to 1 at x = 0.

    The paper's Section 3.1 counts translated and truncated tanh and sigmoid among the smooth ones
    (test_erratum_a_truncated_tanh_is_not_smooth_at_zero).
    """
    return np.tanh(np.maximum(x, 0))


def drectified_tanh(x):
    """[Cooper 2018, Def. 3.1] tanh'(x) for x > 0, else 0."""
    return np.where(x > 0, dtanh(x), 0.0)


def d2rectified_tanh(x):
    """[Cooper 2018, Def. 3.1] tanh''(x) for x > 0, else 0."""
    return np.where(x > 0, d2tanh(x), 0.0)


# A jet is (phi, phi', phi'') of an array of floats, from one exponential. Its parts agree with the functions above to a
# few eps of each value (test_a_jet_is_the_three_functions_to_a_few_eps).


def tanh_jet(x):
    """[beyond the papers] tanh, tanh' and tanh'' at once: tanh |x| = (1 - q) / (1 + q), q = exp(-2 |x|).

    Where q is near 1 its rounding would be large beside 1 - q: there Lambert's x / (1 + x^2 / (3 + x^2 / (5 + ...))).
    In place where it can be, for new memory costs as much as the arithmetic.
    """
    u = np.minimum(np.abs(x), 400)                                              # q is 0 there
    near_0 = np.flatnonzero(u < 0.125)                              # there the fraction down to x^2 / 9 is exact to eps
    u *= -2
    q = np.exp(u, out=u)
    t, d = 1 - q, 1 + q
    inverse = np.divide(1, d, out=d)
    t *= inverse
    np.copysign(t, x, out=t)
    small = x.take(near_0)
    square = small ** 2
    t.put(near_0, small / (1 + square / (3 + square / (5 + square / (7 + square / 9)))))
    slope = np.multiply(4, q, out=q)
    slope *= inverse
    slope *= inverse                                                            # 4 q / (1 + q)^2
    curve = np.multiply(-2, t, out=inverse)
    curve *= slope                                                              # -2 tanh tanh'
    return t, slope, curve


def sigmoid_jet(x):
    """[beyond the papers] sigmoid, sigmoid' and sigmoid'' at once, as (1 + tanh(x / 2)) / 2 for x >= 0.

    For x < 0 that cancels; there sigmoid(x) = sigmoid'(x) / sigmoid(-x).
    """
    t, slope, curve = tanh_jet(x / 2)
    s = (1 + np.abs(t)) / 2                                                     # sigmoid(|x|)
    return np.where(x >= 0, s, slope / 4 / s), slope / 4, curve / 8


def softplus_jet(x):
    """[beyond the papers] softplus, sigmoid and sigmoid' at once."""
    q = np.exp(-np.abs(x))
    return np.maximum(x, 0) + np.log1p(q), np.where(x >= 0, 1, q) / (1 + q), q / (1 + q) ** 2


def smoolu_jet(x):
    """[Cooper 2018, Def. 3.2] smooLU, smooLU' and smooLU'' at once."""
    t = 1 / np.maximum(x, 1e-3)
    q = np.exp(-t)
    return np.maximum(x, 0) * q, q * (1 + t), q * t * t * t


TANH = Activation("tanh", np.tanh, dtanh, d2tanh, tanh_jet)
SIGMOID = Activation("sigmoid", sigmoid, dsigmoid, d2sigmoid, sigmoid_jet)
SOFTPLUS = Activation("softplus", softplus, sigmoid, dsigmoid, softplus_jet)
RELU = Activation("ReLU", relu, drelu, np.zeros_like)
LEAKY_RELU = Activation("leaky ReLU", leaky_relu, dleaky_relu, np.zeros_like)
SMOOLU = Activation("smooLU", smoolu, dsmoolu, d2smoolu, smoolu_jet)
RECTIFIED_TANH = Activation("rectified tanh", rectified_tanh, drectified_tanh, d2rectified_tanh)


# ---------------------------------------------------------------------------------------------------------------------
# Losses l(y, f) of a sample, with first and second derivatives in the output f
# ---------------------------------------------------------------------------------------------------------------------

class Loss(NamedTuple):
    """[Fukumizu 2019, Eq. 3] value(F, Y) -> (n,), d1 -> (n, M), d2 -> (n, M, M).

    A loss of logits should have the name logistic or softmax, by which minimize knows how exact l' can be.
    """
    name: str
    value: Callable
    d1: Callable
    d2: Callable


@checked
def square_value(F, Y):
    """[Fukumizu 2019, Sec. 2] l = |f - y|^2 / 2, (n,), with the 1/2; Cooper's loss is twice that.

    F, Y : (n, M) arrays
    """
    return ((F - Y) ** 2).sum(axis=1) / 2


@checked
def square_d1(F, Y):
    """[Fukumizu 2019, Sec. 2] l' = f - y, (n, M).

    F, Y : (n, M) arrays
    """
    return F - Y


@checked
def square_d2(F, Y):
    """[Fukumizu 2019, Sec. 2] l'' = I, (n, M, M).

    F, Y : (n, M) arrays
    """
    return np.ones_like(F)[:, :, None] * np.eye(F.shape[1])


@checked
def logistic_value(F, Y):
    """[Fukumizu 2019, Sec. 2] l = sum_m log(1 + exp(f_m)) - y_m f_m, (n,), f the logit.

    F : (n, M) array
    Y : (n, M) array, >= 0, <= 1

    With p = sigmoid(f) this is the paper's -y log p - (1 - y) log(1 - p). As log(1 + exp(-|f|)) + |f| (1 - y or y) it
    is a sum of terms >= 0: nothing cancels.
    """
    return (np.log1p(np.exp(-np.abs(F))) + np.abs(F) * np.where(F > 0, 1 - Y, Y)).sum(axis=1)


@checked
def logistic_d1(F, Y):
    """[Fukumizu 2019, Sec. 2] l' = sigmoid(f) - y, (n, M); for f > 0 as (1 - y) - sigmoid(-f), exact at y = 1.

    F : (n, M) array
    Y : (n, M) array, >= 0, <= 1
    """
    return np.where(F > 0, (1 - Y) - sigmoid(-F), sigmoid(F) - Y)


@checked
def logistic_d2(F, Y):
    """[Fukumizu 2019, Sec. 2] l'' = diag(sigmoid'(f)), (n, M, M).

    F, Y : (n, M) arrays
    """
    return dsigmoid(F)[:, :, None] * np.eye(F.shape[1])


def _softmax(F, Y):
    """[beyond the papers] -log p, p and y / sum y (n, M) for logits f; refused where targets are no probabilities."""
    total = Y.sum(axis=1, keepdims=True)
    if np.abs(total - 1).max() > 1e-9:
        raise ValueError(f"Y has rows that sum to {total.min():g} to {total.max():g}, each should sum to 1: else "
                         "l(f + c) is not l(f)")
    shifted = F - F.max(axis=1, keepdims=True)
    others = np.exp(np.sort(shifted, axis=1)[:, :-1]).sum(axis=1, keepdims=True)    # the largest is exp(0) = 1
    surprise = np.log1p(others) - shifted
    return surprise, np.exp(-surprise), Y / total                   # else what is left of 1 pulls where l is level


@checked
def softmax_value(F, Y):
    """[Bridle 1990] l = log sum_m exp(f_m) - y . f = -sum_m y_m log p_m, (n,), the cross-entropy of logits f.

    F : (n, M) array
    Y : (n, M) array, >= 0; rows of sum 1
    """
    surprise, _, y = _softmax(F, Y)
    return (y * surprise).sum(axis=1)


@checked
def softmax_d1(F, Y):
    """[Bridle 1990] l' = p - y, (n, M), where p_m > 1/2 as (1 - y_m) - sum_(k != m) p_k, which keeps digits at y_m = 1.

    F : (n, M) array
    Y : (n, M) array, >= 0; rows of sum 1
    """
    _, p, y = _softmax(F, Y)
    return np.where(p > 0.5, (1 - y) - p @ (1 - np.eye(len(p.T))), p - y)


@checked
def softmax_d2(F, Y):
    """[Bridle 1990] l'' = diag(p) - p p^T, (n, M, M), with p_m (1 - p_m) as p_m sum_(k != m) p_k.

    F : (n, M) array
    Y : (n, M) array, >= 0; rows of sum 1

    Singular everywhere: l'' 1 = 0, as 1 . l' = 0, so a common shift of the outputs' biases is a null direction, and
    with the outputs as the next layer Theorem 5's matrix F has 1^T F = 0: two classes are like one output.
    """
    p = _softmax(F, Y)[1]
    d2, m = -p[:, :, None] * p[:, None], np.arange(len(p.T))
    d2[:, m, m] = p * (p @ (1 - np.eye(len(m))))
    return d2


@checked
def power_loss(a):
    """[Cooper 2018, Remark 2.2 and Sec. 5] The Loss l = sum_m |f_m - y_m|^a, without the 1/2.

        l' = a |r|^(a-1) sign(r),   l'' = diag(a (a - 1) |r|^(a-2)),   r = f - y

    a : float, >= 1

    All of them have the same zero-loss set. On it, to rounding, a > 2 has the Hessian 0 and a < 2 none: d2 is
    refused. Named |r|^a. At r = 0 and a = 1, l' is 0, one of the subgradients.
    """
    @checked
    def value(F, Y):
        """[Cooper 2018, Sec. 5] l, (n,).

        F, Y : (n, M) arrays
        """
        return (np.abs(F - Y) ** a).sum(axis=1)

    @checked
    def d1(F, Y):
        """[Cooper 2018, Sec. 5] l', (n, M).

        F, Y : (n, M) arrays
        """
        return a * np.abs(F - Y) ** (a - 1) * np.sign(F - Y)

    @checked
    def d2(F, Y):
        """[Cooper 2018, Sec. 5] l'', (n, M, M).

        F, Y : (n, M) arrays
        """
        r, size, most = np.abs(F - Y), np.abs(Y), np.abs(Y).max(axis=0)
        # the f of a jet is some eps off the f of act.f: at an exact fit r would be that, and l'' a number
        if a < 2 and (r <= 32 * EPS * np.where(size > EPS * most, size, most)).any():
            raise ValueError(f"F equals Y to rounding in some place, it should not: |f - y|^{a:g} has no second "
                             "derivative there")
        return (a * (a - 1) * r ** (a - 2))[:, :, None] * np.eye(F.shape[1])

    return Loss(f"|r|^{a:g}", value, d1, d2)


SQUARE = Loss("square", square_value, square_d1, square_d2)
LOGISTIC = Loss("logistic", logistic_value, logistic_d1, logistic_d2)
SOFTMAX = Loss("softmax", softmax_value, softmax_d1, softmax_d2)


# ---------------------------------------------------------------------------------------------------------------------
# Weights: in, out, and as one vector
# ---------------------------------------------------------------------------------------------------------------------

@checked
def from_pairs(pairs):
    """[the project] Weights in our convention from the usual pairs (W, b) with z = W a + b: the column is -b.

    pairs : pairs; b is (n_k,), or None for a layer without bias
    """
    return [W.copy() if b is None else np.column_stack([W, -b]) for W, b in pairs]


@checked
def to_pairs(weights, D):
    """[the project] The usual pairs (W, b) with z = W a + b; b is None for a layer without bias.

    D : int, >= 1; the inputs, for nobody could tell otherwise whether layer 0 has a bias
    """
    inputs = [D] + [len(W) for W in weights[:-1]]
    if weights[0].shape[1] not in (D, D + 1):
        raise ValueError(f"weights[0] has {weights[0].shape[1]} columns, it should have D = {D}, or one more, a bias")
    return [(W[:, :m].copy(), -W[:, m] if W.shape[1] > m else None) for W, m in zip(weights, inputs)]


@checked
def random_weights(widths, *, bias=True, rng=None):
    """[the project] Gaussian weights of variance 1 / fan-in, the bias counted as an input.

    widths : (J + 1,) array, whole, >= 1; [D, H_1, ..., M]
    bias : (J,) array, whole, >= 0, <= 1, or True, or False
    """
    if len(widths) < 2:
        raise ValueError(f"widths is {widths}, it should be [D, H1, ..., M], two widths or more")
    rng = np.random.default_rng(rng)
    columns = np.add(widths[:-1], bias)
    return [rng.normal(size=(m, c)) / np.sqrt(c) for m, c in zip(widths[1:], columns)]


@checked
def flatten(weights):
    """[the project] theta: the matrices one after the other, each row by row, (P,)."""
    return np.concatenate([W.ravel() for W in weights])


@checked
def unflatten(theta, like):
    """[the project] The inverse of flatten: theta cut into matrices of the shapes of `like`, which lends nothing else.

    theta : (P,) array
    like : net
    """
    return [W.copy() for W in unstack(theta, like)]


def unstack(theta, like):
    """[the project] theta (..., P) as views (..., n_k, columns) of it: a stack of nets keeps its leading axes."""
    stops = np.cumsum([W.size for W in like])
    return [theta[..., stop - W.size:stop].reshape(theta.shape[:-1] + W.shape) for W, stop in zip(like, stops)]


# ---------------------------------------------------------------------------------------------------------------------
# Forward and back [Fukumizu 2019, supplement Eq. 15]
#
# For one sample the weight W_k[i, j] acts only through z_k[i], and linearly:
#
#     dl / dW_k[i, j] = delta_k[i] a~_(k-1)[j]                                                                     (i)
#
# z_(k-1)[j] acts only through a_(k-1)[j] = phi(z_(k-1)[j]), and that through every z_k[i]:
#
#     delta_(k-1)[j] = phi'(z_(k-1)[j]) sum_i W_k[i, j] delta_k[i]                                                (ii)
#
# j runs over units, not over the bias column, whose input is constant. (ii) starts at the linear last layer with
# delta_J = l'(y, f). Summed over samples (rows of delta_k and a~_(k-1)), (i) is one matrix product, delta_k^T a~_(k-1).
# Started at row m of the identity instead, (ii) gives df_m / dz_k; with (i) that is the Jacobian, with the columns of
# W_1 the derivative in x.
#
# The functions without a door take stacks too: matrices (B, n_k, columns), or delta with any axes before.
# ---------------------------------------------------------------------------------------------------------------------

def augment(W, a):
    """[Fukumizu 2019, Sec. 4] a~ (..., n, columns): (a, -1) if W has a bias column, else a."""
    padded = np.full(a.shape[:-1] + W.shape[-1:], -1.0)
    padded[..., :a.shape[-1]] = a
    return padded


def forward_pass(weights, X, act):
    """[Fukumizu 2019, supplement B] All a~_(k-1) and all z_k = W_k a~_(k-1), two lists; f is the last z."""
    inputs, z = [], []
    for k, W in enumerate(weights):
        inputs.append(augment(W, act.f(z[-1]) if k else X))
        z.append(inputs[-1] @ W.mT)                                             # (..., n, n_k)
    return inputs, z


def deltas(weights, z, delta, act):
    """[Fukumizu 2019, supplement Eq. 15] (ii): all delta_k, from delta_J = `delta` down, a list like z."""
    found = [delta]
    for W, u in zip(weights[:0:-1], z[-2::-1]):
        found.append(found[-1] @ W[..., :u.shape[-1]] * act.df(u))              # without the bias column
    return found[::-1]


def jacobian_pass(weights, inputs, z, act):
    """[Fukumizu 2019, supplement Eq. 15] (i) for every sample and output: J (..., n, M, P)."""
    M = z[-1].shape[-1]
    start = np.eye(M).reshape((M,) + (1,) * (z[-1].ndim - 1) + (M,))            # row m of the identity, for each sample
    found = deltas(weights, z, np.broadcast_to(start, (M,) + z[-1].shape), act)             # (M, ..., n, n_k)
    blocks = [delta[..., :, None] * a[..., None, :] for delta, a in zip(found, inputs)]     # (M, ..., n, n_k, columns)
    rows = [block.reshape(block.shape[:-2] + (W.shape[-2] * W.shape[-1],)) for block, W in zip(blocks, weights)]
    return np.moveaxis(np.concatenate(rows, axis=-1), 0, -2)


@checked
def forward(weights, X, act):
    """[Fukumizu 2019, Eq. 1] The outputs f = z_J, (n, M)."""
    return forward_pass(weights, X, act)[1][-1]


@checked
def training_loss(weights, X, Y, act, loss=SQUARE):
    """[Fukumizu 2019, Eq. 3] L = sum_nu l(y_nu, f(x_nu)), the sum and not the mean."""
    return float(loss.value(forward_pass(weights, X, act)[1][-1], Y).sum())


@checked
def gradient(weights, X, Y, act, loss=SQUARE):
    """[Fukumizu 2019, supplement Eq. 15] dL/dW_k = sum_nu delta_k a~_(k-1)^T, a list like weights."""
    inputs, z = forward_pass(weights, X, act)
    return [delta.T @ a for delta, a in zip(deltas(weights, z, loss.d1(z[-1], Y), act), inputs)]


@checked
def jacobian(weights, X, act):
    """[Fukumizu 2019, supplement Eq. 15] J[nu, m] = df_m(x_nu) / dtheta, (n, M, P), in the order of flatten."""
    return jacobian_pass(weights, *forward_pass(weights, X, act), act).copy()


def output_deltas(weights, z, act):
    """[Fukumizu 2019, supplement Eq. 15] df_m / dz_k for every sample and output, a list of (M, n, n_k)."""
    n, M = z[-1].shape
    return deltas(weights, z, np.broadcast_to(np.eye(M)[:, None], (M, n, M)), act)


@checked
def input_jacobian(weights, X, act):
    """[Dinh 2017, Sec. 5.2] df_m(x_nu) / dx = W_1^T df_m / dz_1, (n, M, D)."""
    _, z = forward_pass(weights, X, act)
    return np.moveaxis(output_deltas(weights, z, act)[0] @ weights[0][:, :X.shape[1]], 0, 1).copy()


# ---------------------------------------------------------------------------------------------------------------------
# A net that fits any data exactly [Cooper 2018, Lemma 3.3]
#
# All hidden units look in one direction a: unit j computes sigma(t - b_j) of t = a . x. With the data sorted by t, and
# b_j between t_(j-1) and t_j, unit j is off on the points before j and on from j on: A_ij = sigma(t_i - b_j) is lower
# triangular with a positive diagonal, and A m = y is solved top to bottom. sigma has to be rectified [Def. 3.1]: 0 for
# x <= 0 and strictly increasing for x > 0 (printed "monotonic"; a constant 0 is that too).
# ---------------------------------------------------------------------------------------------------------------------

@checked
def interpolate_as_printed(X, Y, act, a):
    """[Cooper 2018, Lemma 3.3] The net of the lemma's proof, word for word: [W1 (n, D + 1), W2 (M, n)].

        t_i = a . x_i, sorted;    b_i = (t_(i-1) + t_i) / 2,  t_0 = t_1 - 1;    A_ij = sigma(t_i - b_j);    A m = y

    Y : (n, M) array
    a : (D,) array

    Right in exact arithmetic. In float64 smooLU underflows where points are close, and ReLU loses digits with each
    point (test_the_literal_construction_fails_in_float64): refused where it misses; `interpolate` has the remedies.
    """
    _refuse_unless_rectified(act)
    order = np.argsort(X @ a)
    t = (X @ a)[order]
    before = np.append(t[0] - 1, t[:-1])                                        # t_(i-1)
    b = (before + t) / 2
    if not ((before < b) & (b < t)).all():
        raise ValueError("a has the same product with two rows of X to rounding, or one so large that t_1 - 1/2 rounds "
                         "to t_1; it should have distinct ones: they set the units")
    W = np.column_stack([np.tile(a, (len(X), 1)), b])
    A = act.f(forward_pass([W], X, act)[1][0])[order]                           # lower triangular, as forward has it
    return [W, _output_weights(A, Y[order], act)]


def _refuse_unless_rectified(act):
    """[Cooper 2018, Def. 3.1] sigma = 0 for x <= 0, strictly increasing for x > 0, else A may be singular.

    Tried on [1e-2, 10]: below, smooLU underflows to 0; above, rectified tanh saturates.
    """
    x = np.geomspace(1e-2, 10, 61)
    if act.f(np.append(-x, 0)).any() or not (np.diff(act.f(np.append(0, x))) > 0).all():
        raise ValueError(f"act is {act.name}, it should be rectified: 0 for x <= 0 and strictly increasing for x > 0, "
                         "as SMOOLU, RELU or RECTIFIED_TANH, else the equations for the output weights may be singular")


def _output_weights(A, Y, act):
    """[Cooper 2018, Lemma 3.3, Remark 4.2] m^T (M, n) with A m = Y; refused where rounding or underflow spoils it."""
    if np.triu(A, 1).any() or not np.diagonal(A).all():
        raise ValueError("X has rows so close to each other that float64 cannot tell their projections apart, or act "
                         f"({act.name}) underflows there")
    try:
        m = _triangular_solve(A, Y)
        miss = np.abs(A @ m - Y).max()
    except FloatingPointError:                                                  # entries of 1e-200 on the diagonal
        miss = np.inf
    if not miss <= 1e-6 * np.abs(Y).max():
        raise ValueError(f"X has rows so close to each other, or act ({act.name}) is so curved, that the exact fit "
                         f"would miss Y by {miss:.1e}")
    return m.T.copy()


def _triangular_solve(A, Y):
    """[beyond the papers] m (n, M) with A m = Y for lower triangular A, by halves: O(n^2) in BLAS, no loop over rows.

    Reversing rows and columns makes a small block upper triangular, where elimination finds nothing to do: NumPy's
    general solver then is plain substitution, with its small componentwise error.
    """
    if len(A) <= 64:
        return np.linalg.solve(A[::-1, ::-1], Y[::-1])[::-1]
    half = len(A) // 2
    top = _triangular_solve(A[:half, :half], Y[:half])
    return np.concatenate([top, _triangular_solve(A[half:, half:], Y[half:] - A[half:, :half] @ top)])


# ---------------------------------------------------------------------------------------------------------------------
# The same in float64, at any depth [Cooper 2018, Corollary 3.4]
#
# In float64 the choices that the proof leaves open decide everything. For sigma = ReLU the recursion is explicit: with
# gaps g_i = t_i - t_(i-1), b_i = t_(i-1) + knot g_i and the slope S_i = m_1 + ... + m_i after knot i,
#
#     S_i = d_i - knot/(1-knot) S_(i-1),  d_i = (y_i - y_(i-1)) / ((1-knot) g_i),  m_i = S_i - S_(i-1),  S_0 = y_0 = 0
#
# where t_0 is a free choice. Errors are passed on with the factor knot/(1-knot): the paper's 1/2
# passes them on undiminished, 0.1 divides them by 9 at each point (0 would let rounding switch unit i on at point
# i-1). What is left is eps times the growth max_i sum_j |A_ij m_j|, which depends on the direction: we take the best
# of a hundred. smooLU(s) is s - 1 + O(1/s) for large s and 0 below 1/745, so a is scaled up until the smallest gap is
# about 2^20, where smooLU is a shifted ReLU and a bounded sigma a step. In a deep net a bounded sigma must carry t
# through its rising part first, so the units that carry see a range of 1/4 and the last layer scales up.
# ---------------------------------------------------------------------------------------------------------------------

@checked
def interpolate(X, Y, act=SMOOLU, *, width=None, knot=0.1, rng=None):
    """[Cooper 2018, Lemma 3.3, Remark 4.2] [W1 (width, D + 1), W2 (M, width + 1)] with f(x_i) = y_i for all i.

        f(x) = sum_j m_j sigma(a . x - b_j),   A_ij = sigma(a . x_i - b_j),   A m = y

    Y : (n, M) array
    width : int, >= 1, or None; None: n, the least
    knot : float, > 0, <= 0.5; the place of each threshold between two neighbours, 1/2 in the paper

    rng draws the direction a. Spare units are zero: inactive units and inactive propagation at once [Fukumizu 2019,
    supplement Eq. 28]. The tied family of the lemma has 2n + D parameters, the net itself width (D + 2) + 1 for M = 1.
    """
    return interpolate_deep(X, Y, [len(X) if width is None else width], act, knot=knot, rng=rng)


@checked
def interpolate_deep(X, Y, widths, act=SMOOLU, *, knot=0.1, rng=None):
    """[Cooper 2018, Corollary 3.4, corrected] A deep net with f(x_i) = y_i for all i, T + 1 matrices with biases.

    Y : (n, M) array
    widths : (T,) array, whole, >= 1; of the hidden layers, the last at least n
    knot : float, > 0, <= 0.5

    The first unit of each layer but the last hidden one carries s = a . x - b_1 > 0 forward, and the last hidden layer
    is that of Lemma 3.3 for the scalar s as it arrives there. M outputs share it (the paper takes M copies of the net;
    one hidden layer is enough). Refused where float64 would miss a target by more than 1e-6 of the largest.

    Printed with a last hidden matrix of one entry 1 and zeros, which makes that layer's output of rank 2 at most; its
    first column must be ones on n rows, with thresholds from the propagated values
    (test_erratum_corollary_3_4_as_printed_has_rank_two_at_most).
    """
    _refuse_unless_rectified(act)
    (n, D), M = X.shape, Y.shape[1]
    if widths[-1] < n:
        raise ValueError(f"widths (or width) ends in {widths[-1]}, it should end in at least {n}, a unit for each row "
                         "of X")
    if len(np.unique(X, axis=0)) < n:
        raise ValueError("X has equal rows, they should be distinct, even where the targets agree: 0 is no regular "
                         "value then")
    a = _separating_direction(X, Y, knot, np.random.default_rng(rng))
    weights, t = [], np.sort(X @ a)
    if not np.diff(t).all():
        raise ValueError("X has rows too close for float64 to tell their a . x apart, they should be further apart")
    middle, far = act.f(np.array([2.0 ** 20, 2.0 ** 40]))
    carry = _scale(act, np.diff(t).min(initial=1.0)) if far > 1.5 * middle else 0.25        # a bounded sigma: 1/4
    for k, (n_in, size) in enumerate(zip([D, *widths], widths)):
        W = np.zeros((size, n_in + 1))
        W[0, :n_in] = np.eye(1, n_in) if k else a
        s = forward_pass(weights + [W], X, act)[1][-1][:, 0]                    # (n,), a . x or what arrives of it
        if k == 0 and len(widths) > 1:
            W[0] *= carry
            W[0, -1] = carry * (s.min() - 1)                                    # carry <= s: smooLU takes 1 off a layer
        weights.append(W)
    order = np.argsort(s)                                           # now W and s are those of the last hidden layer
    gap = np.diff(s[order]).min(initial=np.ptp(s) or 1.0)
    scale = _scale(act, gap) if gap > 0 else 1.0
    t = scale * s[order]
    t_0 = t[0] - ((t[-1] - t[0]) or 1.0)                            # one whole range before t_1, not out of proportion
    W[:n, :-1] = scale * W[0, :-1]
    W[:n, -1] = t - (1 - knot) * np.diff(t, prepend=t_0)            # b_i = t_(i-1) + knot (t_i - t_(i-1))
    A = act.f(forward_pass(weights, X, act)[1][-1])[order, :n]                  # sigma(s_i - b_j), as forward has it
    m = _output_weights(A, Y[order], act)                                       # M2 for M outputs (Remark 4.2)
    return weights + [np.hstack([m, np.zeros((M, widths[-1] + 1 - n))])]


def _scale(act, gap):
    """[beyond the papers] The factor for a . x with range 1 and smallest gap `gap` before a layer of thresholds.

    A power of two, so that no digit is lost: the smallest gap becomes about 2^20 if act is like x there (ReLU, smooLU)
    or has reached its bound (a threshold unit is a step); else the range is 2^-10, where a slope at 0 is like ReLU.
    """
    middle, far = act.f(np.array([2.0 ** 20, 2.0 ** 40]))
    large = far <= 1.5 * middle or 0.5 <= far / (2.0 ** 20 * middle) <= 2
    return 2.0 ** np.round(20 - np.log2(gap)) if large else 2.0 ** -10


def _separating_direction(X, Y, knot, rng):
    """[Cooper 2018, Lemma 3.3] a (D,) with all a . x_i distinct, of least growth among a hundred, range 0.7 to 1.5."""
    spread = np.ptp(X, axis=0)
    directions = rng.normal(size=(X.shape[1], 100)) / np.where(spread > 0, spread, np.inf)[:, None]
    t = (X @ directions).T                                                      # (100, n)
    order = np.argsort(t, axis=1)
    t = np.take_along_axis(t, order, axis=1)
    t -= t[:, :1]
    apart = np.flatnonzero((np.diff(t, axis=1) > 0).all(axis=1))
    if len(apart) == 0:
        raise ValueError("X has rows too close to each other for an exact fit in float64")
    t, best = t[apart], 0
    if len(X) > 1:
        best = np.argmin(_growth(t, Y[order[apart]], knot))
    return directions[:, apart[best]] * 2.0 ** -np.round(np.log2(t[best, -1] or 1.0))          # no digit is lost


def _growth(t, Y, knot):
    """[beyond the papers] max_i sum_j |A_ij m_j| of the ReLU recursion above, for R directions at once, (R,).

    t (R, n) sorted along the last axis, Y (R, n, M) in the same order; in units of Y: the residual of the exact fit
    will be about 0.1 to 1 times eps times this.
    """
    gaps = np.diff(t, axis=1, prepend=2 * t[:, :1] - t[:, -1:])
    b = t - (1 - knot) * gaps
    S = np.diff(Y, axis=1, prepend=0) / ((1 - knot) * gaps)[:, :, None]         # d_i, (R, n, M)
    for i in range(1, t.shape[1]):
        S[:, i] -= knot / (1 - knot) * S[:, i - 1]
    m = np.abs(np.diff(S, axis=1, prepend=0))
    sums = t[:, :, None] * np.cumsum(m, axis=1) - np.cumsum(b[:, :, None] * m, axis=1)      # sum_j (t_i - b_j) |m_j|
    return np.abs(sums).max(axis=(1, 2))


# ---------------------------------------------------------------------------------------------------------------------
# Descent to zero loss
# ---------------------------------------------------------------------------------------------------------------------

class Fit(NamedTuple):
    """[the project] Result of a fit: converged tells whether `weights` is a stationary point up to rounding."""
    weights: list
    loss: float
    iterations: int
    converged: bool


@checked
def fit(weights, X, Y, act, *, iterations=300):
    """[beyond the papers] Levenberg-Marquardt for the square loss: Fit, at the rounding floor if the net interpolates.

    iterations : int, >= 0
    """
    return fit_many([weights], X, Y, act, iterations=iterations)[0]


@checked
def fit_many(starts, X, Y, act, *, iterations=300):
    """[beyond the papers] Levenberg-Marquardt for the square loss from many starts in one batch: a list of Fit.

    With r and J of all samples and outputs stacked, a damped step moves theta to theta - J^T (J J^T + mu I)^-1 r, mu
    being the damping times the largest diagonal entry. The damping is divided by 10 after a step that lowers the loss
    |r|^2 / 2 and multiplied by 4 after one that does not; a damping of 1e8 ends it. Where the loss no longer resolves
    the change, its mean slope along the step does, (J^T r + J_new^T r_new) . step / 2. Up to a dozen undamped steps of
    minimum norm, theta - J^+ r, then take the nets that nearly interpolate to the rounding floor.

    starts : nets; of one shape. The columns of X should be of like size, as a step treats all weights alike
    Y : (n, M) array
    iterations : int, >= 0; the most damped steps

    The loss is the attained one. converged: every residual is at its rounding level, or the gradient J^T r is (within
    |J|^T times that level and 1e-12 |r|), as at a minimum above zero. Where the net is not linear in its weights such a
    minimum is approached slowly here; hessian.minimize is made for it.
    """
    like = starts[0]
    theta = np.stack([np.concatenate([W.ravel() for W in weights]) for weights in starts], dtype=float)     # (B, P)
    r, J = _residual_and_jacobian(theta, like, X, Y, act)                       # (B, n M), (B, n M, P)
    damping, count = np.full(len(theta), 1e-3), np.zeros(len(theta), int)
    with np.errstate(over="ignore", invalid="ignore"):              # a step that overflows is not taken, others go on
        active = np.flatnonzero(~_settled(theta, r, J, like, X, Y, act))
        for _ in range(iterations):
            if len(active) == 0:
                break
            step = -_damped_step(r[active], J[active], damping[active])
            r_new, J_new = _residual_and_jacobian(theta[active] + step, like, X, Y, act)
            L, L_new = (r[active] ** 2).sum(axis=1) / 2, (r_new ** 2).sum(axis=1) / 2
            slope, slope_new = ((a[:, None] @ A @ step[:, :, None]).ravel()        # r^T J step, of L along the step
                                for a, A in ((r[active], J[active]), (r_new, J_new)))
            better = np.where(np.abs(slope) > 1e-9 * L, L_new < L, slope + slope_new < 0)
            count[active] += 1
            damping[active] = np.where(better, np.maximum(damping[active] / 10, 1e-14), damping[active] * 4)
            moved = active[better]
            theta[moved], r[moved], J[moved] = theta[moved] + step[better], r_new[better], J_new[better]
            active = active[(damping[active] < 1e8) & ~_stationary(r[active], J[active], 1e-12 * np.abs(r[active]))]
        terms = rounding_pass(unstack(theta, like), X, act, Y).reshape(r.shape) / (4 * EPS)        # sums of |terms|
        near = np.flatnonzero((np.abs(r) <= 1e-6 * terms).all(axis=1))
        for _ in range(12):
            if len(near) == 0:
                break
            before = ((r[near] / terms[near]) ** 2).sum(axis=1)                 # in units of the rounding
            trial = theta[near] - (np.linalg.pinv(J[near], rcond=1e-13) @ r[near, :, None])[..., 0]
            r_new, J_new = _residual_and_jacobian(trial, like, X, Y, act)
            after = ((r_new / terms[near]) ** 2).sum(axis=1)
            better = after < before
            moved = near[better]
            theta[moved], r[moved], J[moved] = trial[better], r_new[better], J_new[better]
            count[moved] += 1
            near = near[after < before / 2]
        done = _settled(theta, r, J, like, X, Y, act)
    return [Fit([W.copy() for W in unstack(t, like)], float((ri ** 2).sum() / 2), int(c), bool(d))
            for t, ri, c, d in zip(theta, r, count, done)]


def _damped_step(r, J, damping):
    """[beyond the papers] The Levenberg-Marquardt step (B, P) for each net of a stack, in whichever form is smaller.

        J^T (J J^T + mu I)^-1 r  if nM <= P,  else  (J^T J + mu I)^-1 J^T r

    mu is the damping (B,) times the largest diagonal entry of the matrix it is added to.
    """
    dual = J.shape[1] <= J.shape[2]
    gram, rhs = (J @ J.mT, r[..., None]) if dual else (J.mT @ J, J.mT @ r[..., None])
    diagonal = np.einsum("bii->bi", gram)                                       # a view: the damping is added in place
    diagonal += (damping * (diagonal.max(axis=1) + np.finfo(float).tiny))[:, None]      # regular where J J^T underflows
    step = np.linalg.solve(gram, rhs)
    return (J.mT @ step if dual else step)[..., 0]


def _residual_and_jacobian(theta, like, X, Y, act):
    """[Cooper 2018, Thm 2.1] r = f - y (B, n M) and J = dr / dtheta (B, n M, P) for a stack theta (B, P) of nets."""
    weights = unstack(theta, like)
    inputs, z = forward_pass(weights, X, act)
    J = jacobian_pass(weights, inputs, z, act)                                  # (B, n, M, P)
    return (z[-1] - Y).reshape(len(theta), Y.size), J.reshape(len(theta), Y.size, theta.shape[1])


def rounding_pass(weights, X, act, Y=None):
    """[beyond the papers] About how far rounding alone can move each output, (..., n, M): 4 eps times sums of |terms|.

        e_1 = 4 eps |x~| |W_1|^T,   e_k = (|phi'(z_(k-1))| e_(k-1)) |W_k|^T + 4 eps |a~_(k-1)| |W_k|^T

    with W_k without its bias column in the first term. A sum of m products is off by at most m eps times the sum of
    their sizes, and typically by sqrt(m) eps: 4 covers the layers met here. No residual can be asked to be smaller,
    nor, given Y, smaller than 4 eps |y| (|y| up to 1: own losses can have y far from f). But y = 0, to rounding, is no
    scale, as an f of one weight is below 4 eps |f| at 0 alone: there it is the largest |y| of the output, or of all.
    """
    inputs, z = forward_pass(weights, X, act)
    level = np.zeros_like(X)                                                    # a_0 = x is exact
    for k, W in enumerate(weights):
        level = level @ np.abs(W[..., :level.shape[-1]]).mT + 4 * EPS * np.abs(inputs[k]) @ np.abs(W).mT        # of z_k
        if k < len(weights) - 1:
            level = np.abs(act.df(z[k])) * level                                # of a_k
    if Y is not None:
        size = np.abs(Y)
        most = np.where(Y.any(axis=0), size.max(axis=0), size.max())
        scale = np.where(size > EPS * most, size, most)
        level = np.maximum(level, 4 * EPS * np.minimum(scale, 1) + 1e-150)      # 1e-300 is 0
    return level


def _settled(theta, r, J, like, X, Y, act):
    """[beyond the papers] Which nets of a stack are done, (B,): r is at its rounding level, or J^T r is."""
    floor = rounding_pass(unstack(theta, like), X, act, Y).reshape(r.shape)
    exact = 1e-24 * np.abs(r).max(axis=1, keepdims=True)            # of an output beside one that is not fitted
    level = 1e-12 * np.abs(r) + np.maximum(floor, exact)
    return (np.abs(r) <= floor).all(axis=1) | _stationary(r, J, level)


def _stationary(r, J, level):
    """[beyond the papers] Whether |J^T r| is at most |J|^T level, the rounding of r, parameter by parameter, (B,)."""
    g = (r[:, None] @ J)[:, 0]                                                  # (B, P)
    return (np.abs(g) <= (level[:, None] @ np.abs(J))[:, 0]).all(axis=1)


# ---------------------------------------------------------------------------------------------------------------------
# The zero-loss set [Cooper 2018, Section 2]
#
#     Z = {theta : r(theta) = 0},   r (N,): N equations in P unknowns; for a net samples and outputs stacked, N = nM
#
# Let P > N and r be smooth. Where J = dr / dtheta (N, P) has rank N, the implicit function theorem makes Z a smooth
# manifold of dimension P - N whose tangent space is the kernel of J (Theorem 2.1). The Hessian of |r|^2 / 2,
# J^T J + sum_i r_i hess r_i, is J^T J on Z, with N positive and P - N zero eigenvalues where the rank is N (Proposition
# 2.3). For ReLU all of this holds off the kinks. Z is reached from nearby by Gauss-Newton steps of minimum norm,
# theta - J^+ r: each is the shortest one that solves r + J d = 0, so near Z the way is orthogonal to it.
#
# Nothing of this needs a layered net: `project_to_zero` and `walk_zero` take any residual and its Jacobian.
# ---------------------------------------------------------------------------------------------------------------------

@checked
def jacobian_rank(weights, X, act):
    """[Cooper 2018, Thm 2.1] The rank of J, read as an (nM, P) matrix, an int.

    nM at theta in Z means, for a smooth activation, that Z is a manifold of dimension P - nM around theta. Singular
    values count as zero below max(nM, P) eps s_1, NumPy's rule.
    """
    J = jacobian(weights, X, act)
    return int(np.linalg.matrix_rank(J.reshape(-1, J.shape[2])))


@checked
def tangent_basis(weights, X, act):
    """[Cooper 2018, Sec. 5] An orthonormal basis of the kernel of J, (P, P - rank): the tangent space of Z at rank nM.

    The right singular vectors of J for singular values below max(nM, P) eps s_1.
    """
    J = jacobian(weights, X, act)
    J = J.reshape(-1, J.shape[2])
    _, s, Vt = np.linalg.svd(J)                                                 # Vt (P, P), all of it
    return Vt[np.sum(s > max(J.shape) * EPS * s[0]):].T.copy()


@checked
def perturb_labels(Y, epsilon, *, rng=None):
    """[Cooper 2018, Thm 2.1] New targets y~ = y + r, |r| < epsilon, (n, M): 0 is a regular value (almost surely).

    epsilon : float, > 0; at least 1000 times the rounding of Y

    By Sard's theorem (for a smooth activation) the values of f - y at which some preimage has a Jacobian of deficient
    rank have measure zero. So r, drawn from the ball of radius epsilon in R^(nM), is a regular value with probability
    one, and {f = y~} is empty or a manifold of dimension P - nM. (r is the paper's letter; elsewhere it is f - y.)
    """
    if epsilon < 1e3 * EPS * np.abs(Y).max() * np.sqrt(Y.size):
        raise ValueError(f"epsilon is {epsilon:g}, it should be 1000 times the rounding of Y at least, else Y + r is "
                         "another r")
    rng = np.random.default_rng(rng)
    r = rng.normal(size=Y.shape)
    radius = epsilon * rng.random() ** (1 / Y.size)                             # uniform in the ball
    return Y + r * (radius / np.linalg.norm(r))


@checked
def project_to_zero(residual, jacobian, theta, *, level=None):
    """[beyond the papers] theta <- theta - J^+ r, halved where |r| does not fall, until r stays at its rounding: (P,).

    residual : function; theta -> r (N,)
    jacobian : function; theta -> J (N, P)
    theta : (P,) array
    level : function, or None; theta -> the rounding of r (N,); None: 100 eps sum_j |J_ij| max |theta|, for
        theta of like size and blind to constants in r
    """
    theta = theta.copy()                                            # which residual may change
    r = residual(theta)
    shapes = [getattr(part, "shape", None) for part in (r, jacobian(theta))]
    if None in shapes or len(shapes[0]) != 1 or shapes[1] != (*shapes[0], len(theta)):
        raise ValueError(f"residual and jacobian return shapes {shapes[0]} and {shapes[1]}, they should return arrays "
                         f"(N,) and (N, P) with P = {len(theta)}")
    level = level or (lambda theta: 100 * EPS * np.abs(jacobian(theta)).sum(axis=1) * np.abs(theta).max() + 1e-150)
    for _ in range(100):
        before = r @ r
        step = np.linalg.lstsq(jacobian(theta), r, rcond=None)[0]               # J^+ r
        trials = (theta - 0.5 ** halvings * step for halvings in range(12))
        with np.errstate(over="ignore", invalid="ignore"):                      # a step that overflows is not taken
            better = next((trial for trial in trials if (residual(trial) ** 2).sum() < before), None)
        if better is None:
            break                                                               # the floor, or stuck
        theta, r = better, residual(better)
        if (np.abs(r) <= level(theta)).all() and r @ r > before / 2:
            break
    if not (np.abs(r) <= level(theta)).all():
        worst = np.argmax(np.abs(r) - level(theta))
        raise ValueError(f"theta does not lead to zero loss: a residual stays at {np.abs(r[worst]):.1e}, rounding is "
                         f"{level(theta)[worst]:.1e}; it should start nearer, or where the Jacobian has full rank")
    return theta


@checked
def walk_zero(residual, jacobian, theta, *, steps, length, rng=None, level=None):
    """[beyond the papers] A random walk on Z: a tangent step, back to Z, and again, (steps + 1, P) with both ends.

        d = (I - J^+ J) N(0, I) scaled to |d| = length,   theta <- project_to_zero(theta + d), or by another d

    residual, jacobian : function
    theta : (P,) array
    steps : int, >= 0
    length : float, > 0
    level : function, or None
    """
    rng = np.random.default_rng(rng)
    path = [project_to_zero(residual, jacobian, theta, level=level)]
    for _ in range(steps):
        J = jacobian(path[-1])
        if np.linalg.matrix_rank(J, rtol=1e-12) == J.shape[1]:      # with room for the rounding of J
            raise ValueError("theta is an isolated point of the zero-loss set: the kernel of the Jacobian is {0}")
        for attempt in range(10):                                   # another direction, where one leads too far off Z
            d = _tangent_part(J, rng.normal(size=J.shape[1]))
            trial = path[-1] + d * (length / np.linalg.norm(d))
            try:
                path.append(project_to_zero(residual, jacobian, trial, level=level))
                break
            except ValueError:
                if attempt == 9:
                    raise ValueError(f"length is {length}, it should be shorter: from step {len(path)} on, "
                                     "ten tangent steps of that length could not be projected back") from None
    return np.stack(path)


def _tangent_part(J, d):
    """[Cooper 2018, Sec. 5] (I - J^+ J) d, the part of d in the kernel of J, (P,)."""
    return d - np.linalg.lstsq(J, J @ d, rcond=None)[0]


def _zero_loss_functions(like, X, Y, act):
    """[Cooper 2018, Thm 2.1] residual, jacobian and level as functions of one theta, for the nets like `like`."""
    def residual(theta):
        return (forward_pass(unstack(theta, like), X, act)[1][-1] - Y).ravel()

    def jacobian(theta):
        net = unstack(theta, like)
        return jacobian_pass(net, *forward_pass(net, X, act), act).reshape(Y.size, -1)

    def level(theta):
        return rounding_pass(unstack(theta, like), X, act, Y).ravel()

    return {"residual": residual, "jacobian": jacobian, "level": level}


@checked
def project_to_zero_loss(weights, X, Y, act):
    """[beyond the papers] project_to_zero for a net: a list like weights, with every residual at its rounding level."""
    theta = project_to_zero(theta=flatten(weights), **_zero_loss_functions(weights, X, Y, act))
    return unflatten(theta, weights)


@checked
def walk_zero_loss(weights, X, Y, act, *, steps, length, rng=None):
    """[beyond the papers] walk_zero for a net: a list of steps + 1 weights, the first is the start, projected.

    steps : int, >= 0
    length : float, > 0; the norm of each tangent step, in units of theta
    """
    path = walk_zero(theta=flatten(weights), steps=steps, length=length, rng=rng,
                     **_zero_loss_functions(weights, X, Y, act))
    return [unflatten(theta, weights) for theta in path]


# ---------------------------------------------------------------------------------------------------------------------
# Where noise leads on the zero-loss set [Blanc et al. 2020; Li, Wang and Arora 2022]
#
# With fresh noise on the labels SGD drifts along Z to a smaller T = tr J^T J, there the trace of the Hessian of the
# square loss. By (i), with delta^m_k = df_m / dz_k,
#
#     T = sum_(nu, m) |df_m(x_nu) / dtheta|^2 = sum_(nu, m, k) |delta^m_k|^2 |a~_(k-1)|^2
#
# Its gradient by hand, for one sample and one m, to be summed over both at the end. (ii) runs down, so
# what T owes to delta_k, p_k = dT / d delta_k, runs up: delta_k acts by its own term, and through
# delta_(k-1) = phi'(z_(k-1)) W_k^T delta_k,
#
#     p_k = 2 |a~_(k-1)|^2 delta_k + W_k q_(k-1),    q_k = phi'(z_k) p_k,    q_0 = 0                                (T1)
#
# z_(k-1) acts through that phi' and through a_(k-1) = phi(z_(k-1)), which has a term of its own and feeds z_k. So with
# e_k = dT / dz_k, from e_J = 0 down,
#
#     e_(k-1) = phi''(z_(k-1)) (W_k^T delta_k) p_(k-1) + phi'(z_(k-1)) (2 |delta_k|^2 a_(k-1) + W_k^T e_k)          (T2)
#
# and W_k acts through z_k and, without its bias column, through (ii): dT / dW_k = e_k a~_(k-1)^T + delta_k q_(k-1)^T.
# ---------------------------------------------------------------------------------------------------------------------

@checked
def trace_gradient(weights, X, act):
    """[beyond the papers] The gradient of T = sum_(nu, m) |df_m(x_nu) / dtheta|^2, a list like weights.

    At a kink of ReLU T jumps, which this does not see.
    """
    inputs, z = forward_pass(weights, X, act)
    delta, last = output_deltas(weights, z, act), len(weights) - 1              # (M, n, n_k) each
    p, q = [], [np.zeros(delta[0].shape[:2] + (0,))]
    for k, (W, a) in enumerate(zip(weights, inputs)):                           # (T1)
        p.append(2 * (a ** 2).sum(axis=1)[:, None] * delta[k] + q[k] @ W[:, :q[k].shape[2]].T)
        q.append(act.df(z[k]) * p[k] if k < last else None)
    e, found = np.zeros_like(z[-1]), []                                         # (n, n_k)
    for k in range(last, -1, -1):                                               # (T2)
        units = q[k].shape[2]
        W, a, grad = weights[k][:, :units], inputs[k][:, :units], e.T @ inputs[k]
        grad[:, :units] += np.einsum("mni,mnj->ij", delta[k], q[k])
        found.insert(0, grad)
        if k:
            own = 2 * (delta[k] ** 2).sum(axis=(0, 2))[:, None] * a
            e = (act.d2f(z[k - 1]) * (delta[k] @ W) * p[k - 1]).sum(axis=0) + act.df(z[k - 1]) * (own + e @ W)
    return found


@checked
def descend_zero_loss(weights, X, Y, act, *, steps, length):
    """[Li, Wang and Arora 2022] Along Z to smaller T = tr J^T J: the start, projected, then nets of ever smaller T.

        theta <- project_to_zero(theta - s (I - J^+ J) grad T),   |step| <= length, halved until T falls

    steps : int, >= 0
    length : float, > 0; in units of theta

    Needs rank J = nM on the way. The projected step lowers T to first order, and the way back keeps that for short
    ones; it ends early where none does. As a rule the net gets more level at the data; it need not get simple between.
    For ReLU T jumps where a unit switches at a sample; there it stops.
    """
    functions, size = _zero_loss_functions(weights, X, Y, act), length
    path = [project_to_zero(theta=flatten(weights), **functions)]
    for _ in range(steps):
        J, g = functions["jacobian"](path[-1]), flatten(trace_gradient(unstack(path[-1], weights), X, act))
        d, T = _tangent_part(J, -g), (J ** 2).sum()
        if np.linalg.norm(d) <= 1e-12 * np.linalg.norm(g) or np.linalg.matrix_rank(J, rtol=1e-12) == J.shape[1]:
            break                                                               # T is stationary along Z, or Z a point
        size = min(2 * size, length)
        while size > 1e-9 * length:
            try:
                trial = project_to_zero(theta=path[-1] + d * (size / np.linalg.norm(d)), **functions)
                if (functions["jacobian"](trial) ** 2).sum() < T:
                    path.append(trial)
                    break
            except ValueError:                                                  # so far that it does not come back
                pass
            size /= 2
        else:                                                                   # no step lowers T
            break
    return [unflatten(theta, weights) for theta in path]


# ---------------------------------------------------------------------------------------------------------------------
# Nets on a directed acyclic graph with tied parameters [Cooper 2018, Section 3]
#
# Nodes 0..D-1 are the inputs; node -1 is the constant -1, whose edges are the biases; every other node v has
#
#     z_v = sum_(u -> v) p_(pi(u -> v)) o_u,    o_v = sigma(z_v),    but o_v = z_v where no edge leaves v: an output
#
# with pi the label of the edge: edges of one label share one parameter. Cooper's bias +p_pi(v) of a node is here the
# edge -1 -> v, with the opposite sign. Nodes are numbered along the edges, u < v. Those of one depth (the longest path
# from an input) do not feed each other, so they are computed together, as a layer. Back: with d_v = df_m / dz_v, which
# is 1 at output m,
#
#     d_u = sigma'(z_u) sum_(u -> v) p_(pi(u -> v)) d_v,    df_m / dp_k = sum_(u -> v with label k) d_v o_u
# ---------------------------------------------------------------------------------------------------------------------

class _Graph(NamedTuple):
    """[Cooper 2018, Sec. 3] Edges as arrays, W (nodes + 1, nodes + 1), nodes by depth, outputs (no edge leaves)."""
    source: np.ndarray
    target: np.ndarray
    label: np.ndarray
    W: np.ndarray
    levels: list
    outputs: np.ndarray


def _graph(edges, params, D):
    """[Cooper 2018, Sec. 3] W[v, u] = the sum of the parameters on the edges u -> v, last column node -1; a _Graph."""
    source, target, label = edges.T
    for edge in edges[(source >= target) | (target < D)]:
        raise ValueError(f"edges holds {tuple(map(int, edge))}; its source should be -1 (bias) or a node below its "
                         f"target, and its target a node from {D} on: 0 to {D - 1} are the inputs")
    nodes = np.unique(target)
    if label.min() < 0 or label.max() >= len(params):
        raise ValueError(f"edges has labels from {label.min()} to {label.max()}, they should lie in "
                         f"0..{len(params) - 1}, the places of params")
    if len(gaps := np.flatnonzero(nodes != D + np.arange(len(nodes)))):
        raise ValueError(f"edges has none into node {D + gaps[0]}; nodes should be numbered without gaps, and X have "
                         f"as many columns as there are inputs, not {D}")
    depth = np.zeros(target.max() + 2, int)                                     # the last entry is node -1
    for u, v in sorted(zip(source, target), key=lambda edge: edge[1]):
        depth[v] = max(depth[v], depth[u] + 1)
    W = np.zeros((len(depth),) * 2)
    np.add.at(W, (target, source), params[label])
    levels = [nodes[depth[nodes] == k] for k in range(1, depth.max() + 1)]
    return _Graph(source, target, label, W, levels, np.setdiff1d(nodes, source))


def _graph_pass(graph, X, act):
    """[Cooper 2018, Sec. 3, corrected] z_v and, but of outputs, o_v, depth by depth, (n, nodes + 1), node -1 last."""
    z = np.zeros((len(X), len(graph.W)))
    o = z.copy()
    o[:, :X.shape[1]], o[:, -1] = X, -1.0
    for level in graph.levels:
        z[:, level] = o @ graph.W[level].T
        inner = np.setdiff1d(level, graph.outputs)
        o[:, inner] = act.f(z[:, inner])
    return z, o


@checked
def dag_forward(edges, params, X, act):
    """[Cooper 2018, Sec. 3, corrected] Outputs (n, M) of a net on a directed acyclic graph with tied parameters.

    edges : (E, 3) array, whole, >= -1; rows (source, target, label): node numbers, the place of the edge's parameter
    params : (P,) array; edges of one label share one

    Nodes 0..D-1 are the inputs, -1 is the constant -1 (edges from it are biases), the others are numbered so that
    source < target. Nodes that no edge leaves are the outputs, linear, in ascending order.

    Printed with sigma inside the sum over edges: then the inputs of a unit are never added before sigma acts, unlike in
    Lemma 3.3 (test_erratum_cooper_activation_belongs_outside_the_sum).
    """
    graph = _graph(edges, params, X.shape[1])
    return _graph_pass(graph, X, act)[0][:, graph.outputs]


@checked
def dag_jacobian(edges, params, X, act):
    """[beyond the papers] df_m(x_nu) / dp_k on a graph, (n, M, P): back-propagation, summed over edges of one label.

    edges : (E, 3) array, whole, >= -1; as in dag_forward
    params : (P,) array
    """
    graph = _graph(edges, params, X.shape[1])
    z, o = _graph_pass(graph, X, act)
    d = np.zeros((len(X), len(graph.outputs), len(graph.W)))                    # (n, M, nodes + 1)
    d[:, np.arange(len(graph.outputs)), graph.outputs] = 1.0                    # outputs are linear
    for level in reversed(graph.levels):
        inner = np.setdiff1d(level, graph.outputs)
        d[:, :, inner] = (d @ graph.W[:, inner]) * act.df(z[:, None, inner])
    per_edge = d[:, :, graph.target] * o[:, None, graph.source]                 # (n, M, E)
    return per_edge @ np.eye(len(params))[graph.label]                          # edges of one label added up

# ---------------------------------------------------------------------------------------------------------------------
# The door: nothing below is mathematics
#
# A line `name : contract` or `name, name : contract; prose` in the docstring of a function behind @checked:
#
#     W : (E, D') array, may be empty     axes: letters (equal letters are equal sizes in one call), E + 1, E D' (a
#     H : (d, d) array, symmetric         product), whole numbers, "..." first for any axes before, "..." alone for any
#     beta : (E + 1,) array, > 0, or None            whole: comes as integers
#     box : (p,) array, >= 0, or True, or None       True and False are taken only where they are named
#     count : int, >= 1                   or float, net, nets, pairs, hidden layer, layer, unit, activation, loss,
#                                         function, seed, anything: see KINDS; CONDITIONS
#     returns : may be infinite           of the result, which is else refused where a number in it is not finite
#
# Letters that a net tells: J matrices, P weights, M outputs; with its layer D' and M', the columns of the layer's
# matrix and the rows of the next one. X tells n and D. What cannot be read is a TypeError at the first call.
# ---------------------------------------------------------------------------------------------------------------------

STANDARD = {"weights": "net", "X": "(n, D) array", "Y": "(n, M) array", "act": "activation", "loss": "loss",
            "layer": "hidden layer", "unit": "unit", "rng": "seed, or None"}
LETTER = r"[A-Za-z]\w*'?"
AXIS = re.compile(rf"(?:({LETTER}) )?({LETTER})(?: ([+-] \d+))?|(\d+)|(\.\.\.)")
# Apple's BLAS sets these flags in products of ordinary numbers: there the result alone tells
FLAGS = "ignore" if sys.platform == "darwin" else "raise"


@cache
def read_contract(function):
    """[the project] {argument: (kind, axes, conditions)} from the docstring; a TypeError where it is unreadable."""
    where, parameters = function.__qualname__, inspect.signature(function).parameters
    if not function.__doc__:
        raise TypeError(f"{where} has no docstring to read its contract from (python -OO takes them away)")
    lines, contract = STANDARD | {}, {}
    for names, text in re.findall(r"^ *(\w+(?:, \w+)*) : ([^;\n]+)", function.__doc__, re.M):
        lines |= dict.fromkeys(names.split(", "), text.strip())
        if not set(names.split(", ")) <= {*parameters, "returns"}:
            raise TypeError(f"{where} has no argument {names!r}, of which its docstring tells")
    if lines.pop("returns", "may be infinite") != "may be infinite":
        raise TypeError(f"{where}: of what it returns a docstring can say 'may be infinite' alone")
    for name, parameter in parameters.items():
        if name not in lines:
            raise TypeError(f"{where} has an argument {name}, its docstring should have a line `{name} : ...`")
        array = re.match(r"\((.+?),?\) arrays?(?:, |$)", lines[name])
        kind, rest = ("array", lines[name][array.end():]) if array else (lines[name] + ", ").split(", ", 1)
        axes = [AXIS.fullmatch(axis.strip()) for axis in array[1].split(",")] if array else []
        conditions = [c for c in rest.split(", ") if c]
        for c in conditions:
            if c not in CONDITIONS and c not in SINGLE and not re.fullmatch(r"(>|>=|<|<=) -?[\d.e-]+", c):
                raise TypeError(f"{where}: {name} : {lines[name]!r} has the condition {c!r}, it should be a comparison "
                                f"or one of {', '.join([*CONDITIONS, *SINGLE])}")
        if not array and kind not in KINDS or None in axes:
            raise TypeError(f"{where}: {name} : {lines[name]!r} should be '(axes) array' or one of {', '.join(KINDS)}")
        if ("or None" in conditions) != (parameter.default is None):
            raise TypeError(f"{where}: {name} should say 'or None' if and only if its default is None")
        contract[name] = kind, [a.groups() for a in axes], conditions
    order = {"net": 1, "nets": 1, "hidden layer": 2, "layer": 2, "unit": 3}     # what tells sizes first, X before all
    return dict(sorted(contract.items(), key=lambda item: 0 if item[0] == "X" else order.get(item[1][0], 4)))


class Told:
    """What is known of one call: letter -> (size, who told), the net and its layer."""
    def __init__(self):
        self.sizes, self.net, self.layer = {}, None, None


def check_arguments(function, values):
    """The arguments of one call as its contract wants them, or a ValueError that names the first that is not."""
    told, good = Told(), {}
    try:
        with np.errstate(over="ignore", invalid="ignore"):          # of numbers that are refused for it
            for name, (kind, axes, conditions) in read_contract(function).items():
                good[name] = check_argument(name, values[name], kind, axes, conditions, told)
    except ValueError as error:
        raise ValueError(f"{function.__name__}: {error}") from None
    return good


def check_argument(name, value, kind, axes, conditions, told):
    """One argument as its contract wants it."""
    for word, single in SINGLE.items():
        if word in conditions and value is single:
            return value
    if kind != "array" and "may be empty" in conditions and isinstance(value, (list, tuple)) and not value:
        return []
    value = KINDS[kind](name, value, told) if kind != "array" else check_array(name, value, axes, conditions, told)
    for condition in conditions:
        if condition in SINGLE:
            continue
        if condition in CONDITIONS:
            fault = CONDITIONS[condition](value)
        else:
            word, bound = condition.split()
            bad = ~np.atleast_1d(COMPARE[word](value, float(bound)))
            fault = f"holds {np.atleast_1d(value)[bad][0]:g}" if bad.any() else None
        if fault:
            raise ValueError(f"{name} {fault}, it should be {condition}")
    return value.astype(int) if kind == "array" and "whole" in conditions else value


def check_array(name, value, axes, conditions, told):
    """A finite float64 array with these axes, in C order, so that sums do not depend on the layout."""
    array = check_real(name, value)
    last = [axis for axis in axes if not axis[4]]
    before = array.ndim - len(last)
    if before < 0 or before and last == axes or array.size == 0 and "may be empty" not in conditions:
        hint = "; [:, None] makes it one column, [None] one row" if (array.ndim, len(axes)) == (1, 2) else ""
        raise ValueError(check_shape(name, array, axes, ", not empty" + hint))
    for (times, letter, plus, number, _), size in zip(last, array.shape[before:]):
        plus, factor = int(plus.replace(" ", "")) if plus else 0, told.sizes[times][0] if times else 1
        if number or letter in told.sizes or factor == 0:
            wanted, where = (int(number), "") if number else told.sizes.get(letter, (0, ""))
            if size != (wanted if number else factor * wanted + plus):
                told_by = f" with {letter} = {wanted} as in {where}" if where else ""
                raise ValueError(check_shape(name, array, axes, told_by))
        elif (size - plus) % factor or size < plus:
            raise ValueError(check_shape(name, array, axes))
        else:
            told.sizes[letter] = (size - plus) // factor, name
    return array


def check_shape(name, array, axes, more=""):
    """The sentence on a wrong shape, with the axes as they are written."""
    written = [number or dots or " ".join(part for part in (times, letter, plus) if part)
               for times, letter, plus, number, dots in axes]
    return f"{name} has shape {array.shape}, it should be ({', '.join(written)}{',' * (len(axes) == 1)}){more}"


def check_real(name, value):
    """A finite float64 array in C order, of any shape."""
    if np.ma.isMaskedArray(value):
        raise ValueError(f"{name} is a masked array, it should be a plain one: fill or drop the masked entries")
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} is ragged, its rows should have equal lengths (flatten stacks a net)") from None
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} holds {array.dtype} values, it should hold real numbers")
    array = np.asarray(array, dtype=float, order="C")
    if fault := check_finite(array):
        raise ValueError(f"{name} {fault}, it should be finite")
    return array


def check_net(name, value, told):
    """A list of matrices that fit each other, and X where it is known; tells J, P and M."""
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError(f"{name} is a {type(value).__name__} or empty, it should be a list [W1, ..., WJ] of matrices")
    net = [check_real(f"{name}[{k}]", W) for k, W in enumerate(value)]
    size, of = told.sizes["D"][0] if "D" in told.sizes else None, "column of X"
    for k, W in enumerate(net):
        if W.ndim != 2 or not W.size or size is not None and W.shape[1] - size not in (0, 1):
            raise ValueError(f"{name}[{k}] has shape {W.shape}, it should be a matrix" + (
                f" of {size} columns, one for each {of}, or one more, a bias" if size is not None else ""))
        size, of = len(W), f"row of {name}[{k}]"
    told.net = net, name
    told.sizes |= {"J": (len(net), name), "P": (sum(W.size for W in net), name), "M": (size, f"{name}[{len(net) - 1}]")}
    return net


def check_nets(name, value, told):
    """A list of nets of one shape."""
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError(f"{name} is a {type(value).__name__} or empty, it should be a list of nets")
    nets = [check_net(f"{name}[{i}]", net, told) for i, net in enumerate(value)]
    if any([W.shape for W in net] != [W.shape for W in nets[0]] for net in nets):
        raise ValueError(f"{name} holds nets of several shapes, they should all have the shapes of {name}[0]")
    return nets


def check_pairs(name, value, told):
    """A list of pairs (W, b) that fit each other, b None for a layer without bias."""
    if not isinstance(value, (list, tuple)) or not value \
            or not all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in value):
        raise ValueError(f"{name} should be a list of pairs (W, b), with b = None for a layer without bias")
    pairs, axes = [], [AXIS.fullmatch(axis).groups() for axis in ("m", "k")]
    for k, (W, b) in enumerate(value):
        W = check_array(f"W of {name}[{k}]", W, axes, [], Told())
        if k and W.shape[1] != len(pairs[-1][0]):                   # one column less, and b would pass for a weight
            raise ValueError(f"W of {name}[{k}] has shape {W.shape}, it should have {len(pairs[-1][0])} columns, one "
                             "for each row of the W before")
        if b is not None and (b := check_real(f"b of {name}[{k}]", b)).shape != W.shape[:1]:
            raise ValueError(f"b of {name}[{k}] has shape {b.shape}, it should be {W.shape[:1]}, one for each row of W")
        pairs.append((W, b))
    return pairs


def check_number(name, value, told=None, whole=False):
    """A float, or an int where it should be whole (2.0 is)."""
    array = np.asarray(None if isinstance(value, (list, tuple, np.ma.MaskedArray)) else value)
    if array.ndim or array.dtype.kind not in "iuf" or not np.isfinite(array) or whole and array != np.floor(array):
        raise ValueError(f"{name} is {value!r}, it should be a {'whole' if whole else 'finite'} number")
    return int(array) if whole else float(array)


def check_whole(name, value, told=None):
    """An int."""
    return check_number(name, value, whole=True)


def check_place(name, value, count, what):
    """The number of one of `count` things, from 0 on."""
    if not 0 <= (place := check_whole(name, value)) < count:
        raise ValueError(f"{name} is {value!r}, it should be from 0 to {count - 1}, one of the {count} {what}")
    return place


def check_layer(name, value, told):
    """The number of any layer."""
    net, where = told.net
    return check_place(name, value, len(net), f"layers of {where}")


def check_hidden_layer(name, value, told):
    """The number of a hidden layer; tells D' and M'."""
    net, where = told.net
    if len(net) < 2:
        raise ValueError(f"{where} has one matrix, it should have a hidden layer: two or more")
    told.layer = k = check_place(name, value, len(net) - 1, f"hidden layers of {where}")
    told.sizes |= {"D'": (net[k].shape[1], f"{where}[{k}]"), "M'": (len(net[k + 1]), f"{where}[{k + 1}]")}
    return k


def check_unit(name, value, told):
    """The number of a unit of that layer."""
    net, where = told.net
    return check_place(name, value, len(net[told.layer]), f"units of {where}[{told.layer}]")


def check_parts(*parts):
    """A check for a NamedTuple of functions with a name."""
    def check(name, value, told):
        if not all(callable(getattr(value, part, None)) for part in parts) or not hasattr(value, "name"):
            raise ValueError(f"{name} is {value!r}, it should have a name and the functions {', '.join(parts)}")
        return value
    return check


def check_function(name, value, told):
    """Anything that can be called."""
    if not callable(value):
        raise ValueError(f"{name} is {value!r}, it should be a function")
    return value


def check_seed(name, value, told):
    """What numpy.random.default_rng takes, as a Generator."""
    try:
        return np.random.default_rng(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}, it should be a whole number from 0 on or a numpy Generator") from None


def check_result(where, result, infinite=False):
    """Refuse a result with a nan, or an infinity where the docstring does not tell of one."""
    if isinstance(result, (list, tuple)):
        for part in result:
            check_result(where, part, infinite)
    elif isinstance(result, (float, np.floating, np.ndarray)):
        if np.isnan(result).any() if infinite else check_finite(result):
            raise ValueError(f"{where}: the result overflows float64; the arguments should be scaled")


def check_finite(A):
    """What is wrong, or None. A finite sum of squares tells at once; where it is not, it may have overflowed."""
    if not isfinite(np.vdot(A, A)) and not np.isfinite(A).all():
        return "holds nan or infinite values"


def check_symmetric(A):
    """What is wrong, to the rounding of a product of three matrices with room for cancellation, or None."""
    if np.abs(A - A.T).max() > 100 * len(A) * np.finfo(float).eps * np.abs(A).max():
        return "differs from its transpose by more than rounding"


def check_definite(A):
    """What is wrong, to rounding in units of the diagonal, or None."""
    if not np.diag(A).min() > 0:
        return f"has the entry {np.diag(A).min():.1e} on its diagonal"
    A = A / np.sqrt(np.diag(A)) / np.sqrt(np.diag(A))[:, None]
    if fault := check_symmetric(A):
        return fault
    if not np.isfinite(A).all() or not np.linalg.eigvalsh(A)[0] > len(A) * np.finfo(float).eps:
        return "is singular or indefinite to rounding"


def check_integers(A):
    """What is wrong, or None; beyond 2^53 not every whole number is a float64."""
    bad = A[(A != np.floor(A)) | (np.abs(A) > 2.0 ** 53)]
    return f"holds {bad[0]:g}" if len(bad) else None


KINDS = {"net": check_net, "nets": check_nets, "pairs": check_pairs, "float": check_number, "int": check_whole,
         "layer": check_layer, "hidden layer": check_hidden_layer, "unit": check_unit, "function": check_function,
         "activation": check_parts("f", "df", "d2f"), "loss": check_parts("value", "d1", "d2"), "seed": check_seed,
         "anything": lambda name, value, told: value}
SINGLE = {"or None": None, "or True": True, "or False": False}
COMPARE = {">": np.greater, ">=": np.greater_equal, "<": np.less, "<=": np.less_equal}
CONDITIONS = {"symmetric": check_symmetric, "positive definite": check_definite, "may be empty": lambda A: None,
              "whole": check_integers}
