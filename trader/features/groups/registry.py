"""Every optional group of features, in the order their columns follow the base columns.

A new group is an entry here; `adapters/observations` has a file for each source it names, and `model.feature_groups`
its name. Everything else (streams, batch, masks, training data, the feature hash, the page) goes by the entry.
"""

from collections.abc import Iterable
from typing import TypeVar

from trader.domain.errors import Misconfigured
from trader.domain.market import Book, Trade
from trader.domain.units import MINUTE_MS
from trader.features.groups import cross_section, funding, leader, order_book
from trader.features.groups.as_of import as_of
from trader.features.groups.book_stream import BookStream, book_matrix
from trader.features.groups.group import Among, Beside, Group, How, Told, always

H = TypeVar("H", bound=How)

LEADER = Group(
    name="leader",
    columns=tuple(leader.COLUMNS.features),
    how=Beside(),
    is_there=lambda _settings, symbols: len(symbols) > 1,
    about="is the first of `exchange.symbols`; its candle is joined by the time it closes.",
)

FUNDING = Group(
    name="funding",
    columns=tuple(funding.COLUMNS.features),
    how=as_of(
        funding.write,
        len(funding.COLUMNS.features),
        sources=(funding.SOURCE,),
        keeps=funding.REMEMBERED,
        lookback_ms=funding.LOOKBACK_MS,
        stale_ms=None,  # its age is a column
    ),
    is_there=lambda settings, _symbols: settings.exchange.market == "perpetual",
    about=f"counts as known {funding.KNOWN_AFTER_MS // MINUTE_MS} minutes after it settled, when the exchange's "
    "history has it:\n  live and recorded alike.",
)

BOOKS = Group(
    name="books",
    columns=tuple(order_book.COLUMNS.features),
    how=Told(begin=BookStream, matrix=book_matrix, hears=frozenset({Book, Trade})),
    is_there=always,
    about="come from books and trades as they arrived, live or recorded.",
    compile_kernels=order_book.compile_kernels,
)

PEERS = Group(
    name="peers",
    columns=tuple(cross_section.COLUMNS.features),
    how=Among(looked_at=cross_section.LOOKED_AT, compare=cross_section.cross_section),
    is_there=lambda _settings, symbols: len(symbols) >= cross_section.FEWEST,
    about="compares all of `exchange.symbols` at the same close.",
    compile_kernels=cross_section.compile_kernels,
)

REGISTRY: tuple[Group, ...] = (LEADER, FUNDING, BOOKS, PEERS)
"""Those made beside the leader first, those made among all symbols last: rows are put together in this order."""


def names() -> tuple[str, ...]:
    """Of all groups, in catalogue order."""
    return tuple(group.name for group in REGISTRY)


def chosen(wanted: Iterable[str]) -> tuple[Group, ...]:
    """The groups called `wanted`, in catalogue order; raises `Misconfigured` for one that does not exist."""
    wanted = tuple(wanted)
    unknown = [name for name in wanted if name not in names()]
    if unknown:
        raise Misconfigured(f"feature groups {', '.join(unknown)} do not exist; allowed: {', '.join(names())}")
    return tuple(group for group in REGISTRY if group.name in wanted)


def from_candles() -> tuple[str, ...]:
    """The groups that are made from nothing but candles."""
    return tuple(group.name for group in REGISTRY if not isinstance(group.how, Told))


def made(how: type[H], wanted: Iterable[str]) -> list[tuple[Group, H]]:
    """Those of the groups called `wanted` that are made in that way, with how."""
    return [(group, group.how) for group in chosen(wanted) if isinstance(group.how, how)]
