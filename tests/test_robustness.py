"""Every public function: bad input is refused with a sentence that names it, nothing is changed or shared, any real
dtype and memory layout gives the float64 answer bit by bit, extremes neither warn nor travel, the smallest sizes work.

A table has one row per function, its name and what it is called with:

    name: row(function, free, **arguments)

What is tried on an argument follows from what it is: an array, a list of arrays (weights), a Number with its range,
or a Given value with some that must be refused. `free` lists the axes that may have any length, as "X0", and arrays
that may be None, as "beta". A table is a function of the sizes n, D, H, M, so that n = D = H = M = 1 is the same table.
All data are whole numbers, so that they are the same in float32 and int64.

A further module takes a table of its own, a line in TABLES and one in INNER.
"""
import copy
import inspect
import re
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import NamedTuple

import numpy as np
import pytest

import embeddings as em
import hessian as hs
import landscape as ls
from landscape import RELU, SMOOLU, SQUARE, TANH

SIZES = (3, 2, 3, 2)                            # n, D, H, M
SMALLEST = (1, 1, 1, 1)


class Row(NamedTuple):
    """A function, what is free, and arguments it takes."""
    function: Callable
    free: list
    arguments: dict


class Number(NamedTuple):
    """A good number, some just out of its range, and whether it must be whole and may be None."""
    good: float
    bad: tuple = ()
    whole: bool = False
    optional: bool = False


class Given(NamedTuple):
    """A good value of any other kind, and bad ones."""
    good: object
    bad: list


def row(function, free="", /, **arguments):
    return Row(function, free.split(), arguments)


def whole(*shape):
    """Small whole numbers, neither 0 nor periodic in an axis of these sizes."""
    return np.resize([1.0, -2, 2, -1, 1, 1, -2], shape)


# What many functions take alike
ACT = Given(TANH, [None, "tanh", np.tanh])
RECTIFIED = Given(RELU, [None, "relu", np.tanh, TANH])
LOSS = Given(SQUARE, [None, "square", np.square])
RNG = Given(0, ["a", -1, 1.5, {}, np.random])
LAYER, UNIT = Number(0, (-1, 1), whole=True), Number(0, (-1, 9), whole=True)
STEPS, POSITIVE = Number(2, (-1,), whole=True), Number(1.0, (0, -1.0))


def net(n, D, H, M):
    """Weights with biases, inputs, and the targets of another net: whole numbers."""
    weights = [whole(H, D + 1), whole(M, H + 1)]
    return {"weights": weights, "X": whole(n, D), "Y": ls.forward([W + 1 for W in weights], whole(n, D), RELU)}


# ---------------------------------------------------------------------------------------------
# The tables, one for each module
# ---------------------------------------------------------------------------------------------

