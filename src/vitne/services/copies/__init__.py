"""Copies of a log: backups with their restore, and verified mirrors elsewhere.

A backup contains everything as of one moment; `restore` lets it be served again. A mirror follows
the published files and recomputes every tile.
"""
