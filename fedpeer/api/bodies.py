"""What a request may say: the body and the query of every route, with defaults, bounds and units."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from fedpeer.core.federation.exchange import Exchange
from fedpeer.core.federation.roster import Action
from fedpeer.core.privacy.floor import Floor, Likeness, Policy, Profile, Risk, Share
from fedpeer.core.privacy.plan import Noise

Cell = str | int | float | bool | None

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_Whom = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
_Text = Annotated[str, msgspec.Meta(max_length=65_536)]
_Display = Annotated[str, msgspec.Meta(max_length=64)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=600)]
_Id = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
_HOUR_S = 3600
_Cells = list[dict[str, Cell]] | dict[str, list[Cell]]


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every body and query derives from; `large` bodies may be as long as uploads may be."""

    large: ClassVar[bool] = False


class Nothing(Body, frozen=True):
    """Nothing may be said."""


class Rules(Body, frozen=True):
    """Release rules beyond a profile: least rows, percents, and tests of each change; 0 keeps the profile's own."""

    rows: Floor = 0
    cell: Floor = 0
    change: Floor = 0
    total: Floor = 0
    patients: Floor = 0
    dominance: Share = 0
    risk: Risk = 0
    tests: tuple[Likeness, ...] = ()

    def policy(self, profile: Profile) -> Policy:
        """The profile with these rules."""
        return Policy(profile, **{name: getattr(self, name) for name in Rules.__struct_fields__})


class MakeNoise(Body, frozen=True):
    """Noise for every release: of (epsilon, 10^-exponent) each, where nobody has more than `rows` rows.

    Of the contributors to a sum, `colluders` may put together what they know.
    """

    epsilon: Annotated[float, msgspec.Meta(gt=0, le=100)]
    exponent: Annotated[int, msgspec.Meta(ge=1, le=100)] = 6
    rows: Annotated[int, msgspec.Meta(ge=1, le=2**20)] = 1
    colluders: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1

    @property
    def terms(self) -> Noise:
        """What the charter says of it."""
        epsilon = Fraction(str(self.epsilon))
        return Noise.of(epsilon, exponent=self.exponent, rows=self.rows, colluders=self.colluders)


class SetRules(Rules, frozen=True):
    """Release rules of this node alone, on top of the charter's."""

    profile: Profile = "relaxed"


class Create(Body, frozen=True):
    """A federation to found; an empty `display` is the node's own name."""

    name: _Name
    schema: dict[str, Any]
    contract: _Text
    schedule: _Name = "h1"
    display: _Display = ""
    profile: Profile = "standard"
    rules: Rules = Rules()
    noise: MakeNoise | None = None
    exchange: Exchange = Exchange()
    send_action: Action = "block"
    receive_action: Action = "block"


class CreateProject(Body, frozen=True):
    """A project to make; without `schema` one must be set before its first rows."""

    name: _Name
    schema: dict[str, Any] | None = None


class ChangeProject(Body, frozen=True):
    """What to change of a project; what is not said stays as it is."""

    name: _Name | None = None
    schema: dict[str, Any] | None = None
    frozen: bool | None = None
    histogram: bool | None = None


class MergeProject(Body, frozen=True):
    """The project whose rows are counted too; `force` also those that are here already."""

    other: _Name
    force: bool = False


class ImportProject(Body, frozen=True):
    """A project as it was exported, in base64; without `name` it keeps its own."""

    large: ClassVar[bool] = True

    project: bytes
    name: _Display = ""


