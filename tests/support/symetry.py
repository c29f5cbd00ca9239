"""A client of the second dialect written from its description alone: standard library and AES, nothing of fedpeer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

ASKED: list[tuple[str, str, str]] = []  # by which test, and what
IV = base64.b64decode("LzM5QUtXZXWHm7HJ4wAePg==")


def current() -> str:
    """The test that runs."""
    return os.environ.get("PYTEST_CURRENT_TEST", "").split(" ")[0].split("[")[0]


def signature(verb: str, path: str, query: str, body: str, *, cid: str, key: str, date: str, md5: str) -> str:
    """The signature over a request; `key` is base64."""
    lines = [verb, md5, key, date, cid]
    lines += [body] if body else []
    lines += [path]
    lines += [query] if query else []
    text = "".join(line + "\n" for line in lines)
    told = text.encode("utf-8", "surrogateescape")
    return base64.b64encode(hmac.new(base64.b64decode(key), told, hashlib.sha256).digest()).decode()


def digest(body: str) -> str:
    """The MD5 of a body, empty for none."""
    return base64.b64encode(hashlib.md5(body.encode("utf-8", "surrogateescape")).digest()).decode() if body else ""


def encrypt(text: str, key: str) -> str:
    """A body in the vendor's form."""
    data = text.encode("utf-8", "surrogateescape")
    data += bytes([16 - len(data) % 16]) * (16 - len(data) % 16)
    sealer = Cipher(algorithms.AES(base64.b64decode(key)), modes.CBC(IV)).encryptor()
    return base64.b64encode(sealer.update(data) + sealer.finalize()).decode()


def decrypt(text: str, key: str) -> str:
    """What is in a body of the vendor's form."""
    opener = Cipher(algorithms.AES(base64.b64decode(key)), modes.CBC(IV)).decryptor()
    data = opener.update(base64.b64decode(text)) + opener.finalize()
    return data[: -data[-1]].decode()


@dataclass
class Caller:
    """A user of the dialect. `style` is how the two known clients differ: rust sends the MD5 and a fraction, go not."""

    session: aiohttp.ClientSession
    url: str
    clock: Any
    cid: str = "c1"
    key: str = "AAECAwQFBgcICQoLDA0ODw=="
    style: str = "rust"
    count: int = 0

    def date(self, offset_s: float = 0.0) -> str:
        self.count += 1
        moment = datetime.fromtimestamp(self.clock.now() + offset_s, UTC).strftime("%Y-%m-%d %H:%M:%S")
        return f"{moment};000000" if self.style == "go" else f"{moment};{self.count}"

    def headers(self, verb: str, path: str, query: str = "", body: str = "", **how: str) -> dict[str, str]:
        date, md5 = how.get("date") or self.date(), digest(body)
        who = {"cid": how.get("cid", self.cid), "key": how.get("key", self.key)}
        told = {
            "Sym-Date": date,
            "Authorization": signature(verb, path, query, body, date=date, md5=md5, **who),
            "sym-version": "6.3",
            "Content-Type": "application/json",
        }
        return {**told, "Content-MD5": md5} if self.style == "rust" else told

    async def send(
        self, verb: str, path: str, headers: dict[str, str], query: str = "", body: str = ""
    ) -> tuple[int, dict[str, Any], Any]:
        where = self.url + path + (f"?{query}" if query else "")
        async with self.session.request(verb, where, headers=headers, data=body.encode() or None) as answer:
            told = json.loads(await answer.read())
            assert list(told) == ["statusCode", "statusString", "values"], told
            return answer.status, told, answer.headers

    async def ask(self, verb: str, rest: str, body: Any = None, *, query: str = "", hidden: bool = False) -> Any:
        """Make a signed request below the user's path; return status, body and headers."""
        ASKED.append((current(), verb, rest))
        path, text = f"/symetry/rest/{self.cid}{rest}", "" if body is None else json.dumps(body)
        text = encrypt(text, self.key) if hidden else text
        return await self.send(verb, path, self.headers(verb, path, query, text), query, text)

    async def good(self, verb: str, rest: str, body: Any = None, **how: Any) -> dict[str, Any]:
        """Make a request that must succeed; return its `values`."""
        status, told, _ = await self.ask(verb, rest, body, **how)
        assert status in (200, 201), (status, told)
        values: dict[str, Any] = told["values"]
        return values

    async def bad(self, verb: str, rest: str, body: Any = None, *, status: int = 400, **how: Any) -> str:
        """Make a request that must be refused; return what is said."""
        found, told, _ = await self.ask(verb, rest, body, **how)
        assert found == status, (found, told)
        text: str = told["statusString"]
        return text

    async def done(self, verb: str, rest: str, body: Any = None, **how: Any) -> dict[str, Any]:
        """Make a request that is answered by a job; return what that found."""
        status, told, headers = await self.ask(verb, rest, body, **how)
        assert (status, told["statusString"]) == (202, "Job Created"), told
        where = headers["Location"].removeprefix(f"/symetry/rest/{self.cid}")
        assert where == f"/jobs/{headers['sym-job-id']}"
        while status == 202:
            status, told, _ = await self.ask("GET", where)
        assert (status, told["statusString"]) == (200, "Job is finished"), told
        values: dict[str, Any] = told["values"]
        return values
