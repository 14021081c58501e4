"""Small things that everything else is made of: types, ids, times, text, verbs, canonical JSON.

Each reads untrusted input strictly, in the one spelling that is allowed. The chapters above import
from here; nothing here imports from them.
"""

from vitne.core.values.caches import forget_personal_values, personal_cache
from vitne.core.values.canonical import (
    MAX_DEPTH,
    Json,
    encode_canonical,
    encode_trusted,
    json_faults,
)
from vitne.core.values.ids import (
    RANDOM_BYTES,
    parse_uuid,
    uuid7,
    uuid8_for_original,
    uuid_text,
    uuid_time_prefix,
    uuid_time_us,
    uuid_version,
)
from vitne.core.values.record import Facets, Parts, Record
from vitne.core.values.strict import (
    HASH_BYTES,
    MAX_INT,
    check_int,
    decode_base64,
    decode_hash,
    decode_utf8,
    encode_base64,
    encode_utf8,
    length_prefixed,
    parse_int,
)
from vitne.core.values.text import clean_text, count, fold_text, is_clean
from vitne.core.values.times import MAX_TIME_US, format_utc, parse_utc
from vitne.core.values.types import (
    SECTIONS,
    Hash,
    JsonObject,
    LeafIndex,
    LogId,
    Origin,
    Section,
    TreeSize,
)
from vitne.core.values.verbs import MAX_TYPE_CHARS, category_of, is_reserved
