/** What a handshake makes of itself, of mirrors, and of nodes of our own kind that do not want a second connection. */
import { assert, describe, it } from "@effect/vitest"
import { authData } from "../../../../src/internal/transport/handshake/auth.ts"
import { ownKindKey } from "../../../../src/internal/transport/handshake/greeting.ts"
import {
  type Action,
  admitted,
  begin,
  receive,
  rejected
} from "../../../../src/internal/transport/handshake/handshake.ts"
import { LinkError, type LinkErrorReason } from "../../../../src/internal/transport/linkError.ts"
import { dataFor, identity, lines, ownLines, peerData, peerLines, play, refusal, secret } from "./handshakeStory.ts"

const ourKeys = new Map([[ownKindKey, "our incarnation"]])

/** A handshake of ours, while another one of ours is open in which we sent "our other nonce". */
const open = (keys: ReadonlyMap<string, string> = ourKeys) =>
  begin(identity({ keys }), ownLines, "1.2.3.4:5", (nonce) => nonce === "our other nonce")

describe("a greeting with our own node ID", () => {
  const ours = `aemp;1;me;hmac_sha3_512;json;${ownKindKey}=our incarnation`
  const plain = "aemp;1;me;hmac_sha3_512;json"
  const cases: ReadonlyArray<[what: string, greeting: string, nonce: string, reason: LinkErrorReason]> = [
    ["and a nonce of another open handshake of ours leads back to us", ours, "our other nonce", "self_connect"],
    ["and the nonce of this handshake is an echo", ours, ownLines.nonce, "echoed_greeting"],
    ["and an incarnation of ours with a nonce of nobody is an echo", ours, "another nonce", "echoed_greeting"],
    ["and another incarnation is another process", `${plain};${ownKindKey}=x`, "another nonce", "same_node_id"],
    [
      "and another incarnation is one whatever its nonce",
      `${plain};${ownKindKey}=x`,
      "our other nonce",
      "same_node_id"
    ],
    ["and no incarnation is another process", plain, "another nonce", "same_node_id"]
  ]
  for (const [what, greeting, nonce, reason] of cases) {
    it(what, () => {
      const story = play(open(), [lines(greeting, nonce)])
      assert.strictEqual(refusal(story), reason)
      assert.strictEqual(story.admissions, 0)
    })
  }

  it("leads back to us without any incarnation, if we tell none", () => {
    assert.strictEqual(refusal(play(open(new Map()), [lines(plain, "our other nonce")])), "self_connect")
    assert.strictEqual(refusal(play(open(new Map()), [lines(plain, "another nonce")])), "same_node_id")
  })
})

const tags = (actions: ReadonlyArray<Action>): ReadonlyArray<string> => actions.map(({ _tag }) => _tag)

/** A node that has authenticated, before it is open whether it is welcome. */
const asking = (greeting: string, auth?: string) => {
  const said = auth === undefined ? [] : [auth]
  return receive(open()[0], lines(greeting, peerLines.nonce, ...said))[0]
}

const ownKindGreeting = `${peerLines.greeting};${ownKindKey}=its incarnation`
const ownKindAuth = `hmac_sha3_512;${dataFor(ownKindGreeting)};json`
const refuse = (reason: LinkErrorReason) => new LinkError({ reason, peer: "you" })

describe("a node that is not welcome", () => {
  const reasons = ["crossing_connection", "already_connected", "duplicate_node"] as const
  for (const reason of reasons) {
    it(`is told so with proof if it is of our own kind and has authenticated: ${reason}`, () => {
      const [, [sent, ...rest]] = rejected(asking(ownKindGreeting, ownKindAuth), refuse(reason))
      assert.deepStrictEqual(tags(rest), ["Refuse"])
      const data = authData("hmac_sha3_512", secret, ownLines, { ...peerLines, greeting: ownKindGreeting })
      assert.strictEqual(
        sent?._tag === "Send" && Buffer.from(sent.bytes).toString(),
        `hmac_sha3_512;${data};json;refused=${reason}\n`
      )
    })

    it(`is told nothing before it has authenticated: ${reason}`, () => {
      assert.deepStrictEqual(tags(rejected(asking(ownKindGreeting), refuse(reason))[1]), ["Refuse"])
    })

    it(`is told nothing if it is of another kind: ${reason}`, () => {
      const state = asking(peerLines.greeting, `hmac_sha3_512;${peerData};json`)
      assert.deepStrictEqual(tags(rejected(state, refuse(reason))[1]), ["Refuse"])
    })
  }

  it("is told nothing of other reasons", () => {
    const state = asking(ownKindGreeting, ownKindAuth)
    assert.deepStrictEqual(tags(rejected(state, refuse("node_stopped"))[1]), ["Refuse"])
  })
})

describe("where we are not welcome", () => {
  const told = (refused: string, auth = ownKindAuth): ReadonlyArray<Action> =>
    receive(admitted(asking(ownKindGreeting))[0], lines(`${auth};refused=${refused}`))[1]
  const reasonOf = (actions: ReadonlyArray<Action>): string | undefined => {
    const last = actions.at(-1)
    return last?._tag === "Refuse" ? last.error.reason : undefined
  }

  for (
    const [refused, reason] of [
      ["crossing_connection", "crossing_connection"],
      ["already_connected", "already_connected"],
      ["duplicate_node", "node_id_taken"],
      ["something_new", "handshake_closed"],
      ["constructor", "handshake_closed"],
      ["", "handshake_closed"]
    ] as const
  ) {
    it(`we learn with proof who says so: ${JSON.stringify(refused)}`, () => {
      const actions = told(refused)
      assert.deepStrictEqual([tags(actions), reasonOf(actions)], [["Verified", "Refuse"], reason])
    })
  }

  it("nobody has said so who cannot prove who it is", () => {
    const actions = told("crossing_connection", "hmac_sha3_512;00;json")
    assert.deepStrictEqual([tags(actions), reasonOf(actions)], [["Refuse"], "auth_failed"])
  })
})
