/** What the documentation names is there: what the faces export, commands and their flags, pages with their headings, files. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Completions from "effect/cli/Completions"
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import * as Cli from "../src/Cli.ts"
import * as Cluster from "../src/Cluster.ts"
import * as Global from "../src/Global.ts"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import * as Rpc from "../src/Rpc.ts"
import * as Supervisor from "../src/Supervisor.ts"
import * as TestNetwork from "../src/TestNetwork.ts"
import * as Transport from "../src/Transport.ts"
import { listed, read, withoutFences } from "./pages.ts"
import { Process, root } from "./processes.ts"

const faces = { Cli, Cluster, Global, Node, Port, Rpc, Supervisor, TestNetwork, Transport }

const pages = ["README.md", ...listed("docs", ".md"), ...listed("examples", ".md")]
const sources = readdirSync(join(root, "src")).filter((name) => name.endsWith(".ts")).map((name) => `src/${name}`)

// ---- what a text has

const commentsOf = (source: string): string =>
  Array.from(source.matchAll(/\/\*\*[^]*?\*\//g), ([comment]) => comment.replaceAll(/^ *(?:\/\*\*|\*) ?/gm, ""))
    .join("\n\n")

/** What fences hold is run, or compiled. */
const proseOf = (path: string): string => withoutFences(path.endsWith(".md") ? read(path) : commentsOf(read(path)))

