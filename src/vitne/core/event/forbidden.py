"""What an event may never contain: card numbers, passwords, tokens, keys (event-schema §1.1).

Senders remove it before they sign; from unsigned events the server removes it and lists what it
removed in `redactions`. Ids that are themselves personal become pseudonyms here, too.
"""

import re
from functools import lru_cache

REMOVED = "[removed]"
"""Stands in prose for a number or token that was cut out of it."""

_MAIL = re.compile(r"[^@\s/]{1,64}@[^@\s/]+\.[^@\s/.]{2,}")
_DIGITS = re.compile(r"(?<![0-9.])[0-9](?:[ -]?[0-9]){12,18}(?![0-9])")
_TOKEN = re.compile(
    r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"  # a JSON web token
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[^-]*(?:-----END [A-Z ]*-----)?)"
    r"|\bvk_[A-Za-z0-9]{12}_[A-Za-z0-9_-]{43}\b"  # our own API keys
)
# Issuer ranges and lengths of payment cards; together with the check digit they leave few of
# the long numbers that are no cards.
_CARD = re.compile(
    r"4[0-9]{12}(?:[0-9]{3}){0,2}|5[1-5][0-9]{14}|2(?:2[2-9]|[3-6][0-9]|7[01])[0-9]{13}|2720[0-9]{12}"
    r"|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|35[0-9]{14}"
    r"|6(?:011|4[4-9][0-9]|5[0-9]{2})[0-9]{12}|62[0-9]{14,17}"
)
_SECRETS = """password passwd pwd passphrase passcode pin secret token apikey api_key private_key
    secret_key access_key signing_key authorization cookie credential credentials session_token
    cvv cvv2 cvc cvc2 csc pan card_number cardnumber credit_card_number"""
_SECRET_NAMES = frozenset(_SECRETS.split())
NATIONAL_ID_DIGITS = 11
_FIRST_WEIGHTS = (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)
_SECOND_WEIGHTS = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
_SECRET_ENDS = ("_password", "_passwd", "_secret", "_token", "_api_key", "_private_key", "_cvv")
_NO_SECRETS = frozenset({"page_token", "next_token", "next_page_token", "continuation_token"})
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_TO_ZERO = bytes(ord("0" if chr(code).isdecimal() else ".") for code in range(256))
_SHORTEST_CARD = b"0" * 13


def may_hold_forbidden(text: bytes) -> bool:
    """A quick look at text or JSON: False only if nothing in it is a card number or a token."""
    return (
        _SHORTEST_CARD in text.translate(_TO_ZERO, b" -")
        or b"eyJ" in text
        or b"PRIVATE KEY" in text
        or b"vk_" in text
    )


def is_card_number(text: str) -> bool:
    """Whether the whole text is a payment card number, possibly in groups."""
    digits = text.replace(" ", "").replace("-", "")
    return digits.isascii() and _CARD.fullmatch(digits) is not None and _luhn(digits)


def is_personal_id(text: str) -> bool:
    """Whether an id is itself personal, so that the log keeps a pseudonym in its place.

    E-mail addresses, national identity numbers (Norwegian: the form can be told from other
    numbers by its two check digits), card numbers. Search asks the same of the ids it is given.
    """
    if "@" in text and _MAIL.fullmatch(text) is not None:
        return True
    return len(text) >= NATIONAL_ID_DIGITS and (is_national_id(text) or is_card_number(text))


def is_national_id(text: str) -> bool:
    """Whether text is a Norwegian birth or D number: eleven digits, a date, two check digits."""
    if len(text) != NATIONAL_ID_DIGITS or not (text.isascii() and text.isdecimal()):
        return False
    day, month = int(text[:2]) % 40, int(text[2:4]) % 40
    digits = [int(digit) for digit in text]
    return (
        1 <= day <= 31  # noqa: PLR2004  # 40 is added to the day of a D number
        and 1 <= month <= 12  # noqa: PLR2004  # 40 or 80 to the month of a synthetic one
        and sum(d * w for d, w in zip(digits, _FIRST_WEIGHTS, strict=False)) % 11 == 0
        and sum(d * w for d, w in zip(digits, _SECOND_WEIGHTS, strict=True)) % 11 == 0
    )


def has_token(text: str) -> bool:
    """Whether text carries a token or a private key."""
    return _TOKEN.search(text) is not None


def strip_forbidden(text: str) -> str:
    """Prose without the card numbers and tokens in it; the same object if there are none."""
    cut = _DIGITS.sub(lambda m: REMOVED if is_card_number(m.group()) else m.group(), text)
    cut = _TOKEN.sub(REMOVED, cut)
    return text if cut == text else cut


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether a field of this name holds a secret: its last part, in snake or camel case."""
    plain = _CAMEL.sub("_", name).replace("-", "_").lower()
    last = re.split(r"[/.\s]", plain)[-1]
    if last in _NO_SECRETS:
        return False
    return last in _SECRET_NAMES or last.endswith(_SECRET_ENDS)


def _luhn(digits: str) -> bool:
    total = 0
    for at, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + at % 2)
        total += value - 9 if value > 9 else value  # noqa: PLR2004  # the sum of two digits
    return total % 10 == 0
