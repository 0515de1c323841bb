"""Prints the Parquet files whose paths are on standard input, one a line, as a JSON list: of each the types of its columns and its rows, each value as exact text."""

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


def contents(path):
    table = pyarrow.parquet.read_table(path)
    columns = [[exact(value) for value in column.to_pylist()] for column in table.columns]
    return {
        "columns": {field.name: str(field.type) for field in table.schema},
        "rows": list(zip(*columns)),
    }


json.dump([contents(path) for path in sys.stdin.read().split("\n")], sys.stdout)
