"""Evidence in files, for outsiders, and how they verify it offline.

`record` proves one event, `bundle` an answer; `audit` has what outsiders check of a whole log,
`browser` the second verifier, `policy` which keys to trust and how many witnesses.

Pure: bytes in, results out. Needs the base installation only.
"""
