"""Commands that look after a server: mirror, fsck, backup, restore, erase, hold, retain, bench.

They work on a folder, or ask a server as an administrator.
"""
