/**
 * Ties `docs/errors.md` to the code: what can happen has an entry, and what has an entry can happen.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { readdirSync, readFileSync } from "node:fs"
import { catalogue } from "../src/internal/cli/errors.ts"
import { linkErrorReasons } from "../src/internal/transport/linkError.ts"
import { reasons } from "../src/internal/values/reason.ts"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import * as Supervisor from "../src/Supervisor.ts"
import * as Transport from "../src/Transport.ts"
import { makeLogs, reasonOf, within } from "./harness.ts"

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), "utf8")

/** The tags of the page by section. */
const sections = new Map(
  read("docs/errors.md").split(/^## /m).slice(1).map((section) => [
    section.slice(0, section.indexOf("\n")),
    Array.from(section.matchAll(/^### (.+)$/gm), ([, tag]) => tag!)
  ])
)
const documented = (section: string): Array<string> => sections.get(section) ?? []

/** The sources without comments: examples make up errors of their own. */
const sources = new Map(
  readdirSync(new URL("../src/", import.meta.url), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => [file, read(`src/${file}`).replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "")])
)
const inSources = (...patterns: ReadonlyArray<RegExp>): Array<string> => {
  const code = Array.from(sources.values())
  const found = patterns.flatMap((pattern) =>
    code.flatMap((text) => Array.from(text.matchAll(pattern), ([, tag]) => tag!))
  )
  return Array.from(new Set(found))
}

/** Waits for the reason that a port ends with, once `act` has been done to it. */
const endOf = (port: Port.PortId, act: Effect.Effect<unknown, unknown, Node.Node> = Effect.void) =>
  Effect.gen(function*() {
    const ended = yield* Deferred.make<Exit.Exit<void, Port.Killed>>()
    yield* Port.mon(port, (exit) => Deferred.succeed(ended, exit))
    yield* act
    return reasonOf(yield* Deferred.await(ended))
  })

const Strict = Port.protocol({ add: Port.message(Schema.Number) })
const spawnStrict = Port.remote("errors::strict", [Schema.Number], Strict)
const untypedSpawn = Port.remote("errors::strict")

/** A way to each kill reason. */
const provoked: Record<string, Effect.Effect<ReadonlyArray<unknown>, unknown, Node.Node | Scope.Scope>> = {
  fail: Effect.flatMap(
    Port.make({ go: () => Effect.fail("no") }),
    (port) => endOf(port, Port.snd(port, "go"))
  ),
  die: Effect.flatMap(
    Port.make({ go: () => Effect.die("no") }),
    (port) => endOf(port, Port.snd(port, "go"))
  ),
  interrupted: Effect.gen(function*() {
    const scope = yield* Scope.make()
    const port = yield* Scope.provide(Port.make(), scope)
    return yield* endOf(port, Scope.close(scope, Exit.interrupt()))
  }),
  unhandled_message: Effect.flatMap(Port.make({}), (port) => endOf(port, Port.snd(port, "go"))),
  invalid_message: Effect.gen(function*() {
    const port = yield* Port.spawn(yield* Node.id, untypedSpawn, "not a number")
    return yield* endOf(port)
  }).pipe(Effect.provide(Port.implement(spawnStrict, () => Effect.succeed({ add: () => {} })))),
  calling_self: Effect.flatMap(
    Port.make({ go: () => Effect.flatMap(Port.Self, (self) => Port.cal(self, "go")) }),
    (port) => endOf(port, Port.snd(port, "go"))
  ),
  mailbox_overflow: Effect.flatMap(
    Port.make(() => {}, { mailbox: 1 }),
    (port) => endOf(port, Effect.andThen(Port.snd(port, "one"), Port.snd(port, "two")))
  ),
  no_such_port: Effect.flatMap(Node.id, (id) => endOf(`${id}#nobody`)),
  transport_error: endOf("elsewhere#somebody"),
  restart_limit: Effect.gen(function*() {
    const supervised = yield* Supervisor.restart(Port.make(), { intensity: 0 })
    return yield* endOf(supervised.supervisor, Effect.flatMap(supervised.port, (port) => Port.kil(port, "crash")))
  }),
  draining: Effect.gen(function*() {
    const [a, b] = yield* Effect.forEach(
      [1, 2],
      (n) => Layer.build(Node.layer({ nodeId: `n${n}`, secret: "swordfish", binds: [`memory:${n}`] }))
    )
    yield* Effect.provide(Node.addressBook(() => Effect.succeed(["memory:2"])), a!)
    const busy = yield* Effect.provide(Port.make({}), b!)
    yield* Effect.provide(Port.calMessage("n2", "time"), a!)
    yield* Effect.provide(Node.drain(), b!)
    return yield* Effect.gen(function*() {
      const port = yield* Port.make({ go: () => Port.cal(busy, "go") })
      return yield* endOf(port, Port.snd(port, "go"))
    }).pipe(Effect.provide(a!))
  }).pipe(Effect.provide(Transport.layerMemory)),
  shutdown: Effect.gen(function*() {
    const supervised = yield* Supervisor.restart(Port.make())
    return yield* endOf(yield* supervised.port, supervised.stop)
  })
}

