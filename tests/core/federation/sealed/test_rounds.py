"""Rounds under a cipher: what is opened is the plain sum of those who pledged to it, or nothing is opened."""

import random

import pytest

from fedpeer.core.canonical import decode, encode
from fedpeer.core.errors import MismatchError, OutsiderError, RemoteError
from fedpeer.core.federation.sealed import beneficiary, contributor, coordinator, seat
from fedpeer.core.federation.sealed.beneficiary import Waiting
from fedpeer.core.federation.sealed.conclusion import Conclusion, conclude
from fedpeer.core.federation.sealed.contributor import Encrypting, Part, Pledged
from fedpeer.core.federation.sealed.coordinator import Adding, Gathering, Summed
from fedpeer.core.federation.sealed.documents import Added, Closed, Key, Pledge, Word, load_digest, read, sign
from fedpeer.core.federation.sealed.seat import Early, answered, hear
from fedpeer.core.federation.sealed.work import Add, Failed, Generate, Unfit
from fedpeer.core.federation.secure.documents import Said
from fedpeer.core.privacy.cipher import Ciphertext
from fedpeer.core.statistics.residues import Residues
from fedpeer.node.computing import compute
from tests.support import sealed
from tests.support.ciphers import NearCkks, PlainCipher, SmallPaillier
from tests.support.flips import flipped
from tests.support.rounds import LAYOUT, identity, plain
from tests.support.sealed import WAIT_S, Simulated


@pytest.mark.parametrize("count", [3, 4, 5, 9])
@pytest.mark.parametrize("scheme", ["paillier", "ckks"])
def test_the_opened_sum_is_the_plain_sum(scheme: str, count: int) -> None:
    simulated = Simulated(sealed.terms(count, scheme=scheme))
    simulated.begin()
    simulated.run()
    assert simulated.opened == [plain(list(simulated.vectors.values()))]
    assert simulated.refused == []
    assert len(simulated.concluded[0].versions) == count


def test_the_opened_sum_is_shown_under_ckks_and_the_beneficiarys_alone_under_paillier() -> None:
    for scheme, shown in (("paillier", False), ("ckks", True)):
        simulated = Simulated(sealed.terms(scheme=scheme))
        simulated.begin()
        simulated.run()
        kept, told = simulated.concluded
        assert kept.total == simulated.plain()
        assert told.total == (simulated.plain() if shown else None)
        assert kept.versions == told.versions
        assert kept.transcript == told.transcript
        assert (simulated.plain().to_bytes() in encode(simulated.ended.told)) is shown


@pytest.mark.parametrize("cipher", [lambda: SmallPaillier(LAYOUT, 5), lambda: NearCkks(LAYOUT, 5)])
def test_a_round_under_a_real_cipher(cipher) -> None:
    pytest.importorskip("tenseal")
    simulated = Simulated(sealed.terms(3), cipher=cipher())
    simulated.begin()
    simulated.run()
    assert simulated.opened == [plain(list(simulated.vectors.values()))]


def _fate(loss: float):
    def fate(rng: random.Random) -> str:
        return rng.choices(["ok", "drop", "twice", "late"], [1 - loss, loss / 3, loss / 3, loss / 3])[0]

    return fate


def _one(seed: int) -> str:
    rng = random.Random(seed)
    simulated = Simulated(sealed.terms(rng.choice([3, 4, 6]), seed), seed, _fate(rng.choice([0.0, 0.2, 0.6])))
    deaths = sorted(rng.randrange(40) for _ in range(rng.choice([0, 0, 1, 2])))
    steps = 0

    def hook(s: Simulated) -> None:
        nonlocal steps
        steps += 1
        if deaths and steps > deaths[0]:
            deaths.pop(0)
            s.absent.add(rng.choice(sorted(s.terms.signers)))

    simulated.begin()
    simulated.run(hook=hook)
    assert len(simulated.opened) <= 1
    if simulated.opened:
        assert simulated.opened == [simulated.plain()]
        assert len(simulated.concluded[0].versions) >= simulated.terms.enough
    return "opened" if simulated.opened else "unopened"


