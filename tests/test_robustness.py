"""The door: what is refused follows from the contract in the docstring, for every function and argument of good.py.

Nothing is changed or shared, every real dtype and memory layout gives the float64 answer bit by bit, the smallest sizes
work, and what leaves float64 inside a function neither warns nor comes back.
"""
import copy
import re
import sys
from collections import Counter
from functools import partial

import numpy as np
import pytest
from good import PUBLIC, rows

import landscape
from embeddings import embedding_norms
from landscape import Activation, checked
from reparam import power_inverse, power_slope

DOOR = sys.modules[checked.__module__]          # where the door stands
ROWS, SMALLEST = rows(), rows(1, 1, 1, 1)
every_function = pytest.mark.parametrize("name", ROWS)

# Not behind the door: activations, as NumPy's own; what is called from behind it with arrays that are checked already
ACTIVATIONS = {function.__name__ for value in vars(landscape).values() if isinstance(value, Activation)
               for function in value[1:] if getattr(function, "__module__", None) == landscape.__name__}
BARE = ACTIVATIONS | {"augment", "unstack", "deltas", "output_deltas"}


def behind_the_door():
    """The public functions that are held to a contract."""
    return {name for name, function in PUBLIC.items() if hasattr(function, "__wrapped__")}


def test_every_public_function_is_behind_the_door_and_has_a_row_or_is_one_of_the_few_that_are_not():
    door = {name for name, function in PUBLIC.items() if name.startswith("check_")} | {"checked", "read_contract"}
    bare = {name for name in PUBLIC if name.endswith("_pass")} | BARE
    assert behind_the_door() == set(PUBLIC) - bare - door
    assert behind_the_door() == set(ROWS)


# ------------------------------------------------------------------ the words of a contract

def test_every_contract_can_be_read_and_tells_of_the_arguments_of_its_row():
    for function, arguments in ROWS.values():
        assert set(DOOR.read_contract(function)) == set(arguments), function.__name__


def test_the_words_of_the_door():
    assert set(DOOR.KINDS) == {"net", "nets", "pairs", "float", "int", "layer", "hidden layer", "unit", "function",
                               "activation", "loss", "seed", "anything"}
    assert set(DOOR.CONDITIONS) == {"symmetric", "positive definite", "may be empty", "whole"}
    assert DOOR.SINGLE == {"or None": None, "or True": True, "or False": False}
    assert set(DOOR.COMPARE) == {">", ">=", "<", "<="}
    assert DOOR.STANDARD == {"weights": "net", "X": "(n, D) array", "Y": "(n, M) array", "act": "activation",
                             "loss": "loss", "layer": "hidden layer", "unit": "unit", "rng": "seed, or None"}


def with_docstring(doc, defaults=None):
    """A function of one argument W that gives it back, with this docstring."""
    def give(W):
        return W
    give.__doc__, give.__defaults__ = doc, defaults
    return give


@pytest.mark.parametrize("doc, defaults", [
    (None, None), ("W", None), ("w : (E,) array", None), ("W : (E, array", None), ("W : (E ** 2,) array", None),
    ("W : (E,) array, posit", None), ("W : (E,) array, > much", None), ("W : (E,) arrayed", None), ("W : flaot", None),
    ("W, V : float", None), ("W : float, or None", None), ("W : float", (None,)), ("W : float, or None", (1.0,)),
    ("W : float\nreturns : may be huge", None)])
def test_an_unreadable_forgotten_or_misspelt_contract_is_an_error(doc, defaults):
    with pytest.raises(TypeError):
        DOOR.read_contract(with_docstring(doc, defaults))
    with pytest.raises(TypeError):
        checked(with_docstring(doc, defaults))(np.ones(3))


