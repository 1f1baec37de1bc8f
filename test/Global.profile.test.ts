/**
 * Programs that are configured by the file and the environment, as `emp run` is.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as fs from "node:fs"
import * as os from "node:os"
import { join } from "node:path"
import * as Global from "../src/Global.ts"
import * as Node from "../src/Node.ts"
import * as Transport from "../src/Transport.ts"
import { makeFolder } from "./folders.ts"
import { makeLogs } from "./harness.ts"

/** A configuration file that is gone after the test. */
const makeFile = (content: unknown): string => {
  const folder = makeFolder()
  const file = join(folder, "rc.json")
  fs.writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content))
  return file
}

interface Start {
  readonly profile?: string
  readonly options?: Global.ProfileOptions
  readonly environment?: Record<string, string>
}

const layerOf = ({ environment = {}, options, profile }: Start) =>
  Global.layerProfile(profile, options).pipe(
    Layer.provide([
      Transport.layerMemory,
      NodeFileSystem.layer,
      ConfigProvider.layer(ConfigProvider.fromEnv({ env: environment }))
    ])
  )

/** What became of a node, and what it logged. */
const run = async (start: Start) => {
  const logs = makeLogs()
  const seen = Effect.gen(function*() {
    const { isGlobal } = yield* Global.Global
    return { nodeId: yield* Node.id, addresses: yield* Node.addresses, isGlobal }
  })
  const node = await Effect.runPromise(seen.pipe(Effect.provide(layerOf(start)), Effect.provide(logs.layer)))
  const warnings = logs.lines.filter((line) => line.startsWith("WARN") && line.includes("profile"))
  return { ...node, warnings }
}
const problem = (start: Start) =>
  Effect.runPromise(
    Effect.flip(Effect.scoped(Layer.build(layerOf(start)))).pipe(Effect.provide(makeLogs().layer))
  )

const document = {
  secret: "swordfish",
  seeds: ["memory:9"],
  profile: {
    seed: { nodeid: "seed", binds: ["memory:1"], seeds: [], services: { nobody: "reads them" } },
    worker: { parent: "common", nodeid: "worker" },
    common: { binds: ["memory:2"] },
    stray: { parent: "comon", nodeid: "stray" },
    [os.hostname()]: { nodeid: "of the host" }
  }
}

describe("a node with a profile", () => {
  it("has its ID, addresses and seeds, and starts no services", async () => {
    const { addresses, isGlobal, nodeId, warnings } = await run({
      profile: "seed",
      options: { file: makeFile(document) }
    })
    assert.deepStrictEqual([nodeId, addresses, isGlobal], ["seed", ["memory:1"], true])
    assert.deepStrictEqual(warnings, [])
  })

  it("inherits from its parent, and from the top of the file", async () => {
    const { addresses, isGlobal, nodeId } = await run({ profile: "worker", options: { file: makeFile(document) } })
    assert.deepStrictEqual([nodeId, addresses, isGlobal], ["worker", ["memory:2"], false])
  })

  it("of the host has the profile that is called like it", async () => {
    assert.strictEqual((await run({ options: { file: makeFile(document) } })).nodeId, "of the host")
  })

  it("finds the file by the variable that emp has for it", async () => {
    const environment = { EFFECT_MP_RC: makeFile(document) }
    assert.strictEqual((await run({ profile: "seed", environment })).nodeId, "seed")
  })

  it("is what the program says where that says something, whatever stands in the file", async () => {
    const file = makeFile({ binds: 5, nodeid: "#", seeds: "x", monitor_timeout: "soon" })
    const options = {
      file,
      binds: ["memory:7"],
      nodeId: "mine",
      seeds: ["memory:8"],
      monitorTimeout: "3 seconds"
    } as const
    const { addresses, isGlobal, nodeId } = await run({ options, environment: { EMP_SECRET: "swordfish" } })
    assert.deepStrictEqual([nodeId, addresses, isGlobal], ["mine", ["memory:7"], false])
    assert.isTrue((await run({ options: { ...options, global: true } })).isGlobal)
  })

  it("has the defaults of a node where nobody says anything: without a secret it is on loopback only", async () => {
    const { addresses, isGlobal } = await run({ options: { file: makeFile({}) } })
    assert.match(addresses.join(), /^127\.0\.0\.1:\d+$/)
    assert.isTrue(isGlobal)
  })

  it("has the secret of the environment before that of the file", async () => {
    const file = makeFile({ ...document, secret: "\u0100" })
    assert.strictEqual(
      (await run({ profile: "seed", options: { file }, environment: { EMP_SECRET: "swordfish" } })).nodeId,
      "seed"
    )
    assert.instanceOf(await problem({ profile: "seed", options: { file } }), Global.InvalidConfig)
  })

  it("warns of a profile and of a parent that are not there", async () => {
    const file = makeFile(document)
    const missing = await run({ profile: "sead", options: { file } })
    assert.match(missing.nodeId, /^sead\/\w+$/)
    assert.deepStrictEqual(missing.warnings, [`WARN ${file} has no profile "sead"; did you mean "seed"?`])
    assert.deepStrictEqual((await run({ profile: "stray", options: { file } })).warnings, [
      `WARN profile stray: its parent "comon" does not exist; did you mean "common"?`
    ])
  })

  it("says in its own words what is wrong, and with which source", async () => {
    const wrong = makeFile({ profile: { seed: { binds: "a:b:c" } } })
    const broken = makeFile("{\n  nonsense")
    const errors = await Promise.all([
      problem({ profile: "seed", options: { file: wrong } }),
      problem({ profile: "seed", options: { file: broken } }),
      problem({ profile: "seed", options: { file: makeFile({}), binds: ["a:b:c"] } })
    ])
    assert.deepStrictEqual(errors.map(({ _tag }) => _tag), ["InvalidConfig", "ConfigFileError", "InvalidOption"])
    const [about, where] = errors.map(({ message }) => message)
    assert.include(about, `${wrong}, profile seed: binds: "a:b:c" is not an address`)
    assert.include(where, `${broken}:2:3: `)
  })
})
