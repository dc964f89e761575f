"""What demo.py --copy prints runs alone and gives the same; --blank leaves bodies out; --mine marks a coursework."""
import ast
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from good import PUBLIC, rows

import demo
from landscape import Activation, Loss, check_arguments

ROOT = Path(__file__).resolve().parent.parent
ROWS = rows()
NAMES = [name for name in PUBLIC if not name.startswith("check") and name != "read_contract"]


def alone(*names, blank=False):
    """The copied functions, run in a namespace of their own."""
    scope = {"__name__": "copied"}
    exec(demo.copied(names, blank), scope)
    return scope


def given(name):
    """New good arguments of a function, as its door hands them on."""
    function, arguments = ROWS[name]
    call = inspect.signature(function).bind(**arguments)
    call.apply_defaults()
    seed = {"rng": arguments["rng"]} if "rng" in arguments else {}              # as it was given
    return check_arguments(function.__wrapped__, call.arguments) | seed


def numbers(result, name):
    """All numbers in a result, in order; of a function that is returned, what it returns."""
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, (list, tuple)):
        return [number for part in result for number in numbers(part, name)]
    if callable(result):
        theta = np.linspace(-1, 1, 9 + 8)                           # as many weights as the good net has
        at = {"power_loss": (np.ones((2, 2)), 3 * np.ones((2, 2)))}.get(name, (theta,))
        return numbers(result(*at), name)
    return [] if result is None or isinstance(result, str) else [np.asarray(result, dtype=float)]


@pytest.mark.parametrize("name", NAMES)
def test_every_public_function_copied_runs_alone_and_gives_the_same(name):
    copied = alone(name)
    ours = r"\bchecked\b|check_|import (landscape|hessian|embeddings|pacbayes|reparam)"
    assert not re.search(ours, demo.copied([name]))
    if name in ROWS:
        ours, theirs = (numbers(function(**given(name)), name) for function in (ROWS[name][0], copied[name]))
        assert ours and len(ours) == len(theirs) and all(np.array_equal(a, b) for a, b in zip(ours, theirs))
    else:                                                           # activations and passes: called by the others
        assert inspect.signature(copied[name]) == inspect.signature(PUBLIC[name])


def test_a_copy_keeps_the_hypotheses_of_theorems_and_stands_in_reading_order():
    with pytest.raises(ValueError, match="sum to 1"):
        alone("replicate_unit")["replicate_unit"]([np.ones((1, 1)), np.ones((1, 1))], 0, 0, np.array([0.5, 0.4]))
    text = demo.copied(["hessian", "gradient", "TANH"])
    defined = [node.name for node in ast.parse(text).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    assert len(defined) == len(set(defined)) and defined.index("augment") < defined.index("gradient")
    scope = alone("hessian", "gradient", "TANH", "SQUARE")
    assert scope["TANH"].f(0.0) == 0 and len(scope["SQUARE"]) == len(Loss._fields)
    assert len(Activation._fields) >= 4
    assert "def hessian(" not in demo.copied(["epsilon_sharpness"])            # its argument `hessian` calls none


def test_a_copied_map_takes_a_number_for_its_center_as_ours_does():
    copied = alone("power_inverse", "power")
    t = copied["power_inverse"](np.array([0.5, -2.0]), 0.0, 1.0, 0.1)
    assert np.allclose(t, [0.5 * 0.35, -2 * 4.1], rtol=1e-15)
    assert np.allclose(copied["power"](t, 0.0, 1.0, 0.1), [0.5, -2], rtol=1e-12)


def test_a_copied_fit_does_not_cut_its_steps_to_whole_numbers():
    copied, X = alone("fit", "TANH"), np.linspace(-1.0, 1, 6)[:, None]
    whole = [np.arange(-5, 5).reshape(5, 2), np.ones((1, 6), dtype=int)]
    found = copied["fit"](whole, X, np.sin(3 * X), copied["TANH"])
    assert found.loss < 1e-20 and found.weights[0].dtype == float


def test_blank_leaves_the_bodies_of_the_named_functions_out_and_nothing_else():
    scope = alone("hessian", "gradient", blank=True)
    with pytest.raises(NotImplementedError):
        scope["gradient"](None, None, None, None)
    assert scope["gradient"].__doc__ == PUBLIC["gradient"].__doc__
    X = np.ones((2, 1))
    assert len(scope["forward_pass"]([np.ones((1, 1))], X, None)[1]) == 1       # the rest is whole


def marking(directory, texts, chosen):
    """pytest with --mine on the tests that `chosen` picks, a process for each text; all at once."""
    files = [f"tests/test_{name}.py" for name in ("landscape", "hessian", "hessian_embedded")]
    options = ["-k", chosen, "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--assert=plain", "-q"]     # quick
    runs = []
    for k, text in enumerate(texts):
        path = directory / f"mine{k}.py"
        path.write_text(text)
        runs.append(subprocess.Popen([sys.executable, "-m", "pytest", *files, "--mine", str(path), *options], cwd=ROOT,
                                     stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}))
    return runs


@pytest.fixture(scope="session", autouse=True)
def marked(tmp_path_factory):
    """Names, and a function that gives the marks of right and of wrong copies. They run beside the tests."""
    chosen = ("first_order_expansion_of_the_loss or inertia_law_with_zeros or linear_regression_has_the_hessian or "
              "takes_the_form_that_suits")                          # which looks inside hessian, and is left out
    names = ["gradient", "hessian_plain", "predicted_inertia", "hessian"]
    right = demo.copied(names)
    wrong = right.replace("[delta.T @ a for delta, a in zip(deltas", "[-delta.T @ a for delta, a in zip(deltas")
    wrong = wrong.replace("return (H + H.T) / 2", "return (H + H.T) / 4")
    wrong = re.sub(r"(?s)(def predicted_inertia.*?)p \* up \+ m \* down", r"\1p * up - m * down", wrong)
    assert wrong != right
    runs = marking(tmp_path_factory.mktemp("mine"), [right, wrong], chosen)
    yield names, lambda: [text[text.index("your functions"):] for text in (run.communicate()[0] for run in runs)]
    for run in runs:
        run.kill()


def test_mine_passes_what_copy_prints_and_finds_wrong_versions(marked):
    names, (passed, failed) = marked[0], marked[1]()
    assert "fails" not in passed
    for name in names:
        assert re.search(rf"^{name}: (\d+) of \1 claims hold$", passed, re.M) and f"{name}: 0 of 0" not in passed
        held, ran = map(int, re.search(rf"^{name}: (\d+) of (\d+) claims hold$", failed, re.M).groups())
        assert held < ran or name == "hessian"