@pytest.mark.parametrize("contract, good, bad", [
    ("(E,) array", [[1], [1, 2], np.zeros(3, bool)], [[], [[1]], 1, "a", [1j], [None], [np.inf]]),
    ("(E, E + 1) array", [np.ones((2, 3))], [np.ones((2, 2)), np.ones((3, 2))]),
    ("(2, E) array", [np.ones((2, 5))], [np.ones((5, 2))]),
    ("(..., 2) array", [np.ones(2), np.ones((3, 1, 2))], [np.ones(3), 1.0]),
    ("(...) array, >= 0", [0.0, np.ones((2, 3))], [-1.0, [[0.0, -1e-300]]]),
    ("(E,) array, may be empty", [np.zeros(0)], [np.zeros((0, 2))]),
    ("(E,) array, whole, >= 1", [[1, 2.0]], [[1, 2.5], [0]]),
    ("(d, d) array, symmetric", [np.eye(2), [[0, 1], [1, 0]]], [[[0, 1], [2, 0]], np.ones((2, 3))]),
    ("(d, d) array, positive definite", [np.eye(2), [[2, 1], [1, 2]]], [np.ones((2, 2)), np.eye(2) - 2, -np.eye(2)]),
    ("float, > 0, <= 1", [1, 0.5, np.float32(0.5), np.array(1)], [0, 1.5, True, "1", 1j, np.nan, [1.0], 9 ** 999]),
    ("float, < 1, or True", [True, 0.5, -9], [1, False]),
    ("int, >= -1", [-1, 2.0, np.int8(3)], [-2, 0.5, True, None, np.ma.masked]),
    ("(E,) array, or None", [None, [1.0]], [[]]),
    ("net", [[np.ones((2, 3)), np.ones((1, 3))], (np.ones((2, 3)), np.ones((1, 2)))],
     [[], np.ones((2, 3)), [np.ones(3)], [np.ones((2, 3)), np.ones((1, 4))], [np.ones((2, 0))]]),
    ("function", [np.sin], [None, "sin"]), ("anything", [None, "sin"], [])])
def test_what_each_word_takes_and_refuses(contract, good, bad):
    function = with_docstring(f"W : {contract}", (None,) if "or None" in contract else None)
    for value in good:
        checked(function)(value)
    for value in bad:
        with pytest.raises(ValueError, match=r"^give: W\b.* should"):
            checked(function)(value)


# ------------------------------------------------------------------ bad arguments, made from the contracts

def sizes_told(contract):
    """How often a call tells the size of each letter."""
    told = Counter(letter for kind, axes, _ in contract.values() for axis in axes for letter in axis[:2] if letter)
    for kind, _, _ in contract.values():
        told.update({"net": "JPMD", "nets": "JPMD", "hidden layer": ["D'", "M'"]}.get(kind, ""))
    return told


def spoiled(array, value):
    """A copy whose last entry is `value`."""
    array = np.array(array, dtype=float)
    array.flat[-1] = value
    return array


def bad_arrays(a):
    """What no array may be."""
    a = np.asarray(a, dtype=float)
    yield from ("a", {"a": a}, [[1.0], [1.0, 2.0]])
    yield from (a.astype(str), a.astype(object), a + 0j, np.ma.masked_less(a, a.max()))
    yield from (spoiled(a, poison) for poison in (np.nan, np.inf, -np.inf))


def bad_nets(net, told):
    """What no list of matrices may be."""
    yield from ([], {}, "weights", net[0], [net])
    for k, W in enumerate(net):
        wrong = [W[None], W[..., None], W[0], W[:0], W[:, :0], *bad_arrays(W)]
        if k or told["D"] > 1:                                      # + 2: one column more would be a bias
            wrong.append(np.hstack([W, W[:, [0, 0]]]))
        yield from (net[:k] + [bad] + net[k + 1:] for bad in wrong)


# Of what is "anything" at the door, what the bodies refuse
BY_HAND = {("draw_experiment", "problems"): [None, {}, 2]}


def bad_values(kind, axes, conditions, value, arguments, told):
    """What the contract of one argument refuses, in the place of a good value."""
    compared = [condition.split() for condition in conditions if condition[0] in "<>"]
    beyond = [float(bound) + {">=": -1, "<=": 1}.get(sign, 0) for sign, bound in compared]
    if "or None" not in conditions and kind != "anything":
        yield None
    if kind == "array":
        a = np.asarray(value, dtype=float)
        yield from bad_arrays(a)
        if not any(dots for *_, dots in axes):
            yield from (a[None], a[..., None], a[0])
            yield from [True] * ("or True" not in conditions)
            yield from () if "may be empty" in conditions else (a[:0], a[..., :0])
        yield from (spoiled(a, bad) for bad in beyond)
        yield from [spoiled(a, a.flat[-1] + 0.5)] * ("whole" in conditions)
        yield from [-a] * ("positive definite" in conditions)
        if len(a) > 1 and {"symmetric", "positive definite"} & set(conditions):
            yield a + np.triu(a, 1) + np.eye(len(a), k=1)
    elif kind in ("float", "int"):
        yield from (np.nan, np.inf, -np.inf, "1", True, 1j, [value], {}, 9 ** 999, np.ma.masked, *beyond)
        yield from [value + 0.5] * (kind == "int")
    elif kind in ("layer", "hidden layer", "unit"):
        net = next(v for v in arguments.values() if isinstance(v, list))
        yield from (-1, 0.5, "0", True, [0], np.nan, len(net[0]) if kind == "unit" else len(net) - (kind != "layer"))
    elif kind == "net":
        yield from bad_nets(value, told)
    elif kind == "nets":
        yield from [[]] * ("may be empty" not in conditions)
        yield from (value[0], "nets", [value[0], []], [value[0], None], [value[0], value[0][:1]])
        yield from ([value[0], bad] for bad in bad_nets(value[-1], told))
    elif kind == "pairs":
        W, b = value[0]
        yield from ([], [3], "pairs", [(W,)], [(W, b[:, None])], [(W * np.nan, None)], [(W, np.append(b, 1))],
                    [(W, None), (np.ones((1, len(W) + 1)), None)], [(W[0], None)], [("1", None)])
    elif kind == "seed":
        yield from ("a", -1, 1.5, {}, np.random)
    elif kind in ("activation", "loss", "function"):
        yield from (3.0, "tanh") + (np.tanh,) * (kind != "function")


