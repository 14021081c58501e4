"""Vitne: an audit log that can prove, or disprove, that a person misused their access.

For applications that log:

    from vitne import Client

    audit = Client("https://audit.example", key, application="crm", service="crm-bff")
    audit.record("crm.customer.viewed", actor="usr_77", target="customer/cus_90331")

For whoever was handed a proof:

    from vitne import claims_of_record, policy_of_keys, verify_record

    found = verify_record(document, policy_of_keys([vkey_of_the_log]))
    print(found.event(), claims_of_record(found).not_proved)

The rooms, from the ground up; imports only go down:

    version     The version of Vitne, in one place; below everything that shows it.
    errors      Every error that Vitne raises, on one page.
    core        The rules of the log: bytes and structs in, bytes and structs out; no I/O, clock
                or chance.
    actions     From events to actions: what is worth logging (`worth`).
    answers     Questions about who did what, and what an answer may say: pure, the same for
                server and court.
    formats     Other systems' logs and formats: pure functions, text in and events out.
    simulator   A small vendor of kitchen, bath and retail software, simulated: pure, and
                repeatable by seed.
    wire        The request and reply structs of the HTTP interface: pure, and written once.
    evidence    Evidence in files, for outsiders, and how they verify it offline.
    ports       What the services need of the world, as promises in prose.
    services    What the server does, one chapter a folder; each decides with the pure rooms.
    adapters    One folder for each thing outside: they do what a port promises, and decide
                nothing.
    sdk         What applications embed: record audit events without holding up the application.
    settings    Every setting of a server, in one table: the class `Settings`.
    wiring      The only place that picks adapters for services: settings in, a running server
                out.
    api         The HTTP interface: requests in, problems and documents out; services decide,
                and nothing here.
    cli         The command line: one file per verb, each loaded only when it is called.
    __main__    `python -m vitne`: the command line.
    testing     For tests of applications and of Vitne itself: a server in a temporary folder, a
                clock to set.

docs/tour.md names every module. Names below are loaded when they are first used, so that
`import vitne` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from vitne.version import __version__

if TYPE_CHECKING:
    from vitne.errors import (
        BadInputError,
        ConfigurationError,
        NotAllowedError,
        NotFoundError,
        UnavailableError,
        VerificationError,
        VitneError,
    )
    from vitne.evidence.policy import Policy, parse_policy, policy_of_keys
    from vitne.evidence.record.document import redact_record
    from vitne.evidence.record.sentences import Claims, claims_of_record
    from vitne.evidence.record.verify import VerifiedRecord as Verified
    from vitne.evidence.record.verify import verify_record
    from vitne.sdk import AsgiMiddleware, Client, ClientOptions, WsgiMiddleware, action, bind

__all__ = [
    "AsgiMiddleware",
    "BadInputError",
    "Claims",
    "Client",
    "ClientOptions",
    "ConfigurationError",
    "NotAllowedError",
    "NotFoundError",
    "Policy",
    "UnavailableError",
    "VerificationError",
    "Verified",
    "VitneError",
    "WsgiMiddleware",
    "__version__",
    "action",
    "bind",
    "claims_of_record",
    "parse_policy",
    "policy_of_keys",
    "redact_record",
    "verify_record",
]

_AT_HOME = {
    "vitne.sdk": ("AsgiMiddleware", "Client", "ClientOptions", "WsgiMiddleware", "action", "bind"),
    "vitne.evidence.policy": ("Policy", "parse_policy", "policy_of_keys"),
    "vitne.evidence.record.document": ("redact_record",),
    "vitne.evidence.record.sentences": ("Claims", "claims_of_record"),
    "vitne.evidence.record.verify": ("Verified", "verify_record"),
}
_HOME = {name: home for home, names in _AT_HOME.items() for name in names}
"""Where each name is at home; errors are at home in `vitne.errors`."""


def __getattr__(name: str) -> object:
    """A public name, loaded when it is first used (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'vitne' has no attribute {name!r}")
    home = _HOME.get(name, "vitne.errors")
    found = getattr(import_module(home), "VerifiedRecord" if name == "Verified" else name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted(__all__)
