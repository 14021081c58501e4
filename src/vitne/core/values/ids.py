"""Event ids: UUIDs made from what they are given, and their two forms (16 bytes, text)."""

import hashlib
import re

from vitne.errors import BadInputError

ID_BYTES = 16
TIME_BYTES = 6
"""How many bytes of an id of version 7 are its time, in milliseconds since 1970."""
RANDOM_BYTES = 10
"""How many random bytes one `uuid7` takes."""

_TEXT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def uuid7(time_us: int, random: bytes) -> bytes:
    """A time-ordered UUID (RFC 9562 §5.7): 48 bits of milliseconds, then 74 random bits.

    Args:
        time_us: microseconds since 1970; below 2^48 milliseconds.
        random: `RANDOM_BYTES` unpredictable bytes.
    """
    return _stamped(time_us // 1000 << 80 | int.from_bytes(random, "big"), 7)


def uuid8_for_key(source_id: str, idempotency_key: str, position: int) -> bytes:
    """The UUID of the event at a 0-based position of a request with an `Idempotency-Key`."""
    return _derived("key", source_id, idempotency_key, str(position))


def uuid8_for_original(source_id: str, original_id: str) -> bytes:
    """The UUID of an imported event: the same for the same id at the same foreign source."""
    return _derived("original", source_id, original_id)


def uuid_text(event_id: bytes) -> str:
    """The 36 characters of a 16-byte UUID, lower case."""
    digits = event_id.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def parse_uuid(text: str) -> bytes:
    """The 16 bytes of a UUID in its canonical text form (36 characters, lower case).

    Raises:
        BadInputError: another form.
    """
    if not _TEXT.fullmatch(text):
        raise BadInputError("expected a UUID like 01981f3e-7c1a-7d34-9b0e-5f4c2a9e1b77")
    return bytes.fromhex(text.replace("-", ""))


def uuid_version(event_id: bytes) -> int:
    """The version number of a 16-byte UUID: 7 for fresh ids, 8 for derived ones."""
    return event_id[6] >> 4


def uuid_time_us(event_id: bytes) -> int:
    """The time that an id of version 7 bears, in microseconds since 1970 (whole milliseconds)."""
    return int.from_bytes(event_id[:TIME_BYTES], "big") * 1000


def uuid_time_prefix(before_us: int) -> bytes:
    """6 bytes that sort behind every id of version 7 from before then, and before all others."""
    first_ms = min(max(-(-before_us // 1000), 0), (1 << 8 * TIME_BYTES) - 1)
    return first_ms.to_bytes(TIME_BYTES, "big")


def _derived(*parts: str) -> bytes:
    digest = hashlib.sha256(b"vitne-uuid8/v1\n")
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(4, "big") + data)
    return _stamped(int.from_bytes(digest.digest()[:ID_BYTES], "big"), 8)


def _stamped(number: int, uuid_version: int) -> bytes:
    """Put version and variant (RFC 9562 §4) into a 128-bit number."""
    number &= ~(0xF << 76 | 0x3 << 62)
    return (number | uuid_version << 76 | 0x2 << 62).to_bytes(ID_BYTES, "big")