class KeepSource(Body, frozen=True):
    """A name for a place of rows, and how it is read; `anew`: a name that another place has."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    location: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    options: dict[str, Any] = {}
    anew: bool = False


class Browse(Body, frozen=True):
    """A folder to look into."""

    folder: Annotated[str, msgspec.Meta(max_length=4096)] = ""


class SampleQuery(Body, frozen=True):
    """How many rows to show."""

    rows: Annotated[int, msgspec.Meta(ge=1, le=128)] = 128


class Issue(Body, frozen=True):
    """An invite to issue; without `passphrase` one is drawn, which is better, without a span it is the node's own.

    No role is the mode's usual one.
    """

    role: Literal["", "member", "contributor", "beneficiary", "coordinator"] = ""
    expires_in_s: Annotated[int, msgspec.Meta(ge=60, le=30 * 24 * _HOUR_S)] | None = None
    passphrase: Annotated[str, msgspec.Meta(max_length=1024)] | None = None

    def __repr__(self) -> str:
        return f"Issue(role={self.role!r})"


class Join(Body, frozen=True):
    """An invite to redeem; with `schema`, only if the federation has the same."""

    text: _Text
    passphrase: Annotated[str, msgspec.Meta(max_length=1024)]
    display: _Display = ""
    schema: dict[str, Any] | None = None
    send_action: Action = "block"
    receive_action: Action = "block"

    def __repr__(self) -> str:
        return f"Join(display={self.display!r})"


class SetSchedule(Body, frozen=True):
    """When the federation pulses: s10, m30, h3, d7."""

    schedule: _Name


class SetPulse(Body, frozen=True):
    """Whether this node pulses."""

    pulsing: bool


class SetExplorable(Body, frozen=True):
    """Whether others may explore this node's own summary."""

    explorable: bool


class SetBridge(Body, frozen=True):
    """The federation whose total this node brings into the one in the path, and whether it does."""

    source: str
    on: bool


class Contract(Body, frozen=True):
    """The text of a contract."""

    text: _Text


class TryContract(Body, frozen=True):
    """The text of a contract, and a schema to try it on."""

    text: _Text
    schema: dict[str, Any]


class AddSource(Body, frozen=True):
    """Rows at a location that the node can read; `force` counts them even if they were counted before."""

    location: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    options: dict[str, Any] = {}
    force: bool = False


class WithdrawRows(Body, frozen=True):
    """Rows to take out of the batch that has them: at a `location` that the node can read, or sent along.

    `batch` may be empty, or the beginning of an id, if only one batch can have them.
    """

    large: ClassVar[bool] = True

    location: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    rows: _Cells | None = None
    options: dict[str, Any] = {}
    batch: Annotated[str, msgspec.Meta(max_length=64)] = ""


class WatchData(Body, frozen=True):
    """A folder, a pattern or a growing file to look at; `force` counts its files anew, also those counted before."""

    location: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    every_s: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 60
    options: dict[str, Any] = {}
    force: bool = False


class AddRows(Body, frozen=True):
    """Rows as a list of objects, or as an object of columns."""

    large: ClassVar[bool] = True

    rows: _Cells
    source: _Name = "api"
    force: bool = False


class Explore(Body, frozen=True):
    """No feature: all of them; one: its distribution; two: the pair. `metric` with its `options`: docs/statistics.md.

    `of`: total, local, rest, `rest of …`, or members' ids with commas; `against`: the same, to compare with.
    """

    features: Annotated[list[str], msgspec.Meta(max_length=1000)] = []
    of: _Whom = "total"
    metric: Annotated[str, msgspec.Meta(max_length=64)] = ""
    options: dict[str, Any] = {}
    against: Annotated[str, msgspec.Meta(max_length=2000)] = ""


class Fit(Body, frozen=True):
    """A model to fit and keep; no `features`: all but the target, which some kinds (pca) do without."""

    kind: _Name
    target: _Name | None = None
    features: list[str] = []
    options: dict[str, Any] = {}
    of: _Whom = "total"


class Predict(Body, frozen=True):
    """Rows to predict."""

    large: ClassVar[bool] = True

    rows: _Cells


class PredictInto(Body, frozen=True):
    """Rows at a `location` that the node can read (with `options`), and the file `to` write them and predictions to.

    `overwrite` replaces a file that the node has written so before; `missing` completes rows (mean, gaussian).
    """

    location: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    to: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    options: dict[str, Any] = {}
    overwrite: bool = False
    missing: Literal["", "none", "mean", "gaussian"] = ""


