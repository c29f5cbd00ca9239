"""Models come back from files as they were, and whatever else a file holds is refused as what it is not."""

from __future__ import annotations

import copy
import json

import msgspec
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core.errors import FedpeerError, ModelError
from fedpeer.core.models.forms.estimator import to_sklearn
from fedpeer.core.models.forms.export import FORMS, export
from fedpeer.core.models.forms.origin import Origin
from fedpeer.core.models.forms.reading import VERSION, restore
from fedpeer.core.models.reports.report import SHAPES, report
from tests.support.forms import EVERY, clinic, fitted

ORIGIN = Origin(model="m1", federation="hearts", of="total", fitted_at=1_800_000_000.0, members=3)


@pytest.mark.parametrize("missing", ["none", "mean", "gaussian"])
@pytest.mark.parametrize(("kind", "target"), EVERY)
def test_a_model_comes_back_from_json(kind, target, missing):
    model = fitted(kind, target, missing=missing)
    data = export(model, "json", origin=ORIGIN)
    assert restore(data) == restore(data.decode()) == restore(model.to_dict()) == model
    assert export(restore(data), "json", origin=ORIGIN) == data


@pytest.mark.parametrize(("kind", "target"), EVERY)
def test_a_model_comes_back_from_onnx(kind, target):
    model = fitted(kind, target)
    data = export(model, "onnx", origin=ORIGIN)
    assert restore(data) == model
    told = {entry.key: entry.value for entry in onnx.load_from_string(data).metadata_props}
    assert (told["model"], told["summary"], told["opset"]) == ("m1", model.summary, "17")
    assert export(model, "onnx", origin=ORIGIN) == data


def test_a_file_says_what_it_is_and_where_from():
    whole = json.loads(export(fitted("ols", "cost"), "json", origin=ORIGIN))
    assert (whole["format"], whole["version"]) == ("fedpeer model", VERSION)
    assert whole["origin"]["federation"] == "hearts"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"version": 2}, "version 2; this program reads 1"),
        ({"format": "other"}, "not a model"),
        ({"more": 1}, "unknown field"),
        ({"model": 3}, "not a model"),
        ({"model": {"kind": "nonsense"}}, "its kind is not known"),
        ({"model": {"kind": "ols"}}, "missing required field"),
    ],
)
def test_another_file_is_refused_with_the_reason(change, why):
    whole = json.loads(export(fitted("ols", "cost"), "json"))
    with pytest.raises(ModelError, match=why):
        restore(json.dumps(whole | change))


@pytest.mark.parametrize(
    "source", ["", "{}", "[]", "null", b"\xff", b"\x08\x03", "{" * 5000, None, 7, [], {}, "\udc80"]
)
def test_what_is_no_model_is_refused(source):
    with pytest.raises(ModelError):
        restore(source)


def test_an_onnx_file_of_others_is_refused():
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    value = [onnx.helper.make_tensor_value_info(name, 1, [1]) for name in "xy"]
    theirs = onnx.helper.make_model(onnx.helper.make_graph([node], "g", value[:1], value[1:]))
    with pytest.raises(ModelError, match="does not carry a model"):
        restore(theirs.SerializeToString())


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["age", "site", "category"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def places(form, at=()):
    """Every place of a nested form."""
    inner = form.items() if isinstance(form, dict) else enumerate(form) if isinstance(form, list) else ()
    for key, value in inner:
        yield (*at, key)
        yield from places(value, (*at, key))


def changed(form, place, value, *, drop):
    """The form with another value at a place, or without what is there."""
    form = copy.deepcopy(form)
    holder = form
    for key in place[:-1]:
        holder = holder[key]
    if drop:
        del holder[place[-1]]
    else:
        holder[place[-1]] = value
    return form


@pytest.mark.long
@given(st.data())
@settings(max_examples=80, deadline=None)
def test_a_form_that_was_tampered_with_is_a_model_or_a_fault(data):
    kind, target = data.draw(st.sampled_from(EVERY))
    form = fitted(kind, target, missing=data.draw(st.sampled_from(["none", "mean", "gaussian"]))).to_dict()
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(list(places(form))))
        form = changed(form, place, data.draw(JSON), drop=data.draw(st.booleans()))
    try:
        model = restore(form)
    except ModelError:
        return
    written = (lambda form=form: export(model, form) for form in FORMS)
    told = (lambda form=form: report(model, form) for form in SHAPES)
    for use in (lambda: model.predict(clinic()[1]), lambda: to_sklearn(model), *written, *told):
        try:
            use()
        except FedpeerError:
            continue


@pytest.mark.long
@given(st.binary(max_size=60) | st.text(max_size=60))
@settings(max_examples=150, deadline=None)
def test_noise_is_refused(noise):
    with pytest.raises(ModelError):
        restore(noise)


@pytest.mark.long
@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_file_with_a_flipped_byte_is_a_model_or_a_fault(data):
    whole = bytearray(export(fitted("lda", "ward"), data.draw(st.sampled_from(["json", "onnx"]))))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        model = restore(bytes(whole))
    except ModelError:
        return
    assert msgspec.json.encode(model.to_dict())
