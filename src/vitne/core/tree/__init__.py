"""The Merkle tree (RFC 6962) and what is published of it: tiles, checkpoints, signed notes.

`merkle` and `multiproof` make and check proofs; `grow` says which tiles a round writes. `witness`
and `objection` are what others sign about a tree.
"""
