"""Clients of a running daemon: `Client`, `AsyncClient` with its methods awaited, `SymetryClient` for the other dialect.

`ApiError` is raised where the daemon says no, `SymetryError` where it does so in that dialect.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fedpeer.client.address import ApiError, Problem, read_token
from fedpeer.client.methods import Client

if TYPE_CHECKING:
    from fedpeer.client.awaited import AsyncClient as AsyncClient
    from fedpeer.client.symetry import SymetryClient as SymetryClient
    from fedpeer.client.symetry import SymetryError as SymetryError

__all__ = ["ApiError", "AsyncClient", "Client", "Problem", "SymetryClient", "SymetryError", "read_token"]

# Loaded when first used: the command line needs none of them, and aiohttp takes its time.
_PLACES = {"AsyncClient": "awaited", "SymetryClient": "symetry", "SymetryError": "symetry"}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'fedpeer.client' has no attribute {name!r}")
    return getattr(import_module(f"fedpeer.client.{_PLACES[name]}"), name)
