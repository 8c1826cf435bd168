"""For moto's own tests: a key is made without the policy that is none.

moto takes any text for a key policy, and its tests give one that AWS refuses wherever they need a key. What they test is
something else.
"""

import json

import botocore.client

_call = botocore.client.BaseClient._make_api_call


def _without_policy(self, operation, request):
    if operation == "CreateKey" and not _is_json(request.get("Policy", "{}")):
        request = {name: value for name, value in request.items() if name != "Policy"}
    return _call(self, operation, request)


def _is_json(text):
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


botocore.client.BaseClient._make_api_call = _without_policy
