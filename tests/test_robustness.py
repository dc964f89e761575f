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
import pacbayes as pb
import reparam as rp
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
STEPS, COUNT, POSITIVE = Number(2, (-1,), whole=True), Number(2, (0, -1), whole=True), Number(1.0, (0, -1.0))


def net(n, D, H, M):
    """Weights with biases, inputs, and the targets of another net: whole numbers."""
    weights = [whole(H, D + 1), whole(M, H + 1)]
    return {"weights": weights, "X": whole(n, D), "Y": ls.forward([W + 1 for W in weights], whole(n, D), RELU)}


def definite(d):
    """A symmetric positive definite matrix of whole numbers."""
    return np.diag(np.arange(2.0, d + 2)) + 1


def wrong_values(f):
    """What must be refused in the place of a function of a stack of points."""
    return [None, "loss", 3.0] + [
        lambda T, change=change: change(f(T)) for change in (
            lambda v: None, lambda v: "1", lambda v: v[:0], lambda v: v[..., None], lambda v: v * np.nan,
            lambda v: v + 1j, lambda v: v.astype(str), lambda v: [[1.0], [1.0, 2.0]])]


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
        "interpolate_as_printed": row(ls.interpolate_as_printed, "Y1", X=np.arange(n)[:, None] * np.ones((1, D)),
                                      Y=Y, act=Given(RELU, [None, 3, "relu"]), a=np.eye(D)[0]),
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
        "embedding_norms": row(em.embedding_norms, **at, unit=UNIT, count=COUNT),
    }


def pacbayes(n, D, H, M):
    X, v, d = whole(n, D), whole(2, M), 2 * n
    theta, C, S = whole(d), definite(d), np.kron(np.eye(2), definite(D + 1))
    sigma = {"sigma": POSITIVE, "tau": Number(0.5, POSITIVE.bad)}
    risk, confidence = Number(0.5, (-0.1, 1.1)), {"n": Number(9, (1, 0), True), "delta": Number(0.5, (0, 1, -1))}
    points, search = {"x": np.array([0.0, 1]), "y": np.array([1.0, 2])}, {"goal": Number(0.5, (-1,)), "rng": RNG}
    trials = Number(3, (1,), True)
    narrow = net(n, D, H, M) | {"act": ACT, "p": np.eye(n)[0], "rho": Number(0.5, (-1,), optional=True)}
    wide = narrow | {"surplus": Given([2, 0], [None, [], 2, [-1], [1.5], [np.nan], ["2"], [None], {}])}
    new = {"w0": whole(D + 1), "spread_v": Number(1.0, (-1,)), "spread_w": Number(0.5, (-1,))}
    return {
        "gaussian_kl": row(pb.gaussian_kl, mean_q=theta, cov_q=C, mean_p=theta[::-1].copy(), cov_p=C + np.eye(d)),
        "isotropic_kl": row(pb.isotropic_kl, mean=theta, cov=C, sigma=POSITIVE),
        "curvature_kl": row(pb.curvature_kl, H=C, **sigma),
        "ridge_kl": row(pb.ridge_kl, H=C, **sigma),
        "kl_smooth": row(pb.kl_smooth, "v1", theta0=theta, v=v, H0=C, S=S, **sigma),
        "kl_relu": row(pb.kl_relu, "v0 v1", theta0=theta, v=v, H0=C, **sigma),
        "mean_curvature": row(pb.mean_curvature, "v0 v1 inputs0 inputs1", v=v, inputs=X, sigma=Number(1.0, (-1,))),
        "pac_bayes_bound": row(pb.pac_bayes_bound, empirical_risk=risk, kl=Number(1.0, (-1,)), **confidence),
        "expected_risk": row(pb.expected_risk, risk=Number(0.5), H=C, cov=C + np.eye(d)),
        "approximate_bound": row(pb.approximate_bound, risk=risk, H=C, theta=theta, cov=C, **confidence,
                                 sigma=POSITIVE),
        "plug_in_bound": row(pb.plug_in_bound, risk=risk, H=C, theta=theta, **confidence, **sigma),
        "optimal_posterior": row(pb.optimal_posterior, H=C, theta=theta, sigma=POSITIVE, **confidence),
        "draw_data": row(pb.draw_data, n=Number(3, (0, -1), True), noise=Number(0.5, (-1,)), rng=RNG),
        "relu_units_needed": row(pb.relu_units_needed, x=np.arange(n + 0.0), y=whole(n)),
        "polish": row(pb.polish, **net(n, D, H, M), act=ACT, rounds=STEPS, **search),
        "kinked_starts": row(pb.kinked_starts, "x0", x=whole(n), units=COUNT, count=COUNT, rng=RNG),
        "smallest_zero_error": row(pb.smallest_zero_error, **points, act=ACT, **search,
                                   nets=Given([[np.array([[1.0, -1]]), np.array([[2.0]])]], [None, 2, "ab", [None]])),
        "draw_experiment": row(pb.draw_experiment, n=COUNT, noise=Number(0.5, (-1,)), rng=RNG, most_draws=COUNT,
                               problems=Given({"a": (np.sin, lambda x, y, rng: [])}, [None, {}, 2, {"a": np.sin}])),
        "uniform_nodes": row(pb.uniform_nodes, count=COUNT),
        "ratio_of_means": row(pb.ratio_of_means, "G0 G1", G=whole(n + 1, M + 1) ** 2),
        "generalization_ratio": row(pb.generalization_ratio, "p w0", **wide, **new, trials=trials, rng=RNG),
        "predicted_error": row(pb.predicted_error, "p", **narrow),
        "predicted_ratio": row(pb.predicted_ratio, "p w0", **wide, **new),
        "surplus_slope": row(pb.surplus_slope, inputs=X, act=ACT, M=COUNT, p=np.eye(n)[0],
                             rho=Number(0.5, (-1,)), **new | {"w0": whole(D)}),
        "replicated_ratio": row(pb.replicated_ratio, "p", **wide, unit=UNIT, trials=trials, rng=RNG),
        "predicted_replicated_ratio": row(pb.predicted_replicated_ratio, "p", **wide, unit=UNIT),
    }


