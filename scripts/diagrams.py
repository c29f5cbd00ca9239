"""Draws the state diagrams of the documentation from the tables that the code runs on.

Between a line `<!-- drawn: NAME -->` and the next line `<!-- end -->` stands what this program writes. `--check` writes
nothing and exits with 1 if a page is not in step with its tables.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from fedpeer.core.federation.membership import INVITE, MEMBERSHIP
from fedpeer.core.federation.sealed.beneficiary import BENEFICIARY
from fedpeer.core.federation.sealed.contributor import CONTRIBUTOR as SEALED
from fedpeer.core.federation.sealed.coordinator import COORDINATOR
from fedpeer.core.federation.secure.collector import COLLECTOR
from fedpeer.core.federation.secure.contributor import CONTRIBUTOR
from fedpeer.core.machine import Machine

ROOT = Path(__file__).resolve().parents[1]
PAGES: Mapping[str, Mapping[str, Machine]] = {
    "docs/protocol/charter.md": {"membership": MEMBERSHIP, "invite": INVITE},
    "docs/protocol/sum-ciphers.md": {"beneficiary": BENEFICIARY, "contributor": SEALED, "coordinator": COORDINATOR},
    "docs/protocol/secure-sum.md": {"contributor": CONTRIBUTOR, "collector": COLLECTOR},
}

_PLACE = re.compile(r"<!-- drawn: (?P<name>\w+) -->\n.*?<!-- end -->\n", re.DOTALL)


def drawn(text: str, machines: Mapping[str, Machine]) -> str:
    """Return a page with every diagram drawn anew; ValueError unless each machine has exactly one place in it."""
    places = [match["name"] for match in _PLACE.finditer(text)]
    if sorted(places) != sorted(machines):
        raise ValueError(f"places for {', '.join(places) or 'nothing'}, and machines {', '.join(machines)}")
    return _PLACE.sub(lambda match: _diagram(match["name"], machines[match["name"]]), text)


def _diagram(name: str, machine: Machine) -> str:
    return f"<!-- drawn: {name} -->\n```mermaid\n{machine.diagram()}\n```\n<!-- end -->\n"


def main(arguments: list[str]) -> int:
    """Draw, or check; the exit code."""
    if arguments not in ([], ["--check"]):
        print("usage: python scripts/diagrams.py [--check]", file=sys.stderr)
        return 2
    stale = []
    for page, machines in PAGES.items():
        path = ROOT / page
        text = path.read_text("utf-8")
        if (fresh := drawn(text, machines)) != text:
            stale.append(page)
            if not arguments:
                path.write_text(fresh, "utf-8")
    for page in stale:
        print(f"{page} {'is not in step with its tables' if arguments else 'was drawn anew'}")
    return 1 if arguments and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