def landscape(n, D, H, M):
    data = net(n, D, H, M)
    weights, X, Y = data.values()
    x_net, inputs = {"weights": weights, "X": X, "act": ACT}, "X0"
    reached = data | {"Y": ls.forward(weights, X, RELU), "act": Given(RELU, ACT.bad)}
    pair, chances = {"F": whole(n, M), "Y": whole(n, M) + 1}, {"F": whole(n, M), "Y": np.abs(whole(n, M)) - 1}
    edges = [(0, D, 0), (-1, D, 1), (D, D + 1, 2), (0, D + 1, 0)]
    graph = {"edges": Given(edges, [None, [], "edges", [(0, D)], [(0, D, 0.5)], [(0, D, 3)], [(0, D + 1, 0)],
                                    [(0, 0, 0)], [(np.nan, D, 0)], [("0", D, 0)]]),
             "params": whole(3), "X": X, "act": ACT}
    bad_widths = [None, [], "3", 3, [0, n], [1.5, n], [n, np.nan], [n, "2"], [n, None], [True, n]]
    table = {name: row(getattr(ls, name), x=Given(whole(n, D), [1j, "1.0", None, [None], [[1.0], [1.0, 2.0]]]))
             for name in ("tanh", "dtanh", "d2tanh", "sigmoid", "dsigmoid", "d2sigmoid", "softplus", "relu", "drelu",
                          "leaky_relu", "dleaky_relu", "flat", "smoolu", "dsmoolu", "d2smoolu", "rectified_tanh",
                          "drectified_tanh", "d2rectified_tanh")}
    return table | {
        "square_value": row(ls.square_value, **pair),
        "square_d1": row(ls.square_d1, **pair),
        "square_d2": row(ls.square_d2, **pair),
        "logistic_value": row(ls.logistic_value, **chances),
        "logistic_d1": row(ls.logistic_d1, **chances),
        "logistic_d2": row(ls.logistic_d2, **chances),
        "power_loss": row(lambda a: [f(pair["F"], pair["Y"]) for f in ls.power_loss(a)[1:]], a=Number(3.0, (0.99, -1))),
        "from_pairs": row(ls.from_pairs, pairs=Given([(whole(H, D), whole(H)), (whole(M, H), None)], [
            None, [], [3], [(whole(H, D),)], [(whole(H, D), whole(H, 1))], [(whole(H, D) * np.nan, None)],
            [(whole(H, D), whole(H + 1))], [(whole(H, D), None), (whole(M, H + 1), None)], [(whole(3), None)],
            [(whole(H, D), None), (whole(M, H - 1), whole(M))], [("1", None)]])),
        "to_pairs": row(ls.to_pairs, weights=weights, D=Number(D, (0, -1), whole=True)),
        "random_weights": row(ls.random_weights, widths=Given([D, H, M], bad_widths + [[3]]), rng=RNG,
                              bias=Given([True, False], [None, "no", 1, [True], [1.5, True]])),
        "flatten": row(ls.flatten, weights=weights),
        "unflatten": row(ls.unflatten, theta=ls.flatten(weights), like=weights),
        "forward": row(ls.forward, inputs, **x_net),
        "training_loss": row(ls.training_loss, **data, act=ACT, loss=LOSS),
        "gradient": row(ls.gradient, **data, act=ACT, loss=LOSS),
        "jacobian": row(ls.jacobian, inputs, **x_net),
        "interpolate": row(ls.interpolate, "X1 Y1", X=X, Y=Y, act=RECTIFIED, knot=Number(0.25, (0, 0.6, -1)), rng=RNG,
                           width=Number(n, (0, -1), True, optional=True)),
        "interpolate_deep": row(ls.interpolate_deep, "X1 Y1", X=X, Y=Y, act=RECTIFIED, rng=RNG,
                                widths=Given([2, n], bad_widths), knot=Number(0.25, (0, 0.6, -1))),
        "fit_many": row(ls.fit_many, starts=Given([weights, [W + 1 for W in weights]], [
            None, [], weights[0], "starts", [weights, []], [weights, None], [weights, weights[:1]],
            [weights, [weights[0], np.nan * weights[1]]], [weights, [whole(4, D), whole(M, 4)]]]),
            X=X, Y=Y, act=ACT, iterations=STEPS),
        "fit": row(ls.fit, **data, act=ACT, iterations=STEPS),
        "minimize": row(ls.minimize, **data, act=ACT, loss=LOSS, iterations=STEPS),
        "jacobian_rank": row(ls.jacobian_rank, inputs, **x_net),
        "perturb_labels": row(ls.perturb_labels, "Y0 Y1", Y=Y, epsilon=POSITIVE, rng=RNG),
        "tangent_basis": row(ls.tangent_basis, inputs, **x_net),
        "project_to_zero_loss": row(ls.project_to_zero_loss, **reached),
        "walk_zero_loss": row(ls.walk_zero_loss, **reached, steps=STEPS, length=Number(0.125, (0, -1)), rng=RNG),
        "relu_interpolants": row(ls.relu_interpolants, x=np.array([0.0, 1]), y=np.array([1.0, 2]),
                                 units=Number(1, (0, 9), True)),
        "dag_forward": row(ls.dag_forward, "X0 params0", **graph),
        "dag_jacobian": row(ls.dag_jacobian, "X0 params0", **graph),
    }


