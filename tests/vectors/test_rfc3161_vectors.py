"""Time-stamp tokens against the fixtures of rfc3161-client; what must hold was told by OpenSSL."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitne.adapters.stamps.tokens import Rfc3161Reader
from vitne.errors import BadInputError, DecodeError, VerificationError, VitneError

READER = Rfc3161Reader()
HELLO = b"hello"


@pytest.fixture(scope="module")
def published(vectors: Path) -> Path:
    return vectors / "rfc3161"


def _files(folder: Path, token: str, chain: str) -> tuple[bytes, bytes]:
    return (folder / token).read_bytes(), (folder / chain).read_bytes()


@pytest.mark.parametrize(
    ("token", "chain", "signer"),
    [
        ("response-sha256", "sigstage", "CN=sigstore-tsa,O=sigstore.dev"),
        ("response-sha384", "sigstage", "CN=sigstore-tsa,O=sigstore.dev"),
        ("response-sha512", "sigstage", "CN=sigstore-tsa,O=sigstore.dev"),
        ("response-no-embedded-cert", "sigstage", ""),
        ("response", "test_tsa", "CN=Test TSA Timestamping,O=local"),
        # Somebody put a certificate into the bag: the true signer is told all the same.
        ("response-injected-certs", "test_tsa", "CN=Test TSA Timestamping,O=local"),
        ("issue-104", "identrust", "CN=TrustID Timestamp Authority,O=IdenTrust,C=US"),
    ],
)
def test_a_genuine_stamp_holds(published: Path, token: str, chain: str, signer: str) -> None:
    data, certificates = _files(published / chain, f"{token}.tsr", "ts_chain.pem")

    assert READER.check(data, HELLO, certificates).signer == signer


def test_a_stamp_of_an_expired_certificate_holds_if_it_was_valid_then(published: Path) -> None:
    folder = published / "sigstore.mock"
    data, certificates = _files(folder, "response-expired.tsr", "ts_chain.pem")

    found = READER.check(data, (folder / "payload").read_bytes(), certificates)

    assert found.at_us == 1_675_209_600_000_000


def test_a_certificate_in_the_bag_does_not_lend_its_name(published: Path) -> None:
    folder = published / "test_tsa"
    data, certificates = _files(folder, "response-injected-certs.tsr", "ts_chain.pem")

    with pytest.raises(VerificationError, match="name"):
        READER.check(data, HELLO, certificates, signer="CN=Spoofed TSA")


@pytest.mark.parametrize(
    ("token", "chain", "data"),
    [
        ("sigstage/response-invalid-signature.tsr", "sigstage", HELLO),
        ("sigstage/response-sha256.tsr", "test_tsa", HELLO),
        ("test_tsa/other_response.tsr", "test_tsa", HELLO),
        ("test_tsa/response.tsr", "test_tsa", b"hellp"),
    ],
)
def test_a_stamp_that_does_not_hold_is_refused(
    published: Path, token: str, chain: str, data: bytes
) -> None:
    found, certificates = _files(published, token, f"{chain}/ts_chain.pem")

    with pytest.raises(VerificationError):
        READER.check(found, data, certificates)


def test_certificates_without_a_root_are_no_trust(published: Path) -> None:
    data, chain = _files(published / "sigstage", "response-sha256.tsr", "ts_chain.pem")
    first = chain.split(b"-----END CERTIFICATE-----")[0] + b"-----END CERTIFICATE-----\n"

    for certificates in (b"", b"-----BEGIN CERTIFICATE-----\n", b"\x30\x03abc", first):
        with pytest.raises(BadInputError):
            READER.check(data, HELLO, certificates)


@given(st.binary(max_size=200))
def test_other_bytes_are_no_stamp(data: bytes) -> None:
    with pytest.raises(DecodeError):
        READER.covers(data, HELLO)


def test_no_changed_byte_makes_another_stamp(published: Path) -> None:
    """Every byte in turn: refused, or the same statement (bytes that no signature covers)."""
    data, certificates = _files(published / "test_tsa", "response.tsr", "ts_chain.pem")
    genuine = READER.check(data, HELLO, certificates)

    for at in range(len(data)):
        changed = data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]
        try:
            found = READER.check(changed, HELLO, certificates)
        except VitneError:
            continue
        assert (found.at_us, found.serial) == (genuine.at_us, genuine.serial)
