/**
 * The walls of the house: which folder may import which. Users stand before the faces (`src/Port.ts` ...); what is made
 * below a face stands behind it and never looks at it; supervisors and the command line are users of the faces too.
 */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { root } from "./processes.ts"

/** The folders of `src/internal/`, and what each may import besides itself. */
const rooms: Readonly<Record<string, ReadonlyArray<string>>> = {
  platform: [],
  values: ["platform"],
  transport: ["platform", "values"],
  port: ["platform", "values"],
  node: ["platform", "values", "transport", "port"],
  global: ["platform", "values", "transport", "port", "node"],
  locks: ["values", "port", "node"],
  supervisor: ["platform", "values", "node", "locks", "Node", "Port"],
  rpc: ["values", "port", "node"],
  cluster: ["values", "node", "rpc", "Node", "Port", "Global"],
  testing: ["platform", "values", "transport", "port", "Transport"],
  config: ["platform", "values", "transport", "node"],
  cli: [
    "platform",
    "values",
    "transport",
    "node",
    "global",
    "config",
    "Node",
    "Transport",
    "Port",
    "Global",
    "Supervisor"
  ]
}

/** The faces, and what each may import. `main` starts the command line, and `emp` that or a watchdog; `index` has what a program needs. */
const faces: Readonly<Record<string, ReadonlyArray<string>>> = {
  Transport: ["values", "transport"],
  Node: ["platform", "values", "transport", "port", "node", "config", "Transport"],
  Port: ["values", "transport", "port", "node", "Node"],
  Global: ["values", "port", "node", "global", "locks", "config", "Node", "Port", "Transport"],
  Supervisor: ["values", "node", "supervisor", "Node", "Port"],
  Rpc: ["values", "node", "rpc", "Node", "Port", "Global"],
  Cluster: ["node", "cluster", "Node", "Global"],
  TestNetwork: ["values", "testing", "Node", "Transport"],
  Cli: ["values", "config", "cli"],
  index: ["Global", "Node", "Port", "Supervisor", "Transport"],
  main: ["Cli"],
  emp: ["main", "cli"]
}

/** The room of a file: the folder below `internal/`, or the name of the face. */
const roomOf = (file: string): string => /^internal\/(\w+)\//.exec(file)?.[1] ?? file.slice(0, -".ts".length)

/** What a name with `#` means on each platform. */
const manifest = JSON.parse(readFileSync(`${root}src/package.json`, "utf8")) as {
  readonly imports: Readonly<Record<string, { readonly browser: string; readonly default: string }>>
}
type Platform = "browser" | "default"

/** Where each file leads to on a platform: paths below `src/`. */
const importsOf = (file: string, text: string, platform: Platform): ReadonlyArray<string> =>
  Array.from(
    text.matchAll(/(?:\bfrom |\bimport |\bimport\()"([.#][^"]+)"/g),
    ([, path = ""]) => {
      const base = path.startsWith("#") ? "" : file
      return new URL(manifest.imports[path]?.[platform] ?? path, `file:///${base}`).pathname.slice(1)
    }
  )

type Imports = ReadonlyMap<string, ReadonlyArray<string>>

/** All files, without their comments. */
const texts: ReadonlyMap<string, string> = new Map(
  readdirSync(`${root}src`, { recursive: true, encoding: "utf8" })
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => file.endsWith(".ts"))
    .map((file) => [
      file,
      readFileSync(`${root}src/${file}`, "utf8").replaceAll(/\/\*[\s\S]*?\*\/|(?<=^|[ ;{])\/\/.*$/gm, "")
    ])
)

const importsOn = (platform: Platform, read: (text: string) => string = (text) => text): Imports =>
  new Map(Array.from(texts, ([file, text]) => [file, importsOf(file, read(text), platform)]))

const imports = importsOn("default")

