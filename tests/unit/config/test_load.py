"""Every mistake in the configuration gives one line: where, what was given, what is allowed."""

from pathlib import Path

import pytest

from trader.config.load import load
from trader.config.schema import Settings
from trader.domain.errors import Misconfigured
from trader.domain.signals import Regime

WRONG: list[tuple[str, str]] = [
    ("mode: papr\n", '{file}:1: mode: given "papr"; allowed: paper or live'),
    ("", "{file}: is empty; write at least `mode: paper`, or leave the file out for the defaults"),
    ("# nothing\n", "{file}: is empty; write at least `mode: paper`, or leave the file out for the defaults"),
    ("- a\n", "{file}: holds \"['a']\"; allowed: blocks of `key: value`"),
    ("mode: paper\nmode: live\n", "{file}:2: mode is already set in line 1; keep one"),
    (
        "exchange:\n\tid: x\n",
        "{file}:2:1: not readable as YAML: found character '\\t' that cannot start any token "
        "(tabs are not allowed, use spaces)",
    ),
    (
        "exchange: [1\n",
        "{file}:2:1: not readable as YAML: expected ',' or ']', but got '<stream end>'",
    ),
    (
        "mode: \x00",
        "{file}: not readable as YAML: unacceptable character #x0000: special characters are not allowed",
    ),
    ("a: &a\n  b: *a\n", "{file}:1: is nested more than 10 deep"),
    ("exchange:\n  simbols: [A]\n", "{file}:2: exchange.simbols: unknown key; did you mean symbols?"),
    (
        "symbols:\n  SOL/USDT: {sizing: {cap_frac: 2}}\n",
        "{file}:2: symbols.SOL/USDT.sizing.cap_frac: given 2; allowed: a number from 0 to 1",
    ),
    (
        "symbols:\n  SOL/USDT: {execution: {algo: limit}}\n",
        "{file}:2: symbols.SOL/USDT.execution.algo: unknown key; did you mean algorithm?",
    ),
    (
        "symbols:\n  SOL/USDT: {risk: {daily_loss_frac: 0.5}}\n",
        "{file}:2: symbols.SOL/USDT.risk.daily_loss_frac: is the same for all symbols; set risk.daily_loss_frac",
    ),
    (
        "symbols:\n  SOL/USDT: {market: {}}\n",
        "{file}:2: symbols.SOL/USDT.market: is the same for all symbols; set market",
    ),
    (
        "symbols:\n  DOGE/USDT: {}\n",
        "{file}:1: symbols: given DOGE/USDT; allowed: BTC/USDT, ETH/USDT, BNB/USDT, SOL/USDT, XRP/USDT",
    ),
    (
        "symbols:\n  SOL/USDT: {strategy: {low_volatility: 0.7}}\n",
        "{file}: symbols.SOL/USDT.strategy: low_volatility must be below high_volatility",
    ),
    ("timeframe: 5m\n", "{file}:1: timeframe: unknown key; did you mean market.timeframe?"),
    (
        "storage:\n  colour: 5m\n",
        "{file}:2: storage.colour: unknown key; allowed here: state_dir",
    ),
    (
        "exchange:\n  symbols: BTC/USDT\n",
        '{file}:2: exchange.symbols: given "BTC/USDT"; allowed: a list of texts',
    ),
    ("exchange:\n  symbols: [1]\n", "{file}:2: exchange.symbols.0: given 1; allowed: a list of texts"),
    (
        "exchange:\n  symbols: []\n",
        "{file}:1: exchange: symbols is empty; name at least one, for example BTC/USDT",
    ),
    (
        "storage:\n",
        "{file}:1: storage: given null; allowed: a block with state_dir",
    ),
    (
        "exchange:\n  endpoint: https://api.example.com\n",
        "{file}:1: exchange: endpoint 'https://api.example.com' must be https://127.0.0.1:PORT "
        "(a simulator on this machine)",
    ),
    ("sandbox:\n  speed: 1000\n", "{file}:2: sandbox.speed: given 1000; allowed: a number from 1 to 600"),
    ("sandbox:\n  speed: yes\n", "{file}:2: sandbox.speed: given true; allowed: a number from 1 to 600"),
    ("sandbox:\n  speed: '5'\n", '{file}:2: sandbox.speed: given "5"; allowed: a number from 1 to 600'),
    ("risk:\n  stop_atr: .inf\n", "{file}:2: risk.stop_atr: given Infinity; allowed: a number above 0"),
    (
        "model:\n  horizon_candles: 1.5\n",
        "{file}:2: model.horizon_candles: given 1.5; allowed: a whole number from 1 to 500",
    ),
    (
        "market:\n  timeframe: 7x\n",
        "{file}:1: market: timeframe '7x' is not a number followed by s, m, h or d (for example 15m)",
    ),
    (
        "mode: live\nexchange:\n  id: binance\n",
        "{file}: model.gate: warn is allowed only in paper or with a loopback endpoint; set enforce",
    ),
    (
        "strategy:\n  regimes:\n    bull:\n      size_multiplier: 1\n",
        "{file}:3: strategy.regimes.bull: unknown key; allowed here: bull_trend, bear_trend, range_bound, "
        "high_volatility, low_volatility",
    ),
    (
        "strategy:\n  regimes:\n    bull_trend:\n      bias: up\n",
        '{file}:4: strategy.regimes.bull_trend.bias: given "up"; allowed: long, short, mean_reversion, '
        "neutral or breakout",
    ),
    (
        "strategy:\n  regimes:\n    bull_trend:\n      confirmations: [macd]\n",
        '{file}:4: strategy.regimes.bull_trend.confirmations.0: given "macd"; allowed: a list of ma_crossover, '
        "rsi_dip, rsi_peak, rsi_extreme, bollinger_extreme, breakout, squeeze, volume, volume_spike, atr_expansion",
    ),
    ("log:\n  file: 5\n", "{file}:2: log.file: given 5; allowed: a path or null"),
]


