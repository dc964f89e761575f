"""python -m pytest tests --mine FILE.py: the tests as the marker of a coursework.

The functions of FILE.py take the places of ours, by name, before the modules import each other; the summary says of
each how many of the claims whose tests ran it hold, and which fail. They get their arguments as our docstrings have
them: float64 arrays, nets as lists. Tests of refusals are left out (`refuse` in the name, test_robustness.py; where
others meet one nothing is asked), those that look inside (monkeypatch), and what hangs on the random numbers of one
seed (`the_demo_draws`), so what `python demo.py --copy NAME` prints passes. TANH, SQUARE, ... are made of them too.
"""
import importlib
import inspect
import os
import sys
from contextlib import suppress
from functools import wraps
from pathlib import Path
from types import ModuleType

import pytest

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")                  # matrices are small: threads wait for each other
import numpy as np  # noqa: E402

MODULES = ("landscape", "hessian", "embeddings", "pacbayes", "reparam")
RAN = {}                                                            # name -> {test: did it hold}
NOW = [None]                                                        # the test that runs


def pytest_addoption(parser):
    parser.addoption("--mine", metavar="FILE.py", help="run the tests with the functions of FILE.py in place of ours")


def pytest_configure(config):
    if sys.platform == "darwin":                                    # Apple's BLAS warns of products of ordinary numbers
        config.addinivalue_line("filterwarnings", "ignore:.* encountered in matmul:RuntimeWarning")
    path = config.getoption("--mine")
    if path is None:
        return
    pytest.raises = lambda *_, **__: suppress(Exception)
    mine = ModuleType("mine")
    try:
        exec(compile(Path(path).read_text(), path, "exec"), vars(mine))
    except Exception as error:
        raise pytest.UsageError(f"--mine {path}: {error}") from error
    for name in MODULES[1:]:                                        # FILE.py may have imported them, with our functions
        sys.modules.pop(name, None)
    for name in MODULES:
        module = importlib.import_module(name)
        for theirs in inspect.getmembers(mine, inspect.isfunction):
            if theirs[1].__module__ == "mine" and inspect.isfunction(getattr(module, theirs[0], None)) \
                    and getattr(module, theirs[0]).__module__ == name:
                setattr(module, theirs[0], in_place_of(getattr(module, theirs[0]), theirs[1]))
        for constant, ours in vars(module).copy().items():
            if name == "landscape" and isinstance(ours, (module.Activation, module.Loss)):
                parts = (vars(module)[part.__name__] if getattr(part, "__name__", "") in RAN else part for part in ours)
                setattr(module, constant, type(ours)(*parts))
    if not RAN:
        raise pytest.UsageError(f"--mine {path}: none of its functions bears the name of one of ours")


def in_place_of(ours, theirs):
    """`theirs` behind our door, which notes the tests that run it."""
    RAN[ours.__name__] = {}

    @wraps(ours)
    def run(*args, **kwargs):
        if NOW[0]:                                                  # not while the tests are imported
            RAN[ours.__name__].setdefault(NOW[0], True)
        if hasattr(ours, "__wrapped__"):
            call = inspect.signature(ours).bind(*args, **kwargs)
            call.apply_defaults()
            given = sys.modules["landscape"].check_arguments(ours.__wrapped__, call.arguments)
            flags = sys.modules["landscape"].FLAGS                  # as the door has them
            with np.errstate(over=flags, divide=flags, invalid=flags):
                return theirs(**given)
        return theirs(*args, **kwargs)

    return run


def pytest_collection_modifyitems(config, items):
    waits = {"whole", "marked"}                                     # for other processes: last
    items.sort(key=lambda item: not waits.isdisjoint(inspect.signature(item.function).parameters))
    if config.getoption("--mine") is not None:
        items[:] = [item for item in items if "refuse" not in item.name and "the_demo_draws" not in item.name
                    and item.path.name not in ("test_robustness.py", "test_copy.py")    # which compares bit by bit
                    and not {"monkeypatch", "whole"} & set(inspect.signature(item.function).parameters)]


def pytest_runtest_setup(item):
    NOW[0] = item.nodeid


def pytest_runtest_logreport(report):
    for tests in RAN.values():
        if report.nodeid in tests and report.failed:
            tests[report.nodeid] = False


def pytest_terminal_summary(terminalreporter, config):
    if config.getoption("--mine") is None:
        return
    terminalreporter.section("your functions")
    for name, tests in RAN.items():
        if name.startswith("_") and not tests:                      # called in FILE.py alone
            continue
        failed = [test.split("::")[-1] for test, holds in tests.items() if not holds]
        held = f"{len(tests) - len(failed)} of {len(tests)} claims hold" if tests else "no test calls it by name"
        terminalreporter.line(f"{name}: {held}" + "".join(f"\n    fails: {test}" for test in failed))
