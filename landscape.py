"""The network, its gradient, exact fits and the set of zero loss.

Papers: [Fukumizu 2019] Semi-flat minima and saddle points by embedding neural networks to
overparameterization, with its supplement; [Cooper 2018] The loss landscape of overparameterized
neural networks; [Dinh 2017] Sharp minima can generalize for deep nets.

Notation, for all modules
-------------------------
    n, D, M      samples, inputs, outputs; nu = 1..n counts the samples
    X, Y         inputs (n, D) and targets (n, M), always with two axes
    weights      [W_1, ..., W_J]; W_k is (n_k, n_(k-1)), or (n_k, n_(k-1) + 1) with a bias; n_0 = D, n_J = M.
                 Text counts layers from 1, code from 0: weights[k] is W_(k+1)
    P            the number of all entries of all W_k, the length of theta = flatten(weights)
    act, phi     the activation of the hidden layers; the last layer is linear
    a_k          outputs of layer k, (n, n_k); a_0 = X
    z_k          inputs to the units of layer k, (n, n_k); a_k = phi(z_k), f = z_J
    l, L         loss of a sample, l(y, f), and the sum over samples L = sum_nu l(y_nu, f_nu): a sum, not a mean
    delta_k      d l / d z_k per sample, (n, n_k)
    J            d f / d theta per sample, (n, M, P); r = f - y, the residual; l' = dl/df is loss.d1
    eps, EPS     2^-52, the spacing of float64 at 1; B counts nets in a stack; `like` lends only its shapes

Fukumizu's main text calls the OUTPUTS of a layer z, his supplement, as we do, the inputs. His D and M are the widths
before and after the layer he widens; row j of W_q is his w_j (u_j), column j of W_(q+1) his v_j (zeta_j); his "three
layers" are one hidden layer. Cooper's loss is power_loss(2), twice our square loss; his n, d, p are our P, n, D.

The extra column of W_k is the bias, and its input is the constant -1:

    z_k = W_k a~_(k-1),   a~ = (a, -1) with a bias, a~ = a without

so with the bias b as that column z = W a - b, the papers' w . x~ and M1 x - b1 (`from_pairs` turns
the common W a + b into it). Whether a layer has a bias is told by its shape alone. Beware: inputs that
are one column short of a layer without bias are read as inputs of a layer with one; no shape can tell.

Back-propagation [Fukumizu 2019, supplement Eq. 15]
---------------------------------------------------
For one sample, the weight W_k[i, j] acts on the loss only through z_k[i], and linearly:

    d l / d W_k[i, j] = delta_k[i] a~_(k-1)[j]                                            (i)

The input z_(k-1)[j] acts only through a_(k-1)[j] = phi(z_(k-1)[j]), and that through every z_k[i]:

    delta_(k-1)[j] = sum_i delta_k[i] W_k[i, j] phi'(z_(k-1)[j])                          (ii)

where j runs over units, not over the bias column, whose input is constant. It starts at the linear
last layer with delta_J = l'(y, f). Summed over samples (rows of delta_k and a~_(k-1)), (i) is one matrix
product, delta_k^T a~_(k-1). The same recursion started at delta_J = (row m of the identity)
gives the gradient of the output f_m itself, hence the Jacobian; there the samples are not summed.

The zero-loss set [Cooper 2018]
-------------------------------
    Z = {theta : r(theta) = 0},  r stacked over samples and outputs: nM equations in P unknowns.

Let P > nM, the activation be smooth, and J stacked to an (nM, P) matrix. Where J has rank nM, the implicit
function theorem makes Z a smooth manifold of dimension P - nM whose tangent space is the kernel of J (Theorem
2.1). The Hessian of the square loss, J^T J + sum_(nu,m) r_(nu,m) d2 f_m(x_nu) / dtheta2, is J^T J on Z, with nM
positive and P - nM zero eigenvalues where the rank is nM (Proposition 2.3). For ReLU all of this holds off the
kinks. Z is reached from nearby by Gauss-Newton steps of minimum norm, theta -= J^+ r.
"""
from collections.abc import Callable
from itertools import combinations, islice
from typing import NamedTuple

import numpy as np

from door import checked  # noqa: F401

EPS = np.finfo(float).eps


# ---------------------------------------------------------------------------------------------
# Validation: one call at the top of a function; leave it out when you copy the function.
# ---------------------------------------------------------------------------------------------

def check_array(name, value, ndim):
    """[the project] `value` as a finite float64 array with `ndim` axes, or a ValueError that names it.

    Returns
    -------
    float64 array in C order, so that results do not depend on the layout; `value` itself when it is one already.

    Raises
    ------
    ValueError
        If the value is ragged, masked, not real numbers, empty, not finite, or does not have ndim axes.
    """
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} is ragged, its rows should have equal lengths") from None
    if np.ma.isMaskedArray(value):
        raise ValueError(f"{name} is a masked array, it should be a plain one: fill or drop the masked entries")
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} holds {array.dtype} values, it should hold real numbers")
    if array.ndim != ndim:
        hint = f"; {name}[:, None] makes it one column" if (array.ndim, ndim) == (1, 2) else ""
        raise ValueError(f"{name} has shape {array.shape}, it should have {ndim} axes{hint}")
    if array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}, it should not be empty")
    with np.errstate(over="ignore"):
        array = np.asarray(array, dtype=float, order="C")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds nan or infinite values, it should be finite")
    return array


def check_number(name, value, low=-np.inf, high=np.inf, *, whole=False):
    """[the project] `value` as a float (an int if `whole`) between low and high, or a ValueError that names it.

    Returns
    -------
    float or int

    Raises
    ------
    ValueError
        If it is no real number, not finite, not whole where it should be, or out of range.
    """
    array = np.asarray(None if isinstance(value, (list, tuple, np.ma.MaskedArray)) else value)
    if array.ndim or array.dtype.kind not in "iuf" or not np.isfinite(array):
        raise ValueError(f"{name} is {value!r}, it should be a finite number")
    if whole and array != np.floor(array):
        raise ValueError(f"{name} is {value!r}, it should be a whole number")
    if not low <= float(array) <= high:             # in its own dtype a float32 cannot be compared with 1e150
        raise ValueError(f"{name} is {value!r}, it should lie between {low} and {high}")
    return int(array) if whole else float(array)


def check_widths(name, widths):
    """[the project] A list of positive whole numbers as ints, or a ValueError that names it.

    Returns
    -------
    list of int

    Raises
    ------
    ValueError
        If it is no list, empty, or holds anything but positive whole numbers.
    """
    if not isinstance(widths, (list, tuple, np.ndarray)) or len(widths) == 0:
        raise ValueError(f"{name} is {widths!r}, it should be a list of widths with at least one element")
    return [check_number(f"an element of {name}", width, 1, whole=True) for width in widths]


def check_seed(rng):
    """[the project] Refuse what numpy.random.default_rng cannot take.

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If rng is no seed and no Generator.
    """
    try:
        np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise ValueError(f"rng is {rng!r}, it should be a whole number from 0 on or a numpy Generator") from None


def check_weights(weights, D=None, name="weights"):
    """[the project] Weights as a list of finite float64 matrices that fit each other, or a ValueError.

    Parameters
    ----------
    weights : list of matrices
    D : int, optional, number of inputs, to check the first layer too
    name : str, what the caller's argument is called

    Returns
    -------
    list of float64 arrays

    Raises
    ------
    ValueError
        If it is no list of matrices, or a layer has neither as many columns as it has inputs nor one more.
    """
    if not isinstance(weights, (list, tuple)) or len(weights) == 0:
        what = "empty" if isinstance(weights, (list, tuple)) else f"a {type(weights).__name__}"
        raise ValueError(f"{name} is {what}, it should be a list [W1, ..., WJ] of matrices")
    weights = [check_array(f"{name}[{k}]", W, 2) for k, W in enumerate(weights)]
    inputs = [D] + [len(W) for W in weights[:-1]]
    for k, (W, n_in) in enumerate(zip(weights, inputs)):
        if n_in is not None and W.shape[1] not in (n_in, n_in + 1):
            raise ValueError(f"{name}[{k}] has shape {W.shape}, it should have {n_in} columns, "
                             f"or {n_in + 1} with a bias: layer {k} has {n_in} inputs")
    return weights


def check_net(weights, X, act, Y=..., loss=...):
    """[the project] Weights, inputs and targets that fit each other, as float64, or a ValueError.

    Returns
    -------
    (weights, X), or (weights, X, Y) if Y is given; `...` means not given, None is refused like any other wrong value

    Raises
    ------
    ValueError
        If an argument is not what it should be, or two do not fit each other.
    """
    X = check_array("X", X, 2)
    weights = check_weights(weights, X.shape[1])
    check_functions("act", act, ("f", "df", "d2f"), "an Activation such as TANH")
    if Y is ...:
        return weights, X
    Y = check_array("Y", Y, 2)
    if Y.shape != (len(X), len(weights[-1])):
        raise ValueError(f"Y has shape {Y.shape}, it should be {(len(X), len(weights[-1]))}: "
                         f"{len(X)} rows as in X, {len(weights[-1])} outputs as in weights[-1]")
    if loss is not ...:
        check_functions("loss", loss, ("value", "d1", "d2"), "a Loss such as SQUARE")
    return weights, X, Y


def check_functions(name, value, parts, kind):
    """[the project] Refuse what lacks the named functions, for instance a string in the place of an Activation.

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If `value` lacks one of them.
    """
    if not all(callable(getattr(value, part, None)) for part in parts):
        raise ValueError(f"{name} is {value!r}, it should be {kind}")


def check_pair(F, Y):
    """[the project] Outputs and targets as two float64 arrays of one shape (n, M), or a ValueError.

    Returns
    -------
    F, Y

    Raises
    ------
    ValueError
        If one is no finite matrix or the shapes differ: nothing is broadcast.
    """
    F, Y = check_array("F", F, 2), check_array("Y", Y, 2)
    if F.shape != Y.shape:
        raise ValueError(f"Y has shape {Y.shape}, it should have the shape {F.shape} of F")
    return F, Y


def check_symmetric(name, H):
    """[the project] H as a symmetric float64 matrix, or a ValueError that names it.

    Returns
    -------
    (size, size) float64 array

    Raises
    ------
    ValueError
        If it is not square, finite and symmetric up to rounding, or so large that its eigenvalues overflow.
    """
    H = check_array(name, H, 2)
    if H.shape[0] != H.shape[1]:
        raise ValueError(f"{name} has shape {H.shape}, it should be square")
    with np.errstate(over="ignore"):
        # a product of three matrices rounds to about size eps of their norms; 100 leaves room for cancellation
        if np.abs(H - H.T).max() > 100 * len(H) * EPS * np.abs(H).max():
            raise ValueError(f"{name} differs from its transpose by more than rounding, it should be symmetric")
        if not np.isfinite(np.abs(H).max() * len(H)):
            raise ValueError(f"{name} reaches up to {np.abs(H).max():g}, its eigenvalues overflow float64")
    return H


def check_overflow(what, *arrays):
    """[the project] Refuse a result that left the range of float64.

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If an entry is nan or infinite.
    """
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError(f"{what} overflows float64; scale the weights, inputs or targets down")


