"""Finding records in segments: which segments, which rows, in which order.

`plan` says what the index can answer, `where` compiles the rest of a filter for DuckDB, `search`
runs both.
"""
