"""What the dialect calls what we know: entities with the vendor's key names and our values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from fedpeer.api.node import Node
from fedpeer.core.statistics.schema import Schema
from fedpeer.node.shapes import Federation, Job, LogEntry, Member, SyncStats

_NO_AWS = ("aws_id", "aws_access_key", "aws_secret_key", "aws_queue_url", "aws_topic_arn", "s3_bucket")
_LINES = 1000


def string_list(lines: Sequence[str]) -> dict[str, Any]:
    """A StringList entity, as the vendor's own notebooks read it."""
    return {"stringList": {"values": list(lines)}}


def federation_info(pid: str, fed: Federation, members: Sequence[Member]) -> dict[str, Any]:
    """A FederationInfo. The group's key is nobody's to read, so `fed_secret_key` is empty."""
    return {
        **dict.fromkeys(_NO_AWS, ""),
        "fed_local_id": pid,
        "fed_name": fed.name,
        "fed_secret_key": "",
        "sync_sched": fed.schedule,
        "fed_type": "nats",
        "local_uuid": fed.me,
        "is_pulsing": fed.pulsing,
        "peersInfo": {member.id: member.name for member in members if not member.me and not member.removed_at},
        "contract": fed.contract,
        "rcv_error_action": f"fed_psr_contract_rcv_fail_action_{fed.receive_action}",
        "snd_error_action": f"fed_psr_contract_snd_fail_action_{fed.send_action}",
        "fed_use_smpc": "false",
        "allow_peers_explore": fed.explorable,
    }


def invitation(fed: Federation, text: str, bus: str, rest: str) -> dict[str, str]:
    """The map of an invite: all of it but the password, which whoever asked for the invite chose."""
    return {
        "fed_name": fed.name,
        "sync_sched": fed.schedule,
        "fed_req_token": text,
        "fed_rest_url": rest,
        "nats_hosts": bus,
    }


def project_info(pid: str, node: Node, fed: Federation) -> dict[str, Any]:
    """A ProjectInfo (smlInfo). Dates are milliseconds since 1970."""
    schema, charter, models = node.schema(fed.id), node.charter(fed.id), node.models(fed.id)
    created = min((entry.at for entry in charter), default=0.0)
    return {
        "pid": pid,
        "encoderName": "",
        "modelsList": [model.id for model in models],
        "modelTypeList": [model.kind for model in models],
        "dsList": [batch.source for batch in node.batches(fed.id)],
        "attributeNames": [column.name for column in schema.columns],
        "attributeIndexes": list(range(len(schema.columns))),
        "attributeTypes": _types(schema),
        "params": _params(node, fed),
        "hash": int(fed.schema_digest[:8] or "0", 16),
        "categorySeparator": "$",
        "type": "cpu",
        "creationDate": int(created * 1000),
        "lastModificationDate": int(max(created, fed.released_at) * 1000),
        "loaded": True,
        "persisted": True,
        "histogramEnabled": False,
        "autoSave": True,
    }


def job_info(job: Job, cid: str) -> dict[str, Any]:
    """A JobInfo."""
    done = job.state != "running"
    told = msgspec.to_builtins(job.result)
    result = told if isinstance(told, dict) else {}
    return {
        "jobId": job.id,
        "jobType": job.kind,
        "owner": cid,
        "startingDate": int(job.started_at * 1000),
        "current": job.current,
        "maximum": job.maximum,
        "isOnBoundedExecutor": True,
        "isStarted": True,
        "isDone": done,
        "details": {"state": job.state, "unit": job.unit, **{key: _plain(value) for key, value in result.items()}},
    }


def sync_stats(stats: SyncStats, errors: Sequence[str], syncs: Sequence[str]) -> dict[str, Any]:
    """A FedSyncStats, under its newer and older names."""
    return {
        "sndCount": stats.sent,
        "sndContractError": stats.send_contract_failures,
        "sndPSRContratError": stats.send_contract_failures,
        "rcvCount": stats.received,
        "rcvError": stats.receive_errors,
        "rcvContractError": stats.receive_contract_failures,
        "rcvPSRContractError": stats.receive_contract_failures,
        "errorLog": list(errors),
        "syncLog": list(syncs),
    }


def sync_lines(node: Node, fed: str) -> list[str]:
    """The sync log as lines, oldest first."""
    return [_line(entry) for entry in reversed(node.sync_log(fed, limit=_LINES).entries)]


def error_lines(node: Node, fed: str) -> list[str]:
    """The error log as lines, oldest first; an empty one says so in a line."""
    return [_line(entry) for entry in reversed(node.error_log(fed, limit=_LINES).entries)] or ["no error"]


def _line(entry: LogEntry) -> str:
    moment = datetime.fromtimestamp(entry.at, UTC).strftime("%Y-%m-%dT%H.%M.%S")
    peer = f" name:[{entry.peer}]" if entry.peer else ""
    return f"{entry.text}{peer} id:[{entry.id}] time:{moment}"


def _types(schema: Schema) -> list[str]:
    return ["C" if column.kind == "continuous" else "B" for column in schema.columns]


def _params(node: Node, fed: Federation) -> dict[str, str]:
    flags = {
        "fed_pulsing": fed.pulsing,
        "fed_is_admin": fed.role == "admin",
        "fed_has_error": bool(node.error_log(fed.id, limit=1).entries),
    }
    counts = {"fed_local_rows": fed.local_rows, "fed_rows": fed.rows}
    return {key: str(value).lower() for key, value in {**flags, **counts}.items()}


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else str(value)
