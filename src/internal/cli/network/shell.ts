/**
 * `emp shell`: the other commands on one connection, line by line.
 *
 * @internal
 */
import { inHome } from "#platform"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Runtime from "effect/Runtime"
import * as fs from "node:fs"
import { createInterface, type Interface } from "node:readline"
import * as Global from "../../../Global.ts"
import { parse } from "../../config/relaxedJson.ts"
import { didYouMean } from "../../values/didYouMean.ts"
import { printable } from "../../values/printable.ts"
import { configGroups } from "../config/commands.ts"
import { print, wrap } from "../terminal/screen.ts"
import { UsageError } from "../terminal/usage.ts"
import { askStatus } from "./nodes.ts"
import { allNodes, failed, type Network, reach, type Session } from "./session.ts"
import * as talk from "./talk.ts"

/** Where the lines are kept, and how many. Who has no home has no history. */
const historyFile = inHome(".effect-mp-history")
const historySize = 1000

/** The commands that can be typed: those of the command line, but for the shell itself. */
export interface Commands<R> {
  readonly described: ReadonlyArray<readonly [name: string, description: string]>
  /** Carries out one, on this connection. What is wrong with its words it tells itself. */
  readonly run: (words: ReadonlyArray<string>, network: Context.Context<Network>) => Effect.Effect<unknown, unknown, R>
}

/** So many words of these are names, and so many of others all. The words behind those are data, and keep their quotes. */
const names = new Map([["snd", 1], ["cal", 1], ["kil", 1], ["eval", 1], ["set", 2], ["db", 3]])

/** Without a node they are about the present one. */
const ofPresentNode = new Set(["tree", "trace", "ping", "bench"])

/** What is no command of a shell, and no code either. */
const elsewhere = new Set(
  ["emp", "shell", "run", "demo", "doctor", "init", "errors", "completion", "ticket", "web"].concat(
    configGroups.flatMap(({ commands }) => commands.map(({ name }) => name))
  )
)

const help = <R>({ described }: Commands<R>): string =>
  [
    ...described.map(([name, description]) => `${name.padEnd(10)}  ${description}`),
    "get, set, del  as db get, db set, db del; the present node owns what is set",
    "tree, trace, ping and bench without a node are about the present one",
    "=           the nodes; =NAME goes to one, the beginning of its name is enough",
    "help NAME   what the command takes; help, or ?, shows this",
    "anything else is code for the present node, if that allows it",
    "quit, or Ctrl-D"
  ].map((line) => wrap(line, 12)).join("\n")

/** The state of a shell, and what its lines do. */
const makeShell = <R>(session: Session, start: string, commands: Commands<R>, network: Context.Context<Network>) => {
  let present = start
  let nodes: ReadonlyArray<string> = []
  let families: ReadonlyArray<string> = []
  const verbs = ["get", "set", "del", "help"].concat(commands.described.map(([name]) => name))

  /** Asks the network for the names that the end of a line can be completed with. */
  const refresh = Effect.gen(function*() {
    nodes = yield* allNodes(session)
    const { master } = yield* Global.Global
    families = Object.keys((yield* askStatus(session, master ?? present)).families).filter((name) =>
      !name.startsWith("'")
    )
  }).pipe(Effect.ignore)

  const list = Effect.suspend(() =>
    Effect.forEach(nodes, (node) => print(`${node === present ? "*" : " "} ${node}`), { discard: true })
  )

  const goTo = (name: string) =>
    Effect.gen(function*() {
      const matches = nodes.includes(name) ? [name] : nodes.filter((node) => node.startsWith(name))
      if (matches.length > 1) return yield* new UsageError({ problem: `${name} may be ${matches.join(", ")}` })
      const [only = name] = matches
      yield* reach(session, only)
      present = only
    })

  /** The words of a command as the command line has it. */
  const asCommand = (name: string, words: ReadonlyArray<string>): ReadonlyArray<string> => {
    if (name === "get") return ["db", "get", ...words]
    if (name === "set" || name === "del") return ["db", name, "--node", present, ...words]
    return ofPresentNode.has(name) && words.length === 0 ? [name, present] : [name, ...words]
  }

  const run = (line: string): Effect.Effect<unknown, unknown, R | Network> => {
    const text = line.trim()
    if (text === "") return Effect.void
    if (text === "=") return Effect.andThen(refresh, list)
    if (text.startsWith("=")) return Effect.andThen(refresh, goTo(text.slice(1).trim()))
    const [name = "", ...rest] = split(text)
    const words = rest.map((word, at) => at < (names.get(name) ?? Infinity) ? unquoted(word) : word)
    if (name === "?" || name === "help") {
      return words.length === 0 ? print(help(commands)) : commands.run([...words, "--help"], network)
    }
    if (verbs.includes(name)) return commands.run(asCommand(name, words), network)
    if (elsewhere.has(name)) return Effect.fail(new UsageError({ problem: `${name} is no command of this shell` }))
    const meant = /^\w+$/.test(name) ? didYouMean(name, verbs) : ""
    return meant === ""
      ? talk.evaluate(session, present, text)
      : Effect.fail(new UsageError({ problem: `${name} is no command${meant} (code may stand in brackets)` }))
  }

  const complete = (line: string): [Array<string>, string] => {
    const word = /\S*$/.exec(line)?.[0] ?? ""
    const goes = word.startsWith("=")
    const known = line.trimStart() === word && !goes ? verbs : [...nodes, ...families]
    return [
      known.filter((name) => name.startsWith(goes ? word.slice(1) : word)).map((name) => goes ? `=${name}` : name),
      word
    ]
  }
  return { complete, prompt: () => `${present}> `, refresh, run }
}