@pytest.mark.long
def test_rounds_under_loss_and_death_open_the_plain_sum_or_nothing() -> None:
    outcomes = [_one(seed) for seed in range(60)]
    assert 60 > outcomes.count("opened") > 30


def test_too_few_are_waited_for_and_enough_are_not_waited_for_long() -> None:
    for absent, opened in ((1, 1), (2, 0)):
        simulated = Simulated(sealed.terms(5))
        simulated.absent = set(simulated.terms.contributors[:absent])
        simulated.begin()
        simulated.run(until=WAIT_S - 1)
        assert simulated.opened == []
        simulated.run(until=WAIT_S + 5)
        assert len(simulated.opened) == opened
    assert isinstance(simulated.states[simulated.terms.coordinator], Gathering)
    simulated.absent = set()
    simulated.states |= dict.fromkeys(simulated.terms.contributors[:2])
    for peer in simulated.terms.contributors[:2]:
        simulated.deliver(peer, simulated.states[simulated.terms.beneficiary].said)
    simulated.run()
    assert len(simulated.concluded[0].versions) == 4  # as soon as one more has come


def until(part: str, kind: type, count: int = 4, cipher=None) -> Simulated:
    """A round that runs until this part is in this state."""
    simulated = Simulated(sealed.terms(count), **({"cipher": cipher} if cipher else {}))
    simulated.begin()

    class _StopError(Exception):
        pass

    def hook(s: Simulated) -> None:
        if isinstance(s.states.get(getattr(s.terms, part)), kind):
            raise _StopError

    with pytest.raises(_StopError):
        simulated.run(hook=hook)
    return simulated


def gathering(count: int = 4) -> tuple[Simulated, Gathering, dict]:
    """A coordinator that has heard the key and no pledge, and the pledges."""
    simulated = Simulated(sealed.terms(count))
    simulated.begin()
    own = simulated.own(simulated.terms.coordinator)
    secret = simulated.cipher.generate(bytes(32))
    public = simulated.cipher.public(secret)
    key = Word(sign(Key(simulated.terms.id, b"", load_digest(public)), identity(0)), public)
    words = {}
    for peer in simulated.terms.contributors:
        part = Part(simulated.vectors[peer], bytes(32))
        state, task = contributor.encrypt(simulated.own(peer), key, part)
        words[peer] = contributor.pledge(state, simulated.cipher.encrypt(task.public, task.vector, task.seed)).said
    return simulated, coordinator.gather(own, key, 0.0, WAIT_S), words


def test_one_pledge_of_each_is_taken_and_another_is_refused() -> None:
    simulated, state, words = gathering()
    peer, word = next(iter(words.items()))
    once = coordinator.take(state, word)
    assert coordinator.take(once, word) is once
    ciphertext = simulated.cipher.encrypt(state.public, Residues.zero(LAYOUT), bytes(32))
    document = read(word.document, simulated.terms, Pledge).document
    other = Pledge(document.round, document.after, load_digest(ciphertext), b"2")
    with pytest.raises(MismatchError, match="two different things"):
        coordinator.take(once, Word(sign(other, simulated.identities[peer]), ciphertext))


def test_a_pledge_of_a_sum_is_refused() -> None:
    simulated, state, words = gathering()
    peer, word = next(iter(words.items()))
    double = simulated.cipher.add(state.public, [word.load, word.load])
    document = read(word.document, simulated.terms, Pledge).document
    false = Pledge(document.round, document.after, load_digest(double), b"1")
    with pytest.raises(MismatchError, match="the sum of several"):
        coordinator.take(state, Word(sign(false, simulated.identities[peer]), double))
    assert decode(double, Ciphertext).addends == 2


