"""Starts servers, loads them, and prints what they do. See `run`."""

import argparse
import base64
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

HERE = Path(__file__).resolve().parent
REGION = "eu-central-1"
CREDENTIALS = Credentials("AKIABENCHUSER0000001", "BenchSecretBenchSecretBenchSecretBench01")
# As of a program that has to name what its ciphertexts are for.
IDENTITY = """
[[principal]]
access_key_id = "AKIABENCHUSER0000001"
secret_access_key = "BenchSecretBenchSecretBenchSecretBench01"
arn = "arn:aws:iam::111122223333:user/bench"
policies = ['''{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "kms:CreateKey", "Resource": "*"},
    {"Effect": "Allow", "Action": ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"], "Resource": "*",
     "Condition": {"StringEquals": {"kms:EncryptionContext:department": "finance"}}}]}''']
"""
CONFIGURATION = """
quotas = "{work}/quotas.toml"
[listen]
addresses = ["127.0.0.1:0"]
[service]
regions = ["eu-central-1"]
[store]
path = "{work}/store"
[root]
key_file = "{work}/root.key"
[audit]
directory = "{work}/audit"
[credentials]
file = "{work}/credentials.toml"
"""
OPERATIONS = ["Encrypt", "Decrypt", "GenerateDataKey"]
TICK = os.sysconf("SC_CLK_TCK")
CPUS = sorted(os.sched_getaffinity(0))


class Server:
    """A process, on all CPUs but the last, which the generator has."""

    def __init__(self, name, command, address_in, work):
        self.name = name
        out = open(work / f"{name}.log", "wb")
        cpus = set(CPUS[:-1]) or set(CPUS)
        self.process = subprocess.Popen(
            command, stdout=out, stderr=out, preexec_fn=lambda: os.sched_setaffinity(0, cpus)
        )
        self.url = None
        for _ in range(1200):
            found = re.search(address_in, (work / f"{name}.log").read_text())
            if found:
                self.url = "http://" + found.group(0).removeprefix("http://")
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        self.end()
        sys.exit(f"{name} did not start: {work}/{name}.log")

    def cpu(self):
        """Seconds of CPU that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def memory(self):
        """MiB that it holds."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def client(url):
    return botocore.session.get_session().create_client(
        "kms",
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id=CREDENTIALS.access_key,
        aws_secret_access_key=CREDENTIALS.secret_key,
    )


def bodies(url):
    """What is asked, as JSON, of each operation."""
    kms = client(url)
    key = kms.create_key()["KeyMetadata"]["Arn"]
    context = {"department": "finance", "document": "2026-1187"}
    plaintext = bytes(range(32))
    sealed = kms.encrypt(KeyId=key, Plaintext=plaintext, EncryptionContext=context)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=sealed, EncryptionContext=context)["Plaintext"] == plaintext
    text = lambda blob: base64.b64encode(blob).decode()
    return {
        "Encrypt": {"KeyId": key, "Plaintext": text(plaintext), "EncryptionContext": context},
        "Decrypt": {"CiphertextBlob": text(sealed), "EncryptionContext": context},
        "GenerateDataKey": {"KeyId": key, "KeySpec": "AES_256", "EncryptionContext": context},
    }


def sign(url, operation, body):
    """The headers that botocore sends, and the body."""
    data = json.dumps(body)
    headers = {
        "Host": url.removeprefix("http://"),
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"TrentService.{operation}",
        "User-Agent": "Botocore/1.44.8 md/Botocore#1.44.8 ua/2.1 os/linux lang/python",
        "Accept-Encoding": "identity",
    }
    request = AWSRequest("POST", url + "/", headers=headers, data=data)
    SigV4Auth(CREDENTIALS, "kms", REGION).add_auth(request)
    return dict(request.headers), data


def on_last_cpu():
    os.sched_setaffinity(0, {CPUS[-1]})


def load(server, operation, body, seconds, connections, work, pause=None):
    """As many requests as it answers, or, if each connection pauses before each, fewer. A signature is good for five
    minutes, so it is made just now."""
    headers, data = sign(server.url, operation, body)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"POST / HTTP/1.1\r\n{lines}Content-Length: {len(data)}\r\n\r\n{data}"
    file = work / "requests"
    file.write_text(f"{len(request)}\n{request}", newline="")
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", HERE / "load.lua", server.url, "--", file]
    command += [] if pause is None else [str(pause)]
    before = server.cpu()
    ran = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=on_last_cpu)
    used = server.cpu() - before
    found = json.loads(ran.stdout.splitlines()[-1])
    requests = max(found["requests"], 1)
    return {
        "rate": requests / found["seconds"],
        "p50": found["p50"] / 1e3,
        "p99": found["p99"] / 1e3,
        "p999": found["p999"] / 1e3,
        "cpu": used / requests * 1e6,
        "bad": found["refused"] + found["broken"],
    }


