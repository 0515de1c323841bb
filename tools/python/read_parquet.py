"""Prints a Parquet file as one JSON object: the types of its columns and its rows, each value as exact text."""

import json
import sys
from datetime import datetime
from decimal import Decimal

import pyarrow.parquet


def exact(value):
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return int(value.timestamp())
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, float):
        return value.hex()
    raise TypeError(f"{type(value)} is none of the types that are exported")


table = pyarrow.parquet.read_table(sys.argv[1])
json.dump(
    {
        "columns": {field.name: str(field.type) for field in table.schema},
        "rows": [[exact(row[name]) for name in table.column_names] for row in table.to_pylist()],
    },
    sys.stdout,
)
