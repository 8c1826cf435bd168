// @aws-sdk/client-kms: round trips, the classes of errors, paginators, retries.

import assert from "node:assert/strict";
import { createHash, createPublicKey, randomUUID, verify } from "node:crypto";

import {
    CreateAliasCommand, CreateKeyCommand, DecryptCommand, DescribeKeyCommand, DisabledException, DisableKeyCommand,
    DryRunOperationException, EncryptCommand, GenerateDataKeyCommand, GenerateMacCommand, GenerateRandomCommand,
    GetPublicKeyCommand, IncorrectKeyException, InvalidCiphertextException, KMSInvalidMacException,
    KMSServiceException, ListAliasesCommand, ListKeysCommand, NotFoundException, ScheduleKeyDeletionCommand,
    SignCommand, UpdateKeyDescriptionCommand, VerifyMacCommand, paginateListAliases, paginateListKeys,
} from "@aws-sdk/client-kms";

import { ADMIN, ALICE, Report, client } from "./report.js";

const report = new Report("client-kms for javascript");
const kms = client(ADMIN);
const text = Buffer.from("The quick brown fox");
const EncryptionContext = { department: "finance", "ä": "ö" };

/** That a command is refused with an exception of this class. */
async function refused(command, kind, message) {
    await assert.rejects(kms.send(command), (error) => {
        assert.ok(error instanceof kind, `${error.name}: ${error.message}`);
        assert.ok(error instanceof KMSServiceException);
        assert.equal(error.$fault, "client");
        assert.ok(error.$metadata.requestId);
        if (message !== undefined) assert.equal(error.message, message);
        return true;
    });
}

let key, arn;

await report.group("keys", async () => {
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({ Description: "from JavaScript" }));
    ({ KeyId: key, Arn: arn } = KeyMetadata);
    assert.ok(KeyMetadata.CreationDate instanceof Date);
    assert.deepEqual((await kms.send(new DescribeKeyCommand({ KeyId: arn }))).KeyMetadata, KeyMetadata);
    const { KeyState, DeletionDate } = await kms.send(new ScheduleKeyDeletionCommand({
        KeyId: (await kms.send(new CreateKeyCommand({}))).KeyMetadata.KeyId, PendingWindowInDays: 7,
    }));
    assert.equal(KeyState, "PendingDeletion");
    assert.ok(DeletionDate > new Date());
});

await report.group("round trips", async () => {
    const { CiphertextBlob } = await kms.send(new EncryptCommand({ KeyId: key, Plaintext: text, EncryptionContext }));
    const opened = await kms.send(new DecryptCommand({ CiphertextBlob, EncryptionContext }));
    assert.equal(opened.KeyId, arn);
    assert.deepEqual(Buffer.from(opened.Plaintext), text);
    const data = await kms.send(new GenerateDataKeyCommand({ KeyId: key, KeySpec: "AES_256", EncryptionContext }));
    const again = await kms.send(new DecryptCommand({ CiphertextBlob: data.CiphertextBlob, EncryptionContext }));
    assert.deepEqual(again.Plaintext, data.Plaintext);
    assert.equal((await kms.send(new GenerateRandomCommand({ NumberOfBytes: 33 }))).Plaintext.length, 33);
});

await report.group("signatures", async () => {
    const { KeyMetadata: { KeyId } } = await kms.send(new CreateKeyCommand({
        KeySpec: "ECC_NIST_P384", KeyUsage: "SIGN_VERIFY",
    }));
    const digest = createHash("sha384").update(text).digest();
    const { Signature } = await kms.send(new SignCommand({
        KeyId, Message: digest, MessageType: "DIGEST", SigningAlgorithm: "ECDSA_SHA_384",
    }));
    const { PublicKey } = await kms.send(new GetPublicKeyCommand({ KeyId }));
    const outside = createPublicKey({ key: Buffer.from(PublicKey), format: "der", type: "spki" });
    assert.ok(verify("sha384", text, outside, Signature));
});

