"""An interrupted training finds its candles again; another training does not find them."""

from pathlib import Path

from trader.config.model import ModelSettings
from trader.config.schema import Settings
from trader.service.learning.session import begin, end

DAY = 86_400_000


def test_an_interrupted_training_keeps_its_end_and_its_folds(tmp_path: Path) -> None:
    assert begin(tmp_path, Settings(), 1_000) == 1_000
    (tmp_path / "fold.npy").touch()
    assert begin(tmp_path, Settings(), 5_000) == 1_000
    assert (tmp_path / "fold.npy").exists()
    end(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert begin(tmp_path, Settings(), 9_000) == 9_000


def test_other_settings_another_day_or_a_torn_file_begin_anew(tmp_path: Path) -> None:
    begin(tmp_path, Settings(), 1_000)
    (tmp_path / "fold.npy").touch()
    assert begin(tmp_path, Settings(model=ModelSettings(random_state=1)), 2_000) == 2_000
    assert not (tmp_path / "fold.npy").exists()
    assert begin(tmp_path, Settings(model=ModelSettings(random_state=1)), 2_000 + DAY) == 2_000 + DAY
    (tmp_path / "session.json").write_text('{"settings": "x"')
    assert begin(tmp_path, Settings(), 7_000) == 7_000
