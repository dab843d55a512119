"""The recording of a daemon that is killed: with the ledger it holds every input, but for what the break cost."""

import pytest
from sqlalchemy import text

from tests.scenario.conftest import MakeDaemon
from trader.adapters.ledger import ledger_path
from trader.adapters.parquet.recordings import Recording, holes
from trader.adapters.sql.database import open_for_reading
from trader.domain.events import BookUpdated, CandleClosed
from trader.service.process.places import recordings_path

pytestmark = pytest.mark.scenario


def test_ledger_and_recording_together_hold_every_number(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon({"mode": "paper", "execution": {"algorithm": "market"}, "recorder": {"enabled": True}})
    daemon.start()
    daemon.wait_for("fill.booked")
    assert daemon.status()["recorder"]["is_recording"]
    daemon.kill9()
    daemon.start()
    [broke] = daemon.wait_for("recorder.broke_off")
    daemon.wait_for("daemon.ready")
    daemon.wait_for("decision.made")
    assert daemon.terminate() == 0

    recording = Recording(recordings_path(daemon.settings))
    market = [event for day in recording.days() for event in recording.inputs(day)]
    with open_for_reading(ledger_path(daemon.settings)).connect() as connection:
        ours = [seq for (seq,) in connection.execute(text("select seq from inputs order by seq"))]
    numbers = sorted([event.seq for event in market] + ours)
    assert len(numbers) == len(set(numbers))  # none is given twice
    missing = [seq for hole in holes(numbers) for seq in range(hole.first, hole.last + 1)]
    assert all(seq > broke["after_seq"] for seq in missing)  # only what the break cost
    assert len(missing) == broke["missing"]
    assert [loss.count for loss in recording.losses()] == [None]
    kinds = {type(event) for event in market}
    assert {CandleClosed, BookUpdated} <= kinds
    for symbol in daemon.settings.exchange.symbols:
        assert any(True for day in recording.days() for _ in recording.trades(symbol, day))
