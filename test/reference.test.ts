/**
 * Holds what the reference says of each export, which is all that an editor shows of it: that there is something, that it is sorted in, and
 * that it says which of several ways to take.
 */
import { assert, describe, it } from "@effect/vitest"
import ts from "typescript59"
import { faces } from "./pages.ts"
import { root } from "./processes.ts"

/** What the reference sorts exports by. */
const categories = new Set([
  "accessors",
  "byte streams",
  "calls",
  "clients",
  "combinators",
  "commands",
  "constructors",
  "database",
  "errors",
  "faults",
  "formatting",
  "groups",
  "guards",
  "layers",
  "leases",
  "models",
  "monitoring",
  "names",
  "nodes",
  "observing",
  "port context",
  "queues",
  "running",
  "schemas",
  "servers",
  "services",
  "time"
])

/** Ways to do much the same. Each of them says when it is the one to take, and names at least one of the others there. */
const families: ReadonlyArray<ReadonlyArray<string>> = [
  ["Port.make", "Port.makeUnsafe", "Port.inbox", "Port.spawn"],
  ["Port.snd", "Port.sender", "Port.sndUnsafe", "Port.cal"],
  ["Port.cal", "Port.calTimeout", "Port.calMessage"],
  ["Port.reply", "Port.replyLater"],
  ["Port.bytes", "Port.bytesTo", "Port.snd"],
  ["Port.kil", "Port.kilUnsafe"],
  ["Port.mon", "Port.monUnsafe", "Port.monGuard", "Port.exit"],
  ["Port.fork", "Port.peval", "Port.psub", "Port.after"],
  ["Node.layer", "Node.layerLocal", "Node.layerConfig"],
  ["Node.events", "Node.peers", "Node.upNodes", "Node.gauges"],
  [
    "Transport.layerTcp",
    "Transport.layerUnix",
    "Transport.layerWebSocket",
    "Transport.layerWebSocketClient",
    "Transport.layerMemory"
  ],
  ["Transport.any", "Transport.layerTcp"],
  ["Global.layer", "Global.layerConfig", "Global.layerProfile"],
  ["Global.set", "Global.typed", "Global.reg", "Global.register"],
  ["Global.family", "Global.keys", "Global.values", "Global.find"],
  ["Global.mon", "Global.watch", "Global.group"],
  ["Global.pick", "Global.group", "Global.find"],
  ["Global.awaitNode", "Global.awaitGroup", "Global.joined"],
  ["Supervisor.make", "Supervisor.restart", "Supervisor.layer"],
  ["Supervisor.make", "Supervisor.dynamic", "Supervisor.partition", "Supervisor.pool"],
  ["Supervisor.failover", "Supervisor.pool", "Supervisor.spawn"],
  ["Supervisor.spawn", "Port.spawn"],
  ["Supervisor.run", "Supervisor.launch"],
  ["Supervisor.at", "Supervisor.tree", "Supervisor.forest"],
  ["Rpc.serve", "Rpc.layer", "Rpc.layerServer", "Rpc.implement"],
  ["Cluster.layer", "Cluster.layerClient"],
  ["Rpc.client", "Rpc.layerClient", "Rpc.group"],
  ["TestNetwork.until", "TestNetwork.within", "TestNetwork.settle"],
  ["Cli.command", "Cli.main"]
]

/** What a doc comment has, in this order. */
const headings = ["When to use", "Details", "Gotchas", "Example"]

/** What stands before an export, without what is for the compiler. */
interface Comment {
  readonly text: string
  /** What it links to, and what is written within the declaration: its forms and fields. */
  readonly links: ReadonlyArray<string>
  readonly category: ReadonlyArray<string>
  readonly hasSince: boolean
}

interface Documented {
  /** `Port.snd`; `Port` is the module. */
  readonly name: string
  /** One, or two where a value and a type have one name. */
  readonly comments: ReadonlyArray<Comment | undefined>
  /** Those of an interface, or of what stands for one, that have no comment. */
  readonly bareFields: ReadonlyArray<string>
  /** Of several forms that a function has, how many have no comment: where one is called, an editor shows that of its form alone. */
  readonly bareForms: number
  /** Whether it stands for an interface of the inside, whose fields the pages of the reference then do not have. */
  readonly isClosed: boolean
}

