/**
 * The words of the command line that change and show the configuration, as AEMP's `aemp` has them, and how a chain of them
 * is read: `gensecret profile xyzzy binds 4040,4041 nodeid anon/`. Nothing is done here.
 *
 * @internal
 */
import * as Result from "effect/Result"
import type { Json } from "effect/Schema"
import { InvalidConfig } from "../../config/errors.ts"
import { decode, isKey, type Key, keys, kinds } from "../../config/keys.ts"
import type { Arguments, Values } from "../../config/resolve.ts"
import { readValue } from "../../config/text.ts"
import { didYouMean } from "../../values/didYouMean.ts"
import { UsageError } from "../terminal/usage.ts"

/** The keys whose elements have commands of their own. */
export type ListKey = "seeds" | "binds" | "services" | "emp_services"

/** An element of theirs may be a list itself, and may be there several times. */
export const isOfServices = (key: ListKey): boolean => key === "services" || key === "emp_services"

/** What a word of a chain does. */
export type Step =
  | { readonly _tag: "Profile"; readonly name: string }
  | { readonly _tag: "DeleteProfile"; readonly name: string }
  | { readonly _tag: "Set"; readonly key: Key | "parent"; readonly value: Json }
  | { readonly _tag: "Delete"; readonly key: Key | "parent" }
  | { readonly _tag: "Add" | "Remove"; readonly key: ListKey; readonly elements: ReadonlyArray<Json> }
  | { readonly _tag: "Generate"; readonly key: "secret" | "cert" }
  | { readonly _tag: "ReadCert"; readonly path: string }
  | { readonly _tag: "ShowProfile"; readonly name: string | undefined }
  | { readonly _tag: "ShowConfig"; readonly words: Arguments }

type Read = Result.Result<Step, InvalidConfig | UsageError>

/** A word: how it is called, what it takes, and what it means. */
export interface Word {
  readonly name: string
  readonly alias?: string
  readonly about: string
  /** What stands behind it, and what that may be, for its help. */
  readonly argument?: string
  readonly allowed?: string
  /** Not named in the list of all commands. */
  readonly isUnlisted?: boolean
  /** `some` is all the rest of the chain. */
  readonly takes: "nothing" | "one" | "perhaps one" | "some"
  readonly examples: ReadonlyArray<string>
  readonly read: (given: ReadonlyArray<string>) => Read
}

const step = (read: Step): Read => Result.succeed(read)

const readFor = (key: Key, text: string): Result.Result<Json, InvalidConfig> =>
  Result.flatMap(readValue(key, text), (raw) => decode(key, raw, undefined))

const setter = (key: Key): Word => ({
  name: key,
  alias: `set${key}`,
  about: kinds[key].about,
  argument: kinds[key].isList ? "list" : "value",
  allowed: (kinds[key].isList ? "JSON, or with commas; each is " : "") + kinds[key].allowed,
  takes: "one",
  examples: [`${key} ${kinds[key].example}`],
  read: ([text = ""]) => Result.map(readFor(key, text), (value) => ({ _tag: "Set", key, value }))
})

const deleteKey = (key: Key, isUnlisted = false): Word => ({
  name: `del${key}`,
  about: `Remove ${key}`,
  isUnlisted,
  takes: "nothing",
  examples: [`del${key}`],
  read: () => step({ _tag: "Delete", key })
})

/** `addX` and `delX`. A single service may be a list itself: in JSON, one element is the service with its arguments. */
const elementWords = (key: ListKey): ReadonlyArray<Word> => {
  const single = key.slice(0, -1)
  const [example = ""] = kinds[key].example.split(",")
  const word = (verb: "add" | "del", tag: "Add" | "Remove", about: string): Word => ({
    name: verb + single,
    about,
    argument: single,
    allowed: kinds[key].allowed,
    takes: "one",
    examples: [`${verb}${single} ${example}`],
    read: ([text = ""]) =>
      readValue(key, text).pipe(
        Result.flatMap((raw) => decode(key, isOfServices(key) ? [raw] : raw, undefined)),
        Result.map((elements) => ({ _tag: tag, key, elements }))
      )
  })
  return [word("add", "Add", `Add one to ${key}`), word("del", "Remove", `Take one out of ${key}`)]
}

