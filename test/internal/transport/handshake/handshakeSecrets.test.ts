/** Two sides with several secrets each: who gets in, in whatever pieces and order things arrive, and what is said on the way. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { authData, mostSecrets } from "../../../../src/internal/transport/handshake/auth.ts"
import { ownKindKey } from "../../../../src/internal/transport/handshake/greeting.ts"
import {
  type Action,
  admitted,
  type Handshake,
  type Identity,
  receive,
  start
} from "../../../../src/internal/transport/handshake/handshake.ts"
import type { LinkErrorReason } from "../../../../src/internal/transport/linkError.ts"
import type { Security } from "../../../../src/internal/transport/security.ts"
import { dataFor, identity, lines, open, ownLines, peerLines, play, refusal } from "./handshakeStory.ts"

/** One side of a conversation: what it has said and nobody has heard yet, and how it ended. */
class Side {
  state: Handshake
  pending = Buffer.alloc(0)
  said = ""
  isAsking = false
  security: Security | undefined
  refused: LinkErrorReason | undefined
  constructor(identity: Identity, nonce: string) {
    const [state, actions] = start(identity, nonce, "1.2.3.4:5")
    this.state = state
    this.carryOut(actions)
  }
  step([state, actions]: readonly [Handshake, ReadonlyArray<Action>]): void {
    this.state = state
    this.carryOut(actions)
  }
  private carryOut(actions: ReadonlyArray<Action>): void {
    for (const action of actions) {
      if (action._tag === "Send") {
        this.pending = Buffer.concat([this.pending, action.bytes])
        this.said += Buffer.from(action.bytes).toString("latin1")
      } else if (action._tag === "Admit") this.isAsking = true
      else if (action._tag === "Up") this.security = action.security
      else if (action._tag === "Refuse") this.refused = action.error.reason
    }
  }
  get auth(): string {
    return this.said.split("\n")[2] ?? ""
  }
  get lines() {
    const [greeting = "", nonce = ""] = this.said.split("\n")
    return { greeting, nonce }
  }
}

/** Plays until nothing is left: each number says whose turn it is, and how many bytes it hears. */
const converse = (one: Side, other: Side, turns: ReadonlyArray<number>): void => {
  const turn = (side: Side, from: Side, bytes: number): void => {
    if (side.isAsking && bytes % 3 === 0) {
      side.isAsking = false
      return side.step(admitted(side.state))
    }
    const chunk = from.pending.subarray(0, bytes)
    from.pending = from.pending.subarray(bytes)
    if (chunk.length > 0) side.step(receive(side.state, chunk))
  }
  for (const number of turns) {
    const [side, from] = number % 2 === 0 ? [one, other] : [other, one]
    turn(side, from, number >> 1)
  }
  for (let round = 0; round < 10; round++) {
    for (const [side, from] of [[one, other], [other, one]] as const) {
      turn(side, from, 3)
      turn(side, from, 4096)
    }
  }
}

const pool = ["s0", "s1", "s2", "s3", "s4", "s5"]
const Secrets = Schema.Array(Schema.Literals(pool)).pipe(
  Schema.check(Schema.isMinLength(1), Schema.isMaxLength(4), Schema.isUnique())
)
const Turns = Schema.Array(Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 400 })))).pipe(
  Schema.check(Schema.isMaxLength(40))
)

const ours = new Map([[ownKindKey, "incarnation"]])

/** All proofs that a side may give of its secrets. */
const proofsOf = (side: Side, other: Side, secrets: ReadonlyArray<string>) =>
  secrets.map((secret) => authData("hmac_sha3_512", secret, side.lines, other.lines))

const proofsIn = (auth: string): ReadonlyArray<string> => {
  const [, data = "", , also = "also="] = auth.split(";")
  return [data, ...also.slice("also=".length).split(",")].filter((proof) => proof !== "")
}

