"""Signatures of senders: what a stream signs, and how it is opened, continued and closed.

`signer` holds the key, `ledger` remembers on disk what was signed. `orphans` ends the streams of
processes that died.
"""
