"""What a model sees depends on its market, and is named by a hash that training and live agree on."""

import pytest
from pydantic import ValidationError

from trader.config.exchange import ExchangeSettings
from trader.config.model import ModelSettings
from trader.config.schema import Settings
from trader.features import FEATURE_SET_HASH, MODEL_INPUTS, FeatureSet, column_names

THREE = ("BTC/USDT", "ETH/USDT", "SOL/USDT")


def of(*symbols: str, market: str = "spot", **model: object) -> FeatureSet:
    exchange = ExchangeSettings.model_validate({"symbols": symbols, "market": market})
    return FeatureSet.of(Settings(exchange=exchange, model=ModelSettings.model_validate(model)))


@pytest.mark.parametrize(
    ("count", "market", "groups"),
    [
        (1, "spot", ()),
        (2, "spot", ("leader",)),
        (3, "spot", ("leader", "peers")),
        (1, "perpetual", ("funding",)),
        (3, "perpetual", ("leader", "funding", "peers")),
    ],
)
def test_a_market_has_the_groups_it_can_have(count: int, market: str, groups: tuple[str, ...]) -> None:
    one = of(*THREE[:count], market=market)
    assert one.groups == groups
    assert one.columns == column_names(groups=groups)
    assert one.inputs[: len(MODEL_INPUTS)] == MODEL_INPUTS
    assert (len(one.inputs) > len(MODEL_INPUTS)) == bool(groups)


def test_groups_are_chosen_and_come_in_catalogue_order() -> None:
    assert of(*THREE, feature_groups=("peers", "books", "leader")).groups == ("leader", "books", "peers")
    assert of(*THREE, feature_groups=()).groups == ()
    with pytest.raises(ValidationError, match=r"'leader', 'funding', 'books'.* or 'peers'"):
        of(*THREE, feature_groups=("moon",))


def test_another_leader_or_other_peers_are_other_features_and_their_order_is_not() -> None:
    one = of(*THREE)
    assert one.hash == of(THREE[0], THREE[2], THREE[1]).hash
    alone = of(*THREE, feature_groups=("leader",))
    others = [of(*reversed(THREE)), of(*THREE, "XRP/USDT"), alone]
    assert len({one.hash, *(other.hash for other in others)}) == 4
    assert alone.hash == of(*THREE[:2]).hash  # with a leader only, the others do not matter


def test_without_groups_it_is_the_hash_of_the_catalogue() -> None:
    assert of(*THREE, feature_groups=()).hash == of("DOGE/USDT").hash == FEATURE_SET_HASH
