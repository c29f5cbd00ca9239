"""Who the embedded server believes: its operator, one account for each federation, and the configuration that says so.

Everything is a file that only the owner can read. The operator's JWT is minted once, because a server whose operator
JWT changed refuses to reload; an account's JWT is minted again only when its revocations change, so the same facts
always make the same configuration. The seed of the server's own account is thrown away: nobody logs in there.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fedpeer.adapters.tls import Certificates, write_private
from fedpeer.core.envelope import passes
from fedpeer.core.errors import BusError
from fedpeer.ports import Clock, Entropy

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_MAX_PAYLOAD = 1 << 20
_MAX_PENDING = 64 << 20
_MEMORY_STORE = 16 << 20


@dataclass(frozen=True, slots=True)
class Facts:
    """What a configuration says besides who may connect. `certificates` is None on loopback only."""

    host: str
    port: int
    name: str
    store: Path
    certificates: Certificates | None
    max_store_bytes: int
    max_connections: int


class Realm:
    """The operator and the accounts in `folder`, made on first use."""

    def __init__(self, folder: Path, *, entropy: Entropy, clock: Clock) -> None:
        """Open or make the operator; BusError if a file is damaged."""
        self._folder = folder
        self._entropy = entropy
        self._clock = clock
        folder.mkdir(mode=0o700, exist_ok=True)
        self._operator = self._seed("operator", "operator")
        self._operator_jwt = self._text("operator.jwt") or self._keep(
            "operator.jwt", passes.operator_jwt(self._operator, self._now())
        )
        self._system_jwt = self._text("system.jwt") or self._keep("system.jwt", self._mint_system())

    @property
    def name(self) -> str:
        """What tells this realm's server from any other."""
        return f"fedpeer-{passes.public_key(self._operator, 'operator')[1:17].lower()}"

    def account_seed(self, name: str) -> str:
        """Return the seed text of an account, making it on first use."""
        if not _NAME.fullmatch(name) or name in {"operator", "system"}:
            raise BusError(f"{name[:64]!r} cannot name an account of the bus: letters a-z, digits and dashes can")
        return self._seed(f"account-{name}", "account")

    def declare(self, name: str, revoked: Mapping[str, int]) -> bool:
        """Have an account with exactly these revocations; return whether that changed anything."""
        public = passes.public_key(self.account_seed(name), "account")
        old = self._text(f"account-{name}.jwt")
        wanted = {user: int(at) for user, at in revoked.items()}
        if old and _claims(old)["nats"].get("revocations", {}) == wanted:
            return False
        self._keep(f"account-{name}.jwt", passes.account_jwt(self._operator, public, name, wanted, self._now()))
        return True

    def configuration(self, facts: Facts) -> str:
        """Return the whole text of the server's configuration file."""
        jwts = [self._system_jwt, *(p.read_text() for p in sorted(self._folder.glob("account-*.jwt")))]
        preload = "\n".join(f"  {_claims(jwt)['sub']}: {jwt.strip()}" for jwt in jwts)
        return f"""# Written by fedpeer at every start and change of members: edits are lost.
host: {_quoted(facts.host)}
port: {facts.port}
server_name: {_quoted(facts.name)}
logtime: false
max_payload: {_MAX_PAYLOAD}
max_pending: {_MAX_PENDING}
max_connections: {facts.max_connections}
write_deadline: "10s"
ping_interval: "20s"
ping_max: 3
jetstream {{
  store_dir: {_quoted(str(facts.store))}
  max_memory_store: {_MEMORY_STORE}
  max_file_store: {facts.max_store_bytes}
}}
{_tls(facts.certificates)}operator: {self._operator_jwt}
system_account: {_claims(self._system_jwt)["sub"]}
resolver: MEMORY
resolver_preload: {{
{preload}
}}
"""

    def _mint_system(self) -> str:
        unused = passes.seed("account", self._entropy.draw(32))
        return passes.account_jwt(self._operator, passes.public_key(unused, "account"), "SYS", {}, self._now())

    def _seed(self, name: str, kind: Literal["operator", "account"]) -> str:
        found = self._text(f"{name}.seed") or self._keep(f"{name}.seed", passes.seed(kind, self._entropy.draw(32)))
        passes.public_key(found, kind)
        return found

    def _text(self, name: str) -> str:
        path = self._folder / name
        return path.read_text().strip() if path.exists() else ""

    def _keep(self, name: str, text: str) -> str:
        write_private(self._folder / name, text.encode())
        return text

    def _now(self) -> int:
        return int(self._clock.now())


def _tls(certificates: Certificates | None) -> str:
    if certificates is None:
        return ""
    return f"""tls {{
  cert_file: {_quoted(str(certificates.certificate))}
  key_file: {_quoted(str(certificates.key))}
  min_version: "1.3"
  timeout: 5
}}
"""


def _claims(jwt: str) -> dict[str, Any]:
    try:
        body = jwt.split(".")[1]
        return dict(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))
    except (ValueError, IndexError) as error:
        raise BusError("a pass of the bus on disk is damaged: delete its .jwt file, it will be made again") from error


def _quoted(text: str) -> str:
    if not text.isprintable():
        raise BusError(f"{text!r} cannot be written into the configuration of the bus")
    return json.dumps(text, ensure_ascii=False)
