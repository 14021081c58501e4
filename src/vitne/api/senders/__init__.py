"""Streams of senders and their public keys.

`streams` opens, continues and lists them, `source_keys` registers keys.
"""