class Evaluate(Body, frozen=True):
    """Rows that a model has not seen: at a `location` that the node can read (read with `options`), or sent along.

    `target` is the column that holds the truth, the model's own target if empty; `positive` the class that scores are
    for, and `threshold` the score from which a row is taken for it.
    """

    large: ClassVar[bool] = True

    location: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    rows: _Cells | None = None
    options: dict[str, Any] = {}
    target: Annotated[str, msgspec.Meta(max_length=200)] = ""
    positive: Annotated[str, msgspec.Meta(max_length=200)] = ""
    threshold: float | None = None
    confidence: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.95


class Validate(Body, frozen=True):
    """A kind of model to cross-validate; `grid` has the values of one option to choose from: {"lam": [0.1, 1]}."""

    kind: _Name
    target: _Name
    features: list[str] = []
    options: dict[str, Any] = {}
    grid: dict[str, list[Any]] = {}


class ExportQuery(Body, frozen=True):
    """What to make of a model for other programs; `table` is what the SQL selects from."""

    form: Literal["json", "python", "sql", "onnx"] = "json"
    table: Annotated[str, msgspec.Meta(max_length=512)] = "patients"


class ReportQuery(Body, frozen=True):
    """What to make of a model for people."""

    form: Literal["text", "html", "csv"] = "text"


class PictureQuery(Body, frozen=True):
    """What to draw: names of features with commas between (all if none), and whose rows, as in `Explore`."""

    features: Annotated[str, msgspec.Meta(max_length=10_000)] = ""
    of: _Whom = "total"
    against: Annotated[str, msgspec.Meta(max_length=2000)] = ""


class Permissions(Body, frozen=True, kw_only=True):
    """What a user may do: a role on the whole node, and roles in single federations, by id or name."""

    role: Literal["none", "viewer", "operator", "admin"] = "none"
    grants: Annotated[dict[str, Literal["viewer", "operator", "admin"]], msgspec.Meta(max_length=1000)] = {}


class AddUser(Permissions, frozen=True, kw_only=True):
    """A user, who can do nothing yet unless something is said."""

    cid: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9]{1,64}$")]


class RotateKey(Body, frozen=True):
    """For how many seconds more the key before is good; not at all unless something is said."""

    overlap_s: Annotated[int, msgspec.Meta(ge=0, le=2_592_000)] = 0


class RevokeKey(Body, frozen=True):
    """Whether only the older of two keys goes, of which both are good."""

    older: bool = False


class Wait(Body, frozen=True):
    """Seconds to wait for the outcome."""

    wait: _Seconds = 0.0


class JoinWait(Body, frozen=True):
    """Seconds to wait for another node's answer; joining goes on by itself after that."""

    wait: _Seconds = 30.0


class Reason(Body, frozen=True):
    """Why, for the charter."""

    reason: Annotated[str, msgspec.Meta(max_length=1000)] = ""


class Page(Body, frozen=True):
    """A page of entries, newest first: those with an id above `after` and below `before` (0: no bound)."""

    after: _Id = 0
    before: _Id = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


class LogQuery(Page, frozen=True):
    """A page, of some kinds and levels only (each a list with commas)."""

    kinds: Annotated[str, msgspec.Meta(max_length=200)] = ""
    levels: Annotated[str, msgspec.Meta(max_length=200)] = ""


class LevelQuery(Page, frozen=True):
    """A page, of some levels only (a list with commas)."""

    levels: Annotated[str, msgspec.Meta(max_length=200)] = ""


class EventQuery(Body, frozen=True):
    """One federation only; and first what came after entry `after` (the header Last-Event-ID goes before it)."""

    federation: Annotated[str, msgspec.Meta(max_length=200)] = ""
    after: _Id = 0
