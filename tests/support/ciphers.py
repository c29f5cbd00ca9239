"""Ciphers for tests: one that hides nothing, Paillier with a short key, and CKKS in the tests' own process."""

from collections.abc import Sequence

from fedpeer.adapters.cipher_ckks import CkksCipher
from fedpeer.adapters.cipher_paillier import PaillierCipher
from fedpeer.adapters.ckks_task import Answer, Task, done
from fedpeer.core.canonical import Value, decode, digest, encode
from fedpeer.core.errors import MalformedError, MismatchError
from fedpeer.core.privacy.cipher import Ciphertext, Terms, agreed, counted, read
from fedpeer.core.statistics.residues import Block, Residues


class SmallPaillier(PaillierCipher):
    """Paillier with a modulus that can be factored."""

    least_modulus = 512

    def __init__(self, layout, addends):
        super().__init__(layout, addends, bits=512)


class NearCkks(CkksCipher):
    """CKKS without a process for each task."""

    def _done(self, task: Task) -> Answer:
        return done(task)


class _Key(Value, frozen=True):
    name: bytes
    secret: bool


class PlainCipher:
    """The reference: what it calls a ciphertext is the sum itself."""

    def __init__(self, layout: tuple[Block, ...], addends: int) -> None:
        self._terms = agreed(Terms("plain", (), layout, addends))

    @property
    def terms(self) -> Terms:
        return self._terms

    @property
    def size(self) -> int:
        return len(self._sealed(bytes(32), self._terms.addends, Residues.zero(self._terms.layout)))

    def generate(self, seed: bytes) -> bytes:
        return encode(_Key(digest("plain key", seed), True))

    def public(self, secret: bytes) -> bytes:
        return encode(_Key(self._name(secret, secret=True), False))

    def encrypt(self, public: bytes, vector: Residues, seed: bytes) -> bytes:
        if vector.layout != self._terms.layout:
            raise ValueError("another layout")
        return self._sealed(self._name(public, secret=False), 1, vector)

    def add(self, public: bytes, ciphertexts: Sequence[bytes]) -> bytes:
        name = self._name(public, secret=False)
        heard = [read(data, self._terms, name) for data in ciphertexts]
        total = sum((self._vector(each) for each in heard), Residues.zero(self._terms.layout))
        return self._sealed(name, counted(heard, self._terms), total)

    def decrypt(self, secret: bytes, ciphertext: bytes, addends: int) -> Residues:
        heard = read(ciphertext, self._terms, self._name(secret, secret=True))
        if heard.addends != addends:
            raise MismatchError("another number of addends")
        return self._vector(heard)

    def _name(self, key: bytes, *, secret: bool) -> bytes:
        found = decode(key, _Key)
        if found.secret is not secret or len(found.name) != 32:
            raise MalformedError("not that key")
        return found.name

    def _vector(self, heard: Ciphertext) -> Residues:
        if len(heard.parts) != 1:
            raise MalformedError("one part")
        return Residues.from_bytes(self._terms.layout, heard.parts[0])

    def _sealed(self, name: bytes, addends: int, vector: Residues) -> bytes:
        return encode(Ciphertext(self._terms.digest, name, addends, (vector.to_bytes(),)))
