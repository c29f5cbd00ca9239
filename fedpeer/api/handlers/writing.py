"""Predictions that are written to a file of the node."""

from __future__ import annotations

from fedpeer.api import jobs as waiting
from fedpeer.api.bodies import PredictInto, Wait
from fedpeer.api.call import Call, Reply
from fedpeer.node.writing import Errand


async def predict(call: Call[PredictInto, Wait]) -> Reply:
    """Predict the rows at a location and write them to a new file below `data.roots`; 202 while that goes on."""
    body = call.body
    errand = Errand(body.location, body.to, body.options, body.overwrite, body.missing)
    job = await call.node.predict_into(call.fed, call.named("model"), errand)
    job = await waiting.ended(call.node, job, call.query.wait)
    return Reply(job, 202 if job.state == "running" else 200, {"Location": f"/v1/jobs/{job.id}"})