def check_real(x):
    """[the project] x as a float64 array of any shape, or a ValueError if it holds anything but real numbers.

    nan and inf pass: they are what an overflowing net feeds its units, and check_overflow then says so.

    Returns
    -------
    float64 array; x itself when it is one already.

    Raises
    ------
    ValueError
        If x is complex, text, ragged or no number.
    """
    try:
        array = np.asarray(x)
    except ValueError:
        raise ValueError("x is ragged, its rows should have equal lengths") from None
    if array.dtype.kind not in "biuf":
        raise ValueError(f"x holds {array.dtype} values, it should hold real numbers")
    with np.errstate(over="ignore"):
        return np.asarray(array, dtype=float)


# ---------------------------------------------------------------------------------------------
# Activations, elementwise. Each form below is finite and free of warnings on every float64.
# ---------------------------------------------------------------------------------------------

class Activation(NamedTuple):
    """[Fukumizu 2019, Sec. 2] An activation phi with its first and second derivative, elementwise."""
    name: str
    f: Callable
    df: Callable
    d2f: Callable


def tanh(x):
    """[Fukumizu 2019, Sec. 2] The hyperbolic tangent, computed in float64 whatever the type of x.

    Returns
    -------
    float array like x

    Raises
    ------
    ValueError
        If x holds anything but real numbers.
    """
    x = check_real(x)
    return np.tanh(x)


def dtanh(x):
    """[beyond the papers] tanh'(x) = 1 / cosh(x)^2 = 4 q / (1 + q)^2 with q = exp(-2 |x|).

    Returns
    -------
    array like x; unlike 1 - tanh(x)^2 it keeps its digits where tanh(x) rounds to 1.

    Raises
    ------
    ValueError
        If x holds anything but real numbers.
    """
    x = check_real(x)
    q = np.exp(-np.abs(x)) ** 2
    return 4 * q / (1 + q) ** 2


def d2tanh(x):
    """[beyond the papers] tanh''(x) = -2 tanh(x) tanh'(x).

    Returns
    -------
    array like x

    Raises
    ------
    ValueError
        If x holds anything but real numbers.
    """
    x = check_real(x)
    return -2 * tanh(x) * dtanh(x)


def sigmoid(x):
    """[beyond the papers] 1 / (1 + exp(-x)), by q = exp(-|x|), which cannot overflow.

    Returns
    -------
    array like x, in [0, 1]

    Raises
    ------
    ValueError
        If x holds anything but real numbers.
    """
    x = check_real(x)
    q = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, q) / (1 + q)


def dsigmoid(x):
    """[beyond the papers] sigmoid'(x) = sigmoid(x) sigmoid(-x) = q / (1 + q)^2, q = exp(-|x|).

    Returns
    -------
    array like x

    Raises
    ------
    ValueError
        If x holds anything but real numbers.
    """
    x = check_real(x)
    q = np.exp(-np.abs(x))
    return q / (1 + q) ** 2


def d2sigmoid(x):
    """[beyond the papers] sigmoid''(x) = sigmoid'(x) (1 - 2 sigmoid(x)) = -sigmoid'(x) tanh(x / 2).

    Returns
    -------
    array like x

    Raises
    ------
    ValueError
        If x holds anything but real numbers.
    """
    x = check_real(x)
    return -dsigmoid(x) * np.tanh(x / 2)


def softplus(x):
    """[beyond the papers] log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)).

    Returns
    -------
    array like x

    Raises
    ------
    ValueError
        If x holds anything but real numbers.
    """
    x = check_real(x)
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def relu(x):
    """[Fukumizu 2019, Sec. 4] max(x, 0).

    Returns
    -------
    array like x

    Raises
    ------
    ValueError
        If x holds anything but real numbers.
    """
    x = check_real(x)
    return np.maximum(x, 0)


def drelu(x):
    """[Fukumizu 2019, Sec. 4] relu'(x) = 1 for x > 0, else 0; at the kink 0 by our convention.

    Returns
    -------
    float array like x

    Raises
    ------
    ValueError
        If x holds anything but real numbers.
    """
    x = check_real(x)
    return np.where(x > 0, 1.0, 0.0)


def leaky_relu(x):
    """[Dinh 2017, Sec. 3] x for x > 0, else x / 100 (the slope is our choice).

    Returns
    -------
    array like x

    Raises
    ------
    ValueError
        If x holds anything but real numbers.
    """
    x = check_real(x)
    return np.maximum(x, 0.01 * x)


def dleaky_relu(x):
    """[Dinh 2017, Sec. 3] leaky_relu'(x) = 1 for x > 0, else 1/100; the kink counts as x < 0.

    Returns
    -------
    float array like x

    Raises
    ------
    ValueError
        If x holds anything but real numbers.
    """
    x = check_real(x)
    return np.where(x > 0, 1.0, 0.01)


def flat(x):
    """[Fukumizu 2019, Sec. 4 (c)] phi'' of a piecewise linear phi: 0 off the kink, and at it by convention.

    Returns
    -------
    float array of zeros like x

    Raises
    ------
    ValueError
        If x holds anything but real numbers.
    """
    x = check_real(x)
    return np.zeros_like(x, dtype=float)


def smoolu(x):
    """[Cooper 2018, Def. 3.2] smooLU(x) = x exp(-1/x) for x > 0, else 0: rectified, and smooth also at 0.

    Returns
    -------
    array like x; exp(-1/x) underflows to 0 below x = 1/745, so a floor of 1/1000 under x changes no value.

    Raises
    ------
    ValueError
        If x holds anything but real numbers.
    """
    x = check_real(x)
    return np.maximum(x, 0) * np.exp(-1 / np.maximum(x, 1e-3))


def dsmoolu(x):
    """[Cooper 2018, Def. 3.2] smooLU'(x) = exp(-1/x) (1 + 1/x) for x > 0, else 0.

    Returns
    -------
    array like x

    Raises
    ------
    ValueError
        If x holds anything but real numbers.
    """
    x = check_real(x)
    t = 1 / np.maximum(x, 1e-3)
    return np.exp(-t) * (1 + t)


def d2smoolu(x):
    """[Cooper 2018, Def. 3.2] smooLU''(x) = exp(-1/x) / x^3 for x > 0, else 0.

    Returns
    -------
    array like x

    Raises
    ------
    ValueError
        If x holds anything but real numbers.
    """
    x = check_real(x)
    t = 1 / np.maximum(x, 1e-3)
    return np.exp(-t) * t * t * t


def rectified_tanh(x):
    """[Cooper 2018, Def. 3.1] max(tanh(x), 0).

    Returns
    -------
    array like x

    Raises
    ------
    ValueError
        If x holds anything but real numbers.

    Notes
    -----
    Rectified in the sense of Definition 3.1, but not smooth: the slope jumps from 0 to 1 at x = 0. The
    paper's Section 3.1 counts truncated tanh and sigmoid among the smooth ones
    (tests/test_landscape.py::test_erratum_a_truncated_tanh_is_not_smooth_at_zero).
    """
    x = check_real(x)
    return np.tanh(np.maximum(x, 0))


def drectified_tanh(x):
    """[Cooper 2018, Def. 3.1] tanh'(x) for x > 0, else 0.

    Returns
    -------
    array like x

    Raises
    ------
    ValueError
        If x holds anything but real numbers.
    """
    x = check_real(x)
    return np.where(x > 0, dtanh(x), 0.0)


def d2rectified_tanh(x):
    """[Cooper 2018, Def. 3.1] tanh''(x) for x > 0, else 0.

    Returns
    -------
    array like x

    Raises
    ------
    ValueError
        If x holds anything but real numbers.
    """
    x = check_real(x)
    return np.where(x > 0, d2tanh(x), 0.0)


TANH = Activation("tanh", tanh, dtanh, d2tanh)
SIGMOID = Activation("sigmoid", sigmoid, dsigmoid, d2sigmoid)
SOFTPLUS = Activation("softplus", softplus, sigmoid, dsigmoid)
RELU = Activation("ReLU", relu, drelu, flat)
LEAKY_RELU = Activation("leaky ReLU", leaky_relu, dleaky_relu, flat)
SMOOLU = Activation("smooLU", smoolu, dsmoolu, d2smoolu)
RECTIFIED_TANH = Activation("rectified tanh", rectified_tanh, drectified_tanh, d2rectified_tanh)


# ---------------------------------------------------------------------------------------------
# Losses l(y, f) of a sample, with first and second derivatives in the output f
# ---------------------------------------------------------------------------------------------

class Loss(NamedTuple):
    """[Fukumizu 2019, Eq. 3] A loss per sample: value(F, Y) -> (n,), d1 -> (n, M), d2 -> (n, M, M)."""
    name: str
    value: Callable
    d1: Callable
    d2: Callable


def square_value(F, Y):
    """[Fukumizu 2019, Sec. 2] l = |f - y|^2 / 2, with the 1/2; Cooper's loss is twice that.

    Parameters
    ----------
    F, Y : (n, M) arrays, outputs and targets

    Returns
    -------
    (n,) array

    Raises
    ------
    ValueError
        If F and Y are not matrices of one shape, or the square overflows.
    """
    F, Y = check_pair(F, Y)
    with np.errstate(over="ignore"):
        value = ((F - Y) ** 2).sum(axis=1) / 2
    check_overflow("the square loss", value)
    return value


def square_d1(F, Y):
    """[Fukumizu 2019, Sec. 2] dl/df = f - y for the square loss.

    Returns
    -------
    (n, M) array

    Raises
    ------
    ValueError
        If F and Y are not matrices of one shape.
    """
    F, Y = check_pair(F, Y)
    with np.errstate(over="ignore"):
        r = F - Y
    check_overflow("the residual", r)
    return r


def square_d2(F, Y):
    """[Fukumizu 2019, Sec. 2] d2l/df2 = I for the square loss.

    Returns
    -------
    (n, M, M) array

    Raises
    ------
    ValueError
        If F and Y are not matrices of one shape.
    """
    F, Y = check_pair(F, Y)
    return np.ones_like(F)[:, :, None] * np.eye(F.shape[1])


def logistic_value(F, Y):
    """[Fukumizu 2019, Sec. 2] l = sum_m log(1 + exp(f_m)) - y_m f_m, f the logit.

    With p = sigmoid(f) this is the paper's -y log p - (1 - y) log(1 - p). The form used,
    log(1 + exp(-|f|)) + |f| (1 - y or y), is a sum of two terms >= 0: nothing cancels, nothing overflows.

    Parameters
    ----------
    F : (n, M) array of logits
    Y : (n, M) array of targets in [0, 1]

    Returns
    -------
    (n,) array

    Raises
    ------
    ValueError
        If F and Y are not matrices of one shape, or a target lies outside [0, 1].
    """
    F, Y = check_pair(F, Y)
    check_targets(Y)
    with np.errstate(over="ignore"):
        value = (np.log1p(np.exp(-np.abs(F))) + np.abs(F) * np.where(F > 0, 1 - Y, Y)).sum(axis=1)
    check_overflow("the logistic loss", value)
    return value


def logistic_d1(F, Y):
    """[Fukumizu 2019, Sec. 2] dl/df = sigmoid(f) - y, for f > 0 written as (1 - y) - sigmoid(-f).

    Returns
    -------
    (n, M) array; at y = 1 and large f still exp(-f), not 0.

    Raises
    ------
    ValueError
        If F and Y are not matrices of one shape, or a target lies outside [0, 1].
    """
    F, Y = check_pair(F, Y)
    check_targets(Y)
    return np.where(F > 0, (1 - Y) - sigmoid(-F), sigmoid(F) - Y)


