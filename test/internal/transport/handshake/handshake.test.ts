import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { authData } from "../../../../src/internal/transport/handshake/auth.ts"
import { ownKindKey } from "../../../../src/internal/transport/handshake/greeting.ts"
import { admitted, begin, receive, start } from "../../../../src/internal/transport/handshake/handshake.ts"
import { ChunkSizes, inChunks } from "../framing/chunking.ts"
import {
  dataFor,
  fromPeer,
  identity,
  latin1,
  lines,
  open,
  ownLines,
  peerData,
  peerLines,
  play,
  playAgainst,
  refusal,
  secret
} from "./handshakeStory.ts"
import { recorded } from "./recordedHandshakes.ts"

describe("recorded handshakes", () => {
  for (const framing of ["json", "cbor"] as const) {
    const { a, b } = recorded[framing]
    for (const [own, other] of [[a, b], [b, a]] as const) {
      const asRecorded = () => begin(identity({ nodeId: own.nodeId, framings: [framing] }), own, "127.0.0.1:1")

      it(`${own.nodeId} says byte by byte what Perl said, in ${framing}`, () => {
        const story = play(asRecorded(), [lines(other.greeting, other.nonce, other.auth)])
        assert.strictEqual(story.sent, `${own.greeting}\n${own.nonce}\n${own.auth}\n`)
        assert.isUndefined(story.error)
        assert.strictEqual(story.up?.greeting.nodeId, other.nodeId)
        assert.strictEqual(story.up?.receives, framing)
        assert.strictEqual(story.up?.sends, framing)
      })

      it.effect.prop(
        `${own.nodeId} does so in any chunks, in ${framing}`,
        [ChunkSizes, Schema.Boolean, Schema.Uint8Array],
        ([sizes, crlf, data]) =>
          Effect.sync(() => {
            const end = crlf ? "\r\n" : "\n"
            const said = [other.greeting, other.nonce, other.auth].map((line) => line + end).join("")
            const story = play(asRecorded(), inChunks(Buffer.concat([latin1(said), data]), sizes))
            assert.strictEqual(story.sent, `${own.greeting}\n${own.nonce}\n${own.auth}\n`)
            assert.strictEqual(story.admissions, 1)
            // What the handshake did not need goes to the link, which takes over from the chunk that brought it up.
            assert.isTrue(Buffer.concat([story.up!.rest, ...story.unread]).equals(data))
          }),
        { arbitrary: { runs: 60 } }
      )
    }
  }

  it("digests for TLS are over the same lines, without a key", () => {
    const { a, b } = recorded.json
    assert.strictEqual(
      authData("tls_sha3_512", "", a, b),
      "2055c6755c20c579e4d3a1dc1ecf255425148aac3f6f96ccb6a2442e33129a2868b5543a10cc62fcec2edaed66b770e07e1191687b730ef5382ab402b3131a1d"
    )
    assert.strictEqual(
      authData("tls_sha3_512", "", b, a),
      "fb487cd98b2ed5086b34eee7b8cce8ae44bdc58a2df2c768a75bfd3e659e4669c06212cefddc5da3c3071d9768166c77c22edc93240929972e51aa69a9b7eaf7"
    )
  })
})

