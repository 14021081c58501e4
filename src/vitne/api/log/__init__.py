"""What a log publishes: checkpoint, tiles, cosignatures, objections, and the verifier page.

These routes need no key where the log is public.
"""
