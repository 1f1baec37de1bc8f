import { assert, describe, it } from "@effect/vitest"
import { hostname } from "node:os"
import { Guard, type Guarded, type Visit } from "../../../../src/internal/cli/web/guard.ts"

const token = "a token that nobody knows".replaceAll(" ", "-")
const local: Guarded = { token, host: "127.0.0.1", port: 4080 }

/** `Pass`, `Enter`, or the status of the refusal. */
const judged = (guarded: Guarded, visit: Partial<Visit> & { headers?: Visit["headers"] }): string => {
  const headers = { host: `${guarded.host}:${guarded.port}`, ...visit.headers }
  const verdict = new Guard(guarded).judge({ method: "GET", url: "/", ...visit, headers })
  return verdict._tag === "Refuse" ? String(verdict.status) : verdict._tag
}

/** The cookie that whoever shows the token gets. */
const cookieOf = (guarded: Guarded): string => {
  const headers = { host: `127.0.0.1:${guarded.port}` }
  const verdict = new Guard(guarded).judge({ method: "GET", url: `/?token=${guarded.token}`, headers })
  return verdict._tag === "Enter" ? verdict.cookie.split(";")[0] ?? "" : ""
}

describe("who may look", () => {
  it("is who has the cookie, that whoever opens the address with the token gets", () => {
    assert.strictEqual(judged(local, { url: `/?token=${token}` }), "Enter")
    assert.strictEqual(judged(local, { headers: { cookie: `other=1; ${cookieOf(local)}; more=2` } }), "Pass")
    assert.strictEqual(judged(local, { url: "/api/events", headers: { cookie: cookieOf(local) } }), "Pass")
  })

  it("is who shows the token in a header, as programs do", () => {
    assert.strictEqual(judged(local, { url: "/api/node?id=a", headers: { authorization: `Bearer ${token}` } }), "Pass")
    assert.strictEqual(judged(local, { url: "/api/node?id=a", headers: { authorization: "Bearer wrong" } }), "401")
  })

  it.each(["", "?token=", "?token=wrong", `?token=${token}x`, `?token=${token.slice(0, -1)}`])(
    "is not who opens /%s",
    (query) => {
      assert.strictEqual(judged(local, { url: `/${query}` }), "401")
    }
  )

  it("is not who has the cookie of another server, of the same one with another token, or the token for one", () => {
    const name = cookieOf(local).split("=")[0]
    for (
      const cookie of [
        cookieOf({ ...local, port: 4081 }),
        cookieOf({ ...local, token: `${token}x` }),
        `${name}=${token}`
      ]
    ) {
      assert.strictEqual(judged(local, { headers: { cookie } }), "401")
    }
  })

  it("does not get the token back out of the cookie, and no script gets the cookie", () => {
    const verdict = new Guard(local).judge({ method: "GET", url: `/?token=${token}`, headers: { host: "localhost" } })
    assert.isTrue(verdict._tag === "Enter" && verdict.cookie.endsWith("; Path=/; HttpOnly; SameSite=Strict"))
    assert.notInclude(cookieOf(local), token)
  })

  it("takes the token at the entrance only", () => {
    assert.strictEqual(judged(local, { url: `/api/events?token=${token}` }), "401")
    assert.strictEqual(judged(local, { method: "POST", url: `/?token=${token}` }), "401")
  })

  it("is everybody, without a token", () => {
    assert.strictEqual(judged({ ...local, token: undefined }, { url: "/api/events" }), "Pass")
  })
})

describe("the host that was asked for", () => {
  const asked = (host: string, header: string | undefined) =>
    judged({ token: undefined, host, port: 4080 }, { headers: { host: header } })

  it.each(["127.0.0.1:4080", "127.0.0.1", "localhost:4080", "LOCALHOST:9000", "[::1]:4080"])(
    "is this machine: %s",
    (host) => assert.strictEqual(asked("127.0.0.1", host), "Pass")
  )

  it.each(["evil.example", "evil.example:4080", "127.0.0.1.evil.example", "localhost.evil.example", "192.168.1.5"])(
    "is not %s, which somebody has made to lead here",
    (host) => assert.strictEqual(asked("127.0.0.1", host), "403")
  )

  it.each([undefined, "", "a b", "a/b", "[::1", "user@127.0.0.1", "127.0.0.1:4080:4080"])(
    "is not %s",
    (host) => assert.strictEqual(asked("127.0.0.1", host), "400")
  )

  it("is any address of the machine, and its name, when all were bound", () => {
    for (const host of ["192.168.1.5:4080", "[2001:db8::1]:4080", "localhost:4080", `${hostname()}:4080`]) {
      assert.strictEqual(asked("0.0.0.0", host), "Pass", host)
    }
    assert.strictEqual(asked("0.0.0.0", "evil.example:4080"), "403")
  })
})

describe("pages of others", () => {
  const headers = { cookie: cookieOf(local) }
  const origin = "http://127.0.0.1:4080"
  const post = (more: Visit["headers"]) =>
    judged(local, { method: "POST", url: "/api/act", headers: { ...headers, ...more } })

  it("cannot act: what changes something comes from our own", () => {
    assert.strictEqual(post({ origin }), "Pass")
    for (const other of [undefined, "null", "http://127.0.0.1:4081", "http://evil.example", "file://127.0.0.1:4080"]) {
      assert.strictEqual(post({ origin: other }), "403", other)
    }
  })

  it("cannot act without a token either, nor can they show the token", () => {
    const open = { ...local, token: undefined }
    assert.strictEqual(judged(open, { method: "POST", headers: { origin: "http://evil.example" } }), "403")
    assert.strictEqual(judged(open, { method: "POST", headers: { origin } }), "Pass")
    const authorization = `Bearer ${token}`
    assert.strictEqual(post({ authorization }), "Pass")
    assert.strictEqual(post({ authorization, origin: "http://evil.example" }), "403")
  })

  it("cannot ask, but may link to the entrance", () => {
    for (const site of ["cross-site", "same-site"]) {
      const from = { ...headers, "sec-fetch-site": site }
      assert.strictEqual(judged(local, { url: "/api/events", headers: from }), "403")
      assert.strictEqual(judged(local, { url: "/%61pi/events", headers: from }), "403")
      assert.strictEqual(judged(local, { url: "/", headers: from }), "Pass")
    }
    for (const site of ["same-origin", "none"]) {
      assert.strictEqual(judged(local, { url: "/api/events", headers: { ...headers, "sec-fetch-site": site } }), "Pass")
    }
  })
})

it.each(["//", "http://[", "/\\", "*", "/%zz", `/${"a".repeat(10_000)}`])(
  "the path %s is judged, and breaks nothing",
  (url) => {
    assert.include(["Pass", "400", "403"], judged({ ...local, token: undefined }, { url }))
  }
)
