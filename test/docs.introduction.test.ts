/**
 * Reads the introduction as a reader does who types all that is there. A fence names what it is:
 *
 * - `ts NAME` is a program, which the reader saves under this name, and which stands in `examples/`;
 * - `console TERMINAL` is what is seen in one of the reader's terminals. Lines with `$ ` are typed there, those with `> ` are typed into the
 *   program that runs, and `^C` is what it says. All else is shown, line by line: `…` stands for some text, and a line of its own for any
 *   lines. In a command it is what it has been in the output above. What is typed in the terminal `configuration` holds for later pages.
 *
 * What has no name is a program that `docs.test.ts` runs.
 */
import { assert, describe, it } from "@effect/vitest"
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Host, onHosts } from "./chaos/namespaces.ts"
import { makeFolderInside } from "./folders.ts"
import { fencesOf, read } from "./pages.ts"
import { emp, type Process, root, start } from "./processes.ts"

interface Fence {
  readonly kind: "program" | "terminal"
  readonly name: string
  readonly lines: ReadonlyArray<string>
}

const pages = readdirSync(join(root, "docs/introduction")).filter((name) => /^\d/.test(name)).toSorted()

const fences = new Map(pages.map((page) => [
  page,
  fencesOf(read(`docs/introduction/${page}`)).flatMap(({ code, what }): Array<Fence> => {
    if (what === "ts") return []
    const [, kind = "", name = ""] = /^(ts|console) (\S+)$/.exec(what) ?? []
    assert.notStrictEqual(kind, "", `${page} has a fence that nobody runs: ${what}`)
    return [{ kind: kind === "ts" ? "program" : "terminal", name, lines: code.split("\n").slice(0, -1) }]
  })
]))

/** What stays until it is interrupted. All else has said all that it says when it has ended. */
const staysOn = (command: string): boolean => /\bemp (run|web)\b/.test(command)

/** What the lines may look like on a terminal, each to its end. */
const patternOf = (lines: ReadonlyArray<string>): string =>
  lines.map((line) =>
    line === "…"
      ? "(?:.*\\r?\\n)*?"
      : `${line.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&").replaceAll("…", "(.*?)")}\\r?\\n`
  ).join("")

/** A terminal at which one command after the other is given. */
class Terminal {
  private program: Process | undefined
  private command = ""
  /** How many characters of what the program shows have been read. */
  private read = 0
  /** What the first `…` of the last output was. */
  private seen = ""
  /** Whether the text leaves out what else the program shows. */
  private leavesOut = false
  private readonly run: (command: string) => Process

  constructor(run: (command: string) => Process) {
    this.run = run
  }
  async play(lines: ReadonlyArray<string>): Promise<void> {
    let shown: Array<string> = []
    for (const line of lines) {
      const [, typed = ""] = /^(\$ |> |\^C$)/.exec(line) ?? []
      if (typed === "") shown.push(line)
      else {
        await this.shows(shown)
        shown = []
        if (typed === "$ ") await this.types(line.slice(2))
        else if (typed === "> ") await this.says(`${line.slice(2)}\n`, patternOf([line.slice(2)]))
        else await this.says("\u0003", "\\^C")
      }
    }
    await this.shows(shown)
    if (!staysOn(this.command)) await this.ends()
  }
  /** Interrupts what still runs, so that nothing is left when the terminal is gone. */
  async leave(): Promise<void> {
    if (this.program?.child.exitCode === null) this.program.child.stdin!.write("\u0003")
    await this.program?.exits()
  }
  private async types(command: string): Promise<void> {
    await this.ends()
    this.command = command.replace("…", this.seen)
    this.program = this.run(this.command)
    this.read = 0
    this.leavesOut = false
  }
  /** Gives the program some characters, which the terminal shows. */
  private async says(characters: string, echo: string): Promise<void> {
    this.running.child.stdin!.write(characters)
    await this.sees(patternOf(this.leavesOut ? ["…"] : []) + echo)
    this.leavesOut = false
  }
  private async shows(lines: ReadonlyArray<string>): Promise<void> {
    if (lines.length === 0) return
    await this.sees(patternOf(this.leavesOut ? ["…", ...lines] : lines))
    this.leavesOut = lines.at(-1) === "…"
  }
  private async sees(pattern: string): Promise<void> {
    const [all, first] = await this.running.sees(new RegExp(`^[^]{${this.read}}${pattern}`))
    this.read = all.length
    this.seen = first ?? this.seen
  }
  /** Waits for the end of the program, which has nothing more to say than the text has. */
  private async ends(): Promise<void> {
    if (this.program === undefined) return
    const { stdout } = await this.program.exits()
    if (!this.leavesOut) {
      assert.strictEqual(stdout.slice(this.read), "", `what "${this.command}" shows and the text does not`)
    }
  }
  private get running(): Process {
    assert.isDefined(this.program, "something is shown where nothing was typed")
    return this.program
  }
}

/** A reader at the terminals of a host. Nothing runs there but what is typed. */
const sitDown = (host: Host) => {
  const home = makeFolderInside()
  mkdirSync(join(home, ".bin"))
  symlinkSync(emp, join(home, ".bin/emp"))
  symlinkSync(process.execPath, join(home, ".bin/node"))
  const env = {
    HOME: home,
    PATH: `${join(home, ".bin")}:${process.env["PATH"]}`,
    EFFECT_MP_RC: undefined,
    EMP_SECRET: undefined,
    // What is shown stays as it is: nobody draws over it.
    CI: "true",
    npm_config_progress: "false"
  }
  // The program has a terminal, and ends with it. What is added to the line is a name for the shell.
  const line = `exec script -qec 'exec setpriv --pdeathsig KILL bash -c "$COMMAND"' /dev/null`
  const run = (command: string): Process =>
    start([], { ...env, COMMAND: command }, [...host.run, "env", `--chdir=${home}`, "bash", "-c", line])
  const terminals = new Map<string, Terminal>()
  return {
    async reads({ kind, lines, name }: Fence): Promise<void> {
      if (kind === "program") writeFileSync(join(home, name), `${lines.join("\n")}\n`)
      if (kind !== "terminal") return
      const terminal = terminals.get(name) ?? new Terminal(run)
      terminals.set(name, terminal)
      await terminal.play(lines)
    },
    leaves: () => Promise.all(Array.from(terminals.values(), (terminal) => terminal.leave()))
  }
}

describe("the introduction", () => {
  it.each(Array.from(fences))("shows programs as they stand in examples/: %s", (_, all) => {
    for (const { lines, name } of all.filter(({ kind }) => kind === "program")) {
      assert.strictEqual(`${lines.join("\n")}\n`, read(`examples/${name}`), name)
    }
  })

  for (const [page, all] of fences) {
    onHosts(`says what happens: ${page}`, { lan: ["ruth"] }, async ({ ruth }) => {
      const reader = sitDown(ruth)
      const before = pages.slice(0, pages.indexOf(page)).flatMap((earlier) => fences.get(earlier) ?? [])
      const assumed = before.filter(({ kind, name }) => kind === "program" || name === "configuration")
      try {
        for (const fence of [...assumed, ...all]) await reader.reads(fence)
      } finally {
        await reader.leaves()
      }
    })
  }
})
