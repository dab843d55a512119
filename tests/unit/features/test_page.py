"""The catalogue is complete and the page says what it says."""

from pathlib import Path

from trader.features import COLUMNS, GROUPS, MODEL_INPUTS, catalogue, column_names
from trader.features.page import page


def test_the_page_is_written_from_the_catalogue() -> None:
    path = Path(__file__).parents[3] / "docs" / "features.md"
    assert path.read_text() == page(), "run: python -m trader.features.page > docs/features.md"


PROMISED = """
    higher_highs lower_lows pivot resistance_1 support_1 resistance_2 support_2 dist_to_resistance dist_to_support
    stochastic_k stochastic_d williams_r roc_5 roc_10 roc_20 momentum_10 momentum_20 rsi_7 rsi_14 rsi_21
    macd macd_signal macd_hist sma_dist_20 ema_dist_21 return_1 return_5 return_15 return_60
    atr_7 atr_14 atr_21 bb_ma bb_std bb_upper bb_lower bb_width bb_position kc_middle kc_upper kc_lower hist_vol_20
    obv obv_ma vpt ad_line mfi volume_ma_5 volume_ma_20 volume_oscillator obv_flow_20 vpt_flow_20 ad_flow_20
    adx plus_di minus_di aroon_up aroon_down aroon_oscillator sar rsi_15m ma_15m rsi_1h ma_1h
    spread_proxy price_impact tick_direction tick_persistence
    zscore_20 zscore_50 skew_20 kurt_20 hurst hurst_proxy is_doji is_hammer bullish_engulfing bearish_engulfing
    hour day_of_week is_market_open_hours hour_sin hour_cos day_sin day_cos hour_of_week
    parkinson_20 garman_klass_20 rogers_satchell_20 autocorr_1_30 variance_ratio_5_120 efficiency_10 drawdown_240
    profile_peak_share_120
    leader_return_1 beta_240 correlation_240 return_rank_15 volume_rank funding_rate
    book_spread book_imbalance_1 book_imbalance_5 book_imbalance_20 microprice_dev depth_slope
    order_flow_imbalance trade_flow_imbalance
"""


def test_the_names_that_people_and_other_programs_rely_on_exist() -> None:
    assert set(PROMISED.split()) <= set(column_names(groups=GROUPS))
    assert len(MODEL_INPUTS) >= 120


def test_every_column_is_described() -> None:
    assert len(set(COLUMNS)) == len(COLUMNS)
    assert set(MODEL_INPUTS) < set(COLUMNS)
    for entry in catalogue(groups=GROUPS):
        assert entry.formula, entry.name
        assert "state." not in entry.formula, entry.name
        assert entry.family, entry.name
        assert entry.unit, entry.name
        assert entry.source, entry.name
        assert entry.lookback >= 1, entry.name
        assert entry.range[0] < entry.range[1], entry.name
