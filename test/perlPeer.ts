/**
 * A Perl node by hand, on top of `rawPeer.ts`: it greets as AnyEvent::MP does, joins the network of the node that it dials or is the
 * seed of the one that dials it, has the secret of the tests' processes, and sends texts as Perl does, as byte strings of CBOR or in JSON.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { until } from "./harness.ts"
import { connectRaw, listenRaw, type RawPeer } from "./rawPeer.ts"

/** How a Perl node encodes what it sends. What it gets is JSON. */
export const encodings = ["cbor", "json"] as const
export type Encoding = typeof encodings[number]

export interface PerlPeer {
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

/** What is in the database, by family and key. */
type Entries = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** Dials a node, and becomes its slave, with entries in the database. */
export const joinAsPerl = (
  address: string,
  nodeId: string,
  encoding: Encoding,
  entries: Entries = {}
): Effect.Effect<PerlPeer, never, Scope.Scope> =>
  Effect.map(connectRaw(address, { nodeId, opening: opening(nodeId, encoding) }), (raw) => {
    const perl = { raw, ...speaker(raw, nodeId, encoding) }
    // Once without entries, as it says to every seed.
    perl.snd("", "g_slave")
    perl.snd("", "g_slave", { "'l": { [nodeId]: [] }, ...entries })
    const keys: PerlPeer["keys"] = (family) =>
      Effect.gen(function*() {
        perl.snd("", "g_mon1", family)
        const isChange = ([name, request, about, set]: ReadonlyArray<unknown>) =>
          name === "" && (request === "g_chg1" || request === "g_chg2") && about === family && hasKeys(set)
        const change = yield* perl.gets(`entries of ${family}`, isChange)
        return Object.keys(change[3] as object)
      })
    return { ...perl, keys }
  })

/** Listens as the seed of one node, whose master it becomes: a global node with these entries, and those of that node. */
export const seedAsPerl = (nodeId: string, encoding: Encoding, entries: Entries = {}) =>
  Effect.gen(function*() {
    const { address, peers } = yield* listenRaw({ nodeId, opening: opening(nodeId, encoding) })
    const families = new Map<string, Entries[string]>(
      Object.entries({ "'g": { [nodeId]: null }, "'l": { [nodeId]: [address] }, ...entries })
    )
    const familyOf = (name: unknown): Readonly<Record<string, unknown>> => families.get(String(name)) ?? {}
    const peer = Effect.map(
      until("a node dials its seed", () => peers.length > 0),
      (): PerlPeer => {
        const raw = peers[0]!
        const perl = { raw, ...speaker(raw, nodeId, encoding) }
        const set = (family: string, added: Readonly<Record<string, unknown>>): void =>
          void families.set(family, { ...familyOf(family), ...added })
        const answers: Record<string, (...args: ReadonlyArray<unknown>) => void> = {
          g_slave: (db) => {
            if (db === undefined) perl.snd("", "g_global")
            else for (const [family, added] of Object.entries(db as Entries)) set(family, added)
          },
          g_upd: (family, added) => set(String(family), added as Record<string, unknown> ?? {}),
          g_find: (node) => perl.snd("", "g_found", node, familyOf("'l")[String(node)] ?? null),
          g_mon1: (family) => perl.snd("", "g_chg1", family, familyOf(family)),
          g_db_keys: (family, id) => perl.snd("", "g_reply", id, Object.keys(familyOf(family))),
          g_db_values: (family, id) => perl.snd("", "g_reply", id, Object.values(familyOf(family))),
          g_db_family: (family, id) => perl.snd("", "g_reply", id, familyOf(family))
        }
        let seen = 0
        const answer = (): void => {
          for (const [name, request, ...args] of raw.packets.slice(seen)) {
            if (name === "") answers[String(request)]?.(...args)
          }
          seen = raw.packets.length
        }
        raw.socket.on("data", answer)
        answer()
        const keys: PerlPeer["keys"] = (family) =>
          Effect.map(
            until(`entries of ${family}`, () => hasKeys(familyOf(family))),
            () => Object.keys(familyOf(family))
          )
        return { ...perl, keys }
      }
    )
    return { address, peer }
  })

/** How it says what it says, and waits for answers. */
const speaker = (raw: RawPeer, nodeId: string, encoding: Encoding) => {
  const encode = encoding === "cbor" ? cborOf : (packet: unknown) => Buffer.from(JSON.stringify(packet))
  const snd: PerlPeer["snd"] = (name, ...message) => raw.write(encode([name, ...message]))
  const gets: PerlPeer["gets"] = (what, fits) =>
    Effect.map(until(`${nodeId} gets ${what}`, () => raw.packets.some(fits)), () => raw.packets.find(fits)!)
  return { snd, gets }
}

const hasKeys = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length > 0

/** Greeting, nonce and auth line. */
const opening = (nodeId: string, encoding: Encoding): string => {
  const greeting =
    `aemp;1;${nodeId};hmac_sha3_512,cleartext;json;mproto=1;provider=AE-2.01;gproto=1;peeraddr=127.0.0.1:4040`
  return `${greeting}\nnonce of ${nodeId}\ncleartext;${Buffer.from("swordfish").toString("hex")};${encoding}\n`
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
