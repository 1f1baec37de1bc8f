import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import type { JsonObject } from "effect/Schema"
import { ancestry } from "../../../../src/internal/cli/config/document.ts"
import { decode, type Key, keys, kinds } from "../../../../src/internal/cli/config/keys.ts"
import {
  type Arguments,
  resolve,
  type Resolved,
  type Sources,
  type Values
} from "../../../../src/internal/cli/config/resolve.ts"

const none: Arguments = { values: {} }
const sources = (given: Partial<Sources>): Sources => ({
  document: {},
  file: "FILE",
  hostname: "host",
  words: none,
  environment: [],
  flags: none,
  ...given
})
const failure = <E extends Error>(result: Result.Result<unknown, E>): string =>
  Result.getOrThrow(Result.flip(result)).message
const settings = (given: Partial<Sources>): Resolved["settings"] => Result.getOrThrow(resolve(sources(given))).settings
/** The value of a key, and where it comes from. */
const of = (key: Key, given: Partial<Sources>) => {
  const setting = settings(given)[key]
  return setting && [setting.value, setting.from]
}

describe("the value of a key", () => {
  it.each<[Key, unknown, unknown]>([
    ["nodeid", "anon/", "anon/"],
    ["secret", "a b\u00ff", "a b\u00ff"],
    ["secret", ["new", "old"], ["new", "old"]],
    ["cert", "node.pem", "node.pem"],
    ["binds", "4040, 127.0.0.1:4041,", ["4040", "127.0.0.1:4041"]],
    ["binds", ["*:1,*:2", 4040], ["*:1", "*:2", "4040"]],
    ["binds", [], []],
    ["binds", "", []],
    ["binds", "10.0.0.1:4040@vpn,*", ["10.0.0.1:4040@vpn", "*"]],
    ["seeds", "a:1,[::1]:2", ["a:1", "[::1]:2"]],
    ["seeds", "*:4040,*,a:1@vpn", ["*:4040", "*", "a:1@vpn"]],
    ["advertise", "a.example,[2001:db8::1]:2@vpn", ["a.example", "[2001:db8::1]:2@vpn"]],
    ["advertise", [], []],
    ["scopes", "vpn, rack_1", ["vpn", "rack_1"]],
    ["services", "./a.js,b#c", ["./a.js", "b#c"]],
    ["services", ["./a,b.js", ["b#c", 1, { d: null }]], ["./a,b.js", ["b#c", 1, { d: null }]]],
    ["monitor_timeout", 0.5, 0.5],
    ["monitor_timeout", "30", 30],
    ["connect_interval", "2.5", 2.5],
    ["framing_format", "json", ["json"]],
    ["framing_format", ["cbor", "json", "storable"], ["cbor", "json", "storable"]],
    ["auth_offer", "hmac_sha3_512", ["hmac_sha3_512"]],
    ["auth_accept", ["tls_anon", "cleartext"], ["tls_anon", "cleartext"]],
    ["max_message_size", "1048576", 1_048_576],
    ["node_id_in_cert", "1", true],
    ["secure", 0, false],
    ["autocork", "", false],
    ["nodelay", "on", true]
  ])("%s may be %j", (key, raw, value) => {
    assert.deepStrictEqual(Result.getOrThrow(decode(key, raw, undefined)), value)
  })

  it.each<[Key, unknown, RegExp]>([
    ["nodeid", "a#b", /^nodeid: "a#b" is not a text without #/],
    ["nodeid", "", /^nodeid: "" is not/],
    ["nodeid", ["a"], /^nodeid: \["a"\] is not/],
    ["cert", 1, /^cert: it is not PEM text/],
    ["binds", ["*:1", "*:99999"], /^binds: "\*:99999" is not an address/],
    ["binds", { a: 1 }, /^binds: \{"a":1\} is not/],
    ["seeds", "a:1,b", /^seeds: "b" is not an address/],
    ["seeds", "*,host:*", /^seeds: "host:\*" is not/],
    ["advertise", "*:1", /^advertise: "\*:1" is not an address of one host/],
    ["scopes", ["a b"], /^scopes: "a b" is not a label/],
    ["services", [1], /^services: 1 is not a service/],
    ["services", [[1]], /^services: \[1\] is not/],
    ["services", [[]], /^services: \[\] is not/],
    ["monitor_timeout", 0, /^monitor_timeout: 0 is not a number of seconds above zero$/],
    ["monitor_timeout", "-1", /^monitor_timeout: "-1" is not/],
    ["connect_interval", "soon", /^connect_interval: "soon" is not/],
    ["framing_format", "cbor,xml", /^framing_format: "xml" is not one of cbor, json, storable$/],
    ["auth_offer", "cleartext", /^auth_offer: "cleartext" is not one of tls_sha3_512, tls_anon, hmac_sha3_512$/],
    ["auth_accept", [true], /^auth_accept: true is not/],
    ["max_message_size", 1.5, /^max_message_size: 1.5 is not a whole number/],
    ["max_message_size", "32767", /^max_message_size: "32767" is not a whole number of bytes, at least 32768$/],
    ["secret", [], /^secret: it is not a text.*or a list of 8 at most$/],
    ["secret", ["a", ""], /^secret: it is not/],
    ["secret", Array.from({ length: 9 }, (_, n) => `s${n}`), /^secret: it is not/],
    ["secure", "perhaps", /^secure: "perhaps" is not true or false$/]
  ])("%s cannot be %j", (key, raw, message) => {
    assert.match(failure(decode(key, raw, undefined)), message)
  })

  it("is not told if it is a secret", () => {
    assert.notInclude(failure(decode("secret", "swordfish\n", undefined)), "swordfish")
    assert.match(
      failure(decode("secret", "\u0100", "FILE")),
      /^FILE: secret: it is not a text of characters up to U\+00FF/
    )
  })

  it.each(keys)("%s may be what its help shows", (key) => {
    assert.isTrue(Result.isSuccess(decode(key, kinds[key].example, undefined)))
  })
})

/** Every source has the same keys: what it has none of is left out. */
const sourced = (mark: string): Values => ({
  nodeid: mark,
  monitor_timeout: { words: 1, file: 2, parent: 3, profile: 4, environment: 5, flags: 6 }[mark]
})
const document: JsonObject = {
  version: 1,
  nodeid: "file",
  monitor_timeout: 2,
  profile: {
    child: { parent: "middle", nodeid: "profile", monitor_timeout: 4 },
    middle: { parent: "outer" },
    outer: { nodeid: "parent", monitor_timeout: 3 },
    bare: { secret: "s" }
  }
}
const words = (given: Partial<Arguments> = {}): Arguments => ({ values: sourced("words"), ...given })
const environment = [{ variable: "VARIABLE", values: sourced("environment") }]

describe("of several sources", () => {
  it.each<[string, Partial<Sources>, string, number, string]>([
    ["nothing leaves the defaults", {}, "host/", 30, "default"],
    ["words count more than defaults", { words: words() }, "words", 1, "arguments"],
    ["the file counts more than words", { document, words: words() }, "file", 2, "file"],
    [
      "a profile counts more than the file",
      { document, words: words({ profile: "outer" }) },
      "parent",
      3,
      "profile outer"
    ],
    [
      "a profile counts more than its ancestors",
      { document, words: words({ profile: "child" }) },
      "profile",
      4,
      "profile child"
    ],
    [
      "an ancestor's ancestor counts too",
      { document, words: words({ profile: "middle" }) },
      "parent",
      3,
      "profile outer"
    ],
    ["a profile inherits from the file", { document, words: words({ profile: "bare" }) }, "file", 2, "file"],
    [
      "the environment counts more than profiles",
      { document, words: words({ profile: "child" }), environment },
      "environment",
      5,
      "$VARIABLE"
    ],
    [
      "flags count more than everything",
      { document, words: words({ profile: "child" }), environment, flags: { values: sourced("flags") } },
      "flags",
      6,
      "flags"
    ],
    [
      "the profile of a flag counts more than that of a word",
      {
        document,
        words: words({ profile: "child" }),
        flags: { profile: "outer", values: {} }
      },
      "parent",
      3,
      "profile outer"
    ],
    [
      "with norc the file does not count",
      { document, words: words({ norc: true, profile: "child" }) },
      "words",
      1,
      "arguments"
    ],
    ["with norc there may be defaults only", { document, flags: { norc: true, values: {} } }, "host/", 30, "default"],
    [
      "with force words count more than the file",
      { document, words: words({ force: true, profile: "child" }) },
      "words",
      1,
      "arguments"
    ],
    [
      "with force words count more than the environment",
      { document, environment, words: words({ force: true }) },
      "words",
      1,
      "arguments"
    ],
    [
      "a flag may take force back",
      { document, words: words({ force: true }), flags: { force: false, values: {} } },
      "file",
      2,
      "file"
    ]
  ])("%s", (_, given, nodeid, timeout, from) => {
    assert.deepStrictEqual(of("nodeid", given), [nodeid, from])
    assert.deepStrictEqual(of("monitor_timeout", given), [timeout, from])
  })

  it("with force the five defaults of AEMP hide the file, and others do not", () => {
    const file = {
      monitor_timeout: 7,
      connect_interval: 7,
      framing_format: ["json"],
      auth_offer: ["tls_anon"],
      binds: ["1"]
    }
    const found = settings({ document: { ...file, auth_accept: ["tls_anon"] }, words: { force: true, values: {} } })
    const from = Object.entries(found).filter(([, setting]) => setting.from === "file").map(([key]) => key)
    assert.deepStrictEqual(from, ["binds"])
    assert.deepStrictEqual([found.monitor_timeout?.value, found.connect_interval?.value], [30, 2])
  })

  it("the methods that are usual depend on whether there is a certificate, and on what is accepted", () => {
    const methods = (given: Partial<Sources>) => {
      const { auth_accept, auth_offer } = settings(given)
      return [auth_offer?.value, auth_accept?.value]
    }
    const tls = "tls_sha3_512"
    const hmac = "hmac_sha3_512"
    assert.deepStrictEqual(methods({}), [[hmac], [hmac, "cleartext"]])
    assert.deepStrictEqual(methods({ document: { cert: "a.pem" } }), [[tls], [tls]])
    const both = { cert: "a.pem", auth_accept: [tls, hmac] }
    assert.deepStrictEqual(methods({ document: both }), [[tls, hmac], [tls, hmac]])
    // The defaults count more than the file then.
    assert.deepStrictEqual(methods({ document: both, words: { force: true, values: {} } }), [[tls], [tls]])
    assert.deepStrictEqual(methods({ document: { ...both, auth_offer: [hmac] } }), [[hmac], [tls, hmac]])
  })

  it("null hides what a weaker source has, and is no value", () => {
    const file = { secret: "s", binds: ["1"], profile: { open: { secret: null, binds: null } } }
    const found = settings({ document: file, words: { profile: "open", values: {} } })
    assert.isUndefined(found.secret)
    assert.isUndefined(found.binds)
  })

  it("a wrong value is told with its place", () => {
    const file = { binds: ["x:y"], profile: { host: { monitor_timeout: -1 } } }
    assert.match(failure(resolve(sources({ document: file }))), /^FILE: binds: "x:y" is not/)
    const hidden = { document: file, flags: { values: { binds: ["1"] } } }
    assert.match(failure(resolve(sources(hidden))), /^FILE, profile host: monitor_timeout: -1 is not/)
    const typed = { flags: { values: { monitor_timeout: "x" } } }
    assert.match(failure(resolve(sources(typed))), /^monitor_timeout: "x" is not/)
  })

  it("keys that nobody knows mean nothing", () => {
    assert.notProperty(settings({ document: { eval: "warn 1", __proto__: { secret: "s" } } }), "eval")
    assert.isUndefined(settings({ document: Object.create({ secret: "s" }) }).secret)
  })
})

describe("a profile", () => {
  it("is that of the host, and makes the node ID, unless another one is asked for", () => {
    const file = { profile: { host: { seeds: ["a:1"] } } }
    assert.deepStrictEqual(of("seeds", { document: file }), [["a:1"], "profile host"])
    assert.deepStrictEqual(of("nodeid", { words: { profile: "other", values: {} } }), ["other/", "default"])
  })

  it("that is asked for and not there is missing, and has no values", () => {
    const missing = (given: Partial<Sources>) => Result.getOrThrow(resolve(sources(given))).isMissing
    assert.isTrue(missing({ document, words: { profile: "nobody", values: {} } }))
    assert.isTrue(missing({ document, words: { profile: "constructor", values: {} } }))
    assert.isFalse(missing({ document, words: { profile: "bare", values: {} } }))
    assert.isFalse(missing({ document, words: { profile: "nobody", norc: true, values: {} } }))
    assert.isFalse(missing({ document }))
  })

  it("may have a parent that is not there", () => {
    assert.deepStrictEqual(Result.getOrThrow(ancestry({ profile: { a: { parent: "b" } } }, "a", "FILE")), ["b", "a"])
  })

  it("whose parent is not there is an orphan, and so are its children", () => {
    const profile = { a: { parent: "b" }, b: { parent: "comon" }, common: {}, whole: { parent: "common" } }
    const orphan = (name: string, norc = false) =>
      Result.getOrThrow(resolve(sources({ document: { profile }, words: { profile: name, norc, values: {} } }))).orphan
    const expected = { profile: "b", problem: "its parent \"comon\" does not exist; did you mean \"common\"?" }
    assert.deepStrictEqual(orphan("a"), expected)
    assert.deepStrictEqual(orphan("b"), expected)
    for (const name of ["whole", "common", "nobody"]) assert.isUndefined(orphan(name))
    assert.isUndefined(orphan("a", true))
  })

  it.each<[string, JsonObject, RegExp]>([
    ["itself", { a: { parent: "a" } }, /^FILE, profile a: parent: the parents lead in a circle: a, a$/],
    [
      "its child",
      { a: { parent: "b" }, b: { parent: "c" }, c: { parent: "b" } },
      /^FILE, profile c: parent: the parents lead in a circle: b, c, b$/
    ],
    ["nothing that has a name", { a: { parent: 1 } }, /^FILE, profile a: parent: 1 is not the name of a profile$/]
  ])("whose parent is %s is refused", (_, profile, message) => {
    assert.match(failure(resolve(sources({ document: { profile }, words: { profile: "a", values: {} } }))), message)
  })
})
