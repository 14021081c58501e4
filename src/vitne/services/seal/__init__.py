"""Sealing: old rows become a segment with its index, listed in the index log.

`due` says when and what (pure), `segments` does it, `worker` runs the heavy part in a process of
its own. Rows leave the database only after their segment was verified.
"""

from vitne.services.seal.due import SealLimits
from vitne.services.seal.index_log import IndexLog
from vitne.services.seal.loop import SealLoop
from vitne.services.seal.segments import SegmentSealer
from vitne.services.seal.worker import OpenPorts, SealHere, SealPorts, SealProcess, SealRunner
