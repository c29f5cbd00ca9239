"""Benches of sums whose addends nobody sees: rounds alone, and Flower's SecAgg+ and TenSEAL beside ours."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from circle import LAYOUT, PHASES, Circle, plain, random
from measure import compared, pairs, report

from fedpeer.adapters.cipher_ckks import LEAN, USUAL, CkksCipher
from fedpeer.core.federation.secure.terms import threshold
from fedpeer.core.statistics.residues import Block, Residues, integers
from fedpeer.plots.canvas import COLOURS, drawn, sheet

HERE = Path(__file__).resolve().parent
PICTURE = HERE.parent / "docs" / "pictures" / "secure.svg"
SIZES = (10, 50, 200, 1000)
FLOWER = ((10, 0), (10, 1), (10, 3), (50, 5))
LENGTH = 100_000
MICRO = 10**6  # entries are whole millionths, so that a sum can be right to the last digit


def bench_secure(*, smoke: bool = False) -> None:
    """Rounds of 10 to 1,000 peers with 100 features, a tenth of whom fall silent; drawn into docs/pictures."""
    found = {count: _round(count) for count in ((10, 50) if smoke else SIZES)}
    for count, told in found.items():
        client, collector = 1000 * sum(told["peer"].values()), 1000 * sum(told["collector"].values())
        out, into = (sum(told[way].values()) / 1000 for way in ("out", "into"))
        checked = 1000 * told["verified"] * told["verify"]
        print(f"secure round of {count:,} peers, {count // 10} gone", flush=True)
        print(f"    a peer: {client:.1f} ms, of which {checked:.1f} verify {told['verified']:.0f} signatures of others")
        print(f"    a peer: {out:.0f} kB out, {into:.0f} kB in; the collector: {collector:.0f} ms")
        lasted = f"{told['seconds']:.1f} s, {told['used']:.1f} s of processor time"
        print(f"    all of it in one process: {lasted}, {told['megabytes']:.0f} MB", flush=True)
    if not smoke:
        PICTURE.write_bytes(drawn(lambda: _figure(found), "svg"))


def _round(count: int) -> dict[str, Any]:
    command = [sys.executable, str(HERE / "circle.py"), str(count), str(count // 10)]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def _figure(found: Mapping[int, dict[str, Any]]) -> object:
    figure, every = sheet(3, columns=3, size=(3.4, 3.0))
    sizes = list(found)
    for axes, (told, unit, scale) in zip(
        every,
        (("peer", "ms of a peer", 1e3), ("bytes", "kB of a peer", 1e-3), ("collector", "ms of the collector", 1e3)),
        strict=True,
    ):
        for colour, phase in zip(COLOURS, PHASES, strict=False):
            values = [scale * _told(found[count], told, phase) for count in sizes]
            if any(values):
                axes.loglog(sizes, [value or np.nan for value in values], marker="o", color=colour, label=phase)
        axes.minorticks_off()
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_xlabel("peers")
        axes.set_ylabel(unit)
    figure.legend(*every[0].get_legend_handles_labels(), loc="outside right center")
    return figure


def _told(found: Mapping[str, Any], what: str, phase: str) -> float:
    return float(found["out"][phase] + found["into"][phase] if what == "bytes" else found[what][phase])


def bench_flower(*, smoke: bool = False) -> None:
    """Flower's SecAgg+ and ours on the same vectors, in turn: processor seconds of a client and of the collector."""
    length, cases, count = (1000, FLOWER[:1], 1) if smoke else (LENGTH, FLOWER, 3)
    values = _values(length, max(peers for peers, _ in cases))
    with tempfile.TemporaryDirectory() as folder, _flower(Path(folder), smoke=smoke) as theirs:
        np.save(Path(folder) / "vectors.npy", values / MICRO)
        for peers, gone in cases:
            request = {"peers": peers, "gone": gone, "threshold": threshold(peers), "path": f"{folder}/vectors.npy"}
            rows = [(_ours(values[:peers], gone), theirs(request)) for _ in range(count)]
            what = f"secure sum of {peers} x {length:,}, {gone} gone | Flower's SecAgg+: "
            for side, part in enumerate(("client", "server")):
                measured = compared([(mine[side], other[part]) for mine, other in rows])
                report(what + ("a client" if part == "client" else "the collector"), measured, "<= 0.1x")
            within, error = (max(other[name] for _, other in rows) for name in ("within", "error"))
            print(
                f"    largest error of the sum: ours 0; theirs {within:.2g} where nothing is clipped, else {error:.2g}"
            )


def _values(length: int, peers: int) -> np.ndarray:
    """Millionths from −6 to 6, and a hundredth of the entries to ±12, which Flower's default range of ±8 clips."""
    rng = np.random.default_rng(1)
    values = rng.integers(-6 * MICRO, 6 * MICRO, (peers, length))
    values[:, ::100] *= 2
    return values


