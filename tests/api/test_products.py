"""A federation whose schema has products and dates, through the API: posted, explored, fitted, predicted."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.support.served import CONTRACT, SCHEMA, Served, rows

FED = "/v1/federations/hearts"
MORE = [
    {"name": "admitted", "kind": "date", "min": "2000-01-01", "max": "2030-12-31"},
    {"name": "age_dose", "kind": "product", "of": ["age", "dose"], "resolution": "0.5"},
    {"name": "sick_dose", "kind": "product", "of": ["sick", "dose"]},
]


@pytest.fixture
async def counted(served: Served) -> tuple[Served, dict[str, list]]:
    """Rows of a federation with such a schema."""
    schema = SCHEMA | {"features": [*SCHEMA["features"], *MORE]}
    told = {"name": "hearts", "schema": schema, "contract": CONTRACT, "schedule": "d7", "profile": "relaxed"}
    await served.good("POST", "/v1/federations", told)
    posted = rows(60)
    posted["admitted"] = [str(dt.date(2024, 2, 20) + dt.timedelta(i % 19)) for i in range(60)]
    posted["admitted"][7] = "yesterday"
    job = await served.good("POST", f"{FED}/data/rows?wait=30", {"rows": posted})
    assert (job["state"], job["result"]["rejected"]) == ("done", {"admitted": {"unparsable": 1}})
    await served.good("POST", f"{FED}/sync")
    return served, {name: values[:7] + values[8:] for name, values in posted.items()}


async def test_products_and_dates_are_explored(counted: tuple[Served, dict[str, list]]) -> None:
    served, kept = counted
    told = (await served.good("POST", f"{FED}/explore", {}))["values"]["univariate"]
    days = [dt.date.fromisoformat(day).toordinal() for day in kept["admitted"]]
    assert told["admitted"]["mean_date"] == str(dt.date.fromordinal(round(sum(days) / len(days))))
    assert told["sick_dose"]["count"] == 59
    given = [dose if sick else 0 for sick, dose in zip(kept["sick"], kept["dose"], strict=True)]
    assert told["sick_dose"]["mean"] == pytest.approx(sum(given) / 59, rel=1e-12)


async def test_a_prediction_needs_the_factors_only(counted: tuple[Served, dict[str, list]]) -> None:
    served, _ = counted
    asked = {"kind": "ols", "target": "age", "features": ["dose", "sick_dose", "admitted"]}
    model = await served.good("POST", f"{FED}/models", asked)
    new = {"dose": [2.25, 1.0], "sick": [1, None], "admitted": ["2024-03-01T10:00", "2024-03-01"]}
    made = await served.good("POST", f"{FED}/models/{model['id']}/predict", {"rows": new})
    b = model["model"]["coefficients"]
    day = (dt.date(2024, 3, 1) - dt.date(1970, 1, 1)).days
    expected = b["intercept"] + (b["dose"] + b["sick_dose"]) * 2.25 + b["admitted"] * day
    assert made["values"] == [pytest.approx(expected, rel=1e-9), None]
    status, problem, _ = await served.ask("POST", f"{FED}/models/{model['id']}/predict", {"rows": {"dose": [1]}})
    assert (status, problem["code"]) == (422, "FP103")
