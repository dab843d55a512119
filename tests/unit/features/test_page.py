"""The catalogue is complete and the page says what it says."""

from pathlib import Path

from trader.features import CATALOGUE, COLUMNS, MODEL_INPUTS
from trader.features.page import page


def test_the_page_is_written_from_the_catalogue() -> None:
    path = Path(__file__).parents[3] / "docs" / "features.md"
    assert path.read_text() == page(), "run: python -m trader.features.page > docs/features.md"


def test_every_column_is_described() -> None:
    assert len(set(COLUMNS)) == len(COLUMNS)
    assert set(MODEL_INPUTS) < set(COLUMNS)
    for entry in CATALOGUE:
        assert entry.formula, entry.name
        assert entry.lookback >= 1, entry.name
        assert entry.range[0] < entry.range[1], entry.name
