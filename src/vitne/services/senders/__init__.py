"""Streams of senders and their keys: opening, heartbeats, gaps, closing.

`source_keys` registers and retires public keys; `signed_batches` takes what they sign. `streams`
says which senders are missing, silent or late.
"""
