/**
 * Values as command lines and variables have them: texts, that may be JSON.
 *
 * @internal
 */
import * as Result from "effect/Result"
import type { Json } from "effect/Schema"
import { InvalidConfig } from "./errors.ts"
import type { Key } from "./keys.ts"
import { parse } from "./relaxedJson.ts"

const addressKeys: ReadonlySet<string> = new Set<Key>(["binds", "advertise", "seeds"])

/** How a list of addresses begins whose first one is of IPv6: `[::1]:4040`. No JSON does. */
const isAddress = /^\[[\dA-Fa-f.]*:[^\]"]*\]/

/** What begins like JSON is JSON, unless it is an address; everything else is text. */
export const readValue = (key: string, text: string): Result.Result<Json, InvalidConfig> =>
  /^[[{"]/.test(text) && !(addressKeys.has(key) && isAddress.test(text))
    ? Result.mapBoth(parse(text), {
      onSuccess: ({ value }) => value,
      onFailure: ({ column, line, problem }) => {
        const why = key === "secret" ? "" : `: line ${line}, column ${column}: ${problem}`
        return new InvalidConfig({ key, problem: `what begins with [ { or " must be JSON${why}`, from: undefined })
      }
    })
    : Result.succeed(text)
