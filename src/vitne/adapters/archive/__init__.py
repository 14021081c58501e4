"""Sealed segments as Parquet files with an index beside each, searched in this process."""
