"""The cipher of a federation, for people, and whether this node can take part in it."""

from __future__ import annotations

from fedpeer.core import canonical
from fedpeer.core.errors import ConfigError, StateError
from fedpeer.core.federation.exchange import LEAST, Exchange
from fedpeer.core.federation.roster import Roster
from fedpeer.core.federation.sealed.terms import computed
from fedpeer.core.privacy.cipher import Terms
from fedpeer.core.statistics.layout import layout
from fedpeer.core.statistics.schema import Schema
from fedpeer.node import shapes
from fedpeer.node.computing import Ciphers


def check_able(ciphers: Ciphers, exchange: Exchange, schema: Schema, where: str) -> None:
    """ConfigError, with what is missing or differs, if this node cannot take part in such sums."""
    if not exchange.ciphered:
        return
    try:
        ciphers(Terms(exchange.mode, exchange.parameters, layout(schema), max(LEAST, exchange.least)))
    except ConfigError as error:
        raise ConfigError(f"this node cannot take part in {where}: {error}", hint=error.hint) from None


def cipher_shape(ciphers: Ciphers, roster: Roster) -> shapes.Cipher:
    """What a sum is made with; StateError where there is no cipher."""
    exchange = roster.exchange
    if not exchange.ciphered:
        hint = "the mode is chosen when a federation is founded: --mode ckks or paillier"
        raise StateError(f"in {exchange.mode} mode there is no cipher", hint=hint)
    cipher = ciphers(computed(roster))
    terms = cipher.terms
    return shapes.Cipher(
        scheme=terms.scheme,
        key_bits=sum(exchange.parameters[1:]) if exchange.mode == "ckks" else exchange.bits,
        parameters=_named(terms),
        addends=terms.addends,
        entries=sum(block.entries for block in terms.layout),
        bytes=cipher.size,
        layout=canonical.digest("layout", canonical.encode(terms.layout)).hex(),
        digest=terms.digest.hex(),
    )


def _named(terms: Terms) -> dict[str, int | list[int]]:
    if terms.scheme == "paillier":
        return {"modulus_bits": terms.parameters[0]}
    degree, *primes, scale, digit = terms.parameters
    return {"degree": degree, "prime_bits": primes, "scale_bits": scale, "digit_bits": digit}