const secretWords: ReadonlyArray<Word> = [
  {
    name: "gensecret",
    about: "Make a random secret",
    takes: "nothing",
    examples: ["gensecret"],
    read: () => step({ _tag: "Generate", key: "secret" })
  },
  setter("secret"),
  deleteKey("secret"),
  {
    name: "gencert",
    about: "Make a key and its certificate, for all nodes to share",
    takes: "nothing",
    examples: ["gencert"],
    read: () => step({ _tag: "Generate", key: "cert" })
  },
  {
    name: "cert",
    alias: "setcert",
    about: "Take key and certificates from a PEM file",
    argument: "file",
    takes: "one",
    examples: [`cert ${kinds.cert.example}`],
    read: ([path = ""]) => step({ _tag: "ReadCert", path })
  },
  deleteKey("cert")
]

const profileWords: ReadonlyArray<Word> = [
  {
    name: "profile",
    about: "What the commands that follow are about",
    argument: "name",
    takes: "one",
    examples: ["profile seed nodeid seed binds '*:4040'"],
    read: ([name = ""]) => step({ _tag: "Profile", name })
  },
  {
    name: "delprofile",
    about: "Remove a profile",
    argument: "name",
    takes: "one",
    examples: ["delprofile seed"],
    read: ([name = ""]) => step({ _tag: "DeleteProfile", name })
  },
  {
    name: "parent",
    alias: "setparent",
    about: "The profile that this one inherits from",
    argument: "name",
    takes: "one",
    examples: ["profile worker parent common"],
    read: ([name = ""]) => step({ _tag: "Set", key: "parent", value: name })
  },
  {
    name: "delparent",
    about: "Inherit from the top of the file only",
    takes: "nothing",
    examples: ["profile worker delparent"],
    read: () => step({ _tag: "Delete", key: "parent" })
  },
  {
    name: "showprofile",
    about: "Show what the file has, or one profile of it",
    argument: "name",
    takes: "perhaps one",
    examples: ["showprofile", "showprofile seed", "profile seed binds 4040 showprofile"],
    read: ([name]) => step({ _tag: "ShowProfile", name })
  },
  {
    name: "showconfig",
    about: "Show what emp run would use, and where it comes from",
    argument: "profile, or key value",
    takes: "some",
    examples: ["showconfig", "showconfig seed", "showconfig profile seed force 1 binds 4041"],
    read: (given) => Result.map(readArguments(given), (words) => ({ _tag: "ShowConfig", words }))
  }
]

const plain = (key: Key): ReadonlyArray<Word> => [setter(key), deleteKey(key)]
const listKeys: ReadonlyArray<ListKey> = ["seeds", "binds", "services", "emp_services"]
const lists = listKeys.flatMap((key) => [...plain(key), ...elementWords(key)])
const common = new Set<Key>(["nodeid", "secret", "cert", ...listKeys])
const finer = keys.flatMap((key) => common.has(key) ? [] : [setter(key), deleteKey(key, true)])

/** All words, by what they are about. */
export const groups: ReadonlyArray<{ readonly group: string; readonly words: ReadonlyArray<Word> }> = [
  { group: "Configuration", words: [...plain("nodeid"), ...secretWords, ...lists, ...profileWords] },
  { group: "Configuration, finer (delKEY removes it)", words: finer }
]

const byName = new Map(
  groups.flatMap(({ words }) => words).flatMap((word) =>
    [word.name, word.alias].filter((name) => name !== undefined).map((name) => [name, word] as const)
  )
)

