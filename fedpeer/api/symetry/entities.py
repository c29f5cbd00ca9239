"""What the dialect calls what we know: entities with the vendor's key names and our values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from fedpeer.api.node import Node
from fedpeer.api.symetry import algorithms
from fedpeer.node.shapes import Federation, Job, LogEntry, Member, Project, SyncStats

_NO_AWS = ("aws_id", "aws_access_key", "aws_secret_key", "aws_queue_url", "aws_topic_arn", "s3_bucket")
_LINES = 1000


def string_list(lines: Sequence[str]) -> dict[str, Any]:
    """A StringList entity, as the vendor's own notebooks read it."""
    return {"stringList": {"values": list(lines)}}


def listing(files: Sequence[str], dirs: Sequence[str], path: str, *, delimiter: str = "/") -> dict[str, Any]:
    """A DSListingResponse."""
    return {
        "ok": True,
        "files": list(files),
        "dirs": list(dirs),
        "path": path,
        "marker": "",
        "delimiter": delimiter,
    }


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
        "fed_use_smpc": str(fed.mode == "secure").lower(),
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


def info(node: Node, pid: str, scope: str) -> dict[str, Any]:
    """A ProjectInfo (smlInfo) of a federation, or of a project without one. Dates are milliseconds since 1970."""
    project = node.alone(scope)
    told = _federated(node, node.federation(scope)) if project is None else _alone(project)
    schema = node.schema(scope) if told["hash"] else None
    columns, models = schema.columns if schema else (), node.models(scope)
    return {
        "pid": pid,
        "encoderName": "",
        "modelsList": [model.id for model in models],
        "modelAssessments": {},
        "modelPredictions": {},
        "partitionColumn": "",
        "modelTypeList": [algorithms.named(model.kind) for model in models],
        "dsList": [batch.source for batch in node.batches(scope)],
        "attributeNames": [column.name for column in columns],
        "attributeIndexes": list(range(len(columns))),
        "attributeTypes": ["C" if column.kind == "continuous" else "B" for column in columns],
        "categorySeparator": "$",
        "type": "cpu",
        "loaded": True,
        "persisted": True,
        "histogramEnabled": "histogram" in schema.blocks if schema else bool(project and project.histogram),
        "autoSave": True,
        **_of_cells(node, scope),
        **told,
    }


def _of_cells(node: Node, scope: str) -> dict[str, Any]:
    """What a fusion project tells of its cells."""
    cells = node.cells.of(scope)
    if cells is None:
        return {}
    told = [{"host": cell.host, "cid": cell.cid, "sk": "", "pid": cell.pid} for cell in cells]
    return {"type": "fusion", "fusionCellInfo": msgspec.json.encode({"values": told}).decode()}


def _federated(node: Node, fed: Federation) -> dict[str, Any]:
    created = next((entry.at for entry in node.charter(fed.id)), 0.0)
    return {
        "params": _params(node, fed),
        "hash": int(fed.schema_digest[:8] or "0", 16),
        "creationDate": int(created * 1000),
        "lastModificationDate": int(max(created, fed.released_at) * 1000),
    }


def _alone(project: Project) -> dict[str, Any]:
    return {
        "params": {"sml_project_is_freeze": str(project.frozen).lower(), "sml_rows": str(project.rows)},
        "hash": int(project.schema_digest[:8] or "0", 16),
        "creationDate": int(project.created_at * 1000),
        "lastModificationDate": int(project.changed_at * 1000),
    }


def job_info(job: Job) -> dict[str, Any]:
    """A JobInfo; its owner is the user who began it, by name."""
    done = job.state != "running"
    told = msgspec.to_builtins(job.result)
    result = told if isinstance(told, dict) else {}
    return {
        "jobId": job.id,
        "jobType": job.kind,
        "owner": job.by.removeprefix("user "),
        "startingDate": int(job.started_at * 1000),
        "current": job.current,
        "maximum": job.maximum,
        "isOnBoundedExecutor": True,
        "isStarted": True,
        "isDone": done,
        "details": {
            "state": job.state,
            "unit": job.unit,
            **{key: _plain(value) for key, value in result.items() if value is not None},
        },
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
    return [line(entry) for entry in reversed(node.sync_log(fed, limit=_LINES).entries)]


def error_lines(node: Node, fed: str) -> list[str]:
    """The error log as lines, oldest first; an empty one says so in a line."""
    return [line(entry) for entry in reversed(node.error_log(fed, limit=_LINES).entries)] or ["no error"]


def line(entry: LogEntry) -> str:
    """An entry of the timeline as a log shows it."""
    moment = datetime.fromtimestamp(entry.at, UTC).strftime("%Y-%m-%dT%H.%M.%S")
    peer = f" name:[{entry.peer}]" if entry.peer else ""
    return f"{entry.text}{peer} id:[{entry.id}] time:{moment}"


def _params(node: Node, fed: Federation) -> dict[str, str]:
    wrong = bool(node.error_log(fed.id, limit=1).entries)
    flags = {
        "fed_pulsing": fed.pulsing,
        "fed_is_admin": fed.role == "admin",
        "fed_has_error": wrong,
        "sml_project_is_freeze": False,
    }
    if node.cells.of(fed.id) is not None:
        flags["fusion_fetch_error"] = wrong
    counts = {"fed_local_rows": fed.local_rows, "fed_rows": fed.rows}
    return {key: str(value).lower() for key, value in {**flags, **counts}.items()}


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else str(value)
