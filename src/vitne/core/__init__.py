"""The rules of the log: bytes and structs in, bytes and structs out; no I/O, clock or chance.

The chapters, from the ground up; imports only go down:

    values      Small things that everything else is made of: types, ids, times, text, verbs,
                canonical JSON.
    event       From untrusted bytes to a checked event, or to every problem that it has.
    tree        The Merkle tree (RFC 6962) and what is published of it: tiles, checkpoints,
                signed notes.
    filter      One filter language: from what a user types to a condition that is evaluated.
    entry       The bytes of a leaf: what the tree contains of an event, and of the log's own
                acts.
    index       The index of a sealed run: gap leaves, index records, and what they say of
                missing events.
"""