describe("kill reasons", () => {
  it("are those of the page", () => {
    assert.sameMembers(Object.keys(reasons), documented("Kill reasons"))
  })

  it("are made in one place", () => {
    // A child's specification has a field of that name, too.
    const others = Array.from(sources).filter(([file]) => !/(?:values[/]reason|supervisor[/]spec)\.ts$/.test(file))
    const elsewhere = others.map(([, text]) => text)
    const tags = Object.keys(reasons).join("|")
    // A list that begins with a tag of ours, and one that is given to `kil` or `kill` part by part.
    const made = [new RegExp(`\\[\\s*"(?:${tags})",`, "g"), new RegExp(`\\bkill?\\([^()]*,\\s*"(?:${tags})"`, "g")]
    assert.deepStrictEqual(elsewhere.flatMap((text) => made.flatMap((pattern) => text.match(pattern) ?? [])), [])
  })

  it("of the page can each be provoked here", () => {
    assert.sameMembers(Object.keys(provoked), documented("Kill reasons"))
  })

  for (const [tag, end] of Object.entries(provoked)) {
    it.live(`${tag} ends a port`, () =>
      Effect.gen(function*() {
        const [first] = yield* within(`an end with ${tag}`, end)
        assert.strictEqual(first, tag)
      }).pipe(Effect.scoped, Effect.provide(Node.layerLocal), Effect.provide(makeLogs().layer)))
  }
})

describe("reasons of a LinkError", () => {
  it("are those of the page", () => {
    assert.sameMembers(Array.from(linkErrorReasons), documented("Errors of links"))
  })

  it("are all given somewhere", () => {
    const rest = Array.from(sources).filter(([file]) => !file.endsWith("linkError.ts")).map(([, text]) => text).join(
      "\n"
    )
    assert.deepStrictEqual(linkErrorReasons.filter((reason) => !rest.includes(`"${reason}"`)), [])
  })
})

describe("error classes", () => {
  it("of the sources are those of the page", () => {
    const tags = inSources(/\bTagged(?:Error|Class)(?:<\w+>)?\(\)?\(?"(\w+)"/g, /\b_tag = "(\w+)"/g)
    assert.sameMembers(tags, documented("Errors of programs"))
  })
})

describe("the page", () => {
  it("has no other sections, and no tag twice", () => {
    assert.sameMembers(Array.from(sections.keys()), ["Kill reasons", "Errors of links", "Errors of programs"])
    const tags = Array.from(sections.values()).flat()
    assert.strictEqual(new Set(tags).size, tags.length)
  })

  it("says in the first line of each entry what happened, and below it what to do", () => {
    assert.sameMembers(Array.from(catalogue.keys()), Array.from(sections.values()).flat())
    for (const [tag, entry] of catalogue) assert.match(entry, /^[A-Z`][^\n]{10,110}\.\n\n\S/, tag)
  })
})
