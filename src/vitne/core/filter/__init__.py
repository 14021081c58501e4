"""One filter language: from what a user types to a condition that is evaluated.

`syntax` reads the text into `nodes`; `matches` evaluates them in memory and is the definition.
Adapters compile the same nodes for their databases, and tests hold them to the same results.
"""
