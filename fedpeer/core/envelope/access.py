"""How a peer reaches the bus: addresses, the CA it must find there, and a credential."""

from __future__ import annotations

from typing import Literal

from fedpeer.core.canonical import Value

Kind = Literal["none", "password", "token", "nkey", "pass"]


class Access(Value, frozen=True):
    """Bus addresses, the CA certificate (PEM, "" for none) that pins them, and one credential.

    `secret` is the password, the token, or the text of an nkey seed (`nkey` and `pass`); `jwt` belongs to a `pass`.
    """

    servers: tuple[str, ...]
    ca: str = ""
    kind: Kind = "none"
    user: str = ""
    secret: str = ""
    jwt: str = ""

    def __repr__(self) -> str:
        return f"Access(servers={self.servers!r}, kind={self.kind!r})"
