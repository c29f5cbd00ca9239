"""The one door to every model: a kind's name, the function that fits it, and what it gives."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, overload

import msgspec

from fedpeer.core.errors import ModelError, SchemaError
from fedpeer.core.models.bayes import bernoulli_nb, gaussian_nb
from fedpeer.core.models.certify import certified
from fedpeer.core.models.chain import Chain, markov
from fedpeer.core.models.classifier import Classifier
from fedpeer.core.models.components import Components, pca, pcr, pls
from fedpeer.core.models.covariance import Covariance, graphical_lasso, ledoit_wolf, oas
from fedpeer.core.models.design import chosen, named
from fedpeer.core.models.discriminant import lda
from fedpeer.core.models.extremes import Extremes, evt
from fedpeer.core.models.hidden import Hidden, hmm
from fedpeer.core.models.kinds import TARGETLESS
from fedpeer.core.models.linear import ols, ridge
from fedpeer.core.models.margins import ls_svm, ridge_classifier
from fedpeer.core.models.missing import WAYS, Completion
from fedpeer.core.models.model import Model
from fedpeer.core.models.noised import checked, taken, told
from fedpeer.core.models.outliers import Outliers, ecod, hbos
from fedpeer.core.models.quadratic import qda
from fedpeer.core.models.result import Result
from fedpeer.core.models.selection import best_subset, stepwise
from fedpeer.core.models.separating import lda_reduced, lda_stepwise, lda_subset
from fedpeer.core.models.sparse import elastic_net, lasso
from fedpeer.core.statistics.summary import Summary

_Linear = Literal["ols", "ridge", "lasso", "elastic_net", "pcr", "pls", "stepwise", "best_subset"]
_Discriminant = Literal["lda", "lda_stepwise", "lda_subset", "lda_reduced", "qda"]
_Classes = Literal[_Discriminant, "gaussian_nb", "bernoulli_nb", "ridge_classifier", "ls_svm"]

KINDS: Final[dict[str, tuple[Callable[..., Result], type[Result]]]] = {
    "ols": (ols, Model),
    "ridge": (ridge, Model),
    "lasso": (lasso, Model),
    "elastic_net": (elastic_net, Model),
    "pcr": (pcr, Model),
    "pls": (pls, Model),
    "stepwise": (stepwise, Model),
    "best_subset": (best_subset, Model),
    "lda": (lda, Classifier),
    "lda_stepwise": (lda_stepwise, Classifier),
    "lda_subset": (lda_subset, Classifier),
    "lda_reduced": (lda_reduced, Classifier),
    "qda": (qda, Classifier),
    "gaussian_nb": (gaussian_nb, Classifier),
    "bernoulli_nb": (bernoulli_nb, Classifier),
    "ridge_classifier": (ridge_classifier, Classifier),
    "ls_svm": (ls_svm, Classifier),
    "markov": (markov, Chain),
    "hmm": (hmm, Hidden),
    "pca": (pca, Components),
    "oas": (oas, Covariance),
    "graphical_lasso": (graphical_lasso, Covariance),
    "ledoit_wolf": (ledoit_wolf, Covariance),
    "hbos": (hbos, Outliers),
    "ecod": (ecod, Outliers),
    "evt": (evt, Extremes),
}

# Kinds that look at no more than one input column and the target at a time, and so take each pair's own rows.
_BY_PAIRS: Final = frozenset({"gaussian_nb", "bernoulli_nb", "markov", "hmm"})


@overload
def fit(
    summary: Summary, kind: _Linear, target: str, features: Sequence[str] | None = None, **options: Any
) -> Model: ...
@overload
def fit(
    summary: Summary, kind: _Classes, target: str, features: Sequence[str] | None = None, **options: Any
) -> Classifier: ...
@overload
def fit(
    summary: Summary, kind: str, target: str | None = None, features: Sequence[str] | None = None, **options: Any
) -> Result: ...
def fit(
    summary: Summary, kind: str, target: str | None = None, features: Sequence[str] | None = None, **options: Any
) -> Result:
    """Fit a model of this kind to `target` from a summary alone; `features` None means all the others.

    Options are those of the kind, and `missing`, which says how predictions complete a row (docs/models.md).
    ModelError for an unknown kind, option or name, and for a summary that does not determine the model.
    """
    return fitted(summary, kind, target, features, options)


def fitted(
    summary: Summary, kind: str, target: str | None, features: Sequence[str] | None, options: Mapping[str, Any]
) -> Result:
    """The same with options that come from elsewhere, and may have any name."""
    check_options(kind, options)
    options = dict(options)
    if target is None and kind not in TARGETLESS:
        raise ModelError(f"{kind} needs a target", hint="name the feature that it predicts")
    missing = options.pop("missing", "none")
    if missing not in WAYS:
        raise ModelError(f"missing is {missing!r}; it must be one of {', '.join(WAYS)}")
    if summary.noise:
        return _noised(summary, kind, target, features, options | {"missing": missing})
    used = summary if kind in _BY_PAIRS else _among(summary, _used(summary, target, features))
    model = certified(KINDS[kind][0](used, target, features, **options), used)
    return model if missing == "none" else completed(model, used, missing)


def completed(model: Result, summary: Summary, missing: str) -> Result:
    """The model with what stands in for missing inputs, of a summary under the schema that it was fitted under."""
    if missing not in WAYS:
        raise ModelError(f"missing is {missing!r}; it must be one of {', '.join(WAYS)}")
    if missing == "none":
        return msgspec.structs.replace(model, completion=None)
    source = _among(summary, model.columns) if missing == "gaussian" else summary
    return msgspec.structs.replace(model, completion=Completion.of(source, model.columns, missing))


def _noised(
    summary: Summary, kind: str, target: str | None, features: Sequence[str] | None, options: dict[str, Any]
) -> Result:
    """The same of sums that carry noise."""
    if (missing := options.pop("missing")) == "gaussian":
        raise ModelError("rows cannot be completed by covariances that carry noise", hint='use missing="mean"')
    inputs, goal = [column.name for column in chosen(summary.schema, target, features)], []
    if target is not None and named(summary.schema, target).kind != "category":
        goal = [target]
    sums, text = taken(kind, summary, [*inputs, *goal], tuple(options))
    if kind == "ols" and goal:
        sums, more = checked(summary, inputs, goal[0])
        text += more
    model = told(certified(KINDS[kind][0](sums, target, features, **options), sums), summary, text)
    if missing == "none":
        return model
    return msgspec.structs.replace(model, completion=Completion.of(summary, model.columns, missing))


def restore(form: Any) -> Result:
    """Read what `to_dict` of any model returned; ModelError for anything else."""
    kind = form.get("kind") if isinstance(form, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise ModelError("not a model: its kind is not known here", hint="give what `to_dict` of a model returned")
    return KINDS[kind][1].from_dict(form)


def _used(summary: Summary, target: str | None, features: Sequence[str] | None) -> list[str]:
    """The features that a model is of."""
    columns = chosen(summary.schema, target, features, whole=True)
    return [*(column.feature for column in columns), *([] if target is None else [named(summary.schema, target).name])]


def _among(summary: Summary, names: Sequence[str]) -> Summary:
    """The summary of the rows that have all of these; ModelError if they are not the same rows."""
    try:
        return summary.among(names)
    except SchemaError as error:
        raise ModelError(str(error), hint=error.hint) from None


def check_options(kind: str, options: Iterable[str]) -> None:
    """ModelError for a kind that is not there, or that does not have one of these options."""
    known = options_of(kind)
    unknown = next((name for name in options if name not in known), None)
    if unknown is not None:
        raise ModelError(f"{kind} has no option {unknown!r:.60}", hint=f"it has {', '.join(known)}")


def options_of(kind: str) -> list[str]:
    """The names of a kind's options; ModelError for a kind that is not there."""
    if kind not in KINDS:
        raise ModelError(f"no model called {kind!r}", hint=f"there are {', '.join(KINDS)}")
    parameters = inspect.signature(KINDS[kind][0]).parameters.values()
    return [*(parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY), "missing"]