const options: ts.CompilerOptions = {
  module: ts.ModuleKind.NodeNext,
  target: ts.ScriptTarget.ES2023,
  types: ["node"],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: true,
  allowImportingTsExtensions: true,
  noEmit: true
}

/** What is passed on from elsewhere has its comment before the whole statement. */
const exported = (declaration: ts.Declaration): ts.Node => {
  if (ts.isExportSpecifier(declaration)) return declaration.parent.parent
  return ts.isNamespaceExport(declaration) ? declaration.parent : declaration
}

/** Of the forms of a function the first one speaks for all. */
const declarationsOf = ({ declarations = [] }: ts.Symbol): ReadonlyArray<ts.Declaration> =>
  declarations.filter((declaration, nth) => nth === 0 || !ts.isFunctionDeclaration(declaration))

/** The comment next to a declaration: an older one above it is not shown. */
const commentOf = (declaration: ts.Declaration): Comment | undefined => {
  const host = exported(declaration)
  const found = ts.getJSDocCommentsAndTags(host).findLast(ts.isJSDoc)
  return found && commentIn(found, host.getText())
}

const commentIn = (found: ts.JSDoc, declaration: string): Comment => {
  const named = (name: string) => found.tags?.filter(({ tagName }) => tagName.text === name) ?? []
  return {
    text: ts.getTextOfJSDocComment(found.comment) ?? "",
    links: Array.from((found.getText() + declaration).matchAll(/\{@link ([\w.]+)/g), ([, name]) => name!),
    category: named("category").map(({ comment }) => ts.getTextOfJSDocComment(comment) ?? ""),
    hasSince: named("since").some(({ comment }) => comment !== undefined)
  }
}

const isInternal = (declaration: ts.Node): boolean =>
  ts.getJSDocTags(declaration).some(({ tagName }) => tagName.text === "internal")

/** The fields of an interface that say nothing of themselves. Of classes only those are told that are written down one by one. */
const bareFieldsOf = (symbol: ts.Symbol, checker: ts.TypeChecker): Array<string> => {
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  if (!(target.flags & (ts.SymbolFlags.Interface | ts.SymbolFlags.TypeAlias))) return []
  return checker.getDeclaredTypeOfSymbol(target).getProperties().flatMap((field) => {
    const written = field.declarations?.filter((at) =>
      (ts.isPropertySignature(at) || ts.isMethodSignature(at)) && ts.isInterfaceDeclaration(at.parent) &&
      !at.getSourceFile().fileName.includes("/node_modules/") && !isInternal(at) && ts.isIdentifier(at.name)
    ) ?? []
    return written.length === 0 || written.some((at) =>
        commentOf(at) !== undefined
      )
      ? []
      : [field.name]
  })
}

/** The forms of a function, if there are several. The body of one that is written as such is none of them. */
const formsOf = ({ declarations = [] }: ts.Symbol): ReadonlyArray<ts.Declaration> => {
  const forms = declarations.flatMap((at): ReadonlyArray<ts.Declaration> => {
    if (ts.isFunctionDeclaration(at)) return at.body === undefined ? [at] : []
    const type = ts.isVariableDeclaration(at) ? at.type : at
    return type !== undefined && (ts.isTypeLiteralNode(type) || ts.isInterfaceDeclaration(type))
      ? type.members.filter(ts.isCallSignatureDeclaration)
      : []
  })
  return forms.length > 1 ? forms : []
}

/** By this tag the reference has the fields of what a type stands for, as if it were written there. */
const isClosed = ({ declarations = [] }: ts.Symbol, checker: ts.TypeChecker): boolean =>
  declarations.some((declaration) => {
    if (!ts.isTypeAliasDeclaration(declaration) || !ts.isTypeReferenceNode(declaration.type)) return false
    const target = checker.getTypeFromTypeNode(declaration.type).symbol as ts.Symbol | undefined
    return target?.declarations?.some((at) => ts.isInterfaceDeclaration(at) && isInside(at)) === true &&
      !ts.getJSDocTags(declaration).some(({ tagName }) => tagName.text === "interface")
  })

const isInside = (declaration: ts.Declaration): boolean =>
  declaration.getSourceFile().fileName.includes("/src/internal/")

/** What a module exports, and what the modules export that it passes on under a name. */
const exportsOf = (module: ts.Symbol, face: string, checker: ts.TypeChecker): Array<Documented> =>
  checker.getExportsOfModule(module).flatMap((symbol) => {
    const name = `${face}.${symbol.name}`
    const documented: Documented = {
      name,
      comments: declarationsOf(symbol).map(commentOf),
      bareFields: bareFieldsOf(symbol, checker),
      bareForms: formsOf(symbol).filter((form) => commentOf(form) === undefined).length,
      isClosed: isClosed(symbol, checker)
    }
    const isModule = symbol.declarations?.some(ts.isNamespaceExport) === true
    return isModule ? [documented].concat(exportsOf(checker.getAliasedSymbol(symbol), name, checker)) : documented
  })

/** A module, whose comment is the first one of its file, and what it exports. */
const moduleOf = (file: ts.SourceFile, face: string, checker: ts.TypeChecker): Array<Documented> => {
  const module = checker.getSymbolAtLocation(file)
  const first = file.statements[0]
  if (module === undefined || first === undefined) return []
  const found = ts.getJSDocCommentsAndTags(first).find(ts.isJSDoc)
  const comments = [found && commentIn(found, "")]
  return [{ name: face, comments, bareFields: [], bareForms: 0, isClosed: false }, ...exportsOf(module, face, checker)]
}

const host = ts.createCompilerHost(options)
/** Files as they have been parsed: most of them are in every program. */
const parsed = new Map<string, ts.SourceFile | undefined>()

/** Reads modules as a compiler does. `sources` are such as no file has. */
const read = (files: ReadonlyArray<string>, sources: ReadonlyMap<string, string> = new Map()): Array<Documented> => {
  const program = ts.createProgram({
    rootNames: files,
    options,
    host: {
      ...host,
      fileExists: (path) => sources.has(path) || host.fileExists(path),
      getSourceFile: (path, version) => {
        const source = sources.get(path)
        if (source !== undefined) return ts.createSourceFile(path, source, version)
        if (!parsed.has(path)) parsed.set(path, host.getSourceFile(path, version))
        return parsed.get(path)
      }
    }
  })
  const checker = program.getTypeChecker()
  return files.flatMap((path) => {
    const file = program.getSourceFile(path)
    return file === undefined ? [] : moduleOf(file, /(\w+)\.ts$/.exec(path)![1]!, checker)
  })
}

const withoutPrograms = (text: string): string => text.replaceAll(/^```[\s\S]*?^```/gm, "")

/** What stands under a heading. */
const section = (text: string, heading: string): string | undefined =>
  new RegExp(`^\\*\\*${heading}\\*\\*$([\\s\\S]*?)(?=^\\*\\*[A-Z]|$(?![\\s\\S]))`, "m").exec(text)?.[1]

/** What is wrong with the order of headings, or with one of them. */
const wrongHeadings = (text: string): Array<string> => {
  const found = Array.from(withoutPrograms(text).matchAll(/^\*\*([^*]+)\*\*(.*)$/gm), ([, heading, after = ""]) => ({
    place: headings.indexOf(heading!),
    isRight: heading === "Example" ? /^ \(.+\)$/.test(after) : after === "",
    heading
  }))
  return [
    ...found.filter(({ isRight, place }) => place === -1 || !isRight).map(({ heading }) =>
      `has a heading "${heading}"`
    ),
    ...found.some(({ place }, nth) => place >= 0 && place < (found[nth - 1]?.place ?? 0))
      ? ["has its headings in another order"]
      : []
  ]
}

/** A module is in no category. */
const isSorted = (name: string, category: ReadonlyArray<string>): boolean =>
  name.includes(".") ? category.length === 1 && categories.has(category[0]!) : category.length === 0

/** What is wrong with a comment, in the words of a sentence about what it is of. */
const wrongWith = (name: string, comment: Comment | undefined, names: ReadonlySet<string>): Array<string> => {
  if (comment === undefined) return ["has no comment"]
  const { category, hasSince, links, text } = comment
  const summary = text.split(/\n\s*\n/)[0]!.trim()
  return [
    ...summary === "" || summary.startsWith("**")
      ? ["has no summary"]
      : /[.:]$/.test(summary)
      ? []
      : ["has a summary that is no sentence"],
    ...isSorted(name, category) ? [] : [`is of the category "${category.join()}"`],
    ...hasSince ? [] : ["does not say since when it is there"],
    ...wrongHeadings(text),
    ...links.filter((link) => !names.has(link)).map((link) => `links to ${link}, which is not there`)
  ]
}

const complaints = (documented: ReadonlyArray<Documented>): Array<string> => {
  const names = (module: string) =>
    new Set(
      documented.filter(({ name }) => name.startsWith(`${module}.`)).map(({ name }) => name.slice(module.length + 1))
    )
  return documented.flatMap(({ bareFields, bareForms, comments, isClosed, name }) => [
    ...comments.flatMap((comment) =>
      wrongWith(name, comment, names(name.replace(/\.\w+$/, ""))).map((what) => `${name} ${what}`)
    ),
    ...bareFields.map((field) => `${name} says nothing of its field ${field}`),
    ...bareForms === 0 ? [] : [`${name} says nothing of ${bareForms} of its forms`],
    ...isClosed ? [`${name} is an interface of the inside, without @interface`] : []
  ])
}

/** Those of a family that leave the reader alone with the choice. */
const withoutChoice = (documented: ReadonlyArray<Documented>, family: ReadonlyArray<string>): Array<string> => {
  const texts = new Map(
    documented.map(({ comments, name }) => [name, comments.map((comment) => comment?.text).join("\n")])
  )
  return family.filter((name) => {
    const when = section(texts.get(name) ?? "", "When to use") ?? ""
    const [face] = name.split(".")
    return !family.some((other) => {
      const [otherFace, called] = other.split(".")
      return other !== name && when.includes(face === otherFace ? `{@link ${called}}` : `\`${other}\``)
    })
  })
}

describe("the reference", () => {
  const documented = read(faces.map((face) => `${root}src/${face}.ts`))

  it.each(faces)("says of all exports of %s what they are, and of their fields", (face) => {
    const own = documented.filter(({ name }) => name === face || name.startsWith(`${face}.`))
    assert.isAbove(own.length, 1)
    assert.deepStrictEqual(complaints(own), [])
  })

  it.each(families.map((family) => [family.join(", "), family] as const))("says when to use %s", (_, family) => {
    assert.deepStrictEqual(withoutChoice(documented, family), [])
  })
})

describe("what would be wrong with the reference is found", () => {
  const source = (...lines: ReadonlyArray<string>): Array<Documented> =>
    read(
      [`${root}src/Made.ts`],
      new Map([
        [
          `${root}src/Made.ts`,
          ["/**\n * Numbers.\n *\n * @since 0.1.0\n */", "import \"node:fs\"", ...lines].join("\n")
        ],
        [`${root}src/internal/made.ts`, "export interface Inner {\n/** Two. */\nreadonly a: 2\n}"]
      ])
    )
  const fine = "/**\n * A number.\n *\n * @category models\n * @since 0.1.0\n */"

  it.each([
    ["nothing", [fine, "export const one = 1"], []],
    ["no comment", ["export const one = 1"], ["Made.one has no comment"]],
    ["no summary", ["/**\n * @category models\n * @since 0.1.0\n */", "export const one = 1"], [
      "Made.one has no summary"
    ]],
    [
      "a type without one beside a value that has one",
      [fine, "export const one = 1", "/**\n * @category models\n * @since 0.1.0\n */", "export type one = 1"],
      ["Made.one has no summary"]
    ],
    [
      "a heading as summary",
      [fine.replace("A number.", "**Details**"), "export const one = 1"],
      ["Made.one has no summary"]
    ],
    ["half a sentence", [fine.replace("r.", "r"), "export const one = 1"], [
      "Made.one has a summary that is no sentence"
    ]],
    [
      "a category of its own",
      [fine.replace("models", "numbers"), "export const one = 1"],
      [`Made.one is of the category "numbers"`]
    ],
    [
      "no category and no version",
      ["/** A number. */", "export const one = 1"],
      [`Made.one is of the category ""`, "Made.one does not say since when it is there"]
    ],
    [
      "an unknown heading",
      [fine.replace("A number.", "A number.\n *\n * **Notes**"), "export const one = 1"],
      [`Made.one has a heading "Notes"`]
    ],
    [
      "an example without a title",
      [fine.replace("A number.", "A number.\n *\n * **Example**"), "export const one = 1"],
      [`Made.one has a heading "Example"`]
    ],
    [
      "headings in another order",
      [fine.replace("A number.", "A number.\n *\n * **Gotchas**\n *\n * **Details**"), "export const one = 1"],
      ["Made.one has its headings in another order"]
    ],
    [
      "a link that leads nowhere",
      [fine.replace("A number.", "A number, as {@link two} is, or {@link one}."), "export const one = 1"],
      ["Made.one links to two, which is not there"]
    ],
    [
      "a link of a field that leads nowhere",
      [fine, "export interface One {", "/** As {@link two}. */", "readonly a: 1", "}"],
      ["Made.One links to two, which is not there"]
    ],
    [
      "a field without a comment",
      [
        fine,
        "export interface One {",
        "/** One. */",
        "readonly a: 1",
        "readonly b: 2",
        "/** @internal */",
        "readonly c: 3 }"
      ],
      ["Made.One says nothing of its field b"]
    ],
    [
      "a field without a comment of what an alias stands for",
      ["interface Inner { readonly b?: 2 }", fine, "export type One = Inner"],
      ["Made.One says nothing of its field b"]
    ],
    [
      "an interface of the inside whose fields the reference would not have",
      [`import type * as made from "./internal/made.ts"`, fine, "export type One = made.Inner"],
      ["Made.One is an interface of the inside, without @interface"]
    ],
    [
      "nothing, where it has the tag",
      [
        `import type * as made from "./internal/made.ts"`,
        fine.replace(" * @cat", " * @interface\n * @cat"),
        "export type One = made.Inner"
      ],
      []
    ],
    [
      "forms of a function without a comment",
      [fine, "export const one: {", "/** Of text. */", "(a: string): void", "(a: number): void", "} = () => {}"],
      ["Made.one says nothing of 1 of its forms"]
    ],
    [
      "forms without a comment of what is written as a function",
      [
        fine,
        "export function one(a: string): void",
        "export function one(a: number): void",
        "export function one() {}"
      ],
      ["Made.one says nothing of 1 of its forms"]
    ]
  ])("%s", (_, lines, says) => {
    assert.deepStrictEqual(complaints(source(...lines)), says)
  })

  it("a module that does not say what it is for", () => {
    const path = `${root}src/Made.ts`
    const documented = read([path], new Map([[path, `import "node:fs"\n${fine}\nexport const one = 1`]]))
    assert.deepStrictEqual(complaints(documented), ["Made has no comment"])
  })

  it("a family whose members do not name each other under the right heading", () => {
    const says = (text: string) => fine.replace("A number.", `A number.\n *\n * ${text}`)
    const documented = source(
      says("**When to use**\n *\n * Where {@link two} is too large."),
      "export const one = 1",
      says(
        "**When to use**\n *\n * Where `one` is too small, and {@link two} is not.\n *\n * **Details**\n *\n * See {@link one}."
      ),
      "export const two = 2",
      says("**Details**\n *\n * It is larger than {@link one}."),
      "export const three = 3"
    )
    assert.deepStrictEqual(withoutChoice(documented, ["Made.one", "Made.two", "Made.three", "Made.four"]), [
      "Made.two",
      "Made.three",
      "Made.four"
    ])
  })
})
