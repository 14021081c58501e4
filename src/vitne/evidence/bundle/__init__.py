"""Evidence bundles: an answer with its proofs in one file, and its offline verifier.

`verify` runs the rules in order over one state; each `rules_…` file is a group of them. `build`
makes a bundle, `sentences` says in words what it proves and what it does not.
"""
