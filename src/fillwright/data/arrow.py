"""Between Arrow columns and numpy arrays by their buffers.

``pyarrow.array`` and ``to_numpy`` look for pandas and import it where it is installed, which takes half a second; these do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def to_arrow(values: npt.NDArray[Any], kind: pa.DataType | None = None, missing: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """A numeric numpy array as an Arrow array over the same memory; ``kind`` may be a type of the same width (timestamps).

    Values are null where ``missing`` is True.
    """
    array = np.ascontiguousarray(values)
    valid = None
    if missing is not None and missing.any():
        valid = pa.py_buffer(np.packbits(~missing, bitorder="little"))
    return pa.Array.from_buffers(kind or pa.from_numpy_dtype(array.dtype), len(array), [valid, pa.py_buffer(array)])


def text_to_arrow(words: Sequence[str]) -> pa.Array:
    """Text as an Arrow array of strings."""
    parts = [word.encode() for word in words]
    offsets = np.cumsum([0, *map(len, parts)], dtype=np.int32)
    return pa.Array.from_buffers(pa.string(), len(parts), [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(parts))])


def to_numpy(column: pa.ChunkedArray | pa.Array, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """The values of a fixed-width column, read-only; what stands where a value is null is arbitrary."""
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    parts = [_values(chunk, np.dtype(dtype)) for chunk in chunks if len(chunk)]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.empty(0, dtype)


def null_mask(column: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """bool[n], True where the value is null."""
    if not column.null_count:
        return np.zeros(len(column), np.bool_)
    return np.asarray(~to_numpy(column.is_valid(), np.bool_), np.bool_)


def _values(chunk: pa.Array, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    data = chunk.buffers()[1]
    if data is None:
        return np.zeros(len(chunk), dtype)
    if dtype != np.bool_:
        return np.frombuffer(data, dtype, len(chunk), chunk.offset * dtype.itemsize)
    bits = np.unpackbits(np.frombuffer(data, np.uint8), count=chunk.offset + len(chunk), bitorder="little")
    return bits[chunk.offset :].view(np.bool_)
