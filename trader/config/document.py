"""`config.yaml` and `docs/config.md`, written from the schema: `python -m trader.config.document [--check]`."""

import json
import sys
import textwrap
from enum import Enum
from pathlib import Path
from typing import Any

import yaml

from trader.config.describe import Knob, allowed, knobs
from trader.config.schema import Settings
from trader.config.section import Section

_WIDTH = 110
_FIRST_REGIME = next(iter(Settings().strategy.regimes)).value
_YAML_HEAD = """\
# Every knob of trader, with its default. Written from trader/config/ by
# `python -m trader.config.document`; the same as a table with ranges is docs/config.md.
# A line may be left out: its default counts. TRADER__SECTION__KEY in the environment wins over this file.
# API keys never stand here: TRADER_API_KEY, TRADER_API_SECRET, TRADER_API_PASSWORD in the environment, or the
# same names with _FILE for a file that holds the value.
#
# To a real exchange on paper, without keys:  exchange.id: binance
# To real orders:  mode: live, model.gate: enforce, API keys in the environment, and a model that passes the gate.
"""
_MARKDOWN_HEAD = """\
# Configuration

<!-- Written by `python -m trader.config.document` from trader/config/. Do not edit. -->

`trader run --config FILE` reads one YAML file; without the option it reads `config.yaml` of the working directory
if there is one, else the defaults below. Later wins:

1. the defaults of this page
2. the file
3. environment variables: `TRADER__SECTION__KEY`, for example `TRADER__EXCHANGE__ID=binance` or
   `TRADER__EXCHANGE__SYMBOLS=BTC/USDT,ETH/USDT`

Unknown keys, repeated keys, wrong types and values out of range are refused at start, all at once, one line each,
with exit code 2. Durations say in their description whether they count market time (what the exchange's clock shows;
in an accelerated sandbox it runs faster) or real time.

## Secrets

They are never read from this file and never written to logs, errors or the ledger.

| variable | what |
|---|---|
| `TRADER_API_KEY`, `TRADER_API_SECRET` | the account at a real exchange |
| `TRADER_API_PASSWORD` | passphrase, where the exchange wants one |
| `TRADER_SANDBOX_API_KEY`, `TRADER_SANDBOX_API_SECRET` | the account at a simulator on this machine |

Each may instead be given as `<NAME>_FILE`, the path of a file that holds the value. With a simulator on this machine
(`exchange.id: sandbox`, or `exchange.endpoint` set) only the `TRADER_SANDBOX_` names are read, and the start is refused
while the others are set. RSA keys are refused: signing with one takes 120 ms a request.
"""


def render_yaml() -> str:
    """The shipped `config.yaml`."""
    lines = [_YAML_HEAD.rstrip()]
    for knob in knobs(Settings()):
        indent = "  " * (len(knob.path) - 1)
        if len(knob.path) == 1:
            lines.append("")
        comment = _comment_of(knob)
        if comment:
            lines += textwrap.wrap(comment, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")
        lines.append(f"{indent}{knob.path[-1]}:" + ("" if knob.is_block else f" {yaml_value(knob.default)}"))
    return "\n".join(lines) + "\n"


def render_markdown() -> str:
    """`docs/config.md`."""
    lines = [_MARKDOWN_HEAD.rstrip()]
    blocks: dict[str, list[str]] = {}
    for knob in knobs(Settings()):
        if knob.field is None or knob.path[:2] == ("strategy", "regimes"):
            continue  # a table of its own
        section = knob.path[0] if len(knob.path) > 1 or knob.is_block else ""
        rows = blocks.setdefault(section, [])
        if not knob.is_block:
            rows.append(_row(knob))
    for section, rows in blocks.items():
        lines += ["", f"## `{section}`" if section else "## Top level", ""]
        note = _about(getattr(Settings(), section)) if section else ""
        lines += [note, ""] if note else []
        lines += ["| key | default | allowed | what it does |", "|---|---|---|---|", *rows]
    return "\n".join([*lines, "", *_regime_table()]) + "\n"


def _row(knob: Knob) -> str:
    assert knob.field is not None
    name, default = f"`{knob.path[-1]}`", f"`{yaml_value(knob.default)}`"
    cells = (name, default, allowed(knob.field), _plain(knob.field.description))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _regime_table() -> list[str]:
    regimes = Settings().strategy.regimes
    keys = list(type(next(iter(regimes.values()))).model_fields)
    lines = ["## `strategy.regimes`", "", "What each regime of the market trades, and how.", ""]
    lines += ["| regime | " + " | ".join(f"`{key}`" for key in keys) + " |", "|---" * (len(keys) + 1) + "|"]
    for name, rule in regimes.items():
        cells = [f"`{yaml_value(getattr(rule, key))}`" for key in keys]
        lines.append("| " + " | ".join([f"`{name.value}`", *cells]) + " |")
    lines += ["", "| key | allowed | what it does |", "|---|---|---|"]
    for key, field in type(next(iter(regimes.values()))).model_fields.items():
        lines.append(f"| `{key}` | {allowed(field)} | {_plain(field.description)} |")
    return lines


def yaml_value(value: Any) -> str:
    """A default as it stands in the file: `null`, `60.0`, `[BTC/USDT, ETH/USDT]`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(yaml_value(item) for item in value) + "]"
    if isinstance(value, Enum):
        return yaml_value(value.value)
    if value == {}:
        return "{}"
    if isinstance(value, int | float):
        return f"{value:.1f}" if isinstance(value, float) and value.is_integer() else repr(value)
    text = str(value)
    return text if yaml.safe_load(text) == text and not set(text) & set(",[]{}") else json.dumps(text)


def _comment_of(knob: Knob) -> str:
    if knob.path[:2] == ("strategy", "regimes") and knob.path[2:3] not in ((), (_FIRST_REGIME,)):
        return ""  # said once, at the first regime
    if knob.field is None:
        return ""
    return _plain(knob.field.description) or (_about(knob.default) if isinstance(knob.default, Section) else "")


def _about(block: Section) -> str:
    """The block's own docstring; empty when it has none (then it shows its parent's)."""
    own = type(block).__dict__.get("__doc__")
    return _plain(own)


def _plain(text: str | None) -> str:
    return " ".join((text or "").split())


def main(arguments: list[str]) -> int:
    """Write both files, or with `--check` say which differ (exit code 1)."""
    root = Path(__file__).resolve().parents[2]
    stale = 0
    for path, text in ((root / "config.yaml", render_yaml()), (root / "docs" / "config.md", render_markdown())):
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
            stale -= 1
        sys.stderr.write(f"{path.name}: {'differs from the schema' if '--check' in arguments else 'written'}\n")
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
