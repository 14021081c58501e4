"""fsck: hashing a folder again, from the records up.

Each file checks one part (records, tree, index log, senders) and reports findings with rule,
segment and index. `fsck` runs them in order.
"""

from vitne.services.check.findings import FsckReport, Stores
from vitne.services.check.fsck import Fsck
