"""Tables of pandas, polars and pyarrow as Arrow or Parquet: compact, fast, and readable by other tools."""

from __future__ import annotations

from typing import Any

from levada.core.errors import SerializationError
from levada.serializers.base import Serializer

_KIND = b"levada.kind"
"""Key in the table's metadata: which library's table it was."""


def _pyarrow() -> Any:
    try:
        import pyarrow as pa  # lazy: an optional library, and a heavy one
    except ImportError as error:
        raise SerializationError("Tables need pyarrow: pip install pyarrow") from error
    return pa


def _to_arrow(value: Any, serializer: str) -> Any:
    """The table as pyarrow's, with a note of what it was.

    Raises:
        SerializationError: the value is not a table, or has a column that Arrow cannot hold.
    """
    arrow = _pyarrow()
    library, name = type(value).__module__.partition(".")[0], type(value).__name__
    try:
        if isinstance(value, arrow.Table):
            kind, table = "pyarrow", value
        elif (library, name) == ("pandas", "DataFrame"):
            kind, table = "pandas", arrow.Table.from_pandas(value)
        elif (library, name) == ("polars", "DataFrame"):
            kind, table = "polars", value.to_arrow()
        else:
            raise SerializationError(
                f"result (a {type(value).__module__}.{name}) cannot be serialized with {serializer}: "
                "it takes tables of pandas, polars and pyarrow."
            )
    except (arrow.ArrowException, ValueError, TypeError) as error:
        column = _culprit_column(value, arrow)
        raise SerializationError(f"result{column} cannot be serialized with {serializer}: {error}") from error
    return table.replace_schema_metadata({**(table.schema.metadata or {}), _KIND: kind.encode()})


def _culprit_column(value: Any, arrow: Any) -> str:
    for name in getattr(value, "columns", ()):
        try:
            arrow.Array.from_pandas(value[name])
        except (arrow.ArrowException, ValueError, TypeError):
            return f"[{name!r}]"
    return ""


def _from_arrow(table: Any) -> Any:
    metadata = dict(table.schema.metadata or {})
    kind = metadata.pop(_KIND, b"pyarrow")
    table = table.replace_schema_metadata(metadata or None)
    if kind == b"pandas":
        return table.to_pandas()
    if kind == b"polars":
        import polars as pl  # lazy: an optional library

        return pl.from_arrow(table)
    return table


class ArrowSerializer(Serializer[Any]):
    """A table in Arrow's stream format."""

    type: str = "arrow"

    def dumps(self, obj: Any) -> bytes:
        """The table's bytes."""
        table = _to_arrow(obj, self.type)
        arrow = _pyarrow()
        sink = arrow.BufferOutputStream()
        with arrow.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return bytes(sink.getvalue())

    def loads(self, blob: bytes) -> Any:
        """The table, of the library it came from."""
        arrow = _pyarrow()
        try:
            with arrow.ipc.open_stream(arrow.py_buffer(blob)) as reader:
                return _from_arrow(reader.read_all())
        except arrow.ArrowException as error:
            raise SerializationError(f"These bytes cannot be read as {self.type}: {error}") from error


class ParquetSerializer(Serializer[Any]):
    """A table as a Parquet file.

    Attributes:
        compression: what Parquet compresses with: zstd, snappy, gzip, none.
    """

    type: str = "parquet"
    compression: str = "zstd"

    def dumps(self, obj: Any) -> bytes:
        """The bytes of a Parquet file."""
        table = _to_arrow(obj, self.type)
        arrow = _pyarrow()
        from pyarrow import parquet  # lazy: as above

        sink = arrow.BufferOutputStream()
        parquet.write_table(table, sink, compression=self.compression)
        return bytes(sink.getvalue())

    def loads(self, blob: bytes) -> Any:
        """The table, of the library it came from."""
        arrow = _pyarrow()
        from pyarrow import parquet  # lazy: as above

        try:
            return _from_arrow(parquet.read_table(arrow.BufferReader(blob)))
        except arrow.ArrowException as error:
            raise SerializationError(f"These bytes cannot be read as {self.type}: {error}") from error
