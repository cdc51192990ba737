"""Turning values into bytes and back.

A *serializer* has a `type` (the name under which it is asked for: ``persist_result`` options, settings, records),
`dumps` and `loads`. Write your own by subclassing `Serializer` and giving it a `type`; it is found under that name from
then on. What cannot be turned into bytes raises `SerializationError` with the path to the culprit
(``result.items[3].conn``).

=====================  ====================================================================================
``pickle``             any Python object; cloudpickle unless another library is named; bytes as they are
``json``               readable; classes of pydantic, dataclasses and the like are tagged and rebuilt
``compressed/…``       another serializer, compressed (lzma unless another library is named)
``msgpack``            builtin values exactly as they were (tuples, sets, datetimes, …); refuses all others
``arrow``, ``parquet`` tables of pandas, polars and pyarrow; needs pyarrow
=====================  ====================================================================================

May import core and the standard library; everything heavy is imported when first used.
"""

from __future__ import annotations

from levada.core.errors import SerializationError
from levada.serializers.base import (
    CompressedJSONSerializer,
    CompressedPickleSerializer,
    CompressedSerializer,
    PickleSerializer,
    Serializer,
    UnknownSerializer,
    resolve_serializer,
)
from levada.serializers.culprit import find_culprit
from levada.serializers.exact import MsgpackSerializer
from levada.serializers.structured import JSONSerializer, json_object_decoder, json_object_encoder
from levada.serializers.tables import ArrowSerializer, ParquetSerializer

__all__ = [
    "ArrowSerializer",
    "CompressedJSONSerializer",
    "CompressedPickleSerializer",
    "CompressedSerializer",
    "JSONSerializer",
    "MsgpackSerializer",
    "ParquetSerializer",
    "PickleSerializer",
    "SerializationError",
    "Serializer",
    "UnknownSerializer",
    "find_culprit",
    "json_object_decoder",
    "json_object_encoder",
    "resolve_serializer",
]