def logistic_d2(F, Y):
    """[Fukumizu 2019, Sec. 2] d2l/df2 = diag(sigmoid'(f)).

    Returns
    -------
    (n, M, M) array

    Raises
    ------
    ValueError
        If F and Y are not matrices of one shape.
    """
    F, Y = check_pair(F, Y)
    return dsigmoid(F)[:, :, None] * np.eye(F.shape[1])


def check_targets(Y):
    """[the project] Refuse targets of the logistic loss that are no probabilities.

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If a target lies outside [0, 1].
    """
    if Y.min() < 0 or Y.max() > 1:
        raise ValueError(f"Y reaches from {Y.min():g} to {Y.max():g}, logistic targets should lie in [0, 1]")


SQUARE = Loss("square", square_value, square_d1, square_d2)
LOGISTIC = Loss("logistic", logistic_value, logistic_d1, logistic_d2)


def power_loss(a):
    """[Cooper 2018, Remark 2.2 and Sec. 5] The loss l = sum_m |f_m - y_m|^a, a >= 1, without the 1/2.

        dl/df = a |r|^(a-1) sign(r),   d2l/df2 = diag(a (a - 1) |r|^(a-2)),   r = f - y

    All of them have the same zero-loss set. On it, a > 2 has the Hessian 0 and a < 2 has none: there
    d2 raises a ValueError. At r = 0 and a = 1, d1 is 0, one of the subgradients.

    Parameters
    ----------
    a : float, at least 1

    Returns
    -------
    Loss

    Raises
    ------
    ValueError
        If a is less than 1 or no number; from value, d1 and d2, if they overflow.
    """
    a = check_number("a", a, 1)

    def value(F, Y):
        F, Y = check_pair(F, Y)
        with np.errstate(over="ignore"):
            result = (np.abs(F - Y) ** a).sum(axis=1)
        check_overflow(f"the loss |f - y|^{a:g}", result)
        return result

    def d1(F, Y):
        F, Y = check_pair(F, Y)
        with np.errstate(over="ignore", invalid="ignore"):
            result = a * np.abs(F - Y) ** (a - 1) * np.sign(F - Y)
        check_overflow(f"the derivative of |f - y|^{a:g}", result)
        return result

    def d2(F, Y):
        F, Y = check_pair(F, Y)
        with np.errstate(over="ignore", invalid="ignore"):
            r = np.abs(F - Y)
            if a < 2 and not r.all():
                raise ValueError(f"|f - y|^{a:g} has no second derivative where f = y, as it is for one sample here")
            diagonal = np.zeros_like(r) if a == 1 else a * (a - 1) * r ** (a - 2)
        check_overflow(f"the second derivative of |f - y|^{a:g}", diagonal)
        return diagonal[:, :, None] * np.eye(F.shape[1])

    return Loss(f"|r|^{a:g}", value, d1, d2)


# ---------------------------------------------------------------------------------------------
# Weights: in, out, and as one vector
# ---------------------------------------------------------------------------------------------

def from_pairs(pairs):
    """[the project] Weights in our convention from the usual pairs (W, b) with z = W a + b.

    Parameters
    ----------
    pairs : list of (W, b), W of shape (n_k, n_(k-1)), b of shape (n_k,), or None for no bias

    Returns
    -------
    list of arrays, W with the column -b appended (its input is -1).

    Raises
    ------
    ValueError
        If a W is no finite matrix, the W do not fit each other, or b is not one number per row of W.
    """
    if not isinstance(pairs, (list, tuple)) or not all(isinstance(q, (list, tuple)) and len(q) == 2 for q in pairs):
        raise ValueError("pairs should be a list of pairs (W, b), with b = None for a layer without bias")
    if len(pairs) == 0:
        raise ValueError("pairs is empty, it should hold a pair (W, b) for each layer")
    weights = []
    for k, (W, b) in enumerate(pairs):
        W, b = check_array(f"W of pairs[{k}]", W, 2), None if b is None else check_array(f"b of pairs[{k}]", b, 1)
        if k and W.shape[1] != len(weights[-1]):                    # one column less, and b would pass for a weight
            raise ValueError(f"W of pairs[{k}] has shape {W.shape}, it should have {len(weights[-1])} columns, one for "
                             "each row of the W before")
        if b is not None and len(b) != len(W):
            raise ValueError(f"b of pairs[{k}] has length {len(b)}, it should be {len(W)}, one per row of W")
        weights.append(W.copy() if b is None else np.column_stack([W, -b]))
    return weights


def to_pairs(weights, D):
    """[the project] The usual pairs (W, b) with z = W a + b from our weights: b is minus the last column.

    Parameters
    ----------
    weights : list of arrays
    D : int, number of inputs; without it nobody could tell whether layer 0 has a bias

    Returns
    -------
    list of (W, b); b is None for a layer without bias.

    Raises
    ------
    ValueError
        If the weights do not fit each other or D.
    """
    D = check_number("D", D, 1, whole=True)
    weights = check_weights(weights, D)
    n_in = [D] + [len(W) for W in weights[:-1]]
    return [(W[:, :m].copy(), -W[:, m] if W.shape[1] > m else None) for W, m in zip(weights, n_in)]


def random_weights(widths, *, bias=True, rng=None):
    """[the project] Gaussian weights of variance 1 / fan-in, the bias counted as an input.

    Parameters
    ----------
    widths : [D, H_1, ..., M], numbers of units from the inputs to the outputs
    bias : bool, or one bool per layer
    rng : seed or numpy Generator

    Returns
    -------
    list of arrays

    Raises
    ------
    ValueError
        If there are fewer than two widths, one is not a positive whole number, or bias has another length.
    """
    check_seed(rng)
    rng = np.random.default_rng(rng)
    widths = check_widths("widths", widths)
    biases = [bias] * (len(widths) - 1) if isinstance(bias, bool) else list(bias) if np.iterable(bias) else [bias]
    if len(widths) < 2 or len(biases) != len(widths) - 1:
        raise ValueError(f"widths has length {len(widths)} and bias {len(biases)}, they should be "
                         "[D, H1, ..., M] and one bias per layer, one less than widths")
    if not all(isinstance(b, (bool, np.bool_)) for b in biases):
        raise ValueError(f"bias is {bias!r}, it should be True, False or a list of them, one per layer")
    fan_in = [m + int(b) for m, b in zip(widths, biases)]
    return [rng.normal(size=(m, c)) / np.sqrt(c) for m, c in zip(widths[1:], fan_in)]


def flatten(weights):
    """[the project] theta: the matrices one after the other, each row by row.

    Returns
    -------
    (P,) array

    Raises
    ------
    ValueError
        If weights is no list of finite matrices that fit each other.
    """
    weights = check_weights(weights)
    return np.concatenate([W.ravel() for W in weights])


def unflatten(theta, like):
    """[the project] The inverse of flatten: theta cut into matrices of the shapes of `like`.

    Parameters
    ----------
    theta : (P,) array
    like : list of arrays, of which only the shapes are used

    Returns
    -------
    list of arrays, none sharing memory with theta.

    Raises
    ------
    ValueError
        If theta has another length than the P of `like`.
    """
    theta, like = check_array("theta", theta, 1), check_weights(like, name="like")
    P = sum(W.size for W in like)
    if len(theta) != P:
        raise ValueError(f"theta has length {len(theta)}, it should be {P}, the number of weights in like")
    return [W.copy() for W in unstack(theta, like)]


def unstack(theta, like):
    """[the project] theta (..., P) as matrices (..., n_k, columns): a stack of nets keeps its leading axes.

    Returns
    -------
    list of views of theta
    """
    stops = np.cumsum([W.size for W in like])
    return [theta[..., stop - W.size:stop].reshape(theta.shape[:-1] + W.shape) for W, stop in zip(like, stops)]


# ---------------------------------------------------------------------------------------------
# Forward and back. The three *_pass functions also take a stack of nets: matrices (B, n_k, columns).
# ---------------------------------------------------------------------------------------------

def augment(W, a):
    """[Fukumizu 2019, Sec. 4] The inputs a~ of layer W: (a, -1) if W has a bias column, else a.

    Parameters
    ----------
    W : (..., n_k, columns) array
    a : (..., n, n_(k-1)) array

    Returns
    -------
    (..., n, columns) array, a copy

    Raises
    ------
    ValueError
        If W has neither as many columns as a nor one more.
    """
    extra = W.shape[-1] - a.shape[-1]
    if extra not in (0, 1):
        raise ValueError(f"W has {W.shape[-1]} columns, it should have {a.shape[-1]}, or one more with a bias")
    return np.concatenate([a, np.full(a.shape[:-1] + (extra,), -1.0)], axis=-1)


def forward_pass(weights, X, act):
    """[Fukumizu 2019, supplement B] z_k = W_k a~_(k-1), a_k = phi(z_k), a_0 = x, all layers kept.

    Returns
    -------
    inputs : list of a~_(k-1), (..., n, n_(k-1)) or one column more; the first, from X, has no stack axes
    z : list of z_k, (..., n, n_k); the last is the output f
    """
    inputs, z = [], []
    for k, W in enumerate(weights):
        a = act.f(z[-1]) if k else X
        inputs.append(augment(W, a))
        z.append(inputs[-1] @ W.mT)                                 # (n, n_k)
    return inputs, z


def deltas(weights, z, delta, act):
    """[Fukumizu 2019, supplement Eq. 15] (ii): all delta_k, from delta_J down.

    Returns
    -------
    list of arrays like z
    """
    found = [delta]
    for W, below in zip(weights[:0:-1], z[-2::-1]):
        found.append(found[-1] @ W[..., :below.shape[-1]] * act.df(below))      # without the bias column
    return found[::-1]


def backward_pass(weights, inputs, z, delta, act):
    """[Fukumizu 2019, supplement Eq. 15] The recursion (ii) for delta, and (i) summed over samples.

    Parameters
    ----------
    weights, inputs, z : the arguments and results of forward_pass
    delta : (..., n, M) array, delta_J

    Returns
    -------
    list of arrays like weights: sum_nu delta_k a~_(k-1)^T
    """
    grads = []
    for k in reversed(range(len(weights))):
        grads.append(delta.mT @ inputs[k])                          # (n_k, columns)
        if k:
            units = z[k - 1].shape[-1]                              # without the bias column
            delta = delta @ weights[k][..., :units] * act.df(z[k - 1])      # (n, n_(k-1))
    return grads[::-1]


def jacobian_pass(weights, inputs, z, act):
    """[Fukumizu 2019, supplement Eq. 15] The same recursion for every output: a row for each (nu, m).

    Parameters
    ----------
    weights, inputs, z : the arguments and results of forward_pass

    Returns
    -------
    (..., n M, P) array, m fastest
    """
    n, M = z[-1].shape[-2:]
    P = sum(W.shape[-2] * W.shape[-1] for W in weights)
    J = np.empty(z[-1].shape[:-2] + (n * M, P))
    delta, stop = np.tile(np.eye(M), (n, 1)), P                     # (n M, M): row (nu, m) starts at d f_m / d f
    for k in reversed(range(len(weights))):
        block = delta[..., :, None] * np.repeat(inputs[k], M, axis=-2)[..., None, :]    # (n M, n_k, columns)
        start = stop - weights[k].shape[-2] * weights[k].shape[-1]
        J[..., start:stop] = block.reshape(block.shape[:-2] + (stop - start,))
        stop = start
        if k:
            units = z[k - 1].shape[-1]
            delta = delta @ weights[k][..., :units] * np.repeat(act.df(z[k - 1]), M, axis=-2)
    return J