describe("greeting", () => {
  it("both lines go out at once, and nothing else before the other side's", () => {
    const keys = new Map([["mproto", "1"]])
    const [, actions] = start(identity({ authAccept: ["hmac_sha3_512", "cleartext"], keys }), "N", "1.2.3.4:5")
    assert.deepStrictEqual(actions.map(({ _tag }) => _tag), ["Send"])
    assert.strictEqual(
      play(start(identity({ authAccept: ["hmac_sha3_512", "cleartext"], keys }), "N", "1.2.3.4:5"), []).sent,
      "aemp;1;me;hmac_sha3_512,cleartext;cbor,json;mproto=1;peeraddr=1.2.3.4:5\nN\n"
    )
  })

  it("two of our own nodes come up with each other", () => {
    const mine = start(identity(), "nonce 1", "1.1.1.1:1")
    const yours = start(identity({ nodeId: "you" }), "nonce 2", "2.2.2.2:2")
    const greetings = [mine, yours].map((opening) => latin1(play(opening, []).sent))
    const auths = [play(mine, [greetings[1]!]), play(yours, [greetings[0]!])].map(({ sent }, i) =>
      latin1(sent.slice(greetings[i]!.length))
    )
    assert.strictEqual(play(mine, [greetings[1]!, auths[1]!]).up?.greeting.nodeId, "you")
    assert.strictEqual(play(yours, [greetings[0]!, auths[0]!]).up?.greeting.nodeId, "me")
  })

  it("the auth line waits for the nonce, and for admission", () => {
    const afterGreeting = receive(open()[0], lines(peerLines.greeting))
    assert.deepStrictEqual(afterGreeting[1], [])
    const afterNonce = receive(afterGreeting[0], lines(peerLines.nonce))
    assert.deepStrictEqual(afterNonce[1].map(({ _tag }) => _tag), ["Admit"])
    assert.deepStrictEqual(admitted(afterNonce[0])[1].map(({ _tag }) => _tag), ["Send"])
  })

  it("an admission that is answered late finds what came meanwhile", () => {
    let state = receive(open()[0], lines(peerLines.greeting, peerLines.nonce))[0]
    state = receive(state, latin1("hmac_sha3_512;"))[0]
    const [before, nothing] = receive(state, latin1(`${peerData};json\n[]`))
    assert.deepStrictEqual(nothing, [{ _tag: "Verified" }])
    assert.deepStrictEqual(admitted(before)[1].map(({ _tag }) => _tag), ["Send", "Up"])
  })

  it("an admission that is answered twice, or too early, does nothing", () => {
    assert.deepStrictEqual(admitted(open()[0])[1], [])
    const asked = receive(open()[0], lines(peerLines.greeting, peerLines.nonce))[0]
    assert.deepStrictEqual(admitted(admitted(asked)[0])[1], [])
  })

  it("keys come in any order, with any value, known or not", () => {
    const greeting = "aemp;1;you;hmac_sha3_512;json;b=1=2;unknown;gproto=1;empty="
    const story = playAgainst(fromPeer({ greeting, auth: `hmac_sha3_512;${dataFor(greeting)};json` }))
    assert.deepStrictEqual(
      [...story.up!.greeting.keys],
      [["b", "1=2"], ["unknown", ""], ["gproto", "1"], ["empty", ""]]
    )
  })

  it("a version is compared as a number", () => {
    const greeting = peerLines.greeting.replace("aemp;1;", "aemp;1.0;")
    assert.isDefined(playAgainst(fromPeer({ greeting, auth: `hmac_sha3_512;${dataFor(greeting)};json` })).up)
  })

  it("octets beyond ASCII count as they are", () => {
    const greeting = "aemp;1;caf\xe9;hmac_sha3_512;json"
    const auth = `hmac_sha3_512;${dataFor(greeting, "\xff\x80")};json`
    assert.strictEqual(playAgainst(fromPeer({ greeting, nonce: "\xff\x80", auth })).up?.greeting.nodeId, "caf\xe9")
  })

  it("just one CR belongs to a line end", () => {
    const nonce = "nonce\r"
    const bytes = (data: string) => lines(`${peerLines.greeting}\r`, `${nonce}\r`, `hmac_sha3_512;${data};json\r`)
    assert.isDefined(playAgainst(bytes(dataFor(peerLines.greeting, nonce))).up)
    assert.strictEqual(refusal(playAgainst(bytes(dataFor(peerLines.greeting, "nonce")))), "auth_failed")
  })

  for (
    const [what, greeting, reason] of [
      ["another protocol", "HTTP/1.1 400 Bad Request", "not_aemp"],
      ["nothing", "", "left_in_silence"],
      ["a side protocol", "aemp-dataconn;1;you;hmac_sha3_512;json", "not_aemp"],
      ["version 0", "aemp;0;you;hmac_sha3_512;json", "version_mismatch"],
      ["version 2", "aemp;2;you;hmac_sha3_512;json", "version_mismatch"],
      ["no version", "aemp", "version_mismatch"],
      ["an empty node ID", "aemp;1;;hmac_sha3_512;json", "malformed_greeting"],
      ["a node ID with a #", "aemp;1;a#b;hmac_sha3_512;json", "malformed_greeting"],
      ["a node ID with a control character", "aemp;1;a\tb;hmac_sha3_512;json", "malformed_greeting"],
      ["our own node ID", "aemp;1;me;hmac_sha3_512;json", "same_node_id"]
    ] as const
  ) {
    it(`is refused for ${what}`, () => {
      const story = playAgainst(lines(greeting, peerLines.nonce))
      assert.strictEqual(refusal(story), reason)
      assert.strictEqual(story.admissions, 0)
      assert.strictEqual(story.sent, `${ownLines.greeting}\n${ownLines.nonce}\n`)
    })
  }

  it("is refused for the nonce that we sent, whatever stands before it", () => {
    const story = playAgainst(lines(peerLines.greeting, ownLines.nonce))
    assert.strictEqual(refusal(story), "echoed_greeting")
    assert.strictEqual(story.admissions, 0)
  })

  it("takes an empty nonce, as Perl does, where the secret is proven", () => {
    const withNonce = (nonce: string, key: string) =>
      playAgainst(fromPeer({ nonce, auth: `hmac_sha3_512;${dataFor(peerLines.greeting, nonce, key)};json` }))
    assert.strictEqual(withNonce("", secret).up?.greeting.nodeId, "you")
    assert.strictEqual(refusal(withNonce("", "another")), "auth_failed")
  })

  it("takes nobody with an empty nonce for ourselves, or for an echo", () => {
    const mine = new Set(["my nonce", "our other nonce"])
    const ours = new Map([[ownKindKey, "our incarnation"]])
    const begun = begin(identity({ keys: ours }), ownLines, "1.2.3.4:5", (nonce) => mine.has(nonce))
    const asOurselves = `aemp;1;me;hmac_sha3_512;json;${ownKindKey}=another`
    assert.strictEqual(refusal(play(begun, [lines(asOurselves, "")])), "same_node_id")
    const asTwin = `aemp;1;me;hmac_sha3_512;json;${ownKindKey}=our incarnation`
    assert.strictEqual(refusal(play(begun, [lines(asTwin, "")])), "echoed_greeting")
  })

  it("a refusal names the address, and the node once it is known", () => {
    assert.strictEqual(playAgainst(lines("aemp;2;you")).error?.peer, "1.2.3.4:5")
    const message = playAgainst(lines(peerLines.greeting, ownLines.nonce)).error?.message
    assert.include(message, "1.2.3.4:5 (node \"you\")")
  })

  it("nothing follows a refusal", () => {
    const [over] = receive(open()[0], lines("HTTP/1.1 400"))
    assert.deepStrictEqual(receive(over, fromPeer())[1], [])
    assert.deepStrictEqual(receive(over, Buffer.alloc(5000, "x"))[1], [])
    assert.deepStrictEqual(admitted(over)[1], [])
  })
})

