"""A model as an ONNX graph in float64 throughout, with the model itself in its metadata.

The graph is written with ONNX's own operators: scikit-learn's converter (skl2onnx 1.20) takes no least-squares
classifier in float64, and gives other probabilities than scikit-learn for two classes of lda.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

from fedpeer.core.errors import ModelError
from fedpeer.core.models.classifier import Classifier, Group
from fedpeer.core.models.components import Components
from fedpeer.core.models.covariance import Covariance
from fedpeer.core.models.forms.plan import Input, Plan, Used
from fedpeer.core.models.model import INTERCEPT, Model
from fedpeer.core.models.outliers import Outliers, Tally
from fedpeer.core.models.result import Result

OPSET, LABELS, FORMAT = 17, 3, 8  # of ONNX, of its machine-learning operators, and of the file

_HINT = "install it: pip install 'fedpeer[export]'"


def onnx(result: Result, metadata: Mapping[str, str]) -> bytes:
    """Write a file: inputs by feature (float64 [n, 1], text for levels), output `prediction`, of classes `scores` too.

    A class that cannot be told is an empty text, any other such prediction NaN. ModelError for a kind without a form.
    """
    plan, graph = Plan.of(result, "onnx"), _Graph()
    columns = graph.table(plan)
    match result:
        case Model() as model:
            graph.linear(model, columns)
        case Classifier() as model:
            graph.classes(model, columns)
        case Components() as model:
            graph.distance(model, columns)
        case Covariance() as model:
            graph.mahalanobis(model, columns)
        case Outliers() as model:
            graph.outlying(model, columns)
        case _:
            raise ModelError(f"{result.kind} has no form 'onnx'", hint="it has json")
    return graph.bytes(metadata)


def metadata(data: bytes) -> dict[str, str]:
    """What an ONNX file says of itself; ModelError for anything else."""
    package = _package()
    try:
        every = package.load_from_string(data).metadata_props
        return {entry.key: entry.value for entry in every if isinstance(entry.value, str)}  # bytes if not UTF-8
    except (ValueError, TypeError, import_module("google.protobuf.message").DecodeError):
        raise ModelError("not an ONNX file", hint="give a file that `export` wrote") from None


class _Graph:
    """Nodes as they are added; every value has a name of its own."""

    def __init__(self) -> None:
        self._onnx, self._helper = _package(), import_module("onnx.helper")
        self._nodes: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._constants: list[Any] = []

    def table(self, plan: Plan) -> str:
        """The model's columns side by side, [n, p]."""
        read = [self._read(entry) for entry in plan.inputs]
        parts = [self._column(used, plan, read) for used in plan.columns]
        if not parts:
            raise ModelError("a model without inputs has no form 'onnx'", hint="it has json, python, sql")
        return self._add("Concat", *parts, axis=1)

    def linear(self, model: Model, columns: str) -> None:
        """Intercept plus weighted columns."""
        weights = self._number([[model.coefficients[name]] for name in model.columns])
        total = self._add("Add", self._add("MatMul", columns, weights), self._number([[model.coefficients[INTERCEPT]]]))
        self._put("prediction", total, self._onnx.TensorProto.DOUBLE, 1)

    def classes(self, model: Classifier, columns: str) -> None:
        """The scores, what they mean as probabilities, and the label of the highest."""
        labels, names, groups = [group.label for group in model.classes], model.columns, model.classes
        scores = self._number([[group.constant for group in groups]])
        if any(group.weights for group in groups):
            weights = self._number([[g.weights.get(name, 0.0) for g in groups] for name in names])
            apart = self._add("Sub", columns, self._number([list(model.centre.values())]))
            scores = self._add("Add", scores, self._add("MatMul", apart, weights))
        if any(group.variances for group in groups):
            wide = self._add("Unsqueeze", columns, self._whole([1]))
            apart = self._add("Sub", wide, self._number([[[g.means[name] for name in names] for g in groups]]))
            twice = self._number([[[2 * g.variances[name] for name in names] for g in groups]])
            parts = self._add("Div", self._add("Mul", apart, apart), twice)
            scores = self._add("Sub", scores, self._add("ReduceSum", parts, self._whole([2]), keepdims=0))
        if all(group.whitening for group in groups):
            lengths = [self._whitened(group, columns, names) for group in groups]
            scores = self._add("Sub", scores, self._add("Concat", *lengths, axis=1))
        best = self._add("Gather", self._text(labels), self._add("ArgMax", scores, axis=1, keepdims=0), axis=0)
        lost = self._add("IsNaN", self._add("ReduceSum", scores, self._whole([1]), keepdims=0))
        self._put("prediction", self._add("Where", lost, self._text([""]), best), self._onnx.TensorProto.STRING)
        told = self._add("Softmax", scores, axis=1) if model.probabilities else scores
        name = "probabilities" if model.probabilities else "scores"
        self._put(name, told, self._onnx.TensorProto.DOUBLE, len(labels))

    def distance(self, model: Components, columns: str) -> None:
        """The squared distance from what the scores give back, and the scores."""
        apart = self._add("Sub", columns, self._number([list(model.means.values())]))
        standard = self._add("Div", apart, self._number([list(model.scales.values())]))
        loadings = np.array(model.components)
        scores = self._add("MatMul", standard, self._number(loadings.T))
        left = self._add("Sub", standard, self._add("MatMul", scores, self._number(loadings)))
        total = self._add("ReduceSum", self._add("Mul", left, left), self._whole([1]), keepdims=1)
        self._put("prediction", total, self._onnx.TensorProto.DOUBLE, 1)
        self._put("scores", scores, self._onnx.TensorProto.DOUBLE, len(loadings))

    def mahalanobis(self, model: Covariance, columns: str) -> None:
        """The squared Mahalanobis distance."""
        apart = self._add("Sub", columns, self._number([list(model.means.values())]))
        turned = self._add("MatMul", apart, self._number(np.array(model.precision).T))
        total = self._add("ReduceSum", self._add("Mul", apart, turned), self._whole([1]), keepdims=1)
        self._put("prediction", total, self._onnx.TensorProto.DOUBLE, 1)

    def outlying(self, model: Outliers, columns: str) -> None:
        """The sum over columns of the scores of their bins; of several such sums the largest."""
        parts = [self._binned(columns, k, tally) for k, tally in enumerate(model.tallies.values())]
        totals = self._add("Sum", *parts)
        self._put("prediction", self._add("ReduceMax", totals, axes=[1]), self._onnx.TensorProto.DOUBLE, 1)
        self._put("scores", totals, self._onnx.TensorProto.DOUBLE, len(model.ways))

    def bytes(self, metadata: Mapping[str, str]) -> bytes:
        """The file."""
        helper = self._helper
        graph = helper.make_graph(self._nodes, "fedpeer", self._inputs, self._outputs, self._constants)
        sets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", LABELS)]
        model = helper.make_model(graph, opset_imports=sets, ir_version=FORMAT, producer_name="fedpeer")
        helper.set_model_props(model, dict(metadata))
        self._onnx.checker.check_model(model)
        data: bytes = model.SerializeToString(deterministic=True)
        return data

    def _read(self, entry: Input) -> str:
        """A number, NaN where it is infinite; or of levels the place of the level, −1 for one that is not known."""
        proto, name = self._onnx.TensorProto, entry.feature.name
        leveled = bool(entry.levels and entry.feature.levels)
        kind = proto.STRING if leveled else proto.DOUBLE
        self._inputs.append(self._helper.make_tensor_value_info(name, kind, [None, 1]))
        if leveled:
            words = {word: k for k, spellings in enumerate(entry.spellings) for word in spellings}
            words |= {level: k for k, level in enumerate(entry.levels)}
            return self._add(
                "LabelEncoder",
                name,
                domain="ai.onnx.ml",
                keys_strings=list(words),
                values_int64s=list(words.values()),
                default_int64=-1,
            )
        nothing = self._number([[np.nan]])
        if not entry.levels:
            return self._add("Where", self._add("IsInf", name), nothing, name)
        fine = self._add("Or", *(self._add("Equal", name, self._number([[value]])) for value in (0.0, 1.0)))
        return self._add("Where", fine, name, nothing)

    def _column(self, used: Used, plan: Plan, read: list[str]) -> str:
        parts = []
        for part in used.parts:
            feature = plan.inputs[part.place].feature
            if feature.levels and part.level is not None:
                ones = [1.0 if k == part.level else 0.0 for k in range(len(feature.levels))]
                parts.append(self._add("Gather", self._number([*ones, np.nan]), read[part.place], axis=0))
            else:
                parts.append(read[part.place])
        column = parts[0]
        for factor in parts[1:]:
            column = self._add("Mul", column, factor)
        if used.mean is None:
            return column
        return self._add("Where", self._add("IsNaN", column), self._number([[used.mean]]), column)

    def _whitened(self, group: Group, columns: str, names: list[str]) -> str:
        """Half the squared length of a row's distance from a class, whitened, [n, 1]."""
        apart = self._add("Sub", columns, self._number([[group.means[name] for name in names]]))
        factor = [[*line, *[0.0] * (len(names) - len(line))] for line in group.whitening]
        parts = self._add("MatMul", apart, self._number(np.array(factor).T))
        total = self._add("ReduceSum", self._add("Mul", parts, parts), self._whole([1]), keepdims=1)
        return self._add("Div", total, self._number([[2.0]]))

    def _binned(self, columns: str, place: int, tally: Tally) -> str:
        """The scores of one column in each way, [n, ways]: as many edges as a value reaches, so many bins are below."""
        column = self._add("Gather", columns, self._whole([place]), axis=1)
        reached = self._add("GreaterOrEqual", column, self._number([tally.edges]))
        whole = self._add("Cast", reached, to=self._onnx.TensorProto.INT64)
        below = self._add("ReduceSum", whole, self._whole([1]), keepdims=0)
        scores = self._add("Gather", self._number(np.array(tally.scores).T), below, axis=0)
        return self._add("Where", self._add("IsNaN", column), self._number([[np.nan]]), scores)

    def _add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"$value{len(self._nodes)}"  # no feature's name has this sign
        self._nodes.append(self._helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def _put(self, name: str, value: str, kind: int, width: int | None = None) -> None:
        """Give a value a name for the outside."""
        taken = {entry.name for entry in self._inputs}
        told = name if name not in taken else f"{name}$"
        self._nodes.append(self._helper.make_node("Identity", [value], [told]))
        shape = [None] if width is None else [None, width]
        self._outputs.append(self._helper.make_tensor_value_info(told, kind, shape))

    def _number(self, values: Any) -> str:
        array = np.array(values, dtype=np.float64)
        return self._constant(import_module("onnx.numpy_helper").from_array(array))

    def _whole(self, values: list[int]) -> str:
        return self._constant(import_module("onnx.numpy_helper").from_array(np.array(values, dtype=np.int64)))

    def _text(self, values: list[str]) -> str:
        kind, data = self._onnx.TensorProto.STRING, [value.encode() for value in values]
        return self._constant(self._helper.make_tensor("", kind, [len(values)], data))

    def _constant(self, tensor: Any) -> str:
        tensor.name = f"$constant{len(self._constants)}"
        self._constants.append(tensor)
        return str(tensor.name)


def _package() -> Any:
    try:
        return import_module("onnx")
    except ImportError:
        raise ModelError("the form 'onnx' needs the package onnx", hint=_HINT) from None
