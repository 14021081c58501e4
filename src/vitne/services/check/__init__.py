"""fsck: hashing a folder again, from the records up.

Each file checks one part (records, tree, index log, senders) and reports findings with rule,
segment and index. `fsck` runs them in order.
"""
