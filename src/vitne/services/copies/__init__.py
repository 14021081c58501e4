"""Copies of a log: backups with their restore, and verified mirrors elsewhere.

A backup contains everything as of one moment; `restore` lets it be served again. A mirror follows
the published files and recomputes every tile.
"""

from vitne.services.copies.backup import (
    FORMAT,
    MANIFEST,
    BackedUpTree,
    Compared,
    Manifest,
    compare,
    copy_objects,
    read_manifest,
)
from vitne.services.copies.mirror import MirroredLog, MirrorProgress
from vitne.services.copies.mirror_keys import MirrorKeys
