"""What the pages say is so: commands and options, settings and log events that they name exist."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import trader
from trader.cli.application import app
from trader.config.describe import knobs
from trader.config.schema import Settings

ROOT = Path(trader.__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SOURCES = "\n".join(path.read_text() for path in Path(trader.__file__).parent.rglob("*.py"))


def command_lines(page: Path) -> Iterator[list[str]]:
    """The words after `trader` wherever a page shows a command: in a block, in a code span, behind a container."""
    is_block = False
    for line in page.read_text().splitlines():
        is_block ^= line.startswith("```")
        for span in [line] if is_block or line.startswith("    ") else re.findall(r"`([^`]+)`", line):
            for found in re.finditer(r"(?:^|[\s/])trader(?::full| trader)? +(?=[a-z])([^#`|]+)", span):
                yield re.split(r"\s{2,}", found[1].strip())[0].split()


def mistakes(words: list[str]) -> Iterator[str]:
    command: Any = get_command(app)
    while words and (inner := getattr(command, "commands", {}).get(words[0])) is not None:
        command, words = inner, words[1:]
    if command.name == "trader":
        yield f"no command {words[0]}"
    known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
    options = [word for word in words if word.startswith("-") and not word[1:2].isdigit()]  # -2h is a time
    yield from (f"{command.name} has no {word}" for word in options if word not in known)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_show_only_commands_and_options_that_exist(page: Path) -> None:
    assert [mistake for words in command_lines(page) for mistake in mistakes(words)] == []


def test_the_operators_page_shows_the_commands_an_operator_needs() -> None:
    shown = {words[0] for words in command_lines(ROOT / "docs" / "operations.md")}
    assert {"doctor", "health", "download", "status", "run", "pause", "resume", "flatten", "kill", "train"} <= shown


def named(page: Path) -> set[str]:
    """`two.words` in code spans: settings and log events."""
    return set(re.findall(r"`([a-z_]+\.[a-z_]+)(?:: [^`]*)?`", page.read_text()))


def is_event(words: str) -> bool:
    noun = words.partition(".")[0]
    return f'"{words}"' in SOURCES or f'f"{noun}.{{' in SOURCES


def test_the_operators_page_names_settings_and_events_that_exist() -> None:
    page = ROOT / "docs" / "operations.md"
    paths = {".".join(knob.path) for knob in knobs(Settings())}
    names = {name for name in named(page) - {"noun.verb"} if not name.endswith((".sqlite", ".jsonl", ".md", ".yaml"))}
    assert {"recorder.enabled", "log.file", "daemon.ready", "recorder.lost"} <= names
    assert sorted(name for name in names if name not in paths and not is_event(name)) == []


def test_each_decision_page_has_a_number_of_its_own_and_says_it() -> None:
    pages = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    assert [page.name for page in pages if not page.read_text().startswith(f"# {int(page.name[:4])}. ")] == []


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*PAGES, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs/decisions").glob("*.md"))]
    links = [
        (page, target) for page in pages for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text())
    ]
    assert links
    assert [f"{page.name}: {target}" for page, target in links if not (page.parent / target).exists()] == []
