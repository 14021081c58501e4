"""The bytes of a leaf: what the tree contains of an event, and of the log's own acts.

Entries contain salted commitments and keyed pseudonyms, and no personal data. `assemble` makes an
entry fast, `commit` and `keys` are the plain definitions, `batch` and `receipt` are what senders
and the log sign.
"""