describe("lines", () => {
  /** A greeting line of so many bytes, LF included. */
  const long = (length: number): string => {
    const greeting = `${peerLines.greeting};x=`
    return greeting + "x".repeat(length - greeting.length - 1)
  }

  it("may have 4096 bytes with their end", () => {
    const greeting = long(4096)
    assert.isDefined(playAgainst(fromPeer({ greeting, auth: `hmac_sha3_512;${dataFor(greeting)};json` })).up)
  })

  it("of 4097 bytes are refused, whole or not", () => {
    const line = lines(long(4097))
    assert.strictEqual(refusal(playAgainst(line)), "line_too_long")
    assert.strictEqual(refusal(play(open(), inChunks(line, [100]))), "line_too_long")
    assert.strictEqual(refusal(playAgainst(lines(peerLines.greeting, long(4097)))), "line_too_long")
    assert.strictEqual(refusal(playAgainst(fromPeer({ auth: long(4097) }))), "line_too_long")
  })

  it("without an end are refused as soon as they have more than 4096 bytes", () => {
    const bytes = Buffer.alloc(4096, "x")
    assert.isUndefined(playAgainst(bytes).error)
    assert.strictEqual(refusal(play(open(), [bytes, Buffer.from("x")])), "line_too_long")
  })

  it("of binary are refused", () => {
    const bytes = Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 7) & 0xff))
    assert.strictEqual(refusal(playAgainst(bytes)), "not_aemp")
    assert.strictEqual(refusal(playAgainst(Buffer.alloc(5000, 0x16))), "line_too_long")
  })

  it("that end nowhere are refused while an admission is under way, too", () => {
    const asked = receive(open()[0], lines(peerLines.greeting, peerLines.nonce))[0]
    assert.deepStrictEqual(receive(asked, Buffer.alloc(4096, "x"))[1], [])
    assert.strictEqual(refusal(play([asked, []], [Buffer.alloc(4097, "x")])), "line_too_long")
  })

  it("that wait for an admission are no way to fill our memory", () => {
    const asked = receive(open()[0], lines(peerLines.greeting, peerLines.nonce))[0]
    const line = lines(`hmac_sha3_512;${peerData};json`)
    const chunks = [line, ...Array.from({ length: 20 }, () => Buffer.alloc(4000, "\n"))]
    assert.strictEqual(refusal(play([asked, []], chunks)), "line_too_long")
  })
})

