"""Naming the rule that fails, as every verifier of evidence does."""

from collections.abc import Iterator
from contextlib import contextmanager

from vitne.errors import UnavailableError, VerificationError, VitneError


@contextmanager
def named_rule(name: str, where: str | None = None, *, keep: bool = False) -> Iterator[None]:
    """Whatever fails inside fails this rule; what cannot be fetched proves nothing, and does not.

    Args:
        name: of the rule.
        where: what it is about; None: what the failure itself says.
        keep: a failure that names a rule already stays what it is.
    """
    try:
        yield
    except UnavailableError:
        raise
    except VitneError as error:
        known = error.rule if isinstance(error, VerificationError) and keep else ""
        if known and where is not None:
            raise
        raise VerificationError(
            error.message,
            rule=known or name,
            where=error.where if where is None else where,
            hint=error.hint,
        ) from error
