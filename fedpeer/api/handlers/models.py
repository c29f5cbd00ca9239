"""Statistics and models of the total, of this node's own rows, or of a member who consents."""

from __future__ import annotations

from fedpeer.api.bodies import Explore, Fit, Nothing, Predict
from fedpeer.api.call import Call, Reply
from fedpeer.node.shapes import Explored, Fitted, Predicted


async def explore(call: Call[Explore, Nothing]) -> Explored:
    """Statistics of all features, of one, or of a pair; or a metric."""
    body = call.body
    return await call.node.explore(
        call.fed, body.features, body.of, metric=body.metric, options=body.options, against=body.against
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
