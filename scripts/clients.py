"""Writes fedpeer/client/awaited.py: the methods of `Client`, each awaited, made of the source of those.

`--check` writes nothing and exits with 1 if the file is not what the source says.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOM = Path(__file__).resolve().parents[1] / "fedpeer" / "client"
SOURCE, WRITTEN = ROOM / "methods.py", ROOM / "awaited.py"
DOC = """One method a route, awaited: scripts/clients.py writes this file, from fedpeer/client/methods.py.

An `AsyncClient` keeps its connections; use it in one event loop, and close it.
"""
ABOUT = """Talks to the daemon at `url`; `token` is the text of its token file. Has the methods of `Client`, awaited.

    Use it as `async with AsyncClient(url, token) as client:`, or close it. It belongs to the loop of its first call.
    """
IMPORTS = {"Iterator": "AsyncIterator"}
LINE = {"call", "_get", "_post", "_put", "_delete", "_fed"}


class _Awaiting(ast.NodeTransformer):
    """Turns the synchronous class into the other one."""

    def __init__(self, methods: set[str]) -> None:
        self.awaited = LINE | methods - {"events"}

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        self.generic_visit(node)
        node.name, node.bases = "AsyncClient", [ast.Name("AsyncLine")]
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
        names = sorted(IMPORTS.get(alias.name, alias.name) for alias in node.names)
        node.names = [ast.alias(name) for name in names if name != "Line"]
        if "Line" not in names:
            return node
        return [ast.ImportFrom("fedpeer.client.asynchronous", [ast.alias("AsyncLine")], 0), node]


def written() -> str:
    """The whole file."""
    tree = ast.parse(SOURCE.read_text("utf-8"))
    (client,) = (node for node in tree.body if isinstance(node, ast.ClassDef))
    methods = {node.name for node in client.body if isinstance(node, ast.FunctionDef)}
    tree.body[0] = ast.Expr(ast.Constant(DOC))
    text = ast.unparse(ast.fix_missing_locations(_Awaiting(methods).visit(tree)))
    return linted(linted(text, "check", "--quiet", "--fix", "--select", "I"), "format")


def linted(text: str, *how: str) -> str:
    """Text after ruff."""
    command = [sys.executable, "-m", "ruff", *how, "--stdin-filename", str(WRITTEN), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def main(arguments: list[str]) -> int:
    """Write, or check; the exit code."""
    if arguments not in ([], ["--check"]):
        print("usage: python scripts/clients.py [--check]", file=sys.stderr)
        return 2
    fresh = written()
    if WRITTEN.exists() and WRITTEN.read_text("utf-8") == fresh:
        return 0
    if arguments:
        print("fedpeer/client/awaited.py is not what the source says: run scripts/clients.py")
        return 1
    WRITTEN.write_text(fresh, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
