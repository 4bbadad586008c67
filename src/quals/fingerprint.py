"""Which code does a stage run? One fingerprint for each stage, over all modules that it imports.

`dvc.yaml` tracks these fingerprints instead of long lists of files: an edit reruns exactly the
stages whose modules changed, and comments, docstrings and layout change none of them.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
STAGES = "stages"


def fingerprints(package: Path) -> dict[str, str]:
    """Stage name to the fingerprint of its code, for every module in `package`/stages."""
    names = sorted(path.stem for path in (package / STAGES).glob("*.py") if path.stem[0] != "_")
    return {name: fingerprint(package, package / STAGES / f"{name}.py") for name in names}


def of_stage(name: str) -> str:
    """The fingerprint of the code that runs here as this stage."""
    return fingerprint(PACKAGE, PACKAGE / STAGES / f"{name}.py")


def fingerprint(package: Path, module: Path) -> str:
    """16 hex digits over what the module and all modules of the package that it imports do."""
    digest = hashlib.sha256()
    for path in closure(package, module):
        digest.update(f"{path.relative_to(package).as_posix()}\0{_meaning(path)}\0".encode())
    return digest.hexdigest()[:16]


def closure(package: Path, module: Path) -> list[Path]:
    """The module and everything of the package that it imports, wherever in a file, sorted."""
    seen: set[Path] = set()
    todo = [module]
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            todo += _imported(package, path)
    return sorted(seen)


@cache
def _imported(package: Path, module: Path) -> frozenset[Path]:
    names: set[str] = set()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    root = package.parent
    files = {root / (name.replace(".", "/") + ".py") for name in names}
    return frozenset(file for file in files if file.is_file() and package in file.parents)


@cache
def _meaning(module: Path) -> str:
    """The module's syntax without docstrings; positions and comments are no part of it."""
    tree = _tree(module)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
    return _written(tree)


def _written(node: object) -> str:
    """Like `ast.dump`, but empty fields are left out: new Pythons add some to old syntax."""
    if isinstance(node, ast.AST):
        fields = [(name, value) for name, value in ast.iter_fields(node) if value not in (None, [])]
        return f"{type(node).__name__}({','.join(f'{n}={_written(v)}' for n, v in fields)})"
    if isinstance(node, list):
        return f"[{','.join(map(_written, node))}]"
    return repr(node)


def _tree(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"), filename=str(module))