describe("authentication", () => {
  it("fails for a wrong secret, on both sides", () => {
    assert.strictEqual(refusal(playAgainst(fromPeer(), { secrets: ["another"] })), "auth_failed")
    const auth = `hmac_sha3_512;${dataFor(peerLines.greeting, peerLines.nonce, "another")};json`
    assert.strictEqual(refusal(playAgainst(fromPeer({ auth }))), "auth_failed")
  })

  it("fails for the digest that we sent ourselves", () => {
    const own = authData("hmac_sha3_512", secret, ownLines, peerLines)
    assert.strictEqual(refusal(playAgainst(fromPeer({ auth: `hmac_sha3_512;${own};json` }))), "auth_failed")
  })

  for (
    const [what, data] of [
      ["upper-case hex", peerData.toUpperCase()],
      ["no data", ""],
      ["half a digest", peerData.slice(0, 64)],
      ["a digest and more", `${peerData}00`]
    ] as const
  ) {
    it(`fails for ${what}`, () => {
      assert.strictEqual(refusal(playAgainst(fromPeer({ auth: `hmac_sha3_512;${data};json` }))), "auth_failed")
    })
  }

  it("fails when a byte of a greeting was changed on the way", () => {
    assert.strictEqual(refusal(playAgainst(fromPeer({ greeting: `${peerLines.greeting};x` }))), "auth_failed")
    assert.strictEqual(refusal(playAgainst(fromPeer({ nonce: `${peerLines.nonce}x` }))), "auth_failed")
  })

  it("further fields of the auth line are ignored", () => {
    assert.isDefined(playAgainst(fromPeer({ auth: `hmac_sha3_512;${peerData};json;more;fields` })).up)
  })

  it("refuses methods that we did not list", () => {
    for (const method of ["cleartext", "tls_sha3_512", "tls_anon", "nonsense", ""]) {
      const auth = `${method};${Buffer.from(secret).toString("hex")};json`
      assert.strictEqual(refusal(playAgainst(fromPeer({ auth }))), "auth_not_offered", method)
    }
  })

  it("refuses TLS methods without TLS even where they are listed", () => {
    const authAccept = ["tls_sha3_512", "hmac_sha3_512", "tls_anon"]
    const digest = authData("tls_sha3_512", "", peerLines, ownLines)
    for (const auth of [`tls_sha3_512;${digest};json`, "tls_anon;;json"]) {
      assert.strictEqual(refusal(playAgainst(fromPeer({ auth }), { authAccept })), "auth_not_offered")
    }
  })

  it("takes cleartext where it is listed, in lower-case hex, and only with the right secret", () => {
    const authAccept = ["hmac_sha3_512", "cleartext"]
    const withData = (data: string) =>
      playAgainst(fromPeer({ auth: `cleartext;${data};json` }), { authAccept, secrets: ["jkl\xff"] })
    assert.isDefined(withData("6a6b6cff").up)
    assert.strictEqual(refusal(withData("6a6b6cfe")), "auth_failed")
    assert.strictEqual(refusal(withData("6A6B6CFF")), "auth_failed")
    assert.strictEqual(refusal(withData("")), "auth_failed")
  })

  it("never sends cleartext, though the other side likes it best", () => {
    const greeting = "aemp;1;you;cleartext,hmac_sha3_512;json"
    const story = playAgainst(lines(greeting, peerLines.nonce), { authAccept: ["hmac_sha3_512", "cleartext"] })
    assert.strictEqual(
      story.sent.split("\n")[2],
      `hmac_sha3_512;${authData("hmac_sha3_512", secret, ownLines, { ...peerLines, greeting })};json`
    )
    const onlyCleartext = lines("aemp;1;you;cleartext;json", peerLines.nonce)
    assert.strictEqual(refusal(playAgainst(onlyCleartext)), "no_common_auth")
  })

  it("with no method in common is refused, before any digest leaves", () => {
    for (const auths of ["tls_sha3_512,tls_anon", "hmac_md6_64_256", ""]) {
      const story = playAgainst(lines(`aemp;1;you;${auths};json`, peerLines.nonce))
      assert.strictEqual(refusal(story), "no_common_auth", auths)
      assert.strictEqual(story.sent, `${ownLines.greeting}\n${ownLines.nonce}\n`)
    }
  })

  it("without a secret sends and takes nothing", () => {
    const auth = `hmac_sha3_512;${dataFor(peerLines.greeting, peerLines.nonce, "")};json`
    assert.strictEqual(refusal(playAgainst(fromPeer({ auth }), { secrets: [] })), "no_common_auth")
    assert.isUndefined(authData("cleartext", "", peerLines, ownLines))
  })
})