def hessian(n, D, H, M):
    data = net(n, D, H, M) | {"act": ACT, "loss": LOSS}
    P = H * (D + 1) + M * (H + 1)
    vector = np.resize(whole(7), P)
    F, G, lam, A = whole(M, D + 1), whole(D + 1, D + 1), np.array([2.0, 1, -2]), np.array([[1.0, 0, 1], [0, 2, 1]])
    block, at = {"F": F, "G": G + G.T, "A": A, "lam": lam}, data | {"layer": LAYER}
    tol = Number(0.5, (-1,), optional=True)
    return {
        "gauss_newton": row(hs.gauss_newton, **data),
        "hessian_blocks": row(hs.hessian_blocks, **data),
        "hessian_shallow": row(hs.hessian_shallow, **data),
        "hessian_deep": row(hs.hessian_deep, **data),
        "hessian": row(hs.hessian, **data),
        "hessian_operator": row(lambda **net: hs.hessian_operator(**net)(vector), **data),
        "hessian_vector_product": row(hs.hessian_vector_product, **data, vector=vector),
        "inertia": row(lambda **of: hs.inertia(**of)[:4], H=G + G.T, tol=tol),              # the gap may be inf
        "extreme_eigenpairs": row(hs.extreme_eigenpairs, matvec=Given(lambda v: np.arange(4.0) * v, [
            None, "H", np.eye(4), lambda v: v[:3], lambda v: v * np.nan, lambda v: v[:, None], lambda v: None]),
            size=Number(4, (0, 1), True), k=Number(1, (0, -1), True), rng=RNG),
        "replication_curvature": row(hs.replication_curvature, **at, unit=UNIT),
        "replication_hessian": row(hs.replication_hessian, "F0", **block),
        "predicted_inertia": row(hs.predicted_inertia, "F0 lam0", F=F, G=G + G.T, lam=lam, tol=tol),
        "escape_direction": row(hs.escape_direction, "F0", **block),
        "surplus_hessian": row(hs.surplus_hessian, **at, W=whole(2, D + 1), V=np.zeros((2, M))),
        "inactive_units_hessian": row(hs.inactive_units_hessian, "V0", **at, V=whole(2, M)),
        "inactive_propagation_hessian": row(hs.inactive_propagation_hessian, "W0", **at, W=whole(2, D + 1)),
    }


def embeddings(n, D, H, M):
    data = net(n, D, H, M)
    weights, X, Y = data.values()
    lam, A = np.array([2.0, 1, -2]), np.array([[1.0, 0, 1], [0, 2, 1]])
    at, V, W = {"weights": weights, "layer": LAYER}, whole(2, M), whole(2, D + 1)
    zeta, count = weights[1][:, 0], Number(2, (-1,), True)
    odd = Given(TANH, ACT.bad + [ls.SIGMOID])
    coordinates = {"layer": LAYER, "unit": UNIT, "lam": lam, "A": A, "beta": np.ones(3)}
    return {
        "add_units": row(em.add_units, **at, W=W, V=V),
        "replicate_unit": row(em.replicate_unit, **at, unit=UNIT, lam=lam),
        "split_unit": row(em.split_unit, **at, unit=UNIT, V=np.stack([zeta - 3, whole(M), 3 - whole(M)])),
        "inactive_units": row(em.inactive_units, "V0", **at, V=V, act=odd),
        "inactive_propagation": row(em.inactive_propagation, "W0", **at, W=W),
        "inactive_units_and_propagation": row(em.inactive_units_and_propagation, **at, count=count, act=odd),
        "replicate_relu_unit": row(em.replicate_relu_unit, "beta", **at, unit=UNIT, gamma=lam,
                                   beta=np.array([2.0, 1, 2])),
        "inactive_relu_units": row(em.inactive_relu_units, "V0 X0", **at, V=V, X=X, K=POSITIVE, act=RECTIFIED),
        "flat_radius": row(em.flat_radius, "X0", **at, X=X, unit=UNIT, A=A, act=ACT),
        "flat_dimension": row(em.flat_dimension, weights=weights, counts=Given([2], [
            None, [], 2, [-1], [1.5], [np.nan], ["2"], [1, 2]])),
        "complement": row(em.complement, "lam0", lam=lam),
        "parameter_order": row(em.parameter_order, **at, count=count),
        "omega_basis": row(em.omega_basis, "beta", weights=weights, **coordinates),
        "omega_coordinates": row(em.omega_coordinates, "beta", weights=weights, **coordinates),
        "read_omega": row(em.read_omega, "beta", wide=em.replicate_unit(weights, 0, 0, lam), **coordinates),
        "first_order_blocks": row(em.first_order_blocks, **data, act=ACT, loss=LOSS, layer=LAYER, W=W, V=V),
        "embedding_norms": row(em.embedding_norms, **at, unit=UNIT, count=Number(2, (0, -1), True)),
    }


