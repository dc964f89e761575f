"""demo.py and README.md: all checks pass, bad input is refused in one sentence, copies run, the README is true."""
import re
import subprocess
import sys
from contextlib import redirect_stdout
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from good import PUBLIC

import demo
import landscape

ROOT = Path(__file__).resolve().parent.parent
README, INDEX = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "tests/README.md"))
TESTS = {name for path in (ROOT / "tests").glob("test_*.py")
         for name in re.findall(r"^def (test_\w+)\(", path.read_text(encoding="utf-8"), re.M)}


def rows_of(text):
    """The cells of each row of the tables in a Markdown text."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]


def run(capsys, *argv):
    """Exit status, standard output and standard error of the command line."""
    try:
        status = demo.main(list(argv))
    except SystemExit as stop:
        status = stop.code
    return (status, *capsys.readouterr())


@pytest.fixture(scope="session", autouse=True)
def whole(tmp_path_factory):
    """A function that gives the output of all sections, then of the story with another seed. They run beside."""
    path = tmp_path_factory.mktemp("demo") / "all.txt"
    code = "import demo; exit(demo.main(['--all']) or demo.main(['--seed', '12345678901234567890']))"
    with path.open("w") as file, subprocess.Popen([sys.executable, "-W", "error", "-c", code], cwd=ROOT,
                                                  stdout=file, stderr=subprocess.STDOUT) as process:
        def output():
            assert process.wait() == 0, path.read_text()
            return path.read_text()

        yield output
        process.kill()


def test_the_story_passes_in_eighty_columns_and_150_lines_and_each_section_closes_with_so(capsys):
    status, out, err = run(capsys)
    assert status == 0 and err == "" and "FAIL" not in out
    assert max(map(len, out.splitlines())) < 80 and len(out.splitlines()) <= 150
    starts = [out.index(f"\n{section.__doc__}\n") for section in demo.STORY]
    for start, end in zip(starts, [*starts[1:], out.index("checks passed.")], strict=True):
        assert re.search(r"^So ", out[start:end], re.M), out[start:end]
    assert re.search(r"\n(\d+) of \1 checks passed\.\n$", out) and out.count("\n5. Noise") == 1
    for section in (demo.story_fit, demo.story_noise):        # the same seed prints the same words
        demo.tell(section.__doc__, section(0))
        assert capsys.readouterr().out in out


def test_own_data_are_standardized_column_by_column():
    rng = np.random.default_rng(0)
    X, Y = demo.standardized(demo.Data(5 + 3 * rng.normal(size=(9, 3)), 1e3 * rng.normal(size=(9, 1)), "own"), 0)
    for part in (X, Y):
        assert np.allclose(part.mean(axis=0), 0, atol=1e-14) and np.allclose(part.std(axis=0), 1, rtol=1e-14)
    X, Y = demo.standardized(demo.Data(rng.normal(size=(100, 70)), np.arange(100.0)[:, None], "own"), 0)
    assert X.shape == (60, 64) and (np.diff(Y[:, 0]) > 0).all() and np.ptp(np.diff(Y[:, 0])) > 0.01    # rows at random


def test_a_failed_check_makes_the_exit_status_one(capsys, monkeypatch):
    def wrong(seed, data):
        """A false claim"""
        yield demo.equal("nobody", "one is one", 1, 1)
        yield demo.equal("nobody", "one is two", 2, 1)

    monkeypatch.setattr(demo, "SECTIONS", {"wrong": wrong})
    monkeypatch.setattr(demo, "STORY", (lambda seed: wrong(seed, None),))
    assert run(capsys)[0] == 1
    status, out, _ = run(capsys, "--all")
    assert status == 1 and "FAIL nobody" in out and "1 of 2 checks passed" in out


def test_figures_without_matplotlib_are_refused_in_one_sentence(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)            # as if it were not installed
    status, out, err = run(capsys, "--figures", str(tmp_path))
    assert status == 2 and out == "" and err.startswith("demo.py: --figures needs matplotlib") and err.count("\n") == 1


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib is optional")
def test_figures_are_drawn_into_a_directory_or_refused(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(demo, "FIGURES", {name: demo.FIGURES[name] for name in ("dinh_3", "dinh_6")})
    assert run(capsys, "--figures", str(tmp_path / "new"))[0] == 0
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "README.md", *(f"dinh_{k}.{kind}" for k in (3, 6) for kind in ("pdf", "png"))]
    assert "![dinh_3](dinh_3.png)\n\nDinh Fig. 3: " in (tmp_path / "new" / "README.md").read_text()
    (tmp_path / "file").write_text("")
    status, _, err = run(capsys, "--figures", str(tmp_path / "file"))
    assert status == 2 and "cannot write" in err and err.count("\n") == 1


def test_every_figure_is_committed():
    names = {path.name for path in (ROOT / "figures").iterdir()}
    assert names == {f"{name}.{kind}" for name in demo.FIGURES for kind in ("png", "pdf")} | {"README.md"}
    assert set(re.findall(r"\(figures/(\w+)\.png\)", README)) <= set(demo.FIGURES)


def test_checks_can_fail():
    assert demo.below("", "", 1e-9, 1e-8).passed and not demo.below("", "", 1e-7, 1e-8).passed
    assert not demo.below("", "", np.nan, 1e-8).passed
    assert demo.near("", "", 2, 1.9, 0.2).passed and not demo.near("", "", 2, 1.7, 0.2).passed
    assert demo.equal("", "", 3, 3).passed and not demo.equal("", "", 3, 2).passed
    assert demo.equal("", "", 3, 2).measured == "2" and demo.equal("", "", 3, 2).predicted == "3"
    for bound, inside, outside in (("> 1", 2, 1), ("< 1", 0, 1)):
        assert demo.within("", "", bound, inside, "d").passed and not demo.within("", "", bound, outside, "d").passed


@pytest.mark.parametrize("argv, sentence", [
    (["--seed", "x"], "'x' is no seed"), (["--seed", "-1"], "seed"), (["--seed", "1.5"], "'1.5' is no seed"),
    (["--only", "nothing"], "invalid choice: 'nothing'"), (["--onl", "graphs"], "unrecognized"),
    (["--data"], "expected one argument"), (["--wrong"], "unrecognized arguments: --wrong"), (["file"], "unrecognized"),
    (["--data", "no/such/file.csv"], "cannot be read"), (["--data", "."], "cannot be read"),
    (["--data", ""], "cannot be read"), (["--figures", "x", "--only", "graphs"], "--figures"),
    (["--copy", "hesian"], "did you mean hessian?"), (["--blank"], "--blank goes with --copy"),
    (["--copy", "hessian", "--all"], "not allowed with argument --copy"),
])
def test_bad_options_are_refused_in_one_sentence(capsys, argv, sentence):
    status, out, err = run(capsys, *argv)
    assert status == 2 and out == "" and sentence in err
    assert err.startswith("demo.py: ") and err.count("\n") == 1


@pytest.mark.parametrize("content, sentence", [
    ("", "has 0 rows"), ("a,b\n", "has 0 rows"), ("1,2\n", "has 1 row of"), ("a,b\n1,2\n", "has 1 row of"),
    ("1\n2\n3\n", "has one column"), ("1,2\n3\n", "line 2, has 1 cells"), ("1,2\n3,4,5\n", "line 2, has 3 cells"),
    ("1,2\n3,four\n", "line 2, holds 'four' in column 2"), ("x,y\n3,4\n5,\n", "line 3, holds '' in y"),
    ("1,2\n3,nan\n", "holds 'nan'"), ("1,2\ninf,4\n", "holds 'inf'"), ("1,2\n1e999,4\n", "holds '1e999'"),
    ("1,2\n1_0,4\n", "holds '1_0'"), ("1,2\n1e200,4\n", "below 1e100"), ("a;b\n1,5;2\n3,5;4\n", "with a point"),
    ("a;b\n2;2\n1,5;2\n3,5;4\n", "line 3, holds '1,5', numbers"),
    ("1,2\n3,4\n1,5\n", "lines 1 and 3, have equal inputs"), ("0,2\n-0.0,3\n", "equal inputs"),
    ("0.30000000000000004,1\n0.3,2\n2,0\n1,1\n", "so close to each other"), ("1,2\n1,2\n", "has 1 different rows"),
    (b"\xff\xfe\x00\x01", "no text in UTF-8"), ('"1,000",2\n"2,000",3\n', "no mark for thousands"),
    ("1.000.000,5;2\n2.000.000,5;3\n", "no mark"), ("1.000.000;2\n2.000.000;3\n", "no mark"),
    ("a,b\nm,1\nf,2\nNaN,3\n", "line 4, holds 'NaN'"),
    (b"1,2\n\x00,3\n", "file.csv"),
    pytest.param("".join(f"{i},{i}\n" for i in range(5001)), "2 to 5000", id="5001 rows"),
])
def test_bad_data_are_refused_in_one_sentence_before_any_output(capsys, tmp_path, content, sentence):
    file = tmp_path / "file.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    status, out, err = run(capsys, "--data", str(file))
    assert status == 2 and out == "" and sentence in err
    assert err.startswith("demo.py: ") and err.count("\n") == 1


@pytest.mark.parametrize("content", [
    "x,y\n1,2\n2,1\n4,4\n", "\ufeffx,y\r\n1,2\r\n2,1\r\n4,4\r\n", '"a","b"\n"1", 2\n2 ,1\n\n4,4', "1,2\n2,1\n4,4\n",
    "x;y\n1;2\n2;1\n4;4\n", "1\t2\n2\t1\n4\t4\n", "1,2\n2,1\n1,2\n4,4\n",
])
def test_a_header_a_byte_order_mark_quotes_blank_lines_and_other_marks_are_allowed(tmp_path, content):
    file = tmp_path / "file.csv"
    file.write_bytes(content.encode())
    data = demo.read_data(str(file))
    assert (data.X == [[1], [2], [4]]).all() and (data.Y == [[2], [1], [4]]).all() and data.name == "file.csv"
    assert ("equal" in data.notes) == (content.count("1,2") > 1)


def test_words_are_numbered_and_told_and_a_constant_target_is_said(tmp_path):
    file = tmp_path / "flowers.csv"
    file.write_text("size,kind\n1.5,rose\n2.5,iris\n3.5,rose\n")
    data = demo.read_data(str(file))
    assert data.Y[:, 0].tolist() == [1, 0, 1] and "kind holds words, numbered: iris = 0, rose = 1." in data.notes
    file.write_text("red,a\nblue,b\n")                             # all words: no header can be told
    assert demo.read_data(str(file)).X[:, 0].tolist() == [1, 0]
    file.write_text("1,3\n2,3\n")
    assert "constant" in demo.read_data(str(file)).notes
    file.write_text("length (m; s),b\n1,2\n3,5\n")                # the name holds a mark, the numbers do not
    assert demo.read_data(str(file)).Y[:, 0].tolist() == [2, 5]


@pytest.mark.parametrize("kind", ["two rows", "constant target", "constant column", "rough", "tiny", "wide", "long"])
def test_any_sound_data_are_fitted(capsys, monkeypatch, tmp_path, kind):
    rng = np.random.default_rng(0)
    all_steps = landscape.walk_zero_loss

    def walk(*args, steps, **kwargs):                               # a sixth of the steps, each told six times
        return [net for net in all_steps(*args, steps=steps // 6, **kwargs) for _ in range(6)]

    monkeypatch.setattr(landscape, "walk_zero_loss", walk)
    monkeypatch.setattr(demo, "WALK_ROWS", 25)
    table = {
        "two rows": [[1, 2], [3, 4]], "constant target": [[i, 5] for i in range(12)],
        "constant column": [[1, 7, 3], [2, 7, 1], [4, 7, 2]], "rough": [[i, i % 2] for i in range(25)],
        "tiny": [[1e-90, 1e-90], [2e-90, 3e-90], [3e-90, 1e-90]], "wide": rng.normal(size=(12, 30)).tolist(),
        "long": np.column_stack([rng.normal(size=(30, 3)), np.arange(30) // 10]).tolist(),
    }[kind]
    file = tmp_path / "file.csv"
    file.write_text("\n".join(",".join(map(repr, row)) for row in table))
    status, out, err = run(capsys, "--data", str(file))
    assert status == 0 and err == "" and "FAIL" not in out and "too rough" not in out
    assert ("25 of 30 rows drawn at random" in " ".join(out.split())) == (kind == "long")
    assert f"{demo.SECTIONS['zero-loss'].__doc__}\n" in out and "ranks met on the way" in out


def test_the_readmes_python_prints_what_stands_below_it():
    blocks = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", README, re.S)
    assert blocks and len(blocks) == README.count("```python")
    for code, printed in blocks:
        with redirect_stdout(StringIO()) as out:
            exec(code, {})
        assert out.getvalue() == printed


def test_the_readmes_commands_are_ones_that_the_demo_takes_and_ci_runs(capsys):
    blocks = re.findall(r"```sh\n(.*?)```", README, re.S)
    first = [block.splitlines() for block in blocks if "demo.py" in block or "pytest" in block][:2]
    assert [len(block) for block in first] == [1, 1] and all(block[0].startswith("pip install ") for block in first)
    assert first[0][0].endswith("&& python demo.py") and first[1][0].endswith("&& python -m pytest")
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("python demo.py ")]
    assert len(lines) >= 4
    for line in lines:                                              # --all, --data, --figures have tests of their own
        options = line.split("#")[0].split()[2:]
        if options[0] == "--copy" or options[0] == "--only":
            assert run(capsys, *options)[0] == 0
        else:
            assert options in (["--all"], ["--data", "FILE"], ["--figures", "DIR"])
    assert len(README.splitlines()) <= 260


def test_the_readmes_tables_of_errata_and_caveats_name_tests_that_exist():
    named = [name for row in rows_of(README) for name in re.findall(r"`(test_\w+)`", row[-1])]
    assert len(named) > 20 and not set(named) - TESTS, set(named) - TESTS


def test_the_index_names_functions_and_tests_that_exist_and_every_public_function():
    rows = [row for row in rows_of(INDEX[INDEX.index("\n## "):]) if row[0] != "source"]
    assert all(len(row) == 4 and all((row[0], row[1], row[3])) for row in rows)
    functions, tests = ({name for row in rows for name in re.findall(r"`(\w+)`", row[k])} for k in (2, 3))
    assert not tests - TESTS, tests - TESTS
    public = {name for name in PUBLIC if not name.startswith("check_")}         # those are the door's own
    constants = {name for name in vars(landscape) if name.isupper()}
    assert public <= functions <= public | constants, (public - functions, functions - public - constants)


def test_every_erratum_test_stands_in_the_readme():
    for path in (ROOT / "tests").glob("test_*.py"):
        for name in re.findall(r"def (test_erratum_\w+)\(", path.read_text(encoding="utf-8")):
            assert f"`{name}`" in README, name


def test_a_section_run_alone_says_what_it_says_in_the_whole(capsys, whole):
    assert run(capsys, "--list")[1].split() == list(demo.SECTIONS)
    for name in ("gradient", "layers"):
        status, out, _ = run(capsys, "--only", name)
        section = out[out.index(f"\n{name}: "):out.index("\n\nEvery result")]
        assert status == 0 and section in whole()


def test_the_demo_and_the_story_with_another_seed_pass_every_check_in_eighty_columns(whole):
    out = whole()
    assert "FAIL" not in out and max(map(len, out.splitlines())) < 80
    assert len(re.findall(r"\n(\d+) of \1 checks passed\.\n", out)) == 2
    assert all(f"\n{name}: " in out for name in demo.SECTIONS)
