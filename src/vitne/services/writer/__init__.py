"""The one writer: many prepared requests, one durable transaction, then receipts and replies.

`queue` is where requests wait, `plan` decides what is new, repeated or refused (pure), `writer`
stores it. Nothing here hashes a tree.
"""
