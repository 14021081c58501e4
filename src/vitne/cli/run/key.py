"""`vitne key`: make, list and revoke API keys."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cyclopts import App, Group, Parameter

from vitne.cli.base.admin import ServerFolder, opened_server, shell_user
from vitne.cli.base.output import Json, Output, copied, plain, second, table
from vitne.cli.run import source_key
from vitne.core.event.intake import SourceRegistration
from vitne.core.values import LogId, count, format_utc
from vitne.errors import BadInputError
from vitne.ports import ROLES, ApiKey, Role
from vitne.services.access import KeyRequest

app = App(name="key", help="Make, list and revoke API keys; register keys that sources sign with.")
app.command(source_key.app)

_SOURCE = Group("Source: the application that sends with it (for --role write)", sort_key=10)
KEY_COLUMNS = (
    *("id!", "name", "roles", "tenants", "revoked!"),
    *("source!?", "created!?", "person?"),
)


@Parameter(name="*", group=_SOURCE)
@dataclass(frozen=True)
class SourceOptions:
    """What is registered of the application that sends with a key."""

    source: Annotated[
        str,
        Parameter(help="Its name, as application/service, e.g. crm/crm-bff. Its events name it."),
    ] = ""
    layer: Annotated[
        Literal["ui", "bff", "gateway", "joint_service", "internal_service", "database"],
        Parameter(help="Which part of a system it is."),
    ] = "bff"
    environment: Annotated[
        Literal["prod", "staging", "test", "dev"],
        Parameter(help="Which of its installations this is."),
    ] = "prod"
    deployment: Annotated[
        Literal["saas", "customer_hosted", "edge"], Parameter(help="Who hosts it.")
    ] = "saas"
    issuer: Annotated[str, Parameter(help="Who gives its users their ids, e.g. an IdP's URL.")] = ""
    party: Annotated[
        Literal["tenant", "vendor", "partner", "consumer"],
        Parameter(help="For whom its users work."),
    ] = "tenant"
    may_assert: Annotated[
        bool,
        Parameter(
            negative="--no-may-assert",
            help="Accept who acted as this application states it, without a signature.",
        ),
    ] = True
    may_import: Annotated[
        bool, Parameter(help="It may import: send old events with their originals.")
    ] = False
    faces_user: Annotated[
        bool, Parameter(help="Requests come straight from users' devices; record their IP address.")
    ] = False

    types: Annotated[
        list[str] | None,
        Parameter(
            help="An event type that it declares, or several as crm.*; give it again for more."
            " Others are taken, and marked as undeclared."
        ),
    ] = None

    def registration(self) -> SourceRegistration | None:
        """As the key keeps it; None if no source is named. Raises `BadInputError`."""
        if not self.source:
            return None
        application, slash, service = self.source.partition("/")
        if not slash:
            raise BadInputError(
                "a source is application/service", where=self.source, hint="e.g. crm/crm-bff"
            )
        return SourceRegistration(
            application=application,
            service=service,
            layer=self.layer,
            environment=self.environment,
            deployment=self.deployment,
            issuer=self.issuer,
            party=self.party,
            may_assert=self.may_assert,
            may_import=self.may_import,
            faces_user=self.faces_user,
            types=tuple(dict.fromkeys(self.types or ())),
        )


@app.command(name="add")
def add_key(  # noqa: PLR0913  # the options of a verb
    name: Annotated[str, Parameter(help="What the key is for, e.g. crm-prod; people read it.")],
    /,
    *,
    role: Annotated[
        list[Role],
        Parameter(
            help="What it may do. "
            + "; ".join(f"{role}: {may}" for role, may in ROLES.items())
            + ". Give it again for more."
        ),
    ],
    tenant: Annotated[
        list[str] | None,
        Parameter(
            help="Id of a tenant that it is for; give it again for more, not at all for every one."
        ),
    ] = None,
    person: Annotated[
        str,
        Parameter(
            help="For --role read: id of the person who holds it, as in your staff directory; each"
            " read is logged under it. No name, no mail address."
        ),
    ] = "",
    source: SourceOptions | None = None,
    server_folder: ServerFolder | None = None,
    json: Json = False,
) -> None:
    """Make an API key. It is printed once; the folder keeps only its hash.

    For example:
        vitne key add crm-prod --role write --source crm/crm-bff --tenant acme
        vitne key add kari --role read --person emp_4711 --tenant acme
    """
    out = Output(json)
    wanted = KeyRequest(
        name=name,
        roles=tuple(dict.fromkeys(role)),
        tenants=tuple(LogId(one) for one in dict.fromkeys(tenant or ())),
        source=(source or SourceOptions()).registration(),
        person=person,
    )
    with opened_server(server_folder) as server:
        key, token = server.onboard.add_key(wanted, shell_user())
    out.result(
        _machine(key) | {"key": token.reveal()},
        plain(f"Made the key {key.id} ({key.name}), roles {', '.join(key.roles)}."),
        copied(f"It is shown this once: {token.reveal()}"),
    )


@app.command(name="list")
def list_keys(*, server_folder: ServerFolder | None = None, json: Json = False) -> None:
    """List all keys, revoked ones included, by creation."""
    out = Output(json)
    with opened_server(server_folder) as server:
        known = server.adapters.state.keys()
    found = [_machine(key) for key in known]
    rows = [
        (
            one["id"],
            one["name"],
            ", ".join(one["roles"]),
            ", ".join(one["tenants"]),
            second(one["revoked_at"]),
            one["source"],
            second(one["created_at"]),
            one["person"],
        )
        for one in found
    ]
    out.result({"keys": found}, table(count(len(found), "key"), KEY_COLUMNS, rows))


@app.command(name="revoke")
def revoke_key(
    key_id: Annotated[str, Parameter(help="Its id, the middle part of the key.")],
    /,
    *,
    server_folder: ServerFolder | None = None,
    json: Json = False,
) -> None:
    """Revoke a key; a running server refuses it within two seconds."""
    out = Output(json)
    with opened_server(server_folder) as server:
        key = server.onboard.revoke_key(key_id, shell_user())
    out.result(_machine(key), plain(f"Revoked the key {key.id} ({key.name})."))


def _machine(key: ApiKey) -> dict[str, Any]:
    """A key without its secret's hash."""
    return {
        "id": key.id,
        "name": key.name,
        "roles": list(key.roles),
        "tenants": list(key.tenants) or ["all"],
        "source": key.source.source_id if key.source else "",
        "person": key.person,
        "created_at": format_utc(key.created_us),
        "revoked_at": format_utc(key.revoked_us) if key.revoked_us else "",
    }
