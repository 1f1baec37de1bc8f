import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import type { JsonObject } from "effect/Schema"
import { groups, readArguments, readChain, type Step } from "../../../../src/internal/cli/config/chain.ts"
import { edit, type ReadyStep } from "../../../../src/internal/cli/config/edit.ts"
import { keys } from "../../../../src/internal/config/keys.ts"

/** As a shell would split it. */
const split = (line: string): ReadonlyArray<string> =>
  Array.from(line.matchAll(/'([^']*)'|(\S+)/g), ([, quoted, plain]) => quoted ?? plain!)
const read = (line: string): ReadonlyArray<Step> => Result.getOrThrow(readChain(split(line)))
const failure = <E extends Error>(result: Result.Result<unknown, E>): string =>
  Result.getOrThrow(Result.flip(result)).message
const words = groups.flatMap((group) => group.words)

/** What chains make of a document, one after the other. */
const edited = (document: JsonObject, ...lines: ReadonlyArray<string>) => {
  const notes: Array<string> = []
  for (const line of lines) {
    const result = Result.getOrThrow(
      edit(
        { document, file: "FILE", hostname: "host", words: { values: {} }, environment: [], flags: { values: {} } },
        read(line) as ReadonlyArray<ReadyStep>
      )
    )
    document = result.document
    notes.push(...result.notes)
  }
  return { document, notes }
}
const after = (document: JsonObject, ...lines: ReadonlyArray<string>) => edited(document, ...lines).document

describe("a chain", () => {
  it("is read word by word, each with what it takes", () => {
    assert.deepStrictEqual(read("gensecret profile xyzzy binds 4040,4041 nodeid anon/ delseeds cert a.pem"), [
      { _tag: "Generate", key: "secret" },
      { _tag: "Profile", name: "xyzzy" },
      { _tag: "Set", key: "binds", value: ["4040", "4041"] },
      { _tag: "Set", key: "nodeid", value: "anon/" },
      { _tag: "Delete", key: "seeds" },
      { _tag: "ReadCert", path: "a.pem" }
    ])
  })

  it("has every command of aemp, and two names for those that set", () => {
    const listed = `[set]nodeid delnodeid gensecret [set]secret delsecret gencert [set]cert delcert [set]seeds delseeds
      addseed delseed [set]binds delbinds addbind delbind [set]services delservices addservice delservice profile delprofile
      [set]emp_services delemp_services addemp_service delemp_service [set]parent delparent showprofile showconfig`
    const finer = ["monitor_timeout", "connect_interval", "framing_format", "auth_offer", "auth_accept", "autocork"]
      .concat(
        "nodelay",
        "secure",
        "max_message_size",
        "node_id_in_cert",
        "advertise",
        "scopes",
        "guests",
        "threads",
        "metrics",
        "otlp",
        "nats",
        "nats_network",
        "nats_credentials",
        "log_format",
        "log_level",
        "drain_timeout"
      )
    const expected = listed.trim().split(/\s+/).concat(finer.flatMap((key) => [`[set]${key}`, `del${key}`]))
      .flatMap((word) => word.startsWith("[set]") ? [word.slice(5), word.replace(/\W/g, "")] : [word])
    const known = words.flatMap((word) => [word.name, ...(word.alias === undefined ? [] : [word.alias])])
    assert.sameMembers(known, expected)
    assert.strictEqual(new Set(known).size, known.length)
  })

  it.each(keys.filter((key) => key !== "cert"))("sets %s by both names", (key) => {
    const [example] = words.find(({ name }) => name === key)!.examples
    const steps = read(example!)
    assert.deepStrictEqual(read(`set${example!}`), steps)
    assert.strictEqual(steps.length, 1)
  })

  it.each(words.flatMap(({ examples }) => examples))("can be what a help text shows: %s", (example) => {
    assert.isNotEmpty(read(example))
  })

  it("takes JSON for values that begin like it", () => {
    assert.deepStrictEqual(
      read(`binds '["4040",]' secret '"[x"' services '[["a#b",{"c":[1]}]]' addservice '["a",2]'`),
      [
        { _tag: "Set", key: "binds", value: ["4040"] },
        { _tag: "Set", key: "secret", value: "[x" },
        { _tag: "Set", key: "services", value: [["a#b", { c: [1] }]] },
        { _tag: "Add", key: "services", elements: [["a", 2]] }
      ]
    )
  })

  it("takes addresses of IPv6 for text, where there can be some", () => {
    assert.deepStrictEqual(read("binds [::1]:4040 addseed [2001:db8::1]:1,b:2 seeds [::ffff:10.0.0.1]:3"), [
      { _tag: "Set", key: "binds", value: ["[::1]:4040"] },
      { _tag: "Add", key: "seeds", elements: ["[2001:db8::1]:1", "b:2"] },
      { _tag: "Set", key: "seeds", value: ["[::ffff:10.0.0.1]:3"] }
    ])
    assert.deepStrictEqual(read("binds [4040]"), [{ _tag: "Set", key: "binds", value: ["4040"] }])
    assert.match(failure(readChain(["secret", "[::1]:4040"])), /must be JSON/)
    assert.match(failure(readChain(["seeds", "[::1]"])), /^seeds: "\[::1\]" is not an address/)
  })

  it.each<[string, RegExp]>([
    ["bnids 4040", /^there is no command "bnids"; did you mean "binds"\?$/],
    ["binds 1 setnodid a", /^"setnodid" is no command that can follow here; did you mean "setnodeid"\?$/],
    ["binds 4040 run", /^"run" is no command that can follow here$/],
    ["nodeid", /^nodeid: its value is missing, as in: emp nodeid anon\/$/],
    ["secret ''", /^secret: its value is missing/],
    ["gensecret setseeds", /^setseeds: its list is missing, as in: emp seeds 10/],
    ["addbind", /^addbind: its bind is missing, as in: emp addbind 4040$/],
    ["addservice", /^addservice: its service is missing/],
    ["delprofile", /^delprofile: its name is missing/],
    ["cert", /^cert: its file is missing/],
    ["gensecret profile x", /^profile: what to do with the profile is missing/],
    ["profile", /^profile: its name is missing/],
    ["parent x", /^parent: only a profile has one, as in: emp profile/],
    ["delparent profile x nodeid y", /^parent: only a profile has one/],
    ["binds 1 seeds x", /^seeds: "x" is not an address/],
    ["addservice '[1]'", /^services: \[1\] is not a service/],
    ["binds '[\"1\" 2]'", /^binds: .* must be JSON: line 1, column 6: expected , or \], found "2"$/],
    ["showconfig x y", /^there is no key "y"|^there is no key "x"/],
    ["showconfig binds x:y", /^binds: "x:y" is not an address/]
  ])("is refused: %s", (line, message) => {
    assert.match(failure(readChain(split(line))), message)
  })
})

