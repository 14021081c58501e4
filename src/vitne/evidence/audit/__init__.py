"""Checks by outsiders: recomputing an index log, fraud proofs, and receipts held by senders.

`index_audit` recomputes every sealed run from its entries. `fraud` is the file that convicts a log
whose index is wrong; `receipt_check` finds what a log acknowledged and does not contain.
"""
