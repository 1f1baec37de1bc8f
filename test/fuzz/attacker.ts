/**
 * Attackers of the handshake. They do not know the secret. They know what was said in other handshakes, hear what their
 * victim says in two at a time, and choose every byte that it hears: lines of others, replayed, reflected, cut, spliced and
 * changed; lines of their own, with all digests that need no secret; in any order, at any time. With TLS they have a
 * certificate of their own, which is good for nothing, or for the name "mallory".
 */
import * as assert from "node:assert/strict"
import type { Secured } from "../../src/internal/transport/credentials.ts"
import { authData, type GreetingLines } from "../../src/internal/transport/handshake/auth.ts"
import * as Handshake from "../../src/internal/transport/handshake/handshake.ts"
import { LinkError } from "../../src/internal/transport/linkError.ts"
import type { SeededRandom } from "../simulation/random.ts"
import { randomBytes } from "./inputs.ts"

export const secret = "known to the victim, and to its friends"

const identity = (nodeId: string, over: Partial<Handshake.Identity>): Handshake.Identity => ({
  nodeId,
  secrets: [secret],
  tls: false,
  authOffer: ["tls_sha3_512", "hmac_sha3_512"],
  authAccept: ["tls_sha3_512", "hmac_sha3_512"],
  nodeIdInCert: false,
  takesGuests: true,
  framings: ["cbor", "json"],
  keys: new Map(over.tls === true ? [["tls", "1.0"]] : []),
  ...over
})

