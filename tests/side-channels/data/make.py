#!/usr/bin/env python3
"""Makes the fixed RSA key and the ciphertexts of this directory. Needs the package `cryptography`.

The key is a new one at each run; the counts do not depend on which. Ciphertexts are raw RSA over encoded messages
(RFC 8017, section 7.1.1, SHA-256, empty label) that are right or wrong in exactly one way.
"""
import hashlib
import os
import pathlib

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

HERE = pathlib.Path(__file__).parent
SIZE, HASH = 256, 32
key = rsa.generate_private_key(public_exponent=65537, key_size=8 * SIZE)
numbers = key.private_numbers()


def mgf1(seed, length):
    blocks = (hashlib.sha256(seed + i.to_bytes(4, "big")).digest() for i in range(length // HASH + 1))
    return b"".join(blocks)[:length]


def xor(left, right):
    return bytes(a ^ b for a, b in zip(left, right))


def ciphertext(first=0, label=b"", separator=b"\x01"):
    message = b"a data key of thirty-two bytes.." if separator else b""
    padding = bytes(SIZE - 2 * HASH - 1 - len(separator) - len(message))
    block = hashlib.sha256(label).digest() + padding + separator + message
    seed = os.urandom(HASH)
    masked = xor(block, mgf1(seed, len(block)))
    encoded = bytes([first]) + xor(seed, mgf1(masked, HASH)) + masked
    assert len(encoded) == SIZE
    number = pow(int.from_bytes(encoded, "big"), 65537, numbers.public_numbers.n)
    return number.to_bytes(SIZE, "big")


(HERE / "rsa-2048.pk8").write_bytes(
    key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
)
(HERE / "valid").write_bytes(ciphertext())
(HERE / "first-byte").write_bytes(ciphertext(first=1))
(HERE / "bad-label-hash").write_bytes(ciphertext(label=b"another"))
(HERE / "bad-separator").write_bytes(ciphertext(separator=b"\x02"))
(HERE / "no-separator").write_bytes(ciphertext(separator=b""))