def test_what_cannot_be_added_is_left_out_and_its_author_named() -> None:
    simulated, state, words = gathering(5)
    bad, *_ = simulated.terms.contributors
    for peer, word in words.items():
        state = coordinator.take(state, damaged(simulated, peer, word) if peer == bad else word)
    move = seat.advance(state, 0.0)
    assert isinstance(move.task, Add)
    answer = compute(simulated.cipher, move.task)
    assert answer == Unfit((0,))
    move = answered(move.state, answer, 0.0)
    assert bad in move.reason
    assert isinstance(move.state, Adding)
    assert bad not in coordinator.versions(move.state)
    assert coordinator.take(move.state.gathering, damaged(simulated, bad, words[bad])) is move.state.gathering
    expected = plain([simulated.vectors[p] for p in simulated.terms.contributors if p != bad])
    secret = simulated.cipher.generate(bytes(32))
    assert simulated.cipher.decrypt(secret, compute(simulated.cipher, move.task), 4) == expected


def damaged(simulated: Simulated, peer, word: Word) -> Word:
    """The same pledge, signed by its author, of a ciphertext of another key."""
    found = decode(word.load, Ciphertext)
    load = encode(Ciphertext(found.terms, bytes(32), 1, found.parts))
    document = read(word.document, simulated.terms, Pledge).document
    return Word(sign(Pledge(document.round, document.after, load_digest(load), b"1"), simulated.identities[peer]), load)


def test_under_one_key_there_is_one_sum() -> None:
    simulated = until("coordinator", Summed)
    state = simulated.states[simulated.terms.coordinator]
    _, _, words = gathering()
    late = next(iter(words.values()))
    assert hear(state, late, 100.0, WAIT_S).state is state
    assert seat.advance(state, 100.0).task is None


def test_one_sum_is_opened_and_another_of_the_same_round_is_refused() -> None:
    simulated = until("coordinator", Summed)
    said = simulated.states[simulated.terms.coordinator].said
    waiting = simulated.states[simulated.terms.beneficiary]
    opening = hear(waiting, said, 0.0, WAIT_S)
    assert hear(opening.state, said, 0.0, WAIT_S).task is None
    document = read(said.document, simulated.terms, Added).document
    fewer = Added(document.round, document.after, document.ciphertext, document.pledges[:-1])
    other = Word(sign(fewer, identity(1)), said.load)
    with pytest.raises(MismatchError, match="two sums"):
        hear(opening.state, other, 0.0, WAIT_S)


def test_a_sum_of_too_few_of_strangers_or_out_of_order_is_not_opened() -> None:
    simulated = until("coordinator", Summed)
    said = simulated.states[simulated.terms.coordinator].said
    waiting = simulated.states[simulated.terms.beneficiary]
    document = read(said.document, simulated.terms, Added).document
    few = document.pledges
    for pledges in (few[:2], few[::-1], (*few[:3], few[2]), (*few[:3], sign(Closed(b"", b""), identity(0)))):
        false = Added(document.round, document.after, document.ciphertext, pledges)
        with pytest.raises(RemoteError):
            hear(waiting, Word(sign(false, identity(1)), said.load), 0.0, WAIT_S)


def test_a_second_key_for_one_round_is_refused_and_the_first_again_is_not() -> None:
    simulated = until("beneficiary", Waiting)
    first = simulated.states[simulated.terms.beneficiary].said
    peer = simulated.terms.contributors[0]
    state, _ = contributor.encrypt(simulated.own(peer), first, Part(simulated.vectors[peer], bytes(32)))
    assert hear(state, first, 0.0, WAIT_S).state is state
    public = simulated.cipher.public(simulated.cipher.generate(b"x" * 32))
    second = Word(sign(Key(simulated.terms.id, b"", load_digest(public)), identity(0)), public)
    for at in (state, contributor.pledge(state, b"c")):
        with pytest.raises(MismatchError, match="two keys"):
            hear(at, second, 0.0, WAIT_S)


def test_whoever_has_answered_a_key_answers_it_again_and_those_who_have_not_are_reminded() -> None:
    simulated, state, words = gathering()
    peer, other, *_ = simulated.terms.contributors
    state = coordinator.take(state, words[peer])
    reminded = dict(seat.reminders(state))
    assert set(reminded) == set(simulated.terms.contributors) - {peer}
    part = Part(simulated.vectors[other], bytes(32))
    encrypting, _ = contributor.encrypt(simulated.own(other), reminded[other], part)
    assert hear(encrypting, reminded[other], 0.0, WAIT_S).word is None
    pledged = contributor.pledge(encrypting, words[other].load)
    assert hear(pledged, reminded[other], 0.0, WAIT_S).word == words[other]
    summed = until("coordinator", Summed)
    waiting = summed.states[summed.terms.beneficiary]
    ((to, word),) = seat.reminders(waiting)
    assert to == summed.terms.coordinator
    state = summed.states[to]
    assert hear(state, word, 0.0, WAIT_S).word == state.said


