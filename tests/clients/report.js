// What was checked, and how it went: one line for each group, the sum at the end, and the exit status. And clients.

import { readFileSync } from "node:fs";

import { KMSClient } from "@aws-sdk/client-kms";

export const REGION = "eu-central-1";

/** The principals of the credentials, by the end of their ARN; as `run` turned them into JSON. */
const principals = JSON.parse(readFileSync(process.env.KMS_TEST_CREDENTIALS_JSON, "utf8")).principal;
const principal = (end) => principals.find((one) => one.arn.endsWith(end));

export const ADMIN = principal("111122223333:user/admin");
export const ALICE = principal("111122223333:user/alice");

/** A client of a principal. AWS_ENDPOINT_URL_KMS says where the server is. */
export function client(of = ADMIN, more = {}, Client = KMSClient) {
    return new Client({
        region: REGION,
        endpoint: process.env.AWS_ENDPOINT_URL_KMS,
        credentials: {
            accessKeyId: of.access_key_id, secretAccessKey: of.secret_access_key, sessionToken: of.session_token,
        },
        ...more,
    });
}

export class Report {
    #name;
    #passed = 0;
    #failed = 0;

    constructor(name) {
        this.#name = name;
    }

    /** Checks that belong together; the first that fails ends the group. */
    async group(title, work) {
        try {
            await work();
            this.#passed++;
            console.log(`${this.#name}: ${title}: passed`);
        } catch (error) {
            this.#failed++;
            console.log(`${this.#name}: ${title}: FAILED`);
            console.error(error);
        }
    }

    /** Prints the sum and ends the program. */
    finish() {
        console.log(`${this.#name}: ${this.#passed} passed, ${this.#failed} failed`);
        process.exit(this.#failed || !this.#passed ? 1 : 0);
    }
}
