"""CloudTrail records: what each part of an event is made of."""

import copy
from typing import Any

import pytest

from vitne.formats.cloudtrail import map_record

RECORD: dict[str, Any] = {
    "eventVersion": "1.08",
    "eventID": "293ba626-3be5-4a26-ab1b-0f4c54f49959",
    "eventTime": "2023-07-10T11:42:36Z",
    "eventSource": "iam.amazonaws.com",
    "eventName": "ListMFADevices",
    "eventType": "AwsApiCall",
    "awsRegion": "us-east-1",
    "readOnly": True,
    "recipientAccountId": "1234",
    "requestID": "R1",
    "sourceIPAddress": "10.248.16.43",
    "userAgent": "aws-cli/2",
    "requestParameters": {"userName": "benjamin"},
    "responseElements": None,
    "userIdentity": {
        "type": "IAMUser",
        "principalId": "AIDA",
        "arn": "arn:aws:iam::1234:user/benjamin",
        "accountId": "1234",
        "accessKeyId": "ASIA1",
        "userName": "benjamin",
        "sessionContext": {
            "attributes": {"creationDate": "2023-07-10T11:42:31Z", "mfaAuthenticated": "true"}
        },
    },
}


def event_of(**members: Any) -> dict[str, Any]:
    mapped = map_record(copy.deepcopy(RECORD) | members, "raw")
    assert mapped.event is not None, mapped.problems
    return mapped.event


def test_a_record_says_who_called_what_when_from_where() -> None:
    event = event_of()

    assert event["type"] == "aws.iam.list_mfa_devices"
    assert event["category"] == "view"
    assert event["occurred_at"] == "2023-07-10T11:42:36.000000Z"
    assert event["actor"]["id"] == "arn:aws:iam::1234:user/benjamin"
    assert event["actor"]["type"] == "user"
    assert event["actor"]["auth"] == {
        "method": "iam_user",
        "mfa": True,
        "credential_ref": "ASIA1",
        "at": "2023-07-10T11:42:31.000000Z",
    }
    assert event["client"] == {"ip": "10.248.16.43", "user_agent": "aws-cli/2"}
    assert [(t["type"], t["id"]) for t in event["targets"]] == [("user", "benjamin")]


@pytest.mark.parametrize(
    ("members", "category"),
    [
        ({"eventName": "ConsoleLogin", "eventSource": "signin.amazonaws.com"}, "authenticate"),
        ({"eventName": "CreateUser", "readOnly": False}, "authorize"),
        ({"eventName": "CreateBucket", "eventSource": "s3.amazonaws.com", "readOnly": False},
         "create"),
        ({"eventName": "DeleteBucket", "eventSource": "s3.amazonaws.com", "readOnly": False},
         "delete"),
        ({"eventName": "PutBucketPolicy", "eventSource": "s3.amazonaws.com", "readOnly": False},
         "update"),
        ({"eventName": "StopLogging", "eventSource": "cloudtrail.amazonaws.com",
          "readOnly": False}, "execute"),
    ],
)  # fmt: skip
def test_the_category_follows_verb_and_read_only(members: dict[str, Any], category: str) -> None:
    assert event_of(**members)["category"] == category


@pytest.mark.parametrize(
    ("code", "result", "told"),
    [
        ("AccessDenied", "denied", "access_denied"),
        ("Client.UnauthorizedOperation", "denied", "client.unauthorized_operation"),
        ("ThrottlingException", "failed", "throttling_exception"),
        ("NoSuchTagSet", "failed", "no_such_tag_set"),
    ],
)
def test_only_some_error_codes_are_denials(code: str, result: str, told: str) -> None:
    outcome = event_of(errorCode=code, errorMessage="m" * 600)["outcome"]

    assert (outcome["result"], outcome["code"]) == (result, told)
    assert len(outcome["reason"]) == 512


def test_a_failed_sign_in_is_denied() -> None:
    event = event_of(eventName="ConsoleLogin", responseElements={"ConsoleLogin": "Failure"})

    assert event["outcome"]["result"] == "denied"


@pytest.mark.parametrize(
    ("identity", "actor", "kind"),
    [
        ({"type": "AWSService", "invokedBy": "inspector2.amazonaws.com"},
         "inspector2.amazonaws.com", "service"),
        ({"accountId": "1234", "invokedBy": "ec2.amazonaws.com"}, "ec2.amazonaws.com", "service"),
        ({"type": "Root", "principalId": "1234"}, "1234", "user"),
        ({"type": "AssumedRole", "arn": "a" * 140, "principalId": "AROA:ola"}, "AROA:ola", "user"),
    ],
)  # fmt: skip
def test_the_actor_is_the_arn_or_else_the_next_best(
    identity: dict[str, str], actor: str, kind: str
) -> None:
    found = event_of(userIdentity=identity)["actor"]

    assert (found["id"], found["type"]) == (actor, kind)
    assert found["attribution"] == ("asserted" if kind == "user" else "none")


def test_a_service_that_called_for_a_user_stands_in_the_chain() -> None:
    identity = RECORD["userIdentity"] | {"invokedBy": "health.amazonaws.com"}

    event = event_of(userIdentity=identity)

    assert event["actor"]["name"] == "benjamin"
    assert event["chain"] == [{"type": "service", "id": "health.amazonaws.com", "hop": 1}]


def test_listed_resources_go_before_the_names_of_the_request() -> None:
    resources = [{"ARN": "arn:aws:s3:::b", "type": "AWS::S3::Bucket"}, {"ARN": "arn:aws:s3:::c"}]

    targets = event_of(resources=resources)["targets"]

    assert [(t["type"], t["id"]) for t in targets] == [
        ("s3_bucket", "arn:aws:s3:::b"),
        ("s3", "arn:aws:s3:::c"),
    ]


def test_names_of_a_request_are_targets_but_filters_are_not() -> None:
    parameters = {
        "instancesSet": {"items": [{"instanceId": "i-1"}, {"instanceId": "i-2"}]},
        "filterSet": {"items": [{"name": "vpc-id"}]},
        "dBInstanceIdentifier": "db-1",
        "clientRequestToken": "t",
        "resourceId": "r",
        "resourceType": "Parameter",
    }

    targets = event_of(requestParameters=parameters)["targets"]

    assert [(t["type"], t["id"]) for t in targets] == [
        ("instance", "i-1"),
        ("instance", "i-2"),
        ("db_instance", "db-1"),
        ("parameter", "r"),
    ]


def test_an_address_that_is_none_is_left_to_the_original_and_reported() -> None:
    mapped = map_record(RECORD | {"sourceIPAddress": "AWS Internal"}, "raw")

    assert mapped.event is not None
    assert mapped.event["client"] == {"user_agent": "aws-cli/2"}
    assert "sourceIPAddress (no address)" in mapped.unmapped


@pytest.mark.parametrize(
    ("record", "path"),
    [
        (None, "$"),
        ([], "$"),
        ({}, "$"),
        (RECORD | {"eventID": 5}, "$"),
        (RECORD | {"eventTime": "soon"}, "$.eventTime"),
        (RECORD | {"userIdentity": None}, "$.userIdentity"),
    ],
)
def test_what_is_no_record_is_refused_with_the_reason(record: object, path: str) -> None:
    mapped = map_record(record, "raw")

    assert mapped.event is None
    assert [p.path for p in mapped.problems] == [path]


def test_the_id_derives_from_the_event_id_alone() -> None:
    assert event_of()["id"] == event_of(awsRegion="eu-north-1")["id"]
    assert event_of()["id"] != event_of(eventID="other")["id"]
