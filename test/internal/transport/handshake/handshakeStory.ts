/** One side of a handshake, played without sockets, and the answers of a well-behaved node. */
import { assert } from "@effect/vitest"
import type { Secured } from "../../../../src/internal/transport/credentials.ts"
import { authData, type GreetingLines } from "../../../../src/internal/transport/handshake/auth.ts"
import {
  type Action,
  admitted,
  begin,
  type Handshake,
  type Identity,
  receive,
  secured
} from "../../../../src/internal/transport/handshake/handshake.ts"
import type { LinkError } from "../../../../src/internal/transport/linkError.ts"

export const secret = "testsecret"

export const identity = (over: Partial<Identity> = {}): Identity => ({
  nodeId: "me",
  secrets: [secret],
  tls: false,
  nodeIdInCert: false,
  takesGuests: false,
  authOffer: ["tls_sha3_512", "hmac_sha3_512"],
  authAccept: ["hmac_sha3_512"],
  framings: ["cbor", "json"],
  keys: new Map(),
  ...over
})

export const latin1 = (text: string): Buffer => Buffer.from(text, "latin1")

/** What one side did until it had nothing more to do. */
export interface Story {
  sent: string
  admissions: number
  tls: { role: "client" | "server"; rest: Uint8Array } | undefined
  up: Extract<Action, { readonly _tag: "Up" }> | undefined
  error: LinkError | undefined
  /** Chunks that came behind the one that ended it. */
  unread: ReadonlyArray<Uint8Array>
}

/** Plays one side: admits everybody, at once. TLS, if it is asked for, turns out as it is told to, at once. */
export const play = (
  [opening, actions]: readonly [Handshake, ReadonlyArray<Action>],
  chunks: ReadonlyArray<Uint8Array>,
  outcome?: Secured
): Story => {
  const story: Story = { sent: "", admissions: 0, tls: undefined, up: undefined, error: undefined, unread: [] }
  let state = opening
  const step = ([next, more]: readonly [Handshake, ReadonlyArray<Action>]): void => {
    state = next
    carryOut(more)
  }
  const carryOut = (actions: ReadonlyArray<Action>): void => {
    for (const action of actions) {
      if (story.error !== undefined) return
      if (action._tag === "Send") story.sent += Buffer.from(action.bytes).toString("latin1")
      else if (action._tag === "Up") story.up = action
      else if (action._tag === "Refuse") story.error = action.error
      else if (action._tag === "Admit") {
        story.admissions++
        step(admitted(state))
      } else if (action._tag === "StartTls") {
        story.tls = action
        if (outcome !== undefined) step(secured(state, outcome))
      }
    }
  }
  carryOut(actions)
  for (const [index, chunk] of chunks.entries()) {
    step(receive(state, chunk))
    if (state.phase !== "over") continue
    story.unread = chunks.slice(index + 1)
    break
  }
  return story
}

export const ownLines: GreetingLines = { greeting: "aemp;1;me;hmac_sha3_512;cbor,json", nonce: "my nonce" }

export const open = (over: Partial<Identity> = {}) => begin(identity(over), ownLines, "1.2.3.4:5")

/** The answers of a well-behaved node, of which a test changes what it is about. */
export const peerLines: GreetingLines = { greeting: "aemp;1;you;hmac_sha3_512;json", nonce: "your nonce" }
export const peerData = authData("hmac_sha3_512", secret, peerLines, ownLines)!
export const lines = (...texts: ReadonlyArray<string>): Buffer => latin1(texts.map((text) => `${text}\n`).join(""))
export const fromPeer = (
  { auth = `hmac_sha3_512;${peerData};json`, greeting = peerLines.greeting, nonce = peerLines.nonce } = {}
): Buffer => lines(greeting, nonce, auth)

export const playAgainst = (bytes: Uint8Array, over: Partial<Identity> = {}): Story => play(open(over), [bytes])

export const refusal = (story: Story): string | undefined => {
  assert.isUndefined(story.up)
  return story.error?.reason
}

/** Auth data for lines that differ from those above. */
export const dataFor = (greeting: string, nonce = peerLines.nonce, key = secret): string =>
  authData("hmac_sha3_512", key, { greeting, nonce }, ownLines)!
