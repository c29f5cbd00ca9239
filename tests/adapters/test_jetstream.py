"""Connections to a server of streams: none is left open by whoever is stopped."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fedpeer.adapters import jetstream
from fedpeer.adapters.jetstream import Place, connected, ended
from fedpeer.core.peer.streams import Inlet
from tests.support.nats import plain_server


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


@pytest.mark.parametrize("stopped", [False, True])
async def test_a_farewell_that_takes_for_ever_leaves_no_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped: bool
) -> None:
    async with plain_server(tmp_path) as server:
        client = await connected(Place.of(Inlet(f"nats://{server}/rows", {}), ()))
        monkeypatch.setattr(jetstream, "ANSWER_S", 60 if stopped else 0.05)
        close, waits = client.close, asyncio.Event()

        async def slow() -> None:
            waits.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(client, "close", slow)
        ending = asyncio.create_task(ended(client))
        await waits.wait()
        if stopped:
            ending.cancel()
        await asyncio.wait({ending})
        assert client._transport._io_writer.transport.is_closing()
        await close()
