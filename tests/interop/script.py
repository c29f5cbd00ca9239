"""A script for the reference product, written from its description alone: nothing of fedpeer, nothing but Python.

It has three nodes learn two data sets together: a federation is created on the first and joined by the others, each
learns its share, a contract is tried and set, the pulse is started; then statistics, models and predictions are asked
for, logs are read, the schedule is changed and the pulse stopped. Then two of the nodes are cells of a fusion project
of the first, and a project learns from a NATS subject. What it found is written to stdout as JSON.

What the reference does not know is `fed_schema`, which a fedpeer federation needs (`sml_schema` of a project that is
to learn from a stream), and that a cell's owner redeems an invite, where there its secret key is handed over.
"""

import base64
import hashlib
import hmac
import json
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime

PASSWORD = "eight words would be better than these"
CONTRACT = {"iris": "COUNT(sepal_length) >= 20 AND MEAN(petal_width) > 0", "diabetes": "COUNT(bmi) >= 20"}
WAIT_S = 90


class Node:
    """One node, as one of its users sees it."""

    def __init__(self, url, cid, key):
        self.url, self.cid, self.key = url, cid, key

    def ask(self, verb, rest, body=None, query=""):
        """Make a signed request; return the status, the answer and the headers."""
        path, text = f"/symetry/rest/{self.cid}{rest}", "" if body is None else json.dumps(body)
        now = datetime.now(UTC)
        date = now.strftime("%Y-%m-%d %H:%M:%S;") + f"{now.microsecond * 1000:09d}"
        md5 = base64.b64encode(hashlib.md5(text.encode()).digest()).decode() if text else ""
        lines = [verb, md5, self.key, date, self.cid, *([text] if text else []), path, *([query] if query else [])]
        told = "".join(line + "\n" for line in lines).encode()
        mac = hmac.new(base64.b64decode(self.key), told, hashlib.sha256).digest()
        headers = {
            "Sym-Date": date,
            "Authorization": base64.b64encode(mac).decode(),
            "Content-MD5": md5,
            "Customer-ID": self.cid,
            "sym-version": "6.3",
            "Content-Type": "application/json",
        }
        where = self.url + path + (f"?{query}" if query else "")
        request = urllib.request.Request(where, text.encode() or None, headers, method=verb)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer), answer.headers
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused), refused.headers

    def good(self, verb, rest, body=None, query=""):
        """Make a request and, if a job was begun for it, wait for that; return the entities."""
        status, told, headers = self.ask(verb, rest, body, query)
        end = time.monotonic() + WAIT_S
        while status == 202 and headers.get("sym-job-id") and time.monotonic() < end:
            time.sleep(0.05)
            status, told, _ = self.ask("GET", f"/jobs/{headers['sym-job-id']}")
        if status not in (200, 201):
            raise SystemExit(f"{verb} {rest}: {status} {told}")
        return told["values"]


def federate(nodes, name, data):
    """Create a federation on the first node, have the others join, and each learn its share."""
    admin, *others = nodes
    founded = {"fed_name": name, "sync_sched": "h1", "fed_local_type": "cpu", "fed_schema": data["schema"]}
    admin.good("POST", "/fedml/create", founded, f"pid={name}&persist=true")
    for number, node in enumerate(others):
        invite = admin.good("POST", f"/fedml/{name}/getInvitation", {"passwd": PASSWORD, "fed_rest_host": admin.url})
        joining = {"encryptedGroupInfo": invite["encryptedGroupInfo"], "passwd": PASSWORD, "fed_local_type": "cpu"}
        joining["fed_local_name"] = f"peer{number}"
        node.good("POST", "/fedml/createJoin", joining, f"pid={name}&persist=true")
    for node, share in zip(nodes, data["shares"], strict=True):
        frame = {"attributeNames": data["names"], "attributeTypes": data["types"], "data": share}
        node.good("POST", f"/projects/{name}/learn", frame, "async=true")
    tried = admin.good("POST", f"/fedml/{name}/contractValidate", {"values": [CONTRACT[name]]})["string"]
    wrong = admin.good("POST", f"/fedml/{name}/contractValidate", {"values": ["COUNT(nobody) > 1"]})["string"]
    admin.good("POST", f"/fedml/{name}/addContract", {"values": [CONTRACT[name]]})
    for node in nodes:
        node.good("GET", f"/fedml/{name}/startPulse")
    wait(nodes, name, sum(map(len, data["shares"])))
    return {"tried": tried, "wrong": wrong}