const codeIn = (prose: string): ReadonlyArray<string> =>
  Array.from(prose.matchAll(/(`+)([^`][^]*?)\1(?!`)/g), ([, , code = ""]) => code)

// ---- names of the faces

/** What a name may begin with, and what that is: the faces, and the classes that they export. */
const beginnings = new Map([
  ...Object.entries(faces).flatMap(([face, exported]) =>
    Object.entries(exported).flatMap(([name, value]) =>
      typeof value === "function" && /^[A-Z]/.test(name) ? [[name, `${face}.${name}`] as const] : []
    )
  ),
  ...Object.keys(faces).map((face) => [face, face] as const),
  // As programs import it that have Effect's `Rpc` too.
  ["PortRpc", "Rpc"] as const
])
const beginning = new RegExp(`(?<![\\w.$"'/@-])(${Array.from(beginnings.keys()).join("|")})\\.(?=[A-Za-z])`, "g")

/** Where the call ends whose arguments begin here. */
const endOfCall = (code: string, from: number): number => {
  let open = 0
  for (let at = from; at < code.length; at++) {
    if (code[at] === "(") open++
    if (code[at] === ")" && --open === 0) return at + 1
  }
  return code.length
}

/** The names in a piece of code, calls without their arguments: `Global.group().call`. */
const namesIn = (code: string): ReadonlyArray<string> =>
  Array.from(code.matchAll(beginning), ({ 1: begun = "", index }) => {
    let name = beginnings.get(begun)!
    let at = index + begun.length
    for (;;) {
      const [step] = /^\.[A-Za-z]\w*/.exec(code.slice(at)) ?? []
      if (step === undefined && code[at] !== "(") return name
      name += step ?? "()"
      at = step === undefined ? endOfCall(code, at) : at + step.length
    }
  }).filter((name) => !/\.(?:ts|js)$/.test(name))

const indices = (members: ReadonlyArray<string>): string => members.map((member) => `["${member}"]`).join("")

/**
 * The types that a name may have, one of which there is: that of a value, or a type with its members. Of a type with arguments nobody knows
 * how many they are, and what a service can do is in its `Service`. What is called may be an Effect of what has the rest of the name.
 */
const typesOf = (name: string): ReadonlyArray<string> => {
  const [path = "", ...rest] = name.replace(/\(\)$/, "").split("()")
  const [face = "", exported = "", ...members] = path.split(".")
  const type = `${face}.${exported}`
  const services = members.length > 0 ? [`${type}["Service"]${indices(members)}`] : []
  const types = ["", "<any>", "<any, any>", "<any, any, any>"].map((args) => type + args + indices(members))
  return [`typeof ${path}`, ...types, ...services].map((first) =>
    rest.reduce((called, steps) => `Told<ReturnType<${called}>>${indices(steps.split(".").slice(1))}`, first)
  )
}

/** Those of the names that the compiler does not know. */
const unknownOf = async (names: ReadonlyArray<string>, folder: string): Promise<ReadonlyArray<string>> => {
  const prelude = [
    `import type { Effect } from "effect/Effect"`,
    ...Object.keys(faces).map((face) => `import type * as ${face} from "../../src/${face}.ts"`),
    "type Told<A> = A extends Effect<infer B, any, any> ? B : A"
  ]
  const probes = names.flatMap((name) => typesOf(name).map((type) => ({ name, type })))
  const lines = probes.map(({ type }, nth) => `export type T${nth} = ${type}`)
  writeFileSync(join(root, folder, "names.ts"), [...prelude, ...lines].join("\n"))
  const config = { extends: "../../tsconfig.json", compilerOptions: { noUnusedLocals: false }, include: ["names.ts"] }
  writeFileSync(join(root, folder, "tsconfig.json"), JSON.stringify(config))
  await using compiler = new Process([
    "node_modules/typescript/bin/tsc",
    "--noEmit",
    "--pretty",
    "false",
    "--project",
    folder
  ])
  const { stdout } = await compiler.ended
  const places = Array.from(stdout.matchAll(/^(\S+)\((\d+),\d+\): error/gm))
  assert.deepStrictEqual(places.filter(([, file = ""]) => !file.endsWith("/names.ts")), [])
  const wrong = new Set(places.map(([, , line]) => Number(line) - prelude.length - 1))
  const known = new Set(probes.flatMap(({ name }, nth) => wrong.has(nth) ? [] : [name]))
  return names.filter((name) => !known.has(name))
}

describe("names in code", () => {
  const folder = `.examples/names-${process.pid}`
  const there = [
    "Port.snd",
    "Port.perl.Text",
    "Port.Handler",
    "Port.Killed.isUnbegun",
    "Node.layerConfig()",
    "Supervisor.Options.intensity",
    "Supervisor.Registry.register",
    "Supervisor.at().startChild",
    "Global.group().call",
    "Transport.MemoryNetwork.heal",
    "TestNetwork.TestNode.vanish"
  ]
  const used = [...pages, ...sources].flatMap((path) =>
    codeIn(proseOf(path)).flatMap(namesIn).map((name) => ({ path, name }))
  )
  const all = Array.from(new Set([...there, ...used.map(({ name }) => name)]))
  const misspelt = all.map((name) => name.replace(/(?:\(\))?$/, "Q$&"))
  let unknown: ReadonlySet<string> = new Set()

  beforeAll(async () => {
    mkdirSync(join(root, folder), { recursive: true })
    unknown = new Set(await unknownOf([...all, ...misspelt], folder))
  })
  afterAll(() => rmSync(join(root, folder), { recursive: true, force: true }))

  it("are found wherever they stand in it", () => {
    assert.deepStrictEqual(namesIn("Effect.ensuring(program, Node.drain())"), ["Node.drain()"])
    assert.deepStrictEqual(namesIn("Global.group(...).call"), ["Global.group().call"])
    assert.deepStrictEqual(namesIn("Supervisor.at(port).startChild(...args)"), ["Supervisor.at().startChild()"])
    assert.deepStrictEqual(namesIn("Killed.isUnbegun"), ["Port.Killed.isUnbegun"])
    assert.deepStrictEqual(namesIn("PortRpc.serve"), ["Rpc.serve"])
  })

  it("are not what only looks so", () => {
    const others = [
      "src/Port.ts",
      "Port.ts",
      "effect-mp/Rpc",
      "AnyEvent::MP::Global::",
      "Schedule.exponential",
      "MyPort.x"
    ]
    assert.deepStrictEqual(others.flatMap(namesIn), [])
  })

  it("are known where they are there, and not where they are misspelt", () => {
    assert.deepStrictEqual(there.filter((name) => unknown.has(name)), [])
    assert.deepStrictEqual(misspelt.filter((name) => !unknown.has(name)), [])
  })

  it("of all pages and doc comments are there", () => {
    assert.deepStrictEqual(used.filter(({ name }) => unknown.has(name)), [])
  })
})

// ---- commands

describe("commands", () => {
  const top = Completions.fromCommand(Cli.command)
  const flagsBelow = ({ flags, subcommands }: Completions.CommandDescriptor): ReadonlyArray<string> => [
    ...flags.map(({ name }) => name),
    ...subcommands.flatMap(flagsBelow)
  ]
  const general = ["help", "version", "completions", "log-level"]
  /** As `ps` shows it. */
  const titles = new Set(["watchdog"])
  const call = /(?:^ {4,}|^\$ |[`(;&] ?|EMP_\w+=\S+ |npx )emp ((?:[^`#\n()]|\\\n)+)/gm

  /** The calls of `emp` in a text that it would not understand. */
  const wrongCalls = (text: string): ReadonlyArray<string> =>
    Array.from(text.matchAll(call)).flatMap(([, words = ""]) => {
      const [name = "", ...others] = words.trim().split(/\s+/)
      const found = top.subcommands.find((command) => command.name === name)
      if (found === undefined) return /^(?:[A-Z-].*|\.{3}|…)$/.test(name) || titles.has(name) ? [] : [words]
      const known = new Set([...general, ...flagsBelow(found)])
      const flags = others.flatMap((word) => /^--(?:no-)?([\w-]+)/.exec(word)?.[1] ?? [])
      return flags.every((flag) => known.has(flag) || known.has(`no-${flag}`)) ? [] : [words]
    })

  it("that are there are understood", () => {
    const text =
      "`emp run --no-watchdog`, `emp COMMAND --help`\n    emp status NODE --json\n$ EMP_SECRET=x emp doctor --seed a:1"
    assert.deepStrictEqual(wrongCalls(text), [])
  })

  it("that are not there are found, with their flags", () => {
    const text = "`emp rum`\n    emp run --nodeid seed\n$ emp stats --json\n$(emp find --group x)"
    assert.deepStrictEqual(wrongCalls(text), ["rum", "run --nodeid seed", "stats --json", "find --group x"])
  })

  it("of all pages are there", () => {
    assert.deepStrictEqual(pages.flatMap((page) => wrongCalls(read(page)).map((call) => ({ page, call }))), [])
  })
})

// ---- links and files

describe("links", () => {
  /** As GitHub makes an anchor of a heading. */
  const anchorOf = (heading: string): string => heading.toLowerCase().replaceAll(/[^\w\- ]/g, "").replaceAll(" ", "-")
  const anchorsIn = (text: string): ReadonlyArray<string> => {
    const times = new Map<string, number>()
    return Array.from(withoutFences(text).matchAll(/^#+ (.+)$/gm), ([, heading = ""]) => {
      const anchor = anchorOf(heading)
      const before = times.get(anchor) ?? 0
      times.set(anchor, before + 1)
      return before === 0 ? anchor : `${anchor}-${before}`
    })
  }

  /** The links of a page that lead nowhere. */
  const lostLinks = (page: string, text: string): ReadonlyArray<string> =>
    Array.from(withoutFences(text).matchAll(/\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)/g))
      .filter(([, path = "", anchor]) => {
        const target = join(dirname(page), path)
        if (path !== "" && !existsSync(join(root, target))) return true
        return anchor !== undefined && !anchorsIn(path === "" ? text : read(target)).includes(anchor)
      })
      .map(([link]) => link)

  it("lead to pages, and to their headings as GitHub numbers them", () => {
    const text =
      "# A `B`, c\n[a](#a-b-c) [b](web.md#the-pages) [c](https://effect.website) [d](../examples)\n# Twice\n# Twice\n[e](#twice-1)"
    assert.deepStrictEqual(lostLinks("docs/new.md", text), [])
  })

  it("that lead nowhere are found", () => {
    const text = "# A\n[a](#b) [b](web.md#no-pages) [c](wab.md) [d](#a-1)\n```\n# b\n[e](nowhere.md)\n```"
    assert.deepStrictEqual(lostLinks("docs/new.md", text), ["](#b)", "](web.md#no-pages)", "](wab.md)", "](#a-1)"])
  })

  it("of all pages lead somewhere", () => {
    const all = [...pages, "AGENTS.md", "CHANGELOG.md"]
    assert.deepStrictEqual(all.flatMap((page) => lostLinks(page, read(page)).map((link) => ({ page, link }))), [])
  })
})

describe("files", () => {
  const filesIn = (prose: string): ReadonlyArray<string> =>
    codeIn(prose).filter((code) => /^(?:docs|examples|deploy|bench|test|src)\/[\w./-]*$/.test(code))

  it("are paths in code, and not what is only like them", () => {
    const prose = "`docs/web.md` docs/none.md `examples/jobs/` `npm run docs` `test`"
    assert.deepStrictEqual(filesIn(prose), ["docs/web.md", "examples/jobs/"])
  })

  it("that pages and doc comments name are there", () => {
    const named = [...pages, ...sources].flatMap((path) => filesIn(proseOf(path)).map((file) => ({ path, file })))
    assert.deepStrictEqual(named.filter(({ file }) => !existsSync(join(root, file))), [])
  })
})