/** Words, of which JSON and quoted text may hold spaces. */
const split = (text: string): ReadonlyArray<string> => {
  const words: Array<string> = []
  for (let rest = text.trimStart(); rest !== ""; rest = rest.trimStart()) {
    const end = /^["[{]/.test(rest) ? endOfJson(rest) : rest.search(/\s/)
    words.push(end < 0 ? rest : rest.slice(0, end))
    rest = end < 0 ? "" : rest.slice(end)
  }
  return words
}

/** A name without the quotes that it may stand in, if it has a space. */
const unquoted = (word: string): string => {
  const value = word.startsWith("\"") ? Result.getOrUndefined(parse(word))?.value : undefined
  return typeof value === "string" ? value : word
}

/** The place behind the JSON value that the text begins with, or -1 if it has no end. */
const endOfJson = (text: string): number => {
  let depth = 0
  let isQuoted = false
  for (let at = 0; at < text.length; at++) {
    const letter = text[at]!
    if (isQuoted && letter === "\\") at++
    else if (letter === "\"") isQuoted = !isQuoted
    else if (!isQuoted && "[{".includes(letter)) depth++
    else if (!isQuoted && "]}".includes(letter)) depth--
    if (depth === 0 && !isQuoted) return at + 1
  }
  return -1
}

/** The newest line first. */
const history = (): Array<string> => {
  if (historyFile === undefined) return []
  try {
    const lines = fs.readFileSync(historyFile, "utf8").split("\n").filter((line) => line !== "")
    const kept = lines.slice(-historySize)
    // Written anew only now and then.
    if (lines.length > 2 * historySize) fs.writeFileSync(historyFile, `${kept.join("\n")}\n`, { mode: 0o600 })
    return kept.toReversed()
  } catch {
    return []
  }
}

const remember = (line: string): void => {
  if (historyFile === undefined) return
  try {
    fs.appendFileSync(historyFile, `${line}\n`, { mode: 0o600 })
  } catch {
    // A shell without a history is a shell.
  }
}

/** Shows the prompt, where somebody can see it, and waits for a line or the end. */
const nextLine = (terminal: Interface, prompt: string | undefined): Effect.Effect<string | undefined> =>
  Effect.callback((resume) => {
    const stop = (): void => void terminal.off("line", line).off("close", close)
    const answer = (text: string | undefined): void => {
      stop()
      resume(Effect.succeed(text))
    }
    const line = (text: string): void => answer(text)
    const close = (): void => answer(undefined)
    terminal.on("line", line).on("close", close)
    if (prompt !== undefined) {
      terminal.setPrompt(prompt)
      terminal.prompt()
    }
    return Effect.sync(stop)
  })

/**
 * Reads lines until the end of standard input. What a line does wrong is told, and the shell goes on; a script has failed then.
 */
export const shell = <R>(session: Session, node: string | undefined, commands: Commands<R>) =>
  Effect.gen(function*() {
    const network = yield* Effect.context<Network>()
    const { master } = yield* Global.Global
    const start = node ?? master ?? ""
    yield* reach(session, start)
    const { complete, prompt, refresh, run } = makeShell(session, start, commands, network)
    yield* refresh
    const isTerminal = process.stdin.isTTY === true
    const lines: Array<string> = []
    let isClosed = false
    let running: Fiber.Fiber<unknown, unknown> | undefined
    const terminal = yield* Effect.acquireRelease(
      Effect.sync(() =>
        createInterface({
          input: process.stdin,
          output: process.stdout,
          terminal: isTerminal,
          completer: complete,
          history: history(),
          historySize
        })
      ),
      (opened) => Effect.sync(() => opened.close())
    )
    // Lines that come faster than they are done wait. Ctrl-C ends what runs, or takes back what is typed, or ends the shell.
    terminal.on("line", (line) => lines.push(line)).on("close", () => {
      isClosed = true
    }).on("SIGINT", () => {
      if (running !== undefined) running.interruptUnsafe()
      else if (terminal.line !== "") terminal.write(null, { ctrl: true, name: "u" })
      else terminal.close()
    })
    const next = Effect.suspend(() => {
      if (lines.length > 0) return Effect.sync(() => lines.shift())
      if (isClosed) return Effect.succeed(undefined)
      return Effect.map(nextLine(terminal, isTerminal ? prompt() : undefined), (line) => {
        lines.shift()
        return line
      })
    })
    let [done, wrong] = [0, 0]
    let line: string | undefined
    for (line = yield* next; line !== undefined && !/^\s*(?:quit|exit)\s*$/.test(line); line = yield* next) {
      if (line.trim() === "") continue
      remember(line)
      const before = lines.length
      running = yield* Effect.forkChild(run(line))
      const exit = yield* Fiber.await(running)
      running = undefined
      // What was typed while a command heard the keys itself was for that.
      if (isTerminal && /^\s*top\b/.test(line)) {
        lines.length = Math.min(before, lines.length)
        if (terminal.line !== "") terminal.write(null, { ctrl: true, name: "u" })
      }
      done++
      if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) {
        wrong++
        // What is wrong with the words of a command has been told.
        if (Runtime.getErrorReported(Cause.squash(exit.cause))) yield* Console.error(messageOf(exit.cause))
      }
    }
    // The next prompt of the terminal's own shell is not to stand behind ours.
    if (isTerminal && line === undefined) yield* Console.log("")
    if (!isTerminal && wrong > 0) return yield* failed(`${wrong} of ${done} lines failed`)
  })

const messageOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return printable(error instanceof Error ? error.message : String(error))
}
