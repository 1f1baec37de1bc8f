/**
 * Real processes for tests: started here, read line by line, and ended by pid when the test is over.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { devNull } from "node:os"
import { fileURLToPath } from "node:url"
import { onTestFinished } from "vitest"
import { patienceMillis } from "./patience.ts"

export { freePort } from "./freePort.ts"

export const root = fileURLToPath(new URL("..", import.meta.url))
/** As built: what services import as `effect-mp` is the same code then. */
export const emp = fileURLToPath(new URL("../dist/emp.cjs", import.meta.url))

const patience = patienceMillis / 1000

/** Commands have more time than people would give them. */
const patient = { EMP_TIMEOUT: "60" } as const

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export class Process {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  stdout = ""
  stderr = ""
  private readonly changed = new Set<() => void>()

  /** `through` is a command that runs another one. */
  constructor(
    args: ReadonlyArray<string>,
    env: Record<string, string | undefined> = {},
    through: ReadonlyArray<string> = []
  ) {
    const [command, ...rest] = [...through, process.execPath, ...args]
    this.child = spawn(command!, rest, { cwd: root, env: { ...process.env, NO_COLOR: "1", ...patient, ...env } })
    this.child.stdout!.on("data", (chunk: Buffer) => this.add("stdout", chunk))
    this.child.stderr!.on("data", (chunk: Buffer) => this.add("stderr", chunk))
    this.ended = new Promise((resolve) =>
      this.child.on("close", (code) => resolve({ code, stdout: this.stdout, stderr: this.stderr }))
    )
  }
  get pid(): number {
    return this.child.pid!
  }
  private add(stream: "stdout" | "stderr", chunk: Buffer): void {
    this[stream] += chunk.toString()
    for (const look of this.changed) look()
  }
  /** Waits until the pattern shows on either stream. Fails when the process ends without it. */
  async sees(pattern: RegExp, seconds = patience): Promise<RegExpExecArray> {
    let look = (): void => {}
    const shown = new Promise<RegExpExecArray>((resolve) => {
      look = () => {
        const match = pattern.exec(this.stdout) ?? pattern.exec(this.stderr)
        if (match !== null) resolve(match)
      }
      this.changed.add(look)
      look()
    })
    const failed = this.ended.then((): never => {
      throw new Error(`ended without ${pattern}${this.output}`)
    })
    return await this.within(seconds, `${pattern} did not show`, Promise.race([shown, failed]))
      .finally(() => this.changed.delete(look))
  }
  /** Waits for the end. */
  async exits(seconds = patience): Promise<Ended> {
    return await this.within(seconds, "did not end", this.ended)
  }
  async end(signal: NodeJS.Signals): Promise<Ended> {
    this.child.kill(signal)
    return await this.exits()
  }
  private async within<A>(seconds: number, otherwise: string, promise: Promise<A>): Promise<A> {
    let timer: NodeJS.Timeout | undefined
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${otherwise} within ${seconds} s${this.output}`)), seconds * 1000)
    })
    return await Promise.race([promise, deadline]).finally(() => clearTimeout(timer))
  }
  private get output(): string {
    return `\nstdout: ${this.stdout}\nstderr: ${this.stderr}`
  }
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill("SIGKILL")
    await this.ended
  }
}

/** A process that ends with the test, however that ends. */
export const start = (
  args: ReadonlyArray<string>,
  env: Record<string, string | undefined> = {},
  through: ReadonlyArray<string> = []
): Process => {
  const started = new Process(args, env, through)
  onTestFinished(() => started[Symbol.asyncDispose]())
  return started
}

/** The secret is the same for all nodes of the tests, and nobody's own configuration counts. */
export const empEnv = { EMP_SECRET: "swordfish", EFFECT_MP_RC: devNull, ...patient } as const

/** `emp` with arguments. Where only what it prints is of interest, and how it ends, `empHere` takes less time. */
export const startEmp = (args: ReadonlyArray<string>, env: Record<string, string | undefined> = {}): Process =>
  start([emp, ...args], { ...empEnv, ...env })

/** `emp run` on a free port of this machine, in this very process: signals are for the node. */
export const startRun = (args: ReadonlyArray<string>, env: Record<string, string | undefined> = {}): Process =>
  startEmp(["run", "--no-watchdog", "--bind", "127.0.0.1:*", ...args], env)

/** Starts a node and waits until it is ready, or says what it lacks yet. Answers its address. */
export const startNode = async (
  nodeId: string,
  args: ReadonlyArray<string> = [],
  env: Record<string, string | undefined> = {}
) => {
  const node = startRun(["--node-id", nodeId, ...args], env)
  const [, address = ""] = await node.sees(/(?:is ready|has started), listening on ([^\s,]+)/)
  return { node, address }
}

/** Waits until a condition holds; fails, naming it, when that takes too long. */
export const eventually = async (what: string, condition: () => boolean | Promise<boolean>): Promise<void> => {
  const end = performance.now() + patienceMillis
  while (!await condition()) {
    if (performance.now() > end) throw new Error(`waited in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Whether a process still runs. */
export const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
