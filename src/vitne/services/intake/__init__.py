"""Intake: from the bytes of a request to a prepared request that waits for the writer.

`events` prepares unsigned events, `signed_batch` what a sender signed; `workers` does the same in
processes. `dedupe_window` recognises retries, `quota` limits each source.
"""