await report.group("errors", async () => {
    await refused(new DescribeKeyCommand({ KeyId: "no-key" }), NotFoundException, "Invalid keyId 'no-key'");
    const { CiphertextBlob } = await kms.send(new EncryptCommand({ KeyId: key, Plaintext: text, EncryptionContext }));
    await refused(new DecryptCommand({ CiphertextBlob }), InvalidCiphertextException);
    const other = (await kms.send(new CreateKeyCommand({}))).KeyMetadata.KeyId;
    await refused(new DecryptCommand({ CiphertextBlob, EncryptionContext, KeyId: other }), IncorrectKeyException,
        "The key ID in the request does not identify a CMK that can perform this operation.");
    await refused(new EncryptCommand({ KeyId: key, Plaintext: text, DryRun: true }), DryRunOperationException,
        "The request would have succeeded, but the DryRun option is set.");
    await kms.send(new DisableKeyCommand({ KeyId: other }));
    await refused(new EncryptCommand({ KeyId: other, Plaintext: text }), DisabledException,
        `${arn.replace(key, other)} is disabled.`);
    const mac = (await kms.send(new CreateKeyCommand({ KeySpec: "HMAC_256", KeyUsage: "GENERATE_VERIFY_MAC" })))
        .KeyMetadata.KeyId;
    const { Mac } = await kms.send(new GenerateMacCommand({ KeyId: mac, Message: text, MacAlgorithm: "HMAC_SHA_256" }));
    Mac[0] ^= 1;
    await refused(new VerifyMacCommand({ KeyId: mac, Message: text, Mac, MacAlgorithm: "HMAC_SHA_256" }),
        KMSInvalidMacException);
    await assert.rejects(client(ALICE).send(new CreateKeyCommand({})), { name: "AccessDeniedException" });
    const nobody = client({ ...ADMIN, access_key_id: "AKIANOBODYNOBODY0001" });
    await assert.rejects(nobody.send(new ListKeysCommand({})), {
        name: "UnrecognizedClientException", message: "The security token included in the request is invalid.",
    });
});

await report.group("paginators", async () => {
    const names = [];
    for (let count = 0; count < 5; count++) {
        names.push(`alias/${randomUUID()}`);
        await kms.send(new CreateAliasCommand({ AliasName: names.at(-1), TargetKeyId: key }));
    }
    const found = [];
    for await (const page of paginateListAliases({ client: kms, pageSize: 2 }, { KeyId: key })) {
        assert.ok(page.Aliases.length <= 2);
        found.push(...page.Aliases.map((one) => one.AliasName));
    }
    assert.deepEqual(found.sort(), names.sort());
    const keys = [];
    for await (const page of paginateListKeys({ client: kms, pageSize: 1 }, {})) keys.push(...page.Keys);
    assert.ok(keys.some((one) => one.KeyArn === arn));
    assert.equal(new Set(keys.map((one) => one.KeyId)).size, keys.length);
    await assert.rejects(kms.send(new ListAliasesCommand({ Marker: "no-marker" })), { name: "InvalidMarkerException" });
});

for (const retryMode of ["standard", "adaptive"]) {
    await report.group(`retries: ${retryMode}`, async () => {
        const once = client(ADMIN, { maxAttempts: 1 });
        const patient = client(ADMIN, { maxAttempts: 12, retryMode });
        const update = (by, count) => by.send(new UpdateKeyDescriptionCommand({ KeyId: key, Description: `${count}` }));
        await assert.rejects(async () => {
            for (let count = 0; count < 500; count++) await update(once, count);
        }, (error) => {
            assert.equal(error.name, "ThrottlingException");
            assert.ok(error.$retryable?.throttling ?? true);
            return true;
        });
        let attempts = 0;
        for (let count = 0; count < 500 && attempts === 0; count++) {
            attempts += (await update(patient, count)).$metadata.attempts - 1;
        }
        assert.ok(attempts > 0, "none was throttled");
    });
}

report.finish();
