/**
 * A Perl node by hand, on top of `rawPeer.ts`: it greets as AnyEvent::MP does, joins the network of the node that it dials, and sends
 * texts as Perl does, as byte strings of CBOR or in JSON.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { until } from "./harness.ts"
import { connectRaw, type RawPeer } from "./rawPeer.ts"

/** How a Perl node encodes what it sends. What it gets is JSON. */
export const encodings = ["cbor", "json"] as const
export type Encoding = typeof encodings[number]

export interface PerlPeer {
  readonly nodeId: string
  /** Sends a message to a port of the node. The empty name is the node port. */
  readonly snd: (name: string, ...message: ReadonlyArray<unknown>) => void
  /** Waits for a message to a port of ours that fits, and answers it. */
  readonly gets: (
    what: string,
    fits: (packet: ReadonlyArray<unknown>) => boolean
  ) => Effect.Effect<ReadonlyArray<unknown>>
  /** The keys of a family, as soon as there are any. */
  readonly keys: (family: string) => Effect.Effect<ReadonlyArray<string>>
  readonly raw: RawPeer
}

/** Dials a node, and becomes its slave, with entries in the database. */
export const joinAsPerl = (
  address: string,
  nodeId: string,
  encoding: Encoding,
  entries: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {},
  secret = "swordfish"
): Effect.Effect<PerlPeer, never, Scope.Scope> =>
  Effect.gen(function*() {
    const raw = yield* connectRaw(address, { nodeId, opening: opening(nodeId, encoding, secret) })
    const encode = encoding === "cbor" ? cborOf : (packet: unknown) => Buffer.from(JSON.stringify(packet))
    const snd: PerlPeer["snd"] = (name, ...message) => raw.write(encode([name, ...message]))
    const find = (fits: (packet: ReadonlyArray<unknown>) => boolean) => raw.packets.find(fits)
    const gets: PerlPeer["gets"] = (what, fits) =>
      Effect.map(until(`${nodeId} gets ${what}`, () => find(fits) !== undefined), () => find(fits)!)
    // Once or twice without entries, as it says to every seed.
    snd("", "g_slave")
    snd("", "g_slave", { "'l": { [nodeId]: [] }, ...entries })
    const keys: PerlPeer["keys"] = (family) =>
      Effect.gen(function*() {
        snd("", "g_mon1", family)
        const isChange = ([name, request, about, set]: ReadonlyArray<unknown>) =>
          name === "" && (request === "g_chg1" || request === "g_chg2") && about === family && hasKeys(set)
        const change = yield* gets(`entries of ${family}`, isChange)
        return Object.keys(change[3] as object)
      })
    return { nodeId, snd, gets, keys, raw }
  })

const hasKeys = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length > 0

/** Greeting, nonce and auth line. */
const opening = (nodeId: string, encoding: Encoding, secret: string): string => {
  const greeting =
    `aemp;1;${nodeId};hmac_sha3_512,cleartext;json;mproto=1;provider=AE-2.01;gproto=1;peeraddr=127.0.0.1:4040`
  return `${greeting}\nnonce of ${nodeId}\ncleartext;${Buffer.from(secret).toString("hex")};${encoding}\n`
}

/** CBOR as Perl writes it: texts are byte strings. */
const cborOf = (value: unknown): Buffer => {
  if (value === null) return Buffer.of(0xf6)
  if (typeof value === "number" && Number.isInteger(value)) {
    return head(value < 0 ? 1 : 0, value < 0 ? -1 - value : value)
  }
  if (typeof value === "number") {
    const float = Buffer.alloc(9, 0xfb)
    float.writeDoubleBE(value, 1)
    return float
  }
  if (typeof value === "string") return Buffer.concat([head(2, Buffer.byteLength(value)), Buffer.from(value)])
  if (Array.isArray(value)) return Buffer.concat([head(4, value.length), ...value.map(cborOf)])
  const entries = Object.entries(value as object)
  return Buffer.concat([head(5, entries.length), ...entries.flat().map(cborOf)])
}

const head = (major: number, n: number): Buffer => {
  if (n < 24) return Buffer.of(major << 5 | n)
  const header = Buffer.alloc(9, major << 5 | 27)
  header.writeBigUInt64BE(BigInt(n), 1)
  return header
}
