"""Connections to a server of streams: none is left open by whoever is stopped."""

from __future__ import annotations

import asyncio

import pytest

from fedpeer.adapters.jetstream import Place, connected
from fedpeer.core.peer.streams import Inlet


async def test_who_is_stopped_while_a_server_is_silent_leaves_no_connection() -> None:
    here, gone = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        here.set()
        await reader.read()
        gone.set()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        asking = asyncio.create_task(connected(Place.of(Inlet(f"nats://127.0.0.1:{port}/rows", {}), ())))
        await asyncio.wait_for(here.wait(), 60)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.wait_for(gone.wait(), 60)