@pytest.mark.parametrize(("text", "line"), WRONG, ids=[repr(text)[:40] for text, _ in WRONG])
def test_a_wrong_file_is_told_in_one_line(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(Misconfigured) as error:
        load(path, environ={})
    assert str(error.value) == line.format(file=path)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("sizing:\n  cap_frac: 2\n  floor_frac: -1\nmode: demo\n")
    with pytest.raises(Misconfigured) as error:
        load(path, environ={})
    assert str(error.value).splitlines() == [
        f'{path}:4: mode: given "demo"; allowed: paper or live',
        f"{path}:3: sizing.floor_frac: given -1; allowed: a number from 0 to 1",
        f"{path}:2: sizing.cap_frac: given 2; allowed: a number from 0 to 1",
    ]


def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("exchange:\n  api_key: hunter2hunter2\n  apiSecret: hunter2hunter2\n")
    with pytest.raises(Misconfigured) as error:
        load(path, environ={})
    assert "hunter2" not in str(error.value)
    assert str(error.value).count("secrets do not belong in a configuration file; set TRADER_API_KEY") == 2


def test_missing_file_directory_and_binary(tmp_path: Path) -> None:
    binary = tmp_path / "b.yaml"
    binary.write_bytes(b"mode: \xff\xfe")
    for path, words in (
        (tmp_path / "none.yaml", "no such file"),
        (tmp_path, "is a directory; name a YAML file"),
        (binary, "byte 6 is not UTF-8 text"),
    ):
        with pytest.raises(Misconfigured) as error:
            load(path, environ={})
        assert str(error.value).startswith(f"{path}: ")
        assert words in str(error.value)


def test_later_sources_win(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("exchange:\n  id: okx\n  market: perpetual\nsandbox:\n  seed: 1\n")
    environ = {"TRADER__EXCHANGE__ID": "bybit", "TRADER__EXCHANGE__SYMBOLS": "BTC/USDT, ETH/USDT", "PATH": "/bin"}
    settings = load(path, {"sandbox": {"seed": 9}}, environ)
    assert settings.exchange.id == "bybit"
    assert settings.exchange.market == "perpetual"
    assert settings.exchange.symbols == ("BTC/USDT:USDT", "ETH/USDT:USDT")  # what they are called at a perpetual market
    assert settings.sandbox.seed == 9
    assert settings.sandbox.speed == Settings().sandbox.speed


def test_no_file_gives_the_defaults() -> None:
    assert load(None, environ={}) == Settings()


def test_one_key_of_one_regime_can_be_changed_alone() -> None:
    settings = load(None, environ={"TRADER__STRATEGY__REGIMES__BULL_TREND__SIZE_MULTIPLIER": "2"})
    rule = settings.strategy.regimes[Regime.BULL_TREND]
    assert (rule.size_multiplier, rule.bias) == (2.0, "long")
    assert settings.strategy.regimes[Regime.BEAR_TREND] == Settings().strategy.regimes[Regime.BEAR_TREND]


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        (
            {"TRADER__MODE": "demo"},
            'environment variable TRADER__MODE: mode: given "demo"; allowed: paper or live',
        ),
        (
            {"TRADER__EXCHANGE__IDD": "x"},
            "environment variable TRADER__EXCHANGE__IDD: exchange.idd: unknown key; did you mean id?",
        ),
        (
            {"TRADER__MODE__X": "1"},
            'environment variable TRADER__MODE__X: mode: given {"x": 1}; allowed: paper or live',
        ),
        (
            {"TRADER____": "1"},
            "environment variable TRADER____: allowed: TRADER__SECTION__KEY, two underscores between",
        ),
    ],
)
def test_wrong_variables_are_named(environ: dict[str, str], line: str) -> None:
    with pytest.raises(Misconfigured) as error:
        load(None, environ=environ)
    assert str(error.value) == line


def test_a_wrong_option_of_the_command_line_is_named() -> None:
    with pytest.raises(
        Misconfigured, match=r"^command line: sandbox\.speed: given 0; allowed: a number from 1 to 600$"
    ):
        load(None, {"sandbox": {"speed": 0}}, {})


def test_knobs_of_before_are_read_as_they_were_meant(tmp_path: Path) -> None:
    """A copy of the file as it was shipped, and one of its own for a symbol."""
    path = tmp_path / "config.yaml"
    before = "trail_at_r: 4.0, take_profit_at_r: 2.0"
    path.write_text(f"risk: {{{before}}}\nsymbols: {{BTC/USDT: {{risk: {{trail_at_r: 5.0}}}}}}\n")
    settings = load(path, environ={})
    assert settings.risk.target_at_r == 4.0
    assert settings.for_symbol("BTC/USDT").risk.target_at_r == 5.0
    path.write_text(f"risk: {{{before}, target_at_r: 3.5}}\n")
    assert load(path, environ={}).risk.target_at_r == 3.5


@pytest.mark.parametrize(
    ("given", "is_real"),
    [
        ({"mode": "live", "model": {"gate": "enforce"}, "exchange": {"id": "binance"}}, True),
        ({"mode": "live", "exchange": {"id": "sandbox"}}, False),
        ({"mode": "live", "exchange": {"id": "binance", "endpoint": "https://127.0.0.1:9000"}}, False),
        ({"mode": "paper", "exchange": {"id": "binance"}}, False),
    ],
)
def test_money_is_real_where_orders_leave_this_machine(given: dict[str, object], is_real: bool) -> None:
    assert Settings.model_validate(given).is_real_money is is_real
