/** The processes of the bench: each side of each run has its own, and none is left behind. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { createInterface } from "node:readline"
import type { Partner, Program, Side, Workload } from "./workload.ts"

const running = new Set<ChildProcess>()
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")))
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(130))

/** Whether a command is there. */
export const isInstalled = (command: string, ...args: ReadonlyArray<string>): boolean =>
  spawnSync(command, args, { stdio: "ignore" }).error === undefined

const canPin = isInstalled("taskset", "--version")

/** A process that ends with the scope of its name, when its standard input ends, and when the bench does. */
export class Child implements AsyncDisposable {
  readonly pid: number
  private readonly child: ChildProcess
  private readonly closed: Promise<void>
  /** The first line that it prints, in words. */
  readonly words: Promise<ReadonlyArray<string>>

  constructor({ args, command }: Program, isPinned = false) {
    const [first, ...rest] = isPinned && canPin ? ["taskset", "-c", "0", command, ...args] : [command, ...args]
    const child = spawn(first!, rest, { stdio: ["pipe", "pipe", "inherit"] })
    this.child = child
    this.pid = child.pid!
    running.add(child)
    this.closed = new Promise((resolve) =>
      child.once("close", () => {
        running.delete(child)
        resolve()
      })
    )
    this.words = new Promise((resolve, reject) => {
      createInterface(child.stdout).once("line", (line) => resolve(line.split(" ")))
      child.once("error", reject)
      child.once("close", () => reject(new Error(`${command} ${args.join(" ")} ended without an answer`)))
    })
    // Who waits for the words hears of it; a partner that is killed on purpose has said them.
    this.words.catch(() => {})
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL")
    await this.closed
  }
}

const programOf = (
  part: Side["measure"] | NonNullable<Side["partner"]>,
  workload: string,
  side: string,
  partners?: ReadonlyArray<Partner>
): Program => {
  if ("command" in part) {
    return { ...part, args: [...part.args, ...(partners ?? []).flatMap(({ words }) => words)] }
  }
  const args = [new URL("side.ts", import.meta.url).pathname, workload, side]
  return {
    command: process.execPath,
    args: ["--expose-gc", ...args, ...partners === undefined ? [] : [JSON.stringify(partners)]]
  }
}

/** One run of one side, in processes of its own: its figure. */
export const runSide = async ({ isPinned, name, sides }: Workload, sideName: string): Promise<number> => {
  const side = sides[sideName]!
  await using children = new AsyncDisposableStack()
  const partners: Array<Partner> = []
  for (let n = 0; side.partner !== undefined && n < (side.partners ?? 1); n++) {
    const { pid, words } = children.use(new Child(programOf(side.partner, name, sideName), isPinned))
    partners.push({ pid, words: await words })
  }
  const measured = children.use(new Child(programOf(side.measure, name, sideName, partners), isPinned))
  const words = (await measured.words).join(" ")
  const figure = Number(words)
  if (Number.isNaN(figure)) throw new Error(`${name} ${sideName} answered ${words}`)
  return figure
}
