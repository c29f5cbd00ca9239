"""The dialect's body encryption: AES-128-CBC with the user's key and one fixed IV. It protects nothing.

It has no MAC and no fresh IV, and uses the key that also signs. It is read because clients send it, after the
signature over the ciphertext was found good (so it is no padding oracle for strangers), and written only in reply to
a client that uses it. What must be kept secret must travel over TLS.
"""

from __future__ import annotations

import base64
import binascii
from http import HTTPStatus

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from fedpeer.api.symetry.envelope import DialectError

_IV = base64.b64decode("LzM5QUtXZXWHm7HJ4wAePg==")
_BLOCK = 128


def encrypted(body: bytes) -> bool:
    """Whether a body is in this form: base64, where a plain one begins with a brace or a bracket."""
    return bool(body) and body.lstrip()[:1] not in (b"{", b"[")


def decrypt(body: bytes, key: bytes) -> bytes:
    """Return the plain bytes of a body; DialectError if it is not in this form."""
    try:
        data = base64.b64decode(body.strip().strip(b'"'), validate=True)
        opener = _cipher(key).decryptor()
        unpadder = padding.PKCS7(_BLOCK).unpadder()
        return unpadder.update(opener.update(data) + opener.finalize()) + unpadder.finalize()
    except (binascii.Error, ValueError):
        raise DialectError(
            HTTPStatus.BAD_REQUEST, "the body is neither JSON nor encrypted with the user's key"
        ) from None


def encrypt(plain: bytes, key: bytes) -> str:
    """Return plain bytes in this form."""
    padder = padding.PKCS7(_BLOCK).padder()
    sealer = _cipher(key).encryptor()
    padded = padder.update(plain) + padder.finalize()
    return base64.b64encode(sealer.update(padded) + sealer.finalize()).decode()


def _cipher(key: bytes) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES128(key), modes.CBC(_IV))
