"""The check of events before they leave: the very rules of the server's intake."""

import os

from vitne.core.source import SourceRegistration
from vitne.core.validate import IntakeContext, Rejected, validate
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
        context = IntakeContext(
            now_us=now_us,
            registration=self._registration,
            fresh=os.urandom,
            pseudonym=lambda _tenant, _plain: "0" * 32,
            default_tenant=self._tenant or "unnamed",
        )
        judged = validate(body, context)
        if not isinstance(judged, Rejected):
            return ()
        return tuple(
            f"{p.path}: {p.code}, expected {p.expected or '-'}, got {p.got or '-'}"
            for p in judged.problems
        )
