"""The Parquet file of a segment: its columns, how it is written, and how rows are read back.

`single_rows` and `thrift` read single rows at the cost of their row group. `summary` counts the
sources of a segment.
"""
