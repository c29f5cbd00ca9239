"""`budget`: what noise has cost of this node's privacy budget, and what is left."""

from __future__ import annotations

import click

from fedpeer.cli import frame, render
from fedpeer.node.shapes import Amount, Budget


@click.command(cls=frame.Command)
def budget() -> None:
    """Show the privacy budget of this node's data set: spent and left, over all federations."""
    frame.show(frame.client().budget(), _draw)


def _draw(told: Budget) -> None:
    if not told.dataset:
        render.say("this node declares no privacy budget: nothing leaves where a charter asks for noise")
        render.say("privacy.epsilon in the node's configuration declares one", "dim")
        return
    people = f"people of at most {render.count(told.person_rows, 'row')}"
    render.say(f"data set {told.dataset}, {people}, δ = {told.delta:.3g}", "bold")
    render.pairs([("spent", _amount(told.spent)), ("left", _amount(told.left)), ("in all", _amount(told.limit))])
    if told.charges:
        render.say()
        rows = ((render.moment(c.at), render.short(c.federation), render.real(c.rho, 3)) for c in told.charges)
        render.table(("WHEN", "FEDERATION", ">ρ"), rows)


def _amount(amount: Amount) -> str:
    return f"ε = {amount.epsilon:.4g} (ρ = {amount.rho:.3g})"
