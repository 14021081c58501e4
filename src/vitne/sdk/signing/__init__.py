"""Signatures of senders: what a stream signs, and how it is opened, continued and closed.

`signing_transport` signs and sends batches, `signed_streams` the messages around them, with
`signer`. `ledger` keeps on disk what was signed; `orphans` finds the streams of processes that
died.
"""
