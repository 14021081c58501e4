"""Threads and processes that do the work of other chapters.

`loop` repeats a task at intervals; `worker` asks a process of its own, and `exit` ends such a
process at once and in silence.
"""

from vitne.services.processes.loop import Loop
from vitne.services.processes.worker import Answer, EncodedError, WorkerEndedError, WorkerProcess
