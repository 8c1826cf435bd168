"""Writes blob-v1.txt: ciphertext blobs as docs/FORMAT.md draws them, computed without the code they test.

Needs the package `cryptography`. The vectors are frozen: run this to see that they follow from the drawing
(`python3 blob-v1.py | diff - blob-v1.txt`), not to change them.
"""

import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MASTER_KEY = bytes(range(32))
KEY_ID = bytes.fromhex("1234abcd12ab44cd96ef1234567890ab")
NONCE = bytes(range(0xA0, 0xB0))


def context_bytes(pairs):
    if not pairs:
        return b""
    out = len(pairs).to_bytes(2, "big")
    for key, value in sorted((k.encode(), v.encode()) for k, v in pairs.items()):
        out += len(key).to_bytes(2, "big") + key + len(value).to_bytes(2, "big") + value
    return out


def seal(plaintext, pairs, generation=0, nonce=NONCE, commitment=bytes(32), master_key=MASTER_KEY):
    material = KEY_ID + generation.to_bytes(4, "big")
    kdf_input = (1).to_bytes(4, "big") + b"kms ciphertext blob v1\0" + nonce + material + (256).to_bytes(4, "big")
    key = hmac.new(master_key, kdf_input, hashlib.sha256).digest()
    header = b"\xc1\x01" + material + nonce
    aad = header + context_bytes(pairs)
    blob = header + AESGCM(key).encrypt(bytes(12), commitment + plaintext, aad)
    return blob, kdf_input, key, aad


def show(name, plaintext, pairs, generation=0, nonce=NONCE, blob=None, refused=None, **other):
    made, kdf_input, key, aad = seal(plaintext, pairs, generation, nonce, **other)
    print(f"\n[{name}]")
    if refused:
        print(f"refused = {refused}")
    print(f"master_key = {MASTER_KEY.hex()}")
    print(f"key_id = {KEY_ID.hex()}")
    print(f"generation = {generation}")
    print(f"context = {context_bytes(pairs).hex()}")
    if not refused:
        print(f"nonce = {nonce.hex()}")
        print(f"plaintext = {plaintext.hex()}")
        print(f"kdf_input = {kdf_input.hex()}")
        print(f"blob_key = {key.hex()}")
        print(f"associated_data = {aad.hex()}")
    print(f"blob = {(made if blob is None else blob).hex()}")


print("# Ciphertext blobs, version 1. Made by blob-v1.py; read and written by blob_vectors.rs. Frozen.")
print("# All values are hex but the generation (decimal) and the kind of the error.")

TENANT = {"tenant": "42"}
show("worked example", b"payload", TENANT)
show("empty plaintext, empty context", b"", {})
show("data key", bytes(range(0x80, 0xA0)), TENANT | {"purpose": "backup"})
show("later generation", b"rotated", TENANT, generation=3)
show("largest generation", b"rotated", {}, generation=0xFFFFFFFF)
show("all-zero nonce", b"payload", TENANT, nonce=bytes(16))
show("context sorted by bytes, not letters", b"payload", {"é": "ü", "b": "", "a": "1", "B": "2"})
show("several AES blocks", bytes(i % 251 for i in range(200)), TENANT)

good = seal(b"payload", TENANT)[0]


def refuse(name, blob, refused="Rejected", pairs=TENANT, generation=0):
    show(name, b"", pairs, generation, blob=blob, refused=refused)


def flipped(index):
    return good[:index] + bytes([good[index] ^ 1]) + good[index + 1 :]


refuse("commitment not zero, tag valid", seal(b"payload", TENANT, commitment=bytes(31) + b"\x01")[0])
refuse("plaintext behind no commitment, tag valid", seal(b"\x01" * 7, TENANT, commitment=b"\x01" * 32)[0])
refuse("other master key", seal(b"payload", TENANT, master_key=bytes(32))[0])
refuse("other context", good, pairs={"tenant": "43"})
refuse("no context", good, pairs={})
refuse("flipped nonce", flipped(37))
refuse("flipped commitment", flipped(38))
refuse("flipped ciphertext", flipped(70))
refuse("flipped tag", flipped(len(good) - 1))
refuse("last byte missing", good[:-1])
refuse("byte appended", good + b"\0")
refuse("generation of another key", good, "IncorrectKey", generation=1)
refuse("other key id", flipped(17), "IncorrectKey")
refuse("unknown suite", flipped(1), "Unsupported")
refuse("unknown version", flipped(0), "Malformed")
refuse("no room for a commitment and a tag", good[:85], "Malformed")
refuse("header only", good[:38], "Malformed")
refuse("no bytes", b"", "Malformed")
refuse("longer than any blob", good + bytes(6145 - len(good)), "Malformed")