describe("a change", () => {
  const seeds = { seeds: ["a:1", "b:2"] }
  it.each<[string, JsonObject, string, JsonObject]>([
    ["sets a value", {}, "nodeid a binds 1,2", { nodeid: "a", binds: ["1", "2"] }],
    ["sets a value of a profile that was not there", {}, "profile p nodeid a", { profile: { p: { nodeid: "a" } } }],
    ["leaves other profiles alone", { profile: { q: { x: 1 } } }, "profile p nodeid a", {
      profile: { q: { x: 1 }, p: { nodeid: "a" } }
    }],
    ["is about the last profile that was named", {}, "nodeid a profile p nodeid b profile q nodeid c", {
      nodeid: "a",
      profile: { p: { nodeid: "b" }, q: { nodeid: "c" } }
    }],
    ["keeps what nobody knows", { eval: "x", later: [null], profile: { p: { y: 1 } } }, "profile p nodeid a", {
      eval: "x",
      later: [null],
      profile: { p: { y: 1, nodeid: "a" } }
    }],
    ["removes a value", { ...seeds, nodeid: "a" }, "delseeds", { nodeid: "a" }],
    ["adds a seed", seeds, "addseed c:3", { seeds: ["a:1", "b:2", "c:3"] }],
    ["adds several", seeds, "addseed c:3,d:4", { seeds: ["a:1", "b:2", "c:3", "d:4"] }],
    ["adds a seed that is there once only", seeds, "addseed a:1", { seeds: ["b:2", "a:1"] }],
    ["adds a bind to none", {}, "addbind 4040", { binds: ["4040"] }],
    ["takes a seed out", seeds, "delseed a:1", { seeds: ["b:2"] }],
    ["takes the last bind out", { binds: ["1"] }, "delbind 1", { binds: [] }],
    ["adds a service again", { services: ["a"] }, "addservice a", { services: ["a", "a"] }],
    ["and one of our own", { emp_services: [["a", 1]] }, `addemp_service '["a",1]'`, {
      emp_services: [["a", 1], ["a", 1]]
    }],
    [
      "takes one of equal services out",
      { services: [["a", { b: 1 }], ["a", { b: 1 }]] },
      "delservice '[\"a\",{\"b\":1}]'",
      {
        services: [["a", { b: 1 }]]
      }
    ],
    ["takes lists as the file may have them", { seeds: "a:1,b:2" }, "addseed c:3", { seeds: ["a:1", "b:2", "c:3"] }],
    ["sets a parent and removes it", {}, "profile a nodeid x parent b delparent", { profile: { a: { nodeid: "x" } } }],
    ["removes a profile", { profile: { a: {}, b: {} } }, "delprofile a", { profile: { b: {} } }],
    [
      "takes any name for a profile",
      {},
      "profile __proto__ nodeid a",
      JSON.parse(`{"profile":{"__proto__":{"nodeid":"a"}}}`)
    ]
  ])("%s", (_, before, line, expected) => {
    assert.strictEqual(JSON.stringify(after(before, line)), JSON.stringify(expected))
  })

  it.each<[JsonObject, string, string]>([
    [seeds, "delseed c:3", "seeds has no \"c:3\""],
    [{}, "delbind 1", "binds has no \"1\""],
    [{ profile: { seed: {} } }, "delprofile seeed", "there is no profile \"seeed\"; did you mean \"seed\"?"]
  ])("of %j that has nothing to do leaves all as it is, and says so: %s", (before, line, note) => {
    assert.deepStrictEqual(edited(before, line), { document: before, notes: [note] })
  })

  it.each([
    "nodeid a binds 1,2 addbind 3 delbind 1 secret s",
    "nodeid a delnodeid profile p nodeid b addservice x",
    "profile p parent q seeds a:1 profile q addseed b:2 profile p delparent"
  ])("made in one chain is the same as one by one: %s", (line) => {
    let profile: ReadonlyArray<string> = []
    const single: Array<string> = []
    for (let rest = split(line); rest.length > 0;) {
      const size = rest[0]!.startsWith("del") && rest[0] !== "delbind" ? 1 : 2
      const word = rest.slice(0, size)
      if (word[0] === "profile") profile = word
      else single.push([...profile, ...word].join(" "))
      rest = rest.slice(size)
    }
    assert.isAbove(single.length, 3)
    assert.deepStrictEqual(after({ version: 1 }, ...single), after({ version: 1 }, line))
  })

  const refused = (document: JsonObject, line: string): string =>
    failure(
      edit(
        { document, file: "FILE", hostname: "host", words: { values: {} }, environment: [], flags: { values: {} } },
        read(line) as ReadonlyArray<ReadyStep>
      )
    )

  it("that leads parents in a circle is refused; one that opens a circle is not", () => {
    assert.match(refused({}, "profile a parent a"), /^parent: the parents lead in a circle: a, a$/)
    assert.match(refused({ profile: { a: { parent: "b" } } }, "profile b parent a"), /circle: (a, b, a|b, a, b)$/)
    const circle = { profile: { a: { parent: "b" }, b: { parent: "a" } } }
    assert.deepStrictEqual(after(circle, "profile a nodeid x"), {
      profile: { a: { parent: "b", nodeid: "x" }, b: { parent: "a" } }
    })
    assert.deepStrictEqual(after(circle, "profile a delparent"), { profile: { a: {}, b: { parent: "a" } } })
  })

  it("of a list that is none is refused, and setting it repairs it", () => {
    assert.match(refused({ binds: [true] }, "addbind 1"), /^FILE: binds: true is not an address/)
    assert.deepStrictEqual(after({ binds: [true] }, "binds 1"), { binds: ["1"] })
  })

  it("of a profile to be shown needs the profile", () => {
    assert.match(
      refused({ profile: { seed: {} } }, "showprofile sed"),
      /^FILE has no profile "sed"; did you mean "seed"\?$/
    )
  })
})