def reparam(n, D, H, M):
    data = net(n, D, H, M)
    weights, X, P = data["weights"], data["X"], 2 * n
    theta, J, C, epsilon = whole(P), whole(P, D), definite(P), {"epsilon": Number(0.5, (0, -1))}
    bad_widths = [None, [], "3", 3, [0, 2], [1.5, 2], [n, np.nan], [n, "2"], [n, None], [True, 2]]
    layers = {"sizes": Given([P - 1, 1], bad_widths), "biases": Given(None, [[], "no", 3, [0], [-1, 1], [0.5, 0]])}
    rises = {"loss": Given(lambda T: np.tanh(T).sum(axis=1) + len(T[0]), wrong_values(lambda T: np.ones(len(T)))),
             "gradient": Given(lambda T: ls.dtanh(T), wrong_values(np.ones_like))}
    anywhere = [1j, "1.0", None, [None], [[1.0], [1.0, 2.0]], [], np.nan, [np.inf], np.ma.masked_less(theta, 0), {}]
    stacked = anywhere + [1.0, theta[None, None], theta[1:], theta[:, None]]
    center = {"center": Given(whole(D) + 1, anywhere + [[1.0, 2.0, 3.0]])}
    shape = {"a": Number(1.0, (-0.5, -1)), "b": Number(1.0, (-1,))}
    radii = {"rhat": Number(1.0, (0, -1, 9)), "delta": Number(9.0, (0, -1)), "rho": Number(2.0, (0, -1, 9))}
    return {
        "alpha_scale": row(rp.alpha_scale, weights=weights, alphas=np.ones(2)),
        "alpha_diagonal": row(rp.alpha_diagonal, weights=weights, alphas=np.ones(2)),
        "orbit_tangent": row(rp.orbit_tangent, weights=weights, c=np.array([2.0, -2])),
        "flat_boxes": row(rp.flat_boxes, weights=[weights[0], whole(M, H)], r=POSITIVE, count=COUNT),
        "output_change": row(lambda **of: np.minimum(rp.output_change(**of), 1e308), "X0",            # may be inf
                             weights=weights, X=X, r=Number(0.5, (-1,)), act=ACT),
        "box_radius": row(rp.box_radius, **data, **epsilon, act=ACT),
        "alpha_for_norm": row(rp.alpha_for_norm, H=C, n1=Number(1, (0, P), True), bound=POSITIVE),
        "large_eigenvalues": row(rp.large_eigenvalues, rank=Number(2, (-1, 99), True), **layers),
        "alphas_for_many": row(rp.alphas_for_many, H=C, bound=POSITIVE, **layers,
                               tol=Number(0.5, (-1,), optional=True)),
        "quadratic_sharpness": row(rp.quadratic_sharpness, H=C, loss=Number(0.5, (-1,)), **epsilon),
        "quadratic_maximum": row(rp.quadratic_maximum, g=theta, H=C, **epsilon),
        "projected_ascent": row(rp.projected_ascent, "z0 z1", **rises, z=whole(2, P), size=POSITIVE,
                                project=Given(lambda z: np.clip(z, -2, 2), wrong_values(np.ones_like)),
                                iterations=COUNT),
        "epsilon_sharpness": row(lambda **of: [rp.epsilon_sharpness(**of | {"box": box}) for box in (of["box"], True)],
                                 "hessian subspace subspace1", **rises, theta=theta, **epsilon, hessian=C,
                                 box=Given(False, [None, "no", 1, [True]]), subspace=np.eye(P)[:, 1:],
                                 starts=COUNT, iterations=COUNT, rng=RNG),
        "network_loss": row(lambda theta, **of: [f(theta) for f in rp.network_loss(**of)[::-1]], "theta0", **data,
                            act=ACT, loss=LOSS, theta=np.stack([ls.flatten(weights)] * 2)),
        "alpha_to_constant": row(rp.alpha_to_constant, weights=weights, **epsilon),
        "pullback_gradient": row(rp.pullback_gradient, "J1", grad=theta, J=J),
        "pullback_hessian": row(rp.pullback_hessian, hess=C, J=J, grad=theta, d2g=whole(P, D, D)),
        "input_derivative": row(rp.input_derivative, "df_dx0 dxi_du1", df_dx=whole(M, D), dxi_du=whole(D, n)),
        "reversing_output_map": row(rp.reversing_output_map, F=whole(n, 2) + [3, 0], G=whole(n, 2) + [0, 1],
                                    Y=whole(n, 2)),
        "power_inverse": row(rp.power_inverse, theta=Given(J, anywhere), **center, **shape),
        "power_slope": row(rp.power_slope, theta=Given(J, anywhere), **center, **shape | {"b": POSITIVE}),
        "power": row(rp.power, eta=Given(J, anywhere), **center, **shape),
        "radial_psi": row(rp.radial_psi, r=Given(J ** 2, anywhere + [-1.0]), **radii),
        "radial_psi_prime": row(rp.radial_psi_prime, r=Given(J ** 2, anywhere + [-1.0]), **radii),
        "radial_inverse": row(rp.radial_inverse, theta=Given(theta, stacked), center=theta + 1, **radii),
        "radial": row(rp.radial, eta=Given(theta, stacked), center=theta + 1, **radii),
        "radial_inverse_jacobian": row(rp.radial_inverse_jacobian, theta=theta, center=theta + 1, **radii),
        "radial_jacobian": row(rp.radial_jacobian, eta=theta, center=theta + 1, **radii),
        "weight_norm": row(rp.weight_norm, "v0", s=Number(2.0), v=theta),
        "weight_norm_hessian": row(rp.weight_norm_hessian, s=Number(2.0), v=theta, grad=theta + 1, hess=C),
    }