def wait(nodes, name, rows):
    """Wait until every node explores all rows."""
    end, asked = time.monotonic() + WAIT_S, {"inputAttributes": ["0"], "targets": []}
    for node in nodes:
        node.good("GET", f"/fedml/{name}/fullSyncRequest")
    for node in nodes:
        while True:
            status, told, _ = node.ask("POST", f"/projects/{name}/explore", asked, "metric=uni")
            if status == 200 and told["values"]["KSVDMap"]["values"][0]["count"] == rows:
                break
            if time.monotonic() > end:
                raise SystemExit(
                    f"not all rows of {name} arrived: {told} {node.good('GET', f'/fedml/{name}/getErrorLog')}"
                )
            time.sleep(0.1)


def fuse(nodes, data):
    """Have the first node fuse what the others learn; return the status of its cells and what it explores."""
    admin, *others = nodes
    cells = [{"host": node.url, "cid": node.cid, "pid": f"cell{i}"} for i, node in enumerate(others)]
    body = {"values": cells, "passwd": PASSWORD, "fed_schema": data["schema"]}
    told = admin.good("POST", "/projects/fusion/create", body, "pid=fused&persist=true")
    for node, invite, share in zip(others, told["cellsInvitations"]["values"], data["shares"][1:], strict=True):
        pid, joining = invite["pid"], {"fedInfoEncrypted": invite["fedInfoEncrypted"], "passwd": PASSWORD}
        node.good("POST", "/fedml/createJoin", {**joining, "fed_local_name": pid}, f"pid={pid}&persist=true")
        frame = {"attributeNames": data["names"], "attributeTypes": data["types"], "data": share}
        node.good("POST", f"/projects/{pid}/learn", frame, "async=true")
        node.good("GET", f"/fedml/{pid}/startPulse")
        node.good("GET", f"/fedml/{pid}/fullSyncRequest")
    end, rows, asked = time.monotonic() + WAIT_S, sum(map(len, data["shares"][1:])), {"inputAttributes": ["0"]}
    while True:
        status, found, _ = admin.ask("POST", "/projects/fused/explore", asked, "metric=uni")
        if status == 200 and found["values"]["KSVDMap"]["values"][0]["count"] == rows:
            break
        if time.monotonic() > end:
            raise SystemExit(f"the cells' rows did not arrive: {found}")
        time.sleep(0.1)
    cells = admin.good("POST", "/projects/fusion/fused/cellsStatus", {"values": cells})["cellsStatusEncrypted"]
    frame = {"attributeNames": data["names"], "attributeTypes": data["types"], "data": data["shares"][0][:1]}
    refused = [admin.ask("POST", "/projects/fused/learn", frame)]
    refused.append(others[0].ask("POST", "/projects/cell0/explore", asked, "metric=uni"))
    return {
        "cells": [cell["status"] for cell in cells["values"]],
        "uni": found["values"]["KSVDMap"]["values"][0],
        "refused": [status for status, _, _ in refused],
    }