const common = { subject: "CN=mallory", version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384" }
const untrusted: Secured = {
  ...common,
  problem: { reason: "tls_untrusted", detail: "SELF_SIGNED_CERT_IN_CHAIN" },
  names: ["you"]
}
const mallory: Secured = { ...common, problem: undefined, names: ["mallory"] }

/** What a victim may be like, and what certificate its attacker has. */
const victims: ReadonlyArray<{ readonly over: Partial<Handshake.Identity>; readonly secured: Secured }> = [
  { over: {}, secured: untrusted },
  { over: { authAccept: ["hmac_sha3_512", "cleartext"] }, secured: untrusted },
  { over: { tls: true, authAccept: ["tls_sha3_512", "hmac_sha3_512", "cleartext"] }, secured: untrusted },
  { over: { tls: true, secrets: [] }, secured: untrusted },
  { over: { tls: true, nodeIdInCert: true }, secured: mallory },
  { over: { tls: true, nodeIdInCert: true, authAccept: ["tls_sha3_512", "tls_anon"] }, secured: mallory }
]

/** What an input decides, byte by byte. */
class Decisions {
  private at = 0
  private readonly input: Uint8Array
  constructor(input: Uint8Array) {
    this.input = input
  }
  get areOver(): boolean {
    return this.at >= this.input.length
  }
  /** Below this bound. */
  below(bound: number): number {
    return bound === 0 ? 0 : (this.input[this.at++] ?? 0) % bound
  }
  pick<A>(items: ReadonlyArray<A>): A {
    return items[this.below(items.length)]!
  }
}

/** The lines of a handshake between the victim and a friend. */
const overheard = (over: Partial<Handshake.Identity>, nonces: readonly [string, string]): ReadonlyArray<string> => {
  const valid: Secured = { ...common, problem: undefined, names: ["me", "you"] }
  const sides = (["me", "you"] as const).map((nodeId, i) => new Side(identity(nodeId, over), nonces[i]!))
  for (let round = 0; round < 3; round++) {
    const said = sides.map((side) => side.said.splice(0).join(""))
    for (const [i, side] of sides.entries()) {
      side.hear(said[1 - i]!)
      side.tell(Handshake.admitted)
      side.tell((state) => Handshake.secured(state, valid))
    }
  }
  assert.deepEqual(sides.map(({ verdict }) => verdict), ["up", "up"])
  return sides.flatMap(({ lines }) => lines)
}

/** One side of a handshake, with what it has said so far. */
class Side {
  state: Handshake.Handshake
  verdict: string | undefined = undefined
  /** As it was said; and line by line. */
  readonly said: Array<string> = []
  readonly lines: Array<string> = []
  isVerified = false
  private admissions = 0

  constructor(identity: Handshake.Identity, nonce: string) {
    const [state, actions] = Handshake.start(identity, nonce, "127.0.0.1:4040")
    this.state = state
    this.carryOut(actions)
  }

  /** Bytes come, as latin-1. From `StartTls` on they go through TLS: none of them comes here before it stands. */
  hear(text: string): void {
    if (text === "" || this.state.phase === "tls") return
    this.tell((state) => Handshake.receive(state, Buffer.from(text, "latin1")))
  }

  tell(event: (state: Handshake.Handshake) => readonly [Handshake.Handshake, ReadonlyArray<Handshake.Action>]): void {
    const wasOver = this.state.phase === "over"
    const [state, actions] = event(this.state)
    if (wasOver) assert.deepEqual([state, actions], [this.state, []])
    this.state = state
    this.carryOut(actions)
    assert.ok(state.buffer.length <= 64 * 1024, `${state.buffer.length} bytes wait`)
    assert.equal(state.phase === "over", this.verdict !== undefined)
  }

  private carryOut(actions: ReadonlyArray<Handshake.Action>): void {
    for (const action of actions) {
      assert.equal(this.verdict, undefined, `${action._tag} behind the verdict`)
      switch (action._tag) {
        case "Send": {
          const text = Buffer.from(action.bytes).toString("latin1")
          assert.ok(!text.includes(secret) && !text.includes(Buffer.from(secret).toString("hex")))
          this.said.push(text)
          this.lines.push(...text.split("\n").slice(0, -1))
          break
        }
        case "StartTls":
          assert.ok(this.state.identity.tls)
          break
        case "Admit":
          assert.equal(++this.admissions, 1)
          break
        case "Verified":
          this.isVerified = true
          break
        case "Up":
          this.isVerified = true
          this.verdict = "up"
          break
        case "Refuse":
          this.verdict = action.error.reason
      }
    }
  }
}

const transcripts = victims.map(({ over }) => [
  ...overheard(over, ["nonce 3 of me", "nonce 1 of you"]),
  ...overheard(over, ["nonce 4 of me", "nonce 2 of you"])
])

/** Auth lines with the digests that everybody can make, and with what else the key makes. */
const authLines = ({ greetingLine, nonceLine, own }: Handshake.Handshake, key: string): ReadonlyArray<string> => {
  const theirs: GreetingLines = { greeting: greetingLine, nonce: nonceLine }
  return [
    `tls_sha3_512;${authData("tls_sha3_512", "", theirs, own)};json`,
    `tls_sha3_512;${authData("tls_sha3_512", "", own, theirs)};json`,
    `hmac_sha3_512;${authData("hmac_sha3_512", key, theirs, own)};json`,
    `hmac_sha3_512;${authData("tls_sha3_512", "", theirs, own)};json`,
    "hmac_sha3_512;;json",
    "tls_anon;;json",
    "cleartext;;json",
    "cleartext;00;json"
  ]
}

const ownLines = [
  "aemp;1;you;tls_sha3_512,hmac_sha3_512,tls_anon,cleartext;cbor,json",
  "aemp;1;you;tls_sha3_512,hmac_sha3_512;cbor,json;tls=1.0",
  "aemp;1;mallory;tls_sha3_512,hmac_sha3_512;json;tls=1.0;effect-mp=x",
  "aemp;1;me;hmac_sha3_512;json",
  "nonce",
  "zzzz",
  ""
]

const authLineCount = 8

/** How many things an attacker does at most. */
const patience = 100

/**
 * Lets an input attack a victim; answers how that ended. Throws if it ended with a link, or if the victim did what it must
 * not do on the way. `key`: what the attacker takes for the secret.
 */
export const attack = (input: Uint8Array, key = "guessed"): string => {
  const decide = new Decisions(input)
  const kind = decide.below(victims.length)
  const { over, secured } = victims[kind]!
  const sides = ["nonce 1 of me", "nonce 2 of me"].map((nonce) => new Side(identity("me", over), nonce))
  let side = sides[0]!
  for (let step = 0; step < patience && !decide.areOver; step++) {
    const heard = [...ownLines, ...transcripts[kind]!, ...sides.flatMap((side) => side.lines)]
    const pick = (): string => {
      const index = decide.below(heard.length + authLineCount)
      return heard[index] ?? authLines(side.state, key)[index - heard.length]!
    }
    const line = pick()
    const other = pick()
    const end = decide.pick(["\n", "\n", "\r\n", ""])
    switch (decide.below(12)) {
      case 0:
        side = decide.pick(sides)
        break
      case 1:
        if (side.state.greeting !== undefined) side.tell(Handshake.admitted)
        break
      case 2:
        side.tell((state) => Handshake.secured(state, secured))
        break
      case 3:
        if (side.verdict === undefined && side.state.auth !== undefined) {
          const reason = decide.pick(["duplicate_node", "crossing_connection", "already_connected"] as const)
          side.tell((state) => Handshake.rejected(state, new LinkError({ reason, peer: "127.0.0.1" })))
        }
        break
      case 4:
        side.hear(line.slice(0, decide.below(line.length + 1)) + end)
        break
      case 5:
        side.hear(line.slice(0, decide.below(line.length + 1)) + other.slice(decide.below(other.length + 1)) + end)
        break
      case 6:
        side.hear(line.split(";").with(0, other.split(";")[0]!).join(";") + end)
        break
      case 7: {
        const at = decide.below(line.length + 1)
        side.hear(line.slice(0, at) + String.fromCharCode(decide.below(256)) + line.slice(at + 1) + end)
        break
      }
      case 8:
        side.hear(decide.pick(["x", "\n", ";"]).repeat(256 * decide.below(256)))
        break
      default: {
        const at = decide.below(line.length + 1)
        side.hear(line.slice(0, at))
        side.hear(line.slice(at) + end)
      }
    }
  }
  for (const { isVerified, state } of sides) {
    if (isVerified) assert.equal(state.greeting?.nodeId, secured.problem === undefined ? "mallory" : undefined)
  }
  return `victim ${kind}: ${sides.map(({ state, verdict }) => verdict ?? state.phase).join(", ")}`
}

/** One thing that an attacker does, as an input says it, with a line by its number: in the order of `attack`. */
const step = (line: number, what: number, ...more: ReadonlyArray<number>): Uint8Array =>
  Uint8Array.of(line, 0, 0, what, ...more)

/** Attacks that know how a handshake goes: a greeting, a nonce, an auth line; and then anything. */
export const randomAttack = (random: SeededRandom): Uint8Array =>
  Buffer.concat([
    Uint8Array.of(random.int(0, victims.length - 1)),
    step(random.int(0, 18), 9, 0),
    step(random.int(4, 18), 9, 0),
    step(0, 1),
    step(0, 2),
    step(random.int(19, 31), 9, 0),
    randomBytes(random, random.int(0, 60))
  ])

/** Greets, sends a nonce, is admitted, and then sends each line in place of its own auth line: to one of two sides. */
export const replays: ReadonlyArray<Uint8Array> = victims.flatMap((_, kind) =>
  [1, 10].map((greeting) =>
    Buffer.concat([
      Uint8Array.of(kind),
      step(greeting, 9, 0),
      step(greeting + 1, 9, 0),
      step(0, 1),
      step(0, 2),
      step(12, 9, 0)
    ])
  )
)