def forward(weights, X, act):
    """[Fukumizu 2019, Eq. 1 and supplement B] The outputs f = z_J, with z_k = W_k a~_(k-1), a_k = phi(z_k), a_0 = x.

    Parameters
    ----------
    weights : list of arrays
    X : (n, D) array
    act : Activation

    Returns
    -------
    (n, M) array

    Raises
    ------
    ValueError
        If an argument is bad or the outputs overflow.
    """
    weights, X = check_net(weights, X, act)
    with np.errstate(over="ignore", invalid="ignore"):
        a = X
        for W in weights[:-1]:
            a = act.f(augment(W, a) @ W.T)                          # (n, n_k)
        F = augment(weights[-1], a) @ weights[-1].T                 # (n, M)
    check_overflow("the output", F)
    return F


def training_loss(weights, X, Y, act, loss=SQUARE):
    """[Fukumizu 2019, Eq. 3] L = sum_nu l(y_nu, f(x_nu)): the sum over samples, not the mean.

    Parameters
    ----------
    weights : list of arrays
    X, Y : (n, D) and (n, M) arrays
    act : Activation
    loss : Loss

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If an argument is bad or the loss overflows.
    """
    weights, X, Y = check_net(weights, X, act, Y, loss)
    with np.errstate(over="ignore"):
        L = np.sum(loss.value(forward(weights, X, act), Y))
    check_overflow("the loss", L)
    return float(L)


def gradient(weights, X, Y, act, loss=SQUARE):
    """[Fukumizu 2019, supplement Eq. 15] dL/dW_k = sum_nu delta_k a~_(k-1)^T by back-propagation.

    Parameters
    ----------
    weights : list of arrays
    X, Y : (n, D) and (n, M) arrays
    act : Activation
    loss : Loss

    Returns
    -------
    list of arrays like weights

    Raises
    ------
    ValueError
        If an argument is bad or the gradient overflows.
    """
    weights, X, Y = check_net(weights, X, act, Y, loss)
    with np.errstate(over="ignore", invalid="ignore"):
        inputs, z = forward_pass(weights, X, act)
        check_overflow("the output", z[-1])
        grads = backward_pass(weights, inputs, z, loss.d1(z[-1], Y), act)
    check_overflow("the gradient", *grads)
    return grads


def jacobian(weights, X, act):
    """[Fukumizu 2019, supplement Eq. 15] J[nu, m] = d f_m(x_nu) / d theta, in the order of flatten.

    Parameters
    ----------
    weights : list of arrays
    X : (n, D) array
    act : Activation

    Returns
    -------
    (n, M, P) array

    Raises
    ------
    ValueError
        If an argument is bad or the Jacobian overflows.
    """
    weights, X = check_net(weights, X, act)
    with np.errstate(over="ignore", invalid="ignore"):
        inputs, z = forward_pass(weights, X, act)
        J = jacobian_pass(weights, inputs, z, act)                  # (n M, P)
    check_overflow("the Jacobian", J)
    return J.reshape(len(X), -1, J.shape[1])


# ---------------------------------------------------------------------------------------------
# A net that fits any data exactly [Cooper 2018, Section 3.1]
#
# All hidden units look in one direction a: unit j computes sigma(t - b_j) of t = a . x. With the data sorted
# by t and b_j between t_(j-1) and t_j, unit j is off on the points before j and on from j on: the matrix
# A_ij = sigma(t_i - b_j) is lower triangular with a positive diagonal, and A m = y is solved top to bottom.
#
# In float64 the choices that the proof leaves open decide everything. For sigma = ReLU the recursion is explicit:
# with gaps g_i = t_i - t_(i-1), b_i = t_(i-1) + knot g_i and the slope S_i = m_1 + ... + m_i after knot i,
#
#     S_i = d_i - knot/(1-knot) S_(i-1),  d_i = (y_i - y_(i-1)) / ((1-knot) g_i),  m_i = S_i - S_(i-1),  S_0 = y_0 = 0
#
# where t_0 is a free choice (`thresholds`). Errors are passed on with the factor knot/(1-knot): the paper's 1/2
# passes them on undiminished, 0.1 divides them by 9 at each point (0 would let rounding switch unit i on at point
# i-1). What is left is eps times the growth max_i sum_j |A_ij m_j|, which depends on the direction: we take the best
# of a hundred. smooLU(s) is s - 1 + O(1/s) for large s and 0 below 1/745, so a is scaled up until the smallest gap
# is about 2^20, where smooLU is a shifted ReLU and a bounded sigma a step. In a deep net a bounded sigma must carry t
# through its rising part first, so the units that carry see a range of 1/4 and the last layer scales up.
# ---------------------------------------------------------------------------------------------

def interpolate_as_printed(X, Y, act, a):
    """[Cooper 2018, Lemma 3.3] The net of the lemma's proof, word for word: n units that all look in the direction a.

        t_i = a . x_i, sorted;    b_i = (t_(i-1) + t_i) / 2,  t_0 = t_1 - 1;    A_ij = sigma(t_i - b_j);    A m = y

    Parameters
    ----------
    X, Y : (n, D) and (n, M) arrays
    act : Activation, rectified in the sense of Definition 3.1
    a : (D,) array with distinct a . x_i

    Returns
    -------
    [W1 (n, D + 1), W2 (M, n)]: A is lower triangular, as sigma is 0 left of its threshold, and its diagonal positive.

    Raises
    ------
    ValueError
        If an argument is bad, two a . x_i are equal, or a diagonal entry of A underflows to 0.

    Notes
    -----
    Right in exact arithmetic. In float64 smooLU underflows where points are close, and ReLU loses digits with each
    point (tests/test_landscape.py::test_the_literal_construction_fails_in_float64); `interpolate` has the remedies.
    """
    X, Y, a = check_direction(X, Y, act, a)
    t = X @ a                                                       # (n,)
    order = np.argsort(t)
    t = t[order]
    b = (np.append(t[0] - 1, t[:-1]) + t) / 2
    A = act.f(t[:, None] - b)                                       # (n, n), lower triangular
    check_pivots(A)
    with np.errstate(over="ignore", invalid="ignore"):
        m = triangular_solve(A, Y[order])                           # (n, M)
    check_overflow("m", m)
    return [np.column_stack([np.tile(a, (len(X), 1)), b]), m.T.copy()]


def thresholds(t, knot):
    """[Cooper 2018, Lemma 3.3] b_i = t_(i-1) + knot (t_i - t_(i-1)), in the order of sorted t.

    Parameters
    ----------
    t : (n,) array of distinct numbers, in any order
    knot : float in (0, 1); the paper has 1/2

    Returns
    -------
    order : (n,) array of int, sorts t
    b : (n,) array; t_0 lies one whole range of t before t_1 (one unit, if n = 1), so as not to be
        out of proportion with the other gaps, as the paper's t_0 = t_1 - 1 may be.
    """
    order = np.argsort(t)
    t = t[order]
    t_0 = t[0] - ((t[-1] - t[0]) or 1.0)
    return order, t - (1 - knot) * np.diff(t, prepend=t_0)


def interpolation_growth(t, Y, knot):
    """[beyond the papers] max_i sum_j |A_ij m_j| of the ReLU recursion above, for many directions at once.

    Parameters
    ----------
    t : (R, n) array, sorted along the last axis: R ways to put n points on a line
    Y : (R, n, M) array, targets in the same order
    knot : float in (0, 1/2]

    Returns
    -------
    (R,) array, in units of Y: the residual of the exact fit will be 0.1 to 1 times eps times this. For knot
    above 0.36 and n > 64 an estimate, for the memory of the recursion is cut after 64 points.
    """
    gaps = np.diff(t, axis=1, prepend=2 * t[:, :1] - t[:, -1:])
    b = t - (1 - knot) * gaps
    d = np.diff(Y, axis=1, prepend=0) / ((1 - knot) * gaps)[:, :, None]         # (R, n, M)
    ratio, S, power = -knot / (1 - knot), d.copy(), 1.0
    for lag in range(1, min(64, t.shape[1])):                       # the geometric memory, S = sum ratio^lag d
        power *= ratio
        if abs(power) < 1e-16:
            break
        S[:, lag:] += power * d[:, :-lag]
    m = np.abs(np.diff(S, axis=1, prepend=0))
    sums = t[:, :, None] * np.cumsum(m, axis=1) - np.cumsum(b[:, :, None] * m, axis=1)  # sum_j (t_i - b_j) |m_j|
    return np.abs(sums).max(axis=(1, 2))


def best_scale(act, gap):
    """[beyond the papers] The factor for a . x with range 1 and smallest gap `gap` before a layer of thresholds.

    Returns
    -------
    float, a power of two, so that no digit is lost: the smallest gap becomes about 2^20 if act is like x there
    (ReLU, smooLU) or has reached its bound (then a threshold unit is a step), else the range becomes 2^-10, where
    an activation with a slope at 0 is like ReLU.
    """
    with np.errstate(all="ignore"):
        middle, far = act.f(np.array([2.0 ** 20, 2.0 ** 40]))
    large = far <= 1.5 * middle or 2.0 ** 39 <= far <= 2.0 ** 41
    return 2.0 ** np.round(20 - np.log2(gap)) if large else 2.0 ** -10


def separating_direction(X, Y, knot, rng):
    """[Cooper 2018, Lemma 3.3] A vector a with all a . x_i distinct, the best of a hundred.

    Parameters
    ----------
    X, Y : (n, D) and (n, M) arrays, rows of X distinct
    knot : float in (0, 1/2]
    rng : numpy Generator

    Returns
    -------
    (D,) array; the range of a . x is between 0.7 and 1.5.

    Raises
    ------
    ValueError
        If no direction keeps the inputs apart in float64.
    """
    with np.errstate(all="ignore"):                                 # what is not finite is refused at the end
        spread = np.ptp(X, axis=0)
        directions = rng.normal(size=(X.shape[1], 100)) / np.where(spread > 0, spread, np.inf)[:, None]
        t = (X @ directions).T                                      # (100, n)
        order = np.argsort(t, axis=1)
        t = np.take_along_axis(t, order, axis=1)
        gap = np.diff(t, axis=1).min(axis=1) if len(X) > 1 else np.ones(len(t))
        growth = interpolation_growth(t - t[:, :1], Y[order], knot) if len(X) > 1 else np.ones(len(t))
        growth = np.where((gap > 0) & np.isfinite(growth), growth, np.inf)
        best = np.argmin(growth)
        power = 2.0 ** -np.round(np.log2(t[best, -1] - t[best, 0] or 1.0))
        a = directions[:, best] * power                             # no digit is lost
        scaled = np.append(a, X @ a) * (2.0 ** 21 / (power * gap[best]))        # best_scale does so, up to 2^(1/2)
    if not np.isfinite(growth[best]) or not np.isfinite(scaled).all():
        raise ValueError("X has rows too close to each other for an exact fit in float64")
    return a


def triangular_solve(A, Y):
    """[beyond the papers] X with A X = Y for lower triangular A, by halves: O(n^2) in BLAS, no loop over rows.

    Reversing rows and columns makes a small block upper triangular, where elimination finds nothing to do:
    NumPy's general solver then is plain substitution, with its small componentwise error.

    Parameters
    ----------
    A : (n, n) array, zero above the diagonal, nonzero on it
    Y : (n, M) array

    Returns
    -------
    (n, M) array
    """
    n = len(A)
    if n <= 64:
        return np.linalg.solve(A[::-1, ::-1], Y[::-1])[::-1]
    half = n // 2
    top = triangular_solve(A[:half, :half], Y[:half])
    return np.concatenate([top, triangular_solve(A[half:, half:], Y[half:] - A[half:, :half] @ top)])