describe("nodes with several secrets", () => {
  it.effect.prop(
    "connect with each other if and only if they share one, and know which; with a node of another kind, if its one is among them",
    [Secrets, Secrets, Schema.Boolean, Turns],
    ([mine, theirs, isOwnKind, turns]) =>
      Effect.sync(() => {
        const known = isOwnKind ? theirs : theirs.slice(0, 1)
        const one = new Side(identity({ nodeId: "one", secrets: mine, keys: ours }), "nonce 1")
        const other = new Side(
          identity({ nodeId: "other", secrets: known, keys: isOwnKind ? ours : new Map() }),
          "nonce 2"
        )
        converse(one, other, turns)
        const shared = mine.filter((secret) => known.includes(secret))
        for (const [side, from, secrets, others] of [[one, other, mine, known], [other, one, known, mine]] as const) {
          const first = secrets.findIndex((secret) => others.includes(secret))
          assert.strictEqual(side.security?.received.secret, shared.length > 0 ? first : undefined)
          const possible = proofsOf(side, from, secrets)
          for (const proof of proofsIn(side.auth)) assert.include(possible, proof)
          assert.isBelow(side.auth.length, 4096)
        }
        if (shared.length === 0) assert.include([one.refused, other.refused], "auth_failed")
        if (!isOwnKind) assert.isAtMost(proofsIn(one.auth).length, 1)
        // Who is of another kind has to show first what it knows; it learns nothing of secrets that it does not know.
        if (!isOwnKind && mine.length > 1 && shared.length === 0) assert.strictEqual(one.auth, "")
      }),
    { arbitrary: { runs: 300 } }
  )

  it("say no more than a line may hold", () => {
    const secrets = Array.from({ length: mostSecrets }, (_, n) => `secret ${n}`)
    const one = new Side(identity({ nodeId: "one", secrets, keys: ours }), "nonce 1")
    const other = new Side(identity({ nodeId: "other", secrets: [secrets.at(-1)!], keys: ours }), "nonce 2")
    converse(one, other, [])
    assert.strictEqual(other.security?.received.secret, 0)
    assert.strictEqual(one.security?.received.secret, mostSecrets - 1)
    assert.isBelow(one.auth.length, 2048)
  })

  it("take any of theirs in cleartext, from those who send it, and answer with that", () => {
    const secrets = ["new", "old"]
    const authAccept = ["hmac_sha3_512", "cleartext"]
    const withSecret = (secret: string) =>
      play(open({ secrets, authAccept }), [
        lines(peerLines.greeting, peerLines.nonce, `cleartext;${Buffer.from(secret).toString("hex")};json`)
      ])
    for (const secret of secrets) {
      const story = withSecret(secret)
      assert.isDefined(story.up)
      assert.strictEqual(
        story.sent.split("\n")[2],
        `hmac_sha3_512;${authData("hmac_sha3_512", secret, ownLines, peerLines)};json`
      )
    }
    assert.strictEqual(refusal(withSecret("other")), "auth_failed")
  })

  it("take no more proofs than a node may have secrets", () => {
    const greeting = `${peerLines.greeting};${ownKindKey}=its incarnation`
    const wrong = Array.from({ length: mostSecrets }, () => "0".repeat(128))
    const withAlso = (...also: ReadonlyArray<string>) =>
      refusal(play(open({ keys: ours }), [
        lines(greeting, peerLines.nonce, `hmac_sha3_512;00;json;also=${also.join(",")}`)
      ]))
    assert.strictEqual(withAlso(...wrong.slice(1), dataFor(greeting)), "auth_failed")
    const story = play(open({ keys: ours }), [
      lines(greeting, peerLines.nonce, `hmac_sha3_512;00;json;also=${[...wrong.slice(2), dataFor(greeting)].join(",")}`)
    ])
    assert.isDefined(story.up)
  })

  it("take further proofs of digests alone", () => {
    const clear = Buffer.from("testsecret").toString("hex")
    const story = play(open({ authAccept: ["cleartext", "hmac_sha3_512"] }), [
      lines(peerLines.greeting, peerLines.nonce, `cleartext;00;json;also=${clear}`)
    ])
    assert.strictEqual(refusal(story), "auth_failed")
  })
})