TABLES = {ls: landscape, hs: hessian, em: embeddings}

# Steps of the functions above, on arrays that those have checked already: they take them as they are.
INNER = {
    ls: ["unstack", "augment", "forward_pass", "backward_pass", "jacobian_pass", "thresholds", "interpolation_growth",
         "best_scale", "separating_direction", "triangular_solve", "rounding_level", "damped_step", "residual",
         "residual_and_jacobian", "settled", "stationary", "gradient_level", "stacked_gradient", "exact_hessian",
         "pattern_solutions", "dag_graph", "dag_matrix", "dag_pass"],
    hs: ["shallow_pass", "jacobian_rows", "pull_back", "upper_gram", "mirror", "input_pairs", "curvature_pass",
         "deep_pass", "in_portions", "lanczos_pass", "reject", "norm", "delta_tangents"],
    em: [],
}


# ---------------------------------------------------------------------------------------------
# What is done with a row
# ---------------------------------------------------------------------------------------------

def good(arguments):
    """New copies of the good arguments."""
    return {name: copy.deepcopy(getattr(value, "good", value)) for name, value in arguments.items()}


def arrays(value):
    """All arrays and numbers in a result or an argument, in order."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [array for part in value for array in arrays(part)]
    return [value] if type(value) is np.ndarray else [np.asarray(value)] if isinstance(value, (int, float)) else []


def each(change, value):
    """The value with every array in it replaced by change(array)."""
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(each(change, part) for part in value)
    return change(value) if isinstance(value, np.ndarray) else value


def strided(array):
    """The same numbers as every second one of a larger array."""
    wide = np.full([2 * length for length in array.shape], np.nan)
    view = wide[(slice(None, None, 2),) * array.ndim]
    view[...] = array
    return view


def frozen(array):
    array.flags.writeable = False
    return array


def bad_arrays(a):
    """What no function may take in the place of the array a."""
    yield from (None, "a", a.astype(str), a + 0j, a.astype(object), a[None], a[..., None], a[..., 0], a[0],
                a[..., :0], np.ma.masked_less(a, a.max()), {"a": a}, [[1.0], [1.0, 2.0]])
    for poison in (np.nan, np.inf, -np.inf):
        spoiled = a.copy()
        spoiled.flat[-1] = poison
        yield spoiled


def bad_values(name, value, row):
    """(bad value, pattern of what the sentence must name) for one argument."""
    some = any_name(row)
    if isinstance(value, np.ndarray):
        yield from ((bad, rf"\b{name}\b") for bad in bad_arrays(value) if bad is not None or name not in row.free)
        yield value[:0], some
        for axis in range(value.ndim):
            if f"{name}{axis}" not in row.free:                     # + 2: one column more would be a bias
                yield np.concatenate([value, np.take(value, [0, 0], axis)], axis), some
    elif isinstance(value, list):
        yield from ((bad, rf"\b{name}\b") for bad in (None, [], {}, "weights", value[0], [value]))
        for k, W in enumerate(value):
            for bad in bad_arrays(W):
                yield value[:k] + [bad] + value[k + 1:], re.escape(f"{name}[{k}]")
            if k or {"X", "D", "theta"} & set(row.arguments):
                yield value[:k] + [np.concatenate([W, W[:, [0, 0]]], axis=1)] + value[k + 1:], some
    elif isinstance(value, Number):
        bad = (np.nan, np.inf, -np.inf, "1", True, 1j, [value.good], [[1.0], [1.0, 2.0]], {}, 9 ** 999, np.ma.masked)
        bad += value.bad + (() if value.optional else (None,)) + ((1.5,) if value.whole else ())
        yield from ((one, rf"\b{name}\b") for one in bad)
    elif isinstance(value, Given):
        yield from ((one, rf"\b{name}\b") for one in value.bad)


def any_name(row):
    """A pattern that finds the name of any argument."""
    return "|".join(rf"\b{name}\b" for name in row.arguments)


def rows(*sizes):
    """Every row of every table, as pytest parameters."""
    return [pytest.param(row, id=f"{module.__name__}.{name}")
            for module, table in TABLES.items() for name, row in table(*sizes).items()]


def same(got, expected):
    return len(got) == len(expected) and all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(got, expected))


@pytest.mark.parametrize("module", TABLES, ids=lambda module: module.__name__)
def test_every_public_function_has_a_row(module):
    public = [name for name, function in inspect.getmembers(module, inspect.isfunction)
              if function.__module__ == module.__name__ and not name.startswith(("_", "check_"))]
    assert sorted(public) == sorted([*TABLES[module](*SIZES), *INNER[module]])


@pytest.mark.parametrize("row, name", [pytest.param(*case.values, name, id=f"{case.id}-{name}")
                                       for case in rows(*SIZES) for name in case.values[0].arguments])
def test_bad_input_is_refused_by_name_and_left_as_it_was(row, name):
    for bad, names in bad_values(name, row.arguments[name], row):
        arguments = good(row.arguments) | {name: bad}
        before = [array.copy() for array in arrays(arguments)]
        try:
            row.function(**arguments)
        except ValueError as error:
            assert type(error) is ValueError, f"{error!r} for {bad!r}"          # LinAlgError is one too
            assert re.search(names, str(error)) and "should" in str(error), f"{error} for {bad!r}"
        else:
            raise AssertionError(f"{bad!r} was taken for {name}")
        assert all(a.tobytes() == b.tobytes() for a, b in zip(arrays(arguments), before))


@pytest.mark.parametrize("row", rows(*SIZES) + rows(*SMALLEST))
def test_nothing_is_changed_or_shared_and_every_dtype_and_layout_gives_the_float64_answer(row):
    arguments = good(row.arguments)
    result = arrays(row.function(**arguments))
    assert result and all(np.isfinite(part).all() for part in result)
    assert same(arrays(arguments), arrays(good(row.arguments)))
    for i, part in enumerate(result):
        assert not any(np.shares_memory(part, other) for other in arrays(arguments) + result[:i])
    for change in (np.float32, np.int64, np.asfortranarray, strided, frozen, np.ndarray.tolist):
        changed = {key: each(change, value) for key, value in good(row.arguments).items()}
        assert same(arrays(row.function(**changed)), result), change


def test_arrays_of_any_layout_are_brought_to_c_order():
    # so that BLAS sums in one order, whatever the size: the test above is of sizes where its order hardly matters
    X = whole(3, 2)
    assert all(ls.check_array("X", change(X), 2).flags.c_contiguous for change in (np.asfortranarray, strided))
    assert ls.check_array("X", X, 2) is X


EXTREMES = (0.0, -0.0, 5e-324, 1e-308, 1e-160, 800.0, 1e154, 1e200, 1e308, np.finfo(float).max)
SPREADS = (np.copysign, lambda size, a: np.full_like(a, size), lambda size, a: a * min(size, 1e307))


@pytest.mark.parametrize("row", rows(*SIZES))
def test_extremes_give_a_finite_answer_or_a_sentence_and_no_warning(row):
    start = good(row.arguments)
    which = [[name] for name, value in start.items() if type(value) in (np.ndarray, list, float)]
    which.append([name for name, in which if type(start[name]) is not float])
    acts = [{"act": act} for act in (start["act"], SMOOLU)] if "act" in start else [{}]     # SMOOLU suits every row
    for act, size, spread, names in product(acts, EXTREMES, SPREADS, which):
        change = partial(spread, size)
        arguments = start | act | {name: size if type(start[name]) is float else each(change, start[name])
                                   for name in names}
        try:
            result = row.function(**arguments)
        except ValueError as error:
            assert type(error) is ValueError, repr(error)                       # LinAlgError is one too
            assert re.search("overflow|" + any_name(row), str(error)), f"{error} for {size}, {names}"
        else:
            assert all(np.isfinite(part).all() for part in arrays(result)), (size, names)
