"""A client of a running daemon, for programs and for the command line: `Client`, and `ApiError` where it says no."""

from fedpeer.client.line import ApiError, Problem, read_token
from fedpeer.client.methods import Client

__all__ = ["ApiError", "Client", "Problem", "read_token"]
