"""Columns of a Parquet file as arrays."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trader.domain.errors import Misconfigured

Columns = Mapping[str, NDArray[Any]]
NO_NUMBER = -1  # in a column of integers, where the file has nothing


def optional_columns(path: Path, names: Sequence[str], optional: Sequence[str] = ()) -> Columns | None:
    """Like `read_columns`; None where there is no such file, or nothing in it."""
    if not path.exists():
        return None
    columns = read_columns(path, names, optional)
    return columns if len(columns[names[0]]) else None


def read_columns(path: Path, names: Sequence[str], optional: Sequence[str] = ()) -> Columns:
    """The named columns, and those of `optional` that are there. Raises `Misconfigured` for a file without them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        there = pq.read_schema(path).names
        table = pq.read_table(path, columns=[*names, *(name for name in optional if name in there)])
        columns = {name: _array(table[name].combine_chunks()) for name in table.column_names}
        missing = [name for name in names if name not in columns]
    except (pa.ArrowException, OSError, KeyError) as error:
        raise Misconfigured(f"{path} cannot be read as part of a recorded book: {error}") from error
    if missing:
        raise Misconfigured(f"{path} is no part of a recorded book: it has no column {', '.join(missing)}")
    return columns


def _array(column: Any) -> NDArray[Any]:
    import pyarrow as pa

    if pa.types.is_integer(column.type):
        return np.asarray(column.fill_null(NO_NUMBER).cast(pa.int64()).to_numpy(zero_copy_only=False), dtype=np.int64)
    return np.asarray(column.to_numpy(zero_copy_only=False))