def test_the_same_vector_has_the_same_version_and_nobody_else_can_compute_it() -> None:
    one, two = Residues.zero(LAYOUT), sealed.vector(random.Random(1))
    versions = {contributor.version(identity(i), vector) for i in (0, 1) for vector in (one, two, one)}
    assert len(versions) == 4


def test_a_coordinator_keeps_what_comes_before_the_key() -> None:
    simulated, state, words = gathering()
    early = Early(state.own)
    for word in words.values():
        early = hear(early, word, 0.0, WAIT_S).state
    key = Word(state.key.data, state.public)
    move = hear(early, key, 0.0, WAIT_S)
    assert isinstance(move.task, Add)
    assert len(move.task.ciphertexts) == 4


def test_each_says_what_is_its_part_and_nothing_else() -> None:
    simulated = until("coordinator", Summed)
    terms = simulated.terms
    said = simulated.states[terms.coordinator].said
    for word, kind, right in (
        (Word(simulated.states[terms.beneficiary].key.data), Key, 0),
        (said, Added, 1),
    ):
        document = read(word.document, terms, kind).document
        for wrong in {0, 1, 2} - {right}:
            with pytest.raises(OutsiderError):
                read(sign(document, identity(wrong)), terms, kind)
        with pytest.raises(OutsiderError):
            read(sign(document, identity(99)), terms, kind)
        with pytest.raises(MismatchError, match="another round"):
            read(word.document, sealed.terms(attempt=1), kind)
    with pytest.raises(OutsiderError):
        beneficiary.begin(simulated.own(terms.coordinator), bytes(32))
    key = simulated.states[terms.beneficiary].said
    with pytest.raises(OutsiderError):
        contributor.encrypt(simulated.own(terms.coordinator), key, Part(Residues.zero(LAYOUT), bytes(32)))


def test_a_document_is_no_document_of_another_kind() -> None:
    simulated = until("beneficiary", Waiting)
    said = decode(simulated.states[simulated.terms.beneficiary].said.document, Said)
    for kind in ("closed", "opened", "added", "advert"):
        with pytest.raises(RemoteError):
            hear(Early(simulated.own(simulated.terms.coordinator)), Word(encode(Said(kind, *said_rest(said)))), 0, 1)


def said_rest(said: Said) -> tuple:
    return said.author, said.body, said.signature


@pytest.mark.parametrize("kind", ["key", "pledge", "added"])
def test_a_word_with_one_bit_changed_is_refused(kind: str) -> None:
    simulated = until("coordinator", Summed)
    terms, rng = simulated.terms, random.Random(kind)
    peer = terms.contributors[0]
    _, gather, words = gathering()
    word, act = {
        "key": (
            simulated.states[terms.beneficiary].said,
            lambda w: contributor.encrypt(simulated.own(peer), w, Part(simulated.vectors[peer], bytes(32))),
        ),
        "pledge": (words[peer], lambda w: coordinator.take(gather, w)),
        "added": (
            simulated.states[terms.coordinator].said,
            lambda w: hear(simulated.states[terms.beneficiary], w, 0.0, WAIT_S),
        ),
    }[kind]
    act(word)
    for _ in range(60):
        for part in ("document", "load"):
            data = getattr(word, part)
            wrong = flipped(data, rng.randrange(8 * len(data)))
            with pytest.raises(RemoteError):
                act(Word(wrong, word.load) if part == "document" else Word(word.document, wrong))
    for cut in (b"", word.document[:-1], word.document + b"\0", rng.randbytes(40)):
        with pytest.raises(RemoteError):
            act(Word(cut, word.load))


