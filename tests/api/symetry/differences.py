"""How each endpoint differs from the reference, and why: the page of conformance says it beside what was tested."""

from __future__ import annotations

_SCHEMA = "a federation agrees on a schema before anyone counts, so `fed_schema` is needed"
_INVITE = "the string is a fedpeer invite, not a padded cipher: `passwd` has 16 characters or more"
_TRIED = "tried on this node's own rows too"
_VALID = "validated first, where the reference stores what it is given: an invalid one is 400 and changes nothing"
_SHOWN = "needs `data.roots`, as all that shows what may be in rows; nothing is counted. Files are `subject:messages`"
_ALONE = "of projects without a federation: {}"
_CHOICE = (
    "of mlr and lda, by an information criterion, or the expected AUC of two classes: stepwise (`selector_type_fw_bw`, "
    "until nothing improves), in the order of the inputs (`selector_type_simple`) or all subsets "
    "(`selector_type_brute`); nothing is drawn at random, so the other selectors are 400, and seeds and numbers of "
    "iterations without effect"
)

DIFFERENCES: dict[tuple[str, str], str] = {
    ("POST", "/fedml/create"): _SCHEMA,
    ("POST", "/fedml/createJoin"): "202 when the admin's node has not answered within 30 s; joining goes on",
    ("GET", "/fedml/{pid}/info"): (
        "`fed_secret_key` is empty: nobody can read the group's key; so are the `aws_` keys; `local_uuid` and the keys "
        "of `peersInfo` are fedpeer's ids, not six digits"
    ),
    ("POST", "/fedml/{pid}/getInvitation"): _INVITE,
    ("POST", "/fedml/{pid}/getEncrypted"): _INVITE,
    ("GET", "/fedml/{pid}/fullSyncRequest"): "also sends this node's own state if it is new",
    ("POST", "/fedml/{pid}/contractValidate"): _TRIED,
    ("POST", "/fedml/{pid}/psrContractValidate"): _TRIED,
    ("POST", "/fedml/{pid}/addContract"): _VALID,
    ("POST", "/fedml/{pid}/addPsrContract"): _VALID,
    ("GET", "/fedml/{pid}/getSyncLog"): "lines are in fedpeer's own words, and end in `name:[..] id:[..] time:..`",
    ("POST", "/fedml/{pid}/awsinfo"): "always 400: there is no AWS transport",
    ("POST", "/projects"): (
        "type `cpu` only; the schema is `sml_schema`, or that of the first rows; options that would change what is "
        "counted are 400"
    ),
    ("POST", "/projects/import"): 'the body is `{"string": base64}`; `pid` may be given',
    ("POST", "/projects/dataDrift"): (
        "`marginal_stat` is the standardised difference of means, `marginal_non_stat` Jensen and Shannon's distance, "
        "`driftScore` their mean; the other two metrics, whose formulas are not public, are 400"
    ),
    ("DELETE", "/projects/{pid}"): _ALONE.format("a federation is left, not deleted"),
    ("GET", "/projects/{pid}/save"): "does nothing, and says so: every change is on disk before it is answered",
    ("GET", "/projects/{pid}/unload"): "does nothing, and says so",
    ("GET", "/projects/{pid}/freeze"): _ALONE.format("a federation's pulse is stopped instead"),
    ("GET", "/projects/{pid}/unfreeze"): _ALONE.format("a federation's pulse is started instead"),
    ("GET", "/projects/{pid}/rename"): "a federation gets another name for this user only",
    ("GET", "/projects/{pid}/merge"): _ALONE.format("both must have one schema; the same rows twice need `force=true`"),
    ("GET", "/projects/{pid}/export"): _ALONE.format("what others gave is not ours to export"),
    ("POST", "/projects/{pid}/histogramEnable"): (
        "before the first rows only: values that were counted without bins are gone. Bins lie in the range of the "
        "first rows, and as far again on both sides; rows beyond are rejected"
    ),
    ("POST", "/projects/{pid}/learn"): (
        "the same rows again are 409 unless `force=true`; new attributes and new values of a T attribute are 409 in a "
        "federation, as a proposal that its admin accepts, and 400 elsewhere unless `grow=true`; S is left out unless "
        "the schema has it, L is refused; a row with a missing value is left out unless the schema says `missing: "
        "pairwise`"
    ),
    ("POST", "/projects/{pid}/forget"): (
        "rows must be in one batch; where several batches could have them, `batch` names it (`getDsLog` lists them)"
    ),
    ("GET", "/projects/{pid}/getDsLog"): "a StringList, a line a batch",
    ("GET", "/projects/{pid}/getLFStats"): "a KSVDMap of rows by client (`sym-client`) or source",
    ("POST", "/projects/{pid}/explore"): (
        "numbers are whole doubles, not four places; what is not defined is left out, and `undefined` says why; "
        "`bi` has no conditional variance for a second attribute that is not binary, as sums of squares of products "
        "are not kept; `uni` has no kurtosis, whose formula is not public"
    ),
    ("POST", "/projects/{pid}/vif"): "not regularised: collinear attributes are 400 instead of about 5000",
    ("POST", "/projects/{pid}/exploresvd"): "keys `svdVectors` and `svdValues`: the reference prints none",
    ("POST", "/projects/{pid}/exploresvdfs"): "a StringList of attributes, best first, and `svdValues`",
    ("POST", "/projects/{pid}/densityEstimate"): "`hist_min` and `hist_max` are 400: the bins are those of the schema",
    ("POST", "/projects/{pid}/conditionalDensityEstimate"): "continuous attributes by binary ones; `tps` is not read",
    ("POST", "/projects/{pid}/build"): (
        "always a job unless `async=false`; what needs rows (lr, kmeans, rf) is 400; classes are the values of "
        "one T attribute, not several binary targets or partitions; `mc` and `hmm` take T attributes of each row: the "
        "state, the state before and, for `hmm`, the symbol, as there are no sequence projects; options are fedpeer's "
        "(docs/models.md), `lambda` and `eta` too; of `matrix_use_pseudoinv` mlr has a meaning, and what else would "
        "change the numerics (`sml_rcond_use`, `clip_negative_predictions`) is 400; a `modelid` that is taken is 409"
    ),
    ("POST", "/projects/{pid}/selectModel"): _CHOICE,
    ("POST", "/projects/{pid}/autoSelect"): "as selectModel of mlr, or, for classes, of lda",
    ("POST", "/projects/{pid}/selectModel/{source}"): (
        "stepwise, in the order of the inputs, or all subsets of at most 12, as without a source; assessed by `auc`, "
        "`recall`, `precision`, `mcc`, `rmse`, `r2`, `mf1_w` or `mkappa`; penalties are tried if a grid is named, at "
        "powers of ten of its own"
    ),
    ("POST", "/projects/{pid}/autoSelect/{source}"): (
        "of mlr, ridge and elasticnet, or of lda, bayes and a ridge classifier, with penalties of the grid (tiny); "
        "searched and assessed as by selectModel"
    ),
    ("POST", "/projects/{pid}/reduce"): (
        "the reference's heuristic is not public: here inputs are left out one by one, the least missed first, while "
        "no more than `delta` (0.01) of tr W⁻¹B is lost in all, `numIterations` at most"
    ),
    ("GET", "/projects/{pid}/models/{model}"): "`extra` has a list by name, of means by class for classifiers",
    ("GET", "/projects/{pid}/models/{model}/code"): "`sql` and `python`, of every model that has them; no Java",
    ("GET", "/projects/{pid}/model/export"): "base64 of fedpeer's own form",
    ("POST", "/projects/{pid}/model/import"): 'the body is `{"string": base64}`, of fedpeer\'s own form',
    ("POST", "/projects/{pid}/predict/{model}"): (
        "a `dataframe` beside the `KSVSMap`; of lda `normZ` and `resU` are missing, whose formulas are not "
        "public; `Prob` is P of the second of two classes, or of the one chosen; for `mc` and `hmm` the rows are one "
        "sequence, and `seq.like` is how likely its states were up to a row, given the first"
    ),
    ("POST", "/projects/{pid}/learnpredict/{model}"): (
        "the rows are counted even if they were before; `keepColumns` is a list with commas, or `true` for all"
    ),
    ("WS", "/ws/learn"): (
        "a message has at most 1 MiB (`api.body_mib`); the address may be its path, and the last line's end be missing"
    ),
    ("POST", "/dss/create"): (
        "type `localfile` only: `info.path` is a file, folder or pattern that the node can read, `extra` as in "
        "docs/data.md; names are the node's. Databases are asked by the native API, other stores are not read"
    ),
    ("PUT", "/dss/{source}"): "404 if there is none",
    ("GET", "/dss/{source}/sample"): "up to 128 rows, below `data.roots` only, and nothing while that names none",
    ("POST", "/dss/sample/preview"): "below `data.roots` only, and nothing while that names none",
    ("POST", "/projects/dsbrowse"): "below `data.roots` only; without a path, these",
    ("GET", "/projects/{pid}/addds/{source}"): "does nothing: every project can learn from every source of its node",
    ("GET", "/projects/{pid}/detachds/{source}"): "does nothing: what was counted is taken out by `forget`",
    ("GET", "/projects/{pid}/dss/{source}/learn"): "of a project without a schema: 409, as its types are not said",
    ("POST", "/projects/{pid}/dss/{source}/learn"): (
        "a source is read under the schema: types in the body must be those; an attribute that it has not is 400 "
        "and no proposal, since `fedpeer schema propose` makes one of a source that its operator can review"
    ),
    ("POST", "/projects/{pid}/dss/{source}/forget"): (
        "a source is read under the schema: types in the body must be those"
    ),
    ("POST", "/projects/{pid}/streams/create"): (
        "type `nats` only: Kafka has no client here that could be tested with a real broker, `protobuf` is not read; "
        "one server in `nats_hosts`, whose subject must be kept by JetStream; `extra` as in docs/data.md (`columns` of "
        "CSV, by default the project's attributes in order); the project has a schema; `nats_sec_*` are kept sealed"
    ),
    ("GET", "/projects/{pid}/streams/{stream}/start"): (
        "each message is counted once, whatever is started when; with `fromBeginning` all of them again"
    ),
    ("POST", "/streams/browse"): _SHOWN,
    ("POST", "/streams/preview"): _SHOWN,
    ("POST", "/projects/{pid}/streams/browse"): _SHOWN,
    ("POST", "/projects/{pid}/streams/preview"): _SHOWN,
    ("GET", "/projects/{pid}/streams/{stream}/metrics"): (
        "keys `status`, `messages`, `rows_processed`, `rows_learned`, `rows_rejected`, `messages_unreadable`, "
        "`last_message_number`, `last_message_date`, `error`: the reference prints none"
    ),
    ("POST", "/projects/fusion/create"): (
        "a cell with an `sk` is refused: whoever fuses would hold every cell's key. Instead `cellsInvitations` has an "
        "invite for each, which its owner redeems with `createJoin`; `passwd` opens them. `fed_schema`, or "
        "`fed_schema_of`, a project that counts the same, is needed; the keys of `fedml/create` but for `nats_` are "
        "taken. A cell without a host is a federation of the caller's own, brought by a bridge; one at most"
    ),
    ("POST", "/projects/fusion/{pid}/cellsStatus"): (
        "of the cells that are named, of all without a body: invited, connected, last heard, removed, bridged"
    ),
    ("POST", "/projects/fusion/{pid}/updateCellsInfo"): (
        "invites cells that are new, and those whose invite is over (`passwd`); shuts out at once those not named"
    ),
    ("POST", "/projects/{pid}/dss/predict/{model}"): (
        "`outdsname` is a CSV file below `data.roots`; one that is there is 409 unless the node wrote it and "
        "`overwrite=true`. The body is not read, and the job has no `dataframe`: what is predicted is in the file"
    ),
    ("GET", "/jobs/{job}"): (
        "a failed job is 400 (409 for rows that were counted before) with its text; `jobId` is a text"
    ),
}
