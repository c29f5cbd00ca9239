"""The rules of the house that a linter does not know: what the core may do, who may make what, how large things get."""

from __future__ import annotations

import ast
import statistics
import typing
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pathlib import Path

import msgspec
import pytest

from fedpeer.core.canonical import Value

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "fedpeer"
CORE = sorted((PACKAGE / "core").rglob("*.py"))
EVERY = sorted(PACKAGE.rglob("*.py"))
MAKERS = {
    "Admitted": "core/contract/admit.py",
    "Maskable": "core/privacy/masked.py",
    "Shareable": "core/privacy/protect.py",
    "Verified": "core/envelope/seal.py",
}
BANNED_CALLS = {"open", "print", "input", "eval", "exec", "compile", "__import__"}
GENERATORS = {"generate", "urandom", "token_bytes", "token_hex", "default_rng", "getrandbits"}
PREDICTABLE = ("random", "uuid", "secrets", "numpy.random", "Crypto.Random", "nacl.utils")
VAGUE = {"utils", "util", "common", "helpers", "helper", "manager", "base", "misc", "tools"}


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All of a module's, read once for all rules."""
    return tuple(ast.walk(ast.parse(path.read_text("utf-8"))))


def called(node: ast.Call) -> str:
    function = node.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def place(path: Path, node: ast.AST, what: str) -> str:
    return f"{name(path)}:{node.lineno}: {what}"


def test_the_core_waits_for_nothing_prints_nothing_and_draws_no_keys():
    found = [place(path, node, what) for path in CORE for node in nodes(path) if (what := impure(node))]
    assert found == []


def impure(node: ast.AST) -> str:
    """What a node does that the core must not, if anything."""
    if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
        return type(node).__name__
    if isinstance(node, ast.Call):
        banned = GENERATORS | BANNED_CALLS if isinstance(node.func, ast.Name) else GENERATORS
        return called(node) if called(node) in banned else ""
    return ""


@pytest.mark.parametrize("line", ["open('x')", "x.generate()", "async def f(): pass", "urandom(3)", "eval('1')"])
def test_what_the_core_must_not_would_be_found(line):
    assert any(map(impure, ast.walk(ast.parse(line))))


def randomness(module: Iterable[ast.AST]) -> list[str]:
    """Where a module has random numbers from, other than through the port."""
    found = []
    for node in module:
        match node:
            case ast.Import():
                found += [each.name for each in node.names]
            case ast.ImportFrom():
                found += [node.module or "", *(f"{node.module}.{each.name}" for each in node.names)]
            case ast.Attribute(attr="random", value=ast.Name(id="np" | "numpy")):
                found.append("numpy.random")
            case ast.Attribute(attr="urandom") | ast.Name(id="urandom"):
                found.append("urandom")
    return [each for each in found if each.split(".")[0] in PREDICTABLE or each in {*PREDICTABLE, "urandom"}]


def test_the_kernels_generator_is_the_only_one_and_has_one_door():
    found = {name(path): drawn for path in EVERY if (drawn := randomness(nodes(path)))}
    assert found == {"adapters/system.py": ["urandom"]}


@pytest.mark.parametrize(
    "line",
    ["import random", "from secrets import token_bytes", "import numpy.random", "np.random.rand()", "os.urandom(3)"],
)
def test_another_generator_would_be_found(line):
    assert randomness(ast.walk(ast.parse(line)))


def test_what_only_one_station_may_make_is_made_only_there():
    calls = [(path, node) for path in EVERY for node in nodes(path) if isinstance(node, ast.Call)]
    makers = {(called(node), name(path)) for path, node in calls if called(node) in MAKERS}
    assert makers == set(MAKERS.items())


def test_no_module_has_a_name_that_says_nothing():
    assert not VAGUE & {path.stem for path in EVERY}


def test_files_and_functions_keep_their_budgets():
    lines = {path: path.read_text("utf-8").count("\n") for path in EVERY}
    assert {name(p): count for p, count in lines.items() if count > (300 if p in CORE else 450)} == {}
    functions = [(p, n) for p in EVERY for n in nodes(p) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert [place(p, n, n.name) for p, n in functions if n.end_lineno - n.lineno >= 60] == []


def test_functions_are_small_in_the_middle_and_at_the_ninth_decile():
    sizes = sorted(
        node.end_lineno - node.lineno + 1 for path in CORE for node in nodes(path) if isinstance(node, ast.FunctionDef)
    )
    assert statistics.median(sizes) <= 8
    assert sizes[int(len(sizes) * 0.9)] <= 30


def test_no_wire_or_stored_type_holds_a_float():
    for path in EVERY:
        if "core.canonical" in path.read_text("utf-8"):
            import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    kinds = [kind for kind in _below(Value) if kind.__module__.startswith("fedpeer.")]
    assert len(kinds) > 80
    for kind in kinds:
        for field in msgspec.structs.fields(kind):
            assert float not in _parts(field.type), f"{kind.__name__}.{field.name}"


def _below(kind: type) -> set[type]:
    return {below for each in kind.__subclasses__() for below in (each, *_below(each))}


def _parts(kind: object) -> set[object]:
    return {kind}.union(*(_parts(a) for a in typing.get_args(kind))) if typing.get_args(kind) else {kind}
