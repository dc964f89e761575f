"""The door; it moves into landscape.py with the functions behind it."""
import inspect
import re
import sys
from functools import cache, wraps

import numpy as np


def checked(function):
    """[the project] The door: hold the arguments of `function` to its docstring, and its result to float64.

    A line `name : contract; prose` of the docstring is the contract of an argument (its words: see the end of this
    file); those that the notation names need none. Who copies a function leaves the line @checked out.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def run(*args, **kwargs):
        call = signature.bind(*args, **kwargs)
        call.apply_defaults()
        call.arguments.update(check_arguments(function, call.arguments))
        try:
            with np.errstate(over=FLAGS, divide=FLAGS, invalid=FLAGS):
                result = function(*call.args, **call.kwargs)
        except FloatingPointError as error:
            raise ValueError(f"{function.__name__}: {error}; the arguments should be scaled") from error
        except np.linalg.LinAlgError as error:
            raise ValueError(f"{function.__name__}: {error}; the arguments should lead to a regular matrix") from error
        check_result(function.__name__, result, "returns : may be infinite" in function.__doc__)
        return result

    return run


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
    """{argument: (kind, axes, conditions)} from the docstring, what tells sizes first; TypeError if unreadable."""
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
    shape, before = f"({', '.join(map(check_axis, axes))}{',' * (len(axes) == 1)})", array.ndim - len(last)
    if before < 0 or before and last == axes or array.size == 0 and "may be empty" not in conditions:
        hint = "; [:, None] makes it one column, [None] one row" if (array.ndim, len(axes)) == (1, 2) else ""
        raise ValueError(f"{name} has shape {array.shape}, it should be {shape}, not empty{hint}")
    for (times, letter, plus, number, _), size in zip(last, array.shape[before:]):
        plus, factor = int((plus or "0").replace(" ", "")), told.sizes[times][0] if times else 1
        if number or letter in told.sizes or factor == 0:
            wanted, where = (int(number), "") if number else told.sizes.get(letter, (0, ""))
            if size != (wanted if number else factor * wanted + plus):
                raise ValueError(f"{name} has shape {array.shape}, it should be {shape}"
                                 + (f" with {letter} = {wanted} as in {where}" if where else ""))
        elif (size - plus) % factor or size < plus:
            raise ValueError(f"{name} has shape {array.shape}, it should be {shape}")
        else:
            told.sizes[letter] = (size - plus) // factor, name
    return array


def check_axis(axis):
    """An axis as it is written."""
    times, letter, plus, number, dots = axis
    return number or dots or " ".join(part for part in (times, letter, plus) if part)


def check_real(name, value):
    """A finite float64 array in C order, of any shape."""
    if np.ma.isMaskedArray(value):
        raise ValueError(f"{name} is a masked array, it should be a plain one: fill or drop the masked entries")
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} is ragged, its rows should have equal lengths") from None
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} holds {array.dtype} values, it should hold real numbers")
    array = np.asarray(array, dtype=float, order="C")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds nan or infinite values, it should be finite")
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
        if np.isnan(result).any() if infinite else not np.isfinite(result).all():
            raise ValueError(f"{where}: the result overflows float64; the arguments should be scaled")


def check_symmetric(A):
    """What is wrong, to the rounding of a product of three matrices with room for cancellation, or None."""
    if np.abs(A - A.T).max() > 100 * len(A) * np.finfo(float).eps * np.abs(A).max():
        return "differs from its transpose by more than rounding"


def check_definite(A):
    """What is wrong, to rounding in units of the diagonal, or None."""
    if fault := check_symmetric(A):
        return fault
    if not np.diag(A).min() > 0:
        return f"has the entry {np.diag(A).min():.1e} on its diagonal"
    A = A / np.sqrt(np.diag(A)) / np.sqrt(np.diag(A))[:, None]
    if not np.isfinite(A).all() or not np.linalg.eigvalsh(A)[0] > len(A) * np.finfo(float).eps:
        return "is singular or indefinite to rounding"


def check_integers(A):
    """What is wrong, or None."""
    return None if (A == np.floor(A)).all() else f"holds {A[A != np.floor(A)][0]:g}"


KINDS = {"net": check_net, "nets": check_nets, "pairs": check_pairs, "float": check_number, "int": check_whole,
         "layer": check_layer, "hidden layer": check_hidden_layer, "unit": check_unit, "function": check_function,
         "activation": check_parts("f", "df", "d2f"), "loss": check_parts("value", "d1", "d2"), "seed": check_seed,
         "anything": lambda name, value, told: value}
SINGLE = {"or None": None, "or True": True, "or False": False}
COMPARE = {">": np.greater, ">=": np.greater_equal, "<": np.less, "<=": np.less_equal}
CONDITIONS = {"symmetric": check_symmetric, "positive definite": check_definite, "may be empty": lambda A: None,
              "whole": check_integers}
