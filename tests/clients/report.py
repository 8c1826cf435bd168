"""What was checked, and how it went: one line for each group, the sum at the end, and the exit status."""

import contextlib
import sys
import traceback

from botocore.exceptions import ClientError


class Report:
    """Counts checks. A check that fails is told and counted, and the next one goes on."""

    def __init__(self, name):
        self.name = name
        self.passed = 0
        self.failed = 0

    @contextlib.contextmanager
    def group(self, title):
        """Checks that belong together. An exception that none of them expects ends the group, as one failure."""
        passed, failed = self.passed, self.failed
        try:
            yield
        except Exception as error:  # What it was is printed, and counts as a failure.
            place = next(f for f in reversed(traceback.extract_tb(error.__traceback__)) if "/tests/clients/" in f.filename)
            self._fail(f"{title}: line {place.lineno}: {type(error).__name__}: {error}")
        passed, failed = self.passed - passed, self.failed - failed
        print(f"{self.name}: {title}: {passed} passed" + (f", {failed} FAILED" if failed else ""), flush=True)

    def check(self, what, holds, detail=""):
        """That `holds` is true."""
        if holds:
            self.passed += 1
        else:
            self._fail(f"{what}{': ' if detail else ''}{detail}")
        return bool(holds)

    def equal(self, what, got, wanted):
        """That both are the same."""
        return self.check(what, got == wanted, f"got {got!r}, not {wanted!r}")

    def refused(self, what, codes, call, *args, message=None, status=None, **kwargs):
        """That `call` is refused with the exception `codes`, or one of them; and with that text, if one is given."""
        codes = [codes] if isinstance(codes, str) else codes
        try:
            call(*args, **kwargs)
        except ClientError as error:
            response = error.response
            code, text = response["Error"]["Code"], response["Error"].get("Message") or ""
            self.check(what, code in codes, f"got {code} ({text}), not {' or '.join(codes)}")
            if message is not None:
                self.equal(f"{what}: text", text, message)
            wanted = status or (412 if code == "DryRunOperationException" else 400)
            self.equal(f"{what}: HTTP status", response["ResponseMetadata"]["HTTPStatusCode"], wanted)
            self.check(f"{what}: request id", response["ResponseMetadata"].get("RequestId"))
            return error
        return self._fail(f"{what}: done, not refused with {' or '.join(codes)}")

    def finish(self):
        """Prints the sum and ends the program."""
        print(f"{self.name}: {self.passed} passed, {self.failed} failed", flush=True)
        sys.exit(1 if self.failed or not self.passed else 0)

    def _fail(self, text):
        self.failed += 1
        print(f"{self.name}: FAILED: {text}", file=sys.stderr, flush=True)
