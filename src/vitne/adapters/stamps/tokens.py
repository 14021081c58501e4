"""Time-stamp tokens: what they say, and whether to believe it."""

import hashlib
import hmac
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from typing import Final

from cryptography.x509 import Certificate, load_der_x509_certificate, load_pem_x509_certificates
from rfc3161_client import (
    Accuracy,
    PKIStatus,
    TimeStampResponse,
    VerifierBuilder,
    decode_timestamp_response,
)

from vitne.errors import BadInputError, DecodeError, VerificationError
from vitne.ports import Stamped, StampReader

MAX_TOKEN_BYTES: Final = 64 * 1024
MAX_CERTIFICATES_BYTES: Final = 1 << 20
_OPENSSL: Final = re.compile(r'(?:reason|data): "([^"]+)"')
_DIGESTS: Final = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
"""Digests that are believed, by object identifier."""


class Rfc3161Reader(StampReader):
    """Reads tokens with rfc3161-client."""

    def check(self, token: bytes, data: bytes, certificates: bytes, signer: str = "") -> Stamped:
        response = decode_token(token)
        found = check_token(response, data)
        builder = _trusting(read_certificates(certificates), response)
        if signer:
            builder = builder.common_name(signer)
        # RFC 3161 lets a token leave its certificate out; then it must be among those given.
        try:
            builder.build().verify_message(response, data)
        except Exception as error:  # noqa: BLE001 - on hostile bytes the library raises many kinds
            why = _OPENSSL.findall(str(error))
            said = why[-1] if why else str(error)
            raise VerificationError(f"the time stamp does not hold: {said}", rule="stamp") from None
        return found

    def covers(self, token: bytes, data: bytes) -> Stamped:
        return check_token(decode_token(token), data)


@contextmanager
def _well_formed() -> Iterator[None]:
    """Raise `DecodeError` for whatever the library raises inside."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - on hostile bytes the library raises many kinds
        raise DecodeError(f"this is no time-stamp token: {error}") from None


def decode_token(token: bytes) -> TimeStampResponse:
    """The response in a token. Raises `DecodeError`."""
    if len(token) > MAX_TOKEN_BYTES:
        raise DecodeError(f"a time-stamp token has at most {MAX_TOKEN_BYTES:,} bytes")
    with _well_formed():
        return decode_timestamp_response(token)


def check_token(response: TimeStampResponse, data: bytes) -> Stamped:
    """What a response says of `data`. Raises `VerificationError`, `DecodeError`."""
    with _well_formed():
        status, reasons = response.status, response.status_string
    if status != PKIStatus.GRANTED:
        said = "; ".join(reasons) or "no reason given"
        raise VerificationError(f"the stamp was not granted: {said}", rule="stamp")
    with _well_formed():
        info, signed = response.tst_info, response.signed_data
        imprint, taken = info.message_imprint, info.gen_time
        signers = list(signed.signer_infos)
        embedded = [load_der_x509_certificate(der) for der in signed.certificates]
        digest = _DIGESTS.get(imprint.hash_algorithm.dotted_string)
        message, serial = imprint.message, info.serial_number
        accuracy_us = _accuracy_us(response)
    if digest is None:
        raise VerificationError("stamped with a digest that is not believed", rule="stamp")
    if not hmac.compare_digest(message, hashlib.new(digest, data).digest()):
        raise VerificationError("the time stamp is over other bytes", rule="stamp")
    # By issuer and serial number, never by its place in the bag, which anybody can fill.
    names = [
        certificate.subject.rfc4514_string()
        for certificate in embedded
        for one in signers
        if certificate.issuer == one.issuer and certificate.serial_number == one.serial_number
    ]
    at_us = int(taken.replace(tzinfo=UTC).timestamp()) * 1_000_000 + taken.microsecond
    return Stamped(at_us, accuracy_us, names[0] if names else "", serial)


def _accuracy_us(response: TimeStampResponse) -> int:
    accuracy: Accuracy | None = response.tst_info.accuracy  # absent if the token states none
    if accuracy is None:
        return 0
    seconds, millis, micros = accuracy.seconds or 0, accuracy.millis or 0, accuracy.micros or 0
    return seconds * 1_000_000 + millis * 1_000 + micros


def read_certificates(data: bytes) -> list[Certificate]:
    """Certificates from PEM, or one as DER; at least one is a root. Raises `BadInputError`."""
    if len(data) > MAX_CERTIFICATES_BYTES:
        raise BadInputError(f"certificates have at most {MAX_CERTIFICATES_BYTES:,} bytes")
    try:
        if b"-----BEGIN" in data:
            found = load_pem_x509_certificates(data)
        else:
            found = [load_der_x509_certificate(data)]
    except ValueError:
        raise BadInputError("expected certificates in PEM, or one in DER") from None
    if not any(each.issuer == each.subject for each in found):
        raise BadInputError("there is no root among the certificates", hint="add the authority's")
    return found


def _trusting(certificates: list[Certificate], response: TimeStampResponse) -> VerifierBuilder:
    builder = VerifierBuilder()
    with _well_formed():  # whether the signer's certificate comes along
        names_itself = bool(response.signed_data.certificates)
    issuers = {each.issuer.public_bytes() for each in certificates}
    for each in certificates:
        leads_on = each.subject.public_bytes() in issuers
        if each.issuer == each.subject:
            builder = builder.add_root_certificate(each)
        elif leads_on or names_itself:
            builder = builder.add_intermediate_certificate(each)
        else:
            builder = builder.tsa_certificate(each)
    return builder
