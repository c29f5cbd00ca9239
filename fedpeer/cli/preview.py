"""`preview`: what would leave this node if it pulsed now."""

from __future__ import annotations

import click

from fedpeer.cli import frame, render
from fedpeer.node.shapes import Preview, Ruled, Verdict

_SHOWN = 5
_OUTCOMES = {
    "sent": ("this node's summary would be sent", "green"),
    "called": ("this node's summary would go into a sum of several, which hides it", "green"),
    "unchanged": ("nothing would be sent: there is nothing new", ""),
    "empty": ("nothing would be sent: this node has no rows yet", ""),
    "refused": ("nothing would be sent: the contract refuses it", "bold red"),
    "withheld": ("nothing would be sent: the release rules withhold it", "bold red"),
}


@click.command(cls=frame.Command)
def preview() -> int:
    """Show what would leave this node if it pulsed now; nothing does.

    Exit code 3 when the contract would refuse it or a release rule withhold it.
    """
    client = frame.client()
    told = client.preview(frame.federation(client))
    frame.show(told, _draw)
    return frame.NO if told.outcome in ("refused", "withheld") else frame.DONE


def _draw(told: Preview) -> None:
    text, style = _OUTCOMES[told.outcome]
    render.say(f"{text} ({told.detail})" if told.outcome in ("refused", "withheld") else text, style)
    if told.sum_readers and told.signed_bytes:
        hidden = f"{render.count(told.rows, 'row')} in {told.signed_bytes:,} bytes, hidden from everybody"
        render.say(f"{hidden}; the sum is seen by {', '.join(told.sum_readers)}")
    elif told.signed_bytes:
        messages = f"{render.count(len(told.sealed_bytes), 'message')} of {sum(told.sealed_bytes):,} bytes in all"
        render.say(f"{render.count(told.rows, 'row')} in {told.signed_bytes:,} bytes, sealed into {messages}")
        render.say(f"readable by {', '.join(told.readers) or 'nobody else'}")
    if told.contract:
        render.say()
        heads = (">LINE", "CONTRACT", "MEASURED", "")
        render.table(
            heads, ((v.line, v.rule, _measured(v), render.mark(v.passed, "kept", "broken")) for v in told.contract)
        )
    render.say()
    shown = _telling(told.rules)
    render.table(
        ("RELEASE RULE", "MEASURED", "WHERE", ""),
        ((r.rule, r.measured, r.feature or "-", render.mark(r.passed, "kept", "broken")) for r in shown),
    )
    if more := len(told.rules) - len(shown):
        render.say(f"and {more} more, that are kept")
    _draw_told(told)


def _draw_told(told: Preview) -> None:
    render.say()
    for change in told.changes[:_SHOWN]:
        render.say(f"whoever kept {change.since} could learn {change.learned}")
    if len(told.changes) > _SHOWN:
        render.say(f"and {len(told.changes) - _SHOWN} earlier ones: see --json")
    if told.smallest_cell:
        render.say(f"the smallest group is {render.count(told.smallest_cell_rows, 'row')} where {told.smallest_cell}")
    if told.noise:
        sizes = ", ".join(f"{block} {render.real(size, 3)}" for block, size in told.noise.items())
        render.say(f"noise of these deviations, in rows of the largest value: {sizes}")
        left = f"{render.real(told.budget_left, 3)} of this node's privacy budget is left"
        render.say(f"it costs ρ = {render.real(told.noise_cost, 3)}, and {left} now")
    render.say(f"membership risk {render.real(told.membership_risk, 3)} (0.5 is a coin toss, 1 is certainty)")


def _telling(rules: list[Ruled]) -> list[Ruled]:
    """The rules that are broken, those of the release itself, and those of its difference from the last ones."""
    last = list(dict.fromkeys(rule.since for rule in rules))[: _SHOWN + 1]
    return [rule for rule in rules if not rule.passed or rule.since in last]


def _measured(verdict: Verdict) -> str:
    return ", ".join(f"{what} = {value}" for what, value in verdict.measured.items())
