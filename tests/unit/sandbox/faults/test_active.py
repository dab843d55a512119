"""Faults as data and the book that is kept of them: what acts, how often, for how long."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.kit.idle_time import network_passes
from trader.domain.errors import Misconfigured
from trader.sandbox.faults.active import Faults
from trader.sandbox.faults.kinds import (
    KINDS,
    AccountGap,
    Delist,
    DropSockets,
    DuplicateUpdates,
    ErrorAnswer,
    Fault,
    ReorderUpdates,
    Silence,
    SkipUpdates,
    ThinBook,
    TruncatedBody,
    fault_from,
)
from trader.sandbox.server.options import SandboxOptions
from trader.sandbox.server.status import decode, encode


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "gremlins"}, "fault kind 'gremlins': allowed are error, drop_answer, "),
        ({}, "fault kind None: allowed are "),
        ("silence", "fault kind 'silence': allowed are "),
        ({"kind": "silence", "secnds": 3}, "fault silence has no secnds: allowed are stream, for_s"),
        ({"kind": "delist"}, "missing required field `symbol`"),
        ({"kind": "error", "status": 200}, ">= 400"),
        ({"kind": "error", "next": -1}, ">= 0"),
        ({"kind": "error", "next": "two"}, "Expected `int`"),
        ({"kind": "thin_book", "share": 1.5}, "<= 1"),
        ({"kind": "refuse_connections", "for_s": 0}, "> 0"),
        ({"kind": "filters_changed", "symbol": "BTC/USDT", "price_tick": "-1"}, "must be above 0"),
    ],
)
def test_what_is_no_fault_is_refused_naming_what_is_allowed(given: Any, said: str) -> None:
    with pytest.raises(Misconfigured, match="fault") as refused:
        fault_from(given)
    assert said in str(refused.value)


def test_every_kind_survives_json_and_the_options_file(tmp_path: Path) -> None:
    needed = {"symbol": "BTC/USDT", "skew_ms": 5}
    faults = []
    for kind, shape in KINDS.items():
        wanted = {field.name: needed[field.name] for field in msgspec.structs.fields(shape) if field.required}
        fault = fault_from({"kind": kind, **wanted})
        assert type(fault) is shape
        assert fault_from(msgspec.json.decode(msgspec.json.encode(fault))) == fault
        faults.append(fault)
    options = SandboxOptions(directory=tmp_path, faults=tuple(faults))
    assert decode(encode(options), SandboxOptions) == options


async def test_a_request_fault_hits_what_it_names_as_often_as_it_says() -> None:
    faults = Faults()
    active = faults.begin(ErrorAnswer(path="/order", method="POST", containing="side=BUY", next=2))
    for method, path, text in (
        ("GET", "/api/v3/order", "side=BUY"),
        ("POST", "/api/v3/account", "side=BUY"),
        ("POST", "/api/v3/order", "side=SELL"),
    ):
        assert faults.for_request(method, path, text) is None
    hit = [faults.for_request("POST", "/api/v3/order", "side=BUY") for _ in range(3)]
    assert hit == [active.fault, active.fault, None]
    assert (active.acted, active.is_active) == (2, False)


async def test_the_first_of_two_faults_acts_until_it_is_used_up() -> None:
    faults = Faults()
    first, second = faults.begin(TruncatedBody()), faults.begin(ErrorAnswer(next=0))
    found = [faults.for_request("GET", "/x", "") for _ in range(3)]
    assert found == [first.fault, second.fault, second.fault]
    faults.clear()
    assert faults.for_request("GET", "/x", "") is None
    assert [entry["acted"] for entry in faults.listing()] == [1, 2]


def sent(faults: Faults, stream: str, count: int, first: int = 0) -> list[object]:
    return [frame for number in range(first, first + count) for frame in faults.frames(stream, number)]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (SkipUpdates(next=2), [2, 3, 4]),
        (DuplicateUpdates(next=2), [0, 0, 1, 1, 2, 3, 4]),
        (ReorderUpdates(next=2), [1, 0, 3, 2, 4]),
        (Silence(), []),
        (SkipUpdates(stream="ethusdt"), [0, 1, 2, 3, 4]),
        (AccountGap(next=0), [0, 1, 2, 3, 4]),
        (Delist(symbol="BTC/USDT"), []),
        (Delist(symbol="ETH/USDT"), [0, 1, 2, 3, 4]),
        (Delist(symbol="BTC/USDT:USDT"), [0, 1, 2, 3, 4]),
        (ErrorAnswer(next=0), [0, 1, 2, 3, 4]),
    ],
)
async def test_what_becomes_of_a_stream(fault: Fault, expected: list[object]) -> None:
    faults = Faults()
    faults.begin(fault)
    assert sent(faults, "btcusdt@depth@100ms", 5) == expected


async def test_streams_are_reordered_each_for_itself() -> None:
    faults = Faults()
    faults.begin(ReorderUpdates(next=0))
    told = [*faults.frames("a@depth", 1), *faults.frames("b@depth", 2), *faults.frames("a@depth", 3)]
    assert told == [3, 1]
    assert list(faults.frames("b@depth", 4)) == [4, 2]


async def test_a_perpetual_that_ends_silences_its_own_streams() -> None:
    faults = Faults()
    faults.begin(Delist(symbol="BTC/USDT:USDT"))
    assert sent(faults, "usdm/btcusdt@depth", 2) == []
    assert sent(faults, "usdm/ethusdt@depth", 2) == [0, 1]


async def test_stream_faults_combine() -> None:
    faults = Faults()
    faults.begin(DuplicateUpdates(next=0))
    faults.begin(SkipUpdates(next=3))
    assert sent(faults, "x@depth", 3) == [1, 2, 2]


async def test_the_account_has_a_stream_of_its_own() -> None:
    faults = Faults()
    gap = faults.begin(AccountGap(next=2))
    assert sent(faults, "btcusdt@trade", 2) == [0, 1]
    assert [sent(faults, name, 1, 5) for name in ("account", "usdm/account", "account")] == [[], [], [5]]
    assert gap.acted == 2
    faults.begin(Silence(stream="account"))
    assert sent(faults, "account", 1) == []
    assert sent(faults, "btcusdt@trade", 1) == [0]


@pytest.mark.idle_time
async def test_a_fault_with_a_time_ends_by_itself() -> None:
    faults = Faults()
    active = faults.begin(Silence(for_s=0.05))
    assert sent(faults, "x", 1) == []
    await network_passes(0.06)
    assert not active.is_active
    assert sent(faults, "x", 1) == [0]


async def test_symbols_are_halted_and_thinned_by_name() -> None:
    faults = Faults()
    assert not faults.is_halted("BTC/USDT")
    faults.begin(Delist(symbol="BTC/USDT"))
    faults.begin(ThinBook(symbol="ETH/USDT", share=0.25))
    assert (faults.is_halted("BTC/USDT"), faults.is_halted("ETH/USDT")) == (True, False)
    assert (faults.share("ETH/USDT"), faults.share("BTC/USDT")) == (0.25, 1.0)
    assert faults.refuses_order("BTC/USDT")
    assert [entry["acted"] for entry in faults.listing()] == [1, 0]
    faults.begin(ThinBook(share=0.5))
    assert faults.share("SOL/USDT") == 0.5


class Recorded:
    """Effects that only remember."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    def begin(self, fault: Fault) -> int:
        self.calls.append(("begin", type(fault).__name__))
        if isinstance(fault, Delist):
            raise Misconfigured("no such symbol")
        return 7

    def end(self, fault: Fault) -> None:
        self.calls.append(("end", type(fault).__name__))


async def test_effects_begin_and_end_once_and_a_refused_fault_never_was() -> None:
    faults, effects = Faults(), Recorded()
    faults.effects = effects
    cut = faults.begin(DropSockets())
    assert (cut.acted, cut.is_active) == (7, False)  # done at once
    silent = faults.begin(Silence())
    for _ in range(2):
        faults.end(silent)
    with pytest.raises(Misconfigured):
        faults.begin(Delist(symbol="XXX/USDT"))
    assert effects.calls == [
        ("begin", "DropSockets"), ("end", "DropSockets"), ("begin", "Silence"), ("end", "Silence"), ("begin", "Delist"),
    ]  # fmt: skip
    assert [entry["kind"] for entry in faults.listing()] == ["drop_sockets", "silence"]
    assert faults.end_numbered("2")
    assert not faults.end_numbered("9")
