"""The annotated files of tests/vectors/envelope: what must be accepted, and what refused at which step."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedpeer.core import errors
from fedpeer.core.envelope.contributions import accept, origin_of
from fedpeer.core.envelope.header import HEADER_SIZE, Mode
from fedpeer.core.envelope.invite import read as read_invite
from fedpeer.core.envelope.join import check_proof, open_request
from fedpeer.core.envelope.keys import Identity
from fedpeer.core.envelope.seal import open_direct, open_group, read, verify
from fedpeer.core.statistics.lineage import Lineage
from fedpeer.core.statistics.schema import Schema
from tests.support.contributions import CONTRIBUTIONS, written
from tests.support.letters import Letter, annotated

ROOT = Path(__file__).parents[2] / "vectors" / "envelope" / "v1"


def letters(folder: str) -> list[Letter]:
    found = [Letter.load(path) for path in sorted((ROOT / folder).glob("*.txt"))]
    assert any(letter.name.startswith("good") for letter in found)
    assert any(letter.name.startswith("bad") for letter in found)
    return found


def named(letter: Letter) -> str:
    return letter.name


def steps_of_a_message(letter: Letter) -> tuple[str, bytes]:
    """Take a message through all steps; what was raised, and at which step, or the content."""
    facts, step = letter.facts, "read"
    reader = Identity.from_secret(bytes.fromhex(facts["reader-secret"]))
    try:
        header = read(letter.body)
        step = "address"
        header.meant_for(facts["federation"], reader.peer, int(facts["now"]))
        step = "verify"
        verified = verify(letter.body, bytes.fromhex(facts["sign-key"]))
        step = "open"
        if header.mode == Mode.DIRECT:
            return step, open_direct(verified, reader)
        return step, open_group(verified, bytes.fromhex(facts["epoch-secret"]))
    except errors.RemoteError as error:
        return f"{type(error).__name__} at {step}", b""


@pytest.mark.parametrize("letter", letters("messages"), ids=named)
def test_messages(letter: Letter) -> None:
    assert (letter.facts["expect"] == "open") == letter.name.startswith("good")
    outcome, content = steps_of_a_message(letter)
    assert outcome == letter.facts["expect"]
    assert content.hex() == letter.facts.get("content", "")


@pytest.mark.parametrize("letter", [x for x in letters("messages") if x.name.startswith("good")], ids=named)
def test_the_annotations_are_those_of_the_layout(letter: Letter) -> None:
    text = (ROOT / "messages" / f"{letter.name}.txt").read_text(encoding="utf-8")
    assert text.endswith("\n\n" + annotated(letter.body))
    assert len(letter.body) > HEADER_SIZE


@pytest.mark.parametrize("letter", letters("requests"), ids=named)
def test_requests(letter: Letter) -> None:
    facts, step = letter.facts, "open"
    admin = Identity.from_secret(bytes.fromhex(facts["admin-secret"]))
    try:
        request = open_request(letter.body, admin, facts["federation"], facts["invite"])
        step = "proof"
        check_proof(request, bytes.fromhex(facts["verifier"]))
        outcome = request.card.name
    except errors.RemoteError as error:
        outcome = f"{type(error).__name__} at {step}"
    assert outcome == facts["expect"]


@pytest.mark.parametrize("letter", letters("contributions"), ids=named)
def test_contributions(letter: Letter) -> None:
    facts, lineage = letter.facts, Lineage((Schema.from_json(letter.facts["schema"]),))
    try:
        contribution, summary = accept(letter.body, bytes.fromhex(facts["sign-key"]), facts["federation"], lineage)
        outcome = str(contribution.serial)
        assert contribution.through == tuple(facts.get("through", "").split())
        assert (contribution.origin, summary.rows) == (origin_of(letter.body), 3)
    except errors.RemoteError as error:
        outcome = type(error).__name__
    assert outcome == facts["expect"]
    assert (outcome == "7") == letter.name.startswith("good")


def test_the_files_of_contributions_are_what_is_written_by_hand() -> None:
    kept = {
        letter.name: (CONTRIBUTIONS / f"{letter.name}.txt").read_text("utf-8") for letter in letters("contributions")
    }
    assert kept == written()


@pytest.mark.long
@pytest.mark.parametrize("path", sorted((ROOT / "invites").glob("*.txt")), ids=lambda path: path.stem)
def test_invites(path: Path) -> None:
    text = path.read_bytes().decode()
    facts = dict(line[2:].split(" ", 1) for line in text.splitlines() if line.startswith("@ "))
    if path.stem.startswith("good"):
        invitation = read_invite(text, facts["passphrase"], now=int(facts["now"]))
        assert invitation.federation_name == facts["expect"]
    else:
        with pytest.raises(errors.InviteError, match=facts["expect"]):
            read_invite(text, facts["passphrase"], now=int(facts["now"]))