def flow(node, told):
    """Have a project learn from a subject that has some messages; return what is told of that."""
    node.good("POST", "/projects", {"sml_schema": told["schema"]}, "pid=beds&type=cpu")
    info = {"nats_hosts": told["hosts"], "nats.subject": told["subject"], "data.format": "json"}
    body = {"type": "nats", "name": "monitors", "info": info}
    node.good("POST", "/projects/beds/streams/create", body, "fromBeginning=true")
    end = time.monotonic() + WAIT_S
    while True:
        (metrics,) = node.good("GET", "/projects/beds/streams/monitors/metrics")["KSVSMap"]["values"]
        if metrics["messages"] == str(told["messages"]):
            break
        if time.monotonic() > end:
            raise SystemExit(f"not all messages arrived: {metrics}")
        time.sleep(0.1)
    names = node.good("GET", "/projects/beds/streams/list")["stringList"]["values"]
    node.good("GET", "/projects/beds/streams/monitors/stop")
    errors = node.good("GET", "/projects/beds/streams/monitors/errorLog")["stringList"]["values"]
    node.good("DELETE", "/projects/beds/streams/monitors")
    return {"metrics": metrics, "names": names, "errors": errors, "uni": explored(node, "beds", "uni", [0])}


def explored(node, name, metric, inputs, targets=()):
    """One metric, as a map of numbers."""
    context = {"inputAttributes": [str(i) for i in inputs], "targets": [str(i) for i in targets]}
    values = node.good("POST", f"/projects/{name}/explore", context, f"metric={metric}")
    return values["KSVDMap"]["values"][0]


def built(node, name, algo, inputs, target, rows):
    """A model, what is told of it, and what it predicts for some rows."""
    context = {"inputAttributes": [str(i) for i in inputs], "targets": [str(target)]}
    node.good("POST", f"/projects/{name}/build", context, f"modelid={algo}1&algo={algo}")
    info = node.good("GET", f"/projects/{name}/models/{algo}1")["modelInfo"]
    frame = {"attributeNames": rows["names"], "attributeTypes": rows["types"], "data": rows["shares"][0]}
    predicted = node.good("POST", f"/projects/{name}/predict/{algo}1", frame)["dataframe"]
    return {"info": info, "predicted": predicted}


def main(told):
    """Do all of it; return what was found."""
    nodes = [Node(*one) for one in told["nodes"]]
    admin, _, last = nodes
    iris, diabetes = told["iris"], told["diabetes"]
    found = {name: federate(nodes, name, told[name]) for name in ("iris", "diabetes")}
    found["uni"] = [explored(node, "iris", "uni", [0]) for node in nodes]
    found["bi"] = explored(last, "iris", "bi", [0, 3])
    found["anova"] = explored(last, "iris", "anova", [0], [4, 5, 6])
    found["pca"] = last.good("POST", "/projects/iris/explorepca", {"inputAttributes": ["0", "1", "2", "3"]})
    found["lda"] = built(last, "iris", "lda", [0, 1, 2, 3], 5, iris)
    found["bayes"] = built(last, "iris", "bayes", [0, 1, 2, 3], 5, iris)
    found["mlr"] = [built(node, "diabetes", "mlr", range(10), 10, diabetes) for node in (admin, last)]
    found["info"] = admin.good("GET", "/fedml/iris/info")["fedInfoEncrypted"]
    found["project"] = admin.good("GET", "/projects/iris/info")["smlInfo"]
    found["errors"] = admin.good("GET", "/fedml/iris/getErrorLog")["stringList"]["values"]
    found["syncs"] = admin.good("GET", "/fedml/iris/getSyncLog")["stringList"]["values"]
    found["stats"] = admin.good("GET", "/fedml/iris/syncStats")["fedSyncStats"]
    admin.good("GET", "/fedml/iris/newSchedule", query="newSchedule=d7")
    found["schedule"] = admin.good("GET", "/fedml/iris/info")["fedInfoEncrypted"]["sync_sched"]
    for node in nodes:
        node.good("GET", "/fedml/iris/stopPulse")
    found["pulsing"] = [node.good("GET", "/fedml/iris/info")["fedInfoEncrypted"]["is_pulsing"] for node in nodes]
    found["fusion"] = fuse(nodes, iris)
    found["stream"] = flow(last, told["stream"])
    return found


if __name__ == "__main__":
    json.dump(main(json.load(sys.stdin)), sys.stdout)