TABLES = {ls: landscape, hs: hessian, em: embeddings, pb: pacbayes, rp: reparam}

# Steps of the functions above, on arrays that those have checked already: they take them as they are.
INNER = {
    ls: ["unstack", "augment", "forward_pass", "deltas", "backward_pass", "jacobian_pass", "thresholds",
         "interpolation_growth", "best_scale", "separating_direction", "triangular_solve", "rounding_level",
         "damped_step", "residual", "residual_and_jacobian", "settled", "stationary", "gradient_level",
         "stacked_gradient", "exact_hessian", "pattern_solutions", "dag_graph", "dag_matrix", "dag_pass"],
    hs: ["shallow_pass", "jacobian_rows", "pull_back", "upper_gram", "mirror", "input_pairs", "curvature_pass",
         "deep_pass", "in_portions", "lanczos_pass", "reject", "norm", "delta_tangents"],
    em: [],
    pb: ["squared_error", "defaults", "unit_moments"],
    rp: ["highest_nearby"],
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
    for change in (float, np.float32, np.array):                    # the numbers, as 2.0 where 2 is meant
        numbers = {key: change(value.good) for key, value in row.arguments.items() if isinstance(value, Number)}
        assert same(arrays(row.function(**good(row.arguments) | numbers)), result), change


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
