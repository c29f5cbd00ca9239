"""Statistics and models of the total, of this node's own rows, or of a member who consents."""

from __future__ import annotations

from fedpeer.api import jobs as waiting
from fedpeer.api.bodies import Evaluate, Explore, Fit, Nothing, Predict, Validate, Wait
from fedpeer.api.call import Call, Reply
from fedpeer.api.contests import Choose
from fedpeer.core.models.choose import Contest
from fedpeer.core.models.evaluate import Terms
from fedpeer.node.assessing import HeldOut, Trial
from fedpeer.node.shapes import Explored, Fitted, Predicted, Validated


async def explore(call: Call[Explore, Nothing]) -> Explored:
    """Statistics of all features, of one, or of a pair; or a metric."""
    body, against = call.body, call.body.against
    if against and call.fed in {project.id for project in call.node.projects()}:
        against = call.resolve(against, "viewer")
    return await call.node.explore(
        call.fed, body.features, body.of, metric=body.metric, options=body.options, against=against
    )


async def validate(call: Call[Validate, Nothing]) -> Validated:
    """Cross-validate a kind of model by leaving out one part of the total after the other."""
    body = call.body
    return await call.node.validate(
        call.fed, Trial(body.kind, body.target, tuple(body.features), body.options, body.grid)
    )


async def every(call: Call[Nothing, Nothing]) -> list[Fitted]:
    """The models that are kept."""
    return call.node.models(call.fed)


async def fit(call: Call[Fit, Nothing]) -> Reply:
    """Fit a model and keep it."""
    body = call.body
    made = await call.node.fit(call.fed, body.kind, body.target, body.features or None, body.options, body.of)
    return Reply(made, 201, {"Location": f"/v1/federations/{made.federation}/models/{made.id}"})


async def one(call: Call[Nothing, Nothing]) -> Fitted:
    """One model."""
    return call.node.model(call.fed, call.named("model"))


async def forget(call: Call[Nothing, Nothing]) -> None:
    """Forget a model."""
    await call.node.forget_model(call.fed, call.named("model"))


async def predict(call: Call[Predict, Nothing]) -> Predicted:
    """Predict rows."""
    return await call.node.predict(call.fed, call.named("model"), call.body.rows)


async def evaluate(call: Call[Evaluate, Wait]) -> Reply:
    """Compare a model's predictions with the truth in rows that it has not seen; 202 while that goes on."""
    body = call.body
    terms = Terms(body.target or None, body.threshold, body.positive or None, body.confidence)
    held = HeldOut(body.location, body.rows, body.options, terms)
    job = await waiting.ended(call.node, await call.node.evaluate(call.fed, call.named("model"), held), call.query.wait)
    return Reply(job, 202 if job.state == "running" else 200, {"Location": f"/v1/jobs/{job.id}"})


async def choose(call: Call[Choose, Wait]) -> Reply:
    """Fit several models, judge each on rows that none has seen, and keep the best; 202 while that goes on."""
    body = call.body
    contest = Contest(
        body.kinds, body.target, body.features or None, body.search, body.grid, body.measure, body.positive or None
    )
    held = HeldOut(body.location, body.rows, body.options)
    job = await waiting.ended(call.node, await call.node.choose(call.fed, contest, held, body.of), call.query.wait)
    return Reply(job, 202 if job.state == "running" else 200, {"Location": f"/v1/jobs/{job.id}"})
