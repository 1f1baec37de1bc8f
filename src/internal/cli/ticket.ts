/**
 * `emp ticket`: makes a ticket of the secret that `emp run` would have. It needs no network: whoever knows the secret can make one.
 *
 * @internal
 */
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { runOptions } from "../config/options.ts"
import type { Sources } from "../config/resolve.ts"
import { checkTicket, InvalidOption } from "../node/options.ts"
import { ticketKey, writeTicket } from "../transport/handshake/ticket.ts"
import { printOutput } from "./terminal/screen.ts"
import { UsageError } from "./terminal/usage.ts"

const units = { s: "seconds", m: "minutes", h: "hours", d: "days" } as const

/** `90s`, `15m`, `1h`, `7d`. */
const readTime = (text: string): Duration.Input | undefined => {
  const [, count, unit] = /^(\d+(?:\.\d+)?) ?([smhd])$/.exec(text) ?? []
  const name = Object.entries(units).find(([letter]) => letter === unit)?.[1]
  return count === undefined || name === undefined ? undefined : `${Number(count)} ${name}`
}

export const ticket = (sources: Sources, node: string, expires: string, json: boolean) =>
  Effect.gen(function*() {
    const time = readTime(expires)
    if (time === undefined) {
      return yield* new UsageError({ problem: `--expires ${JSON.stringify(expires)}: a time as 90s, 15m, 1h or 7d` })
    }
    const end = yield* checkTicket({ node, expires: time })
    const [secret] = (yield* runOptions(sources)).secret
    if (secret === undefined) {
      return yield* new InvalidOption({
        option: "secret",
        problem: "missing: a ticket is made of the network's secret"
      })
    }
    const made = writeTicket({ nodeId: node, expires: end, key: ticketKey(Redacted.value(secret), node, end) })
    yield* json ? printOutput("ticket", { ticket: made, node, expires: end * 1000 }) : Console.log(made)
  })