/** Reads a whole chain. */
export const readChain = (
  chain: ReadonlyArray<string>
): Result.Result<ReadonlyArray<Step>, InvalidConfig | UsageError> =>
  Result.gen(function*() {
    const steps: Array<Step> = []
    let rest = chain
    while (rest.length > 0) {
      const [name = "", ...behind] = rest
      const word = byName.get(name)
      if (word === undefined) return yield* usage(unknownWord(name, steps.length > 0))
      const count = { "nothing": 0, "one": 1, "perhaps one": 1, "some": behind.length }[word.takes]
      const given = behind.slice(0, count)
      if (word.takes === "one" && (given[0] ?? "") === "" && !isEmptyList(word, given)) {
        return yield* usage(`${name}: its ${word.argument} is missing, as in: emp ${word.examples[0]}`)
      }
      steps.push(yield* word.read(given))
      rest = behind.slice(count)
    }
    const orphan = steps.find((step) => "key" in step && step.key === "parent")
    if (orphan !== undefined && !steps.slice(0, steps.indexOf(orphan)).some((step) => step._tag === "Profile")) {
      return yield* usage("parent: only a profile has one, as in: emp profile worker parent common")
    }
    if (steps.at(-1)?._tag === "Profile") {
      return yield* usage("profile: what to do with the profile is missing, as in: emp profile seed binds 4040")
    }
    return steps
  })

/** What may follow a chain that is not finished: other words, or what the last one takes. */
export interface Following {
  readonly words: ReadonlyArray<Word>
  readonly taker: Word | undefined
}

/** Nothing for what is no chain. */
export const following = (chain: ReadonlyArray<string>): Following | undefined => {
  if (!byName.has(chain[0] ?? "")) return undefined
  let rest = chain
  while (rest.length > 0) {
    const [name = "", ...behind] = rest
    const word = byName.get(name)
    if (word === undefined) return { words: [], taker: undefined }
    const isTaking = word.takes === "some" || (word.takes !== "nothing" && behind.length === 0)
    if (isTaking) return { words: [], taker: word }
    rest = word.takes === "nothing" ? behind : behind.slice(1)
  }
  return {
    words: groups.flatMap(({ words }) => words).filter(({ isUnlisted }) => isUnlisted !== true),
    taker: undefined
  }
}

/** An empty text is an empty list, but for seeds: it is a variable that was not set. */
const isEmptyList = (word: Word, given: ReadonlyArray<string>): boolean =>
  word.argument === "list" && word.name !== "seeds" && given.length > 0

const unknownWord = (name: string, isChained: boolean): string =>
  isChained
    ? `${JSON.stringify(name)} is no command that can follow here${didYouMean(name, byName.keys())}`
    : `there is no command ${JSON.stringify(name)}${didYouMean(name, byName.keys())}`

const usage = (problem: string) => Result.fail(new UsageError({ problem }))

const switches = ["norc", "force"] as const

/** `KEY VALUE` in AEMP's form. If their number is odd, the first is the name of the profile. */
export const readArguments = (
  given: ReadonlyArray<string>
): Result.Result<Arguments, InvalidConfig | UsageError> =>
  Result.gen(function*() {
    const isOdd = given.length % 2 === 1
    let profile = isOdd ? given[0] : undefined
    const flags: { norc?: boolean; force?: boolean } = {}
    const values: { [K in Key]?: Json } = {}
    for (let at = isOdd ? 1 : 0; at < given.length; at += 2) {
      const [name = "", text = ""] = given.slice(at, at + 2)
      const flag = switches.find((flag) => flag === name)
      if (flag !== undefined) flags[flag] = yield* decodeSwitch(flag, text)
      else if (name === "profile") profile = text
      else if (isKey(name)) values[name] = yield* readFor(name, text)
      else return yield* usage(unknownKey(name, isOdd ? given[0] : undefined))
    }
    return { profile, ...flags, values: values satisfies Values }
  })

const decodeSwitch = (name: string, text: string): Result.Result<boolean, InvalidConfig> =>
  Result.mapError(kinds.secure.decode(text), (culprit) =>
    new InvalidConfig({
      key: name,
      problem: `${JSON.stringify(culprit)} is not ${kinds.secure.allowed}`,
      from: undefined
    }))

const unknownKey = (name: string, profile: string | undefined): string => {
  const known = ["profile", ...switches, ...keys]
  const odd = profile === undefined ? "" : `; the first word, ${JSON.stringify(profile)}, is taken for a profile`
  const meant = didYouMean(name, known) || `; the keys are ${known.join(", ")}`
  return `there is no key ${JSON.stringify(name)}${odd}${meant}`
}