def interpolate_deep(X, Y, widths, act=SMOOLU, *, knot=0.1, rng=None):
    """[Cooper 2018, Lemma 3.3, Corollary 3.4, Remark 4.2] Weights of a deep net with f(x_i) = y_i for all i.

    The first unit of each layer but the last hidden one carries s = a . x - b_1 > 0 forward, and the
    last hidden layer is that of Lemma 3.3 for the scalar s as it arrives there. M outputs share it (the paper
    takes M copies of the net; one hidden layer is enough).

    Parameters
    ----------
    X, Y : (n, D) and (n, M) arrays, rows of X distinct
    widths : [H_1, ..., H_T], widths of the hidden layers, the last at least n
    act : Activation, rectified in the sense of Definition 3.1
    knot : float in (0, 1/2], the place of each threshold between two neighbours; the paper has 1/2
    rng : seed or numpy Generator, for the direction a

    Returns
    -------
    list of T + 1 arrays, each with a bias column; spare units are zero.

    Raises
    ------
    ValueError
        If rows of X are equal, act is not rectified, the last width is below n, or the inputs are so
        close to each other that float64 cannot reach a residual of 1e-6 of the largest target.

    Notes
    -----
    Printed with a last hidden matrix of one entry 1 and zeros, which makes that layer's output of rank 1;
    its first column must be ones on n rows, with thresholds from the propagated values
    (tests/test_landscape.py::test_erratum_corollary_3_4_as_printed_has_rank_one).
    """
    widths = check_widths("widths", widths)
    X, Y = check_interpolation(X, Y, widths, act, knot)
    check_seed(rng)
    rng = np.random.default_rng(rng)
    (n, D), M = X.shape, Y.shape[1]
    a = separating_direction(X, Y, knot, rng)
    weights, sizes, t = [], [D, *widths], np.sort(X @ a)
    carry = best_scale(act, np.diff(t).min(initial=1.0)) if act.f(np.array([2.0 ** 40]))[0] >= 2.0 ** 39 else 0.25
    for k, (n_in, size) in enumerate(zip(sizes, sizes[1:])):
        W = np.zeros((size, n_in + 1))
        last = k == len(widths) - 1
        rows = slice(n) if last else slice(1)                       # the units used
        W[rows, :n_in] = np.eye(1, n_in) if k else a
        s = forward(weights + [W], X, act)[:, 0]                    # (n,), a . x or what arrives of it
        if last:
            gap = np.diff(np.sort(s)).min(initial=np.ptp(s) or 1.0)
            scale = best_scale(act, gap) if gap > 0 else 1.0
            W[rows, :n_in] *= scale
            order, W[rows, -1] = thresholds(scale * s, knot)
        elif k == 0:
            W[0] *= carry
            W[0, -1] = carry * (s.min() - 1)                        # so that carry <= s: smooLU takes 1 off it a layer
        weights.append(W)
    A = act.f(forward(weights, X, act))[order, :n]                  # sigma(s_i - b_j), by the very products of forward
    if np.triu(A, 1).any() or not np.diagonal(A).all():
        raise ValueError("X has rows so close to each other that float64 cannot tell their projections apart")
    output = np.zeros((M, widths[-1] + 1))
    output[:, :n] = triangular_solve(A, Y[order]).T                 # m, or M2 for M outputs (Remark 4.2)
    miss = np.abs(A @ output[:, :n].T - Y[order]).max()
    if not miss <= 1e-6 * np.abs(Y).max():
        raise ValueError(f"X has rows so close to each other, or act ({act.name}) is so curved, "
                         f"that the exact fit would miss Y by {miss:.1e}")
    return weights + [output]


def interpolate(X, Y, act=SMOOLU, *, width=None, knot=0.1, rng=None):
    """[Cooper 2018, Lemma 3.3, Remark 4.2] Weights [W1, W2] with f(x_i) = y_i for all i, in closed form.

        f(x) = sum_j m_j sigma(a . x - b_j),   A_ij = sigma(a . x_i - b_j),   A m = y

    Parameters
    ----------
    X, Y : (n, D) and (n, M) arrays, rows of X distinct
    act : Activation, rectified in the sense of Definition 3.1
    width : int, at least n; default n. Spare units are zero: inactive units and inactive propagation at once
        [Fukumizu 2019, supplement Eq. 28].
    knot : float in (0, 1/2], the place of each threshold between two neighbours; the paper has 1/2
    rng : seed or numpy Generator, for the direction a

    Returns
    -------
    list of two arrays, (width, D + 1) and (M, width + 1). The tied family of the lemma has 2n + D
    parameters, the net itself width (D + 2) + 1 for M = 1.

    Raises
    ------
    ValueError
        As interpolate_deep, of which this is the case of one hidden layer.
    """
    X = check_array("X", X, 2)
    width = len(X) if width is None else width
    width = check_number("width", width, len(X), whole=True)
    return interpolate_deep(X, Y, [width], act, knot=knot, rng=rng)


def check_direction(X, Y, act, a):
    """[the project] The arguments of interpolate_as_printed.

    Returns
    -------
    X, Y, a as float64 arrays

    Raises
    ------
    ValueError
        If they do not fit each other, two rows of X have the same a . x, or act is no Activation.
    """
    X, Y, a = check_array("X", X, 2), check_array("Y", Y, 2), check_array("a", a, 1)
    check_functions("act", act, ("f", "df", "d2f"), "an Activation such as SMOOLU")
    if len(Y) != len(X):
        raise ValueError(f"Y has {len(Y)} rows, it should have {len(X)}, as X")
    if len(a) != X.shape[1]:
        raise ValueError(f"a has length {len(a)}, it should be {X.shape[1]}, the columns of X")
    if max(np.abs(X).max(), np.abs(Y).max(), np.abs(a).max()) > 1e100:
        raise ValueError("X, Y or a reaches beyond 1e100, they should stay below: A would overflow")
    if len(np.unique(X @ a)) < len(X):
        raise ValueError("a has the same product with two rows of X, it should have distinct ones")
    return X, Y, a


def check_pivots(A):
    """[the project] Refuse the system of Lemma 3.3 where an entry of the diagonal is 0 or not finite.

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If there is one.
    """
    pivots = np.diagonal(A)
    if not (np.isfinite(A).all() and (pivots > 0).all() and not np.triu(A, 1).any()):
        raise ValueError("a or act should make A lower triangular with a positive diagonal; "
                         f"{np.sum(~(pivots > 0))} of its {len(A)} diagonal entries are not: see interpolate")


def check_interpolation(X, Y, widths, act, knot):
    """[the project] The conditions of Lemma 3.3 and Corollary 3.4.

    Returns
    -------
    X, Y as float64 arrays

    Raises
    ------
    ValueError
        If one of them fails.
    """
    X, Y = check_array("X", X, 2), check_array("Y", Y, 2)
    if len(X) != len(Y):
        raise ValueError(f"Y has {len(Y)} rows, it should have {len(X)}, as X")
    for name, array in (("X", X), ("Y", Y)):
        if np.abs(array).max() > 1e150:                             # so that differences and products stay finite
            raise ValueError(f"{name} reaches {np.abs(array).max():.1e} in size, it should stay below 1e150")
    check_functions("act", act, ("f", "df", "d2f"), "an Activation such as SMOOLU")
    grid = np.geomspace(1e-6, 1e6, 61)
    with np.errstate(all="ignore"):
        rise, off = act.f(grid), np.append(act.f(-grid), act.f(np.zeros(1)))
    if off.any() or not (rise[1:] >= rise[:-1]).all() or not rise[30] > 0:  # smooLU underflows near 0
        raise ValueError(f"act is {act.name}, it should be rectified: 0 for x <= 0 and increasing for x > 0, "
                         "as SMOOLU, RELU or RECTIFIED_TANH")
    if widths[-1] < len(X):
        raise ValueError(f"widths ends in {widths[-1]}, it should end in at least {len(X)}, the number of rows of X")
    if not 0 < check_number("knot", knot) <= 0.5:
        raise ValueError(f"knot is {knot!r}, it should lie in (0, 1/2]")
    order = np.lexsort(X.T)
    equal = (X[order[1:]] == X[order[:-1]]).all(axis=1)
    if equal.any():
        i, j = sorted(order[np.argmax(equal):][:2])
        raise ValueError(f"X has equal rows, {i} and {j}; they should be distinct, even where the targets agree")
    return X, Y


# ---------------------------------------------------------------------------------------------
# Fitting
# ---------------------------------------------------------------------------------------------

class Fit(NamedTuple):
    """[the project] Result of a fit: converged tells whether `weights` is a stationary point up to rounding."""
    weights: list
    loss: float
    iterations: int
    converged: bool


def rounding_level(weights, X, act):
    """[beyond the papers] About how far rounding alone can move each output: 4 eps times the sums of |terms|.

        e_1 = 4 eps |x~| |W_1|^T,   e_k = (|phi'(z_(k-1))| e_(k-1)) |W_k|^T + 4 eps |a~_(k-1)| |W_k|^T

    with W_k without its bias column in the first term. A sum of m products is off by at most m eps times the sum
    of their sizes, and typically by sqrt(m) eps: 4 covers the layers met here.

    Parameters
    ----------
    weights : list of arrays, or of stacks (..., n_k, columns)
    X : (n, D) array
    act : Activation

    Returns
    -------
    (..., n, M) array, in units of the outputs: no fit can be asked for a residual below it.
    """
    inputs, z = forward_pass(weights, X, act)
    eps4, level = 4 * np.finfo(float).eps, np.zeros_like(X)         # a_0 = x is exact
    for k, W in enumerate(weights):
        level = level @ np.abs(W[..., :level.shape[-1]]).mT + eps4 * np.abs(inputs[k]) @ np.abs(W).mT       # of z_k
        if k < len(weights) - 1:
            level = np.abs(act.df(z[k])) * level                    # of a_k
    return level


def damped_step(r, J, damping):
    """[beyond the papers] The Levenberg-Marquardt step for each net of a stack, in whichever form is smaller.

        J^T (J J^T + mu I)^-1 r  if nM <= P,  else  (J^T J + mu I)^-1 J^T r

    mu is the damping times the largest diagonal entry of the matrix it is added to.

    Parameters
    ----------
    r : (B, nM) array
    J : (B, nM, P) array
    damping : (B,) array

    Returns
    -------
    (B, P) array, to be subtracted from theta
    """
    dual = J.shape[1] <= J.shape[2]
    gram, rhs = (J @ J.mT, r[..., None]) if dual else (J.mT @ J, J.mT @ r[..., None])
    diagonal = np.einsum("bii->bi", gram)                           # a view: the damping is added in place
    diagonal += (damping * np.maximum(diagonal.max(axis=1), np.finfo(float).tiny))[:, None]
    step = np.linalg.solve(gram, rhs)
    return (J.mT @ step if dual else step)[..., 0]


