"""What all logs share: their names and keys, what they have published, and one round of growth.

`published_files` reads what a log serves; `grown_tree` and `staged_round` say what a round writes
and in which order. Every other chapter of the services may import this one.
"""

from vitne.services.log.grown_tree import load_grown_tree, right_edge
from vitne.services.log.keys import (
    FIRST_EPOCH,
    INDEX_SUFFIX,
    Logs,
    index_log_id,
    index_origin,
)
from vitne.services.log.published_files import (
    COSIGNED,
    Published,
    PublishedFiles,
    is_full_bundle,
    log_key,
    parse_checkpoint,
)
from vitne.services.log.staged_round import (
    KNOWN_LOGS,
    STAGING,
    Stage,
    StagedLog,
    StepHook,
    apply_stage,
    decode_stage,
    encode_stage,
    no_step,
)
