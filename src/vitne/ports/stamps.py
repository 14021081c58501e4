"""Time stamps of checkpoints by authorities that know nothing of the log (RFC 3161)."""

from typing import Protocol

from msgspec import Struct


class Stamped(Struct, frozen=True):
    """What a time-stamp token says."""

    at_us: int
    """The authority's time, in microseconds since 1970."""
    accuracy_us: int
    """Its own bound on the error of that; 0: it states none."""
    signer: str
    """Subject of the certificate whose key signed it (RFC 4514)."""
    serial: int


class StampAuthority(Protocol):
    """One authority that can be asked for stamps. Slow: seconds, over the network."""

    @property
    def name(self) -> str:
        """Its address."""

    def stamp(self, data: bytes) -> bytes:
        """A token (RFC 3161 TimeStampResp, DER) over the SHA-256 of `data`.

        The answer is checked to be granted, over these bytes, and for this very question.

        Raises:
            UnavailableError: not reached in time, or not granted; says what it answered.
            VerificationError: the answer is not about these bytes, or badly signed.
        """


class StampReader(Protocol):
    """Reads and checks tokens, without a network."""

    def check(self, token: bytes, data: bytes, certificates: bytes, signer: str = "") -> Stamped:
        """Check a token.

        Args:
            token: TimeStampResp, DER.
            data: what must have been stamped.
            certificates: PEM of those that are trusted: a root, and whatever leads to it.
            signer: subject (RFC 4514) that the signing certificate must have; `""`: any of that
                root.

        Raises:
            VerificationError: not signed by one of these, not valid when it was made, over other
                bytes, or by another signer.
            DecodeError: no token.
            BadInputError: no certificates.
        """

    def covers(self, token: bytes, data: bytes) -> Stamped:
        """Read what a token says of `data`, on the word of whoever made it: nothing is verified.

        Raises:
            VerificationError: it is over other bytes, or was not granted.
            DecodeError: no token.
        """
