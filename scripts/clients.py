"""Writes fedpeer/client/awaited.py and awaited_places.py: the methods of `Client`, each awaited, of its source.

`--check` writes nothing and exits with 1 if a file is not what the source says.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOM = Path(__file__).resolve().parents[1] / "fedpeer" / "client"
PARTS = {"places.py": "awaited_places.py", "methods.py": "awaited.py"}
DOC = """One method a route, awaited: scripts/clients.py writes this file, from fedpeer/client/{source}.

An `AsyncClient` keeps its connections; use it in one event loop, and close it.
"""
ABOUT = """Talks to the daemon at `url`; `token` is the text of its token file. Has the methods of `Client`, awaited.

    Use it as `async with AsyncClient(url, token) as client:`, or close it. It belongs to the loop of its first call.
    """
IMPORTS = {"Iterator": "AsyncIterator", "Places": "AsyncPlaces"}
BASES = {"Client": ("AsyncClient", "AsyncPlaces"), "Places": ("AsyncPlaces", "AsyncLine")}
HOMES = {"Line": ("asynchronous", "AsyncLine"), "Places": ("awaited_places", "AsyncPlaces")}
LINE = {"call", "_get", "_post", "_put", "_delete", "_fed"}


class _Awaiting(ast.NodeTransformer):
    """Turns the synchronous class into the other one."""

    def __init__(self, methods: set[str]) -> None:
        self.awaited = LINE | methods - {"events"}

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        self.generic_visit(node)
        node.name, base = BASES[node.name]
        node.bases = [ast.Name(base)]
        if node.name == "AsyncClient":
            node.body[0] = ast.Expr(ast.Constant(ABOUT))
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AsyncFunctionDef:
        self.generic_visit(node)
        return ast.AsyncFunctionDef(**{name: getattr(node, name) for name in node._fields})

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        function = node.func
        own = isinstance(function, ast.Attribute) and ast.unparse(function.value) == "self"
        return ast.Await(node) if own and function.attr in self.awaited else node

    def visit_For(self, node: ast.For) -> ast.stmt:
        self.generic_visit(node)
        streamed = ast.unparse(node.iter).startswith("self.lines(")
        return ast.AsyncFor(**{name: getattr(node, name) for name in node._fields}) if streamed else node

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = IMPORTS.get(node.id, node.id)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt | list[ast.stmt]:
        home = next((HOMES[alias.name] for alias in node.names if alias.name in HOMES), None)
        names = sorted(IMPORTS.get(alias.name, alias.name) for alias in node.names if alias.name not in HOMES)
        node.names = [ast.alias(name) for name in names]
        if home is None:
            return node
        moved = ast.ImportFrom(f"fedpeer.client.{home[0]}", [ast.alias(home[1])], 0)
        return [moved, node] if names else moved


def written(source: str) -> str:
    """The whole file that is made of this one."""
    trees = {name: ast.parse((ROOM / name).read_text("utf-8")) for name in PARTS}
    classes = {name: next(n for n in tree.body if isinstance(n, ast.ClassDef)) for name, tree in trees.items()}
    methods = {n.name for found in classes.values() for n in found.body if isinstance(n, ast.FunctionDef)}
    tree = trees[source]
    tree.body[0] = ast.Expr(ast.Constant(DOC.format(source=source)))
    text = ast.unparse(ast.fix_missing_locations(_Awaiting(methods).visit(tree)))
    return linted(linted(text, "check", "--quiet", "--fix", "--select", "I"), "format")


def linted(text: str, *how: str) -> str:
    """Text after ruff."""
    command = [sys.executable, "-m", "ruff", *how, "--stdin-filename", str(ROOM / "awaited.py"), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def main(arguments: list[str]) -> int:
    """Write, or check; the exit code."""
    if arguments not in ([], ["--check"]):
        print("usage: python scripts/clients.py [--check]", file=sys.stderr)
        return 2
    stale = {ROOM / place: written(source) for source, place in PARTS.items()}
    stale = {path: text for path, text in stale.items() if not path.exists() or path.read_text("utf-8") != text}
    for path, text in stale.items():
        if arguments:
            print(f"fedpeer/client/{path.name} is not what the source says: run scripts/clients.py")
            return 1
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
