"""The registry of groups: one entry says everything, and everything it names exists."""

from pathlib import Path
from typing import get_args

import pytest

from tests.kit.feeds import HandFeed
from trader.adapters.observations import live_source, recorded_source
from trader.config.model import ModelSettings
from trader.config.schema import Settings
from trader.features import GROUPS, catalogue
from trader.features.groups.group import Among, Beside, Group, Told
from trader.features.groups.registry import REGISTRY, from_candles

SOURCES = [(group, source) for group in REGISTRY if isinstance(group.how, Told) for source in group.how.sources]


def test_the_configuration_allows_exactly_the_groups_that_there_are() -> None:
    allowed = ModelSettings.model_fields["feature_groups"].annotation
    assert set(get_args(get_args(allowed)[0])) == set(GROUPS)


def test_rows_are_put_together_in_catalogue_order() -> None:
    order = [(Beside, Told, Among).index(type(group.how)) for group in REGISTRY]
    assert order == sorted(order)


@pytest.mark.parametrize("group", REGISTRY, ids=lambda group: group.name)
def test_columns_name_their_group_once(group: Group) -> None:
    assert {column.group for column in group.columns} == {group.name}
    names = [column.name for column in catalogue(groups=GROUPS)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("group", "source"), SOURCES, ids=lambda one: getattr(one, "name", one))
def test_every_source_has_its_file(group: Group, source: str, tmp_path: Path) -> None:
    for made in (live_source(source, HandFeed({}), Settings()), recorded_source(source, tmp_path)):
        assert made.name == source
        assert 0 <= made.after_ms < made.every_ms
    assert isinstance(group.how, Told)
    assert not group.how.hears  # made from observations or from market events, not from both


def test_groups_made_from_candles_need_nothing_told() -> None:
    assert from_candles() == ("leader", "peers")