@pytest.mark.parametrize("scheme", ["paillier", "ckks"])
def test_a_conclusion_with_one_bit_changed_is_refused(scheme: str) -> None:
    simulated = Simulated(sealed.terms(scheme=scheme))
    simulated.begin()
    simulated.run()
    rng = random.Random(scheme)
    for conclusion in (simulated.ended.kept, simulated.ended.told):
        for part in ("key", "added", "end"):
            value = getattr(conclusion, part)
            for _ in range(30):
                form = {name: getattr(conclusion, name) for name in Conclusion.__struct_fields__}
                wrong = flipped(value, rng.randrange(8 * len(value)))
                with pytest.raises(RemoteError):
                    conclude(simulated.terms, Conclusion(**form | {part: wrong}))


def test_an_end_of_another_course_of_the_round_is_refused() -> None:
    one, two = (Simulated(sealed.terms(scheme="ckks"), seed) for seed in (1, 2))
    for simulated in (one, two):
        simulated.begin()
        simulated.run()
    kept = one.ended.kept
    with pytest.raises(MismatchError, match="another course"):
        conclude(one.terms, Conclusion(kept.round, kept.key, kept.added, two.ended.kept.end))
    with pytest.raises(MismatchError, match="another course"):
        conclude(one.terms, Conclusion(kept.round, two.ended.kept.key, kept.added, kept.end))


def test_a_pledge_to_another_key_is_refused_where_the_chain_is_checked(monkeypatch) -> None:
    simulated, state, words = gathering()
    word = next(iter(words.values()))
    other = Key(simulated.terms.id, b"", bytes(32))
    elsewhere = Gathering(state.own, read(sign(other, identity(0)), simulated.terms, Key), state.public, 0.0, 1.0)
    with pytest.raises(MismatchError, match="another course"):
        coordinator.take(elsewhere, word)
    monkeypatch.setattr(coordinator, "after", lambda heard, before: heard)
    assert coordinator.take(elsewhere, word).gathered


def test_what_is_beside_a_document_is_held_to_it(monkeypatch) -> None:
    _, state, words = gathering()
    one, two = list(words.values())[:2]
    with pytest.raises(MismatchError, match="not what it names"):
        coordinator.take(state, Word(one.document, two.load))
    monkeypatch.setattr(coordinator, "check_load", lambda load, named: load)
    assert coordinator.take(state, Word(one.document, two.load)).gathered


def test_a_failed_computation_ends_a_part_and_says_why() -> None:
    simulated = until("coordinator", Adding)
    move = answered(simulated.states[simulated.terms.coordinator], Failed("it broke"), 0.0)
    assert move == seat.Move(None, reason="it broke")


def test_nothing_secret_is_shown() -> None:
    simulated = until("beneficiary", Waiting)
    waiting = simulated.states[simulated.terms.beneficiary]
    peer = simulated.terms.contributors[0]
    state, task = contributor.encrypt(simulated.own(peer), waiting.said, Part(simulated.vectors[peer], b"s" * 32))
    assert isinstance(state, Encrypting)
    assert repr(waiting.secret) not in repr(waiting)
    assert repr(simulated.vectors[peer]) not in repr(task)
    assert repr(b"s" * 32) not in repr(task)
    assert isinstance(contributor.pledge(state, b"c"), Pledged)


class _Broken(PlainCipher):
    def generate(self, seed: bytes) -> bytes:
        raise ZeroDivisionError(f"secret {seed!r}")


def test_a_bug_in_a_cipher_says_nothing_of_what_it_computed(caplog) -> None:
    answer = compute(_Broken(LAYOUT, 3), Generate(b"k" * 32))
    assert answer == Failed("an internal error")
    assert "kkk" not in caplog.text
    assert "generate" in caplog.text


def test_a_terms_circle_is_of_enough_contributors_each_once_in_order() -> None:
    terms = sealed.terms(4)
    a, b, c, d = terms.contributors
    terms.check_circle((a, b, d))
    for wrong in ((b, a, c), (a, a, b), (a, b, terms.beneficiary), (a, b)):
        with pytest.raises(MismatchError):
            terms.check_circle(wrong)
    assert [sealed.terms(count).enough for count in (3, 4, 5, 6, 10)] == [3, 3, 4, 5, 7]
