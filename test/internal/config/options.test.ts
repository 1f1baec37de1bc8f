import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { readFileSync } from "node:fs"
import { devNull } from "node:os"
import { type RunOptions, runOptions } from "../../../src/internal/config/options.ts"
import type { Sources } from "../../../src/internal/config/resolve.ts"
import { makeLogs } from "../../harness.ts"

const options = (given: Partial<Sources>) =>
  runOptions({
    document: {},
    file: "FILE",
    hostname: "host",
    words: { values: {} },
    environment: [],
    flags: { values: {} },
    ...given
  })
const run = (given: Partial<Sources>, logs = makeLogs()) =>
  Effect.runPromise(Effect.provide(options(given), Layer.merge(NodeFileSystem.layer, logs.layer)))
const problem = (given: Partial<Sources>) =>
  Effect.runPromise(Effect.provide(Effect.map(Effect.flip(options(given)), (e) => e.message), NodeFileSystem.layer))

const shared = "test/fixtures/certs/shared.pem"
const pem = readFileSync(shared, "utf8")

describe("the options of a run", () => {
  it("with nothing given are AEMP's", async () => {
    assert.deepStrictEqual(await run({}), {
      nodeId: "host/",
      secret: [],
      cert: undefined,
      certFile: undefined,
      nodeIdInCert: false,
      binds: ["*"],
      advertise: undefined,
      scopes: undefined,
      seeds: [],
      services: [],
      perlServices: [],
      threads: undefined,
      metrics: undefined,
      otlp: undefined,
      nats: undefined,
      natsNetwork: undefined,
      natsCredentials: undefined,
      logFormat: undefined,
      logLevel: [],
      monitorTimeout: Duration.seconds(30),
      connectInterval: Duration.seconds(2),
      framings: ["cbor", "json"],
      authOffer: ["hmac_sha3_512"],
      authAccept: ["hmac_sha3_512", "cleartext"],
      maxMessageSize: 67_108_864,
      drainTimeout: Duration.seconds(10),
      guests: undefined
    })
  })

  const document = { seeds: ["a:1"], profile: { seed: { nodeid: "seed", binds: ["*:4040"] }, worker: {} } }
  it.each<[string, Partial<Sources>, Partial<RunOptions>]>([
    ["a profile", { document, words: { profile: "seed", values: {} } }, {
      nodeId: "seed",
      binds: ["*:4040"],
      seeds: ["a:1"]
    }],
    ["a profile without a node ID", { document, flags: { profile: "worker", values: {} } }, {
      nodeId: "worker/",
      binds: ["*"]
    }],
    ["no place to listen", { flags: { values: { binds: [] } } }, { binds: [] }],
    ["no value at all", { document: { binds: null, nodeid: null, seeds: null } }, {
      nodeId: "host/",
      binds: ["*"],
      seeds: []
    }],
    ["seconds", { document: { monitor_timeout: "0.5", connect_interval: 10 } }, {
      monitorTimeout: Duration.millis(500),
      connectInterval: Duration.seconds(10)
    }],
    ["AEMP's own framings", { document: { framing_format: ["json", "storable"] } }, { framings: ["json"] }],
    ["services with arguments", { document: { services: ["a", ["b#c", { d: 1 }]] } }, {
      services: ["a", ["b#c", { d: 1 }]]
    }],
    ["no services that only Perl can load", {
      document: { services: ["AnyEvent::MP::Global::", "./a.js#b", ["Mod::func", 1], ["c#d", "x::y"]] }
    }, { services: ["./a.js#b", ["c#d", "x::y"]], perlServices: ["AnyEvent::MP::Global::", "Mod::func"] }],
    ["services of their own, where the file has some", {
      document: { services: ["AnyEvent::MP::Global::", "./a.js"], profile: { p: { emp_services: ["./b.js"] } } },
      flags: { profile: "p", values: {} }
    }, { services: ["./b.js"], perlServices: [] }],
    ["no services, where their own list is empty", { document: { services: ["./a.js"], emp_services: [] } }, {
      services: []
    }],
    [
      "everything else",
      {
        flags: {
          values: {
            node_id_in_cert: true,
            max_message_size: "100000",
            auth_offer: ["tls_anon"],
            auth_accept: ["cleartext"]
          }
        }
      },
      { nodeIdInCert: true, maxMessageSize: 100_000, authOffer: ["tls_anon"], authAccept: ["cleartext"] }
    ]
  ])("have %s", async (_, given, expected) => {
    const found = await run(given)
    assert.deepStrictEqual({ ...found, ...expected }, found)
  })

  it("have secret and certificate, and do not print them", async () => {
    for (const cert of [pem, shared]) {
      const found = await run({ environment: [{ variable: "V", values: { secret: "swordfish", cert } }] })
      assert.deepStrictEqual(found.secret.map(Redacted.value), ["swordfish"])
      assert.strictEqual(found.cert && Redacted.value(found.cert), pem)
      assert.notMatch(JSON.stringify(found), /swordfish|BEGIN/)
    }
  })

  it("are none when something is wrong", async () => {
    assert.match(
      await problem({ flags: { values: { cert: "no/such.pem" } } }),
      /^no\/such\.pem: cert: there is no such file$/
    )
    // PEM in base64, as secrets of Kubernetes have it.
    const encoded = Buffer.from(pem).toString("base64")
    assert.strictEqual(
      await problem({ flags: { values: { cert: encoded } } }),
      "cert: it is neither PEM text nor the path of a PEM file"
    )
    // It would be no certificate, and TLS for nobody.
    assert.match(await problem({ flags: { values: { cert: devNull } } }), /^\S+: cert: the file is empty$/)
    assert.match(
      await problem({ document: { framing_format: ["storable"] } }),
      /^FILE: framing_format: has neither cbor nor json$/
    )
    assert.match(await problem({ document: { monitor_timeout: -1 } }), /^FILE: monitor_timeout: -1 is not/)
  })

  it("say so when the profile that was asked for is not there", async () => {
    const logs = makeLogs()
    await run({ document, words: { profile: "sed", values: {} } }, logs)
    assert.deepStrictEqual(logs.lines, ["WARN FILE has no profile \"sed\"; did you mean \"seed\"?"])
    const quiet = makeLogs()
    await run({ document }, quiet)
    await run({ document, words: { profile: "worker", values: {} } }, quiet)
    assert.deepStrictEqual(quiet.lines, [])
  })
})