def fit_many(starts, X, Y, act, *, iterations=300):
    """[beyond the papers] Levenberg-Marquardt for the square loss from many starts, all in one batch.

    With r and J of all samples and outputs stacked, a damped step moves theta to theta - J^T (J J^T + mu I)^-1 r
    (`damped_step`). The damping falls by 10 after a step that lowers |r| and rises by 4 after one that does not;
    twelve of those in a row (4^12 = 10^7) end it. Up to a dozen undamped steps of minimum norm, theta - J^+ r, then
    take the nets that nearly interpolate to the rounding floor.

    Parameters
    ----------
    starts : list of weights, all of the same shapes
    X, Y : (n, D) and (n, M) arrays, the inputs of like size: a step treats all weights alike
    act : Activation
    iterations : int, largest number of damped steps

    Returns
    -------
    list of Fit, one per start, with the attained loss |r|^2 / 2. converged: every residual is at its
    rounding level, or the gradient J^T r is (within 1e-12 |J|^T |r|), as at a minimum above zero. Such a
    minimum is approached slowly here; `minimize` is made for it. fit(w) gives what fit_many([w])[0] gives.

    Raises
    ------
    ValueError
        If an argument is bad, the starts differ in shape, or the output at a start overflows.
    """
    if not isinstance(starts, (list, tuple)) or len(starts) == 0:
        raise ValueError(f"starts is {starts!r}, it should be a list of weights with at least one element")
    X = check_array("X", X, 2)
    starts = [check_weights(weights, X.shape[1], f"starts[{i}]") for i, weights in enumerate(starts)]
    _, X, Y = check_net(starts[0], X, act, Y)
    like = starts[0]
    if any([W.shape for W in weights] != [W.shape for W in like] for weights in starts):
        raise ValueError("starts holds nets of several shapes, they should all have the shapes of starts[0]")
    iterations = check_number("iterations", iterations, 0, whole=True)
    with np.errstate(over="ignore", invalid="ignore"):              # a step that overflows is not taken
        theta = np.stack([flatten(weights) for weights in starts])  # (B, P)
        r, J = residual_and_jacobian(theta, like, X, Y, act)        # (B, nM), (B, nM, P)
        check_overflow("the output at a start", (r ** 2).sum(axis=1), J)
        damping, rejected = np.full(len(theta), 1e-3), np.zeros(len(theta), int)
        count, active = np.zeros(len(theta), int), np.flatnonzero(~settled(theta, r, J, like, X, act))
        for _ in range(iterations):
            if len(active) == 0:
                break
            trial = theta[active] - damped_step(r[active], J[active], damping[active])
            better = (residual(trial, like, X, Y, act) ** 2).sum(axis=1) < (r[active] ** 2).sum(axis=1)
            count[active] += 1
            rejected[active] = np.where(better, 0, rejected[active] + 1)
            damping[active] = np.where(better, np.maximum(damping[active] / 10, 1e-14), damping[active] * 4)
            theta[active[better]] = trial[better]
            r[active[better]], J[active[better]] = residual_and_jacobian(trial[better], like, X, Y, act)
            active = active[(rejected[active] < 12) & ~stationary(r[active], J[active])]
        terms = rounding_level(unstack(theta, like), X, act).reshape(r.shape) / (4 * EPS)         # sums of |terms|
        near = np.flatnonzero((np.abs(r) <= 1e-6 * terms).all(axis=1))
        for _ in range(12):
            if len(near) == 0:
                break
            before = (r[near] ** 2).sum(axis=1)
            trial = theta[near] - (np.linalg.pinv(J[near], rcond=1e-13) @ r[near, :, None])[..., 0]
            after = (residual(trial, like, X, Y, act) ** 2).sum(axis=1)
            moved = near[after < before]
            theta[moved], count[moved] = trial[after < before], count[moved] + 1
            r[moved], J[moved] = residual_and_jacobian(theta[moved], like, X, Y, act)
            near = near[after < before / 2]
        done = settled(theta, r, J, like, X, act)
    return [Fit(unflatten(t, like), float((ri ** 2).sum() / 2), int(c), bool(d))
            for t, ri, c, d in zip(theta, r, count, done)]


def residual(theta, like, X, Y, act):
    """[Cooper 2018, Thm 2.1] r = f - y, samples and outputs stacked, for a stack theta (B, P) of nets.

    Returns
    -------
    (B, n M) array
    """
    F = forward_pass(unstack(theta, like), X, act)[1][-1]           # (B, n, M)
    return (F - Y).reshape(len(theta), Y.size)


def residual_and_jacobian(theta, like, X, Y, act):
    """[Cooper 2018, Thm 2.1] r = f - y and J = dr/dtheta for a stack theta (B, P) of nets.

    Returns
    -------
    r : (B, n M) array
    J : (B, n M, P) array
    """
    weights = unstack(theta, like)
    inputs, z = forward_pass(weights, X, act)
    return (z[-1] - Y).reshape(len(theta), Y.size), jacobian_pass(weights, inputs, z, act)


def settled(theta, r, J, like, X, act):
    """[beyond the papers] Which nets of a stack are done: every residual at its rounding level, or J^T r rounding.

    Returns
    -------
    (B,) bool array
    """
    floor = rounding_level(unstack(theta, like), X, act).reshape(r.shape)
    return (np.abs(r) <= floor).all(axis=1) | stationary(r, J)


def stationary(r, J):
    """[beyond the papers] Whether |J^T r| is rounding: at most 1e-12 |J|^T |r|, parameter by parameter.

    Parameters
    ----------
    r : (B, n M) array
    J : (B, n M, P) array

    Returns
    -------
    (B,) bool array
    """
    g = (r[:, None] @ J)[:, 0]                                      # (B, P)
    return (np.abs(g) <= 1e-12 * (np.abs(r)[:, None] @ np.abs(J))[:, 0]).all(axis=1)


def fit(weights, X, Y, act, *, iterations=300):
    """[beyond the papers] Levenberg-Marquardt for the square loss, to the rounding floor if the net can interpolate.

    Parameters
    ----------
    weights : list of arrays, the start
    X, Y : (n, D) and (n, M) arrays
    act : Activation
    iterations : int, largest number of damped steps

    Returns
    -------
    Fit(weights, loss, iterations, converged), see fit_many.

    Raises
    ------
    ValueError
        If an argument is bad or the output at the start overflows.
    """
    weights, X, Y = check_net(weights, X, act, Y)
    return fit_many([weights], X, Y, act, iterations=iterations)[0]


def gradient_level(weights, X, Y, act, loss):
    """[beyond the papers] Which size of dL/dtheta counts as zero, parameter by parameter.

        sum_nu |J_nu|^T (1e-12 |l'_nu| + |l'(f_nu + e_nu) - l'(f_nu - e_nu)|)

    The first term is the rounding of the sum over samples, with a margin of some thousand; the second is
    what the rounding e of the outputs themselves (`rounding_level`) does to l', and dominates where l' -> 0.

    Parameters
    ----------
    weights : list of arrays
    X, Y : (n, D) and (n, M) arrays
    act : Activation
    loss : Loss

    Returns
    -------
    (P,) array; nan where l' has underflowed on all samples: then the minimum lies at infinity, and no
        gradient is small enough.

    Raises
    ------
    ValueError
        If the outputs overflow.
    """
    inputs, z = forward_pass(weights, X, act)
    e = rounding_level(weights, X, act)
    check_overflow("the output with its rounding", z[-1] + e, z[-1] - e)
    slope = 1e-12 * np.abs(loss.d1(z[-1], Y)) + np.abs(loss.d1(z[-1] + e, Y) - loss.d1(z[-1] - e, Y))
    if slope.max() < 1e-290:
        return np.full(sum(W.size for W in weights), np.nan)
    return slope.ravel() @ np.abs(jacobian_pass(weights, inputs, z, act))


def stacked_gradient(theta, like, X, Y, act, loss=SQUARE):
    """[Fukumizu 2019, supplement Eq. 15] dL/dtheta of many nets of one shape at once, for descents side by side.

    Parameters
    ----------
    theta : (B, P) array, a net in each row
    like : list of arrays, for the shapes
    X, Y : (n, D) and (n, M) arrays
    act : Activation
    loss : Loss

    Returns
    -------
    (B, P) array

    Raises
    ------
    ValueError
        If the outputs overflow; the other arguments are taken as they are.
    """
    weights = unstack(theta, like)
    with np.errstate(over="ignore", invalid="ignore"):
        inputs, z = forward_pass(weights, X, act)
    F = z[-1]                                                       # (B, n, M)
    check_overflow("the output", F)
    delta = loss.d1(F.reshape(-1, F.shape[2]), np.tile(Y, (len(F), 1))).reshape(F.shape)
    grads = backward_pass(weights, inputs, z, delta, act)
    return np.concatenate([g.reshape(len(theta), -1) for g in grads], axis=1)


