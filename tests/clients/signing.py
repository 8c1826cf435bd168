"""Requests that botocore's own signer makes, and what is wrong with them after they were changed."""

import datetime
import json
import os
import unittest.mock
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import urllib3

from clients import ADMIN, ALICE, REGION, WORKER
from report import Report

URL = os.environ["AWS_ENDPOINT_URL_KMS"].rstrip("/") + "/"
POOL = urllib3.PoolManager(ca_certs=os.environ.get("AWS_CA_BUNDLE"))

report = Report("signing")
check, equal = report.check, report.equal


def request(operation="ListKeys", body="{}", headers=(), url=URL, method="POST"):
    """A request that nobody has signed."""
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"TrentService.{operation}", **dict(headers)}
    return botocore.awsrequest.AWSRequest(method=method, url=url, headers=headers, data=body)


def sign(unsigned, *, principal=ADMIN, region=REGION, service="kms", signer=botocore.auth.SigV4Auth, ago=0, **more):
    """The same signed, so many seconds ago."""
    keys = botocore.credentials.Credentials(
        principal["access_key_id"], principal["secret_access_key"], principal.get("session_token")
    )
    then = datetime.datetime.now(tz=datetime.UTC) - datetime.timedelta(seconds=ago)
    with unittest.mock.patch("botocore.auth.get_current_datetime", return_value=then.replace(tzinfo=None)):
        signer(keys, service, region, **more).add_auth(unsigned)
    return unsigned


def send(signed, body=None, **headers):
    """The status and the body that come back, with changes made on the way."""
    prepared = signed.prepare()
    sent = {**dict(prepared.headers), **headers}
    if body:
        sent = {name: value for name, value in sent.items() if name.lower() != "content-length"}
    answer = POOL.request(prepared.method, prepared.url, body=body or prepared.body, headers=sent, retries=False)
    try:
        content = json.loads(answer.data) if answer.data else {}
    except ValueError:
        content = {"__type": f"no JSON: {answer.data[:80]!r}"}
    return answer.status, content


def refused(what, answer, code, begin=None, status=400):
    """That the answer is this exception."""
    equal(what, (answer[0], answer[1].get("__type", "").rpartition("#")[2]), (status, code))
    if begin is not None:
        text = answer[1].get("message") or answer[1].get("Message") or ""
        check(f"{what}: text", text.startswith(begin), text)


with report.group("in the header"):
    for principal in (ADMIN, WORKER, ALICE):
        status, content = send(sign(request("GenerateRandom", '{"NumberOfBytes": 1}'), principal=principal))
        allowed = principal is ADMIN
        equal(f"{principal['arn']}", (status, content.get("__type")),
              (200, None) if allowed else (400, "AccessDeniedException"))
    equal("a query of its own", send(sign(request(url=URL + "?a=%20b&a=a")))[0], 200)

with report.group("presigned"):
    def presign(**more):
        return sign(request(), signer=botocore.auth.SigV4QueryAuth, **{"expires": 60, **more})

    equal("taken", send(presign())[0], 200)
    refused("another body", send(presign(), body='{"Limit": 1}'), "InvalidSignatureException")
    refused("another operation", send(presign(), **{"X-Amz-Target": "TrentService.ListAliases"}), "InvalidSignatureException")
    refused("expired", send(presign(ago=120)), "InvalidSignatureException", "Signature expired")
    equal("longer than five minutes", send(presign(ago=1800, expires=3600))[0], 200)
    refused("not yet", send(presign(ago=-1800)), "InvalidSignatureException", "Signature not yet current")

with report.group("refused"):
    refused("unsigned", send(request()), "MissingAuthenticationTokenException")
    refused("not a signature", send(request(headers={"Authorization": "AWS4-HMAC-SHA256 nonsense"})),
            "IncompleteSignatureException")
    refused("another body", send(sign(request()), body='{"Limit": 1}'), "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided.")
    refused("another operation", send(sign(request()), **{"X-Amz-Target": "TrentService.ListAliases"}),
            "InvalidSignatureException")
    refused("too old", send(sign(request(), ago=3600)), "InvalidSignatureException", "Signature expired")
    refused("too new", send(sign(request(), ago=-3600)), "InvalidSignatureException", "Signature not yet current")
    refused("another service", send(sign(request(), service="s3")), "InvalidSignatureException",
            "Credential should be scoped to correct service")
    refused("a region that is not served", send(sign(request(), region="ap-south-1")), "InvalidSignatureException",
            "Credential should be scoped to a valid region")
    nobody = {**ADMIN, "access_key_id": "AKIANOBODYNOBODY0001"}
    refused("nobody", send(sign(request(), principal=nobody)), "UnrecognizedClientException",
            "The security token included in the request is invalid.")

with report.group("not the protocol"):
    refused("no such operation", send(sign(request("ListEverything"))), "UnknownOperationException")
    for what, body in [("no JSON", "{"), ("a list", "[]"), ("a wrong type", '{"Limit": "one"}'),
                       ("no UTF-8", b'{"Marker": "\xff"}'), ("more than one", "{} {}")]:
        refused(what, send(sign(request(body=body))), "SerializationException")
    equal("no body is an empty one", send(sign(request(body="")))[0], 200)
    equal("what is not known is ignored", send(sign(request(body='{"Unheard": {"of": 1}}')))[0], 200)
    # Not so long that the server hangs up while it is still being sent.
    refused("too long", send(sign(request(body=json.dumps({"Marker": "x" * (4 << 20)})))),
            "RequestEntityTooLargeException", status=413)
    check("another method", send(sign(request(method="GET", body=None)))[0] in (400, 403, 404, 405))

report.finish()