def _ours(values: np.ndarray, gone: int) -> tuple[float, float]:
    """Processor seconds of a client, from floats on, and of the collector; RuntimeError if the sum is not exact."""
    layout = (Block("vector", values.shape[1], 1),)
    floats, begun = values / MICRO, time.process_time()
    encoded = [Residues(layout, (np.rint(each * MICRO).astype(np.int64).view(np.uint64)[:, None],)) for each in floats]
    encoding = (time.process_time() - begun) / len(values)
    circle = Circle(layout, encoded, gone)
    if integers(circle.run().parts[0]) != values[: len(values) - gone].sum(axis=0).tolist():
        raise RuntimeError("the opened sum is not the plain sum")
    told = circle.cost.told
    return encoding + sum(told["peer"].values()), sum(told["collector"].values())


@contextmanager
def _flower(folder: Path, *, smoke: bool) -> Iterator[Callable[[dict[str, Any]], dict[str, float]]]:
    """Flower in an environment of its own, or a stand-in that knows nothing, where only our side is to be tried."""
    if smoke:
        yield lambda _: dict.fromkeys(("client", "server", "within", "error"), 1.0)
        return
    venv.create(folder / "flower", with_pip=True)
    python = str(folder / "flower" / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "flwr"], check=True)
    with subprocess.Popen(
        [python, str(HERE / "flower.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        process.stdout.readline()

        def ask(request: dict[str, Any]) -> dict[str, float]:
            process.stdin.write(json.dumps(request) + "\n")
            return dict(json.loads(process.stdout.readline()))

        yield ask
        process.stdin.close()


def bench_ckks(*, smoke: bool = False) -> None:
    """A vector encrypted, ten added, and their sum opened, exactly; beside bare TenSEAL on as many floats."""
    for layout in [(Block("few", 50, 2),)] if smoke else [LAYOUT, (Block("vector", LENGTH, 1),)]:
        count = sum(block.entries for block in layout)
        vectors = random(layout, 10)
        for parameters, name in ((LEAN, "lean"), (USUAL, "usual"))[: 1 if smoke else 2]:
            ours, theirs = _Ours(layout, parameters, vectors), _Bare(count)
            for step in ("encrypt", "add", "decrypt"):
                measured = pairs(getattr(ours, step), getattr(theirs, step), 1 if smoke else 3)
                report(f"ckks, {name}: {step} {count:,} x {64 * layout[0].limbs} bits | bare TenSEAL", measured, "-")
            if ours.decrypt() != plain(vectors):
                raise RuntimeError("the opened sum is not the plain sum")
            off = max(abs(found - 10 * told) for found, told in zip(theirs.decrypt(), theirs.floats, strict=True))
            sizes = f"{len(ours.made) / 1e6:.1f} MB, {sum(map(len, theirs.made)) / 1e6:.1f} MB"
            print(f"    a ciphertext: {sizes}; largest error of the sum: 0, {off:.1g}", flush=True)


class _Ours:
    """The port's cipher, with a disposable process for every step."""

    def __init__(self, layout: tuple[Block, ...], parameters: tuple[int, ...], vectors: list[Residues]) -> None:
        self.cipher = CkksCipher(layout, 10, parameters=parameters)
        self.secret = self.cipher.generate(b"")
        self.public = self.cipher.public(self.secret)
        self.vector = vectors[0]
        self.every = [self.cipher.encrypt(self.public, each, b"") for each in vectors]
        self.made, self.total = self.every[0], self.cipher.add(self.public, self.every)

    def encrypt(self) -> None:
        """One vector."""
        self.made = self.cipher.encrypt(self.public, self.vector, b"")

    def add(self) -> None:
        """Ten ciphertexts."""
        self.total = self.cipher.add(self.public, self.every)

    def decrypt(self) -> Residues:
        """The sum."""
        return self.cipher.decrypt(self.secret, self.total, 10)


class _Bare:
    """TenSEAL alone with the field's usual parameters, from floats to bytes and back, in this process."""

    def __init__(self, count: int) -> None:
        import tenseal  # noqa: PLC0415  an extra

        self.library = tenseal
        self.context = tenseal.context(tenseal.SCHEME_TYPE.CKKS, USUAL[0], coeff_mod_bit_sizes=list(USUAL[1:]))
        self.context.global_scale = 2.0**40
        self.floats = np.random.default_rng(1).uniform(-8, 8, count).tolist()
        self.encrypt()
        self.add()

    def encrypt(self) -> None:
        """One vector, in as many ciphertexts as it takes."""
        slots = USUAL[0] // 2
        chunks = [self.floats[at : at + slots] for at in range(0, len(self.floats), slots)]
        self.made = [self.library.ckks_vector(self.context, chunk).serialize() for chunk in chunks]

    def add(self) -> None:
        """Ten ciphertexts, each read anew."""
        totals = self._read(self.made)
        for _ in range(9):
            totals = [a + b for a, b in zip(totals, self._read(self.made), strict=True)]
        self.total = [each.serialize() for each in totals]

    def decrypt(self) -> list[float]:
        """The sum."""
        return [value for each in self._read(self.total) for value in each.decrypt()]

    def _read(self, parts: list[bytes]) -> list[Any]:
        return [self.library.ckks_vector_from(self.context, part) for part in parts]
