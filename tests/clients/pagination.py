"""botocore's paginators of the service, with pages of one and two entries."""

import os
import uuid

import botocore.session

from clients import ROOT, check_answers, client
from report import Report
from subjects import Subject, custom_key_store

CLUSTER = os.environ.get("KMS_TEST_CLUSTER")

report = Report("pagination")
check, equal = report.check, report.equal
kms = client()
subject = Subject("symmetric")

with report.group("what there is to page through"):
    for _ in range(3):
        kms.create_alias(AliasName=f"alias/{uuid.uuid4()}", TargetKeyId=subject.id)
        kms.rotate_key_on_demand(KeyId=subject.id)
        kms.create_grant(KeyId=subject.id, GranteePrincipal=ROOT["arn"], RetiringPrincipal=ROOT["arn"],
                         Operations=["DescribeKey"])
        kms.create_key()
    if CLUSTER:
        custom_key_store(kms, CLUSTER)
    kms.tag_resource(KeyId=subject.id, Tags=[{"TagKey": str(number), "TagValue": ""} for number in range(3)])
    check("made", True)

#: Each paginator: what it is asked, what an entry is known by, and the least number of entries.
PAGES = {
    "list_keys": ({}, "Keys", "KeyId", 4),
    "list_aliases": ({}, "Aliases", "AliasName", 4),
    "list_grants": ({"KeyId": subject.id}, "Grants", "GrantId", 4),
    "list_key_policies": ({"KeyId": subject.id}, "PolicyNames", None, 1),
    "list_key_rotations": ({"KeyId": subject.id}, "Rotations", "KeyMaterialId", 3),
    "list_resource_tags": ({"KeyId": subject.id}, "Tags", "TagKey", 4),
    "list_retirable_grants": ({"RetiringPrincipal": ROOT["arn"]}, "Grants", "GrantId", 3),
    "describe_custom_key_stores": ({}, "CustomKeyStores", "CustomKeyStoreId", 1 if CLUSTER else 0),
}

for name, (request, entries, identity, least) in PAGES.items():
    with report.group(name):
        whole = None
        for size in (1000, 2, 1):
            pages = list(kms.get_paginator(name).paginate(**request, PaginationConfig={"PageSize": size}))
            found = [one[identity] if identity else one for page in pages for one in page[entries]]
            equal(f"{size}: each once", len(set(found)), len(found))
            check(f"{size}: all", len(found) >= least, len(found))
            check(f"{size}: pages", all(len(page[entries]) <= size for page in pages))
            if size < 3 and least > 2:
                check(f"{size}: several pages", len(pages) > 1, len(pages))
            for page in pages[:-1]:
                check(f"{size}: truncated", page["Truncated"] is True and page["NextMarker"])
            check(f"{size}: the last", not pages[-1]["Truncated"] and "NextMarker" not in pages[-1])
            if whole is None:
                whole = found
            equal(f"{size}: in one order", found, whole)
        limited = kms.get_paginator(name).paginate(**request, PaginationConfig={"PageSize": 1, "MaxItems": 1})
        result = limited.build_full_result()
        equal("resumable", "NextToken" in result, len(whole) > 1)
        if len(whole) > 1:
            rest = kms.get_paginator(name).paginate(
                **request, PaginationConfig={"StartingToken": result["NextToken"]}
            ).build_full_result()
            equal("the rest", [one[identity] for one in rest[entries]], whole[1:])

with report.group("all of the model's"):
    model = botocore.session.get_session().get_paginator_model("kms")
    for operation in sorted(model._paginator_config):
        check(operation, botocore.xform_name(operation) in PAGES, "has no test here")
    # botocore has no waiters for KMS; one that comes needs a test here.
    equal("waiters", kms.waiter_names, [])

check_answers(report)
report.finish()