describe("framing", () => {
  const greet = (framings: string) => {
    const greeting = `aemp;1;you;hmac_sha3_512;${framings}`
    return (auth: string) => playAgainst(fromPeer({ greeting, auth: `hmac_sha3_512;${dataFor(greeting)};${auth}` }))
  }

  it("is the sender's choice: the first of the other side's list that it knows", () => {
    const story = greet("storable,json,cbor")("cbor")
    assert.strictEqual(story.up?.sends, "json")
    assert.strictEqual(story.up?.receives, "cbor")
    assert.match(story.sent, /;json\n$/)
  })

  it("of the other side must be one that we listed", () => {
    assert.strictEqual(refusal(greet("json")("storable")), "framing_not_offered")
    assert.strictEqual(refusal(greet("json")("")), "framing_not_offered")
  })

  it("with nothing in common is refused", () => {
    assert.strictEqual(refusal(greet("storable")("json")), "no_common_framing")
    assert.strictEqual(refusal(greet("")("json")), "no_common_framing")
  })
})

describe("data behind the auth line", () => {
  it("is handed over", () => {
    const story = playAgainst(Buffer.concat([fromPeer(), latin1("[\"\"]\n\r\n[")]))
    assert.strictEqual(Buffer.from(story.up!.rest).toString("latin1"), "[\"\"]\n\r\n[")
  })

  it("has no line limit, even if it comes with the greeting in one piece", () => {
    const data = Buffer.alloc(20_000, "x")
    assert.strictEqual(playAgainst(Buffer.concat([fromPeer(), data])).up?.rest.length, data.length)
    const asked = receive(open()[0], lines(peerLines.greeting, peerLines.nonce))[0]
    const auth = lines(`hmac_sha3_512;${peerData};json`)
    assert.strictEqual(play([admitted(asked)[0], []], [Buffer.concat([auth, data])]).up?.rest.length, data.length)
  })

  it("is empty when nothing came", () => {
    assert.strictEqual(playAgainst(fromPeer()).up?.rest.length, 0)
  })
})
