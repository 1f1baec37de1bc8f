/** The certificates of `fixtures/certs/`, with their keys and those that they trust. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "./processes.ts"

export const pemFile = (name: string): string => join(root, `test/fixtures/certs/${name}.pem`)

export const pem = (name: string): string => readFileSync(pemFile(name), "utf8")
