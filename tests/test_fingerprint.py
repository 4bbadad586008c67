"""Laws of the code fingerprints: what a stage runs counts, what nobody runs does not."""

import pytest

from quals.fingerprint import _imported, _meaning, closure, fingerprints

FILES = {
    "stages/__init__.py": "",
    "stages/train.py": "from pack.loss import loss\n\n\ndef main():\n    return loss(1)\n",
    "stages/draw.py": "import pack.colours\n",
    "loss.py": "import math\nfrom pack import helper\n\n\ndef loss(x):\n    return math.log(x)\n",
    "helper.py": "def lazy():\n    from pack.late import LATE\n\n    return LATE\n",
    "late.py": "LATE = 1\n",
    "colours.py": "BLUE = 'blue'\n",
}


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "pack"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def measured(package) -> dict[str, str]:
    _imported.cache_clear()
    _meaning.cache_clear()
    return fingerprints(package)


def edit(package, name: str, text: str) -> set[str]:
    """The stages whose fingerprint an edit changes."""
    before = measured(package)
    (package / name).write_text(text)
    after = measured(package)
    return {stage for stage in before if before[stage] != after[stage]}


def test_every_stage_has_one(package):
    assert set(measured(package)) == {"train", "draw"}


def test_closure_follows_imports_wherever_they_stand(package):
    found = {path.name for path in closure(package, package / "stages/train.py")}
    assert found == {"train.py", "loss.py", "helper.py", "late.py"}


@pytest.mark.parametrize("name", ["loss.py", "late.py", "stages/train.py"])
def test_a_change_of_what_a_stage_runs_changes_its_fingerprint_only(package, name):
    assert edit(package, name, FILES[name] + "\nNEW = 2\n") == {"train"}


def test_a_changed_constant_counts(package):
    assert edit(package, "late.py", "LATE = 1.0\n") == {"train"}


@pytest.mark.parametrize(
    "text",
    [
        "# a reason\n" + FILES["loss.py"],
        '"""What is lost?"""\n' + FILES["loss.py"],
        FILES["loss.py"].replace("def loss(x):\n", 'def loss(x):\n    """Natural log."""\n'),
        FILES["loss.py"].replace("\n\n\n", "\n\n\n\n"),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(package, text):
    assert edit(package, "loss.py", text) == set()


def test_moving_code_to_another_module_counts(package):
    before = measured(package)
    (package / "late.py").rename(package / "later.py")
    (package / "helper.py").write_text(FILES["helper.py"].replace("pack.late", "pack.later"))
    assert measured(package)["train"] != before["train"]
