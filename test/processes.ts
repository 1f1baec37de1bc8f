/**
 * Real processes for tests: started here, read line by line, and ended by pid when the test is over.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

export const root = fileURLToPath(new URL("..", import.meta.url))
export const emp = fileURLToPath(new URL("../dist/main.js", import.meta.url))

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
  private changed: Array<() => void> = []

  constructor(args: ReadonlyArray<string>, env: Record<string, string | undefined> = {}) {
    this.child = spawn(process.execPath, args, { cwd: root, env: { ...process.env, NO_COLOR: "1", ...env } })
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
  /** Waits until the pattern shows on either stream. */
  async sees(pattern: RegExp, seconds = 10): Promise<RegExpExecArray> {
    const found = () => pattern.exec(this.stdout) ?? pattern.exec(this.stderr)
    return await new Promise((resolve, reject) => {
      const deadline = setTimeout(() => {
        reject(new Error(`${pattern} did not show.\nstdout: ${this.stdout}\nstderr: ${this.stderr}`))
      }, seconds * 1000)
      const look = (): void => {
        const match = found()
        if (match === null) return
        clearTimeout(deadline)
        resolve(match)
      }
      this.changed.push(look)
      look()
    })
  }
  async end(signal: NodeJS.Signals): Promise<Ended> {
    this.child.kill(signal)
    return await this.ended
  }
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill("SIGKILL")
    await this.ended
  }
}

/** `emp` with arguments; the secret is the same for all nodes of the tests. */
export const startEmp = (args: ReadonlyArray<string>, env: Record<string, string | undefined> = {}): Process =>
  new Process([emp, ...args], { EMP_SECRET: "swordfish", ...env })

/** Starts a node and waits until it is ready. Answers its first address. */
export const startNode = async (nodeId: string, args: ReadonlyArray<string> = []) => {
  const node = startEmp(["run", "--node-id", nodeId, "--bind", "127.0.0.1:*", ...args])
  const [, address = ""] = await node.sees(/is ready, listening on (\S+)/)
  return { node, address }
}

/** Whether a process still runs. */
export const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
