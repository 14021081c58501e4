"""The index of a sealed run: gap leaves, index records, and what they say of missing events.

One gap leaf proves which entries have a key, or that none has it. `coverage` computes gaps and
silences of senders from their numbers.
"""
