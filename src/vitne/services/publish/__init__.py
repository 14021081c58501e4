"""Publishing: new entries go into the tree, tiles are written, the checkpoint is signed.

`round` is one such step, done again after a crash with the same bytes; `loop` runs it at an
interval. `recover` finishes what a crash left.
"""

from vitne.services.publish.loop import Chore, PublishLoop
from vitne.services.publish.recover import Recover, Recovery
from vitne.services.publish.round import PublishRounds