def exact_hessian(weights, X, Y, act, loss):
    """[Pearlmutter 1994] The Hessian of L, column by column: the derivative of back-propagation along each weight.

    With R{.} the derivative along V (R{W_k} = V_k, R{x} = 0), the product rule applied to the two passes gives

        R{z_k} = V_k a~_(k-1) + W_k R{a_(k-1)},   R{a_k} = phi'(z_k) R{z_k},   R{delta_J} = l'' R{f}
        R{delta_(k-1)} = phi'(z_(k-1)) (W_k^T R{delta_k} + V_k^T delta_k) + phi''(z_(k-1)) R{z_(k-1)} (W_k^T delta_k)
        H V = R{delta_k} a~_(k-1)^T + delta_k R{a~_(k-1)}^T,   layer by layer

    here for all P unit vectors V as one stack (in chunks that fit the cache). Plain, and enough for small nets;
    the fast way to the same matrix has a module of its own, hessian.py.

    Returns
    -------
    (P, P) array, symmetric

    Raises
    ------
    ValueError
        If the loss has no second derivative at an output.
    """
    inputs, z = forward_pass(weights, X, act)
    units, delta, d2l = [u.shape[1] for u in z], [loss.d1(z[-1], Y)], loss.d2(z[-1], Y)
    for k in reversed(range(len(weights) - 1)):
        delta.insert(0, delta[0] @ weights[k + 1][:, :units[k]] * act.df(z[k]))         # (n, n_k)
    P = sum(W.size for W in weights)
    H, chunk = np.empty((P, P)), max(1, 500_000 // (len(X) * sum(units)))
    for start in range(0, P, chunk):
        V = unstack(np.eye(P)[start:start + chunk], weights)        # (chunk, n_k, columns)
        Rz, Ra = [inputs[0] @ V[0].mT], []
        for k in range(1, len(weights)):
            Ra.append(act.df(z[k - 1]) * Rz[-1])                    # (chunk, n, n_k)
            Rz.append(inputs[k] @ V[k].mT + Ra[-1] @ weights[k][:, :units[k - 1]].T)
        Rdelta, columns = np.einsum("nkm,bnm->bnk", d2l, Rz[-1]), []
        for k in reversed(range(len(weights))):
            block = Rdelta.mT @ inputs[k]                           # (chunk, n_k, columns)
            if k:
                block[..., :units[k - 1]] += delta[k].T @ Ra[k - 1]
                back = weights[k][:, :units[k - 1]]
                Rdelta = (act.df(z[k - 1]) * (Rdelta @ back + delta[k] @ V[k][..., :units[k - 1]])
                          + act.d2f(z[k - 1]) * Rz[k - 1] * (delta[k] @ back))
            columns.insert(0, block.reshape(len(block), -1))
        H[start:start + chunk] = np.concatenate(columns, axis=1)
    return (H + H.T) / 2


def minimize(weights, X, Y, act, loss=SQUARE, *, iterations=1000):
    """[beyond the papers] Descent to a stationary point of any loss, down to the rounding of the gradient.

    Damped Newton: with H = sum_i lambda_i q_i q_i^T and g the Hessian and gradient at theta,

        step = -sum_i q_i (q_i . g) / (|lambda_i| + mu max_j |lambda_j|)

    so that negative curvature is descended, not climbed. A step is taken if it lowers L. mu falls by 10 where the
    decrease is at least 3/4 of g . step + step . H step / 2, rises by 4 where it is less than 1/4. Near the end L no
    longer resolves the change; there the decrease is -(g + g_new) . step / 2, which keeps its digits.

    Parameters
    ----------
    weights : list of arrays, the start
    X, Y : (n, D) and (n, M) arrays
    act : Activation
    loss : Loss
    iterations : int, largest number of steps tried

    Returns
    -------
    Fit(weights, loss, iterations, converged). converged is True only if every entry of the gradient is below
    `gradient_level`. It stays False for a minimum at infinity, as of the logistic loss on separable data or
    where a unit dies or saturates ever more (however small its gradient), at a kink of ReLU, and where the
    loss has no second derivative. A start at a saddle is stationary, and is returned at once.

    Raises
    ------
    ValueError
        If an argument is bad or the loss at the start overflows.

    Notes
    -----
    A step costs P products of the Hessian with a vector and an eigendecomposition of a P x P matrix: meant for P
    up to some hundreds, and for inputs of like size.
    """
    weights, X, Y = check_net(weights, X, act, Y, loss)
    iterations = check_number("iterations", iterations, 0, whole=True)
    like, theta = weights, np.concatenate([W.ravel() for W in weights])
    with np.errstate(over="ignore", invalid="ignore"):              # a step that overflows is not taken
        inputs, z = forward_pass(weights, X, act)
        check_overflow("the output at the start", z[-1])
        L, g = loss.value(z[-1], Y).sum(), backward_pass(weights, inputs, z, loss.d1(z[-1], Y), act)
        check_overflow("the loss at the start", L, *g)
        g = np.concatenate([G.ravel() for G in g])
        done = (np.abs(g) <= gradient_level(weights, X, Y, act, loss)).all()
        mu, count, moved = 1e-3, 0, True
        while not done and count < iterations and mu < 1e12:
            count += 1
            try:
                if moved:
                    values, Q = np.linalg.eigh(exact_hessian(unstack(theta, like), X, Y, act, loss))
                    c, size, moved = Q.T @ g, np.abs(values).max(), False
                s = -c / (np.abs(values) + mu * size + np.finfo(float).tiny)        # the step in the basis Q
                trial = unstack(theta + Q @ s, like)
                inputs, z = forward_pass(trial, X, act)
                L_new, g_new = loss.value(z[-1], Y).sum(), backward_pass(trial, inputs, z, loss.d1(z[-1], Y), act)
            except ValueError:                                      # outputs overflow, or the loss has no l''
                if moved:
                    break
                mu *= 4
                continue
            g_new = np.concatenate([G.ravel() for G in g_new])
            expected = -(c @ s + (values * s) @ s / 2)
            decrease = L - L_new if abs(c @ s) > 1e-7 * L else -(g + g_new) @ (Q @ s) / 2
            moved = decrease > 0
            mu = max(mu / 10, 1e-13) if decrease > 0.75 * expected else mu * (4 if decrease < 0.25 * expected else 1)
            if moved:
                theta, L, g = theta + Q @ s, L_new, g_new
                done = (np.abs(g) <= gradient_level(trial, X, Y, act, loss)).all()
    return Fit([W.copy() for W in unstack(theta, like)], float(L), count, bool(done))


# ---------------------------------------------------------------------------------------------
# The set of zero loss [Cooper 2018, Section 2]
# ---------------------------------------------------------------------------------------------

def jacobian_rank(weights, X, act):
    """[Cooper 2018, Thm 2.1] The rank of J, read as an (nM, P) matrix.

    nM at theta in Z means, for a smooth activation, that Z is a manifold of dimension P - nM around theta. Singular
    values count as zero below max(nM, P) eps s_1, NumPy's rule.

    Parameters
    ----------
    weights : list of arrays
    X : (n, D) array
    act : Activation

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If an argument is bad or the Jacobian overflows.
    """
    J = jacobian(weights, X, act)
    return int(np.linalg.matrix_rank(J.reshape(-1, J.shape[2])))


def perturb_labels(Y, epsilon, *, rng=None):
    """[Cooper 2018, Thm 2.1] New targets y~ = y + r, |r| < epsilon, for which 0 is a regular value (almost surely).

    By Sard's theorem (for a smooth activation) the values of f - y at which some preimage has a Jacobian of deficient
    rank have measure zero. So r, drawn from the ball of radius epsilon in R^(nM), is a regular value with probability
    one, and {f = y~} is empty or a manifold of dimension P - nM. (r is the paper's letter; elsewhere it is f - y.)

    Parameters
    ----------
    Y : (n, M) array
    epsilon : float > 0
    rng : seed or numpy Generator

    Returns
    -------
    (n, M) array

    Raises
    ------
    ValueError
        If Y is no finite matrix or epsilon is not positive.
    """
    Y, epsilon = check_array("Y", Y, 2), check_number("epsilon", epsilon, np.finfo(float).tiny)
    check_seed(rng)
    rng = np.random.default_rng(rng)
    r = rng.normal(size=Y.shape)
    radius = epsilon * rng.random() ** (1 / Y.size)                 # uniform in the ball
    return Y + r * (radius / np.linalg.norm(r))


def tangent_basis(weights, X, act):
    """[Cooper 2018, Sec. 5] An orthonormal basis of the kernel of J: the tangent space of Z where J has rank nM.

    Parameters
    ----------
    weights : list of arrays
    X : (n, D) array
    act : Activation

    Returns
    -------
    (P, P - rank) array, the right singular vectors of J for singular values below max(nM, P) eps s_1.

    Raises
    ------
    ValueError
        If an argument is bad or the Jacobian overflows.
    """
    J = jacobian(weights, X, act)
    _, s, Vt = np.linalg.svd(J.reshape(-1, J.shape[2]))             # Vt (P, P), all of it
    rank = np.sum(s > max(J.shape[0] * J.shape[1], J.shape[2]) * EPS * s[0])
    return Vt[rank:].T.copy()


def project_to_zero_loss(weights, X, Y, act):
    """[beyond the papers] Back to Z by Gauss-Newton steps of minimum norm, theta <- theta - J^+ r.

    Each step is the shortest one that solves r + J d = 0, so near Z the way is orthogonal to it. A step that
    does not lower |r| is halved. Ends where |r| falls no further.

    Parameters
    ----------
    weights : list of arrays
    X, Y : (n, D) and (n, M) arrays
    act : Activation

    Returns
    -------
    list of arrays, with every residual at its rounding level.

    Raises
    ------
    ValueError
        If an argument is bad, or Z is not reached from here: too far, or empty, or J of lower rank.
    """
    weights, X, Y = check_net(weights, X, act, Y)
    theta = flatten(weights)[None]                                  # a stack of one
    with np.errstate(over="ignore", invalid="ignore"):
        r, J = residual_and_jacobian(theta, weights, X, Y, act)
        check_overflow("the output", r, J)
        for _ in range(100):
            before = (r ** 2).sum()
            step = np.linalg.lstsq(J[0], r[0], rcond=None)[0]       # J^+ r
            for halving in 0.5 ** np.arange(12):
                trial = theta - halving * step
                if (residual(trial, weights, X, Y, act) ** 2).sum() < before:
                    break
            else:
                break                                               # no step helps: the floor, or stuck
            theta = trial
            r, J = residual_and_jacobian(theta, weights, X, Y, act)
            floor = rounding_level(unstack(theta, weights), X, act).reshape(r.shape)
            if (np.abs(r) <= floor).all() and (r ** 2).sum() > before / 2:
                break
        floor = rounding_level(unstack(theta, weights), X, act).reshape(r.shape)
    if not (np.abs(r) <= floor).all():
        worst = np.argmax(np.abs(r) - floor)
        raise ValueError(f"weights does not lead to zero loss: a residual stays at {np.abs(r[0, worst]):.1e}, "
                         f"rounding is {floor[0, worst]:.1e}; start nearer, or with a Jacobian of full rank")
    return unflatten(theta[0], weights)


def walk_zero_loss(weights, X, Y, act, *, steps, length, rng=None):
    """[beyond the papers] A random walk on Z: a step in the tangent space, then back to Z, and again.

        d = (I - J^+ J) N(0, I) scaled to |d| = length,   theta <- projection of theta + d

    Parameters
    ----------
    weights : list of arrays, on Z or so close that it can be projected
    X, Y : (n, D) and (n, M) arrays
    act : Activation
    steps : int, number of steps
    length : float > 0, norm of each tangent step, in the units of theta
    rng : seed or numpy Generator

    Returns
    -------
    list of steps + 1 weights, both ends included; the first is the start, projected.

    Raises
    ------
    ValueError
        If an argument is bad, Z cannot be reached, or the tangent space is {0}.
    """
    weights, X, Y = check_net(weights, X, act, Y)
    steps = check_number("steps", steps, 0, whole=True)
    length = check_number("length", length, np.finfo(float).tiny)
    check_seed(rng)
    rng = np.random.default_rng(rng)
    path = [project_to_zero_loss(weights, X, Y, act)]
    for _ in range(steps):
        J = jacobian(path[-1], X, act).reshape(Y.size, -1)
        for attempt in range(10):                                   # another direction, where one leads too far off Z
            d = rng.normal(size=J.shape[1])
            d -= np.linalg.lstsq(J, J @ d, rcond=None)[0]           # J^+ J d
            size = np.linalg.norm(d)
            if size < 1e-8:                                         # of sqrt(P): nothing but rounding is left
                raise ValueError("weights is an isolated point of the zero-loss set: the kernel of the Jacobian is {0}")
            try:
                there = unflatten(flatten(path[-1]) + d * (length / size), weights)
                path.append(project_to_zero_loss(there, X, Y, act))
                break
            except ValueError:
                if attempt == 9:
                    raise ValueError(f"length is {length}, it should be shorter: from step {len(path)} on, "
                                     "ten tangent steps of that length could not be projected back") from None
    return path


# ---------------------------------------------------------------------------------------------
# All ReLU nets with n/2 units through n points
#
# On n points of the line a unit can be on for the points right of a gap, left of a gap, or for all: 2n - 1 ways.
# While its set S_j of points is fixed, the unit contributes p_j x - q_j there, 0 elsewhere, whatever its sign:
# f(x_i) = sum_(j: i in S_j) (p_j x_i - q_j) = y_i is linear, n equations in the n unknowns (p, q). A solution is
# a net if every unit is on exactly on its own set: s_j (p_j x - q_j) > 0 on S_j and <= 0 off it, for a sign s_j,
# which is that of the output weight: (w_j, b_j, v_j) = (s p, s q, s) up to the rescaling that makes |v| = |(w, b)|.
# ---------------------------------------------------------------------------------------------

def pattern_solutions(S, t, y):
    """[beyond the papers] Solve the linear system of each activation pattern; keep those that agree with it.

    Parameters
    ----------
    S : (R, units, n) bool array, S[., j, i]: unit j is on at point i
    t, y : (n,) arrays, n = 2 units

    Returns
    -------
    (kept, units, 3) array of p, q and the sign s of the output weight; s = 0, p = q = 0 for a unit not needed.
    """
    A = np.concatenate([S * t, -1.0 * S], axis=1).mT                # (R, n, 2 units): columns p, then q
    regular = np.linalg.slogdet(A)[0] != 0                          # else: no net of this pattern, or a continuum
    S, A = S[regular], A[regular]
    pq = np.linalg.solve(A, y[:, None])
    pq += np.linalg.solve(A, y[:, None] - A @ pq)                   # once refined: a further digit or two
    p, q = np.split(pq, 2, axis=1)                                  # (R, units, 1)
    needed = np.hypot(p, q) > 1e-10 * np.abs(y).max()               # far above rounding, far below any real unit
    line = p * t - q                                                # (R, units, n)
    line *= np.abs(line) > 1e-9 * np.hypot(p, q)                    # a kink on a data point counts for either side
    s = np.where((S & (line > 0)).any(axis=2, keepdims=True), 1.0, -1.0)
    agrees = (np.where(S, s * line >= 0, s * line <= 0) | ~needed).all(axis=(1, 2))
    return (np.concatenate([p, q, s], axis=2) * needed)[agrees]


def relu_interpolants(x, y, units):
    """[beyond the papers] All nets sum_j v_j relu(w_j x - b_j) with n/2 units through n points, smallest norm first.

    Enumerates all choices of `units` of the 2n - 1 activation patterns, in batches: 11,628 for n = 10. Almost all
    targets y have finitely many nets, and these are all of them. A pattern whose system is singular has none or a
    continuum (as where y_i = 0 and no unit is on); those are left out.

    Parameters
    ----------
    x : (n,) array, distinct
    y : (n,) array
    units : int, n / 2, at most 8 (7.9 million choices)

    Returns
    -------
    list of [W1 (units, 2), W2 (1, units)], possibly empty: most data have none. Each is confirmed by a forward
    pass to 1e-9 of the largest target; each unit balanced, |v_j| = |(w_j, b_j)|. Data that fewer
    units can fit leave units at zero, which could be anything in their place.

    Raises
    ------
    ValueError
        If x and y differ in length, inputs are equal up to rounding, n is not twice `units`, or a net overflows.
    """
    x, y = check_array("x", x, 1), check_array("y", y, 1)
    units = check_number("units", units, 1, 8, whole=True)
    n = len(x)
    if len(y) != n or n != 2 * units:
        raise ValueError(f"x and y have lengths {n} and {len(y)}, both should be {2 * units}, twice the units")
    if len(np.unique(x)) < n:
        raise ValueError("x has equal entries, they should be distinct")
    middle, half = x.max() / 2 + x.min() / 2, x.max() / 2 - x.min() / 2
    order, cut = np.argsort(x), np.arange(n)
    t = (x[order] - middle) / half if half > 0 else np.zeros(n)     # in [-1, 1], for the conditioning
    size = np.ldexp(0.5, np.frexp(np.abs(y).max())[1])              # of y, a power of two: no digit is lost
    if not (np.diff(t) > 0).all():
        raise ValueError("x has entries that float64 cannot tell apart beside the others, they should be distinct")
    on = np.concatenate([cut >= cut[:, None], cut < cut[1:, None]])             # (2n - 1, n): right of, left of a cut
    chosen, found = combinations(range(len(on)), units), []
    while len(sets := list(islice(chosen, 20_000))):
        found.append(pattern_solutions(on[np.array(sets)], t, y[order] / size))
    p, q, s = np.moveaxis(np.concatenate(found), 2, 0)              # each (nets, units)
    with np.errstate(all="ignore"):
        p, q = p * size / half, (q + p * (middle / half)) * size    # from t back to x
        v = s * np.sqrt(np.hypot(p, q)) + 0.0                       # no -0.0
        w, b = np.divide([p, q], v, out=np.zeros((2,) + p.shape), where=s != 0)
        F = (relu(w[:, None] * x[:, None] - b[:, None]) * v[:, None]).sum(axis=2)       # (nets, n)
    check_overflow("the net", F)
    right = np.abs(F - y).max(axis=1) <= 1e-9 * np.abs(y).max()
    nets = {}                                                       # a net found under two patterns counts once
    norms = ((v[right] / np.abs(v).max(initial=np.finfo(float).tiny)) ** 2).sum(axis=1)
    for i in np.flatnonzero(right)[np.argsort(norms, kind="stable")]:
        units_found = np.column_stack([w[i], b[i], v[i]])
        key = np.round(units_found / max(np.abs(units_found).max(), np.finfo(float).tiny), 6) + 0.0
        nets.setdefault(tuple(sorted(map(tuple, key))), [units_found[:, :2].copy(), units_found[None, :, 2].copy()])
    return list(nets.values())


# ---------------------------------------------------------------------------------------------
# Nets on a directed acyclic graph with tied parameters [Cooper 2018, Section 3]
#
# Nodes 0..D-1 are the inputs; node -1 is the constant -1, whose edges are the biases; every other node v has
#
#     z_v = sum_(u -> v) p_(pi(u -> v)) o_u,    o_v = sigma(z_v),    but o_v = z_v where no edge leaves v: an output
#
# with pi the label of the edge: edges of one label share one parameter. Cooper's bias +p_pi(v) of a node is here the
# edge -1 -> v, with the opposite sign. (Printed with sigma inside the sum: then the inputs of a unit are never added
# before sigma acts, unlike in his Lemma 3.3.) Nodes are numbered along the edges, u < v. Those of
# one depth (the longest path from an input) do not feed each other, so they are computed together, as a layer.
# Back: with d_v = d f_m / d z_v, which is 1 at output m,
#
#     d_u = sigma'(z_u) sum_(u -> v) p_(pi(u -> v)) d_v,    d f_m / d p_k = sum_(u -> v with label k) d_v o_u
# ---------------------------------------------------------------------------------------------

class Graph(NamedTuple):
    """[Cooper 2018, Sec. 3] A checked graph: edges as arrays, nodes by depth, outputs (the nodes no edge leaves)."""
    source: np.ndarray
    target: np.ndarray
    label: np.ndarray
    levels: list
    outputs: np.ndarray


def dag_graph(edges, D):
    """[Cooper 2018, Sec. 3] The list of edges as arrays, with the non-input nodes grouped by depth.

    Parameters
    ----------
    edges : list of (source, target, label)
    D : int, number of inputs

    Returns
    -------
    Graph
    """
    source, target, label = np.array(edges, dtype=int).T
    nodes = np.arange(D, target.max() + 1)
    depth = np.zeros(target.max() + 2, int)                         # the last entry is node -1
    for u, v in sorted(zip(source, target), key=lambda edge: edge[1]):
        depth[v] = max(depth[v], depth[u] + 1)
    levels = [nodes[depth[nodes] == k] for k in range(1, depth.max() + 1)]
    return Graph(source, target, label, levels, np.setdiff1d(nodes, source))


def dag_matrix(graph, params):
    """[Cooper 2018, Sec. 3] W[v, u] = the sum of the parameters on the edges u -> v; the last column is node -1.

    Returns
    -------
    (nodes + 1, nodes + 1) array
    """
    W = np.zeros((graph.target.max() + 2,) * 2)
    np.add.at(W, (graph.target, graph.source), params[graph.label])
    return W


def dag_pass(graph, W, X, act):
    """[Cooper 2018, Sec. 3, corrected] z_v and o_v of all nodes, depth by depth.

    Returns
    -------
    z, o : (n, nodes + 1) arrays; the last column is node -1
    """
    z = np.zeros((len(X), len(W)))
    o = z.copy()
    o[:, :X.shape[1]], o[:, -1] = X, -1.0
    for level in graph.levels:
        z[:, level] = o @ W[level].T
        o[:, level] = np.where(np.isin(level, graph.outputs), z[:, level], act.f(z[:, level]))
    return z, o


def dag_forward(edges, params, X, act):
    """[Cooper 2018, Sec. 3, corrected] Outputs of a net on a directed acyclic graph with tied parameters.

    Parameters
    ----------
    edges : list of (source, target, label): node numbers and the index of the edge's parameter
        Nodes 0..D-1 are the inputs, -1 is the constant -1 (edges from it are biases), the others are numbered
        so that source < target. Nodes that no edge leaves are the outputs, linear, in ascending order.
    params : (P,) array; edges of one label share a parameter
    X : (n, D) array
    act : Activation

    Returns
    -------
    (n, M) array

    Raises
    ------
    ValueError
        If an edge is malformed, goes backwards, ends at an input or has no parameter; if a node has no edge
        into it; or if the outputs overflow.

    Notes
    -----
    Printed with sigma inside the sum over edges
    (tests/test_landscape.py::test_erratum_cooper_activation_belongs_outside_the_sum).
    """
    edges, params, X = check_graph(edges, params, X, act)
    graph = dag_graph(edges, X.shape[1])
    with np.errstate(over="ignore", invalid="ignore"):
        z, _ = dag_pass(graph, dag_matrix(graph, params), X, act)
    check_overflow("the output", z)
    return z[:, graph.outputs]


def dag_jacobian(edges, params, X, act):
    """[Cooper 2018, Sec. 3] d f_m(x_nu) / d p_k on a graph: back-propagation, summed over edges of one label.

    Parameters
    ----------
    edges, params, X, act : as in dag_forward

    Returns
    -------
    (n, M, P) array

    Raises
    ------
    ValueError
        As dag_forward.
    """
    edges, params, X = check_graph(edges, params, X, act)
    graph = dag_graph(edges, X.shape[1])
    W = dag_matrix(graph, params)
    with np.errstate(over="ignore", invalid="ignore"):
        z, o = dag_pass(graph, W, X, act)
        slope = act.df(z)
        slope[:, graph.outputs] = 1.0                               # outputs are linear
        d = np.zeros((len(X), len(graph.outputs), len(W)))          # (n, M, nodes + 1)
        d[:, np.arange(len(graph.outputs)), graph.outputs] = 1.0
        for level in reversed(graph.levels):
            inner = level[~np.isin(level, graph.outputs)]
            d[:, :, inner] = (d @ W[:, inner]) * slope[:, None, inner]
        per_edge = d[:, :, graph.target] * o[:, None, graph.source]             # (n, M, edges)
        J = per_edge @ np.eye(len(params))[graph.label]             # edges of one label added up
    check_overflow("the Jacobian", J)
    return J


def check_graph(edges, params, X, act):
    """[the project] Edges, parameters and inputs of a net on a graph.

    Returns
    -------
    edges : list of (source, target, label)
    params : (P,) array
    X : (n, D) array

    Raises
    ------
    ValueError
        If they are malformed or do not fit each other.
    """
    X, params = check_array("X", X, 2), check_array("params", params, 1)
    check_functions("act", act, ("f", "df", "d2f"), "an Activation such as TANH")
    table = check_array("edges", edges, 2)
    D, P = X.shape[1], len(params)
    if table.shape[1] != 3 or (table != np.floor(table)).any():
        raise ValueError(f"edges has shape {table.shape}, it should hold whole numbers (source, target, label)")
    edges = [tuple(int(i) for i in edge) for edge in table]
    for edge in edges:
        source, target, label = edge
        if not -1 <= source < target or target < D:
            raise ValueError(f"edges holds {edge}; its source should be -1 (bias) or a node below its target, "
                             f"and its target a node from {D} on: 0 to {D - 1} are the inputs")
        if not 0 <= label < P:
            raise ValueError(f"edges holds {edge} with the label {label}, labels should lie in 0..{P - 1}")
    for node, target in enumerate(sorted({target for _, target, _ in edges}), start=D):
        if target != node:
            raise ValueError(f"edges has none into node {node}; nodes should be numbered without gaps")
    return edges, params, X
