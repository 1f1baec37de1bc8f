/**
 * What may stand at the cursor of a command line that is not finished: what commands and flags there are says the command line
 * itself, and which kind of value stands where, the name that a flag or an argument has there.
 *
 * @internal
 */
import type { ArgumentDescriptor, CommandDescriptor, FlagDescriptor } from "effect/cli/Completions"
import { isKey, type Key, keys, kinds } from "../../config/keys.ts"
import { lineLevels } from "../../config/logLevels.ts"
import { modules } from "../../values/modules.ts"
import { following, type Word } from "../config/chain.ts"

const logLevels = lineLevels.map((level) => level.toLowerCase())

/** A candidate, and what it is. */
export type Candidate = readonly [word: string, about: string]

/** Values that are not known before somebody asks for them. */
export const sources = ["nodes", "ports", "groups", "families", "profiles", "tags", "files", "seeds"] as const
export type Source = typeof sources[number]

/** What completes a line: candidates, perhaps others that have to be found. */
export interface Completion {
  readonly candidates: ReadonlyArray<Candidate>
  readonly source: Source | undefined
  /** What each begins with, and what of the word is not complete yet. */
  readonly prefix: string
  readonly word: string
  /** What flags that are there already have for values. */
  readonly flags: ReadonlyMap<string, string>
}

/** Which kind of value a flag or an argument takes, by its name. */
const sourceOf: Readonly<Record<string, Source>> = {
  node: "nodes",
  nodes: "nodes",
  port: "ports",
  group: "groups",
  family: "families",
  profile: "profiles",
  tag: "tags",
  cert: "files",
  file: "files",
  folder: "files",
  service: "files",
  seed: "seeds"
}

/** Flags of every command. */
const globalFlags: ReadonlyArray<Candidate> = [["--help", "Show help information"], ["--version", "Show the version"]]

interface Found {
  readonly candidates?: ReadonlyArray<Candidate>
  readonly source?: Source | undefined
}

const named = (words: Iterable<string>): Found => ({ candidates: Array.from(words, (word) => [word, ""] as const) })

const valueFor = ({ name, type }: FlagDescriptor | ArgumentDescriptor): Found => {
  if (type._tag === "Choice") return named(type.values)
  if (type._tag === "Path") return { source: "files" }
  if (name === "level") return named(logLevels)
  if (name === "levels" || name === "log-level") return named([...logLevels, ...modules.map((name) => `${name}=debug`)])
  const key = name === "framing" ? "framing_format" : name.replaceAll("-", "_")
  return sourceOf[name] === undefined && isKey(key) ? valueOfKey(key) : { source: sourceOf[name] }
}

/** What stands at the cursor of the operands of a chain, or of `emp run` in AEMP's form. */
const operandFor = (command: CommandDescriptor, operands: ReadonlyArray<string>): Found => {
  const chain = following([command.name, ...operands])
  if (chain?.taker !== undefined) return valueOfWord(chain.taker)
  if (chain !== undefined) return { candidates: chain.words.map(({ about, name }) => [name, about] as const) }
  const argument = command.arguments[operands.length] ?? command.arguments.findLast(({ variadic }) => variadic)
  if (argument?.name !== "key value") return argument === undefined ? {} : valueFor(argument)
  if (operands.length % 2 === 0) return named(["profile", "norc", "force", ...keys])
  const key = operands.at(-1) ?? ""
  return key === "profile" ? { source: "profiles" } : isKey(key) ? valueOfKey(key) : {}
}

const valueOfWord = ({ argument = "", name }: Word): Found =>
  /^(?:name|profile)/.test(argument)
    ? { source: "profiles" }
    : isKey(name)
    ? valueOfKey(name)
    : { source: sourceOf[argument] }

/** Of a key that takes one of a few words, these. */
const valueOfKey = (key: Key): Found => {
  if (key === "cert") return { source: "files" }
  if (key === "seeds") return { source: "seeds" }
  const { allowed } = kinds[key]
  return allowed === "true or false"
    ? named(["true", "false"])
    : named(/^one of (.+)$/.exec(allowed)?.[1]?.split(", ") ?? [])
}

const formsOf = ({ aliases, name }: FlagDescriptor): ReadonlyArray<string> => [
  `--${name}`,
  ...aliases.map((alias) => alias.length === 1 ? `-${alias}` : `--${alias}`)
]

const takesNext = ({ optionalValue, type }: FlagDescriptor): boolean =>
  type._tag !== "Boolean" && optionalValue !== true

/** Reads the words of a line, the last of which is not finished. */
export const complete = (root: CommandDescriptor, line: ReadonlyArray<string>): Completion => {
  const word = line.at(-1) ?? ""
  let command = root
  let open: FlagDescriptor | undefined
  let isBehindFlags = false
  const operands: Array<string> = []
  const flags = new Map<string, string>()
  const flagOf = (form: string) => command.flags.find((flag) => formsOf(flag).includes(form))
  for (const before of line.slice(0, -1)) {
    if (open !== undefined) {
      flags.set(open.name, before)
      open = undefined
    } else if (before === "--") isBehindFlags = true
    else if (before.startsWith("-") && !isBehindFlags) {
      const [form = "", value] = before.split(/=(.*)/s)
      const flag = flagOf(form)
      if (flag === undefined) continue
      if (value !== undefined || !takesNext(flag)) flags.set(flag.name, value ?? "")
      else open = flag
    } else {
      const below = operands.length === 0 ? command.subcommands.find(({ name }) => name === before) : undefined
      if (below === undefined) operands.push(before)
      else command = below
    }
  }
  const found = (prefix: string, { candidates = [], source }: Found): Completion => ({
    candidates: candidates.map(([name, about]) => [prefix + name, about] as const),
    source,
    prefix,
    word: word.slice(prefix.length),
    flags
  })
  if (open !== undefined) return found("", valueFor(open))
  if (word.startsWith("-") && !isBehindFlags) {
    const flag = word.includes("=") ? flagOf(word.slice(0, word.indexOf("="))) : undefined
    if (flag !== undefined) return found(word.slice(0, word.indexOf("=") + 1), valueFor(flag))
    const own = command.flags.filter(({ name, type }) => type._tag !== "Boolean" || !flags.has(name))
    const candidates = own.map(({ description = "", name }) => [`--${name}`, description] as const)
    return found("", { candidates: [...candidates, ...globalFlags] })
  }
  if (command.subcommands.length > 0) {
    return found("", {
      candidates: operands.length > 0
        ? []
        : command.subcommands.map(({ description = "", name }) => [name, description])
    })
  }
  return found("", operandFor(command, operands))
}
