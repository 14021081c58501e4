"""The check of events before they leave: the very rules of the server's intake."""

import os
from typing import Any

import msgspec

from vitne.core.event.event import Problem
from vitne.core.event.intake import IntakeContext, Quarantined, Rejected
from vitne.core.event.sections import join_sections
from vitne.core.event.source import SourceRegistration
from vitne.core.event.validate import validate_event
from vitne.sdk.options import Options


class Checker:
    """Checks events as the server will, with the options of one client as the registration."""

    def __init__(self, options: Options) -> None:
        self._tenant = options.tenant
        self._registration = SourceRegistration(
            application=options.application,
            service=options.service,
            layer=options.layer,
            environment=options.environment,
            deployment=options.deployment,
            issuer=options.issuer,
            party=options.party,
            may_import=True,  # old times are a matter of the server's rights, not of form
        )

    def problems(self, body: bytes, now_us: int) -> tuple[str, ...]:
        """Every fault of an encoded event, a sentence each; empty if the server would take it."""
        judged = validate_event(body, self.context(now_us))
        return problem_sentences(judged.problems) if isinstance(judged, Rejected) else ()

    def context(self, now_us: int, tenant: str = "") -> IntakeContext:
        """What the server's intake is given of an event of this client."""
        return IntakeContext(
            now_us=now_us,
            registration=self._registration,
            fresh=os.urandom,
            pseudonym=lambda _tenant, _plain: "0" * 32,
            default_tenant=tenant or self._tenant or "unnamed",
        )

    def complete(self, body: bytes, now_us: int) -> tuple[bytes, tuple[str, ...]]:
        """The event as it can be signed, with everything in it that the server would fill in.

        Returns:
            The event, and every fault for which the log would refuse it.
        """
        # With a place in a stream, which it gets later, it takes the quick way through validation.
        judged = validate_event(body[:-1] + _SOME_PLACE, self.context(now_us))
        if isinstance(judged, Rejected):
            return body, problem_sentences(judged.problems)
        if isinstance(judged, Quarantined):
            return body, (f"$: quarantined, {judged.reason}",)
        if "id_pseudonymised" in judged.warnings:
            return body, ("$: forbidden_content, an id that names a person: use native_id",)
        if judged.filled in {(), ("$.tenant.id",)} and not judged.warnings:
            return body, ()
        parts = (judged.core, judged.payload, judged.person)
        whole = join_sections(*(_decode(part) for part in parts))
        del whole["stream"]
        if "$.tenant.id" in judged.filled:
            del whole["tenant"]  # it names none, so its stream is not signed
        return _encode(whole), ()


def problem_sentences(problems: tuple[Problem, ...]) -> tuple[str, ...]:
    """Problems as sentences."""
    return tuple(
        f"{p.path}: {p.code}, expected {p.expected or '-'}, got {p.got or '-'}" for p in problems
    )


_SOME_PLACE = b',"stream":{"id":"-","seq":1}}'
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode
