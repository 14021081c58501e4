"""The proof of one record: its document, its verifier, and the sentences about it.

`document` is the canonical JSON file, `verify` checks it against a policy. `tlog_proof` reads and
writes the same proof in the format of C2SP.
"""
