"""Rounds of Flower's SecAgg+ in one process: the library's own workflow and client mod, without a network.

This runs where `flwr` is installed, which fedpeer's environment is not, and imports nothing of fedpeer's. Each line of
standard input is a round in JSON: peers, how many of them are gone, the threshold, a file of vectors. The answer gives
the processor seconds of clients (the median of their sums over all stages) and of the server, and the largest error of
the sum, among entries within the clipping range and among all. A grid hands every message to the client's mod, as a
network would, and what that takes is not the server's. Who is gone answers with errors from the masked vectors on.
Nobody trains: the vector is there. Copying a message, for which a network would write and read it, counts for nobody.
"""

from __future__ import annotations

import copy
import json
import logging
import statistics
import sys
import time
from collections.abc import Iterable

import numpy as np
from flwr.app import ConfigRecord, Context, Error, Message, RecordDict
from flwr.client.mod.secure_aggregation.secaggplus_mod import secaggplus_mod
from flwr.common import Code, FitIns, FitRes, Parameters, Status, ndarrays_to_parameters, parameters_to_ndarrays
from flwr.common.secure_aggregation.secaggplus_constants import RECORD_KEY_CONFIGS, Key, Stage
from flwr.compat.common import recorddict_compat
from flwr.server.compat.legacy_context import LegacyContext
from flwr.server.workflow.constant import MAIN_CONFIGS_RECORD, MAIN_PARAMS_RECORD
from flwr.server.workflow.constant import Key as WorkflowKey
from flwr.server.workflow.secure_aggregation.secaggplus_workflow import SecAggPlusWorkflow
from flwr.supercore.task_identity import TaskIdentity

CLIP = 8.0
EXAMPLES = 1000  # the workflow's largest weight, so that no vector is scaled
SILENT = {Stage.COLLECT_MASKED_VECTORS, Stage.UNMASK}


class Proxy:
    """What the workflow asks of a client's proxy."""

    def __init__(self, node_id: int) -> None:
        self.node_id, self.cid = node_id, str(node_id)


class Strategy:
    """What the workflow asks of a strategy: whom to ask, and to take the mean."""

    mean: np.ndarray

    def __init__(self, count: int) -> None:
        self._count = count

    def configure_fit(self, *_: object) -> list[tuple[Proxy, FitIns]]:
        """Everybody, with nothing to begin from."""
        return [(Proxy(i), FitIns(Parameters([], "numpy.ndarray"), {})) for i in range(1, self._count + 1)]

    def aggregate_fit(self, _: int, results: list[tuple[Proxy, FitRes]], __: object) -> tuple[None, dict[str, int]]:
        """Keep the mean, which the workflow has given to every result."""
        (self.mean,) = parameters_to_ndarrays(results[0][1].parameters)
        return None, {}


class Grid:
    """Delivers messages to the client's mod, and measures it."""

    def __init__(self, vectors: np.ndarray, gone: int) -> None:
        every = range(1, len(vectors) + 1)
        self.vectors, self.silent = vectors, set(every[len(vectors) - gone :])
        self.contexts = {i: Context(1, i, {}, RecordDict(), {}) for i in every}
        self.client_s = dict.fromkeys(every, 0.0)
        self.spent_s = 0.0

    def send_and_receive(self, messages: Iterable[Message], **_: object) -> list[Message]:
        """What the clients answer."""
        begun = time.process_time()
        replies = [self._reply(message) for message in messages]
        self.spent_s += time.process_time() - begun
        return replies

    def _reply(self, message: Message) -> Message:
        node, stage = message.metadata.dst_node_id, message.content.config_records[RECORD_KEY_CONFIGS][Key.STAGE]
        if stage in SILENT and node in self.silent:
            return Message(Error(0, "gone"), reply_to=message)
        own = copy.deepcopy(message)
        trained = Message(self._fit(node), reply_to=own) if stage == Stage.COLLECT_MASKED_VECTORS else None
        begun = time.process_time()
        reply = secaggplus_mod(own, self.contexts[node], lambda *_: trained)
        self.client_s[node] += time.process_time() - begun
        return reply

    def _fit(self, node: int) -> RecordDict:
        done = FitRes(Status(Code.OK, ""), ndarrays_to_parameters([self.vectors[node - 1]]), EXAMPLES, {})
        return recorddict_compat.fitres_to_recorddict(done, keep_input=False)


def run(peers: int, gone: int, threshold: int, path: str) -> dict[str, float]:
    vectors = np.load(path)[:peers]
    grid, strategy = Grid(vectors, gone), Strategy(peers)
    state = RecordDict()
    state.config_records[MAIN_CONFIGS_RECORD] = ConfigRecord({WorkflowKey.CURRENT_ROUND: 1})
    state.array_records[MAIN_PARAMS_RECORD] = recorddict_compat.parameters_to_arrayrecord(
        Parameters([], "numpy.ndarray"), keep_input=True
    )
    context = LegacyContext(Context(1, 0, {}, state, {}), strategy=strategy)
    begun = time.process_time()
    SecAggPlusWorkflow(1.0, threshold, max_weight=float(EXAMPLES), clipping_range=CLIP)(grid, context)
    server_s = time.process_time() - begun - grid.spent_s
    kept = vectors[: peers - gone]
    error = np.abs(strategy.mean * len(kept) - kept.sum(axis=0))
    within = error[np.abs(kept).max(axis=0) <= CLIP]
    client_s = statistics.median(seconds for node, seconds in grid.client_s.items() if node not in grid.silent)
    return {"client": client_s, "server": server_s, "within": float(within.max()), "error": float(error.max())}


if __name__ == "__main__":
    logging.disable()
    TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 0
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(run(**json.loads(line))), flush=True)