/** Of some text what is left of it when its types are gone. */
const withoutTypes = (text: string): string => text.replaceAll(/^(?:im|ex)port type [^"]*"[^"]*"$/gm, "")

/** Imports that no wall has a door for. */
const forbidden = (all: Imports): ReadonlyArray<string> =>
  Array.from(all).flatMap(([file, targets]) => {
    const room = roomOf(file)
    const allowed = rooms[room] ?? faces[room]
    return targets
      .filter((target) => roomOf(target) !== room && !allowed?.includes(roomOf(target)))
      .map((target) => `${file} imports ${target}`)
  })

/** Files that lead back to themselves: each circle once, in the order of its imports. */
const circles = (all: Imports): ReadonlyArray<string> => {
  const done = new Set<string>()
  const found: Array<string> = []
  const visit = (file: string, path: ReadonlyArray<string>): void => {
    if (path.includes(file)) return void found.push([...path.slice(path.indexOf(file)), file].join(" -> "))
    if (done.has(file)) return
    for (const target of all.get(file) ?? []) visit(target, [...path, file])
    done.add(file)
  }
  for (const file of all.keys()) visit(file, [])
  return found
}

/** All that a file leads to, itself among it. */
const reached = (file: string, all: Imports = imports, found = new Set<string>()): ReadonlySet<string> => {
  if (!found.has(file)) { for (const target of all.get(found.add(file) && file) ?? []) reached(target, all, found) }
  return found
}

/** What a page may import. */
const forPages = ["index.ts", "Rpc.ts", "TestNetwork.ts"]

/** What a file has that only Node does. Types are gone when it runs, and texts do nothing. */
const ofNode = (text: string): ReadonlyArray<string> =>
  Array.from(
    withoutTypes(text).replaceAll(/`(?:\\.|[^`\\])*`|"(?!node:)(?:\\.|[^"\\])*"/g, `""`)
      .matchAll(/"node:[^"]+"|(?<![.\w])(?:Buffer|process|setImmediate|clearImmediate|require)\b(?!:)/g),
    ([found]) => found
  )

const withImport = (from: string, to: string): Imports =>
  new Map([...imports, [from, [...imports.get(from) ?? [], to]]])

describe("the walls between rooms", () => {
  it("leave no file outside of a room", () => {
    const outside = Array.from(imports.keys()).filter((file) => {
      const room = roomOf(file)
      return !(room in rooms) && !(room in faces)
    })
    assert.deepStrictEqual(outside, [])
  })

  it("have doors downwards only", () => {
    assert.deepStrictEqual(forbidden(imports), [])
  })

  it("keep the library out of the watchdog, which alone, beside pages in a browser, has timers of the platform", () => {
    const watchdog = reached("internal/cli/run/watchdog.ts")
    const having = (pattern: RegExp) => Array.from(texts).filter(([, text]) => pattern.test(text)).map(([file]) => file)
    const withLibrary = having(/(?:from |import\()"(?!node:|\.)/)
    assert.deepStrictEqual(withLibrary.filter((file) => watchdog.has(file)), [])
    const timed = having(/\b(?:setTimeout|setInterval|Date\.now)\(|new Date\(\)/)
    assert.deepStrictEqual(
      timed.filter((file) => !file.startsWith("internal/cli/web/ui/")),
      ["nodeProcess", "serviceManager", "watchdog", "watchdogLog", "watchedFiles"].map((name) =>
        `internal/cli/run/${name}.ts`
      )
    )
  })

  it("keep Node out of pages", () => {
    const inPages = importsOn("browser", withoutTypes)
    const files = new Set(forPages.flatMap((file) => Array.from(reached(file, inPages))))
    assert.isAbove(files.size, 100)
    const found = Array.from(files).flatMap((file) => ofNode(texts.get(file)!).map((what) => `${file} has ${what}`))
    assert.deepStrictEqual(found, [])
  })

  it("have nothing come later in pages", () => {
    // Some bundlers leave nothing out of modules that `import()` leads to.
    const inPages = importsOn("browser", withoutTypes)
    const files = new Set(forPages.flatMap((file) => Array.from(reached(file, inPages))))
    assert.deepStrictEqual(Array.from(files).filter((file) => /\bimport\(/.test(texts.get(file)!)), [])
  })

  it.each([
    ["another module of Node", `import * as net from "node:net"`, [`"node:net"`]],
    ["a global of Node", "setImmediate(act)", ["setImmediate"]],
    ["its class for bytes", "const bytes = Buffer.from(text)", ["Buffer"]],
    ["the process", "const { pid } = process", ["process"]],
    ["what only types need", `import type * as net from "node:net"`, []],
    ["what is called alike", "const { process: life } = world.process", []]
  ])("know %s", (_name, text, found) => {
    assert.deepStrictEqual(ofNode(text), found)
  })

  it("enclose no circle", () => {
    assert.deepStrictEqual(circles(imports), [])
  })

  it.each([
    ["internal/values/address.ts", "internal/port/cell.ts"],
    ["internal/port/cell.ts", "internal/node/router.ts"],
    ["internal/port/cell.ts", "internal/transport/link.ts"],
    ["internal/node/router.ts", "Port.ts"],
    ["internal/global/shards.ts", "Global.ts"],
    ["internal/supervisor/child.ts", "internal/port/cell.ts"],
    ["internal/supervisor/child.ts", "Global.ts"],
    ["internal/node/router.ts", "internal/cli/doctor.ts"],
    ["internal/config/options.ts", "internal/cli/run/node.ts"],
    ["internal/config/options.ts", "Node.ts"],
    ["internal/rpc/listener.ts", "Port.ts"],
    ["internal/locks/locks.ts", "internal/global/mesh.ts"],
    ["Port.ts", "Global.ts"],
    ["Global.ts", "Rpc.ts"],
    ["index.ts", "Rpc.ts"],
    ["index.ts", "Cluster.ts"],
    ["Rpc.ts", "Cluster.ts"],
    ["internal/cluster/leases.ts", "internal/locks/owner.ts"],
    ["index.ts", "TestNetwork.ts"],
    ["Transport.ts", "internal/testing/clock.ts"],
    ["index.ts", "internal/node/router.ts"]
  ])("are noticed: %s must not import %s", (from, to) => {
    assert.deepStrictEqual(forbidden(withImport(from, to)), [`${from} imports ${to}`])
  })

  it("are noticed: a circle within a room", () => {
    const found = circles(withImport("internal/values/address.ts", "internal/values/address.ts"))
    assert.deepStrictEqual(found, ["internal/values/address.ts -> internal/values/address.ts"])
  })
})