def at_rate(server, operation, body, seconds, work, rate):
    """About so many requests each second: of connections that are so many, and pause for so long, that few of them wait
    for an answer at any time."""
    pause = 20
    # A millisecond for the answer, and the half that the clock of the generator adds.
    connections = max(1, round(rate * (pause + 1.5) / 1000))
    return load(server, operation, body, seconds, connections, work, pause)


def show(name, what, found, memory):
    print(
        f"{name:6} {what:28} {found['rate']:9.0f}/s  p50 {found['p50']:8.3f}  p99 {found['p99']:8.3f}"
        f"  p99.9 {found['p999']:8.3f} ms  CPU {found['cpu']:8.1f} us  {memory:6.1f} MiB  bad {found['bad']}",
        flush=True,
    )


def start(name, target, work, size):
    if name == "empty":
        return Server(name, [target / "release/empty-server", str(size)], r"http://[0-9.]+:[0-9]+", work)
    if name == "moto":
        moto = target / "bench-server-venv/bin/moto_server"
        return Server(name, [moto, "-H", "127.0.0.1", "-p", "0"], r"http://127[0-9.]+:[0-9]+", work)
    (work / "kms.toml").write_text(CONFIGURATION.format(work=work))
    # Counted like any others, and never reached.
    (work / "quotas.toml").write_text("Symmetric = 1e9\n")
    credentials = work / "credentials.toml"
    credentials.write_text(IDENTITY)
    credentials.chmod(0o600)
    command = [target / "release/kms", "serve", "--config", work / "kms.toml"]
    return Server(name, command, r"127\.0\.0\.1:[1-9][0-9]*", work)


def main():
    parser = argparse.ArgumentParser(prog="benches/server/run")
    parser.add_argument("--target", type=lambda text: Path(text).resolve(), required=True, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=int, default=10, help="of each measurement")
    parser.add_argument("--soak", type=int, default=0, help="seconds at 80 %% of the most, for memory and errors")
    parser.add_argument("--only", default="kms,empty,moto", help="the servers, with commas between")
    parser.add_argument("--operations", default=",".join(OPERATIONS))
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--pause", type=int, default=0, help="seconds before the first, to attach a profiler")
    options = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(("AWS_", "KMS_", "BOTO_"))]:
        del os.environ[name]
    # Of a folder that is on a disk: what is measured is also how it syncs.
    work = options.target / "bench-server"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    operations = options.operations.split(",")
    most, size, asked = {}, 400, None
    for name in options.only.split(","):
        server = start(name, options.target, work, size)
        try:
            idle = server.memory()
            print(f"{name:6} {'idle':28} {idle:.1f} MiB", flush=True)
            if name == "empty":
                asked = asked or {operation: {"KeyId": "x" * 150} for operation in operations}
            else:
                asked = bodies(server.url)
                size = len(json.dumps(client_answer(server.url, asked["Encrypt"])))
            time.sleep(options.pause)
            for operation in operations:
                # Once to warm up: threads, caches, the branches of the allocator.
                load(server, operation, asked[operation], 1, options.connections, work)
                found = load(server, operation, asked[operation], options.seconds, options.connections, work)
                most[name, operation] = found
                show(name, operation, found, server.memory())
            if name == "kms":
                slowed(server, options, asked, most, work)
        finally:
            server.end()
    for operation in operations:
        ratios = [
            f"{most['kms', operation]['rate'] / most[other, operation]['rate']:.2f} of {other}"
            for other in ("empty", "moto")
            if ("kms", operation) in most and (other, operation) in most
        ]
        if ratios:
            print(f"kms    {operation}: {', '.join(ratios)}")


def client_answer(url, body):
    """What Encrypt answers, as it goes over the wire."""
    answer = client(url).encrypt(
        KeyId=body["KeyId"],
        Plaintext=base64.b64decode(body["Plaintext"]),
        EncryptionContext=body["EncryptionContext"],
    )
    return {
        "CiphertextBlob": base64.b64encode(answer["CiphertextBlob"]).decode(),
        "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "KeyId": answer["KeyId"],
    }


def slowed(server, options, asked, most, work):
    """At half of the most, and for long at 80 %."""
    for operation in options.operations.split(","):
        rate = most["kms", operation]["rate"] / 2
        found = at_rate(server, operation, asked[operation], options.seconds, work, rate)
        show("kms", f"{operation}, half of it", found, server.memory())
    left, before = options.soak, server.memory()
    rate = most["kms", "Encrypt"]["rate"] * 0.8 if left else 0
    while left > 0:
        # A signature lives for five minutes.
        seconds = min(left, 60)
        found = at_rate(server, "Encrypt", asked["Encrypt"], seconds, work, rate)
        show("kms", f"80 %, {left} s left", found, server.memory())
        left -= seconds
    if options.soak:
        print(f"kms    memory: {before:.1f} MiB before, {server.memory():.1f} MiB after {options.soak} s")


main()
