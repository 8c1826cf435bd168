// The AWS Encryption SDK for JavaScript with its KMS keyring: `esdk.js DIRECTORY`, where Python has left a message, and
// `esdk.js DIRECTORY BINARY`, which goes through `kms encrypt` and `kms decrypt`, too.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { CommitmentPolicy, KmsKeyringNode, buildClient } from "@aws-crypto/client-node";
import { CreateKeyCommand, KMS } from "@aws-sdk/client-kms";

import { ADMIN, REGION, Report, client } from "./report.js";

const [directory, binary] = process.argv.slice(2);
const { encrypt, decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);
const report = new Report("encryption sdk for javascript");
const clientProvider = () => client(ADMIN, {}, KMS);
const { arn, context } = JSON.parse(readFileSync(join(directory, "keys.json"), "utf8"));
const plain = readFileSync(join(directory, "plain"));
const writes = (generatorKeyId, keyIds = []) => new KmsKeyringNode({ clientProvider, generatorKeyId, keyIds });
const reads = (...keyIds) => new KmsKeyringNode({ clientProvider, keyIds });

/** The plaintext of a message, whose context has to have what we said. */
async function open(keyring, message) {
    const { plaintext, messageHeader } = await decrypt(keyring, message);
    for (const [name, value] of Object.entries(context)) assert.equal(messageHeader.encryptionContext[name], value);
    return plaintext;
}

await report.group("what Python wrote", async () => {
    assert.deepEqual(await open(reads(arn), readFileSync(join(directory, "python"))), plain);
});

await report.group("two keys", async () => {
    const other = (await client().send(new CreateKeyCommand({}))).KeyMetadata.Arn;
    const { result } = await encrypt(writes(arn, [other]), plain, { encryptionContext: context });
    for (const key of [arn, other]) assert.deepEqual(await open(reads(key), result), plain);
    const third = (await client().send(new CreateKeyCommand({}))).KeyMetadata.Arn;
    await assert.rejects(open(reads(third), result));
    const { result: one } = await encrypt(writes(arn), plain, { encryptionContext: context });
    writeFileSync(join(directory, "javascript"), one);
});

await report.group("discovery", async () => {
    const found = (accountIDs) => new KmsKeyringNode({
        clientProvider, discovery: true, discoveryFilter: { accountIDs, partition: "aws" },
    });
    const { result } = await encrypt(writes(arn), plain, { encryptionContext: context });
    assert.deepEqual(await open(found(["111122223333"]), result), plain);
    await assert.rejects(open(found(["999999999999"]), result));
});

if (binary) {
    await report.group("through kms", async () => {
        const env = {
            ...process.env, AWS_ACCESS_KEY_ID: ADMIN.access_key_id, AWS_SECRET_ACCESS_KEY: ADMIN.secret_access_key,
            AWS_REGION: REGION,
        };
        const pairs = Object.entries(context).flatMap(([name, value]) => ["--context", `${name}=${value}`]);
        const run = (command, input) => {
            const done = spawnSync(binary, [command, "--key", arn, ...pairs, "-o", "-", "-"], { env, input, maxBuffer: 1 << 26 });
            assert.equal(done.status, 0, String(done.stderr));
            return done.stdout;
        };
        assert.deepEqual(await open(reads(arn), run("encrypt", plain)), plain);
        const { result } = await encrypt(writes(arn), plain, { encryptionContext: context });
        assert.deepEqual(run("decrypt", result), plain);
    });
}

report.finish();
