import { assert, describe, it } from "@effect/vitest"
import type { Secured } from "../../../../src/internal/transport/credentials.ts"
import { authData, type GreetingLines } from "../../../../src/internal/transport/handshake/auth.ts"
import { ownKindKey } from "../../../../src/internal/transport/handshake/greeting.ts"
import {
  admitted,
  type Handshake,
  type Identity,
  receive,
  secured
} from "../../../../src/internal/transport/handshake/handshake.ts"
import {
  dataFor,
  fromPeer,
  lines,
  open,
  ownLines,
  peerLines,
  play,
  playAgainst,
  refusal,
  secret,
  type Story
} from "./handshakeStory.ts"

describe("TLS", () => {
  const greeting = "aemp;1;you;hmac_sha3_512,tls_sha3_512;json;tls=1.0"
  const theirs: GreetingLines = { greeting, nonce: peerLines.nonce }
  const authAccept = ["tls_sha3_512", "hmac_sha3_512"]
  const withTls = (over: Partial<Identity> = {}) => open({ tls: true, authAccept, ...over })
  const common = { subject: "CN=you", version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384" }
  const proven: Secured = { ...common, problem: undefined, names: ["you"] }
  const unproven: Secured = { ...common, problem: { reason: "tls_untrusted", detail: "WHY" }, names: ["you"] }
  const digest = (method: string, own = theirs, other = ownLines): string => authData(method, secret, own, other)!
  const authLine = (method: string): Buffer => lines(`${method};${digest(method)};json`)

  /** The other side's greeting, TLS with this outcome, and inside of it an auth line. */
  const through = (outcome: Secured, method: string, over: Partial<Identity> = {}): Story =>
    play(withTls(over), [lines(greeting, theirs.nonce), authLine(method)], outcome)

  for (
    const [nonce, role] of [
      ["my nonces", "client"],
      ["your nonce", "client"],
      ["\xff", "client"],
      ["my", "server"],
      ["My nonce", "server"],
      ["!", "server"]
    ] as const
  ) {
    it(`begins behind the nonce line: we are ${role} of ${JSON.stringify(nonce)}, as its nonce is`, () => {
      const hello = Uint8Array.of(0x16, 3, 1, 10, 13)
      const story = play(withTls(), [Buffer.concat([lines(greeting, nonce), hello])])
      assert.strictEqual(story.tls?.role, role)
      assert.deepStrictEqual(Uint8Array.from(story.tls!.rest), hello)
      assert.strictEqual(story.admissions, 1)
      assert.strictEqual(story.sent, `${ownLines.greeting}\n${ownLines.nonce}\n`)
    })
  }

  it("begins if and only if both sides have a certificate, in the first version of it", () => {
    const begins = (tls: boolean, keys: string): boolean =>
      playAgainst(lines(`aemp;1;you;tls_sha3_512,hmac_sha3_512;json${keys}`, "nonce"), { tls, authAccept }).tls !==
        undefined
    for (const keys of [";tls=1.0", ";tls=1", ";tls=1.9;x=y", ";a;tls=1.0"]) assert.isTrue(begins(true, keys), keys)
    for (const keys of ["", ";tls", ";tls=", ";tls=0", ";tls=0.9", ";tls=2.0", ";tls=-1", ";tls=yes", ";xtls=1.0"]) {
      assert.isFalse(begins(true, keys), keys)
    }
    assert.isFalse(begins(false, ";tls=1.0"))
  })

  it("carries the auth lines, with digests for TLS though the other side likes others better", () => {
    const story = through(proven, "tls_sha3_512")
    const own = `tls_sha3_512;${digest("tls_sha3_512", ownLines, theirs)};json`
    assert.strictEqual(story.sent, `${ownLines.greeting}\n${ownLines.nonce}\n${own}\n`)
    assert.strictEqual(story.up?.greeting.nodeId, "you")
  })

  it("has no use for secrets", () => {
    assert.isDefined(through(proven, "tls_sha3_512", { secrets: ["another"] }).up)
    assert.isDefined(through(proven, "tls_sha3_512", { secrets: [] }).up)
  })

  it("never goes with a method for connections in the clear, though the secret is right", () => {
    assert.strictEqual(refusal(through(proven, "hmac_sha3_512")), "auth_not_offered")
    const onlyHmac = play(withTls(), [lines(greeting.replace(",tls_sha3_512", ""), "nonce")])
    assert.strictEqual(refusal(onlyHmac), "no_common_auth")
    assert.isUndefined(onlyHmac.tls)
  })

  it("takes cleartext inside of it, where it is listed, with the right secret", () => {
    const listed = { authAccept: [...authAccept, "cleartext"] }
    assert.isDefined(through(proven, "cleartext", listed).up)
    assert.strictEqual(refusal(through(proven, "cleartext", { ...listed, secrets: ["another"] })), "auth_failed")
  })

  it("fails for a greeting that was changed before it stood", () => {
    const changed = lines(greeting.replace("you", "yov"), theirs.nonce)
    assert.strictEqual(refusal(play(withTls(), [changed, authLine("tls_sha3_512")], proven)), "auth_failed")
  })

  it("is asked for before anybody has authenticated; our auth line waits for it, and for the admission", () => {
    const asked = receive(withTls()[0], lines(greeting, theirs.nonce))[0]
    for (const [first, second] of [[admitted, secureIt], [secureIt, admitted]] as const) {
      const [next, nothing] = first(asked)
      assert.deepStrictEqual(nothing, [])
      assert.deepStrictEqual(second(next)[1].map(({ _tag }) => _tag), ["Send"])
    }
    function secureIt(state: Handshake) {
      return secured(state, proven)
    }
  })

  it("lets nothing count that came in the clear behind the greeting", () => {
    let [state] = receive(withTls()[0], lines(greeting, theirs.nonce))
    const [after, nothing] = receive(state, authLine("tls_sha3_512"))
    assert.deepStrictEqual(nothing, [])
    ;[state] = admitted(after)
    const [inside, actions] = secured(state, proven)
    assert.deepStrictEqual(actions.map(({ _tag }) => _tag), ["Send"])
    assert.deepStrictEqual(receive(inside, authLine("tls_sha3_512"))[1].map(({ _tag }) => _tag), ["Up"])
  })

  it("that stands when nobody asked for it changes nothing", () => {
    const plain = receive(open()[0], lines(peerLines.greeting, peerLines.nonce))[0]
    for (const state of [withTls()[0], plain]) assert.deepStrictEqual(secured(state, unproven), [state, []])
  })

  it("with a certificate that proves nothing is refused for the reason", () => {
    const story = through(unproven, "tls_sha3_512")
    assert.strictEqual(refusal(story), "tls_untrusted")
    assert.strictEqual(story.error?.detail, "WHY")
  })

  describe("and tls_anon", () => {
    const anon = { authAccept: ["tls_sha3_512", "tls_anon", "hmac_sha3_512", "cleartext"] }

    it("which is taken where we list it, whatever the certificate proves", () => {
      assert.isDefined(through(unproven, "tls_anon", anon).up)
      assert.isDefined(through(proven, "tls_anon", anon).up)
      assert.strictEqual(refusal(through(proven, "tls_anon")), "auth_not_offered")
      assert.strictEqual(refusal(through(unproven, "tls_anon")), "tls_untrusted")
    })

    it("which is all that a certificate that proves nothing is good for", () => {
      for (const method of ["tls_sha3_512", "cleartext"]) {
        assert.strictEqual(refusal(through(unproven, method, anon)), "tls_untrusted", method)
      }
      assert.strictEqual(refusal(through(unproven, "hmac_sha3_512", anon)), "auth_not_offered")
    })

    it("which has no data", () => {
      const story = play(withTls(anon), [lines(greeting, theirs.nonce), lines("tls_anon;00;json")], proven)
      assert.strictEqual(refusal(story), "auth_failed")
    })

    it("which is not sent unless we offer it", () => {
      const onlyAnon = lines("aemp;1;you;tls_anon;json;tls=1.0", theirs.nonce)
      assert.strictEqual(refusal(play(withTls(), [onlyAnon], proven)), "no_common_auth")
      const story = play(withTls({ authOffer: ["tls_sha3_512", "tls_anon"] }), [onlyAnon], proven)
      assert.match(story.sent, /\ntls_anon;;json\n$/)
    })

    it("which proves no node ID", () => {
      const bound = { ...anon, nodeIdInCert: true }
      assert.isDefined(through(proven, "tls_anon", bound).up)
      assert.strictEqual(refusal(through(unproven, "tls_anon", bound)), "tls_untrusted")
    })
  })

  it("with a certificate for another node is refused, where it has to be for the node's ID", () => {
    const bound = { nodeIdInCert: true }
    for (const names of [[], ["You"], ["you2"], ["yo"], ["*"], ["*.you"], ["me"]]) {
      const story = through({ ...common, problem: undefined, names }, "tls_sha3_512", bound)
      assert.strictEqual(refusal(story), "tls_wrong_node", names.join())
      assert.isDefined(through({ ...common, problem: undefined, names }, "tls_sha3_512").up)
    }
    assert.isDefined(through({ ...common, problem: undefined, names: ["other", "you"] }, "tls_sha3_512", bound).up)
  })

  it("that the other side does not have is missed by name, unless there is a method without it, and a secret", () => {
    const plain = lines(peerLines.greeting, peerLines.nonce)
    const onlyTls = ["tls_sha3_512"]
    for (
      const over of [
        { authAccept, secrets: [] },
        { authAccept: onlyTls },
        { authAccept, authOffer: onlyTls },
        { authAccept: onlyTls, authOffer: onlyTls }
      ]
    ) assert.strictEqual(refusal(playAgainst(plain, { tls: true, ...over })), "tls_required")
    assert.isDefined(playAgainst(fromPeer(), { tls: true, authAccept }).up)
  })

  it("that the other side demands, while we have no certificate, is missed by another name", () => {
    const demanding = lines("aemp;1;you;tls_sha3_512;json;tls=1.0", peerLines.nonce)
    assert.strictEqual(refusal(playAgainst(demanding)), "certificate_required")
    const leaving = "aemp;1;you;tls_sha3_512,hmac_sha3_512;json;tls=1.0"
    const auth = `hmac_sha3_512;${dataFor(leaving)};json`
    assert.isDefined(playAgainst(fromPeer({ greeting: leaving, auth })).up)
    const strange = lines("aemp;1;you;tls_sha3_512;json", peerLines.nonce)
    assert.strictEqual(refusal(playAgainst(strange)), "no_common_auth")
  })

  it("takes an empty nonce, whose sender is client, where a certificate is proven", () => {
    const theirs: GreetingLines = { greeting, nonce: "" }
    const auth = lines(`tls_sha3_512;${digest("tls_sha3_512", theirs)};json`)
    const story = play(withTls(), [lines(greeting, ""), auth], proven)
    assert.strictEqual(story.tls?.role, "server")
    assert.isDefined(story.up)
    const anon = { authAccept: [...authAccept, "tls_anon"] }
    assert.strictEqual(
      refusal(play(withTls(anon), [lines(greeting, ""), lines("tls_anon;;json")], proven)),
      "malformed_greeting"
    )
  })

  it("says what protects the link, and what both sides have proven", () => {
    const { security } = through(proven, "tls_sha3_512", { subject: "CN=me" }).up!
    assert.deepStrictEqual(security, {
      tls: { version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384" },
      received: { method: "tls_sha3_512", subject: "CN=you", secret: undefined },
      sent: { method: "tls_sha3_512", subject: "CN=me", secret: undefined }
    })
    const clear = playAgainst(fromPeer(), { secrets: ["another", secret], subject: "CN=me" }).up!
    assert.deepStrictEqual(clear.security, {
      tls: undefined,
      received: { method: "hmac_sha3_512", subject: undefined, secret: 1 },
      sent: { method: "hmac_sha3_512", subject: undefined, secret: 1 }
    })
  })

  describe("with a certificate that is not accepted", () => {
    const own = `${greeting};${ownKindKey}=its incarnation`
    const inside = (over: Partial<Identity> = {}) => receive(withTls(over)[0], lines(own, theirs.nonce))[0]

    for (
      const [reason, outcome, over] of [
        ["tls_untrusted", unproven, {}],
        ["tls_expired", { ...common, problem: { reason: "tls_expired", detail: "" }, names: [] }, {}],
        ["tls_no_certificate", { ...common, problem: { reason: "tls_no_certificate", detail: "" }, names: [] }, {}],
        ["tls_wrong_node", { ...common, problem: undefined, names: ["another"] }, { nodeIdInCert: true }]
      ] as ReadonlyArray<[string, Secured, Partial<Identity>]>
    ) {
      it(`tells a node of our own kind why, and proves nothing to it: ${reason}`, () => {
        const [over_, [sent, refused, ...more]] = secured(inside(over), outcome)
        assert.strictEqual(
          sent?._tag === "Send" && Buffer.from(sent.bytes).toString(),
          `tls_sha3_512;;json;refused=${reason}\n`
        )
        assert.isTrue(refused?._tag === "Refuse" && refused.isTold && refused.error.reason === reason)
        assert.deepStrictEqual([over_.phase, more], ["over", []])
      })

      it(`hears why of a node of our own kind: ${reason}`, () => {
        const story = play(withTls(), [lines(own, theirs.nonce), lines(`tls_sha3_512;;json;refused=${reason}`)], proven)
        assert.strictEqual(refusal(story), "tls_refused")
      })
    }

    it("tells nobody of another kind", () => {
      const asked = receive(withTls()[0], lines(greeting, theirs.nonce))[0]
      assert.deepStrictEqual(secured(asked, unproven)[1].map(({ _tag }) => _tag), ["Refuse"])
    })

    it("hears nothing of the kind in the clear, or for a reason that is none", () => {
      const plain = playAgainst(fromPeer({ auth: "hmac_sha3_512;;json;refused=tls_expired" }))
      assert.strictEqual(refusal(plain), "auth_failed")
      for (const why of ["toString", "tls_required", ""]) {
        const story = play(withTls(), [lines(own, theirs.nonce), lines(`tls_sha3_512;;json;refused=${why}`)], proven)
        assert.strictEqual(refusal(story), "auth_failed", why)
      }
    })
  })

  it("that was taken out of the greetings is missed by the digests, where there is a secret", () => {
    // What the other side digests is what it said; what we heard has no `tls` in it.
    const heard = greeting.replace(";tls=1.0", "")
    const auth = `hmac_sha3_512;${digest("hmac_sha3_512")};json`
    const story = playAgainst(lines(heard, theirs.nonce, auth), { tls: true, authAccept })
    assert.isUndefined(story.tls)
    assert.strictEqual(refusal(story), "auth_failed")
  })
})
