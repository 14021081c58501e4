"""The index file beside a segment: which entries have a key, and where an event id is.

`build` writes it, `lookup` reads it; `pages` and `block` are its checked frame. `run_tree` computes
the tree of its gap leaves.
"""
