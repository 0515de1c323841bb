"""Reads the Parquet file whose path is on standard input with pandas and prints {"types": {column: type}, "rows": [{column: value}]} as JSON."""

import json
import sys

import pandas as pd

frame = pd.read_parquet(sys.stdin.read())
rows = [{name: None if pd.isna(value) else value for name, value in row.items()} for row in frame.to_dict("records")]
print(json.dumps({"types": {name: str(kind) for name, kind in frame.dtypes.items()}, "rows": rows}))
