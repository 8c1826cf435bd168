#!/usr/bin/env python3
"""Packs AWS's signing test suite (version 4) into suite.json: `suite.py DIRECTORY`.

DIRECTORY is `aws-signing-test-suite/v4`, as the crate aws-sigv4 ships it (Apache-2.0). Cases that are not normalized are how
Amazon S3 signs, and are left out.
"""
import json
import pathlib
import sys

cases = []
for case in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    if not (case / "context.json").exists():
        continue  # The crate's own, in another form.
    context = json.loads((case / "context.json").read_text())
    if not context["normalize"]:
        continue
    cases.append(
        {
            "name": case.name,
            "token": context["credentials"].get("token"),
            "omit_session_token": context.get("omit_session_token", False),
            "sign_body": context["sign_body"],
            "header": (case / "header-signed-request.txt").read_text(),
            "query": (case / "query-signed-request.txt").read_text(),
        }
    )
with open(pathlib.Path(__file__).parent / "suite.json", "w") as out:
    json.dump(cases, out, indent=1, ensure_ascii=False)
    out.write("\n")
