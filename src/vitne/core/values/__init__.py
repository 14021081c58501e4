"""Small things that everything else is made of: types, ids, times, text, verbs, canonical JSON.

Each reads untrusted input strictly, in the one spelling that is allowed. The chapters above import
from here; nothing here imports from them.
"""
