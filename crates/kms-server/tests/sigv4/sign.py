#!/usr/bin/env python3
"""Signs requests with botocore, the AWS SDK for Python, and writes them to botocore.json beside this script."""
import base64
import datetime
import json
import pathlib
from urllib.parse import urlsplit

import botocore.auth
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

NOW = datetime.datetime(2026, 11, 25, 9, 23, 40, tzinfo=datetime.timezone.utc)
ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TOKEN = "FQoGZXIvYXdzEXAMPLE//////////wEaDA+/=="
XKS_ID, XKS_SECRET = "BETWEEN2TEN3AND4THIRTY5CHARS6", "PleaseReplaceThisWithSomeSecretOfMoreLength+/="

botocore.auth.get_current_datetime = lambda *_, **__: NOW


def request(url="https://kms.eu-central-1.amazonaws.com/", method="POST", body=b"{}", target="ListKeys", **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if target:
        headers["X-Amz-Target"] = f"TrentService.{target}"
        headers["Content-Type"] = "application/x-amz-json-1.1"
    return AWSRequest(method, url, headers, body)


def signed(name, request, service="kms", region="eu-central-1", token=None, expires=None):
    key = (XKS_ID, XKS_SECRET) if service == "kms-xks-proxy" else (ID, SECRET)
    credentials = Credentials(*key, token)
    if expires:
        # As for a presigned request with a body: what SigV4QueryAuth would move into the query stays where it is.
        class Presign(SigV4QueryAuth):
            def payload(self, request):
                return SigV4Auth.payload(self, request)

        data, request.data = request.data, b""
        signer = Presign(credentials, service, region, expires)
        body = type("Body", (), {"data": data})
        signer.payload = lambda _: SigV4Auth.payload(signer, AWSRequest("POST", request.url, {}, data))
        signer.add_auth(request)
        request.data = data
    else:
        SigV4Auth(credentials, service, region).add_auth(request)
    url = urlsplit(request.url)
    headers = [("Host", url.netloc)] if "Host" not in request.headers else []
    headers += [(name, str(value)) for name, value in request.headers.items()]
    return {
        "name": name,
        "service": service,
        "region": region,
        "token": token,
        "method": request.method,
        "target": (url.path or "/") + (f"?{url.query}" if url.query else ""),
        "headers": headers,
        "body": base64.b64encode(request.data or b"").decode(),
    }


xks = "https://proxy.example.com/acme/kms/xks/v1"
cases = [
    signed("plain", request()),
    signed("empty body", request(body=b"")),
    signed("binary body", request(body=bytes(range(256)) * 40)),
    signed("another region", request("https://kms.us-gov-west-1.amazonaws.com/"), region="us-gov-west-1"),
    signed("a port", request("http://127.0.0.1:8080/")),
    signed("a token", request(), token=TOKEN),
    signed("a Date header", request(Date="now")),
    signed("spaces in a header", request(X_Amz_Meta="  a   b  ", X_Other="x \t y")),
    signed("many headers", request(**{f"X_Amz_Meta_{n}": str(n) for n in range(40)})),
    signed("a hash of the body", request(X_Amz_Content_SHA256="44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")),
    signed("paths", request("https://kms.eu-central-1.amazonaws.com/a/./b/../c//d%20e/%C3%A9/~-_.%2F/")),
    signed("a query", request("https://kms.eu-central-1.amazonaws.com/?b=2&a=1&a=0&B=&%C3%A9=%20%2B&z")),
    signed("GET", request(method="GET", body=b"", target=None)),
    signed("presigned", request(), expires=60),
    signed("presigned for a week", request(body=b""), expires=604800),
    signed("presigned with a token", request(), token=TOKEN, expires=900),
    signed("presigned without headers", request(target=None, body=b"x=1"), expires=1),
    signed("health of a proxy", request(f"{xks}/health", target=None), service="kms-xks-proxy", region="us-east-2"),
    signed("a key of a proxy", request(f"{xks}/keys/a-b.c_d/encrypt", target=None), service="kms-xks-proxy"),
]
with open(pathlib.Path(__file__).parent / "botocore.json", "w") as out:
    json.dump(cases, out, indent=1)
    out.write("\n")
