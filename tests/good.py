"""Good arguments of every public function behind the door: rows(n, D, H, M)[name] = (function, {argument: value}).

All numbers are whole where a function allows it, so that they are the same in float32 and int64. The sizes are n
samples, D inputs, H hidden units and M outputs; rows(1, 1, 1, 1) is the same table at the smallest sizes.
"""
import inspect

import numpy as np

import embeddings
import hessian
import landscape
import pacbayes
import reparam
from landscape import RELU, SQUARE, TANH, dtanh, flatten, forward

MODULES = (landscape, hessian, embeddings, pacbayes, reparam)
PUBLIC = {name: function for module in MODULES for name, function in vars(module).items()
          if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_")}


def rows(n=3, D=2, H=3, M=2):
    """name: (function, {argument: value}), new objects each time."""
    tables = of_landscape, of_hessian, of_embeddings, of_pacbayes, of_reparam
    return {name: (PUBLIC[name], arguments) for table in tables
            for name, arguments in table(n, D, H, M).items()}


def whole(*shape):
    """Small whole numbers, neither 0 nor periodic in an axis of these sizes."""
    return np.resize([1.0, -2, 2, -1, 1, 1, -2], shape)


def net(n, D, H, M):
    """Weights with biases, inputs, and the targets of another net."""
    weights = [whole(H, D + 1), whole(M, H + 1)]
    return {"weights": weights, "X": whole(n, D), "Y": forward([W + 1 for W in weights], whole(n, D), RELU)}


def definite(d):
    """A symmetric positive definite matrix."""
    return np.diag(np.arange(2.0, d + 2)) + 1


def of_landscape(n, D, H, M):
    weights, X, Y = net(n, D, H, M).values()
    inputs, data = {"weights": weights, "X": X, "act": TANH}, {"weights": weights, "X": X, "Y": Y, "act": TANH}
    reached = data | {"Y": forward(weights, X, RELU), "act": RELU}
    pair, chances = {"F": whole(n, M), "Y": whole(n, M) + 1}, {"F": whole(n, M), "Y": np.abs(whole(n, M)) - 1}
    one_hot = {"F": whole(n, M), "Y": np.eye(M)[np.arange(n) % M]}
    circle = {"residual": lambda theta: np.array([theta @ theta - 1]), "jacobian": lambda theta: 2 * theta[None],
              "theta": whole(2)}
    graph = {"edges": np.array([[0, D, 0], [-1, D, 1], [D, D + 1, 2], [0, D + 1, 0]]), "params": whole(3), "X": X,
             "act": TANH}
    return {
        "square_value": pair, "square_d1": pair, "square_d2": pair,
        "logistic_value": chances, "logistic_d1": chances, "logistic_d2": chances,
        "softmax_value": one_hot, "softmax_d1": one_hot, "softmax_d2": one_hot,
        "power_loss": {"a": 3.0},
        "from_pairs": {"pairs": [(whole(H, D), whole(H)), (whole(M, H), None)]},
        "to_pairs": {"weights": weights, "D": D},
        "random_weights": {"widths": np.array([D, H, M]), "bias": np.array([True, False]), "rng": 0},
        "flatten": {"weights": weights},
        "unflatten": {"theta": flatten(weights), "like": weights},
        "forward": inputs, "jacobian": inputs, "input_jacobian": inputs,
        "training_loss": data | {"loss": SQUARE}, "gradient": data | {"loss": SQUARE},
        "interpolate_as_printed": {"X": np.arange(n)[:, None] * np.ones((1, D)), "Y": Y, "act": RELU,
                                   "a": np.eye(D)[0]},
        "interpolate": {"X": X, "Y": Y, "act": RELU, "width": n, "knot": 0.25, "rng": 0},
        "interpolate_deep": {"X": X, "Y": Y, "widths": np.array([2, n]), "act": RELU, "knot": 0.25, "rng": 0},
        "fit": data | {"iterations": 2},
        "fit_many": {"starts": [weights, [W + 1 for W in weights]], "X": X, "Y": Y, "act": TANH, "iterations": 2},
        "jacobian_rank": inputs, "tangent_basis": inputs,
        "perturb_labels": {"Y": Y, "epsilon": 1.0, "rng": 0},
        "project_to_zero": circle | {"level": lambda theta: np.full(1, 1e-12)},
        "walk_zero": circle | {"theta": np.eye(2)[0], "steps": 2, "length": 0.125, "rng": 0,
                               "level": lambda theta: np.full(1, 1e-12)},
        "project_to_zero_loss": reached, "trace_gradient": inputs,
        "walk_zero_loss": reached | {"steps": 2, "length": 0.125, "rng": 0},
        "descend_zero_loss": reached | {"steps": 2, "length": 0.125},
        "dag_forward": graph, "dag_jacobian": graph,
    }


def of_hessian(n, D, H, M):
    data = net(n, D, H, M) | {"act": TANH, "loss": SQUARE}
    F, G, lam, A = whole(M, D + 1), whole(D + 1, D + 1), np.array([2.0, 1, -2]), np.array([[1.0, 0, 1], [0, 2, 1]])
    block, at = {"F": F, "G": G + G.T, "A": A, "lam": lam}, data | {"layer": 0}
    return {
        "gauss_newton": data, "hessian_blocks": data, "hessian_diagonal": data, "hessian": data,
        "hessian_plain": data, "hessian_operator": data, "minimize": data | {"iterations": 2},
        "hessian_vector_product": data | {"vector": np.resize(whole(7), H * (D + 1) + M * (H + 1))},
        "inertia": {"H": G + G.T, "tol": 0.5},
        "extreme_eigenpairs": {"matvec": lambda v: np.arange(4.0) * v, "size": 4, "k": 1, "rng": 0},
        "replication_curvature": at | {"unit": 0},
        "replication_hessian": block, "escape_direction": block,
        "predicted_inertia": {"F": F, "G": G + G.T, "lam": lam, "tol": 0.5},
        "surplus_hessian": at | {"W": whole(2, D + 1), "V": np.zeros((2, M))},
        "inactive_units_hessian": at | {"V": whole(2, M)},
        "inactive_propagation_hessian": at | {"W": whole(2, D + 1)},
    }


def of_embeddings(n, D, H, M):
    weights, X, Y = net(n, D, H, M).values()
    lam, A = np.array([2.0, 1, -2]), np.array([[1.0, 0, 1], [0, 2, 1]])
    at, V, W, zeta = {"weights": weights, "layer": 0}, whole(2, M), whole(2, D + 1), weights[1][:, 0]
    coordinates = {"layer": 0, "unit": 0, "lam": lam, "A": A, "beta": np.ones(3)}
    return {
        "add_units": at | {"W": W, "V": V},
        "replicate_unit": at | {"unit": 0, "lam": lam},
        "split_unit": at | {"unit": 0, "V": np.stack([zeta - 3, whole(M), 3 - whole(M)])},
        "inactive_units": at | {"V": V, "act": TANH},
        "inactive_propagation": at | {"W": W},
        "inactive_units_and_propagation": at | {"count": 2, "act": TANH},
        "replicate_relu_unit": at | {"unit": 0, "gamma": lam, "beta": np.array([2.0, 1, 2])},
        "inactive_relu_units": at | {"V": V, "X": X, "W": np.hstack([0 * W[:, 1:], [[9], [8]]]), "K": 1.0, "act": RELU},
        "flat_radius": at | {"X": X, "unit": 0, "A": A, "act": RELU},
        "flat_dimension": {"weights": weights, "counts": np.array([2])},
        "complement": {"lam": lam},
        "parameter_order": at | {"count": 2},
        "omega_basis": {"weights": weights} | coordinates,
        "omega_coordinates": {"weights": weights} | coordinates,
        "read_omega": {"wide": [np.vstack([weights[0], W]), np.insert(weights[1], [H, H], V.T, axis=1)]} | coordinates,
        "first_order_blocks": at | {"X": X, "Y": Y, "act": TANH, "loss": SQUARE, "W": W, "V": V},
        "reduce_units": {"weights": weights, "act": TANH, "X": X, "tol": 1e-9},
        "embedding_norms": at | {"unit": 0, "count": 2},
    }


def of_pacbayes(n, D, H, M):
    X, v, d = whole(n, D), whole(2, M), 2 * n
    theta, C, S = whole(d), definite(d), np.kron(np.eye(2), definite(D + 1))
    spread, points, search = {"sigma": 1.0, "tau": 0.5}, {"x": np.array([0.0, 1]), "y": np.array([1.0, 2])}, {
        "goal": 0.5, "rng": 0}
    confidence, new = {"n": 9, "delta": 0.5}, {"w0": whole(D + 1), "spread_v": 1.0, "spread_w": 0.5}
    narrow = net(n, D, H, M) | {"act": TANH, "p": np.eye(n)[0], "rho": 0.5}
    wide = narrow | {"surplus": np.array([2, 0])}
    return {
        "gaussian_kl": {"mean_q": theta, "cov_q": C, "mean_p": theta[::-1].copy(), "cov_p": C + np.eye(d)},
        "isotropic_kl": {"mean": theta, "cov": C, "sigma": 1.0},
        "curvature_kl": {"H": C} | spread, "ridge_kl": {"H": C} | spread,
        "product_cost": {"H0": C, "cross": np.ones((d, 2)), "S": definite(2)} | spread,
        "kl_smooth": {"theta0": theta, "v": v, "H0": C, "S": S} | spread,
        "kl_relu": {"theta0": theta, "v": v, "H0": C} | spread,
        "mean_curvature": {"v": v, "inputs": X, "sigma": 1.0},
        "pac_bayes_bound": {"empirical_risk": 0.5, "kl": 1.0} | confidence,
        "expected_risk": {"risk": 0.5, "H": C, "cov": C + np.eye(d)},
        "approximate_bound": {"risk": 0.5, "H": C, "theta": theta, "cov": C, "sigma": 1.0} | confidence,
        "plug_in_bound": {"risk": 0.5, "H": C, "theta": theta} | confidence | spread,
        "optimal_posterior": {"H": C, "theta": theta, "sigma": 1.0} | confidence,
        "draw_data": {"n": 3, "noise": 0.5, "rng": 0},
        "relu_units_needed": {"x": np.arange(n + 0.0), "y": whole(n)},
        "relu_interpolants": points | {"units": 1},
        "kinked_starts": {"x": whole(n), "units": 2, "count": 2, "rng": 0},
        "smallest_zero_error": points | {"act": TANH, "nets": [[np.array([[1.0, -1]]), np.array([[2.0]])]]} | search,
        "draw_experiment": {"problems": {"a": (np.sin, lambda x, y, rng: [])}, "n": 2, "noise": 0.5, "most_draws": 2,
                            "rng": 0},
        "uniform_nodes": {"count": 2},
        "generalization_ratio": wide | new | {"trials": 3, "rng": 0},
        "predicted_error": narrow,
        "predicted_ratio": wide | new,
        "surplus_slope": {"inputs": X, "act": TANH, "M": 2, "p": np.eye(n)[0], "rho": 0.5} | new | {"w0": whole(D)},
        "replicated_ratio": wide | {"unit": 0, "trials": 3, "rng": 0},
        "predicted_replicated_ratio": wide | {"unit": 0},
    }


def of_reparam(n, D, H, M):
    data = net(n, D, H, M)
    weights, X, Y = data.values()
    P = 2 * n
    theta, J, C, center = whole(P), whole(P, D), definite(P), {"center": whole(P) + 1}
    rises = {"loss": lambda t: float(np.tanh(t).sum() + len(t)), "gradient": dtanh}
    shape, radii = {"a": 1.0, "b": 1.0}, {"rhat": 1.0, "delta": 9.0, "rho": 2.0}
    sizes, shifted = {"sizes": np.array([P - 1, 1]), "biases": np.array([0, 0])}, {"center": whole(D) + 1}
    return {
        "alpha_scale": {"weights": weights, "alphas": np.ones(2)},
        "alpha_diagonal": {"weights": weights, "alphas": np.ones(2)},
        "orbit_tangent": {"weights": weights, "c": np.array([2.0, -2])},
        "unit_scale": {"weights": weights, "layer": 0, "scales": np.arange(1.0, H + 1)},
        "unit_tangents": {"weights": weights}, "balance": {"weights": weights},
        "flat_boxes": {"weights": weights, "r": 1.0, "count": 2, "layers": np.array([0, 1])},
        "output_change": {"weights": weights, "X": X, "r": 0.5, "act": RELU},
        "box_radius": data | {"epsilon": 0.5, "act": RELU},
        "alpha_for_norm": {"H": C, "n1": 1, "bound": 1.0, "biases": 0},
        "flattest_alphas": {"H": C, "sizes": np.array([P - 1, 1])},
        "orbit_measures": rises | {"H": C, "theta": theta, "sizes": np.array([P - 1, 1]), "epsilon": 0.5, "starts": 2,
                                   "rng": 0},
        "large_eigenvalues": {"rank": 2} | sizes,
        "alphas_for_many": {"H": C, "bound": 1.0, "tol": 0.5} | sizes,
        "quadratic_sharpness": {"H": C, "loss": 0.5, "epsilon": 0.5},
        "quadratic_maximum": {"g": theta, "H": C, "epsilon": 0.5},
        "epsilon_sharpness": rises | {"theta": theta, "epsilon": 0.5, "hessian": C, "box": np.ones(P - 1),
                                      "subspace": np.eye(P)[:, 1:], "starts": 2, "iterations": 2, "rng": 0},
        "network_loss": data | {"act": TANH, "loss": SQUARE},
        "alpha_to_constant": {"weights": weights, "epsilon": 0.5, "layer": 0},
        "pullback_gradient": {"grad": theta, "J": J},
        "pullback_hessian": {"hess": C, "J": J, "grad": theta, "d2g": whole(P, D, D)},
        "input_derivative": {"df_dx": whole(M, D), "dxi_du": whole(D, n)},
        "reversing_output_map": {"F": whole(n, 2) + [3, 0], "G": whole(n, 2) + [0, 1], "Y": whole(n, 2)},
        "power_inverse": {"theta": J} | shifted | shape, "power_slope": {"theta": J} | shifted | shape,
        "power": {"eta": J} | shifted | shape,
        "radial_psi": {"r": J ** 2} | radii, "radial_psi_prime": {"r": J ** 2} | radii,
        "radial_inverse": {"theta": theta} | center | radii, "radial": {"eta": theta} | center | radii,
        "radial_inverse_jacobian": {"theta": theta} | center | radii,
        "radial_jacobian": {"eta": theta} | center | radii,
        "weight_norm": {"s": 2.0, "v": theta},
        "weight_norm_hessian": {"s": 2.0, "v": theta, "grad": theta + 1, "hess": C},
    }