def wrong_sizes(axes, value, told):
    """Arrays two longer along an axis whose size the call tells elsewhere too."""
    for k, (times, letter, _, number, dots) in enumerate(axes):
        if not dots and (number or told[letter] > 1 and told[times] != 1):
            k -= len(axes)
            yield np.concatenate([value, np.take(value, [0, 0], axis=k)], axis=k)


def arrays(value):
    """All arrays and numbers in a result or an argument, in order."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [array for part in value for array in arrays(part)]
    return [value] if type(value) is np.ndarray else [np.asarray(value)] if isinstance(value, (int, float)) else []


@every_function
def test_bad_arguments_are_refused_by_name_and_left_as_they_were(name):
    function, good = ROWS[name]
    contract = DOOR.read_contract(function)
    told = sizes_told(contract)
    for argument, (kind, axes, conditions) in contract.items():
        value = good[argument]
        alone = [*bad_values(kind, axes, conditions, value, good, told), *BY_HAND.get((name, argument), [])]
        cases = [(bad, argument) for bad in alone]
        cases += [(bad, "|".join(good)) for bad in wrong_sizes(axes, value, told)]
        for bad, named in cases:
            arguments = copy.copy(good) | {argument: bad}
            before = [array.tobytes() for array in arrays(arguments)]
            with pytest.raises(ValueError, match=rf"\b({named})\b.* should") as refusal:
                function(**arguments)
                pytest.fail(f"{argument} = {bad!r} was taken")
            assert refusal.type is ValueError, f"{refusal.value!r} for {argument} = {bad!r}"    # LinAlgError is one too
            assert before == [array.tobytes() for array in arrays(arguments)]


# ------------------------------------------------------------------ good arguments, in every form

def each(change, value):
    """The value with every array and float in it changed."""
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(each(change, part) for part in value)
    return change(value) if isinstance(value, (np.ndarray, float)) else value


def strided(array):
    """The same numbers as every second one of a larger array."""
    array = np.asarray(array)
    wide = np.zeros([2 * length for length in array.shape], array.dtype)
    view = wide[(..., *[slice(None, None, 2)] * array.ndim)]
    view[...] = array
    return view


def frozen(array):
    """Not to be written to."""
    array = np.array(array)
    array.flags.writeable = False
    return array


def as_type(dtype):
    """The same numbers in this type, where it holds them."""
    def change(array):
        with np.errstate(invalid="ignore"):                         # some processors flag -1.0 as uint8
            other = np.asarray(array, dtype)
        return other if (other == array).all() else array
    return change


def as_list(array):
    """Nested lists of Python's numbers."""
    return np.asarray(array).tolist()


FORMS = (*map(as_type, (np.float32, np.int64, np.uint8)), partial(np.array, order="F"), strided, frozen, as_list)


def same(got, expected):
    return len(got) == len(expected) and all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(got, expected))