describe("arguments in AEMP's form", () => {
  const parsed = (line: string) => Result.getOrThrow(readArguments(split(line)))

  it.each<[string, unknown]>([
    ["", { profile: undefined, values: {} }],
    ["seed", { profile: "seed", values: {} }],
    ["profile seed", { profile: "seed", values: {} }],
    ["seed binds 1,2 monitor_timeout 5", { profile: "seed", values: { binds: ["1", "2"], monitor_timeout: 5 } }],
    ["binds 1 profile seed binds '[]'", { profile: "seed", values: { binds: [] } }],
    ["norc 1 force 0", { profile: undefined, norc: true, force: false, values: {} }],
    ["nodeid", { profile: "nodeid", values: {} }],
    ["cert a.pem services '[[\"a\",1]]'", { profile: undefined, values: { cert: "a.pem", services: [["a", 1]] } }]
  ])("%j are read", (line, expected) => {
    assert.deepStrictEqual(parsed(line), expected)
  })

  it.each<[string, RegExp]>([
    ["bnds 1", /^there is no key "bnds"; did you mean "binds"\?$/],
    ["what 1", /^there is no key "what"; the keys are profile, norc, force, nodeid, .*nodelay$/],
    ["nodeid a binds", /^there is no key "a"; the first word, "nodeid", is taken for a profile; the keys/],
    ["force maybe", /^force: "maybe" is not true or false$/],
    ["seeds x", /^seeds: "x" is not an address/]
  ])("%j are refused", (line, message) => {
    assert.match(failure(readArguments(split(line))), message)
  })
})
