"""From the bytes of an event to the receipt of the server.

`pipeline` owns the queue, the spool and the two threads that empty them; `transport` talks HTTP.
`numbering` counts each stream, `receipts` keeps what the server signed.
"""
