"""Contracts: read, tried, set."""

from __future__ import annotations

from fedpeer.api.bodies import Contract, Nothing, TryContract
from fedpeer.api.call import Call
from fedpeer.core.statistics.schema import Schema
from fedpeer.node.shapes import ContractCheck, Federation


async def text(call: Call[Nothing, Nothing]) -> Contract:
    """The text of the federation's contract."""
    return Contract(text=call.node.federation(call.fed).contract)


async def put(call: Call[Contract, Nothing]) -> Federation:
    """Set the contract, once it is valid (the admin only)."""
    return await call.node.set_contract(call.fed, call.body.text)


async def check(call: Call[Contract, Nothing]) -> ContractCheck:
    """Try a contract on the federation's schema and this node's own rows."""
    return await call.node.check_contract(call.fed, call.body.text)


async def check_text(call: Call[TryContract, Nothing]) -> ContractCheck:
    """Try a contract on a schema."""
    return await call.node.check_contract_text(call.body.text, Schema.from_dict(call.body.schema))
