"""Commands that ask and prove: ask, prove, verify, receipts, anchor, audit-index, witness.

`verify` needs no server and no network.
"""