@every_function
def test_nothing_is_changed_or_shared_and_every_dtype_layout_and_size_works(name):
    for function, good in (ROWS[name], SMALLEST[name]):
        free = {key for key, (kind, *_) in DOOR.read_contract(function).items() if kind in ("anything", "seed")}
        before = [array.tobytes() for array in arrays(good)]
        result = arrays(function(**good))
        assert before == [array.tobytes() for array in arrays(good)]
        assert not any(np.isnan(part).any() for part in result)
        for i, part in enumerate(result):
            assert not any(np.shares_memory(part, other) for other in arrays(good) + result[:i])
        for change in FORMS:                                        # and whole numbers as floats
            form = {key: each(change, float(value) if type(value) is int else value)
                    for key, value in good.items() if key not in free}
            assert same(arrays(function(**good | form)), result), change


def test_arrays_of_any_layout_come_in_c_order():
    # so that sums are added in one order, whatever the size: the test above is of sizes where it hardly matters
    give = with_docstring("W : (n, D) array")
    X = np.arange(6.0).reshape(3, 2)
    for change in FORMS:
        W = checked(give)(change(X))
        assert W.flags.c_contiguous and W.dtype == float and (W == X).all()


def test_an_unknown_or_repeated_keyword_is_a_type_error_as_in_python():
    for call in (lambda: checked(with_docstring("W : float"))(1.0, V=2.0),
                 lambda: checked(with_docstring("W : float"))(1.0, W=2.0),
                 lambda: checked(with_docstring("W : float"))()):
        with pytest.raises(TypeError):
            call()
    assert checked(with_docstring("W : float"))(W=1) == 1


# ------------------------------------------------------------------ what leaves float64

def test_what_overflows_inside_is_refused_with_the_name_of_the_function():
    def power(X):
        """Some of X."""
        return np.exp(X)

    def inverse(X):
        """Its inverse."""
        return np.linalg.inv(X)

    def quietly(X):
        """Its norm in Python's numbers, which do not warn."""
        return float(np.prod(X.shape)) * float("inf")

    def in_a_list(X):
        """A number of X, and its logarithm."""
        with np.errstate(divide="ignore"):
            return [X, (X, np.log(X))]

    for function, X in [(power, [[1e3]]), (inverse, [[0.0]]), (quietly, [[1.0]]), (in_a_list, [[0.0]])]:
        with pytest.raises(ValueError, match=f"^{function.__name__}: .* should") as refusal:
            checked(function)(X)
        assert refusal.type is ValueError
    quietly.__doc__ = "returns : may be infinite"
    assert checked(quietly)([[1.0]]) == np.inf


@every_function
def test_extremes_give_a_finite_answer_or_a_sentence_and_no_warning(name):
    function, good = ROWS[name]
    infinite = "returns : may be infinite" in function.__doc__
    floats = [key for key, value in good.items() if type(value) in (float, np.ndarray, list)]
    for size in (0.0, 1e-200, 1e200):
        for keys in [[key] for key in floats] + [floats]:
            extreme = {key: each(partial(np.multiply, size), good[key]) for key in keys}
            try:
                result = arrays(function(**good | extreme))
            except ValueError as error:
                assert type(error) is ValueError, repr(error)       # LinAlgError is one too
                assert re.search(rf"^({'|'.join(PUBLIC)}): |\b({'|'.join(good)}|theta)\b", str(error)), repr(error)
            else:
                for part in result:
                    assert not np.isnan(part).any() if infinite else np.isfinite(part).all(), (size, keys)


def test_the_map_of_fig_5_where_t_squared_leaves_float64():
    for t in (1e-300, 1e-170, 1e-34, 1e200):
        assert np.isclose(power_inverse(t, 0.0, -0.4, 0.0), t ** 0.2, rtol=1e-12, atol=0)
        exact = 0.2 * t ** -0.8 if t > 1e-150 else 1e-320 ** -0.4   # t^2 above b, or b above t^2
        assert np.isclose(power_slope(t, 0.0, -0.4, 1e-320), exact, rtol=1e-12, atol=0)
    assert np.isclose(power_slope(0.0, 0.0, -0.49, 1e-250), 1e-250 ** -0.49, rtol=1e-12, atol=0)
    assert np.isclose(power_inverse(1e-75, 0.0, 32.0, 1e10), 1e245, rtol=1e-12, atol=0)


def test_the_norms_of_embeddings_keep_their_digits_where_the_printed_sums_cancel():
    for t in (1e4, 1e9):                                            # rescaled, |u|^2 + |zeta|^2 = 2: 5 in all
        norms = embedding_norms([np.array([[t, 0.0], [1.0, 1.0]]), np.array([[1 / t, 1.0]])], 0, 0, 1)
        assert norms.relu_replication == pytest.approx(5, rel=1e-14) == norms.relu_replication_l1
